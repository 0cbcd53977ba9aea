//! Derivatives of solvers by the implicit function theorem.

use super::super::region::{cotangents, pick, spread, tangents};
use super::algebra::Map;
use super::linear_solve::LinearSolve;
use super::*;
use crate::ad::{self, Path};
use crate::ir::Location;

/// The linear equation that derivatives solve: (∂F/∂x) v = …, and what its modules take behind v.
struct Linearized {
    matrix: Graph,
    preconditioner: Option<Graph>,
    constants: Vec<Value>,
    options: LinearOptions,
}

impl<P: Problem> Solve<P> {
    /// F as a graph of the unknown and of the operands.
    fn equation(&self, b: &Builder, y: Value, x: &[Value]) -> Result<Graph, AdError> {
        let mut inner = Builder::new(&format!("{}_equation", self.problem.name()));
        let inputs = fresh(&mut inner, b, &[&[y], x].concat());
        let f = self.problem.equation(&mut inner, inputs[0], &inputs[1..])?;
        Ok(inner.finish(vec![f]))
    }

    /// The tangent of `equation` along the unknown.
    fn linearized(
        &self,
        b: &Builder,
        equation: &Graph,
        y: Value,
        x: &[Value],
    ) -> Result<Linearized, AdError> {
        let all = [&[y], x].concat();
        let mut active = vec![false; all.len()];
        active[0] = true;
        let tangent = tangents(equation, &active, &[true])?;
        let matrix = led_by_last(&tangent);
        let mut inner = Builder::new("preconditioner");
        let inputs = fresh(&mut inner, b, &[&[y, y], x].concat());
        let z = self.problem.precondition(&mut inner, inputs[0], inputs[1], &inputs[2..]);
        let preconditioner = z.map(|z| inner.finish(vec![z]));
        // What neither needs is not passed.
        let lives = [Some(&matrix), preconditioner.as_ref()].map(|graph| graph.map(|g| (g, g.live())));
        let used = |i: usize| lives.iter().flatten().any(|(g, live)| live[g.inputs()[i].value.index()]);
        let keep: Vec<bool> = (0..=all.len()).map(|i| i == 0 || used(i)).collect();
        let cut = |g: &Graph| g.extract(&g.name, &pick(&g.input_values(), &keep), g.outputs());
        Ok(Linearized {
            matrix: cut(&matrix),
            preconditioner: preconditioner.as_ref().map(cut),
            constants: pick(&all, &keep[1..]),
            options: self.problem.derivative_options(),
        })
    }

    /// x_k of the path that the unknown follows, `lower` being its coefficients below k, where the operands follow `paths`.
    fn coefficient_alone(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        paths: &[Path],
        lower: &[Option<Value>],
    ) -> Result<Option<Value>, AdError> {
        let order = lower.len() + 1;
        let mut inner = Builder::new("coefficient");
        let values = [&y[..1], x].concat();
        let inputs = fresh(&mut inner, b, &values);
        let f = self.problem.equation(&mut inner, inputs[0], &inputs[1..])?;
        let (mut wrt, mut inner_paths, mut outer) = (Vec::new(), Vec::new(), values.clone());
        let here = b.location();
        let paths = paths.iter().map(Vec::as_slice);
        for (&input, path) in inputs.iter().zip(std::iter::once(lower).chain(paths)) {
            if path.iter().all(Option::is_none) {
                continue;
            }
            let mut own = Vec::new();
            for coefficient in path {
                own.push(coefficient.map(|value| {
                    outer.push(value);
                    let ty = b.ty(value).clone();
                    inner.fresh_input("c", ty)
                }));
            }
            wrt.push(input);
            inner_paths.push(own);
        }
        if wrt.is_empty() {
            return Ok(None);
        }
        let path = ad::series(&mut inner, &[f], &wrt, &inner_paths, order)?.remove(0);
        let Some(&Some(rest)) = path.get(order - 1) else { return Ok(None) };
        let graph = inner.finish(vec![rest]);
        let rest = b.inline(&graph, &outer).expect("types are those of the operands")[0];
        let equation = self.equation(b, y[0], x)?;
        let linear = self.linearized(b, &equation, y[0], x)?;
        Ok(Some(linear.solve(b.at(here), rest, y[1])))
    }
}

