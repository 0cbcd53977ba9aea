//! From a graph to its program.

use super::{Instruction, Kind, NONE, Place, Program, Row, Source, elements};
use crate::exec::cpu::group::{GroupBuilder, Source as Operand};
use crate::exec::cpu::schedule::{Buffer, Place as Rows};
use crate::ir::{DType, Graph, Node, Type, Value};
use crate::numerics::lanes::Real;
use crate::ops::{Factor, Function, Kernel, Reduction, Stable};
use crate::tensor::Tensor;
use std::collections::HashMap;
use std::sync::Mutex;

/// The program of a small graph; nothing if an operation cannot stand in one.
pub(super) fn program<T: Real>(graph: &Graph) -> Option<Program<T>> {
    let mut compiler = Compiler::<T>::default();
    let inputs: Vec<Known> =
        (graph.input_types().into_iter()).map(|ty| compiler.fresh(ty)).collect::<Option<_>>()?;
    let places = inputs.iter().map(|input| input.place.expect("fresh")).collect();
    let outputs = compiler.graph(graph, inputs)?;
    let outputs = outputs.into_iter().zip(graph.output_types()).map(|(mut known, ty)| {
        let place = compiler.place(&mut known);
        (place, ty.clone())
    });
    let outputs = outputs.collect();
    let Compiler { instructions, numbers, integers, registers } = compiler;
    let spare = Mutex::default();
    Some(Program { instructions, numbers, integers, registers, inputs: places, outputs, spare })
}

/// What is known of a value: where it lies, and what it is, if that is known already.
#[derive(Clone)]
struct Known {
    place: Option<Place>,
    constant: Option<Tensor>,
}

impl Known {
    fn at(place: Place) -> Known {
        Known { place: Some(place), constant: None }
    }
}

struct Compiler<T> {
    instructions: Vec<Instruction<T>>,
    numbers: Vec<T>,
    integers: Vec<i64>,
    registers: usize,
}

impl<T> Default for Compiler<T> {
    fn default() -> Compiler<T> {
        Compiler { instructions: Vec::new(), numbers: Vec::new(), integers: Vec::new(), registers: 0 }
    }
}

/// The values of a graph that is being compiled, by their index.
type Values = Vec<Option<Known>>;

impl<T: Real> Compiler<T> {
    /// Room for `len` elements. What fills a cache line begins with one.
    fn allot(&mut self, kind: Kind, len: usize) -> Place {
        let line = 64 / size_of::<T>();
        let at = match kind {
            Kind::Number if len >= line => self.numbers.len().next_multiple_of(line),
            Kind::Number => self.numbers.len(),
            Kind::Integer => self.integers.len(),
        };
        match kind {
            Kind::Number => self.numbers.resize(at + len, T::ZERO),
            Kind::Integer => self.integers.resize(at + len, 0),
        }
        Place { kind, at, len }
    }

    fn place_for(&mut self, ty: &Type) -> Option<Place> {
        Some(self.allot(Kind::of(ty.dtype), elements(ty)?))
    }

    /// A value of its own place.
    fn fresh(&mut self, ty: &Type) -> Option<Known> {
        Some(Known::at(self.place_for(ty)?))
    }

    /// Where a value lies; a constant is written there now.
    fn place(&mut self, known: &mut Known) -> Place {
        if let (None, Some(tensor)) = (known.place, &known.constant) {
            let place = self.allot(Kind::of(tensor.dtype()), tensor.len());
            match place.kind {
                Kind::Number => super::run::write_numbers(&mut self.numbers[place.at..][..place.len], tensor),
                Kind::Integer => {
                    super::run::write_integers(&mut self.integers[place.at..][..place.len], tensor);
                }
            }
            known.place = Some(place);
        }
        known.place.expect("a value has a place or is a constant")
    }

    fn operand(&mut self, values: &mut Values, value: Value) -> Place {
        let known = values[value.index()].as_mut().expect("operands precede uses");
        self.place(known)
    }

    /// The outputs of a graph for these inputs.
    fn graph(&mut self, graph: &Graph, inputs: Vec<Known>) -> Option<Vec<Known>> {
        let mut values: Values = vec![None; graph.value_count()];
        self.nodes(graph, &graph.input_values(), inputs, (0..graph.nodes().len()).collect(), &mut values)?;
        Some(outputs(graph, &values))
    }

