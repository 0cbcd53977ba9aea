//! sin and cos: x = n π + r with |r| ≤ π/2 and a whole n for sin, half of an odd one for cos; then both are ± sin r, a
//! polynomial in r².
//!
//! Up to 2^30 the reduction subtracts n times π in three parts (Cody and Waite), which leaves r with an error below
//! n · 2^−159. Beyond, in rare lanes, 256 bits of x · 2/π are computed in integers (Payne and Hanek).

use super::super::lanes::{Integer, Narrow, Number, Rare, Wide};
use super::{polynomial, round_to_odd, settle, settle_guess};
use std::cmp::Ordering;

/// The first coefficient of (sin r - r) / r^3 in r^2 on |r| <= pi/2: -1/6, rounded.
const SIN_FIRST: f64 = -0.16666666666666666;
/// The second: 1/120, nearly.
const SIN_SECOND: f64 = 0.008333333333333208;
/// The others; error of sin(r) / r with all: 2^-61.6.
const SIN: [f64; 6] = [
    -0.00019841269841213362,
    2.7557319211742374e-06,
    -2.505210692133358e-08,
    1.605894188473654e-10,
    -7.643042869195829e-13,
    2.721670680712887e-15,
];
/// All coefficients of (sin r - r) / r^3 in r^2 for six; error of sin(r) / r: 2^-43.7.
const SIN_GUESS: [f64; 6] = [
    -0.16666666666499094,
    0.008333333320833917,
    -0.00019841266688826658,
    2.7556950103862322e-06,
    -2.5030093720639964e-08,
    1.5408187575918218e-10,
];
/// pi as three f64.
#[expect(clippy::approx_constant, reason = "the first of three parts")]
const PI: [f64; 3] = [3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33];
/// 64 zeros, then the first 1280 bits of 2/π behind the point.
static TWO_OVER_PI_BITS: [u64; 21] = [
    0,
    0xa2f9836e4e441529,
    0xfc2757d1f534ddc0,
    0xdb6295993c439041,
    0xfe5163abdebbc561,
    0xb7246e3a424dd2e0,
    0x06492eea09d1921c,
    0xfe1deb1cb129a73e,
    0xe88235f52ebb4484,
    0xe99c7026b45f7e41,
    0x3991d639835339f4,
    0x9c845f8bbdf9283b,
    0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f,
    0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea,
    0x6bfb5fb11f8d5d08,
    0x56033046fc7b6bab,
    0xf0cfbc209af4361d,
];

/// The largest argument for the reduction in three parts.
const MODERATE: f64 = 1073741824.0;
/// 1.5 · 2^52: adding it rounds to an integer, which stands in the low bits.
const INTEGERS: f64 = 6755399441055744.0;

/// Which of the two waves.
#[derive(Clone, Copy, PartialEq)]
enum Wave {
    Sin,
    Cos,
}

/// The sign of the wave in the lowest bit, and r with its rounding error.
struct Reduced<V: Number<Scalar = f64>> {
    sign: V::Bits,
    r: V,
    r_low: V,
}

/// n, and the integer n or n + 1/2 that decides the sign in its low bit.
#[inline(always)]
fn turns<V: Number<Scalar = f64>>(wave: Wave, x: V) -> (V, V::Bits) {
    let (inverse, shifter) = (V::splat(std::f64::consts::FRAC_1_PI), V::splat(INTEGERS));
    match wave {
        Wave::Sin => {
            let shifted = x.fma(inverse, shifter);
            (shifted - shifter, shifted.bits())
        }
        Wave::Cos => {
            let half = V::splat(0.5);
            let shifted = x.fma(inverse, half) + shifter;
            ((shifted - shifter) - half, shifted.bits())
        }
    }
}

/// Reduces |x| ≤ 2^30.
#[inline(always)]
fn reduce<V: Number<Scalar = f64>>(wave: Wave, x: V) -> Reduced<V> {
    let (n, sign) = turns(wave, x);
    // Exact, as a multiple of 2^−52 or of the last place of x and smaller than 2, unless cos has |x| < 1.
    let first = n.fnma(V::splat(PI[0]), x);
    let second = n * V::splat(PI[1]);
    let second_low = n.fma(V::splat(PI[1]), -second);
    let r = first - second;
    let mut r_low = ((first - r) - second) - n.fma(V::splat(PI[2]), second_low);
    if wave == Wave::Cos {
        // What `first` lost: n PI[0] + first is x if nothing.
        r_low = r_low + (x - n.fma(V::splat(PI[0]), first));
    }
    Reduced { sign, r, r_low }
}