/// Inputs of `inner` for `values` of `b`.
fn fresh(inner: &mut Builder, b: &Builder, values: &[Value]) -> Vec<Value> {
    let name = |v: Value| b.graph().name(v).filter(|name| !name.is_empty()).unwrap_or("x");
    values.iter().map(|&v| inner.fresh_input(name(v), b.ty(v).clone())).collect()
}

/// `graph` with its last input as the first.
pub(super) fn led_by_last(graph: &Graph) -> Graph {
    let mut inputs = graph.input_values();
    inputs.rotate_right(1);
    graph.extract(&graph.name, &inputs, graph.outputs())
}

/// The transpose of `graph`, which is linear in its first input: of a cotangent and the other inputs.
pub(super) fn transpose(graph: &Graph) -> Result<Graph, AdError> {
    let mut wanted = vec![false; graph.inputs().len()];
    wanted[0] = true;
    let seed = Cotangent { value: graph.outputs()[0], guarded: false };
    let (transposed, _) = cotangents(graph, &[Some(seed)], &wanted)?;
    let mut inputs = transposed.input_values();
    inputs.rotate_right(1);
    let point = inputs.remove(1);
    at_zero(&transposed, point, &inputs)
}

/// `graph` as one of `inputs` alone, with 0 for its input `point`, if it uses that: what is linear has the same tangent and transpose everywhere, but solves in it have a
/// status only at a point.
pub(super) fn at_zero(graph: &Graph, point: Value, inputs: &[Value]) -> Result<Graph, AdError> {
    if !graph.live()[point.index()] {
        return Ok(graph.extract(&graph.name, inputs, graph.outputs()));
    }
    let mut b = Builder::new(&graph.name);
    let own = inputs.iter().map(|&v| (v, b.fresh_input("x", graph.ty(v).clone())));
    let own: Vec<(Value, Value)> = own.collect();
    let ty = graph.ty(point);
    let alike = own.iter().find(|(v, _)| graph.ty(*v) == ty).map(|(_, new)| *new);
    let zero = match (alike, ty.static_shape()) {
        (Some(alike), _) => b.zeros_like(alike),
        (None, Some(_)) => b.zeros(ty),
        (None, None) => {
            let message = format!("the transpose of @{} must have static extents, got {ty}", graph.name);
            let help = Some("write the extents where the input is declared".to_string());
            return Err(AdError { id: "type-2", message, help, location: Location::Derived });
        }
    };
    let value = |v: Value| own.iter().find(|(old, _)| *old == v).map_or(zero, |(_, new)| *new);
    let all: Vec<Value> = graph.input_values().into_iter().map(value).collect();
    let outputs = b.inline(graph, &all).expect("types are those of the inputs");
    Ok(b.finish(outputs))
}

impl Linearized {
    /// Its transpose. A method for symmetric matrices says that the matrix is its own.
    fn transposed(self) -> Result<Linearized, AdError> {
        if self.options.method.is_some_and(Method::is_symmetric) {
            return Ok(self);
        }
        let matrix = transpose(&self.matrix)?;
        let preconditioner = self.preconditioner.as_ref().map(transpose).transpose()?;
        Ok(Linearized { matrix, preconditioner, ..self })
    }

    /// v with A v = −`rest`; NaN unless the solve converged, and that whose derivative it is, which ended with `status`.
    fn solve(self, b: &mut Builder, rest: Value, status: Value) -> Value {
        let rest = b.apply(Arc::new(Converged), &[rest, status]);
        let rhs = b.neg(rest);
        let op = LinearSolve::of(self.matrix, self.preconditioner, self.options);
        let operands = [&[rhs], &self.constants[..]].concat();
        let results = b.push(Arc::new(Solve::new(op)), &operands).expect("types follow from the equation's");
        b.apply(Arc::new(Converged), &results[..2])
    }
}

/// A cotangent of an unknown that need not be used where it is 0: whether it is not.
fn taken(b: &mut Builder, dy: Cotangent) -> Option<Value> {
    dy.guarded.then(|| {
        let size = b.abs(dy.value);
        let total = b.sum_all(size);
        let zero = b.scalar_like(total, 0.0);
        b.compare(Direction::Ne, total, zero)
    })
}

impl<P: Problem> Solve<P> {
    /// For each operand, whether `flags` hold and it is no guess.
    fn without_guess(&self, flags: &[bool]) -> Vec<bool> {
        let guess = self.problem.guess(flags.len());
        flags.iter().enumerate().map(|(i, flag)| *flag && guess != Some(i)).collect()
    }

