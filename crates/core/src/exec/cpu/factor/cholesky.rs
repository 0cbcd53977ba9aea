//! The blocks of a Cholesky factor.

use super::solve::right;
use super::{BASE, Plane, Work, half, subtract};
use crate::numerics::dispatch::{Kernel, dispatch};
use crate::numerics::lanes::{Real, Simd};
use crate::numerics::linalg::root;

/// Columns of the trailing triangle that are updated together; half of such a square is computed in vain.
const COLUMNS: usize = 192;

/// L of the n×n matrix at `a`, over its lower triangle; what stands above is overwritten. `first` columns of the whole matrix precede it.
///
/// # Safety
/// The matrix must be this call's alone.
pub(super) unsafe fn cholesky<T: Real>(work: Work, a: Plane<T>, n: usize, first: usize, info: &mut i64) {
    if n <= BASE {
        return dispatch(work.level, Base { a, n, first, info });
    }
    let h = half(n, BASE);
    // SAFETY: the blocks lie in the matrix, and those that are read are not written.
    unsafe {
        let (below, rest) = (a.at(h, 0), a.at(h, h));
        cholesky(work, a, h, first, info);
        right(work, a.matrix(), h, false, below, n - h);
        for start in (0..n - h).step_by(COLUMNS) {
            let columns = COLUMNS.min(n - h - start);
            let rows = below.at(start, 0);
            subtract(
                work.level,
                work.threads,
                rest.at(start, start),
                rows.matrix(),
                rows.matrix().transposed(),
                [n - h - start, columns, h],
            );
        }
        cholesky(work, rest, n - h, first + h, info);
    }
}

/// A block in L1, held as its transpose, so that loops run along lines.
struct Base<'a, T> {
    a: Plane<T>,
    n: usize,
    first: usize,
    info: &'a mut i64,
}

impl<T: Real> Kernel for Base<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Base { a, n, first, info } = self;
        let mut u = [[T::ZERO; BASE]; BASE];
        for i in 0..n {
            for j in 0..=i {
                // SAFETY: the element lies in the matrix.
                u[j][i] = unsafe { *a.at(i, j).start };
            }
        }
        for k in 0..n {
            let pivot = root(u[k][k], first + k, info);
            u[k][k] = pivot;
            u[k][k + 1..n].iter_mut().for_each(|x| *x = *x / pivot);
            let line = u[k];
            for i in k + 1..n {
                let l = line[i];
                u[i][i..n].iter_mut().zip(&line[i..n]).for_each(|(x, &other)| *x = l.fnma(other, *x));
            }
        }
        for i in 0..n {
            for j in 0..=i {
                // SAFETY: as above.
                unsafe { *a.at(i, j).start = u[j][i] };
            }
        }
    }
}
