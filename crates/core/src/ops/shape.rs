//! Operations that arrange elements anew and compute none: broadcast, reshape, transpose. All are
//! linear; each states its transpose.

use super::batch::{led, shape_of, shifted};
use super::registry::only;
use super::*;
use crate::ir::{Attribute, DType, Extent};
use crate::tensor::strides;

pub(super) fn bad<T>(id: &'static str, message: String) -> Result<T, Violation> {
    Err(Violation::new(id, message))
}

pub(super) fn ints(list: &[usize]) -> Attribute {
    Attribute::Ints(list.iter().map(|&n| n as i64).collect())
}

/// The attribute `name` as axes or extents, none of them negative.
pub(super) fn naturals(
    attributes: &Attributes,
    name: &str,
    id: &'static str,
) -> Result<Vec<usize>, Violation> {
    let list = attributes.ints(name).unwrap_or(&[]);
    let naturals: Option<Vec<usize>> = list.iter().map(|&n| usize::try_from(n).ok()).collect();
    naturals.ok_or_else(|| Violation::new(id, format!("`{name}` must hold no negative number, got {list:?}")))
}

// ---------------------------------------------------------------------------------- broadcast

/// Repeats a tensor along new axes and along axes of extent 1.
#[derive(Debug)]
pub struct Broadcast {
    /// The result axis of each operand axis, ascending.
    pub dims: Vec<usize>,
    /// The result shape; `None` takes the shape of a second operand.
    pub shape: Option<Vec<usize>>,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "broadcast",
        summary: "repeats along new axes and axes of extent 1; `dims` gives the result axis of each operand axis, `shape` or a second operand the result's shape",
        example: "%y = tgraph.broadcast %bias, %x {dims = [1]} : tensor<?x64xf64>",
        constraints: &[
            Constraint {
                id: "broadcast-1",
                law: "one operand and `shape`, or two operands, the second giving the shape",
                mend: "write `{dims = [1], shape = [10, 64]}` or name a value of the wanted shape",
            },
            Constraint {
                id: "broadcast-2",
                law: "`dims` has one ascending result axis for each operand axis",
                mend: "give `dims` as many axes as the operand has",
            },
            Constraint {
                id: "broadcast-3",
                law: "each operand extent is 1 or equals that of its result axis",
                mend: "reshape the operand or correct `dims`",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "broadcast-1", attributes, &["dims", "shape"])?;
            let dims = naturals(attributes, "dims", "broadcast-2")?;
            let shape = match attributes.get("shape") {
                Some(_) => Some(naturals(attributes, "shape", "broadcast-1")?),
                None => None,
            };
            Ok(Arc::new(Broadcast { dims, shape }))
        },
    },
    Entry {
        name: "ones_like",
        summary: "1 everywhere, with the shape and dtype of the operand",
        example: "%dy = tgraph.ones_like %x : tensor<?xf32>",
        constraints: &[Constraint {
            id: "ones_like-1",
            law: "one numeric operand and no attributes",
            mend: "write `tgraph.ones_like %x`",
        }],
        parse: |name, attributes, _, _| {
            only(name, "ones_like-1", attributes, &[])?;
            Ok(Arc::new(Fill { name: "ones_like", id: "ones_like-1", value: 1 }))
        },
    },
    Entry {
        name: "zeros_like",
        summary: "+0 everywhere, with the shape and dtype of the operand",
        example: "%z = tgraph.zeros_like %x : tensor<?xf32>",
        constraints: &[Constraint {
            id: "zeros_like-1",
            law: "one numeric operand and no attributes",
            mend: "write `tgraph.zeros_like %x`",
        }],
        parse: |name, attributes, _, _| {
            only(name, "zeros_like-1", attributes, &[])?;
            Ok(Arc::new(Fill { name: "zeros_like", id: "zeros_like-1", value: 0 }))
        },
    },
    Entry {
        name: "reshape",
        summary: "the same elements, row-major, under another shape; one extent may be -1, found from the others, or a second operand gives the shape; with `keep`, the first axes stay and `shape` is that of the others",
        example: "%y = tgraph.reshape %x {shape = [-1, 64]} : tensor<?x64xf64>",
        constraints: &[
            Constraint {
                id: "reshape-1",
                law: "one operand and `shape` with at most one -1, or two operands, the second giving the shape; `keep` (0 if left out) is for the first form, and at most the number of the operand's axes",
                mend: "write `{shape = [2, -1]}`",
            },
            Constraint {
                id: "reshape-2",
                law: "operand and result have as many elements",
                mend: "correct `shape`, or leave one extent as -1",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "reshape-1", attributes, &["shape", "keep"])?;
            let shape = attributes.ints("shape").map(<[i64]>::to_vec);
            match usize::try_from(attributes.int("keep").unwrap_or(0)) {
                Ok(keep) => Ok(Arc::new(Reshape { shape, keep })),
                Err(_) => bad("reshape-1", "`keep` must be 0 or more".into()),
            }
        },
    },
    Entry {
        name: "transpose",
        summary: "permutes axes: result axis `i` is operand axis `permutation[i]`",
        example: "%y = tgraph.transpose %x {permutation = [1, 0]} : tensor<3x2xf64>",
        constraints: &[
            Constraint {
                id: "transpose-1",
                law: "one operand and the attribute `permutation`",
                mend: "write `{permutation = [1, 0]}`",
            },
            Constraint {
                id: "transpose-2",
                law: "`permutation` names each axis once",
                mend: "list every axis of the operand, from 0",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "transpose-1", attributes, &["permutation"])?;
            Ok(Arc::new(Transpose { permutation: naturals(attributes, "permutation", "transpose-2")? }))
        },
    },
];

