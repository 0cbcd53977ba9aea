//! Differentiation as graph transformations.
//!
//! [`forward`], [`series`] and [`backward`] append a derivative to the graph under construction, as ordinary
//! nodes, so they apply to each other's results at any order. They read [`Calculus`] and know no
//! operation by name. [`expand`] carries out the transformation statements of a program, and [`check`]
//! compares derivatives with finite differences.
//!
//! The builder shares equal nodes, and that is what collapses nested derivatives: the tangent of a
//! value in a direction exists once, however many transformations ask for it, so that the k-th
//! derivative in one direction costs a number of nodes polynomial in k.

pub mod check;
mod dense;
mod forward;
mod linearize;
mod modes;
pub(crate) mod problems;
mod reverse;
pub(crate) mod statements;
mod taylor;
#[cfg(test)]
mod tests;
mod vmap;

pub use dense::{hessian, jacobian};
pub use forward::forward;
pub use linearize::{Linearized, linearize};
pub(crate) use linearize::{divided, residuals};
pub use modes::{adjoint, hvp, jmp, jvp, taylor, vjp};
pub use reverse::{backward, backward_guarded};
pub use statements::expand;
pub use taylor::{ORDER_MAX, Path, series};
pub use vmap::vmap;

use crate::ir::{Builder, Graph, Location, Origin, Value};
use crate::ops::{Calculus, Constraint, Mode, Violation};
use std::collections::HashMap;

/// The laws of differentiation that a program can break.
pub const CONSTRAINTS: &[Constraint] = &[
    Constraint {
        id: "ad-1",
        law: "every operation between the inputs and the output has a derivative",
        mend: "replace the operation, or make what it depends on independent of the inputs",
    },
    Constraint {
        id: "ad-2",
        law: "`wrt` names one or more float inputs of the module, each once; `over` inputs of any dtype",
        mend: "name inputs as written in the module, such as `wrt(%x)`",
    },
    Constraint {
        id: "ad-3",
        law: "outputs that are differentiated are floats",
        mend: "return floats only, or convert the others",
    },
    Constraint {
        id: "ad-4",
        law: "`dir` names one new direction for each of `wrt`, and `seed` one new cotangent for each output",
        mend: "write as many names in `dir(...)` as in `wrt(...)`, and none that an input has",
    },
    Constraint {
        id: "ad-5",
        law: "the target of a transformation is a new name and its source a module",
        mend: "choose another name behind `->`",
    },
    Constraint {
        id: "ad-6",
        law: "a statement has no clause but those of its kind; linearize makes two modules, every other kind one",
        mend: "leave the clause out; docs/ir.md lists the clauses of every statement",
    },
    Constraint {
        id: "ad-7",
        law: "results are finite where `--find-nan` asks for it",
        mend: "guard the operation with `tgraph.select`, in both of whose branches it has a safe argument",
    },
    Constraint {
        id: "taylor-1",
        law: "the order of a Taylor expansion is 1 to 64",
        mend: "write `order(4)`",
    },
    Constraint {
        id: "taylor-2",
        law: "a path for each of `wrt`, whose coefficients have its type",
        mend: "give as many paths as there are values of `wrt`; leave out coefficients that are zero",
    },
    Constraint {
        id: "ad-8",
        law: "a while that reverse mode goes through has a bound",
        mend: "write `max = 1000`, a number that is never reached, or use forward mode, which needs none",
    },
    Constraint {
        id: "ad-9",
        law: "a scan with a schedule, `periodic` or `revolve`, has static sequences where reverse mode goes through it",
        mend: "give the sequences static extents, or keep `all` or `recompute`",
    },
    Constraint {
        id: "ad-10",
        law: "`revolve` has so many snapshots that no round runs again more than 256 times, and so few that no more than 128 graphs stand within each other",
        mend: "write a number such as `revolve(20)`, or use `periodic`",
    },
];

/// The positions of `values` among the inputs of `graph`.
fn input_positions(graph: &Graph, values: &[Value]) -> Result<Vec<usize>, AdError> {
    let mut positions = Vec::new();
    let error = |got| {
        let message = format!("values must be one or more inputs of @{}, each once, got {got}", graph.name);
        AdError::new("ad-2", message)
    };
    for value in values {
        match graph.inputs().iter().position(|input| input.value == *value) {
            Some(position) if !positions.contains(&position) => positions.push(position),
            Some(_) => return Err(error("the same twice")),
            None => return Err(error("another value")),
        }
    }
    if positions.is_empty() { Err(error("none")) } else { Ok(positions) }
}

/// A derivative that cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct AdError {
    /// The constraint's id.
    pub id: &'static str,
    /// What must hold, what was got, and for a missing rule the path that reaches it.
    pub message: String,
    /// How to mend it, where that can be said.
    pub help: Option<String>,
    /// Where: of the operation or of the statement.
    pub location: Location,
}

/// Nodes between `wrt` and `roots`, ascending.
struct Active {
    nodes: Vec<usize>,
    /// For each value, whether it depends on `wrt`.
    depends: Vec<bool>,
}

/// For each output of `graph`, whether it depends on inputs for which `active` holds, as derivatives see it.
pub fn dependence(graph: &Graph, active: &[bool]) -> Vec<bool> {
    let inputs = graph.inputs().iter().zip(active).filter(|(_, active)| **active);
    let wrt: Vec<Value> = inputs.map(|(input, _)| input.value).collect();
    let depends = depends(graph, &wrt);
    graph.outputs().iter().map(|v| depends[v.index()]).collect()
}

