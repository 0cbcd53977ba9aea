//! Every operation at every level gives the scalar instantiation's bits.

use super::*;
use crate::numerics::dispatch::{Kernel, Level, dispatch};
use crate::tensor::{canonical_bits_f32, canonical_bits_f64};

/// Bits of a scalar, with one NaN.
trait Canonical: Real {
    fn canonical(self) -> u64;
    /// A number made of 64 random bits: often any bit pattern, otherwise one of ordinary size.
    fn from_random(bits: u64) -> Self;
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
    fn word(bits: u64) -> Self::Word;
}

impl Canonical for f64 {
    fn canonical(self) -> u64 {
        canonical_bits_f64(self)
    }
    fn from_random(bits: u64) -> f64 {
        if bits & 1 == 0 { f64::from_bits(bits) } else { (bits as i64 as f64) * f64::powi(2.0, -62) }
    }
    fn from_f64(x: f64) -> f64 {
        x
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn word(bits: u64) -> u64 {
        bits
    }
}

impl Canonical for f32 {
    fn canonical(self) -> u64 {
        canonical_bits_f32(self) as u64
    }
    fn from_random(bits: u64) -> f32 {
        if bits & 1 == 0 { f32::from_bits((bits >> 32) as u32) } else { f64::from_random(bits) as f32 }
    }
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    fn to_f64(self) -> f64 {
        self as f64
    }
    fn word(bits: u64) -> u32 {
        bits as u32
    }
}

const SPECIALS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    1e-45,
    1e38,
    6755399441055744.0,
];

struct Bump;
impl<T: Real> Rare<T> for Bump {
    fn value(x: T) -> T {
        x + T::ONE
    }
}

/// A table that fits a register, and one that does not.
type Tables<T> = (&'static [T; 16], &'static [T; 64]);

/// Every operation on one triple of vectors, as vectors; masks as a select, integers as floats with their bits.
#[inline(always)]
fn operations<T: Canonical, V: Lanes<Scalar = T>>(a: V, b: V, c: V, tables: Tables<T>) -> [V; 41] {
    let pick = |mask: V::Mask| V::select(mask, a, b);
    let raw = |bits: V::Bits| V::from_bits(bits);
    let (i, j) = (a.bits(), b.bits());
    let small = V::splat(T::from_f64(1.5));
    let whole = |n: f64| V::splat(T::from_f64(n));
    [
        a + b,
        a - b,
        a * b,
        a / b,
        -a,
        a.fma(b, c),
        a.fnma(b, c),
        a.sqrt(),
        a.abs(),
        a.copysign(b),
        a.lesser(b),
        a.greater(b),
        pick(a.lt(b)),
        pick(a.le(b)),
        pick(a.eq(b)),
        pick(a.ne(b)),
        pick(a.is_nan()),
        pick(a.lt(b).and(b.lt(c))),
        pick(a.lt(b).or(b.lt(c))),
        pick(a.lt(b).not()),
        pick(V::Mask::splat(true)),
        pick(V::Mask::splat(false)),
        pick(V::top_bit(i)),
        pick(V::disjoint(i, j.shift_left(20))),
        raw(i.plus(j)),
        raw(i.minus(j)),
        raw(i.and(j)),
        raw(i.or(j)),
        raw(i.xor(j)),
        raw(i.shift_left(5)),
        raw(i.shift_right(7)),
        raw(i.shift_right_signed(9)),
        raw(V::Bits::splat(T::word(0x8123_4567_89ab_cdef))),
        small.scale(whole(100.0)),
        small.scale(whole(-101.0)),
        small.scale(whole(-149.0)),
        a.scale(whole(3.0)),
        V::lookup(tables.0, i.shift_right(3)),
        V::lookup(tables.1, i.shift_right(3)),
        a.rescue::<Bump>(b, a.lt(b)),
        a.unless(a.lt(b), || b + c),
    ]
}

struct Compare<T: 'static> {
    a: Vec<T>,
    b: Vec<T>,
    c: Vec<T>,
    tables: Tables<T>,
}

impl<T: Canonical> Kernel for Compare<T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = <T::Vector<S> as Lanes>::WIDTH;
        for start in (0..self.a.len() - width).step_by(width) {
            let load = |x: &[T]| <T::Vector<S> as Lanes>::load_slice(&x[start..], T::ZERO);
            let (a, b, c) = (load(&self.a), load(&self.b), load(&self.c));
            for (op, y) in operations::<T, _>(a, b, c, self.tables).into_iter().enumerate() {
                let y = y.to_array();
                for (lane, got) in y.into_iter().enumerate().take(width) {
                    let at = start + lane;
                    let (a, b, c) = (self.a[at], self.b[at], self.c[at]);
                    // Scaling is stated for numbers near 1 only.
                    if op == 35 && !(0.25..=4.0).contains(&a.to_f64().abs()) {
                        continue;
                    }
                    let want = operations::<T, T>(a, b, c, self.tables)[op];
                    assert_eq!(
                        got.canonical(),
                        want.canonical(),
                        "operation {op} at level {} of {a:?}, {b:?}, {c:?}",
                        S::NAME
                    );
                }
            }
            let any = a.lt(b).any();
            let want = (start..start + width).any(|at| self.a[at] < self.b[at]);
            assert_eq!(any, want);
            let holds = <T::Vector<S> as Lanes>::mask_to_array(a.lt(b));
            assert!((0..width).all(|lane| holds[lane] == (self.a[start + lane] < self.b[start + lane])));
        }
    }
}

