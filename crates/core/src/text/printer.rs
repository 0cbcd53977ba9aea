//! The printer: programs and graphs to text, in the guide's form or in MLIR's generic form.

use super::lexer::continues_name;
use super::number::{self, Floats, Scalar};
use crate::each_dtype;
use crate::ir::{Attribute, Attributes, Clause, DType, Graph, Mode, Node, Program, Transform, Type, Value};
use crate::tensor::Tensor;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::sync::Arc;

/// Which form of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The guide's, which [`super::parse`] reads.
    #[default]
    Guide,
    /// MLIR's generic form, which `mlir-opt -allow-unregistered-dialect` reads.
    Generic,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Which form.
    pub form: Form,
    /// How floating-point numbers are written in the guide's form.
    pub floats: Floats,
}

/// The text of `program` in the guide's form.
pub fn print(program: &Program) -> String {
    print_styled(program, Style::default())
}

/// The text of `graph` in the guide's form, without the modules that it calls.
pub fn print_graph(graph: &Graph) -> String {
    let mut printer = Printer { style: Style::default(), out: String::new() };
    printer.guide_module(graph);
    printer.out
}

/// The text of `program` in `style`.
pub fn print_styled(program: &Program, style: Style) -> String {
    let mut printer = Printer { style, out: String::new() };
    for (i, graph) in program.modules.values().enumerate() {
        printer.out.push_str(if i > 0 { "\n" } else { "" });
        match style.form {
            Form::Guide => printer.guide_module(graph),
            Form::Generic => printer.generic_module(graph),
        }
    }
    if !program.modules.is_empty() && !program.transforms.is_empty() {
        printer.out.push('\n');
    }
    for transform in &program.transforms {
        match style.form {
            Form::Guide => printer.line(&guide_transform(transform)),
            Form::Generic => printer.line(&generic_transform(transform)),
        }
    }
    printer.out
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(self))
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_graph(self))
    }
}

// -------------------------------------------------------------------------------------- names

/// A name of its own for every value: the one it was given where that is free, else that of its
/// operation.
pub(crate) fn names(graph: &Graph, form: Form) -> Vec<String> {
    let values = || {
        let inputs = graph.inputs().iter().map(|input| (input.value, "arg"));
        let results = |node: &Node| -> Vec<_> { node.results.iter().map(|&v| (v, node.op.name())).collect() };
        inputs.chain(graph.nodes().iter().flat_map(results))
    };
    let mut names = vec![String::new(); graph.value_count()];
    let mut used = HashSet::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut claim = |base: &str| {
        let mut name = base.to_string();
        while !used.insert(name.clone()) {
            let count = counts.entry(base.to_string()).or_default();
            *count += 1;
            name = format!("{base}_{count}");
        }
        name
    };
    // Names that were given come first, so that a derived one never takes theirs.
    for given in [true, false] {
        for (value, op) in values() {
            let name = graph.name(value).filter(|name| !name.is_empty());
            if name.is_some() == given {
                names[value.index()] = claim(&form.name(name.unwrap_or(op)));
            }
        }
    }
    names
}

impl Form {
    /// `name` with `_` for what the form does not allow in a name.
    fn name(self, name: &str) -> String {
        let allows = |c: char| match self {
            Form::Guide => continues_name(c),
            Form::Generic => c.is_ascii_alphanumeric() || c == '_',
        };
        let name: String =
            name.chars().map(|c| if allows(c) || matches!(c, '.' | '$') { c } else { '_' }).collect();
        // MLIR takes a name that begins with a digit for a number.
        match self == Form::Generic && name.starts_with(|c: char| c.is_ascii_digit()) {
            true => format!("_{name}"),
            false => name,
        }
    }
}

fn list(values: &[Value], names: &[String]) -> String {
    let names: Vec<String> = values.iter().map(|v| format!("%{}", names[v.index()])).collect();
    names.join(", ")
}

