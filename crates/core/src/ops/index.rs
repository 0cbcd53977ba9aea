//! Taking rows of an operand by computed indices, and adding rows to computed places: `gather` and `scatter_add`,
//! each the transpose of the other.
//!
//! `gather` is the product with the matrix whose row k is 1 at index k and 0 elsewhere, without its additions. So an
//! index outside the operand, whose row of that matrix would be empty, gives +0, and `scatter_add` leaves out what
//! such an index would add: the two stay each other's transpose, padding may be marked by −1, and nothing is read or
//! written out of bounds. (A clamped index would take or add the wrong row without a word.)

use super::registry::only;
use super::shape::bad;
use super::*;
use crate::each_dtype;
use crate::ir::{Attribute, DType, Extent};
use crate::numerics::dispatch::Level;
use crate::numerics::tree;
use crate::tensor::{Data, Element};

/// Where indices point: along `axis` of each of the problems that the first `batch` axes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Along {
    axis: usize,
    batch: usize,
}

impl Along {
    fn parse(attributes: &Attributes, id: &'static str) -> Result<Along, Violation> {
        let natural = |name: &str| usize::try_from(attributes.int(name).unwrap_or(0));
        match (natural("axis"), natural("batch")) {
            (Ok(axis), Ok(batch)) if batch <= axis => Ok(Along { axis, batch }),
            _ => bad(id, "`axis` and `batch` must be 0 or more, and `batch` at most `axis`".into()),
        }
    }

    fn attributes(self) -> Attributes {
        let attributes = Attributes::new().with("axis", Attribute::Int(self.axis as i64));
        if self.batch == 0 { attributes } else { attributes.with("batch", Attribute::Int(self.batch as i64)) }
    }

    /// What breaks where `x` has no such axis, or `index` is no tensor of integers with the same first axes.
    fn check(self, id: &'static str, x: &Type, index: &Type) -> Result<(), Violation> {
        if self.axis >= x.ndim() {
            return bad(id, format!("axis must be below {}, got {}", x.ndim(), self.axis));
        }
        let same = |axis: usize| index.shape.get(axis).is_some_and(|&extent| extent.agrees(x.shape[axis]));
        if !index.dtype.is_integer() || !(0..self.batch).all(same) {
            let got =
                format!("indices must be integers with the first {} axes of {x}, got {index}", self.batch);
            return bad(id, got);
        }
        Ok(())
    }

    /// The shape of `x` with the axis replaced by the axes of `index` behind the shared ones.
    fn rows_of<T: Copy>(self, x: &[T], index: &[T]) -> Vec<T> {
        [&x[..self.axis], &index[self.batch..], &x[self.axis + 1..]].concat()
    }

    /// The shape of what the indices point into, from that of its rows: the inverse of [`Along::rows_of`].
    fn whole_of<T: Copy>(self, rows: &[T], index: &[T], extent: T) -> Vec<T> {
        let behind = self.axis + index.len() - self.batch;
        [&rows[..self.axis], &[extent], &rows[behind..]].concat()
    }

    /// Extents for loops over a tensor of `shape` that indices of `index` point into.
    fn extents(self, shape: &[usize], index: &[usize]) -> Extents {
        let product = |part: &[usize]| part.iter().product::<usize>();
        Extents {
            batch: product(&shape[..self.batch]),
            outer: product(&shape[self.batch..self.axis]),
            n: shape[self.axis],
            inner: product(&shape[self.axis + 1..]),
            count: product(&index[self.batch..]),
        }
    }

    /// The same behind a batch axis, which counts more of the problems with indices of their own.
    fn batched(self) -> Along {
        Along { axis: self.axis + 1, batch: self.batch + 1 }
    }

    fn on_one_row(self, index: &Type) -> Option<Along> {
        match (self.batch, self.axis) {
            (0, 0) => (index.ndim() > 0).then_some(self),
            (0, axis) => Some(Along { axis: axis - 1, batch: 0 }),
            (batch, axis) => Some(Along { axis: axis - 1, batch: batch - 1 }),
        }
    }
}

/// Loops over (batch, outer, n, inner) by (batch, count) indices.
struct Extents {
    batch: usize,
    outer: usize,
    n: usize,
    inner: usize,
    count: usize,
}

