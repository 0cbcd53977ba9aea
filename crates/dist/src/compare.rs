//! Comparison of two runs, bit for bit: whether they are equal, and what differs where they are not.

use crate::checkpoint::{Attribute, Checkpoint};
use std::fmt;
use tessera_core::each_dtype;
use tessera_core::tensor::{Data, canonical_bits_f32, canonical_bits_f64};
use tessera_core::{DType, Tensor};

/// What two runs have in common and what not. Provenance is never compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Header fields and attributes that differ or are on one side alone.
    pub attributes: Vec<AttributeDifference>,
    /// Datasets on both sides that differ, in the left run's order.
    pub datasets: Vec<DatasetDifference>,
    /// Datasets that only the left run has.
    pub only_left: Vec<String>,
    /// Datasets that only the right run has.
    pub only_right: Vec<String>,
    /// Whether both hold the same, but list datasets or attributes in another order.
    pub reordered: bool,
    /// How many datasets are equal.
    pub equal_datasets: usize,
}

/// A header field or attribute that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeDifference {
    /// Its name; header fields are `header seed`, `header case` and so on.
    pub name: String,
    /// Its value in the left run, as text.
    pub left: Option<String>,
    /// Its value in the right run, as text.
    pub right: Option<String>,
}

/// A dataset that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetDifference {
    /// Its path.
    pub path: String,
    /// How it differs.
    pub kind: Kind,
}

/// How two tensors of one path differ.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// In element type or shape; both types as text.
    Type {
        /// The left tensor's type.
        left: String,
        /// The right tensor's type.
        right: String,
    },
    /// In the bits of some elements.
    Elements {
        /// How many elements differ.
        count: usize,
        /// How many elements there are.
        len: usize,
        /// The first that differs, row-major.
        first: ElementDifference,
        /// The greatest distance in units of the last place over all elements, for floats that
        /// are numbers on both sides.
        ulp_max: Option<u64>,
    },
}

/// One element that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct ElementDifference {
    /// Its index, leading axis first.
    pub index: Vec<usize>,
    /// The left value: floats as `decimal (hexadecimal float)`.
    pub left: String,
    /// The right value.
    pub right: String,
    /// How many floats lie between, plus one; for floats that are numbers on both sides.
    pub ulp: Option<u64>,
}

/// Compares the content of two runs bit for bit.
///
/// ```
/// use tessera_core::Tensor;
/// use tessera_dist::{Checkpoint, compare};
///
/// let mut left = Checkpoint::new(7, "", "");
/// left.datasets.insert("x".to_owned(), Tensor::new([2], vec![1.0, 2.0]));
/// let mut right = left.clone();
/// assert!(compare(&left, &right).is_equal());
///
/// right.datasets.insert("x".to_owned(), Tensor::new([2], vec![1.0, 2.0 + f64::EPSILON * 2.0]));
/// let text = compare(&left, &right).to_string();
/// assert!(text.contains("x[1]: 2.0 (0x1p+1) against 2.0000000000000004 (0x1.0000000000001p+1), 1 ulp apart"));
/// ```
pub fn compare(left: &Checkpoint, right: &Checkpoint) -> Comparison {
    let mut comparison = Comparison { attributes: attributes(left, right), ..Comparison::default() };
    for (path, tensor) in compared(left) {
        match right.datasets.get(path) {
            None => comparison.only_left.push(path.clone()),
            Some(other) => match compare_tensors(path, tensor, other) {
                None => comparison.equal_datasets += 1,
                Some(difference) => comparison.datasets.push(difference),
            },
        }
    }
    let only_right = compared(right).map(|(path, _)| path).filter(|path| !left.datasets.contains_key(*path));
    comparison.only_right = only_right.cloned().collect();
    comparison.reordered = comparison.is_equal()
        && (!compared(left).map(|(path, _)| path).eq(compared(right).map(|(path, _)| path))
            || !left.attributes.keys().eq(right.attributes.keys()));
    comparison
}

impl Comparison {
    /// Whether every compared bit is the same, and in the same order.
    pub fn is_equal(&self) -> bool {
        self.attributes.is_empty()
            && self.datasets.is_empty()
            && self.only_left.is_empty()
            && self.only_right.is_empty()
            && !self.reordered
    }
}

/// The datasets that are compared.
fn compared(checkpoint: &Checkpoint) -> impl Iterator<Item = (&String, &Tensor)> {
    checkpoint.datasets.iter().filter(|(path, _)| !path.starts_with("provenance/"))
}

