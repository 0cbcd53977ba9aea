//! Reductions over an axis that is not the last: every column of a row-major matrix by law 3.
//!
//! Row r of a block belongs to lane r mod L. So the rows of one lane lie L rows apart, and where all columns are wanted
//! the lanes of a block lie side by side in memory: one pass adds the elements L rows apart, for all lanes and columns
//! alike, into a buffer of lanes, which then folds by halves. Wide rows go in chunks, so that the buffer fits L1.

use super::Reducer;
use crate::numerics::dispatch::Kernel;
use crate::numerics::lanes::{Real, Simd};
use crate::numerics::math::Elementary;
use crate::numerics::tree::BLOCK;
use std::marker::PhantomData;
use std::ops::Range;

/// Bytes of one part of the buffer of lanes.
const BUFFER_BYTES: usize = 16 << 10;

/// The states of `columns` of the matrix whose rows have `width` terms.
pub struct Columns<'a, T, R, const N: usize> {
    /// The matrix, of at least one row.
    pub x: &'a [T],
    /// Elements in a row.
    pub width: usize,
    /// Which columns, at least one.
    pub columns: Range<usize>,
    /// The policy.
    pub reducer: PhantomData<R>,
}

/// The states of columns: part n of column c at `n · columns + c`.
pub type States<T> = Vec<T>;

impl<T: Real, R: Reducer<1, N>, const N: usize> Kernel for Columns<'_, T, R, N> {
    type Output = States<T>;
    #[inline(always)]
    fn run<S: Simd>(self) -> States<T> {
        let Columns { x, width, columns, .. } = self;
        let rows = x.len() / width;
        assert!(rows > 0 && columns.start < columns.end && columns.end <= width);
        assert_eq!(x.len(), rows * width);
        let chunk = columns.len().min(BUFFER_BYTES / (T::LAW_LANES * size_of::<T>()));
        let mut lanes = vec![T::ZERO; N * T::LAW_LANES * chunk];
        // Complete subtrees that wait for their right neighbour, as in `Tree`.
        let mut stack: Vec<States<T>> = Vec::new();
        for (index, first) in (0..rows).step_by(BLOCK).enumerate() {
            let mut states = vec![T::ZERO; N * columns.len()];
            for from in columns.clone().step_by(chunk) {
                let count = chunk.min(columns.end - from);
                // SAFETY: the block's rows and the columns lie inside every operand.
                unsafe {
                    let block = Block {
                        x: x.as_ptr().add(first * width + from),
                        rows: BLOCK.min(rows - first),
                        width,
                        columns: count,
                    };
                    block.fold::<T::Vector<S>, R, N>(&mut lanes);
                }
                for n in 0..N {
                    let at = n * columns.len() + from - columns.start;
                    let part = n * T::LAW_LANES * count;
                    states[at..at + count].copy_from_slice(&lanes[part..part + count]);
                }
            }
            for _ in 0..(index + 1).trailing_zeros() {
                let mut left = stack.pop().expect("one for each bit of the count");
                join_states::<T::Vector<S>, R, N>(&mut left, &states);
                states = left;
            }
            stack.push(states);
        }
        let mut states = stack.pop().expect("at least one block");
        for mut left in stack.into_iter().rev() {
            join_states::<T::Vector<S>, R, N>(&mut left, &states);
            states = left;
        }
        states
    }
}

/// `left[c] = join(left[c], right[c])` for every column.
pub struct JoinStates<'a, T, R, const N: usize> {
    /// The earlier rows' states, and the result.
    pub left: &'a mut [T],
    /// The later rows' states.
    pub right: &'a [T],
    /// The policy.
    pub reducer: PhantomData<R>,
}

impl<T: Real, R: Reducer<1, N>, const N: usize> Kernel for JoinStates<'_, T, R, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        join_states::<T::Vector<S>, R, N>(self.left, self.right);
    }
}

#[inline(always)]
fn join_states<V: Elementary, R: Reducer<1, N>, const N: usize>(left: &mut [V::Scalar], right: &[V::Scalar]) {
    let columns = left.len() / N;
    assert!(left.len() == right.len() && left.len() == N * columns);
    // SAFETY: both hold N parts of `columns` numbers.
    unsafe { join_rows::<V, R, N>(left.as_mut_ptr(), right.as_ptr(), columns, columns) };
}

