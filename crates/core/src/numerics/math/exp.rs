//! exp and expm1: reduction to |r| ≤ ln 2 / 32 by a table of 2^(j/16), then a polynomial of degree 7.
//!
//! x = k ln 2 + log T + r, where T is one of 16 numbers near 2^(j/16), so e^x = 2^k · T · (1 + s) with s = e^r − 1.
//! T is an f64 and exact; the table SHIFTS says how far its logarithm is from j ln 2 / 16.

use super::super::lanes::{Integer, Number, Wide};
use super::{pair, polynomial, settle_guess};

/// (e^r - 1 - r) / r^2 on |r| <= ln 2 / 32; error of (e^r - 1) / r: 2^-59.7.
pub(super) const EXP: [f64; 6] = [
    0.5000000000000003,
    0.1666666666666667,
    0.041666666661521676,
    0.008333333332693276,
    0.0013889098234159988,
    0.00019841513295359883,
];
/// ln 2 in 37 bits.
pub(super) const LN2_HIGH: f64 = 0.6931471805582987;
/// ln 2 - LN2_HIGH.
pub(super) const LN2_LOW: f64 = 1.6465949582897082e-12;
/// 2^(j/16), rounded.
#[expect(clippy::approx_constant, reason = "a table may hold sqrt 2")]
pub(super) static POWERS: [f64; 16] = [
    1.0,
    1.0442737824274138,
    1.0905077326652577,
    1.1387886347566916,
    1.189207115002721,
    1.241857812073484,
    1.2968395546510096,
    1.3542555469368927,
    1.4142135623730951,
    1.4768261459394993,
    1.5422108254079407,
    1.6104903319492543,
    1.681792830507429,
    1.7562521603732995,
    1.8340080864093424,
    1.9152065613971474,
];
/// log(`POWERS[j]`) - j ln 2 / 16: what the rounding of `POWERS[j]` is worth in the exponent.
pub(super) static SHIFTS: [f64; 16] = [
    0.0,
    -8.189317638195514e-17,
    2.7939114859515733e-17,
    -7.826573258636076e-17,
    -3.3484623336251524e-17,
    -3.750854201303127e-17,
    -1.9572585293112036e-17,
    -5.68648095791174e-17,
    6.835808657661923e-17,
    2.3591094770850053e-17,
    -5.1548301170786783e-17,
    -1.5341410053603723e-17,
    -4.875160526227062e-17,
    -1.685487290628973e-17,
    -1.790126907604513e-17,
    5.5450656186394274e-17,
];

/// The coefficients of [`EXP`] for three; error of e^r: 2^-37.5.
const EXP_SHORT: [f64; 3] = [0.4999999998656959, 0.1666700947415692, 0.04166758081945538];
/// [`POWERS`] with 2^-4 j taken from the exponent field, bits and all. Added to n in sixteenths, shifted to the
/// exponent, this gives 2^k T without masking n's fraction j out.
pub(super) static POWERS_LESS_INDEX: [f64; 16] = {
    let mut table = POWERS;
    let mut j = 0;
    while j < 16 {
        table[j] = f64::from_bits(table[j].to_bits() - ((j as u64) << 48));
        j += 1;
    }
    table
};

/// 1.5 · 2^48: adding it rounds a small number to a multiple of 1/16, whose sixteenths stand in the low bits.
pub(super) const SIXTEENTHS: f64 = 422212465065984.0;

/// e^x = 2^k T e^(r + r_low).
pub(super) struct Reduced<V: Number<Scalar = f64>> {
    /// k.
    pub k: V,
    /// T, an f64 near 2^(j/16).
    pub power: V,
    /// The remainder, |r| ≤ ln 2 / 32.
    pub r: V,
    /// The rounding error of `r`.
    pub r_low: V,
}

/// Reduces x of at most 1100 in size.
#[inline(always)]
pub(super) fn reduce<V: Number<Scalar = f64>>(x: V) -> Reduced<V> {
    let shifter = V::splat(SIXTEENTHS);
    let shifted = x.fma(V::splat(std::f64::consts::LOG2_E), shifter);
    let n = shifted - shifter;
    let whole = shifted.bits().and(V::Bits::splat(!15));
    // Exact: LN2_HIGH has 37 bits, n has 15.
    let r_high = n.fnma(V::splat(LN2_HIGH), x);
    let correction = n.fma(V::splat(LN2_LOW), V::lookup(&SHIFTS, shifted.bits()));
    let r = r_high - correction;
    Reduced {
        k: V::from_bits(whole) - shifter,
        power: V::lookup(&POWERS, shifted.bits()),
        r,
        r_low: (r_high - r) - correction,
    }
}

