//! Elementary functions (law 6), each written once, generic over [`Number`].
//!
//! An f64 function is a fixed sequence of IEEE operations and fma; tests bound its error. An f32 function is evaluated in
//! f64 and rounded once: most by a short formula that is good to 2^-37 (a guess), which decides on nearly all arguments
//! how to round; the f64 function decides on the others. `coefficients.py` beside this file derives every constant.

pub mod atan;
pub mod erf;
pub mod exp;
pub mod hyperbolic;
pub mod log;
pub mod pow;
pub mod trig;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use super::dispatch::{Kernel, Level, dispatch};
use super::lanes::{Integer, Lanes, Mask, Number, Rare, Real, Simd, Twin, Wide, WidePair};
use std::marker::PhantomData;

/// Declares the unary functions: the enum and the trait's methods.
macro_rules! unary {
    ($($(#[$doc:meta])* $variant:ident, $name:ident, $function:path;)*) => {
        /// An elementary function of one argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum UnaryFn {
            /// Square root, correctly rounded.
            Sqrt,
            $($(#[$doc])* $variant,)*
        }

        impl UnaryFn {
            /// Every function.
            pub const ALL: &'static [UnaryFn] = &[UnaryFn::Sqrt, $(UnaryFn::$variant,)*];

            /// The function's name, in lower case.
            pub fn name(self) -> &'static str {
                match self {
                    UnaryFn::Sqrt => "sqrt",
                    $(UnaryFn::$variant => stringify!($name),)*
                }
            }
        }

        /// The elementary functions of a vector, whichever its element type.
        pub trait Elementary: Lanes {
            /// The function `F` of every lane.
            fn evaluate<F: Wide>(self) -> Self;
            /// The function `F` of every lane of two vectors, which is faster than one after the other.
            fn evaluate_twin<F: Wide>(x: Twin<Self>) -> Twin<Self>;
            /// The function `F` of every pair of lanes.
            fn evaluate_pair<F: WidePair>(self, y: Self) -> Self;
            /// The same of two vectors of pairs.
            fn evaluate_pair_twin<F: WidePair>(x: Twin<Self>, y: Twin<Self>) -> Twin<Self>;

            /// `self` to the power `y`, by the table of C99.
            #[inline(always)]
            fn pow(self, y: Self) -> Self {
                self.evaluate_pair::<pow::Pow>(y)
            }
            /// The angle of the point (`x`, `self`), by the table of C99.
            #[inline(always)]
            fn atan2(self, x: Self) -> Self {
                self.evaluate_pair::<atan::Atan2>(x)
            }

            $($(#[$doc])*
            #[inline(always)]
            fn $name(self) -> Self {
                self.evaluate::<$function>()
            })*
        }

        /// `out[i] = function(x[i])` inside a kernel, for slices of the same length.
        #[inline(always)]
        pub fn map_unary_lanes<V: Elementary>(function: UnaryFn, x: &[V::Scalar], out: &mut [V::Scalar]) {
            match function {
                UnaryFn::Sqrt => map_sqrt::<V>(x, out),
                $(UnaryFn::$variant => map::<V, $function>(x, out),)*
            }
        }
    };
}

unary! {
    /// e^x.
    Exp, exp, exp::Exp;
    /// e^x − 1.
    Expm1, expm1, exp::Expm1;
    /// Natural logarithm; −∞ at ±0, NaN below.
    Log, log, log::Log;
    /// log(1 + x); −∞ at −1, NaN below.
    Log1p, log1p, log::Log1p;
    /// Sine; NaN at ±∞.
    Sin, sin, trig::Sin;
    /// Cosine; NaN at ±∞.
    Cos, cos, trig::Cos;
    /// Hyperbolic tangent.
    Tanh, tanh, hyperbolic::Tanh;
    /// The logistic function 1 / (1 + e^−x).
    Sigmoid, sigmoid, hyperbolic::Sigmoid;
    /// The error function.
    Erf, erf, erf::Erf;
}

macro_rules! elementary_f64 {
    ($vector:ty) => {
        impl Elementary for $vector {
            #[inline(always)]
            fn evaluate<F: Wide>(self) -> Self {
                F::value(self)
            }
            #[inline(always)]
            fn evaluate_twin<F: Wide>(x: Twin<Self>) -> Twin<Self> {
                F::value(x)
            }
            #[inline(always)]
            fn evaluate_pair<F: WidePair>(self, y: Self) -> Self {
                F::value(self, y)
            }
            #[inline(always)]
            fn evaluate_pair_twin<F: WidePair>(x: Twin<Self>, y: Twin<Self>) -> Twin<Self> {
                F::value(x, y)
            }
        }
    };
}
macro_rules! elementary_f32 {
    ($vector:ty) => {
        impl Elementary for $vector {
            #[inline(always)]
            fn evaluate<F: Wide>(self) -> Self {
                F::value_f32(self)
            }
            #[inline(always)]
            fn evaluate_twin<F: Wide>(x: Twin<Self>) -> Twin<Self> {
                F::value_f32(x)
            }
            #[inline(always)]
            fn evaluate_pair<F: WidePair>(self, y: Self) -> Self {
                F::value_f32(self, y)
            }
            #[inline(always)]
            fn evaluate_pair_twin<F: WidePair>(x: Twin<Self>, y: Twin<Self>) -> Twin<Self> {
                F::value_f32(x, y)
            }
        }
    };
}
elementary_f64!(f64);
elementary_f32!(f32);
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lanes::{Avx2, Avx512};
    use super::*;
    elementary_f64!(<Avx2 as Simd>::F64);
    elementary_f32!(<Avx2 as Simd>::F32);
    elementary_f64!(<Avx512 as Simd>::F64);
    elementary_f32!(<Avx512 as Simd>::F32);
}

/// Σ c\[i\] x^i for 6 to 8 coefficients by Estrin's scheme: pairs, then pairs of pairs; `x2` is x².
#[inline(always)]
fn polynomial<V: Number<Scalar = f64>, const N: usize>(x: V, x2: V, c: &[f64; N]) -> V {
    const { assert!(6 <= N && N <= 8) };
    if N > 6 {
        let low = pair(2, x, c).fma(x2, pair(0, x, c));
        let high =
            if N == 8 { pair(6, x, c).fma(x2, pair(4, x, c)) } else { V::splat(c[6]).fma(x2, pair(4, x, c)) };
        return high.fma(x2 * x2, low);
    }
    // Six coefficients need no x⁴.
    pair(4, x, c).fma(x2, pair(2, x, c)).fma(x2, pair(0, x, c))
}

/// c\[i\] + c\[i+1\] x.
#[inline(always)]
fn pair<V: Number<Scalar = f64>, const N: usize>(i: usize, x: V, c: &[f64; N]) -> V {
    V::splat(c[i + 1]).fma(x, V::splat(c[i]))
}

/// An f64 result on its way to f32, where a second rounding follows. Exactly in the middle of two f32 the first rounding
/// may have hidden on which side the value lies; such lanes take `R`'s value, which is rounded to odd.
#[inline(always)]
fn settle<V: Number<Scalar = f64>, R: Rare<f64>>(y: V, x: V) -> V {
    // The 29 bits that an f32 lacks are a one and zeros in the middle; shifted to the top of the exponent, the bits of 2.
    let middle = V::from_bits(y.bits().shift_left(34)).abs().eq(V::splat(2.0));
    y.rescue::<R>(x, middle)
}

/// An f64 whose rounding to f32 is that of the true value: `guess` where it decides, else what `exact` gives.
///
/// In lanes where `sure` holds the guess must be off by less than a share of 2^−37 of the true value, which must be an
/// f32 nearly or no subnormal one: those have fewer bits. It decides unless it lies within 2^16 of its units of the
/// middle between two f32.
#[inline(always)]
fn settle_guess<V: Number<Scalar = f64>>(guess: V, sure: V::Mask, exact: impl FnOnce() -> V) -> V {
    // The 29 bits that an f32 lacks are 2^28 in the middle. Moved by less than 2^28, those near it start with 12 zeros.
    let moved = guess.bits().plus(V::Bits::splat((1_u64 << 16).wrapping_sub(1 << 28)));
    let near_middle = V::disjoint(moved, V::Bits::splat((1 << 29) - (1 << 17)));
    guess.unless(sure.and(near_middle.not()).not(), exact)
}

/// high + low rounded to odd: truncated, with the last bit set if that was not exact. A second rounding, to at least two
/// bits fewer, then gives the nearest number to the exact sum (Boldo and Melquiond).
fn round_to_odd(high: f64, low: f64) -> f64 {
    let sum = high + low;
    let error = low - (sum - high);
    let bits = sum.to_bits();
    if error == 0.0 || bits & 1 == 1 {
        return sum;
    }
    f64::from_bits(if (error > 0.0) == (sum > 0.0) { bits + 1 } else { bits - 1 })
}

/// `out[i] = F(x[i])` with vectors of type `V`, two at a time; the tail goes through a padded vector.
#[inline(always)]
fn map<V: Elementary, F: Wide>(x: &[V::Scalar], out: &mut [V::Scalar]) {
    let pair = 2 * V::WIDTH;
    let (mut x, mut out) = (x.chunks_exact(pair), out.chunks_exact_mut(pair));
    for (x, out) in (&mut x).zip(&mut out) {
        // SAFETY: both chunks have twice WIDTH numbers.
        unsafe {
            let (source, target) = (x.as_ptr(), out.as_mut_ptr());
            let y = V::evaluate_twin::<F>(Twin(V::load(source), V::load(source.add(V::WIDTH))));
            y.0.store(target);
            y.1.store(target.add(V::WIDTH));
        }
    }
    for (x, out) in x.remainder().chunks(V::WIDTH).zip(out.into_remainder().chunks_mut(V::WIDTH)) {
        V::load_slice(x, V::Scalar::ONE).evaluate::<F>().store_slice(out);
    }
}

/// `out[i] = F(x[i], y[i])` inside a kernel, for slices of the same length.
#[inline(always)]
pub fn map_pair_lanes<V: Elementary, F: WidePair>(x: &[V::Scalar], y: &[V::Scalar], out: &mut [V::Scalar]) {
    let pair = 2 * V::WIDTH;
    let (mut x, mut y, mut out) = (x.chunks_exact(pair), y.chunks_exact(pair), out.chunks_exact_mut(pair));
    for ((x, y), out) in (&mut x).zip(&mut y).zip(&mut out) {
        // SAFETY: each chunk has twice WIDTH numbers.
        unsafe {
            let load =
                |from: &[V::Scalar]| Twin(V::load(from.as_ptr()), V::load(from.as_ptr().add(V::WIDTH)));
            let z = V::evaluate_pair_twin::<F>(load(x), load(y));
            z.0.store(out.as_mut_ptr());
            z.1.store(out.as_mut_ptr().add(V::WIDTH));
        }
    }
    let rest = x.remainder().chunks(V::WIDTH).zip(y.remainder().chunks(V::WIDTH));
    for ((x, y), out) in rest.zip(out.into_remainder().chunks_mut(V::WIDTH)) {
        let load = |from: &[V::Scalar]| V::load_slice(from, V::Scalar::ONE);
        load(x).evaluate_pair::<F>(load(y)).store_slice(out);
    }
}

/// `out[i] = √x[i]` with vectors of type `V`.
#[inline(always)]
fn map_sqrt<V: Lanes>(x: &[V::Scalar], out: &mut [V::Scalar]) {
    for (x, out) in x.chunks(V::WIDTH).zip(out.chunks_mut(V::WIDTH)) {
        V::load_slice(x, V::Scalar::ONE).sqrt().store_slice(out);
    }
}

/// A map of a slice as a kernel.
struct MapUnary<'a, T> {
    function: UnaryFn,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for MapUnary<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        map_unary_lanes::<T::Vector<S>>(self.function, self.x, self.out);
    }
}

