//! Eigenvalues and eigenvectors of symmetric matrices: Householder's tridiagonal form, then implicit QL steps.
//!
//! J. H. Wilkinson and C. Reinsch, *Handbook for Automatic Computation II: Linear Algebra*, Springer 1971, contributions II/2 and II/4
//! (tred2, imtql2), with vectors held as rows.

use super::qr::{Reflection, reflect, reflection};
use crate::numerics::lanes::Real;

/// QL steps for one eigenvalue, after which it counts as not found. Two are usual; EISPACK gives up at the same number.
const STEPS: usize = 30;

/// A = V diag(w) Vᵀ by law 11 of an n×n matrix `a`, of whose lower triangle is read: eigenvalues ascending, and over `a` the eigenvectors as columns.
///
/// Gives 0, or 1 + the number of eigenvalues found where one was not, or an element is not finite; all results are NaN then.
#[inline(always)]
pub fn eigh<T: Real>(a: &mut [T], n: usize, values: &mut [T]) -> i64 {
    for i in 0..n {
        for j in i + 1..n {
            a[i * n + j] = a[j * n + i];
        }
    }
    let mut side = vec![T::ZERO; n];
    let mut q = tridiagonal(a, n, values, &mut side);
    let finite = super::are_finite(values.iter().chain(&side));
    let found = if finite { implicit_ql(values, &mut side, &mut q, n) } else { Err(0) };
    if let Err(found) = found {
        values.fill(super::nan());
        a.fill(super::nan());
        return found as i64 + 1;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| values[i].partial_cmp(&values[j]).expect("finite"));
    let sorted: Vec<T> = order.iter().map(|&i| values[i]).collect();
    values.copy_from_slice(&sorted);
    for (k, &from) in order.iter().enumerate() {
        (0..n).for_each(|i| a[i * n + k] = q[from * n + i]);
    }
    0
}

/// T = Qᵀ A Q with diagonal `d` and, from index 0 on, subdiagonal `e`; gives Qᵀ.
///
/// With a reflection of what stands below the diagonal of a column, p = τ A v (chains over the rows of A, ascending) and w = p − ½ τ (pᵀ v) v, the rest becomes
/// A − v wᵀ − w vᵀ, in this order.
#[inline(always)]
fn tridiagonal<T: Real>(a: &mut [T], n: usize, d: &mut [T], e: &mut [T]) -> Vec<T> {
    let half = T::ONE / (T::ONE + T::ONE);
    let (mut w, mut reflections) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for k in 0..n.saturating_sub(1) {
        let first = k + 1;
        let mut v: Vec<T> = (first..n).map(|i| a[i * n + k]).collect();
        let Reflection { tau, beta } = reflection(&mut v);
        e[k] = beta;
        let mut p = vec![T::ZERO; n - first];
        for (j, &v) in v.iter().enumerate() {
            let row = &a[(first + j) * n + first..(first + j + 1) * n];
            p.iter_mut().zip(row).for_each(|(p, &a)| *p = v.fma(a, *p));
        }
        p.iter_mut().for_each(|p| *p = tau * *p);
        let overlap = p.iter().zip(&v).fold(T::ZERO, |sum, (&p, &v)| p.fma(v, sum));
        let factor = half * tau * overlap;
        p.iter_mut().zip(&v).for_each(|(p, &v)| *p = factor.fnma(v, *p));
        for i in 0..n - first {
            let (vi, wi) = (v[i], p[i]);
            let row = &mut a[(first + i) * n + first..(first + i + 1) * n];
            for ((a, &v), &w) in row.iter_mut().zip(&v).zip(&p) {
                *a = wi.fnma(v, vi.fnma(w, *a));
            }
        }
        reflections.push((v, tau));
    }
    (0..n).for_each(|i| d[i] = a[i * n + i]);
    let mut q = vec![T::ZERO; n * n];
    (0..n).for_each(|i| q[i * n + i] = T::ONE);
    for (k, (v, tau)) in reflections.iter().enumerate().rev() {
        reflect(v, *tau, &mut q, n, [k + 1, k + 1], &mut w);
    }
    (0..n * n).map(|at| q[at % n * n + at / n]).collect()
}

/// √(x² + y²) without overflow: s √(1 + (t/s)²) with s the larger size.
#[inline(always)]
fn hypotenuse<T: Real>(x: T, y: T) -> T {
    let (x, y) = (x.abs(), y.abs());
    let (large, small) = if x < y { (y, x) } else { (x, y) };
    if large == T::ZERO {
        return large;
    }
    let ratio = small / large;
    large * ratio.fma(ratio, T::ONE).sqrt()
}

/// Diagonalises a tridiagonal matrix: `d` becomes its eigenvalues, and the rows of `q` are rotated along. Off-diagonal elements that do not change the
/// sum of their neighbours' sizes count as 0.
#[inline(always)]
fn implicit_ql<T: Real>(d: &mut [T], e: &mut [T], q: &mut [T], n: usize) -> Result<(), usize> {
    let two = T::ONE + T::ONE;
    for l in 0..n {
        for step in 0.. {
            let negligible = |m: &usize| {
                let size = d[*m].abs() + d[*m + 1].abs();
                size + e[*m].abs() == size
            };
            let m = (l..n - 1).find(negligible).unwrap_or(n - 1);
            if m == l {
                break;
            }
            if step == STEPS {
                return Err(l);
            }
            let g = (d[l + 1] - d[l]) / (two * e[l]);
            let r = hypotenuse(g, T::ONE);
            let mut g = d[m] - d[l] + e[l] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (T::ONE, T::ONE, T::ZERO);
            let mut split = false;
            for i in (l..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                let r = hypotenuse(f, g);
                e[i + 1] = r;
                if r == T::ZERO {
                    // The matrix came apart: the next step begins anew.
                    d[i + 1] = d[i + 1] - p;
                    e[m] = T::ZERO;
                    split = true;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = d[i + 1] - p;
                let r = (d[i] - g) * s + two * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                let (above, below) = q.split_at_mut((i + 1) * n);
                rotate(&mut above[i * n..], &mut below[..n], c, s);
            }
            if !split {
                d[l] = d[l] - p;
                e[l] = g;
                e[m] = T::ZERO;
            }
        }
    }
    Ok(())
}

/// (x, y) ← (c x − s y, s x + c y), each a rounded product and an fma.
#[inline(always)]
pub(super) fn rotate<T: Real>(x: &mut [T], y: &mut [T], c: T, s: T) {
    for (x, y) in x.iter_mut().zip(y) {
        let (a, b) = (*x, *y);
        *x = c.fma(a, -(s * b));
        *y = s.fma(a, c * b);
    }
}
