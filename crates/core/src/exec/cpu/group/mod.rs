//! Chains of elementwise operations over the rows of a tile.
//!
//! A group runs chunk by chunk: [`CHUNK`] elements go through all its operations before the next
//! ones are read, so that intermediate values stay in L1. Additions, products and the like form
//! *chains*: a strip of accumulators stays in machine registers through all links of a chain and
//! only what others read is written. Elementary functions, comparisons and selections are one loop
//! each. Truth values are held as 1 and 0.
//!
//! - `build` makes the steps of a group from operations in static single assignment.
//! - `chain` runs a chain.

mod build;
mod chain;

pub(super) use build::{GroupBuilder, Source};

use super::leaf::Buffers;
use super::schedule::Buffer;
use crate::numerics::dispatch::{Kernel, Level};
use crate::numerics::lanes::{Lanes, Number, Real, Simd};
use crate::numerics::math::atan::Atan2;
use crate::numerics::math::pow::Pow;
use crate::numerics::math::{Elementary, UnaryFn, map_pair, map_unary};
use crate::ops::{Direction, Function};
use chain::Link;

/// Elements of a chunk: 2 KiB of f64, so that a dozen registers fit into 32 KiB of L1.
pub(super) const CHUNK: usize = 256;

/// Where a step reads or writes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operand {
    /// A chunk register.
    Register(usize),
    /// The same elements of a buffer of the tile.
    Memory(Buffer),
}

/// What a register holds all the time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Constant<T> {
    Number(T),
    /// The row vector of this index, over and over; rows divide a chunk.
    Vector(usize),
}

#[derive(Debug)]
enum Step {
    Chain(Vec<Link>),
    Function(Function, [Operand; 2], Operand),
    Compare(Direction, [Operand; 2], Operand),
    Select([Operand; 3], Operand),
    /// Repeats the row vector of this index.
    Vector(usize, Operand),
    /// Spreads the single element of each row of a buffer over the row.
    Column(Buffer, Operand),
}

/// Elementwise operations over rows of `width` elements.
#[derive(Debug)]
pub(super) struct Group<T> {
    width: usize,
    steps: Vec<Step>,
    /// The first registers.
    constants: Vec<Constant<T>>,
    pub registers: usize,
}

/// One group over one tile.
pub(super) struct RunGroup<'a, T> {
    pub level: Level,
    pub group: &'a Group<T>,
    pub rows: usize,
    pub buffers: &'a Buffers<'a, T>,
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
        for (register, constant) in self.group.constants.iter().enumerate() {
            // SAFETY: the caller made room for `registers` chunks.
            let y = unsafe { std::slice::from_raw_parts_mut(self.registers.add(register * CHUNK), CHUNK) };
            match *constant {
                Constant::Number(number) => y.fill(number),
                Constant::Vector(index) => {
                    let y = &mut y[..CHUNK.min(total)];
                    match &self.vectors[index][..] {
                        &[number] => y.fill(number),
                        x => y.chunks_exact_mut(x.len()).for_each(|y| y.copy_from_slice(x)),
                    }
                }
            }
        }
        let mut start = 0;
        while start < total {
            let count = CHUNK.min(total - start);
            for step in &self.group.steps {
                // SAFETY: buffers hold `rows · width` elements from their start, registers CHUNK.
                unsafe { self.step::<T::Vector<S>>(step, start, count) };
            }
            start += count;
        }
    }
}

impl<T: Real> RunGroup<'_, T> {
    /// Where an operand's elements of the chunk at `start` begin.
    #[inline(always)]
    unsafe fn read(&self, operand: Operand, start: usize) -> *const T {
        // SAFETY: as the caller's: `start` lies inside the buffer.
        unsafe {
            match operand {
                Operand::Register(r) => self.registers.add(r * CHUNK),
                Operand::Memory(buffer) => self.buffers.start(buffer).add(start),
            }
        }
    }

    /// As [`Self::read`], for a register or a buffer that is no input.
    #[inline(always)]
    unsafe fn write(&self, operand: Operand, start: usize) -> *mut T {
        // SAFETY: as for `read`; inputs are no targets.
        unsafe { self.read(operand, start).cast_mut() }
    }

    #[inline(always)]
    unsafe fn step<V: Elementary<Scalar = T>>(&self, step: &Step, start: usize, count: usize) {
        // SAFETY: every pointer below is valid for `count` elements, see `run`; a step never
        // writes where it reads.
        unsafe {
            match step {
                Step::Chain(links) => self.chain::<V>(links, start, count),
                Step::Function(function, [a, b], y) => {
                    let (a, b) = (self.read(*a, start), self.read(*b, start));
                    function_loop::<T, V>(self.level, *function, a, b, self.write(*y, start), count);
                }
                Step::Compare(direction, [a, b], y) => {
                    let (a, b) = (self.read(*a, start), self.read(*b, start));
                    compare_loop::<T, V>(*direction, a, b, self.write(*y, start), count);
                }
                Step::Select([mask, x, z], y) => {
                    let (mask, x, z) = (self.read(*mask, start), self.read(*x, start), self.read(*z, start));
                    each::<T, V>(
                        count,
                        |i| {
                            let taken = V::load(mask.add(i)).ne(V::zero());
                            Number::select(taken, Lanes::load(x.add(i)), Lanes::load(z.add(i)))
                        },
                        |i| if *mask.add(i) != T::ZERO { *x.add(i) } else { *z.add(i) },
                        self.write(*y, start),
                    );
                }
                Step::Vector(index, y) => self.spread_vector(*index, start, count, self.write(*y, start)),
                Step::Column(x, y) => {
                    self.spread_column(self.buffers.start(*x), start, count, self.write(*y, start));
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
    level: Level,
    function: Function,
    a: *const T,
    b: *const T,
    y: *mut T,
    count: usize,
) {
    // The long ones run two vectors at a time, which hides the latency of their chains; as functions of their own, so that a group without them does not
    // begin with loading their tables.
    macro_rules! twins {
        ($($name:ident)*; $($pair:ident = $value:ty),*) => {
            match function {
                $(Function::$name => {
                    // SAFETY: the caller's pointers are valid for `count` elements; a step never
                    // writes where it reads.
                    let (x, y) = unsafe { (std::slice::from_raw_parts(a, count), std::slice::from_raw_parts_mut(y, count)) };
                    return map_unary(level, UnaryFn::$name, x, y);
                })*
                $(Function::$pair => {
                    // SAFETY: as above.
                    let (a, b) = unsafe { (std::slice::from_raw_parts(a, count), std::slice::from_raw_parts(b, count)) };
                    // SAFETY: as above.
                    let y = unsafe { std::slice::from_raw_parts_mut(y, count) };
                    return map_pair::<T, $value>(level, a, b, y);
                })*
                _ => {}
            }
        };
    }
    twins! { Exp Expm1 Log Log1p Sin Cos Tanh Sigmoid Erf; Pow = Pow, Atan2 = Atan2 }
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
        loops! {
            Neg Abs Sign Floor Ceil Round Trunc Sqrt Relu Reciprocal Not Add Sub Mul MulStrong Div Max Min And Or Xor
        }
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
