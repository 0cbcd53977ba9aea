//! Law 9: counter-based random numbers, Philox4x32-10.
//!
//! A number is a pure function of where it is needed: the key is the seed, the counter is the stream
//! (the id of the operation that draws) and the logical index of the element. Nothing is stepped, so
//! threads, ranks, tiles and recomputation cannot change what is drawn.
//!
//! The generator is that of J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, *Parallel random
//! numbers: as easy as 1, 2, 3*, SC11, <https://doi.org/10.1145/2063384.2063405>.
//!
//! The map, all of it part of the law:
//!
//! | what | is |
//! |---|---|
//! | key words | `seed` low, `seed` high |
//! | counter words | `index` low, `index` high, `stream` low, `stream` high |
//! | [`bits`] | result words 0 (low) and 1 (high) |
//! | [`uniform_f64`] | the top 53 of [`bits`], times 2⁻⁵³ |
//! | [`uniform_f32`] | the top 24 bits of result word 1, times 2⁻²⁴ |
//! | [`below`] | ⌊w n / 2¹²⁸⌋, where w is the 128-bit result, word 0 lowest |
//! | [`fork`] | result words 2 (low) and 3 (high) |

use super::dispatch::{Kernel, Level, dispatch};
use super::lanes::Simd;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Philox4x32 with `ROUNDS` rounds; the law uses 10.
pub fn philox4x32<const ROUNDS: usize>(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        let (hi0, lo0) = ((p0 >> 32) as u32, p0 as u32);
        let (hi1, lo1) = ((p1 >> 32) as u32, p1 as u32);
        (c0, c1, c2, c3) = (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// The 128 random bits at `(seed, stream, index)`, as four words.
pub fn block(seed: u64, stream: u64, index: u64) -> [u32; 4] {
    let counter = [index as u32, (index >> 32) as u32, stream as u32, (stream >> 32) as u32];
    philox4x32::<10>(counter, [seed as u32, (seed >> 32) as u32])
}

/// 64 random bits.
pub fn bits(seed: u64, stream: u64, index: u64) -> u64 {
    let [w0, w1, _, _] = block(seed, stream, index);
    u64::from(w0) | (u64::from(w1) << 32)
}

/// [`bits`] at each index, or [`fork`] where `high`; many at a time.
pub fn bits_at(level: Level, seed: u64, stream: u64, high: bool, index: &[u64]) -> Vec<u64> {
    dispatch(level, BitsAt { seed, stream, high, index })
}

struct BitsAt<'a> {
    seed: u64,
    stream: u64,
    high: bool,
    index: &'a [u64],
}

/// Indices whose rounds go together: two vectors of 64 bits a lane at the widest level.
const TOGETHER: usize = 16;

impl Kernel for BitsAt<'_> {
    type Output = Vec<u64>;

    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<u64> {
        let mut bits = Vec::with_capacity(self.index.len());
        let (groups, rest) = self.index.as_chunks::<TOGETHER>();
        for index in groups {
            bits.extend(self.group(index));
        }
        if !rest.is_empty() {
            let mut index = [0; TOGETHER];
            index[..rest.len()].copy_from_slice(rest);
            bits.extend(&self.group(&index)[..rest.len()]);
        }
        bits
    }
}

impl BitsAt<'_> {
    /// [`block`] at each index, its words as the low halves of 64 bits.
    #[inline(always)]
    fn group(&self, index: &[u64; TOGETHER]) -> [u64; TOGETHER] {
        const LOW: u64 = 0xffff_ffff;
        let [mut c0, mut c1] = [index.map(|i| i & LOW), index.map(|i| i >> 32)];
        let [mut c2, mut c3] = [[self.stream & LOW; TOGETHER], [self.stream >> 32; TOGETHER]];
        let [mut k0, mut k1] = [self.seed as u32, (self.seed >> 32) as u32];
        for _ in 0..10 {
            for l in 0..TOGETHER {
                let p0 = u64::from(MULTIPLIERS[0]) * c0[l];
                let p1 = u64::from(MULTIPLIERS[1]) * c2[l];
                c0[l] = (p1 >> 32) ^ c1[l] ^ u64::from(k0);
                c1[l] = p1 & LOW;
                c2[l] = (p0 >> 32) ^ c3[l] ^ u64::from(k1);
                c3[l] = p0 & LOW;
            }
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        let (low, high) = if self.high { (c2, c3) } else { (c0, c1) };
        std::array::from_fn(|l| low[l] | (high[l] << 32))
    }
}

