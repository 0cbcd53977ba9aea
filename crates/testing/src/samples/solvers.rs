//! Samples of the operations that solve equations.

use super::{Samples, any};
use std::sync::Arc;
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::ops::{Converged, LinearOptions, LinearSolve, Method, Preconditioner, Solve};
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

/// Samples for a float type.
pub(super) fn add(s: &mut Samples, dtype: DType) {
    let range = (-1.2, 1.2);
    let (row, number) = (Type::new(dtype, [3]), Type::scalar(dtype));
    // As exact as the numbers allow, so that differences see the solution and not the tolerance.
    let tol = Some(if dtype == DType::F64 { 1e-14 } else { 1e-6 });
    let all = [Method::Lu, Method::Cg, Method::Minres, Method::Bicgstab, Method::Gmres];
    for method in all {
        let graph = Arc::new(matrix(dtype, method.is_symmetric()));
        let options = LinearOptions { method: Some(method), tol, ..LinearOptions::default() };
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
        ..LinearOptions::default()
    };
    let op = LinearSolve::new(Arc::new(matrix(dtype, false))).options(jacobi);
    s.add_results("linear_solve", "jacobi", &[row, number], range, true, |b, x| found(b, op, x));
    s.add("converged", "", &[any(dtype, &[2])], range, true, |b, x| {
        let status = b.number(DType::I64, 0.0);
        b.apply(Arc::new(Converged), &[x[0], status])
    });
    let inputs = [any(dtype, &[2]), Type::scalar(DType::I64)];
    s.add("converged", "of any status", &inputs, range, false, |b, x| b.apply(Arc::new(Converged), x));
}
