//! Cholesky and LU factors.

use crate::numerics::lanes::Real;

/// A = L Lᵀ by law 11, written over `a`, n×n, of which only the lower triangle is read; above L stands +0.
///
/// Column by column, l_ij is a chain that starts from a_ij and subtracts l_ik l_jk, k ascending; l_jj is its square root, and the
/// elements below are divided by l_jj. Gives 0, or j + 1 for the first column j whose pivot is not above 0: that pivot is NaN, hence so is all
/// that follows it.
#[inline(always)]
pub fn cholesky<T: Real>(a: &mut [T], n: usize) -> i64 {
    let mut info = 0;
    for j in 0..n {
        for i in j..n {
            let mut sum = a[i * n + j];
            for k in 0..j {
                sum = a[i * n + k].fnma(a[j * n + k], sum);
            }
            a[i * n + j] = match i == j {
                true => root(sum, j, &mut info),
                false => sum / a[j * n + j],
            };
        }
        a[j * n + j + 1..(j + 1) * n].fill(T::ZERO);
    }
    info
}

/// The square root of pivot `j`, NaN where it is not above 0.
#[inline(always)]
pub(crate) fn root<T: Real>(pivot: T, j: usize, info: &mut i64) -> T {
    if pivot > T::ZERO {
        return pivot.sqrt();
    }
    if *info == 0 {
        *info = j as i64 + 1;
    }
    super::nan()
}

/// P A = L U by law 11 with partial pivoting, written over `a`, n×n: U on and above the diagonal, L below it, whose diagonal is 1. Row i of P A
/// is row `rows[i]` of A.
///
/// In step k, the row among those from k on whose element of column k is largest in size, the first of equals, changes places with row k. (A
/// comparison with NaN is false: a NaN is taken only where it stands in row k.) An element of U is a chain that starts from its element of P A and
/// subtracts l_ik u_kj, k ascending; one of L is such a chain divided by u_kk, or left as it is where u_kk is ±0. Gives 0, or k + 1 for the
/// first u_kk that is ±0 or NaN.
#[inline(always)]
pub fn lu<T: Real>(a: &mut [T], n: usize, rows: &mut [i64]) -> i64 {
    rows.iter_mut().enumerate().for_each(|(i, row)| *row = i as i64);
    let mut info = 0;
    for k in 0..n {
        let mut pivot = k;
        for i in k + 1..n {
            if a[i * n + k].abs() > a[pivot * n + k].abs() {
                pivot = i;
            }
        }
        if pivot != k {
            let (above, below) = a.split_at_mut(pivot * n);
            above[k * n..(k + 1) * n].swap_with_slice(&mut below[..n]);
            rows.swap(k, pivot);
        }
        note_pivot(a[k * n + k], k, &mut info);
        let (above, below) = a.split_at_mut((k + 1) * n);
        let row = &above[k * n..];
        for other in below.chunks_exact_mut(n) {
            let l = quotient(other[k], row[k]);
            other[k] = l;
            for (x, &u) in other[k + 1..].iter_mut().zip(&row[k + 1..]) {
                *x = l.fnma(u, *x);
            }
        }
    }
    info
}

/// Notes the first pivot that is ±0 or NaN.
#[inline(always)]
pub(crate) fn note_pivot<T: Real>(pivot: T, k: usize, info: &mut i64) {
    let sound = pivot.abs() > T::ZERO;
    if *info == 0 && !sound {
        *info = k as i64 + 1;
    }
}

/// An element of L: `chain / pivot`, or the chain where the pivot is ±0.
#[inline(always)]
pub(crate) fn quotient<T: Real>(chain: T, pivot: T) -> T {
    if pivot == T::ZERO { chain } else { chain / pivot }
}
