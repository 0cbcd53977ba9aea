//! Reverse mode: the gradient of a least-squares loss, and gradient descent with it.

use tessera::{F64, Tensor, Trace};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Fit y = a x + b to five points that lie on y = 2x − 1.
    let trace = Trace::new("fit");
    let a = trace.input("a", F64, [0usize; 0]);
    let b = trace.input("b", F64, [0usize; 0]);
    let x = trace.constant(Tensor::new([5], vec![-1.0, -0.5, 0.0, 0.5, 1.0]));
    let y = trace.constant(Tensor::new([5], vec![-3.0, -2.0, -1.0, 0.0, 1.0]));
    let error = a * x + b - y;
    let loss = (error * error).mean();
    let [da, db] = loss.gradient([a, b]);
    let step = trace.compile([loss, a - 0.5 * da, b - 0.5 * db])?;

    let (mut a, mut b) = (Tensor::scalar(0.0), Tensor::scalar(0.0));
    let mut loss = f64::INFINITY;
    for _ in 0..100 {
        let mut results = step.call(&[&a, &b])?;
        (b, a) = (results.remove(2), results.remove(1));
        loss = results[0].values::<f64>()[0];
    }
    let (a, b) = (a.values::<f64>()[0], b.values::<f64>()[0]);
    println!("a = {a:.12}, b = {b:.12}, loss = {loss:.1e}");
    assert!((a - 2.0).abs() < 1e-12 && (b + 1.0).abs() < 1e-12 && loss < 1e-24);
    Ok(())
}
