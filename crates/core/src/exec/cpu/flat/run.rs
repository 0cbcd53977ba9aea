//! Running a program.

use super::lanes::{Keep, LaneLines, LaneLu, LaneMatmul, LaneSolve, Side};
use super::{Instruction, Kind, LANES_MAX, NONE, Place, Program, Row, Source};
use crate::exec::cpu::aligned::Aligned;
use crate::exec::cpu::group::{CHUNK, RunGroup};
use crate::exec::cpu::leaf::{Buffers, reduce_lines};
use crate::exec::cpu::product::Plane;
use crate::exec::cpu::reduce::Reduce;
use crate::exec::cpu::{factor, gemm, whole};
use crate::ir::{DType, Type};
use crate::numerics::dispatch::{Level, dispatch};
use crate::numerics::lanes::Real;
use crate::numerics::reduce::Sum;
use crate::numerics::reduce::line::lines;
use crate::ops::Extents;
use crate::tensor::{Data, Tensor};
use std::marker::PhantomData;
use std::ops::Range;

/// The arena of one call.
pub(super) struct Workspace<T> {
    numbers: Aligned<T>,
    integers: Vec<i64>,
    registers: Aligned<T>,
}

/// The elements of a tensor of floats or truth values.
pub(super) fn write_numbers<T: Real>(to: &mut [T], tensor: &Tensor) {
    match tensor.data() {
        Data::Bool(x) => to.iter_mut().zip(x).for_each(|(y, &x)| *y = if x { T::ONE } else { T::ZERO }),
        _ => to.copy_from_slice(tensor.values::<T>()),
    }
}

/// The elements of a tensor of integers.
pub(super) fn write_integers(to: &mut [i64], tensor: &Tensor) {
    macro_rules! write {
        ($x:expr) => {
            to.iter_mut().zip($x).for_each(|(y, &x)| *y = x as i64)
        };
    }
    match tensor.data() {
        Data::I64(x) => write!(x),
        Data::I32(x) => write!(x),
        Data::U64(x) => write!(x),
        Data::U32(x) => write!(x),
        _ => unreachable!("integers"),
    }
}

/// Parts of an arena to read, and one to write, which lies elsewhere: a program never writes where the same instruction reads.
fn parts<E, const K: usize>(all: &mut [E], x: [Range<usize>; K], y: Range<usize>) -> ([&[E]; K], &mut [E]) {
    let apart = |x: &Range<usize>| x.end <= y.start || y.end <= x.start;
    assert!(x.iter().all(|x| x.start <= x.end && x.end <= all.len() && apart(x)));
    assert!(y.start <= y.end && y.end <= all.len());
    let start = all.as_mut_ptr();
    // SAFETY: all lie in the arena, which is borrowed as long, and none in what is written.
    unsafe {
        let x = x.map(|x| std::slice::from_raw_parts(start.add(x.start), x.len()));
        (x, std::slice::from_raw_parts_mut(start.add(y.start), y.len()))
    }
}

impl<T: Real> Workspace<T> {
    pub fn new(program: &Program<T>) -> Workspace<T> {
        let mut numbers = Aligned::zeros(program.numbers.len());
        numbers.copy_from_slice(&program.numbers);
        let registers = Aligned::zeros(program.registers * CHUNK);
        Workspace { numbers, integers: program.integers.clone(), registers }
    }

    fn numbers(&self, place: Place) -> &[T] {
        &self.numbers[place.at..place.at + place.len]
    }

    fn integers(&self, place: Place) -> &[i64] {
        &self.integers[place.at..place.at + place.len]
    }

    /// Writes a tensor to its place.
    pub fn write(&mut self, place: Place, tensor: &Tensor) {
        let range = place.at..place.at + place.len;
        match place.kind {
            Kind::Number => write_numbers(&mut self.numbers[range], tensor),
            Kind::Integer => write_integers(&mut self.integers[range], tensor),
        }
    }

