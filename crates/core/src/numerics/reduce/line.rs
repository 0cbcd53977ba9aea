//! Reductions of contiguous terms.

use super::Reducer;
use crate::numerics::dispatch::Kernel;
use crate::numerics::lanes::{Lanes, Real, Simd, WIDTH_MAX};
use crate::numerics::math::Elementary;
use crate::numerics::tree::{BLOCK, LANES_MAX, Tree};
use std::marker::PhantomData;

/// The state of one line, of at least one term.
pub struct Line<'a, T, R, const K: usize, const N: usize> {
    /// The factors of the terms.
    pub x: [&'a [T]; K],
    /// The policy.
    pub reducer: PhantomData<R>,
}

impl<T: Real, R: Reducer<K, N>, const K: usize, const N: usize> Kernel for Line<'_, T, R, K, N> {
    type Output = [T; N];
    #[inline(always)]
    fn run<S: Simd>(self) -> [T; N] {
        line::<T::Vector<S>, R, K, N>(self.x)
    }
}

/// The value of each line: `y[i]` is that of terms `i·n..(i + 1)·n`, for n of at least 1.
pub struct Lines<'a, T, R, const K: usize, const N: usize> {
    /// The factors of the terms of all lines.
    pub x: [&'a [T]; K],
    /// Terms in a line.
    pub n: usize,
    /// One element for each line.
    pub y: &'a mut [T],
    /// The policy.
    pub reducer: PhantomData<R>,
}

impl<T: Real, R: Reducer<K, N>, const K: usize, const N: usize> Kernel for Lines<'_, T, R, K, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Lines { x, n, y, .. } = self;
        assert!(x.iter().all(|x| x.len() == n * y.len()));
        let width = <T::Vector<S> as Lanes>::WIDTH;
        let mut at = 0;
        if n <= BLOCK {
            // Each line is a block: as many at once as a vector has lanes.
            while at + width <= y.len() {
                // SAFETY: lines `at..at + width` of n terms lie inside every operand, and inside `y`.
                unsafe {
                    let state = blocks::<T::Vector<S>, R, K, N>(offset(start(x), at * n), n, n);
                    R::value(state).store(y[at..].as_mut_ptr());
                }
                at += width;
            }
        }
        for (i, y) in y.iter_mut().enumerate().skip(at) {
            let mut line_of = x;
            for x in &mut line_of {
                *x = &x[i * n..(i + 1) * n];
            }
            *y = R::value(line::<T::Vector<S>, R, K, N>(line_of));
        }
    }
}

/// The state of a line of at least one term, with vectors of type `V`, for use inside a kernel.
#[inline(always)]
pub fn line<V: Elementary, R: Reducer<K, N>, const K: usize, const N: usize>(
    x: [&[V::Scalar]; K],
) -> [V::Scalar; N] {
    let n = x[0].len();
    assert!(n > 0 && x.iter().all(|x| x.len() == n));
    let x = start(x);
    let mut tree = Tree::new(R::missing());
    let mut at = 0;
    while n - at >= V::WIDTH * BLOCK {
        // SAFETY: as many terms are left.
        let state = unsafe { blocks::<V, R, K, N>(offset(x, at), BLOCK, BLOCK) };
        let mut states = lanes_of(state);
        let mut count = V::WIDTH;
        while count > 1 {
            count /= 2;
            for i in 0..count {
                states[i] = R::join(states[2 * i], states[2 * i + 1]);
            }
        }
        tree.push(states[0], V::WIDTH, R::join);
        at += V::WIDTH * BLOCK;
    }
    while at < n {
        let len = BLOCK.min(n - at);
        // SAFETY: `len` terms are left.
        let mut state = unsafe {
            match len {
                BLOCK => block::<V, R, K, N>(offset(x, at), BLOCK),
                _ => block::<V, R, K, N>(offset(x, at), len),
            }
        };
        let mut half = V::WIDTH / 2;
        while half > 0 {
            state = join_halves::<V, R, N>(state, state, half);
            half /= 2;
        }
        tree.push(lanes_of(state)[0], 1, R::join);
        at += len;
    }
    tree.root(R::join)
}

