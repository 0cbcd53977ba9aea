//! What the tests of training share.

use std::path::{Path, PathBuf};
use tessera_core::exec::Backend;
use tessera_core::exec::cpu::Options;
use tessera_pinn::case::Case;
use tessera_pinn::trainer::Trainer;

/// The folder of the cases.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases")
}

/// A case from text.
pub fn parse(text: &str) -> Case {
    Case::parse("test.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The CPU engine on so many threads.
pub fn cpu(threads: usize) -> Backend {
    Backend::Cpu(Options { threads, ..Options::default() })
}

/// A trainer of `case` on `backend`.
pub fn trainer(case: &Case, backend: Backend) -> Trainer {
    Trainer::new(case, &folder(), backend).unwrap_or_else(|error| panic!("{error}"))
}
