//! `qr`: A = Q R, and `lstsq`, the least-squares solutions it gives.

use super::*;
use crate::numerics::dispatch::Level;

/// Q with orthonormal columns and the upper triangle R of A = Q R by law 11, of a matrix with at least as many rows as columns, and the status.
///
/// Diagonal elements of R may have either sign. Where columns depend on each other, `info` is k + 1 for the first r_kk that is exactly ±0 or NaN; rounding
/// mostly leaves a small number instead, which `svd` measures.
///
/// With X = dA R⁻¹ and C = Qᵀ X, dR = S R and dQ = X − Q S for S = triu(C) + tril₋₁(C)ᵀ; backwards Ā = (Q̄ + Q copyltu(R R̄ᵀ − Q̄ᵀ Q)) R⁻ᵀ, where copyltu makes the lower
/// triangle symmetric (S. Walter, *Structured higher-order algorithmic differentiation in the forward and reverse mode*, 2012; M. Seeger et al., *Auto-differentiating
/// linear algebra*, arXiv:1710.08717, 2017).
#[derive(Clone, Copy, Debug)]
pub struct Qr;

/// X that makes ‖A X − B‖ smallest, for a matrix with at least as many rows as columns: R X = Qᵀ B.
///
/// Columns that depend on each other give infinite, NaN or very large elements; the status of `qr` of A and the singular values tell.
#[derive(Clone, Copy, Debug)]
pub struct Lstsq;

pub(super) const ENTRY: Entry = Entry {
    name: "qr",
    summary: "Q with orthonormal columns and the upper triangle R of A = Q·R, of a matrix with at least as many rows as columns, and a status: 0, or 1 + the first k whose r_kk is ±0 or NaN",
    example: "%q, %r, %info = tgraph.qr %a : tensor<5x3xf64>, tensor<3x3xf64>, i64",
    constraints: &[
        Constraint {
            id: "qr-1",
            law: "one float operand with 2 or more axes; no attributes",
            mend: "convert the operand to a float dtype",
        },
        Constraint {
            id: "qr-2",
            law: "there are at least as many rows as columns",
            mend: "factor the transpose, Aᵀ = Q·R, so that A = Rᵀ·Qᵀ",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "qr-1", attributes, &[])?;
        Ok(Arc::new(Qr))
    },
};

pub(super) const LSTSQ: Entry = Entry {
    name: "lstsq",
    summary: "X that makes ‖A·X − B‖ smallest, by the QR factors of A, which has at least as many rows as columns, none of which depend on each other",
    example: "%x = tgraph.lstsq %a, %b : tensor<3x1xf64>",
    constraints: &[
        Constraint {
            id: "lstsq-1",
            law: "two operands of one float dtype, with 2 or more axes, as many each; no attributes",
            mend: "reshape a right-hand side that is a vector to a matrix with one column",
        },
        Constraint {
            id: "lstsq-2",
            law: "rows and batch extents agree, and there are at least as many rows as columns",
            mend: "correct the shapes; of the many solutions with fewer equations than unknowns, the shortest is Q·X with Rᵀ·X = B for Aᵀ = Q·R",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "lstsq-1", attributes, &[])?;
        Ok(Arc::new(Lstsq))
    },
};

/// A matrix with at least as many rows as columns, as far as the extents are known; gives the extents.
pub(super) fn tall(name: &str, id: &'static str, x: &Type) -> Result<[Extent; 2], Violation> {
    let [m, n] = [x.shape[x.ndim() - 2], x.shape[x.ndim() - 1]];
    match (m.known(), n.known()) {
        (Some(rows), Some(columns)) if rows < columns => Err(Violation::new(
            id,
            format!(
                "{name} must have at least as many rows as columns, got {rows} rows and {columns} columns"
            ),
        )
        .help("apply it to the transpose")),
        _ => Ok([m, n]),
    }
}

impl Rule for Qr {
    fn name(&self) -> &'static str {
        "qr"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let q = matrix(self.name(), "qr-1", x)?;
        let [_, n] = tall(self.name(), "qr-2", q)?;
        let r = Type { dtype: q.dtype, shape: [&q.shape[..q.ndim() - 2], &[n, n]].concat() };
        Ok(vec![q.clone(), r, status(q)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        Decomposition::Qr.run(Level::Scalar, x[0])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Decompose(Decomposition::Qr)
    }
}

impl Factorisation for Qr {
    fn smooth(&self) -> usize {
        2
    }

    fn tangents(&self, b: &mut Builder, _: Value, y: &[Value], da: Value) -> Vec<Value> {
        let (q, r) = (y[0], y[1]);
        let da = b.matrix_transposed(da);
        let x = b.triangular_solve(Triangle::UPPER.transposed(), r, da);
        let x = b.matrix_transposed(x);
        let c = b.product_tn(q, x);
        let (below, above) = (b.triangle(c, Direction::Gt), b.triangle(c, Direction::Le));
        let below = b.matrix_transposed(below);
        let s = b.add(above, below);
        let along = b.matmul(q, s);
        vec![b.sub(x, along), b.matmul(s, r)]
    }

    fn cotangent(&self, b: &mut Builder, _: Value, y: &[Value], dy: &[Option<Value>]) -> Value {
        let (q, r) = (y[0], y[1]);
        let from_r = dy[1].map(|dr| b.product_nt(r, dr));
        let from_q = dy[0].map(|dq| {
            let overlap = b.product_tn(dq, q);
            b.neg(overlap)
        });
        let m = b.sum_of([from_r, from_q]);
        let m = b.symmetric(m);
        let along = b.matmul(q, m);
        let x = b.sum_of([dy[0], Some(along)]);
        let x = b.matrix_transposed(x);
        let da = b.triangular_solve(Triangle::UPPER, r, x);
        b.matrix_transposed(da)
    }
}

impl Rule for Lstsq {
    fn name(&self) -> &'static str {
        "lstsq"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[a, rhs] = x else {
            return bad("lstsq-1", format!("lstsq must have 2 operands, got {}", x.len()));
        };
        if a.ndim() < 2 || a.ndim() != rhs.ndim() || a.dtype != rhs.dtype || !a.dtype.is_float() {
            let got =
                format!("operands must be float matrices of one dtype and as many axes, got {a} and {rhs}");
            return Err(Violation::new("lstsq-1", got)
                .help("reshape a right-hand side that is a vector to a matrix with one column"));
        }
        let batch = a.ndim() - 2;
        let [_, n] = tall(self.name(), "lstsq-2", a)?;
        if !a.shape[..=batch].iter().zip(&rhs.shape).all(|(a, b)| a.agrees(*b)) {
            return bad("lstsq-2", format!("rows and batch extents must agree, got {a} and {rhs}"));
        }
        let mut shape: Vec<Extent> = a.shape.iter().zip(&rhs.shape).map(|(a, b)| a.merge(*b)).collect();
        shape[batch] = n;
        shape[batch + 1] = rhs.shape[batch + 1];
        Ok(vec![Type { dtype: a.dtype, shape }])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let [q, r, _] = b.qr(x[0]);
        let rhs = b.product_tn(q, x[1]);
        Some(vec![b.triangular_solve(Triangle::UPPER, r, rhs)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}
