//! The law of batching: a position of a batch has the bits of that position alone.

use std::sync::Arc;
use tessera_core::ad::check::{Options as Draw, draw_inputs};
use tessera_core::ad::{adjoint, jvp, vmap};
use tessera_core::exec::{Backend, CallError, Function, cpu::Options};
use tessera_core::ir::{Builder, Extent, Graph, Value};
use tessera_core::ops;
use tessera_core::tensor::strides;
use tessera_core::{DType, Tensor, Type};
use tessera_testing::data::{between, with_specials};
use tessera_testing::generate::numbered;
use tessera_testing::samples::all;

/// The extents of batches, the largest first.
const POSITIONS: [usize; 3] = [3, 1, 0];

fn try_run(graph: &Graph, backend: Backend, inputs: &[Tensor]) -> Result<Vec<Tensor>, CallError> {
    Function::new(graph.clone(), backend).call(&inputs.iter().collect::<Vec<_>>())
}

fn run(graph: &Graph, backend: Backend, inputs: &[Tensor]) -> Vec<Tensor> {
    try_run(graph, backend, inputs).expect("the inputs fit")
}

/// Tensor `k` of each of the first `count` lists along a new leading axis. All have one shape.
fn stacked(lists: &[Vec<Tensor>], k: usize, count: usize) -> Tensor {
    let led = |list: &Vec<Tensor>| list[k].clone().reshaped([&[1], list[k].shape()].concat());
    let parts: Vec<Tensor> = lists.iter().map(led).collect();
    let all = ops::Rule::evaluate(&ops::Concat { axis: 0 }, &parts.iter().collect::<Vec<_>>()).remove(0);
    let shape = [&[count], &all.shape()[1..]].concat();
    all.gathered(&shape, &strides(&shape), 0)
}

/// Every choice of at least one of `n`.
fn choices(n: usize) -> impl Iterator<Item = Vec<bool>> {
    (1..1usize << n).map(move |bits| (0..n).map(|i| bits >> i & 1 == 1).collect())
}

