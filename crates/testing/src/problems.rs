//! Ready graphs: the problems of the benchmarks, with the data that every peer uses.

mod attention;
mod chain;
mod classifier;
mod pinn;
mod solves;

pub use attention::{attention, attention_inputs};
pub use chain::{chain, chain_inputs};
pub use classifier::{CLASSIFIER, classifier_hvp, classifier_inputs};
pub use pinn::{LAYERS, Pde, adam_state, adam_step, burgers_points, burgers_step, nested_step, taylor_step};
pub use solves::{
    Equation, bratu_cg, bratu_cg_inputs, bratu_field, bratu_solve, small_solve, small_solve_inputs,
};

use crate::data;
use tessera_core::ad::backward;
use tessera_core::ir::{Builder, Value};
use tessera_core::ops::{Convert, Rule};
use tessera_core::{DType, Tensor, Type};

/// A multilayer perceptron with tanh: parameters `w0, b0, w1, …`, applied to `x` (rows, d).
pub fn mlp(b: &mut Builder, parameters: &[Value], x: Value) -> Value {
    let layers = parameters.len() / 2;
    let mut h = x;
    for (layer, pair) in parameters.chunks(2).enumerate() {
        let product = b.matmul(h, pair[0]);
        let bias = b.broadcast_like(pair[1], &[1], product);
        h = b.add(product, bias);
        if layer + 1 < layers {
            h = b.tanh(h);
        }
    }
    h
}

/// Inputs for the parameters of an mlp, named after `prefix`: `w0, b0, w1, …` behind it.
fn parameter_inputs(b: &mut Builder, prefix: &str, dtype: DType, layers: &[usize]) -> Vec<Value> {
    let mut parameters = Vec::new();
    for (layer, pair) in layers.windows(2).enumerate() {
        parameters.push(b.input(&format!("{prefix}w{layer}"), Type::new(dtype, [pair[0], pair[1]])));
        parameters.push(b.input(&format!("{prefix}b{layer}"), Type::new(dtype, [pair[1]])));
    }
    parameters
}

/// The gradient of a scalar by each of `wrt`, zeros where it does not depend on one.
fn gradient(b: &mut Builder, loss: Value, wrt: &[Value]) -> Vec<Value> {
    let seed = b.ones_like(loss);
    let gradient = backward(b, &[loss], &[seed], wrt).expect("smooth");
    gradient.into_iter().zip(wrt).map(|(g, &x)| g.unwrap_or_else(|| b.zeros_like(x))).collect()
}

/// `x` rounded to `dtype`.
pub fn rounded(x: Tensor, dtype: DType) -> Tensor {
    Convert { to: dtype }.evaluate(&[&x]).remove(0)
}

/// The peers' parameters w0, b0, w1, …: see [`data::layers`].
pub fn parameters(dtype: DType, widths: &[usize]) -> Vec<Tensor> {
    let layers = data::layers(widths).into_iter();
    layers.flat_map(|l| [l.weight, l.bias]).map(|x| rounded(x, dtype)).collect()
}
