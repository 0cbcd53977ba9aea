//! From TOML to [`Case`]: the file as a whole and what it declares. Terms of the loss are read in
//! [`super::terms`], training in [`super::training`].
//!
//! A function that answers `None` has reported why; the others go on, so that one reading finds all
//! that is wrong.

use super::reader::{Reader, Table, Value};
use super::{Case, Checkpoints, Coordinate, Derivatives, Parameter, terms, training};
use crate::diagnostic::Diagnostic;
use crate::expression::{Function, Node, Scope, parse};
use std::ops::Range;
use tessera_core::DType;
use toml::de::DeTable;

/// Reads the text of a case, or reports all that is wrong with it.
pub fn case(text: &str) -> Result<Case, Vec<Diagnostic>> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        let report = |error: &toml::de::Error| {
            let message = format!("text must be TOML: {}", error.message());
            Diagnostic::new("case-syntax", message, error.span().unwrap_or(0..0))
        };
        let mut errors: Vec<Diagnostic> = syntax.iter().map(report).collect();
        errors.sort_by_key(|error| error.span.start);
        return Err(errors);
    }
    let reader = Reader::new(text);
    let top = Table::new(&reader, document.get_ref(), 0..0, "a case");
    let case = read(&top);
    top.finish();
    let errors = reader.into_errors();
    match case {
        Some(case) if errors.is_empty() => Ok(case),
        _ => Err(errors),
    }
}

fn read(top: &Table) -> Option<Case> {
    let title = top.required("title").and_then(|value| value.text());
    let seed = optional(top, "seed", 0, |value| value.integer(0..=i64::MAX as u64));
    let precisions = [("f64", DType::F64), ("f32", DType::F32)];
    let precision = optional(top, "precision", DType::F64, |value| value.choice(&precisions));
    let forms = [("collapsed", Derivatives::Collapsed), ("nested", Derivatives::Nested)];
    let derivatives = optional(top, "derivatives", Derivatives::Collapsed, |value| value.choice(&forms));
    let declared = declarations(top);
    let terms = terms::read(top, &declared);
    let network = top.required("network").and_then(|value| training::network(&value, seed));
    let optimisers = training::optimisers(top);
    let reference = optional(top, "reference", None, |value| training::reference(value, &declared).map(Some));
    let checkpoints = optional(top, "checkpoint", Checkpoints::default(), training::checkpoint);
    let terms = terms?;
    Some(Case {
        title: title?.text.to_string(),
        seed: seed?,
        precision: precision?,
        derivatives: derivatives?,
        coordinates: declared.coordinates,
        unknowns: declared.scope.unknowns,
        parameters: declared.parameters,
        equations: terms.equations,
        conditions: terms.conditions,
        data: terms.data,
        ansatz: terms.ansatz,
        network: network?,
        optimisers: optimisers?,
        reference: reference?,
        checkpoints: checkpoints?,
    })
}

/// The value of a field, or `default` where there is none; `None` after a report.
pub fn optional<'a, T>(
    table: &Table<'a>,
    key: &'static str,
    default: T,
    read: impl FnOnce(&Value<'a>) -> Option<T>,
) -> Option<T> {
    match table.optional(key) {
        Some(value) => read(&value),
        None => Some(default),
    }
}

/// What the case declares. Something stands for every name, also where its value is wrong, so that the
/// name is known in what follows.
pub struct Declared {
    /// All names.
    pub scope: Scope,
    /// The independent variables.
    pub coordinates: Vec<Coordinate>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The parameters of known value, which constants may use, and their values.
    constants: (Scope, Vec<f64>),
}

impl Declared {
    /// A constant: a number, or an expression of known parameters.
    pub fn constant(&self, value: &Value) -> Option<f64> {
        value.number(&self.constants.0, &self.constants.1)
    }

    /// The names and values that constants may use.
    pub fn constants(&self) -> (&Scope, &[f64]) {
        (&self.constants.0, &self.constants.1)
    }
}

