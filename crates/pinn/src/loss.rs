//! The loss of a case as a graph: the sum over its terms of weight × mean square of the term's residual,
//! and its gradient.

use crate::case::Case;
use crate::data::Observations;
use crate::lowering::Field;
use crate::network::{Layout, column, tensor};
use crate::sampling::SamplingError;
use std::sync::Arc;
use tessera_core::ad::{AdError, backward};
use tessera_core::exec::comm::{Communicator, Solo};
use tessera_core::exec::{Backend, Function, Sharding};
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::{DType, Tensor, Type};

/// Graph values of a loss.
#[derive(Clone, Debug)]
pub struct Losses {
    /// The weighted sum of the terms, a scalar.
    pub total: Value,
    /// Each term, unweighted, a scalar.
    pub terms: Vec<Value>,
    /// The gradient of the total by θ, of the type of θ.
    pub gradient: Value,
}

/// What an optimiser minimises: a function of a vector θ, stated as a graph.
pub trait Objective {
    /// The type of θ, one axis.
    fn theta(&self) -> Type;
    /// Adds the inputs besides θ; the arguments bound to them are given with every step.
    fn inputs(&self, b: &mut Builder) -> Vec<Value>;
    /// `graph` as a function, where its last inputs are those of [`Objective::inputs`].
    fn function(&self, graph: Graph, backend: Backend) -> Function {
        Function::new(graph, backend)
    }
    /// The loss at `theta`.
    fn losses(&self, b: &mut Builder, theta: Value, inputs: &[Value]) -> Result<Losses, AdError>;
}

/// The loss of a case, over the ranks that share its points.
#[derive(Clone, Debug)]
pub struct CaseLoss {
    case: Arc<Case>,
    layout: Layout,
    /// Those of each data term.
    observations: Vec<Observations>,
    ranks: Sharding,
}

impl CaseLoss {
    /// The loss of `case`, with the observations of each of its data terms.
    pub fn new(case: Arc<Case>, observations: Vec<Observations>) -> CaseLoss {
        CaseLoss::over(case, observations, Arc::new(Solo))
    }

    /// The same over `ranks`: each has its own points and observations, all have the losses and their gradient.
    pub fn over(case: Arc<Case>, observations: Vec<Observations>, ranks: Arc<dyn Communicator>) -> CaseLoss {
        CaseLoss { layout: Layout::new(&case), case, observations, ranks: Sharding::new(ranks) }
    }

    /// The ranks.
    pub fn ranks(&self) -> &dyn Communicator {
        &**self.ranks.communicator()
    }

    /// The layout of θ.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Names of the terms: equations, conditions, data.
    pub fn names(&self) -> Vec<String> {
        let equations = self.case.equations.iter().map(|term| &term.name);
        let conditions = self.case.conditions.iter().map(|term| &term.name);
        equations.chain(conditions).chain(self.case.data.iter().map(|term| &term.name)).cloned().collect()
    }

    fn weights(&self) -> Vec<f64> {
        let equations = self.case.equations.iter().map(|term| term.weight);
        let conditions = self.case.conditions.iter().map(|term| term.weight);
        equations.chain(conditions).chain(self.case.data.iter().map(|term| term.weight)).collect()
    }

    /// Rows of points of each term.
    fn rows(&self) -> Vec<usize> {
        let equations = self.case.equations.iter().map(|term| term.sampling.points as usize);
        let conditions = (0..self.case.conditions.len()).map(|i| self.case.condition_rows(i) as usize);
        equations.chain(conditions).chain(self.observations.iter().map(|data| data.rows)).collect()
    }

    /// This rank's points of an epoch: arguments for the first inputs, one for each equation and condition.
    pub fn points(&self, epoch: u64) -> Result<Vec<Tensor>, SamplingError> {
        let case = &*self.case;
        let rows = |points: Vec<f64>| {
            let width = case.coordinates.len();
            tensor(case.precision, vec![points.len() / width, width], points)
        };
        let held = |rows: u64| {
            let held = self.ranks.range(rows as usize);
            held.start as u64..held.end as u64
        };
        let equations = (0..case.equations.len())
            .map(|i| case.equation_points(i, epoch, held(case.equations[i].sampling.points)));
        let conditions =
            (0..case.conditions.len()).map(|i| case.condition_points(i, epoch, held(case.condition_rows(i))));
        equations.chain(conditions).map(|points| Ok(rows(points?))).collect()
    }

    /// The arguments of this rank at an epoch, for all inputs: its points, then its observations.
    pub fn arguments(&self, epoch: u64) -> Result<Vec<Tensor>, SamplingError> {
        let mut arguments = self.points(epoch)?;
        arguments.extend(self.observed().iter().map(|whole| self.ranks.part(whole)));
        Ok(arguments)
    }

    /// The observations, of all ranks.
    pub fn observed(&self) -> Vec<Tensor> {
        let dtype = self.case.precision;
        let width = self.case.coordinates.len();
        let mut arguments = Vec::new();
        for data in &self.observations {
            arguments.push(tensor(dtype, vec![data.rows, width], data.points.clone()));
            let columns = data.values.iter().flatten();
            arguments.extend(columns.map(|values| tensor(dtype, vec![data.rows, 1], values.clone())));
        }
        arguments
    }

