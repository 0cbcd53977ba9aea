//! atan2: the quotient of the smaller size by the larger, reduced by a table of atan(j/8), then Taylor's series.
//!
//! With a ≥ b ≥ 0 the sizes of the operands and c = j/8 nearest to b/a, atan(b/a) = atan(c) + atan(t) with
//! t = (b − c a) / (a + c b) and |t| ≤ 1/16. The numerator is exact: for c = 1/8 and 1/4 by Sterbenz' lemma, beyond
//! because b and c a are multiples of an eighth of the last place of a. The result is ± atan(b/a) plus 0, π/2 or π;
//! all sums keep their rounding errors.

use super::super::lanes::{Mask, Number, WidePair};
use super::polynomial;
use super::pow::join_odd;

/// atan(j/8), rounded; what follows is never looked up.
#[expect(clippy::approx_constant, reason = "the last is π/4")]
static ATAN: [f64; 16] = [
    0.0,
    0.12435499454676144,
    0.24497866312686414,
    0.35877067027057225,
    0.4636476090008061,
    0.5585993153435624,
    0.6435011087932844,
    0.7188299996216245,
    0.7853981633974483,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
];
/// atan(j/8) - `ATAN[j]`.
static ATAN_LOW: [f64; 16] = [
    0.0,
    -3.1253241424539383e-18,
    1.0698755618734451e-17,
    -2.4623815582638635e-17,
    2.2698777452961687e-17,
    -5.4556305485916264e-18,
    1.5834785051444286e-17,
    -2.1478388444456983e-17,
    3.061616997868383e-17,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
];
/// (atan t - t) / t^3 in t^2, by Taylor; error of atan(t) / t on |t| <= 1/16: 2^-68.
const SERIES: [f64; 8] =
    [-1.0 / 3.0, 1.0 / 5.0, -1.0 / 7.0, 1.0 / 9.0, -1.0 / 11.0, 1.0 / 13.0, -1.0 / 15.0, 1.0 / 17.0];
/// pi as two f64.
#[expect(clippy::approx_constant, reason = "the first of two parts")]
const PI: [f64; 2] = [3.141592653589793, 1.2246467991473532e-16];
/// 1.5 · 2^49: adding it rounds to a multiple of 1/8, whose eighths stand in the low bits.
const EIGHTHS: f64 = 844424930131968.0;

/// Operands of the quotient: the smaller size, the larger, and where y is the larger and where x is negative.
#[derive(Clone, Copy)]
struct Sides<V: Number<Scalar = f64>> {
    small: V,
    large: V,
    steep: V::Mask,
    left: V::Mask,
}

impl<V: Number<Scalar = f64>> Sides<V> {
    /// The sizes of y and x, by C99's table: two infinities count as equal, two zeros as (0, 1).
    #[inline(always)]
    fn new(y: V, x: V) -> Sides<V> {
        let (zero, one, infinity) = (V::zero(), V::splat(1.0), V::splat(f64::INFINITY));
        let (left, y, x) = (V::top_bit(x.bits()), y.abs(), x.abs());
        let steep = x.lt(y);
        let (small, large) = (V::select(steep, x, y), V::select(steep, y, x));
        let endless = large.eq(infinity);
        let small = V::select(endless, V::select(small.eq(infinity), one, zero), small);
        Sides { small, large: V::select(endless.or(large.eq(zero)), one, large), steep, left }
    }

    /// Where the result is `small / large`, but for its third power.
    #[inline(always)]
    fn is_first_octant(&self) -> V::Mask {
        self.steep.or(self.left).not()
    }

    /// The angle between 0 and π as a sum of two numbers, for sizes within 2^±500 of 1. `quotient` is
    /// small / large, to a few units.
    #[inline(always)]
    fn angle(&self, quotient: V) -> (V, V) {
        let (a, b, shifter) = (self.large, self.small, V::splat(EIGHTHS));
        let shifted = quotient + shifter;
        let c = shifted - shifter;
        let numerator = c.fnma(a, b);
        let denominator = c.fma(b, a);
        let denominator_low = c.fma(b, a - denominator);
        let inverse = V::splat(1.0) / denominator;
        let t = numerator * inverse;
        let error = t.fnma(denominator_low, t.fnma(denominator, numerator));
        let z = t * t;
        let rest = (t * z).fma(polynomial(z, z * z, &SERIES), error * inverse);
        // The side of 0, π/2 or π on which the angle lies.
        let below = self.steep.and(self.left.not()).or(self.left.and(self.steep.not()));
        let side = |v: V| V::select(below, -v, v);
        let (half, turn) = (V::splat(0.5), V::select(self.left, V::splat(1.0), V::zero()));
        let share = V::select(self.steep, half, turn);
        let base = share * V::splat(PI[0]);
        let node = side(V::lookup(&ATAN, shifted.bits()));
        let high = base + node;
        let high_low = (base - high) + node;
        let t = side(t);
        let sum = high + t;
        let sum_low = (high - sum) + t;
        let low = share.fma(V::splat(PI[1]), side(rest + V::lookup(&ATAN_LOW, shifted.bits())));
        (sum, (sum_low + high_low) + low)
    }
}

