//! The op table: every operation by name, with its constraints.

use super::{Op, Violation};
use crate::ir::{Attributes, Graph, Type};
use std::sync::{Arc, LazyLock};

/// A numbered law of an operation or of the language; errors carry its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Such as `matmul-2`.
    pub id: &'static str,
    /// What must hold.
    pub law: &'static str,
    /// How to mend a text that breaks it.
    pub mend: &'static str,
}

/// Makes an operation from its text: attributes, declared result types, regions.
pub type Parse = fn(&'static str, &Attributes, &[Type], &[Arc<Graph>]) -> Result<Op, Violation>;

/// One operation of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The IR word, without `tgraph.`.
    pub name: &'static str,
    /// One sentence: what it computes.
    pub summary: &'static str,
    /// An example line.
    pub example: &'static str,
    /// Its numbered constraints.
    pub constraints: &'static [Constraint],
    /// Makes it from text.
    pub parse: Parse,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut entries = Vec::new();
    entries.extend(super::elementwise::entries());
    entries.extend_from_slice(super::predicate::ENTRIES);
    entries.extend_from_slice(super::quantifier::ENTRIES);
    entries.extend_from_slice(super::constant::ENTRIES);
    entries.extend_from_slice(super::select::ENTRIES);
    entries.extend_from_slice(super::shape::ENTRIES);
    entries.extend_from_slice(super::part::ENTRIES);
    entries.extend_from_slice(super::index::ENTRIES);
    entries.extend_from_slice(super::window::ENTRIES);
    entries.extend_from_slice(super::order::ENTRIES);
    entries.extend_from_slice(super::cumulative::ENTRIES);
    entries.extend_from_slice(super::batch::ENTRIES);
    entries.extend_from_slice(super::reduce::ENTRIES);
    entries.extend_from_slice(super::dot::ENTRIES);
    entries.extend_from_slice(super::matmul::ENTRIES);
    entries.extend_from_slice(super::contract::ENTRIES);
    entries.extend_from_slice(super::convolution::ENTRIES);
    entries.extend(super::linalg::entries());
    entries.extend_from_slice(super::composite::ENTRIES);
    entries.extend_from_slice(super::random::ENTRIES);
    entries.extend(super::structured::entries());
    entries
});

/// Every operation that text can name, in the order of the documentation.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// The operation called `name`.
pub fn entry(name: &str) -> Option<&'static Entry> {
    entries().iter().find(|entry| entry.name == name)
}

/// The constraints of every operation, in the order of the documentation.
pub fn constraints() -> impl Iterator<Item = &'static Constraint> {
    entries().iter().flat_map(|entry| entry.constraints).chain(super::custom::CONSTRAINTS)
}

/// The constraint of an operation with this id.
pub fn explain(id: &str) -> Option<&'static Constraint> {
    constraints().find(|constraint| constraint.id == id)
}

/// Refuses attributes that the operation does not have.
pub(super) fn only(
    op: &str,
    id: &'static str,
    attributes: &Attributes,
    known: &[&str],
) -> Result<(), Violation> {
    match attributes.iter().find(|(name, _)| !known.contains(name)) {
        None => Ok(()),
        Some((name, _)) if known.is_empty() => {
            Err(Violation::new(id, format!("{op} must have no attributes, got `{name}`")))
        }
        Some((name, _)) => {
            let known = known.join("`, `");
            Err(Violation::new(id, format!("{op} must have only the attributes `{known}`, got `{name}`")))
        }
    }
}
