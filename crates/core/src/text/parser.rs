//! The parser: tokens to a syntax tree. An error is recorded and reading goes on at the next line
//! that begins a statement or closes a module, so that one run reports them all.

use super::lexer::{self, Kind, Token};
use super::tree::*;
use crate::diagnostic::Diagnostic;
use crate::ir::{Clause, Location, Mode, Transform, TransformKind};

/// The tree of `text`, as much of it as can be read, and what is wrong with it.
pub(super) fn parse(text: &str) -> (File<'_>, Vec<Diagnostic>) {
    let (tokens, errors) = lexer::tokens(text);
    let mut parser = Parser { text, tokens, at: 0, errors };
    (parser.file(), parser.errors)
}

/// The literal that all of `text` writes, and what is wrong with it.
pub(super) fn parse_literal(text: &str) -> (Option<Literal<'_>>, Vec<Diagnostic>) {
    let (tokens, errors) = lexer::tokens(text);
    let mut parser = Parser { text, tokens, at: 0, errors };
    let literal = parser.literal(0).ok();
    if literal.is_some() && !parser.is(Kind::End) {
        parser.unexpected("the end of the value");
    }
    (literal, parser.errors)
}

/// A part that could not be read; the error has been recorded.
#[derive(Debug)]
pub(super) struct Unread;

pub(super) type Read<T> = Result<T, Unread>;

pub(super) struct Parser<'a> {
    pub text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    pub errors: Vec<Diagnostic>,
}

// ------------------------------------------------------------------------------------- tokens

impl<'a> Parser<'a> {
    pub fn peek(&self) -> Token {
        self.tokens[self.at]
    }

