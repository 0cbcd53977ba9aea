//! Solvers whose equations are closures.

use super::{Trace, Var};
use std::sync::Arc;
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::ops::{
    Converged, FixedPoint, Iteration, Kind, LinearOptions, LinearSolve, Minimize, Nonlinear, Op, Problem,
    Root, Solve,
};

/// An approximation of (∂F/∂x)⁻¹ r, of a residual r and of x.
pub type Precondition<'t> = Box<dyn FnOnce(Var<'t>, Var<'t>) -> Var<'t> + 't>;

/// How an equation is solved; the default is good for most.
#[derive(Default)]
pub struct Solver<'t, K> {
    /// The method: [`FixedPoint`], [`Root`] or [`Minimize`].
    pub method: K,
    /// When it ends.
    pub iteration: Iteration,
    /// How linear equations are solved, those of derivatives too.
    pub adjoint: LinearOptions,
    /// For linear equations, those of derivatives too; transposed where they are.
    pub preconditioner: Option<Precondition<'t>>,
    /// Whether the residual after each step is wanted.
    pub history: bool,
}

/// How a linear equation is solved; the default is good for most, and [`LinearOptions`] alone can stand in its place.
#[derive(Default)]
pub struct LinearSolver<'t> {
    /// How the equation itself is solved.
    pub options: LinearOptions,
    /// How its derivatives are, where that differs.
    pub adjoint: LinearOptions,
    /// r → an approximation of A⁻¹ r; transposed with A.
    pub preconditioner: Option<Box<dyn FnOnce(Var<'t>) -> Var<'t> + 't>>,
    /// x to begin with; 0 where it is left out.
    pub guess: Option<Var<'t>>,
    /// Whether the residual after each step is wanted.
    pub history: bool,
}

