//! The order of elements along an axis: `reverse`, `sort`, `argsort`, `argmax`, `argmin`.
//!
//! Numbers stand in the order −∞ < … < −0 < +0 < … < +∞ < NaN, and a sort is stable. An order is piecewise constant:
//! derivatives pass through `sort` to the places that the elements came from, and stop at the indices.

use super::batch::shifted;
use super::registry::only;
use super::shape::{bad, ints, naturals};
use super::*;
use crate::each_dtype;
use crate::ir::{Attribute, DType, Extent};
use crate::tensor::strides;
use std::cmp::Ordering;

fn axis_of(attributes: &Attributes, name: &str, id: &'static str) -> Result<usize, Violation> {
    match attributes.int("axis").map(usize::try_from) {
        Some(Ok(axis)) => Ok(axis),
        _ => bad(id, format!("{name} must have the attribute `axis`, 0 or more")),
    }
}

/// The operand of an operation along an axis.
fn operand<'a>(id: &'static str, name: &str, x: &[&'a Type], axis: usize) -> Result<&'a Type, Violation> {
    match *x {
        [x] if axis < x.ndim() => Ok(x),
        [x] => bad(id, format!("axis must be below {}, got {axis}", x.ndim())),
        _ => bad(id, format!("{name} must have 1 operand, got {}", x.len())),
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "reverse",
        summary: "the elements along each of `axes` from the last to the first",
        example: "%y = tgraph.reverse %x {axes = [1]} : tensor<?x3xf64>",
        constraints: &[Constraint {
            id: "reverse-1",
            law: "one operand; `axes` are ascending axes of it",
            mend: "list each axis once, from 0",
        }],
        parse: |name, attributes, _, _| {
            only(name, "reverse-1", attributes, &["axes"])?;
            Ok(Arc::new(Reverse { axes: naturals(attributes, "axes", "reverse-1")? }))
        },
    },
    Entry {
        name: "sort",
        summary: "the elements along `axis` in ascending order, −0 before +0 and NaN last",
        example: "%y = tgraph.sort %x {axis = 0} : tensor<?xf64>",
        constraints: &[Constraint {
            id: "sort-1",
            law: "one operand; `axis` is an axis of it",
            mend: "write `{axis = 0}`",
        }],
        parse: |name, attributes, _, _| {
            only(name, "sort-1", attributes, &["axis"])?;
            Ok(Arc::new(Sort { axis: axis_of(attributes, name, "sort-1")? }))
        },
    },
    Entry {
        name: "argsort",
        summary: "the indices along `axis` in the order in which `sort` puts the elements, equal ones as they stood",
        example: "%i = tgraph.argsort %x {axis = 0} : tensor<?xi64>",
        constraints: &[Constraint {
            id: "argsort-1",
            law: "one operand; `axis` is an axis of it",
            mend: "write `{axis = 0}`",
        }],
        parse: |name, attributes, _, _| {
            only(name, "argsort-1", attributes, &["axis"])?;
            Ok(Arc::new(Argsort { axis: axis_of(attributes, name, "argsort-1")? }))
        },
    },
    Entry {
        name: "argmax",
        summary: "the index along `axis` of the first element that is the largest; of the first NaN if there is one",
        example: "%i = tgraph.argmax %x {axis = 1} : tensor<?xi64>",
        constraints: &[Constraint {
            id: "argmax-1",
            law: "one numeric operand with at least one element along `axis`, which is an axis of it",
            mend: "write `{axis = 0}`, and check for an extent of 0",
        }],
        parse: |name, attributes, _, _| {
            only(name, "argmax-1", attributes, &["axis"])?;
            Ok(Arc::new(ArgExtreme { extreme: Extreme::Max, axis: axis_of(attributes, name, "argmax-1")? }))
        },
    },
    Entry {
        name: "argmin",
        summary: "the index along `axis` of the first element that is the smallest; of the first NaN if there is one",
        example: "%i = tgraph.argmin %x {axis = 1} : tensor<?xi64>",
        constraints: &[Constraint {
            id: "argmin-1",
            law: "one numeric operand with at least one element along `axis`, which is an axis of it",
            mend: "write `{axis = 0}`, and check for an extent of 0",
        }],
        parse: |name, attributes, _, _| {
            only(name, "argmin-1", attributes, &["axis"])?;
            Ok(Arc::new(ArgExtreme { extreme: Extreme::Min, axis: axis_of(attributes, name, "argmin-1")? }))
        },
    },
];

// ------------------------------------------------------------------------------------ reverse

/// The elements backwards.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// The axes, ascending.
    pub axes: Vec<usize>,
}

impl Rule for Reverse {
    fn name(&self) -> &'static str {
        "reverse"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axes", ints(&self.axes))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x] = x else {
            return bad("reverse-1", format!("reverse must have 1 operand, got {}", x.len()));
        };
        if !self.axes.windows(2).all(|w| w[0] < w[1]) || self.axes.iter().any(|&axis| axis >= x.ndim()) {
            return bad(
                "reverse-1",
                format!("axes must be ascending and below {}, got {:?}", x.ndim(), self.axes),
            );
        }
        Ok(vec![x.clone()])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let (shape, own) = (x[0].shape(), strides(x[0].shape()));
        let mirrored = |i: usize| {
            let at = |axis: &usize| i / own[*axis] % shape[*axis];
            self.axes
                .iter()
                .fold(i, |j, axis| j - at(axis) * own[*axis] + (shape[*axis] - 1 - at(axis)) * own[*axis])
        };
        let data = each_dtype!(x[0].data(), v => {
            crate::tensor::Element::wrap((0..v.len()).map(|i| v[mirrored(i)]).collect())
        });
        vec![Tensor::from_data(shape, data)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, _: &mut Builder, x: &[Value]) -> Option<Value> {
        self.axes.is_empty().then_some(x[0])
    }

    fn rows(&self, _: &[&Type], y: &Type) -> Option<Rows> {
        (y.ndim() > 0 && !self.axes.contains(&0)).then(|| Rows::pointwise(1))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Reverse { axes: shifted(&self.axes) }))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        let axes = self.axes.iter().map(|axis| axis.checked_sub(1)).collect::<Option<_>>()?;
        Some(Arc::new(Reverse { axes }))
    }
}

