//! Golden digests: `digests/golden.txt` holds for every SIMD level, number of threads and tile size.
//!
//! The entries: every sample of every operation; every elementary function on arguments from all over its domain; whole
//! programs (PINN step, attention, Hessian-vector product, derivatives of high order, random programs, a training).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tessera_core::ad::{backward, forward};
use tessera_core::diagnostic::Source;
use tessera_core::exec::cpu::Options;
use tessera_core::exec::{Backend, Function};
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::numerics::dispatch::Level;
use tessera_core::numerics::lanes::Real;
use tessera_core::numerics::math::{UnaryFn, map_pow, map_unary};
use tessera_core::numerics::{VERSION, math};
use tessera_core::{DType, Extent, Tensor, Type, ops, text};
use tessera_pinn::case::Case;
use tessera_pinn::trainer::Trainer;
use tessera_testing::data::{between, unit};
use tessera_testing::golden::{Entries, Golden};
use tessera_testing::problems::{self, Pde, mlp, rounded};
use tessera_testing::samples;

#[test]
fn results_have_the_golden_digests() {
    let path = folder().join("golden.txt");
    let golden = Golden::parse(&read("golden.txt")).unwrap_or_else(|fault| panic!("{fault}"));
    let now = entries(&Options { threads: 1, ..Options::default() });
    if std::env::var_os("BLESS").is_some_and(|value| value != "0") {
        let blessed = golden.blessed(VERSION, now).unwrap_or_else(|refusal| panic!("{refusal}"));
        std::fs::write(&path, blessed.text()).expect("digests/golden.txt can be written");
    } else if let Err(faults) = golden.check(VERSION, &now) {
        panic!("digests/golden.txt:\n{faults}");
    }
}

