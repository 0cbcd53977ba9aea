//! The terms of the loss: equations, conditions and data, and the ansatz they all speak of.

use super::read::{Declared, optional};
use super::reader::{Table, Text, Value};
use super::{Condition, Data, Equation, Sampling, Side};
use crate::diagnostic::{Diagnostic, closest, list};
use crate::expression::{Expr, Node, parse, parse_equation};
use crate::sampling::{Method, POINTS_MAX_LOG2, sobol};

/// All that has been read here.
pub struct Terms {
    pub equations: Vec<Equation>,
    pub conditions: Vec<Condition>,
    pub data: Vec<Data>,
    pub ansatz: Vec<Option<Expr>>,
}

/// Reads the terms; `None` if any is wrong.
pub fn read(top: &Table, declared: &Declared) -> Option<Terms> {
    let method = optional(top, "sampling", Method::Sobol, |value| {
        let table = value.table("[sampling]")?;
        let method = optional(&table, "method", Method::Sobol, method);
        table.finish();
        method
    });
    let method = method.unwrap_or(Method::Uniform);
    let equations =
        each(top.required("equation"), "equation", |table, name| equation(table, name, declared, method));
    let conditions =
        each(top.optional("condition"), "condition", |table, name| condition(table, name, declared, method));
    let data = each(top.optional("data"), "data", |table, name| data(table, name, declared));
    let ansatz =
        optional(top, "ansatz", vec![None; declared.scope.unknowns.len()], |value| ansatz(value, declared));
    Some(Terms { equations: equations?, conditions: conditions?, data: data?, ansatz: ansatz? })
}

fn method(value: &Value) -> Option<Method> {
    value.choice(&Method::ALL.map(|method| (method.name(), method)))
}

/// Reads each table of an array of tables, with its name: the field `name`, or kind and number.
fn each<'a, T>(
    value: Option<Value<'a>>,
    kind: &str,
    read: impl Fn(&Table<'a>, String) -> Option<T>,
) -> Option<Vec<T>> {
    const TERMS_MAX: usize = 1000;
    let Some(value) = value else {
        return Some(Vec::new());
    };
    if value.is_table() {
        let error = value.error("a list of tables", "a table");
        value.reader.report(error.help(format!("write the header as [[{kind}]]")));
        return None;
    }
    let elements = value.list()?;
    if elements.len() > TERMS_MAX {
        return value.wrong(&format!("at most {TERMS_MAX} tables"), &elements.len().to_string());
    }
    let mut terms = Some(Vec::new());
    for (i, element) in elements.iter().enumerate() {
        let term = element.table(format!("[[{kind}]]")).and_then(|table| {
            let name = match table.optional("name") {
                Some(value) => value.text().map(|text| text.text.to_string()),
                None => Some(format!("{kind} {}", i + 1)),
            };
            let term = read(&table, name.unwrap_or_default());
            table.finish();
            term
        });
        match (term, &mut terms) {
            (Some(term), Some(list)) => list.push(term),
            _ => terms = None,
        }
    }
    terms
}

fn equation(table: &Table, name: String, declared: &Declared, method: Method) -> Option<Equation> {
    let residual = residual(table, declared);
    let weight = optional(table, "weight", 1.0, Value::positive);
    let sampling = sampling(table, declared.coordinates.len(), method);
    let (residual, text) = residual?;
    Some(Equation { name, residual, text, weight: weight?, sampling: sampling? })
}

fn residual(table: &Table, declared: &Declared) -> Option<(Expr, String)> {
    let text = table.required("text")?.text()?;
    let residual = text.parse(&declared.scope, parse_equation)?;
    let speaks = |node: &Node| match node {
        Node::Symbol(symbol) => matches!(symbol, crate::expression::Symbol::Unknown(_)),
        Node::Derivative { .. } => true,
        _ => false,
    };
    if residual.find(speaks).is_none() {
        let unknowns = list(declared.scope.unknowns.iter().map(String::as_str), "or");
        let message = format!("equation must speak of {unknowns}, got none");
        text.value.reader.report(Diagnostic::new("case-value", message, text.span()));
        return None;
    }
    Some((residual, text.text.to_string()))
}

