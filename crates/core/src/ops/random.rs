//! Random numbers by law 9: a number is a function of the seed, of the stream (an attribute, which names the draw) and
//! of the logical index of its element. So a draw has the same values wherever and however often it is computed: in a
//! derivative, in a recomputation, in any tile and on any thread. Two draws from one seed must name two streams.
//!
//! `random.bits` takes the indices as an operand, and acts on each alone; the distributions pass the row-major position
//! of each element. A seed is an integer, so nothing here has a derivative.

use super::reduce::positions;
use super::registry::only;
use super::shape::bad;
use super::*;
use crate::ir::{Attribute, DType};
use crate::numerics::dispatch::Level;
use crate::numerics::random;
use crate::tensor::Data;

const LAWS: &[Constraint] = &[
    Constraint {
        id: "random-1",
        law: "`stream` is 0 or more, below 2^63, and `half` (of `random.bits` only) 0, the default, or 1",
        mend: "write `{stream = 1}`, another number for each draw",
    },
    Constraint {
        id: "random-2",
        law: "the seed is an integer scalar, and the indices of `random.bits` are integers; a seed with axes, as a batch has, leads those of the indices",
        mend: "pass the seed as an argument of type u64",
    },
    Constraint {
        id: "random-3",
        law: "the seed alone and a static written type, or a second operand that gives the shape; the type is of floats, but for `random.permutation` a static line of i64",
        mend: "write `tgraph.random.uniform %seed {stream = 1} : tensor<4xf64>`",
    },
];

/// The 64 random bits at each index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomBits {
    /// The draw's name.
    pub stream: u64,
    /// Which half of the generator's 128 bits.
    pub half: Half,
}

/// A half of 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Words 0 and 1.
    Low,
    /// Words 2 and 3.
    High,
}

/// How a [`Random`] tensor's elements are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Evenly over [0, 1): whole multiples of 2⁻⁵³, or 2⁻²⁴ for f32.
    Uniform,
    /// Mean 0, variance 1.
    Normal,
    /// Mean 1, from 0 on.
    Exponential,
}

impl Distribution {
    /// Every distribution.
    pub const ALL: [Distribution; 3] =
        [Distribution::Uniform, Distribution::Normal, Distribution::Exponential];

    /// The IR word.
    pub fn name(self) -> &'static str {
        match self {
            Distribution::Uniform => "random.uniform",
            Distribution::Normal => "random.normal",
            Distribution::Exponential => "random.exponential",
        }
    }
}

fn stream(attributes: &Attributes) -> Result<u64, Violation> {
    let stream = attributes.int("stream").and_then(|stream| u64::try_from(stream).ok());
    stream.ok_or_else(|| Violation::new("random-1", "a draw must have the attribute `stream`, 0 or more"))
}

