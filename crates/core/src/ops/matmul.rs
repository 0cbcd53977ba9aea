//! Matrix product by law 4: bilinear, with transposed operands and batches.

use super::reduce::with_stable;
use super::registry::only;
use super::*;
use crate::ir::{Attribute, DType, Extent};
use crate::numerics::contract;

/// `op(A)·op(B)` over the last two axes, where op transposes on request; leading axes are a batch.
///
/// Each result element is the fma chain of law 4 over the contracted index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matmul {
    /// The left operand is stored transposed: K×M.
    pub transpose_a: bool,
    /// The right operand is stored transposed: N×K.
    pub transpose_b: bool,
    /// The operand whose zeros annihilate: terms where it is ±0 are left out of the chain, whatever
    /// stands in the other operand. Only derivatives behind a `select` use it.
    pub strong: Option<usize>,
    /// How each sum keeps its error small; `None` is [`Stable::Pairwise`], law 4. Another policy is that of [`Dot`], and so slower.
    pub stable: Option<Stable>,
}

pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "matmul",
    summary: "matrix product over the last two axes, either operand stored transposed on request; leading axes are a batch",
    example: "%y = tgraph.matmul %a, %b {transpose_b = true} : tensor<?x64xf64>",
    constraints: &[
        Constraint {
            id: "matmul-1",
            law: "two operands of one float dtype, with 2 or more axes, as many each; attributes `transpose_a`, `transpose_b`, `strong` (0 or 1), `stable` (\"pairwise\", the default, \"kahan\" or \"double_double\")",
            mend: "reshape a vector to a matrix with one row or column",
        },
        Constraint {
            id: "matmul-2",
            law: "the inner extents agree",
            mend: "transpose an operand with `{transpose_b = true}`, or correct its shape",
        },
        Constraint {
            id: "matmul-3",
            law: "the batch extents agree",
            mend: "broadcast the operand with the smaller batch",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "matmul-1", attributes, &["transpose_a", "transpose_b", "strong", "stable"])?;
        let strong = match attributes.int("strong") {
            None => None,
            Some(i @ 0..=1) => Some(i as usize),
            Some(i) => return Err(Violation::new("matmul-1", format!("strong must be 0 or 1, got {i}"))),
        };
        Ok(Arc::new(Matmul {
            transpose_a: attributes.flag("transpose_a").unwrap_or(false),
            transpose_b: attributes.flag("transpose_b").unwrap_or(false),
            strong,
            stable: Stable::parse(attributes, "matmul-1")?,
        }))
    },
}];

/// Extents of one product: A is M×K, B is K×N, the result M×N, `batch` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extents {
    /// Number of products.
    pub batch: usize,
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Contracted extent.
    pub k: usize,
}

impl Extents {
    /// Multiply-adds of all products.
    pub fn work(&self) -> usize {
        self.batch * self.m * self.n * self.k
    }
}

impl Matmul {
    /// The extents for operands of static shapes.
    pub fn extents(&self, a: &[usize], b: &[usize]) -> Extents {
        let (r, c) = (a.len() - 2, a.len() - 1);
        let (m, k) = if self.transpose_a { (a[c], a[r]) } else { (a[r], a[c]) };
        let n = if self.transpose_b { b[r] } else { b[c] };
        Extents { batch: a[..r].iter().product(), m, n, k }
    }

    /// The result's shape for a left operand of this shape.
    pub fn shape(&self, e: Extents, a: &[usize]) -> Vec<usize> {
        [&a[..a.len() - 2], &[e.m, e.n]].concat()
    }

    /// The policy, stated or not.
    pub fn stable(&self) -> Stable {
        self.stable.unwrap_or_default()
    }

    /// The operation for the cotangent of operand `i`, under the same policy: which operands, in order, and how.
    fn partial(&self, i: usize) -> (bool, Matmul) {
        let (ta, tb) = (self.transpose_a, self.transpose_b);
        // C = op(A) op(B):  dop(A) = dC op(B)ᵀ,  dop(B) = op(A)ᵀ dC.
        let (cotangent_first, transpose_a, transpose_b) = match (i, ta, tb) {
            (0, false, _) => (true, false, !tb),
            (0, true, _) => (false, tb, true),
            (_, _, false) => (false, !ta, false),
            (_, _, true) => (true, true, ta),
        };
        (cotangent_first, Matmul { transpose_a, transpose_b, strong: None, stable: self.stable })
    }
}

