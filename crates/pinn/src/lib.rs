//! Physics-informed neural networks: problems in text, points, exact solutions, and training by graphs.
//!
//! A [`case::Case`] is read from text; a [`trainer::Trainer`] takes it through its stages step by step.
//! [`lowering`] turns its equations into graphs, [`network`] its network, [`loss`] the sum of its terms and
//! the gradient, [`optimiser`] the steps.

pub mod case;
pub mod data;
pub mod diagnostic;
pub mod exact;
pub mod expression;
pub mod history;
pub mod laws;
pub mod loss;
pub mod lowering;
pub mod math;
pub mod network;
pub mod optimiser;
pub mod sampling;
pub mod solution;
pub mod state;
pub mod trainer;