    /// Writes rows of a tensor, one for each position, the last one once more where there are fewer.
    pub fn write_lanes(&mut self, place: Place, tensor: &Tensor, lanes: usize, rows: Range<usize>) {
        let range = place.at..place.at + place.len;
        match place.kind {
            Kind::Number => {
                let y = &mut self.numbers[range];
                match tensor.data() {
                    Data::Bool(x) => to_lanes(x, y, lanes, rows, |x| if x { T::ONE } else { T::ZERO }),
                    _ => to_lanes(tensor.values::<T>(), y, lanes, rows, |x| x),
                }
            }
            Kind::Integer => {
                let y = &mut self.integers[range];
                match tensor.data() {
                    Data::I64(x) => to_lanes(x, y, lanes, rows, |x| x),
                    Data::I32(x) => to_lanes(x, y, lanes, rows, i64::from),
                    Data::U64(x) => to_lanes(x, y, lanes, rows, |x| x as i64),
                    Data::U32(x) => to_lanes(x, y, lanes, rows, i64::from),
                    _ => unreachable!("integers"),
                }
            }
        }
    }

    /// Writes the values of all positions to rows of a tensor.
    pub fn read_lanes(&self, place: Place, tensor: &mut Tensor, lanes: usize, rows: Range<usize>) {
        let range = place.at..place.at + place.len;
        match tensor.data_mut() {
            Data::Bool(y) => from_lanes(&self.numbers[range], y, lanes, rows, |x| x != T::ZERO),
            Data::I64(y) => from_lanes(&self.integers[range], y, lanes, rows, |x| x),
            Data::I32(y) => from_lanes(&self.integers[range], y, lanes, rows, |x| x as i32),
            Data::U64(y) => from_lanes(&self.integers[range], y, lanes, rows, |x| x as u64),
            Data::U32(y) => from_lanes(&self.integers[range], y, lanes, rows, |x| x as u32),
            y => {
                let y = T::slice_mut(y).expect("its floats are of this type");
                from_lanes(&self.numbers[range], y, lanes, rows, |x| x);
            }
        }
    }

    /// Elements for each position from `at` on.
    fn plane(&mut self, at: usize, lanes: usize) -> Plane<T> {
        Plane { start: self.numbers[at..].as_mut_ptr(), row: lanes }
    }

    /// The value at a place as a tensor.
    pub fn tensor(&self, place: Place, ty: &Type) -> Tensor {
        let shape = ty.static_shape().expect("lowered");
        match ty.dtype {
            DType::Bool => Tensor::new(shape, self.numbers(place).iter().map(|&x| x != T::ZERO).collect()),
            DType::F64 | DType::F32 => Tensor::new(shape, self.numbers(place).to_vec()),
            DType::I64 => Tensor::new(shape, self.integers(place).to_vec()),
            DType::I32 => Tensor::new(shape, self.integers(place).iter().map(|&x| x as i32).collect()),
            DType::U64 => Tensor::new(shape, self.integers(place).iter().map(|&x| x as u64).collect()),
            DType::U32 => Tensor::new(shape, self.integers(place).iter().map(|&x| x as u32).collect()),
        }
    }

    /// Runs all of the instructions, for positions side by side.
    pub fn run(&mut self, instructions: &[Instruction<T>], lanes: usize, level: Level) {
        let mut at = 0;
        while let Some(instruction) = instructions.get(at) {
            at += 1;
            match instruction {
                Instruction::Jump { to } => at = *to,
                Instruction::Unless { holds, to } => {
                    if self.numbers[*holds] == T::ZERO {
                        at = *to;
                    }
                }
                Instruction::UnlessAny { holds, active, to } => {
                    let mut any = false;
                    for lane in 0..lanes {
                        let goes_on =
                            self.numbers[active + lane] != T::ZERO && self.numbers[holds + lane] != T::ZERO;
                        self.numbers[active + lane] = if goes_on { T::ONE } else { T::ZERO };
                        any |= goes_on;
                    }
                    if !any {
                        at = *to;
                    }
                }
                Instruction::Choose { predicate, branches } => {
                    let last = branches.len() - 1;
                    let branch = match predicate.kind {
                        Kind::Number => usize::from(self.numbers[predicate.at] == T::ZERO),
                        Kind::Integer => self.integers[predicate.at].clamp(0, last as i64) as usize,
                    };
                    at = branches[branch.min(last)];
                }
                Instruction::Begin { counter } => self.integers[*counter] = 0,
                Instruction::Round { counter, rounds, to } => {
                    let count = &mut self.integers[*counter];
                    match *count as usize == *rounds {
                        true => at = *to,
                        false => *count += 1,
                    }
                }
                _ => self.compute(instruction, level, lanes),
            }
        }
    }

