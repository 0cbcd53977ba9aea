//! QR factors by Householder's reflections, and the reflections that other factorisations begin with.

use crate::numerics::lanes::Real;

/// H = 1 − τ v vᵀ with v₀ = 1, which takes a vector x to (β, 0, …, 0).
#[derive(Clone, Copy, Debug)]
pub(super) struct Reflection<T> {
    pub tau: T,
    pub beta: T,
}

/// The reflection of `x`, which becomes v.
///
/// With s = max |xᵢ|, the norm is s √Σ (xᵢ/s)², one fma chain from +0, ascending; β has the sign that x₀ has not, so that nothing cancels; v = x/(x₀ − β) and
/// τ = (β − x₀)/β. A zero vector is left as it is: τ = β = 0.
#[inline(always)]
pub(super) fn reflection<T: Real>(x: &mut [T]) -> Reflection<T> {
    // A NaN must not be lost: it is kept as the size.
    let size = x.iter().fold(T::ZERO, |size, x| if x.abs() <= size { size } else { x.abs() });
    if size == T::ZERO {
        x[0] = T::ONE;
        return Reflection { tau: T::ZERO, beta: T::ZERO };
    }
    let squares = x.iter().fold(T::ZERO, |sum, &x| (x / size).fma(x / size, sum));
    let (first, norm) = (x[0], size * squares.sqrt());
    let beta = if first > T::ZERO { -norm } else { norm };
    let pivot = first - beta;
    x[1..].iter_mut().for_each(|x| *x = *x / pivot);
    x[0] = T::ONE;
    Reflection { tau: (beta - first) / beta, beta }
}

/// H A for the rows of `a` from `row` on and its columns from `column` on, n in a row.
///
/// wⱼ = Σ vᵢ aᵢⱼ is a chain that starts from a₀ⱼ, i ascending; then aᵢⱼ becomes fma(−vᵢ, τ wⱼ, aᵢⱼ).
#[inline(always)]
pub(super) fn reflect<T: Real>(
    v: &[T],
    tau: T,
    a: &mut [T],
    n: usize,
    [row, column]: [usize; 2],
    w: &mut Vec<T>,
) {
    let line = |i: usize| (row + i) * n + column..(row + i + 1) * n;
    w.clear();
    w.extend_from_slice(&a[line(0)]);
    for (i, &v) in v.iter().enumerate().skip(1) {
        w.iter_mut().zip(&a[line(i)]).for_each(|(w, &a)| *w = v.fma(a, *w));
    }
    w.iter_mut().for_each(|w| *w = tau * *w);
    for (i, &v) in v.iter().enumerate() {
        a[line(i)].iter_mut().zip(&*w).for_each(|(a, &w)| *a = v.fnma(w, *a));
    }
}

/// A = Q R of an m×n matrix `a` with m ≥ n, by law 11: Q, m×n with orthonormal columns, over `a`, and R, an upper triangle, over `r`, n×n.
///
/// Column by column, a reflection takes what stands on and below the diagonal to rₖₖ = β and is applied to the columns behind; then, the last one first,
/// the reflections are applied to the first n columns of the identity. Gives 0, or k + 1 for the first rₖₖ that is ±0 or NaN.
#[inline(always)]
pub fn qr<T: Real>(a: &mut [T], m: usize, n: usize, r: &mut [T]) -> i64 {
    let (mut info, mut w) = (0, Vec::with_capacity(n));
    let mut reflections: Vec<(Vec<T>, T)> = Vec::with_capacity(n);
    r.fill(T::ZERO);
    for k in 0..n {
        let mut v: Vec<T> = (k..m).map(|i| a[i * n + k]).collect();
        let Reflection { tau, beta } = reflection(&mut v);
        super::note_pivot(beta, k, &mut info);
        reflect(&v, tau, a, n, [k, k + 1], &mut w);
        r[k * n + k] = beta;
        r[k * n + k + 1..(k + 1) * n].copy_from_slice(&a[k * n + k + 1..(k + 1) * n]);
        reflections.push((v, tau));
    }
    a.fill(T::ZERO);
    (0..n).for_each(|k| a[k * n + k] = T::ONE);
    for (k, (v, tau)) in reflections.iter().enumerate().rev() {
        reflect(v, *tau, a, n, [k, k], &mut w);
    }
    info
}
