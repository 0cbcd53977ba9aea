//! The one order of every sum (laws 3 to 5), as plain code; [`reduce`](super::reduce) has the fast kernels with the same bits.
//!
//! The n elements are cut into blocks of [`BLOCK`]. Inside a block, lane j of [`lanes`] many adds the elements whose
//! index in the block is j mod L, in ascending order; then lane l is folded with lane l + L/2, l + L/4, …, l + 1.
//! Blocks combine in the binary tree whose left subtree is the largest power of two of blocks that is smaller than
//! the whole ([`split`]). An operand that is missing passes the other through. The sum of nothing is +0.
//!
//! Who evaluates which subtree is free: threads split along this tree, and ranks exchange whole subtrees.

use super::dispatch::{Level, dispatch};
use super::lanes::Real;
use super::reduce::Sum;
use super::reduce::line::Line;
use crate::ir::DType;
use std::marker::PhantomData;
use std::ops::Range;

/// Elements in a block.
pub const BLOCK: usize = 256;

/// The most lanes that a type has, for buffers.
pub const LANES_MAX: usize = 64;

/// Lanes of a block: 256 bytes of elements, 32 for f64 and 64 for f32; integers and truth values follow their width,
/// of at least four bytes.
pub const fn lanes(dtype: DType) -> usize {
    match dtype {
        DType::F64 | DType::I64 | DType::U64 => 32,
        DType::F32 | DType::I32 | DType::U32 | DType::Bool => 64,
    }
}

/// How many blocks `n` elements fill, the last one perhaps in part.
pub const fn blocks(n: usize) -> usize {
    n.div_ceil(BLOCK)
}

/// The elements of block `index` of `n` elements.
pub fn block_range(index: usize, n: usize) -> Range<usize> {
    index * BLOCK..n.min((index + 1) * BLOCK)
}

/// How many of `blocks` blocks, at least two, are in the left subtree: the largest power of two below `blocks`.
pub const fn split(blocks: usize) -> usize {
    debug_assert!(blocks >= 2);
    1 << (usize::BITS - 1 - (blocks - 1).leading_zeros())
}

/// Combines the blocks in `blocks` by the law's tree; nothing if there are none.
///
/// `leaf` is called with ascending indices, so it may consume a stream. The payload may be anything: a number, a
/// vector of accumulators, a maximum with its index.
pub fn combine<P>(
    blocks: Range<usize>,
    leaf: &mut impl FnMut(usize) -> P,
    join: &mut impl FnMut(P, P) -> P,
) -> Option<P> {
    match blocks.len() {
        0 => None,
        1 => Some(leaf(blocks.start)),
        count => {
            let middle = blocks.start + split(count);
            let left = combine(blocks.start..middle, leaf, join)?;
            let right = combine(middle..blocks.end, leaf, join)?;
            Some(join(left, right))
        }
    }
}

/// How block `index` of `blocks` joins a stack of complete subtrees: it combines with those at these positions, the last
/// one first, and their sum stands at the first position. An empty range says where the block itself waits.
///
/// Done for one block after the other, this leaves at position 0 what [`combine`] gives.
pub const fn joins(index: usize, blocks: usize) -> Range<usize> {
    let waiting = index.count_ones();
    let joined = if index + 1 == blocks { waiting } else { index.trailing_ones() };
    (waiting - joined) as usize..waiting as usize
}

/// Folds lanes in place: l with l + L/2, l + L/4, …, l + 1, for a power of two of lanes. The result is in lane 0.
pub fn fold_lanes<P: Copy>(lanes: &mut [Option<P>], join: &mut impl FnMut(P, P) -> P) -> Option<P> {
    let mut half = lanes.len() / 2;
    while half > 0 {
        for l in 0..half {
            lanes[l] = match (lanes[l], lanes[l + half]) {
                (Some(a), Some(b)) => Some(join(a, b)),
                (a, b) => a.or(b),
            };
        }
        half /= 2;
    }
    lanes.first().copied().flatten()
}

/// One block by the law, term by term: `add` takes a lane's state, or nothing before its first term.
pub fn reduce_block<E: Copy, P: Copy>(
    terms: &[E],
    lanes: usize,
    add: &mut impl FnMut(Option<P>, E) -> P,
    join: &mut impl FnMut(P, P) -> P,
) -> Option<P> {
    let mut states = [None; LANES_MAX];
    for (index, &term) in terms.iter().enumerate() {
        let lane = &mut states[index % lanes];
        *lane = Some(add(*lane, term));
    }
    fold_lanes(&mut states[..lanes], join)
}

