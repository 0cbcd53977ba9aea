//! Taylor mode: how the outputs go on when the inputs move along a polynomial path.
//!
//! Where operands follow x(t) = x₀ + x₁ t + x₂ t² + …, the result of an operation f follows y(t) = y₀ + y₁ t + …. With D(t)[v] for the
//! tangent of y along a vector v that does not change with t, which is what forward mode appends, y′(t) = D(t)[x′(t)] says that
//!
//! ```text
//! y_k = D₀[x_k] + (1/k) Σ_{0<j<k} D_{k−j}[j x_j]
//! ```
//!
//! where D_m is the coefficient of tᵐ of D(t), a graph expression of x and y whose coefficients are found in the same way: they are of lower order
//! than k, so the recursion ends (A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM 2008, chapter 13). Nothing more
//! has to be known of an operation than its [`Calculus`]. The sum is empty for linear operations, and for bilinear ones it is what a Cauchy product has
//! besides its first and last term, Σ f(u_j, v_{k−j}).

use super::forward::tangents;
use super::{Active, AdError, expansion, missing, not_stated, prepare};
use crate::ir::{Builder, Node, Origin, Value};
use crate::ops::{Calculus, Implicit, Mode};
use std::collections::HashMap;

/// The highest order of a Taylor expansion.
pub const ORDER_MAX: usize = 64;

/// Coefficients of t, t², … of one value, normalised: 1/k! of the k-th derivative. `None`, and what is left out at the end, is zero.
pub type Path = Vec<Option<Value>>;

/// Appends the normalised Taylor coefficients of `roots` for t, …, tᵒʳᵈᵉʳ, where each of `wrt` follows the path given for it.
///
/// A coefficient has the type of its value. A value of `wrt` may be an input or any other value, which is then taken as independent of what
/// made it. The coefficients are ordinary nodes, so any other mode applies to them; those of first order are the nodes that
/// [`forward`](super::forward) appends.
///
/// ```
/// use tessera_core::ad::series;
/// use tessera_core::ir::Builder;
/// use tessera_core::{DType, Tensor, Type, exec::reference::run};
/// let mut b = Builder::new("series");
/// let x = b.input("x", Type::scalar(DType::F64));
/// let (y, one) = (b.exp(x), b.ones_like(x));
/// let path = series(&mut b, &[y], &[x], &[vec![Some(one)]], 3).unwrap().remove(0);
/// let graph = b.finish(path.into_iter().flatten().collect());
/// let terms = run(&graph, &[&Tensor::scalar(0.0)]); // e^t = 1 + t + t²/2 + t³/6 + …
/// assert_eq!(terms.iter().map(|y| y.values::<f64>()[0]).collect::<Vec<_>>(), [1.0, 0.5, 0.5 * (1.0 / 3.0)]);
/// ```
///
/// # Errors
/// If an operation on the way has no derivative (`ad-1`), `order` is not 1 to [`ORDER_MAX`] (`taylor-1`), or the paths do not fit `wrt` (`taylor-2`).
pub fn series(
    b: &mut Builder,
    roots: &[Value],
    wrt: &[Value],
    paths: &[Path],
    order: usize,
) -> Result<Vec<Path>, AdError> {
    check(b, wrt, paths, order)?;
    let roots = prepare(b, wrt, roots, Mode::Forward)?;
    let mut series = Series::new(b);
    let copies = series.copy(wrt, &roots);
    for (w, path) in wrt.iter().zip(paths) {
        series.known.extend(path.iter().enumerate().map(|(i, &value)| ((copies[w], i + 1), value)));
    }
    // In the order of the nodes, so that what is found on demand is never far away.
    for k in 1..=order {
        for value in series.copied.clone() {
            let coefficient = series.coefficient(value, k)?;
            let graph = series.b.graph();
            if let (Some(name), Some(coefficient)) = (graph.name(series.values[&value]), coefficient)
                && graph.name(coefficient).is_none()
            {
                let name = format!("{name}_{k}");
                series.b.set_name(coefficient, &name);
            }
        }
    }
    let root = |root: &Value| (1..=order).map(|k| *series.known.get(&(*copies.get(root)?, k))?).collect();
    Ok(roots.iter().map(root).collect())
}

fn check(b: &Builder, wrt: &[Value], paths: &[Path], order: usize) -> Result<(), AdError> {
    let error = |id, message| Err(AdError::new(id, message));
    if !(1..=ORDER_MAX).contains(&order) {
        return error("taylor-1", format!("order must be 1 to {ORDER_MAX}, got {order}"));
    }
    if wrt.len() != paths.len() {
        return error(
            "taylor-2",
            format!("paths must be one for each of wrt ({}), got {}", wrt.len(), paths.len()),
        );
    }
    for (&w, path) in wrt.iter().zip(paths) {
        if let Some(&value) = path.iter().flatten().find(|&&value| b.ty(value) != b.ty(w)) {
            let (want, got) = (b.ty(w), b.ty(value));
            return error(
                "taylor-2",
                format!("coefficients of a path must have the type {want} of its value, got {got}"),
            );
        }
    }
    Ok(())
}

