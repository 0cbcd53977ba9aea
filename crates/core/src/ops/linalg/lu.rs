//! `lu`: P A = L U with partial pivoting.

use super::*;
use crate::numerics::linalg;

/// L and U of P A = L U by law 11, packed in one matrix (U on and above the diagonal, L below it, with a diagonal of 1), for each row of P A the row
/// of A that it is, and the status.
///
/// The factors exist for every matrix. Where A is singular, `info` is k + 1 for the first u_kk that is ±0 or NaN; a solution with U then divides by 0.
///
/// With F = L⁻¹ P dA U⁻¹, dL = L tril₋₁(F) and dU = triu(F) U; backwards Ā = Pᵀ L⁻ᵀ (tril₋₁(Lᵀ L̄) + triu(Ū Uᵀ)) U⁻ᵀ (S. Walter,
/// *Structured higher-order algorithmic differentiation in the forward and reverse mode*, 2012). The order of the rows is piecewise constant.
#[derive(Clone, Copy, Debug)]
pub struct Lu;

pub(super) const ENTRY: Entry = Entry {
    name: "lu",
    summary: "the factors of P·A = L·U with partial pivoting, packed in one matrix (U on and above the diagonal, L below it, with a diagonal of 1), for each row of P·A its row in A, and a status: 0, or 1 + the first k whose u_kk is ±0 or NaN",
    example: "%lu, %rows, %info = tgraph.lu %a : tensor<3x3xf64>, tensor<3xi64>, i64",
    constraints: &[
        Constraint {
            id: "lu-1",
            law: "one float operand with 2 or more axes; no attributes",
            mend: "convert the operand to a float dtype",
        },
        Constraint { id: "lu-2", law: "the last two extents agree", mend: "correct the operand's shape" },
    ],
    parse: |name, attributes, _, _| {
        only(name, "lu-1", attributes, &[])?;
        Ok(Arc::new(Lu))
    },
};

impl Rule for Lu {
    fn name(&self) -> &'static str {
        "lu"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let factors = square_matrix(self.name(), ["lu-1", "lu-2"], x)?;
        let rows = Type { dtype: DType::I64, shape: factors.shape[..factors.ndim() - 1].to_vec() };
        let info = status(&factors);
        Ok(vec![factors, rows, info])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let (count, n, _) = extents(x[0].shape());
        let mut rows = vec![0; count * n];
        let [factors, info] = each_float!(x[0], T => {
            in_place::<T>(x[0], |i, a| linalg::lu(a, n, &mut rows[i * n..(i + 1) * n]))
        });
        let rows = Tensor::new(&x[0].shape()[..x[0].ndim() - 1], rows);
        vec![factors, rows, info]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Factor(Factor::Lu)
    }
}

/// L with its diagonal, and U, of packed factors.
fn unpacked(b: &mut Builder, factors: Value) -> (Value, Value) {
    let below = b.triangle(factors, Direction::Gt);
    let one = b.identity_like(factors);
    (b.add(below, one), b.triangle(factors, Direction::Le))
}

impl Factorisation for Lu {
    fn smooth(&self) -> usize {
        1
    }

    fn tangents(&self, b: &mut Builder, _: Value, y: &[Value], da: Value) -> Vec<Value> {
        let (factors, rows) = (y[0], y[1]);
        let da = b.rows_in_order(da, rows);
        let left = b.triangular_solve(Triangle::LOWER.unit(), factors, da);
        let left = b.matrix_transposed(left);
        let f = b.triangular_solve(Triangle::UPPER.transposed(), factors, left);
        let f = b.matrix_transposed(f);
        let (l, u) = unpacked(b, factors);
        let (below, above) = (b.triangle(f, Direction::Gt), b.triangle(f, Direction::Le));
        let (dl, du) = (b.matmul(l, below), b.matmul(above, u));
        vec![b.add(dl, du)]
    }

    fn cotangent(&self, b: &mut Builder, _: Value, y: &[Value], dy: &[Option<Value>]) -> Value {
        let (factors, rows) = (y[0], y[1]);
        let dy = dy[0].expect("the only smooth result");
        let (l, u) = unpacked(b, factors);
        let (above, below) = (b.triangle(dy, Direction::Le), b.product_tn(l, dy));
        let above = b.product_nt(above, u);
        let (below, above) = (b.triangle(below, Direction::Gt), b.triangle(above, Direction::Le));
        let f = b.add(below, above);
        let left = b.triangular_solve(Triangle::LOWER.unit().transposed(), factors, f);
        let left = b.matrix_transposed(left);
        let da = b.triangular_solve(Triangle::UPPER, factors, left);
        let da = b.matrix_transposed(da);
        b.rows_back(da, rows)
    }
}
