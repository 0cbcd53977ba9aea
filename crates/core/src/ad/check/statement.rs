//! What statements made, checked.

use super::{
    Check, CheckError, GradientReport, Options, Stream, Subject, adjoint, call, draw, draw_inputs, floats,
    function, jvp,
};
use crate::ad::jacobian;
use crate::ir::{Graph, Program, Transform, TransformKind, Type, Value};
use crate::tensor::Tensor;

/// Checks what `statement` made: `program` is expanded, so that it holds source and targets.
///
/// # Errors
/// If a derivative that it is compared with cannot be built, or no inputs fit its `?` extents.
///
/// # Panics
/// If `program` is not the expansion of a program with this statement.
pub fn check_statement(
    program: &Program,
    statement: &Transform,
    options: &Options,
) -> Result<GradientReport, CheckError> {
    let source = &program.modules[&statement.source];
    let targets: Vec<&Graph> = statement.targets().map(|name| program.modules[name].as_ref()).collect();
    let wrt: Vec<Value> = statement.wrt.iter().filter_map(|name| source.input_named(name)).collect();
    let ranges = options.range.map_or(vec![(-1.0, 1.0), (0.25, 1.25)], |range| vec![range]);
    let mut last = None;
    for range in ranges {
        let options = Options { range: Some(range), ..options.clone() };
        let inputs = draw_inputs(source, &options);
        let subject = Subject::new(source, &wrt, inputs, &options)?;
        let checks = checks(&subject, statement, &targets, &wrt)?;
        let report = subject.report(&statement.target, checks);
        if report.finite {
            return Ok(report);
        }
        last.get_or_insert(report);
    }
    Ok(last.expect("one range or more"))
}

fn checks(
    subject: &Subject,
    statement: &Transform,
    targets: &[&Graph],
    wrt: &[Value],
) -> Result<Vec<Check>, CheckError> {
    let (source, target) = (subject.graph, targets[0]);
    let (adjoint, jvp) = (|| adjoint(source, wrt), || jvp(source, wrt));
    match statement.kind {
        TransformKind::Adjoint => {
            let mut checks = subject.check_adjoint(target)?;
            checks.push(subject.check_identity(target, &jvp()?)?);
            Ok(checks)
        }
        TransformKind::Jvp => {
            let mut checks = subject.check_jvp(target)?;
            checks.push(subject.check_identity(&adjoint()?, target)?);
            Ok(checks)
        }
        TransformKind::Vjp => {
            let results = subject.run(target, &subject.cotangents())?;
            let (outputs, gradients) = results.split_at(subject.outputs.len());
            let mut checks = subject.same_outputs(outputs);
            checks.extend(subject.check_gradient(gradients)?);
            Ok(checks)
        }
        TransformKind::Hvp => subject.check_hvp(&adjoint()?, &jvp()?, target),
        TransformKind::Jmp => subject.check_jmp(&adjoint()?, target),
        TransformKind::Jacobian => subject.check_jacobian(target),
        TransformKind::Hessian => subject.check_hessian(&jacobian(source, wrt, None)?, target),
        TransformKind::Linearize => subject.check_linearize(target, targets[1]),
        TransformKind::Taylor => subject.check_taylor(target),
        TransformKind::Vmap => subject.check_vmap(statement, target),
    }
}

