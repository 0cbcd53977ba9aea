//! `reproduce` and `bisect`: runs that must be equal, and runs with one wrong bit.

mod common;

use common::training::{Folder, TINY, oversubscribed};
use common::{stderr, stdout, tessera};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use tessera_core::Tensor;
use tessera_dist::checkpoint::{read, write};

/// `tessera reproduce`, which starts ranks where it is built with MPI.
fn reproduce(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    oversubscribed(command.arg("reproduce").args(arguments)).output().expect("the program was built")
}

fn text(output: &Output) -> String {
    stdout(output) + &stderr(output)
}

/// Flips the last bit of one weight in the run file at `path`, and makes all its digests fit.
fn flip_a_bit(path: &str) {
    let mut run = read(Path::new(path)).unwrap();
    let weight = run.datasets.get_mut("network/layer1/weight").unwrap();
    let mut values = weight.values::<f64>().to_vec();
    values[17] = f64::from_bits(values[17].to_bits() ^ 1);
    *weight = Tensor::new(weight.shape(), values);
    write(Path::new(path), &run).unwrap();
    let _ = std::fs::remove_file(format!("{path}.previous"));
}

#[test]
fn every_way_to_run_a_case_passes_and_the_record_is_comparable() {
    let folder = Folder::with(TINY);
    let (case, here, there) = (folder.path("case.toml"), folder.path("here.h5"), folder.path("there.h5"));
    let output = reproduce(&[&case, "--steps", "6", "--out", &here]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for test in ["REP", "ERS", "ERP", "PET"] {
        assert!(stdout(&output).contains(&format!("  {test}   PASS ")), "{}", stdout(&output));
    }
    assert!(stdout(&output).contains("  DEV   –                         not run: no device here"));
    // Another site has other threads, and the same record but for its provenance.
    let output = reproduce(&[&case, "--steps", "6", "--threads", "1", "--quiet", "--out", &there]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert!(
        stdout(&output).contains("not run: one rank of one thread cannot be halved"),
        "{}",
        stdout(&output)
    );
    assert_eq!(tessera(&["compare", &here, &there]).status.code(), Some(0));
    let record = read(Path::new(&here)).unwrap();
    assert_eq!(record.header.step, 6);
    assert!(record.provenance.entries["reproduce.PET"].to_string().contains("PASS"));
}

#[test]
fn a_run_that_differs_fails_its_test() {
    let folder = Folder::with(TINY);
    // A program that does one step too few where it has one thread, and ends early where it resumes.
    let program = folder.path("program.sh");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*PET.h5*) exec {0} $(echo \"$@\" | sed 's/--steps 6/--steps 5/') ;;\n\
         *ERS.h5*'--steps 6'*) echo broken >&2; exit 9 ;;\nesac\nexec {0} \"$@\"\n",
        env!("CARGO_BIN_EXE_tessera")
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (case, out) = (folder.path("case.toml"), folder.path("record.h5"));
    let output = reproduce(&[&case, "--steps", "6", "--out", &out, "--program", &program]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let said = stdout(&output);
    assert!(said.contains("  REP   PASS ") && said.contains("  PET   FAIL "), "{said}");
    assert!(said.contains("  ERS   FAIL ") && said.contains("ended with exit status: 9: broken"), "{said}");
    let kept = said.lines().last().unwrap().trim();
    assert!(kept.starts_with("tessera bisect "), "{said}");
    let kept = kept.split_whitespace().nth(2).unwrap();
    assert!(Path::new(kept).exists(), "{kept}");
    std::fs::remove_dir_all(Path::new(kept).parent().unwrap()).unwrap();
}

/// All tests on ranks, and a site that has none agrees.
#[cfg(feature = "mpi")]
#[test]
fn ranks_pass_every_test() {
    let folder = Folder::with(TINY);
    let (case, here, there) = (folder.path("case.toml"), folder.path("here.h5"), folder.path("there.h5"));
    let output = reproduce(&[&case, "--steps", "6", "--ranks", "3", "--threads", "2", "--out", &here]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let said = stdout(&output);
    for test in ["REP", "ERS", "ERP", "PEM", "PET", "PEA"] {
        assert!(said.contains(&format!("  {test}   PASS ")), "{said}");
    }
    assert!(said.contains("stopped half-way and resumed on 2 ranks of 1 thread each"), "{said}");
    assert_eq!(read(Path::new(&here)).unwrap().provenance.entries["ranks"], 3_u64.into());
    folder.train("there.h5", &["--steps", "6", "--quiet"]);
    assert_eq!(tessera(&["compare", &here, &there]).status.code(), Some(0));
}

#[cfg(not(feature = "mpi"))]
#[test]
fn ranks_need_a_program_that_has_them() {
    let folder = Folder::with(TINY);
    let output = reproduce(&[&folder.path("case.toml"), "--ranks", "2", "--out", &folder.path("r.h5")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("help: build it with `--features mpi`"), "{}", stderr(&output));
}

#[test]
fn a_wrong_bit_is_found_with_its_step_and_its_first_operation() {
    let folder = Folder::with(TINY);
    let [good, bad] = ["good.h5", "bad.h5"].map(|name| folder.path(name));
    folder.train("good.h5", &["--steps", "20", "--quiet", "--keep", "5"]);
    folder.train("bad.h5", &["--steps", "14", "--quiet"]);
    flip_a_bit(&bad);
    // While nothing has been computed from it, the history is the same, and the weight alone shows.
    folder.train("same.h5", &["--steps", "14", "--quiet"]);
    let output = tessera(&["bisect", &folder.path("same.h5"), &bad]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(stdout(&output).contains("bad.h5: its weights at step 14 are not those that training gave"));
    assert!(stdout(&output).contains("network/layer1/weight[1, 5]: "), "{}", stdout(&output));

    folder.train("bad.h5", &["--steps", "20", "--quiet", "--resume", "auto", "--keep", "5"]);
    let output = tessera(&["bisect", &good, &bad, "--quiet"]);
    let said = stdout(&output);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""), "{said}");
    assert!(said.starts_with("different, first at step 15\n"), "{said}");
    assert!(said.contains("  history/weights: ") && said.contains("  history/equation_1: "), "{said}");
    assert!(said.contains("step 15: engine and reference agree here on every operation"), "{said}");
    assert!(said.contains("good.h5.previous: it is that of "), "{said}");
    assert!(
        said.contains("step 15 trained again here from step 10 of ") && said.contains("good.h5\n"),
        "{said}"
    );
    // What the resumed run began with is kept, and is followed through the operations of the step.
    assert!(said.contains("bad.h5.previous holds: theta["), "{said}");
    assert!(said.contains("1 of 206 elements differ") && said.contains("then first in operation "), "{said}");
    assert!(said.contains("tgraph.slice (tensor<206xf64>) -> tensor<144xf64>: result[17]: "), "{said}");
}

#[test]
fn runs_that_agree_and_runs_that_cannot_be_compared() {
    let folder = Folder::with(TINY);
    let [short, long, other] = ["short.h5", "long.h5", "other.h5"].map(|name| folder.path(name));
    folder.train("short.h5", &["--steps", "5", "--quiet"]);
    folder.train("long.h5", &["--steps", "8", "--quiet"]);
    let output = tessera(&["bisect", &short, &short]);
    assert_eq!(
        (output.status.code(), stdout(&output).as_str()),
        (Some(0), "equal, bit for bit, at step 5\n")
    );
    let output = tessera(&["bisect", &short, &long]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(stdout(&output).contains("the same up to step 5"), "{}", stdout(&output));
    std::fs::write(folder.path("case.toml"), TINY.replace("seed = 3", "seed = 4")).unwrap();
    folder.train("other.h5", &["--steps", "5", "--quiet"]);
    let output = tessera(&["bisect", &short, &other]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("both must be runs of the same case"), "{}", stderr(&output));
}
