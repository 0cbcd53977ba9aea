//! `expand`: calls and composite operations written out.

use super::rebuilt;
use crate::ir::Graph;
use crate::ops::Violation;

/// `graph` with every operation that is defined by others replaced by its definition, over and over.
pub fn expand(graph: &Graph) -> Result<Graph, Violation> {
    let mut graph = graph.clone();
    loop {
        let mut expanded = false;
        graph = rebuilt(&graph, |b, node, operands| match node.op.expand(b, operands) {
            Some(results) => {
                expanded = true;
                Ok(results)
            }
            None => b.push(node.op.clone(), operands),
        })?;
        if !expanded {
            return Ok(graph);
        }
    }
}
