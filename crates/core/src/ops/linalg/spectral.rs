//! `eigh` and `svd`: eigenvalues of symmetric matrices, singular values of any.

use super::qr::{is_wide, smaller};
use super::*;
use crate::numerics::dispatch::Level;

/// Eigenvalues w, ascending, and orthonormal eigenvectors V as columns of a symmetric matrix A = V diag(w) Vᵀ, by law 11, of which the lower triangle is read, and the
/// status: 0, or 1 + the number of eigenvalues found where one was not, or an element is not finite; all is NaN then. The sign of a vector is as the law gives it.
///
/// With C = Vᵀ dA V and Fᵢⱼ = 1/(wⱼ − wᵢ), 0 on the diagonal, dw = diag C and dV = V (F ∘ C); backwards Ā = V (diag w̄ + F ∘ Vᵀ V̄) Vᵀ (Giles 2008, 3.1). Equal
/// eigenvalues have no derivative of their vectors, and F is NaN there; derivatives of the eigenvalues alone hold no F.
#[derive(Clone, Copy, Debug)]
pub struct Eigh;

/// U and V with orthonormal columns and the singular values s, descending, of A = U diag(s) Vᵀ, by law 11, and the status: 0, or 1 where the iteration failed or an element
/// is not finite; all is NaN then. There are as many values as the smaller extent of A has; an extent that is not known when the graph is built is taken to be a number of rows
/// that is large enough. A matrix with fewer rows than columns has the factors of its transpose, exchanged.
///
/// With C = Uᵀ dA V and Fᵢⱼ = 1/(sⱼ² − sᵢ²), 0 on the diagonal, ds = diag C, dU = U (F ∘ (C S + S Cᵀ)) + (1 − U Uᵀ) dA V S⁻¹, dV = V (F ∘ (S C + Cᵀ S)) (J. Townsend,
/// *Differentiating the singular value decomposition*, 2016). Equal singular values, and zero ones of a tall matrix, have no derivative of their vectors: NaN.
#[derive(Clone, Copy, Debug)]
pub struct Svd;

pub(super) const EIGH: Entry = Entry {
    name: "eigh",
    summary: "the eigenvalues w, ascending, and orthonormal eigenvectors V, as columns, of symmetric matrices A = V·diag(w)·Vᵀ, of which the lower triangle is read, and a status: 0, or 1 + the number of eigenvalues found where all is NaN",
    example: "%w, %v, %info = tgraph.eigh %a : tensor<3xf64>, tensor<3x3xf64>, i64",
    constraints: &[
        Constraint {
            id: "eigh-1",
            law: "one float operand with 2 or more axes; no attributes",
            mend: "convert the operand to a float dtype",
        },
        Constraint { id: "eigh-2", law: "the last two extents agree", mend: "correct the operand's shape" },
    ],
    parse: |name, attributes, _, _| {
        only(name, "eigh-1", attributes, &[])?;
        Ok(Arc::new(Eigh))
    },
};

pub(super) const SVD: Entry = Entry {
    name: "svd",
    summary: "U and V with orthonormal columns and the singular values s, descending, as many as the smaller extent, of A = U·diag(s)·Vᵀ, and a status: 0, or 1 where all is NaN",
    example: "%u, %s, %v, %info = tgraph.svd %a : tensor<5x3xf64>, tensor<3xf64>, tensor<3x3xf64>, i64",
    constraints: &[Constraint {
        id: "svd-1",
        law: "one float operand with 2 or more axes; no attributes",
        mend: "convert the operand to a float dtype",
    }],
    parse: |name, attributes, _, _| {
        only(name, "svd-1", attributes, &[])?;
        Ok(Arc::new(Svd))
    },
};

/// A vector with an element for each of the rows (axis 0) or columns (1) of `like`, as such a matrix.
fn along(b: &mut Builder, x: Value, axis: usize, like: Value) -> Value {
    let batch = b.ty(like).ndim() - 2;
    let dims: Vec<usize> = (0..batch).chain([batch + axis]).collect();
    b.broadcast_like(x, &dims, like)
}

/// F: 1/gap off the diagonal, NaN for a gap of 0, and 0 on it.
fn gap_reciprocals(b: &mut Builder, gap: Value) -> Value {
    let diagonal = b.position(gap, Direction::Eq);
    let (zero, one) = (b.zeros_like(gap), b.ones_like(gap));
    let safe = b.select(diagonal, one, gap);
    let reciprocal = b.reciprocal(safe);
    b.select(diagonal, zero, reciprocal)
}

/// diag(x), of the type of `like`.
fn diagonal_matrix(b: &mut Builder, x: Value, like: Value) -> Value {
    let spread = along(b, x, 0, like);
    b.triangle(spread, Direction::Eq)
}

impl Rule for Eigh {
    fn name(&self) -> &'static str {
        "eigh"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let v = square_matrix(self.name(), ["eigh-1", "eigh-2"], x)?;
        let w = Type { dtype: v.dtype, shape: v.shape[..v.ndim() - 1].to_vec() };
        let info = status(&v);
        Ok(vec![w, v, info])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        Decomposition::Eigh.run(Level::Scalar, x[0])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Decompose(Decomposition::Eigh)
    }
}

impl Eigh {
    /// F of eigenvalues `w`.
    fn reciprocals(self, b: &mut Builder, w: Value, like: Value) -> Value {
        let (own, other) = (along(b, w, 0, like), along(b, w, 1, like));
        let gap = b.sub(other, own);
        gap_reciprocals(b, gap)
    }
}

impl Factorisation for Eigh {
    fn smooth(&self) -> usize {
        2
    }

