//! Matrices written out: a linear map applied to every unit vector at once, and equations solved by their factors.

use super::algebra::{Map, Solution};
use super::krylov::drifted;
use super::linear::Method;
use super::status::Status;
use crate::ir::{Builder, DType, Value};
use crate::ops::{Batch, Cholesky, DenseSolve, Direction, Lstsq, Lu, Op, Qr, Reduction, Structure};
use std::sync::Arc;

/// How many unknowns `x` has.
fn unknowns(b: &Builder, x: Value) -> usize {
    b.ty(x).static_shape().expect("static by now").iter().product()
}

/// The matrix of `map` at `constants`, [n, n], on vectors like `x`.
pub(super) fn matrix(b: &mut Builder, map: Map, x: Value, constants: &[Value]) -> Value {
    let n = unknowns(b, x);
    let zero = b.scalar_like(x, 0.0);
    let square = b.broadcast(zero, &[], &[n, n]);
    let unit = identity(b, square);
    let mut shape = vec![n as i64];
    shape.extend(b.ty(x).shape.iter().map(|e| e.known().expect("static by now") as i64));
    let directions = b.reshape(unit, &shape);
    let constants = &constants[..map.0.inputs().len() - 1];
    let inputs = [&[directions], constants].concat();
    let mut over = vec![false; inputs.len()];
    over[0] = true;
    let batch = Batch { x: &inputs, over: &over };
    let (columns, has_axis) = b.inline_batched(map.0, &batch).expect("regions were verified")[0];
    let columns = if has_axis { columns } else { b.repeat(columns, directions).expect("of n² elements") };
    let rows = b.reshape(columns, &[n as i64, n as i64]);
    b.transpose(rows, &[1, 0])
}

/// 1 on the diagonal of a matrix like another.
pub(super) fn identity(b: &mut Builder, like: Value) -> Value {
    let dtype = b.ty(like).dtype;
    let (row, column) = (b.iota_like(like, DType::I64, 0), b.iota_like(like, DType::I64, 1));
    let mask = b.compare(Direction::Eq, row, column);
    b.convert(mask, dtype)
}

/// The diagonal of `map`'s matrix, in the shape of `x`.
pub(super) fn diagonal(b: &mut Builder, map: Map, x: Value, constants: &[Value]) -> Value {
    let matrix = matrix(b, map, x, constants);
    let unit = identity(b, matrix);
    let masked = b.mul(matrix, unit);
    let line = b.sum(masked, &[1]);
    b.reshape_like(line, x)
}

/// x with A (x − `x0`) = `r` by the factors of A, where a residual of `target` is small enough.
pub(super) fn correct(
    b: &mut Builder,
    method: Method,
    map: Map,
    [x0, r, target]: [Value; 3],
    constants: &[Value],
) -> Solution {
    let a = matrix(b, map, r, constants);
    let (step, singular) = solve(b, method, a, r);
    let x = b.add(x0, step);
    let product = map.at(b, step, constants);
    let left = b.sub(r, product);
    let residual = b.norm(left);
    let drifted = drifted(b, residual, target);
    let reached = b.not(drifted);
    let status = Status::after(b, reached, singular, residual);
    let status = Status::Singular.where_(b, singular, status);
    Solution { x, status, iterations: b.count(1), residual, history: None }
}

/// x with A x = r, and whether A is singular but for rounding, or not positive definite for `cholesky`: a pivot of the factors, which the solution shares,
/// is below n ε max|A|.
pub(super) fn solve(b: &mut Builder, method: Method, a: Value, r: Value) -> (Value, Value) {
    let column = b.reshape(r, &[-1, 1]);
    let (op, factors): (Op, Op) = match method {
        Method::Cholesky => {
            let structure = Structure::PositiveDefinite;
            (Arc::new(DenseSolve { structure, transpose: false }), Arc::new(Cholesky))
        }
        Method::Qr => (Arc::new(Lstsq::default()), Arc::new(Qr)),
        _ => (Arc::new(DenseSolve::default()), Arc::new(Lu)),
    };
    let x = b.apply(op, &[a, column]);
    let x = b.reshape_like(x, r);
    let factors = b.push(factors, &[a]).expect("a square matrix");
    let pivots = match method {
        // The squares of L's diagonal, as A has them.
        Method::Cholesky => b.mul(factors[0], factors[0]),
        Method::Qr => b.abs(factors[1]),
        _ => b.abs(factors[0]),
    };
    let n = b.ty(a).shape[0].known().expect("static by now");
    let epsilon = if b.ty(a).dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let size = b.abs(a);
    let size = b.reduce(Reduction::Max, size, &[0, 1]);
    let (epsilon, infinite) = (b.scalar_like(a, n as f64 * epsilon), b.full_like(a, f64::INFINITY));
    let small = b.mul(epsilon, size);
    let (unit, none) = (identity(b, a), b.zeros_like(a));
    let diagonal = b.above(unit, none);
    let pivots = b.select(diagonal, pivots, infinite);
    let least = b.reduce(Reduction::Min, pivots, &[0, 1]);
    let fine = b.above(least, small);
    (x, b.not(fine))
}
