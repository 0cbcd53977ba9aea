//! Every derivative: Jacobians and Hessians as dense tensors, a batch of directions or of
//! cotangents at a time.

use super::AdError;
use super::modes::Derivation;
use crate::ir::{Builder, DType, Graph, Mode, Value};
use crate::ops::{Batch, Direction, Repeat, Violation};

/// The Jacobian: a module of the same inputs that returns, for each output y and for each x of `wrt`,
/// ∂y/∂x of the shape of y followed by that of x.
///
/// Forward mode takes as many directions as `wrt` have elements, reverse mode as many cotangents as
/// the outputs have; without `mode` the smaller number decides, where a `?` extent counts as larger
/// than any number and forward mode takes a tie. Directions run as one batch, so that the values of the source are
/// computed once.
///
/// # Errors
/// `ad-1` to `ad-3`; those of [`vmap`](super::vmap), since directions and cotangents are a batch.
pub fn jacobian(source: &Graph, wrt: &[Value], mode: Option<Mode>) -> Result<Graph, AdError> {
    let mut d = Derivation::of(source, wrt)?;
    let fewer_outputs = elements(&d.b, &d.outputs) < elements(&d.b, &d.wrt);
    let mode = mode.unwrap_or(if fewer_outputs { Mode::Reverse } else { Mode::Forward });
    let (outputs, inputs) = (d.outputs.clone(), d.wrt.clone());
    let mut columns_or_rows: Vec<Vec<Value>> = Vec::new();
    match mode {
        Mode::Forward => {
            for (i, &x) in wrt.iter().enumerate() {
                let one = one_direction(source, x)?;
                columns_or_rows.push(each(&mut d.b, &one, inputs[i])?);
            }
        }
        Mode::Reverse => {
            for (k, &y) in outputs.iter().enumerate() {
                let one = one_cotangent(source, wrt, k)?;
                columns_or_rows.push(each(&mut d.b, &one, y)?);
            }
        }
    }
    let mut results = Vec::new();
    for (k, &y) in outputs.iter().enumerate() {
        for (i, &x) in inputs.iter().enumerate() {
            let like = outer(&mut d.b, y, x)?;
            let block = match mode {
                Mode::Forward => last(&mut d.b, columns_or_rows[i][k], x),
                Mode::Reverse => columns_or_rows[k][i],
            };
            let block = d.b.reshape_like(block, like);
            let name = |v: Value, other: char| d.b.graph().name(v).map_or(other.to_string(), str::to_string);
            let name = format!("d{}_d{}", name(y, 'y'), name(x, 'x'));
            d.b.set_name(block, &name);
            results.push(block);
        }
    }
    Ok(d.b.snapshot(results))
}

/// The number of elements of all `values`; `None`, which is not known, counts as the largest.
fn elements(b: &Builder, values: &[Value]) -> usize {
    let count = |&v: &Value| b.ty(v).static_shape().map_or(usize::MAX, |shape| shape.iter().product());
    values.iter().map(count).fold(0, usize::saturating_add)
}

/// Takes the inputs of `source` and a tangent of its input `x`; returns the tangent of each output.
fn one_direction(source: &Graph, x: Value) -> Result<Graph, AdError> {
    let mut d = Derivation::of(source, &[x])?;
    let tangent = d.b.tangent_input("tangent", d.wrt[0]);
    let tangents = d.tangents(&d.outputs.clone(), &[tangent])?;
    Ok(d.b.finish(tangents))
}

/// Takes the inputs of `source` and a cotangent of its output `k`; returns the gradient for each of `wrt`.
fn one_cotangent(source: &Graph, wrt: &[Value], k: usize) -> Result<Graph, AdError> {
    let mut d = Derivation::of(source, wrt)?;
    d.outputs = vec![d.outputs[k]];
    let ty = d.b.ty(d.outputs[0]).clone();
    let seed = d.b.input("cotangent", ty);
    let gradients = d.gradients(&[seed])?;
    Ok(d.b.finish(gradients))
}

/// The outputs of `one` with each unit tensor of the type of `of` as its last input, along a leading
/// axis; without that axis where `of` is a scalar. The other inputs are those of the graph, so that
/// its values are shared.
fn each(b: &mut Builder, one: &Graph, of: Value) -> Result<Vec<Value>, Violation> {
    let mut inputs = b.graph().input_values();
    if b.ty(of).ndim() == 0 {
        inputs.push(b.ones_like(of));
        return b.inline(one, &inputs);
    }
    let units = units(b, of)?;
    let mut over = vec![false; inputs.len()];
    inputs.push(units);
    over.push(true);
    let outputs = b.inline_batched(one, &Batch { x: &inputs, over: &over })?;
    outputs.into_iter().map(|(y, over)| if over { Ok(y) } else { b.repeat(y, units) }).collect()
}

/// Every tensor of the type of `x` with a single 1, along a leading axis.
fn units(b: &mut Builder, x: Value) -> Result<Value, Violation> {
    let flat = b.reshape(x, &[-1]);
    let square = b.repeat(flat, flat)?;
    let (row, column) = (b.iota_like(square, DType::I64, 0), b.iota_like(square, DType::I64, 1));
    let is_unit = b.compare(Direction::Eq, row, column);
    let units = b.convert(is_unit, b.ty(x).dtype);
    let like = b.repeat(x, flat)?;
    Ok(b.reshape_like(units, like))
}

/// `block` with its leading axis, which runs over the elements of `x`, behind all others.
fn last(b: &mut Builder, block: Value, x: Value) -> Value {
    if b.ty(x).ndim() == 0 {
        return block;
    }
    let axes = b.ty(block).ndim();
    b.transpose(block, &(1..axes).chain([0]).collect::<Vec<_>>())
}

/// A value of the shape of `y` followed by that of `x`.
fn outer(b: &mut Builder, y: Value, x: Value) -> Result<Value, Violation> {
    (0..b.ty(y).ndim()).rev().try_fold(x, |like, axis| {
        Ok(b.push(std::sync::Arc::new(Repeat { axis: 0, of: axis }), &[like, y])?[0])
    })
}

/// The Hessian, which is the Jacobian of the Jacobian: for each output y and each pair of `wrt` the
/// second derivatives, of the shape of y followed by those of the pair.
///
/// `mode` is that of the second differentiation, forward if left out; the first is by sizes, which
/// for a scalar output is reverse.
///
/// # Errors
/// As [`jacobian`].
pub fn hessian(source: &Graph, wrt: &[Value], mode: Option<Mode>) -> Result<Graph, AdError> {
    let first = jacobian(source, wrt, None)?;
    let positions = super::input_positions(source, wrt)?;
    let wrt: Vec<Value> = positions.into_iter().map(|i| first.inputs()[i].value).collect();
    jacobian(&first, &wrt, Some(mode.unwrap_or(Mode::Forward)))
}
