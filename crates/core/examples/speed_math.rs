//! Times the elementary functions on one core: `cargo run --release --example speed_math [NAME]...`.
//!
//! Nanoseconds per element on 8192 arguments in [-3, 3] (0 to 3 for log), which lie in the second-level cache; the best
//! of many runs.

use std::hint::black_box;
use std::time::Instant;
use tessera_core::numerics::dispatch::Level;
use tessera_core::numerics::lanes::Real;
use tessera_core::numerics::math::{UnaryFn, map_unary};
use tessera_core::numerics::tree::sum;

fn nanoseconds<T: Real>(level: Level, function: UnaryFn, x: &[T]) -> f64 {
    let mut y = vec![T::ZERO; x.len()];
    let mut best = f64::INFINITY;
    for _ in 0..if level == Level::Scalar { 20 } else { 3000 } {
        let start = Instant::now();
        map_unary(level, function, black_box(x), black_box(&mut y));
        best = best.min(start.elapsed().as_secs_f64() / x.len() as f64);
    }
    best * 1e9
}

/// The same for the sum by law 3.
fn nanoseconds_sum<T: Real>(level: Level, x: &[T]) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..3000 {
        let start = Instant::now();
        black_box(sum(level, black_box(x)));
        best = best.min(start.elapsed().as_secs_f64() / x.len() as f64);
    }
    best * 1e9
}

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    println!("{:>8} {:>8} {:>8} {:>8}", "", "level", "f64 ns", "f32 ns");
    for &function in UnaryFn::ALL {
        if !names.is_empty() && !names.iter().any(|name| name == function.name()) {
            continue;
        }
        let low = if matches!(function, UnaryFn::Log | UnaryFn::Sqrt | UnaryFn::Log1p) { 0.0 } else { -3.0 };
        let x: Vec<f64> =
            (0..8192).map(|i| low + (3.0 - low) * ((i * 2654435761u64) % 8192) as f64 / 8192.0).collect();
        let narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        for level in Level::available() {
            let (wide, narrow) = (nanoseconds(level, function, &x), nanoseconds(level, function, &narrow));
            println!("{:>8} {:>8} {wide:8.3} {narrow:8.3}", function.name(), level.name());
        }
    }
    let x: Vec<f64> = (0..8192).map(|i| i as f64).collect();
    let narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    for level in Level::available() {
        let (wide, narrow) = (nanoseconds_sum(level, &x), nanoseconds_sum(level, &narrow));
        println!("{:>8} {:>8} {wide:8.3} {narrow:8.3}", "sum", level.name());
    }
}
