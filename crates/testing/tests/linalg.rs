//! Linear algebra: the engine's bits at the sizes where its blocks begin and end, and errors within stated bounds on matrices that are hard.

use std::sync::Arc;
use tessera_core::exec::{Backend, Function, cpu::Options};
use tessera_core::ir::{Builder, Value};
use tessera_core::numerics::dispatch::Level;
use tessera_core::ops::{Convert, Rule, Structure, Triangle};
use tessera_core::{DType, Tensor};
use tessera_testing::data::between;

/// Half of the distance from 1 to the next f64.
const U: f64 = f64::EPSILON / 2.0;

/// The results of what `build` makes of `inputs`.
fn run(
    backend: Backend,
    inputs: &[&Tensor],
    build: &dyn Fn(&mut Builder, &[Value]) -> Vec<Value>,
) -> Vec<Tensor> {
    let mut b = Builder::new("linalg");
    let x: Vec<Value> = inputs.iter().map(|x| b.input("", x.ty())).collect();
    let y = build(&mut b, &x);
    Function::new(b.finish(y), backend).call(inputs).unwrap()
}

fn evaluate(inputs: &[&Tensor], build: &dyn Fn(&mut Builder, &[Value]) -> Vec<Value>) -> Vec<Tensor> {
    run(Backend::default(), inputs, build)
}

/// An n×n matrix by its elements.
fn matrix(n: usize, element: impl Fn(usize, usize) -> f64) -> Tensor {
    Tensor::new([n, n], (0..n * n).map(|k| element(k / n, k % n)).collect::<Vec<f64>>())
}

fn random(seed: u64, m: usize, n: usize) -> Tensor {
    between(-1.0, 1.0, seed, &[m, n])
}

/// AᵀA + 1.
fn positive_definite(seed: u64, n: usize) -> Tensor {
    let x = random(seed, n, n);
    let y = product(&x, true, &x, false);
    matrix(n, |i, j| y[i * n + j] + f64::from(i == j))
}

/// op(A)·op(B) of matrices in plain code.
fn product(a: &Tensor, transpose_a: bool, b: &Tensor, transpose_b: bool) -> Vec<f64> {
    let dims =
        |x: &Tensor, t: bool| if t { (x.shape()[1], x.shape()[0]) } else { (x.shape()[0], x.shape()[1]) };
    let ((m, k), (_, n)) = (dims(a, transpose_a), dims(b, transpose_b));
    let (x, y) = (a.values::<f64>(), b.values::<f64>());
    let left = |i: usize, t: usize| if transpose_a { x[t * m + i] } else { x[i * k + t] };
    let right = |t: usize, j: usize| if transpose_b { y[j * k + t] } else { y[t * n + j] };
    (0..m * n).map(|at| (0..k).map(|t| left(at / n, t) * right(t, at % n)).sum()).collect()
}

/// The Frobenius norm.
fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn distance(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    norm(&x.iter().zip(y).map(|(x, y)| x - y).collect::<Vec<_>>())
}

/// That the engine has the reference's bits at every level, for f64 and f32.
fn assert_bits(what: &str, inputs: &[Tensor], build: &dyn Fn(&mut Builder, &[Value]) -> Vec<Value>) {
    for dtype in [DType::F64, DType::F32] {
        let inputs: Vec<Tensor> =
            inputs.iter().map(|x| Convert { to: dtype }.evaluate(&[x]).remove(0)).collect();
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let want = run(Backend::Reference, &inputs, build);
        for level in Level::available() {
            for threads in [1, 2] {
                let options = Options { threads, level: Some(level), tile_rows: None };
                let got = run(Backend::Cpu(options), &inputs, build);
                let same = want.iter().zip(&got).all(|(want, got)| want.same_bits(got));
                assert!(same, "{what} of {dtype} at {level} on {threads} threads");
            }
        }
    }
}

/// Sizes at which the engine's blocks begin, end, and are odd.
const SIZES: [usize; 14] = [0, 1, 2, 7, 8, 9, 31, 32, 33, 65, 100, 129, 255, 257];

