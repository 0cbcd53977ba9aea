//! Tensors for reading: few digits, and of many elements only the ends, as numpy prints them.

use tessera_core::tensor::{Data, strides};
use tessera_core::{Tensor, each_dtype};

/// Tensors with more elements are shortened.
const ELEMENTS_MAX: usize = 1000;
/// Elements and rows shown at each end of a shortened axis.
const EDGE: usize = 3;
/// Digits behind the point, or behind the first digit.
const DIGITS: usize = 8;
/// A line's width, in characters.
const WIDTH: usize = 100;

/// `tensor` as text. A scalar has all its digits.
pub fn short(tensor: &Tensor) -> String {
    if tensor.ndim() == 0 {
        return each_dtype!(tensor.data(), v => format!("{:?}", v[0]));
    }
    if tensor.is_empty() {
        return "[]".to_owned();
    }
    let shortened = tensor.len() > ELEMENTS_MAX;
    let shown = |axis: usize| -> Vec<Option<usize>> {
        let n = tensor.shape()[axis];
        match shortened && n > 2 * EDGE {
            true => (0..EDGE).map(Some).chain([None]).chain((n - EDGE..n).map(Some)).collect(),
            false => (0..n).map(Some).collect(),
        }
    };
    let axes: Vec<Vec<Option<usize>>> = (0..tensor.ndim()).map(shown).collect();
    let mut positions = vec![0];
    for (indices, stride) in axes.iter().zip(strides(tensor.shape())) {
        let known = indices.iter().flatten();
        positions = positions.iter().flat_map(|p| known.clone().map(move |i| p + i * stride)).collect();
    }
    let words = words(tensor.data(), &positions);
    let mut printer = Printer { axes, words: words.into_iter(), out: String::new() };
    printer.axis(0);
    printer.out
}

struct Printer {
    axes: Vec<Vec<Option<usize>>>,
    words: std::vec::IntoIter<String>,
    out: String,
}

impl Printer {
    fn axis(&mut self, axis: usize) {
        self.out.push('[');
        if axis + 1 == self.axes.len() {
            self.row(axis);
        } else {
            for (i, index) in self.axes[axis].clone().into_iter().enumerate() {
                if i > 0 {
                    self.out.push_str(",\n");
                    self.out.push_str(&" ".repeat(axis + 1));
                }
                match index {
                    Some(_) => self.axis(axis + 1),
                    None => self.out.push('…'),
                }
            }
        }
        self.out.push(']');
    }

    fn row(&mut self, axis: usize) {
        let mut column = axis + 1;
        for (i, index) in self.axes[axis].clone().into_iter().enumerate() {
            let word = match index {
                Some(_) => self.words.next().unwrap_or_default(),
                None => "…".to_owned(),
            };
            let width = word.chars().count() + 2;
            if i > 0 {
                self.out.push(',');
                let full = column + width > WIDTH;
                let gap = if full { format!("\n{}", " ".repeat(axis + 1)) } else { " ".to_owned() };
                self.out.push_str(&gap);
                column = if full { axis + 1 } else { column };
            }
            column += width;
            self.out.push_str(&word);
        }
    }
}

/// The elements at `positions`, written alike and padded to one width.
fn words(data: &Data, positions: &[usize]) -> Vec<String> {
    let words: Vec<String> = match data {
        Data::F64(v) => floats(positions.iter().map(|&i| v[i]).collect()),
        Data::F32(v) => floats(positions.iter().map(|&i| f64::from(v[i])).collect()),
        Data::I64(v) => positions.iter().map(|&i| v[i].to_string()).collect(),
        Data::I32(v) => positions.iter().map(|&i| v[i].to_string()).collect(),
        Data::U64(v) => positions.iter().map(|&i| v[i].to_string()).collect(),
        Data::U32(v) => positions.iter().map(|&i| v[i].to_string()).collect(),
        Data::Bool(v) => positions.iter().map(|&i| v[i].to_string()).collect(),
    };
    let width = words.iter().map(|word| word.chars().count()).max().unwrap_or(0);
    words.into_iter().map(|word| format!("{word:>width$}")).collect()
}

/// Numbers with as many digits as the one that needs most, up to [`DIGITS`].
fn floats(values: Vec<f64>) -> Vec<String> {
    let sizes = values.iter().map(|x| x.abs()).filter(|x| x.is_finite() && *x > 0.0);
    let (low, high) = sizes.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    let exponential = high >= 1e8 || low < 1e-4 || high / low > 1e5;
    let digits = |x: &f64| -> usize {
        let text = if exponential { format!("{x:.DIGITS$e}") } else { format!("{x:.DIGITS$}") };
        let mantissa = text.split('e').next().unwrap_or("");
        mantissa.trim_end_matches('0').split_once('.').map_or(0, |(_, fraction)| fraction.len())
    };
    let needed = values.iter().filter(|x| x.is_finite()).map(digits).max().unwrap_or(0).max(1);
    values
        .iter()
        .map(|x| match (x.is_finite(), exponential) {
            (true, true) => format!("{x:.needed$e}"),
            (true, false) => format!("{x:.needed$}"),
            (false, _) => format!("{x}").to_lowercase(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_tensors_are_whole() {
        assert_eq!(short(&Tensor::scalar(0.1)), "0.1");
        assert_eq!(short(&Tensor::scalar(true)), "true");
        assert_eq!(short(&Tensor::new([3], vec![1.0, -2.5, 100.0])), "[  1.0,  -2.5, 100.0]");
        assert_eq!(short(&Tensor::new([2, 2], vec![1, 2, 3, 40])), "[[ 1,  2],\n [ 3, 40]]");
        assert_eq!(short(&Tensor::new([0, 2], Vec::<f32>::new())), "[]");
        assert_eq!(short(&Tensor::new([2], vec![f64::NAN, f64::NEG_INFINITY])), "[ nan, -inf]");
        assert_eq!(short(&Tensor::new([2], vec![1e-9, 1.0])), "[1.0e-9,  1.0e0]");
        assert_eq!(short(&Tensor::new([2], vec![1.0 / 3.0, 0.0])), "[0.33333333, 0.00000000]");
    }

    #[test]
    fn large_tensors_show_their_ends() {
        let row: Vec<i64> = (0..2000).collect();
        assert_eq!(short(&Tensor::new([2000], row.clone())), "[   0,    1,    2, …, 1997, 1998, 1999]");
        let text = short(&Tensor::new([1000, 2], row));
        assert_eq!(text.lines().count(), 7);
        assert!(text.contains(",\n …,\n [1994, 1995],"), "{text}");
    }

    #[test]
    fn long_rows_are_broken() {
        let text = short(&Tensor::new([100], (0..100).map(|i| f64::from(i) / 7.0).collect()));
        assert!(text.lines().count() > 5 && text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}
