//! The language of equations in case files: `u_t + u*u_x = nu*u_xx`.
//!
//! ```text
//! equation = sum [ "=" sum ]                      left minus right must vanish
//! sum      = product { ( "+" | "-" ) product }    left to right
//! product  = unary { ( "*" | "/" ) unary }        left to right
//! unary    = "-" unary | power
//! power    = primary [ "^" unary ]                right to left; -x^2 is -(x^2)
//! primary  = number | name | function "(" sum { "," sum } ")" | "(" sum ")"
//! ```
//!
//! A name is a coordinate, an unknown, a parameter, the constant `pi`, or a derivative: an unknown, `_`,
//! and the coordinates it is differentiated by, written one after the other (`u_xx`, `u_xy`).
//! Parsing resolves names against a [`Scope`], so that an [`Expr`] holds no unresolved name, and reports
//! every unknown name at once.

mod parse;
mod scope;
#[cfg(test)]
mod tests;

pub use parse::{DEPTH_MAX, parse, parse_equation};
pub use scope::Scope;

use crate::math;
use std::ops::Range;

/// An expression and the bytes of the text it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// Bytes of the text.
    pub span: Range<usize>,
    depth: usize,
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A literal or a named constant.
    Number(f64),
    /// A declared name.
    Symbol(Symbol),
    /// A partial derivative of an unknown.
    Derivative {
        /// Position in [`Scope::unknowns`].
        unknown: usize,
        /// Positions in [`Scope::coordinates`], ascending, one for each differentiation.
        by: Vec<usize>,
    },
    /// −a.
    Negate(Box<Expr>),
    /// a ∘ b.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// f(a, …), with as many arguments as [`Function::arity`].
    Call(Function, Vec<Expr>),
}

/// A declared name: positions in the lists of the [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The variants are the lists.
pub enum Symbol {
    Coordinate(usize),
    Unknown(usize),
    Parameter(usize),
}

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The variants are the operators.
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// A function of one or two real numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The variants are the functions.
pub enum Function {
    Sin,
    Cos,
    Tan,
    Sinh,
    Cosh,
    Tanh,
    Exp,
    Log,
    Sqrt,
    Abs,
    Min,
    Max,
}

impl Function {
    /// Every function, in the order of the documentation.
    pub const ALL: [Function; 12] = [
        Function::Sin,
        Function::Cos,
        Function::Tan,
        Function::Sinh,
        Function::Cosh,
        Function::Tanh,
        Function::Exp,
        Function::Log,
        Function::Sqrt,
        Function::Abs,
        Function::Min,
        Function::Max,
    ];

    /// The name in texts; `log` is the natural logarithm.
    pub fn name(self) -> &'static str {
        match self {
            Function::Sin => "sin",
            Function::Cos => "cos",
            Function::Tan => "tan",
            Function::Sinh => "sinh",
            Function::Cosh => "cosh",
            Function::Tanh => "tanh",
            Function::Exp => "exp",
            Function::Log => "log",
            Function::Sqrt => "sqrt",
            Function::Abs => "abs",
            Function::Min => "min",
            Function::Max => "max",
        }
    }

    /// The function of that name.
    pub fn from_name(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|f| f.name() == name)
    }

    /// The number of arguments.
    pub fn arity(self) -> usize {
        match self {
            Function::Min | Function::Max => 2,
            _ => 1,
        }
    }

    fn apply(self, arguments: &[f64]) -> f64 {
        match (self, arguments) {
            (Function::Min, &[a, b]) => {
                if b < a || b.is_nan() {
                    b
                } else {
                    a
                }
            }
            (Function::Max, &[a, b]) => {
                if b > a || b.is_nan() {
                    b
                } else {
                    a
                }
            }
            (Function::Sin, &[a]) => math::sin(a),
            (Function::Cos, &[a]) => math::cos(a),
            (Function::Tan, &[a]) => math::tan(a),
            (Function::Sinh, &[a]) => math::sinh(a),
            (Function::Cosh, &[a]) => math::cosh(a),
            (Function::Tanh, &[a]) => math::tanh(a),
            (Function::Exp, &[a]) => math::exp(a),
            (Function::Log, &[a]) => math::log(a),
            (Function::Sqrt, &[a]) => a.sqrt(),
            (Function::Abs, &[a]) => a.abs(),
            _ => unreachable!("the parser checks the number of arguments"),
        }
    }
}

