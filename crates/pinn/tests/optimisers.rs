//! Optimisers on functions whose minima are known, all of them graphs.

use tessera_core::ad::{AdError, backward};
use tessera_core::exec::Backend;
use tessera_core::exec::cpu::Options;
use tessera_core::ir::{Builder, Value};
use tessera_core::{DType, Tensor, Type};
use tessera_pinn::case::Schedule;
use tessera_pinn::loss::{Losses, Objective};
use tessera_pinn::network::widened;
use tessera_pinn::optimiser::adam::{self, Adam};
use tessera_pinn::optimiser::lbfgs::{self, End, Lbfgs};
use tessera_pinn::optimiser::line_search;

type Build = fn(&mut Builder, Value) -> Value;

/// A function of a vector, given by the graph of its value.
struct Smooth {
    dtype: DType,
    extent: usize,
    value: Build,
}

impl Objective for Smooth {
    fn theta(&self) -> Type {
        Type::new(self.dtype, [self.extent])
    }

    fn inputs(&self, _: &mut Builder) -> Vec<Value> {
        Vec::new()
    }

    fn losses(&self, b: &mut Builder, theta: Value, _: &[Value]) -> Result<Losses, AdError> {
        // θ is cut into halves, so that no derivative of the cutting is needed.
        let half = self.extent / 2;
        let parts = [b.slice(theta, 0, 0..half), b.slice(theta, 0, half..self.extent)];
        let joined = b.concat(&parts, 0);
        let total = (self.value)(b, joined);
        let one = b.ones_like(total);
        let gradient = backward(b, &[total], &[one], &[joined])?[0].expect("depends on θ");
        Ok(Losses { total, terms: vec![total], gradient })
    }
}

/// Σ 100 (v − u²)² + (1 − u)², u the first half of θ and v the second; least, 0, where all are 1.
fn rosenbrock(b: &mut Builder, theta: Value) -> Value {
    let n = b.ty(theta).shape[0].known().unwrap() / 2;
    let (u, v) = (b.slice(theta, 0, 0..n), b.slice(theta, 0, n..2 * n));
    let (hundred, one) = (b.full_like(u, 100.0), b.ones_like(u));
    let square = b.mul(u, u);
    let valley = b.sub(v, square);
    let rest = b.sub(one, u);
    let (valley, rest) = (b.mul(valley, valley), b.mul(rest, rest));
    let steep = b.mul(hundred, valley);
    let sum = b.add(steep, rest);
    b.sum_all(sum)
}

/// Σ (i + 1)² (θ_i − i)² / 2: condition number n², least, 0, at θ_i = i.
fn bowl(b: &mut Builder, theta: Value) -> Value {
    let index = b.iota_like(theta, DType::F64, 0);
    let one = b.ones_like(theta);
    let scale = b.add(index, one);
    let apart = b.sub(theta, index);
    let scaled = b.mul(scale, apart);
    let square = b.mul(scaled, scaled);
    let half = b.number(DType::F64, 0.5);
    let sum = b.sum_all(square);
    b.mul(half, sum)
}

fn log_sum(b: &mut Builder, theta: Value) -> Value {
    let log = b.log(theta);
    b.sum_all(log)
}

const SEARCH: line_search::Settings =
    line_search::Settings { decrease: 1e-4, curvature: 0.9, evaluations_max: 25 };

/// Runs L-BFGS until it ends; gives θ, iterations, evaluations and why.
fn run_lbfgs(objective: &Smooth, start: Tensor, history: usize, tolerance: f64) -> (Tensor, u64, u64, End) {
    let settings = lbfgs::Settings { history, search: SEARCH, tolerance };
    let lbfgs = Lbfgs::new(objective, settings, Backend::default()).unwrap();
    let (mut theta, mut state) = (start, lbfgs::State::default());
    let (mut evaluations, mut before) = (0, f64::INFINITY);
    for iteration in 1..=2000 {
        let done = lbfgs.step(&mut theta, &mut state, &[]).unwrap();
        evaluations += done.evaluations;
        assert!(done.evaluation.total <= before, "the loss rose to {}", done.evaluation.total);
        assert!(state.pairs.len() <= history);
        before = done.evaluation.total;
        if let Some(end) = done.end {
            return (theta, iteration, evaluations, end);
        }
    }
    panic!("not done after 2000 iterations, at {before:e}");
}

