//! The problems of J. Moré, B. Garbow and K. Hillstrom, *Testing unconstrained optimization software*, ACM TOMS 7, 1981, as residuals: of each the standard start,
//! the smallest Σ r² that the paper gives, and the crate `mgh`'s Σ r² to compare with.

use mgh::{MGH, MGHInit};
use tessera::{Tensor, Trace, Var, ops};

/// A problem.
pub struct Problem {
    pub name: &'static str,
    /// The paper's number.
    pub number: usize,
    pub start: Vec<f64>,
    /// r of x.
    pub residuals: Residuals,
    /// Σ r² of the crate `mgh`.
    pub objective: fn(&[f64]) -> f64,
    /// The values of Σ r² at minima that the paper documents, the least one first.
    pub minima: &'static [f64],
    /// Whether there are as many residuals as unknowns.
    pub square: bool,
}

pub type Residuals = for<'t> fn(&'t Trace, Var<'t>) -> Var<'t>;

/// Element `i`, [1].
fn at(x: Var<'_>, i: usize) -> Var<'_> {
    x.slice(0, i..i + 1)
}

fn elements<const N: usize>(x: Var<'_>) -> [Var<'_>; N] {
    std::array::from_fn(|i| at(x, i))
}

/// One behind the other.
fn join<'t>(trace: &'t Trace, parts: &[Var<'t>]) -> Var<'t> {
    let [all] = trace.apply(std::sync::Arc::new(ops::Concat { axis: 0 }), parts);
    all
}

fn vector(trace: &Trace, values: impl IntoIterator<Item = f64>) -> Var<'_> {
    let values: Vec<f64> = values.into_iter().collect();
    trace.constant(Tensor::new([values.len()], values))
}

/// f(1), …, f(n).
fn counted(trace: &Trace, n: usize, f: impl Fn(f64) -> f64) -> Var<'_> {
    vector(trace, (1..=n).map(|i| f(i as f64)))
}

fn extent(x: Var<'_>) -> usize {
    x.ty().expect("of the start").shape[0].known().expect("static")
}

/// A matrix times a vector, by its elements.
fn times<'t>(trace: &'t Trace, rows: usize, x: Var<'t>, element: impl Fn(usize, usize) -> f64) -> Var<'t> {
    let n = extent(x);
    let matrix: Vec<f64> = (0..rows * n).map(|k| element(k / n, k % n)).collect();
    trace.constant(Tensor::new([rows, n], matrix)).matmul(x.reshape(&[n as i64, 1])).reshape(&[rows as i64])
}

/// Every `step`-th element from `first` on.
fn every<'t>(x: Var<'t>, first: usize, step: usize) -> Var<'t> {
    let n = extent(x) as i64;
    x.reshape(&[n / step as i64, step as i64]).slice(1, first..first + 1).reshape(&[-1])
}

const BARD: [f64; 15] =
    [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39];
const GAUSSIAN: [f64; 15] = [
    0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989, 0.3521, 0.2420, 0.1295, 0.0540, 0.0175,
    0.0044, 0.0009,
];
const MEYER: [f64; 16] = [
    34780., 28610., 23650., 19630., 16370., 13720., 11540., 9744., 8261., 7030., 6005., 5147., 4427., 3820.,
    3307., 2872.,
];
const KOWALIK: [[f64; 11]; 2] = [
    [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246],
    [4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625],
];
const OSBORNE_1: [f64; 33] = [
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628,
    0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420,
    0.414, 0.411, 0.406,
];
const OSBORNE_2: [f64; 65] = [
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616,
    0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495,
    0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672,
    0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581,
    0.428, 0.292, 0.162, 0.098, 0.054,
];

fn rosenbrock<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let (p, q) = (every(x, 0, 2), every(x, 1, 2));
    join(trace, &[10.0 * (q - p * p), 1.0 - p])
}

fn freudenstein_and_roth<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let [p, q] = elements(x);
    join(trace, &[p - 13.0 + ((5.0 - q) * q - 2.0) * q, p - 29.0 + ((q + 1.0) * q - 14.0) * q])
}

