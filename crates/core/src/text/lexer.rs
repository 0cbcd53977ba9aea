//! The lexer: text to tokens. Every byte belongs to one token, to blank space, to a comment, or to
//! an error, and it goes on behind an error.

use super::tree::Span;
use crate::diagnostic::Diagnostic;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `%x`.
    Value,
    /// `@m`.
    Symbol,
    /// `tgraph.sin`, `wrt`, `true`.
    Word,
    /// `12`, `0.5e-3`, `0x1.8p+1`, without a sign.
    Number,
    /// `"sum"`, quotes included.
    Text,
    /// `tensor<2x?xf64>`.
    Tensor,
    /// One of `{ } ( ) [ ] , : = -`.
    Mark(u8),
    /// `->`.
    Arrow,
    /// The end of the text.
    End,
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Span,
    /// Whether it is the first on its line.
    pub begins_line: bool,
}

/// Tokens of `text`, the last of kind [`Kind::End`], and what is wrong with it.
pub(super) fn tokens(text: &str) -> (Vec<Token>, Vec<Diagnostic>) {
    let mut lexer = Lexer { text, at: 0, begins_line: true, tokens: vec![], errors: vec![] };
    while lexer.step() {}
    let end = Span { start: text.len(), end: text.len() };
    lexer.tokens.push(Token { kind: Kind::End, span: end, begins_line: true });
    (lexer.tokens, lexer.errors)
}

/// Whether `c` may begin a word.
fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Whether `c` may stand in a name.
pub(super) fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    begins_line: bool,
    tokens: Vec<Token>,
    errors: Vec<Diagnostic>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// The length of the longest prefix of what is left, from byte `from`, that `keep`s.
    fn run(&self, from: usize, keep: impl Fn(char) -> bool) -> usize {
        let rest = &self.rest()[from..];
        from + rest.find(|c| !keep(c)).unwrap_or(rest.len())
    }

    fn push(&mut self, kind: Kind, len: usize) {
        let span = Span { start: self.at, end: self.at + len };
        self.tokens.push(Token { kind, span, begins_line: self.begins_line });
        self.begins_line = false;
        self.at += len;
    }

    fn error(&mut self, id: &'static str, message: impl Into<String>, len: usize) {
        self.errors.push(Diagnostic::new(id, message).at(self.at..self.at + len));
    }

    /// Reads one token, blank, comment or error; whether there was anything to read.
    fn step(&mut self) -> bool {
        let Some(c) = self.rest().chars().next() else {
            return false;
        };
        match c {
            '\n' => {
                self.begins_line = true;
                self.at += 1;
            }
            c if c.is_whitespace() => self.at += c.len_utf8(),
            '/' if self.rest().starts_with("//") => self.at += self.run(2, |c| c != '\n'),
            '/' if self.rest().starts_with("/*") => self.block_comment(),
            '"' => self.string(),
            '%' | '@' => self.name(c),
            '-' if self.rest().starts_with("->") => self.push(Kind::Arrow, 2),
            '{' | '}' | '(' | ')' | '[' | ']' | ',' | ':' | '=' | '-' => self.push(Kind::Mark(c as u8), 1),
            c if c.is_ascii_digit() => self.number(),
            c if begins_word(c) => self.word(),
            _ => self.unknown(),
        }
        true
    }

    fn block_comment(&mut self) {
        match self.rest().find("*/") {
            Some(end) => {
                self.begins_line |= self.rest()[..end].contains('\n');
                self.at += end + 2;
            }
            None => {
                self.error("text-4", "comment must be closed with `*/`, got the end of the text", 2);
                self.at = self.text.len();
            }
        }
    }

    fn string(&mut self) {
        let mut escaped = false;
        let end = self.rest()[1..].find(|c| {
            let closes = c == '\n' || (c == '"' && !escaped);
            escaped = c == '\\' && !escaped;
            closes
        });
        match end.map(|end| (end + 1, self.rest().as_bytes()[end + 1])) {
            Some((end, b'"')) => self.push(Kind::Text, end + 1),
            other => {
                let len = other.map_or(self.rest().len(), |(end, _)| end);
                let len = self.rest()[..len].trim_end().len();
                let message = "string must be closed with `\"` on its line, got the line's end";
                self.error("text-3", message, len);
                self.push(Kind::Text, len);
            }
        }
    }

    fn name(&mut self, sigil: char) {
        let len = self.run(1, |c| continues_name(c) || c == '.' || c == '$');
        if len == 1 {
            self.error("text-2", format!("a name must follow `{sigil}`"), 1);
        }
        self.push(if sigil == '%' { Kind::Value } else { Kind::Symbol }, len);
    }

    fn number(&mut self) {
        let mut previous = '0';
        let hex = self.rest().starts_with("0x");
        let len = self.rest().find(|c: char| {
            let exponent = if hex { "pP" } else { "eE" };
            let sign = matches!(c, '+' | '-') && exponent.contains(previous);
            previous = c;
            !(continues_name(c) || c == '.' || sign)
        });
        self.push(Kind::Number, len.unwrap_or(self.rest().len()));
    }

    fn word(&mut self) {
        let len = self.run(0, |c| continues_name(c) || c == '.' || c == '$');
        let open = self.run(len, |c| c == ' ');
        if &self.rest()[..len] != "tensor" || !self.rest()[open..].starts_with('<') {
            return self.push(Kind::Word, len);
        }
        match self.rest()[open..].find(['>', '\n']).map(|end| open + end) {
            Some(end) if self.rest().as_bytes()[end] == b'>' => self.push(Kind::Tensor, end + 1),
            end => {
                let len = end.unwrap_or(self.rest().len());
                let len = self.rest()[..len].trim_end().len();
                self.error("type-1", "tensor type must be closed with `>` on its line", len);
                self.push(Kind::Tensor, len);
            }
        }
    }

    fn unknown(&mut self) {
        let known = |c: char| c.is_whitespace() || "_\"%@{}()[],:=-/".contains(c) || c.is_alphanumeric();
        let len = self.run(self.rest().chars().next().map_or(1, char::len_utf8), |c| !known(c));
        let text: String = self.rest()[..len].chars().take(16).flat_map(char::escape_debug).collect();
        self.error("text-2", format!("text must be made of the grammar's characters, got `{text}`"), len);
        self.at += len;
    }
}
