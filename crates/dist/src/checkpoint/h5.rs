//! The few things that the `hdf5` crate's safe interface lacks: a file as bytes in memory, and
//! texts of fixed length.
//!
//! A file is built in memory and handed to the operating system as bytes, because HDF5 1.10 does
//! not survive a full disk: a failed flush is tried again when the library closes. What is too large for one memory is added to such a
//! file on the disk, after the operating system has set the room aside. Texts have a
//! fixed length because those of variable length live in HDF5's global heap, the one structure of
//! this format version that no checksum covers.

use super::Cause;
use hdf5::file::{FileAccessBuilder, LibraryVersion};
use hdf5::types::TypeDescriptor;
use hdf5::{Attribute, Dataset, Dataspace, File, Group, Hyperslab, Location, SliceOrIndex};
use hdf5_sys::h5a::{H5Aread, H5Awrite};
use hdf5_sys::h5d::{H5Dread, H5Dwrite};
use hdf5_sys::h5f::{H5F_ACC_RDONLY, H5Fget_file_image, H5Fopen};
use hdf5_sys::h5p::{H5P_DEFAULT, H5Pset_file_image};
use hdf5_sys::h5s::H5S_ALL;
use std::ffi::CString;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes by which a file in memory grows.
const MEMORY_INCREMENT_BYTES: usize = 1 << 20;

/// Bytes of a superblock of version 2 or 3 before its checksum, with addresses of 8 bytes.
const SUPERBLOCK_BYTES: usize = 44;

/// The bytes of the file that `fill` makes.
pub(super) fn build(fill: impl FnOnce(&File) -> Result<(), Cause>) -> Result<Vec<u8>, Cause> {
    let mut options = File::with_options();
    // Version 1.10 of the format checks every piece of metadata by a checksum of its own.
    options.with_fapl(memory);
    options.with_fcpl(|fcpl| fcpl.obj_track_times(false));
    let file = options.create(memory_name())?;
    fill(&file)?;
    file.flush()?;
    let mut bytes = image(&file)?;
    renew_superblock_checksum(&mut bytes)?;
    Ok(bytes)
}

/// A file that lives in memory alone.
fn memory(fapl: &mut FileAccessBuilder) -> &mut FileAccessBuilder {
    fapl.core_options(MEMORY_INCREMENT_BYTES, false).libver_bounds(LibraryVersion::V110, LibraryVersion::V110)
}

/// The bytes of an open file.
fn image(file: &File) -> Result<Vec<u8>, Cause> {
    // SAFETY: a null buffer of length 0 asks for the size; `file` is open for the whole call.
    let size = hdf5::sync::sync(|| unsafe { H5Fget_file_image(file.id(), std::ptr::null_mut(), 0) });
    let size = usize::try_from(size).map_err(|_| last_error())?;
    let mut bytes = vec![0_u8; size];
    // SAFETY: `bytes` has room for the `size` bytes that the library was told it has.
    let got = hdf5::sync::sync(|| unsafe { H5Fget_file_image(file.id(), bytes.as_mut_ptr().cast(), size) });
    if usize::try_from(got) != Ok(size) {
        return Err(last_error());
    }
    Ok(bytes)
}

/// Opens `bytes` as a file that can only be read. The library keeps a copy.
pub(super) fn open(bytes: &[u8]) -> Result<File, Cause> {
    let fapl = memory(&mut hdf5::plist::FileAccess::build()).finish()?;
    let name = CString::new(memory_name()).map_err(|_| Cause::Library("name with a NUL".to_owned()))?;
    // SAFETY: the library copies `bytes` before `H5Pset_file_image` returns and does not write to
    // them; `name` is a terminated string; both property list and name outlive the calls.
    let id = hdf5::sync::sync(|| unsafe {
        if H5Pset_file_image(fapl.id(), bytes.as_ptr().cast_mut().cast(), bytes.len()) < 0 {
            return -1;
        }
        H5Fopen(name.as_ptr(), H5F_ACC_RDONLY, fapl.id())
    });
    if id < 0 {
        return Err(last_error());
    }
    // SAFETY: `id` was just returned by `H5Fopen` and nobody else holds it.
    Ok(unsafe { hdf5::from_id::<File>(id) }?)
}

/// Opens a file on the disk, to read it or to add to it.
///
/// A file that is added to must have its room on the disk already (see the module's head).
pub(super) fn open_path(path: &Path, add: bool) -> Result<File, Cause> {
    let mut options = File::with_options();
    options.with_fapl(|fapl| fapl.libver_bounds(LibraryVersion::V110, LibraryVersion::V110));
    Ok(if add { options.open_rw(path) } else { options.open(path) }?)
}

