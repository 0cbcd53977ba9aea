//! A classifier of images of 28 × 28: how its loss curves along a direction.

use super::{mlp, parameter_inputs, parameters, rounded};
use crate::data::{between, unit};
use std::sync::Arc;
use tessera_core::ad::hvp;
use tessera_core::ir::{Builder, Extent, Graph, Value};
use tessera_core::ops::CrossEntropy;
use tessera_core::{DType, Tensor, Type};

/// Extents of its layers.
pub const CLASSIFIER: [usize; 4] = [784, 256, 256, 10];

/// The Hessian of the mean cross-entropy of a tanh network, times a vector: inputs w0, b0, …, x (?, first extent),
/// labels (?), then a direction for each parameter; outputs one product for each parameter.
pub fn classifier_hvp(dtype: DType, layers: &[usize]) -> Graph {
    let mut b = Builder::new("classifier_hvp");
    let parameters = parameter_inputs(&mut b, "", dtype, layers);
    let x = b.input("x", Type::new(dtype, [Extent::Dynamic, Extent::Static(layers[0])]));
    let labels = b.input("labels", Type::new(DType::I64, [Extent::Dynamic]));
    let logits = mlp(&mut b, &parameters, x);
    let loss = b.push(Arc::new(CrossEntropy), &[logits, labels]).expect("shapes fit")[0];
    let graph = b.finish(vec![loss]);
    let wrt: Vec<Value> = graph.inputs()[..parameters.len()].iter().map(|input| input.value).collect();
    let names = wrt.iter().map(|&v| format!("along_{}", graph.name(v).expect("inputs have names")));
    hvp(&graph, &wrt, &names.collect::<Vec<_>>()).expect("smooth")
}

/// The peers' parameters, `n` images, their labels and the direction.
pub fn classifier_inputs(dtype: DType, layers: &[usize], n: usize) -> Vec<Tensor> {
    let parameters = parameters(dtype, layers);
    let x = rounded(between(0.0, 1.0, 42, &[n, layers[0]]), dtype);
    let classes = layers[layers.len() - 1] as f64;
    let labels = (1..=n as u64).map(|i| (classes * unit(43, i)) as i64).collect::<Vec<i64>>();
    let along: Vec<Tensor> = (300..)
        .zip(&parameters)
        .map(|(seed, p)| rounded(between(-1.0, 1.0, seed, p.shape()), dtype))
        .collect();
    parameters.into_iter().chain([x, Tensor::new([n], labels)]).chain(along).collect()
}
