//! Convolution over 1 to 3 axes, as deep learning has it (no reflection of the kernel), and the windows it sees:
//! `unfold` lays them out, `fold`, its transpose, adds them back.
//!
//! Each element of a convolution is a contraction by law 4 over (channel of the group, place in the kernel), row-major.
//! `fold` adds to an element what the windows hold of it in the order of their places in the kernel, row-major, by law 3.

use super::reduce::with_stable;
use super::registry::only;
use super::shape::{bad, ints, naturals};
use super::*;
use crate::each_dtype;
use crate::ir::{Attribute, DType, Extent};
use crate::numerics::tree;
use crate::tensor::{Data, Element};
use std::ops::Range;

/// Windows over the last axes of a tensor. In output o, place k of an axis stands for input o·stride + k·dilation − low.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Extent of a window along each axis, at least 1.
    pub sizes: Vec<usize>,
    /// Step from window to window, at least 1.
    pub strides: Vec<usize>,
    /// Step from place to place in a window, at least 1.
    pub dilations: Vec<usize>,
    /// Zeros before the first element.
    pub low: Vec<usize>,
    /// Zeros after the last element.
    pub high: Vec<usize>,
}

const NAMES: [&str; 4] = ["strides", "dilations", "low", "high"];

impl Windows {
    /// Windows of these sizes, side by side at every place, without padding.
    pub fn of(sizes: &[usize]) -> Windows {
        let n = sizes.len();
        let (strides, dilations) = (vec![1; n], vec![1; n]);
        Windows { sizes: sizes.to_vec(), strides, dilations, low: vec![0; n], high: vec![0; n] }
    }

    /// The windows of these sizes that the attributes state.
    fn parse(attributes: &Attributes, sizes: Vec<usize>, id: &'static str) -> Result<Windows, Violation> {
        let mut windows = Windows::of(&sizes);
        let fields = [&mut windows.strides, &mut windows.dilations, &mut windows.low, &mut windows.high];
        for (name, field) in NAMES.iter().zip(fields) {
            if attributes.get(name).is_some() {
                *field = naturals(attributes, name, id)?;
            }
        }
        Ok(windows)
    }

    fn lists(&self) -> [&Vec<usize>; 4] {
        [&self.strides, &self.dilations, &self.low, &self.high]
    }

    /// `attributes` with what is not the default.
    fn written(&self, mut attributes: Attributes) -> Attributes {
        let default = Windows::of(&self.sizes);
        for ((name, list), default) in NAMES.iter().zip(self.lists()).zip(default.lists()) {
            if list != default {
                attributes = attributes.with(name, ints(list));
            }
        }
        attributes
    }

    /// What breaks where the numbers do not fit `n` axes.
    fn check(&self, id: &'static str, n: usize) -> Result<(), Violation> {
        let lists = self.lists();
        let positive = [&self.sizes, lists[0], lists[1]].iter().all(|list| !list.contains(&0));
        if self.sizes.len() != n || lists.iter().any(|list| list.len() != n) || !positive {
            let got = format!(
                "sizes {:?}, strides {:?} and dilations {:?}",
                self.sizes, self.strides, self.dilations
            );
            let zeros = format!("low {:?} and high {:?}", self.low, self.high);
            let got = format!(
                "windows over {n} axes must have {n} numbers in each list, the sizes and steps 1 or more, got {got}, {zeros}"
            );
            return bad(id, got);
        }
        Ok(())
    }

    /// The number of windows along axis `i` of extent `n`; none if a window does not fit.
    fn count(&self, i: usize, n: usize) -> Option<usize> {
        let reach = (self.sizes[i] - 1).checked_mul(self.dilations[i])?.checked_add(1)?;
        let padded = n.checked_add(self.low[i])?.checked_add(self.high[i])?;
        Some(padded.checked_sub(reach)? / self.strides[i] + 1)
    }

