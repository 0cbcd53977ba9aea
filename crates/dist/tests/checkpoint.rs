//! Run files: what is written is what is read, and damage of any kind is refused.

use std::path::Path;
use tessera_core::Tensor;
use tessera_dist::checkpoint::{
    Cause, Outcome, from_bytes, kept_path, kept_paths, previous_path, read, read_latest, remove_leftovers,
    to_bytes, write, write_keeping,
};
use tessera_dist::{Attribute, Checkpoint, compare};

/// Every element type, odd values, empty and scalar tensors, compact and chunked storage.
fn sample() -> Checkpoint {
    let mut run =
        Checkpoint::new(0xFFFF_FFFF_FFFF_FFFE, "[problem]\nname = \"Bürgers\"\n", "func @step() {}");
    run.header.step = 300;
    run.provenance.entries.insert("threads".to_owned(), 2_u64.into());
    run.attributes.insert("learningRate".to_owned(), 1e-3.into());
    run.attributes.insert("nothing".to_owned(), f64::NAN.into());
    run.attributes.insert("optimiser".to_owned(), "adam".into());
    run.attributes.insert("empty".to_owned(), "".into());
    let odd = vec![0.0, -0.0, f64::INFINITY, f64::NAN, 5e-324, -1.5];
    let smooth: Vec<f64> = (0..200).map(|i| f64::from(i) / 7.0).collect();
    let mut put = |path: &str, tensor: Tensor| run.datasets.insert(path.to_owned(), tensor);
    put("parameters/layer0/weight", Tensor::new([2, 3], odd));
    put("parameters/layer0/bias", Tensor::new([3], vec![f32::NAN, -0.0, 1e-45]));
    put("history/loss", Tensor::new([200], smooth));
    put("history/step", Tensor::new([3], vec![0_u64, 1, u64::MAX]));
    put("kinds/i64", Tensor::new([2], vec![i64::MIN, i64::MAX]));
    put("kinds/i32", Tensor::new([2, 1], vec![i32::MIN, 3]));
    put("kinds/u32", Tensor::scalar(u32::MAX));
    put("kinds/bool", Tensor::new([1100], (0..1100).map(|i| i % 3 == 0).collect()));
    put("kinds/empty", Tensor::new([0, 3], Vec::<f64>::new()));
    put("alone", Tensor::scalar(-0.0));
    put("provenance/seconds", Tensor::new([2], vec![0.5, 0.25]));
    run
}

/// Equal in every bit, provenance included.
fn same(a: &Checkpoint, b: &Checkpoint) -> bool {
    a.header == b.header
        && a.provenance == b.provenance
        && a.attributes == b.attributes
        && a.attributes.keys().eq(b.attributes.keys())
        && a.datasets.len() == b.datasets.len()
        && a.datasets.iter().zip(&b.datasets).all(|((p, x), (q, y))| p == q && x.same_bits(y))
}

fn findings(bytes: &[u8]) -> Vec<String> {
    match from_bytes(bytes) {
        Err(Cause::Altered(findings)) => findings,
        other => panic!("expected findings, got {other:?}"),
    }
}

#[test]
fn a_round_trip_keeps_every_bit_and_the_order() {
    let run = sample();
    let bytes = to_bytes(&run).unwrap();
    let back = from_bytes(&bytes).unwrap();
    assert!(same(&run, &back));
    assert_eq!(run.digest(), back.digest());
    assert!(compare(&run, &back).is_equal());
    assert_eq!(to_bytes(&back).unwrap(), bytes, "equal checkpoints must be equal files");
}

#[test]
fn a_long_text_attribute_and_a_large_dataset_survive() {
    let mut run = sample();
    run.attributes.insert("long".to_owned(), Attribute::Text("ä".repeat(100_000)));
    let noise = (0..300_000_u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)).collect();
    run.datasets.shift_insert(0, "noise".to_owned(), Tensor::new([300, 1000], noise));
    assert!(same(&run, &from_bytes(&to_bytes(&run).unwrap()).unwrap()));
}

