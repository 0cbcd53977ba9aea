//! The good files that are kept before the newest one, and the choice among them.
//!
//! The newest run file is `RUN.h5`. The one before it is `RUN.h5.previous`, the one before that
//! `RUN.h5.previous.2`, and so on up to the number that the writer was told to keep. Each step of a
//! rotation is a rename, so that a writer that is killed in the midst of it leaves at most a gap in
//! the numbers, which readers pass over and the next rotation closes.

use super::{Cause, Checkpoint, CheckpointError, read};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// How many good files before the newest are kept where nobody says otherwise.
pub const KEEP: u32 = 1;

const PREVIOUS: &str = ".previous";

/// The path at which the last good file before `path` is kept: `RUN.h5.previous`.
pub fn previous_path(path: &Path) -> PathBuf {
    kept_path(path, 1)
}

/// The path of the good file that is `age` files older than `path`; `age` counts from 1.
pub fn kept_path(path: &Path, age: u32) -> PathBuf {
    suffixed(path, &if age > 1 { format!("{PREVIOUS}.{age}") } else { PREVIOUS.to_owned() })
}

/// The files kept before `path` that are there, newest first.
///
/// # Errors
/// If the folder cannot be listed.
pub fn kept_paths(path: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(ages(path)?.into_iter().map(|age| kept_path(path, age)).collect())
}

/// The newest good file of a run.
#[derive(Debug)]
pub struct Latest {
    /// Its content.
    pub checkpoint: Checkpoint,
    /// Where it was: the path asked for, or one of those kept before it.
    pub path: PathBuf,
    /// Why newer files were refused, newest first.
    pub refused: Vec<CheckpointError>,
}

/// Reads the run file at `path`, or the newest of those kept before it that is good.
///
/// # Errors
/// If none is good: why each was refused, newest first; at least the one at `path`.
pub fn read_latest(path: &Path) -> Result<Latest, Vec<CheckpointError>> {
    let mut refused = Vec::new();
    let kept = kept_paths(path).unwrap_or_default();
    for path in std::iter::once(path.to_owned()).chain(kept) {
        match read(&path) {
            Ok(checkpoint) => return Ok(Latest { checkpoint, path, refused }),
            Err(error) => refused.push(error),
        }
    }
    Err(refused)
}

/// Removes what writers of `path` that were killed have left: temporary files that never took its
/// name. To be called while nobody writes to `path`.
///
/// # Errors
/// If the operating system refuses.
pub fn remove_leftovers(path: &Path) -> io::Result<()> {
    let prefix = temporary_prefix(path.file_name().unwrap_or_default());
    for name in names(folder(path))? {
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(prefix.as_encoded_bytes()) && bytes.ends_with(TEMPORARY_SUFFIX.as_bytes()) {
            remove_if_there(&folder(path).join(name))?;
        }
    }
    Ok(())
}

/// How names of temporary files end.
pub(super) const TEMPORARY_SUFFIX: &str = ".tmp";

/// How the names of temporary files of a run file called `name` begin.
pub(super) fn temporary_prefix(name: &OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    prefix
}

/// Makes room at [`previous_path`] by renaming each kept file to the next age, up to `keep` of them.
pub(super) fn make_room(path: &Path, keep: u32) -> io::Result<()> {
    let ages = ages(path)?;
    // A gap takes the rest up; without one the oldest is written over.
    let free = (1..=keep).find(|age| !ages.contains(age)).unwrap_or(keep);
    (1..free).rev().try_for_each(|age| std::fs::rename(kept_path(path, age), kept_path(path, age + 1)))
}

/// Removes the files older than the `keep` that are kept.
pub(super) fn remove_older(path: &Path, keep: u32) -> io::Result<()> {
    let old = ages(path)?.into_iter().filter(|&age| age > keep);
    old.map(|age| kept_path(path, age)).try_for_each(|old| remove_if_there(&old))
}

/// The ages at which a file is kept, ascending.
fn ages(path: &Path) -> io::Result<Vec<u32>> {
    let first = previous_path(path);
    let first = first.file_name().unwrap_or_default().as_encoded_bytes();
    let age = |name: &OsString| match name.as_encoded_bytes().strip_prefix(first)? {
        b"" => Some(1),
        rest => {
            let age = std::str::from_utf8(rest.strip_prefix(b".")?).ok()?;
            age.parse().ok().filter(|parsed: &u32| *parsed > 1 && parsed.to_string() == age)
        }
    };
    let mut ages: Vec<u32> = names(folder(path))?.iter().filter_map(age).collect();
    ages.sort_unstable();
    Ok(ages)
}

fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// The folder that `path` lies in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The name that `path` ends with.
pub(super) fn file_name(path: &Path) -> Result<&OsStr, Cause> {
    path.file_name().ok_or_else(|| Cause::Content("the path must end with a file's name".to_owned()))
}
