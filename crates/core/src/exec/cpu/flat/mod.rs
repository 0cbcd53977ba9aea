//! Graphs of small values as one list of instructions over one arena.
//!
//! A tile program pays for what it does not know: how many rows there are, where its operands lie, how many threads share
//! it. For a few hundred elements that is most of the time: a round of Newton's method with eight unknowns is some fifty
//! operations of a few nanoseconds each. Where every value is small, everything is therefore decided beforehand:
//!
//! - every value has its place in one arena, which others get when nothing reads it any more; what only moves elements in order (a reshape, rows that stand one
//!   behind the other) is the same place;
//! - what depends on constants alone is computed when the program is made, by the operations' own laws;
//! - loops, choices and calls are jumps inside the program, and their bodies part of it;
//! - elementwise operations are the groups of [`super::group`], products and factors the kernels of [`super::gemm`] and
//!   [`super::factor`], reductions those of [`crate::numerics::reduce`]. Whatever has no kernel is evaluated by its law.
//!
//! A batch of a loop that each position leaves at its own time runs as the program of one position, for some of them side by side: every element is then
//! that of so many positions, one behind the other. Elementwise operations do not see the difference; chains that are scalar work for one position are
//! vectors of them. Positions that are done keep what they carry until the others are; the next ones do not wait for the whole batch. What does not depend on the
//! position is done once, before any.
//!
//! - `compile` makes the program of a graph.
//! - `run` runs it.
//! - `lanes` has the kernels for positions side by side.

mod compile;
mod lanes;
mod run;

use super::group::Group;
use crate::exec::batch::Batch;
use crate::ir::{Builder, DType, Graph, Type, Value};
use crate::numerics::dispatch::Level;
use crate::numerics::lanes::Real;
use crate::numerics::linalg::Triangle;
use crate::ops::{Direction, Extents, Function, Kernel, Matmul, Op};
use crate::tensor::Tensor;
use rayon::prelude::*;
use run::Workspace;
use std::ops::Range;
use std::sync::Mutex;

/// Elements of a value up to which a graph is small: what is done to more is worth threads, and tiles in L1.
const VALUE_MAX: usize = 1024;

/// Elements of all values up to which a graph is small: 128 KiB of f64, to stay in L2.
const ARENA_MAX: usize = 16 << 10;

/// Multiply-adds of a product or of a factorisation up to which one thread does it at once.
const WORK_MAX: usize = 32 * 32 * 32;

/// Bytes of an element of positions side by side: four vectors, so that chains hide each other's latency and an instruction is worth the walk to it.
const LANES_BYTES: usize = 256;

/// The most positions side by side.
const LANES_MAX: usize = LANES_BYTES / size_of::<f32>();

/// Positions from which on they run side by side.
pub(in crate::exec) const POSITIONS_MIN: usize = 16;

/// Pieces of a batch for each thread, so that one that is done takes from the others.
const PIECES: usize = 4;

/// Elements of all values of one position up to which positions run side by side: 1 MiB of f64, to stay in L2.
const POSITION_MAX: usize = 4 << 10;

/// Nodes up to which a graph is small: making a program takes time in the square of their number.
const NODES_MAX: usize = 1024;

/// The program of a graph, or of one of its nodes.
pub(super) enum Flat {
    /// Its floats are f64, or it has none.
    F64(Program<f64>),
    /// Its floats are f32.
    F32(Program<f32>),
}

impl Flat {
    /// The program of a lowered graph, if that is small enough and of operations that can stand in one.
    pub fn new(graph: &Graph) -> Option<Flat> {
        Flat::with(graph, None)
    }

    /// The program of a lowered graph for positions side by side, each with its own of the first `rows` inputs.
    pub fn of_lanes(graph: &Graph, rows: usize) -> Option<Flat> {
        Flat::with(graph, Some(rows))
    }

