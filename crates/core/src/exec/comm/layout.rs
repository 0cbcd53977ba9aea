//! Who holds which blocks.

use crate::numerics::tree::{BLOCK, blocks, split};
use std::ops::{Range, RangeInclusive};

/// How the blocks of an extent lie on ranks: one range of whole blocks after the other, some perhaps empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rank r holds the blocks from `cuts[r]` to `cuts[r + 1]`.
    cuts: Vec<usize>,
}

/// Cuts that are no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cuts of a layout must begin with 0, ascend and be one more than the ranks, got {cuts:?}")]
pub struct CutsError {
    /// What was given.
    pub cuts: Vec<usize>,
}

/// The part of an even share by which a rank may hold more, where that lets it hold fewer and larger subtrees. It is little, because a block costs more than a
/// message: its gradient takes a core some hundred times as long as its bytes take on the network (77 ns to 0.64 ns for a parameter of a dense network, at
/// 100 GFLOP/s and 100 Gbit/s), and all wait for the rank that has the most. A share of fewer than 128 blocks has the freedom of its last block only.
const UNEVEN: f64 = 1.0 / 128.0;

/// The part of its freedom that a cut takes; the rest is left to the cuts on both sides of it. Of the parts tried (1/3 to 1) it leaves the fewest
/// subtrees on 4 to 1,024 ranks of 36 to 1,000 blocks.
const FREEDOM: f64 = 2.0 / 3.0;

impl Layout {
    /// `rows` rows over `size` ranks (0 is taken as 1): none has more than 1/128, or less than a block, above an even share.
    ///
    /// Ranks are halved, and each cut between halves lies where the law's tree has its highest node, as far as the shares allow: so a
    /// rank, and a group of ranks, holds few subtrees and sends little.
    pub fn even(rows: usize, size: usize) -> Layout {
        let (blocks, size) = (blocks(rows), size.max(1));
        let share = blocks as f64 / size as f64;
        let most = blocks.div_ceil(size).max((share * (1.0 + UNEVEN)) as usize);
        let mut cuts = vec![0; size + 1];
        cuts[size] = blocks;
        halve(0..size, most, &mut cuts);
        Layout { cuts }
    }

    /// Any layout: rank r holds the blocks from `cuts[r]` to `cuts[r + 1]`.
    ///
    /// # Errors
    /// If the cuts do not begin with 0 or do not ascend, or if there is no rank.
    pub fn new(cuts: Vec<usize>) -> Result<Layout, CutsError> {
        match cuts.len() >= 2 && cuts[0] == 0 && cuts.is_sorted() {
            true => Ok(Layout { cuts }),
            false => Err(CutsError { cuts }),
        }
    }

    /// The number of ranks.
    pub fn size(&self) -> usize {
        self.cuts.len() - 1
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.cuts[self.size()]
    }

    /// The blocks of `rank`.
    pub fn blocks_of(&self, rank: usize) -> Range<usize> {
        self.cuts[rank]..self.cuts[rank + 1]
    }

    /// The rows of `rank`, of `rows` in all.
    pub fn rows_of(&self, rank: usize, rows: usize) -> Range<usize> {
        let Range { start, end } = self.blocks_of(rank);
        rows.min(start * BLOCK)..rows.min(end * BLOCK)
    }

    /// The largest subtrees of the law's tree that `ranks` hold whole between them, in order: at most 2 log₂ of their blocks.
    pub fn subtrees(&self, ranks: Range<usize>) -> Vec<Range<usize>> {
        let mut subtrees = Vec::new();
        push_subtrees(0..self.blocks(), &(self.cuts[ranks.start]..self.cuts[ranks.end]), &mut subtrees);
        subtrees
    }
}

/// The rank at which a group of at least two is halved; the left half has one more if they are odd.
pub(super) fn middle(ranks: &Range<usize>) -> usize {
    ranks.start + ranks.len().div_ceil(2)
}

