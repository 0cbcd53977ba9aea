//! Bits: every kernel at every level against the law term by term.

use super::columns::Columns;
use super::line::{Line, lines};
use super::stable::{DoubleDouble, Kahan};
use super::*;
use crate::numerics::dispatch::{Level, dispatch};
use std::marker::PhantomData;

/// Numbers of very different size and sign, so that nearly every other order gives other bits.
fn values<T: Real>(n: usize, seed: u64, narrow: impl Fn(f64) -> T) -> Vec<T> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let size = ((state >> 33) % 24) as i32;
        ((state >> 11) as f64 / 2f64.powi(53) - 0.5) * 2f64.powi(size)
    };
    (0..n).map(|_| narrow(next())).collect()
}

/// Puts a special number here and there.
fn with_specials<T: Real>(mut x: Vec<T>, every: usize) -> Vec<T> {
    let infinity = T::ONE / T::ZERO;
    let specials = [-T::ZERO, infinity, T::ZERO, -T::ZERO, infinity, -infinity, (-T::ONE).sqrt()];
    for (i, x) in x.iter_mut().enumerate().filter(|(i, _)| i % every == every - 1) {
        *x = specials[i / every % specials.len()];
    }
    x
}

fn same<T: Real>(got: T, want: T, what: &str) {
    let sign = |x| T::ONE.copysign(x);
    let same = if want.is_nan() { got.is_nan() } else { got == want && sign(got) == sign(want) };
    assert!(same, "{what}: want {want:?}, got {got:?}");
}

/// Lines and columns of every policy against the reference, for one element type.
fn check<T: Real, R: Reducer<K, N>, const K: usize, const N: usize>(x: [&[T]; K], name: &str) {
    let reducer = PhantomData::<R>;
    let short = (1..70).chain([255, 256, 257, 300]);
    let long = [1000, 2047, 2048, 2049, 4096, 5000, 8191, 9000];
    for level in Level::available() {
        for n in (1..600).chain(long) {
            let x = x.map(|x| &x[..n]);
            let got = R::value(dispatch(level, Line { x, reducer }));
            same(got, reference::<T, R, K, N>(x).unwrap(), &format!("{name} of {n} at {level}"));
        }
        for n in short.clone() {
            let count = 37;
            let mut y = vec![T::ZERO; count];
            let x = x.map(|x| &x[..n * count]);
            lines(level, x, n, &mut y, reducer);
            for (i, &y) in y.iter().enumerate() {
                let line = x.map(|x| &x[i * n..(i + 1) * n]);
                same(
                    y,
                    reference::<T, R, K, N>(line).unwrap(),
                    &format!("{name} of line {i} of {n} at {level}"),
                );
            }
        }
    }
}

/// The same of columns.
fn check_columns<T: Real, R: Reducer<1, N>, const N: usize>(x: &[T], name: &str) {
    let reducer = PhantomData::<R>;
    let shapes = [(1, 5), (31, 2), (64, 3), (70, 17), (256, 1), (257, 9), (700, 2), (1100, 7), (300, 150)];
    for (level, (rows, width)) in Level::available().flat_map(|level| shapes.map(|shape| (level, shape))) {
        let x = &x[..rows * width];
        for columns in [0..width, width / 3..width, width / 2..width / 2 + 1] {
            let states = dispatch(level, Columns { x, width, columns: columns.clone(), reducer });
            for c in 0..columns.len() {
                let got = R::value(std::array::from_fn(|part| states[part * columns.len() + c]));
                let column: Vec<T> = (0..rows).map(|row| x[row * width + columns.start + c]).collect();
                let want = reference::<T, R, 1, N>([&column]).unwrap();
                same(got, want, &format!("{name} of column {c} of {rows} x {width} at {level}"));
            }
        }
    }
}

fn check_all<T: Real>(narrow: impl Fn(f64) -> T + Copy) {
    let n = 50_000;
    let (x, y) = (values(n, 7, narrow), values(n, 8, narrow));
    let rare = (with_specials(x.clone(), 1009), with_specials(y.clone(), 2003));
    let often = (with_specials(x.clone(), 5), with_specials(y.clone(), 7));
    for (x, y) in [(x, y), rare, often] {
        check::<T, Sum, 1, 1>([&x], "sum");
        check_columns::<T, Sum, 1>(&x, "sum");
        check::<T, Prod, 1, 1>([&x], "product");
        check_columns::<T, Prod, 1>(&x, "product");
        check::<T, Max, 1, 1>([&x], "maximum");
        check_columns::<T, Max, 1>(&x, "maximum");
        check::<T, Min, 1, 1>([&x], "minimum");
        check_columns::<T, Min, 1>(&x, "minimum");
        check::<T, Kahan, 1, 2>([&x], "kahan sum");
        check_columns::<T, Kahan, 2>(&x, "kahan sum");
        check::<T, DoubleDouble, 1, 3>([&x], "double-double sum");
        check_columns::<T, DoubleDouble, 3>(&x, "double-double sum");
        check::<T, Sum, 2, 1>([&x, &y], "dot");
        check::<T, Kahan, 2, 2>([&x, &y], "kahan dot");
        check::<T, DoubleDouble, 2, 3>([&x, &y], "double-double dot");
    }
}

#[test]
fn every_kernel_has_the_reference_bits_in_f64() {
    check_all(|x| x);
}

#[test]
fn every_kernel_has_the_reference_bits_in_f32() {
    check_all(|x| x as f32);
}

/// The value of `x` and of dot(x, 1) under every policy.
fn sums(x: &[f64]) -> [f64; 6] {
    let ones = vec![1.0; x.len()];
    [
        reference::<f64, Sum, 1, 1>([x]),
        reference::<f64, Kahan, 1, 2>([x]),
        reference::<f64, DoubleDouble, 1, 3>([x]),
        reference::<f64, Sum, 2, 1>([x, &ones]),
        reference::<f64, Kahan, 2, 2>([x, &ones]),
        reference::<f64, DoubleDouble, 2, 3>([x, &ones]),
    ]
    .map(Option::unwrap)
}

#[test]
fn infinities_and_zeros_are_those_of_the_plain_sum() {
    let infinity = f64::INFINITY;
    let line = |special: &[f64]| {
        let mut x = values(700, 3, |x| x);
        for (i, &special) in special.iter().enumerate() {
            x[i * 300] = special;
        }
        x
    };
    assert_eq!(sums(&line(&[infinity])), [infinity; 6]);
    assert_eq!(sums(&line(&[-infinity, -infinity])), [-infinity; 6]);
    assert_eq!(sums(&line(&[f64::MAX, f64::MAX, f64::MAX])), [infinity; 6]);
    assert!(sums(&line(&[infinity, -infinity])).iter().all(|x| x.is_nan()));
    assert!(sums(&line(&[f64::NAN])).iter().all(|x| x.is_nan()));
    for n in [1, 31, 32, 33, 300, 1000] {
        assert_eq!(sums(&vec![-0.0; n]).map(f64::to_bits), [(-0.0f64).to_bits(); 6], "{n} times -0");
        let mut x = vec![-0.0; n];
        x[n / 2] = 0.0;
        assert_eq!(sums(&x).map(f64::to_bits), [0; 6]);
    }
    // What cancels without a rest is +0.
    assert_eq!(sums(&[1.5, -1.5]).map(f64::to_bits), [0; 6]);
}
