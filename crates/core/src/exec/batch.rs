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
use crate::ir::{Builder, Extent, Graph, Origin, Type, Value};
use crate::ops::{Broadcast, Extents, Kernel, Matmul, Op, Reshape, RowUse, Violation};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

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

/// Elements of a shared matrix, such as a layer's, up to which products with it belong to small solvers: larger ones are better off in tiles of many rows,
/// which do not store what their gradients need.
const SHARED: usize = 16 * 16;

/// Elements of all values of one position up to which what is linked to small solvers runs beside them, and else only loops do.
const LINKED: usize = 3 << 10;

/// What a value along `positions` is at one of them: its part of the leading axis, which is no axis where that is one row; nothing if the parts would differ.
fn part_of(ty: &Type, positions: usize) -> Option<Type> {
    let rows = ty.shape.first()?.known()?;
    let each = rows.checked_div(positions)?;
    let leading = (each != 1).then_some(Extent::Static(each));
    let shape = leading.into_iter().chain(ty.shape[1..].iter().copied()).collect();
    (each > 0 && rows.is_multiple_of(positions)).then_some(Type { dtype: ty.dtype, shape })
}

/// The operation of node `i` at one of `positions`, if it acts on each alone, and how it uses its operands.
///
/// Most have the positions as their leading axis. What works row by row may have several rows for each, such as the product of all rows of all positions with
/// one matrix; a reshape leads from one to the other.
pub(super) fn at_one_position(graph: &Graph, i: usize, positions: usize) -> Option<(Op, Vec<RowUse>)> {
    let node = &graph.nodes()[i];
    let types: Vec<&Type> = node.operands.iter().map(|&v| graph.ty(v)).collect();
    let y = graph.ty(node.results[0]);
    let leading = |ty: &Type| ty.shape.first().and_then(|n| n.known());
    if let Some(alone) = node.op.alone() {
        let usage = |&over: &bool| if over { RowUse::Pointwise } else { RowUse::Whole };
        let uses = alone.over.iter().map(usage).collect();
        return (leading(y) == Some(positions)).then(|| (alone.op.clone(), uses));
    }
    let part = part_of(y, positions)?;
    let shape = part.static_shape()?;
    match node.op.kernel() {
        Kernel::Factor(_) => {
            let is_batch = leading(y) == Some(positions) && types.iter().all(|ty| ty.ndim() > 2);
            return is_batch.then(|| (node.op.clone(), vec![RowUse::Pointwise; types.len()]));
        }
        Kernel::Reshape => {
            part_of(types[0], positions)?;
            let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
            return Some((Arc::new(Reshape::to(&shape)), vec![RowUse::Pointwise]));
        }
        _ => (),
    }
    let rows = node.op.rows(&types, y).filter(|rows| !rows.reduced && node.results.len() == 1)?;
    let op: Op = match node.op.kernel() {
        _ if rows.operands.contains(&RowUse::Shape) => return None,
        Kernel::Matmul(_) if types[0].ndim() == 2 => node.op.clone(),
        _ if leading(y) == Some(positions) => node.op.for_one_row(&types, y)?,
        Kernel::Elementwise(_) | Kernel::Compare(_) | Kernel::Select | Kernel::Convert => node.op.clone(),
        Kernel::Broadcast { dims } => Arc::new(Broadcast { dims: dims.to_vec(), shape: Some(shape) }),
        _ => return None,
    };
    Some((op, rows.operands))
}

/// Applies the operation of one position: a product with its only row is that of a matrix of one row.
fn apply(b: &mut Builder, op: Op, operands: &[Value]) -> Result<Vec<Value>, Violation> {
    match (op.kernel(), operands) {
        (Kernel::Matmul(_), &[row, matrix]) if b.ty(row).ndim() == 1 => {
            let row = b.reshape(row, &[1, -1]);
            let product = b.push(op, &[row, matrix])?;
            Ok(vec![b.reshape(product[0], &[-1])])
        }
        _ => b.push(op, operands),
    }
}

/// The extents of a product.
fn extents(graph: &Graph, i: usize, op: &Matmul) -> Extents {
    let operands = &graph.nodes()[i].operands;
    let [a, b] = [0, 1].map(|k| graph.ty(operands[k]).static_shape().expect("lowered"));
    op.extents(&a, &b)
}

