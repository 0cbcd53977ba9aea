//! `fold`: operations on constants, computed.

use crate::ir::{Graph, Type};
use crate::ops::Violation;

/// `graph` with small operations on constants replaced by their value, by the reference.
pub fn fold(graph: &Graph) -> Result<Graph, Violation> {
    graph.rebuilt(|b, node, operands| {
        let types: Vec<&Type> = operands.iter().map(|&v| b.ty(v)).collect();
        let results = node.op.infer(&types)?;
        match b.fold(&node.op, operands, &results) {
            Some(value) => Ok(vec![value]),
            None => b.push(node.op.clone(), operands),
        }
    })
}
