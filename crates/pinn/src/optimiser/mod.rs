//! Optimisers. What works on vectors is a graph, run by an engine and so by the law; the host only decides,
//! from scalars, what is done next. The state of each is plain tensors and numbers.

pub mod adam;
pub mod lbfgs;
pub mod line_search;

use crate::loss::Losses;
use crate::network::number;
use tessera_core::Tensor;
use tessera_core::ir::{Builder, Value};

/// What is known about the loss at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The loss.
    pub total: f64,
    /// Its terms, unweighted.
    pub terms: Vec<f64>,
    /// Euclidean norm of the gradient.
    pub gradient_norm: f64,
    /// Greatest magnitude in the gradient.
    pub gradient_max: f64,
}

impl Evaluation {
    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        self.total.is_finite() && self.gradient_norm.is_finite() && self.terms.iter().all(|x| x.is_finite())
    }

    /// The outputs that [`Evaluation::read`] reads: total, two norms, terms.
    fn outputs(b: &mut Builder, losses: &Losses) -> Vec<Value> {
        let (norm, max) = crate::loss::norms(b, losses.gradient);
        [losses.total, norm, max].into_iter().chain(losses.terms.iter().copied()).collect()
    }

    fn read(outputs: &[Tensor]) -> Evaluation {
        Evaluation {
            total: number(&outputs[0]),
            gradient_norm: number(&outputs[1]),
            gradient_max: number(&outputs[2]),
            terms: outputs[3..].iter().map(number).collect(),
        }
    }
}

/// A step that led to numbers that are not finite. The state is as it was before the step.
#[derive(Clone, Debug, PartialEq)]
pub struct NotFinite {
    /// What was found: the loss and its terms, or the gradient, are not finite; or, if they are, the
    /// weights after the step.
    pub evaluation: Evaluation,
}
