//! Reductions that run whole: over any axis, of any element type, split among threads along the law's tree.
//!
//! The operand is seen as `outer × n × inner`, reduced over n. Outer indices are independent; below them the blocks of n
//! split as law 3 splits them, so that whole subtrees go to threads. Integers need no law: they wrap, and every order
//! gives the same bits.

mod ranks;

use crate::exec::shard::Shard;
use crate::numerics::dispatch::{Kernel, Level, dispatch};
use crate::numerics::lanes::{Real, Simd};
use crate::numerics::reduce::columns::{Columns, JoinStates, States};
use crate::numerics::reduce::line::{Line, lines};
use crate::numerics::reduce::stable::{DoubleDouble, Kahan};
use crate::numerics::reduce::{Max, Min, Prod, Reducer, Sum};
use crate::numerics::tree;
use crate::ops::{Function, Reduction, Stable};
use crate::tensor::{Data, Element, Tensor};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::marker::PhantomData;

/// Terms that one thread takes at once: 256 KiB of f64, some ten times what handing them over costs.
const GRAIN: usize = 1 << 15;
/// Terms below which waking another thread costs more than it brings.
const PARALLEL_MIN: usize = 1 << 17;

/// What a reduction runs on.
pub(super) struct Reduce<'a> {
    pub level: Level,
    pub pool: Option<&'a rayon::ThreadPool>,
    /// The ranks over whose rows it reduces, where the operand is this rank's rows only: **Collective** then.
    pub shard: Option<&'a Shard>,
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
        let count = shape.iter().product();
        let data = match x.dtype() {
            f32::DTYPE => Element::wrap(self.products::<f32>(stable, [x.values(), y.values()], n, count)),
            _ => Element::wrap(self.products::<f64>(stable, [x.values(), y.values()], n, count)),
        };
        Tensor::from_data(shape, data)
    }

    fn products<T: Real>(&self, stable: Stable, x: [&[T]; 2], n: usize, count: usize) -> Vec<T> {
        let mut y = vec![T::ZERO; count];
        match stable {
            Stable::Pairwise => self.lines::<T, Sum, 2, 1>(x, n, &mut y),
            Stable::Kahan => self.lines::<T, Kahan, 2, 2>(x, n, &mut y),
            Stable::DoubleDouble => self.lines::<T, DoubleDouble, 2, 3>(x, n, &mut y),
        }
        y
    }

    fn floats<T: Real>(
        &self,
        combiner: Function,
        stable: Stable,
        x: &[T],
        extents: Extents,
        count: usize,
    ) -> Vec<T> {
        let mut y = vec![if combiner == Function::Mul { T::ONE } else { T::ZERO }; count];
        match (combiner, stable) {
            (Function::Mul, _) => self.axis::<T, Prod, 1>(x, extents, &mut y),
            (Function::Max, _) => self.axis::<T, Max, 1>(x, extents, &mut y),
            (Function::Min, _) => self.axis::<T, Min, 1>(x, extents, &mut y),
            (_, Stable::Pairwise) => self.axis::<T, Sum, 1>(x, extents, &mut y),
            (_, Stable::Kahan) => self.axis::<T, Kahan, 2>(x, extents, &mut y),
            (_, Stable::DoubleDouble) => self.axis::<T, DoubleDouble, 3>(x, extents, &mut y),
        }
        y
    }

    fn axis<T: Real, R: Reducer<1, N>, const N: usize>(&self, x: &[T], extents: Extents, y: &mut [T]) {
        if extents.inner == 1 {
            return self.lines::<T, R, 1, N>([x], extents.n, y);
        }
        if let Some(shard) = self.shard {
            return self.columns_over_ranks::<T, R, N>(shard, x, y);
        }
        let matrices =
            |grain| Task { level: self.level, grain, reducer: PhantomData::<R> }.matrices(x, extents, y);
        self.on_threads(x.len(), matrices);
    }

    fn lines<T: Real, R: Reducer<K, N>, const K: usize, const N: usize>(
        &self,
        x: [&[T]; K],
        n: usize,
        y: &mut [T],
    ) {
        if let Some(shard) = self.shard {
            return self.line_over_ranks::<T, R, K, N>(shard, x, y);
        }
        let lines = |grain| Task { level: self.level, grain, reducer: PhantomData::<R> }.lines(x, n, y);
        self.on_threads(x[0].len(), lines);
    }

    /// Runs `task`, which gets the number of terms that it must not split further, unless there is no term.
    pub fn on_threads(&self, terms: usize, task: impl FnOnce(usize) + Send) {
        match self.pool {
            _ if terms == 0 => {}
            Some(pool) if terms >= PARALLEL_MIN => pool.install(|| task(GRAIN)),
            _ => task(usize::MAX),
        }
    }
}

