//! Loss and parameter gradient of the Burgers residual, 2-64-64-64-64-1: one JSON line per run, in
//! the schema of `benches/README.md`.

use clap::Parser;
use std::time::Instant;
use tessera_core::exec::{Backend, Executable, Function, cpu::Options};
use tessera_core::{DType, Tensor};
use tessera_testing::{problems, splitmix};

/// Time the Burgers step.
#[derive(Parser)]
struct Arguments {
    /// Collocation points.
    #[arg(long, default_value_t = 10_000)]
    points: usize,
    /// Element type: f64 or f32.
    #[arg(long, default_value = "f64")]
    dtype: String,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Timed calls.
    #[arg(long, default_value_t = 11)]
    repeat: usize,
    /// Rows in a tile, to try sizes.
    #[arg(long)]
    tile_rows: Option<usize>,
    /// Print the plan.
    #[arg(long)]
    plan: bool,
    /// Print one JSON line.
    #[arg(long)]
    json: bool,
}

fn flat(tensors: &[Tensor]) -> Vec<f64> {
    let values = |t: &Tensor| match t.dtype() {
        DType::F32 => t.values::<f32>().iter().map(|&v| v as f64).collect::<Vec<_>>(),
        _ => t.values::<f64>().to_vec(),
    };
    tensors.iter().flat_map(values).collect()
}

fn main() {
    let arguments = Arguments::parse();
    let dtype = DType::from_name(&arguments.dtype).expect("--dtype must be f64 or f32");
    let start = Instant::now();
    let options = Options { threads: arguments.threads, tile_rows: arguments.tile_rows, level: None };
    let parameters = problems::parameters(dtype, &problems::LAYERS);
    let points = problems::burgers_points(dtype, arguments.points);
    let mut inputs: Vec<&Tensor> = parameters.iter().collect();
    inputs.push(&points);
    let function = Function::new(problems::burgers_step(dtype, &problems::LAYERS), Backend::Cpu(options.clone()));
    let step = function.prepare(&inputs).expect("the arguments fit");
    let outputs = step.run(&inputs);
    let first = start.elapsed().as_secs_f64();
    if arguments.plan {
        let lowered = tessera_core::exec::lower(function.graph(), &inputs.iter().map(|t| t.ty()).collect::<Vec<_>>()).expect("fits");
        eprintln!("{} nodes as built, {} lowered", function.graph().nodes().len(), lowered.nodes().len());
        eprint!("{}", tessera_core::exec::cpu::Engine::new(lowered, options).plan());
    }
    let mut times: Vec<f64> = (0..arguments.repeat.max(1))
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(step.run(&inputs));
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let gradient = flat(&outputs[1..]);
    let direction = splitmix::unit(777, gradient.len());
    let loss = flat(&outputs[..1])[0];
    let gnorm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let gdot: f64 = gradient.iter().zip(direction).map(|(g, d)| g * (d - 0.5)).sum();
    let median = times[times.len() / 2];
    if arguments.json {
        let line = serde_json::json!({
            "workload": "pinn_step", "impl": "tessera", "size": format!("burgers:{}", arguments.points),
            "dtype": arguments.dtype, "threads": arguments.threads, "measure": "step",
            "median_s": median, "min_s": times[0], "max_s": times[times.len() - 1], "first_s": first,
            "value": {"loss": loss, "gnorm": gnorm, "gdot": gdot},
        });
        println!("{line}");
    } else {
        println!("median {:.2} ms, min {:.2} ms, first {:.0} ms; loss {loss:.15e}, gnorm {gnorm:.12e}, gdot {gdot:.12e}", 1e3 * median, 1e3 * times[0], 1e3 * first);
    }
}
