//! Which term of the loss ceased to be finite.

use super::Trainer;
use crate::case::Optimiser;
use crate::loss::Objective;
use crate::network::widened;
use crate::optimiser::Evaluation;
use tessera_core::ir::Builder;

/// A step that gave numbers that are not finite. The trainer is as it was before the step.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{} must stay finite, got {value} at step {step} ({stage_kind}); {}", self.subject(), self.help())]
pub struct Diverged {
    /// The step, counted from 1.
    pub step: u64,
    /// The stage it belongs to.
    pub stage: usize,
    /// The stage's kind: `adam` or `lbfgs`.
    pub stage_kind: &'static str,
    /// The term of the loss that is not finite, or whose gradient is not; `None` if it is their sum or the
    /// weights after the step.
    pub term: Option<String>,
    /// What is not finite.
    pub quantity: Quantity,
    /// What it is instead.
    pub value: f64,
}

/// What may cease to be finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// A loss.
    Loss,
    /// A gradient.
    Gradient,
    /// The weights, or Adam's means.
    Weights,
}

impl Diverged {
    fn subject(&self) -> String {
        match (self.quantity, &self.term) {
            (Quantity::Loss, Some(term)) => format!("the loss of term `{term}`"),
            (Quantity::Loss, None) => "the weighted sum of the losses".to_string(),
            (Quantity::Gradient, Some(term)) => format!("the gradient of term `{term}`"),
            (Quantity::Gradient, None) => "the gradient".to_string(),
            (Quantity::Weights, _) => "the weights after the step".to_string(),
        }
    }

    fn help(&self) -> &'static str {
        match (self.step, self.quantity) {
            (1, Quantity::Loss) => "its equation has no value for the network's first outputs",
            (1, Quantity::Gradient) => "its equation has no derivative for the network's first outputs",
            _ => "try a lower `learning_rate`, or check where its equation has no value or no derivative",
        }
    }
}

impl Trainer {
    /// Finds out what is not finite at the present weights.
    pub(super) fn diverged(&self, evaluation: &Evaluation) -> Diverged {
        let named = |i: usize| Some(self.names[i].clone());
        let (quantity, term, value) = if let Some(i) = evaluation.terms.iter().position(|x| !x.is_finite()) {
            (Quantity::Loss, named(i), evaluation.terms[i])
        } else if !evaluation.total.is_finite() {
            (Quantity::Loss, None, evaluation.total)
        } else if !evaluation.gradient_norm.is_finite() {
            let found = (0..self.names.len()).find_map(|i| Some((i, self.bad_gradient(i)?)));
            match found {
                Some((i, value)) => (Quantity::Gradient, named(i), value),
                None => (Quantity::Gradient, None, evaluation.gradient_norm),
            }
        } else {
            (Quantity::Weights, None, f64::NAN)
        };
        let stage = self.progress.stage;
        let stage_kind = kind(&self.case.optimisers[stage]);
        Diverged { step: self.progress.step + 1, stage, stage_kind, term, quantity, value }
    }

    /// The first element of the gradient of term `term` that is not finite.
    fn bad_gradient(&self, term: usize) -> Option<f64> {
        let mut b = Builder::new("term_gradient");
        let theta = b.input("theta", self.loss.theta());
        let inputs = self.loss.inputs(&mut b);
        let gradient = self.loss.term_gradient(&mut b, theta, &inputs, term).ok()?;
        let function = self.loss.function(b.finish(vec![gradient]), self.backend.clone());
        let arguments: Vec<_> = std::iter::once(&self.theta).chain(&self.arguments).collect();
        let outputs = function.call(&arguments).ok()?;
        widened(&outputs[0]).into_iter().find(|x| !x.is_finite())
    }
}

/// The kind of a stage, as a case file calls it.
pub(super) fn kind(stage: &Optimiser) -> &'static str {
    match stage {
        Optimiser::Adam { .. } => "adam",
        Optimiser::Lbfgs { .. } => "lbfgs",
    }
}
