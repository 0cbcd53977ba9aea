//! A reduction over blocks that lie on many ranks, with the bits of one process.
//!
//! A range of blocks is a list of whole subtrees of the law's tree (law 5). Each rank reduces its own; then halves of groups of
//! ranks meet, the smallest groups first, and join what the law joins ([`rounds`](super::rounds)). The top of the tree is
//! folded on the way, by the same joins in the same order as on one process.
//!
//! - *Small payloads:* both halves tell each other all, so that after ⌈log₂ P⌉ rounds everybody has the result.
//! - *Large payloads:* in each round a rank gives away half of its elements and keeps the other half, until it has a P-th of
//!   the result; then it gets the rest back the same way. That is recursive halving and doubling (Rabenseifner, ICCS 2004), but
//!   for the order, which is the law's and no library's. What a rank sends of its k partial results is less than k + 1 payloads.
//!
//! Either way an element is folded by the same joins, so the choice does not show. A rank holds its own partial results and,
//! for a bounded piece of the payload, what it is brought.

use super::rounds::{Round, common, rounds};
use super::{Communicator, Incoming, Layout, Outgoing};
use bytemuck::Pod;
use std::ops::Range;
use std::sync::Mutex;

/// What a message costs, in bytes that could be sent in its time: decides between the two ways.
const MESSAGE_BYTES: usize = 8 << 10;

/// Ranks whose subtrees are counted, at most: what is kept whole is guessed from theirs.
const SAMPLED: usize = 64;

/// Bytes of a payload that go through the rounds at a time: bounds what a rank holds, and keeps it in cache.
const PIECE: usize = 4 << 20;

/// Bytes of a payload that are joined at a time, so that they stay in cache from join to join.
const JOINED: usize = 16 << 10;

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

/// How far payloads are spread over ranks between their rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Everybody keeps everything.
    Whole,
    /// A rank keeps its slice.
    Halved,
}

/// The plan of a reduction over the blocks of a layout: who sends what, and how it is folded.
#[derive(Debug)]
pub struct Allreduce {
    rank: usize,
    own: Vec<Range<usize>>,
    rounds: Vec<Round>,
    /// Whether there are no blocks.
    is_empty: bool,
    /// Bytes of the largest payload that is kept whole.
    whole_max: usize,
    /// Bytes of a payload that go through the rounds at a time.
    piece: usize,
    /// Space for what is received, kept from call to call.
    space: Mutex<Vec<u64>>,
}

/// The first `len` elements of a buffer that is made large enough.
fn room<T: Pod>(buffer: &mut Vec<u64>, len: usize) -> &mut [T] {
    let words = (len * size_of::<T>()).div_ceil(size_of::<u64>());
    if buffer.len() < words {
        buffer.resize(words, 0);
    }
    &mut bytemuck::cast_slice_mut(&mut buffer[..words])[..len]
}

/// Takes the first `len` elements of what is left.
fn cut<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let (first, after) = std::mem::take(rest).split_at_mut(len);
    *rest = after;
    first
}

/// Elements that this rank shares with a partner in a round, of the whole payload.
struct Share {
    partner: usize,
    give: Range<usize>,
    take: Range<usize>,
}

impl Round {
    /// What it shares with whom, in the order of what it takes, and the range that it holds before and after.
    fn shares(&self, way: Way, len: usize, state: usize) -> ([Range<usize>; 2], Vec<Share>) {
        match way {
            Way::Whole => {
                let give = |&partner: &usize| Share { partner, give: 0..len, take: 0..0 };
                let mut shares: Vec<Share> = self.to.iter().map(give).collect();
                match shares.iter_mut().find(|share| share.partner == self.from) {
                    Some(share) => share.take = 0..len,
                    None => shares.push(Share { partner: self.from, give: 0..0, take: 0..len }),
                }
                ([0..len, 0..len], shares)
            }
            Way::Halved => {
                let own = self.slice.map(|slice| slice.range(len, state));
                let share = |(partner, theirs): &(usize, [_; 2])| {
                    let theirs = theirs.map(|slice: super::rounds::Slice| slice.range(len, state));
                    Share {
                        partner: *partner,
                        give: common(&own[0], &theirs[1]),
                        take: common(&theirs[0], &own[1]),
                    }
                };
                (own.clone(), self.partners.iter().map(share).collect())
            }
        }
    }
}

