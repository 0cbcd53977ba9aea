//! Batches: a leading axis along which every position is a problem of its own, such as the heads of
//! an attention.
//!
//! Rows of a region share the operands that they need whole. Batched products do not: each position
//! has two matrices. So they, and what is linked to them along the axis, become one graph for one
//! position, with a plan of its own, which runs once for each.

use super::plan::{Plan, Region, constant_of};
use crate::ir::{Builder, Graph, Origin, Type, Value};
use crate::ops::{Kernel, Op, RowUse};
use std::collections::HashMap;

/// One plan for every position along a leading axis.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Positions.
    pub count: usize,
    /// Values of which a position takes its part: the first inputs of the plan's graph.
    pub rows: Vec<Value>,
    /// Values that every position needs whole: the inputs that follow.
    pub whole: Vec<Value>,
    /// Where the plan's outputs go, a part for each position.
    pub stores: Vec<Value>,
    /// What is done at one position.
    pub plan: Box<Plan>,
}

/// Multiply-adds of a product from which on a plan for each position, which costs some µs to run, is worth it; smaller
/// ones run all together.
const PRODUCT_MIN: usize = 1 << 13;

/// The operation of node `i` at one position, if it acts on each position alone.
fn at_one_position(graph: &Graph, i: usize) -> Option<(Op, Vec<RowUse>)> {
    let node = &graph.nodes()[i];
    let types: Vec<&Type> = node.operands.iter().map(|&v| graph.ty(v)).collect();
    let &[y] = node.results.as_slice() else { return None };
    let rows = node.op.rows(&types, graph.ty(y)).filter(|rows| !rows.reduced)?;
    let shapes_only = rows.operands.contains(&RowUse::Shape);
    (graph.ty(y).ndim() > 0 && !shapes_only).then_some(())?;
    Some((node.op.for_one_row(&types, graph.ty(y))?, rows.operands))
}

/// For each node, whether it belongs to a batch: batched products, and what is linked to them by
/// values along the same leading axis.
pub(super) fn members(graph: &Graph) -> Vec<bool> {
    let is_product = |i: usize| {
        let node = &graph.nodes()[i];
        let Kernel::Matmul(op) = node.op.kernel() else { return false };
        let [a, b] = [0, 1].map(|k| graph.ty(node.operands[k]).static_shape().expect("lowered"));
        let e = op.extents(&a, &b);
        a.len() > 2 && e.m * e.n * e.k >= PRODUCT_MIN
    };
    let count = graph.nodes().len();
    if !(0..count).any(is_product) {
        return vec![false; count];
    }
    let uses: Vec<Option<Vec<RowUse>>> =
        (0..count).map(|i| at_one_position(graph, i).map(|(_, uses)| uses)).collect();
    let mut links = Vec::new();
    for (i, usage) in uses.iter().enumerate() {
        for (&v, usage) in graph.nodes()[i].operands.iter().zip(usage.iter().flatten()) {
            if let (Origin::Node { node, .. }, RowUse::Pointwise) = (graph.origin(v), usage)
                && uses[node].is_some()
            {
                links.push((node, i));
            }
        }
    }
    let mut member: Vec<bool> = (0..count).map(|i| is_product(i) && uses[i].is_some()).collect();
    // Membership spreads along links in both directions until nothing changes.
    loop {
        let mut changed = false;
        for &(from, to) in &links {
            changed |= member[from] != member[to];
            let linked = member[from] || member[to];
            (member[from], member[to]) = (linked, linked);
        }
        if !changed {
            return member;
        }
    }
}

impl Batch {
    /// The batch of a region of members.
    pub(super) fn new(graph: &Graph, region: Region, threads: usize) -> Batch {
        let mut b = Builder::new(&graph.name);
        // What a value is at one position, and whole.
        let (mut parts, mut wholes) = (HashMap::new(), HashMap::new());
        let name = |v: Value| graph.name(v).unwrap_or("");
        for &v in &region.inputs {
            let Type { dtype, shape } = graph.ty(v);
            parts.insert(v, b.input(name(v), Type { dtype: *dtype, shape: shape[1..].to_vec() }));
        }
        let mut whole = Vec::new();
        for &v in &region.whole {
            let value = match constant_of(graph, v) {
                Some(constant) => b.constant(constant.clone()),
                None => {
                    whole.push(v);
                    b.input(name(v), graph.ty(v).clone())
                }
            };
            wholes.insert(v, value);
        }
        for &i in &region.nodes {
            let node = &graph.nodes()[i];
            let (op, uses) = at_one_position(graph, i).expect("members act on each position alone");
            let operands: Vec<Value> = (node.operands.iter().zip(&uses))
                .map(|(v, usage)| if *usage == RowUse::Pointwise { parts[v] } else { wholes[v] })
                .collect();
            parts.insert(node.results[0], b.push(op, &operands).expect("as the whole is valid")[0]);
        }
        let outputs = region.stores.iter().map(|v| parts[v]).collect();
        let plan = Box::new(Plan::new(b.finish(outputs), threads / region.rows.max(1)));
        Batch { count: region.rows, rows: region.inputs, whole, stores: region.stores, plan }
    }
}
