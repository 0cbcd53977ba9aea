//! Law 4: contractions.
//!
//! For each result element the contracted index is cut into slabs of [`BLOCK`]; a slab is one fma
//! chain in ascending order that starts from +0; slabs combine by the tree of law 3. A contraction
//! of at most one slab is therefore the plain loop. Nothing contracted gives +0.

use super::lanes::Real;
use super::tree::{BLOCK, blocks, combine};
use crate::ops::{Extents, Matmul};

/// The matrix product by the law, element by element.
pub fn reference<T: Real>(op: &Matmul, e: Extents, a: &[T], b: &[T]) -> Vec<T> {
    let mut out = Vec::with_capacity(e.batch * e.m * e.n);
    for batch in 0..e.batch {
        let (a, b) = (&a[batch * e.m * e.k..], &b[batch * e.k * e.n..]);
        let left = |i: usize, k: usize| if op.transpose_a { a[k * e.m + i] } else { a[i * e.k + k] };
        let right = |k: usize, j: usize| if op.transpose_b { b[j * e.k + k] } else { b[k * e.n + j] };
        for i in 0..e.m {
            for j in 0..e.n {
                let mut chain = |slab: usize| {
                    let mut sum = T::ZERO;
                    for k in slab * BLOCK..e.k.min((slab + 1) * BLOCK) {
                        let (x, y) = (left(i, k), right(k, j));
                        let annihilated = match op.strong {
                            None => false,
                            Some(0) => x == T::ZERO,
                            Some(_) => y == T::ZERO,
                        };
                        if !annihilated {
                            sum = x.fma(y, sum);
                        }
                    }
                    sum
                };
                let sum = combine(0..blocks(e.k), &mut chain, &mut |x, y| x + y);
                out.push(sum.unwrap_or(T::ZERO));
            }
        }
    }
    out
}