#[test]
fn blocks_do_not_show_in_factors() {
    for n in SIZES {
        let (a, x) = (positive_definite(1, n), random(2, n, n));
        assert_bits(&format!("cholesky {n}"), &[a], &|b, x| b.cholesky(x[0]).into());
        assert_bits(&format!("cholesky {n}, not definite"), std::slice::from_ref(&x), &|b, x| {
            b.cholesky(x[0]).into()
        });
        assert_bits(&format!("lu {n}"), &[x], &|b, x| b.lu(x[0]).into());
    }
}

#[test]
fn blocks_do_not_show_in_solutions() {
    for (n, columns) in [(0, 3), (3, 0), (5, 1), (32, 7), (33, 1), (70, 33), (100, 100), (257, 3)] {
        let plain = random(3, n, n);
        let t = matrix(n, |i, j| plain.values::<f64>()[i * n + j] + 3.0 * f64::from(i == j));
        let inputs = [t, random(4, n, columns)];
        for k in 0..8 {
            let triangle = Triangle { lower: k & 1 == 0, transpose: k & 2 != 0, unit: k & 4 != 0 };
            let what = format!("{triangle:?} {n} by {columns}");
            assert_bits(&what, &inputs, &|b, x| vec![b.triangular_solve(triangle, x[0], x[1])]);
        }
    }
}

/// Elements that no chain may lose: NaN and infinities anywhere, zero pivots in the middle.
#[test]
fn blocks_do_not_show_where_numbers_are_not_finite() {
    let n = 100;
    for (k, special) in [(0, f64::NAN), (50, f64::INFINITY), (99, f64::NAN), (33, 0.0)] {
        let mut a = positive_definite(5, n);
        match special == 0.0 {
            true => (0..n).for_each(|i| a.values_mut::<f64>()[i * n + k] = 0.0),
            false => a.values_mut::<f64>()[k * n + k] = special,
        }
        assert_bits("lu", std::slice::from_ref(&a), &|b, x| b.lu(x[0]).into());
        assert_bits("cholesky", &[a], &|b, x| b.cholesky(x[0]).into());
    }
}

/// Matrices that are hard to factor: random, Hilbert's, Vandermonde's, graded over many orders of magnitude, and nearly of low rank.
fn hard(n: usize) -> Vec<(&'static str, Tensor)> {
    let r = random(6, n, n);
    let r = r.values::<f64>();
    vec![
        ("random", matrix(n, |i, j| r[i * n + j])),
        ("Hilbert", matrix(n, |i, j| 1.0 / (i + j + 1) as f64)),
        ("Vandermonde", matrix(n, |i, j| ((i + 1) as f64 / n as f64).powi(j as i32))),
        ("graded", matrix(n, |i, j| r[i * n + j] * 10f64.powi(-(i as i32 / 8)))),
        ("clustered", matrix(n, |i, j| f64::from(i == j) + 1e-8 * r[i * n + j])),
    ]
}

/// ‖P A − L U‖ ≤ n·u·‖|L| |U|‖ (Higham, *Accuracy and Stability of Numerical Algorithms*, theorem 9.3, with n for γ_n/u), and |l| ≤ 1.
#[test]
fn lu_reconstructs() {
    for n in [1, 7, 40, 130] {
        for (what, a) in hard(n) {
            let y = evaluate(&[&a], &|b, x| b.lu(x[0]).into());
            let (f, rows) = (y[0].values::<f64>(), y[1].values::<i64>());
            let l = matrix(n, |i, j| {
                if i == j {
                    1.0
                } else if i > j {
                    f[i * n + j]
                } else {
                    0.0
                }
            });
            let u = matrix(n, |i, j| if i <= j { f[i * n + j] } else { 0.0 });
            assert!(l.values::<f64>().iter().all(|l| l.abs() <= 1.0), "{what} {n}");
            let x = a.values::<f64>();
            let permuted = matrix(n, |i, j| x[rows[i] as usize * n + j]);
            let error = distance(&product(&l, false, &u, false), permuted.values());
            let abs = |x: &Tensor| matrix(n, |i, j| x.values::<f64>()[i * n + j].abs());
            let bound = 2.0 * n as f64 * U * norm(&product(&abs(&l), false, &abs(&u), false));
            assert!(error <= bound, "{what} {n}: {error} > {bound}");
        }
    }
}

