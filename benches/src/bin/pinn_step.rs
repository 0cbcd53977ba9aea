//! Loss and parameter gradient of a network's residual, or a whole step of Adam: `benches/README.md`.

use clap::{Parser, ValueEnum};
use tessera_bench::{Answer, Options, Run};
use tessera_core::exec::{Backend, Function, cpu};
use tessera_core::ir::Graph;
use tessera_core::{DType, Tensor};
use tessera_testing::problems::{self, Pde, rounded};

/// Time a step of a physics-informed network.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// What the step is of.
    #[arg(long, value_enum, default_value = "burgers")]
    problem: Problem,
    /// Rows in a tile, to try sizes.
    #[arg(long)]
    tile_rows: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Problem {
    /// Loss and gradient of Burgers' equation.
    Burgers,
    /// Loss and gradient of the plane Navier–Stokes equations.
    NavierStokes,
    /// Loss and gradient of the Kuramoto–Sivashinsky equation, of fourth order.
    KuramotoSivashinsky,
    /// Loss and gradient of Poisson's equation in ten dimensions.
    Poisson,
    /// Burgers' equation with the update by Adam.
    Adam,
}

impl Problem {
    fn pde(self) -> Pde {
        match self {
            Problem::Burgers | Problem::Adam => Pde::Burgers,
            Problem::NavierStokes => Pde::NavierStokes,
            Problem::KuramotoSivashinsky => Pde::KuramotoSivashinsky,
            Problem::Poisson => Pde::Poisson,
        }
    }

    fn graph(self, dtype: DType) -> Graph {
        match self {
            Problem::Adam => problems::adam_step(dtype),
            _ => self.pde().step(dtype),
        }
    }

    /// What goes from one step into the next.
    fn state(self, dtype: DType) -> Vec<Tensor> {
        match self {
            Problem::Adam => problems::adam_state(dtype),
            _ => problems::parameters(dtype, &self.pde().layers()),
        }
    }
}

fn main() {
    let Arguments { options, problem, tile_rows } = Arguments::parse();
    let dtype = options.dtype();
    let backend = Backend::Cpu(cpu::Options { threads: options.threads, tile_rows, level: None });
    let points = problem.pde().points(dtype, options.points);
    let mut state = problem.state(dtype);
    let mut steps = 0;
    // Building and differentiating the graph is part of the first call.
    let mut function = None;
    let step = || {
        let function = function.get_or_insert_with(|| Function::new(problem.graph(dtype), backend.clone()));
        let Problem::Adam = problem else {
            let inputs: Vec<&Tensor> = state.iter().chain([&points]).collect();
            return function.call(&inputs).expect("the arguments fit");
        };
        steps += 1;
        let corrections =
            [0.9, 0.999].map(|beta| rounded(Tensor::scalar(1.0 - f64::powi(beta, steps)), dtype));
        let inputs: Vec<&Tensor> = state.iter().chain(&corrections).chain([&points]).collect();
        let outputs = function.call(&inputs).expect("the arguments fit");
        state = outputs[1..].to_vec();
        outputs
    };
    println!("{}", Run::measure("pinn_step", &options, step, Answer::of).json());
}
