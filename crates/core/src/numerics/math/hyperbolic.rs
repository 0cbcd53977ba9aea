//! tanh and the logistic function, as quotients of sums that are kept with their rounding errors.

use super::super::lanes::{Integer, Mask, Narrow, Number, Rare, Wide};
use super::exp::{self, reduce, tail};
use super::{polynomial, round_to_odd, settle, settle_guess};

/// The largest number whose tanh is not 1 when rounded: log(2^55 − 1) / 2, rounded down.
const TANH_ONE: f64 = 19.061547465398494;

/// The quotient (n + n_low) / (d + d_low) is q + a b, but for a second-order term; returns q, a and b.
#[inline(always)]
fn quotient<V: Number<Scalar = f64>>(n: V, n_low: V, d: V, d_low: V) -> (V, V, V) {
    let inverse = V::splat(1.0) / d;
    let q = n * inverse;
    let error = q.fnma(d, n) + q.fnma(d_low, n_low);
    (q, error, inverse)
}

/// Half of `exp::SHIFTS`.
static HALF_SHIFTS: [f64; 16] = {
    let mut table = exp::SHIFTS;
    let mut j = 0;
    while j < 16 {
        table[j] *= 0.5;
        j += 1;
    }
    table
};

/// ((e^2r − 1) / 2 − r) / r²: `exp::EXP` for a doubled argument.
const EXP_TWICE: [f64; 6] = {
    let mut c = exp::EXP;
    let (mut i, mut power) = (0, 2.0);
    while i < 6 {
        c[i] *= power;
        power *= 2.0;
        i += 1;
    }
    c
};

/// Hyperbolic tangent: with E = e^{2|x|}, ((E − 1)/2) / ((E + 1)/2), and the sign of x.
///
/// The reduction is that of `exp::reduce` for 2|x|, in halves: all is scaled by powers of two, without an effect
/// on rounding.
#[inline(always)]
pub fn tanh<V: Number<Scalar = f64>>(x: V) -> V {
    // Up to the bound E < 2^54, which the sums below need; beyond, the result is 1 − 2^−53 and soon 1.
    // The order of operands lets a NaN through.
    let size = V::splat(18.71484375).lesser(x.abs());
    let shifter = V::splat(exp::SIXTEENTHS);
    let shifted = size.fma(V::splat(2.0 * std::f64::consts::LOG2_E), shifter);
    let index = shifted.bits();
    let n = shifted - shifter;
    let r_high = n.fnma(V::splat(0.5 * exp::LN2_HIGH), size);
    let correction = n.fma(V::splat(0.5 * exp::LN2_LOW), V::lookup(&HALF_SHIFTS, index));
    let r = r_high - correction;
    let r_low = (r_high - r) - correction;
    // E = p (1 + 2 (r + r_low + r² tail)), p = 2^k T. The sum (p − 1)/2 is exact, and it is larger than p·r or zero.
    let p = V::from_bits(V::lookup(&exp::POWERS_LESS_INDEX, index).bits().plus(index.shift_left(48)));
    let half = V::splat(0.5);
    let a = p.fma(half, -half);
    let r2 = r * r;
    let main = p.fma(r, a);
    let rest = p.fma(r2.fma(polynomial(r, r2, &EXP_TWICE), r_low), p.fma(r, a - main));
    let n = main + rest;
    let n_low = rest - (n - main);
    // d − 1 is exact, and so is what the rounding of d left over.
    let one = V::splat(1.0);
    let d = n + one;
    let d_low = n_low + (n - (d - one));
    let (q, error, inverse) = quotient(n, n_low, d, d_low);
    let y = error.fma(inverse, q);
    V::select(V::splat(TANH_ONE).lt(x.abs()), one, y).copysign(x)
}

/// The logistic function 1 / (1 + e^−x). It cannot overflow.
#[inline(always)]
pub fn sigmoid<V: Number<Scalar = f64>>(x: V) -> V {
    let (q, error, inverse, k) = logistic(x);
    error.fma(inverse, q).scale(k)
}