fn symbols(regions: &[Arc<Graph>], form: Form) -> String {
    regions.iter().map(|graph| format!("@{}", form.name(&graph.name))).collect::<Vec<_>>().join(", ")
}

fn type_list<'t>(types: impl IntoIterator<Item = &'t Type>) -> String {
    types.into_iter().map(Type::to_string).collect::<Vec<_>>().join(", ")
}

// --------------------------------------------------------------------------------- guide form

struct Printer {
    style: Style,
    out: String,
}

impl Printer {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn guide_module(&mut self, graph: &Graph) {
        let names = names(graph, Form::Guide);
        self.line(&format!("tgraph.module @{} {{", Form::Guide.name(&graph.name)));
        self.guide_inputs(graph, &names);
        for node in graph.nodes() {
            self.guide_node(graph, node, &names);
        }
        let (values, types) = (list(graph.outputs(), &names), type_list(graph.output_types()));
        self.line(&format!("  tgraph.return {values} : {types}"));
        self.line("}");
    }

    fn guide_inputs(&mut self, graph: &Graph, names: &[String]) {
        let mut inputs = graph.inputs().iter().peekable();
        while let Some(input) = inputs.next() {
            let (ty, name) = (graph.ty(input.value), &names[input.value.index()]);
            let own_tangent =
                inputs.next_if(|next| input.tangent_of.is_none() && next.tangent_of == Some(input.value));
            self.line(&match (own_tangent, input.tangent_of) {
                (Some(tangent), _) => {
                    let tangent = &names[tangent.value.index()];
                    format!("  %{name}, %{tangent} = tgraph.arg, tgraph.tangent : {ty}")
                }
                (None, Some(of)) => {
                    format!("  %{name} = tgraph.tangent %{} : {ty}", names[of.index()])
                }
                (None, None) => format!("  %{name} = tgraph.arg : {ty}"),
            });
        }
    }

    fn guide_node(&mut self, graph: &Graph, node: &Node, names: &[String]) {
        let operands = list(&node.operands, names);
        let _ = write!(self.out, "  {} = tgraph.{}", list(&node.results, names), node.op.name());
        match node.op.regions() {
            [] if operands.is_empty() => {}
            [] => {
                let _ = write!(self.out, " {operands}");
            }
            regions => {
                let _ = write!(self.out, " {}({operands})", symbols(regions, Form::Guide));
            }
        }
        self.attributes(None, &node.op.attributes());
        let types = type_list(node.results.iter().map(|&v| graph.ty(v)));
        // One operand of another type: the guide shows both, as in `tensor<?xf32> -> f32`.
        match (&node.operands[..], &node.results[..]) {
            (&[x], &[y]) if graph.ty(x) != graph.ty(y) && node.op.regions().is_empty() => {
                self.line(&format!(" : {} -> {types}", graph.ty(x)));
            }
            _ => self.line(&format!(" : {types}")),
        }
    }

    /// The attributes in braces, behind the `first` of them, which is written out.
    fn attributes(&mut self, first: Option<&str>, attributes: &Attributes) {
        if first.is_none() && attributes.is_empty() {
            return;
        }
        self.out.push_str(" {");
        self.out.push_str(first.unwrap_or_default());
        for (i, (name, attribute)) in attributes.iter().enumerate() {
            self.out.push_str(if i == 0 && first.is_none() { "" } else { ", " });
            let _ = write!(self.out, "{name} = ");
            self.attribute(attribute);
        }
        self.out.push('}');
    }

