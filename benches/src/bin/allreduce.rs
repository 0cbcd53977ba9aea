//! The reproducible allreduce beside `MPI_Allreduce`, under `mpirun`; with `--model`, what LogGP says of more ranks.
//!
//! ```text
//! cargo build --release -p tessera-bench --features mpi --bin allreduce
//! mpirun -n 2 target/release/allreduce
//! target/release/allreduce --model
//! ```

use clap::Parser;
use mpi::collective::SystemOperation;
use mpi::topology::SimpleCommunicator;
use mpi::traits::CommunicatorCollectives as _;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Instant;
use tessera_core::exec::comm::{Allreduce, Communicator, Layout};
use tessera_core::numerics::tree::combine;

/// Time the reproducible allreduce
#[derive(Parser)]
struct Arguments {
    /// Print a model's times for up to 16,384 ranks instead.
    #[arg(long)]
    model: bool,
    /// Bytes of the largest payload.
    #[arg(long, default_value_t = 100_000_000)]
    bytes: usize,
    /// Rows of each rank, whose blocks make its subtrees; 256 are one.
    #[arg(long, default_value_t = 256)]
    rows: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if arguments.model {
        model();
        return Ok(());
    }
    let ranks = tessera_dist::ranks::start()?;
    if ranks.communicator.size() < 2 {
        return Err("start it under mpirun".into());
    }
    measure(&*ranks.communicator, &arguments);
    Ok(())
}

