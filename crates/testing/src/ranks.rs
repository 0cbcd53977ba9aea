//! Ranks as threads of one process: collectives without MPI, so that what is computed over ranks can be tested like
//! anything else.

use std::sync::{Arc, Condvar, Mutex};
use tessera_core::exec::comm::Communicator;

/// One of some threads that are each other's ranks.
#[derive(Debug)]
pub struct Thread {
    rank: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    meeting: Mutex<Meeting>,
    met: Condvar,
    /// What each rank shows the others.
    shown: Vec<Mutex<Shown>>,
}

/// How many ranks wait for the others, how often all have met, and whether one will not come.
#[derive(Debug, Default)]
struct Meeting {
    waiting: usize,
    met: usize,
    broken: bool,
}

/// Tells the others, when it is dropped by a panic, that this rank will not come.
struct Present<'a>(&'a Shared);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.meeting.lock().expect("no panic while held").broken = true;
            self.0.met.notify_all();
        }
    }
}

impl Shared {
    /// Waits until all ranks are here.
    fn meet(&self) {
        let mut meeting = self.meeting.lock().expect("no panic while held");
        let before = meeting.met;
        meeting.waiting += 1;
        if meeting.waiting == self.shown.len() {
            (meeting.waiting, meeting.met) = (0, before + 1);
            self.met.notify_all();
        }
        while meeting.met == before && !meeting.broken {
            meeting = self.met.wait(meeting).expect("no panic while held");
        }
        let broken = meeting.broken;
        drop(meeting);
        assert!(!broken, "another rank panicked");
    }
}

/// Bytes, and how many of them are for each rank.
#[derive(Debug, Default)]
struct Shown {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

/// What `work` gives on each of `size` ranks, in their order.
///
/// # Panics
/// If it does on one of them; then those that wait for it do, too.
pub fn on_ranks<R: Send>(size: usize, work: impl Fn(Arc<dyn Communicator>) -> R + Sync) -> Vec<R> {
    let shown = (0..size).map(|_| Mutex::default()).collect();
    let shared = Arc::new(Shared { meeting: Mutex::default(), met: Condvar::new(), shown });
    std::thread::scope(|scope| {
        let start = |rank| {
            let (shared, work) = (shared.clone(), &work);
            scope.spawn(move || {
                let _present = Present(&shared);
                work(Arc::new(Thread { rank, shared: shared.clone() }))
            })
        };
        let threads: Vec<_> = (0..size).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no rank panics")).collect()
    })
}

impl Thread {
    /// Shows bytes to all ranks, and reads those of each in order.
    fn exchange(&self, bytes: &[u8], lengths: &[usize], mut read: impl FnMut(usize, &Shown)) {
        *self.shared.shown[self.rank].lock().expect("no panic while held") =
            Shown { bytes: bytes.to_vec(), lengths: lengths.to_vec() };
        self.shared.meet();
        for (rank, shown) in self.shared.shown.iter().enumerate() {
            read(rank, &shown.lock().expect("no panic while held"));
        }
        self.shared.meet();
    }
}

impl Communicator for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.shared.shown.len()
    }

    fn all_gather(&self, mine: &[u8], all: &mut [u8], lengths: &[usize]) {
        let mut rest = all;
        self.exchange(mine, lengths, |rank, shown| {
            assert_eq!(shown.lengths, lengths, "rank {rank} and {} must agree on lengths", self.rank);
            assert_eq!(shown.bytes.len(), lengths[rank], "rank {rank} must give what it said");
            let (here, after) = std::mem::take(&mut rest).split_at_mut(lengths[rank]);
            here.copy_from_slice(&shown.bytes);
            rest = after;
        });
        assert!(rest.is_empty(), "all must be filled");
    }

    fn all_to_all(
        &self,
        sent: &[u8],
        sent_lengths: &[usize],
        received: &mut [u8],
        received_lengths: &[usize],
    ) {
        assert_eq!(sent.len(), sent_lengths.iter().sum::<usize>(), "all must be for somebody");
        let mut rest = received;
        self.exchange(sent, sent_lengths, |rank, shown| {
            let (start, len) = (shown.lengths[..self.rank].iter().sum::<usize>(), shown.lengths[self.rank]);
            assert_eq!(len, received_lengths[rank], "rank {rank} must send what {} expects", self.rank);
            let (here, after) = std::mem::take(&mut rest).split_at_mut(len);
            here.copy_from_slice(&shown.bytes[start..start + len]);
            rest = after;
        });
        assert!(rest.is_empty(), "all must be filled");
    }
}
