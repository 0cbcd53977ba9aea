//! The names an expression may use, and what each stands for.

use super::{Function, Node, Symbol};
use crate::diagnostic::{Diagnostic, closest, list};
use std::ops::Range;

/// The declared names, in the order of the case file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Names of the coordinates.
    pub coordinates: Vec<String>,
    /// Names of the unknown functions.
    pub unknowns: Vec<String>,
    /// Names of the parameters.
    pub parameters: Vec<String>,
}

impl Scope {
    /// A scope of these names.
    pub fn new(coordinates: &[&str], unknowns: &[&str], parameters: &[&str]) -> Scope {
        let owned = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        Scope { coordinates: owned(coordinates), unknowns: owned(unknowns), parameters: owned(parameters) }
    }

    /// What `name` stands for; `span` is its place, for the error.
    pub(super) fn resolve(&self, name: &str, span: Range<usize>) -> Result<Node, Box<Diagnostic>> {
        let position = |names: &[String]| names.iter().position(|known| known == name);
        if let Some(i) = position(&self.coordinates) {
            return Ok(Node::Symbol(Symbol::Coordinate(i)));
        }
        if let Some(i) = position(&self.unknowns) {
            return Ok(Node::Symbol(Symbol::Unknown(i)));
        }
        if let Some(i) = position(&self.parameters) {
            return Ok(Node::Symbol(Symbol::Parameter(i)));
        }
        if name == "pi" || name == "π" {
            return Ok(Node::Number(std::f64::consts::PI));
        }
        if let Some((stem, subscript)) = name.rsplit_once('_')
            && let Some(unknown) = self.unknowns.iter().position(|known| known == stem)
        {
            return self.derivative(unknown, subscript, span);
        }
        Err(Box::new(self.unknown_name(name, span)))
    }

    fn derivative(
        &self,
        unknown: usize,
        subscript: &str,
        span: Range<usize>,
    ) -> Result<Node, Box<Diagnostic>> {
        let mut readings = Vec::new();
        let rest = self.read_subscript(subscript, &mut Vec::new(), &mut readings);
        match readings.as_slice() {
            [by] => {
                let mut by = by.clone();
                by.sort_unstable();
                Ok(Node::Derivative { unknown, by })
            }
            [] => {
                let name = &self.unknowns[unknown];
                let message =
                    format!("derivative must be by coordinates, got `{subscript}` in `{name}_{subscript}`");
                let known = list(self.coordinates.iter().map(String::as_str), "and");
                let help = match closest(subscript, self.coordinates.iter().map(String::as_str)) {
                    Some(c) => format!("did you mean `{name}_{c}`? the coordinates are {known}"),
                    None => {
                        let c = self.coordinates.last().map_or("x", String::as_str);
                        format!("the coordinates are {known}; `{name}_{c}{c}` differentiates twice by `{c}`")
                    }
                };
                let label = match rest {
                    "" => "nothing stands after the `_`".to_string(),
                    rest => format!("`{rest}` is no coordinate"),
                };
                let error = Diagnostic::new("expression-derivative", message, span);
                Err(Box::new(error.label(label).help(help)))
            }
            _ => {
                let message = format!("subscript must have one reading, got `{subscript}` with several");
                let error = Diagnostic::new("expression-derivative", message, span);
                Err(Box::new(error.help("rename a coordinate, so that no name is made of others")))
            }
        }
    }

    /// Collects every way (two are enough) to write `text` as coordinate names; returns the shortest
    /// rest that none of them starts.
    fn read_subscript<'a>(
        &self,
        text: &'a str,
        so_far: &mut Vec<usize>,
        readings: &mut Vec<Vec<usize>>,
    ) -> &'a str {
        const ORDER_MAX: usize = 16;
        if text.is_empty() && !so_far.is_empty() {
            readings.push(so_far.clone());
        }
        let mut shortest = text;
        for (i, name) in self.coordinates.iter().enumerate() {
            if readings.len() > 1 || so_far.len() == ORDER_MAX {
                break;
            }
            if let Some(rest) = text.strip_prefix(name.as_str()) {
                so_far.push(i);
                let rest = self.read_subscript(rest, so_far, readings);
                so_far.pop();
                if rest.len() < shortest.len() {
                    shortest = rest;
                }
            }
        }
        shortest
    }

    fn closest_unknown(&self, name: &str) -> Option<&str> {
        match self.unknowns.as_slice() {
            [only] => Some(only),
            names => closest(name, names.iter().map(String::as_str)),
        }
    }

    fn unknown_name(&self, name: &str, span: Range<usize>) -> Diagnostic {
        if Function::from_name(name).is_some() {
            let message = format!("function must be followed by `(`, got `{name}` alone");
            return Diagnostic::new("expression-function", message, span).help(format!("write `{name}(…)`"));
        }
        let message = format!("name must be a coordinate, unknown, parameter or `pi`, got `{name}`");
        let error = Diagnostic::new("expression-name", message, span);
        if let Some((stem, subscript)) = name.rsplit_once('_')
            && let Some(meant) = self.closest_unknown(stem)
            && self.derivative(0, subscript, 0..0).is_ok()
        {
            return error.help(format!("did you mean `{meant}_{subscript}`?"));
        }
        let known = || {
            let lists = [&self.coordinates, &self.unknowns, &self.parameters];
            lists.into_iter().flatten().map(String::as_str)
        };
        error.help(match closest(name, known().chain(["pi"])) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", list(known().chain(["pi"]), "and")),
        })
    }
}
