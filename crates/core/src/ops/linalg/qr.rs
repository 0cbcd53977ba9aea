//! `qr`: A = Q R, and `lstsq`, the least-squares solutions it gives.

use super::pinv::{applied, rank_tolerance, tolerance_attribute};
use super::*;
use crate::numerics::dispatch::Level;

/// Q with orthonormal columns and the upper triangle R of A = Q R by law 11, and the status. Q has as many columns and R as many rows as the smaller extent of A; an
/// extent that is not known when the graph is built is taken to be a number of rows that is large enough.
///
/// A matrix A = [B C] with fewer rows than columns, B square, has the Q of B, and R = [R_B QᵀC].
///
/// Diagonal elements of R may have either sign. Where columns depend on each other, `info` is k + 1 for the first r_kk that is exactly ±0 or NaN; rounding
/// mostly leaves a small number instead, which `svd` measures.
///
/// With X = dA R⁻¹ and C = Qᵀ X, dR = S R and dQ = X − Q S for S = triu(C) + tril₋₁(C)ᵀ; backwards Ā = (Q̄ + Q copyltu(R R̄ᵀ − Q̄ᵀ Q)) R⁻ᵀ, where copyltu makes the lower
/// triangle symmetric (S. Walter, *Structured higher-order algorithmic differentiation in the forward and reverse mode*, 2012; M. Seeger et al., *Auto-differentiating
/// linear algebra*, arXiv:1710.08717, 2017).
#[derive(Clone, Copy, Debug)]
pub struct Qr;

/// X that makes ‖A X − B‖ smallest, and where many do, with fewer rows than columns, the shortest of them: R X = Qᵀ B for A = Q R, or X = Q R⁻ᵀ B for Aᵀ = Q R.
///
/// Columns, or rows of a wide matrix, that depend on each other give infinite, NaN or very large elements; the status of `qr` of A and the singular values tell. With `tol`
/// they may: X = A⁺ B goes through `svd` (see [`Pinv`]).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lstsq {
    /// The part of the largest singular value up to which others count as 0; without it all have to count.
    pub tol: Option<f64>,
}

pub(super) const ENTRY: Entry = Entry {
    name: "qr",
    summary: "Q with orthonormal columns and the upper triangle R of A = Q·R, which are as narrow and as low as the smaller extent of A, and a status: 0, or 1 + the first k whose r_kk is ±0 or NaN",
    example: "%q, %r, %info = tgraph.qr %a : tensor<5x3xf64>, tensor<3x3xf64>, i64",
    constraints: &[Constraint {
        id: "qr-1",
        law: "one float operand with 2 or more axes; no attributes",
        mend: "convert the operand to a float dtype",
    }],
    parse: |name, attributes, _, _| {
        only(name, "qr-1", attributes, &[])?;
        Ok(Arc::new(Qr))
    },
};

pub(super) const LSTSQ: Entry = Entry {
    name: "lstsq",
    summary: "X that makes ‖A·X − B‖ smallest, the shortest one where there are many, by the QR factors of A, or of Aᵀ where it has fewer rows than columns, none of which depend on each other; with `tol` they may: singular values of at most `tol` times the largest count as 0 (see `pinv`)",
    example: "%x = tgraph.lstsq %a, %b : tensor<3x1xf64>",
    constraints: &[
        Constraint {
            id: "lstsq-1",
            law: "two operands of one float dtype, with 2 or more axes, as many each; attribute `tol`: at least 0 and below 1",
            mend: "reshape a right-hand side that is a vector to a matrix with one column",
        },
        Constraint { id: "lstsq-2", law: "rows and batch extents agree", mend: "correct the shapes" },
    ],
    parse: |name, attributes, _, _| {
        only(name, "lstsq-1", attributes, &["tol"])?;
        Ok(Arc::new(Lstsq { tol: rank_tolerance(name, "lstsq-1", attributes)? }))
    },
};

/// The smaller extent of a matrix: the columns where one is not known.
pub(super) fn smaller(x: &Type) -> Extent {
    let [m, n] = [x.shape[x.ndim() - 2], x.shape[x.ndim() - 1]];
    if is_wide(x) { m } else { n }
}

/// Whether a matrix has fewer rows than columns.
pub(super) fn is_wide(x: &Type) -> bool {
    let [m, n] = [2, 1].map(|axis| x.shape[x.ndim() - axis].known());
    m.zip(n).is_some_and(|(m, n)| m < n)
}