/// Values of everything a name may stand for, in the order of the [`Scope`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Point<'a> {
    /// One value per coordinate.
    pub coordinates: &'a [f64],
    /// One value per unknown.
    pub unknowns: &'a [f64],
    /// One value per parameter.
    pub parameters: &'a [f64],
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A derivative needs a network, not a value.
    #[error("an expression to evaluate must have no derivatives, got one at bytes {0:?}")]
    Derivative(Range<usize>),
    /// The point lacks the value of a symbol.
    #[error("a value must be given for {0:?}, got none")]
    Missing(Symbol),
}

impl Expr {
    pub(crate) fn new(node: Node, span: Range<usize>) -> Expr {
        let depth = match &node {
            Node::Number(_) | Node::Symbol(_) | Node::Derivative { .. } => 0,
            Node::Negate(a) => a.depth,
            Node::Binary(_, a, b) => a.depth.max(b.depth),
            Node::Call(_, arguments) => arguments.iter().map(|a| a.depth).max().unwrap_or(0),
        };
        Expr { node, span, depth: depth + 1 }
    }

    /// The longest way from here to a leaf, in nodes; at most [`DEPTH_MAX`] in what the parser returns.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The value at a point. Sums and products are evaluated in the order they are written; a whole
    /// number as exponent multiplies ([`math::powi`]).
    pub fn evaluate(&self, at: &Point) -> Result<f64, EvaluateError> {
        Ok(match &self.node {
            Node::Number(value) => *value,
            Node::Symbol(symbol) => {
                let value = match *symbol {
                    Symbol::Coordinate(i) => at.coordinates.get(i),
                    Symbol::Unknown(i) => at.unknowns.get(i),
                    Symbol::Parameter(i) => at.parameters.get(i),
                };
                *value.ok_or(EvaluateError::Missing(*symbol))?
            }
            Node::Derivative { .. } => return Err(EvaluateError::Derivative(self.span.clone())),
            Node::Negate(a) => -a.evaluate(at)?,
            Node::Binary(Binary::Power, a, b) => match b.integer() {
                Some(n) => math::powi(a.evaluate(at)?, n),
                None => math::pow(a.evaluate(at)?, b.evaluate(at)?),
            },
            Node::Binary(op, a, b) => {
                let (a, b) = (a.evaluate(at)?, b.evaluate(at)?);
                match op {
                    Binary::Add => a + b,
                    Binary::Subtract => a - b,
                    Binary::Multiply => a * b,
                    Binary::Divide => a / b,
                    Binary::Power => unreachable!("matched above"),
                }
            }
            Node::Call(function, arguments) => {
                let values: Result<Vec<f64>, _> = arguments.iter().map(|a| a.evaluate(at)).collect();
                function.apply(&values?)
            }
        })
    }

    /// The whole number that this literal (or negated literal) is, as an exponent is read.
    pub fn integer(&self) -> Option<i32> {
        match &self.node {
            Node::Number(value) => {
                let n = *value as i32;
                (f64::from(n) == *value).then_some(n)
            }
            Node::Negate(a) => a.integer().and_then(i32::checked_neg),
            _ => None,
        }
    }

    /// Calls `visit` for this expression and every part of it, parents first, left to right.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        match &self.node {
            Node::Number(_) | Node::Symbol(_) | Node::Derivative { .. } => {}
            Node::Negate(a) => a.walk(visit),
            Node::Binary(_, a, b) => {
                a.walk(visit);
                b.walk(visit);
            }
            Node::Call(_, arguments) => arguments.iter().for_each(|a| a.walk(visit)),
        }
    }

    /// The first part for which `is` holds, parents first, left to right.
    pub fn find(&self, mut is: impl FnMut(&Node) -> bool) -> Option<&Expr> {
        let mut found = None;
        self.walk(&mut |part| {
            if found.is_none() && is(&part.node) {
                found = Some(part);
            }
        });
        found
    }
}
