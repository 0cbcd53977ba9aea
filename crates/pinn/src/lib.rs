//! Physics-informed neural networks: problems in text, points, exact solutions, and training by graphs.

pub mod case;
pub mod data;
pub mod diagnostic;
pub mod exact;
pub mod expression;
pub mod laws;
pub mod math;
pub mod sampling;