/// Reduces x > 2^30, finite, in integers: first to a number of quarter turns and a remainder of at most π/4 in size.
fn reduce_large(wave: Wave, x: f64) -> Reduced<f64> {
    let bits = x.to_bits();
    let significand = (bits & ((1 << 52) - 1)) | (1 << 52);
    let exponent = (bits >> 52) as i64 - 1075;
    // Bits of 2/π that contribute multiples of 4 are left out; 256 of the others are taken.
    let start = (exponent - 2 + 64) as usize;
    let (word, shift) = (start / 64, start % 64);
    let window = |i: usize| {
        let pair = ((TWO_OVER_PI_BITS[word + i] as u128) << 64) | TWO_OVER_PI_BITS[word + i + 1] as u128;
        (pair >> (64 - shift)) as u64
    };
    // significand · window mod 2^256, most significant word first; its unit is 2^−254 of a quarter turn.
    let mut product = [0u64; 4];
    let mut carry = 0u128;
    for i in (0..4).rev() {
        let sum = significand as u128 * window(i) as u128 + carry;
        product[i] = sum as u64;
        carry = sum >> 64;
    }
    let mut quarters = (product[0] >> 62) + (wave == Wave::Cos) as u64;
    let high = ((product[0] as u128) << 64) | product[1] as u128;
    let low = ((product[2] as u128) << 64) | product[3] as u128;
    let (mut high, mut low) = ((high << 2) | (low >> 126), low << 2);
    // From half of one on, the next quarter turn and a negative fraction.
    let negative = high >> 127 == 1;
    if negative {
        quarters += 1;
        (low, high) = (low.wrapping_neg(), (!high).wrapping_add((low == 0) as u128));
    }
    // The leading 128 bits: no f64 comes closer to a multiple of π/2 than 2^−62, so the first word decides.
    let zeros = high.leading_zeros();
    let leading = if zeros == 0 { high } else { (high << zeros) | (low >> (128 - zeros)) };
    let unit = f64::from_bits((1023 - 128 - zeros as u64) << 52);
    let f = ((leading >> 75) << 75) as f64 * unit;
    let f_low = (leading & ((1 << 75) - 1)) as f64 * unit;
    // Times π/2, in two numbers.
    let (high, low) = (0.5 * PI[0], 0.5 * PI[1]);
    let product = f * high;
    let product_low = f.mul_add(high, -product) + f.mul_add(low, f_low * high);
    let r = product + product_low;
    let r_low = (product - r) + product_low;
    let (r, r_low) = if negative { (-r, -r_low) } else { (r, r_low) };
    if quarters & 1 == 0 {
        return Reduced { sign: quarters >> 1, r, r_low };
    }
    // An odd quarter turn is added to the remainder, with the sign that makes the sum the smaller one.
    let side = if negative { 1.0 } else { -1.0 };
    let sum = side * high + r;
    let sum_low = (r - (sum - side * high)) + (r_low + side * low);
    Reduced { sign: (quarters + !negative as u64) >> 1, r: sum, r_low: sum_low }
}

/// sin(r + r_low) as a sum of two numbers.
#[inline(always)]
fn sine<V: Number<Scalar = f64>>(x: &Reduced<V>) -> (V, V) {
    // r − r³/6 with all rounding errors, then r⁵/120 and r⁵ z S(z) with z = r², and r_low cos r. The term in r⁵ has an
    // fma of its own: within S its rounding errors would add a fifth of a unit.
    let (r, first) = (x.r, V::splat(SIN_FIRST));
    let z = r * r;
    let z_low = r.fma(r, -z);
    let cube = r * z;
    let cube_low = r.fma(z_low, r.fma(z, -cube));
    let term = cube * first;
    let term_low = cube_low.fma(first, cube.fma(first, -term));
    let high = r + term;
    let high_low = (r - high) + term;
    let slope = z.fma(z.fma(V::splat(1.0 / 24.0), V::splat(-0.5)), V::splat(1.0));
    let fifth = cube * z;
    let rest = fifth.fma(z * polynomial(z, z * z, &SIN), x.r_low.fma(slope, term_low));
    (high, high_low + fifth.fma(V::splat(SIN_SECOND), rest))
}

