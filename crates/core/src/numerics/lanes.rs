//! The numeric trait over which every elementary function and kernel is written once.
//!
//! [`Number`] is pure arithmetic: IEEE operations rounded to nearest even, an explicit `fma`, compares, selects and
//! integer operations on the bits. Two of its methods branch on data, and only to save time: [`Number::unless`] skips a
//! formula that no lane needs, and [`Number::rescue`] recomputes lanes that no formula serves (huge arguments of `sin`)
//! by the scalar function that [`Rare`] names. So besides the scalar and SIMD instantiations here, one that prints
//! device source text can implement it.
//! [`Lanes`] adds what only a register in a CPU has: a width, loads and stores.
//!
//! A scalar `f64` or `f32` is itself an instantiation, of width 1; it is the reference for all others. The vector
//! types are private to the crate: outside code is generic over [`Simd`] and gets a level's types only from
//! [`dispatch`](super::dispatch::dispatch), which has checked that the machine has them.
//!
//! Promise: an operation gives the same bits at every level, except for the sign and payload of a NaN (law 2).

use super::math::Elementary;
use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
#[cfg(test)]
mod tests;
mod twin;

/// A truth value per lane.
pub trait Mask: Copy {
    /// The same truth value in every lane.
    fn splat(value: bool) -> Self;
    /// Lanes true in both.
    fn and(self, other: Self) -> Self;
    /// Lanes true in either.
    fn or(self, other: Self) -> Self;
    /// Lanes that are false.
    fn not(self) -> Self;
    /// Whether any lane is true.
    fn any(self) -> bool;
}

/// An unsigned integer per lane, as wide as the float; arithmetic wraps.
pub trait Integer: Copy {
    /// The integer in one lane: `u64` or `u32`.
    type Word: Copy;
    /// The same integer in every lane.
    fn splat(word: Self::Word) -> Self;
    /// `self + other`, wrapping.
    fn plus(self, other: Self) -> Self;
    /// `self - other`, wrapping.
    fn minus(self, other: Self) -> Self;
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Shift left by `count` bits, less than the word's width and known when compiled.
    fn shift_left(self, count: u32) -> Self;
    /// Shift right by `count` bits, filling with zeros.
    fn shift_right(self, count: u32) -> Self;
    /// Shift right by `count` bits, filling with the top bit.
    fn shift_right_signed(self, count: u32) -> Self;
}

/// A scalar function that [`Number::rescue`] applies to the lanes a vector formula cannot serve.
pub trait Rare<T> {
    /// The function's value at `x`.
    fn value(x: T) -> T;
}

/// The arithmetic in which elementary functions and kernels are written.
pub trait Number:
    Copy
    + Debug
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// The number in one lane: `f64` or `f32`.
    type Scalar: Real;
    /// Results of comparisons.
    type Mask: Mask;
    /// The lanes' bits as integers.
    type Bits: Integer<Word = <Self::Scalar as Real>::Word>;

    /// The same number in every lane.
    fn splat(value: Self::Scalar) -> Self;
    /// `self · b + c` with a single rounding.
    fn fma(self, b: Self, c: Self) -> Self;
    /// `c − self · b` with a single rounding.
    fn fnma(self, b: Self, c: Self) -> Self;
    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// The number with its sign bit cleared.
    fn abs(self) -> Self;
    /// The magnitude of `self` with the sign bit of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// `self < other`; false where either is NaN.
    fn lt(self, other: Self) -> Self::Mask;
    /// `self <= other`; false where either is NaN.
    fn le(self, other: Self) -> Self::Mask;
    /// `self == other`; false where either is NaN.
    fn eq(self, other: Self) -> Self::Mask;
    /// Not `self == other`: true where either is NaN.
    fn ne(self, other: Self) -> Self::Mask;
    /// Where the lane is NaN.
    fn is_nan(self) -> Self::Mask;
    /// `if self < other { self } else { other }`: takes `other` for a NaN or two zeros.
    fn lesser(self, other: Self) -> Self;
    /// `if self > other { self } else { other }`: takes `other` for a NaN or two zeros.
    fn greater(self, other: Self) -> Self;
    /// `yes` where the mask holds, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// The lanes' bits.
    fn bits(self) -> Self::Bits;
    /// The numbers with these bits.
    fn from_bits(bits: Self::Bits) -> Self;
    /// Where the top bit of `bits` is set.
    fn top_bit(bits: Self::Bits) -> Self::Mask;
    /// Where the number is positive, normal and finite.
    fn is_positive_normal(self) -> Self::Mask;
    /// The exponent of a positive normal number: the largest integer k with 2^k ≤ `self`.
    fn exponent(self) -> Self;
    /// About `self / divisor`, for a guess: to 2^−40 (f64) or 2^−22 (f32), other bits at other levels. The divisor
    /// must be normal, and so must its inverse.
    #[inline(always)]
    fn quotient_guess(self, divisor: Self) -> Self {
        self / divisor
    }
    /// Where `a` and `b` have no set bit in common.
    fn disjoint(a: Self::Bits, b: Self::Bits) -> Self::Mask;
    /// `self · 2^n`, rounded once, for `self` in [0.25, 4] and an integral `n` of at most 2000 (f64) or 250 (f32) in size.
    fn scale(self, n: Self) -> Self;
    /// `table[index mod N]` per lane, for a power of two N; fastest for 16.
    fn lookup<const N: usize>(table: &'static [Self::Scalar; N], index: Self::Bits) -> Self;
    /// Replaces the lanes where `rare` holds by `R::value(x)`; free where no lane is rare.
    fn rescue<R: Rare<Self::Scalar>>(self, x: Self, rare: Self::Mask) -> Self;

    /// `self`, but `other()` in the lanes where `rare` holds; free where no lane is rare.
    #[inline(always)]
    fn unless(self, rare: Self::Mask, other: impl FnOnce() -> Self) -> Self {
        if rare.any() { Self::select(rare, other(), self) } else { self }
    }

    /// +0 in every lane.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(Self::Scalar::ZERO)
    }
}