/// ‖A − L Lᵀ‖ ≤ (n + 1)·u·‖|L| |Lᵀ|‖ (Higham, theorem 10.3), twice that for the product in the test.
#[test]
fn cholesky_reconstructs() {
    for n in [1, 7, 40, 130, 300] {
        let a = positive_definite(7, n);
        let y = evaluate(&[&a], &|b, x| b.cholesky(x[0]).into());
        assert_eq!(y[1].values::<i64>(), [0]);
        let error = distance(&product(&y[0], false, &y[0], true), a.values());
        let abs = matrix(n, |i, j| y[0].values::<f64>()[i * n + j].abs());
        let bound = 2.0 * (n + 1) as f64 * U * norm(&product(&abs, false, &abs, true));
        assert!(error <= bound, "{n}: {error} > {bound}");
    }
}

/// ‖B − A X‖ ≤ 3·n·u·‖|L| |U| |X|‖, with the growth of the factors left at most at 8 ‖A‖ for these matrices (Higham, theorem 9.4).
#[test]
fn solutions_have_small_residuals() {
    for n in [1, 7, 40, 130] {
        let rhs = random(8, n, 3);
        for (what, a) in hard(n) {
            for transpose in [false, true] {
                let op = tessera_core::ops::DenseSolve { structure: Structure::General, transpose };
                let y = evaluate(&[&a, &rhs], &|b, x| vec![b.apply(Arc::new(op), x)]).remove(0);
                let residual = distance(&product(&a, transpose, &y, false), rhs.values());
                let bound =
                    24.0 * n as f64 * U * norm(a.values()) * norm(y.values()) + U * norm(rhs.values());
                assert!(residual <= bound, "{what} {n}: {residual} > {bound}");
            }
        }
        let a = positive_definite(9, n);
        let y =
            evaluate(&[&a, &rhs], &|b, x| vec![b.solve(Structure::PositiveDefinite, x[0], x[1])]).remove(0);
        let residual = distance(&product(&a, false, &y, false), rhs.values());
        assert!(residual <= 24.0 * n as f64 * U * norm(a.values()) * norm(y.values()), "{n}: {residual}");
    }
}

/// What does not exist is not finite, and the status says where.
#[test]
fn statuses_name_the_first_failing_pivot() {
    let a = matrix(40, |i, j| if i == j { if i == 35 { -1.0 } else { 2.0 } } else { 0.0 });
    let y = evaluate(&[&a], &|b, x| b.cholesky(x[0]).into());
    assert_eq!(y[1].values::<i64>(), [36]);
    let l = y[0].values::<f64>();
    for i in 0..40 {
        assert_eq!(l[i * 40 + i].is_nan(), i >= 35, "column {i}");
    }
    let singular =
        matrix(40, |i, j| if j == 34 { 0.0 } else { f64::from(i == j) + 0.01 * (i * j % 7) as f64 });
    let y = evaluate(&[&singular], &|b, x| b.lu(x[0]).into());
    assert_eq!(y[2].values::<i64>(), [35]);
    assert!(y[0].values::<f64>().iter().all(|x| x.is_finite()), "the factors of a singular matrix exist");
    let rhs = random(3, 40, 1);
    let y = evaluate(&[&singular, &rhs], &|b, x| vec![b.solve(Structure::General, x[0], x[1])]);
    assert!(y[0].values::<f64>().iter().any(|x| !x.is_finite()), "a system without a solution has none");
}

/// Singular, symmetric or tall matrices for the decompositions.
fn tall(what: &str, m: usize, n: usize) -> Tensor {
    let x = random(10, m, n);
    let x = x.values::<f64>();
    let element = |i: usize, j: usize| match what {
        "random" => x[i * n + j],
        "Hilbert" => 1.0 / (i + j + 1) as f64,
        "Vandermonde" => ((i + 1) as f64 / m as f64).powi(j as i32),
        "graded" => x[i * n + j] * 10f64.powi(-(j as i32)),
        "rank one" => x[i * n] * x[j],
        _ => 0.0,
    };
    Tensor::new([m, n], (0..m * n).map(|k| element(k / n, k % n)).collect::<Vec<f64>>())
}

