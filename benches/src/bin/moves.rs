//! Operations that move, order and count elements, and the rounds of loops: `benches/README.md`. A line of JSON for each.

use clap::Parser;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use tessera_core::exec::{Backend, Function, cpu};
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::ops::{
    Argsort, Compare, Cumsum, Direction, Distribution, Fold, Function as Elementary, Gather, Half, Op,
    Random, RandomBits, Scan, ScatterAdd, Sort, While, Windows,
};
use tessera_core::{DType, Tensor, Type};
use tessera_testing::data::between;

/// Time operations on `--points` elements; medians of `--repeat` calls.
#[derive(Parser)]
struct Arguments {
    /// Elements.
    #[arg(long, default_value_t = 1_000_000)]
    points: usize,
    /// Threads; 0 is one for each core.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Calls.
    #[arg(long, default_value_t = 15)]
    repeat: usize,
    /// Only operations whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
}

/// How many places `scatter_add` adds to and `gather` takes from, where they are few.
const PLACES: usize = 1000;
/// Rounds of a loop.
const ROUNDS: usize = 10_000;

/// A name, a graph of one operation, and its operands.
type Case = (&'static str, Graph, Vec<Tensor>);

fn main() {
    let arguments = Arguments::parse();
    for (name, graph, inputs) in cases(arguments.points).into_iter().chain(loops()) {
        if !name.contains(&arguments.only) {
            continue;
        }
        let options = cpu::Options { threads: arguments.threads, ..cpu::Options::default() };
        let function = Function::new(graph, Backend::Cpu(options));
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let call = || function.call(&inputs).expect("the arguments fit");
        let digest = call()[0].digest();
        let mut times: Vec<f64> = (0..arguments.repeat.max(1))
            .map(|_| {
                let start = Instant::now();
                black_box(call());
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let (median, threads) = (times[times.len() / 2], arguments.threads);
        println!(
            r#"{{"impl": "tessera", "operation": "{name}", "threads": {threads}, "ms": {median:.4}, "digest": "{}"}}"#,
            &digest[..16]
        );
    }
}

fn one(name: &'static str, inputs: Vec<Tensor>, body: impl Fn(&mut Builder, &[Value]) -> Value) -> Case {
    let mut b = Builder::new(name);
    let x: Vec<Value> = inputs.iter().enumerate().map(|(i, x)| b.input(&format!("x{i}"), x.ty())).collect();
    let y = body(&mut b, &x);
    (name, b.finish(vec![y]), inputs)
}

fn cases(n: usize) -> Vec<Case> {
    let x = || between(-1.0, 1.0, 1, &[n]);
    let below = |places: usize| {
        let unit = between(0.0, 1.0, 2, &[n]);
        Tensor::new([n], unit.values::<f64>().iter().map(|u| (u * places as f64) as i64).collect::<Vec<_>>())
    };
    let integers = |seed| {
        let wide = between(-1e9, 1e9, seed, &[n]);
        Tensor::new([n], wide.values::<f64>().iter().map(|x| *x as i64).collect::<Vec<_>>())
    };
    let seed = || Tensor::scalar(7_u64);
    let apply = |op: Op| move |b: &mut Builder, x: &[Value]| b.apply(op.clone(), x);
    let draw = |distribution| -> Op { Arc::new(Random::new(distribution, 1, Type::new(DType::F64, [n]))) };
    let side = n.isqrt();
    let index = Tensor::new([n], (0..n as i64).collect());
    vec![
        one("cumsum", vec![x()], apply(Arc::new(Cumsum { axis: 0, reverse: false }))),
        one("cumsum_reverse", vec![x()], apply(Arc::new(Cumsum { axis: 0, reverse: true }))),
        one("gather", vec![x(), below(n)], apply(Arc::new(Gather::new(0, 0)))),
        one("scatter_add", vec![x(), below(n)], apply(Arc::new(ScatterAdd::new(0, 0, Some(n))))),
        one(
            "scatter_add_few",
            vec![x(), below(PLACES)],
            apply(Arc::new(ScatterAdd::new(0, 0, Some(PLACES)))),
        ),
        one("sort", vec![x()], apply(Arc::new(Sort { axis: 0 }))),
        one("argsort", vec![x()], apply(Arc::new(Argsort { axis: 0 }))),
        one("fold", vec![between(-1.0, 1.0, 1, &[3, 3, side, side])], move |b, x| {
            let like = b.full_like(x[0], 0.0);
            let like = b.slice(like, 0, 0..1);
            let like = b.slice(like, 1, 0..1);
            let like = b.reshape(like, &[side as i64, side as i64]);
            let windows = Windows { low: vec![1, 1], high: vec![1, 1], ..Windows::of(&[3, 3]) };
            b.apply(Arc::new(Fold { windows }), &[x[0], like])
        }),
        one("random_bits", vec![seed(), index], apply(Arc::new(RandomBits { stream: 1, half: Half::Low }))),
        one("random_uniform", vec![seed()], apply(draw(Distribution::Uniform))),
        one("random_normal", vec![seed()], apply(draw(Distribution::Normal))),
        one("add_i64", vec![integers(3), integers(4)], |b, x| b.add(x[0], x[1])),
        one("xor_i64", vec![integers(3), integers(4)], |b, x| b.elementwise(Elementary::Xor, x)),
        one(
            "less_i64",
            vec![integers(3), integers(4)],
            apply(Arc::new(Compare { direction: Direction::Lt })),
        ),
    ]
}

/// Loops of ROUNDS rounds of u ← sin(k u), on one number: what a round costs besides.
fn loops() -> Vec<Case> {
    let step = |counts: bool| {
        let mut b = Builder::new("step");
        let (u, k) = (b.input("u", Type::scalar(DType::F64)), b.input("k", Type::scalar(DType::F64)));
        let n = b.input("n", Type::scalar(DType::I64));
        let ku = b.mul(k, u);
        let next = b.sin(ku);
        let one = b.number(DType::I64, 1.0);
        let more = b.add(n, one);
        Arc::new(b.finish(if counts { vec![next, more] } else { vec![next] }))
    };
    let below = {
        let mut b = Builder::new("below");
        b.input("u", Type::scalar(DType::F64));
        let n = b.input("n", Type::scalar(DType::I64));
        b.input("k", Type::scalar(DType::F64));
        let last = b.number(DType::I64, ROUNDS as f64);
        let holds = b.compare(Direction::Lt, n, last);
        Arc::new(b.finish(vec![holds]))
    };
    let counting = {
        let mut b = Builder::new("counting");
        let (u, n) = (b.input("u", Type::scalar(DType::F64)), b.input("n", Type::scalar(DType::I64)));
        let k = b.input("k", Type::scalar(DType::F64));
        let outputs = b.inline(&step(true), &[u, k, n]).expect("types fit");
        Arc::new(b.finish(outputs))
    };
    let numbers = || vec![Tensor::scalar(0.5), Tensor::scalar(2.0), Tensor::scalar(0_i64)];
    let scan: Op = Arc::new(Scan::new(step(false), 1, 0).length(ROUNDS));
    let looped: Op = Arc::new(While::new(below, counting, 2));
    vec![
        one("scan_10000_rounds", numbers(), move |b, x| b.apply(scan.clone(), x)),
        one("while_10000_rounds", numbers(), move |b, x| b.apply(looped.clone(), &[x[0], x[2], x[1]])),
    ]
}
