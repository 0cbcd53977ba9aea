//! The scalar instantiation: `f64` and `f32` as vectors of one lane. It is the law that the other levels meet.

use super::{Integer, Lanes, Mask, Narrow, Number, Rare, Real, Simd};

/// Plain Rust floats, right on any machine: without an fma unit `mul_add` is a library call, slow but exact.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Simd for Scalar {
    type F64 = f64;
    type F32 = f32;
    const NAME: &'static str = "scalar";
}

impl Narrow for f32 {
    type Wider = f64;
    #[inline(always)]
    fn widen(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn narrow(wide: f64) -> f32 {
        wide as f32
    }
    #[inline(always)]
    fn lookup_wide<const N: usize>(table: &'static [f64; N], index: u32) -> f64 {
        const { assert!(N.is_power_of_two()) };
        table[index as usize & (N - 1)]
    }
}

impl Mask for bool {
    #[inline(always)]
    fn splat(value: bool) -> bool {
        value
    }
    #[inline(always)]
    fn and(self, other: bool) -> bool {
        self & other
    }
    #[inline(always)]
    fn or(self, other: bool) -> bool {
        self | other
    }
    #[inline(always)]
    fn not(self) -> bool {
        !self
    }
    #[inline(always)]
    fn any(self) -> bool {
        self
    }
}

macro_rules! scalar {
    ($t:ident, $word:ident, $signed:ident, $bias:literal, $fraction_bits:literal, $law_lanes:literal,
     $vector:ident) => {
        impl Real for $t {
            type Word = $word;
            type Vector<S: Simd> = S::$vector;
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const WHOLE: $t = (1u64 << $fraction_bits) as $t;
            const LAW_LANES: usize = $law_lanes;
            #[inline(always)]
            fn from_usize(n: usize) -> $t {
                n as $t
            }
            #[inline(always)]
            fn to_usize(self) -> usize {
                self as usize
            }
        }

        impl Integer for $word {
            type Word = $word;
            #[inline(always)]
            fn splat(word: $word) -> $word {
                word
            }
            #[inline(always)]
            fn plus(self, other: $word) -> $word {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: $word) -> $word {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn and(self, other: $word) -> $word {
                self & other
            }
            #[inline(always)]
            fn or(self, other: $word) -> $word {
                self | other
            }
            #[inline(always)]
            fn xor(self, other: $word) -> $word {
                self ^ other
            }
            #[inline(always)]
            fn shift_left(self, count: u32) -> $word {
                self << count
            }
            #[inline(always)]
            fn shift_right(self, count: u32) -> $word {
                self >> count
            }
            #[inline(always)]
            fn shift_right_signed(self, count: u32) -> $word {
                ((self as $signed) >> count) as $word
            }
        }

        impl Number for $t {
            type Scalar = $t;
            type Mask = bool;
            type Bits = $word;

            #[inline(always)]
            fn splat(value: $t) -> $t {
                value
            }
            #[inline(always)]
            fn fma(self, b: $t, c: $t) -> $t {
                self.mul_add(b, c)
            }
            #[inline(always)]
            fn fnma(self, b: $t, c: $t) -> $t {
                (-self).mul_add(b, c)
            }
            #[inline(always)]
            fn sqrt(self) -> $t {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> $t {
                $t::abs(self)
            }
            #[inline(always)]
            fn copysign(self, sign: $t) -> $t {
                $t::copysign(self, sign)
            }
            #[inline(always)]
            fn lt(self, other: $t) -> bool {
                self < other
            }
            #[inline(always)]
            fn le(self, other: $t) -> bool {
                self <= other
            }
            #[inline(always)]
            fn eq(self, other: $t) -> bool {
                self == other
            }
            #[inline(always)]
            fn ne(self, other: $t) -> bool {
                self != other
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
            #[inline(always)]
            fn lesser(self, other: $t) -> $t {
                if self < other { self } else { other }
            }
            #[inline(always)]
            fn greater(self, other: $t) -> $t {
                if self > other { self } else { other }
            }
            #[inline(always)]
            fn select(mask: bool, yes: $t, no: $t) -> $t {
                if mask { yes } else { no }
            }
            #[inline(always)]
            fn bits(self) -> $word {
                self.to_bits()
            }
            #[inline(always)]
            fn from_bits(bits: $word) -> $t {
                $t::from_bits(bits)
            }
            #[inline(always)]
            fn top_bit(bits: $word) -> bool {
                (bits as $signed) < 0
            }
            #[inline(always)]
            fn is_positive_normal(self) -> bool {
                ($t::MIN_POSITIVE..$t::INFINITY).contains(&self)
            }
            #[inline(always)]
            fn exponent(self) -> $t {
                ((self.to_bits() >> $fraction_bits) as $signed - $bias) as $t
            }
            #[inline(always)]
            fn disjoint(a: $word, b: $word) -> bool {
                a & b == 0
            }
            #[inline(always)]
            fn scale(self, n: $t) -> $t {
                // Two factors, so that each is a normal power of two. The first product is exact.
                let half = (n as $signed) >> 1;
                let rest = n as $signed - half;
                let power = |n: $signed| $t::from_bits(((n + $bias) << $fraction_bits) as $word);
                self * power(half) * power(rest)
            }
            #[inline(always)]
            fn lookup<const N: usize>(table: &'static [$t; N], index: $word) -> $t {
                const { assert!(N.is_power_of_two()) };
                table[index as usize & (N - 1)]
            }
            #[inline(always)]
            fn rescue<R: Rare<$t>>(self, x: $t, rare: bool) -> $t {
                if rare { R::value(x) } else { self }
            }
        }

        impl Lanes for $t {
            const WIDTH: usize = 1;
            #[inline(always)]
            unsafe fn load(source: *const $t) -> $t {
                // SAFETY: the caller's promise.
                unsafe { source.read_unaligned() }
            }
            #[inline(always)]
            unsafe fn store(self, target: *mut $t) {
                // SAFETY: the caller's promise.
                unsafe { target.write_unaligned(self) }
            }
            #[inline(always)]
            fn halves(self, _: $t, _: usize) -> ($t, $t) {
                unreachable!("one lane has no halves")
            }
        }
    };
}
scalar!(f64, u64, i64, 1023, 52, 32, F64);
scalar!(f32, u32, i32, 127, 23, 64, F32);
