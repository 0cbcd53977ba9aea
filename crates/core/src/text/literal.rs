//! Types, attributes and numbers: the second half of the parser.

use super::lexer::Kind;
use super::number;
use super::parser::{Parser, Read, Unread, shortened};
use super::tree::*;
use crate::diagnostic::Diagnostic;
use crate::ir::{Attribute, DType, Extent, Type};
use crate::tensor::{Data, Element, Tensor};
use std::collections::HashSet;

/// Lists and parentheses nest no deeper than this.
const DEPTH_MAX: usize = 64;

// -------------------------------------------------------------------------------------- types

impl<'a> Parser<'a> {
    /// `: T`, `: T, U`, `: T, U -> V`, `: (T, U) -> (V, W)`.
    pub fn signature(&mut self) -> Read<Signature> {
        self.expect(b':')?;
        let start = self.peek().span;
        let first = self.types()?;
        let mut signature = Signature { operands: None, results: first, span: start };
        if self.is(Kind::Arrow) {
            self.next();
            let results = self.types()?;
            signature.operands = Some(std::mem::replace(&mut signature.results, results));
        }
        signature.span = start.to(self.previous());
        Ok(signature)
    }

    fn types(&mut self) -> Read<Vec<WrittenType>> {
        if !self.take(b'(') {
            return self.separated(Self::ty);
        }
        let types = if self.mark(b')') { vec![] } else { self.separated(Self::ty)? };
        self.expect(b')')?;
        Ok(types)
    }

    fn ty(&mut self) -> Read<WrittenType> {
        let token = self.peek();
        let ty = match token.kind {
            Kind::Word => DType::from_name(self.slice(token.span)).map(Type::scalar),
            Kind::Tensor => return self.tensor_type(),
            _ => return Err(self.unexpected("a type such as `f64` or `tensor<2x?xf64>`")),
        };
        self.next();
        match ty {
            Some(ty) => Ok(WrittenType { ty, span: token.span }),
            None => Err(self.bad_type(token.span, "a dtype")),
        }
    }

    fn bad_type(&mut self, span: Span, wanted: &str) -> Unread {
        let got = shortened(self.slice(span));
        let known = DType::ALL.map(DType::name).join(", ");
        let message = format!("type must name {wanted}, got `{got}`");
        self.error(Diagnostic::new("type-1", message).at(span).help(format!("dtypes are {known}")))
    }

    fn tensor_type(&mut self) -> Read<WrittenType> {
        let span = self.next().span;
        let text = self.slice(span);
        let Some(body) = text.strip_suffix('>').and_then(|text| text.split_once('<')) else {
            return Err(Unread); // The lexer has said that it is not closed.
        };
        let mut parts: Vec<&str> = body.1.split('x').map(str::trim).collect();
        let Some(dtype) = parts.pop().and_then(DType::from_name) else {
            return Err(self.bad_type(span, "a dtype behind its extents"));
        };
        let mut shape = Vec::new();
        for part in parts {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            shape.push(match part.parse() {
                _ if part == "?" => Extent::Dynamic,
                Ok(n) if digits => Extent::Static(n),
                _ if digits => {
                    let message = format!("extent must fit 64 bits, got {}", shortened(part));
                    return Err(self.error(Diagnostic::new("type-2", message).at(span)));
                }
                _ => return Err(self.bad_type(span, "extents that are numbers or `?`")),
            });
        }
        let ty = Type::new(dtype, shape);
        match ty.check_extents() {
            Ok(()) => Ok(WrittenType { ty, span }),
            Err(violation) => Err(self.error(Diagnostic::from(violation).at(span))),
        }
    }
}

// --------------------------------------------------------------------------------- attributes

