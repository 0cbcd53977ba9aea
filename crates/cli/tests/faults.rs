//! Ranks that are killed, stopped or signalled: the job ends within seconds, the last checkpoint is whole, and a resumed run ends
//! with the bits of one that was left alone.
#![cfg(feature = "mpi")]

mod common;

use common::training::{Folder, TINY, assert_equal, oversubscribed};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};
use tessera_core::numerics::random;
use tessera_dist::checkpoint::{read, read_latest};

/// Random moments at which a rank is killed; `scripts/soak.sh` asks for hundreds.
const KILLS: u64 = 24;

/// Ranks of each job.
const RANKS: usize = 3;

/// How long a job may take to end after a fault, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts to train the case on [`RANKS`] ranks.
fn start(folder: &Folder, more: &[&str]) -> Child {
    let mut command = Command::new("mpirun");
    command.args([
        "-n",
        &RANKS.to_string(),
        env!("CARGO_BIN_EXE_tessera"),
        "train",
        &folder.path("case.toml"),
    ]);
    command
        .args(["--out", &folder.path("run.h5"), "--resume", "auto", "--threads", "1", "--quiet"])
        .args(more);
    oversubscribed(&mut command)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mpirun is installed")
}

/// Waits until `mpirun` ends, which it must.
fn end(mut child: Child) -> Output {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            let left: Vec<_> = (0..RANKS).map(|rank| process(&child, rank)).collect();
            child.kill().unwrap();
            panic!("the job must end; of its ranks are left {left:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).join("\n")
}

/// The process that is rank `rank` of the job that `mpirun` started; `None` before and after.
fn process(mpirun: &Child, rank: usize) -> Option<Pid> {
    let parent = format!(" {} ", mpirun.id());
    let variable = format!("OMPI_COMM_WORLD_RANK={rank}");
    let processes =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    processes
        .filter_map(|name| name.parse::<i32>().ok())
        .find(|pid| {
            let file = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            // `pid (name) state parent …`; the environment is the program's, and not mpirun's own before it is replaced.
            String::from_utf8_lossy(&file("stat"))
                .split_once(") ")
                .is_some_and(|(_, rest)| rest[1..].starts_with(&parent))
                && file("environ").split(|&byte| byte == 0).any(|found| found == variable.as_bytes())
        })
        .and_then(Pid::from_raw)
}

fn signal(mpirun: &Child, rank: usize, signal: Signal) {
    // The job may have ended by itself.
    if let Some(pid) = process(mpirun, rank) {
        let _ = kill_process(pid, signal);
    }
}

/// Waits until the run file is there, and so the training under way.
fn under_way(folder: &Folder) {
    let began = Instant::now();
    while !Path::new(&folder.path("run.h5")).exists() {
        assert!(began.elapsed() < PATIENCE, "a checkpoint must be written");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A case, its run by one process as `whole.h5`.
fn folder(steps: &str) -> Folder {
    let folder = Folder::with(&TINY.replace("steps = 120", steps));
    assert_eq!(folder.train("whole.h5", &["--quiet"]).status.code(), Some(0));
    folder
}

#[test]
fn ranks_killed_at_any_moment_leave_a_whole_checkpoint() {
    let kills =
        std::env::var("TESSERA_SOAK").map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let folder = folder("steps = 120");
    let began = Instant::now();
    assert!(end(start(&folder, &[])).status.success());
    let whole = began.elapsed();
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
    let begin_anew =
        || ["run.h5", "run.h5.previous"].map(|name| drop(std::fs::remove_file(folder.path(name))));
    begin_anew();
    let (mut killed, mut tries, mut ended) = (0, 0, 0);
    while killed < kills || ended == 0 {
        assert!(tries < 20 * kills, "jobs must be killed under way, and must end");
        // Towards the end of a run that was killed often, moments come later, so that it ends.
        let moment = random::uniform_f64(7, 0, tries) * if killed < kills { 0.8 } else { 8.0 };
        let rank = (random::uniform_f64(7, 1, tries) * RANKS as f64) as usize;
        tries += 1;
        let job = start(&folder, &[]);
        std::thread::sleep(whole.mul_f64(moment));
        signal(&job, rank, Signal::KILL);
        let output = end(job);
        if output.status.success() {
            assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
            begin_anew();
            ended += 1;
            continue;
        }
        killed += 1;
        let out = folder.path("run.h5");
        if Path::new(&out).exists() {
            read_latest(Path::new(&out))
                .unwrap_or_else(|refused| panic!("a good file must be left: {refused:?}"));
        }
    }
    eprintln!("{killed} kills in {tries} jobs; {ended} trainings came to their end");
}

#[test]
fn a_signal_to_any_rank_stops_all_at_the_same_step() {
    let folder = folder("steps = 900");
    let job = start(&folder, &[]);
    under_way(&folder);
    signal(&job, 2, Signal::USR1);
    let output = end(job);
    assert_eq!(output.status.code(), Some(75), "{}", text(&output));
    assert!(text(&output).contains("stopped by signal 10 after step "), "{}", text(&output));
    assert!(read(Path::new(&folder.path("run.h5"))).unwrap().header.step < 960);
    let output = end(start(&folder, &[]));
    assert!(output.status.success(), "{}", text(&output));
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
}

#[test]
fn a_rank_that_falls_silent_is_named_and_ends_the_job() {
    let folder = folder("steps = 900");
    let job = start(&folder, &["--patience", "3"]);
    under_way(&folder);
    signal(&job, 1, Signal::STOP);
    let output = end(job);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(76), "{said}");
    assert!(said.contains("[rank 0/3] rank 1 has been silent for 3 s while the others wait"), "{said}");
    assert_eq!(said.matches("has been silent").count(), 1, "one rank speaks: {said}");
    let output = end(start(&folder, &[]));
    assert!(output.status.success(), "{}", text(&output));
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
    assert!(!Path::new(&folder.path(".run.h5.ranks")).exists(), "beats are removed");
}

#[test]
fn shared_memory_of_killed_ranks_is_removed() {
    let folder = folder("steps = 20");
    let stale = Path::new("/dev/shm/vader_segment.test.0.tessera.0");
    let file = std::fs::File::create(stale).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    assert!(end(start(&folder, &[])).status.success());
    assert!(!stale.exists());
}
