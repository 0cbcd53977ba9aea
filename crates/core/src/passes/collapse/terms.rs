//! Values read as sums of terms, and terms as linear maps.

use crate::ir::builder::key;
use crate::ir::{Builder, Graph, Node, Origin, Type, Value};
use crate::ops::{Calculus, Op, Slope};
use std::collections::HashMap;

/// `times` the product of `factors`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    pub times: i64,
    /// One or more, in order.
    pub factors: Vec<Value>,
    /// The node whose operation multiplies several.
    pub by: Option<usize>,
}

/// A linear map of one argument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Map {
    /// Node `node` as a function of operand `operand`.
    Node { node: usize, operand: usize },
    /// The product by `factor`, with the operation of node `by`.
    Factor { factor: Value, by: usize },
}

impl Term {
    fn of(times: i64, value: Value) -> Term {
        Term { times, factors: vec![value], by: None }
    }
}

/// One way to see a term as a map of an argument.
pub(super) struct View {
    /// Equal for equal maps of arguments of one type.
    pub key: String,
    pub map: Map,
    /// What is mapped.
    pub argument: Term,
}

/// Reads the part of a graph that some roots need.
pub(super) struct Reader {
    /// How many nodes, and roots, use each value.
    users: Vec<u32>,
    /// By operation and dtype: the signs with which it adds its operands, if that is what it does.
    signs: HashMap<String, Option<Vec<i64>>>,
}

impl Reader {
    pub fn new(graph: &Graph, roots: &[Value]) -> Reader {
        let live = graph.reaches(roots);
        let mut users = vec![0; graph.value_count()];
        for root in roots {
            users[root.index()] += 1;
        }
        for node in graph.nodes().iter().filter(|node| node.results.iter().any(|r| live[r.index()])) {
            for (i, operand) in node.operands.iter().enumerate() {
                users[operand.index()] += u32::from(!node.operands[..i].contains(operand));
            }
        }
        Reader { users, signs: HashMap::new() }
    }

