//! What can be wrong with a transformation statement, said once for the verifier and for those who
//! carry statements out.

use super::{AdError, ORDER_MAX};
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{Clause, Graph, Input, Transform, TransformKind, Value};
use crate::verify::SHOWN_MAX;
use indexmap::IndexMap;
use std::collections::HashSet;

/// A broken law of statements.
pub struct Problem {
    /// The constraint's id.
    pub id: &'static str,
    /// What must hold and what was got.
    pub message: String,
    /// How to mend it, where that can be said.
    pub help: Option<String>,
}

impl Problem {
    /// The error, at `statement`.
    pub fn diagnostic(self, statement: &Transform) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(self.id, self.message);
        diagnostic.help.extend(self.help);
        diagnostic.located(statement.location)
    }

    /// The same for those who carry `statement` out.
    pub fn error(self, statement: &Transform) -> AdError {
        AdError { help: self.help, location: statement.location, ..AdError::new(self.id, self.message) }
    }
}

fn problem(id: &'static str, message: String) -> Problem {
    Problem { id, message, help: None }
}

/// That the source of `statement` is no module.
pub fn no_source(statement: &Transform) -> Problem {
    problem("ad-5", format!("the source must be a module, got @{}", statement.source))
}

/// What is wrong with the clauses of `statement`, whatever its source.
pub fn of_form(statement: &Transform) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (kind, subject) = (statement.kind, statement.kind.subject());
    let known = |clause: &Clause| *clause == subject || kind.options().contains(clause);
    for clause in Clause::ALL.into_iter().filter(|&clause| statement.has(clause)) {
        if !known(&clause) {
            let known: Vec<&str> = Clause::ALL.into_iter().filter(known).map(Clause::name).collect();
            let message = format!(
                "tgraph.{} must have no clause but {}, got {}",
                kind.name(),
                known.join(", "),
                clause.name()
            );
            problems.push(problem("ad-6", message));
        }
    }
    if kind.options().contains(&Clause::Dir) && statement.dir.len() != statement.wrt.len() {
        let (want, got) = (statement.wrt.len(), statement.dir.len());
        problems.push(problem("ad-4", format!("dir must name {want} directions, got {got}")));
    }
    if kind.options().contains(&Clause::Order)
        && !statement.order.is_some_and(|k| (1..=ORDER_MAX).contains(&k))
    {
        let got = statement.order.map_or("none".to_string(), |order| order.to_string());
        problems.push(problem("taylor-1", format!("order must be 1 to {ORDER_MAX}, got {got}")));
    }
    let is_pair = kind == TransformKind::Linearize;
    if statement.linear.is_some() != is_pair {
        let (want, got) = if is_pair { ("two modules", "one") } else { ("one module", "two") };
        problems.push(problem("ad-6", format!("tgraph.{} must make {want}, got {got}", kind.name())));
    }
    problems
}

/// What is wrong with `statement` as a transformation of `source`.
pub fn of_source(statement: &Transform, source: &Graph) -> Vec<Problem> {
    let mut problems = Vec::new();
    let named = |input: &Input| source.name(input.value).map(|name| (name, input.value));
    let inputs: IndexMap<&str, Value> = source.inputs().iter().filter_map(named).collect();
    of_subject(statement, source, &inputs, &mut problems);
    let mut seen = HashSet::new();
    for (clause, what) in [(Clause::Dir, "directions"), (Clause::Seed, "cotangents")] {
        for name in statement.names(clause) {
            if !seen.insert(name) || inputs.contains_key(name.as_str()) {
                let message = format!("{} must name new {what}, each once, got %{name} again", clause.name());
                problems.push(problem("ad-4", message));
            }
        }
    }
    let (outputs, seeds) = (source.outputs().len(), statement.seed.len());
    if seeds > 0 && seeds != outputs {
        problems.push(problem("ad-4", format!("seed must name {outputs} cotangents, got {seeds}")));
    }
    let mut types = source.output_types().into_iter();
    if let Some(ty) = types.find(|ty| statement.kind != TransformKind::Vmap && !ty.dtype.is_float()) {
        problems.push(problem("ad-3", format!("outputs of @{} must be floats, got {ty}", source.name)));
    }
    problems
}

/// What is wrong with the inputs that `wrt` or `over` names.
fn of_subject(
    statement: &Transform,
    source: &Graph,
    inputs: &IndexMap<&str, Value>,
    problems: &mut Vec<Problem>,
) {
    let clause = statement.kind.subject();
    let word = clause.name();
    let mut subject = |message, help| problems.push(Problem { id: "ad-2", message, help });
    if statement.names(clause).is_empty() {
        subject(format!("{word} must name one or more inputs, got none"), None);
    }
    let mut seen = HashSet::new();
    for name in statement.names(clause) {
        match inputs.get(name.as_str()) {
            _ if !seen.insert(name) => {
                subject(format!("{word} must name each input once, got %{name} again"), None);
            }
            None => {
                let known: Vec<&str> = inputs.keys().copied().take(SHOWN_MAX).collect();
                let more = if inputs.len() > SHOWN_MAX { ", …" } else { "" };
                let list = known.join(", %");
                let near =
                    nearest(name, known).map(|near| format!("an input with a similar name is %{near}"));
                let message =
                    format!("{word} must name inputs of @{} (%{list}{more}), got %{name}", source.name);
                subject(message, near);
            }
            Some(&value) if clause == Clause::Wrt && !source.ty(value).dtype.is_float() => {
                let ty = source.ty(value);
                subject(format!("wrt must name float inputs, got %{name} of {ty}"), None);
            }
            Some(_) => {}
        }
    }
}
