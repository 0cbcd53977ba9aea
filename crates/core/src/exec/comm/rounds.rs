//! Who meets whom: the rounds in which halves of groups of ranks bring their subtrees together.
//!
//! Ranks are halved again and again. Going back up, in each round the two halves of a group, whose blocks are neighbours,
//! exchange what is left of their subtrees, and what the law joins is joined. After ⌈log₂ P⌉ rounds one subtree is left: all
//! blocks.
//!
//! *Slices.* In a group of g ranks each holds a g-th of every payload, the slice of its *position*. The left half's ranks get the
//! even positions, in their order, and the right half's the odd ones; then a rank's slice in the group lies within its slice in its
//! half (with l = r or l = r + 1 ranks in the halves: 2i/g ≥ i/l and (2i + 1)/g ≤ (i + 1)/l, and alike on the right). So a
//! rank gives away what it no longer needs, half of what it has, to at most three ranks, and that for any number of ranks.

use super::Layout;
use super::layout::middle;
use crate::numerics::tree;
use std::ops::Range;

/// What a rank does when its half of a group meets the other one.
#[derive(Debug)]
pub(super) struct Round {
    /// Its slice before and after.
    pub slice: [Slice; 2],
    /// Ranks of the other half with which it shares elements, and their slices before and after; in the order of the slices.
    pub partners: Vec<(usize, [Slice; 2])>,
    /// Where everybody keeps everything: whom it gets all from, and to whom it gives all.
    pub from: usize,
    /// See `from`.
    pub to: Vec<usize>,
    /// Subtrees that the other half brings.
    pub theirs: usize,
    /// Whether the other half is the left one.
    pub theirs_first: bool,
    /// Which subtrees join, numbered in the order of the blocks: the second one into the first.
    pub joins: Vec<(usize, usize)>,
    /// The numbers that are left of them then, ascending.
    pub left: Vec<usize>,
}

/// The part `index` of `of` equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    index: usize,
    of: usize,
}

impl Slice {
    /// Its elements of `len`, in whole states of `state`.
    pub fn range(self, len: usize, state: usize) -> Range<usize> {
        let cut = |index: usize| (len / state) * index / self.of * state;
        cut(self.index)..cut(self.index + 1)
    }

    fn overlaps(self, other: Slice) -> bool {
        self.index * other.of < (other.index + 1) * self.of
            && other.index * self.of < (self.index + 1) * other.of
    }
}

