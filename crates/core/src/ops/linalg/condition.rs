//! `condition`: how much a matrix magnifies errors, estimated from its factors.

use super::*;

/// An estimate of the condition number κ₁(A) = ‖A‖₁ ‖A⁻¹‖₁ of square matrices; ∞ where a pivot of `lu` is ±0 or an element of A is not finite.
///
/// ‖A⁻¹‖₁ is the largest ‖A⁻¹ x‖₁ that a climb along subgradients finds (W. Hager, *Condition estimates*, SIAM J. Sci. Stat. Comput. 5, 1984), or that of a vector of
/// alternating signs (N. Higham, *FORTRAN codes for estimating the one-norm of a real or complex matrix*, ACM TOMS 14, 1988): a lower bound, seldom below a third. It
/// costs ten solutions with factors that `lu` and `solve` of the same matrix share.
#[derive(Clone, Copy, Debug)]
pub struct Condition;

pub(super) const ENTRY: Entry = Entry {
    name: "condition",
    summary: "an estimate of the condition number ‖A‖₁·‖A⁻¹‖₁ of square matrices (Hager and Higham), from the factors of `lu`: a lower bound, seldom below a third; ∞ where a matrix is singular",
    example: "%k = tgraph.condition %a : f64",
    constraints: &[
        Constraint {
            id: "condition-1",
            law: "one float operand with 2 or more axes; no attributes",
            mend: "convert the operand to a float dtype",
        },
        Constraint {
            id: "condition-2",
            law: "the last two extents agree",
            mend: "for other matrices divide the first singular value of `tgraph.svd` by the last",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "condition-1", attributes, &[])?;
        Ok(Arc::new(Condition))
    },
};

/// Steps of the climb, of which two are mostly enough.
const STEPS: usize = 4;

/// Σ |x| over the rows of each matrix of columns, and of them the largest.
fn norm_1(b: &mut Builder, x: Value) -> Value {
    let last = b.ty(x).ndim() - 1;
    let size = b.abs(x);
    let columns = b.sum(size, &[last - 1]);
    b.reduce(Reduction::Max, columns, &[last - 1])
}

/// ‖A⁻¹‖₁, from below, for matrices of `n` rows.
fn norm_of_inverse(b: &mut Builder, a: Value, n: usize) -> Value {
    let batch = b.ty(a).ndim() - 2;
    let solved = |b: &mut Builder, transpose: bool, x: Value| {
        b.apply(Arc::new(DenseSolve { structure: Structure::General, transpose }), &[a, x])
    };
    // Signs that alternate, and sizes that grow from 1 to 2: no cancellation hides from them.
    let wave = |i: usize| {
        let size = 1.0 + i as f64 / (n.max(2) - 1) as f64;
        if i.is_multiple_of(2) { size } else { -size }
    };
    let wave = b.constant(Tensor::new([n, 1], (0..n).map(wave).collect::<Vec<f64>>()));
    let wave = b.convert(wave, b.ty(a).dtype);
    let mut shape = b.ty(a).static_shape().expect("expanded when it is");
    shape[batch + 1] = 1;
    let wave = b.broadcast(wave, &[batch, batch + 1], &shape);
    let y = solved(b, false, wave);
    let size = norm_1(b, y);
    let share = b.full_like(size, 2.0 / (3 * n) as f64);
    let mut largest = b.mul(share, size);
    let mut x = b.full_like(wave, 1.0 / n as f64);
    for _ in 0..STEPS {
        let y = solved(b, false, x);
        let size = norm_1(b, y);
        largest = b.max(largest, size);
        let (zero, one, minus) = (b.zeros_like(y), b.ones_like(y), b.full_like(y, -1.0));
        let below = b.compare(Direction::Lt, y, zero);
        let signs = b.select(below, minus, one);
        let z = solved(b, true, signs);
        // The unit vector along which ‖A⁻¹ x‖₁ grows fastest.
        let slope = b.abs(z);
        let steepest = b.apply(Arc::new(ArgExtreme::max(batch)), &[slope]);
        let row = b.iota_like(x, DType::I64, batch);
        let steepest = b.spread(steepest, &[batch], row);
        let chosen = b.compare(Direction::Eq, row, steepest);
        x = b.convert(chosen, b.ty(a).dtype);
    }
    largest
}

impl Rule for Condition {
    fn name(&self) -> &'static str {
        "condition"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let x = square_matrix(self.name(), ["condition-1", "condition-2"], x)?;
        Ok(vec![Type { dtype: x.dtype, shape: status(&x).shape }])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Missing("it is an estimate; the singular values of `svd` have derivatives")
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let a = x[0];
        let shape = b.ty(a).static_shape()?;
        let n = shape[shape.len() - 1];
        if n == 0 {
            let info = b.lu(a)[2];
            return Some(vec![b.convert(info, b.ty(a).dtype)]);
        }
        let (own, inverse, info) = (norm_1(b, a), norm_of_inverse(b, a, n), b.lu(a)[2]);
        let product = b.mul(own, inverse);
        let (zero, infinite) = (b.zeros_like(info), b.full_like(product, f64::INFINITY));
        let regular = b.compare(Direction::Eq, info, zero);
        // NaN, of solutions that overflow, is not below ∞.
        let finite = b.compare(Direction::Lt, product, infinite);
        let sound = b.and(regular, finite);
        Some(vec![b.select(sound, product, infinite)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}