impl Rule for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }

    fn attributes(&self) -> Attributes {
        let attributes = Attributes::new().with("dims", ints(&self.dims));
        match &self.shape {
            Some(shape) => attributes.with("shape", ints(shape)),
            None => attributes,
        }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let shape: Vec<Extent> = match (x, &self.shape) {
            ([_], Some(shape)) => shape.iter().map(|&n| n.into()).collect(),
            ([_, like], None) => like.shape.clone(),
            _ => {
                let got = format!(
                    "broadcast must have 1 operand and `shape`, or 2 operands, got {} operands",
                    x.len()
                );
                return bad("broadcast-1", got);
            }
        };
        let ascending = self.dims.windows(2).all(|w| w[0] < w[1]);
        if self.dims.len() != x[0].ndim() || !ascending || self.dims.iter().any(|&d| d >= shape.len()) {
            let got = format!(
                "dims must name one ascending axis below {} for each axis of {}, got {:?}",
                shape.len(),
                x[0],
                self.dims
            );
            return bad("broadcast-2", got);
        }
        for (axis, &dim) in self.dims.iter().enumerate() {
            let (from, to) = (x[0].shape[axis], shape[dim]);
            if from != Extent::Static(1) && !from.agrees(to) {
                return bad("broadcast-3", format!("axis {axis} of {} must be 1 or {to}, got {from}", x[0]));
            }
        }
        Ok(vec![Type { dtype: x[0].dtype, shape }])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let shape = self.shape.clone().unwrap_or_else(|| x[1].shape().to_vec());
        let own = strides(x[0].shape());
        let mut steps = vec![0; shape.len()];
        for (axis, &dim) in self.dims.iter().enumerate() {
            steps[dim] = if x[0].shape()[axis] == 1 { 0 } else { own[axis] };
        }
        vec![x[0].gathered(&shape, &steps, 0)]
    }

    fn moves(&self) -> bool {
        true
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let shape = match &self.shape {
            Some(shape) => shape.clone(),
            None => b.ty(x[1]).static_shape()?,
        };
        if b.ty(x[0]).static_shape().as_ref() == Some(&shape) {
            return Some(x[0]);
        }
        self.shape
            .is_none()
            .then(|| b.apply(Arc::new(Broadcast { dims: self.dims.clone(), shape: Some(shape) }), &x[..1]))
    }

    fn rows(&self, x: &[&Type], y: &Type) -> Option<Rows> {
        let leading = *y.shape.first()?;
        let carries = self.dims.first() == Some(&0) && x[0].shape[0] == leading;
        let first = match carries {
            true => RowUse::Pointwise,
            // A unit leading axis is spread over the rows: the operand is needed whole.
            false => RowUse::Whole,
        };
        let operands = [first, RowUse::Shape][..x.len()].to_vec();
        Some(Rows { operands, reduced: false })
    }

    fn for_rows(&self, rows: usize) -> Option<Op> {
        let mut shape = self.shape.clone()?;
        shape[0] = rows;
        Some(Arc::new(Broadcast { dims: self.dims.clone(), shape: Some(shape) }))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let like = match &self.shape {
            None => x.with_axis(b, 1)?,
            Some(shape) => {
                let one = shape_of(b, b.ty(x.lead()).dtype, shape)?;
                b.repeat(one, x.lead())?
            }
        };
        let dims = shifted(&self.dims);
        let dims = if x.over[0] { led(0, &dims) } else { dims };
        b.push(Arc::new(Broadcast { dims, shape: None }), &[x.x[0], like])
    }

    fn for_one_row(&self, x: &[&Type], y: &Type) -> Option<Op> {
        let shape = self.shape.as_ref()?[1..].to_vec();
        let dims = match self.rows(x, y)?.operands[0] {
            RowUse::Pointwise => &self.dims[1..],
            _ => &self.dims[..],
        };
        // A whole operand with a unit leading axis has no place on one row.
        let dims = dims.iter().map(|dim| dim.checked_sub(1)).collect::<Option<_>>()?;
        Some(Arc::new(Broadcast { dims, shape: Some(shape) }))
    }

    fn every_row(&self, _: &Type) -> Option<Vec<usize>> {
        self.dims.iter().map(|dim| dim.checked_sub(1)).collect()
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Broadcast { dims: &self.dims }
    }
}

