//! The dot product over the last axis, in the order of law 3: bilinear.

use super::reduce::with_stable;
use super::registry::only;
use super::*;
use crate::ir::{DType, Extent};
use crate::numerics::lanes::Real;
use crate::numerics::reduce;

/// Σ x·y over the last axis of two tensors of one shape.
///
/// A lane of law 3 is an fma chain over its products, so a dot product is as fast as a sum and has a sum's error bound.
/// It is not a matrix product of one row, whose slabs are single chains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dot {
    /// How it keeps its error small; `None` is [`Stable::Pairwise`].
    pub stable: Option<Stable>,
}

pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "dot",
    summary: "sum of the products of two tensors over the last axis, in the law's order",
    example: "%d = tgraph.dot %x, %y {stable = \"kahan\"} : tensor<64xf64>",
    constraints: &[
        Constraint {
            id: "dot-1",
            law: "two operands of one float dtype, with 1 or more axes; attribute `stable`: \"pairwise\" (the default), \"kahan\" or \"double_double\"",
            mend: "convert the operands to one float dtype",
        },
        Constraint {
            id: "dot-2",
            law: "the shapes agree",
            mend: "broadcast the smaller operand, or correct its shape",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "dot-1", attributes, &["stable"])?;
        Ok(Arc::new(Dot { stable: Stable::parse(attributes, "dot-1")? }))
    },
}];

impl Dot {
    /// The policy, stated or not.
    pub fn stable(&self) -> Stable {
        self.stable.unwrap_or_default()
    }

    fn lines<T: Real>(&self, n: usize, shape: &[usize], x: &[T], y: &[T]) -> Tensor {
        let part = |i: usize| i * n..(i + 1) * n;
        let line = |i: usize| reduce::dot(self.stable(), [&x[part(i)], &y[part(i)]]);
        Tensor::new(shape, (0..shape.iter().product()).map(line).collect())
    }
}

impl Rule for Dot {
    fn name(&self) -> &'static str {
        "dot"
    }

    fn attributes(&self) -> Attributes {
        with_stable(Attributes::new(), self.stable)
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x, y] = x else {
            return Err(Violation::new("dot-1", format!("dot must have 2 operands, got {}", x.len())));
        };
        if x.ndim() == 0 || x.dtype != y.dtype || !x.dtype.is_float() {
            let got =
                format!("operands must be float tensors of one dtype and 1 or more axes, got {x} and {y}");
            return Err(Violation::new("dot-1", got));
        }
        if !x.agrees(y) {
            return Err(Violation::new("dot-2", format!("shapes must agree, got {x} and {y}")));
        }
        let kept = x.shape.iter().zip(&y.shape).take(x.ndim() - 1).map(|(a, b)| a.merge(*b));
        Ok(vec![Type { dtype: x.dtype, shape: kept.collect::<Vec<Extent>>() }])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let (&n, shape) = x[0].shape().split_last().expect("at least one axis, by dot-1");
        vec![match x[0].dtype() {
            DType::F32 => self.lines::<f32>(n, shape, x[0].values(), x[1].values()),
            _ => self.lines::<f64>(n, shape, x[0].values(), x[1].values()),
        }]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Bilinear(self)
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        // One spelling of the same operation.
        (self.stable == Some(Stable::default())).then(|| b.dot(x[0], x[1]))
    }

    fn is_commutative(&self) -> bool {
        true
    }

    fn rows(&self, x: &[&Type], _: &Type) -> Option<Rows> {
        let rows = Rows { reduced: x[0].ndim() == 1, ..Rows::pointwise(2) };
        (self.stable() == Stable::Pairwise).then_some(rows)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn for_one_row(&self, x: &[&Type], _: &Type) -> Option<Op> {
        (x[0].ndim() > 1).then(|| Arc::new(*self) as Op)
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Dot { stable: self.stable() }
    }
}

impl Bilinear for Dot {
    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value, guarded: bool) -> Value {
        let axis = b.ty(x[i]).ndim() - 1;
        let dy = b.spread(dy, &[axis], x[i]);
        if guarded { b.mul_strong(dy, x[1 - i]) } else { b.mul(dy, x[1 - i]) }
    }
}
