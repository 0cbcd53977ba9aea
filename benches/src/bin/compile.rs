//! From a program's description to its first result: `benches/README.md`. The figure is the first call's.

use clap::{Parser, ValueEnum};
use tessera_bench::{Options, Run};
use tessera_core::diagnostic::Source;
use tessera_core::ir::Graph;
use tessera_core::text;
use tessera_testing::problems::{self, Pde};

/// Time from a program's description to its first result.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// What is computed.
    #[arg(long, value_enum, default_value = "burgers")]
    problem: Problem,
    /// What the description is.
    #[arg(long, value_enum, default_value = "builder")]
    from: Form,
}

#[derive(Clone, Copy, ValueEnum)]
enum Problem {
    /// The Burgers step.
    Burgers,
    /// The sixth derivative's mean square and its gradient.
    Sixth,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Form {
    /// Calls of the builder, with all derivatives to be derived.
    Builder,
    /// The text of the graph with its derivatives, to be read and verified.
    Text,
}

fn main() {
    let Arguments { options, problem, from } = Arguments::parse();
    let dtype = options.dtype();
    let graph = || match problem {
        Problem::Burgers => Pde::Burgers.step(dtype),
        Problem::Sixth => problems::nested_step(dtype, 6),
    };
    let mut inputs = problems::parameters(dtype, &problems::LAYERS);
    inputs.push(problems::burgers_points(dtype, options.points));
    let run = match from {
        Form::Builder => Run::of_graph("compile", &options, graph, &inputs),
        Form::Text => {
            let source = Source::new("step.mlir", text::print_graph(&graph()));
            Run::of_graph("compile", &options, || read(&source), &inputs).named("tessera_text")
        }
    };
    println!("{}", run.json());
}

/// The one module of a text.
fn read(source: &Source) -> Graph {
    let program = text::check(source).expect("what was printed can be read");
    let (_, graph) = program.modules.into_iter().next().expect("one module");
    std::sync::Arc::unwrap_or_clone(graph)
}
