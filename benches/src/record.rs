//! How a benchmark program is asked, takes its samples, and answers: one line of JSON.

use clap::{Parser, ValueEnum};
use serde::Serialize;
use std::fs;
use std::time::Instant;
use tessera_core::exec::{Backend, Function, cpu};
use tessera_core::ir::Graph;
use tessera_core::numerics::{dispatch::Level, tree};
use tessera_core::{DType, Tensor};
use tessera_testing::data::unit;
use tessera_testing::problems::rounded;

/// The command line of every workload; a program that has more flattens it into its own.
#[derive(Parser, Clone, Debug)]
pub struct Options {
    /// The size: rows of a batch, or what the workload's section of `benches/README.md` says.
    #[arg(long, default_value_t = 10_000)]
    pub points: usize,
    /// Element type.
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: Precision,
    /// Threads to compute with.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Samples to take, after calls for 0.2 s that are not timed.
    #[arg(long, default_value_t = 7)]
    pub samples: usize,
    /// Stop sampling after this many seconds, with 3 samples at least.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// One line of JSON (the only form there is).
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match self.dtype {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        }
    }

    /// The engine with as many threads as asked for.
    pub fn backend(&self) -> Backend {
        Backend::Cpu(cpu::Options { threads: self.threads, ..cpu::Options::default() })
    }
}

/// Element types that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE-754 binary32.
    F32,
    /// IEEE-754 binary64.
    F64,
}

/// The time of one call: of several, divided by their number, where one is short.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    /// Wall time, seconds.
    pub seconds: f64,
    /// Seconds that the process's threads were on a core.
    pub cpu_s: f64,
    /// Seconds that its threads were ready and had no core.
    pub waited_s: f64,
}

/// By what implementations are held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The loss.
    pub loss: f64,
    /// Euclidean norm of the gradient by all parameters.
    pub gnorm: f64,
    /// The gradient's dot product with the vector `unit(777, i) - 0.5`.
    pub gdot: f64,
}

impl Answer {
    /// From the loss and the gradient's parts: weight, bias, weight, bias, …, each row-major.
    pub fn new<'a>(loss: f64, gradient: impl IntoIterator<Item = &'a [f64]>) -> Answer {
        let (mut squares, mut products) = (Vec::new(), Vec::new());
        for (g, index) in gradient.into_iter().flatten().zip(1..) {
            squares.push(g * g);
            products.push(g * (unit(777, index) - 0.5));
        }
        // One running sum of many terms would be off by more than implementations may differ.
        let sum = |x: &[f64]| tree::sum(Level::current(), x);
        Answer { loss, gnorm: sum(&squares).sqrt(), gdot: sum(&products) }
    }

    /// From what a graph returns: the loss if the first result is a scalar, else 0, and the gradient's parts.
    pub fn of(outputs: Vec<Tensor>) -> Answer {
        let wide: Vec<Tensor> = outputs.into_iter().map(|x| rounded(x, DType::F64)).collect();
        let (loss, gradient) = match wide.split_first() {
            Some((first, rest)) if first.ndim() == 0 => (first.values::<f64>()[0], rest),
            _ => (0.0, &wide[..]),
        };
        Answer::new(loss, gradient.iter().map(|x| x.values::<f64>()))
    }
}

/// A sample is at least this long, seconds: enough that reading the clock and the scheduler's figures is nothing beside it.
const SAMPLE_MIN_S: f64 = 0.01;

/// What is not timed after a first call: other processes' ends, threads' first wakes, clocks that rise.
const WARM_UP_S: f64 = 0.2;

/// Everything that was measured: `benches/README.md` says what each key means.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    workload: &'static str,
    #[serde(rename = "impl")]
    implementation: &'static str,
    version: String,
    points: usize,
    dtype: Precision,
    threads: usize,
    first_s: f64,
    samples: Vec<Sample>,
    base_mib: f64,
    peak_mib: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<f64>,
    #[serde(flatten)]
    answer: Answer,
}

impl Run {
    /// Calls `step` once for the time of a first call, uncounted until the machine is warm, then as often as `options` ask.
    ///
    /// `step` returns when its result is there; `answer` reads the first one.
    pub fn measure<R>(
        workload: &'static str,
        options: &Options,
        mut step: impl FnMut() -> R,
        answer: impl FnOnce(R) -> Answer,
    ) -> Run {
        let base_mib = memory_mib("VmRSS:");
        let start = Instant::now();
        let first = step();
        let first_s = start.elapsed().as_secs_f64();
        let answer = answer(first);
        let calls = calls_of(warm_up(&mut step));
        let mut samples = Vec::new();
        let sampling = Instant::now();
        while samples.len() < options.samples
            && (samples.len() < 3 || sampling.elapsed().as_secs_f64() < options.seconds)
        {
            samples.push(timed(&mut step, calls));
        }
        Run {
            workload,
            implementation: "tessera",
            version: concat!("tessera ", env!("CARGO_PKG_VERSION")).to_string(),
            points: options.points,
            dtype: options.dtype,
            threads: options.threads,
            first_s,
            samples,
            base_mib,
            peak_mib: memory_mib("VmHWM:"),
            steps: None,
            answer,
        }
    }

