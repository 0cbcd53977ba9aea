//! tanh and the logistic function, as quotients of sums that are kept with their rounding errors.

use super::super::lanes::{Integer, Number, Rare, Wide};
use super::exp::{reduce, tail};
use super::{round_to_odd, settle};

/// The largest number whose tanh is not 1 when rounded: log(2^55 − 1) / 2, rounded down.
const TANH_ONE: f64 = 19.061547465398494;

/// The quotient (n + n_low) / (d + d_low) as a sum of two numbers, but for a second-order term.
#[inline(always)]
fn quotient<V: Number<Scalar = f64>>(n: V, n_low: V, d: V, d_low: V) -> (V, V) {
    let inverse = V::splat(1.0) / d;
    let q = n * inverse;
    let error = q.fnma(d, n) + q.fnma(d_low, n_low);
    (q, error * inverse)
}

/// Hyperbolic tangent: with E = e^{2|x|}, (E − 1) / (E + 1), and the sign of x.
#[inline(always)]
pub fn tanh<V: Number<Scalar = f64>>(x: V) -> V {
    let size = x.abs();
    // Up to here E < 2^54, which the sums below need; beyond, the result is 1 − 2^−53 and soon 1.
    // The order of operands lets a NaN through.
    let e = reduce(V::splat(37.4296875).lesser(size + size));
    // E = p (1 + r + r_low + r² tail), p = 2^k T. The sum p − 1 is exact, and it is larger than p·r or zero.
    let p = V::from_bits(e.power.bits().plus(e.exponent));
    let a = p - V::splat(1.0);
    let main = p.fma(e.r, a);
    let rest = p.fma((e.r * e.r).fma(tail(e.r), e.r_low), p.fma(e.r, a - main));
    let n = main + rest;
    let n_low = rest - (n - main);
    // d − 2 is exact, and so is what the rounding of d left over.
    let d = n + V::splat(2.0);
    let d_low = n_low + (n - (d - V::splat(2.0)));
    let (y, y_low) = quotient(n, n_low, d, d_low);
    V::select(V::splat(TANH_ONE).lt(size), V::splat(1.0), y + y_low).copysign(x)
}

/// The logistic function 1 / (1 + e^−x). It cannot overflow.
#[inline(always)]
pub fn sigmoid<V: Number<Scalar = f64>>(x: V) -> V {
    let (y, y_low, k) = logistic(x);
    (y + y_low).scale(k)
}

/// With E = e^{−|x|}, 1 / (1 + E) for x ≥ 0 and E / (1 + E) for x < 0, as a sum of two numbers times 2^k.
#[inline(always)]
fn logistic<V: Number<Scalar = f64>>(x: V) -> (V, V, V) {
    // The order of operands lets a NaN through.
    let e = reduce(V::splat(-750.0).greater(-x.abs()));
    // E = 2^k (m + m_low).
    let s = (e.r * e.r).fma(tail(e.r), e.r_low) + e.r;
    let m = e.power.fma(s, e.power);
    let m_low = e.power.fma(s, e.power - m);
    let one = V::splat(1.0);
    let scaled = m.scale(e.k);
    let d = one + scaled;
    let d_low = (scaled - (d - one)) + m_low.scale(e.k);
    let negative = x.lt(V::zero());
    let n = V::select(negative, m, one);
    let n_low = V::select(negative, m_low, V::zero());
    let (y, y_low) = quotient(n, n_low, d, d_low);
    (y, y_low, V::select(negative, e.k, V::zero()))
}

/// [`tanh`], as a type.
pub struct Tanh;
impl Wide for Tanh {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        tanh(x)
    }
}

/// [`sigmoid`], as a type.
pub struct Sigmoid;
impl Wide for Sigmoid {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        sigmoid(x)
    }
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(x: V) -> V {
        settle::<V, Sigmoid>(sigmoid(x), x)
    }
}
impl Rare<f64> for Sigmoid {
    fn value(x: f64) -> f64 {
        if x.abs() < 0.00390625 {
            // Here 1/2 + x/4 is often exactly in the middle of two f32, and −x³/48 decides, which may be 2^−74.
            return round_to_odd(0.5, x * (0.25 - x * x / 48.0));
        }
        let (y, y_low, k) = logistic(x);
        round_to_odd(y, y_low).scale(k)
    }
}
