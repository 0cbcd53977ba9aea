//! Attributes: the compile-time parameters of an operation.

use super::DType;
use crate::tensor::Tensor;
use std::sync::Arc;

/// One attribute value.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number, such as a tolerance.
    Float(f64),
    /// A list of integers, such as axes.
    Ints(Vec<i64>),
    /// A word in quotes.
    Text(String),
    /// An element type.
    DType(DType),
    /// Numbers: a scalar or nested lists, typed by the operation's result.
    Tensor(Arc<Tensor>),
}

impl Attribute {
    /// Appends text that is equal exactly when the attributes are the same bits.
    pub(crate) fn key(&self, out: &mut String) {
        use std::fmt::Write;
        match self {
            // Debug of a NaN or of ±0 would merge different bits.
            Attribute::Tensor(t) => {
                let _ = write!(out, "{}{:?}", t.dtype(), t.shape());
                if t.len() <= 16 {
                    for byte in t.canonical_bytes() {
                        let _ = write!(out, "{byte:02x}");
                    }
                } else {
                    out.push_str(&t.digest());
                }
            }
            Attribute::Float(value) => {
                let _ = write!(out, "{:016x}", value.to_bits());
            }
            other => {
                let _ = write!(out, "{other:?}");
            }
        }
    }
}

/// The named attributes of an operation, in the order they are printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(String, Attribute)>);

impl Attributes {
    /// No attributes.
    pub fn new() -> Attributes {
        Attributes::default()
    }

    /// The attributes with one more.
    pub fn with(mut self, name: &str, value: Attribute) -> Attributes {
        self.0.push((name.to_string(), value));
        self
    }

    /// Adds an attribute of the text form.
    pub fn insert(&mut self, name: String, value: Attribute) {
        self.0.push((name, value));
    }

    /// The attribute called `name`.
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The list of integers called `name`.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.get(name) {
            Some(Attribute::Ints(v)) => Some(v),
            _ => None,
        }
    }

    /// The integer called `name`.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Attribute::Int(v)) => Some(*v),
            _ => None,
        }
    }

    /// The number called `name`, which may be written as an integer.
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Attribute::Float(v)) => Some(*v),
            Some(Attribute::Int(v)) => Some(*v as f64),
            _ => None,
        }
    }

    /// The word called `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Attribute::Text(v)) => Some(v),
            _ => None,
        }
    }

    /// The truth value called `name`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Attribute::Bool(v)) => Some(*v),
            _ => None,
        }
    }

    /// Name and value of each attribute, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
