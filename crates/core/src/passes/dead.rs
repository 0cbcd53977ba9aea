//! `dead`: what no output needs.

use crate::ir::{Builder, Graph};
use crate::ops::Violation;

/// `graph` without the operations that no output depends on. Inputs stay.
pub fn dead(graph: &Graph) -> Result<Graph, Violation> {
    let mut b = Builder::verbatim(&graph.name);
    let inputs = b.copy_inputs(graph);
    let outputs = b.inline(graph, &inputs)?;
    Ok(b.finish(outputs))
}
