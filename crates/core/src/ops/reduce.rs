//! Reductions by law 3, and the number of elements they run over.

use super::batch::shifted;
use super::registry::only;
use super::shape::naturals;
use super::*;
use crate::ir::{Attribute, DType, Extent};
use crate::numerics::lanes::Real;
use crate::numerics::{reduce, tree};
use crate::tensor::{Data, Element, strides};

use super::integer::Discrete;

/// What a reduction combines with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Σ, in the order of law 3; +0 over nothing.
    Sum,
    /// Σ divided by the number of elements.
    Mean,
    /// The largest; NaN wins, −0 < +0.
    Max,
    /// The smallest; NaN wins, −0 < +0.
    Min,
    /// Π, in the order of law 3; 1 over nothing.
    Prod,
}

impl Reduction {
    /// Every reduction.
    pub const ALL: [Reduction; 5] =
        [Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::Prod];

    /// The word in the IR's text.
    pub fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "sum",
            Reduction::Mean => "mean",
            Reduction::Max => "max",
            Reduction::Min => "min",
            Reduction::Prod => "prod",
        }
    }

    /// The function that combines two partial results.
    pub fn combiner(self) -> Function {
        match self {
            Reduction::Sum | Reduction::Mean => Function::Add,
            Reduction::Max => Function::Max,
            Reduction::Min => Function::Min,
            Reduction::Prod => Function::Mul,
        }
    }
}

/// How a sum or a dot product keeps its rounding errors small; all run in the order of law 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stable {
    /// Additions rounded one by one: the error grows with the depth of the tree.
    #[default]
    Pairwise,
    /// The errors are summed beside and added at the end: as if in twice the precision, then rounded.
    Kahan,
    /// The sum is held in two numbers.
    DoubleDouble,
}

impl Stable {
    /// Every policy.
    pub const ALL: [Stable; 3] = [Stable::Pairwise, Stable::Kahan, Stable::DoubleDouble];

    /// The word in the IR's text.
    pub fn name(self) -> &'static str {
        match self {
            Stable::Pairwise => "pairwise",
            Stable::Kahan => "kahan",
            Stable::DoubleDouble => "double_double",
        }
    }

    /// The policy that an operation's attribute `stable` states; `id` is the constraint that it breaks otherwise.
    pub(super) fn parse(attributes: &Attributes, id: &'static str) -> Result<Option<Stable>, Violation> {
        let Some(attribute) = attributes.get("stable") else { return Ok(None) };
        let word = if let Attribute::Text(word) = attribute { word } else { "" };
        let stable = Stable::ALL.into_iter().find(|stable| stable.name() == word);
        let got = || format!("stable must be \"pairwise\", \"kahan\" or \"double_double\", got \"{word}\"");
        stable.map(Some).ok_or_else(|| Violation::new(id, got()))
    }
}

/// `attributes` with the policy that an operation states.
pub(super) fn with_stable(attributes: Attributes, stable: Option<Stable>) -> Attributes {
    match stable {
        None => attributes,
        Some(stable) => attributes.with("stable", Attribute::Text(stable.name().into())),
    }
}

