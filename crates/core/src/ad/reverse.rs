//! Reverse mode: cotangents from the outputs to the inputs.
//!
//! A cotangent that reaches a value only through branches of `select` is *guarded*: a zero of it
//! says that the branch was not taken, and no slope, infinite or NaN, may change that zero. Guarded
//! cotangents are multiplied by `mul_strong`; all others by `mul`, so nothing else pays.

use super::forward::accumulate;
use super::{Active, AdError, prepare};
use crate::ir::{Builder, Node, Value};
use crate::ops::{Calculus, Cotangent, Mode, Slope};
use std::collections::HashMap;

/// A cotangent from one use of a value: operand `operand` of node `node`.
struct Contribution {
    node: usize,
    operand: usize,
    cotangent: Cotangent,
}

/// Appends the cotangents of `wrt` for the cotangents `seeds` of `roots`.
///
/// Contributions of several uses are added in the order of the uses (law 8). `None` stands for a
/// cotangent that is zero because no root depends on the value.
pub fn backward(
    b: &mut Builder,
    roots: &[Value],
    seeds: &[Value],
    wrt: &[Value],
) -> Result<Vec<Option<Value>>, AdError> {
    let seeds: Vec<Cotangent> = seeds.iter().map(|&value| Cotangent { value, guarded: false }).collect();
    let cotangents = backward_guarded(b, roots, &seeds, wrt)?;
    Ok(cotangents.into_iter().map(|cotangent| Some(cotangent?.value)).collect())
}

/// As [`backward`], for a part of a larger graph: seeds and results say whether they are guarded.
pub fn backward_guarded(
    b: &mut Builder,
    roots: &[Value],
    seeds: &[Cotangent],
    wrt: &[Value],
) -> Result<Vec<Option<Cotangent>>, AdError> {
    let roots = prepare(b, wrt, roots, Mode::Reverse)?;
    let active = Active::between(b.graph(), wrt, &roots);
    let mut pending: HashMap<Value, Vec<Contribution>> = HashMap::new();
    for (operand, (&root, &cotangent)) in roots.iter().zip(seeds).enumerate() {
        pending.entry(root).or_default().push(Contribution { node: usize::MAX, operand, cotangent });
    }
    for &i in active.nodes.iter().rev() {
        let node = b.graph().nodes()[i].clone();
        let mut dy = Vec::with_capacity(node.results.len());
        for &y in &node.results {
            // A value differentiated with respect to is a variable, whatever made it.
            let contributions = if wrt.contains(&y) { None } else { pending.remove(&y) };
            dy.push(contributions.map(|contributions| named_total(b, y, contributions)));
        }
        if dy.iter().all(Option::is_none) {
            continue;
        }
        let wanted: Vec<bool> = node.operands.iter().map(|&v| active.depends(v)).collect();
        for (operand, cotangent) in cotangents(b.at(node.location), &node, &dy, &wanted)? {
            let contribution = Contribution { node: i, operand, cotangent };
            pending.entry(node.operands[operand]).or_default().push(contribution);
        }
    }
    Ok(wrt.iter().map(|v| pending.remove(v).map(|c| total(b, c))).collect())
}

/// The cotangent of `y`, named after it.
fn named_total(b: &mut Builder, y: Value, contributions: Vec<Contribution>) -> Cotangent {
    let dy = total(b, contributions);
    if let (Some(name), None) = (b.graph().name(y), b.graph().name(dy.value)) {
        let name = format!("{name}_bar");
        b.set_name(dy.value, &name);
    }
    dy
}

/// Contributions added in the order of the uses; guarded if all are.
fn total(b: &mut Builder, mut contributions: Vec<Contribution>) -> Cotangent {
    contributions.sort_by_key(|c| (c.node, c.operand));
    let guarded = contributions.iter().all(|c| c.cotangent.guarded);
    let values = contributions.iter().map(|c| c.cotangent.value);
    let value = values.reduce(|sum, value| b.add(sum, value)).expect("at least one contribution");
    Cotangent { value, guarded }
}

/// The cotangents of a node's wanted operands, from those of its results.
fn cotangents(
    b: &mut Builder,
    node: &Node,
    dy: &[Option<Cotangent>],
    wanted: &[bool],
) -> Result<Vec<(usize, Cotangent)>, AdError> {
    match (node.op.calculus(), dy) {
        (Calculus::Structured(rule), _) => {
            let dx = rule.adjoint(b, &node.operands, &node.results, dy, wanted);
            let dx = dx.map_err(|error| error.or_at(node.location))?;
            Ok(dx.into_iter().enumerate().filter_map(|(i, dx)| Some((i, dx?))).collect())
        }
        (_, &[Some(dy)]) => Ok(pulled_back(b, node, dy, wanted)),
        _ => unreachable!("operations without structure have one result"),
    }
}

/// The cotangents of the wanted operands of a node without structure.
fn pulled_back(b: &mut Builder, node: &Node, dy: Cotangent, wanted: &[bool]) -> Vec<(usize, Cotangent)> {
    let (x, y) = (&node.operands, node.results[0]);
    let wanted: Vec<usize> = (0..x.len()).filter(|&i| wanted[i]).collect();
    let mut out = Vec::new();
    match node.op.calculus() {
        Calculus::Constant => {}
        Calculus::Slopes(rule) => {
            for i in wanted {
                let slope: Slope = rule.slope(b, x, y, i);
                let product = |b: &mut Builder, slope| match dy.guarded {
                    true => b.mul_strong(dy.value, slope),
                    false => b.mul(dy.value, slope),
                };
                if let Some(value) = accumulate(b, None, slope, product, dy.value) {
                    out.push((i, Cotangent { value, guarded: dy.guarded }));
                }
            }
        }
        Calculus::Linear(rule) => {
            for i in wanted.into_iter().filter(|&i| rule.is_linear_in(i)) {
                let value = rule.transpose(b, x, i, dy.value);
                out.push((i, Cotangent { value, guarded: dy.guarded || rule.guards() }));
            }
        }
        Calculus::Bilinear(rule) => {
            for i in wanted {
                let value = rule.transpose(b, x, i, dy.value, dy.guarded);
                out.push((i, Cotangent { value, guarded: dy.guarded || rule.guards(i) }));
            }
        }
        Calculus::Rules(rule) => {
            for i in wanted {
                let value = rule.adjoint(b, x, y, i, dy.value, dy.guarded);
                out.push((i, Cotangent { value, guarded: dy.guarded || rule.guards() }));
            }
        }
        Calculus::Structured(_) | Calculus::Expansion | Calculus::Missing(_) => {
            unreachable!("`prepare` left none")
        }
    }
    out
}
