//! Loops, choices and checkpoints: what their derivatives must keep to beyond what holds for every operation.

use std::sync::Arc;
use tessera_core::ad::{backward, forward, jvp, linearize};
use tessera_core::diagnostic::Source;
use tessera_core::exec::memory::Memory;
use tessera_core::exec::plan::Plan;
use tessera_core::exec::{Backend, Function, lower};
use tessera_core::ir::{Builder, Graph, Program, Value};
use tessera_core::ops::{Call, Checkpoint, Cond, Direction, Keep, Op, Scan, While};
use tessera_core::{DType, Tensor, Type, text, verify};
use tessera_testing::data::between;
use tessera_testing::samples::{self, step};

fn run(graph: &Graph, backend: Backend, inputs: &[Tensor]) -> Vec<Tensor> {
    Function::new(graph.clone(), backend).call(&inputs.iter().collect::<Vec<_>>()).unwrap()
}

fn assert_same(want: &[Tensor], got: &[Tensor], what: &str) {
    assert_eq!(want.len(), got.len(), "{what}");
    for (i, (want, got)) in want.iter().zip(got).enumerate() {
        assert!(want.same_bits(got), "output {i} of {what}:\nwant {want:?}\ngot  {got:?}");
    }
}

/// The inputs c, x, k of so many rounds.
fn inputs(rounds: usize) -> Vec<Tensor> {
    vec![between(-1.0, 1.0, 1, &[3]), between(-1.0, 1.0, 2, &[rounds, 3]), between(0.5, 1.5, 3, &[])]
}

/// The sum of the tanh of all results of a loop, the values that it carries and its rows.
fn loss(b: &mut Builder, results: &[Value]) -> Value {
    let terms: Vec<Value> = results
        .iter()
        .map(|&y| {
            let term = b.tanh(y);
            b.sum_all(term)
        })
        .collect();
    terms.into_iter().reduce(|sum, term| b.add(sum, term)).unwrap()
}

/// Gradients of the loss with respect to c, x and k, by `body` of (b, c, x, k), which gives the results.
fn gradient(rounds: usize, body: impl Fn(&mut Builder, [Value; 3]) -> Vec<Value>) -> Graph {
    let mut b = Builder::new("gradient");
    let named = inputs(rounds).into_iter().zip(["c", "x", "k"]);
    let x: Vec<Value> = named.map(|(tensor, name)| b.input(name, tensor.ty())).collect();
    let results = body(&mut b, [x[0], x[1], x[2]]);
    let loss = loss(&mut b, &results);
    let seed = b.ones_like(loss);
    let gradients = backward(&mut b, &[loss], &[seed], &x).unwrap();
    b.finish(gradients.into_iter().map(|g| g.expect("all have influence")).collect())
}

fn scanned(rounds: usize, reverse: bool, keep: Keep) -> Graph {
    let scan = Scan::new(Arc::new(step(DType::F64)), 1, 1).reversed(reverse).keeping(keep);
    gradient(rounds, move |b, x| b.push(Arc::new(scan.clone()), &x).unwrap())
}

#[test]
fn no_policy_shows_in_the_bits() {
    for rounds in [0, 1, 2, 3, 7, 16, 23] {
        for reverse in [false, true] {
            let want = run(&scanned(rounds, reverse, Keep::All), Backend::Reference, &inputs(rounds));
            let more = [
                Keep::Periodic(1),
                Keep::Periodic(5),
                Keep::Revolve(1),
                Keep::Revolve(4),
                Keep::Revolve(9),
                Keep::Revolve(usize::MAX),
            ];
            for keep in samples::policies().into_iter().chain(more) {
                let graph = scanned(rounds, reverse, keep.clone());
                for backend in [Backend::Reference, Backend::default()] {
                    let got = run(&graph, backend, &inputs(rounds));
                    assert_same(&want, &got, &format!("{keep}, {rounds} rounds, reverse {reverse}"));
                }
            }
        }
    }
}

