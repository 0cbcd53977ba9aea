//! Checks the f32 functions on all 2^32 inputs: `cargo run --release --example exhaustive_f32 [NAME]... [--level LEVEL]`.
//!
//! Each result must be the correctly rounded one, which CORE-MATH gives (a double-double evaluation for `sigmoid`).
//! Without a name every function is checked. A function takes one to five minutes on two cores.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use tessera_core::numerics::dispatch::Level;
use tessera_core::numerics::math::{UnaryFn, map_unary};
use tessera_core::tensor::canonical_bits_f32;

#[path = "../src/numerics/math/reference.rs"]
mod reference;

/// The correctly rounded value.
fn reference(function: UnaryFn, x: f32) -> f32 {
    match function {
        UnaryFn::Sqrt => x.sqrt(),
        UnaryFn::Exp => core_math::expf(x),
        UnaryFn::Expm1 => core_math::expm1f(x),
        UnaryFn::Log => core_math::logf(x),
        UnaryFn::Log1p => core_math::log1pf(x),
        UnaryFn::Sin => core_math::sinf(x),
        UnaryFn::Cos => core_math::cosf(x),
        UnaryFn::Tanh => core_math::tanhf(x),
        UnaryFn::Erf => core_math::erff(x),
        UnaryFn::Sigmoid => sigmoid(x as f64),
    }
}

/// The correctly rounded logistic function: a quotient in f64 where its error cannot matter, else double-double.
fn sigmoid(x: f64) -> f32 {
    let e = core_math::exp(-x.abs());
    let y = if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
    let (below, above) = (y * (1.0 - 4.0 * f64::EPSILON), y * (1.0 + 4.0 * f64::EPSILON));
    if below as f32 == above as f32 { below as f32 } else { reference::sigmoid(x).to_f32() }
}

/// Inputs whose bits share their upper half.
const CHUNK: u64 = 1 << 16;

/// Checks one function on every input and returns the number of failures.
fn check(function: UnaryFn, level: Level) -> u64 {
    let (next, failures) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut y = vec![0.0f32; CHUNK as usize];
                loop {
                    let chunk = next.fetch_add(1, Ordering::Relaxed);
                    if chunk >= (1 << 32) / CHUNK {
                        return;
                    }
                    let first = chunk * CHUNK;
                    let x: Vec<f32> =
                        (first..first + CHUNK).map(|bits| f32::from_bits(bits as u32)).collect();
                    map_unary(level, function, &x, &mut y);
                    for (&x, &y) in x.iter().zip(&y) {
                        let want = reference(function, x);
                        if canonical_bits_f32(y) != canonical_bits_f32(want) {
                            let before = failures.fetch_add(1, Ordering::Relaxed);
                            if before < 20 {
                                let (bits, y) = (x.to_bits(), y.to_bits());
                                println!(
                                    "\n{} of {bits:08x}: {y:08x}, must be {:08x}",
                                    function.name(),
                                    want.to_bits()
                                );
                            }
                        }
                    }
                    if chunk % 256 == 0 && std::io::stdout().is_terminal() {
                        print!("\r{:>8}: {:5.1} %", function.name(), 100.0 * first as f64 / 4294967296.0);
                        let _ = std::io::stdout().flush();
                    }
                }
            });
        }
    });
    failures.into_inner()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut names, mut level) = (Vec::new(), Level::current());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--level" => match rest.next().and_then(|name| Level::from_name(name)) {
                Some(chosen) => level = chosen,
                None => {
                    eprintln!("--level must be followed by scalar, avx2 or avx512");
                    std::process::exit(2);
                }
            },
            name => match UnaryFn::ALL.iter().find(|function| function.name() == name) {
                Some(&function) => names.push(function),
                None => {
                    eprintln!("must be the name of a function, got `{name}`");
                    std::process::exit(2);
                }
            },
        }
    }
    if names.is_empty() {
        names = UnaryFn::ALL.to_vec();
    }
    let mut total = 0;
    for function in names {
        let failures = check(function, level);
        println!("\r{:>8} at {level}: 4294967296 inputs, failures: {failures}", function.name());
        total += failures;
    }
    std::process::exit((total > 0) as i32);
}