impl Extents {
    /// Every pair of a place in the rows and one in the whole, as starts of `inner` elements; rows whose index points
    /// outside are left out.
    fn each(&self, index: &[Option<usize>], mut visit: impl FnMut(usize, usize)) {
        for outer in 0..self.batch * self.outer {
            let indices = &index[outer / self.outer * self.count..][..self.count];
            for (k, i) in indices.iter().enumerate() {
                if let Some(i) = i {
                    visit((outer * self.count + k) * self.inner, (outer * self.n + i) * self.inner);
                }
            }
        }
    }
}

/// The elements of a tensor of integers as indices below `n`.
fn indices(tensor: &Tensor, n: usize) -> Vec<Option<usize>> {
    macro_rules! convert {
        ($v:expr) => {
            $v.iter().map(|&i| usize::try_from(i).ok().filter(|&i| i < n)).collect()
        };
    }
    match tensor.data() {
        Data::I64(v) => convert!(v),
        Data::I32(v) => convert!(v),
        Data::U64(v) => convert!(v),
        Data::U32(v) => convert!(v),
        _ => unreachable!("integers, by gather-2 and scatter_add-2"),
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "gather",
        summary: "the parts of `x` at the given indices along `axis` (0 if left out), where the axes of the indices then stand; +0 (false) for an index outside; the first `batch` axes count problems that have indices of their own",
        example: "%y = tgraph.gather %x, %i {axis = 1} : tensor<?x5xf64>",
        constraints: &[
            Constraint {
                id: "gather-1",
                law: "two operands; `axis` is an axis of the first, and `batch` at most `axis`",
                mend: "write `tgraph.gather %x, %i {axis = 0}`",
            },
            Constraint {
                id: "gather-2",
                law: "the indices are integers and share the first `batch` axes with the first operand",
                mend: "convert the indices with `tgraph.convert`, or correct `batch`",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "gather-1", attributes, &["axis", "batch"])?;
            Ok(Arc::new(Gather { along: Along::parse(attributes, "gather-1")? }))
        },
    },
    Entry {
        name: "scatter_add",
        summary: "zeros to which the parts of the first operand are added at the given indices along `axis` (0 if left out), each element in the order of the indices and by the law of sums; what an index outside would add is left out; `extent` or a third operand, of the result's shape, says how long the axis is",
        example: "%y = tgraph.scatter_add %u, %i, %x {axis = 0} : tensor<?x3xf64>",
        constraints: &[
            Constraint {
                id: "scatter_add-1",
                law: "two operands and `extent`, or three, the third giving the shape; the first numeric; `axis` is an axis of the result, and `batch` at most `axis`",
                mend: "write `tgraph.scatter_add %u, %i {axis = 0, extent = 10}`",
            },
            Constraint {
                id: "scatter_add-2",
                law: "the indices are integers and share the first `batch` axes with the result",
                mend: "convert the indices with `tgraph.convert`, or correct `batch`",
            },
            Constraint {
                id: "scatter_add-3",
                law: "the first operand has the shape that `gather` of the result at these indices has",
                mend: "correct the shape of what is added",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "scatter_add-1", attributes, &["axis", "batch", "extent"])?;
            let extent = match attributes.int("extent").map(usize::try_from) {
                None => None,
                Some(Ok(extent)) => Some(extent),
                Some(Err(_)) => return bad("scatter_add-1", "`extent` must be 0 or more".into()),
            };
            Ok(Arc::new(ScatterAdd { along: Along::parse(attributes, "scatter_add-1")?, extent }))
        },
    },
    Entry {
        name: "one_hot",
        summary: "1 at each index and 0 elsewhere, along a new last axis of extent `extent`; nothing for an index outside",
        example: "%y = tgraph.one_hot %labels {extent = 10, to = \"f32\"} : tensor<?x10xf32>",
        constraints: &[Constraint {
            id: "one_hot-1",
            law: "one operand of integers; `extent`, 0 or more, and `to`, a dtype in quotes",
            mend: "write `tgraph.one_hot %i {extent = 10, to = \"f64\"}`",
        }],
        parse: |name, attributes, _, _| {
            only(name, "one_hot-1", attributes, &["extent", "to"])?;
            let extent = attributes.int("extent").and_then(|n| usize::try_from(n).ok());
            match (extent, attributes.text("to").and_then(DType::from_name)) {
                (Some(extent), Some(to)) => Ok(Arc::new(OneHot { extent, to })),
                _ => bad(
                    "one_hot-1",
                    "one_hot must have `extent`, 0 or more, and `to`, a dtype in quotes".into(),
                ),
            }
        },
    },
];