/// The coefficients of a graph's values, appended to `b`.
///
/// The graph, `source`, is a copy, with which one may do what `b` would show: it holds the tangents along vectors that do not change, whose
/// coefficients other ones need, and each such vector is an input of it.
struct Series<'b> {
    b: &'b mut Builder,
    source: Builder,
    /// Values of `source` that were copied, in their order.
    copied: Vec<Value>,
    /// What a value of `source` is in `b`: coefficient 0.
    values: HashMap<Value, Value>,
    /// Other coefficients, by value of `source` and order.
    known: HashMap<(Value, usize), Option<Value>>,
    /// D[j x_j], a value of `source`, by the result of the node and j.
    tangents: HashMap<(Value, usize), Option<Value>>,
}

impl<'b> Series<'b> {
    fn new(b: &'b mut Builder) -> Series<'b> {
        let source = Builder::new("series");
        let (values, known, tangents) = Default::default();
        Series { b, source, copied: Vec::new(), values, known, tangents }
    }

    /// Copies what lies between `wrt` and `roots`; what it uses besides is constant. Gives the copy of each value.
    fn copy(&mut self, wrt: &[Value], roots: &[Value]) -> HashMap<Value, Value> {
        let active = Active::between(self.b.graph(), wrt, roots);
        let mut copies = HashMap::new();
        for &w in wrt {
            copies.insert(w, self.constant(w));
        }
        for i in active.nodes {
            let node = self.b.graph().nodes()[i].clone();
            let operands: Vec<Value> =
                node.operands.iter().map(|&v| *copies.entry(v).or_insert_with(|| self.constant(v))).collect();
            let results =
                self.source.at(node.location).push(node.op, &operands).expect("types are as before");
            for (result, copy) in node.results.into_iter().zip(results) {
                copies.entry(result).or_insert(copy);
                self.values.entry(copy).or_insert(result);
                self.copied.push(copy);
            }
        }
        copies
    }

    /// An input of `source` that stands for `value`, without further coefficients.
    fn constant(&mut self, value: Value) -> Value {
        let ty = self.b.ty(value).clone();
        let input = self.source.input("", ty);
        self.values.insert(input, value);
        input
    }

    /// What a value of `source` is in `b`.
    fn value(&mut self, value: Value) -> Value {
        if let Some(&known) = self.values.get(&value) {
            return known;
        }
        let node = self.source.graph().node_of(value).expect("inputs are known").clone();
        let operands: Vec<Value> = node.operands.iter().map(|&x| self.value(x)).collect();
        let results = self.b.at(node.location).push(node.op, &operands).expect("types are as in the source");
        self.values.extend(node.results.into_iter().zip(results));
        self.values[&value]
    }

    /// Coefficient `k` > 0 of a value of `source`.
    fn coefficient(&mut self, value: Value, k: usize) -> Result<Option<Value>, AdError> {
        if let Some(&known) = self.known.get(&(value, k)) {
            return Ok(known);
        }
        let Origin::Node { node: at, result } = self.source.graph().origin(value) else { return Ok(None) };
        let node = self.source.graph().nodes()[at].clone();
        let coefficient = match node.op.calculus() {
            _ if !self.source.ty(value).dtype.is_float() => None,
            Calculus::Constant => None,
            Calculus::Missing(reason) => return Err(missing(self.source.graph(), &[value], at, reason)),
            Calculus::Rules(rule) if !rule.states(Mode::Forward) => {
                return Err(missing(self.source.graph(), &[value], at, not_stated(Mode::Forward)));
            }
            Calculus::Expansion => {
                let results = expansion(&mut self.source, &[value], at, &node.operands)?;
                self.coefficient(results[result], k)?
            }
            _ => self.coefficient_of_result(&node, result, k)?,
        };
        self.known.insert((value, k), coefficient);
        Ok(coefficient)
    }

    /// The formula above, for an operation that has a tangent.
    fn coefficient_of_result(
        &mut self,
        node: &Node,
        result: usize,
        k: usize,
    ) -> Result<Option<Value>, AdError> {
        if let Calculus::Structured(rule) = node.op.calculus()
            && let Some(rule) = rule.implicit().filter(|_| k > 1)
        {
            return if result == 0 { self.coefficient_of_solution(node, rule, k) } else { Ok(None) };
        }
        let along = node.operands.iter().map(|&x| self.coefficient(x, k)).collect::<Result<Vec<_>, _>>()?;
        let rest = match node.op.calculus() {
            Calculus::Linear(_) => None,
            Calculus::Bilinear(_) => self.middle_of_cauchy_product(node, k)?,
            _ => self.lower_tangents(node, result, k)?,
        };
        if along.iter().all(Option::is_none) {
            return Ok(rest);
        }
        let operands = node.operands.iter().map(|&x| self.value(x)).collect();
        let results = node.results.iter().map(|&y| self.value(y)).collect();
        let here = Node { op: node.op.clone(), operands, results, location: node.location };
        let first = tangents(self.b.at(node.location), &here, &along)?[result];
        Ok(sum(self.b, first, rest))
    }

    /// Coefficient `k` of what solves an equation: all of them solve one linear equation, so they are not nested tangents.
    fn coefficient_of_solution(
        &mut self,
        node: &Node,
        rule: &dyn Implicit,
        k: usize,
    ) -> Result<Option<Value>, AdError> {
        let mut path =
            |x: Value, order: usize| (1..=order).map(|j| self.coefficient(x, j)).collect::<Result<Path, _>>();
        let paths = node.operands.iter().map(|&x| path(x, k)).collect::<Result<Vec<_>, _>>()?;
        let lower = path(node.results[0], k - 1)?;
        let operands: Vec<Value> = node.operands.iter().map(|&x| self.value(x)).collect();
        let results: Vec<Value> = node.results.iter().map(|&y| self.value(y)).collect();
        let coefficient = rule.coefficient(self.b.at(node.location), &operands, &results, &paths, &lower);
        coefficient.map_err(|error| error.or_at(node.location))
    }

    /// Σ f(u_j, v_{k−j}) over 0 < j < k, where f is bilinear. Of a square, equal terms are made once.
    fn middle_of_cauchy_product(&mut self, node: &Node, k: usize) -> Result<Option<Value>, AdError> {
        let (u, v) = (node.operands[0], node.operands[1]);
        let is_square = u == v && node.op.is_commutative();
        let ends = if is_square { k.div_ceil(2) } else { k };
        let mut middle = None;
        for j in 1..ends {
            let term = self.product(node, j, k - j)?;
            middle = sum(self.b, middle, term);
        }
        if is_square {
            middle = sum(self.b, middle, middle);
            if k.is_multiple_of(2) {
                let term = self.product(node, k / 2, k / 2)?;
                middle = sum(self.b, middle, term);
            }
        }
        Ok(middle)
    }

    fn product(&mut self, node: &Node, i: usize, j: usize) -> Result<Option<Value>, AdError> {
        let pair = (self.coefficient(node.operands[0], i)?, self.coefficient(node.operands[1], j)?);
        let (Some(u), Some(v)) = pair else { return Ok(None) };
        Ok(Some(self.b.at(node.location).apply(node.op.clone(), &[u, v])))
    }

    /// (1/k) Σ D_{k−j}[j x_j] over 0 < j < k.
    fn lower_tangents(&mut self, node: &Node, result: usize, k: usize) -> Result<Option<Value>, AdError> {
        let mut total = None;
        for j in 1..k {
            if let Some(tangent) = self.tangent_along(node, result, j)? {
                let term = self.coefficient(tangent, k - j)?;
                total = sum(self.b.at(node.location), total, term);
            }
        }
        Ok(total.map(|total| scaled(self.b, total, 1.0 / k as f64)))
    }

    /// D[j x_j], a value of `source`.
    fn tangent_along(&mut self, node: &Node, result: usize, j: usize) -> Result<Option<Value>, AdError> {
        let key = (node.results[result], j);
        if let Some(&known) = self.tangents.get(&key) {
            return Ok(known);
        }
        let mut along = Vec::new();
        for &x in &node.operands {
            along.push(self.coefficient(x, j)?.map(|x_j| {
                let vector = scaled(self.b, x_j, j as f64);
                self.constant(vector)
            }));
        }
        let made = match along.iter().any(Option::is_some) {
            true => tangents(self.source.at(node.location), node, &along)?,
            false => vec![None; node.results.len()],
        };
        self.tangents.extend(node.results.iter().zip(made).map(|(&y, tangent)| ((y, j), tangent)));
        Ok(self.tangents[&key])
    }
}

/// The sum of what is not zero.
fn sum(b: &mut Builder, x: Option<Value>, y: Option<Value>) -> Option<Value> {
    match (x, y) {
        (Some(x), Some(y)) => Some(b.add(x, y)),
        (one, other) => one.or(other),
    }
}

fn scaled(b: &mut Builder, x: Value, factor: f64) -> Value {
    let factor = b.full_like(x, factor);
    b.mul(x, factor)
}
