//! `minimize`: x where an objective, or a sum of squares, is smallest, or at least stationary.

use super::super::region::natural;
use super::algebra::{Iterate, Map, Solution, iterate};
use super::linear::{System, in_range, word};
use super::nonlinear::{Kind, Nonlinear, Task, tangent_map};
use super::*;
use crate::ad;

pub(super) const ENTRY: Entry = Entry {
    name: "minimize",
    summary: "x where f(x) is least, for a module @f of x and other inputs, from the first operand on. @f returns a scalar for `method` \"lbfgs\" (the default; the \
              last `memory` steps, 10), \"gradient_descent\" and \"newton\"; it returns residuals r, of which ½ Σ r² is minimised, for \"gauss_newton\" and \
              \"levenberg_marquardt\". The last three damp their steps by what the last ones achieved, and solve for them as `adjoint` says. It ends when the \
              gradient's norm is at most `tol` times its first value + `atol` (1e-10 and 1e-12; 1e-5 and 1e-6 of f32), or after `max_iter` steps (100, or \
              1000 of the first two). The derivative of a minimum solves with the Hessian as `adjoint`, `adjoint_tol`, … say (see `linear_solve`); with \
              respect to the first x it is 0 by definition, and status (0: converged), iterations and residual, the gradient's norm, are constants",
    example: "%x, %status, %iterations, %gradient = tgraph.minimize @f(%x0, %theta) {method = \"newton\"} : tensor<2xf64>, i64, i64, f64",
    constraints: &[
        Constraint {
            id: "minimize-1",
            law: "a minimize names one module, or two, the second a preconditioner; `method` is \"lbfgs\", \"gradient_descent\", \"newton\", \"gauss_newton\" or \
                  \"levenberg_marquardt\", `tol` and `atol` are at least 0, `max_iter` and `memory` at least 1; `over` holds the positions of the operands with \
                  a batch axis",
            mend: "write `tgraph.minimize @f(%x0) {method = \"lbfgs\"}`",
        },
        Constraint {
            id: "minimize-2",
            law: "operands are the module's inputs, the first x first",
            mend: "pass one value for each `tgraph.arg`, in order",
        },
        Constraint {
            id: "minimize-3",
            law: "x is a float, and the module returns one value of its dtype: a scalar, or residuals for \"gauss_newton\" and \"levenberg_marquardt\"",
            mend: "sum the objective up, or choose \"levenberg_marquardt\" for residuals",
        },
        Constraint {
            id: "minimize-4",
            law: "the module has a derivative, of second order for \"newton\" and for what is differentiated itself",
            mend: "replace the operation that has none",
        },
    ],
    parse: |_, attributes, _, regions| Nonlinear::<Minimize>::parse(attributes, regions),
};

/// How a minimum is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descent {
    /// Limited-memory BFGS.
    Lbfgs,
    /// Along the gradient, as far as the last step says.
    GradientDescent,
    /// Newton's method, damped where the Hessian is not positive.
    Newton,
    /// Newton's method without the residuals' own second derivatives.
    GaussNewton,
    /// The same, damped from the beginning.
    LevenbergMarquardt,
}

/// f(x) is least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Minimize {
    /// L-BFGS where it is left out.
    pub method: Option<Descent>,
    /// Steps that L-BFGS remembers: 10.
    pub memory: Option<usize>,
}

impl Descent {
    const ALL: [(&str, Descent); 5] = [
        ("lbfgs", Descent::Lbfgs),
        ("gradient_descent", Descent::GradientDescent),
        ("newton", Descent::Newton),
        ("gauss_newton", Descent::GaussNewton),
        ("levenberg_marquardt", Descent::LevenbergMarquardt),
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        Descent::ALL.iter().find(|(_, each)| *each == self).expect("each has one").0
    }
}

impl Minimize {
    fn descent(&self) -> Descent {
        self.method.unwrap_or(Descent::Lbfgs)
    }

