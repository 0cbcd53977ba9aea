//! Solvers: operations that find an unknown x for which an equation F(x, θ) = 0 holds, where F is written as modules.
//!
//! A [`Problem`] says what is to hold (its equation) and how x is found (a graph of other operations: loops of dots, products and the derivatives of its
//! modules, so that every engine runs it and all bits follow). [`Solve`] makes an operation of it; what follows from the equation alone stands here, once for all:
//!
//! - the differential dx = −(∂F/∂x)⁻¹ ∂F/∂θ dθ, a [`LinearSolve`] with the tangent of F along x as its matrix;
//! - the adjoint θ̄ = −(∂F/∂θ)ᵀ λ with (∂F/∂x)ᵀ λ = x̄, a `linear_solve` with the transpose;
//! - Taylor coefficients: x_k solves the same linear equation for every k, with what F's coefficient is where x_k is 0 on the right.
//!
//! None of them looks at how x was found, nor at where the search began: the derivative with respect to the first guess is zero by definition, as are
//! those of status, iterations and residual. A `linear_solve` is a problem too, so derivatives of any order close. Each of them stands behind
//! [`Converged`], which makes NaN of what did not converge.
//!
//! A batch of problems stays one problem for differentiation: [`Solve`] keeps which operands have a batch axis, and gives way to its solver, batched,
//! when it runs.

mod algebra;
mod converged;
mod dense;
mod dogleg;
mod fixed_point;
mod implicit;
mod krylov;
mod linear;
mod linear_solve;
mod minimize;
mod nonlinear;
mod root;
mod status;

pub use converged::Converged;
pub use fixed_point::FixedPoint;
pub use linear::{LinearOptions, Method, Preconditioner, UNKNOWNS_OF_LU};
pub use linear_solve::LinearSolve;
pub use minimize::{Descent, Minimize};
pub use nonlinear::{Iteration, Kind, Nonlinear, Task};
pub use root::{Root, Search};
pub use status::Status;

use super::*;
use crate::ad::AdError;
use crate::ir::{Attribute, Extent};

pub(super) fn entries() -> Vec<Entry> {
    vec![linear_solve::ENTRY, fixed_point::ENTRY, root::ENTRY, minimize::ENTRY, converged::ENTRY]
}

/// An equation with parameters, and a way to solve it.
pub trait Problem: Clone + Debug + Send + Sync + 'static {
    /// The IR word.
    fn name(&self) -> &'static str;
    /// The constraint of its attributes, `over` among them.
    fn law(&self) -> &'static str;
    /// The choices that it has, as printed.
    fn attributes(&self) -> Attributes;
    /// Its modules.
    fn regions(&self) -> &[Arc<Graph>];
    /// The same with other modules of the same types.
    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> Self;
    /// The types of the inputs of each module, for operands of these types.
    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>>;
    /// The type of the unknown, or what is wrong.
    fn infer(&self, x: &[&Type]) -> Result<Type, Violation>;
    /// Steps at most, the length of a history.
    fn steps_max(&self) -> usize;
    /// The solver, as a graph, for operands of static types: x, status, iterations, residual, and the history if it is asked for.
    fn solve(&self, b: &mut Builder, x: &[Value], history: bool) -> Vec<Value>;
    /// F at the unknown `y`, 0 where `y` is a solution, of the type of `y`.
    fn equation(&self, b: &mut Builder, y: Value, x: &[Value]) -> Result<Value, AdError>;
    /// Which of so many operands is where the search begins.
    fn guess(&self, operands: usize) -> Option<usize>;
    /// An approximation of (∂F/∂x)⁻¹ r, if a module gives one.
    fn precondition(&self, b: &mut Builder, r: Value, y: Value, x: &[Value]) -> Option<Value>;
    /// How derivatives are solved for.
    fn derivative_options(&self) -> LinearOptions;
}

/// The operation that solves a problem, at one position or for a batch.
#[derive(Clone, Debug)]
pub struct Solve<P> {
    problem: P,
    /// For each batch axis, the outermost first: which operands have it. All results do.
    over: Vec<Vec<bool>>,
    /// Whether the residual after each step is a fifth result.
    history: bool,
}

/// The attributes of every solver that its problem does not read.
const SHARED: [&str; 3] = ["history", "over", "over_2"];

/// The attribute of batch axis `k`, the outermost being the last.
fn axis_name(k: usize) -> String {
    if k == 0 { "over".into() } else { format!("over_{}", k + 1) }
}

impl<P: Problem> Solve<P> {
    /// The operation.
    pub fn new(problem: P) -> Solve<P> {
        Solve { problem, over: Vec::new(), history: false }
    }

    /// With a fifth result: the norm of the residual after each step, of as many elements as there may be steps, NaN for those that were not made.
    pub fn with_history(self) -> Solve<P> {
        Solve { history: true, ..self }
    }

