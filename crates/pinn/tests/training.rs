//! Training: gradients against differences, and the same bits however a training is run.

mod common;

use common::{cpu, folder, parse, trainer};
use tessera_core::Tensor;
use tessera_core::exec::{Backend, Function};
use tessera_core::ir::Builder;
use tessera_pinn::case::Case;
use tessera_pinn::loss::Objective;
use tessera_pinn::state::{Attribute, State, StateError};
use tessera_pinn::trainer::{Diverged, End, Quantity, Report, TrainError, Trainer};

/// A small inverse problem with an equation, a condition and data, that goes through Adam with resampling,
/// L-BFGS, and Adam again.
const TINY: &str = r#"
title = "tiny"
seed = 5
unknowns = ["u", "v"]
[coordinates]
t = [0, 2]
x = [-1, 1]
[parameters]
kappa = { trainable = true, initial = 0.5 }
two = 2
[[equation]]
name = "heat"
text = "u_t = kappa*u_xx + two*v_x"
points = 40
[[equation]]
name = "still"
text = "v_tx + tanh(u)*v^2 = max(v, x)/4"
points = 24
weight = 0.5
method = "lhs"
[[condition]]
name = "ends"
where = ["x = -1", "x = 1"]
text = "u = sin(pi*x)"
points = 9
weight = 3
[[data]]
name = "seen"
file = "data/heat.npz"
columns = { t = "t", x = "x", u = "u" }
weight = 2
[ansatz]
v = "x*v + kappa"
[network]
hidden = [6, 5]
[[optimiser]]
kind = "adam"
steps = 7
learning_rate = 1e-2
schedule = { kind = "cosine", factor = 0.1 }
resample_every = 3
[[optimiser]]
kind = "lbfgs"
steps = 6
history = 3
resample_every = 4
[[optimiser]]
kind = "adam"
steps = 3
learning_rate = 1e-3
schedule = { kind = "exponential", factor = 0.5, every = 2 }
resample_every = 2
[reference]
solution = { u = "exp(-t)*sin(pi*x)", v = "0*x + 1" }
parameters = { kappa = 0.1 }
grid = { t = 7, x = 9 }
"#;

/// The loss and gradient of a trainer's case as one function of θ.
fn loss(trainer: &Trainer) -> impl Fn(&Tensor) -> (f64, Vec<f64>) {
    let mut b = Builder::new("loss");
    let theta = b.input("theta", trainer.loss().theta());
    let inputs = trainer.loss().inputs(&mut b);
    let losses = trainer.loss().losses(&mut b, theta, &inputs).unwrap();
    let function = Function::new(b.finish(vec![losses.total, losses.gradient]), cpu(1));
    let arguments = trainer.arguments().to_vec();
    move |theta| {
        let inputs: Vec<&Tensor> = std::iter::once(theta).chain(&arguments).collect();
        let outputs = function.call(&inputs).unwrap();
        (outputs[0].values::<f64>()[0], outputs[1].values::<f64>().to_vec())
    }
}

/// Central differences of the loss by some elements of θ, one in every block among them.
fn check_gradient(case: &Case) {
    let mut trainer = trainer(case, cpu(2));
    for _ in 0..3 {
        trainer.step().unwrap();
    }
    let value = loss(&trainer);
    let theta = trainer.theta();
    let (_, gradient) = value(theta);
    let size = gradient.iter().fold(0.0f64, |size, g| size.max(g.abs()));
    let blocks = &trainer.loss().layout().blocks;
    for block in blocks {
        for i in [block.range.start, block.range.start + block.range.len() / 2, block.range.end - 1] {
            // Two step sizes: the error of the formula falls with h⁴ after extrapolation.
            let difference = |h: f64| {
                let at = |by: f64| {
                    let mut moved = theta.clone();
                    moved.values_mut::<f64>()[i] += by;
                    value(&moved).0
                };
                (at(h) - at(-h)) / (2.0 * h)
            };
            let extrapolated = (4.0 * difference(1e-4) - difference(2e-4)) / 3.0;
            let error = (extrapolated - gradient[i]).abs();
            assert!(
                error <= 1e-7 * size + 1e-6 * gradient[i].abs(),
                "{} element {i} of {}: {} by the graph, {extrapolated} by differences",
                case.title,
                block.path,
                gradient[i]
            );
        }
    }
}

