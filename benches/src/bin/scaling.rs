//! How a region of rows scales to many cores: a model, checked here on one and two threads. `docs/scaling.md` explains it.
//!
//! A call of a region is a serial part (packing weights, making results), then the law's tree over blocks of rows: leaves
//! that take as long as their rows, merges of two payloads, and a join at every inner node. The costs are measured on
//! the Burgers step; [`simulate`] runs the tree on P workers that steal; the prediction is held against the engine.

use clap::Parser;
use rustix::time::{ClockId, clock_gettime};
use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use tessera_core::exec::{Backend, Function, cpu};
use tessera_core::numerics::tree;
use tessera_core::{DType, Tensor};
use tessera_testing::problems::{self, LAYERS};

/// Predict how the Burgers step scales.
#[derive(Parser)]
struct Arguments {
    /// Seconds on a core for each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// What one steal costs, nanoseconds: finding the task and fetching its cache lines.
    #[arg(long, default_value_t = 2000.0)]
    steal_ns: f64,
    /// What all cores of the large machine can read together, GB/s.
    #[arg(long, default_value_t = 300.0)]
    bandwidth: f64,
}

/// What the parts of a call cost, seconds.
#[derive(Clone, Copy, Debug)]
struct Costs {
    /// Packing, results: on one thread, once a call.
    serial: f64,
    /// One row in a leaf.
    row: f64,
    /// One merge of two payloads.
    merge: f64,
    /// One `rayon::join` whose second half was not stolen.
    join: f64,
    /// One steal.
    steal: f64,
}

fn main() {
    let arguments = Arguments::parse();
    let costs = measure_costs(&arguments);
    let payload: usize = LAYERS.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
    println!(
        "Costs: serial {:.1} µs a call, {:.3} µs a row, merge of {payload} numbers {:.1} µs, join {:.0} ns, steal {:.0} ns (assumed).\n",
        1e6 * costs.serial,
        1e6 * costs.row,
        1e6 * costs.merge,
        1e9 * costs.join,
        1e9 * costs.steal
    );
    compare(&costs, arguments.seconds);
    predict(&costs, payload, arguments.bandwidth);
}

/// The engine on the Burgers step with `points` rows.
struct Step {
    function: Arc<dyn tessera_core::exec::Executable>,
    inputs: Vec<Tensor>,
}

impl Step {
    fn new(points: usize, threads: usize) -> Step {
        let mut inputs = problems::parameters(DType::F64, &LAYERS);
        inputs.push(problems::burgers_points(DType::F64, points));
        let engine = Backend::Cpu(cpu::Options { threads, ..cpu::Options::default() });
        let function = Function::new(problems::burgers_step(DType::F64, &LAYERS), engine);
        let function = function.prepare(&inputs.iter().collect::<Vec<_>>()).expect("the arguments fit");
        Step { function, inputs }
    }

    fn run(&self) {
        black_box(self.function.run(&self.inputs.iter().collect::<Vec<_>>()));
    }
}

/// Seconds that this process's threads have been on a core.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// The least time on a core, and by the clock, of each of `calls`, taken in turn for `seconds` on a core.
///
/// On one thread the first is the time of a call that nothing else disturbs, also on a machine that others use.
fn least<const N: usize>(seconds: f64, calls: [&dyn Fn(); N]) -> [(f64, f64); N] {
    let end = cpu_seconds() + seconds;
    let mut best = [(f64::INFINITY, f64::INFINITY); N];
    while cpu_seconds() < end {
        for (best, call) in best.iter_mut().zip(calls) {
            let (start, cpu) = (Instant::now(), cpu_seconds());
            call();
            *best = (best.0.min(cpu_seconds() - cpu), best.1.min(start.elapsed().as_secs_f64()));
        }
    }
    best
}

