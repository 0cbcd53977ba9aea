//! Batches: a leading axis along which every position is a problem of its own, such as the heads of
//! an attention.
//!
//! Rows of a region share the operands that they need whole. Batched products do not: each position
//! has two matrices. So they, and what is linked to them along the axis, become one graph for one
//! position, with a plan of its own, which runs once for each.
//!
//! So do small solvers: loops that each position leaves at its own time, factors of small matrices, and what is linked to
//! them. Their positions are too small for a plan each, and all at once they would wait for the last to converge: an
//! engine runs some of them side by side.

use super::plan::{Plan, Region, constant_of, users};
use super::{cpu, lower};
use crate::ir::{Builder, Graph, Origin, Type, Value};
use crate::ops::{Extents, Kernel, Matmul, Op, RowUse};
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

/// Positions from which on they run side by side.
const POSITIONS_MIN: usize = 16;

/// Multiply-adds of a product with a shared matrix, such as a layer's, up to which it belongs to small solvers: larger ones are better off in tiles of many
/// rows, which do not store what their gradients need.
const SHARED: usize = 16 * 16;

/// Elements of all values of one position up to which what is linked to small solvers runs beside them, and else only loops do.
const LINKED: usize = 3 << 10;

/// The operation of node `i` at one position, if it acts on each position alone.
pub(super) fn at_one_position(graph: &Graph, i: usize) -> Option<(Op, Vec<RowUse>)> {
    let node = &graph.nodes()[i];
    let types: Vec<&Type> = node.operands.iter().map(|&v| graph.ty(v)).collect();
    if let Some(alone) = node.op.alone() {
        let usage = |&over: &bool| if over { RowUse::Pointwise } else { RowUse::Whole };
        return Some((alone.op.clone(), alone.over.iter().map(usage).collect()));
    }
    if let Kernel::Factor(_) = node.op.kernel() {
        let is_batch = types.iter().all(|ty| ty.ndim() > 2);
        return is_batch.then(|| (node.op.clone(), vec![RowUse::Pointwise; types.len()]));
    }
    let &[y] = node.results.as_slice() else { return None };
    let rows = node.op.rows(&types, graph.ty(y)).filter(|rows| !rows.reduced)?;
    let shapes_only = rows.operands.contains(&RowUse::Shape);
    (graph.ty(y).ndim() > 0 && !shapes_only).then_some(())?;
    Some((node.op.for_one_row(&types, graph.ty(y))?, rows.operands))
}

/// The extents of a product.
fn extents(graph: &Graph, i: usize, op: &Matmul) -> Extents {
    let operands = &graph.nodes()[i].operands;
    let [a, b] = [0, 1].map(|k| graph.ty(operands[k]).static_shape().expect("lowered"));
    op.extents(&a, &b)
}

/// For each node, whether it belongs to a batch: large batched products; loops that each position leaves at its own time and factors of small matrices;
/// and what is linked to one of these by values along the same leading axis.
pub(super) fn members(graph: &Graph) -> Vec<bool> {
    let count = graph.nodes().len();
    let is_product = |i: usize| match graph.nodes()[i].op.kernel() {
        Kernel::Matmul(op) => {
            let e = extents(graph, i, op);
            graph.ty(graph.nodes()[i].operands[0]).ndim() > 2 && e.m * e.n * e.k >= PRODUCT_MIN
        }
        _ => false,
    };
    let is_solver = |i: usize| {
        let op = &graph.nodes()[i].op;
        op.alone().is_some() || matches!(op.kernel(), Kernel::Factor(_))
    };
    let large: Vec<usize> = (0..count).filter(|&i| is_product(i)).collect();
    let small: Vec<usize> = (0..count).filter(|&i| is_solver(i) && is_small(graph, i)).collect();
    let mut member = vec![false; count];
    if !large.is_empty() {
        spread(graph, &large, &mut member, |_| true);
    }
    if !small.is_empty() {
        let users = users(graph);
        // What is only reduced over the positions is made where that is done.
        let is_reduced = |i: usize| {
            let node = &graph.nodes()[i];
            let readers: Vec<usize> =
                node.results.iter().flat_map(|v| users[v.index()].iter().copied()).collect();
            let reduces = |&user: &usize| {
                let node = &graph.nodes()[user];
                let types: Vec<&Type> = node.operands.iter().map(|&v| graph.ty(v)).collect();
                node.op.rows(&types, graph.ty(node.results[0])).is_some_and(|rows| rows.reduced)
            };
            !readers.is_empty() && readers.iter().all(reduces)
        };
        let may = |i: usize| match is_solver(i) {
            true => small.contains(&i),
            false => is_small(graph, i) && !is_reduced(i),
        };
        let mut beside = vec![false; count];
        spread(graph, &small, &mut beside, may);
        let elements = |i: usize| -> usize {
            let node = &graph.nodes()[i];
            let all = node.results.iter().map(|v| graph.ty(*v).static_shape().expect("lowered"));
            all.map(|shape| shape[1..].iter().product::<usize>()).sum()
        };
        let total: usize = (0..count).filter(|&i| beside[i]).map(elements).sum();
        let is_loop = |i: usize| graph.nodes()[i].op.alone().is_some();
        for i in (0..count).filter(|&i| beside[i] && (total <= LINKED || is_loop(i))) {
            member[i] = true;
        }
    }
    member
}