const KINDS: [&str; 6] = ["random", "Hilbert", "Vandermonde", "graded", "rank one", "zero"];
const SHAPES: [(usize, usize); 8] = [(1, 1), (5, 1), (7, 7), (20, 6), (40, 40), (90, 65), (1, 4), (30, 50)];

/// ‖QᵀQ − 1‖: how far columns are from orthonormal.
fn skewness(q: &Tensor) -> f64 {
    let n = q.shape()[1];
    distance(&product(q, true, q, false), matrix(n, |i, j| f64::from(i == j)).values())
}

/// ‖A − Q R‖ ≤ 8·n·u·‖A‖ and ‖QᵀQ − 1‖ ≤ 8·n·u with n the larger extent: Higham, theorem 19.4, with a constant that no matrix here comes near.
#[test]
fn qr_reconstructs() {
    for (m, n) in SHAPES {
        for what in KINDS {
            let a = tall(what, m, n);
            let y = evaluate(&[&a], &|b, x| b.qr(x[0]).into());
            let bound = 8.0 * m.max(n) as f64 * U;
            assert!(skewness(&y[0]) <= bound, "{what} {m}×{n}: {}", skewness(&y[0]));
            let error = distance(&product(&y[0], false, &y[1], false), a.values());
            assert!(error <= bound * norm(a.values()), "{what} {m}×{n}: {error}");
            let r = y[1].values::<f64>();
            assert_eq!((y[0].shape(), y[1].shape()), (&[m, m.min(n)][..], &[m.min(n), n][..]));
            assert!((0..r.len()).all(|k| k % n >= k / n || r[k] == 0.0), "R is a triangle");
            assert_eq!(y[2].values::<i64>()[0] == 0, what != "zero", "{what} {m}×{n}");
        }
    }
}

/// ‖A − U S Vᵀ‖ ≤ 64·m·u·‖A‖, U and V orthonormal to 64·m·u (each of some ten rounds of rotations adds its roundings), values descending; zero ones too have vectors.
#[test]
fn svd_reconstructs() {
    for (m, n) in SHAPES {
        for what in KINDS {
            let a = tall(what, m, n);
            let y = evaluate(&[&a], &|b, x| b.svd(x[0]).into());
            let (bound, k) = (64.0 * m.max(n) as f64 * U, m.min(n));
            assert!(skewness(&y[0]) <= bound, "{what} {m}×{n}: U {}", skewness(&y[0]));
            assert!(skewness(&y[2]) <= bound, "{what} {m}×{n}: V {}", skewness(&y[2]));
            let s = y[1].values::<f64>();
            assert!(s.windows(2).all(|s| s[0] >= s[1]) && s[k - 1] >= 0.0, "{what}: {s:?}");
            let scaled = Tensor::new(
                [m, k],
                (0..m * k).map(|i| y[0].values::<f64>()[i] * s[i % k]).collect::<Vec<f64>>(),
            );
            let error = distance(&product(&scaled, false, &y[2], true), a.values());
            assert!(error <= bound * norm(a.values()), "{what} {m}×{n}: {error}");
            assert_eq!(y[3].values::<i64>(), [0]);
        }
    }
}

/// ‖A − V diag(w) Vᵀ‖ ≤ 16·n·u·‖A‖ and V orthonormal to 16·n·u, on symmetric matrices with spread, clustered and repeated eigenvalues.
#[test]
fn eigh_reconstructs() {
    for n in [1, 2, 7, 40, 90] {
        for what in ["random", "Hilbert", "rank one", "identity", "clustered", "tridiagonal", "zero"] {
            let x = random(11, n, n);
            let x = x.values::<f64>();
            let a = matrix(n, |i, j| {
                let (i, j) = (i.max(j), i.min(j));
                match what {
                    "random" => x[i * n + j],
                    "Hilbert" => 1.0 / (i + j + 1) as f64,
                    "rank one" => x[i] * x[j],
                    "identity" => f64::from(i == j),
                    "clustered" => f64::from(i == j) + 1e-9 * x[i * n + j],
                    "tridiagonal" => {
                        if i == j {
                            2.0
                        } else if i == j + 1 {
                            -1.0
                        } else {
                            0.0
                        }
                    }
                    _ => 0.0,
                }
            });
            let y = evaluate(&[&a], &|b, x| b.eigh(x[0]).into());
            let (w, bound) = (y[0].values::<f64>(), 16.0 * n as f64 * U);
            assert_eq!(y[2].values::<i64>(), [0]);
            assert!(w.windows(2).all(|w| w[0] <= w[1]), "{what} {n}: {w:?}");
            assert!(skewness(&y[1]) <= bound, "{what} {n}: {}", skewness(&y[1]));
            let scaled = matrix(n, |i, j| y[1].values::<f64>()[i * n + j] * w[j]);
            let error = distance(&product(&scaled, false, &y[1], true), a.values());
            assert!(error <= bound * norm(a.values()), "{what} {n}: {error}");
            if what == "tridiagonal" {
                // Known: 2 − 2 cos(kπ/(n + 1)).
                for (k, w) in w.iter().enumerate() {
                    let known = 2.0 - 2.0 * ((k + 1) as f64 * std::f64::consts::PI / (n + 1) as f64).cos();
                    assert!((w - known).abs() <= 4.0 * bound, "{n}: {w} and {known}");
                }
            }
        }
    }
}

