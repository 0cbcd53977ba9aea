//! A rank that panics ends all of them, where it would leave the others waiting for it.
#![cfg(feature = "mpi")]

use std::process::Command;
use tessera_dist::ranks;

/// Set in the ranks.
const RANK: &str = "TESSERA_TEST_PANIC";

/// Runs as each rank of `a_panic_of_one_rank_ends_all`.
#[test]
#[ignore = "a child process of another test"]
fn child() {
    if std::env::var_os(RANK).is_none() {
        return;
    }
    let ranks = ranks::start().unwrap().communicator;
    assert_eq!(ranks.greatest(ranks.rank() as u64), 2);
    assert!(ranks.rank() != 1, "rank 1 is to panic");
    // Without an end these wait for ever.
    ranks.greatest(0);
}

#[test]
fn a_panic_of_one_rank_ends_all() {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", "240", "mpirun", "-n", "3"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"]).env(RANK, "1");
    command.envs([
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_hwloc_base_binding_policy", "none"),
    ]);
    let output = command.output().expect("mpirun and timeout are installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{said}");
    assert!(said.contains("[rank 1/3] panicked; all ranks end"), "{said}");
    assert!(said.contains("rank 1 is to panic"), "{said}");
}
