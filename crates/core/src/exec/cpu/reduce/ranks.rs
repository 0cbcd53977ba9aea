//! Reductions over rows that lie on many ranks: each reduces its own subtrees of the law, and their states join through the
//! communicator.

use super::{Extents, Integer, Reduce, Reducer, Task, integers};
use crate::exec::shard::Shard;
use crate::numerics::lanes::Real;
use bytemuck::Pod;
use std::marker::PhantomData;
use std::ops::Range;

impl Reduce<'_> {
    /// `y` = all of the line of which `x` are this rank's terms. **Collective.**
    pub(super) fn line_over_ranks<T: Real, R: Reducer<K, N>, const K: usize, const N: usize>(
        &self,
        shard: &Shard,
        x: [&[T]; K],
        y: &mut [T],
    ) {
        let state = |rows: Range<usize>| {
            let x = x.map(|x| &x[rows.clone()]);
            let mut state = [T::ZERO; N];
            self.on_threads(rows.len(), |grain| {
                state = Task { level: self.level, grain, reducer: PhantomData::<R> }.line(x);
            });
            state.to_vec()
        };
        joined_values::<T, R, K, N>(shard, y, state);
    }

    /// `y[i]` = all of column i of the matrix of which `x` are this rank's rows. **Collective.**
    pub(super) fn columns_over_ranks<T: Real, R: Reducer<1, N>, const N: usize>(
        &self,
        shard: &Shard,
        x: &[T],
        y: &mut [T],
    ) {
        let width = y.len();
        let states = |rows: Range<usize>| {
            let x = &x[rows.start * width..rows.end * width];
            let mut states = Vec::new();
            self.on_threads(x.len(), |grain| {
                states = Task { level: self.level, grain, reducer: PhantomData::<R> }.columns(x, width);
            });
            (0..N * width).map(|i| states[i % N * width + i / N]).collect()
        };
        joined_values::<T, R, 1, N>(shard, y, states);
    }

    /// `y[i]` = all of column i of the matrix of which `x` are this rank's rows. **Collective.**
    pub(super) fn integers_over_ranks<T: Integer>(
        &self,
        shard: &Shard,
        combine: impl Fn(T, T) -> T + Copy + Send + Sync,
        x: &[T],
        y: &mut [T],
    ) {
        let width = y.len();
        let part = |rows: Range<usize>| {
            let (x, extents) =
                (&x[rows.start * width..rows.end * width], Extents { n: rows.len(), inner: width });
            let mut part = vec![T::default(); width];
            self.on_threads(x.len(), |grain| integers(self.level, combine, x, extents, &mut part, grain));
            part
        };
        let join = |x: &mut [T], y: &[T]| x.iter_mut().zip(y).for_each(|(x, &y)| *x = combine(*x, y));
        if let Some(all) = joined(shard, width, 1, part, join) {
            y.copy_from_slice(&all);
        }
    }
}

/// `y[i]` = the value of state i, joined over all ranks.
fn joined_values<T: Real, R: Reducer<K, N>, const K: usize, const N: usize>(
    shard: &Shard,
    y: &mut [T],
    states: impl Fn(Range<usize>) -> Vec<T>,
) {
    let state = |elements: &[T]| -> [T; N] { elements.try_into().expect("a state has N elements") };
    let join = |x: &mut [T], y: &[T]| {
        for (x, y) in x.chunks_exact_mut(N).zip(y.chunks_exact(N)) {
            x.copy_from_slice(&R::join(state(x), state(y)));
        }
    };
    let Some(all) = joined(shard, y.len() * N, N, states, join) else { return };
    for (y, elements) in y.iter_mut().zip(all.chunks_exact(N)) {
        *y = R::value(state(elements));
    }
}

/// States of `state` elements each, joined over all ranks, of those that `states` gives for a range of this rank's rows;
/// nothing if there are no rows at all. **Collective.**
fn joined<T: Pod>(
    shard: &Shard,
    len: usize,
    state: usize,
    states: impl Fn(Range<usize>) -> Vec<T>,
    join: impl Fn(&mut [T], &[T]),
) -> Option<Vec<T>> {
    if shard.extent == 0 {
        return None;
    }
    let mut partials: Vec<Vec<T>> = shard.subtrees().map(states).collect();
    let mut partials: Vec<&mut [T]> = partials.iter_mut().map(Vec::as_mut_slice).collect();
    let mut all = vec![T::zeroed(); len];
    let join = |_: Range<usize>, x: &mut [T], y: &[T]| join(x, y);
    let done = shard.allreduce.run(&*shard.communicator, &mut partials, state, &mut all, join);
    done.expect("one list of states for each subtree");
    Some(all)
}
