//! The law of batching: a position of a batch has the bits of that position alone.

use tessera_core::Tensor;
use tessera_core::ad::{adjoint, jvp, vmap};
use tessera_core::exec::{Backend, Function, cpu::Options};
use tessera_core::ir::{Extent, Graph, Value};
use tessera_core::ops;
use tessera_testing::data::between;
use tessera_testing::samples::all;

const POSITIONS: usize = 3;

fn run(graph: &Graph, backend: Backend, inputs: &[Tensor]) -> Vec<Tensor> {
    Function::new(graph.clone(), backend).call(&inputs.iter().collect::<Vec<_>>()).expect("the inputs fit")
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
        assert_rows_alone(&sample.what, &sample.graph, &|seed| sample.inputs(seed, 4));
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
