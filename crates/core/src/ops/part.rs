//! Operations that take a part of a tensor or put parts together: slice, pad, concat. All are
//! linear; each states its transpose.

use super::batch::led;
use super::registry::only;
use super::shape::{bad, ints, naturals};
use super::*;
use crate::ir::{Attribute, Extent};
use crate::tensor::strides;

fn like_ndim(id: &'static str, op: &str, x: &[&Type]) -> Result<(), Violation> {
    match x.len() {
        1 | 2 => Ok(()),
        n => bad(id, format!("{op} must have 1 operand, or 2 with the one that gives the shape, got {n}")),
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "slice",
        summary: "elements `starts`, `starts + strides`, … below `limits` along each axis; a limit of -1 is the end, or with a second operand, whose shape the result takes, where that many are taken",
        example: "%y = tgraph.slice %x {starts = [0, 1], limits = [-1, 2]} : tensor<?x1xf64>",
        constraints: &[
            Constraint {
                id: "slice-1",
                law: "one operand, or a second that gives the shape; `starts`, `limits` and `strides` (1 if left out) have one number for each axis",
                mend: "give one start and one limit for each axis",
            },
            Constraint {
                id: "slice-2",
                law: "0 <= start <= limit <= extent, and stride >= 1",
                mend: "keep the slice inside the operand",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "slice-1", attributes, &["starts", "limits", "strides"])?;
            let starts = naturals(attributes, "starts", "slice-2")?;
            let limits: Vec<Option<usize>> =
                attributes.ints("limits").unwrap_or(&[]).iter().map(|&n| usize::try_from(n).ok()).collect();
            let strides = match attributes.get("strides") {
                Some(_) => naturals(attributes, "strides", "slice-2")?,
                None => vec![1; starts.len()],
            };
            Ok(Arc::new(Slice { starts, limits, strides }))
        },
    },
    Entry {
        name: "pad",
        summary: "puts +0 (false) before, after and between the elements; with a second operand, whose shape the result takes, `high` is what is left",
        example: "%y = tgraph.pad %x {low = [1], high = [2]} : tensor<7xf64>",
        constraints: &[
            Constraint {
                id: "pad-1",
                law: "one operand, or a second that gives the shape; `low`, `high` and `interior` (0 if left out) have one number for each axis",
                mend: "give one number for each axis",
            },
            Constraint {
                id: "pad-2",
                law: "the padded operand fits into the shape of the second operand",
                mend: "correct `low` and `interior`",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "pad-1", attributes, &["low", "high", "interior"])?;
            let low = naturals(attributes, "low", "pad-1")?;
            let or_zero = |key: &str| match attributes.get(key) {
                Some(_) => naturals(attributes, key, "pad-1"),
                None => Ok(vec![0; low.len()]),
            };
            let (high, interior) = (or_zero("high")?, or_zero("interior")?);
            Ok(Arc::new(Pad { low, high, interior }))
        },
    },
    Entry {
        name: "concat",
        summary: "the operands one after the other along `axis`",
        example: "%y = tgraph.concat %t, %x {axis = 1} : tensor<?x2xf64>",
        constraints: &[
            Constraint {
                id: "concat-1",
                law: "at least one operand, and `axis` is an axis of it",
                mend: "write `{axis = 1}`",
            },
            Constraint {
                id: "concat-2",
                law: "operands agree in dtype and in every extent but that along `axis`, which is static for all but the last",
                mend: "reshape or convert the operand that differs",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "concat-1", attributes, &["axis"])?;
            match attributes.int("axis").map(usize::try_from) {
                Some(Ok(axis)) => Ok(Arc::new(Concat { axis })),
                _ => bad("concat-1", "concat must have the attribute `axis`, 0 or more".into()),
            }
        },
    },
];

/// Elements from which on a view is not made in memory but read through where it is used; smaller ones cost more to plan for than to copy.
const WINDOW_MIN: usize = 1 << 13;

/// The row map of a view of an operand that lies whole.
fn window_rows(op: &dyn Rule, y: &Type) -> Option<Rows> {
    let large = y.static_shape()?.iter().product::<usize>() >= WINDOW_MIN && y.ndim() > 1;
    (large && y.dtype.is_float() && op.window().is_some())
        .then(|| Rows { operands: vec![RowUse::Whole], reduced: false })
}

// -------------------------------------------------------------------------------------- slice

/// A regular part of a tensor.
#[derive(Debug)]
pub struct Slice {
    /// First index along each axis.
    pub starts: Vec<usize>,
    /// One past the last index along each axis; `None` is the end.
    pub limits: Vec<Option<usize>>,
    /// Step along each axis, at least 1.
    pub strides: Vec<usize>,
}

