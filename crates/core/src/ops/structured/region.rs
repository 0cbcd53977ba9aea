//! What the operations with regions share: laws of operands, and derivatives of closed graphs.

use super::*;
use crate::ad::{self, AdError};
use crate::ir::{DType, Extent};

/// Output types of `graph` for inputs of `types`, which agree with its own.
pub(super) fn outputs_for(graph: &Graph, types: &[Type]) -> Result<Vec<Type>, Violation> {
    if graph.input_types().into_iter().eq(types) {
        return Ok(graph.output_types().into_iter().cloned().collect());
    }
    let mut b = Builder::verbatim(&graph.name);
    let values: Vec<Value> = types.iter().map(|ty| b.input("", ty.clone())).collect();
    let outputs = b.inline(graph, &values)?;
    Ok(outputs.iter().map(|&v| b.ty(v).clone()).collect())
}

/// That a module with the inputs of `graph` can be applied to operands of types `x`: laws `count` and `types`.
pub(super) fn check_operands(
    op: &str,
    graph: &Graph,
    x: &[&Type],
    count: &'static str,
    types: &'static str,
) -> Result<(), Violation> {
    let inputs = graph.input_types();
    if x.len() != inputs.len() {
        let got = format!("{op} of @{} must have {} operands, got {}", graph.name, inputs.len(), x.len());
        return Err(Violation::new(count, got));
    }
    for (i, (got, want)) in x.iter().zip(&inputs).enumerate() {
        if !got.agrees(want) {
            let got = format!("operand {i} of the {op} of @{} must be {want}, got {got}", graph.name);
            return Err(Violation::new(types, got));
        }
    }
    Ok(())
}

/// The only module named, as a region.
pub(super) fn one_region(
    op: &str,
    id: &'static str,
    regions: &[Arc<Graph>],
) -> Result<[Arc<Graph>; 1], Violation> {
    <[Arc<Graph>; 1]>::try_from(regions.to_vec()).map_err(|regions| {
        let got = format!("{op} must name one module, got {}", regions.len());
        Violation::new(id, got).help(format!("write `tgraph.{op} @f(%x)`"))
    })
}

/// The number that attribute `name` gives, at least 0.
pub(super) fn natural(
    op: &str,
    id: &'static str,
    attributes: &Attributes,
    name: &str,
) -> Result<Option<usize>, Violation> {
    let Some(attribute) = attributes.get(name) else { return Ok(None) };
    let number = attributes.int(name).and_then(|n| usize::try_from(n).ok());
    let shown = attributes.int(name).map_or(format!("{attribute:?}"), |n| n.to_string());
    number.map(Some).ok_or_else(|| {
        Violation::new(id, format!("`{name}` of {op} must be an integer of at least 0, got {shown}"))
    })
}

/// The more precise of two types that agree.
pub(super) fn merged(a: &Type, b: &Type) -> Type {
    let shape: Vec<Extent> = a.shape.iter().zip(&b.shape).map(|(a, b)| a.merge(*b)).collect();
    Type { dtype: a.dtype, shape }
}

/// Types written one after the other.
pub(super) fn list<'t>(types: impl IntoIterator<Item = &'t Type>) -> String {
    types.into_iter().map(Type::to_string).collect::<Vec<_>>().join(", ")
}

/// Which body inputs depend on the `active` ones after any number of rounds in which the first `carries` outputs become the
/// first inputs, and which outputs; `depends` says which outputs depend on given inputs: as derivatives see it
/// ([`ad::dependence`]), or by any use ([`reached`]).
pub(super) fn carried(
    body: &Graph,
    carries: usize,
    active: &[bool],
    depends: fn(&Graph, &[bool]) -> Vec<bool>,
) -> (Vec<bool>, Vec<bool>) {
    let mut inputs = active.to_vec();
    loop {
        let outputs = depends(body, &inputs);
        let grown = (0..carries).filter(|&j| outputs[j] && !inputs[j]).collect::<Vec<_>>();
        if grown.is_empty() {
            return (inputs, outputs);
        }
        grown.into_iter().for_each(|j| inputs[j] = true);
    }
}

/// A builder that takes the inputs of a closed graph, and more beside them.
pub(super) struct Inputs {
    /// The builder.
    pub b: Builder,
    /// Copies of the graph's inputs.
    pub primal: Vec<Value>,
}

