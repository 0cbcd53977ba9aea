//! The `tessera` program. See the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    tessera_cli::commands::main().into()
}
