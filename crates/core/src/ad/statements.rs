//! The transformation statements: a module in, a module out.

use super::problems::{self, Problem};
use super::{AdError, adjoint, hessian, hvp, jacobian, jmp, jvp, linearize, vjp, vmap};
use crate::ir::{Clause, Extent, Graph, Location, Program, Transform, TransformKind, Value};
use std::sync::Arc;

/// Carries out every transformation statement, in order; their targets become modules.
///
/// # Errors
/// All statements that cannot be carried out, each with its reason.
pub fn expand(program: &Program) -> Result<Program, Vec<AdError>> {
    let mut out = Program { modules: program.modules.clone(), transforms: Vec::new() };
    let mut errors = Vec::new();
    for statement in &program.transforms {
        match transform(&out, statement) {
            Ok(graphs) => {
                for (name, mut graph) in statement.targets().zip(graphs) {
                    graph.name = name.to_string();
                    out.modules.insert(name.to_string(), Arc::new(graph));
                }
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

/// The modules that `statement` makes: as many as it has targets.
fn transform(program: &Program, statement: &Transform) -> Result<Vec<Graph>, AdError> {
    let error = |id, message| AdError { id, message, location: statement.location };
    let Some(source) = program.modules.get(&statement.source) else {
        return Err(error("ad-5", format!("the source must be a module, got @{}", statement.source)));
    };
    if let Some(taken) = statement.targets().find(|&target| program.modules.contains_key(target)) {
        return Err(error("ad-5", format!("the target must be a new name, got @{taken}")));
    }
    let mut problems = problems::of_form(statement).into_iter().chain(problems::of_source(statement, source));
    if let Some(Problem { id, message, .. }) = problems.next() {
        return Err(error(id, message));
    }
    let inputs = |clause| -> Vec<Value> {
        statement.names(clause).iter().filter_map(|name| source.input_named(name)).collect()
    };
    let (wrt, over) = (inputs(Clause::Wrt), inputs(Clause::Over));
    let (dir, seed) = (&statement.dir, &statement.seed);
    let size = statement.size.map_or(Extent::Dynamic, Extent::Static);
    let made = match statement.kind {
        TransformKind::Adjoint => adjoint(source, &wrt).map(|graph| vec![graph]),
        TransformKind::Vjp => vjp(source, &wrt, seed).map(|graph| vec![graph]),
        TransformKind::Jvp => jvp(source, &wrt).map(|graph| vec![graph]),
        TransformKind::Hvp => hvp(source, &wrt, dir).map(|graph| vec![graph]),
        TransformKind::Jmp => jmp(source, &wrt, dir, seed, size).map(|graph| vec![graph]),
        TransformKind::Jacobian => jacobian(source, &wrt, statement.mode).map(|graph| vec![graph]),
        TransformKind::Hessian => hessian(source, &wrt, statement.mode).map(|graph| vec![graph]),
        TransformKind::Linearize => linearize(source, &wrt).map(|pair| vec![pair.at, pair.linear]),
        TransformKind::Vmap => vmap(source, &over, size).map(|graph| vec![graph]),
    };
    made.map_err(|e| match e.location {
        Location::Derived => AdError { location: statement.location, ..e },
        _ => e,
    })
}
