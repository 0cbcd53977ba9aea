//! Writing graphs with ordinary operators.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::panic::Location as Caller;
use std::sync::Arc;
use tessera_core::ad;
use tessera_core::exec::{Backend, Function, Sharding};
use tessera_core::ir::{Builder, Extent, Graph, Location, Value};
use tessera_core::ops::{self, Direction, Op, Reduction, Stable, Violation};
use tessera_core::{DType, Tensor, Type};

/// A mistake in the building of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildError {
    /// The broken constraint's id, which `tessera explain` knows.
    pub id: &'static str,
    /// What must hold and what was got.
    pub message: String,
    /// The line of Rust that asked for it.
    pub place: &'static Caller<'static>,
}

/// Every mistake in the building of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildErrors(pub Vec<BuildError>);

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, e) in self.0.iter().enumerate() {
            let newline = if i > 0 { "\n" } else { "" };
            let (file, line, column) = (e.place.file(), e.place.line(), e.place.column());
            write!(f, "{newline}error[{}]: {}\n --> {file}:{line}:{column}", e.id, e.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildErrors {}

/// A graph under construction.
#[derive(Debug)]
pub struct Trace {
    builder: RefCell<Builder>,
    errors: RefCell<Vec<BuildError>>,
}

/// A value of a graph under construction.
///
/// Operators take Vars and numbers, and follow NumPy: shapes are aligned at the last axis, and an
/// axis of extent 1 is repeated. Mistakes are kept and reported, all at once, by
/// [`Trace::compile`]; what follows from a mistake is not.
#[derive(Clone, Copy, Debug)]
pub struct Var<'t> {
    trace: &'t Trace,
    value: Option<Value>,
}

impl Trace {
    /// An empty graph called `name`.
    pub fn new(name: &str) -> Trace {
        Trace { builder: RefCell::new(Builder::new(name)), errors: RefCell::default() }
    }

    /// An argument of the graph; extents are numbers or [`crate::ANY`].
    pub fn input<E: Into<Extent>>(
        &self,
        name: &str,
        dtype: DType,
        shape: impl IntoIterator<Item = E>,
    ) -> Var<'_> {
        self.var(self.builder.borrow_mut().input(name, Type::new(dtype, shape)))
    }

    /// A constant.
    pub fn constant(&self, value: Tensor) -> Var<'_> {
        self.var(self.builder.borrow_mut().constant(value))
    }

    /// Applies any operation with `N` results to `operands`: a loop ([`ops::Scan`], [`ops::While`], [`ops::Cond`]), a user's own
    /// ([`ops::custom`]), or one without a method. What is wrong with it is a mistake, kept for [`Trace::compile`].
    ///
    /// ```
    /// use tessera::{F64, Tensor, Trace, ops};
    /// let trace = Trace::new("backwards");
    /// let x = trace.input("x", F64, [3]);
    /// let [y] = trace.apply(std::sync::Arc::new(ops::Reverse { axes: vec![0] }), &[x]);
    /// let y = trace.compile([y])?.call(&[&Tensor::new([3], vec![1.0, 2.0, 3.0])])?;
    /// assert_eq!(y[0].values::<f64>(), [3.0, 2.0, 1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn apply<'t, const N: usize>(&'t self, op: Op, operands: &[Var<'t>]) -> [Var<'t>; N] {
        let place = Caller::caller();
        let values: Option<Vec<Value>> = operands.iter().map(|v| v.value).collect();
        let Some(values) = values else { return [Var { trace: self, value: None }; N] };
        let name = op.name();
        let pushed = self.builder.borrow_mut().at(Location::Code(place)).push(op, &values);
        let mistake = match pushed.map(<[Value; N]>::try_from) {
            Ok(Ok(results)) => return results.map(|value| self.var(value)),
            Ok(Err(results)) => {
                let message = format!("{name} must be asked for its {} results, got {N}", results.len());
                self.mistake("value-3", message, place)
            }
            Err(Violation { id, message, .. }) => self.mistake(id, message, place),
        };
        [mistake; N]
    }

    /// The finished graph.
    ///
    /// # Errors
    /// Every mistake made while building it.
    pub fn graph<'t>(&'t self, outputs: impl IntoIterator<Item = Var<'t>>) -> Result<Graph, BuildErrors> {
        let outputs: Option<Vec<Value>> = outputs.into_iter().map(|v| v.value).collect();
        match outputs {
            Some(outputs) if self.errors.borrow().is_empty() => Ok(self.builder.borrow().snapshot(outputs)),
            _ => Err(BuildErrors(self.errors.borrow().clone())),
        }
    }

    /// The graph, ready to be called on all cores.
    ///
    /// # Errors
    /// Every mistake made while building it.
    pub fn compile<'t>(
        &'t self,
        outputs: impl IntoIterator<Item = Var<'t>>,
    ) -> Result<Function, BuildErrors> {
        Ok(Function::new(self.graph(outputs)?, Backend::default()))
    }

    /// The graph, ready to be called with this rank's rows: see [`Function::sharded`].
    ///
    /// # Errors
    /// Every mistake made while building it.
    pub fn compile_sharded<'t>(
        &'t self,
        outputs: impl IntoIterator<Item = Var<'t>>,
        backend: Backend,
        sharding: Sharding,
    ) -> Result<Function, BuildErrors> {
        Ok(Function::sharded(self.graph(outputs)?, backend, sharding))
    }

    fn var(&self, value: Value) -> Var<'_> {
        Var { trace: self, value: Some(value) }
    }

    fn mistake(&self, id: &'static str, message: String, place: &'static Caller<'static>) -> Var<'_> {
        self.errors.borrow_mut().push(BuildError { id, message, place });
        Var { trace: self, value: None }
    }

    fn push(&self, op: Op, operands: &[Var], place: &'static Caller<'static>) -> Var<'_> {
        let values: Option<Vec<Value>> = operands.iter().map(|v| v.value).collect();
        let Some(values) = values else { return Var { trace: self, value: None } };
        let result = self.builder.borrow_mut().at(Location::Code(place)).push(op, &values);
        match result {
            Ok(results) => self.var(results[0]),
            Err(Violation { id, message, .. }) => self.mistake(id, message, place),
        }
    }
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident = $function:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(self) -> Var<'t> {
            self.trace.push(Arc::new(ops::Elementwise(ops::Function::$function)), &[self], Caller::caller())
        }
    )*};
}

