//! Reductions that run whole: over any axis, of any element type, split among threads along the law's tree.
//!
//! The operand is seen as `outer × n × inner`, reduced over n. Outer indices are independent; below them the blocks of n
//! split as law 3 splits them, so that whole subtrees go to threads. Integers need no law: they wrap, and every order
//! gives the same bits.

use crate::numerics::dispatch::{Kernel, Level, dispatch};
use crate::numerics::lanes::{Real, Simd};
use crate::numerics::reduce::columns::{Columns, JoinStates, States};
use crate::numerics::reduce::line::{Line, Lines};
use crate::numerics::reduce::stable::{DoubleDouble, Kahan};
use crate::numerics::reduce::{Max, Min, Prod, Reducer, Sum};
use crate::numerics::tree;
use crate::ops::{Function, Reduction, Stable};
use crate::tensor::{Data, Element, Tensor};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::marker::PhantomData;

/// Terms that one thread takes at once: 256 KiB of f64, some ten times what handing them over costs.
const GRAIN: usize = 1 << 15;
/// Terms below which waking another thread costs more than it brings.
const PARALLEL_MIN: usize = 1 << 17;

/// What a reduction runs on.
pub(super) struct Reduce<'a> {
    pub level: Level,
    pub pool: Option<&'a rayon::ThreadPool>,
}

/// The extents of an operand around the reduced axis.
#[derive(Clone, Copy)]
struct Extents {
    n: usize,
    inner: usize,
}

impl Reduce<'_> {
    /// `x` reduced over `axis`; not a mean, which is a sum and a division.
    pub fn reduce(&self, reduction: Reduction, stable: Stable, x: &Tensor, axis: usize) -> Tensor {
        let mut shape = x.shape().to_vec();
        let (n, inner) = (shape.remove(axis), x.shape()[axis + 1..].iter().product());
        let extents = Extents { n, inner };
        let count = shape.iter().product();
        let combiner = reduction.combiner();
        let data = match x.data() {
            Data::F64(x) => Element::wrap(self.floats(combiner, stable, x, extents, count)),
            Data::F32(x) => Element::wrap(self.floats(combiner, stable, x, extents, count)),
            Data::I64(x) => Element::wrap(self.integers(combiner, x, extents, count)),
            Data::I32(x) => Element::wrap(self.integers(combiner, x, extents, count)),
            Data::U64(x) => Element::wrap(self.integers(combiner, x, extents, count)),
            Data::U32(x) => Element::wrap(self.integers(combiner, x, extents, count)),
            Data::Bool(_) => unreachable!("refused by reduce-1"),
        };
        Tensor::from_data(shape, data)
    }

    /// The dot products of `x` and `y` over the last axis.
    pub fn dot(&self, stable: Stable, x: &Tensor, y: &Tensor) -> Tensor {
        let (&n, shape) = x.shape().split_last().expect("at least one axis, by dot-1");
        let extents = Extents { n, inner: 1 };
        let data = match x.dtype() {
            f32::DTYPE => Element::wrap(self.products::<f32>(stable, [x.values(), y.values()], extents, shape)),
            _ => Element::wrap(self.products::<f64>(stable, [x.values(), y.values()], extents, shape)),
        };
        Tensor::from_data(shape, data)
    }

    fn products<T: Real>(&self, stable: Stable, x: [&[T]; 2], extents: Extents, shape: &[usize]) -> Vec<T> {
        let y = vec![T::ZERO; shape.iter().product()];
        match stable {
            Stable::Pairwise => self.run::<T, Sum, 2, 1>(x, extents, y),
            Stable::Kahan => self.run::<T, Kahan, 2, 2>(x, extents, y),
            Stable::DoubleDouble => self.run::<T, DoubleDouble, 2, 3>(x, extents, y),
        }
    }

    fn floats<T: Real>(
        &self,
        combiner: Function,
        stable: Stable,
        x: &[T],
        extents: Extents,
        count: usize,
    ) -> Vec<T> {
        let y = vec![if combiner == Function::Mul { T::ONE } else { T::ZERO }; count];
        match (combiner, stable) {
            (Function::Mul, _) => self.run::<T, Prod, 1, 1>([x], extents, y),
            (Function::Max, _) => self.run::<T, Max, 1, 1>([x], extents, y),
            (Function::Min, _) => self.run::<T, Min, 1, 1>([x], extents, y),
            (_, Stable::Pairwise) => self.run::<T, Sum, 1, 1>([x], extents, y),
            (_, Stable::Kahan) => self.run::<T, Kahan, 1, 2>([x], extents, y),
            (_, Stable::DoubleDouble) => self.run::<T, DoubleDouble, 1, 3>([x], extents, y),
        }
    }

    /// Fills `y`, which holds the value over nothing, with the reductions of `x`.
    fn run<T: Real, R: Reducer<K, N>, const K: usize, const N: usize>(
        &self,
        x: [&[T]; K],
        extents: Extents,
        mut y: Vec<T>,
    ) -> Vec<T> {
        if x[0].is_empty() {
            return y;
        }
        let task = Task { level: self.level, extents, reducer: PhantomData::<R> };
        match self.pool {
            Some(pool) if x[0].len() >= PARALLEL_MIN => pool.install(|| task.outer(x, &mut y, GRAIN)),
            _ => task.outer(x, &mut y, usize::MAX),
        }
        y
    }
}

