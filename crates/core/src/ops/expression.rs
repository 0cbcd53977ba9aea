//! Graph expressions: the builder's methods in which rules, networks and losses are written.
//!
//! They panic where operands break a constraint, which is a bug of the caller; the front ends
//! check first or go through [`Builder::push`].

use super::*;
use crate::ir::{DType, Extent};

/// A scalar constant of `dtype`, rounded from `value`.
pub fn scalar_tensor(dtype: DType, value: f64) -> Tensor {
    match dtype {
        DType::F64 => Tensor::scalar(value),
        DType::F32 => Tensor::scalar(value as f32),
        DType::I64 => Tensor::scalar(value as i64),
        DType::I32 => Tensor::scalar(value as i32),
        DType::U64 => Tensor::scalar(value as u64),
        DType::U32 => Tensor::scalar(value as u32),
        DType::Bool => Tensor::scalar(value != 0.0),
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($($x:ident),+) = $function:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $($x: Value),+) -> Value {
            self.elementwise(Function::$function, &[$($x),+])
        }
    )*};
}

impl Builder {
    functions! {
        /// −x.
        neg(x) = Neg;
        /// |x|.
        abs(x) = Abs;
        /// −1, 0 or 1.
        sign(x) = Sign;
        /// The largest whole number that is not above x.
        floor(x) = Floor;
        /// The smallest whole number that is not below x.
        ceil(x) = Ceil;
        /// The nearest whole number, the even one of two.
        round(x) = Round;
        /// x without its fraction.
        trunc(x) = Trunc;
        /// eˣ.
        exp(x) = Exp;
        /// eˣ − 1.
        expm1(x) = Expm1;
        /// Natural logarithm.
        log(x) = Log;
        /// log(1 + x).
        log1p(x) = Log1p;
        /// √x.
        sqrt(x) = Sqrt;
        /// sin x, x in radians.
        sin(x) = Sin;
        /// cos x, x in radians.
        cos(x) = Cos;
        /// tanh x.
        tanh(x) = Tanh;
        /// 1 / (1 + e⁻ˣ).
        sigmoid(x) = Sigmoid;
        /// The error function.
        erf(x) = Erf;
        /// max(x, 0).
        relu(x) = Relu;
        /// 1/x, NaN at ±0.
        reciprocal(x) = Reciprocal;
        /// Not, on bool; every bit, on integers.
        not(x) = Not;
        /// x + y.
        add(x, y) = Add;
        /// x − y.
        sub(x, y) = Sub;
        /// x · y.
        mul(x, y) = Mul;
        /// x / y.
        div(x, y) = Div;
        /// What an integer division leaves.
        rem(x, y) = Rem;
        /// xʸ.
        pow(x, y) = Pow;
        /// The angle of the point (x, y).
        atan2(y, x) = Atan2;
        /// The larger.
        max(x, y) = Max;
        /// The smaller.
        min(x, y) = Min;
        /// x · y, and +0 where x is ±0, whatever y is.
        mul_strong(x, y) = MulStrong;
        /// And, on bool; of integers, bit by bit.
        and(x, y) = And;
        /// Or, on bool; of integers, bit by bit.
        or(x, y) = Or;
        /// Exclusive or, on bool; of integers, bit by bit.
        xor(x, y) = Xor;
        /// An integer shifted left.
        shift_left(x, count) = ShiftLeft;
        /// An integer shifted right, filled with its sign bit.
        shift_right(x, count) = ShiftRight;
    }

    /// An elementwise function.
    pub fn elementwise(&mut self, function: Function, x: &[Value]) -> Value {
        self.apply(Arc::new(Elementwise(function)), x)
    }

    /// A constant.
    pub fn constant(&mut self, value: Tensor) -> Value {
        self.apply(Arc::new(Constant::new(value)), &[])
    }

    /// A scalar constant of `dtype`.
    pub fn number(&mut self, dtype: DType, value: f64) -> Value {
        self.constant(scalar_tensor(dtype, value))
    }

    /// `value` everywhere, with the type of `like`.
    pub fn full_like(&mut self, like: Value, value: f64) -> Value {
        let number = self.number(self.ty(like).dtype, value);
        self.broadcast_like(number, &[], like)
    }

    /// +0 everywhere, of a static type.
    pub fn zeros(&mut self, ty: &Type) -> Value {
        let zero = self.number(ty.dtype, 0.0);
        self.broadcast(zero, &[], &ty.static_shape().expect("a static type"))
    }

    /// +0 everywhere, with the type of `like`.
    pub fn zeros_like(&mut self, like: Value) -> Value {
        self.full_like(like, 0.0)
    }

    /// 1 everywhere, with the type of `like`.
    pub fn ones_like(&mut self, like: Value) -> Value {
        self.full_like(like, 1.0)
    }

    /// Broadcast to the shape of `like`; `dims[i]` is the result axis of axis `i`.
    pub fn broadcast_like(&mut self, x: Value, dims: &[usize], like: Value) -> Value {
        match self.ty(like).static_shape() {
            Some(shape) => self.broadcast(x, dims, &shape),
            None => self.apply(Arc::new(Broadcast { dims: dims.to_vec(), shape: None }), &[x, like]),
        }
    }

