//! A line search for the strong Wolfe conditions (J. Nocedal and S. J. Wright, *Numerical Optimization*,
//! 2nd edition, algorithms 3.5 and 3.6, with the cubic interpolation of equation 3.59).
//!
//! Along a descent direction, φ(α) is the loss at step length α. A step is accepted if
//!
//! ```text
//! φ(α) ≤ φ(0) + c₁ α φ′(0)        and        |φ′(α)| ≤ −c₂ φ′(0)
//! ```
//!
//! The search decides on the host, from scalars that graphs computed, so that equal bits of φ lead to equal
//! decisions. A loss that is not finite counts as too large: the step was too long.

/// The constants of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// c₁, of the sufficient decrease.
    pub decrease: f64,
    /// c₂, of the curvature.
    pub curvature: f64,
    /// How often φ may be evaluated.
    pub evaluations_max: u64,
}

/// φ at a step length, and what else its evaluation gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial<T> {
    /// α.
    pub step: f64,
    /// φ(α).
    pub value: f64,
    /// φ′(α).
    pub slope: f64,
    /// What the evaluation gave.
    pub payload: T,
}

impl<T> Trial<T> {
    fn is_finite(&self) -> bool {
        self.value.is_finite() && self.slope.is_finite()
    }
}

/// How far a step length is kept from the ends of its bracket, as a part of it.
const MARGIN: f64 = 0.1;
/// The next bracketing step is at most this times the one before.
const GROWTH_MAX: f64 = 10.0;
/// A next bracketing step is farther by at least this part of the last advance.
const ADVANCE_MIN: f64 = 0.01;

struct Search<'a, T, F> {
    origin: &'a Trial<T>,
    settings: Settings,
    probe: F,
    evaluations: u64,
}

/// Looks for an acceptable step from `origin` (α = 0, slope below 0), trying `first` first.
///
/// Gives the accepted trial, if any, and the number of evaluations. Where evaluations run out, a trial with
/// sufficient decrease is accepted without the curvature condition.
pub fn search<T: Clone>(
    origin: &Trial<T>,
    first: f64,
    settings: Settings,
    probe: impl FnMut(f64) -> Trial<T>,
) -> (Option<Trial<T>>, u64) {
    let mut search = Search { origin, settings, probe, evaluations: 0 };
    let found = search.bracket(first);
    (found.filter(|trial| trial.step > 0.0), search.evaluations)
}

impl<T: Clone, F: FnMut(f64) -> Trial<T>> Search<'_, T, F> {
    fn evaluate(&mut self, step: f64) -> Option<Trial<T>> {
        if self.evaluations == self.settings.evaluations_max {
            return None;
        }
        self.evaluations += 1;
        Some((self.probe)(step))
    }

    fn is_too_long(&self, trial: &Trial<T>) -> bool {
        let bound = self.origin.value + self.settings.decrease * trial.step * self.origin.slope;
        !trial.is_finite() || trial.value > bound
    }

    fn is_flat(&self, trial: &Trial<T>) -> bool {
        trial.slope.abs() <= -self.settings.curvature * self.origin.slope
    }

    /// Algorithm 3.5: lengthens the step until an acceptable one lies between two trials.
    fn bracket(&mut self, first: f64) -> Option<Trial<T>> {
        let mut previous = self.origin.clone();
        let mut step = first;
        while let Some(trial) = self.evaluate(step) {
            let worse = previous.step > 0.0 && trial.value >= previous.value;
            if self.is_too_long(&trial) || worse {
                return self.zoom(previous, trial);
            }
            if self.is_flat(&trial) {
                return Some(trial);
            }
            if trial.slope >= 0.0 {
                return self.zoom(trial, previous);
            }
            let (near, far) =
                (trial.step + ADVANCE_MIN * (trial.step - previous.step), GROWTH_MAX * trial.step);
            let next = minimum(&previous, &trial).unwrap_or(far);
            step = if next > near && next < far {
                next
            } else if next <= near {
                near
            } else {
                far
            };
            if !step.is_finite() {
                return Some(trial);
            }
            previous = trial;
        }
        Some(previous)
    }

    /// Algorithm 3.6: narrows the bracket between `low`, the best trial so far, and `high`.
    fn zoom(&mut self, mut low: Trial<T>, mut high: Trial<T>) -> Option<Trial<T>> {
        loop {
            let (start, end) = (low.step.min(high.step), low.step.max(high.step));
            let margin = MARGIN * (end - start);
            let middle = start + 0.5 * (end - start);
            let step = minimum(&low, &high).unwrap_or(middle);
            let step = if step < start + margin {
                start + margin
            } else if step > end - margin {
                end - margin
            } else {
                step
            };
            // No number is left between the ends.
            if !(start < step && step < end) {
                return Some(low);
            }
            let Some(trial) = self.evaluate(step) else { return Some(low) };
            // Rounded to the precision of the graph, the step may be one of the ends.
            if trial.step <= start || trial.step >= end {
                return Some(low);
            }
            if self.is_too_long(&trial) || trial.value >= low.value {
                high = trial;
                continue;
            }
            if self.is_flat(&trial) {
                return Some(trial);
            }
            if trial.slope * (high.step - low.step) >= 0.0 {
                high = low;
            }
            low = trial;
        }
    }
}