#[test]
fn gradients_are_those_of_central_differences() {
    for name in ["burgers.toml", "poisson2d.toml", "inverse_heat.toml"] {
        let text = std::fs::read_to_string(folder().join(name)).unwrap();
        // Fewer points: a difference needs many evaluations.
        let lines = text.lines().map(|line| if line.starts_with("points = ") { "points = 50" } else { line });
        check_gradient(&parse(&lines.collect::<Vec<_>>().join("\n")));
    }
    check_gradient(&parse(TINY));
    check_gradient(&parse(&TINY.replace("hidden = [6, 5]", "hidden = [4]\nactivation = \"sin\"")));
}

/// Steps to the end, and the report of each.
fn run(trainer: &mut Trainer) -> Vec<Report> {
    let mut reports = Vec::new();
    while !trainer.is_done() {
        reports.push(trainer.step().unwrap());
    }
    reports
}

/// Through Adam, new points, a change of stage, L-BFGS with a full history, and Adam again: a training that
/// is taken up from any step goes on with the same bits.
#[test]
fn resumed_at_any_step_the_bits_are_those_of_the_uninterrupted_training() {
    let case = parse(TINY);
    let mut whole = trainer(&case, cpu(2));
    let mut states = vec![whole.state()];
    let mut reports = Vec::new();
    while !whole.is_done() {
        reports.push(whole.step().unwrap());
        states.push(whole.state());
    }
    assert_eq!(reports.len(), 16);
    assert_eq!(reports.iter().map(|report| report.stage).collect::<Vec<_>>()[6..8], [0, 1]);
    assert_eq!(whole.ends(), [End::Steps; 3]);
    assert_eq!(states[16].count("epoch"), Ok(4));
    for (at, state) in states.iter().enumerate() {
        let mut resumed = Trainer::resume(&case, &folder(), state, cpu(1 + at % 3)).unwrap();
        assert_eq!(resumed.steps(), at as u64);
        assert_eq!(resumed.state(), *state, "the state at step {at} changed on its way");
        assert_eq!(run(&mut resumed), reports[at..], "from step {at}");
        assert_eq!(resumed.state(), states[16], "from step {at}");
        assert_eq!(resumed.score(), whole.score());
    }
}

#[test]
fn threads_and_engines_do_not_show_in_the_bits() {
    let case = parse(TINY);
    let train = |backend: Backend| {
        let mut trainer = trainer(&case, backend);
        let reports = run(&mut trainer);
        (reports, trainer.state(), trainer.solution().tensors())
    };
    let expected = train(Backend::Reference);
    for threads in [1, 2, 3] {
        assert_eq!(train(cpu(threads)), expected, "{threads} threads");
    }
}

#[test]
fn single_precision_trains_too() {
    let case = parse(&format!("precision = \"f32\"\n{TINY}"));
    let mut fast = trainer(&case, cpu(2));
    let reports = run(&mut fast);
    assert!(reports.last().unwrap().total < 0.8 * reports[0].total, "{reports:?}");
    let mut slow = trainer(&case, Backend::Reference);
    assert_eq!((run(&mut slow), slow.state()), (reports, fast.state()));
}

