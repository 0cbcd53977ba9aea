//! The benchmarks' problems: the engine has the reference's bits, and the answers are JAX's.

use tessera_core::exec::{Backend, Function, cpu::Options};
use tessera_core::ir::Graph;
use tessera_core::numerics::dispatch::Level;
use tessera_core::{DType, Tensor};
use tessera_testing::problems::{self, Pde, rounded};

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
        (Pde::Poisson.step(dtype), step_inputs(Pde::Poisson, dtype, 37)),
        (problems::nested_step(dtype, 6), nested_inputs(dtype, 5)),
        (problems::taylor_step(dtype, 6), nested_inputs(dtype, 5)),
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

/// Loss and norm of the gradient as JAX 0.10.2 gives them in f64 (`benches/peers/`). They are sums in another order, and of
/// functions with other last bits: both libraries' errors are some 1e-15, so 1e-12 tells a wrong formula from a rounding.
#[test]
fn the_answers_are_those_of_jax() {
    let f64 = DType::F64;
    let steps = [
        (Pde::Burgers, 0.02053023777790008, 1.010984167649655),
        (Pde::NavierStokes, 0.08048949666545302, 2.9950954934806497),
        (Pde::KuramotoSivashinsky, 0.021080849805461998, 1.0392591340027733),
        (Pde::Poisson, 495.82801914418707, 78.05874681042036),
    ];
    let mut cases: Vec<_> =
        steps.map(|(pde, loss, norm)| (pde.step(f64), step_inputs(pde, f64, 1000), loss, norm)).into();
    for sixth in [problems::nested_step(f64, 6), problems::taylor_step(f64, 6)] {
        cases.push((sixth, nested_inputs(f64, 1000), 0.12126915226382641, 7.512959652686543));
    }
    cases.push((problems::adam_step(f64), adam_inputs(f64, 1000), 0.02053023777790008, 13.986734084891468));
    let heads = [8, 64, 64];
    let attention = problems::attention(f64, heads);
    let inputs = problems::attention_inputs(f64, heads);
    cases.push((attention, inputs, 2.6509886415713537, 15.206280177266807));
    let layers = problems::CLASSIFIER;
    let inputs = problems::classifier_inputs(f64, &layers, 64);
    cases.push((problems::classifier_hvp(f64, &layers), inputs, 0.0, 65.32466374316662));
    cases.push((
        problems::chain(f64),
        problems::chain_inputs(f64, 10),
        -1.7025348026383467,
        1.9263385547907612,
    ));
    for (graph, inputs, loss, norm) in cases {
        let name = graph.name.clone();
        let outputs =
            Function::new(graph, Backend::default()).call(&inputs.iter().collect::<Vec<_>>()).unwrap();
        let (scalars, gradient): (Vec<_>, Vec<_>) = outputs.iter().partition(|x| x.ndim() == 0);
        let got_loss = scalars.first().map_or(0.0, |x| x.values::<f64>()[0]);
        let got_norm = gradient.iter().flat_map(|x| x.values::<f64>()).map(|g| g * g).sum::<f64>().sqrt();
        for (got, want) in [(got_loss, loss), (got_norm, norm)] {
            assert!(f64::abs(got - want) <= 1e-12 * f64::abs(want), "@{name}: want {want:?}, got {got:?}");
        }
    }
}