    /// The extents of the windows over axes of these extents.
    fn counts(&self, id: &'static str, extents: &[Extent]) -> Result<Vec<Extent>, Violation> {
        let count = |(i, extent): (usize, &Extent)| match extent {
            Extent::Dynamic => Ok(Extent::Dynamic),
            Extent::Static(n) => match self.count(i, *n) {
                Some(count) => Ok(Extent::Static(count)),
                None => bad(
                    id,
                    format!("a window of {} must fit into {n} elements with their padding", self.sizes[i]),
                ),
            },
        };
        extents.iter().enumerate().map(count).collect()
    }

    /// For each (place, window), row-major: the element it holds, row-major in `extents`, or none in the padding.
    fn sources(&self, extents: &[usize]) -> Vec<Option<usize>> {
        let mut sources = vec![Some(0)];
        let mut shape: Vec<(usize, usize)> = Vec::new();
        for (i, &n) in extents.iter().enumerate() {
            let count = self.count(i, n).expect("windows fit");
            let at = |k: usize, o: usize| {
                (o * self.strides[i] + k * self.dilations[i]).checked_sub(self.low[i]).filter(|&at| at < n)
            };
            // From (places, windows) of the axes before to those with this one.
            let (places, windows) = shape.iter().fold((1, 1), |(p, w), &(k, o)| (p * k, w * o));
            let mut next = Vec::with_capacity(sources.len() * self.sizes[i] * count);
            for p in 0..places {
                for k in 0..self.sizes[i] {
                    for w in 0..windows {
                        let before: Option<usize> = sources[p * windows + w];
                        next.extend((0..count).map(|o| Some(before? * n + at(k, o)?)));
                    }
                }
            }
            sources = next;
            shape.push((self.sizes[i], count));
        }
        sources
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "unfold",
        summary: "the windows of `sizes` over the last axes: their places, then their positions, stand for those axes; `strides`, `dilations`, zeros before (`low`) and after (`high`)",
        example: "%y = tgraph.unfold %x {sizes = [3]} : tensor<?x3x6xf64>",
        constraints: &[
            Constraint {
                id: "unfold-1",
                law: "one operand with as many axes as `sizes`, or more; sizes, strides and dilations of 1 or more and paddings, one for each of the last axes",
                mend: "write `{sizes = [3, 3]}`, and as many numbers in the other lists",
            },
            Constraint {
                id: "unfold-2",
                law: "a window fits into each of the last axes with its padding",
                mend: "pad more with `low` and `high`, or take smaller windows",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "unfold-1", attributes, &["sizes", "strides", "dilations", "low", "high"])?;
            let sizes = naturals(attributes, "sizes", "unfold-1")?;
            Ok(Arc::new(Unfold { windows: Windows::parse(attributes, sizes, "unfold-1")? }))
        },
    },
    Entry {
        name: "fold",
        summary: "the sum of what windows hold of each element: the transpose of `unfold` of the second operand, which gives the result's shape",
        example: "%x = tgraph.fold %y, %like {sizes = [3]} : tensor<?x8xf64>",
        constraints: &[
            Constraint {
                id: "fold-1",
                law: "two operands of one numeric dtype; sizes, strides and dilations of 1 or more and paddings, one for each of the second's last axes",
                mend: "write the attributes of the `unfold` whose transpose it is",
            },
            Constraint {
                id: "fold-2",
                law: "the first operand has the shape that `unfold` of the second has",
                mend: "correct its shape or the attributes",
            },
        ],
        parse: |name, attributes, _, _| {
            only(name, "fold-1", attributes, &["sizes", "strides", "dilations", "low", "high"])?;
            let sizes = naturals(attributes, "sizes", "fold-1")?;
            Ok(Arc::new(Fold { windows: Windows::parse(attributes, sizes, "fold-1")? }))
        },
    },
    Entry {
        name: "convolution",
        summary: "the convolution of samples × channels × 1 to 3 axes with a kernel of features × channels of a group × as many axes; `strides`, `dilations`, zeros before (`low`) and after (`high`), and `groups` of channels that see only each other",
        example: "%y = tgraph.convolution %x, %w {low = [1], high = [1]} : tensor<?x4x8xf64>",
        constraints: &[
            Constraint {
                id: "convolution-1",
                law: "two float operands of one dtype with 3 to 5 axes, as many each, whose extents are static but for the samples; `stable` is \"pairwise\" (the default), \"kahan\" or \"double_double\"",
                mend: "reshape the operands to samples × channels × axes and features × channels × axes",
            },
            Constraint {
                id: "convolution-2",
                law: "`groups` (1 if left out) divides channels and features, and the kernel has the channels of a group",
                mend: "correct `groups` or the kernel's shape",
            },
            Constraint {
                id: "convolution-3",
                law: "strides and dilations of 1 or more and paddings, one for each axis behind the channels; the kernel is not empty and fits",
                mend: "give each list as many numbers as there are axes, and pad with `low` and `high`",
            },
        ],
        parse: |name, attributes, _, _| {
            only(
                name,
                "convolution-1",
                attributes,
                &["strides", "dilations", "low", "high", "groups", "stable"],
            )?;
            let groups = match attributes.int("groups").unwrap_or(1) {
                groups @ 1.. => groups as usize,
                got => return bad("convolution-2", format!("groups must be 1 or more, got {got}")),
            };
            let list = |name: &str| match attributes.get(name) {
                Some(_) => naturals(attributes, name, "convolution-3").map(Some),
                None => Ok(None),
            };
            let [strides, dilations] = [list("strides")?, list("dilations")?];
            let (low, high) = (list("low")?, list("high")?);
            let stable = Stable::parse(attributes, "convolution-1")?;
            Ok(Arc::new(Convolution { strides, dilations, low, high, groups, stable }))
        },
    },
];

