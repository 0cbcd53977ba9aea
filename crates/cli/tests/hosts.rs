//! Ranks on several hosts, which are network namespaces joined by a bridge (`cluster/hosts-up.sh`): they reach each other by TCP and
//! in no other way, and a link can be taken down.
//!
//! Where namespaces cannot be made, which takes root and a system that allows it, these tests are reported as ignored, in CI too.

mod common;

use common::cluster::{self, Lack, lacks, script};
use common::job::{Job, await_file};
use common::text;
use common::training::{Folder, TINY, assert_equal};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use tessera_dist::checkpoint::read;

fn main() {
    cluster::run(
        lack(),
        &[
            ("hosts_give_the_file_of_one_process", hosts_give_the_file_of_one_process),
            ("a_link_that_comes_back_ends_nothing", a_link_that_comes_back_ends_nothing),
            ("a_partition_is_named_and_ends_the_job", a_partition_is_named_and_ends_the_job),
        ],
    );
}

fn lack() -> Option<Lack> {
    let made = || {
        let up = Hosts::named("p").up(1);
        let why = "hosts of network namespaces cannot be made here";
        (!up.status.success()).then(|| Lack { what: format!("{why}: {}", text(&up)), is_excused: true })
    };
    lacks("make network namespaces", &["ip", "sysctl", "unshare", "mpirun"]).or_else(made)
}

/// Hosts of this process, removed when dropped.
struct Hosts {
    name: String,
}

impl Hosts {
    fn named(prefix: &str) -> Hosts {
        // Names of devices are short.
        Hosts { name: format!("{prefix}{}h", std::process::id() % 1_000_000) }
    }

    fn up(&self, hosts: usize) -> Output {
        Command::new(script("hosts-up.sh")).args([&self.name, &hosts.to_string()]).output().unwrap()
    }

    /// Three hosts.
    fn three() -> Hosts {
        let hosts = Hosts::named("t");
        let up = hosts.up(3);
        assert!(up.status.success(), "{}", text(&up));
        hosts
    }

    /// Starts to train the case of `folder` with so many ranks on each host.
    fn train(&self, folder: &Folder, ranks: [usize; 3], more: &[&str]) -> Job {
        let places = ranks.iter().zip(1..).filter(|(ranks, _)| **ranks > 0);
        let places: Vec<String> = places.map(|(ranks, host)| format!("10.77.0.{host}:{ranks}")).collect();
        let mut command = Command::new(script("launch.sh"));
        command.arg(script("hosts-mpirun.sh")).args([&self.name, &places.join(",")]);
        command.args([env!("CARGO_BIN_EXE_tessera"), "train", &folder.path("case.toml")]);
        command.args(["--out", &folder.path("run.h5"), "--resume", "auto", "--threads", "1", "--quiet"]);
        Job::start(command.args(more))
    }

    /// Takes the link of `host` down, or up again.
    fn link(&self, host: usize, state: &str) {
        let link = format!("v{}{host}", self.name);
        assert!(Command::new("ip").args(["link", "set", &link, state]).status().unwrap().success());
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let status = Command::new(script("hosts-down.sh")).arg(&self.name).status();
        assert!(
            status.is_ok_and(|status| status.success()) || std::thread::panicking(),
            "hosts must be removed"
        );
    }
}

/// A case and its run by one process as `whole.h5`.
fn folder(steps: &str) -> Folder {
    let folder = Folder::with(&TINY.replace("steps = 120", steps));
    assert_eq!(folder.train("whole.h5", &["--quiet"]).status.code(), Some(0));
    folder
}

fn hosts_give_the_file_of_one_process() {
    let (hosts, folder) = (Hosts::three(), folder("steps = 40"));
    let done = hosts.train(&folder, [2, 1, 2], &[]).end();
    assert!(done.status.success(), "{}", text(&done));
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
    let run = read(Path::new(&folder.path("run.h5"))).unwrap();
    assert_eq!(run.provenance.entries["ranks"], 5_u64.into());
}

fn a_link_that_comes_back_ends_nothing() {
    let (hosts, folder) = (Hosts::three(), folder("steps = 600"));
    let job = hosts.train(&folder, [1, 1, 1], &["--patience", "100"]);
    await_file(&folder.path("run.h5"));
    hosts.link(2, "down");
    std::thread::sleep(Duration::from_secs(1));
    hosts.link(2, "up");
    let done = job.end();
    assert!(done.status.success(), "{}", text(&done));
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
}

fn a_partition_is_named_and_ends_the_job() {
    let (hosts, folder) = (Hosts::three(), folder("steps = 900"));
    let job = hosts.train(&folder, [1, 1, 1], &["--patience", "5"]);
    await_file(&folder.path("run.h5"));
    hosts.link(3, "down");
    let done = job.end();
    let said = text(&done);
    assert_eq!(done.status.code(), Some(76), "{said}");
    let lost = "[rank 0/3] all ranks run, and have waited for each other for 5 s: the network from rank 0 to rank 2 (process ";
    assert!(said.contains(lost) && said.contains(&format!(" on {}3) is lost", hosts.name)), "{said}");
    assert!(!said.contains("rank 1 (process "), "{said}");
    assert!(read(Path::new(&folder.path("run.h5"))).unwrap().header.step < 960);
    // The hosts that are left go on.
    let done = hosts.train(&folder, [1, 2, 0], &[]).end();
    assert!(done.status.success(), "{}", text(&done));
    assert_equal(&folder.path("whole.h5"), &folder.path("run.h5"));
}
