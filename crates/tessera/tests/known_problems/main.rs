//! The 35 problems of Moré, Garbow and Hillstrom through `minimize` and `root`: which method reaches a minimum that the paper documents, from the standard start and
//! with the settings that come of themselves. The lists of exceptions here are those of `docs/solving.md`.

mod problems;

use problems::{Problem, all};
use tessera::ops::{Descent, Iteration, Minimize, Root, Search};
use tessera::{F64, Function, Solved, Solver, Tensor, Trace};

/// What a method finds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// The least minimum.
    Least,
    /// The other one that is documented.
    Local,
    /// It says that it did not converge, or the gradient is small and no minimum is near.
    Neither,
}
use Outcome::{Local, Neither};

/// Where `minimize` does not find the least minimum.
const EXCEPTIONS: [(Descent, &str, Outcome); 12] = [
    (Descent::LevenbergMarquardt, "freudenstein_and_roth", Local),
    (Descent::GaussNewton, "freudenstein_and_roth", Local),
    (Descent::GaussNewton, "trigonometric", Local),
    (Descent::Newton, "freudenstein_and_roth", Local),
    // A gradient of 1e-10 of the first one does not mean much where residuals differ by a factor of 10⁴.
    (Descent::Newton, "powell_badly_scaled", Neither),
    // The first step comes to the saddle at (0, 1).
    (Descent::Newton, "beale", Neither),
    (Descent::Newton, "biggs_exp6", Local),
    // 1000 steps are not enough.
    (Descent::Newton, "meyer", Neither),
    (Descent::Newton, "trigonometric", Local),
    (Descent::Lbfgs, "freudenstein_and_roth", Local),
    (Descent::Lbfgs, "biggs_exp6", Local),
    (Descent::Lbfgs, "trigonometric", Local),
];

/// Where `root` does not find a root: at a local minimum of ‖F‖, after too many steps, or since there is none (Chebyquad for 8 unknowns).
const WITHOUT_ROOT: [(Search, &str); 9] = [
    (Search::Newton, "freudenstein_and_roth"),
    (Search::NewtonKrylov, "freudenstein_and_roth"),
    (Search::Dogleg, "freudenstein_and_roth"),
    (Search::NewtonKrylov, "powell_badly_scaled"),
    (Search::NewtonKrylov, "trigonometric"),
    (Search::Dogleg, "trigonometric"),
    (Search::Newton, "chebyquad"),
    (Search::NewtonKrylov, "chebyquad"),
    (Search::Dogleg, "chebyquad"),
];

/// Σ r² is the crate's at the standard start and halfway to all ones, to rounding.
#[test]
fn the_residuals_are_those_of_the_collection() {
    for problem in all() {
        let trace = Trace::new(problem.name);
        let x = trace.input("x", F64, [problem.start.len()]);
        let r = (problem.residuals)(&trace, x);
        let f = trace.compile([r.dot(r)]).unwrap();
        let halfway = problem.start.iter().map(|x| 0.5 * x + 0.5).collect();
        for at in [problem.start.clone(), halfway] {
            let got = f.call(&[&Tensor::new([at.len()], at.clone())]).unwrap()[0].values::<f64>()[0];
            let want = (problem.objective)(&at);
            let near = (got - want).abs() <= 1e-12 * want.abs().max(1e-9);
            assert!(near, "{} {}: {got} and {want}", problem.number, problem.name);
        }
    }
}

#[test]
fn minimize_reaches_documented_minima() {
    let methods = [Descent::LevenbergMarquardt, Descent::GaussNewton, Descent::Newton, Descent::Lbfgs];
    let mut wrong = String::new();
    for problem in all() {
        for method in methods {
            let (status, steps, squares) = solved(&minimised(&problem, method), &problem.start);
            let got = outcome(&problem, squares);
            let listed = EXCEPTIONS.iter().find(|(m, name, _)| *m == method && *name == problem.name);
            if got != listed.map_or(Outcome::Least, |(_, _, outcome)| *outcome) {
                let line = format!("{} by {}: {got:?}", problem.name, method.name());
                wrong += &format!("{line}, status {status} after {steps} steps, Σ r² = {squares:e}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn root_finds_roots_or_says_that_it_did_not() {
    let mut wrong = String::new();
    for problem in all().iter().filter(|problem| problem.square) {
        for method in [Search::Newton, Search::NewtonKrylov, Search::Dogleg] {
            let (status, steps, squares) = solved(&rooted(problem, method), &problem.start);
            let listed = WITHOUT_ROOT.contains(&(method, problem.name));
            let first = (problem.objective)(&problem.start).sqrt();
            let small = squares.sqrt() <= 1e-10 * first + 1e-12;
            if (status == 0) == listed || small != (status == 0) {
                let line = format!("{} by {}", problem.name, method.name());
                wrong += &format!("{line}: status {status} after {steps} steps, Σ r² = {squares:e}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Which documented minimum has so large a Σ r²: to the seven digits that the paper gives, or 1e-8 of 0.
fn outcome(problem: &Problem, squares: f64) -> Outcome {
    let near =
        |minimum: &f64| (squares - minimum).abs() <= if *minimum == 0.0 { 1e-8 } else { 5e-7 * minimum };
    match problem.minima.iter().position(near) {
        Some(0) => Outcome::Least,
        Some(_) => Local,
        None => Neither,
    }
}

/// Status, steps and Σ r².
fn solved(f: &Function, start: &[f64]) -> (i64, i64, f64) {
    let y = f.call(&[&Tensor::new([start.len()], start.to_vec())]).unwrap();
    (y[0].values::<i64>()[0], y[1].values::<i64>()[0], y[2].values::<f64>()[0])
}

fn compiled<'t>(trace: &'t Trace, problem: &Problem, solved: Solved<'t>) -> Function {
    let r = (problem.residuals)(trace, solved.x);
    trace.compile([solved.status, solved.iterations, r.dot(r)]).unwrap()
}

fn minimised(problem: &Problem, method: Descent) -> Function {
    let trace = Trace::new(problem.name);
    let start = trace.input("x", F64, [problem.start.len()]);
    let iteration = Iteration { max_iter: Some(1000), ..Iteration::default() };
    let method = Minimize { method: Some(method), memory: None };
    let takes_residuals = method.takes_residuals();
    let found = trace.minimize(start, Solver { method, iteration, ..Solver::default() }, |x| {
        let r = (problem.residuals)(&trace, x);
        if takes_residuals { r } else { r.dot(r) }
    });
    compiled(&trace, problem, found)
}

fn rooted(problem: &Problem, method: Search) -> Function {
    let trace = Trace::new(problem.name);
    let start = trace.input("x", F64, [problem.start.len()]);
    let solver = Solver { method: Root { method: Some(method) }, ..Solver::default() };
    let found = trace.root(start, solver, |x| (problem.residuals)(&trace, x));
    compiled(&trace, problem, found)
}
