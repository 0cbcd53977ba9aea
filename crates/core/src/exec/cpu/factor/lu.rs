//! The blocks of LU factors with partial pivoting.
//!
//! Narrow parts, where pivots are found, are copied to a panel of their own, transposed: a column of the matrix is then a line of memory, along which the search
//! and the divisions run, whatever power of two the rows of the matrix are apart.

use super::solve::{Left, Right};
use super::{BASE, Plane, Work, half, subtract};
use crate::exec::cpu::aligned::Aligned;
use crate::numerics::dispatch::{Kernel, dispatch};
use crate::numerics::lanes::{Real, Simd};
use crate::numerics::linalg::{self, note_pivot, quotient};

/// Columns of a panel: 2048 rows of f64 are 1 MiB, half of a large L2.
const PANEL: usize = 64;

/// Columns that plain loops factor.
const NARROW: usize = 8;

/// Factors the n×n matrix at `a`; gives the status, and writes to `rows` which row stands where.
///
/// # Safety
/// The matrix must be this call's alone.
pub(super) unsafe fn lu<T: Real>(work: Work, a: Plane<T>, n: usize, rows: &mut [i64]) -> i64 {
    if n <= BASE {
        // SAFETY: the rows of the whole matrix are contiguous.
        let a = unsafe { std::slice::from_raw_parts_mut(a.start, n * n) };
        return dispatch(work.level, Small { a, n, rows });
    }
    let mut lu = Lu { work, info: 0, first: 0, swaps: vec![0; n] };
    // SAFETY: the caller's promise.
    unsafe { lu.columns(a, n, 0, n) };
    rows.iter_mut().enumerate().for_each(|(i, row)| *row = i as i64);
    lu.swaps.iter().enumerate().for_each(|(k, &pivot)| rows.swap(k, pivot));
    lu.info
}

struct Small<'a, T> {
    a: &'a mut [T],
    n: usize,
    rows: &'a mut [i64],
}

impl<T: Real> Kernel for Small<'_, T> {
    type Output = i64;

    #[inline(always)]
    fn run<S: Simd>(self) -> i64 {
        match self.n {
            1..=4 => self.padded::<4>(),
            5..=8 => self.padded::<8>(),
            9..=16 => self.padded::<16>(),
            _ => linalg::lu(self.a, self.n, self.rows),
        }
    }
}

impl<T: Real> Small<'_, T> {
    /// As [`linalg::lu`], in rows of `W` numbers, of which those to the left of the pivot are computed and left as they are: a row is then some whole vectors, the same
    /// ones in every step.
    #[inline(always)]
    fn padded<const W: usize>(self) -> i64 {
        let Small { a, n, rows } = self;
        assert!(n <= W && rows.len() == n && a.len() == n * n);
        let mut m = [[T::ZERO; W]; W];
        for (m, row) in m.iter_mut().zip(a.chunks_exact(n)) {
            m[..n].copy_from_slice(row);
        }
        rows.iter_mut().enumerate().for_each(|(i, row)| *row = i as i64);
        let mut info = 0;
        for k in 0..n {
            let (mut pivot, mut largest) = (k, m[k][k].abs());
            for (i, row) in m.iter().enumerate().take(n).skip(k + 1) {
                let size = row[k].abs();
                if size > largest {
                    (pivot, largest) = (i, size);
                }
            }
            m.swap(k, pivot);
            rows.swap(k, pivot);
            let upper = m[k];
            note_pivot(upper[k], k, &mut info);
            for row in &mut m[k + 1..n] {
                let l = quotient(row[k], upper[k]);
                for (j, (x, u)) in row.iter_mut().zip(upper).enumerate() {
                    let below = l.fnma(u, *x);
                    *x = if j > k { below } else { *x };
                }
                row[k] = l;
            }
        }
        for (m, row) in m.iter().zip(a.chunks_exact_mut(n)) {
            row.copy_from_slice(&m[..n]);
        }
        info
    }
}

struct Lu {
    work: Work,
    info: i64,
    /// The step of the whole matrix that is the panel's first.
    first: usize,
    /// For each step, the row that its row changed places with, counted as the steps are.
    swaps: Vec<usize>,
}

impl Lu {
    /// Factors columns `from..to` of an m-row matrix, all earlier ones being factored and subtracted.
    unsafe fn columns<T: Real>(&mut self, a: Plane<T>, m: usize, from: usize, to: usize) {
        let columns = to - from;
        // SAFETY: the blocks lie in the matrix, and those that are read are not written.
        unsafe {
            if columns <= PANEL {
                return self.panel(a.at(from, from), m - from, columns, from);
            }
            let middle = from + half(columns, PANEL);
            self.columns(a, m, from, middle);
            self.swap_rows(a, from..middle, middle..to);
            let (triangle, above) = (a.at(from, from), a.at(from, middle));
            let l = triangle.matrix();
            Left { l, n: middle - from, unit: true, x: above, columns: to - middle }.solve(self.work);
            subtract(
                self.work.level,
                self.work.threads,
                a.at(middle, middle),
                a.at(middle, from).matrix(),
                above.matrix(),
                [m - middle, to - middle, middle - from],
            );
            self.columns(a, m, middle, to);
            self.swap_rows(a, middle..to, from..middle);
        }
    }

