//! `fixed_point`: x with f(x) = x.

use super::super::region::natural;
use super::algebra::{Iterate, Map, Solution};
use super::linear::{in_range, number, word};
use super::nonlinear::{Kind, Nonlinear, Task};
use super::*;
use crate::ir::DType;

pub(super) const ENTRY: Entry = Entry {
    name: "fixed_point",
    summary: "x with f(x) = x, for a module @f of x and other inputs, from the first operand on: `method` is \"plain\", x ← f(x), or \"anderson\", which combines \
              the last `memory` steps (5); `damping` (1) is the part of a step that is made. It ends when ‖f(x) − x‖ is at most `tol` ‖x‖ + `atol` (1e-10 and \
              1e-12; 1e-5 and 1e-6 of f32), or after `max_iter` steps (1000). Derivatives solve (I − ∂f/∂x) v = … as `adjoint`, `adjoint_tol`, … say \
              (see `linear_solve`), with a second module of a residual and @f's inputs as preconditioner; with respect to the first x they are 0 by \
              definition, and status (0: converged), iterations and residual are constants",
    example: "%x, %status, %iterations, %residual = tgraph.fixed_point @f(%x0, %theta) {tol = 1e-6, max_iter = 100} : f64, i64, i64, f64",
    constraints: &[
        Constraint {
            id: "fixed_point-1",
            law: "a fixed_point names one module, or two, the second a preconditioner; `method` is \"plain\" or \"anderson\", `memory` and `max_iter` are at \
                  least 1, `tol` and `atol` at least 0, `damping` is above 0 and at most 1; `over` holds the positions of the operands with a batch axis",
            mend: "write `tgraph.fixed_point @f(%x0) {tol = 1e-8, max_iter = 100}`",
        },
        Constraint {
            id: "fixed_point-2",
            law: "operands are the module's inputs, the first x first",
            mend: "pass one value for each `tgraph.arg`, in order",
        },
        Constraint {
            id: "fixed_point-3",
            law: "x is a float, and the module returns a value of its type",
            mend: "return one value of the type of the module's first input",
        },
        Constraint {
            id: "fixed_point-4",
            law: "where a derivative is asked for, the module has one",
            mend: "replace the operation that has none",
        },
    ],
    parse: |_, attributes, _, regions| Nonlinear::<FixedPoint>::parse(attributes, regions),
};

/// f(x) = x.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FixedPoint {
    /// Steps that are combined; none where each goes to f(x).
    pub anderson: Option<bool>,
    /// How many steps Anderson's method combines: 5.
    pub memory: Option<usize>,
    /// The part of a step that is made: 1.
    pub damping: Option<f64>,
}

impl Kind for FixedPoint {
    const NAME: &'static str = "fixed_point";
    const LAWS: [&'static str; 4] = ["fixed_point-1", "fixed_point-2", "fixed_point-3", "fixed_point-4"];
    const ATTRIBUTES: &'static [&'static str] = &["method", "memory", "damping"];

    fn read(attributes: &Attributes) -> Result<FixedPoint, Violation> {
        let law = Self::LAWS[0];
        Ok(FixedPoint {
            anderson: word(Self::NAME, law, attributes, "method", &[("plain", false), ("anderson", true)])?,
            memory: natural(Self::NAME, law, attributes, "memory")?,
            damping: number(Self::NAME, law, attributes, "damping")?,
        })
    }

    fn in_range(&self) -> Result<(), Violation> {
        let law = Self::LAWS[0];
        in_range(Self::NAME, law, &[], &[("memory", self.memory)])?;
        match self.damping.filter(|damping| !(*damping > 0.0 && *damping <= 1.0)) {
            Some(got) => {
                let got = format!("`damping` of fixed_point must be above 0 and at most 1, got {got}");
                Err(Violation::new(law, got).help("write `damping = 0.5`, or leave it out"))
            }
            None => Ok(()),
        }
    }

    fn write(&self, attributes: &mut Attributes) {
        let method = self.anderson.map(|anderson| if anderson { "anderson" } else { "plain" });
        let all = [
            ("method", method.map(|word| Attribute::Text(word.into()))),
            ("memory", self.memory.map(|n| Attribute::Int(n as i64))),
            ("damping", self.damping.map(Attribute::Float)),
        ];
        for (name, value) in all {
            value.into_iter().for_each(|value| attributes.insert(name.into(), value));
        }
    }

    fn check(&self, x: &Type, output: &Type) -> Result<(), String> {
        if output.agrees(x) { Ok(()) } else { Err(format!("a value of the type {x} of its first input")) }
    }

    fn steps_max(&self) -> usize {
        1000
    }

    fn derive(&self, _: &Graph) -> Result<Vec<Graph>, AdError> {
        Ok(Vec::new())
    }

    fn equation(&self, b: &mut Builder, f: Map, y: Value, constants: &[Value]) -> Result<Value, AdError> {
        let image = f.at(b, y, constants);
        Ok(b.sub(image, y))
    }

