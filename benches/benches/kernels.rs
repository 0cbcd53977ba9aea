//! Tessera alone, to see what a change did: the PINN step, sums, products and elementary functions.
//! Each benchmark first checks its answer against the reference.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tessera_core::exec::{Backend, Function, cpu::Options};
use tessera_core::ir::Builder;
use tessera_core::numerics::dispatch::Level;
use tessera_core::numerics::math::{UnaryFn, map_unary};
use tessera_core::numerics::tree;
use tessera_core::{DType, Extent, Tensor, Type};
use tessera_testing::data::between;
use tessera_testing::problems::{self, LAYERS};

fn engine(threads: usize) -> Backend {
    Backend::Cpu(Options { threads, ..Options::default() })
}

fn pinn_step(c: &mut Criterion) {
    let mut group = c.benchmark_group("pinn_step");
    group.sample_size(10);
    for dtype in [DType::F64, DType::F32] {
        let graph = problems::burgers_step(dtype, &LAYERS);
        let parameters = problems::parameters(dtype, &LAYERS);
        for points in [1_000, 10_000] {
            let x = problems::burgers_points(dtype, points);
            let inputs: Vec<&Tensor> = parameters.iter().chain([&x]).collect();
            for threads in [1, 2] {
                let function = Function::new(graph.clone(), engine(threads));
                let step = function.prepare(&inputs).expect("the arguments fit");
                if points == 1_000 {
                    let want = Function::new(graph.clone(), Backend::Reference).call(&inputs).expect("fits");
                    assert!(want.iter().zip(step.run(&inputs)).all(|(want, got)| want.same_bits(&got)));
                }
                group.throughput(Throughput::Elements(points as u64));
                let id = BenchmarkId::new(format!("{dtype}/{threads} threads"), points);
                group.bench_function(id, |b| b.iter(|| black_box(step.run(&inputs))));
            }
        }
    }
    group.finish();
}

fn sum(c: &mut Criterion) {
    let mut group = c.benchmark_group("sum");
    for n in [1_000, 100_000, 10_000_000] {
        let x = between(-1.0, 1.0, 1, &[n]);
        let x = x.values::<f64>();
        assert_eq!(tree::sum(Level::detect(), x).to_bits(), tree::sum_reference(x).to_bits());
        group.throughput(Throughput::Bytes(8 * n as u64));
        group.bench_function(BenchmarkId::new("f64", n), |b| {
            b.iter(|| tree::sum(Level::detect(), black_box(x)))
        });
    }
    group.finish();
}

fn product(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul 10000x64x64");
    for dtype in [DType::F64, DType::F32] {
        let mut b = Builder::new("product");
        let x = b.input("x", Type::new(dtype, [Extent::Dynamic, Extent::Static(64)]));
        let w = b.input("w", Type::new(dtype, [64, 64]));
        let y = b.matmul(x, w);
        let graph = b.finish(vec![y]);
        let x = problems::rounded(between(-1.0, 1.0, 1, &[10_000, 64]), dtype);
        let w = problems::rounded(between(-1.0, 1.0, 2, &[64, 64]), dtype);
        let function = Function::new(graph.clone(), engine(1));
        let ready = function.prepare(&[&x, &w]).expect("fits");
        let want = Function::new(graph, Backend::Reference).call(&[&x, &w]).expect("fits");
        assert!(want[0].same_bits(&ready.run(&[&x, &w])[0]));
        group.throughput(Throughput::Elements(2 * 10_000 * 64 * 64));
        group.bench_function(BenchmarkId::new(dtype.name(), "1 thread"), |b| {
            b.iter(|| black_box(ready.run(&[&x, &w])));
        });
    }
    group.finish();
}

fn functions(c: &mut Criterion) {
    let mut group = c.benchmark_group("function f64");
    let x = between(-4.0, 4.0, 1, &[16_384]);
    let mut out = vec![0.0; x.len()];
    group.throughput(Throughput::Elements(x.len() as u64));
    for &function in UnaryFn::ALL {
        let mut want = vec![0.0; x.len()];
        map_unary(Level::Scalar, function, x.values::<f64>(), &mut want);
        map_unary(Level::detect(), function, x.values::<f64>(), &mut out);
        let bits =
            |v: &[f64]| v.iter().map(|&v| tessera_core::tensor::canonical_bits_f64(v)).collect::<Vec<_>>();
        assert_eq!(bits(&want), bits(&out));
        group.bench_function(function.name(), |b| {
            b.iter(|| map_unary(Level::detect(), function, black_box(x.values::<f64>()), &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, pinn_step, sum, product, functions);
criterion_main!(benches);
