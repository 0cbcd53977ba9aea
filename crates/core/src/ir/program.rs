//! A program: modules by name, and the transformations asked for by statements.

use super::{Graph, Location};
use indexmap::IndexMap;
use std::sync::Arc;

/// What a transformation statement asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransformKind {
    /// `tgraph.adjoint`: reverse mode.
    Adjoint,
    /// `tgraph.jvp`: forward mode.
    Jvp,
    /// `tgraph.hvp`: reverse over forward.
    Hvp,
    /// `tgraph.taylor`: coefficients along one direction.
    Taylor,
}

impl TransformKind {
    /// Every kind.
    pub const ALL: [TransformKind; 4] =
        [TransformKind::Adjoint, TransformKind::Jvp, TransformKind::Hvp, TransformKind::Taylor];

    /// The statement's word, without `tgraph.`.
    pub fn name(self) -> &'static str {
        match self {
            TransformKind::Adjoint => "adjoint",
            TransformKind::Jvp => "jvp",
            TransformKind::Hvp => "hvp",
            TransformKind::Taylor => "taylor",
        }
    }
}

/// A statement such as `tgraph.adjoint @m wrt(%x) -> @m_grad`.
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    /// Which transformation.
    pub kind: TransformKind,
    /// The module it is applied to, without `@`.
    pub source: String,
    /// Inputs to differentiate with respect to, without `%`.
    pub wrt: Vec<String>,
    /// Names of the new direction inputs (`dir(%v)` of hvp), without `%`; one for each of `wrt`.
    pub dir: Vec<String>,
    /// The highest coefficient (`order(4)` of taylor).
    pub order: Option<usize>,
    /// The module it makes, without `@`.
    pub target: String,
    /// Where it stands.
    pub location: Location,
}

/// Modules and transformation statements, in the order written.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Modules by name; a module stands after those it calls.
    pub modules: IndexMap<String, Arc<Graph>>,
    /// Transformations not yet carried out, in order; one may name the target of an earlier one.
    pub transforms: Vec<Transform>,
}