/// That `graph` batched over every choice of its inputs has, at every position, the bits of
/// `graph` there, by the reference and by the engine, and that the batch's extent may be open.
fn assert_rows_alone(what: &str, graph: &Graph, inputs_at: &dyn Fn(u64) -> Vec<Tensor>) {
    let points: Vec<Vec<Tensor>> = (0..POSITIONS[0] as u64).map(|seed| inputs_at(10 * seed)).collect();
    for over in choices(graph.inputs().len()) {
        let chosen: Vec<Value> =
            graph.inputs().iter().zip(&over).filter(|(_, over)| **over).map(|(i, _)| i.value).collect();
        let alone = |position: usize| {
            let inputs: Vec<Tensor> =
                (0..over.len()).map(|i| points[if over[i] { position } else { 0 }][i].clone()).collect();
            run(graph, Backend::Reference, &inputs)
        };
        let alone: Vec<Vec<Tensor>> = (0..points.len()).map(alone).collect();
        for positions in POSITIONS {
            let inputs: Vec<Tensor> = (0..over.len())
                .map(|i| if over[i] { stacked(&points, i, positions) } else { points[0][i].clone() })
                .collect();
            let want: Vec<Tensor> = (0..alone[0].len()).map(|k| stacked(&alone, k, positions)).collect();
            for size in [Extent::Dynamic, Extent::Static(positions)] {
                let batched = vmap(graph, &chosen, size).unwrap_or_else(|e| panic!("{what}: {e}"));
                for backend in
                    [Backend::Reference, Backend::Cpu(Options { threads: 2, ..Options::default() })]
                {
                    let got = run(&batched, backend.clone(), &inputs);
                    assert!(
                        want.iter().zip(&got).all(|(want, got)| want.same_bits(got)),
                        "{what}, {positions} over {over:?} on {backend:?}\n{batched}\nwant {want:?}\ngot  {got:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_position_has_the_bits_of_the_operation_alone() {
    for sample in all() {
        let is_open = sample.graph.input_types().iter().any(|ty| ty.static_shape().is_none());
        for &rows in if is_open { &[0, 1, 4][..] } else { &[1] } {
            let what = format!("{} with {rows} rows", sample.what);
            if try_run(&sample.graph, Backend::Reference, &sample.inputs(0, rows)).is_err() {
                assert!(rows == 0, "{what} must run");
                continue;
            }
            assert_rows_alone(&what, &sample.graph, &|seed| sample.inputs(seed, rows));
            assert_rows_alone(&what, &sample.graph, &|seed| with_specials(sample.inputs(seed, rows)));
        }
    }
}

#[test]
fn a_position_of_a_derivative_has_the_bits_of_the_derivative_alone() {
    let mut derivatives = 0;
    for sample in all().into_iter().filter(|sample| sample.smooth) {
        let graph = &sample.graph;
        let is_float = |v: &Value| graph.ty(*v).dtype.is_float();
        let wrt: Vec<Value> = graph.inputs().iter().map(|input| input.value).filter(is_float).collect();
        if !graph.outputs().iter().all(is_float) {
            continue;
        }
        let drawn = |seed, like: &Tensor| {
            let t = between(-1.0, 1.0, seed, like.shape());
            ops::Rule::evaluate(&ops::Convert { to: like.dtype() }, &[&t]).remove(0)
        };
        for (mode, derived) in [("adjoint", adjoint(graph, &wrt)), ("jvp", jvp(graph, &wrt))] {
            let derived = derived.unwrap_or_else(|e| panic!("{}: {e}", sample.what));
            let inputs_at = |seed| {
                let inputs = sample.inputs(seed, 4);
                // Tangents have the shapes of float inputs, cotangents those of the outputs.
                let like = match mode {
                    "adjoint" => run(graph, Backend::Reference, &inputs),
                    _ => inputs.iter().filter(|x| x.dtype().is_float()).cloned().collect(),
                };
                let count = derived.inputs().len() - inputs.len();
                let more = like.iter().take(count).zip(50..).map(|(like, k)| drawn(seed + k, like));
                inputs.iter().cloned().chain(more).collect()
            };
            assert_rows_alone(&format!("{mode} of {}", sample.what), &derived, &inputs_at);
            derivatives += 1;
        }
    }
    assert!(derivatives > 800, "{derivatives}");
}

#[test]
fn a_position_has_the_bits_of_a_random_program_alone() {
    let mut tried = 0;
    for k in 0..400 {
        for graph in numbered(k).modules.values() {
            let inputs_at = |seed| draw_inputs(graph, &Draw { seed, ..Draw::default() });
            // Not every `?` can be 3.
            if try_run(graph, Backend::Reference, &inputs_at(0)).is_ok() {
                assert_rows_alone(&format!("program {k}\n{graph}"), graph, &inputs_at);
                tried += 1;
            }
        }
    }
    assert!(tried > 400, "{tried}");
}

/// 1/x on numbers that are not 0; another makes it panic.
#[derive(Debug)]
struct Inverse;

impl ops::Custom for Inverse {
    fn name(&self) -> &'static str {
        "checked_inverse"
    }
    fn infer(&self, x: &[&Type]) -> Result<Type, String> {
        Ok(x[0].clone())
    }
    fn evaluate(&self, x: &[&Tensor]) -> Tensor {
        let inverse = |&x: &f64| if x == 0.0 { panic!("must not be 0") } else { 1.0 / x };
        Tensor::new(x[0].shape(), x[0].values::<f64>().iter().map(inverse).collect())
    }
    fn calculus(&self) -> ops::Calculus<'_> {
        ops::Calculus::Missing("it is only run")
    }
    fn batch(&self, b: &mut Builder, x: &ops::Batch) -> Result<Vec<Value>, ops::Violation> {
        x.apply(b, ops::custom(Inverse))
    }
}

/// A position whose value is 0 stands in a batch with others, and is not inverted: in a choice whose branch has a loop and in
/// a loop in which one stands. Where none is to be inverted, none is.
#[test]
fn a_position_does_no_work_that_it_did_not_choose() {
    let number = || Type::scalar(DType::F64);
    let mut round = Builder::new("round");
    let x = round.input("x", number());
    let y = round.apply(ops::custom(Inverse), &[x]);
    let round = Arc::new(round.finish(vec![y]));
    let mut looped = Builder::new("looped");
    let x = looped.input("x", number());
    let y = looped.push(Arc::new(ops::Scan::new(round, 1, 0).length(3)), &[x]).unwrap();
    let looped = Arc::new(looped.finish(y));
    let mut same = Builder::new("same");
    let x = same.input("x", number());
    let same = Arc::new(same.finish(vec![x]));
    let mut holds = Builder::new("holds");
    let x = holds.input("x", number());
    let four = holds.number(DType::F64, 4.0);
    let is = holds.compare(ops::Direction::Eq, x, four);
    let holds = Arc::new(holds.finish(vec![is]));

    let mut choice = Builder::new("choice");
    let (p, x) = (choice.input("p", Type::scalar(DType::Bool)), choice.input("x", number()));
    let cond = ops::Cond::new(vec![looped.clone(), same]).unwrap();
    let y = choice.push(Arc::new(cond), &[p, x]).unwrap();
    let choice = choice.finish(y);
    let mut repeated = Builder::new("repeated");
    let x = repeated.input("x", number());
    let y = repeated.push(Arc::new(ops::While::new(holds, looped, 1)), &[x]).unwrap();
    let repeated = repeated.finish(y);

    for (x, want) in [([0.0, 4.0], [0.0, 0.25]), ([4.0, 0.0], [0.25, 0.0]), ([0.0, 0.0], [0.0, 0.0])] {
        let p = Tensor::new([2], x.map(|x| x == 4.0).to_vec());
        let x = Tensor::new([2], x.to_vec());
        for (graph, inputs) in [(&choice, vec![p, x.clone()]), (&repeated, vec![x])] {
            let over = graph.input_values();
            let batch = vmap(graph, &over, Extent::Dynamic).unwrap();
            for backend in [Backend::Reference, Backend::default()] {
                assert_eq!(run(&batch, backend, &inputs)[0].values::<f64>(), want, "{batch}");
            }
        }
    }
}

/// What an operation is at one position undoes what it is in a batch.
#[test]
fn one_position_of_a_batch_is_the_operation() {
    let mut compared = 0;
    for sample in all() {
        let inputs = sample.inputs(1, 4);
        let types: Vec<Type> = inputs.iter().map(Tensor::ty).collect();
        let mut b = Builder::verbatim("rows");
        let x: Vec<Value> = types
            .iter()
            .enumerate()
            .map(|(i, ty)| {
                b.input(&format!("x{i}"), Type { shape: [&[5.into()], &ty.shape[..]].concat(), ..*ty })
            })
            .collect();
        let [node] = sample.graph.nodes() else { continue };
        let over = vec![true; x.len()];
        let y = node.op.batch(&mut b, &ops::Batch { x: &x, over: &over }).expect("small")[0];
        let Some(made) = b.graph().node_of(y).filter(|made| made.op.name() == sample.op) else { continue };
        let types: Vec<&Type> = made.operands.iter().map(|&v| b.ty(v)).collect();
        let Some(one) = made.op.for_one_row(&types, b.ty(y)) else { continue };
        let alone = inputs.iter().collect::<Vec<_>>();
        let (want, got) = (node.op.evaluate(&alone), one.evaluate(&alone[..made.operands.len()]));
        assert!(want[0].same_bits(&got[0]), "{}: {one:?}", sample.what);
        compared += 1;
    }
    assert!(compared > 300, "{compared}");
}
