//! Signals: the first asks a loop to stop, the second ends the process.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use tessera_cli::exit::Exit;
use tessera_cli::interrupt::Interrupt;

/// What the child process does about a signal: `checkpoint`, `nothing` or `ignore`.
const MANNER: &str = "TESSERA_TEST_INTERRUPT";

/// Runs in the child process of the other tests.
#[test]
#[ignore = "a child process of the other tests"]
fn child() {
    let Ok(manner) = std::env::var(MANNER) else {
        return;
    };
    let interrupt = Interrupt::install().unwrap();
    assert_eq!(interrupt.exit(true), Exit::Done);
    println!("\nready");
    while !interrupt.requested() || manner == "ignore" {
        std::thread::sleep(std::time::Duration::from_millis(2));
        if interrupt.requested() {
            println!("\nseen");
        }
    }
    std::process::exit(interrupt.exit(manner == "checkpoint").code().into());
}

struct Run {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

fn start(manner: &str) -> Run {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(MANNER, manner)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut run = Run { child, lines };
    run.await_line("ready");
    run
}

impl Run {
    fn await_line(&mut self, line: &str) {
        assert!(self.lines.any(|read| read.unwrap() == line), "the child must say {line:?}");
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn end(mut self) -> ExitStatus {
        // Reading to the end keeps the child from waiting for a full pipe.
        self.lines.for_each(drop);
        self.child.wait().unwrap()
    }
}

#[test]
fn a_run_with_a_checkpoint_can_be_resumed() {
    for signal in [Signal::INT, Signal::TERM, Signal::USR1] {
        let run = start("checkpoint");
        run.signal(signal);
        assert_eq!(run.end().code(), Some(75));
    }
}

#[test]
fn a_run_without_one_ends_by_the_signal() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::USR1, 138)] {
        let run = start("nothing");
        run.signal(signal);
        assert_eq!(run.end().code(), Some(code));
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15)] {
        let mut run = start("ignore");
        run.signal(signal);
        run.await_line("seen");
        run.signal(signal);
        assert_eq!(run.end().signal(), Some(number));
    }
}
