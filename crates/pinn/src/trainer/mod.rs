//! Training a case, step by step, and going on from any step with the same bits.

mod diverged;
mod examine;
mod results;
mod save;

pub use diverged::{Diverged, Quantity};
pub use results::{Score, Solved};

use crate::case::{Case, Optimiser};
use crate::data::{self, DataError};
use crate::history::History;
use crate::loss::CaseLoss;
use crate::optimiser::adam::{self, Adam};
use crate::optimiser::lbfgs::{self, Lbfgs};
use crate::optimiser::{Evaluation, NotFinite, line_search};
use crate::sampling::SamplingError;
use crate::solution::GRID_MAX;
use crate::state::{State, StateError};
use std::path::Path;
use std::sync::Arc;
use tessera_core::Tensor;
use tessera_core::ad::AdError;
use tessera_core::exec::Backend;
use tessera_core::exec::comm::{Communicator, Solo};

/// Elements of θ, and numbers in the points and observations of all terms, at most.
const ELEMENTS_MAX: u64 = 1 << 28;

/// A case in training.
///
/// ```no_run
/// use tessera_core::exec::Backend;
/// use tessera_pinn::{case::Case, trainer::Trainer};
/// let path = std::path::Path::new("cases/burgers.toml");
/// let mut trainer = Trainer::new(&Case::read(path)?, path.parent().unwrap(), Backend::default())?;
/// while !trainer.is_done() {
///     let report = trainer.step()?;
///     println!("{} {:e}", report.step, report.total);
/// }
/// println!("{:?}", trainer.score());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer {
    case: Arc<Case>,
    backend: Backend,
    loss: CaseLoss,
    names: Vec<String>,
    theta: Tensor,
    running: Running,
    progress: Progress,
    history: History,
    /// This rank's points of epoch `progress.epoch`, then its observations.
    arguments: Vec<Tensor>,
}

/// How far a training came.
#[derive(Clone, Debug, Default, PartialEq)]
struct Progress {
    step: u64,
    stage: usize,
    stage_step: u64,
    epoch: u64,
    ends: Vec<End>,
}

/// The optimiser of the stage that is next.
enum Running {
    Adam(Adam, adam::State),
    Lbfgs(Box<Lbfgs>, lbfgs::State),
    Done,
}

/// Why a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All its steps were taken.
    Steps,
    /// No element of the gradient is above the tolerance.
    Tolerance,
    /// The line search found no lower loss, not even straight down the gradient.
    LineSearch,
}

impl End {
    const ALL: [End; 3] = [End::Steps, End::Tolerance, End::LineSearch];

    /// What the state calls it.
    pub fn name(self) -> &'static str {
        match self {
            End::Steps => "steps",
            End::Tolerance => "tolerance",
            End::LineSearch => "line search",
        }
    }
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Steps done, this one among them.
    pub step: u64,
    /// The stage it belongs to.
    pub stage: usize,
    /// The loss: before the step for Adam, after it for L-BFGS.
    pub total: f64,
    /// Each term there, unweighted, by name.
    pub terms: Vec<(String, f64)>,
    /// Euclidean norm of the gradient there.
    pub gradient_norm: f64,
    /// The learning rate (Adam) or the step length (L-BFGS).
    pub length: f64,
    /// How often the loss was evaluated.
    pub evaluations: u64,
    /// Whether and why its stage ended with it.
    pub end: Option<End>,
}

/// Why a case cannot be trained.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The texts say what the fields are.
pub enum TrainError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    #[error(transparent)]
    Derivative(#[from] AdError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{what} must be at most {max}, got {got}; {help}")]
    TooLarge { what: &'static str, max: u64, got: u64, help: &'static str },
}

impl Trainer {
    /// `case` before its first step. Files of data are relative to `folder`.
    pub fn new(case: &Case, folder: &Path, backend: Backend) -> Result<Trainer, TrainError> {
        Trainer::over(case, folder, backend, Arc::new(Solo))
    }

    /// `case` before its first step, over `ranks`, which share its points: each makes its own, and all have the bits of one
    /// process in everything else. **Collective**, as are [`Trainer::step`] and what else takes or changes `&mut self`.
    pub fn over(
        case: &Case,
        folder: &Path,
        backend: Backend,
        ranks: Arc<dyn Communicator>,
    ) -> Result<Trainer, TrainError> {
        check_size(case)?;
        let observations = case.data.iter().map(|data| data::read(case, data, folder));
        let observations = observations.collect::<Result<Vec<_>, _>>()?;
        let case = Arc::new(case.clone());
        let loss = CaseLoss::over(case.clone(), observations, ranks);
        let names = loss.names();
        let theta = loss.layout().initial(&case);
        let arguments = loss.arguments(0)?;
        let running = start(&case.optimisers, 0, &loss, &theta, &backend)?;
        let history = History::new(&case, &names);
        let progress = Progress::default();
        Ok(Trainer { case, backend, loss, names, theta, running, progress, history, arguments })
    }

