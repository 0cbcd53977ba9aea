//! Which solves of a graph did not converge.

use super::nonfinite::is_call;
use super::{Backend, Function};
use crate::ir::{Builder, Graph, Location, Node, Type, Value};
use crate::ops::{Op, Status};
use crate::tensor::{Data, Tensor};
use std::sync::Arc;

/// A solve that did not converge.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsolved {
    /// The solver.
    pub op: &'static str,
    /// The name of what it was to find, where it has one.
    pub value: Option<String>,
    /// The loops and choices that it stands in, the outermost first.
    pub within: Vec<&'static str>,
    /// How it ended.
    pub status: Status,
    /// After so many steps.
    pub iterations: i64,
    /// With this left of the equation.
    pub residual: f64,
    /// The estimated condition of the equation's matrix where the solve ended, if [`Solves::with_conditions`] found it.
    pub condition: Option<f64>,
    /// Of a batch, or of the rounds of a loop, how many positions did not converge, the first of which is described, and how many there are.
    pub positions: (usize, usize),
    /// Where it was written; in a derivative, the operation whose derivative it is part of.
    pub location: Location,
    /// Which of the solves it is, and the first position.
    report: usize,
    first: usize,
}

/// A graph that also returns how its solves ended: its own, those of modules that it calls, and those inside of loops and choices (of a `while`, the first round in
/// which one failed), where their types are static. What a choice does not run counts as solved. Solves inside of a solver's own modules are its business.
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
    reports: Vec<Report>,
}

/// Status, iterations and residual of a solve are three more outputs of a graph; this is what is known of it.
#[derive(Clone, Debug)]
struct Report {
    op: Op,
    value: Option<String>,
    within: Vec<&'static str>,
    location: Location,
    /// Operands and results, if it stands in no region.
    values: Option<(Vec<Value>, Vec<Value>)>,
}

/// `graph` with the reports of its solves as outputs behind its own.
fn reported(graph: &Graph) -> (Graph, Vec<Report>) {
    let graph = graph.expanded(is_call).expect("types are as before");
    let mut b = Builder::new(&graph.name);
    let inputs = b.copy_inputs(&graph);
    let (mut reports, mut values) = (Vec::new(), Vec::new());
    let outputs = b.inline_by(&graph, &inputs, |b, node, x| {
        if let Some(status) = node.op.status() {
            let results = b.push(node.op.clone(), x)?;
            let name = graph.name(node.results[0]).filter(|name| !name.is_empty());
            values.extend(&results[status..status + 3]);
            reports.push(Report {
                op: node.op.clone(),
                value: name.map(str::to_string),
                within: Vec::new(),
                location: node.location,
                values: Some((x.to_vec(), results.clone())),
            });
            return Ok(results);
        }
        let Some((results, inside)) = from_inside(b, node, x) else { return b.push(node.op.clone(), x) };
        let own = results.len() - 3 * inside.len();
        values.extend(&results[own..]);
        reports.extend(inside);
        Ok(results)
    });
    let outputs = outputs.expect("types are as before").into_iter().chain(values).collect();
    (b.finish(outputs), reports)
}