// ------------------------------------------------------------------------------------- gather

/// Parts of an operand by index: `y[b, o, k.., i] = x[b, o, index[b, k..], i]`.
#[derive(Clone, Copy, Debug)]
pub struct Gather {
    along: Along,
}

impl Gather {
    /// Along `axis`; the first `batch` axes, at most `axis`, are shared with the indices.
    pub fn new(axis: usize, batch: usize) -> Gather {
        Gather { along: Along { axis, batch } }
    }
}

impl Rule for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn attributes(&self) -> Attributes {
        self.along.attributes()
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x, index] = x else {
            return bad("gather-1", format!("gather must have 2 operands, got {}", x.len()));
        };
        self.along.check(if self.along.axis < x.ndim() { "gather-2" } else { "gather-1" }, x, index)?;
        Ok(vec![Type::new(x.dtype, self.along.rows_of(&x.shape, &index.shape))])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let extents = self.along.extents(x[0].shape(), x[1].shape());
        let index = indices(x[1], extents.n);
        let mut y = Tensor::zeros(x[0].dtype(), self.along.rows_of(x[0].shape(), x[1].shape()));
        let n = extents.inner;
        each_dtype!(y.data_mut(), y => {
            let x = Element::slice(x[0].data()).expect("one dtype");
            match n {
                1 => extents.each(&index, |to, from| y[to] = x[from]),
                _ => extents.each(&index, |to, from| y[to..to + n].copy_from_slice(&x[from..from + n])),
            }
        });
        vec![y]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn rows(&self, x: &[&Type], y: &Type) -> Option<Rows> {
        let operands = match (self.along.batch, self.along.axis) {
            (0, 0) if x[1].ndim() == 0 => return None,
            (0, 0) => vec![RowUse::Whole, RowUse::Pointwise],
            (0, _) => vec![RowUse::Pointwise, RowUse::Whole],
            _ => vec![RowUse::Pointwise; 2],
        };
        (y.ndim() > 0).then_some(Rows { operands, reduced: false })
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let (axis, batch) = (self.along.axis, self.along.batch);
        let along = match (x.over, axis, batch) {
            // Indices that all positions share stay as they are, and so does an operand whose rows are taken.
            ([true, false], _, 0) => Along { axis: axis + 1, batch: 0 },
            ([false, true], 0, 0) => self.along,
            _ => return x.apply(b, Arc::new(Gather { along: self.along.batched() })),
        };
        b.push(Arc::new(Gather { along }), x.x)
    }

    fn for_one_row(&self, x: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(Gather { along: self.along.on_one_row(x[1])? }))
    }

    fn kernel(&self) -> Kernel<'_> {
        if self.along.axis == 0 { Kernel::Gather } else { Kernel::Opaque }
    }
}

impl Linear for Gather {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        b.apply(Arc::new(ScatterAdd { along: self.along, extent: None }), &[dy, x[1], x[0]])
    }
}

// -------------------------------------------------------------------------------- scatter_add

/// The sums of parts by the index that they go to: the transpose of [`Gather`].
#[derive(Clone, Copy, Debug)]
pub struct ScatterAdd {
    along: Along,
    /// The result's extent along the axis; `None` takes the shape of a third operand.
    extent: Option<usize>,
}

impl ScatterAdd {
    /// Along `axis`; the first `batch` axes, at most `axis`, are shared with the indices. Without an `extent` a third
    /// operand gives the result's shape.
    pub fn new(axis: usize, batch: usize, extent: Option<usize>) -> ScatterAdd {
        ScatterAdd { along: Along { axis, batch }, extent }
    }

    /// The result's shape.
    fn whole(&self, x: &[&Type]) -> Result<Vec<Extent>, Violation> {
        let Along { axis, batch } = self.along;
        match (x, self.extent) {
            (&[_, _, like], None) if axis < like.ndim() => Ok(like.shape.clone()),
            (&[parts, index], Some(extent))
                if batch <= index.ndim() && axis + index.ndim() - batch <= parts.ndim() =>
            {
                Ok(self.along.whole_of(&parts.shape, &index.shape, extent.into()))
            }
            (&[_, like], Some(_)) | (&[_, _, like], None) => {
                bad("scatter_add-1", format!("axis must be one of the result, got {axis} for {like}"))
            }
            _ => {
                let got = format!("scatter_add must have 2 operands and `extent`, or 3, got {}", x.len());
                bad("scatter_add-1", got)
            }
        }
    }