    /// What does not change in a loop: the nodes of its body that need none of the first `moving` inputs, but for those that hold loops themselves. They are
    /// computed here, of the other `inputs`; the nodes that are left are given back.
    fn fixed(
        &mut self,
        body: &Graph,
        moving: usize,
        inputs: &[Known],
        values: &mut Values,
    ) -> Option<Vec<usize>> {
        let mut moves = body.reached_from(&body.input_values()[..moving]);
        let (mut fixed, mut left) = (Vec::new(), Vec::new());
        for (i, node) in body.nodes().iter().enumerate() {
            let stays = node.op.regions().is_empty() && !node.operands.iter().any(|v| moves[v.index()]);
            node.results.iter().for_each(|v| moves[v.index()] = !stays);
            if stays { fixed.push(i) } else { left.push(i) }
        }
        self.nodes(body, &body.input_values()[moving..], inputs[moving..].to_vec(), fixed, values)?;
        Some(left)
    }

    /// Adds the instructions of the nodes `waiting` of a graph, of which `inputs` become known.
    fn nodes(
        &mut self,
        graph: &Graph,
        values_of_inputs: &[Value],
        inputs: Vec<Known>,
        mut waiting: Vec<usize>,
        values: &mut Values,
    ) -> Option<()> {
        for (input, known) in values_of_inputs.iter().zip(inputs) {
            values[input.index()] = Some(known);
        }
        // Everything else first, so that as many elementwise operations as possible are ready together.
        while !waiting.is_empty() {
            let is_ready = |i: &usize| graph.nodes()[*i].operands.iter().all(|v| values[v.index()].is_some());
            let ready = waiting.iter().copied().filter(is_ready);
            let single = ready.clone().find(|&i| self.width(graph, i, values).is_none());
            match single {
                Some(i) => {
                    waiting.retain(|&other| other != i);
                    self.node(graph, &graph.nodes()[i], values)?;
                }
                None => {
                    let first = ready.clone().next().expect("graphs have no cycles");
                    let width = self.width(graph, first, values).expect("no single node");
                    self.group(graph, width, &mut waiting, values);
                }
            }
        }
        Some(())
    }

    /// How many elements an elementwise operation on numbers has, if node `i` is one.
    fn width(&self, graph: &Graph, i: usize, values: &Values) -> Option<usize> {
        let node = &graph.nodes()[i];
        let is_elementwise =
            matches!(node.op.kernel(), Kernel::Elementwise(_) | Kernel::Compare(_) | Kernel::Select);
        let numbers = |v: &Value| Kind::of(graph.ty(*v).dtype) == Kind::Number;
        let is_constant =
            |v: &Value| values[v.index()].as_ref().is_some_and(|known| known.constant.is_some());
        let is_group = is_elementwise
            && node.operands.iter().chain(&node.results).all(numbers)
            && !node.operands.iter().all(is_constant);
        is_group.then(|| elements(graph.ty(node.results[0]))).flatten()
    }

    /// One group of all that is ready and as wide.
    fn group(&mut self, graph: &Graph, width: usize, waiting: &mut Vec<usize>, values: &mut Values) {
        let mut members: Vec<usize> = Vec::new();
        let mut made = vec![false; graph.value_count()];
        while let Some(at) = waiting.iter().position(|&i| {
            let operands = &graph.nodes()[i].operands;
            operands.iter().all(|v| values[v.index()].is_some() || made[v.index()])
                && self.width(graph, i, values) == Some(width)
        }) {
            let member = waiting.remove(at);
            made[graph.nodes()[member].results[0].index()] = true;
            members.push(member);
        }
        let mut escapes = vec![false; graph.value_count()];
        graph.outputs().iter().for_each(|v| escapes[v.index()] = true);
        for node in graph.nodes() {
            if !node.results.first().is_some_and(|v| made[v.index()]) {
                node.operands.iter().for_each(|v| escapes[v.index()] = true);
            }
        }
        let mut group = GroupBuilder::new(width);
        let mut sources: HashMap<Value, Operand> = HashMap::new();
        for &i in &members {
            let node = &graph.nodes()[i];
            let y = node.results[0];
            let target = escapes[y.index()].then(|| {
                let place = self.allot(Kind::Number, width);
                values[y.index()] = Some(Known::at(place));
                Buffer::Arena(place.at)
            });
            let x: Vec<Operand> = (node.operands.iter())
                .map(|v| match sources.get(v) {
                    Some(&source) => source,
                    None => {
                        let at = self.operand(values, *v).at;
                        group.source(Rows::Rows { of: Buffer::Arena(at), width })
                    }
                })
                .collect();
            let source = match node.op.kernel() {
                Kernel::Elementwise(function) => group.function(function, &x, target),
                Kernel::Compare(direction) => group.compare(direction, x[0], x[1], target),
                _ => group.select(x[0], x[1], x[2], target),
            };
            sources.insert(y, source);
        }
        let group = group.finish();
        self.registers = self.registers.max(group.registers);
        self.instructions.push(Instruction::Group(group));
    }

