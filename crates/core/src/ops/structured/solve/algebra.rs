//! What iterations are written in: vectors of any shape as elements of a space with an inner product, and loops.

use super::super::While;
use super::super::region::operand_types;
use crate::ir::{Builder, DType, Graph, Value};
use crate::ops::{Direction, DynamicUpdateSlice, Predicate};
use std::sync::Arc;

/// What a solver gives, as values of a graph.
pub struct Solution {
    /// The unknown.
    pub x: Value,
    /// One of [`Status`](super::Status), i64.
    pub status: Value,
    /// How many steps were made, i64.
    pub iterations: Value,
    /// The norm of what is left of the equation at `x`.
    pub residual: Value,
    /// What that norm was after each step, if it was asked for.
    pub history: Option<Value>,
}

impl Solution {
    /// In the order of an operation's results.
    pub fn results(self) -> Vec<Value> {
        let all = [self.x, self.status, self.iterations, self.residual];
        all.into_iter().chain(self.history).collect()
    }
}

/// A graph applied to a vector, which is its first input, and to the first of some constants, which are the others.
#[derive(Clone, Copy)]
pub struct Map<'g>(pub &'g Graph);

impl Map<'_> {
    /// The map's only output at `v`.
    pub fn at(&self, b: &mut Builder, v: Value, constants: &[Value]) -> Value {
        self.all(b, v, constants)[0]
    }

    /// All outputs at `v`.
    pub fn all(&self, b: &mut Builder, v: Value, constants: &[Value]) -> Vec<Value> {
        let constants = &constants[..self.0.inputs().len() - 1];
        b.inline(self.0, &[&[v], constants].concat()).expect("regions were verified")
    }
}

/// A loop of at most so many steps.
pub(super) struct Iterate<'n> {
    pub name: &'n str,
    pub max: usize,
    /// Which value of the state is to be recorded after each step.
    pub record: Option<usize>,
}

impl Iterate<'_> {
    /// Replaces `state` by what `step` makes of it and of `constants` as long as its first value, a bool, holds. Gives the last state, and behind it what
    /// was recorded, one element for each step, NaN for those that were not made.
    pub fn run(
        &self,
        b: &mut Builder,
        state: &[Value],
        constants: &[Value],
        step: impl FnOnce(&mut Builder, &[Value], &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let Some(recorded) = self.record else {
            return iterate(b, self.name, self.max, state, constants, step);
        };
        let none = no_history(b, state[recorded], self.max);
        let state = [state, &[b.count(0), none]].concat();
        let mut end = iterate(b, self.name, self.max, &state, constants, |b, s, c| {
            let (s, &[k, history]) = s.split_last_chunk().expect("as at the start");
            let mut next = step(b, s, c);
            let element = b.reshape(next[recorded], &[1]);
            let history = b.apply(Arc::new(DynamicUpdateSlice { axis: 0 }), &[history, element, k]);
            next.extend([b.next(k), history]);
            next
        });
        let history = end.pop().expect("the last of the state");
        *end.last_mut().expect("behind the steps") = history;
        end
    }
}

/// NaN for each of `max` steps, of the type of the scalar `like`.
pub(super) fn no_history(b: &mut Builder, like: Value, max: usize) -> Value {
    let nan = b.scalar_like(like, f64::NAN);
    b.broadcast(nan, &[], &[max])
}

/// [`Iterate`] without a record.
pub(super) fn iterate(
    b: &mut Builder,
    name: &str,
    max: usize,
    state: &[Value],
    constants: &[Value],
    step: impl FnOnce(&mut Builder, &[Value], &[Value]) -> Vec<Value>,
) -> Vec<Value> {
    let operands = [state, constants].concat();
    let types = operand_types(b, &operands);
    let inner = |name: &str| {
        let mut inner = Builder::new(name);
        let inputs: Vec<Value> = types.iter().map(|ty| inner.fresh_input("s", ty.clone())).collect();
        (inner, inputs)
    };
    let (mut body, inputs) = inner(name);
    let (s, c) = inputs.split_at(state.len());
    let next = step(&mut body, s, c);
    let (condition, inputs) = inner(&format!("{name}_goes_on"));
    let (condition, body) = (condition.finish(vec![inputs[0]]), body.finish(next));
    let looped = While::new(Arc::new(condition), Arc::new(body), state.len()).max(max);
    b.push(Arc::new(looped), &operands).expect("a step keeps the types of its state")
}