    /// Whether the module returns residuals, and not their sum of squares or another objective.
    pub fn takes_residuals(&self) -> bool {
        matches!(self.descent(), Descent::GaussNewton | Descent::LevenbergMarquardt)
    }

    /// The objective at x.
    fn objective(&self, b: &mut Builder, f: Map, x: Value, constants: &[Value]) -> Value {
        let y = f.at(b, x, constants);
        if !self.takes_residuals() {
            return y;
        }
        let (square, half) = (b.inner(y, y), b.scalar_like(y, 0.5));
        b.mul(half, square)
    }

    /// The objective and its gradient at x, as a graph of the module's inputs.
    fn with_gradient(&self, f: &Graph) -> Result<Graph, AdError> {
        let mut b = Builder::new(&format!("{}_gradient", f.name));
        let inputs = b.copy_inputs(f);
        let y = self.objective(&mut b, Map(f), inputs[0], &inputs[1..]);
        let seed = b.ones_like(y);
        let g = ad::backward(&mut b, &[y], &[seed], &inputs[..1])?[0];
        let g = g.unwrap_or_else(|| b.zeros_like(inputs[0]));
        Ok(b.finish(vec![y, g]))
    }

    /// v, x, constants, μ → (H + μ) v, where H is the Hessian, or that of the residuals' linear model.
    fn damped(&self, f: &Graph, gradient: &Graph) -> Result<Graph, AdError> {
        let map = match self.takes_residuals() {
            false => tangent_map(gradient, 1)?,
            true => tangent_map(f, 0)?,
        };
        let mut b = Builder::new(&format!("{}_hessian", f.name));
        let inputs = b.copy_inputs(&map);
        let mu = b.fresh_input("mu", Type::scalar(b.ty(inputs[0]).dtype));
        let mut along = Map(&map).at(&mut b, inputs[0], &inputs[1..]);
        if self.takes_residuals() {
            let transposed = implicit::transpose(&map)?;
            along = Map(&transposed).at(&mut b, along, &inputs[1..]);
        }
        let y = b.plus(along, mu, inputs[0]);
        Ok(b.finish(vec![y]))
    }
}

impl Kind for Minimize {
    const NAME: &'static str = "minimize";
    const LAWS: [&'static str; 4] = ["minimize-1", "minimize-2", "minimize-3", "minimize-4"];
    const ATTRIBUTES: &'static [&'static str] = &["method", "memory"];

    fn read(attributes: &Attributes) -> Result<Minimize, Violation> {
        let law = Self::LAWS[0];
        Ok(Minimize {
            method: word(Self::NAME, law, attributes, "method", &Descent::ALL)?,
            memory: natural(Self::NAME, law, attributes, "memory")?,
        })
    }

    fn in_range(&self) -> Result<(), Violation> {
        in_range(Self::NAME, Self::LAWS[0], &[], &[("memory", self.memory)])
    }

    fn write(&self, attributes: &mut Attributes) {
        if let Some(method) = self.method {
            attributes.insert("method".into(), Attribute::Text(method.name().into()));
        }
        if let Some(memory) = self.memory {
            attributes.insert("memory".into(), Attribute::Int(memory as i64));
        }
    }

    fn check(&self, x: &Type, output: &Type) -> Result<(), String> {
        let fits = output.dtype == x.dtype && (self.takes_residuals() || output.ndim() == 0);
        match (fits, self.takes_residuals()) {
            (true, _) => Ok(()),
            (false, true) => Err(format!("residuals of {}", x.dtype)),
            (false, false) => Err(format!("one {}, the objective", x.dtype)),
        }
    }

    fn steps_max(&self) -> usize {
        if matches!(self.descent(), Descent::Lbfgs | Descent::GradientDescent) { 1000 } else { 100 }
    }

    fn derive(&self, f: &Graph) -> Result<Vec<Graph>, AdError> {
        let gradient = self.with_gradient(f)?;
        Ok(match self.descent() {
            Descent::Lbfgs | Descent::GradientDescent => vec![gradient],
            _ => {
                let hessian = self.damped(f, &gradient)?;
                vec![gradient, hessian]
            }
        })
    }