#[test]
fn a_step_reports_what_it_did() {
    let case = parse(TINY);
    let mut trainer = trainer(&case, cpu(1));
    assert_eq!(trainer.total_steps(), 16);
    let reports = run(&mut trainer);
    let names: Vec<&str> = reports[0].terms.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["heat", "still", "ends", "seen"]);
    for (i, report) in reports.iter().enumerate() {
        assert_eq!(report.step, i as u64 + 1);
        let weighted =
            report.terms.iter().zip([1.0, 0.5, 3.0, 2.0]).fold(0.0, |sum, ((_, x), w)| sum + w * x);
        assert_eq!(report.total, weighted);
    }
    assert_eq!(reports[0].length, 1e-2);
    assert_eq!(reports[13].length, 1e-3);
    // L-BFGS takes new points after its fourth step.
    for descent in [&reports[7..11], &reports[11..13]] {
        let totals: Vec<f64> = descent.iter().map(|report| report.total).collect();
        assert!(totals.is_sorted_by(|a, b| a > b), "{totals:?}");
    }
    let history = trainer.state();
    let total: Vec<f64> = reports.iter().map(|report| report.total).collect();
    assert_eq!(history.tensors["history/total"].values::<f64>(), total);
    let steps: Vec<u64> = (1..=16).collect();
    assert_eq!(history.tensors["history/step"].values::<u64>(), steps);
    let seen: Vec<f64> = reports.iter().map(|report| report.terms[3].1).collect();
    assert_eq!(history.tensors["history/seen"].values::<f64>(), seen);
    assert_eq!(history.text("stages"), Ok("adam,lbfgs,adam"));
}

#[test]
fn long_trainings_keep_a_thinned_history() {
    let text = TINY.replace("steps = 3\n", "steps = 26000\n").replace("steps = 6\n", "steps = 2\n");
    let case = parse(&text);
    let mut trainer = trainer(&case, cpu(1));
    for _ in 0..21 {
        trainer.step().unwrap();
    }
    // 26009 steps: every sixth, and the first.
    assert_eq!(trainer.state().tensors["history/step"].values::<u64>(), [1, 6, 12, 18]);
}

const BURSTING: &str = r#"
title = "bursting"
unknowns = ["u"]
coordinates = { x = [0, 1] }
equation = [{ name = "calm", text = "u_x = 1", points = 8 }, { name = "wild", text = "TEXT", points = 8 }]
network = { hidden = [4] }
optimiser = [{ kind = "KIND", steps = 400 LIMIT }]
"#;

fn burst(text: &str, kind: &str, limit: &str) -> (Diverged, u64) {
    let case = parse(&BURSTING.replace("TEXT", text).replace("KIND", kind).replace("LIMIT", limit));
    let mut trainer = trainer(&case, cpu(1));
    for _ in 0..400 {
        let before = trainer.state();
        if let Err(diverged) = trainer.step() {
            assert_eq!(trainer.state(), before, "the state must be that before the step");
            let again = trainer.step().unwrap_err();
            assert_eq!(again.to_string(), diverged.to_string(), "the same step fails in the same way");
            return (diverged, before.count("step").unwrap());
        }
    }
    panic!("`{text}` stayed finite");
}

#[test]
fn a_term_that_is_not_finite_is_named() {
    for (kind, limit) in [("adam", ", learning_rate = 1e-2"), ("lbfgs", "")] {
        let (diverged, before) = burst("log(u - 10) = 0", kind, limit);
        assert_eq!((diverged.step, before, diverged.stage_kind), (1, 0, kind));
        assert_eq!((diverged.term.as_deref(), diverged.quantity), (Some("wild"), Quantity::Loss));
        assert!(diverged.value.is_nan());
        let text = diverged.to_string();
        assert!(text.starts_with("the loss of term `wild` must stay finite, got NaN at step 1"), "{text}");
    }
    // It begins where log has a value; training drives u below 0.
    let (diverged, before) = burst("log(u + 3) + u + 3 = -9", "adam", ", learning_rate = 5e-2");
    assert!(before > 2 && diverged.step == before + 1, "{diverged}");
    assert_eq!(diverged.term.as_deref(), Some("wild"));
    // The loss is 0 and its slope is 0 · ∞.
    let (diverged, _) = burst("sqrt(u - u) = 0", "adam", ", learning_rate = 1e-2");
    assert_eq!((diverged.term.as_deref(), diverged.quantity), (Some("wild"), Quantity::Gradient));
    // Every element of the gradient is finite, its norm is not.
    let (diverged, _) = burst("1e150*(u + 2) = 0", "adam", ", learning_rate = 1e-2");
    assert_eq!((diverged.term, diverged.quantity), (None, Quantity::Gradient));
    assert_eq!(diverged.value, f64::INFINITY);
    // The loss and its gradient are finite, the step is not.
    let (diverged, _) = burst("1e60*(u + 2) = 0", "adam", ", learning_rate = 1e300");
    assert_eq!((diverged.step, diverged.term, diverged.quantity), (1, None, Quantity::Weights));
}