// ------------------------------------------------------------------------------ unfold, fold

/// Windows laid out: the last axes become the places in a window, then the windows.
#[derive(Clone, Debug)]
pub struct Unfold {
    /// The windows, one number in each list for each of the last axes.
    pub windows: Windows,
}

impl Unfold {
    /// The type of the windows over `x`.
    fn windows_of(&self, ids: [&'static str; 2], x: &Type) -> Result<Type, Violation> {
        let n = self.windows.sizes.len();
        self.windows.check(ids[0], n)?;
        let Some(leading) = x.ndim().checked_sub(n) else {
            return bad(ids[0], format!("{x} must have {n} axes or more"));
        };
        let counts = self.windows.counts(ids[1], &x.shape[leading..])?;
        let sizes = self.windows.sizes.iter().map(|&size| Extent::Static(size));
        Ok(Type::new(x.dtype, x.shape[..leading].iter().copied().chain(sizes).chain(counts)))
    }
}

impl Rule for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn attributes(&self) -> Attributes {
        self.windows.written(Attributes::new().with("sizes", ints(&self.windows.sizes)))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        match x {
            [x] => Ok(vec![self.windows_of(["unfold-1", "unfold-2"], x)?]),
            _ => bad("unfold-1", format!("unfold must have 1 operand, got {}", x.len())),
        }
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let shape = self.infer(&[&x[0].ty()]).expect("verified")[0].static_shape().expect("static");
        let inner = &x[0].shape()[x[0].ndim() - self.windows.sizes.len()..];
        let (sources, n) = (self.windows.sources(inner), inner.iter().product::<usize>());
        let problems = x[0].shape()[..x[0].ndim() - self.windows.sizes.len()].iter().product::<usize>();
        let data = each_dtype!(x[0].data(), v => {
            let part = |problem: usize| {
                sources.iter().map(move |at| at.map_or_else(Default::default, |at| v[problem * n + at]))
            };
            Element::wrap((0..problems).flat_map(part).collect())
        });
        vec![Tensor::from_data(shape, data)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn rows(&self, x: &[&Type], _: &Type) -> Option<Rows> {
        (x[0].ndim() > self.windows.sizes.len()).then(|| Rows::pointwise(1))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(self.clone()))
    }