    fn equation(&self, b: &mut Builder, f: Map, y: Value, constants: &[Value]) -> Result<Value, AdError> {
        Ok(Map(&self.with_gradient(f.0)?).all(b, y, constants)[1])
    }

    fn solve(&self, b: &mut Builder, task: &Task) -> Solution {
        match self.descent() {
            Descent::Lbfgs => quasi_newton(b, task, self.memory.unwrap_or(10)),
            Descent::GradientDescent => quasi_newton(b, task, 0),
            _ => self.newton(b, task),
        }
    }
}

// Where the state of a search has what both kinds have in common; the first value says whether it goes on.
const STEPS: usize = 1;
const LOST: usize = 2;
const X: usize = 3;
const F: usize = 4;
const G: usize = 5;
const NORM: usize = 6;
const OWN: usize = 7;

/// The state at the beginning, and the gradient's norm that is small enough.
fn started(b: &mut Builder, task: &Task) -> (Vec<Value>, Value) {
    let all = Map(&task.derived[0]).all(b, task.x, task.constants);
    let norm = b.norm(all[1]);
    let target = task.iteration.target(b, norm);
    let goes_on = b.above(norm, target);
    let (first, never) = (b.count(0), b.xor(goes_on, goes_on));
    (vec![goes_on, first, never, task.x, all[0], all[1], norm], target)
}

/// Of the last state, and the record behind its `len` values.
fn ended(b: &mut Builder, end: &[Value], len: usize, target: Value) -> Solution {
    let reached = b.at_most(end[NORM], target);
    let status = Status::after(b, reached, end[LOST], end[NORM]);
    let finite = b.is_finite(end[F]);
    let wild = b.not(finite);
    let status = Status::NotFinite.where_(b, wild, status);
    let history = end.get(len).copied();
    Solution { x: end[X], status, iterations: end[STEPS], residual: end[NORM], history }
}

/// Whether f did not rise but for rounding while the gradient's norm fell: near a minimum f says no more than that.
fn settles(b: &mut Builder, f: [Value; 2], norms: [Value; 2]) -> Value {
    let ([old, new], [norm, next]) = (f, norms);
    let epsilon = if b.ty(old).dtype == crate::ir::DType::F64 { 1e-14 } else { 1e-6 };
    let (size, epsilon) = (b.abs(old), b.scalar_like(old, epsilon));
    let slack = b.mul(epsilon, size);
    let bound = b.add(old, slack);
    let (no_higher, flatter) = (b.at_most(new, bound), b.above(norm, next));
    b.and(no_higher, flatter)
}