/// For each node the positions of the batch that it belongs to: large batched products; loops that each position leaves at its own time and factors of small
/// matrices; and what is linked to one of these by values along the same positions.
pub(super) fn members(graph: &Graph) -> Vec<Option<usize>> {
    let count = graph.nodes().len();
    let mut member = vec![None; count];
    let leading = |v: Value| graph.ty(v).shape.first().and_then(|n| n.known());
    let positions_of = |seeds: &[usize]| -> BTreeSet<usize> {
        seeds.iter().filter_map(|&i| leading(graph.nodes()[i].results[0])).collect()
    };
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
    for positions in positions_of(&large) {
        let is_along = |v: &Value| leading(*v) == Some(positions);
        let may = |i: usize| {
            let node = &graph.nodes()[i];
            let leads_here =
                matches!(node.op.kernel(), Kernel::Reshape) && !node.operands.iter().all(is_along);
            node.results.iter().all(is_along) && !leads_here
        };
        spread(graph, &large, positions, may).into_iter().for_each(|i| member[i] = Some(positions));
    }
    let solvers: Vec<usize> = (0..count).filter(|&i| is_solver(i)).collect();
    if solvers.is_empty() {
        return member;
    }
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
    for positions in positions_of(&solvers) {
        let is_small = |i: usize| is_small(graph, i, positions);
        let may = |i: usize| is_small(i) && (is_solver(i) || !is_reduced(i));
        let beside = spread(graph, &solvers, positions, may);
        let elements = |&i: &usize| -> usize {
            let all = graph.nodes()[i].results.iter().map(|v| graph.ty(*v).static_shape().expect("lowered"));
            all.map(|shape| shape.iter().product::<usize>() / positions).sum()
        };
        let total: usize = beside.iter().map(elements).sum();
        let is_loop = |i: usize| graph.nodes()[i].op.alone().is_some();
        for i in beside.into_iter().filter(|&i| total <= LINKED || is_loop(i)) {
            member[i] = Some(positions);
        }
    }
    member
}

/// Whether node `i` is so little work at each of so many positions that an engine runs some of them side by side.
fn is_small(graph: &Graph, i: usize, positions: usize) -> bool {
    if positions < cpu::POSITIONS_MIN {
        return false;
    }
    let node = &graph.nodes()[i];
    if let Kernel::Matmul(op) = node.op.kernel()
        && graph.ty(node.operands[0]).ndim() == 2
    {
        let Extents { k, n, .. } = extents(graph, i, op);
        if k * n > SHARED {
            return false;
        }
    }
    one_position(graph, i, positions).is_some_and(|(one, rows)| cpu::runs_side_by_side(&one, rows))
}

/// Node `i` as a graph of its own, of one position, which has its own of so many first inputs.
fn one_position(graph: &Graph, i: usize, positions: usize) -> Option<(Graph, usize)> {
    let (op, uses) = at_one_position(graph, i, positions)?;
    let types: Vec<Type> = (graph.nodes()[i].operands.iter().zip(&uses))
        .map(|(&v, usage)| match usage {
            RowUse::Pointwise => part_of(graph.ty(v), positions),
            _ => Some(graph.ty(v).clone()),
        })
        .collect::<Option<_>>()?;
    let mut b = Builder::new(&graph.name);
    let (own, shared): (Vec<usize>, Vec<usize>) =
        (0..uses.len()).partition(|&k| uses[k] == RowUse::Pointwise);
    let mut operands = vec![None; uses.len()];
    for &k in own.iter().chain(&shared) {
        operands[k] = Some(b.input("", types[k].clone()));
    }
    let operands: Vec<Value> = operands.into_iter().flatten().collect();
    let results = apply(&mut b, op, &operands).ok()?;
    let one = b.finish(results);
    let types: Vec<Type> = one.input_types().into_iter().cloned().collect();
    Some((lower(&one, &types).ok()?, own.len()))
}

/// Those of `seeds` that `may` be and, in both directions, what is linked to them and `may` be.
fn spread(graph: &Graph, seeds: &[usize], positions: usize, may: impl Fn(usize) -> bool) -> Vec<usize> {
    let count = graph.nodes().len();
    let uses: Vec<Option<Vec<RowUse>>> = (0..count)
        .map(|i| at_one_position(graph, i, positions).filter(|_| may(i)).map(|(_, uses)| uses))
        .collect();
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
    let mut member = vec![false; count];
    seeds.iter().filter(|&&i| uses[i].is_some()).for_each(|&i| member[i] = true);
    loop {
        let mut changed = false;
        for &(from, to) in &links {
            changed |= member[from] != member[to];
            let linked = member[from] || member[to];
            (member[from], member[to]) = (linked, linked);
        }
        if !changed {
            return (0..count).filter(|&i| member[i]).collect();
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
            let part = part_of(graph.ty(v), region.rows).expect("members have parts");
            parts.insert(v, b.input(name(v), part));
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
            let (op, uses) =
                at_one_position(graph, i, region.rows).expect("members act on each position alone");
            let operands: Vec<Value> = (node.operands.iter().zip(&uses))
                .map(|(v, usage)| if *usage == RowUse::Pointwise { parts[v] } else { wholes[v] })
                .collect();
            let results = apply(&mut b, op, &operands).expect("as the whole is valid");
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
