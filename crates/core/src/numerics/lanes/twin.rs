//! Two vectors as one number: every operation is done on both, so that two chains of operations run interleaved.
//!
//! An elementary function is a chain of some hundred cycles with little to do in each; a processor looks ahead too few
//! instructions to start the next vector meanwhile. Interleaving two gives it that work.

use super::{Integer, Mask, Narrow, Number, Rare};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Two of a kind: numbers, masks or integers.
#[derive(Clone, Copy, Debug)]
pub struct Twin<A>(pub A, pub A);

macro_rules! both {
    ($($trait:ident $method:ident;)*) => {$(
        impl<V: Number> $trait for Twin<V> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Twin($trait::$method(self.0, other.0), $trait::$method(self.1, other.1))
            }
        }
    )*};
}
both! { Add add; Sub sub; Mul mul; Div div; }

impl<V: Number> Neg for Twin<V> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Twin(-self.0, -self.1)
    }
}

impl<M: Mask> Mask for Twin<M> {
    #[inline(always)]
    fn splat(value: bool) -> Self {
        Twin(M::splat(value), M::splat(value))
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Twin(self.0.and(other.0), self.1.and(other.1))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Twin(self.0.or(other.0), self.1.or(other.1))
    }
    #[inline(always)]
    fn not(self) -> Self {
        Twin(self.0.not(), self.1.not())
    }
    #[inline(always)]
    fn any(self) -> bool {
        self.0.or(self.1).any()
    }
}

impl<B: Integer> Integer for Twin<B> {
    type Word = B::Word;
    #[inline(always)]
    fn splat(word: B::Word) -> Self {
        Twin(B::splat(word), B::splat(word))
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Twin(self.0.plus(other.0), self.1.plus(other.1))
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Twin(self.0.minus(other.0), self.1.minus(other.1))
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Twin(self.0.and(other.0), self.1.and(other.1))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Twin(self.0.or(other.0), self.1.or(other.1))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Twin(self.0.xor(other.0), self.1.xor(other.1))
    }
    #[inline(always)]
    fn shift_left(self, count: u32) -> Self {
        Twin(self.0.shift_left(count), self.1.shift_left(count))
    }
    #[inline(always)]
    fn shift_right(self, count: u32) -> Self {
        Twin(self.0.shift_right(count), self.1.shift_right(count))
    }
    #[inline(always)]
    fn shift_right_signed(self, count: u32) -> Self {
        Twin(self.0.shift_right_signed(count), self.1.shift_right_signed(count))
    }
}

impl<V: Narrow> Narrow for Twin<V> {
    type Wider = Twin<V::Wider>;
    #[inline(always)]
    fn widen(self) -> Self::Wider {
        Twin(self.0.widen(), self.1.widen())
    }
    #[inline(always)]
    fn narrow(wide: Self::Wider) -> Self {
        Twin(V::narrow(wide.0), V::narrow(wide.1))
    }
    #[inline(always)]
    fn lookup_wide<const N: usize>(table: &'static [f64; N], index: Self::Bits) -> Self::Wider {
        Twin(V::lookup_wide(table, index.0), V::lookup_wide(table, index.1))
    }
}

impl<V: Number> Number for Twin<V> {
    type Scalar = V::Scalar;
    type Mask = Twin<V::Mask>;
    type Bits = Twin<V::Bits>;

    #[inline(always)]
    fn splat(value: V::Scalar) -> Self {
        Twin(V::splat(value), V::splat(value))
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        Twin(self.0.fma(b.0, c.0), self.1.fma(b.1, c.1))
    }
    #[inline(always)]
    fn fnma(self, b: Self, c: Self) -> Self {
        Twin(self.0.fnma(b.0, c.0), self.1.fnma(b.1, c.1))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Twin(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Twin(self.0.abs(), self.1.abs())
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        Twin(self.0.copysign(sign.0), self.1.copysign(sign.1))
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        Twin(self.0.lt(other.0), self.1.lt(other.1))
    }
    #[inline(always)]
    fn le(self, other: Self) -> Self::Mask {
        Twin(self.0.le(other.0), self.1.le(other.1))
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self::Mask {
        Twin(self.0.eq(other.0), self.1.eq(other.1))
    }
    #[inline(always)]
    fn ne(self, other: Self) -> Self::Mask {
        Twin(self.0.ne(other.0), self.1.ne(other.1))
    }
    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        Twin(self.0.is_nan(), self.1.is_nan())
    }
    #[inline(always)]
    fn lesser(self, other: Self) -> Self {
        Twin(self.0.lesser(other.0), self.1.lesser(other.1))
    }
    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        Twin(self.0.greater(other.0), self.1.greater(other.1))
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Twin(V::select(mask.0, yes.0, no.0), V::select(mask.1, yes.1, no.1))
    }
    #[inline(always)]
    fn bits(self) -> Self::Bits {
        Twin(self.0.bits(), self.1.bits())
    }
    #[inline(always)]
    fn from_bits(bits: Self::Bits) -> Self {
        Twin(V::from_bits(bits.0), V::from_bits(bits.1))
    }
    #[inline(always)]
    fn top_bit(bits: Self::Bits) -> Self::Mask {
        Twin(V::top_bit(bits.0), V::top_bit(bits.1))
    }
    #[inline(always)]
    fn is_positive_normal(self) -> Self::Mask {
        Twin(self.0.is_positive_normal(), self.1.is_positive_normal())
    }
    #[inline(always)]
    fn exponent(self) -> Self {
        Twin(self.0.exponent(), self.1.exponent())
    }
    #[inline(always)]
    fn quotient_guess(self, divisor: Self) -> Self {
        Twin(self.0.quotient_guess(divisor.0), self.1.quotient_guess(divisor.1))
    }
    #[inline(always)]
    fn disjoint(a: Self::Bits, b: Self::Bits) -> Self::Mask {
        Twin(V::disjoint(a.0, b.0), V::disjoint(a.1, b.1))
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        Twin(self.0.scale(n.0), self.1.scale(n.1))
    }
    #[inline(always)]
    fn lookup<const N: usize>(table: &'static [V::Scalar; N], index: Self::Bits) -> Self {
        Twin(V::lookup(table, index.0), V::lookup(table, index.1))
    }
    #[inline(always)]
    fn rescue<R: Rare<V::Scalar>>(self, x: Self, rare: Self::Mask) -> Self {
        Twin(self.0.rescue::<R>(x.0, rare.0), self.1.rescue::<R>(x.1, rare.1))
    }
}