/// The angle of the point (x, y): atan(y / x) in the right half-plane, in [−π, π]; by C99's table where both are ±0 or
/// infinite.
#[inline(always)]
pub fn atan2<V: Number<Scalar = f64>>(y: V, x: V) -> V {
    let sides = Sides::new(y, x);
    let quotient = sides.small / sides.large;
    // Scaled, so that no product of the reduction leaves the range. Where that makes `small` subnormal, the quotient is
    // the result or does not count.
    let (huge, tiny) = (V::splat(2f64.powi(500)).lt(sides.large), sides.large.lt(V::splat(2f64.powi(-500))));
    let scale = V::select(huge, V::splat(2f64.powi(-540)), V::splat(1.0));
    let scale = V::select(tiny, V::splat(2f64.powi(540)), scale);
    let scaled = Sides { small: sides.small * scale, large: sides.large * scale, ..sides };
    let (high, low) = scaled.angle(quotient);
    let flat = sides.is_first_octant().and(quotient.lt(V::splat(2f64.powi(-40))));
    signed(y, x, V::select(flat, quotient, high + low))
}

/// The angle on the side of y; NaN where an operand is.
#[inline(always)]
fn signed<V: Number<Scalar = f64>>(y: V, x: V, angle: V) -> V {
    V::select(x.is_nan().or(y.is_nan()), x + y, angle.copysign(y))
}

/// [`atan2`], as a type.
pub struct Atan2;
impl WidePair for Atan2 {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(y: V, x: V) -> V {
        atan2(y, x)
    }
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(y: V, x: V) -> V {
        // Operands that are f32 need no scaling. Rounded to odd, since quotients lie near the middle of subnormal f32.
        let sides = Sides::new(y, x);
        let (high, low) = sides.angle(sides.small / sides.large);
        signed(y, x, join_odd(high, low))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::lanes::Real;
    use super::*;
    use crate::numerics::dispatch::Level;
    use crate::numerics::math::map_pair;

    /// Every pairing of special numbers, points near the axes, diagonals and table nodes, and random ones of all sizes.
    fn arguments(count: usize) -> (Vec<f64>, Vec<f64>) {
        let values = [
            0.0,
            5e-324,
            1e-310,
            1e-300,
            1e-20,
            0.125,
            0.3,
            1.0,
            1.0000000000000002,
            2.0,
            1e17,
            1e300,
            f64::MAX,
        ];
        let ends = [f64::INFINITY, f64::NAN];
        let values: Vec<f64> = values.iter().chain(&ends).flat_map(|&v| [v, -v]).collect();
        let pairs = values.iter().flat_map(|&y| values.iter().map(move |&x| (y, x)));
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let unit = |next: &mut dyn FnMut() -> u64| (next() >> 11) as f64 / 2f64.powi(53);
        let mut random = Vec::new();
        for i in 0..count {
            let (u, v) = (unit(&mut next), unit(&mut next));
            let sign = |bit: u64, x: f64| if bit & 1 == 1 { -x } else { x };
            let (a, b) = match i % 4 {
                0 => (u, v),
                1 => (f64::from_bits(next() >> 1), f64::from_bits(next() >> 1)),
                2 => (v * 2f64.powi((next() % 120) as i32 - 60), v),
                // Near odd sixteenths, where the table's node changes, and near the diagonal.
                _ => (((next() % 17) as f64 / 16.0 + (u - 0.5) * 1e-9).abs(), 1.0),
            };
            let bits = next();
            let (a, b) = if bits & 4 == 0 { (a, b) } else { (b, a) };
            random.push((sign(bits, a), sign(bits >> 1, b)));
        }
        pairs.chain(random).unzip()
    }

    fn evaluate<T: Real>(level: Level, y: &[T], x: &[T]) -> Vec<T> {
        let mut out = vec![T::ZERO; x.len()];
        map_pair::<T, Atan2>(level, y, x, &mut out);
        out
    }

    #[test]
    fn f64_values_are_the_nearest_or_its_neighbour_at_every_level() {
        let (y, x) = arguments(200_000);
        let want = evaluate(Level::Scalar, &y, &x);
        let mut wrong = 0;
        for i in 0..x.len() {
            let exact = core_math::atan2(y[i], x[i]);
            let distance = if want[i].is_nan() && exact.is_nan() {
                0
            } else {
                want[i].to_bits().abs_diff(exact.to_bits())
            };
            assert!(distance <= 1, "atan2({:e}, {:e}) is {:e}, must be {exact:e}", y[i], x[i], want[i]);
            wrong += distance;
        }
        assert!(wrong as usize <= x.len() / 50, "{wrong} of {} angles are not correctly rounded", x.len());
        for level in Level::available() {
            for (i, z) in evaluate(level, &y, &x).into_iter().enumerate() {
                let same = crate::tensor::canonical_bits_f64(z) == crate::tensor::canonical_bits_f64(want[i]);
                assert!(same, "atan2({:e}, {:e}) at {level}: {z:e}, scalar {:e}", y[i], x[i], want[i]);
            }
        }
    }

    #[test]
    fn f32_values_are_correctly_rounded_on_samples() {
        let (y, x) = arguments(400_000);
        let narrow = |v: f64| v as f32;
        let (mut y, mut x): (Vec<f32>, Vec<f32>) =
            (y.into_iter().map(narrow).collect(), x.into_iter().map(narrow).collect());
        // Quotients in and near the middle between two subnormal numbers.
        for k in 1..400u32 {
            y.push(f32::from_bits(k));
            x.push((1 + k % 5) as f32);
        }
        for level in Level::available() {
            for (i, z) in evaluate(level, &y, &x).into_iter().enumerate() {
                let want = core_math::atan2f(y[i], x[i]);
                let same = crate::tensor::canonical_bits_f32(z) == crate::tensor::canonical_bits_f32(want);
                assert!(same, "atan2({:e}, {:e}) at {level}: {z:e}, must be {want:e}", y[i], x[i]);
            }
        }
    }
}
