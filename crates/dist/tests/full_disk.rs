//! A disk that fills up while a run file is written: a typed error, and the old file stays.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tessera_core::Tensor;
use tessera_dist::Checkpoint;
use tessera_dist::checkpoint::{read, write};

/// Names the file to write, in the child process that has a limit.
const TARGET: &str = "TESSERA_TEST_FULL_DISK";

/// Bytes that a file may have in the child process, and that the small disk has.
const BYTES_MAX: u64 = 64 * 1024;

/// A run that needs about `values` × 8 bytes, because noise does not compress.
fn run(values: u64) -> Checkpoint {
    let noise =
        (0..values).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) ^ (i * i * i)).collect();
    let mut run = Checkpoint::new(1, "case", "program");
    run.header.step = values;
    run.datasets.insert("noise".to_owned(), Tensor::new([values as usize], noise));
    run
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs in a child process of `a_file_size_limit_leaves_the_old_file`.
#[test]
#[ignore = "a child process of another test"]
fn child() {
    let Some(target) = std::env::var_os(TARGET) else {
        return;
    };
    // The signal would end the process; with any handler the write fails instead.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false))).unwrap();
    let limit = rustix::process::Rlimit { current: Some(BYTES_MAX), maximum: Some(BYTES_MAX) };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
    let error = write(Path::new(&target), &run(100_000)).unwrap_err().to_string();
    assert!(error.contains("cannot write checkpoint") && error.contains("File too large"), "{error}");
}

#[test]
fn a_file_size_limit_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("run.h5");
    write(&target, &run(100)).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--test-threads=1"])
        .env(TARGET, &target)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(names(folder.path()), ["run.h5"]);
    assert_eq!(read(&target).unwrap().header.step, 100);
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={BYTES_MAX}"), "tmpfs"])
        .arg(folder.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no right to mount a small tmpfs");
        return;
    }
    let target = folder.path().join("run.h5");
    let result = std::panic::catch_unwind(|| {
        write(&target, &run(100)).unwrap();
        let error = write(&target, &run(100_000)).unwrap_err().to_string();
        assert!(error.contains("No space left on device"), "{error}");
        assert_eq!(names(folder.path()), ["run.h5"]);
        assert_eq!(read(&target).unwrap().header.step, 100);
        // There is room again for a small one.
        write(&target, &run(200)).unwrap();
        assert_eq!(read(&target).unwrap().header.step, 200);
    });
    let unmounted = Command::new("umount").arg(folder.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}
