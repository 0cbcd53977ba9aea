//! Differentiating what is only known as a solution: an equilibrium, an optimal transport, a fit. Each gradient is compared with central differences.

use tessera::ops::{Descent, FixedPoint, Iteration, LinearOptions, Method, Minimize};
use tessera::{F64, Function, Solver, Tensor, Trace};

type Failure = Box<dyn std::error::Error>;

/// The value and the gradient of `f` (outputs 0 and 1) at `x`, and its gradient by differences.
fn compared(what: &str, f: &Function, x: &[f64]) -> Result<(), Failure> {
    let at = |x: &[f64]| f.call(&[&Tensor::new([x.len()], x.to_vec())]);
    let results = at(x)?;
    let (value, gradient) = (results[0].values::<f64>()[0], results[1].values::<f64>());
    println!("{what}: {value:.6}, gradient {gradient:.6?}");
    for (i, derivative) in gradient.iter().enumerate() {
        let moved = |h: f64| -> Result<f64, Failure> {
            let mut x = x.to_vec();
            x[i] += h;
            Ok(at(&x)?[0].values::<f64>()[0])
        };
        let h = 1e-4;
        let difference = (moved(h)? - moved(-h)?) / (2.0 * h);
        assert!((derivative - difference).abs() < 1e-6, "{what} at {i}: {derivative} and {difference}");
    }
    Ok(())
}

/// Layers without end: z = tanh(W z + x), a deep equilibrium, and the sum of its squares.
fn equilibrium() -> Result<Function, Failure> {
    let trace = Trace::new("equilibrium");
    let x = trace.input("x", F64, [3]);
    let w = trace.constant(Tensor::new([3, 3], vec![0.3, -0.2, 0.1, 0.4, 0.2, -0.3, -0.1, 0.5, 0.2]));
    let anderson = FixedPoint { anderson: Some(true), ..FixedPoint::default() };
    let adjoint = LinearOptions { method: Some(Method::Gmres), ..LinearOptions::default() };
    let solver = Solver { method: anderson, adjoint, ..Solver::default() };
    let z = trace.fixed_point(x, solver, |z| (w.matmul(z.reshape(&[3, 1])).reshape(&[3]) + x).tanh()).x;
    let loss = (z * z).sum();
    let [slope] = loss.gradient([x]);
    Ok(trace.compile([loss, slope])?)
}

/// Sinkhorn's fixed point: the cost of moving one distribution to another, made smooth by entropy, for the points x that the goods lie at.
fn transport() -> Result<Function, Failure> {
    let trace = Trace::new("transport");
    let x = trace.input("x", F64, [3]);
    let to = trace.constant(Tensor::new([4], vec![-1.0, 0.0, 0.5, 1.5]));
    let (mass, want) = (1.0 / 3.0, trace.constant(Tensor::new([4], vec![0.1, 0.4, 0.3, 0.2])));
    let distance = x.reshape(&[3, 1]) - to.reshape(&[1, 4]);
    let cost = distance * distance;
    let kernel = (cost * -2.0).exp();
    let start = trace.constant(Tensor::new([3], vec![0.0; 3]));
    // u = mass / K v and v = want / Kᵀ u; log u is the unknown.
    let solved = trace.fixed_point(start, Solver::default(), |log_u| {
        let v = want / kernel.transpose().matmul(log_u.exp().reshape(&[3, 1])).reshape(&[4]);
        let log_u = (mass / kernel.matmul(v.reshape(&[4, 1])).reshape(&[3])).log();
        // A constant may be added to u and taken from v: it is fixed here.
        log_u - log_u.mean()
    });
    let u = solved.x.exp();
    let v = want / kernel.transpose().matmul(u.reshape(&[3, 1])).reshape(&[4]);
    let plan = u.reshape(&[3, 1]) * kernel * v.reshape(&[1, 4]);
    let paid = (plan * cost).sum();
    let [slope] = paid.gradient([x]);
    Ok(trace.compile([paid, slope])?)
}

/// A fit: a e^(−b t) through data y, by Levenberg and Marquardt; what the fit's b is worth, as a function of the data.
fn fit() -> Result<Function, Failure> {
    let trace = Trace::new("fit");
    let y = trace.input("y", F64, [5]);
    let t = trace.constant(Tensor::new([5], vec![0.0, 0.5, 1.0, 1.5, 2.0]));
    let start = trace.constant(Tensor::new([2], vec![1.0, 1.0]));
    let method = Minimize { method: Some(Descent::LevenbergMarquardt), memory: None };
    let iteration = Iteration { tol: Some(1e-13), ..Iteration::default() };
    let solver = Solver { method, iteration, ..Solver::default() };
    let found = trace.minimize(start, solver, |p| p.slice(0, 0..1) * (-p.slice(0, 1..2) * t).exp() - y);
    let b = found.converged().slice(0, 1..2).sum();
    let [slope] = b.gradient([y]);
    Ok(trace.compile([b, slope])?)
}

fn main() -> Result<(), Failure> {
    compared("equilibrium", &equilibrium()?, &[0.5, -1.0, 0.3])?;
    compared("transport", &transport()?, &[-0.8, 0.3, 0.9])?;
    compared("fit", &fit()?, &[2.1, 1.3, 0.75, 0.5, 0.3])
}
