//! From a graph to its program.
//!
//! - `loops` has loops and choices.
//! - `moves` has what only moves elements.
//! - `rooms` says where values stand.

mod loops;
mod moves;
mod rooms;

use super::{Instruction, Kind, LANES_BYTES, Place, Program, Source, elements};
use crate::exec::cpu::group::{GroupBuilder, Source as Operand};
use crate::exec::cpu::schedule::{Buffer, Place as Rows};
use crate::ir::{DType, Graph, Node, Value};
use crate::numerics::lanes::Real;
use crate::numerics::tree::BLOCK;
use crate::ops::{Extents, Factor, Function, Kernel, Matmul, Reduction, Stable};
use crate::tensor::Tensor;
use moves::source;
use rooms::{Room, Rooms};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Mutex;

/// The program of a small graph, or for positions side by side, each with its own of the first `rows` inputs; nothing if an operation cannot stand in one.
pub(super) fn program<T: Real>(graph: &Graph, rows: Option<usize>) -> Option<Program<T>> {
    let (lanes, rows) = rows.map_or((1, 0), |rows| (LANES_BYTES / size_of::<T>(), rows));
    let mut compiler = Compiler::<T> {
        lanes,
        shared: Vec::new(),
        instructions: Vec::new(),
        numbers: Vec::new(),
        integers: Vec::new(),
        rooms: Rooms::default(),
        registers: 0,
        active: None,
    };
    let inputs: Vec<Known> = (graph.input_types().into_iter().enumerate())
        .map(|(i, ty)| compiler.fresh(ty, i < rows))
        .collect::<Option<_>>()?;
    let places = inputs.iter().map(|input| input.place.expect("fresh")).collect();
    let outputs = compiler.graph(graph, inputs)?;
    let outputs = outputs.into_iter().zip(graph.output_types()).map(|(mut known, ty)| {
        let place = if lanes > 1 { compiler.spread(&mut known) } else { compiler.place(&mut known) };
        (place, ty.clone())
    });
    let outputs = outputs.collect();
    let Compiler { shared, instructions, numbers, integers, registers, .. } = compiler;
    let spare = Mutex::default();
    Some(Program {
        lanes,
        shared,
        instructions,
        numbers,
        integers,
        registers,
        inputs: places,
        outputs,
        spare,
    })
}

/// What is known of a value: where it lies, and what it is, if that is known already.
#[derive(Clone)]
struct Known {
    place: Option<Place>,
    constant: Option<Tensor>,
    /// Whether each position has its own. Its elements then stand element by element, those of all positions side by side.
    varies: bool,
    /// Where it stands for each position, if it does not vary.
    spread: Option<Place>,
    /// The rooms that it stands in, unless it has them for good.
    rooms: Vec<Rc<Room>>,
}

impl Known {
    fn at(place: Place, varies: bool) -> Known {
        Known { place: Some(place), constant: None, varies, spread: None, rooms: Vec::new() }
    }
}

struct Compiler<T> {
    /// Positions side by side.
    lanes: usize,
    /// What makes the values that do not vary, if there are positions.
    shared: Vec<Instruction<T>>,
    instructions: Vec<Instruction<T>>,
    numbers: Vec<T>,
    integers: Vec<i64>,
    rooms: Rooms,
    registers: usize,
    /// Where it stands which positions are at work, inside a loop that each leaves at its own time.
    active: Option<usize>,
}

/// The values of a graph that is being compiled, by their index.
type Values = Vec<Option<Known>>;

impl<T: Real> Compiler<T> {
    /// The instructions that make values that vary, or do not.
    fn list(&mut self, varies: bool) -> &mut Vec<Instruction<T>> {
        if varies || self.lanes == 1 { &mut self.instructions } else { &mut self.shared }
    }