#[test]
fn what_a_file_cannot_hold_is_refused() {
    let scalar = || Tensor::scalar(1.0);
    for path in
        ["", "/x", "x/", "a//b", "a/../b", "a b", "tessera/x", "tessera", "provenance", "provenance/manifest"]
    {
        let mut run = sample();
        run.datasets.insert(path.to_owned(), scalar());
        assert!(matches!(to_bytes(&run), Err(Cause::Content(_))), "{path:?}");
    }
    let mut run = sample();
    run.datasets.insert("alone/inner".to_owned(), scalar());
    assert!(matches!(to_bytes(&run), Err(Cause::Content(text)) if text.contains("alone")));
    let mut run = sample();
    run.attributes.insert("x".to_owned(), "a\0".into());
    assert!(matches!(to_bytes(&run), Err(Cause::Content(_))));
    for own in ["date", "sha256"] {
        let mut run = sample();
        run.provenance.entries.insert(own.to_owned(), "x".into());
        assert!(matches!(to_bytes(&run), Err(Cause::Content(_))));
    }
}

#[test]
fn provenance_is_stored_but_not_compared() {
    let run = sample();
    let mut other = run.clone();
    other.provenance.date = "1970-01-01T00:00:00Z".to_owned();
    other.provenance.entries.insert("threads".to_owned(), 64_u64.into());
    other.datasets.insert("provenance/seconds".to_owned(), Tensor::new([1], vec![9.0]));
    assert!(compare(&run, &other).is_equal());
    assert_eq!(run.digest(), other.digest());
    assert!(same(&other, &from_bytes(&to_bytes(&other).unwrap()).unwrap()));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = to_bytes(&sample()).unwrap();
    // Every length near both ends, and every seventh between.
    for len in (0..bytes.len()).filter(|&len| len < 600 || len % 7 == 0 || len + 600 > bytes.len()) {
        assert!(from_bytes(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
}

#[test]
fn every_altered_byte_is_refused_or_harmless() {
    let run = sample();
    let bytes = to_bytes(&run).unwrap();
    println!("{} bytes", bytes.len());
    let mut harmless = 0;
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        match from_bytes(&damaged) {
            Ok(read) => {
                assert!(same(&run, &read), "byte {at}");
                harmless += 1;
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    println!("{harmless} are harmless");
    // Padding exists, but most of a file means something.
    assert!(harmless * 2 < bytes.len(), "{harmless} of {} bytes mean nothing", bytes.len());
}

#[test]
fn an_altered_element_is_named() {
    let run = sample();
    let bytes = to_bytes(&run).unwrap();
    // -1.5, the last element of a compact dataset; its place in the file is found by its bytes.
    let needle = (-1.5_f64).to_le_bytes();
    let at = bytes.windows(8).position(|window| window == needle).unwrap();
    let mut damaged = bytes;
    damaged[at + 6] ^= 1;
    assert!(findings(&damaged).iter().any(|finding| finding.contains("parameters/layer0/weight")));
}

/// Opens a sample file for writing by HDF5's own means, as another tool would.
fn tamper(change: impl FnOnce(&hdf5::File)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    write(&path, &sample()).unwrap();
    let file = hdf5::File::open_rw(&path).unwrap();
    change(&file);
    file.close().unwrap();
    std::fs::read(&path).unwrap()
}

#[test]
fn what_another_tool_altered_is_named() {
    let named = |bytes: Vec<u8>, what: &str| {
        let findings = findings(&bytes);
        assert!(findings.iter().any(|finding| finding.contains(what)), "{what}: {findings:?}");
    };
    named(tamper(|f| f.attr("seed").unwrap().write_scalar(&5_u64).unwrap()), "header seed must be");
    named(
        tamper(|f| f.attr("step").unwrap().write_scalar(&5_u64).unwrap()),
        "header step must be 300, got 5",
    );
    let rate = |f: &hdf5::File| {
        f.group("tessera/attributes").unwrap().attr("learningRate").unwrap().write_scalar(&2e-3).unwrap();
    };
    named(tamper(rate), "attribute learningRate must be");
    let loss = |f: &hdf5::File| f.dataset("history/loss").unwrap().write_raw(&[0.0; 200]).unwrap();
    named(tamper(loss), "dataset history/loss: digest must be");
    let extra = |f: &hdf5::File| {
        f.new_dataset::<f64>().create("history/extra").unwrap();
    };
    named(tamper(extra), "history/extra is not in the manifest");
    named(tamper(|f| f.unlink("kinds/i32").unwrap()), "dataset kinds/i32");
    named(tamper(|f| f.unlink("tessera/program").unwrap()), "text program");
    named(tamper(|f| f.unlink("tessera/manifest").unwrap()), "tessera/manifest");
    let note = |f: &hdf5::File| {
        f.new_attr::<u64>().create("note").unwrap();
    };
    named(tamper(note), "attribute note of the root is not in the manifest");
    let dataset_note = |f: &hdf5::File| {
        f.dataset("alone").unwrap().new_attr::<u64>().create("note").unwrap();
    };
    named(tamper(dataset_note), "dataset alone: attribute note is not in the manifest");
    let bool_value = |f: &hdf5::File| f.dataset("kinds/bool").unwrap().write_raw(&[7_u8; 1100]).unwrap();
    named(tamper(bool_value), "dataset kinds/bool: a truth value must be 0 or 1");
    let threads = |f: &hdf5::File| {
        f.group("provenance").unwrap().attr("threads").unwrap().write_scalar(&3_u64).unwrap();
    };
    named(tamper(threads), "attribute threads must be u64 2, got u64 3");
}

#[test]
fn all_that_was_altered_is_named_at_once() {
    let bytes = tamper(|f| {
        f.delete_attr("seed").unwrap();
        f.unlink("tessera/case").unwrap();
        f.delete_attr("date").unwrap();
        f.dataset("history/loss").unwrap().write_raw(&[0.0; 200]).unwrap();
    });
    let findings = findings(&bytes);
    let begins = ["header seed: ", "text case: ", "attribute date: ", "dataset history/loss: "];
    assert_eq!(findings.len(), begins.len(), "{findings:?}");
    for (finding, begin) in findings.iter().zip(begins) {
        assert!(finding.starts_with(begin), "{finding}");
    }
}

#[test]
fn other_files_and_other_versions_are_refused() {
    assert!(matches!(from_bytes(b""), Err(Cause::Foreign(_))));
    assert!(matches!(from_bytes(b"[problem]"), Err(Cause::Foreign(_))));
    let version = tamper(|f| f.attr("formatVersion").unwrap().write_scalar(&1_u64).unwrap());
    assert!(matches!(from_bytes(&version), Err(Cause::Version(1))));
    let foreign = tamper(|f| f.delete_attr("format").unwrap());
    assert!(matches!(from_bytes(&foreign), Err(Cause::Foreign(_))));
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_last_good_file_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    let mut run = sample();
    assert_eq!(write(&path, &run).unwrap(), Outcome::Created);
    let first = std::fs::read(&path).unwrap();
    run.header.step = 400;
    assert_eq!(write(&path, &run).unwrap(), Outcome::Kept(previous_path(&path)));
    assert_eq!(std::fs::read(previous_path(&path)).unwrap(), first);
    assert_eq!(read_latest(&path).unwrap().checkpoint.header.step, 400);
    assert_eq!(names(folder.path()), ["run.h5", "run.h5.previous"]);

    // The newest is damaged: the previous one serves, and stays when the next is written.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&path, &bytes).unwrap();
    let latest = read_latest(&path).unwrap();
    assert_eq!((latest.checkpoint.header.step, &latest.path), (300, &previous_path(&path)));
    assert_eq!(latest.refused.len(), 1);
    assert!(latest.refused[0].to_string().contains("run.h5: it was altered or is incomplete"));
    run.header.step = 500;
    let outcome = write(&path, &run).unwrap();
    assert!(matches!(outcome, Outcome::Moved(to) if std::fs::read(&to).unwrap() == bytes));
    assert_eq!(std::fs::read(previous_path(&path)).unwrap(), first);
    assert_eq!(read(&path).unwrap().header.step, 500);
    assert_eq!(names(folder.path()), ["run.h5", "run.h5.altered", "run.h5.previous"]);
    // And once more, so that links to one file under two names do no harm.
    write(&path, &run).unwrap();
    write(&path, &run).unwrap();
    assert_eq!(names(folder.path()), ["run.h5", "run.h5.altered", "run.h5.previous"]);
}

/// The step in the file at each age, newest first.
fn kept_steps(path: &Path) -> Vec<u64> {
    let kept = kept_paths(path).unwrap();
    std::iter::once(path.to_owned()).chain(kept).map(|path| read(&path).unwrap().header.step).collect()
}

#[test]
fn as_many_good_files_are_kept_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    let mut run = sample();
    let mut write_step = |step: u64, keep: u32| {
        run.header.step = step;
        write_keeping(&path, &run, keep).unwrap()
    };
    for step in 1..=5 {
        write_step(step, 3);
    }
    assert_eq!(kept_steps(&path), [5, 4, 3, 2]);
    let oldest = kept_path(&path, 3);
    assert_eq!(names(folder.path()), ["run.h5", "run.h5.previous", "run.h5.previous.2", "run.h5.previous.3"]);
    assert_eq!(read(&oldest).unwrap().header.step, 2);
    // What is left of a rotation that was killed: the gap is closed and nothing is lost.
    std::fs::remove_file(kept_path(&path, 2)).unwrap();
    write_step(6, 3);
    assert_eq!(kept_steps(&path), [6, 5, 4, 2]);
    // Fewer, and none at all.
    write_step(7, 2);
    assert_eq!(kept_steps(&path), [7, 6, 5]);
    assert_eq!(write_step(8, 0), Outcome::Replaced);
    assert_eq!(names(folder.path()), ["run.h5"]);
    assert_eq!(kept_steps(&path), [8]);
}

#[test]
fn the_newest_whole_file_is_found_and_every_refusal_has_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    let mut run = sample();
    for step in 1..=4 {
        run.header.step = step;
        write_keeping(&path, &run, 3).unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::write(previous_path(&path), "nonsense").unwrap();
    let latest = read_latest(&path).unwrap();
    assert_eq!((latest.checkpoint.header.step, &latest.path), (2, &kept_path(&path, 2)));
    let reasons: Vec<String> = latest.refused.iter().map(ToString::to_string).collect();
    assert!(reasons[0].contains("run.h5: No such file"), "{reasons:?}");
    assert!(reasons[1].contains("run.h5.previous: it must be a tessera run file"), "{reasons:?}");
    assert_eq!(reasons.len(), 2);
    for age in 2..=3 {
        std::fs::write(kept_path(&path, age), "").unwrap();
    }
    assert_eq!(read_latest(&path).unwrap_err().len(), 4);
}

#[test]
fn what_killed_writers_leave_is_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    write(&path, &sample()).unwrap();
    let keep = [".run.h5.note", ".run.h5", "run.h5.x.tmp", ".other.h5.Ab3.tmp"];
    for name in keep.iter().chain(&[".run.h5.Ab3xYz.tmp"]) {
        std::fs::write(folder.path().join(name), "half").unwrap();
    }
    remove_leftovers(&path).unwrap();
    let mut left: Vec<&str> = keep.iter().copied().chain(["run.h5"]).collect();
    left.sort_unstable();
    assert_eq!(names(folder.path()), left);
}

#[test]
fn the_root_tells_who_wrote_the_file_and_the_digest_does_not_depend_on_it() {
    let mut run = sample();
    run.provenance.date = "1970-01-01T00:00:00Z".to_owned();
    run.provenance.machine = "elsewhere".to_owned();
    let mut other = run.clone();
    (other.provenance.date, other.provenance.machine) =
        ("2026-01-31T12:00:00Z".to_owned(), "here".to_owned());
    assert_eq!(run.digest(), other.digest());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    write(&path, &run).unwrap();
    let root = hdf5::File::open(&path).unwrap();
    let mut names = root.attr_names().unwrap();
    names.sort();
    let expected = [
        "caseSha256",
        "date",
        "format",
        "formatVersion",
        "machine",
        "numericsVersion",
        "seed",
        "sha256",
        "software",
        "softwareVersion",
        "step",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_file_that_cannot_be_written_leaves_all_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let run = sample();
    let target = folder.path().join("folder");
    std::fs::create_dir(&target).unwrap();
    let error = write(&target, &run).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write checkpoint {}: ", target.display())), "{error}");
    assert!(error.contains("directory"), "{error}");
    let missing = write(&folder.path().join("no/run.h5"), &run).unwrap_err().to_string();
    assert!(missing.contains("No such file"), "{missing}");
    assert!(write(Path::new("/proc/run.h5"), &run).is_err());
    assert_eq!(names(folder.path()), ["folder"]);
    assert!(
        read(&folder.path().join("none.h5")).unwrap_err().to_string().starts_with("cannot read checkpoint ")
    );
}

/// Bursts of random bytes, random cuts and repeated pieces; a crash of the library would end the test.
#[test]
#[ignore = "takes minutes; for a change of reader or of HDF5's release"]
fn random_damage_is_refused_or_harmless() {
    let run = sample();
    let bytes = to_bytes(&run).unwrap();
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 33) as usize % below
    };
    for _ in 0..300_000 {
        let mut damaged = bytes.clone();
        let at = random(damaged.len());
        let len = (1 + random(64)).min(damaged.len() - at);
        match random(3) {
            0 => damaged[at..at + len].iter_mut().for_each(|byte| *byte = random(256) as u8),
            1 => drop(damaged.drain(at..at + len)),
            _ => {
                let from = random(damaged.len() - len);
                damaged.copy_within(from..from + len, at);
            }
        }
        if let Ok(read) = from_bytes(&damaged) {
            assert!(same(&run, &read));
        }
    }
}
