//! Samples of indexing, order, contractions, convolutions and random numbers.

use super::{Samples, any};
use std::sync::Arc;
use tessera_core::ir::{Builder, Extent, Value};
use tessera_core::ops::{
    self, ArgExtreme, Argsort, Contract, Convolution, Cumsum, Distribution, DynamicSlice,
};
use tessera_core::ops::{
    DynamicUpdateSlice, Fold, Gather, Half, Norm, OneHot, Op, Permutation, Predicate, Quantifier, Quantity,
    Random,
};
use tessera_core::ops::{RandomBits, Reverse, ScatterAdd, Sort, Stable, Unfold, Windows};
use tessera_core::{DType, Type};

const RANGE: (f64, f64) = (-2.0, 2.0);

fn one(op: impl ops::Rule) -> impl FnOnce(&mut Builder, &[Value]) -> Value {
    let op: Op = Arc::new(op);
    move |b, x| b.apply(op, x)
}

/// Operations that move elements to and from computed places.
pub(super) fn indexing(s: &mut Samples, dtype: DType) {
    let smooth = dtype.is_float();
    let fixed = |shape: &[usize]| Type::new(dtype, shape.iter().copied());
    let int = |ty: Type| ty.with_dtype(DType::I64);
    // Indices are drawn from −4 to 4, so that some lie outside.
    let cases = [
        ("rows", 0, 0, fixed(&[4, 3]), int(any(dtype, &[]))),
        ("rows by a matrix", 0, 0, fixed(&[3, 2]), int(any(dtype, &[2]))),
        ("one row", 0, 0, any(dtype, &[3]), int(fixed(&[]))),
        ("columns", 1, 0, any(dtype, &[4]), int(fixed(&[5]))),
        ("columns by a matrix", 1, 0, any(dtype, &[3, 2]), fixed(&[2, 2]).with_dtype(DType::U32)),
        ("in each row", 1, 1, any(dtype, &[4]), int(any(dtype, &[6]))),
    ];
    for (what, axis, batch, x, index) in cases {
        let rows: Vec<Extent> = [&x.shape[..axis], &index.shape[batch..], &x.shape[axis + 1..]].concat();
        s.add("gather", what, &[x.clone(), index.clone()], RANGE, smooth, one(Gather::new(axis, batch)));
        if dtype != DType::Bool {
            let parts = Type::new(dtype, rows);
            let like = ScatterAdd::new(axis, batch, None);
            s.add("scatter_add", what, &[parts.clone(), index.clone(), x], RANGE, smooth, one(like));
            let extent = ScatterAdd::new(axis, batch, Some(3));
            s.add("scatter_add", &format!("{what} into 3"), &[parts, index], RANGE, smooth, one(extent));
        }
    }
    let row = any(dtype, &[4]);
    let at = Type::scalar(DType::I32);
    let slice = |axis, size| one(DynamicSlice { axis, size });
    s.add("dynamic_slice", "columns", &[row.clone(), at.clone()], RANGE, smooth, slice(1, 2));
    s.add("dynamic_slice", "rows", &[fixed(&[5, 3]), at.clone()], RANGE, smooth, slice(0, 2));
    let update = |axis| one(DynamicUpdateSlice { axis });
    let columns = [row.clone(), any(dtype, &[2]), at.clone()];
    s.add("dynamic_update_slice", "columns", &columns, RANGE, smooth, update(1));
    let rows = [fixed(&[5, 3]), fixed(&[2, 3]), at];
    s.add("dynamic_update_slice", "rows", &rows, RANGE, smooth, update(0));
    for axes in [vec![0], vec![1], vec![0, 1]] {
        let what = format!("{axes:?}");
        s.add("reverse", &what, std::slice::from_ref(&row), RANGE, smooth, one(Reverse { axes }));
    }
    for axis in 0..3 {
        let what = format!("along {axis}");
        let block = [any(dtype, &[3, 2])];
        s.add("sort", &what, &block, RANGE, smooth, one(Sort { axis }));
        s.add("argsort", &what, &block, RANGE, false, one(Argsort { axis }));
        if dtype != DType::Bool {
            s.add("argmax", &what, &block, RANGE, false, one(ArgExtreme::max(axis)));
            s.add("argmin", &what, &block, RANGE, false, one(ArgExtreme::min(axis)));
        }
    }
    if dtype.is_integer() {
        for to in [DType::F32, DType::Bool] {
            let labels = [any(dtype, &[2])];
            s.add("one_hot", to.name(), &labels, RANGE, false, one(OneHot { extent: 3, to }));
        }
    }
    let padded = Windows { low: vec![1, 2], high: vec![0, 1], strides: vec![2, 1], ..Windows::of(&[2, 3]) };
    for (what, windows) in [("plain", Windows::of(&[2, 2])), ("padded", padded)] {
        let x = any(dtype, &[4, 3]);
        let places = windows.sizes.clone();
        s.add(
            "unfold",
            what,
            std::slice::from_ref(&x),
            RANGE,
            smooth,
            one(Unfold { windows: windows.clone() }),
        );
        if dtype != DType::Bool {
            let counts = if what == "plain" { [3, 2] } else { [2, 4] };
            let parts = any(dtype, &[places, counts.to_vec()].concat());
            s.add("fold", what, &[parts, x], RANGE, smooth, one(Fold { windows }));
        }
    }
}

/// Reductions of masks.
pub(super) fn masks(s: &mut Samples) {
    for quantity in [Quantity::All, Quantity::Any] {
        for axes in [None, Some(vec![0]), Some(vec![1])] {
            let what = axes.as_ref().map_or("of all".to_string(), |axes| format!("over {axes:?}"));
            let quantifier = Quantifier { quantity, axes };
            let name = ops::Rule::name(&quantifier);
            s.add(name, &what, &[any(DType::Bool, &[3])], RANGE, false, one(quantifier));
        }
    }
}

