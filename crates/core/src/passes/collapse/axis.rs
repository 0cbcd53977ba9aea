//! Sums over a leading axis, along which a batch has put directions, pulled through the maps that are the same for all of them:
//! Σ_d L(x_d) = L(Σ_d x_d).
//!
//! A Laplacian by a batch of directions is one sum over their axis. From it down, a sum of terms is split; what all directions share of a
//! product is taken out of it; and a linear map that acts on each direction alone acts on the sum instead. What is left to sum over
//! the axis is, in each layer, what is quadratic in first derivatives.
//!
//! What an operation is on one row of the axis it says itself ([`Rule::for_one_row`](crate::ops::Rule::for_one_row),
//! [`Rule::every_row`](crate::ops::Rule::every_row)).

use super::terms::{Reader, Term, added, is_linear_in, node_of};
use crate::ir::{Builder, Extent, Graph, Node, Origin, Type, Value};
use crate::ops::{Calculus, Kernel, RowUse};
use std::collections::HashMap;

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Item {
    /// A value of the graph before.
    Value(Value),
    /// The sum of its rows.
    Total(Value),
}

/// How.
#[derive(Clone, Debug)]
enum Plan {
    /// It is there.
    Input,
    /// By the same node, of what its operands have become.
    Node(usize),
    /// The total of a value, summed over these axes besides.
    Sum { of: Value, rest: Vec<usize> },
    /// By adding up the rows.
    Leaf,
    /// By what its rows have in common.
    Way(Way),
}

/// How the rows of a value need not be added up.
#[derive(Clone, Debug)]
enum Way {
    /// It is a sum of terms, of some of which all rows share factors.
    Terms(Vec<Part>),
    /// Node `node` acts on each row of `operand`, alike.
    Row { node: usize, operand: usize },
    /// The same where a product takes the rows of all rows as one list: between two reshapes, these nodes act on the rows of `from`.
    List { nodes: Vec<(usize, usize)>, from: Value },
}

/// A term of a sum: `times` the product of factors that every row has and factors of its own.
#[derive(Clone, Debug)]
struct Part {
    times: i64,
    by: Option<usize>,
    shared: Vec<Value>,
    own: Vec<Value>,
}

/// How many maps that only move elements may stand before a way that is worth it.
const MOVES_MAX: usize = 32;

/// Forms of `roots` in which such sums are pulled through; a root without any is itself.
pub(super) fn pulled(b: &mut Builder, roots: &[Value]) -> Vec<Value> {
    let reader = Reader::new(b.graph(), roots);
    let mut sweep = Sweep { b, reader, plans: HashMap::new(), made: HashMap::new() };
    roots.iter().map(|&root| sweep.make(Item::Value(root))).collect()
}

struct Sweep<'b> {
    b: &'b mut Builder,
    reader: Reader,
    plans: HashMap<Item, Plan>,
    made: HashMap<Item, Value>,
}

