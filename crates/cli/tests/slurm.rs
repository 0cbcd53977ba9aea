//! The batch files of `cluster/` on a real Slurm of three virtual nodes, which `cluster/slurm-up.sh` starts: however a job is
//! stopped, moved and requeued, its run file has the bits of a run outside.
//!
//! Where Slurm is not installed, or these tests do not run as root, they are reported as ignored; with TESSERA_REQUIRE_CLUSTER set,
//! as CI sets it, they fail.

mod common;

use common::cluster::{self, lacks, script};
use common::job::waited;
use common::tessera;
use common::training::{Folder, TINY, assert_equal};
use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use tessera_dist::checkpoint::read;

const NODES: u16 = 3;

fn main() {
    let programs = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol"];
    let mut tests: Vec<(&str, fn())> = vec![
        ("a_job_gives_the_bits_of_a_run_outside", a_job_gives_the_bits_of_a_run_outside),
        ("an_array_trains_a_case_for_each_seed", an_array_trains_a_case_for_each_seed),
        ("a_signalled_job_is_requeued_and_resumed", a_signalled_job_is_requeued_and_resumed),
        ("a_preempted_job_makes_room_and_resumes", a_preempted_job_makes_room_and_resumes),
        ("a_job_whose_node_fails_goes_on_elsewhere", a_job_whose_node_fails_goes_on_elsewhere),
    ];
    if cfg!(feature = "mpi") {
        tests.push(("tasks_on_several_nodes_give_the_same_bits", tasks_on_several_nodes_give_the_same_bits));
        tests.push(("a_chain_outlives_its_time_limit", a_chain_outlives_its_time_limit));
    }
    cluster::run(lacks("start slurmctld and slurmd", &programs), &tests);
}

/// A Slurm of its own, stopped when dropped.
struct Slurm {
    folder: tempfile::TempDir,
}

impl Slurm {
    fn start() -> Slurm {
        let slurm = Slurm { folder: tempfile::tempdir().unwrap() };
        let mut up = Command::new(script("slurm-up.sh"));
        // To a file: daemons inherit a pipe and would keep it open.
        let log = std::fs::File::create(slurm.folder.path().join("up.log")).unwrap();
        up.arg(slurm.folder.path()).args([NODES.to_string(), "4".to_owned(), free_ports().to_string()]);
        let status = up.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        let said = std::fs::read_to_string(slurm.folder.path().join("up.log")).unwrap();
        assert!(status.success(), "{said}");
        slurm
    }

    fn command(&self, program: &str, arguments: &[&str]) -> String {
        let output: Output = Command::new(program)
            .args(arguments)
            .env("SLURM_CONF", self.folder.path().join("slurm.conf"))
            .env("TESSERA", env!("CARGO_BIN_EXE_tessera"))
            // Of mpirun: as root, and between nodes that are one machine by TCP.
            .envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")])
            .env("OMPI_MCA_btl", "self,tcp")
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Submits a batch file of `cluster/` with `options`, for a case and a run file or folder.
    fn submit(&self, options: &[&str], file: &str, arguments: &[&str]) -> String {
        let file = script(file);
        let head = [&["--parsable", "--output", "job-%j.log"], options, &[file.to_str().unwrap()], arguments];
        self.command("sbatch", &head.concat())
    }

    /// A field of what Slurm knows of a job, such as `JobState`; of the first one of an array.
    fn field(&self, job: &str, name: &str) -> String {
        let all = self.command("scontrol", &["show", "job", "--oneliner", job]);
        let fields = all.split_whitespace().filter_map(|field| field.split_once('='));
        fields
            .filter(|(field, _)| *field == name)
            .map(|(_, value)| value.to_owned())
            .next()
            .unwrap_or_default()
    }

    fn log(&self, job: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("job-{job}.log"))).unwrap_or_default()
    }

    /// Waits until `reached`.
    fn wait(&self, job: &str, what: &str, reached: impl Fn() -> bool) {
        let reached = waited(reached);
        assert!(reached, "job {job} must {what}, is {}:\n{}", self.field(job, "JobState"), self.log(job));
    }

    fn complete(&self, job: &str) {
        self.wait(job, "be completed", || {
            let states = self.command("squeue", &["-h", "-t", "all", "-j", job, "-o", "%T"]);
            assert!(
                !states.contains("FAILED") && !states.contains("CANCELLED"),
                "{states}:\n{}",
                self.log(job)
            );
            states.lines().all(|state| state == "COMPLETED")
        });
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let status = Command::new(script("slurm-down.sh")).arg(self.folder.path()).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking(), "Slurm must stop");
    }
}