    pub fn slice(&self, span: Span) -> &'a str {
        &self.text[span.start..span.end]
    }

    pub fn next(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    /// The span of the token before the next one.
    pub fn previous(&self) -> Span {
        self.at.checked_sub(1).map_or(Span::default(), |at| self.tokens[at].span)
    }

    pub fn is(&self, kind: Kind) -> bool {
        self.peek().kind == kind
    }

    pub fn mark(&self, mark: u8) -> bool {
        self.is(Kind::Mark(mark))
    }

    fn is_word(&self, word: &str) -> bool {
        self.is(Kind::Word) && self.slice(self.peek().span) == word
    }

    /// Takes `mark` if it is next.
    pub fn take(&mut self, mark: u8) -> bool {
        let found = self.mark(mark);
        if found {
            self.next();
        }
        found
    }

    pub fn error(&mut self, diagnostic: Diagnostic) -> Unread {
        self.errors.push(diagnostic);
        Unread
    }

    /// The error that `wanted` must stand where the next token is.
    pub fn unexpected(&mut self, wanted: &str) -> Unread {
        let token = self.peek();
        let got = match token.kind {
            Kind::End => "the end of the text".to_string(),
            _ => format!("`{}`", shortened(self.slice(token.span))),
        };
        // A missing piece is missed behind the line before, not where the next begins.
        let span = match token.begins_line && self.at > 0 {
            true => Span { start: self.previous().end, end: self.previous().end },
            false => token.span,
        };
        self.error(Diagnostic::new("text-5", format!("{wanted} must stand here, got {got}")).at(span))
    }

    pub fn expect(&mut self, mark: u8) -> Read<()> {
        match self.take(mark) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{}`", char::from(mark)))),
        }
    }

    /// A name of `kind`, such as `%x`.
    pub fn name(&mut self, kind: Kind, wanted: &str) -> Read<Name<'a>> {
        if !self.is(kind) {
            return Err(self.unexpected(wanted));
        }
        let span = self.next().span;
        let skip = usize::from(matches!(kind, Kind::Value | Kind::Symbol));
        Ok(Name { text: &self.slice(span)[skip..], span })
    }

    /// `item` as often as commas follow.
    pub fn separated<T>(&mut self, item: impl Fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.take(b',') {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn values(&mut self) -> Read<Vec<Name<'a>>> {
        self.separated(|p| p.name(Kind::Value, "a value such as `%x`"))
    }

    /// Values in parentheses, possibly none.
    fn values_in_parentheses(&mut self) -> Read<Vec<Name<'a>>> {
        self.expect(b'(')?;
        let values = if self.mark(b')') { vec![] } else { self.values()? };
        self.expect(b')')?;
        Ok(values)
    }

    /// Goes on to the next line that begins a statement or closes a module.
    fn recover(&mut self) {
        loop {
            let token = self.peek();
            let begins = match token.kind {
                Kind::End => return,
                Kind::Value | Kind::Mark(b'}') => true,
                Kind::Word => self.slice(token.span).starts_with("tgraph."),
                _ => false,
            };
            if begins && token.begins_line {
                return;
            }
            self.at += 1;
        }
    }
}

// --------------------------------------------------------------------- modules and statements

impl<'a> Parser<'a> {
    fn file(&mut self) -> File<'a> {
        let mut file = File::default();
        while !self.is(Kind::End) {
            let start = self.at;
            if self.item(&mut file).is_err() {
                // A line that begins a statement is where reading goes on, unless it is this one.
                self.at = self.at.max(start + 1).min(self.tokens.len() - 1);
                self.recover();
            }
        }
        file
    }

    fn item(&mut self, file: &mut File<'a>) -> Read<()> {
        let token = self.peek();
        let word = match token.kind {
            Kind::Word => self.slice(token.span),
            _ => "",
        };
        if word == "tgraph.module" {
            file.modules.push(self.module()?);
            return Ok(());
        }
        match TransformKind::ALL.into_iter().find(|kind| word.strip_prefix("tgraph.") == Some(kind.name())) {
            Some(kind) => file.transforms.push(self.transform(kind)?),
            None if token.kind == Kind::Value || word.starts_with("tgraph.") => {
                let message = "statements of this kind must stand inside a `tgraph.module`";
                return Err(self.error(Diagnostic::new("text-5", message).at(token.span)));
            }
            None => {
                return Err(self.unexpected("`tgraph.module` or a statement such as `tgraph.adjoint`"));
            }
        }
        Ok(())
    }

    fn transform(&mut self, kind: TransformKind) -> Read<Transform> {
        let start = self.next().span;
        let source = self.name(Kind::Symbol, "a module such as `@m`")?;
        let mut statement = Transform::new(kind, source.text, "");
        let mut seen = Vec::new();
        while !self.is(Kind::Arrow) {
            let clause = Clause::ALL.into_iter().find(|c| self.is_word(c.name()) && !seen.contains(c));
            let Some(clause) = clause else {
                return Err(self.clause_wanted(kind, &seen));
            };
            self.next();
            self.clause(clause, &mut statement)?;
            seen.push(clause);
        }
        if !seen.contains(&kind.subject()) {
            return Err(self.clause_wanted(kind, &seen));
        }
        self.next();
        let target = self.name(Kind::Symbol, "the new module's name, such as `@m_grad`,")?;
        statement.target = target.text.to_string();
        if self.take(b',') {
            let linear = self.name(Kind::Symbol, "the linear module's name, such as `@m_linear`,")?;
            statement.linear = Some(linear.text.to_string());
        }
        let span = start.to(self.previous());
        statement.location = Location::Text { start: span.start as u32, end: span.end as u32 };
        Ok(statement)
    }

    /// The error where a clause must stand, or what follows all of them.
    fn clause_wanted(&mut self, kind: TransformKind, seen: &[Clause]) -> Unread {
        match kind.subject() {
            subject if !seen.contains(&subject) => self.unexpected(&format!("`{}(%x)`", subject.name())),
            _ => self.unexpected("`->` and the new module's name"),
        }
    }

    /// A whole number in parentheses.
    fn number_in_parentheses(&mut self, wanted: &str) -> Read<usize> {
        self.expect(b'(')?;
        let number = self.slice(self.peek().span).parse().ok().filter(|_| self.is(Kind::Number));
        let number = number.ok_or_else(|| self.unexpected(wanted))?;
        self.next();
        self.expect(b')')?;
        Ok(number)
    }

    /// What stands in the parentheses of `clause`.
    fn clause(&mut self, clause: Clause, statement: &mut Transform) -> Read<()> {
        let texts = |names: Vec<Name>| names.iter().map(|name| name.text.to_string()).collect();
        match clause {
            Clause::Wrt => statement.wrt = texts(self.values_in_parentheses()?),
            Clause::Over => statement.over = texts(self.values_in_parentheses()?),
            Clause::Dir => statement.dir = texts(self.values_in_parentheses()?),
            Clause::Seed => statement.seed = texts(self.values_in_parentheses()?),
            Clause::Size => statement.size = Some(self.number_in_parentheses("an extent such as `8`")?),
            Clause::Order => statement.order = Some(self.number_in_parentheses("an order such as `4`")?),
            Clause::Mode => {
                self.expect(b'(')?;
                let mode = Mode::ALL.into_iter().find(|mode| self.is_word(mode.name()));
                statement.mode = Some(mode.ok_or_else(|| self.unexpected("`forward` or `reverse`"))?);
                self.next();
                self.expect(b')')?;
            }
        }
        Ok(())
    }

    fn module(&mut self) -> Read<Module<'a>> {
        self.next();
        // A module whose head is wrong is read all the same, for the errors in it.
        let name = self.name(Kind::Symbol, "the module's name, such as `@m`,").ok();
        if name.is_none() {
            while !self.mark(b'{') && !self.peek().begins_line {
                self.next();
            }
        }
        let opens = self.expect(b'{');
        if opens.is_err() && !self.peek().begins_line {
            return Err(Unread);
        }
        let is_whole = opens.is_ok() && name.is_some();
        let mut module = Module { name, statements: vec![], end: self.previous(), is_whole };
        loop {
            if self.take(b'}') {
                module.end = self.previous();
                return Ok(module);
            }
            let closes = |p: &Self| {
                let word = p.slice(p.peek().span);
                p.is(Kind::End)
                    || p.is(Kind::Word)
                        && (word == "tgraph.module"
                            || TransformKind::ALL
                                .iter()
                                .any(|k| word.strip_prefix("tgraph.") == Some(k.name())))
            };
            if closes(self) {
                let end = self.previous().end;
                module.end = Span { start: end, end };
                module.is_whole = false;
                let message = "the module must be closed with `}`";
                self.errors.push(Diagnostic::new("text-5", message).at(end..end));
                return Ok(module);
            }
            let start = self.at;
            match self.statement() {
                Ok(statement) => module.statements.push(statement),
                Err(Unread) => {
                    module.is_whole = false;
                    module.statements.extend(self.unread(start));
                    self.at = self.at.max(start + 1).min(self.tokens.len() - 1);
                    self.recover();
                }
            }
        }
    }

    /// The names that the unread statement at token `start` was to define.
    fn unread(&self, start: usize) -> Option<Statement<'a>> {
        let mut names = vec![];
        let mut at = start;
        while self.tokens[at].kind == Kind::Value {
            let span = self.tokens[at].span;
            names.push(Name { text: &self.slice(span)[1..], span });
            at += 1;
            if self.tokens[at].kind != Kind::Mark(b',') {
                break;
            }
            at += 1;
        }
        let defines = !names.is_empty() && self.tokens[at].kind == Kind::Mark(b'=');
        let span = self.tokens[start].span;
        let signature = Signature::default();
        defines.then_some(Statement { names, action: Action::Unread, span, signature })
    }

    fn statement(&mut self) -> Read<Statement<'a>> {
        let names = match self.is(Kind::Value) {
            true => {
                let names = self.values()?;
                self.expect(b'=')?;
                names
            }
            false => vec![],
        };
        let word = self.name(Kind::Word, "a statement such as `%y = tgraph.sin %x`")?;
        let Some(operation) = word.text.strip_prefix("tgraph.") else {
            let message = format!("an operation must begin with `tgraph.`, got `{}`", shortened(word.text));
            return Err(self.error(Diagnostic::new("text-5", message).at(word.span)));
        };
        let action = match operation {
            "arg" | "tangent" => Action::Inputs(self.inputs(word)?),
            "return" => Action::Return(self.operands()?),
            "call" => {
                let callee = self.name(Kind::Symbol, "a module such as `@f`")?;
                Action::Call { callee, operands: self.values_in_parentheses()? }
            }
            _ => {
                let operands = self.operands()?;
                if self.mark(b'(') {
                    return Err(self.region(word));
                }
                let attributes = if self.mark(b'{') { self.attributes()? } else { vec![] };
                Action::Op { word: Name { text: operation, span: word.span }, operands, attributes }
            }
        };
        let span = word.span.to(self.previous());
        let signature = if self.mark(b':') { self.signature()? } else { Signature::default() };
        Ok(Statement { names, action, span, signature })
    }

    /// Operands on the line of their operation; behind a comma they may go on in the next.
    fn operands(&mut self) -> Read<Vec<Name<'a>>> {
        match self.is(Kind::Value) && !self.peek().begins_line {
            true => self.values(),
            false => Ok(vec![]),
        }
    }

    fn region(&mut self, word: Name<'a>) -> Unread {
        let message = format!("operands of `{}` must stand without parentheses", shortened(word.text));
        let diagnostic = Diagnostic::new("text-5", message).at(self.peek().span);
        self.error(diagnostic.note("parentheses are kept for calls and, later, for operations with regions"))
    }

    fn inputs(&mut self, first: Name<'a>) -> Read<Vec<InputItem<'a>>> {
        let mut items = vec![];
        let mut word = first;
        loop {
            let kind = match word.text {
                "tgraph.arg" => InputKind::Arg,
                "tgraph.tangent" => {
                    InputKind::Tangent(match self.is(Kind::Value) && !self.peek().begins_line {
                        true => Some(self.name(Kind::Value, "an argument")?),
                        false => None,
                    })
                }
                _ => {
                    let message = "only `tgraph.arg` and `tgraph.tangent` must share a statement";
                    return Err(self.error(Diagnostic::new("text-5", message).at(word.span)));
                }
            };
            items.push(InputItem { kind, span: word.span.to(self.previous()) });
            if !self.take(b',') {
                return Ok(items);
            }
            word = self.name(Kind::Word, "`tgraph.arg` or `tgraph.tangent`")?;
        }
    }
}

/// At most 40 characters of `text`, on one line.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_string(),
    }
}
