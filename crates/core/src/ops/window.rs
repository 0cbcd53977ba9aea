//! A window whose place along an axis is computed: read by `dynamic_slice`, replaced by `dynamic_update_slice`. The
//! start is clamped so that the window lies inside, as in XLA; so nothing is out of bounds.

use super::registry::only;
use super::shape::bad;
use super::*;
use crate::ir::{Attribute, DType, Extent};
use crate::tensor::{Data, strides};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "dynamic_slice",
        summary: "`size` elements along `axis` from the index that the second operand, a scalar, gives; it is clamped so that they lie inside",
        example: "%y = tgraph.dynamic_slice %x, %i {axis = 0, size = 2} : tensor<2x3xf64>",
        constraints: &[
            Constraint {
                id: "dynamic_slice-1",
                law: "two operands, the second an integer scalar; `axis` is an axis of the first, and `size` is 0 or more",
                mend: "write `tgraph.dynamic_slice %x, %i {axis = 0, size = 2}`",
            },
            Constraint {
                id: "dynamic_slice-2",
                law: "`size` is at most the extent along `axis`",
                mend: "take a shorter slice",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "dynamic_slice-1", attributes, &["axis", "size"])?;
            let natural = |name: &str| attributes.int(name).and_then(|n| usize::try_from(n).ok());
            match (natural("axis"), natural("size")) {
                (Some(axis), Some(size)) => Ok(Arc::new(DynamicSlice { axis, size })),
                _ => bad("dynamic_slice-1", "dynamic_slice must have `axis` and `size`, 0 or more".into()),
            }
        },
    },
    Entry {
        name: "dynamic_update_slice",
        summary: "the first operand with the second in place of as many elements along `axis`, from the index that the third, a scalar, gives; it is clamped so that they lie inside",
        example: "%y = tgraph.dynamic_update_slice %x, %u, %i {axis = 0} : tensor<?x3xf64>",
        constraints: &[
            Constraint {
                id: "dynamic_update_slice-1",
                law: "three operands, the third an integer scalar; `axis` is an axis of the first",
                mend: "write `tgraph.dynamic_update_slice %x, %u, %i {axis = 0}`",
            },
            Constraint {
                id: "dynamic_update_slice-2",
                law: "the first two agree in dtype and in every extent but that along `axis`, where the second's is static and no longer",
                mend: "reshape, convert or shorten what is put in",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "dynamic_update_slice-1", attributes, &["axis"])?;
            match attributes.int("axis").map(usize::try_from) {
                Some(Ok(axis)) => Ok(Arc::new(DynamicUpdateSlice { axis })),
                _ => bad("dynamic_update_slice-1", "dynamic_update_slice must have `axis`, 0 or more".into()),
            }
        },
    },
];

/// Where a window of `size` begins in an axis of extent `n`: the index in `start`, clamped to 0..=n − size.
fn clamped(start: &Tensor, size: usize, n: usize) -> usize {
    let start = match start.data() {
        Data::I64(v) => i128::from(v[0]),
        Data::I32(v) => i128::from(v[0]),
        Data::U64(v) => i128::from(v[0]),
        Data::U32(v) => i128::from(v[0]),
        _ => unreachable!("an integer, by dynamic_slice-1 and dynamic_update_slice-1"),
    };
    start.clamp(0, (n - size) as i128) as usize
}

/// For each position of a batch, where its window of `size` begins along `axis` of `whole`.
fn starts(b: &mut Builder, start: Value, whole: Value, axis: usize, size: usize) -> Result<Value, Violation> {
    let index = b.iota_like(whole, DType::I64, axis);
    let extent = b.push(Arc::new(Size { axes: Some(vec![axis]) }), &[index])?[0];
    let size = b.number(DType::I64, size as f64);
    let last = b.sub(extent, size);
    // No extent is beyond 2^48, but an index of u64 may be beyond i64.
    let start = match b.ty(start).dtype {
        DType::U64 => {
            let bound = b.full_like(start, 2f64.powi(62));
            b.min(start, bound)
        }
        _ => start,
    };
    let start = b.convert(start, DType::I64);
    let (zero, last) = (b.zeros_like(start), b.broadcast_like(last, &[], start));
    let start = b.max(start, zero);
    Ok(b.min(start, last))
}

fn is_index(ty: &Type) -> bool {
    ty.dtype.is_integer() && ty.ndim() == 0
}

/// Windows along an axis other than the leading one are row by row; the index is the same for all rows.
fn rows_behind(axis: usize, operands: usize) -> Option<Rows> {
    let mut uses = vec![RowUse::Pointwise; operands];
    uses[operands - 1] = RowUse::Whole;
    (axis > 0).then_some(Rows { operands: uses, reduced: false })
}

/// A window of fixed size at a computed place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamicSlice {
    /// The axis.
    pub axis: usize,
    /// Its extent in the result.
    pub size: usize,
}

