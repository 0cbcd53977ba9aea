//! Sharding: arguments of which each rank holds some rows, and what follows for a graph.
//!
//! A node that works row by row runs over this rank's rows only, and its result is sharded like its operand. A node that
//! reduces over the rows is finished through the communicator, and every rank has its result whole. Everything else runs on
//! every rank alike.

use super::comm::{Allreduce, Communicator, Layout};
use crate::ir::{Extent, Graph, Type, Value};
use crate::numerics::tree::BLOCK;
use crate::ops::{Kernel, RowUse};
use crate::tensor::Tensor;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Which inputs of a graph are sharded along their leading axis, and over which ranks.
///
/// ```
/// use std::sync::Arc;
/// use tessera_core::exec::{Sharding, comm::Solo};
/// let sharding = Sharding::new(Arc::new(Solo)).rows("t", 100_000);
/// assert_eq!(sharding.range(100_000), 0..100_000); // Alone, a rank holds all.
/// ```
#[derive(Clone, Debug)]
pub struct Sharding {
    communicator: Arc<dyn Communicator>,
    rows: BTreeMap<String, usize>,
}

/// What cannot be sharded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ShardError {
    /// No input of that name.
    #[error("a sharded input must be one of the graph's, got %{name}")]
    Input {
        /// The name.
        name: String,
    },
    /// The input has no rows, or a known extent that is not the stated one.
    #[error("the sharded input %{name} must have a leading extent of {rows}, got {ty}")]
    Extent {
        /// The input.
        name: String,
        /// The extent over all ranks.
        rows: usize,
        /// The input's type.
        ty: Type,
    },
    /// An argument that is not this rank's part.
    #[error(
        "argument %{name} must have rows {want:?} of {rows} on rank {rank} of {size}, got {got} rows; `Sharding::range` says which rows a rank holds"
    )]
    Rows {
        /// The argument.
        name: String,
        /// The extent over all ranks.
        rows: usize,
        /// This rank.
        rank: usize,
        /// How many ranks there are.
        size: usize,
        /// The rows that it is to have.
        want: Range<usize>,
        /// How many it has.
        got: usize,
    },
    /// An operation needs all rows of a sharded value.
    #[error(
        "`{op}` needs all rows of %{operand} ({ty}), of which each rank holds some; reduce over the rows first by a sum, mean, max, min, prod or dot product, or give the inputs that it is made of whole to every rank"
    )]
    Whole {
        /// The operation.
        op: &'static str,
        /// The value's name in the printed plan.
        operand: String,
        /// Its type over all ranks.
        ty: Type,
    },
    /// The reference runs graphs whole.
    #[error(
        "the reference runs graphs whole, so one rank must hold all rows, got {size} ranks; use the CPU engine"
    )]
    Reference {
        /// How many ranks there are.
        size: usize,
    },
}

impl Sharding {
    /// Over the ranks of `communicator`; no input is sharded yet.
    pub fn new(communicator: Arc<dyn Communicator>) -> Sharding {
        Sharding { communicator, rows: BTreeMap::new() }
    }

    /// The input called `name` is sharded; over all ranks it has `rows` rows.
    pub fn rows(mut self, name: &str, rows: usize) -> Sharding {
        self.rows.insert(name.to_string(), rows);
        self
    }

    /// The ranks.
    pub fn communicator(&self) -> &Arc<dyn Communicator> {
        &self.communicator
    }

    /// The rows, of `rows` over all ranks, that this rank holds of every value with so many: whole blocks of the law.
    pub fn range(&self, rows: usize) -> Range<usize> {
        Layout::even(rows, self.communicator.size()).rows_of(self.communicator.rank(), rows)
    }

    /// This rank's rows of a tensor that holds all.
    pub fn part(&self, whole: &Tensor) -> Tensor {
        whole.rows(self.range(whole.shape()[0]))
    }

    /// The sharded inputs of `graph`.
    pub(super) fn inputs(&self, graph: &Graph) -> Result<Vec<Value>, ShardError> {
        let input = |(name, &rows): (&String, &usize)| {
            let value = graph.input_named(name).ok_or_else(|| ShardError::Input { name: name.clone() })?;
            match graph.ty(value).shape.first() {
                Some(extent) if extent.known().is_none_or(|known| known == rows) => Ok(value),
                _ => {
                    let (name, ty) = (name.clone(), graph.ty(value).clone());
                    Err(ShardError::Extent { name, rows, ty })
                }
            }
        };
        self.rows.iter().map(input).collect()
    }

    /// The type of an argument over all ranks, for the input called `name`.
    pub(super) fn global(&self, name: &str, argument: &Tensor) -> Result<Type, ShardError> {
        let mut ty = argument.ty();
        let (Some(&rows), Some(&got)) = (self.rows.get(name), argument.shape().first()) else {
            return Ok(ty);
        };
        let want = self.range(rows);
        if got != want.len() {
            let [rank, size] = [self.communicator.rank(), self.communicator.size()];
            return Err(ShardError::Rows { name: name.to_string(), rows, rank, size, want, got });
        }
        ty.shape[0] = Extent::Static(rows);
        Ok(ty)
    }

