//! The `tessera` program: arguments in, a result and an exit code out.
//!
//! [`commands`] has a file for each subcommand, [`exit`] the table of exit codes, [`plot`] the
//! pictures, and [`interrupt`] what a signal does to a run.

pub mod commands;
pub mod exit;
pub mod interrupt;
pub mod plot;
