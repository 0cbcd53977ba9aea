//! What LogGP says of more ranks than there are here (Alexandrov, Ionescu, Schauser, Scheiman, SPAA 1995).
//!
//! The plan itself runs, once for each rank, over a communicator that notes its messages and brings nothing. Then the clocks of all
//! ranks are followed: a message of k bytes leaves when the ones before it are out, takes o + k G + L + o, and an exchange is over when
//! all its messages are there and all its bytes are through. `MPI_Allreduce` is a formula.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use tessera_core::exec::comm::{Allreduce, Communicator, Incoming, Layout, Outgoing};
use tessera_core::numerics::tree::BLOCK;

/// A cluster of today: latency and overhead of a message, time of a byte (100 Gbit/s), and of a byte that a core adds from memory
/// (10 GB/s).
const LATENCY: f64 = 1.0e-6;
const OVERHEAD: f64 = 0.3e-6;
const PER_BYTE: f64 = 0.08e-9;
const PER_ADDED: f64 = 0.1e-9;

/// Bytes up to which the communicator over MPI sends messages of one rank to another as one.
const TOGETHER_MAX: usize = 16 << 10;

/// What goes between a rank and another in one exchange.
#[derive(Clone, Copy, Debug)]
struct Between {
    other: u32,
    messages: u32,
    bytes: usize,
}

/// What a rank does.
#[derive(Debug)]
enum Event {
    Exchange {
        sent: Vec<Between>,
        received: Vec<Between>,
    },
    /// Bytes that are added.
    Add(usize),
}

/// A rank of many of which the others are not there.
#[derive(Debug)]
struct Recorded {
    rank: usize,
    size: usize,
    events: Mutex<Vec<Event>>,
}

fn by_rank(messages: impl Iterator<Item = (usize, usize)>) -> Vec<Between> {
    let mut all: Vec<Between> = Vec::new();
    for (other, bytes) in messages {
        match all.iter_mut().find(|between| between.other as usize == other) {
            Some(between) => {
                between.messages += 1;
                between.bytes += bytes;
            }
            None => all.push(Between { other: other as u32, messages: 1, bytes }),
        }
    }
    let together = |between: &&mut Between| between.bytes <= TOGETHER_MAX;
    all.iter_mut().filter(together).for_each(|between| between.messages = 1);
    all
}

impl Communicator for Recorded {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, sent: &[Outgoing], received: &mut [Incoming]) {
        let sent = by_rank(sent.iter().map(|m| (m.to, m.bytes.len())));
        let received = by_rank(received.iter().map(|m| (m.from, m.bytes.len())));
        self.events.lock().expect("no panic while held").push(Event::Exchange { sent, received });
    }
}

/// What each rank does for a payload of `len` numbers.
fn recorded(layout: &Layout, len: usize) -> Vec<Vec<Event>> {
    let size = layout.size();
    let most = (0..size).map(|rank| layout.subtrees(rank..rank + 1).len()).max().unwrap_or(0);
    let (mut space, mut result) = (vec![vec![0.0; len]; most], vec![0.0; len]);
    let events = |rank| {
        let plan = Allreduce::new(layout, rank);
        let ranks = Recorded { rank, size, events: Mutex::default() };
        let count = plan.subtrees().len();
        let mut partials: Vec<&mut [f64]> = space[..count].iter_mut().map(Vec::as_mut_slice).collect();
        let join = |_: std::ops::Range<usize>, x: &mut [f64], _: &[f64]| {
            let mut events = ranks.events.lock().expect("no panic while held");
            match events.last_mut() {
                Some(Event::Add(bytes)) => *bytes += size_of_val(x),
                _ => events.push(Event::Add(size_of_val(x))),
            }
        };
        plan.run(&ranks, &mut partials, 1, &mut result, join).expect("as planned");
        ranks.events.into_inner().expect("no panic while held")
    };
    (0..size).map(events).collect()
}

/// A rank's clock while the model runs.
#[derive(Clone, Copy, Default)]
struct Clock {
    next: usize,
    /// Whether the messages of the next exchange are sent.
    sent: bool,
    seconds: f64,
}