/// (e^r − 1 − r) / r² for |r| ≤ ln 2 / 32.
#[inline(always)]
pub(super) fn tail<V: Number<Scalar = f64>>(r: V) -> V {
    polynomial(r, r * r, &EXP)
}

/// e^x.
#[inline(always)]
pub fn exp<V: Number<Scalar = f64>>(x: V) -> V {
    // Beyond these the result is 0 or infinite. The order of operands lets a NaN through.
    let x = V::splat(710.0).lesser(V::splat(-750.0).greater(x));
    let e = reduce(x);
    let s = (e.r * e.r).fma(tail(e.r), e.r);
    e.power.fma(s, e.power).scale(e.k)
}

/// [`SIXTEENTHS`] plus 126: added to the exponent of two of a normal f32, it leaves from 0 to 4095 in the low bits.
const WINDOW: f64 = SIXTEENTHS + 126.0;
/// [`POWERS_LESS_INDEX`] less 126 in the exponent field, for a number shifted by [`WINDOW`].
static POWERS_IN_WINDOW: [f64; 16] = {
    let mut table = POWERS_LESS_INDEX;
    let mut j = 0;
    while j < 16 {
        table[j] = f64::from_bits(table[j].to_bits() - (126 << 52));
        j += 1;
    }
    table
};

/// x = k ln 2 + log T + r for a guess.
pub(super) struct Guess<V: Number<Scalar = f64>> {
    /// Where e^x is between 2^−126 and 2^130, and the other parts are right.
    pub sure: V::Mask,
    /// 2^k T.
    pub power: V,
    /// The remainder, |r| ≤ ln 2 / 32.
    r: V,
}

impl<V: Number<Scalar = f64>> Guess<V> {
    /// Reduces any x.
    #[inline(always)]
    pub(super) fn new(x: V) -> Self {
        let shifter = V::splat(WINDOW);
        let shifted = x.fma(V::splat(std::f64::consts::LOG2_E), shifter);
        let r = (shifted - shifter).fnma(V::splat(std::f64::consts::LN_2), x);
        let index = shifted.bits();
        let power = V::from_bits(V::lookup(&POWERS_IN_WINDOW, index).bits().plus(index.shift_left(48)));
        // Inside the window the bits above the low 12 are those of the shifter. Of these a test of the zeros among them
        // suffices: every larger exponent, a sign, and all that is not much larger than the window sets one.
        let sure = V::disjoint(index, V::Bits::splat(!(SIXTEENTHS.to_bits() | 0xfff)));
        Guess { sure, power, r }
    }

    /// e^x to 2^−37.4.
    #[inline(always)]
    pub(super) fn exp(&self) -> V {
        let r2 = self.r * self.r;
        let tail = V::splat(EXP_SHORT[2]).fma(r2, pair(0, self.r, &EXP_SHORT));
        self.power.fma(r2.fma(tail, self.r), self.power)
    }
}

/// e^x − 1.
#[inline(always)]
pub fn expm1<V: Number<Scalar = f64>>(x: V) -> V {
    let clamped = V::splat(710.0).lesser(V::splat(-40.0).greater(x));
    let e = reduce(clamped);
    // 2^k · (T − 2^−k + T r + T (e^r − 1 − r)); the first difference with its error, then the second sum with its error.
    let unit = V::splat(1.0).scale(-e.k);
    let a = e.power - unit;
    let back = a + unit;
    let a_low = (e.power - back) - (unit - (back - a));
    let sum = e.power.fma(e.r, a);
    let sum_low = e.power.fma(e.r, a - sum) + a_low;
    let rest = e.power * (e.r * e.r).fma(tail(e.r), e.r_low);
    (sum + (sum_low + rest)).scale(e.k).copysign(x)
}

/// [`exp()`], as a type.
pub struct Exp;
impl Wide for Exp {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        exp(x)
    }
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(x: V) -> V {
        let guess = Guess::new(x);
        settle_guess(
            guess.exp(),
            guess.sure,
            #[inline(always)]
            || exp(x),
        )
    }
}

/// [`expm1`], as a type.
pub struct Expm1;
impl Wide for Expm1 {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        expm1(x)
    }
}
