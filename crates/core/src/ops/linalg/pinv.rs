//! `pinv`: the pseudoinverse, and with it least squares of matrices of any shape and rank.

use super::*;
use crate::ir::Attribute;

/// The pseudoinverse A⁺ = V S⁺ Uᵀ (Moore, Penrose), where S⁺ holds 1/s of the singular values above `tol` times the largest, and 0 of the others.
///
/// With P = A⁺ and E = dAᵀ, dP = −P dA P + P Pᵀ (E − E A P) + (E − P A E) Pᵀ P, and backwards, with G = P̄ᵀ, Ā = −Pᵀ P̄ Pᵀ + (G − A P G) P Pᵀ + Pᵀ P (G − G P A)
/// (G. Golub, V. Pereyra, SIAM J. Numer. Anal. 10, 1973), at a matrix whose rank does not change nearby. Where it does, P jumps, and this is the derivative of what is left of A
/// without the singular values that do not count. No derivative of a singular vector is in it: equal singular values do no harm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pinv {
    /// The part of the largest singular value up to which others count as 0: 1e-12, or 1e-5 of f32.
    pub tol: Option<f64>,
}

pub(super) const ENTRY: Entry = Entry {
    name: "pinv",
    summary: "the pseudoinverse A⁺ of matrices of any shape and rank, by `svd`: singular values of at most `tol` (1e-12; 1e-5 of f32) times the largest count as 0; A⁺·B is the shortest X that makes ‖A·X − B‖ smallest (see `lstsq`)",
    example: "%p = tgraph.pinv %a {tol = 1e-10} : tensor<3x5xf64>",
    constraints: &[Constraint {
        id: "pinv-1",
        law: "one float operand with 2 or more axes; attribute `tol`: at least 0 and below 1",
        mend: "convert the operand to a float dtype, or write `tol = 1e-10`",
    }],
    parse: |name, attributes, _, _| {
        only(name, "pinv-1", attributes, &["tol"])?;
        Ok(Arc::new(Pinv { tol: rank_tolerance(name, "pinv-1", attributes)? }))
    },
};

/// The attribute `tol`, by which singular values count or do not.
pub(super) fn rank_tolerance(
    name: &str,
    id: &'static str,
    attributes: &Attributes,
) -> Result<Option<f64>, Violation> {
    match (attributes.get("tol"), attributes.float("tol")) {
        (None, _) => Ok(None),
        (_, Some(tol)) if (0.0..1.0).contains(&tol) => Ok(Some(tol)),
        (Some(got), tol) => {
            let got = tol.map_or(format!("{got:?}"), |tol| tol.to_string());
            let message = format!("`tol` of {name} must be a number of at least 0 and below 1, got {got}");
            Err(Violation::new(id, message).help("write `tol = 1e-10`"))
        }
    }
}

/// `tol` as text has it.
pub(super) fn tolerance_attribute(tol: Option<f64>) -> Attributes {
    match tol {
        Some(tol) => Attributes::new().with("tol", Attribute::Float(tol)),
        None => Attributes::new(),
    }
}

/// A⁺·B for the factors of A: V (S⁺ (Uᵀ B)).
pub(super) fn applied(b: &mut Builder, a: Value, tol: f64, rhs: Value) -> Value {
    let [u, s, v, _] = b.svd(a);
    let reciprocal = reciprocals(b, s, tol);
    let along = b.product_tn(u, rhs);
    let axes: Vec<usize> = (0..b.ty(s).ndim()).collect();
    let reciprocal = b.broadcast_like(reciprocal, &axes, along);
    let scaled = b.mul(reciprocal, along);
    b.matmul(v, scaled)
}

/// 1/s of the singular values above `tol` times the largest, 0 of the others.
fn reciprocals(b: &mut Builder, s: Value, tol: f64) -> Value {
    let last = b.ty(s).ndim() - 1;
    if b.ty(s).shape[last] == Extent::Static(0) {
        // A matrix without rows or columns has none, and so no largest one.
        return s;
    }
    let zero = b.zeros_like(s);
    let largest = b.reduce(Reduction::Max, s, &[last]);
    let share = b.full_like(largest, tol);
    let cut = b.mul(share, largest);
    let cut = b.spread(cut, &[last], s);
    let counts = b.compare(Direction::Gt, s, cut);
    let reciprocal = b.reciprocal(s);
    // A comparison with NaN is false; what is NaN is to stay so.
    let unknown = b.compare(Direction::Ne, s, s);
    let kept = b.or(counts, unknown);
    b.select(kept, reciprocal, zero)
}

impl Pinv {
    /// Its `tol`, for matrices of this dtype.
    pub(super) fn cut(self, dtype: DType) -> f64 {
        self.tol.unwrap_or(if dtype == DType::F64 { 1e-12 } else { 1e-5 })
    }
}

impl Rule for Pinv {
    fn name(&self) -> &'static str {
        "pinv"
    }

    fn attributes(&self) -> Attributes {
        tolerance_attribute(self.tol)
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let a = matrix(self.name(), "pinv-1", x)?;
        let mut shape = a.shape.clone();
        let last = shape.len() - 1;
        shape.swap(last - 1, last);
        Ok(vec![Type { dtype: a.dtype, shape }])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Rules(self)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let a = x[0];
        let mut shape = b.ty(a).static_shape()?;
        let last = shape.len() - 1;
        shape[last] = shape[last - 1];
        let dtype = b.ty(a).dtype;
        let zero = b.number(dtype, 0.0);
        let square = b.broadcast(zero, &[], &shape);
        let one = b.identity_like(square);
        Some(vec![applied(b, a, self.cut(dtype), one)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }
}

impl HandRules for Pinv {
    fn differential(&self, b: &mut Builder, x: &[Value], p: Value, _: usize, dx: Value) -> Value {
        let a = x[0];
        let e = b.matrix_transposed(dx);
        let along = b.matmul(dx, p);
        let inside = b.matmul(p, along);
        // E − E A P, and P Pᵀ of it.
        let (ea, ae) = (b.matmul(e, a), b.matmul(a, e));
        let eap = b.matmul(ea, p);
        let right = b.sub(e, eap);
        let right = b.product_tn(p, right);
        let right = b.matmul(p, right);
        let pae = b.matmul(p, ae);
        let left = b.sub(e, pae);
        let left = b.product_nt(left, p);
        let left = b.matmul(left, p);
        let outside = b.add(right, left);
        b.sub(outside, inside)
    }

    fn adjoint(&self, b: &mut Builder, x: &[Value], p: Value, _: usize, dy: Value, guarded: bool) -> Value {
        let a = x[0];
        let g = b.matrix_transposed(dy);
        let inside = b.product_tn(p, dy);
        let inside = b.product_nt(inside, p);
        let (pg, gp) = (b.matmul(p, g), b.matmul(g, p));
        let apg = b.matmul(a, pg);
        let right = b.sub(g, apg);
        let right = b.matmul(right, p);
        let right = b.product_nt(right, p);
        let gpa = b.matmul(gp, a);
        let left = b.sub(g, gpa);
        let left = b.matmul(p, left);
        let left = b.product_tn(p, left);
        let outside = b.add(right, left);
        let value = b.sub(outside, inside);
        if guarded { b.annihilated(value, &[dy]) } else { value }
    }
}
