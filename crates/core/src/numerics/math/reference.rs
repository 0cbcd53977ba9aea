//! The logistic function in double-double arithmetic, which CORE-MATH lacks: a reference for tests, slow and plain.
//!
//! A number is a pair of f64 whose sum it is; a result has about 100 bits.

/// A sum of two numbers, the second at most half a unit in the last place of the first.
#[derive(Clone, Copy, Debug)]
pub struct Pair(pub f64, pub f64);

impl Pair {
    fn sum(a: f64, b: f64) -> Pair {
        let s = a + b;
        let t = s - a;
        Pair(s, (a - (s - t)) + (b - t))
    }

    fn plus(self, other: Pair) -> Pair {
        let Pair(s, e) = Pair::sum(self.0, other.0);
        Pair::sum(s, e + self.1 + other.1)
    }

    fn times(self, other: Pair) -> Pair {
        let p = self.0 * other.0;
        let e = self.0.mul_add(other.0, -p);
        Pair::sum(p, e + (self.0 * other.1 + self.1 * other.0))
    }

    fn over(self, other: Pair) -> Pair {
        let q = self.0 / other.0;
        let rest = self.plus(other.times(Pair(-q, 0.0)));
        let q2 = rest.0 / other.0;
        let rest = rest.plus(other.times(Pair(-q2, 0.0)));
        Pair::sum(q, q2).plus(Pair(rest.0 / other.0, 0.0))
    }

    fn times_power_of_two(self, k: i32) -> Pair {
        let (a, b) = (f64::powi(2.0, k / 2), f64::powi(2.0, k - k / 2));
        Pair(self.0 * a * b, self.1 * a * b)
    }

    /// The nearest f32: the first number rounded to odd, then to nearest, so that no double rounding happens.
    pub fn to_f32(self) -> f32 {
        let bits = self.0.to_bits();
        if self.1 == 0.0 || bits & 1 == 1 {
            return self.0 as f32;
        }
        let outward = (self.1 > 0.0) == (self.0 > 0.0);
        f64::from_bits(if outward { bits + 1 } else { bits - 1 }) as f32
    }
}

/// e^x for −746 ≤ x ≤ 709 as (m, k) with e^x = m · 2^k: Taylor's series of x/2^9 reduced, then nine squarings.
fn exp(x: f64) -> (Pair, i32) {
    // ln 2 as three numbers, the first short enough for exact products with k.
    let ln2 = [0.6931471805582987, 1.6465949582897082e-12, -1.0077949135905144e-28];
    let k = (x / std::f64::consts::LN_2).round();
    let r = Pair::sum(k.mul_add(-ln2[0], x), 0.0);
    let p = k * ln2[1];
    let r = r.plus(Pair(-p, -k.mul_add(ln2[1], -p))).plus(Pair(-k * ln2[2], 0.0));
    let r = r.times_power_of_two(-9);
    // e^r − 1 by Horner: r (1 + r/2 (1 + r/3 (1 + …))).
    let mut y = Pair(1.0, 0.0);
    for n in (2..=14).rev() {
        y = Pair(1.0, 0.0).plus(y.times(r).over(Pair(n as f64, 0.0)));
    }
    y = y.times(r);
    for _ in 0..9 {
        y = y.plus(y).plus(y.times(y));
    }
    (y.plus(Pair(1.0, 0.0)), k as i32)
}

/// 1 / (1 + e^−x).
pub fn sigmoid(x: f64) -> Pair {
    if x.is_nan() {
        return Pair(x, 0.0);
    }
    let (m, k) = exp((-x.abs()).max(-746.0));
    let d = Pair(1.0, 0.0).plus(m.times_power_of_two(k));
    if x >= 0.0 { Pair(1.0, 0.0).over(d) } else { m.over(d).times_power_of_two(k) }
}