#[test]
fn no_choice_of_the_engine_shows_in_a_digest() {
    let levels: Vec<Level> = Level::available().collect();
    let want = entries(&Options { threads: 1, ..Options::default() });
    let tiles = [Some(24), None, Some(256)];
    for threads in 1..=8 {
        let (level, tile_rows) = (levels[threads % levels.len()], tiles[threads / 2 % tiles.len()]);
        let got = entries(&Options { threads, level: Some(level), tile_rows });
        for (name, digest) in &want {
            assert_eq!(
                got.get(name),
                Some(digest),
                "{name} at {level}, {threads} threads, tiles of {tile_rows:?} rows"
            );
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../digests")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("digests/{name}: {error}"))
}

/// Every digest, computed by the CPU engine.
fn entries(options: &Options) -> Entries {
    let mut digests = Digests { options: options.clone(), entries: Entries::new() };
    for sample in samples::all() {
        digests.run(&sample.what, &sample.graph, &sample.inputs(7, 300));
    }
    for dtype in [DType::F64, DType::F32] {
        programs(&mut digests, dtype);
    }
    random_programs(&mut digests);
    functions::<f64>(&mut digests, &arguments_f64());
    functions::<f32>(&mut digests, &arguments_f32());
    training(&mut digests);
    digests.entries
}

struct Digests {
    options: Options,
    entries: Entries,
}

impl Digests {
    fn add(&mut self, name: String, tensor: &Tensor) {
        let before = self.entries.insert(name.clone(), tensor.digest());
        assert!(before.is_none(), "two entries have the name `{name}`");
    }

    fn run(&mut self, name: &str, graph: &Graph, inputs: &[Tensor]) {
        let function = Function::new(graph.clone(), Backend::Cpu(self.options.clone()));
        let results = function.call(&inputs.iter().collect::<Vec<_>>());
        let results = results.unwrap_or_else(|error| panic!("{name}: {error}"));
        for (i, result) in results.iter().enumerate() {
            let name = if results.len() == 1 { name.to_string() } else { format!("{name}, result {i}") };
            self.add(name, result);
        }
    }
}

/// Numbers of every size and both signs, two thousand of them of ordinary size, and the special ones.
fn arguments_f64() -> Vec<f64> {
    let every_size = (0..16_384).map(|i| f64::from_bits(((i % 4096) << 52) | (random(1, i) >> 12)));
    let ordinary = (0..2048).map(|i| 40.0 * unit(2, i) - 20.0);
    let special = [0.0, f64::INFINITY, f64::NAN, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1.0, 0.5, 2.0, 1e22];
    every_size.chain(ordinary).chain(special).chain(special.map(|x| -x)).collect()
}

/// The same of f32.
fn arguments_f32() -> Vec<f32> {
    let every_size = (0..16_384).map(|i| f32::from_bits((((i % 512) << 23) | (random(3, i) >> 41)) as u32));
    let ordinary = (0..2048).map(|i| (40.0 * unit(4, i) - 20.0) as f32);
    let special = [0.0, f32::INFINITY, f32::NAN, f32::MAX, f32::MIN_POSITIVE, 1e-45, 1.0, 0.5, 2.0, 1e22];
    every_size.chain(ordinary).chain(special).chain(special.map(|x| -x)).collect()
}

/// 64 bits, of which the upper 53 are random.
fn random(seed: u64, i: u64) -> u64 {
    ((unit(seed, i + 1) * 9_007_199_254_740_992.0) as u64) << 11
}

fn functions<T: Real + math::Elementary>(digests: &mut Digests, x: &[T]) {
    let level = digests.options.level.unwrap_or_else(Level::current);
    let mut out = vec![T::ZERO; x.len()];
    for &function in UnaryFn::ALL {
        map_unary(level, function, x, &mut out);
        digests
            .add(format!("function {} {}", function.name(), T::DTYPE), &Tensor::new([x.len()], out.clone()));
    }
    // Pairs of all with all others: the second operand is the first, moved on by a number prime to the length.
    let mut y = x.to_vec();
    for shift in [0, 997, 7919] {
        y.rotate_left(shift);
        map_pow(level, x, &y, &mut out);
        let name = format!("function pow {}, pairs {shift} apart", T::DTYPE);
        digests.add(name, &Tensor::new([x.len()], out.clone()));
    }
}

fn programs(digests: &mut Digests, dtype: DType) {
    for (layers, points) in [(&[2, 20, 20, 1][..], 1), (&[2, 20, 20, 1], 257), (&[2, 33, 16, 9, 1], 1000)] {
        let mut inputs = problems::parameters(dtype, layers);
        inputs.push(problems::burgers_points(dtype, points));
        let name = format!("pinn step {dtype}, {layers:?}, {points} points");
        digests.run(&name, &problems::burgers_step(dtype, layers), &inputs);
    }
    let some = |seed, shape: &[usize]| rounded(between(-1.0, 1.0, seed, shape), dtype);
    let inputs = [some(1, &[40, 16]), some(2, &[300, 16]), some(3, &[300, 16])];
    digests.run(&format!("attention and gradient {dtype}"), &attention(dtype, 40, 300, 16), &inputs);

    let layers = [2, 16, 11, 1];
    let mut inputs = problems::parameters(dtype, &layers);
    inputs.extend(inputs.clone().iter().enumerate().map(|(i, p)| some(20 + i as u64, p.shape())));
    inputs.push(some(40, &[530, 2]));
    digests.run(&format!("hvp of an mlp {dtype}"), &hessian_vector(dtype, &layers), &inputs);

    let layers = [1, 16, 11, 1];
    let mut inputs = problems::parameters(dtype, &layers);
    inputs.push(some(41, &[530, 1]));
    let name = format!("second and fourth derivative of an mlp {dtype}");
    digests.run(&name, &high_derivatives(dtype, &layers), &inputs);

    let mut inputs = problems::parameters(dtype, &problems::LAYERS);
    inputs.push(problems::burgers_points(dtype, 57));
    digests.run(&format!("taylor step of order 6 {dtype}"), &problems::taylor_step(dtype, 6), &inputs);

    let mut inputs = problems::parameters(dtype, &Pde::Poisson.layers());
    inputs.push(Pde::Poisson.points(dtype, 257));
    digests.run(&format!("poisson step, collapsed, {dtype}"), &Pde::Poisson.step(dtype), &inputs);
}

/// softmax(q kᵀ) v, and the gradient of the sum of its squares.
fn attention(dtype: DType, rows: usize, keys: usize, d: usize) -> Graph {
    let mut b = Builder::new("attention");
    let x = [("q", rows), ("k", keys), ("v", keys)].map(|(name, n)| b.input(name, Type::new(dtype, [n, d])));
    let score = ops::Matmul { transpose_b: true, ..ops::Matmul::default() };
    let scores = b.apply(Arc::new(score), &[x[0], x[1]]);
    let weights = b.apply(Arc::new(ops::Softmax), &[scores]);
    let output = b.matmul(weights, x[2]);
    let square = b.mul(output, output);
    let loss = b.sum_all(square);
    let mut outputs = vec![output];
    outputs.extend(gradient(&mut b, loss, &x));
    b.finish(outputs)
}

fn gradient(b: &mut Builder, loss: Value, wrt: &[Value]) -> Vec<Value> {
    let seed = b.ones_like(loss);
    let gradient = backward(b, &[loss], &[seed], wrt).expect("smooth");
    gradient.into_iter().map(|g| g.expect("the loss depends on it")).collect()
}

/// Inputs named by `prefix`: a weight and a bias for each layer.
fn parameters(b: &mut Builder, dtype: DType, prefix: &str, layers: &[usize]) -> Vec<Value> {
    let pairs = layers.windows(2).enumerate();
    let types = pairs.flat_map(|(i, pair)| {
        let bias = Type::new(dtype, [pair[1]]);
        [(format!("{prefix}w{i}"), Type::new(dtype, [pair[0], pair[1]])), (format!("{prefix}b{i}"), bias)]
    });
    types.map(|(name, ty)| b.input(&name, ty)).collect()
}

/// The Hessian of the mean of an mlp's squares times a vector.
fn hessian_vector(dtype: DType, layers: &[usize]) -> Graph {
    let mut b = Builder::new("hvp");
    let theta = parameters(&mut b, dtype, "", layers);
    let v = parameters(&mut b, dtype, "v", layers);
    let x = b.input("x", Type::new(dtype, [Extent::Dynamic, Extent::Static(layers[0])]));
    let y = mlp(&mut b, &theta, x);
    let square = b.mul(y, y);
    let loss = b.mean_all(square);
    let gradient = gradient(&mut b, loss, &theta);
    let product = forward(&mut b, &gradient, &theta, &v).expect("smooth");
    b.finish(product.into_iter().map(|g| g.expect("a gradient depends on its parameters")).collect())
}

/// u'' and u'''' of an mlp u of one variable.
fn high_derivatives(dtype: DType, layers: &[usize]) -> Graph {
    let mut b = Builder::new("derivatives");
    let theta = parameters(&mut b, dtype, "", layers);
    let x = b.input("x", Type::new(dtype, [Extent::Dynamic, Extent::Static(1)]));
    let along = b.ones_like(x);
    let mut u = vec![mlp(&mut b, &theta, x)];
    for order in 0..4 {
        let du = forward(&mut b, &[u[order]], &[x], &[along]).expect("smooth")[0];
        u.push(du.expect("an mlp depends on x"));
    }
    b.finish(vec![u[2], u[4]])
}

/// The modules of `digests/random.mlir`, which `generate::program` made.
fn random_programs(digests: &mut Digests) {
    let source = Source::new("digests/random.mlir", read("random.mlir"));
    let program = text::check(&source).unwrap_or_else(|errors| panic!("{errors}"));
    for (name, graph) in &program.modules {
        let inputs = random_inputs(graph);
        digests.run(&format!("random program {name}"), graph, &inputs);
    }
}

/// Inputs for a graph of `?` extents that are all 5.
fn random_inputs(graph: &Graph) -> Vec<Tensor> {
    let input = |(i, ty): (usize, &&Type)| {
        let shape: Vec<usize> = ty.shape.iter().map(|extent| extent.known().unwrap_or(5)).collect();
        let whole = between(-3.0, 3.0, 60 + i as u64, &shape);
        match ty.dtype {
            DType::Bool => {
                let zero = Tensor::zeros(DType::F64, shape.clone());
                ops::Rule::evaluate(&ops::Compare { direction: ops::Direction::Lt }, &[&whole, &zero])
                    .remove(0)
            }
            dtype => rounded(whole, dtype),
        }
    };
    graph.input_types().iter().enumerate().map(input).collect()
}

/// Ten steps of `digests/poisson.toml`: Adam with fresh points every second step, then L-BFGS.
fn training(digests: &mut Digests) {
    let case = Case::parse("poisson.toml", &read("poisson.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    let mut trainer =
        Trainer::new(&case, &folder(), Backend::Cpu(digests.options.clone())).expect("no files");
    while !trainer.is_done() {
        assert!(trainer.step().is_ok(), "step {} diverged", trainer.steps());
        let name = format!("training, weights after step {:02}", trainer.steps());
        digests.add(name, trainer.theta());
    }
}
