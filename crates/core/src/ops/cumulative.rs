//! Sums of all elements so far along an axis.
//!
//! The order is a law of its own (see law 3 in `docs/numerics.md`): a line of n elements is cut in two, the left part
//! having the largest power of two of elements that is smaller than n; the sums of the left part stand as they are, and
//! each sum of the right part is the left part's last one plus it. So an element passes at most ⌈log₂ n⌉ additions, any
//! part of the tree may be computed apart, and the last sum is the tree of law 3 with single elements for blocks.

use super::registry::only;
use super::shape::bad;
use super::*;
use crate::ir::{Attribute, DType};
use crate::numerics::parallel;
use crate::tensor::{Data, strides};

/// The sum of the elements up to each one, itself included, along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cumsum {
    /// The axis.
    pub axis: usize,
    /// Whether the elements from each one on are summed, from the last to the first.
    pub reverse: bool,
}

pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "cumsum",
    summary: "the sum of the elements up to each one along `axis`; with `reverse`, from each one on, as if backwards",
    example: "%y = tgraph.cumsum %x {axis = 0} : tensor<?xf64>",
    constraints: &[Constraint {
        id: "cumsum-1",
        law: "one numeric operand; `axis` is an axis of it; `reverse` is true or false",
        mend: "write `{axis = 0}`",
    }],
    parse: |name, attributes, _, _| {
        only(name, "cumsum-1", attributes, &["axis", "reverse"])?;
        let reverse = attributes.flag("reverse").unwrap_or(false);
        match attributes.int("axis").map(usize::try_from) {
            Some(Ok(axis)) => Ok(Arc::new(Cumsum { axis, reverse })),
            _ => bad("cumsum-1", "cumsum must have the attribute `axis`, 0 or more".into()),
        }
    },
}];

/// Elements of a part whose sums are made at once, in L1.
const PART: usize = 4096;

/// In a line of rows of `width` elements, every row becomes the sum of those up to it: first in parts, each a subtree of the law; then the
/// sums of the subtrees to the left of a part are added to it, the smallest first.
fn sums<T: Copy + Send + Sync>(line: &mut [T], width: usize, add: impl Fn(T, T) -> T + Sync) {
    let part = (PART / width).max(1).next_power_of_two() * width;
    parallel::each_part(line, part, |_, part| sums_of_part(part, width, &add));
    // Last rows: of each part, then of each pair of subtrees of a level.
    let mut levels = vec![Vec::new()];
    line.chunks(part).for_each(|part| levels[0].extend_from_slice(&part[part.len() - width..]));
    while let Some(level) = levels.last()
        && level.len() > width
    {
        let pairs = level.chunks_exact(2 * width).map(|pair| pair.split_at(width));
        levels.push(pairs.flat_map(|(x, y)| x.iter().zip(y).map(|(&x, &y)| add(x, y))).collect());
    }
    parallel::each_part(line, part, |i, part| {
        for (level, lasts) in levels.iter().enumerate().filter(|(level, _)| i >> level & 1 == 1) {
            let last = &lasts[((i >> level) - 1) * width..][..width];
            for row in part.chunks_exact_mut(width) {
                row.iter_mut().zip(last).for_each(|(x, &last)| *x = add(last, *x));
            }
        }
    });
}

/// The sums of one part.
fn sums_of_part<T: Copy>(part: &mut [T], width: usize, add: &impl Fn(T, T) -> T) {
    let (mut half, n) = (1, part.len() / width);
    if width == 1 {
        // The same, of single elements, for subtrees that fit into registers.
        for eight in part.chunks_exact_mut(EIGHT) {
            let mut own = [eight[0]; EIGHT];
            own.copy_from_slice(eight);
            for (half, ends) in [(1, [2, 4, 6, 8].as_slice()), (2, &[4, 8]), (4, &[8])] {
                for end in ends {
                    (end - half..*end).for_each(|i| own[i] = add(own[end - half - 1], own[i]));
                }
            }
            eight.copy_from_slice(&own);
        }
        let rest = n - n % EIGHT;
        sums_from(&mut part[rest..], 1, 1, add);
        half = EIGHT;
    }
    sums_from(part, width, half, add);
}

/// Elements of a subtree in registers.
const EIGHT: usize = 8;