fn attributes(left: &Checkpoint, right: &Checkpoint) -> Vec<AttributeDifference> {
    let header = |checkpoint: &Checkpoint| {
        let header = &checkpoint.header;
        [
            ("header numericsVersion", header.numerics_version.to_string()),
            ("header seed", header.seed.to_string()),
            ("header step", header.step.to_string()),
            ("header case", header.case.clone()),
            ("header program", header.program.clone()),
        ]
    };
    let mut found = Vec::new();
    for ((name, a), (_, b)) in header(left).into_iter().zip(header(right)) {
        if a != b {
            let (left, right) = first_line_that_differs(&a, &b);
            found.push(AttributeDifference { name: name.to_owned(), left: Some(left), right: Some(right) });
        }
    }
    let only_right = right.attributes.keys().filter(|name| !left.attributes.contains_key(*name));
    for name in left.attributes.keys().chain(only_right) {
        let (a, b) = (left.attributes.get(name), right.attributes.get(name));
        if a != b {
            found.push(AttributeDifference { name: name.clone(), left: a.map(exact), right: b.map(exact) });
        }
    }
    found
}

/// Texts can be long: their first line that differs, with its number where there are several.
fn first_line_that_differs(a: &str, b: &str) -> (String, String) {
    let (mut left, mut right) = (a.split('\n'), b.split('\n'));
    let mut number = 1;
    loop {
        match (left.next(), right.next()) {
            (Some(x), Some(y)) if x == y => number += 1,
            (x, y) => {
                let show = |line: Option<&str>| match line {
                    Some(line) if number == 1 => line.to_owned(),
                    Some(line) => format!("line {number}: {line}"),
                    None => format!("ends before line {number}"),
                };
                return (show(x), show(y));
            }
        }
    }
}

fn exact(attribute: &Attribute) -> String {
    match attribute {
        Attribute::F64(value) => show_float(*value, format!("{value:?}")),
        other => other.to_string(),
    }
}

/// How two tensors, called `path` in what is said about them, differ; `None` if their bits are equal.
pub fn compare_tensors(path: &str, left: &Tensor, right: &Tensor) -> Option<DatasetDifference> {
    difference(left, right).map(|kind| DatasetDifference { path: path.to_owned(), kind })
}

/// How two tensors differ, if they do.
fn difference(left: &Tensor, right: &Tensor) -> Option<Kind> {
    if left.shape() != right.shape() || left.dtype() != right.dtype() {
        return Some(Kind::Type { left: left.ty().to_string(), right: right.ty().to_string() });
    }
    let differs = |i: usize| bits(left, i) != bits(right, i);
    let mut indices = (0..left.len()).filter(|&i| differs(i));
    let first = indices.next()?;
    let mut count = 1;
    let mut ulp_max = ulp(left, right, first);
    for i in indices {
        count += 1;
        ulp_max = ulp_max.max(ulp(left, right, i));
    }
    let first = ElementDifference {
        index: unflatten(first, left.shape()),
        left: show(left, first),
        right: show(right, first),
        ulp: ulp(left, right, first),
    };
    Some(Kind::Elements { count, len: left.len(), first, ulp_max })
}

/// The canonical bits of element `i`.
fn bits(tensor: &Tensor, i: usize) -> u64 {
    match tensor.data() {
        Data::F64(v) => canonical_bits_f64(v[i]),
        Data::F32(v) => canonical_bits_f32(v[i]).into(),
        Data::I64(v) => v[i].cast_unsigned(),
        Data::I32(v) => v[i].cast_unsigned().into(),
        Data::U64(v) => v[i],
        Data::U32(v) => v[i].into(),
        Data::Bool(v) => v[i].into(),
    }
}

/// The distance between the elements `i` in units of the last place, where both are numbers.
fn ulp(left: &Tensor, right: &Tensor, i: usize) -> Option<u64> {
    // Floats in order are integers in order, once the negative ones count downwards from zero.
    // Both zeros are next to each other, so that values of other bits are never 0 apart.
    let rank = |tensor: &Tensor| -> Option<i128> {
        let (magnitude, negative) = match tensor.data() {
            Data::F64(v) if !v[i].is_nan() => (v[i].abs().to_bits(), v[i].is_sign_negative()),
            Data::F32(v) if !v[i].is_nan() => (v[i].abs().to_bits().into(), v[i].is_sign_negative()),
            _ => return None,
        };
        let magnitude = i128::from(magnitude);
        Some(if negative { -1 - magnitude } else { magnitude })
    };
    u64::try_from((rank(left)? - rank(right)?).unsigned_abs()).ok()
}

