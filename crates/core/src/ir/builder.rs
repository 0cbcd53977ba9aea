//! The builder: adds nodes to a graph, infers their types and shares what is already there.

use super::{Attribute, Graph, Location, Type, Value};
use crate::ops::{Kernel, Op, Violation};
use std::collections::HashMap;
use std::fmt::Write;

/// Larger results of constants are computed when the graph runs.
const FOLDED_ELEMENTS_MAX: usize = 4096;

/// Builds a [`Graph`] node by node.
///
/// A *sharing* builder returns the existing node where the same operation on the same operands is
/// already in the graph, after the operation's own exact simplifications; values are immutable, so
/// this never changes bits. It is what keeps nested derivatives small: the second of two equal
/// tangents is never built, so their number grows polynomially with the order.
#[derive(Clone, Debug)]
pub struct Builder {
    graph: Graph,
    shared: Option<HashMap<String, usize>>,
    location: Location,
}

impl Builder {
    /// A sharing builder.
    pub fn new(name: &str) -> Builder {
        Builder { graph: Graph::new(name), shared: Some(HashMap::new()), location: Location::Derived }
    }

    /// A builder that adds exactly the nodes asked for, as written in a text.
    pub fn verbatim(name: &str) -> Builder {
        Builder { graph: Graph::new(name), shared: None, location: Location::Derived }
    }

    /// The graph so far.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The type of `value`.
    pub fn ty(&self, value: Value) -> &Type {
        self.graph.ty(value)
    }

    /// Nodes added from now on were written here.
    pub fn at(&mut self, location: Location) -> &mut Builder {
        self.location = location;
        self
    }

    /// Where nodes added now were written.
    pub fn location(&self) -> Location {
        self.location
    }

    /// Adds an input called `name`.
    pub fn input(&mut self, name: &str, ty: Type) -> Value {
        let value = self.graph.add_input(ty, None);
        self.graph.set_name(value, name);
        value
    }

    /// Adds an input called `name`, or with a number behind it where an input has that name.
    pub fn fresh_input(&mut self, name: &str, ty: Type) -> Value {
        let name = self.fresh(name, &[]);
        self.input(&name, ty)
    }

    /// Adds an input that is the tangent of the input `of`, named as [`Builder::fresh_input`] does.
    pub fn fresh_tangent(&mut self, name: &str, of: Value) -> Value {
        let name = self.fresh(name, &[]);
        self.tangent_input(&name, of)
    }

    /// `name`, or with a number behind it where an input has that name, as in a second derivative, or where it is `reserved`.
    pub(crate) fn fresh(&self, name: &str, reserved: &[String]) -> String {
        let name = if name.is_empty() { "x" } else { name };
        let numbered = (1..).map(|k| format!("{name}_{k}"));
        let is_free = |name: &String| self.graph.input_named(name).is_none() && !reserved.contains(name);
        std::iter::once(name.to_string()).chain(numbered).find(is_free).expect("numbers do not end")
    }

    /// Adds an input that is the tangent of the input `of`, with its type.
    pub fn tangent_input(&mut self, name: &str, of: Value) -> Value {
        let ty = self.graph.ty(of).clone();
        let value = self.graph.add_input(ty, Some(of));
        self.graph.set_name(value, name);
        value
    }

    /// Names `value` in printed text.
    pub fn set_name(&mut self, value: Value, name: &str) {
        self.graph.set_name(value, name);
    }

    /// Applies `op`, giving its results.
    pub fn push(&mut self, op: Op, operands: &[Value]) -> Result<Vec<Value>, Violation> {
        let mut operands = operands.to_vec();
        let types: Vec<&Type> = operands.iter().map(|&v| self.graph.ty(v)).collect();
        let results = op.infer(&types)?;
        results.iter().try_for_each(Type::check_extents)?;
        if self.shared.is_none() {
            return Ok(self.append(op, operands, results));
        }
        if op.is_commutative() {
            operands.sort();
        }
        if let Some(value) = op.simplify(self, &operands) {
            return Ok(vec![value]);
        }
        if let Some(value) = self.fold(&op, &operands, &results) {
            return Ok(vec![value]);
        }
        let key = key(&op, &operands);
        if let Some(&node) = self.shared.as_ref().and_then(|shared| shared.get(&key)) {
            return Ok(self.graph.nodes()[node].results.clone());
        }
        let results = self.append(op, operands, results);
        let node = self.graph.nodes().len() - 1;
        self.shared.as_mut().map(|shared| shared.insert(key, node));
        Ok(results)
    }

