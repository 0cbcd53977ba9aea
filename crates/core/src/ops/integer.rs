//! The values of elementwise functions on integers and truth values. Nothing overflows and nothing panics: every
//! function has a value for every pair of operands.
//!
//! | function | is |
//! |---|---|
//! | `add`, `sub`, `mul`, `neg`, `abs` | wrapping |
//! | `div` | the quotient cut toward zero; all bits set (−1) for a divisor of 0; wrapping for MIN / −1, as in XLA and RISC-V |
//! | `rem` | x − y · `div`: the sign of x; x for a divisor of 0 |
//! | `shift_left`, `shift_right` | by y bits, y taken as unsigned; beyond the width every bit is gone; right fills with the sign bit |

use super::Function;
use crate::numerics::dispatch::{Kernel, Level, dispatch};
use crate::numerics::lanes::Simd;
use crate::tensor::Element;
use std::mem::MaybeUninit;

/// An element type that is no float.
pub(super) trait Discrete: Element + Ord {
    /// The value of `function`, which takes the type; a function of one operand ignores `y`.
    fn value(function: Function, x: Self, y: Self) -> Self;
}

/// `function` of each element of `x` and of `y`: one loop for each function, at the machine's SIMD level.
pub(super) fn map<T: Discrete>(function: Function, x: &[T], y: &[T]) -> Vec<T> {
    let mut z = Vec::with_capacity(x.len());
    dispatch(Level::current(), Map { function, x, y, z: &mut z.spare_capacity_mut()[..x.len()] });
    // SAFETY: the kernel has written as many.
    unsafe { z.set_len(x.len()) };
    z
}

impl Function {
    /// Its values on elements of i64, for which it must be defined.
    pub(crate) fn of_integers(self, level: Level, x: &[i64], y: &[i64], z: &mut [i64]) {
        // SAFETY: the kernel only writes to them.
        let z = unsafe { &mut *(std::ptr::from_mut(z) as *mut [MaybeUninit<i64>]) };
        dispatch(level, Map { function: self, x, y, z });
    }
}

/// Writes every element of `z`.
struct Map<'a, T> {
    function: Function,
    x: &'a [T],
    y: &'a [T],
    z: &'a mut [MaybeUninit<T>],
}

impl<T: Discrete> Kernel for Map<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Map { function, x, y, z } = self;
        assert!(x.len() == z.len() && y.len() == z.len());
        macro_rules! each {
            ($($function:ident)*) => {
                match function {
                    $(Function::$function => {
                        for ((&x, &y), z) in x.iter().zip(y).zip(z) {
                            z.write(T::value(Function::$function, x, y));
                        }
                    })*
                    _ => unreachable!("refused by elementwise-2"),
                }
            };
        }
        each!(Neg Abs Sign Not Add Sub Mul Div Rem Max Min And Or Xor ShiftLeft ShiftRight)
    }
}

macro_rules! integers {
    ($($t:ty, $unsigned:ty, |$x:ident| $sign:expr, $negative:expr;)*) => {$(
        impl Discrete for $t {
            #[inline(always)]
            fn value(function: Function, $x: $t, y: $t) -> $t {
                let x = $x;
                let count = u32::try_from(y as $unsigned).unwrap_or(u32::MAX);
                match function {
                    Function::Neg => x.wrapping_neg(),
                    Function::Abs if $negative => x.wrapping_neg(),
                    Function::Abs => x,
                    Function::Sign => $sign,
                    Function::Not => !x,
                    Function::Add => x.wrapping_add(y),
                    Function::Sub => x.wrapping_sub(y),
                    Function::Mul => x.wrapping_mul(y),
                    Function::Div if y == 0 => !0,
                    Function::Div => x.wrapping_div(y),
                    Function::Rem if y == 0 => x,
                    Function::Rem => x.wrapping_rem(y),
                    Function::Max => x.max(y),
                    Function::Min => x.min(y),
                    Function::And => x & y,
                    Function::Or => x | y,
                    Function::Xor => x ^ y,
                    Function::ShiftLeft => x.checked_shl(count).unwrap_or(0),
                    Function::ShiftRight => x.checked_shr(count).unwrap_or(if $negative { !0 } else { 0 }),
                    _ => unreachable!("refused by elementwise-2"),
                }
            }
        }
    )*};
}
integers! {
    i64, u64, |x| x.signum(), x < 0;
    i32, u32, |x| x.signum(), x < 0;
    u64, u64, |x| (x > 0) as u64, false;
    u32, u32, |x| (x > 0) as u32, false;
}

impl Discrete for bool {
    #[inline(always)]
    fn value(function: Function, x: bool, y: bool) -> bool {
        match function {
            Function::Not => !x,
            Function::And => x && y,
            Function::Or => x || y,
            Function::Xor => x != y,
            _ => unreachable!("refused by elementwise-2"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_has_a_value_everywhere() {
        for x in [i64::MIN, -7, -1, 0, 1, 7, i64::MAX] {
            for y in [i64::MIN, -3, -1, 0, 1, 3, i64::MAX] {
                let (quotient, rest) =
                    (Discrete::value(Function::Div, x, y), Discrete::value(Function::Rem, x, y));
                assert_eq!(quotient.wrapping_mul(y).wrapping_add(rest), x, "{x} by {y}");
            }
        }
        assert_eq!(i32::value(Function::Div, -7, 2), -3);
        assert_eq!(i32::value(Function::Rem, -7, 2), -1);
        assert_eq!(i32::value(Function::Div, 5, 0), -1);
        assert_eq!(u32::value(Function::Div, 5, 0), u32::MAX);
        assert_eq!(i64::value(Function::Div, i64::MIN, -1), i64::MIN);
    }

    #[test]
    fn shifts_beyond_the_width_leave_the_sign() {
        assert_eq!(i32::value(Function::ShiftRight, -8, 1), -4);
        assert_eq!(i32::value(Function::ShiftRight, -8, 32), -1);
        assert_eq!(i32::value(Function::ShiftRight, -8, -1), -1);
        assert_eq!(u32::value(Function::ShiftRight, 8, 32), 0);
        assert_eq!(u64::value(Function::ShiftRight, u64::MAX, 63), 1);
        assert_eq!(i64::value(Function::ShiftLeft, 1, 63), i64::MIN);
        assert_eq!(u64::value(Function::ShiftLeft, 1, 1 << 40), 0);
    }
}
