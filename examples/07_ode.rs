//! The derivative of an integration: Runge and Kutta's method as a loop, differentiated with respect to a parameter.

use std::sync::Arc;
use tessera::ops::{Keep, Scan};
use tessera::{BuildErrors, F64, Graph, Tensor, Trace};

const STEPS: usize = 200;
const TIME: f64 = 4.0;

/// (u, r) → (u after a step of du/dt = r u (1 − u)).
fn step() -> Result<Graph, BuildErrors> {
    let trace = Trace::new("step");
    let (u, r) = (trace.input("u", F64, [0usize; 0]), trace.input("r", F64, [0usize; 0]));
    let h = TIME / STEPS as f64;
    let slope = |u| r * u * (1.0 - u);
    let k1 = slope(u);
    let k2 = slope(u + 0.5 * h * k1);
    let k3 = slope(u + 0.5 * h * k2);
    let k4 = slope(u + h * k3);
    trace.graph([u + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let body = Arc::new(step()?);
    let (u0, r) = (0.1, 1.3);
    let mut all = Vec::new();
    // What the adjoint keeps of the loop: all, or 8 states at a time. The bits are the same.
    for keep in [Keep::All, Keep::Revolve(8)] {
        let trace = Trace::new("logistic");
        let (start, rate) = (trace.input("u", F64, [0usize; 0]), trace.input("r", F64, [0usize; 0]));
        let scan = Scan::new(body.clone(), 1, 0).length(STEPS).keeping(keep);
        let [end] = trace.apply(std::sync::Arc::new(scan), &[start, rate]);
        let [du_dstart, du_drate] = end.gradient([start, rate]);
        let solve = trace.compile([end, du_dstart, du_drate])?;
        all.push(solve.call(&[&Tensor::scalar(u0), &Tensor::scalar(r)])?);
    }
    let got: Vec<f64> = all[0].iter().map(|tensor| tensor.values::<f64>()[0]).collect();

    // u(t) = 1 / (1 + (1/u₀ − 1) e⁻ʳᵗ), so ∂u/∂r = t u (1 − u) and ∂u/∂u₀ = u (1 − u) / (u₀ (1 − u₀)).
    let u = 1.0 / (1.0 + (1.0 / u0 - 1.0) * (-r * TIME).exp());
    let known = [u, u * (1.0 - u) / (u0 * (1.0 - u0)), TIME * u * (1.0 - u)];
    println!("u, ∂u/∂u₀, ∂u/∂r: {got:?}, known: {known:?}");
    for (got, known) in got.iter().zip(known) {
        assert!((got - known).abs() < 1e-8, "{got} and {known}");
    }
    assert!(all[0].iter().zip(&all[1]).all(|(a, b)| a.same_bits(b)), "a policy must not change the bits");
    Ok(())
}