/// Sets the cuts between `ranks`, of which none may hold more than `most` blocks; those at both ends are set.
fn halve(ranks: Range<usize>, most: usize, cuts: &mut [usize]) {
    if ranks.len() < 2 {
        return;
    }
    let middle = middle(&ranks);
    let (start, end) = (cuts[ranks.start], cuts[ranks.end]);
    let even = (end - start) as u128 * (middle - ranks.start) as u128 / ranks.len() as u128;
    let even = start + even as usize;
    let least = end.saturating_sub((ranks.end - middle) * most).max(start);
    let greatest = end.min(start + (middle - ranks.start) * most);
    // Between two ranks nothing is left to others.
    let freedom = if ranks.len() == 2 { 1.0 } else { FREEDOM };
    let part = |blocks: usize| (blocks as f64 * freedom) as usize;
    cuts[middle] = highest(even - part(even - least)..=even + part(greatest - even));
    halve(ranks.start..middle, most, cuts);
    halve(middle..ranks.end, most, cuts);
}

/// The number that the largest power of two divides.
fn highest(range: RangeInclusive<usize>) -> usize {
    let (&start, &end) = (range.start(), range.end());
    // What both have in common above the highest bit in which start - 1 and end differ, and that bit.
    match start {
        0 => 0,
        _ => end >> ((start - 1) ^ end).ilog2() << ((start - 1) ^ end).ilog2(),
    }
}

/// Appends the largest subtrees of `tree` that lie in `held`.
fn push_subtrees(tree: Range<usize>, held: &Range<usize>, subtrees: &mut Vec<Range<usize>>) {
    if tree.start >= held.end || tree.end <= held.start || tree.is_empty() {
        return;
    }
    if held.start <= tree.start && tree.end <= held.end {
        return subtrees.push(tree);
    }
    let middle = tree.start + split(tree.len());
    push_subtrees(tree.start..middle, held, subtrees);
    push_subtrees(middle..tree.end, held, subtrees);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees_of_eleven_blocks_on_three_ranks_by_hand() {
        // The tree of 11: ((0-7) ((8-9) 10)).
        let layout = Layout::new(vec![0, 3, 7, 11]).unwrap();
        assert_eq!(layout.subtrees(0..1), [0..2, 2..3]);
        assert_eq!(layout.subtrees(1..2), [3..4, 4..6, 6..7]);
        assert_eq!(layout.subtrees(2..3), [7..8, 8..11]);
        assert_eq!(layout.subtrees(0..2), [0..4, 4..6, 6..7]);
        assert_eq!(layout.subtrees(0..3), std::slice::from_ref(&(0..11)));
        assert!(layout.subtrees(1..1).is_empty());
    }

    #[test]
    fn even_layouts_cover_all_rows_and_are_even() {
        for rows in [0, 1, 255, 256, 257, 10_000, 1_000_003] {
            for size in [1, 2, 3, 7, 8, 64, 1000] {
                let layout = Layout::even(rows, size);
                let mut next = 0;
                for rank in 0..size {
                    let range = layout.rows_of(rank, rows);
                    assert_eq!(range.start, next);
                    next = range.end;
                    let share = rows as f64 / size as f64;
                    assert!(range.len() as f64 <= share * (1.0 + 1.0 / 128.0) + 256.0, "{rows} over {size}");
                }
                assert_eq!(next, rows);
            }
        }
    }

    #[test]
    fn cuts_lie_at_high_nodes() {
        for (start, end, want) in [(0, 7, 0), (5, 5, 5), (5, 6, 6), (5, 8, 8), (9, 15, 12), (75, 82, 80)] {
            assert_eq!(highest(start..=end), want, "{start} to {end}");
        }
        // 157 blocks: a share is 39.25 and may have 40.
        assert_eq!(Layout::even(40_000, 4).cuts, [0, 40, 78, 118, 157]);
        let most = |rows: usize, size: usize| {
            let layout = Layout::even(rows, size);
            (0..size).map(|rank| layout.subtrees(rank..rank + 1).len()).max()
        };
        assert_eq!(most(32 * 256 * 1024, 1024), Some(1));
        assert_eq!(most(1022 * 256 * 8, 8), Some(1)); // 1,024 blocks each but for the last
        assert!(most(10_000 * 1024, 1024) <= Some(6));
    }

    #[test]
    fn cuts_that_are_no_layout_are_refused() {
        for cuts in [vec![], vec![0], vec![1, 2], vec![0, 3, 2]] {
            assert_eq!(Layout::new(cuts.clone()), Err(CutsError { cuts }));
        }
    }
}