fn distribution(name: &'static str, attributes: &Attributes, types: &[Type]) -> Result<Op, Violation> {
    only(name, "random-1", attributes, &["stream"])?;
    let stream = stream(attributes)?;
    let distribution = Distribution::ALL.into_iter().find(|d| d.name() == name).expect("an entry's name");
    match types {
        [ty] if ty.dtype.is_float() => Ok(Arc::new(Random { distribution, stream, ty: ty.clone() })),
        _ => bad("random-3", format!("{name} must have a written type of floats")),
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "random.bits",
        summary: "64 random bits for each index: a function of the seed, of `stream` and of the index alone; `half` 1 gives the other half of the generator's 128 bits",
        example: "%b = tgraph.random.bits %seed, %i {stream = 1} : tensor<?xu64>",
        constraints: LAWS,
        parse: |name, attributes, _, _| {
            only(name, "random-1", attributes, &["stream", "half"])?;
            let half = match attributes.int("half") {
                None | Some(0) => Half::Low,
                Some(1) => Half::High,
                Some(half) => return bad("random-1", format!("half must be 0 or 1, got {half}")),
            };
            Ok(Arc::new(RandomBits { stream: stream(attributes)?, half }))
        },
    },
    Entry {
        name: "random.uniform",
        summary: "numbers from [0, 1), each a function of the seed, of `stream` and of its row-major position",
        example: "%u = tgraph.random.uniform %seed {stream = 1} : tensor<4x2xf64>",
        constraints: LAWS,
        parse: |name, attributes, types, _| distribution(name, attributes, types),
    },
    Entry {
        name: "random.normal",
        summary: "numbers of mean 0 and variance 1, √(−2 log(1 − u)) cos(2π v) of two uniform ones in f64 (Box and Muller)",
        example: "%z = tgraph.random.normal %seed, %x {stream = 2} : tensor<?x3xf32>",
        constraints: LAWS,
        parse: |name, attributes, types, _| distribution(name, attributes, types),
    },
    Entry {
        name: "random.exponential",
        summary: "numbers from 0 on of mean 1, −log(1 − u) of a uniform one in f64",
        example: "%e = tgraph.random.exponential %seed {stream = 3} : tensor<8xf64>",
        constraints: LAWS,
        parse: |name, attributes, types, _| distribution(name, attributes, types),
    },
    Entry {
        name: "random.permutation",
        summary: "the numbers from 0 below the extent in random order: where each index goes",
        example: "%p = tgraph.random.permutation %seed {stream = 4} : tensor<8xi64>",
        constraints: LAWS,
        parse: |name, attributes, types, _| {
            only(name, "random-1", attributes, &["stream"])?;
            let stream = stream(attributes)?;
            let extent = match types {
                [ty] if ty.dtype == DType::I64 => ty.shape.last().and_then(|extent| extent.known()),
                _ => None,
            };
            match extent {
                Some(extent) => Ok(Arc::new(Permutation { stream, extent })),
                None => bad("random-3", format!("{name} must have a written type such as tensor<8xi64>")),
            }
        },
    },
];

/// The elements of a tensor of integers as they stand in 64 bits, signs extended.
fn words(tensor: &Tensor) -> Vec<u64> {
    match tensor.data() {
        Data::I64(v) => v.iter().map(|&x| x as u64).collect(),
        Data::I32(v) => v.iter().map(|&x| x as u64).collect(),
        Data::U64(v) => v.clone(),
        Data::U32(v) => v.iter().map(|&x| u64::from(x)).collect(),
        _ => unreachable!("integers, by random-2"),
    }
}

fn check_draw(stream: u64, seed: &Type, ndim: usize) -> Result<(), Violation> {
    if i64::try_from(stream).is_err() {
        return bad("random-1", format!("stream must be below 2^63, got {stream}"));
    }
    match seed.ndim() <= ndim && seed.dtype.is_integer() {
        true => Ok(()),
        false => bad("random-2", format!("the seed must be an integer scalar, got {seed}")),
    }
}

