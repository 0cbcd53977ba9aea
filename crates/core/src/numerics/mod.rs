//! The numerics law: everything that decides the bits of a result. Normative text: `docs/numerics.md`.

pub mod contract;
pub mod dispatch;
pub mod lanes;
pub mod math;
pub mod random;
pub mod reduce;
pub mod tree;
