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
    /// a = f(a).
    Apply(Function),
    /// a = f(a, x).
    With(Function, Operand),
    /// a = f(x, a).
    From(Function, Operand),
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
                                #[allow(unused)] // a load takes no notice of what was there
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
                            each!(|v, a| vector(x, v));
                        }
                        Link::Store(y) => {
                            let y = self.write(y, start).add(at);
                            for (v, a) in strip.iter().enumerate() {
                                a.store(y.add(v * V::WIDTH));
                            }
                        }
                        Link::Apply(function) => {
                            macro_rules! apply {
                                ($($name:ident)*) => {
                                    match function {
                                        $(Function::$name => each!(|_v, a| Function::$name.value(a, a)),)*
                                        _ => unreachable!("no link of one operand"),
                                    }
                                };
                            }
                            apply! { Neg Abs Sqrt }
                        }
                        Link::With(function, x) => {
                            let x = read(x);
                            macro_rules! with {
                                ($($name:ident)*) => {
                                    match function {
                                        $(Function::$name => each!(|v, a| Function::$name.value(a, vector(x, v))),)*
                                        _ => unreachable!("no link of two operands"),
                                    }
                                };
                            }
                            with! { Add Sub Mul Div }
                        }
                        Link::From(function, x) => {
                            let x = read(x);
                            macro_rules! from {
                                ($($name:ident)*) => {
                                    match function {
                                        $(Function::$name => each!(|v, a| Function::$name.value(vector(x, v), a)),)*
                                        _ => unreachable!("the operands may be exchanged"),
                                    }
                                };
                            }
                            from! { Sub Div }
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
