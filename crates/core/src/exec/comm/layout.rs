//! Who holds which blocks.

use crate::numerics::tree::{BLOCK, blocks, split};
use std::ops::Range;

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

/// Blocks beside which a rank's share may be uneven by one: cuts lie at multiples of a power of two that is at most this
/// fraction of a share, so that a rank holds few, large subtrees and sends little.
const UNEVEN: usize = 16;

impl Layout {
    /// `rows` rows over `size` ranks (0 is taken as 1), as evenly as whole blocks allow, give or take 1/16.
    pub fn even(rows: usize, size: usize) -> Layout {
        let (blocks, size) = (blocks(rows), size.max(1));
        let granule = 1 << (blocks / (UNEVEN * size)).max(1).ilog2();
        let cut = |rank: usize| {
            let even = (blocks as u128 * rank as u128 / size as u128) as usize;
            if rank == size { blocks } else { even / granule * granule }
        };
        Layout { cuts: (0..=size).map(cut).collect() }
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

    /// The largest subtrees of the law's tree that `rank` holds whole, in order: at most 2 log₂ of its blocks.
    pub fn subtrees(&self, rank: usize) -> Vec<Range<usize>> {
        let mut subtrees = Vec::new();
        push_subtrees(0..self.blocks(), &self.blocks_of(rank), &mut subtrees);
        subtrees
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
        assert_eq!(layout.subtrees(0), [0..2, 2..3]);
        assert_eq!(layout.subtrees(1), [3..4, 4..6, 6..7]);
        assert_eq!(layout.subtrees(2), [7..8, 8..11]);
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
                    assert!(range.len() as f64 <= share * (1.0 + 1.0 / 16.0) + 256.0, "{rows} over {size}");
                }
                assert_eq!(next, rows);
            }
        }
    }

    #[test]
    fn cuts_that_are_no_layout_are_refused() {
        for cuts in [vec![], vec![0], vec![1, 2], vec![0, 3, 2]] {
            assert_eq!(Layout::new(cuts.clone()), Err(CutsError { cuts }));
        }
    }
}
