//! Reductions and dot products through the engine: the reference's bits over any axis, for every element type, policy,
//! SIMD level and number of threads; sizes on both sides of every cut that the engine makes.

use std::sync::Arc;
use tessera_core::exec::{Backend, Function, cpu::Options};
use tessera_core::ir::{Builder, Graph};
use tessera_core::numerics::dispatch::Level;
use tessera_core::ops::{Convert, Dot, Op, Reduce, Reduction, Rule, Stable};
use tessera_core::{DType, Tensor, Type};
use tessera_testing::data::between;

/// Elements of very different size and sign, with zeros, infinities and NaN among them every `every` elements.
fn operand(dtype: DType, shape: &[usize], seed: u64, every: usize) -> Tensor {
    let mut x = between(-1.0, 1.0, seed, shape);
    for (i, x) in x.values_mut::<f64>().iter_mut().enumerate() {
        *x *= 2f64.powi((i * 7 % 23) as i32);
        if i % every == every - 1 {
            *x = [-0.0, 0.0, f64::INFINITY, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN][i / every % 7];
        }
    }
    Convert { to: dtype }.evaluate(&[&x]).remove(0)
}

fn graph(op: Op, operands: &[Tensor]) -> Graph {
    let mut b = Builder::verbatim("reduction");
    let x: Vec<_> = operands.iter().map(|x| b.input("x", Type::new(x.dtype(), x.shape().to_vec()))).collect();
    let y = b.apply(op, &x);
    b.finish(vec![y])
}

/// The engine gives the reference's bits.
fn check(op: Op, operands: &[Tensor], levels: &[Level], threads: &[usize]) {
    let graph = graph(op.clone(), operands);
    let inputs: Vec<&Tensor> = operands.iter().collect();
    let want = Function::new(graph.clone(), Backend::Reference).call(&inputs).unwrap();
    for &level in levels {
        for &threads in threads {
            let options = Options { threads, level: Some(level), tile_rows: None };
            let got = Function::new(graph.clone(), Backend::Cpu(options)).call(&inputs).unwrap();
            let what = format!("{op:?} of {} at {level} on {threads} threads", operands[0].ty());
            assert!(want[0].same_bits(&got[0]), "{what}:\nwant {:?}\ngot  {:?}", want[0], got[0]);
        }
    }
}

fn reduce(reduction: Reduction, axes: &[usize], stable: Option<Stable>) -> Op {
    Arc::new(Reduce { reduction, axes: Some(axes.to_vec()), stable })
}

#[test]
fn every_reduction_over_every_axis_has_the_reference_bits() {
    let levels: Vec<Level> = Level::available().collect();
    let shapes: [&[usize]; 6] = [&[1000], &[3, 700], &[700, 3], &[5, 300, 4], &[2, 40, 150], &[300, 2, 3, 2]];
    for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool) {
        for shape in shapes {
            for every in [5, 1_000_000] {
                let x = [operand(dtype, shape, 3, every)];
                let mut axes_sets: Vec<Vec<usize>> = (0..shape.len()).map(|axis| vec![axis]).collect();
                if shape.len() > 1 {
                    axes_sets.extend([(0..shape.len()).collect(), vec![0, shape.len() - 1]]);
                }
                for axes in axes_sets {
                    for reduction in Reduction::ALL {
                        if reduction != Reduction::Mean || dtype.is_float() {
                            check(reduce(reduction, &axes, None), &x, &levels, &[1, 2]);
                        }
                    }
                    for stable in
                        [Stable::Kahan, Stable::DoubleDouble].into_iter().filter(|_| dtype.is_float())
                    {
                        check(reduce(Reduction::Sum, &axes, Some(stable)), &x, &levels, &[1, 2]);
                        check(reduce(Reduction::Mean, &axes, Some(stable)), &x, &levels, &[2]);
                    }
                }
            }
        }
    }
}

#[test]
fn dot_products_have_the_reference_bits() {
    let levels: Vec<Level> = Level::available().collect();
    for dtype in [DType::F64, DType::F32] {
        for shape in [&[1][..], &[255], &[4097], &[700, 3], &[9, 300], &[4, 5, 33], &[3, 0], &[0, 3]] {
            for every in [5, 1_000_000] {
                let x = [operand(dtype, shape, 3, every), operand(dtype, shape, 4, every + 2)];
                for stable in Stable::ALL {
                    check(Arc::new(Dot { stable: Some(stable) }), &x, &levels, &[1, 2]);
                }
            }
        }
    }
}

/// Large enough that threads share one line, one matrix, one block of wide rows, or many of each.
#[test]
fn threads_split_along_the_tree() {
    let best = [Level::detect()];
    let shapes: [&[usize]; 5] = [&[300_000], &[3, 100_000], &[100_000, 3], &[200, 1500], &[70, 2, 2100]];
    for dtype in [DType::F64, DType::F32, DType::I32] {
        for shape in shapes {
            let x = [operand(dtype, shape, 3, 1_000_000)];
            for axis in 0..shape.len() {
                for reduction in [Reduction::Sum, Reduction::Max] {
                    check(reduce(reduction, &[axis], None), &x, &best, &[1, 2, 3, 7]);
                }
                if dtype.is_float() {
                    check(reduce(Reduction::Sum, &[axis], Some(Stable::Kahan)), &x, &best, &[2, 3]);
                }
            }
            if dtype.is_float() {
                let y = operand(dtype, shape, 4, 1_000_000);
                check(Arc::new(Dot::default()), &[x[0].clone(), y], &best, &[1, 2, 3]);
            }
        }
    }
}

/// In a region, behind elementwise operations and before them.
#[test]
fn dot_products_of_tiles_have_the_reference_bits() {
    for dtype in [DType::F64, DType::F32] {
        let mut b = Builder::new("rows");
        let x = b.input("x", Type::new(dtype, [700, 40]));
        let y = b.tanh(x);
        let dot = b.dot(x, y);
        let dot = b.spread(dot, &[1], x);
        let scaled = b.mul(y, dot);
        let loss = b.sum_all(scaled);
        let graph = b.finish(vec![scaled, loss]);
        let x = operand(dtype, &[700, 40], 3, 1_000_000);
        let want = Function::new(graph.clone(), Backend::Reference).call(&[&x]).unwrap();
        for level in Level::available() {
            for (threads, tile_rows) in [(1, None), (2, Some(7)), (3, Some(64))] {
                let options = Options { threads, level: Some(level), tile_rows };
                let got = Function::new(graph.clone(), Backend::Cpu(options)).call(&[&x]).unwrap();
                assert!(want.iter().zip(&got).all(|(want, got)| want.same_bits(got)), "{dtype} at {level}");
            }
        }
    }
}
