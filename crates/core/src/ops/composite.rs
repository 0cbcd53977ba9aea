//! Operations defined by others: softmax, log-sum-exp, cross-entropy. Each states its expansion,
//! which is its value; softmax and log-sum-exp add a rule derived by hand, tested equal to the
//! derivative of the expansion.

use super::reduce::{check_axes, resolve};
use super::registry::only;
use super::shape::{bad, ints, naturals};
use super::*;
use crate::ir::{Attribute, DType, Extent};

fn last_axis(name: &str, id: &'static str, x: &[&Type]) -> Result<Type, Violation> {
    match x {
        [x] if x.dtype.is_float() && x.shape.last().is_some_and(|&n| n != Extent::Static(0)) => {
            Ok((*x).clone())
        }
        [x] => Err(Violation::new(
            id,
            format!("{name} must have a float operand whose last axis is not empty, got {x}"),
        )),
        _ => Err(Violation::new(id, format!("{name} must have 1 operand, got {}", x.len()))),
    }
}

/// `exp(x − max x) / Σ exp(x − max x)` along the last axis.
#[derive(Debug)]
pub struct Softmax;

/// `max x + log Σ exp(x − max x)` along the last axis.
#[derive(Debug)]
pub struct LogSumExp;

/// Mean over rows of `logsumexp(logits) − logits[label]`.
#[derive(Debug)]
pub struct CrossEntropy;

/// √Σx² over axes, whose derivative at 0 is 0.
#[derive(Clone, Debug, Default)]
pub struct Norm {
    /// The axes, ascending; `None` is all.
    pub axes: Option<Vec<usize>>,
    /// Whether it is m·√Σ(x/m)² with the largest |x| for m: then squares neither overflow nor vanish.
    pub scaled: bool,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "norm",
        summary: "√Σx² over `axes` (all if left out); its derivative where it is 0 is 0. Squares beyond the range make it infinite, or 0; with `scaled` they do not: it is m·√Σ(x/m)² with the largest |x| for m",
        example: "%n = tgraph.norm %x {axes = [1]} : tensor<?xf64>",
        constraints: &[Constraint {
            id: "norm-1",
            law: "one float operand; `axes` are ascending axes of it; `scaled` is true or false",
            mend: "list each axis once, from 0, or leave `axes` out for all",
        }],
        parse: |name, attributes, _, _| {
            only(name, "norm-1", attributes, &["axes", "scaled"])?;
            let axes = attributes.get("axes").map(|_| naturals(attributes, "axes", "norm-1")).transpose()?;
            match (attributes.get("scaled"), attributes.flag("scaled")) {
                (Some(_), None) => bad("norm-1", "`scaled` of norm must be true or false".into()),
                (_, scaled) => Ok(Arc::new(Norm { axes, scaled: scaled.unwrap_or(false) })),
            }
        },
    },
    Entry {
        name: "softmax",
        summary: "exp(x − max x) / Σ exp(x − max x) along the last axis",
        example: "%p = tgraph.softmax %s : tensor<8x8xf64>",
        constraints: &[Constraint {
            id: "softmax-1",
            law: "one float operand whose last axis has at least one element, no attributes",
            mend: "convert the operand to a float dtype",
        }],
        parse: |name, attributes, _, _| {
            only(name, "softmax-1", attributes, &[])?;
            Ok(Arc::new(Softmax))
        },
    },
    Entry {
        name: "logsumexp",
        summary: "max x + log Σ exp(x − max x) along the last axis",
        example: "%l = tgraph.logsumexp %s : tensor<8xf64>",
        constraints: &[Constraint {
            id: "logsumexp-1",
            law: "one float operand whose last axis has at least one element, no attributes",
            mend: "convert the operand to a float dtype",
        }],
        parse: |name, attributes, _, _| {
            only(name, "logsumexp-1", attributes, &[])?;
            Ok(Arc::new(LogSumExp))
        },
    },
    Entry {
        name: "cross_entropy",
        summary: "mean over rows of logsumexp(logits) − logits[label]",
        example: "%l = tgraph.cross_entropy %logits, %labels : f32",
        constraints: &[
            Constraint {
                id: "cross_entropy-1",
                law: "logits are a float matrix (rows, classes), labels an integer vector (rows); no attributes",
                mend: "reshape logits to a matrix and convert labels to i64",
            },
            Constraint {
                id: "cross_entropy-2",
                law: "logits and labels have as many rows",
                mend: "correct the labels' extent",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "cross_entropy-1", attributes, &[])?;
            Ok(Arc::new(CrossEntropy))
        },
    },
];