    /// The program of one position of a batch, for some of them side by side, if there are enough.
    pub fn of_positions(batch: &Batch) -> Option<Flat> {
        if batch.count < POSITIONS_MIN {
            return None;
        }
        Flat::of_lanes(&batch.plan.graph, batch.rows.len())
    }

    fn with(graph: &Graph, rows: Option<usize>) -> Option<Flat> {
        let mut size = Size::default();
        size.add(graph)?;
        if rows.is_some() && size.elements > POSITION_MAX {
            return None;
        }
        match (size.has_f64, size.has_f32) {
            (true, true) => None,
            (false, true) => Some(Flat::F32(compile::program(graph, rows)?)),
            _ => Some(Flat::F64(compile::program(graph, rows)?)),
        }
    }

    /// The outputs for all positions of a batch, which are their leading axis: of `rows` each has its part, `whole` they share.
    pub fn run_positions(
        &self,
        level: Level,
        pool: Option<&rayon::ThreadPool>,
        count: usize,
        rows: &[&Tensor],
        whole: &[&Tensor],
    ) -> Vec<Tensor> {
        match self {
            Flat::F64(program) => program.run_positions(level, pool, count, rows, whole),
            Flat::F32(program) => program.run_positions(level, pool, count, rows, whole),
        }
    }

    /// The program of one node of a lowered graph.
    pub fn of_node(graph: &Graph, node: usize) -> Option<Flat> {
        let node = &graph.nodes()[node];
        let mut b = Builder::verbatim(&graph.name);
        let operands: Vec<Value> = node.operands.iter().map(|&v| b.input("", graph.ty(v).clone())).collect();
        let results = b.push(node.op.clone(), &operands).ok()?;
        Flat::new(&b.finish(results))
    }

    /// The outputs for `inputs`.
    pub fn run(&self, level: Level, inputs: &[&Tensor]) -> Vec<Tensor> {
        match self {
            Flat::F64(program) => program.run(level, inputs),
            Flat::F32(program) => program.run(level, inputs),
        }
    }
}

/// What a graph and those inside it amount to.
#[derive(Default)]
struct Size {
    nodes: usize,
    elements: usize,
    has_f64: bool,
    has_f32: bool,
}

impl Size {
    /// Adds a graph; nothing if it is not small.
    fn add(&mut self, graph: &Graph) -> Option<()> {
        let inputs = graph.inputs().iter().map(|input| input.value);
        inputs.chain(graph.nodes().iter().flat_map(|node| node.results.iter().copied())).try_for_each(
            |value| {
                let ty = graph.ty(value);
                let len = elements(ty)?;
                self.elements += len;
                self.has_f64 |= ty.dtype == DType::F64;
                self.has_f32 |= ty.dtype == DType::F32;
                (0 < len && len <= VALUE_MAX && self.elements <= ARENA_MAX).then_some(())
            },
        )?;
        self.nodes += graph.nodes().len();
        for node in graph.nodes() {
            let shape = |i: usize| graph.ty(node.operands[i]).static_shape();
            let work = match node.op.kernel() {
                Kernel::Matmul(op) => op.extents(&shape(0)?, &shape(1)?).work(),
                Kernel::Factor(_) | Kernel::Decompose(_) => shape(0)?.last()?.pow(3),
                _ => 0,
            };
            if self.nodes > NODES_MAX || work > WORK_MAX {
                return None;
            }
            node.op.regions().iter().try_for_each(|region| self.add(region))?;
        }
        Some(())
    }
}

/// How many elements a value of a static type has.
fn elements(ty: &Type) -> Option<usize> {
    Some(ty.static_shape()?.iter().product())
}

/// Where a value lies: `len` elements from `at` on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    kind: Kind,
    at: usize,
    len: usize,
}

impl Place {
    fn range(self) -> Range<usize> {
        self.at..self.at + self.len
    }
}

/// Which part of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// Floats, and truth values as 1 and 0.
    Number,
    /// Integers of every width, as i64 with the same value or, for u64, the same bits.
    Integer,
}

