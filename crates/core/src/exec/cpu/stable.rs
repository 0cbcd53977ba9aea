//! Matrix products under a compensated policy: every element is the stable dot product of a row and a column (law 4).
//!
//! Rows and columns are laid out contiguously, once; then each result row is one thread's. A vector holds the states of as many
//! columns as it has lanes, for which the row is copied side by side.

use super::reduce::Reduce;
use crate::numerics::lanes::{Real, WIDTH_MAX};
use crate::numerics::reduce::line::lines;
use crate::numerics::reduce::stable::{DoubleDouble, Kahan};
use crate::numerics::reduce::{Reducer, Sum};
use crate::numerics::tree::BLOCK;
use crate::ops::{Extents, Matmul, Stable};
use crate::tensor::{Element, Tensor};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;
use std::borrow::Cow;
use std::marker::PhantomData;

/// The product of `a` and `b`, of these extents, with its axes batch × m × n.
pub(super) fn matmul(reduce: &Reduce, op: &Matmul, e: Extents, a: &Tensor, b: &Tensor) -> Tensor {
    let shape = [e.batch, e.m, e.n];
    match a.dtype() {
        f32::DTYPE => Tensor::new(shape, product::<f32>(reduce, op, e, a.values(), b.values())),
        _ => Tensor::new(shape, product::<f64>(reduce, op, e, a.values(), b.values())),
    }
}

fn product<T: Real>(reduce: &Reduce, op: &Matmul, e: Extents, a: &[T], b: &[T]) -> Vec<T> {
    let a = with_lines_last(a, op.transpose_a, e.batch, [e.m, e.k]);
    let b = with_lines_last(b, !op.transpose_b, e.batch, [e.n, e.k]);
    let rows = Rows { reduce, strong: op.strong, e, a: &a, b: &b };
    match op.stable() {
        Stable::Pairwise => rows.products::<Sum, 1>(),
        Stable::Kahan => rows.products::<Kahan, 2>(),
        Stable::DoubleDouble => rows.products::<DoubleDouble, 3>(),
    }
}

/// `x` as count × k matrices, which are stored as k × count where `is_transposed`.
fn with_lines_last<T: Real>(
    x: &[T],
    is_transposed: bool,
    batch: usize,
    [count, k]: [usize; 2],
) -> Cow<'_, [T]> {
    if !is_transposed {
        return Cow::Borrowed(x);
    }
    let element = |i: usize| (i / (count * k) * count * k) + i % k * count + i / k % count;
    (0..batch * count * k).map(|i| x[element(i)]).collect()
}

/// Rows of k numbers on both sides, whose dot products are wanted.
struct Rows<'a, T> {
    reduce: &'a Reduce<'a>,
    strong: Option<usize>,
    e: Extents,
    a: &'a [T],
    b: &'a [T],
}

impl<T: Real> Rows<'_, T> {
    fn products<R: Reducer<2, N>, const N: usize>(&self) -> Vec<T> {
        let Extents { batch, m, n, k } = self.e;
        let mut y = vec![T::ZERO; batch * m * n];
        let row = |(i, y): (usize, &mut [T])| self.row::<R, N>(i, y);
        self.reduce.on_threads(if n * k == 0 { 0 } else { self.e.work() }, |grain| match grain {
            usize::MAX => y.chunks_mut(n).enumerate().for_each(row),
            _ => y.par_chunks_mut(n).enumerate().for_each(row),
        });
        y
    }

    /// Result row `i` of all batches.
    fn row<R: Reducer<2, N>, const N: usize>(&self, i: usize, y: &mut [T]) {
        let Extents { m, n, k, .. } = self.e;
        let (row, columns) = (&self.a[i * k..(i + 1) * k], &self.b[i / m * n * k..(i / m + 1) * n * k]);
        // Longer lines fill vectors by themselves.
        let count = if k <= BLOCK { WIDTH_MAX.min(n) } else { 1 };
        let mut left = row.repeat(count);
        for (y, columns) in y.chunks_mut(count).zip(columns.chunks(count * k)) {
            let right = match self.strong {
                None => Cow::Borrowed(columns),
                Some(strong) => {
                    left = row.repeat(count);
                    Cow::Owned(without_zeros::<T, R, N>(strong, &mut left, columns))
                }
            };
            let x = [&left[..right.len()], &right];
            lines(self.reduce.level, x, k, y, PhantomData::<R>);
        }
    }
}

/// `right` with neutral terms in both, `left` and it, where the strong one is zero.
fn without_zeros<T: Real, R: Reducer<2, N>, const N: usize>(
    strong: usize,
    left: &mut [T],
    right: &[T],
) -> Vec<T> {
    let [x, y] = R::neutral::<T>();
    let mut right = right.to_vec();
    for (left, right) in left.iter_mut().zip(&mut right) {
        if (if strong == 0 { *left } else { *right }) == T::ZERO {
            (*left, *right) = (x, y);
        }
    }
    right
}