    /// With the batch axes that `attributes` name: for each the positions of the operands that have it.
    fn read(problem: P, attributes: &Attributes) -> Result<Op, Violation> {
        let mut over: Vec<Vec<bool>> = Vec::new();
        while let Some(attribute) = attributes.get(&axis_name(over.len())) {
            let positions = attributes.ints(&axis_name(over.len())).unwrap_or(&[]);
            let ascend = positions.is_sorted_by(|a, b| a < b);
            match positions {
                [first, .., last] | [first @ last] if ascend && *first >= 0 && *last < 1 << 16 => {
                    let mut level = vec![false; *last as usize + 1];
                    positions.iter().for_each(|&i| level[i as usize] = true);
                    over.insert(0, level);
                }
                _ => {
                    let name = problem.name();
                    let got = format!(
                        "`over` of {name} must be the ascending positions of the operands with a batch axis, got {}",
                        linear::shown(attribute)
                    );
                    return Err(
                        Violation::new(problem.law(), got).help("write `over = [0]`, or leave it out")
                    );
                }
            }
        }
        let history = attributes.flag("history").unwrap_or(false);
        Ok(Arc::new(Solve { problem, over, history }))
    }

    /// The same without the outermost batch axis, and which operands have that.
    fn inside(&self) -> Option<(Solve<P>, &[bool])> {
        let (level, rest) = self.over.split_first()?;
        Some((Solve { over: rest.to_vec(), ..self.clone() }, level))
    }

    /// The types of the operands at one position of all batch axes, and the extents of these.
    fn alone(&self, x: &[&Type]) -> Result<(Vec<Type>, Vec<Extent>), Violation> {
        let mut types: Vec<Type> = x.iter().map(|&ty| ty.clone()).collect();
        let mut extents = Vec::new();
        for level in &self.over {
            let mut extent: Option<Extent> = None;
            for (i, _) in level.iter().enumerate().filter(|(_, over)| **over) {
                let first = types.get(i).and_then(|ty| ty.shape.first().copied());
                match first.filter(|first| extent.is_none_or(|extent| extent.agrees(*first))) {
                    Some(first) => extent = Some(extent.map_or(first, |extent| extent.merge(first))),
                    None => {
                        let got = types.get(i).map_or("no such operand".to_string(), Type::to_string);
                        let message = format!(
                            "operand {i} of {} must have the batch axis that `over` says, got {got}",
                            self.problem.name()
                        );
                        return Err(Violation::new(self.problem.law(), message));
                    }
                }
                types[i].shape.remove(0);
            }
            extents.push(extent.expect("a level marks an operand"));
        }
        Ok((types, extents))
    }
}

/// Which entries of `level`, of `n`, hold; what it does not say does not.
fn padded(level: &[bool], n: usize) -> Vec<bool> {
    (0..n).map(|i| level.get(i) == Some(&true)).collect()
}

impl<P: Problem> Rule for Solve<P> {
    fn name(&self) -> &'static str {
        self.problem.name()
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = self.problem.attributes();
        if self.history {
            attributes.insert("history".into(), Attribute::Bool(true));
        }
        for (k, level) in self.over.iter().rev().enumerate() {
            let positions = (0..level.len()).filter(|&i| level[i]).map(|i| i as i64);
            attributes.insert(axis_name(k), Attribute::Ints(positions.collect()));
        }
        attributes
    }

    fn regions(&self) -> &[Arc<Graph>] {
        self.problem.regions()
    }

    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> Option<Op> {
        let problem = self.problem.with_regions(regions);
        Some(Arc::new(Solve { problem, ..self.clone() }))
    }

    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>> {
        let (types, _) = self.alone(x).expect("operands fit");
        self.problem.region_inputs(&types.iter().collect::<Vec<_>>())
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let (types, extents) = self.alone(x)?;
        let unknown = self.problem.infer(&types.iter().collect::<Vec<_>>())?;
        let residual = Type::scalar(unknown.dtype);
        let count = Type::scalar(crate::ir::DType::I64);
        let led = |mut ty: Type| {
            ty.shape.splice(0..0, extents.iter().copied());
            ty
        };
        let history = self.history.then(|| Type::new(unknown.dtype, [self.problem.steps_max()]));
        let results = [unknown, count.clone(), count, residual];
        Ok(results.into_iter().chain(history).map(led).collect())
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        crate::exec::reference::evaluate_expansion(self, x)
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        if x.iter().any(|&v| b.ty(v).static_shape().is_none()) {
            return None;
        }
        match self.inside() {
            None => Some(self.problem.solve(b, x, self.history)),
            Some((inside, level)) => {
                let over = padded(level, x.len());
                Some(
                    Batch { x, over: &over }
                        .expansion(b, &inside)
                        .expect("results are no larger than operands"),
                )
            }
        }
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let over = [&[x.over.to_vec()], &self.over[..]].concat();
        b.push(Arc::new(Solve { over, ..self.clone() }), x.x)
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn status(&self) -> Option<usize> {
        Some(1)
    }

    fn condition(&self, b: &mut Builder, x: &[Value], y: &[Value]) -> Option<Value> {
        self.estimated_condition(b, x, y).ok()?
    }
}
