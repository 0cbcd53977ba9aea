//! Files of results, written whole or not at all.

use std::io::Write as _;
use std::path::Path;

/// Writes `bytes` to a new file beside `path`, which then takes that name.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // The permissions that the user's umask gives to any new file.
    let permissions = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The folder that `path` lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// That a file can be written at `path`, by making one beside it and removing it again.
///
/// # Errors
/// What is in the way.
pub fn check_writable(path: &Path) -> Result<(), String> {
    let cannot = |cause: &dyn std::fmt::Display| format!("cannot write {}: {cause}", path.display());
    if path.is_dir() {
        return Err(cannot(&"it is a folder"));
    }
    if path.file_name().is_none() {
        return Err(cannot(&"the path must end with a file's name"));
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(cannot(&format!("{} is no folder; make it first", folder.display())));
    }
    match tempfile::Builder::new().prefix(".tessera.").tempfile_in(folder) {
        Ok(file) => file.close().map_err(|error| cannot(&error)),
        Err(error) => Err(cannot(&error)),
    }
}
