//! Writing a run file: bytes in memory first, then a new file, then a change of names.

use super::kept::{self, KEEP};
use super::manifest::{Lines, Manifest, validate};
use super::{Attribute, Cause, Checkpoint, CheckpointError, FORMAT_VERSION, dataset, h5};
use hdf5::{File, Group, H5Type, Location};
use indexmap::IndexMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use tessera_core::Tensor;
use tessera_core::tensor::canonical_bits_f64;

/// What happened to the file that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none.
    Created,
    /// It was good and is now the previous one, at this path.
    Kept(PathBuf),
    /// It was good, and none was to be kept.
    Replaced,
    /// It was no good run file, and was moved aside to this path. The previous one is untouched.
    Moved(PathBuf),
}

/// Writes `checkpoint` to `path`, whole or not at all, and keeps [`KEEP`] good files before it;
/// see [`write_keeping`].
///
/// # Errors
/// As [`write_keeping`].
pub fn write(path: &Path, checkpoint: &Checkpoint) -> Result<Outcome, CheckpointError> {
    write_keeping(path, checkpoint, KEEP)
}

/// Writes `checkpoint` to `path`, whole or not at all, and keeps `keep` good files before it.
///
/// The bytes go to a temporary file in the same folder, which is flushed to the disk, renamed to
/// `path`, and then the folder is flushed. A good file that was at `path` stays as
/// [`previous_path`], those before it are renamed as [`kept_path`] says, and the oldest are
/// removed; whatever else was at `path` is moved to `path` + `.altered`. So at every moment, also
/// after a loss of power, a good run file is at `path` or at one of the kept paths.
///
/// # Errors
/// If the checkpoint holds names or texts that a file cannot, or the operating system refuses;
/// then the file that was at `path` is as it was and the temporary file is gone.
///
/// [`previous_path`]: super::previous_path
/// [`kept_path`]: super::kept_path
pub fn write_keeping(path: &Path, checkpoint: &Checkpoint, keep: u32) -> Result<Outcome, CheckpointError> {
    to_bytes(checkpoint).and_then(|bytes| replace(path, &bytes, keep)).map_err(|cause| CheckpointError {
        action: "write",
        path: path.to_owned(),
        cause,
    })
}

/// The bytes of the run file of `checkpoint`. The same content and provenance give the same bytes
/// with the same release of HDF5.
///
/// # Errors
/// If the checkpoint holds names or texts that a file cannot, or HDF5 fails.
pub fn to_bytes(checkpoint: &Checkpoint) -> Result<Vec<u8>, Cause> {
    validate(checkpoint, [])?;
    h5::build(|file| {
        write_frame(file, checkpoint)?;
        write_manifests(file, &Manifest::of(checkpoint))
    })
}

/// Puts a file of `bytes` in the place of `path`.
fn replace(path: &Path, bytes: &[u8], keep: u32) -> Result<Outcome, Cause> {
    let mut temporary = temporary_file(path)?;
    temporary.write_all(bytes)?;
    publish(temporary, path, keep)
}

/// Gives a whole temporary file the name `path`.
pub(super) fn publish(temporary: NamedTempFile, path: &Path, keep: u32) -> Result<Outcome, Cause> {
    temporary.as_file().sync_all()?;
    let outcome = keep_old(path, keep)?;
    temporary.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(kept::folder(path))?.sync_all()?;
    kept::remove_older(path, keep)?;
    Ok(outcome)
}

/// A new file beside `path`, with the permissions that the user's umask gives to any new file. Dropped before it is published, it is
/// removed.
pub(super) fn temporary_file(path: &Path) -> Result<NamedTempFile, Cause> {
    use std::os::unix::fs::PermissionsExt;
    if path.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory).into());
    }
    let file = tempfile::Builder::new()
        .prefix(&kept::temporary_prefix(kept::file_name(path)?))
        .suffix(kept::TEMPORARY_SUFFIX)
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(kept::folder(path))?;
    Ok(file)
}