impl Builder {
    /// All elements along one axis.
    pub(super) fn flat(&mut self, x: Value) -> Value {
        if self.ty(x).ndim() == 1 { x } else { self.reshape(x, &[-1]) }
    }

    /// As [`Builder::flat`], but a number stays one, whose norm is its size.
    pub(super) fn line(&mut self, x: Value) -> Value {
        if self.ty(x).ndim() == 0 { x } else { self.flat(x) }
    }

    /// ⟨x, y⟩ over all elements.
    pub(super) fn inner(&mut self, x: Value, y: Value) -> Value {
        if self.ty(x).ndim() == 0 {
            return self.mul(x, y);
        }
        let (x, y) = (self.flat(x), self.flat(y));
        self.dot(x, y)
    }

    /// ‖x‖₂ over all elements.
    pub(super) fn norm(&mut self, x: Value) -> Value {
        if self.ty(x).ndim() == 0 {
            return self.abs(x);
        }
        let square = self.inner(x, x);
        self.sqrt(square)
    }

    /// `factor`, a scalar, times x.
    pub(super) fn scaled(&mut self, factor: Value, x: Value) -> Value {
        let factor = self.broadcast_like(factor, &[], x);
        self.mul(factor, x)
    }

    /// x + `factor` y, for a scalar factor.
    pub(super) fn plus(&mut self, x: Value, factor: Value, y: Value) -> Value {
        let y = self.scaled(factor, y);
        self.add(x, y)
    }

    /// x − `factor` y, for a scalar factor.
    pub(super) fn minus(&mut self, x: Value, factor: Value, y: Value) -> Value {
        let y = self.scaled(factor, y);
        self.sub(x, y)
    }

    /// `a` or `b`, of any shape, by a scalar bool.
    pub(super) fn either(&mut self, chosen: Value, a: Value, b: Value) -> Value {
        let mask = self.broadcast_like(chosen, &[], a);
        self.select(mask, a, b)
    }

    /// A scalar of the element type of `like`.
    pub(super) fn scalar_like(&mut self, like: Value, value: f64) -> Value {
        let dtype = self.ty(like).dtype;
        self.number(dtype, value)
    }

    /// An i64.
    pub(super) fn count(&mut self, n: usize) -> Value {
        self.number(DType::I64, n as f64)
    }

    /// One more of an i64.
    pub(super) fn next(&mut self, k: Value) -> Value {
        let one = self.count(1);
        self.add(k, one)
    }

    /// x > y, false where one is NaN.
    pub(super) fn above(&mut self, x: Value, y: Value) -> Value {
        self.compare(Direction::Gt, x, y)
    }

    /// x ≤ y, false where one is NaN.
    pub(super) fn at_most(&mut self, x: Value, y: Value) -> Value {
        self.compare(Direction::Le, x, y)
    }

    /// Whether x > 0 and x is no infinity.
    pub(super) fn is_positive(&mut self, x: Value) -> Value {
        let (zero, infinity) = (self.scalar_like(x, 0.0), self.scalar_like(x, f64::INFINITY));
        let (above, below) = (self.above(x, zero), self.compare(Direction::Lt, x, infinity));
        self.and(above, below)
    }

    /// Whether a scalar is neither NaN nor infinite.
    pub(super) fn is_finite(&mut self, x: Value) -> Value {
        self.apply(Arc::new(Predicate::IsFinite), &[x])
    }
}