#[test]
fn lbfgs_finds_the_minimum_of_rosenbrock() {
    for extent in [2, 20, 1400] {
        let objective = Smooth { dtype: DType::F64, extent, value: rosenbrock };
        let half = extent / 2;
        let start = Tensor::new([extent], [vec![-1.2; half], vec![1.0; half]].concat());
        let (theta, iterations, evaluations, end) = run_lbfgs(&objective, start, 10, 1e-9);
        assert_eq!(end, End::Tolerance);
        assert!(theta.values::<f64>().iter().all(|x| (x - 1.0).abs() < 1e-8), "{theta:?}");
        assert!(iterations < 60 && evaluations < 100, "{extent}: {iterations} and {evaluations}");
    }
}

#[test]
fn lbfgs_minimises_an_ill_conditioned_bowl() {
    let objective = Smooth { dtype: DType::F64, extent: 40, value: bowl };
    let (theta, iterations, _, end) = run_lbfgs(&objective, Tensor::zeros(DType::F64, [40]), 40, 1e-8);
    assert_eq!(end, End::Tolerance);
    for (i, x) in theta.values::<f64>().iter().enumerate() {
        assert!((x - i as f64).abs() < 1e-7, "{i}: {x}");
    }
    assert!(iterations < 120, "{iterations}");
}

#[test]
fn lbfgs_in_f32_ends_where_the_precision_ends() {
    let objective = Smooth { dtype: DType::F32, extent: 2, value: rosenbrock };
    let (theta, ..) = run_lbfgs(&objective, Tensor::new([2], vec![-1.2f32, 1.0]), 10, 0.0);
    assert!(widened(&theta).iter().all(|x| (x - 1.0).abs() < 1e-3), "{theta:?}");
}

/// Without an end, the search stops by itself at the last bits, and says why.
#[test]
fn lbfgs_ends_when_nothing_can_be_lowered() {
    let objective = Smooth { dtype: DType::F64, extent: 40, value: bowl };
    let (.., end) = run_lbfgs(&objective, Tensor::zeros(DType::F64, [40]), 5, 0.0);
    assert!(matches!(end, End::LineSearch | End::Tolerance), "{end:?}");
}

#[test]
fn lbfgs_refuses_to_start_where_the_loss_is_not_finite() {
    let objective = Smooth { dtype: DType::F64, extent: 2, value: log_sum };
    let settings = lbfgs::Settings { history: 5, search: SEARCH, tolerance: 0.0 };
    let lbfgs = Lbfgs::new(&objective, settings, Backend::default()).unwrap();
    let (mut theta, mut state) = (Tensor::new([2], vec![1.0, -1.0]), lbfgs::State::default());
    let error = lbfgs.step(&mut theta, &mut state, &[]).unwrap_err();
    assert!(error.evaluation.total.is_nan());
    assert_eq!((theta.values::<f64>(), state), (&[1.0, -1.0][..], lbfgs::State::default()));
}

/// The formulas of the paper's algorithm 1, in the order of the graph, by hand.
#[test]
fn adam_takes_the_steps_of_the_paper() {
    let (betas, epsilon) = ([0.9, 0.999], 1e-8);
    let objective = Smooth { dtype: DType::F64, extent: 2, value: bowl };
    let adam = Adam::new(&objective, adam::Settings { betas, epsilon }, Backend::default()).unwrap();
    let mut theta = Tensor::new([2], vec![0.3, -0.7]);
    let mut state = adam::State::new(&theta);
    let (mut x, mut m, mut v, mut powers) = ([0.3, -0.7], [0.0; 2], [0.0; 2], [1.0; 2]);
    for t in 1..=8 {
        let rate = 0.1 / f64::from(t);
        // d/dθ of (θ₀² + 4 (θ₁ − 1)²) / 2; scales are powers of two, so every order gives these bits.
        let g = [x[0], 4.0 * (x[1] - 1.0)];
        powers = if t == 1 { betas } else { [powers[0] * betas[0], powers[1] * betas[1]] };
        for i in 0..2 {
            m[i] = betas[0] * m[i] + (1.0 - betas[0]) * g[i];
            v[i] = betas[1] * v[i] + (1.0 - betas[1]) * (g[i] * g[i]);
            x[i] -= rate * (m[i] / (1.0 - powers[0])) / ((v[i] / (1.0 - powers[1])).sqrt() + epsilon);
        }
        let before = widened(&theta);
        let evaluation = adam.step(&mut theta, &mut state, rate, &[]).unwrap();
        assert_eq!(evaluation.total, 0.5 * (before[0] * before[0] + 4.0 * (before[1] - 1.0).powi(2)));
        for i in 0..2 {
            // Powers of β by squaring round otherwise than step by step: a few units in the last place.
            assert!((theta.values::<f64>()[i] - x[i]).abs() <= 4e-16, "step {t}: {theta:?} {x:?}");
        }
        if t <= 3 {
            // Up to the third power, both orders are the same.
            assert_eq!((theta.values::<f64>(), state.mean.values::<f64>()), (&x[..], &m[..]), "step {t}");
            assert_eq!(state.square.values::<f64>(), v);
        }
    }
    assert_eq!(state.step, 8);
}

