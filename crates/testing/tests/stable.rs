//! The error of sums and dot products under each policy, against its bound (`docs/numerics.md`, law 3) and an exact
//! result, on sums that cancel: GenDot of Ogita, Rump and Oishi (SIAM J. Sci. Comput. 26, 2005, algorithm 6.1).

use std::sync::Arc;
use tessera_core::ad::{jvp, vjp};
use tessera_core::exec::{Backend, Function};
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::numerics::dispatch::{Level, dispatch};
use tessera_core::numerics::lanes::Real;
use tessera_core::numerics::reduce::line::Line;
use tessera_core::numerics::reduce::stable::{DoubleDouble, Kahan};
use tessera_core::numerics::reduce::{Reducer, Sum};
use tessera_core::ops::{Contract, Convolution, Dot, Matmul, Op, Stable};
use tessera_core::{DType, Tensor, Type};
use tessera_testing::data::unit;

/// A number in fixed point: multiples of 2⁻²²⁰⁰ below 2²²⁰⁰, in digits of 32 bits. Holds every sum of products of f64.
#[derive(Clone)]
struct Exact(Vec<i128>);

const DIGITS: usize = 140;
const LOWEST: i32 = -2200;

impl Exact {
    fn zero() -> Exact {
        Exact(vec![0; DIGITS])
    }

    /// Adds x·y.
    fn add(&mut self, x: f64, y: f64) {
        let split = |x: f64| {
            let (bits, exponent) = (x.to_bits(), (x.to_bits() >> 52 & 0x7FF) as i32);
            let fraction = (bits & ((1 << 52) - 1)) | (u64::from(exponent > 0) << 52);
            (fraction as u128, exponent.max(1) - 1075)
        };
        let ((m, e), (n, f)) = (split(x), split(y));
        let shift = (e + f - LOWEST) as usize;
        let sign = if x.is_sign_negative() != y.is_sign_negative() { -1 } else { 1 };
        // 106 bits of product, in four digits, each shifted into its place.
        for part in 0..4 {
            let digit = ((m * n) >> (32 * part)) as u32 as i128;
            let at = shift / 32 + part;
            let shifted = digit << (shift % 32);
            self.0[at] += sign * (shifted & 0xFFFF_FFFF);
            self.0[at + 1] += sign * (shifted >> 32);
        }
    }

    /// To about 60 bits.
    fn to_f64(&self) -> f64 {
        let mut digits = self.0.clone();
        for i in 0..DIGITS - 1 {
            let carry = digits[i] >> 32;
            digits[i] -= carry << 32;
            digits[i + 1] += carry;
        }
        // What is negative ends in a negative top digit; the sum below is then of a digit and smaller ones.
        if digits[DIGITS - 1] < 0 {
            let opposite = Exact(digits.iter().map(|d| -d).collect());
            return -opposite.to_f64();
        }
        let top = digits.iter().rposition(|&d| d != 0).unwrap_or(0);
        let sum = |from: usize| {
            (from..=top).map(|i| digits[i] as f64 * 2f64.powi(32 * (i - from) as i32)).sum::<f64>()
        };
        let from = top.saturating_sub(2);
        let half = 2f64.powi((32 * from as i32 + LOWEST) / 2);
        sum(from) * half * half
    }
}

#[test]
fn the_exact_sum_is_exact() {
    let mut exact = Exact::zero();
    for (x, y) in [(1e300, 1e-300), (3.0, 0.1), (-1e300, 1e-300), (1e-200, 1e-20), (-3.0, 0.1)] {
        exact.add(x, y);
    }
    let relative = exact.to_f64() / (1e-200 * 1e-20) - 1.0;
    assert!(relative.abs() < 1e-15, "off by {relative}");
    exact.add(-1.0, 2.0);
    assert_eq!(exact.to_f64(), -2.0);
}

/// Two vectors of n elements whose dot product has about this condition number, 2 Σ|xy| / |Σ xy|.
fn ill_conditioned<T: Real>(n: usize, condition: f64, seed: u64, round: impl Fn(f64) -> T) -> (Vec<T>, Vec<T>)
where
    f64: From<T>,
{
    let half = n / 2;
    let spread = condition.log2() / 2.0;
    let random = |i: usize| 2.0 * unit(seed, i as u64 + 1) - 1.0;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut exact = Exact::zero();
    for i in 0..n {
        let exponent = match i {
            0 => spread,
            _ if i + 1 == half => 0.0,
            _ if i < half => unit(seed + 1, i as u64) * spread,
            // From here on the products cancel what there is, in ever smaller steps.
            _ => spread * (1.0 - (i - half) as f64 / (n - half - 1).max(1) as f64),
        };
        let size = 2f64.powi(exponent.round() as i32);
        let a = round(random(2 * i) * size);
        let b = match i < half {
            true => round(random(2 * i + 1) * size),
            false => round((random(2 * i + 1) * size - exact.to_f64()) / f64::from(a)),
        };
        exact.add(f64::from(a), f64::from(b));
        x.push(a);
        y.push(b);
    }
    // A fixed shuffle, so that what cancels is not side by side.
    for i in (1..n).rev() {
        let j = (unit(seed + 2, i as u64 + 1) * (i + 1) as f64) as usize;
        x.swap(i, j);
        y.swap(i, j);
    }
    (x, y)
}