/// The points of a term in `dimensions` free coordinates.
fn sampling(table: &Table, dimensions: usize, default: Method) -> Option<Sampling> {
    let points = match dimensions {
        0 => optional(table, "points", 1, |value| value.integer(1..=1)),
        _ => table.required("points").and_then(|value| value.integer(1..=1 << POINTS_MAX_LOG2)),
    };
    let method = match table.optional("method") {
        Some(value) => {
            let chosen = method(&value)?;
            if chosen == Method::Sobol && dimensions > sobol::DIMENSIONS_MAX {
                let max = sobol::DIMENSIONS_MAX;
                return value.wrong(
                    &format!("`lhs` or `uniform` in more than {max} dimensions"),
                    &format!("`sobol` in {dimensions}"),
                );
            }
            chosen
        }
        None if default == Method::Sobol && dimensions > sobol::DIMENSIONS_MAX => Method::LatinHypercube,
        None => default,
    };
    Some(Sampling { points: points?, method })
}

fn condition(table: &Table, name: String, declared: &Declared, method: Method) -> Option<Condition> {
    let sides = table.required("where").and_then(|value| sides(&value, declared));
    let residual = residual(table, declared);
    let weight = optional(table, "weight", 1.0, Value::positive);
    let free = |side: &Side| side.fixed.iter().filter(|fixed| fixed.is_none()).count();
    let dimensions = sides.as_ref().and_then(|sides| sides.iter().map(free).max());
    let sampling = sampling(table, dimensions.unwrap_or(1), method);
    let (residual, text) = residual?;
    Some(Condition { name, sides: sides?, residual, text, weight: weight?, sampling: sampling? })
}

/// `"t = 0"` or `["x = 0", "x = 1, t = 0"]`.
fn sides(value: &Value, declared: &Declared) -> Option<Vec<Side>> {
    if !value.is_list() {
        return Some(vec![side(&value.text()?, declared)?]);
    }
    let texts = value.list()?;
    if texts.is_empty() || texts.len() > usize::from(u16::MAX) {
        return value.wrong("a side like \"t = 0\" or a list of such", &format!("{} sides", texts.len()));
    }
    let sides: Vec<Option<Side>> =
        texts.iter().map(|value| value.text().and_then(|text| side(&text, declared))).collect();
    sides.into_iter().collect()
}

fn side(text: &Text, declared: &Declared) -> Option<Side> {
    let mut side = Side { fixed: vec![None; declared.coordinates.len()] };
    let mut good = true;
    for part in split(text, ',') {
        match fixed(&part, declared) {
            Some((i, value)) if side.fixed[i].is_none() => side.fixed[i] = Some(value),
            Some((i, _)) => {
                let name = &declared.coordinates[i].name;
                report(&part, &format!("fix each coordinate once, got `{name}` again"), "");
                good = false;
            }
            None => good = false,
        }
    }
    good.then_some(side)
}

/// The coordinate and value of `x = -1`.
fn fixed(part: &Text, declared: &Declared) -> Option<(usize, f64)> {
    let sides = split(part, '=');
    let [name, value] = sides.as_slice() else {
        let got = format!("read `coordinate = value`, got `{}`", part.text);
        report(part, &got, "join several by commas: \"t = 0, x = 1\"");
        return None;
    };
    let names = || declared.scope.coordinates.iter().map(String::as_str);
    let Some(i) = names().position(|known| known == name.text) else {
        let known = list(names(), "or");
        let help = match closest(name.text, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => String::new(),
        };
        report(name, &format!("fix a coordinate, {known}, got `{}`", name.text), &help);
        return None;
    };
    let (constants, values) = declared.constants();
    let x = value.constant(constants, values)?;
    let coordinate = &declared.coordinates[i];
    if !(coordinate.low <= x && x <= coordinate.high) {
        let (name, low, high) = (&coordinate.name, coordinate.low, coordinate.high);
        report(value, &format!("keep `{name}` in its interval, [{low}, {high}], got {x}"), "");
        return None;
    }
    Some((i, x))
}

