//! What solvers of equations that are not linear have in common: a module of the unknown and of constants, a first guess, tolerances, and the linear
//! solver of their derivatives. What is to hold and how it is found, a [`Kind`] says.

use super::super::region::{check_operands, natural, outputs_for};
use super::algebra::{Map, Solution};
use super::linear::{ADJOINT_ATTRIBUTES, in_range, number};
use super::*;
use crate::ir::DType;
use crate::ops::registry::only;
use std::sync::OnceLock;

/// When an iteration ends. What is left out has a default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Iteration {
    /// Relative tolerance.
    pub tol: Option<f64>,
    /// Absolute tolerance.
    pub atol: Option<f64>,
    /// Steps at most: 100, of first-order methods 1000.
    pub max_iter: Option<usize>,
}

impl Iteration {
    /// The norm that is small enough beside one of `size`: `tol` · size + `atol`.
    pub(super) fn target(&self, b: &mut Builder, size: Value) -> Value {
        let is_f64 = b.ty(size).dtype == DType::F64;
        let relative = b.scalar_like(size, self.tol.unwrap_or(if is_f64 { 1e-10 } else { 1e-5 }));
        let absolute = b.scalar_like(size, self.atol.unwrap_or(if is_f64 { 1e-12 } else { 1e-6 }));
        let relative = b.mul(relative, size);
        b.add(relative, absolute)
    }
}

/// What is to hold, and the methods that find it.
pub trait Kind: Clone + Debug + Send + Sync + 'static {
    /// The IR word.
    const NAME: &'static str;
    /// The constraints of attributes, of operands, of types, and of derivatives.
    const LAWS: [&'static str; 4];
    /// The attributes that it has besides those of every solver.
    const ATTRIBUTES: &'static [&'static str];
    /// From the attributes.
    fn read(attributes: &Attributes) -> Result<Self, Violation>;
    /// That all numbers are in their ranges.
    fn in_range(&self) -> Result<(), Violation>;
    /// Adds the attributes that are not left out.
    fn write(&self, attributes: &mut Attributes);
    /// Whether a module may return a value of type `output` for an unknown of type `x`; else what it must return.
    fn check(&self, x: &Type, output: &Type) -> Result<(), String>;
    /// Steps at most, where nothing is said.
    fn steps_max(&self) -> usize;
    /// The graphs that the method needs besides `f`, made of it.
    fn derive(&self, f: &Graph) -> Result<Vec<Graph>, AdError>;
    /// F at `y`.
    fn equation(&self, b: &mut Builder, f: Map, y: Value, constants: &[Value]) -> Result<Value, AdError>;
    /// Finds x.
    fn solve(&self, b: &mut Builder, task: &Task) -> Solution;
}

/// What a method is given.
pub struct Task<'g> {
    /// The module.
    pub(super) f: Map<'g>,
    /// What [`Kind::derive`] made of it.
    pub(super) derived: &'g [Graph],
    /// r → M r, then x and the constants.
    pub(super) preconditioner: Option<&'g Graph>,
    /// Where to begin.
    pub(super) x: Value,
    /// The module's other inputs.
    pub(super) constants: &'g [Value],
    /// When to end.
    pub(super) iteration: Iteration,
    /// Steps at most.
    pub(super) max: usize,
    /// Whether the residual after each step is recorded.
    pub(super) history: bool,
    /// How linear equations are solved.
    pub(super) linear: LinearOptions,
}

/// An equation of a [`Kind`] for a module, and how it is solved.
#[derive(Clone, Debug)]
pub struct Nonlinear<K> {
    /// The equation's module, and maybe a preconditioner.
    regions: Vec<Arc<Graph>>,
    kind: K,
    iteration: Iteration,
    adjoint: LinearOptions,
    derived: OnceLock<Result<Vec<Graph>, Violation>>,
}

impl<K: Kind> Nonlinear<K> {
    /// The equation that `kind` makes of `module`, a graph of the unknown and of constants.
    pub fn new(kind: K, module: Arc<Graph>) -> Nonlinear<K> {
        let (iteration, adjoint) = Default::default();
        Nonlinear { regions: vec![module], kind, iteration, adjoint, derived: OnceLock::new() }
    }

    /// Ending so.
    pub fn iteration(self, iteration: Iteration) -> Nonlinear<K> {
        Nonlinear { iteration, ..self }
    }

    /// With linear equations, those of derivatives too, solved so.
    pub fn adjoint(self, adjoint: LinearOptions) -> Nonlinear<K> {
        Nonlinear { adjoint, ..self }
    }

    /// With a graph of a residual and of the module's inputs that returns an approximation of (∂F/∂x)⁻¹ of the residual.
    pub fn preconditioned(mut self, preconditioner: Arc<Graph>) -> Nonlinear<K> {
        self.regions.truncate(1);
        self.regions.push(preconditioner);
        self
    }

    fn derived(&self) -> Result<&[Graph], Violation> {
        let made = self.derived.get_or_init(|| {
            let made = self.kind.derive(&self.regions[0]);
            made.map_err(|error| Violation::new(K::LAWS[3], error.message))
        });
        made.as_deref().map_err(Violation::clone)
    }