    /// The node that makes `value`, if one node alone uses the value: it vanishes with its user.
    pub fn vanishing<'g>(&self, graph: &'g Graph, value: Value) -> Option<(usize, &'g Node)> {
        node_of(graph, value).filter(|_| self.users[value.index()] == 1)
    }

    /// Whether one node alone uses `value`, which one node makes.
    pub fn vanishes(&self, graph: &Graph, value: Value) -> bool {
        self.vanishing(graph, value).is_some()
    }

    /// The signs with which the operation of a node adds its operands, if all that it does is add.
    fn signs(&mut self, graph: &Graph, node: &Node) -> Option<Vec<i64>> {
        let dtype = graph.ty(node.results[0]).dtype;
        let Calculus::Slopes(rule) = node.op.calculus() else { return None };
        if !dtype.is_float() {
            return None;
        }
        let signs = || {
            // Slopes as the operation states them, for any operands.
            let mut b = Builder::new("slopes");
            let x: Vec<Value> = node.operands.iter().map(|_| b.input("", Type::scalar(dtype))).collect();
            let y = b.input("", Type::scalar(dtype));
            let sign = |i| match rule.slope(&mut b, &x, y, i) {
                Slope::One => Some(1),
                Slope::MinusOne => Some(-1),
                Slope::Zero | Slope::Is(_) => None,
            };
            (0..x.len()).map(sign).collect()
        };
        self.signs.entry(format!("{dtype} {}", key(&node.op, &[]))).or_insert_with(signs).clone()
    }

    /// The operands of a node that does nothing but add, each once with how often it is added. What cancels is no sum: ∞ − ∞ is not 0.
    fn summands(&mut self, graph: &Graph, node: &Node) -> Option<Vec<(i64, Value)>> {
        let mut summands: Vec<(i64, Value)> = Vec::new();
        for (sign, &x) in self.signs(graph, node)?.into_iter().zip(&node.operands) {
            match summands.iter_mut().find(|(_, known)| *known == x) {
                Some((times, _)) => *times += sign,
                None => summands.push((sign, x)),
            }
        }
        summands.iter().all(|(times, _)| *times != 0).then_some(summands)
    }

    /// The terms of `value`, if it is a sum; and the sums inside that were opened.
    pub fn sum(&mut self, graph: &Graph, value: Value) -> Option<(Vec<Term>, Vec<Value>)> {
        let (_, node) = node_of(graph, value)?;
        let summands = self.summands(graph, node)?;
        Some(self.open(graph, summands.into_iter().map(|(times, x)| Term::of(times, x)).collect()))
    }

    /// The terms of a sum of `terms`, which are those of what vanishes, and the sums that were opened.
    pub fn open(&mut self, graph: &Graph, terms: Vec<Term>) -> (Vec<Term>, Vec<Value>) {
        let (mut out, mut opened, mut stack) = (Vec::new(), Vec::new(), terms);
        stack.reverse();
        while let Some(term) = stack.pop() {
            let [value] = term.factors[..] else {
                out.push(term);
                continue;
            };
            let Some((at, node)) = self.vanishing(graph, value) else {
                out.push(term);
                continue;
            };
            let summands = self.summands(graph, node).and_then(|summands| times_all(term.times, &summands));
            if let Some(summands) = summands {
                opened.push(value);
                stack.extend(summands.into_iter().rev().map(|(times, x)| Term::of(times, x)));
            } else if is_product(node) {
                out.push(self.product(graph, term.times, at));
            } else {
                out.push(term);
            }
        }
        (merged(graph, out), opened)
    }

    /// `times` the product that node `at` is, with the factors of products that vanish. A square stays one, lest work be done twice.
    fn product(&mut self, graph: &Graph, mut times: i64, at: usize) -> Term {
        let op = key(&graph.nodes()[at].op, &[]);
        let (mut factors, mut stack) = (Vec::new(), Vec::new());
        let mut next = Some(at);
        loop {
            match next.map(|at| &graph.nodes()[at].operands[..]) {
                Some([x, y]) if x != y => stack.extend([*y, *x]),
                Some(square) => factors.extend(square),
                None => {}
            }
            let Some(value) = stack.pop() else { return Term { times, factors, by: Some(at) } };
            let factor;
            (times, factor) = self.multiple(graph, times, value);
            let inner = self.vanishing(graph, factor);
            let inner = inner.filter(|(_, node)| is_product(node) && key(&node.op, &[]) == op);
            next = inner.map(|(at, _)| at);
            if next.is_none() {
                factors.push(factor);
            }
        }
    }

    /// `times` times `value` as an integer and a value: of −x, −1 and x, of x + x, 2 and x.
    fn multiple(&mut self, graph: &Graph, mut times: i64, mut value: Value) -> (i64, Value) {
        while let Some((_, node)) = self.vanishing(graph, value)
            && let Some(summands) = self.summands(graph, node)
            && let Some([(more, x)]) = times_all(times, &summands).as_deref()
        {
            (times, value) = (*more, *x);
        }
        (times, value)
    }

    /// The ways to see `term` as a map.
    pub fn views(&self, graph: &Graph, term: &Term) -> Vec<View> {
        let Some(by) = term.by else {
            let vanishing = self.vanishing(graph, term.factors[0]);
            return vanishing.map_or(vec![], |(at, _)| views_of_node(graph, term.times, at));
        };
        let mut views = Vec::new();
        for (i, &factor) in term.factors.iter().enumerate() {
            if term.factors[..i].contains(&factor) {
                continue;
            }
            let mut factors = term.factors.clone();
            factors.remove(i);
            let argument = Term { times: term.times, by: term.by.filter(|_| factors.len() > 1), factors };
            let key = key(&graph.nodes()[by].op, &[factor]);
            views.push(View { key, map: Map::Factor { factor, by }, argument });
        }
        views
    }
}

/// The node that makes `value` and nothing else.
pub(super) fn node_of(graph: &Graph, value: Value) -> Option<(usize, &Node)> {
    match graph.origin(value) {
        Origin::Node { node, .. } if graph.nodes()[node].results.len() == 1 => {
            Some((node, &graph.nodes()[node]))
        }
        _ => None,
    }
}

/// Whether a node multiplies so that factors may be taken in any order.
fn is_product(node: &Node) -> bool {
    matches!(node.op.calculus(), Calculus::Bilinear(rule) if rule.is_associative() && node.op.is_commutative())
}

