//! Random graphs made from the op table, for properties that must hold for every program.

use crate::data::unit;
use std::sync::Arc;
use tessera_core::ir::{Attribute, Attributes, Builder, Graph, Program, Type, Value};
use tessera_core::ops::{self, Entry, Op, Reduction, Stable};
use tessera_core::{DType, Data, Extent, Tensor};

/// Choices from numbers: what shrinks to zeros shrinks to the simplest graph.
#[derive(Clone, Debug)]
pub struct Choices<'c> {
    numbers: &'c [u32],
}

impl<'c> Choices<'c> {
    /// Choices by `numbers`, and the first of everything when they are used up.
    pub fn new(numbers: &'c [u32]) -> Choices<'c> {
        Choices { numbers }
    }

    /// Whether no number is left.
    pub fn is_done(&self) -> bool {
        self.numbers.is_empty()
    }

    fn number(&mut self) -> u32 {
        let Some((&first, rest)) = self.numbers.split_first() else { return 0 };
        self.numbers = rest;
        first
    }

    /// A number below `n`, which is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        self.number() as usize % n
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn ints(&mut self, len: usize, n: usize) -> Attribute {
        Attribute::Ints((0..len).map(|_| self.below(n) as i64).collect())
    }
}

/// Random program `k`: the same whenever it is asked for, so that a test can count what it covers.
pub fn numbered(k: u64) -> Program {
    let numbers: Vec<u32> = (0..200).map(|i| (unit(k, i + 1) * f64::from(u32::MAX)) as u32).collect();
    program(&mut Choices::new(&numbers))
}

/// A program of up to three modules, the later ones possibly calling the earlier ones.
pub fn program(choices: &mut Choices) -> Program {
    let mut program = Program::default();
    for name in ["f", "g", "h"] {
        let callees: Vec<Arc<Graph>> = program.modules.values().cloned().collect();
        let graph = graph(name, &callees, choices);
        program.insert(graph).expect("a graph that the builder made keeps every law");
        if choices.is_done() {
            break;
        }
    }
    program
}

/// A graph of operations of the table, some of which apply `callees`.
pub fn graph(name: &str, callees: &[Arc<Graph>], choices: &mut Choices) -> Graph {
    let mut b = Builder::verbatim(name);
    let mut values = Vec::new();
    for i in 0..1 + choices.below(3) {
        let ty = ty(choices);
        let value = b.input(&format!("x{i}"), ty.clone());
        values.push(value);
        if ty.dtype.is_float() && choices.below(4) == 1 {
            values.push(b.tangent_input(&format!("d{i}"), value));
        }
    }
    let count = 1 + choices.below(12);
    for i in 0..count {
        let results = match choices.below(8) {
            7 if !callees.is_empty() => structured(&mut b, choices.of(callees), &values, choices),
            _ => {
                let entry = &ops::entries()[choices.below(ops::entries().len())];
                node(&mut b, entry, &values, choices)
            }
        };
        if choices.below(2) == 1 {
            for &value in &results {
                // Names that clash and that the grammar does not allow are part of the game.
                b.set_name(value, choices.of(&["y", "sin", "a b", "y_1", "ν", "", "0"]));
            }
        }
        values.extend(results);
        if choices.is_done() && i > 0 {
            break;
        }
    }
    let outputs = (0..1 + choices.below(2)).map(|i| values[values.len() - 1 - i % values.len()]).collect();
    b.finish(outputs)
}

/// A type: mostly of floats, of few axes.
fn ty(choices: &mut Choices) -> Type {
    let dtype = choices.of(&[DType::F64, DType::F32, DType::F64, DType::I64, DType::Bool, DType::U32]);
    let extents =
        [Extent::Static(2), Extent::Static(3), Extent::Dynamic, Extent::Static(1), Extent::Static(0)];
    let shapes: [usize; 5] = [1, 2, 2, 0, 3];
    Type::new(dtype, (0..choices.of(&shapes)).map(|_| choices.of(&extents)).collect::<Vec<_>>())
}

/// An operation that applies `callee`, or graphs with its inputs, to values of its input types.
fn structured(b: &mut Builder, callee: Arc<Graph>, values: &[Value], choices: &mut Choices) -> Vec<Value> {
    let mut operands = Vec::new();
    for ty in callee.input_types() {
        let fits: Vec<Value> = values.iter().copied().filter(|&v| b.ty(v) == ty).collect();
        operands.push(match fits.is_empty() {
            true => return vec![],
            false => choices.of(&fits),
        });
    }
    let int = |n: usize| Attribute::Int(n as i64);
    let name = choices.of(&[
        "call",
        "checkpoint",
        "scan",
        "cond",
        "while",
        "linear_solve",
        "root",
        "fixed_point",
        "minimize",
    ]);
    let (attributes, regions) = match name {
        "scan" => {
            let length = choices.below(3);
            let rounds =
                Attributes::new().with("carries", int(0)).with("rows", int(0)).with("length", int(length));
            let reverse = choices.below(2) == 1;
            (if reverse { rounds.with("reverse", Attribute::Bool(true)) } else { rounds }, vec![callee])
        }
        "cond" => {
            operands.insert(0, b.constant(Tensor::scalar(choices.below(2) == 1)));
            (Attributes::new(), vec![callee.clone(), callee])
        }
        "while" => {
            let loops = Attributes::new().with("carries", int(1)).with("max", int(choices.below(3)));
            let holds = with_inputs_of(&callee, "holds", |b, _| b.constant(Tensor::scalar(true)));
            (loops, vec![holds, with_inputs_of(&callee, "same", |_, x| x[0])])
        }
        "linear_solve" | "root" | "fixed_point" | "minimize" => {
            if !callee.input_types().first().is_some_and(|ty| ty.dtype.is_float()) {
                return vec![];
            }
            let half = with_inputs_of(&callee, "half", |b, x| {
                let half = b.full_like(x[0], 0.5);
                b.mul(half, x[0])
            });
            let method = match name {
                "linear_solve" => "cg",
                "root" => "newton",
                "fixed_point" => "plain",
                _ => "levenberg_marquardt",
            };
            (Attributes::new().with("method", Attribute::Text(method.into())), vec![half])
        }
        _ => (Attributes::new(), vec![callee]),
    };
    let entry = ops::entry(name).expect("in the table");
    let Ok(op) = (entry.parse)(entry.name, &attributes, &[], &regions) else { return vec![] };
    b.push(op, &operands).unwrap_or_default()
}

/// A graph of the inputs of `graph` and one output.
fn with_inputs_of(
    graph: &Graph,
    name: &str,
    output: impl FnOnce(&mut Builder, &[Value]) -> Value,
) -> Arc<Graph> {
    let mut b = Builder::verbatim(name);
    let inputs = b.copy_inputs(graph);
    let output = output(&mut b, &inputs);
    Arc::new(b.finish(vec![output]))
}

/// `entry` on some of `values`, if an attempt at its attributes and operands succeeds.
pub fn node(b: &mut Builder, entry: &'static Entry, values: &[Value], choices: &mut Choices) -> Vec<Value> {
    const ATTEMPTS: usize = 6;
    for _ in 0..ATTEMPTS {
        let operands: Vec<Value> = (0..choices.below(4)).map(|_| choices.of(values)).collect();
        // Most operations want operands of one type.
        let operands = match (choices.below(3), operands.first().copied()) {
            (0 | 1, Some(first)) => vec![first; operands.len()],
            _ => operands,
        };
        let declared = ty(choices);
        let shape = operands.first().map_or(&declared, |&v| b.ty(v)).clone();
        let Some(op) = op(entry, &shape, &declared, choices) else { continue };
        if let Ok(results) = b.push(op, &operands) {
            return results;
        }
    }
    vec![]
}

/// The operation with random attributes for an operand of type `x`.
fn op(entry: &'static Entry, x: &Type, declared: &Type, choices: &mut Choices) -> Option<Op> {
    let none = Attributes::new;
    let n = x.ndim();
    let axes = |choices: &mut Choices| {
        let axes = (0..n as i64).filter(|_| choices.below(2) == 0).collect();
        Attribute::Ints(axes)
    };
    let text = |words: &[&str], choices: &mut Choices| Attribute::Text(choices.of(words).to_string());
    let stable = |choices: &mut Choices| text(&Stable::ALL.map(Stable::name), choices);
    let attributes = match entry.name {
        "constant" => none().with("value", Attribute::Tensor(Arc::new(tensor(declared, choices)?))),
        "iota" | "concat" | "sort" | "argsort" | "argmax" | "argmin" | "dynamic_update_slice" => {
            none().with("axis", Attribute::Int(choices.below(n + 1) as i64))
        }
        "reduce" => {
            let op = none().with("op", text(&Reduction::ALL.map(Reduction::name), choices));
            let op = if choices.below(2) == 0 { op } else { op.with("axes", axes(choices)) };
            if choices.below(4) > 0 { op } else { op.with("stable", stable(choices)) }
        }
        "dot" if choices.below(2) == 0 => none().with("stable", stable(choices)),
        "size" => none().with("axes", axes(choices)),
        "compare" => none().with("direction", text(&["eq", "ne", "lt", "le", "gt", "ge"], choices)),
        "convert" => none().with("to", text(&DType::ALL.map(DType::name), choices)),
        "transpose" => {
            let mut axes: Vec<i64> = (0..n as i64).collect();
            axes.rotate_left(choices.below(n + 1));
            none().with("permutation", Attribute::Ints(axes))
        }
        "broadcast" => {
            let like = none().with("dims", Attribute::Ints((0..n as i64).collect()));
            let shape = x.static_shape().filter(|_| choices.below(2) == 0);
            match shape {
                Some(shape) => {
                    let shape = shape.iter().map(|&n| n as i64).chain([choices.below(4) as i64]).collect();
                    like.with("shape", Attribute::Ints(shape))
                }
                None => like,
            }
        }
        "reshape" if choices.below(2) == 0 => {
            let to =
                none().with("shape", choices.of(&[Attribute::Ints(vec![-1]), Attribute::Ints(vec![1, -1])]));
            if choices.below(2) == 0 {
                to
            } else {
                to.with("keep", Attribute::Int(choices.below(n + 1) as i64))
            }
        }
        "repeat" => none()
            .with("axis", Attribute::Int(choices.below(n + 1) as i64))
            .with("of", Attribute::Int(choices.below(n.max(1)) as i64)),
        "slice" => {
            let limits = (0..n).map(|_| choices.of(&[-1, 1, 2])).collect();
            let slice = none().with("starts", choices.ints(n, 2)).with("limits", Attribute::Ints(limits));
            if choices.below(2) == 0 { slice } else { slice.with("strides", choices.ints(n, 3)) }
        }
        "pad" => none()
            .with("low", choices.ints(n, 3))
            .with("high", choices.ints(n, 3))
            .with("interior", choices.ints(n, 2)),
        "matmul" if choices.below(4) == 0 => none().with("stable", stable(choices)),
        "matmul" => none()
            .with("transpose_a", Attribute::Bool(choices.below(2) == 1))
            .with("transpose_b", Attribute::Bool(choices.below(2) == 1)),
        "cumsum" => {
            let cumsum = none().with("axis", Attribute::Int(choices.below(n + 1) as i64));
            if choices.below(2) == 0 { cumsum } else { cumsum.with("reverse", Attribute::Bool(true)) }
        }
        "gather" | "scatter_add" => {
            let along = none().with("axis", Attribute::Int(choices.below(n + 1) as i64));
            let along = if choices.below(3) > 0 { along } else { along.with("batch", Attribute::Int(1)) };
            let extent = Attribute::Int(choices.below(4) as i64);
            if entry.name == "gather" || choices.below(2) == 0 { along } else { along.with("extent", extent) }
        }
        "dynamic_slice" => none()
            .with("axis", Attribute::Int(choices.below(n + 1) as i64))
            .with("size", Attribute::Int(choices.below(3) as i64)),
        "one_hot" => none()
            .with("extent", Attribute::Int(choices.below(4) as i64))
            .with("to", text(&DType::ALL.map(DType::name), choices)),
        "all" | "any" | "reverse" | "norm" => none().with("axes", axes(choices)),
        "unfold" | "fold" => none().with("sizes", Attribute::Ints(vec![2; choices.below(n + 1)])),
        "contract" => {
            none().with("einsum", text(&["ij,ij->i", "i,i->", "ij,ij->ij", "ij->ji", "i->"], choices))
        }
        name if name.starts_with("random.") => {
            let draw = none().with("stream", Attribute::Int(choices.below(9) as i64));
            if name == "random.bits" && choices.below(2) == 0 {
                draw.with("half", Attribute::Int(1))
            } else {
                draw
            }
        }
        _ => none(),
    };
    (entry.parse)(entry.name, &attributes, std::slice::from_ref(declared), &[]).ok()
}

/// A tensor of `ty` with numbers from all over its dtype.
fn tensor(ty: &Type, choices: &mut Choices) -> Option<Tensor> {
    let mut tensor = Tensor::zeros(ty.dtype, ty.static_shape()?);
    if ty.dtype == DType::Bool {
        for x in tensor.values_mut::<bool>() {
            *x = choices.below(2) == 1;
        }
        return Some(tensor);
    }
    for i in 0..tensor.len() {
        let (low, high) = (choices.number(), choices.number());
        let bits = u64::from(high) << 32 | u64::from(low);
        match tensor.data_mut() {
            Data::F64(v) => v[i] = f64::from_bits(bits),
            Data::F32(v) => v[i] = f32::from_bits(low),
            Data::I64(v) => v[i] = bits as i64,
            Data::I32(v) => v[i] = low as i32,
            Data::U64(v) => v[i] = bits,
            Data::U32(v) => v[i] = low,
            Data::Bool(_) => {}
        }
    }
    Some(tensor)
}

/// Why `a` and `b` are not the same graph, if they are not: names aside, the same inputs, nodes with
/// the same operations and operands, types and outputs.
pub fn difference(a: &Graph, b: &Graph) -> Option<String> {
    // Values are numbered in the order of inputs and nodes, whatever order the builder saw.
    let order = |graph: &Graph| {
        let mut order = vec![usize::MAX; graph.value_count()];
        let inputs = graph.inputs().iter().map(|input| input.value);
        let results = graph.nodes().iter().flat_map(|node| node.results.iter().copied());
        for (i, value) in inputs.chain(results).enumerate() {
            order[value.index()] = i;
        }
        order
    };
    let (order_a, order_b) = (order(a), order(b));
    let same = |x: &[Value], y: &[Value]| {
        x.iter().map(|v| order_a[v.index()]).eq(y.iter().map(|v| order_b[v.index()]))
    };
    if a.input_types() != b.input_types() || a.inputs().len() != b.inputs().len() {
        return Some("inputs differ".into());
    }
    for (x, y) in a.inputs().iter().zip(b.inputs()) {
        if !same(x.tangent_of.as_slice(), y.tangent_of.as_slice()) {
            return Some("tangents differ".into());
        }
    }
    if a.nodes().len() != b.nodes().len() {
        return Some(format!("{} and {} nodes", a.nodes().len(), b.nodes().len()));
    }
    for (x, y) in a.nodes().iter().zip(b.nodes()) {
        let types = |graph: &Graph, values: &[Value]| -> Vec<Type> {
            values.iter().map(|&v| graph.ty(v).clone()).collect()
        };
        let callees = |ops: &[Arc<Graph>]| ops.iter().map(|graph| graph.name.clone()).collect::<Vec<_>>();
        if x.op.name() != y.op.name()
            || !same_attributes(&x.op.attributes(), &y.op.attributes())
            || callees(x.op.regions()) != callees(y.op.regions())
            || !same(&x.operands, &y.operands)
            || !same(&x.results, &y.results)
            || types(a, &x.results) != types(b, &y.results)
        {
            return Some(format!("{:?} and {:?} differ", x.op, y.op));
        }
    }
    (!same(a.outputs(), b.outputs())).then(|| "outputs differ".into())
}

fn same_attributes(a: &Attributes, b: &Attributes) -> bool {
    a.iter().count() == b.iter().count()
        && a.iter().zip(b.iter()).all(|((name_a, a), (name_b, b))| {
            name_a == name_b
                && match (a, b) {
                    (Attribute::Tensor(a), Attribute::Tensor(b)) => a.same_bits(b),
                    _ => a == b,
                }
        })
}
