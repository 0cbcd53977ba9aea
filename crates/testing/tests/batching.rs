//! The law of batching: a position of a batch has the bits of that position alone.

use tessera_core::ad::check::{Options as Draw, draw_inputs};
use tessera_core::ad::{adjoint, jvp, vmap};
use tessera_core::exec::{Backend, CallError, Function, cpu::Options};
use tessera_core::ir::{Builder, Extent, Graph, Value};
use tessera_core::ops;
use tessera_core::{Tensor, Type};
use tessera_testing::data::{between, unit, with_specials};
use tessera_testing::generate::{Choices, program};
use tessera_testing::samples::all;

const POSITIONS: usize = 3;

fn try_run(graph: &Graph, backend: Backend, inputs: &[Tensor]) -> Result<Vec<Tensor>, CallError> {
    Function::new(graph.clone(), backend).call(&inputs.iter().collect::<Vec<_>>())
}

fn run(graph: &Graph, backend: Backend, inputs: &[Tensor]) -> Vec<Tensor> {
    try_run(graph, backend, inputs).expect("the inputs fit")
}

/// Tensors of one shape along a new leading axis.
fn stacked(parts: &[Tensor]) -> Tensor {
    let parts: Vec<Tensor> = parts.iter().map(|part| led(part.clone())).collect();
    ops::Rule::evaluate(&ops::Concat { axis: 0 }, &parts.iter().collect::<Vec<_>>()).remove(0)
}

fn led(part: Tensor) -> Tensor {
    let shape = [&[1], part.shape()].concat();
    part.reshaped(shape)
}

/// Every choice of at least one of `n`.
fn choices(n: usize) -> impl Iterator<Item = Vec<bool>> {
    (1..1usize << n).map(move |bits| (0..n).map(|i| bits >> i & 1 == 1).collect())
}

/// That `graph` batched over every choice of its inputs has, at every position, the bits of
/// `graph` there, by the reference and by the engine, and that the batch's extent may be open.
fn assert_rows_alone(what: &str, graph: &Graph, inputs_at: &dyn Fn(u64) -> Vec<Tensor>) {
    let points: Vec<Vec<Tensor>> = (0..POSITIONS as u64).map(|seed| inputs_at(10 * seed)).collect();
    for over in choices(graph.inputs().len()) {
        let chosen: Vec<Value> =
            graph.inputs().iter().zip(&over).filter(|(_, over)| **over).map(|(i, _)| i.value).collect();
        let alone = |position: usize| {
            let inputs: Vec<Tensor> =
                (0..over.len()).map(|i| points[if over[i] { position } else { 0 }][i].clone()).collect();
            run(graph, Backend::Reference, &inputs)
        };
        let want: Vec<Vec<Tensor>> = (0..POSITIONS).map(alone).collect();
        let inputs: Vec<Tensor> = (0..over.len())
            .map(|i| match over[i] {
                true => stacked(&points.iter().map(|point| point[i].clone()).collect::<Vec<_>>()),
                false => points[0][i].clone(),
            })
            .collect();
        for size in [Extent::Dynamic, Extent::Static(POSITIONS)] {
            let batched = vmap(graph, &chosen, size).unwrap_or_else(|e| panic!("{what}: {e}"));
            for backend in [Backend::Reference, Backend::Cpu(Options { threads: 2, ..Options::default() })] {
                let got = run(&batched, backend.clone(), &inputs);
                for (k, got) in got.iter().enumerate() {
                    let rows: Vec<Tensor> = want.iter().map(|at| at[k].clone()).collect();
                    assert!(
                        stacked(&rows).same_bits(got),
                        "{what} over {over:?} on {backend:?}\n{batched}\nwant {rows:?}\ngot  {got:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_position_has_the_bits_of_the_operation_alone() {
    for sample in all() {
        for rows in [0, 1, 4] {
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
        }
    }
}

/// Random numbers for the choices of program `k`.
fn numbers(k: u64) -> Vec<u32> {
    (0..200).map(|i| (unit(k, i + 1) * f64::from(u32::MAX)) as u32).collect()
}

#[test]
fn a_position_has_the_bits_of_a_random_program_alone() {
    let mut tried = 0;
    for k in 0..400 {
        let numbers = numbers(k);
        for graph in program(&mut Choices::new(&numbers)).modules.values() {
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
