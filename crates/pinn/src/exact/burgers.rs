//! Burgers' equation u_t + u u_x = ν u_xx with u(0, x) = −sin(πx), by the Cole–Hopf transformation.
//!
//! E. Hopf (CPAM 3, 1950, 201–230) and J. D. Cole (Q. Appl. Math. 9, 1951, 225–236) reduce it to the heat
//! equation. With A = 1/(2πν), s = 2√(νt) and the positive weight
//!
//! ```text
//! w(z) = exp(−z² − A cos(π(x + s z))),        u(t, x) = −∫ sin(π(x + s z)) w dz / ∫ w dz
//! ```
//!
//! (C. Basdevant et al., Comput. Fluids 14 (1986) 23–41). The solution is a mean of initial values, so
//! nothing cancels as t → 0, and a relative error of the weights is an absolute error of u.
//!
//! **Quadrature.** The integrands are entire, so the trapezoidal rule of step h on the whole line errs
//! by at most 2 exp(−2πb/h + g(b)) relative to ∫ w for every b > 0, where g bounds the growth of ln |w|
//! on the line Im y = b of y = x + s z: g(b) = b²/(4νt) + A (cosh πb − 1). To second order
//! g = b²/(2σ²) with 1/σ² = 1/(2νt) + π/(2ν), and the least bound is 2 exp(−2π²σ²/h²). A step of σ/2 in
//! y, at most `STEP_MAX`, leaves room for the higher orders of cosh: the least bound, computed over all viscosities and
//! times allowed, is below 1e−30.
//!
//! **Support.** Since |A cos| ≤ A, nodes with z² > 2A + 46 weigh less than e⁻⁴⁶ of the largest weight.
//!
//! **Rounding.** The exponent, at most 3A + 46 in magnitude before the largest is subtracted, is off by a
//! few units in its last place; so are all weights, relatively: about 1e−14 for ν = 0.01/π, where A = 50.

use crate::math;
use std::f64::consts::PI;
use std::ops::RangeInclusive;
use tessera_core::numerics::math::UnaryFn;

/// The largest time at which [`solution`] is evaluated; its cost grows as √t.
pub const TIME_MAX: f64 = 100.0;

/// The largest step, in units of x.
const STEP_MAX: f64 = 0.02;

/// The viscosities for which [`solution`] keeps its bound.
pub fn viscosities() -> RangeInclusive<f64> {
    1e-3..=1.0
}

/// u(t, x), within 1e−12, for a viscosity of [`viscosities`], t in `0..=TIME_MAX` and x in `[-1, 1]`;
/// NaN outside. It is odd in x bit for bit, and −sin(πx) at t = 0.
///
/// ```
/// use std::f64::consts::PI;
/// use tessera_pinn::exact::burgers::solution;
/// let steepest = (solution(0.01 / PI, 1.6037 / PI, 1e-6) - 0.0) / 1e-6;
/// assert!((steepest + 152.00516).abs() < 1e-4); // Basdevant et al., table 1.
/// ```
pub fn solution(viscosity: f64, t: f64, x: f64) -> f64 {
    let inside = viscosities().contains(&viscosity) && (0.0..=TIME_MAX).contains(&t);
    if !inside || x.is_nan() || x.abs() > 1.0 {
        return f64::NAN;
    }
    let size = magnitude(viscosity, t, x.abs(), 1.0);
    if x < 0.0 { -size } else { size }
}

/// The solution for x ≥ 0, by steps that are `refinement` times smaller than need be.
fn magnitude(viscosity: f64, t: f64, x: f64, refinement: f64) -> f64 {
    let scale = 2.0 * (viscosity * t).sqrt();
    if t == 0.0 || scale == 0.0 {
        return -math::sin(PI * x);
    }
    let amplitude = 1.0 / (2.0 * PI * viscosity);
    let sigma = (2.0 * viscosity / (1.0 + PI * t)).sqrt() * t.sqrt();
    let step = (0.5 * sigma).min(STEP_MAX) / (scale * refinement);
    let nodes = ((2.0 * amplitude + 46.0).sqrt() / step).ceil() as usize;
    // Nodes z = 0, −h, h, −2h, 2h, …
    let sides = (1..=nodes).flat_map(|k| [-(k as f64 * step), k as f64 * step]);
    let z: Vec<f64> = std::iter::once(0.0).chain(sides).collect();
    let angles: Vec<f64> = z.iter().map(|z| PI * (x + scale * z)).collect();
    let cosines = math::map(UnaryFn::Cos, &angles);
    let values = math::map(UnaryFn::Sin, &angles);
    let exponents = z.iter().zip(&cosines).map(|(z, cosine)| -(z * z) - amplitude * cosine);
    let exponents: Vec<f64> = exponents.collect();
    let largest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = math::map(UnaryFn::Exp, &exponents.iter().map(|e| e - largest).collect::<Vec<_>>());
    // Nodes to both sides are added in pairs, so that the odd values at x = 0 cancel exactly.
    let (mut total, mut mean) = (weights[0], weights[0] * -values[0]);
    for (weight, value) in weights[1..].chunks(2).zip(values[1..].chunks(2)) {
        total += weight[0] + weight[1];
        mean += weight[0] * -value[0] + weight[1] * -value[1];
    }
    mean / total
}