/// For each value of `graph`, whether it depends on `wrt`, as derivatives see it.
fn depends(graph: &Graph, wrt: &[Value]) -> Vec<bool> {
    let mut depends = vec![false; graph.value_count()];
    wrt.iter().for_each(|v| depends[v.index()] = true);
    for node in graph.nodes() {
        let active: Vec<bool> = node.operands.iter().map(|v| depends[v.index()]).collect();
        if !active.contains(&true) {
            continue;
        }
        let results = match node.op.calculus() {
            Calculus::Constant => continue,
            Calculus::Structured(rule) => rule.depends(&active),
            _ => vec![true; node.results.len()],
        };
        for (result, active) in node.results.iter().zip(results) {
            depends[result.index()] |= active && graph.ty(*result).dtype.is_float();
        }
    }
    depends
}

impl Active {
    fn between(graph: &Graph, wrt: &[Value], roots: &[Value]) -> Active {
        let depends = depends(graph, wrt);
        let mut needed = vec![false; graph.value_count()];
        for v in roots {
            needed[v.index()] = true;
        }
        let mut nodes = Vec::new();
        for (i, node) in graph.nodes().iter().enumerate().rev() {
            let active = |v: &Value| depends[v.index()] && needed[v.index()];
            // A value differentiated with respect to is a variable, whatever made it.
            if node.results.iter().any(|r| active(r) && !wrt.contains(r)) {
                nodes.push(i);
                for operand in &node.operands {
                    needed[operand.index()] = true;
                }
            }
        }
        nodes.reverse();
        Active { nodes, depends }
    }

    fn depends(&self, value: Value) -> bool {
        self.depends.get(value.index()).copied().unwrap_or(false)
    }
}

/// Rewrites what lies between `wrt` and `roots` until no operation is left whose derivative is that
/// of its expansion, and reports operations without a rule for `mode`. Gives the new roots.
fn prepare(b: &mut Builder, wrt: &[Value], roots: &[Value], mode: Mode) -> Result<Vec<Value>, AdError> {
    let mut roots = roots.to_vec();
    loop {
        let active = Active::between(b.graph(), wrt, &roots);
        let mut replaced: HashMap<Value, Value> = HashMap::new();
        for &i in &active.nodes {
            let node = b.graph().nodes()[i].clone();
            let operands: Vec<Value> = node.operands.iter().map(|v| *replaced.get(v).unwrap_or(v)).collect();
            let results = match node.op.calculus() {
                Calculus::Missing(reason) => return Err(missing(b.graph(), &roots, i, reason)),
                Calculus::Rules(rule) if !rule.states(mode) => {
                    return Err(missing(b.graph(), &roots, i, not_stated(mode)));
                }
                Calculus::Expansion => expansion(b, &roots, i, &operands)?,
                _ if operands == node.operands => continue,
                _ => b.at(node.location).push(node.op.clone(), &operands).expect("types are as before"),
            };
            replaced.extend(node.results.iter().copied().zip(results));
        }
        if replaced.is_empty() {
            return Ok(roots);
        }
        for root in &mut roots {
            *root = *replaced.get(root).unwrap_or(root);
        }
    }
}

/// Why a mode cannot pass an operation that states rules by hand, but not this mode's.
fn not_stated(mode: Mode) -> &'static str {
    match mode {
        Mode::Forward => "forward mode needs its differential, and it states an adjoint only",
        Mode::Reverse => "reverse mode needs its adjoint, and it states a differential only",
    }
}

/// What node `i`, applied to `operands`, is differentiated through.
fn expansion(b: &mut Builder, roots: &[Value], i: usize, operands: &[Value]) -> Result<Vec<Value>, AdError> {
    let node = b.graph().nodes()[i].clone();
    let results = node.op.expand_for_derivative(b.at(node.location), operands);
    let reason = "its derivative needs every extent to be static and not 0";
    results.ok_or_else(|| missing(b.graph(), roots, i, reason))
}

impl From<Violation> for AdError {
    /// An operation of a derivative or a batch that breaks a constraint.
    fn from(violation: Violation) -> AdError {
        AdError { help: violation.help, ..AdError::new(violation.id, violation.message) }
    }
}

impl AdError {
    /// A broken law, at no place of its own.
    pub fn new(id: &'static str, message: impl Into<String>) -> AdError {
        AdError { id, message: message.into(), help: None, location: Location::Derived }
    }

    /// At `location`, where nothing closer is known.
    fn or_at(self, location: Location) -> AdError {
        match self.location {
            Location::Derived => AdError { location, ..self },
            _ => self,
        }
    }
}

/// The error for node `target`, with the path from an output down to it.
fn missing(graph: &Graph, roots: &[Value], target: usize, reason: &str) -> AdError {
    // From the target upward: the first node that uses each, until a root.
    let mut value = graph.nodes()[target].results[0];
    let mut path = vec![describe(graph, value)];
    while !roots.contains(&value) {
        let Some(user) = graph.nodes().iter().find(|node| node.operands.contains(&value)) else { break };
        value = user.results[0];
        path.push(describe(graph, value));
    }
    path.reverse();
    let op = &graph.nodes()[target].op;
    let message = format!(
        "`{}` must have a derivative: {reason}; reached from the output by {}",
        op.name(),
        path.join(" <- ")
    );
    AdError::new("ad-1", message).or_at(graph.nodes()[target].location)
}

fn describe(graph: &Graph, value: Value) -> String {
    let op = match graph.origin(value) {
        Origin::Input(_) => "arg",
        Origin::Node { node, .. } => graph.nodes()[node].op.name(),
    };
    match graph.name(value) {
        Some(name) => format!("{op} %{name}"),
        None => op.to_string(),
    }
}
