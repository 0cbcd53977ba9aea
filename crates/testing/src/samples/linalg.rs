//! Samples of linear algebra. Matrices are made well conditioned inside the graphs, so that differences are accurate.

use super::{Samples, any};
use std::sync::Arc;
use tessera_core::ir::{Builder, Value};
use tessera_core::ops::{
    self, Condition, DenseSolve, Det, Inverse, Logdet, Lstsq, Op, Pinv, Slogdet, Structure, Triangle,
    TriangularSolve,
};
use tessera_core::{DType, Tensor, Type};

const RANGE: (f64, f64) = (-1.0, 1.0);

/// `x` plus a matrix whose only elements are of size 4 and stand at (i, i + `shift`), so that pivots lie off the diagonal and stay where they are.
fn shifted(b: &mut Builder, x: Value, n: usize, shift: usize) -> Value {
    let element = |k: usize| if k % n == (k / n + shift) % n { 4.0 + (k / n) as f64 } else { 0.0 };
    let plain = Tensor::new([n, n], (0..n * n).map(element).collect::<Vec<f64>>());
    let dtype = b.ty(x).dtype;
    let plain = b.constant(ops::Rule::evaluate(&ops::Convert { to: dtype }, &[&plain]).remove(0));
    let ndim = b.ty(x).ndim();
    let plain = b.broadcast_like(plain, &[ndim - 2, ndim - 1], x);
    b.add(x, plain)
}

fn pair(op: impl ops::Rule) -> impl FnOnce(&mut Builder, &[Value]) -> Value {
    let op: Op = Arc::new(op);
    move |b, x| b.apply(op, x)
}

/// Factorisations, systems and what is defined by them.
pub(super) fn add(s: &mut Samples, dtype: DType) {
    factors(s, dtype);
    decompositions(s, dtype);
    systems(s, dtype);
    numbers(s, dtype);
}

fn factors(s: &mut Samples, dtype: DType) {
    for (what, ty, n) in [("batched", any(dtype, &[3, 3]), 3), ("alone", Type::new(dtype, [5, 5]), 5)] {
        let x = std::slice::from_ref(&ty);
        s.add("cholesky", what, x, RANGE, true, |b, x| {
            let a = shifted(b, x[0], n, 0);
            b.cholesky(a)[0]
        });
        s.add_results("cholesky", &format!("{what} of any matrix"), x, RANGE, false, |b, x| {
            b.cholesky(x[0]).into()
        });
        s.add("lu", what, x, RANGE, true, |b, x| {
            let a = shifted(b, x[0], n, 1);
            b.lu(a)[0]
        });
        s.add_results("lu", &format!("{what} of any matrix"), x, RANGE, false, |b, x| b.lu(x[0]).into());
    }
}

fn systems(s: &mut Samples, dtype: DType) {
    let shapes = [
        ("batched", any(dtype, &[3, 3]), any(dtype, &[3, 2]), 3),
        ("alone", Type::new(dtype, [4, 4]), Type::new(dtype, [4, 1]), 4),
    ];
    for (what, a, rhs, n) in shapes {
        let inputs = [a.clone(), rhs];
        for k in 0..8 {
            let triangle = Triangle { lower: k & 1 == 0, transpose: k & 2 != 0, unit: k & 4 != 0 };
            let what = format!("{what} {triangle:?}");
            s.add("triangular_solve", &what, &inputs, RANGE, true, |b, x| {
                let t = shifted(b, x[0], n, 0);
                b.triangular_solve(triangle, t, x[1])
            });
            let any_matrix = format!("{what} of any matrix");
            s.add("triangular_solve", &any_matrix, &inputs, RANGE, false, pair(TriangularSolve(triangle)));
        }
        for structure in [Structure::General, Structure::PositiveDefinite] {
            let shift = usize::from(structure == Structure::General);
            for transpose in [false, true] {
                let op = DenseSolve { structure, transpose };
                let what =
                    format!("{what} {}{}", structure.name(), if transpose { " transposed" } else { "" });
                s.add("solve", &what, &inputs, RANGE, true, |b, x| {
                    let a = shifted(b, x[0], n, shift);
                    b.apply(Arc::new(op), &[a, x[1]])
                });
            }
            let what = format!("{what} {}", structure.name());
            s.add("inverse", &what, std::slice::from_ref(&a), RANGE, true, |b, x| {
                let a = shifted(b, x[0], n, shift);
                b.apply(Arc::new(Inverse { structure }), &[a])
            });
        }
    }
}

/// `x`, of n rows more than columns, plus elements of different sizes on the diagonal.
fn spread_out(b: &mut Builder, x: Value) -> Value {
    let ty = b.ty(x).clone();
    let [m, n] = [2, 1].map(|axis| ty.shape[ty.ndim() - axis].known().expect("static"));
    let element = |k: usize| if k % n == k / n { 3.0 * (1 + k / n) as f64 } else { 0.0 };
    let plain = Tensor::new([m, n], (0..m * n).map(element).collect::<Vec<f64>>());
    let plain = b.constant(ops::Rule::evaluate(&ops::Convert { to: ty.dtype }, &[&plain]).remove(0));
    let plain = b.broadcast_like(plain, &[ty.ndim() - 2, ty.ndim() - 1], x);
    b.add(x, plain)
}

