//! Operations that do each other's work, as one: a loop, its tangent and what its adjoint keeps of it run together.
//!
//! Which operations can be merged they say themselves, see [`Rule::merge`](crate::ops::Rule::merge). It is exact: what both compute
//! is computed once.

use crate::ir::rebuild::{copied, inputs_bound};
use crate::ir::{Builder, Graph};
use crate::ops::{Merged, Violation};

/// `graph` with operations merged as long as two can be.
pub(super) fn merge(mut graph: Graph) -> Result<Graph, Violation> {
    while let Some((first, second, merged)) = pair(&graph) {
        graph = replaced(&graph, [first, second], &merged)?;
    }
    Ok(graph)
}

/// Two nodes, and the operation that does what both do.
fn pair(graph: &Graph) -> Option<(usize, usize, Merged)> {
    let nodes = graph.nodes();
    let structured: Vec<usize> = (0..nodes.len()).filter(|&i| !nodes[i].op.regions().is_empty()).collect();
    for (k, &first) in structured.iter().enumerate() {
        let after = graph.reached_from(&nodes[first].results);
        for &second in &structured[k + 1..] {
            let (a, b) = (&nodes[first], &nodes[second]);
            if a.op.name() != b.op.name() || b.operands.iter().any(|v| after[v.index()]) {
                continue;
            }
            if let Some(merged) = a.op.merge(graph, &a.operands, &*b.op, &b.operands) {
                return Some((first, second, merged));
            }
        }
    }
    None
}

/// `graph` with `merged` in the place of two nodes, where the second stands: what needs the first comes behind it.
fn replaced(graph: &Graph, pair: [usize; 2], merged: &Merged) -> Result<Graph, Violation> {
    let nodes = graph.nodes();
    let after = graph.reached_from(&nodes[pair[0]].results);
    let mut before = vec![false; graph.value_count()];
    nodes[..pair[1]]
        .iter()
        .flat_map(|node| &node.results)
        .for_each(|v| before[v.index()] = !after[v.index()]);
    let mut b = Builder::new(&graph.name);
    let inputs = b.copy_inputs(graph);
    let mut map = inputs_bound(graph, &inputs);
    b.rebuild(graph, &mut map, |node| before[node.results[0].index()], copied)?;
    let operands: Vec<_> = merged.operands.iter().map(|v| map[v.index()].expect("stand before")).collect();
    let results = b.at(nodes[pair[1]].location).push(merged.op.clone(), &operands)?;
    for (node, places) in pair.iter().zip(&merged.results) {
        for (old, &place) in nodes[*node].results.iter().zip(places) {
            map[old.index()] = Some(results[place]);
        }
    }
    let known: Vec<bool> = map.iter().map(Option::is_some).collect();
    b.rebuild(graph, &mut map, |node| !known[node.results[0].index()], copied)?;
    Ok(b.finish(graph.outputs().iter().map(|v| map[v.index()].expect("defined")).collect()))
}
