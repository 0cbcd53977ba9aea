//! The syntax tree: what is written, before names and types are resolved.

use crate::ir::{Transform, Type};
use std::ops::Range;

/// Bytes of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end.max(self.start) }
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Range<usize> {
        span.start..span.end
    }
}

/// A name, without its `%` or `@`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub text: &'a str,
    pub span: Span,
}

/// A file: modules and transformation statements.
#[derive(Debug, Default)]
pub(super) struct File<'a> {
    pub modules: Vec<Module<'a>>,
    pub transforms: Vec<Transform>,
}

/// `tgraph.module @name { … }`. The name is missing where it could not be read.
#[derive(Debug)]
pub(super) struct Module<'a> {
    pub name: Option<Name<'a>>,
    pub statements: Vec<Statement<'a>>,
    /// The closing brace, or where it was missed.
    pub end: Span,
    /// Whether every statement could be read.
    pub is_whole: bool,
}

/// A line of a module.
#[derive(Debug)]
pub(super) struct Statement<'a> {
    /// The names defined, left of `=`.
    pub names: Vec<Name<'a>>,
    pub action: Action<'a>,
    /// From the operation's word to its last operand or attribute.
    pub span: Span,
    pub signature: Signature,
}

/// What a statement does.
#[derive(Debug)]
pub(super) enum Action<'a> {
    Inputs(Vec<InputItem<'a>>),
    Op {
        word: Name<'a>,
        operands: Vec<Name<'a>>,
        attributes: Vec<Entry<'a>>,
    },
    Call {
        callee: Name<'a>,
        operands: Vec<Name<'a>>,
    },
    Return(Vec<Name<'a>>),
    /// A statement that could not be read but for its names.
    Unread,
}

/// `tgraph.arg`, `tgraph.tangent`, or `tgraph.tangent %x`.
#[derive(Debug)]
pub(super) struct InputItem<'a> {
    pub kind: InputKind<'a>,
    pub span: Span,
}

/// Which input.
#[derive(Debug)]
pub(super) enum InputKind<'a> {
    Arg,
    /// The tangent of the value named, or else of the argument before it in the statement.
    Tangent(Option<Name<'a>>),
}

/// What follows the colon: `operands -> results`, or results alone.
#[derive(Debug, Default)]
pub(super) struct Signature {
    pub operands: Option<Vec<WrittenType>>,
    pub results: Vec<WrittenType>,
    pub span: Span,
}

/// A type and where it stands.
#[derive(Clone, Debug)]
pub(super) struct WrittenType {
    pub ty: Type,
    pub span: Span,
}

/// `name = literal`.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub name: Name<'a>,
    pub literal: Literal<'a>,
}

/// The value of an attribute, as written.
#[derive(Debug)]
pub(super) struct Literal<'a> {
    pub kind: LiteralKind<'a>,
    pub span: Span,
}

/// See [`Literal`].
#[derive(Debug)]
pub(super) enum LiteralKind<'a> {
    /// Digits, possibly with a fraction and an exponent.
    Number {
        negative: bool,
        digits: &'a str,
    },
    /// `true`, `inf`, `f32`, …
    Word(&'a str),
    Text(String),
    List(Vec<Literal<'a>>),
}
