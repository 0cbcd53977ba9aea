//! Tensors in a file: stored and read back by whole rows, a few mebibytes at a time.
//!
//! What goes in and comes out are [`Tensor::canonical_bytes`]; they are what a digest is made of, and how an element of each type
//! is stored (little-endian; `bool` as `u8`).
//!
//! [`Tensor::canonical_bytes`]: tessera_core::Tensor::canonical_bytes

use super::{Cause, h5};
use hdf5::plist::dataset_create::Layout;
use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5::{Dataset, File};
use std::ops::Range;
use tessera_core::DType;

/// Deflate's level. A run of 3.1 MB (L-BFGS pairs, a field, losses), written on one Xeon core:
/// level 0 makes 3.13 MB in 34 ms, 1 makes 2.62 MB and 4 makes 2.60 MB in about 0.12 s, 9 makes
/// 2.59 MB in 0.85 s. Reading it back takes 20 to 30 ms at any level.
pub(super) const DEFLATE_LEVEL: u8 = 1;

/// Datasets up to this size live in the object header, under its checksum, where filters cannot be.
const COMPACT_BYTES_MAX: usize = 1024;

/// The most bytes of a chunk, unless an element has more.
const CHUNK_BYTES: usize = 256 << 10;

/// The most bytes that are stored or read at a time, unless a row has more.
const PIECE_BYTES: usize = 4 << 20;

/// The bytes of a row; those of all elements must be countable.
pub(super) fn row_bytes(dtype: DType, shape: &[usize]) -> usize {
    if shape.contains(&0) { 0 } else { dtype.size() * shape.iter().skip(1).product::<usize>() }
}

/// The extents of a chunk: as many elements as [`CHUNK_BYTES`] hold that lie one after the other.
fn chunk(dtype: DType, shape: &[usize]) -> Vec<usize> {
    let mut left = CHUNK_BYTES / dtype.size();
    let mut chunk = vec![1; shape.len()];
    for (chunk, &extent) in chunk.iter_mut().zip(shape).rev() {
        *chunk = extent.min(left).max(1);
        left /= extent.max(1);
    }
    chunk
}

/// The rows that are stored or read together: whole chunks of them. A tensor without axes is one row.
pub(super) fn pieces(dtype: DType, shape: &[usize]) -> impl Iterator<Item = Range<usize>> + use<> {
    let rows = if shape.contains(&0) { 0 } else { shape.first().copied().unwrap_or(1) };
    let together = chunk(dtype, shape).first().copied().unwrap_or(1);
    let chunks = PIECE_BYTES / row_bytes(dtype, shape).max(1) / together;
    let step = together * chunks.max(1);
    (0..rows).step_by(step).map(move |start| start..rows.min(start + step))
}

/// The bytes that a dataset takes at most, its place in the file's tables included: deflate adds 5 bytes to 16 KiB that do not
/// shrink (RFC 1951), fletcher32 4 to a chunk, and a chunk's entry in the tables has less than 64.
pub(super) fn stored_bytes_max(dtype: DType, shape: &[usize]) -> u64 {
    let bytes = dtype.size() as u64 * shape.iter().map(|&extent| extent as u64).product::<u64>();
    // A chunk at the end of an axis is stored in full.
    let chunks: u64 =
        shape.iter().zip(chunk(dtype, shape)).map(|(&extent, chunk)| extent.div_ceil(chunk) as u64).product();
    let chunk_bytes = dtype.size() as u64 * chunk(dtype, shape).iter().map(|&n| n as u64).product::<u64>();
    bytes.max(chunks * chunk_bytes) / 1000 * 1001 + chunks * 128 + (64 << 10)
}

/// How an element is stored.
fn stored(dtype: DType) -> TypeDescriptor {
    match dtype {
        DType::F64 => TypeDescriptor::Float(FloatSize::U8),
        DType::F32 => TypeDescriptor::Float(FloatSize::U4),
        DType::I64 => TypeDescriptor::Integer(IntSize::U8),
        DType::I32 => TypeDescriptor::Integer(IntSize::U4),
        DType::U64 => TypeDescriptor::Unsigned(IntSize::U8),
        DType::U32 => TypeDescriptor::Unsigned(IntSize::U4),
        DType::Bool => TypeDescriptor::Unsigned(IntSize::U1),
    }
}

/// A dataset for a tensor, at `path` of `file`.
pub(super) fn create(file: &File, path: &str, dtype: DType, shape: &[usize]) -> Result<Dataset, Cause> {
    let empty = file.new_dataset_builder().empty_as(stored(dtype));
    let builder = if shape.is_empty() { empty.shape(()) } else { empty.shape(shape) };
    let builder = match dtype.size() * shape.iter().product::<usize>() {
        // Nothing to store, and a chunk cannot be empty.
        0 => builder,
        1..=COMPACT_BYTES_MAX => builder.layout(Layout::Compact),
        _ => builder.chunk(chunk(dtype, shape)).shuffle().deflate(DEFLATE_LEVEL).fletcher32(),
    };
    Ok(builder.create(path)?)
}

/// Stores `bytes` as the `rows` of a dataset.
pub(super) fn write(dataset: &Dataset, rows: Range<usize>, bytes: &[u8]) -> Result<(), Cause> {
    if bytes.is_empty() { Ok(()) } else { h5::write_rows(dataset, rows, bytes) }
}

/// The element type and digest that a dataset is said to have.
pub(super) fn label(dataset: &Dataset, dtype: DType, digest: &str) -> Result<(), Cause> {
    h5::write_text_attribute(dataset, "dtype", dtype.name())?;
    h5::write_text_attribute(dataset, "sha256", digest)
}

/// The element type that a dataset says it has; it must be stored as such elements are.
pub(super) fn dtype(dataset: &Dataset, text_bytes_max: usize) -> Result<DType, Cause> {
    let name = h5::read_text_attribute(&dataset.attr("dtype")?, text_bytes_max)?;
    let dtype = DType::from_name(&name)
        .ok_or_else(|| Cause::Library(format!("attribute dtype must be an element type, got {name:?}")))?;
    match (stored(dtype), dataset.dtype()?.to_descriptor()?) {
        (must, got) if must == got => Ok(dtype),
        (must, got) => Err(Cause::Library(format!("must be stored as {must}, got {got}"))),
    }
}

/// The bytes of the `rows` of a dataset of `shape`.
pub(super) fn read(
    dataset: &Dataset,
    dtype: DType,
    shape: &[usize],
    rows: Range<usize>,
) -> Result<Vec<u8>, Cause> {
    let mut bytes = vec![0; rows.len() * row_bytes(dtype, shape)];
    if !bytes.is_empty() {
        h5::read_rows(dataset, rows, &mut bytes)?;
    }
    match dtype {
        DType::Bool => match bytes.iter().find(|&&byte| byte > 1) {
            Some(byte) => Err(Cause::Library(format!("a truth value must be 0 or 1, got {byte}"))),
            None => Ok(bytes),
        },
        _ => Ok(bytes),
    }
}