    /// For each element of the result, the law-3 sum of what goes there, in the order of the indices.
    fn sums<T: Element>(
        extents: &Extents,
        index: &[Option<usize>],
        parts: &[T],
        sum: impl Fn(&mut [T]) -> T,
    ) -> Vec<T> {
        let &Extents { batch, outer, n, inner, count } = extents;
        let mut y = vec![T::default(); batch * outer * n * inner];
        let mut line = Vec::new();
        for problem in 0..batch * outer {
            // All problems of a batch have its indices.
            let places = Places::of(&index[problem / outer * count..][..count], n);
            let parts = &parts[problem * count * inner..][..count * inner];
            let y = &mut y[problem * n * inner..][..n * inner];
            for (to, group) in places.groups() {
                let y = &mut y[to * inner..][..inner];
                if let &[from] = group {
                    y.copy_from_slice(&parts[from * inner..][..inner]);
                    continue;
                }
                for (i, y) in y.iter_mut().enumerate() {
                    line.clear();
                    line.extend(group.iter().map(|&from| parts[from * inner + i]));
                    *y = sum(&mut line);
                }
            }
        }
        y
    }
}

/// Indices by the places that they name, those of a place in their order.
struct Places {
    /// Where the indices of each place begin, and where the last ones end.
    starts: Vec<usize>,
    order: Vec<usize>,
}

impl Places {
    /// Those below `n`, by counting.
    fn of(index: &[Option<usize>], n: usize) -> Places {
        let mut starts = vec![0; n + 1];
        index.iter().flatten().for_each(|&i| starts[i + 1] += 1);
        (0..n).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let mut order = vec![0; starts[n]];
        for (k, i) in index.iter().enumerate().filter_map(|(k, i)| Some((k, (*i)?))) {
            order[next[i]] = k;
            next[i] += 1;
        }
        Places { starts, order }
    }

    /// The places that are named, with their indices.
    fn groups(&self) -> impl Iterator<Item = (usize, &[usize])> {
        let groups = self.starts.windows(2).map(|ends| &self.order[ends[0]..ends[1]]);
        groups.enumerate().filter(|(_, group)| !group.is_empty())
    }
}

impl Rule for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn attributes(&self) -> Attributes {
        match self.extent {
            None => self.along.attributes(),
            Some(extent) => self.along.attributes().with("extent", Attribute::Int(extent as i64)),
        }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let whole = self.whole(x)?;
        let (parts, index) = (x[0], x[1]);
        if parts.dtype == DType::Bool {
            return bad("scatter_add-1", format!("what is added must be numbers, got {parts}"));
        }
        let whole = Type { dtype: parts.dtype, shape: whole };
        self.along.check("scatter_add-2", &whole, index)?;
        let rows = Type::new(parts.dtype, self.along.rows_of(&whole.shape, &index.shape));
        if !rows.agrees(parts) {
            return bad("scatter_add-3", format!("what is added must be {rows}, got {parts}"));
        }
        let known = self.along.whole_of(&parts.shape, &index.shape, whole.shape[self.along.axis]);
        let merged = whole.shape.iter().zip(known).map(|(a, b)| a.merge(b));
        Ok(vec![Type::new(parts.dtype, merged)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let extent = self.extent.unwrap_or_else(|| x[2].shape()[self.along.axis]);
        let shape = self.along.whole_of(x[0].shape(), x[1].shape(), extent);
        let extents = self.along.extents(&shape, x[1].shape());
        let index = indices(x[1], extents.n);
        macro_rules! sums {
            ($v:expr, $sum:expr) => {
                Element::wrap(Self::sums(&extents, &index, $v, $sum))
            };
        }
        let level = Level::current();
        let data = match x[0].data() {
            Data::F64(v) => sums!(v, |line| tree::sum_of_line(level, line)),
            Data::F32(v) => sums!(v, |line| tree::sum_of_line(level, line)),
            Data::I64(v) => sums!(v, |line| line.iter().fold(0, |a, b| a.wrapping_add(*b))),
            Data::I32(v) => sums!(v, |line| line.iter().fold(0, |a, b| a.wrapping_add(*b))),
            Data::U64(v) => sums!(v, |line| line.iter().fold(0, |a, b| a.wrapping_add(*b))),
            Data::U32(v) => sums!(v, |line| line.iter().fold(0, |a, b| a.wrapping_add(*b))),
            Data::Bool(_) => unreachable!("refused by scatter_add-1"),
        };
        vec![Tensor::from_data(shape, data)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let extent = b.ty(*x.get(2)?).shape[self.along.axis].known()?;
        Some(b.apply(Arc::new(ScatterAdd { along: self.along, extent: Some(extent) }), &x[..2]))
    }

    fn rows(&self, x: &[&Type], _: &Type) -> Option<Rows> {
        // Along the leading axis every part may go to every row.
        let index = if self.along.batch > 0 { RowUse::Pointwise } else { RowUse::Whole };
        let is_inside = self.along.axis > 0 && x.len() == 2;
        is_inside.then(|| Rows { operands: vec![RowUse::Pointwise, index], reduced: false })
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(ScatterAdd { along: self.along.batched(), extent: self.extent }))
    }

    fn for_one_row(&self, x: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(ScatterAdd { along: self.along.on_one_row(x[1])?, extent: self.extent }))
    }
}