    unsafe fn swap_rows<T: Real>(
        &self,
        a: Plane<T>,
        steps: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
    ) {
        for k in steps.filter(|&k| self.swaps[k] != k) {
            // SAFETY: two different rows of the matrix.
            unsafe {
                let [x, y] = [k, self.swaps[k]].map(|i| a.at(i, columns.start).line(0, columns.len()));
                x.swap_with_slice(y);
            }
        }
    }

    /// Factors an m×n part at `a` in a copy of its transpose; its first step is step `first` of the matrix.
    unsafe fn panel<T: Real>(&mut self, a: Plane<T>, m: usize, n: usize, first: usize) {
        // An odd number of cache lines keeps the lines of the copy apart.
        let line = 64 / size_of::<T>();
        let row = (m.div_ceil(line) | 1) * line;
        let mut copy = Aligned::<T>::zeros(n * row);
        let p = Plane { start: copy.as_mut_ptr(), row };
        // SAFETY: both hold m × n elements.
        unsafe {
            transpose(a, m, n, p);
            self.first = first;
            self.lines(p, m, 0, n);
            transpose(p, n, m, a);
        }
        self.swaps[first..first + n].iter_mut().for_each(|row| *row += first);
    }

    /// Factors lines `from..to` of the transposed panel `p`, all earlier ones being factored and subtracted. Rows are counted in the panel.
    unsafe fn lines<T: Real>(&mut self, p: Plane<T>, m: usize, from: usize, to: usize) {
        let first = self.first;
        // SAFETY: the blocks lie in the panel, and those that are read are not written.
        unsafe {
            if to - from <= NARROW {
                let swaps = &mut self.swaps[first..];
                return dispatch(
                    self.work.level,
                    Narrow { p, m, from, to, first, swaps, info: &mut self.info },
                );
            }
            let middle = from + half(to - from, NARROW);
            self.lines(p, m, from, middle);
            self.swap_columns(p, from..middle, middle..to);
            let (triangle, above) = (p.at(from, from), p.at(middle, from));
            // U₁₂ᵀ solves X L₁₁ᵀ = B with a diagonal of 1; the panel holds L₁₁ᵀ.
            let l = triangle.matrix().transposed();
            Right { l, n: middle - from, unit: true, x: above, m: to - middle }.solve(self.work);
            subtract(
                self.work.level,
                self.work.threads,
                p.at(middle, middle),
                above.matrix(),
                p.at(from, middle).matrix(),
                [to - middle, m - middle, middle - from],
            );
            self.lines(p, m, middle, to);
            self.swap_columns(p, middle..to, from..middle);
        }
    }

    unsafe fn swap_columns<T: Real>(
        &self,
        p: Plane<T>,
        steps: std::ops::Range<usize>,
        lines: std::ops::Range<usize>,
    ) {
        for line in lines {
            for k in steps.clone() {
                // SAFETY: both elements lie in the line.
                unsafe { std::ptr::swap(p.at(line, k).start, p.at(line, self.swaps[self.first + k]).start) };
            }
        }
    }
}

/// Up to [`NARROW`] lines of a panel.
struct Narrow<'a, T> {
    p: Plane<T>,
    m: usize,
    from: usize,
    to: usize,
    first: usize,
    swaps: &'a mut [usize],
    info: &'a mut i64,
}

impl<T: Real> Kernel for Narrow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Narrow { p, m, from, to, first, swaps, info } = self;
        for k in from..to {
            // SAFETY: the lines lie in the panel and are different ones.
            let line = unsafe { p.line(k, m) };
            let pivot = k + largest(&line[k..]);
            swaps[k] = pivot;
            for j in from..to {
                // SAFETY: as above.
                unsafe { std::ptr::swap(p.at(j, k).start, p.at(j, pivot).start) };
            }
            let at = line[k];
            note_pivot(at, first + k, info);
            let below = &mut line[k + 1..];
            below.iter_mut().for_each(|x| *x = quotient(*x, at));
            for j in k + 1..to {
                // SAFETY: as above.
                let other = unsafe { p.line(j, m) };
                let u = other[k];
                other[k + 1..].iter_mut().zip(&*below).for_each(|(x, &l)| *x = l.fnma(u, *x));
            }
        }
    }
}

/// The first element that is the largest in size; a NaN is that only where it stands first.
#[inline(always)]
fn largest<T: Real>(x: &[T]) -> usize {
    // Eight candidates side by side: a comparison need not wait for the one before it.
    const TOGETHER: usize = 8;
    if x[0].abs() != x[0].abs() {
        return 0;
    }
    let mut best = [T::ZERO; TOGETHER];
    for chunk in x.chunks(TOGETHER) {
        for (best, x) in best.iter_mut().zip(chunk) {
            *best = x.abs().greater(*best);
        }
    }
    let size = best.into_iter().fold(T::ZERO, |a, b| if b > a { b } else { a });
    x.iter().position(|x| x.abs() == size).unwrap_or(0)
}

/// Copies the m×n elements at `a` to the n×m at `to`.
unsafe fn transpose<T: Real>(a: Plane<T>, m: usize, n: usize, to: Plane<T>) {
    const TOGETHER: usize = 8;
    for rows in (0..m).step_by(TOGETHER) {
        for columns in (0..n).step_by(TOGETHER) {
            for i in rows..m.min(rows + TOGETHER) {
                for j in columns..n.min(columns + TOGETHER) {
                    // SAFETY: the caller's planes hold the elements.
                    unsafe { *to.at(j, i).start = *a.at(i, j).start };
                }
            }
        }
    }
}
