//! Diagnostics: what must hold, what was got, where, and the mend; many at once, in the order of
//! the source, each with the id of a numbered law that [`explain`] knows.

use crate::ad::{self, AdError};
use crate::ir::Location;
use crate::ops::{self, Violation};
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// More errors than this are counted, not shown.
const SHOWN_MAX: usize = 100;
/// Longer lines, in bytes, are not shown.
const LINE_SHOWN_MAX: usize = 4096;

/// A text with its name: what spans point into.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    /// The first byte of every line.
    line_starts: Vec<usize>,
}

impl Source {
    /// The text `text` of the file `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Source { name: name.into(), text, line_starts }
    }

    /// The text in `bytes`, which must be UTF-8 (`text-1`).
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Source, Diagnostics> {
        let name = name.into();
        String::from_utf8(bytes).map(|text| Source::new(name.clone(), text)).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[at];
            let readable = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let message = format!("text must be UTF-8, got byte {byte:#04x} at offset {at}");
            // The text before the first bad byte is unchanged, so the offset still fits.
            let list = vec![Diagnostic::new("text-1", message).at(at..at + 1)];
            Diagnostics::new(Arc::new(Source::new(name, readable)), list)
        })
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line, from 1, of the byte `at`.
    pub fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= at)
    }

    /// Line and column of the byte `at`, both from 1; columns count characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let at = self.boundary(at);
        let line = self.line(at);
        (line, self.text[self.line_starts[line - 1]..at].chars().count() + 1)
    }

    /// The part of `span` on its first line, with that line's number, start and text.
    fn first_line(&self, span: &Range<usize>) -> (usize, &str, Range<usize>) {
        let line = self.line(span.start);
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        let text = self.text[start..end].trim_end_matches('\r');
        let within = |at| self.boundary(at).clamp(start, start + text.len()) - start;
        (line, text, within(span.start)..within(span.end))
    }

    /// `at`, or the nearest byte before it that begins a character.
    fn boundary(&self, at: usize) -> usize {
        self.text.floor_char_boundary(at)
    }
}

/// One error: a broken law at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// The law's id, such as `matmul-2`, which [`explain`] knows.
    pub id: &'static str,
    /// What must hold and what was got.
    pub message: String,
    /// The bytes of the source at fault, where they are known.
    pub span: Option<Range<usize>>,
    /// What stands there.
    pub label: Option<String>,
    /// Further facts.
    pub notes: Vec<String>,
    /// How to mend it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn new(id: &'static str, message: impl Into<String>) -> Diagnostic {
        let message = message.into();
        Diagnostic { id, message, span: None, label: None, notes: vec![], help: vec![] }
    }

    /// Pointing at `span`.
    pub fn at(mut self, span: impl Into<Range<usize>>) -> Diagnostic {
        self.span = Some(span.into());
        self
    }

    /// With a word on what stands there.
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// With a further fact.
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// With advice.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }

    /// Pointing where a node or statement was written.
    pub fn located(self, location: Location) -> Diagnostic {
        match location {
            Location::Derived => self,
            Location::Text { start, end } => self.at(start as usize..end as usize),
            Location::Code(place) => self.note(format!("built at {place}")),
        }
    }

    /// Line and column of the first byte at fault, both from 1.
    pub fn position(&self, source: &Source) -> Option<(usize, usize)> {
        self.span.as_ref().map(|span| source.position(span.start))
    }

    /// The text shown to a person; `source` is what spans point into.
    pub fn render(&self, source: Option<&Source>, colour: Colour) -> String {
        let explain = format!("run `tessera explain {}`", self.id);
        let mut help = self.help.clone();
        if help.is_empty() {
            help.extend(explained(self.id).map(|law| law.mend.to_string()));
        }
        match help.last_mut() {
            Some(last) => *last = format!("{last}, or {explain}"),
            None => help.push(explain),
        }
        let mut elements = Vec::new();
        if let (Some(span), Some(source)) = (&self.span, source) {
            elements.push(self.snippet(span, source));
        }
        elements.extend(self.notes.iter().map(|note| Level::NOTE.message(note).into()));
        elements.extend(help.iter().map(|help| Level::HELP.message(help).into()));
        let title = Level::ERROR.primary_title(&self.message).id(self.id);
        let report = [annotate_snippets::Group::with_title(title).elements(elements)];
        match colour {
            Colour::Never => Renderer::plain().render(&report),
            Colour::Always => Renderer::styled().render(&report),
        }
    }
}

