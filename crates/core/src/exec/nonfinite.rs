//! Where NaN and infinities come from: the first operation that makes one of finite operands and that a
//! result depends on.

use super::{CallError, check_arguments, lower};
use crate::ir::{Graph, Location, Node, Type, Value};
use crate::ops::Calculus;
use crate::tensor::{Data, Tensor};

/// The origin of a number that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// Position of the first output that holds one.
    pub output: usize,
    /// The name of the value in which it appears first, where it has one.
    pub value: Option<String>,
    /// The operation that makes it of finite operands; `None` where it is an input that holds it.
    pub op: Option<&'static str>,
    /// Position of the first element that is not finite.
    pub index: Vec<usize>,
    /// NaN or an infinity.
    pub got: f64,
    /// Where the operation was written; in a derivative, the operation whose derivative it is part of.
    pub location: Location,
}

/// Looks for the origin of NaN and infinities in the outputs of `graph` for `inputs`, by the
/// reference. `None` where all outputs are finite.
///
/// From an output that is not finite it follows operands that are not either; of the operations it
/// comes to whose operands are finite, it names the first in the order of execution. Calls are looked into.
///
/// ```
/// use tessera_core::exec::find_nonfinite;
/// use tessera_core::ir::Builder;
/// use tessera_core::{DType, Tensor, Type};
/// let mut b = Builder::new("f");
/// let x = b.input("x", Type::new(DType::F64, [2]));
/// let root = b.sqrt(x);
/// let y = b.sin(root);
/// let graph = b.finish(vec![y]);
/// let found = find_nonfinite(&graph, &[&Tensor::new([2], vec![1.0, -1.0])]).unwrap().unwrap();
/// assert_eq!((found.op, found.index), (Some("sqrt"), vec![1]));
/// ```
///
/// # Errors
/// If the inputs do not fit.
pub fn find_nonfinite(graph: &Graph, inputs: &[&Tensor]) -> Result<Option<NonFinite>, CallError> {
    check_arguments(graph, inputs)?;
    let types: Vec<Type> = inputs.iter().map(|x| x.ty()).collect();
    let shapes_error = |cause| CallError::Shapes { graph: graph.name.clone(), cause };
    lower(graph, &types).map_err(shapes_error)?;
    let graph = graph.expanded(is_call).expect("types are as before");
    let values = evaluate(&graph, inputs);
    let first = |v: Value| values[v.index()].as_ref().and_then(first_nonfinite);
    let Some(output) = graph.outputs().iter().position(|&y| first(y).is_some()) else {
        return Ok(None);
    };
    let mut suspects = vec![graph.outputs()[output]];
    let mut origin: Option<Value> = None;
    let mut seen = vec![false; graph.value_count()];
    while let Some(value) = suspects.pop() {
        if std::mem::replace(&mut seen[value.index()], true) {
            continue;
        }
        let operands = graph.node_of(value).map_or(&[][..], |node| &node.operands);
        let before = suspects.len();
        suspects.extend(operands.iter().copied().filter(|&v| first(v).is_some()));
        if suspects.len() == before {
            origin = Some(origin.map_or(value, |earliest| earliest.min(value)));
        }
    }
    let value = origin.expect("the first value that is not finite has no such operand");
    let (index, got) = first(value).expect("it is not finite");
    let node = graph.node_of(value);
    Ok(Some(NonFinite {
        output,
        value: graph.name(value).filter(|name| !name.is_empty()).map(str::to_string),
        op: node.map(|node| node.op.name()),
        index,
        got,
        location: node.map_or(Location::Derived, |node| node.location),
    }))
}

/// Every value that an output depends on.
fn evaluate(graph: &Graph, inputs: &[&Tensor]) -> Vec<Option<Tensor>> {
    let live = graph.live();
    let mut values: Vec<Option<Tensor>> = vec![None; graph.value_count()];
    for (input, &tensor) in graph.inputs().iter().zip(inputs) {
        values[input.value.index()] = Some(tensor.clone());
    }
    for node in graph.nodes().iter().filter(|node| node.results.iter().any(|r| live[r.index()])) {
        let operands: Vec<&Tensor> = node
            .operands
            .iter()
            .map(|v| values[v.index()].as_ref().expect("operands precede uses"))
            .collect();
        let results = node.op.evaluate(&operands);
        for (value, tensor) in node.results.iter().zip(results) {
            values[value.index()] = Some(tensor);
        }
    }
    values
}

/// Whether a node only applies modules: what it is, they are. A solver, whose derivative is not that of the steps it takes, is none.
pub(super) fn is_call(node: &Node) -> bool {
    !node.op.regions().is_empty() && matches!(node.op.calculus(), Calculus::Expansion)
}

/// Position and value of the first element that is not finite.
fn first_nonfinite(tensor: &Tensor) -> Option<(Vec<usize>, f64)> {
    let at = match tensor.data() {
        Data::F64(x) => x.iter().position(|x| !x.is_finite()).map(|i| (i, x[i])),
        Data::F32(x) => x.iter().position(|x| !x.is_finite()).map(|i| (i, f64::from(x[i]))),
        _ => None,
    };
    let (element, got) = at?;
    let shape = tensor.shape();
    let strides = crate::tensor::strides(shape);
    Some((strides.iter().zip(shape).map(|(stride, n)| element / stride % n).collect(), got))
}