    fn for_one_row(&self, x: &[&Type], _: &Type) -> Option<Op> {
        (x[0].ndim() > self.windows.sizes.len()).then(|| Arc::new(self.clone()) as Op)
    }
}

impl Linear for Unfold {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        b.apply(Arc::new(Fold { windows: self.windows.clone() }), &[dy, x[0]])
    }
}

/// Windows added back: the transpose of [`Unfold`].
#[derive(Clone, Debug)]
pub struct Fold {
    /// The windows, one number in each list for each of the result's last axes.
    pub windows: Windows,
}

impl Fold {
    /// For each element, the law-3 sum of its copies in the windows, in the order of their places; of axes of these extents.
    fn sums<T: Element>(&self, extents: &[usize], x: &[T], add: impl Fn(T, T) -> T) -> Vec<T> {
        let Some((&last, leading)) = extents.split_last() else { return x.to_vec() };
        let (sizes, counts) = (&self.windows.sizes, self.windows.counts_of(extents));
        let copies: Vec<Vec<Vec<Copy>>> =
            extents.iter().enumerate().map(|(i, &n)| self.windows.copies(i, n, counts[i])).collect();
        let runs = runs(&copies[leading.len()]);
        let windows: usize = counts.iter().product();
        let all = windows * sizes.iter().product::<usize>();
        let lines: usize = leading.iter().product();
        let mut y = vec![T::default(); x.len() / all * lines * last];
        let mut buffer = Vec::new();
        for line in 0..lines {
            let mut before = vec![Copy { place: 0, window: 0 }];
            let mut below = lines;
            for (i, &n) in leading.iter().enumerate() {
                below /= n;
                let own = &copies[i][line / below % n];
                before =
                    before.iter().flat_map(|b| own.iter().map(|c| b.then(c, sizes[i], counts[i]))).collect();
            }
            for run in &runs {
                let own = &copies[leading.len()][run.start];
                let copies = before
                    .iter()
                    .flat_map(|b| own.iter().map(|c| b.then(c, sizes[leading.len()], counts[leading.len()])));
                let starts: Vec<usize> = copies.map(|c| c.place * windows + c.window).collect();
                for (x, y) in x.chunks_exact(all).zip(y.chunks_exact_mut(lines * last)) {
                    let y = &mut y[line * last..][run.clone()];
                    sum_rows(x, &starts, y, &mut buffer, &add);
                }
            }
        }
        y
    }
}

/// A copy of an element: which place of which window holds it, row-major.
#[derive(Clone, Debug, PartialEq)]
struct Copy {
    place: usize,
    window: usize,
}

impl Copy {
    /// The copy by a further axis, of so many places and windows.
    fn then(&self, next: &Copy, places: usize, windows: usize) -> Copy {
        Copy { place: self.place * places + next.place, window: self.window * windows + next.window }
    }
}

impl Windows {
    /// The number of windows along each axis of these extents, into which they fit.
    fn counts_of(&self, extents: &[usize]) -> Vec<usize> {
        extents.iter().enumerate().map(|(i, &n)| self.count(i, n).expect("windows fit")).collect()
    }

    /// For each element along axis `i` of extent `n`, its copies in the order of their places.
    fn copies(&self, i: usize, n: usize, count: usize) -> Vec<Vec<Copy>> {
        let copy = |at: usize, place: usize| {
            let from = (at + self.low[i]).checked_sub(place * self.dilations[i])?;
            let window = from / self.strides[i];
            (from % self.strides[i] == 0 && window < count).then_some(Copy { place, window })
        };
        (0..n).map(|at| (0..self.sizes[i]).filter_map(|place| copy(at, place)).collect()).collect()
    }
}

