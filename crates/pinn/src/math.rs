//! The elementary functions this crate evaluates outside graphs: constants in case files, exact
//! solutions and scores. This is the one place that calls them, so that they all change to the fixed
//! bits of law 6 together; until then they are the platform's, which may differ in a last bit.

/// eˣ.
pub fn exp(x: f64) -> f64 {
    x.exp()
}

/// eˣ − 1, accurate near 0.
pub fn expm1(x: f64) -> f64 {
    x.exp_m1()
}

/// Natural logarithm.
pub fn log(x: f64) -> f64 {
    x.ln()
}

/// Sine of x radians.
pub fn sin(x: f64) -> f64 {
    x.sin()
}

/// Cosine of x radians.
pub fn cos(x: f64) -> f64 {
    x.cos()
}

/// Tangent of x radians.
pub fn tan(x: f64) -> f64 {
    x.tan()
}

/// Hyperbolic sine.
pub fn sinh(x: f64) -> f64 {
    x.sinh()
}

/// Hyperbolic cosine.
pub fn cosh(x: f64) -> f64 {
    x.cosh()
}

/// Hyperbolic tangent.
pub fn tanh(x: f64) -> f64 {
    x.tanh()
}

/// x to the power y.
pub fn pow(x: f64, y: f64) -> f64 {
    x.powf(y)
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
}
