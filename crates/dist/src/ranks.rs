//! The ranks of this process: those that a launcher started, or it alone.

#[cfg(feature = "mpi")]
mod mpi;
mod segments;
mod watch;

pub use segments::remove_stale_segments;
pub use watch::{Place, Stall, watch};

use std::sync::Arc;
use tessera_core::exec::Backend;
use tessera_core::exec::comm::{Communicator, Solo};
use tessera_core::exec::cpu::Options;

/// The ranks that this process is one of.
#[derive(Clone, Debug)]
pub struct Ranks {
    /// How they reach each other.
    pub communicator: Arc<dyn Communicator>,
    /// How many of them share this machine, and so its cores.
    pub on_this_machine: usize,
}

impl Ranks {
    /// This rank's share of its machine's cores, at least one.
    pub fn threads(&self) -> usize {
        (Options::default().threads() / self.on_this_machine).max(1)
    }

    /// The CPU engine on this rank's share of the cores.
    pub fn backend(&self) -> Backend {
        Backend::Cpu(Options { threads: self.threads(), ..Options::default() })
    }
}

/// Why this process cannot join the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// The launcher and the MPI library do not know each other: each process would do all the work alone.
    #[error(
        "the launcher started {launched} processes ({variable}), but MPI sees {world}: it is the launcher of another MPI\n\
         help: start with the launcher of the MPI that this program was built with ({library}), \
         or under Slurm with `srun --mpi=pmix`"
    )]
    Mismatch {
        /// How many processes the launcher started.
        launched: usize,
        /// The environment variable that says so.
        variable: &'static str,
        /// How many the library sees.
        world: usize,
        /// The library.
        library: String,
    },
    /// Several processes, but no MPI in the program.
    #[error(
        "the launcher started {launched} processes ({variable}), but this program was built without MPI: each would do all \
         the work alone\n\
         help: build it with `make`, or by `cargo build --release -p tessera-cli --features mpi`, or start one process"
    )]
    WithoutMpi {
        /// How many processes the launcher started.
        launched: usize,
        /// The environment variable that says so.
        variable: &'static str,
    },
    /// The library cannot be called from the engine's threads.
    #[error(
        "MPI must allow calls from any one thread at a time (MPI_THREAD_SERIALIZED), got {got}\n\
         help: use an MPI library that was built with threads"
    )]
    Threading {
        /// What the library provides.
        got: String,
    },
    /// It was started before and has ended, or is in use.
    #[error("MPI can be started once in a process, and was")]
    Again,
}

/// What launchers say about how many processes they started: Open MPI's, MPICH's and its kin, and Slurm's within a step.
/// (`SLURM_NTASKS` is there in a batch script, too, where nothing was launched yet.)
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// How many processes the launcher says that it started, and the variable in which it does; `None` without a launcher.
fn launched(variable: impl Fn(&'static str) -> Option<String>) -> Option<(usize, &'static str)> {
    let size = |name| Some((variable(name)?.parse().ok()?, name));
    SIZES.into_iter().find_map(size)
}

/// **Collective.** Joins the ranks that `mpirun` or `srun` started; alone without a launcher.
///
/// Under MPI a panic of this process ends all of them from here on, where it would leave the others waiting. MPI ends when
/// the communicator is dropped, which each rank must do before it exits.
///
/// # Errors
/// If a launcher started several processes that cannot reach each other.
pub fn start() -> Result<Ranks, LaunchError> {
    match launched(|name| std::env::var(name).ok()) {
        None => Ok(Ranks { communicator: Arc::new(Solo), on_this_machine: 1 }),
        Some((launched, variable)) => start_launched(launched, variable),
    }
}

#[cfg(feature = "mpi")]
fn start_launched(launched: usize, variable: &'static str) -> Result<Ranks, LaunchError> {
    let removed = remove_stale_segments();
    if removed > 0 {
        tracing::info!("removed {removed} shared-memory segments that killed ranks had left");
    }
    mpi::start(launched, variable)
}

#[cfg(not(feature = "mpi"))]
fn start_launched(launched: usize, variable: &'static str) -> Result<Ranks, LaunchError> {
    match launched {
        0 | 1 => Ok(Ranks { communicator: Arc::new(Solo), on_this_machine: 1 }),
        _ => Err(LaunchError::WithoutMpi { launched, variable }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_is_known_by_its_variable() {
        let size = |set: &'static [(&str, &str)]| {
            launched(|name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string()))
        };
        assert_eq!(size(&[]), None);
        assert_eq!(size(&[("SLURM_NTASKS", "4")]), None);
        assert_eq!(size(&[("PMI_SIZE", "4")]), Some((4, "PMI_SIZE")));
        // Open MPI's daemons are a step of one task per node; what counts is what they started.
        let both = &[("SLURM_STEP_NUM_TASKS", "2"), ("OMPI_COMM_WORLD_SIZE", "8")];
        assert_eq!(size(both), Some((8, "OMPI_COMM_WORLD_SIZE")));
        assert_eq!(size(&[("PMI_SIZE", "many")]), None);
    }
}
