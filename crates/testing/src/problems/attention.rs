//! Scaled dot-product attention with its gradient.

use super::{gradient, rounded};
use crate::data::between;
use std::sync::Arc;
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::ops::{Matmul, Softmax};
use tessera_core::{DType, Tensor, Type};

/// softmax(Q Kᵀ / √d) V for each head, its product with G summed, and the gradient of that sum by Q, K and V:
/// inputs q, k, v, g, each (heads, positions, d); outputs the sum and the three gradients.
pub fn attention(dtype: DType, shape: [usize; 3]) -> Graph {
    let mut b = Builder::new("attention");
    let [q, k, v, g] = ["q", "k", "v", "g"].map(|name| b.input(name, Type::new(dtype, shape)));
    let transposed = Matmul { transpose_b: true, ..Matmul::default() };
    let products = push(&mut b, transposed, &[q, k]);
    let scale = b.full_like(products, (shape[2] as f64).powf(-0.5));
    let scores = b.mul(products, scale);
    let weights = push(&mut b, Softmax, &[scores]);
    let output = b.matmul(weights, v);
    let weighted = b.mul(output, g);
    let sum = b.sum_all(weighted);
    let mut outputs = vec![sum];
    outputs.extend(gradient(&mut b, sum, &[q, k, v]));
    b.finish(outputs)
}

fn push(b: &mut Builder, op: impl tessera_core::ops::Rule, operands: &[Value]) -> Value {
    b.push(Arc::new(op), operands).expect("shapes fit")[0]
}

/// The peers' Q, K, V and G.
pub fn attention_inputs(dtype: DType, shape: [usize; 3]) -> Vec<Tensor> {
    (20..24).map(|seed| rounded(between(-1.0, 1.0, seed, &shape), dtype)).collect()
}