/// The states of `V::WIDTH` blocks of `len` terms, block i in lane i; block i starts at `x + i·stride`.
///
/// # Safety
/// All terms of all blocks must be readable.
#[inline(always)]
unsafe fn blocks<V: Elementary, R: Reducer<K, N>, const K: usize, const N: usize>(
    x: [*const V::Scalar; K],
    stride: usize,
    len: usize,
) -> [V; N] {
    let mut states = [[V::zero(); N]; WIDTH_MAX];
    for (i, state) in states[..V::WIDTH].iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *state = unsafe { block::<V, R, K, N>(offset(x, i * stride), len) };
    }
    let mut half = V::WIDTH / 2;
    while half > 0 {
        for i in 0..half {
            states[i] = join_halves::<V, R, N>(states[i], states[i + half], half);
        }
        half /= 2;
    }
    states[0]
}

/// One block of `len` terms, 1 to [`BLOCK`], folded until one vector of lanes is left.
///
/// # Safety
/// The terms must be readable.
#[inline(always)]
unsafe fn block<V: Elementary, R: Reducer<K, N>, const K: usize, const N: usize>(
    x: [*const V::Scalar; K],
    len: usize,
) -> [V; N] {
    let lanes = V::Scalar::LAW_LANES;
    let vectors = lanes / V::WIDTH;
    let mut states = [R::missing(); LANES_MAX];
    for row in 0..len / lanes {
        for (v, state) in states[..vectors].iter_mut().enumerate() {
            // SAFETY: the caller's promise; the row is full.
            *state = R::add(*state, unsafe { load(offset(x, row * lanes + v * V::WIDTH)) });
        }
    }
    let mut at = len / lanes * lanes;
    for state in &mut states[..vectors] {
        if at >= len {
            break;
        }
        // SAFETY: the caller's promise; `len - at` terms are left.
        *state = R::add(*state, unsafe { load_part(offset(x, at), len - at, R::neutral()) });
        at += V::WIDTH;
    }
    let used = vectors.min(len.div_ceil(V::WIDTH));
    let mut half = vectors / 2;
    while half > 0 {
        for v in 0..half.min(used.saturating_sub(half)) {
            states[v] = R::join(states[v], states[v + half]);
        }
        half /= 2;
    }
    states[0]
}

/// Folds lanes l and l + half within groups of 2·half lanes of two states; see [`Lanes::halves`].
#[inline(always)]
fn join_halves<V: Elementary, R: super::State<N>, const N: usize>(a: [V; N], b: [V; N], half: usize) -> [V; N] {
    let (mut lower, mut upper) = (a, b);
    for n in 0..N {
        (lower[n], upper[n]) = a[n].halves(b[n], half);
    }
    R::join(lower, upper)
}

/// The state in every lane.
#[inline(always)]
fn lanes_of<V: Lanes, const N: usize>(state: [V; N]) -> [[V::Scalar; N]; WIDTH_MAX] {
    let mut lanes = [[V::Scalar::ZERO; N]; WIDTH_MAX];
    for n in 0..N {
        let part = state[n].to_array();
        for l in 0..V::WIDTH {
            lanes[l][n] = part[l];
        }
    }
    lanes
}

/// Where the factors start.
#[inline(always)]
pub(super) fn start<T, const K: usize>(x: [&[T]; K]) -> [*const T; K] {
    let mut starts = [std::ptr::null(); K];
    for k in 0..K {
        starts[k] = x[k].as_ptr();
    }
    starts
}

/// `by` terms further.
///
/// # Safety
/// As for [`pointer::add`], for every factor.
#[inline(always)]
pub(super) unsafe fn offset<T, const K: usize>(mut x: [*const T; K], by: usize) -> [*const T; K] {
    for x in &mut x {
        // SAFETY: the caller's promise.
        *x = unsafe { x.add(by) };
    }
    x
}

/// A vector of terms.
///
/// # Safety
/// They must be readable.
#[inline(always)]
pub(super) unsafe fn load<V: Lanes, const K: usize>(x: [*const V::Scalar; K]) -> [V; K] {
    let mut term = [V::zero(); K];
    for k in 0..K {
        // SAFETY: the caller's promise.
        term[k] = unsafe { V::load(x[k]) };
    }
    term
}

/// `len` terms, at most a vector of them, and neutral ones behind.
///
/// # Safety
/// They must be readable.
#[inline(always)]
pub(super) unsafe fn load_part<V: Lanes, const K: usize>(
    x: [*const V::Scalar; K],
    len: usize,
    neutral: [V::Scalar; K],
) -> [V; K] {
    let mut term = [V::zero(); K];
    for k in 0..K {
        // SAFETY: the caller's promise.
        term[k] = V::load_slice(unsafe { std::slice::from_raw_parts(x[k], len) }, neutral[k]);
    }
    term
}