#[test]
fn decompositions_have_the_same_bits_at_every_level() {
    for (m, n) in [(0, 0), (3, 0), (1, 1), (9, 4), (33, 33), (70, 41)] {
        let a = random(12, m, n);
        assert_bits("qr", std::slice::from_ref(&a), &|b, x| b.qr(x[0]).into());
        assert_bits("svd", std::slice::from_ref(&a), &|b, x| b.svd(x[0]).into());
        let square = random(13, n, n);
        assert_bits("eigh", &[square], &|b, x| b.eigh(x[0]).into());
        let batch = between(-1.0, 1.0, 14, &[2, 40, m, n]);
        assert_bits("a batch", &[batch], &|b, x| {
            let [u, s, ..] = b.svd(x[0]);
            let [q, r, _] = b.qr(x[0]);
            vec![u, s, q, r]
        });
    }
}

/// One size at which all levels of the recursion and of the threads are in use: beyond 512 rows.
#[test]
fn blocks_do_not_show_in_large_factors() {
    let n = 530;
    let (definite, general, rhs) = (positive_definite(21, n), random(22, n, n), random(23, n, 2));
    let build = |b: &mut Builder, x: &[Value]| {
        let [l, info] = b.cholesky(x[0]);
        let [factors, rows, _] = b.lu(x[1]);
        let y = b.triangular_solve(Triangle::LOWER, l, x[2]);
        vec![l, info, factors, rows, y]
    };
    let inputs = [&definite, &general, &rhs];
    let want = run(Backend::Reference, &inputs, &build);
    for threads in [1, 2] {
        let options = Options { threads, ..Options::default() };
        let got = run(Backend::Cpu(options), &inputs, &build);
        assert!(want.iter().zip(&got).all(|(want, got)| want.same_bits(got)), "{threads} threads");
    }
}

/// ‖A‖₁, the largest sum of sizes in a column.
fn norm_1(x: &Tensor) -> f64 {
    let n = x.shape()[1];
    let column = |j: usize| x.values::<f64>().iter().skip(j).step_by(n).map(|x| x.abs()).sum::<f64>();
    (0..n).map(column).fold(0.0, f64::max)
}

