//! L-BFGS (J. Nocedal and S. J. Wright, *Numerical Optimization*, 2nd edition, algorithms 7.4 and 7.5) with
//! the strong-Wolfe line search of [`line_search`].
//!
//! An iteration has three parts. The two-loop recursion turns the gradient into a direction; the line search
//! evaluates the loss along it, each evaluation one graph; the accepted step gives a pair s = θ′ − θ,
//! y = ∇f′ − ∇f, which is remembered if its curvature s·y is above 0. Where no step is accepted, what is
//! remembered is forgotten and the search starts once more, straight down the gradient; where that fails
//! too, the loss cannot be lowered any more in the precision at hand, and the stage ends.

use super::line_search::{self, Trial};
use super::{Evaluation, NotFinite};
use crate::loss::{Objective, scalar};
use crate::network::number;
use std::collections::VecDeque;
use tessera_core::ad::AdError;
use tessera_core::exec::cpu::Options;
use tessera_core::exec::{Backend, Function};
use tessera_core::ir::{Builder, Graph};
use tessera_core::{DType, Tensor, Type};

/// The constants of L-BFGS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Pairs that are remembered.
    pub history: usize,
    /// Those of the line search.
    pub search: line_search::Settings,
    /// It ends when no element of the gradient is above this in magnitude.
    pub tolerance: f64,
}

/// A step, the change of the gradient over it, and 1 / (s·y).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Pair {
    pub step: Tensor,
    pub change: Tensor,
    pub rho: f64,
}

/// The loss and its gradient where the optimiser is.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Here {
    pub evaluation: Evaluation,
    pub gradient: Tensor,
}

/// What L-BFGS carries from step to step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// `None` before the first step.
    pub here: Option<Here>,
    /// The pairs, the oldest first.
    pub pairs: VecDeque<Pair>,
    /// s·y / y·y of the last pair, the scale of the first approximation (equation 7.20).
    pub gamma: f64,
}

/// Why L-BFGS ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// No element of the gradient is above the tolerance.
    Tolerance,
    /// Not even straight down the gradient is there a lower loss within the evaluations allowed.
    LineSearch,
}

/// What an iteration did.
#[derive(Clone, Debug, PartialEq)]
pub struct Iteration {
    /// The loss after it.
    pub evaluation: Evaluation,
    /// The accepted step length; 0 if there was none.
    pub length: f64,
    /// How often the loss was evaluated.
    pub evaluations: u64,
    /// Whether and why it was the last.
    pub end: Option<End>,
}

/// L-BFGS for one objective.
pub struct Lbfgs {
    settings: Settings,
    dtype: DType,
    /// (θ, p, α, arguments…) → θ + α p, gradient, gradient · p, evaluation.
    probe: Function,
    vectors: Vectors,
}

impl Lbfgs {
    /// L-BFGS for `objective`.
    ///
    /// # Errors
    /// If the objective has no derivative.
    pub fn new(objective: &dyn Objective, settings: Settings, backend: Backend) -> Result<Lbfgs, AdError> {
        let mut b = Builder::new("lbfgs_probe");
        let ty = objective.theta();
        let [theta, direction] = ["theta", "direction"].map(|name| b.input(name, ty.clone()));
        let length = b.input("length", Type::scalar(ty.dtype));
        let inputs = objective.inputs(&mut b);
        let length = b.broadcast_like(length, &[], theta);
        let change = b.mul(length, direction);
        let theta = b.add(theta, change);
        let losses = objective.losses(&mut b, theta, &inputs)?;
        let product = b.mul(losses.gradient, direction);
        let slope = b.sum_all(product);
        let mut outputs = vec![theta, losses.gradient, slope];
        outputs.extend(Evaluation::outputs(&mut b, &losses));
        let probe = objective.function(b.finish(outputs), backend.clone());
        Ok(Lbfgs { settings, dtype: ty.dtype, probe, vectors: Vectors::new(&ty, &backend) })
    }

    /// The graph of the loss and its gradient, and its arguments at `theta`.
    pub fn evaluation(&self, theta: &Tensor, arguments: Vec<Tensor>) -> (Graph, Vec<Tensor>) {
        let zero = Tensor::zeros(self.dtype, theta.shape());
        let mut inputs = vec![theta.clone(), zero, scalar(self.dtype, 0.0)];
        inputs.extend(arguments);
        (self.probe.graph().clone(), inputs)
    }

