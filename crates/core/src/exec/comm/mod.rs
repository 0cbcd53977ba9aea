//! Ranks: processes that share one computation and end with the same bits, each of them.
//!
//! [`Communicator`] is all that the engine knows of them: messages that go from rank to rank. [`Layout`] says who holds which
//! blocks of the law, [`Allreduce`] finishes a reduction over them. `tessera-dist` has the communicator over MPI.
//!
//! A function marked **Collective** must be called by every rank, in the same order and with arguments that agree; a rank
//! that leaves one out lets the others wait.

mod allreduce;
mod layout;
mod rounds;

pub use allreduce::{Allreduce, PartialsError};
pub use layout::{CutsError, Layout};

use std::fmt;

/// Bytes for another rank.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The rank that gets them.
    pub to: usize,
    /// What it gets.
    pub bytes: &'a [u8],
}

/// A place for bytes of another rank.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The rank that sends them.
    pub from: usize,
    /// Where they go; exactly as many.
    pub bytes: &'a mut [u8],
}

/// What ranks need of each other.
///
/// A failure of the network or of another rank is not an answer that a rank could give the others: an implementation
/// ends the whole job instead (as `MPI_Abort` does), so no method returns an error.
///
/// Calls come from one thread at a time, but not always the same one.
pub trait Communicator: Send + Sync + fmt::Debug {
    /// This process's number, below [`Communicator::size`].
    fn rank(&self) -> usize;

    /// How many processes there are, at least one.
    fn size(&self) -> usize;

    /// **Collective** for the ranks that it names. Sends and receives messages, and returns when all are where they belong. Of the
    /// messages from one rank to another the n-th that is sent fills the n-th place; both ranks list the same lengths, in exchanges that
    /// correspond, so that an implementation may send all that goes from one rank to another at once. A message has less than 2 GiB.
    fn exchange(&self, sent: &[Outgoing], received: &mut [Incoming]);

    /// **Collective.** The greatest of all ranks' numbers: how ranks agree on what to do, and wait for each other.
    fn greatest(&self, mine: u64) -> u64 {
        let (rank, size) = (self.rank(), self.size());
        let (mut greatest, mut distance) = (mine, 1);
        // Before each round a rank knows the greatest of `distance` ranks, up to itself.
        while distance < size {
            let mut theirs = 0;
            let sent = Outgoing { to: (rank + distance) % size, bytes: bytemuck::bytes_of(&greatest) };
            let from = (rank + size - distance) % size;
            let received = Incoming { from, bytes: bytemuck::bytes_of_mut(&mut theirs) };
            self.exchange(&[sent], &mut [received]);
            greatest = greatest.max(theirs);
            distance *= 2;
        }
        greatest
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

    /// There is nobody to talk to.
    fn exchange(&self, _: &[Outgoing], _: &mut [Incoming]) {}
}
