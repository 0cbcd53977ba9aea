//! The text form of programs, as the autodiff guide writes it, and MLIR's generic form for output.
//!
//! [`parse`] reads a program, [`check`] also verifies it, [`print()`] writes it. Printing what was
//! read and reading what was printed change nothing: types are those inferred, numbers read back
//! as the same bits. `docs/ir.md` holds the grammar.
//!
//! ```
//! use tessera_core::diagnostic::Source;
//! use tessera_core::text;
//! let source = Source::new("m.mlir", "\
//! tgraph.module @m {
//!   %x = tgraph.arg : tensor<?xf32>
//!   %y = tgraph.sin %x : tensor<?xf32>
//!   %z = tgraph.reduce %y {op = \"sum\"} : tensor<?xf32> -> f32
//!   tgraph.return %z : f32
//! }
//! ");
//! let program = text::check(&source).unwrap();
//! assert_eq!(text::print(&program), source.text());
//! ```

mod constraints;
mod lexer;
mod literal;
mod lower;
mod number;
mod parser;
mod printer;
mod statement;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use constraints::CONSTRAINTS;
pub use number::Floats;
pub(crate) use printer::names;
pub use printer::{Form, Style, print, print_graph, print_styled};
pub use value::{parse_tensor, print_tensor};

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::ir::Program;
use crate::verify;
use lower::Lowered;
use std::sync::Arc;

/// The program that `source` writes. Transformation statements are read, not carried out, and need
/// not fit its modules yet; [`check`] asks for that too.
///
/// # Errors
/// Everything that is wrong with the text, in its order.
pub fn parse(source: &Source) -> Result<Program, Diagnostics> {
    let lowered = lowered(source);
    finish(source, lowered.program, lowered.errors)
}

/// The program that `source` writes, verified.
///
/// # Errors
/// Everything that is wrong with the text or with what it says, in its order.
pub fn check(source: &Source) -> Result<Program, Diagnostics> {
    let Lowered { program, mut errors, broken } = lowered(source);
    // What is wrong with a statement that a module calls has been reported.
    let found = verify::verify_except(&program, &|name| broken.contains(name));
    let same = |a: &Diagnostic, b: &Diagnostic| (a.id, &a.span, &a.message) == (b.id, &b.span, &b.message);
    let new: Vec<_> = found.into_iter().filter(|new| !errors.iter().any(|old| same(old, new))).collect();
    errors.extend(new);
    finish(source, program, errors)
}

fn lowered(source: &Source) -> Lowered {
    if u32::try_from(source.text().len()).is_err() {
        let message = format!("text must be smaller than 4 GiB, got {} bytes", source.text().len());
        let errors = vec![Diagnostic::new("text-1", message)];
        return Lowered { program: Program::default(), errors, broken: Default::default() };
    }
    let (file, mut errors) = parser::parse(source.text());
    let mut lowered = lower::lower(&file, source);
    errors.append(&mut lowered.errors);
    Lowered { errors, ..lowered }
}

fn finish(source: &Source, program: Program, errors: Vec<Diagnostic>) -> Result<Program, Diagnostics> {
    match errors.is_empty() {
        true => Ok(program),
        false => Err(Diagnostics::new(Arc::new(source.clone()), errors)),
    }
}
