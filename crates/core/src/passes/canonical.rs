//! `canonical`: one way to write what has the same bits.

use crate::ir::Graph;
use crate::ops::Violation;

/// `graph` with each operation's own simplifications, and operands of commutative operations in the
/// order in which they are defined.
pub fn canonical(graph: &Graph) -> Result<Graph, Violation> {
    graph.rebuilt(|b, node, operands| {
        let mut operands = operands.to_vec();
        if node.op.is_commutative() {
            operands.sort();
        }
        match node.op.simplify(b, &operands) {
            Some(value) => Ok(vec![value]),
            None => b.push(node.op.clone(), &operands),
        }
    })
}