/// The spaces of `rows` in memory and in a dataset's file; a dataset without axes is one row.
fn row_spaces(dataset: &Dataset, rows: &Range<usize>) -> Result<(Dataspace, Dataspace), Cause> {
    let (space, mut shape) = (dataset.space()?, dataset.shape());
    let Some(first) = shape.first_mut() else {
        return Ok((space.copy(), space));
    };
    *first = rows.len();
    let whole = shape[1..].iter().map(|&extent| SliceOrIndex::from(0..extent));
    let slab: Vec<SliceOrIndex> = std::iter::once(rows.clone().into()).chain(whole).collect();
    Ok((Dataspace::try_new(&shape)?, space.select(Hyperslab::from(slab))?))
}

/// Stores `bytes` as the `rows` of `dataset`.
pub(super) fn write_rows(dataset: &Dataset, rows: Range<usize>, bytes: &[u8]) -> Result<(), Cause> {
    let ((memory, stored), ty) = (row_spaces(dataset, &rows)?, dataset.dtype()?);
    assert_eq!(bytes.len(), memory.size() * ty.size(), "as many bytes as the rows have");
    // SAFETY: `bytes` holds the elements of `memory`, of the dataset's own type.
    let status = hdf5::sync::sync(|| unsafe {
        H5Dwrite(dataset.id(), ty.id(), memory.id(), stored.id(), H5P_DEFAULT, bytes.as_ptr().cast())
    });
    if status < 0 { Err(last_error()) } else { Ok(()) }
}

/// Fills `bytes` with the `rows` of `dataset`.
pub(super) fn read_rows(dataset: &Dataset, rows: Range<usize>, bytes: &mut [u8]) -> Result<(), Cause> {
    let ((memory, stored), ty) = (row_spaces(dataset, &rows)?, dataset.dtype()?);
    assert_eq!(bytes.len(), memory.size() * ty.size(), "as many bytes as the rows have");
    // SAFETY: `bytes` has room for the elements of `memory`, of the dataset's own type.
    let status = hdf5::sync::sync(|| unsafe {
        H5Dread(dataset.id(), ty.id(), memory.id(), stored.id(), H5P_DEFAULT, bytes.as_mut_ptr().cast())
    });
    if status < 0 { Err(last_error()) } else { Ok(()) }
}

/// Makes the checksum of the superblock (version 2 or 3) that of the bytes before it.
///
/// While a file is open for writing a flag in its superblock says so. `H5Fget_file_image` clears
/// the flag in the bytes it gives out, but leaves the checksum that was made with the flag.
fn renew_superblock_checksum(bytes: &mut [u8]) -> Result<(), Cause> {
    match bytes.split_at_mut_checked(SUPERBLOCK_BYTES) {
        Some((superblock, rest)) if rest.len() >= 4 && matches!(superblock[8], 2 | 3) => {
            rest[..4].copy_from_slice(&lookup3(superblock).to_le_bytes());
            Ok(())
        }
        _ => Err(Cause::Library("the file must have a superblock of version 2 or 3".to_owned())),
    }
}

/// Bob Jenkins's hash of 2006, public domain, which HDF5 uses as its checksum of metadata.
fn lookup3(bytes: &[u8]) -> u32 {
    let word = |block: &[u8], i: usize| {
        let byte = |k: usize| u32::from(block.get(4 * i + k).copied().unwrap_or(0)) << (8 * k);
        byte(0) | byte(1) | byte(2) | byte(3)
    };
    let start = u32::try_from(bytes.len()).unwrap_or(u32::MAX).wrapping_add(0xdead_beef);
    let [mut a, mut b, mut c] = [start; 3];
    // The last block, even when it is whole, is mixed in another way.
    let blocks = bytes.len().div_ceil(12);
    for (number, block) in bytes.chunks(12).enumerate() {
        a = a.wrapping_add(word(block, 0));
        b = b.wrapping_add(word(block, 1));
        c = c.wrapping_add(word(block, 2));
        if number + 1 < blocks {
            for (r0, r1, r2) in [(4, 6, 8), (16, 19, 4)] {
                a = a.wrapping_sub(c) ^ c.rotate_left(r0);
                c = c.wrapping_add(b);
                b = b.wrapping_sub(a) ^ a.rotate_left(r1);
                a = a.wrapping_add(c);
                c = c.wrapping_sub(b) ^ b.rotate_left(r2);
                b = b.wrapping_add(a);
            }
        } else {
            c = (c ^ b).wrapping_sub(b.rotate_left(14));
            a = (a ^ c).wrapping_sub(c.rotate_left(11));
            b = (b ^ a).wrapping_sub(a.rotate_left(25));
            c = (c ^ b).wrapping_sub(b.rotate_left(16));
            a = (a ^ c).wrapping_sub(c.rotate_left(4));
            b = (b ^ a).wrapping_sub(a.rotate_left(14));
            c = (c ^ b).wrapping_sub(b.rotate_left(24));
        }
    }
    c
}

