//! Attention of eight heads of 64, forward and gradient: `benches/README.md`.

use clap::Parser;
use tessera_bench::{Options, Run};
use tessera_testing::problems::{attention, attention_inputs};

fn main() {
    let options = Options::parse();
    let (dtype, shape) = (options.dtype(), [8, options.points, 64]);
    let run =
        Run::of_graph("attention", &options, || attention(dtype, shape), &attention_inputs(dtype, shape));
    println!("{}", run.json());
}
