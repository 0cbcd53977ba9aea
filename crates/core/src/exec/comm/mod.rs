//! Ranks: processes that share one computation and end with the same bits, each of them.
//!
//! [`Communicator`] is all that the engine knows of them: bytes that go from rank to rank. [`Layout`] says who holds which
//! blocks of the law, [`Allreduce`] finishes a reduction over them. `tessera-dist` has the communicator over MPI.
//!
//! A function marked **Collective** must be called by every rank, in the same order and with arguments that agree; a rank
//! that leaves one out lets the others wait.

mod allreduce;
mod layout;

pub use allreduce::{Allreduce, PartialsError};
pub use layout::{CutsError, Layout};

use std::fmt;

/// What ranks need of each other.
///
/// Every method but [`Communicator::rank`] and [`Communicator::size`] is **Collective** and blocks until this rank has what it
/// gets. A failure of the network or of another rank is not an answer that a rank could give the others: an implementation
/// ends the whole job instead (as `MPI_Abort` does), so no method returns an error.
///
/// Calls come from one thread at a time, but not always the same one.
pub trait Communicator: Send + Sync + fmt::Debug {
    /// This process's number, below [`Communicator::size`].
    fn rank(&self) -> usize;

    /// How many processes there are, at least one.
    fn size(&self) -> usize;

    /// **Collective.** Every rank's bytes, one rank after the other, in `all`: those of rank `r` are `lengths[r]` many, and
    /// `mine` are this rank's. All ranks give the same `lengths`.
    fn all_gather(&self, mine: &[u8], all: &mut [u8], lengths: &[usize]);

    /// **Collective.** Bytes from each rank to each: `sent` holds `sent_lengths[r]` bytes for rank `r`, one rank after the
    /// other; `received` gets `received_lengths[r]` bytes from rank `r`. What rank a sends to b is as long as what b expects
    /// of a.
    fn all_to_all(
        &self,
        sent: &[u8],
        sent_lengths: &[usize],
        received: &mut [u8],
        received_lengths: &[usize],
    );

    /// **Collective.** The greatest of all ranks' numbers: how ranks agree on what to do, and wait for each other.
    fn greatest(&self, mine: u64) -> u64 {
        if self.size() == 1 {
            return mine;
        }
        let mut all = vec![0; self.size()];
        self.all_gather(
            bytemuck::bytes_of(&mine),
            bytemuck::cast_slice_mut(&mut all),
            &vec![size_of::<u64>(); self.size()],
        );
        all.into_iter().max().unwrap_or(mine)
    }
}

/// One process alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Solo;

impl Communicator for Solo {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, mine: &[u8], all: &mut [u8], _: &[usize]) {
        all.copy_from_slice(mine);
    }

    fn all_to_all(&self, sent: &[u8], _: &[usize], received: &mut [u8], _: &[usize]) {
        received.copy_from_slice(sent);
    }
}