/// A reduction over axes. Over several axes it is the reduction over the last, then over the one
/// before it, and so on: each is law 3 over one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// What is combined with.
    pub reduction: Reduction,
    /// Reduced axes, ascending; `None` is all.
    pub axes: Option<Vec<usize>>,
    /// How a sum or a mean keeps its error small; `None` is [`Stable::Pairwise`].
    pub stable: Option<Stable>,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "reduce",
        summary: "sum, mean, max, min or prod over `axes` (all if left out), in the law's order",
        example: "%s = tgraph.reduce %x {op = \"sum\", axes = [0]} : tensor<64xf64>",
        constraints: &[
            Constraint {
                id: "reduce-1",
                law: "one numeric operand; `op` is \"sum\", \"mean\", \"max\", \"min\" or \"prod\" (mean: float)",
                mend: "write `{op = \"sum\"}`",
            },
            Constraint {
                id: "reduce-2",
                law: "`axes` are ascending axes of the operand",
                mend: "list each axis once, from 0, or leave `axes` out for all",
            },
            Constraint {
                id: "reduce-3",
                law: "max and min run over at least one element",
                mend: "check for an extent of 0",
            },
            Constraint {
                id: "reduce-4",
                law: "`stable` is \"pairwise\" (the default), \"kahan\" or \"double_double\", on a sum or mean of floats",
                mend: "leave `stable` out",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "reduce-1", attributes, &["op", "axes", "stable"])?;
            let word = attributes.text("op").unwrap_or("");
            let Some(reduction) = Reduction::ALL.into_iter().find(|r| r.name() == word) else {
                let got =
                    format!("op must be \"sum\", \"mean\", \"max\", \"min\" or \"prod\", got \"{word}\"");
                return Err(Violation::new("reduce-1", got));
            };
            let axes = match attributes.get("axes") {
                Some(_) => Some(naturals(attributes, "axes", "reduce-2")?),
                None => None,
            };
            let stable = Stable::parse(attributes, "reduce-4")?;
            Ok(Arc::new(Reduce { reduction, axes, stable }))
        },
    },
    Entry {
        name: "size",
        summary: "the number of elements along `axes` (all if left out), as a scalar of the operand's dtype",
        example: "%n = tgraph.size %x {axes = [0]} : f64",
        constraints: &[Constraint {
            id: "size-1",
            law: "one operand; `axes` are ascending axes of it",
            mend: "list each axis once, from 0",
        }],
        parse: |name, attributes, _, _| {
            only(name, "size-1", attributes, &["axes"])?;
            let axes = match attributes.get("axes") {
                Some(_) => Some(naturals(attributes, "axes", "size-1")?),
                None => None,
            };
            Ok(Arc::new(Size { axes }))
        },
    },
];

pub(super) fn resolve(axes: &Option<Vec<usize>>, ndim: usize) -> Vec<usize> {
    axes.clone().unwrap_or_else(|| (0..ndim).collect())
}

pub(super) fn check_axes(id: &'static str, axes: &Option<Vec<usize>>, x: &Type) -> Result<(), Violation> {
    let axes = axes.as_deref().unwrap_or(&[]);
    if axes.windows(2).all(|w| w[0] < w[1]) && axes.iter().all(|&a| a < x.ndim()) {
        return Ok(());
    }
    Err(Violation::new(id, format!("axes must be ascending and below {}, got {axes:?}", x.ndim())))
}

impl Reduce {
    /// The reduced axes for an operand with `ndim` axes.
    pub fn axes(&self, ndim: usize) -> Vec<usize> {
        resolve(&self.axes, ndim)
    }

    /// The policy, stated or not.
    pub fn stable(&self) -> Stable {
        self.stable.unwrap_or_default()
    }

    /// The same reduction over these axes, with no default written out.
    fn over(&self, axes: Vec<usize>) -> Op {
        let stable = self.stable.filter(|&stable| stable != Stable::default());
        Arc::new(Reduce { reduction: self.reduction, axes: Some(axes), stable })
    }

    /// Each line along one axis, reduced.
    fn along<T: Element>(x: &[T], shape: &[usize], axis: usize, reduce: impl Fn(&[T]) -> T) -> Vec<T> {
        let (n, step) = (shape[axis], strides(shape)[axis]);
        let outer: usize = shape[..axis].iter().product();
        let mut line = Vec::with_capacity(n);
        (0..outer * step)
            .map(|i| {
                let start = i / step * step * n + i % step;
                line.clear();
                line.extend((0..n).map(|k| x[start + k * step]));
                reduce(&line)
            })
            .collect()
    }

