//! A few operations on a few numbers: what is measured is the call, not the work.

use super::{gradient, rounded};
use crate::data::between;
use tessera_core::ir::{Builder, Extent, Graph};
use tessera_core::{DType, Tensor, Type};

/// Σ tanh(a x + b) x and its gradient by x: inputs x, a and b, each (?); outputs the sum and the gradient.
pub fn chain(dtype: DType) -> Graph {
    let mut builder = Builder::new("chain");
    let b = &mut builder;
    let [x, a, c] = ["x", "a", "b"].map(|name| b.input(name, Type::new(dtype, [Extent::Dynamic])));
    let product = b.mul(a, x);
    let line = b.add(product, c);
    let curve = b.tanh(line);
    let weighted = b.mul(curve, x);
    let sum = b.sum_all(weighted);
    let slopes = gradient(b, sum, &[x]);
    let outputs = vec![sum, slopes[0]];
    builder.finish(outputs)
}

/// The peers' x, a and b.
pub fn chain_inputs(dtype: DType, n: usize) -> Vec<Tensor> {
    (60..63).map(|seed| rounded(between(-1.0, 1.0, seed, &[n]), dtype)).collect()
}
