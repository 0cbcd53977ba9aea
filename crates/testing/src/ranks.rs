//! Ranks as threads of one process: messages without MPI, so that what is computed over ranks can be tested like
//! anything else.

use std::collections::{HashMap, VecDeque};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use tessera_core::exec::comm::{Communicator, Incoming, Outgoing};

/// `command`, which starts `mpirun`, with leave to run as root and more ranks than there are cores.
pub fn oversubscribed(command: &mut Command) -> &mut Command {
    command.envs([
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_hwloc_base_binding_policy", "none"),
        ("OMPI_MCA_mpi_yield_when_idle", "1"),
    ])
}

/// One of some threads that are each other's ranks.
#[derive(Debug)]
pub struct Thread {
    rank: usize,
    size: usize,
    mail: Arc<Mail>,
}

#[derive(Debug, Default)]
struct Mail {
    boxes: Mutex<Boxes>,
    changed: Condvar,
}

/// What was sent and is not received yet, by sender and receiver.
#[derive(Debug, Default)]
struct Boxes {
    messages: HashMap<(usize, usize), VecDeque<Vec<u8>>>,
    /// Whether a rank has panicked.
    broken: bool,
}

/// Tells the others, when it is dropped by a panic, that nothing more comes from this rank.
struct Present<'a>(&'a Mail);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.boxes.lock().expect("no panic while held").broken = true;
            self.0.changed.notify_all();
        }
    }
}

impl Mail {
    /// Waits for the next message from one rank to another.
    fn receive(&self, from: usize, to: usize) -> Vec<u8> {
        let mut boxes = self.boxes.lock().expect("no panic while held");
        loop {
            if let Some(message) = boxes.messages.get_mut(&(from, to)).and_then(VecDeque::pop_front) {
                return message;
            }
            if boxes.broken {
                drop(boxes);
                panic!("another rank panicked");
            }
            boxes = self.changed.wait(boxes).expect("no panic while held");
        }
    }
}

/// What `work` gives on each of `size` ranks, in their order.
///
/// # Panics
/// If it does on one of them, then those that wait for it do, too; and if a message is left that nobody received.
pub fn on_ranks<R: Send>(size: usize, work: impl Fn(Arc<dyn Communicator>) -> R + Sync) -> Vec<R> {
    let mail = Arc::new(Mail::default());
    let results = std::thread::scope(|scope| {
        let start = |rank| {
            let (mail, work) = (mail.clone(), &work);
            scope.spawn(move || {
                let _present = Present(&mail);
                work(Arc::new(Thread { rank, size, mail: mail.clone() }))
            })
        };
        let threads: Vec<_> = (0..size).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no rank panics")).collect()
    });
    let boxes = mail.boxes.lock().expect("no panic while held");
    assert!(boxes.messages.values().all(VecDeque::is_empty), "every message must be received");
    results
}

impl Communicator for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, sent: &[Outgoing], received: &mut [Incoming]) {
        let mut boxes = self.mail.boxes.lock().expect("no panic while held");
        for Outgoing { to, bytes } in sent {
            boxes.messages.entry((self.rank, *to)).or_default().push_back(bytes.to_vec());
        }
        drop(boxes);
        self.mail.changed.notify_all();
        for Incoming { from, bytes } in received {
            let message = self.mail.receive(*from, self.rank);
            assert_eq!(message.len(), bytes.len(), "rank {from} must send what {} expects", self.rank);
            bytes.copy_from_slice(&message);
        }
    }
}
