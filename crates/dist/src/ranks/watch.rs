//! A watchdog over ranks: it ends a job in which one has fallen silent, and says which.
//!
//! A rank that is killed is noticed by the launcher. One that is stopped, on a machine that hangs or behind a link
//! that is down is noticed by nobody: the others wait for it in an exchange, for ever. So every rank has a thread
//! that writes a *beat* to a file of its own in a folder that all of them see: a count that grows while
//! the process runs, and the number of the exchange that it is in; and with it, where it runs. While a rank waits in an exchange its
//! thread reads the others' beats.
//!
//! Where all run and all wait, the network between them is lost. Rank 0 then asks each rank apart from MPI ([`echo`]), and names
//! those that do not answer any more.
//!
//! Nobody's clock is compared with another's: a reader notes, by its own, when it saw a beat change. A rank that
//! computes for long is not silent; its beat goes on.

mod echo;
mod stall;

pub use stall::{Place, Stall};

use echo::Echo;
use stall::{Beat, Finding, Seen};
use std::fmt;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tessera_core::exec::comm::Communicator;

/// Beats, and looks at the others, for each patience.
const BEATS: u32 = 8;

/// How long, after the last of them can have seen what is wrong, ranks that say nothing let the one that speaks go first. It may
/// have to ask around for a second or two.
const COURTESY: Duration = Duration::from_secs(3);

/// The longest rest before a look at whether the run is over.
const REST_MAX: Duration = Duration::from_secs(1);

/// A communicator whose waits are watched.
struct Watched {
    inner: Arc<dyn Communicator>,
    exchange: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    /// Where the thread can be called.
    addresses: Vec<SocketAddr>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// **Collective.** `inner` under a watchdog with `patience`, whose beats are files in `folder`, a folder that all
/// ranks see. Where a rank finds that the job has stalled, it calls `end`, which must end the process; its second argument is
/// whether this rank is the one that says why.
///
/// A rank whose file is never seen, because the folder is not shared, is not watched.
///
/// # Errors
/// If this rank cannot write to `folder`, on this rank.
pub fn watch(
    inner: Arc<dyn Communicator>,
    folder: &Path,
    patience: Duration,
    end: impl Fn(&Stall, bool) + Send + 'static,
) -> std::io::Result<Arc<dyn Communicator>> {
    let rank = inner.rank();
    if rank == 0 {
        let _ = std::fs::remove_dir_all(folder); // of a job that was killed
    }
    inner.greatest(0);
    let made = match std::fs::create_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    // Without a network of this kind, a rank that is cut off is not named.
    let echo = Echo::open(rank).ok();
    let addresses = echo.as_ref().and_then(|echo| echo.addresses().ok()).unwrap_or_default();
    let exchange = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let watcher = Watcher {
        place: own_place(rank),
        addresses: addresses.clone(),
        echo,
        seen: vec![None; inner.size()],
        folder: folder.to_owned(),
        patience,
        exchange: exchange.clone(),
        done: done.clone(),
    };
    let first = made.and_then(|()| watcher.write(0));
    // From here on every file is there, if the folder is shared.
    inner.greatest(0);
    first?;
    let thread =
        std::thread::Builder::new().name("tessera-watch".to_owned()).spawn(move || watcher.run(end))?;
    Ok(Arc::new(Watched { inner, exchange, done, addresses, thread: Mutex::new(Some(thread)) }))
}

fn own_place(rank: usize) -> Place {
    let host = rustix::system::uname();
    let machine = host.nodename().to_string_lossy().replace(char::is_whitespace, "_");
    Place { rank, process: std::process::id(), machine }
}

/// The thread of one rank.
struct Watcher {
    place: Place,
    /// Where this rank answers.
    addresses: Vec<SocketAddr>,
    echo: Option<Echo>,
    seen: Vec<Option<Seen>>,
    folder: PathBuf,
    patience: Duration,
    exchange: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Watcher {
    fn run(mut self, end: impl Fn(&Stall, bool)) {
        let reached = if self.place.rank == 0 { self.ask() } else { Vec::new() };
        for count in 1.. {
            self.rest(self.patience / BEATS);
            if self.done.load(Ordering::Acquire) {
                let _ = std::fs::remove_file(self.file(self.place.rank));
                let _ = std::fs::remove_dir(&self.folder); // by the last one
                return;
            }
            // If this fails, the others see a count that stands still, as of a rank that hangs.
            let _ = self.write(count);
            let Some(mut finding) = self.look() else { continue };
            let speaks = finding.speaker(self.seen.len()) == self.place.rank;
            if !speaks {
                self.rest(2 * self.patience / BEATS + COURTESY);
                // It may go on after all.
                let Some(still) = self.look() else { continue };
                finding = still;
            }
            end(&self.stall(&finding, &reached), speaks);
        }
    }

    /// Lets `time` go by, and answers who asks; less if the run is over.
    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.done.load(Ordering::Acquire) {
            let left = until.saturating_duration_since(Instant::now()).min(REST_MAX);
            match &self.echo {
                _ if left.is_zero() => return,
                Some(echo) => echo.answer(left),
                None => std::thread::park_timeout(left),
            }
        }
    }

    fn file(&self, rank: usize) -> PathBuf {
        self.folder.join(rank.to_string())
    }

