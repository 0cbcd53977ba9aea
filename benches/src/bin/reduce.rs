//! Sums and dot products of long vectors: `benches/README.md`. With `--yardstick`, beside plain loops of this file.

use clap::{Parser, ValueEnum};
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;
use tessera_bench::{Answer, Options, Run};
use tessera_core::exec::{Backend, Executable, Function, cpu};
use tessera_core::ir::Builder;
use tessera_core::numerics::dispatch::{Level, dispatch};
use tessera_core::numerics::lanes::Real;
use tessera_core::numerics::reduce::Sum;
use tessera_core::numerics::reduce::line::Line;
use tessera_core::ops::{Dot, Reduce, Reduction, Stable};
use tessera_core::{DType, Tensor, Type};
use tessera_testing::data::unit;
use tessera_testing::problems;

/// Time a reduction; `--points` are its elements.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// What is computed.
    #[arg(long, value_enum, default_value = "sum")]
    operation: Operation,
    /// How its error is kept small.
    #[arg(long)]
    stable: Option<String>,
    /// Print a table of ratios to plain loops instead of a record.
    #[arg(long)]
    yardstick: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Operation {
    /// Σ x.
    Sum,
    /// Σ x·y.
    Dot,
    /// The largest element.
    Max,
    /// Rows of 1000 summed: axis 1.
    Rows,
    /// Columns of 1000 summed: axis 0.
    Columns,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Sum => "sum",
            Operation::Dot => "dot",
            Operation::Max => "max",
            Operation::Rows => "rows",
            Operation::Columns => "columns",
        }
    }

    fn shape(self, elements: usize) -> Vec<usize> {
        match self {
            Operation::Rows | Operation::Columns => vec![elements / 1000, 1000],
            _ => vec![elements],
        }
    }

    /// The prepared graph of one operation.
    fn prepare(self, stable: Option<Stable>, inputs: &[&Tensor], threads: usize) -> Arc<dyn Executable> {
        let mut b = Builder::new("reduce");
        let x: Vec<_> =
            inputs.iter().map(|x| b.input("x", Type::new(x.dtype(), x.shape().to_vec()))).collect();
        let reduce = |reduction, axis| {
            let stable = stable.filter(|_| reduction == Reduction::Sum);
            Arc::new(Reduce { reduction, axes: Some(vec![axis]), stable })
        };
        let y = match self {
            Operation::Dot => b.apply(Arc::new(Dot { stable }), &x),
            Operation::Max => b.apply(reduce(Reduction::Max, 0), &x),
            Operation::Rows => b.apply(reduce(Reduction::Sum, 1), &x),
            Operation::Sum | Operation::Columns => b.apply(reduce(Reduction::Sum, 0), &x),
        };
        let options = cpu::Options { threads, ..cpu::Options::default() };
        Function::new(b.finish(vec![y]), Backend::Cpu(options)).prepare(inputs).expect("the arguments fit")
    }
}

/// `unit(seed, 1..)` rounded to the dtype.
fn data(seed: u64, dtype: DType, shape: &[usize]) -> Tensor {
    let n: u64 = shape.iter().product::<usize>() as u64;
    problems::rounded(Tensor::new(shape, (1..=n).map(|i| unit(seed, i)).collect()), dtype)
}

/// The name of Tessera's form with a policy.
fn implementation(stable: Option<Stable>) -> &'static str {
    match stable {
        None | Some(Stable::Pairwise) => "tessera",
        Some(Stable::Kahan) => "tessera_kahan",
        Some(Stable::DoubleDouble) => "tessera_double_double",
    }
}

fn main() {
    let Arguments { options, operation, stable, yardstick } = Arguments::parse();
    let stable =
        stable.map(|name| Stable::ALL.into_iter().find(|s| s.name() == name).expect("a policy's name"));
    if yardstick {
        return yardsticks();
    }
    let dtype = options.dtype();
    let shape = operation.shape(options.points);
    let mut inputs = vec![data(5, dtype, &shape)];
    if operation == Operation::Dot {
        inputs.push(data(6, dtype, &shape));
    }
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let mut ready = None;
    let step = || {
        let ready = ready.get_or_insert_with(|| operation.prepare(stable, &inputs, options.threads));
        ready.run(black_box(&inputs))
    };
    let run = Run::measure("reduce", &options, step, |outputs: Vec<Tensor>| {
        let wide = problems::rounded(outputs[0].clone(), DType::F64);
        Answer::new(wide.values::<f64>()[0], [])
    });
    println!("{}", run.named(implementation(stable)).json());
}

/// The time of each operation as a multiple of the plain loop's, on one thread, in turn with it: of the kernel alone
/// where it is named so, else of a call of a prepared graph.
fn yardsticks() {
    println!("{:>17} {:>5} {:>9} {:>10} {:>7}", "operation", "dtype", "elements", "loop GB/s", "ratio");
    for n in [4_096, 100_000, 10_000_000] {
        yardstick::<f64>(n);
        yardstick::<f32>(n);
    }
}

