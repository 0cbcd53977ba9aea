//! Solutions with triangles, by blocks.

use super::{BASE, GRAIN, Plane, Work, half, subtract};
use crate::exec::cpu::product::Matrix;
use crate::numerics::dispatch::{Kernel, dispatch};
use crate::numerics::lanes::{Lanes, Real, Simd};
use crate::numerics::linalg::{self, Triangle};

/// Vectors that a base works on together, so that no chain waits for its own last fma.
const VECTORS: usize = 4;

/// op(T) X = B, X over B: n rows of `columns`.
pub(super) fn solve<T: Real>(work: Work, triangle: Triangle, t: &[T], n: usize, x: &mut [T], columns: usize) {
    if n <= BASE && columns < VECTORS {
        return dispatch(work.level, Small { triangle, t, n, x, columns });
    }
    let element = |i: usize, k: usize| if triangle.transpose { t[k * n + i] } else { t[i * n + k] };
    if triangle.is_forward() {
        let copy: Vec<T>;
        let lower = match triangle.transpose {
            false => t,
            true => {
                copy = lower_triangle(n, element);
                &copy
            }
        };
        return forward(work, lower, n, triangle.unit, x, columns);
    }
    // An upper triangle is a lower one from behind.
    let lower = lower_triangle(n, |i, k| element(n - 1 - i, n - 1 - k));
    reverse_rows(x, columns);
    forward(work, &lower, n, triangle.unit, x, columns);
    reverse_rows(x, columns);
}

/// A copy of a lower triangle.
fn lower_triangle<T: Real>(n: usize, element: impl Fn(usize, usize) -> T) -> Vec<T> {
    let mut copy = vec![T::ZERO; n * n];
    for i in 0..n {
        for k in 0..=i {
            copy[i * n + k] = element(i, k);
        }
    }
    copy
}

fn reverse_rows<T: Real>(x: &mut [T], columns: usize) {
    let rows = x.len() / columns.max(1);
    for i in 0..rows / 2 {
        let (above, below) = x.split_at_mut((rows - 1 - i) * columns);
        above[i * columns..(i + 1) * columns].swap_with_slice(&mut below[..columns]);
    }
}

fn forward<T: Real>(work: Work, lower: &[T], n: usize, unit: bool, x: &mut [T], columns: usize) {
    let lower = Matrix { start: lower.as_ptr(), row: n, column: 1 };
    let x = Plane { start: x.as_mut_ptr(), row: columns };
    // SAFETY: both hold n rows, and nobody else has `x`.
    unsafe { Left { l: lower, n, unit, x, columns }.solve(work) };
}

struct Small<'a, T> {
    triangle: Triangle,
    t: &'a [T],
    n: usize,
    x: &'a mut [T],
    columns: usize,
}

impl<T: Real> Kernel for Small<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        linalg::triangular_solve(self.triangle, self.t, self.n, self.x, self.columns);
    }
}

/// L X = B, X over the n × `columns` at `x`; `unit` says that the diagonal is 1. A part in L1 is the base.
#[derive(Clone, Copy)]
pub(super) struct Left<T> {
    pub l: Matrix<T>,
    pub n: usize,
    pub unit: bool,
    pub x: Plane<T>,
    pub columns: usize,
}

/// X Lᵀ = B, X over the m × n at `x`. A part in L1 is the base: a few rows at a time, transposed.
#[derive(Clone, Copy)]
pub(super) struct Right<T> {
    pub l: Matrix<T>,
    pub n: usize,
    pub unit: bool,
    pub x: Plane<T>,
    pub m: usize,
}

// SAFETY: triangles are only read; parts on different threads write different columns.
unsafe impl<T: Real> Send for Left<T> {}
// SAFETY: as above, different rows.
unsafe impl<T: Real> Send for Right<T> {}

/// Whether several threads share a solution of `n` unknowns for `count` right-hand sides.
fn is_shared(work: Work, n: usize, count: usize) -> bool {
    work.threads > 1 && count > BASE && n * n * count >= 4 * GRAIN
}