#[cfg(test)]
mod tests {
    use super::*;

    const NU: f64 = 0.01 / PI;
    const BOUND: f64 = 1e-12;

    /// Lines of `viscosity t x u`: values to 30 digits by another kernel and another quadrature, at 50
    /// digits (`tests/data/burgers_cole_hopf.py`). Arguments are the f64 nearest to what is written.
    #[test]
    fn agrees_with_high_precision_values() {
        let mut worst: f64 = 0.0;
        let mut count = 0;
        for line in include_str!("../../tests/data/burgers_cole_hopf.txt").lines() {
            if line.starts_with('#') {
                continue;
            }
            let n: Vec<f64> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
            let error = (solution(n[0], n[1], n[2]) - n[3]).abs();
            assert!(error <= BOUND, "{line}: off by {error:e}");
            worst = worst.max(error);
            count += 1;
        }
        assert!(count >= 100);
        println!("largest error of {count}: {worst:e}");
    }

    /// Basdevant et al. give the largest slope of ν = 0.01/π: 152.00516 at t = 1.6037/π.
    #[test]
    fn slope_at_the_shock_is_the_published_one() {
        let slope = |t: f64| -solution(NU, t, 1e-7) / 1e-7;
        assert!((slope(1.6037 / PI) - 152.00516).abs() < 1e-5, "{}", slope(1.6037 / PI));
        assert!(slope(1.60 / PI) < 152.00516 && slope(1.61 / PI) < 152.00516);
    }

    /// Another kernel, (x − y)/t, and another quadrature: Gauss–Legendre panels of 8 nodes in y.
    fn by_panels(t: f64, x: f64) -> f64 {
        const NODES: [(f64, f64); 4] = [
            (0.183_434_642_495_649_8, 0.362_683_783_378_362),
            (0.525_532_409_916_329, 0.313_706_645_877_887_3),
            (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
            (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
        ];
        const PANELS: usize = 400;
        let reach = (4.0 * NU * t * 150.0).sqrt();
        let exponent = |y: f64| -(x - y).powi(2) / (4.0 * NU * t) - (PI * y).cos() / (2.0 * PI * NU);
        let half = reach / PANELS as f64;
        let nodes: Vec<(f64, f64)> = (0..PANELS)
            .map(|panel| x - reach + half * (2 * panel + 1) as f64)
            .flat_map(|middle| {
                NODES.into_iter().flat_map(move |(node, weight)| {
                    [(middle - half * node, weight), (middle + half * node, weight)]
                })
            })
            .collect();
        let largest = nodes.iter().map(|&(y, _)| exponent(y)).fold(f64::MIN, f64::max);
        let (mut above, mut below) = (0.0, 0.0);
        for (y, weight) in nodes {
            let weight = weight * (exponent(y) - largest).exp();
            above += weight * (x - y) / t;
            below += weight;
        }
        above / below
    }

    #[test]
    fn agrees_with_another_kernel_and_quadrature() {
        for i in 1..=20 {
            let t = f64::from(i) / 20.0;
            for x in (0..=40).map(|j| f64::from(j) / 40.0).chain([1e-6, 1e-4, 1e-3, 3e-3, 0.999]) {
                let (ours, theirs) = (solution(NU, t, x), by_panels(t, x));
                assert!((ours - theirs).abs() <= BOUND, "t = {t}, x = {x}: {ours:e} and {theirs:e}");
            }
        }
    }

    #[test]
    fn half_the_step_changes_nothing() {
        for viscosity in [1e-3, NU, 0.01, 0.1, 1.0] {
            for t in [1e-14, 1e-9, 1e-4, 0.01, 0.1, 0.3, 0.5, 1.0, 3.0, 10.0, 100.0] {
                for x in [0.0, 1e-9, 1e-5, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0] {
                    let [once, twice] = [1.0, 2.0].map(|by| magnitude(viscosity, t, x, by));
                    assert!((once - twice).abs() <= 0.1 * BOUND, "{viscosity} {t} {x}: {once:e} {twice:e}");
                }
            }
        }
    }

    #[test]
    fn symmetry_and_ends() {
        for t in [0.0, f64::MIN_POSITIVE, 1e-300, 1e-3, 0.5, 1.0] {
            assert_eq!(solution(NU, t, 0.0), 0.0);
            for x in [1e-3, 0.25, 0.5, 1.0] {
                assert_eq!(solution(NU, t, -x), -solution(NU, t, x));
                assert!(solution(NU, t, x).abs() <= 1.0);
            }
            assert!(solution(NU, t, 1.0).abs() <= 1e-15);
        }
        for x in [-1.0, -0.3, 0.7] {
            assert_eq!(solution(NU, 0.0, x), -(PI * x).sin());
            assert!((solution(NU, 1e-300, x) + (PI * x).sin()).abs() <= 1e-15);
        }
        for (nu, t, x) in [(NU, -1.0, 0.5), (NU, 1.0, 1.5), (0.0, 1.0, 0.5), (NU, f64::NAN, 0.5)] {
            assert!(solution(nu, t, x).is_nan());
        }
    }
}
