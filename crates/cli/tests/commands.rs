//! The program as a user meets it: what it prints and its exit codes, for good and bad input.

mod common;

use common::{burgers, stderr, stdout, stored, tessera};
use serde_json::Value;
use std::process::{Command, Stdio};
use tessera_core::Tensor;

#[test]
fn equal_runs_compare_equal_whatever_their_provenance() {
    let folder = tempfile::tempdir().unwrap();
    let a = stored(folder.path(), "a.h5", &burgers());
    let mut other = burgers();
    other.provenance.date = "1970-01-01T00:00:00Z".to_owned();
    let b = stored(folder.path(), "b.h5", &other);
    let output = tessera(&["compare", a.to_str().unwrap(), b.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), "equal, bit for bit (11 datasets)\n");
    assert_eq!(stderr(&output), "");
}

#[test]
fn one_bit_is_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let a = stored(folder.path(), "a.h5", &burgers());
    let mut other = burgers();
    let weight = other.datasets.get_mut("parameters/layer0/weight").unwrap();
    let value = &mut weight.values_mut::<f64>()[21];
    *value = f64::from_bits(value.to_bits() ^ 1);
    let b = stored(folder.path(), "b.h5", &other);
    let output = tessera(&["compare", a.to_str().unwrap(), b.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.starts_with("different (10 datasets are equal)\n  parameters/layer0/weight[1, 1]: "),
        "{text}"
    );
    assert!(text.contains("1 ulp apart; 1 of 40 elements differ"), "{text}");

    let output = tessera(&["compare", "--json", a.to_str().unwrap(), b.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["equal"], false);
    assert_eq!(value["datasets"][0]["first"]["index"], serde_json::json!([1, 1]));
    assert_eq!(value["datasets"][0]["first"]["ulp"], 1);
    assert_ne!(value["left_digest"], value["right_digest"]);
}

#[test]
fn files_that_cannot_be_read_are_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let good = stored(folder.path(), "a.h5", &burgers());
    let text = folder.path().join("case.toml");
    std::fs::write(&text, "[problem]").unwrap();
    for (bad, what) in [("none.h5", "No such file"), ("case.toml", "must be a tessera run file")] {
        let bad = folder.path().join(bad);
        for command in ["compare", "show"] {
            let mut arguments = vec![command, bad.to_str().unwrap()];
            if command == "compare" {
                arguments.push(good.to_str().unwrap());
            }
            let output = tessera(&arguments);
            assert_eq!(output.status.code(), Some(2));
            let said = stderr(&output);
            assert!(said.starts_with(&format!("error: cannot read checkpoint {}", bad.display())), "{said}");
            assert!(said.contains(what), "{said}");
            assert_eq!(stdout(&output), "");
        }
    }
}

#[test]
fn show_summarises_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = burgers();
    let path = stored(folder.path(), "run.h5", &run);
    let output = tessera(&["show", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    for word in
        ["every digest agrees", "step            15000", "tensor<101x256xf64>", "residual", &run.digest()]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains('\x1b'), "a pipe must get no colours");

    let output = tessera(&["show", "--json", path.to_str().unwrap()]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["digest"], run.digest());
    assert_eq!(value["header"]["step"], 15_000);
    assert_eq!(value["datasets"]["solution/u"]["shape"], serde_json::json!([101, 256]));
    assert_eq!(value["datasets"]["solution/u"]["sha256"], run.datasets["solution/u"].digest());
    let last = *run.datasets["history/total"].values::<f64>().last().unwrap();
    assert_eq!(value["losses"]["total"]["last"], last);
}

#[test]
fn show_names_damage_and_the_good_file_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = stored(folder.path(), "run.h5", &burgers());
    let mut later = burgers();
    later.datasets.insert("mark".to_owned(), Tensor::scalar(1.25));
    stored(folder.path(), "run.h5", &later);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|window| window == 1.25_f64.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let output = tessera(&["show", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("it was altered or is incomplete: dataset mark"), "{said}");
    assert!(
        said.contains("help: a file kept before it is good") && said.contains("run.h5.previous"),
        "{said}"
    );
}

#[test]
fn arguments_are_checked() {
    for arguments in
        [&["nonsense"][..], &["compare", "a.h5"], &["plot", "a.h5", "-o", "a.png", "--scale", "99"], &[]]
    {
        assert_eq!(tessera(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(tessera(&["--version"]).status.code(), Some(0));
    let help = tessera(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).contains("75     checkpointed, resume me"));
    for command in ["compare", "show", "plot"] {
        let help = tessera(&[command, "--help"]);
        assert_eq!(help.status.code(), Some(0));
        assert!(
            stdout(&help).contains(&format!("  tessera {command} ")),
            "{command} --help must have an example"
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = burgers();
    // More than a pipe holds, so that the program finds it closed.
    for i in 0..2000 {
        run.datasets.insert(format!("many/{i}"), Tensor::scalar(i));
    }
    let path = stored(folder.path(), "run.h5", &run);
    let mut child = Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(["show", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}
