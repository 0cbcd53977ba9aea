//! A watchdog over ranks: it ends a job in which one has fallen silent, and says which.
//!
//! A rank that is killed is noticed by the launcher. One that is stopped, on a machine that hangs or behind a link
//! that is down is noticed by nobody: the others wait for it in an exchange, for ever. So every rank has a thread
//! that writes a *beat* to a file of its own in a folder that all of them see: a count that grows while
//! the process runs, and the number of the exchange that it is in. While a rank waits in an exchange its
//! thread reads the others' beats.
//!
//! Nobody's clock is compared with another's: a reader notes, by its own, when it saw a beat change. A rank that
//! computes for long is not silent; its beat goes on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tessera_core::exec::comm::{Communicator, Incoming, Outgoing};

/// Beats, and looks at the others, for each patience.
const BEATS: u32 = 8;

/// How long the ranks that say nothing let the one that speaks go first.
const COURTESY: Duration = Duration::from_secs(1);

/// What is wrong with a job that does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stall {
    /// Ranks whose processes do not run.
    #[error(
        "{} {} silent for {:.0} s while the others wait: stopped, or on a machine that hangs",
        ranks(.0), if .0.len() == 1 { "has been" } else { "have been" }, .1.as_secs_f64()
    )]
    Silent(Vec<usize>, Duration),
    /// All processes run and all wait for each other.
    #[error("all ranks run, and have waited for each other for {:.0} s: the network between them is lost", .0.as_secs_f64())]
    Lost(Duration),
}

fn ranks(silent: &[usize]) -> String {
    let list: Vec<String> = silent.iter().map(ToString::to_string).collect();
    format!("{} {}", if silent.len() == 1 { "rank" } else { "ranks" }, list.join(", "))
}

/// A rank's beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beat {
    /// Grows while the process runs.
    count: u64,
    /// Odd within an exchange, even between two.
    exchange: u64,
}

/// What one rank knows of another, by its own clock.
#[derive(Clone, Copy, Debug)]
struct Seen {
    beat: Beat,
    /// When the count was seen to change.
    count_at: Instant,
    /// When the exchange was seen to change.
    exchange_at: Instant,
}

