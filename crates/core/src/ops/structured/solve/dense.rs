//! Matrices written out: a linear map applied to every unit vector at once, and equations solved by elimination.

use super::algebra::{Map, Solution, iterate};
use super::krylov::drifted;
use super::status::Status;
use crate::ir::{Builder, DType, Value};
use crate::ops::{ArgExtreme, Batch, Direction, DynamicSlice, DynamicUpdateSlice, Reduction};
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

/// x with A (x − `x0`) = `r` by elimination.
pub(super) fn correct(
    b: &mut Builder,
    map: Map,
    x0: Value,
    r: Value,
    target: Value,
    constants: &[Value],
) -> Solution {
    let a = matrix(b, map, r, constants);
    let (step, singular) = solve(b, a, r);
    let x = b.add(x0, step);
    let product = map.at(b, step, constants);
    let left = b.sub(r, product);
    let residual = b.norm(left);
    let drifted = drifted(b, residual, target);
    let reached = b.not(drifted);
    let status = Status::after(b, reached, singular, residual);
    let status = Status::Singular.where_(b, singular, status);
    Solution { x, status, iterations: b.count(1), residual }
}

/// x with A x = r by Gauss–Jordan elimination with partial pivoting, and whether a pivot was zero but for rounding.
pub(super) fn solve(b: &mut Builder, a: Value, r: Value) -> (Value, Value) {
    let n = b.ty(a).shape[0].known().expect("static by now");
    let column = b.reshape(r, &[-1, 1]);
    let table = b.concat(&[a, column], 1);
    let zero = b.scalar_like(a, 0.0);
    let size = b.abs(a);
    let size = b.reduce(Reduction::Max, size, &[0, 1]);
    let epsilon = if b.ty(a).dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let epsilon = b.scalar_like(a, n as f64 * epsilon);
    let small = b.mul(epsilon, size);
    let (first, never) = (b.count(0), b.above(zero, zero));
    let always = b.not(never);
    let state = [always, first, table, never];
    let end = iterate(b, "elimination", n, &state, &[small], |b, s, c| {
        let (k, table, singular) = (s[1], s[2], s[3]);
        let (table, pivot) = eliminated(b, table, k);
        let size = b.abs(pivot);
        let fine = b.above(size, c[0]);
        let zero = b.not(fine);
        vec![s[0], b.next(k), table, b.or(singular, zero)]
    });
    let x = b.slice(end[2], 1, n..n + 1);
    (b.reshape_like(x, r), end[3])
}

/// `table` with column `k` eliminated but for a 1 in row `k`, and the pivot.
fn eliminated(b: &mut Builder, table: Value, k: Value) -> (Value, Value) {
    let cut = |b: &mut Builder, x: Value, axis: usize, at: Value| {
        b.apply(Arc::new(DynamicSlice { axis, size: 1 }), &[x, at])
    };
    let put = |b: &mut Builder, x: Value, row: Value, at: Value| {
        b.apply(Arc::new(DynamicUpdateSlice { axis: 0 }), &[x, row, at])
    };
    // The largest element of the column, from row k on.
    let column = cut(b, table, 1, k);
    let column = b.flat(column);
    let row = b.iota_like(column, DType::I64, 0);
    let from = b.broadcast_like(k, &[], row);
    let candidates = b.compare(Direction::Ge, row, from);
    let (size, none) = (b.abs(column), b.full_like(column, -1.0));
    let size = b.select(candidates, size, none);
    let p = b.apply(Arc::new(ArgExtreme::max(0)), &[size]);
    // Rows k and p change places.
    let (row_k, row_p) = (cut(b, table, 0, k), cut(b, table, 0, p));
    let table = put(b, table, row_k, p);
    let table = put(b, table, row_p, k);
    let column = cut(b, table, 1, k);
    let pivot = cut(b, column, 0, k);
    let pivot = b.reshape(pivot, &[]);
    let inverse = b.broadcast_like(pivot, &[], row_p);
    let scaled = b.div(row_p, inverse);
    let (left, right) = (b.flat(column), b.flat(scaled));
    let (left, right) = (b.broadcast_like(left, &[0], table), b.broadcast_like(right, &[1], table));
    let product = b.mul(left, right);
    let table = b.sub(table, product);
    (put(b, table, scaled, k), pivot)
}
