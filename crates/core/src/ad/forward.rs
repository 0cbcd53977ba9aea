//! Forward mode: tangents from the inputs to the outputs.

use super::{Active, AdError, prepare};
use crate::ir::{Builder, Node, Value};
use crate::ops::{Calculus, Mode, Slope};
use std::collections::HashMap;

/// Appends the tangents of `roots` along `directions`, one for each of `wrt`.
///
/// A value of `wrt` may be an input or any other value, which is then taken as independent of what
/// made it. `None` stands for a tangent that is zero because the root does not depend on `wrt`.
pub fn forward(
    b: &mut Builder,
    roots: &[Value],
    wrt: &[Value],
    directions: &[Value],
) -> Result<Vec<Option<Value>>, AdError> {
    let roots = prepare(b, wrt, roots, Mode::Forward)?;
    let active = Active::between(b.graph(), wrt, &roots);
    let mut known: HashMap<Value, Value> = wrt.iter().copied().zip(directions.iter().copied()).collect();
    for &i in &active.nodes {
        let node = b.graph().nodes()[i].clone();
        let dx: Vec<Option<Value>> = node.operands.iter().map(|v| known.get(v).copied()).collect();
        if dx.iter().all(Option::is_none) {
            continue;
        }
        for (&y, dy) in node.results.iter().zip(tangents(b.at(node.location), &node, &dx)?) {
            let Some(dy) = dy else { continue };
            if let (Some(name), None) = (b.graph().name(y), b.graph().name(dy)) {
                let name = format!("d{name}");
                b.set_name(dy, &name);
            }
            known.entry(y).or_insert(dy);
        }
    }
    Ok(roots.iter().map(|root| known.get(root).copied()).collect())
}

/// The tangents of a node's results.
pub(super) fn tangents(
    b: &mut Builder,
    node: &Node,
    dx: &[Option<Value>],
) -> Result<Vec<Option<Value>>, AdError> {
    match node.op.calculus() {
        Calculus::Structured(rule) => {
            let dy = rule.differential(b, &node.operands, &node.results, dx);
            dy.map_err(|error| error.or_at(node.location))
        }
        _ => Ok(vec![tangent(b, node, dx)]),
    }
}

/// The tangent of the one result of a node without structure.
fn tangent(b: &mut Builder, node: &Node, dx: &[Option<Value>]) -> Option<Value> {
    let (x, y) = (&node.operands, node.results[0]);
    match node.op.calculus() {
        Calculus::Constant => None,
        Calculus::Slopes(rule) => {
            let mut sum = None;
            for (i, dx) in dx.iter().enumerate() {
                let Some(dx) = *dx else { continue };
                let slope = rule.slope(b, x, y, i);
                sum = accumulate(b, sum, slope, |b, slope| b.mul(slope, dx), dx);
            }
            sum
        }
        Calculus::Linear(rule) => {
            if !(0..x.len()).any(|i| rule.is_linear_in(i) && dx[i].is_some()) {
                return None;
            }
            let operands: Vec<Value> = (0..x.len())
                .map(|i| match (rule.is_linear_in(i), dx[i]) {
                    (false, _) => x[i],
                    (true, Some(dx)) => dx,
                    (true, None) => b.zeros_like(x[i]),
                })
                .collect();
            Some(b.apply(node.op.clone(), &operands))
        }
        Calculus::Bilinear(_) => {
            let left = dx[0].map(|dx| b.apply(node.op.clone(), &[dx, x[1]]));
            let right = dx[1].map(|dx| b.apply(node.op.clone(), &[x[0], dx]));
            match (left, right) {
                (Some(left), Some(right)) => Some(b.add(left, right)),
                (one, other) => one.or(other),
            }
        }
        Calculus::Rules(rule) => {
            let terms = dx.iter().enumerate().filter_map(|(i, dx)| Some((i, (*dx)?)));
            let terms: Vec<Value> = terms.map(|(i, dx)| rule.differential(b, x, y, i, dx)).collect();
            terms.into_iter().reduce(|sum, term| b.add(sum, term))
        }
        Calculus::Structured(_) | Calculus::Expansion | Calculus::Missing(_) => {
            unreachable!("`prepare` left none")
        }
    }
}

/// Adds `slope · derivative` to a sum of such terms.
pub(super) fn accumulate(
    b: &mut Builder,
    sum: Option<Value>,
    slope: Slope,
    product: impl FnOnce(&mut Builder, Value) -> Value,
    derivative: Value,
) -> Option<Value> {
    match (sum, slope) {
        (sum, Slope::Zero) => sum,
        (None, Slope::One) => Some(derivative),
        (None, Slope::MinusOne) => Some(b.neg(derivative)),
        (None, Slope::Is(slope)) => Some(product(b, slope)),
        (Some(sum), Slope::One) => Some(b.add(sum, derivative)),
        (Some(sum), Slope::MinusOne) => Some(b.sub(sum, derivative)),
        (Some(sum), Slope::Is(slope)) => {
            let term = product(b, slope);
            Some(b.add(sum, term))
        }
    }
}