fn measure_costs(arguments: &Arguments) -> Costs {
    let (none, one, many) = (Step::new(0, 1), Step::new(tree::BLOCK, 1), Step::new(32 * tree::BLOCK, 1));
    let [(serial, _), (first, _), (all, _)] =
        least(arguments.seconds, [&|| none.run(), &|| one.run(), &|| many.run()]);
    // Two payloads that another core may have written: as long a sum, out of a ring larger than L2.
    let payload: usize = LAYERS.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
    let ring = std::cell::RefCell::new(vec![vec![1.0_f64; payload]; 64]);
    let next = std::cell::Cell::new(0);
    let add = || {
        let mut ring = ring.borrow_mut();
        let (left, right) = ring.split_at_mut(32);
        let i = next.replace((next.get() + 1) % 32);
        left[i].iter_mut().zip(&right[i]).for_each(|(x, y)| *x += y);
        black_box(&left[i]);
    };
    let [(merge, _)] = least(0.2, [&add]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread can be started");
    let joins = || {
        fn nest(depth: u32) {
            if depth > 0 {
                rayon::join(|| nest(depth - 1), || nest(depth - 1));
            }
        }
        pool.install(|| nest(12));
    };
    let [(joins, _)] = least(0.2, [&joins]);
    let row = ((all - first) / 31.0 - merge) / tree::BLOCK as f64;
    Costs { serial, row, merge, join: joins / 4095.0, steal: 1e-9 * arguments.steal_ns }
}

/// Prints the model's times beside the engine's, on one and two threads in turn.
fn compare(costs: &Costs, seconds: f64) {
    println!(
        "| points | threads | model ms | on a core, a thread, ms | by the clock, ms | model / on a core | model / clock |"
    );
    println!("|---|---|---|---|---|---|---|");
    for points in [1_000, 10_000, 100_000] {
        let (one, two) = (Step::new(points, 1), Step::new(points, 2));
        let measured = least(seconds, [&|| one.run(), &|| two.run()]);
        for (threads, (cpu, clock)) in [1, 2].into_iter().zip(measured) {
            let model = simulate(costs, points, tree::BLOCK, threads);
            let cpu = cpu / threads as f64;
            let [model_ms, cpu_ms, clock_ms] = [model, cpu, clock].map(|time| format!("{:.2}", 1e3 * time));
            let (by_cpu, by_clock) = (model / cpu, model / clock);
            println!(
                "| {points} | {threads} | {model_ms} | {cpu_ms} | {clock_ms} | {by_cpu:.2} | {by_clock:.2} |"
            );
        }
    }
}

/// Prints speed-ups over one core, by blocks of several sizes.
fn predict(costs: &Costs, payload: usize, bandwidth: f64) {
    println!("\n| points | B | blocks | 2 | 4 | 8 | 16 | 32 | 64 cores | ms on 64 | traffic limit ms |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for points in [10_000, 100_000, 1_000_000] {
        let alone = simulate(costs, points, tree::BLOCK, 1);
        for block in [128, 256, 512] {
            let times = [2, 4, 8, 16, 32, 64].map(|cores| simulate(costs, points, block, cores));
            let speeds = times.map(|time| format!("{:.1}", alone / time)).join(" | ");
            // A leaf writes its payload; a merge reads two and writes one; all miss the cores' own caches.
            let blocks = points.div_ceil(block);
            let bytes = 8 * payload * (blocks + 3 * (blocks - 1)) + 16 * points;
            let traffic = bytes as f64 / (1e9 * bandwidth);
            println!(
                "| {points} | {block} | {blocks} | {speeds} | {:.2} | {:.2} |",
                1e3 * times[5],
                1e3 * traffic
            );
        }
    }
}

/// A node of the tree: its parent, and how many of its children are not done.
struct Node {
    parent: Option<usize>,
    missing: usize,
}

/// A worker: until when it is busy and with the child of which node, and subtrees it can start, the youngest last.
#[derive(Default)]
struct Worker {
    clock: f64,
    finishing: Option<Option<usize>>,
    tasks: VecDeque<(Range<usize>, Option<usize>)>,
}

/// Seconds of a call with `points` rows in blocks of `block` on `cores` workers.
///
/// A worker descends into the left half and leaves the right one in its queue; whoever finishes the second child merges
/// and goes on upward; an idle worker steals the largest task that waits. (In rayon the one that joined merges, works on
/// other tasks while it waits, and steals from a random victim.)
fn simulate(costs: &Costs, points: usize, block: usize, cores: usize) -> f64 {
    let mut nodes: Vec<Node> = Vec::new();
    let mut workers: Vec<Worker> = (0..cores).map(|_| Worker::default()).collect();
    workers[0].tasks.push_back((0..points.div_ceil(block), None));
    loop {
        // What happens next; of two at one time the busy one first, for it may have a task for the other.
        let order = |worker: &Worker| (worker.clock, worker.finishing.is_none() && worker.tasks.is_empty());
        let next =
            (0..cores).min_by(|&a, &b| order(&workers[a]).partial_cmp(&order(&workers[b])).expect("no NaN"));
        let at = next.expect("at least one core");
        match workers[at].finishing.take() {
            Some(None) => return costs.serial + workers[at].clock,
            Some(Some(node)) => {
                nodes[node].missing -= 1;
                if nodes[node].missing == 0 {
                    workers[at].clock += costs.merge;
                    workers[at].finishing = Some(nodes[node].parent);
                    continue;
                }
            }
            None => {}
        }
        let (mut range, mut parent) = match workers[at].tasks.pop_back() {
            Some(task) => task,
            None => {
                let waiting = |i: &usize| workers[*i].tasks.front().map_or(0, |(range, _)| range.len());
                let victim = (0..cores).max_by_key(waiting).expect("at least one core");
                let Some(task) = workers[victim].tasks.pop_front() else {
                    let busy = workers.iter().filter(|worker| worker.finishing.is_some());
                    workers[at].clock = busy.map(|worker| worker.clock).fold(f64::INFINITY, f64::min);
                    continue;
                };
                workers[at].clock += costs.steal;
                task
            }
        };
        while range.len() > 1 {
            nodes.push(Node { parent, missing: 2 });
            parent = Some(nodes.len() - 1);
            let middle = range.start + tree::split(range.len());
            workers[at].clock += costs.join;
            workers[at].tasks.push_back((middle..range.end, parent));
            range = range.start..middle;
        }
        let rows = points.min(range.end * block) - range.start * block;
        workers[at].clock += costs.row * rows as f64;
        workers[at].finishing = Some(parent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs { serial: 5.0, row: 1.0, merge: 3.0, join: 0.0, steal: 0.0 };

    #[test]
    fn one_core_does_everything_in_turn() {
        assert_eq!(simulate(&COSTS, 35, 10, 1), 5.0 + 35.0 + 3.0 * 3.0);
    }

    #[test]
    fn enough_cores_take_a_leaf_and_the_merges_above_it() {
        assert_eq!(simulate(&COSTS, 80, 10, 8), 5.0 + 10.0 + 3.0 * 3.0);
        assert_eq!(simulate(&COSTS, 80, 10, 64), 5.0 + 10.0 + 3.0 * 3.0);
    }

    #[test]
    fn two_cores_share_the_halves() {
        assert_eq!(simulate(&COSTS, 40, 10, 2), 5.0 + 20.0 + 2.0 * 3.0);
        // The first joins at 10, the thief at 10 + steal; both then have one leaf and one merge.
        let costs = Costs { steal: 2.0, ..COSTS };
        assert_eq!(simulate(&costs, 40, 10, 2), 5.0 + 2.0 + 20.0 + 2.0 * 3.0);
    }
}