impl Minimize {
    /// Newton's and Gauss' methods with Levenberg's damping: (H + μ) d = −g, where μ grows while steps do not keep what the quadratic model promises
    /// (H. Nielsen, *Damping parameter in Marquardt's method*, 1999).
    fn newton(&self, b: &mut Builder, task: &Task) -> Solution {
        let (mut state, target) = started(b, task);
        let zero = b.scalar_like(state[F], 0.0);
        // The curvature along the gradient is the scale of μ.
        let unit = b.reciprocal(state[NORM]);
        let direction = b.scaled(unit, state[G]);
        let at = [&[task.x], task.constants, &[zero]].concat();
        let curved = Map(&task.derived[1]).at(b, direction, &at);
        let curvature = b.inner(direction, curved);
        let (curvature, thousandth) = (b.abs(curvature), b.scalar_like(zero, 1e-3));
        let scale = b.mul(thousandth, curvature);
        let (mu, two) = (
            if self.descent() == Descent::LevenbergMarquardt { scale } else { zero },
            b.scalar_like(zero, 2.0),
        );
        state.extend([mu, two]);
        let constants = [&[target, scale], task.constants].concat();
        let looped = Iterate { name: "damped_newton", max: task.max, record: task.history.then_some(NORM) };
        let end = looped.run(b, &state, &constants, |b, s, c| {
            let (target, scale, constants) = (c[0], c[1], &c[2..]);
            let (x, f, g, norm, mu, grows) = (s[X], s[F], s[G], s[NORM], s[OWN], s[OWN + 1]);
            let at = [&[x], constants, &[mu]].concat();
            let options = LinearOptions { method: task.linear.method.or_else(|| small(b, x)), ..task.linear };
            let system = System {
                options,
                matrix: &task.derived[1],
                preconditioner: None,
                constants: &at,
                history: false,
            };
            let rhs = b.neg(g);
            let step = system.solve(b, rhs).x;
            let moved = b.add(x, step);
            let all = Map(&task.derived[0]).all(b, moved, constants);
            let next_norm = b.norm(all[1]);
            // What the model promises: ½ (μ |d|² − g·d).
            let (square, slope, half) = (b.inner(step, step), b.inner(g, step), b.scalar_like(f, 0.5));
            let promise = b.mul(mu, square);
            let promise = b.sub(promise, slope);
            let promise = b.mul(half, promise);
            let gain = b.sub(f, all[0]);
            let ratio = b.div(gain, promise);
            let (least, zero) = (b.scalar_like(f, 1e-4), b.scalar_like(f, 0.0));
            let (keeps, sound) = (b.above(ratio, least), b.above(promise, zero));
            let keeps = b.and(keeps, sound);
            let settles = settles(b, [f, all[0]], [norm, next_norm]);
            let accepted = b.or(keeps, settles);
            let (mu, grows) = damping(b, accepted, ratio, mu, grows, scale);
            let [x, f, g, norm] = [(moved, x), (all[0], f), (all[1], g), (next_norm, norm)]
                .map(|(new, old)| b.either(accepted, new, old));
            // μ beyond all measure: no direction leads down.
            let huge = b.scalar_like(f, 1e20);
            let bound = b.mul(huge, scale);
            let bounded = b.at_most(mu, bound);
            let above = b.above(norm, target);
            vec![b.and(above, bounded), b.next(s[STEPS]), b.not(bounded), x, f, g, norm, mu, grows]
        });
        ended(b, &end, state.len(), target)
    }
}

/// Conjugate gradients where the matrix is too large to be written out.
fn small(b: &Builder, x: Value) -> Option<Method> {
    let unknowns: usize = b.ty(x).static_shape()?.iter().product();
    (unknowns > UNKNOWNS_OF_LU).then_some(Method::Cg)
}

/// μ and its growth for the next step.
fn damping(
    b: &mut Builder,
    accepted: Value,
    ratio: Value,
    mu: Value,
    grows: Value,
    scale: Value,
) -> (Value, Value) {
    let [one, two, third] = [1.0, 2.0, 1.0 / 3.0].map(|value| b.scalar_like(mu, value));
    let doubled = b.mul(two, ratio);
    let centred = b.sub(doubled, one);
    let square = b.mul(centred, centred);
    let cube = b.mul(square, centred);
    let share = b.sub(one, cube);
    let share = b.max(share, third);
    let share = b.min(share, two);
    let less = b.mul(mu, share);
    let more = b.mul(mu, grows);
    let more = b.max(more, scale);
    let faster = b.mul(two, grows);
    (b.select(accepted, less, more), b.select(accepted, two, faster))
}

