//! Samples of the operations that solve equations.

use super::{Samples, any};
use std::sync::Arc;
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::ops::{
    Converged, Descent, FixedPoint, Iteration, LinearOptions, LinearSolve, Method, Minimize, Nonlinear,
    Preconditioner, Root, Search, Solve,
};
use tessera_core::{DType, Tensor, Type};

/// (x, k) → (4 + k²) x + (x₁, −x₀ + s x₂, s x₁ …): a well-conditioned matrix, symmetric or not.
pub fn matrix(dtype: DType, symmetric: bool) -> Graph {
    let mut b = Builder::new("matrix");
    let x = b.input("x", Type::new(dtype, [3]));
    let k = b.input("k", Type::scalar(dtype));
    let (square, four) = (b.mul(k, k), b.number(dtype, 4.0));
    let diagonal = b.add(square, four);
    let diagonal = b.broadcast(diagonal, &[], &[3]);
    let own = b.mul(diagonal, x);
    let sign = if symmetric { 1.0 } else { -0.5 };
    let coupling = Tensor::new([3, 3], vec![0.0, 1.0, 0.0, sign, 0.0, 1.0, 0.0, sign, 0.0]);
    let coupling = b.constant(coupling);
    let coupling = b.convert(coupling, dtype);
    let column = b.reshape(x, &[3, 1]);
    let near = b.matmul(coupling, column);
    let near = b.reshape(near, &[3]);
    let y = b.add(own, near);
    b.finish(vec![y])
}

/// (r, k) → r / (4 + k²).
fn division(dtype: DType) -> Graph {
    let mut b = Builder::new("division");
    let r = b.input("r", Type::new(dtype, [3]));
    let k = b.input("k", Type::scalar(dtype));
    let (square, four) = (b.mul(k, k), b.number(dtype, 4.0));
    let diagonal = b.add(square, four);
    let diagonal = b.broadcast(diagonal, &[], &[3]);
    let y = b.div(r, diagonal);
    b.finish(vec![y])
}

fn found<P: tessera_core::ops::Problem>(b: &mut Builder, op: P, x: &[Value]) -> Vec<Value> {
    // Only what carries derivatives.
    b.push(Arc::new(Solve::new(op)), x).expect("a sample keeps the laws")[..1].to_vec()
}

/// (x, k) → x + tanh(x) / 2 − k: with one root.
fn bent(dtype: DType) -> Graph {
    let mut b = Builder::new("bent");
    let x = b.input("x", Type::new(dtype, [2]));
    let k = b.input("k", Type::new(dtype, [2]));
    let (wave, half) = (b.tanh(x), b.full_like(x, 0.5));
    let wave = b.mul(wave, half);
    let sum = b.add(x, wave);
    let y = b.sub(sum, k);
    b.finish(vec![y])
}

/// (x, k) → k + sin(x) / 4: a contraction.
fn contraction(dtype: DType) -> Graph {
    let mut b = Builder::new("contraction");
    let x = b.input("x", Type::new(dtype, [2]));
    let k = b.input("k", Type::new(dtype, [2]));
    let (wave, quarter) = (b.sin(x), b.full_like(x, 0.25));
    let wave = b.mul(wave, quarter);
    let y = b.add(wave, k);
    b.finish(vec![y])
}

/// (x, k) → Σ (x − k)² + eˣ: convex.
fn bowl(dtype: DType) -> Graph {
    let mut b = Builder::new("bowl");
    let x = b.input("x", Type::new(dtype, [2]));
    let k = b.input("k", Type::new(dtype, [2]));
    let d = b.sub(x, k);
    let (square, growth) = (b.mul(d, d), b.exp(x));
    let sum = b.add(square, growth);
    let y = b.sum_all(sum);
    b.finish(vec![y])
}

