//! From text to [`Expr`]: a scanner and a precedence climber.

use super::{Binary, Expr, Function, Node, Scope};
use crate::diagnostic::{Diagnostic, closest, list};
use std::ops::Range;

/// The deepest expression that is read: whoever walks an expression may recurse.
pub const DEPTH_MAX: usize = 200;

/// Reads an expression.
///
/// ```
/// use tessera_pinn::expression::{Point, Scope, parse};
/// let scope = Scope::new(&["t", "x"], &["u"], &["nu"]);
/// let source = parse("2*nu*sin(pi*x)", &scope).unwrap();
/// let point = Point { coordinates: &[0.0, 0.5], parameters: &[0.25], ..Point::default() };
/// assert_eq!(source.evaluate(&point), Ok(0.5));
/// assert!(parse("u_t - nu*u_xx", &scope).is_ok());
/// assert!(parse("u_t - nu*u_yy", &scope).is_err());
/// ```
pub fn parse(text: &str, scope: &Scope) -> Result<Expr, Vec<Diagnostic>> {
    run(text, scope, |parser| {
        let expr = parser.sum()?;
        parser.end(expr, "an operator or the end")
    })
}

/// Reads an equation `left = right` as `left - right`, and a text without `=` as what must vanish.
pub fn parse_equation(text: &str, scope: &Scope) -> Result<Expr, Vec<Diagnostic>> {
    run(text, scope, |parser| {
        let left = parser.sum()?;
        if parser.token != Token::Sign('=') {
            return parser.end(left, "an operator, `=` or the end");
        }
        parser.advance()?;
        let right = parser.sum()?;
        let equation = parser.binary(Binary::Subtract, left, right)?;
        parser.end(equation, "an operator or the end")
    })
}

fn run(
    text: &str,
    scope: &Scope,
    read: impl FnOnce(&mut Parser) -> Read<Expr>,
) -> Result<Expr, Vec<Diagnostic>> {
    let mut parser = Parser { text, scope, token: Token::End, span: 0..0, nesting: 0, errors: Vec::new() };
    match parser.advance().and_then(|()| read(&mut parser)) {
        Ok(expr) if parser.errors.is_empty() => Ok(expr),
        Ok(_) => Err(parser.errors),
        Err(fatal) => {
            parser.errors.push(*fatal);
            Err(parser.errors)
        }
    }
}

type Read<T> = Result<T, Box<Diagnostic>>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Number(f64),
    Name(&'a str),
    Sign(char),
    End,
}

