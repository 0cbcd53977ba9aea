//! The modes: [`forward`] and [`backward`] applied to graphs, and to each other's results.

use super::vmap::Batched;
use super::{AdError, Path, backward, forward, series};
use crate::ir::{Builder, Extent, Graph, Location, Value};

/// A graph under construction that begins as a copy of another one.
pub(super) struct Derivation {
    pub b: Builder,
    /// The copied inputs to differentiate with respect to.
    pub wrt: Vec<Value>,
    /// The copied outputs.
    pub outputs: Vec<Value>,
}

impl Derivation {
    /// A copy of `source` to be differentiated with respect to its inputs `wrt`.
    ///
    /// # Errors
    /// `ad-2` if `wrt` are not float inputs, each once; `ad-3` if an output is not a float.
    pub fn of(source: &Graph, wrt: &[Value]) -> Result<Derivation, AdError> {
        if let Some(&y) = source.outputs().iter().find(|&&y| !source.ty(y).dtype.is_float()) {
            let message = format!("outputs of @{} must be floats, got {}", source.name, source.ty(y));
            return Err(AdError::new("ad-3", message));
        }
        let positions = super::input_positions(source, wrt)?;
        if let Some(&x) = wrt.iter().find(|&&x| !source.ty(x).dtype.is_float()) {
            let message = format!("wrt must be float inputs of @{}, got {}", source.name, source.ty(x));
            return Err(AdError::new("ad-2", message));
        }
        let mut b = Builder::new(&source.name);
        let inputs = b.copy_inputs(source);
        let outputs = b.inline(source, &inputs).expect("the source was verified");
        b.at(Location::Derived);
        Ok(Derivation { b, wrt: positions.into_iter().map(|i| inputs[i]).collect(), outputs })
    }

    /// A new input for the cotangent of each output, called as in `names`, or after the output with
    /// `_bar`, but not as in `reserved`.
    fn seeds(&mut self, names: &[String], reserved: &[String]) -> Result<Vec<Value>, AdError> {
        if !names.is_empty() {
            expect_names("seed", "cotangents", names, self.outputs.len())?;
        }
        let b = &mut self.b;
        let seeds = self.outputs.iter().enumerate().map(|(i, &y)| {
            let own = b.graph().name(y).map_or(format!("y{i}"), str::to_string);
            let name = names.get(i).cloned().unwrap_or_else(|| b.fresh(&format!("{own}_bar"), reserved));
            let ty = b.ty(y).clone();
            b.input(&name, ty)
        });
        Ok(seeds.collect())
    }

    /// Cotangents of the outputs: 1 for a single scalar, else new inputs.
    fn default_seeds(&mut self, names: &[String], reserved: &[String]) -> Result<Vec<Value>, AdError> {
        match self.outputs[..] {
            [y] if self.b.ty(y).ndim() == 0 && names.is_empty() => Ok(vec![self.b.ones_like(y)]),
            _ => self.seeds(names, reserved),
        }
    }

    /// A new input for the direction of each of `wrt`.
    fn directions(&mut self, names: &[String]) -> Result<Vec<Value>, AdError> {
        expect_names("dir", "directions", names, self.wrt.len())?;
        Ok(self.wrt.iter().zip(names).map(|(&x, name)| self.b.tangent_input(name, x)).collect())
    }

    /// A new input for the tangent of each of `wrt`.
    fn tangent_inputs(&mut self) -> Vec<Value> {
        let b = &mut self.b;
        let input = |&x: &Value| {
            let name = format!("d{}", b.graph().name(x).unwrap_or("x"));
            b.fresh_tangent(&name, x)
        };
        self.wrt.iter().map(input).collect()
    }

    /// The gradients for cotangents of the outputs, zero where nothing depends.
    pub fn gradients(&mut self, seeds: &[Value]) -> Result<Vec<Value>, AdError> {
        let gradients = backward(&mut self.b, &self.outputs, seeds, &self.wrt)?;
        Ok(or_zeros(&mut self.b, gradients, &self.wrt))
    }

    /// The tangents of `roots` along `tangents`, zero where nothing depends.
    pub fn tangents(&mut self, roots: &[Value], tangents: &[Value]) -> Result<Vec<Value>, AdError> {
        let dy = forward(&mut self.b, roots, &self.wrt, tangents)?;
        Ok(or_zeros(&mut self.b, dy, roots))
    }
}

/// Reverse mode: a module of the same inputs that returns the gradient for each of `wrt`.
///
/// The seed of a single scalar output is 1; otherwise the module takes one more input for each
/// output, its cotangent, called after the output with `_bar`.
///
/// # Errors
/// `ad-1` to `ad-3`.
pub fn adjoint(source: &Graph, wrt: &[Value]) -> Result<Graph, AdError> {
    let mut d = Derivation::of(source, wrt)?;
    let seeds = d.default_seeds(&[], &[])?;
    let gradients = d.gradients(&seeds)?;
    Ok(d.b.snapshot(gradients))
}

/// Vector–Jacobian products: a module that takes a cotangent for each output, scalars included, and
/// returns the outputs, then the gradient for each of `wrt`.
///
/// `seeds` are the names of the cotangents; without names they are called after the outputs.
///
/// # Errors
/// `ad-1` to `ad-4`.
pub fn vjp(source: &Graph, wrt: &[Value], seeds: &[String]) -> Result<Graph, AdError> {
    let mut d = Derivation::of(source, wrt)?;
    let seeds = d.seeds(seeds, &[])?;
    let gradients = d.gradients(&seeds)?;
    Ok(d.b.snapshot([d.outputs, gradients].concat()))
}

