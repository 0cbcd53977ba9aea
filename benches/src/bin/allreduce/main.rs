//! The reproducible allreduce beside `MPI_Allreduce`, under `mpirun`; with `--model`, what LogGP says of more ranks.
//!
//! ```text
//! cargo build --release -p tessera-bench --features mpi --bin allreduce
//! mpirun -n 2 target/release/allreduce
//! target/release/allreduce --model
//! target/release/allreduce --model --block-us 318    # and of a training whose blocks of 256 points take so long
//! ```

mod model;

use clap::Parser;
use mpi::collective::SystemOperation;
use mpi::topology::SimpleCommunicator;
use mpi::traits::CommunicatorCollectives as _;
use std::ops::Range;
use std::time::Instant;
use tessera_core::exec::comm::{Allreduce, Communicator, Layout};
use tessera_core::numerics::tree::combine;

/// Time the reproducible allreduce
#[derive(Parser)]
struct Arguments {
    /// Print a model's times for up to 16,384 ranks instead.
    #[arg(long)]
    model: bool,
    /// With --model: microseconds of a training step for each block of 256 points, for tables of scaling.
    #[arg(long, requires = "model")]
    block_us: Option<f64>,
    /// With --block-us: numbers in the gradient.
    #[arg(long, default_value_t = 2497)]
    parameters: usize,
    /// Bytes of the largest payload.
    #[arg(long, default_value_t = 100_000_000)]
    bytes: usize,
    /// Rows of each rank, whose blocks make its subtrees; 8,192 are one.
    #[arg(long, default_value_t = 8192)]
    rows: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if arguments.model {
        match arguments.block_us {
            Some(micros) => model::print_steps(micros * 1e-6, arguments.parameters),
            None => model::print(arguments.rows, arguments.bytes),
        }
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

/// The ways to be compared: as the plan chooses, and both that it chooses from.
fn plans(layout: &Layout, rank: usize) -> [Allreduce; 3] {
    let plan = || Allreduce::new(layout, rank);
    [plan(), plan().with_whole_max(usize::MAX), plan().with_whole_max(0)]
}

fn measure(ranks: &dyn Communicator, arguments: &Arguments) {
    let (rank, size) = (ranks.rank(), ranks.size());
    let layout = Layout::even(arguments.rows * size, size);
    let plans = plans(&layout, rank);
    if rank == 0 {
        let subtrees: Vec<usize> = (0..size).map(|rank| layout.subtrees(rank..rank + 1).len()).collect();
        println!(
            "{size} ranks, {} rows each, {subtrees:?} subtrees; whole up to {} bytes\n",
            arguments.rows,
            plans[0].whole_max()
        );
        println!(
            "| bytes | ours, µs | kept whole | halved | MPI_Allreduce, µs | ratio |\n|---|---|---|---|---|---|"
        );
    }
    let sizes = [8, 64, 1_000, 8_000, 72_000, 1_000_000, 10_000_000, 100_000_000];
    for bytes in sizes.into_iter().filter(|&bytes| bytes <= arguments.bytes) {
        let len = bytes / 8;
        let value = |block: usize, i: usize| ((block * 7919 + i * 31) % 1009) as f64 * 0.1 - 50.0;
        let folded = |blocks: Range<usize>, i: usize| {
            combine(blocks, &mut |block| value(block, i), &mut |a, b| a + b).expect("there are blocks")
        };
        let partial = |blocks: &Range<usize>| (0..len).map(|i| folded(blocks.clone(), i)).collect();
        let mut partials: Vec<Vec<f64>> = plans[0].subtrees().iter().map(partial).collect();
        let (mut ours, mut theirs) = (vec![0.0; len], vec![0.0; len]);
        let mut run = |plan: &Allreduce, partials: &mut [Vec<f64>]| {
            let mut partials: Vec<&mut [f64]> = partials.iter_mut().map(Vec::as_mut_slice).collect();
            plan.run(ranks, &mut partials, 1, &mut ours, add).expect("as planned");
            (0..len).step_by(997).map(|i| ours[i]).collect::<Vec<_>>()
        };
        let right: Vec<u64> =
            (0..len).step_by(997).map(|i| folded(0..layout.blocks(), i).to_bits()).collect();
        for plan in &plans {
            let got: Vec<u64> = run(plan, &mut partials.clone()).iter().map(|x| x.to_bits()).collect();
            assert_eq!(got, right, "{bytes} bytes must have the law's bits");
        }
        // What is summed again and again stays finite.
        partials.iter_mut().for_each(|partial| partial.fill(0.0));
        let source = vec![0.5; len];
        let world = SimpleCommunicator::world();
        let calls = (20_000_000 / bytes).clamp(7, 2000);
        // In turns, so that what else the machine does meets all.
        let mut best = [f64::INFINITY; 4];
        for _ in 0..3 {
            for (plan, best) in plans.iter().zip(&mut best) {
                let mut slices: Vec<&mut [f64]> = partials.iter_mut().map(Vec::as_mut_slice).collect();
                let call = || plan.run(ranks, &mut slices, 1, &mut ours, add).expect("as planned");
                *best = best.min(time(ranks, calls, call));
            }
            let raw = || world.all_reduce_into(&source[..], &mut theirs[..], SystemOperation::sum());
            best[3] = best[3].min(time(ranks, calls, raw));
        }
        if rank == 0 {
            let [own, whole, halved, mpi] = best.map(|seconds| seconds * 1e6);
            println!("| {bytes} | {own:.1} | {whole:.1} | {halved:.1} | {mpi:.1} | {:.2} |", own / mpi);
        }
    }
}
