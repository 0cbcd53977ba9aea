//! The numerics law: everything that decides the bits of a result. Normative text: `docs/numerics.md`.

pub mod random;
