//! The heart of Tessera: a graph IR whose differentiation is a transformation of the graph,
//! the numerics law that fixes every bit of a result, and the engines that run graphs by it.
//!
//! This crate does no I/O and knows no device; see `ARCHITECTURE.md` for the map.

pub mod ad;
pub mod diagnostic;
pub mod exec;
pub mod ir;
mod memory;
pub mod numerics;
pub mod ops;
pub mod passes;
pub mod tensor;
pub mod text;
pub mod verify;

pub use ir::{DType, Extent, Type};
pub use tensor::{Data, Tensor};
