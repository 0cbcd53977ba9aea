//! Run files: all that a training run or a solve needs to go on or to be compared, in one HDF5 file.
//!
//! # What a file promises
//!
//! A file is written whole or not at all, and read whole or refused. Every dataset carries the
//! digest of its tensor, a manifest lists every dataset, text and attribute with its digest, and
//! the root carries the digest of the manifest; so a change of any bit that means something is
//! found, and named. Equal content digests mean equal runs, bit for bit.
//!
//! # Layout
//!
//! ```text
//! /                     attributes software, softwareVersion, date, machine, format, formatVersion,
//!                       numericsVersion, seed, step, caseSha256, and sha256: the digest of
//!                       tessera/manifest
//! /tessera/manifest     one line for every compared thing, in order; see `manifest.rs`
//! /tessera/case         the text of the case file
//! /tessera/program      the text of the program that ran
//! /tessera/attributes   (group) the caller's attributes
//! /<path>               the caller's datasets, each with attributes dtype and sha256
//! /provenance           (group) the caller's attributes about this run of the program
//! /provenance/manifest  the same for what differs between equal runs, softwareVersion, date and
//!                       machine of the root among it; never compared
//! /provenance/<path>    datasets such as wall-clock times; never compared
//! ```
//!
//! Names follow openPMD's manner (lower camel case, `software`, `date`, `machine`). Any HDF5 tool
//! of version 1.10 or later reads the file. Datasets of more than 1 KiB are chunked, compressed and
//! checked by fletcher32; smaller ones lie in their object header, under its checksum. Nothing in
//! the compared part tells how many threads or ranks there were: datasets are in global order. `bool` is stored as `u8`, named by its `dtype`.
//! Every NaN is stored as the canonical one (law 2).

mod dataset;
mod h5;
mod kept;
mod manifest;
mod read;
mod sharded;
mod write;

pub use kept::{KEEP, Latest, kept_path, kept_paths, previous_path, read_latest, remove_leftovers};
pub use read::{from_bytes, read, verify};
pub use sharded::{Rows, read_rows, write_sharded};
pub use write::{Outcome, to_bytes, write, write_keeping};

use indexmap::IndexMap;
use std::path::PathBuf;
use tessera_core::Tensor;
use tessera_core::tensor::{canonical_bits_f64, hex};

/// The version of the layout above. Readers refuse any other.
pub const FORMAT_VERSION: u64 = 2;

pub use tessera_core::numerics::VERSION as NUMERICS_VERSION;

/// A run: its deterministic content, and the provenance that may differ between equal runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What was run, and how far it came.
    pub header: Header,
    /// Who ran it, when and where; stored, never compared.
    pub provenance: Provenance,
    /// Small values by name, compared. Order is part of the content.
    pub attributes: IndexMap<String, Attribute>,
    /// Tensors by path, such as `parameters/layer0/weight`, compared unless the path begins with
    /// `provenance/`; those are read back last. Order is part of the content.
    pub datasets: IndexMap<String, Tensor>,
}

/// What was run, and how far it came: the same in equal runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The numerics law whose bits these are.
    pub numerics_version: u32,
    /// The seed of every random number.
    pub seed: u64,
    /// Optimiser steps done.
    pub step: u64,
    /// The text of the case file.
    pub case: String,
    /// The text of the program that ran.
    pub program: String,
}

/// Who ran it, when and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// The version of this library.
    pub software_version: String,
    /// When the file was written, UTC, such as `2026-01-31T12:00:00Z`.
    pub date: String,
    /// Host name, operating system and architecture.
    pub machine: String,
    /// More of the kind: threads, ranks, backend, SIMD level.
    pub entries: IndexMap<String, Attribute>,
}

/// A small value.
#[derive(Clone, Debug)]
pub enum Attribute {
    /// A count.
    U64(u64),
    /// A number. Every NaN is the same NaN.
    F64(f64),
    /// A text without NUL characters.
    Text(String),
}