/// The sums of a part, in which those of subtrees of `half` rows are made.
fn sums_from<T: Copy>(part: &mut [T], width: usize, mut half: usize, add: &impl Fn(T, T) -> T) {
    let n = part.len() / width;
    while half < n {
        for start in (0..n).step_by(2 * half) {
            let middle = (start + half).min(n);
            let end = (start + 2 * half).min(n);
            let (left, right) = part[start * width..end * width].split_at_mut((middle - start) * width);
            let last = &left[left.len() - width..];
            for row in right.chunks_exact_mut(width) {
                row.iter_mut().zip(last).for_each(|(x, &last)| *x = add(last, *x));
            }
        }
        half *= 2;
    }
}

impl Rule for Cumsum {
    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn attributes(&self) -> Attributes {
        let attributes = Attributes::new().with("axis", Attribute::Int(self.axis as i64));
        if self.reverse { attributes.with("reverse", Attribute::Bool(true)) } else { attributes }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        match x {
            [x] if self.axis < x.ndim() && x.dtype != DType::Bool => Ok(vec![(*x).clone()]),
            [x] => bad(
                "cumsum-1",
                format!("cumsum must have a numeric operand with axis {}, got {x}", self.axis),
            ),
            _ => bad("cumsum-1", format!("cumsum must have 1 operand, got {}", x.len())),
        }
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        if self.reverse {
            return crate::exec::reference::evaluate_expansion(self, x);
        }
        let (n, width) = (x[0].shape()[self.axis], strides(x[0].shape())[self.axis]);
        let mut y = x[0].clone();
        if n * width == 0 {
            return vec![y];
        }
        macro_rules! lines {
            ($v:expr, $add:expr) => {
                $v.chunks_exact_mut(n * width).for_each(|line| sums(line, width, $add))
            };
        }
        match y.data_mut() {
            Data::F64(v) => lines!(v, |a, b| a + b),
            Data::F32(v) => lines!(v, |a, b| a + b),
            Data::I64(v) => lines!(v, i64::wrapping_add),
            Data::I32(v) => lines!(v, i32::wrapping_add),
            Data::U64(v) => lines!(v, u64::wrapping_add),
            Data::U32(v) => lines!(v, u32::wrapping_add),
            Data::Bool(_) => unreachable!("refused by cumsum-1"),
        }
        vec![y]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    /// Backwards it is the same between two reversals, which move elements only.
    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        self.reverse.then(|| {
            let mirror: Op = Arc::new(Reverse { axes: vec![self.axis] });
            let mirrored = b.apply(mirror.clone(), x);
            let sums = b.apply(Arc::new(Cumsum { reverse: false, ..*self }), &[mirrored]);
            vec![b.apply(mirror, &[sums])]
        })
    }

    fn rows(&self, _: &[&Type], _: &Type) -> Option<Rows> {
        (self.axis > 0).then(|| Rows::pointwise(1))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(Cumsum { axis: self.axis + 1, reverse: self.reverse }))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(Cumsum { axis: self.axis.checked_sub(1)?, reverse: self.reverse }))
    }
}

impl Linear for Cumsum {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, dy: Value) -> Value {
        b.apply(Arc::new(Cumsum { axis: self.axis, reverse: !self.reverse }), &[dy])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The law as it is written.
    fn law(x: &[f64]) -> Vec<f64> {
        let [one] = x else {
            let half = x.len().next_power_of_two() / 2;
            let left = law(&x[..half]);
            let last = left[half - 1];
            let right = law(&x[half..]).into_iter().map(|y| last + y).collect::<Vec<_>>();
            return [left, right].concat();
        };
        vec![*one]
    }

    #[test]
    fn sums_follow_the_tree() {
        for n in (1..70).chain([256, 257, 1000, 4096, 4097, 12_289, 40_961]) {
            let x: Vec<f64> = (0..n).map(|i| 1.0 / (1.0 + i as f64) - 0.01 * i as f64).collect();
            let y = Cumsum { axis: 0, reverse: false }.evaluate(&[&Tensor::new([n], x.clone())]);
            assert_eq!(y[0].values::<f64>(), law(&x), "{n}");
        }
    }

    /// Three lines at once, of rows that are no power of two of elements.
    #[test]
    fn lines_side_by_side_are_lines() {
        const N: usize = 5000;
        let x: Vec<f64> = (0..3 * N).map(|i| 1.0 / (1.0 + i as f64) - 0.01 * i as f64).collect();
        let y = Cumsum { axis: 0, reverse: false }.evaluate(&[&Tensor::new([N, 3], x.clone())]);
        for line in 0..3 {
            let of = |x: &[f64]| x.iter().skip(line).step_by(3).copied().collect::<Vec<_>>();
            assert_eq!(of(y[0].values::<f64>()), law(&of(&x)), "line {line}");
        }
    }
}