/// A [`Number`] held in a CPU register.
pub trait Lanes: Number {
    /// How many lanes it has.
    const WIDTH: usize;

    /// Reads [`Self::WIDTH`] numbers.
    ///
    /// # Safety
    /// `source` must be valid for reading them; it needs only the alignment of one number.
    unsafe fn load(source: *const Self::Scalar) -> Self;

    /// Writes [`Self::WIDTH`] numbers.
    ///
    /// # Safety
    /// `target` must be valid for writing them; it needs only the alignment of one number.
    unsafe fn store(self, target: *mut Self::Scalar);

    /// Cuts both vectors into groups of `2·half` lanes; gives the lower halves of the groups, of `self` and `other` in
    /// turn, and the upper halves likewise. A reduction joins the two, for half the width, a quarter, …, 1.
    fn halves(self, other: Self, half: usize) -> (Self, Self);

    /// The lanes of `source`, then `fill`; reads at most [`Self::WIDTH`] numbers.
    #[inline(always)]
    fn load_slice(source: &[Self::Scalar], fill: Self::Scalar) -> Self {
        if source.len() >= Self::WIDTH {
            // SAFETY: the slice holds at least WIDTH numbers.
            return unsafe { Self::load(source.as_ptr()) };
        }
        let mut lanes = [fill; WIDTH_MAX];
        lanes[..source.len()].copy_from_slice(source);
        // SAFETY: WIDTH <= WIDTH_MAX.
        unsafe { Self::load(lanes.as_ptr()) }
    }

    /// Writes the first lanes to `target`, at most [`Self::WIDTH`].
    #[inline(always)]
    fn store_slice(self, target: &mut [Self::Scalar]) {
        if target.len() >= Self::WIDTH {
            // SAFETY: the slice holds at least WIDTH numbers.
            return unsafe { self.store(target.as_mut_ptr()) };
        }
        let lanes = self.to_array();
        let count = target.len();
        target.copy_from_slice(&lanes[..count]);
    }

    /// The lanes in order, followed by zeros.
    #[inline(always)]
    fn to_array(self) -> [Self::Scalar; WIDTH_MAX] {
        let mut lanes = [Self::Scalar::ZERO; WIDTH_MAX];
        // SAFETY: WIDTH <= WIDTH_MAX.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }

    /// The lanes where the mask holds, in order, followed by `false`.
    #[inline(always)]
    fn mask_to_array(mask: Self::Mask) -> [bool; WIDTH_MAX] {
        let one = Self::splat(Self::Scalar::ONE);
        Self::select(mask, one, Self::zero()).to_array().map(|lane| lane != Self::Scalar::ZERO)
    }
}

/// The largest [`Lanes::WIDTH`] of any level.
pub const WIDTH_MAX: usize = 16;

/// A floating-point element type: the scalar instantiation, and the way to a level's vector of it.
pub trait Real:
    Elementary
    + Lanes<Scalar = Self, Mask = bool>
    + Default
    + PartialEq
    + PartialOrd
    + bytemuck::Pod
    + crate::tensor::Element
{
    /// The unsigned integer of the same width.
    type Word: Copy + Debug + Eq;
    /// The vector of it at level `S`.
    type Vector<S: Simd>: Elementary<Scalar = Self>;
    /// +0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// From this size on every number is whole: 2^52 for f64, 2^23 for f32.
    const WHOLE: Self;
    /// The lanes of law 3: 32 for f64, 64 for f32.
    const LAW_LANES: usize;
    /// The nearest number to `n`.
    fn from_usize(n: usize) -> Self;
    /// A whole number of at least 0 as an integer.
    fn to_usize(self) -> usize;
}

/// A SIMD level: one vector type per element type.
pub trait Simd: Copy + Send + Sync + 'static {
    /// Vectors of f64.
    type F64: Elementary<Scalar = f64>;
    /// Vectors of f32, as many bytes wide, except at the scalar level.
    type F32: Elementary<Scalar = f32> + Narrow;
    /// The level's name: `scalar`, `avx2` or `avx512`.
    const NAME: &'static str;
}

