//! A Hessian–vector product of the cross-entropy of a network 784-256-256-10: `benches/README.md`.

use clap::Parser;
use tessera_bench::{Options, Run};
use tessera_testing::problems::{CLASSIFIER, classifier_hvp, classifier_inputs};

fn main() {
    let options = Options::parse();
    let dtype = options.dtype();
    let inputs = classifier_inputs(dtype, &CLASSIFIER, options.points);
    let run = Run::of_graph("hvp", &options, || classifier_hvp(dtype, &CLASSIFIER), &inputs);
    println!("{}", run.json());
}
