//! Solvers whose equations are closures.

use super::{Trace, Var};
use std::sync::Arc;
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::ops::{
    Converged, FixedPoint, Iteration, Kind, LinearOptions, LinearSolve, Minimize, Nonlinear, Op, Root, Solve,
};

/// How an equation is solved; the default is good for most.
#[derive(Clone, Debug, Default)]
pub struct Solver<K> {
    /// The method: [`FixedPoint`], [`Root`] or [`Minimize`].
    pub method: K,
    /// When it ends.
    pub iteration: Iteration,
    /// How linear equations are solved, those of derivatives too.
    pub adjoint: LinearOptions,
}

/// What a solver found.
#[derive(Clone, Copy, Debug)]
pub struct Solved<'t> {
    /// The unknown. Its derivatives are those of the solution, not of the way there, and NaN if there was none.
    pub x: Var<'t>,
    /// 0 where it converged; see [`tessera_core::ops::Status`].
    pub status: Var<'t>,
    /// How many steps were made.
    pub iterations: Var<'t>,
    /// The norm of what is left of the equation.
    pub residual: Var<'t>,
}

impl<'t> Solved<'t> {
    /// The unknown where the solver converged, and NaN where it did not.
    #[track_caller]
    pub fn converged(self) -> Var<'t> {
        let [x] = self.x.trace.apply(Arc::new(Converged), &[self.x, self.status]);
        x
    }
}

impl Trace {
    /// x with `f`(x) = x, from `x0` on. The closure may use other values of the trace, and derivatives pass to them.
    ///
    /// ```
    /// use tessera::{F64, Solver, Tensor, Trace};
    /// let trace = Trace::new("kepler"); // the eccentric anomaly E = M + e sin E
    /// let (m, e) = (trace.input("m", F64, [] as [usize; 0]), trace.input("e", F64, [] as [usize; 0]));
    /// let anomaly = trace.fixed_point(m, Solver::default(), |x| m + e * x.sin()).x;
    /// let f = trace.compile([anomaly, anomaly.derivative(e)])?;
    /// let y = f.call(&[&Tensor::scalar(1.0), &Tensor::scalar(0.1)])?;
    /// let (x, slope) = (y[0].values::<f64>()[0], y[1].values::<f64>()[0]);
    /// assert!((x - 0.1 * x.sin() - 1.0).abs() < 1e-10);
    /// assert!((slope - x.sin() / (1.0 - 0.1 * x.cos())).abs() < 1e-9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn fixed_point<'t>(
        &'t self,
        x0: Var<'t>,
        solver: Solver<FixedPoint>,
        f: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        self.nonlinear(x0, solver, f)
    }

    /// x with `f`(x) = 0, from `x0` on.
    #[track_caller]
    pub fn root<'t>(
        &'t self,
        x0: Var<'t>,
        solver: Solver<Root>,
        f: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        self.nonlinear(x0, solver, f)
    }

    /// x where `f`(x), a scalar, is least; or Σ `f`(x)², for the methods that take residuals. `residual` is the gradient's norm.
    #[track_caller]
    pub fn minimize<'t>(
        &'t self,
        x0: Var<'t>,
        solver: Solver<Minimize>,
        f: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        self.nonlinear(x0, solver, f)
    }

    /// x with `operator`(x) = `rhs`, for a closure that is linear.
    #[track_caller]
    pub fn linear_solve<'t>(
        &'t self,
        rhs: Var<'t>,
        options: LinearOptions,
        operator: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        let region = self.region(rhs, operator);
        self.solved(rhs, region, |graph| {
            Arc::new(Solve::new(LinearSolve::new(Arc::new(graph)).options(options)))
        })
    }

    #[track_caller]
    fn nonlinear<'t, K: Kind>(
        &'t self,
        x0: Var<'t>,
        solver: Solver<K>,
        f: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        let region = self.region(x0, f);
        self.solved(x0, region, |graph| {
            let problem = Nonlinear::new(solver.method, Arc::new(graph));
            Arc::new(Solve::new(problem.iteration(solver.iteration).adjoint(solver.adjoint)))
        })
    }

    #[track_caller]
    fn solved<'t>(
        &'t self,
        first: Var<'t>,
        region: Option<(Graph, Vec<Var<'t>>)>,
        op: impl FnOnce(Graph) -> Op,
    ) -> Solved<'t> {
        let [x, status, iterations, residual] = match region {
            Some((graph, used)) => self.apply(op(graph), &[&[first], &used[..]].concat()),
            None => [Var { trace: self, value: None }; 4],
        };
        Solved { x, status, iterations, residual }
    }

    /// What `f` computes of a value like `x`, as a graph of it and of the values of the trace that `f` uses besides.
    fn region<'t>(&'t self, x: Var<'t>, f: impl FnOnce(Var<'t>) -> Var<'t>) -> Option<(Graph, Vec<Var<'t>>)> {
        let outer = self.builder.borrow().clone();
        let ty = outer.ty(x.value?).clone();
        let unknown = self.builder.borrow_mut().fresh_input("x", ty);
        let result = f(self.var(unknown)).value;
        let inner = self.builder.replace(outer);
        let result = result?;
        let used = used_from(&inner, &self.builder.borrow(), unknown, result);
        let graph = inner.graph().extract("f", &[&[unknown], &used[..]].concat(), &[result]);
        Some((graph, used.into_iter().map(|v| self.var(v)).collect()))
    }
}

/// The values of `outer` that `result` is made of in `inner`, which went on from it, but for constants.
fn used_from(inner: &Builder, outer: &Builder, unknown: Value, result: Value) -> Vec<Value> {
    let count = outer.graph().value_count();
    let (mut used, mut open, mut seen) = (Vec::new(), vec![result], vec![false; inner.graph().value_count()]);
    while let Some(value) = open.pop() {
        if value == unknown || std::mem::replace(&mut seen[value.index()], true) {
            continue;
        }
        let operands = inner.graph().node_of(value).map_or(&[][..], |node| &node.operands);
        let is_constant = inner.graph().node_of(value).is_some() && operands.is_empty();
        match value.index() < count {
            true if is_constant => {}
            true => used.push(value),
            false => open.extend(operands),
        }
    }
    used.sort();
    used
}
