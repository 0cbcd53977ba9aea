//! Law 11: factorisations of matrices and solutions with triangles, in slow, plain code that binds every engine.
//!
//! Every element of a Cholesky factor, of L and U, and of a solution is *one chain* of fma: it starts from the element of the operand and
//! subtracts products in a fixed order, then is divided. A chain may be paused in memory and go on later, so no choice of blocks, recursion,
//! threads or vectors shows in a result. Matrices are row-major.

mod direct;
mod eigh;
mod qr;
mod svd;
mod triangle;

use super::lanes::Real;

pub use direct::{cholesky, lu};
pub(crate) use direct::{note_pivot, quotient, root};
pub use eigh::eigh;
pub use qr::qr;
pub use svd::svd;
pub use triangle::{Triangle, triangular_solve};

/// What stands where there is no result.
#[inline(always)]
fn nan<T: Real>() -> T {
    (-T::ONE).sqrt()
}

/// Whether all numbers are finite.
#[inline(always)]
fn are_finite<'a, T: Real>(x: impl IntoIterator<Item = &'a T>) -> bool {
    x.into_iter().all(|&x| x * T::ZERO == T::ZERO)
}
