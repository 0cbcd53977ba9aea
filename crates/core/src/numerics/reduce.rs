//! Reductions by law 3 at full speed: written once for every policy, for one operand or a product of two, and for every
//! SIMD level.
//!
//! While a reduction runs, a lane holds a *state* of N numbers: a sum, or a sum and its error. [`State`] says how two
//! states become one, [`Reducer`] how a state takes the next term: one number, or K = 2 factors. The law's shape does not
//! depend on either: lanes of a block take terms, lanes fold, blocks join along the tree. [`mod@line`] does that where the
//! terms are contiguous, [`columns`] where the reduced axis is an outer one; [`stable`] has the compensated policies.
//!
//! Speed comes from three things. A block's lanes stay in registers, so the vectors are added as in a plain loop with
//! several accumulators. The fold of the lanes runs for as many blocks at once as a vector has lanes, and costs each
//! block no more additions than a plain loop would spend on its elements. And blocks do not wait for each other.

pub mod columns;
pub mod line;
pub mod stable;
#[cfg(test)]
mod tests;

use super::lanes::Real;
use super::math::Elementary;
use super::tree;
use crate::ops::{Function, Stable};

/// What a lane holds while a reduction runs: `N` numbers, and how two such states become one.
pub trait State<const N: usize>: Copy + Send + Sync + 'static {
    /// Stands for no term at all: any state passes through a join with it.
    fn missing<V: Elementary>() -> [V; N];
    /// One state for the terms of both, those of `a` before those of `b`.
    fn join<V: Elementary>(a: [V; N], b: [V; N]) -> [V; N];
    /// The result.
    fn value<V: Elementary>(state: [V; N]) -> V;
}

/// How a state takes terms of `K` factors.
pub trait Reducer<const K: usize, const N: usize>: State<N> {
    /// A term that changes no state.
    fn neutral<V: Elementary>() -> [V; K];
    /// The state with one more term.
    fn add<V: Elementary>(state: [V; N], term: [V; K]) -> [V; N];
    /// The state of one term.
    #[inline(always)]
    fn first<V: Elementary>(term: [V; K]) -> [V; N] {
        Self::add(Self::missing(), term)
    }
}

/// Σ x, or Σ x·y where each lane is an fma chain.
#[derive(Clone, Copy, Debug)]
pub struct Sum;

/// −0, which addition passes every number through.
#[inline(always)]
fn minus_zero<V: Elementary>() -> V {
    -V::zero()
}

#[inline(always)]
fn one<V: Elementary>() -> V {
    V::splat(V::Scalar::ONE)
}

impl State<1> for Sum {
    #[inline(always)]
    fn missing<V: Elementary>() -> [V; 1] {
        [minus_zero()]
    }
    #[inline(always)]
    fn join<V: Elementary>([a]: [V; 1], [b]: [V; 1]) -> [V; 1] {
        [a + b]
    }
    #[inline(always)]
    fn value<V: Elementary>([sum]: [V; 1]) -> V {
        sum
    }
}

impl Reducer<1, 1> for Sum {
    #[inline(always)]
    fn neutral<V: Elementary>() -> [V; 1] {
        [minus_zero()]
    }
    #[inline(always)]
    fn add<V: Elementary>([sum]: [V; 1], [x]: [V; 1]) -> [V; 1] {
        [sum + x]
    }
}

impl Reducer<2, 1> for Sum {
    #[inline(always)]
    fn neutral<V: Elementary>() -> [V; 2] {
        [minus_zero(), one()]
    }
    #[inline(always)]
    fn add<V: Elementary>([sum]: [V; 1], [x, y]: [V; 2]) -> [V; 1] {
        [x.fma(y, sum)]
    }
}

/// A reduction whose join is an elementwise function of two numbers.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident = $function:ident, $missing:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl State<1> for $name {
            #[inline(always)]
            fn missing<V: Elementary>() -> [V; 1] {
                [$missing]
            }
            #[inline(always)]
            fn join<V: Elementary>([a]: [V; 1], [b]: [V; 1]) -> [V; 1] {
                [Function::$function.value(a, b)]
            }
            #[inline(always)]
            fn value<V: Elementary>([x]: [V; 1]) -> V {
                x
            }
        }

        impl Reducer<1, 1> for $name {
            #[inline(always)]
            fn neutral<V: Elementary>() -> [V; 1] {
                Self::missing()
            }
            #[inline(always)]
            fn add<V: Elementary>(state: [V; 1], term: [V; 1]) -> [V; 1] {
                Self::join(state, term)
            }
            #[inline(always)]
            fn first<V: Elementary>(term: [V; 1]) -> [V; 1] {
                term
            }
        }
    )*};
}

plain! {
    /// Π x.
    Prod = Mul, one();
    /// The largest; NaN wins, −0 < +0.
    Max = Max, minus_infinity();
    /// The smallest; NaN wins, −0 < +0.
    Min = Min, -minus_infinity::<V>();
}

#[inline(always)]
fn minus_infinity<V: Elementary>() -> V {
    V::splat(-V::Scalar::ONE / V::Scalar::ZERO)
}

/// A dot product by the law, slow and plain.
pub fn dot<T: Real>(stable: Stable, terms: [&[T]; 2]) -> T {
    let value = match stable {
        Stable::Pairwise => reference::<T, Sum, 2, 1>(terms),
        Stable::Kahan => reference::<T, stable::Kahan, 2, 2>(terms),
        Stable::DoubleDouble => reference::<T, stable::DoubleDouble, 2, 3>(terms),
    };
    value.unwrap_or(T::ZERO)
}

/// A reduction by the law, term by term: slow and plain. Nothing if there is no term.
pub fn reference<T: Real, R: Reducer<K, N>, const K: usize, const N: usize>(x: [&[T]; K]) -> Option<T> {
    let terms: Vec<[T; K]> = (0..x[0].len()).map(|i| x.map(|x| x[i])).collect();
    let add = |state: Option<[T; N]>, term| R::add(state.unwrap_or(R::missing()), term);
    tree::reduce_terms(&terms, T::LAW_LANES, add, R::join).map(R::value)
}
