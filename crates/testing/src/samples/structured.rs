//! Samples of the operations that hold graphs.

use super::{Samples, any};
use std::sync::Arc;
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::ops::{Call, Checkpoint, Cond, Direction, Keep, Op, Scan, StopGradient, While};
use tessera_core::{DType, Tensor, Type};

/// (c, x, k) → (tanh(k c + x), x tanh(k c + x)): a round, with a value called `h`.
pub fn step(dtype: DType) -> Graph {
    let mut b = Builder::new("step");
    let c = b.input("c", Type::new(dtype, [3]));
    let x = b.input("x", Type::new(dtype, [3]));
    let k = b.input("k", Type::scalar(dtype));
    let spread = b.broadcast(k, &[], &[3]);
    let product = b.mul(spread, c);
    let sum = b.add(product, x);
    let h = b.tanh(sum);
    b.set_name(h, "h");
    let y = b.mul(x, h);
    b.finish(vec![h, y])
}

/// (c, x, k) → two functions of the types that [`step`] gives, of fewer of its inputs.
fn others(dtype: DType) -> [Graph; 2] {
    let inputs = |b: &mut Builder| {
        [("c", vec![3]), ("x", vec![3]), ("k", vec![])]
            .map(|(name, shape)| b.input(name, Type::new(dtype, shape)))
    };
    let mut b = Builder::new("product");
    let [c, x, _] = inputs(&mut b);
    let y = b.mul(c, x);
    let product = b.finish(vec![y, y]);
    let mut b = Builder::new("first");
    let [c, _, _] = inputs(&mut b);
    let zero = b.zeros_like(c);
    [product, b.finish(vec![c, zero])]
}

/// A policy of every kind.
pub fn policies() -> Vec<Keep> {
    let names = Keep::Names(vec!["h".into()]);
    vec![Keep::All, Keep::Recompute, names, Keep::Periodic(2), Keep::Revolve(2)]
}

/// (i, c, k) → whether i < 3, or whether Σ c² < 9 and i < 3.
fn condition(dtype: DType, counts: bool) -> Graph {
    let mut b = Builder::new("goes_on");
    let i = b.input("i", Type::scalar(DType::I64));
    let c = b.input("c", Type::new(dtype, [3]));
    b.input("k", Type::scalar(dtype));
    let three = b.constant(Tensor::scalar(3i64));
    let few = b.compare(Direction::Lt, i, three);
    if counts {
        return b.finish(vec![few]);
    }
    let square = b.mul(c, c);
    let size = b.sum_all(square);
    let bound = b.number(dtype, 9.0);
    let small = b.compare(Direction::Lt, size, bound);
    let both = b.and(few, small);
    b.finish(vec![both])
}

/// (i, c, k) → (i + 1, c + k c²).
fn growth(dtype: DType) -> Graph {
    let mut b = Builder::new("growth");
    let i = b.input("i", Type::scalar(DType::I64));
    let c = b.input("c", Type::new(dtype, [3]));
    let k = b.input("k", Type::scalar(dtype));
    let one = b.constant(Tensor::scalar(1i64));
    let next = b.add(i, one);
    let square = b.mul(c, c);
    let spread = b.broadcast(k, &[], &[3]);
    let change = b.mul(spread, square);
    let grown = b.add(c, change);
    b.finish(vec![next, grown])
}

/// An operation by itself: the first of its results as the first of two results, and the carried operand as the other.
fn applied(name: &str, op: &Scan, inputs: &[Type]) -> Graph {
    let mut b = Builder::new(name);
    let x: Vec<Value> =
        ["c", "x", "k"].iter().zip(inputs).map(|(name, ty)| b.input(name, ty.clone())).collect();
    let y = push(&mut b, Arc::new(op.clone()) as Op, &x)[0];
    b.finish(vec![y, x[0]])
}

fn push(b: &mut Builder, op: impl Into<Op>, x: &[Value]) -> Vec<Value> {
    b.push(op.into(), x).expect("a sample keeps the laws")
}

/// Samples for a float type.
pub(super) fn add(s: &mut Samples, dtype: DType) {
    let range = (-1.2, 1.2);
    let (row, number) = (Type::new(dtype, [3]), Type::scalar(dtype));
    let closed = [row.clone(), row.clone(), number.clone()];
    let body = Arc::new(step(dtype));
    let [product, first] = others(dtype).map(Arc::new);
    s.add_results("call", "", &closed, range, true, |b, x| {
        push(b, Arc::new(Call::new(body.clone())) as Op, x)
    });
    s.add_results("checkpoint", "", &closed, range, true, |b, x| {
        push(b, Arc::new(Checkpoint::new(body.clone())) as Op, x)
    });
    s.add_results("checkpoint", "with a cut", &closed, range, true, |b, x| {
        push(b, Arc::new(Checkpoint::cut(body.clone())) as Op, x)
    });
    s.add("stop_gradient", "", &[any(dtype, &[3])], range, false, |b, x| b.apply(Arc::new(StopGradient), x));
    for (chooser, branches) in [
        (DType::Bool, vec![body.clone(), product.clone()]),
        (DType::I32, vec![body.clone(), product.clone(), first]),
    ] {
        let inputs: Vec<Type> = std::iter::once(Type::scalar(chooser)).chain(closed.clone()).collect();
        let cond = Cond::new(branches).expect("two or more");
        s.add_results("cond", "", &inputs, range, true, |b, x| push(b, Arc::new(cond) as Op, x));
    }
    // Two branches with loops, so that a batch takes them in rounds.
    let count = |k| Scan::new(body.clone(), 1, 0).length(k);
    let looped = [1, 3].map(|k| Arc::new(applied("looped", &count(k), &closed)));
    for (chooser, branches) in [
        (DType::Bool, looped.to_vec()),
        (DType::U32, vec![looped[0].clone(), product.clone(), looped[1].clone()]),
    ] {
        let inputs: Vec<Type> = std::iter::once(Type::scalar(chooser)).chain(closed.clone()).collect();
        let cond = Cond::new(branches).expect("two or more");
        s.add("cond", "of loops", &inputs, range, true, |b, x| push(b, Arc::new(cond) as Op, x)[0]);
    }
    for keep in policies() {
        let scheduled = matches!(keep, Keep::Periodic(_) | Keep::Revolve(_));
        for reverse in [false, true] {
            let rows = if scheduled { Type::new(dtype, [5, 3]) } else { any(dtype, &[3]) };
            let what = format!("{keep}{}", if reverse { " reversed" } else { "" });
            let scan = Scan::new(body.clone(), 1, 1).reversed(reverse).keeping(keep.clone());
            s.add_results("scan", &what, &[row.clone(), rows, number.clone()], range, true, |b, x| {
                push(b, Arc::new(scan) as Op, x)
            });
        }
    }
    // The rows of a scan without sequences are those of its constants, here.
    let counted = Scan::new(body, 1, 0).length(4);
    s.add_results("scan", "counted", &closed, range, true, |b, x| push(b, Arc::new(counted) as Op, x));
    for (what, counts, max) in [("counted", true, None), ("bounded", false, Some(4))] {
        let looped = While::new(Arc::new(condition(dtype, counts)), Arc::new(growth(dtype)), 2);
        let looped = max.map_or(looped.clone(), |max| looped.max(max));
        let inputs = [Type::scalar(DType::I64), row.clone(), number.clone()];
        s.add_results("while", what, &inputs, range, max.is_some(), |b, x| {
            // Only what carries derivatives.
            vec![push(b, Arc::new(looped) as Op, x)[1]]
        });
    }
}