impl Rule for RandomBits {
    fn name(&self) -> &'static str {
        "random.bits"
    }

    fn attributes(&self) -> Attributes {
        let attributes = Attributes::new().with("stream", Attribute::Int(self.stream as i64));
        match self.half {
            Half::Low => attributes,
            Half::High => attributes.with("half", Attribute::Int(1)),
        }
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[seed, index] = x else {
            return bad(
                "random-2",
                format!("random.bits must have a seed and indices, got {} operands", x.len()),
            );
        };
        check_draw(self.stream, seed, index.ndim())?;
        let leads = seed.shape.iter().zip(&index.shape).all(|(a, b)| a.agrees(*b));
        if !index.dtype.is_integer() || !leads {
            return bad(
                "random-2",
                format!("indices must be integers with the axes of the seed first, got {index}"),
            );
        }
        Ok(vec![index.with_dtype(DType::U64)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let (seeds, index) = (words(x[0]), words(x[1]));
        let n = index.len() / seeds.len().max(1);
        let (level, high) = (Level::current(), self.half == Half::High);
        let lines = index.chunks(n.max(1)).zip(&seeds);
        let bits = lines.flat_map(|(index, &seed)| random::bits_at(level, seed, self.stream, high, index));
        let bits = bits.collect();
        vec![Tensor::new(x[1].shape(), bits)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn rows(&self, x: &[&Type], y: &Type) -> Option<Rows> {
        let seed = if x[0].ndim() > 0 { RowUse::Pointwise } else { RowUse::Whole };
        (y.ndim() > 0).then(|| Rows { operands: vec![seed, RowUse::Pointwise], reduced: false })
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let index = x.with_axis(b, 1)?;
        // A seed that has axes leads those of the indices; a scalar is all positions' seed.
        let is_shared = !x.over[0] && b.ty(x.x[0]).ndim() == 0;
        let seed = if is_shared { x.x[0] } else { x.with_axis(b, 0)? };
        b.push(Arc::new(*self), &[seed, index])
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(*self))
    }
}

/// A tensor of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    distribution: Distribution,
    stream: u64,
    ty: Type,
}

impl Random {
    /// Of type `ty`, which is static, or takes its shape from a second operand.
    pub fn new(distribution: Distribution, stream: u64, ty: Type) -> Random {
        Random { distribution, stream, ty }
    }

    /// u in [0, 1) from random bits: those on top.
    fn uniform(&self, b: &mut Builder, seed: Value, index: Value, half: Half, to: DType) -> Value {
        let bits = b.apply(Arc::new(RandomBits { stream: self.stream, half }), &[seed, index]);
        let kept = if to == DType::F32 { 24 } else { 53 };
        let surplus = b.full_like(bits, f64::from(64 - kept));
        let top = b.shift_right(bits, surplus);
        let top = b.convert(top, to);
        let unit = b.full_like(top, 2f64.powi(-kept));
        b.mul(top, unit)
    }

    /// −log(1 − u).
    fn waiting_time(b: &mut Builder, u: Value) -> Value {
        let one = b.ones_like(u);
        let rest = b.sub(one, u);
        let log = b.log(rest);
        b.neg(log)
    }
}

impl Rule for Random {
    fn name(&self) -> &'static str {
        self.distribution.name()
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("stream", Attribute::Int(self.stream as i64))
    }

    fn declared(&self) -> Option<Type> {
        Some(self.ty.clone())
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let shape = match x {
            [_] if self.ty.static_shape().is_some() => self.ty.shape.clone(),
            [_, like] => like.shape.clone(),
            _ => {
                let got = format!(
                    "{} of {} must be static, or have a second operand for the shape",
                    self.name(),
                    self.ty
                );
                return bad("random-3", got);
            }
        };
        check_draw(self.stream, x[0], 0)?;
        Ok(vec![Type { dtype: self.ty.dtype, shape }])
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        let shape = match x.get(1) {
            Some(&like) => b.ty(like).static_shape(),
            None => self.ty.static_shape(),
        };
        let index = match (shape, x.get(1)) {
            (Some(shape), _) => {
                let line = Type::new(DType::I64, [shape.iter().product::<usize>()]);
                let line = b.apply(Arc::new(Iota::new(line, 0)), &[]);
                b.reshape(line, &shape.iter().map(|&n| n as i64).collect::<Vec<_>>())
            }
            (None, like) => {
                let axes: Vec<usize> = (0..b.ty(*like?).ndim()).collect();
                positions(b, *like?, &axes)
            }
        };
        let to = self.ty.dtype;
        if self.distribution == Distribution::Uniform {
            return Some(vec![self.uniform(b, x[0], index, Half::Low, to)]);
        }
        let u = self.uniform(b, x[0], index, Half::Low, DType::F64);
        let time = Random::waiting_time(b, u);
        if self.distribution == Distribution::Exponential {
            return Some(vec![b.convert(time, to)]);
        }
        let v = self.uniform(b, x[0], index, Half::High, DType::F64);
        let (two, turn) = (b.full_like(v, 2.0), b.full_like(v, std::f64::consts::TAU));
        let (square, angle) = (b.mul(two, time), b.mul(turn, v));
        let (radius, cos) = (b.sqrt(square), b.cos(angle));
        let z = b.mul(radius, cos);
        Some(vec![b.convert(z, to)])
    }

    /// Positions with one seed draw the same numbers, as the draw alone does.
    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.expansion(b, self)
    }
}