impl Slice {
    /// Indices `range` of `axis`, everything along the other axes.
    pub fn along(ndim: usize, axis: usize, range: std::ops::Range<usize>) -> Slice {
        let mut slice = Slice { starts: vec![0; ndim], limits: vec![None; ndim], strides: vec![1; ndim] };
        slice.starts[axis] = range.start;
        slice.limits[axis] = Some(range.end);
        slice
    }

    /// The slice that takes as many elements along each open axis as `shape` has.
    fn of_shape(&self, shape: &[Extent]) -> Slice {
        let limits = (0..self.limits.len()).map(|axis| {
            let n = shape.get(axis)?.known()?;
            let last = n.saturating_sub(1).saturating_mul(self.strides[axis]);
            let end = self.starts[axis].saturating_add(last).saturating_add(n.min(1));
            Some(self.limits[axis].unwrap_or(end))
        });
        Slice { starts: self.starts.clone(), limits: limits.collect(), strides: self.strides.clone() }
    }

    /// The type of the slice of `x` that has the shape of `like`.
    fn infer_like(&self, x: &Type, like: &Type) -> Result<Vec<Type>, Violation> {
        let own = self.of_shape(&like.shape).infer(&[x])?.remove(0);
        match own.agrees(&like.with_dtype(x.dtype)) {
            true => Ok(vec![like.with_dtype(x.dtype)]),
            false => bad("slice-2", format!("slice of {x} must have the shape of {like}, got {own}")),
        }
    }

    fn is_whole(&self, x: &Type, axis: usize) -> bool {
        let whole = self.limits[axis].is_none_or(|limit| x.shape[axis] == Extent::Static(limit));
        whole && self.starts[axis] == 0 && self.strides[axis] == 1
    }
}

impl Rule for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn attributes(&self) -> Attributes {
        let limits = self.limits.iter().map(|l| l.map_or(-1, |n| n as i64)).collect();
        let attributes =
            Attributes::new().with("starts", ints(&self.starts)).with("limits", Attribute::Ints(limits));
        match self.strides.iter().all(|&s| s == 1) {
            true => attributes,
            false => attributes.with("strides", ints(&self.strides)),
        }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        like_ndim("slice-1", "slice", x)?;
        if let Some(like) = x.get(1) {
            return self.infer_like(x[0], like);
        }
        let x = x[0];
        let n = x.ndim();
        if [self.starts.len(), self.limits.len(), self.strides.len()] != [n; 3] {
            let got =
                format!("slice of {x} must have {n} starts, limits and strides, got {:?}", self.attributes());
            return bad("slice-1", got);
        }
        let mut shape = Vec::new();
        for axis in 0..n {
            let (start, limit, stride) = (self.starts[axis], self.limits[axis], self.strides[axis]);
            let end = limit.or(x.shape[axis].known());
            let inside = match (end, x.shape[axis].known()) {
                (Some(end), Some(extent)) => start <= end && end <= extent,
                (Some(end), None) => start <= end,
                _ => true,
            };
            if !inside || stride == 0 {
                let limit = limit.map_or("the end".into(), |l| l.to_string());
                return bad(
                    "slice-2",
                    format!(
                        "slice {start}..{limit} by {stride} must lie inside axis {axis} of {x}, got extent {}",
                        x.shape[axis]
                    ),
                );
            }
            shape.push(end.map_or(Extent::Dynamic, |end| Extent::Static((end - start).div_ceil(stride))));
        }
        if (0..n).all(|axis| self.is_whole(x, axis)) {
            return Ok(vec![x.clone()]);
        }
        Ok(vec![Type { dtype: x.dtype, shape }])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let types: Vec<Type> = x.iter().map(|x| x.ty()).collect();
        let ty = self.infer(&types.iter().collect::<Vec<_>>()).expect("verified").remove(0);
        let shape = ty.static_shape().expect("operands are static");
        let own = strides(x[0].shape());
        let steps: Vec<usize> = own.iter().zip(&self.strides).map(|(a, b)| a * b).collect();
        let offset = own.iter().zip(&self.starts).map(|(a, b)| a * b).sum();
        vec![x[0].gathered(&shape, &steps, offset)]
    }

    fn moves(&self) -> bool {
        true
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let ty = b.ty(x[0]);
        if let Some(&like) = x.get(1) {
            let shape = b.ty(like).static_shape()?.into_iter().map(Extent::Static).collect::<Vec<_>>();
            return Some(b.apply(Arc::new(self.of_shape(&shape)), &x[..1]));
        }
        (self.starts.len() == ty.ndim() && (0..ty.ndim()).all(|axis| self.is_whole(ty, axis))).then_some(x[0])
    }

    fn rows(&self, x: &[&Type], y: &Type) -> Option<Rows> {
        if x.len() > 1 || y.ndim() == 0 {
            return None;
        }
        if self.is_whole(x[0], 0) { Some(Rows::pointwise(1)) } else { window_rows(self, y) }
    }

    fn window(&self) -> Option<Vec<isize>> {
        let unit = self.strides.iter().all(|&stride| stride == 1);
        unit.then(|| self.starts.iter().map(|&start| start as isize).collect())
    }

    fn for_rows(&self, _: usize) -> Option<Op> {
        let mut limits = self.limits.clone();
        limits[0] = None;
        Some(Arc::new(Slice { starts: self.starts.clone(), limits, strides: self.strides.clone() }))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let (starts, strides) = (led(0, &self.starts), led(1, &self.strides));
        x.apply(b, Arc::new(Slice { starts, limits: led(None, &self.limits), strides }))
    }

    fn for_one_row(&self, x: &[&Type], _: &Type) -> Option<Op> {
        let (starts, strides) = (self.starts[1..].to_vec(), self.strides[1..].to_vec());
        self.is_whole(x[0], 0)
            .then(|| Arc::new(Slice { starts, limits: self.limits[1..].to_vec(), strides }) as Op)
    }

    fn kernel(&self) -> Kernel<'_> {
        match (self.starts.as_slice(), self.strides.last()) {
            ([0, start], Some(1)) => Kernel::Columns { start: *start },
            _ => Kernel::Opaque,
        }
    }
}