fn report(text: &Text, must: &str, help: &str) {
    let error = Diagnostic::new("case-where", format!("`where` must {must}"), text.span());
    text.value.reader.report(error.help(help));
}

/// The parts of a text between separators outside of parentheses.
fn split<'a>(text: &Text<'a>, separator: char) -> Vec<Text<'a>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (i, c) in text.text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            c if c == separator && depth == 0 => {
                parts.push(text.part(start..i));
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.part(start..text.text.len()));
    parts
}

fn data(table: &Table, name: String, declared: &Declared) -> Option<Data> {
    let file = table.required("file").and_then(|value| value.text());
    let weight = optional(table, "weight", 1.0, Value::positive);
    let columns = table.required("columns").and_then(|value| {
        let columns = value.table("columns")?;
        let mut arrays =
            (vec![None; declared.scope.coordinates.len()], vec![None; declared.scope.unknowns.len()]);
        for (name, array) in columns.pairs() {
            let position = |names: &[String]| names.iter().position(|known| known == name);
            let array_name = array.text().map(|text| text.text.to_string());
            if let Some(i) = position(&declared.scope.coordinates) {
                arrays.0[i] = array_name;
            } else if let Some(i) = position(&declared.scope.unknowns) {
                arrays.1[i] = array_name;
            } else {
                let names = [&declared.scope.coordinates, &declared.scope.unknowns];
                let known = list(names.into_iter().flatten().map(String::as_str), "or");
                let message = format!("column must be for {known}, got `{name}`");
                array.reader.report(Diagnostic::new("case-data", message, array.key));
            }
        }
        check_columns(&value, declared, &arrays)?;
        Some((arrays.0.into_iter().flatten().collect(), arrays.1))
    });
    let (coordinates, unknowns) = columns?;
    Some(Data { name, file: file?.text.into(), coordinates, unknowns, weight: weight? })
}

fn check_columns(
    value: &Value,
    declared: &Declared,
    (coordinates, unknowns): &(Vec<Option<String>>, Vec<Option<String>>),
) -> Option<()> {
    let names = declared.scope.coordinates.iter().zip(coordinates);
    let missing: Vec<&str> =
        names.filter(|(_, array)| array.is_none()).map(|(name, _)| name.as_str()).collect();
    if !missing.is_empty() {
        let got = format!("none for {}", list(missing, "and"));
        return value.wrong("a table with an array for every coordinate", &got);
    }
    if unknowns.iter().all(Option::is_none) {
        return value.wrong("a table with an array for an unknown", "none");
    }
    Some(())
}

fn ansatz(value: &Value, declared: &Declared) -> Option<Vec<Option<Expr>>> {
    let names = &declared.scope.unknowns;
    let mut all = vec![None; names.len()];
    let mut good = true;
    for (name, value) in value.table("[ansatz]")?.pairs() {
        let Some(i) = names.iter().position(|unknown| unknown == name) else {
            let known = list(names.iter().map(String::as_str), "or");
            let message = format!("ansatz must be for {known}, got `{name}`");
            value.reader.report(Diagnostic::new("case-field", message, value.key));
            good = false;
            continue;
        };
        all[i] = value.text().and_then(|text| {
            let expr = text.parse(&declared.scope, parse)?;
            let Some(part) = expr.find(|node| matches!(node, Node::Derivative { .. })) else {
                return Some(expr);
            };
            let message =
                "ansatz must be made of coordinates, parameters and network outputs, got a derivative";
            let span = text.place(part.span.clone());
            text.value.reader.report(Diagnostic::new("case-value", message, span));
            None
        });
        good &= all[i].is_some();
    }
    good.then_some(all)
}
