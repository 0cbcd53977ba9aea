//! Chains of elementwise operations over the rows of a tile.
//!
//! A group runs chunk by chunk: [`CHUNK`] elements go through all its operations before the next
//! ones are read, so that intermediate values stay in L1. Within a chunk each operation is one loop
//! of SIMD vectors. Truth values are held as 1 and 0.

use super::schedule::{Buffer, Place};
use crate::numerics::dispatch::Kernel;
use crate::numerics::lanes::{Lanes, Number, Real, Simd};
use crate::numerics::math::{Elementary, UnaryFn, map_pow_lanes, map_unary_lanes};
use crate::ops::{Direction, Function};

/// Elements of a chunk: 2 KiB of f64, so that a dozen registers fit into 32 KiB of L1.
pub(super) const CHUNK: usize = 256;

/// Where an operation reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// A chunk register.
    Register(usize),
    /// The same elements of a buffer of the tile.
    Memory(Buffer),
}

/// Where an operation writes.
#[derive(Clone, Copy, Debug)]
enum Target {
    Register(usize),
    /// A buffer of the arena.
    Arena(usize),
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Function(Function),
    Compare(Direction),
    Select,
    Copy,
    /// Repeats the row vector of this index.
    Vector(usize),
    /// Spreads the column that the first source names.
    Column,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    action: Action,
    sources: [Source; 3],
    target: Target,
}

/// Elementwise operations over rows of `width` elements.
#[derive(Debug)]
pub(super) struct Group<T> {
    pub width: usize,
    steps: Vec<Step>,
    /// Registers that hold the same number all the time.
    numbers: Vec<(usize, T)>,
    pub registers: usize,
}

/// Builds a [`Group`]; registers are shared by values that do not live at the same time.
pub(super) struct GroupBuilder<T> {
    group: Group<T>,
    sources: Vec<(Place<T>, Source)>,
}

impl<T: Real> GroupBuilder<T> {
    pub fn new(width: usize) -> GroupBuilder<T> {
        let group = Group { width, steps: Vec::new(), numbers: Vec::new(), registers: 0 };
        GroupBuilder { group, sources: Vec::new() }
    }

    fn register(&mut self) -> usize {
        self.group.registers += 1;
        self.group.registers - 1
    }

    /// The source that reads `place`.
    pub fn source(&mut self, place: Place<T>) -> Source {
        if let Some((_, source)) = self.sources.iter().find(|(known, _)| *known == place) {
            return *source;
        }
        let source = match place {
            Place::Arena { at, .. } => Source::Memory(Buffer::Arena(at)),
            Place::Input { index, .. } => Source::Memory(Buffer::Input(index)),
            Place::Number(number) => {
                let register = self.register();
                self.group.numbers.push((register, number));
                Source::Register(register)
            }
            Place::Vector { index, .. } => self.step(Action::Vector(index), &[], None),
            Place::Column { of, .. } => self.step(Action::Column, &[Source::Memory(of)], None),
            Place::Slot(_) => unreachable!("groups read elements of one type"),
        };
        self.sources.push((place, source));
        source
    }

    pub fn function(&mut self, function: Function, sources: &[Source], target: Option<usize>) -> Source {
        self.step(Action::Function(function), sources, target)
    }

    pub fn compare(&mut self, direction: Direction, x: Source, y: Source, target: Option<usize>) -> Source {
        self.step(Action::Compare(direction), &[x, y], target)
    }

    pub fn select(&mut self, mask: Source, x: Source, y: Source, target: Option<usize>) -> Source {
        self.step(Action::Select, &[mask, x, y], target)
    }

    pub fn copy(&mut self, source: Source, target: usize) {
        self.step(Action::Copy, &[source], Some(target));
    }

    fn step(&mut self, action: Action, sources: &[Source], target: Option<usize>) -> Source {
        let (target, result) = match target {
            Some(at) => (Target::Arena(at), Source::Memory(Buffer::Arena(at))),
            None => {
                let register = self.register();
                (Target::Register(register), Source::Register(register))
            }
        };
        let first = sources.first().copied().unwrap_or(result);
        let second = sources.get(1).copied().unwrap_or(first);
        let third = sources.get(2).copied().unwrap_or(first);
        self.group.steps.push(Step { action, sources: [first, second, third], target });
        result
    }

