//! Dense linear algebra over the last two axes; leading axes are a batch of matrices.
//!
//! Values follow law 11 (`numerics::linalg`). A factorisation has several results, the last one a *status* for each matrix, `info`: 0, or how far it
//! got (each operation says what it counts). Nothing stops a graph that runs: where a factor does not exist its elements are NaN or infinite, by the law,
//! and so is every derivative; the status says why. An operation defined by a factorisation (`solve`, `det`) has no status of its own: the factorisation
//! of the same matrix does, and is shared, so that asking for it costs nothing.
//!
//! A derivative is a solution with the factors that are there, not a derivative of the algorithm: [`Factorisation`] states both rules for one matrix, and
//! what is the same for all, statuses and guarded cotangents, stands once. Sources: M. Giles, *Collected matrix derivative results for forward and
//! reverse mode algorithmic differentiation* (2008); I. Murray, *Differentiation of the Cholesky decomposition* (arXiv:1602.07527, 2016).

mod cholesky;
mod condition;
mod decomposition;
mod determinant;
mod expression;
mod lu;
mod pinv;
mod qr;
mod solve;
mod spectral;
mod triangular;

pub use crate::numerics::linalg::Triangle;
pub use cholesky::Cholesky;
pub use condition::Condition;
pub use decomposition::Decomposition;
pub use determinant::{Det, Logdet, Slogdet};
pub use lu::Lu;
pub use pinv::Pinv;
pub use qr::{Lstsq, Qr};
pub use solve::{DenseSolve, Inverse, Structure};
pub use spectral::{Eigh, Svd};
pub use triangular::TriangularSolve;

use super::registry::only;
use super::shape::bad;
use super::*;
use crate::ir::{DType, Extent};
use crate::numerics::lanes::Real;

pub(super) fn entries() -> impl Iterator<Item = Entry> {
    [
        cholesky::ENTRY,
        lu::ENTRY,
        qr::ENTRY,
        spectral::EIGH,
        spectral::SVD,
        triangular::ENTRY,
        solve::SOLVE,
        qr::LSTSQ,
        pinv::ENTRY,
        solve::INVERSE,
        determinant::DET,
        determinant::SLOGDET,
        determinant::LOGDET,
        condition::ENTRY,
    ]
    .into_iter()
}

/// A factorisation of one operand, or a function of it through one. In lists stands one entry for each result.
trait Factorisation {
    /// How many results have a derivative, the first ones; the others are statuses and permutations.
    fn smooth(&self) -> usize;
    /// The tangents of the smooth results, along `da`.
    fn tangents(&self, b: &mut Builder, a: Value, y: &[Value], da: Value) -> Vec<Value>;
    /// The cotangent of the operand; `None` is zero, and at least one is not.
    fn cotangent(&self, b: &mut Builder, a: Value, y: &[Value], dy: &[Option<Value>]) -> Value;
}

impl<F: Factorisation> Structured for F {
    fn depends(&self, active: &[bool]) -> Vec<bool> {
        vec![active[0]; self.smooth()]
    }

    fn differential(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dx: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, AdError> {
        let mut dy = vec![None; y.len()];
        if let Some(da) = dx[0] {
            let tangents = self.tangents(b, x[0], y, da);
            dy.iter_mut().zip(tangents).for_each(|(dy, tangent)| *dy = Some(tangent));
        }
        Ok(dy)
    }

    fn adjoint(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dy: &[Option<Cotangent>],
        wanted: &[bool],
    ) -> Result<Vec<Option<Cotangent>>, AdError> {
        let known: Vec<Cotangent> = dy[..self.smooth()].iter().flatten().copied().collect();
        if known.is_empty() || !wanted[0] {
            return Ok(vec![None]);
        }
        let values: Vec<Option<Value>> = dy.iter().map(|dy| Some((*dy)?.value)).collect();
        let value = self.cotangent(b, x[0], y, &values);
        let guarded = known.iter().all(|dy| dy.guarded);
        let value = match guarded {
            true => b.annihilated(value, &known.iter().map(|dy| dy.value).collect::<Vec<_>>()),
            false => value,
        };
        Ok(vec![Some(Cotangent { value, guarded })])
    }
}

/// A float operand with 2 or more axes, the only one.
fn matrix<'a>(name: &str, id: &'static str, x: &[&'a Type]) -> Result<&'a Type, Violation> {
    match *x {
        [x] if x.dtype.is_float() && x.ndim() >= 2 => Ok(x),
        [x] => bad(id, format!("{name} must have a float matrix, or a batch of them, got {x}")),
        _ => bad(id, format!("{name} must have 1 operand, got {}", x.len())),
    }
}

/// That a matrix is square; gives its extent.
fn square(name: &str, id: &'static str, x: &Type) -> Result<Extent, Violation> {
    let [m, n] = [x.shape[x.ndim() - 2], x.shape[x.ndim() - 1]];
    match m.agrees(n) {
        true => Ok(m.merge(n)),
        false => {
            Err(Violation::new(id, format!("{name} must have square matrices, got {m} rows and {n} columns"))
                .help("a system with more rows than unknowns has a least-squares solution: `tgraph.lstsq`"))
        }
    }
}

/// One square float matrix, or a batch of them.
fn square_matrix(name: &str, ids: [&'static str; 2], x: &[&Type]) -> Result<Type, Violation> {
    let x = matrix(name, ids[0], x)?;
    let n = square(name, ids[1], x)?;
    let batch = &x.shape[..x.ndim() - 2];
    Ok(Type { dtype: x.dtype, shape: [batch, &[n, n]].concat() })
}

/// The type of a status: an integer for each matrix of `x`.
fn status(x: &Type) -> Type {
    Type { dtype: DType::I64, shape: x.shape[..x.ndim() - 2].to_vec() }
}

/// A batch of matrices: how many, and the extents of each.
fn extents(shape: &[usize]) -> (usize, usize, usize) {
    let (batch, matrix) = shape.split_at(shape.len() - 2);
    (batch.iter().product(), matrix[0], matrix[1])
}

/// Runs `$body` with `$T` the element type of a float tensor.
macro_rules! each_float {
    ($x:expr, $T:ident => $body:expr) => {
        match $x.dtype() {
            crate::ir::DType::F32 => {
                type $T = f32;
                $body
            }
            _ => {
                type $T = f64;
                $body
            }
        }
    };
}
use each_float;

/// Square matrices factored in place by `factor`, and their statuses.
fn in_place<T: Real>(x: &Tensor, mut factor: impl FnMut(usize, &mut [T]) -> i64) -> [Tensor; 2] {
    let (count, _, n) = extents(x.shape());
    let mut y: Vec<T> = x.values::<T>().to_vec();
    let info = (0..count).map(|i| factor(i, &mut y[i * n * n..(i + 1) * n * n])).collect();
    [Tensor::new(x.shape(), y), Tensor::new::<i64>(&x.shape()[..x.ndim() - 2], info)]
}