impl Allreduce {
    /// The plan of `rank` for reductions over `layout`.
    pub fn new(layout: &Layout, rank: usize) -> Allreduce {
        let size = layout.size();
        let some = (0..size).step_by(size.div_ceil(SAMPLED));
        let subtrees = some.clone().map(|rank| layout.subtrees(rank..rank + 1).len()).sum::<usize>();
        Allreduce {
            rank,
            own: layout.subtrees(rank..rank + 1),
            rounds: rounds(layout, rank),
            is_empty: layout.blocks() == 0,
            whole_max: whole_max(size, subtrees as f64 / some.len() as f64),
            piece: PIECE,
            space: Mutex::default(),
        }
    }

    /// The subtrees of which this rank gives partial results, in order.
    pub fn subtrees(&self) -> &[Range<usize>] {
        &self.own
    }

    /// Bytes of the largest payload that all ranks keep whole in every round; larger ones are halved.
    pub fn whole_max(&self) -> usize {
        self.whole_max
    }

    /// The same plan with another [`Allreduce::whole_max`], which must be the same on all ranks: for measurements of where to change.
    pub fn with_whole_max(self, whole_max: usize) -> Allreduce {
        Allreduce { whole_max, ..self }
    }

    /// The same plan, in pieces of so many bytes, the same on all ranks: for measurements of how large they should be.
    pub fn with_piece(self, bytes: usize) -> Allreduce {
        Allreduce { piece: bytes, ..self }
    }

    /// **Collective.** Reduces to `result` the partial results of all ranks; this rank gives one for each of
    /// [`Allreduce::subtrees`], in order, and finds other numbers in their place then. Without a block there is nothing to reduce, and
    /// `result` stays as it is.
    ///
    /// A payload is a list of states of `state` elements each (one for a sum; a Kahan sum has two). `join` joins the states
    /// of the given elements: of a left subtree, in place, with those of the right one.
    ///
    /// # Errors
    /// If the partial results are not as many or not as long as they must be.
    pub fn run<T: Pod>(
        &self,
        communicator: &dyn Communicator,
        partials: &mut [&mut [T]],
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
        if self.is_empty || len == 0 {
            return Ok(());
        }
        let way = if size_of_val(result) <= self.whole_max { Way::Whole } else { Way::Halved };
        let piece = (self.piece / size_of::<T>() / state).max(1) * state;
        for start in (0..len).step_by(piece) {
            let end = len.min(start + piece);
            let parts = partials.iter_mut().map(|partial| &mut partial[start..end]).collect();
            let join = |range: Range<usize>, x: &mut [T], y: &[T]| {
                join(start + range.start..start + range.end, x, y)
            };
            let result = &mut result[start..end];
            self.gather(communicator, way, parts, state, result, join);
            if way == Way::Halved {
                self.spread(communicator, state, result);
            }
        }
        Ok(())
    }

    /// All rounds: what this rank keeps of the payload is in its place in `result` then.
    fn gather<T: Pod>(
        &self,
        communicator: &dyn Communicator,
        way: Way,
        partials: Vec<&mut [T]>,
        state: usize,
        result: &mut [T],
        mut join: impl FnMut(Range<usize>, &mut [T], &[T]),
    ) {
        let len = result.len();
        let mut space = self.space.lock().expect("no panic while held");
        let taken = |round: &Round| {
            let ([_, after], _) = round.shares(way, len, state);
            round.theirs * after.len()
        };
        let mut rest = room::<T>(&mut space, self.rounds.iter().map(taken).sum());
        let (mut held, mut subtrees) = (0..len, partials);
        for round in &self.rounds {
            let ([before, after], shares) = round.shares(way, len, state);
            let mut theirs: Vec<&mut [T]> = (0..round.theirs).map(|_| cut(&mut rest, after.len())).collect();
            exchange(communicator, &shares, &before, &subtrees, &mut theirs);
            let kept = after.start - before.start..after.end - before.start;
            let own = subtrees.into_iter().map(|subtree| &mut subtree[kept.clone()]);
            let mut parts: Vec<Option<&mut [T]>> = match round.theirs_first {
                true => theirs.into_iter().chain(own).map(Some).collect(),
                false => own.chain(theirs).map(Some).collect(),
            };
            join_parts(&mut parts, &round.joins, after.clone(), state, &mut join);
            subtrees = round.left.iter().filter_map(|&number| parts[number].take()).collect();
            held = after;
        }
        if let [all] = &subtrees[..] {
            result[held].copy_from_slice(all);
        }
    }