    fn attribute(&mut self, attribute: &Attribute) {
        let out = &mut self.out;
        let _ = match attribute {
            Attribute::Bool(value) => write!(out, "{value}"),
            Attribute::Int(value) => write!(out, "{value}"),
            Attribute::Float(value) => {
                number::Scalar::write(*value, number::Floats::Decimal, out);
                Ok(())
            }
            Attribute::Ints(values) => write!(out, "{values:?}"),
            Attribute::DType(dtype) if self.style.form == Form::Guide => write!(out, "{dtype}"),
            Attribute::DType(dtype) => write!(out, "{}", generic_dtype(*dtype)),
            Attribute::Text(text) => {
                number::write_string(text, out);
                Ok(())
            }
            Attribute::Tensor(tensor) if self.style.form == Form::Guide => {
                let floats = self.style.floats;
                tensor_text(tensor, out, &mut |tensor, i, out| guide_element(tensor, i, floats, out));
                Ok(())
            }
            Attribute::Tensor(tensor) => {
                out.push_str("dense<");
                match tensor.is_empty() {
                    true => {}
                    false => tensor_text(tensor, out, &mut generic_element),
                }
                write!(out, "> : {}", generic_tensor_type(&tensor.ty()))
            }
        };
    }
}

/// Appends the elements of `tensor` as nested lists; no elements are one empty list.
pub(super) fn tensor_text(
    tensor: &Tensor,
    out: &mut String,
    element: &mut impl FnMut(&Tensor, usize, &mut String),
) {
    fn nested(
        tensor: &Tensor,
        axis: usize,
        at: &mut usize,
        out: &mut String,
        element: &mut impl FnMut(&Tensor, usize, &mut String),
    ) {
        if axis == tensor.ndim() {
            element(tensor, *at, out);
            *at += 1;
            return;
        }
        out.push('[');
        for i in 0..tensor.shape()[axis] {
            out.push_str(if i > 0 { ", " } else { "" });
            nested(tensor, axis + 1, at, out, element);
        }
        out.push(']');
    }
    match tensor.is_empty() {
        true => out.push_str("[]"),
        false => nested(tensor, 0, &mut 0, out, element),
    }
}

pub(super) fn guide_element(tensor: &Tensor, i: usize, floats: Floats, out: &mut String) {
    each_dtype!(tensor.data(), values => values[i].write(floats, out));
}

fn guide_transform(statement: &Transform) -> String {
    let names = |names: &[String]| {
        names.iter().map(|name| format!("%{}", Form::Guide.name(name))).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!("tgraph.{} @{}", statement.kind.name(), Form::Guide.name(&statement.source));
    for clause in Clause::ALL {
        if clause != statement.kind.subject() && !statement.has(clause) {
            continue;
        }
        let inside = match clause {
            Clause::Size => statement.size.map_or(String::new(), |size| size.to_string()),
            Clause::Mode => statement.mode.map_or("", Mode::name).to_string(),
            Clause::Order => statement.order.map_or(String::new(), |order| order.to_string()),
            clause => names(statement.names(clause)),
        };
        let _ = write!(text, " {}({inside})", clause.name());
    }
    let targets = statement.targets().map(|target| format!("@{}", Form::Guide.name(target)));
    let _ = write!(text, " -> {}", targets.collect::<Vec<_>>().join(", "));
    text
}

// ------------------------------------------------------------------------------- generic form

fn generic_dtype(dtype: DType) -> &'static str {
    match dtype {
        DType::U64 => "ui64",
        DType::U32 => "ui32",
        DType::Bool => "i1",
        other => other.name(),
    }
}

/// A scalar is a number type in MLIR, too.
fn generic_type(ty: &Type) -> String {
    match ty.ndim() {
        0 => generic_dtype(ty.dtype).to_string(),
        _ => generic_tensor_type(ty),
    }
}

fn generic_tensor_type(ty: &Type) -> String {
    let extents: String = ty.shape.iter().map(|extent| format!("{extent}x")).collect();
    format!("tensor<{extents}{}>", generic_dtype(ty.dtype))
}

fn generic_types<'t>(types: impl IntoIterator<Item = &'t Type>) -> String {
    types.into_iter().map(generic_type).collect::<Vec<_>>().join(", ")
}

