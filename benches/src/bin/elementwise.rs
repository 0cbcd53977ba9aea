//! Elementary functions over arrays that stay in cache: `benches/README.md`. One record a function.

use clap::{Parser, ValueEnum};
use serde::Serialize;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use tessera_bench::{Answer, Options, Precision, Run};
use tessera_core::exec::Function as Callable;
use tessera_core::ir::{Builder, Graph};
use tessera_core::numerics::dispatch::Level;
use tessera_core::numerics::lanes::Real;
use tessera_core::numerics::math::{UnaryFn, map_pow, map_unary};
use tessera_core::ops::Function;
use tessera_core::{DType, Extent, Tensor, Type};
use tessera_testing::data::between;
use tessera_testing::problems::rounded;

/// Time elementary functions of `--points` elements.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// What is called.
    #[arg(long, value_enum, default_value = "graph")]
    form: Form,
    /// A folder for the results, little-endian: `<impl>-<function>`.
    #[arg(long)]
    values: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// A prepared graph of the one operation.
    Graph,
    /// The kernel on slices: one thread, no memory to find.
    Map,
}

impl Form {
    fn implementation(self) -> &'static str {
        match self {
            Form::Graph => "tessera_graph",
            Form::Map => "tessera_map",
        }
    }
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

/// A record with its function.
#[derive(Serialize)]
struct Row {
    function: &'static str,
    #[serde(flatten)]
    run: Run,
}

fn main() {
    let arguments = Arguments::parse();
    match arguments.options.dtype {
        Precision::F64 => measure::<f64>(&arguments),
        Precision::F32 => measure::<f32>(&arguments),
    }
}

fn measure<T: Real>(Arguments { options, form, values }: &Arguments) {
    for case @ (name, ..) in CASES {
        let (x, y) = inputs(T::DTYPE, case, options.points);
        let answer = |y: Tensor| {
            save(values.as_deref(), form.implementation(), name, &y);
            Answer::new(0.0, [rounded(y, DType::F64).values::<f64>()])
        };
        let run = match form {
            Form::Map => {
                let slices = (x.values::<T>(), y.values::<T>());
                let mut out = vec![T::ZERO; options.points];
                map(name, slices, &mut out);
                let result = Tensor::new([options.points], out.clone());
                let step = || map(name, black_box(slices), black_box(&mut out));
                Run::measure("elementwise", options, step, |()| answer(result))
            }
            Form::Graph => {
                let Some(function) = Function::all().find(|function| function.name() == name) else {
                    continue;
                };
                let inputs = [&x, &y];
                let inputs = &inputs[..function.arity()];
                let mut ready = None;
                let step = || {
                    let prepare =
                        || Callable::new(graph(T::DTYPE, function), options.backend()).prepare(inputs);
                    let ready = ready.get_or_insert_with(|| prepare().expect("the arguments fit"));
                    ready.run(black_box(inputs)).remove(0)
                };
                Run::measure("elementwise", options, step, answer)
            }
        };
        let row = Row { function: name, run: run.named(form.implementation()) };
        println!("{}", serde_json::to_string(&row).expect("a record of numbers and text is always JSON"));
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

fn graph(dtype: DType, function: Function) -> Graph {
    let mut b = Builder::new(function.name());
    let ty = Type::new(dtype, [Extent::Dynamic]);
    let x: Vec<_> = ["x", "y"][..function.arity()].iter().map(|name| b.input(name, ty.clone())).collect();
    let y = b.elementwise(function, &x);
    b.finish(vec![y])
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
