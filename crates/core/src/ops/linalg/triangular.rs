//! `triangular_solve`: systems with a triangle of a matrix.

use super::*;
use crate::ir::Attribute;
use crate::numerics::linalg;

/// X with op(T) X = B by law 11, where T is a triangle of the first operand; the rest of it is not read. B has a column for each right-hand side.
///
/// A diagonal element that is ±0 divides by 0: infinite or NaN, as a status of the factorisation says.
///
/// dX = op(T)⁻¹ (dB − op(dT) X); B̄ = op(T)⁻ᵀ X̄, and the triangle of −B̄ Xᵀ, transposed as T is, goes to T (Giles 2008, 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriangularSolve(pub Triangle);

pub(super) const ENTRY: Entry = Entry {
    name: "triangular_solve",
    summary: "X with op(T)·X = B, where T is the lower triangle of the first operand or with `upper` the upper one, whose other elements are not read; `transpose` solves with Tᵀ, `unit` takes the diagonal as 1",
    example: "%x = tgraph.triangular_solve %l, %b {transpose = true} : tensor<3x2xf64>",
    constraints: &[
        Constraint {
            id: "triangular_solve-1",
            law: "two operands of one float dtype, with 2 or more axes, as many each; attributes `upper`, `transpose`, `unit`: true or false",
            mend: "reshape a right-hand side that is a vector to a matrix with one column",
        },
        Constraint {
            id: "triangular_solve-2",
            law: "the matrices are square, with as many rows as the right-hand side, and the batch extents agree",
            mend: "correct the shapes, or broadcast the operand with the smaller batch",
        },
    ],
    parse: |name, attributes, _, _| {
        let known = ["upper", "transpose", "unit"];
        only(name, "triangular_solve-1", attributes, &known)?;
        let [upper, transpose, unit] = known.map(|flag| attributes.flag(flag).unwrap_or(false));
        Ok(Arc::new(TriangularSolve(Triangle { lower: !upper, transpose, unit })))
    },
};

/// Types of a system A X = B; gives that of X.
pub(super) fn system(name: &str, ids: [&'static str; 2], x: &[&Type]) -> Result<Type, Violation> {
    let &[a, rhs] = x else {
        return bad(ids[0], format!("{name} must have 2 operands, got {}", x.len()));
    };
    if a.ndim() < 2 || a.ndim() != rhs.ndim() || a.dtype != rhs.dtype || !a.dtype.is_float() {
        let got = format!("operands must be float matrices of one dtype and as many axes, got {a} and {rhs}");
        return Err(Violation::new(ids[0], got)
            .help("reshape a right-hand side that is a vector to a matrix with one column"));
    }
    let batch = a.ndim() - 2;
    let n = square(name, ids[1], a)?;
    if !n.agrees(rhs.shape[batch]) || !a.shape[..batch].iter().zip(&rhs.shape).all(|(a, b)| a.agrees(*b)) {
        let got =
            format!("rows and batch extents of matrix and right-hand side must agree, got {a} and {rhs}");
        return bad(ids[1], got);
    }
    let mut shape: Vec<Extent> = a.shape.iter().zip(&rhs.shape).map(|(a, b)| a.merge(*b)).collect();
    shape[batch] = n.merge(rhs.shape[batch]);
    shape[batch + 1] = rhs.shape[batch + 1];
    Ok(Type { dtype: a.dtype, shape })
}

impl TriangularSolve {
    /// The elements that are read.
    fn direction(self) -> Direction {
        match (self.0.lower, self.0.unit) {
            (true, false) => Direction::Ge,
            (true, true) => Direction::Gt,
            (false, false) => Direction::Le,
            (false, true) => Direction::Lt,
        }
    }
}

impl Rule for TriangularSolve {
    fn name(&self) -> &'static str {
        "triangular_solve"
    }

    fn attributes(&self) -> Attributes {
        let Triangle { lower, transpose, unit } = self.0;
        let flags = [("upper", !lower), ("transpose", transpose), ("unit", unit)];
        let stated = flags.into_iter().filter(|(_, holds)| *holds);
        stated.fold(Attributes::new(), |all, (name, _)| all.with(name, Attribute::Bool(true)))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![system(self.name(), ["triangular_solve-1", "triangular_solve-2"], x)?])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let (count, n, columns) = extents(x[1].shape());
        each_float!(x[0], T => {
            let (t, mut y) = (x[0].values::<T>(), x[1].values::<T>().to_vec());
            for i in 0..count {
                let x = &mut y[i * n * columns..(i + 1) * n * columns];
                linalg::triangular_solve(self.0, &t[i * n * n..(i + 1) * n * n], n, x, columns);
            }
            vec![Tensor::new(x[1].shape(), y)]
        })
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Rules(self)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Factor(Factor::Solve(self.0))
    }
}

impl HandRules for TriangularSolve {
    fn differential(&self, b: &mut Builder, x: &[Value], y: Value, i: usize, dx: Value) -> Value {
        if i == 1 {
            return b.triangular_solve(self.0, x[0], dx);
        }
        let dt = b.triangle(dx, self.direction());
        let moved = if self.0.transpose { b.product_tn(dt, y) } else { b.matmul(dt, y) };
        let moved = b.neg(moved);
        b.triangular_solve(self.0, x[0], moved)
    }

    fn adjoint(&self, b: &mut Builder, x: &[Value], y: Value, i: usize, dy: Value, guarded: bool) -> Value {
        let rhs = b.triangular_solve(self.0.transposed(), x[0], dy);
        let value = match i {
            1 => rhs,
            _ => {
                let whole = if self.0.transpose { b.product_nt(y, rhs) } else { b.product_nt(rhs, y) };
                let whole = b.neg(whole);
                b.triangle(whole, self.direction())
            }
        };
        if guarded { b.annihilated(value, &[dy]) } else { value }
    }
}
