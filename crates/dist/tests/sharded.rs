//! Tensors whose rows lie on many ranks, in one run file: the file of one process, whole or not at all.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tessera_core::exec::comm::{Communicator, Layout};
use tessera_core::{DType, Tensor};
use tessera_dist::Checkpoint;
use tessera_dist::checkpoint::{
    CheckpointError, Outcome, Rows, read, read_rows, verify, write, write_sharded,
};
use tessera_testing::ranks::on_ranks;

/// Noise, which does not compress: `rows` × 3.
fn field(rows: usize) -> Tensor {
    let value = |i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) >> 12) as f64;
    Tensor::new([rows, 3], (0..3 * rows as u64).map(value).collect())
}

/// What is to be in the file after the checkpoint's own: several pieces and chunks, one row in a block of its own, no
/// elements, every storage.
fn fields() -> Vec<(&'static str, Tensor)> {
    let wide = (0..700 * 1500).map(|i| (i % 251) as f32 * 0.5).collect();
    vec![
        ("fields/velocity", field(400_001)),
        ("fields/mask", Tensor::new([300], (0..300).map(|i| i % 7 == 0).collect())),
        ("wide", Tensor::new([700, 1500], wide)),
        ("fields/none", Tensor::new([600, 0], Vec::<i64>::new())),
        ("empty", Tensor::new([0], Vec::<u32>::new())),
        ("one", Tensor::new([1, 2], vec![f64::NAN, -0.0])),
        ("provenance/seconds", Tensor::new([513], vec![0.5_f32; 513])),
    ]
}

fn run() -> Checkpoint {
    let mut run = Checkpoint::new(7, "case", "program");
    run.header.step = 12;
    run.datasets.insert("weights".to_owned(), Tensor::new([3], vec![1.0, 2.0, 3.0]));
    run
}

/// This rank's rows.
fn own(whole: &Tensor, ranks: &dyn Communicator) -> Tensor {
    let rows = whole.shape()[0];
    whole.rows(Layout::even(rows, ranks.size()).rows_of(ranks.rank(), rows))
}

/// Writes `whole` tensors from the ranks that hold their rows.
fn write_from(
    path: &Path,
    whole: &[(&str, Tensor)],
    ranks: &dyn Communicator,
) -> Result<Option<Outcome>, CheckpointError> {
    let parts: Vec<Tensor> = whole.iter().map(|(_, tensor)| own(tensor, ranks)).collect();
    let sharded: Vec<Rows> = whole
        .iter()
        .zip(&parts)
        .map(|((path, tensor), own)| Rows { path, rows: tensor.shape()[0], own })
        .collect();
    write_sharded(path, &run(), &sharded, ranks, 1)
}

fn said(result: &Result<Option<Outcome>, CheckpointError>) -> String {
    result.as_ref().expect_err("it must be refused").to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_file_of_any_number_of_ranks_is_that_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let fields = fields();
    let mut alone = run();
    alone.datasets.extend(fields.iter().map(|(path, tensor)| (path.to_string(), tensor.clone())));
    for size in [1, 2, 3, 5, 8] {
        let path = folder.path().join(format!("{size}.h5"));
        let outcomes = on_ranks(size, |ranks| write_from(&path, &fields, &*ranks).unwrap());
        assert_eq!(outcomes[0], Some(Outcome::Created));
        assert!(outcomes[1..].iter().all(Option::is_none), "rank 0 alone writes");
        verify(&path).unwrap();
        let back = read(&path).unwrap();
        assert_eq!(back.digest(), alone.digest(), "{size} ranks");
        assert!(back.datasets.iter().zip(&alone.datasets).all(|(a, b)| a.0 == b.0 && a.1.same_bits(b.1)));
        // Nothing that was set aside is left, and rows are compressed as those of one process.
        let whole = folder.path().join("alone.h5");
        write(&whole, &alone).unwrap();
        let [sharded, whole] = [&path, &whole].map(|path| std::fs::metadata(path).unwrap().len() as f64);
        assert!((0.98..1.02).contains(&(sharded / whole)), "{sharded} bytes beside {whole}");
    }
}

