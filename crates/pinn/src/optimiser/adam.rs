//! Adam (D. P. Kingma and J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015), one graph for a
//! whole step: loss, gradient and update.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! θ ← θ − η (m / c₁) / (√(v / c₂) + ε)        c₁ = 1 − β₁ᵗ, c₂ = 1 − β₂ᵗ at step t = 1, 2, …
//! ```
//!
//! The host computes η, c₁ and c₂ and passes them as arguments, so the graph is the same at every step.

use super::{Evaluation, NotFinite};
use crate::case::Schedule;
use crate::loss::{Objective, scalar};
use crate::math;
use crate::network::widened;
use tessera_core::ad::AdError;
use tessera_core::exec::{Backend, Function};
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::{DType, Tensor, Type};

/// The constants of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Decay rates of the means of the gradient (β₁) and of its square (β₂).
    pub betas: [f64; 2],
    /// ε, added to the root of the mean square.
    pub epsilon: f64,
}

/// What Adam carries from step to step.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The mean of the gradient, of the type of θ.
    pub mean: Tensor,
    /// The mean of its square.
    pub square: Tensor,
    /// Steps done, t.
    pub step: u64,
}

impl State {
    /// The state before the first step on a vector like `theta`.
    pub fn new(theta: &Tensor) -> State {
        let zeros = Tensor::zeros(theta.dtype(), theta.shape());
        State { mean: zeros.clone(), square: zeros, step: 0 }
    }
}

/// Adam for one objective.
pub struct Adam {
    settings: Settings,
    dtype: DType,
    step: Function,
}

impl Adam {
    /// Adam for `objective`.
    ///
    /// # Errors
    /// If the objective has no derivative.
    pub fn new(objective: &dyn Objective, settings: Settings, backend: Backend) -> Result<Adam, AdError> {
        let mut b = Builder::new("adam");
        let ty = objective.theta();
        let dtype = ty.dtype;
        let [theta, mean, square] = ["theta", "mean", "square"].map(|name| b.input(name, ty.clone()));
        let scalars = ["learning_rate", "correction1", "correction2"];
        let scalars = scalars.map(|name| b.input(name, Type::scalar(dtype)));
        let inputs = objective.inputs(&mut b);
        let losses = objective.losses(&mut b, theta, &inputs)?;
        let g = losses.gradient;
        let [rate, correction1, correction2] = scalars.map(|x| b.broadcast_like(x, &[], theta));
        let mean = average(&mut b, mean, g, settings.betas[0]);
        let g2 = b.mul(g, g);
        let square = average(&mut b, square, g2, settings.betas[1]);
        let unbiased = b.div(square, correction2);
        let root = b.sqrt(unbiased);
        let epsilon = b.full_like(theta, settings.epsilon);
        let divisor = b.add(root, epsilon);
        let direction = b.div(mean, correction1);
        let scaled = b.mul(rate, direction);
        let change = b.div(scaled, divisor);
        let theta = b.sub(theta, change);
        let mut outputs = vec![theta, mean, square];
        outputs.extend(Evaluation::outputs(&mut b, &losses));
        Ok(Adam { settings, dtype, step: objective.function(b.finish(outputs), backend) })
    }

    /// One step from `theta` with learning rate `rate`: what the loss was before it.
    ///
    /// `arguments` are those of [`Objective::inputs`].
    ///
    /// # Errors
    /// If a number is not finite; then nothing has changed.
    pub fn step(
        &self,
        theta: &mut Tensor,
        state: &mut State,
        rate: f64,
        arguments: &[Tensor],
    ) -> Result<Evaluation, NotFinite> {
        let scalars = self.scalars(state, rate);
        let mut inputs: Vec<&Tensor> = vec![theta, &state.mean, &state.square];
        inputs.extend(scalars.iter().chain(arguments));
        let outputs = self.step.call(&inputs).expect("arguments are those of the objective");
        let evaluation = Evaluation::read(&outputs[3..]);
        let finite = |x: &Tensor| widened(x).iter().all(|x| x.is_finite());
        if !(evaluation.is_finite() && outputs[..3].iter().all(finite)) {
            return Err(NotFinite { evaluation });
        }
        let mut outputs = outputs.into_iter();
        let mut next = || outputs.next().expect("three vectors");
        (*theta, state.mean, state.square) = (next(), next(), next());
        state.step += 1;
        Ok(evaluation)
    }
}

impl Adam {
    /// The graph of a whole step, and its arguments for a step from here; see [`Adam::step`].
    pub fn evaluation(
        &self,
        theta: &Tensor,
        state: &State,
        rate: f64,
        arguments: Vec<Tensor>,
    ) -> (Graph, Vec<Tensor>) {
        let vectors = [theta, &state.mean, &state.square].map(Tensor::clone);
        let inputs = vectors.into_iter().chain(self.scalars(state, rate)).chain(arguments);
        (self.step.graph().clone(), inputs.collect())
    }

    /// η, c₁ and c₂ of the step after `state`.
    fn scalars(&self, state: &State, rate: f64) -> [Tensor; 3] {
        let t = i32::try_from(state.step + 1).unwrap_or(i32::MAX);
        let [c1, c2] = self.settings.betas.map(|beta| 1.0 - math::powi(beta, t));
        [rate, c1, c2].map(|x| scalar(self.dtype, x))
    }
}

/// β old + (1 − β) new.
fn average(b: &mut Builder, old: Value, new: Value, beta: f64) -> Value {
    let (keep, take) = (b.full_like(old, beta), b.full_like(old, 1.0 - beta));
    let (old, new) = (b.mul(keep, old), b.mul(take, new));
    b.add(old, new)
}

/// The learning rate at step `step` of a stage of `steps`, as a multiple of the first, by law 6.
pub fn scheduled(schedule: Schedule, step: u64, steps: u64) -> f64 {
    match schedule {
        Schedule::Constant => 1.0,
        Schedule::Exponential { factor, every } => math::exp(step as f64 / every as f64 * math::log(factor)),
        Schedule::Cosine { factor } => {
            let cosine = math::cos(std::f64::consts::PI * (step as f64 / steps as f64));
            factor + (1.0 - factor) * (1.0 + cosine) / 2.0
        }
    }
}
