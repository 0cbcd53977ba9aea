//! A matrix product of given extents, either operand stored transposed: `benches/README.md`.

use clap::Parser;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;
use tessera_bench::{Answer, Options, Precision, Run};
use tessera_core::exec::{Backend, Function, cpu};
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
    /// Products in one timed call, for small ones.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Print the answer, then the seconds of one timed call for each line that is read, so that a peer can take turns.
    #[arg(long)]
    serve: bool,
}

fn main() {
    let Arguments { options, shape, batch, stored, repeat, serve } = Arguments::parse();
    let &[m, k, n] = &shape[..] else {
        eprintln!("error: --shape must be three extents, as 1024x1024x1024");
        std::process::exit(2);
    };
    let dtype = match options.dtype {
        Precision::F32 => DType::F32,
        Precision::F64 => DType::F64,
    };
    let op =
        Matmul { transpose_a: stored.starts_with('t'), transpose_b: stored.ends_with('t'), strong: None };
    let operand = |seed, rows, columns, transposed| {
        let matrix = if transposed { [columns, rows] } else { [rows, columns] };
        let leading = [batch];
        let shape = [if batch == 0 { &[][..] } else { &leading[..] }, &matrix[..]].concat();
        rounded(between(-1.0, 1.0, seed, &shape), dtype)
    };
    let (a, b) = (operand(11, m, k, op.transpose_a), operand(12, k, n, op.transpose_b));
    let engine = cpu::Options { threads: options.threads, tile_rows: None, level: None };
    // Building and planning the graph is part of the first call.
    let mut function = None;
    let mut step = || {
        let function = function.get_or_insert_with(|| {
            let mut builder = Builder::new("matmul");
            let (x, y) = (builder.input("a", a.ty()), builder.input("b", b.ty()));
            let z = builder.apply(Arc::new(op), &[x, y]);
            Function::new(builder.finish(vec![z]), Backend::Cpu(engine.clone()))
        });
        let call = || function.call(&[&a, &b]).expect("the arguments fit").remove(0);
        (1..repeat).for_each(|_| {
            std::hint::black_box(call());
        });
        call()
    };
    let answer = |result: Tensor| {
        let result = rounded(result, DType::F64);
        let values = result.values::<f64>();
        Answer::new(values.first().copied().unwrap_or(0.0), [values])
    };
    if !serve {
        return println!("{}", Run::measure("matmul", &options, step, answer).json());
    }
    println!("{}", serde_json::to_string(&answer(step())).expect("numbers are always JSON"));
    for _ in std::io::stdin().lock().lines() {
        let start = Instant::now();
        step();
        println!("{}", start.elapsed().as_secs_f64());
    }
}