/// n·u / (1 − n·u).
fn gamma(n: f64, u: f64) -> f64 {
    n * u / (1.0 - n * u)
}

/// Additions on the longest path of a sum of n terms: a lane, the fold of the lanes, the tree.
fn depth(n: usize, lanes: usize) -> f64 {
    let blocks = n.div_ceil(256).next_power_of_two();
    (256 / lanes - 1) as f64 + (lanes as f64).log2() + (blocks as f64).log2()
}

/// The bounds of the three policies, for products; `u` is the unit roundoff.
fn bounds(n: usize, lanes: usize, u: f64, exact: f64, magnitude: f64) -> [f64; 3] {
    let d = depth(n, lanes) + 1.0;
    [
        gamma(d, u) * magnitude,
        u * exact.abs() + (1.0 + u) * gamma(2.0 * d, u) * gamma(d, u) * magnitude,
        u * exact.abs() + (1.0 + u) * ((1.0 + 4.0 * u * u).powf(d) - 1.0).max(4.0 * d * u * u) * magnitude,
    ]
}

fn value<T: Real, R: Reducer<K, N>, const K: usize, const N: usize>(x: [&[T]; K]) -> f64
where
    f64: From<T>,
{
    f64::from(R::value(dispatch(Level::current(), Line { x, reducer: std::marker::PhantomData::<R> })))
}

fn check<T: Real>(u: f64, lanes: usize, round: impl Fn(f64) -> T + Copy)
where
    f64: From<T>,
{
    let mut worst = [0.0f64; 3];
    for n in [6, 100, 1000, 5000] {
        for power in 1..=14 {
            let condition = u.powf(-0.15 * power as f64);
            let (x, y) = ill_conditioned(n, condition, 100 * n as u64 + power, round);
            let (mut exact, mut magnitude) = (Exact::zero(), 0.0);
            for (&x, &y) in x.iter().zip(&y) {
                exact.add(f64::from(x), f64::from(y));
                magnitude += (f64::from(x) * f64::from(y)).abs();
            }
            let got = [
                value::<T, Sum, 2, 1>([&x, &y]),
                value::<T, Kahan, 2, 2>([&x, &y]),
                value::<T, DoubleDouble, 2, 3>([&x, &y]),
            ];
            let bounds = bounds(n, lanes, u, exact.to_f64(), magnitude);
            for policy in 0..3 {
                let mut rest = exact.clone();
                rest.add(-got[policy], 1.0);
                let (error, bound) = (rest.to_f64().abs(), bounds[policy]);
                assert!(
                    error <= bound,
                    "policy {policy}, n {n}, condition {condition:e}: {error:e} > {bound:e}"
                );
                worst[policy] = worst[policy].max(error / exact.to_f64().abs());
            }
            // The products, rounded, as a sum.
            let products: Vec<T> = x.iter().zip(&y).map(|(&x, &y)| x * y).collect();
            let (mut exact, mut magnitude) = (Exact::zero(), 0.0);
            for &x in &products {
                exact.add(f64::from(x), 1.0);
                magnitude += f64::from(x).abs();
            }
            let got = [
                value::<T, Sum, 1, 1>([&products]),
                value::<T, Kahan, 1, 2>([&products]),
                value::<T, DoubleDouble, 1, 3>([&products]),
            ];
            let bounds = self::bounds(n, lanes, u, exact.to_f64(), magnitude);
            for policy in 0..3 {
                let mut rest = exact.clone();
                rest.add(-got[policy], 1.0);
                let (error, bound) = (rest.to_f64().abs(), bounds[policy]);
                assert!(error <= bound, "sum, policy {policy}, n {n}: {error:e} > {bound:e}");
            }
        }
    }
    // The test means something only where the plain sum fails.
    assert!(worst[0] > 1.0, "the plain dot product must lose all digits somewhere, got {worst:?}");
}

#[test]
fn every_policy_keeps_its_bound_in_f64() {
    check::<f64>(2f64.powi(-53), 32, |x| x);
}

#[test]
fn every_policy_keeps_its_bound_in_f32() {
    check::<f32>(2f64.powi(-24), 64, |x| x as f32);
}

