//! Expressions as graphs: an equation over rows of points becomes a column of residuals.
//!
//! A derivative such as `u_txx` is [`forward`] of `u_tx` along `x`, with the tangent 1: coordinates enter
//! as columns of their own, so a tangent of one of them differentiates every row by it at once. The builder
//! shares equal nodes and [`Field`] remembers each derivative, so that all terms of an equation, and all
//! orders, are made of the same values. What a Laplacian adds is then added before it goes through the layers, unless the case asks
//! for nested derivatives.

use crate::case::{Case, Derivatives};
use crate::expression::{Binary, Expr, Function, Node, Symbol};
use crate::network::{self, Layout};
use std::collections::HashMap;
use tessera_core::ad::{AdError, forward};
use tessera_core::ir::{Builder, Value};
use tessera_core::passes::collapse;

/// The unknowns of a case, and their derivatives, over rows of points.
pub struct Field<'a> {
    case: &'a Case,
    coordinates: Vec<Value>,
    parameters: Vec<Value>,
    /// By unknown and the coordinates it is differentiated by, ascending.
    derivatives: HashMap<(usize, Vec<usize>), Value>,
}

/// What the names of unknowns stand for while an expression is lowered.
#[derive(Clone, Copy)]
enum Unknowns<'a> {
    /// Outputs of the network: inside an ansatz.
    Outputs(&'a [Value]),
    /// The unknowns themselves and their derivatives.
    Field,
}

impl<'a> Field<'a> {
    /// The field of the weights `blocks` over `points` (rows, coordinates).
    pub fn new(
        b: &mut Builder,
        case: &'a Case,
        layout: &Layout,
        blocks: &[Value],
        points: Value,
    ) -> Result<Field<'a>, AdError> {
        let coordinates = (0..case.coordinates.len()).map(|d| b.slice(points, 1, d..d + 1)).collect();
        let mut trained = blocks[2 * layout.layers..].iter();
        let parameters = case.parameters.iter().map(|parameter| match parameter.trainable {
            true => *trained.next().expect("the layout has a block for each"),
            false => b.number(case.precision, parameter.value),
        });
        let parameters = parameters.collect();
        let mut field = Field { case, coordinates, parameters, derivatives: HashMap::new() };
        let outputs = network::outputs(b, case, layout, blocks, &field.coordinates);
        for (i, ansatz) in case.ansatz.iter().enumerate() {
            let unknown = match ansatz {
                None => outputs[i],
                Some(text) => {
                    let value = field.lower(b, text, Unknowns::Outputs(&outputs))?;
                    field.column(b, value)
                }
            };
            field.derivatives.insert((i, Vec::new()), unknown);
        }
        Ok(field)
    }

    /// Unknown `i`, as a column.
    pub fn unknown(&self, i: usize) -> Value {
        self.derivatives[&(i, Vec::new())]
    }

    /// The value of `expr` in every row, as a column.
    pub fn residual(&mut self, b: &mut Builder, expr: &Expr) -> Result<Value, AdError> {
        let value = self.lower(b, expr, Unknowns::Field)?;
        let column = self.column(b, value);
        Ok(match self.case.derivatives {
            Derivatives::Collapsed => collapse(b, &[column])[0],
            Derivatives::Nested => column,
        })
    }

    /// A derivative of an unknown by `by`, ascending coordinates.
    fn derivative(&mut self, b: &mut Builder, unknown: usize, by: &[usize]) -> Result<Value, AdError> {
        let key = (unknown, by.to_vec());
        if let Some(&known) = self.derivatives.get(&key) {
            return Ok(known);
        }
        let (&last, before) = by.split_last().expect("the unknown itself is known");
        let of = self.derivative(b, unknown, before)?;
        let along = self.coordinates[last];
        let one = b.ones_like(along);
        let value = match forward(b, &[of], &[along], &[one])?[0] {
            Some(value) => value,
            None => b.zeros_like(of),
        };
        self.derivatives.insert(key, value);
        Ok(value)
    }

    /// A scalar where the expression is the same in every row, else a column.
    fn lower(&mut self, b: &mut Builder, expr: &Expr, unknowns: Unknowns) -> Result<Value, AdError> {
        Ok(match &expr.node {
            Node::Number(value) => b.number(self.case.precision, *value),
            Node::Symbol(Symbol::Coordinate(i)) => self.coordinates[*i],
            Node::Symbol(Symbol::Parameter(i)) => self.parameters[*i],
            Node::Symbol(Symbol::Unknown(i)) => match unknowns {
                Unknowns::Outputs(outputs) => outputs[*i],
                Unknowns::Field => self.unknown(*i),
            },
            Node::Derivative { unknown, by } => self.derivative(b, *unknown, by)?,
            Node::Negate(a) => {
                let a = self.lower(b, a, unknowns)?;
                b.neg(a)
            }
            Node::Binary(Binary::Power, a, exponent) if exponent.integer().is_some() => {
                let a = self.lower(b, a, unknowns)?;
                power(b, a, exponent.integer().unwrap_or(1))
            }
            Node::Binary(op, x, y) => {
                let x = self.lower(b, x, unknowns)?;
                let y = self.lower(b, y, unknowns)?;
                let (x, y) = self.matched(b, x, y);
                match op {
                    Binary::Add => b.add(x, y),
                    Binary::Subtract => b.sub(x, y),
                    Binary::Multiply => b.mul(x, y),
                    Binary::Divide => b.div(x, y),
                    Binary::Power => b.pow(x, y),
                }
            }
            Node::Call(function, arguments) => {
                let x = self.lower(b, &arguments[0], unknowns)?;
                match arguments.get(1) {
                    None => unary(b, *function, x),
                    Some(y) => {
                        let y = self.lower(b, y, unknowns)?;
                        let (x, y) = self.matched(b, x, y);
                        if *function == Function::Min { b.min(x, y) } else { b.max(x, y) }
                    }
                }
            }
        })
    }

    fn column(&self, b: &mut Builder, x: Value) -> Value {
        if b.ty(x).ndim() == 0 { b.broadcast_like(x, &[], self.coordinates[0]) } else { x }
    }

    /// Both scalars, or both columns.
    fn matched(&self, b: &mut Builder, x: Value, y: Value) -> (Value, Value) {
        match (b.ty(x).ndim(), b.ty(y).ndim()) {
            (0, 0) => (x, y),
            _ => (self.column(b, x), self.column(b, y)),
        }
    }
}

