//! The `tgraph` IR: types, attributes, graphs and the builder; data without policy.

mod attribute;
pub(crate) mod builder;
mod graph;
mod program;
pub(crate) mod rebuild;
mod types;

pub use attribute::{Attribute, Attributes};
pub use builder::Builder;
pub use graph::{Graph, Input, Location, Node, Origin, Value};
pub use program::{Clause, Mode, Program, Transform, TransformKind};
pub use types::{DType, ELEMENTS_MAX, Extent, NDIM_MAX, Type};
