//! Reductions of contiguous terms.

use super::Reducer;
use crate::numerics::dispatch::{Kernel, Level, dispatch};
use crate::numerics::lanes::{Lanes, Real, Simd, WIDTH_MAX};
use crate::numerics::math::Elementary;
use crate::numerics::tree::{BLOCK, LANES_MAX, Tree};
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// The value of each line: `y[i]` is that of terms `i·n..(i + 1)·n`, for n of at least 1.
pub fn lines<T: Real, R: Reducer<K, N>, const K: usize, const N: usize>(
    level: Level,
    x: [&[T]; K],
    n: usize,
    y: &mut [T],
    reducer: PhantomData<R>,
) {
    if n <= BLOCK {
        return dispatch(level, ShortLines { x, n, y, reducer });
    }
    for (i, y) in y.iter_mut().enumerate() {
        let x = x.map(|x| &x[i * n..(i + 1) * n]);
        *y = R::value(dispatch(level, Line { x, reducer }));
    }
}

/// Lines of one block each: as many at once as a vector has lanes.
struct ShortLines<'a, T, R, const K: usize, const N: usize> {
    x: [&'a [T]; K],
    n: usize,
    y: &'a mut [T],
    reducer: PhantomData<R>,
}

impl<T: Real, R: Reducer<K, N>, const K: usize, const N: usize> Kernel for ShortLines<'_, T, R, K, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let ShortLines { x, n, y, .. } = self;
        assert!(n > 0 && x.iter().all(|x| x.len() == n * y.len()));
        for (i, y) in y.chunks_mut(<T::Vector<S> as Lanes>::WIDTH).enumerate() {
            let first = i * <T::Vector<S> as Lanes>::WIDTH * n;
            // SAFETY: the lines of `y` lie inside every operand, from term `first` on.
            unsafe {
                let x = offset(start(x), first);
                if y.len() <= <T::Vector<S> as Lanes>::WIDTH / 2 {
                    // All at once would take as long as a vector of them.
                    for (i, y) in y.iter_mut().enumerate() {
                        *y = R::value(folded::<T::Vector<S>, R, K, N>(offset(x, i * n), n));
                    }
                } else {
                    R::value(blocks::<T::Vector<S>, R, K, N>(x, n, y.len())).store_slice(y);
                }
            }
        }
    }
}

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
        let n = self.x[0].len();
        assert!(n > 0 && self.x.iter().all(|x| x.len() == n));
        let (x, width) = (start(self.x), <T::Vector<S> as Lanes>::WIDTH);
        let mut tree = Tree::new(R::missing());
        let mut at = 0;
        while n - at >= width * BLOCK {
            // SAFETY: as many terms are left.
            let state = unsafe { blocks::<T::Vector<S>, R, K, N>(offset(x, at), BLOCK, width) };
            let mut states = lanes_of(state);
            let mut count = width;
            while count > 1 {
                count /= 2;
                for i in 0..count {
                    states[i] = R::join(states[2 * i], states[2 * i + 1]);
                }
            }
            tree.push(states[0], width, R::join);
            at += width * BLOCK;
        }
        while at < n {
            let len = BLOCK.min(n - at);
            // SAFETY: `len` terms are left.
            let state = unsafe { folded::<T::Vector<S>, R, K, N>(offset(x, at), len) };
            tree.push(state, 1, R::join);
            at += len;
        }
        tree.root(R::join)
    }
}

/// The state of one block of `len` terms.
///
/// # Safety
/// The terms must be readable.
#[inline(always)]
unsafe fn folded<V: Elementary, R: Reducer<K, N>, const K: usize, const N: usize>(
    x: [*const V::Scalar; K],
    len: usize,
) -> [V::Scalar; N] {
    // SAFETY: the caller's promise.
    let mut state = unsafe { block::<V, R, K, N>(x, len) };
    let mut half = V::WIDTH / 2;
    while half > 0 {
        state = join_halves::<V, R, N>(state, state, half);
        half /= 2;
    }
    lanes_of(state)[0]
}

/// The states of consecutive blocks of `len` terms, block i in lane i; of the last of `count` blocks in the lanes behind.
///
/// # Safety
/// The terms of all blocks must be readable.
#[inline(always)]
unsafe fn blocks<V: Elementary, R: Reducer<K, N>, const K: usize, const N: usize>(
    x: [*const V::Scalar; K],
    len: usize,
    count: usize,
) -> [V; N] {
    let mut room = [const { MaybeUninit::uninit() }; WIDTH_MAX];
    for (i, state) in room[..V::WIDTH].iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        state.write(unsafe { block::<V, R, K, N>(offset(x, i.min(count - 1) * len), len) });
    }
    // SAFETY: as many states were written.
    let states = unsafe { room[..V::WIDTH].assume_init_mut() };
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
    // Not filled beforehand: that would cost more than a block's additions.
    let mut room = [const { MaybeUninit::uninit() }; LANES_MAX];
    for (v, state) in room[..vectors].iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        state.write(unsafe { add::<V, R, K, N>(R::missing(), x, v * V::WIDTH, len) });
    }
    // SAFETY: as many states were written.
    let states = unsafe { room[..vectors].assume_init_mut() };
    for row in 1..len / lanes {
        for (v, state) in states.iter_mut().enumerate() {
            // SAFETY: the caller's promise; the row is full.
            *state = R::add(*state, unsafe { load(offset(x, row * lanes + v * V::WIDTH)) });
        }
    }
    if len > lanes && !len.is_multiple_of(lanes) {
        for (v, state) in states.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *state = unsafe { add::<V, R, K, N>(*state, x, len / lanes * lanes + v * V::WIDTH, len) };
        }
    }
    let mut half = vectors / 2;
    while half > 0 {
        for v in 0..half {
            states[v] = R::join(states[v], states[v + half]);
        }
        half /= 2;
    }
    states[0]
}

/// The state with the terms from `at` on, at most a vector of them, of `len` terms.
///
/// # Safety
/// The terms must be readable.
#[inline(always)]
unsafe fn add<V: Elementary, R: Reducer<K, N>, const K: usize, const N: usize>(
    state: [V; N],
    x: [*const V::Scalar; K],
    at: usize,
    len: usize,
) -> [V; N] {
    // SAFETY: the caller's promise.
    unsafe {
        match len.saturating_sub(at) {
            0 => state,
            rest if rest >= V::WIDTH => R::add(state, load(offset(x, at))),
            rest => R::add(state, load_part(offset(x, at), rest, R::neutral())),
        }
    }
}

/// Folds lanes l and l + half within groups of 2·half lanes of two states; see [`Lanes::halves`].
#[inline(always)]
fn join_halves<V: Elementary, R: super::State<N>, const N: usize>(
    a: [V; N],
    b: [V; N],
    half: usize,
) -> [V; N] {
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
fn start<T, const K: usize>(x: [&[T]; K]) -> [*const T; K] {
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
unsafe fn offset<T, const K: usize>(mut x: [*const T; K], by: usize) -> [*const T; K] {
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
unsafe fn load<V: Lanes, const K: usize>(x: [*const V::Scalar; K]) -> [V; K] {
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
unsafe fn load_part<V: Lanes, const K: usize>(
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