/// The estimate lies between a third of ‖A‖₁ ‖A⁻¹‖₁ and all of it, but for rounding: of matrices whose inverse is computed, and of Hilbert's, for which it is known
/// (R. Gregory, D. Karney, *A Collection of Matrices for Testing Computational Algorithms*, 1969).
#[test]
fn conditions_are_estimated_within_a_factor_of_three() {
    let estimate = |a: &Tensor| {
        evaluate(&[a], &|b, x| vec![b.apply(Arc::new(tessera_core::ops::Condition), x)]).remove(0)
    };
    let check = |what: &str, n: usize, a: &Tensor, known: f64| {
        let got = estimate(a).values::<f64>()[0];
        assert!(got >= known / 3.0 && got <= known * (1.0 + 1e-3), "{what} {n}: {got:e}, not {known:e}");
    };
    for (n, known) in [(2, 27.0), (3, 748.0), (4, 28375.0), (5, 943_656.0), (8, 33_872_791_095.0)] {
        check("Hilbert", n, &matrix(n, |i, j| 1.0 / (i + j + 1) as f64), known);
    }
    for n in [1, 7, 40] {
        check("identity", n, &matrix(n, |i, j| f64::from(i == j)), 1.0);
        for seed in 30..34 {
            let a = random(seed, n, n);
            let one = matrix(n, |i, j| f64::from(i == j));
            let inverse =
                evaluate(&[&a, &one], &|b, x| vec![b.solve(Structure::General, x[0], x[1])]).remove(0);
            check("random", n, &a, norm_1(&a) * norm_1(&inverse));
        }
    }
    // Exactly singular, not a number, and beyond the range: never a small number.
    for (what, a) in [
        ("zero", matrix(3, |_, _| 0.0)),
        ("equal rows", matrix(3, |_, j| (j + 1) as f64)),
        ("NaN", matrix(2, |i, j| if i == j { f64::NAN } else { 0.0 })),
        ("tiny pivot", matrix(2, |i, j| f64::from(i == j) * if i == 0 { 1.0 } else { 1e-320 })),
    ] {
        assert_eq!(estimate(&a).values::<f64>(), [f64::INFINITY], "{what}");
    }
}

/// Penrose's four equations, to 64·n·u·κ with κ the quotient of the singular values that count, on matrices of every shape and rank.
#[test]
fn pseudoinverses_keep_penroses_equations() {
    for (m, n, rank) in [(1, 1, 1), (5, 3, 3), (3, 5, 3), (6, 6, 2), (9, 4, 1), (4, 9, 2), (3, 3, 0)] {
        let (left, right) = (random(40, m, rank.max(1)), random(41, rank.max(1), n));
        let values = product(&left, false, &right, false);
        let a = Tensor::new([m, n], if rank == 0 { vec![0.0; m * n] } else { values });
        let y = evaluate(&[&a], &|b, x| {
            let p = b.apply(Arc::new(tessera_core::ops::Pinv { tol: Some(1e-10) }), x);
            vec![p, b.svd(x[0])[1]]
        });
        let (p, s) = (&y[0], y[1].values::<f64>());
        assert_eq!(s.iter().filter(|&&x| x > 1e-10 * s[0]).count(), rank, "{m}×{n}: {s:?}");
        let square =
            |x: &Tensor, y: &Tensor| Tensor::new([x.shape()[0], y.shape()[1]], product(x, false, y, false));
        let (ap, pa) = (square(&a, p), square(p, &a));
        let turned = |x: &Tensor| {
            let k = x.shape()[0];
            matrix(k, |i, j| x.values::<f64>()[j * k + i])
        };
        let condition = if rank == 0 { 1.0 } else { s[0] / s[rank - 1] };
        let bound = 64.0 * m.max(n) as f64 * U * condition;
        let near = |what: &str, x: &Tensor, y: &Tensor| {
            let error = distance(x.values(), y.values());
            assert!(error <= bound * norm(y.values()).max(1.0), "{what} of {m}×{n} of rank {rank}: {error}");
        };
        near("A P A = A", &square(&ap, &a), &a);
        near("P A P = P", &square(&pa, p), p);
        near("(A P)ᵀ = A P", &turned(&ap), &ap);
        near("(P A)ᵀ = P A", &turned(&pa), &pa);
    }
}

/// Of all X with A X = B, or with the least ‖A X − B‖, the shortest: orthogonal to what A takes to 0.
#[test]
fn least_squares_of_wide_and_deficient_matrices_are_the_shortest() {
    for (m, n, rank, tol) in
        [(3, 5, 3, None), (20, 33, 20, None), (3, 5, 3, Some(1e-10)), (8, 6, 2, Some(1e-10))]
    {
        let (left, right, rhs) = (random(42, m, rank), random(43, rank, n), random(44, m, 2));
        let a = Tensor::new([m, n], product(&left, false, &right, false));
        let y = evaluate(&[&a, &rhs], &|b, x| {
            let x1 = b.apply(Arc::new(tessera_core::ops::Lstsq { tol }), x);
            vec![x1, b.apply(Arc::new(tessera_core::ops::Pinv::default()), &x[..1])]
        });
        let x = &y[0];
        // P A is the projection on the rows of A, in which X has to lie; the residual is orthogonal to the columns.
        let pa = matrix(n, |i, j| product(&y[1], false, &a, false)[i * n + j]);
        let bound = 1e-10 * norm(x.values());
        assert!(distance(&product(&pa, false, x, false), x.values()) <= bound, "{m}×{n}: not the shortest");
        let image = product(&a, false, x, false);
        let left: Vec<f64> = image.iter().zip(rhs.values::<f64>()).map(|(y, b)| y - b).collect();
        let left = Tensor::new([m, 2], left);
        assert!(
            norm(&product(&a, true, &left, false)) <= 1e-10 * norm(rhs.values()),
            "{m}×{n}: not the least"
        );
    }
}

