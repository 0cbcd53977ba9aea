//! `select`: one of two values by a mask. It guards: a derivative never passes through the branch
//! not taken, whatever stands there.

use super::registry::only;
use super::*;
use crate::each_dtype;
use crate::ir::DType;

/// `select(mask, a, b)`: `a` where the mask holds, else `b`.
#[derive(Debug)]
pub struct Select;

pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "select",
    summary: "`a` where the mask holds, else `b`; what stands in the branch not taken has no influence, on derivatives neither",
    example: "%y = tgraph.select %mask, %a, %b : tensor<4xf64>",
    constraints: &[
        Constraint {
            id: "select-1",
            law: "three operands and no attributes",
            mend: "write `tgraph.select %mask, %a, %b`",
        },
        Constraint {
            id: "select-2",
            law: "the mask is of bool",
            mend: "make the mask with `tgraph.compare`",
        },
        Constraint {
            id: "select-3",
            law: "mask and branches have one shape, and the branches one dtype",
            mend: "broadcast or convert the operand that differs",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "select-1", attributes, &[])?;
        Ok(Arc::new(Select))
    },
}];

impl Rule for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[mask, a, b] = x else {
            return Err(Violation::new("select-1", format!("select must have 3 operands, got {}", x.len())));
        };
        if mask.dtype != DType::Bool {
            return Err(Violation::new("select-2", format!("mask must be of bool, got {mask}")));
        }
        if !a.agrees(b) || !mask.with_dtype(a.dtype).agrees(a) {
            let got = format!("mask {mask}, branches {a} and {b} must have one shape and dtype");
            return Err(Violation::new("select-3", got));
        }
        let shape = a.shape.iter().zip(&b.shape).zip(&mask.shape).map(|((a, b), m)| a.merge(*b).merge(*m));
        Ok(vec![Type::new(a.dtype, shape)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let mask = x[0].values::<bool>();
        let data = each_dtype!(x[1].data(), a => {
            let b = crate::tensor::Element::slice(x[2].data()).expect("one dtype");
            crate::tensor::Element::wrap(
                mask.iter().zip(a.iter().zip(b)).map(|(&m, (&a, &b))| if m { a } else { b }).collect(),
            )
        });
        vec![Tensor::from_data(x[1].shape(), data)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, _b: &mut Builder, x: &[Value]) -> Option<Value> {
        (x[1] == x[2]).then_some(x[1])
    }

    fn rows(&self, _x: &[&Type], y: &Type) -> Option<Rows> {
        (y.ndim() > 0).then(|| Rows::pointwise(3))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Select))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(Select))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Select
    }
}

impl Linear for Select {
    fn is_linear_in(&self, i: usize) -> bool {
        i > 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value) -> Value {
        let zero = b.zeros_like(dy);
        let (taken, not_taken) = if i == 1 { (dy, zero) } else { (zero, dy) };
        b.apply(Arc::new(Select), &[x[0], taken, not_taken])
    }

    fn guards(&self) -> bool {
        true
    }
}