/// A random permutation, for each seed one.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    /// The draw's name.
    pub stream: u64,
    /// How many numbers are permuted, at most 2⁴⁸.
    pub extent: usize,
}

impl Rule for Permutation {
    fn name(&self) -> &'static str {
        "random.permutation"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("stream", Attribute::Int(self.stream as i64))
    }

    fn declared(&self) -> Option<Type> {
        Some(Type::new(DType::I64, [self.extent]))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let &[seed] = x else {
            return bad("random-3", format!("random.permutation must have 1 operand, got {}", x.len()));
        };
        check_draw(self.stream, seed, usize::MAX)?;
        let extent = crate::ir::Extent::Static(self.extent);
        Ok(vec![Type::new(DType::I64, seed.shape.iter().copied().chain([extent]))])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let n = self.extent as u64;
        let images = |seed| (0..n).map(move |index| random::permute(seed, self.stream, index, n) as i64);
        let shape = [x[0].shape(), &[self.extent]].concat();
        vec![Tensor::new(shape, words(x[0]).into_iter().flat_map(images).collect())]
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        b.push(Arc::new(*self), x.x)
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(distribution: Distribution, dtype: DType, n: usize) -> Tensor {
        let random = Random::new(distribution, 3, Type::new(dtype, [n]));
        random.evaluate(&[&Tensor::scalar(0x1234_5678_9abc_def0_u64)]).remove(0)
    }

    /// The graph's numbers are those of `numerics::random`, which is held against the published answers.
    #[test]
    fn uniform_numbers_are_those_of_the_law() {
        for (i, x) in draw(Distribution::Uniform, DType::F64, 100).values::<f64>().iter().enumerate() {
            assert_eq!(*x, random::uniform_f64(0x1234_5678_9abc_def0, 3, i as u64));
        }
        for (i, x) in draw(Distribution::Uniform, DType::F32, 100).values::<f32>().iter().enumerate() {
            assert_eq!(*x, random::uniform_f32(0x1234_5678_9abc_def0, 3, i as u64));
        }
    }

    /// The published answer of Philox4x32-10 for the digits of π, through the operation.
    #[test]
    fn bits_have_the_published_answer() {
        let seed = Tensor::scalar(0x299f31d0_a4093822_u64);
        let index = Tensor::scalar(0x85a308d3_243f6a88_u64);
        for (half, want) in [(Half::Low, 0x94fdcceb_d16cfe09_u64), (Half::High, 0x24126ea1_5001e420)] {
            let bits = RandomBits { stream: 0x03707344_13198a2e, half }.evaluate(&[&seed, &index]);
            assert_eq!(bits[0].values::<u64>(), [want]);
        }
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        const N: usize = 200_000;
        let moments = |distribution| {
            let x = draw(distribution, DType::F64, N);
            let mean = |power: i32| x.values::<f64>().iter().map(|x| x.powi(power)).sum::<f64>() / N as f64;
            [mean(1), mean(2), mean(3), mean(4)]
        };
        // Six standard deviations of each mean, from the moments of twice the order.
        let near = |got: [f64; 4], want: [f64; 4], variance: [f64; 4]| {
            for i in 0..4 {
                let bound = 6.0 * (variance[i] / N as f64).sqrt();
                assert!((got[i] - want[i]).abs() < bound, "moment {}: {} for {}", i + 1, got[i], want[i]);
            }
        };
        near(moments(Distribution::Normal), [0.0, 1.0, 0.0, 3.0], [1.0, 2.0, 15.0, 96.0]);
        near(moments(Distribution::Exponential), [1.0, 2.0, 6.0, 24.0], [1.0, 20.0, 684.0, 39744.0]);
    }
}