fn powell_badly_scaled<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let [p, q] = elements(x);
    join(trace, &[1e4 * p * q - 1.0, (-p).exp() + (-q).exp() - 1.0001])
}

fn brown_badly_scaled<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let [p, q] = elements(x);
    join(trace, &[p - 1e6, q - 2e-6, p * q - 2.0])
}

fn beale<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let [p, q] = elements(x);
    join(trace, &[1.5 - p * (1.0 - q), 2.25 - p * (1.0 - q * q), 2.625 - p * (1.0 - q * q * q)])
}

fn jennrich_and_sampson<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q], i) = (elements(x), counted(trace, 10, |i| i));
    2.0 + 2.0 * i - ((i * p).exp() + (i * q).exp())
}

fn helical_valley<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q, r], one) = (elements(x), vector(trace, [1.0]));
    let turn = (q / p).atan2(one) / (2.0 * std::f64::consts::PI);
    let turn = p.gt(0.0).select(turn, turn + 0.5);
    join(trace, &[10.0 * (r - 10.0 * turn), 10.0 * ((p * p + q * q).sqrt() - 1.0), r])
}

fn bard<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let [p, q, r] = elements(x);
    let (u, v) = (counted(trace, 15, |i| i), counted(trace, 15, |i| 16.0 - i));
    vector(trace, BARD) - (p + u / (v * q + u.min(v) * r))
}

fn gaussian<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q, r], t) = (elements(x), counted(trace, 15, |i| (8.0 - i) / 2.0));
    p * (-q * (t - r) * (t - r) / 2.0).exp() - vector(trace, GAUSSIAN)
}

fn meyer<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q, r], t) = (elements(x), counted(trace, 16, |i| 45.0 + 5.0 * i));
    p * (q / (t + r)).exp() - vector(trace, MEYER)
}

const GULF: usize = 99;

fn gulf<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let [p, q, r] = elements(x);
    let y = counted(trace, GULF, |i| 25.0 + (-50.0 * (i / 100.0).ln()).powf(2.0 / 3.0));
    (-(y - q).abs().pow(r) / p).exp() - counted(trace, GULF, |i| i / 100.0)
}

fn box_3d<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q, r], t) = (elements(x), counted(trace, 10, |i| 0.1 * i));
    (-t * p).exp() - (-t * q).exp() - r * ((-t).exp() - (-10.0 * t).exp())
}

fn powell_singular<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let [p, q, r, s] = [0, 1, 2, 3].map(|i| every(x, i, 4));
    let (fork, bend) = (q - 2.0 * r, p - s);
    join(trace, &[p + 10.0 * q, 5f64.sqrt() * (r - s), fork * fork, 10f64.sqrt() * bend * bend])
}

fn wood<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let [p, q, r, s] = elements(x);
    let last = [90f64.sqrt() * (s - r * r), 1.0 - r, 10f64.sqrt() * (q + s - 2.0), (q - s) / 10f64.sqrt()];
    join(trace, &[[10.0 * (q - p * p), 1.0 - p].as_slice(), &last].concat())
}

fn kowalik_and_osborne<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q, r, s], [y, u]) = (elements(x), KOWALIK.map(|row| vector(trace, row)));
    y - p * (u * u + u * q) / (u * u + u * r + s)
}

fn brown_and_dennis<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q, r, s], t) = (elements(x), counted(trace, 20, |i| i / 5.0));
    let (growth, wave) = (p + t * q - t.exp(), r + s * t.sin() - t.cos());
    growth * growth + wave * wave
}

fn osborne_1<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q, r, s, u], t) = (elements(x), counted(trace, 33, |i| 10.0 * (i - 1.0)));
    vector(trace, OSBORNE_1) - (p + q * (-t * s).exp() + r * (-t * u).exp())
}

fn biggs_exp6<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let ([p, q, r, s, u, v], t) = (elements(x), counted(trace, 13, |i| 0.1 * i));
    let y = (-t).exp() - 5.0 * (-10.0 * t).exp() + 3.0 * (-4.0 * t).exp();
    r * (-t * p).exp() - s * (-t * q).exp() + v * (-t * u).exp() - y
}

