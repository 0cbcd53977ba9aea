//! `root`: x with F(x) = 0.

use super::algebra::{Iterate, Map, Solution, iterate};
use super::linear::{System, word};
use super::nonlinear::{Kind, Nonlinear, Task, tangent_map};
use super::*;

pub(super) const ENTRY: Entry = Entry {
    name: "root",
    summary: "x with F(x) = 0, for a module @F of x and other inputs that returns a value of x's type, from the first operand on: `method` is \"newton\", which \
              writes the Jacobian out, \"newton_krylov\", which solves with products only, as `adjoint` and a second module, a preconditioner of a residual \
              and @F's inputs, say, and no more exactly than helps, or \"dogleg\", which writes the Jacobian out and stays within a region where its linear \
              model has held. Steps of the first two are halved until ‖F‖ falls. It ends when ‖F(x)‖ is at most `tol` times its first \
              value + `atol` (1e-10 and 1e-12; 1e-5 and 1e-6 of f32), or after `max_iter` steps (100). Derivatives solve (∂F/∂x) v = … as `adjoint`, \
              `adjoint_tol`, … say (see `linear_solve`); with respect to the first x they are 0 by definition, and status (0: converged), iterations and \
              residual are constants",
    example: "%x, %status, %iterations, %residual = tgraph.root @F(%x0, %theta) : tensor<2xf64>, i64, i64, f64",
    constraints: &[
        Constraint {
            id: "root-1",
            law: "a root names one module, or two, the second a preconditioner; `method` is \"newton\", \"newton_krylov\" or \"dogleg\", `tol` \
                  and `atol` are at least 0, `max_iter` at least 1; `over` holds the positions of the operands with a batch axis",
            mend: "write `tgraph.root @F(%x0) {tol = 1e-8}`",
        },
        Constraint {
            id: "root-2",
            law: "operands are the module's inputs, the first x first",
            mend: "pass one value for each `tgraph.arg`, in order",
        },
        Constraint {
            id: "root-3",
            law: "x is a float, and the module returns a value of its type: as many equations as unknowns",
            mend: "for more equations than unknowns use `minimize` with \"levenberg_marquardt\"",
        },
        Constraint {
            id: "root-4",
            law: "the module has a derivative, which every method uses",
            mend: "replace the operation that has none, or use `fixed_point`",
        },
    ],
    parse: |_, attributes, _, regions| Nonlinear::<Root>::parse(attributes, regions),
};

/// How a root is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Newton's method with the Jacobian written out, and a line search.
    Newton,
    /// The same with products with the Jacobian only, for steps no more exact than helps.
    NewtonKrylov,
    /// Between Newton's step and steepest descent, within a trust region, with the Jacobian written out.
    Dogleg,
}

impl Search {
    const ALL: [(&str, Search); 3] =
        [("newton", Search::Newton), ("newton_krylov", Search::NewtonKrylov), ("dogleg", Search::Dogleg)];

    /// The word for it.
    pub fn name(self) -> &'static str {
        Search::ALL.iter().find(|(_, each)| *each == self).expect("each has one").0
    }
}

/// F(x) = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Root {
    /// Newton's method with a line search where it is left out.
    pub method: Option<Search>,
}

/// Steps are halved so often at most.
const HALVINGS_MAX: usize = 30;

impl Kind for Root {
    const NAME: &'static str = "root";
    const LAWS: [&'static str; 4] = ["root-1", "root-2", "root-3", "root-4"];
    const ATTRIBUTES: &'static [&'static str] = &["method"];

    fn read(attributes: &Attributes) -> Result<Root, Violation> {
        Ok(Root { method: word(Self::NAME, Self::LAWS[0], attributes, "method", &Search::ALL)? })
    }

    fn in_range(&self) -> Result<(), Violation> {
        Ok(())
    }

    fn write(&self, attributes: &mut Attributes) {
        if let Some(method) = self.method {
            attributes.insert("method".into(), Attribute::Text(method.name().into()));
        }
    }

    fn check(&self, x: &Type, output: &Type) -> Result<(), String> {
        if output.agrees(x) { Ok(()) } else { Err(format!("a value of the type {x} of its first input")) }
    }

    fn steps_max(&self) -> usize {
        100
    }

    fn derive(&self, f: &Graph) -> Result<Vec<Graph>, AdError> {
        Ok(vec![tangent_map(f, 0)?])
    }

    fn equation(&self, b: &mut Builder, f: Map, y: Value, constants: &[Value]) -> Result<Value, AdError> {
        Ok(f.at(b, y, constants))
    }

