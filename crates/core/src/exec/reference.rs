//! The reference interpreter: the law in slow, plain code. Every engine gives its bits.

use crate::ir::{Builder, Graph, Value};
use crate::ops::Rule;
use crate::tensor::Tensor;

/// The outputs of `graph` for `inputs`, which must fit its input types; see
/// [`crate::exec::check_arguments`].
pub fn run(graph: &Graph, inputs: &[&Tensor]) -> Vec<Tensor> {
    let live = graph.live();
    let mut values: Vec<Option<Tensor>> = vec![None; graph.value_count()];
    for (input, &tensor) in graph.inputs().iter().zip(inputs) {
        values[input.value.index()] = Some(tensor.clone());
    }
    let get =
        |values: &[Option<Tensor>], v: &Value| values[v.index()].clone().expect("operands precede uses");
    for node in graph.nodes() {
        if !node.results.iter().any(|r| live[r.index()]) {
            continue;
        }
        let operands: Vec<Tensor> = node.operands.iter().map(|v| get(&values, v)).collect();
        let results = node.op.evaluate(&operands.iter().collect::<Vec<_>>());
        for (value, tensor) in node.results.iter().zip(results) {
            values[value.index()] = Some(tensor);
        }
    }
    graph.outputs().iter().map(|v| get(&values, v)).collect()
}

/// The value of an operation that is defined by [`Rule::expand`].
pub fn evaluate_expansion<R: Rule + ?Sized>(rule: &R, x: &[&Tensor]) -> Vec<Tensor> {
    let mut b = Builder::new(rule.name());
    let inputs: Vec<Value> = x.iter().map(|x| b.input("", x.ty())).collect();
    let outputs = rule.expand(&mut b, &inputs).expect("an operation states `evaluate` or `expand`");
    run(&b.finish(outputs), x)
}