/// Along −H g, where H is made of the last `memory` steps (J. Nocedal, Math. Comp. 35, 1980), scaled as the last one says; halved until f falls enough.
fn quasi_newton(b: &mut Builder, task: &Task, memory: usize) -> Solution {
    let (mut state, target) = started(b, task);
    let (one, zeros) = (b.scalar_like(state[F], 1.0), b.zeros_like(task.x));
    let zero = b.scalar_like(one, 0.0);
    // The first step has length 1, or less.
    let inverse = b.reciprocal(state[NORM]);
    let gamma = b.min(one, inverse);
    state.push(gamma);
    // Steps, changes of the gradient, and 1 / their products, the last one first; 0 where there is none.
    state.extend((0..memory).flat_map(|_| [zeros, zeros, zero]));
    let constants = [&[target], task.constants].concat();
    let looped = Iterate { name: "quasi_newton", max: task.max, record: task.history.then_some(NORM) };
    let end = looped.run(b, &state, &constants, |b, s, c| {
        let (target, constants) = (c[0], &c[1..]);
        let (x, f, g, norm, gamma) = (s[X], s[F], s[G], s[NORM], s[OWN]);
        let kept = &s[OWN + 1..];
        let direction = two_loops(b, g, gamma, kept);
        let step = b.neg(direction);
        let (found, [moved, next_f, next_g, next_norm]) = searched(b, task, [x, f, g, norm], step, constants);
        let (ds, dy) = (b.sub(moved, x), b.sub(next_g, g));
        let (sy, yy) = (b.inner(ds, dy), b.inner(dy, dy));
        let curves = b.is_positive(sy);
        let (ratio, inverse, zero) = (b.div(sy, yy), b.reciprocal(sy), b.scalar_like(sy, 0.0));
        let gamma = b.select(curves, ratio, gamma);
        let rho = b.select(curves, inverse, zero);
        let mut own = vec![gamma];
        if !kept.is_empty() {
            own.extend([ds, dy, rho]);
            own.extend(&kept[..kept.len() - 3]);
        }
        let above = b.above(next_norm, target);
        let next =
            vec![b.and(above, found), b.next(s[STEPS]), b.not(found), moved, next_f, next_g, next_norm];
        [next, own].concat()
    });
    ended(b, &end, state.len(), target)
}

/// H g.
fn two_loops(b: &mut Builder, g: Value, gamma: Value, kept: &[Value]) -> Value {
    let mut q = g;
    let mut alphas = Vec::new();
    for triple in kept.chunks(3) {
        let along = b.inner(triple[0], q);
        let alpha = b.mul(triple[2], along);
        q = b.minus(q, alpha, triple[1]);
        alphas.push(alpha);
    }
    q = b.scaled(gamma, q);
    for (triple, &alpha) in kept.chunks(3).zip(&alphas).rev() {
        let along = b.inner(triple[1], q);
        let beta = b.mul(triple[2], along);
        let rest = b.sub(alpha, beta);
        q = b.plus(q, rest, triple[0]);
    }
    q
}

/// Along `step`, or half of it, or a quarter …, until f falls enough: whether it did, and x, f, the gradient and its norm there, or as they were.
fn searched(
    b: &mut Builder,
    task: &Task,
    from: [Value; 4],
    step: Value,
    constants: &[Value],
) -> (Value, [Value; 4]) {
    let [x, f, g, norm] = from;
    let slope = b.inner(g, step);
    let two = b.scalar_like(f, 2.0);
    let never = b.above(two, two);
    let searching = b.not(never);
    let inner = [&[x, step, f, norm, slope], constants].concat();
    let state = [searching, two, x, f, g, norm];
    let end = iterate(b, "line_search", 40, &state, &inner, |b, s, c| {
        let (&[x, step, f, norm, slope], constants) =
            (<&[Value; 5]>::try_from(&c[..5]).expect("five"), &c[5..]);
        let [half, share] = [0.5, 1e-4].map(|value| b.scalar_like(f, value));
        let t = b.mul(half, s[1]);
        let moved = b.plus(x, t, step);
        let all = Map(&task.derived[0]).all(b, moved, constants);
        let next_norm = b.norm(all[1]);
        let part = b.mul(share, t);
        let fall = b.mul(part, slope);
        let bound = b.add(f, fall);
        let fell = b.at_most(all[0], bound);
        let settles = settles(b, [f, all[0]], [norm, next_norm]);
        let fine = b.or(fell, settles);
        vec![b.not(fine), t, moved, all[0], all[1], next_norm]
    });
    let found = b.not(end[0]);
    let pairs = [(end[2], x), (end[3], f), (end[4], g), (end[5], norm)];
    (found, pairs.map(|(new, old)| b.either(found, new, old)))
}
