//! What is wrong with a job that does not go on, from what one rank has seen of the others.

use super::Duration;
use std::fmt;
use std::time::Instant;

/// A rank, and where it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub rank: usize,
    /// Its process, as its machine numbers them.
    pub process: u32,
    /// The name of its machine.
    pub machine: String,
}

/// What is wrong with a job that does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stall {
    /// Ranks whose processes do not run.
    #[error(
        "{} {} been silent for {:.0} s while the others wait: stopped, or on a machine that hangs",
        list(.0), if .0.len() == 1 { "has" } else { "have" }, .1.as_secs_f64()
    )]
    Silent(Vec<Place>, Duration),
    /// All processes run and all wait for each other; those named do not answer rank 0 any more.
    #[error(
        "all ranks run, and have waited for each other for {:.0} s: the network {} is lost",
        .1.as_secs_f64(),
        if .0.is_empty() { "between them".to_owned() } else { format!("from rank 0 to {}", list(.0)) }
    )]
    Lost(Vec<Place>, Duration),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} (process {} on {})", self.rank, self.process, self.machine)
    }
}

fn list(places: &[Place]) -> String {
    places.iter().map(Place::to_string).collect::<Vec<_>>().join(", ")
}

/// A rank's beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beat {
    /// Grows while the process runs.
    pub(super) count: u64,
    /// Odd within an exchange, even between two.
    pub(super) exchange: u64,
}

/// What one rank knows of another, by its own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) beat: Beat,
    /// When the count was seen to change.
    pub(super) count_at: Instant,
    /// When the exchange was seen to change.
    pub(super) exchange_at: Instant,
}

/// What beats alone tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// These ranks do not run.
    Silent(Vec<usize>),
    /// All run, and all wait.
    AllWait,
}

impl Finding {
    /// What rank `me` finds at `now` to be wrong, if something is.
    pub(super) fn of(seen: &[Option<Seen>], me: usize, now: Instant, patience: Duration) -> Option<Finding> {
        let waited = |at: Instant| now.saturating_duration_since(at);
        let others = || seen.iter().enumerate().filter(|(rank, _)| *rank != me);
        let silent: Vec<usize> = others()
            .filter(|(_, seen)| seen.is_some_and(|seen| waited(seen.count_at) >= patience))
            .map(|(rank, _)| rank)
            .collect();
        if !silent.is_empty() {
            return Some(Finding::Silent(silent));
        }
        let waits = |seen: &Option<Seen>| {
            seen.is_some_and(|seen| seen.beat.exchange % 2 == 1 && waited(seen.exchange_at) >= patience)
        };
        seen.iter().all(waits).then_some(Finding::AllWait)
    }

    /// The rank of `size` that says what is wrong: the lowest that runs.
    pub(super) fn speaker(&self, size: usize) -> usize {
        match self {
            Finding::Silent(silent) => (0..size).find(|rank| !silent.contains(rank)).unwrap_or(0),
            Finding::AllWait => 0,
        }
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
        assert_eq!(Finding::of(&computing, 0, now, PATIENCE), None);
        let arrived = [seen(now, 0, 60, 7), seen(now, 1, 2, 7), seen(now, 2, 60, 7)];
        assert_eq!(Finding::of(&arrived, 0, now, PATIENCE), None);
        // The folder of rank 1 is not ours.
        assert_eq!(Finding::of(&[seen(now, 0, 60, 7), None], 0, now, PATIENCE), None);
    }

    #[test]
    fn silent_ranks_are_named_by_the_lowest_that_is_not() {
        let now = Instant::now() + 10 * PATIENCE;
        let beats = [seen(now, 11, 60, 6), seen(now, 0, 60, 7), seen(now, 10, 60, 7)];
        let found = Finding::of(&beats, 1, now, PATIENCE).unwrap();
        assert_eq!(found, Finding::Silent(vec![0, 2]));
        assert_eq!(found.speaker(3), 1);
    }

    #[test]
    fn a_lost_network_is_one_where_all_run_and_all_wait() {
        let now = Instant::now() + 10 * PATIENCE;
        // One exchange can end on some ranks and not on others.
        let beats = [seen(now, 0, 12, 9), seen(now, 1, 10, 7), seen(now, 1, 60, 9)];
        let found = Finding::of(&beats, 0, now, PATIENCE).unwrap();
        assert_eq!((found.speaker(3), found), (0, Finding::AllWait));
    }

    #[test]
    fn a_stall_names_ranks_processes_and_machines() {
        let place = |rank, process| Place { rank, process, machine: "node7".to_owned() };
        let silent = |places| Stall::Silent(places, PATIENCE).to_string();
        assert!(
            silent(vec![place(1, 42)]).starts_with("rank 1 (process 42 on node7) has been silent for 10 s")
        );
        assert!(
            silent(vec![place(1, 42), place(2, 43)]).contains("on node7), rank 2 (process 43 on node7) have")
        );
        let lost = |places| Stall::Lost(places, PATIENCE).to_string();
        assert!(lost(vec![]).ends_with("waited for each other for 10 s: the network between them is lost"));
        assert!(
            lost(vec![place(1, 42)])
                .ends_with("the network from rank 0 to rank 1 (process 42 on node7) is lost")
        );
    }
}