/// `out[i] = function(x[i])`, the same bits at every level.
///
/// # Panics
/// If the slices differ in length.
pub fn map_unary<T: Real>(level: Level, function: UnaryFn, x: &[T], out: &mut [T]) {
    assert_eq!(x.len(), out.len(), "map_unary: x and out must be equally long");
    dispatch(level, MapUnary { function, x, out });
}

/// [`map_pair`] as a kernel.
struct MapPair<'a, T, F> {
    x: &'a [T],
    y: &'a [T],
    out: &'a mut [T],
    function: PhantomData<F>,
}

impl<T: Real, F: WidePair> Kernel for MapPair<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        map_pair_lanes::<T::Vector<S>, F>(self.x, self.y, self.out);
    }
}

/// `out[i] = F(x[i], y[i])`, the same bits at every level.
///
/// # Panics
/// If the slices differ in length.
pub fn map_pair<T: Real, F: WidePair>(level: Level, x: &[T], y: &[T], out: &mut [T]) {
    assert!(x.len() == y.len() && x.len() == out.len(), "map_pair: x, y and out must be equally long");
    dispatch(level, MapPair::<T, F> { x, y, out, function: PhantomData });
}

/// `out[i] = x[i]^y[i]`, the same bits at every level.
///
/// # Panics
/// If the slices differ in length.
pub fn map_pow<T: Real>(level: Level, x: &[T], y: &[T], out: &mut [T]) {
    map_pair::<T, pow::Pow>(level, x, y, out);
}