/// A communicator whose waits are watched.
struct Watched {
    inner: Arc<dyn Communicator>,
    exchange: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// **Collective.** `inner` under a watchdog with `patience`, whose beats are files in `folder`, a folder that all
/// ranks see. Where a rank finds that the job has stalled, it calls `end`, which must end the process.
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
    if inner.rank() == 0 {
        let _ = std::fs::remove_dir_all(folder); // of a job that was killed
    }
    inner.greatest(0);
    let made = match std::fs::create_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    let exchange = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let watcher = Watcher {
        rank: inner.rank(),
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
    Ok(Arc::new(Watched { inner, exchange, done, thread: Mutex::new(Some(thread)) }))
}

/// The thread of one rank.
struct Watcher {
    rank: usize,
    seen: Vec<Option<Seen>>,
    folder: PathBuf,
    patience: Duration,
    exchange: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Watcher {
    fn run(mut self, end: impl Fn(&Stall, bool)) {
        for count in 1.. {
            std::thread::park_timeout(self.patience / BEATS);
            if self.done.load(Ordering::Acquire) {
                let _ = std::fs::remove_file(self.file(self.rank));
                let _ = std::fs::remove_dir(&self.folder); // by the last one
                return;
            }
            // A full disk ends no run; the others then see a count that stands still, as of a rank that hangs.
            let _ = self.write(count);
            self.look();
            if let Some(stall) = stall(&self.seen, self.rank, Instant::now(), self.patience) {
                let speaks = speaker(&stall, self.seen.len()) == self.rank;
                if !speaks {
                    std::thread::sleep(COURTESY);
                }
                end(&stall, speaks);
            }
        }
    }

    fn file(&self, rank: usize) -> PathBuf {
        self.folder.join(rank.to_string())
    }

    fn write(&self, count: u64) -> std::io::Result<()> {
        let exchange = self.exchange.load(Ordering::Acquire);
        std::fs::write(self.file(self.rank), format!("{count} {exchange} {}\n", std::process::id()))
    }

    /// Notes what has changed in the others' files; within an exchange only, so that a run which goes well reads little.
    fn look(&mut self) {
        if self.exchange.load(Ordering::Acquire).is_multiple_of(2) {
            self.seen.fill(None);
            return;
        }
        let now = Instant::now();
        for rank in 0..self.seen.len() {
            let Some(beat) = std::fs::read_to_string(self.file(rank)).ok().and_then(|text| parse(&text))
            else {
                continue;
            };
            let seen = self.seen[rank].get_or_insert(Seen { beat, count_at: now, exchange_at: now });
            if seen.beat.count != beat.count {
                seen.count_at = now;
            }
            if seen.beat.exchange != beat.exchange {
                seen.exchange_at = now;
            }
            seen.beat = beat;
        }
    }
}

/// A beat as a file has it; `None` while it is being written.
fn parse(text: &str) -> Option<Beat> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let beat = Beat { count: words.next()?.parse().ok()?, exchange: words.next()?.parse().ok()? };
    words.next().map(|_| beat)
}

/// What is wrong, as rank `me` sees it at `now`, if it is.
fn stall(seen: &[Option<Seen>], me: usize, now: Instant, patience: Duration) -> Option<Stall> {
    let waited = |at: Instant| now.saturating_duration_since(at);
    let others = || seen.iter().enumerate().filter(|(rank, _)| *rank != me);
    let silent: Vec<usize> = others()
        .filter(|(_, seen)| seen.is_some_and(|seen| waited(seen.count_at) >= patience))
        .map(|(rank, _)| rank)
        .collect();
    if !silent.is_empty() {
        return Some(Stall::Silent(silent, patience));
    }
    let waits = |seen: &Option<Seen>| {
        seen.is_some_and(|seen| seen.beat.exchange % 2 == 1 && waited(seen.exchange_at) >= patience)
    };
    seen.iter().all(waits).then_some(Stall::Lost(patience))
}

/// The rank that says what is wrong: the lowest that runs.
fn speaker(stall: &Stall, size: usize) -> usize {
    match stall {
        Stall::Silent(silent, _) => (0..size).find(|rank| !silent.contains(rank)).unwrap_or(0),
        Stall::Lost(_) => 0,
    }
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

    fn exchange(&self, sent: &[Outgoing], received: &mut [Incoming]) {
        self.within(|| self.inner.exchange(sent, received));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
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

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Seen `count_s` and `exchange_s` seconds before the end, in `exchange`.
    fn seen(end: Instant, count_s: u64, exchange_s: u64, exchange: u64) -> Option<Seen> {
        let ago = |s| end.checked_sub(Duration::from_secs(s)).unwrap();
        Some(Seen { beat: Beat { count: 1, exchange }, count_at: ago(count_s), exchange_at: ago(exchange_s) })
    }

    #[test]
    fn ranks_that_go_on_or_compute_for_long_are_left_alone() {
        let now = Instant::now() + 10 * PATIENCE;
        // Rank 1 has been computing for a minute; rank 2 has just come.
        let computing = [seen(now, 0, 60, 7), seen(now, 1, 60, 6), seen(now, 2, 1, 7)];
        assert_eq!(stall(&computing, 0, now, PATIENCE), None);
        let arrived = [seen(now, 0, 60, 7), seen(now, 1, 2, 7), seen(now, 2, 60, 7)];
        assert_eq!(stall(&arrived, 0, now, PATIENCE), None);
        // The folder of rank 1 is not ours.
        assert_eq!(stall(&[seen(now, 0, 60, 7), None], 0, now, PATIENCE), None);
    }

    #[test]
    fn silent_ranks_are_named_by_the_lowest_that_is_not() {
        let now = Instant::now() + 10 * PATIENCE;
        let beats = [seen(now, 11, 60, 6), seen(now, 0, 60, 7), seen(now, 10, 60, 7)];
        let found = stall(&beats, 1, now, PATIENCE).unwrap();
        assert_eq!(found, Stall::Silent(vec![0, 2], PATIENCE));
        assert_eq!(speaker(&found, 3), 1);
        assert!(found.to_string().starts_with("ranks 0, 2 have been silent for 10 s"), "{found}");
    }

    #[test]
    fn a_lost_network_is_one_where_all_run_and_all_wait() {
        let now = Instant::now() + 10 * PATIENCE;
        // One exchange can end on some ranks and not on others.
        let beats = [seen(now, 0, 12, 9), seen(now, 1, 10, 7), seen(now, 1, 60, 9)];
        assert_eq!(stall(&beats, 0, now, PATIENCE), Some(Stall::Lost(PATIENCE)));
    }

    #[test]
    fn half_a_beat_is_none() {
        assert_eq!(parse("12 7 4711\n"), Some(Beat { count: 12, exchange: 7 }));
        for half in ["", "12", "12 7", "12 7 47", "x 7 1\n"] {
            assert_eq!(parse(half), None, "{half:?}");
        }
    }
}