#[test]
fn adam_minimises_a_bowl() {
    let objective = Smooth { dtype: DType::F64, extent: 4, value: bowl };
    let settings = adam::Settings { betas: [0.9, 0.999], epsilon: 1e-8 };
    let adam = Adam::new(&objective, settings, Backend::default()).unwrap();
    let mut theta = Tensor::zeros(DType::F64, [4]);
    let mut state = adam::State::new(&theta);
    let steps = 2000;
    for step in 0..steps {
        let rate = 0.1 * adam::scheduled(Schedule::Cosine { factor: 1e-3 }, step, steps);
        adam.step(&mut theta, &mut state, rate, &[]).unwrap();
    }
    for (i, x) in theta.values::<f64>().iter().enumerate() {
        assert!((x - i as f64).abs() < 1e-5, "{i}: {x}");
    }
}

#[test]
fn adam_keeps_its_state_when_a_step_is_not_finite() {
    let objective = Smooth { dtype: DType::F64, extent: 2, value: log_sum };
    let settings = adam::Settings { betas: [0.9, 0.999], epsilon: 1e-8 };
    let adam = Adam::new(&objective, settings, Backend::default()).unwrap();
    let mut theta = Tensor::new([2], vec![1.0, 0.5]);
    let mut state = adam::State::new(&theta);
    // log falls without end: the second element leaves its domain at the third step.
    let mut kept = (theta.clone(), state.clone());
    for step in 0.. {
        match adam.step(&mut theta, &mut state, 0.2, &[]) {
            Ok(_) => kept = (theta.clone(), state.clone()),
            Err(error) => {
                assert!(error.evaluation.total.is_nan());
                assert_eq!(step, 3);
                break;
            }
        }
    }
    assert_eq!((theta, state), kept);
}

#[test]
fn schedules_have_their_stated_values() {
    let exponential = Schedule::Exponential { factor: 0.5, every: 100 };
    for (step, want) in [(0, 1.0), (50, 0.5f64.sqrt()), (100, 0.5), (300, 0.125)] {
        assert!((adam::scheduled(exponential, step, 1000) - want).abs() < 1e-15);
    }
    let cosine = Schedule::Cosine { factor: 0.1 };
    for (step, want) in [(0, 1.0), (500, 0.55), (1000, 0.1)] {
        assert!((adam::scheduled(cosine, step, 1000) - want).abs() < 1e-15);
    }
    assert_eq!(adam::scheduled(Schedule::Constant, 7, 10), 1.0);
}

/// Vectors of θ's length run on one thread; the loss runs on as many as asked, with the same bits.
#[test]
fn lbfgs_gives_the_same_bits_on_any_number_of_threads() {
    let objective = Smooth { dtype: DType::F64, extent: 4000, value: rosenbrock };
    let settings = lbfgs::Settings { history: 5, search: SEARCH, tolerance: 0.0 };
    let run = |backend: Backend| {
        let lbfgs = Lbfgs::new(&objective, settings, backend).unwrap();
        let start: Vec<f64> = (0..4000).map(|i| f64::from(i % 17) * 0.1 - 0.8).collect();
        let (mut theta, mut state) = (Tensor::new([4000], start), lbfgs::State::default());
        for _ in 0..12 {
            lbfgs.step(&mut theta, &mut state, &[]).unwrap();
        }
        (theta, state)
    };
    let expected = run(Backend::Reference);
    for threads in [1, 2, 3] {
        let options = Options { threads, ..Options::default() };
        assert_eq!(run(Backend::Cpu(options)), expected, "{threads} threads");
    }
}