impl Linear for Reverse {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, dy: Value) -> Value {
        b.apply(Arc::new(self.clone()), &[dy])
    }
}

// ----------------------------------------------------------------------------- sort, argsort

/// An element type with the order of this file.
trait Ordered: Copy {
    fn order(self, other: Self) -> Ordering;
}

macro_rules! ordered {
    (float $($t:ty)*) => {$(
        impl Ordered for $t {
            fn order(self, other: $t) -> Ordering {
                // IEEE's total order puts NaNs of either sign at the ends; here they are all one, the last.
                match (self.is_nan(), other.is_nan()) {
                    (false, false) => self.total_cmp(&other),
                    (a, b) => a.cmp(&b),
                }
            }
        }
    )*};
    ($($t:ty)*) => {$(
        impl Ordered for $t {
            fn order(self, other: $t) -> Ordering {
                self.cmp(&other)
            }
        }
    )*};
}
ordered! { float f64 f32 }
ordered! { i64 i32 u64 u32 bool }

/// For each element, the index along `axis` of the one that takes its place.
fn sorted_indices<T: Ordered>(x: &[T], n: usize, step: usize) -> Vec<i64> {
    let mut y = vec![0; x.len()];
    let mut line: Vec<usize> = Vec::new();
    for outer in (0..x.len()).step_by((n * step).max(1)) {
        for start in outer..outer + step {
            line.clear();
            line.extend(0..n);
            line.sort_by(|&i, &j| x[start + i * step].order(x[start + j * step]));
            line.iter().enumerate().for_each(|(k, &i)| y[start + k * step] = i as i64);
        }
    }
    y
}

/// The indices that sort along an axis.
#[derive(Clone, Copy, Debug)]
pub struct Argsort {
    /// The axis.
    pub axis: usize,
}

impl Rule for Argsort {
    fn name(&self) -> &'static str {
        "argsort"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", Attribute::Int(self.axis as i64))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![operand("argsort-1", self.name(), x, self.axis)?.with_dtype(DType::I64)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let (n, step) = (x[0].shape()[self.axis], strides(x[0].shape())[self.axis]);
        let indices = each_dtype!(x[0].data(), v => sorted_indices(v, n, step));
        vec![Tensor::new(x[0].shape(), indices)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn rows(&self, _: &[&Type], _: &Type) -> Option<Rows> {
        (self.axis > 0).then(|| Rows::pointwise(1))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Argsort { axis: self.axis + 1 }))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(Argsort { axis: self.axis.checked_sub(1)? }))
    }
}

/// The elements in order: those that [`Argsort`] points to.
#[derive(Clone, Copy, Debug)]
pub struct Sort {
    /// The axis.
    pub axis: usize,
}

impl Rule for Sort {
    fn name(&self) -> &'static str {
        "sort"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", Attribute::Int(self.axis as i64))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![operand("sort-1", self.name(), x, self.axis)?.clone()])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        // The axis goes last, so that every line is a problem of its own.
        let last = b.ty(x[0]).ndim() - 1;
        let mut permutation: Vec<usize> = (0..=last).collect();
        permutation.swap(self.axis, last);
        let exchange: Op = Arc::new(Transpose { permutation });
        let lines = b.apply(exchange.clone(), x);
        let order = b.apply(Arc::new(Argsort { axis: last }), &[lines]);
        let sorted = b.apply(Arc::new(Gather::new(last, last)), &[lines, order]);
        Some(vec![b.apply(exchange, &[sorted])])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Sort { axis: self.axis + 1 }))
    }
}

// ----------------------------------------------------------------------------- argmax, argmin

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extreme {
    Max,
    Min,
}

/// `argmax`, `argmin`: where a reduction finds its result.
#[derive(Clone, Copy, Debug)]
pub struct ArgExtreme {
    extreme: Extreme,
    axis: usize,
}

impl ArgExtreme {
    /// `argmax` along `axis`.
    pub fn max(axis: usize) -> ArgExtreme {
        ArgExtreme { extreme: Extreme::Max, axis }
    }

    /// `argmin` along `axis`.
    pub fn min(axis: usize) -> ArgExtreme {
        ArgExtreme { extreme: Extreme::Min, axis }
    }
}

impl Rule for ArgExtreme {
    fn name(&self) -> &'static str {
        match self.extreme {
            Extreme::Max => "argmax",
            Extreme::Min => "argmin",
        }
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", Attribute::Int(self.axis as i64))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let id = if self.extreme == Extreme::Max { "argmax-1" } else { "argmin-1" };
        let x = operand(id, self.name(), x, self.axis)?;
        if x.dtype == DType::Bool || x.shape[self.axis] == Extent::Static(0) {
            return bad(id, format!("{} must run over at least one number, got {x}", self.name()));
        }
        let kept = (0..x.ndim()).filter(|&axis| axis != self.axis).map(|axis| x.shape[axis]);
        Ok(vec![Type::new(DType::I64, kept)])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let reduction = if self.extreme == Extreme::Max { Reduction::Max } else { Reduction::Min };
        let y = b.reduce(reduction, x[0], &[self.axis]);
        Some(vec![super::reduce::first(b, x[0], y, &[self.axis]).1])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(ArgExtreme { extreme: self.extreme, axis: self.axis + 1 }))
    }
}