    /// How rows of this extent are reduced.
    pub(super) fn shard(&self, rows: usize) -> Shard {
        let layout = Layout::even(rows, self.communicator.size());
        let rank = self.communicator.rank();
        Shard {
            extent: rows,
            rows: layout.rows_of(rank, rows),
            first_block: layout.blocks_of(rank).start,
            allreduce: Allreduce::new(&layout, rank),
            communicator: self.communicator.clone(),
        }
    }
}

/// This rank's part of a row extent, and how reductions over all of it are finished.
#[derive(Debug)]
pub(super) struct Shard {
    /// The extent over all ranks.
    pub extent: usize,
    /// This rank's rows.
    pub rows: Range<usize>,
    /// The block in which they begin.
    pub first_block: usize,
    /// What is done with the reductions of this rank's blocks.
    pub allreduce: Allreduce,
    /// The ranks.
    pub communicator: Arc<dyn Communicator>,
}

impl Shard {
    /// This rank's rows, counted from its first one, of each of its subtrees.
    pub fn subtrees(&self) -> impl Iterator<Item = Range<usize>> {
        let row = |block: usize| self.rows.len().min((block - self.first_block) * BLOCK);
        self.allreduce.subtrees().iter().map(move |blocks| row(blocks.start)..row(blocks.end))
    }
}

/// What of a graph is sharded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    /// For each node, whether it runs over this rank's rows only.
    pub nodes: Vec<bool>,
    /// For each value, whether a rank holds its own rows only.
    pub values: Vec<bool>,
}

impl Flow {
    /// What is sharded in a lowered graph of which `inputs` are.
    ///
    /// First forwards: what is made row by row of something sharded is sharded. Then backwards: a row value of which only
    /// rows of this rank are used (a number in every row, say) need not be made in full.
    pub fn new(graph: &Graph, inputs: &[Value]) -> Flow {
        let count = graph.nodes().len();
        let mut flow = Flow { nodes: vec![false; count], values: vec![false; graph.value_count()] };
        if inputs.is_empty() {
            return flow;
        }
        inputs.iter().for_each(|v| flow.values[v.index()] = true);
        let uses: Vec<Option<(Vec<RowUse>, bool)>> = (0..count).map(|i| row_uses(graph, i)).collect();
        for (i, node) in graph.nodes().iter().enumerate() {
            let Some((operands, reduced)) = &uses[i] else { continue };
            let takes_part =
                |(v, usage): (&Value, &RowUse)| *usage == RowUse::Pointwise && flow.values[v.index()];
            flow.nodes[i] = node.operands.iter().zip(operands).any(takes_part);
            node.results.iter().for_each(|r| flow.values[r.index()] = flow.nodes[i] && !reduced);
        }
        // For each value: whether it is used in part, and whether anything needs it in full.
        let (mut in_part, mut in_full) = (vec![false; graph.value_count()], vec![false; graph.value_count()]);
        graph.outputs().iter().for_each(|v| in_full[v.index()] = true);
        for (i, node) in graph.nodes().iter().enumerate().rev() {
            if let (Some((_, false)), &[result]) = (&uses[i], node.results.as_slice())
                && in_part[result.index()]
                && !in_full[result.index()]
            {
                flow.nodes[i] = true;
                flow.values[result.index()] = true;
            }
            for (k, v) in node.operands.iter().enumerate() {
                match uses[i].as_ref().map(|(operands, _)| operands[k]) {
                    Some(RowUse::Shape) => {}
                    Some(RowUse::Pointwise) if flow.nodes[i] => in_part[v.index()] = true,
                    _ => in_full[v.index()] = true,
                }
            }
        }
        flow
    }

    /// Whether anything is sharded.
    pub fn is_sharded(&self, value: Value) -> bool {
        self.values[value.index()]
    }
}

/// How node `i` uses rows of its operands, and whether it reduces over them; `None` where it has no rows.
fn row_uses(graph: &Graph, i: usize) -> Option<(Vec<RowUse>, bool)> {
    let node = &graph.nodes()[i];
    let &[result] = node.results.as_slice() else { return None };
    let types: Vec<&Type> = node.operands.iter().map(|&v| graph.ty(v)).collect();
    match node.op.rows(&types, graph.ty(result)) {
        Some(rows) => (rows.reduced || graph.ty(result).ndim() > 0).then_some((rows.operands, rows.reduced)),
        None => Some((vec![RowUse::Pointwise; node.operands.len()], reduces(graph, i)?)),
    }
}

/// Whether node `i` reduces over the rows of its operands, or keeps them: for nodes that can do so with some rows while they stand in no
/// region, as a stable sum.
pub(super) fn reduces(graph: &Graph, i: usize) -> Option<bool> {
    let node = &graph.nodes()[i];
    match node.op.kernel() {
        Kernel::Reduce { axes: &[axis], .. } => Some(axis == 0),
        Kernel::Dot { .. } => Some(graph.ty(node.operands[0]).ndim() == 1),
        _ => None,
    }
}
