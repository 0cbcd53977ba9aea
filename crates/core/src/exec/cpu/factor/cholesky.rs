//! The blocks of a Cholesky factor.

use super::solve::Right;
use super::{BASE, GRAIN, Plane, Work, half, subtract};
use crate::numerics::dispatch::{Kernel, dispatch};
use crate::numerics::lanes::{Real, Simd};
use crate::numerics::linalg::root;

/// Rows up to which a whole square of the symmetric product is computed, half of it in vain.
pub(super) const SQUARE: usize = 96;

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
        Right { l: a.matrix(), n: h, unit: false, x: below, m: n - h }.solve(work);
        Symmetric { c: rest, l: below, m: n - h, k: h }.subtract(work);
        cholesky(work, rest, n - h, first + h, info);
    }
}

/// `c − l lᵀ` over the lower triangle of `c`, m×m, for `l` of m×k.
#[derive(Clone, Copy)]
struct Symmetric<T> {
    c: Plane<T>,
    l: Plane<T>,
    m: usize,
    k: usize,
}

// SAFETY: `l` is only read; parts on different threads write different blocks.
unsafe impl<T: Real> Send for Symmetric<T> {}

impl<T: Real> Symmetric<T> {
    unsafe fn subtract(self, work: Work) {
        let Symmetric { c, l, m, k } = self;
        // SAFETY: the blocks lie in the matrices.
        unsafe {
            let product = |c, below: Plane<T>, rows, columns| {
                let size = [rows, columns, k];
                subtract(work.level, work.threads, c, below.matrix(), l.matrix().transposed(), size);
            };
            if m <= SQUARE {
                return product(c, l, m, m);
            }
            let h = half(m, BASE);
            let above = Symmetric { m: h, ..self };
            let below = Symmetric { c: c.at(h, h), l: l.at(h, 0), m: m - h, k };
            match work.threads > 1 && m * m * k >= 8 * GRAIN {
                true => work.join(move |work| above.subtract(work), move |work| below.subtract(work)),
                false => {
                    above.subtract(work);
                    below.subtract(work);
                }
            }
            product(c.at(h, 0), l.at(h, 0), m - h, h);
        }
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
        for (j, line) in u.iter_mut().enumerate().take(n) {
            for (i, x) in line.iter_mut().enumerate().take(n).skip(j) {
                // SAFETY: the element lies in the matrix.
                *x = unsafe { *a.at(i, j).start };
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
        for (j, line) in u.iter().enumerate().take(n) {
            for (i, &x) in line.iter().enumerate().take(n).skip(j) {
                // SAFETY: as above.
                unsafe { *a.at(i, j).start = x };
            }
        }
    }
}
