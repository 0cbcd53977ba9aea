//! What runs through views and lines: stencils made of `slice` and `pad`, reductions of vectors beside what they are made of, and solvers with them. All have the
//! reference's bits, with any threads, SIMD level and tiles, and nothing is stored that need not be.

use tessera_core::diagnostic::Source;
use tessera_core::exec::plan::{Plan, Step};
use tessera_core::exec::{Backend, Function, cpu::Options, lower};
use tessera_core::ir::Graph;
use tessera_core::numerics::dispatch::Level;
use tessera_core::{DType, Tensor, text};
use tessera_testing::data::between;
use tessera_testing::problems::{self, rounded};

/// Threads and tile rows.
const TILINGS: [(usize, Option<usize>); 5] =
    [(1, None), (2, None), (2, Some(8)), (3, Some(100)), (4, Some(1))];

fn module(text: &str) -> Graph {
    let source = Source::new("lines.mlir", text);
    let program = text::check(&source).unwrap_or_else(|errors| panic!("{errors}"));
    program.modules.values().last().expect("a module").as_ref().clone()
}

fn assert_reference_bits(graph: &Graph, inputs: &[Tensor]) {
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let want = Function::new(graph.clone(), Backend::Reference).call(&inputs).unwrap();
    for level in Level::available() {
        for (threads, tile_rows) in TILINGS {
            let options = Options { threads, level: Some(level), tile_rows };
            let got = Function::new(graph.clone(), Backend::Cpu(options)).call(&inputs).unwrap();
            for (i, (want, got)) in want.iter().zip(&got).enumerate() {
                let what =
                    format!("output {i} of @{}, {level}, {threads} threads, tiles {tile_rows:?}", graph.name);
                assert!(want.same_bits(got), "{what}");
            }
        }
    }
}

/// Views by every amount, of each other and of values made in the same graph, some of them of nothing but zeros.
fn views(dtype: DType) -> Graph {
    module(&format!(
        "tgraph.module @views {{
  %x = tgraph.arg : tensor<130x70x{dtype}>
  %a = tgraph.pad %x {{low = [2, 3], high = [1, 5]}}
  %b = tgraph.slice %a {{starts = [1, 1], limits = [131, 71]}}
  %c = tgraph.slice %a {{starts = [3, 8], limits = [133, 78]}}
  %d = tgraph.pad %b {{low = [0, 60], high = [10, 0]}}
  %e = tgraph.slice %d {{starts = [10, 0], limits = [140, 70]}}
  %sum = tgraph.add %b, %c
  %y = tgraph.sub %sum, %x
  %z = tgraph.mul %y, %e
  %made = tgraph.pad %y {{low = [1, 0], high = [0, 0]}}
  %up = tgraph.slice %made {{starts = [0, 0], limits = [130, 70]}}
  %left = tgraph.slice %made {{starts = [1, 0], limits = [131, 70]}}
  %last = tgraph.add %up, %left
  %far = tgraph.pad %x {{low = [200, 0], high = [0, 0]}}
  %none = tgraph.slice %far {{starts = [0, 0], limits = [130, 70]}}
  tgraph.return %z, %last, %a, %none
}}"
    ))
}

#[test]
fn views_have_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        assert_reference_bits(&views(dtype), &[rounded(between(-1.0, 1.0, 5, &[130, 70]), dtype)]);
    }
    let cube = module(
        "tgraph.module @cube {
  %x = tgraph.arg : tensor<30x20x21xf64>
  %p = tgraph.pad %x {low = [1, 1, 1], high = [1, 1, 1]}
  %a = tgraph.slice %p {starts = [0, 1, 2], limits = [30, 21, 23]}
  %b = tgraph.slice %p {starts = [2, 0, 1], limits = [32, 20, 22]}
  %y = tgraph.mul %a, %b
  tgraph.return %y
}",
    );
    assert_reference_bits(&cube, &[between(-1.0, 1.0, 6, &[30, 20, 21])]);
}

#[test]
fn a_stencil_stores_no_view() {
    let graph = module(
        "tgraph.module @stencil {
  %v = tgraph.arg : tensor<128x128xf64>
  %p = tgraph.pad %v {low = [1, 1], high = [1, 1]}
  %north = tgraph.slice %p {starts = [0, 1], limits = [128, 129]}
  %south = tgraph.slice %p {starts = [2, 1], limits = [130, 129]}
  %west = tgraph.slice %p {starts = [1, 0], limits = [129, 128]}
  %sum = tgraph.add %north, %south
  %y = tgraph.sub %sum, %west
  tgraph.return %y
}",
    );
    let types: Vec<_> = graph.inputs().iter().map(|input| graph.ty(input.value).clone()).collect();
    let plan = Plan::new(lower(&graph, &types).unwrap(), 1);
    assert_eq!(
        (plan.steps.len(), plan.stored().count()),
        (1, 1),
        "one region that stores the sum alone:\n{plan}"
    );
    assert!(matches!(plan.steps[0], Step::Region(_)), "{plan}");
}

/// Dots and sums of vectors that are made beside them, or given.
fn vectors(dtype: DType, n: usize) -> Graph {
    module(&format!(
        "tgraph.module @vectors {{
  %x, %y = tgraph.arg, tgraph.arg : tensor<{n}x{dtype}>
  %a = tgraph.mul %x, %y
  %b = tgraph.add %a, %x
  %dot = tgraph.dot %b, %y
  %square = tgraph.dot %b, %b
  %sum = tgraph.reduce %b {{op = \"sum\"}}
  %most = tgraph.reduce %a {{op = \"max\"}}
  %given = tgraph.dot %x, %y
  %all = tgraph.broadcast %dot {{dims = [], shape = [{n}]}}
  %c = tgraph.mul %all, %b
  %norm = tgraph.dot %c, %c
  tgraph.return %c, %dot, %square, %sum, %most, %given, %norm
}}"
    ))
}

/// The same where rows are wider than one element.
fn rows(dtype: DType, n: usize) -> Graph {
    module(&format!(
        "tgraph.module @rows {{
  %x = tgraph.arg : tensor<{n}x5x{dtype}>
  %s = tgraph.reduce %x {{op = \"sum\", axes = [1]}}
  %t = tgraph.tanh %s
  %dot = tgraph.dot %s, %t
  %sum = tgraph.reduce %t {{op = \"sum\"}}
  tgraph.return %dot, %sum
}}"
    ))
}

#[test]
fn reductions_of_vectors_have_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        for n in [1, 31, 256, 257, 5000, 100_003] {
            let inputs = [7, 8].map(|seed| rounded(between(-1.0, 1.0, seed, &[n]), dtype));
            assert_reference_bits(&vectors(dtype, n), &inputs);
            assert_reference_bits(&rows(dtype, n), &[rounded(between(-1.0, 1.0, 9, &[n, 5]), dtype)]);
        }
    }
}

#[test]
fn solvers_have_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        assert_reference_bits(&problems::bratu_cg(dtype, 96), &problems::bratu_cg_inputs(dtype, 96));
        for batch in [None, Some(37)] {
            for equation in [problems::Equation::Root, problems::Equation::FixedPoint] {
                let graph = problems::small_solve(equation, dtype, 6, batch);
                assert_reference_bits(&graph, &problems::small_solve_inputs(dtype, 6, batch));
            }
        }
    }
}
