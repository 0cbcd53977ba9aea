//! Compensated summation inside the law's tree: sums whose error does not grow with cancellation.
//!
//! `two_sum` (Knuth) and `two_product` give the error of an addition or a multiplication as a number, exactly.
//!
//! - [`Kahan`] keeps the errors' sum beside the sum and adds it once, at the end: Neumaier's improvement of Kahan's
//!   summation (Z. angew. Math. Mech. 54, 1974) in the branch-free form of Sum2 and Dot2 (Ogita, Rump, Oishi, SIAM J.
//!   Sci. Comput. 26, 2005).
//! - [`DoubleDouble`] keeps a pair of numbers, high and low, and adds the error at every step: the accurate sum of two
//!   such pairs (Joldes, Muller, Popescu, ACM Trans. Math. Softw. 44, 2017, algorithms 4 and 6).
//!
//! Both carry the plain sum in the law's order, too. It is the result wherever the compensated one is not finite, so an
//! infinity stays an infinity; and wherever the two are equal, so a sum of −0 stays −0.

use super::{Reducer, State, minus_zero, one};
use crate::numerics::lanes::{Mask, Real};
use crate::numerics::math::Elementary;

/// a + b rounded, and what is missing from it.
#[inline(always)]
fn two_sum<V: Elementary>(a: V, b: V) -> (V, V) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// `two_sum` where |a| ≥ |b| or a = 0.
#[inline(always)]
fn fast_two_sum<V: Elementary>(a: V, b: V) -> (V, V) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// x·y rounded, and what is missing from it.
#[inline(always)]
fn two_product<V: Elementary>(x: V, y: V) -> (V, V) {
    let product = x * y;
    (product, x.fma(y, -product))
}

/// `compensated` where it is finite and not `plain`.
#[inline(always)]
fn choose<V: Elementary>(compensated: V, plain: V) -> V {
    let infinity = V::splat(V::Scalar::ONE / V::Scalar::ZERO);
    V::select(compensated.abs().lt(infinity).and(compensated.ne(plain)), compensated, plain)
}

/// A sum and the sum of its errors.
#[derive(Clone, Copy, Debug)]
pub struct Kahan;

impl State<2> for Kahan {
    #[inline(always)]
    fn missing<V: Elementary>() -> [V; 2] {
        [minus_zero(); 2]
    }
    #[inline(always)]
    fn join<V: Elementary>([a, a_error]: [V; 2], [b, b_error]: [V; 2]) -> [V; 2] {
        let (sum, error) = two_sum(a, b);
        [sum, a_error + (b_error + error)]
    }
    #[inline(always)]
    fn value<V: Elementary>([sum, error]: [V; 2]) -> V {
        choose(sum + error, sum)
    }
}

impl Reducer<1, 2> for Kahan {
    #[inline(always)]
    fn neutral<V: Elementary>() -> [V; 1] {
        [minus_zero()]
    }
    #[inline(always)]
    fn add<V: Elementary>(state: [V; 2], [x]: [V; 1]) -> [V; 2] {
        Self::join(state, [x, minus_zero()])
    }
}

impl Reducer<2, 2> for Kahan {
    #[inline(always)]
    fn neutral<V: Elementary>() -> [V; 2] {
        [minus_zero(), one()]
    }
    #[inline(always)]
    fn add<V: Elementary>(state: [V; 2], [x, y]: [V; 2]) -> [V; 2] {
        Self::join(state, two_product(x, y).into())
    }
}

/// The plain sum, and a sum in two numbers.
#[derive(Clone, Copy, Debug)]
pub struct DoubleDouble;

impl State<3> for DoubleDouble {
    #[inline(always)]
    fn missing<V: Elementary>() -> [V; 3] {
        [minus_zero(); 3]
    }
    #[inline(always)]
    fn join<V: Elementary>([a, a_high, a_low]: [V; 3], [b, b_high, b_low]: [V; 3]) -> [V; 3] {
        let (high, error) = two_sum(a_high, b_high);
        let (low, low_error) = two_sum(a_low, b_low);
        let (high, low) = fast_two_sum(high, error + low);
        let (high, low) = fast_two_sum(high, low_error + low);
        [a + b, high, low]
    }
    #[inline(always)]
    fn value<V: Elementary>([plain, high, _]: [V; 3]) -> V {
        choose(high, plain)
    }
}

impl Reducer<1, 3> for DoubleDouble {
    #[inline(always)]
    fn neutral<V: Elementary>() -> [V; 1] {
        [minus_zero()]
    }
    #[inline(always)]
    fn add<V: Elementary>([sum, high, low]: [V; 3], [x]: [V; 1]) -> [V; 3] {
        let (high, error) = two_sum(high, x);
        let (high, low) = fast_two_sum(high, low + error);
        [sum + x, high, low]
    }
}

impl Reducer<2, 3> for DoubleDouble {
    #[inline(always)]
    fn neutral<V: Elementary>() -> [V; 2] {
        [minus_zero(), one()]
    }
    #[inline(always)]
    fn add<V: Elementary>(state: [V; 3], [x, y]: [V; 2]) -> [V; 3] {
        let (product, error) = two_product(x, y);
        Self::join(state, [product, product, error])
    }
}