fn decompositions(s: &mut Samples, dtype: DType) {
    let shapes = [
        ("batched", any(dtype, &[4, 3])),
        ("alone", Type::new(dtype, [5, 5])),
        ("column", any(dtype, &[2, 1])),
        ("wide", Type::new(dtype, [2, 5])),
        ("batched and wide", any(dtype, &[3, 4])),
    ];
    for (what, ty) in shapes {
        let x = std::slice::from_ref(&ty);
        s.add_results("qr", what, x, RANGE, true, |b, x| {
            let a = spread_out(b, x[0]);
            b.qr(a)[..2].to_vec()
        });
        s.add_results("svd", what, x, RANGE, true, |b, x| {
            let a = spread_out(b, x[0]);
            b.svd(a)[..3].to_vec()
        });
        let any_matrix = format!("{what} of any matrix");
        s.add_results("qr", &any_matrix, x, RANGE, false, |b, x| b.qr(x[0]).into());
        s.add_results("svd", &any_matrix, x, RANGE, false, |b, x| b.svd(x[0]).into());
        let rhs = Type { dtype, shape: [&ty.shape[..ty.ndim() - 1], &[2.into()]].concat() };
        s.add("lstsq", what, &[ty.clone(), rhs], RANGE, true, |b, x| {
            let a = spread_out(b, x[0]);
            b.apply(Arc::new(Lstsq::default()), &[a, x[1]])
        });
    }
    of_low_rank(s, dtype);
    for (what, ty) in [("batched", any(dtype, &[3, 3])), ("alone", Type::new(dtype, [5, 5]))] {
        let x = std::slice::from_ref(&ty);
        s.add_results("eigh", what, x, RANGE, true, |b, x| {
            let a = spread_out(b, x[0]);
            b.eigh(a)[..2].to_vec()
        });
        s.add_results("eigh", &format!("{what} of any matrix"), x, RANGE, false, |b, x| b.eigh(x[0]).into());
    }
}

/// Products of narrow and low matrices, whose rank stays what it is.
fn of_low_rank(s: &mut Samples, dtype: DType) {
    let tol = Some(if dtype == DType::F64 { 1e-8 } else { 1e-3 });
    for (what, m, n) in [("tall", 5, 3), ("wide", 3, 4)] {
        let inputs = [[m, 2], [2, n], [m, 2]].map(|shape| Type::new(dtype, shape));
        let product = |b: &mut Builder, x: &[Value]| {
            let (left, right) = (spread_out(b, x[0]), spread_out(b, x[1]));
            b.matmul(left, right)
        };
        s.add("lstsq", &format!("{what} of rank two"), &inputs, RANGE, true, |b, x| {
            let a = product(b, x);
            b.apply(Arc::new(Lstsq { tol }), &[a, x[2]])
        });
        s.add("pinv", &format!("{what} of rank two"), &inputs[..2], RANGE, true, |b, x| {
            let a = product(b, x);
            b.apply(Arc::new(Pinv { tol }), &[a])
        });
    }
    for (what, ty) in [("batched", any(dtype, &[3, 2])), ("wide", Type::new(dtype, [2, 4]))] {
        let x = std::slice::from_ref(&ty);
        s.add("pinv", what, x, RANGE, true, |b, x| {
            let a = spread_out(b, x[0]);
            b.apply(Arc::new(Pinv::default()), &[a])
        });
        let what = format!("{what} of any matrix");
        s.add("pinv", &what, x, RANGE, false, |b, x| b.apply(Arc::new(Pinv { tol: Some(0.1) }), x));
    }
}

/// Numbers that belong to a matrix.
fn numbers(s: &mut Samples, dtype: DType) {
    for (what, ty, n) in [("batched", any(dtype, &[3, 3]), 3), ("alone", Type::new(dtype, [4, 4]), 4)] {
        let x = std::slice::from_ref(&ty);
        for shift in [0, 1] {
            let what = format!("{what} with rows exchanged {shift} times");
            let op: [Op; 2] = [Arc::new(Det), Arc::new(Slogdet)];
            for op in op {
                s.add_results(op.name(), &what, x, RANGE, true, |b, x| {
                    let a = shifted(b, x[0], n, shift);
                    let small = b.full_like(a, 0.25);
                    let a = b.mul(a, small);
                    b.push(op, &[a]).expect("square")
                });
            }
        }
        s.add("logdet", what, x, RANGE, true, |b, x| {
            let a = shifted(b, x[0], n, 0);
            b.apply(Arc::new(Logdet), &[a])
        });
        for op in [Arc::new(Det) as Op, Arc::new(Slogdet), Arc::new(Logdet), Arc::new(Condition)] {
            let what = format!("{what} of any matrix");
            s.add_results(op.name(), &what, x, RANGE, false, |b, x| b.push(op, x).expect("square"));
        }
    }
}