mod operations;
mod solvers;

pub use solvers::{LinearSolver, Precondition, Solved, Solver};

impl<'t> Var<'t> {
    unary! {
        /// eˣ.
        exp = Exp;
        /// Natural logarithm.
        log = Log;
        /// √x.
        sqrt = Sqrt;
        /// sin x, x in radians.
        sin = Sin;
        /// cos x, x in radians.
        cos = Cos;
        /// tanh x.
        tanh = Tanh;
        /// 1 / (1 + e⁻ˣ).
        sigmoid = Sigmoid;
        /// max(x, 0).
        relu = Relu;
        /// |x|.
        abs = Abs;
    }

    /// The type, unless a mistake precedes.
    pub fn ty(self) -> Option<Type> {
        self.value.map(|v| self.trace.builder.borrow().ty(v).clone())
    }

    /// xʸ.
    #[track_caller]
    pub fn pow(self, y: impl Operand<'t>) -> Var<'t> {
        self.binary(ops::Function::Pow, y, Caller::caller())
    }

    /// The larger of two.
    #[track_caller]
    pub fn max(self, y: impl Operand<'t>) -> Var<'t> {
        self.binary(ops::Function::Max, y, Caller::caller())
    }

    /// The smaller of two.
    #[track_caller]
    pub fn min(self, y: impl Operand<'t>) -> Var<'t> {
        self.binary(ops::Function::Min, y, Caller::caller())
    }

    /// Where `self < y`, as bool.
    #[track_caller]
    pub fn lt(self, y: impl Operand<'t>) -> Var<'t> {
        self.compare(Direction::Lt, y, Caller::caller())
    }

    /// Where `self > y`, as bool.
    #[track_caller]
    pub fn gt(self, y: impl Operand<'t>) -> Var<'t> {
        self.compare(Direction::Gt, y, Caller::caller())
    }

    /// `a` where this mask holds, else `b`.
    #[track_caller]
    pub fn select(self, a: impl Operand<'t>, b: impl Operand<'t>) -> Var<'t> {
        let place = Caller::caller();
        let like = self.convert(DType::F64);
        let (a, b) = (a.like(like), b.like(like));
        let (a, b) = align(a, b, place);
        let (mask, a) = align(self, a, place);
        let (_, b) = align(mask, b, place);
        self.trace.push(Arc::new(ops::Select), &[mask, a, b], place)
    }

    /// Conversion to another element type.
    #[track_caller]
    pub fn convert(self, to: DType) -> Var<'t> {
        self.trace.push(Arc::new(ops::Convert { to }), &[self], Caller::caller())
    }

    /// The matrix product.
    #[track_caller]
    pub fn matmul(self, right: Var<'t>) -> Var<'t> {
        self.trace.push(Arc::new(ops::Matmul::default()), &[self, right], Caller::caller())
    }

    /// The matrix transposed (its last two axes exchanged).
    #[track_caller]
    pub fn transpose(self) -> Var<'t> {
        let mut permutation: Vec<usize> = (0..self.ty().map_or(0, |ty| ty.ndim())).collect();
        let n = permutation.len();
        if n >= 2 {
            permutation.swap(n - 2, n - 1);
        }
        self.trace.push(Arc::new(ops::Transpose { permutation }), &[self], Caller::caller())
    }

    /// The same elements under another shape, one extent of which may be −1.
    #[track_caller]
    pub fn reshape(self, shape: &[i64]) -> Var<'t> {
        self.trace.push(Arc::new(ops::Reshape::to(shape)), &[self], Caller::caller())
    }

    /// Indices `range` along `axis`.
    #[track_caller]
    pub fn slice(self, axis: usize, range: std::ops::Range<usize>) -> Var<'t> {
        let ndim = self.ty().map_or(0, |ty| ty.ndim());
        let place = Caller::caller();
        if axis >= ndim {
            return self.trace.mistake("slice-1", format!("axis must be below {ndim}, got {axis}"), place);
        }
        self.trace.push(Arc::new(ops::Slice::along(ndim, axis, range)), &[self], place)
    }

    /// The sum of all elements, in the law's order.
    #[track_caller]
    pub fn sum(self) -> Var<'t> {
        self.reduce(Reduction::Sum, None)
    }