impl Kind {
    fn of(dtype: DType) -> Kind {
        if dtype.is_integer() { Kind::Integer } else { Kind::Number }
    }
}

/// Where the elements of a result come from, positions in the arena.
#[derive(Debug)]
enum Source {
    /// All from one.
    Splat(usize),
    /// Runs of `len` elements that stand one behind the other, from each of `starts` on.
    Runs { len: usize, starts: Box<[u32]> },
    /// Each of `of`, `len` times.
    Repeats { len: usize, of: Box<[u32]> },
    /// The columns, one behind the other, of a matrix whose rows stand so from `at` on.
    Columns { at: usize, rows: usize, columns: usize },
    /// Each from its own; +0 for [`NONE`].
    Each(Box<[u32]>),
}

/// No position: +0.
const NONE: u32 = u32::MAX;

/// One instruction. Numbers and integers are positions in the arena.
#[derive(Debug)]
enum Instruction<T> {
    /// Elementwise operations on numbers.
    Group(Group<T>),
    /// The elements of one place once more at another, such as where a loop carries them, one after the other.
    Copy(Vec<(Place, Place)>),
    /// Elements from other places.
    Move { from: Source, y: Place },
    /// A function of i64.
    Integers { function: Function, x: [usize; 2], y: Place },
    /// A comparison of i64, a truth value at each of `len` from `y` on.
    CompareIntegers { direction: Direction, x: [usize; 2], y: usize, len: usize },
    /// i64 chosen by truth values.
    SelectIntegers { mask: usize, x: [usize; 2], y: Place },
    /// Truth values as integers.
    TruthToInteger { x: usize, y: Place },
    /// A matrix product.
    Matmul { op: Matmul, extents: Extents, x: [usize; 2], y: usize },
    /// Each of `y` from `n` terms that stand one behind the other: combined, or of two factors and added.
    Lines { x: [usize; 2], dot: bool, combiner: Function, n: usize, y: Place },
    /// Factors of `count` matrices n×n: numbers, rows, statuses.
    Lu { x: usize, n: usize, count: usize, y: usize, rows: usize, info: usize },
    /// Solutions of `count` systems with triangles n×n for `columns` right-hand sides.
    Solve { triangle: Triangle, t: usize, x: usize, n: usize, columns: usize, count: usize, y: usize },
    /// `y.len / width` parts of `width` elements of `x`, which has `rows` of them, at the integers from `index` on.
    Gather { x: Place, width: usize, rows: usize, index: usize, y: Place },
    /// As `Copy`, for the positions that are active.
    Keep { active: usize, copies: Vec<(Place, Place)> },
    /// As `Matmul`, of `k` terms in one chain, for each position; all may share one of the operands.
    LaneMatmul { op: Matmul, extents: Extents, x: [usize; 2], shared: Option<usize>, y: usize },
    /// As `Lines`, of terms `step` elements apart, for each position.
    LaneLines { x: [usize; 2], dot: bool, combiner: Function, n: usize, step: usize, y: Place },
    /// As `Lu`, for each position.
    LaneLu { x: usize, n: usize, count: usize, y: usize, rows: usize, info: usize },
    /// As `Solve`, for each position.
    LaneSolve { triangle: Triangle, t: usize, x: usize, n: usize, columns: usize, count: usize, y: usize },
    /// As `Gather`, for each position.
    LaneGather { x: Place, width: usize, rows: usize, index: usize, y: Place },
    /// An operation by its law.
    Evaluate { op: Op, operands: Vec<(Place, Type)>, results: Vec<Place> },
    /// Goes to `to`.
    Jump { to: usize },
    /// Goes to `to` where a truth value does not hold.
    Unless { holds: usize, to: usize },
    /// Positions for which a truth value does not hold are active no more; goes to `to` when none is.
    UnlessAny { holds: usize, active: usize, to: usize },
    /// Goes to the branch that a predicate chooses, the last one for all beyond.
    Choose { predicate: Place, branches: Vec<usize> },
    /// Begins to count rounds.
    Begin { counter: usize },
    /// Goes to `to` after `rounds` rounds, else counts one more.
    Round { counter: usize, rounds: usize, to: usize },
    /// Row `counter - 1` of a sequence, from the last one on if `reverse`.
    Take { row: Row, y: Place },
    /// The same row of a stack.
    Put { x: Place, row: Row },
}

