//! `check`, `opt`, `run` and `explain` as a user meets them.

mod common;

use common::{stderr, stdout, tessera};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

const HEAT: &str = "\
tgraph.module @heat {
  %x = tgraph.arg : tensor<?xf64>
  %nu = tgraph.arg : f64
  %s = tgraph.sin %x
  %n = tgraph.broadcast %nu, %x {dims = []}
  %p = tgraph.mul %s, %n
  %y = tgraph.reduce %p {op = \"sum\"}
  tgraph.return %y
}
tgraph.adjoint @heat wrt(%x, %nu) -> @heat_grad
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }
}

/// An .npy file of doubles.
fn npy(descriptor: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn check_accepts_what_keeps_the_laws() {
    let folder = Folder::new();
    let file = folder.file("heat.mlir", HEAT);
    let output = tessera(&["check", &file]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert_eq!(stdout(&output), format!("{file}: 1 module and 1 derivative, well formed\n"));
    let output = tessera(&["check", &file, "--gradients", "--extent", "5"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    for words in ["@heat_grad of @heat", "gradient for %x                       5", "⟨ȳ, J ẋ⟩", "agrees"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let output = tessera(&["check", &file, "--gradients", "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["passed"], true);
    assert_eq!(value["derivatives"][0]["checks"][1]["verdict"], "agrees");
}

#[test]
fn the_origin_of_a_nan_is_named_with_its_line() {
    let folder = Folder::new();
    let text = "\
tgraph.module @m {
  %x = tgraph.arg : tensor<3xf64>
  %r = tgraph.sqrt %x
  %s = tgraph.sin %r
  %y = tgraph.reduce %s {op = \"sum\"}
  tgraph.return %y
}
tgraph.adjoint @m wrt(%x) -> @m_grad
";
    let file = folder.file("m.mlir", text);
    let run = |x: &str| tessera(&["run", &file, "--entry", "@m_grad", "--arg", x, "--find-nan"]);
    assert_eq!(run("x=[1.0, 2.0, 3.0]").status.code(), Some(0));
    // The root of 0 is finite and its slope is not.
    let output = run("x=[1.0, 0.0, 3.0]");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    for words in [
        "error[ad-7]",
        "of @m_grad must be finite, got inf",
        "m.mlir:3:8",
        "`div`",
        "at [1]",
        "of `sqrt` (%r) of @m",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // The root of -1 is not finite itself, and an argument is nobody's fault.
    let said = stderr(&run("x=[-1.0, 0.0, 3.0]"));
    assert!(said.contains("`sqrt` (%r) makes it of finite operands at [0]"), "{said}");
    let said = stderr(&run("x=[1.0, nan, 3.0]"));
    assert!(said.contains("argument %x holds it at [1]"), "{said}");
    let output = tessera(&["check", &file, "--find-nan", "--range", "-2,-1"]);
    assert!(stderr(&output).contains("`sqrt` (%r) makes it"), "{}", stderr(&output));
}

#[test]
fn a_solve_that_does_not_converge_is_named_and_ends_with_3() {
    let folder = Folder::new();
    let text = "\
tgraph.module @F {
  %x, %a = tgraph.arg, tgraph.arg : f64
  %xx = tgraph.mul %x, %x
  %y = tgraph.sub %xx, %a
  tgraph.return %y
}
tgraph.module @m {
  %a = tgraph.arg : f64
  %one = tgraph.constant {value = 1.0} : f64
  %x, %status, %iterations, %residual = tgraph.root @F(%one, %a) {max_iter = 4}
  tgraph.return %x
}
tgraph.adjoint @m wrt(%a) -> @m_grad
tgraph.module @row {
  %a = tgraph.arg : f64
  %x = tgraph.call @m(%a)
  tgraph.return %x
}
tgraph.module @all {
  %a = tgraph.arg : tensor<3xf64>
  %x = tgraph.scan @row(%a) {rows = 1}
  tgraph.return %x
}
";
    let file = folder.file("m.mlir", text);
    let run = |entry: &str, a: &str| tessera(&["run", &file, "--entry", entry, "--arg", a, "--find-nan"]);
    assert_eq!(run("@m_grad", "a=2.0").status.code(), Some(0));
    // The root of 1e10 is more than 4 steps from 1, and -1 has none.
    for (entry, a, words) in [
        (
            "@m",
            "a=1e10",
            &[
                "`root` (%x) of @m must converge, got status 1 (max_iter reached) after 4 iterations",
                "; the condition of its matrix there is about 1.0e0",
            ][..],
        ),
        (
            "@all",
            "a=[2.0, 1e10, 1.5]",
            &[
                "`root` (%x) inside a `scan` of @all must converge, got status 1",
                "at 1 of 3 rounds",
                "m.mlir:10:",
            ][..],
        ),
        ("@m_grad", "a=-1.0", &["error[converged-2]", "m.mlir:10:", "error[ad-7]", "`converged`"][..]),
    ] {
        let output = run(entry, a);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
}

#[test]
fn check_shows_every_error_at_its_place() {
    let folder = Folder::new();
    let text = "\
tgraph.module @m {
  %a = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<4x5xf64>
  %y = tgraph.matmul %a, %b
  %z = tgraph.sinn %a
  tgraph.return %z
}
tgraph.adjoint @m wrt(%c) -> @g
";
    let file = folder.file("bad.mlir", text);
    let output = tessera(&["check", &file]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    let said = stderr(&output);
    assert!(said.starts_with("error[matmul-2]: "), "{said}");
    assert!(said.contains(&format!(" --> {file}:4:8\n")) && said.contains("error[op-1]: "), "{said}");
    assert!(!said.contains('\x1b'), "a pipe must get no colours");
    let output = tessera(&["check", &file, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["passed"], false);
    assert_eq!(value["errors"][0]["id"], "matmul-2");
    assert_eq!(value["errors"][0]["line"], 4);
}

#[test]
fn programs_that_break_laws_are_refused_by_every_command() {
    let folder = Folder::new();
    let module = |body: &str| format!("tgraph.module @m {{\n{body}\n}}\n");
    let bad = [
        ("text-5", "tgraph.module @m {".to_owned()),
        ("op-1", module("  %x = tgraph.arg : f64\n  %y = tgraph.frobnicate %x\n  tgraph.return %y")),
        ("module-4", module("  %x = tgraph.arg : f64\n  %y = tgraph.call @m(%x) : f64\n  tgraph.return %y")),
        ("value-1", module("  tgraph.return %x")),
        ("type-1", module("  %x = tgraph.arg : f16\n  tgraph.return %x")),
        ("ad-5", "tgraph.adjoint @none wrt(%x) -> @g\n".to_owned()),
        ("ad-2", module("  %x = tgraph.arg : i64\n  tgraph.return %x") + "tgraph.jvp @m wrt(%x) -> @g\n"),
    ];
    for (id, text) in bad {
        let file = folder.file("bad.mlir", text);
        for (command, code) in [("check", 1), ("opt", 2), ("run", 2)] {
            let output = tessera(&[command, &file]);
            assert_eq!(output.status.code(), Some(code), "{command} {id}");
            assert!(stderr(&output).contains(&format!("error[{id}]")), "{command} {id}: {}", stderr(&output));
            assert_eq!(stdout(&output), "");
        }
    }
    let binary = folder.file("bad.mlir", b"\xff\xfe");
    assert!(stderr(&tessera(&["check", &binary])).starts_with("error[text-1]: text must be UTF-8"));
    for command in ["check", "opt", "run"] {
        let output = tessera(&[command, &folder.path("none.mlir")]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(stderr(&output).starts_with("error: cannot read "), "{}", stderr(&output));
    }
}

#[test]
fn derivatives_that_do_not_exist_are_named() {
    let folder = Folder::new();
    let text = "\
tgraph.module @m {
  %x = tgraph.arg : tensor<?x?xf64>
  %y = tgraph.reduce %x {op = \"prod\", axes = [0]}
  %z = tgraph.reduce %y {op = \"sum\"}
  tgraph.return %z
}
tgraph.adjoint @m wrt(%x) -> @g
";
    let file = folder.file("m.mlir", text);
    let output = tessera(&["check", &file]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.starts_with("error[ad-1]: `reduce` must have a derivative"), "{said}");
    assert!(said.contains("m.mlir:3:8"), "{said}");
}

#[test]
fn extents_that_do_not_fit_are_explained() {
    let folder = Folder::new();
    let text = "\
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.arg : tensor<5xf64>
  %z = tgraph.mul %x, %y
  %s = tgraph.reduce %z {op = \"sum\"}
  tgraph.return %s
}
tgraph.adjoint @m wrt(%x) -> @g
";
    let file = folder.file("m.mlir", text);
    let output = tessera(&["check", &file, "--gradients"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("help: choose another --extent"), "{}", stderr(&output));
    assert_eq!(tessera(&["check", &file, "--gradients", "--extent", "5"]).status.code(), Some(0));
    let output = tessera(&["opt", &file, "--plan", "--extent", "7"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot plan @m with every `?` as 7"), "{}", stderr(&output));
    let output = tessera(&["run", &file, "--entry", "m", "--arg", "x=[1.0]", "--arg", "y=[1.0, 2, 3, 4, 5]"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the arguments of @m must fit together"), "{}", stderr(&output));
}

#[test]
fn opt_carries_out_statements_and_runs_passes() {
    let folder = Folder::new();
    let file = folder.file("heat.mlir", HEAT);
    let plain = tessera(&["opt", &file]);
    assert_eq!(plain.status.code(), Some(0));
    let text = stdout(&plain);
    assert!(text.contains("tgraph.module @heat_grad {") && !text.contains("tgraph.adjoint"), "{text}");
    // What is printed reads back, and is already expanded.
    let again = folder.file("again.mlir", &text);
    assert_eq!(stdout(&tessera(&["opt", &again])), text);
    let passed = stdout(&tessera(&["opt", &again, "--pass", "all"]));
    assert_eq!(stdout(&tessera(&["opt", &folder.file("passed.mlir", &passed), "--pass", "all"])), passed);
    let generic = stdout(&tessera(&["opt", &file, "--generic", "--pass", "share", "--pass", "dead"]));
    assert!(generic.contains("\"tgraph.reduce\"("), "{generic}");
    let plan = stdout(&tessera(&["opt", &file, "--plan", "--extent", "4096"]));
    assert!(plan.contains("plan of @heat_grad") && plan.contains("region of 4096 rows"), "{plan}");
    assert_eq!(stdout(&tessera(&["opt", &file, "--generic", "--pass", "share,dead"])), generic);
    let unknown = tessera(&["opt", &file, "--pass", "everything"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("must be one of expand, canonical, fold, share, dead, collapse, all"));
}

fn run(arguments: &[&str]) -> Value {
    let output = tessera(&[&["run", "--json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn run_calls_modules_and_the_targets_of_statements() {
    let folder = Folder::new();
    let file = folder.file("heat.mlir", HEAT);
    let x = folder.file("x.npy", npy("<f8", "(2,)", &doubles(&[0.5, 1.0])));
    let x = format!("x={x}");
    let value = run(&[&file, "--entry", "@heat_grad", "--arg", &x, "--arg", "nu=2"]);
    assert_eq!(value["results"][0]["shape"], json!([2]));
    let cosines = value["results"][0]["values"].as_array().unwrap();
    assert!((cosines[1].as_f64().unwrap() - 2.0 * 1f64.cos()).abs() < 1e-15);
    // Texts, files, engines and threads give the same bits.
    for more in [&["--backend", "reference"][..], &["--threads", "1"], &["--threads", "2"]] {
        let arguments =
            [&[&file, "--entry", "heat_grad", "--arg", "%x=[0.5, 0x1p+0]", "--arg", "nu=2.0"], more].concat();
        assert_eq!(run(&arguments), value);
    }
    let output = tessera(&["run", &file, "--entry", "heat", "--arg", &x, "--arg", "nu=2"]);
    let text = stdout(&output);
    assert!(text.starts_with("%y : f64 = 2.6") && text.contains("\n  sha256:"), "{text}");
}

#[test]
fn run_writes_an_archive_whole_or_not_at_all() {
    let folder = Folder::new();
    let file = folder.file("heat.mlir", HEAT);
    let out = folder.path("gradient.npz");
    let arguments = [&file, "--entry", "heat_grad", "--arg", "x=[1.0]", "--arg", "nu=2", "--out", &out];
    let value = run(&arguments);
    // A result by its name is an argument again.
    let names: Vec<&str> =
        value["results"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    let name = names[0];
    let echo = format!(
        "tgraph.module @id {{\n  %{name} = tgraph.arg : tensor<?xf64>\n  tgraph.return %{name}\n}}\n"
    );
    let echoed = run(&[&folder.file("id.mlir", echo), "--arg", &format!("{name}={out}")]);
    assert_eq!(echoed["results"][0]["sha256"], value["results"][0]["sha256"]);
    for out in
        [folder.path("none/gradient.npz"), "/proc/gradient.npz".to_owned(), folder.path("gradient.txt")]
    {
        let mut arguments = arguments.map(str::to_owned).to_vec();
        *arguments.last_mut().unwrap() = out;
        let arguments: Vec<&str> = ["run"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        let output = tessera(&arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).starts_with("error: cannot write "), "{}", stderr(&output));
    }
    let entries = std::fs::read_dir(folder.0.path()).unwrap();
    let mut left: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["gradient.npz", "heat.mlir", "id.mlir"]);
}

#[test]
fn bad_arguments_are_all_named_at_once() {
    let folder = Folder::new();
    let file = folder.file("heat.mlir", HEAT);
    let wide = folder.file("wide.npy", npy("<f8", "(1, 2)", &doubles(&[0.5, 1.0])));
    let single = folder.file("single.npy", npy("<f4", "(2,)", &[0; 8]));
    let short = folder.file("short.npy", npy("<f8", "(9,)", &doubles(&[0.5])));
    let none = folder.path("none.npy");
    let cases: [(&[&str], &[&str]); 8] = [
        (
            &[],
            &[
                "argument %x of @heat must be given: tensor<?xf64>; add --arg x=FILE.npy",
                "argument %nu of @heat must be given",
            ],
        ),
        (
            &["nuu=1", "x=[1.0]"],
            &[
                "arguments of @heat must be its inputs (%x, %nu), got %nuu; did you mean %nu?",
                "argument %nu of @heat must be given",
            ],
        ),
        (&["x=[1.0]", "nu=1", "nu=2"], &["argument %nu must be given once, got it twice"]),
        (&["x=[1.0", "nu=[1]"], &["error[text-5]", "error[attribute-4]"]),
        (
            &["nu=1", &format!("x={wide}")],
            &["argument %x of @heat must be tensor<?xf64>, got tensor<1x2xf64> in "],
        ),
        (&["nu=1", &format!("x={single}")], &["must hold f64 (float64), got dtype '<f4'; convert it with"]),
        (&["nu=1", &format!("x={short}")], &["it must be an .npy array, but"]),
        (&["nu=1", &format!("x={none}")], &["No such file"]),
    ];
    for (arguments, says) in cases {
        let mut command = vec!["run", &file, "--entry", "heat"];
        command.extend(arguments.iter().flat_map(|argument| ["--arg", argument]));
        let output = tessera(&command);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        for words in says {
            assert!(stderr(&output).contains(words), "{words}: {}", stderr(&output));
        }
    }
    let output = tessera(&["run", &file]);
    assert!(stderr(&output).contains("the entry must be named"), "{}", stderr(&output));
    let output = tessera(&["run", &file, "--entry", "@haet"]);
    assert!(stderr(&output).contains("help: did you mean @heat?"), "{}", stderr(&output));
    assert_eq!(tessera(&["run", &file, "--arg", "x"]).status.code(), Some(2));
}

#[test]
fn programs_may_come_from_stdin() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(["run", "-", "--entry", "heat", "--arg", "x=[0.0]", "--arg", "nu=1", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(HEAT.as_bytes()).unwrap();
    let value: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(value["results"][0]["values"], json!([0.0]));
}

#[test]
fn explain_knows_every_id() {
    let all = stdout(&tessera(&["explain"]));
    let ids: Vec<&str> = all.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(ids.len() > 60, "{all}");
    for id in ["text-5", "module-4", "matmul-2", "ad-1", "graph-4", "case-field", "expression-derivative"] {
        assert!(ids.contains(&id), "{id}");
        let output = tessera(&["explain", id]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(0));
        assert!(text.starts_with(&format!("{id}: ")) && text.contains("\nmend: "), "{text}");
    }
    let family = stdout(&tessera(&["explain", "matmul"]));
    assert!(family.lines().count() > 1 && family.lines().all(|line| line.starts_with("matmul-")), "{family}");
    let output = tessera(&["explain", "matmull-2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean matmul-2?"), "{}", stderr(&output));
    assert_eq!(tessera(&["explain", "error[case-where]"]).status.code(), Some(0));
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in ["check", "opt", "run", "train", "compare", "show", "plot", "explain"] {
        let help = tessera(&[command, "--help"]);
        assert_eq!(help.status.code(), Some(0));
        assert!(stdout(&help).contains(&format!("  tessera {command} ")), "{command}");
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_tessera")).arg("explain").env("TESSERA_SIMD", "mmx").output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}