#[test]
fn each_rank_reads_its_rows_of_a_file_of_other_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    let fields = fields();
    on_ranks(3, |ranks| write_from(&path, &fields, &*ranks).unwrap());
    for size in [1, 4] {
        on_ranks(size, |ranks| {
            for (name, whole) in &fields {
                assert!(read_rows(&path, name, &*ranks).unwrap().same_bits(&own(whole, &*ranks)), "{name}");
            }
        });
    }
    let solo = tessera_core::exec::comm::Solo;
    let said = read_rows(&path, "fields/pressure", &solo).unwrap_err().to_string();
    assert!(said.contains("fields/pressure") || said.contains("pressure"), "{said}");
}

#[test]
fn what_does_not_belong_together_is_refused_by_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    let on = |tensor: fn(&dyn Communicator) -> (usize, Tensor), name: &str| {
        let results = on_ranks(3, |ranks| {
            let (rows, own) = tensor(&*ranks);
            write_sharded(&path, &run(), &[Rows { path: name, rows, own: &own }], &*ranks, 1)
        });
        assert!(names(folder.path()).is_empty());
        results.iter().map(said).collect::<Vec<_>>()
    };
    // One rank holds a row too many: it says so, and the others say that it does.
    let too_many =
        on(|ranks| (600, Tensor::zeros(DType::F64, [if ranks.rank() == 1 { 257 } else { 256 }])), "x");
    assert!(
        too_many[1].contains("x must have rows 256..512 of 600 on rank 1 of 3, got shape [257]"),
        "{too_many:?}"
    );
    assert!(too_many[0].contains("rank 1 says: x must have rows"), "{too_many:?}");
    let kinds = |ranks: &dyn Communicator| {
        let rows = if ranks.rank() == 2 { 88 } else { 256 };
        (600, Tensor::zeros(if ranks.rank() == 2 { DType::F32 } else { DType::F64 }, [rows]))
    };
    let kinds = on(kinds, "x");
    assert!(kinds.iter().all(|said| said.contains("all ranks must write the same tensors")), "{kinds:?}");
    assert!(kinds[2].contains("got x f32 [600] on this one"), "{kinds:?}");
    // Names are rank 0's business.
    for (name, why) in
        [("tessera/x", "the format's own"), ("weights", "two at"), ("weights/x", "is a dataset")]
    {
        let all = on(|ranks| (600, own(&field(600), ranks)), name);
        assert!(all[0].contains(why) && !all[0].contains("rank 0 says"), "{all:?}");
        assert!(all[1..].iter().all(|said| said.contains("rank 0 says") && said.contains(why)), "{all:?}");
    }
}

#[test]
fn the_file_before_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.h5");
    let write = |rows| on_ranks(2, |ranks| write_from(&path, &[("x", field(rows))], &*ranks).unwrap());
    write(1000);
    let kept = write(2000);
    assert_eq!(kept[0], Some(Outcome::Kept(folder.path().join("run.h5.previous"))));
    // What is no good run file is moved aside.
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    verify(&path).unwrap_err();
    let moved = write(3000);
    assert_eq!(moved[0], Some(Outcome::Moved(folder.path().join("run.h5.altered"))));
    assert_eq!(names(folder.path()), ["run.h5", "run.h5.altered", "run.h5.previous"]);
}

#[test]
fn a_full_disk_leaves_the_old_file_and_all_ranks_know() {
    let folder = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no right to mount a small tmpfs");
        return;
    }
    let path: Arc<Path> = folder.path().join("run.h5").into();
    let result = std::panic::catch_unwind(|| {
        let write = |rows| on_ranks(2, |ranks| write_from(&path, &[("x", field(rows))], &*ranks));
        write(100)[0].as_ref().unwrap();
        let results = write(100_000);
        assert!(results.iter().all(|result| said(result).contains("No space left on device")), "{results:?}");
        assert!(said(&results[1]).contains("rank 0 says"), "{results:?}");
        assert_eq!(names(folder.path()), ["run.h5"]);
        assert_eq!(read(&path).unwrap().datasets["x"].shape(), [100, 3]);
        // There is room again for a small one.
        write(200)[0].as_ref().unwrap();
        assert_eq!(read(&path).unwrap().datasets["x"].shape(), [200, 3]);
    });
    let unmounted = Command::new("umount").arg(folder.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}