    /// `case` as it was when `state` was taken.
    pub fn resume(
        case: &Case,
        folder: &Path,
        state: &State,
        backend: Backend,
    ) -> Result<Trainer, TrainError> {
        let mut trainer = Trainer::new(case, folder, backend)?;
        trainer.restore(state)?;
        Ok(trainer)
    }

    /// Goes to where the same case was when `state` was taken, on however many ranks.
    ///
    /// # Errors
    /// If it is not a state of this case.
    pub fn restore(&mut self, state: &State) -> Result<(), TrainError> {
        self.load(state)?;
        self.set_points(self.progress.epoch)?;
        Ok(())
    }

    /// The case.
    pub fn case(&self) -> &Case {
        &self.case
    }

    /// Whether all stages have ended.
    pub fn is_done(&self) -> bool {
        matches!(self.running, Running::Done)
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.progress.step
    }

    /// Steps of all stages; a stage may end before its last one.
    pub fn total_steps(&self) -> u64 {
        self.case.optimisers.iter().fold(0, |sum, stage| sum.saturating_add(stage.steps()))
    }

    /// Names of the loss's terms.
    pub fn terms(&self) -> &[String] {
        &self.names
    }

    /// Why each finished stage ended.
    pub fn ends(&self) -> &[End] {
        &self.progress.ends
    }

    /// The vector θ that is trained.
    pub fn theta(&self) -> &Tensor {
        &self.theta
    }

    /// The loss, for building graphs of it.
    pub fn loss(&self) -> &CaseLoss {
        &self.loss
    }

    /// This rank's arguments of the loss: points of the present epoch, then observations.
    pub fn arguments(&self) -> &[Tensor] {
        &self.arguments
    }

    /// Takes one step; called only while [`Trainer::is_done`] does not hold. **Collective.**
    ///
    /// # Errors
    /// If the loss, its gradient or the new weights are not finite; then the trainer is as it was.
    ///
    /// # Panics
    /// If the training is done.
    pub fn step(&mut self) -> Result<Report, Diverged> {
        let stage = &self.case.optimisers[self.progress.stage];
        let steps = stage.steps();
        let at = self.progress.stage_step;
        let epoch = self.next_epoch(stage);
        let (evaluation, length, evaluations, end) = match *stage {
            Optimiser::Adam { learning_rate, schedule, .. } => {
                let rate = learning_rate * adam::scheduled(schedule, at, steps);
                (self.adam(rate, epoch)?, rate, 1, None)
            }
            Optimiser::Lbfgs { .. } => {
                let done = self.lbfgs(epoch)?;
                let end = done.end.map(|end| match end {
                    lbfgs::End::Tolerance => End::Tolerance,
                    lbfgs::End::LineSearch => End::LineSearch,
                });
                (done.evaluation, done.length, done.evaluations, end)
            }
        };
        let end = end.or((at + 1 == steps).then_some(End::Steps));
        Ok(self.finish_step(evaluation, length, evaluations, end))
    }

    /// The epoch of the points of the next step, which `stage` takes.
    fn next_epoch(&self, stage: &Optimiser) -> u64 {
        let at = self.progress.stage_step;
        let again = stage.resample_every().is_some_and(|every| at > 0 && at.is_multiple_of(every));
        self.progress.epoch + u64::from(again)
    }

    fn adam(&mut self, rate: f64, epoch: u64) -> Result<Evaluation, Diverged> {
        self.on_points(epoch, |trainer| {
            let Running::Adam(adam, state) = &mut trainer.running else {
                unreachable!("the stage is Adam's")
            };
            adam.step(&mut trainer.theta, state, rate, &trainer.arguments)
        })
    }

    fn lbfgs(&mut self, epoch: u64) -> Result<lbfgs::Iteration, Diverged> {
        let moved = epoch != self.progress.epoch;
        self.on_points(epoch, |trainer| {
            let Running::Lbfgs(lbfgs, state) = &mut trainer.running else {
                unreachable!("the stage is L-BFGS's")
            };
            // What is known about the loss belongs to the points before.
            let here = if moved { state.here.take() } else { None };
            let done = lbfgs.step(&mut trainer.theta, state, &trainer.arguments);
            if done.is_err() && moved {
                state.here = here;
            }
            done
        })
    }

