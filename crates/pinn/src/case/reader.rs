//! Reading TOML so that everything wrong with a file is reported at once, each thing at its place.
//!
//! A [`Table`] knows which keys were asked of it; what is left when it is finished is unknown, and the
//! keys that were asked for are the suggestions. A method that answers `None` has reported why.

use crate::diagnostic::{Diagnostic, closest, list};
use crate::expression::{Expr, Point, Scope, parse};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text of a file and what is wrong with it so far.
pub struct Reader<'a> {
    source: &'a str,
    errors: RefCell<Vec<Diagnostic>>,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a str) -> Reader<'a> {
        Reader { source, errors: RefCell::new(Vec::new()) }
    }

    pub fn report(&self, error: Diagnostic) {
        self.errors.borrow_mut().push(error);
    }

    /// The errors, in the order of the file.
    pub fn into_errors(self) -> Vec<Diagnostic> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| error.span.start);
        errors
    }
}

/// A table, and what it is called in errors.
pub struct Table<'a> {
    pub reader: &'a Reader<'a>,
    pub span: Range<usize>,
    what: String,
    entries: &'a DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub fn new(
        reader: &'a Reader<'a>,
        entries: &'a DeTable<'a>,
        span: Range<usize>,
        what: impl Into<String>,
    ) -> Table<'a> {
        Table { reader, span, what: what.into(), entries, asked: RefCell::default() }
    }

    /// The value of `key`, if the file has it.
    pub fn optional(&self, key: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().push(key);
        self.pairs().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The value of `key`; that there is none is reported.
    pub fn required(&self, key: &'static str) -> Option<Value<'a>> {
        let value = self.optional(key);
        if value.is_none() {
            let message = format!("{} must have a field `{key}`, got none", self.what);
            self.reader.report(Diagnostic::new("case-field", message, self.span.clone()));
        }
        value
    }

    /// Every key with its value, in the order of the file. Does not count as asking.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let reader = self.reader;
        self.entries.iter().map(move |(key, value)| {
            let name = key.get_ref().as_ref();
            let what = format!("`{name}`");
            (name, Value { reader, key: key.span(), span: value.span(), what, value })
        })
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for (name, value) in self.pairs().filter(|(name, _)| !asked.contains(name)) {
            let known = list(asked.iter().copied(), "or");
            let message = format!("field of {} must be {known}, got `{name}`", self.what);
            let mut error = Diagnostic::new("case-field", message, value.key);
            if let Some(meant) = closest(name, asked.iter().copied()) {
                error = error.help(format!("did you mean `{meant}`?"));
            }
            self.reader.report(error);
        }
    }
}

