//! The CPU engine gives the reference's bits: any threads, SIMD level and tile size.

use tessera_core::exec::{Backend, Function, cpu::Options};
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
