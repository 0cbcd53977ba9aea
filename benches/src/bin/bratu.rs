//! Bratu's problem, whose matrix is never written: `benches/README.md`.

use clap::{Parser, ValueEnum};
use tessera_bench::{Answer, Options, Run};
use tessera_core::Tensor;
use tessera_core::exec::Function;
use tessera_testing::problems::{bratu_cg, bratu_cg_inputs, bratu_field, bratu_solve};

/// Time conjugate gradients with a Jacobian, or a whole solution and its gradient.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Interior points along an axis.
    #[arg(long, default_value_t = 512)]
    size: usize,
    /// What is solved.
    #[arg(long, value_enum, default_value = "cg")]
    task: Task,
}

#[derive(Clone, Copy, ValueEnum)]
enum Task {
    /// One linear equation; its iterations are counted.
    Cg,
    /// The whole problem, and the gradient of ½ ‖u‖² by θ.
    Solve,
}

fn main() {
    let Arguments { options, size, task } = Arguments::parse();
    let dtype = options.dtype();
    let run = match task {
        Task::Solve => {
            Run::of_graph("bratu", &options, || bratu_solve(dtype, size), &[bratu_field(dtype, size)])
        }
        Task::Cg => iterations(&options, size),
    };
    println!("{}", run.json());
}

/// Conjugate gradients, whose iterations are a call's steps.
fn iterations(options: &Options, size: usize) -> Run {
    let dtype = options.dtype();
    let inputs = bratu_cg_inputs(dtype, size);
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let (mut function, mut count) = (None, 1);
    let step = || {
        let function =
            function.get_or_insert_with(|| Function::new(bratu_cg(dtype, size), options.backend()));
        let mut outputs = function.call(&inputs).expect("the arguments fit");
        count = outputs.pop().expect("three outputs").values::<i64>()[0];
        outputs
    };
    let run = Run::measure("bratu", options, step, Answer::of);
    run.of_steps(count as f64)
}
