//! The generated part of `docs/autodiff.md`: what every operation supports, found by asking for it.

use crate::samples::{Sample, all};
use std::fmt::Write;
use tessera_core::ad::{self, AdError};
use tessera_core::ir::{Extent, Graph, Value};
use tessera_core::ops::{self, Calculus};

/// What stands in `docs/autodiff.md` before the generated part.
pub const MARK: &str =
    "<!-- Generated from the op table; `BLESS=1 cargo test -p tessera-testing --test docs` renews it. -->\n";

/// A transformation of a graph with respect to inputs, or over them.
type Mode = fn(&Graph, &[Value]) -> Result<Graph, AdError>;

/// The columns: what is asked of every sample of an operation.
const MODES: &[(&str, Mode)] = &[
    ("reverse", |graph, wrt| ad::adjoint(graph, wrt)),
    ("forward", |graph, wrt| ad::jvp(graph, wrt)),
    ("second order", |graph, wrt| ad::hvp(graph, wrt, &directions(wrt))),
    ("Taylor", |graph, wrt| ad::taylor(graph, wrt, 3)),
    ("dense", |graph, wrt| ad::jacobian(graph, wrt, None)),
    ("batch", |graph, wrt| ad::vmap(graph, wrt, Extent::Dynamic)),
];

fn directions(wrt: &[Value]) -> Vec<String> {
    (0..wrt.len()).map(|i| format!("direction_{i}")).collect()
}

/// The generated part.
pub fn generated() -> String {
    let mut out = String::from("\n| operation | structure |");
    MODES.iter().for_each(|(name, _)| out.push_str(&format!(" {name} |")));
    out.push_str("\n|---|---|");
    MODES.iter().for_each(|_| out.push_str("---|"));
    out.push('\n');
    let samples = all();
    for entry in ops::entries() {
        let own: Vec<&Sample> = samples.iter().filter(|sample| sample.op == entry.name).collect();
        let mut structures: Vec<&str> = own.iter().filter_map(|sample| structure(sample)).collect();
        structures.sort_unstable();
        structures.dedup();
        let cells: Vec<String> = MODES.iter().map(|(name, mode)| cell(&own, name, *mode)).collect();
        let _ = writeln!(out, "| `{}` | {} | {} |", entry.name, structures.join(", "), cells.join(" | "));
    }
    out
}

/// The structure that the operation of `sample` states, for a result of floats.
fn structure(sample: &Sample) -> Option<&'static str> {
    let node = sample.graph.nodes().iter().find(|node| node.op.name() == sample.op)?;
    let is_float = node.results.iter().any(|&y| sample.graph.ty(y).dtype.is_float());
    Some(match node.op.calculus() {
        _ if !is_float => return None,
        Calculus::Constant => "constant",
        Calculus::Slopes(_) => "slopes",
        Calculus::Linear(_) => "linear",
        Calculus::Bilinear(_) => "bilinear",
        Calculus::Rules(_) => "by hand",
        Calculus::Structured(_) if node.op.regions().is_empty() => "by hand",
        Calculus::Structured(_) => "by its graphs",
        Calculus::Expansion => "by others",
        Calculus::Missing(_) => "missing",
    })
}

/// Whether `mode` is defined on every sample where it can be asked for, or what law says on which.
fn cell(samples: &[&Sample], name: &str, mode: Mode) -> String {
    let batches = name == "batch";
    let (mut defined, mut broken) = (false, None);
    for sample in samples {
        let graph = &sample.graph;
        let takes = |v: &Value| batches || graph.ty(*v).dtype.is_float();
        let wrt: Vec<Value> = graph.inputs().iter().map(|input| input.value).filter(takes).collect();
        if wrt.is_empty() || !graph.outputs().iter().all(takes) {
            continue;
        }
        match mode(graph, &wrt) {
            Ok(_) => defined = true,
            Err(error) => broken = Some(error.id),
        }
    }
    match (defined, broken) {
        (true, None) => "yes".into(),
        (true, Some(law)) => format!("yes, by `{law}`"),
        (false, Some(law)) => format!("no: `{law}`"),
        (false, None) => "–".into(),
    }
}
