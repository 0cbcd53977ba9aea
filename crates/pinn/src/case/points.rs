//! Where the terms of the loss are evaluated: rows of coordinates, addressed by seed, stream and epoch.

use super::{Case, Side};
use crate::sampling::{Address, Sampler, SamplingError};
use std::ops::Range;

/// Which random numbers a use draws: the stream of its [`Address`] is `kind << 32 | number << 16 | part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Points of equation `.0`.
    Equation(u16),
    /// Points of condition `.0` on its side `.1`.
    Condition(u16, u16),
    /// Weights of layer `.0`.
    Layer(u16),
}

impl Stream {
    /// The stream's number.
    pub fn number(self) -> u64 {
        let (kind, number, part) = match self {
            Stream::Equation(i) => (1, i, 0),
            Stream::Condition(i, side) => (2, i, side),
            Stream::Layer(i) => (3, i, 0),
        };
        kind << 32 | u64::from(number) << 16 | u64::from(part)
    }
}

impl Case {
    /// Points of an equation, row-major: shape [rows, coordinates].
    ///
    /// # Panics
    /// If there is no such equation or row.
    pub fn equation_points(
        &self,
        equation: usize,
        epoch: u64,
        rows: Range<u64>,
    ) -> Result<Vec<f64>, SamplingError> {
        let free = Side { fixed: vec![None; self.coordinates.len()] };
        let sampling = self.equations[equation].sampling;
        let stream = Stream::Equation(equation as u16);
        let points = self.side_points(&free, sampling, stream, epoch)?;
        Ok(points(rows))
    }

    /// Points of a condition, row-major: shape [rows, coordinates]. The rows are those of its first
    /// side, then those of the second, and so on; [`Case::condition_rows`] is their number.
    ///
    /// # Panics
    /// If there is no such condition or row.
    pub fn condition_points(
        &self,
        condition: usize,
        epoch: u64,
        rows: Range<u64>,
    ) -> Result<Vec<f64>, SamplingError> {
        let total = self.condition_rows(condition);
        assert!(rows.end <= total, "rows must be below {total}, got {rows:?}");
        let term = &self.conditions[condition];
        let per_side = term.sampling.points;
        let mut points = Vec::new();
        for (side, i) in term.sides.iter().zip(0u16..) {
            let first = u64::from(i) * per_side;
            let part = rows.start.max(first)..rows.end.min(first + per_side);
            if part.start < part.end {
                let stream = Stream::Condition(condition as u16, i);
                let make = self.side_points(side, term.sampling, stream, epoch)?;
                points.extend(make(part.start - first..part.end - first));
            }
        }
        Ok(points)
    }

    /// The number of points of a condition, those of all its sides.
    pub fn condition_rows(&self, condition: usize) -> u64 {
        let term = &self.conditions[condition];
        term.sides.len() as u64 * term.sampling.points
    }

    fn side_points(
        &self,
        side: &Side,
        sampling: super::Sampling,
        stream: Stream,
        epoch: u64,
    ) -> Result<impl Fn(Range<u64>) -> Vec<f64>, SamplingError> {
        let free = self.coordinates.iter().zip(&side.fixed).filter(|(_, fixed)| fixed.is_none());
        let bounds: Vec<(f64, f64)> = free.map(|(c, _)| (c.low, c.high)).collect();
        let address = Address { seed: self.seed, stream: stream.number(), epoch };
        let sampler = Sampler::new(sampling.method, &bounds, sampling.points, address)?;
        let fixed = side.fixed.clone();
        Ok(move |rows: Range<u64>| {
            let mut points = Vec::new();
            for i in rows {
                let mut dimension = 0;
                for value in &fixed {
                    points.push(value.unwrap_or_else(|| {
                        dimension += 1;
                        sampler.coordinate(i, dimension - 1)
                    }));
                }
            }
            points
        })
    }
}