/// The seconds until the last rank is done.
fn seconds(events: &[Vec<Event>]) -> f64 {
    let mut clocks = vec![Clock::default(); events.len()];
    let mut arrivals: HashMap<(u32, u32), VecDeque<f64>> = HashMap::new();
    let mut ready: Vec<usize> = (0..events.len()).rev().collect();
    while let Some(rank) = ready.pop() {
        let clock = &mut clocks[rank];
        while let Some(event) = events[rank].get(clock.next) {
            let (sent, received) = match event {
                Event::Add(bytes) => {
                    clock.seconds += *bytes as f64 * PER_ADDED;
                    clock.next += 1;
                    continue;
                }
                Event::Exchange { sent, received } => (sent, received),
            };
            if !clock.sent {
                let (mut cpu, mut wire) = (clock.seconds, clock.seconds);
                for between in sent {
                    cpu += f64::from(between.messages) * OVERHEAD;
                    wire = cpu.max(wire) + between.bytes as f64 * PER_BYTE;
                    arrivals
                        .entry((rank as u32, between.other))
                        .or_default()
                        .push_back(wire + LATENCY + OVERHEAD);
                    ready.push(between.other as usize);
                }
                // Bytes out and bytes in share no wire, but the processor's time is one.
                clock.seconds = cpu;
                clock.sent = true;
            }
            let key = |between: &Between| (between.other, rank as u32);
            if !received
                .iter()
                .all(|between| arrivals.get(&key(between)).is_some_and(|queue| !queue.is_empty()))
            {
                break;
            }
            let bytes: usize = received.iter().map(|between| between.bytes).sum();
            let mut done = clock.seconds + bytes as f64 * PER_BYTE;
            for between in received {
                let arrived = arrivals.get_mut(&key(between)).and_then(VecDeque::pop_front);
                done = done.max(arrived.unwrap_or(0.0)) + f64::from(between.messages - 1) * OVERHEAD;
            }
            clock.seconds = done;
            (clock.next, clock.sent) = (clock.next + 1, false);
        }
    }
    let stuck = clocks.iter().zip(events).any(|(clock, events)| clock.next < events.len());
    assert!(!stuck, "every message must be received");
    clocks.iter().map(|clock| clock.seconds).fold(0.0, f64::max)
}

/// The model's seconds of `MPI_Allreduce`: recursive doubling, or reduce-scatter and all-gather (Rabenseifner), the faster one.
fn raw(size: usize, bytes: f64) -> f64 {
    let (rounds, share) = ((size as f64).log2().ceil(), (size - 1) as f64 / size as f64);
    let step = LATENCY + 2.0 * OVERHEAD;
    let doubling = rounds * (step + bytes * (PER_BYTE + PER_ADDED));
    let halving = 2.0 * rounds * step + share * bytes * (2.0 * PER_BYTE + PER_ADDED);
    doubling.min(halving)
}

fn print_cluster(more: &str) {
    println!(
        "LogGP: L {:.1} µs, o {:.1} µs, G {:.2} ns/byte, an addition {:.2} ns/byte; {more}\n",
        LATENCY * 1e6,
        OVERHEAD * 1e6,
        PER_BYTE * 1e9,
        PER_ADDED * 1e9
    );
}

/// Prints what a training step takes whose blocks of points take `block` seconds each, and whose gradient has `parameters` numbers: with
/// a million points in all, and with 3,072 of each rank. Exchanged are the gradient and three sums.
pub fn print_steps(block: f64, parameters: usize) {
    print_cluster(&format!("{:.0} µs a block of {BLOCK} points, {parameters} parameters", block * 1e6));
    let points: [(&str, fn(usize) -> usize); 2] =
        [("1,000,000 in all", |_| 1_000_000), ("3,072 of each rank", |size| 3072 * size)];
    println!(
        "| points | ranks | most blocks of a rank | a step, ms | exchanges | of the speed of one rank | of the even share's |\n\
         |---|---|---|---|---|---|---|"
    );
    for (name, points) in points {
        for size in [1, 2, 8, 64, 512, 4096, 16_384] {
            let layout = Layout::even(points(size), size);
            let most = (0..size).map(|rank| layout.blocks_of(rank).len()).max().unwrap_or(0);
            let exchanges = seconds(&recorded(&layout, parameters)) + 3.0 * seconds(&recorded(&layout, 1));
            let step = most as f64 * block + exchanges;
            let alone = layout.blocks() as f64 * block;
            println!(
                "| {name} | {size} | {most} | {:.3} | {:.1} % | {:.0}× | {:.0} % |",
                step * 1e3,
                100.0 * exchanges / step,
                alone / step,
                100.0 * alone / step / size as f64
            );
        }
    }
}

/// Prints the table for `rows` rows of each rank and payloads up to `most` bytes.
pub fn print(rows: usize, most: usize) {
    print_cluster(&format!("{rows} rows of each rank"));
    println!(
        "| ranks | subtrees, mean and most | bytes | ours, µs | MPI_Allreduce, µs | ratio |\n|---|---|---|---|---|---|"
    );
    for size in [2, 8, 60, 64, 512, 4096, 16_384] {
        let layout = Layout::even(rows * size, size);
        let subtrees: Vec<usize> = (0..size).map(|rank| layout.subtrees(rank..rank + 1).len()).collect();
        let mean = subtrees.iter().sum::<usize>() as f64 / size as f64;
        let greatest = subtrees.iter().max().copied().unwrap_or(0);
        for bytes in [8, 1000, 8000, 72_000, 1_000_000, 10_000_000].into_iter().filter(|&bytes| bytes <= most)
        {
            let (ours, raw) = (seconds(&recorded(&layout, bytes / 8)), raw(size, bytes as f64));
            println!(
                "| {size} | {mean:.1}, {greatest} | {bytes} | {:.1} | {:.1} | {:.2} |",
                ours * 1e6,
                raw * 1e6,
                ours / raw
            );
        }
    }
}