    /// Measures the calls of a graph with `inputs`. Building it is part of the first call.
    pub fn of_graph(
        workload: &'static str,
        options: &Options,
        build: impl Fn() -> Graph,
        inputs: &[Tensor],
    ) -> Run {
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let mut function = None;
        let step = || {
            let function = function.get_or_insert_with(|| Function::new(build(), options.backend()));
            function.call(&inputs).expect("the arguments fit")
        };
        Run::measure(workload, options, step, Answer::of)
    }

    /// The same, saying that a call has so many equal steps.
    pub fn of_steps(self, steps: f64) -> Run {
        Run { steps: Some(steps), ..self }
    }

    /// The same under another name than `tessera`.
    pub fn named(self, implementation: &'static str) -> Run {
        Run { implementation, ..self }
    }

    /// The record as one line of JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a record of numbers and text is always JSON")
    }
}

/// How many calls of so many seconds a sample has.
fn calls_of(seconds: f64) -> u32 {
    (SAMPLE_MIN_S / seconds.max(1e-9)).ceil() as u32
}

/// Calls `step` until [`WARM_UP_S`] is over, and gives the seconds of the last call.
fn warm_up<R>(step: &mut impl FnMut() -> R) -> f64 {
    let start = Instant::now();
    loop {
        let seconds = timed(step, 1).seconds;
        if start.elapsed().as_secs_f64() >= WARM_UP_S {
            return seconds;
        }
    }
}

fn timed<R>(step: &mut impl FnMut() -> R, calls: u32) -> Sample {
    let (cpu_before, waited_before) = scheduled();
    let start = Instant::now();
    for _ in 0..calls {
        step();
    }
    let seconds = start.elapsed().as_secs_f64();
    let (cpu, waited) = scheduled();
    let each = |total: f64| total / f64::from(calls);
    Sample { seconds: each(seconds), cpu_s: each(cpu - cpu_before), waited_s: each(waited - waited_before) }
}

/// Seconds that this process's living threads were on a core, and that they were ready and had none. Zeros where the
/// kernel does not say.
fn scheduled() -> (f64, f64) {
    let mut nanoseconds = [0_u64; 2];
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        for (sum, figure) in nanoseconds.iter_mut().zip(text.split_whitespace()) {
            *sum += figure.parse::<u64>().unwrap_or(0);
        }
    }
    (nanoseconds[0] as f64 * 1e-9, nanoseconds[1] as f64 * 1e-9)
}

/// A figure of `/proc/self/status` in MiB, such as `VmHWM:`, the largest resident memory so far; zero where the kernel
/// does not say.
fn memory_mib(key: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib: Option<f64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0.0) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options { points: 10, dtype: Precision::F64, threads: 1, samples: 4, seconds: 10.0, json: true }
    }

    #[test]
    fn answer_is_that_of_the_peers() {
        // As benches/peers/data.py: answer(0.5, [array([1.0, 2.0]), array([-3.0])]), whose sums numpy may order otherwise.
        let answer = Answer::new(0.5, [&[1.0, 2.0][..], &[-3.0][..]]);
        assert_eq!((answer.loss, answer.gnorm), (0.5, 14.0_f64.sqrt()));
        assert!((answer.gdot - 0.845_528_585_480_739_7).abs() <= 4.0 * f64::EPSILON);
    }

    /// A call long enough to be a sample by itself.
    fn sleep() {
        std::thread::sleep(std::time::Duration::from_secs_f64(2.0 * SAMPLE_MIN_S));
    }

    #[test]
    fn a_run_is_one_line_with_every_key() {
        let mut calls = 0;
        let step = || {
            sleep();
            calls += 1;
            calls
        };
        let run =
            Run::measure("sample", &options(), step, |first| Answer::new(f64::from(first), [&[2.0][..]]));
        assert!(calls >= 6, "one call first, one or more to warm up, four samples, got {calls}");
        let json: serde_json::Value = serde_json::from_str(&run.json()).unwrap();
        assert_eq!(
            (&json["workload"], &json["impl"], &json["dtype"]),
            (&"sample".into(), &"tessera".into(), &"f64".into())
        );
        assert_eq!((json["samples"].as_array().unwrap().len(), json["loss"].as_f64()), (4, Some(1.0)));
        for key in ["version", "points", "threads", "first_s", "base_mib", "peak_mib", "gnorm", "gdot"] {
            assert!(!json[key].is_null(), "the record must have {key}, got {json}");
        }
        assert!(!run.json().contains('\n'));
    }

    #[test]
    fn sampling_stops_by_time_but_not_before_three() {
        let run =
            Run::measure("sample", &Options { seconds: 0.0, ..options() }, sleep, |()| Answer::new(0.0, []));
        assert_eq!(run.samples.len(), 3);
    }

    #[test]
    fn short_calls_are_sampled_many_at_a_time() {
        assert_eq!(
            [1.0, SAMPLE_MIN_S, SAMPLE_MIN_S / 1.5, SAMPLE_MIN_S / 99.5].map(calls_of),
            [1, 1, 2, 100]
        );
        assert_eq!(calls_of(0.0), calls_of(1e-9));
    }
}
