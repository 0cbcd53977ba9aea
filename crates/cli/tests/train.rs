//! `train` as a user meets it: the same bits however a run is interrupted, and what goes wrong.

mod common;

use common::training::{Folder, TINY, assert_equal};
use common::{stderr, stdout, tessera};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tessera_core::numerics::random;
use tessera_dist::checkpoint::{previous_path, read};

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    // The child may have ended by itself.
    let _ = kill_process(pid, signal);
}

#[test]
fn a_run_reports_what_it_found() {
    let folder = Folder::with(TINY);
    let output = folder.train("run.h5", &["--threads", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let run = read(Path::new(&folder.path("run.h5"))).unwrap();
    let text = stdout(&output);
    for words in [
        "a small front\n",
        "steps                  180 (adam: steps, lbfgs: ",
        "relative L2 error of u ",
        &run.digest(),
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let progress = stderr(&output);
    assert!(progress.lines().count() > 15 && progress.contains("/180  lbfgs  loss "), "{progress}");
    assert!(
        !progress.contains('\x1b') && !progress.contains('\r'),
        "a pipe must get plain lines: {progress}"
    );
    assert_eq!(run.header.case, TINY);
    assert_eq!(run.header.step, 180);
    assert!(run.group("solution").count() >= 4 && run.group("history").count() >= 4);
    // The program it holds is one that the other commands read.
    let program = folder.path("loss.mlir");
    std::fs::write(&program, &run.header.program).unwrap();
    assert_eq!(tessera(&["check", &program, "--gradients"]).status.code(), Some(0));
    // Asking again does nothing, and --quiet says so in fewer words.
    let before = std::fs::read(folder.path("run.h5")).unwrap();
    let again = folder.train("run.h5", &["--resume", "auto", "--quiet"]);
    assert_eq!((again.status.code(), stderr(&again).as_str()), (Some(0), ""));
    assert!(stdout(&again).contains(&run.digest()));
    assert!(before == std::fs::read(folder.path("run.h5")).unwrap());
    assert_eq!(
        tessera(&["plot", &folder.path("run.h5"), "-o", &folder.path("run.png")]).status.code(),
        Some(0)
    );
}

#[test]
fn engines_and_threads_give_the_same_file() {
    let folder = Folder::with(TINY);
    folder.train("one.h5", &["--threads", "1", "--steps", "30"]);
    folder.train("two.h5", &["--threads", "2", "--steps", "30"]);
    folder.train("law.h5", &["--backend", "reference", "--steps", "30"]);
    assert_equal(&folder.path("one.h5"), &folder.path("two.h5"));
    assert_equal(&folder.path("one.h5"), &folder.path("law.h5"));
}

#[test]
fn a_run_in_parts_is_the_run_in_one() {
    let folder = Folder::with(TINY);
    assert_eq!(folder.train("whole.h5", &["--quiet"]).status.code(), Some(0));
    for steps in ["1", "47", "47", "120", "121", "179", "1000"] {
        let output = folder.train("parts.h5", &["--resume", "auto", "--steps", steps]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    assert_equal(&folder.path("whole.h5"), &folder.path("parts.h5"));
    // Another file of the same case is as good a start.
    folder.train("early.h5", &["--steps", "33"]);
    let early = folder.path("early.h5");
    assert_eq!(folder.train("later.h5", &["--resume", &early]).status.code(), Some(0));
    assert_equal(&folder.path("whole.h5"), &folder.path("later.h5"));
}

#[test]
fn a_run_killed_anywhere_and_resumed_is_the_run_in_one() {
    let folder = Folder::with(TINY);
    let began = Instant::now();
    assert_eq!(folder.train("whole.h5", &["--quiet", "--threads", "1"]).status.code(), Some(0));
    let whole = began.elapsed();
    for (seed, how) in [(1, Signal::KILL), (2, Signal::TERM), (3, Signal::INT)] {
        let out = format!("killed{seed}.h5");
        let (mut kills, mut status) = (0, ExitStatus::from_raw(1));
        while !status.success() {
            assert!(kills < 50, "the run must come to its end");
            let threads = if kills % 2 == 0 { "1" } else { "2" };
            let mut child = folder.spawn(&out, &["--resume", "auto", "--threads", threads]);
            // Anywhere in the run; later ones are let live longer, so that it ends.
            let part = random::uniform_f64(seed, 0, kills) * 0.5 + 0.02 * kills as f64;
            std::thread::sleep(Duration::from_secs_f64(part * whole.as_secs_f64()));
            signal(&child, how);
            status = child.wait().unwrap();
            let expected = match (status.code(), status.signal()) {
                (Some(0), _) => true,
                (Some(75), _) => how != Signal::KILL,
                // A signal before the program catches it ends the process.
                (_, Some(number)) => number == how.as_raw(),
                _ => false,
            };
            assert!(expected, "{status}");
            kills += 1;
        }
        assert!(kills > 1, "the run must have been interrupted");
        assert_equal(&folder.path("whole.h5"), &folder.path(&out));
    }
}

#[test]
fn a_stopped_run_says_how_to_go_on() {
    let folder = Folder::with(&TINY.replace("steps = 120", "steps = 1000000"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(["train", &folder.path("case.toml"), "--out", &folder.path("run.h5"), "--quiet"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !Path::new(&folder.path("run.h5")).exists() {
        if began.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("a checkpoint must be written");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75));
    let said = stderr(&output);
    assert!(said.contains("stopped by signal 15 after step ") && said.contains("--resume auto"), "{said}");
    assert!(read(Path::new(&folder.path("run.h5"))).unwrap().header.step >= 10);
}

#[test]
fn a_damaged_file_is_replaced_by_the_one_before_it() {
    let folder = Folder::with(TINY);
    folder.train("whole.h5", &["--quiet"]);
    folder.train("run.h5", &["--steps", "95"]);
    let path = folder.path("run.h5");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    let output = folder.train("run.h5", &["--resume", "auto"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("warning: cannot read checkpoint "), "{}", stderr(&output));
    assert!(stderr(&output).contains("going on from step 90 of "), "{}", stderr(&output));
    assert_equal(&folder.path("whole.h5"), &path);
    // With neither file good there is nothing to go on from, and nothing is thrown away.
    std::fs::write(&path, "nonsense").unwrap();
    std::fs::write(previous_path(Path::new(&path)), "nonsense").unwrap();
    let output = folder.train("run.h5", &["--resume", "auto"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("help: there is no good file to resume from"), "{}", stderr(&output));
}

#[test]
fn the_newest_of_several_kept_files_that_is_whole_is_gone_on_from() {
    // The option has the last word over the case.
    let folder = Folder::with(&TINY.replace("every = 10", "every = 10\nkeep = 1"));
    folder.train("whole.h5", &["--quiet"]);
    assert_eq!(folder.train("run.h5", &["--steps", "95", "--keep", "3"]).status.code(), Some(0));
    let path = folder.path("run.h5");
    for damaged in [path.clone(), format!("{path}.previous")] {
        let mut bytes = std::fs::read(&damaged).unwrap();
        bytes.truncate(bytes.len() - 100);
        std::fs::write(&damaged, bytes).unwrap();
    }
    std::fs::write(folder.path(".run.h5.AbCdEf.tmp"), "of a writer that was killed").unwrap();
    let output = folder.train("run.h5", &["--resume", "auto", "--keep", "3"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert!(warnings[0].contains("/run.h5: it was altered or is incomplete"), "{said}");
    assert!(warnings[1].contains("/run.h5.previous: it was altered or is incomplete"), "{said}");
    assert!(said.contains(&format!("going on from step 80 of {path}.previous.2")), "{said}");
    assert!(warnings.len() == 3 && warnings[2].contains("is now"), "{said}");
    assert!(stdout(&output).contains(&format!("before it {path}.previous … {path}.previous.3")));
    assert!(!Path::new(&folder.path(".run.h5.AbCdEf.tmp")).exists());
    assert_equal(&folder.path("whole.h5"), &path);
}

#[test]
fn a_run_of_another_case_is_refused() {
    let folder = Folder::with(TINY);
    folder.train("run.h5", &["--steps", "20"]);
    std::fs::write(folder.path("case.toml"), TINY.replace("points = 700", "points = 701")).unwrap();
    for resume in ["auto", &folder.path("run.h5")] {
        let output = folder.train("run.h5", &["--resume", resume]);
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        assert!(said.contains("line 11: it has `points = 700`, the case file `points = 701`"), "{said}");
    }
    let output = folder.train("run.h5", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the file exists"), "{}", stderr(&output));
    assert_eq!(folder.train("run.h5", &["--overwrite", "--steps", "1"]).status.code(), Some(0));
    assert_eq!(read(&previous_path(Path::new(&folder.path("run.h5")))).unwrap().header.step, 20);
}

#[test]
fn other_observations_are_refused() {
    let heat = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/data/heat.npz");
    let data = "[[data]]\nfile = \"data.npz\"\ncolumns = { t = \"t\", x = \"x\", u = \"u\" }\n";
    let folder = Folder::with(&TINY.replace("[network]", &format!("{data}[network]")));
    std::fs::copy(heat, folder.path("data.npz")).unwrap();
    let output = folder.train("run.h5", &["--steps", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(folder.train("run.h5", &["--resume", "auto", "--steps", "3"]).status.code(), Some(0));
    let module = "tgraph.module @m {\n  %u = tgraph.arg : tensor<2xf64>\n  %t = tgraph.abs %u\n  %x = tgraph.neg %t\n  tgraph.return %u, %t, %x\n}\n";
    std::fs::write(folder.path("m.mlir"), module).unwrap();
    let (program, out) = (folder.path("m.mlir"), folder.path("data.npz"));
    assert_eq!(tessera(&["run", &program, "--arg", "u=[0.5, -0.25]", "--out", &out]).status.code(), Some(0));
    let output = folder.train("run.h5", &["--resume", "auto"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a file of [[data]] was changed"), "{}", stderr(&output));
}

#[test]
fn divergence_names_the_term_and_keeps_the_last_good_file() {
    // No value at all: the first step.
    let folder = Folder::with(&TINY.replace("= nu*u_xx", "= nu*u_xx + log(x - 2)"));
    let output = folder.train("run.h5", &["--quiet"]);
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    assert!(
        said.contains("training diverged: the loss of term `") && said.contains("at step 1 (adam)"),
        "{said}"
    );
    assert!(said.contains("help: no checkpoint was written yet"), "{said}");
    assert!(!Path::new(&folder.path("run.h5")).exists());
    // Steps that are too long: a later step.
    let case =
        TINY.replace("learning_rate = 5e-3", "learning_rate = 1e300").replace("every = 10", "every = 1");
    let folder = Folder::with(&case);
    let output = folder.train("run.h5", &["--quiet"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stderr(&output);
    let kept = read(Path::new(&folder.path("run.h5"))).unwrap().header.step;
    assert!(said.contains(&format!("stays as it was at step {kept}")), "{said}");
    assert!(said.contains(&format!("at step {} (adam)", kept + 1)), "{said}");
}

#[test]
fn bad_cases_and_outputs_are_refused_at_once() {
    for (from, to, says) in [
        ("points = 700", "points = 700\npionts = 3", "error[case-field]"),
        ("nu*u_xx", "nu*u_xz", "error[expression-derivative]"),
        ("nu*u_xx", "nu*w_xx", "error[expression-name]"),
        ("kind = \"adam\"", "kind = \"adma\"", "error[case-value]"),
        ("[coordinates]", "[coordinates", "error[case-syntax]"),
        // A name that the run file needs for itself must not be found out after hours of training.
        ("unknowns = [\"u\"]", "unknowns = [\"error\"]", "cannot keep this case in a run file"),
    ] {
        let mut case = TINY.replacen(from, to, 1);
        if to.contains("error") {
            case = case.replace("u_t + u*u_x = nu*u_xx", "error_t = nu*error_xx");
            case = case.replace("\"u = -sin", "\"error = -sin").replace("{ u =", "{ error =");
        }
        let folder = Folder::with(&case);
        let output = folder.train("run.h5", &[]);
        assert_eq!(output.status.code(), Some(2), "{to}");
        assert!(stderr(&output).contains(says), "{says}: {}", stderr(&output));
        assert!(!stderr(&output).contains("steps/s"), "training must not have begun: {}", stderr(&output));
    }
    let folder = Folder::with(TINY);
    std::fs::create_dir(folder.path("folder.h5")).unwrap();
    for out in ["none/run.h5", "case.toml/run.h5", "folder.h5", "/proc/run.h5"] {
        let out = if out.starts_with('/') { out.to_owned() } else { folder.path(out) };
        let output = tessera(&["train", &folder.path("case.toml"), "--out", &out]);
        assert_eq!(output.status.code(), Some(2), "{out}");
        assert!(stderr(&output).contains("error: cannot"), "{}", stderr(&output));
        assert!(!stderr(&output).contains("steps/s"), "training must not have begun: {}", stderr(&output));
    }
    let output = tessera(&["train", &folder.path("none.toml"), "--out", &folder.path("run.h5")]);
    assert_eq!(output.status.code(), Some(2));
    let output = folder.train("run.h5", &["--resume", &folder.path("none.h5")]);
    assert_eq!(output.status.code(), Some(2));
}

/// Trains under a limit of `blocks` blocks of 512 bytes for each file.
fn train_limited(folder: &Folder, blocks: u32, more: &[&str]) -> std::process::Output {
    Command::new("sh")
        .args(["-c", &format!("ulimit -f {blocks} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_tessera")])
        .args(["train", &folder.path("case.toml"), "--out", &folder.path("run.h5")])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn a_disk_without_room_stops_the_training_where_the_user_says_so() {
    let folder = Folder::with(TINY);
    assert_eq!(folder.train("run.h5", &["--steps", "20"]).status.code(), Some(0));
    let before = std::fs::read(folder.path("run.h5")).unwrap();
    let output = train_limited(&folder, 8, &["--resume", "auto", "--on-failed-write", "stop"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("help: stopped after step 30 as --on-failed-write asks"), "{said}");
    assert!(said.contains("stays as it was at step 20"), "{said}");
    assert!(before == std::fs::read(folder.path("run.h5")).unwrap());
}

#[test]
fn a_disk_without_room_does_not_stop_the_training() {
    let folder = Folder::with(TINY);
    assert_eq!(folder.train("run.h5", &["--steps", "20"]).status.code(), Some(0));
    let before = std::fs::read(folder.path("run.h5")).unwrap();
    let output = train_limited(&folder, 8, &["--resume", "auto"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("training goes on, ") && said.contains("File too large"), "{said}");
    assert!(said.contains("/180  lbfgs"), "the training must have gone on: {said}");
    assert!(said.lines().last().unwrap().contains("stays as it was at step 20"), "{said}");
    assert!(before == std::fs::read(folder.path("run.h5")).unwrap());
    let mut left: Vec<String> = std::fs::read_dir(folder.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    left.retain(|name| name != "run.h5.previous");
    assert_eq!(left, ["case.toml", "run.h5"]);
    // With room again, the run ends as if nothing had been.
    assert_eq!(folder.train("run.h5", &["--resume", "auto"]).status.code(), Some(0));
    folder.train("whole.h5", &["--quiet"]);
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
}
