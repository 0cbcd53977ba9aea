//! `cholesky`: A = L Lᵀ.

use super::*;
use crate::numerics::linalg;

/// The lower triangle L of A = L Lᵀ, by law 11, and the status.
///
/// A is symmetric and positive definite; only its lower triangle is read, here and by the derivative. Where it is not positive definite,
/// `info` is j + 1 for the first pivot j that is not above 0, and L is NaN from that column on.
///
/// With P = L⁻¹ dA L⁻ᵀ and Φ the lower triangle with half the diagonal, dL = L Φ(P), and Ā is L⁻ᵀ Φ(Lᵀ L̄) L⁻¹ folded into the lower
/// triangle (Murray 2016, equations 8 and 10).
#[derive(Clone, Copy, Debug)]
pub struct Cholesky;

pub(super) const ENTRY: Entry = Entry {
    name: "cholesky",
    summary: "the lower triangle L of A = L·Lᵀ of a symmetric positive definite matrix, of which the lower triangle is read, and a status: 0, or 1 + the first column whose pivot is not above 0, from which on L is NaN",
    example: "%l, %info = tgraph.cholesky %a : tensor<?x3x3xf64>, tensor<?xi64>",
    constraints: &[
        Constraint {
            id: "cholesky-1",
            law: "one float operand with 2 or more axes; no attributes",
            mend: "convert the operand to a float dtype",
        },
        Constraint {
            id: "cholesky-2",
            law: "the last two extents agree",
            mend: "correct the operand's shape; AᵀA of a tall matrix A is square, and `qr` has its factor",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "cholesky-1", attributes, &[])?;
        Ok(Arc::new(Cholesky))
    },
};

impl Rule for Cholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let l = square_matrix(self.name(), ["cholesky-1", "cholesky-2"], x)?;
        let info = status(&l);
        Ok(vec![l, info])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let n = x[0].shape()[x[0].ndim() - 1];
        each_float!(x[0], T => in_place::<T>(x[0], |_, a| linalg::cholesky(a, n)).into())
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Factor(Factor::Cholesky)
    }
}

impl Factorisation for Cholesky {
    fn smooth(&self) -> usize {
        1
    }

    fn tangents(&self, b: &mut Builder, _: Value, y: &[Value], da: Value) -> Vec<Value> {
        let l = y[0];
        let da = b.symmetric(da);
        let left = b.triangular_solve(Triangle::LOWER, l, da);
        let left = b.matrix_transposed(left);
        let p = b.triangular_solve(Triangle::LOWER, l, left);
        let p = b.lower_half(p);
        vec![b.matmul(l, p)]
    }

    fn cotangent(&self, b: &mut Builder, _: Value, y: &[Value], dy: &[Option<Value>]) -> Value {
        let l = y[0];
        let dl = dy[0].expect("the only smooth result");
        let p = b.product_tn(l, dl);
        let p = b.lower_half(p);
        let left = b.triangular_solve(Triangle::LOWER.transposed(), l, p);
        let left = b.matrix_transposed(left);
        let whole = b.triangular_solve(Triangle::LOWER.transposed(), l, left);
        b.folded(whole)
    }
}
