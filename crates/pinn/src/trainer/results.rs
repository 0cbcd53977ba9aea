//! What a training found: the solution on a grid, its error, and the parameters.

use super::Trainer;
use crate::network::{number, widened};
use crate::solution::{self, Grid, Prediction};
use indexmap::IndexMap;
use tessera_core::Tensor;

/// The unknowns on a grid, beside the known solution if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Solved {
    /// The names of the unknowns.
    pub unknowns: Vec<String>,
    /// The names of the coordinates.
    pub coordinates: Vec<String>,
    /// The grid.
    pub grid: Grid,
    /// Each unknown as the network has it, in the case's precision, of the grid's shape.
    pub predicted: Vec<Tensor>,
    /// Each unknown as it is known, in f64.
    pub reference: Option<Vec<Tensor>>,
}

/// How near a training came.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// For each unknown, ‖predicted − known‖₂ / ‖known‖₂ over the grid; empty if nothing is known.
    pub relative_l2: Vec<(String, f64)>,
    /// Each trainable parameter: its value, and its true value where the reference tells.
    pub parameters: Vec<(String, f64, Option<f64>)>,
}

impl Solved {
    /// ‖predicted − known‖₂ / ‖known‖₂ for each unknown, if there is a known solution.
    pub fn relative_l2(&self) -> Vec<(String, f64)> {
        let pairs = self.reference.iter().flatten().zip(&self.predicted).zip(&self.unknowns);
        pairs.map(|((known, got), name)| (name.clone(), solution::relative_l2(got, known))).collect()
    }

    /// As tensors by path: `solution/u`, `solution/coordinates/x`, and, where the solution is known,
    /// `solution/reference/u` and `solution/error/u`, the difference predicted − known.
    pub fn tensors(&self) -> IndexMap<String, Tensor> {
        let mut tensors = IndexMap::new();
        for (name, line) in self.coordinates.iter().zip(&self.grid.coordinates) {
            tensors.insert(format!("solution/coordinates/{name}"), Tensor::new([line.len()], line.clone()));
        }
        for (i, name) in self.unknowns.iter().enumerate() {
            tensors.insert(format!("solution/{name}"), self.predicted[i].clone());
            if let Some(known) = self.reference.as_ref().map(|known| &known[i]) {
                let pairs = widened(&self.predicted[i]).into_iter().zip(known.values::<f64>());
                let error: Vec<f64> = pairs.map(|(got, known)| got - known).collect();
                tensors.insert(format!("solution/reference/{name}"), known.clone());
                tensors.insert(format!("solution/error/{name}"), Tensor::new(known.shape(), error));
            }
        }
        tensors
    }
}

impl Trainer {
    /// The unknowns on the reference's grid, at the present weights.
    pub fn solution(&self) -> Solved {
        let grid = Grid::new(&self.case);
        let prediction = Prediction::new(&self.case, self.loss.layout(), self.backend.clone());
        let prediction = prediction.expect("the loss was differentiated");
        Solved {
            unknowns: self.case.unknowns.clone(),
            coordinates: self.case.coordinates.iter().map(|c| c.name.clone()).collect(),
            predicted: prediction.on(&self.case, &self.theta, &grid),
            reference: solution::reference(&self.case, &grid),
            grid,
        }
    }

    /// How near the present weights are to what is known.
    pub fn score(&self) -> Score {
        let known = self.case.reference.as_ref().is_some_and(|reference| reference.solution.is_some());
        let relative_l2 = if known { self.solution().relative_l2() } else { Vec::new() };
        Score { relative_l2, parameters: self.parameters() }
    }

    /// Each trainable parameter: its value, and its true value where the reference tells.
    pub fn parameters(&self) -> Vec<(String, f64, Option<f64>)> {
        let layout = self.loss.layout();
        let trainable = self.case.parameters.iter().enumerate().filter(|(_, p)| p.trainable);
        let truths = || self.case.reference.iter().flat_map(|reference| &reference.parameters);
        let row = |(block, (i, parameter)): (usize, (usize, &crate::case::Parameter))| {
            let value = number(&layout.block(&self.theta, block));
            let truth = truths().find(|(known, _)| *known == i).map(|(_, value)| *value);
            (parameter.name.clone(), value, truth)
        };
        (2 * layout.layers..).zip(trainable).map(row).collect()
    }
}