    /// Any other node.
    fn node(&mut self, graph: &Graph, node: &Node, values: &mut Values) -> Option<()> {
        let constants: Option<Vec<Tensor>> = (node.operands.iter())
            .map(|v| values[v.index()].as_ref().and_then(|known| known.constant.clone()))
            .collect();
        if let (Some(constants), []) = (&constants, node.op.regions()) {
            let results = node.op.evaluate(&constants.iter().collect::<Vec<_>>());
            for (&y, tensor) in node.results.iter().zip(results) {
                values[y.index()] = Some(Known { place: None, constant: Some(tensor) });
            }
            return Some(());
        }
        if let [region, ..] = node.op.regions() {
            let inputs = |values: &mut Values, from: usize| -> Vec<Known> {
                node.operands[from..].iter().map(|v| values[v.index()].clone().expect("ready")).collect()
            };
            let results = match node.op.kernel() {
                Kernel::Call => self.graph(region, inputs(values, 0))?,
                Kernel::Choice => self.choice(graph, node, inputs(values, 1), values)?,
                Kernel::While { carries, max } => self.repeat(node, carries, max, inputs(values, 0))?,
                Kernel::Scan { carries, rows, length, reverse } => {
                    let rounds = match node.operands.get(carries) {
                        Some(&sequence) if rows > 0 => graph.ty(sequence).static_shape()?[0],
                        _ => length?,
                    };
                    self.scan(graph, node, [carries, rows, rounds], reverse, inputs(values, 0))?
                }
                _ => return None,
            };
            for (&y, known) in node.results.iter().zip(results) {
                values[y.index()] = Some(known);
            }
            return Some(());
        }
        let x: Vec<Place> = node.operands.iter().map(|&v| self.operand(values, v)).collect();
        if let Some(place) = self.moved(graph, node, &x) {
            values[node.results[0].index()] = Some(Known::at(place));
            return Some(());
        }
        let y: Vec<Place> =
            node.results.iter().map(|&v| self.place_for(graph.ty(v))).collect::<Option<_>>()?;
        if !self.kernel(graph, node, &x, &y) {
            let types = node.operands.iter().map(|&v| graph.ty(v).clone());
            let operands = x.into_iter().zip(types).collect();
            self.instructions.push(Instruction::Evaluate {
                op: node.op.clone(),
                operands,
                results: y.clone(),
            });
        }
        for (v, place) in node.results.iter().zip(y) {
            values[v.index()] = Some(Known::at(place));
        }
        Some(())
    }

