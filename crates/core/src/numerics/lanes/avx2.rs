//! AVX2 with FMA: vectors of 4 f64 and 8 f32. A mask is a register of all-ones or all-zeros lanes.

use super::{Integer, Lanes, Mask, Narrow, Number, Rare, Simd, Twin, integer, operators, rescue_lanes};
use std::arch::x86_64::*;

/// AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx2;

/// Four f64.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F64x4(__m256d);
/// Eight f32.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x8(__m256);
/// Four u64.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct U64x4(__m256i);
/// Eight u32.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct U32x8(__m256i);
/// A mask for [`F64x4`].
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct M64x4(__m256d);
/// A mask for [`F32x8`].
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct M32x8(__m256);

impl Simd for Avx2 {
    type F64 = F64x4;
    type F32 = F32x8;
    const NAME: &'static str = "avx2";
}

impl Narrow for F32x8 {
    type Wider = Twin<F64x4>;
    #[inline(always)]
    fn widen(self) -> Twin<F64x4> {
        // SAFETY: below `dispatch`, which found AVX2.
        unsafe {
            let (low, high) = (_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            Twin(F64x4(_mm256_cvtps_pd(low)), F64x4(_mm256_cvtps_pd(high)))
        }
    }
    #[inline(always)]
    fn narrow(Twin(low, high): Twin<F64x4>) -> Self {
        // SAFETY: below `dispatch`, which found AVX2.
        F32x8(unsafe { _mm256_set_m128(_mm256_cvtpd_ps(high.0), _mm256_cvtpd_ps(low.0)) })
    }
    #[inline(always)]
    fn lookup_wide<const N: usize>(table: &'static [f64; N], index: U32x8) -> Twin<F64x4> {
        const { assert!(N.is_power_of_two() && N <= 1 << 31) };
        let index = index.and(U32x8::splat(N as u32 - 1)).0;
        let table = table.as_ptr();
        // SAFETY: below `dispatch`, which found AVX2; every index is below N.
        unsafe {
            let (low, high) = (_mm256_castsi256_si128(index), _mm256_extracti128_si256::<1>(index));
            Twin(F64x4(_mm256_i32gather_pd::<8>(table, low)), F64x4(_mm256_i32gather_pd::<8>(table, high)))
        }
    }
}

operators!(F64x4, _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_div_pd, _mm256_xor_pd, _mm256_set1_pd);
operators!(F32x8, _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps, _mm256_xor_ps, _mm256_set1_ps);

integer!(
    U64x4,
    u64 as i64,
    _mm256_set1_epi64x,
    _mm256_add_epi64,
    _mm256_sub_epi64,
    _mm256_and_si256,
    _mm256_or_si256,
    _mm256_xor_si256,
    _mm256_sll_epi64,
    _mm256_srl_epi64,
    |x, n| {
        // AVX2 has no signed 64-bit shift: after a logical shift, the sign bit that came down is spread by (v ^ s) - s.
        let sign = Self::splat((1 << 63) >> n);
        x.shift_right(n).xor(sign).minus(sign)
    }
);
integer!(
    U32x8,
    u32 as i32,
    _mm256_set1_epi32,
    _mm256_add_epi32,
    _mm256_sub_epi32,
    _mm256_and_si256,
    _mm256_or_si256,
    _mm256_xor_si256,
    _mm256_sll_epi32,
    _mm256_srl_epi32,
    |x, n| {
        // SAFETY: as for the others.
        Self(unsafe { _mm256_sra_epi32(x.0, _mm_cvtsi32_si128(n as i32)) })
    }
);

/// All bits of the first `bytes` bytes, at most 32 of them.
#[inline(always)]
fn first(bytes: usize) -> __m256i {
    const WINDOW: [u8; 64] = {
        let mut bytes = [0; 64];
        let mut i = 0;
        while i < 32 {
            bytes[i] = !0;
            i += 1;
        }
        bytes
    };
    // SAFETY: below `dispatch`, which found AVX2; the window's last 32 bytes start at 32.
    unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(32 - bytes.min(32)).cast()) }
}

