//! What a run leaves behind and how runs are compared: HDF5 run files whose every bit is
//! covered by a digest ([`checkpoint`]), and a bit-for-bit comparison of two of them ([`mod@compare`]). And the [`ranks`]
//! that share a run: with the feature `mpi` those that `mpirun` or `srun` started.

pub mod checkpoint;
pub mod compare;
pub mod ranks;

pub use checkpoint::{Attribute, Checkpoint, CheckpointError, Header, Provenance};
pub use compare::{Comparison, compare};