    /// Applies an operation with one result whose operands are right by construction.
    ///
    /// # Panics
    /// If a constraint of the operation breaks, which is a bug of the caller.
    pub fn apply(&mut self, op: Op, operands: &[Value]) -> Value {
        let name = op.name();
        match self.push(op, operands) {
            Ok(results) => results[0],
            Err(violation) => {
                let types: Vec<String> = operands.iter().map(|&v| self.ty(v).to_string()).collect();
                panic!("{name} of {}: {}", types.join(", "), violation.message)
            }
        }
    }

    /// Adds copies of the inputs of `graph`, names and tangent marks included.
    pub fn copy_inputs(&mut self, graph: &Graph) -> Vec<Value> {
        let mut copies: Vec<Value> = Vec::new();
        for input in graph.inputs() {
            let of = input
                .tangent_of
                .and_then(|of| graph.inputs().iter().position(|i| i.value == of).map(|p| copies[p]));
            let value = self.graph.add_input(graph.ty(input.value).clone(), of);
            if let Some(name) = graph.name(input.value) {
                self.graph.set_name(value, name);
            }
            copies.push(value);
        }
        copies
    }

    /// The part of the graph so far that `outputs` need, and every input.
    pub fn snapshot(&self, outputs: Vec<Value>) -> Graph {
        let mut source = self.graph.clone();
        source.set_outputs(outputs);
        let mut b = Builder::new(&source.name);
        let inputs = b.copy_inputs(&source);
        let outputs = b.inline(&source, &inputs).expect("types were inferred before");
        b.finish(outputs)
    }

    /// The finished graph.
    pub fn finish(mut self, outputs: Vec<Value>) -> Graph {
        self.graph.set_outputs(outputs);
        self.graph
    }

    /// The value of a small operation on constants, by the reference.
    pub(crate) fn fold(&mut self, op: &Op, operands: &[Value], results: &[Type]) -> Option<Value> {
        let mut tensors = Vec::with_capacity(operands.len());
        for &operand in operands {
            match self.graph.node_of(operand)?.op.kernel() {
                Kernel::Constant(tensor) => tensors.push(tensor.clone()),
                _ => return None,
            }
        }
        let [ty] = results else { return None };
        let len: usize = ty.static_shape()?.iter().product();
        if operands.is_empty()
            || !op.regions().is_empty()
            || len > FOLDED_ELEMENTS_MAX
            || (len > 1 && tensors.iter().all(|t| t.len() == 1))
        {
            return None;
        }
        let value = op.evaluate(&tensors.iter().map(|t| t.as_ref()).collect::<Vec<_>>()).remove(0);
        Some(self.constant(value))
    }

    fn append(&mut self, op: Op, operands: Vec<Value>, results: Vec<Type>) -> Vec<Value> {
        self.graph.add_node(op, operands, results, self.location).to_vec()
    }
}

/// Text that is equal exactly for the same operation on the same operands.
pub(crate) fn key(op: &Op, operands: &[Value]) -> String {
    let mut key = String::with_capacity(48);
    key.push_str(op.name());
    for operand in operands {
        let _ = write!(key, " {}", operand.0);
    }
    for (name, attribute) in op.attributes().iter() {
        key.push(' ');
        key.push_str(name);
        Attribute::key(attribute, &mut key);
    }
    if let Some(ty) = op.declared() {
        let _ = write!(key, " {ty}");
    }
    for region in op.regions() {
        key.push(' ');
        key.push_str(region.digest());
    }
    key
}