/// A row of a sequence of `rounds` rows, which a loop counts.
#[derive(Clone, Copy, Debug)]
struct Row {
    sequence: usize,
    counter: usize,
    rounds: usize,
    reverse: bool,
}

/// A list of instructions.
pub(super) struct Program<T> {
    /// Positions side by side.
    lanes: usize,
    /// What all positions share: done once before any of them.
    shared: Vec<Instruction<T>>,
    instructions: Vec<Instruction<T>>,
    /// What the arena holds before the first call: the constants. No instruction writes to them.
    numbers: Vec<T>,
    integers: Vec<i64>,
    /// Registers of the group that has the most.
    registers: usize,
    inputs: Vec<Place>,
    outputs: Vec<(Place, Type)>,
    spare: Mutex<Vec<Workspace<T>>>,
}

impl<T: Real> Program<T> {
    fn run(&self, level: Level, inputs: &[&Tensor]) -> Vec<Tensor> {
        let mut work = self.workspace();
        for (place, tensor) in self.inputs.iter().zip(inputs) {
            work.write(*place, tensor);
        }
        work.run(&self.instructions, self.lanes, level);
        let outputs = self.outputs.iter().map(|(place, ty)| work.tensor(*place, ty)).collect();
        self.give(work);
        outputs
    }

    /// An arena that holds the constants.
    fn workspace(&self) -> Workspace<T> {
        let spare = self.spare.lock().expect("no panic while held").pop();
        spare.unwrap_or_else(|| Workspace::new(self))
    }

    /// Leaves an arena to later calls.
    fn give(&self, work: Workspace<T>) {
        self.spare.lock().expect("no panic while held").push(work);
    }

    fn run_positions(
        &self,
        level: Level,
        pool: Option<&rayon::ThreadPool>,
        count: usize,
        rows: &[&Tensor],
        whole: &[&Tensor],
    ) -> Vec<Tensor> {
        let results: Vec<Mutex<Tensor>> = (self.outputs.iter())
            .map(|(_, ty)| {
                let shape = std::iter::once(count).chain(ty.static_shape().expect("lowered"));
                Mutex::new(Tensor::zeros(ty.dtype, shape.collect::<Vec<_>>()))
            })
            .collect();
        let (own, shared) = self.inputs.split_at(rows.len());
        let run = |tiles: Range<usize>| {
            let mut work = self.workspace();
            for (place, tensor) in shared.iter().zip(whole) {
                work.write(*place, tensor);
            }
            work.run(&self.shared, self.lanes, level);
            for tile in tiles {
                let positions = tile * self.lanes..count.min((tile + 1) * self.lanes);
                for (place, tensor) in own.iter().zip(rows) {
                    work.write_lanes(*place, tensor, self.lanes, positions.clone());
                }
                work.run(&self.instructions, self.lanes, level);
                for (result, (place, _)) in results.iter().zip(&self.outputs) {
                    let mut result = result.lock().expect("no panic while held");
                    work.read_lanes(*place, &mut result, self.lanes, positions.clone());
                }
            }
            self.give(work);
        };
        let tiles = count.div_ceil(self.lanes);
        match pool {
            Some(pool) if tiles > 1 => {
                let each = tiles.div_ceil(pool.current_num_threads() * PIECES);
                let start = |piece: usize| tiles.min(piece * each);
                let pieces = (0..tiles.div_ceil(each)).into_par_iter();
                pool.install(|| pieces.for_each(|piece| run(start(piece)..start(piece + 1))));
            }
            _ => run(0..tiles),
        }
        results.into_iter().map(|result| result.into_inner().expect("no panic while held")).collect()
    }
}
