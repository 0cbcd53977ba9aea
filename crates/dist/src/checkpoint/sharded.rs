//! Sharded tensors in run files: written by all ranks together, read by each for itself, none holding more of them than its own
//! rows and some mebibytes.

use super::manifest::{Manifest, validate};
use super::write::{make_groups, publish, temporary_file, write_frame, write_manifests};
use super::{Cause, Checkpoint, CheckpointError, Outcome, dataset, h5};
use hdf5::File;
use sha2::{Digest as _, Sha256};
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use tempfile::NamedTempFile;
use tessera_core::exec::comm::{Communicator, Incoming, Layout, Outgoing};
use tessera_core::tensor::TensorHash;
use tessera_core::{DType, Tensor};

/// A sharded tensor: on each rank, its own rows.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Where it goes in the file, as of [`Checkpoint::datasets`].
    pub path: &'a str,
    /// Its rows over all ranks.
    pub rows: usize,
    /// Those that this rank holds: as many as `Sharding::range` says.
    pub own: &'a Tensor,
}

/// **Collective.** Writes `checkpoint` and after it `sharded` tensors to `path`, whole or not at all, and keeps `keep` good files
/// before it, as [`write_keeping`] does. Gives what happened to the old file on rank 0, which writes, and `None` on the others.
///
/// The file is a run file like any other, in global order: the content digest is that of one process that writes all rows as
/// [`Checkpoint::datasets`] after the others. Of `checkpoint` that of rank 0 counts.
///
/// Ranks send their rows in pieces of 4 MiB (or of one row). The room on the disk is set aside before the first of them, where the file system can do
/// so (`fallocate`), and an error then leaves the file that was at `path` as it was.
///
/// # Errors
/// As [`write_keeping`], and if the tensors of the ranks do not belong together; on all ranks if on one.
///
/// [`write_keeping`]: super::write_keeping
pub fn write_sharded(
    path: &Path,
    checkpoint: &Checkpoint,
    sharded: &[Rows],
    ranks: &dyn Communicator,
    keep: u32,
) -> Result<Option<Outcome>, CheckpointError> {
    gather(path, checkpoint, sharded, ranks, keep).map_err(|cause| CheckpointError {
        action: "write",
        path: path.to_owned(),
        cause,
    })
}

/// The rows of the tensor at `dataset` of the run file at `path` that this rank holds, however many ranks have written it.
///
/// Each chunk that is read has its checksum (fletcher32); [`verify`] looks at the digests of all. The file is opened by HDF5 itself, which locks
/// files where `HDF5_USE_FILE_LOCKING` is not `FALSE`.
///
/// # Errors
/// If the file cannot be read, or has no tensor with rows there.
///
/// [`verify`]: super::verify
pub fn read_rows(path: &Path, dataset: &str, ranks: &dyn Communicator) -> Result<Tensor, CheckpointError> {
    let read = || {
        let stored = h5::open_path(path, false)?.dataset(dataset)?;
        let bytes = usize::try_from(std::fs::metadata(path)?.len()).unwrap_or(usize::MAX);
        let (dtype, mut shape) = (dataset::dtype(&stored, bytes)?, stored.get_shape()?);
        let Some(&rows) = shape.first() else {
            return Err(Cause::Content(format!("{dataset} must have rows, got a scalar")));
        };
        let own = Layout::even(rows, ranks.size()).rows_of(ranks.rank(), rows);
        let elements = dataset::read(&stored, dtype, &shape, own.clone())?;
        shape[0] = own.len();
        Ok(Tensor::from_canonical_bytes(dtype, shape, &elements))
    };
    read().map_err(|cause| CheckpointError { action: "read", path: path.to_owned(), cause })
}

fn gather(
    path: &Path,
    checkpoint: &Checkpoint,
    sharded: &[Rows],
    ranks: &dyn Communicator,
    keep: u32,
) -> Result<Option<Outcome>, Cause> {
    let plans: Result<Vec<Plan>, Cause> = sharded.iter().map(|rows| Plan::new(rows, ranks)).collect();
    let plans = together(ranks, plans)?;
    together(ranks, agreed(&plans, ranks))?;
    let writer = match ranks.rank() {
        0 => Writer::begin(path, checkpoint, &plans).map(Some),
        _ => Ok(None),
    };
    let mut writer = together(ranks, writer)?;
    let mut written = Ok(());
    for plan in &plans {
        // All rows come, whatever happens to those before.
        let result = plan.gather(ranks, writer.as_mut().filter(|_| written.is_ok()));
        written = written.and(result);
    }
    together(ranks, written.and_then(|()| writer.map(|writer| writer.finish(path, keep)).transpose()))
}