/// The first of as many free ports as a controller and its nodes need.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if first < u16::MAX - NODES && (first..=first + NODES).all(free) {
            return first;
        }
    }
}

/// A case that takes a while, so that there is something to interrupt, and its run outside of Slurm.
fn long() -> Folder {
    let folder = Folder::with(&TINY.replace("steps = 120", "steps = 900"));
    assert_eq!(folder.train("plain.h5", &["--quiet"]).status.code(), Some(0));
    folder
}

/// Submits a chain and waits until it has written a checkpoint.
fn chain(slurm: &Slurm, folder: &Folder, options: &[&str]) -> String {
    let out = folder.path("run.h5");
    let job = slurm.submit(options, "chain.sbatch", &[&folder.path("case.toml"), &out]);
    slurm.wait(&job, "write a checkpoint", || Path::new(&out).exists());
    job
}

fn a_job_gives_the_bits_of_a_run_outside() {
    let slurm = &Slurm::start();
    let folder = Folder::with(TINY);
    folder.train("plain.h5", &["--quiet"]);
    let (case, out) = (folder.path("case.toml"), folder.path("run.h5"));
    let job = slurm.submit(&["--cpus-per-task=2"], "train.sbatch", &[&case, &out]);
    slurm.complete(&job);
    assert_equal(&folder.path("plain.h5"), &out);
}

fn tasks_on_several_nodes_give_the_same_bits() {
    let slurm = &Slurm::start();
    let folder = Folder::with(TINY);
    folder.train("plain.h5", &["--quiet"]);
    let shape = ["--nodes=2", "--ntasks-per-node=2"];
    for (launcher, out) in [("srun --mpi=pmix --kill-on-bad-exit=1", "srun.h5"), ("mpirun", "mpirun.h5")] {
        let export = format!("--export=ALL,TESSERA_LAUNCHER={launcher}");
        let (case, out) = (folder.path("case.toml"), folder.path(out));
        let job = slurm.submit(&[&shape[..], &[&export]].concat(), "train.sbatch", &[&case, &out]);
        slurm.complete(&job);
        assert_equal(&folder.path("plain.h5"), &out);
        let run = read(Path::new(&out)).unwrap();
        assert_eq!(run.provenance.entries["ranks"], 4_u64.into(), "{launcher}");
    }
}

/// Two tasks under a time limit that Slurm itself watches over. However fast the machine is, the training does not end before it.
fn a_chain_outlives_its_time_limit() {
    let slurm = &Slurm::start();
    let folder = Folder::with(&TINY.replace("steps = 120", "steps = 10000000"));
    let limit = ["--time=2", "--signal=B:USR1@90", "--nodes=2", "--ntasks-per-node=1"];
    let job = chain(slurm, &folder, &limit);
    slurm.wait(&job, "be requeued before its time limit", || slurm.field(&job, "Restarts") != "0");
    assert!(slurm.log(&job).contains("stopped by signal 10 after step "), "{}", slurm.log(&job));
    let out = folder.path("run.h5");
    let step = || read(Path::new(&out)).unwrap().header.step;
    let stopped_at = step();
    slurm.wait(&job, "go on from its checkpoint", || step() > stopped_at);
    assert!(slurm.log(&job).contains("run 1 of the chain"), "{}", slurm.log(&job));
    slurm.command("scancel", &["--full", "--signal=TERM", &job]);
    slurm.command("scancel", &[&job]);
    let over = ["CANCELLED", "COMPLETED", "FAILED"];
    slurm.wait(&job, "end", || over.contains(&slurm.field(&job, "JobState").as_str()));
    // Both are finished outside, at a step that the chain has not reached.
    let steps = (step() + 1).to_string();
    for name in ["run.h5", "plain.h5"] {
        let done = folder.train(name, &["--resume", "auto", "--quiet", "--steps", &steps]);
        assert_eq!(done.status.code(), Some(0));
    }
    assert_equal(&folder.path("plain.h5"), &out);
}