    /// A line of floats by law 3.
    fn float_line<T: Real>(&self, x: &[T]) -> T {
        let combiner = self.reduction.combiner();
        let value = match self.stable() {
            Stable::Pairwise => tree::reduce_reference(x, T::LAW_LANES, |a, b| combiner.value(a, b)),
            Stable::Kahan => reduce::reference::<T, reduce::stable::Kahan, 1, 2>([x]),
            Stable::DoubleDouble => reduce::reference::<T, reduce::stable::DoubleDouble, 1, 3>([x]),
        };
        value.unwrap_or(if combiner == Function::Mul { T::ONE } else { T::ZERO })
    }
}

impl Rule for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn attributes(&self) -> Attributes {
        let attributes = Attributes::new().with("op", Attribute::Text(self.reduction.name().into()));
        let attributes = match &self.axes {
            None => attributes,
            Some(axes) => attributes.with("axes", Attribute::Ints(axes.iter().map(|&a| a as i64).collect())),
        };
        with_stable(attributes, self.stable)
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x] = x else {
            return Err(Violation::new("reduce-1", format!("reduce must have 1 operand, got {}", x.len())));
        };
        if x.dtype == DType::Bool || (self.reduction == Reduction::Mean && !x.dtype.is_float()) {
            return Err(Violation::new(
                "reduce-1",
                format!("{} must have a numeric operand, got {x}", self.reduction.name()),
            ));
        }
        check_axes("reduce-2", &self.axes, x)?;
        let axes = self.axes(x.ndim());
        let picks = matches!(self.reduction, Reduction::Max | Reduction::Min);
        if picks && axes.iter().any(|&a| x.shape[a] == Extent::Static(0)) {
            let got = format!("{} must run over at least one element, got {x}", self.reduction.name());
            return Err(Violation::new("reduce-3", got));
        }
        let sums = matches!(self.reduction, Reduction::Sum | Reduction::Mean) && x.dtype.is_float();
        if self.stable.is_some() && !sums {
            let got =
                format!("stable must be on a sum or mean of floats, got {} of {x}", self.reduction.name());
            return Err(Violation::new("reduce-4", got));
        }
        let kept = (0..x.ndim()).filter(|axis| !axes.contains(axis)).map(|axis| x.shape[axis]);
        Ok(vec![Type::new(x.dtype, kept)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        if self.reduction == Reduction::Mean {
            return crate::exec::reference::evaluate_expansion(self, x);
        }
        let mut y = x[0].clone();
        for &axis in self.axes(x[0].ndim()).iter().rev() {
            let mut shape = y.shape().to_vec();
            let combiner = self.reduction.combiner();
            macro_rules! integers {
                ($v:expr) => {
                    Element::wrap(Self::along($v, &shape, axis, |line| {
                        let lanes = tree::lanes(y.dtype());
                        let value =
                            tree::reduce_reference(line, lanes, |a, b| Discrete::value(combiner, a, b));
                        value.unwrap_or(if combiner == Function::Mul { 1 } else { 0 })
                    }))
                };
            }
            let data = match y.data() {
                Data::F64(v) => Element::wrap(Self::along(v, &shape, axis, |line| self.float_line(line))),
                Data::F32(v) => Element::wrap(Self::along(v, &shape, axis, |line| self.float_line(line))),
                Data::I64(v) => integers!(v),
                Data::I32(v) => integers!(v),
                Data::U64(v) => integers!(v),
                Data::U32(v) => integers!(v),
                Data::Bool(_) => unreachable!("refused by reduce-1"),
            };
            shape.remove(axis);
            y = Tensor::from_data(shape, data);
        }
        vec![y]
    }

    fn calculus(&self) -> Calculus<'_> {
        match self.reduction {
            Reduction::Sum => Calculus::Linear(self),
            Reduction::Max | Reduction::Min => Calculus::Rules(self),
            Reduction::Mean | Reduction::Prod => Calculus::Expansion,
        }
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let axes = self.axes(b.ty(x[0]).ndim());
        match self.reduction {
            Reduction::Mean => {
                let size = b.apply(Arc::new(Size { axes: Some(axes.clone()) }), x);
                let sum = Reduce { reduction: Reduction::Sum, axes: Some(axes), stable: self.stable };
                let sum = b.apply(Arc::new(sum), x);
                let size = b.broadcast_like(size, &[], sum);
                Some(vec![b.div(sum, size)])
            }
            _ if axes.len() > 1 => {
                let single = axes.iter().rev();
                Some(vec![single.fold(x[0], |y, &axis| b.apply(self.over(vec![axis]), &[y]))])
            }
            _ => None,
        }
    }

    fn expand_for_derivative(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        if self.reduction != Reduction::Prod {
            return self.expand(b, x);
        }
        // Products of halves: exact at every order, zeros among the factors included.
        let mut y = x[0];
        for axis in self.axes(b.ty(x[0]).ndim()).into_iter().rev() {
            let mut n = b.ty(y).shape[axis].known()?;
            if n == 0 {
                return None;
            }
            while n > 1 {
                let half = n / 2;
                let (low, high) = (b.slice(y, axis, 0..half), b.slice(y, axis, half..2 * half));
                let product = b.mul(low, high);
                y = match n % 2 {
                    0 => product,
                    _ => {
                        let rest = b.slice(y, axis, n - 1..n);
                        b.concat(&[product, rest], axis)
                    }
                };
                n = n.div_ceil(2);
            }
            let mut shape: Vec<i64> =
                b.ty(y).shape.iter().map(|e| e.known().map_or(-1, |n| n as i64)).collect();
            shape.remove(axis);
            y = b.reshape(y, &shape);
        }
        Some(vec![y])
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let ndim = b.ty(x[0]).ndim();
        let axes = self.axes(ndim);
        if axes.is_empty() && self.reduction != Reduction::Mean {
            return Some(x[0]);
        }
        // One spelling of the same reduction.
        let spelled_out = self.axes.is_none() || self.stable == Some(Stable::default());
        spelled_out.then(|| b.apply(self.over(axes), x))
    }

    fn rows(&self, x: &[&Type], _: &Type) -> Option<Rows> {
        let axes = self.axes(x[0].ndim());
        let rows = |reduced| Rows { operands: vec![RowUse::Pointwise], reduced };
        match axes[..] {
            _ if self.stable() != Stable::Pairwise => None,
            [0] => Some(rows(true)),
            [0, ..] => None,
            _ => Some(rows(false)),
        }
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let axes = shifted(&self.axes(x.types(b)[0].ndim()));
        x.apply(b, Arc::new(Reduce { reduction: self.reduction, axes: Some(axes), stable: self.stable }))
    }

    fn for_one_row(&self, x: &[&Type], _: &Type) -> Option<Op> {
        let axes = self.axes(x[0].ndim()).iter().map(|axis| axis.checked_sub(1)).collect::<Option<_>>()?;
        Some(Arc::new(Reduce { reduction: self.reduction, axes: Some(axes), stable: self.stable }))
    }

    fn kernel(&self) -> Kernel<'_> {
        match &self.axes {
            Some(axes) => Kernel::Reduce { reduction: self.reduction, axes, stable: self.stable() },
            None => Kernel::Opaque,
        }
    }
}

