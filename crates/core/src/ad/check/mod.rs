//! Derivatives compared with what differentiation means: central differences at first and second
//! order, the identity ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩ between forward and reverse mode, and the symmetry
//! ⟨u, H v⟩ = ⟨v, H u⟩ of second derivatives.
//!
//! A derivative is compared with (f(x + h) − f(x − h)) / 2h, where h is the power of two next to
//! ∛ε · max(1, |x|) and ε the coarsest precision in the graph. Each element has its own bound,
//! which is measured, not chosen; see `line.rs`. Where the bound is coarser than a twentieth of the
//! derivative's size, a difference says nothing, and the element is reported as unclear, never as
//! agreeing.
//!
//! Inputs are drawn by law 9, so that a report is the same everywhere.

mod line;
mod report;
mod statement;
#[cfg(test)]
mod tests;

pub use report::{Check, GradientReport, Verdict, Worst};
pub use statement::check_statement;

use super::AdError;
use super::{adjoint, hvp, jvp};
use crate::exec::cpu;
use crate::exec::{Backend, CallError, Function};
use crate::ir::{DType, Graph, Type, Value};
use crate::numerics::random;
use crate::tensor::{Data, Tensor};
use line::{Judge, Line};

/// How derivatives are checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The seed of inputs and directions.
    pub seed: u64,
    /// What every `?` is.
    pub extent: usize,
    /// Of each input, the most elements whose slope is measured one by one.
    pub elements_max: usize,
    /// The interval of float inputs; `None` is [−1, 1), or [0.25, 1.25) where that is outside the
    /// domain of an operation.
    pub range: Option<(f64, f64)>,
}

impl Default for Options {
    fn default() -> Options {
        Options { seed: 0, extent: 3, elements_max: 256, range: None }
    }
}

/// Why derivatives could not be checked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CheckError {
    /// A derivative cannot be built.
    #[error(transparent)]
    Derivative(#[from] AdError),
    /// The inputs do not fit.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The streams of law 9 that inputs and directions are drawn from.
#[derive(Clone, Copy)]
enum Stream {
    Inputs = 1,
    Cotangents = 2,
    Tangents = 3,
    Elements = 4,
    Noise = 5,
    Others = 6,
}

/// Checks the derivatives of `graph` with respect to the inputs `wrt` at `inputs`: reverse mode,
/// forward mode, the identity between them, and second derivatives: of one scalar output the product
/// with its Hessian and its symmetry, of any other the derivative of the tangent.
///
/// ```
/// use tessera_core::ad::check::{Options, check_gradients};
/// use tessera_core::ir::Builder;
/// use tessera_core::{DType, Tensor, Type};
/// let mut b = Builder::new("f");
/// let x = b.input("x", Type::new(DType::F64, [3]));
/// let y = b.tanh(x);
/// let y = b.sum_all(y);
/// let inputs = [Tensor::new([3], vec![0.1, -0.2, 0.3])];
/// let report = check_gradients(&b.finish(vec![y]), &[x], &inputs, &Options::default()).unwrap();
/// assert!(report.passed(), "{report}");
/// ```
///
/// # Errors
/// If a derivative cannot be built or the inputs do not fit.
pub fn check_gradients(
    graph: &Graph,
    wrt: &[Value],
    inputs: &[Tensor],
    options: &Options,
) -> Result<GradientReport, CheckError> {
    let subject = Subject::new(graph, wrt, inputs.to_vec(), options)?;
    let (adjoint, jvp) = (adjoint(graph, wrt)?, jvp(graph, wrt)?);
    let directions: Vec<String> = (0..wrt.len()).map(|i| format!("direction_{i}")).collect();
    let hvp = hvp(graph, wrt, &directions)?;
    let mut checks = subject.check_adjoint(&adjoint)?;
    checks.extend(subject.check_jvp(&jvp)?);
    checks.push(subject.check_identity(&adjoint, &jvp)?);
    checks.extend(subject.check_hvp(&adjoint, &jvp, &hvp)?);
    Ok(subject.report(&graph.name, checks))
}

/// Inputs for `graph`, drawn by law 9: floats from the range, integers 0 or 1.
pub fn draw_inputs(graph: &Graph, options: &Options) -> Vec<Tensor> {
    let types = graph.input_types();
    types.iter().enumerate().map(|(i, ty)| draw(ty, Stream::Inputs, i, options)).collect()
}

/// A tensor of `ty` with every `?` bound; number `number` of those drawn from `stream`.
fn draw(ty: &Type, stream: Stream, number: usize, options: &Options) -> Tensor {
    let (low, high) = match stream {
        Stream::Inputs => options.range.unwrap_or((-1.0, 1.0)),
        _ => (-1.0, 1.0),
    };
    let shape: Vec<usize> = ty.shape.iter().map(|e| e.known().unwrap_or(options.extent)).collect();
    let n = shape.iter().product::<usize>() as u64;
    let stream = (stream as u64) << 32 | number as u64;
    let unit = |i| random::uniform_f64(options.seed, stream, i);
    let bit = |i| random::below(options.seed, stream, i, 2);
    let data = match ty.dtype {
        DType::F64 => Data::F64((0..n).map(|i| low + (high - low) * unit(i)).collect()),
        DType::F32 => Data::F32((0..n).map(|i| (low + (high - low) * unit(i)) as f32).collect()),
        DType::I64 => Data::I64((0..n).map(|i| bit(i) as i64).collect()),
        DType::I32 => Data::I32((0..n).map(|i| bit(i) as i32).collect()),
        DType::U64 => Data::U64((0..n).map(bit).collect()),
        DType::U32 => Data::U32((0..n).map(|i| bit(i) as u32).collect()),
        DType::Bool => Data::Bool((0..n).map(|i| bit(i) == 1).collect()),
    };
    Tensor::from_data(shape, data)
}

/// Some tensors as a function of the inputs.
type Tensors<'f> = &'f dyn Fn(&[Tensor]) -> Result<Vec<Tensor>, CheckError>;
/// A matrix times vectors, at inputs.
type Product<'a> = &'a dyn Fn(&[Tensor], &[Tensor]) -> Result<Vec<Tensor>, CheckError>;

/// Some numbers as a function of the inputs.
type Numbers<'f> = &'f dyn Fn(&[Tensor]) -> Result<Vec<f64>, CheckError>;

/// A graph at a point, ready to be differentiated by differences.
struct Subject<'a> {
    graph: &'a Graph,
    function: Function,
    /// Positions among the inputs.
    wrt: Vec<usize>,
    inputs: Vec<Tensor>,
    /// The outputs at the inputs.
    outputs: Vec<Tensor>,
    epsilon: f64,
    options: &'a Options,
}