/// Whether node `i` of a batch is so little work at each position that an engine runs positions of it side by side.
fn is_small(graph: &Graph, i: usize) -> bool {
    let node = &graph.nodes()[i];
    let Some(positions) = graph.ty(node.results[0]).shape.first().and_then(|n| n.known()) else {
        return false;
    };
    if positions < POSITIONS_MIN || at_one_position(graph, i).is_none() {
        return false;
    }
    if let Kernel::Matmul(op) = node.op.kernel()
        && graph.ty(node.operands[0]).ndim() == 2
        && extents(graph, i, op).work() > SHARED * positions
    {
        return false;
    }
    one_position(graph, i).is_some_and(|one| cpu::runs_side_by_side(&one))
}

/// Node `i` as a graph of its own, of one position.
fn one_position(graph: &Graph, i: usize) -> Option<Graph> {
    let (op, uses) = at_one_position(graph, i)?;
    let types: Vec<Type> = (graph.nodes()[i].operands.iter().zip(&uses))
        .map(|(&v, usage)| {
            let Type { dtype, shape } = graph.ty(v);
            Type { dtype: *dtype, shape: shape[usize::from(*usage == RowUse::Pointwise)..].to_vec() }
        })
        .collect();
    let mut b = Builder::new(&graph.name);
    let operands: Vec<Value> = types.iter().map(|ty| b.input("", ty.clone())).collect();
    let results = b.push(op, &operands).ok()?;
    lower(&b.finish(results), &types).ok()
}

/// Makes members of `seeds` and, in both directions until nothing changes, of what is linked to them and `may` be.
fn spread(graph: &Graph, seeds: &[usize], member: &mut [bool], may: impl Fn(usize) -> bool) {
    let count = graph.nodes().len();
    let uses: Vec<Option<Vec<RowUse>>> =
        (0..count).map(|i| at_one_position(graph, i).filter(|_| may(i)).map(|(_, uses)| uses)).collect();
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
    seeds.iter().filter(|&&i| uses[i].is_some()).for_each(|&i| member[i] = true);
    loop {
        let mut changed = false;
        for &(from, to) in &links {
            changed |= member[from] != member[to];
            let linked = member[from] || member[to];
            (member[from], member[to]) = (linked, linked);
        }
        if !changed {
            return;
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
            let results = b.push(op, &operands).expect("as the whole is valid");
            parts.extend(node.results.iter().copied().zip(results));
        }
        let outputs = region.stores.iter().map(|v| parts[v]).collect();
        let one = b.finish(outputs);
        let types: Vec<Type> = one.input_types().into_iter().cloned().collect();
        // Loops are as they were before they became a batch.
        let one = lower(&one, &types).expect("as the whole is valid");
        let plan = Box::new(Plan::new(one, threads / region.rows.max(1)));
        Batch { count: region.rows, rows: region.inputs, whole, stores: region.stores, plan }
    }
}
