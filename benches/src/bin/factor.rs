//! Factors of one matrix: `benches/README.md`.

use clap::Parser;
use tessera_bench::{Answer, Options, Run};
use tessera_core::exec::Function;
use tessera_core::ir::Builder;
use tessera_core::{DType, Tensor};
use tessera_testing::data::between;
use tessera_testing::problems::rounded;

/// Time a factorisation.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Rows and columns.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Which factors.
    #[arg(long, default_value = "lu", value_parser = ["lu", "cholesky", "qr", "eigh", "svd"])]
    kind: String,
}

fn main() {
    let Arguments { options, size: n, kind } = Arguments::parse();
    // Random in [−1, 1); for Cholesky its lower triangle with a diagonal of 2n, which is positive definite.
    let mut a = between(-1.0, 1.0, 11, &[n, n]);
    if kind == "cholesky" {
        (0..n).for_each(|i| a.values_mut::<f64>()[i * n + i] = 2.0 * n as f64);
    }
    let a = rounded(a, options.dtype());
    // Building and planning the graph is part of the first call.
    let mut function = None;
    let step = || {
        let function = function.get_or_insert_with(|| {
            let mut b = Builder::new("factor");
            let x = b.input("a", a.ty());
            // The factor that is compared is the last one.
            let outputs = match kind.as_str() {
                "lu" => b.lu(x)[..1].to_vec(),
                "cholesky" => b.cholesky(x)[..1].to_vec(),
                "qr" => b.qr(x)[..2].to_vec(),
                "eigh" => b.eigh(x)[..2].iter().rev().copied().collect(),
                _ => {
                    let [u, s, v, _] = b.svd(x);
                    vec![u, v, s]
                }
            };
            Function::new(b.finish(outputs), options.backend())
        });
        function.call(&[&a]).expect("the arguments fit").pop().expect("a factor")
    };
    let answer = |result: Tensor| {
        let result = rounded(result, DType::F64);
        // The signs of R's rows are a convention.
        let sizes: Vec<f64>;
        let values = match kind.as_str() {
            "qr" => {
                sizes = result.values::<f64>().iter().map(|x| x.abs()).collect();
                &sizes
            }
            _ => result.values::<f64>(),
        };
        Answer::new(values.first().copied().unwrap_or(0.0), [values])
    };
    println!("{}", Run::measure("factor", &options, step, answer).json());
}
