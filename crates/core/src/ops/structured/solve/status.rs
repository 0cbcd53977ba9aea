//! How a solve ended.

use crate::ir::{Builder, DType, Value};

/// How a solve ended: the second result of every solver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The residual is within the tolerance.
    Converged = 0,
    /// `max_iter` steps were not enough.
    MaxIter = 1,
    /// The method broke down, or no step made progress.
    Stagnated = 2,
    /// A matrix was singular.
    Singular = 3,
    /// The equation gave NaN or an infinity.
    NotFinite = 4,
}

impl Status {
    /// What the number in a result says.
    pub fn of(number: i64) -> Status {
        match number {
            0 => Status::Converged,
            1 => Status::MaxIter,
            2 => Status::Stagnated,
            3 => Status::Singular,
            _ => Status::NotFinite,
        }
    }

    /// What happened, and what may help.
    pub fn advice(self) -> &'static str {
        match self {
            Status::Converged => "it converged",
            Status::MaxIter => {
                "`max_iter` steps were not enough; allow more, start closer to the solution, or use a preconditioner or another `method`"
            }
            Status::Stagnated => {
                "no step made progress; is the tolerance below what rounding allows, the start far away, or the method for other problems (`cg` is for \
                 positive definite matrices)?"
            }
            Status::Singular => {
                "a matrix was singular, or nearly so; is the solution unique? `levenberg_marquardt`, or a small multiple of the identity, regularises"
            }
            Status::NotFinite => {
                "the equation gave NaN or an infinity; start where it is finite (`--find-nan` names the operation)"
            }
        }
    }

    /// The number of a status in a graph.
    pub(super) fn value(self, b: &mut Builder) -> Value {
        b.number(DType::I64, self as usize as f64)
    }

    /// `self` where the scalar `condition` holds, else `other`.
    pub(super) fn where_(self, b: &mut Builder, condition: Value, other: Value) -> Value {
        let own = self.value(b);
        b.select(condition, own, other)
    }

    /// The status of an iteration that ended: whether it `reached` its tolerance, whether it is `broken`, and the size of what is left.
    pub(super) fn after(b: &mut Builder, reached: Value, broken: Value, size: Value) -> Value {
        let status = Status::MaxIter.value(b);
        let status = Status::Stagnated.where_(b, broken, status);
        let finite = b.is_finite(size);
        let wild = b.not(finite);
        let status = Status::NotFinite.where_(b, wild, status);
        Status::Converged.where_(b, reached, status)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Converged => "converged",
            Status::MaxIter => "max_iter reached",
            Status::Stagnated => "stagnated",
            Status::Singular => "singular",
            Status::NotFinite => "not finite",
        })
    }
}