    fn compute(&mut self, instruction: &Instruction<T>, level: Level, lanes: usize) {
        match *instruction {
            Instruction::Group(ref group) => {
                let buffers = Buffers::of_arena(self.numbers.as_mut_ptr());
                let registers = self.registers.as_mut_ptr();
                dispatch(
                    level,
                    RunGroup { level, group, rows: 1, buffers: &buffers, vectors: &[], registers },
                );
            }
            Instruction::Copy(ref copies) => copies.iter().for_each(|&(x, y)| self.copy(x, y)),
            Instruction::Move { ref from, y } => match y.kind {
                Kind::Number => moved(&mut self.numbers, from, y),
                Kind::Integer => moved(&mut self.integers, from, y),
            },
            Instruction::Integers { function, x: [a, b], y } => {
                let x = [a, b].map(|at| at..at + y.len);
                let ([a, b], y) = parts(&mut self.integers, x, y.range());
                function.of_integers(level, a, b, y);
            }
            Instruction::CompareIntegers { direction, x: [a, b], y, len } => {
                for i in 0..len {
                    let holds = direction.orders(&self.integers[a + i], &self.integers[b + i]);
                    self.numbers[y + i] = if holds { T::ONE } else { T::ZERO };
                }
            }
            Instruction::SelectIntegers { mask, x: [a, b], y } => {
                for i in 0..y.len {
                    let from = if self.numbers[mask + i] != T::ZERO { a } else { b };
                    self.integers[y.at + i] = self.integers[from + i];
                }
            }
            Instruction::TruthToInteger { x, y } => {
                for i in 0..y.len {
                    self.integers[y.at + i] = i64::from(self.numbers[x + i] != T::ZERO);
                }
            }
            Instruction::Matmul { ref op, extents, x: [a, b], y } => {
                let start = self.numbers.as_mut_ptr();
                // SAFETY: the places hold the operands and the result, which lies elsewhere.
                unsafe { gemm::matmul_at(level, op, extents, start.add(a), start.add(b), start.add(y)) };
            }
            Instruction::Lines { x: [a, b], dot, combiner, n, y } => {
                let x = [a, b].map(|at| at..at + n * y.len);
                let ([a, b], y) = parts(&mut self.numbers, x, y.range());
                match dot {
                    true => lines(level, [a, b], n, y, PhantomData::<Sum>),
                    false => reduce_lines(level, combiner, a, n, y),
                }
            }
            Instruction::Lu { x, n, count, y, rows, info } => {
                self.numbers.copy_within(x..x + count * n * n, y);
                for i in 0..count {
                    let a = &mut self.numbers[y + i * n * n..][..n * n];
                    let order = &mut self.integers[rows + i * n..][..n];
                    let status = factor::lu_of(level, a, n, order);
                    self.integers[info + i] = status;
                }
            }
            Instruction::Solve { triangle, t, x, n, columns, count, y } => {
                self.numbers.copy_within(x..x + count * n * columns, y);
                let (t, x) = (t..t + count * n * n, y..y + count * n * columns);
                let ([t], x) = parts(&mut self.numbers, [t], x);
                for (t, x) in t.chunks_exact(n * n).zip(x.chunks_exact_mut(n * columns)) {
                    factor::solve_of(level, triangle, t, n, x, columns);
                }
            }
            Instruction::Gather { x, width, rows, index, y } => {
                for k in 0..y.len / width {
                    let row = usize::try_from(self.integers[index + k]).ok().filter(|&row| row < rows);
                    let to = y.at + k * width;
                    match (y.kind, row) {
                        (Kind::Number, Some(row)) => {
                            let from = x.at + row * width;
                            self.numbers.copy_within(from..from + width, to);
                        }
                        (Kind::Number, None) => self.numbers[to..to + width].fill(T::ZERO),
                        (Kind::Integer, Some(row)) => {
                            let from = x.at + row * width;
                            self.integers.copy_within(from..from + width, to);
                        }
                        (Kind::Integer, None) => self.integers[to..to + width].fill(0),
                    }
                }
            }
            Instruction::Evaluate { ref op, ref operands, ref results } => {
                let operands: Vec<Tensor> =
                    operands.iter().map(|(place, ty)| self.tensor(*place, ty)).collect();
                let reduce = Reduce { level, pool: None, shard: None };
                let values = whole::run(&reduce, &**op, &operands.iter().collect::<Vec<_>>());
                for (&place, tensor) in results.iter().zip(&values) {
                    self.write(place, tensor);
                }
            }
            Instruction::Keep { active, ref copies } => {
                let active = active..active + lanes;
                if self.numbers[active.clone()].iter().all(|&active| active != T::ZERO) {
                    return copies.iter().for_each(|&(x, y)| self.copy(x, y));
                }
                for &(x, y) in copies {
                    match x.kind {
                        Kind::Number => {
                            let x = [active.clone(), x.range()];
                            let ([active, x], y) = parts(&mut self.numbers, x, y.range());
                            dispatch(level, Keep { active, x, y });
                        }
                        Kind::Integer => {
                            let active = &self.numbers[active.clone()];
                            let ([x], y) = parts(&mut self.integers, [x.range()], y.range());
                            for (y, x) in y.chunks_exact_mut(lanes).zip(x.chunks_exact(lanes)) {
                                for ((y, &x), &active) in y.iter_mut().zip(x).zip(active) {
                                    *y = if active != T::ZERO { x } else { *y };
                                }
                            }
                        }
                    }
                }
            }
            Instruction::LaneMatmul { ref op, extents: Extents { batch, m, n, k }, x, shared, y } => {
                let [x, z, y] = [x[0], x[1], y].map(|at| self.plane(at, lanes));
                let a = if op.transpose_a { (1, m) } else { (k, 1) };
                let b = if op.transpose_b { (k, 1) } else { (1, n) };
                let side = |plane, (line, term)| Side { plane, line, term };
                let (a, b, count, terms) = (side(x, a), side(z, b), batch, k);
                let shares = shared.is_some();
                // What is shared stands first.
                let product = match shared {
                    Some(1) => {
                        LaneMatmul { count, lines: n, others: m, terms, a: b, b: a, shares, y, steps: [1, n] }
                    }
                    _ => LaneMatmul { count, lines: m, others: n, terms, a, b, shares, y, steps: [n, 1] },
                };
                dispatch(level, product);
            }
            Instruction::LaneLines { x, dot, combiner, n, step, y } => {
                let (x, count) = (x.map(|at| self.plane(at, lanes)), y.len / lanes);
                let y = self.plane(y.at, lanes);
                dispatch(level, LaneLines { x, dot, combiner, n, step, y, count });
            }
            Instruction::LaneLu { x, n, count, y, rows, info } => {
                self.numbers.copy_within(x..x + count * n * n * lanes, y);
                let a = self.plane(y, lanes);
                let [rows, info] = match rows < info {
                    true => {
                        let (before, info) = self.integers[rows..].split_at_mut(info - rows);
                        [before, info]
                    }
                    false => {
                        let (info, rows) = self.integers[info..].split_at_mut(rows - info);
                        [rows, info]
                    }
                };
                dispatch(level, LaneLu { a, n, count, rows, info });
            }
            Instruction::LaneSolve { triangle, t, x, n, columns, count, y } => {
                self.numbers.copy_within(x..x + count * n * columns * lanes, y);
                let (t, x) = (self.plane(t, lanes), self.plane(y, lanes));
                dispatch(level, LaneSolve { triangle, t, x, n, columns, count });
            }
            Instruction::LaneGather { x, width, rows, index, y } => {
                let index = index..index + y.len / width;
                match y.kind {
                    Kind::Number => {
                        let ([x], y) = parts(&mut self.numbers, [x.range()], y.range());
                        gathered(x, &self.integers[index], [width, rows, lanes], y);
                    }
                    Kind::Integer => {
                        let ([x, index], y) = parts(&mut self.integers, [x.range(), index], y.range());
                        gathered(x, index, [width, rows, lanes], y);
                    }
                }
            }
            Instruction::Take { row, y } => self.copy(self.row(row, y), y),
            Instruction::Put { x, row } => self.copy(x, self.row(row, x)),
            Instruction::Jump { .. }
            | Instruction::Unless { .. }
            | Instruction::UnlessAny { .. }
            | Instruction::Choose { .. }
            | Instruction::Begin { .. }
            | Instruction::Round { .. } => unreachable!("done where instructions follow each other"),
        }
    }

