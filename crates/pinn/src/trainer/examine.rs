//! What a step computes, for those who look for the operation that went wrong.

use super::{Running, Trainer};
use crate::case::Optimiser;
use crate::optimiser::adam;
use tessera_core::Tensor;
use tessera_core::ir::Graph;

impl Trainer {
    /// The graph that the next step evaluates, and its arguments: for Adam the whole step; for L-BFGS the
    /// loss and its gradient at the present weights, before the search along a line. `None` if the
    /// training is done.
    pub fn next_evaluation(&self) -> Option<(Graph, Vec<Tensor>)> {
        let stage = self.case.optimisers.get(self.progress.stage)?;
        let mut arguments = self.loss.points(self.next_epoch(stage)).expect("sampled before, at epoch 0");
        arguments.extend(self.loss.observed());
        match (&self.running, stage) {
            (Running::Adam(adam, state), Optimiser::Adam { learning_rate, schedule, steps, .. }) => {
                let rate = learning_rate * adam::scheduled(*schedule, self.progress.stage_step, *steps);
                Some(adam.evaluation(&self.theta, state, rate, arguments))
            }
            (Running::Lbfgs(lbfgs, _), _) => Some(lbfgs.evaluation(&self.theta, arguments)),
            _ => None,
        }
    }
}
