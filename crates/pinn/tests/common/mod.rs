//! What the tests of training share.

use std::path::{Path, PathBuf};
use tessera_core::exec::Backend;
use tessera_core::exec::cpu::Options;
use tessera_pinn::case::Case;
use tessera_pinn::trainer::Trainer;

/// A small inverse problem with an equation, a condition and data, that goes through Adam with resampling,
/// L-BFGS, and Adam again.
pub const TINY: &str = r#"
title = "tiny"
seed = 5
unknowns = ["u", "v"]
[coordinates]
t = [0, 2]
x = [-1, 1]
[parameters]
kappa = { trainable = true, initial = 0.5 }
two = 2
[[equation]]
name = "heat"
text = "u_t = kappa*u_xx + two*v_x"
points = 40
[[equation]]
name = "still"
text = "v_tx + tanh(u)*v^2 = max(v, x)/4"
points = 24
weight = 0.5
method = "lhs"
[[condition]]
name = "ends"
where = ["x = -1", "x = 1"]
text = "u = sin(pi*x)"
points = 9
weight = 3
[[data]]
name = "seen"
file = "data/heat.npz"
columns = { t = "t", x = "x", u = "u" }
weight = 2
[ansatz]
v = "x*v + kappa"
[network]
hidden = [6, 5]
[[optimiser]]
kind = "adam"
steps = 7
learning_rate = 1e-2
schedule = { kind = "cosine", factor = 0.1 }
resample_every = 3
[[optimiser]]
kind = "lbfgs"
steps = 6
history = 3
resample_every = 4
[[optimiser]]
kind = "adam"
steps = 3
learning_rate = 1e-3
schedule = { kind = "exponential", factor = 0.5, every = 2 }
resample_every = 2
[reference]
solution = { u = "exp(-t)*sin(pi*x)", v = "0*x + 1" }
parameters = { kappa = 0.1 }
grid = { t = 7, x = 9 }
"#;

/// The folder of the cases.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases")
}

/// A case from text.
pub fn parse(text: &str) -> Case {
    Case::parse("test.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The CPU engine on so many threads.
pub fn cpu(threads: usize) -> Backend {
    Backend::Cpu(Options { threads, ..Options::default() })
}

/// A trainer of `case` on `backend`.
pub fn trainer(case: &Case, backend: Backend) -> Trainer {
    Trainer::new(case, &folder(), backend).unwrap_or_else(|error| panic!("{error}"))
}
