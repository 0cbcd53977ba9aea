//! The benchmarks' problems: the engine has the reference's bits, and the answers are JAX's.

use tessera_core::exec::{Backend, Function, cpu::Options};
use tessera_core::ir::Graph;
use tessera_core::numerics::dispatch::Level;
use tessera_core::{DType, Tensor};
use tessera_testing::problems::{self, LAYERS, Pde, rounded};

fn step_inputs(pde: Pde, dtype: DType, n: usize) -> Vec<Tensor> {
    let mut inputs = problems::parameters(dtype, &pde.layers());
    inputs.push(pde.points(dtype, n));
    inputs
}

fn adam_inputs(dtype: DType, n: usize) -> Vec<Tensor> {
    let corrections = [0.1, 0.001].map(|c| rounded(Tensor::scalar(c), dtype));
    let points = Pde::Burgers.points(dtype, n);
    problems::adam_state(dtype).into_iter().chain(corrections).chain([points]).collect()
}

fn nested_inputs(dtype: DType, n: usize) -> Vec<Tensor> {
    step_inputs(Pde::Burgers, dtype, n)
}

/// Each problem at a size at which the reference is quick.
fn small(dtype: DType) -> Vec<(Graph, Vec<Tensor>)> {
    let heads = [2, 19, 8];
    let classifier = [20, 12, 9, 5];
    vec![
        (Pde::NavierStokes.step(dtype), step_inputs(Pde::NavierStokes, dtype, 37)),
        (Pde::KuramotoSivashinsky.step(dtype), step_inputs(Pde::KuramotoSivashinsky, dtype, 11)),
        (problems::nested_step(dtype, 6), nested_inputs(dtype, 5)),
        (problems::adam_step(dtype), adam_inputs(dtype, 37)),
        (problems::attention(dtype, heads), problems::attention_inputs(dtype, heads)),
        (problems::classifier_hvp(dtype, &classifier), problems::classifier_inputs(dtype, &classifier, 261)),
        (problems::chain(dtype), problems::chain_inputs(dtype, 10)),
    ]
}

#[test]
fn every_problem_has_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        for (graph, inputs) in small(dtype) {
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            let want = Function::new(graph.clone(), Backend::Reference).call(&inputs).unwrap();
            for level in Level::available() {
                for (threads, tile_rows) in [(1, None), (3, Some(7))] {
                    let options = Options { threads, level: Some(level), tile_rows };
                    let got = Function::new(graph.clone(), Backend::Cpu(options)).call(&inputs).unwrap();
                    for (i, (want, got)) in want.iter().zip(&got).enumerate() {
                        let what = format!("output {i} of @{}, {dtype}, {level}", graph.name);
                        assert!(want.same_bits(got), "{what}, {threads} threads, tiles {tile_rows:?}");
                    }
                }
            }
        }
    }
}

/// Nesting forward mode costs nodes polynomially in the order: a sixth derivative is a graph of moderate size.
#[test]
fn a_sixth_derivative_is_a_small_graph() {
    let nodes = |order| problems::nested_step(DType::F64, order).nodes().len();
    assert!(nodes(6) < 2_000, "got {}", nodes(6));
    assert_eq!(problems::parameters(DType::F64, &LAYERS).len(), 10);
}