    /// See [`Entry::parse`].
    pub(super) fn parse(attributes: &Attributes, regions: &[Arc<Graph>]) -> Result<Op, Violation> {
        let (name, law) = (K::NAME, K::LAWS[0]);
        let own = ["tol", "atol", "max_iter"].iter().chain(&SHARED);
        let known: Vec<&str> = K::ATTRIBUTES.iter().chain(own).chain(&ADJOINT_ATTRIBUTES).copied().collect();
        only(name, law, attributes, &known)?;
        if !(1..=2).contains(&regions.len()) {
            let got = format!("{name} must name one module or two, got {}", regions.len());
            return Err(Violation::new(law, got).help(format!("write `tgraph.{name} @f(%x)`")));
        }
        let iteration = Iteration {
            tol: number(name, law, attributes, "tol")?,
            atol: number(name, law, attributes, "atol")?,
            max_iter: natural(name, law, attributes, "max_iter")?,
        };
        let adjoint = LinearOptions::read(name, law, attributes, &ADJOINT_ATTRIBUTES)?;
        let kind = K::read(attributes)?;
        let problem =
            Nonlinear { regions: regions.to_vec(), kind, iteration, adjoint, derived: OnceLock::new() };
        Solve::read(problem, attributes)
    }
}

impl<K: Kind> Problem for Nonlinear<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn law(&self) -> &'static str {
        K::LAWS[0]
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        self.kind.write(&mut attributes);
        let Iteration { tol, atol, max_iter } = self.iteration;
        for (name, value) in [("tol", tol), ("atol", atol)] {
            value.into_iter().for_each(|value| attributes.insert(name.into(), Attribute::Float(value)));
        }
        max_iter.into_iter().for_each(|n| attributes.insert("max_iter".into(), Attribute::Int(n as i64)));
        self.adjoint.write(&mut attributes, &ADJOINT_ATTRIBUTES);
        attributes
    }

    fn regions(&self) -> &[Arc<Graph>] {
        &self.regions
    }

    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> Nonlinear<K> {
        Nonlinear { regions, derived: OnceLock::new(), ..self.clone() }
    }

    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>> {
        let inputs: Vec<Type> = x.iter().map(|&ty| ty.clone()).collect();
        let preconditioner = [&inputs[..1], &inputs[..]].concat();
        let mut all = vec![inputs, preconditioner];
        all.truncate(self.regions.len());
        all
    }

    fn infer(&self, x: &[&Type]) -> Result<Type, Violation> {
        let [law, operands, types, _] = K::LAWS;
        let Iteration { tol, atol, max_iter } = self.iteration;
        in_range(K::NAME, law, &[("tol", tol), ("atol", atol)], &[("max_iter", max_iter)])?;
        self.kind.in_range()?;
        self.adjoint.check(K::NAME, law, &ADJOINT_ATTRIBUTES)?;
        check_operands(K::NAME, &self.regions[0], x, operands, types)?;
        let Some(&unknown) = x.first().filter(|ty| ty.dtype.is_float()) else {
            let got = x.first().map_or("no operand".into(), |ty| ty.to_string());
            return Err(Violation::new(
                types,
                format!("the unknown of {} must be a float, got {got}", K::NAME),
            ));
        };
        let inputs = self.region_inputs(x);
        for (k, (graph, inputs)) in self.regions.iter().zip(&inputs).enumerate() {
            let all: Vec<&Type> = inputs.iter().collect();
            check_operands(K::NAME, graph, &all, operands, types)?;
            let outputs = outputs_for(graph, inputs)?;
            let wanted = match (k, &outputs[..]) {
                (0, [output]) => self.kind.check(unknown, output),
                (0, _) => Err("one value".to_string()),
                (_, [output]) if output.agrees(unknown) => Ok(()),
                _ => Err(format!("a value of the type {unknown} of the unknown, as a preconditioner")),
            };
            if let Err(wanted) = wanted {
                let outputs: Vec<String> = outputs.iter().map(Type::to_string).collect();
                let got = format!("@{} must return {wanted}, got {}", graph.name, outputs.join(", "));
                return Err(Violation::new(types, got));
            }
        }
        self.derived()?;
        Ok(unknown.clone())
    }

    fn steps_max(&self) -> usize {
        self.iteration.max_iter.unwrap_or(self.kind.steps_max())
    }

    fn solve(&self, b: &mut Builder, x: &[Value], history: bool) -> Vec<Value> {
        let task = Task {
            f: Map(&self.regions[0]),
            derived: self.derived().expect("checked by infer"),
            preconditioner: self.regions.get(1).map(Arc::as_ref),
            x: x[0],
            constants: &x[1..],
            iteration: self.iteration,
            max: self.steps_max(),
            history,
            linear: self.adjoint,
        };
        self.kind.solve(b, &task).results()
    }

    fn equation(&self, b: &mut Builder, y: Value, x: &[Value]) -> Result<Value, AdError> {
        self.kind.equation(b, Map(&self.regions[0]), y, &x[1..])
    }

    fn guess(&self, _: usize) -> Option<usize> {
        Some(0)
    }

    fn precondition(&self, b: &mut Builder, r: Value, y: Value, x: &[Value]) -> Option<Value> {
        self.regions.get(1).map(|graph| Map(graph).at(b, r, &[&[y], &x[1..]].concat()))
    }

    fn derivative_options(&self) -> LinearOptions {
        self.adjoint
    }
}

/// The tangent of `graph`'s output number `output` along its first input, as a graph of that tangent and of the inputs.
pub(super) fn tangent_map(graph: &Graph, output: usize) -> Result<Graph, AdError> {
    let mut active = vec![false; graph.inputs().len()];
    active[0] = true;
    let wanted: Vec<bool> = (0..graph.outputs().len()).map(|k| k == output).collect();
    Ok(implicit::led_by_last(&super::super::region::tangents(graph, &active, &wanted)?))
}
