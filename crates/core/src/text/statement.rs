//! Lowering of one module's statements.

use super::literal;
use super::lower::{Callee, Modules, Suggest};
use super::parser::shortened;
use super::tree::*;
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{Attribute, Attributes, Builder, Extent, Graph, Location, Origin, Type, Value};
use crate::ops::{self, Op};
use std::collections::HashMap;
use std::sync::Arc;

/// Errors up to which similar names are looked for.
const SUGGESTIONS_MAX: usize = 100;

/// A defined name; without a value where an error has been reported.
#[derive(Clone, Copy)]
struct Definition {
    value: Option<Value>,
    span: Span,
}

/// A module being lowered.
pub(super) struct Body<'c, 'f, 'a> {
    modules: &'c Modules<'f, 'a>,
    module: &'c Module<'a>,
    errors: &'c mut Vec<Diagnostic>,
    builder: Builder,
    values: HashMap<&'a str, Definition>,
    /// Whether a value could not be made, for an error here or in a module that is called.
    is_broken: bool,
}

impl<'c, 'f, 'a> Body<'c, 'f, 'a> {
    pub fn new(
        modules: &'c Modules<'f, 'a>,
        module: &'c Module<'a>,
        errors: &'c mut Vec<Diagnostic>,
    ) -> Self {
        let builder = Builder::verbatim(module.name.map_or("", |name| name.text));
        Body { modules, module, errors, builder, values: HashMap::new(), is_broken: false }
    }

    /// The graph, unless it is broken.
    pub fn lower(mut self) -> Option<Graph> {
        let module = self.module;
        let mut outputs = None;
        for statement in &module.statements {
            if outputs.is_some() {
                let message = "`tgraph.return` must be the last statement of its module";
                self.error(Diagnostic::new("module-2", message).at(statement.span));
                break;
            }
            match &statement.action {
                Action::Return(values) => outputs = Some(self.outputs(statement, values)),
                Action::Inputs(items) => self.inputs(statement, items),
                Action::Op { word, modules, operands, attributes } => {
                    self.op(statement, *word, modules, operands, attributes)
                }
                Action::Unread => self.define(statement, None),
            }
        }
        if outputs.is_none() && module.is_whole {
            let name = module.name.map_or("", |name| name.text);
            let message = format!("module @{} must end with `tgraph.return`", shortened(name));
            self.error(Diagnostic::new("module-2", message).at(module.end));
        }
        let outputs = outputs.filter(|_| !self.is_broken && module.is_whole)?;
        Some(self.builder.finish(outputs))
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.is_broken = true;
        self.errors.push(diagnostic);
    }

    /// Behind many errors nobody needs similar names.
    fn suggest(&self) -> Suggest {
        if self.errors.len() < SUGGESTIONS_MAX { Suggest::Yes } else { Suggest::No }
    }

    /// The types of `values`, as a label: `%a: f64, %b: f64`.
    fn described(&self, names: &[Name], values: &[Value]) -> Option<String> {
        let each = names.iter().zip(values);
        let described: Vec<String> =
            each.map(|(name, &value)| format!("%{}: {}", name.text, self.builder.ty(value))).collect();
        (!described.is_empty()).then(|| described.join(", "))
    }

    // ----------------------------------------------------------------------------- values

    /// The values of `names`, unless one of them is unknown or poisoned.
    fn operands(&mut self, names: &[Name<'a>]) -> Option<Vec<Value>> {
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            match self.values.get(name.text) {
                Some(definition) => values.push(definition.value),
                None => {
                    let message =
                        format!("value must be defined before it is used, got %{}", shortened(name.text));
                    let mut diagnostic = Diagnostic::new("value-1", message).at(name.span);
                    let known = (self.suggest() == Suggest::Yes)
                        .then(|| nearest(name.text, self.values.keys().copied()));
                    if let Some(known) = known.flatten() {
                        diagnostic = diagnostic.help(format!("a value with a similar name is %{known}"));
                    }
                    self.error(diagnostic);
                    // Reported once; from here on it is poisoned.
                    self.values.insert(name.text, Definition { value: None, span: name.span });
                    values.push(None);
                }
            }
        }
        values.into_iter().collect()
    }

    fn define_one(&mut self, name: Name<'a>, value: Option<Value>) {
        let definition = Definition { value, span: name.span };
        if let Some(earlier) = self.values.insert(name.text, definition) {
            // A use of an unknown name is no definition.
            if earlier.value.is_some() {
                let message = format!("value must be defined once, got %{} again", shortened(name.text));
                let line = self.modules.source.line(earlier.span.start);
                let diagnostic = Diagnostic::new("value-2", message).at(name.span);
                self.error(diagnostic.note(format!("it is defined in line {line}")));
            }
        } else if let Some(value) = value {
            self.builder.set_name(value, name.text);
        }
    }

