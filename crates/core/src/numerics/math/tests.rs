//! Errors against CORE-MATH's correctly rounded functions, special values, and equal bits at every level.

use super::{reference, *};
use crate::tensor::{canonical_bits_f32, canonical_bits_f64};
use std::path::PathBuf;

/// A small generator of reproducible bits (Steele, Lea and Flood's SplitMix64).
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in [low, high).
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / 9007199254740992.0)
    }
}

const SPECIALS: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -2.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    -f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    1e-310,
    709.782712893384,
    709.7827128933841,
    -745.1332191019412,
    -708.3964185322641,
    0.010830424696249145,
    -1.0000000000000002,
    -0.9999999999999999,
    1073741824.0,
];

/// The correctly rounded value; that of the logistic function may be a neighbour where it is subnormal.
fn correctly_rounded(function: UnaryFn, x: f64) -> f64 {
    match function {
        UnaryFn::Sqrt => x.sqrt(),
        UnaryFn::Exp => core_math::exp(x),
        UnaryFn::Expm1 => core_math::expm1(x),
        UnaryFn::Log => core_math::log(x),
        UnaryFn::Log1p => core_math::log1p(x),
        UnaryFn::Sin => core_math::sin(x),
        UnaryFn::Cos => core_math::cos(x),
        UnaryFn::Tanh => core_math::tanh(x),
        UnaryFn::Erf => core_math::erf(x),
        UnaryFn::Sigmoid => reference::sigmoid(x).0,
    }
}

/// The correctly rounded f32 value.
fn correctly_rounded_f32(function: UnaryFn, x: f32) -> f32 {
    match function {
        UnaryFn::Sqrt => x.sqrt(),
        UnaryFn::Exp => core_math::expf(x),
        UnaryFn::Expm1 => core_math::expm1f(x),
        UnaryFn::Log => core_math::logf(x),
        UnaryFn::Log1p => core_math::log1pf(x),
        UnaryFn::Sin => core_math::sinf(x),
        UnaryFn::Cos => core_math::cosf(x),
        UnaryFn::Tanh => core_math::tanhf(x),
        UnaryFn::Erf => core_math::erff(x),
        UnaryFn::Sigmoid => reference::sigmoid(x as f64).to_f32(),
    }
}

/// Arguments over all sizes and, more densely, where the function is not trivial.
fn arguments(count: usize) -> Vec<f64> {
    let mut bits = Bits(2024);
    let mut x = SPECIALS.to_vec();
    for _ in 0..count / 8 {
        x.push(f64::from_bits(bits.next()));
        x.push(f64::from_bits((bits.next() & !(0x7ff << 52)) | ((1003 + bits.next() % 40) << 52)));
        x.push(bits.uniform(-750.0, 750.0));
        x.push(bits.uniform(-20.0, 20.0));
        x.push(bits.uniform(-1.0, 1.0));
        x.push(bits.uniform(0.5, 2.0));
        x.push(bits.uniform(-0.1, 0.1));
        x.push(bits.uniform(-1.0, 1.0) * f64::powi(2.0, (bits.next() % 60) as i32));
    }
    x
}

fn evaluate<T: Real>(level: Level, function: UnaryFn, x: &[T]) -> Vec<T> {
    let mut out = vec![T::ZERO; x.len()];
    map_unary(level, function, x, &mut out);
    out
}

/// How many floats lie between two numbers; 0 if both are NaN.
fn distance(a: f64, b: f64) -> u64 {
    if canonical_bits_f64(a) == canonical_bits_f64(b) {
        return 0;
    }
    if a.is_nan() || b.is_nan() || (a == 0.0 && b == 0.0) {
        return u64::MAX;
    }
    let order = |x: f64| {
        let bits = x.to_bits() as i64;
        if bits < 0 { i64::MIN - bits } else { bits }
    };
    order(a).abs_diff(order(b))
}

/// Checks that results are correctly rounded, but for at most `misrounded` of a thousand that are the other neighbour.
fn check_accuracy(function: UnaryFn, x: &[f64], misrounded: usize) {
    let y = evaluate(Level::current(), function, x);
    let mut wrong = 0;
    for (&x, &y) in x.iter().zip(&y) {
        let want = correctly_rounded(function, x);
        let distance = distance(y, want);
        assert!(distance <= 1, "{}({x:e}) is {y:e}, must be {want:e} or a neighbour", function.name());
        wrong += (distance == 1) as usize;
    }
    let bound = x.len() * misrounded / 1000;
    assert!(
        wrong <= bound,
        "{}: {wrong} of {} are not correctly rounded, must be at most {bound}",
        function.name(),
        x.len()
    );
}