/// Shared first steps: the maximum, and exp of the difference to it.
fn shifted(b: &mut Builder, x: Value) -> (Value, Value, usize) {
    let axis = b.ty(x).ndim() - 1;
    let max = b.reduce(Reduction::Max, x, &[axis]);
    let spread = b.spread(max, &[axis], x);
    let difference = b.sub(x, spread);
    (max, b.exp(difference), axis)
}

impl Rule for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![last_axis("softmax", "softmax-1", x)?])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Rules(self)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let (_, exp, axis) = shifted(b, x[0]);
        let sum = b.sum(exp, &[axis]);
        let sum = b.spread(sum, &[axis], x[0]);
        Some(vec![b.div(exp, sum)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Softmax))
    }
}

/// `y (v − Σ y v)`: the derivative of softmax is symmetric, so it is its own transpose.
fn softmax_derivative(b: &mut Builder, x: Value, y: Value, v: Value, guarded: bool) -> Value {
    let times_y = |b: &mut Builder, v| if guarded { b.mul_strong(v, y) } else { b.mul(v, y) };
    let axis = b.ty(y).ndim() - 1;
    let product = times_y(b, v);
    let sum = b.sum(product, &[axis]);
    let sum = b.spread(sum, &[axis], x);
    let difference = b.sub(v, sum);
    times_y(b, difference)
}

impl HandRules for Softmax {
    fn differential(&self, b: &mut Builder, x: &[Value], y: Value, _: usize, dx: Value) -> Value {
        softmax_derivative(b, x[0], y, dx, false)
    }

    fn adjoint(&self, b: &mut Builder, x: &[Value], y: Value, _: usize, dy: Value, guarded: bool) -> Value {
        softmax_derivative(b, x[0], y, dy, guarded)
    }
}

impl Rule for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let mut ty = last_axis("logsumexp", "logsumexp-1", x)?;
        ty.shape.pop();
        Ok(vec![ty])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Rules(self)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let (max, exp, axis) = shifted(b, x[0]);
        let sum = b.sum(exp, &[axis]);
        let log = b.log(sum);
        Some(vec![b.add(max, log)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(LogSumExp))
    }
}

impl HandRules for LogSumExp {
    fn differential(&self, b: &mut Builder, x: &[Value], _: Value, _: usize, dx: Value) -> Value {
        let axis = b.ty(dx).ndim() - 1;
        let softmax = b.apply(Arc::new(Softmax), x);
        let product = b.mul(softmax, dx);
        b.sum(product, &[axis])
    }

    fn adjoint(&self, b: &mut Builder, x: &[Value], _: Value, _: usize, dy: Value, guarded: bool) -> Value {
        let axis = b.ty(x[0]).ndim() - 1;
        let softmax = b.apply(Arc::new(Softmax), x);
        let dy = b.spread(dy, &[axis], x[0]);
        if guarded { b.mul_strong(dy, softmax) } else { b.mul(dy, softmax) }
    }
}

impl Rule for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn attributes(&self) -> Attributes {
        let stated = self.axes.iter().map(|axes| ("axes", ints(axes)));
        let attributes = stated.fold(Attributes::new(), |all, (name, axes)| all.with(name, axes));
        if self.scaled { attributes.with("scaled", Attribute::Bool(true)) } else { attributes }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x] = x else {
            return bad("norm-1", format!("norm must have 1 operand, got {}", x.len()));
        };
        if !x.dtype.is_float() {
            return bad("norm-1", format!("norm must have a float operand, got {x}"));
        }
        check_axes("norm-1", &self.axes, x)?;
        Reduce { reduction: Reduction::Sum, axes: self.axes.clone(), stable: None }.infer(&[x])
    }

    fn calculus(&self) -> Calculus<'_> {
        if self.scaled { Calculus::Rules(self) } else { Calculus::Expansion }
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let axes = resolve(&self.axes, b.ty(x[0]).ndim());
        let is_empty = axes.iter().any(|&axis| b.ty(x[0]).shape[axis] == Extent::Static(0));
        if !self.scaled || is_empty {
            return Some(vec![root_of_squares(b, x[0], &axes)]);
        }
        let size = b.abs(x[0]);
        let largest = b.reduce(Reduction::Max, size, &axes);
        // By 0 and ∞ nothing is divided.
        let (zero, one) = (b.zeros_like(largest), b.ones_like(largest));
        let bound = b.full_like(largest, f64::INFINITY);
        let is_positive = b.compare(Direction::Gt, largest, zero);
        let is_finite = b.compare(Direction::Lt, largest, bound);
        let divides = b.and(is_positive, is_finite);
        let scale = b.select(divides, largest, one);
        let spread = b.spread(scale, &axes, x[0]);
        let ratio = b.div(x[0], spread);
        let root = root_of_squares(b, ratio, &axes);
        Some(vec![b.mul(scale, root)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let axes = super::batch::shifted(&resolve(&self.axes, x.types(b)[0].ndim()));
        x.apply(b, Arc::new(Norm { axes: Some(axes), scaled: self.scaled }))
    }
}