impl<'a> Subject<'a> {
    fn new(
        graph: &'a Graph,
        wrt: &[Value],
        inputs: Vec<Tensor>,
        options: &'a Options,
    ) -> Result<Subject<'a>, CheckError> {
        let position = |v: &Value| graph.inputs().iter().position(|input| input.value == *v);
        let wrt = wrt.iter().filter_map(position).collect();
        let function = function(graph);
        let outputs = call(&function, &inputs)?;
        Ok(Subject { graph, function, wrt, inputs, outputs, epsilon: coarsest_epsilon(graph), options })
    }

    fn report(&self, target: &str, checks: Vec<Check>) -> GradientReport {
        let outputs = self.outputs.iter().filter(|y| y.dtype().is_float());
        let finite = outputs.flat_map(floats).all(f64::is_finite) && checks.iter().all(|check| check.finite);
        let range = self.options.range.unwrap_or((-1.0, 1.0));
        GradientReport { source: self.graph.name.clone(), target: target.to_string(), range, finite, checks }
    }

    fn name(&self, input: usize) -> &str {
        self.graph.name(self.graph.inputs()[input].value).unwrap_or("?")
    }

    /// A cotangent for each output: 1 for a single scalar, else drawn.
    fn cotangents(&self) -> Vec<Tensor> {
        match &self.outputs[..] {
            [y] if y.ndim() == 0 => vec![crate::ops::expression::scalar_tensor(y.dtype(), 1.0)],
            outputs => {
                let drawn = |(i, y): (usize, &Tensor)| draw(&y.ty(), Stream::Cotangents, i, self.options);
                outputs.iter().enumerate().map(drawn).collect()
            }
        }
    }

    /// The cotangents that `derived` takes: none where its seed is the 1 of a scalar.
    fn taken(&self, derived: &Graph) -> Vec<Tensor> {
        let takes_none = derived.inputs().len() == self.inputs.len();
        if takes_none { vec![] } else { self.cotangents() }
    }

    /// A direction for each of `wrt`.
    fn tangents(&self, stream: Stream) -> Vec<Tensor> {
        let drawn = |(i, &input): (usize, &usize)| draw(&self.inputs[input].ty(), stream, i, self.options);
        self.wrt.iter().enumerate().map(drawn).collect()
    }

    fn run(&self, derived: &Graph, more: &[Tensor]) -> Result<Vec<Tensor>, CheckError> {
        let inputs: Vec<Tensor> = self.inputs.iter().chain(more).cloned().collect();
        call(&function(derived), &inputs)
    }

    /// The inputs moved by `t` along `tangents`.
    fn moved(&self, tangents: &[Tensor], t: f64) -> Vec<Tensor> {
        let mut inputs = self.inputs.clone();
        for (&input, tangent) in self.wrt.iter().zip(tangents) {
            let direction = floats(tangent);
            match inputs[input].data_mut() {
                Data::F64(x) => x.iter_mut().zip(&direction).for_each(|(x, d)| *x += t * d),
                Data::F32(x) => {
                    x.iter_mut().zip(&direction).for_each(|(x, d)| *x = (f64::from(*x) + t * d) as f32);
                }
                _ => unreachable!("wrt are floats"),
            }
        }
        inputs
    }

    /// `value` along `tangents`.
    fn line(&self, tangents: &[Tensor], scale: f64, value: Numbers) -> Result<Line, CheckError> {
        Line::sample(self.epsilon, scale, &|t| value(&self.moved(tangents, t)))
    }

    /// How much `value` is off by rounding, near the inputs.
    fn noise(&self, value: Numbers) -> Result<Vec<f64>, CheckError> {
        let tangents = self.tangents(Stream::Noise);
        line::noise(self.epsilon, &|t| value(&self.moved(&tangents, t)))
    }

    /// The gradients that `adjoint` gives for the cotangents.
    fn gradients(&self, adjoint: &Graph) -> Result<Vec<Tensor>, CheckError> {
        self.run(adjoint, &self.taken(adjoint))
    }

    /// Reverse mode: the gradient of ⟨ȳ, y⟩ against differences along each element of each input.
    fn check_adjoint(&self, adjoint: &Graph) -> Result<Vec<Check>, CheckError> {
        self.check_gradient(&self.gradients(adjoint)?)
    }

    /// The gradient of ⟨ȳ, y⟩ against differences along each element of each input.
    fn check_gradient(&self, gradients: &[Tensor]) -> Result<Vec<Check>, CheckError> {
        let cotangents = self.cotangents();
        let value = |inputs: &[Tensor]| {
            let outputs = call(&self.function, inputs)?;
            Ok(vec![outputs.iter().zip(&cotangents).map(|(y, w)| dot(y, w)).sum()])
        };
        let noise = self.noise(&value)?[0];
        let mut checks = Vec::new();
        for (i, (&input, gradient)) in self.wrt.iter().zip(gradients).enumerate() {
            let what = format!("gradient for %{}", self.name(input));
            let derived = floats(gradient);
            let mut judge = Judge::new(what, gradient.shape(), derived.len());
            for element in self.elements(i, derived.len()) {
                let tangents = self.unit(i, element);
                let scale = floats(&self.inputs[input])[element].abs().max(1.0);
                let line = self.line(&tangents, scale, &value)?;
                judge.compare(element, derived[element], &line, 0, noise);
            }
            checks.push(judge.check());
        }
        Ok(checks)
    }

    /// Forward mode: the tangents of the outputs against differences along one direction.
    fn check_jvp(&self, jvp: &Graph) -> Result<Vec<Check>, CheckError> {
        let tangents = self.tangents(Stream::Tangents);
        let results = self.run(jvp, &tangents)?;
        let dy: Vec<Tensor> = results.into_iter().skip(1).step_by(2).collect();
        self.check_tangents(&dy, &tangents)
    }

    /// Tangents of the outputs against differences along `tangents`.
    fn check_tangents(&self, dy: &[Tensor], tangents: &[Tensor]) -> Result<Vec<Check>, CheckError> {
        let value = |inputs: &[Tensor]| call(&self.function, inputs);
        self.all_along(&|k| format!("tangent of {}", self.output(k)), tangents, dy, &value)
    }

    fn output(&self, k: usize) -> String {
        self.graph.name(self.graph.outputs()[k]).map_or(format!("y{k}"), |n| format!("%{n}"))
    }

    /// Second derivatives along a direction against differences of first ones, and of a Hessian its
    /// symmetry.
    fn check_hvp(&self, adjoint: &Graph, jvp: &Graph, hvp: &Graph) -> Result<Vec<Check>, CheckError> {
        let tangents = self.tangents(Stream::Tangents);
        let results = self.run(hvp, &tangents)?;
        if !self.is_scalar() {
            let function = function(jvp);
            let value = |inputs: &[Tensor]| {
                let inputs: Vec<Tensor> = inputs.iter().chain(&tangents).cloned().collect();
                Ok(call(&function, &inputs)?.into_iter().skip(1).step_by(2).collect())
            };
            let what = |k| format!("second derivative of {}", self.output(k));
            return self.all_along(&what, &tangents, &results, &value);
        }
        let mut checks = self.check_products(adjoint, &tangents, &results)?;
        let others = self.tangents(Stream::Others);
        let function = function(hvp);
        let product = |inputs: &[Tensor], w: &[Tensor]| call(&function, &[inputs, w].concat());
        checks.push(self.check_symmetry(hvp.nodes().len(), [&tangents, &others], &product)?);
        Ok(checks)
    }

    fn is_scalar(&self) -> bool {
        matches!(&self.outputs[..], [y] if y.ndim() == 0)
    }

    /// Derivatives of the gradient along `tangents` against differences of the gradient.
    fn check_products(
        &self,
        adjoint: &Graph,
        tangents: &[Tensor],
        products: &[Tensor],
    ) -> Result<Vec<Check>, CheckError> {
        let gradient = function(adjoint);
        let taken = self.taken(adjoint);
        let value = |inputs: &[Tensor]| {
            let inputs: Vec<Tensor> = inputs.iter().chain(&taken).cloned().collect();
            call(&gradient, &inputs)
        };
        self.all_along(
            &|i| format!("Hessian · v for %{}", self.name(self.wrt[i])),
            tangents,
            products,
            &value,
        )
    }

    /// ⟨u, H v⟩ = ⟨v, H u⟩, within (16 + operations) ε of the sum of the absolute terms and eight times the rounding noise of
    /// both, which is larger where terms cancel within H; `product` gives H w at
    /// inputs.
    fn check_symmetry(
        &self,
        operations: usize,
        [u, v]: [&[Tensor]; 2],
        product: Product,
    ) -> Result<Check, CheckError> {
        let sides = |inputs: &[Tensor]| -> Result<Sides, CheckError> {
            let (hu, hv) = (product(inputs, u)?, product(inputs, v)?);
            Ok(Sides::of(u.iter().zip(&hv), v.iter().zip(&hu)))
        };
        let noise =
            self.noise(&|inputs: &[Tensor]| sides(inputs).map(|sides| vec![sides.left, sides.right]))?;
        let sides = sides(&self.inputs)?;
        let bound = sides.bound(operations, self.epsilon) + 8.0 * (noise[0] + noise[1]);
        Ok(Check::identity("⟨u, H v⟩ = ⟨v, H u⟩", sides.left, sides.right, bound))
    }

    /// Each of `derived` along one direction, against differences of what `value` gives.
    fn all_along(
        &self,
        what: &dyn Fn(usize) -> String,
        tangents: &[Tensor],
        derived: &[Tensor],
        value: Tensors,
    ) -> Result<Vec<Check>, CheckError> {
        let one = |(k, derived): (usize, &Tensor)| {
            self.along(what(k), tangents, derived, &|inputs: &[Tensor]| Ok(floats(&value(inputs)?[k])))
        };
        derived.iter().enumerate().map(one).collect()
    }

    /// All elements of a derivative along one direction.
    fn along(
        &self,
        what: String,
        tangents: &[Tensor],
        derived: &Tensor,
        value: Numbers,
    ) -> Result<Check, CheckError> {
        let scale =
            self.wrt.iter().flat_map(|&i| floats(&self.inputs[i])).fold(1.0, |a: f64, x| a.max(x.abs()));
        let noise = self.noise(value)?;
        let line = self.line(tangents, scale, value)?;
        let mut judge = Judge::new(what, derived.shape(), derived.len());
        for (element, &d) in floats(derived).iter().enumerate() {
            judge.compare(element, d, &line, element, noise[element]);
        }
        Ok(judge.check())
    }

    /// ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩, within (16 + operations) ε of the sum of the absolute terms.
    fn check_identity(&self, adjoint: &Graph, jvp: &Graph) -> Result<Check, CheckError> {
        let (cotangents, tangents) = (self.cotangents(), self.tangents(Stream::Tangents));
        let gradients = self.gradients(adjoint)?;
        let results = self.run(jvp, &tangents)?;
        let dy = results.iter().skip(1).step_by(2);
        let sides = Sides::of(dy.zip(&cotangents), gradients.iter().zip(&tangents));
        let operations = adjoint.nodes().len() + jvp.nodes().len();
        Ok(sides.check("⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩", operations, self.epsilon))
    }

    /// Which elements of input number `i` of `wrt` are checked: all, or as many as allowed, drawn.
    fn elements(&self, i: usize, n: usize) -> Vec<usize> {
        let stream = (Stream::Elements as u64) << 32 | i as u64;
        let count = n.min(self.options.elements_max);
        let drawn = |k| random::permute(self.options.seed, stream, k as u64, n as u64) as usize;
        let mut elements: Vec<usize> = (0..count).map(drawn).collect();
        elements.sort_unstable();
        elements
    }

    /// The direction of one element of input number `i` of `wrt`.
    fn unit(&self, i: usize, element: usize) -> Vec<Tensor> {
        let zeros = |&input: &usize| Tensor::zeros(self.inputs[input].dtype(), self.inputs[input].shape());
        let mut tangents: Vec<Tensor> = self.wrt.iter().map(zeros).collect();
        match tangents[i].data_mut() {
            Data::F64(x) => x[element] = 1.0,
            Data::F32(x) => x[element] = 1.0,
            _ => unreachable!("wrt are floats"),
        }
        tangents
    }
}