    /// Binds the names of `statement` to `results`, or to poison.
    fn define(&mut self, statement: &Statement<'a>, results: Option<&[Value]>) {
        let (names, written) = (&statement.names, &statement.signature.results);
        self.is_broken |= results.is_none();
        if let Some(results) = results.filter(|results| results.len() != names.len()) {
            let message =
                format!("number of names left of `=` must be {}, got {}", results.len(), names.len());
            let span = names.first().map_or(statement.span, |name| name.span.to(statement.span));
            let mut diagnostic = Diagnostic::new("value-3", message).at(span);
            if names.is_empty() {
                diagnostic = diagnostic.help("name the result: `%y = tgraph.…`");
            }
            self.error(diagnostic);
        }
        for (i, &name) in names.iter().enumerate() {
            let value = match (results, written.get(i)) {
                (Some(results), _) => results.get(i).copied(),
                // What an error should have defined lives on with its written type.
                (None, Some(written)) => Some(self.builder.input("", written.ty.clone())),
                (None, None) => None,
            };
            self.define_one(name, value);
        }
    }

    // ------------------------------------------------------------------------------ types

    /// Compares written types with those that hold. `what` they are, in the plural.
    fn agree(&mut self, what: &str, written: &[WrittenType], inferred: &[Type], span: Span) {
        if written.len() != inferred.len() {
            let message =
                format!("number of types of {what} must be {}, got {}", inferred.len(), written.len());
            self.error(Diagnostic::new("type-3", message).at(span));
            return;
        }
        for (written, inferred) in written.iter().zip(inferred) {
            if describes(&written.ty, inferred) {
                continue;
            }
            let message = format!(
                "written type of {what} must agree with the inferred one, got {} for {inferred}",
                written.ty
            );
            let mut diagnostic =
                Diagnostic::new("type-3", message).at(written.span).label(format!("inferred: {inferred}"));
            if written.ty.agrees(inferred) {
                diagnostic = diagnostic.help("write `?`, or give the module's arguments static extents");
            }
            self.error(diagnostic);
        }
    }

    fn types(&self, values: &[Value]) -> Vec<Type> {
        values.iter().map(|&value| self.builder.ty(value).clone()).collect()
    }

    /// Compares the written signature with operands and results.
    fn check_signature(&mut self, signature: &Signature, operands: &[Value], results: &[Value]) {
        if let Some(written) = &signature.operands {
            let types = self.types(operands);
            self.agree("operands", written, &types, signature.span);
        }
        if signature.operands.is_some() || !signature.results.is_empty() {
            let types = self.types(results);
            self.agree("results", &signature.results, &types, signature.span);
        }
    }

    // ------------------------------------------------------------------------- statements

