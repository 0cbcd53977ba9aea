//! The transformation statements: a module in, a module out.

use super::problems;
use super::{AdError, adjoint, hessian, hvp, jacobian, jmp, jvp, linearize, taylor, vjp, vmap};
use crate::ir::{Clause, Extent, Graph, Program, Transform, TransformKind, Value};
use std::sync::Arc;

/// Carries out every transformation statement, in order; their targets become modules.
///
/// # Errors
/// All statements that cannot be carried out, each with its reason.
pub fn expand(program: &Program) -> Result<Program, Vec<AdError>> {
    // The targets' names are kept for them.
    let mut out = Program { transforms: program.transforms.clone(), ..Program::default() };
    for graph in program.modules.values() {
        insert(&mut out, program, graph);
    }
    let mut errors = Vec::new();
    for statement in &program.transforms {
        match transform(program, &out, statement) {
            Ok(graphs) => {
                graphs.iter().for_each(|graph| insert(&mut out, program, graph));
            }
            Err(error) => errors.push(error),
        }
    }
    out.transforms.clear();
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

/// Makes `graph` a module of `out`, behind what it calls of those that are made already, unless it is one.
fn insert(out: &mut Program, program: &Program, graph: &Arc<Graph>) {
    if out.modules.contains_key(&graph.name) {
        return;
    }
    let regions = || graph.nodes().iter().flat_map(|node| node.op.regions());
    for callee in regions().filter(|callee| program.made.contains_key(&callee.name)) {
        insert(out, program, callee);
    }
    let held =
        |callee: &Arc<Graph>| out.modules.get(&callee.name).is_some_and(|held| Arc::ptr_eq(held, callee));
    if regions().all(held) {
        out.modules.insert(graph.name.clone(), graph.clone());
    } else {
        out.insert(Graph::clone(graph)).expect("a verified graph keeps every law");
    }
}

/// The modules that `statement` of `program` makes beside those of `out`.
fn transform(program: &Program, out: &Program, statement: &Transform) -> Result<Vec<Arc<Graph>>, AdError> {
    let made: Vec<Arc<Graph>> =
        statement.targets().filter_map(|name| program.made.get(name).cloned()).collect();
    if made.len() == statement.targets().count() {
        return Ok(made);
    }
    let Some(source) = out.modules.get(&statement.source) else {
        return Err(problems::no_source(statement).error(statement));
    };
    if let Some(taken) = statement.targets().find(|&target| out.modules.contains_key(target)) {
        let message = format!("the target must be a new name, got @{taken}");
        return Err(AdError::new("ad-5", message).or_at(statement.location));
    }
    let mut problems = problems::of_form(statement).into_iter().chain(problems::of_source(statement, source));
    if let Some(problem) = problems.next() {
        return Err(problem.error(statement));
    }
    Ok(carry_out(statement, source)?.into_iter().map(Arc::new).collect())
}

/// The modules that `statement` makes of `source`, which it fits: as many as it has targets, named
/// after them.
///
/// # Errors
/// If a derivative cannot be built.
pub(crate) fn carry_out(statement: &Transform, source: &Graph) -> Result<Vec<Graph>, AdError> {
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
        TransformKind::Taylor => taylor(source, &wrt, statement.order.unwrap_or(0)).map(|graph| vec![graph]),
        TransformKind::Vmap => vmap(source, &over, size).map(|graph| vec![graph]),
    };
    let mut made = made.map_err(|e| e.or_at(statement.location))?;
    for (name, graph) in statement.targets().zip(&mut made) {
        graph.name = name.to_string();
    }
    Ok(made)
}
