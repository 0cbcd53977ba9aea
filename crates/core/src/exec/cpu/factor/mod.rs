//! Cholesky and LU factors and solutions with triangles, by law 11, at the speed of matrix products.
//!
//! Every result is one fma chain over an ascending index, and a chain may wait in memory. So a matrix may be cut in halves anywhere:
//!
//! ```text
//! factor the left half          chains over its columns end there
//! solve for the other block     of L or of U, with the triangle just found
//! subtract their product        every chain of the right half goes on by as many terms
//! factor the right half
//! ```
//!
//! until a part fits in L1, where plain loops finish it. Nearly all work is in the products, whose register kernels are those of `gemm`: they begin at the numbers
//! that stand in memory, with −A for A, so that s + (−a)·b is the law's s − a·b. Recursion gives products of all sizes, the large ones of the upper levels
//! carrying most of the work, and needs no block size that fits the machine.
//!
//! Matrices of a batch go to threads; a single large one shares its products and solutions between them.

mod cholesky;
mod decompose;
mod lu;
mod solve;

pub(super) use decompose::decompose;

use super::gemm::{GRAIN, subtract};
use super::product::{Matrix, Plane};
use crate::ir::DType;
use crate::memory::room;
use crate::numerics::dispatch::Level;
use crate::numerics::lanes::Real;
use crate::numerics::linalg::Triangle;
use crate::ops::Factor;
use crate::tensor::Tensor;
use rayon::prelude::*;

/// Rows up to which plain loops in L1 are used: half a register kernel's worth of rows would be idle in smaller products.
const BASE: usize = 32;

/// How a factorisation runs; nothing here changes bits.
#[derive(Clone, Copy)]
struct Work {
    level: Level,
    /// Threads that may share it, of the pool that it runs in.
    threads: usize,
}

impl Work {
    /// Runs two parts, each with half of the threads.
    fn join(self, one: impl FnOnce(Work) + Send, other: impl FnOnce(Work) + Send) {
        let threads = self.threads / 2;
        rayon::join(
            move || one(Work { threads, ..self }),
            move || other(Work { threads: self.threads - threads, ..self }),
        );
    }
}

impl<T: Real> Plane<T> {
    /// The plane as an operand.
    fn matrix(self) -> Matrix<T> {
        Matrix { start: self.start, row: self.row, column: 1 }
    }

    /// Row `i`, `len` elements of it.
    ///
    /// # Safety
    /// They must lie in the plane and be borrowed by nobody else.
    #[inline(always)]
    unsafe fn line<'a>(self, i: usize, len: usize) -> &'a mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(i, 0).start, len) }
    }
}

/// Runs a factorisation or solution of whole tensors.
pub(super) fn run(
    level: Level,
    pool: Option<&rayon::ThreadPool>,
    factor: Factor,
    x: &[&Tensor],
) -> Vec<Tensor> {
    let engine = Engine { level, pool };
    match (factor, x[0].dtype()) {
        (Factor::Cholesky, DType::F32) => engine.cholesky::<f32>(x[0]),
        (Factor::Cholesky, _) => engine.cholesky::<f64>(x[0]),
        (Factor::Lu, DType::F32) => engine.lu::<f32>(x[0]),
        (Factor::Lu, _) => engine.lu::<f64>(x[0]),
        (Factor::Solve(triangle), DType::F32) => engine.solve::<f32>(triangle, x[0], x[1]),
        (Factor::Solve(triangle), _) => engine.solve::<f64>(triangle, x[0], x[1]),
    }
}

/// P A = L U over `a`, n×n, on this thread: writes to `rows` which row stands where, and gives the status.
pub(super) fn lu_of<T: Real>(level: Level, a: &mut [T], n: usize, rows: &mut [i64]) -> i64 {
    assert_eq!((a.len(), rows.len()), (n * n, n), "a matrix and its rows");
    // SAFETY: the matrix is borrowed for this call.
    unsafe { lu::lu(Work { level, threads: 1 }, Plane { start: a.as_mut_ptr(), row: n }, n, rows) }
}

/// op(T) X = B over `x`, n rows of `columns`, on this thread.
pub(super) fn solve_of<T: Real>(
    level: Level,
    triangle: Triangle,
    t: &[T],
    n: usize,
    x: &mut [T],
    columns: usize,
) {
    solve::solve(Work { level, threads: 1 }, triangle, t, n, x, columns);
}

struct Engine<'a> {
    level: Level,
    pool: Option<&'a rayon::ThreadPool>,
}

/// Pointer to results that several threads write, each its own.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);
// SAFETY: those who use it write different elements.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn at(&self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