#[test]
fn a_loop_has_the_gradient_of_its_rounds_written_out() {
    let rounds = 6;
    let body = step(DType::F64);
    let unrolled = gradient(rounds, |b, [mut c, x, k]| {
        let mut rows = Vec::new();
        for i in 0..rounds {
            let row = b.slice(x, 0, i..i + 1);
            let row = b.reshape(row, &[3]);
            let results = b.inline(&body, &[c, row, k]).unwrap();
            c = results[0];
            rows.push(b.reshape(results[1], &[1, 3]));
        }
        vec![c, b.concat(&rows, 0)]
    });
    let want = run(&unrolled, Backend::Reference, &inputs(rounds));
    let got = run(&scanned(rounds, false, Keep::All), Backend::Reference, &inputs(rounds));
    // Contributions to k are added from the last round to the first, so its last bits are its own.
    assert_same(&want[..2], &got[..2], "cotangents of c and x");
    let [want, got] = [want[2].values::<f64>()[0], got[2].values::<f64>()[0]];
    assert!((want - got).abs() <= 1e-14 * want.abs(), "{want} and {got}");
}

/// Every derivative of every structured operation, to third order, is a program that prints, reads and runs.
#[test]
fn derivatives_of_derivatives_close() {
    let structured =
        ["call", "checkpoint", "cond", "fixed_point", "linear_solve", "minimize", "root", "scan", "while"];
    let samples = samples::all().into_iter().filter(|s| s.smooth && structured.contains(&s.op));
    for sample in samples.filter(|s| s.graph.output_types()[0].dtype == DType::F64) {
        let rows = 4;
        let x = sample.inputs(3, rows);
        for modes in ["fr", "rf", "rr", "ff", "rfr", "frr"] {
            let what = format!("{} by {modes}", sample.what);
            let graph = derived(&sample.graph, modes);
            let mut program = Program::default();
            let graph = program.insert(graph).unwrap();
            verify::verify(&program).unwrap_or_else(|errors| panic!("{what}: {errors:?}"));
            let printed = text::print(&program);
            let again = text::check(&Source::new("printed", printed.as_str()));
            let again = again.unwrap_or_else(|errors| panic!("{what}: {errors}\n{printed}"));
            assert_eq!(text::print(&again), printed, "{what}");
            let want = run(&graph, Backend::Reference, &x);
            assert_same(&want, &run(&again.modules["derived"], Backend::default(), &x), &what);
        }
    }
}

/// Derivatives in forward (`f`) and reverse (`r`) mode, one of another, along fixed directions.
fn derived(source: &Graph, modes: &str) -> Graph {
    let mut b = Builder::new("derived");
    let x = b.copy_inputs(source);
    let results = b.inline(source, &x).unwrap();
    let mut y = loss(&mut b, &results);
    let wrt: Vec<Value> = x.into_iter().filter(|&v| b.ty(v).dtype.is_float()).collect();
    for mode in modes.chars() {
        let ones: Vec<Value> = wrt.iter().map(|&v| b.ones_like(v)).collect();
        y = match mode {
            'f' => forward(&mut b, &[y], &wrt, &ones).unwrap()[0].unwrap_or_else(|| b.zeros_like(y)),
            _ => {
                let seed = b.ones_like(y);
                let gradient = backward(&mut b, &[y], &[seed], &wrt).unwrap();
                let gradient: Vec<Value> = gradient.into_iter().flatten().collect();
                loss(&mut b, &gradient)
            }
        };
    }
    b.finish(vec![y])
}

#[test]
fn guards_reach_through_loops_and_choices() {
    // f = Σ over rounds of select(c > 0, log c, 0): where c ≤ 0 nothing of log may show.
    let mut inner = Builder::new("guarded_log");
    let c = inner.input("c", Type::new(DType::F64, [3]));
    let zero = inner.zeros_like(c);
    let log = inner.log(c);
    let positive = inner.compare(tessera_core::ops::Direction::Gt, c, zero);
    let safe = inner.select(positive, log, zero);
    let body = Arc::new(inner.finish(vec![c, safe]));
    let mut b = Builder::new("f");
    let c = b.input("c", Type::new(DType::F64, [3]));
    let results = b.push(Arc::new(Scan::new(body, 1, 0).length(2)), &[c]).unwrap();
    let total = b.sum_all(results[1]);
    let seed = b.ones_like(total);
    let g = backward(&mut b, &[total], &[seed], &[c]).unwrap()[0].unwrap();
    let got = run(&b.finish(vec![g]), Backend::default(), &[Tensor::new([3], vec![2.0, 0.0, -1.0])]);
    assert_eq!(got[0].values::<f64>(), [1.0, 0.0, 0.0]);
}