    /// Where the result of a node lies that only moves elements.
    fn moved(&mut self, graph: &Graph, node: &Node, x: &[Place]) -> Option<Place> {
        let y = *node.results.first()?;
        let (ty, operand) = (graph.ty(y), graph.ty(*node.operands.first()?));
        let keeps = match node.op.kernel() {
            Kernel::Reshape => true,
            // Truth values are held as numbers.
            Kernel::Convert => {
                ty.dtype == operand.dtype || (ty.dtype, operand.dtype) == (T::DTYPE, DType::Bool)
            }
            _ => false,
        };
        if keeps {
            return Some(x[0]);
        }
        if !node.op.moves() {
            return None;
        }
        // The operation itself says which element goes where: it moves positions, counted from 1, as it moves elements.
        let positions: Vec<Tensor> = (x.iter().zip(&node.operands))
            .map(|(place, &v)| {
                let shape = graph.ty(v).static_shape().expect("lowered");
                Tensor::new(shape, (place.at as i64 + 1..).take(place.len).collect())
            })
            .collect();
        let from = node.op.evaluate(&positions.iter().collect::<Vec<_>>()).remove(0);
        let from: Vec<u32> = from.values::<i64>().iter().map(|&at| (at as u32).wrapping_sub(1)).collect();
        if let Some(at) = run_of(&from) {
            return Some(Place { kind: x[0].kind, at, len: from.len() });
        }
        let place = self.place_for(ty)?;
        self.instructions.push(Instruction::Move { from: source(from), y: place });
        Some(place)
    }

    /// Adds the instruction of a node that has a kernel for its operands at `x`; false if there is none.
    fn kernel(&mut self, graph: &Graph, node: &Node, x: &[Place], y: &[Place]) -> bool {
        let dtype = |i: usize| graph.ty(node.operands[i]).dtype;
        let shape = |i: usize| graph.ty(node.operands[i]).static_shape().expect("lowered");
        let at = |i: usize| x[i.min(x.len() - 1)].at;
        let instruction = match node.op.kernel() {
            Kernel::Elementwise(function) if dtype(0) == DType::I64 => {
                Instruction::Integers { function, x: [at(0), at(1)], y: y[0] }
            }
            Kernel::Compare(direction) if dtype(0) == DType::I64 => {
                Instruction::CompareIntegers { direction, x: [at(0), at(1)], y: y[0].at, len: y[0].len }
            }
            Kernel::Select if Kind::of(dtype(1)) == Kind::Integer => {
                Instruction::SelectIntegers { mask: at(0), x: [at(1), at(2)], y: y[0] }
            }
            Kernel::Convert if dtype(0) == DType::Bool && y[0].kind == Kind::Integer => {
                Instruction::TruthToInteger { x: at(0), y: y[0] }
            }
            Kernel::Matmul(op) if op.strong.is_none() => {
                let extents = op.extents(&shape(0), &shape(1));
                Instruction::Matmul { op: *op, extents, x: [at(0), at(1)], y: y[0].at }
            }
            Kernel::Dot { stable: Stable::Pairwise } => {
                let n = *shape(0).last().expect("at least one axis");
                Instruction::Lines { x: [at(0), at(1)], dot: true, combiner: Function::Add, n, y: y[0] }
            }
            Kernel::Reduce { reduction, axes: &[axis], stable: Stable::Pairwise }
                if x[0].kind == Kind::Number && reduction != Reduction::Mean =>
            {
                let shape = shape(0);
                let (n, inner): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
                let mut from = x[0].at;
                if inner > 1 && n > 1 {
                    // Lines along the axis, one behind the other.
                    let outer = 0..x[0].len / (n * inner);
                    let of_line =
                        |o: usize| (0..inner).flat_map(move |i| (0..n).map(move |k| (o * n + k) * inner + i));
                    let positions = outer.flat_map(of_line).map(|i| (x[0].at + i) as u32);
                    let lines = self.allot(Kind::Number, x[0].len);
                    self.instructions.push(Instruction::Move { from: source(positions.collect()), y: lines });
                    from = lines.at;
                }
                let combiner = reduction.combiner();
                Instruction::Lines { x: [from; 2], dot: false, combiner, n, y: y[0] }
            }
            Kernel::Factor(Factor::Lu) => {
                let n = *shape(0).last().expect("a matrix");
                let count = x[0].len / (n * n);
                Instruction::Lu { x: at(0), n, count, y: y[0].at, rows: y[1].at, info: y[2].at }
            }
            Kernel::Factor(Factor::Solve(triangle)) => {
                let &[.., n, columns] = &shape(1)[..] else { return false };
                let count = x[1].len / (n * columns);
                Instruction::Solve { triangle, t: at(0), x: at(1), n, columns, count, y: y[0].at }
            }
            Kernel::Gather if dtype(1) == DType::I64 => {
                let (rows, shape) = (shape(0)[0], shape(0));
                let width = shape[1..].iter().product();
                Instruction::Gather { x: x[0], width, rows, index: at(1), y: y[0] }
            }
            _ => return false,
        };
        self.instructions.push(instruction);
        true
    }