/// A function of one argument, made as [`crate::math`] makes it.
fn unary(b: &mut Builder, function: Function, x: Value) -> Value {
    match function {
        Function::Sin => b.sin(x),
        Function::Cos => b.cos(x),
        Function::Tan => {
            let (sin, cos) = (b.sin(x), b.cos(x));
            b.div(sin, cos)
        }
        Function::Sinh => {
            let (tanh, cosh) = (b.tanh(x), unary(b, Function::Cosh, x));
            b.mul(tanh, cosh)
        }
        Function::Cosh => {
            let minus = b.neg(x);
            let (grows, decays, half) = (b.exp(x), b.exp(minus), b.full_like(x, 0.5));
            let sum = b.add(grows, decays);
            b.mul(sum, half)
        }
        Function::Tanh => b.tanh(x),
        Function::Exp => b.exp(x),
        Function::Log => b.log(x),
        Function::Sqrt => b.sqrt(x),
        Function::Abs => b.abs(x),
        Function::Min | Function::Max => unreachable!("functions of two arguments"),
    }
}

/// An integer power by squaring, in the order of [`crate::math::powi`].
fn power(b: &mut Builder, x: Value, n: i32) -> Value {
    let (mut base, mut rest) = (x, n.unsigned_abs());
    let mut product = None;
    while rest > 0 {
        if rest & 1 == 1 {
            product = Some(product.map_or(base, |product| b.mul(product, base)));
        }
        rest >>= 1;
        if rest > 0 {
            base = b.mul(base, base);
        }
    }
    let one = b.ones_like(x);
    match product {
        None => one,
        Some(product) if n < 0 => b.div(one, product),
        Some(product) => product,
    }
}