impl Checkpoint {
    /// An empty checkpoint of a run of `case`, dated now.
    pub fn new(seed: u64, case: impl Into<String>, program: impl Into<String>) -> Checkpoint {
        Checkpoint {
            header: Header {
                numerics_version: NUMERICS_VERSION,
                seed,
                step: 0,
                case: case.into(),
                program: program.into(),
            },
            provenance: Provenance::now(),
            attributes: IndexMap::new(),
            datasets: IndexMap::new(),
        }
    }

    /// The digest of all compared content: equal for two runs exactly if all their bits are.
    pub fn digest(&self) -> String {
        manifest::Manifest::of(self).compared.digest()
    }

    /// The datasets whose path begins with `prefix/`, as (rest of the path, tensor), in order.
    pub fn group<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (&'a str, &'a Tensor)> + use<'a> {
        let prefix = format!("{prefix}/");
        self.datasets.iter().filter_map(move |(path, tensor)| Some((path.strip_prefix(&prefix)?, tensor)))
    }
}

impl Header {
    /// SHA-256 of the case's text, in hex.
    pub fn case_sha256(&self) -> String {
        sha256(self.case.as_bytes())
    }
}

impl Provenance {
    /// This library, this moment, this machine.
    pub fn now() -> Provenance {
        let host = rustix::system::uname();
        Provenance {
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            date: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            machine: [host.nodename(), host.sysname(), host.release(), host.machine()]
                .map(|part| part.to_string_lossy().into_owned())
                .join(" "),
            entries: IndexMap::new(),
        }
    }
}

/// Equality of type and bits, as in [`Tensor::same_bits`].
impl PartialEq for Attribute {
    fn eq(&self, other: &Attribute) -> bool {
        match (self, other) {
            (Attribute::U64(a), Attribute::U64(b)) => a == b,
            (Attribute::F64(a), Attribute::F64(b)) => canonical_bits_f64(*a) == canonical_bits_f64(*b),
            (Attribute::Text(a), Attribute::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl From<u64> for Attribute {
    fn from(value: u64) -> Attribute {
        Attribute::U64(value)
    }
}

impl From<f64> for Attribute {
    fn from(value: f64) -> Attribute {
        Attribute::F64(value)
    }
}

impl From<&str> for Attribute {
    fn from(value: &str) -> Attribute {
        Attribute::Text(value.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(value: String) -> Attribute {
        Attribute::Text(value)
    }
}

impl std::fmt::Display for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Attribute::U64(value) => write!(f, "{value}"),
            Attribute::F64(value) => write!(f, "{value:?}"),
            Attribute::Text(value) => write!(f, "{value:?}"),
        }
    }
}

/// Why a run file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} checkpoint {}: {cause}", path.display())]
pub struct CheckpointError {
    /// `write` or `read`.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What went wrong.
    pub cause: Cause,
}

/// What went wrong with a run file.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The operating system refused.
    #[error("{0}")]
    Io(std::io::Error),
    /// Another rank could not do its part; it says why.
    #[error("rank {rank} says: {cause}")]
    Elsewhere {
        /// The rank.
        rank: usize,
        /// What it says.
        cause: String,
    },
    /// The HDF5 library refused.
    #[error("HDF5: {0}")]
    Library(String),
    /// The checkpoint holds something that a file cannot.
    #[error("{0}")]
    Content(String),
    /// The file is something else, or no file of this format is left of it.
    #[error("it must be a tessera run file, but {0}")]
    Foreign(String),
    /// The file follows another version of the layout.
    #[error("its format version must be {FORMAT_VERSION}, got {0}; read it with the release that wrote it")]
    Version(u64),
    /// The file is a run file, but its content is not what was written. One line for each finding.
    #[error("it was altered or is incomplete: {}", .0.join("; "))]
    Altered(Vec<String>),
}

impl From<hdf5::Error> for Cause {
    fn from(error: hdf5::Error) -> Cause {
        Cause::Library(error.to_string())
    }
}

impl From<std::io::Error> for Cause {
    fn from(error: std::io::Error) -> Cause {
        Cause::Io(error)
    }
}

/// SHA-256 of `bytes`, in hex.
fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(bytes))
}
