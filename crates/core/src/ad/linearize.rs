//! Linearisation: forward mode in two graphs, cut where the tangents begin.

use super::AdError;
use super::modes::tangent_graph;
use crate::ir::{Builder, Graph, Value};

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
/// # Errors
/// `ad-1` to `ad-3`.
pub fn linearize(source: &Graph, wrt: &[Value]) -> Result<Linearized, AdError> {
    let (d, tangents, dy) = tangent_graph(source, wrt)?;
    let outputs = d.outputs;
    let mut graph = d.b.finish(dy.clone());
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
