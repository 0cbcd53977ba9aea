//! Operations that hold graphs: `call`, `checkpoint`, `cond`, `while` and `scan`.
//!
//! A region is a closed graph: all that it uses is passed in. What an operation does with its regions it
//! says once, in [`Rule::evaluate_with`], for the reference and for every engine; its derivative in
//! [`Structured`], by differentiating the regions' graphs.

mod call;
mod checkpoint;
mod cond;
mod cut;
mod region;
mod scan;
mod solve;
mod while_loop;

pub use call::Call;
pub use checkpoint::{Checkpoint, StopGradient};
pub use cond::Cond;
pub use scan::{Keep, Scan};
pub use solve::{
    Converged, Descent, FixedPoint, Iteration, Kind, LinearOptions, LinearSolve, Method, Minimize, Nonlinear,
    Preconditioner, Problem, Root, Search, Solve, Status, Task, UNKNOWNS_OF_LU,
};
pub use while_loop::While;

use super::registry::only;
use super::*;

pub(super) fn entries() -> impl Iterator<Item = Entry> {
    [call::ENTRY, checkpoint::ENTRY, checkpoint::STOP_GRADIENT, cond::ENTRY, while_loop::ENTRY, scan::ENTRY]
        .into_iter()
        .chain(solve::entries())
}
