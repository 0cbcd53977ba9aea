//! Law 4: contractions.
//!
//! For each result element the contracted index is cut into slabs of [`BLOCK`]; a slab is one fma
//! chain in ascending order that starts from +0; slabs combine by the tree of law 3. A contraction
//! of at most one slab is therefore the plain loop. Nothing contracted gives +0. Under a policy an element is
//! the stable dot product of law 3 instead.

use super::lanes::Real;
use super::reduce::dot;
use super::tree::{BLOCK, blocks, combine};
use crate::ops::{Extents, Matmul, Stable};

/// The matrix product by the law, element by element.
pub fn reference<T: Real>(op: &Matmul, e: Extents, a: &[T], b: &[T]) -> Vec<T> {
    let mut out = Vec::with_capacity(e.batch * e.m * e.n);
    for batch in 0..e.batch {
        let (a, b) = (&a[batch * e.m * e.k..], &b[batch * e.k * e.n..]);
        let left = |i: usize, k: usize| if op.transpose_a { a[k * e.m + i] } else { a[i * e.k + k] };
        let right = |k: usize, j: usize| if op.transpose_b { b[j * e.k + k] } else { b[k * e.n + j] };
        let is_left_out = |x: T, y: T| match op.strong {
            None => false,
            Some(0) => x == T::ZERO,
            Some(_) => y == T::ZERO,
        };
        for i in 0..e.m {
            for j in 0..e.n {
                let term = |k: usize| {
                    let (x, y) = (left(i, k), right(k, j));
                    (!is_left_out(x, y)).then_some((x, y))
                };
                out.push(match op.stable() {
                    Stable::Pairwise => slabs(e.k, term),
                    stable => stable_dot(stable, e.k, term),
                });
            }
        }
    }
    out
}

/// The sum of the products of k terms by law 4.
fn slabs<T: Real>(k: usize, term: impl Fn(usize) -> Option<(T, T)>) -> T {
    let mut chain = |slab: usize| {
        let terms = (slab * BLOCK..k.min((slab + 1) * BLOCK)).filter_map(&term);
        terms.fold(T::ZERO, |sum, (x, y)| x.fma(y, sum))
    };
    combine(0..blocks(k), &mut chain, &mut |x, y| x + y).unwrap_or(T::ZERO)
}

/// Their dot product under a policy, in which −0·1 stands for a term that is left out.
fn stable_dot<T: Real>(stable: Stable, k: usize, term: impl Fn(usize) -> Option<(T, T)>) -> T {
    let terms = (0..k).map(|k| term(k).unwrap_or((-T::ZERO, T::ONE)));
    let (x, y): (Vec<T>, Vec<T>) = terms.unzip();
    dot(stable, [&x, &y])
}
