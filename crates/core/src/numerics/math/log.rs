//! log and log1p: x = 2^k m, a table of 1/m for sixteenths of the range of m, then a polynomial of degree 10.
//!
//! With v = INVERSE\[i\] ≈ 1/m, log x = k ln 2 − log v + log(1 + r) where 1 + r = m v, held as a sum of two numbers.
//! The sixteenth that contains 1 has v = 1 and log v = 0, so there is no cancellation near 1 and no branch for it.

use super::super::lanes::{Integer, Mask, Number, Rare, Wide};
use super::{pair, polynomial, round_to_odd, settle, settle_guess};

/// (log(1+r) - r + r^2/2) / r^3 on |r| <= 1/32; error of log(1+r) / r: 2^-62.2.
const LOG1P: [f64; 8] = [
    0.3333333333333274,
    -0.2499999999999933,
    0.20000000005850177,
    -0.1666666667251498,
    0.1428569633634321,
    -0.1249998302836154,
    0.1113286336039967,
    -0.1002007020736835,
];
/// (log(1+r) - r) / r^2 on |r| <= 1/32; error of log(1+r) / r: 2^-37.5.
const LOG1P_GUESS: [f64; 5] = [
    -0.5000000000099862,
    0.33333327354314773,
    -0.24999991064233174,
    0.2001956719635139,
    -0.16686506748770424,
];
/// ln 2 in 38 bits.
pub(super) const LN2_HIGH: f64 = 0.6931471805582987;
/// ln 2 - LN2_HIGH.
pub(super) const LN2_LOW: f64 = 1.6465949582897082e-12;
/// About 1/m in 20 bits for the i-th sixteenth of [0.671875, 1.34375); |m INVERSE - 1| <= 0.03125.
static INVERSE: [f64; 16] = [
    1.4545459747314453,
    1.3913040161132812,
    1.333333969116211,
    1.2800006866455078,
    1.2307701110839844,
    1.1851844787597656,
    1.1428565979003906,
    1.1034488677978516,
    1.0666675567626953,
    1.0322589874267578,
    1.0,
    0.9411764144897461,
    0.8888893127441406,
    0.8421049118041992,
    0.8000001907348633,
    0.7619047164916992,
];
/// -log(`INVERSE[i]`), a multiple of 2^-39.
static LOG_HIGH: [f64; 16] = [
    -0.37469380706897937,
    -0.3302414484514884,
    -0.2876825492894568,
    -0.24686061437387252,
    -0.2076400800342526,
    -0.16989844074851135,
    -0.13353091578755993,
    -0.09844060925570375,
    -0.06453935560239188,
    -0.03174959238458541,
    0.0,
    0.06062468142044963,
    0.1177825588201813,
    0.17185067415994126,
    0.22314331289635447,
    0.27193377508774574,
];
/// -log(`INVERSE[i]`) - `LOG_HIGH[i]`.
static LOG_LOW: [f64; 16] = [
    -2.360295059706684e-13,
    -4.809377814284705e-13,
    6.313577263581026e-13,
    6.876307169862581e-13,
    5.265943609394318e-13,
    -2.607353199462311e-13,
    3.092008129558551e-13,
    7.921346378346442e-13,
    1.4201767943594764e-13,
    7.331602534326726e-13,
    0.0,
    6.317611768483175e-13,
    -8.423551976673561e-13,
    -6.81571913060172e-13,
    -6.953972872620724e-13,
    5.425667755245378e-13,
];
/// -log(`INVERSE[i]`).
static LOG: [f64; 16] = {
    let mut table = LOG_HIGH;
    let mut i = 0;
    while i < 16 {
        table[i] += LOG_LOW[i];
        i += 1;
    }
    table
};

/// The bits of 0.671875, where the range of m begins.
const START: u64 = 0x3fe5_8000_0000_0000;
/// The bits of 1.
const ONE: u64 = 0x3ff0_0000_0000_0000;

/// The bits of a number with the exponent k, the index of the sixteenth, and m, for a positive and normal number.
#[inline(always)]
fn split<V: Number<Scalar = f64>>(x: V) -> (V::Bits, V::Bits, V) {
    // `biased` has the exponent k + 1023 and, in the four bits below, the index of the sixteenth.
    let biased = x.bits().plus(V::Bits::splat(ONE - START));
    let m = V::from_bits(biased.and(V::Bits::splat((1 << 52) - 1)).plus(V::Bits::splat(START)));
    (biased, biased.shift_right(48), m)
}

/// k, −log(1/m) and r of a normal positive number plus a much smaller one.
struct Reduced<V> {
    k: V,
    log_high: V,
    log_low: V,
    r: V,
    r_low: V,
}

/// Reduces a positive and normal number.
#[inline(always)]
fn reduce<V: Number<Scalar = f64>>(x: V) -> Reduced<V> {
    let (biased, index, m) = split(x);
    let inverse = V::lookup(&INVERSE, index);
    let product = m * inverse;
    let r = product - V::splat(1.0);
    let r_low = m.fma(inverse, -product);
    Reduced {
        k: whole(biased),
        log_high: V::lookup(&LOG_HIGH, index),
        log_low: V::lookup(&LOG_LOW, index),
        r,
        r_low,
    }
}

/// The logarithm of what was reduced, as a sum of two numbers.
#[inline(always)]
fn finish<V: Number<Scalar = f64>>(x: Reduced<V>) -> (V, V) {
    let (r, r2) = (x.r, x.r * x.r);
    // Exact, and zero or larger than r.
    let base = x.k.fma(V::splat(LN2_HIGH), x.log_high);
    let sum = base + r;
    let sum_low = (base - sum) + r;
    let low = x.k.fma(V::splat(LN2_LOW), x.log_low) + x.r_low.fnma(r, x.r_low);
    let low = (r2 * r).fma(polynomial(r, r2, &LOG1P), low);
    let low = r2.fma(V::splat(-0.5), low);
    (sum, sum_low + low)
}