/// A reduction of floats on the threads it has; pieces of at most `grain` terms are not split further.
#[derive(Clone, Copy)]
struct Task<R> {
    level: Level,
    extents: Extents,
    reducer: PhantomData<R>,
}

impl<R> Task<R> {
    fn outer<T: Real, const K: usize, const N: usize>(&self, x: [&[T]; K], y: &mut [T], grain: usize)
    where
        R: Reducer<K, N>,
    {
        let Task { level, extents: Extents { n, inner }, reducer } = *self;
        let outer = y.len() / inner;
        match (inner, outer) {
            (1, _) if x[0].len() <= grain => dispatch(level, Lines { x, n, y, reducer }),
            (1, 1) => y[0] = R::value(self.line(x, grain)),
            (_, 1) => {
                let states = self.columns(x, grain);
                for (c, y) in y.iter_mut().enumerate() {
                    *y = R::value(std::array::from_fn(|part| states[part * inner + c]));
                }
            }
            _ => {
                let middle = outer / 2;
                let (left, right) = split(x, middle * n * inner);
                let (y_left, y_right) = y.split_at_mut(middle * inner);
                match x[0].len() <= grain {
                    true => {
                        self.outer(left, y_left, grain);
                        self.outer(right, y_right, grain);
                    }
                    false => {
                        rayon::join(
                            || self.outer(left, y_left, grain),
                            || self.outer(right, y_right, grain),
                        );
                    }
                }
            }
        }
    }

    /// The state of one line.
    fn line<T: Real, const K: usize, const N: usize>(&self, x: [&[T]; K], grain: usize) -> [T; N]
    where
        R: Reducer<K, N>,
    {
        if x[0].len() <= grain {
            return dispatch(self.level, Line { x, reducer: self.reducer });
        }
        let (left, right) = split(x, tree::split(tree::blocks(x[0].len())) * tree::BLOCK);
        let (left, right) = rayon::join(|| self.line(left, grain), || self.line(right, grain));
        R::join(left, right)
    }

    /// The states of the columns of one matrix.
    fn columns<T: Real, const K: usize, const N: usize>(&self, x: [&[T]; K], grain: usize) -> States<T>
    where
        R: Reducer<K, N>,
    {
        let (level, width, reducer) = (self.level, self.extents.inner, self.reducer);
        let blocks = tree::blocks(x[0].len() / width);
        if x[0].len() <= grain {
            return dispatch(level, Columns { x, width, columns: 0..width, reducer });
        }
        if blocks > 1 {
            let (left, right) = split(x, tree::split(blocks) * tree::BLOCK * width);
            let (mut left, right) =
                rayon::join(|| self.columns(left, grain), || self.columns(right, grain));
            dispatch(level, JoinStates { left: &mut left, right: &right, reducer });
            return left;
        }
        // One block of wide rows: every thread takes some columns.
        let parts = width.min(x[0].len().div_ceil(grain));
        let ranges: Vec<_> = (0..parts).map(|i| i * width / parts..(i + 1) * width / parts).collect();
        let states: Vec<States<T>> = ranges
            .par_iter()
            .map(|columns| dispatch(level, Columns { x, width, columns: columns.clone(), reducer }))
            .collect();
        (0..N).flat_map(|part| {
            let of = |(states, columns): (&States<T>, &std::ops::Range<usize>)| {
                states[part * columns.len()..(part + 1) * columns.len()].to_vec()
            };
            states.iter().zip(&ranges).flat_map(of).collect::<Vec<T>>()
        })
        .collect()
    }
}

