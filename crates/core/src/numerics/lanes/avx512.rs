//! AVX-512 F, DQ, VL and BW: vectors of 8 f64 and 16 f32. A mask is one bit per lane.

use super::{
    Integer, Lanes, Mask, Narrow, Number, Rare, Simd, Twin, WIDTH_MAX, integer, operators, rescue_lanes,
};
use std::arch::x86_64::*;

/// AVX-512 F, DQ, VL and BW.
#[derive(Clone, Copy, Debug)]
pub struct Avx512;

/// Eight f64.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F64x8(__m512d);
/// Sixteen f32.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x16(__m512);
/// Eight u64.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct U64x8(__m512i);
/// Sixteen u32.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct U32x16(__m512i);

impl Simd for Avx512 {
    type F64 = F64x8;
    type F32 = F32x16;
    const NAME: &'static str = "avx512";
}

impl Narrow for F32x16 {
    type Wider = Twin<F64x8>;
    #[inline(always)]
    fn widen(self) -> Twin<F64x8> {
        // SAFETY: below `dispatch`, which found AVX-512 F and DQ.
        unsafe {
            let (low, high) = (_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            Twin(F64x8(_mm512_cvtps_pd(low)), F64x8(_mm512_cvtps_pd(high)))
        }
    }
    #[inline(always)]
    fn narrow(Twin(low, high): Twin<F64x8>) -> Self {
        // SAFETY: below `dispatch`, which found AVX-512 F and DQ.
        unsafe {
            let low = _mm512_castps256_ps512(_mm512_cvtpd_ps(low.0));
            F32x16(_mm512_insertf32x8::<1>(low, _mm512_cvtpd_ps(high.0)))
        }
    }
    #[inline(always)]
    fn lookup_wide<const N: usize>(table: &'static [f64; N], index: U32x16) -> Twin<F64x8> {
        const { assert!(N.is_power_of_two() && N <= 1 << 31) };
        let index = index.and(U32x16::splat(N as u32 - 1)).0;
        let table = table.as_ptr();
        // SAFETY: below `dispatch`, which found AVX-512 F and DQ; every index is below N.
        unsafe {
            let (low, high) = (_mm512_castsi512_si256(index), _mm512_extracti32x8_epi32::<1>(index));
            Twin(F64x8(_mm512_i32gather_pd::<8>(low, table)), F64x8(_mm512_i32gather_pd::<8>(high, table)))
        }
    }
}

operators!(F64x8, _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_div_pd, _mm512_xor_pd, _mm512_set1_pd);
operators!(F32x16, _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps, _mm512_xor_ps, _mm512_set1_ps);

integer!(
    U64x8,
    u64 as i64,
    _mm512_set1_epi64,
    _mm512_add_epi64,
    _mm512_sub_epi64,
    _mm512_and_si512,
    _mm512_or_si512,
    _mm512_xor_si512,
    _mm512_sll_epi64,
    _mm512_srl_epi64,
    |x, n| {
        // SAFETY: as for the others.
        Self(unsafe { _mm512_sra_epi64(x.0, _mm_cvtsi32_si128(n as i32)) })
    }
);
integer!(
    U32x16,
    u32 as i32,
    _mm512_set1_epi32,
    _mm512_add_epi32,
    _mm512_sub_epi32,
    _mm512_and_si512,
    _mm512_or_si512,
    _mm512_xor_si512,
    _mm512_sll_epi32,
    _mm512_srl_epi32,
    |x, n| {
        // SAFETY: as for the others.
        Self(unsafe { _mm512_sra_epi32(x.0, _mm_cvtsi32_si128(n as i32)) })
    }
);

macro_rules! mask {
    ($bits:ident) => {
        impl Mask for $bits {
            #[inline(always)]
            fn splat(value: bool) -> Self {
                if value { !0 } else { 0 }
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn not(self) -> Self {
                !self
            }
            #[inline(always)]
            fn any(self) -> bool {
                self != 0
            }
        }
    };
}
mask!(u8);
mask!(u16);

/// A mask of the first `count` lanes.
#[inline(always)]
fn first(count: usize) -> u16 {
    if count < WIDTH_MAX { (1 << count) - 1 } else { !0 }
}

/// Implements the float vector of one element type.
macro_rules! avx512 {
    ($vector:ident, $mask:ident, $bits:ident, $t:ident, $width:literal,
     $set1:ident, $loadu:ident, $storeu:ident, $mask_loadu:ident, $mask_storeu:ident, $fma:ident, $fnma:ident, $sqrt:ident, $and:ident, $andnot:ident, $or:ident,
     $cmp:ident, $min:ident, $max:ident, $blend:ident, $to_int:ident, $from_int:ident, $top:ident, $testn:ident, $scale:ident, $class:ident, $exponent:ident, $inverse:ident,
     |$table:ident, $index:ident| $permute:expr, $gather:expr,
     $word:ident, $load_int:ident, $permute_two:ident) => {
        impl Number for $vector {
            type Scalar = $t;
            type Mask = $mask;
            type Bits = $bits;

            #[inline(always)]
            fn splat(value: $t) -> Self {
                // SAFETY: below `dispatch`, which found AVX-512 F, DQ, VL and BW; so for every block here.
                Self(unsafe { $set1(value) })
            }
            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fma(self.0, b.0, c.0) })
            }
            #[inline(always)]
            fn fnma(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fnma(self.0, b.0, c.0) })
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $andnot($set1(-0.0), self.0) })
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $or($andnot($set1(-0.0), self.0), $and($set1(-0.0), sign.0)) })
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                // SAFETY: as above.
                unsafe { $cmp::<_CMP_LT_OQ>(self.0, other.0) }
            }
            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                // SAFETY: as above.
                unsafe { $cmp::<_CMP_LE_OQ>(self.0, other.0) }
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                // SAFETY: as above.
                unsafe { $cmp::<_CMP_EQ_OQ>(self.0, other.0) }
            }
            #[inline(always)]
            fn ne(self, other: Self) -> $mask {
                // SAFETY: as above.
                unsafe { $cmp::<_CMP_NEQ_UQ>(self.0, other.0) }
            }
            #[inline(always)]
            fn is_nan(self) -> $mask {
                // SAFETY: as above.
                unsafe { $cmp::<_CMP_UNORD_Q>(self.0, self.0) }
            }
            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $min(self.0, other.0) })
            }
            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $max(self.0, other.0) })
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $blend(mask, no.0, yes.0) })
            }
            #[inline(always)]
            fn bits(self) -> $bits {
                // SAFETY: as above.
                $bits(unsafe { $to_int(self.0) })
            }
            #[inline(always)]
            fn from_bits(bits: $bits) -> Self {
                // SAFETY: as above.
                Self(unsafe { $from_int(bits.0) })
            }
            #[inline(always)]
            fn top_bit(bits: $bits) -> $mask {
                // SAFETY: as above.
                unsafe { $top(bits.0) }
            }
            #[inline(always)]
            fn is_positive_normal(self) -> $mask {
                /// NaN, ±0, ±∞, subnormal, negative.
                const OTHERS: i32 = 0xff;
                // SAFETY: as above.
                unsafe { !$class::<OTHERS>(self.0) }
            }
            #[inline(always)]
            fn exponent(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $exponent(self.0) })
            }
            #[inline(always)]
            fn quotient_guess(self, divisor: Self) -> Self {
                // With an inverse to 2^−14 that is off by the share e, the quotient is q (1 + e + e²) to e³.
                // SAFETY: as above.
                let inverse = Self(unsafe { $inverse(divisor.0) });
                let q = self * inverse;
                let e = inverse.fnma(divisor, Self::splat(1.0));
                q.fma(e.fma(e, e), q)
            }
            #[inline(always)]
            fn disjoint(a: $bits, b: $bits) -> $mask {
                // SAFETY: as above.
                unsafe { $testn(a.0, b.0) }
            }
            #[inline(always)]
            fn scale(self, n: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $scale(self.0, n.0) })
            }
            #[inline(always)]
            fn lookup<const N: usize>(table: &'static [$t; N], index: $bits) -> Self {
                const { assert!(N.is_power_of_two()) };
                let $table = table.as_ptr();
                if N == 16 {
                    let $index = index.0;
                    // SAFETY: as above; the loads stay in the table, and a permutation uses an index's low 4 bits.
                    return Self(unsafe { $permute });
                }
                let $index = index.and($bits::splat((N - 1) as <$bits as Integer>::Word)).0;
                // SAFETY: as above; every index is below N.
                Self(unsafe { $gather })
            }
            #[inline(always)]
            fn rescue<R: Rare<$t>>(self, x: Self, rare: $mask) -> Self {
                if !rare.any() {
                    return self;
                }
                let mut y = self.to_array();
                rescue_lanes::<$t, R>(&mut y, &x.to_array(), &Self::mask_to_array(rare));
                Self::load_slice(&y, 0.0)
            }
        }

        impl Lanes for $vector {
            const WIDTH: usize = $width;
            #[inline(always)]
            unsafe fn load(source: *const $t) -> Self {
                // SAFETY: the caller's promise, and as above.
                Self(unsafe { $loadu(source) })
            }
            #[inline(always)]
            unsafe fn store(self, target: *mut $t) {
                // SAFETY: the caller's promise, and as above.
                unsafe { $storeu(target, self.0) }
            }
            #[inline(always)]
            fn load_slice(source: &[$t], fill: $t) -> Self {
                let mask = first(source.len()) as $mask;
                // SAFETY: the mask holds for elements of the slice only; and as above.
                Self(unsafe { $mask_loadu($set1(fill), mask, source.as_ptr()) })
            }
            #[inline(always)]
            fn store_slice(self, target: &mut [$t]) {
                let mask = first(target.len()) as $mask;
                // SAFETY: as for `load_slice`.
                unsafe { $mask_storeu(target.as_mut_ptr(), mask, self.0) }
            }
            #[inline(always)]
            fn halves(self, other: Self, half: usize) -> (Self, Self) {
                /// Of the 2·WIDTH lanes of both vectors, those that a half takes, for each size of half.
                const PICKS: [[[$word; $width]; 2]; WIDTH_MAX] = {
                    let mut picks = [[[0; $width]; 2]; WIDTH_MAX];
                    let mut half = 1;
                    while half < $width {
                        let mut l = 0;
                        while l < $width {
                            let from = l / half % 2 * $width + l / (2 * half) * (2 * half) + l % half;
                            picks[half][0][l] = from as $word;
                            picks[half][1][l] = (from + half) as $word;
                            l += 1;
                        }
                        half *= 2;
                    }
                    picks
                };
                let [lower, upper] = &PICKS[half];
                // SAFETY: as above; the picks are as wide as a vector.
                unsafe {
                    let pick = |picks: &[$word; $width]| {
                        Self($permute_two(self.0, $load_int(picks.as_ptr().cast()), other.0))
                    };
                    (pick(lower), pick(upper))
                }
            }
        }
    };
}
avx512!(
    F64x8,
    u8,
    U64x8,
    f64,
    8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_loadu_pd,
    _mm512_mask_storeu_pd,
    _mm512_fmadd_pd,
    _mm512_fnmadd_pd,
    _mm512_sqrt_pd,
    _mm512_and_pd,
    _mm512_andnot_pd,
    _mm512_or_pd,
    _mm512_cmp_pd_mask,
    _mm512_min_pd,
    _mm512_max_pd,
    _mm512_mask_blend_pd,
    _mm512_castpd_si512,
    _mm512_castsi512_pd,
    _mm512_movepi64_mask,
    _mm512_testn_epi64_mask,
    _mm512_scalef_pd,
    _mm512_fpclass_pd_mask,
    _mm512_getexp_pd,
    _mm512_rcp14_pd,
    |table, index| _mm512_permutex2var_pd(_mm512_loadu_pd(table), index, _mm512_loadu_pd(table.add(8))),
    _mm512_i64gather_pd::<8>(index, table),
    u64,
    _mm512_loadu_si512,
    _mm512_permutex2var_pd
);
avx512!(
    F32x16,
    u16,
    U32x16,
    f32,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_loadu_ps,
    _mm512_mask_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_fnmadd_ps,
    _mm512_sqrt_ps,
    _mm512_and_ps,
    _mm512_andnot_ps,
    _mm512_or_ps,
    _mm512_cmp_ps_mask,
    _mm512_min_ps,
    _mm512_max_ps,
    _mm512_mask_blend_ps,
    _mm512_castps_si512,
    _mm512_castsi512_ps,
    _mm512_movepi32_mask,
    _mm512_testn_epi32_mask,
    _mm512_scalef_ps,
    _mm512_fpclass_ps_mask,
    _mm512_getexp_ps,
    _mm512_rcp14_ps,
    |table, index| _mm512_permutexvar_ps(index, _mm512_loadu_ps(table)),
    _mm512_i32gather_ps::<4>(index, table),
    u32,
    _mm512_loadu_si512,
    _mm512_permutex2var_ps
);
