//! The operations of `tgraph`, one file per family; each operation states everything about itself
//! in one place: its constraints, result type, value, calculus, row map and kernel form.
//!
//! Nothing outside this folder asks which operation it has before it: differentiation reads
//! [`Calculus`], engines read [`Rows`] and [`Kernel`], passes call [`Rule::simplify`].

mod batch;
mod composite;
mod constant;
mod contract;
mod convolution;
mod cumulative;
mod custom;
mod dot;
mod elementwise;
pub mod expression;
mod index;
mod integer;
mod linalg;
mod matmul;
mod order;
mod part;
mod predicate;
mod quantifier;
mod random;
mod reduce;
mod registry;
mod select;
mod shape;
mod structured;
mod window;

pub use batch::{Batch, Repeat};
pub use composite::{CrossEntropy, LogSumExp, Norm, Softmax};
pub use constant::{Constant, Iota};
pub use contract::Contract;
pub use convolution::{Convolution, Fold, Unfold, Windows};
pub use cumulative::Cumsum;
pub use custom::{Custom, custom};
pub use dot::Dot;
pub use elementwise::{Compare, Convert, Direction, Elementwise, Function};
pub use index::{Gather, OneHot, ScatterAdd};
pub use linalg::{
    Cholesky, Condition, Decomposition, Det, Eigh, Inverse, Logdet, Lstsq, Lu, Pinv, Qr, Slogdet,
};
pub use linalg::{DenseSolve, Structure, Svd, Triangle, TriangularSolve};
pub use matmul::{Extents, Matmul};
pub use order::{ArgExtreme, Argsort, Reverse, Sort};
pub use part::{Concat, Pad, Slice};
pub use predicate::Predicate;
pub use quantifier::{Quantifier, Quantity};
pub use random::{Distribution, Half, Permutation, Random, RandomBits};
pub use reduce::{Reduce, Reduction, Size, Stable};
pub use registry::{Constraint, Entry, constraints, entries, entry, explain};
pub use select::Select;
pub use shape::{Broadcast, Reshape, Transpose};
pub use structured::{
    Call, Checkpoint, Cond, Converged, Descent, FixedPoint, Iteration, Keep, Kind, LinearOptions,
    LinearSolve, Method, Minimize, Nonlinear, Preconditioner, Problem, Root, Scan, Search, Solve, Status,
    StopGradient, Task, UNKNOWNS_OF_LU, While,
};
pub use window::{DynamicSlice, DynamicUpdateSlice};

use crate::ad::{AdError, Path};
use crate::ir::{Attributes, Builder, Graph, Type, Value};
use crate::tensor::Tensor;
use std::fmt::Debug;
use std::sync::Arc;

/// An operation with its attributes.
pub type Op = Arc<dyn Rule>;

/// A broken constraint.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Violation {
    /// The constraint's id, such as `matmul-2`, which `tessera explain` knows.
    pub id: &'static str,
    /// What must hold and what was got.
    pub message: String,
    /// How to mend it, where that can be said.
    pub help: Option<String>,
}

impl Violation {
    /// A broken constraint without advice of its own.
    pub fn new(id: &'static str, message: impl Into<String>) -> Violation {
        Violation { id, message: message.into(), help: None }
    }

    /// With advice.
    pub fn help(mut self, help: impl Into<String>) -> Violation {
        self.help = Some(help.into());
        self
    }
}

/// Gives the outputs of a region for its inputs.
pub type Run<'a> = &'a dyn Fn(usize, &[&Tensor]) -> Vec<Tensor>;

