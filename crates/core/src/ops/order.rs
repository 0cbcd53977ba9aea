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
use crate::numerics::parallel;
use crate::tensor::{Element, strides};

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
        let mut y = x[0].clone();
        for &axis in self.axes.iter().filter(|_| !x[0].is_empty()) {
            let (n, step) = (x[0].shape()[axis], strides(x[0].shape())[axis]);
            each_dtype!(y.data_mut(), v => {
                v.chunks_exact_mut(n * step).for_each(|rows| {
                    rows.reverse();
                    rows.chunks_exact_mut(step).filter(|_| step > 1).for_each(<[_]>::reverse);
                });
            });
        }
        vec![y]
    }

    fn moves(&self) -> bool {
        true
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
trait Ordered: Element {
    /// A number that is larger for an element that stands further behind, and equal for equal ones: every NaN has the largest.
    fn key(self) -> u64;
    /// The element that has a key.
    fn of_key(key: u64) -> Self;
}

macro_rules! ordered {
    (float $($t:ty, $bits:ty;)*) => {$(
        impl Ordered for $t {
            fn key(self) -> u64 {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let bits = self.to_bits();
                let key = if bits & SIGN == 0 { bits | SIGN } else { !bits };
                if self.is_nan() { <$bits>::MAX.into() } else { key.into() }
            }

            fn of_key(key: u64) -> $t {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let key = key as $bits;
                <$t>::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
            }
        }
    )*};
    (integer $($t:ty, $unsigned:ty, $smallest:expr;)*) => {$(
        impl Ordered for $t {
            fn key(self) -> u64 {
                (self as $unsigned ^ $smallest).into()
            }

            fn of_key(key: u64) -> $t {
                (key as $unsigned ^ $smallest) as $t
            }
        }
    )*};
}
ordered! { float f64, u64; f32, u32; }
ordered! { integer i64, u64, 1 << 63; i32, u32, 1 << 31; u64, u64, 0; u32, u32, 0; }

impl Ordered for bool {
    fn key(self) -> u64 {
        self.into()
    }

    fn of_key(key: u64) -> bool {
        key != 0
    }
}

/// What `each` makes of every line of n elements, which lie `step` apart.
fn in_lines<T: Element, R: Element>(
    x: &[T],
    n: usize,
    step: usize,
    mut each: impl FnMut(&[T], &mut [R]),
) -> Vec<R> {
    let mut y = vec![R::default(); x.len()];
    if step == 1 {
        x.chunks_exact(n.max(1)).zip(y.chunks_exact_mut(n.max(1))).for_each(|(x, y)| each(x, y));
        return y;
    }
    let (mut line, mut made) = (vec![T::default(); n], vec![R::default(); n]);
    for outer in (0..x.len()).step_by((n * step).max(1)) {
        for start in outer..outer + step {
            line.iter_mut().enumerate().for_each(|(i, element)| *element = x[start + i * step]);
            each(&line, &mut made);
            made.iter().enumerate().for_each(|(i, element)| y[start + i * step] = *element);
        }
    }
    y
}

/// For each element, the index along an axis of the one that takes its place.
fn sorted_indices<T: Ordered>(x: &[T], n: usize, step: usize) -> Vec<i64> {
    let mut pairs: Vec<u128> = Vec::new();
    in_lines(x, n, step, |line, y| {
        // Equal elements by their indices: no two pairs are the same.
        pairs.clear();
        pairs.extend(line.iter().enumerate().map(|(i, x)| u128::from(x.key()) << 64 | i as u128));
        parallel::sort(&mut pairs);
        y.iter_mut().zip(&pairs).for_each(|(y, &pair)| *y = pair as u64 as i64);
    })
}

/// The elements of each line in order.
fn sorted<T: Ordered>(x: &[T], n: usize, step: usize) -> Vec<T> {
    let mut keys: Vec<u64> = Vec::new();
    in_lines(x, n, step, |line, y| {
        keys.clear();
        keys.extend(line.iter().map(|x| x.key()));
        parallel::sort(&mut keys);
        y.iter_mut().zip(&keys).for_each(|(y, &key)| *y = T::of_key(key));
    })
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

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let (n, step) = (x[0].shape()[self.axis], strides(x[0].shape())[self.axis]);
        let data = each_dtype!(x[0].data(), v => Element::wrap(sorted(v, n, step)));
        vec![Tensor::from_data(x[0].shape(), data)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    /// Derivatives pass to the places that the elements came from.
    fn expand_for_derivative(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
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

    fn rows(&self, _: &[&Type], _: &Type) -> Option<Rows> {
        (self.axis > 0).then(|| Rows::pointwise(1))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Sort { axis: self.axis + 1 }))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(Sort { axis: self.axis.checked_sub(1)? }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_and_give_the_element_back() {
        fn check<T: Ordered>(ascending: &[T]) {
            assert!(ascending.windows(2).all(|pair| pair[0].key() < pair[1].key()), "{ascending:?}");
            for &x in ascending {
                assert!(Tensor::scalar(T::of_key(x.key())).same_bits(&Tensor::scalar(x)), "{x:?}");
            }
        }
        let (tiny, inf) = (f64::from_bits(1), f64::INFINITY);
        check(&[-inf, f64::MIN, -1.0, -tiny, -0.0, 0.0, tiny, 1.0, f64::MAX, inf, f64::NAN]);
        check(&[-f32::INFINITY, f32::MIN, -1.0, -0.0, 0.0, 1.0, f32::MAX, f32::INFINITY, f32::NAN]);
        check(&[i64::MIN, -1, 0, 1, i64::MAX]);
        check(&[i32::MIN, -1, 0, 1, i32::MAX]);
        check(&[0, 1, u64::MAX]);
        check(&[0, 1, u32::MAX]);
        check(&[false, true]);
        assert_eq!((-f64::NAN).key(), f64::NAN.key());
    }
}