    /// Broadcast to `shape`.
    pub fn broadcast(&mut self, x: Value, dims: &[usize], shape: &[usize]) -> Value {
        self.apply(Arc::new(Broadcast { dims: dims.to_vec(), shape: Some(shape.to_vec()) }), &[x])
    }

    /// Undoes a reduction over `axes`: broadcast along them to the shape of `like`.
    pub fn spread(&mut self, x: Value, axes: &[usize], like: Value) -> Value {
        let kept: Vec<usize> = (0..self.ty(like).ndim()).filter(|axis| !axes.contains(axis)).collect();
        self.broadcast_like(x, &kept, like)
    }

    /// The same elements under the shape of `like`.
    pub fn reshape_like(&mut self, x: Value, like: Value) -> Value {
        if self.ty(x).shape == self.ty(like).shape {
            return x;
        }
        self.apply(Arc::new(Reshape::like()), &[x, like])
    }

    /// The same elements under another shape, one extent of which may be −1.
    pub fn reshape(&mut self, x: Value, shape: &[i64]) -> Value {
        self.apply(Arc::new(Reshape::to(shape)), &[x])
    }

    /// Axes in another order: result axis `i` is axis `permutation[i]`.
    pub fn transpose(&mut self, x: Value, permutation: &[usize]) -> Value {
        self.apply(Arc::new(Transpose { permutation: permutation.to_vec() }), &[x])
    }

    /// A reduction over `axes`.
    pub fn reduce(&mut self, reduction: Reduction, x: Value, axes: &[usize]) -> Value {
        self.apply(Arc::new(Reduce { reduction, axes: Some(axes.to_vec()), stable: None }), &[x])
    }

    /// The sum over `axes`; over none, `x` itself.
    pub fn sum(&mut self, x: Value, axes: &[usize]) -> Value {
        if axes.is_empty() { x } else { self.reduce(Reduction::Sum, x, axes) }
    }

    /// The sum over all axes.
    pub fn sum_all(&mut self, x: Value) -> Value {
        let axes: Vec<usize> = (0..self.ty(x).ndim()).collect();
        self.sum(x, &axes)
    }

    /// The mean over all axes.
    pub fn mean_all(&mut self, x: Value) -> Value {
        let axes: Vec<usize> = (0..self.ty(x).ndim()).collect();
        self.reduce(Reduction::Mean, x, &axes)
    }

    /// The dot product over the last axis.
    pub fn dot(&mut self, x: Value, y: Value) -> Value {
        self.apply(Arc::new(Dot::default()), &[x, y])
    }

    /// The matrix product.
    pub fn matmul(&mut self, a: Value, b: Value) -> Value {
        self.apply(Arc::new(Matmul::default()), &[a, b])
    }

    /// `a` where the mask holds, else `b`.
    pub fn select(&mut self, mask: Value, a: Value, b: Value) -> Value {
        self.apply(Arc::new(Select), &[mask, a, b])
    }

    /// A comparison.
    pub fn compare(&mut self, direction: Direction, x: Value, y: Value) -> Value {
        self.apply(Arc::new(Compare { direction }), &[x, y])
    }

    /// Conversion to another element type.
    pub fn convert(&mut self, x: Value, to: DType) -> Value {
        self.apply(Arc::new(Convert { to }), &[x])
    }

    /// `values` one after the other along `axis`.
    pub fn concat(&mut self, values: &[Value], axis: usize) -> Value {
        self.apply(Arc::new(Concat { axis }), values)
    }

    /// Indices `range` along `axis`.
    pub fn slice(&mut self, x: Value, axis: usize, range: std::ops::Range<usize>) -> Value {
        let ndim = self.ty(x).ndim();
        self.apply(Arc::new(Slice::along(ndim, axis, range)), &[x])
    }

    /// 0, 1, 2, … along `axis`, with the shape of `like`.
    pub fn iota_like(&mut self, like: Value, dtype: DType, axis: usize) -> Value {
        let extent = self.ty(like).shape[axis];
        let Extent::Static(n) = extent else {
            return self.apply(Arc::new(Iota::like(dtype, axis)), &[like]);
        };
        let line = self.apply(Arc::new(Iota::new(Type::new(dtype, [n]), 0)), &[]);
        self.broadcast_like(line, &[axis], like)
    }

    /// The one number that every element of `value` is, if the graph says so.
    pub fn splat(&self, value: Value) -> Option<Tensor> {
        let node = self.graph().node_of(value)?;
        match node.op.kernel() {
            Kernel::Constant(tensor) if tensor.len() == 1 => {
                Some(tensor.as_ref().clone().reshaped(Vec::new()))
            }
            Kernel::Broadcast { .. } => self.splat(node.operands[0]),
            _ => None,
        }
    }

    /// Whether every element of `value` is exactly `number` (sign of zero included).
    pub fn is_splat(&self, value: Value, number: f64) -> bool {
        let ty = self.ty(value);
        self.splat(value).is_some_and(|t| t.same_bits(&scalar_tensor(ty.dtype, number)))
    }
}