/// Where γ_d γ_2d times the condition is below u, here up to u^−0.75, a compensated dot product is right but for roundings.
#[test]
fn compensation_is_as_if_in_twice_the_precision() {
    let u = 2f64.powi(-53);
    for power in 1..=5 {
        let (x, y) = ill_conditioned(1000, u.powf(-0.15 * power as f64), power, |x| x);
        let mut exact = Exact::zero();
        x.iter().zip(&y).for_each(|(&x, &y)| exact.add(x, y));
        let exact = exact.to_f64();
        for got in [value::<f64, Kahan, 2, 2>([&x, &y]), value::<f64, DoubleDouble, 2, 3>([&x, &y])] {
            assert!((got - exact).abs() <= 2.0 * u * exact.abs(), "{got:e} for {exact:e}");
        }
    }
}

/// Applies `op` to two operands of these shapes.
fn graph_of(op: Op, shapes: [&[usize]; 2]) -> (Graph, [Value; 2]) {
    let mut b = Builder::new("product");
    let x = [("x", shapes[0]), ("y", shapes[1])]
        .map(|(name, shape)| b.input(name, Type::new(DType::F64, shape.iter().copied())));
    let y = b.apply(op, &x);
    (b.finish(vec![y]), x)
}

/// The last result of `graph`, a single number.
fn last(graph: Graph, inputs: &[&Tensor]) -> f64 {
    let results = Function::new(graph, Backend::default()).call(inputs).unwrap();
    results.last().unwrap().values::<f64>()[0]
}

/// Every contraction with `stable` keeps its policy's bound, and so do its tangent and its adjoint, which are such contractions.
#[test]
fn contractions_and_their_derivatives_keep_the_bounds() {
    let u = 2f64.powi(-53);
    let n = 1000;
    let mut plain_fails = false;
    for power in [4, 8, 12] {
        let (x, y) = ill_conditioned(n, u.powf(-0.15 * power as f64), 7 + power, |x| x);
        let (mut exact, mut magnitude) = (Exact::zero(), 0.0);
        for (&x, &y) in x.iter().zip(&y) {
            exact.add(x, y);
            magnitude += (x * y).abs();
        }
        for (policy, stable) in Stable::ALL.into_iter().enumerate() {
            // Law 4 has its own bound, of chains of 256.
            let bound = match stable {
                Stable::Pairwise => gamma(256.0 + 2.0, u) * magnitude,
                _ => bounds(n, 32, u, exact.to_f64(), magnitude)[policy],
            };
            let check = |what: &str, got: f64| {
                let mut rest = exact.clone();
                rest.add(-got, 1.0);
                let error = rest.to_f64().abs();
                assert!(error <= bound, "{what} {stable:?}: {error:e} > {bound:e}");
                error > 0.5 * exact.to_f64().abs()
            };
            let set = Some(stable);
            let matmul = || Arc::new(Matmul { stable: set, ..Matmul::default() }) as Op;
            let einsum = |text: &str| Arc::new(Contract::new(text).unwrap().stable(stable)) as Op;
            let convolution = || Arc::new(Convolution { stable: set, ..Convolution::default() }) as Op;
            let cases: [(&str, Op, [&[usize]; 2]); 4] = [
                ("dot", Arc::new(Dot { stable: set }), [&[1, n], &[1, n]]),
                ("matmul", matmul(), [&[1, n], &[n, 1]]),
                ("contract", einsum("abz,ab->z"), [&[10, n / 10, 1], &[10, n / 10]]),
                ("convolution", convolution(), [&[1, 2, n / 2], &[1, 2, n / 2]]),
            ];
            for (what, op, shapes) in cases {
                let [x, y] =
                    [(&x, shapes[0]), (&y, shapes[1])].map(|(x, shape)| Tensor::new(shape, x.clone()));
                let (graph, inputs) = graph_of(op, shapes);
                plain_fails |= check(what, last(graph.clone(), &[&x, &y]));
                // The tangent along x, at another point.
                let other = Tensor::new(shapes[0], vec![0.5; n]);
                let tangent = jvp(&graph, &inputs[..1]).unwrap();
                check(&format!("tangent of {what}"), last(tangent, &[&other, &y, &x]));
            }
            // Cotangents x of a product of one number with y: the number's cotangent is the dot product.
            for (what, op, shapes) in [
                ("matmul", matmul(), [&[1, 1][..], &[1, n]]),
                ("contract", einsum("a,ai->i"), [&[1], &[1, n]]),
            ] {
                let (graph, inputs) = graph_of(op, shapes);
                let cotangent = Tensor::new(graph.output_types()[0].static_shape().unwrap(), x.clone());
                let adjoint = vjp(&graph, &inputs[..1], &[]).unwrap();
                let number = Tensor::new(shapes[0], vec![2.0]);
                let y = Tensor::new(shapes[1], y.clone());
                check(&format!("adjoint of {what}"), last(adjoint, &[&number, &y, &cotangent]));
            }
        }
    }
    assert!(plain_fails, "the plain contraction must lose all digits somewhere");
}