impl Sweep<'_> {
    /// Makes `item` after what it is made of; without recursion, for graphs of any depth.
    fn make(&mut self, item: Item) -> Value {
        let mut stack = vec![item];
        while let Some(&top) = stack.last() {
            if self.made.contains_key(&top) {
                stack.pop();
                continue;
            }
            let plan = match self.plans.remove(&top) {
                Some(plan) => plan,
                None => self.plan(top),
            };
            let waiting = stack.len();
            stack.extend(self.needs(top, &plan).into_iter().filter(|need| !self.made.contains_key(need)));
            if stack.len() > waiting {
                self.plans.insert(top, plan);
            } else {
                self.carry_out(top, plan);
            }
        }
        self.made[&item]
    }

    fn plan(&mut self, item: Item) -> Plan {
        match item {
            Item::Total(value) => self.way(value).map_or(Plan::Leaf, Plan::Way),
            Item::Value(value) => match self.b.graph().origin(value) {
                Origin::Input(_) => Plan::Input,
                Origin::Node { node, .. } => self.sum(node).unwrap_or(Plan::Node(node)),
            },
        }
    }

    /// The plan of a node that sums over a leading axis of a value, if that can be pulled further.
    fn sum(&mut self, at: usize) -> Option<Plan> {
        let node = &self.b.graph().nodes()[at];
        let Calculus::Linear(rule) = node.op.calculus() else { return None };
        let of = *node.operands.first()?;
        let ty = self.b.ty(of);
        let (&first, rest) =
            rule.summed_axes(ty)?.split_first().map(|(first, rest)| (first, rest.to_vec()))?;
        if first > 0 || !ty.dtype.is_float() || matches!(ty.shape[0], Extent::Static(0 | 1)) {
            return None;
        }
        self.way(of)?;
        Some(Plan::Sum { of, rest: rest.iter().map(|axis| axis - 1).collect() })
    }

    /// How to have the sum of the rows of `value`, which vanishes, from smaller ones.
    fn way(&mut self, value: Value) -> Option<Way> {
        let mut value = value;
        let mut first = None;
        // A map that only moves elements is worth it where there is a way behind it.
        for _ in 0..MOVES_MAX {
            if !self.reader.vanishes(self.b.graph(), value) {
                return None;
            }
            if let Some(parts) = self.parts(value) {
                return first.or(Some(Way::Terms(parts)));
            }
            let way = self.row(value).or_else(|| self.list(value))?;
            let graph = self.b.graph();
            let next = match &way {
                Way::Row { node, operand } if !is_bilinear(&graph.nodes()[*node]) => {
                    graph.nodes()[*node].operands[*operand]
                }
                _ => return first.or(Some(way)),
            };
            value = next;
            first = first.or(Some(way));
        }
        None
    }

    /// The terms of `value`, if rows share a factor of one, or one can be had otherwise.
    fn parts(&mut self, value: Value) -> Option<Vec<Part>> {
        let whole = Term { times: 1, factors: vec![value], by: None };
        let (terms, _) = self.reader.open(self.b.graph(), vec![whole.clone()]);
        if terms == [whole] {
            return None;
        }
        let graph = self.b.graph();
        let part = |Term { times, factors, by }: Term| {
            let (shared, own): (Vec<Value>, Vec<Value>) =
                factors.iter().partition(|&&factor| is_repeated(graph, factor));
            match own.is_empty() {
                true => Part { times, by, shared: vec![], own: factors },
                false => Part { times, by, shared, own },
            }
        };
        let parts: Vec<Part> = terms.into_iter().map(part).collect();
        let gains = |part: &Part| {
            let [own] = part.own[..] else { return !part.shared.is_empty() };
            !part.shared.is_empty() || self.row(own).or_else(|| self.list(own)).is_some()
        };
        parts.iter().any(gains).then_some(parts)
    }

    /// As the result of a linear operation on each row of one operand.
    fn row(&self, value: Value) -> Option<Way> {
        let graph = self.b.graph();
        let (at, node) = self.reader.vanishing(graph, value)?;
        let (types, y) = signature(graph, node);
        let rows = node.op.rows(&types, y).filter(|rows| !rows.reduced)?;
        let operand = (0..types.len()).find(|&i| {
            let is_shared = |(k, &x): (usize, &Value)| {
                k == i || rows.operands[k] != RowUse::Pointwise || is_known_row(graph, x)
            };
            is_linear_in(node, i)
                && rows.operands[i] == RowUse::Pointwise
                && graph.ty(node.operands[i]).dtype == y.dtype
                && node.operands.iter().enumerate().all(is_shared)
        })?;
        node.op.for_one_row(&types, y)?;
        Some(Way::Row { node: at, operand })
    }

    /// As products of all rows' rows, between two reshapes.
    fn list(&self, value: Value) -> Option<Way> {
        let graph = self.b.graph();
        let lead = graph.ty(value).static_shape()?.first().copied()?;
        let (_, outer) = self.reader.vanishing(graph, value).filter(|(_, node)| is_reshape(node))?;
        let mut nodes = Vec::new();
        let mut value = outer.operands[0];
        loop {
            let (at, node) = self.reader.vanishing(graph, value)?;
            if is_reshape(node) {
                let from = node.operands[0];
                let is_split = graph.ty(from).static_shape()?.first() == Some(&lead) && !nodes.is_empty();
                return is_split.then_some(Way::List { nodes, from });
            }
            let (types, y) = signature(graph, node);
            let rows = node.op.rows(&types, y).filter(|rows| !rows.reduced)?;
            let moving: Vec<usize> =
                (0..types.len()).filter(|&i| rows.operands[i] == RowUse::Pointwise).collect();
            let &[operand] = &moving[..] else { return None };
            if !is_bilinear(node) || types[operand].static_shape()?[0] % lead != 0 {
                return None;
            }
            nodes.push((at, operand));
            value = node.operands[operand];
        }
    }

    /// What must be there before `plan` is carried out.
    fn needs(&self, item: Item, plan: &Plan) -> Vec<Item> {
        let graph = self.b.graph();
        let operands = |node: usize| graph.nodes()[node].operands.iter().copied();
        match (plan, item) {
            (Plan::Input, _) => vec![],
            (Plan::Node(node), _) => operands(*node).map(Item::Value).collect(),
            (Plan::Sum { of, .. }, _) => vec![Item::Total(*of)],
            (Plan::Leaf, Item::Total(value) | Item::Value(value)) => vec![Item::Value(value)],
            (Plan::Way(Way::Terms(parts)), _) => parts
                .iter()
                .flat_map(|part| {
                    let own = part.own.iter().map(|&x| match part.own.len() {
                        1 => Item::Total(x),
                        _ => Item::Value(x),
                    });
                    own.chain(part.shared.iter().flat_map(|&x| repeated(graph, x)).map(Item::Value))
                })
                .collect(),
            (Plan::Way(Way::Row { node, operand }), _) => {
                let of_rows = by_rows(graph, &graph.nodes()[*node]);
                let need = |(i, x): (usize, Value)| match of_rows[i] {
                    true if i == *operand => Item::Total(x),
                    true => Item::Value(repeated(graph, x).expect("`row` asked for it")),
                    false => Item::Value(x),
                };
                operands(*node).enumerate().map(need).collect()
            }
            (Plan::Way(Way::List { nodes, from }), _) => {
                let others = nodes.iter().flat_map(|&(node, operand)| {
                    let others = operands(node).enumerate().filter(move |(i, _)| *i != operand);
                    others.map(|(_, x)| Item::Value(x))
                });
                others.chain([Item::Total(*from)]).collect()
            }
        }
    }

    fn carry_out(&mut self, item: Item, plan: Plan) {
        let (Item::Value(value) | Item::Total(value)) = item;
        let made = match plan {
            Plan::Input => value,
            Plan::Node(node) => return self.renew(node),
            Plan::Sum { of, rest } => {
                let total = self.made[&Item::Total(of)];
                self.b.sum(total, &rest)
            }
            Plan::Leaf => self.b.sum(self.made[&Item::Value(value)], &[0]),
            Plan::Way(Way::Terms(parts)) => self.total_of_terms(parts),
            Plan::Way(Way::Row { node, operand }) => self.total_of_row(node, operand),
            Plan::Way(Way::List { nodes, from }) => self.total_of_list(value, nodes, from),
        };
        self.made.insert(item, made);
    }

    /// Node `node` of what its operands have become.
    fn renew(&mut self, node: usize) {
        let node = self.b.graph().nodes()[node].clone();
        let operands: Vec<Value> = node.operands.iter().map(|&x| self.made[&Item::Value(x)]).collect();
        for (before, after) in node.results.iter().zip(super::renewed(self.b, &node, &operands)) {
            self.made.insert(Item::Value(*before), after);
        }
    }

    fn total_of_terms(&mut self, mut parts: Vec<Part>) -> Value {
        // Begun with what is added, a sum needs no negation.
        parts.sort_by_key(|part| part.times < 0);
        let mut total = None;
        for Part { times, by, shared, own } in parts {
            let op = by.map(|by| self.b.graph().nodes()[by].op.clone());
            let mut value = match own[..] {
                [own] => self.made[&Item::Total(own)],
                _ => {
                    let op = op.clone().expect("a product has an operation");
                    let own = own.iter().map(|&x| self.made[&Item::Value(x)]).collect::<Vec<_>>();
                    let product = own.into_iter().reduce(|x, y| self.b.apply(op.clone(), &[x, y]));
                    self.b.sum(product.expect("a product has factors"), &[0])
                }
            };
            for factor in shared {
                let row = self.every_row(factor, Some(value));
                value = self.b.apply(op.clone().expect("a product has an operation"), &[row, value]);
            }
            total = Some(added(self.b, total, times, value));
        }
        total.expect("a sum has terms")
    }

    fn total_of_row(&mut self, node: usize, operand: usize) -> Value {
        let node = self.b.graph().nodes()[node].clone();
        let (types, y) = signature(self.b.graph(), &node);
        let op = node.op.for_one_row(&types, y).expect("`row` asked for it");
        let of_rows = by_rows(self.b.graph(), &node);
        let mut operands = Vec::new();
        for (i, &x) in node.operands.iter().enumerate() {
            operands.push(match of_rows[i] {
                true if i == operand => self.made[&Item::Total(x)],
                true => self.every_row(x, None),
                false => self.made[&Item::Value(x)],
            });
        }
        self.b.at(node.location).apply(op, &operands)
    }

    fn total_of_list(&mut self, value: Value, nodes: Vec<(usize, usize)>, from: Value) -> Value {
        let total = self.made[&Item::Total(from)];
        let lead = self.b.ty(from).static_shape().expect("`list` asked for it")[0];
        let mut result = total;
        for &(at, operand) in nodes.iter().rev() {
            let node = self.b.graph().nodes()[at].clone();
            let mut shape = self.b.ty(node.operands[operand]).static_shape().expect("`list` asked for it");
            shape[0] /= lead;
            let rows = self.b.reshape(result, &shape.iter().map(|&n| n as i64).collect::<Vec<_>>());
            let op = node.op.for_rows(shape[0]).unwrap_or(node.op);
            let made = |(i, &x)| if i == operand { rows } else { self.made[&Item::Value(x)] };
            let operands: Vec<Value> = node.operands.iter().enumerate().map(made).collect();
            result = self.b.at(node.location).apply(op, &operands);
        }
        let shape = self.b.ty(value).static_shape().expect("`list` asked for it");
        self.b.reshape(result, &shape[1..].iter().map(|&n| n as i64).collect::<Vec<_>>())
    }

    /// What every row of `value` is, of the shape of `like` where the graph does not know it.
    fn every_row(&mut self, value: Value, like: Option<Value>) -> Value {
        let node = self.b.graph().node_of(value).expect("`is_repeated` found it").clone();
        let x = self.made[&Item::Value(node.operands[0])];
        let dims = node.op.every_row(self.b.ty(x)).expect("`is_repeated` found it");
        let ty = self.b.ty(value);
        if self.b.ty(x).shape == ty.shape[1..] {
            return x;
        }
        match (ty.static_shape(), like) {
            (Some(shape), _) => self.b.broadcast(x, &dims, &shape[1..]),
            (None, like) => self.b.broadcast_like(x, &dims, like.expect("`row` asked for it")),
        }
    }
}

