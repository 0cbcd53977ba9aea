//! A graph in static single assignment form: inputs, nodes in an order in which every operand
//! stands before its use, and outputs.

use super::Type;
use super::builder::{Builder, key};
use super::rebuild::copied;
use crate::ops::Op;
use crate::tensor::hex;
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};

/// A value of one graph: an input or a result of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(crate) u32);

impl Value {
    /// The position in the graph's table of values.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The graph's input of this number.
    Input(usize),
    /// Result `result` of node `node`.
    Node {
        /// Position in [`Graph::nodes`].
        node: usize,
        /// Which of its results.
        result: usize,
    },
}

/// Where a node was written, for errors that point there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Location {
    /// Made by a transformation.
    #[default]
    Derived,
    /// Byte range in the source text.
    Text {
        /// First byte.
        start: u32,
        /// One past the last byte.
        end: u32,
    },
    /// The line of Rust that built it.
    Code(&'static std::panic::Location<'static>),
}

/// One operation applied to values.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From what.
    pub operands: Vec<Value>,
    /// The values it defines.
    pub results: Vec<Value>,
    /// Where it was written.
    pub location: Location,
}

/// A graph input: an argument, or the tangent or cotangent that belongs to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The value it defines.
    pub value: Value,
    /// The argument whose tangent this is, for `tgraph.tangent`.
    pub tangent_of: Option<Value>,
}

#[derive(Clone, Debug)]
struct Info {
    ty: Type,
    origin: Origin,
    name: Option<Arc<str>>,
}

/// A graph: what `tgraph.module` holds.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The module's name, without `@`.
    pub name: String,
    inputs: Vec<Input>,
    nodes: Vec<Node>,
    values: Vec<Info>,
    outputs: Vec<Value>,
    digest: OnceLock<String>,
}

impl Graph {
    /// A graph with nothing in it.
    pub fn new(name: &str) -> Graph {
        Graph {
            name: name.to_string(),
            inputs: vec![],
            nodes: vec![],
            values: vec![],
            outputs: vec![],
            digest: OnceLock::new(),
        }
    }

    /// The inputs, in calling order.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The nodes; every operand of a node is an input or a result of an earlier node.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The outputs, in order.
    pub fn outputs(&self) -> &[Value] {
        &self.outputs
    }

    /// The number of values.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// The type of `value`.
    pub fn ty(&self, value: Value) -> &Type {
        &self.values[value.index()].ty
    }

    /// Where `value` comes from.
    pub fn origin(&self, value: Value) -> Origin {
        self.values[value.index()].origin
    }

    /// The name written for `value`, without `%`.
    pub fn name(&self, value: Value) -> Option<&str> {
        self.values[value.index()].name.as_deref()
    }

    /// Names `value`.
    pub fn set_name(&mut self, value: Value, name: &str) {
        self.values[value.index()].name = Some(Arc::from(name));
    }

    /// The input called `name`.
    pub fn input_named(&self, name: &str) -> Option<Value> {
        self.inputs.iter().map(|input| input.value).find(|&value| self.name(value) == Some(name))
    }

    /// The node that defines `value`, unless it is an input.
    pub fn node_of(&self, value: Value) -> Option<&Node> {
        match self.origin(value) {
            Origin::Input(_) => None,
            Origin::Node { node, .. } => Some(&self.nodes[node]),
        }
    }

    /// The inputs' values, in order.
    pub fn input_values(&self) -> Vec<Value> {
        self.inputs.iter().map(|input| input.value).collect()
    }

    /// Types of the inputs, in order.
    pub fn input_types(&self) -> Vec<&Type> {
        self.inputs.iter().map(|input| self.ty(input.value)).collect()
    }

    /// Types of the outputs, in order.
    pub fn output_types(&self) -> Vec<&Type> {
        self.outputs.iter().map(|&value| self.ty(value)).collect()
    }

    /// For every value, whether an output depends on it.
    pub fn live(&self) -> Vec<bool> {
        self.reaches(&self.outputs)
    }

    /// For every value, whether one of `targets` depends on it, or is it.
    pub fn reaches(&self, targets: &[Value]) -> Vec<bool> {
        self.reaches_from(&[], targets)
    }

    /// The same where `sources` are taken as given: what they are made of is not needed for them.
    fn reaches_from(&self, sources: &[Value], targets: &[Value]) -> Vec<bool> {
        let mut needed = vec![false; self.values.len()];
        let mut given = needed.clone();
        targets.iter().for_each(|v| needed[v.index()] = true);
        sources.iter().for_each(|v| given[v.index()] = true);
        for node in self.nodes.iter().rev() {
            if node.results.iter().any(|r| needed[r.index()] && !given[r.index()]) {
                node.operands.iter().for_each(|v| needed[v.index()] = true);
            }
        }
        needed
    }

    /// For every value, whether it depends on one of `sources`, or is it.
    pub fn reached_from(&self, sources: &[Value]) -> Vec<bool> {
        let mut reached = vec![false; self.values.len()];
        sources.iter().for_each(|v| reached[v.index()] = true);
        for node in &self.nodes {
            if node.operands.iter().any(|v| reached[v.index()]) {
                node.results.iter().for_each(|r| reached[r.index()] = true);
            }
        }
        reached
    }

    /// The graph that computes `outputs` from `sources`, which may be any values of this one.
    ///
    /// # Panics
    /// If `outputs` depend on an input that is not among `sources`.
    pub fn extract(&self, name: &str, sources: &[Value], outputs: &[Value]) -> Graph {
        let mut b = Builder::new(name);
        let mut map = vec![None; self.values.len()];
        for &source in sources {
            let input = b.fresh_input(self.name(source).unwrap_or("x"), self.ty(source).clone());
            map[source.index()] = Some(input);
        }
        let needed = self.reaches_from(sources, outputs);
        let given = map.clone();
        let makes =
            |node: &Node| node.results.iter().any(|r| needed[r.index()] && given[r.index()].is_none());
        b.rebuild(self, &mut map, makes, copied).expect("types are as before");
        b.finish(outputs.iter().map(|v| map[v.index()].expect("outputs depend on sources")).collect())
    }

    /// A text that is equal exactly for graphs of the same operations on the same types, whatever their names.
    pub(crate) fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            let mut hash = Sha256::new();
            for ty in self.input_types() {
                hash.update(format!("{ty};"));
            }
            for node in &self.nodes {
                hash.update(key(&node.op, &node.operands));
                hash.update(";");
            }
            hash.update(format!("{:?}", self.outputs));
            hex(&hash.finalize())
        })
    }

    pub(crate) fn add_input(&mut self, ty: Type, tangent_of: Option<Value>) -> Value {
        self.digest.take();
        let value = self.add_value(ty, Origin::Input(self.inputs.len()));
        self.inputs.push(Input { value, tangent_of });
        value
    }

    pub(crate) fn add_node(
        &mut self,
        op: Op,
        operands: Vec<Value>,
        types: Vec<Type>,
        location: Location,
    ) -> &[Value] {
        self.digest.take();
        let node = self.nodes.len();
        let results: Vec<Value> = types
            .into_iter()
            .enumerate()
            .map(|(result, ty)| self.add_value(ty, Origin::Node { node, result }))
            .collect();
        self.nodes.push(Node { op, operands, results, location });
        &self.nodes[node].results
    }

    pub(crate) fn set_outputs(&mut self, outputs: Vec<Value>) {
        self.digest.take();
        self.outputs = outputs;
    }

    fn add_value(&mut self, ty: Type, origin: Origin) -> Value {
        self.values.push(Info { ty, origin, name: None });
        Value(self.values.len() as u32 - 1)
    }
}