/// Gives the file at `path`, if there is one, a second name: the previous one if it is good, and
/// otherwise a name that leaves the previous one alone.
fn keep_old(path: &Path, keep: u32) -> Result<Outcome, Cause> {
    if !path.try_exists()? {
        return Ok(Outcome::Created);
    }
    let good = super::verify(path).is_ok();
    if good && keep == 0 {
        return Ok(Outcome::Replaced);
    }
    let old = if good { kept::previous_path(path) } else { kept::suffixed(path, ".altered") };
    if good {
        kept::make_room(path, keep)?;
    }
    // A hard link keeps the old file at `path` until the new one takes the name. It is made under
    // a passing name, because a link cannot replace a file and a rename can.
    let passing = kept::suffixed(&old, kept::TEMPORARY_SUFFIX);
    kept::remove_if_there(&passing)?;
    match std::fs::hard_link(path, &passing) {
        Ok(()) => {
            std::fs::rename(&passing, &old)?;
            // A rename between two names of one file does nothing and leaves both.
            kept::remove_if_there(&passing)?;
        }
        // A file system without hard links: between this rename and the next one, the last good
        // file is at the kept path alone.
        Err(_) => std::fs::rename(path, &old)?,
    }
    Ok(if good { Outcome::Kept(old) } else { Outcome::Moved(old) })
}

/// Stores everything but the manifests.
pub(super) fn write_frame(file: &File, checkpoint: &Checkpoint) -> Result<(), Cause> {
    let header = &checkpoint.header;
    let own = new_group(file, "tessera")?;
    let provenance = new_group(file, "provenance")?;
    let attributes = new_group(file, "tessera/attributes")?;

    h5::write_text_attribute(file, "software", "tessera")?;
    h5::write_text_attribute(file, "softwareVersion", &checkpoint.provenance.software_version)?;
    h5::write_text_attribute(file, "date", &checkpoint.provenance.date)?;
    h5::write_text_attribute(file, "machine", &checkpoint.provenance.machine)?;
    h5::write_text_attribute(file, "format", "tessera run")?;
    write_number(file, "formatVersion", FORMAT_VERSION)?;
    write_number(file, "numericsVersion", header.numerics_version)?;
    write_number(file, "seed", header.seed)?;
    write_number(file, "step", header.step)?;
    h5::write_text_attribute(file, "caseSha256", &header.case_sha256())?;
    h5::write_text(&own, "case", &header.case)?;
    h5::write_text(&own, "program", &header.program)?;
    write_attributes(&attributes, &checkpoint.attributes)?;
    write_attributes(&provenance, &checkpoint.provenance.entries)?;

    for (path, tensor) in &checkpoint.datasets {
        make_groups(file, path)?;
        write_tensor(file, path, tensor)?;
    }
    Ok(())
}

/// Makes the groups that the dataset at `path` lies in, as far as they are not there.
pub(super) fn make_groups(file: &File, path: &str) -> Result<(), Cause> {
    let groups = path.match_indices('/').map(|(end, _)| &path[..end]);
    for group in groups {
        if !file.link_exists(group) {
            new_group(file, group)?;
        }
    }
    Ok(())
}

/// Stores the manifests, after all that they list.
pub(super) fn write_manifests(file: &File, manifest: &Manifest) -> Result<(), Cause> {
    let (own, provenance) = (file.group("tessera")?, file.group("provenance")?);
    write_manifest(&own, file, &manifest.compared)?;
    write_manifest(&provenance, &provenance, &manifest.provenance)
}

/// Stores `lines` in `group` and their digest at `digest_at`.
fn write_manifest(group: &Group, digest_at: &Location, lines: &Lines) -> Result<(), Cause> {
    h5::write_text(group, "manifest", &lines.text())?;
    h5::write_text_attribute(digest_at, "sha256", &lines.digest())
}

fn write_attributes(location: &Location, attributes: &IndexMap<String, Attribute>) -> Result<(), Cause> {
    for (name, attribute) in attributes {
        match attribute {
            Attribute::U64(value) => write_number(location, name, *value)?,
            Attribute::F64(value) => {
                write_number(location, name, f64::from_bits(canonical_bits_f64(*value)))?
            }
            Attribute::Text(text) => h5::write_text_attribute(location, name, text)?,
        }
    }
    Ok(())
}

fn write_number<T: H5Type>(location: &Location, name: &str, value: T) -> Result<(), Cause> {
    Ok(location.new_attr::<T>().create(name)?.write_scalar(&value)?)
}

/// Groups carry no times, so that equal checkpoints are equal files.
fn new_group(file: &File, path: &str) -> Result<Group, Cause> {
    Ok(file.create_group_builder().obj_track_times(false).create(path)?)
}

fn write_tensor(file: &File, path: &str, tensor: &Tensor) -> Result<(), Cause> {
    let shape = tensor.shape();
    let stored = dataset::create(file, path, tensor.dtype(), shape)?;
    dataset::write(&stored, 0..shape.first().copied().unwrap_or(1), &tensor.canonical_bytes())?;
    dataset::label(&stored, tensor.dtype(), &tensor.digest())
}