    /// The group, its registers renumbered so that one serves many values.
    pub fn finish(self) -> Group<T> {
        let mut group = self.group;
        let pinned = |r: usize, numbers: &[(usize, T)]| numbers.iter().any(|(n, _)| *n == r);
        let mut last = vec![0; group.registers];
        for (i, step) in group.steps.iter().enumerate() {
            for source in step.sources {
                if let Source::Register(r) = source {
                    last[r] = i;
                }
            }
        }
        let mut names: Vec<Option<usize>> = vec![None; group.registers];
        let mut count = 0;
        let mut free = Vec::new();
        for (r, _) in &group.numbers {
            names[*r] = Some(count);
            count += 1;
        }
        for i in 0..group.steps.len() {
            let old = group.steps[i];
            if let Target::Register(r) = old.target {
                let name = free.pop().unwrap_or_else(|| {
                    count += 1;
                    count - 1
                });
                names[r] = Some(name);
                group.steps[i].target = Target::Register(name);
            }
            for (source, renamed) in old.sources.iter().zip(&mut group.steps[i].sources) {
                if let Source::Register(r) = *source {
                    *renamed = Source::Register(names[r].expect("written before it is read"));
                }
            }
            for r in 0..last.len() {
                let written = names[r].is_some();
                if written && last[r] == i && !pinned(r, &group.numbers) && is_used(&old, r) {
                    free.push(names[r].expect("written"));
                }
            }
        }
        for (register, _) in &mut group.numbers {
            *register = names[*register].expect("named first");
        }
        group.registers = count;
        group
    }
}

fn is_used(step: &Step, register: usize) -> bool {
    step.sources.contains(&Source::Register(register))
        || matches!(step.target, Target::Register(r) if r == register)
}

/// One group over one tile.
pub(super) struct RunGroup<'a, T> {
    pub group: &'a Group<T>,
    pub rows: usize,
    /// Start of an arena buffer: `arena + at · tile_rows`.
    pub arena: *mut T,
    pub tile_rows: usize,
    /// Start of each region input's rows of this tile.
    pub inputs: &'a [*const T],
    /// Row vectors of the region.
    pub vectors: &'a [Vec<T>],
    /// Room for the registers, [`CHUNK`] elements each.
    pub registers: *mut T,
}

impl<T: Real> Kernel for RunGroup<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let total = self.rows * self.group.width;
        for &(register, number) in &self.group.numbers {
            // SAFETY: the caller made room for `registers` chunks.
            unsafe { std::slice::from_raw_parts_mut(self.registers.add(register * CHUNK), CHUNK) }
                .fill(number);
        }
        let mut start = 0;
        while start < total {
            let count = CHUNK.min(total - start);
            for step in &self.group.steps {
                // SAFETY: buffers hold `rows · width` elements from their start, registers CHUNK.
                unsafe { self.step::<S>(step, start, count) };
            }
            start += count;
        }
    }
}