fn yardstick<T: Real>(n: usize) {
    let (x, y) = (data(5, T::DTYPE, &[n]), data(6, T::DTYPE, &[n]));
    let print = |name: &str, operands: usize, ours: &mut dyn FnMut()| {
        let plain = || {
            black_box(if operands == 2 { plain::dot(&x, &y) } else { plain::sum(&x) });
        };
        let (ratio, seconds) = ratio(n, ours, plain);
        let rate = (n * operands * size_of::<T>()) as f64 / seconds * 1e-9;
        println!("{name:>17} {:>5} {n:>9} {rate:>10.1} {ratio:>7.3}", T::DTYPE.name());
    };
    let level = Level::current();
    print("kernel of sum", 1, &mut || {
        black_box(dispatch(level, Line { x: [x.values::<T>()], reducer: PhantomData::<Sum> }));
    });
    print("kernel of dot", 2, &mut || {
        black_box(dispatch(level, Line { x: [x.values::<T>(), y.values()], reducer: PhantomData::<Sum> }));
    });
    for (operation, stable) in [
        (Operation::Sum, None),
        (Operation::Dot, None),
        (Operation::Max, None),
        (Operation::Sum, Some(Stable::Kahan)),
        (Operation::Dot, Some(Stable::Kahan)),
        (Operation::Sum, Some(Stable::DoubleDouble)),
        (Operation::Dot, Some(Stable::DoubleDouble)),
    ] {
        let operands = [&x, &y];
        let operands = &operands[..if operation == Operation::Dot { 2 } else { 1 }];
        let ready = operation.prepare(stable, operands, 1);
        let name = operation.name();
        let name = stable.map_or(name.to_string(), |stable: Stable| format!("{} {name}", stable.name()));
        print(&name, operands.len(), &mut || {
            black_box(ready.run(black_box(operands)));
        });
    }
}

/// The median over rounds of the ratio of times, and the least time of `b`.
fn ratio(n: usize, mut a: impl FnMut(), mut b: impl FnMut()) -> (f64, f64) {
    let calls = (2_000_000 / n).max(1);
    let time = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..calls).for_each(|_| f());
        start.elapsed().as_secs_f64() / calls as f64
    };
    let mut rounds: Vec<(f64, f64)> = (0..31).map(|_| (time(&mut a), time(&mut b))).collect();
    rounds.sort_by(|x, y| (x.0 / x.1).total_cmp(&(y.0 / y.1)));
    let least = rounds.iter().map(|r| r.1).fold(f64::INFINITY, f64::min);
    (rounds[rounds.len() / 2].0 / rounds[rounds.len() / 2].1, least)
}

/// The best plain loops: vectors of 512 bits, eight accumulators, any order.
mod plain {
    use tessera_core::{DType, Tensor};

    macro_rules! loops {
        ($sum:ident, $dot:ident, $t:ident, $width:literal, $vector:ident, $zero:ident, $load:ident, $add:ident, $fma:ident, $reduce:ident) => {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            fn $sum(x: &[$t]) -> $t {
                use std::arch::x86_64::*;
                let mut sums: [$vector; 8] = [$zero(); 8];
                let mut chunks = x.chunks_exact(8 * $width);
                for chunk in &mut chunks {
                    for (i, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: a chunk holds eight vectors.
                        *sum = $add(*sum, unsafe { $load(chunk.as_ptr().add(i * $width)) });
                    }
                }
                let rest: $t = chunks.remainder().iter().sum();
                rest + $reduce(sums.into_iter().reduce(|a, b| $add(a, b)).expect("eight"))
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            fn $dot(x: &[$t], y: &[$t]) -> $t {
                use std::arch::x86_64::*;
                let mut sums: [$vector; 8] = [$zero(); 8];
                let (mut xs, mut ys) = (x.chunks_exact(8 * $width), y.chunks_exact(8 * $width));
                for (x, y) in (&mut xs).zip(&mut ys) {
                    for (i, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: a chunk holds eight vectors.
                        let (x, y) =
                            unsafe { ($load(x.as_ptr().add(i * $width)), $load(y.as_ptr().add(i * $width))) };
                        *sum = $fma(x, y, *sum);
                    }
                }
                let rest: $t = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| x * y).sum();
                rest + $reduce(sums.into_iter().reduce(|a, b| $add(a, b)).expect("eight"))
            }
        };
    }
    loops!(
        sum_f64,
        dot_f64,
        f64,
        8,
        __m512d,
        _mm512_setzero_pd,
        _mm512_loadu_pd,
        _mm512_add_pd,
        _mm512_fmadd_pd,
        _mm512_reduce_add_pd
    );
    loops!(
        sum_f32,
        dot_f32,
        f32,
        16,
        __m512,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_add_ps,
        _mm512_fmadd_ps,
        _mm512_reduce_add_ps
    );

    #[cfg(target_arch = "x86_64")]
    fn assert_level() {
        if !is_x86_feature_detected!("avx512f") {
            refuse();
        }
    }

    /// Ends the program: the loops are for one SIMD level only.
    fn refuse() -> ! {
        eprintln!("error: --yardstick needs a processor with AVX-512, for which its plain loops are written");
        std::process::exit(2);
    }

    #[cfg(target_arch = "x86_64")]
    pub fn sum(x: &Tensor) -> f64 {
        assert_level();
        // SAFETY: the machine has AVX-512 F.
        unsafe {
            match x.dtype() {
                DType::F32 => sum_f32(x.values()) as f64,
                _ => sum_f64(x.values()),
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    pub fn dot(x: &Tensor, y: &Tensor) -> f64 {
        assert_level();
        // SAFETY: the machine has AVX-512 F.
        unsafe {
            match x.dtype() {
                DType::F32 => dot_f32(x.values(), y.values()) as f64,
                _ => dot_f64(x.values(), y.values()),
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub fn sum(_: &Tensor) -> f64 {
        refuse()
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub fn dot(_: &Tensor, _: &Tensor) -> f64 {
        refuse()
    }
}
