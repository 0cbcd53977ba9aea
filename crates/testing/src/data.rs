//! Inputs that any language can make again bit for bit.

use tessera_core::{Data, Tensor};

/// Weight (in × out) and bias (out) of one layer, f64.
pub struct Layer {
    /// fan_in × fan_out.
    pub weight: Tensor,
    /// fan_out.
    pub bias: Tensor,
}

/// Element `index` = 1, 2, … of the splitmix64 stream of `seed`: its top 53 bits as a double in [0, 1).
pub fn unit(seed: u64, index: u64) -> f64 {
    let mut z = seed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 * f64::powi(2.0, -53)
}

/// A tensor of doubles in [low, high), row-major from one stream.
pub fn between(low: f64, high: f64, seed: u64, shape: &[usize]) -> Tensor {
    let count = shape.iter().product::<usize>() as u64;
    Tensor::new(shape, (1..=count).map(|i| low + (high - low) * unit(seed, i)).collect::<Vec<f64>>())
}

/// Special numbers among the others: zeros of both signs, infinities, NaN, subnormals.
pub fn with_specials(mut inputs: Vec<Tensor>) -> Vec<Tensor> {
    let specials = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, -1e-310, 1.0, f64::MAX];
    for (k, input) in inputs.iter_mut().enumerate() {
        match input.data_mut() {
            Data::F64(v) => {
                for (i, x) in v.iter_mut().enumerate().filter(|(i, _)| i % 3 != 1) {
                    *x = specials[(i / (k + 1) + k) % specials.len()];
                }
            }
            Data::F32(v) => {
                for (i, x) in v.iter_mut().enumerate().filter(|(i, _)| i % 3 != 1) {
                    *x = specials[(i / (k + 1) + k) % specials.len()] as f32;
                }
            }
            _ => {}
        }
    }
    inputs
}

/// A network of these widths, input first: Glorot-uniform weights, biases uniform in [-0.1, 0.1).
pub fn layers(widths: &[usize]) -> Vec<Layer> {
    let pairs = widths.windows(2).zip((1000..).step_by(2));
    let layer = |(pair, seed): (&[usize], u64)| {
        let bound = (6.0 / (pair[0] + pair[1]) as f64).sqrt();
        Layer { weight: between(-bound, bound, seed, pair), bias: between(-0.1, 0.1, seed + 1, &pair[1..]) }
    };
    pairs.map(layer).collect()
}

/// `count` points (t, x), count × 2, with t in [0, 1) and x in [-1, 1).
pub fn space_time_points(count: usize) -> Tensor {
    let mut points = between(-1.0, 1.0, 42, &[count, 2]);
    for row in points.values_mut::<f64>().chunks_exact_mut(2) {
        row[0] = 0.5 * (row[0] + 1.0);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_is_splitmix64() {
        let bits = [1, 2, 3].map(|i| unit(42, i).to_bits());
        assert_eq!(bits, [0x3fe7_bae6_44c5_fd6d, 0x3fc4_77f1_99d9_3378, 0x3fd1_d499_d5c4_c3e6]);
    }

    /// The digests are of numpy's arrays, as `benches/peers/data.py` makes them.
    #[test]
    fn inputs_are_those_of_the_peers() {
        let points = space_time_points(1000).digest();
        assert_eq!(points, "f1290391dbc18d4dba0b0c6924e0dcfbbf8cafd469b099045aa7645b3aae860b");
        let network = layers(&[2, 64, 64, 64, 64, 1]);
        let digests: Vec<String> =
            network.iter().flat_map(|l| [l.weight.digest(), l.bias.digest()]).collect();
        assert_eq!(
            digests,
            [
                "746aaa41074a9a2627b38f3e8b245d7beeacdb5ee739f1d611c6c9885903a10f",
                "b7541ccf78a272e8f53aba64614a7eb67ccff6e80c8b0838367a0c75816e1414",
                "cd21cfa45ede99249ab5f7b09273b76fcdece0ab0f0064c6e4c4852d17cc8971",
                "c27fcb93b02d410f394233536d80b277b03fced29af306da19eea6602db7b457",
                "b26b553f44f09c8c9dec567a308b1ec4331f00023e349efb896f55d944b364f0",
                "cafb885d5df52f6d9e3bb72ab06dbdc2d69ee841701935bb991fa024016a3f70",
                "64916a9f7ba26968ca08bdc820326c06a75043465804619335469bed6bc6eecb",
                "669177cecc125d3eb5d2fec7e7bffd332e4f6c9a1727813b291bf023f7f509a9",
                "4264380120252e672ecdb8e3f25dec2eca7bb0b52762b92fed4a6e8f43a3a644",
                "95d8c5e1c80b1b337a9fc2c2e2b351990222448b7fa679cf6cf44427a46cdec8",
            ]
        );
    }
}
