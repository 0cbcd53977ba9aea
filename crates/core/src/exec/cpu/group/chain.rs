//! Chains: a strip of accumulators stays in machine registers through many operations.
//!
//! Each link is decided once for a whole strip, so deciding costs little, and an intermediate value
//! that only the next link reads is never written. A product that is added has its own link, with
//! two roundings as the law says: no fma.

use super::{Operand, RunGroup};
use crate::numerics::lanes::Real;
use crate::numerics::math::Elementary;
use crate::ops::Function;

/// What is done to the accumulators `a`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Link {
    /// a = x.
    Load(Operand),
    /// x = a.
    Store(Operand),
    /// a = −a.
    Negate,
    /// a = |a|.
    Absolute,
    /// a = √a.
    Root,
    /// a = a + x.
    Add(Operand),
    /// a = a − x.
    Subtract(Operand),
    /// a = x − a.
    SubtractFrom(Operand),
    /// a = a · x.
    Multiply(Operand),
    /// a = a / x.
    Divide(Operand),
    /// a = x / a.
    DivideInto(Operand),
    /// a = a + x·y.
    AddProduct(Operand, Operand),
    /// a = a − x·y.
    SubtractProduct(Operand, Operand),
    /// a = x·y − a.
    FromProduct(Operand, Operand),
}

/// Whether chains have a link for `function`.
pub(super) fn has_link(function: Function) -> bool {
    use Function::*;
    matches!(function, Neg | Abs | Sqrt | Add | Sub | Mul | Div)
}

impl Link {
    /// The link of a function of one operand.
    pub fn apply(function: Function) -> Link {
        match function {
            Function::Neg => Link::Negate,
            Function::Abs => Link::Absolute,
            Function::Sqrt => Link::Root,
            _ => unreachable!("no link of one operand"),
        }
    }

    /// The link of a function of two operands, of which the accumulators are the first, or the second.
    pub fn join(function: Function, first: bool, x: Operand) -> Link {
        match (function, first) {
            (Function::Add, _) => Link::Add(x),
            (Function::Mul, _) => Link::Multiply(x),
            (Function::Sub, true) => Link::Subtract(x),
            (Function::Sub, false) => Link::SubtractFrom(x),
            (Function::Div, true) => Link::Divide(x),
            (Function::Div, false) => Link::DivideInto(x),
            _ => unreachable!("no link of two operands"),
        }
    }
}

impl<T: Real> RunGroup<'_, T> {
    /// Runs a chain over `count` elements from `start`.
    #[inline(always)]
    pub(super) unsafe fn chain<V: Elementary<Scalar = T>>(&self, links: &[Link], start: usize, count: usize) {
        // SAFETY: as the caller's, for every strip.
        unsafe {
            // Half the machine's registers hold accumulators: AVX-512 has 32, AVX2 16.
            let done = match size_of::<T>() * V::WIDTH {
                64 => self.strips::<V, 16>(links, start, 0, count),
                _ => self.strips::<V, 8>(links, start, 0, count),
            };
            let done = self.strips::<V, 1>(links, start, done, count);
            self.strips::<T, 1>(links, start, done, count);
        }
    }

    /// Runs whole strips of N vectors from element `from` of the chunk; where it stopped.
    #[inline(always)]
    unsafe fn strips<V: Elementary<Scalar = T>, const N: usize>(
        &self,
        links: &[Link],
        start: usize,
        from: usize,
        to: usize,
    ) -> usize {
        let mut at = from;
        while at + N * V::WIDTH <= to {
            let mut strip = [V::zero(); N];
            for link in links {
                macro_rules! each {
                    (|$v:ident, $a:ident| $value:expr) => {
                        strip = std::array::from_fn(
                            #[inline(always)]
                            |$v| {
                                let $a = strip[$v];
                                $value
                            },
                        )
                    };
                }
                // SAFETY: `at + N · WIDTH` elements are in every operand, as the caller promised.
                unsafe {
                    let read = |x: Operand| self.read(x, start).add(at);
                    let vector = |x: *const T, v: usize| V::load(x.add(v * V::WIDTH));
                    match *link {
                        Link::Load(x) => {
                            let x = read(x);
                            strip = std::array::from_fn(
                                #[inline(always)]
                                |v| vector(x, v),
                            );
                        }
                        Link::Store(y) => {
                            let y = self.write(y, start).add(at);
                            for (v, a) in strip.iter().enumerate() {
                                a.store(y.add(v * V::WIDTH));
                            }
                        }
                        Link::Negate => each!(|_v, a| -a),
                        Link::Absolute => each!(|_v, a| a.abs()),
                        Link::Root => each!(|_v, a| a.sqrt()),
                        Link::Add(x) => {
                            let x = read(x);
                            each!(|v, a| a + vector(x, v));
                        }
                        Link::Subtract(x) => {
                            let x = read(x);
                            each!(|v, a| a - vector(x, v));
                        }
                        Link::SubtractFrom(x) => {
                            let x = read(x);
                            each!(|v, a| vector(x, v) - a);
                        }
                        Link::Multiply(x) => {
                            let x = read(x);
                            each!(|v, a| a * vector(x, v));
                        }
                        Link::Divide(x) => {
                            let x = read(x);
                            each!(|v, a| a / vector(x, v));
                        }
                        Link::DivideInto(x) => {
                            let x = read(x);
                            each!(|v, a| vector(x, v) / a);
                        }
                        Link::AddProduct(x, y) => {
                            let (x, y) = (read(x), read(y));
                            each!(|v, a| a + vector(x, v) * vector(y, v));
                        }
                        Link::SubtractProduct(x, y) => {
                            let (x, y) = (read(x), read(y));
                            each!(|v, a| a - vector(x, v) * vector(y, v));
                        }
                        Link::FromProduct(x, y) => {
                            let (x, y) = (read(x), read(y));
                            each!(|v, a| vector(x, v) * vector(y, v) - a);
                        }
                    }
                }
            }
            at += N * V::WIDTH;
        }
        at
    }
}
