//! The `tgraph` IR: types, graphs and the builder; data without policy.

mod types;

pub use types::{DType, Extent, Type};