impl Linear for Reduce {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        let axes = self.axes(b.ty(x[0]).ndim());
        b.spread(dy, &axes, x[0])
    }

    fn summed_axes(&self, x: &Type) -> Option<Vec<usize>> {
        (self.stable() == Stable::Pairwise).then(|| self.axes(x.ndim()))
    }
}

/// The row-major position of each element of `like` along `axes`, ascending, as i64.
pub(super) fn positions(b: &mut Builder, like: Value, axes: &[usize]) -> Value {
    let Some((&first, others)) = axes.split_first() else {
        let zero = b.number(DType::I64, 0.0);
        return b.broadcast_like(zero, &[], like);
    };
    let mut position = b.iota_like(like, DType::I64, first);
    for &axis in others {
        let index = b.iota_like(like, DType::I64, axis);
        let extent = b.apply(Arc::new(Size { axes: Some(vec![axis]) }), &[index]);
        let extent = b.broadcast_like(extent, &[], like);
        let shifted = b.mul(position, extent);
        position = b.add(shifted, index);
    }
    position
}

/// For the max or min `y` of `x` over `axes`: the position of each element that is the result, and of the first one.
/// Positions are row-major along `axes`; what is not the result has the largest number.
pub(super) fn first(b: &mut Builder, x: Value, y: Value, axes: &[usize]) -> (Value, Value) {
    let spread = b.spread(y, axes, x);
    let same = b.compare(Direction::Eq, x, spread);
    let nan = b.compare(Direction::Ne, x, x);
    let candidate = b.or(same, nan);
    let position = positions(b, x, axes);
    let none = b.full_like(position, i64::MAX as f64);
    let position_or_none = b.select(candidate, position, none);
    let first = b.reduce(Reduction::Min, position_or_none, axes);
    (position_or_none, first)
}

