//! The `tessera` program: arguments in, a result and an exit code out.
//!
//! [`commands`] has a file for each subcommand, [`exit`] the table of exit codes, [`plot`] the
//! pictures, and [`interrupt`] what a signal does to a run. [`program`] reads programs, [`npy`]
//! numpy's files, [`array`](mod@array) prints tensors, [`file`](mod@file) writes results whole or not at all,
//! and [`backend`] is the choice of an engine. [`run_file`] keeps trainers, [`progress`] shows them.

pub mod array;
pub mod backend;
pub mod commands;
pub mod exit;
pub mod file;
pub mod interrupt;
pub mod npy;
pub mod plot;
pub mod program;
pub mod progress;
pub mod run_file;