    /// The rounds backwards: every rank gets what the others have of the result.
    fn spread<T: Pod>(&self, communicator: &dyn Communicator, state: usize, result: &mut [T]) {
        for round in self.rounds.iter().rev() {
            let ([before, after], shares) = round.shares(Way::Halved, result.len(), state);
            let (head, tail) = result.split_at_mut(after.start);
            let (own, tail) = tail.split_at_mut(after.len());
            let (mut head, mut tail) = (&mut head[before.start..], &mut tail[..before.end - after.end]);
            let own: &[T] = own;
            let (mut sent, mut received) = (Vec::new(), Vec::new());
            // What it took of a partner it gives back, joined, and takes what it gave.
            for Share { partner, give, take } in shares {
                if !take.is_empty() {
                    let part = &own[take.start - after.start..take.end - after.start];
                    sent.push(Outgoing { to: partner, bytes: bytemuck::cast_slice(part) });
                }
                if !give.is_empty() {
                    let part = if give.start < after.start { &mut head } else { &mut tail };
                    let bytes = bytemuck::cast_slice_mut(cut(part, give.len()));
                    received.push(Incoming { from: partner, bytes });
                }
            }
            communicator.exchange(&sent, &mut received);
        }
    }
}

/// Gives the partners their elements of `own` subtrees, which hold the elements `before`, and takes those of `theirs`.
fn exchange<T: Pod>(
    communicator: &dyn Communicator,
    shares: &[Share],
    before: &Range<usize>,
    own: &[&mut [T]],
    theirs: &mut [&mut [T]],
) {
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for Share { partner, give, .. } in shares.iter().filter(|share| !share.give.is_empty()) {
        for subtree in own {
            let part = &subtree[give.start - before.start..give.end - before.start];
            sent.push(Outgoing { to: *partner, bytes: bytemuck::cast_slice(part) });
        }
    }
    for subtree in theirs {
        let mut rest = &mut **subtree;
        for Share { partner, take, .. } in shares.iter().filter(|share| !share.take.is_empty()) {
            let bytes = bytemuck::cast_slice_mut(cut(&mut rest, take.len()));
            received.push(Incoming { from: *partner, bytes });
        }
    }
    communicator.exchange(&sent, &mut received);
}

/// Does `joins` on the elements `range` of a payload.
fn join_parts<T: Pod>(
    parts: &mut [Option<&mut [T]>],
    joins: &[(usize, usize)],
    range: Range<usize>,
    state: usize,
    join: &mut impl FnMut(Range<usize>, &mut [T], &[T]),
) {
    let step = (JOINED / size_of::<T>() / state).max(1) * state;
    for from in (0..range.len()).step_by(step) {
        let to = range.len().min(from + step);
        for &(left, right) in joins {
            let (head, tail) = parts.split_at_mut(right);
            if let (Some(x), Some(y)) = (&mut head[left], &tail[0]) {
                join(range.start + from..range.start + to, &mut x[from..to], &y[from..to]);
            }
        }
    }
}

/// Bytes of a payload up to which it is faster for `size` ranks with `subtrees` subtrees each to keep it whole: that takes half the messages.
///
/// With s subtrees of a rank, R rounds and c = 1 − 1/P, the one way moves and joins R s payloads, the other one s c, and moves c more
/// for the result. A byte that is joined counts as one that is moved.
fn whole_max(size: usize, subtrees: f64) -> usize {
    let (ranks, rounds) = (size as f64, size.next_power_of_two().ilog2() as f64);
    let c = 1.0 - 1.0 / ranks;
    let more = 2.0 * subtrees.max(1.0) * (rounds - c) - c;
    (rounds * MESSAGE_BYTES as f64 / more.max(0.1)) as usize
}
