//! A small case in a folder of its own, and trainings of it.

use super::tessera;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tessera_dist::checkpoint::read;
use tessera_dist::compare;
#[allow(unused_imports)] // As above.
pub use tessera_testing::ranks::oversubscribed;

/// A small problem that goes through Adam with new points and through L-BFGS, with a checkpoint at
/// every 10th step.
pub const TINY: &str = r#"title = "a small front"
seed = 3
unknowns = ["u"]
[coordinates]
t = [0, 1]
x = [-1, 1]
[parameters]
nu = { trainable = true, initial = 0.1 }
[[equation]]
text = "u_t + u*u_x = nu*u_xx"
points = 700
[[condition]]
where = "t = 0"
text = "u = -sin(pi*x)"
points = 30
[network]
hidden = [12, 12]
[[optimiser]]
kind = "adam"
steps = 120
learning_rate = 5e-3
resample_every = 25
[[optimiser]]
kind = "lbfgs"
steps = 60
history = 5
[reference]
solution = { u = "-sin(pi*x)*exp(-t)" }
grid = { t = 5, x = 9 }
[checkpoint]
every = 10
"#;

/// A folder with a case in it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn with(case: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        std::fs::write(folder.path("case.toml"), case).unwrap();
        folder
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The path of what is called `name` in it.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Trains the case to its end.
    pub fn train(&self, out: &str, more: &[&str]) -> std::process::Output {
        tessera(&[&["train", &self.path("case.toml"), "--out", &self.path(out)], more].concat())
    }

    /// Starts to train the case.
    pub fn spawn(&self, out: &str, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_tessera"))
            .args(["train", &self.path("case.toml"), "--out", &self.path(out)])
            .args(more)
            .env_remove("TESSERA_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

pub fn assert_equal(a: &str, b: &str) {
    let (a, b) = (read(Path::new(a)).unwrap(), read(Path::new(b)).unwrap());
    let comparison = compare(&a, &b);
    assert!(comparison.is_equal(), "{comparison}");
    assert_eq!(a.digest(), b.digest());
}