/// Everything about one operation.
pub trait Rule: Debug + Send + Sync + 'static {
    /// The IR word, without `tgraph.`.
    fn name(&self) -> &'static str;

    /// The attributes, as printed.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    /// The result type where operands and attributes do not determine it (a constant).
    fn declared(&self) -> Option<Type> {
        None
    }

    /// The graphs inside a structured operation. They are closed: what they use is passed in.
    fn regions(&self) -> &[Arc<Graph>] {
        &[]
    }

    /// The operation with other graphs inside, which have the same types.
    fn with_regions(&self, _regions: Vec<Arc<Graph>>) -> Option<Op> {
        None
    }

    /// As [`Rule::with_regions`], with graphs that give the same bits.
    fn with_same_regions(&self, regions: Vec<Arc<Graph>>) -> Option<Op> {
        self.with_regions(regions)
    }

    /// The operation of which this is a batch, where engines may take either.
    fn alone(&self) -> Option<&Alone> {
        None
    }

    /// The types of the inputs of each region, for operands of these types.
    fn region_inputs(&self, _x: &[&Type]) -> Vec<Vec<Type>> {
        Vec::new()
    }

    /// Result types, or the numbered constraint that the operands break.
    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation>;

    /// The value, by the law: slow, plain, and binding for every backend. Operands satisfy
    /// [`Rule::infer`]; a composite operation states [`Rule::expand`] instead.
    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        match self.regions() {
            [] => crate::exec::reference::evaluate_expansion(self, x),
            regions => self.evaluate_with(x, &|i, x| crate::exec::reference::run(&regions[i], x)),
        }
    }

    /// The value of an operation with regions, where `run(i, inputs)` gives the outputs of region `i`: for the
    /// reference, and for engines that have prepared the regions.
    fn evaluate_with(&self, _x: &[&Tensor], _run: Run) -> Vec<Tensor> {
        unreachable!("{} has no regions", self.name())
    }

    /// What differentiation needs to know.
    fn calculus(&self) -> Calculus<'_>;

    /// The same in simpler operations, with the same bits: for an operation that is defined by
    /// others. Engines and differentiation may always use it.
    fn expand(&self, _b: &mut Builder, _x: &[Value]) -> Option<Vec<Value>> {
        None
    }

    /// What differentiation goes through under [`Calculus::Expansion`]: another form with the same
    /// value up to rounding, where the value itself is a law of its own (a product over an axis).
    fn expand_for_derivative(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        self.expand(b, x)
    }

    /// An existing or simpler value that has the same bits as the operation on `x`.
    fn simplify(&self, _b: &mut Builder, _x: &[Value]) -> Option<Value> {
        None
    }

    /// One operation that does what this one does on `x` and `other` on `y`, if most of it is the same work. Neither needs
    /// the other's results.
    fn merge(&self, _graph: &Graph, _x: &[Value], _other: &dyn Rule, _y: &[Value]) -> Option<Merged> {
        None
    }

    /// Whether exchanging the two operands gives the same bits (but for NaN payloads).
    fn is_commutative(&self) -> bool {
        false
    }

    /// Which rows of the operands a range of rows of the result needs, for operands of these
    /// static types.
    fn rows(&self, _x: &[&Type], _y: &Type) -> Option<Rows> {
        None
    }

    /// What is added to each index of the result to get the operand's, if the operation is nothing but a view of its operand, with +0 outside of it.
    fn window(&self) -> Option<Vec<isize>> {
        None
    }

    /// Whether each element of the result is one of the operands', or +0, which one depending on nothing but where it stands: the same for all
    /// element types, and for operands of one.
    fn moves(&self) -> bool {
        false
    }

    /// The operation for a tile of `rows` rows, where an attribute states the row extent.
    fn for_rows(&self, _rows: usize) -> Option<Op> {
        None
    }

    /// The operation at every position along a new axis that leads the operands which `x` marks, and
    /// all results. Each position has the bits of the operation alone.
    ///
    /// # Errors
    /// `type-2` if a value is too large; a constraint of an operation that it is made of, where that has none for such
    /// operands: above all of one that [`custom`] gives.
    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation>;

    /// The operation on one row: the same for the result and all [`RowUse::Pointwise`] operands without
    /// their leading axis. It undoes [`Rule::batch`].
    fn for_one_row(&self, _x: &[&Type], _y: &Type) -> Option<Op> {
        None
    }

    /// Where all rows of the result are alike, because they repeat the first operand, which is of type `x`: which axis of a row each
    /// axis of that is.
    fn every_row(&self, _x: &Type) -> Option<Vec<usize>> {
        None
    }

    /// Which result says whether the operation found what it looked for: a [`Status`], 0 where it did.
    fn status(&self) -> Option<usize> {
        None
    }

    /// The operation on `x` with `regions` in place of its own, which return reports of three values, a [`Status`] first, behind their own results: its results, and the
    /// reports behind them, of a loop those of all rounds along a leading axis or the first of each that failed. `None` for one that keeps them to itself.
    fn with_reports(&self, _b: &mut Builder, _x: &[Value], _regions: Vec<Arc<Graph>>) -> Option<Vec<Value>> {
        None
    }

    /// An estimate of the condition of the equation that it solved, at its results `y` for operands `x` of static types.
    fn condition(&self, _b: &mut Builder, _x: &[Value], _y: &[Value]) -> Option<Value> {
        None
    }

    /// How an engine may compute it other than by [`Rule::evaluate`].
    fn kernel(&self) -> Kernel<'_> {
        Kernel::Opaque
    }
}

/// An operation at one position of a batch. All results of the batch have the batch axis, and each position the bits of the operation alone.
#[derive(Clone, Debug)]
pub struct Alone {
    /// The operation.
    pub op: Op,
    /// For each operand of the batch, whether its leading axis is the batch axis; else all positions share it.
    pub over: Vec<bool>,
}