fn an_array_trains_a_case_for_each_seed() {
    let slurm = &Slurm::start();
    let folder = Folder::with(TINY);
    let (case, runs) = (folder.path("case.toml"), folder.path("runs"));
    let job = slurm.submit(&["--array=3-5"], "array.sbatch", &[&case, &runs, "--steps", "20"]);
    slurm.complete(&job);
    // The case's own seed is 3.
    folder.train("plain3.h5", &["--quiet", "--steps", "20"]);
    for seed in [3, 4, 5] {
        let mine = folder.path(&format!("runs/seed-{seed}.toml"));
        let plain = folder.path(&format!("plain-{seed}.h5"));
        assert!(std::fs::read_to_string(&mine).unwrap().starts_with(&format!("seed = {seed}\n")));
        let output = tessera(&["train", &mine, "--out", &plain, "--quiet", "--steps", "20"]);
        assert_eq!(output.status.code(), Some(0));
        assert_equal(&plain, &folder.path(&format!("runs/seed-{seed}.h5")));
    }
    let weights = |name: &str| {
        let run = read(Path::new(&folder.path(name))).unwrap();
        run.datasets["network/layer1/weight"].digest()
    };
    assert_eq!(weights("plain3.h5"), weights("runs/seed-3.h5"));
    assert_ne!(weights("runs/seed-3.h5"), weights("runs/seed-4.h5"));
}

fn a_signalled_job_is_requeued_and_resumed() {
    let slurm = &Slurm::start();
    let folder = long();
    let job = chain(slurm, &folder, &[]);
    // What `--signal=B:USR1@120` sends before the time limit.
    slurm.command("scancel", &["--batch", "--signal=USR1", &job]);
    slurm.complete(&job);
    assert_eq!(slurm.field(&job, "Restarts"), "1", "{}", slurm.log(&job));
    assert!(slurm.log(&job).contains("stopped by signal 10 after step "), "{}", slurm.log(&job));
    assert_equal(&folder.path("plain.h5"), &folder.path("run.h5"));
}

fn a_preempted_job_makes_room_and_resumes() {
    let slurm = &Slurm::start();
    let folder = long();
    let low = chain(slurm, &folder, &["--partition=low", "--nodes=1", "--exclusive", "--nodelist=n1"]);
    let small = Folder::with(TINY);
    let (case, out) = (small.path("case.toml"), small.path("run.h5"));
    let wants = ["--partition=high", "--exclusive", "--nodelist=n1"];
    let high = slurm.submit(&wants, "train.sbatch", &[&case, &out, "--steps", "5"]);
    slurm.complete(&high);
    slurm.complete(&low);
    assert!(slurm.field(&low, "Restarts") != "0", "{}", slurm.log(&low));
    assert!(slurm.log(&low).contains("stopped by signal 10 after step "), "{}", slurm.log(&low));
    assert_equal(&folder.path("plain.h5"), &folder.path("run.h5"));
}

fn a_job_whose_node_fails_goes_on_elsewhere() {
    let slurm = &Slurm::start();
    let folder = long();
    let job = chain(slurm, &folder, &[]);
    let node = slurm.field(&job, "BatchHost");
    fail(slurm, &node, &job);
    slurm.complete(&job);
    assert!(slurm.field(&job, "Restarts") != "0", "{}", slurm.log(&job));
    assert_ne!(slurm.field(&job, "BatchHost"), node);
    assert_equal(&folder.path("plain.h5"), &folder.path("run.h5"));
}

/// Does to a node what a loss of power does: its slurmd and all processes of `job` are gone at once.
fn fail(slurm: &Slurm, node: &str, job: &str) {
    let slurmd = slurm.folder.path().join(format!("run/slurmd-{node}.pid"));
    kill(std::fs::read_to_string(slurmd).unwrap().trim().parse().unwrap());
    let steps = format!("slurmstepd: [{job}.");
    let conf = format!("SLURM_CONF={}", slurm.folder.path().join("slurm.conf").display());
    let id = format!("SLURM_JOB_ID={job}");
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Some(pid) = entry.unwrap().file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let file = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let variables = file("environ");
        let has =
            |wanted: &str| variables.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes());
        // Of this Slurm, and of this job.
        if has(&conf) && (has(&id) || file("cmdline").starts_with(steps.as_bytes())) {
            kill(pid);
        }
    }
}

fn kill(pid: i32) {
    // It may be gone already with its parent.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}