/// **Collective.** What a rank has, if no rank has an error; else its own error, or that of the first rank that has one.
fn together<T>(ranks: &dyn Communicator, mine: Result<T, Cause>) -> Result<T, Cause> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let failed = ranks.greatest(if mine.is_err() { (size - rank) as u64 } else { 0 }) as usize;
    if failed == 0 {
        return mine;
    }
    let (speaker, text) = (size - failed, mine.as_ref().err().map(Cause::to_string).unwrap_or_default());
    let len = ranks.greatest(if rank == speaker { text.len() as u64 } else { 0 }) as usize;
    let mut cause = vec![0; len];
    if rank == speaker {
        let others = (0..size).filter(|&other| other != speaker);
        let sent: Vec<Outgoing> = others.map(|to| Outgoing { to, bytes: text.as_bytes() }).collect();
        ranks.exchange(&sent, &mut []);
    } else {
        ranks.exchange(&[], &mut [Incoming { from: speaker, bytes: &mut cause }]);
    }
    mine.and_then(|_| {
        Err(Cause::Elsewhere { rank: speaker, cause: String::from_utf8_lossy(&cause).into_owned() })
    })
}

/// **Collective.** That all ranks mean to write the same tensors.
fn agreed(plans: &[Plan], ranks: &dyn Communicator) -> Result<(), Cause> {
    let meant: Vec<String> =
        plans.iter().map(|plan| format!("{} {} {:?}", plan.path, plan.dtype, plan.shape)).collect();
    let hash = Sha256::digest(meant.join("\n"));
    let hash = u64::from_le_bytes(*hash.first_chunk().expect("SHA-256 has 32 bytes"));
    // The greatest and the least are the same.
    match ranks.greatest(hash) == !ranks.greatest(!hash) {
        true => Ok(()),
        false => Err(Cause::Content(format!(
            "all ranks must write the same tensors: the same paths, element types and extents in the same order, got {} on this one",
            meant.join(", ")
        ))),
    }
}

/// A sharded tensor, and who holds which of its rows.
struct Plan<'a> {
    path: &'a str,
    own: &'a Tensor,
    dtype: DType,
    /// Over all ranks.
    shape: Vec<usize>,
    layout: Layout,
}

impl Plan<'_> {
    fn new<'a>(rows: &Rows<'a>, ranks: &dyn Communicator) -> Result<Plan<'a>, Cause> {
        let layout = Layout::even(rows.rows, ranks.size());
        let own = layout.rows_of(ranks.rank(), rows.rows);
        let mut shape = rows.own.shape().to_vec();
        match shape.first_mut() {
            Some(first) if *first == own.len() => *first = rows.rows,
            _ => {
                return Err(Cause::Content(format!(
                    "{} must have rows {own:?} of {} on rank {} of {}, got shape {shape:?}",
                    rows.path,
                    rows.rows,
                    ranks.rank(),
                    ranks.size()
                )));
            }
        }
        Ok(Plan { path: rows.path, own: rows.own, dtype: rows.own.dtype(), shape, layout })
    }

    /// The rows of `rank` among `piece`.
    fn held(&self, rank: usize, piece: &Range<usize>) -> Range<usize> {
        let Range { start, end } = self.layout.rows_of(rank, self.shape[0]);
        start.clamp(piece.start, piece.end)..end.clamp(piece.start, piece.end)
    }

    /// **Collective.** Brings all rows to `writer`, which rank 0 has. They come where it has none, or fails, too: the others send them.
    fn gather(&self, ranks: &dyn Communicator, mut writer: Option<&mut Writer>) -> Result<(), Cause> {
        let mut stored = writer.as_mut().map(|writer| writer.dataset(self)).transpose();
        for piece in dataset::pieces(self.dtype, &self.shape) {
            let bytes = self.gather_piece(ranks, &piece);
            if let Ok(Some(dataset)) = &mut stored
                && let Err(cause) = dataset.write(piece, &bytes)
            {
                stored = Err(cause);
            }
        }
        match (stored?, writer) {
            (Some(stored), Some(writer)) => stored.finish(self, writer),
            _ => Ok(()),
        }
    }

    /// **Collective.** The canonical bytes of the rows `piece`, on rank 0; nothing on the others.
    fn gather_piece(&self, ranks: &dyn Communicator, piece: &Range<usize>) -> Vec<u8> {
        let rank = ranks.rank();
        let (first, held) = (self.layout.rows_of(rank, self.shape[0]).start, self.held(rank, piece));
        let width: usize = self.shape[1..].iter().product();
        let element = |row: usize| (row - first) * width;
        let own = match held.is_empty() {
            true => Vec::new(),
            false => self.own.canonical_bytes_of(element(held.start)..element(held.end)),
        };
        if rank > 0 {
            if !own.is_empty() {
                ranks.exchange(&[Outgoing { to: 0, bytes: &own }], &mut []);
            }
            return Vec::new();
        }
        let mut bytes = vec![0; piece.len() * dataset::row_bytes(self.dtype, &self.shape)];
        let (mine, mut rest) = bytes.split_at_mut(own.len());
        mine.copy_from_slice(&own);
        let mut received = Vec::new();
        for from in 1..ranks.size() {
            let len = self.held(from, piece).len() * dataset::row_bytes(self.dtype, &self.shape);
            if len > 0 {
                let (bytes, others) = rest.split_at_mut(len);
                received.push(Incoming { from, bytes });
                rest = others;
            }
        }
        if !received.is_empty() {
            ranks.exchange(&[], &mut received);
        }
        bytes
    }
}

