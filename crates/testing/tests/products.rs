//! Matrix products have the bits of law 4 however they are cut: whole ones and those in regions, every transposition,
//! batches, extents about the edges of register blocks, panels, slabs and parts.

use std::sync::Arc;
use tessera_core::exec::plan::{Plan, Step};
use tessera_core::exec::{Backend, Function, cpu::Options};
use tessera_core::ir::{Builder, Graph};
use tessera_core::numerics::dispatch::Level;
use tessera_core::ops::Matmul;
use tessera_core::{DType, Tensor, Type};
use tessera_testing::data::between;
use tessera_testing::problems::rounded;

/// Rows, contracted extent, columns.
type Shape = (usize, usize, usize);

/// Small enough for one thread.
const SMALL: [Shape; 22] = [
    (0, 3, 4),
    (3, 0, 4),
    (3, 4, 0),
    (1, 1, 1),
    (1, 257, 1),
    (2, 3, 5),
    (7, 20, 8),
    (8, 255, 16),
    (9, 256, 17),
    (3, 257, 24),
    (15, 64, 25),
    (16, 31, 31),
    (17, 32, 32),
    (5, 511, 33),
    (25, 512, 48),
    (33, 513, 49),
    (4, 1000, 7),
    (2, 1800, 3),
    (31, 100, 97),
    (70, 30, 150),
    (64, 64, 64),
    (1, 300, 600),
];

/// Large enough to be cut between threads: by rows, by columns, by terms, and by more than one of them.
const LARGE: [Shape; 5] = [(1100, 50, 40), (40, 50, 1200), (9, 70_000, 5), (140, 129, 150), (530, 300, 100)];

fn operand(dtype: DType, seed: u64, shape: &[usize]) -> Tensor {
    rounded(between(-1.0, 1.0, seed, shape), dtype)
}

/// A graph of one product.
fn product(a: &Type, b: &Type, op: Matmul) -> Graph {
    let mut builder = Builder::new("product");
    let (x, y) = (builder.input("a", a.clone()), builder.input("b", b.clone()));
    let z = builder.apply(Arc::new(op), &[x, y]);
    builder.finish(vec![z])
}

fn assert_bits(graph: &Graph, inputs: &[&Tensor], what: &str) {
    let want = Function::new(graph.clone(), Backend::Reference).call(inputs).unwrap();
    for level in Level::available() {
        for threads in [1, 3] {
            let options = Options { threads, level: Some(level), tile_rows: None };
            let got = Function::new(graph.clone(), Backend::Cpu(options)).call(inputs).unwrap();
            for (want, got) in want.iter().zip(&got) {
                assert!(want.same_bits(got), "{what} at {level} with {threads} threads");
            }
        }
    }
}

/// Operands of a product, stored as `op` says.
fn operands(dtype: DType, batch: &[usize], (m, k, n): Shape, op: Matmul) -> [Tensor; 2] {
    let a = if op.transpose_a { [k, m] } else { [m, k] };
    let b = if op.transpose_b { [n, k] } else { [k, n] };
    [operand(dtype, 1, &[batch, &a].concat()), operand(dtype, 2, &[batch, &b].concat())]
}

fn assert_product(dtype: DType, batch: &[usize], shape: Shape, op: Matmul) {
    let [a, b] = operands(dtype, batch, shape, op);
    assert_bits(&product(&a.ty(), &b.ty(), op), &[&a, &b], &format!("{dtype} {batch:?} {shape:?} {op:?}"));
}

fn transpositions() -> impl Iterator<Item = Matmul> {
    [(false, false), (false, true), (true, false), (true, true)]
        .map(|(transpose_a, transpose_b)| Matmul { transpose_a, transpose_b, strong: None, stable: None })
        .into_iter()
}

#[test]
fn whole_products_have_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        for op in transpositions() {
            for shape in SMALL {
                assert_product(dtype, &[], shape, op);
            }
        }
    }
}

#[test]
fn large_products_have_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        for op in transpositions() {
            for shape in LARGE {
                assert_product(dtype, &[], shape, op);
            }
        }
    }
}

#[test]
fn batches_have_the_reference_bits() {
    for op in transpositions() {
        for (batch, shape) in [(vec![0], (3, 4, 5)), (vec![3], (10, 300, 9)), (vec![5, 10], (40, 40, 40))] {
            assert_product(DType::F64, &batch, shape, op);
        }
    }
}

#[test]
fn special_numbers_are_kept() {
    let specials =
        [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, -1e-310, f64::MAX, -f64::MAX];
    for dtype in [DType::F64, DType::F32] {
        for op in transpositions() {
            for shape in [(20, 5, 30), (20, 600, 30)] {
                let [mut a, b] = operands(DType::F64, &[], shape, op);
                for (i, x) in a.values_mut::<f64>().iter_mut().enumerate() {
                    if i % 41 == 0 {
                        *x = specials[i / 41 % specials.len()];
                    }
                }
                let (a, b) = (rounded(a, dtype), rounded(b, dtype));
                assert_bits(&product(&a.ty(), &b.ty(), op), &[&a, &b], &format!("{dtype} {shape:?} {op:?}"));
            }
        }
    }
}

/// In a region, where rows of a tile meet packed weights and contractions go on from tile to tile.
#[test]
fn products_in_regions_have_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        for (rows, k, n) in
            [(300, 1, 1), (70, 2, 64), (300, 20, 19), (70, 257, 33), (40, 1100, 50), (600, 64, 1)]
        {
            for transpose_b in [false, true] {
                let op = Matmul { transpose_b, ..Matmul::default() };
                let [x, w] = operands(dtype, &[], (rows, k, n), op);
                let mut b = Builder::new("region");
                let (xv, wv) = (b.input("x", x.ty()), b.input("w", w.ty()));
                let x2 = b.mul(xv, xv);
                let y = b.apply(Arc::new(op), &[x2, wv]);
                let y2 = b.mul(y, y);
                let over_rows = Matmul { transpose_a: true, ..Matmul::default() };
                let gradient = b.apply(Arc::new(over_rows), &[x2, y2]);
                let graph = b.finish(vec![y2, gradient]);
                assert_bits(&graph, &[&x, &w], &format!("{dtype} {rows} rows, {k} by {n}, {op:?}"));
            }
        }
    }
}

#[test]
fn a_region_that_is_one_product_runs_whole() {
    let mut b = Builder::new("reshaped");
    let x = b.input("x", Type::new(DType::F64, [2, 3, 4]));
    let w = b.input("w", Type::new(DType::F64, [4, 5]));
    let rows = b.reshape(x, &[6, 4]);
    let y = b.matmul(rows, w);
    let y = b.reshape(y, &[6, 5, 1]);
    let graph = b.finish(vec![y]);
    let plan = Plan::new(graph.clone(), 1);
    let products = plan.steps.iter().filter(|step| matches!(step, Step::Product(_))).count();
    assert_eq!(products, 1, "{plan}");
    let (x, w) = (operand(DType::F64, 1, &[2, 3, 4]), operand(DType::F64, 2, &[4, 5]));
    assert_bits(&graph, &[&x, &w], "a reshaped product");
}
