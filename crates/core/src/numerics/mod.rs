//! The numerics law: everything that decides the bits of a result. Normative text: `docs/numerics.md`.

pub mod dispatch;
pub mod lanes;
pub mod math;
pub mod tree;