/// The minimum of the cubic through two trials (equation 3.59), if there is one.
fn minimum<T>(a: &Trial<T>, b: &Trial<T>) -> Option<f64> {
    if !(a.is_finite() && b.is_finite()) {
        return None;
    }
    let width = b.step - a.step;
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.step - b.step);
    let square = d1 * d1 - a.slope * b.slope;
    if square < 0.0 {
        return None;
    }
    let d2 = square.sqrt().copysign(width);
    let step = b.step - width * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
    step.is_finite().then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WOLFE: Settings = Settings { decrease: 1e-4, curvature: 0.1, evaluations_max: 40 };

    fn trial(f: impl Fn(f64) -> (f64, f64), step: f64) -> Trial<()> {
        let (value, slope) = f(step);
        Trial { step, value, slope, payload: () }
    }

    fn check(f: impl Fn(f64) -> (f64, f64) + Copy, first: f64) -> f64 {
        check_with(WOLFE, f, first)
    }

    fn check_with(wolfe: Settings, f: impl Fn(f64) -> (f64, f64) + Copy, first: f64) -> f64 {
        let origin = trial(f, 0.0);
        let (found, evaluations) = search(&origin, first, wolfe, |step| trial(f, step));
        let found = found.unwrap_or_else(|| panic!("nothing from {first}"));
        assert!(evaluations <= wolfe.evaluations_max);
        assert!(found.value <= origin.value + wolfe.decrease * found.step * origin.slope, "{found:?}");
        assert!(found.slope.abs() <= -wolfe.curvature * origin.slope, "{found:?}");
        found.step
    }

    /// Functions 1 to 3 of J. J. Moré and D. J. Thuente, ACM TOMS 20 (1994), with the first steps there.
    #[test]
    fn accepted_steps_satisfy_the_strong_wolfe_conditions() {
        let more1 = |a: f64| {
            let d = a * a + 2.0;
            (-a / d, (a * a - 2.0) / (d * d))
        };
        let more2 = |a: f64| {
            let c: f64 = a + 0.004;
            (c.powi(5) - 2.0 * c.powi(4), 5.0 * c.powi(4) - 8.0 * c.powi(3))
        };
        let wave = |a: f64| {
            let (beta, l) = (0.01, 39.0);
            let pi = std::f64::consts::PI;
            let (base, slope) = if a <= 1.0 - beta {
                (1.0 - a, -1.0)
            } else if a >= 1.0 + beta {
                (a - 1.0, 1.0)
            } else {
                ((a - 1.0).powi(2) / (2.0 * beta) + beta / 2.0, (a - 1.0) / beta)
            };
            let angle = l * pi / 2.0 * a;
            (base + 2.0 * (1.0 - beta) / (l * pi) * angle.sin(), slope + (1.0 - beta) * angle.cos())
        };
        for first in [1e-3, 1e-1, 1e1, 1e3] {
            check(more1, first);
            // Near its minimum the function is flat to the last bit, while its slope at 0 is 5e-7.
            check_with(Settings { curvature: 0.9, ..WOLFE }, more2, first);
            check(wave, first);
        }
    }

    #[test]
    fn the_minimum_of_a_parabola_is_found_at_once() {
        // The cubic through two points of a parabola is the parabola.
        let step = check(|a| ((a - 3.0) * (a - 3.0), 2.0 * (a - 3.0)), 1.0);
        assert!((step - 3.0).abs() < 1e-12, "{step}");
    }

    #[test]
    fn a_loss_that_is_not_finite_shortens_the_step() {
        let f =
            |a: f64| if a < 0.5 { ((a - 0.4) * (a - 0.4), 2.0 * (a - 0.4)) } else { (f64::NAN, f64::NAN) };
        assert!(check(f, 1.0) < 0.5);
    }

    #[test]
    fn no_step_is_accepted_on_a_wrong_slope() {
        let f = |a: f64| (a, if a == 0.0 { -1.0 } else { 1.0 });
        let (found, evaluations) = search(&trial(f, 0.0), 1.0, WOLFE, |step| trial(f, step));
        assert_eq!((found, evaluations), (None, WOLFE.evaluations_max));
    }
}