impl From<LinearOptions> for LinearSolver<'_> {
    fn from(options: LinearOptions) -> Self {
        LinearSolver { options, ..LinearSolver::default() }
    }
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
    /// That norm after each step, [`max_iter`](Iteration::max_iter) elements, NaN for steps that were not made; if it was asked for.
    pub history: Option<Var<'t>>,
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
        solver: Solver<'t, FixedPoint>,
        f: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        self.nonlinear(x0, solver, f)
    }

    /// x with `f`(x) = 0, from `x0` on.
    #[track_caller]
    pub fn root<'t>(
        &'t self,
        x0: Var<'t>,
        solver: Solver<'t, Root>,
        f: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        self.nonlinear(x0, solver, f)
    }

    /// x where `f`(x), a scalar, is least; or Σ `f`(x)², for the methods that take residuals. `residual` is the gradient's norm.
    #[track_caller]
    pub fn minimize<'t>(
        &'t self,
        x0: Var<'t>,
        solver: Solver<'t, Minimize>,
        f: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        self.nonlinear(x0, solver, f)
    }

    /// x with `operator`(x) = `rhs`, for a closure that is linear.
    ///
    /// ```
    /// use tessera::ops::{LinearOptions, Method};
    /// use tessera::{F64, LinearSolver, Tensor, Trace};
    /// let trace = Trace::new("diffusion"); // 4 x_i - x_(i-1) - x_(i+1) = b_i on a ring
    /// let b = trace.input("b", F64, [4]);
    /// let cg = LinearOptions { method: Some(Method::Cg), max_iter: Some(10), ..LinearOptions::default() };
    /// let jacobi = Box::new(|r| r / 4.0);
    /// let solver = LinearSolver { options: cg, preconditioner: Some(jacobi), history: true, ..LinearSolver::default() };
    /// let ring = trace.constant(Tensor::new([4], vec![1_i64, 2, 3, 0]));
    /// let back = trace.constant(Tensor::new([4], vec![3_i64, 0, 1, 2]));
    /// let solved = trace.linear_solve(b, solver, |x| 4.0 * x - x.gather(ring, 0) - x.gather(back, 0));
    /// let f = trace.compile([solved.x, solved.status, solved.history.unwrap()])?;
    /// let y = f.call(&[&Tensor::new([4], vec![2.0; 4])])?;
    /// assert_eq!(y[0].values::<f64>(), [1.0; 4]);
    /// assert_eq!(y[1].values::<i64>(), [0]);
    /// let history = y[2].values::<f64>();
    /// assert!(history[0] < 1e-10 && history[1..].iter().all(|x| x.is_nan())); // one step was enough
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn linear_solve<'t>(
        &'t self,
        rhs: Var<'t>,
        solver: impl Into<LinearSolver<'t>>,
        operator: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        let LinearSolver { options, adjoint, preconditioner, guess, history } = solver.into();
        let operator = self.region(rhs, |[x]| operator(x));
        let preconditioner = preconditioner.map(|f| self.region(rhs, |[r]| f(r)));
        let first: Vec<Var<'t>> = std::iter::once(rhs).chain(guess).collect();
        self.solved(&first, operator, preconditioner, |operator, preconditioner| {
            let op = LinearSolve::new(operator).options(options).adjoint(adjoint);
            op_of(
                match preconditioner {
                    Some(graph) => op.preconditioned(graph),
                    None => op,
                },
                history,
            )
        })
    }

    #[track_caller]
    fn nonlinear<'t, K: Kind>(
        &'t self,
        x0: Var<'t>,
        solver: Solver<'t, K>,
        f: impl FnOnce(Var<'t>) -> Var<'t>,
    ) -> Solved<'t> {
        let Solver { method, iteration, adjoint, preconditioner, history } = solver;
        let f = self.region(x0, |[x]| f(x));
        let preconditioner = preconditioner.map(|f| self.region(x0, |[r, x]| f(r, x)));
        self.solved(&[x0], f, preconditioner, |f, preconditioner| {
            let op = Nonlinear::new(method, f).iteration(iteration).adjoint(adjoint);
            op_of(
                match preconditioner {
                    Some(graph) => op.preconditioned(graph),
                    None => op,
                },
                history,
            )
        })
    }

    /// The operation that `op` makes of the regions' graphs, applied to `first` and to what the regions use of the trace.
    #[track_caller]
    fn solved<'t>(
        &'t self,
        first: &[Var<'t>],
        equation: Option<Region>,
        preconditioner: Option<Option<Region>>,
        op: impl FnOnce(Arc<Graph>, Option<Arc<Graph>>) -> (Op, bool),
    ) -> Solved<'t> {
        let nothing = Var { trace: self, value: None };
        let (Some(equation), Some(preconditioner)) =
            (equation, preconditioner.map_or(Some(None), |region| region.map(Some)))
        else {
            let history = None;
            return Solved { x: nothing, status: nothing, iterations: nothing, residual: nothing, history };
        };
        let mut used: Vec<Value> = [Some(&equation), preconditioner.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|region| region.used(&self.builder.borrow()))
            .collect();
        used.sort();
        used.dedup();
        let (op, history) = op(equation.graph(&used), preconditioner.map(|region| region.graph(&used)));
        let operands: Vec<Var<'t>> =
            first.iter().copied().chain(used.into_iter().map(|v| self.var(v))).collect();
        if history {
            let [x, status, iterations, residual, history] = self.apply(op, &operands);
            return Solved { x, status, iterations, residual, history: Some(history) };
        }
        let [x, status, iterations, residual] = self.apply(op, &operands);
        Solved { x, status, iterations, residual, history: None }
    }

    /// What `f` computes of values like `x`.
    fn region<'t, const N: usize>(
        &'t self,
        x: Var<'t>,
        f: impl FnOnce([Var<'t>; N]) -> Var<'t>,
    ) -> Option<Region> {
        let outer = self.builder.borrow().clone();
        let ty = outer.ty(x.value?).clone();
        let inputs: [Value; N] =
            std::array::from_fn(|_| self.builder.borrow_mut().fresh_input("x", ty.clone()));
        let result = f(inputs.map(|v| self.var(v))).value;
        let inner = self.builder.replace(outer);
        Some(Region { inner, inputs: inputs.to_vec(), result: result? })
    }
}

/// The operation that solves a problem, and whether it has a history.
fn op_of<P: Problem>(problem: P, history: bool) -> (Op, bool) {
    let solve = Solve::new(problem);
    (Arc::new(if history { solve.with_history() } else { solve }), history)
}

/// What a closure computed, in a builder that went on from the trace's.
struct Region {
    inner: Builder,
    inputs: Vec<Value>,
    result: Value,
}

impl Region {
    /// As a graph of its inputs and of `used`, values of the trace.
    fn graph(&self, used: &[Value]) -> Arc<Graph> {
        Arc::new(self.inner.graph().extract("f", &[&self.inputs, used].concat(), &[self.result]))
    }

    /// The values of the trace that the result is made of, but for constants.
    fn used(&self, outer: &Builder) -> Vec<Value> {
        let (graph, count) = (self.inner.graph(), outer.graph().value_count());
        let (mut used, mut open, mut seen) =
            (Vec::new(), vec![self.result], vec![false; graph.value_count()]);
        while let Some(value) = open.pop() {
            if self.inputs.contains(&value) || std::mem::replace(&mut seen[value.index()], true) {
                continue;
            }
            let operands = graph.node_of(value).map_or(&[][..], |node| &node.operands);
            let is_constant = graph.node_of(value).is_some() && operands.is_empty();
            match value.index() < count {
                true if is_constant => {}
                true => used.push(value),
                false => open.extend(operands),
            }
        }
        used
    }
}