/// With E = e^{−|x|}, 1 / (1 + E) for x ≥ 0 and E / (1 + E) for x < 0, as (q + a b) 2^k; returns q, a, b and k.
#[inline(always)]
fn logistic<V: Number<Scalar = f64>>(x: V) -> (V, V, V, V) {
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
    let (q, error, inverse) = quotient(n, n_low, d, d_low);
    (q, error, inverse, V::select(negative, e.k, V::zero()))
}

/// [`tanh`], as a type.
pub struct Tanh;
impl Wide for Tanh {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        tanh(x)
    }
    #[inline(always)]
    fn value_f32<V: Narrow>(x: V) -> V {
        // From 10 on the result is 1 in f32. The order of operands lets a NaN through.
        let size = V::splat(10.0).lesser(x.abs());
        let y = settle_guess(
            tanh_guess(size),
            <V::Wider as Number>::Mask::splat(true),
            #[inline(always)]
            || tanh(size.widen()),
        );
        V::narrow(y).copysign(x)
    }
}

/// 1.5 · 2^15, of which a unit in the last place of an f32 is 2^−8: added to less than 2^14, it leaves the nearest
/// multiple of 2^−8 in the low bits.
const CENTRES: f32 = 49152.0;

/// tanh(c) for the centres c = j / 256 up to 10, and half of the largest term that [`tanh_guess`] leaves out.
static TANH_CENTRES: [f64; 4096] = {
    let mut table = [0.0; 4096];
    let mut j = 0;
    while j <= 2560 {
        // e^2c − 1 from a 64th of the argument by its series, then doubled six times: (1 + e)² − 1 = e (2 + e).
        let x = j as f64 / 8192.0;
        let (mut e, mut n) = (0.0, 16.0);
        while n > 0.0 {
            e = (1.0 + e) * x / n;
            n -= 1.0;
        }
        let mut doubled = 0;
        while doubled < 6 {
            e *= 2.0 + e;
            doubled += 1;
        }
        let t = e / (e + 2.0);
        let s = 1.0 - t * t;
        table[j] = t + t * s * (2.0 / 3.0 - t * t) * (0.5 / (1u64 << 36) as f64);
        j += 1;
    }
    table
};

/// tanh of f32 numbers from 0 to 10, to 2^−37.4: around the nearest centre c with T = tanh(c) and S = 1 − T²,
/// tanh(c + h) = T + S h (1 − T h + (T² − 1/3) h² + …), |h| ≤ 2^−9, whose next term S T (2/3 − T²) h⁴ is at most a
/// share of 2^−36.6 of T.
#[inline(always)]
fn tanh_guess<V: Narrow>(size: V) -> V::Wider {
    let shifter = V::splat(CENTRES);
    let shifted = size + shifter;
    let t = V::lookup_wide(&TANH_CENTRES, shifted.bits());
    let h = (size - (shifted - shifter)).widen();
    let s = t.fnma(t, <V::Wider>::splat(1.0));
    // With S, T² − 1/3 is 2/3 − S.
    let inner = h.fma(s - <V::Wider>::splat(2.0 / 3.0), t);
    (h * s).fma(h.fnma(inner, <V::Wider>::splat(1.0)), t)
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
        // With E = e^x, E / (E + 1). Where that is a subnormal f32, so is E, and the guess is not sure.
        let e = exp::Guess::new(x);
        let n = e.exp();
        settle_guess(
            n.quotient_guess(n + V::splat(1.0)),
            e.sure,
            #[inline(always)]
            || settle::<V, Sigmoid>(sigmoid(x), x),
        )
    }
}
impl Rare<f64> for Sigmoid {
    fn value(x: f64) -> f64 {
        if x.abs() < 0.00390625 {
            // Here 1/2 + x/4 is often exactly in the middle of two f32, and −x³/48 decides, which may be 2^−74.
            return round_to_odd(0.5, x * (0.25 - x * x / 48.0));
        }
        let (q, error, inverse, k) = logistic(x);
        round_to_odd(q, error * inverse).scale(k)
    }
}