/// Elements along an axis, one behind the other, that the same places hold in windows one behind the other.
fn runs(copies: &[Vec<Copy>]) -> Vec<Range<usize>> {
    let follows = |x: &Vec<Copy>, y: &Vec<Copy>| {
        x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.place == y.place && x.window + 1 == y.window)
    };
    let mut start = 0;
    let run = |run: &[Vec<Copy>]| {
        start += run.len();
        start - run.len()..start
    };
    copies.chunk_by(follows).map(run).collect()
}

/// `y[i]` becomes the law-3 sum of `x[start + i]` over the `starts`. They are folded side by side, some hundred at a time, if they are not
/// more than the lanes of a block.
fn sum_rows<T: Element>(
    x: &[T],
    starts: &[usize],
    y: &mut [T],
    buffer: &mut Vec<T>,
    add: &impl Fn(T, T) -> T,
) {
    const TOGETHER: usize = 256;
    let lanes = tree::lanes(T::DTYPE);
    if starts.is_empty() {
        return;
    }
    if starts.len() > lanes {
        for (i, y) in y.iter_mut().enumerate() {
            buffer.clear();
            buffer.extend(starts.iter().map(|start| x[start + i]));
            *y = tree::reduce_reference(buffer, lanes, add).expect("a line is not empty");
        }
        return;
    }
    for (part, y) in y.chunks_mut(TOGETHER).enumerate() {
        buffer.clear();
        starts.iter().for_each(|start| buffer.extend_from_slice(&x[start + part * TOGETHER..][..y.len()]));
        let (mut half, mut n) = (lanes / 2, starts.len());
        while half > 0 {
            let (left, right) = buffer.split_at_mut(half.min(n) * y.len());
            left.iter_mut()
                .zip(&right[..n.saturating_sub(half) * y.len()])
                .for_each(|(x, y)| *x = add(*x, *y));
            (half, n) = (half / 2, n.min(half));
        }
        y.copy_from_slice(&buffer[..y.len()]);
    }
}

impl Rule for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn attributes(&self) -> Attributes {
        self.windows.written(Attributes::new().with("sizes", ints(&self.windows.sizes)))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[windows, like] = x else {
            return bad("fold-1", format!("fold must have 2 operands, got {}", x.len()));
        };
        if windows.dtype != like.dtype || like.dtype == DType::Bool {
            return bad("fold-1", format!("operands must be numbers of one dtype, got {windows} and {like}"));
        }
        let unfold = Unfold { windows: self.windows.clone() };
        let want = unfold.windows_of(["fold-1", "fold-2"], like)?;
        if !want.agrees(windows) {
            return bad("fold-2", format!("windows over {like} must be {want}, got {windows}"));
        }
        let leading = like.ndim() - self.windows.sizes.len();
        let known = windows.shape[..leading].iter().chain(&like.shape[leading..]);
        Ok(vec![Type::new(like.dtype, like.shape.iter().zip(known).map(|(a, b)| a.merge(*b)))])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let shape = x[1].shape();
        let inner = &shape[shape.len() - self.windows.sizes.len()..];
        let data = match x[0].data() {
            Data::F64(v) => Element::wrap(self.sums(inner, v, |a, b| a + b)),
            Data::F32(v) => Element::wrap(self.sums(inner, v, |a, b| a + b)),
            Data::I64(v) => Element::wrap(self.sums(inner, v, i64::wrapping_add)),
            Data::I32(v) => Element::wrap(self.sums(inner, v, i32::wrapping_add)),
            Data::U64(v) => Element::wrap(self.sums(inner, v, u64::wrapping_add)),
            Data::U32(v) => Element::wrap(self.sums(inner, v, u32::wrapping_add)),
            Data::Bool(_) => unreachable!("refused by fold-1"),
        };
        vec![Tensor::from_data(shape, data)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(self.clone()))
    }
}