/// Samples for a float type.
pub(super) fn add(s: &mut Samples, dtype: DType) {
    let range = (-1.2, 1.2);
    let (row, number) = (Type::new(dtype, [3]), Type::scalar(dtype));
    // As exact as the numbers allow, so that differences see the solution and not the tolerance.
    let tol = Some(if dtype == DType::F64 { 1e-14 } else { 1e-6 });
    let all = Method::ALL;
    for method in all {
        let graph = Arc::new(matrix(dtype, method.is_symmetric()));
        let options =
            LinearOptions { method: Some(method), tol, max_iter: Some(12), ..LinearOptions::default() };
        let inputs = [row.clone(), number.clone()];
        let op = LinearSolve::new(graph.clone()).options(options);
        s.add_results("linear_solve", method.name(), &inputs, range, true, |b, x| found(b, op, x));
        if !matches!(method, Method::Minres | Method::Gmres) {
            continue;
        }
        let what = format!("{} with a module, from a guess", method.name());
        let op = LinearSolve::new(graph.clone()).options(options).preconditioned(Arc::new(division(dtype)));
        let inputs = [row.clone(), row.clone(), number.clone()];
        s.add_results("linear_solve", &what, &inputs, range, true, |b, x| {
            let from = b.push(Arc::new(tessera_core::ops::StopGradient), &x[1..2]).expect("one operand")[0];
            found(b, op, &[x[0], from, x[2]])
        });
    }
    let jacobi = LinearOptions {
        method: Some(Method::Gmres),
        tol,
        restart: Some(2),
        preconditioner: Some(Preconditioner::Jacobi),
        max_iter: Some(24),
        ..LinearOptions::default()
    };
    for method in [Method::Cg, Method::Qr] {
        let options = LinearOptions { method: Some(method), max_iter: Some(5), ..LinearOptions::default() };
        let op = Solve::new(LinearSolve::new(Arc::new(matrix(dtype, true))).options(options)).with_history();
        let what = format!("{} with its history", method.name());
        s.add_results("linear_solve", &what, &[row.clone(), number.clone()], range, false, |b, x| {
            b.push(Arc::new(op), x).expect("a sample keeps the laws")
        });
    }
    let op = LinearSolve::new(Arc::new(matrix(dtype, false))).options(jacobi);
    s.add_results("linear_solve", "jacobi", &[row, number], range, true, |b, x| found(b, op, x));
    nonlinear(s, dtype);
    s.add("converged", "", &[any(dtype, &[2])], range, true, |b, x| {
        let status = b.number(DType::I64, 0.0);
        b.apply(Arc::new(Converged), &[x[0], status])
    });
    let inputs = [any(dtype, &[2]), Type::scalar(DType::I64)];
    s.add("converged", "of any status", &inputs, range, false, |b, x| b.apply(Arc::new(Converged), x));
}

/// Samples of equations that are not linear.
fn nonlinear(s: &mut Samples, dtype: DType) {
    let range = (-1.2, 1.2);
    let row = Type::new(dtype, [2]);
    let ends = match dtype {
        DType::F64 => Iteration { tol: Some(1e-15), atol: Some(1e-14), max_iter: Some(40) },
        _ => Iteration { tol: Some(1e-6), atol: Some(1e-6), max_iter: Some(40) },
    };
    let inputs = [row.clone(), row];
    let guessed = |b: &mut Builder, x: &[Value]| {
        let from = b.push(Arc::new(tessera_core::ops::StopGradient), &x[..1]).expect("one operand")[0];
        vec![from, x[1]]
    };
    for method in [Search::Newton, Search::NewtonKrylov, Search::Dogleg] {
        let op = Nonlinear::new(Root { method: Some(method) }, Arc::new(bent(dtype))).iteration(ends);
        s.add_results("root", method.name(), &inputs, range, true, |b, x| {
            let x = guessed(b, x);
            found(b, op, &x)
        });
    }
    let recorded = [(Search::Newton, "newton"), (Search::Dogleg, "dogleg")];
    for (method, what) in recorded {
        let op = Nonlinear::new(Root { method: Some(method) }, Arc::new(bent(dtype)))
            .iteration(Iteration { max_iter: Some(6), ..Iteration::default() });
        s.add_results("root", &format!("{what} with its history"), &inputs, range, false, |b, x| {
            b.push(Arc::new(Solve::new(op).with_history()), x).expect("a sample keeps the laws")
        });
    }
    for anderson in [false, true] {
        let kind = FixedPoint { anderson: Some(anderson), memory: anderson.then_some(2), damping: None };
        let op = Nonlinear::new(kind, Arc::new(contraction(dtype))).iteration(ends);
        let what = if anderson { "anderson" } else { "plain" };
        s.add_results("fixed_point", what, &inputs, range, true, |b, x| {
            let x = guessed(b, x);
            found(b, op, &x)
        });
    }
    let methods = [
        (Descent::Newton, bowl(dtype)),
        (Descent::Lbfgs, bowl(dtype)),
        (Descent::LevenbergMarquardt, bent(dtype)),
    ];
    for (method, graph) in methods {
        let memory = (method == Descent::Lbfgs).then_some(2);
        let ends = match dtype {
            DType::F64 => Iteration { tol: Some(1e-13), atol: Some(1e-13), max_iter: Some(40) },
            _ => Iteration { tol: Some(1e-5), atol: Some(1e-5), max_iter: Some(40) },
        };
        let op = Nonlinear::new(Minimize { method: Some(method), memory }, Arc::new(graph)).iteration(ends);
        // Of f32, differences see the tolerance.
        let smooth = dtype == DType::F64;
        s.add_results("minimize", &format!("{method:?}"), &inputs, range, smooth, |b, x| {
            let x = guessed(b, x);
            found(b, op, &x)
        });
    }
}