/// A wide matrix as a square one and what stands to the right of it.
fn halves(b: &mut Builder, x: Value) -> [Value; 2] {
    let ty = b.ty(x);
    let last = ty.ndim() - 1;
    let [m, n] = [ty.shape[last - 1], ty.shape[last]].map(|extent| extent.known().expect("of a wide matrix"));
    [b.slice(x, last, 0..m), b.slice(x, last, m..n)]
}

/// Undoes [`halves`].
fn whole(b: &mut Builder, parts: [Value; 2]) -> Value {
    let last = b.ty(parts[0]).ndim() - 1;
    b.concat(&parts, last)
}

impl Rule for Qr {
    fn name(&self) -> &'static str {
        "qr"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let a = matrix(self.name(), "qr-1", x)?;
        let (batch, k) = (a.ndim() - 2, smaller(a));
        let of = |matrix: [Extent; 2]| Type { dtype: a.dtype, shape: [&a.shape[..batch], &matrix].concat() };
        Ok(vec![of([a.shape[batch], k]), of([k, a.shape[batch + 1]]), status(a)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        match is_wide(&x[0].ty()) {
            true => crate::exec::reference::evaluate_expansion(self, x),
            false => Decomposition::Qr.run(Level::Scalar, x[0]),
        }
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        is_wide(b.ty(x[0])).then(|| {
            let [square, rest] = halves(b, x[0]);
            let [q, r, info] = b.qr(square);
            let rest = b.product_tn(q, rest);
            vec![q, whole(b, [r, rest]), info]
        })
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

    fn tangents(&self, b: &mut Builder, a: Value, y: &[Value], da: Value) -> Vec<Value> {
        let (q, r) = (y[0], y[1]);
        if is_wide(b.ty(a)) {
            let ([square, rest], [da, drest], [r, _]) = (halves(b, a), halves(b, da), halves(b, r));
            let dy = self.tangents(b, square, &[q, r], da);
            let (turned, moved) = (b.product_tn(dy[0], rest), b.product_tn(q, drest));
            let drest = b.add(turned, moved);
            return vec![dy[0], whole(b, [dy[1], drest])];
        }
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

    fn cotangent(&self, b: &mut Builder, a: Value, y: &[Value], dy: &[Option<Value>]) -> Value {
        let (q, r) = (y[0], y[1]);
        if is_wide(b.ty(a)) {
            let ([square, rest], [r, _]) = (halves(b, a), halves(b, r));
            let Some([dr, drest]) = dy[1].map(|dr| halves(b, dr)) else {
                let (da, none) = (self.cotangent(b, square, &[q, r], &[dy[0], None]), b.zeros_like(rest));
                return whole(b, [da, none]);
            };
            let turned = b.product_nt(rest, drest);
            let dq = b.sum_of([dy[0], Some(turned)]);
            let da = self.cotangent(b, square, &[q, r], &[Some(dq), Some(dr)]);
            let drest = b.matmul(q, drest);
            return whole(b, [da, drest]);
        }
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

/// The shortest of the least squares solutions of a matrix of full rank.
fn by_qr(b: &mut Builder, a: Value, rhs: Value) -> Value {
    if is_wide(b.ty(a)) {
        let transposed = b.matrix_transposed(a);
        let [q, r, _] = b.qr(transposed);
        let y = b.triangular_solve(Triangle::UPPER.transposed(), r, rhs);
        return b.matmul(q, y);
    }
    let [q, r, _] = b.qr(a);
    let rhs = b.product_tn(q, rhs);
    b.triangular_solve(Triangle::UPPER, r, rhs)
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
        let n = a.shape[batch + 1];
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

    fn attributes(&self) -> Attributes {
        tolerance_attribute(self.tol)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        // Which way it is solved follows from the extents.
        b.ty(x[0]).static_shape()?;
        Some(vec![match self.tol {
            Some(tol) => applied(b, x[0], tol, x[1]),
            None => by_qr(b, x[0], x[1]),
        }])
    }

    fn expand_for_derivative(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        if self.tol.is_none() {
            return Some(vec![by_qr(b, x[0], x[1])]);
        }
        let inverse = b.apply(Arc::new(Pinv { tol: self.tol }), &x[..1]);
        Some(vec![b.matmul(inverse, x[1])])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}