impl Rule for DynamicSlice {
    fn name(&self) -> &'static str {
        "dynamic_slice"
    }

    fn attributes(&self) -> Attributes {
        let (axis, size) = (Attribute::Int(self.axis as i64), Attribute::Int(self.size as i64));
        Attributes::new().with("axis", axis).with("size", size)
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x, start] = x else {
            return bad("dynamic_slice-1", format!("dynamic_slice must have 2 operands, got {}", x.len()));
        };
        if !is_index(start) || self.axis >= x.ndim() {
            let got = format!(
                "axis must be below {} and the index an integer scalar, got {} and {start}",
                x.ndim(),
                self.axis
            );
            return bad("dynamic_slice-1", got);
        }
        let extent = x.shape[self.axis];
        if extent.known().is_some_and(|n| n < self.size) {
            return bad("dynamic_slice-2", format!("size must be at most {extent}, got {}", self.size));
        }
        let mut y = x.clone();
        y.shape[self.axis] = Extent::Static(self.size);
        Ok(vec![y])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let (mut shape, own) = (x[0].shape().to_vec(), strides(x[0].shape()));
        let start = clamped(x[1], self.size, shape[self.axis]);
        shape[self.axis] = self.size;
        vec![x[0].gathered(&shape, &own, start * own[self.axis])]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn rows(&self, _: &[&Type], _: &Type) -> Option<Rows> {
        rows_behind(self.axis, 2)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        if !x.over[1] {
            return b.push(Arc::new(DynamicSlice { axis: self.axis + 1, size: self.size }), x.x);
        }
        // Every position has a place of its own: the window's indices.
        let from = x.with_axis(b, 0)?;
        let line = b.apply(Arc::new(Iota::new(Type::new(DType::I64, [self.size]), 0)), &[]);
        let start = starts(b, x.x[1], from, self.axis + 1, self.size)?;
        let offset = b.repeat(line, start)?;
        let start = b.push(Arc::new(Repeat { axis: 1, of: 0 }), &[start, line])?[0];
        let index = b.add(start, offset);
        b.push(Arc::new(Gather::new(self.axis + 1, 1)), &[from, index])
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(DynamicSlice { axis: self.axis.checked_sub(1)?, size: self.size }))
    }
}

impl Linear for DynamicSlice {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        let zeros = b.zeros_like(x[0]);
        b.apply(Arc::new(DynamicUpdateSlice { axis: self.axis }), &[zeros, dy, x[1]])
    }
}

/// A tensor with a window at a computed place replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamicUpdateSlice {
    /// The axis.
    pub axis: usize,
}

impl Rule for DynamicUpdateSlice {
    fn name(&self) -> &'static str {
        "dynamic_update_slice"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", Attribute::Int(self.axis as i64))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x, update, start] = x else {
            let got = format!("dynamic_update_slice must have 3 operands, got {}", x.len());
            return bad("dynamic_update_slice-1", got);
        };
        if !is_index(start) || self.axis >= x.ndim() {
            let got = format!(
                "axis must be below {} and the index an integer scalar, got {} and {start}",
                x.ndim(),
                self.axis
            );
            return bad("dynamic_update_slice-1", got);
        }
        let fits = |(axis, (&whole, &part)): (usize, (&Extent, &Extent))| match axis == self.axis {
            true => part.known().is_some_and(|part| whole.known().is_none_or(|whole| part <= whole)),
            false => whole.agrees(part),
        };
        let agrees = x.dtype == update.dtype && x.ndim() == update.ndim();
        if !agrees || !x.shape.iter().zip(&update.shape).enumerate().all(fits) {
            return bad(
                "dynamic_update_slice-2",
                format!("{update} must fit into {x} along axis {}", self.axis),
            );
        }
        let merged = x.shape.iter().zip(&update.shape).enumerate();
        let shape = merged.map(|(axis, (&x, &u))| if axis == self.axis { x } else { x.merge(u) });
        Ok(vec![Type::new(x.dtype, shape)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let own = strides(x[0].shape());
        let start = clamped(x[2], x[1].shape()[self.axis], x[0].shape()[self.axis]);
        let mut y = x[0].clone();
        y.scatter(x[1], &own, start * own[self.axis]);
        vec![y]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn rows(&self, _: &[&Type], _: &Type) -> Option<Rows> {
        rows_behind(self.axis, 3)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let (axis, whole) = (self.axis + 1, x.with_axis(b, 0)?);
        let update = x.with_axis(b, 1)?;
        if !x.over[2] {
            return b.push(Arc::new(DynamicUpdateSlice { axis }), &[whole, update, x.x[2]]);
        }
        // Every position has a place of its own: where it falls into the update.
        let size = b.ty(update).shape[axis].known().expect("static by dynamic_update_slice-2");
        let start = starts(b, x.x[2], whole, axis, size)?;
        let start = b.push(Arc::new(Repeat { axis: 1, of: axis }), &[start, whole])?[0];
        let place = b.iota_like(start, DType::I64, 1);
        let place = b.sub(place, start);
        let put = b.push(Arc::new(Gather::new(axis, 1)), &[update, place])?[0];
        let inside = b.full_like(place, size as f64);
        let inside = b.compare(Direction::Lt, place, inside);
        let zero = b.zeros_like(place);
        let behind = b.compare(Direction::Ge, place, zero);
        let inside = b.and(inside, behind);
        let inside = b.broadcast_like(inside, &[0, axis], whole);
        b.push(Arc::new(Select), &[inside, put, whole])
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(DynamicUpdateSlice { axis: self.axis.checked_sub(1)? }))
    }
}

impl Linear for DynamicUpdateSlice {
    fn is_linear_in(&self, i: usize) -> bool {
        i < 2
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value) -> Value {
        if i == 1 {
            let size = b.ty(x[1]).shape[self.axis].known().expect("static by dynamic_update_slice-2");
            return b.apply(Arc::new(DynamicSlice { axis: self.axis, size }), &[dy, x[2]]);
        }
        let zeros = b.zeros_like(x[1]);
        b.apply(Arc::new(DynamicUpdateSlice { axis: self.axis }), &[dy, zeros, x[2]])
    }
}