impl Linear for Slice {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        let n = self.starts.len();
        let interior = self.strides.iter().map(|s| s - 1).collect();
        b.apply(Arc::new(Pad { low: self.starts.clone(), high: vec![0; n], interior }), &[dy, x[0]])
    }
}

// ---------------------------------------------------------------------------------------- pad

/// Puts zeros around and between elements.
#[derive(Debug)]
pub struct Pad {
    /// Zeros before the first element of each axis.
    pub low: Vec<usize>,
    /// Zeros after the last element of each axis; with a second operand, what is left.
    pub high: Vec<usize>,
    /// Zeros between neighbours along each axis.
    pub interior: Vec<usize>,
}

impl Pad {
    fn extent(&self, axis: usize, n: usize) -> usize {
        // Saturating: what is too large is refused as a type, not by an overflow.
        let between = n.saturating_sub(1).saturating_mul(self.interior[axis]);
        self.low[axis].saturating_add(n).saturating_add(between).saturating_add(self.high[axis])
    }
}

impl Pad {
    /// Whether nothing is put before, behind or between rows.
    fn keeps_rows(&self, x: &Type, y: &Type) -> bool {
        self.low.first() == Some(&0) && x.shape.first() == y.shape.first()
    }
}

impl Rule for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new()
            .with("low", ints(&self.low))
            .with("high", ints(&self.high))
            .with("interior", ints(&self.interior))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        like_ndim("pad-1", "pad", x)?;
        let n = x[0].ndim();
        if [self.low.len(), self.high.len(), self.interior.len()] != [n; 3] {
            return bad("pad-1", format!("pad of {} must have {n} numbers in low, high and interior", x[0]));
        }
        let own: Vec<Option<usize>> =
            (0..n).map(|axis| x[0].shape[axis].known().map(|e| self.extent(axis, e))).collect();
        let Some(like) = x.get(1) else {
            return Ok(vec![Type::new(
                x[0].dtype,
                own.iter().map(|e| e.map_or(Extent::Dynamic, Extent::Static)),
            )]);
        };
        let fits = like.ndim() == n
            && own
                .iter()
                .zip(&like.shape)
                .all(|(own, like)| own.zip(like.known()).is_none_or(|(own, like)| own <= like));
        if !fits {
            return bad("pad-2", format!("padded {} must fit into {like}", x[0]));
        }
        Ok(vec![Type { dtype: x[0].dtype, shape: like.shape.clone() }])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let shape: Vec<usize> = match x.get(1) {
            Some(like) => like.shape().to_vec(),
            None => x[0].shape().iter().enumerate().map(|(axis, &n)| self.extent(axis, n)).collect(),
        };
        let own = strides(&shape);
        let mut y = Tensor::zeros(x[0].dtype(), shape);
        let steps: Vec<usize> = own.iter().zip(&self.interior).map(|(a, b)| a * (b + 1)).collect();
        y.scatter(x[0], &steps, own.iter().zip(&self.low).map(|(a, b)| a * b).sum());
        vec![y]
    }

    fn moves(&self) -> bool {
        true
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let from = b.ty(x[0]).static_shape()?;
        if let Some(&like) = x.get(1) {
            let to = b.ty(like).static_shape()?;
            let high = (0..to.len()).map(|a| self.high[a] + to[a].saturating_sub(self.extent(a, from[a])));
            let pad = Pad { low: self.low.clone(), high: high.collect(), interior: self.interior.clone() };
            return Some(b.apply(Arc::new(pad), &x[..1]));
        }
        let none = (0..from.len()).all(|axis| self.extent(axis, from[axis]) == from[axis]);
        none.then_some(x[0])
    }

    fn rows(&self, x: &[&Type], y: &Type) -> Option<Rows> {
        if !self.keeps_rows(x[0], y) {
            return window_rows(self, y).filter(|_| x.len() == 1);
        }
        Some(Rows { operands: [RowUse::Pointwise, RowUse::Shape][..x.len()].to_vec(), reduced: false })
    }

    fn window(&self) -> Option<Vec<isize>> {
        let dense = self.interior.iter().all(|&zeros| zeros == 0);
        dense.then(|| self.low.iter().map(|&low| -(low as isize)).collect())
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let (low, high, interior) = (led(0, &self.low), led(0, &self.high), led(0, &self.interior));
        x.apply(b, Arc::new(Pad { low, high, interior }))
    }

    fn for_one_row(&self, x: &[&Type], y: &Type) -> Option<Op> {
        let rest = |amounts: &[usize]| amounts[1..].to_vec();
        let (low, high, interior) = (rest(&self.low), rest(&self.high), rest(&self.interior));
        (x.len() == 1 && self.keeps_rows(x[0], y)).then(|| Arc::new(Pad { low, high, interior }) as Op)
    }
}