/// The operation of `node` on `x` with the reports of the solves in its regions behind its results, if there are some.
fn from_inside(b: &mut Builder, node: &Node, x: &[Value]) -> Option<(Vec<Value>, Vec<Report>)> {
    let regions: Vec<(Graph, Vec<Report>)> = node.op.regions().iter().map(|graph| reported(graph)).collect();
    if regions.iter().all(|(_, reports)| reports.is_empty()) {
        return None;
    }
    // A region reports nothing of the others: zeros of the same types.
    let types = |(graph, reports): &(Graph, Vec<Report>)| -> Vec<Type> {
        let types = graph.output_types();
        types[types.len() - 3 * reports.len()..].iter().map(|&ty| ty.clone()).collect()
    };
    let all: Vec<Vec<Type>> = regions.iter().map(types).collect();
    if all.iter().flatten().any(|ty| ty.static_shape().is_none()) {
        return None;
    }
    let graphs = regions.iter().enumerate().map(|(k, (graph, reports))| {
        let mut b = Builder::new(&graph.name);
        let inputs = b.copy_inputs(graph);
        let outputs = b.inline(graph, &inputs).expect("types are as before");
        let (own, reported) = outputs.split_at(outputs.len() - 3 * reports.len());
        let mut outputs = own.to_vec();
        for (j, types) in all.iter().enumerate() {
            if j == k {
                outputs.extend(reported);
            } else {
                outputs.extend(types.iter().map(|ty| b.zeros(ty)));
            }
        }
        Arc::new(b.finish(outputs))
    });
    let results = node.op.with_reports(b, x, graphs.collect())?;
    let name = node.op.name();
    let reports = regions.into_iter().flat_map(|(_, reports)| reports);
    let inside =
        |report: Report| Report { within: [vec![name], report.within].concat(), values: None, ..report };
    Some((results, reports.map(inside).collect()))
}

impl Solves {
    /// The solves of `graph`.
    pub fn of(graph: &Graph) -> Solves {
        let outputs = graph.outputs().len();
        let (graph, reports) = reported(graph);
        Solves { graph, outputs, reports }
    }

    /// The graph to run.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Of its results those that the graph has by itself, and the solves that did not converge.
    pub fn split(&self, mut results: Vec<Tensor>) -> (Vec<Tensor>, Vec<Unsolved>) {
        let ends = results.split_off(self.outputs);
        let unsolved = ends.chunks(3).enumerate().filter_map(|(report, end)| self.unsolved(report, end));
        (results, unsolved.collect())
    }

    fn unsolved(&self, report: usize, end: &[Tensor]) -> Option<Unsolved> {
        let Report { op, value, within, location, .. } = self.reports[report].clone();
        let statuses = end[0].values::<i64>();
        let first = statuses.iter().position(|&status| status != 0)?;
        Some(Unsolved {
            op: op.name(),
            value,
            within,
            status: Status::of(statuses[first]),
            iterations: end[1].values::<i64>()[first],
            residual: number(&end[2], first),
            condition: None,
            positions: (statuses.iter().filter(|&&status| status != 0).count(), statuses.len()),
            location,
            report,
            first,
        })
    }

    /// `unsolved`, which [`Solves::split`] found for these inputs, with the estimated condition of each one's matrix where it ended ([`crate::ops::Condition`]): of
    /// solves outside of loops and choices, with up to some hundred unknowns. Runs the graph once more for each.
    pub fn with_conditions(
        &self,
        unsolved: Vec<Unsolved>,
        inputs: &[&Tensor],
        backend: &Backend,
    ) -> Vec<Unsolved> {
        let with = |found: Unsolved| Unsolved { condition: self.condition(&found, inputs, backend), ..found };
        unsolved.into_iter().map(with).collect()
    }

    fn condition(&self, found: &Unsolved, inputs: &[&Tensor], backend: &Backend) -> Option<f64> {
        let Report { op, values, .. } = &self.reports[found.report];
        let (x, y) = values.as_ref()?;
        let around = self.graph.extract("condition", &self.graph.input_values(), &[&x[..], y].concat());
        let mut b = Builder::new("condition");
        let bound: Vec<Value> = inputs.iter().map(|input| b.fresh_input("x", input.ty())).collect();
        let values = b.inline(&around, &bound).ok()?;
        let (x, y) = values.split_at(x.len());
        let condition = op.condition(&mut b, x, y)?;
        let result = Function::new(b.finish(vec![condition]), backend.clone()).call(inputs).ok()?;
        Some(number(&result[0], found.first))
    }
}

/// Element `i` of a float tensor.
fn number(tensor: &Tensor, i: usize) -> f64 {
    match tensor.data() {
        Data::F32(values) => f64::from(values[i]),
        _ => tensor.values::<f64>()[i],
    }
}
