//! Any number of ranks gives the bits of one process: the allreduce on any layout, and graphs whose rows are sharded.

use proptest::prelude::*;
use std::sync::Arc;
use tessera_core::ad::backward;
use tessera_core::exec::comm::{Allreduce, Communicator, Layout, PartialsError, Solo};
use tessera_core::exec::cpu::Options;
use tessera_core::exec::{Backend, CallError, Function, ShardError, Sharding};
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::numerics::reduce::State;
use tessera_core::numerics::reduce::stable::{DoubleDouble, Kahan};
use tessera_core::numerics::tree;
use tessera_core::ops::{Cumsum, Distribution, Random, Reduce, Reduction, Stable};
use tessera_core::{DType, Extent, Tensor, Type};
use tessera_pinn::case::Case;
use tessera_pinn::state::State as TrainingState;
use tessera_pinn::trainer::Trainer;
use tessera_testing::data::{between, unit};
use tessera_testing::problems;
use tessera_testing::ranks::on_ranks;

/// Joins two states of `N` numbers.
type Join<const N: usize> = fn([f64; N], [f64; N]) -> [f64; N];

/// A payload of `len` elements for each block, folded by the law on one process and over the ranks of `layout`.
fn assert_folds<const N: usize>(layout: &Layout, len: usize, seed: u64, join: Join<N>) {
    let value = |block: usize, i: usize| {
        let index = (block * len + i) as u64;
        (unit(seed, 2 * index) - 0.5) * 2f64.powi((unit(seed, 2 * index + 1) * 24.0) as i32)
    };
    let mut leaf = |block: usize| (0..len).map(|i| value(block, i)).collect::<Vec<f64>>();
    let join_all = |x: &mut [f64], y: &[f64]| {
        for (x, y) in x.chunks_exact_mut(N).zip(y.chunks_exact(N)) {
            let states = [&*x, y].map(|state| <[f64; N]>::try_from(state).expect("N numbers"));
            x.copy_from_slice(&join(states[0], states[1]));
        }
    };
    let mut fold = |mut x: Vec<f64>, y: Vec<f64>| {
        join_all(&mut x, &y);
        x
    };
    let want = tree::combine(0..layout.blocks(), &mut leaf, &mut fold).unwrap_or(vec![7.0; len]);
    let got = on_ranks(layout.size(), |ranks| {
        let plan = Allreduce::new(layout, ranks.rank());
        let subtree = |blocks: &std::ops::Range<usize>| {
            let mut leaf = |block: usize| (0..len).map(|i| value(block, i)).collect::<Vec<f64>>();
            let mut fold = |mut x: Vec<f64>, y: Vec<f64>| {
                join_all(&mut x, &y);
                x
            };
            tree::combine(blocks.clone(), &mut leaf, &mut fold).expect("a subtree has blocks")
        };
        let partials: Vec<Vec<f64>> = plan.subtrees().iter().map(subtree).collect();
        let partials: Vec<&[f64]> = partials.iter().map(Vec::as_slice).collect();
        let mut result = vec![7.0; len];
        // Twice, for what a plan keeps from call to call.
        for _ in 0..2 {
            plan.run(&*ranks, &partials, N, &mut result, |_, x, y| join_all(x, y))
                .expect("as the plan wants");
        }
        result
    });
    let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
    for (rank, got) in got.iter().enumerate() {
        assert_eq!(bits(got), bits(&want), "rank {rank} of {layout:?}, {len} elements");
    }
}

fn layouts() -> impl Strategy<Value = Layout> {
    let cuts = prop::collection::vec(0usize..70, 1..9);
    cuts.prop_map(|mut cuts| {
        cuts.push(0);
        cuts.sort_unstable();
        Layout::new(cuts).expect("they ascend from 0")
    })
}

