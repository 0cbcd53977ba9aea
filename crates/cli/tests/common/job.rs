//! A job of several ranks: what its processes are, and an end that it must come to.

use super::text;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// How long a job may take to end after a fault, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// Lines of `/proc/PID/status` that tell why a process does not end.
const TELLING: [&str; 5] = ["State", "SigPnd", "ShdPnd", "SigBlk", "SigIgn"];

/// A launcher under way.
pub struct Job(Child);

impl Job {
    /// Starts `launcher`, such as `mpirun`.
    pub fn start(launcher: &mut Command) -> Job {
        let launcher = launcher.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Job(launcher.spawn().expect("the launcher is installed"))
    }

    /// Waits until the launcher ends, which it must.
    pub fn end(mut self) -> Output {
        if waited(|| self.0.try_wait().expect("it is our child").is_some()) {
            return self.0.wait_with_output().expect("it has ended");
        }
        let left = self.autopsy();
        self.processes().into_iter().for_each(|pid| kill(pid, Signal::KILL));
        panic!("the job must end:\n{left}\n{}", text(&self.0.wait_with_output().expect("it was killed")));
    }

    /// Sends `signal` to rank `rank`, if it is there: the job may have ended by itself.
    pub fn signal(&self, rank: usize, signal: Signal) {
        if let Some(pid) = self.rank(rank) {
            kill(pid, signal);
        }
    }

    /// The process that is rank `rank`; `None` before and after.
    fn rank(&self, rank: usize) -> Option<u32> {
        let variable = format!("OMPI_COMM_WORLD_RANK={rank}");
        self.processes().into_iter().find(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|found| found == variable.as_bytes())
        })
    }

    /// The launcher, and all that it started and that is still there.
    fn processes(&self) -> Vec<u32> {
        fn tree(pid: u32) -> Vec<u32> {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            let below = children.split_whitespace().filter_map(|child| child.parse().ok());
            std::iter::once(pid).chain(below.flat_map(tree)).collect()
        }
        tree(self.0.id())
    }

    /// What the processes that are left wait for.
    fn autopsy(&self) -> String {
        let mut said = String::new();
        for pid in self.processes() {
            let file =
                |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let status = file("status").replace('\t', " ");
            let telling = status.lines().filter(|line| TELLING.iter().any(|t| line.starts_with(t)));
            let [command, waits] = [file("cmdline").replace('\0', " "), file("wchan")];
            said += &format!("{pid} {command}: {:?}, waits in {waits}\n", telling.collect::<Vec<_>>());
            let mut debugger = Command::new("timeout");
            debugger.args(["30", "gdb", "-p", &pid.to_string(), "-batch", "-ex", "thread apply all bt 25"]);
            if let Ok(stacks) = debugger.output() {
                said += &text(&stacks);
            }
        }
        said
    }
}

/// Waits until `reached`; whether it came to that within [`PATIENCE`]. What counts is the number of polls, so that time for
/// which this whole machine stood still is held against nobody.
pub fn waited(mut reached: impl FnMut() -> bool) -> bool {
    (0..PATIENCE.as_millis() / POLL.as_millis()).any(|_| {
        let reached = reached();
        if !reached {
            std::thread::sleep(POLL);
        }
        reached
    })
}

/// Waits until the file at `path` is there.
pub fn await_file(path: &str) {
    assert!(waited(|| Path::new(path).exists()), "{path} must be written");
}

fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}
