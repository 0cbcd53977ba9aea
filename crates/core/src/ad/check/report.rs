//! What a check found, as data and as a table.

use std::fmt;

/// The derivatives of one graph against differences.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientReport {
    /// The graph that is differentiated, without `@`.
    pub source: String,
    /// The graph that holds the derivatives; the same as `source` where they were built for the check.
    pub target: String,
    /// The interval that float inputs were drawn from.
    pub range: (f64, f64),
    /// Whether every value was finite around the inputs.
    pub finite: bool,
    /// One for each derivative.
    pub checks: Vec<Check>,
}

impl GradientReport {
    /// Whether no derivative differs from what it is compared with.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.verdict() != Verdict::Differs)
    }
}

/// What came of one derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every element is within its bound.
    Agrees,
    /// Some elements could not be judged, because the function is not finite, has a kink there, or
    /// rounds too coarsely; all others agree.
    Unclear,
    /// An element is outside its bound: the derivative is wrong.
    Differs,
}

/// One derivative against differences.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Which derivative.
    pub what: String,
    /// How many elements were compared.
    pub elements: usize,
    /// How many elements it has.
    pub total: usize,
    /// The absolute error of the worst element: the one nearest to its bound or farthest beyond.
    pub error: f64,
    /// The bound of that element.
    pub bound: f64,
    /// That element.
    pub worst: Option<Worst>,
    /// How many elements differ.
    pub differing: usize,
    /// How many elements could not be judged.
    pub unclear: usize,
    /// Whether every value was finite around the inputs.
    pub finite: bool,
}

/// An element, and both its derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// Its position along every axis.
    pub index: Vec<usize>,
    /// By differentiation.
    pub derived: f64,
    /// By differences, or the right side of an identity.
    pub numeric: f64,
}

impl Check {
    pub(super) fn new(what: String, elements: usize, total: usize) -> Check {
        Check {
            what,
            elements,
            total,
            error: 0.0,
            bound: 0.0,
            worst: None,
            differing: 0,
            unclear: 0,
            finite: true,
        }
    }

    pub(super) fn identity(what: &str, left: f64, right: f64, bound: f64) -> Check {
        let error = (left - right).abs();
        let finite = left.is_finite() && right.is_finite();
        Check {
            error,
            bound,
            worst: Some(Worst { index: vec![], derived: left, numeric: right }),
            differing: usize::from(finite && error > bound),
            unclear: usize::from(!finite),
            finite,
            ..Check::new(what.to_string(), 1, 1)
        }
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        match (self.differing, self.unclear) {
            (0, 0) => Verdict::Agrees,
            (0, _) => Verdict::Unclear,
            _ => Verdict::Differs,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Agrees => "agrees",
            Verdict::Unclear => "unclear",
            Verdict::Differs => "differs",
        })
    }
}

/// One line: what, how much of it, error, bound and verdict.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = match self.elements == self.total {
            true => format!("{}", self.total),
            false => format!("{} of {}", self.elements, self.total),
        };
        write!(
            f,
            "  {:<26} {elements:>12} {:>10.1e} {:>10.1e}  {}",
            self.what,
            self.error,
            self.bound,
            self.verdict()
        )?;
        let Some(worst) = &self.worst else { return Ok(()) };
        match self.verdict() {
            Verdict::Agrees => Ok(()),
            Verdict::Unclear if self.finite => write!(f, ": {} elements cannot be judged", self.unclear),
            Verdict::Unclear => write!(f, ": {} elements are not finite", self.unclear),
            Verdict::Differs => {
                let index =
                    if worst.index.is_empty() { String::new() } else { format!(" at {:?}", worst.index) };
                let (derived, numeric) = (worst.derived, worst.numeric);
                write!(f, "{index}: {derived:.9e} derived, {numeric:.9e} measured")
            }
        }
    }
}

/// A table.
impl fmt::Display for GradientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.range;
        match self.source == self.target {
            true => write!(f, "@{}", self.source)?,
            false => write!(f, "@{} of @{}", self.target, self.source)?,
        }
        writeln!(f, ", inputs in [{low}, {high})")?;
        writeln!(f, "  {:<26} {:>12} {:>10} {:>10}  verdict", "derivative", "elements", "error", "bound")?;
        self.checks.iter().try_for_each(|check| writeln!(f, "{check}"))
    }
}
