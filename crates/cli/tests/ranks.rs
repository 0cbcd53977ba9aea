//! `mpirun -n K tessera train`: the run file of one process, whatever K is.
#![cfg(feature = "mpi")]

mod common;

use common::text;
use std::path::Path;
use std::process::{Command, Output};
use tessera_dist::checkpoint::read;
use tessera_dist::compare;

/// Five blocks of points, two conditions of a block and less, observations; Adam with new points, then L-BFGS.
const CASE: &str = r#"title = "heat on ranks"
seed = 3
unknowns = ["u"]
[coordinates]
t = [0, 2]
x = [-1, 1]
[parameters]
kappa = { trainable = true, initial = 0.5 }
[[equation]]
text = "u_t = kappa*u_xx"
points = 1100
[[condition]]
where = ["x = -1", "x = 1"]
text = "u = 0"
points = 150
[[data]]
name = "seen"
file = "heat.npz"
columns = { t = "t", x = "x", u = "u" }
[network]
hidden = [40, 40]
[[optimiser]]
kind = "adam"
steps = 12
learning_rate = 5e-3
resample_every = 5
[[optimiser]]
kind = "lbfgs"
steps = 10
history = 5
resample_every = 4
[reference]
grid = { t = 5, x = 9 }
[checkpoint]
every = 10
"#;

/// A folder with the case and its data.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/data/heat.npz");
    std::fs::copy(data, folder.path().join("heat.npz")).expect("the data are there");
    std::fs::write(folder.path().join("case.toml"), CASE).expect("written");
    folder
}

/// The program on `ranks` ranks, ended after two minutes.
fn mpirun(ranks: usize, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["120", "mpirun", "-n", &ranks.to_string(), env!("CARGO_BIN_EXE_tessera")]);
    command.args(arguments).current_dir(folder);
    common::training::oversubscribed(&mut command).output().expect("mpirun and timeout are installed")
}

/// The program alone.
fn alone(folder: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.args(["train", "case.toml", "--out", "alone.h5"]).current_dir(folder);
    let done = command.output().expect("it starts");
    assert!(done.status.success(), "{}", text(&done));
}

fn assert_same(folder: &Path, want: &str, got: &str) {
    let [want, got] = [want, got].map(|name| read(&folder.join(name)).expect("a good run file"));
    let comparison = compare(&want, &got);
    assert!(comparison.is_equal(), "{comparison}");
}

#[test]
fn any_number_of_ranks_gives_the_file_of_one_process() {
    let folder = folder();
    alone(folder.path());
    for ranks in [1, 2, 3, 4, 5, 7, 8, 13] {
        let out = format!("on{ranks}.h5");
        let done = mpirun(ranks, folder.path(), &["train", "case.toml", "--out", &out]);
        assert!(done.status.success(), "{ranks} ranks: {}", text(&done));
        assert_same(folder.path(), "alone.h5", &out);
        let said = text(&done);
        assert_eq!(said.matches("run file").count(), 1, "one rank speaks:\n{said}");
    }
}

#[test]
fn a_run_goes_on_with_other_ranks() {
    let folder = folder();
    alone(folder.path());
    for (ranks, steps) in [(4, "8"), (3, "15"), (1, "22")] {
        let arguments = ["train", "case.toml", "--out", "run.h5", "--resume", "auto", "--steps", steps];
        let done = mpirun(ranks, folder.path(), &arguments);
        assert!(done.status.success(), "{ranks} ranks: {}", text(&done));
    }
    assert_same(folder.path(), "alone.h5", "run.h5");
}

/// Every rank fails, one says so, and none waits for the others.
#[test]
fn a_mistake_is_said_once() {
    let folder = folder();
    let done = mpirun(3, folder.path(), &["train", "no.toml", "--out", "run.h5"]);
    assert_eq!(done.status.code(), Some(2), "{}", text(&done));
    assert_eq!(text(&done).matches("cannot read no.toml").count(), 1, "{}", text(&done));
}

/// A launcher of another MPI starts processes that do not know of each other.
#[test]
fn another_launcher_is_refused() {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.args(["train", "case.toml", "--out", "run.h5"]).current_dir(folder.path());
    let done = command.env("PMI_SIZE", "4").output().expect("it starts");
    assert_eq!(done.status.code(), Some(2));
    let said = text(&done);
    assert!(said.contains("the launcher started 4 processes (PMI_SIZE), but MPI sees 1"), "{said}");
}