    fn tangents(&self, b: &mut Builder, _: Value, y: &[Value], da: Value) -> Vec<Value> {
        let (w, v) = (y[0], y[1]);
        let da = b.symmetric(da);
        let left = b.product_tn(v, da);
        let c = b.matmul(left, v);
        let f = self.reciprocals(b, w, v);
        let turn = b.mul(f, c);
        vec![b.diagonal(c), b.matmul(v, turn)]
    }

    fn cotangent(&self, b: &mut Builder, _: Value, y: &[Value], dy: &[Option<Value>]) -> Value {
        let (w, v) = (y[0], y[1]);
        let from_w = dy[0].map(|dw| diagonal_matrix(b, dw, v));
        let from_v = dy[1].map(|dv| {
            let (f, overlap) = (self.reciprocals(b, w, v), b.product_tn(v, dv));
            b.mul(f, overlap)
        });
        let c = b.sum_of([from_w, from_v]);
        let left = b.matmul(v, c);
        let whole = b.product_nt(left, v);
        b.folded(whole)
    }
}

impl Rule for Svd {
    fn name(&self) -> &'static str {
        "svd"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let a = matrix(self.name(), "svd-1", x)?;
        let (batch, k) = (a.ndim() - 2, smaller(a));
        let of = |tail: &[Extent]| Type { dtype: a.dtype, shape: [&a.shape[..batch], tail].concat() };
        Ok(vec![of(&[a.shape[batch], k]), of(&[k]), of(&[a.shape[batch + 1], k]), status(a)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        match is_wide(&x[0].ty()) {
            true => crate::exec::reference::evaluate_expansion(self, x),
            false => Decomposition::Svd.run(Level::Scalar, x[0]),
        }
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        is_wide(b.ty(x[0])).then(|| {
            let transposed = b.matrix_transposed(x[0]);
            let [v, s, u, info] = b.svd(transposed);
            vec![u, s, v, info]
        })
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Decompose(Decomposition::Svd)
    }
}

impl Svd {
    /// F of singular values `s`, and they along rows and along columns of matrices like `v`.
    fn reciprocals(self, b: &mut Builder, s: Value, v: Value) -> (Value, Value, Value) {
        let (own, other) = (along(b, s, 0, v), along(b, s, 1, v));
        let (difference, sum) = (b.sub(other, own), b.add(other, own));
        let gap = b.mul(difference, sum);
        (gap_reciprocals(b, gap), own, other)
    }

    /// (x − U c) S⁻¹: what of x stands outside the columns of U; nothing does where the matrix is square.
    fn outside(self, b: &mut Builder, [u, s]: [Value; 2], x: Value, c: Value) -> Option<Value> {
        let [m, n] = [2, 1].map(|axis| b.ty(u).shape[b.ty(u).ndim() - axis].known());
        if m.is_some() && m == n {
            return None;
        }
        let inside = b.matmul(u, c);
        let rest = b.sub(x, inside);
        let s = along(b, s, 1, u);
        let reciprocal = b.reciprocal(s);
        Some(b.mul(rest, reciprocal))
    }
}

impl Factorisation for Svd {
    fn smooth(&self) -> usize {
        3
    }

    fn tangents(&self, b: &mut Builder, a: Value, y: &[Value], da: Value) -> Vec<Value> {
        let &[u, s, v, info] = y else { unreachable!("four results") };
        if is_wide(b.ty(a)) {
            let [a, da] = [a, da].map(|x| b.matrix_transposed(x));
            let mut dy = self.tangents(b, a, &[v, s, u, info], da);
            dy.swap(0, 2);
            return dy;
        }
        let x = b.matmul(da, v);
        let c = b.product_tn(u, x);
        let (f, own, other) = self.reciprocals(b, s, v);
        let transposed = b.matrix_transposed(c);
        // F ∘ (c_ij p_ij + c_ji q_ij)
        let mut turn = |p: Value, q: Value| {
            let (direct, crossed) = (b.mul(c, p), b.mul(transposed, q));
            let sum = b.add(direct, crossed);
            b.mul(f, sum)
        };
        let (of_u, of_v) = (turn(other, own), turn(own, other));
        let (du, ds, dv) = (b.matmul(u, of_u), b.diagonal(c), b.matmul(v, of_v));
        let outside = self.outside(b, [u, s], x, c);
        vec![b.sum_of([Some(du), outside]), ds, dv]
    }

    fn cotangent(&self, b: &mut Builder, a: Value, y: &[Value], dy: &[Option<Value>]) -> Value {
        let &[u, s, v, info] = y else { unreachable!("four results") };
        if is_wide(b.ty(a)) {
            let a = b.matrix_transposed(a);
            let da = self.cotangent(b, a, &[v, s, u, info], &[dy[2], dy[1], dy[0]]);
            return b.matrix_transposed(da);
        }
        // F ∘ (Xᵀ X̄ − X̄ᵀ X), scaled by singular values along rows or columns.
        let turned = |b: &mut Builder, x: Value, dx: Value, by_row: bool| {
            let (f, own, other) = self.reciprocals(b, s, v);
            let overlap = b.product_tn(x, dx);
            let transposed = b.matrix_transposed(overlap);
            let skew = b.sub(overlap, transposed);
            let skew = b.mul(f, skew);
            b.mul(skew, if by_row { own } else { other })
        };
        let from_u = dy[0].map(|du| turned(b, u, du, false));
        let from_s = dy[1].map(|ds| diagonal_matrix(b, ds, v));
        let from_v = dy[2].map(|dv| turned(b, v, dv, true));
        let c = b.sum_of([from_u, from_s, from_v]);
        let inside = b.matmul(u, c);
        let outside = dy[0].and_then(|du| {
            let overlap = b.product_tn(u, du);
            self.outside(b, [u, s], du, overlap)
        });
        let left = b.sum_of([Some(inside), outside]);
        b.product_nt(left, v)
    }
}
