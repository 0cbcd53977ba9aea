//! A reduction over blocks that lie on many ranks, with the bits of one process.
//!
//! A range of blocks is a list of whole subtrees of the law's tree (law 5). Each rank reduces its own; what is left are
//! fewer than 2 log₂ n partial results per rank, and the top of the tree, which is the same everywhere.
//!
//! - *Small payloads* take one exchange: everybody gets all partial results and folds the top of the tree.
//! - *Large payloads* are cut into one slice per rank: an all-to-all brings slice s of every partial result to rank s,
//!   which folds it; an all-gather brings the folded slices to all. That is a reduce-scatter and an all-gather, but for
//!   the order, which is the law's and no library's.
//!
//! Either way an element is folded by the same joins in the same order, so the choice does not show. A rank holds its own
//! partial results and one slice of all: its share times O(log n).

use super::{Communicator, Layout};
use crate::numerics::tree;
use bytemuck::Pod;
use std::ops::Range;
use std::sync::Mutex;

/// Bytes of all partial results, for each rank, up to which one exchange is faster than two: beyond, what is saved of the
/// bytes costs more than the messages to every rank.
const GATHERED_MAX: usize = 4 << 10;

/// Bytes of a rank's partial results that are exchanged at a time: bounds what a rank holds, and the counts of an exchange, which MPI keeps in
/// 32 bits.
const PIECE: usize = 64 << 20;

/// Bytes of a payload that are folded at a time, so that they stay in cache from join to join.
const FOLDED: usize = 16 << 10;

/// Partial results that do not fit a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rank {rank} must give {subtrees} partial results of {len} elements, a multiple of a state's {state}, got {got:?}"
)]
pub struct PartialsError {
    /// The rank.
    pub rank: usize,
    /// How many subtrees it holds.
    pub subtrees: usize,
    /// Elements of the result.
    pub len: usize,
    /// Elements of a state.
    pub state: usize,
    /// The lengths that were given.
    pub got: Vec<usize>,
}

/// The plan of a reduction over the blocks of a layout: who sends what, and how it is folded.
#[derive(Debug)]
pub struct Allreduce {
    rank: usize,
    own: Vec<Range<usize>>,
    /// How many subtrees each rank holds.
    counts: Vec<usize>,
    /// Which partial results join, numbered in the order of the blocks: the second one into the first.
    joins: Vec<(usize, usize)>,
    /// Space for what is sent and what is received, kept from call to call.
    buffers: Mutex<[Vec<u64>; 2]>,
}

/// The first `len` elements of a buffer that is made large enough.
fn room<T: Pod>(buffer: &mut Vec<u64>, len: usize) -> &mut [T] {
    let words = (len * size_of::<T>()).div_ceil(size_of::<u64>());
    if buffer.len() < words {
        buffer.resize(words, 0);
    }
    &mut bytemuck::cast_slice_mut(&mut buffer[..words])[..len]
}

/// The joins of the law's tree over `blocks`, above subtrees that begin at `starts`; gives the first one's number.
fn push_joins(blocks: Range<usize>, starts: &[usize], joins: &mut Vec<(usize, usize)>) -> usize {
    let first = starts.partition_point(|&start| start < blocks.start);
    let is_subtree = starts.get(first + 1).is_none_or(|&next| next >= blocks.end);
    if !is_subtree {
        let middle = blocks.start + tree::split(blocks.len());
        let left = push_joins(blocks.start..middle, starts, joins);
        let right = push_joins(middle..blocks.end, starts, joins);
        joins.push((left, right));
    }
    first
}

impl Allreduce {
    /// The plan of `rank` for reductions over `layout`.
    pub fn new(layout: &Layout, rank: usize) -> Allreduce {
        let subtrees: Vec<Vec<Range<usize>>> = (0..layout.size()).map(|rank| layout.subtrees(rank)).collect();
        let starts: Vec<usize> = subtrees.iter().flatten().map(|range| range.start).collect();
        let mut joins = Vec::new();
        if layout.blocks() > 0 {
            push_joins(0..layout.blocks(), &starts, &mut joins);
        }
        let counts = subtrees.iter().map(Vec::len).collect();
        Allreduce { rank, own: subtrees[rank].clone(), counts, joins, buffers: Mutex::default() }
    }

    /// The subtrees of which this rank gives partial results, in order.
    pub fn subtrees(&self) -> &[Range<usize>] {
        &self.own
    }

    /// Subtrees of all ranks.
    fn total(&self) -> usize {
        self.joins.len() + 1
    }