impl<T: Real> RunGroup<'_, T> {
    #[inline(always)]
    unsafe fn base(&self, buffer: Buffer) -> *const T {
        match buffer {
            // SAFETY: the arena has room for every buffer of the program.
            Buffer::Arena(at) => unsafe { self.arena.add(at * self.tile_rows) },
            Buffer::Input(index) => self.inputs[index],
        }
    }

    #[inline(always)]
    unsafe fn read(&self, source: Source, start: usize) -> *const T {
        // SAFETY: as the caller's: `start` lies inside the buffer.
        unsafe {
            match source {
                Source::Register(r) => self.registers.add(r * CHUNK),
                Source::Memory(buffer) => self.base(buffer).add(start),
            }
        }
    }

    #[inline(always)]
    unsafe fn step<S: Simd>(&self, step: &Step, start: usize, count: usize) {
        // SAFETY: every pointer below is valid for `count` elements, see `run`.
        unsafe {
            let y = match step.target {
                Target::Register(r) => self.registers.add(r * CHUNK),
                Target::Arena(at) => self.arena.add(at * self.tile_rows + start),
            };
            let [a, b, c] = step.sources;
            match step.action {
                Action::Function(function) => {
                    function_loop::<T, T::Vector<S>>(
                        function,
                        self.read(a, start),
                        self.read(b, start),
                        y,
                        count,
                    );
                }
                Action::Compare(direction) => {
                    compare_loop::<T, T::Vector<S>>(
                        direction,
                        self.read(a, start),
                        self.read(b, start),
                        y,
                        count,
                    );
                }
                Action::Select => {
                    let (mask, x, z) = (self.read(a, start), self.read(b, start), self.read(c, start));
                    each::<T, T::Vector<S>>(
                        count,
                        |i| {
                            let zero = T::Vector::<S>::zero();
                            let taken = T::Vector::<S>::load(mask.add(i)).ne(zero);
                            Number::select(taken, Lanes::load(x.add(i)), Lanes::load(z.add(i)))
                        },
                        |i| if *mask.add(i) != T::ZERO { *x.add(i) } else { *z.add(i) },
                        y,
                    );
                }
                Action::Copy => std::ptr::copy(self.read(a, start), y, count),
                Action::Vector(index) => self.spread_vector(index, start, count, y),
                Action::Column => {
                    let Source::Memory(buffer) = a else { return };
                    self.spread_column(self.base(buffer), start, count, y);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn spread_vector(&self, index: usize, start: usize, count: usize, y: *mut T) {
        let (vector, width) = (&self.vectors[index], self.group.width);
        let (mut done, mut column) = (0, start % width);
        while done < count {
            let run = (width - column).min(count - done);
            // SAFETY: `run` elements are left in the vector and in the chunk.
            unsafe { std::ptr::copy_nonoverlapping(vector.as_ptr().add(column), y.add(done), run) };
            done += run;
            column = 0;
        }
    }

    #[inline(always)]
    unsafe fn spread_column(&self, x: *const T, start: usize, count: usize, y: *mut T) {
        let width = self.group.width;
        let (mut done, mut row, mut column) = (0, start / width, start % width);
        while done < count {
            let run = (width - column).min(count - done);
            // SAFETY: `row` is a row of the tile, and `run` elements are left in the chunk.
            unsafe { std::slice::from_raw_parts_mut(y.add(done), run).fill(*x.add(row)) };
            done += run;
            row += 1;
            column = 0;
        }
    }
}

/// Runs `vector` over whole vectors and `scalar` over the rest.
#[inline(always)]
unsafe fn each<T: Real, V: Lanes<Scalar = T>>(
    count: usize,
    vector: impl Fn(usize) -> V,
    scalar: impl Fn(usize) -> T,
    y: *mut T,
) {
    let whole = count - count % V::WIDTH;
    let mut i = 0;
    while i < whole {
        // SAFETY: `i + WIDTH <= count`.
        unsafe { vector(i).store(y.add(i)) };
        i += V::WIDTH;
    }
    while i < count {
        // SAFETY: `i < count`.
        unsafe { *y.add(i) = scalar(i) };
        i += 1;
    }
}

#[inline(always)]
unsafe fn function_loop<T: Real, V: Elementary<Scalar = T>>(
    function: Function,
    a: *const T,
    b: *const T,
    y: *mut T,
    count: usize,
) {
    // The long ones run two vectors at a time, which hides the latency of their chains.
    macro_rules! twins {
        ($($name:ident)*) => {
            match function {
                $(Function::$name => {
                    // SAFETY: the caller's pointers are valid for `count` elements; a step never
                    // writes where it reads.
                    let (x, y) = unsafe { (std::slice::from_raw_parts(a, count), std::slice::from_raw_parts_mut(y, count)) };
                    return map_unary_lanes::<V>(UnaryFn::$name, x, y);
                })*
                Function::Pow => {
                    // SAFETY: as above.
                    let (a, b) = unsafe { (std::slice::from_raw_parts(a, count), std::slice::from_raw_parts(b, count)) };
                    // SAFETY: as above.
                    return map_pow_lanes::<V>(a, b, unsafe { std::slice::from_raw_parts_mut(y, count) });
                }
                _ => {}
            }
        };
    }
    twins! { Exp Log Sin Cos Tanh Sigmoid }
    // One loop per function: the function is a constant inside its loop.
    macro_rules! loops {
        ($($name:ident)*) => {
            match function {
                $(Function::$name => each::<T, V>(
                    count,
                    #[inline(always)]
                    |i| Function::$name.value(V::load(a.add(i)), V::load(b.add(i))),
                    #[inline(always)]
                    |i| Function::$name.value(*a.add(i), *b.add(i)),
                    y,
                ),)*
                _ => unreachable!("done above"),
            }
        };
    }
    // SAFETY: the caller's pointers are valid for `count` elements.
    unsafe {
        loops! { Neg Abs Sign Sqrt Relu Reciprocal Not Add Sub Mul MulStrong Div Max Min And Or }
    }
}

#[inline(always)]
unsafe fn compare_loop<T: Real, V: Elementary<Scalar = T>>(
    direction: Direction,
    a: *const T,
    b: *const T,
    y: *mut T,
    count: usize,
) {
    macro_rules! loops {
        ($($name:ident)*) => {
            match direction {
                $(Direction::$name => each::<T, V>(
                    count,
                    #[inline(always)]
                    |i| {
                        let (x, z) = (V::load(a.add(i)), V::load(b.add(i)));
                        V::select(Direction::$name.holds(x, z), V::splat(T::ONE), V::zero())
                    },
                    #[inline(always)]
                    |i| {
                        let (x, z) = (*a.add(i), *b.add(i));
                        if Direction::$name.holds(x, z) { T::ONE } else { T::ZERO }
                    },
                    y,
                ),)*
            }
        };
    }
    // SAFETY: the caller's pointers are valid for `count` elements.
    unsafe {
        loops! { Eq Ne Lt Le Gt Ge }
    }
}
