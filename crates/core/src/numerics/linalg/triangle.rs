//! Solutions with a triangle of a matrix.

use crate::numerics::lanes::Real;

/// Which triangle T of a matrix a system op(T) X = B has, and how it is read; the rest of the matrix is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triangle {
    /// The lower triangle, else the upper one.
    pub lower: bool,
    /// op(T) = Tᵀ.
    pub transpose: bool,
    /// The diagonal is taken as 1 and not read.
    pub unit: bool,
}

impl Triangle {
    /// T x = b with the lower triangle.
    pub const LOWER: Triangle = Triangle { lower: true, transpose: false, unit: false };
    /// T x = b with the upper triangle.
    pub const UPPER: Triangle = Triangle { lower: false, transpose: false, unit: false };

    /// With a diagonal of 1.
    pub const fn unit(self) -> Triangle {
        Triangle { unit: true, ..self }
    }

    /// Of the transposed matrix.
    pub const fn transposed(self) -> Triangle {
        Triangle { transpose: !self.transpose, ..self }
    }

    /// Whether unknowns are found from the first to the last: op(T) is a lower triangle.
    pub fn is_forward(self) -> bool {
        self.lower != self.transpose
    }
}

/// X with op(T) X = B by law 11, written over `x`, which holds B: n rows of `columns`.
///
/// An unknown is a chain that starts from its element of B and subtracts op(T)ᵢₖ xₖ for the unknowns that are known, in the order in which
/// they became known, and is then divided by op(T)ᵢᵢ.
#[inline(always)]
pub fn triangular_solve<T: Real>(triangle: Triangle, t: &[T], n: usize, x: &mut [T], columns: usize) {
    // No closures: one that is not inlined leaves the level that it runs at, and calls a function for every fma.
    let (row, column) = if triangle.transpose { (1, n) } else { (n, 1) };
    let forward = triangle.is_forward();
    for step in 0..n {
        let i = if forward { step } else { n - 1 - step };
        for j in 0..columns {
            let mut sum = x[i * columns + j];
            for known in 0..step {
                let k = if forward { known } else { n - 1 - known };
                sum = t[i * row + k * column].fnma(x[k * columns + j], sum);
            }
            x[i * columns + j] = if triangle.unit { sum } else { sum / t[i * n + i] };
        }
    }
}
