//! Shifted views: what `slice` and `pad` do to the elements of an operand that lies whole, through any number of them. A stencil is a sum of such views; none of
//! them, and not the padded operand either, is made in memory.

use crate::ir::{Graph, Type, Value};
use crate::ops::RowUse;
use std::ops::Range;

/// Element i of the result is element i + `offset` of `source` where every index lies in `inside`, and +0 elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The value whose elements are seen: of the result's type but for extents.
    pub source: Value,
    /// The result's shape.
    pub shape: Vec<usize>,
    /// For each axis, what is added to an index.
    pub offset: Vec<isize>,
    /// For each axis, the indices of the result that the source has.
    pub inside: Vec<Range<usize>>,
}

impl Window {
    /// Node `i` as a view, if it is one: a window of a window is one of the first one's source.
    pub fn of(graph: &Graph, i: usize) -> Option<Window> {
        let node = &graph.nodes()[i];
        let types: Vec<&Type> = node.operands.iter().map(|&v| graph.ty(v)).collect();
        let &[y] = node.results.as_slice() else { return None };
        let rows = node.op.rows(&types, graph.ty(y))?;
        let offset = node.op.window()?;
        (rows.operands == [RowUse::Whole] && !rows.reduced).then_some(())?;
        let (source, shape) = (node.operands[0], graph.ty(y).static_shape()?);
        let extents = graph.ty(source).static_shape()?;
        let inside =
            (0..shape.len()).map(|axis| shifted(0..extents[axis], offset[axis], shape[axis])).collect();
        let own = Window { source, shape, offset, inside };
        Some(match graph.origin(source) {
            crate::ir::Origin::Node { node, .. } => {
                Window::of(graph, node).map_or(own.clone(), |first| own.behind(&first))
            }
            crate::ir::Origin::Input(_) => own,
        })
    }

    /// This view of what `first` makes.
    fn behind(&self, first: &Window) -> Window {
        let axes = 0..self.offset.len();
        let both = |axis: usize| {
            let (own, offset) = (&self.inside[axis], self.offset[axis]);
            let through = shifted(first.inside[axis].clone(), offset, own.end);
            own.start.max(through.start)..own.end.min(through.end).max(own.start.max(through.start))
        };
        Window {
            source: first.source,
            shape: self.shape.clone(),
            offset: axes.clone().map(|axis| self.offset[axis] + first.offset[axis]).collect(),
            inside: axes.map(both).collect(),
        }
    }

    /// Whether rows of the view are rows of the source, whole.
    pub fn keeps_lines(&self, graph: &Graph) -> bool {
        let extents = graph.ty(self.source).static_shape().expect("lowered");
        let whole = |axis: usize| {
            let n = self.shape[axis];
            extents[axis] == n && self.offset[axis] == 0 && self.inside[axis] == (0..n)
        };
        (1..self.shape.len()).all(whole)
    }

    /// The values that node `i` reads, where a view stands for its source.
    pub fn reads(graph: &Graph, i: usize) -> Vec<Value> {
        match Window::of(graph, i) {
            Some(window) => vec![window.source],
            None => graph.nodes()[i].operands.clone(),
        }
    }
}

/// The indices below `extent` that go to `range` when `offset` is added.
fn shifted(range: Range<usize>, offset: isize, extent: usize) -> Range<usize> {
    let back = |end: usize| extent.min(usize::try_from(end as isize - offset).unwrap_or(0));
    let start = back(range.start);
    start..back(range.end).max(start)
}
