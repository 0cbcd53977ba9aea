//! The elementary functions this crate evaluates outside graphs: constants in case files, exact solutions,
//! learning rates and scores. They are those of law 6, on scalars, so a case gives the same numbers on
//! every platform; [`tan`], [`sinh`] and [`cosh`] are made of them as the graphs of expressions make them.

use tessera_core::numerics::dispatch::Level;
use tessera_core::numerics::math::{Elementary, UnaryFn, map_unary};

/// A function of each element, by SIMD: the bits of the scalar function.
pub fn map(function: UnaryFn, x: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    map_unary(Level::current(), function, x, &mut out);
    out
}

/// eˣ.
pub fn exp(x: f64) -> f64 {
    Elementary::exp(x)
}

/// eˣ − 1, accurate near 0.
pub fn expm1(x: f64) -> f64 {
    Elementary::expm1(x)
}

/// Natural logarithm.
pub fn log(x: f64) -> f64 {
    Elementary::log(x)
}

/// Sine of x radians.
pub fn sin(x: f64) -> f64 {
    Elementary::sin(x)
}

/// Cosine of x radians.
pub fn cos(x: f64) -> f64 {
    Elementary::cos(x)
}

/// Tangent of x radians: sin x / cos x.
pub fn tan(x: f64) -> f64 {
    sin(x) / cos(x)
}

/// Hyperbolic sine: tanh x · cosh x, which keeps its digits near 0.
pub fn sinh(x: f64) -> f64 {
    tanh(x) * cosh(x)
}

/// Hyperbolic cosine: (eˣ + e⁻ˣ) / 2.
pub fn cosh(x: f64) -> f64 {
    (exp(x) + exp(-x)) * 0.5
}

/// Hyperbolic tangent.
pub fn tanh(x: f64) -> f64 {
    Elementary::tanh(x)
}

/// x to the power y; a whole number as exponent is better served by [`powi`].
pub fn pow(x: f64, y: f64) -> f64 {
    Elementary::pow(x, y)
}

/// x to an integer power, by squaring: the same multiplications everywhere.
pub fn powi(x: f64, n: i32) -> f64 {
    let (mut base, mut rest, mut product) = (x, n.unsigned_abs(), 1.0);
    while rest > 0 {
        if rest & 1 == 1 {
            product *= base;
        }
        base *= base;
        rest >>= 1;
    }
    if n < 0 { 1.0 / product } else { product }
}

#[cfg(test)]
mod tests {
    #[test]
    fn powi_multiplies() {
        assert_eq!(super::powi(3.0, 5), 243.0);
        assert_eq!(super::powi(2.0, -3), 0.125);
        assert_eq!(super::powi(f64::NAN, 0), 1.0);
        assert_eq!(super::powi(2.0, i32::MIN), 0.0);
    }

    #[test]
    fn map_has_the_bits_of_the_scalar_function() {
        use tessera_core::numerics::math::UnaryFn;
        let x: Vec<f64> = (0..77).map(|i| f64::from(i) * 0.73 - 20.0).collect();
        let want: Vec<f64> = x.iter().map(|&x| super::cos(x)).collect();
        assert_eq!(super::map(UnaryFn::Cos, &x), want);
    }

    /// What is made of law 6's functions is within a few ULP of the platform's.
    #[test]
    fn made_functions_are_accurate() {
        for i in -400..=400 {
            let x = f64::from(i) * 0.0371;
            let pairs = [
                (super::tan(x), x.tan()),
                (super::sinh(x), x.sinh()),
                (super::cosh(x), x.cosh()),
                (super::sinh(x * 1e-9), (x * 1e-9).sinh()),
            ];
            for (got, want) in pairs {
                assert!((got - want).abs() <= 8.0 * f64::EPSILON * want.abs(), "{x}: {got:e} {want:e}");
            }
        }
    }
}
