//! Batching: the same computation at every position along a new leading axis.
//!
//! Every rule says in [`Rule::batch`] what it is on operands that have such an axis, the *batch axis*.
//! The law: a position of the result has the bits of the operation on that position alone. It holds
//! because the laws of sums and products fix the order along each line apart from all others.
//!
//! An operand that all positions share is not copied for them: [`Builder::repeat`] is a
//! `broadcast`, which engines read in place, and a product with shared weights is folded into one
//! product of more rows by `matmul`'s own simplification.

use super::registry::only;
use super::*;
use crate::ir::{Attribute, DType};

/// The operands of an operation in a batch, at least one of them with the batch axis.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The operands.
    pub x: &'a [Value],
    /// For each operand, whether its leading axis is the batch axis; else all positions share it.
    pub over: &'a [bool],
}

impl Batch<'_> {
    /// The first operand that has the batch axis.
    pub fn lead(&self) -> Value {
        let first = self.over.iter().position(|&over| over);
        self.x[first.expect("one operand has the batch axis")]
    }

    /// Operand `i` with the batch axis, repeated along it if all positions share it.
    pub fn with_axis(&self, b: &mut Builder, i: usize) -> Result<Value, Violation> {
        if self.over[i] { Ok(self.x[i]) } else { b.repeat(self.x[i], self.lead()) }
    }

    /// The results of `op` on all operands with the batch axis.
    pub fn apply(&self, b: &mut Builder, op: Op) -> Result<Vec<Value>, Violation> {
        let x = (0..self.x.len()).map(|i| self.with_axis(b, i)).collect::<Result<Vec<_>, _>>()?;
        b.push(op, &x)
    }

    /// The type of each operand at one position.
    pub fn types(&self, b: &Builder) -> Vec<Type> {
        let at_one_position = |(&v, &over): (&Value, &bool)| {
            let ty = b.ty(v);
            Type::new(ty.dtype, ty.shape[usize::from(over)..].iter().copied())
        };
        self.x.iter().zip(self.over).map(at_one_position).collect()
    }

    /// The results of an operation that is defined by others: its expansion for one position, batched.
    pub fn expansion(&self, b: &mut Builder, rule: &dyn Rule) -> Result<Vec<Value>, Violation> {
        let mut one = Builder::new(rule.name());
        let inputs: Vec<Value> = self.types(b).into_iter().map(|ty| one.input("", ty)).collect();
        let outputs = rule.expand(&mut one, &inputs).expect("an operation defined by others expands");
        let results = b.inline_batched(&one.finish(outputs), self)?;
        let lead = self.lead();
        results.into_iter().map(|(y, over)| if over { Ok(y) } else { b.repeat(y, lead) }).collect()
    }
}

/// `axes` behind a new leading axis.
pub(super) fn shifted(axes: &[usize]) -> Vec<usize> {
    axes.iter().map(|axis| axis + 1).collect()
}

/// `value` for the batch axis, before `rest`.
pub(super) fn led<T: Clone>(value: T, rest: &[T]) -> Vec<T> {
    [&[value], rest].concat()
}

impl Builder {
    /// `x` for each position along the leading axis of `like`.
    ///
    /// # Errors
    /// `type-2` if the result is too large.
    pub fn repeat(&mut self, x: Value, like: Value) -> Result<Value, Violation> {
        Ok(self.push(Arc::new(Repeat { axis: 0, of: 0 }), &[x, like])?[0])
    }

    /// Copies `graph` for every position of a batch of its inputs. Gives each output, and whether it
    /// has the batch axis: what depends on no batched input is computed once.
    ///
    /// # Errors
    /// Those of [`Rule::batch`].
    pub fn inline_batched(&mut self, graph: &Graph, inputs: &Batch) -> Result<Vec<(Value, bool)>, Violation> {
        let mut over = vec![false; graph.value_count()];
        for (input, &is_over) in graph.inputs().iter().zip(inputs.over) {
            over[input.value.index()] = is_over;
        }
        let outputs = self.inline_by(graph, inputs.x, |b, node, x| {
            let operands: Vec<bool> = node.operands.iter().map(|v| over[v.index()]).collect();
            if !operands.contains(&true) {
                return b.push(node.op.clone(), x);
            }
            node.results.iter().for_each(|result| over[result.index()] = true);
            node.op.batch(b, &Batch { x, over: &operands })
        })?;
        Ok(outputs.into_iter().zip(graph.outputs()).map(|(new, y)| (new, over[y.index()])).collect())
    }
}

