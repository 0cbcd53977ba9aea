//! Reductions of masks: `all`, `any`. Each counts what holds, or does not.

use super::batch::shifted;
use super::reduce::{check_axes, resolve};
use super::registry::only;
use super::shape::{bad, naturals};
use super::*;
use crate::ir::{Attribute, DType};

/// For how many elements a mask must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Every one; true over nothing.
    All,
    /// One or more; false over nothing.
    Any,
}

/// Whether a mask holds for all elements along axes, or for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantifier {
    /// For how many.
    pub quantity: Quantity,
    /// Reduced axes, ascending; `None` is all.
    pub axes: Option<Vec<usize>>,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "all",
        summary: "whether the operand is true at every element along `axes` (all if left out); true over nothing",
        example: "%p = tgraph.all %m {axes = [1]} : tensor<?xbool>",
        constraints: &[Constraint {
            id: "all-1",
            law: "one bool operand; `axes` are ascending axes of it",
            mend: "compare first, as in `tgraph.compare %x, %y {direction = \"lt\"}`",
        }],
        parse: |name, attributes, _, _| Quantifier::parse(Quantity::All, name, "all-1", attributes),
    },
    Entry {
        name: "any",
        summary: "whether the operand is true at one element or more along `axes` (all if left out); false over nothing",
        example: "%p = tgraph.any %m : bool",
        constraints: &[Constraint {
            id: "any-1",
            law: "one bool operand; `axes` are ascending axes of it",
            mend: "compare first, as in `tgraph.compare %x, %y {direction = \"lt\"}`",
        }],
        parse: |name, attributes, _, _| Quantifier::parse(Quantity::Any, name, "any-1", attributes),
    },
];

impl Quantifier {
    fn parse(
        quantity: Quantity,
        name: &str,
        id: &'static str,
        attributes: &Attributes,
    ) -> Result<Op, Violation> {
        only(name, id, attributes, &["axes"])?;
        let axes = attributes.get("axes").map(|_| naturals(attributes, "axes", id)).transpose()?;
        Ok(Arc::new(Quantifier { quantity, axes }))
    }
}

impl Rule for Quantifier {
    fn name(&self) -> &'static str {
        match self.quantity {
            Quantity::All => "all",
            Quantity::Any => "any",
        }
    }

    fn attributes(&self) -> Attributes {
        match &self.axes {
            None => Attributes::new(),
            Some(axes) => {
                Attributes::new().with("axes", Attribute::Ints(axes.iter().map(|&a| a as i64).collect()))
            }
        }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let id = if self.quantity == Quantity::All { "all-1" } else { "any-1" };
        let x = match x {
            [x] if x.dtype == DType::Bool => *x,
            [x] => return bad(id, format!("{} must have a bool operand, got {x}", self.name())),
            _ => return bad(id, format!("{} must have 1 operand, got {}", self.name(), x.len())),
        };
        check_axes(id, &self.axes, x)?;
        let axes = resolve(&self.axes, x.ndim());
        let kept = (0..x.ndim()).filter(|axis| !axes.contains(axis)).map(|axis| x.shape[axis]);
        Ok(vec![Type::new(DType::Bool, kept)])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let (counted, direction) = match self.quantity {
            Quantity::All => (b.elementwise(Function::Not, &x[..1]), Direction::Eq),
            Quantity::Any => (x[0], Direction::Gt),
        };
        let numbers = b.convert(counted, DType::I64);
        let axes = resolve(&self.axes, b.ty(numbers).ndim());
        let count = b.sum(numbers, &axes);
        let zero = b.zeros_like(count);
        Some(vec![b.compare(direction, count, zero)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let axes = shifted(&resolve(&self.axes, x.types(b)[0].ndim()));
        x.apply(b, Arc::new(Quantifier { quantity: self.quantity, axes: Some(axes) }))
    }
}
