//! What a call costs when there is hardly anything to compute: `benches/README.md`.

use clap::Parser;
use tessera_bench::{Options, Run};
use tessera_testing::problems::{chain, chain_inputs};

fn main() {
    let options = Options::parse();
    let dtype = options.dtype();
    let inputs = chain_inputs(dtype, options.points);
    println!("{}", Run::of_graph("small_call", &options, || chain(dtype), &inputs).json());
}