/// A reduction of floats under the policy `R`; pieces of at most `grain` terms are not split further.
#[derive(Clone, Copy)]
struct Task<R> {
    level: Level,
    grain: usize,
    reducer: PhantomData<R>,
}

impl<R: Copy + Send + Sync> Task<R> {
    /// `y[i]` = all of line i of n terms.
    fn lines<T: Real, const K: usize, const N: usize>(self, x: [&[T]; K], n: usize, y: &mut [T])
    where
        R: Reducer<K, N>,
    {
        if x[0].len() <= self.grain {
            return lines(self.level, x, n, y, self.reducer);
        }
        if let [y] = y {
            *y = R::value(self.line(x));
            return;
        }
        let middle = y.len() / 2;
        let ((left, right), (y, z)) = (split(x, middle * n), y.split_at_mut(middle));
        rayon::join(|| self.lines(left, n, y), || self.lines(right, n, z));
    }

    /// The state of one line.
    fn line<T: Real, const K: usize, const N: usize>(self, x: [&[T]; K]) -> [T; N]
    where
        R: Reducer<K, N>,
    {
        if x[0].len() <= self.grain {
            return dispatch(self.level, Line { x, reducer: self.reducer });
        }
        let (left, right) = split(x, tree::split(tree::blocks(x[0].len())) * tree::BLOCK);
        let (left, right) = rayon::join(|| self.line(left), || self.line(right));
        R::join(left, right)
    }

    /// `y[o, i]` = all of `x[o, .., i]`.
    fn matrices<T: Real, const N: usize>(self, x: &[T], extents: Extents, y: &mut [T])
    where
        R: Reducer<1, N>,
    {
        let Extents { n, inner } = extents;
        if y.len() > inner && x.len() > self.grain {
            let middle = y.len() / inner / 2;
            let ((left, right), (y, z)) = (x.split_at(middle * n * inner), y.split_at_mut(middle * inner));
            rayon::join(|| self.matrices(left, extents, y), || self.matrices(right, extents, z));
            return;
        }
        for (x, y) in x.chunks_exact(n * inner).zip(y.chunks_exact_mut(inner)) {
            let states = self.columns(x, inner);
            for (c, y) in y.iter_mut().enumerate() {
                *y = R::value(std::array::from_fn(|part| states[part * inner + c]));
            }
        }
    }

    /// The states of the columns of one matrix.
    fn columns<T: Real, const N: usize>(self, x: &[T], width: usize) -> States<T>
    where
        R: Reducer<1, N>,
    {
        let Task { level, grain, reducer } = self;
        let blocks = tree::blocks(x.len() / width);
        if x.len() <= grain {
            return dispatch(level, Columns { x, width, columns: 0..width, reducer });
        }
        if blocks > 1 {
            let (left, right) = x.split_at(tree::split(blocks) * tree::BLOCK * width);
            let (mut left, right) = rayon::join(|| self.columns(left, width), || self.columns(right, width));
            dispatch(level, JoinStates { left: &mut left, right: &right, reducer });
            return left;
        }
        // One block of wide rows: every thread takes some columns.
        let parts = width.min(x.len().div_ceil(grain));
        let ranges = (0..parts).into_par_iter().map(|i| i * width / parts..(i + 1) * width / parts);
        let states: Vec<States<T>> =
            ranges.map(|columns| dispatch(level, Columns { x, width, columns, reducer })).collect();
        let part = |n: usize| states.iter().flat_map(move |s| s.chunks(s.len() / N).nth(n)).flatten();
        (0..N).flat_map(part).copied().collect()
    }
}

fn split<T, const K: usize>(x: [&[T]; K], at: usize) -> ([&[T]; K], [&[T]; K]) {
    (x.map(|x| &x[..at]), x.map(|x| &x[at..]))
}

/// Integer types that wrap.
trait Integer: Element + Ord + bytemuck::Pod {
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
        if let Some(shard) = self.shard {
            return self.integers_over_ranks(shard, combine, x, y);
        }
        self.on_threads(x.len(), |grain| integers(self.level, combine, x, extents, y, grain));
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