/// Lengths around those where the exchange changes: nothing, one element, one exchange, slices shorter than the ranks are
/// many and longer ones.
const LENGTHS: [usize; 6] = [0, 1, 5, 63, 300, 5000];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn an_allreduce_has_the_bits_of_one_process(
        layout in layouts(),
        len in prop::sample::select(&LENGTHS[..]),
        seed in 0u64..1000,
    ) {
        assert_folds::<1>(&layout, len, seed, |[a], [b]| [a + b]);
        assert_folds::<1>(&layout, len, seed, |[a], [b]| [if b > a { b } else { a }]);
        assert_folds::<1>(&layout, len, seed, |[a], [b]| [if b < a { b } else { a }]);
        assert_folds::<1>(&layout, len, seed, |[a], [b]| [a * b]);
        assert_folds::<2>(&layout, 2 * len, seed, <Kahan as State<2>>::join);
        assert_folds::<3>(&layout, 3 * len, seed, <DoubleDouble as State<3>>::join);
    }
}

#[test]
fn partial_results_that_do_not_fit_are_refused() {
    let plan = Allreduce::new(&Layout::even(1000, 1), 0);
    let error = plan.run(&Solo, &[], 1, &mut [0.0], |_, _, _| {}).unwrap_err();
    assert_eq!(error, PartialsError { rank: 0, subtrees: 1, len: 1, state: 1, got: vec![] });
    assert!(plan.run(&Solo, &[&[1.0; 3][..]], 2, &mut [0.0; 3], |_, _, _| {}).is_err());
}

/// Checks that `graph`, of whose inputs those in `sharded` are, gives the bits of one process on some numbers of ranks.
fn assert_sharded(graph: &Graph, inputs: &[Tensor], sharded: &[(&str, usize)], what: &str) {
    let want = Function::new(graph.clone(), Backend::Reference)
        .call(&inputs.iter().collect::<Vec<_>>())
        .expect("the arguments fit");
    for (size, threads) in [(1, 2), (2, 1), (3, 2), (4, 1), (5, 1), (7, 1), (8, 2), (13, 1)] {
        let got = on_ranks(size, |ranks| {
            let sharding = sharded.iter().fold(Sharding::new(ranks), |s, (name, rows)| s.rows(name, *rows));
            let name = |i: usize| graph.name(graph.inputs()[i].value).expect("it is named");
            let own =
                inputs.iter().enumerate().map(|(i, x)| match sharded.iter().any(|(n, _)| *n == name(i)) {
                    true => sharding.part(x),
                    false => x.clone(),
                });
            let own: Vec<Tensor> = own.collect();
            let own: Vec<&Tensor> = own.iter().collect();
            let options = Options { threads, ..Options::default() };
            let function = Function::sharded(graph.clone(), Backend::Cpu(options), sharding.clone());
            let ready = function.prepare(&own).expect("it can be sharded");
            let outputs = ready.run(&own).into_iter().enumerate();
            outputs.map(|(i, y)| (ready.is_sharded(i), y, sharding.clone())).collect::<Vec<_>>()
        });
        for (rank, got) in got.iter().enumerate() {
            for (i, (is_sharded, got, sharding)) in got.iter().enumerate() {
                let want = if *is_sharded { sharding.part(&want[i]) } else { want[i].clone() };
                let place = format!("output {i} of {what} on rank {rank} of {size}");
                assert!(want.same_bits(got), "{place}:\nwant {want:?}\ngot  {got:?}");
            }
        }
    }
}

#[test]
fn a_pinn_step_has_the_bits_of_one_process() {
    for dtype in [DType::F64, DType::F32] {
        let layers = [2, 20, 19, 1];
        let graph = problems::burgers_step(dtype, &layers);
        let points = graph.inputs().last().expect("it has points").value;
        let name = graph.name(points).expect("it is named").to_string();
        for n in [0, 1, 255, 256, 257, 1300, 5000] {
            let mut inputs = problems::parameters(dtype, &layers);
            inputs.push(problems::burgers_points(dtype, n));
            assert_sharded(&graph, &inputs, &[(&name, n)], &format!("{dtype}, {n} points"));
        }
    }
}

fn rows(dtype: DType, width: usize) -> Type {
    Type::new(dtype, [Extent::Dynamic, Extent::Static(width)])
}

