//! What Tessera's tests and benchmarks share: the runner of `filetests/`, generators of graphs, the
//! generated part of `docs/ir.md`, ready problems, and numbers that any language can make again bit
//! for bit.

pub mod ad_docs;
pub mod data;
pub mod filetest;
pub mod generate;
pub mod golden;
pub mod ir_docs;
pub mod problems;
pub mod ranks;
pub mod samples;
