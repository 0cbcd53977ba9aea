//! Case files: a problem, its network and its training, as a scientist states them in TOML.
//!
//! [`Case::parse`] returns a case in which every name is resolved and every number is in its range, or
//! all that is wrong with the text, each thing with its place. `docs/cases.md` describes every field.

mod points;
mod read;
mod reader;
mod terms;
mod training;

pub use points::Stream;
pub use training::KEEP_MAX;

use crate::diagnostic::Diagnostics;
use crate::expression::{Expr, Scope};
use crate::sampling::Method;
use std::path::{Path, PathBuf};
use tessera_core::DType;

/// How sums of derivatives, such as a Laplacian, are made; the two differ in rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivatives {
    /// With [linear maps pulled through the sums](tessera_core::passes::collapse).
    Collapsed,
    /// One by one, then added.
    Nested,
}

/// A problem, its network and its training.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it is, in a line.
    pub title: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The element type of the computation, [`DType::F64`] or [`DType::F32`].
    pub precision: DType,
    /// How sums of derivatives are made.
    pub derivatives: Derivatives,
    /// The independent variables, in the order in which the network takes them.
    pub coordinates: Vec<Coordinate>,
    /// The names of the unknown functions, in the order in which the network gives them.
    pub unknowns: Vec<String>,
    /// The numbers the equations speak of.
    pub parameters: Vec<Parameter>,
    /// What must hold inside the domain.
    pub equations: Vec<Equation>,
    /// What must hold on its sides: initial and boundary conditions.
    pub conditions: Vec<Condition>,
    /// What was observed.
    pub data: Vec<Data>,
    /// For each unknown, how it is made from the network's output: an expression in which the unknowns
    /// stand for the outputs. Without one, it is the output.
    pub ansatz: Vec<Option<Expr>>,
    /// The network.
    pub network: Network,
    /// The stages of training, one after the other.
    pub optimisers: Vec<Optimiser>,
    /// What the solution is scored against.
    pub reference: Option<Reference>,
    /// When to write checkpoints, and how many to keep.
    pub checkpoints: Checkpoints,
}

/// An independent variable and the interval it lives in.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Coordinate {
    pub name: String,
    pub low: f64,
    pub high: f64,
}

/// A number that equations speak of.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value, or where its training starts.
    pub value: f64,
    /// Whether it is found by training.
    pub trainable: bool,
}

/// An expression that must vanish inside the domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Equation {
    /// Its name in reports.
    pub name: String,
    /// What must vanish.
    pub residual: Expr,
    /// The text it was read from.
    pub text: String,
    /// The factor of its mean square in the loss.
    pub weight: f64,
    /// Where it is asked to vanish.
    pub sampling: Sampling,
}

/// How many points, and how they are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Sampling {
    pub points: u64,
    pub method: Method,
}

/// An expression that must vanish on sides of the domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Its name in reports.
    pub name: String,
    /// Where it holds.
    pub sides: Vec<Side>,
    /// What must vanish.
    pub residual: Expr,
    /// The text it was read from.
    pub text: String,
    /// The factor of its mean square, over the points of all sides, in the loss.
    pub weight: f64,
    /// The points of each side.
    pub sampling: Sampling,
}

/// A part of the domain on which some coordinates are fixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// For each coordinate, the value it is fixed at.
    pub fixed: Vec<Option<f64>>,
}

/// Observations of unknowns at points, in arrays of one extent.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// Its name in reports.
    pub name: String,
    /// The npz file, relative to the case file.
    pub file: PathBuf,
    /// For each coordinate, the name of its array.
    pub coordinates: Vec<String>,
    /// For each unknown, the name of its array, if it was observed.
    pub unknowns: Vec<Option<String>>,
    /// The factor of the mean squared misfit in the loss.
    pub weight: f64,
}

/// A multilayer perceptron. Each coordinate is mapped from its interval to [-1, 1] before the first
/// layer; the last layer is linear, with one output per unknown. Weights start uniform by Glorot and
/// Bengio (AISTATS 2010), ±√(6/(in + out)); biases start at 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Follows each hidden layer.
    pub activation: Activation,
    /// The seed of the weights.
    pub seed: u64,
}

/// A function between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// Sine.
    Sin,
}