impl Diagnostic {
    /// The line at fault with `span` marked, or only its place if the line is too long to be read.
    fn snippet<'a>(&'a self, span: &Range<usize>, source: &'a Source) -> annotate_snippets::Element<'a> {
        let (line, text, within) = source.first_line(span);
        if text.len() > LINE_SHOWN_MAX {
            let (_, column) = source.position(span.start);
            return Origin::path(source.name()).line(line).char_column(column).into();
        }
        let mut annotation = AnnotationKind::Primary.span(within);
        if let Some(label) = &self.label {
            annotation = annotation.label(label);
        }
        Snippet::source(text).line_start(line).path(source.name()).annotation(annotation).into()
    }
}

/// Without a source: one line.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.id, self.message)
    }
}

impl From<Violation> for Diagnostic {
    fn from(violation: Violation) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(violation.id, violation.message);
        diagnostic.help.extend(violation.help);
        diagnostic
    }
}

impl From<AdError> for Diagnostic {
    fn from(error: AdError) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(error.id, error.message);
        diagnostic.help.extend(error.help);
        diagnostic.located(error.location)
    }
}

/// Whether rendered text has terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI escape sequences.
    Always,
}

/// All errors found in one text, in its order.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    source: Arc<Source>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The errors `list` in `source`.
    pub fn new(source: Arc<Source>, mut list: Vec<Diagnostic>) -> Diagnostics {
        list.sort_by_key(|diagnostic| {
            diagnostic.span.as_ref().map_or((usize::MAX, 0), |span| (span.start, span.end))
        });
        Diagnostics { source, list }
    }

    /// The errors.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// What their spans point into.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The text shown to a person.
    pub fn render(&self, colour: Colour) -> String {
        let shown = self.list.iter().take(SHOWN_MAX);
        let mut parts: Vec<String> =
            shown.map(|diagnostic| diagnostic.render(Some(&self.source), colour)).collect();
        if self.list.len() > SHOWN_MAX {
            parts.push(format!("… and {} more errors", self.list.len() - SHOWN_MAX));
        }
        parts.join("\n\n")
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Never))
    }
}

impl std::error::Error for Diagnostics {}

/// A numbered law of the language or of graphs, with an example that keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Law {
    /// Such as `module-2`.
    pub id: &'static str,
    /// What must hold.
    pub law: &'static str,
    /// How to mend a text that breaks it.
    pub mend: &'static str,
    /// A text that keeps it.
    pub example: &'static str,
}

/// The id of every law that [`explain`] knows, and the law, in the order of the documentation.
pub fn ids() -> impl Iterator<Item = (&'static str, &'static str)> {
    let constraints = ops::constraints().chain(ad::CONSTRAINTS).map(|c| (c.id, c.law));
    laws().map(|law| (law.id, law.law)).chain(constraints)
}

/// Every table of laws beside the operations' own.
fn laws() -> impl Iterator<Item = &'static Law> {
    crate::text::CONSTRAINTS.iter().chain(crate::verify::CONSTRAINTS)
}

/// What the law `id` asks, how to mend a text that breaks it, and an example that keeps it.
///
/// ```
/// let text = tessera_core::diagnostic::explain("matmul-2").unwrap();
/// assert!(text.starts_with("matmul-2: the inner extents agree"));
/// ```
pub fn explain(id: &str) -> Option<String> {
    let Explained { id, law, mend, example } = explained(id)?;
    let example = example.map_or(String::new(), |text| format!("example:\n  {}\n", indented(&text)));
    Some(format!("{id}: {law}\nmend: {mend}\n{example}"))
}

