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
        let live = graph.needed_by(roots);
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
    fn vanishing<'g>(&self, graph: &'g Graph, value: Value) -> Option<(usize, &'g Node)> {
        node_of(graph, value).filter(|_| self.users[value.index()] == 1)
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

    /// The terms of `value`, if it is a sum; and the sums inside that were opened.
    pub fn sum(&mut self, graph: &Graph, value: Value) -> Option<(Vec<Term>, Vec<Value>)> {
        let (_, node) = node_of(graph, value)?;
        let signs = self.signs(graph, node)?;
        let (mut terms, mut opened) = (Vec::new(), Vec::new());
        for (&operand, sign) in node.operands.iter().zip(signs) {
            opened.extend(self.open(
                graph,
                Term { times: sign, factors: vec![operand], by: None },
                &mut terms,
            ));
        }
        Some((merged(terms), opened))
    }

    /// The terms of a sum of `terms`.
    pub fn sum_of(&mut self, graph: &Graph, terms: Vec<Term>) -> Vec<Term> {
        let mut out = Vec::new();
        for term in terms {
            self.open(graph, term, &mut out);
        }
        merged(out)
    }

    /// Adds to `terms` those of `term`, where it is a sum that vanishes. Gives the sums opened.
    fn open(&mut self, graph: &Graph, term: Term, terms: &mut Vec<Term>) -> Vec<Value> {
        let (mut opened, mut stack) = (Vec::new(), vec![term]);
        while let Some(term) = stack.pop() {
            if let [value] = term.factors[..]
                && let Some((at, node)) = self.vanishing(graph, value)
            {
                if let Some(signs) = self.signs(graph, node) {
                    opened.push(value);
                    let operands = node.operands.iter().zip(signs).rev();
                    stack.extend(operands.map(|(&x, sign)| Term {
                        times: term.times * sign,
                        factors: vec![x],
                        by: None,
                    }));
                    continue;
                }
                if is_product(node) {
                    terms.push(self.product(graph, term.times, at));
                    continue;
                }
            }
            terms.push(term);
        }
        opened
    }

    /// `times` the product that node `at` is, with the factors of products that vanish.
    fn product(&mut self, graph: &Graph, mut times: i64, at: usize) -> Term {
        let op = key(&graph.nodes()[at].op, &[]);
        let (mut factors, mut stack) =
            (Vec::new(), vec![graph.nodes()[at].operands[1], graph.nodes()[at].operands[0]]);
        while let Some(value) = stack.pop() {
            let (multiple, factor) = self.multiple(graph, value);
            times *= multiple;
            match self.vanishing(graph, factor) {
                Some((_, node)) if is_product(node) && key(&node.op, &[]) == op => {
                    stack.extend(node.operands.iter().rev());
                }
                _ => factors.push(factor),
            }
        }
        Term { times, factors, by: Some(at) }
    }

    /// The integer and the value whose product `value` is: −x is (−1, x), x + x is (2, x).
    fn multiple(&mut self, graph: &Graph, mut value: Value) -> (i64, Value) {
        let mut times = 1;
        while let Some((_, node)) = self.vanishing(graph, value) {
            let Some(signs) = self.signs(graph, node) else { break };
            let sum: i64 = signs.iter().sum();
            if sum == 0 || node.operands.iter().any(|x| *x != node.operands[0]) {
                break;
            }
            (times, value) = (times * sum, node.operands[0]);
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

fn node_of(graph: &Graph, value: Value) -> Option<(usize, &Node)> {
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
    let linear: Vec<usize> = match node.op.calculus() {
        Calculus::Bilinear(_) => vec![0, 1],
        Calculus::Linear(rule) => (0..node.operands.len()).filter(|&i| rule.is_linear_in(i)).collect(),
        _ => vec![],
    };
    if linear.len() > 1 && matches!(node.op.calculus(), Calculus::Linear(_)) {
        return vec![]; // Of all of them together.
    }
    let dtype = graph.ty(node.results[0]).dtype;
    let alone = linear.into_iter().filter(|&i| graph.ty(node.operands[i]).dtype == dtype);
    alone.map(|i| (map_key(graph, &node.op, &node.operands, i), i)).collect()
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

/// Equal terms of one sign as one.
fn merged(terms: Vec<Term>) -> Vec<Term> {
    let mut places: HashMap<(bool, Vec<Value>), usize> = HashMap::new();
    let mut out: Vec<Term> = Vec::new();
    for term in terms {
        let mut sorted = term.factors.clone();
        sorted.sort();
        match places.get(&(term.times < 0, sorted.clone())) {
            Some(&place) => out[place].times += term.times,
            None => {
                places.insert((term.times < 0, sorted), out.len());
                out.push(term);
            }
        }
    }
    out
}
