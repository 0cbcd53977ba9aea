//! sin and cos: x = n π/2 + r, then a polynomial in r² for each, of which the quadrant n mod 4 selects one.
//!
//! Up to 2^30 the reduction subtracts n times π/2 in three parts (Cody and Waite), which leaves r with an error below
//! n · 2^−160. Beyond, in rare lanes, 256 bits of x · 2/π are computed in integers (Payne and Hanek).

use super::super::lanes::{Integer, Number, Rare, Wide};
use super::{polynomial, round_to_odd, settle};
use std::cmp::Ordering;

/// The first coefficient of (sin r − r) / r³ in r² on |r| ≤ π/4: −1/6, rounded.
const SIN_FIRST: f64 = -0.16666666666666666;
/// The others; error of sin(r) / r with all: 2^-62.9.
const SIN: [f64; 6] = [
    0.008333333333333097,
    -0.00019841269841051754,
    2.7557319126230735e-06,
    -2.5052085158079624e-08,
    1.6056145662017008e-10,
    -7.479841839647868e-13,
];
/// (cos r - 1 + r^2/2) / r^4 in r^2 on |r| <= pi/4; error of cos(r): 2^-68.7.
const COS: [f64; 7] = [
    0.041666666666666664,
    -0.0013888888888888434,
    2.480158730124205e-05,
    -2.7557319091907707e-07,
    2.0876729635859864e-09,
    -1.1467760893521914e-11,
    4.633840572707082e-14,
];
/// pi/2 as three f64.
#[expect(clippy::approx_constant, reason = "the first of three parts")]
const HALF_PI: [f64; 3] = [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33];
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

/// The quadrant in the two low bits, and r with its rounding error.
struct Reduced<V: Number<Scalar = f64>> {
    quadrant: V::Bits,
    r: V,
    r_low: V,
}

/// Reduces 0 ≤ x ≤ 2^30.
#[inline(always)]
fn reduce<V: Number<Scalar = f64>>(x: V) -> Reduced<V> {
    let shifter = V::splat(INTEGERS);
    let shifted = x.fma(V::splat(std::f64::consts::FRAC_2_PI), shifter);
    let n = shifted - shifter;
    // Exact: a multiple of 2^−53 or of the last place of x, and smaller than 1.
    let first = n.fnma(V::splat(HALF_PI[0]), x);
    let second = n * V::splat(HALF_PI[1]);
    let second_low = n.fma(V::splat(HALF_PI[1]), -second);
    let r = first - second;
    let r_low = ((first - r) - second) - n.fma(V::splat(HALF_PI[2]), second_low);
    Reduced { quadrant: shifted.bits(), r, r_low }
}

/// Reduces x > 2^30, finite, in integers.
fn reduce_large(x: f64) -> Reduced<f64> {
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
    let mut quadrant = product[0] >> 62;
    let high = ((product[0] as u128) << 64) | product[1] as u128;
    let low = ((product[2] as u128) << 64) | product[3] as u128;
    let (mut high, mut low) = ((high << 2) | (low >> 126), low << 2);
    // From a half turn on, the next quadrant and a negative fraction.
    let negative = high >> 127 == 1;
    if negative {
        quadrant += 1;
        (low, high) = (low.wrapping_neg(), (!high).wrapping_add((low == 0) as u128));
    }
    // The leading 128 bits: no f64 comes closer to a multiple of π/2 than 2^−62, so the first word decides.
    let zeros = high.leading_zeros();
    let leading = if zeros == 0 { high } else { (high << zeros) | (low >> (128 - zeros)) };
    let unit = f64::from_bits((1023 - 128 - zeros as u64) << 52);
    let f = ((leading >> 75) << 75) as f64 * unit;
    let f_low = (leading & ((1 << 75) - 1)) as f64 * unit;
    // Times π/2, in two numbers.
    let product = f * HALF_PI[0];
    let product_low = f.mul_add(HALF_PI[0], -product) + f.mul_add(HALF_PI[1], f_low * HALF_PI[0]);
    let r = product + product_low;
    let r_low = (product - r) + product_low;
    if negative { Reduced { quadrant, r: -r, r_low: -r_low } } else { Reduced { quadrant, r, r_low } }
}