    /// One iteration from `theta`. `arguments` are those of [`Objective::inputs`]; where they have changed
    /// since the step before, [`State::here`] must be `None`.
    ///
    /// # Errors
    /// If the loss or its gradient at `theta` is not finite; then nothing has changed.
    pub fn step(
        &self,
        theta: &mut Tensor,
        state: &mut State,
        arguments: &[Tensor],
    ) -> Result<Iteration, NotFinite> {
        let mut evaluations = 0;
        let here = match &state.here {
            Some(here) => here.clone(),
            None => {
                let zero = Tensor::zeros(self.dtype, theta.shape());
                let trial = self.probe(theta, &zero, 0.0, arguments);
                evaluations += 1;
                let here = trial.payload.here;
                if !here.evaluation.is_finite() {
                    return Err(NotFinite { evaluation: here.evaluation });
                }
                here
            }
        };
        let mut found = None;
        if here.evaluation.gradient_max > self.settings.tolerance {
            found = self.search(theta, &here, state, arguments, &mut evaluations);
            if found.is_none() && !state.pairs.is_empty() {
                state.pairs.clear();
                found = self.search(theta, &here, state, arguments, &mut evaluations);
            }
        }
        let Some(trial) = found else {
            let small = here.evaluation.gradient_max <= self.settings.tolerance;
            let end = Some(if small { End::Tolerance } else { End::LineSearch });
            let evaluation = here.evaluation.clone();
            state.here = Some(here);
            return Ok(Iteration { evaluation, length: 0.0, evaluations, end });
        };
        let (length, Point { theta: next, here: there }) = (trial.step, trial.payload);
        self.remember(state, [&next, theta], [&there.gradient, &here.gradient]);
        *theta = next;
        let evaluation = there.evaluation.clone();
        let end = (evaluation.gradient_max <= self.settings.tolerance).then_some(End::Tolerance);
        state.here = Some(there);
        Ok(Iteration { evaluation, length, evaluations, end })
    }

    fn search(
        &self,
        theta: &Tensor,
        here: &Here,
        state: &mut State,
        arguments: &[Tensor],
        evaluations: &mut u64,
    ) -> Option<Trial<Point>> {
        let (mut direction, mut slope) = self.vectors.direction(&here.gradient, &state.pairs, state.gamma);
        let descends = |slope: f64| slope < 0.0 && slope.is_finite();
        if !descends(slope) {
            state.pairs.clear();
            (direction, slope) = self.vectors.direction(&here.gradient, &state.pairs, state.gamma);
        }
        if !descends(slope) {
            return None;
        }
        let first = if state.pairs.is_empty() { (1.0 / here.evaluation.gradient_norm).min(1.0) } else { 1.0 };
        let payload = Point { theta: theta.clone(), here: here.clone() };
        let origin = Trial { step: 0.0, value: here.evaluation.total, slope, payload };
        let probe = |length| self.probe(theta, &direction, length, arguments);
        let (found, used) = line_search::search(&origin, first, self.settings.search, probe);
        *evaluations += used;
        found
    }

    fn probe(&self, theta: &Tensor, direction: &Tensor, length: f64, arguments: &[Tensor]) -> Trial<Point> {
        let length = scalar(self.dtype, length);
        let mut inputs = vec![theta, direction, &length];
        inputs.extend(arguments);
        let mut outputs = self.probe.call(&inputs).expect("arguments are those of the objective");
        let evaluation = Evaluation::read(&outputs[3..]);
        let slope = number(&outputs[2]);
        outputs.truncate(2);
        let (gradient, theta) = (outputs.remove(1), outputs.remove(0));
        // A term or gradient that is not finite makes the step too long, even if the total is finite.
        let value = if evaluation.is_finite() { evaluation.total } else { f64::INFINITY };
        let payload = Point { theta, here: Here { evaluation, gradient } };
        Trial { step: number(&length), value, slope, payload }
    }

    fn remember(&self, state: &mut State, theta: [&Tensor; 2], gradient: [&Tensor; 2]) {
        let (pair, curvature, gamma) = self.vectors.pair(theta, gradient);
        if !(curvature > 0.0 && gamma > 0.0 && pair.rho.is_finite() && gamma.is_finite()) {
            return;
        }
        if state.pairs.len() == self.settings.history {
            state.pairs.pop_front();
        }
        state.pairs.push_back(pair);
        state.gamma = gamma;
    }
}

/// Where a trial of a line search came to.
#[derive(Clone, Debug)]
struct Point {
    theta: Tensor,
    here: Here,
}

/// Small graphs over vectors of the type of θ.
struct Vectors {
    dtype: DType,
    /// (x, s) → x · s.
    dot: Function,
    /// (x, a, s) → a x, a x · s.
    scale: Function,
    /// (x, a, y, s) → x + a y, (x + a y) · s.
    advance: Function,
    /// (θ′, θ, g′, g) → s, y, s · y, y · y.
    pair: Function,
}

