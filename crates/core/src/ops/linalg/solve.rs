//! `solve` and `inverse`: systems with a whole matrix, through the factorisation that its structure allows.

use super::triangular::system;
use super::*;
use crate::ir::Attribute;

/// What is known of the matrix of a system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Structure {
    /// Nothing: LU with partial pivoting.
    #[default]
    General,
    /// Symmetric and positive definite: Cholesky; only the lower triangle is read.
    PositiveDefinite,
}

impl Structure {
    /// Its name in text.
    pub fn name(self) -> &'static str {
        match self {
            Structure::General => "general",
            Structure::PositiveDefinite => "positive_definite",
        }
    }

    fn parse(attributes: &Attributes, id: &'static str) -> Result<Structure, Violation> {
        match attributes.text("structure") {
            None | Some("general") => Ok(Structure::General),
            Some("positive_definite") => Ok(Structure::PositiveDefinite),
            Some(other) => {
                bad(id, format!("structure must be \"general\" or \"positive_definite\", got \"{other}\""))
            }
        }
    }

    fn attributes(self) -> Attributes {
        match self {
            Structure::General => Attributes::new(),
            stated => Attributes::new().with("structure", Attribute::Text(stated.name().into())),
        }
    }

    /// The operand's change, as the factorisation reads it.
    fn read(self, b: &mut Builder, da: Value) -> Value {
        match self {
            Structure::General => da,
            Structure::PositiveDefinite => b.symmetric(da),
        }
    }

    /// What the operand gets from the cotangent of the matrix: the transpose of [`Structure::read`].
    fn written(self, b: &mut Builder, da: Value) -> Value {
        match self {
            Structure::General => da,
            Structure::PositiveDefinite => b.folded(da),
        }
    }
}

/// X with A X = B, or Aᵀ X = B; B has a column for each right-hand side.
///
/// It is defined by the factorisation of A and two triangles; solutions with one matrix, transposed ones and those of derivatives among them, share its
/// factorisation. A singular A gives infinite or NaN elements; the status of `lu` or `cholesky` of A tells.
///
/// dX = A⁻¹ (dB − dA X); B̄ = A⁻ᵀ X̄, Ā = −B̄ Xᵀ (Giles 2008, 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DenseSolve {
    /// What is known of A.
    pub structure: Structure,
    /// Aᵀ takes the place of A.
    pub transpose: bool,
}

pub(super) const SOLVE: Entry = Entry {
    name: "solve",
    summary: "X with A·X = B, or with `transpose` Aᵀ·X = B; `structure` says what is known of A: \"general\" (the default) goes through `lu`, \"positive_definite\" through `cholesky`, which reads the lower triangle; the status of the same factorisation of A tells where there is no solution, and costs nothing more",
    example: "%x = tgraph.solve %a, %b {structure = \"positive_definite\"} : tensor<3x1xf64>",
    constraints: &[
        Constraint {
            id: "solve-1",
            law: "two operands of one float dtype, with 2 or more axes, as many each; attributes `structure`: \"general\" or \"positive_definite\", `transpose`: true or false",
            mend: "reshape a right-hand side that is a vector to a matrix with one column",
        },
        Constraint {
            id: "solve-2",
            law: "the matrices are square, with as many rows as the right-hand side, and the batch extents agree",
            mend: "correct the shapes, or take `tgraph.lstsq` where there are more equations than unknowns",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "solve-1", attributes, &["structure", "transpose"])?;
        let transpose = attributes.flag("transpose").unwrap_or(false);
        Ok(Arc::new(DenseSolve { structure: Structure::parse(attributes, "solve-1")?, transpose }))
    },
};

impl DenseSolve {
    fn transposed(self) -> DenseSolve {
        DenseSolve { transpose: !self.transpose, ..self }
    }
}

impl Rule for DenseSolve {
    fn name(&self) -> &'static str {
        "solve"
    }

    fn attributes(&self) -> Attributes {
        let attributes = self.structure.attributes();
        if self.transpose { attributes.with("transpose", Attribute::Bool(true)) } else { attributes }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![system(self.name(), ["solve-1", "solve-2"], x)?])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Rules(self)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let (a, rhs) = (x[0], x[1]);
        let solution = match (self.structure, self.transpose) {
            (Structure::PositiveDefinite, _) => {
                let [l, _] = b.cholesky(a);
                let y = b.triangular_solve(Triangle::LOWER, l, rhs);
                b.triangular_solve(Triangle::LOWER.transposed(), l, y)
            }
            (Structure::General, false) => {
                let [factors, rows, _] = b.lu(a);
                let rhs = b.rows_in_order(rhs, rows);
                let y = b.triangular_solve(Triangle::LOWER.unit(), factors, rhs);
                b.triangular_solve(Triangle::UPPER, factors, y)
            }
            (Structure::General, true) => {
                let [factors, rows, _] = b.lu(a);
                let y = b.triangular_solve(Triangle::UPPER.transposed(), factors, rhs);
                let y = b.triangular_solve(Triangle::LOWER.unit().transposed(), factors, y);
                b.rows_back(y, rows)
            }
        };
        Some(vec![solution])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}

impl HandRules for DenseSolve {
    fn differential(&self, b: &mut Builder, x: &[Value], y: Value, i: usize, dx: Value) -> Value {
        let op: Op = Arc::new(*self);
        if i == 1 {
            return b.apply(op, &[x[0], dx]);
        }
        let da = self.structure.read(b, dx);
        let moved = if self.transpose { b.product_tn(da, y) } else { b.matmul(da, y) };
        let moved = b.neg(moved);
        b.apply(op, &[x[0], moved])
    }

    fn adjoint(&self, b: &mut Builder, x: &[Value], y: Value, i: usize, dy: Value, guarded: bool) -> Value {
        let rhs = b.apply(Arc::new(self.transposed()), &[x[0], dy]);
        let value = match i {
            1 => rhs,
            _ => {
                let whole = if self.transpose { b.product_nt(y, rhs) } else { b.product_nt(rhs, y) };
                let whole = b.neg(whole);
                self.structure.written(b, whole)
            }
        };
        if guarded { b.annihilated(value, &[dy]) } else { value }
    }
}

/// A⁻¹: the solution with the identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inverse {
    /// What is known of A.
    pub structure: Structure,
}

pub(super) const INVERSE: Entry = Entry {
    name: "inverse",
    summary: "A⁻¹, as the solution of A·X = 1 by `solve`, which a product with it should rather be; `structure` as there",
    example: "%x = tgraph.inverse %a : tensor<3x3xf64>",
    constraints: &[
        Constraint {
            id: "inverse-1",
            law: "one float operand with 2 or more axes; attribute `structure`: \"general\" or \"positive_definite\"",
            mend: "convert the operand to a float dtype",
        },
        Constraint {
            id: "inverse-2",
            law: "the last two extents agree",
            mend: "correct the operand's shape",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "inverse-1", attributes, &["structure"])?;
        Ok(Arc::new(Inverse { structure: Structure::parse(attributes, "inverse-1")? }))
    },
};

impl Rule for Inverse {
    fn name(&self) -> &'static str {
        "inverse"
    }

    fn attributes(&self) -> Attributes {
        self.structure.attributes()
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![square_matrix(self.name(), ["inverse-1", "inverse-2"], x)?])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let one = b.identity_like(x[0]);
        Some(vec![b.solve(self.structure, x[0], one)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}