    /// Writes this rank's beat over the one before, which is as long, so that a disk that is full has room for it.
    fn write(&self, count: u64) -> std::io::Result<()> {
        let exchange = self.exchange.load(Ordering::Acquire);
        let mut text = format!("{count:020} {exchange:020} {} {}", self.place.process, self.place.machine);
        for address in &self.addresses {
            let _ = write!(text, " {address}"); // to a text, which cannot fail
        }
        text.push('\n');
        let path = self.file(self.place.rank);
        // Closed each time, so that other clients of a network file system see it.
        File::options().create(true).truncate(false).write(true).open(path)?.write_all(text.as_bytes())
    }

    /// What is in the file of `rank`; `None` while it is being written, and without one.
    fn note(&self, rank: usize) -> Option<Note> {
        std::fs::read_to_string(self.file(rank)).ok().and_then(|text| parse(rank, &text))
    }

    /// Notes what has changed in the others' files, and says what is wrong, if something is; within an exchange only, so that a run
    /// which goes well reads little.
    fn look(&mut self) -> Option<Finding> {
        if self.exchange.load(Ordering::Acquire).is_multiple_of(2) {
            self.seen.fill(None);
            return None;
        }
        let now = Instant::now();
        for rank in 0..self.seen.len() {
            let Some(Note { beat, .. }) = self.note(rank) else { continue };
            let seen = self.seen[rank].get_or_insert(Seen { beat, count_at: now, exchange_at: now });
            if seen.beat.count != beat.count {
                seen.count_at = now;
            }
            if seen.beat.exchange != beat.exchange {
                seen.exchange_at = now;
            }
            seen.beat = beat;
        }
        Finding::of(&self.seen, self.place.rank, now, self.patience)
    }

    /// The other ranks that answer now.
    fn ask(&self) -> Vec<usize> {
        let Some(echo) = &self.echo else { return Vec::new() };
        let others = (0..self.seen.len()).filter(|&rank| rank != self.place.rank);
        let notes = others.filter_map(|rank| Some((rank, self.note(rank)?.addresses)));
        echo.ask(&notes.collect::<Vec<_>>()).into_iter().collect()
    }

    /// `finding` with names; `reached` are the ranks that rank 0 could once reach.
    fn stall(&self, finding: &Finding, reached: &[usize]) -> Stall {
        let places = |ranks: &[usize]| {
            let unknown = |rank| Place { rank, process: 0, machine: "a machine without a name".to_owned() };
            ranks
                .iter()
                .map(|&rank| self.note(rank).map_or_else(|| unknown(rank), |note| note.place))
                .collect()
        };
        match finding {
            Finding::Silent(silent) => Stall::Silent(places(silent), self.patience),
            Finding::AllWait => {
                let answer = if reached.is_empty() { Vec::new() } else { self.ask() };
                let lost: Vec<usize> =
                    reached.iter().copied().filter(|rank| !answer.contains(rank)).collect();
                Stall::Lost(places(&lost), self.patience)
            }
        }
    }
}

/// What a rank's file says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    beat: Beat,
    place: Place,
    /// Where the rank answers.
    addresses: Vec<SocketAddr>,
}

/// The file of rank `rank` as it was read: `count exchange process machine address…`; `None` while it is being written.
fn parse(rank: usize, text: &str) -> Option<Note> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let beat = Beat { count: words.next()?.parse().ok()?, exchange: words.next()?.parse().ok()? };
    let place = Place { rank, process: words.next()?.parse().ok()?, machine: words.next()?.to_owned() };
    Some(Note { beat, place, addresses: words.map(str::parse).collect::<Result<_, _>>().ok()? })
}

impl Watched {
    fn within<T>(&self, exchange: impl FnOnce() -> T) -> T {
        self.exchange.fetch_add(1, Ordering::AcqRel);
        let result = exchange();
        self.exchange.fetch_add(1, Ordering::AcqRel);
        result
    }
}

impl Communicator for Watched {
    fn rank(&self) -> usize {
        self.inner.rank()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn all_gather(&self, mine: &[u8], all: &mut [u8], lengths: &[usize]) {
        self.within(|| self.inner.all_gather(mine, all, lengths));
    }

    fn all_to_all(
        &self,
        sent: &[u8],
        sent_lengths: &[usize],
        received: &mut [u8],
        received_lengths: &[usize],
    ) {
        self.within(|| self.inner.all_to_all(sent, sent_lengths, received, received_lengths));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            echo::call(&self.addresses);
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, watched", self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_beat_is_none() {
        let note = parse(3, "12 7 4711 node7 10.0.0.7:99 192.168.0.1:99\n").unwrap();
        assert_eq!(note.beat, Beat { count: 12, exchange: 7 });
        assert_eq!(note.place, Place { rank: 3, process: 4711, machine: "node7".to_owned() });
        assert_eq!(note.addresses.len(), 2);
        assert!(parse(0, "1 2 3 x\n").is_some_and(|note| note.addresses.is_empty()));
        for half in
            ["", "12", "12 7", "12 7 47", "12 7 47 node7 10.0.0.7:9", "x 7 1 node7\n", "1 2 3 x 10.0\n"]
        {
            assert_eq!(parse(0, half), None, "{half:?}");
        }
    }
}