    /// Where a value stands for each position.
    fn spread(&mut self, known: &mut Known) -> Place {
        if known.varies {
            return known.place.expect("what varies is no constant");
        }
        if let Some(spread) = known.spread {
            return spread;
        }
        let lanes = self.lanes;
        let spread = match &known.constant {
            Some(tensor) => {
                let place = self.allot(Kind::of(tensor.dtype()), tensor.len() * lanes);
                let mut one = vec![T::ZERO; tensor.len()];
                match place.kind {
                    Kind::Number => {
                        super::run::write_numbers(&mut one, tensor);
                        let all = self.numbers[place.at..].chunks_mut(lanes);
                        all.zip(one).for_each(|(lanes, x)| lanes.fill(x));
                    }
                    Kind::Integer => {
                        let mut one = vec![0; tensor.len()];
                        super::run::write_integers(&mut one, tensor);
                        let all = self.integers[place.at..].chunks_mut(lanes);
                        all.zip(one).for_each(|(lanes, x)| lanes.fill(x));
                    }
                }
                place
            }
            None => {
                let x = known.place.expect("no constant");
                let y = self.allot(x.kind, x.len * lanes);
                let of = (x.at..x.at + x.len).map(|at| at as u32).collect();
                self.shared.push(Instruction::Move { from: Source::Repeats { len: lanes, of }, y });
                y
            }
        };
        known.spread = Some(spread);
        spread
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

    fn operand(&mut self, values: &mut Values, value: Value, varies: bool) -> Place {
        let known = values[value.index()].as_mut().expect("operands precede uses");
        if varies { self.spread(known) } else { self.place(known) }
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
        // How many of those that wait read a value; what others may read as well is never spent.
        let mut readers = vec![0_usize; graph.value_count()];
        let mut waits = vec![false; graph.nodes().len()];
        waiting.iter().for_each(|&i| waits[i] = true);
        for (i, node) in graph.nodes().iter().enumerate() {
            let count = if waits[i] { 1 } else { graph.nodes().len() };
            node.operands.iter().for_each(|v| readers[v.index()] += count);
        }
        graph.outputs().iter().for_each(|v| readers[v.index()] += graph.nodes().len());
        let mut spend = |done: &[usize], values: &mut Values| {
            for v in done.iter().flat_map(|&i| &graph.nodes()[i].operands) {
                readers[v.index()] -= 1;
                if readers[v.index()] == 0 {
                    values[v.index()] = None;
                }
            }
        };
        // Everything else first, so that as many elementwise operations as possible are ready together.
        while !waiting.is_empty() {
            let is_ready = |i: &usize| graph.nodes()[*i].operands.iter().all(|v| values[v.index()].is_some());
            let ready = waiting.iter().copied().filter(is_ready);
            let single = ready.clone().find(|&i| self.width(graph, i, values, false).is_none());
            match single {
                Some(i) => {
                    waiting.retain(|&other| other != i);
                    self.node(graph, &graph.nodes()[i], values)?;
                    spend(&[i], values);
                }
                None => {
                    let first = ready.clone().next().expect("graphs have no cycles");
                    let width = self.width(graph, first, values, false).expect("no single node");
                    let members = self.group(graph, width, &mut waiting, values);
                    spend(&members, values);
                }
            }
        }
        Some(())
    }

    /// How many elements an elementwise operation on numbers has, if node `i` is one, and whether they vary; what is not known varies if `made`.
    fn width(&self, graph: &Graph, i: usize, values: &Values, made: bool) -> Option<(usize, bool)> {
        let node = &graph.nodes()[i];
        let is_elementwise =
            matches!(node.op.kernel(), Kernel::Elementwise(_) | Kernel::Compare(_) | Kernel::Select);
        let numbers = |v: &Value| Kind::of(graph.ty(*v).dtype) == Kind::Number;
        let is_constant =
            |v: &Value| values[v.index()].as_ref().is_some_and(|known| known.constant.is_some());
        let is_group = is_elementwise
            && node.operands.iter().chain(&node.results).all(numbers)
            && !node.operands.iter().all(is_constant);
        let varies = |v: &Value| values[v.index()].as_ref().map_or(made, |known| known.varies);
        let varies = node.operands.iter().any(varies);
        is_group.then(|| Some((elements(graph.ty(node.results[0]))?, varies))).flatten()
    }

    /// One group of all that is ready and as wide; its nodes.
    fn group(
        &mut self,
        graph: &Graph,
        (elements, varies): (usize, bool),
        waiting: &mut Vec<usize>,
        values: &mut Values,
    ) -> Vec<usize> {
        let mut members: Vec<usize> = Vec::new();
        let mut made = vec![false; graph.value_count()];
        while let Some(at) = waiting.iter().position(|&i| {
            let operands = &graph.nodes()[i].operands;
            operands.iter().all(|v| values[v.index()].is_some() || made[v.index()])
                && self.width(graph, i, values, varies) == Some((elements, varies))
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
        let width = if varies { elements * self.lanes } else { elements };
        let mut group = GroupBuilder::new(width);
        let mut sources: HashMap<Value, Operand> = HashMap::new();
        for &i in &members {
            let node = &graph.nodes()[i];
            let y = node.results[0];
            let target = escapes[y.index()].then(|| {
                let known = self.settle(Kind::Number, width, varies);
                let at = known.place.expect("settled").at;
                values[y.index()] = Some(known);
                Buffer::Arena(at)
            });
            let x: Vec<Operand> = (node.operands.iter())
                .map(|v| match sources.get(v) {
                    Some(&source) => source,
                    None => {
                        let at = self.operand(values, *v, varies).at;
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
        self.list(varies).push(Instruction::Group(group));
        members
    }

    /// Any other node.
    fn node(&mut self, graph: &Graph, node: &Node, values: &mut Values) -> Option<()> {
        let constants: Option<Vec<Tensor>> = (node.operands.iter())
            .map(|v| values[v.index()].as_ref().and_then(|known| known.constant.clone()))
            .collect();
        if let (Some(constants), []) = (&constants, node.op.regions()) {
            let results = node.op.evaluate(&constants.iter().collect::<Vec<_>>());
            for (&y, tensor) in node.results.iter().zip(results) {
                values[y.index()] = Some(Known {
                    place: None,
                    constant: Some(tensor),
                    varies: false,
                    spread: None,
                    rooms: Vec::new(),
                });
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
        let varying: Vec<bool> =
            node.operands.iter().map(|v| values[v.index()].as_ref().expect("ready").varies).collect();
        let varies = varying.contains(&true);
        // A product reads what all positions share where it is.
        let shared = match node.op.kernel() {
            Kernel::Matmul(_) if varies => varying.iter().position(|&varies| !varies),
            _ => None,
        };
        let x: Vec<Place> = (node.operands.iter().enumerate())
            .map(|(i, &v)| self.operand(values, v, varies && shared != Some(i)))
            .collect();
        let rooms =
            node.operands.iter().flat_map(|v| values[v.index()].as_ref().expect("ready").rooms.clone());
        let rooms: Vec<Rc<Room>> = rooms.collect();
        if let Some(known) = self.moved(graph, node, &x, varies, rooms) {
            values[node.results[0].index()] = Some(known);
            return Some(());
        }
        let made: Vec<Known> =
            node.results.iter().map(|&v| self.fresh(graph.ty(v), varies)).collect::<Option<_>>()?;
        let y: Vec<Place> = made.iter().map(|known| known.place.expect("fresh")).collect();
        if varies {
            self.kernel_of_lanes(graph, node, shared, &x, &y)?;
        } else if !self.kernel(graph, node, &x, &y, false) {
            let types = node.operands.iter().map(|&v| graph.ty(v).clone());
            let operands = x.into_iter().zip(types).collect();
            self.list(false).push(Instruction::Evaluate {
                op: node.op.clone(),
                operands,
                results: y.clone(),
            });
        }
        for (v, known) in node.results.iter().zip(made) {
            values[v.index()] = Some(known);
        }
        Some(())
    }

    /// Adds the instruction of a node some of whose operands vary, all of them given for each position but the `shared` one; nothing if there is none.
    fn kernel_of_lanes(
        &mut self,
        graph: &Graph,
        node: &Node,
        shared: Option<usize>,
        x: &[Place],
        y: &[Place],
    ) -> Option<()> {
        let lanes = self.lanes;
        let dtype = |i: usize| graph.ty(node.operands[i]).dtype;
        let shape = |i: usize| graph.ty(node.operands[i]).static_shape().expect("lowered");
        let instruction = match node.op.kernel() {
            // One element after the other, whichever position's.
            Kernel::Elementwise(_) | Kernel::Compare(_) | Kernel::Select | Kernel::Convert => {
                return self.kernel(graph, node, x, y, true).then_some(());
            }
            Kernel::Matmul(op) if op.strong.is_none() => {
                let (op, extents) = (*op, op.extents(&shape(0), &shape(1)));
                let instruction =
                    Instruction::LaneMatmul { op, extents, x: [x[0].at, x[1].at], shared, y: y[0].at };
                (extents.k <= BLOCK).then_some(instruction)?
            }
            Kernel::Dot { stable: Stable::Pairwise } => {
                let n = *shape(0).last().expect("at least one axis");
                let x = [x[0].at, x[1].at];
                let instruction =
                    Instruction::LaneLines { x, dot: true, combiner: Function::Add, n, step: 1, y: y[0] };
                (n <= BLOCK).then_some(instruction)?
            }
            Kernel::Reduce { reduction, axes: &[axis], stable: Stable::Pairwise }
                if x[0].kind == Kind::Number && reduction != Reduction::Mean =>
            {
                let shape = shape(0);
                let (n, step): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
                let (combiner, x) = (reduction.combiner(), [x[0].at; 2]);
                let instruction = Instruction::LaneLines { x, dot: false, combiner, n, step, y: y[0] };
                (n <= BLOCK).then_some(instruction)?
            }
            Kernel::Factor(Factor::Lu) => {
                let n = *shape(0).last().expect("a matrix");
                let count = x[0].len / (n * n * lanes);
                Instruction::LaneLu { x: x[0].at, n, count, y: y[0].at, rows: y[1].at, info: y[2].at }
            }
            Kernel::Factor(Factor::Solve(triangle)) => {
                let &[.., n, columns] = &shape(1)[..] else { return None };
                let count = x[1].len / (n * columns * lanes);
                Instruction::LaneSolve { triangle, t: x[0].at, x: x[1].at, n, columns, count, y: y[0].at }
            }
            Kernel::Gather if dtype(1) == DType::I64 => {
                let (rows, shape) = (shape(0)[0], shape(0));
                let width = shape[1..].iter().product();
                Instruction::LaneGather { x: x[0], width, rows, index: x[1].at, y: y[0] }
            }
            _ => return None,
        };
        self.instructions.push(instruction);
        Some(())
    }

    /// Adds the instruction of a node that has a kernel for its operands at `x`; false if there is none.
    fn kernel(&mut self, graph: &Graph, node: &Node, x: &[Place], y: &[Place], varies: bool) -> bool {
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
                self.matmul(*op, extents, [at(0), at(1)], y[0].at, varies)
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
                    self.list(varies).push(Instruction::Move { from: source(positions.collect()), y: lines });
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
        self.list(varies).push(instruction);
        true
    }
}

impl<T: Real> Compiler<T> {
    /// A product whose operands stand as they are read, row by row.
    fn matmul(
        &mut self,
        mut op: Matmul,
        extents: Extents,
        [mut a, mut b]: [usize; 2],
        y: usize,
        varies: bool,
    ) -> Instruction<T> {
        let Extents { batch, m, n, k } = extents;
        // A matrix of one row or column is its own transpose.
        op.transpose_a &= m > 1 && k > 1;
        op.transpose_b &= n > 1 && k > 1;
        if n == 1 && op.transpose_a {
            // Aᵀ b is the row bᵀ A.
            op.transpose_a = false;
            let extents = Extents { m: 1, n: m, ..extents };
            return Instruction::Matmul { op, extents, x: [b, a], y };
        }
        if batch == 1 {
            let turned = |compiler: &mut Self, at: usize, rows: usize, columns: usize| {
                let to = compiler.allot(Kind::Number, rows * columns);
                let from = Source::Columns { at, rows, columns };
                compiler.list(varies).push(Instruction::Move { from, y: to });
                to.at
            };
            if std::mem::take(&mut op.transpose_a) {
                a = turned(self, a, k, m);
            }
            if std::mem::take(&mut op.transpose_b) {
                b = turned(self, b, n, k);
            }
        }
        Instruction::Matmul { op, extents, x: [a, b], y }
    }
}

/// What is known of the outputs of a graph whose nodes have all been added.
fn outputs(graph: &Graph, values: &Values) -> Vec<Known> {
    graph.outputs().iter().map(|v| values[v.index()].clone().expect("made")).collect()
}