impl Rule for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        for (name, flag) in [("transpose_a", self.transpose_a), ("transpose_b", self.transpose_b)] {
            if flag {
                attributes.insert(name.to_string(), Attribute::Bool(true));
            }
        }
        if let Some(i) = self.strong {
            attributes.insert("strong".to_string(), Attribute::Int(i as i64));
        }
        with_stable(attributes, self.stable)
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[a, b] = x else {
            return Err(Violation::new("matmul-1", format!("matmul must have 2 operands, got {}", x.len())));
        };
        if a.ndim() < 2 || a.ndim() != b.ndim() || a.dtype != b.dtype || !a.dtype.is_float() {
            let got =
                format!("operands must be float matrices of one dtype and as many axes, got {a} and {b}");
            return Err(Violation::new("matmul-1", got));
        }
        let (r, c) = (a.ndim() - 2, a.ndim() - 1);
        let (m, ka) = if self.transpose_a { (a.shape[c], a.shape[r]) } else { (a.shape[r], a.shape[c]) };
        let (kb, n) = if self.transpose_b { (b.shape[c], b.shape[r]) } else { (b.shape[r], b.shape[c]) };
        if !ka.agrees(kb) {
            return Err(Violation::new("matmul-2", format!("inner extents must agree, got {ka} and {kb}"))
                .help("transpose an operand with `{transpose_a = true}` or `{transpose_b = true}`"));
        }
        let mut shape: Vec<Extent> = Vec::new();
        for (ea, eb) in a.shape[..r].iter().zip(&b.shape[..r]) {
            if !ea.agrees(*eb) {
                return Err(Violation::new(
                    "matmul-3",
                    format!("batch extents must agree, got {ea} and {eb}"),
                ));
            }
            shape.push(ea.merge(*eb));
        }
        shape.extend([m, n]);
        Ok(vec![Type { dtype: a.dtype, shape }])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let e = self.extents(x[0].shape(), x[1].shape());
        let shape = self.shape(e, x[0].shape());
        vec![match x[0].dtype() {
            DType::F32 => {
                Tensor::new(shape, contract::reference::<f32>(self, e, x[0].values(), x[1].values()))
            }
            _ => Tensor::new(shape, contract::reference::<f64>(self, e, x[0].values(), x[1].values())),
        }]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Bilinear(self)
    }

    /// A batch of which every product has the same right operand, or the same left one and a column, is one product of all rows. The default is not
    /// written.
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if self.stable == Some(Stable::default()) {
            return Some(b.apply(Arc::new(Matmul { stable: None, ..*self }), x));
        }
        let (left, right) = (b.ty(x[0]).static_shape()?, b.ty(x[1]).static_shape()?);
        let axes = left.len();
        if axes == 2 {
            return None;
        }
        let e = self.extents(&left, &right);
        let by_right = |b: &Builder| shared(b, x[1]).filter(|_| !self.transpose_a);
        let (rows, count, op, weights) = match (by_right(b), shared(b, x[0])) {
            (Some(weights), _) => (x[0], e.batch * e.m, *self, weights),
            // A x is the transpose of xᵀ Aᵀ.
            (None, Some(weights)) if e.n == 1 => {
                let strong = self.strong.map(|i| 1 - i);
                let op = Matmul { transpose_a: false, transpose_b: !self.transpose_a, strong, ..*self };
                (x[1], e.batch, op, weights)
            }
            _ => return None,
        };
        let rows = b.reshape(rows, &[count as i64, e.k as i64]);
        let product = b.apply(Arc::new(op), &[rows, weights]);
        let shape: Vec<i64> = self.shape(e, &left).iter().map(|&n| n as i64).collect();
        Some(b.reshape(product, &shape))
    }

    fn rows(&self, x: &[&Type], _: &Type) -> Option<Rows> {
        let batched = x[0].ndim() > 2;
        match (batched, self.transpose_a, self.transpose_b) {
            _ if self.stable() != Stable::Pairwise => None,
            (true, _, _) => Some(Rows::pointwise(2)),
            (false, false, _) => {
                Some(Rows { operands: vec![RowUse::Pointwise, RowUse::Whole], reduced: false })
            }
            (false, true, false) if self.strong.is_none() => {
                Some(Rows { operands: vec![RowUse::Pointwise; 2], reduced: true })
            }
            (false, true, _) => None,
        }
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn for_one_row(&self, x: &[&Type], _: &Type) -> Option<Op> {
        (x[0].ndim() > 2).then(|| Arc::new(*self) as Op)
    }

    fn kernel(&self) -> Kernel<'_> {
        match self.stable() {
            Stable::Pairwise => Kernel::Matmul(self),
            _ => Kernel::StableMatmul(self),
        }
    }
}

/// The matrix of which `x` is a repetition along all axes before its last two.
fn shared(b: &Builder, x: Value) -> Option<Value> {
    let node = b.graph().node_of(x)?;
    let Kernel::Broadcast { dims } = node.op.kernel() else { return None };
    let (shape, weights) = (b.ty(x).static_shape()?, node.operands[0]);
    let axes = shape.len();
    let whole = dims == [axes - 2, axes - 1] && b.ty(weights).static_shape()? == shape[axes - 2..];
    whole.then_some(weights)
}

impl Bilinear for Matmul {
    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value, guarded: bool) -> Value {
        let (cotangent_first, mut partial) = self.partial(i);
        let other = x[1 - i];
        let operands = if cotangent_first { [dy, other] } else { [other, dy] };
        if guarded || self.strong == Some(1 - i) {
            let cotangent = if cotangent_first { 0 } else { 1 };
            partial.strong = Some(if guarded { cotangent } else { 1 - cotangent });
        }
        b.apply(Arc::new(partial), &operands)
    }

    fn guards(&self, i: usize) -> bool {
        self.strong.is_some_and(|strong| strong != i)
    }
}
