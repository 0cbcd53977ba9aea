//! Constants and index ramps.

use super::registry::only;
use super::*;
use crate::ir::{Attribute, DType};
use crate::tensor::strides;

/// A dense constant.
#[derive(Debug)]
pub struct Constant {
    value: Arc<Tensor>,
}

impl Constant {
    /// The constant `value`.
    pub fn new(value: Tensor) -> Constant {
        Constant { value: Arc::new(value) }
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "constant",
        summary: "the number or the nested list of numbers in `value`",
        example: "%c = tgraph.constant {value = [1.0, 2.5]} : tensor<2xf64>",
        constraints: &[Constraint {
            id: "constant-1",
            law: "no operand; `value` holds numbers that fit the written type, which is static",
            mend: "write the type behind the colon, such as `{value = 0.5} : f64`",
        }],
        parse: |name, attributes, types, _| {
            only(name, "constant-1", attributes, &["value"])?;
            match (attributes.get("value"), types) {
                (Some(Attribute::Tensor(value)), [ty]) if value.ty() == *ty => {
                    Ok(Arc::new(Constant { value: value.clone() }))
                }
                (Some(Attribute::Tensor(value)), [ty]) => Err(Violation::new(
                    "constant-1",
                    format!("value must be of the written type {ty}, got {}", value.ty()),
                )),
                _ => Err(Violation::new("constant-1", "constant must have `value` and a written type")),
            }
        },
    },
    Entry {
        name: "iota",
        summary: "the index along `axis`: 0, 1, 2, …; with an operand, of its shape",
        example: "%i = tgraph.iota {axis = 0} : tensor<5xi64>",
        constraints: &[Constraint {
            id: "iota-1",
            law: "no operand and a static written type, or one operand that gives the shape; a number type; `axis` is an axis of it",
            mend: "write `tgraph.iota {axis = 0} : tensor<5xi64>`",
        }],
        parse: |name, attributes, types, _| {
            only(name, "iota-1", attributes, &["axis"])?;
            let axis = attributes.int("axis").map(usize::try_from);
            match (axis, types) {
                (Some(Ok(axis)), [ty]) if ty.dtype != DType::Bool && axis < ty.ndim() => {
                    Ok(Arc::new(Iota { ty: ty.clone(), axis }))
                }
                _ => Err(Violation::new(
                    "iota-1",
                    "iota must have `axis` and a written number type with that axis",
                )),
            }
        },
    },
];

impl Rule for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("value", Attribute::Tensor(self.value.clone()))
    }

    fn declared(&self) -> Option<Type> {
        Some(self.value.ty())
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        match x {
            [] => Ok(vec![self.value.ty()]),
            _ => Err(Violation::new("constant-1", format!("constant must have no operand, got {}", x.len()))),
        }
    }

    fn evaluate(&self, _: &[&Tensor]) -> Vec<Tensor> {
        vec![self.value.as_ref().clone()]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Constant(&self.value)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        b.push(Arc::new(Constant { value: self.value.clone() }), x.x)
    }
}

/// The index along an axis.
#[derive(Debug)]
pub struct Iota {
    ty: Type,
    axis: usize,
}

impl Iota {
    /// Of type `ty` along `axis`.
    pub fn new(ty: Type, axis: usize) -> Iota {
        Iota { ty, axis }
    }

    /// Of the shape of an operand.
    pub fn like(dtype: DType, axis: usize) -> Iota {
        Iota { ty: Type::new(dtype, vec![crate::ir::Extent::Dynamic; axis + 1]), axis }
    }
}

impl Rule for Iota {
    fn name(&self) -> &'static str {
        "iota"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", Attribute::Int(self.axis as i64))
    }

    fn declared(&self) -> Option<Type> {
        Some(self.ty.clone())
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        match x {
            [] if self.ty.static_shape().is_some() => Ok(vec![self.ty.clone()]),
            [like] if self.axis < like.ndim() => Ok(vec![like.with_dtype(self.ty.dtype)]),
            _ => Err(Violation::new(
                "iota-1",
                format!("iota of {} must be static, or have one operand with axis {}", self.ty, self.axis),
            )),
        }
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let shape = match x {
            [like] => like.shape().to_vec(),
            _ => self.ty.static_shape().expect("verified"),
        };
        let (n, step) = (shape[self.axis], strides(&shape)[self.axis]);
        let count: usize = shape.iter().product();
        let index = (0..count).map(|i| ((i / step) % n) as i64).collect();
        let index = Tensor::new(shape, index);
        vec![Convert { to: self.ty.dtype }.evaluate(&[&index]).remove(0)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        Ok(vec![b.iota_like(x.lead(), self.ty.dtype, self.axis + 1)])
    }
}