/// Stores `text` as attribute `name`.
pub(super) fn write_text_attribute(location: &Location, name: &str, text: &str) -> Result<(), Cause> {
    let (ty, bytes) = fixed(text);
    let attribute = location.new_attr_builder().empty_as(&ty).create(name)?;
    let memory = attribute.dtype()?;
    // SAFETY: `memory` is the attribute's own type of `bytes.len()` bytes, and it is a scalar.
    let status = hdf5::sync::sync(|| unsafe { H5Awrite(attribute.id(), memory.id(), bytes.as_ptr().cast()) });
    if status < 0 { Err(last_error()) } else { Ok(()) }
}

/// The text in `attribute`; `bytes_max` bounds what a damaged file can ask for.
pub(super) fn read_text_attribute(attribute: &Attribute, bytes_max: usize) -> Result<String, Cause> {
    let mut bytes = room(attribute.dtype()?.to_descriptor()?, attribute.size(), bytes_max)?;
    let memory = attribute.dtype()?;
    // SAFETY: `memory` is the attribute's own type of `bytes.len()` bytes, and it is one element.
    let status =
        hdf5::sync::sync(|| unsafe { H5Aread(attribute.id(), memory.id(), bytes.as_mut_ptr().cast()) });
    if status < 0 { Err(last_error()) } else { text(bytes) }
}

/// Stores `content` as dataset `name` of one element, compressed and checksummed.
pub(super) fn write_text(group: &Group, name: &str, content: &str) -> Result<(), Cause> {
    let (ty, bytes) = fixed(content);
    let builder = group.new_dataset_builder().empty_as(&ty).shape([1]).chunk([1]);
    let dataset = builder.deflate(super::dataset::DEFLATE_LEVEL).fletcher32().create(name)?;
    let memory = dataset.dtype()?;
    // SAFETY: `memory` is the dataset's own type of `bytes.len()` bytes, and it has one element.
    let status = hdf5::sync::sync(|| unsafe {
        H5Dwrite(dataset.id(), memory.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.as_ptr().cast())
    });
    if status < 0 { Err(last_error()) } else { Ok(()) }
}

/// The text in `dataset`; `bytes_max` bounds what a damaged file can ask for.
pub(super) fn read_text(dataset: &Dataset, bytes_max: usize) -> Result<String, Cause> {
    let mut bytes = room(dataset.dtype()?.to_descriptor()?, dataset.size(), bytes_max)?;
    let memory = dataset.dtype()?;
    // SAFETY: `memory` is the dataset's own type of `bytes.len()` bytes, and it has one element.
    let status = hdf5::sync::sync(|| unsafe {
        H5Dread(dataset.id(), memory.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.as_mut_ptr().cast())
    });
    if status < 0 { Err(last_error()) } else { text(bytes) }
}

/// The fixed-length type that holds `text`, and its bytes; HDF5 knows no length 0.
fn fixed(text: &str) -> (TypeDescriptor, Vec<u8>) {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.is_empty() {
        bytes.push(0);
    }
    (TypeDescriptor::FixedUnicode(bytes.len()), bytes)
}

/// Room for one text of type `ty`.
fn room(ty: TypeDescriptor, elements: usize, bytes_max: usize) -> Result<Vec<u8>, Cause> {
    match ty {
        TypeDescriptor::FixedUnicode(len) if elements == 1 && len <= bytes_max => Ok(vec![0; len]),
        other => {
            Err(Cause::Library(format!("must hold one text of fixed length, got {elements} of {other:?}")))
        }
    }
}

/// Text without the padding.
fn text(mut bytes: Vec<u8>) -> Result<String, Cause> {
    let len = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    bytes.truncate(len);
    String::from_utf8(bytes).map_err(|_| Cause::Library("a text must be UTF-8".to_owned()))
}

/// A name that no file has. The library wants one, and tells open files in memory apart by it.
fn memory_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("/nonexistent/tessera-memory-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The library's own account of what failed last.
fn last_error() -> Cause {
    match hdf5::Error::query() {
        Ok(error) => error.into(),
        Err(_) => Cause::Library("failed without saying why".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::lookup3;

    /// The values in the driver that its author published with the hash (lookup3.c, `driver5`).
    #[test]
    fn lookup3_gives_the_published_values() {
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }
}