impl Reduce {
    /// For max and min: true at the first element that is the result, along the reduced axes.
    fn chosen(&self, b: &mut Builder, x: Value, y: Value) -> Value {
        let axes = self.axes(b.ty(x).ndim());
        let (position, first) = first(b, x, y, &axes);
        let first = b.spread(first, &axes, x);
        b.compare(Direction::Eq, position, first)
    }
}

impl HandRules for Reduce {
    fn differential(&self, b: &mut Builder, x: &[Value], y: Value, _: usize, dx: Value) -> Value {
        let chosen = self.chosen(b, x[0], y);
        let zero = b.zeros_like(dx);
        let picked = b.select(chosen, dx, zero);
        let axes = self.axes(b.ty(dx).ndim());
        b.sum(picked, &axes)
    }

    fn adjoint(&self, b: &mut Builder, x: &[Value], y: Value, _: usize, dy: Value, _guarded: bool) -> Value {
        let chosen = self.chosen(b, x[0], y);
        let axes = self.axes(b.ty(x[0]).ndim());
        let dy = b.spread(dy, &axes, x[0]);
        let zero = b.zeros_like(dy);
        b.select(chosen, dy, zero)
    }

    fn guards(&self) -> bool {
        true
    }
}

/// The number of elements along axes.
#[derive(Debug)]
pub struct Size {
    /// The axes, ascending; `None` is all.
    pub axes: Option<Vec<usize>>,
}

impl Rule for Size {
    fn name(&self) -> &'static str {
        "size"
    }

    fn attributes(&self) -> Attributes {
        match &self.axes {
            None => Attributes::new(),
            Some(axes) => {
                Attributes::new().with("axes", Attribute::Ints(axes.iter().map(|&a| a as i64).collect()))
            }
        }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x] = x else {
            return Err(Violation::new("size-1", format!("size must have 1 operand, got {}", x.len())));
        };
        check_axes("size-1", &self.axes, x)?;
        Ok(vec![Type::scalar(x.dtype)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let n: usize = resolve(&self.axes, x[0].ndim()).iter().map(|&axis| x[0].shape()[axis]).product();
        vec![expression::scalar_tensor(x[0].dtype(), n as f64)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let ty = b.ty(x[0]).clone();
        let n = resolve(&self.axes, ty.ndim())
            .iter()
            .try_fold(1, |n, &axis| Some(n * ty.shape[axis].known()?))?;
        Some(b.number(ty.dtype, n as f64))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let axes = shifted(&resolve(&self.axes, x.types(b)[0].ndim()));
        let size = b.push(Arc::new(Size { axes: Some(axes) }), x.x)?[0];
        Ok(vec![b.repeat(size, x.lead())?])
    }
}