impl Linear for Broadcast {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        let (from, to) = (b.ty(x[0]).clone(), b.ty(dy).clone());
        let spread = |dim: usize| match self.dims.iter().position(|&d| d == dim) {
            None => true,
            Some(axis) => from.shape[axis] == Extent::Static(1) && to.shape[dim] != Extent::Static(1),
        };
        let axes: Vec<usize> = (0..to.ndim()).filter(|&dim| spread(dim)).collect();
        let sum = b.sum(dy, &axes);
        b.reshape_like(sum, x[0])
    }
}

// --------------------------------------------------------------------------------------- fill

/// `ones_like`, `zeros_like`.
#[derive(Debug)]
pub struct Fill {
    name: &'static str,
    id: &'static str,
    value: u8,
}

impl Rule for Fill {
    fn name(&self) -> &'static str {
        self.name
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        match x {
            [x] if x.dtype != DType::Bool => Ok(vec![(*x).clone()]),
            [x] => bad(self.id, format!("{} must have a numeric operand, got {x}", self.name)),
            _ => bad(self.id, format!("{} must have 1 operand, got {}", self.name, x.len())),
        }
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        Some(vec![b.full_like(x[0], self.value as f64)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Fill { name: self.name, id: self.id, value: self.value }))
    }
}

// ------------------------------------------------------------------------------------ reshape

/// The same elements under another shape.
#[derive(Debug)]
pub struct Reshape {
    /// The result shape, one extent of which may be −1; `None` takes the shape of a second operand.
    pub shape: Option<Vec<i64>>,
    /// How many leading axes stay as they are: `shape` is that of the axes behind them.
    pub keep: usize,
}

impl Reshape {
    /// To `shape`, one extent of which may be −1.
    pub fn to(shape: &[i64]) -> Reshape {
        Reshape { shape: Some(shape.to_vec()), keep: 0 }
    }

    /// To the shape of a second operand.
    pub fn like() -> Reshape {
        Reshape { shape: None, keep: 0 }
    }

