//! Small equations solved inside a graph, one or many, and the gradient of their solutions: `benches/README.md`.

use clap::{Parser, ValueEnum};
use tessera_bench::{Options, Run};
use tessera_testing::problems::{Equation, small_solve, small_solve_inputs};

/// Time the solution of small equations and its gradient.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Which equation.
    #[arg(long, value_enum, default_value = "root")]
    kind: Kind,
    /// Unknowns of one equation; `--points` says how many equations there are, 1 standing for one without a batch.
    #[arg(long, default_value_t = 8)]
    size: usize,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// 2 x + tanh(W x) = θ.
    Root,
    /// x = tanh(W x + θ).
    FixedPoint,
}

fn main() {
    let Arguments { options, kind, size } = Arguments::parse();
    let equation = match kind {
        Kind::Root => Equation::Root,
        Kind::FixedPoint => Equation::FixedPoint,
    };
    let batch = Some(options.points).filter(|&points| points > 1);
    let inputs = small_solve_inputs(options.dtype(), size, batch);
    let build = || small_solve(equation, options.dtype(), size, batch);
    println!("{}", Run::of_graph("small_solve", &options, build, &inputs).json());
}
