//! How the losses went, at few enough steps to be kept in every run file.

use crate::case::Case;
use crate::state::{State, StateError};
use tessera_core::{DType, Tensor};

/// Rows that are kept at most, give or take the first and the last step.
const ROWS_MAX: u64 = 5000;

/// Losses at every k-th step, where k depends on the case alone.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    every: u64,
    paths: Vec<String>,
    steps: Vec<u64>,
    stages: Vec<u64>,
    /// Fingerprints of θ after the steps.
    weights: Vec<u64>,
    /// Total, terms, norm of the gradient, learning rate or step length: one list for each path.
    columns: Vec<Vec<f64>>,
}

impl History {
    /// An empty history of the terms `names`.
    pub fn new(case: &Case, names: &[String]) -> History {
        let steps = case.optimisers.iter().fold(0u64, |sum, stage| sum.saturating_add(stage.steps()));
        let mut taken = ["step", "stage", "weights", "total"].map(str::to_string).to_vec();
        for name in names {
            // A path's part, as a run file wants it: no separator, no white space, no name twice.
            let plain = name.replace(|c: char| c == '/' || c.is_whitespace() || c.is_control(), "_");
            let mut unique = plain.clone();
            for again in 2.. {
                if !unique.is_empty() && unique != "." && unique != ".." && !taken.contains(&unique) {
                    break;
                }
                unique = format!("{plain}_{again}");
            }
            taken.push(unique);
        }
        let mut paths: Vec<String> = taken[3..].iter().map(|name| format!("history/{name}")).collect();
        paths.extend(["convergence/gradient_norm".to_string(), "convergence/length".to_string()]);
        History {
            every: steps.div_ceil(ROWS_MAX).max(1),
            columns: vec![Vec::new(); paths.len()],
            paths,
            steps: Vec::new(),
            stages: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Notes what step `step` gave, with the weights `theta` after it, if it is one of those kept or `last`.
    pub fn note(
        &mut self,
        step: u64,
        stage: u64,
        last: bool,
        theta: &Tensor,
        values: impl IntoIterator<Item = f64>,
    ) {
        if step != 1 && !step.is_multiple_of(self.every) && !last {
            return;
        }
        self.steps.push(step);
        self.stages.push(stage);
        self.weights.push(theta.fingerprint());
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(value);
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing is noted.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Puts the history into a state.
    pub fn save(&self, state: &mut State) {
        let rows = self.len();
        state.put("history/step", Tensor::new([rows], self.steps.clone()));
        state.put("history/stage", Tensor::new([rows], self.stages.clone()));
        state.put("history/weights", Tensor::new([rows], self.weights.clone()));
        for (path, column) in self.paths.iter().zip(&self.columns) {
            state.put(path, Tensor::new([rows], column.clone()));
        }
    }

    /// Takes the rows from a state.
    pub fn load(&mut self, state: &State) -> Result<(), StateError> {
        let rows = state.any("history/step")?.len();
        let counts = |path| Ok(state.tensor(path, DType::U64, &[rows])?.values::<u64>().to_vec());
        self.steps = counts("history/step")?;
        self.stages = counts("history/stage")?;
        self.weights = counts("history/weights")?;
        for (path, column) in self.paths.iter().zip(&mut self.columns) {
            *column = state.tensor(path, DType::F64, &[rows])?.values::<f64>().to_vec();
        }
        Ok(())
    }
}
