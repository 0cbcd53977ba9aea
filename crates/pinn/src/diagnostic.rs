//! Errors that point at a place in a text, and their rendering.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a text, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of error, which `tessera explain` knows.
    pub id: &'static str,
    /// What must hold and what it got; lower case, no full stop.
    pub message: String,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What stands under the mark; may be empty.
    pub label: String,
    /// How to mend it; may be empty.
    pub help: String,
}

impl Diagnostic {
    /// An error without label and help.
    pub fn new(id: &'static str, message: impl Into<String>, span: Range<usize>) -> Diagnostic {
        Diagnostic { id, message: message.into(), span, label: String::new(), help: String::new() }
    }

    /// With a text under the mark.
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    /// With a way to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = help.into();
        self
    }

    /// Moves the span by `bytes`: from a part of a text to the whole.
    pub fn shifted(mut self, bytes: usize) -> Diagnostic {
        self.span = self.span.start + bytes..self.span.end + bytes;
        self
    }

    /// The error as text, with the lines of `source` that it is about.
    pub fn render(&self, path: &str, source: &str) -> String {
        let mut annotation = AnnotationKind::Primary.span(within(source, &self.span));
        if !self.label.is_empty() {
            annotation = annotation.label(self.label.as_str());
        }
        let snippet = Snippet::source(source).path(path).annotation(annotation);
        let title = Level::ERROR.primary_title(self.message.as_str());
        let mut group = Group::with_title(title.id(self.id)).element(snippet);
        if !self.help.is_empty() {
            group = group.element(Level::HELP.message(self.help.as_str()));
        }
        Renderer::plain().render(&[group])
    }
}

/// The part of `span` that `source` has, ends moved outwards to whole characters.
fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (span.start.min(source.len()), span.end.min(source.len()));
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    start..end.max(start)
}

/// All that is wrong with one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// The name of the text, as the user knows it.
    pub path: String,
    /// The text.
    pub source: String,
    /// The errors, by their place in the text.
    pub errors: Vec<Diagnostic>,
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            f.write_str(&error.render(&self.path, &self.source))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The name among `known` that `name` was probably meant to be.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|&(distance, candidate)| {
            let length = name.chars().count().max(candidate.chars().count());
            distance > 0 && distance < length && distance * 3 <= length.max(3)
        })
        .min_by_key(|&(distance, candidate)| (distance, candidate.len().abs_diff(name.len())))
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` or `c` `` with `or` for `word`; `none` for an empty list.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "none".into(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_place_label_and_help() {
        let source = "a = 1\nb = u_xy\n";
        let error = Diagnostic::new("case-name", "name must be known, got `u_xy`", 10..14)
            .label("here")
            .help("declare it");
        let expected = "\
error[case-name]: name must be known, got `u_xy`
 --> case.toml:2:5
  |
2 | b = u_xy
  |     ^^^^ here
  |
  = help: declare it";
        assert_eq!(error.render("case.toml", source), expected);
    }

    #[test]
    fn spans_outside_the_text_do_not_panic() {
        for span in [0..0, 3..900, 900..901, 1..2] {
            Diagnostic::new("x", "y", span).render("f", "aé\n");
        }
        Diagnostic::new("x", "y", 0..5).render("f", "");
    }

    #[test]
    fn closest_is_close() {
        assert_eq!(closest("widht", ["width", "depth"]), Some("width"));
        assert_eq!(closest("xyz", ["width", "depth"]), None);
        assert_eq!(closest("sn", ["sin", "tanh"]), Some("sin"));
        assert_eq!(closest("mu", ["u", "nu"]), Some("nu"));
        assert_eq!(closest("y", ["x"]), None);
        assert_eq!(list(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
