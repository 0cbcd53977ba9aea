//! Writes `cases/data/heat.npz`: noisy temperatures of a rod, for `cases/inverse_heat.toml`.
//!
//!     cargo run -p tessera-pinn --example heat_data -- cases/data/heat.npz
//!
//! The rod obeys u_t = κ u_xx with κ = 0.1 and starts at sin(πx) + sin(2πx)/2. Points are uniform, noise is
//! normal (Box and Muller) with a standard deviation of 0.01; both come from the seed alone.

use ndarray::Array1;
use ndarray_npy::NpzWriter;
use std::error::Error;
use std::f64::consts::PI;
use std::fs::File;
use tessera_core::numerics::random::uniform_f64;
use tessera_pinn::math::{cos, exp, log, sin};
use tessera_pinn::sampling::{Address, Method, Sampler};

const SEED: u64 = 20240229;
const ROWS: u64 = 500;
const KAPPA: f64 = 0.1;
const NOISE: f64 = 0.01;

/// Standard normal numbers, one per index; 1 − u keeps the logarithm finite.
fn normal(stream: u64, index: u64) -> f64 {
    let radius = (-2.0 * log(1.0 - uniform_f64(SEED, stream, index))).sqrt();
    radius * cos(2.0 * PI * uniform_f64(SEED, stream + 1, index))
}

fn temperature(t: f64, x: f64) -> f64 {
    let mode = |k: f64| exp(-KAPPA * (k * PI) * (k * PI) * t) * sin(k * PI * x);
    mode(1.0) + 0.5 * mode(2.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("the file to write must be given")?;
    let address = Address { seed: SEED, stream: 0, epoch: 0 };
    let sampler = Sampler::new(Method::Uniform, &[(0.0, 1.0), (0.0, 1.0)], ROWS, address)?;
    let column = |d| Array1::from_iter((0..ROWS).map(|i| sampler.coordinate(i, d)));
    let (t, x) = (column(0), column(1));
    let u = (0..ROWS).zip(t.iter().zip(&x));
    let u: Array1<f64> = u.map(|(i, (&t, &x))| temperature(t, x) + NOISE * normal(1, i)).collect();
    let mut npz = NpzWriter::new(File::create(path)?);
    npz.add_array("t", &t)?;
    npz.add_array("x", &x)?;
    npz.add_array("u", &u)?;
    npz.finish()?;
    Ok(())
}