#[test]
fn what_reverse_mode_cannot_go_through_is_an_error_with_a_mend() {
    let mistake = |loops: &str, rows: &str| {
        let text = format!(
            "tgraph.module @holds {{\n%x = tgraph.arg : f64\n%y = tgraph.arg : f64\n%p = tgraph.compare %x, %y {{direction = \"lt\"}}\n\
             tgraph.return %p\n}}\n\
             tgraph.module @body {{\n%x = tgraph.arg : f64\n%y = tgraph.arg : f64\n%z = tgraph.add %x, %y\ntgraph.return %z\n}}\n\
             tgraph.module @m {{\n%x = tgraph.arg : f64\n%r = tgraph.arg : {rows}\n%z = {loops}\ntgraph.return %z\n}}\n\
             tgraph.adjoint @m wrt(%x) -> @g\n"
        );
        let source = Source::new("loops", text.as_str());
        let program = text::check(&source).unwrap_or_else(|errors| panic!("{errors}"));
        let error = tessera_core::ad::expand(&program).unwrap_err().remove(0);
        let tessera_core::ir::Location::Text { start, end } = error.location else { panic!("{error:?}") };
        assert_eq!(&text[start as usize..end as usize], loops.trim_end(), "{error}");
        (error.id, error.message)
    };
    let (id, message) = mistake("tgraph.while @holds, @body(%x, %r) {carries = 1}", "f64");
    assert_eq!(id, "ad-8");
    assert!(message.contains("write `max = 1000`"), "{message}");
    for keep in ["periodic(2)", "revolve(2)"] {
        let scan = format!("tgraph.scan @body(%x, %r) {{carries = 1, rows = 1, keep = \"{keep}\"}}");
        let (id, message) = mistake(&scan, "tensor<?xf64>");
        assert_eq!(id, "ad-9");
        assert!(message.contains("must have static sequences"), "{message}");
    }
    let scan = "tgraph.scan @body(%x, %r) {carries = 1, rows = 0, length = 1000000, keep = \"revolve(1)\"}";
    let (id, message) = mistake(scan, "f64");
    assert_eq!(id, "ad-10");
    assert!(message.contains("got 1000000 rounds with 1 snapshots"), "{message}");
    let scan =
        "tgraph.scan @body(%x, %r) {carries = 1, rows = 0, length = 10000000, keep = \"revolve(5000)\"}";
    let (id, message) = mistake(scan, "f64");
    assert_eq!(id, "ad-10");
    assert!(message.contains("no more than 128 graphs"), "{message}");
    let (id, message) =
        mistake("tgraph.scan @body(%x, %r) {carries = 1, rows = 0, length = 300000000000000}", "f64");
    assert_eq!(id, "type-2");
    assert!(message.contains("what a scan keeps"), "{message}");
}

/// The most bytes that a gradient of so many rounds holds, its carried values of 100 elements.
fn held(rounds: usize, keep: Keep) -> usize {
    let mut b = Builder::new("round");
    let c = b.input("c", Type::new(DType::F64, [100]));
    let k = b.input("k", Type::scalar(DType::F64));
    let spread = b.broadcast(k, &[], &[100]);
    let product = b.mul(spread, c);
    let inner = b.sin(product);
    let outer = b.tanh(inner);
    let scan = Scan::new(Arc::new(b.finish(vec![outer])), 1, 0).length(rounds).keeping(keep);
    let mut b = Builder::new("gradient");
    let c = b.input("c", Type::new(DType::F64, [100]));
    let k = b.input("k", Type::scalar(DType::F64));
    let end = b.push(Arc::new(scan), &[c, k]).unwrap();
    let total = b.sum_all(end[0]);
    let seed = b.ones_like(total);
    let gradients = backward(&mut b, &[total], &[seed], &[c, k]).unwrap();
    let graph = b.finish(gradients.into_iter().map(Option::unwrap).collect());
    let types: Vec<Type> = graph.input_types().into_iter().cloned().collect();
    Memory::of(&Plan::new(lower(&graph, &types).unwrap(), 1)).bytes
}

#[test]
fn each_policy_holds_what_it_promises() {
    const STATE: usize = 800;
    // Beside what is kept: cotangents, and values of one round.
    let about = |states: usize, got: usize| {
        let got = got as f64 / STATE as f64;
        assert!(got >= states as f64 && got <= states as f64 + 12.0, "{got} states, not about {states}");
    };
    for rounds in [60, 240] {
        // The slopes of tanh and of sin, with respect to c and to k.
        about(3 * rounds, held(rounds, Keep::All));
        about(rounds, held(rounds, Keep::Recompute));
        about(rounds / 10 + 3 * 10, held(rounds, Keep::Periodic(10)));
        // Each snapshot, the cotangent that waits beside it, and the one that is made.
        about(3 * 4, held(rounds, Keep::Revolve(4)));
    }
}

