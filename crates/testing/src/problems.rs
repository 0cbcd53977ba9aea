//! Ready graphs: the PINN steps of the benchmarks, with the data that every peer uses.

use crate::data;
use tessera_core::ad::{backward, forward};
use tessera_core::ir::{Builder, Extent, Graph, Value};
use tessera_core::ops::{Convert, Rule};
use tessera_core::{DType, Tensor, Type};

/// Extents of the layers: 2-64-64-64-64-1.
pub const LAYERS: [usize; 6] = [2, 64, 64, 64, 64, 1];

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

fn parameter_inputs(b: &mut Builder, dtype: DType, layers: &[usize]) -> Vec<Value> {
    let mut parameters = Vec::new();
    for (layer, pair) in layers.windows(2).enumerate() {
        parameters.push(b.input(&format!("w{layer}"), Type::new(dtype, [pair[0], pair[1]])));
        parameters.push(b.input(&format!("b{layer}"), Type::new(dtype, [pair[1]])));
    }
    parameters
}

/// Loss and parameter gradient of the Burgers residual u_t + u u_x − (0.01/π) u_xx, mean of squares
/// over points (t, x): inputs w0, b0, …, points (?, 2); outputs the loss and a gradient for each
/// parameter.
pub fn burgers_step(dtype: DType, layers: &[usize]) -> Graph {
    let mut b = Builder::new("burgers_step");
    let parameters = parameter_inputs(&mut b, dtype, layers);
    let points = b.input("points", Type::new(dtype, [Extent::Dynamic, Extent::Static(2)]));
    let (t, x) = (b.slice(points, 1, 0..1), b.slice(points, 1, 1..2));
    let z = b.concat(&[t, x], 1);
    let u = mlp(&mut b, &parameters, z);
    let one = b.ones_like(t);
    let along = |b: &mut Builder, y: Value, v: Value| {
        forward(b, &[y], &[v], &[one]).expect("smooth")[0].expect("depends on its coordinates")
    };
    let u_t = along(&mut b, u, t);
    let u_x = along(&mut b, u, x);
    let u_xx = along(&mut b, u_x, x);
    let advection = b.mul(u, u_x);
    let nu = b.full_like(u, 0.01 / std::f64::consts::PI);
    let diffusion = b.mul(nu, u_xx);
    let residual = b.add(u_t, advection);
    let residual = b.sub(residual, diffusion);
    let square = b.mul(residual, residual);
    let loss = b.mean_all(square);
    let seed = b.ones_like(loss);
    let gradient = backward(&mut b, &[loss], &[seed], &parameters).expect("smooth");
    let gradient = gradient.into_iter().zip(&parameters).map(|(g, &p)| g.unwrap_or_else(|| b.zeros_like(p)));
    let outputs = std::iter::once(loss).chain(gradient.collect::<Vec<_>>()).collect();
    b.finish(outputs)
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

/// The peers' points: see [`data::space_time_points`].
pub fn burgers_points(dtype: DType, n: usize) -> Tensor {
    rounded(data::space_time_points(n), dtype)
}
