//! Tensors to and from text, outside programs: arguments and results.

use super::number::Floats;
use super::{literal, parser, printer};
use crate::diagnostic::{Diagnostics, Source};
use crate::ir::Type;
use crate::tensor::Tensor;
use std::sync::Arc;

/// The tensor of type `ty` that `source` writes, as `2.5` or `[[1, 2], [3, 4]]`; extents that the
/// type leaves open are those of the lists.
///
/// ```
/// use tessera_core::diagnostic::Source;
/// use tessera_core::{DType, Extent, Tensor, Type, text};
/// let ty = Type::new(DType::F64, [Extent::Dynamic]);
/// let x = text::parse_tensor(&Source::new("x", "[0.5, -inf]"), &ty).unwrap();
/// assert_eq!(x, Tensor::new([2], vec![0.5, f64::NEG_INFINITY]));
/// ```
///
/// # Errors
/// What is wrong with the text.
pub fn parse_tensor(source: &Source, ty: &Type) -> Result<Tensor, Diagnostics> {
    let (read, mut errors) = parser::parse_literal(source.text());
    if let (Some(literal), true) = (&read, errors.is_empty()) {
        match literal::tensor_of(literal, ty) {
            Ok(tensor) => return Ok(tensor),
            Err(error) => errors.push(error),
        }
    }
    Err(Diagnostics::new(Arc::new(source.clone()), errors))
}

/// The text that [`parse_tensor`] reads back as the same bits.
pub fn print_tensor(tensor: &Tensor, floats: Floats) -> String {
    let mut out = String::new();
    printer::tensor_text(tensor, &mut out, &mut |tensor, i, out| {
        printer::guide_element(tensor, i, floats, out)
    });
    out
}