/// The logarithm of a positive finite number, as a sum of two numbers.
#[inline(always)]
fn parts<V: Number<Scalar = f64>>(x: V) -> (V, V) {
    // Subnormal numbers are scaled by 2^54.
    let small = x.lt(V::splat(f64::MIN_POSITIVE));
    let scaled = V::select(small, x * V::splat(18014398509481984.0), x);
    let mut e = reduce(scaled);
    e.k = e.k - V::select(small, V::splat(54.0), V::zero());
    finish(e)
}

/// Natural logarithm; −∞ at ±0, NaN below.
#[inline(always)]
pub fn log<V: Number<Scalar = f64>>(x: V) -> V {
    let (y, y_low) = finish(reduce(x));
    (y + y_low).unless(
        x.is_positive_normal().not(),
        #[inline(always)]
        || {
            let (y, y_low) = parts(x);
            special(x, x, y + y_low)
        },
    )
}

/// The parts that a guess of the logarithm of a positive number that is an f32 adds up: k ln 2 − log(1/m), and r.
#[inline(always)]
fn guess_parts<V: Number<Scalar = f64>>(x: V) -> (V, V) {
    let (biased, index, m) = split(x);
    // Exact: 24 bits times 20.
    let r = m.fma(V::lookup(&INVERSE, index), V::splat(-1.0));
    // The biased number is normal, as no f32 has the largest exponent of an f64.
    let k = V::from_bits(biased).exponent();
    (k.fma(V::splat(std::f64::consts::LN_2), V::lookup(&LOG, index)), r)
}

/// The logarithm of a positive number that is an f32, to 2^−51.
#[inline(always)]
pub(super) fn guess<V: Number<Scalar = f64>>(x: V) -> V {
    let (base, r) = guess_parts(x);
    let r2 = r * r;
    let tail = r.fma(polynomial(r, r2, &LOG1P), V::splat(-0.5));
    base + r2.fma(tail, r)
}

/// The same to 2^−37.4.
#[inline(always)]
fn short_guess<V: Number<Scalar = f64>>(x: V) -> V {
    let (base, r) = guess_parts(x);
    let r2 = r * r;
    let tail = V::splat(LOG1P_GUESS[4]).fma(r2, pair(2, r, &LOG1P_GUESS));
    base + r2.fma(tail.fma(r2, pair(0, r, &LOG1P_GUESS)), r)
}

/// k of an exponent field k + 1023, whatever the bits below it are.
#[inline(always)]
pub(super) fn whole<V: Number<Scalar = f64>>(biased: V::Bits) -> V {
    // 2^52 + (k + 1023) has k + 1023 as its last bits.
    let two52 = 0x4330_0000_0000_0000;
    V::from_bits(biased.shift_right(52).or(V::Bits::splat(two52))) - V::splat(4503599627370496.0 + 1023.0)
}

/// `y`, or what the logarithm of `argument` is where that is not positive and finite; `x` where it is +∞ or NaN.
#[inline(always)]
fn special<V: Number<Scalar = f64>>(argument: V, x: V, y: V) -> V {
    let ordinary = V::zero().lt(argument).and(argument.lt(V::splat(f64::INFINITY)));
    let at_most_zero = V::select(
        argument.lt(V::zero()),
        V::splat(f64::NAN),
        V::select(argument.eq(V::zero()), V::splat(f64::NEG_INFINITY), x),
    );
    V::select(ordinary, y, at_most_zero)
}

/// log(1 + x) as a sum of two numbers, and 1 + x rounded.
#[inline(always)]
fn parts_plus_one<V: Number<Scalar = f64>>(x: V) -> (V, V, V) {
    let one = V::splat(1.0);
    // 1 + x as a sum of two numbers, whichever is larger.
    let u = one + x;
    let x_part = u - one;
    let u_low = (one - (u - x_part)) + (x - x_part);
    let e = reduce(u);
    // 1 + r grows by the share u_low / u. The parts of r then overlap, so they are added anew.
    let r_low = (u_low / u).fma(one + e.r, e.r_low);
    let r = e.r + r_low;
    let (y, y_low) = finish(Reduced { r, r_low: (e.r - r) + r_low, ..e });
    (y, y_low, u)
}

/// log(1 + x); −∞ at −1, NaN below.
#[inline(always)]
pub fn log1p<V: Number<Scalar = f64>>(x: V) -> V {
    let (y, y_low, u) = parts_plus_one(x);
    // A tiny x, with its sign of zero, is its own result: x² / 2 is below half a unit in its last place.
    let tiny = x.abs().lt(V::splat(1.0 / 18014398509481984.0));
    V::select(tiny, x, special(u, x, y + y_low))
}

/// [`log`], as a type.
pub struct Log;
impl Wide for Log {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        log(x)
    }
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(x: V) -> V {
        settle_guess(
            short_guess(x),
            x.is_positive_normal(),
            #[inline(always)]
            || settle::<V, Log>(log(x), x),
        )
    }
}
impl Rare<f64> for Log {
    fn value(x: f64) -> f64 {
        let (y, y_low) = parts(x);
        round_to_odd(y, y_low)
    }
}

/// [`log1p`], as a type.
pub struct Log1p;
impl Wide for Log1p {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        log1p(x)
    }
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(x: V) -> V {
        settle::<V, Log1p>(log1p(x), x)
    }
}
impl Rare<f64> for Log1p {
    fn value(x: f64) -> f64 {
        let (y, y_low, _) = parts_plus_one(x);
        round_to_odd(y, y_low)
    }
}
