//! Ranks that are killed, stopped or signalled: the job ends within seconds, the last checkpoint is whole, and a resumed run ends
//! with the bits of one that was left alone.
#![cfg(feature = "mpi")]

mod common;

use common::cluster::script;
use common::job::{Job, await_file};
use common::text;
use common::training::{Folder, TINY, assert_equal, oversubscribed};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};
use tessera_core::numerics::random;
use tessera_dist::checkpoint::{read, read_latest};

/// Random moments at which a rank is killed; `scripts/soak.sh` asks for hundreds.
const KILLS: u64 = 24;

/// Ranks of each job.
const RANKS: usize = 3;

/// Starts to train the case on [`RANKS`] ranks.
fn start(folder: &Folder, more: &[&str]) -> Job {
    start_to(folder, "run.h5", more)
}

fn start_to(folder: &Folder, out: &str, more: &[&str]) -> Job {
    let mut command = Command::new(script("launch.sh"));
    command.args([
        "mpirun",
        "-n",
        &RANKS.to_string(),
        env!("CARGO_BIN_EXE_tessera"),
        "train",
        &folder.path("case.toml"),
    ]);
    command.args(["--out", &folder.path(out), "--resume", "auto", "--threads", "1", "--quiet"]).args(more);
    Job::start(oversubscribed(&mut command))
}

/// A case, its run by one process as `whole.h5`.
fn folder(steps: &str) -> Folder {
    let folder = Folder::with(&TINY.replace("steps = 120", steps));
    assert_eq!(folder.train("whole.h5", &["--quiet"]).status.code(), Some(0));
    folder
}

/// A whole number in the environment variable `name`.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().expect("a number"))
}

#[test]
fn ranks_killed_at_any_moment_leave_a_whole_checkpoint() {
    let [kills, seed] = [number("TESSERA_SOAK", KILLS), number("TESSERA_SOAK_SEED", 7)];
    let folder = folder("steps = 120");
    let began = Instant::now();
    assert!(start(&folder, &[]).end().status.success());
    let whole = began.elapsed();
    let out = folder.path("run.h5");
    assert_equal(&folder.path("whole.h5"), &out);
    let begin_anew =
        || ["run.h5", "run.h5.previous"].map(|name| drop(std::fs::remove_file(folder.path(name))));
    begin_anew();
    let (mut ends, mut tries, mut completed, mut outlived) = (Vec::new(), 0, 0, 0);
    while ends.len() < kills as usize || completed == 0 {
        assert!(tries < 20 * kills, "jobs must be killed under way, and must end");
        // Towards the end of a run that was killed often, moments come later, so that it ends.
        let late = if ends.len() < kills as usize { 0.8 } else { 8.0 };
        let moment = random::uniform_f64(seed, 0, tries) * late;
        let rank = (random::uniform_f64(seed, 1, tries) * RANKS as f64) as usize;
        tries += 1;
        let job = start(&folder, &[]);
        std::thread::sleep(whole.mul_f64(moment));
        job.signal(rank, Signal::KILL);
        let killed = Instant::now();
        let output = job.end();
        if output.status.success() {
            assert_equal(&folder.path("whole.h5"), &out);
            begin_anew();
            completed += 1;
            continue;
        }
        let said = text(&output);
        assert_eq!(output.status.code(), Some(128 + 9), "{said}");
        assert!(said.contains("the job has been aborted"), "{said}");
        outlived += u32::from(said.contains("has outlived its ranks"));
        ends.push(killed.elapsed());
        if Path::new(&out).exists() {
            read_latest(Path::new(&out))
                .unwrap_or_else(|refused| panic!("a good file must be left: {refused:?}"));
        }
    }
    ends.sort();
    let [median, longest] = [ends[ends.len() / 2], ends[ends.len() - 1]].map(|end| end.as_secs_f64());
    eprintln!(
        "{} kills in {tries} jobs, which ended {median:.1} s (median) to {longest:.1} s (longest) later; mpirun outlived its ranks \
         {outlived} times; {completed} trainings came to their end, with the bits of one that was left alone",
        ends.len()
    );
}

#[test]
fn a_signal_to_any_rank_stops_all_at_the_same_step() {
    let folder = folder("steps = 900");
    let job = start(&folder, &[]);
    await_file(&folder.path("run.h5"));
    job.signal(2, Signal::USR1);
    let output = job.end();
    assert_eq!(output.status.code(), Some(75), "{}", text(&output));
    assert!(text(&output).contains("stopped by signal 10 after step "), "{}", text(&output));
    assert!(read(Path::new(&folder.path("run.h5"))).unwrap().header.step < 960);
    let output = start(&folder, &[]).end();
    assert!(output.status.success(), "{}", text(&output));
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
}

#[test]
fn a_rank_that_falls_silent_is_named_and_ends_the_job() {
    let folder = folder("steps = 900");
    let job = start(&folder, &["--patience", "3"]);
    await_file(&folder.path("run.h5"));
    job.signal(1, Signal::STOP);
    let output = job.end();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(76), "{said}");
    assert!(said.contains("[rank 0/3] rank 1 (process "), "{said}");
    assert!(said.contains(") has been silent for 3 s while the others wait"), "{said}");
    assert_eq!(said.matches("has been silent").count(), 1, "one rank speaks: {said}");
    let output = start(&folder, &[]).end();
    assert!(output.status.success(), "{}", text(&output));
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
    assert!(!Path::new(&folder.path(".run.h5.ranks")).exists(), "beats are removed");
}

/// A disk of its own, a tmpfs; taken away when dropped.
struct Disk(String);

impl Disk {
    /// `None` without the right to mount.
    fn mount(path: &str, size: &str) -> Option<Disk> {
        std::fs::create_dir(path).unwrap();
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", path]).output();
        output.is_ok_and(|output| output.status.success()).then(|| Disk(path.to_owned()))
    }

    fn resize(&self, size: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,size={size}"), &self.0]);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn a_full_disk_stops_ranks_only_if_they_are_asked_to() {
    let folder = folder("steps = 120");
    // Room for the beats of three ranks and one run file, and not for a second one beside it.
    let Some(disk) = Disk::mount(&folder.path("disk"), "52k") else {
        eprintln!("skipped: no right to mount a small tmpfs");
        return;
    };
    let step = || read(Path::new(&folder.path("disk/run.h5"))).unwrap().header.step;
    let output = start_to(&folder, "disk/run.h5", &["--steps", "35"]).end();
    let said = text(&output);
    assert_eq!((output.status.code(), step()), (Some(2), 10), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    // At steps 20 and 30; the last one, at step 35, fails the command.
    assert_eq!(said.matches("training goes on").count(), 2, "{said}");

    let output = start_to(&folder, "disk/run.h5", &["--on-failed-write", "stop"]).end();
    let said = text(&output);
    assert_eq!((output.status.code(), step()), (Some(2), 10), "{said}");
    assert!(said.contains("help: stopped after step 20 as --on-failed-write asks"), "{said}");

    disk.resize("4m");
    let output = start_to(&folder, "disk/run.h5", &[]).end();
    assert!(output.status.success(), "{}", text(&output));
    assert_equal(&folder.path("whole.h5"), &folder.path("disk/run.h5"));
}

#[test]
fn shared_memory_of_killed_ranks_is_removed() {
    let folder = folder("steps = 20");
    let stale = Path::new("/dev/shm/vader_segment.test.0.tessera.0");
    let file = std::fs::File::create(stale).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    assert!(start(&folder, &[]).end().status.success());
    assert!(!stale.exists());
}
