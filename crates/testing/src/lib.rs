//! What Tessera's tests and benchmarks share: ready problems and numbers that any language can
//! make again bit for bit.

pub mod data;
pub mod problems;