/// The square of a sum over a product that is spread and taken through functions: `around` applies the module of the sum.
fn gradient_of_square(around: impl Fn(Arc<Graph>) -> Op) -> Graph {
    let shapes = [("x", [100, 8]), ("w", [8, 1])];
    let mut b = Builder::new("layer");
    let [x, w] = shapes.map(|(name, shape)| b.input(name, Type::new(DType::F64, shape)));
    let y = b.matmul(x, w);
    let spread = b.broadcast(y, &[0, 1], &[100, 64]);
    let inner = b.sin(spread);
    let outer = b.exp(inner);
    let product = b.mul(inner, outer);
    let sum = b.sum_all(product);
    let layer = Arc::new(b.finish(vec![sum]));
    let mut b = Builder::new("gradient");
    let x = shapes.map(|(name, shape)| b.input(name, Type::new(DType::F64, shape)));
    let sum = b.apply(around(layer), &x);
    let square = b.mul(sum, sum);
    let seed = b.ones_like(square);
    let gradients = backward(&mut b, &[square], &[seed], &x).unwrap();
    b.finish(gradients.into_iter().flatten().collect())
}

/// The slopes wait for the sum: without a policy the sine and its exponential, of 51,200 bytes each, with a cut the 800 bytes of
/// the product, and with a checkpoint nothing. The bits are the same.
#[test]
fn a_cut_keeps_what_is_small_and_runs_no_product_again() {
    // Beside what is kept: the gradients of both inputs, twice where a checkpoint gives them, the product's cotangent, numbers.
    let other = 2 * 8 * (100 * 8 + 8) + 800 + 64;
    type Kind = fn(Arc<Graph>) -> Op;
    let kinds: [(Kind, usize); 3] = [
        (|layer| Arc::new(Call::new(layer)), 2 * 51_200 + 800),
        (|layer| Arc::new(Checkpoint::cut(layer)), 800),
        (|layer| Arc::new(Checkpoint::new(layer)), 0),
    ];
    let inputs = [between(-1.0, 1.0, 1, &[100, 8]), between(-1.0, 1.0, 2, &[8, 1])];
    let want = run(&gradient_of_square(kinds[0].0), Backend::Reference, &inputs);
    for (around, kept) in kinds {
        let graph = gradient_of_square(around);
        for backend in [Backend::Reference, Backend::default()] {
            assert_same(&want, &run(&graph, backend, &inputs), &graph.to_string());
        }
        let types: Vec<Type> = graph.input_types().into_iter().cloned().collect();
        let lowered = lower(&graph, &types).unwrap();
        let memory = Memory::of(&Plan::new(lowered, 1));
        assert!((kept..=kept + other).contains(&memory.bytes), "{kept} bytes, got\n{memory}");
    }
}

#[test]
fn a_loop_runs_once_for_its_value_and_its_derivatives() {
    let mut b = Builder::new("all");
    let x: Vec<Value> =
        inputs(7).into_iter().zip(["c", "x", "k"]).map(|(t, name)| b.input(name, t.ty())).collect();
    let results = b.push(Arc::new(Scan::new(Arc::new(step(DType::F64)), 1, 1)), &x).unwrap();
    let value = loss(&mut b, &results);
    let seed = b.ones_like(value);
    let gradients = backward(&mut b, &[value], &[seed], &x).unwrap();
    let ones: Vec<Value> = x.iter().map(|&v| b.ones_like(v)).collect();
    let tangent = forward(&mut b, &[value], &x, &ones).unwrap()[0].unwrap();
    let outputs = gradients.into_iter().flatten().chain([value, tangent]).collect();
    let graph = b.finish(outputs);
    let types: Vec<Type> = graph.input_types().into_iter().cloned().collect();
    let lowered = lower(&graph, &types).unwrap();
    let scans = |graph: &Graph| graph.nodes().iter().filter(|node| node.op.name() == "scan").count();
    // The loop, what is kept of it and its tangent; and the loop backwards.
    assert_eq!((scans(&graph), scans(&lowered)), (4, 2));
    let want = run(&graph, Backend::Reference, &inputs(7));
    assert_same(&want, &run(&graph, Backend::default(), &inputs(7)), "merged loops");
}

/// Names of the operations of `graph`, and of those that it applies.
fn operations(graph: &Graph) -> Vec<&'static str> {
    let nodes = graph.nodes().iter();
    nodes
        .flat_map(|node| {
            let inside = node.op.regions().iter().flat_map(|region| operations(region));
            std::iter::once(node.op.name()).chain(inside)
        })
        .collect()
}