/// Reduces `terms` by the law; nothing if there are none. The law in code: slow and plain.
pub fn reduce_terms<E: Copy, P: Copy>(
    terms: &[E],
    lanes: usize,
    mut add: impl FnMut(Option<P>, E) -> P,
    mut join: impl FnMut(P, P) -> P,
) -> Option<P> {
    let mut blocks = Vec::new();
    for block in terms.chunks(BLOCK) {
        blocks.extend(reduce_block(block, lanes, &mut add, &mut join));
    }
    combine(0..blocks.len(), &mut |index| blocks[index], &mut join)
}

/// Reduces `x` by the law with any operator; nothing if `x` is empty.
pub fn reduce_reference<P: Copy>(x: &[P], lanes: usize, join: impl Fn(P, P) -> P) -> Option<P> {
    reduce_terms(x, lanes, |state, x| state.map_or(x, |state| join(state, x)), &join)
}

/// Reduces at most as many elements as there are lanes, one in each, by the law; nothing if there are none. `x` is overwritten.
#[inline(always)]
pub fn reduce_few<P: Copy>(x: &mut [P], lanes: usize, join: impl Fn(P, P) -> P) -> Option<P> {
    debug_assert!(x.len() <= lanes);
    let (mut half, mut n) = (lanes / 2, x.len());
    while half > 0 {
        for l in half..n {
            x[l - half] = join(x[l - half], x[l]);
        }
        (half, n) = (half / 2, n.min(half));
    }
    x.first().copied()
}

/// The tree without recursion, for a stream of subtrees: complete ones wait in a stack, like the digits of a binary
/// counter, and join as soon as their sizes agree.
pub struct Tree<P> {
    stack: [P; usize::BITS as usize],
    depth: usize,
    blocks: usize,
}

impl<P: Copy> Tree<P> {
    /// No block yet; `blank` is any value.
    #[inline(always)]
    pub fn new(blank: P) -> Tree<P> {
        Tree { stack: [blank; usize::BITS as usize], depth: 0, blocks: 0 }
    }

    /// Appends a subtree over `blocks` blocks, a power of two that divides the number of blocks so far.
    #[inline(always)]
    pub fn push(&mut self, mut subtree: P, blocks: usize, join: impl Fn(P, P) -> P) {
        self.blocks += blocks;
        for _ in blocks.trailing_zeros()..self.blocks.trailing_zeros() {
            self.depth -= 1;
            subtree = join(self.stack[self.depth], subtree);
        }
        self.stack[self.depth] = subtree;
        self.depth += 1;
    }

    /// The whole, of at least one block.
    #[inline(always)]
    pub fn root(&self, join: impl Fn(P, P) -> P) -> P {
        let mut root = self.stack[self.depth - 1];
        for &left in self.stack[..self.depth - 1].iter().rev() {
            root = join(left, root);
        }
        root
    }
}

/// The sum of `x` by the law, element by element; the sum of nothing is +0.
pub fn sum_reference<T: Real>(x: &[T]) -> T {
    reduce_reference(x, T::LAW_LANES, |a, b| a + b).unwrap_or(T::ZERO)
}

/// The sum of `x` by the law at a SIMD level: the bits of [`sum_reference`].
pub fn sum<T: Real>(level: Level, x: &[T]) -> T {
    match x {
        [] => T::ZERO,
        _ => dispatch(level, Line { x: [x], reducer: PhantomData::<Sum> })[0],
    }
}

