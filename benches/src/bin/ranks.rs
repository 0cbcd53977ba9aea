//! A case trained on ranks: the time of a step, and how much of it ranks talk, or wait to.
//!
//! ```text
//! cargo build --release -p tessera-bench --features mpi --bin ranks
//! mpirun -n 2 target/release/ranks cases/burgers.toml
//! mpirun -n 2 target/release/ranks cases/burgers.toml --weak    # as many points for each rank
//! ```

use clap::Parser;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tessera_core::exec::Backend;
use tessera_core::exec::comm::{Communicator, Incoming, Outgoing};
use tessera_core::exec::cpu::Options;
use tessera_pinn::case::Case;
use tessera_pinn::trainer::Trainer;

/// Time the steps of a training on ranks
#[derive(Parser)]
struct Arguments {
    /// The case file.
    case: PathBuf,
    /// Threads of each rank.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Steps that are timed.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Multiply the points of every term by this.
    #[arg(long, default_value_t = 1)]
    points: u64,
    /// Multiply them by the number of ranks, too.
    #[arg(long)]
    weak: bool,
    /// Let ranks wait for each other before each exchange, which is not counted as talking.
    #[arg(long)]
    meet: bool,
}

/// Ranks whose exchanges are timed.
#[derive(Debug)]
struct Timed {
    inner: Arc<dyn Communicator>,
    meet: bool,
    nanoseconds: AtomicU64,
}

impl Communicator for Timed {
    fn rank(&self) -> usize {
        self.inner.rank()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn exchange(&self, sent: &[Outgoing], received: &mut [Incoming]) {
        if self.meet {
            self.inner.greatest(0);
        }
        let began = Instant::now();
        self.inner.exchange(sent, received);
        self.nanoseconds.fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

/// The case with `times` as many points in every term.
fn with_points(text: &str, times: u64) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some((key, value)) if key.trim() == "points" => {
            let points: u64 = value.trim().parse().expect("a number of points");
            format!("points = {}", points * times)
        }
        _ => line.to_string(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn median(mut x: Vec<f64>) -> f64 {
    x.sort_by(f64::total_cmp);
    x[x.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let ranks = tessera_dist::ranks::start()?.communicator;
    let size = ranks.size();
    let times = arguments.points * if arguments.weak { size as u64 } else { 1 };
    let text = with_points(&std::fs::read_to_string(&arguments.case)?, times);
    let case = Case::parse("case.toml", &text).map_err(|errors| errors.to_string())?;
    let timed =
        Arc::new(Timed { inner: ranks.clone(), meet: arguments.meet, nanoseconds: AtomicU64::new(0) });
    let backend = Backend::Cpu(Options { threads: arguments.threads, ..Options::default() });
    let folder = arguments.case.parent().unwrap_or(Path::new("."));
    let mut trainer = Trainer::over(&case, folder, backend, timed.clone())?;
    for _ in 0..5 {
        trainer.step()?;
    }
    let (mut steps, mut exchanges) = (Vec::new(), Vec::new());
    for _ in 0..arguments.steps {
        ranks.greatest(0);
        let before = timed.nanoseconds.load(Ordering::Relaxed);
        let began = Instant::now();
        trainer.step()?;
        steps.push(began.elapsed().as_secs_f64());
        exchanges.push((timed.nanoseconds.load(Ordering::Relaxed) - before) as f64 * 1e-9);
    }
    let points: usize = trainer.arguments()[0].shape()[0];
    if ranks.rank() == 0 {
        let (step, exchange) = (median(steps), median(exchanges));
        println!(
            "{size} ranks x {} threads, points x {times} ({points} of rank 0), {} parameters: {:.3} ms a step, {:.3} ms in exchanges ({:.2} %)",
            arguments.threads,
            trainer.theta().len(),
            step * 1e3,
            exchange * 1e3,
            100.0 * exchange / step
        );
    }
    Ok(())
}