impl Linear for ScatterAdd {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        b.apply(Arc::new(Gather { along: self.along }), &[dy, x[1]])
    }
}

// ------------------------------------------------------------------------------------ one_hot

/// 1 at each index and 0 elsewhere, along a new last axis: the matrix of [`Gather`].
#[derive(Clone, Copy, Debug)]
pub struct OneHot {
    /// The extent of the new axis.
    pub extent: usize,
    /// The result's element type.
    pub to: DType,
}

impl Rule for OneHot {
    fn name(&self) -> &'static str {
        "one_hot"
    }

    fn attributes(&self) -> Attributes {
        let to = Attribute::Text(self.to.name().into());
        Attributes::new().with("extent", Attribute::Int(self.extent as i64)).with("to", to)
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        match x {
            [index] if index.dtype.is_integer() => {
                let extent = Extent::Static(self.extent);
                Ok(vec![Type::new(self.to, index.shape.iter().copied().chain([extent]))])
            }
            [index] => bad("one_hot-1", format!("indices must be integers, got {index}")),
            _ => bad("one_hot-1", format!("one_hot must have 1 operand, got {}", x.len())),
        }
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let index = indices(x[0], self.extent);
        let mut y = Tensor::zeros(DType::Bool, [x[0].shape(), &[self.extent]].concat());
        let hot = y.values_mut::<bool>();
        for (k, i) in index.into_iter().enumerate().filter_map(|(k, i)| Some((k, i?))) {
            hot[k * self.extent + i] = true;
        }
        Convert { to: self.to }.evaluate(&[&y])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn rows(&self, x: &[&Type], _: &Type) -> Option<Rows> {
        (x[0].ndim() > 0).then(|| Rows::pointwise(1))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places that get nothing, one part, few, more than there are lanes, and many blocks; an index outside adds nothing.
    #[test]
    fn each_place_gets_the_sum_of_its_parts_by_the_law() {
        const N: usize = 3000;
        const PLACES: usize = 40;
        let x: Vec<f64> = (0..2 * N).map(|i| 1.0 / (1.0 + i as f64) - 0.3 * (i % 7) as f64).collect();
        let index: Vec<i64> = (0..N as i64).map(|i| if i % 3 == 0 { 5 } else { (i * i) % 47 - 2 }).collect();
        let scatter = ScatterAdd::new(0, 0, Some(PLACES));
        let y = scatter.evaluate(&[&Tensor::new([N, 2], x.clone()), &Tensor::new([N], index.clone())]);
        for place in 0..PLACES {
            for column in 0..2 {
                let parts = index.iter().enumerate().filter(|(_, i)| **i == place as i64);
                let parts: Vec<f64> = parts.map(|(k, _)| x[2 * k + column]).collect();
                let got = y[0].values::<f64>()[2 * place + column];
                assert_eq!(
                    got.to_bits(),
                    tree::sum_reference(&parts).to_bits(),
                    "place {place}, {} parts",
                    parts.len()
                );
            }
        }
    }
}