    /// Each term, unweighted.
    pub fn terms(&self, b: &mut Builder, blocks: &[Value], inputs: &[Value]) -> Result<Vec<Value>, AdError> {
        let case = &*self.case;
        let mut inputs = inputs.iter().copied();
        let mut next = || inputs.next().expect("as many as `inputs` made");
        let mut terms = Vec::new();
        let equations = case.equations.iter().map(|term| &term.residual);
        for residual in equations.chain(case.conditions.iter().map(|term| &term.residual)) {
            let mut field = Field::new(b, case, &self.layout, blocks, next())?;
            let residual = field.residual(b, residual)?;
            terms.push(mean_square(b, residual));
        }
        for data in &self.observations {
            let field = Field::new(b, case, &self.layout, blocks, next())?;
            let observed = data.values.iter().enumerate().filter(|(_, values)| values.is_some());
            let misfits = observed.map(|(i, _)| b.sub(field.unknown(i), next()));
            let misfits: Vec<Value> = misfits.collect();
            let misfit = if misfits.len() == 1 { misfits[0] } else { b.concat(&misfits, 1) };
            terms.push(mean_square(b, misfit));
        }
        Ok(terms)
    }

    /// The gradient of one term by θ; inputs and their order are those of the whole loss. For finding out which term's is not finite.
    pub fn term_gradient(
        &self,
        b: &mut Builder,
        theta: Value,
        inputs: &[Value],
        term: usize,
    ) -> Result<Value, AdError> {
        let blocks = self.layout.cut(b, theta);
        let root = self.terms(b, &blocks, inputs)?[term];
        self.gradient(b, root, &blocks)
    }

    fn gradient(&self, b: &mut Builder, root: Value, blocks: &[Value]) -> Result<Value, AdError> {
        let seed = b.ones_like(root);
        let parts = backward(b, &[root], &[seed], blocks)?;
        let parts =
            parts.into_iter().zip(blocks).map(|(part, &block)| part.unwrap_or_else(|| b.zeros_like(block)));
        let parts: Vec<Value> = parts.collect();
        Ok(self.layout.join(b, &parts))
    }
}

fn mean_square(b: &mut Builder, residual: Value) -> Value {
    let square = b.mul(residual, residual);
    b.mean_all(square)
}

impl Objective for CaseLoss {
    fn theta(&self) -> Type {
        Type::new(self.case.precision, [self.layout.elements()])
    }

    fn inputs(&self, b: &mut Builder) -> Vec<Value> {
        let (names, rows) = (self.names(), self.rows());
        let sampled = self.case.equations.len() + self.case.conditions.len();
        let mut inputs = Vec::new();
        for (term, (name, &rows)) in names.iter().zip(&rows).enumerate() {
            let points = Type::new(self.case.precision, [rows, self.case.coordinates.len()]);
            inputs.push(b.fresh_input(&format!("points_{}", identifier(name)), points));
            if let Some(data) = term.checked_sub(sampled).map(|i| &self.observations[i]) {
                for (unknown, _) in self.case.unknowns.iter().zip(&data.values).filter(|(_, v)| v.is_some()) {
                    let name = format!("{}_{}", identifier(name), identifier(unknown));
                    inputs.push(b.fresh_input(&name, column(&self.case, rows)));
                }
            }
        }
        inputs
    }

    fn function(&self, graph: Graph, backend: Backend) -> Function {
        if self.ranks().size() == 1 {
            return Function::new(graph, backend);
        }
        let own = self.inputs(&mut Builder::new("inputs")).len();
        let mut sharding = self.ranks.clone();
        for input in &graph.inputs()[graph.inputs().len() - own..] {
            let rows = graph.ty(input.value).shape[0].known().expect("points are counted");
            sharding = sharding.rows(graph.name(input.value).expect("inputs have names"), rows);
        }
        Function::sharded(graph, backend, sharding)
    }

    fn losses(&self, b: &mut Builder, theta: Value, inputs: &[Value]) -> Result<Losses, AdError> {
        let blocks = self.layout.cut(b, theta);
        let terms = self.terms(b, &blocks, inputs)?;
        let mut total = None;
        for (&term, weight) in terms.iter().zip(self.weights()) {
            let weight = b.number(self.case.precision, weight);
            let weighted = b.mul(weight, term);
            total = Some(total.map_or(weighted, |total| b.add(total, weighted)));
        }
        let total = total.expect("a case has an equation");
        let gradient = self.gradient(b, total, &blocks)?;
        Ok(Losses { total, terms, gradient })
    }
}

/// `name` as a name in the text of a graph.
fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The square root of the sum of squares of a vector, and its greatest element in magnitude.
pub(crate) fn norms(b: &mut Builder, x: Value) -> (Value, Value) {
    let square = b.mul(x, x);
    let sum = b.sum_all(square);
    let size = b.abs(x);
    (b.sqrt(sum), b.reduce(tessera_core::ops::Reduction::Max, size, &[0]))
}

/// `x` as a scalar tensor of `dtype`.
pub(crate) fn scalar(dtype: DType, x: f64) -> Tensor {
    tensor(dtype, Vec::new(), vec![x])
}