    /// The axes behind those that stay.
    fn changed(&self, x: &Type) -> Type {
        Type::new(x.dtype, x.shape[self.keep..].iter().copied())
    }
}

impl Rule for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn attributes(&self) -> Attributes {
        let attributes = match &self.shape {
            Some(shape) => Attributes::new().with("shape", Attribute::Ints(shape.clone())),
            None => Attributes::new(),
        };
        if self.keep == 0 { attributes } else { attributes.with("keep", Attribute::Int(self.keep as i64)) }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        if self.keep > 0 {
            let (&[x], Some(shape)) = (x, &self.shape) else {
                return bad("reshape-1", "reshape with `keep` must have 1 operand and `shape`".into());
            };
            if self.keep > x.ndim() {
                let got = format!("keep must be at most the axes of {x}, got {}", self.keep);
                return bad("reshape-1", got);
            }
            let rest = Reshape::to(shape).infer(&[&self.changed(x)])?.remove(0);
            return Ok(vec![Type::new(x.dtype, x.shape[..self.keep].iter().copied().chain(rest.shape))]);
        }
        let count =
            |shape: &[Extent]| shape.iter().map(|e| e.known()).try_fold(1usize, |n, e| n.checked_mul(e?));
        let total = x.first().and_then(|x| count(&x.shape));
        let mut shape: Vec<Extent> = match (x, &self.shape) {
            ([_], Some(shape))
                if shape.iter().filter(|&&n| n == -1).count() <= 1 && shape.iter().all(|&n| n >= -1) =>
            {
                shape.iter().map(|&n| usize::try_from(n).map_or(Extent::Dynamic, Extent::Static)).collect()
            }
            ([_, like], None) => like.shape.clone(),
            _ => {
                let got = format!(
                    "reshape must have 1 operand and `shape` with at most one -1, or 2 operands, got {} operands and shape {:?}",
                    x.len(),
                    self.shape.as_deref().unwrap_or(&[])
                );
                return bad("reshape-1", got);
            }
        };
        let open = shape.iter().position(|e| e.known().is_none());
        let rest: Vec<Extent> = shape.iter().copied().filter(|e| e.known().is_some()).collect();
        if let (Some(total), Some(axis), true) = (total, open, rest.len() + 1 == shape.len()) {
            let rest = count(&rest).unwrap_or(0);
            if rest > 0 && total % rest == 0 {
                shape[axis] = Extent::Static(total / rest);
            } else if rest > 0 || total > 0 || x.len() == 1 {
                // Nothing fits rows of nothing, however many they are; the second operand will say.
                return bad("reshape-2", format!("{} must divide into rows of {rest}", x[0]));
            }
        }
        // Where extents are open, those that are known must still divide the number of elements.
        let known =
            |shape: &[Extent]| shape.iter().filter_map(|e| e.known()).try_fold(1usize, usize::checked_mul);
        for (whole, parts) in [(total, known(&shape)), (count(&shape), known(&x[0].shape))] {
            if let (Some(whole), Some(parts)) = (whole, parts)
                && (if parts == 0 { whole != 0 } else { whole % parts != 0 })
            {
                return bad(
                    "reshape-2",
                    format!("{whole} elements must divide into rows of {parts}, for {}", x[0]),
                );
            }
        }
        match (total, count(&shape)) {
            (Some(from), Some(to)) if from != to => bad(
                "reshape-2",
                format!("{} has {from} elements, which must be as many as the result's, got {to}", x[0]),
            ),
            _ => Ok(vec![Type { dtype: x[0].dtype, shape }]),
        }
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let types: Vec<Type> = x.iter().map(|x| x.ty()).collect();
        let ty = self.infer(&types.iter().collect::<Vec<_>>()).expect("verified").remove(0);
        vec![x[0].clone().reshaped(ty.static_shape().expect("operands are static"))]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let to = match &self.shape {
            None => b.ty(x[1]).static_shape()?,
            Some(_) => self.infer(&[b.ty(x[0])]).ok()?[0].static_shape()?,
        };
        if b.ty(x[0]).static_shape().as_ref() == Some(&to) {
            return Some(x[0]);
        }
        let shape: Vec<i64> = to.iter().map(|&n| n as i64).collect();
        (self.shape.as_ref() != Some(&shape) || self.keep > 0)
            .then(|| b.apply(Arc::new(Reshape::to(&shape)), &x[..1]))
    }

    fn rows(&self, x: &[&Type], y: &Type) -> Option<Rows> {
        // Of no rows any two shapes are as large, but their rows need not be.
        let of_row = |ty: &Type| Some(ty.static_shape()?[1..].iter().product::<usize>());
        let keeps = x[0].shape.first()? == y.shape.first()? && of_row(x[0])? == of_row(y)?;
        keeps.then(|| Rows {
            operands: [RowUse::Pointwise, RowUse::Shape][..x.len()].to_vec(),
            reduced: false,
        })
    }

    fn for_rows(&self, rows: usize) -> Option<Op> {
        let mut shape = self.shape.clone()?;
        shape[0] = rows as i64;
        Some(Arc::new(Reshape::to(&shape)))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let keep = self.shape.as_ref().map_or(0, |_| self.keep + 1);
        x.apply(b, Arc::new(Reshape { shape: self.shape.clone(), keep }))
    }

    fn for_one_row(&self, _: &[&Type], y: &Type) -> Option<Op> {
        let shape: Vec<i64> = y.static_shape()?[1..].iter().map(|&n| n as i64).collect();
        Some(Arc::new(Reshape::to(&shape)))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Reshape
    }
}