/// MLIR wants a point in every decimal, and bits for infinities and NaN.
fn generic_element(tensor: &Tensor, i: usize, out: &mut String) {
    let mut text = String::new();
    guide_element(tensor, i, Floats::Decimal, &mut text);
    let bits = match tensor.dtype() {
        DType::F64 => Some(format!("{:#018X}", tensor.values::<f64>()[i].to_bits())),
        DType::F32 => Some(format!("{:#010X}", tensor.values::<f32>()[i].to_bits())),
        _ => None,
    };
    match (bits, text.split_once('e')) {
        (Some(bits), _) if text.contains("inf") || text.contains("nan") => {
            out.push_str(&bits.replace("0X", "0x"))
        }
        (Some(_), Some((digits, exponent))) if !digits.contains('.') => {
            let _ = write!(out, "{digits}.0e{exponent}");
        }
        _ => out.push_str(&text),
    }
}

fn generic_transform(statement: &Transform) -> String {
    let quoted = |name: &str| format!("\"{}\"", Form::Generic.name(name));
    let names = |names: &[String]| {
        format!("[{}]", names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "))
    };
    let mut attributes = format!("source = @{}", Form::Generic.name(&statement.source));
    for clause in Clause::ALL.into_iter().filter(|&clause| statement.has(clause)) {
        let value = match clause {
            Clause::Size => statement.size.map_or(String::new(), |size| size.to_string()),
            Clause::Mode => statement.mode.map_or(String::new(), |mode| quoted(mode.name())),
            Clause::Order => statement.order.map_or(String::new(), |order| order.to_string()),
            clause => names(statement.names(clause)),
        };
        let _ = write!(attributes, ", {} = {value}", clause.name());
    }
    let _ = write!(attributes, ", target = {}", quoted(&statement.target));
    if let Some(linear) = &statement.linear {
        let _ = write!(attributes, ", linear = {}", quoted(linear));
    }
    format!("\"tgraph.{}\"() {{{attributes}}} : () -> ()", statement.kind.name())
}

impl Printer {
    fn generic_module(&mut self, graph: &Graph) {
        let names = names(graph, Form::Generic);
        let inputs: Vec<String> = graph
            .inputs()
            .iter()
            .map(|input| format!("%{}: {}", names[input.value.index()], generic_type(graph.ty(input.value))))
            .collect();
        self.line("\"tgraph.module\"() ({");
        self.line(&format!("^bb0({}):", inputs.join(", ")));
        for node in graph.nodes() {
            self.generic_node(graph, node, &names);
        }
        let types = generic_types(graph.output_types());
        self.line(&format!("  \"tgraph.return\"({}) : ({types}) -> ()", list(graph.outputs(), &names)));
        let of =
            |value| graph.inputs().iter().position(|input| input.value == value).map_or(-1, |i| i as i64);
        let tangents: Vec<i64> = graph.inputs().iter().map(|i| i.tangent_of.map_or(-1, of)).collect();
        let marks = match graph.inputs().iter().any(|input| input.tangent_of.is_some()) {
            true => format!(", tangent_of = {tangents:?}"),
            false => String::new(),
        };
        self.line(&format!("}}) {{sym_name = \"{}\"{marks}}} : () -> ()", Form::Generic.name(&graph.name)));
    }

    fn generic_node(&mut self, graph: &Graph, node: &Node, names: &[String]) {
        let (results, operands) = (list(&node.results, names), list(&node.operands, names));
        let _ = write!(self.out, "  {results} = \"tgraph.{}\"({operands})", node.op.name());
        let modules = match node.op.regions() {
            [] => None,
            [callee] => Some(format!("callee = {}", symbols(std::slice::from_ref(callee), Form::Generic))),
            regions => Some(format!("callees = [{}]", symbols(regions, Form::Generic))),
        };
        self.attributes(modules.as_deref(), &node.op.attributes());
        let operands = generic_types(node.operands.iter().map(|&v| graph.ty(v)));
        let results = match &node.results[..] {
            [y] => generic_type(graph.ty(*y)),
            many => format!("({})", generic_types(many.iter().map(|&v| graph.ty(v)))),
        };
        self.line(&format!(" : ({operands}) -> {results}"));
    }
}