/// A stage of training.
#[derive(Clone, Debug, PartialEq)]
pub enum Optimiser {
    /// Adam (D. P. Kingma and J. Ba, ICLR 2015).
    Adam {
        /// How many steps it takes.
        steps: u64,
        /// The learning rate at step 0.
        learning_rate: f64,
        /// How the learning rate changes.
        schedule: Schedule,
        /// Decay rates of the means of the gradient and of its square.
        betas: [f64; 2],
        /// Added to the root of the mean square.
        epsilon: f64,
        /// Points are drawn anew every so many steps; `None` keeps them.
        resample_every: Option<u64>,
    },
    /// L-BFGS with a strong-Wolfe line search (J. Nocedal and S. J. Wright, *Numerical Optimization*,
    /// algorithms 7.5, 3.5 and 3.6).
    Lbfgs {
        /// How many iterations it takes at most.
        steps: u64,
        /// Pairs of vectors it remembers.
        history: usize,
        /// The constant c1 of the sufficient decrease.
        decrease: f64,
        /// The constant c2 of the curvature.
        curvature: f64,
        /// Evaluations of the loss a line search may take.
        evaluations_max: u64,
        /// It ends when no element of the gradient is above this in magnitude.
        tolerance: f64,
        /// Points are drawn anew every so many steps; `None` keeps them. What is remembered is kept: it
        /// tells the curvature, which new points hardly change.
        resample_every: Option<u64>,
    },
}

impl Optimiser {
    /// How many steps the stage takes at most.
    pub fn steps(&self) -> u64 {
        match *self {
            Optimiser::Adam { steps, .. } | Optimiser::Lbfgs { steps, .. } => steps,
        }
    }

    /// Steps after which points are drawn anew, if they are.
    pub fn resample_every(&self) -> Option<u64> {
        match *self {
            Optimiser::Adam { resample_every, .. } | Optimiser::Lbfgs { resample_every, .. } => {
                resample_every
            }
        }
    }
}

/// The learning rate at step s of a stage, as a multiple of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// 1.
    Constant,
    /// factor^(s / every), the exponent not rounded.
    #[allow(missing_docs)]
    Exponential { factor: f64, every: u64 },
    /// factor + (1 − factor) (1 + cos(π s / steps)) / 2: it ends at `factor`.
    #[allow(missing_docs)]
    Cosine { factor: f64 },
}

/// When to write checkpoints, and how many to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// Steps between two.
    pub every: u64,
    /// How many good files to keep before the newest; `None` leaves it to the program.
    pub keep: Option<u32>,
}

impl Default for Checkpoints {
    fn default() -> Checkpoints {
        Checkpoints { every: 1000, keep: None }
    }
}

/// What a run is scored against.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The solution, if it is known.
    pub solution: Option<Solution>,
    /// For each coordinate, how many equally spaced points, both ends among them.
    pub grid: Vec<u64>,
    /// True values of trainable parameters: position in [`Case::parameters`], value.
    pub parameters: Vec<(usize, f64)>,
}

/// A known solution.
#[derive(Clone, Debug, PartialEq)]
pub enum Solution {
    /// [`crate::exact::burgers`], as a function of the coordinates `t` and `x`.
    #[allow(missing_docs)]
    BurgersColeHopf { viscosity: f64 },
    /// For each unknown, an expression of coordinates and parameters.
    Expressions(Vec<Expr>),
}

impl Case {
    /// Reads a case from `text`; `path` is its name in errors.
    pub fn parse(path: &str, text: &str) -> Result<Case, Diagnostics> {
        read::case(text).map_err(|errors| Diagnostics {
            path: path.to_string(),
            source: text.to_string(),
            errors,
        })
    }

    /// Reads a case file.
    pub fn read(path: &Path) -> Result<Case, CaseError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|cause| CaseError::Io { path: name.clone(), cause })?;
        Ok(Case::parse(&name, &text)?)
    }

    /// The names that equations and conditions may use.
    pub fn scope(&self) -> Scope {
        Scope {
            coordinates: self.coordinates.iter().map(|c| c.name.clone()).collect(),
            unknowns: self.unknowns.clone(),
            parameters: self.parameters.iter().map(|p| p.name.clone()).collect(),
        }
    }

    /// The value of each parameter: known, true where the reference tells, or where training starts.
    pub fn parameter_values(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.parameters.iter().map(|p| p.value).collect();
        for &(i, value) in self.reference.iter().flat_map(|reference| &reference.parameters) {
            values[i] = value;
        }
        values
    }
}

/// Why there is no case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The text is not a case.
    #[error(transparent)]
    Text(#[from] Diagnostics),
}
