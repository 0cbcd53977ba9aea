//! Parts of a slice on the threads at hand. Who computes which is free (law 5), so no part's bits depend on it.

use rayon::prelude::*;

/// Elements below which waking another thread costs more than it brings.
const ELEMENTS_MIN: usize = 1 << 17;

/// Whether so many elements are worth more than one thread.
pub fn is_large(elements: usize) -> bool {
    elements >= ELEMENTS_MIN
}

/// Whether work on so many elements is shared with the other threads of the pool that this one belongs to, if it does to one.
pub fn is_shared(elements: usize) -> bool {
    is_large(elements) && rayon::current_thread_index().is_some() && rayon::current_num_threads() > 1
}

/// Runs `each` on every part of `len` elements of `x`, the last one perhaps shorter, with its number.
pub fn each_part<T: Send>(x: &mut [T], len: usize, each: impl Fn(usize, &mut [T]) + Sync) {
    match is_shared(x.len()) {
        true => x.par_chunks_mut(len).enumerate().for_each(|(i, part)| each(i, part)),
        false => x.chunks_mut(len).enumerate().for_each(|(i, part)| each(i, part)),
    }
}

/// Sorts `x`, of elements that are the same where they are equal.
pub fn sort<T: Ord + Send>(x: &mut [T]) {
    match is_shared(x.len()) {
        true => x.par_sort_unstable(),
        false => x.sort_unstable(),
    }
}