    fn inputs(&mut self, statement: &Statement<'a>, items: &[InputItem<'a>]) {
        let (names, types) = (&statement.names, &statement.signature.results);
        if names.len() != items.len() {
            let message = format!("number of names left of `=` must be {}, got {}", items.len(), names.len());
            self.error(Diagnostic::new("value-3", message).at(statement.span));
            return self.define(statement, None);
        }
        if statement.signature.operands.is_some() || (types.len() > 1 && types.len() != items.len()) {
            let message =
                format!("inputs must have one type, or one each ({}), got {}", items.len(), types.len());
            self.error(Diagnostic::new("type-3", message).at(statement.signature.span));
            return self.define(statement, None);
        }
        let mut argument = None;
        for (i, (item, &name)) in items.iter().zip(names).enumerate() {
            let written = types.get(i).or(types.first().filter(|_| types.len() == 1));
            let value = match &item.kind {
                InputKind::Arg => {
                    let value = written.map(|written| self.builder.input(name.text, written.ty.clone()));
                    if value.is_none() {
                        let message = format!("input %{} must have a written type", shortened(name.text));
                        let help = format!("write `%{} = tgraph.arg : tensor<?xf64>`", shortened(name.text));
                        self.error(Diagnostic::new("type-4", message).at(item.span).help(help));
                    }
                    argument = Some(value);
                    value
                }
                InputKind::Tangent(of) => self.tangent(name, item, *of, argument, written),
            };
            self.define_one(name, value);
        }
    }

    /// The tangent of the input `of`, or of `before`, the argument before it in its statement.
    fn tangent(
        &mut self,
        name: Name<'a>,
        item: &InputItem<'a>,
        of: Option<Name<'a>>,
        before: Option<Option<Value>>,
        written: Option<&WrittenType>,
    ) -> Option<Value> {
        let of = match of {
            Some(of) => self.operands(&[of])?[0],
            None => match before {
                Some(value) => value?,
                None => {
                    let message = "a tangent must follow its argument, or name it";
                    let help =
                        "write `%x, %dx = tgraph.arg, tgraph.tangent : …` or `%dx = tgraph.tangent %x`";
                    self.error(Diagnostic::new("input-1", message).at(item.span).help(help));
                    return None;
                }
            },
        };
        if !matches!(self.builder.graph().origin(of), Origin::Input(_)) {
            let message = "a tangent must be of an input, got a computed value";
            self.error(Diagnostic::new("input-1", message).at(item.span));
            return None;
        }
        let ty = self.builder.ty(of).clone();
        if !ty.dtype.is_float() {
            let message = format!("a tangent must be of a float, got {ty}");
            self.error(Diagnostic::new("input-1", message).at(item.span));
            return None;
        }
        if let Some(written) = written.filter(|written| written.ty != ty) {
            let message = format!("a tangent must have its argument's type {ty}, got {}", written.ty);
            self.error(Diagnostic::new("input-1", message).at(written.span));
        }
        Some(self.builder.tangent_input(name.text, of))
    }

    fn outputs(&mut self, statement: &Statement<'a>, names: &[Name<'a>]) -> Vec<Value> {
        if !statement.names.is_empty() {
            let message = "`tgraph.return` must define no value";
            self.error(Diagnostic::new("value-3", message).at(statement.names[0].span.to(statement.span)));
        }
        if names.is_empty() {
            let message = "`tgraph.return` must name one or more values, got none";
            self.error(Diagnostic::new("module-2", message).at(statement.span));
        }
        let Some(values) = self.operands(names) else {
            return vec![];
        };
        let signature = &statement.signature;
        let written = signature.operands.as_deref().unwrap_or(&signature.results);
        if !written.is_empty() {
            let types = self.types(&values);
            self.agree("returned values", written, &types, signature.span);
        }
        values
    }

    fn op(
        &mut self,
        statement: &Statement<'a>,
        word: Name<'a>,
        modules: &[Name<'a>],
        names: &[Name<'a>],
        entries: &[Entry<'a>],
    ) {
        let operands = self.operands(names);
        let Some(entry) = ops::entry(word.text) else {
            self.error(unknown_op(word));
            return self.define(statement, None);
        };
        let Some(regions) = self.regions(modules) else {
            return self.define(statement, None);
        };
        let written: Vec<Type> = statement.signature.results.iter().map(|t| t.ty.clone()).collect();
        let mut attributes = Attributes::new();
        let errors = self.errors.len();
        for entry in entries {
            match literal::attribute(entry.name.text, &entry.literal, written.first()) {
                Ok(attribute) => attributes.insert(entry.name.text.to_string(), attribute),
                Err(diagnostic) => self.error(diagnostic),
            }
        }
        if self.errors.len() > errors {
            return self.define(statement, None);
        }
        let op = (entry.parse)(entry.name, &attributes, &written, &regions);
        let op = op.map_err(Diagnostic::from).and_then(|op| understood(op, &attributes, entries));
        let op = op.and_then(|op| applied(op, modules));
        let (op, operands) = match (op, operands) {
            (Ok(op), Some(operands)) => (op, operands),
            (Err(diagnostic), operands) => {
                let label = operands.and_then(|operands| self.described(names, &operands));
                let diagnostic = pointed(diagnostic, statement.span, label);
                self.error(diagnostic);
                return self.define(statement, None);
            }
            (Ok(_), None) => return self.define(statement, None),
        };
        self.apply(statement, op, names, &operands);
    }

    /// The graphs of the modules that an operation applies, unless one is unknown or broken.
    fn regions(&mut self, names: &[Name<'a>]) -> Option<Vec<Arc<Graph>>> {
        let modules = self.modules;
        let mut regions = Vec::with_capacity(names.len());
        for &name in names {
            match modules.callee(name.text) {
                Callee::Ready(graph) => regions.push(graph.clone()),
                Callee::Broken => return None,
                Callee::Unknown => {
                    self.error(modules.unknown(name, self.suggest()));
                    return None;
                }
            }
            if let Some(diagnostic) = modules.too_large(name.text) {
                self.error(diagnostic.at(name.span));
                return None;
            }
        }
        Some(regions)
    }

    fn apply(&mut self, statement: &Statement<'a>, op: Op, names: &[Name<'a>], operands: &[Value]) {
        let span = statement.span;
        self.builder.at(Location::Text { start: span.start as u32, end: span.end as u32 });
        match self.builder.push(op, operands) {
            Ok(results) => {
                self.check_signature(&statement.signature, operands, &results);
                self.define(statement, Some(&results));
            }
            Err(violation) => {
                let label = self.described(names, operands);
                self.error(pointed(violation.into(), span, label));
                self.define(statement, None);
            }
        }
    }
}

/// Whether `written` says nothing about the type that is not known of it.
fn describes(written: &Type, inferred: &Type) -> bool {
    let extents = || written.shape.iter().zip(&inferred.shape);
    written.dtype == inferred.dtype
        && written.ndim() == inferred.ndim()
        && extents().all(|(written, inferred)| *written == Extent::Dynamic || written == inferred)
}

/// `diagnostic` at `span` with `label`, unless it has a place already.
fn pointed(mut diagnostic: Diagnostic, span: Span, label: Option<String>) -> Diagnostic {
    if diagnostic.span.is_none() {
        diagnostic.span = Some(span.into());
        diagnostic.label = label;
    }
    diagnostic
}

fn unknown_op(word: Name) -> Diagnostic {
    let message = format!("operation must be one of the table, got `tgraph.{}`", shortened(word.text));
    let diagnostic = Diagnostic::new("op-1", message).at(word.span);
    let syntax = ["arg", "tangent", "return"];
    if let Some(entry) = described_by(word.text) {
        return diagnostic
            .help(format!("`tgraph.{}` is described by this word, as in `{}`", entry.name, entry.example));
    }
    match nearest(word.text, ops::entries().iter().map(|entry| entry.name).chain(syntax)) {
        Some(known) => diagnostic.help(format!("an operation with a similar name is `tgraph.{known}`")),
        None => diagnostic,
    }
}

/// The operation that says earliest in its summary that it is `word`: reduce for `sum` or `mean`, contract for `einsum`.
fn described_by(word: &str) -> Option<&'static ops::Entry> {
    let place = |entry: &&'static ops::Entry| {
        let mut words = entry.summary.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.position(|said| said == word).map(|place| (place, *entry))
    };
    ops::entries()
        .iter()
        .filter_map(|entry| place(&entry))
        .min_by_key(|&(place, _)| place)
        .map(|(_, entry)| entry)
}

