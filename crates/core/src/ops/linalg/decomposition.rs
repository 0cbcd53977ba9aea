//! Values of the factorisations whose code is one for the reference and all engines, generic over what it is compiled for.

use super::*;
use crate::numerics::dispatch::{self, Level, dispatch};
use crate::numerics::lanes::Simd;
use crate::numerics::linalg;

/// A factorisation that is one sequence of operations on lines of a matrix; the level chooses how many elements of a line are computed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decomposition {
    /// [`Qr`].
    Qr,
    /// [`Eigh`].
    Eigh,
    /// [`Svd`].
    Svd,
}

/// One matrix, m×n, and room for n values and for n×n elements.
struct One<'a, T> {
    which: Decomposition,
    a: &'a mut [T],
    m: usize,
    n: usize,
    values: &'a mut [T],
    square: &'a mut [T],
}

impl<T: Real> dispatch::Kernel for One<'_, T> {
    type Output = i64;

    #[inline(always)]
    fn run<S: Simd>(self) -> i64 {
        let One { which, a, m, n, values, square } = self;
        match which {
            Decomposition::Qr => linalg::qr(a, m, n, square),
            Decomposition::Eigh => linalg::eigh(a, n, values),
            Decomposition::Svd => linalg::svd(a, m, n, values, square),
        }
    }
}

impl Decomposition {
    /// The results for each matrix of `x`, computed at `level`.
    pub fn run(self, level: Level, x: &Tensor) -> Vec<Tensor> {
        each_float!(x, T => self.run_typed::<T>(level, x))
    }

    fn run_typed<T: Real>(self, level: Level, x: &Tensor) -> Vec<Tensor> {
        let (count, m, n) = extents(x.shape());
        let mut a = x.values::<T>().to_vec();
        let (mut values, mut square) = (vec![T::ZERO; count * n], vec![T::ZERO; count * n * n]);
        let one = |i: usize| {
            let a = &mut a[i * m * n..(i + 1) * m * n];
            let (values, square) = (&mut values[i * n..(i + 1) * n], &mut square[i * n * n..(i + 1) * n * n]);
            dispatch(level, One { which: self, a, m, n, values, square })
        };
        let info: Vec<i64> = (0..count).map(one).collect();
        let batch = &x.shape()[..x.ndim() - 2];
        let of = |tail: &[usize]| [batch, tail].concat();
        let (a, info) = (Tensor::new(x.shape(), a), Tensor::new(batch, info));
        match self {
            Decomposition::Qr => vec![a, Tensor::new(of(&[n, n]), square), info],
            Decomposition::Eigh => vec![Tensor::new(of(&[n]), values), a, info],
            Decomposition::Svd => {
                vec![a, Tensor::new(of(&[n]), values), Tensor::new(of(&[n, n]), square), info]
            }
        }
    }
}
