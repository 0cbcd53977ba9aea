//! What must hold for every operation of the table, for every element type it takes.

use tessera_core::ad::{backward, forward};
use tessera_core::exec::{Backend, CallError, Function, cpu::Options};
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::numerics::dispatch::Level;
use tessera_core::ops::{self, Reduction};
use tessera_core::{DType, Tensor};
use tessera_testing::data::{between, with_specials};
use tessera_testing::samples::{Sample, all};

#[test]
fn every_operation_has_a_sample() {
    let samples = all();
    for entry in ops::entries() {
        assert!(samples.iter().any(|s| s.op == entry.name), "no sample of {}", entry.name);
    }
}

fn run(graph: &Graph, backend: Backend, inputs: &[Tensor]) -> Result<Vec<Tensor>, CallError> {
    Function::new(graph.clone(), backend).call(&inputs.iter().collect::<Vec<_>>())
}

#[test]
fn the_engine_has_the_reference_bits_for_every_operation() {
    for sample in all() {
        for rows in [0, 1, 5, 300] {
            for inputs in [sample.inputs(7, rows), with_specials(sample.inputs(8, rows))] {
                let Ok(want) = run(&sample.graph, Backend::Reference, &inputs) else {
                    assert!(rows == 0, "{} must run with {rows} rows", sample.what);
                    continue;
                };
                for level in Level::available() {
                    for (threads, tile_rows) in [(1, None), (2, Some(7))] {
                        let options = Options { threads, level: Some(level), tile_rows };
                        let got = run(&sample.graph, Backend::Cpu(options), &inputs).unwrap();
                        for (want, got) in want.iter().zip(&got) {
                            assert!(
                                want.same_bits(got),
                                "{} with {rows} rows at {level}:\nwant {want:?}\ngot  {got:?}",
                                sample.what
                            );
                        }
                    }
                }
            }
        }
    }
}

/// A scalar function of the sample's float inputs: ⟨weights, op(x)⟩, and those inputs.
fn scalar(sample: &Sample, b: &mut Builder, inputs: &[Value], weights: &Tensor) -> Value {
    let y = b.inline(&sample.graph, inputs).unwrap()[0];
    let w = b.constant(weights.clone());
    let product = b.mul(y, w);
    b.sum_all(product)
}

fn smooth_samples() -> impl Iterator<Item = Sample> {
    let is_f64 = |s: &Sample| {
        let floats = |ty: &&tessera_core::Type| ty.dtype != DType::F32;
        s.smooth && s.graph.input_types().iter().all(floats) && s.graph.output_types()[0].dtype == DType::F64
    };
    all().into_iter().filter(is_f64)
}

/// Gradient by reverse mode and its directional derivative in forward mode agree with central
/// differences, at first and second order, and ⟨ȳ, J ẋ⟩ = ⟨Jᵀȳ, ẋ⟩.
#[test]
fn derivatives_agree_with_differences_for_every_operation() {
    let rows = 4;
    for sample in smooth_samples() {
        let inputs = sample.inputs(3, rows);
        let y = run(&sample.graph, Backend::Reference, &inputs).unwrap().remove(0);
        let weights = between(0.5, 1.5, 99, y.shape());
        let mut b = Builder::new("check");
        let x: Vec<Value> =
            inputs.iter().enumerate().map(|(i, t)| b.input(&format!("x{i}"), t.ty())).collect();
        let wrt: Vec<Value> = x.iter().copied().filter(|&v| b.ty(v).dtype.is_float()).collect();
        let v: Vec<Value> = wrt
            .iter()
            .enumerate()
            .map(|(i, &x)| {
                let shape = b.ty(x).static_shape().unwrap();
                b.constant(between(-1.0, 1.0, 50 + i as u64, &shape))
            })
            .collect();
        let f = scalar(&sample, &mut b, &x, &weights);
        let seed = b.ones_like(f);
        let gradient = backward(&mut b, &[f], &[seed], &wrt).unwrap();
        let inner = |b: &mut Builder, g: &[Option<Value>]| {
            let zero = b.zeros_like(f);
            let terms: Vec<Value> = g
                .iter()
                .zip(&v)
                .filter_map(|(g, &v)| {
                    let product = b.mul((*g)?, v);
                    Some(b.sum_all(product))
                })
                .collect();
            terms.into_iter().fold(zero, |sum, term| b.add(sum, term))
        };
        // First order: ⟨∇f, v⟩ by reverse mode, f·v by forward mode.
        let reverse = inner(&mut b, &gradient);
        let ahead = forward(&mut b, &[f], &wrt, &v).unwrap()[0].unwrap_or_else(|| b.zeros_like(f));
        // Second order: vᵀHv by forward over reverse, reverse over forward and reverse over reverse.
        let forward_reverse =
            forward(&mut b, &[reverse], &wrt, &v).unwrap()[0].unwrap_or_else(|| b.zeros_like(f));
        let hv = backward(&mut b, &[ahead], &[seed], &wrt).unwrap();
        let reverse_forward = inner(&mut b, &hv);
        let hv = backward(&mut b, &[reverse], &[seed], &wrt).unwrap();
        let reverse_reverse = inner(&mut b, &hv);
        let graph = b.finish(vec![f, reverse, ahead, forward_reverse, reverse_forward, reverse_reverse]);
        let at = |h: f64| -> Vec<f64> {
            let mut moved = inputs.clone();
            let floats = moved.iter_mut().filter(|t| t.dtype() == DType::F64);
            for (i, t) in floats.enumerate() {
                let v = between(-1.0, 1.0, 50 + i as u64, t.shape());
                for (x, v) in t.values_mut::<f64>().iter_mut().zip(v.values::<f64>()) {
                    *x += h * v;
                }
            }
            let results = run(&graph, Backend::default(), &moved).unwrap();
            results.iter().map(|t| t.values::<f64>()[0]).collect()
        };
        let h = 1e-5;
        let (here, above, below) = (at(0.0), at(h), at(-h));
        let first = (above[0] - below[0]) / (2.0 * h);
        let second = (above[1] - below[1]) / (2.0 * h);
        // Truncation h²·f‴/6 and rounding ε·f/h, with f and its derivatives below about 1e3 here.
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (1.0 + a.abs().max(b.abs()));
        let what = &sample.what;
        assert!(close(here[1], first), "{what}: reverse {} and differences {first}", here[1]);
        assert!(
            (here[1] - here[2]).abs() <= 1e-12 * (1.0 + here[1].abs()),
            "{what}: reverse {} and forward {}",
            here[1],
            here[2]
        );
        for (i, mode) in
            [(3, "forward over reverse"), (4, "reverse over forward"), (5, "reverse over reverse")]
        {
            assert!(close(here[i], second), "{what}: {mode} {} and differences {second}", here[i]);
        }
    }
}