fn osborne_2<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let t = counted(trace, 65, |i| (i - 1.0) / 10.0);
    let bell = |k: usize| {
        let away = t - at(x, k + 7);
        at(x, k) * (-away * away * at(x, k + 4)).exp()
    };
    vector(trace, OSBORNE_2) - (at(x, 0) * (-t * at(x, 4)).exp() + bell(1) + bell(2) + bell(3))
}

fn watson<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let power = |i: usize, j: i32| ((i + 1) as f64 / 29.0).powi(j);
    let slope = times(trace, 29, x, |i, j| if j == 0 { 0.0 } else { j as f64 * power(i, j as i32 - 1) });
    let value = times(trace, 29, x, |i, j| power(i, j as i32));
    let (p, q) = (at(x, 0), at(x, 1));
    join(trace, &[slope - value * value - 1.0, p, q - p * p - 1.0])
}

fn penalty_1<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    join(trace, &[1e-5f64.sqrt() * (x - 1.0), (x.dot(x) - 0.25).reshape(&[1])])
}

fn penalty_2<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let (n, small) = (extent(x), 1e-5f64.sqrt());
    let grown = (x / 10.0).exp();
    let (later, earlier) = (grown.slice(0, 1..n), grown.slice(0, 0..n - 1));
    let y = counted(trace, n - 1, |i| ((i + 1.0) / 10.0).exp() + (i / 10.0).exp());
    let weights = counted(trace, n, |j| n as f64 - j + 1.0);
    let last = ((weights * x).dot(x) - 1.0).reshape(&[1]);
    join(trace, &[at(x, 0) - 0.2, small * (later + earlier - y), small * (later - (-0.1f64).exp()), last])
}

fn variably_dimensioned<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let away = x - 1.0;
    let sum = away.dot(counted(trace, extent(x), |j| j)).reshape(&[1]);
    join(trace, &[away, sum, sum * sum])
}

fn trigonometric<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let (n, cos) = (extent(x), x.cos());
    n as f64 - cos.sum() + counted(trace, n, |i| i) * (1.0 - cos) - x.sin()
}

fn brown_almost_linear<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let n = extent(x);
    let product = (1..n).fold(at(x, 0), |product, i| product * at(x, i));
    join(trace, &[(x + x.sum() - (n as f64 + 1.0)).slice(0, 0..n - 1), product - 1.0])
}

fn discrete_boundary_value<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let n = extent(x);
    let h = 1.0 / (n as f64 + 1.0);
    let bent = x + counted(trace, n, |i| i * h + 1.0);
    let difference = times(trace, n, x, |i, j| match i.abs_diff(j) {
        0 => 2.0,
        1 => -1.0,
        _ => 0.0,
    });
    difference + h * h / 2.0 * (bent * bent * bent)
}

fn discrete_integral_equation<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let n = extent(x);
    let h = 1.0 / (n as f64 + 1.0);
    let bent = x + counted(trace, n, |i| i * h + 1.0);
    let t = |i: usize| (i + 1) as f64 * h;
    let kernel = |i: usize, j: usize| if j <= i { (1.0 - t(i)) * t(j) } else { t(i) * (1.0 - t(j)) };
    x + h / 2.0 * times(trace, n, bent * bent * bent, kernel)
}

fn broyden_tridiagonal<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let neighbours = times(trace, extent(x), x, |i, j| {
        if j + 1 == i {
            -1.0
        } else if j == i + 1 {
            -2.0
        } else {
            0.0
        }
    });
    (3.0 - 2.0 * x) * x + neighbours + 1.0
}

fn broyden_banded<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let near = |i: usize, j: usize| f64::from(i != j && j <= i + 1 && i <= j + 5);
    x * (2.0 + 5.0 * x * x) + 1.0 - times(trace, extent(x), x * (1.0 + x), near)
}

