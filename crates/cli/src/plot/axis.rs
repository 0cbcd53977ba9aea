//! Axes: from values to places, and the ticks that a reader expects.

/// How values map to places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equal distances.
    Linear,
    /// Equal ratios are equal distances; for positive values.
    Log,
}

/// An axis from `low` to `high`.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where: 0 at the low end, 1 at the high end.
    pub at: f64,
    /// What it says; empty for a minor tick.
    pub label: String,
}

impl Axis {
    /// A linear axis over exactly `low` to `high`; made wider if they are equal.
    pub fn linear(low: f64, high: f64) -> Axis {
        if low < high {
            return Axis { scale: Scale::Linear, low, high };
        }
        let margin = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        Axis { scale: Scale::Linear, low: low - margin, high: high + margin }
    }

    /// A linear axis over `low` to `high` with a margin of 4 % at either end.
    pub fn linear_with_margin(low: f64, high: f64) -> Axis {
        let axis = Axis::linear(low, high);
        let margin = 0.04 * (axis.high - axis.low);
        Axis { low: axis.low - margin, high: axis.high + margin, ..axis }
    }

    /// A logarithmic axis; both ends must be positive.
    pub fn log(low: f64, high: f64) -> Axis {
        let (low, high) = if low < high { (low, high) } else { (low / 2.0, high * 2.0) };
        Axis { scale: Scale::Log, low, high }
    }

    /// A logarithmic axis that begins and ends a little beyond the values.
    pub fn log_with_margin(low: f64, high: f64) -> Axis {
        let axis = Axis::log(low, high);
        let margin = (axis.high / axis.low).powf(0.05);
        Axis { low: axis.low / margin, high: axis.high * margin, ..axis }
    }

    /// Where `value` is: 0 at the low end, 1 at the high end, `None` where it has no place.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Log => return None,
        };
        place.is_finite().then_some(place)
    }

    /// About `count` labelled ticks, and minor ones on a logarithmic axis.
    pub fn ticks(&self, count: usize) -> Vec<Tick> {
        match self.scale {
            Scale::Linear => self.linear_ticks(count),
            Scale::Log => self.log_ticks(count),
        }
    }

    fn linear_ticks(&self, count: usize) -> Vec<Tick> {
        let raw = (self.high - self.low) / count.max(1) as f64;
        let power = raw.log10().floor();
        let unit = 10_f64.powf(power);
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|f| f * unit).find(|step| *step >= raw * 0.999);
        let step = step.unwrap_or(10.0 * unit);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        let largest = self.low.abs().max(self.high.abs());
        let label = |value: f64| {
            if value == 0.0 {
                "0".to_owned()
            } else if !(1e-3..1e6).contains(&largest) {
                scientific(value, largest.log10().floor() as i32, step)
            } else {
                minus(format!("{value:.*}", decimals(step)))
            }
        };
        (first..=last.min(first + 100))
            .map(|i| Tick {
                at: (i as f64 * step - self.low) / (self.high - self.low),
                label: label(i as f64 * step),
            })
            .collect()
    }

    fn log_ticks(&self, count: usize) -> Vec<Tick> {
        let (low, high) = (self.low.log10(), self.high.log10());
        let first = (low - 1e-9).floor() as i32;
        let last = (high + 1e-9).ceil() as i32;
        let stride = (last - first).div_euclid(count.max(1) as i32 + 1) + 1;
        // Less than two decades show few powers of ten: multiples get labels as well.
        let labelled: &[i32] = match high - low {
            span if span < 1.0 => &[1, 2, 3, 5],
            span if span < 2.0 => &[1, 3],
            _ => &[1],
        };
        let mut ticks = Vec::new();
        for power in first..=last {
            for digit in 1..10 {
                let at = (f64::from(digit).log10() + f64::from(power) - low) / (high - low);
                if !(-1e-9..=1.0 + 1e-9).contains(&at) {
                    continue;
                }
                let label = match digit {
                    _ if power.rem_euclid(stride) != 0 || !labelled.contains(&digit) => String::new(),
                    1 => format!("10{}", superscript(power)),
                    digit => format!("{digit}×10{}", superscript(power)),
                };
                if stride == 1 || digit == 1 {
                    ticks.push(Tick { at, label });
                }
            }
        }
        ticks
    }
}

/// How many digits after the point multiples of `step` need.
fn decimals(step: f64) -> usize {
    let power = (step.log10() + 1e-9).floor();
    let mantissa = step / 10_f64.powf(power);
    let digits = if (mantissa - mantissa.round()).abs() > 1e-6 { 1.0 - power } else { -power };
    digits.max(0.0) as usize
}

/// `value` in units of ten to `power`.
fn scientific(value: f64, power: i32, step: f64) -> String {
    let unit = 10_f64.powi(power);
    minus(format!("{:.*}×10{}", decimals(step / unit), value / unit, superscript(power)))
}

/// With a minus sign that is as wide as a plus sign.
fn minus(number: String) -> String {
    number.replace('-', "−")
}

/// An exponent.
fn superscript(power: i32) -> String {
    power
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(4)).unwrap_or(digit),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, count: usize) -> Vec<String> {
        axis.ticks(count).into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn linear_ticks_are_round_numbers() {
        assert_eq!(labels(Axis::linear(-1.0, 1.0), 5), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        assert_eq!(labels(Axis::linear(0.0, 0.99), 4), ["0", "0.25", "0.50", "0.75"]);
        assert_eq!(labels(Axis::linear(0.0, 15000.0), 3), ["0", "5000", "10000", "15000"]);
        assert_eq!(labels(Axis::linear(0.0, 2e-5), 4), ["0", "0.5×10⁻⁵", "1.0×10⁻⁵", "1.5×10⁻⁵", "2.0×10⁻⁵"]);
        assert!(labels(Axis::linear(3.0, 3.0), 4).len() > 1);
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten() {
        assert_eq!(labels(Axis::log(1e-3, 1.0), 6), ["10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
        assert_eq!(labels(Axis::log(1e-12, 1.0), 5), ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "10⁰"]);
        assert_eq!(labels(Axis::log(2.0, 6.0), 6), ["2×10⁰", "3×10⁰", "5×10⁰"]);
        let axis = Axis::log(1e-2, 1e2);
        assert!((axis.place(1.0).unwrap() - 0.5).abs() < 1e-15);
        assert_eq!(axis.place(0.0), None);
        assert_eq!(axis.place(f64::NAN), None);
    }
}