    /// Copies of `from` where a loop carries them, all at once: none is overwritten before it is read.
    fn carry(&mut self, from: &[Place], to: &[Place]) {
        let overlaps = |x: &Place, y: &Place| x.kind == y.kind && x.at < y.at + y.len && y.at < x.at + x.len;
        let from: Vec<Place> = (from.iter().zip(to))
            .map(|(x, own)| {
                if x == own || !to.iter().any(|y| overlaps(x, y)) {
                    return *x;
                }
                let copy = self.allot(x.kind, x.len);
                self.instructions.push(Instruction::Copy(vec![(*x, copy)]));
                copy
            })
            .collect();
        let copies: Vec<(Place, Place)> =
            from.into_iter().zip(to.iter().copied()).filter(|(x, y)| x != y).collect();
        if !copies.is_empty() {
            self.instructions.push(Instruction::Copy(copies));
        }
    }

    /// The place of each of `known`.
    fn places(&mut self, known: &mut [Known]) -> Vec<Place> {
        known.iter_mut().map(|known| self.place(known)).collect()
    }

    /// Places of their own for values that a loop carries, with their first values.
    fn carried(&mut self, first: &mut [Known]) -> Vec<Place> {
        let from = self.places(first);
        let to: Vec<Place> = from.iter().map(|x| self.allot(x.kind, x.len)).collect();
        self.carry(&from, &to);
        to
    }

    /// Lets the instruction at `at` go to here.
    fn land(&mut self, at: usize) {
        let here = self.instructions.len();
        match &mut self.instructions[at] {
            Instruction::Jump { to } | Instruction::Unless { to, .. } | Instruction::Round { to, .. } => {
                *to = here
            }
            _ => unreachable!("only jumps land"),
        }
    }

    /// The carried values of a loop with a condition, and of `max` rounds at most.
    fn repeat(
        &mut self,
        node: &Node,
        carries: usize,
        max: Option<usize>,
        mut inputs: Vec<Known>,
    ) -> Option<Vec<Known>> {
        let [condition, body] = node.op.regions() else { return None };
        self.places(&mut inputs);
        let carried = self.carried(&mut inputs[..carries]);
        for (input, &place) in inputs.iter_mut().zip(&carried) {
            *input = Known::at(place);
        }
        let counter = self.allot(Kind::Integer, 1).at;
        if max.is_some() {
            self.instructions.push(Instruction::Begin { counter });
        }
        let mut values: Values = vec![None; body.value_count()];
        let left = self.fixed(body, carries, &inputs, &mut values)?;
        let start = self.instructions.len();
        if let Some(rounds) = max {
            self.instructions.push(Instruction::Round { counter, rounds, to: 0 });
        }
        let mut holds = self.graph(condition, inputs.clone())?.remove(0);
        let holds = self.place(&mut holds).at;
        let leave = self.instructions.len();
        self.instructions.push(Instruction::Unless { holds, to: 0 });
        self.nodes(body, &body.input_values(), inputs, left, &mut values)?;
        let outputs = self.places(&mut outputs(body, &values));
        self.carry(&outputs, &carried);
        self.instructions.push(Instruction::Jump { to: start });
        self.land(leave);
        if max.is_some() {
            self.land(start);
        }
        Some(carried.into_iter().map(Known::at).collect())
    }

