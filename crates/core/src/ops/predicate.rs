//! What a number is: `is_nan`, `is_finite`. Each is a comparison.

use super::registry::only;
use super::shape::bad;
use super::*;
use crate::ir::DType;

/// A property of a floating-point number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// Not a number.
    IsNan,
    /// Neither NaN nor infinite.
    IsFinite,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "is_nan",
        summary: "whether the element is NaN",
        example: "%m = tgraph.is_nan %x : tensor<?xbool>",
        constraints: &[Constraint {
            id: "is_nan-1",
            law: "one float operand and no attributes",
            mend: "only floats can be NaN",
        }],
        parse: |name, attributes, _, _| {
            only(name, "is_nan-1", attributes, &[])?;
            Ok(Arc::new(Predicate::IsNan))
        },
    },
    Entry {
        name: "is_finite",
        summary: "whether the element is neither NaN nor infinite",
        example: "%m = tgraph.is_finite %x : tensor<?xbool>",
        constraints: &[Constraint {
            id: "is_finite-1",
            law: "one float operand and no attributes",
            mend: "every integer is finite",
        }],
        parse: |name, attributes, _, _| {
            only(name, "is_finite-1", attributes, &[])?;
            Ok(Arc::new(Predicate::IsFinite))
        },
    },
];

impl Rule for Predicate {
    fn name(&self) -> &'static str {
        match self {
            Predicate::IsNan => "is_nan",
            Predicate::IsFinite => "is_finite",
        }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let id = if *self == Predicate::IsNan { "is_nan-1" } else { "is_finite-1" };
        match x {
            [x] if x.dtype.is_float() => Ok(vec![x.with_dtype(DType::Bool)]),
            [x] => bad(id, format!("{} must have a float operand, got {x}", self.name())),
            _ => bad(id, format!("{} must have 1 operand, got {}", self.name(), x.len())),
        }
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        Some(vec![match self {
            Predicate::IsNan => b.compare(Direction::Ne, x[0], x[0]),
            Predicate::IsFinite => {
                let (size, infinity) = (b.abs(x[0]), b.full_like(x[0], f64::INFINITY));
                b.compare(Direction::Lt, size, infinity)
            }
        }])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}
