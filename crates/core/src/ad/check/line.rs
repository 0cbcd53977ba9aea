//! Central differences along a line, and how far they can be trusted.
//!
//! With D(h) = (φ(h) − φ(−h)) / 2h, a derivative d agrees where
//!
//! |d − D(h)| ≤ 4 |D(2h) − D(h)| + (8 η + 4 ε (|φ(0)| + s |D(h)|)) / h.
//!
//! The first term bounds the truncation, which is a third of |D(2h) − D(h)| as h goes to 0. In the
//! second, η is the rounding noise of φ, measured by [`noise`], and s = max(1, |x|) stands for the
//! rounding of x ± h.

use super::CheckError;
use super::report::{Check, Verdict, Worst};

/// The part of a value's size that a bound may reach and still tell right from wrong.
const COARSE: f64 = 0.05;

/// A function of one number, or many such functions, sampled around 0.
pub struct Line {
    /// At −2h, −h, 0, h, 2h.
    samples: [Vec<f64>; 5],
    h: f64,
    scale: f64,
    epsilon: f64,
}

impl Line {
    /// Samples `value`, where the arguments have size `scale`.
    pub fn sample(
        epsilon: f64,
        scale: f64,
        value: &dyn Fn(f64) -> Result<Vec<f64>, CheckError>,
    ) -> Result<Line, CheckError> {
        // A power of two, so that x ± h and the division round as little as they can.
        let h = (epsilon.cbrt() * scale).log2().round().exp2();
        let samples = [value(-2.0 * h)?, value(-h)?, value(0.0)?, value(h)?, value(2.0 * h)?];
        Ok(Line { samples, h, scale, epsilon })
    }
}

/// The rounding noise of each of `value`'s numbers: the largest third difference over eight points
/// so close together that a smooth function has none, over √20, which is what independent errors of
/// size 1 give.
pub fn noise(
    epsilon: f64,
    value: &dyn Fn(f64) -> Result<Vec<f64>, CheckError>,
) -> Result<Vec<f64>, CheckError> {
    let samples = (0..8).map(|k| value(64.0 * epsilon * f64::from(k))).collect::<Result<Vec<_>, _>>()?;
    let third = |w: &[Vec<f64>], i: usize| (w[3][i] - w[0][i] - 3.0 * (w[2][i] - w[1][i])).abs();
    let largest = |i| samples.windows(4).map(|w| third(w, i)).fold(0.0, f64::max);
    Ok((0..samples[0].len()).map(|i| largest(i) / 20f64.sqrt()).collect())
}

/// One element of a derivative.
struct Element {
    index: usize,
    derived: f64,
    numeric: f64,
    bound: f64,
    /// |φ(0)|.
    value: f64,
    /// The slopes left and right where the function has a kink between the samples.
    kink: Option<(f64, f64)>,
    /// Whether the function is finite at all samples.
    finite: bool,
}

/// Collects the elements of one derivative, and then gives a verdict.
pub struct Judge {
    what: String,
    shape: Vec<usize>,
    total: usize,
    elements: Vec<Element>,
}

impl Judge {
    /// For a derivative of `shape` with `total` elements.
    pub fn new(what: String, shape: &[usize], total: usize) -> Judge {
        Judge { what, shape: shape.to_vec(), total, elements: Vec::new() }
    }

    /// Compares element `index`, derived as `derived`, with number `k` of `line`.
    pub fn compare(&mut self, index: usize, derived: f64, line: &Line, k: usize, noise: f64) {
        let [far_left, left, here, right, far_right] = [0, 1, 2, 3, 4].map(|i| line.samples[i][k]);
        let (h, epsilon) = (line.h, line.epsilon);
        let numeric = (right - left) / (2.0 * h);
        let coarse = (far_right - far_left) / (4.0 * h);
        let rounding = 8.0 * noise + 4.0 * epsilon * (here.abs() + line.scale * numeric.abs());
        let bound = 4.0 * (coarse - numeric).abs() + rounding / h;
        // A smooth function bends four times as much over twice the step, a kink twice as much.
        let (bend, wide) = (right - 2.0 * here + left, far_right - 2.0 * here + far_left);
        let kinked = wide.abs() < 3.0 * bend.abs() && bend.abs() > rounding;
        let kink = kinked.then(|| ((here - left) / h, (right - here) / h));
        let finite = [far_left, left, here, right, far_right].iter().all(|x| x.is_finite());
        let value = here.abs();
        self.elements.push(Element { index, derived, numeric, bound, value, kink, finite });
    }

    /// The verdict on all elements.
    pub fn check(self) -> Check {
        let finite = self.elements.iter().filter(|e| e.finite && e.derived.is_finite());
        let size = finite.map(|e| e.derived.abs().max(e.numeric.abs())).fold(0.0, f64::max);
        let mut check = Check::new(self.what, self.elements.len(), self.total);
        let mut worst = (false, -1.0);
        for e in &self.elements {
            let verdict = e.verdict(size);
            let differs = verdict == Verdict::Differs;
            check.finite &= e.finite;
            check.differing += usize::from(differs);
            check.unclear += usize::from(verdict == Verdict::Unclear);
            // An element that agrees must not hide one that differs.
            if (differs, e.excess()) > worst {
                worst = (differs, e.excess());
                (check.error, check.bound) = (e.error(), e.bound);
                let index = unravelled(e.index, &self.shape);
                check.worst = Some(Worst { index, derived: e.derived, numeric: e.numeric });
            }
        }
        check
    }
}

impl Element {
    fn error(&self) -> f64 {
        (self.derived - self.numeric).abs()
    }

    /// The error as a part of its bound; infinite for NaN, which is within no bound.
    fn excess(&self) -> f64 {
        match self.error() {
            0.0 => 0.0,
            error if error.is_nan() => f64::INFINITY,
            error => error / self.bound,
        }
    }

    /// The verdict, where the derivative's largest element has size `size`.
    fn verdict(&self, size: f64) -> Verdict {
        let coarse = self.bound > COARSE * size.max(self.value);
        match self.excess() <= 1.0 {
            _ if !self.finite => Verdict::Unclear,
            true if coarse => Verdict::Unclear,
            true => Verdict::Agrees,
            false if self.is_between_slopes() => Verdict::Unclear,
            false => Verdict::Differs,
        }
    }

    /// Whether the derivative is a slope that a function may be given at its kink.
    fn is_between_slopes(&self) -> bool {
        self.kink.is_some_and(|(left, right)| {
            let (low, high) = (left.min(right), left.max(right));
            // The kink may lie anywhere between the samples, and bends one of the two slopes.
            let room = 0.01 * (high - low);
            (low - room..=high + room).contains(&self.derived)
        })
    }
}

/// The position along every axis of row-major element `index`.
fn unravelled(index: usize, shape: &[usize]) -> Vec<usize> {
    crate::tensor::strides(shape).iter().zip(shape).map(|(stride, n)| index / stride % n).collect()
}