/// A value, where it stands, and what it is called in errors.
#[derive(Clone)]
pub struct Value<'a> {
    pub reader: &'a Reader<'a>,
    /// Bytes of the key (of the value, for an element of a list).
    pub key: Range<usize>,
    /// Bytes of the value.
    pub span: Range<usize>,
    pub what: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    /// Reports that this must be something else; answers `None`.
    pub fn wrong<T>(&self, must: &str, got: &str) -> Option<T> {
        self.reader.report(self.error(must, got));
        None
    }

    pub fn error(&self, must: &str, got: &str) -> Diagnostic {
        let message = format!("{} must be {must}, got {got}", self.what);
        Diagnostic::new("case-value", message, self.span.clone())
    }

    fn mistyped<T>(&self, wanted: &str) -> Option<T> {
        let got = match self.value.get_ref() {
            DeValue::String(text) => format!("the text {:?}", text.as_ref()),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(_) => "a date".into(),
            DeValue::Array(_) => "a list".into(),
            DeValue::Table(_) => "a table".into(),
        };
        self.wrong(wanted, &got)
    }

    pub fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    pub fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    pub fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub fn table(&self, what: impl Into<String>) -> Option<Table<'a>> {
        match self.value.get_ref() {
            DeValue::Table(entries) => Some(Table::new(self.reader, entries, self.span.clone(), what)),
            _ => self.mistyped("a table"),
        }
    }

    pub fn list(&self) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(elements) = self.value.get_ref() else {
            return self.mistyped("a list");
        };
        let element = |(i, value): (usize, &'a Spanned<DeValue<'a>>)| {
            let what = format!("`{}[{i}]`", self.what.trim_matches('`'));
            Value { reader: self.reader, key: value.span(), span: value.span(), what, value }
        };
        Some(elements.iter().enumerate().map(element).collect())
    }

    pub fn text(&self) -> Option<Text<'a>> {
        match self.value.get_ref().as_str() {
            Some(text) => Some(Text { text, value: self.clone(), start: self.start_of(text) }),
            None => self.mistyped("a text in quotes"),
        }
    }

    /// Where `text` stands in the file, if it stands there without escapes.
    fn start_of(&self, text: &str) -> Option<usize> {
        let raw = self.reader.source.get(self.span.clone())?;
        Some(self.span.start + raw.find(text)?)
    }

    /// One of some names.
    pub fn choice<T: Copy>(&self, options: &[(&str, T)]) -> Option<T> {
        let text = self.text()?.text;
        if let Some((_, choice)) = options.iter().find(|(name, _)| *name == text) {
            return Some(*choice);
        }
        let names = || options.iter().map(|(name, _)| *name);
        let mut error = self.error(&list(names(), "or"), &format!("`{text}`"));
        if let Some(meant) = closest(text, names()) {
            error = error.help(format!("did you mean `{meant}`?"));
        }
        self.reader.report(error);
        None
    }

    /// A whole number in `range`.
    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(number) = self.value.get_ref() else {
            return self.mistyped("a whole number");
        };
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(n) if range.contains(&n) => Some(n),
            _ => {
                let (low, high) = (range.start(), range.end());
                let must = match *high {
                    u64::MAX => format!("a whole number of at least {low}"),
                    high => format!("a whole number from {low} to {high}"),
                };
                self.wrong(&must, &number.to_string())
            }
        }
    }

    pub fn boolean(&self) -> Option<bool> {
        match self.value.get_ref().as_bool() {
            Some(value) => Some(value),
            None => self.mistyped("`true` or `false`"),
        }
    }

    /// A finite number, given as such or as an expression of the constants in `scope`, whose parameters
    /// have `parameters` as values.
    pub fn number(&self, scope: &Scope, parameters: &[f64]) -> Option<f64> {
        let value = match self.value.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
            DeValue::Float(x) => x.as_str().parse().ok(),
            DeValue::String(_) => return self.text()?.constant(scope, parameters),
            _ => return self.mistyped("a number or an expression in quotes"),
        };
        match value {
            Some(x) if f64::is_finite(x) => Some(x),
            _ => self.mistyped("finite"),
        }
    }

    /// A positive number, like [`Value::number`] without parameters.
    pub fn positive(&self) -> Option<f64> {
        let x = self.number(&Scope::default(), &[])?;
        if x > 0.0 { Some(x) } else { self.wrong("greater than 0", &x.to_string()) }
    }
}

/// A text and its place in the file.
#[derive(Clone)]
pub struct Text<'a> {
    pub text: &'a str,
    pub value: Value<'a>,
    start: Option<usize>,
}

impl<'a> Text<'a> {
    /// The part of the text at `range`, without spaces around it.
    pub fn part(&self, range: Range<usize>) -> Text<'a> {
        let part = &self.text[range.clone()];
        let trimmed = part.trim();
        let offset = range.start + (part.len() - part.trim_start().len());
        Text { text: trimmed, value: self.value.clone(), start: self.start.map(|s| s + offset) }
    }

    /// Bytes of the file.
    pub fn span(&self) -> Range<usize> {
        self.place(0..self.text.len())
    }

    /// Bytes of the file for bytes of the text.
    pub fn place(&self, span: Range<usize>) -> Range<usize> {
        match self.start {
            Some(start) => start + span.start..start + span.end,
            None => self.value.span.clone(),
        }
    }

    /// Reads the text by `parse`; what is wrong is reported at its place in the file.
    pub fn parse(
        &self,
        scope: &Scope,
        parse: fn(&str, &Scope) -> Result<Expr, Vec<Diagnostic>>,
    ) -> Option<Expr> {
        let report = |errors: Vec<Diagnostic>| {
            for mut error in errors {
                error.span = self.place(error.span);
                self.value.reader.report(error);
            }
        };
        parse(self.text, scope).map_err(report).ok()
    }

    /// The value of a constant expression.
    pub fn constant(&self, scope: &Scope, parameters: &[f64]) -> Option<f64> {
        let expr = self.parse(scope, parse)?;
        let got = match expr.evaluate(&Point { parameters, ..Point::default() }) {
            Ok(x) if x.is_finite() => return Some(x),
            Ok(x) => x.to_string(),
            Err(error) => error.to_string(),
        };
        let message = format!("{} must be a finite number, got {got}", self.value.what);
        self.value.reader.report(Diagnostic::new("case-value", message, self.span()));
        None
    }
}
