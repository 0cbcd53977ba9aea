//! The transformation statements: a module in, a module out.

use super::{AdError, backward, forward};
use crate::ir::{Builder, Graph, Location, Program, Transform, TransformKind, Value};

/// Carries out every transformation statement, in order; their targets become modules.
///
/// # Errors
/// All statements that cannot be carried out, each with its reason.
pub fn expand(program: &Program) -> Result<Program, Vec<AdError>> {
    let mut out = program.clone();
    let mut errors = Vec::new();
    for statement in &program.transforms {
        match transform(&out, statement) {
            Ok(graph) => {
                out.insert(graph).expect("a derivative keeps every law");
            }
            Err(error) => errors.push(error),
        }
    }
    out.transforms.clear();
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn transform(program: &Program, statement: &Transform) -> Result<Graph, AdError> {
    let error = |id, message| AdError { id, message, location: statement.location };
    let Some(source) = program.modules.get(&statement.source) else {
        return Err(error("ad-5", format!("the source must be a module, got @{}", statement.source)));
    };
    if program.modules.contains_key(&statement.target) {
        return Err(error("ad-5", format!("the target must be a new name, got @{}", statement.target)));
    }
    let mut wrt = Vec::new();
    for name in &statement.wrt {
        match source.input_named(name) {
            Some(value) if source.ty(value).dtype.is_float() && !wrt.contains(&value) => wrt.push(value),
            Some(value) => {
                let got =
                    format!("wrt must name float inputs, each once, got %{name} of {}", source.ty(value));
                return Err(error("ad-2", got));
            }
            None => {
                let inputs: Vec<&str> = source.inputs().iter().filter_map(|i| source.name(i.value)).collect();
                let got = format!(
                    "wrt must name inputs of @{} (%{}), got %{name}",
                    source.name,
                    inputs.join(", %")
                );
                return Err(error("ad-2", got));
            }
        }
    }
    if statement.kind == TransformKind::Hvp && statement.dir.len() != wrt.len() {
        let got = format!("dir must name {} directions, got {}", wrt.len(), statement.dir.len());
        return Err(error("ad-4", got));
    }
    let result = match statement.kind {
        TransformKind::Adjoint => adjoint(source, &wrt),
        TransformKind::Jvp => jvp(source, &wrt),
        TransformKind::Hvp => hvp(source, &wrt, &statement.dir),
    };
    let mut graph = result.map_err(|e| e.or_at(statement.location))?;
    graph.name = statement.target.clone();
    Ok(graph)
}

/// A builder that holds a copy of `source`: the copied inputs, wrt and outputs.
fn copied(source: &Graph, wrt: &[Value]) -> Result<(Builder, Vec<Value>, Vec<Value>), AdError> {
    if let Some(&y) = source.outputs().iter().find(|&&y| !source.ty(y).dtype.is_float()) {
        let message = format!("outputs of @{} must be floats, got {}", source.name, source.ty(y));
        return Err(AdError { id: "ad-3", message, location: Location::Derived });
    }
    let mut b = Builder::new(&source.name);
    let inputs = b.copy_inputs(source);
    let outputs = b.inline(source, &inputs).expect("the source was verified");
    b.at(Location::Derived);
    let wrt = wrt
        .iter()
        .map(|v| inputs[source.inputs().iter().position(|i| i.value == *v).expect("an input")])
        .collect();
    Ok((b, wrt, outputs))
}

/// Reverse mode: a module of the same inputs that returns the gradient for each of `wrt`.
///
/// The seed of a single scalar output is 1; otherwise the module takes one more input for each
/// output, its cotangent, called after the output with `_bar`.
pub fn adjoint(source: &Graph, wrt: &[Value]) -> Result<Graph, AdError> {
    let (mut b, wrt, outputs) = copied(source, wrt)?;
    let seeds: Vec<Value> = match outputs.as_slice() {
        [y] if b.ty(*y).ndim() == 0 => vec![b.ones_like(*y)],
        _ => (0..outputs.len())
            .map(|i| {
                let name = source.name(source.outputs()[i]).map_or(format!("y{i}"), str::to_string);
                let ty = b.ty(outputs[i]).clone();
                b.fresh_input(&format!("{name}_bar"), ty)
            })
            .collect(),
    };
    let gradients = backward(&mut b, &outputs, &seeds, &wrt)?;
    let outputs = or_zeros(&mut b, gradients, &wrt);
    Ok(b.snapshot(outputs))
}

/// Forward mode: a module that takes a tangent for each of `wrt` and returns each output followed
/// by its tangent.
pub fn jvp(source: &Graph, wrt: &[Value]) -> Result<Graph, AdError> {
    let (mut b, wrt, outputs) = copied(source, wrt)?;
    let tangents: Vec<Value> = wrt
        .iter()
        .map(|&x| {
            let name = format!("d{}", b.graph().name(x).unwrap_or("x"));
            b.fresh_tangent(&name, x)
        })
        .collect();
    let dy = forward(&mut b, &outputs, &wrt, &tangents)?;
    let dy = or_zeros(&mut b, dy, &outputs);
    let results = outputs.into_iter().zip(dy).flat_map(|(y, dy)| [y, dy]).collect();
    Ok(b.snapshot(results))
}

/// Reverse over forward: a module that takes a direction for each of `wrt` and returns the product
/// of the Hessian of its scalar output with them, one result for each of `wrt`.
pub fn hvp(source: &Graph, wrt: &[Value], directions: &[String]) -> Result<Graph, AdError> {
    let (mut b, wrt, outputs) = copied(source, wrt)?;
    let [y] = outputs[..] else {
        let message = format!("hvp must have one output, got {}", outputs.len());
        return Err(AdError { id: "ad-3", message, location: Location::Derived });
    };
    if b.ty(y).ndim() > 0 {
        let message = format!("hvp must have a scalar output, got {}", b.ty(y));
        return Err(AdError { id: "ad-3", message, location: Location::Derived });
    }
    let mut tangents = Vec::new();
    for (&x, name) in wrt.iter().zip(directions) {
        tangents.push(b.tangent_input(name, x));
    }
    let products = match forward(&mut b, &[y], &wrt, &tangents)?[0] {
        None => vec![None; wrt.len()],
        Some(dy) => {
            let seed = b.ones_like(dy);
            backward(&mut b, &[dy], &[seed], &wrt)?
        }
    };
    let outputs = or_zeros(&mut b, products, &wrt);
    Ok(b.snapshot(outputs))
}

fn or_zeros(b: &mut Builder, derivatives: Vec<Option<Value>>, like: &[Value]) -> Vec<Value> {
    derivatives.into_iter().zip(like).map(|(d, &like)| d.unwrap_or_else(|| b.zeros_like(like))).collect()
}