/// A scan, a while with a bound, a choice, what each makes of the others, and a checkpoint with a cut: their linear modules have
/// nothing of the point but its residuals, and the bits of forward mode.
#[test]
fn linear_modules_of_loops_and_choices_take_residuals() {
    let [step, square, wave] = ["step", "square", "wave"].map(|name| {
        let mut b = Builder::new(name);
        let (u, k) = (b.input("u", Type::new(DType::F64, [3])), b.input("k", Type::new(DType::F64, [3])));
        let ku = b.mul(k, u);
        let h = if name == "square" { b.mul(ku, ku) } else { b.sin(ku) };
        let y = if name == "wave" { b.exp(h) } else { h };
        Arc::new(b.finish(vec![y]))
    });
    let choosing = |[first, second]: [Arc<Graph>; 2]| {
        let mut b = Builder::new("choosing");
        let (u, k) = (b.input("u", Type::new(DType::F64, [3])), b.input("k", Type::new(DType::F64, [3])));
        let (sum, zero) = (b.sum_all(u), b.number(DType::F64, 0.2));
        let choice = b.compare(Direction::Gt, sum, zero);
        let cond = Arc::new(Cond::new(vec![first, second]).unwrap());
        let y = b.push(cond, &[choice, u, k]).unwrap();
        Arc::new(b.finish(y))
    };
    let below = {
        let mut b = Builder::new("below");
        let (u, k) = (b.input("u", Type::new(DType::F64, [3])), b.input("k", Type::new(DType::F64, [3])));
        let product = b.mul(u, k);
        let (sum, bound) = (b.sum_all(product), b.number(DType::F64, 2.0));
        let holds = b.compare(Direction::Lt, sum, bound);
        Arc::new(b.finish(vec![holds]))
    };
    let looped = |body: Arc<Graph>| {
        let mut b = Builder::new("looped");
        let (u, k) = (b.input("u", Type::new(DType::F64, [3])), b.input("k", Type::new(DType::F64, [3])));
        let y = b.push(Arc::new(Scan::new(body, 1, 0).length(3)), &[u, k]).unwrap();
        Arc::new(b.finish(y))
    };
    let choice = || choosing([step.clone(), wave.clone()]);
    let ops: Vec<(Op, &str)> = vec![
        (Arc::new(Scan::new(step.clone(), 1, 0).length(4)), "scan"),
        (Arc::new(Scan::new(step.clone(), 1, 0).length(4).keeping(Keep::Recompute)), "recomputing scan"),
        (Arc::new(Scan::new(step.clone(), 1, 0).length(4).keeping(Keep::Revolve(2))), "recomputing revolve"),
        (Arc::new(Scan::new(choice(), 1, 0).length(4)), "scan of cond"),
        (Arc::new(While::new(below, choosing([square.clone(), wave.clone()]), 1).max(5)), "while of cond"),
        (Arc::new(Call::new(choosing([looped(wave.clone()), looped(choice())]))), "cond of scans"),
        (Arc::new(Checkpoint::cut(looped(step))), "checkpoint of scan"),
    ];
    let inputs: Vec<Tensor> = [1, 2, 3, 4].map(|seed| between(0.1, 0.9, seed, &[3])).to_vec();
    for (op, what) in ops {
        let mut b = Builder::new("m");
        let x = ["u", "k"].map(|name| b.input(name, Type::new(DType::F64, [3])));
        let y = b.push(op, &x).unwrap();
        let source = b.finish(y);
        let pair = linearize(&source, &source.input_values()).unwrap();
        let inside = operations(&pair.linear);
        let computes = inside.iter().any(|op| ["sin", "cos", "exp", "compare"].contains(op));
        assert_eq!(computes, what.starts_with("recomputing"), "{what}: {inside:?}");
        let results = run(&pair.at, Backend::default(), &inputs[..2]);
        let (value, residuals) = results.split_at(1);
        let linear = [residuals, &inputs[2..]].concat();
        let tangent = run(&pair.linear, Backend::default(), &linear);
        assert_same(&run(&pair.linear, Backend::Reference, &linear), &tangent, what);
        let along = jvp(&source, &source.input_values()).unwrap();
        let want = run(&along, Backend::Reference, &inputs);
        assert_same(&want, &[value[0].clone(), tangent[0].clone()], what);
    }
}