/// Joins `len` states with `len` others, whose parts lie `stride` numbers apart.
///
/// # Safety
/// Both must hold N parts of `stride` numbers, the last part at least `len`; they must not overlap within `len`.
#[inline(always)]
unsafe fn join_rows<V: Elementary, R: super::State<N>, const N: usize>(
    left: *mut V::Scalar,
    right: *const V::Scalar,
    stride: usize,
    len: usize,
) {
    let mut at = 0;
    while at < len {
        let count = V::WIDTH.min(len - at);
        let (mut a, mut b) = ([V::zero(); N], [V::zero(); N]);
        for n in 0..N {
            // SAFETY: the caller's promise.
            unsafe {
                a[n] = part(left.add(n * stride + at), count);
                b[n] = part(right.add(n * stride + at), count);
            }
        }
        for (n, joined) in R::join(a, b).into_iter().enumerate() {
            // SAFETY: the caller's promise.
            let target = unsafe { std::slice::from_raw_parts_mut(left.add(n * stride + at), count) };
            joined.store_slice(target);
        }
        at += count;
    }
}

/// `count` numbers, at most a vector of them, and zeros behind.
///
/// # Safety
/// They must be readable.
#[inline(always)]
unsafe fn part<V: Elementary>(x: *const V::Scalar, count: usize) -> V {
    // SAFETY: the caller's promise.
    V::load_slice(unsafe { std::slice::from_raw_parts(x, count) }, V::zero().to_array()[0])
}

/// Some columns of one block of rows.
struct Block<T> {
    x: *const T,
    rows: usize,
    width: usize,
    columns: usize,
}

impl<T: Real> Block<T> {
    /// Leaves the columns' states at the start of each of the N parts of `lanes`, which lie L · columns numbers apart.
    ///
    /// # Safety
    /// The elements must be readable.
    #[inline(always)]
    unsafe fn fold<V: Elementary<Scalar = T>, R: Reducer<1, N>, const N: usize>(&self, lanes: &mut [T]) {
        let (count, columns) = (T::LAW_LANES, self.columns);
        let stride = count * columns;
        assert!(lanes.len() >= N * stride);
        let y = lanes.as_mut_ptr();
        let (full, rest) = (self.rows / count, self.rows % count);
        // SAFETY: the lanes below `rest` have one more row than the others; the buffer holds all lanes.
        unsafe {
            if columns == self.width {
                self.lanes::<V, R, N>(0, full + 1, rest * columns, y, stride);
                self.lanes::<V, R, N>(rest, full, (count - rest) * columns, y.add(rest * columns), stride);
            } else {
                for lane in 0..count {
                    let rows = full + usize::from(lane < rest);
                    self.lanes::<V, R, N>(lane, rows, columns, y.add(lane * columns), stride);
                }
            }
            let mut half = count / 2;
            while half > 0 {
                join_rows::<V, R, N>(y, y.add(half * columns), stride, half * columns);
                half /= 2;
            }
        }
    }

    /// The states of `len` columns of consecutive lanes, from `lane` on, each of `rows` rows.
    ///
    /// # Safety
    /// The elements must be readable, the parts of `y` writable.
    #[inline(always)]
    unsafe fn lanes<V: Elementary<Scalar = T>, R: Reducer<1, N>, const N: usize>(
        &self,
        lane: usize,
        rows: usize,
        len: usize,
        y: *mut T,
        stride: usize,
    ) {
        // SAFETY: the caller's promise. A full lane's rows are known when this is compiled.
        unsafe {
            let x = self.x.add(lane * self.width);
            let step = T::LAW_LANES * self.width;
            match rows {
                rows if rows == BLOCK / T::LAW_LANES => {
                    chains::<V, R, N>(x, BLOCK / T::LAW_LANES, step, len, y, stride)
                }
                rows => chains::<V, R, N>(x, rows, step, len, y, stride),
            }
        }
    }
}

/// For each of `len` consecutive elements, the state of the `rows` elements that lie `step` apart from it on.
///
/// # Safety
/// The elements must be readable, the N parts of `y`, `stride` apart, writable.
#[inline(always)]
unsafe fn chains<V: Elementary, R: Reducer<1, N>, const N: usize>(
    x: *const V::Scalar,
    rows: usize,
    step: usize,
    len: usize,
    y: *mut V::Scalar,
    stride: usize,
) {
    let mut at = 0;
    while at < len {
        let count = V::WIDTH.min(len - at);
        let mut state: [V; N] = R::missing();
        for row in 0..rows {
            // SAFETY: the caller's promise.
            unsafe {
                state = R::add(state, [part(x.add(row * step + at), count)]);
            }
        }
        for (n, part) in state.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            let target = unsafe { std::slice::from_raw_parts_mut(y.add(n * stride + at), count) };
            part.store_slice(target);
        }
        at += count;
    }
}