    /// The sum of all elements, in the law's order and with its error kept small as `stable` says.
    #[track_caller]
    pub fn sum_stable(self, stable: Stable) -> Var<'t> {
        let sum = ops::Reduce { reduction: Reduction::Sum, axes: None, stable: Some(stable) };
        self.trace.push(Arc::new(sum), &[self], Caller::caller())
    }

    /// The dot product with `y`, of the same shape, over the last axis.
    #[track_caller]
    pub fn dot(self, y: Var<'t>) -> Var<'t> {
        self.trace.push(Arc::new(ops::Dot::default()), &[self, y], Caller::caller())
    }

    /// [`Var::dot`] with its error kept small as `stable` says.
    #[track_caller]
    pub fn dot_stable(self, y: Var<'t>, stable: Stable) -> Var<'t> {
        self.trace.push(Arc::new(ops::Dot { stable: Some(stable) }), &[self, y], Caller::caller())
    }

    /// The mean of all elements.
    #[track_caller]
    pub fn mean(self) -> Var<'t> {
        self.reduce(Reduction::Mean, None)
    }

    /// A reduction over `axes`, ascending; `None` is all.
    #[track_caller]
    pub fn reduce(self, reduction: Reduction, axes: Option<Vec<usize>>) -> Var<'t> {
        self.trace.push(Arc::new(ops::Reduce { reduction, axes, stable: None }), &[self], Caller::caller())
    }

    /// exp(x − max x) / Σ exp(x − max x) along the last axis.
    #[track_caller]
    pub fn softmax(self) -> Var<'t> {
        self.trace.push(Arc::new(ops::Softmax), &[self], Caller::caller())
    }

    /// The derivative by `x` element by element, where row i of `self` depends on row i of `x`
    /// alone: ∂u/∂x of a field u at points x. Forward mode along ones.
    #[track_caller]
    pub fn derivative(self, x: Var<'t>) -> Var<'t> {
        let ones = x.value.map(|v| self.trace.builder.borrow_mut().ones_like(v));
        self.tangent(x, Var { trace: self.trace, value: ones })
    }

    /// The tangent of `self` when `x` moves along `direction`: a Jacobian–vector product.
    #[track_caller]
    pub fn tangent(self, x: Var<'t>, direction: Var<'t>) -> Var<'t> {
        let place = Caller::caller();
        let (Some(y), Some(x), Some(d)) = (self.value, x.value, direction.value) else {
            return Var { trace: self.trace, value: None };
        };
        let result = {
            let mut b = self.trace.builder.borrow_mut();
            if b.ty(x) != b.ty(d) {
                let got = format!("the direction must be {}, as what moves, got {}", b.ty(x), b.ty(d));
                Err(ad::AdError::new("ad-4", got))
            } else {
                ad::forward(&mut b, &[y], &[x], &[d]).map(|t| t[0].unwrap_or_else(|| b.zeros_like(y)))
            }
        };
        match result {
            Ok(value) => self.trace.var(value),
            Err(e) => self.trace.mistake(e.id, e.message, place),
        }
    }

    /// The gradient of this scalar by each of `wrt`. Reverse mode.
    #[track_caller]
    pub fn gradient<const N: usize>(self, wrt: [Var<'t>; N]) -> [Var<'t>; N] {
        let place = Caller::caller();
        let nothing = [Var { trace: self.trace, value: None }; N];
        let values: Option<Vec<Value>> = wrt.iter().map(|v| v.value).collect();
        let (Some(y), Some(values)) = (self.value, values) else { return nothing };
        let result = {
            let mut b = self.trace.builder.borrow_mut();
            let ty = b.ty(y).clone();
            if ty.ndim() > 0 || !ty.dtype.is_float() {
                Err(ad::AdError::new("ad-3", format!("what has a gradient must be a float scalar, got {ty}")))
            } else {
                let seed = b.ones_like(y);
                ad::backward(&mut b, &[y], &[seed], &values).map(|gradients| {
                    let pairs = gradients.into_iter().zip(&values);
                    pairs.map(|(g, &x)| g.unwrap_or_else(|| b.zeros_like(x))).collect::<Vec<_>>()
                })
            }
        };
        match result {
            Ok(gradients) => std::array::from_fn(|i| self.trace.var(gradients[i])),
            Err(e) => {
                self.trace.mistake(e.id, e.message, place);
                nothing
            }
        }
    }

    fn binary(
        self,
        function: ops::Function,
        y: impl Operand<'t>,
        place: &'static Caller<'static>,
    ) -> Var<'t> {
        let (x, y) = align(self, y.like(self), place);
        self.trace.push(Arc::new(ops::Elementwise(function)), &[x, y], place)
    }

    fn compare(self, direction: Direction, y: impl Operand<'t>, place: &'static Caller<'static>) -> Var<'t> {
        let (x, y) = align(self, y.like(self), place);
        self.trace.push(Arc::new(ops::Compare { direction }), &[x, y], place)
    }
}

