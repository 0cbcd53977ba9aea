//! Measures the f64 functions against CORE-MATH: `cargo run --release --example accuracy_f64 [COUNT]`.
//!
//! Prints for each function how many of COUNT arguments were not correctly rounded. With a second argument, the path
//! of a file, writes those arguments and results there, as bits, for a measurement in higher precision.

use std::io::Write;
use tessera_core::numerics::dispatch::Level;
use tessera_core::numerics::math::{UnaryFn, map_unary};

#[path = "../src/numerics/math/reference.rs"]
#[expect(dead_code, reason = "its rounding to f32 is for another program")]
mod reference;

type Case = (UnaryFn, fn(f64) -> f64, &'static [(f64, f64)]);

const CASES: &[Case] = &[
    (UnaryFn::Exp, core_math::exp, &[(-745.0, 709.0), (-1.0, 1.0), (-20.0, 20.0)]),
    (UnaryFn::Expm1, core_math::expm1, &[(-40.0, 709.0), (-1.0, 1.0), (-0.1, 0.1)]),
    (UnaryFn::Log, core_math::log, &[(0.0, 1e300), (0.0, 4.0), (0.9, 1.1)]),
    (UnaryFn::Log1p, core_math::log1p, &[(-1.0, 1e18), (-1.0, 4.0), (-0.1, 0.1), (-1e-9, 1e-9)]),
    (UnaryFn::Sin, core_math::sin, &[(-0.8, 0.8), (-10.0, 10.0), (-1e9, 1e9), (1e10, 1e300)]),
    (UnaryFn::Cos, core_math::cos, &[(-0.8, 0.8), (-10.0, 10.0), (-1e9, 1e9), (1e10, 1e300)]),
    (UnaryFn::Erf, core_math::erf, &[(-6.0, 6.0), (-1.0, 1.0), (-0.1, 0.1)]),
    (UnaryFn::Sigmoid, |x| reference::sigmoid(x).0, &[(-700.0, 40.0), (-20.0, 20.0), (-1.0, 1.0)]),
    (UnaryFn::Tanh, core_math::tanh, &[(-20.0, 20.0), (-1.0, 1.0), (-0.1, 0.1)]),
];

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut file = arguments.next().map(std::fs::File::create).transpose()?;
    let mut state = 1u64;
    for (function, reference, ranges) in CASES {
        for &(low, high) in *ranges {
            let x: Vec<f64> = (0..count)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    low + (high - low) * ((state >> 11) as f64 / 9007199254740992.0)
                })
                .collect();
            let mut y = vec![0.0; count];
            map_unary(Level::current(), *function, &x, &mut y);
            let (mut wrong, mut worst) = (0, 0);
            for (x, y) in x.iter().zip(&y) {
                let want = reference(*x);
                if want.to_bits() != y.to_bits() {
                    wrong += 1;
                    worst = worst.max((want.to_bits() as i64).abs_diff(y.to_bits() as i64));
                    if let Some(file) = &mut file {
                        writeln!(file, "{} {:016x} {:016x}", function.name(), x.to_bits(), y.to_bits())?;
                    }
                }
            }
            let share = 100.0 * wrong as f64 / count as f64;
            println!(
                "{:>8} [{low:e}, {high:e}]: {share:.3} % not correctly rounded, {worst} off at most",
                function.name()
            );
        }
    }
    Ok(())
}
