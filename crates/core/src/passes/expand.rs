//! `expand`: calls and composite operations written out.

use crate::ir::Graph;
use crate::ops::Violation;

/// `graph` with every operation that is defined by others replaced by its definition, over and over.
pub fn expand(graph: &Graph) -> Result<Graph, Violation> {
    graph.expanded(|_| true)
}
