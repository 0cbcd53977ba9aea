//! `share`: one of several equal operations.

use crate::ir::builder::key;
use crate::ir::{Graph, Value};
use crate::ops::Violation;
use std::collections::HashMap;

/// `graph` in which the same operation on the same operands stands once, where it stood first.
pub fn share(graph: &Graph) -> Result<Graph, Violation> {
    let mut known: HashMap<String, Vec<Value>> = HashMap::new();
    graph.rebuilt(|b, node, operands| {
        let mut ordered = operands.to_vec();
        if node.op.is_commutative() {
            ordered.sort();
        }
        let key = key(&node.op, &ordered);
        if let Some(results) = known.get(&key) {
            return Ok(results.clone());
        }
        let results = b.push(node.op.clone(), operands)?;
        known.insert(key, results.clone());
        Ok(results)
    })
}
