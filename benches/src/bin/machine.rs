//! What this machine can do at best: the time of so many floating-point operations, all fma in registers, or of reading
//! so many bytes. A workload states its work, and its time beside this one is its share of the limit.
//!
//! The fma chains are independent and enough to hide an fma's latency; the reads are summed as vectors in several
//! accumulators. Both run at the best SIMD level, on as many threads as asked, all of them at the same work.

use clap::{Parser, ValueEnum};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::hint::black_box;
use std::marker::PhantomData;
use tessera_bench::{Answer, Options, Precision, Run};
use tessera_core::numerics::dispatch::{Kernel, Level, dispatch};
use tessera_core::numerics::lanes::{Lanes, Number, Real, Simd};

/// Time the least that this machine needs for some work.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// The kind of work.
    #[arg(long, value_enum)]
    work: Work,
    /// How much: operations (an fma is two), or bytes.
    #[arg(long)]
    amount: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Work {
    /// Fused multiply-adds in registers.
    Fma,
    /// Reading an array that is as long as the work, again and again.
    Read,
}

/// Chains of fma that run side by side: latency 4 on 2 ports is 8, and no level has fewer than 16 registers.
const CHAINS: usize = 12;

struct Fma<T> {
    rounds: usize,
    factor: T,
    term: T,
}

impl<T: Real> Kernel for Fma<T> {
    type Output = T;
    #[inline(always)]
    fn run<S: Simd>(self) -> T {
        let (factor, term) = (T::Vector::<S>::splat(self.factor), T::Vector::<S>::splat(self.term));
        let mut chains = [T::Vector::<S>::zero(); CHAINS];
        for _ in 0..self.rounds {
            for chain in &mut chains {
                *chain = chain.fma(factor, term);
            }
        }
        chains.into_iter().fold(T::Vector::<S>::zero(), |sum, x| sum + x).to_array()[0]
    }
}

struct Width<T>(PhantomData<T>);

impl<T: Real> Kernel for Width<T> {
    type Output = usize;
    #[inline(always)]
    fn run<S: Simd>(self) -> usize {
        T::Vector::<S>::WIDTH
    }
}

struct Read<'a, T>(&'a [T]);

impl<T: Real> Kernel for Read<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<S: Simd>(self) -> T {
        let mut sums = [T::Vector::<S>::zero(); 8];
        for chunk in self.0.chunks_exact(8 * T::Vector::<S>::WIDTH) {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = *sum + T::Vector::<S>::load_slice(&chunk[i * T::Vector::<S>::WIDTH..], T::ZERO);
            }
        }
        sums.into_iter().fold(T::Vector::<S>::zero(), |sum, x| sum + x).to_array()[0]
    }
}

/// Threads that do the same work at the same time. One alone is the caller, whom nobody has to wake.
struct Team {
    threads: usize,
    pool: Option<ThreadPool>,
}

impl Team {
    fn new(threads: usize) -> Team {
        let pool = || ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        Team { threads, pool: (threads > 1).then(pool) }
    }

    /// Calls `work` with each thread's number.
    fn all<R: Send>(&self, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
        match &self.pool {
            Some(pool) => pool.broadcast(|context| work(context.index())),
            None => vec![work(0)],
        }
    }
}

fn measure<T: Real>(arguments: &Arguments) -> Run {
    let (options, level) = (&arguments.options, Level::current());
    let team = Team::new(options.threads);
    let share = arguments.amount / team.threads as f64;
    let nothing = |_| Answer::new(0.0, []);
    match arguments.work {
        Work::Fma => {
            let per_round = 2 * CHAINS * dispatch(level, Width::<T>(PhantomData));
            let rounds = (share / per_round as f64).ceil() as usize;
            let (factor, term) = (T::ONE / (T::ONE + T::ONE), T::ONE);
            let work = |_| dispatch(level, Fma { rounds, factor: black_box(factor), term });
            Run::measure("machine", options, || black_box(team.all(work)), nothing)
        }
        Work::Read => {
            let length = (share / size_of::<T>() as f64) as usize;
            // Every thread reads what it wrote, so that the memory is its own.
            let parts = team.all(|_| vec![T::ONE; length]);
            let work = |i: usize| dispatch(level, Read(black_box(&parts[i][..])));
            Run::measure("machine", options, || black_box(team.all(work)), nothing)
        }
    }
}

fn main() {
    let arguments = Arguments::parse();
    let run = match arguments.options.dtype {
        Precision::F32 => measure::<f32>(&arguments),
        Precision::F64 => measure::<f64>(&arguments),
    };
    println!("{}", run.named("limit").json());
}
