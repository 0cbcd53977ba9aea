//! The network as a graph: where each weight lies in the flat vector of all that is trained, how the
//! weights start, and the forward pass.
//!
//! Training changes one vector θ of P elements in the case's precision. It is cut into *blocks*, each a
//! tensor with a path: `network/layer0/weight` (in, out), `network/layer0/bias` (out), …, then each
//! trainable parameter, `parameter/nu` (a scalar). Derivatives of the loss are taken with respect to the
//! blocks and laid side by side again, so that no derivative of the cutting is needed.

use crate::case::{Activation, Case, Stream};
use std::ops::Range;
use tessera_core::ir::{Builder, Value};
use tessera_core::numerics::random::uniform_f64;
use tessera_core::ops::expression::scalar_tensor;
use tessera_core::{DType, Data, Tensor, Type};

/// A tensor inside θ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its path, such as `network/layer0/weight`.
    pub path: String,
    /// Its shape; a parameter is a scalar.
    pub shape: Vec<usize>,
    /// Its elements in θ, row-major.
    pub range: Range<usize>,
}

/// The blocks of θ, in order, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The blocks: weight and bias of each layer, then the trainable parameters.
    pub blocks: Vec<Block>,
    /// The number of layers; blocks 2 l and 2 l + 1 are weight and bias of layer l.
    pub layers: usize,
}

impl Layout {
    /// The layout of a case's network and trainable parameters.
    pub fn new(case: &Case) -> Layout {
        let mut layout = Layout { blocks: Vec::new(), layers: case.network.hidden.len() + 1 };
        for (layer, pair) in widths(case).windows(2).enumerate() {
            layout.push(format!("network/layer{layer}/weight"), vec![pair[0], pair[1]]);
            layout.push(format!("network/layer{layer}/bias"), vec![pair[1]]);
        }
        for parameter in case.parameters.iter().filter(|p| p.trainable) {
            layout.push(format!("parameter/{}", parameter.name), vec![]);
        }
        layout
    }

    fn push(&mut self, path: String, shape: Vec<usize>) {
        let start = self.elements();
        let range = start..start + shape.iter().product::<usize>();
        self.blocks.push(Block { path, shape, range });
    }

    /// The number of elements of θ.
    pub fn elements(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.range.end)
    }

    /// θ before training: weights uniform in ±√(6/(in + out)) (X. Glorot and Y. Bengio, AISTATS 2010),
    /// element i of layer l drawn at index i of [`Stream::Layer`] l; biases 0; parameters where their
    /// training starts.
    pub fn initial(&self, case: &Case) -> Tensor {
        let mut theta = vec![0.0; self.elements()];
        for layer in 0..self.layers {
            let block = &self.blocks[2 * layer];
            let bound = (6.0 / (block.shape[0] + block.shape[1]) as f64).sqrt();
            let stream = Stream::Layer(layer as u16).number();
            for (i, weight) in theta[block.range.clone()].iter_mut().enumerate() {
                *weight = bound * (2.0 * uniform_f64(case.network.seed, stream, i as u64) - 1.0);
            }
        }
        let parameters = case.parameters.iter().filter(|p| p.trainable);
        for (block, parameter) in self.blocks[2 * self.layers..].iter().zip(parameters) {
            theta[block.range.start] = parameter.value;
        }
        tensor(case.precision, vec![self.elements()], theta)
    }

    /// The tensor of a block of `theta`.
    pub fn block(&self, theta: &Tensor, block: usize) -> Tensor {
        let Block { shape, range, .. } = &self.blocks[block];
        theta.rows(range.clone()).reshaped(shape.clone())
    }

    /// Cuts θ into its blocks.
    pub fn cut(&self, b: &mut Builder, theta: Value) -> Vec<Value> {
        let cut = |block: &Block| {
            let part = b.slice(theta, 0, block.range.clone());
            let shape: Vec<i64> = block.shape.iter().map(|&n| n as i64).collect();
            if shape.len() == 1 { part } else { b.reshape(part, &shape) }
        };
        self.blocks.iter().map(cut).collect()
    }

    /// Lays tensors of the blocks' shapes side by side.
    pub fn join(&self, b: &mut Builder, parts: &[Value]) -> Value {
        let lines = self.blocks.iter().zip(parts);
        let lines: Vec<Value> = lines.map(|(block, &x)| b.reshape(x, &[block.range.len() as i64])).collect();
        b.concat(&lines, 0)
    }
}

/// Widths from the inputs to the outputs.
fn widths(case: &Case) -> Vec<usize> {
    let ends = (case.coordinates.len(), case.unknowns.len());
    std::iter::once(ends.0).chain(case.network.hidden.iter().copied()).chain([ends.1]).collect()
}

/// `values` rounded to a float type.
pub fn tensor(dtype: DType, shape: Vec<usize>, values: Vec<f64>) -> Tensor {
    match dtype {
        DType::F32 => Tensor::new(shape, values.into_iter().map(|x| x as f32).collect::<Vec<f32>>()),
        _ => Tensor::new(shape, values),
    }
}

/// The elements of a float tensor, widened exactly.
pub fn widened(x: &Tensor) -> Vec<f64> {
    match x.data() {
        Data::F32(values) => values.iter().map(|&x| f64::from(x)).collect(),
        _ => x.values::<f64>().to_vec(),
    }
}

/// The value of a float scalar, widened exactly.
pub fn number(x: &Tensor) -> f64 {
    widened(x)[0]
}

/// The outputs of the network, one column (rows, 1) for each unknown.
///
/// `blocks` are those of θ and `coordinates` columns (rows, 1). Each coordinate is first mapped from its
/// interval to [-1, 1]: (x − low) · (2 / (high − low)) − 1.
pub fn outputs(
    b: &mut Builder,
    case: &Case,
    layout: &Layout,
    blocks: &[Value],
    coordinates: &[Value],
) -> Vec<Value> {
    let dtype = case.precision;
    let columns = coordinates.iter().zip(&case.coordinates).map(|(&x, interval)| {
        let [low, scale, one] = [interval.low, 2.0 / (interval.high - interval.low), 1.0].map(|value| {
            let number = b.constant(scalar_tensor(dtype, value));
            b.broadcast_like(number, &[], x)
        });
        let from_low = b.sub(x, low);
        let twice = b.mul(from_low, scale);
        b.sub(twice, one)
    });
    let columns: Vec<Value> = columns.collect();
    let mut h = if columns.len() == 1 { columns[0] } else { b.concat(&columns, 1) };
    for (layer, pair) in blocks[..2 * layout.layers].chunks(2).enumerate() {
        let product = b.matmul(h, pair[0]);
        let bias = b.broadcast_like(pair[1], &[1], product);
        h = b.add(product, bias);
        if layer + 1 < layout.layers {
            h = match case.network.activation {
                Activation::Tanh => b.tanh(h),
                Activation::Sin => b.sin(h),
            };
        }
    }
    match case.unknowns.len() {
        1 => vec![h],
        unknowns => (0..unknowns).map(|i| b.slice(h, 1, i..i + 1)).collect(),
    }
}

/// The type of a column of `rows` numbers of the case.
pub fn column(case: &Case, rows: usize) -> Type {
    Type::new(case.precision, [rows, 1])
}
