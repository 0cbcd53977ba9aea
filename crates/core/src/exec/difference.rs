//! Where two ways to compute a graph part: the first operation whose value has other bits.

use super::{CallError, lower};
use crate::ir::{Graph, Type, Value};
use crate::tensor::Tensor;

/// The first operation that two ways to compute a graph do not agree on.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Its position among the operations of the lowered graph, in the order of execution.
    pub position: usize,
    /// How many operations the lowered graph has.
    pub operations: usize,
    /// The operation's name.
    pub op: &'static str,
    /// The types of its operands.
    pub operands: Vec<Type>,
    /// The value of the first way.
    pub left: Tensor,
    /// The value of the second way.
    pub right: Tensor,
}

/// Looks for the first operation of `graph`, for inputs of `types`, whose value `left` and `right` give
/// with different bits: engines, machines, or one engine with other arguments. `None` where they agree
/// on all.
///
/// Both are called with parts of the lowered graph, whose inputs are those of `graph`, and give its
/// outputs. First they compute every value at once. An engine that goes wrong only where
/// operations run together, as in `graph` itself, shows it in the outputs; then they compute the values
/// one by one, each from the inputs.
///
/// ```
/// use tessera_core::exec::{Function, Backend, find_difference};
/// use tessera_core::ir::{Builder, Graph};
/// use tessera_core::{DType, Tensor, Type};
/// let mut b = Builder::new("f");
/// let x = b.input("x", Type::new(DType::F64, [2]));
/// let root = b.sqrt(x);
/// let y = b.sin(root);
/// let graph = b.finish(vec![y]);
/// let [one, other] = [[1.0, 2.0], [1.0, 3.0]].map(|x| Tensor::new([2], x.to_vec()));
/// let at = |x: &Tensor, graph: &Graph| Function::new(graph.clone(), Backend::default()).call(&[x]);
/// let found = find_difference(&graph, &[one.ty()], |g| at(&one, g), |g| at(&other, g)).unwrap().unwrap();
/// assert_eq!((found.op, found.position, found.operations), ("sqrt", 0, 2));
/// ```
///
/// # Errors
/// If `types` do not fit `graph`, or what `left` or `right` answers.
pub fn find_difference(
    graph: &Graph,
    types: &[Type],
    mut left: impl FnMut(&Graph) -> Result<Vec<Tensor>, CallError>,
    mut right: impl FnMut(&Graph) -> Result<Vec<Tensor>, CallError>,
) -> Result<Option<Difference>, CallError> {
    let shapes = |cause| CallError::Shapes { graph: graph.name.clone(), cause };
    let graph = lower(graph, types).map_err(shapes)?;
    let mut parted = |part: &Graph| -> Result<Option<(usize, Tensor, Tensor)>, CallError> {
        let pairs = left(part)?.into_iter().zip(right(part)?).enumerate();
        Ok(pairs.map(|(i, (l, r))| (i, l, r)).find(|(_, l, r)| !l.same_bits(r)))
    };
    let part = |values: &[Value]| graph.extract(&graph.name, &graph.input_values(), values);
    let results: Vec<Value> = graph.nodes().iter().flat_map(|node| node.results.iter().copied()).collect();
    if let Some((i, l, r)) = parted(&part(&results))? {
        return Ok(Some(difference(&graph, results[i], l, r)));
    }
    let Some((output, l, r)) = parted(&graph)? else { return Ok(None) };
    for &value in &results {
        if let Some((_, l, r)) = parted(&part(&[value]))? {
            return Ok(Some(difference(&graph, value, l, r)));
        }
    }
    Ok(Some(difference(&graph, graph.outputs()[output], l, r)))
}

fn difference(graph: &Graph, value: Value, left: Tensor, right: Tensor) -> Difference {
    let makes = |value: Value| graph.nodes().iter().position(|node| node.results.contains(&value));
    let position = makes(value).expect("the result of an operation");
    let node = &graph.nodes()[position];
    Difference {
        position,
        operations: graph.nodes().len(),
        op: node.op.name(),
        operands: node.operands.iter().map(|&v| graph.ty(v).clone()).collect(),
        left,
        right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::reference;
    use crate::ir::Builder;
    use crate::ir::DType;

    /// sin(x) · exp(x), summed; and its argument.
    fn sample() -> (Graph, Tensor) {
        let mut b = Builder::new("f");
        let x = b.input("x", Type::new(DType::F64, [3]));
        let (sine, exponential) = (b.sin(x), b.exp(x));
        let product = b.mul(sine, exponential);
        let sum = b.sum_all(product);
        (b.finish(vec![sum]), Tensor::new([3], vec![0.5, 1.0, 2.0]))
    }

    /// What `faulty` makes of the outputs that the law gives, against the law.
    fn found(faulty: impl Fn(&Graph, Vec<Tensor>) -> Vec<Tensor>) -> Option<Difference> {
        let (graph, x) = sample();
        let law = |graph: &Graph| Ok(reference::run(graph, &[&x]));
        let wrong = |graph: &Graph| Ok(faulty(graph, reference::run(graph, &[&x])));
        find_difference(&graph, &[x.ty()], law, wrong).unwrap()
    }

    /// Flips the last bit of the first element of the value that `op` makes, where it is an output.
    fn flipped(graph: &Graph, mut outputs: Vec<Tensor>, op: &str) -> Vec<Tensor> {
        for (value, tensor) in graph.outputs().iter().zip(&mut outputs) {
            if graph.node_of(*value).is_some_and(|node| node.op.name() == op) {
                let mut values = tensor.values::<f64>().to_vec();
                values[0] = f64::from_bits(values[0].to_bits() ^ 1);
                *tensor = Tensor::new(tensor.shape(), values);
            }
        }
        outputs
    }

    #[test]
    fn engines_that_agree_show_no_difference() {
        assert!(found(|_, outputs| outputs).is_none());
    }

    #[test]
    fn the_operation_with_the_wrong_bit_is_named() {
        for op in ["sin", "exp", "mul"] {
            let found = found(|graph, outputs| flipped(graph, outputs, op)).unwrap();
            assert_eq!(found.op, op);
            assert_eq!(found.left.values::<f64>()[0].to_bits() ^ 1, found.right.values::<f64>()[0].to_bits());
            assert_eq!(found.left.values::<f64>()[1..], found.right.values::<f64>()[1..]);
        }
    }

    #[test]
    fn an_error_that_shows_only_without_other_outputs_is_found() {
        let alone = |graph: &Graph, outputs: Vec<Tensor>| match graph.outputs().len() {
            1 => ["mul", "reduce_sum"].iter().fold(outputs, |outputs, op| flipped(graph, outputs, op)),
            _ => outputs,
        };
        assert_eq!(found(alone).unwrap().op, "mul");
        // Only the graph as a whole is wrong: then its output is named.
        let whole = |graph: &Graph, outputs: Vec<Tensor>| match graph.outputs().len() {
            1 => flipped(graph, outputs, "reduce_sum"),
            _ => outputs,
        };
        assert_eq!(found(whole).unwrap().op, "reduce_sum");
    }
}