    /// **Collective.** Reduces to `result` the partial results of all ranks; this rank gives one for each of
    /// [`Allreduce::subtrees`], in order. Without a block there is nothing to reduce, and `result` stays as it is.
    ///
    /// A payload is a list of states of `state` elements each (one for a sum; a Kahan sum has two). `join` joins the states
    /// of the given elements: of a left subtree, in place, with those of the right one.
    ///
    /// # Errors
    /// If the partial results are not as many or not as long as they must be.
    pub fn run<T: Pod>(
        &self,
        communicator: &dyn Communicator,
        partials: &[&[T]],
        state: usize,
        result: &mut [T],
        mut join: impl FnMut(Range<usize>, &mut [T], &[T]),
    ) -> Result<(), PartialsError> {
        let len = result.len();
        let fits = partials.len() == self.own.len() && partials.iter().all(|partial| partial.len() == len);
        if !fits || state == 0 || !len.is_multiple_of(state) {
            let got = partials.iter().map(|partial| partial.len()).collect();
            return Err(PartialsError { rank: self.rank, subtrees: self.own.len(), len, state, got });
        }
        if self.counts.iter().all(|&count| count == 0) || len == 0 {
            return Ok(());
        }
        if communicator.size() == 1 {
            result.copy_from_slice(partials[0]);
            return Ok(());
        }
        if self.total() * size_of_val(result) <= GATHERED_MAX * self.counts.len() {
            self.gathered(communicator, partials, state, result, &mut join);
            return Ok(());
        }
        let most = self.counts.iter().max().copied().unwrap_or(1);
        let piece = (PIECE / most / size_of::<T>() / state).max(1) * state;
        for start in (0..len).step_by(piece) {
            let end = len.min(start + piece);
            let parts: Vec<&[T]> = partials.iter().map(|partial| &partial[start..end]).collect();
            let mut join = |range: Range<usize>, x: &mut [T], y: &[T]| {
                join(start + range.start..start + range.end, x, y)
            };
            self.sliced(communicator, &parts, state, &mut result[start..end], &mut join);
        }
        Ok(())
    }

    /// One exchange: all partial results to everybody.
    fn gathered<T: Pod>(
        &self,
        communicator: &dyn Communicator,
        partials: &[&[T]],
        state: usize,
        result: &mut [T],
        join: &mut impl FnMut(Range<usize>, &mut [T], &[T]),
    ) {
        let len = result.len();
        let lengths: Vec<usize> = self.counts.iter().map(|count| count * size_of_val(result)).collect();
        let mut buffers = self.buffers.lock().expect("no panic while held");
        let all = room::<T>(&mut buffers[1], self.total() * len);
        let mine = partials.concat();
        communicator.all_gather(bytemuck::cast_slice(&mine), bytemuck::cast_slice_mut(all), &lengths);
        self.fold(all, 0..len, state, join);
        result.copy_from_slice(&all[..len]);
    }

    /// Two exchanges: slice s of all partial results to rank s, and the folded slices to everybody.
    fn sliced<T: Pod>(
        &self,
        communicator: &dyn Communicator,
        partials: &[&[T]],
        state: usize,
        result: &mut [T],
        join: &mut impl FnMut(Range<usize>, &mut [T], &[T]),
    ) {
        let (len, size) = (result.len(), self.counts.len());
        let slice = |rank: usize| {
            let cut = |rank: usize| len / state * rank / size * state;
            cut(rank)..cut(rank + 1)
        };
        let bytes = |elements: usize| elements * size_of::<T>();
        let slices: Vec<usize> = (0..size).map(|rank| bytes(slice(rank).len())).collect();
        let sent_lengths: Vec<usize> = slices.iter().map(|slice| slice * partials.len()).collect();
        let mine = slice(self.rank);
        let received_lengths: Vec<usize> =
            self.counts.iter().map(|count| count * bytes(mine.len())).collect();
        let mut buffers = self.buffers.lock().expect("no panic while held");
        let [sent, received] = &mut *buffers;
        // One partial result is in the order of its slices as it is.
        let sent: &[T] = match partials {
            [only] => only,
            _ => {
                let sent = room::<T>(sent, partials.len() * len);
                let mut rest = &mut *sent;
                for part in (0..size).flat_map(|rank| partials.iter().map(move |x| &x[slice(rank)])) {
                    let (here, after) = rest.split_at_mut(part.len());
                    here.copy_from_slice(part);
                    rest = after;
                }
                sent
            }
        };
        let received = room::<T>(received, self.total() * mine.len());
        communicator.all_to_all(
            bytemuck::cast_slice(sent),
            &sent_lengths,
            bytemuck::cast_slice_mut(received),
            &received_lengths,
        );
        self.fold(received, mine.clone(), state, join);
        let folded = bytemuck::cast_slice(&received[..mine.len()]);
        communicator.all_gather(folded, bytemuck::cast_slice_mut(result), &slices);
    }

    /// Folds the elements `range` of all partial results, which lie in `parts` one after the other; the first place gets
    /// the result.
    fn fold<T: Pod>(
        &self,
        parts: &mut [T],
        range: Range<usize>,
        state: usize,
        join: &mut impl FnMut(Range<usize>, &mut [T], &[T]),
    ) {
        let len = range.len();
        let step = (FOLDED / size_of::<T>() / state).max(1) * state;
        for from in (0..len).step_by(step) {
            let to = len.min(from + step);
            for &(left, right) in &self.joins {
                let (x, y) = parts.split_at_mut(right * len);
                let (x, y) = (&mut x[left * len..][from..to], &y[from..to]);
                join(range.start + from..range.start + to, x, y);
            }
        }
    }
}