/// The structure of an operation's derivative, from which every mode follows.
pub enum Calculus<'a> {
    /// Piecewise constant, or not of a floating-point type: derivatives stop here.
    Constant,
    /// Acts on each element alone; states the slope for each operand.
    Slopes(&'a dyn Slopes),
    /// Linear in some operands taken together; states its transpose.
    Linear(&'a dyn Linear),
    /// A product of two operands, linear in each; states its two partial transposes.
    Bilinear(&'a dyn Bilinear),
    /// States a differential, an adjoint or both, derived by hand.
    Rules(&'a dyn HandRules),
    /// Has regions, or several results; states both rules, built from the derivatives of its regions.
    Structured(&'a dyn Structured),
    /// Differentiated through [`Rule::expand`].
    Expansion,
    /// No derivative is known: an error, with the reason, when a derivative is asked for.
    Missing(&'a str),
}

/// The factor that an elementwise operation puts on a tangent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slope {
    /// The operand has no influence.
    Zero,
    /// 1.
    One,
    /// −1.
    MinusOne,
    /// A value of the result's shape.
    Is(Value),
}

/// See [`Calculus::Slopes`].
pub trait Slopes {
    /// ∂y/∂x_i as graph expressions of the operands `x` and the result `y`.
    fn slope(&self, b: &mut Builder, x: &[Value], y: Value, i: usize) -> Slope;
}

/// See [`Calculus::Linear`].
pub trait Linear {
    /// Whether the operation is linear in operand `i` (jointly with the other such operands).
    fn is_linear_in(&self, i: usize) -> bool;
    /// The cotangent of operand `i`, from the cotangent of the result.
    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value) -> Value;
    /// Whether a zero of the transpose stands for "this branch was not taken", so that nothing
    /// behind it, not even an infinite slope, may turn it into NaN.
    fn guards(&self) -> bool {
        false
    }
    /// The axes of the first operand, of type `x`, over which it adds up, if it does nothing else and in no order that is asked for.
    fn summed_axes(&self, _x: &Type) -> Option<Vec<usize>> {
        None
    }
}

/// See [`Calculus::Bilinear`].
pub trait Bilinear {
    /// The cotangent of operand `i` (0 or 1). Where `guarded`, zeros of `dy` annihilate.
    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value, guarded: bool) -> Value;
    /// Whether zeros of the other operand annihilate, so that the cotangent of `i` is guarded.
    fn guards(&self, _i: usize) -> bool {
        false
    }
    /// Whether f(f(x, y), z) = f(x, f(y, z)), but for rounding, for operands of the result's type.
    fn is_associative(&self) -> bool {
        false
    }
}

/// A mode of differentiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Tangents, from the inputs to the outputs.
    Forward,
    /// Cotangents, from the outputs to the inputs.
    Reverse,
}

/// See [`Calculus::Rules`]. One result.
pub trait HandRules {
    /// Whether the rule that a mode needs is stated: the differential, the adjoint. The other mode is refused.
    fn states(&self, _mode: Mode) -> bool {
        true
    }
    /// What the tangent `dx` of operand `i` adds to the tangent of the result.
    fn differential(&self, b: &mut Builder, x: &[Value], y: Value, i: usize, dx: Value) -> Value;
    /// The cotangent of operand `i`. Where `guarded`, zeros of `dy` annihilate.
    fn adjoint(&self, b: &mut Builder, x: &[Value], y: Value, i: usize, dy: Value, guarded: bool) -> Value;
    /// See [`Linear::guards`].
    fn guards(&self) -> bool {
        false
    }
}

/// A cotangent in reverse mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cotangent {
    /// Its value, of the type of what it belongs to.
    pub value: Value,
    /// Whether it came through nothing but branches that may not have been taken, so that its zeros annihilate.
    pub guarded: bool,
}