#[test]
fn f64_functions_are_nearly_always_correctly_rounded() {
    let x = arguments(200_000);
    for &function in UnaryFn::ALL {
        check_accuracy(function, &x, if function == UnaryFn::Sqrt { 0 } else { 30 });
    }
}

#[test]
fn f64_functions_have_the_same_bits_at_every_level() {
    let x = arguments(120_000);
    for &function in UnaryFn::ALL {
        let want = evaluate(Level::Scalar, function, &x);
        for level in Level::available() {
            for ((x, y), want) in x.iter().zip(evaluate(level, function, &x)).zip(&want) {
                let same = canonical_bits_f64(y) == canonical_bits_f64(*want);
                assert!(same, "{}({x:e}) at {level}: {y:e}, scalar {want:e}", function.name());
            }
        }
    }
}

/// f32 arguments: a stride over all bit patterns, and special values.
fn arguments_f32(stride: usize) -> Vec<f32> {
    let specials = SPECIALS.iter().map(|&x| x as f32);
    (0..=u32::MAX).step_by(stride).map(f32::from_bits).chain(specials).collect()
}

#[test]
fn f32_functions_are_correctly_rounded() {
    let x = arguments_f32(4099);
    for &function in UnaryFn::ALL {
        let y = evaluate(Level::current(), function, &x);
        for (&x, y) in x.iter().zip(y) {
            let want = correctly_rounded_f32(function, x);
            let same = canonical_bits_f32(y) == canonical_bits_f32(want);
            assert!(same, "{}({x:e}) is {y:e}, must be {want:e}", function.name());
        }
    }
}

/// Arguments, found by checking all, whose f64 result lies exactly in the middle of two f32 while the value does not.
const MIDDLES: &[(UnaryFn, &[u32])] = &[
    (UnaryFn::Log, &[0x3c41_3d3a, 0x4117_8feb, 0x4c5d_65a5, 0x65d8_90d3, 0x6f31_a8ec]),
    (UnaryFn::Log1p, &[0x3540_0003, 0x3710_001b, 0x3efd_81ad, 0x4107_8feb, 0x65d8_90d3, 0x6f31_a8ec]),
    (UnaryFn::Sin, &[0x4619_9998, 0xc619_9998]),
    (UnaryFn::Cos, &[0x5f18_b878, 0x6115_cb11, 0xdf18_b878, 0xe115_cb11]),
    (UnaryFn::Sigmoid, &[0x36fc_0000, 0x3706_0000, 0x370e_0000, 0x3716_0000, 0x371e_0000]),
];

#[test]
fn f32_functions_are_correctly_rounded_where_f64_hides_the_side() {
    for &(function, bits) in MIDDLES {
        let x: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        for level in Level::available() {
            for (&x, y) in x.iter().zip(evaluate(level, function, &x)) {
                let want = correctly_rounded_f32(function, x);
                assert_eq!(y.to_bits(), want.to_bits(), "{}({x:e}) at {level}", function.name());
            }
        }
    }
}

#[test]
fn f32_functions_have_the_same_bits_at_every_level() {
    let x = arguments_f32(39_989);
    for &function in UnaryFn::ALL {
        let want = evaluate(Level::Scalar, function, &x);
        for level in Level::available() {
            for ((x, y), want) in x.iter().zip(evaluate(level, function, &x)).zip(&want) {
                let same = canonical_bits_f32(y) == canonical_bits_f32(*want);
                assert!(same, "{}({x:e}) at {level}: {y:e}, scalar {want:e}", function.name());
            }
        }
    }
}

#[test]
fn a_tail_has_the_bits_of_whole_vectors() {
    let x = arguments(400);
    let want = evaluate(Level::Scalar, UnaryFn::Tanh, &x);
    for level in Level::available() {
        for n in 0..40 {
            for (y, want) in evaluate(level, UnaryFn::Tanh, &x[..n]).iter().zip(&want) {
                assert_eq!(canonical_bits_f64(*y), canonical_bits_f64(*want));
            }
        }
    }
}

/// The number that a hexadecimal float as C's `%a` prints it stands for.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, exponent) = text.strip_prefix("0x")?.split_once('p')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let significand = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent = exponent.parse::<i32>().ok()? - 4 * fraction.len() as i32;
    // Two factors, so that subnormal results are reached exactly.
    let x = significand as f64 * f64::powi(2.0, exponent / 2) * f64::powi(2.0, exponent - exponent / 2);
    Some(if negative { -x } else { x })
}