/// As many equations as the three linear problems have.
const LINEAR: usize = 20;

fn linear_full_rank<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let mean = 2.0 / LINEAR as f64;
    times(trace, LINEAR, x, |i, j| f64::from(i == j) - mean) - 1.0
}

fn linear_rank_1<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    times(trace, LINEAR, x, |i, j| ((i + 1) * (j + 1)) as f64) - 1.0
}

fn linear_rank_1_zero<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let n = extent(x);
    let inner = |i: usize, j: usize| if j == 0 || j == n - 1 { 0.0 } else { (i * (j + 1)) as f64 };
    times(trace, LINEAR, x, |i, j| if i == LINEAR - 1 { 0.0 } else { inner(i, j) }) - 1.0
}

fn chebyquad<'t>(trace: &'t Trace, x: Var<'t>) -> Var<'t> {
    let n = extent(x);
    let z = 2.0 * x - 1.0;
    let (mut before, mut now) = (z * 0.0 + 1.0, z);
    let mut all = Vec::new();
    for i in 1..=n {
        let integral = if i % 2 == 0 { -1.0 / ((i * i) as f64 - 1.0) } else { 0.0 };
        all.push((now.mean() - integral).reshape(&[1]));
        (before, now) = (now, 2.0 * z * now - before);
    }
    join(trace, &all)
}

const SQUARE: [usize; 14] = [1, 2, 3, 7, 13, 21, 22, 26, 27, 28, 29, 30, 31, 35];