/// The rules derived by hand equal the derivative of the expansion, to rounding.
#[test]
fn hand_derived_rules_equal_the_derivative_of_the_expansion() {
    for sample in smooth_samples().filter(|s| ["softmax", "logsumexp"].contains(&s.op)) {
        let inputs = sample.inputs(5, 6);
        let y = run(&sample.graph, Backend::Reference, &inputs).unwrap().remove(0);
        let seed = between(-1.0, 1.0, 9, y.shape());
        let gradient = |expanded: bool| {
            let mut b = Builder::new("g");
            let x = b.input("x", inputs[0].ty());
            let y = if expanded {
                let op = sample.graph.nodes()[0].op.clone();
                op.expand(&mut b, &[x]).unwrap()[0]
            } else {
                b.inline(&sample.graph, &[x]).unwrap()[0]
            };
            let seed = b.constant(seed.clone());
            let g = backward(&mut b, &[y], &[seed], &[x]).unwrap()[0].unwrap();
            run(&b.finish(vec![g]), Backend::Reference, &inputs).unwrap().remove(0)
        };
        for (a, b) in gradient(true).values::<f64>().iter().zip(gradient(false).values::<f64>()) {
            assert!((a - b).abs() <= 1e-14, "{}: {a} and {b}", sample.what);
        }
    }
}

#[test]
fn a_division_by_zero_has_a_nan_derivative_unless_guarded() {
    let mut b = Builder::new("ratio");
    let x = b.input("x", tessera_core::Type::new(DType::F64, [3]));
    let one = b.ones_like(x);
    let zero = b.zeros_like(x);
    let ratio = b.div(one, x);
    let safe = b.compare(ops::Direction::Ne, x, zero);
    let guarded = b.select(safe, ratio, zero);
    let mut outputs = Vec::new();
    for y in [ratio, guarded] {
        let total = b.reduce(Reduction::Sum, y, &[0]);
        let seed = b.ones_like(total);
        let g = backward(&mut b, &[total], &[seed], &[x]).unwrap()[0].unwrap();
        let sum = b.sum_all(g);
        let h = backward(&mut b, &[sum], &[seed], &[x]).unwrap()[0].unwrap();
        outputs.extend([g, h]);
    }
    let graph = b.finish(outputs);
    let out = run(&graph, Backend::default(), &[Tensor::new([3], vec![2.0, 0.0, -0.0])]).unwrap();
    let nan = |t: &Tensor| t.values::<f64>().iter().map(|x| x.is_nan()).collect::<Vec<_>>();
    assert_eq!(nan(&out[0]), [false, true, true]);
    assert_eq!(nan(&out[1]), [false, true, true]);
    assert_eq!(out[2].values::<f64>(), [-0.25, 0.0, 0.0]);
    assert_eq!(out[3].values::<f64>(), [0.25, 0.0, 0.0]);
}
