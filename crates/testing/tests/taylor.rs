//! Taylor mode is what nested forward mode is, for every operation and for random programs, in fewer operations.

use tessera_core::ad::check::{Options, draw_inputs};
use tessera_core::ad::{AdError, ORDER_MAX, forward, series};
use tessera_core::exec::{Backend, Function, cpu};
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::numerics::dispatch::Level;
use tessera_core::{DType, Tensor};
use tessera_testing::data::between;
use tessera_testing::generate::numbered;
use tessera_testing::problems::{nested_step, rounded, taylor_step};
use tessera_testing::samples;

const ORDER: usize = 6;

fn run(graph: &Graph, backend: Backend, inputs: &[Tensor]) -> Vec<Tensor> {
    Function::new(graph.clone(), backend).call(&inputs.iter().collect::<Vec<_>>()).unwrap()
}

/// `graph` with its inputs bound to the shapes of `inputs`, and the direction of each float input.
fn bound(graph: &Graph, inputs: &[Tensor]) -> (Builder, Vec<Value>, Vec<Value>, Vec<Value>) {
    let mut b = Builder::new(&graph.name);
    let x: Vec<Value> = inputs.iter().enumerate().map(|(i, t)| b.input(&format!("x{i}"), t.ty())).collect();
    let roots = b.inline(graph, &x).unwrap();
    let roots = roots.into_iter().filter(|&y| b.ty(y).dtype.is_float()).collect();
    let wrt: Vec<Value> = x.into_iter().filter(|&v| b.ty(v).dtype.is_float()).collect();
    let direction = |(i, &x): (usize, &Value)| {
        let (ty, seed) = (b.ty(x), 50 + i as u64);
        rounded(between(-1.0, 1.0, seed, &ty.static_shape().unwrap()), ty.dtype)
    };
    let directions: Vec<Tensor> = wrt.iter().enumerate().map(direction).collect();
    let directions = directions.into_iter().map(|v| b.constant(v)).collect();
    (b, roots, wrt, directions)
}

/// k! times the coefficients of orders 1 to [`ORDER`] of each output, or the derivatives that nested forward mode gives.
fn derivatives(graph: &Graph, inputs: &[Tensor], nested: bool) -> Result<Graph, AdError> {
    let (mut b, roots, wrt, directions) = bound(graph, inputs);
    let mut outputs = Vec::new();
    if nested {
        for mut y in roots {
            for _ in 0..ORDER {
                y = forward(&mut b, &[y], &wrt, &directions)?[0].unwrap_or_else(|| b.zeros_like(y));
                outputs.push(y);
            }
        }
    } else {
        let paths: Vec<_> = directions.into_iter().map(|v| vec![Some(v)]).collect();
        for (y, path) in roots.iter().zip(series(&mut b, &roots, &wrt, &paths, ORDER)?) {
            let mut factorial = 1.0;
            for (k, coefficient) in path.into_iter().enumerate() {
                factorial *= (k + 1) as f64;
                let coefficient = coefficient.unwrap_or_else(|| b.zeros_like(*y));
                let factor = b.full_like(*y, factorial);
                outputs.push(b.mul(coefficient, factor));
            }
        }
    }
    Ok(b.snapshot(outputs))
}

fn widened(x: &Tensor) -> Vec<f64> {
    rounded(x.clone(), DType::F64).values::<f64>().to_vec()
}

/// What differs between Taylor mode and nested forward mode by more than rounding, where both are finite; and the numbers of operations.
fn difference(graph: &Graph, inputs: &[Tensor]) -> Result<(Option<String>, [usize; 2]), AdError> {
    let (taylor, nested) = (derivatives(graph, inputs, false)?, derivatives(graph, inputs, true)?);
    let counts = [&taylor, &nested].map(|graph| graph.nodes().len());
    let got = run(&taylor, Backend::Reference, inputs);
    let want = run(&nested, Backend::Reference, inputs);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        let k = i % ORDER + 1;
        if k == 1 && !got.same_bits(want) {
            return Ok((
                Some(format!("first order must have the tangent's bits {want:?}, got {got:?}")),
                counts,
            ));
        }
        let epsilon = if got.dtype() == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let (got, want) = (widened(got), widened(want));
        let size = want.iter().filter(|d| d.is_finite()).fold(1.0, |a: f64, d| a.max(d.abs()));
        let bound = 4096.0 * 4f64.powi(k as i32) * epsilon * size;
        let far = |(got, want): (&f64, &f64)| {
            want.is_finite() && (got - want).abs().partial_cmp(&bound) != Some(std::cmp::Ordering::Less)
        };
        if got.iter().zip(&want).any(far) {
            return Ok((Some(format!("derivative {k} must be {want:?}, got {got:?}")), counts));
        }
    }
    Ok((None, counts))
}

