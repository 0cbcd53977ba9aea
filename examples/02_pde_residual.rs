//! Forward mode, nested: the residual of a partial differential equation for a known solution.

use tessera::{ANY, F64, Tensor, Trace};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // u = sin(πx) sin(πy) solves −Δu = 2π² u.
    let pi = std::f64::consts::PI;
    let trace = Trace::new("poisson");
    let x = trace.input("x", F64, [ANY]);
    let y = trace.input("y", F64, [ANY]);
    let u = (pi * x).sin() * (pi * y).sin();
    let laplacian = u.derivative(x).derivative(x) + u.derivative(y).derivative(y);
    let residual = laplacian + 2.0 * pi * pi * u;
    let f = trace.compile([residual.abs().reduce(tessera::ops::Reduction::Max, None), u.sum()])?;

    let line: Vec<f64> = (0..1000).map(|i| i as f64 / 1000.0).collect();
    let x = Tensor::new([1000], line.clone());
    let y = Tensor::new([1000], line.iter().map(|v| v * v).collect());
    let results = f.call(&[&x, &y])?;
    let worst = results[0].values::<f64>()[0];
    println!("largest residual over 1000 points: {worst:.1e}");
    // Rounding of terms of size 2π²: a few units in the last place.
    assert!(worst < 1e-13);
    Ok(())
}