impl Inputs {
    /// A builder named after `graph`.
    pub fn new(graph: &Graph, suffix: &str) -> Inputs {
        Inputs { b: Builder::new(&format!("{}_{suffix}", graph.name)), primal: Vec::new() }
    }

    /// With copies of the inputs `range` of `graph`.
    pub fn copy(&mut self, graph: &Graph, range: std::ops::Range<usize>) {
        for input in &graph.inputs()[range] {
            let name = graph.name(input.value).unwrap_or("");
            self.primal.push(self.b.fresh_input(name, graph.ty(input.value).clone()));
        }
    }

    /// One more input of the type of `like`, named after it.
    pub fn beside(&mut self, like: Value, name: impl Fn(&str) -> String) -> Value {
        let name = name(self.b.graph().name(like).unwrap_or("x"));
        let ty = self.b.ty(like).clone();
        self.b.fresh_input(&name, ty)
    }
}

/// The types of `values`.
pub(super) fn operand_types(b: &Builder, values: &[Value]) -> Vec<Type> {
    values.iter().map(|&v| b.ty(v).clone()).collect()
}

/// `graph` at every position along a new leading axis of the inputs that `over` marks, for inputs of these types, which have
/// it. Beside it, for each output, whether it has the axis too; those that `all` marks always do.
///
/// # Errors
/// `type-2` if a value gets too large.
pub(super) fn batched(
    graph: &Graph,
    types: &[Type],
    over: &[bool],
    all: &[bool],
) -> Result<(Graph, Vec<bool>), Violation> {
    let mut b = Builder::new(&format!("{}_rows", graph.name));
    let x: Vec<Value> = (graph.inputs().iter().zip(types))
        .map(|(input, ty)| b.fresh_input(graph.name(input.value).unwrap_or("x"), ty.clone()))
        .collect();
    let batch = Batch { x: &x, over };
    let outputs = b.inline_batched(graph, &batch)?;
    let (mut values, mut has) = (Vec::new(), Vec::new());
    for (k, (y, over)) in outputs.into_iter().enumerate() {
        let wanted = all.get(k) == Some(&true);
        values.push(if wanted && !over { b.repeat(y, batch.lead())? } else { y });
        has.push(over || wanted);
    }
    Ok((b.finish(values), has))
}

/// Which outputs of `graph` depend on the inputs that `over` marks.
pub(super) fn reached(graph: &Graph, over: &[bool]) -> Vec<bool> {
    let reached = graph.reached_from(&pick(&graph.input_values(), over));
    graph.outputs().iter().map(|v| reached[v.index()]).collect()
}

/// For each position `yes` where `chosen` holds, a bool for each position, and `no` elsewhere.
pub(super) fn choose(b: &mut Builder, chosen: Value, yes: Value, no: Value) -> Result<Value, Violation> {
    let mut mask = chosen;
    for axis in 1..b.ty(yes).ndim() {
        mask = b.push(Arc::new(Repeat { axis, of: axis }), &[mask, yes])?[0];
    }
    Ok(b.push(Arc::new(Select), &[mask, yes, no])?[0])
}

/// Whether a position that does not need `graph` may make the others wait for it: with loops in it, its work depends on values.
pub(super) fn may_be_long(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| !node.op.regions().is_empty())
}

/// Whether `mask` holds at some position.
pub(super) fn any(b: &mut Builder, mask: Value) -> Value {
    b.apply(Arc::new(Quantifier { quantity: Quantity::Any, axes: None }), &[mask])
}

/// The position of the first that `mask` marks.
pub(super) fn first(b: &mut Builder, mask: Value) -> Value {
    let marked = b.convert(mask, DType::I64);
    let so_far = b.apply(Arc::new(Cumsum { axis: 0, reverse: false }), &[marked]);
    let zero = b.zeros_like(so_far);
    let before = b.compare(Direction::Eq, so_far, zero);
    let before = b.convert(before, DType::I64);
    b.sum(before, &[0])
}