/// √Σx², through which no derivative passes where it is 0.
fn root_of_squares(b: &mut Builder, x: Value, axes: &[usize]) -> Value {
    let square = b.mul(x, x);
    let sum = b.sum(square, axes);
    // The select guards: no derivative passes through √0.
    let (zero, one) = (b.zeros_like(sum), b.ones_like(sum));
    let vanishes = b.compare(Direction::Eq, sum, zero);
    let safe = b.select(vanishes, one, sum);
    let root = b.sqrt(safe);
    b.select(vanishes, zero, root)
}

/// Of the scaled norm, by x/|x|, which no scale shows in.
impl HandRules for Norm {
    fn differential(&self, b: &mut Builder, x: &[Value], y: Value, _: usize, dx: Value) -> Value {
        let axes = resolve(&self.axes, b.ty(x[0]).ndim());
        let direction = self.direction(b, x[0], y);
        let product = b.mul(direction, dx);
        b.sum(product, &axes)
    }

    fn adjoint(&self, b: &mut Builder, x: &[Value], y: Value, _: usize, dy: Value, guarded: bool) -> Value {
        let axes = resolve(&self.axes, b.ty(x[0]).ndim());
        let direction = self.direction(b, x[0], y);
        let dy = b.spread(dy, &axes, x[0]);
        if guarded { b.mul_strong(dy, direction) } else { b.mul(dy, direction) }
    }
}

impl Norm {
    /// x/|x|, and 0 where |x| is.
    fn direction(&self, b: &mut Builder, x: Value, norm: Value) -> Value {
        let axes = resolve(&self.axes, b.ty(x).ndim());
        let norm = b.spread(norm, &axes, x);
        let (zero, one) = (b.zeros_like(norm), b.ones_like(norm));
        let vanishes = b.compare(Direction::Eq, norm, zero);
        let safe = b.select(vanishes, one, norm);
        let ratio = b.div(x, safe);
        b.select(vanishes, zero, ratio)
    }
}

impl Rule for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[logits, labels] = x else {
            return Err(Violation::new(
                "cross_entropy-1",
                format!("cross_entropy must have 2 operands, got {}", x.len()),
            ));
        };
        if logits.ndim() != 2 || labels.ndim() != 1 || !logits.dtype.is_float() || !labels.dtype.is_integer()
        {
            let got = format!(
                "logits must be a float matrix and labels an integer vector, got {logits} and {labels}"
            );
            return Err(Violation::new("cross_entropy-1", got));
        }
        if !logits.shape[0].agrees(labels.shape[0]) {
            let got = format!("rows must agree, got {} and {}", logits.shape[0], labels.shape[0]);
            return Err(Violation::new("cross_entropy-2", got));
        }
        Ok(vec![Type::scalar(logits.dtype)])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let total = b.apply(Arc::new(LogSumExp), &x[..1]);
        let classes = b.iota_like(x[0], DType::I64, 1);
        let labels = b.convert(x[1], DType::I64);
        let labels = b.broadcast_like(labels, &[0], x[0]);
        let mask = b.compare(Direction::Eq, classes, labels);
        let zero = b.zeros_like(x[0]);
        let own = b.select(mask, x[0], zero);
        let own = b.sum(own, &[1]);
        let loss = b.sub(total, own);
        Some(vec![b.mean_all(loss)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.expansion(b, self)
    }
}