/// What can stand beside a [`Var`]: another, or a number, which takes its element type.
pub trait Operand<'t>: Copy {
    /// The operand as a Var beside `other`.
    fn like(self, other: Var<'t>) -> Var<'t>;
}

impl<'t> Operand<'t> for Var<'t> {
    fn like(self, _: Var<'t>) -> Var<'t> {
        self
    }
}

impl<'t> Operand<'t> for f64 {
    fn like(self, other: Var<'t>) -> Var<'t> {
        let Some(ty) = other.ty() else { return other };
        other.trace.var(other.trace.builder.borrow_mut().number(ty.dtype, self))
    }
}

/// Both operands under their common shape, as NumPy broadcasts.
fn align<'t>(x: Var<'t>, y: Var<'t>, place: &'static Caller<'static>) -> (Var<'t>, Var<'t>) {
    let (Some(tx), Some(ty)) = (x.ty(), y.ty()) else { return (x, y) };
    if tx.shape == ty.shape {
        return (x, y);
    }
    let ndim = tx.ndim().max(ty.ndim());
    let at = |t: &Type, axis: usize| {
        (axis + t.ndim()).checked_sub(ndim).map_or(Extent::Static(1), |axis| t.shape[axis])
    };
    let one = Extent::Static(1);
    let shape: Vec<Extent> = (0..ndim)
        .map(|axis| match (at(&tx, axis), at(&ty, axis)) {
            (a, b) if a == one => b,
            (a, b) if b == one => a,
            (a, b) => a.merge(b),
        })
        .collect();
    let spread = |v: Var<'t>, t: &Type, other: Var<'t>, to: &Type| {
        if t.shape == shape || (t.ndim() == ndim && !t.shape.contains(&one)) {
            return v;
        }
        let dims = (ndim - t.ndim()..ndim).collect();
        let fixed: Option<Vec<usize>> = shape.iter().map(|e| e.known()).collect();
        match fixed {
            Some(shape) => v.trace.push(Arc::new(ops::Broadcast { dims, shape: Some(shape) }), &[v], place),
            None if to.shape == shape => {
                v.trace.push(Arc::new(ops::Broadcast { dims, shape: None }), &[v, other], place)
            }
            None => {
                let message = format!(
                    "operands of shapes {t} and {to} must be broadcast by hand: neither has the result's `?` extents"
                );
                v.trace.mistake("broadcast-1", message, place)
            }
        }
    };
    (spread(x, &tx, y, &ty), spread(y, &ty, x, &tx))
}

macro_rules! operators {
    ($($operator:ident, $method:ident;)*) => {$(
        impl<'t, R: Operand<'t>> $operator<R> for Var<'t> {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, right: R) -> Var<'t> {
                self.binary(ops::Function::$operator, right, Caller::caller())
            }
        }

        impl<'t> $operator<Var<'t>> for f64 {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, right: Var<'t>) -> Var<'t> {
                self.like(right).binary(ops::Function::$operator, right, Caller::caller())
            }
        }
    )*};
}
operators! { Add, add; Sub, sub; Mul, mul; Div, div; Rem, rem; }

impl<'t> Neg for Var<'t> {
    type Output = Var<'t>;
    #[track_caller]
    fn neg(self) -> Var<'t> {
        self.trace.push(Arc::new(ops::Elementwise(ops::Function::Neg)), &[self], Caller::caller())
    }
}
