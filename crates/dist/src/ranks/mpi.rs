//! Ranks over MPI.

use super::{LaunchError, Ranks};
use mpi::Threading;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives as _};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tessera_core::exec::comm::Communicator;

/// All processes of an MPI job.
struct World {
    rank: usize,
    size: usize,
    /// The handle, then the library: it is ended last.
    mpi: Mutex<Handle>,
}

struct Handle {
    world: SimpleCommunicator,
    _universe: Universe,
}

// SAFETY: a handle of MPI may be used by any thread, one at a time, as the library has promised (MPI_THREAD_SERIALIZED),
// and the mutex around it sees to that.
unsafe impl Send for Handle {}

/// Starts MPI in a process of which `variable` says that `launched` were started.
pub(super) fn start(launched: usize, variable: &'static str) -> Result<Ranks, LaunchError> {
    let started = mpi::initialize_with_threading(Threading::Serialized);
    let (universe, threading) = started.ok_or(LaunchError::Again)?;
    let world = universe.world();
    let [rank, size] = [world.rank(), world.size()].map(|n| usize::try_from(n).expect("MPI counts from 0"));
    if size != launched {
        let library = mpi::environment::library_version().unwrap_or_default();
        let library = library.split(',').next().unwrap_or_default().trim().to_string();
        return Err(LaunchError::Mismatch { launched, variable, world: size, library });
    }
    if threading < Threading::Serialized {
        return Err(LaunchError::Threading { got: format!("{threading:?}") });
    }
    abort_on_panic(rank, size);
    let on_this_machine = world.split_shared(world.rank()).size();
    let on_this_machine = usize::try_from(on_this_machine).expect("MPI counts from 0");
    let handle = Handle { world, _universe: universe };
    Ok(Ranks { communicator: Arc::new(World { rank, size, mpi: Mutex::new(handle) }), on_this_machine })
}

/// A panic unwinds, and what it drops waits in `MPI_Finalize` for ranks that wait for this one. So it ends them all.
fn abort_on_panic(rank: usize, size: usize) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("[rank {rank}/{size}] panicked; all ranks end");
        usual(panic);
        SimpleCommunicator::world().abort(101);
    }));
}

/// Lengths as MPI counts them, and where each part begins.
fn counts(lengths: &[usize]) -> (Vec<i32>, Vec<i32>) {
    let count = |n: usize| i32::try_from(n).expect("an exchange is less than 2 GiB");
    let starts = lengths.iter().scan(0, |next, len| Some(count(std::mem::replace(next, *next + len))));
    (lengths.iter().map(|&len| count(len)).collect(), starts.collect())
}

impl Communicator for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_gather(&self, mine: &[u8], all: &mut [u8], lengths: &[usize]) {
        let (counts, starts) = counts(lengths);
        let mut all = PartitionMut::new(all, counts, starts);
        let mpi = self.mpi.lock().unwrap_or_else(PoisonError::into_inner);
        mpi.world.all_gather_varcount_into(mine, &mut all);
    }

    fn all_to_all(
        &self,
        sent: &[u8],
        sent_lengths: &[usize],
        received: &mut [u8],
        received_lengths: &[usize],
    ) {
        let (sent_counts, sent_starts) = counts(sent_lengths);
        let (received_counts, received_starts) = counts(received_lengths);
        let sent = Partition::new(sent, sent_counts, sent_starts);
        let mut received = PartitionMut::new(received, received_counts, received_starts);
        let mpi = self.mpi.lock().unwrap_or_else(PoisonError::into_inner);
        mpi.world.all_to_all_varcount_into(&sent, &mut received);
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)
    }
}
