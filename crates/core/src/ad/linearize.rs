//! Linearisation: forward mode in two graphs, cut where the tangents begin.

use super::AdError;
use super::modes::tangent_graph;
use crate::ir::rebuild::copied;
use crate::ir::{Builder, Graph, Value};
use crate::ops::Calculus;

/// A function and its derivative at a point, apart: what [`linearize`] makes.
#[derive(Clone, Debug)]
pub struct Linearized {
    /// Takes the inputs of the source; returns its outputs, and then the residuals.
    pub at: Graph,
    /// Takes the residuals and a tangent for each of `wrt`; returns the tangent of each output. It
    /// is linear in the tangents.
    pub linear: Graph,
    /// How many residuals there are: values that the derivative needs.
    pub residuals: usize,
}

/// Forward mode in two modules: one that runs once at a point, and one, linear, that runs for each
/// tangent.
///
/// A loop or a choice is cut in two as well, if its policy says what to keep of it: its rounds run once, and the linear module takes
/// what they leave ([`Structured::divide`](crate::ops::Structured::divide)).
///
/// # Errors
/// `ad-1` to `ad-3`.
pub fn linearize(source: &Graph, wrt: &[Value]) -> Result<Linearized, AdError> {
    let (d, tangents, dy) = tangent_graph(source, wrt)?;
    let count = d.outputs.len();
    let graph = d.b.finish([d.outputs, dy].concat());
    let moves: Vec<bool> = graph.input_values().iter().map(|v| tangents.contains(v)).collect();
    let mut graph = divided(&graph, &moves);
    let tangents: Vec<Value> =
        graph.input_values().into_iter().zip(moves).filter_map(|(v, moves)| moves.then_some(v)).collect();
    let (outputs, dy) = graph.outputs().split_at(count);
    let (outputs, dy) = (outputs.to_vec(), dy.to_vec());
    graph.set_outputs(dy.clone());
    let residuals = residuals(&graph, &tangents);
    for (i, &v) in residuals.iter().enumerate() {
        if graph.name(v).is_none_or(str::is_empty) {
            graph.set_name(v, &format!("r{i}"));
        }
    }
    let linear = graph.extract(&source.name, &[&residuals[..], &tangents].concat(), &dy);
    // What the point is needed for holds no tangent, so that their inputs may be missing.
    graph.set_outputs([outputs, residuals.clone()].concat());
    let mut b = Builder::new(&source.name);
    let points = b.copy_inputs(source);
    let results = b.inline(&graph, &points).expect("types are as before");
    Ok(Linearized { at: b.finish(results), linear, residuals: residuals.len() })
}

/// `graph` with those operations divided that hold graphs, where the inputs move for which `moves` holds.
pub(crate) fn divided(graph: &Graph, moves: &[bool]) -> Graph {
    let mut b = Builder::new(&graph.name);
    let inputs = b.copy_inputs(graph);
    let moving: Vec<Value> = inputs.iter().zip(moves).filter_map(|(&v, &moves)| moves.then_some(v)).collect();
    let outputs = b.inline_by(graph, &inputs, |b, node, x| {
        let Calculus::Structured(rule) = node.op.calculus() else { return copied(b, node, x) };
        let reached = b.graph().reached_from(&moving);
        let moves: Vec<bool> = x.iter().map(|v| reached[v.index()]).collect();
        let results = moves.contains(&true).then(|| rule.divide(b, x, &moves)).flatten();
        results.map_or_else(|| copied(b, node, x), Ok)
    });
    b.finish(outputs.expect("types are as before"))
}

/// What the outputs of `graph` need beside `tangents` and constants, in the order of its nodes.
pub(crate) fn residuals(graph: &Graph, tangents: &[Value]) -> Vec<Value> {
    let (moves, varies) = (graph.reached_from(tangents), graph.reached_from(&graph.input_values()));
    let live = graph.live();
    let linear =
        graph.nodes().iter().filter(|n| n.results.iter().any(|r| live[r.index()] && moves[r.index()]));
    let used = linear.flat_map(|node| node.operands.iter()).chain(graph.outputs());
    let mut residuals: Vec<Value> =
        used.copied().filter(|v| varies[v.index()] && !moves[v.index()]).collect();
    residuals.sort();
    residuals.dedup();
    residuals
}