impl<'a> Parser<'a> {
    /// `{name = literal, …}`.
    pub fn attributes(&mut self) -> Read<Vec<Entry<'a>>> {
        self.expect(b'{')?;
        let entries = match self.mark(b'}') {
            true => vec![],
            false => self.separated(|p| {
                let name = p.name(Kind::Word, "an attribute's name")?;
                p.expect(b'=')?;
                Ok(Entry { name, literal: p.literal(0)? })
            })?,
        };
        self.expect(b'}')?;
        let mut names = HashSet::new();
        let mut once: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            match names.insert(entry.name.text) {
                true => once.push(entry),
                false => {
                    let got = shortened(entry.name.text);
                    let message = format!("attribute `{got}` must be given once, got it again");
                    self.errors.push(Diagnostic::new("attribute-1", message).at(entry.name.span));
                }
            }
        }
        Ok(once)
    }

    pub fn literal(&mut self, depth: usize) -> Read<Literal<'a>> {
        let start = self.peek().span;
        if depth > DEPTH_MAX {
            let message = format!("lists must nest at most {DEPTH_MAX} deep");
            return Err(self.error(Diagnostic::new("text-6", message).at(start)));
        }
        let negative = self.take(b'-');
        let token = self.peek();
        let kind = match token.kind {
            Kind::Number => LiteralKind::Number { negative, digits: self.slice(token.span) },
            Kind::Word if negative => match self.slice(token.span) {
                word @ ("inf" | "nan") => LiteralKind::Number { negative, digits: word },
                _ => return Err(self.unexpected("a number")),
            },
            _ if negative => return Err(self.unexpected("a number")),
            Kind::Word => LiteralKind::Word(self.slice(token.span)),
            Kind::Text => LiteralKind::Text(self.unescaped(token.span)?),
            Kind::Mark(b'[') => {
                self.next();
                let list = match self.mark(b']') {
                    true => vec![],
                    false => self.separated(|p| p.literal(depth + 1))?,
                };
                self.expect(b']')?;
                return Ok(Literal { kind: LiteralKind::List(list), span: start.to(self.previous()) });
            }
            _ => return Err(self.unexpected("a number, string, list, `true` or `false`")),
        };
        self.next();
        Ok(Literal { kind, span: start.to(token.span) })
    }

    /// What the string token at `span` stands for.
    fn unescaped(&mut self, span: Span) -> Read<String> {
        let text = self.slice(span);
        let body = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let Some(body) = body.filter(|_| text.len() > 1) else {
            return Err(Unread); // The lexer has said that it is not closed.
        };
        number::unescape(body).map_err(|escape| {
            let message =
                format!("escape must be \\\", \\\\, \\n, \\t or \\u{{…}}, got `{}`", shortened(escape));
            self.error(Diagnostic::new("text-3", message).at(span))
        })
    }
}

/// The attribute that `literal` stands for. `value` is typed by the written type.
pub(super) fn attribute(
    name: &str,
    literal: &Literal,
    written: Option<&Type>,
) -> Result<Attribute, Diagnostic> {
    let kind = || {
        let message = format!(
            "attribute `{name}` must be true or false, a number, a list of integers, a string or a dtype"
        );
        Diagnostic::new("attribute-3", message).at(literal.span)
    };
    match (&literal.kind, written) {
        (_, Some(ty)) if name == "value" => Ok(Attribute::Tensor(std::sync::Arc::new(tensor(literal, ty)?))),
        (LiteralKind::Word("true"), _) => Ok(Attribute::Bool(true)),
        (LiteralKind::Word("false"), _) => Ok(Attribute::Bool(false)),
        (LiteralKind::Word(word), _) => DType::from_name(word).map(Attribute::DType).ok_or_else(kind),
        (LiteralKind::Text(text), _) => Ok(Attribute::Text(text.clone())),
        (LiteralKind::Number { negative, digits }, _) if name != "value" => match is_fraction(digits) {
            true => number::Scalar::from_digits(*negative, digits).map(Attribute::Float).map_err(|wanted| {
                let got = shortened(digits);
                Diagnostic::new("attribute-2", format!("number must be {wanted}, got {got}")).at(literal.span)
            }),
            false => integer(literal).map(Attribute::Int),
        },
        (LiteralKind::List(list), _) if name != "value" => {
            list.iter().map(integer).collect::<Result<_, _>>().map(Attribute::Ints)
        }
        _ => {
            let message = "`value` must have a written type that says what its numbers are";
            Err(Diagnostic::new("constant-1", message)
                .at(literal.span)
                .help("write `: f64` behind the attributes"))
        }
    }
}