/// Implements the mask and the float vector of one element type.
macro_rules! avx2 {
    ($vector:ident, $mask:ident, $bits:ident, $t:ident, $width:literal, $top:literal, $shifter:literal, $bias:literal, $fraction_bits:literal,
     $set1:ident, $loadu:ident, $storeu:ident, $maskload:ident, $maskstore:ident, $fma:ident, $fnma:ident, $sqrt:ident, $and:ident, $andnot:ident, $or:ident,
     $xor:ident, $cmp:ident, $min:ident, $max:ident, $blendv:ident, $movemask:ident, $to_int:ident, $from_int:ident, $equal:ident,
     |$table:ident, $index:ident| $gather:expr, |$a:ident, $b:ident, $half:ident| $halves:expr) => {
        impl Mask for $mask {
            #[inline(always)]
            fn splat(value: bool) -> Self {
                // SAFETY: below `dispatch`, which found AVX2 and FMA; so for every block here.
                Self(unsafe { $set1($t::from_bits(if value { !0 } else { 0 })) })
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $and(self.0, other.0) })
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $or(self.0, other.0) })
            }
            #[inline(always)]
            fn not(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $xor(self.0, $set1($t::from_bits(!0))) })
            }
            #[inline(always)]
            fn any(self) -> bool {
                // SAFETY: as above.
                unsafe { $movemask(self.0) != 0 }
            }
        }

        impl Number for $vector {
            type Scalar = $t;
            type Mask = $mask;
            type Bits = $bits;

            #[inline(always)]
            fn splat(value: $t) -> Self {
                // SAFETY: as above.
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
                $mask(unsafe { $cmp::<_CMP_LT_OQ>(self.0, other.0) })
            }
            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                // SAFETY: as above.
                $mask(unsafe { $cmp::<_CMP_LE_OQ>(self.0, other.0) })
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                // SAFETY: as above.
                $mask(unsafe { $cmp::<_CMP_EQ_OQ>(self.0, other.0) })
            }
            #[inline(always)]
            fn ne(self, other: Self) -> $mask {
                // SAFETY: as above.
                $mask(unsafe { $cmp::<_CMP_NEQ_UQ>(self.0, other.0) })
            }
            #[inline(always)]
            fn is_nan(self) -> $mask {
                // SAFETY: as above.
                $mask(unsafe { $cmp::<_CMP_UNORD_Q>(self.0, self.0) })
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
                Self(unsafe { $blendv(no.0, yes.0, mask.0) })
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
                let all = bits.shift_right_signed($top);
                $mask(Self::from_bits(all).0)
            }
            #[inline(always)]
            fn is_positive_normal(self) -> $mask {
                Self::splat($t::MIN_POSITIVE).le(self).and(self.lt(Self::splat($t::INFINITY)))
            }
            #[inline(always)]
            fn exponent(self) -> Self {
                // A float with the biased exponent as its last bits, of which 1.5 · 2^52 (2^23) and the bias are taken.
                let biased = self.bits().shift_right($fraction_bits);
                let shifter = Self::splat($shifter);
                Self::from_bits(biased.or(shifter.bits())) - (shifter + Self::splat($bias as $t))
            }
            #[inline(always)]
            fn disjoint(a: $bits, b: $bits) -> $mask {
                let zero = $bits::splat(0).0;
                // SAFETY: as above.
                $mask(Self::from_bits($bits(unsafe { $equal(a.and(b).0, zero) })).0)
            }
            #[inline(always)]
            fn scale(self, n: Self) -> Self {
                // As the scalar level: two normal powers of two. Adding 1.5 · 2^52 (2^23) leaves n in the low bits.
                let shifter = Self::splat($shifter);
                let n = (n + shifter).bits().minus(shifter.bits());
                let half = n.shift_right_signed(1);
                let rest = n.minus(half);
                let bias = $bits::splat($bias);
                let power = |n: $bits| Self::from_bits(n.plus(bias).shift_left($fraction_bits));
                self * power(half) * power(rest)
            }
            #[inline(always)]
            fn lookup<const N: usize>(table: &'static [$t; N], index: $bits) -> Self {
                const { assert!(N.is_power_of_two()) };
                let $index = index.and($bits::splat((N - 1) as <$bits as Integer>::Word)).0;
                let $table = table.as_ptr();
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
                let mask = first(source.len() * size_of::<$t>());
                // SAFETY: the mask holds for elements of the slice only; and as above.
                unsafe {
                    let held = $maskload(source.as_ptr(), mask);
                    Self($blendv($set1(fill), held, $from_int(mask)))
                }
            }
            #[inline(always)]
            fn store_slice(self, target: &mut [$t]) {
                let mask = first(target.len() * size_of::<$t>());
                // SAFETY: as for `load_slice`.
                unsafe { $maskstore(target.as_mut_ptr(), mask, self.0) }
            }
            #[inline(always)]
            fn halves(self, other: Self, $half: usize) -> (Self, Self) {
                let ($a, $b) = (self.0, other.0);
                // SAFETY: as above.
                let (lower, upper) = unsafe { $halves };
                (Self(lower), Self(upper))
            }
        }
    };
}
avx2!(
    F64x4,
    M64x4,
    U64x4,
    f64,
    4,
    63,
    6755399441055744.0,
    1023,
    52,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_maskload_pd,
    _mm256_maskstore_pd,
    _mm256_fmadd_pd,
    _mm256_fnmadd_pd,
    _mm256_sqrt_pd,
    _mm256_and_pd,
    _mm256_andnot_pd,
    _mm256_or_pd,
    _mm256_xor_pd,
    _mm256_cmp_pd,
    _mm256_min_pd,
    _mm256_max_pd,
    _mm256_blendv_pd,
    _mm256_movemask_pd,
    _mm256_castpd_si256,
    _mm256_castsi256_pd,
    _mm256_cmpeq_epi64,
    |table, index| _mm256_i64gather_pd::<8>(table, index),
    |a, b, half| match half {
        2 => (_mm256_permute2f128_pd::<0x20>(a, b), _mm256_permute2f128_pd::<0x31>(a, b)),
        _ => (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b)),
    }
);
avx2!(
    F32x8,
    M32x8,
    U32x8,
    f32,
    8,
    31,
    12582912.0,
    127,
    23,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_maskload_ps,
    _mm256_maskstore_ps,
    _mm256_fmadd_ps,
    _mm256_fnmadd_ps,
    _mm256_sqrt_ps,
    _mm256_and_ps,
    _mm256_andnot_ps,
    _mm256_or_ps,
    _mm256_xor_ps,
    _mm256_cmp_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    _mm256_blendv_ps,
    _mm256_movemask_ps,
    _mm256_castps_si256,
    _mm256_castsi256_ps,
    _mm256_cmpeq_epi32,
    |table, index| _mm256_i32gather_ps::<4>(table, index),
    |a, b, half| match half {
        4 => (_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b)),
        2 => (_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0xEE>(a, b)),
        _ => {
            let (lower, upper) = (_mm256_moveldup_ps(b), _mm256_movehdup_ps(a));
            (_mm256_blend_ps::<0xAA>(a, lower), _mm256_blend_ps::<0xAA>(upper, b))
        }
    }
);
