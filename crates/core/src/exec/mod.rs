//! Running graphs: the reference interpreter, the plan and the engines.

mod batch;
pub mod comm;
pub mod cpu;
mod difference;
mod function;
pub mod memory;
mod merge;
mod nonfinite;
pub mod plan;
pub mod reference;
mod shard;
mod solves;
mod window;

pub use difference::{Difference, find_difference};
pub use function::{Backend, CallError, Executable, Function, check_arguments, lower};
pub use nonfinite::{NonFinite, find_nonfinite};
pub use shard::{Flow, ShardError, Sharding};
pub use solves::{Solves, Unsolved};