#[test]
fn taylor_is_nested_forward_mode_for_every_operation() {
    let mut checked = 0;
    for sample in samples::all().into_iter().filter(|sample| sample.smooth) {
        if !sample.graph.output_types()[0].dtype.is_float() {
            continue;
        }
        let (difference, _) = difference(&sample.graph, &sample.inputs(3, 4)).unwrap();
        assert_eq!(difference, None, "{}", sample.what);
        checked += 1;
    }
    assert!(checked > 100, "got {checked}");
}

#[test]
fn the_engine_has_the_reference_bits_of_every_coefficient() {
    for sample in samples::all().into_iter().filter(|sample| sample.smooth) {
        if !sample.graph.output_types()[0].dtype.is_float() {
            continue;
        }
        for rows in [1, 5, 300] {
            let inputs = sample.inputs(9, rows);
            let graph = derivatives(&sample.graph, &inputs, false).unwrap();
            let want = run(&graph, Backend::Reference, &inputs);
            for level in Level::available() {
                for (threads, tile_rows) in [(1, None), (2, Some(7))] {
                    let options = cpu::Options { threads, level: Some(level), tile_rows };
                    let got = run(&graph, Backend::Cpu(options), &inputs);
                    let same = want.iter().zip(&got).all(|(want, got)| want.same_bits(got));
                    assert!(same, "{} with {rows} rows at {level}", sample.what);
                }
            }
        }
    }
}

#[test]
fn taylor_is_nested_forward_mode_for_random_programs() {
    let (mut checked, mut refused) = (0, 0);
    for k in 0..120 {
        for graph in numbered(k).modules.values() {
            let inputs = draw_inputs(graph, &Options { range: Some((0.3, 0.9)), ..Options::default() });
            // Not every `?` can be what is drawn.
            if Function::new(graph.clone(), Backend::Reference)
                .call(&inputs.iter().collect::<Vec<_>>())
                .is_err()
            {
                continue;
            }
            match difference(graph, &inputs) {
                Ok((difference, _)) => {
                    assert_eq!(difference, None, "{}", tessera_core::text::print_graph(graph));
                    checked += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(checked > 140 && refused < checked / 10, "{checked} checked, {refused} refused");
}

/// The operations that an output needs.
fn operations(graph: &Graph) -> usize {
    let live = graph.live();
    graph.nodes().iter().filter(|node| node.results.iter().any(|r| live[r.index()])).count()
}

/// The mean square of a derivative of a network of four hidden layers and its gradient: as `docs/autodiff.md` says.
#[test]
fn a_sixth_coefficient_is_a_smaller_graph_than_a_sixth_derivative() {
    let steps = |order| [nested_step(DType::F64, order), taylor_step(DType::F64, order)];
    let counts = |order| steps(order).each_ref().map(operations);
    let want = [[104, 104], [182, 199], [304, 338], [473, 503], [703, 706], [997, 931]];
    assert_eq!([1, 2, 3, 4, 5, 6].map(counts), want);
    assert_eq!(counts(8), [1822, 1479]);
}

#[test]
fn the_highest_order_of_the_least_regular_function_is_a_graph_of_bounded_size() {
    let mut b = Builder::new("tower");
    let [x, y] = ["x", "y"].map(|name| b.input(name, tessera_core::Type::scalar(DType::F64)));
    let power = b.pow(x, y);
    let ratio = b.div(power, x);
    let one = b.ones_like(x);
    series(&mut b, &[ratio], &[x, y], &[vec![Some(one)], vec![Some(one)]], ORDER_MAX).unwrap();
    // 125,332 today; without what is remembered of each coefficient it would double with each order.
    let nodes = b.graph().nodes().len();
    assert!(nodes < 150_000, "got {nodes} nodes");
}