    /// Takes a step on the points of `epoch`; where it fails, the points are those of before again.
    fn on_points<T>(
        &mut self,
        epoch: u64,
        step: impl FnOnce(&mut Trainer) -> Result<T, NotFinite>,
    ) -> Result<T, Diverged> {
        let before = self.progress.epoch;
        if epoch != before {
            self.set_points(epoch).expect("sampled before, at epoch 0");
        }
        let done = step(self);
        if done.is_ok() {
            self.progress.epoch = epoch;
        }
        done.map_err(|NotFinite { evaluation }| {
            let diverged = self.diverged(&evaluation);
            if epoch != before {
                self.set_points(before).expect("sampled before");
            }
            diverged
        })
    }

    fn finish_step(
        &mut self,
        evaluation: Evaluation,
        length: f64,
        evaluations: u64,
        end: Option<End>,
    ) -> Report {
        let stage = self.progress.stage;
        self.progress.step += 1;
        self.progress.stage_step += 1;
        if let Some(end) = end {
            self.progress.ends.push(end);
            self.progress.stage += 1;
            self.progress.stage_step = 0;
            self.running =
                start(&self.case.optimisers, self.progress.stage, &self.loss, &self.theta, &self.backend)
                    .expect("the first stage had the same derivatives");
        }
        let Evaluation { total, gradient_norm, terms, .. } = evaluation;
        let values = std::iter::once(total).chain(terms.iter().copied()).chain([gradient_norm, length]);
        self.history.note(self.progress.step, stage as u64, self.is_done(), &self.theta, values);
        let terms = self.names.iter().cloned().zip(terms).collect();
        Report { step: self.progress.step, stage, total, terms, gradient_norm, length, evaluations, end }
    }

    fn set_points(&mut self, epoch: u64) -> Result<(), SamplingError> {
        for (argument, points) in self.arguments.iter_mut().zip(self.loss.points(epoch)?) {
            *argument = points;
        }
        Ok(())
    }
}

fn check_size(case: &Case) -> Result<(), TrainError> {
    let width = case.coordinates.len() as u64;
    let equations = case.equations.iter().map(|term| term.sampling.points);
    let conditions = (0..case.conditions.len()).map(|i| case.condition_rows(i));
    let points =
        equations.chain(conditions).fold(0u64, |sum, rows| sum.saturating_add(rows.saturating_mul(width)));
    let ends = [width, case.unknowns.len() as u64];
    let hidden = case.network.hidden.iter().map(|&n| n as u64);
    let widths: Vec<u64> = ends[..1].iter().copied().chain(hidden).chain([ends[1]]).collect();
    let layers = widths.windows(2).map(|pair| pair[1].saturating_mul(pair[0] + 1));
    let elements = layers.fold(0u64, u64::saturating_add);
    let grid = case.reference.iter().flat_map(|reference| reference.grid.iter());
    let grid = grid.fold(1u64, |product, &n| product.saturating_mul(n));
    let limits = [
        ("coordinates of points, of all terms,", ELEMENTS_MAX, points, "lower `points`"),
        ("weights of the network", ELEMENTS_MAX, elements, "lower `hidden`"),
        ("points of the reference's grid", GRID_MAX, grid, "lower `grid`"),
    ];
    match limits.into_iter().find(|(_, max, got, _)| got > max) {
        Some((what, max, got, help)) => Err(TrainError::TooLarge { what, max, got, help }),
        None => Ok(()),
    }
}

/// The optimiser of stage `stage`, before its first step.
fn start(
    stages: &[Optimiser],
    stage: usize,
    loss: &CaseLoss,
    theta: &Tensor,
    backend: &Backend,
) -> Result<Running, AdError> {
    Ok(match stages.get(stage) {
        Some(&Optimiser::Adam { betas, epsilon, .. }) => {
            let adam = Adam::new(loss, adam::Settings { betas, epsilon }, backend.clone())?;
            Running::Adam(adam, adam::State::new(theta))
        }
        Some(&Optimiser::Lbfgs { history, decrease, curvature, evaluations_max, tolerance, .. }) => {
            let search = line_search::Settings { decrease, curvature, evaluations_max };
            let settings = lbfgs::Settings { history, search, tolerance };
            let lbfgs = Lbfgs::new(loss, settings, backend.clone())?;
            Running::Lbfgs(Box::new(lbfgs), lbfgs::State::default())
        }
        None => Running::Done,
    })
}