impl Linear for Reshape {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        b.reshape_like(dy, x[0])
    }
}

// ---------------------------------------------------------------------------------- transpose

/// Permutes axes.
#[derive(Debug)]
pub struct Transpose {
    /// Operand axis of each result axis.
    pub permutation: Vec<usize>,
}

impl Rule for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("permutation", ints(&self.permutation))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x] = x else {
            return bad("transpose-1", format!("transpose must have 1 operand, got {}", x.len()));
        };
        let mut sorted = self.permutation.clone();
        sorted.sort_unstable();
        if sorted != (0..x.ndim()).collect::<Vec<_>>() {
            let got = format!("permutation must name each axis of {x} once, got {:?}", self.permutation);
            return bad("transpose-2", got);
        }
        Ok(vec![Type::new(x.dtype, self.permutation.iter().map(|&p| x.shape[p]))])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let own = strides(x[0].shape());
        let shape: Vec<usize> = self.permutation.iter().map(|&p| x[0].shape()[p]).collect();
        let steps: Vec<usize> = self.permutation.iter().map(|&p| own[p]).collect();
        vec![x[0].gathered(&shape, &steps, 0)]
    }

    fn moves(&self) -> bool {
        true
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if self.permutation.is_sorted() {
            return Some(x[0]);
        }
        let inner = b.graph().node_of(x[0])?;
        if inner.op.name() != self.name() {
            return None;
        }
        let first = inner.op.attributes().ints("permutation")?.to_vec();
        let source = inner.operands[0];
        let permutation = self.permutation.iter().map(|&p| first[p] as usize).collect();
        Some(b.apply(Arc::new(Transpose { permutation }), &[source]))
    }

    fn rows(&self, _: &[&Type], _: &Type) -> Option<Rows> {
        (self.permutation.first() == Some(&0)).then(|| Rows::pointwise(1))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let permutation = led(0, &shifted(&self.permutation));
        x.apply(b, Arc::new(Transpose { permutation }))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        let permutation =
            self.permutation[1..].iter().map(|axis| axis.checked_sub(1)).collect::<Option<_>>()?;
        Some(Arc::new(Transpose { permutation }))
    }
}

impl Linear for Transpose {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, dy: Value) -> Value {
        let mut permutation = vec![0; self.permutation.len()];
        for (to, &from) in self.permutation.iter().enumerate() {
            permutation[from] = to;
        }
        b.apply(Arc::new(Transpose { permutation }), &[dy])
    }
}