impl Vectors {
    fn new(ty: &Type, backend: &Backend) -> Vectors {
        // Vectors of θ's length are too short to share among threads.
        let backend = match backend {
            Backend::Cpu(options) => Backend::Cpu(Options { threads: 1, ..options.clone() }),
            other => other.clone(),
        };
        let function = |name: &str, build: &dyn Fn(&mut Builder) -> Vec<tessera_core::ir::Value>| {
            let mut b = Builder::new(name);
            let outputs = build(&mut b);
            Function::new(b.finish(outputs), backend.clone())
        };
        let vector = |b: &mut Builder, name: &str| b.input(name, ty.clone());
        let dot = |b: &mut Builder, x, y| {
            let product = b.mul(x, y);
            b.sum_all(product)
        };
        let factor = |b: &mut Builder, like| {
            let a = b.input("a", Type::scalar(ty.dtype));
            b.broadcast_like(a, &[], like)
        };
        Vectors {
            dtype: ty.dtype,
            dot: function("dot", &|b| {
                let [x, s] = ["x", "s"].map(|name| vector(b, name));
                vec![dot(b, x, s)]
            }),
            scale: function("scale", &|b| {
                let x = vector(b, "x");
                let a = factor(b, x);
                let s = vector(b, "s");
                let scaled = b.mul(a, x);
                vec![scaled, dot(b, scaled, s)]
            }),
            advance: function("advance", &|b| {
                let x = vector(b, "x");
                let a = factor(b, x);
                let [y, s] = ["y", "s"].map(|name| vector(b, name));
                let change = b.mul(a, y);
                let sum = b.add(x, change);
                vec![sum, dot(b, sum, s)]
            }),
            pair: function("pair", &|b| {
                let [theta1, theta, g1, g] = ["theta1", "theta", "g1", "g"].map(|name| vector(b, name));
                let (s, y) = (b.sub(theta1, theta), b.sub(g1, g));
                vec![s, y, dot(b, s, y), dot(b, y, y)]
            }),
        }
    }

    fn call(&self, function: &Function, inputs: &[&Tensor]) -> Vec<Tensor> {
        function.call(inputs).expect("vectors of one type")
    }

    /// `x` + `a` `y`, and its product with `s`.
    fn advance(&self, x: &Tensor, a: f64, y: &Tensor, s: &Tensor) -> (Tensor, f64) {
        let mut outputs = self.call(&self.advance, &[x, &scalar(self.dtype, a), y, s]);
        let product = number(&outputs[1]);
        (outputs.swap_remove(0), product)
    }

    /// `a` `x`, and its product with `s`.
    fn scale(&self, x: &Tensor, a: f64, s: &Tensor) -> (Tensor, f64) {
        let mut outputs = self.call(&self.scale, &[x, &scalar(self.dtype, a), s]);
        let product = number(&outputs[1]);
        (outputs.swap_remove(0), product)
    }

    /// −H g by the two-loop recursion (algorithm 7.4), and its product with g.
    fn direction(&self, g: &Tensor, pairs: &VecDeque<Pair>, gamma: f64) -> (Tensor, f64) {
        let (Some(first), Some(last)) = (pairs.front(), pairs.back()) else {
            return self.scale(g, -1.0, g);
        };
        let mut alphas = vec![0.0; pairs.len()];
        let mut product = number(&self.call(&self.dot, &[g, &last.step])[0]);
        let mut q = g.clone();
        for (i, pair) in pairs.iter().enumerate().rev() {
            alphas[i] = pair.rho * product;
            let next = if i > 0 { &pairs[i - 1].step } else { &pair.step };
            (q, product) = self.advance(&q, -alphas[i], &pair.change, next);
        }
        let (mut r, mut product) = self.scale(&q, gamma, &first.change);
        for (i, pair) in pairs.iter().enumerate() {
            let beta = pair.rho * product;
            let next = pairs.get(i + 1).map_or(g, |next| &next.change);
            (r, product) = self.advance(&r, alphas[i] - beta, &pair.step, next);
        }
        self.scale(&r, -1.0, g)
    }

    /// The pair of a step, its curvature s · y, and γ.
    fn pair(&self, theta: [&Tensor; 2], gradient: [&Tensor; 2]) -> (Pair, f64, f64) {
        let mut outputs = self.call(&self.pair, &[theta[0], theta[1], gradient[0], gradient[1]]);
        let (curvature, square) = (number(&outputs[2]), number(&outputs[3]));
        outputs.truncate(2);
        let (change, step) = (outputs.remove(1), outputs.remove(0));
        (Pair { step, change, rho: 1.0 / curvature }, curvature, curvature / square)
    }
}
