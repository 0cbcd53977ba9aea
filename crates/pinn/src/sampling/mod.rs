//! Points in boxes: uniform, Latin hypercube and Sobol.
//!
//! A point is a pure function of its [`Address`], its index and its dimension, so any thread or rank
//! makes the points it needs and nobody passes a generator around. The randomness is law 9
//! ([`tessera_core::numerics::random`]); the sampler's key is `fork(seed, stream, epoch)` and dimension
//! d draws on stream 4 d + purpose, with purpose 0 for positions, 1 for permutations and 2 for
//! scrambling.
//!
//! | method | coordinate of point i, before it is mapped to the interval |
//! |---|---|
//! | uniform | u(i) |
//! | Latin hypercube | (π(i) + u(i)) / n, π a keyed permutation of 0..n: one point in each of n slices |
//! | Sobol | scrambled digital net, see [`sobol`] |
//!
//! A unit coordinate c goes to `low + c * (high - low)`, each operation rounded, and to `high` where
//! rounding would exceed it.

pub mod sobol;

use std::fmt;
use tessera_core::numerics::random;

/// How points are spread over a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Independent and uniform.
    Uniform,
    /// Latin hypercube: every coordinate is stratified.
    LatinHypercube,
    /// A scrambled Sobol net: stratified in many projections at once, best at powers of two.
    Sobol,
}

impl Method {
    /// Every method, in the order of the documentation.
    pub const ALL: [Method; 3] = [Method::Uniform, Method::LatinHypercube, Method::Sobol];

    /// The name in case files.
    pub fn name(self) -> &'static str {
        match self {
            Method::Uniform => "uniform",
            Method::LatinHypercube => "lhs",
            Method::Sobol => "sobol",
        }
    }

    /// The method of that name in case files.
    pub fn from_name(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which set of points: the random seed, a stream for each use, and an epoch for each resampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The case's seed.
    pub seed: u64,
    /// The use: which equation or condition the points are for.
    pub stream: u64,
    /// How often the points have been drawn anew.
    pub epoch: u64,
}

/// Why a sampler cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SamplingError {
    /// An interval is empty, reversed or not finite.
    #[error(
        "interval {dimension} must be finite with low < high, got [{low}, {high}]; swap or move its ends"
    )]
    Interval {
        /// Position in the list of intervals.
        dimension: usize,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// More dimensions than there are Sobol direction numbers.
    #[error("sobol points must have at most {max} dimensions, got {got}; use `lhs`", max = sobol::DIMENSIONS_MAX)]
    Dimensions {
        /// Dimensions asked for.
        got: usize,
    },
    /// More points than the method can address.
    #[error("the number of points must be at most 2^{bits}, got {got}", bits = POINTS_MAX_LOG2)]
    Points {
        /// Points asked for.
        got: u64,
    },
}

/// A sampler addresses at most 2 to this power of points.
pub const POINTS_MAX_LOG2: u32 = 48;

const PURPOSES: u64 = 4;
const POSITION: u64 = 0;
const PERMUTATION: u64 = 1;
const SCRAMBLE: u64 = 2;

/// A set of points in a box, made one coordinate at a time, in any order.
///
/// ```
/// use tessera_pinn::sampling::{Address, Method, Sampler};
/// let address = Address { seed: 1, stream: 0, epoch: 0 };
/// let sampler = Sampler::new(Method::Sobol, &[(0.0, 1.0), (-1.0, 1.0)], 1024, address)?;
/// let points = sampler.points(0..1024); // Row-major, shape [1024, 2].
/// assert_eq!(sampler.coordinate(700, 1), points[2 * 700 + 1]);
/// # Ok::<(), tessera_pinn::sampling::SamplingError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    method: Method,
    bounds: Vec<(f64, f64)>,
    len: u64,
    key: u64,
    nets: Vec<sobol::Net>,
}

impl Sampler {
    /// A sampler of `len` points in the box `bounds`, one `(low, high)` per dimension.
    pub fn new(
        method: Method,
        bounds: &[(f64, f64)],
        len: u64,
        address: Address,
    ) -> Result<Sampler, SamplingError> {
        for (dimension, &(low, high)) in bounds.iter().enumerate() {
            if !(low < high && (high - low).is_finite()) {
                return Err(SamplingError::Interval { dimension, low, high });
            }
        }
        if len > 1 << POINTS_MAX_LOG2 {
            return Err(SamplingError::Points { got: len });
        }
        let key = random::fork(address.seed, address.stream, address.epoch);
        let nets = match method {
            Method::Sobol if bounds.len() > sobol::DIMENSIONS_MAX => {
                return Err(SamplingError::Dimensions { got: bounds.len() });
            }
            Method::Sobol => {
                (0..bounds.len()).map(|d| sobol::Net::scrambled(d, key, stream(d, SCRAMBLE))).collect()
            }
            Method::Uniform | Method::LatinHypercube => Vec::new(),
        };
        Ok(Sampler { method, bounds: bounds.to_vec(), len, key, nets })
    }

    /// The number of points.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of dimensions.
    pub fn dimensions(&self) -> usize {
        self.bounds.len()
    }

    /// One coordinate of one point.
    ///
    /// # Panics
    /// If `index` is not below [`Sampler::len`] or `dimension` not below [`Sampler::dimensions`].
    pub fn coordinate(&self, index: u64, dimension: usize) -> f64 {
        let len = self.len;
        assert!(index < len, "index must be below the number of points {len}, got {index}");
        let (low, high) = self.bounds[dimension];
        let x = low + self.unit(index, dimension) * (high - low);
        if x > high { high } else { x }
    }

