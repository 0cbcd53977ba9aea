//! Sobol's sequence with a random linear scramble and a digital shift.
//!
//! Point i is the exclusive or of the direction numbers at the bits of Gray(i) = i ⊕ ⌊i/2⌋, the order of
//! I. A. Antonov and V. M. Saleev (1979) in which the sequence is usually printed. Direction numbers
//! come from S. Joe and F. Y. Kuo, *Constructing Sobol sequences with better two-dimensional
//! projections*, SIAM J. Sci. Comput. 30 (2008) 2635–2654: the first lines of their table
//! `new-joe-kuo-6.21201`, © F. Y. Kuo and S. Joe, BSD licence, <https://web.maths.unsw.edu.au/~fkuo/sobol/>.
//!
//! The scramble is J. Matoušek's (*On the L2-discrepancy for anchored boxes*, J. Complexity 14 (1998)
//! 527–556): direction numbers are multiplied by a random lower triangular matrix of bits with a unit
//! diagonal, and a random number is added, both modulo 2. It keeps every stratification of the net, and
//! its mean squared error is that of Owen's nested scramble at a small part of the cost.
//!
//! The crate `sobol_burley` was considered; it ends at 2¹⁶ points and 32-bit floats, and its hash would
//! become part of our law. The crate `sobol` is an iterator, not a function of the index, and does not
//! scramble.

use tessera_core::numerics::random;

/// Digits of a coordinate: what a f64 in [0, 1) holds in steps of one size.
pub const BITS: u32 = 53;

/// The number of dimensions with direction numbers.
pub const DIMENSIONS_MAX: usize = 21;

/// Degree s, inner coefficients a and initial numbers m of dimensions 2, 3, … of the table.
const JOE_KUO: [(u32, u64, &[u64]); DIMENSIONS_MAX - 1] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
    (5, 11, &[1, 1, 5, 1, 1]),
    (5, 13, &[1, 1, 1, 3, 11]),
    (5, 14, &[1, 3, 5, 5, 31]),
    (6, 1, &[1, 3, 3, 9, 7, 49]),
    (6, 13, &[1, 1, 1, 15, 21, 21]),
    (6, 16, &[1, 3, 1, 13, 27, 49]),
    (6, 19, &[1, 1, 1, 15, 7, 5]),
    (6, 22, &[1, 3, 1, 15, 13, 25]),
    (6, 25, &[1, 1, 5, 5, 19, 61]),
    (7, 1, &[1, 3, 7, 11, 23, 15, 103]),
    (7, 4, &[1, 3, 7, 13, 13, 15, 69]),
];

/// One dimension of the sequence: its direction numbers, as integers below 2⁵³, and its shift.
#[derive(Clone, Debug)]
pub struct Net {
    directions: [u64; BITS as usize],
    shift: u64,
}

impl Net {
    /// The sequence as published.
    ///
    /// # Panics
    /// If `dimension` is not below [`DIMENSIONS_MAX`].
    pub fn plain(dimension: usize) -> Net {
        Net { directions: directions(dimension), shift: 0 }
    }

    /// The sequence scrambled by the random bits of `(key, stream)`: index r of the stream holds row r of
    /// the matrix (row 0 makes the leading digit, bit 52), index 53 the shift; each is cut to 53 bits.
    ///
    /// # Panics
    /// If `dimension` is not below [`DIMENSIONS_MAX`].
    pub fn scrambled(dimension: usize, key: u64, stream: u64) -> Net {
        let random = |index: u32| random::bits(key, stream, u64::from(index)) >> (64 - BITS);
        let rows: [u64; BITS as usize] = std::array::from_fn(|r| {
            let digit = 1 << (BITS as usize - 1 - r);
            let above = ((1 << BITS) - 1) & !(2 * digit - 1);
            (random(r as u32) & above) | digit
        });
        let multiply = |v: u64| {
            rows.iter().fold(0, |product, row| (product << 1) | u64::from((row & v).count_ones() & 1))
        };
        Net { directions: directions(dimension).map(multiply), shift: random(BITS) }
    }