impl Engine<'_> {
    /// Runs `one` for each of `count` matrices of `work` multiply-adds each.
    fn each(&self, count: usize, work: usize, one: impl Fn(usize, Work) + Send + Sync) {
        let alone = Work { level: self.level, threads: 1 };
        match self.pool {
            Some(pool) if count > 1 && count * work > GRAIN => {
                let together = (GRAIN / (4 * work.max(1))).max(1);
                pool.install(|| {
                    (0..count).into_par_iter().with_min_len(together).for_each(|i| one(i, alone));
                });
            }
            Some(pool) if work > GRAIN => {
                let threads = pool.current_num_threads();
                pool.install(|| (0..count).for_each(|i| one(i, Work { threads, ..alone })));
            }
            _ => (0..count).for_each(|i| one(i, alone)),
        }
    }

    fn cholesky<T: Real>(&self, x: &Tensor) -> Vec<Tensor> {
        let (batch, n) = (&x.shape()[..x.ndim() - 2], x.shape()[x.ndim() - 1]);
        let count = batch.iter().product();
        let (mut y, mut info) = (lower_triangles(x.values::<T>(), n), vec![0i64; count]);
        let (to, status) = (Shared(y.as_mut_ptr()), Shared(info.as_mut_ptr()));
        self.each(count, n * n * n / 6, |i, work| {
            // SAFETY: matrix i and its status are this call's alone.
            unsafe {
                let a = Plane { start: to.at(i * n * n), row: n };
                cholesky::cholesky(work, a, n, 0, &mut *status.at(i));
                // Only squares on the diagonal wrote above it.
                (0..n).for_each(|i| a.line(i, n.min(i + cholesky::SQUARE))[i + 1..].fill(T::ZERO));
            }
        });
        vec![Tensor::new(x.shape(), y), Tensor::new(batch, info)]
    }

    fn lu<T: Real>(&self, x: &Tensor) -> Vec<Tensor> {
        let (batch, n) = (&x.shape()[..x.ndim() - 2], x.shape()[x.ndim() - 1]);
        let count: usize = batch.iter().product();
        let (mut y, mut rows, mut info) = (copied(x.values::<T>()), vec![0i64; count * n], vec![0i64; count]);
        let (to, order, status) =
            (Shared(y.as_mut_ptr()), Shared(rows.as_mut_ptr()), Shared(info.as_mut_ptr()));
        self.each(count, n * n * n / 3, |i, work| {
            // SAFETY: matrix i, its rows and its status are this call's alone.
            unsafe {
                let a = Plane { start: to.at(i * n * n), row: n };
                let rows = std::slice::from_raw_parts_mut(order.at(i * n), n);
                *status.at(i) = lu::lu(work, a, n, rows);
            }
        });
        let of_rows = [batch, &[n]].concat();
        vec![Tensor::new(x.shape(), y), Tensor::new(of_rows, rows), Tensor::new(batch, info)]
    }

    fn solve<T: Real>(&self, triangle: Triangle, t: &Tensor, rhs: &Tensor) -> Vec<Tensor> {
        let shape = rhs.shape();
        let (count, n, columns) =
            (shape[..shape.len() - 2].iter().product(), shape[shape.len() - 2], shape[shape.len() - 1]);
        let (t, mut y) = (t.values::<T>(), copied(rhs.values::<T>()));
        let to = Shared(y.as_mut_ptr());
        self.each(count, n * n * columns / 2, |i, work| {
            // SAFETY: the right-hand sides of system i are this call's alone.
            let x = unsafe { std::slice::from_raw_parts_mut(to.at(i * n * columns), n * columns) };
            solve::solve(work, triangle, &t[i * n * n..(i + 1) * n * n], n, x, columns);
        });
        vec![Tensor::new(shape, y)]
    }
}

/// A copy of the lower triangles of n×n matrices, with +0 above.
fn lower_triangles<T: Real>(x: &[T], n: usize) -> Vec<T> {
    let mut copy = room(x.len());
    for (k, row) in x.chunks_exact(n.max(1)).enumerate() {
        let kept = k % n + 1;
        copy.extend_from_slice(&row[..kept]);
        copy.resize((k + 1) * n, T::ZERO);
    }
    copy
}

/// A copy that is factored in place.
fn copied<T: Real>(x: &[T]) -> Vec<T> {
    let mut copy = room(x.len());
    copy.extend_from_slice(x);
    copy
}

/// Half of `n` rows or columns, whole bases, and fewer than `n` where n > `base`.
fn half(n: usize, base: usize) -> usize {
    (n / 2).next_multiple_of(base)
}