impl Subject<'_> {
    /// That `outputs` are those of the source, bit for bit.
    fn same_outputs(&self, outputs: &[Tensor]) -> Vec<Check> {
        let pairs = self.outputs.iter().zip(outputs).enumerate();
        pairs.map(|(k, (want, got))| same_bits(format!("output {}", self.output(k)), want, got)).collect()
    }

    /// The gradient, and each of its derivatives.
    fn check_jmp(&self, adjoint: &Graph, jmp: &Graph) -> Result<Vec<Check>, CheckError> {
        let count = jmp.inputs().len() - self.wrt.len();
        let directions: Vec<Tensor> = jmp.inputs()[count..]
            .iter()
            .zip(&self.wrt)
            .enumerate()
            .map(|(i, (input, &x))| {
                let many = jmp.ty(input.value).shape[0].known().unwrap_or(self.options.extent);
                let shape = [&[many], self.inputs[x].shape()].concat();
                draw(&Type::new(self.inputs[x].dtype(), shape), Stream::Tangents, i, self.options)
            })
            .collect();
        let seeds = if count > self.inputs.len() { self.cotangents() } else { vec![] };
        let results = self.run(jmp, &[seeds, directions.clone()].concat())?;
        let (gradients, derivatives): (Vec<_>, Vec<_>) =
            results.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).unzip();
        let mut checks = self.check_gradient(&gradients)?;
        for position in 0..directions.first().map_or(0, |v| v.shape()[0]) {
            let at = |list: &[Tensor]| list.iter().map(|t| part(t, position)).collect::<Vec<_>>();
            checks.extend(self.check_products(adjoint, &at(&directions), &at(&derivatives))?);
        }
        Ok(checks)
    }

    /// Taylor mode: each coefficient against differences of the one before it along the same direction, which are k times as large.
    fn check_taylor(&self, taylor: &Graph) -> Result<Vec<Check>, CheckError> {
        let tangents = self.tangents(Stream::Tangents);
        let results = self.run(taylor, &tangents)?;
        let function = function(taylor);
        let per_output = results.len() / self.outputs.len();
        let mut checks = Vec::new();
        for (i, coefficient) in results.iter().enumerate().filter(|(i, _)| i % per_output > 0) {
            let (output, k) = (i / per_output, i % per_output);
            let value = |inputs: &[Tensor]| {
                let inputs: Vec<Tensor> = inputs.iter().chain(&tangents).cloned().collect();
                Ok(floats(&call(&function, &inputs)?[i - 1]).into_iter().map(|y| y / k as f64).collect())
            };
            let what = format!("coefficient {k} of {}", self.output(output));
            checks.push(self.along(what, &tangents, coefficient, &value)?);
        }
        Ok(checks)
    }

    /// Products of a Jacobian with a direction against differences.
    fn check_jacobian(&self, jacobian: &Graph) -> Result<Vec<Check>, CheckError> {
        let tangents = self.tangents(Stream::Tangents);
        let blocks = self.run(jacobian, &[])?;
        self.check_tangents(&products(&blocks, &self.outputs, &tangents), &tangents)
    }

    /// Products of a Hessian with a direction against differences of the Jacobian, and its symmetry.
    fn check_hessian(&self, jacobian: &Graph, hessian: &Graph) -> Result<Vec<Check>, CheckError> {
        let tangents = self.tangents(Stream::Tangents);
        let (first, blocks) = (self.run(jacobian, &[])?, self.run(hessian, &[])?);
        let function = function(jacobian);
        let value = |inputs: &[Tensor]| call(&function, inputs);
        let what = |k: usize| {
            format!(
                "Hessian · v of {}, %{}",
                self.output(k / self.wrt.len()),
                self.name(self.wrt[k % self.wrt.len()])
            )
        };
        let along = products(&blocks, &first, &tangents);
        let mut checks = self.all_along(&what, &tangents, &along, &value)?;
        if self.is_scalar() {
            let others = self.tangents(Stream::Others);
            let operations = hessian.nodes().len();
            let function = super::function(hessian);
            let product =
                |inputs: &[Tensor], w: &[Tensor]| Ok(products(&call(&function, inputs)?, &first, w));
            checks.push(self.check_symmetry(operations, [&tangents, &others], &product)?);
        }
        Ok(checks)
    }

    /// The outputs, and the linear module at what the other one gives beside them.
    fn check_linearize(&self, at: &Graph, linear: &Graph) -> Result<Vec<Check>, CheckError> {
        let tangents = self.tangents(Stream::Tangents);
        let results = self.run(at, &[])?;
        let (outputs, residuals) = results.split_at(self.outputs.len());
        let dy = call(&function(linear), &[residuals, &tangents].concat())?;
        let mut checks = self.same_outputs(outputs);
        checks.extend(self.check_tangents(&dy, &tangents)?);
        Ok(checks)
    }

    /// That each position of a batch has the bits of the source there.
    fn check_vmap(&self, statement: &Transform, rows: &Graph) -> Result<Vec<Check>, CheckError> {
        let inputs = draw_inputs(rows, self.options);
        let results = call(&function(rows), &inputs)?;
        let is_over = |name: &str| statement.over.iter().any(|over| over == name);
        let mut checks = Vec::new();
        for position in 0..statement.size.unwrap_or(self.options.extent) {
            let alone: Vec<Tensor> = inputs
                .iter()
                .enumerate()
                .map(|(i, x)| if is_over(self.name(i)) { part(x, position) } else { x.clone() })
                .collect();
            for (k, want) in call(&self.function, &alone)?.iter().enumerate() {
                let what = format!("{} at position {position}", self.output(k));
                checks.push(same_bits(what, want, &part(&results[k], position)));
            }
        }
        Ok(checks)
    }
}

/// For each of `values`, of which `blocks` holds the derivatives by every input in turn: their product
/// with the direction `tangents`.
fn products(blocks: &[Tensor], values: &[Tensor], tangents: &[Tensor]) -> Vec<Tensor> {
    let product = |(y, blocks): (&Tensor, &[Tensor])| {
        let mut sum = vec![0.0; y.len()];
        for (block, v) in blocks.iter().zip(tangents) {
            let (block, v) = (floats(block), floats(v));
            for (i, sum) in sum.iter_mut().enumerate() {
                *sum += block[i * v.len()..(i + 1) * v.len()].iter().zip(&v).map(|(a, b)| a * b).sum::<f64>();
            }
        }
        Tensor::new(y.shape(), sum)
    };
    values.iter().zip(blocks.chunks(tangents.len().max(1))).map(product).collect()
}

/// The part at `position` along the leading axis.
fn part(x: &Tensor, position: usize) -> Tensor {
    let shape = &x.shape()[1..];
    x.gathered(shape, &crate::tensor::strides(shape), position * shape.iter().product::<usize>())
}

fn same_bits(what: String, want: &Tensor, got: &Tensor) -> Check {
    let n = want.len();
    Check { differing: if want.same_bits(got) { 0 } else { n.max(1) }, ..Check::new(what, n, n) }
}