/// A number in [0, 1): an integer below 2⁵³ times 2⁻⁵³, exactly.
pub fn uniform_f64(seed: u64, stream: u64, index: u64) -> f64 {
    unit_f64(bits(seed, stream, index))
}

/// A number in [0, 1): an integer below 2²⁴ times 2⁻²⁴, exactly. It is `uniform_f64` cut to 24 bits.
pub fn uniform_f32(seed: u64, stream: u64, index: u64) -> f32 {
    const SCALE: f32 = 1.0 / (1u32 << 24) as f32;
    (bits(seed, stream, index) >> 40) as f32 * SCALE
}

/// The top 53 bits of `bits` as a number in [0, 1), exactly.
pub fn unit_f64(bits: u64) -> f64 {
    const SCALE: f64 = 1.0 / (1u64 << 53) as f64;
    (bits >> 11) as f64 * SCALE
}

/// An integer in `0..n`, and 0 for `n = 0`. Every outcome has probability 1/n within 2⁻¹²⁸, so no
/// draw is ever rejected and the counter stays the address of the result.
pub fn below(seed: u64, stream: u64, index: u64, n: u64) -> u64 {
    let [w0, w1, w2, w3] = block(seed, stream, index).map(u128::from);
    let (low, high) = (w0 | (w1 << 32), w2 | (w3 << 32));
    let n = u128::from(n);
    ((high * n + ((low * n) >> 64)) >> 64) as u64
}

/// A seed for a family of streams of its own, independent of what `seed` draws on other streams.
pub fn fork(seed: u64, stream: u64, index: u64) -> u64 {
    let [_, _, w2, w3] = block(seed, stream, index);
    u64::from(w2) | (u64::from(w3) << 32)
}

/// Where `index` goes in a random permutation of `0..n` that `(seed, stream)` chooses.
///
/// A Feistel network of [`PERMUTATION_ROUNDS`] rounds permutes the integers of b bits, where b is the
/// least with 2ᵇ ≥ n; a result outside `0..n` is sent through again, which ends in `0..n` and keeps
/// the map a bijection (cycle walking; J. Black and P. Rogaway, *Ciphers with arbitrary finite
/// domains*, CT-RSA 2002). Round r replaces the halves (x, y) by (y, x ⊕ f(r, y)), where f is the low
/// bits of [`bits`] at index `r << 32 | y`; the high half has ⌊b/2⌋ bits at first and the widths
/// swap with the halves. The expected number of walks is below 2.
///
/// # Panics
/// If `index` is not below `n`, or `n` is above 2⁶².
pub fn permute(seed: u64, stream: u64, index: u64, n: u64) -> u64 {
    assert!(index < n && n <= 1 << 62, "index must be below n and n at most 2^62, got {index} and {n}");
    let width = 64 - (n - 1).leading_zeros();
    let mut value = index;
    loop {
        value = feistel(seed, stream, value, width);
        if value < n {
            return value;
        }
    }
}

/// Rounds of the network in [`permute`]; even, so that the halves end where they began.
pub const PERMUTATION_ROUNDS: u64 = 8;