impl Linear for Pad {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        let strides = self.interior.iter().map(|i| i + 1).collect();
        let limits = vec![None; self.low.len()];
        b.apply(Arc::new(Slice { starts: self.low.clone(), limits, strides }), &[dy, x[0]])
    }
}

// ------------------------------------------------------------------------------------- concat

/// Operands one after the other along an axis.
#[derive(Debug)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Rule for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", Attribute::Int(self.axis as i64))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let Some((&first, rest)) = x.split_first() else {
            return bad("concat-1", "concat must have at least one operand".into());
        };
        if self.axis >= first.ndim() {
            return bad("concat-1", format!("axis must be below {}, got {}", first.ndim(), self.axis));
        }
        let mut shape = first.shape.clone();
        for &other in rest {
            let agrees = other.dtype == first.dtype
                && other.ndim() == first.ndim()
                && (0..first.ndim()).all(|a| a == self.axis || shape[a].agrees(other.shape[a]));
            let Some(before) = shape[self.axis].known().filter(|_| agrees) else {
                return bad(
                    "concat-2",
                    format!("{first} and {other} must agree but along axis {}", self.axis),
                );
            };
            for (axis, extent) in other.shape.iter().enumerate() {
                shape[axis] = match (axis == self.axis, extent) {
                    (true, Extent::Static(n)) => Extent::Static(before.saturating_add(*n)),
                    (true, Extent::Dynamic) => Extent::Dynamic,
                    (false, extent) => shape[axis].merge(*extent),
                };
            }
        }
        Ok(vec![Type { dtype: first.dtype, shape }])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let mut shape = x[0].shape().to_vec();
        shape[self.axis] = x.iter().map(|x| x.shape()[self.axis]).sum();
        let steps = strides(&shape);
        let mut y = Tensor::zeros(x[0].dtype(), shape);
        let mut at = 0;
        for part in x {
            y.scatter(part, &steps, at * steps[self.axis]);
            at += part.shape()[self.axis];
        }
        vec![y]
    }

    fn moves(&self) -> bool {
        true
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, _: &mut Builder, x: &[Value]) -> Option<Value> {
        (x.len() == 1).then(|| x[0])
    }

    fn rows(&self, x: &[&Type], _: &Type) -> Option<Rows> {
        (self.axis > 0).then(|| Rows::pointwise(x.len()))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Concat { axis: self.axis + 1 }))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(Concat { axis: self.axis.checked_sub(1)? }))
    }

    fn kernel(&self) -> Kernel<'_> {
        if self.axis == 1 { Kernel::ConcatColumns } else { Kernel::Opaque }
    }
}

impl Linear for Concat {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value) -> Value {
        let extent = |b: &Builder, v: Value| b.ty(v).shape[self.axis].known();
        let start: usize = x[..i].iter().map(|&v| extent(b, v).expect("static by concat-2")).sum();
        let ndim = b.ty(dy).ndim();
        let mut slice = Slice::along(ndim, self.axis, start..start);
        slice.limits[self.axis] = extent(b, x[i]).map(|n| start + n);
        b.apply(Arc::new(slice), &[dy])
    }
}