/// An extent that is open when a graph is built stands for enough rows: a wide matrix is refused by name when it comes.
#[test]
fn a_wide_matrix_for_an_open_extent_is_refused() {
    use tessera_core::{Extent, Type};
    let mut b = Builder::new("open");
    let x = b.input("x", Type::new(DType::F64, [Extent::Dynamic, 3.into()]));
    let [q, r, _] = b.qr(x);
    let f = Function::new(b.finish(vec![q, r]), Backend::default());
    assert!(f.call(&[&random(1, 5, 3)]).is_ok());
    let error = f.call(&[&random(1, 2, 3)]).unwrap_err().to_string();
    assert!(error.contains("qr must have a result of the type tensor<?x3xf64>"), "{error}");
}

/// The gradient of a sum of functions of eigenvalues exists where they are equal; that of a vector does not, and is NaN, never a silent number.
#[test]
fn equal_eigenvalues_have_no_derivative_of_vectors() {
    use tessera_core::ad::backward;
    let a = matrix(3, |i, j| f64::from(i == j) * if i == 2 { 5.0 } else { 2.0 });
    let gradient = |result: usize| {
        evaluate(&[&a], &|b, x| {
            let y = b.eigh(x[0])[result];
            let last = b.ty(y).ndim() - 1;
            let weights = b.iota_like(y, DType::F64, last);
            let y = b.mul(y, y);
            let y = if result == 1 { b.mul(y, weights) } else { y };
            let y = b.sum_all(y);
            let one = b.ones_like(y);
            backward(b, &[y], &[one], x).unwrap().into_iter().flatten().collect()
        })
        .remove(0)
    };
    // Σ w² = ‖A‖²; the lower triangle stands for both.
    let want = matrix(3, |i, j| if i == j { 2.0 * a.values::<f64>()[4 * i] } else { 0.0 });
    assert_eq!(gradient(0).values::<f64>(), want.values::<f64>());
    assert!(gradient(1).values::<f64>().iter().any(|x| x.is_nan()));
}

/// Solutions that are known: lstsq through points of a line, determinants of permutations, Vandermonde's determinant.
#[test]
fn known_answers() {
    let a = Tensor::new(
        [4, 2],
        (0..8).map(|k| if k % 2 == 0 { 1.0 } else { (k / 2) as f64 }).collect::<Vec<f64>>(),
    );
    let rhs = Tensor::new([4, 1], (0..4).map(|i| 3.0 - 2.0 * i as f64).collect::<Vec<f64>>());
    let y = evaluate(&[&a, &rhs], &|b, x| vec![b.apply(Arc::new(tessera_core::ops::Lstsq::default()), x)])
        .remove(0);
    assert!(distance(y.values(), &[3.0, -2.0]) <= 32.0 * U, "{y:?}");
    for n in 0..6 {
        for shift in 0..n.max(1) {
            // A cyclic shift of n rows by `shift` is (n − 1)·shift exchanges.
            let p = matrix(n, |i, j| f64::from(j == (i + shift) % n));
            let y = evaluate(&[&p], &|b, x| {
                let det = b.apply(Arc::new(tessera_core::ops::Det), x);
                let both = b.push(Arc::new(tessera_core::ops::Slogdet), x).unwrap();
                vec![det, both[0], both[1]]
            });
            let want = if n > 0 && (n - 1) * shift % 2 == 1 { -1.0 } else { 1.0 };
            assert_eq!([0, 1, 2].map(|k| y[k].values::<f64>()[0]), [want, 0.0, want], "{n} by {shift}");
        }
    }
}
