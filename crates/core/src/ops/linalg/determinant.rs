//! Determinants: `det`, `slogdet`, `logdet`, defined by the factors.

use super::*;

/// det A: the product of U's diagonal, with the sign of the rows' permutation.
///
/// d det A = det A · tr(A⁻¹ dA) (Jacobi; Giles 2008, 2.2.4): NaN or infinite where A is singular, although the derivative exists there.
#[derive(Clone, Copy, Debug)]
pub struct Det;

/// log |det A| and the sign of det A, 0 where a u_kk is ±0; no product that could overflow is formed.
///
/// d log |det A| = tr(A⁻¹ dA); the sign is piecewise constant.
#[derive(Clone, Copy, Debug)]
pub struct Slogdet;

/// log det A of a symmetric positive definite matrix, 2 Σ log l_kk, of which the lower triangle is read; NaN where it is not positive definite.
#[derive(Clone, Copy, Debug)]
pub struct Logdet;

const ONE_FLOAT: &str = "one float operand with 2 or more axes; no attributes";

macro_rules! entry {
    ($entry:ident, $op:ident, $name:literal, $one:literal, $two:literal, $example:literal, $summary:literal) => {
        pub(super) const $entry: Entry = Entry {
            name: $name,
            summary: $summary,
            example: $example,
            constraints: &[
                Constraint { id: $one, law: ONE_FLOAT, mend: "convert the operand to a float dtype" },
                Constraint {
                    id: $two,
                    law: "the last two extents agree",
                    mend: "correct the operand's shape",
                },
            ],
            parse: |name, attributes, _, _| {
                only(name, $one, attributes, &[])?;
                Ok(Arc::new($op))
            },
        };
    };
}
entry! {
    DET, Det, "det", "det-1", "det-2", "%d = tgraph.det %a : f64",
    "the determinant of square matrices; a large one over- or underflows where `slogdet` does not"
}
entry! {
    SLOGDET, Slogdet, "slogdet", "slogdet-1", "slogdet-2", "%log, %sign = tgraph.slogdet %a : f64, f64",
    "the logarithm of the size of the determinant of square matrices, and its sign (0 for a singular one)"
}
entry! {
    LOGDET, Logdet, "logdet", "logdet-1", "logdet-2", "%log = tgraph.logdet %a : f64",
    "the logarithm of the determinant of symmetric positive definite matrices, of which the lower triangle is read; NaN where one is not"
}

/// The type of one number for each square matrix.
fn number(name: &str, ids: [&'static str; 2], x: &[&Type]) -> Result<Type, Violation> {
    let x = square_matrix(name, ids, x)?;
    Ok(Type { dtype: x.dtype, shape: status(&x).shape })
}

/// The diagonal of U, and ±1 for rows that an even or odd number of exchanges puts in order.
fn pivots(b: &mut Builder, a: Value) -> (Value, Value) {
    let [factors, rows, _] = b.lu(a);
    let batch = b.ty(a).ndim() - 2;
    let axes: Vec<usize> = (0..batch).collect();
    let [by_row, by_column] = [batch, batch + 1].map(|axis| {
        let dims = [&axes[..], &[axis]].concat();
        b.broadcast_like(rows, &dims, a)
    });
    // Pairs that stand in the wrong order.
    let (earlier, wrong) = (b.position(a, Direction::Lt), b.compare(Direction::Gt, by_row, by_column));
    let pairs = b.and(earlier, wrong);
    let pairs = b.convert(pairs, DType::I64);
    let count = b.sum(pairs, &[batch, batch + 1]);
    let sign = parity(b, count, b.ty(a).dtype);
    (b.diagonal(factors), sign)
}

/// 1 for an even count, −1 for an odd one.
fn parity(b: &mut Builder, count: Value, dtype: DType) -> Value {
    let one = b.ones_like(count);
    let odd = b.and(count, one);
    let odd = b.convert(odd, dtype);
    let (one, two) = (b.ones_like(odd), b.full_like(odd, 2.0));
    let twice = b.mul(two, odd);
    b.sub(one, twice)
}

/// tr(A⁻¹ dA).
fn trace_of_quotient(b: &mut Builder, a: Value, da: Value) -> Value {
    let quotient = b.solve(Structure::General, a, da);
    let diagonal = b.diagonal(quotient);
    let last = b.ty(diagonal).ndim() - 1;
    b.sum(diagonal, &[last])
}

/// factor · A⁻ᵀ.
fn scaled_inverse(b: &mut Builder, a: Value, factor: Value) -> Value {
    let batch = b.ty(a).ndim() - 2;
    let one = b.identity_like(a);
    let solve = DenseSolve { structure: Structure::General, transpose: true };
    let inverse = b.apply(Arc::new(solve), &[a, one]);
    let factor = b.spread(factor, &[batch, batch + 1], a);
    b.mul(factor, inverse)
}

impl Rule for Det {
    fn name(&self) -> &'static str {
        "det"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![number(self.name(), ["det-1", "det-2"], x)?])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Rules(self)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let (diagonal, sign) = pivots(b, x[0]);
        let last = b.ty(diagonal).ndim() - 1;
        let product = b.reduce(Reduction::Prod, diagonal, &[last]);
        Some(vec![b.mul(sign, product)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}

impl HandRules for Det {
    fn differential(&self, b: &mut Builder, x: &[Value], y: Value, _: usize, dx: Value) -> Value {
        let trace = trace_of_quotient(b, x[0], dx);
        b.mul(y, trace)
    }

    fn adjoint(&self, b: &mut Builder, x: &[Value], y: Value, _: usize, dy: Value, guarded: bool) -> Value {
        let factor = b.mul(dy, y);
        let value = scaled_inverse(b, x[0], factor);
        if guarded { b.annihilated(value, &[dy]) } else { value }
    }
}

impl Rule for Slogdet {
    fn name(&self) -> &'static str {
        "slogdet"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let ty = number(self.name(), ["slogdet-1", "slogdet-2"], x)?;
        Ok(vec![ty.clone(), ty])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let (diagonal, sign) = pivots(b, x[0]);
        let last = b.ty(diagonal).ndim() - 1;
        let signs = b.elementwise(Function::Sign, &[diagonal]);
        let signs = b.reduce(Reduction::Prod, signs, &[last]);
        let size = b.abs(diagonal);
        let logs = b.log(size);
        Some(vec![b.sum(logs, &[last]), b.mul(sign, signs)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}

impl Factorisation for Slogdet {
    fn smooth(&self) -> usize {
        1
    }

    fn tangents(&self, b: &mut Builder, a: Value, _: &[Value], da: Value) -> Vec<Value> {
        vec![trace_of_quotient(b, a, da)]
    }

    fn cotangent(&self, b: &mut Builder, a: Value, _: &[Value], dy: &[Option<Value>]) -> Value {
        scaled_inverse(b, a, dy[0].expect("the only smooth result"))
    }
}

impl Rule for Logdet {
    fn name(&self) -> &'static str {
        "logdet"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![number(self.name(), ["logdet-1", "logdet-2"], x)?])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let [l, _] = b.cholesky(x[0]);
        let diagonal = b.diagonal(l);
        let logs = b.log(diagonal);
        let last = b.ty(logs).ndim() - 1;
        let half = b.sum(logs, &[last]);
        Some(vec![b.add(half, half)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}
