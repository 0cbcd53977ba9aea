//! Test data from splitmix64, the same in every language.

/// `n` numbers in [0, 1): the top 53 bits of the splitmix64 stream of `seed`, times 2⁻⁵³.
pub fn unit(seed: u64, n: usize) -> Vec<f64> {
    (1..=n as u64)
        .map(|i| {
            let mut z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            (z >> 11) as f64 / (1u64 << 53) as f64
        })
        .collect()
}

/// `n` numbers in [`low`, `high`).
pub fn uniform(seed: u64, n: usize, low: f64, high: f64) -> Vec<f64> {
    unit(seed, n).into_iter().map(|u| low + (high - low) * u).collect()
}