/// Adds, as the engine does.
fn add(_: Range<usize>, x: &mut [f64], y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// The seconds of a call, the slowest rank's; the median of several.
fn time(ranks: &dyn Communicator, calls: usize, mut call: impl FnMut()) -> f64 {
    let mut times: Vec<u64> = (0..calls)
        .map(|_| {
            ranks.greatest(0);
            let began = Instant::now();
            call();
            ranks.greatest(began.elapsed().as_nanos() as u64)
        })
        .collect();
    times.sort_unstable();
    times[calls / 2] as f64 * 1e-9
}

fn measure(ranks: &dyn Communicator, arguments: &Arguments) {
    let (rank, size) = (ranks.rank(), ranks.size());
    let layout = Layout::even(arguments.rows * size, size);
    let plan = Allreduce::new(&layout, rank);
    if rank == 0 {
        println!("{size} ranks, {} rows each, {} subtrees of rank 0", arguments.rows, plan.subtrees().len());
        println!("| bytes | ours, µs | MPI_Allreduce, µs | ratio |\n|---|---|---|---|");
    }
    let sizes = [8, 64, 1_000, 8_000, 72_000, 1_000_000, 10_000_000, 100_000_000];
    for bytes in sizes.into_iter().filter(|&bytes| bytes <= arguments.bytes) {
        let len = bytes / 8;
        let value = |block: usize, i: usize| ((block * 7919 + i * 31) % 1009) as f64 * 0.1 - 50.0;
        let folded = |blocks: Range<usize>, i: usize| {
            combine(blocks, &mut |block| value(block, i), &mut |a, b| a + b).expect("there are blocks")
        };
        let partial = |blocks: &Range<usize>| (0..len).map(|i| folded(blocks.clone(), i)).collect();
        let partials: Vec<Vec<f64>> = plan.subtrees().iter().map(partial).collect();
        let partials: Vec<&[f64]> = partials.iter().map(Vec::as_slice).collect();
        let (mut ours, mut theirs) = (vec![0.0; len], vec![0.0; len]);
        let mut run = || plan.run(ranks, &partials, 1, &mut ours, add).expect("as planned");
        let world = SimpleCommunicator::world();
        let mut raw = || world.all_reduce_into(partials[0], &mut theirs[..], SystemOperation::sum());
        let calls = (40_000_000 / bytes).clamp(9, 2000);
        // In turns, so that what else the machine does meets both.
        let (mut own, mut mpi) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..3 {
            own = own.min(time(ranks, calls, &mut run));
            mpi = mpi.min(time(ranks, calls, &mut raw));
        }
        let right =
            (0..len).step_by(997).all(|i| ours[i].to_bits() == folded(0..layout.blocks(), i).to_bits());
        assert!(right, "{bytes} bytes must have the law's bits");
        if rank == 0 {
            println!("| {bytes} | {:.1} | {:.1} | {:.2} |", own * 1e6, mpi * 1e6, own / mpi);
        }
    }
}

/// Parameters of LogGP (Alexandrov, Ionescu, Schauser, Scheiman, SPAA 1995) for a cluster of today: latency and overhead of a
/// message, time of a byte (100 Gbit/s), and of a byte that a core adds from memory (10 GB/s).
const LATENCY: f64 = 1.0e-6;
const OVERHEAD: f64 = 0.3e-6;
const PER_BYTE: f64 = 0.08e-9;
const PER_ADDED: f64 = 0.1e-9;

/// One rank of many of which the others are not there: exchanges cost what the model says, and bring zeros.
#[derive(Debug)]
struct Modelled {
    rank: usize,
    size: usize,
    seconds: Mutex<f64>,
}

impl Modelled {
    fn spend(&self, seconds: f64) {
        *self.seconds.lock().expect("no panic while held") += seconds;
    }
}

impl Communicator for Modelled {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    /// Bruck's algorithm: ⌈log₂ P⌉ messages, all bytes but its own.
    fn all_gather(&self, mine: &[u8], all: &mut [u8], _: &[usize]) {
        let rounds = (self.size as f64).log2().ceil();
        self.spend(rounds * (LATENCY + 2.0 * OVERHEAD) + (all.len() - mine.len()) as f64 * PER_BYTE);
    }

    /// A message to and from every rank, one after the other; empty ones are not sent.
    fn all_to_all(&self, _: &[u8], sent: &[usize], received: &mut [u8], lengths: &[usize]) {
        let messages = |lengths: &[usize]| lengths.iter().filter(|&&len| len > 0).count() as f64;
        let bytes = received.len().max(sent.iter().sum()) as f64;
        let count = messages(sent).max(messages(lengths));
        self.spend(LATENCY + 2.0 * OVERHEAD * count + bytes * PER_BYTE);
    }
}

/// The model's seconds of ours, of rank `rank` with `rows` rows of each rank.
fn modelled(size: usize, rank: usize, rows: usize, len: usize) -> f64 {
    let plan = Allreduce::new(&Layout::even(rows * size, size), rank);
    let ranks = Modelled { rank, size, seconds: Mutex::default() };
    let partial = vec![0.0; len];
    let partials = vec![&partial[..]; plan.subtrees().len()];
    let mut added = 0;
    let join = |_: Range<usize>, x: &mut [f64], _: &[f64]| added += size_of_val(x);
    plan.run(&ranks, &partials, 1, &mut vec![0.0; len], join).expect("as planned");
    let seconds = *ranks.seconds.lock().expect("no panic while held");
    seconds + added as f64 * PER_ADDED
}

/// The model's seconds of `MPI_Allreduce`: recursive doubling, or reduce-scatter and all-gather (Rabenseifner), the faster one.
fn raw(size: usize, bytes: f64) -> f64 {
    let (rounds, share) = ((size as f64).log2().ceil(), (size - 1) as f64 / size as f64);
    let step = LATENCY + 2.0 * OVERHEAD;
    let doubling = rounds * (step + bytes * (PER_BYTE + PER_ADDED));
    let halving = 2.0 * rounds * step + share * bytes * (2.0 * PER_BYTE + PER_ADDED);
    doubling.min(halving)
}

fn model() {
    println!(
        "LogGP: L {:.1} µs, o {:.1} µs, G {:.2} ns/byte, an addition {:.2} ns/byte; 10,000 rows of each rank",
        LATENCY * 1e6,
        OVERHEAD * 1e6,
        PER_BYTE * 1e9,
        PER_ADDED * 1e9
    );
    println!("| ranks | bytes | ours, µs | MPI_Allreduce, µs | ratio |\n|---|---|---|---|---|");
    for bytes in [8, 72_000, 10_000_000] {
        for size in [2, 8, 64, 512, 4096, 16_384] {
            let some = [0, size / 2, size - 1];
            let ours =
                some.map(|rank| modelled(size, rank, 10_000, bytes / 8)).into_iter().fold(0.0, f64::max);
            let raw = raw(size, bytes as f64);
            println!("| {size} | {bytes} | {:.1} | {:.1} | {:.2} |", ours * 1e6, raw * 1e6, ours / raw);
        }
    }
}
