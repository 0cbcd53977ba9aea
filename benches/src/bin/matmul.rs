//! A matrix product of given extents, either operand stored transposed: `benches/README.md`.

use clap::Parser;
use std::sync::Arc;
use tessera_bench::{Answer, Options, Run};
use tessera_core::exec::Function;
use tessera_core::ir::Builder;
use tessera_core::ops::Matmul;
use tessera_core::{DType, Tensor};
use tessera_testing::data::between;
use tessera_testing::problems::rounded;

/// Time a matrix product.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Rows, contracted extent, columns.
    #[arg(long, value_delimiter = 'x', default_value = "1024x1024x1024")]
    shape: Vec<usize>,
    /// Number of products; 0 for two matrices without a batch.
    #[arg(long, default_value_t = 0)]
    batch: usize,
    /// How operands are stored: n as they are multiplied, t transposed.
    #[arg(long, default_value = "nn", value_parser = ["nn", "nt", "tn", "tt"])]
    stored: String,
}

fn main() {
    let Arguments { options, shape, batch, stored } = Arguments::parse();
    let &[m, k, n] = &shape[..] else {
        eprintln!("error: --shape must be three extents, as 1024x1024x1024");
        std::process::exit(2);
    };
    let op = Matmul {
        transpose_a: stored.starts_with('t'),
        transpose_b: stored.ends_with('t'),
        strong: None,
        stable: None,
    };
    let operand = |seed, rows, columns, transposed| {
        let matrix = if transposed { [columns, rows] } else { [rows, columns] };
        let leading = [batch];
        let shape = [if batch == 0 { &[][..] } else { &leading[..] }, &matrix[..]].concat();
        rounded(between(-1.0, 1.0, seed, &shape), options.dtype())
    };
    let (a, b) = (operand(11, m, k, op.transpose_a), operand(12, k, n, op.transpose_b));
    // Building and planning the graph is part of the first call.
    let mut function = None;
    let step = || {
        let function = function.get_or_insert_with(|| {
            let mut builder = Builder::new("matmul");
            let (x, y) = (builder.input("a", a.ty()), builder.input("b", b.ty()));
            let z = builder.apply(Arc::new(op), &[x, y]);
            Function::new(builder.finish(vec![z]), options.backend())
        });
        function.call(&[&a, &b]).expect("the arguments fit").remove(0)
    };
    let answer = |result: Tensor| {
        let result = rounded(result, DType::F64);
        let values = result.values::<f64>();
        Answer::new(values.first().copied().unwrap_or(0.0), [values])
    };
    println!("{}", Run::measure("matmul", &options, step, answer).json());
}
