//! What tests share: the runner of `filetests/`, generators of graphs and texts, and the generated
//! part of `docs/ir.md`.

pub mod filetest;
pub mod generate;
pub mod ir_docs;