impl Linear for Fold {
    fn is_linear_in(&self, i: usize) -> bool {
        i == 0
    }

    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, dy: Value) -> Value {
        b.apply(Arc::new(Unfold { windows: self.windows.clone() }), &[dy])
    }
}

// -------------------------------------------------------------------------------- convolution

/// A convolution of samples × channels × axes with a kernel of features × channels of a group × axes.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// Step of the kernel along each axis; `None` is 1.
    pub strides: Option<Vec<usize>>,
    /// Step from place to place in the kernel; `None` is 1.
    pub dilations: Option<Vec<usize>>,
    /// Zeros before the first element of each axis; `None` is none.
    pub low: Option<Vec<usize>>,
    /// Zeros after the last element of each axis; `None` is none.
    pub high: Option<Vec<usize>>,
    /// Groups of channels and features that see only each other.
    pub groups: usize,
    /// How each sum keeps its error small; `None` is [`Stable::Pairwise`].
    pub stable: Option<Stable>,
}

impl Default for Convolution {
    /// Every step 1, no padding, one group.
    fn default() -> Convolution {
        Convolution { strides: None, dilations: None, low: None, high: None, groups: 1, stable: None }
    }
}

impl Convolution {
    fn lists(&self) -> [(&'static str, &Option<Vec<usize>>); 4] {
        let [strides, dilations, low, high] = NAMES;
        [(strides, &self.strides), (dilations, &self.dilations), (low, &self.low), (high, &self.high)]
    }

    /// The windows that a kernel of these extents sees.
    fn windows(&self, sizes: &[usize]) -> Windows {
        let default = Windows::of(sizes);
        let or = |list: &Option<Vec<usize>>, default| list.clone().unwrap_or(default);
        Windows {
            strides: or(&self.strides, default.strides),
            dilations: or(&self.dilations, default.dilations),
            low: or(&self.low, default.low),
            high: or(&self.high, default.high),
            sizes: default.sizes,
        }
    }
}

impl Rule for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn attributes(&self) -> Attributes {
        let stated = self.lists().into_iter().filter_map(|(name, list)| Some((name, list.as_ref()?)));
        let attributes = stated.fold(Attributes::new(), |all, (name, list)| all.with(name, ints(list)));
        let attributes = match self.groups {
            1 => attributes,
            groups => attributes.with("groups", Attribute::Int(groups as i64)),
        };
        with_stable(attributes, self.stable)
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[x, w] = x else {
            return bad("convolution-1", format!("convolution must have 2 operands, got {}", x.len()));
        };
        let is_static = |extents: &[Extent]| extents.iter().all(|extent| extent.known().is_some());
        let agree = x.ndim() == w.ndim() && x.dtype == w.dtype && x.dtype.is_float();
        if !agree || !(3..=5).contains(&x.ndim()) || !is_static(&x.shape[1..]) || !is_static(&w.shape) {
            let got = format!(
                "operands must be floats with 3 to 5 axes, static but for the samples, got {x} and {w}"
            );
            return bad("convolution-1", got);
        }
        let known = |extent: Extent| extent.known().expect("by convolution-1");
        let (channels, features) = (known(x.shape[1]), known(w.shape[0]));
        let divides = self.groups > 0 && channels % self.groups == 0 && features % self.groups == 0;
        if !divides || channels / self.groups != known(w.shape[1]) {
            let got = format!(
                "groups must divide the channels of {x} and the features of {w}, got {}",
                self.groups
            );
            return bad("convolution-2", got);
        }
        let sizes: Vec<usize> = w.shape[2..].iter().map(|&extent| known(extent)).collect();
        let windows = self.windows(&sizes);
        windows.check("convolution-3", sizes.len())?;
        let counts = windows.counts("convolution-3", &x.shape[2..])?;
        // The windows, which the product over them reads.
        let terms = [x.shape[0], Extent::Static(self.groups), w.shape[1]];
        let windows = terms.into_iter().chain(w.shape[2..].iter().copied()).chain(counts.iter().copied());
        Type::new(x.dtype, windows).check_extents()?;
        let leading = [x.shape[0], Extent::Static(features)];
        Ok(vec![Type::new(x.dtype, leading.into_iter().chain(counts))])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let known = |b: &Builder, v: Value| -> Vec<i64> {
            b.ty(v).shape.iter().map(|extent| extent.known().map_or(-1, |n| n as i64)).collect()
        };
        let kernel = known(b, x[1]);
        let sizes: Vec<usize> = kernel[2..].iter().map(|&n| n as usize).collect();
        let places: i64 = kernel[2..].iter().product();
        let unfolded = b.apply(Arc::new(Unfold { windows: self.windows(&sizes) }), &x[..1]);
        let counts = known(b, unfolded)[2 + sizes.len()..].to_vec();
        let (samples, positions) = (known(b, x[0])[0], counts.iter().product::<i64>());
        let (groups, features) = (self.groups as i64, kernel[0] / self.groups as i64);
        let terms = kernel[1] * places;
        // Groups × (samples · positions) × terms, by groups × features × terms.
        let split = b.reshape(unfolded, &[samples, groups, terms, positions]);
        let lines = b.apply(Arc::new(Transpose { permutation: vec![1, 0, 3, 2] }), &[split]);
        let rows = if samples < 0 { -1 } else { samples * positions };
        let lines = b.reshape(lines, &[groups, rows, terms]);
        let weights = b.reshape(x[1], &[groups, features, terms]);
        let product = Matmul { transpose_b: true, stable: self.stable, ..Matmul::default() };
        let y = b.apply(Arc::new(product), &[lines, weights]);
        let y = b.reshape(y, &[groups, samples, positions, features]);
        let y = b.apply(Arc::new(Transpose { permutation: vec![1, 0, 3, 2] }), &[y]);
        Some(vec![b.reshape(y, &[[samples, kernel[0]].as_slice(), &counts].concat())])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.expansion(b, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of 3 × 3 and of 9 × 9, more places than lanes, side by side and apart, dilated and padded.
    #[test]
    fn each_element_gets_the_sum_of_its_copies_by_the_law() {
        let windows = |sizes: &[usize], steps: [usize; 4]| {
            let list = |n: usize| vec![n; sizes.len()];
            let [strides, dilations, low, high] = steps.map(list);
            Windows { sizes: sizes.to_vec(), strides, dilations, low, high }
        };
        for (windows, extents) in [
            (windows(&[3, 3], [1, 1, 1, 1]), vec![5, 700]),
            (windows(&[3, 2], [2, 1, 0, 1]), vec![6, 9]),
            (windows(&[2, 3], [1, 2, 2, 0]), vec![4, 8]),
            (windows(&[9, 9], [1, 1, 4, 4]), vec![12, 11]),
            (windows(&[2, 1, 3], [1, 1, 0, 0]), vec![3, 2, 6]),
        ] {
            let (sources, n) = (windows.sources(&extents), extents.iter().product::<usize>());
            let x: Vec<f64> =
                (0..2 * sources.len()).map(|i| 1.0 / (1.0 + i as f64) - 0.3 * (i % 7) as f64).collect();
            let got = Fold { windows }.sums(&extents, &x, |a, b| a + b);
            for (i, got) in got.iter().enumerate() {
                let x = &x[i / n * sources.len()..][..sources.len()];
                let copies: Vec<f64> =
                    (0..sources.len()).filter(|&k| sources[k] == Some(i % n)).map(|k| x[k]).collect();
                assert_eq!(got.to_bits(), tree::sum_reference(&copies).to_bits(), "{extents:?}, element {i}");
            }
        }
    }
}