fn declarations(top: &Table) -> Declared {
    let mut declared = Declared {
        scope: Scope::default(),
        coordinates: Vec::new(),
        parameters: Vec::new(),
        constants: Default::default(),
    };
    let mut names = Vec::new();
    let table = top.optional("parameters").and_then(|value| value.table("[parameters]"));
    for (name, value) in table.iter().flat_map(|table| table.pairs()) {
        names.push((name, value.clone(), value.key.clone()));
        let parameter = parameter(name, &value, &declared);
        if !parameter.trainable {
            declared.constants.0.parameters.push(name.to_string());
            declared.constants.1.push(parameter.value);
        }
        declared.scope.parameters.push(name.to_string());
        declared.parameters.push(parameter);
    }
    let table = top.required("coordinates").and_then(|value| value.table("[coordinates]"));
    for (name, value) in table.iter().flat_map(|table| table.pairs()) {
        names.push((name, value.clone(), value.key.clone()));
        let (low, high) = interval(&value, &declared).unwrap_or((0.0, 1.0));
        declared.scope.coordinates.push(name.to_string());
        declared.coordinates.push(Coordinate { name: name.to_string(), low, high });
    }
    let unknowns = top.required("unknowns").and_then(|value| {
        let list = value.list()?;
        match list.is_empty() {
            true => value.wrong("a list of at least one name", "an empty list"),
            false => Some(list),
        }
    });
    for value in unknowns.into_iter().flatten() {
        if let Some(text) = value.text() {
            names.push((text.text, value, text.span()));
            declared.scope.unknowns.push(text.text.to_string());
        }
    }
    check_names(&names, &declared.scope);
    declared
}

fn parameter(name: &str, value: &Value, declared: &Declared) -> Parameter {
    let known = |value: Option<f64>| Parameter {
        name: name.to_string(),
        value: value.unwrap_or(1.0),
        trainable: false,
    };
    if !value.is_table() {
        return known(declared.constant(value));
    }
    let Some(table) = value.table(format!("parameter `{name}`")) else {
        return known(None);
    };
    let trainable = table.required("trainable");
    if let Some(value) = trainable.filter(|value| value.boolean() == Some(false)) {
        let error = value.error("`true`", "`false`");
        value.reader.report(error.help(format!("write a known value as `{name} = …`")));
    }
    let initial = table.required("initial").and_then(|value| declared.constant(&value));
    table.finish();
    Parameter { trainable: true, ..known(initial) }
}

fn interval(value: &Value, declared: &Declared) -> Option<(f64, f64)> {
    let ends = value.list()?;
    let [low, high] = ends.as_slice() else {
        return value.wrong("an interval `[low, high]`", &format!("{} numbers", ends.len()));
    };
    let (low, high) = (declared.constant(low), declared.constant(high));
    let (low, high) = (low?, high?);
    if low < high && (high - low).is_finite() {
        return Some((low, high));
    }
    value.wrong("an interval with low < high", &format!("[{low}, {high}]"))
}

/// Names must be words, each must have one meaning, and none may read as a derivative.
fn check_names(names: &[(&str, Value, Range<usize>)], scope: &Scope) {
    for (i, (name, value, span)) in names.iter().enumerate() {
        let report = |must: &str, got: &str, help: &str| {
            let message = format!("name must {must}, got {got}");
            let error = Diagnostic::new("case-name", message, span.clone());
            value.reader.report(error.help(help));
        };
        let word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !(word && name.starts_with(char::is_alphabetic)) {
            report("be a letter, then letters, digits and `_`", &format!("`{name}`"), "");
        } else if scope.coordinates.iter().any(|c| c == name) && name.contains('_') {
            report("have no `_` where it is a coordinate's", &format!("`{name}`"), "");
        } else if ["pi", "π"].contains(name) || Function::from_name(name).is_some() {
            report("be free", &format!("`{name}`, which the language has"), "choose another name");
        } else if names[..i].iter().any(|(other, ..)| other == name) {
            report("have one meaning", &format!("`{name}` again"), "choose another name");
        } else {
            let others =
                |list: &[String]| list.iter().filter(|other| other != name).cloned().collect::<Vec<_>>();
            let scope = Scope {
                coordinates: others(&scope.coordinates),
                unknowns: others(&scope.unknowns),
                parameters: others(&scope.parameters),
            };
            let reads_as = parse(name, &scope).map(|expr| expr.node);
            if matches!(reads_as, Ok(Node::Derivative { .. })) {
                report("be no derivative", &format!("`{name}`"), "choose a name without `_`");
            }
        }
    }
}