    #[inline]
    fn copy(&mut self, x: Place, y: Place) {
        match x.kind {
            Kind::Number if x.len == 1 => self.numbers[y.at] = self.numbers[x.at],
            Kind::Integer if x.len == 1 => self.integers[y.at] = self.integers[x.at],
            Kind::Number => copy_run(&mut self.numbers, x, y),
            Kind::Integer => copy_run(&mut self.integers, x, y),
        }
    }

    /// The row that the loop is at, as large as `like`.
    fn row(&self, row: Row, like: Place) -> Place {
        let round = self.integers[row.counter] as usize - 1;
        let i = if row.reverse { row.rounds - 1 - round } else { round };
        Place { at: row.sequence + i * like.len, ..like }
    }
}

/// For each lane the parts of `width` elements of its `rows` at its indices; +0 for one outside.
fn gathered<E: Copy + Default>(x: &[E], index: &[i64], [width, rows, lanes]: [usize; 3], y: &mut [E]) {
    assert_eq!(x.len(), rows * width * lanes);
    for (y, index) in y.chunks_exact_mut(width * lanes).zip(index.chunks_exact(lanes)) {
        for (lane, &row) in index.iter().enumerate() {
            // A negative one is beyond all rows.
            let row = row as u64 as usize;
            for (e, y) in y[lane..].iter_mut().step_by(lanes).enumerate() {
                *y = if row < rows { x[(row * width + e) * lanes + lane] } else { E::default() };
            }
        }
    }
}