/// Whether a number is written with a point or an exponent.
fn is_fraction(digits: &str) -> bool {
    digits.contains(['.', 'p']) || (!digits.starts_with("0x") && digits.contains(['e', 'E']))
}

fn integer(literal: &Literal) -> Result<i64, Diagnostic> {
    match literal.kind {
        LiteralKind::Number { negative, digits } => number::integer(negative, digits).map_err(|wanted| {
            let got = shortened(digits);
            Diagnostic::new("attribute-2", format!("number must be {wanted}, got {got}")).at(literal.span)
        }),
        _ => Err(Diagnostic::new("attribute-3", "list must hold integers only").at(literal.span)),
    }
}

// ---------------------------------------------------------------------------------- constants

/// The tensor `literal` of type `ty`, whose open extents are those of the lists.
pub(super) fn tensor_of(literal: &Literal, ty: &Type) -> Result<Tensor, Diagnostic> {
    let mut ty = ty.clone();
    let mut level = Some(literal);
    for extent in &mut ty.shape {
        let Some(Literal { kind: LiteralKind::List(list), .. }) = level else {
            break;
        };
        *extent = extent.merge(Extent::Static(list.len()));
        level = list.first();
    }
    tensor(literal, &ty)
}

/// The dense constant `literal` of type `ty`.
fn tensor(literal: &Literal, ty: &Type) -> Result<Tensor, Diagnostic> {
    let Some(shape) = ty.static_shape() else {
        let message = format!("the type of a constant must be static, got {ty}");
        return Err(Diagnostic::new("constant-1", message).at(literal.span));
    };
    let is_list = matches!(&literal.kind, LiteralKind::List(list) if list.is_empty());
    let mut leaves = Vec::new();
    // Nothing has no entries, however its extents are spelt.
    if !(is_list && shape.contains(&0)) {
        flatten(literal, &shape, ty, &mut leaves)?;
    } else {
        return Ok(Tensor::zeros(ty.dtype, shape));
    }
    let data = match ty.dtype {
        DType::F64 => elements::<f64>(&leaves)?,
        DType::F32 => elements::<f32>(&leaves)?,
        DType::I64 => elements::<i64>(&leaves)?,
        DType::I32 => elements::<i32>(&leaves)?,
        DType::U64 => elements::<u64>(&leaves)?,
        DType::U32 => elements::<u32>(&leaves)?,
        DType::Bool => elements::<bool>(&leaves)?,
    };
    Ok(Tensor::from_data(shape, data))
}

/// The scalars in `literal`, row-major, which must be nested as `shape`.
fn flatten<'l, 'a>(
    literal: &'l Literal<'a>,
    shape: &[usize],
    ty: &Type,
    leaves: &mut Vec<&'l Literal<'a>>,
) -> Result<(), Diagnostic> {
    let bad = |got: String| {
        let message = format!("`value` must nest as {ty}: {got}");
        Err(Diagnostic::new("attribute-4", message).at(literal.span))
    };
    match (&literal.kind, shape.split_first()) {
        (LiteralKind::List(list), Some((&extent, inner))) => {
            if list.len() != extent {
                return bad(format!("a list must have {extent} entries, got {}", list.len()));
            }
            list.iter().try_for_each(|entry| flatten(entry, inner, ty, leaves))
        }
        (LiteralKind::List(_), None) => bad("a number must stand here, got a list".into()),
        (_, Some((extent, _))) => bad(format!("a list of {extent} entries must stand here, got a number")),
        (_, None) => {
            leaves.push(literal);
            Ok(())
        }
    }
}

fn elements<T: number::Scalar + Element>(leaves: &[&Literal]) -> Result<Data, Diagnostic> {
    let mut values = Vec::with_capacity(leaves.len());
    for literal in leaves {
        let value = match &literal.kind {
            LiteralKind::Number { negative, digits } => T::from_digits(*negative, digits),
            LiteralKind::Word(word) => T::from_word(word),
            _ => Err("a number".into()),
        };
        values.push(value.map_err(|wanted| {
            Diagnostic::new("attribute-2", format!("number of {} must be {wanted}", T::DTYPE))
                .at(literal.span)
        })?);
    }
    Ok(T::wrap(values))
}
