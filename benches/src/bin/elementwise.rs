//! Elementary functions over arrays that stay in cache, one thread: `benches/README.md`.
//!
//! Each function is timed twice: `map`, the kernel on slices, and `graph`, a call of a graph with that one operation.

use clap::Parser;
use serde::Serialize;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tessera_bench::Precision;
use tessera_core::exec::{Backend, Function as Callable, cpu};
use tessera_core::ir::Builder;
use tessera_core::numerics::dispatch::Level;
use tessera_core::numerics::lanes::Real;
use tessera_core::numerics::math::{UnaryFn, map_pow, map_unary};
use tessera_core::ops::Function;
use tessera_core::{DType, Extent, Tensor, Type};
use tessera_testing::data::between;
use tessera_testing::problems::rounded;

/// Time elementary functions.
#[derive(Parser)]
struct Arguments {
    /// Element type.
    #[arg(long, value_enum, default_value = "f64")]
    dtype: Precision,
    /// Seconds for each function and size.
    #[arg(long, default_value_t = 0.15)]
    seconds: f64,
    /// A folder for the results, little-endian: `<impl>-<function>`.
    #[arg(long)]
    values: Option<PathBuf>,
    /// One line of JSON a function (the only form there is).
    #[arg(long)]
    json: bool,
}

/// A function, and where its first and second argument lie.
type Case = (&'static str, (f64, f64), (f64, f64));

/// The workload; `benches/peers/elementwise.py` has the same.
const CASES: [Case; 11] = [
    ("copy", (-1.0, 1.0), (0.0, 0.0)),
    ("exp", (-20.0, 20.0), (0.0, 0.0)),
    ("expm1", (-2.0, 2.0), (0.0, 0.0)),
    ("log", (1e-6, 100.0), (0.0, 0.0)),
    ("log1p", (-0.9, 10.0), (0.0, 0.0)),
    ("sin", (-10.0, 10.0), (0.0, 0.0)),
    ("cos", (-10.0, 10.0), (0.0, 0.0)),
    ("tanh", (-4.0, 4.0), (0.0, 0.0)),
    ("sigmoid", (-10.0, 10.0), (0.0, 0.0)),
    ("erf", (-4.0, 4.0), (0.0, 0.0)),
    ("pow", (0.1, 10.0), (-5.0, 5.0)),
];

/// Elements of the array that is reported, and of the larger one that separates the cost of a call from that of an element.
const SIZES: [usize; 2] = [16_384, 49_152];

/// What was measured of one function: `benches/README.md` says what each key means.
#[derive(Serialize)]
struct Record {
    workload: &'static str,
    #[serde(rename = "impl")]
    implementation: &'static str,
    version: &'static str,
    function: &'static str,
    dtype: Precision,
    threads: usize,
    elements: usize,
    call_ns: f64,
    element_ns: f64,
}

fn main() {
    let arguments = Arguments::parse();
    match arguments.dtype {
        Precision::F64 => measure::<f64>(&arguments),
        Precision::F32 => measure::<f32>(&arguments),
    }
}

fn measure<T: Real>(arguments: &Arguments) {
    for case @ (name, ..) in CASES {
        let mut seconds = [[0.0; 2]; 2];
        for (i, n) in SIZES.into_iter().enumerate() {
            let (x, y) = inputs(T::DTYPE, case, n);
            let mut out = vec![T::ZERO; n];
            let values = (x.values::<T>(), y.values::<T>());
            seconds[0][i] = best(arguments.seconds, || map(name, black_box(values), black_box(&mut out)));
            save(arguments.values.as_deref(), "tessera_map", name, &Tensor::new([n], out));
            let Some(function) = Function::all().find(|function| function.name() == name) else { continue };
            let inputs = [&x, &y];
            let inputs = &inputs[..function.arity()];
            let graph = graph(T::DTYPE, function);
            let engine = Backend::Cpu(cpu::Options { threads: 1, ..cpu::Options::default() });
            let ready = Callable::new(graph, engine).prepare(inputs).expect("the arguments fit");
            seconds[1][i] = best(arguments.seconds, || drop(black_box(ready.run(black_box(inputs)))));
            save(arguments.values.as_deref(), "tessera_graph", name, &ready.run(inputs)[0]);
        }
        for (implementation, seconds) in ["tessera_map", "tessera_graph"].into_iter().zip(seconds) {
            if seconds[0] > 0.0 {
                println!("{}", record(implementation, name, arguments.dtype, seconds));
            }
        }
    }
}

fn inputs(dtype: DType, (_, x, y): Case, n: usize) -> (Tensor, Tensor) {
    let input = |(low, high), seed| rounded(between(low, high, seed, &[n]), dtype);
    (input(x, 9), input(y, 10))
}

fn map<T: Real>(name: &str, (x, y): (&[T], &[T]), out: &mut [T]) {
    match name {
        "copy" => out.copy_from_slice(x),
        "pow" => map_pow(Level::current(), x, y, out),
        _ => {
            let function = UnaryFn::ALL.iter().find(|function| function.name() == name);
            map_unary(Level::current(), *function.expect("a row of CASES"), x, out);
        }
    }
}

fn graph(dtype: DType, function: Function) -> tessera_core::ir::Graph {
    let mut b = Builder::new(function.name());
    let ty = Type::new(dtype, [Extent::Dynamic]);
    let x: Vec<_> = ["x", "y"][..function.arity()].iter().map(|name| b.input(name, ty.clone())).collect();
    let y = b.elementwise(function, &x);
    b.finish(vec![y])
}

/// The shortest time of a call, over samples of about 0.2 ms each.
fn best(seconds: f64, mut call: impl FnMut()) -> f64 {
    let mut sample = |calls: usize| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() / calls as f64
    };
    sample(3);
    let calls = (2e-4 / sample(3)).ceil() as usize;
    let end = Instant::now();
    let mut best = f64::INFINITY;
    while end.elapsed().as_secs_f64() < seconds {
        best = best.min(sample(calls));
    }
    best
}

fn record(
    implementation: &'static str,
    function: &'static str,
    dtype: Precision,
    seconds: [f64; 2],
) -> String {
    let record = Record {
        workload: "elementwise",
        implementation,
        version: concat!("tessera ", env!("CARGO_PKG_VERSION")),
        function,
        dtype,
        threads: 1,
        elements: SIZES[0],
        call_ns: 1e9 * seconds[0] / SIZES[0] as f64,
        element_ns: 1e9 * (seconds[1] - seconds[0]) / (SIZES[1] - SIZES[0]) as f64,
    };
    serde_json::to_string(&record).expect("a record of numbers and text is always JSON")
}

/// Writes results for the comparison, which finds their errors.
fn save(folder: Option<&Path>, implementation: &str, function: &str, y: &Tensor) {
    let Some(folder) = folder else { return };
    let bytes: Vec<u8> = match y.dtype() {
        DType::F64 => y.values::<f64>().iter().flat_map(|x| x.to_le_bytes()).collect(),
        _ => y.values::<f32>().iter().flat_map(|x| x.to_le_bytes()).collect(),
    };
    let path = folder.join(format!("{implementation}-{function}"));
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
