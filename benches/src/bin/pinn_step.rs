//! Loss and parameter gradient of the Burgers residual, 2-64-64-64-64-1: `benches/README.md`.

use clap::Parser;
use tessera_bench::{Answer, Options, Precision, Run};
use tessera_core::exec::{Backend, Function, cpu};
use tessera_core::{DType, Tensor};
use tessera_testing::problems::{self, LAYERS};

/// Time the Burgers step.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Rows in a tile, to try sizes.
    #[arg(long)]
    tile_rows: Option<usize>,
}

fn main() {
    let Arguments { options, tile_rows } = Arguments::parse();
    let dtype = match options.dtype {
        Precision::F32 => DType::F32,
        Precision::F64 => DType::F64,
    };
    let engine = cpu::Options { threads: options.threads, tile_rows, level: None };
    let parameters = problems::parameters(dtype, &LAYERS);
    let points = problems::burgers_points(dtype, options.points);
    let inputs: Vec<&Tensor> = parameters.iter().chain([&points]).collect();
    // Building and differentiating the graph is part of the first call.
    let mut function = None;
    let step = || {
        let function = function.get_or_insert_with(|| {
            Function::new(problems::burgers_step(dtype, &LAYERS), Backend::Cpu(engine.clone()))
        });
        function.call(&inputs).expect("the arguments fit")
    };
    let run = Run::measure("pinn_step", &options, step, |outputs: Vec<Tensor>| {
        let wide: Vec<Tensor> = outputs.into_iter().map(|x| problems::rounded(x, DType::F64)).collect();
        Answer::new(wide[0].values::<f64>()[0], wide[1..].iter().map(|x| x.values::<f64>()))
    });
    println!("{}", run.json());
}