/// The two sides of an identity between inner products, and the sum of their absolute terms.
struct Sides {
    left: f64,
    right: f64,
    size: f64,
}

impl Sides {
    fn of<'t>(
        left: impl Iterator<Item = (&'t Tensor, &'t Tensor)>,
        right: impl Iterator<Item = (&'t Tensor, &'t Tensor)>,
    ) -> Sides {
        let sum = |pairs: Vec<(&Tensor, &Tensor)>| {
            let total = pairs.iter().map(|(a, b)| dot(a, b)).sum::<f64>();
            (total, pairs.iter().map(|(a, b)| absolute_dot(a, b)).sum::<f64>())
        };
        let ((left, a), (right, b)) = (sum(left.collect()), sum(right.collect()));
        Sides { left, right, size: a + b }
    }

    /// (16 + `operations`) ε of the sum of the absolute terms.
    fn bound(&self, operations: usize, epsilon: f64) -> f64 {
        (16 + operations) as f64 * epsilon * self.size
    }

    /// Equal within [`Sides::bound`].
    fn check(&self, what: &str, operations: usize, epsilon: f64) -> Check {
        Check::identity(what, self.left, self.right, self.bound(operations, epsilon))
    }
}

/// One thread: the graphs are small.
fn function(graph: &Graph) -> Function {
    Function::new(graph.clone(), Backend::Cpu(cpu::Options { threads: 1, ..cpu::Options::default() }))
}