/// Element `i` for reading.
fn show(tensor: &Tensor, i: usize) -> String {
    match (tensor.dtype(), tensor.data()) {
        (DType::F64, Data::F64(v)) => show_float(v[i], format!("{:?}", v[i])),
        (DType::F32, Data::F32(v)) => show_float(v[i].into(), format!("{:?}", v[i])),
        (_, data) => each_dtype!(data, v => format!("{:?}", v[i])),
    }
}

/// `decimal (hexadecimal)`. An f32 is exact as f64.
fn show_float(value: f64, decimal: String) -> String {
    if value.is_finite() { format!("{decimal} ({})", hex_float(value)) } else { decimal }
}

/// A finite number exactly, as C's `%a` writes it: `-0x1.8p+1` is -3.
pub fn hex_float(value: f64) -> String {
    let bits = value.to_bits();
    let sign = if bits >> 63 == 1 { "-" } else { "" };
    let exponent = (bits >> 52) & 0x7ff;
    let fraction = bits & ((1 << 52) - 1);
    let (lead, power) = match (exponent, fraction) {
        (0, 0) => return format!("{sign}0x0p+0"),
        (0, _) => (0, -1022),
        (e, _) => (1, i64::try_from(e).unwrap_or(0) - 1023),
    };
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("{sign}0x{lead}{point}{digits}p{power:+}")
}

/// The index of the `flat`-th element, row-major.
fn unflatten(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (i, &extent) in index.iter_mut().zip(shape).rev() {
        *i = flat % extent;
        flat /= extent;
    }
    index
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_equal() {
            return write!(f, "equal, bit for bit ({} datasets)", self.equal_datasets);
        }
        writeln!(f, "different ({} datasets are equal)", self.equal_datasets)?;
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        for difference in &self.attributes {
            writeln!(
                f,
                "  {}: {} against {}",
                difference.name,
                side(&difference.left),
                side(&difference.right)
            )?;
        }
        for difference in &self.datasets {
            writeln!(f, "  {difference}")?;
        }
        for (paths, which) in [(&self.only_left, "left"), (&self.only_right, "right")] {
            for path in paths {
                writeln!(f, "  {path}: only in the {which} run")?;
            }
        }
        if self.reordered {
            writeln!(f, "  the same content in another order")?;
        }
        Ok(())
    }
}

impl fmt::Display for DatasetDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Type { left, right } => write!(f, "{}: {left} against {right}", self.path),
            Kind::Elements { count, len, first, ulp_max } => {
                let index = if first.index.is_empty() { String::new() } else { format!("{:?}", first.index) };
                write!(f, "{}{index}: {} against {}", self.path, first.left, first.right)?;
                if let Some(ulp) = first.ulp {
                    write!(f, ", {ulp} ulp apart")?;
                }
                write!(f, "; {count} of {len} elements differ")?;
                match ulp_max {
                    Some(ulp) if *count > 1 => write!(f, ", by up to {ulp} ulp"),
                    _ => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_floats_are_those_of_c() {
        let cases = [
            (1.0, "0x1p+0"),
            (-3.0, "-0x1.8p+1"),
            (0.1, "0x1.999999999999ap-4"),
            (-0.0, "-0x0p+0"),
            (5e-324, "0x0.0000000000001p-1022"),
            (f64::MAX, "0x1.fffffffffffffp+1023"),
            (f64::MIN_POSITIVE, "0x1p-1022"),
        ];
        for (value, text) in cases {
            assert_eq!(hex_float(value), text);
        }
    }

    #[test]
    fn ulp_counts_floats_between() {
        let distance = |a: f64, b: f64| ulp(&Tensor::scalar(a), &Tensor::scalar(b), 0);
        assert_eq!(distance(1.0, 1.0 + f64::EPSILON), Some(1));
        assert_eq!(distance(0.0, -0.0), Some(1));
        assert_eq!(distance(5e-324, -5e-324), Some(3));
        assert_eq!(distance(f64::NAN, 1.0), None);
        assert_eq!(distance(f64::NEG_INFINITY, f64::INFINITY), Some(0xFFE0_0000_0000_0001));
        assert_eq!(ulp(&Tensor::scalar(1_f32), &Tensor::scalar(1_f32 - f32::EPSILON), 0), Some(2));
        assert_eq!(ulp(&Tensor::scalar(1_u32), &Tensor::scalar(2_u32), 0), None);
    }
}
