//! Exact solutions, to score trained networks against.

pub mod burgers;