impl<T: Real> Left<T> {
    /// Solves it.
    ///
    /// # Safety
    /// `l` must hold an n×n triangle, and `x` be this call's alone.
    pub unsafe fn solve(self, work: Work) {
        let Left { l, n, x, columns, .. } = self;
        if n <= BASE {
            return dispatch(work.level, self);
        }
        // SAFETY: the parts lie in the matrices, and what is read is not written.
        unsafe {
            if is_shared(work, n, columns) {
                let half = half(columns, BASE);
                let (one, other) = (
                    Left { columns: half, ..self },
                    Left { x: x.at(0, half), columns: columns - half, ..self },
                );
                return work.join(move |work| one.solve(work), move |work| other.solve(work));
            }
            let h = half(n, BASE);
            Left { n: h, ..self }.solve(work);
            let size = [n - h, columns, h];
            subtract(work.level, work.threads, x.at(h, 0), l.at(h, 0), x.matrix(), size);
            Left { l: l.at(h, h), n: n - h, x: x.at(h, 0), ..self }.solve(work);
        }
    }
}

impl<T: Real> Right<T> {
    /// Solves it.
    ///
    /// # Safety
    /// As for [`Left::solve`].
    pub unsafe fn solve(self, work: Work) {
        let Right { l, n, x, m, .. } = self;
        if n <= BASE {
            return dispatch(work.level, self);
        }
        // SAFETY: the parts lie in the matrices, and what is read is not written.
        unsafe {
            if is_shared(work, n, m) {
                let half = half(m, BASE);
                let (one, other) =
                    (Right { m: half, ..self }, Right { x: x.at(half, 0), m: m - half, ..self });
                return work.join(move |work| one.solve(work), move |work| other.solve(work));
            }
            let h = half(n, BASE);
            Right { n: h, ..self }.solve(work);
            let size = [m, n - h, h];
            subtract(work.level, work.threads, x.at(0, h), x.matrix(), l.at(h, 0).transposed(), size);
            Right { l: l.at(h, h), n: n - h, x: x.at(0, h), ..self }.solve(work);
        }
    }
}

/// Substitution in up to [`BASE`] rows of [`VECTORS`] vectors: `row(i)` is where row i starts.
///
/// # Safety
/// `l` must hold the triangle, and the rows whole vectors.
#[inline(always)]
unsafe fn substitute<V: Lanes, const N: usize>(
    l: Matrix<V::Scalar>,
    n: usize,
    unit: bool,
    row: impl Fn(usize) -> *mut V::Scalar,
) {
    for i in 0..n {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [V::zero(); N];
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(row(i).add(v * V::WIDTH));
            }
            for k in 0..i {
                let factor = V::splat(*l.at(i, k).start);
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = factor.fnma(V::load(row(k).add(v * V::WIDTH)), *sum);
                }
            }
            let pivot = V::splat(if unit { V::Scalar::ONE } else { *l.at(i, i).start });
            for (v, sum) in sums.into_iter().enumerate() {
                let x = if unit { sum } else { sum / pivot };
                x.store(row(i).add(v * V::WIDTH));
            }
        }
    }
}

impl<T: Real> Kernel for Left<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Left { l, n, unit, x, columns } = self;
        let width = <T::Vector<S> as Lanes>::WIDTH;
        let whole = columns / (VECTORS * width) * (VECTORS * width);
        // SAFETY: whole vectors lie in the plane.
        unsafe {
            for j in (0..whole).step_by(VECTORS * width) {
                substitute::<T::Vector<S>, VECTORS>(l, n, unit, |i| x.at(i, j).start);
            }
            // What is left over is done in a copy.
            let mut copy = [T::ZERO; BASE * 16];
            for j in (whole..columns).step_by(width) {
                let count = width.min(columns - j);
                for i in 0..n {
                    copy[i * width..][..count].copy_from_slice(x.at(i, j).line(0, count));
                }
                let start = copy.as_mut_ptr();
                substitute::<T::Vector<S>, 1>(l, n, unit, |i| start.add(i * width));
                for i in 0..n {
                    x.at(i, j).line(0, count).copy_from_slice(&copy[i * width..][..count]);
                }
            }
        }
    }
}

impl<T: Real> Kernel for Right<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Right { l, n, unit, x, m } = self;
        let together = VECTORS * <T::Vector<S> as Lanes>::WIDTH;
        let mut copy = [T::ZERO; BASE * VECTORS * 16];
        for first in (0..m).step_by(together) {
            let rows = together.min(m - first);
            // SAFETY: the rows lie in the plane, and the copy has room for whole vectors.
            unsafe {
                for i in 0..rows {
                    for (j, &x) in x.line(first + i, n).iter().enumerate() {
                        copy[j * together + i] = x;
                    }
                }
                let start = copy.as_mut_ptr();
                substitute::<T::Vector<S>, VECTORS>(l, n, unit, |j| start.add(j * together));
                for i in 0..rows {
                    for (j, x) in x.line(first + i, n).iter_mut().enumerate() {
                        *x = copy[j * together + i];
                    }
                }
            }
        }
    }
}
