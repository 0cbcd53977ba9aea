//! The CPU engine gives the reference's bits: any threads, SIMD level and tile size.

use tessera_core::exec::plan::{Plan, Step};
use tessera_core::exec::{Backend, Function, cpu::Options, lower};
use tessera_core::numerics::dispatch::Level;
use tessera_core::{DType, Tensor};
use tessera_testing::problems;

/// Threads and tile rows, all of which must give the same bits.
const TILINGS: [(usize, Option<usize>); 8] = [
    (1, None),
    (2, Some(8)),
    (3, Some(1)),
    (4, Some(64)),
    (5, Some(33)),
    (6, Some(256)),
    (7, None),
    (8, Some(100)),
];

fn assert_same(want: &[Tensor], got: &[Tensor], what: &str) {
    assert_eq!(want.len(), got.len(), "{what}");
    for (i, (want, got)) in want.iter().zip(got).enumerate() {
        assert!(want.same_bits(got), "output {i} of {what}:\nwant {want:?}\ngot  {got:?}");
    }
}

#[test]
fn the_pinn_step_has_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        let layers = [2, 20, 19, 33, 1];
        let graph = problems::burgers_step(dtype, &layers);
        let parameters = problems::parameters(dtype, &layers);
        let reference = Function::new(graph.clone(), Backend::Reference);
        for n in [0, 1, 7, 255, 256, 257, 700] {
            let points = problems::burgers_points(dtype, n);
            let mut inputs: Vec<&Tensor> = parameters.iter().collect();
            inputs.push(&points);
            let want = reference.call(&inputs).unwrap();
            for level in Level::available() {
                for (threads, tile_rows) in TILINGS {
                    let options = Options { threads, level: Some(level), tile_rows };
                    let got = Function::new(graph.clone(), Backend::Cpu(options)).call(&inputs).unwrap();
                    assert_same(
                        &want,
                        &got,
                        &format!("{dtype}, {n} points, {level}, {threads} threads, tiles {tile_rows:?}"),
                    );
                }
            }
        }
    }
}

#[test]
fn attention_has_the_reference_bits() {
    for (dtype, shape) in [(DType::F64, [3, 40, 8]), (DType::F32, [2, 300, 5]), (DType::F64, [0, 4, 2])] {
        let graph = problems::attention(dtype, shape);
        let inputs = problems::attention_inputs(dtype, shape);
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let want = Function::new(graph.clone(), Backend::Reference).call(&inputs).unwrap();
        for level in Level::available() {
            for (threads, tile_rows) in TILINGS {
                let options = Options { threads, level: Some(level), tile_rows };
                let got = Function::new(graph.clone(), Backend::Cpu(options)).call(&inputs).unwrap();
                let what = format!("{dtype} {shape:?}, {level}, {threads} threads, tiles {tile_rows:?}");
                assert_same(&want, &got, &what);
            }
        }
    }
}

#[test]
fn attention_never_holds_the_whole_score_matrix() {
    let shape = [2, 512, 8];
    let graph = problems::attention(DType::F32, shape);
    let types: Vec<_> = graph.inputs().iter().map(|input| graph.ty(input.value).clone()).collect();
    let plan = Plan::new(lower(&graph, &types).unwrap(), 2);
    let mut plans = vec![&plan];
    let mut positions = 0;
    while let Some(plan) = plans.pop() {
        for value in plan.stored() {
            let extents = plan.graph.ty(value).static_shape().unwrap();
            assert!(extents.iter().filter(|&&n| n == 512).count() < 2, "stores {:?}", plan.graph.ty(value));
        }
        for step in &plan.steps {
            if let Step::Batch(batch) = step {
                positions += batch.count;
                plans.push(&batch.plan);
            }
        }
    }
    assert_eq!(positions, 2, "one plan for the two heads");
}

#[test]
fn a_value_beyond_all_memory_is_refused() {
    let mut b = tessera_core::ir::Builder::new("huge");
    let x = b.input("x", tessera_core::Type::scalar(DType::F64));
    let y = b.broadcast(x, &[], &[1 << 22, 1 << 22]);
    let graph = b.finish(vec![y]);
    for backend in [Backend::Reference, Backend::default()] {
        let result = Function::new(graph.clone(), backend).call(&[&Tensor::scalar(1.0)]);
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with("a value of @huge must fit into memory"), "{message}");
    }
}