/// The elements that both ranges have; perhaps none.
pub(super) fn common(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// The position of `rank` in a group.
fn position(ranks: Range<usize>, rank: usize) -> usize {
    let middle = middle(&ranks);
    match rank {
        _ if ranks.len() == 1 => 0,
        _ if rank < middle => 2 * position(ranks.start..middle, rank),
        _ => 2 * position(middle..ranks.end, rank) + 1,
    }
}

/// The rank at a position of a group.
fn rank_at(ranks: Range<usize>, position: usize) -> usize {
    let middle = middle(&ranks);
    match position {
        _ if ranks.len() == 1 => ranks.start,
        _ if position.is_multiple_of(2) => rank_at(ranks.start..middle, position / 2),
        _ => rank_at(middle..ranks.end, position / 2),
    }
}

/// The rounds of `rank`, the first one first.
pub(super) fn rounds(layout: &Layout, rank: usize) -> Vec<Round> {
    let mut rounds = Vec::new();
    let mut group = 0..layout.size();
    while group.len() > 1 {
        rounds.push(Round::new(layout, rank, group.clone()));
        let middle = middle(&group);
        group = if rank < middle { group.start..middle } else { middle..group.end };
    }
    rounds.reverse();
    rounds
}

impl Round {
    /// The meeting of the halves of `group`.
    fn new(layout: &Layout, rank: usize, group: Range<usize>) -> Round {
        let middle = middle(&group);
        let [left, right] = [group.start..middle, middle..group.end];
        let theirs_first = rank >= middle;
        let (own, other) = if theirs_first { (&right, &left) } else { (&left, &right) };
        let slice = |rank: usize, ranks: &Range<usize>| Slice {
            index: position(ranks.clone(), rank),
            of: ranks.len(),
        };
        let slices = |rank: usize, half: &Range<usize>| [slice(rank, half), slice(rank, &group)];
        let before = slice(rank, own);
        let candidates = (before.index * other.len() / own.len())..other.len();
        let partners = candidates.map(|position| {
            let partner = rank_at(other.clone(), position);
            (partner, slices(partner, other))
        });
        let partners = partners.take_while(|(_, [theirs, _])| theirs.overlaps(before)).collect();
        let at = |position: usize| rank_at(other.clone(), position);
        // The last rank of a half that has one more shares the other half's last partner.
        let from = at(before.index.min(other.len() - 1));
        let mut to: Vec<usize> = (before.index < other.len()).then(|| at(before.index)).into_iter().collect();
        if before.index + 1 == own.len() && own.len() < other.len() {
            to.push(at(other.len() - 1));
        }
        let subtrees = [&left, &right].map(|half| layout.subtrees(half.clone()));
        let (joins, left) = joins(&subtrees.concat(), &layout.subtrees(group.clone()));
        let theirs = subtrees[usize::from(!theirs_first)].len();
        Round { slice: slices(rank, own), partners, from, to, theirs, theirs_first, joins, left }
    }
}

/// The joins that make the subtrees `whole` of `parts`, and the number of the part in which each of them then is.
fn joins(parts: &[Range<usize>], whole: &[Range<usize>]) -> (Vec<(usize, usize)>, Vec<usize>) {
    let starts: Vec<usize> = parts.iter().map(|part| part.start).collect();
    let mut joins = Vec::new();
    let left = whole.iter().map(|subtree| push_joins(subtree.clone(), &starts, &mut joins)).collect();
    (joins, left)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_a_group_lie_within_those_of_its_halves() {
        for size in 1..40 {
            let layout = Layout::even(0, size);
            let all: Vec<Vec<Round>> = (0..size).map(|rank| rounds(&layout, rank)).collect();
            for (rank, rounds) in all.iter().enumerate() {
                assert!(rounds.len() <= size.next_power_of_two().ilog2() as usize, "{size} ranks");
                assert!(rounds.iter().all(|round| round.partners.len() <= 3), "{size} ranks");
                for len in [0, 1, size - 1, 97, 1000] {
                    let mut held = 0..len;
                    for round in rounds {
                        let [before, after] = round.slice.map(|slice| slice.range(len, 1));
                        assert_eq!(before, held, "rank {rank} of {size}");
                        assert!(
                            before.start <= after.start && after.end <= before.end,
                            "rank {rank} of {size}"
                        );
                        // The other half brings every element of the slice, once.
                        let parts = round
                            .partners
                            .iter()
                            .map(|(_, [theirs, _])| common(&theirs.range(len, 1), &after));
                        assert!(parts.flatten().eq(after.clone()), "rank {rank} of {size}, {len} elements");
                        held = after;
                    }
                }
            }
        }
    }

    #[test]
    fn positions_and_ranks_are_each_others_inverse() {
        for size in 1..70 {
            for rank in 0..size {
                assert_eq!(rank_at(0..size, position(0..size, rank)), rank, "{rank} of {size}");
            }
        }
    }

    #[test]
    fn joins_of_eleven_blocks_by_hand() {
        // The tree of 11 is ((0-7) ((8-9) 10)).
        let parts = [0..2, 2..3, 3..4, 4..6, 6..7];
        assert_eq!(joins(&parts, &[0..4, 4..6, 6..7]), (vec![(1, 2), (0, 1)], vec![0, 3, 4]));
        let parts = [0..4, 4..6, 6..7, 7..8, 8..11];
        assert_eq!(
            joins(&parts, std::slice::from_ref(&(0..11))),
            (vec![(2, 3), (1, 2), (0, 1), (0, 4)], vec![0])
        );
    }
}