/// What node `node` takes and gives.
fn signature<'g>(graph: &'g Graph, node: &Node) -> (Vec<&'g Type>, &'g Type) {
    (node.operands.iter().map(|&x| graph.ty(x)).collect(), graph.ty(node.results[0]))
}

/// For each operand of a node that acts on rows, whether it has them.
fn by_rows(graph: &Graph, node: &Node) -> Vec<bool> {
    let (types, y) = signature(graph, node);
    let rows = node.op.rows(&types, y).expect("`row` asked for it");
    rows.operands.iter().map(|&usage| usage == RowUse::Pointwise).collect()
}

fn is_bilinear(node: &Node) -> bool {
    matches!(node.op.calculus(), Calculus::Bilinear(_))
}

fn is_reshape(node: &Node) -> bool {
    is_linear_in(node, 0) && matches!(node.op.kernel(), Kernel::Reshape)
}

/// Whether all rows of `value` are alike.
fn is_repeated(graph: &Graph, value: Value) -> bool {
    repeated(graph, value).is_some()
}

/// What the rows of `value` repeat, if they are alike.
fn repeated(graph: &Graph, value: Value) -> Option<Value> {
    let (_, node) = node_of(graph, value)?;
    let x = *node.operands.first()?;
    node.op.every_row(graph.ty(x)).map(|_| x)
}

/// The same where the shape of a row is known.
fn is_known_row(graph: &Graph, value: Value) -> bool {
    let row = &graph.ty(value).shape[1..];
    let is_static = row.iter().all(|extent| extent.known().is_some());
    repeated(graph, value).is_some_and(|x| is_static || graph.ty(x).shape == row)
}
