//! The numerics law: everything that decides the bits of a result. Normative text: `docs/numerics.md`.

/// The version of the law that this build follows; 0 was a draft.
pub const VERSION: u32 = 1;

pub mod contract;
pub mod dispatch;
pub mod lanes;
pub mod linalg;
pub mod math;
pub mod parallel;
pub mod random;
pub mod reduce;
pub mod tree;