/// Cumulative sums.
pub(super) fn sums(s: &mut Samples, dtype: DType) {
    for axis in 0..2 {
        for reverse in [false, true] {
            let what = format!("along {axis}{}", if reverse { " backwards" } else { "" });
            s.add(
                "cumsum",
                &what,
                &[any(dtype, &[5])],
                RANGE,
                dtype.is_float(),
                one(Cumsum { axis, reverse }),
            );
        }
    }
}

/// Sums of products over named axes, convolutions, norms, and what a number is.
pub(super) fn contractions(s: &mut Samples, dtype: DType) {
    let fixed = |shape: &[usize]| Type::new(dtype, shape.iter().copied());
    let cases = [
        ("bij,bjk->bik", any(dtype, &[2, 3]), any(dtype, &[3, 4])),
        ("ij,kj->ki", any(dtype, &[3]), fixed(&[4, 3])),
        ("ij,ij->", any(dtype, &[3]), any(dtype, &[3])),
        ("i,j->ij", any(dtype, &[]), fixed(&[3])),
        ("ij,i->ij", any(dtype, &[3]), any(dtype, &[])),
        ("iab,bja->ji", any(dtype, &[2, 3]), fixed(&[3, 4, 2])),
        ("iaz,ja->ij", any(dtype, &[2, 3]), fixed(&[4, 2])),
    ];
    for (einsum, a, b) in cases {
        let contract = Contract::new(einsum).expect("a right text");
        s.add("contract", einsum, &[a, b], RANGE, true, one(contract));
    }
    let three = [
        ("ij,jk,kl->il", [any(dtype, &[3]), fixed(&[3, 2]), fixed(&[2, 4])]),
        ("bi,bi,bj->j", [any(dtype, &[3]), any(dtype, &[3]), any(dtype, &[2])]),
    ];
    for (einsum, operands) in three {
        let contract = Contract::new(einsum).expect("a right text");
        s.add("contract", einsum, &operands, RANGE, true, one(contract));
    }
    for stable in Stable::ALL {
        let contract = Contract::new("iaz,ja->ij").expect("a right text").stable(stable);
        let operands = [any(dtype, &[2, 3]), fixed(&[4, 2])];
        s.add("contract", stable.name(), &operands, RANGE, true, one(contract));
        let convolution = Convolution { stable: Some(stable), ..Convolution::default() };
        let operands = [any(dtype, &[2, 6]), fixed(&[3, 2, 3])];
        s.add("convolution", stable.name(), &operands, RANGE, true, one(convolution));
    }
    for einsum in ["ijk->ki", "ij->"] {
        let contract = Contract::new(einsum).expect("a right text");
        let rest: &[usize] = if einsum == "ij->" { &[3] } else { &[3, 2] };
        s.add("contract", einsum, &[any(dtype, rest)], RANGE, true, one(contract));
    }
    let plain = Convolution::default();
    let strided = Convolution {
        strides: Some(vec![2]),
        dilations: Some(vec![2]),
        low: Some(vec![1]),
        high: Some(vec![2]),
        groups: 2,
        stable: None,
    };
    let padded = Convolution { low: Some(vec![1, 1]), high: Some(vec![1, 0]), ..plain.clone() };
    let cases = [
        ("1-D", plain.clone(), any(dtype, &[2, 6]), fixed(&[3, 2, 3])),
        ("1-D strided in groups", strided, any(dtype, &[4, 7]), fixed(&[2, 2, 3])),
        ("2-D padded", padded, any(dtype, &[2, 3, 4]), fixed(&[2, 2, 2, 2])),
        ("3-D", plain, any(dtype, &[1, 2, 3, 2]), fixed(&[2, 1, 2, 2, 1])),
    ];
    for (what, convolution, x, w) in cases {
        s.add("convolution", what, &[x, w], RANGE, true, one(convolution));
    }
    for axes in [None, Some(vec![1]), Some(vec![0])] {
        let what = axes.as_ref().map_or("of all".to_string(), |axes| format!("over {axes:?}"));
        for scaled in [false, true] {
            let norm = Norm { axes: axes.clone(), scaled };
            s.add(
                "norm",
                &format!("{what}{}", if scaled { " scaled" } else { "" }),
                &[any(dtype, &[3])],
                RANGE,
                true,
                one(norm),
            );
        }
    }
    for predicate in [Predicate::IsNan, Predicate::IsFinite] {
        let row = [any(dtype, &[3])];
        s.add(ops::Rule::name(&predicate), "", &row, RANGE, false, one(predicate));
    }
}

/// Random numbers.
pub(super) fn draws(s: &mut Samples, dtype: DType) {
    let seed = Type::scalar(DType::U64);
    for distribution in Distribution::ALL {
        let name = distribution.name();
        let like = [seed.clone(), any(dtype, &[3])];
        let random = Random::new(distribution, 5, any(dtype, &[3]));
        s.add(name, "like", &like, RANGE, false, one(random));
        let random = Random::new(distribution, 6, Type::new(dtype, [7, 2]));
        s.add(name, dtype.name(), std::slice::from_ref(&seed), RANGE, false, one(random));
    }
    if dtype == DType::F64 {
        for (half, what) in [(Half::Low, "low"), (Half::High, "high")] {
            let inputs = [seed.clone(), any(DType::I64, &[2])];
            s.add("random.bits", what, &inputs, RANGE, false, one(RandomBits { stream: 7, half }));
        }
        let permutation = Permutation { stream: 8, extent: 11 };
        s.add("random.permutation", "", std::slice::from_ref(&seed), RANGE, false, one(permutation));
    }
}