/// The operands `x` in which the positions that `mask` does not mark have what the first one that it marks has, so that they do its
/// work and not another that may never end. Derivatives see the positions' own.
pub(super) fn marked_only(b: &mut Builder, mask: Value, x: &Batch) -> Result<Vec<Value>, Violation> {
    let first = first(b, mask);
    let own = |(&v, &over): (&Value, &bool)| {
        if !over {
            return Ok(v);
        }
        let other = b.push(Arc::new(Gather::new(0, 0)), &[v, first])?;
        let other = b.push(Arc::new(StopGradient), &other)?[0];
        let other = b.repeat(other, v)?;
        choose(b, mask, v, other)
    };
    x.x.iter().zip(x.over).map(own).collect()
}

/// Tangents of the outputs of `graph` for which `wanted` holds: a graph of its inputs, and of a tangent for
/// each input for which `active` holds.
pub(super) fn tangents(graph: &Graph, active: &[bool], wanted: &[bool]) -> Result<Graph, AdError> {
    let mut inputs = Inputs::new(graph, "jvp");
    inputs.copy(graph, 0..graph.inputs().len());
    let wrt = pick(&inputs.primal, active);
    let tangents: Vec<Value> = wrt.iter().map(|&v| inputs.beside(v, |name| format!("d{name}"))).collect();
    let Inputs { mut b, primal } = inputs;
    let outputs = b.inline(graph, &primal).expect("regions were verified");
    let outputs = pick(&outputs, wanted);
    let dy = ad::forward(&mut b, &outputs, &wrt, &tangents)?;
    let dy = dy.into_iter().zip(&outputs).map(|(dy, &y)| dy.unwrap_or_else(|| b.zeros_like(y))).collect();
    Ok(b.finish(dy))
}

/// Cotangents of the inputs of `graph` for which `wanted` holds: a graph of its inputs, and of a cotangent for
/// each output that has one. Beside it, for each, whether it is zero, or else whether it is guarded.
pub(super) fn cotangents(
    graph: &Graph,
    dy: &[Option<Cotangent>],
    wanted: &[bool],
) -> Result<(Graph, Vec<Option<bool>>), AdError> {
    let mut inputs = Inputs::new(graph, "adjoint");
    inputs.copy(graph, 0..graph.inputs().len());
    let outputs = inputs.b.inline(graph, &inputs.primal).expect("regions were verified");
    let (mut roots, mut seeds) = (Vec::new(), Vec::new());
    for (&y, dy) in outputs.iter().zip(dy) {
        let Some(dy) = dy else { continue };
        roots.push(y);
        seeds.push(Cotangent { value: inputs.beside(y, |name| format!("{name}_bar")), guarded: dy.guarded });
    }
    let Inputs { mut b, primal } = inputs;
    let wrt = pick(&primal, wanted);
    let dx = ad::backward_guarded(&mut b, &roots, &seeds, &wrt)?;
    let guarded = dx.iter().map(|dx| dx.map(|dx| dx.guarded)).collect();
    let dx = dx.into_iter().zip(&wrt).map(|(dx, &x)| dx.map_or_else(|| b.zeros_like(x), |dx| dx.value));
    let dx = dx.collect();
    Ok((b.finish(dx), guarded))
}

/// `graphs` without the inputs that none of them uses, and the operands that are left. They have one list of inputs.
pub(super) fn without_unused(graphs: Vec<Graph>, operands: &[Value]) -> (Vec<Arc<Graph>>, Vec<Value>) {
    let lives: Vec<Vec<bool>> = graphs.iter().map(Graph::live).collect();
    let used: Vec<bool> = (0..operands.len())
        .map(|i| graphs.iter().zip(&lives).any(|(graph, live)| live[graph.inputs()[i].value.index()]))
        .collect();
    let regions = graphs.iter().map(|graph| {
        let inputs = graph.input_values();
        Arc::new(graph.extract(&graph.name, &pick(&inputs, &used), graph.outputs()))
    });
    (regions.collect(), pick(operands, &used))
}

/// The items for which `wanted` holds.
pub(super) fn pick<T: Clone>(items: &[T], wanted: &[bool]) -> Vec<T> {
    items.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(item, _)| item.clone()).collect()
}

/// For each flag the next of `items` where it holds.
pub(super) fn spread<T>(items: impl IntoIterator<Item = T>, flags: &[bool]) -> Vec<Option<T>> {
    let mut items = items.into_iter();
    flags.iter().map(|&flag| if flag { items.next() } else { None }).collect()
}