fn call(function: &Function, inputs: &[Tensor]) -> Result<Vec<Tensor>, CheckError> {
    Ok(function.call(&inputs.iter().collect::<Vec<_>>())?)
}

/// ε of the coarsest float type of any value.
fn coarsest_epsilon(graph: &Graph) -> f64 {
    let mut types = graph
        .inputs()
        .iter()
        .map(|input| input.value)
        .chain(graph.nodes().iter().flat_map(|node| node.results.iter().copied()))
        .map(|value| graph.ty(value).dtype);
    let coarse = types.any(|dtype| dtype == DType::F32)
        || graph.nodes().iter().flat_map(|n| n.op.regions()).any(|g| coarsest_epsilon(g) > f64::EPSILON);
    if coarse { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

/// The elements of a float tensor.
fn floats(tensor: &Tensor) -> Vec<f64> {
    match tensor.data() {
        Data::F64(x) => x.clone(),
        Data::F32(x) => x.iter().map(|&x| f64::from(x)).collect(),
        _ => unreachable!("differentiated values are floats"),
    }
}

fn dot(a: &Tensor, b: &Tensor) -> f64 {
    floats(a).iter().zip(floats(b)).map(|(a, b)| a * b).sum()
}

fn absolute_dot(a: &Tensor, b: &Tensor) -> f64 {
    floats(a).iter().zip(floats(b)).map(|(a, b)| (a * b).abs()).sum()
}
