//! Which solves of a graph did not converge.

use super::nonfinite::is_call;
use crate::ir::{Graph, Location};
use crate::ops::Status;
use crate::tensor::Tensor;

/// A solve that did not converge.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsolved {
    /// The solver.
    pub op: &'static str,
    /// The name of what it was to find, where it has one.
    pub value: Option<String>,
    /// How it ended.
    pub status: Status,
    /// After so many steps.
    pub iterations: i64,
    /// With this left of the equation.
    pub residual: f64,
    /// Of a batch, how many positions did not converge, the first of which is described, and how many there are.
    pub positions: (usize, usize),
    /// Where it was written; in a derivative, the operation whose derivative it is part of.
    pub location: Location,
}

/// A graph that also returns how its solves ended: those of the graph itself and of modules that it calls, not those inside of loops and choices.
///
/// ```
/// use tessera_core::diagnostic::Source;
/// use tessera_core::exec::{Solves, reference};
/// use tessera_core::{Tensor, text};
/// let source = "tgraph.module @f {
///   %x, %a = tgraph.arg, tgraph.arg : f64
///   %xx = tgraph.mul %x, %x
///   %y = tgraph.sub %xx, %a
///   tgraph.return %y
/// }
/// tgraph.module @sqrt {
///   %a = tgraph.arg : f64
///   %x, %status, %iterations, %residual = tgraph.root @f(%a, %a) {max_iter = 2}
///   tgraph.return %x
/// }";
/// let program = text::check(&Source::new("sqrt", source)).unwrap();
/// let solves = Solves::of(&program.modules["sqrt"]);
/// let results = reference::run(solves.graph(), &[&Tensor::scalar(9.0)]);
/// let (results, unsolved) = solves.split(results);
/// assert_eq!(results.len(), 1);
/// assert_eq!(unsolved[0].status.to_string(), "max_iter reached");
/// ```
#[derive(Debug)]
pub struct Solves {
    graph: Graph,
    outputs: usize,
    /// The nodes whose status, iterations and residual are returned.
    nodes: Vec<usize>,
}

impl Solves {
    /// The solves of `graph`.
    pub fn of(graph: &Graph) -> Solves {
        let mut graph = graph.expanded(is_call).expect("types are as before");
        let live = graph.live();
        let solves = |i: &usize| {
            let node = &graph.nodes()[*i];
            node.op.status().is_some() && node.results.iter().any(|r| live[r.index()])
        };
        let nodes: Vec<usize> = (0..graph.nodes().len()).filter(solves).collect();
        let mut all = graph.outputs().to_vec();
        let outputs = all.len();
        for &i in &nodes {
            let node = &graph.nodes()[i];
            let status = node.op.status().expect("chosen for it");
            all.extend(&node.results[status..status + 3]);
        }
        graph.set_outputs(all);
        Solves { graph, outputs, nodes }
    }

    /// The graph to run.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Of its results those that the graph has by itself, and the solves that did not converge.
    pub fn split(&self, mut results: Vec<Tensor>) -> (Vec<Tensor>, Vec<Unsolved>) {
        let ends = results.split_off(self.outputs);
        let unsolved = self.nodes.iter().zip(ends.chunks(3)).filter_map(|(&i, end)| self.unsolved(i, end));
        (results, unsolved.collect())
    }

    fn unsolved(&self, node: usize, end: &[Tensor]) -> Option<Unsolved> {
        let node = &self.graph.nodes()[node];
        let statuses = end[0].values::<i64>();
        let first = statuses.iter().position(|&status| status != 0)?;
        let residual = match end[2].data() {
            crate::tensor::Data::F32(values) => f64::from(values[first]),
            _ => end[2].values::<f64>()[first],
        };
        Some(Unsolved {
            op: node.op.name(),
            value: self.graph.name(node.results[0]).filter(|name| !name.is_empty()).map(str::to_string),
            status: Status::of(statuses[first]),
            iterations: end[1].values::<i64>()[first],
            residual,
            positions: (statuses.iter().filter(|&&status| status != 0).count(), statuses.len()),
            location: node.location,
        })
    }
}
