//! `converged`: what a solver found, if it found it.

use super::super::super::registry::only;
use super::super::super::*;
use crate::ir::DType;

pub(super) const ENTRY: Entry = Entry {
    name: "converged",
    summary: "the first operand where the second, a solver's status, is 0, and NaN where it is not. Derivatives of solvers stand behind it: that of a \
              solve that did not converge is NaN, never a number",
    example: "%y = tgraph.converged %x, %status : tensor<?xf64>",
    constraints: &[
        Constraint {
            id: "converged-1",
            law: "two operands: a float and a status, i64, whose shape is that of the first axes of the float",
            mend: "write `tgraph.converged %x, %status` with two results of one solver",
        },
        Constraint {
            id: "converged-2",
            law: "a solve converges before its derivative is asked for",
            mend: "look at the solver's status, iterations and residual: start closer to the solution, allow more iterations (`max_iter`), choose another \
                   `method` or a preconditioner, or ask for less (`tol`); status 1: `max_iter` was reached; 2: it broke down or no step made progress; \
                   3: a matrix was singular; 4: NaN or an infinity",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "converged-1", attributes, &[])?;
        Ok(Arc::new(Converged))
    },
};

/// The first operand where the second, a status, is 0, else NaN.
#[derive(Debug)]
pub struct Converged;

impl Rule for Converged {
    fn name(&self) -> &'static str {
        "converged"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        if let &[value, status] = x {
            let leads = value.ndim() >= status.ndim()
                && Type::new(DType::I64, value.shape[..status.ndim()].iter().copied()).agrees(status);
            if leads && value.dtype.is_float() {
                let mut shape = value.shape.clone();
                for (extent, known) in shape.iter_mut().zip(&status.shape) {
                    *extent = extent.merge(*known);
                }
                return Ok(vec![Type { dtype: value.dtype, shape }]);
            }
        }
        let got: Vec<String> = x.iter().map(|ty| ty.to_string()).collect();
        let got = format!(
            "converged must have a float and its status, an i64 for all of it, got {}",
            got.join(", ")
        );
        Err(Violation::new("converged-1", got))
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let zero = b.zeros_like(x[1]);
        let mut mask = b.compare(Direction::Eq, x[1], zero);
        for axis in b.ty(x[1]).ndim()..b.ty(x[0]).ndim() {
            mask = b.apply(Arc::new(Repeat { axis, of: axis }), &[mask, x[0]]);
        }
        let nan = b.full_like(x[0], f64::NAN);
        Some(vec![b.select(mask, x[0], nan)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Converged))
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }
}

impl Linear for Converged {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        b.apply(Arc::new(Converged), &[dy, x[1]])
    }
}