/// Forward mode: a module that takes a tangent for each of `wrt` and returns each output followed
/// by its tangent.
///
/// # Errors
/// `ad-1` to `ad-3`.
pub fn jvp(source: &Graph, wrt: &[Value]) -> Result<Graph, AdError> {
    let (d, _, dy) = tangent_graph(source, wrt)?;
    let results = d.outputs.into_iter().zip(dy).flat_map(|(y, dy)| [y, dy]).collect();
    Ok(d.b.snapshot(results))
}

/// Taylor mode: a module that takes a direction for each of `wrt` and returns each output y(x + t dx) as its coefficients of
/// 1, t, …, tᵒʳᵈᵉʳ, one behind the other. The k-th is 1/k! of the k-th derivative along the direction.
///
/// # Errors
/// `ad-1` to `ad-3`; `taylor-1` if `order` is not 1 to [`ORDER_MAX`](super::ORDER_MAX).
pub fn taylor(source: &Graph, wrt: &[Value], order: usize) -> Result<Graph, AdError> {
    let mut d = Derivation::of(source, wrt)?;
    let paths: Vec<Path> = d.tangent_inputs().into_iter().map(|dx| vec![Some(dx)]).collect();
    let mut results = Vec::new();
    for (y, path) in d.outputs.iter().zip(series(&mut d.b, &d.outputs, &d.wrt, &paths, order)?) {
        results.push(*y);
        results.extend(or_zeros(&mut d.b, path, &vec![*y; order]));
    }
    Ok(d.b.snapshot(results))
}

/// The graph of forward mode, its tangent inputs, and the tangents of its outputs.
pub(super) fn tangent_graph(
    source: &Graph,
    wrt: &[Value],
) -> Result<(Derivation, Vec<Value>, Vec<Value>), AdError> {
    let mut d = Derivation::of(source, wrt)?;
    let tangents = d.tangent_inputs();
    let dy = d.tangents(&d.outputs.clone(), &tangents)?;
    Ok((d, tangents, dy))
}

/// Second derivatives along a direction, of which the module takes one for each of `wrt`.
///
/// Of a single scalar output: the product of its Hessian with the direction, by reverse over forward
/// mode, one result for each of `wrt`. Of any other: for each output the directional second
/// derivative d²y(x + t·v)/dt² at t = 0, by forward over forward mode, of the output's type.
///
/// # Errors
/// `ad-1` to `ad-4`.
pub fn hvp(source: &Graph, wrt: &[Value], directions: &[String]) -> Result<Graph, AdError> {
    let mut d = Derivation::of(source, wrt)?;
    let directions = d.directions(directions)?;
    let is_scalar = matches!(d.outputs[..], [y] if d.b.ty(y).ndim() == 0);
    let dy = d.tangents(&d.outputs.clone(), &directions)?;
    let results = if is_scalar {
        d.outputs = dy;
        let seeds = d.default_seeds(&[], &[])?;
        d.gradients(&seeds)?
    } else {
        d.tangents(&dy, &directions)?
    };
    Ok(d.b.snapshot(results))
}

/// Jacobian–matrix products, forward over reverse: a module that takes, for each of `wrt`, many
/// directions along a leading axis of extent `size`, and returns for each of `wrt` its gradient,
/// followed by the gradient's derivatives along the directions, which have the leading axis.
///
/// Of a single scalar output the derivatives are products with its Hessian. Of any other, the module
/// takes cotangents, as [`vjp`] does. What does not depend on the directions is computed once.
///
/// # Errors
/// `ad-1` to `ad-4`; those of [`vmap`](super::vmap).
pub fn jmp(
    source: &Graph,
    wrt: &[Value],
    directions: &[String],
    seeds: &[String],
    size: Extent,
) -> Result<Graph, AdError> {
    let mut d = Derivation::of(source, wrt)?;
    let seeds = d.default_seeds(seeds, directions)?;
    let gradients = d.gradients(&seeds)?;
    let directions = d.directions(directions)?;
    let along = d.tangents(&gradients, &directions)?;
    let outputs = gradients.into_iter().zip(along).flat_map(|(g, dg)| [g, dg]).collect();
    // One direction; then as many as there are.
    let one = d.b.finish(outputs);
    let mut batched = Batched::of(&one, &directions, size)?;
    let mut results = Vec::new();
    for (i, &(y, over)) in batched.outputs.clone().iter().enumerate() {
        results.push(if i % 2 == 0 { y } else { batched.with_axis(y, over)? });
    }
    Ok(batched.b.snapshot(results))
}

fn expect_names(clause: &str, what: &str, names: &[String], want: usize) -> Result<(), AdError> {
    if names.len() == want {
        return Ok(());
    }
    let message = format!("{clause} must name {want} {what}, got {}", names.len());
    Err(AdError::new("ad-4", message))
}

fn or_zeros(b: &mut Builder, derivatives: Vec<Option<Value>>, like: &[Value]) -> Vec<Value> {
    derivatives.into_iter().zip(like).map(|(d, &like)| d.unwrap_or_else(|| b.zeros_like(like))).collect()
}