struct Parser<'a> {
    text: &'a str,
    scope: &'a Scope,
    token: Token<'a>,
    span: Range<usize>,
    nesting: usize,
    errors: Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    fn sum(&mut self) -> Read<Expr> {
        self.nesting += 1;
        self.check_depth(self.nesting, self.span.clone())?;
        let mut left = self.product()?;
        loop {
            let op = match self.token {
                Token::Sign('+') => Binary::Add,
                Token::Sign('-') => Binary::Subtract,
                _ => break,
            };
            self.advance()?;
            let right = self.product()?;
            left = self.binary(op, left, right)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn product(&mut self) -> Read<Expr> {
        let mut left = self.unary()?;
        loop {
            let op = match self.token {
                Token::Sign('*') => Binary::Multiply,
                Token::Sign('/') => Binary::Divide,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.unary()?;
            left = self.binary(op, left, right)?;
        }
    }

    fn unary(&mut self) -> Read<Expr> {
        if self.token != Token::Sign('-') {
            return self.power();
        }
        let start = self.span.start;
        self.nesting += 1;
        self.check_depth(self.nesting, self.span.clone())?;
        self.advance()?;
        let operand = self.unary()?;
        self.nesting -= 1;
        let span = start..operand.span.end;
        self.checked(Node::Negate(Box::new(operand)), span)
    }

    fn power(&mut self) -> Read<Expr> {
        let base = self.primary()?;
        if self.token != Token::Sign('^') {
            return Ok(base);
        }
        self.nesting += 1;
        self.check_depth(self.nesting, self.span.clone())?;
        self.advance()?;
        let exponent = self.unary()?;
        self.nesting -= 1;
        self.binary(Binary::Power, base, exponent)
    }

    fn primary(&mut self) -> Read<Expr> {
        let span = self.span.clone();
        match self.token {
            Token::Number(value) => {
                self.advance()?;
                Ok(Expr::new(Node::Number(value), span))
            }
            Token::Name(name) => {
                self.advance()?;
                if self.token == Token::Sign('(') {
                    return self.call(name, span);
                }
                let node = self.scope.resolve(name, span.clone());
                let node = node.unwrap_or_else(|error| {
                    self.errors.push(*error);
                    Node::Number(f64::NAN)
                });
                Ok(Expr::new(node, span))
            }
            Token::Sign('(') => {
                self.advance()?;
                let inner = self.sum()?;
                let end = self.close(span.clone())?;
                Ok(Expr { span: span.start..end, ..inner })
            }
            _ => Err(self.unexpected("a number, a name or `(`")),
        }
    }

    fn call(&mut self, name: &str, span: Range<usize>) -> Read<Expr> {
        let open = self.span.clone();
        self.advance()?;
        let mut arguments = vec![self.sum()?];
        while self.token == Token::Sign(',') {
            self.advance()?;
            arguments.push(self.sum()?);
        }
        let whole = span.start..self.close(open)?;
        let Some(function) = Function::from_name(name) else {
            let names = Function::ALL.map(Function::name);
            let help = match (self.scope.resolve(name, span.clone()), closest(name, names)) {
                (Ok(_), _) => {
                    format!("write `{name}` without arguments, or `{name}*(…)` for a product")
                }
                (_, Some(meant)) => format!("did you mean `{meant}`?"),
                (_, None) if name == "ln" => "write `log` for the natural logarithm".into(),
                _ => format!("the functions are {}", list(names, "and")),
            };
            let message = format!("function must be known, got `{name}`");
            self.errors.push(Diagnostic::new("expression-function", message, span).help(help));
            return Ok(Expr::new(Node::Number(f64::NAN), whole));
        };
        if arguments.len() != function.arity() {
            let (arity, got) = (function.arity(), arguments.len());
            let message = format!("arguments of `{name}` must number {arity}, got {got}");
            self.errors.push(Diagnostic::new("expression-function", message, whole.clone()));
            return Ok(Expr::new(Node::Number(f64::NAN), whole));
        }
        self.checked(Node::Call(function, arguments), whole)
    }

    /// Steps over `)`; returns its end.
    fn close(&mut self, open: Range<usize>) -> Read<usize> {
        if self.token != Token::Sign(')') {
            let mut error = self.unexpected("an operator or `)`");
            if self.token == Token::End {
                error.span = open;
                error.label = "this `(` is never closed".into();
            }
            return Err(error);
        }
        let end = self.span.end;
        self.advance()?;
        Ok(end)
    }

    fn end(&mut self, expr: Expr, wanted: &str) -> Read<Expr> {
        match self.token {
            Token::End => Ok(expr),
            _ => Err(self.unexpected(wanted)),
        }
    }

    fn binary(&mut self, op: Binary, left: Expr, right: Expr) -> Read<Expr> {
        let span = left.span.start..right.span.end;
        self.checked(Node::Binary(op, Box::new(left), Box::new(right)), span)
    }

    fn checked(&mut self, node: Node, span: Range<usize>) -> Read<Expr> {
        let expr = Expr::new(node, span);
        self.check_depth(expr.depth, expr.span.clone())?;
        Ok(expr)
    }

    fn check_depth(&self, depth: usize, span: Range<usize>) -> Read<()> {
        if depth <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("expression must be at most {DEPTH_MAX} levels deep, got more");
        let help = "write a long sum as a sum of sums in parentheses";
        Err(Box::new(Diagnostic::new("expression-depth", message, span).help(help)))
    }

    fn unexpected(&self, wanted: &str) -> Box<Diagnostic> {
        let got = match self.token {
            Token::End => "the end".to_string(),
            _ => format!("`{}`", &self.text[self.span.clone()]),
        };
        let message = format!("expression must continue with {wanted}, got {got}");
        let error = Diagnostic::new("expression-syntax", message, self.span.clone());
        Box::new(match self.token {
            Token::Number(_) | Token::Name(_) | Token::Sign('(') => error.help("join factors by `*`"),
            Token::Sign('=') => error.help("an equation has at most one `=`"),
            _ => error,
        })
    }

    fn advance(&mut self) -> Read<()> {
        let rest = &self.text[self.span.end..];
        let start = self.text.len() - rest.trim_start().len();
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else {
            (self.token, self.span) = (Token::End, start..start);
            return Ok(());
        };
        let (token, len) = match first {
            '0'..='9' | '.' => {
                let len = number_len(rest.as_bytes());
                match rest[..len].parse::<f64>() {
                    Ok(value) if value.is_finite() => (Token::Number(value), len),
                    _ => {
                        let message = format!("number must be finite and decimal, got `{}`", &rest[..len]);
                        let span = start..start + len;
                        return Err(Box::new(Diagnostic::new("expression-syntax", message, span)));
                    }
                }
            }
            c if c.is_alphabetic() => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                let len = end.unwrap_or(rest.len());
                (Token::Name(&rest[..len]), len)
            }
            '+' | '-' | '*' | '/' | '^' | '(' | ')' | ',' | '=' => (Token::Sign(first), 1),
            other => {
                let message =
                    format!("expression must be made of numbers, names and operators, got `{other}`");
                let span = start..start + other.len_utf8();
                let error = Diagnostic::new("expression-syntax", message, span);
                return Err(Box::new(error.help("operators are + - * / ^ ( ) , and =")));
            }
        };
        let doubled = token == Token::Sign('*') && self.token == token && self.span.end == start;
        (self.token, self.span) = (token, start..start + len);
        if doubled {
            let error = self.unexpected("a number, a name or `(`");
            return Err(Box::new(error.help("write `^` for a power")));
        }
        Ok(())
    }
}

/// Bytes of `digits [. digits] [e [sign] digits]` at the start; an exponent needs a digit.
fn number_len(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut len = digits(0);
    if text.get(len) == Some(&b'.') {
        len += 1;
        len += digits(len);
    }
    if matches!(text.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
        let exponent = digits((len + 1 + sign).min(text.len()));
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    len
}