    /// Coordinate of point `index` in [0, 1).
    pub fn unit(&self, index: u64) -> f64 {
        let mut gray = index ^ (index >> 1);
        let mut digits = self.shift;
        while gray != 0 {
            digits ^= self.directions[gray.trailing_zeros() as usize];
            gray &= gray - 1;
        }
        digits as f64 * (1.0 / (1u64 << BITS) as f64)
    }
}

/// The recurrence of P. Bratley and B. L. Fox, *Algorithm 659*, ACM TOMS 14 (1988) 88–100.
fn directions(dimension: usize) -> [u64; BITS as usize] {
    let mut v = [0; BITS as usize];
    if dimension == 0 {
        return std::array::from_fn(|k| 1 << (BITS as usize - 1 - k));
    }
    let (degree, coefficients, initial) = JOE_KUO[dimension - 1];
    let s = degree as usize;
    for k in 0..BITS as usize {
        v[k] = if k < s {
            initial[k] << (BITS as usize - 1 - k)
        } else {
            let inner =
                (1..s).filter(|j| (coefficients >> (s - 1 - j)) & 1 == 1).fold(0, |sum, j| sum ^ v[k - j]);
            inner ^ v[k - s] ^ (v[k - s] >> s)
        };
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eighths of points 1 to 7 in 21 dimensions, as `scipy.stats.qmc.Sobol` 1.17 prints them.
    #[test]
    fn first_points_are_the_published_ones() {
        let eighths = [
            [4; DIMENSIONS_MAX],
            [6, 2, 2, 2, 6, 6, 2, 6, 6, 6, 6, 6, 2, 2, 6, 2, 6, 2, 6, 2, 2],
            [2, 6, 6, 6, 2, 2, 6, 2, 2, 2, 2, 2, 6, 6, 2, 6, 2, 6, 2, 6, 6],
            [3, 3, 5, 7, 3, 1, 3, 7, 7, 5, 7, 3, 3, 5, 3, 7, 3, 7, 7, 1, 1],
            [7, 7, 1, 3, 7, 5, 7, 3, 3, 1, 3, 7, 7, 1, 7, 3, 7, 3, 3, 5, 5],
            [5, 1, 7, 5, 5, 7, 1, 1, 1, 3, 1, 5, 1, 7, 5, 5, 5, 5, 1, 3, 3],
            [1, 5, 3, 1, 1, 3, 5, 5, 5, 7, 5, 1, 5, 3, 1, 1, 1, 1, 5, 7, 7],
        ];
        for d in 0..DIMENSIONS_MAX {
            let net = Net::plain(d);
            assert_eq!(net.unit(0), 0.0);
            for (i, row) in eighths.iter().enumerate() {
                assert_eq!(net.unit(i as u64 + 1), f64::from(row[d]) / 8.0);
            }
        }
    }

    /// Point 999,999 of the same generator with 30 bits, times 2³⁰.
    #[test]
    fn a_late_point_is_the_published_one() {
        let digits: [u64; DIMENSIONS_MAX] = [
            20038656, 964066304, 394126336, 38046720, 918287360, 660753408, 832615424, 93529088, 163185664,
            851975168, 257584128, 504914944, 704406528, 849497088, 252376064, 1012171776, 567954432,
            502965248, 242351104, 737639424, 538016768,
        ];
        for (d, digits) in digits.into_iter().enumerate() {
            assert_eq!(Net::plain(d).unit(999_999) * 2f64.powi(30), digits as f64, "dimension {d}");
        }
    }

    /// Each dimension alone puts one of 2ᵏ points in each of 2ᵏ slices, scrambled or not.
    #[test]
    fn each_dimension_is_stratified() {
        for d in 0..DIMENSIONS_MAX {
            for net in [Net::plain(d), Net::scrambled(d, 99, 5)] {
                let mut slices: Vec<u64> = (0..512).map(|i| (net.unit(i) * 512.0) as u64).collect();
                slices.sort_unstable();
                assert_eq!(slices, (0..512).collect::<Vec<_>>());
            }
        }
    }
}