fn split<T, const K: usize>(x: [&[T]; K], at: usize) -> ([&[T]; K], [&[T]; K]) {
    (x.map(|x| &x[..at]), x.map(|x| &x[at..]))
}

/// Integer types that wrap.
trait Integer: Element + Ord {
    const ONE: Self;
    fn wrapping_add(self, other: Self) -> Self;
    fn wrapping_mul(self, other: Self) -> Self;
}

macro_rules! integer {
    ($($t:ident)*) => {$(
        impl Integer for $t {
            const ONE: $t = 1;
            fn wrapping_add(self, other: $t) -> $t {
                $t::wrapping_add(self, other)
            }
            fn wrapping_mul(self, other: $t) -> $t {
                $t::wrapping_mul(self, other)
            }
        }
    )*};
}
integer! { i64 i32 u64 u32 }

impl Reduce<'_> {
    fn integers<T: Integer>(&self, combiner: Function, x: &[T], extents: Extents, count: usize) -> Vec<T> {
        let empty = if combiner == Function::Mul { T::ONE } else { T::default() };
        let mut y = vec![empty; count];
        if x.is_empty() {
            return y;
        }
        match combiner {
            Function::Mul => self.integer_rows(T::wrapping_mul, x, extents, &mut y),
            Function::Max => self.integer_rows(T::max, x, extents, &mut y),
            Function::Min => self.integer_rows(T::min, x, extents, &mut y),
            _ => self.integer_rows(T::wrapping_add, x, extents, &mut y),
        }
        y
    }

    fn integer_rows<T: Integer>(
        &self,
        combine: impl Fn(T, T) -> T + Copy + Send + Sync,
        x: &[T],
        extents: Extents,
        y: &mut [T],
    ) {
        let parallel = x.len() >= PARALLEL_MIN;
        match self.pool {
            Some(pool) if parallel => pool.install(|| integers(self.level, combine, x, extents, y, GRAIN)),
            _ => integers(self.level, combine, x, extents, y, usize::MAX),
        }
    }
}

/// `y[o, i]` = all of `x[o, .., i]`, in pieces of at most `grain` terms.
fn integers<T: Integer>(
    level: Level,
    combine: impl Fn(T, T) -> T + Copy + Send + Sync,
    x: &[T],
    extents: Extents,
    y: &mut [T],
    grain: usize,
) {
    let Extents { n, inner } = extents;
    let outer = y.len() / inner;
    if x.len() <= grain || (outer == 1 && n == 1) {
        return dispatch(level, IntegerRows { combine, x, extents, y });
    }
    if outer > 1 {
        let middle = outer / 2;
        let ((left, right), (y, z)) = (x.split_at(middle * n * inner), y.split_at_mut(middle * inner));
        rayon::join(
            || integers(level, combine, left, extents, y, grain),
            || integers(level, combine, right, extents, z, grain),
        );
        return;
    }
    let middle = n / 2;
    let (left, right) = x.split_at(middle * inner);
    let mut z = vec![T::default(); inner];
    rayon::join(
        || integers(level, combine, left, Extents { n: middle, inner }, y, grain),
        || integers(level, combine, right, Extents { n: n - middle, inner }, &mut z, grain),
    );
    for (y, z) in y.iter_mut().zip(z) {
        *y = combine(*y, z);
    }
}

/// Integer reductions of one thread, of at least one term each.
struct IntegerRows<'a, T, F> {
    combine: F,
    x: &'a [T],
    extents: Extents,
    y: &'a mut [T],
}

impl<T: Integer, F: Fn(T, T) -> T> Kernel for IntegerRows<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let IntegerRows { combine, x, extents: Extents { n, inner }, y } = self;
        for (x, y) in x.chunks_exact(n * inner).zip(y.chunks_exact_mut(inner)) {
            let (first, rest) = x.split_at(inner);
            if inner == 1 {
                let mut value = first[0];
                for &x in rest {
                    value = combine(value, x);
                }
                y[0] = value;
                continue;
            }
            y.copy_from_slice(first);
            for row in rest.chunks_exact(inner) {
                for (y, &x) in y.iter_mut().zip(row) {
                    *y = combine(*y, x);
                }
            }
        }
    }
}