/// sin of what was reduced, without its sign, as a sum of two numbers; a quadrant more gives cos.
#[inline(always)]
fn wave<V: Number<Scalar = f64>>(x: &Reduced<V>) -> (V, V) {
    let (r, r_low) = (x.r, x.r_low);
    let z = r * r;
    let z2 = z * z;
    let half = z * V::splat(0.5);
    let z_low = r.fma(r, -z);
    // sin(r + r_low) = r + (r³ (S₀ + z S) + r_low cos r), with the rounding error of r³ times S₀.
    let cube = r * z;
    let cube_low = r.fma(z_low, r.fma(z, -cube));
    let first = V::splat(SIN_FIRST);
    let rest = cube_low.fma(first, half.fnma(r_low, r_low));
    let sin_low = cube.fma(first, (cube * z).fma(polynomial(z, z2, &SIN), rest));
    // cos(r + r_low) = (1 − z/2) + (z² C − r_low r), with the rounding errors of z/2 and of the first difference.
    let one = V::splat(1.0);
    let cos = one - half;
    let rounding = z_low.fnma(V::splat(0.5), (one - cos) - half);
    let cos_low = z2.fma(polynomial(z, z2, &COS), r.fnma(r_low, rounding));
    let odd = V::top_bit(x.quadrant.shift_left(63));
    (V::select(odd, cos, r), V::select(odd, cos_low, sin_low))
}

/// `y` with the sign of a wave in `quadrant`, which is flipped where `x` is negative.
#[inline(always)]
fn signed<V: Number<Scalar = f64>>(y: V, quadrant: V::Bits, x: V) -> V {
    let sign = quadrant.shift_right(1).shift_left(63).xor(x.bits().and(V::Bits::splat(1 << 63)));
    V::from_bits(y.bits().xor(sign))
}

/// Sine; NaN at ±∞.
#[inline(always)]
pub fn sin<V: Number<Scalar = f64>>(x: V) -> V {
    let e = reduce(x.abs());
    let (y, y_low) = wave(&e);
    signed(y + y_low, e.quadrant, x).rescue::<LargeSin>(x, V::splat(MODERATE).lt(x.abs()))
}

/// Cosine; NaN at ±∞.
#[inline(always)]
pub fn cos<V: Number<Scalar = f64>>(x: V) -> V {
    let mut e = reduce(x.abs());
    e.quadrant = e.quadrant.plus(V::Bits::splat(1));
    let (y, y_low) = wave(&e);
    signed(y + y_low, e.quadrant, x.abs()).rescue::<LargeCos>(x, V::splat(MODERATE).lt(x.abs()))
}

/// sin(x), or cos(x) with `turn` of 1, of any argument; `join` adds the two parts.
fn scalar(x: f64, turn: u64, join: fn(f64, f64) -> f64) -> f64 {
    let size = x.abs();
    if size.partial_cmp(&f64::INFINITY) != Some(Ordering::Less) {
        return f64::NAN;
    }
    let mut e = if size > MODERATE { reduce_large(size) } else { reduce(size) };
    e.quadrant += turn;
    let (y, y_low) = wave(&e);
    signed(join(y, y_low), e.quadrant, if turn == 0 { x } else { size })
}

struct LargeSin;
impl Rare<f64> for LargeSin {
    fn value(x: f64) -> f64 {
        scalar(x, 0, |y, low| y + low)
    }
}

struct LargeCos;
impl Rare<f64> for LargeCos {
    fn value(x: f64) -> f64 {
        scalar(x, 1, |y, low| y + low)
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
        settle::<V, Sin>(sin(x), x)
    }
}
impl Rare<f64> for Sin {
    fn value(x: f64) -> f64 {
        scalar(x, 0, round_to_odd)
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
        settle::<V, Cos>(cos(x), x)
    }
}
impl Rare<f64> for Cos {
    fn value(x: f64) -> f64 {
        scalar(x, 1, round_to_odd)
    }
}
