//! What a trained network says on a grid, and how far that is from a known solution.

use crate::case::{Case, Solution};
use crate::exact::burgers;
use crate::expression::Point;
use crate::lowering::Field;
use crate::network::{Layout, tensor, widened};
use tessera_core::ad::AdError;
use tessera_core::exec::{Backend, Function};
use tessera_core::ir::{Builder, Extent};
use tessera_core::numerics::tree;
use tessera_core::{Tensor, Type};

/// Rows that are predicted by one call.
const CHUNK: usize = 1 << 16;
/// Points of a grid, at most.
pub const GRID_MAX: u64 = 1 << 26;
/// Points of a grid along each coordinate, at most, where the case states none.
const DEFAULT_EXTENT: u64 = 101;
/// Points of a grid, at most, where the case states none.
const DEFAULT_POINTS: u64 = 1 << 16;

/// A regular grid over the domain, both ends of each interval among its points.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// For each coordinate, its values, ascending.
    pub coordinates: Vec<Vec<f64>>,
}

impl Grid {
    /// The reference's grid; without one, as fine as 2¹⁶ points and 101 along each coordinate allow.
    pub fn new(case: &Case) -> Grid {
        let extents = match &case.reference {
            Some(reference) => reference.grid.clone(),
            None => {
                let d = case.coordinates.len() as u32;
                let fits = |n: &u64| n.checked_pow(d).is_some_and(|points| points <= DEFAULT_POINTS);
                let extent = (2..=DEFAULT_EXTENT).rev().find(fits).unwrap_or(1);
                vec![extent; d as usize]
            }
        };
        let line = |(n, low, high): (u64, f64, f64)| {
            let at =
                |i: u64| if i + 1 == n { high } else { low + i as f64 * ((high - low) / (n - 1) as f64) };
            if n == 1 { vec![low] } else { (0..n).map(at).collect() }
        };
        let ends = case.coordinates.iter().zip(extents).map(|(c, n)| (n, c.low, c.high));
        Grid { coordinates: ends.map(line).collect() }
    }

    /// The extent along each coordinate.
    pub fn shape(&self) -> Vec<usize> {
        self.coordinates.iter().map(Vec::len).collect()
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.coordinates.iter().map(Vec::len).product()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Point `index`, row-major: the last coordinate is the fast one.
    pub fn point(&self, mut index: usize) -> Vec<f64> {
        let mut point = vec![0.0; self.coordinates.len()];
        for (value, line) in point.iter_mut().zip(&self.coordinates).rev() {
            *value = line[index % line.len()];
            index /= line.len();
        }
        point
    }
}

/// The unknowns as a function of θ and points.
pub struct Prediction {
    function: Function,
}

impl Prediction {
    /// The unknowns of `case`.
    ///
    /// # Errors
    /// None for a case whose loss has a gradient.
    pub fn new(case: &Case, layout: &Layout, backend: Backend) -> Result<Prediction, AdError> {
        let mut b = Builder::new("solution");
        let theta = b.input("theta", Type::new(case.precision, [layout.elements()]));
        let width = Extent::Static(case.coordinates.len());
        let points = b.input("points", Type::new(case.precision, [Extent::Dynamic, width]));
        let blocks = layout.cut(&mut b, theta);
        let field = Field::new(&mut b, case, layout, &blocks, points)?;
        let outputs = (0..case.unknowns.len()).map(|i| field.unknown(i)).collect();
        Ok(Prediction { function: Function::new(b.finish(outputs), backend) })
    }

    /// Each unknown on `grid`, of its shape.
    pub fn on(&self, case: &Case, theta: &Tensor, grid: &Grid) -> Vec<Tensor> {
        let mut unknowns = vec![Vec::with_capacity(grid.len()); case.unknowns.len()];
        for start in (0..grid.len()).step_by(CHUNK) {
            let rows = start..grid.len().min(start + CHUNK);
            let shape = vec![rows.len(), case.coordinates.len()];
            let points = tensor(case.precision, shape, rows.flat_map(|i| grid.point(i)).collect());
            let columns = self.function.call(&[theta, &points]).expect("points of the case's type");
            for (unknown, column) in unknowns.iter_mut().zip(&columns) {
                unknown.extend(widened(column));
            }
        }
        unknowns.into_iter().map(|values| tensor(case.precision, grid.shape(), values)).collect()
    }
}

/// Each unknown of the known solution on `grid`, in f64, if there is one.
pub fn reference(case: &Case, grid: &Grid) -> Option<Vec<Tensor>> {
    let solution = case.reference.as_ref()?.solution.as_ref()?;
    let parameters = case.parameter_values();
    let mut unknowns = vec![Vec::with_capacity(grid.len()); case.unknowns.len()];
    match solution {
        Solution::BurgersColeHopf { viscosity } => {
            let position = |name: &str| case.coordinates.iter().position(|c| c.name == name);
            let (t, x) = (position("t")?, position("x")?);
            let at = |point: Vec<f64>| burgers::solution(*viscosity, point[t], point[x]);
            unknowns[0] = (0..grid.len()).map(|i| at(grid.point(i))).collect();
        }
        Solution::Expressions(expressions) => {
            for index in 0..grid.len() {
                let coordinates = grid.point(index);
                let at = Point { coordinates: &coordinates, unknowns: &[], parameters: &parameters };
                for (values, expression) in unknowns.iter_mut().zip(expressions) {
                    values.push(expression.evaluate(&at).unwrap_or(f64::NAN));
                }
            }
        }
    }
    Some(unknowns.into_iter().map(|values| Tensor::new(grid.shape(), values)).collect())
}

/// ‖a − b‖₂ / ‖b‖₂ over all elements, in f64, each sum by law 3.
pub fn relative_l2(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (widened(a), widened(b));
    let difference: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).collect();
    let square: Vec<f64> = b.iter().map(|b| b * b).collect();
    (tree::sum_reference(&difference) / tree::sum_reference(&square)).sqrt()
}