    fn solve(&self, b: &mut Builder, task: &Task) -> Solution {
        let f = task.f.at(b, task.x, task.constants);
        let norm = b.norm(f);
        let target = task.iteration.target(b, norm);
        let goes_on = b.above(norm, target);
        let (first, never) = (b.count(0), b.xor(goes_on, goes_on));
        let mut state = vec![goes_on, first, task.x, f, norm, never, never];
        state.extend(match self.method {
            Some(Search::Dogleg) => dogleg::start(b, norm, task.x),
            // The forcing term of the first step; see `forcing`.
            _ => vec![b.scalar_like(norm, 0.1)],
        });
        let constants = [&[target], task.constants].concat();
        let looped = Iterate { name: "newton", max: task.max, record: task.history.then_some(NORM) };
        let end = looped.run(b, &state, &constants, |b, s, c| {
            let (&target, constants) = c.split_first().expect("with the target");
            let at = At { x: s[X], f: s[F], norm: s[NORM], constants };
            let (step, own) = match self.method {
                Some(Search::Dogleg) => dogleg::step(b, task, &at, &s[OWN..]),
                _ => {
                    let step = self.step(b, task, &at, s[OWN]);
                    let eta = forcing(b, s[OWN], step.to[2], at.norm, target);
                    (step, vec![eta])
                }
            };
            let [x, f, norm] = step.to;
            let above = b.above(norm, target);
            let (goes_on, lost) = (b.and(above, step.found), b.not(step.found));
            [vec![goes_on, b.next(s[STEPS]), x, f, norm, lost, step.singular], own].concat()
        });
        let reached = b.at_most(end[NORM], target);
        let status = Status::after(b, reached, end[LOST], end[NORM]);
        let stuck = b.and(end[LOST], end[SINGULAR]);
        let status = Status::Singular.where_(b, stuck, status);
        let history = end.get(state.len()).copied();
        Solution { x: end[X], status, iterations: end[STEPS], residual: end[NORM], history }
    }
}

// Where the state of a search has what all methods have in common; the first value says whether it goes on.
const STEPS: usize = 1;
const X: usize = 2;
const F: usize = 3;
const NORM: usize = 4;
const LOST: usize = 5;
const SINGULAR: usize = 6;
const OWN: usize = 7;

/// Where a search stands.
pub(super) struct At<'c> {
    pub x: Value,
    pub f: Value,
    pub norm: Value,
    pub constants: &'c [Value],
}

/// A step of a search.
pub(super) struct Step {
    /// Whether ‖F‖ fell enough.
    pub found: Value,
    /// Whether the Jacobian was singular.
    pub singular: Value,
    /// x, F and ‖F‖ behind it, or as they were.
    pub to: [Value; 3],
}

impl Root {
    /// Newton's step, −J⁻¹ F or about that, as far as ‖F‖ falls.
    fn step(&self, b: &mut Builder, task: &Task, from: &At, eta: Value) -> Step {
        let (at, jacobian) = ([&[from.x], from.constants].concat(), &task.derived[0]);
        let rhs = b.neg(from.f);
        let (direction, singular) = if self.method != Some(Search::NewtonKrylov) {
            let matrix = dense::matrix(b, Map(jacobian), from.x, &at);
            dense::solve(b, factors(task), matrix, rhs)
        } else {
            let mut options = task.linear;
            if options.method.is_none_or(Method::is_dense) {
                options.method = Some(Method::Gmres);
            }
            let preconditioner = task.preconditioner;
            let system = System { options, matrix: jacobian, preconditioner, constants: &at, history: false };
            let (zeros, target) = (b.zeros_like(rhs), b.mul(eta, from.norm));
            let solution = system.solve_from(b, zeros, rhs, target);
            let stagnated = Status::Stagnated.value(b);
            (solution.x, b.compare(Direction::Eq, solution.status, stagnated))
        };
        let (found, to) = searched(b, task, from, direction);
        Step { found, singular, to }
    }
}

/// What a Jacobian that is written out is factored by.
pub(super) fn factors(task: &Task) -> Method {
    task.linear.method.filter(|method| method.is_dense()).unwrap_or(Method::Lu)
}

/// How exact the next step is to be: 0.9 (‖F‖ / ‖F before‖)², not much less than for the last, and not beyond what is needed (S. Eisenstat,
/// H. Walker, SIAM J. Sci. Comput. 17, 1996, choice 2).
fn forcing(b: &mut Builder, eta: Value, norm: Value, before: Value, target: Value) -> Value {
    let [most, tenth, half] = [0.9, 0.1, 0.5].map(|value| b.scalar_like(norm, value));
    let ratio = b.div(norm, before);
    let square = b.mul(ratio, ratio);
    let chosen = b.mul(most, square);
    let last = b.mul(eta, eta);
    let last = b.mul(most, last);
    let (guards, larger) = (b.above(last, tenth), b.max(chosen, last));
    let chosen = b.select(guards, larger, chosen);
    let enough = b.div(target, norm);
    let enough = b.mul(half, enough);
    let chosen = b.max(chosen, enough);
    b.min(chosen, most)
}

/// Goes along `step`, or half of it, or a quarter …, until ‖F‖ falls enough: whether it did, and x, F and ‖F‖ there, or as they were.
fn searched(b: &mut Builder, task: &Task, from: &At, step: Value) -> (Value, [Value; 3]) {
    let &At { x, f, norm, constants } = from;
    let two = b.scalar_like(norm, 2.0);
    let never = b.above(two, two);
    let searching = b.not(never);
    let inner_constants = [&[x, step, norm], constants].concat();
    let state = [searching, two, x, f, norm];
    let end = iterate(b, "line_search", HALVINGS_MAX, &state, &inner_constants, |b, s, c| {
        let (&[x, step, norm], constants) = c.split_first_chunk().expect("three");
        let [half, one, slope] = [0.5, 1.0, 1e-4].map(|value| b.scalar_like(norm, value));
        let t = b.mul(half, s[1]);
        let next = b.plus(x, t, step);
        let f = task.f.at(b, next, constants);
        let size = b.norm(f);
        let decrease = b.mul(slope, t);
        let share = b.sub(one, decrease);
        let bound = b.mul(share, norm);
        let fell = b.at_most(size, bound);
        vec![b.not(fell), t, next, f, size]
    });
    let found = b.not(end[0]);
    (found, [(end[2], x), (end[3], f), (end[4], norm)].map(|(new, old)| b.either(found, new, old)))
}