    fn differential_alone(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dx: &[Option<Value>],
    ) -> Result<Option<Value>, AdError> {
        let moves = self.without_guess(&dx.iter().map(Option::is_some).collect::<Vec<_>>());
        if !moves.contains(&true) {
            return Ok(None);
        }
        let here = b.location();
        let equation = self.equation(b, y[0], x)?;
        let tangent = tangents(&equation, &[&[false], &moves[..]].concat(), &[true])?;
        let along = moves.iter().zip(dx).filter_map(|(moves, dx)| dx.filter(|_| *moves));
        let inputs: Vec<Value> = std::iter::once(y[0]).chain(x.iter().copied()).chain(along).collect();
        let rest = b.inline(&tangent, &inputs).expect("types are those of the operands")[0];
        let linear = self.linearized(b, &equation, y[0], x)?;
        Ok(Some(linear.solve(b.at(here), rest, y[1])))
    }

    fn adjoint_alone(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dy: Cotangent,
        wanted: &[bool],
    ) -> Result<Vec<Option<Cotangent>>, AdError> {
        let here = b.location();
        let wanted = self.without_guess(wanted);
        let equation = self.equation(b, y[0], x)?;
        let transposed = self.linearized(b, &equation, y[0], x)?.transposed()?;
        let mut lambda = transposed.solve(b, dy.value, y[1]);
        if let Some(taken) = taken(b, dy) {
            let zeros = b.zeros_like(lambda);
            lambda = b.either(taken, lambda, zeros);
        }
        let (graph, guarded) = cotangents(&equation, &[Some(dy)], &[&[false], &wanted[..]].concat())?;
        let inputs = [&y[..1], x, &[lambda]].concat();
        let values = b.inline(&graph, &inputs).expect("types are those of the operands");
        b.at(here);
        let dx = values.into_iter().zip(guarded);
        let dx = dx.map(|(value, guarded)| Some(Cotangent { value, guarded: guarded? }));
        Ok(spread(dx, &wanted).into_iter().map(Option::flatten).collect())
    }
}

/// Unknowns up to which a matrix is written out to estimate its condition.
const UNKNOWNS_OF_CONDITION: usize = 512;

impl<P: Problem> Solve<P> {
    /// See [`Rule::condition`]: of ∂F/∂x.
    pub(super) fn estimated_condition(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
    ) -> Result<Option<Value>, AdError> {
        let Some((inside, level)) = self.inside() else {
            let unknowns = b.ty(y[0]).static_shape().map(|shape| shape.iter().product::<usize>());
            if unknowns.is_none_or(|n| n > UNKNOWNS_OF_CONDITION) {
                return Ok(None);
            }
            let equation = self.equation(b, y[0], x)?;
            let linear = self.linearized(b, &equation, y[0], x)?;
            let a = dense::matrix(b, Map(&linear.matrix), y[0], &linear.constants);
            return Ok(Some(b.apply(Arc::new(Condition), &[a])));
        };
        let values = [x, y].concat();
        let over = [padded(level, x.len()), vec![true; y.len()]].concat();
        let results = at_each_position(b, &Batch { x: &values, over: &over }, |one, inputs| {
            let (x, y) = inputs.split_at(x.len());
            Ok(inside.estimated_condition(one, x, y)?.into_iter().collect())
        })?;
        Ok(results.first().copied())
    }
}

/// The results of a computation at one position of a batch, for all positions.
fn at_each_position(
    b: &mut Builder,
    batch: &Batch,
    build: impl FnOnce(&mut Builder, &[Value]) -> Result<Vec<Value>, AdError>,
) -> Result<Vec<Value>, AdError> {
    let here = b.location();
    let mut one = Builder::new("position");
    one.at(here);
    let inputs: Vec<Value> = batch.types(b).into_iter().map(|ty| one.fresh_input("x", ty)).collect();
    let outputs = build(&mut one, &inputs)?;
    let too_large = |violation: Violation| AdError {
        id: violation.id,
        message: violation.message,
        help: violation.help,
        location: Location::Derived,
    };
    let results = b.inline_batched(&one.finish(outputs), batch).map_err(too_large)?;
    b.at(here);
    let with_axis = results.into_iter().map(|(y, over)| if over { Ok(y) } else { b.repeat(y, batch.lead()) });
    with_axis.collect::<Result<_, _>>().map_err(too_large)
}