    /// The points of a range of indices, row-major: shape [indices, dimensions].
    ///
    /// # Panics
    /// If the range exceeds [`Sampler::len`].
    pub fn points(&self, indices: std::ops::Range<u64>) -> Vec<f64> {
        indices.flat_map(|i| (0..self.dimensions()).map(move |d| self.coordinate(i, d))).collect()
    }

    fn unit(&self, index: u64, dimension: usize) -> f64 {
        let position = || random::uniform_f64(self.key, stream(dimension, POSITION), index);
        match self.method {
            Method::Uniform => position(),
            Method::LatinHypercube => {
                let slice = random::permute(self.key, stream(dimension, PERMUTATION), index, self.len);
                (slice as f64 + position()) / self.len as f64
            }
            Method::Sobol => self.nets[dimension].unit(index),
        }
    }
}

fn stream(dimension: usize, purpose: u64) -> u64 {
    PURPOSES * dimension as u64 + purpose
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Address = Address { seed: 42, stream: 3, epoch: 1 };
    const UNIT: (f64, f64) = (0.0, 1.0);

    fn sampler(method: Method, bounds: &[(f64, f64)], len: u64) -> Sampler {
        Sampler::new(method, bounds, len, ADDRESS).unwrap()
    }

    /// Points asked for backwards, alone and from several threads are the points asked for at once.
    #[test]
    fn a_point_does_not_depend_on_who_asks_when() {
        let bounds = [(0.0, 1.0), (-1.0, 1.0), (2.0, 5.0)];
        for method in Method::ALL {
            let sampler = sampler(method, &bounds, 777);
            let all = sampler.points(0..777);
            for i in (0..777).rev() {
                for (d, &(low, high)) in bounds.iter().enumerate() {
                    let x = sampler.coordinate(i, d);
                    assert_eq!(x.to_bits(), all[i as usize * 3 + d].to_bits(), "{method} {i} {d}");
                    assert!(low <= x && x <= high);
                }
            }
            let parts: Vec<f64> = std::thread::scope(|scope| {
                let part = |range| scope.spawn(|| sampler.points(range));
                let parts = [part(0..100), part(100..613), part(613..777)];
                parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
            });
            assert_eq!(parts, all);
        }
    }

    #[test]
    fn latin_hypercube_has_one_point_in_each_slice() {
        for n in [1u64, 2, 7, 100, 1000] {
            let sampler = sampler(Method::LatinHypercube, &[UNIT; 4], n);
            for d in 0..4 {
                let mut slices: Vec<u64> =
                    (0..n).map(|i| (sampler.coordinate(i, d) * n as f64) as u64).collect();
                slices.sort_unstable();
                assert_eq!(slices, (0..n).collect::<Vec<_>>(), "n = {n}, dimension {d}");
            }
        }
    }

    /// All pairs of boxes of sides 2⁻ᵃ × 2⁻ᵇ, a + b = 10, hold one of 1024 points: dimensions 0 and 1 are
    /// a (0, 2)-sequence (Sobol 1967), which a scramble keeps.
    #[test]
    fn sobol_is_equidistributed_in_elementary_intervals() {
        let sampler = sampler(Method::Sobol, &[UNIT; 2], 1024);
        for a in 0..=10 {
            let mut counts = [0; 1024];
            for i in 0..1024 {
                let cell = |d, bits: u32| (sampler.coordinate(i, d) * 2f64.powi(bits as i32)) as usize;
                counts[(cell(0, a) << (10 - a)) | cell(1, 10 - a)] += 1;
            }
            assert_eq!(counts, [1; 1024], "cells of 2^-{a} x 2^-{}", 10 - a);
        }
    }

    /// ∫ Π (1 + (x_d − ½)) = 1 over the cube: the error of each method is as theory orders them.
    #[test]
    fn methods_integrate_as_they_should() {
        let n = 4096;
        let error = |method| {
            let sampler = sampler(method, &[UNIT; 5], n);
            let sum: f64 =
                (0..n).map(|i| (0..5).map(|d| 0.5 + sampler.coordinate(i, d)).product::<f64>()).sum();
            (sum / n as f64 - 1.0).abs()
        };
        assert!(error(Method::Uniform) < 5.0 * 0.68 / 64.0); // Five standard deviations.
        assert!(error(Method::LatinHypercube) < 6e-3);
        assert!(error(Method::Sobol) < 2e-4);
    }

    #[test]
    fn every_part_of_the_address_matters() {
        let first =
            |address| Method::ALL.map(|m| Sampler::new(m, &[UNIT; 2], 64, address).unwrap().points(0..64));
        let base = first(ADDRESS);
        for other in [
            Address { seed: 43, ..ADDRESS },
            Address { stream: 4, ..ADDRESS },
            Address { epoch: 2, ..ADDRESS },
        ] {
            for (a, b) in first(other).iter().zip(&base) {
                assert_ne!(a, b);
            }
        }
        for points in &base {
            assert!((0..64).any(|i| points[2 * i] != points[2 * i + 1]));
        }
    }

    #[test]
    fn bad_boxes_are_refused() {
        let error = |method, bounds: &[(f64, f64)], len| {
            Sampler::new(method, bounds, len, ADDRESS).unwrap_err().to_string()
        };
        assert_eq!(
            error(Method::Uniform, &[UNIT, (1.0, -1.0)], 1),
            "interval 1 must be finite with low < high, got [1, -1]; swap or move its ends"
        );
        assert!(error(Method::Uniform, &[(f64::NAN, 1.0)], 1).contains("got [NaN, 1]"));
        assert_eq!(
            error(Method::Sobol, &[UNIT; 22], 1),
            "sobol points must have at most 21 dimensions, got 22; use `lhs`"
        );
        assert!(error(Method::Sobol, &[UNIT], 1 << 49).contains("at most 2^48"));
    }
}
