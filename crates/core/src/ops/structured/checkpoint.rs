//! `checkpoint`: a module applied whose inside, or what of it is cheap, is computed again by the adjoint; and `stop_gradient`.

use super::cut::{DYNAMIC_EXTENT, minimum_cut};
use super::region::{
    batched, check_operands, cotangents, natural, one_region, operand_types, outputs_for, pick, spread,
    tangents, without_unused,
};
use super::*;
use crate::ad::{AdError, dependence, divided, residuals};
use crate::ir::Attribute;

pub(super) const ENTRY: Entry = Entry {
    name: "checkpoint",
    summary: "applies a module as `call` does, and keeps nothing of its inside: the adjoint computes it again from the operands. With \
              `keep = \"cut\"` it keeps the fewest bytes from which it can compute the rest by cheap operations: no product, reduction or loop runs again; \
              a `?` extent counts as `extent` (1024 if left out)",
    example: "%y = tgraph.checkpoint @f(%x) : tensor<?xf64>",
    constraints: &[
        Constraint {
            id: "checkpoint-1",
            law: "a checkpoint names one module and has as many operands as that has inputs; its attribute `keep`, if there is one, is \"cut\", and \
                  `extent`, if there is one beside it, an integer of at least 0",
            mend: "pass one value for each `tgraph.arg`, in order; leave `keep` out to keep nothing",
        },
        Constraint {
            id: "checkpoint-2",
            law: "operand types agree with the module's input types",
            mend: "convert or reshape the operand that differs",
        },
    ],
    parse: |name, attributes, _, regions| {
        only(name, "checkpoint-1", attributes, &["keep", "extent"])?;
        let extent = natural(name, "checkpoint-1", attributes, "extent")?;
        let keep = match (attributes.get("keep"), attributes.text("keep")) {
            (None, _) if extent.is_some() => {
                let got = "`extent` of checkpoint must stand beside `keep`, got no `keep`";
                return Err(Violation::new("checkpoint-1", got).help("write `keep = \"cut\"`"));
            }
            (None, _) => Kept::Nothing,
            (_, Some("cut")) => Kept::Cut { extent },
            (_, got) => {
                let got = format!("keep must be \"cut\", got \"{}\"", got.unwrap_or("no text"));
                return Err(Violation::new("checkpoint-1", got).help("leave it out to keep nothing"));
            }
        };
        Ok(Arc::new(Checkpoint { body: one_region(name, "checkpoint-1", regions)?, keep }))
    },
};

/// What of its inside a checkpoint keeps for its adjoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Nothing,
    /// See [`minimum_cut`].
    Cut {
        /// What a `?` extent counts as.
        extent: Option<usize>,
    },
}

/// Applies a module, of whose inside little or nothing outlives it.
#[derive(Debug)]
pub struct Checkpoint {
    body: [Arc<Graph>; 1],
    keep: Kept,
}

impl Checkpoint {
    /// A checkpoint around `body`, which stands apart from the graph around it: the adjoint computes all of it again.
    pub fn new(body: Arc<Graph>) -> Checkpoint {
        Checkpoint { body: [body], keep: Kept::Nothing }
    }

    /// One that is written out where it stands, and keeps for its adjoint the values of fewest bytes from which the others that it
    /// needs follow by cheap operations.
    pub fn cut(body: Arc<Graph>) -> Checkpoint {
        Checkpoint { body: [body], keep: Kept::Cut { extent: None } }
    }

    /// The same, where a `?` extent counts as so many.
    pub fn cut_for(body: Arc<Graph>, extent: usize) -> Checkpoint {
        Checkpoint { body: [body], keep: Kept::Cut { extent: Some(extent) } }
    }

    /// A checkpoint of the same kind around `graph`, if it has an output.
    fn apply(&self, b: &mut Builder, graph: Graph, operands: &[Value]) -> Vec<Value> {
        if graph.outputs().is_empty() {
            return Vec::new();
        }
        let (mut regions, operands) = without_unused(vec![graph], operands);
        let op = Arc::new(Checkpoint { body: [regions.remove(0)], keep: self.keep });
        b.push(op, &operands).expect("types follow from the module's")
    }

    /// `graph`, of inputs for the operands `x` and then others, with what is kept of what follows from `x` alone as inputs between
    /// them; and these values, made of `x`.
    fn divided(&self, b: &mut Builder, graph: Graph, x: &[Value]) -> (Graph, Vec<Value>) {
        let Kept::Cut { extent } = self.keep else { return (graph, Vec::new()) };
        let extent = extent.map_or(DYNAMIC_EXTENT, |n| n as u64);
        let inputs = graph.input_values();
        let (points, others) = inputs.split_at(x.len());
        let kept = minimum_cut(&graph, &residuals(&graph, others), extent);
        let made = b.inline(&graph.extract(&graph.name, points, &kept), x).expect("types are as before");
        let sources = [points, &kept, others].concat();
        (graph.extract(&graph.name, &sources, graph.outputs()), made)
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
        Some(Arc::new(Checkpoint { body, keep: self.keep }))
    }

    fn attributes(&self) -> Attributes {
        match self.keep {
            Kept::Nothing => Attributes::new(),
            Kept::Cut { extent } => {
                let cut = Attributes::new().with("keep", Attribute::Text("cut".into()));
                let extent = extent.map(|n| Attribute::Int(n as i64));
                extent.into_iter().fold(cut, |all, extent| all.with("extent", extent))
            }
        }
    }

    fn with_reports(&self, b: &mut Builder, x: &[Value], regions: Vec<Arc<Graph>>) -> Option<Vec<Value>> {
        b.push(self.with_regions(regions)?, x).ok()
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
        b.push(Arc::new(Checkpoint { body: [Arc::new(body)], keep: self.keep }), x.x)
    }

    /// With a cut, the inside is shared with what its adjoint keeps of it.
    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let is_cut = self.keep != Kept::Nothing;
        is_cut.then(|| b.inline(&self.body[0], x).expect("verified"))
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Call
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
        Ok(spread(self.apply(b, graph, &operands), &wanted))
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
        let (graph, kept) = self.divided(b, graph, x);
        let seeds: Vec<Value> = dy.iter().flatten().map(|dy| dy.value).collect();
        let again = Checkpoint::new(self.body[0].clone());
        let values = spread(again.apply(b, graph, &[x, &kept, &seeds].concat()), &live);
        let dx = values
            .into_iter()
            .zip(guarded)
            .map(|(value, guarded)| Some(Cotangent { value: value?, guarded: guarded? }));
        Ok(spread(dx.collect::<Vec<_>>(), wanted).into_iter().map(Option::flatten).collect())
    }

    /// With a cut, at the values that are kept; a checkpoint that keeps nothing runs again.
    fn divide(&self, b: &mut Builder, x: &[Value], moves: &[bool]) -> Option<Vec<Value>> {
        if self.keep == Kept::Nothing {
            return None;
        }
        let body = divided(&self.body[0], moves);
        let at_rest: Vec<bool> = moves.iter().map(|moves| !moves).collect();
        let in_order = |values: &[Value]| (pick(values, &at_rest), pick(values, moves));
        let (points, others) = in_order(&body.input_values());
        let graph = body.extract(&body.name, &[points, others].concat(), body.outputs());
        let (points, others) = in_order(x);
        let (graph, kept) = self.divided(b, graph, &points);
        Some(self.apply(b, graph, &[points, kept, others].concat()))
    }
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