/// Row values, a row value that is used whole nowhere but stored, reductions over rows that other rows need, and
/// inputs of which some are whole.
#[test]
fn sharded_and_whole_values_meet() {
    let mut b = Builder::new("mixed");
    let x = b.input("x", rows(DType::F64, 3));
    let shift = b.input("shift", rows(DType::F64, 3));
    let y = b.add(x, shift);
    let greatest = b.reduce(Reduction::Max, y, &[0]);
    let least = b.reduce(Reduction::Min, y, &[0]);
    let mean = b.reduce(Reduction::Mean, y, &[0]);
    let product = b.reduce(Reduction::Prod, y, &[0]);
    let spread = b.broadcast_like(mean, &[1], y);
    let centred = b.sub(y, spread);
    let square = b.mul(centred, centred);
    let variance = b.mean_all(square);
    let whole = b.mul(shift, shift);
    let of_whole = b.sum_all(whole);
    let ones = b.ones_like(y);
    let count = b.sum_all(ones);
    let outputs = vec![y, greatest, least, mean, product, centred, variance, whole, of_whole, count, x];
    let graph = b.finish(outputs);
    for n in [1, 200, 256, 700, 3000] {
        let inputs = [between(-1.0, 1.0, 1, &[n, 3]), between(-2.0, 1.0, 2, &[n, 3])];
        assert_sharded(&graph, &inputs, &[("x", n)], &format!("one of two inputs, {n} rows"));
        assert_sharded(&graph, &inputs, &[("x", n), ("shift", n)], &format!("both inputs, {n} rows"));
    }
}

/// Noise has the numbers of one process on every rank, in a value and in its gradient, whether a shape is given by what is sharded or not.
#[test]
fn random_numbers_are_those_of_one_process() {
    let mut b = Builder::new("noisy");
    let x = b.input("x", rows(DType::F64, 2));
    let seed = b.input("seed", Type::scalar(DType::U64));
    let like = Type::new(DType::F64, [Extent::Dynamic, Extent::Static(2)]);
    let noise = b.apply(Arc::new(Random::new(Distribution::Normal, 3, like)), &[seed, x]);
    let y = b.mul(x, noise);
    let square = b.mul(y, y);
    let loss = b.sum_all(square);
    let one = b.ones_like(loss);
    let gradient = backward(&mut b, &[loss], &[one], &[x]).unwrap()[0].unwrap();
    let graph = b.finish(vec![y, loss, gradient]);
    for n in [1, 256, 700] {
        let inputs = [between(-1.0, 1.0, 1, &[n, 2]), Tensor::scalar(11_u64)];
        assert_sharded(&graph, &inputs, &[("x", n)], &format!("noise, {n} rows"));
    }
}

#[test]
fn outputs_say_whether_they_are_sharded() {
    let mut b = Builder::new("f");
    let x = b.input("x", rows(DType::F64, 1));
    let y = b.sin(x);
    let sum = b.sum_all(y);
    let graph = b.finish(vec![y, sum, x]);
    let function = Function::sharded(graph, Backend::default(), Sharding::new(Arc::new(Solo)).rows("x", 300));
    let ready = function.prepare(&[&between(0.0, 1.0, 3, &[300, 1])]).expect("it can be sharded");
    assert_eq!([0, 1, 2].map(|i| ready.is_sharded(i)), [true, false, true]);
}

/// The error of a call on two ranks with all rows where 600 are stated.
fn error(make: impl Fn(&mut Builder, Value) -> Value + Sync, name: &str, given: usize) -> String {
    let errors = on_ranks(2, |ranks| {
        let mut b = Builder::new("f");
        let x = b.input("x", Type::new(DType::F64, [Extent::Dynamic]));
        let y = make(&mut b, x);
        let sharding = Sharding::new(ranks).rows(name, 600);
        let rows = if given == 600 { sharding.range(600).len() } else { given };
        let function = Function::sharded(b.finish(vec![y]), Backend::default(), sharding);
        function.call(&[&between(0.0, 1.0, 3, &[rows])]).unwrap_err().to_string()
    });
    errors[1].clone()
}