/// A law of any table.
struct Explained {
    id: &'static str,
    law: &'static str,
    mend: &'static str,
    example: Option<String>,
}

fn explained(id: &str) -> Option<Explained> {
    if let Some(&Law { id, law, mend, example }) = laws().find(|law| law.id == id) {
        return Some(Explained { id, law, mend, example: Some(example.to_string()) });
    }
    let constraint = ops::explain(id).or_else(|| ad::CONSTRAINTS.iter().find(|c| c.id == id))?;
    let owner = ops::entries().iter().find(|entry| entry.constraints.iter().any(|c| c.id == id));
    let example = owner.map(|entry| entry.example.replace("FUNCTION", entry.name));
    Some(Explained { id: constraint.id, law: constraint.law, mend: constraint.mend, example })
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n  ")
}

/// Of `known`, the word most like `word`, if one is like it at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const WORD_LENGTH_MAX: usize = 64;
    if word.len() > WORD_LENGTH_MAX {
        return None;
    }
    let prefix = |known: &str| known.chars().zip(word.chars()).take_while(|(a, b)| a == b).count();
    let distance_max = word.chars().count() / 3 + 1;
    known
        .into_iter()
        .filter(|known| known.len() <= WORD_LENGTH_MAX)
        .map(|known| (strsim::osa_distance(word, known), known))
        .filter(|&(distance, known)| distance <= distance_max && distance < known.chars().count())
        .min_by_key(|&(distance, known)| (distance, Reverse(prefix(known)), known))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_as_the_style_asks() {
        let text = "a\n  %y = tgraph.matmul %a, %b\n";
        let source = Source::new("heat.mlir", text);
        let diagnostic = Diagnostic::new("matmul-2", "inner extents must agree, got 3 and 4")
            .at(9..text.len() - 1)
            .label("%a: tensor<2x3xf64>, %b: tensor<4x5xf64>")
            .help("transpose %b");
        let want = "\
error[matmul-2]: inner extents must agree, got 3 and 4
 --> heat.mlir:2:8
  |
2 |   %y = tgraph.matmul %a, %b
  |        ^^^^^^^^^^^^^^^^^^^^ %a: tensor<2x3xf64>, %b: tensor<4x5xf64>
  |
  = help: transpose %b, or run `tessera explain matmul-2`";
        assert_eq!(diagnostic.render(Some(&source), Colour::Never), want);
        assert!(diagnostic.render(Some(&source), Colour::Always).contains("\u{1b}["));
        assert_eq!(diagnostic.position(&source), Some((2, 8)));
    }

    #[test]
    fn of_a_long_line_only_the_place_is_shown() {
        let source = Source::new("x", format!("\n{} y", "é".repeat(3000)));
        let text = Diagnostic::new("text-2", "m").at(6002..6003).render(Some(&source), Colour::Never);
        assert!(text.starts_with("error[text-2]: m\n--> x:2:3002\n"), "{text}");
    }

    #[test]
    fn spans_are_clipped_to_the_text() {
        let source = Source::new("x", "é\n");
        for span in [0..1, 1..2, 2..3, 3..3, 3..9, 7..8] {
            Diagnostic::new("text-2", "m").at(span).render(Some(&source), Colour::Never);
        }
        assert_eq!(Source::new("x", "").position(0), (1, 1));
        assert_eq!(source.position(2), (1, 2));
        assert_eq!(source.position(3), (2, 1));
    }

    #[test]
    fn bytes_that_are_not_text_are_an_error_with_its_place() {
        let error = Source::from_bytes("x", b"ab\n c\xff".to_vec()).unwrap_err();
        assert_eq!(error.list()[0].position(error.source()), Some((2, 3)));
        assert!(error.to_string().contains("got byte 0xff at offset 5"));
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("sinn", ["cos", "sin", "sign"]), Some("sin"));
        assert_eq!(nearest("redcue", ["reduce", "relu"]), Some("reduce"));
        assert_eq!(nearest("frobnicate", ["reduce", "relu"]), None);
    }
}