/// Rows of `x`, one for each lane, the last one once more where there are fewer.
fn to_lanes<X: Copy, Y>(x: &[X], y: &mut [Y], lanes: usize, rows: Range<usize>, value: impl Fn(X) -> Y) {
    let width = y.len() / lanes;
    let starts: [usize; LANES_MAX] =
        std::array::from_fn(|lane| (rows.start + lane).min(rows.end - 1) * width);
    assert!(rows.end * width <= x.len() && lanes <= LANES_MAX);
    for (e, y) in y.chunks_exact_mut(lanes).enumerate() {
        for (y, start) in y.iter_mut().zip(starts) {
            // SAFETY: element `e` of a row before `rows.end` lies in `x`, as was asserted.
            *y = value(unsafe { *x.get_unchecked(start + e) });
        }
    }
}

/// Lanes of `x`, one for each row.
fn from_lanes<X: Copy, Y>(x: &[X], y: &mut [Y], lanes: usize, rows: Range<usize>, value: impl Fn(X) -> Y) {
    let width = x.len() / lanes;
    let y = &mut y[rows.start * width..rows.end * width];
    for (e, x) in x.chunks_exact(lanes).enumerate() {
        for (lane, &x) in x[..rows.len()].iter().enumerate() {
            // SAFETY: `y` has as many rows of as many elements.
            unsafe { *y.get_unchecked_mut(lane * width + e) = value(x) };
        }
    }
}

/// Copies elements that stand one behind the other, without a call for each of many short runs.
#[inline]
fn copy_run<E: Copy>(all: &mut [E], x: Place, y: Place) {
    /// Elements that are copied at once.
    const PIECE: usize = 8;
    if x.len.is_multiple_of(PIECE) {
        let ([x], y) = parts(all, [x.range()], y.range());
        for (y, x) in y.as_chunks_mut::<PIECE>().0.iter_mut().zip(x.as_chunks::<PIECE>().0) {
            *y = *x;
        }
    } else {
        all.copy_within(x.range(), y.at);
    }
}

/// Moves elements within an arena.
fn moved<E: Copy + Default>(all: &mut [E], from: &Source, y: Place) {
    match from {
        Source::Splat(at) => {
            let x = all[*at];
            all[y.at..y.at + y.len].fill(x);
        }
        Source::Runs { len, starts } => {
            for (&start, to) in starts.iter().zip((y.at..).step_by(*len)) {
                let place = |at: usize| Place { kind: y.kind, at, len: *len };
                copy_run(all, place(start as usize), place(to));
            }
        }
        Source::Repeats { len, of } => {
            for (k, &at) in of.iter().enumerate() {
                let x = all[at as usize];
                all[y.at + k * len..][..*len].fill(x);
            }
        }
        Source::Each(from) => {
            assert!(y.at + from.len() <= all.len());
            for (i, &at) in from.iter().enumerate() {
                all[y.at + i] = if at == NONE { E::default() } else { all[at as usize] };
            }
        }
        Source::Columns { at, rows, columns } => {
            let (rows, columns) = (*rows, *columns);
            let x = Place { kind: y.kind, at: *at, len: rows * columns };
            let ([x], y) = parts(all, [x.range()], y.range());
            for (j, y) in y.chunks_exact_mut(rows).enumerate() {
                for (y, x) in y.iter_mut().zip(x[j..].iter().step_by(columns)) {
                    *y = *x;
                }
            }
        }
    }
}
