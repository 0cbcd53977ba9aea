//! Shared memory that killed ranks of Open MPI leave behind: files `/dev/shm/vader_segment.*`, each as large as a rank's
//! buffers, which nobody else removes.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A younger segment may be one whose ranks have not mapped it yet.
const AGE_MIN: Duration = Duration::from_secs(60);

/// Removes this user's segments on this machine that no process has mapped, and returns how many. Whatever cannot be looked
/// into is left alone.
pub fn remove_stale_segments() -> usize {
    let segments = segments(Path::new("/dev/shm"));
    if segments.is_empty() {
        return 0;
    }
    let mapped = mapped();
    let stale = segments.into_iter().filter(|path| !mapped.contains(path));
    stale.filter(|path| std::fs::remove_file(path).is_ok()).count()
}

/// The segments of this user that are old enough.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let own = entries.filter(|entry| {
        let is_segment = entry.file_name().to_string_lossy().starts_with("vader_segment.");
        let old = |data: &std::fs::Metadata| {
            data.uid() == user && data.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= AGE_MIN))
        };
        is_segment && entry.metadata().is_ok_and(|data| old(&data))
    });
    own.map(|entry| entry.path()).collect()
}

/// The segments that a process has mapped.
fn mapped() -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let maps = processes.filter_map(|process| std::fs::read_to_string(process.path().join("maps")).ok());
    let path = |line: &str| line.find("/dev/shm/vader_segment.").map(|at| PathBuf::from(&line[at..]));
    maps.flat_map(|maps| maps.lines().filter_map(path).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::SystemTime;

    #[test]
    fn only_old_segments_of_this_user_count() {
        let folder = tempfile::tempdir().unwrap();
        let made = |name: &str, age: Duration| {
            let path = folder.path().join(name);
            File::create(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
            path
        };
        let old = made("vader_segment.host.0.1.0", 2 * AGE_MIN);
        made("vader_segment.host.0.1.1", Duration::ZERO);
        made("sem.other", 2 * AGE_MIN);
        assert_eq!(segments(folder.path()), [old]);
    }
}