impl<P: Problem> Structured for Solve<P> {
    fn depends(&self, active: &[bool]) -> Vec<bool> {
        let mut depends = vec![false; 4 + usize::from(self.history)];
        depends[0] = self.without_guess(active).contains(&true);
        depends
    }

    fn differential(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dx: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, AdError> {
        let dy = match self.inside() {
            None => self.differential_alone(b, x, y, dx)?,
            Some((inside, level)) => {
                let given: Vec<bool> = dx.iter().map(Option::is_some).collect();
                if !self.depends(&given)[0] {
                    return Ok(vec![None; y.len()]);
                }
                let level = padded(level, x.len());
                let values: Vec<Value> =
                    x.iter().chain(y).copied().chain(dx.iter().copied().flatten()).collect();
                let over = [&level[..], &vec![true; y.len()], &pick(&level, &given)].concat();
                let batch = Batch { x: &values, over: &over };
                let results = at_each_position(b, &batch, |one, inputs| {
                    let (x, rest) = inputs.split_at(x.len());
                    let (y, dx) = rest.split_at(y.len());
                    let dx = spread(dx.iter().copied(), &given);
                    Ok(inside.differential(one, x, y, &dx)?[0].into_iter().collect())
                })?;
                results.first().copied()
            }
        };
        Ok(std::iter::once(dy).chain(y[1..].iter().map(|_| None)).collect())
    }

    fn adjoint(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dy: &[Option<Cotangent>],
        wanted: &[bool],
    ) -> Result<Vec<Option<Cotangent>>, AdError> {
        let Some(seed) = dy[0] else { return Ok(vec![None; x.len()]) };
        let Some((inside, level)) = self.inside() else { return self.adjoint_alone(b, x, y, seed, wanted) };
        let level = padded(level, x.len());
        let values = [x, y, &[seed.value]].concat();
        let over = [&level[..], &vec![true; y.len() + 1]].concat();
        let mut made: Vec<Option<bool>> = Vec::new();
        let batch = Batch { x: &values, over: &over };
        let results = at_each_position(b, &batch, |one, inputs| {
            let (x, rest) = inputs.split_at(x.len());
            let (&value, y) = rest.split_last().expect("the seed");
            let dx = inside.adjoint(one, x, y, &[Some(Cotangent { value, ..seed })], wanted)?;
            made = dx.iter().map(|dx| dx.map(|dx| dx.guarded)).collect();
            Ok(dx.into_iter().flatten().map(|dx| dx.value).collect())
        })?;
        // What all positions share is used by each of them.
        let mut results = results.into_iter();
        let mut cotangent = |(i, guarded): (usize, &Option<bool>)| {
            let (guarded, value) = ((*guarded)?, results.next()?);
            let value = if level[i] { value } else { b.sum(value, &[0]) };
            Some(Cotangent { value, guarded })
        };
        Ok(made.iter().enumerate().map(&mut cotangent).collect())
    }

    fn implicit(&self) -> Option<&dyn Implicit> {
        Some(self)
    }
}

impl<P: Problem> Implicit for Solve<P> {
    fn coefficient(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        paths: &[Path],
        lower: &[Option<Value>],
    ) -> Result<Option<Value>, AdError> {
        let Some((inside, level)) = self.inside() else {
            return self.coefficient_alone(b, x, y, paths, lower);
        };
        let level = padded(level, x.len());
        let (mut values, mut over) = ([x, y].concat(), [&level[..], &vec![true; y.len()]].concat());
        for (path, over_path) in paths.iter().zip(&level).chain([(&lower.to_vec(), &true)]) {
            values.extend(path.iter().flatten());
            over.extend(path.iter().flatten().map(|_| over_path));
        }
        let batch = Batch { x: &values, over: &over };
        let results = at_each_position(b, &batch, |one, inputs| {
            let (x, rest) = inputs.split_at(x.len());
            let (y, rest) = rest.split_at(y.len());
            let mut rest = rest.iter();
            let mut inner = |path: &[Option<Value>]| -> Path {
                path.iter().map(|c| c.and_then(|_| rest.next().copied())).collect()
            };
            let paths: Vec<Path> = paths.iter().map(|path| inner(path)).collect();
            let lower = inner(lower);
            Ok(inside.coefficient(one, x, y, &paths, &lower)?.into_iter().collect())
        })?;
        Ok(results.first().copied())
    }
}