// ------------------------------------------------------------------------------------- repeat

/// Repeats a tensor along a new axis. It is a broadcast whose shape need not be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The result's new axis.
    pub axis: usize,
    /// The axis of the second operand whose extent it has.
    pub of: usize,
}

pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "repeat",
    summary: "repeats the operand along a new axis `axis`, as often as the second operand is long along its axis `of` (0 if left out)",
    example: "%y = tgraph.repeat %w, %x {axis = 0} : tensor<?x64xf64>",
    constraints: &[
        Constraint {
            id: "repeat-1",
            law: "two operands, and `axis` and `of`, 0 or more",
            mend: "write `tgraph.repeat %w, %x {axis = 0}`",
        },
        Constraint {
            id: "repeat-2",
            law: "`axis` is an axis of the result, which has one more than the operand, and `of` one of the second operand",
            mend: "correct `axis` or `of`",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "repeat-1", attributes, &["axis", "of"])?;
        let axis = attributes.int("axis").and_then(|axis| usize::try_from(axis).ok());
        let of = usize::try_from(attributes.int("of").unwrap_or(0)).ok();
        match axis.zip(of) {
            Some((axis, of)) => Ok(Arc::new(Repeat { axis, of })),
            None => Err(Violation::new("repeat-1", "repeat must have the attribute `axis`, 0 or more")),
        }
    },
}];

impl Repeat {
    /// The result axis of each axis of an operand with `ndim`.
    fn dims(&self, ndim: usize) -> Vec<usize> {
        (0..=ndim).filter(|&axis| axis != self.axis).collect()
    }
}

impl Rule for Repeat {
    fn name(&self) -> &'static str {
        "repeat"
    }

    fn attributes(&self) -> Attributes {
        let attributes = Attributes::new().with("axis", Attribute::Int(self.axis as i64));
        if self.of == 0 { attributes } else { attributes.with("of", Attribute::Int(self.of as i64)) }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x, like] = x else {
            return Err(Violation::new("repeat-1", format!("repeat must have 2 operands, got {}", x.len())));
        };
        if self.axis > x.ndim() || self.of >= like.ndim() {
            let (axis, of) = (self.axis, self.of);
            let got = format!(
                "axis must be at most {} and of below {}, got {axis} and {of}",
                x.ndim(),
                like.ndim()
            );
            return Err(Violation::new("repeat-2", got));
        }
        let mut shape = x.shape.clone();
        shape.insert(self.axis, like.shape[self.of]);
        Ok(vec![Type { dtype: x.dtype, shape }])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let shape = self.infer(&[b.ty(x[0]), b.ty(x[1])]).ok()?[0].static_shape()?;
        let dims = self.dims(b.ty(x[0]).ndim());
        Some(b.push(Arc::new(Broadcast { dims, shape: Some(shape) }), &x[..1]).expect("of the same type"))
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        Some(self.expand(b, x)?[0])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Repeat { axis: self.axis + 1, of: self.of + 1 }))
    }

    fn every_row(&self, x: &Type) -> Option<Vec<usize>> {
        (self.axis == 0).then(|| (0..x.ndim()).collect())
    }
}

impl Linear for Repeat {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, dy: Value) -> Value {
        b.sum(dy, &[self.axis])
    }
}

/// +0 with the static shape `shape`, for its shape alone.
pub(super) fn shape_of(b: &mut Builder, dtype: DType, shape: &[usize]) -> Result<Value, Violation> {
    let zero = b.number(dtype, 0.0);
    Ok(b.push(Arc::new(Broadcast { dims: vec![], shape: Some(shape.to_vec()) }), &[zero])?[0])
}