fn feistel(seed: u64, stream: u64, value: u64, width: u32) -> u64 {
    let (mut high_width, mut low_width) = (width / 2, width - width / 2);
    let (mut high, mut low) = (value >> low_width, value & ((1 << low_width) - 1));
    for round in 0..PERMUTATION_ROUNDS {
        let mask = (1 << high_width) - 1;
        (high, low) = (low, high ^ (bits(seed, stream, (round << 32) | low) & mask));
        (high_width, low_width) = (low_width, high_width);
    }
    (high << low_width) | low
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn published_answers() {
        let answers = [
            ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
            ([!0; 4], [!0; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
            (
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0],
                [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
            ),
        ];
        for (counter, key, result) in answers {
            assert_eq!(philox4x32::<10>(counter, key), result);
        }
    }

    /// `name rounds counter… key… result…`, of which the lines of philox4x32 are read.
    #[test]
    fn known_answers_of_random123() {
        let folder = std::env::var_os("TESSERA_DATA")
            .map(PathBuf::from)
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
        let Ok(text) = std::fs::read_to_string(folder.join("random123/kat_vectors")) else {
            println!("skipped: no random123/kat_vectors; set TESSERA_DATA to the folder that holds it");
            return;
        };
        let mut checked = 0;
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, rounds, numbers @ ..] = words.as_slice() else {
                continue;
            };
            if *name != "philox4x32" {
                continue;
            }
            let n: Vec<u32> = numbers.iter().map(|w| u32::from_str_radix(w, 16).unwrap()).collect();
            let (counter, key) = ([n[0], n[1], n[2], n[3]], [n[4], n[5]]);
            let result = match *rounds {
                "7" => philox4x32::<7>(counter, key),
                "10" => philox4x32::<10>(counter, key),
                other => panic!("unexpected number of rounds {other}"),
            };
            assert_eq!(result, n[6..10], "{line}");
            checked += 1;
        }
        assert!(checked >= 6, "only {checked} lines of philox4x32");
    }

    #[test]
    fn counter_words_are_index_then_stream() {
        let (seed, stream, index) = (0x299f31d0_a4093822, 0x03707344_13198a2e, 0x85a308d3_243f6a88);
        assert_eq!(block(seed, stream, index), [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
        assert_eq!(bits(seed, stream, index), 0x94fdcceb_d16cfe09);
        assert_eq!(uniform_f64(seed, stream, index), (0x94fdcceb_d16cfe09u64 >> 11) as f64 / 2f64.powi(53));
        assert_eq!(uniform_f32(seed, stream, index), 0x94fdcc as f32 / 2f32.powi(24));
        assert_eq!(fork(seed, stream, index), 0x24126ea1_5001e420);
        assert_eq!(below(seed, stream, index, 1 << 32), 0x24126ea1);
    }

    #[test]
    fn many_bits_at_a_time_are_those_of_each() {
        let index: Vec<u64> = (0..100).map(|i: u64| i.wrapping_mul(0x1234_5678_9abc_def1)).collect();
        for n in [0, 1, 15, 16, 17, 100] {
            for level in Level::available() {
                let (seed, stream) = (0x299f31d0_a4093822, 0x03707344_13198a2e);
                let low: Vec<u64> = index[..n].iter().map(|&i| bits(seed, stream, i)).collect();
                let high: Vec<u64> = index[..n].iter().map(|&i| fork(seed, stream, i)).collect();
                assert_eq!(bits_at(level, seed, stream, false, &index[..n]), low, "{n} at {level}");
                assert_eq!(bits_at(level, seed, stream, true, &index[..n]), high, "{n} at {level}");
            }
        }
    }

    #[test]
    fn uniform_numbers_fill_the_unit_interval() {
        const BINS: usize = 64;
        const N: u64 = 1 << 16;
        let mut counts = [0u32; BINS];
        for index in 0..N {
            let x = uniform_f64(7, 3, index);
            assert!((0.0..1.0).contains(&x));
            assert!((x as f32 - uniform_f32(7, 3, index)).abs() <= 2f32.powi(-24));
            counts[(x * BINS as f64) as usize] += 1;
        }
        assert!(chi_squared(&counts) < 117.0, "{counts:?}"); // The 0.99999 quantile for 63 degrees.
    }

    #[test]
    fn below_is_fair_and_total() {
        let mut counts = [0u32; 10];
        (0..20_000).for_each(|index| counts[below(1, 2, index, 10) as usize] += 1);
        assert!(chi_squared(&counts) < 39.0, "{counts:?}"); // The 0.99999 quantile for 9 degrees.
        assert_eq!(below(1, 2, 3, 0), 0);
        assert_eq!(below(1, 2, 3, 1), 0);
        assert!(below(1, 2, 3, u64::MAX) < u64::MAX);
    }

    #[test]
    fn permute_is_a_bijection() {
        for n in (1..=130).chain([1000, 4096, 4097]) {
            let mut seen = vec![false; n as usize];
            for index in 0..n {
                let image = permute(11, n, index, n) as usize;
                assert!(!std::mem::replace(&mut seen[image], true), "n = {n}: {image} comes twice");
            }
        }
        assert!(permute(1, 1, (1 << 62) - 1, 1 << 62) < 1 << 62);
    }

    /// Every index goes everywhere equally often, also where the network has only a few bits.
    #[test]
    fn permute_is_fair() {
        for n in [2u64, 3, 5, 8, 13] {
            for index in 0..n {
                let mut counts = vec![0u32; n as usize];
                (0..4000).for_each(|seed| counts[permute(seed, 0, index, n) as usize] += 1);
                let bound = n as f64 - 1.0 + 5.0 * (2.0 * (n as f64 - 1.0)).sqrt() + 10.0;
                assert!(chi_squared(&counts) < bound, "n = {n}, index {index}: {counts:?}");
            }
        }
    }

    fn chi_squared(counts: &[u32]) -> f64 {
        let mean = counts.iter().sum::<u32>() as f64 / counts.len() as f64;
        counts.iter().map(|&c| (f64::from(c) - mean).powi(2) / mean).sum()
    }
}