/// A run file that grows on the disk.
struct Writer {
    temporary: NamedTempFile,
    file: File,
    manifest: Manifest,
}

/// A dataset that grows in it.
struct Stored {
    dataset: hdf5::Dataset,
    hash: TensorHash,
}

impl Writer {
    /// A file beside `path` that holds all but the sharded tensors and has the room for them.
    fn begin(path: &Path, checkpoint: &Checkpoint, plans: &[Plan]) -> Result<Writer, Cause> {
        validate(checkpoint, plans.iter().map(|plan| plan.path))?;
        let frame = h5::build(|file| write_frame(file, checkpoint))?;
        let mut temporary = temporary_file(path)?;
        temporary.write_all(&frame)?;
        let datasets: u64 = plans.iter().map(|plan| dataset::stored_bytes_max(plan.dtype, &plan.shape)).sum();
        let manifests = checkpoint.datasets.len() + plans.len();
        set_aside(temporary.as_file(), frame.len() as u64 + datasets + (manifests as u64 + 64) * 4096)?;
        let file = h5::open_path(temporary.path(), true)?;
        Ok(Writer { temporary, file, manifest: Manifest::of(checkpoint) })
    }

    fn dataset(&mut self, plan: &Plan) -> Result<Stored, Cause> {
        make_groups(&self.file, plan.path)?;
        let dataset = dataset::create(&self.file, plan.path, plan.dtype, &plan.shape)?;
        Ok(Stored { dataset, hash: TensorHash::new(plan.dtype, &plan.shape) })
    }

    fn finish(self, path: &Path, keep: u32) -> Result<Outcome, Cause> {
        write_manifests(&self.file, &self.manifest)?;
        self.file.close()?;
        // What was set aside and not used goes back.
        let file = self.temporary.as_file();
        file.set_len(file.metadata()?.len())?;
        publish(self.temporary, path, keep)
    }
}

impl Stored {
    fn write(&mut self, rows: Range<usize>, bytes: &[u8]) -> Result<(), Cause> {
        self.hash.update(bytes);
        dataset::write(&self.dataset, rows, bytes)
    }

    fn finish(self, plan: &Plan, writer: &mut Writer) -> Result<(), Cause> {
        let digest = self.hash.finish();
        dataset::label(&self.dataset, plan.dtype, &digest)?;
        writer.manifest.list(plan.path, digest);
        Ok(())
    }
}

/// Has the file system keep `bytes` for `file`, whose length stays, if it can.
fn set_aside(file: &std::fs::File, bytes: u64) -> Result<(), Cause> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(std::io::Error::from(error).into()),
    }
}
