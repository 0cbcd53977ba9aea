//! Ranks over MPI.

use super::{LaunchError, Ranks};
use mpi::Threading;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, Destination as _, Source as _};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tessera_core::exec::comm::{Communicator, Incoming, Outgoing};

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

/// Messages from one rank to another that are at most this long together go as one: a message more costs more than to copy them.
const TOGETHER_MAX: usize = 16 << 10;

/// The messages between this rank and another one.
struct Between<M> {
    other: i32,
    messages: Vec<M>,
    /// All of them, where they go as one.
    together: Option<Vec<u8>>,
}

/// Messages by the rank at their other end, with room for those that go as one.
fn between<M>(messages: impl Iterator<Item = (usize, M)>, len: impl Fn(&M) -> usize) -> Vec<Between<M>> {
    let mut all: Vec<Between<M>> = Vec::new();
    for (other, message) in messages {
        let other = i32::try_from(other).expect("ranks are MPI's");
        match all.iter_mut().find(|between| between.other == other) {
            Some(between) => between.messages.push(message),
            None => all.push(Between { other, messages: vec![message], together: None }),
        }
    }
    for Between { messages, together, .. } in &mut all {
        let total = messages.iter().map(&len).sum();
        *together = (messages.len() > 1 && total <= TOGETHER_MAX).then(|| vec![0; total]);
    }
    all
}

/// Copies each message to, or from, its place among those that go as one.
fn copy_together<M>(between: &mut [Between<M>], copy: impl Fn(&mut [u8], &mut M) -> usize) {
    for Between { messages, together, .. } in between {
        let Some(together) = together else { continue };
        messages.iter_mut().fold(0, |at, message| at + copy(&mut together[at..], message));
    }
}

impl Communicator for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, sent: &[Outgoing], received: &mut [Incoming]) {
        let mpi = self.mpi.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sent = between(sent.iter().map(|m| (m.to, m.bytes)), |bytes| bytes.len());
        let mut received = between(received.iter_mut().map(|m| (m.from, &mut *m.bytes)), |bytes| bytes.len());
        copy_together(&mut sent, |all, bytes| {
            all[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        });
        mpi::request::scope(|scope| {
            let mut requests = Vec::with_capacity(8);
            for Between { other, messages, together } in &mut received {
                let other = mpi.world.process_at_rank(*other);
                match together {
                    Some(all) => requests.push(other.immediate_receive_into(scope, &mut all[..])),
                    None => requests
                        .extend(messages.iter_mut().map(|m| other.immediate_receive_into(scope, &mut **m))),
                }
            }
            for Between { other, messages, together } in &sent {
                let other = mpi.world.process_at_rank(*other);
                match together {
                    Some(all) => requests.push(other.immediate_send(scope, &all[..])),
                    None => requests.extend(messages.iter().map(|m| other.immediate_send(scope, *m))),
                }
            }
            requests.into_iter().for_each(|request| _ = request.wait());
        });
        copy_together(&mut received, |all, bytes| {
            bytes.copy_from_slice(&all[..bytes.len()]);
            bytes.len()
        });
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)
    }
}
