//! Batching of whole graphs; what an operation is in a batch it says itself
//! ([`Rule::batch`](crate::ops::Rule::batch)).

use super::{AdError, input_positions};
use crate::ir::{Builder, Extent, Graph, Value};
use crate::ops::Batch;

/// Gives the inputs `over` and every output a new leading axis of extent `size`, along which every
/// position is `source` on its own: a module of the same inputs whose results at a position have
/// the bits of `source` there.
///
/// The other inputs are shared by all positions, and what depends on them alone is computed once.
///
/// ```
/// use tessera_core::ad::vmap;
/// use tessera_core::ir::{Builder, Extent};
/// use tessera_core::{DType, Type};
/// let mut b = Builder::new("f");
/// let x = b.input("x", Type::new(DType::F64, [3]));
/// let w = b.input("w", Type::new(DType::F64, [3]));
/// let y = b.dot(x, w);
/// let rows = vmap(&b.finish(vec![y]), &[x], Extent::Static(8)).unwrap();
/// assert_eq!(rows.input_types()[0].to_string(), "tensor<8x3xf64>");
/// assert_eq!(rows.input_types()[1].to_string(), "tensor<3xf64>");
/// assert_eq!(rows.output_types()[0].to_string(), "tensor<8xf64>");
/// ```
///
/// # Errors
/// `ad-2` if `over` are not inputs, each once, or none; `type-2` if a value gets too large; the constraint of an
/// operation that has no form for such a batch, as [`Rule::batch`](crate::ops::Rule::batch) says.
pub fn vmap(source: &Graph, over: &[Value], size: Extent) -> Result<Graph, AdError> {
    let mut batched = Batched::of(source, over, size)?;
    let outputs = batched.outputs.clone();
    let outputs = outputs.into_iter().map(|(y, over)| batched.with_axis(y, over));
    let outputs = outputs.collect::<Result<Vec<Value>, AdError>>()?;
    Ok(batched.b.snapshot(outputs))
}

/// A graph under construction that holds a batch of another one.
pub(super) struct Batched {
    pub b: Builder,
    /// The outputs, and whether they have the batch axis.
    pub outputs: Vec<(Value, bool)>,
    /// An input that has the batch axis.
    lead: Value,
}

impl Batched {
    /// `source` at every position along a new leading axis of its inputs `over`.
    pub fn of(source: &Graph, over: &[Value], size: Extent) -> Result<Batched, AdError> {
        let positions = input_positions(source, over)?;
        let is_over: Vec<bool> = (0..source.inputs().len()).map(|i| positions.contains(&i)).collect();
        let mut b = Builder::new(&source.name);
        let mut inputs: Vec<Value> = Vec::new();
        for (i, input) in source.inputs().iter().enumerate() {
            let mut ty = source.ty(input.value).clone();
            if is_over[i] {
                ty.shape.insert(0, size);
                ty.check_extents()?;
            }
            let name = source.name(input.value).unwrap_or("");
            let of = input.tangent_of.and_then(|of| source.inputs().iter().position(|i| i.value == of));
            // A tangent has its argument's type; else it is an input like any other.
            inputs.push(match of {
                Some(of) if is_over[of] == is_over[i] => b.tangent_input(name, inputs[of]),
                _ => b.input(name, ty),
            });
        }
        let batch = Batch { x: &inputs, over: &is_over };
        let outputs = b.inline_batched(source, &batch)?;
        Ok(Batched { b, outputs, lead: inputs[positions[0]] })
    }

    /// `y`, which has the batch axis if it is `over`, with the axis.
    pub fn with_axis(&mut self, y: Value, over: bool) -> Result<Value, AdError> {
        if over { Ok(y) } else { Ok(self.b.repeat(y, self.lead)?) }
    }
}