/// `times` the result of node `at` as a map of each operand in which it is linear.
///
/// A map that makes its argument smaller, such as a slice, is one together with the map that its argument is: to add what is larger pays where more can be pulled.
fn views_of_node(graph: &Graph, times: i64, at: usize) -> Vec<View> {
    let result = graph.ty(graph.nodes()[at].results[0]);
    let mut views = Vec::new();
    for (key, operand) in maps_of_node(graph, at) {
        let x = graph.nodes()[at].operands[operand];
        let (map, argument) = (Map::Node { node: at, operand }, Term { times, factors: vec![x], by: None });
        if size(graph.ty(x)) <= size(result)
            || matches!(graph.nodes()[at].op.calculus(), Calculus::Bilinear(_))
        {
            views.push(View { key, map, argument });
            continue;
        }
        for (inner, _) in node_of(graph, x).map_or(vec![], |(inner, _)| maps_of_node(graph, inner)) {
            views.push(View { key: format!("{key} of {inner}"), map, argument: argument.clone() });
        }
    }
    views
}

/// The operands in which node `at` is linear alone, each with a key of the map.
fn maps_of_node(graph: &Graph, at: usize) -> Vec<(String, usize)> {
    let node = &graph.nodes()[at];
    let dtype = graph.ty(node.results[0]).dtype;
    let alone = (0..node.operands.len())
        .filter(|&i| is_linear_in(node, i) && graph.ty(node.operands[i]).dtype == dtype);
    alone.map(|i| (map_key(graph, &node.op, &node.operands, i), i)).collect()
}

/// Whether a node is linear in operand `i` alone.
pub(super) fn is_linear_in(node: &Node, i: usize) -> bool {
    match node.op.calculus() {
        Calculus::Bilinear(_) => i < 2,
        Calculus::Linear(rule) => (0..node.operands.len()).all(|k| rule.is_linear_in(k) == (k == i)),
        _ => false,
    }
}

/// `total + times · value`.
pub(super) fn added(b: &mut Builder, total: Option<Value>, times: i64, value: Value) -> Value {
    let value = match times.abs() {
        1 => value,
        2 => b.add(value, value),
        n => {
            let factor = b.full_like(value, n as f64);
            b.mul(factor, value)
        }
    };
    match (total, times < 0) {
        (None, false) => value,
        (None, true) => b.neg(value),
        (Some(total), false) => b.add(total, value),
        (Some(total), true) => b.sub(total, value),
    }
}

fn map_key(graph: &Graph, op: &Op, operands: &[Value], i: usize) -> String {
    let side = if op.is_commutative() { 0 } else { i };
    let others: Vec<Value> = operands.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, &x)| x).collect();
    format!("{side} {} {}", graph.ty(operands[i]), key(op, &others))
}

/// For comparing types: the number of `?`, then the number of elements for each choice of them.
fn size(ty: &Type) -> (usize, usize) {
    let known: Vec<usize> = ty.shape.iter().filter_map(|extent| extent.known()).collect();
    (ty.ndim() - known.len(), known.iter().product())
}

/// `times` times each of `summands`; none where a float would no longer hold the integer.
fn times_all(times: i64, summands: &[(i64, Value)]) -> Option<Vec<(i64, Value)>> {
    const TIMES_MAX: i64 = 1 << 20;
    let product =
        |&(more, x): &(i64, Value)| Some((times.checked_mul(more)?, x)).filter(|(n, _)| n.abs() <= TIMES_MAX);
    summands.iter().map(product).collect()
}

/// Equal terms of one sign as one.
fn merged(graph: &Graph, terms: Vec<Term>) -> Vec<Term> {
    let mut places: HashMap<(bool, Option<String>, Vec<Value>), usize> = HashMap::new();
    let mut out: Vec<Term> = Vec::new();
    for term in terms {
        let mut factors = term.factors.clone();
        factors.sort();
        let op = term.by.map(|by| key(&graph.nodes()[by].op, &[]));
        let place = *places.entry((term.times < 0, op, factors)).or_insert(out.len());
        match out.get_mut(place) {
            Some(known) => known.times += term.times,
            None => out.push(term),
        }
    }
    out
}