/// All 35, in the paper's order.
pub fn all() -> Vec<Problem> {
    let problem = |name, number, start, residuals: Residuals, objective, minima| Problem {
        name,
        number,
        start,
        residuals,
        objective,
        minima,
        square: SQUARE.contains(&number),
    };
    vec![
        problem("rosenbrock", 1, MGHInit::rosenbrock(), rosenbrock, MGH::rosenbrock, &[0.0]),
        problem(
            "freudenstein_and_roth",
            2,
            MGHInit::freudenstein_and_roth(),
            freudenstein_and_roth,
            MGH::freudenstein_and_roth,
            &[0.0, 48.98425],
        ),
        problem(
            "powell_badly_scaled",
            3,
            MGHInit::powell_badly_scaled(),
            powell_badly_scaled,
            MGH::powell_badly_scaled,
            &[0.0],
        ),
        problem(
            "brown_badly_scaled",
            4,
            MGHInit::brown_badly_scaled(),
            brown_badly_scaled,
            MGH::brown_badly_scaled,
            &[0.0],
        ),
        problem("beale", 5, MGHInit::beale(), beale, MGH::beale, &[0.0]),
        problem(
            "jennrich_and_sampson",
            6,
            MGHInit::jennrich_and_sampson(),
            jennrich_and_sampson,
            |x| MGH::aux(10).jennrich_and_sampson(x),
            &[124.3622],
        ),
        problem(
            "helical_valley",
            7,
            MGHInit::hellical_valley(),
            helical_valley,
            MGH::hellical_valley,
            &[0.0],
        ),
        problem("bard", 8, MGHInit::bard(), bard, MGH::bard, &[8.214877e-3, 17.42869]),
        problem("gaussian", 9, MGHInit::gaussian(), gaussian, MGH::gaussian, &[1.127933e-8]),
        problem("meyer", 10, MGHInit::meyer(), meyer, MGH::meyer, &[87.94586]),
        problem(
            "gulf_research_and_development",
            11,
            MGHInit::gulf_research_and_development(),
            gulf,
            |x| MGH::aux(GULF).gulf_research_and_development(x),
            &[0.0],
        ),
        problem("box_3d", 12, MGHInit::box_3d(), box_3d, |x| MGH::aux(10).box_3d(x), &[0.0]),
        problem(
            "powell_singular",
            13,
            MGHInit::powell_singular(),
            powell_singular,
            MGH::powell_singular,
            &[0.0],
        ),
        problem("wood", 14, MGHInit::wood(), wood, MGH::wood, &[0.0]),
        problem(
            "kowalik_and_osborne",
            15,
            MGHInit::kowalik_and_osborne(),
            kowalik_and_osborne,
            MGH::kowalik_and_osborne,
            &[3.075056e-4, 1.027345e-3],
        ),
        problem(
            "brown_and_dennis",
            16,
            MGHInit::brown_and_dennis(),
            brown_and_dennis,
            |x| MGH::aux(20).brown_and_dennis(x),
            &[85822.20],
        ),
        problem("osborne_1", 17, MGHInit::osborne_1(), osborne_1, MGH::osborne_1, &[5.464895e-5]),
        problem(
            "biggs_exp6",
            18,
            MGHInit::biggs_exp6(),
            biggs_exp6,
            |x| MGH::aux(13).biggs_exp6(x),
            &[0.0, 5.655650e-3],
        ),
        problem("osborne_2", 19, MGHInit::osborne_2(), osborne_2, MGH::osborne_2, &[4.013774e-2]),
        problem("watson", 20, MGHInit::watson(6), watson, MGH::watson, &[2.287670e-3]),
        problem(
            "extended_rosenbrock",
            21,
            MGHInit::extended_rosenbrock(10),
            rosenbrock,
            MGH::extended_rosenbrock,
            &[0.0],
        ),
        problem(
            "extended_powell_singular",
            22,
            MGHInit::extended_powell_singular(12),
            powell_singular,
            MGH::extended_powell_singular,
            &[0.0],
        ),
        problem("penalty_1", 23, MGHInit::penalty1(4), penalty_1, MGH::penalty1, &[2.249978e-5]),
        problem("penalty_2", 24, MGHInit::penalty2(4), penalty_2, MGH::penalty2, &[9.376293e-6]),
        problem(
            "variably_dimensioned",
            25,
            MGHInit::variably_dimensioned(10),
            variably_dimensioned,
            MGH::variably_dimensioned,
            &[0.0],
        ),
        problem(
            "trigonometric",
            26,
            MGHInit::trigonometric(10),
            trigonometric,
            MGH::trigonometric,
            &[0.0, 2.795056e-5],
        ),
        problem(
            "brown_almost_linear",
            27,
            MGHInit::brown_almost_linear(10),
            brown_almost_linear,
            MGH::brown_almost_linear,
            &[0.0, 1.0],
        ),
        problem(
            "discrete_boundary_value",
            28,
            MGHInit::discrete_boundary_value(10),
            discrete_boundary_value,
            MGH::discrete_boundary_value,
            &[0.0],
        ),
        problem(
            "discrete_integral_equation",
            29,
            MGHInit::discrete_integral_equation(10),
            discrete_integral_equation,
            MGH::discrete_integral_equation,
            &[0.0],
        ),
        problem(
            "broyden_tridiagonal",
            30,
            MGHInit::broyden_tridiagonal(10),
            broyden_tridiagonal,
            MGH::broyden_tridiagonal,
            &[0.0],
        ),
        problem(
            "broyden_banded",
            31,
            MGHInit::broyden_banded(10),
            broyden_banded,
            MGH::broyden_banded,
            &[0.0],
        ),
        problem(
            "linear_full_rank",
            32,
            vec![1.0; 10],
            linear_full_rank,
            |x| MGH::aux(LINEAR).linear_full_rank(x),
            &[10.0],
        ),
        problem(
            "linear_rank_1",
            33,
            vec![1.0; 10],
            linear_rank_1,
            |x| MGH::aux(LINEAR).linear_rank_1(x),
            &[4.634146],
        ),
        problem(
            "linear_rank_1_zero",
            34,
            vec![1.0; 10],
            linear_rank_1_zero,
            |x| MGH::aux(LINEAR).linear_rank_1_zero(x),
            &[6.135135],
        ),
        problem(
            "chebyquad",
            35,
            (1..=8).map(|i| f64::from(i) / 9.0).collect(),
            chebyquad,
            |x| MGH::aux(x.len()).chebyquad(x),
            &[3.516874e-3],
        ),
    ]
}