#[test]
fn what_cannot_be_sharded_is_named() {
    let whole = "of which each rank holds some; reduce over the rows first by a plain sum, mean, max, min or prod, \
                 or give the inputs that it is made of whole to every rank";
    let kahan = Reduce { reduction: Reduction::Sum, axes: None, stable: Some(Stable::Kahan) };
    let stable = |b: &mut Builder, x| b.apply(Arc::new(kahan.clone()), &[x]);
    assert_eq!(
        error(stable, "x", 600),
        format!("@f cannot be sharded: `reduce` needs all rows of %x (tensor<600xf64>), {whole}")
    );
    let sorted = |b: &mut Builder, x| {
        let y = b.sin(x);
        b.apply(Arc::new(Cumsum { axis: 0, reverse: false }), &[y])
    };
    assert!(error(sorted, "x", 600).contains("`cumsum` needs all rows of"), "{}", error(sorted, "x", 600));
    let plain = |b: &mut Builder, x| b.sum_all(x);
    assert_eq!(
        error(plain, "x", 17),
        "@f cannot be sharded: argument %x must have rows 256..600 of 600 on rank 1 of 2, got 17 rows; \
         `Sharding::range` says which rows a rank holds"
    );
    assert_eq!(
        error(plain, "y", 600),
        "@f cannot be sharded: a sharded input must be one of the graph's, got %y"
    );
}

#[test]
fn the_reference_takes_one_rank() {
    let mut b = Builder::new("f");
    let x = b.input("x", rows(DType::F64, 1));
    let graph = b.finish(vec![x]);
    let errors = on_ranks(2, |ranks: Arc<dyn Communicator>| {
        let sharding = Sharding::new(ranks).rows("x", 1);
        let part = sharding.part(&between(0.0, 1.0, 3, &[1, 1]));
        Function::sharded(graph.clone(), Backend::Reference, sharding).call(&[&part]).unwrap_err()
    });
    assert!(matches!(errors[0], CallError::Shard { cause: ShardError::Reference { size: 2 }, .. }));
}

#[test]
fn ranks_agree_on_the_greatest() {
    assert_eq!(on_ranks(5, |ranks| ranks.greatest(ranks.rank() as u64 * 3 % 7)), [6; 5]);
    assert_eq!(Solo.greatest(4), 4);
}

/// Adam with new points, L-BFGS, a parameter and observations; the points are 3 blocks, the conditions one.
const CASE: &str = r#"
title = "heat on ranks"
seed = 5
unknowns = ["u"]
[coordinates]
t = [0, 2]
x = [-1, 1]
[parameters]
kappa = { trainable = true, initial = 0.5 }
[[equation]]
text = "u_t = kappa*u_xx"
points = 700
[[condition]]
where = ["x = -1", "x = 1"]
text = "u = 0"
points = 9
[[data]]
name = "seen"
file = "data/heat.npz"
columns = { t = "t", x = "x", u = "u" }
[network]
hidden = [6, 5]
[[optimiser]]
kind = "adam"
steps = 5
learning_rate = 1e-2
resample_every = 2
[[optimiser]]
kind = "lbfgs"
steps = 5
resample_every = 3
"#;

/// The state after all steps.
fn trained(ranks: Arc<dyn Communicator>) -> TrainingState {
    let case = Case::parse("ranks.toml", CASE).unwrap_or_else(|errors| panic!("{errors}"));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases");
    let backend = Backend::Cpu(Options { threads: 1, ..Options::default() });
    let mut trainer = Trainer::over(&case, &folder, backend, ranks).expect("a good case");
    while !trainer.is_done() {
        trainer.step().expect("it stays finite");
    }
    trainer.state()
}

#[test]
fn a_training_has_the_state_of_one_process() {
    let want = trained(Arc::new(Solo));
    for size in [2, 3, 5, 8] {
        for (rank, got) in on_ranks(size, trained).into_iter().enumerate() {
            assert_eq!(got.attributes, want.attributes, "rank {rank} of {size}");
            assert_eq!(got.tensors.len(), want.tensors.len());
            for (path, tensor) in &got.tensors {
                assert!(tensor.same_bits(&want.tensors[path]), "{path} on rank {rank} of {size}");
            }
        }
    }
}

#[test]
fn no_rank_holds_the_points_of_others() {
    let rows = on_ranks(3, |ranks| {
        let case = Case::parse("ranks.toml", CASE).unwrap_or_else(|errors| panic!("{errors}"));
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases");
        let trainer = Trainer::over(&case, &folder, Backend::default(), ranks).expect("a good case");
        trainer.arguments()[0].shape()[0]
    });
    assert_eq!(rows, [256, 256, 188]);
}