    fn solve(&self, b: &mut Builder, task: &Task) -> Solution {
        let step = task.f.at(b, task.x, task.constants);
        let step = b.sub(step, task.x);
        let (goes_on, norm) = measured(b, task, task.x, step);
        let first = b.count(0);
        let mut state = vec![goes_on, first, task.x, step, norm];
        if self.anderson == Some(true) {
            state.extend(self.start(b, step));
        }
        let looped = Iterate { name: "fixed_point", max: task.max, record: task.history.then_some(4) };
        let end = looped.run(b, &state, task.constants, |b, s, constants| {
            let (x, step) = (s[2], s[3]);
            let (next, own) = match s.len() > 5 {
                true => self.combined(b, x, step, &s[5..]),
                false => (self.damped(b, x, step), Vec::new()),
            };
            let image = task.f.at(b, next, constants);
            let left = b.sub(image, next);
            let (goes_on, norm) = measured(b, task, next, left);
            [vec![goes_on, b.next(s[1]), next, left, norm], own].concat()
        });
        let reached = b.not(end[0]);
        let (never, finite) = (b.xor(reached, reached), b.is_finite(end[4]));
        let reached = b.and(reached, finite);
        let status = Status::after(b, reached, never, end[4]);
        let history = end.get(state.len()).copied();
        Solution { x: end[2], status, iterations: end[1], residual: end[4], history }
    }
}

/// Whether ‖`step`‖, the second value, is too large at `x`. NaN is not: nothing that follows would mend it.
fn measured(b: &mut Builder, task: &Task, x: Value, step: Value) -> (Value, Value) {
    let (size, norm) = (b.norm(x), b.norm(step));
    let target = task.iteration.target(b, size);
    (b.above(norm, target), norm)
}

impl FixedPoint {
    fn damped(&self, b: &mut Builder, x: Value, step: Value) -> Value {
        let Some(damping) = self.damping.filter(|damping| *damping < 1.0) else { return b.add(x, step) };
        let damping = b.scalar_like(x, damping);
        b.plus(x, damping, step)
    }

    /// The last x and step, and the differences of earlier ones as rows.
    fn start(&self, b: &mut Builder, step: Value) -> Vec<Value> {
        let flat = b.flat(step);
        let memory = self.memory.unwrap_or(5);
        let empty = b.constant(Tensor::zeros(b.ty(step).dtype, vec![memory]));
        let rows = b.apply(Arc::new(Repeat { axis: 1, of: 0 }), &[empty, flat]);
        let zeros = b.zeros_like(step);
        let first = b.count(0);
        vec![zeros, zeros, rows, rows, first]
    }

    /// x + β g − (ΔX + β ΔG)ᵀ γ, where γ minimises ‖g − ΔGᵀ γ‖ over the last steps (H. Walker, P. Ni, SIAM J. Numer. Anal. 49, 2011), and what
    /// is kept for the next one.
    fn combined(&self, b: &mut Builder, x: Value, step: Value, own: &[Value]) -> (Value, Vec<Value>) {
        let &[x_before, step_before, dx, dg, count] = own else { unreachable!("as at the start") };
        let (flat_x, flat_g) = (b.flat(x), b.flat(step));
        let (flat_x0, flat_g0) = (b.flat(x_before), b.flat(step_before));
        let (new_x, new_g) = (b.sub(flat_x, flat_x0), b.sub(flat_g, flat_g0));
        // In the first step there is no difference yet.
        let zero = b.count(0);
        let any = b.compare(Direction::Gt, count, zero);
        let memory = b.ty(dx).shape[0].known().expect("made of so many");
        let size = b.count(memory);
        let (one, none) = (b.count(1), b.zeros_like(new_x));
        let last = b.sub(count, one);
        let place = b.rem(last, size);
        let (new_x, new_g) = (b.either(any, new_x, none), b.either(any, new_g, none));
        let dx = stored(b, dx, new_x, place);
        let dg = stored(b, dg, new_g, place);
        let gamma = least_squares(b, dg, flat_g);
        let mut next = self.damped(b, flat_x, flat_g);
        let reach = match self.damping.filter(|damping| *damping < 1.0) {
            None => b.add(dx, dg),
            Some(damping) => {
                let damping = b.scalar_like(x, damping);
                b.plus(dx, damping, dg)
            }
        };
        let row = b.reshape(gamma, &[1, -1]);
        let back = b.matmul(row, reach);
        let back = b.flat(back);
        next = b.sub(next, back);
        let next = b.reshape_like(next, x);
        (next, vec![x, step, dx, dg, b.next(count)])
    }
}

fn stored(b: &mut Builder, rows: Value, row: Value, place: Value) -> Value {
    let row = b.reshape(row, &[1, -1]);
    b.apply(Arc::new(DynamicUpdateSlice { axis: 0 }), &[rows, row, place])
}

/// γ that minimises ‖g − rowsᵀ γ‖, by the normal equations; a little is added to their diagonal, since rows may be 0 or depend on each other.
fn least_squares(b: &mut Builder, rows: Value, g: Value) -> Value {
    let transposed = b.transpose(rows, &[1, 0]);
    let gram = b.matmul(rows, transposed);
    let column = b.reshape(g, &[-1, 1]);
    let rhs = b.matmul(rows, column);
    let rhs = b.flat(rhs);
    let is_f64 = b.ty(g).dtype == DType::F64;
    let size = b.abs(gram);
    let largest = b.reduce(Reduction::Max, size, &[0, 1]);
    let (relative, least) =
        (b.scalar_like(g, if is_f64 { 1e-14 } else { 1e-6 }), b.scalar_like(g, f64::from(f32::MIN_POSITIVE)));
    let little = b.mul(relative, largest);
    let little = b.max(little, least);
    let unit = dense::identity(b, gram);
    let little = b.scaled(little, unit);
    let gram = b.add(gram, little);
    dense::solve(b, Method::Lu, gram, rhs).0
}