#[test]
fn f64_functions_withstand_the_published_worst_cases() {
    let data = std::env::var_os("TESSERA_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")));
    for function in [UnaryFn::Cos, UnaryFn::Erf, UnaryFn::Expm1, UnaryFn::Log, UnaryFn::Sin, UnaryFn::Tanh] {
        let path = data.join(format!("core-math/binary64_{}.wc", function.name()));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: no worst cases at {}", path.display());
            continue;
        };
        let mut x: Vec<f64> = text.lines().filter_map(|line| parse_hex_float(line.trim())).collect();
        assert!(x.len() > 1000, "{} must hold worst cases, got {}", path.display(), x.len());
        x.extend(x.clone().iter().map(|x| -x));
        // These are near the middle of two floats, where an error of any size shows: only the neighbour is asked for.
        check_accuracy(function, &x, 1000);
    }
}

/// Arguments of pow: special values in every pairing, then random ones whose result is mostly in range.
fn pow_arguments(count: usize) -> (Vec<f64>, Vec<f64>) {
    let values = [
        0.0,
        0.3,
        0.5,
        1.0,
        1.5,
        2.0,
        3.0,
        4.0,
        1e300,
        9007199254740991.0,
        9007199254740992.0,
        5e-324,
        f64::INFINITY,
    ];
    let specials: Vec<f64> = values.iter().flat_map(|&x| [x, -x]).chain([f64::NAN]).collect();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for &a in &specials {
        for &b in &specials {
            x.push(a);
            y.push(b);
        }
    }
    let mut bits = Bits(99);
    for _ in 0..count {
        let base = match bits.next() % 3 {
            0 => bits.uniform(0.0, 3.0),
            1 => bits.uniform(0.99, 1.01),
            _ => f64::from_bits(bits.next() >> 1),
        };
        let reach = 760.0 / base.ln().abs().max(1e-300);
        x.push(base);
        y.push(bits.uniform(-reach, reach));
        // Small integers, for exact powers, and negative bases.
        x.push((bits.next() % 40) as f64 - 20.0);
        y.push((bits.next() % 30) as f64 - 15.0);
    }
    (x, y)
}

#[test]
fn pow_is_nearly_always_correctly_rounded_and_the_same_at_every_level() {
    let (x, y) = pow_arguments(60_000);
    let mut want = vec![0.0; x.len()];
    map_pow(Level::Scalar, &x, &y, &mut want);
    let mut wrong = 0;
    for ((&x, &y), &z) in x.iter().zip(&y).zip(&want) {
        let distance = distance(z, core_math::pow(x, y));
        assert!(distance <= 1, "{x:e}^{y:e} is {z:e}, must be {:e} or a neighbour", core_math::pow(x, y));
        wrong += distance as usize;
    }
    assert!(wrong <= x.len() / 50, "{wrong} of {} powers are not correctly rounded", x.len());
    for level in Level::available() {
        let mut out = vec![0.0; x.len()];
        map_pow(level, &x, &y, &mut out);
        for i in 0..x.len() {
            assert_eq!(
                canonical_bits_f64(out[i]),
                canonical_bits_f64(want[i]),
                "{:e}^{:e} at {level}",
                x[i],
                y[i]
            );
        }
    }
}

#[test]
fn pow_of_f32_is_correctly_rounded_on_samples() {
    let (x, y) = pow_arguments(60_000);
    // A tenth of the exponent fits the narrower range.
    let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let y: Vec<f32> =
        y.iter().enumerate().map(|(i, &y)| if i < 729 { y } else { y * 0.125 } as f32).collect();
    let mut want = vec![0.0; x.len()];
    map_pow(Level::Scalar, &x, &y, &mut want);
    for level in Level::available() {
        let mut out = vec![0.0; x.len()];
        map_pow(level, &x, &y, &mut out);
        for i in 0..x.len() {
            let (x, y, z) = (x[i], y[i], out[i]);
            assert_eq!(canonical_bits_f32(z), canonical_bits_f32(want[i]), "{x:e}^{y:e} at {level}");
            assert_eq!(
                canonical_bits_f32(z),
                canonical_bits_f32(core_math::powf(x, y)),
                "{x:e}^{y:e} is {z:e}"
            );
        }
    }
}