/// `y` with its sign flipped where the lowest bit of `sign` is set.
#[inline(always)]
fn signed<V: Number<Scalar = f64>>(y: V, sign: V::Bits) -> V {
    V::from_bits(y.bits().xor(sign.shift_left(63)))
}

/// Sine; NaN at ±∞.
#[inline(always)]
pub fn sin<V: Number<Scalar = f64>>(x: V) -> V {
    let size = x.abs();
    let e = reduce(Wave::Sin, size);
    let (y, y_low) = sine(&e);
    let x_sign = x.bits().and(V::Bits::splat(1 << 63));
    let y = V::from_bits(signed(y + y_low, e.sign).bits().xor(x_sign));
    y.rescue::<LargeSin>(x, V::splat(MODERATE).lt(size))
}

/// Cosine; NaN at ±∞.
#[inline(always)]
pub fn cos<V: Number<Scalar = f64>>(x: V) -> V {
    let size = x.abs();
    let e = reduce(Wave::Cos, size);
    let (y, y_low) = sine(&e);
    signed(y + y_low, e.sign).rescue::<LargeCos>(x, V::splat(MODERATE).lt(size))
}

/// A wave to 2^−42 for arguments up to [`MODERATE`] that are f32, of which none comes closer to a zero than 2^−33 but 0.
#[inline(always)]
fn guess<V: Number<Scalar = f64>>(wave: Wave, x: V) -> V {
    let (n, sign) = turns(wave, x);
    let r = n.fnma(V::splat(PI[1]), n.fnma(V::splat(PI[0]), x));
    let z = r * r;
    signed((r * z).fma(polynomial(z, z * z, &SIN_GUESS), r), sign)
}

/// A wave at any argument; `join` adds the two parts.
fn scalar(wave: Wave, x: f64, join: fn(f64, f64) -> f64) -> f64 {
    let size = x.abs();
    if size.partial_cmp(&f64::INFINITY) != Some(Ordering::Less) {
        return f64::NAN;
    }
    let e = if size > MODERATE { reduce_large(wave, size) } else { reduce(wave, size) };
    let (y, y_low) = sine(&e);
    let y = signed(join(y, y_low), e.sign);
    if wave == Wave::Sin && x.is_sign_negative() { -y } else { y }
}

struct LargeSin;
impl Rare<f64> for LargeSin {
    fn value(x: f64) -> f64 {
        scalar(Wave::Sin, x, |y, low| y + low)
    }
}

struct LargeCos;
impl Rare<f64> for LargeCos {
    fn value(x: f64) -> f64 {
        scalar(Wave::Cos, x, |y, low| y + low)
    }
}

/// [`sin`], as a type.
pub struct Sin;
impl Wide for Sin {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        sin(x)
    }
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(x: V) -> V {
        settle_guess(
            guess(Wave::Sin, x),
            x.le(V::splat(MODERATE)),
            #[inline(always)]
            || settle::<V, Sin>(sin(x), x),
        )
    }
    #[inline(always)]
    fn value_f32<V: Narrow>(x: V) -> V {
        let y = V::narrow(Self::before_f32(x.abs().widen()));
        V::from_bits(y.bits().xor(x.bits().and(V::Bits::splat(1 << 31))))
    }
}
impl Rare<f64> for Sin {
    fn value(x: f64) -> f64 {
        scalar(Wave::Sin, x, round_to_odd)
    }
}

/// [`cos`], as a type.
pub struct Cos;
impl Wide for Cos {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        cos(x)
    }
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(x: V) -> V {
        settle_guess(
            guess(Wave::Cos, x),
            x.abs().le(V::splat(MODERATE)),
            #[inline(always)]
            || settle::<V, Cos>(cos(x), x),
        )
    }
}
impl Rare<f64> for Cos {
    fn value(x: f64) -> f64 {
        scalar(Wave::Cos, x, round_to_odd)
    }
}
