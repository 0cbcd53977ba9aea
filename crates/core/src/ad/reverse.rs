//! Reverse mode: cotangents from the outputs to the inputs.
//!
//! A cotangent that reaches a value only through branches of `select` is *guarded*: a zero of it
//! says that the branch was not taken, and no slope, infinite or NaN, may change that zero. Guarded
//! cotangents are multiplied by `mul_strong`; all others by `mul`, so nothing else pays.

use super::forward::accumulate;
use super::{Active, AdError, prepare};
use crate::ir::{Builder, Node, Value};
use crate::ops::{Calculus, Mode, Slope};
use std::collections::HashMap;

#[derive(Clone, Copy)]
struct Cotangent {
    value: Value,
    guarded: bool,
}

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
    let roots = prepare(b, wrt, roots, Mode::Reverse)?;
    let active = Active::between(b.graph(), wrt, &roots);
    let mut pending: HashMap<Value, Vec<Contribution>> = HashMap::new();
    for (i, (&root, &seed)) in roots.iter().zip(seeds).enumerate() {
        let cotangent = Cotangent { value: seed, guarded: false };
        pending.entry(root).or_default().push(Contribution { node: usize::MAX, operand: i, cotangent });
    }
    for &i in active.nodes.iter().rev() {
        let node = b.graph().nodes()[i].clone();
        let y = node.results[0];
        if wrt.contains(&y) {
            continue;
        }
        let Some(contributions) = pending.remove(&y) else { continue };
        let dy = total(b, contributions);
        if let (Some(name), None) = (b.graph().name(y), b.graph().name(dy.value)) {
            let name = format!("{name}_bar");
            b.set_name(dy.value, &name);
        }
        let wanted: Vec<bool> = node.operands.iter().map(|&v| active.depends(v)).collect();
        for (operand, cotangent) in cotangents(b.at(node.location), &node, dy, &wanted) {
            let contribution = Contribution { node: i, operand, cotangent };
            pending.entry(node.operands[operand]).or_default().push(contribution);
        }
    }
    Ok(wrt.iter().map(|v| pending.remove(v).map(|c| total(b, c).value)).collect())
}

/// Contributions added in the order of the uses; guarded if all are.
fn total(b: &mut Builder, mut contributions: Vec<Contribution>) -> Cotangent {
    contributions.sort_by_key(|c| (c.node, c.operand));
    let guarded = contributions.iter().all(|c| c.cotangent.guarded);
    let values = contributions.iter().map(|c| c.cotangent.value);
    let value = values.reduce(|sum, value| b.add(sum, value)).expect("at least one contribution");
    Cotangent { value, guarded }
}

/// The cotangents of a node's wanted operands.
fn cotangents(b: &mut Builder, node: &Node, dy: Cotangent, wanted: &[bool]) -> Vec<(usize, Cotangent)> {
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
        Calculus::Expansion | Calculus::Missing(_) => unreachable!("`prepare` left none"),
    }
    out
}