/// f32 numbers, which f64 numbers of the same count can hold.
pub trait Narrow: Number<Scalar = f32> {
    /// As many f64.
    type Wider: Number<Scalar = f64>;
    /// Every lane as f64.
    fn widen(self) -> Self::Wider;
    /// Every lane rounded to f32.
    fn narrow(wide: Self::Wider) -> Self;
    /// `table[index mod N]` per lane, for a power of two N.
    fn lookup_wide<const N: usize>(table: &'static [f64; N], index: Self::Bits) -> Self::Wider;
}

/// A function of one argument, written once for all levels.
pub trait Wide {
    /// The f64 function.
    fn value<V: Number<Scalar = f64>>(x: V) -> V;

    /// An f64 whose rounding to f32 is the f32 function, for an argument that is an f32.
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(x: V) -> V {
        Self::value(x)
    }

    /// The f32 function of every lane: what is cheaper done before widening and after narrowing stands here.
    #[inline(always)]
    fn value_f32<V: Narrow>(x: V) -> V {
        V::narrow(Self::before_f32(x.widen()))
    }
}

/// A function of two arguments, written once for all levels.
pub trait WidePair {
    /// The f64 function.
    fn value<V: Number<Scalar = f64>>(x: V, y: V) -> V;

    /// An f64 whose rounding to f32 is the f32 function, for arguments that are f32.
    #[inline(always)]
    fn before_f32<V: Number<Scalar = f64>>(x: V, y: V) -> V {
        Self::value(x, y)
    }

    /// The f32 function of every pair of lanes.
    #[inline(always)]
    fn value_f32<V: Narrow>(x: V, y: V) -> V {
        V::narrow(Self::before_f32(x.widen(), y.widen()))
    }
}

pub use scalar::Scalar;
pub use twin::Twin;
#[cfg(target_arch = "x86_64")]
pub(crate) use {avx2::Avx2, avx512::Avx512};

/// The slow half of [`Number::rescue`] for vectors.
#[cfg(target_arch = "x86_64")]
#[cold]
#[inline(never)]
fn rescue_lanes<T: Real, R: Rare<T>>(y: &mut [T; WIDTH_MAX], x: &[T; WIDTH_MAX], rare: &[bool; WIDTH_MAX]) {
    for ((y, &x), &rare) in y.iter_mut().zip(x).zip(rare) {
        if rare {
            *y = R::value(x);
        }
    }
}

/// Implements the operators of a vector type through functions of its raw register.
#[cfg(target_arch = "x86_64")]
macro_rules! operators {
    ($vector:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $xor:ident, $set1:ident) => {
        impl std::ops::Add for $vector {
            type Output = Self;
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: a value of this type exists only where `dispatch` found the level's features.
                Self(unsafe { $add(self.0, other.0) })
            }
        }
        impl std::ops::Sub for $vector {
            type Output = Self;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as for `add`.
                Self(unsafe { $sub(self.0, other.0) })
            }
        }
        impl std::ops::Mul for $vector {
            type Output = Self;
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                // SAFETY: as for `add`.
                Self(unsafe { $mul(self.0, other.0) })
            }
        }
        impl std::ops::Div for $vector {
            type Output = Self;
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                // SAFETY: as for `add`.
                Self(unsafe { $div(self.0, other.0) })
            }
        }
        impl std::ops::Neg for $vector {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                // SAFETY: as for `add`.
                Self(unsafe { $xor(self.0, $set1(-0.0)) })
            }
        }
    };
}

/// Implements [`Integer`] for a newtype through functions of its raw register.
#[cfg(target_arch = "x86_64")]
macro_rules! integer {
    ($bits:ident, $word:ident as $signed:ident, $set1:ident, $add:ident, $sub:ident, $and:ident, $or:ident, $xor:ident,
     $sll:ident, $srl:ident, |$x:ident, $n:ident| $sra:expr) => {
        impl Integer for $bits {
            type Word = $word;
            #[inline(always)]
            fn splat(word: $word) -> Self {
                // SAFETY: this type is used only below `dispatch`, which found the level's features; so for all here.
                Self(unsafe { $set1(word as $signed) })
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $sub(self.0, other.0) })
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $and(self.0, other.0) })
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $or(self.0, other.0) })
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $xor(self.0, other.0) })
            }
            #[inline(always)]
            fn shift_left(self, count: u32) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $sll(self.0, _mm_cvtsi32_si128(count as i32)) })
            }
            #[inline(always)]
            fn shift_right(self, count: u32) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $srl(self.0, _mm_cvtsi32_si128(count as i32)) })
            }
            #[inline(always)]
            fn shift_right_signed(self, $n: u32) -> Self {
                let $x = self;
                $sra
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
use {integer, operators};