/// The sum of the elements of `x` by the law, the bits of [`sum_reference`], at a SIMD level where they are many; `x` is overwritten.
pub fn sum_of_line<T: Real>(level: Level, x: &mut [T]) -> T {
    match x.len() <= T::LAW_LANES {
        true => reduce_few(x, T::LAW_LANES, |a, b| a + b).unwrap_or(T::ZERO),
        false => sum(level, x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of very different size and sign, so that nearly every other order gives other bits.
    fn values(n: usize) -> Vec<f64> {
        let mut state = 7u64;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let size = ((state >> 33) % 24) as i32;
                ((state >> 11) as f64 / 2f64.powi(53) - 0.5) * 2f64.powi(size)
            })
            .collect()
    }

    #[test]
    fn split_is_the_largest_power_of_two_below() {
        for (blocks, left) in
            [(2, 1), (3, 2), (4, 2), (5, 4), (7, 4), (8, 4), (9, 8), (1024, 512), (1025, 1024)]
        {
            assert_eq!(split(blocks), left, "{blocks} blocks");
        }
    }

    #[test]
    fn combine_shapes_the_tree() {
        let shape =
            |n| combine(0..n, &mut |i| i.to_string(), &mut |a, b| format!("({a} {b})")).unwrap_or_default();
        assert_eq!(shape(0), "");
        assert_eq!(shape(1), "0");
        assert_eq!(shape(3), "((0 1) 2)");
        assert_eq!(shape(5), "(((0 1) (2 3)) 4)");
        assert_eq!(shape(7), "(((0 1) (2 3)) ((4 5) 6))");
    }

    #[test]
    fn a_stack_of_subtrees_gives_the_tree() {
        for n in 1..70 {
            let mut stack: Vec<String> = Vec::new();
            for i in 0..n {
                let joined = joins(i, n);
                assert_eq!(joined.end, stack.len(), "block {i} of {n}");
                let sum =
                    stack.drain(joined).rev().fold(i.to_string(), |sum, left| format!("({left} {sum})"));
                stack.push(sum);
            }
            let want = combine(0..n, &mut |i| i.to_string(), &mut |a, b| format!("({a} {b})"));
            assert_eq!((stack.len(), stack.pop()), (1, want));
        }
    }

    #[test]
    fn a_block_adds_by_lanes_and_folds_by_halves() {
        // 70 named elements, 64 lanes: lanes 0 to 5 hold two each.
        let names: Vec<usize> = (0..70).collect();
        let order = std::cell::RefCell::new(Vec::new());
        let join = |a, b| {
            order.borrow_mut().push((a, b));
            a
        };
        reduce_reference(&names, 64, join);
        let order = order.into_inner();
        assert_eq!(order[..7], [(0, 64), (1, 65), (2, 66), (3, 67), (4, 68), (5, 69), (0, 32)]);
        assert_eq!(order[order.len() - 3..], [(0, 2), (1, 3), (0, 1)]);
    }

    #[test]
    fn the_sum_by_hand_of_a_short_block() {
        // Lanes 0, 1, 2 of 32; lanes 16 and up are missing, so folds l + 16, l + 8, l + 4 pass through: (0+2) + 1.
        let x = [1e16, 1.0, -1e16];
        assert_eq!(sum_reference(&x), (1e16 - 1e16) + 1.0);
    }

    #[test]
    fn sum_has_the_reference_bits_at_every_level() {
        let lengths = (0..2000).chain([4096, 65536, 65537, 100_003, 300_000]);
        let x = values(300_000);
        let narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        for n in lengths {
            let (want, want_narrow) = (sum_reference(&x[..n]), sum_reference(&narrow[..n]));
            for level in Level::available() {
                assert_eq!(sum(level, &x[..n]).to_bits(), want.to_bits(), "{n} f64 at {level}");
                assert_eq!(sum(level, &narrow[..n]).to_bits(), want_narrow.to_bits(), "{n} f32 at {level}");
            }
        }
    }

    #[test]
    fn the_test_values_tell_orders_apart() {
        let x = values(2000);
        let differs = |n: usize| sum_reference(&x[..n]) != x[..n].iter().sum::<f64>();
        assert!((100..2000).filter(|&n| differs(n)).count() > 1700);
        let reversed: Vec<f64> = x.iter().rev().copied().collect();
        assert_ne!(sum_reference(&x), sum_reference(&reversed));
    }

    #[test]
    fn few_elements_are_folded_as_lanes_are() {
        let x = values(64);
        for lanes in [32, 64] {
            for n in 0..=lanes {
                let few = reduce_few(&mut x[..n].to_vec(), lanes, |a, b| a + b);
                assert_eq!(few, reduce_reference(&x[..n], lanes, |a, b| a + b), "{n} of {lanes}");
            }
        }
    }

    #[test]
    fn zeros_keep_their_sign() {
        for level in Level::available() {
            for n in [1, 31, 32, 33, 256, 257, 1000] {
                assert_eq!(sum(level, &vec![-0.0f64; n]).to_bits(), (-0.0f64).to_bits());
                assert_eq!(sum(level, &vec![-0.0f32; n]).to_bits(), (-0.0f32).to_bits());
            }
            assert_eq!(sum::<f64>(level, &[]).to_bits(), 0);
        }
        assert_eq!(sum_reference(&[-0.0f64; 3]).to_bits(), (-0.0f64).to_bits());
        assert_eq!(sum_reference::<f64>(&[]).to_bits(), 0);
    }

    #[test]
    fn a_maximum_uses_the_same_tree() {
        let x = values(1000);
        let max = reduce_reference(&x, 32, |a, b| if b > a { b } else { a });
        assert_eq!(max, x.iter().copied().reduce(f64::max));
        assert_eq!(reduce_reference::<f64>(&[], 32, |a, _| a), None);
    }
}
