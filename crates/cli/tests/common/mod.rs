//! Made-up runs and the program under test.
#![allow(dead_code)] // Each test file uses a part.

pub mod cluster;
pub mod job;
pub mod training;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tessera_core::Tensor;
use tessera_dist::Checkpoint;
use tessera_dist::checkpoint::write;

/// What a Burgers run leaves behind, but invented: a steepening front, a smooth error, losses
/// that fall through two stages.
pub fn burgers() -> Checkpoint {
    let (nt, nx) = (101, 256);
    let t: Vec<f64> = (0..nt).map(|i| i as f64 / (nt - 1) as f64).collect();
    let x: Vec<f64> = (0..nx).map(|i| -1.0 + 2.0 * i as f64 / (nx - 1) as f64).collect();
    let pi = std::f64::consts::PI;
    let front = |t: f64, x: f64| -(pi * x).sin() * (1.0 - t) - t * (x / 0.02).tanh() * (1.0 - x.abs());
    let miss = |t: f64, x: f64| {
        1e-3 * t * (9.0 * x).sin() * (-30.0 * x * x).exp() + 1e-6 * (40.0 * x + 9.0 * t).cos()
    };
    let field = |f: &dyn Fn(f64, f64) -> f64| {
        Tensor::new([nt, nx], t.iter().flat_map(|&t| x.iter().map(move |&x| f(t, x))).collect())
    };
    let mut run = Checkpoint::new(7, "[problem]\nname = \"burgers\"\n", "func @loss() {}\n");
    run.header.step = 15_000;
    run.attributes.insert("stages".to_owned(), "adam,l-bfgs".into());
    let steps = 3000;
    let step: Vec<u64> = (0..steps).map(|i| 5 * i).collect();
    let loss = |rate: f64, floor: f64, wave: f64| -> Vec<f64> {
        let noise =
            |i: u64| ((i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1 << 24) as f64 - 0.5) * wave;
        let late = |i: u64| (i.saturating_sub(2000) as f64 * 0.004).min(3.0);
        let early = |i: u64| if i < 2000 { noise(i) } else { 0.05 * noise(i) };
        (0..steps).map(|i| (floor + (-(i as f64) * rate).exp()) * 10_f64.powf(early(i) - late(i))).collect()
    };
    let terms = [
        ("residual", loss(0.004, 3e-3, 0.8)),
        ("initial", loss(0.006, 4e-4, 0.5)),
        ("boundary", loss(0.01, 1e-4, 0.6)),
    ];
    let total = (0..steps as usize).map(|i| terms.iter().map(|(_, values)| values[i]).sum::<f64>()).collect();
    let mut put = |path: &str, tensor: Tensor| run.datasets.insert(path.to_owned(), tensor);
    put("parameters/layer0/weight", Tensor::new([2, 20], (0..40).map(|i| (i as f64).sin()).collect()));
    put("solution/u", field(&front));
    put("solution/error/u", field(&miss));
    put("history/step", Tensor::new([steps as usize], step));
    put("history/stage", Tensor::new([steps as usize], (0..steps).map(|i| i32::from(i >= 2000)).collect()));
    for (name, values) in terms {
        put(&format!("history/{name}"), Tensor::new([steps as usize], values));
    }
    put("history/total", Tensor::new([steps as usize], total));
    put("solution/coordinates/t", Tensor::new([nt], t));
    put("solution/coordinates/x", Tensor::new([nx], x));
    run
}

/// A run over one coordinate, with two unknowns.
pub fn oscillator() -> Checkpoint {
    let n = 200;
    let t: Vec<f64> = (0..n).map(|i| 10.0 * i as f64 / (n - 1) as f64).collect();
    let mut run = Checkpoint::new(1, "", "");
    let mut put =
        |path: &str, values: Vec<f64>| run.datasets.insert(path.to_owned(), Tensor::new([n], values));
    for (name, phase) in [("q", 0.0), ("p", 1.5)] {
        let exact: Vec<f64> = t.iter().map(|t| (t + phase).sin() * (-0.1 * t).exp()).collect();
        let error: Vec<f64> = t.iter().map(|t| 2e-3 * t * (3.0 * t).sin()).collect();
        put(&format!("solution/{name}"), exact.iter().zip(&error).map(|(u, e)| u + e).collect());
        put(&format!("solution/reference/{name}"), exact);
        put(&format!("solution/error/{name}"), error);
    }
    put("solution/coordinates/t", t);
    run
}

/// Writes `run` to `name` in `folder`.
pub fn stored(folder: &Path, name: &str, run: &Checkpoint) -> PathBuf {
    let path = folder.join(name);
    write(&path, run).unwrap();
    path
}

/// Runs the program.
pub fn tessera(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tessera")).args(arguments).env_remove("TESSERA_LOG").output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// All that a program said.
pub fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).join("\n")
}