#[test]
fn states_of_other_cases_are_refused() {
    let case = parse(TINY);
    let mut trainer = trainer(&case, cpu(1));
    trainer.step().unwrap();
    let state = trainer.state();
    let refuse = |case: &Case, state: &State| match Trainer::resume(case, &folder(), state, cpu(1)) {
        Err(TrainError::State(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken"),
    };
    let wider = parse(&TINY.replace("[6, 5]", "[6, 7]"));
    let error = refuse(&wider, &state).to_string();
    assert!(error.starts_with("`network/layer1/weight` of the state must be f64 of shape [6, 7]"), "{error}");
    let other =
        parse(&TINY.replace("\"lbfgs\"", "\"adam\"\nlearning_rate = 1\n#").replace("history = 3", ""));
    assert!(matches!(refuse(&other, &state), StateError::Wrong { name, .. } if name == "stages"));
    // Without any one of its parts, and with any part of another shape, a state is refused.
    for path in state.tensors.keys() {
        let mut part = state.clone();
        part.tensors.shift_remove(path);
        assert!(matches!(refuse(&case, &part), StateError::Missing { .. }), "{path}");
        part.put(path.clone(), Tensor::new([2, 3], vec![true; 6]));
        assert!(matches!(refuse(&case, &part), StateError::Wrong { .. }), "{path}");
    }
    for name in state.attributes.keys().filter(|name| *name != "gamma") {
        let mut part = state.clone();
        part.attributes.shift_remove(name);
        assert!(matches!(refuse(&case, &part), StateError::Missing { .. }), "{name}");
        part.attributes.insert(name.clone(), Attribute::F64(0.5));
        assert!(matches!(refuse(&case, &part), StateError::Wrong { .. }), "{name}");
    }
    let mut late = state.clone();
    late.attributes.insert("stageStep".into(), Attribute::U64(7));
    assert!(matches!(refuse(&case, &late), StateError::Wrong { .. }));
    late.attributes.insert("stage".into(), Attribute::U64(u64::MAX));
    assert!(matches!(refuse(&case, &late), StateError::Wrong { .. }));
}

#[test]
fn cases_beyond_memory_are_refused() {
    let refuse = |from: &str, to: &str| {
        let case = parse(&TINY.replace(from, to));
        match Trainer::new(&case, &folder(), cpu(1)) {
            Err(error @ TrainError::TooLarge { .. }) => error.to_string(),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("taken"),
        }
    };
    assert!(refuse("points = 40", "points = 281474976710656").contains("lower `points`"));
    assert!(refuse("hidden = [6, 5]", "hidden = [65536, 65536]").contains("lower `hidden`"));
    assert!(refuse("grid = { t = 7, x = 9 }", "grid = { t = 100000, x = 100000 }").contains("lower `grid`"));
    let case = parse(TINY);
    assert!(matches!(
        Trainer::new(&case, std::path::Path::new("/nowhere"), cpu(1)),
        Err(TrainError::Data(_))
    ));
}
