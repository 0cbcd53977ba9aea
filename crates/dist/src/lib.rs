//! What a run leaves behind and how runs are compared: HDF5 run files whose every bit is
//! covered by a digest ([`checkpoint`]), and a bit-for-bit comparison of two of them ([`mod@compare`]).

pub mod checkpoint;
pub mod compare;

pub use checkpoint::{Attribute, Checkpoint, CheckpointError, Header, Provenance};
pub use compare::{Comparison, compare};
