//! `collapse`: linear maps pulled through sums, L(a) + L(b) = L(a + b).
//!
//! In a Laplacian Σ_d u_{x_d x_d} by nested forward mode, every layer of a network carries a second derivative for each of the D coordinates. All are
//! multiplied by the same weights, and by the same slope of the activation; the sum over d needs one such product, of a sum. Pulled through layer
//! after layer, from the output down, 1 + 2 D streams become 1 + D + 1: what is known as the forward Laplacian (R. Li et al.,
//! Nature Machine Intelligence 6, 2024), found here in the graph, for any sum of derivatives and at any order.
//!
//! Sums are flattened into terms; each is an integer times a product. Terms that are one linear map of different arguments become
//! the map of the sum of the arguments, which is then taken apart in the same way. What is pulled must have no other user, so that it vanishes: the
//! graph only ever gets smaller. What is linear, and in what, is asked of [`Calculus`].
//!
//! A sum over a leading axis, along which a batch has put the directions, is pulled first, by `axis`, in the same sense.
//!
//! This is a rewrite (law 10): it changes rounding, hence is part of how a program is built. A graph in which there is nothing to pull
//! keeps every node.

mod axis;
mod round;
mod terms;

use crate::ir::{Builder, Graph, Node, Value};
use crate::ops::Violation;
use round::Round;

/// The module with linear maps pulled through sums, as the pass of that name.
pub(super) fn pass(graph: &Graph) -> Result<Graph, Violation> {
    let mut b = Builder::new(&graph.name);
    let inputs = b.copy_inputs(graph);
    let outputs = b.inline(graph, &inputs)?;
    let outputs = collapse(&mut b, &outputs);
    Ok(b.snapshot(outputs))
}

/// Appends forms of `roots` in which linear maps are pulled through sums, and gives them; a root in which there is nothing to pull is itself.
///
/// ```
/// use tessera_core::ir::Builder;
/// use tessera_core::passes::collapse;
/// use tessera_core::{DType, Type};
/// let mut b = Builder::new("m");
/// let [x, y, w] = ["x", "y", "w"].map(|name| b.input(name, Type::new(DType::F64, [8, 8])));
/// let (xw, yw) = (b.matmul(x, w), b.matmul(y, w));
/// let sum = b.add(xw, yw);
/// let collapsed = collapse(&mut b, &[sum])[0];
/// let x_plus_y = b.add(x, y);
/// assert_eq!(collapsed, b.matmul(x_plus_y, w));
/// ```
pub fn collapse(b: &mut Builder, roots: &[Value]) -> Vec<Value> {
    let mut roots = axis::pulled(b, roots);
    let mut nodes = live_nodes(b.graph(), &roots);
    // What had two users may have one when both were pulled through the same sum.
    loop {
        let next = Round::new(b, &roots).run(&roots);
        let fewer = live_nodes(b.graph(), &next);
        if fewer >= nodes {
            return roots;
        }
        (roots, nodes) = (next, fewer);
    }
}

/// The results of `node` on what its operands have become, with its names.
fn renewed(b: &mut Builder, node: &Node, operands: &[Value]) -> Vec<Value> {
    if operands == node.operands {
        return node.results.clone();
    }
    let results = b.at(node.location).push(node.op.clone(), operands).expect("types are as before");
    for (&before, &after) in node.results.iter().zip(&results) {
        if let (Some(name), None) = (b.graph().name(before).map(str::to_string), b.graph().name(after)) {
            b.set_name(after, &name);
        }
    }
    results
}

/// The number of nodes that `roots` need.
fn live_nodes(graph: &Graph, roots: &[Value]) -> usize {
    let live = graph.reaches(roots);
    graph.nodes().iter().filter(|node| node.results.iter().any(|r| live[r.index()])).count()
}
