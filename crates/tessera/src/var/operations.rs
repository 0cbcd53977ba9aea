//! Operations on integers, by index, along an order, over named axes, and at random.

use super::{Operand, Trace, Var};
use std::panic::Location as Caller;
use std::sync::Arc;
use tessera_core::ops::{self, Convolution, Distribution, Rule};
use tessera_core::{DType, Extent, Type};

impl Trace {
    /// Random numbers of a static shape: functions of the seed, an integer scalar, of `stream`, which names the draw,
    /// and of their position. Two draws from one seed must name two streams.
    ///
    /// ```
    /// use tessera::{DType, F64, Tensor, Trace, ops::Distribution};
    /// let trace = Trace::new("noise");
    /// let seed = trace.input("seed", DType::U64, [0_usize; 0]);
    /// let noise = trace.random(Distribution::Normal, seed, 1, F64, [4]);
    /// let f = trace.compile([noise])?;
    /// let (a, b) = (f.call(&[&Tensor::scalar(7_u64)])?, f.call(&[&Tensor::scalar(7_u64)])?);
    /// assert!(a[0].same_bits(&b[0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn random<'t, E: Into<Extent>>(
        &'t self,
        distribution: Distribution,
        seed: Var<'t>,
        stream: u64,
        dtype: DType,
        shape: impl IntoIterator<Item = E>,
    ) -> Var<'t> {
        let random = ops::Random::new(distribution, stream, Type::new(dtype, shape));
        self.push(Arc::new(random), &[seed], Caller::caller())
    }
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident = $function:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(self, y: impl Operand<'t>) -> Var<'t> {
            self.binary(ops::Function::$function, y, Caller::caller())
        }
    )*};
}

impl<'t> Var<'t> {
    unary! {
        /// The largest whole number that is not above x; its derivative is 0.
        floor = Floor;
        /// The smallest whole number that is not below x; its derivative is 0.
        ceil = Ceil;
        /// The nearest whole number, the even one of two; its derivative is 0.
        round = Round;
        /// x without its fraction; its derivative is 0.
        trunc = Trunc;
        /// eˣ − 1, accurate near 0.
        expm1 = Expm1;
        /// log(1 + x), accurate near 0.
        log1p = Log1p;
        /// The error function.
        erf = Erf;
        /// −1, 0 or 1; its derivative is 0.
        sign = Sign;
    }

    binary! {
        /// The angle of the point whose ordinate is `self`, and whose abscissa is `x`.
        atan2 = Atan2;
        /// And: of truth values, or of every bit of integers.
        and = And;
        /// Or: of truth values, or of every bit of integers.
        or = Or;
        /// Exclusive or: of truth values, or of every bit of integers.
        xor = Xor;
        /// An integer shifted left.
        shift_left = ShiftLeft;
        /// An integer shifted right, filled with its sign bit.
        shift_right = ShiftRight;
    }

    #[track_caller]
    fn one(self, op: impl Rule) -> Var<'t> {
        self.trace.push(Arc::new(op), &[self], Caller::caller())
    }

    /// Whether each element is NaN.
    #[track_caller]
    pub fn is_nan(self) -> Var<'t> {
        self.one(ops::Predicate::IsNan)
    }

    /// Whether each element is neither NaN nor infinite.
    #[track_caller]
    pub fn is_finite(self) -> Var<'t> {
        self.one(ops::Predicate::IsFinite)
    }

    /// The parts at `index` along `axis`, where the axes of the index then stand; +0 for an index outside.
    #[track_caller]
    pub fn gather(self, index: Var<'t>, axis: usize) -> Var<'t> {
        self.trace.push(Arc::new(ops::Gather::new(axis, 0)), &[self, index], Caller::caller())
    }

    /// Zeros of `extent` along `axis`, to which the parts of this are added at `index`; none for an index outside.
    #[track_caller]
    pub fn scatter_add(self, index: Var<'t>, axis: usize, extent: usize) -> Var<'t> {
        let scatter = ops::ScatterAdd::new(axis, 0, Some(extent));
        self.trace.push(Arc::new(scatter), &[self, index], Caller::caller())
    }

    /// 1 at each of these indices and 0 elsewhere, along a new last axis.
    #[track_caller]
    pub fn one_hot(self, extent: usize, to: DType) -> Var<'t> {
        self.one(ops::OneHot { extent, to })
    }

    /// `size` elements along `axis` from `start`, an integer scalar, which is clamped so that they lie inside.
    #[track_caller]
    pub fn dynamic_slice(self, start: Var<'t>, axis: usize, size: usize) -> Var<'t> {
        let slice = ops::DynamicSlice { axis, size };
        self.trace.push(Arc::new(slice), &[self, start], Caller::caller())
    }

    /// This with `update` in place of as many elements along `axis` from `start`, clamped so that they lie inside.
    #[track_caller]
    pub fn dynamic_update_slice(self, update: Var<'t>, start: Var<'t>, axis: usize) -> Var<'t> {
        let put = ops::DynamicUpdateSlice { axis };
        self.trace.push(Arc::new(put), &[self, update, start], Caller::caller())
    }

    /// The elements along each of `axes`, ascending, from the last to the first.
    #[track_caller]
    pub fn reverse(self, axes: &[usize]) -> Var<'t> {
        self.one(ops::Reverse { axes: axes.to_vec() })
    }

    /// The elements along `axis` in ascending order, NaN last.
    #[track_caller]
    pub fn sort(self, axis: usize) -> Var<'t> {
        self.one(ops::Sort { axis })
    }

    /// The indices along `axis` in the order of [`Var::sort`].
    #[track_caller]
    pub fn argsort(self, axis: usize) -> Var<'t> {
        self.one(ops::Argsort { axis })
    }

    /// The index along `axis` of the first element that is the largest.
    #[track_caller]
    pub fn argmax(self, axis: usize) -> Var<'t> {
        self.one(ops::ArgExtreme::max(axis))
    }

    /// The index along `axis` of the first element that is the smallest.
    #[track_caller]
    pub fn argmin(self, axis: usize) -> Var<'t> {
        self.one(ops::ArgExtreme::min(axis))
    }

    /// The sum of the elements up to each one along `axis`.
    #[track_caller]
    pub fn cumsum(self, axis: usize) -> Var<'t> {
        self.one(ops::Cumsum { axis, reverse: false })
    }

    /// √Σx² over `axes`, ascending (`None` is all); its derivative where it is 0 is 0.
    #[track_caller]
    pub fn norm(self, axes: Option<Vec<usize>>) -> Var<'t> {
        self.one(ops::Norm { axes, scaled: false })
    }

    /// The sum of products with `y` over named axes, such as `"bij,bjk->bik"`.
    #[track_caller]
    pub fn contract(self, einsum: &str, y: Var<'t>) -> Var<'t> {
        let place = Caller::caller();
        match ops::Contract::new(einsum) {
            Ok(contract) => self.trace.push(Arc::new(contract), &[self, y], place),
            Err(violation) => self.trace.mistake(violation.id, violation.message, place),
        }
    }

    /// The convolution of samples × channels × 1 to 3 axes with a kernel of features × channels × as many axes.
    #[track_caller]
    pub fn convolution(self, kernel: Var<'t>, how: Convolution) -> Var<'t> {
        self.trace.push(Arc::new(how), &[self, kernel], Caller::caller())
    }
}

/// Not: of truth values, or of every bit of integers.
impl<'t> std::ops::Not for Var<'t> {
    type Output = Var<'t>;
    #[track_caller]
    fn not(self) -> Var<'t> {
        self.one(ops::Elementwise(ops::Function::Not))
    }
}