/// See [`Calculus::Structured`]. In every list stands one entry for each operand or each result; `None` is a zero
/// that need not be computed.
pub trait Structured {
    /// For each result, whether it depends on operands for which `active` holds.
    fn depends(&self, active: &[bool]) -> Vec<bool>;
    /// The tangents of the results.
    fn differential(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dx: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, AdError>;
    /// The cotangents of the `wanted` operands.
    fn adjoint(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dy: &[Option<Cotangent>],
        wanted: &[bool],
    ) -> Result<Vec<Option<Cotangent>>, AdError>;
    /// The results by operations of which some need nothing for which `moves` holds, and give what the others take besides: so what
    /// does not move can be computed apart, once. Nothing where it stays one operation.
    fn divide(&self, _b: &mut Builder, _x: &[Value], _moves: &[bool]) -> Option<Vec<Value>> {
        None
    }
    /// The operation as one whose first result solves an equation, if it is.
    fn implicit(&self) -> Option<&dyn Implicit> {
        None
    }
}

/// An operation whose first result solves an equation; the others are constants for derivatives.
pub trait Implicit {
    /// The Taylor coefficient of the first result behind `lower`, those of t, t², …, where operands `x` follow `paths`, whose coefficients go one
    /// order further.
    fn coefficient(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        paths: &[Path],
        lower: &[Option<Value>],
    ) -> Result<Option<Value>, AdError>;
}

/// See [`Rule::merge`].
#[derive(Debug)]
pub struct Merged {
    /// The operation.
    pub op: Op,
    /// Its operands.
    pub operands: Vec<Value>,
    /// For both operations, which of its results are theirs.
    pub results: [Vec<usize>; 2],
}

/// How rows (positions along the leading axis) of a result depend on an operand's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowUse {
    /// Row `r` needs row `r`.
    Pointwise,
    /// Every row needs the whole operand.
    Whole,
    /// Only the operand's shape matters.
    Shape,
}

/// An operation's row map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// For each operand.
    pub operands: Vec<RowUse>,
    /// Whether the result has the rows, or is a tree over them (law 3 or 4).
    pub reduced: bool,
}

impl Rows {
    /// Result rows from the same rows of every operand.
    pub fn pointwise(operands: usize) -> Rows {
        Rows { operands: vec![RowUse::Pointwise; operands], reduced: false }
    }
}

/// See [`Kernel::Factor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// The factor and the status of [`Cholesky`].
    Cholesky,
    /// The factors, rows and status of [`Lu`].
    Lu,
    /// The solution of [`TriangularSolve`].
    Solve(Triangle),
}

/// The forms that engines have kernels for.
#[derive(Clone, Copy, Debug)]
pub enum Kernel<'a> {
    /// A function of each element.
    Elementwise(Function),
    /// `select(c, a, b)` on each element.
    Select,
    /// A comparison of each element.
    Compare(Direction),
    /// A conversion of each element.
    Convert,
    /// A dense constant.
    Constant(&'a Arc<Tensor>),
    /// Repetition along new or unit axes; `dims[i]` is the result axis of operand axis `i`.
    Broadcast {
        /// Result axis of each operand axis.
        dims: &'a [usize],
    },
    /// A matrix product by law 4.
    Matmul(&'a Matmul),
    /// A matrix product whose elements are stable dot products, by law 3.
    StableMatmul(&'a Matmul),
    /// A reduction by law 3 over `axes`.
    Reduce {
        /// What is reduced with.
        reduction: Reduction,
        /// Reduced axes, ascending.
        axes: &'a [usize],
        /// How a sum keeps its error small.
        stable: Stable,
    },
    /// The dot product over the last axis, by law 4.
    Dot {
        /// How it keeps its error small.
        stable: Stable,
    },
    /// The same elements, row-major, under another shape.
    Reshape,
    /// Factors of matrices, or solutions with triangles, by law 11.
    Factor(Factor),
    /// Factors of each matrix of a batch, by code that is one for all levels.
    Decompose(Decomposition),
    /// Consecutive columns: `slice` of the last axis only, from `start`, unit step.
    Columns {
        /// First column.
        start: usize,
    },
    /// Side by side along the last axis.
    ConcatColumns,
    /// The parts of the first operand along its leading axis at the integers of the second; +0 for one outside.
    Gather,
    /// The only region, applied to the operands.
    Call,
    /// The region that the first operand chooses, applied to the others: the first where it is true, or that of its number, the nearest for one
    /// outside.
    Choice,
    /// The second region applied to the carried values, the first `carries` operands, and all others while the first gives true, `max` times at most.
    While {
        /// Carried values.
        carries: usize,
        /// The most rounds.
        max: Option<usize>,
    },
    /// The only region applied to `carries` carried values, the next row of each of `rows` sequences, and all other operands; what it gives
    /// beside the carried values is stacked.
    Scan {
        /// Carried values.
        carries: usize,
        /// Sequences.
        rows: usize,
        /// Rounds where there is no sequence.
        length: Option<usize>,
        /// From the last row to the first.
        reverse: bool,
    },
    /// [`Rule::evaluate`].
    Opaque,
}

impl Kernel<'_> {
    /// Whether each result element costs a few operations, so that computing it again costs about what keeping it does.
    pub fn is_cheap(&self) -> bool {
        matches!(
            self,
            Kernel::Elementwise(_)
                | Kernel::Select
                | Kernel::Compare(_)
                | Kernel::Convert
                | Kernel::Constant(_)
                | Kernel::Broadcast { .. }
                | Kernel::Reshape
                | Kernel::Columns { .. }
                | Kernel::ConcatColumns
        )
    }
}