    /// The carried values and stacks of a loop over `rounds` rows.
    fn scan(
        &mut self,
        graph: &Graph,
        node: &Node,
        [carries, rows, rounds]: [usize; 3],
        reverse: bool,
        mut inputs: Vec<Known>,
    ) -> Option<Vec<Known>> {
        let [body] = node.op.regions() else { return None };
        let from = self.places(&mut inputs);
        let carried = self.carried(&mut inputs[..carries]);
        let stacks: Vec<Place> =
            (node.results[carries..].iter()).map(|&v| self.place_for(graph.ty(v))).collect::<Option<_>>()?;
        let counter = self.allot(Kind::Integer, 1).at;
        let row = |of: Place| Row { sequence: of.at, counter, rounds, reverse };
        let mut values: Values = vec![None; body.value_count()];
        let left = self.fixed(body, carries + rows, &inputs, &mut values)?;
        self.instructions.push(Instruction::Begin { counter });
        let start = self.instructions.len();
        self.instructions.push(Instruction::Round { counter, rounds, to: 0 });
        for (i, input) in inputs[..carries + rows].iter_mut().enumerate() {
            let place = match carried.get(i) {
                Some(&carried) => carried,
                None => {
                    let y = self.allot(from[i].kind, from[i].len / rounds);
                    self.instructions.push(Instruction::Take { row: row(from[i]), y });
                    y
                }
            };
            *input = Known::at(place);
        }
        self.nodes(body, &body.input_values(), inputs, left, &mut values)?;
        let outputs = self.places(&mut outputs(body, &values));
        for (&x, &stack) in outputs[carries..].iter().zip(&stacks) {
            self.instructions.push(Instruction::Put { x, row: row(stack) });
        }
        self.carry(&outputs[..carries], &carried);
        self.instructions.push(Instruction::Jump { to: start });
        self.land(start);
        Some(carried.into_iter().chain(stacks).map(Known::at).collect())
    }

    /// The results of the branch that a predicate chooses.
    fn choice(
        &mut self,
        graph: &Graph,
        node: &Node,
        mut inputs: Vec<Known>,
        values: &mut Values,
    ) -> Option<Vec<Known>> {
        if graph.ty(node.operands[0]).dtype == DType::U64 {
            return None;
        }
        let predicate = self.operand(values, node.operands[0]);
        self.places(&mut inputs);
        let results: Vec<Place> =
            node.results.iter().map(|&v| self.place_for(graph.ty(v))).collect::<Option<_>>()?;
        let choose = self.instructions.len();
        self.instructions.push(Instruction::Choose { predicate, branches: Vec::new() });
        let (mut branches, mut ends) = (Vec::new(), Vec::new());
        for branch in node.op.regions() {
            branches.push(self.instructions.len());
            let mut outputs = self.graph(branch, inputs.clone())?;
            let outputs = self.places(&mut outputs);
            self.carry(&outputs, &results);
            ends.push(self.instructions.len());
            self.instructions.push(Instruction::Jump { to: 0 });
        }
        ends.into_iter().for_each(|end| self.land(end));
        self.instructions[choose] = Instruction::Choose { predicate, branches };
        Some(results.into_iter().map(Known::at).collect())
    }
}

/// What is known of the outputs of a graph whose nodes have all been added.
fn outputs(graph: &Graph, values: &Values) -> Vec<Known> {
    graph.outputs().iter().map(|v| values[v.index()].clone().expect("made")).collect()
}

/// The first of positions that stand one behind the other.
fn run_of(from: &[u32]) -> Option<usize> {
    let (&first, _) = from.split_first()?;
    let follows = |(i, &at): (usize, &u32)| at != NONE && at == first.wrapping_add(i as u32);
    from.iter().enumerate().all(follows).then_some(first as usize)
}

/// Where the elements come from, in the form that is moved fastest.
fn source(from: Vec<u32>) -> Source {
    /// Runs below that are moved element by element.
    const RUN_MIN: usize = 4;
    if !from.contains(&NONE) {
        if from.iter().all(|&at| at == from[0]) {
            return Source::Splat(from[0] as usize);
        }
        // The longest run that divides the whole.
        let lengths = || (RUN_MIN..from.len()).rev().filter(|&len| from.len().is_multiple_of(len));
        let starts = |len: usize| from.iter().step_by(len).copied().collect();
        if let Some(len) = lengths().find(|&len| from.chunks(len).all(|part| run_of(part).is_some())) {
            return Source::Runs { len, starts: starts(len) };
        }
        if let Some(len) =
            lengths().find(|&len| from.chunks(len).all(|part| part.iter().all(|at| *at == part[0])))
        {
            return Source::Repeats { len, of: starts(len) };
        }
    }
    Source::Each(from.into())
}