fn compare<T: Canonical>(tables: Tables<T>) {
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        T::from_random(state ^ (state >> 29))
    };
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for x in SPECIALS {
        for y in SPECIALS {
            a.push(T::from_f64(x));
            b.push(T::from_f64(y));
            c.push(random());
        }
    }
    for _ in 0..3000 {
        a.push(random());
        b.push(random());
        c.push(random());
    }
    for level in Level::available() {
        dispatch(level, Compare { a: a.clone(), b: b.clone(), c: c.clone(), tables });
    }
}

#[test]
fn every_operation_on_f64_gives_the_scalar_bits() {
    static SMALL: [f64; 16] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];
    static LARGE: [f64; 64] = {
        let mut table = [0.0; 64];
        let mut i = 0;
        while i < 64 {
            table[i] = i as f64;
            i += 1;
        }
        table
    };
    compare::<f64>((&SMALL, &LARGE));
}

#[test]
fn every_operation_on_f32_gives_the_scalar_bits() {
    static SMALL: [f32; 16] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];
    static LARGE: [f32; 64] = {
        let mut table = [0.0; 64];
        let mut i = 0;
        while i < 64 {
            table[i] = i as f32;
            i += 1;
        }
        table
    };
    compare::<f32>((&SMALL, &LARGE));
}

#[test]
fn scale_rounds_once_into_the_subnormals() {
    let x = 1.0 + 3.0 * f64::EPSILON;
    assert_eq!(x.scale(-1074.0), 5e-324);
    assert_eq!(1.5.scale(-1075.0), 5e-324);
    assert_eq!(1.0.scale(-1075.0), 0.0);
    assert_eq!(1.0.scale(1023.0), f64::powi(2.0, 1023));
    assert_eq!(2.0.scale(1023.0), f64::INFINITY);
    assert_eq!(1.5f32.scale(-150.0), 1e-45);
}

/// Widening to f64, a map and one rounding.
struct Third;
impl Wide for Third {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V) -> V {
        x / V::splat(3.0)
    }
}
impl WidePair for Third {
    #[inline(always)]
    fn value<V: Number<Scalar = f64>>(x: V, y: V) -> V {
        x / V::splat(3.0) - y
    }
}

struct Through(Vec<f32>);
impl Kernel for Through {
    type Output = Vec<[u32; 2]>;
    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<[u32; 2]> {
        let mut out = Vec::new();
        for chunk in self.0.chunks(S::F32::WIDTH) {
            let x = S::F32::load_slice(chunk, 0.0);
            let y = <Third as Wide>::value_f32(x).to_array();
            let z = <Third as WidePair>::value_f32(x, S::F32::splat(0.1)).to_array();
            out.extend((0..chunk.len()).map(|lane| [y[lane].to_bits(), z[lane].to_bits()]));
        }
        out
    }
}

#[test]
fn value_f32_rounds_once_and_keeps_the_lanes_in_order() {
    let x: Vec<f32> = (0..1003).map(|i| (i as f32 - 400.0) * 1.7).collect();
    let want: Vec<[u32; 2]> = x
        .iter()
        .map(|&x| [((x as f64 / 3.0) as f32).to_bits(), ((x as f64 / 3.0 - 0.1f32 as f64) as f32).to_bits()])
        .collect();
    for level in Level::available() {
        assert_eq!(dispatch(level, Through(x.clone())), want, "{level}");
    }
}

#[test]
fn partial_slices_touch_nothing_beyond_them() {
    struct Partial<T>(std::marker::PhantomData<T>);
    impl<T: Real + From<i8>> Kernel for Partial<T> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            let width = <T::Vector<S> as Lanes>::WIDTH;
            let source: Vec<T> = (1..=width).map(|i| T::from(i as i8)).collect();
            let (fill, kept) = (T::from(77), T::from(-1));
            for count in 0..=width {
                let x = T::Vector::<S>::load_slice(&source[..count], fill);
                let lanes = x.to_array();
                assert!((0..width).all(|i| lanes[i] == if i < count { source[i] } else { fill }));
                let mut target = vec![kept; width];
                x.store_slice(&mut target[..count]);
                assert!((0..width).all(|i| target[i] == if i < count { source[i] } else { kept }));
            }
        }
    }
    for level in Level::available() {
        dispatch(level, Partial::<f64>(Default::default()));
        dispatch(level, Partial::<f32>(Default::default()));
    }
}

#[test]
fn halves_takes_groups_of_both_in_turn() {
    struct Halves<T>(std::marker::PhantomData<T>);
    impl<T: Canonical> Kernel for Halves<T> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            let width = <T::Vector<S> as Lanes>::WIDTH;
            let numbers: Vec<T> = (0..2 * width).map(|i| T::from_f64(i as f64)).collect();
            let load = |x: &[T]| <T::Vector<S> as Lanes>::load_slice(x, T::ZERO);
            let (a, b) = (load(&numbers[..width]), load(&numbers[width..]));
            let mut half = width / 2;
            while half > 0 {
                let (lower, upper) = a.halves(b, half);
                let (lower, upper) = (lower.to_array(), upper.to_array());
                for l in 0..width {
                    // Group g of the result is group g / 2 of `a` or, for odd g, of `b`.
                    let group = l / half;
                    let from = group % 2 * width + group / 2 * 2 * half + l % half;
                    assert_eq!(lower[l].to_f64(), from as f64, "lower half {half} at {}", S::NAME);
                    assert_eq!(upper[l].to_f64(), (from + half) as f64, "upper half {half} at {}", S::NAME);
                }
                half /= 2;
            }
        }
    }
    for level in Level::available() {
        dispatch(level, Halves::<f64>(std::marker::PhantomData));
        dispatch(level, Halves::<f32>(std::marker::PhantomData));
    }
}
