//! `root`: x with F(x) = 0.

use super::algebra::{Map, Solution, iterate};
use super::linear::{System, word};
use super::nonlinear::{Kind, Nonlinear, Task, tangent_map};
use super::*;

pub(super) const ENTRY: Entry = Entry {
    name: "root",
    summary: "x with F(x) = 0, for a module @F of x and other inputs that returns a value of x's type, from the first operand on: `method` is \"newton\", which \
              writes the Jacobian out, or \"newton_krylov\", which solves with products only, as `adjoint` and a second module, a preconditioner of a residual \
              and @F's inputs, say, and no more exactly than helps. Steps are halved until ‖F‖ falls. It ends when ‖F(x)‖ is at most `tol` times its first \
              value + `atol` (1e-10 and 1e-12; 1e-5 and 1e-6 of f32), or after `max_iter` steps (100). Derivatives solve (∂F/∂x) v = … as `adjoint`, \
              `adjoint_tol`, … say (see `linear_solve`); with respect to the first x they are 0 by definition, and status (0: converged), iterations and \
              residual are constants",
    example: "%x, %status, %iterations, %residual = tgraph.root @F(%x0, %theta) : tensor<2xf64>, i64, i64, f64",
    constraints: &[
        Constraint {
            id: "root-1",
            law: "a root names one module, or two, the second a preconditioner; `method` is \"newton\" or \"newton_krylov\", `tol` and `atol` are at least 0, \
                  `max_iter` at least 1; `over` holds the positions of the operands with a batch axis",
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

/// F(x) = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Root {
    /// Whether equations for steps are solved with products only; Newton's method where it is left out.
    pub krylov: Option<bool>,
}

/// Steps are halved so often at most.
const HALVINGS_MAX: usize = 30;

impl Kind for Root {
    const NAME: &'static str = "root";
    const LAWS: [&'static str; 4] = ["root-1", "root-2", "root-3", "root-4"];
    const ATTRIBUTES: &'static [&'static str] = &["method"];

    fn read(attributes: &Attributes) -> Result<Root, Violation> {
        let methods = [("newton", false), ("newton_krylov", true)];
        Ok(Root { krylov: word(Self::NAME, Self::LAWS[0], attributes, "method", &methods)? })
    }

    fn write(&self, attributes: &mut Attributes) {
        let method = self.krylov.map(|krylov| if krylov { "newton_krylov" } else { "newton" });
        method.into_iter().for_each(|word| attributes.insert("method".into(), Attribute::Text(word.into())));
    }

    fn check(&self, x: &Type, output: &Type) -> Result<(), String> {
        if output.agrees(x) { Ok(()) } else { Err(format!("a value of the type {x} of its first input")) }
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
        // The forcing term of the first step; see `forcing`.
        let most = b.scalar_like(norm, 0.1);
        let state = [goes_on, first, task.x, f, norm, never, never, most];
        let constants = [&[target], task.constants].concat();
        let max = task.iteration.max_iter.unwrap_or(100);
        let end = iterate(b, "newton", max, &state, &constants, |b, s, c| {
            let (target, constants) = (c[0], &c[1..]);
            let &[_, k, x, f, norm, _, _, eta] = s else { unreachable!("as at the start") };
            let (step, singular) = self.step(b, task, x, f, norm, eta, constants);
            let (found, next) = searched(b, task, [x, f, norm], step, constants);
            let [x, f, next_norm] = next.map(|(new, old)| b.either(found, new, old));
            let above = b.above(next_norm, target);
            let (goes_on, lost) = (b.and(above, found), b.not(found));
            let eta = forcing(b, eta, next_norm, norm, target);
            vec![goes_on, b.next(k), x, f, next_norm, lost, singular, eta]
        });
        let reached = b.at_most(end[4], target);
        let status = Status::after(b, reached, end[5], end[4]);
        let stuck = b.and(end[5], end[6]);
        let status = Status::Singular.where_(b, stuck, status);
        Solution { x: end[2], status, iterations: end[1], residual: end[4] }
    }
}

impl Root {
    /// Newton's step, −J⁻¹ F, and whether J was singular.
    #[allow(clippy::too_many_arguments)]
    fn step(
        &self,
        b: &mut Builder,
        task: &Task,
        x: Value,
        f: Value,
        norm: Value,
        eta: Value,
        constants: &[Value],
    ) -> (Value, Value) {
        let (at, jacobian) = ([&[x], constants].concat(), &task.derived[0]);
        let rhs = b.neg(f);
        if self.krylov != Some(true) {
            let matrix = dense::matrix(b, Map(jacobian), x, &at);
            return dense::solve(b, matrix, rhs);
        }
        let mut options = task.linear;
        if options.method.is_none_or(|method| method == Method::Lu) {
            options.method = Some(Method::Gmres);
        }
        let system =
            System { options, matrix: jacobian, preconditioner: task.preconditioner, constants: &at };
        let (zeros, target) = (b.zeros_like(rhs), b.mul(eta, norm));
        let solution = system.solve_from(b, zeros, rhs, target);
        let singular = Status::Stagnated.value(b);
        (solution.x, b.compare(Direction::Eq, solution.status, singular))
    }
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

/// Goes along `step`, or half of it, or a quarter …, until ‖F‖ falls enough: whether it did, and new and old x, F and ‖F‖.
fn searched(
    b: &mut Builder,
    task: &Task,
    from: [Value; 3],
    step: Value,
    constants: &[Value],
) -> (Value, [(Value, Value); 3]) {
    let [x, f, norm] = from;
    let two = b.scalar_like(norm, 2.0);
    let never = b.above(two, two);
    let searching = b.not(never);
    let inner_constants = [&[x, step, norm], constants].concat();
    let end = iterate(
        b,
        "line_search",
        HALVINGS_MAX,
        &[searching, two, x, f, norm],
        &inner_constants,
        |b, s, c| {
            let (&[x, step, norm], constants) = (<&[Value; 3]>::try_from(&c[..3]).expect("three"), &c[3..]);
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
        },
    );
    (b.not(end[0]), [(end[2], x), (end[3], f), (end[4], norm)])
}
