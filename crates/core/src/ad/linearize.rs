//! Linearisation: forward mode in two graphs, cut where the tangents begin.

use super::AdError;
use super::modes::{fresh, tangent_graph};
use crate::ir::{Builder, Graph, Node, Value};

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
    let mut b = Builder::new(&source.name);
    let mut known: Vec<(Value, Value)> = Vec::new();
    for (i, &v) in residuals.iter().enumerate() {
        let name = graph.name(v).filter(|name| !name.is_empty()).map_or(format!("r{i}"), str::to_string);
        let name = fresh(&b, name, &[]);
        known.push((v, b.input(&name, graph.ty(v).clone())));
    }
    for &t in &tangents {
        let name = fresh(&b, graph.name(t).unwrap_or("dx").to_string(), &[]);
        known.push((t, b.input(&name, graph.ty(t).clone())));
    }
    let live = live_from(&graph, &dy, &residuals);
    let needed = |node: &Node| node.results.iter().any(|r| live[r.index()] && !residuals.contains(r));
    let copy = |b: &mut Builder, node: &Node, x: &[Value]| b.push(node.op.clone(), x);
    let map = b.rebuild_from(&graph, known, needed, copy).expect("types are as before");
    let linear = b.finish(dy.iter().map(|v| map[v.index()].expect("live")).collect());
    // What the point is needed for holds no tangent, so that their inputs may be missing.
    graph.set_outputs([outputs, residuals.clone()].concat());
    let mut b = Builder::new(&source.name);
    let points = b.copy_inputs(source);
    let results = b.inline(&graph, &points).expect("types are as before");
    Ok(Linearized { at: b.finish(results), linear, residuals: residuals.len() })
}

/// What the outputs of `graph` need beside `tangents` and constants, in the order of its nodes.
fn residuals(graph: &Graph, tangents: &[Value]) -> Vec<Value> {
    let reached_from = |roots: &mut dyn Iterator<Item = Value>| {
        let mut reached = vec![false; graph.value_count()];
        roots.for_each(|v| reached[v.index()] = true);
        for node in graph.nodes() {
            let is_reached = node.operands.iter().any(|v| reached[v.index()]);
            node.results.iter().for_each(|r| reached[r.index()] |= is_reached);
        }
        reached
    };
    let moves = reached_from(&mut tangents.iter().copied());
    let varies = reached_from(&mut graph.inputs().iter().map(|input| input.value));
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

/// For every value, whether `outputs` need it, where the values `given` need nothing.
fn live_from(graph: &Graph, outputs: &[Value], given: &[Value]) -> Vec<bool> {
    let mut live = vec![false; graph.value_count()];
    outputs.iter().for_each(|v| live[v.index()] = true);
    for node in graph.nodes().iter().rev() {
        if node.results.iter().any(|r| live[r.index()] && !given.contains(r)) {
            node.operands.iter().for_each(|v| live[v.index()] = true);
        }
    }
    live
}