/// The operation, if it read every attribute as it was meant. An operation that does not print an
/// attribute took it for its default, which a word or a `true` never is.
fn understood(op: Op, given: &Attributes, entries: &[Entry]) -> Result<Op, Diagnostic> {
    let own = op.attributes();
    for ((name, given), entry) in given.iter().zip(entries) {
        let fits = match (own.get(name), given) {
            (Some(Attribute::Tensor(own)), Attribute::Tensor(given)) => own.same_bits(given),
            (Some(Attribute::Float(own)), Attribute::Int(given)) => *own == *given as f64,
            (Some(own), given) => own == given,
            (None, given) => matches!(given, Attribute::Bool(false) | Attribute::Ints(_)),
        };
        if !fits {
            let kind = own.get(name).map_or("", kind);
            let wanted = if kind.is_empty() || kind == self::kind(given) {
                "of the kind and range that it reads"
            } else {
                kind
            };
            let message =
                format!("attribute `{name}` of {} must be {wanted}, got {}", op.name(), self::kind(given));
            return Err(Diagnostic::new("attribute-3", message).at(entry.literal.span));
        }
    }
    Ok(op)
}

/// The operation, if it takes modules where some are named.
fn applied(op: Op, modules: &[Name]) -> Result<Op, Diagnostic> {
    match modules.first() {
        Some(module) if op.regions().is_empty() => {
            let message = format!("{} must name no module, got @{}", op.name(), shortened(module.text));
            Err(Diagnostic::new("module-6", message).at(module.span))
        }
        _ => Ok(op),
    }
}

fn kind(attribute: &Attribute) -> &'static str {
    match attribute {
        Attribute::Bool(_) => "true or false",
        Attribute::Int(_) => "an integer",
        Attribute::Float(_) => "a number",
        Attribute::Ints(_) => "a list of integers",
        Attribute::Text(_) => "a string",
        Attribute::DType(_) => "a dtype",
        Attribute::Tensor(_) => "numbers",
    }
}
