//! `checkpoint`: a module applied whose inside is computed again by the adjoint; and `stop_gradient`.

use super::region::{
    batched, check_operands, cotangents, one_region, operand_types, outputs_for, pick, spread, tangents,
    without_unused,
};
use super::*;
use crate::ad::{AdError, dependence};

pub(super) const ENTRY: Entry = Entry {
    name: "checkpoint",
    summary: "applies a module as `call` does, and keeps nothing of its inside: the adjoint computes it again from the operands",
    example: "%y = tgraph.checkpoint @f(%x) : tensor<?xf64>",
    constraints: &[
        Constraint {
            id: "checkpoint-1",
            law: "a checkpoint names one module, has as many operands as that has inputs, and no attributes",
            mend: "pass one value for each `tgraph.arg`, in order",
        },
        Constraint {
            id: "checkpoint-2",
            law: "operand types agree with the module's input types",
            mend: "convert or reshape the operand that differs",
        },
    ],
    parse: |name, attributes, _, regions| {
        only(name, "checkpoint-1", attributes, &[])?;
        Ok(Arc::new(Checkpoint { body: one_region(name, "checkpoint-1", regions)? }))
    },
};

/// Applies a module, apart from the graph around it: nothing of its inside outlives it.
#[derive(Debug)]
pub struct Checkpoint {
    body: [Arc<Graph>; 1],
}

impl Checkpoint {
    /// A checkpoint around `body`.
    pub fn new(body: Arc<Graph>) -> Checkpoint {
        Checkpoint { body: [body] }
    }
}

impl Rule for Checkpoint {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn regions(&self) -> &[Arc<Graph>] {
        &self.body
    }

    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> Option<Op> {
        let body = <[Arc<Graph>; 1]>::try_from(regions).ok()?;
        Some(Arc::new(Checkpoint { body }))
    }

    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>> {
        vec![x.iter().map(|&ty| ty.clone()).collect()]
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        check_operands("checkpoint", &self.body[0], x, "checkpoint-1", "checkpoint-2")?;
        outputs_for(&self.body[0], &self.region_inputs(x)[0])
    }

    fn evaluate_with(&self, x: &[&Tensor], run: Run) -> Vec<Tensor> {
        run(0, x)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let all = vec![true; self.body[0].outputs().len()];
        let (body, _) = batched(&self.body[0], &operand_types(b, x.x), x.over, &all)?;
        b.push(Arc::new(Checkpoint::new(Arc::new(body))), x.x)
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }
}

impl Structured for Checkpoint {
    fn depends(&self, active: &[bool]) -> Vec<bool> {
        dependence(&self.body[0], active)
    }

    fn differential(
        &self,
        b: &mut Builder,
        x: &[Value],
        _: &[Value],
        dx: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, AdError> {
        let active: Vec<bool> = dx.iter().map(Option::is_some).collect();
        let wanted = self.depends(&active);
        let graph = tangents(&self.body[0], &active, &wanted)?;
        let operands: Vec<Value> = x.iter().copied().chain(dx.iter().copied().flatten()).collect();
        Ok(spread(apply(b, graph, &operands), &wanted))
    }

    fn adjoint(
        &self,
        b: &mut Builder,
        x: &[Value],
        _: &[Value],
        dy: &[Option<Cotangent>],
        wanted: &[bool],
    ) -> Result<Vec<Option<Cotangent>>, AdError> {
        let (graph, guarded) = cotangents(&self.body[0], dy, wanted)?;
        let live: Vec<bool> = guarded.iter().map(Option::is_some).collect();
        let graph = graph.extract(&graph.name, &graph.input_values(), &pick(graph.outputs(), &live));
        let operands: Vec<Value> = x.iter().copied().chain(dy.iter().flatten().map(|dy| dy.value)).collect();
        let values = spread(apply(b, graph, &operands), &live);
        let dx = values
            .into_iter()
            .zip(guarded)
            .map(|(value, guarded)| Some(Cotangent { value: value?, guarded: guarded? }));
        Ok(spread(dx.collect::<Vec<_>>(), wanted).into_iter().map(Option::flatten).collect())
    }
}

/// A checkpoint around `graph`, if it has an output.
fn apply(b: &mut Builder, graph: Graph, operands: &[Value]) -> Vec<Value> {
    if graph.outputs().is_empty() {
        return Vec::new();
    }
    let (mut regions, operands) = without_unused(vec![graph], operands);
    b.push(Arc::new(Checkpoint::new(regions.remove(0))), &operands).expect("types follow from the module's")
}

pub(super) const STOP_GRADIENT: Entry = Entry {
    name: "stop_gradient",
    summary: "x, as a constant for differentiation: no tangent and no cotangent passes",
    example: "%y = tgraph.stop_gradient %x : tensor<?xf64>",
    constraints: &[Constraint {
        id: "stop_gradient-1",
        law: "one operand, no attributes",
        mend: "write `tgraph.stop_gradient %x`",
    }],
    parse: |name, attributes, _, _| {
        only(name, "stop_gradient-1", attributes, &[])?;
        Ok(Arc::new(StopGradient))
    },
};

/// The operand, through which derivatives do not pass.
#[derive(Debug)]
pub struct StopGradient;

impl Rule for StopGradient {
    fn name(&self) -> &'static str {
        "stop_gradient"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        match x {
            [x] => Ok(vec![(*x).clone()]),
            _ => Err(Violation::new(
                "stop_gradient-1",
                format!("stop_gradient must have 1 operand, got {}", x.len()),
            )),
        }
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        vec![x[0].clone()]
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(StopGradient))
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn rows(&self, x: &[&Type], _: &Type) -> Option<Rows> {
        Some(Rows::pointwise(x.len()))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(StopGradient))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Reshape
    }
}
