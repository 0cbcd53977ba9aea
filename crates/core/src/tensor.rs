//! Dense tensors in host memory, row-major, and their digest.

use crate::ir::{DType, Type};
use crate::memory::{leave, room};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The elements of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The variants are the element types.
pub enum Data {
    F64(Vec<f64>),
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    U32(Vec<u32>),
    Bool(Vec<bool>),
}

/// Runs `$body` with `$v` bound to the typed vector inside a [`Data`].
#[macro_export]
macro_rules! each_dtype {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            $crate::tensor::Data::F64($v) => $body,
            $crate::tensor::Data::F32($v) => $body,
            $crate::tensor::Data::I64($v) => $body,
            $crate::tensor::Data::I32($v) => $body,
            $crate::tensor::Data::U64($v) => $body,
            $crate::tensor::Data::U32($v) => $body,
            $crate::tensor::Data::Bool($v) => $body,
        }
    };
}

/// A Rust type that is an element type of tensors.
pub trait Element: Copy + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// The element type it stands for.
    const DTYPE: DType;
    /// Wraps a vector.
    fn wrap(values: Vec<Self>) -> Data;
    /// The elements, if `data` holds this type.
    fn slice(data: &Data) -> Option<&[Self]>;
    /// The elements for writing, if `data` holds this type.
    fn slice_mut(data: &mut Data) -> Option<&mut [Self]>;
    /// The vector, if `data` holds this type.
    fn unwrap(data: Data) -> Option<Vec<Self>>;
    /// How many elements the vector has room for, if `data` holds this type.
    fn capacity(data: &Data) -> Option<usize>;
}

macro_rules! element {
    ($($t:ty, $variant:ident;)*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$variant;
            fn wrap(values: Vec<Self>) -> Data {
                Data::$variant(values)
            }
            fn slice(data: &Data) -> Option<&[Self]> {
                if let Data::$variant(v) = data { Some(v) } else { None }
            }
            fn slice_mut(data: &mut Data) -> Option<&mut [Self]> {
                if let Data::$variant(v) = data { Some(v) } else { None }
            }
            fn unwrap(data: Data) -> Option<Vec<Self>> {
                if let Data::$variant(v) = data { Some(v) } else { None }
            }
            fn capacity(data: &Data) -> Option<usize> {
                if let Data::$variant(v) = data { Some(v.capacity()) } else { None }
            }
        }
    )*};
}
element! { f64, F64; f32, F32; i64, I64; i32, I32; u64, U64; u32, U32; bool, Bool; }

/// A dense row-major tensor. Clones, and other shapes of the same elements, share them until one is written to.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Arc<Elements>,
}

/// Elements whose buffer, when nobody has them any more, is kept for others.
#[derive(Clone, PartialEq)]
struct Elements(Data);

impl Drop for Elements {
    fn drop(&mut self) {
        leave(std::mem::replace(&mut self.0, Data::Bool(Vec::new())));
    }
}

impl std::fmt::Debug for Elements {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Data {
    /// Bytes that the vector has room for.
    pub(crate) fn capacity_bytes(&self) -> usize {
        fn bytes<T>(v: &Vec<T>) -> usize {
            v.capacity() * size_of::<T>()
        }
        each_dtype!(self, v => bytes(v))
    }
}

/// So many zeros.
fn zeros<T: Element>(n: usize) -> Vec<T> {
    let mut zeros = room(n);
    zeros.resize(n, T::default());
    zeros
}

impl Tensor {
    /// A tensor of `shape` over `values`, row-major.
    ///
    /// # Panics
    /// If the number of values is not the product of the extents.
    pub fn new<T: Element>(shape: impl Into<Vec<usize>>, values: Vec<T>) -> Tensor {
        Tensor::from_data(shape, T::wrap(values))
    }

    /// A tensor of `shape` over untyped data.
    ///
    /// # Panics
    /// If the number of values is not the product of the extents.
    pub fn from_data(shape: impl Into<Vec<usize>>, data: Data) -> Tensor {
        let shape = shape.into();
        let len = each_dtype!(&data, v => v.len());
        assert_eq!(len, shape.iter().product::<usize>(), "shape {shape:?} must hold all {len} values");
        Tensor { shape, data: Arc::new(Elements(data)) }
    }

    /// A scalar.
    pub fn scalar<T: Element>(value: T) -> Tensor {
        Tensor::new(Vec::new(), vec![value])
    }

    /// A tensor of the element type's zero (`false` for bool).
    pub fn zeros(dtype: DType, shape: impl Into<Vec<usize>>) -> Tensor {
        let shape = shape.into();
        let n = shape.iter().product();
        let data = match dtype {
            DType::F64 => Data::F64(zeros(n)),
            DType::F32 => Data::F32(zeros(n)),
            DType::I64 => Data::I64(vec![0; n]),
            DType::I32 => Data::I32(vec![0; n]),
            DType::U64 => Data::U64(vec![0; n]),
            DType::U32 => Data::U32(vec![0; n]),
            DType::Bool => Data::Bool(vec![false; n]),
        };
        Tensor { shape, data: Arc::new(Elements(data)) }
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        match &self.data.0 {
            Data::F64(_) => DType::F64,
            Data::F32(_) => DType::F32,
            Data::I64(_) => DType::I64,
            Data::I32(_) => DType::I32,
            Data::U64(_) => DType::U64,
            Data::U32(_) => DType::U32,
            Data::Bool(_) => DType::Bool,
        }
    }

    /// Extent of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type, with every extent static.
    pub fn ty(&self) -> Type {
        Type::new(self.dtype(), self.shape.iter().copied())
    }

    /// The untyped elements.
    pub fn data(&self) -> &Data {
        &self.data.0
    }

    /// The untyped elements for writing: copied first where others share them.
    pub fn data_mut(&mut self) -> &mut Data {
        &mut Arc::make_mut(&mut self.data).0
    }

    /// The elements.
    ///
    /// # Panics
    /// If the tensor's element type is not `T`.
    pub fn values<T: Element>(&self) -> &[T] {
        T::slice(&self.data.0).unwrap_or_else(|| panic!("tensor of {} read as {}", self.dtype(), T::DTYPE))
    }

    /// The elements for writing.
    ///
    /// # Panics
    /// If the tensor's element type is not `T`.
    pub fn values_mut<T: Element>(&mut self) -> &mut [T] {
        let dtype = self.dtype();
        T::slice_mut(self.data_mut()).unwrap_or_else(|| panic!("tensor of {dtype} written as {}", T::DTYPE))
    }

    /// The same elements under another shape of as many elements.
    ///
    /// # Panics
    /// If the number of elements differs.
    pub fn reshaped(self, shape: impl Into<Vec<usize>>) -> Tensor {
        let (shape, len) = (shape.into(), self.len());
        assert_eq!(len, shape.iter().product::<usize>(), "shape {shape:?} must hold all {len} values");
        Tensor { shape, data: self.data }
    }

    /// Canonical little-endian bytes: every NaN is the one canonical NaN (law 2).
    pub fn canonical_bytes(&self) -> Vec<u8> {
        self.canonical_bytes_of(0..self.len())
    }

    /// The [`Tensor::canonical_bytes`] of some elements, in row-major order.
    ///
    /// # Panics
    /// If there are no such elements.
    pub fn canonical_bytes_of(&self, elements: std::ops::Range<usize>) -> Vec<u8> {
        fn bytes<T: Copy, const N: usize>(v: &[T], f: impl Fn(T) -> [u8; N]) -> Vec<u8> {
            v.iter().flat_map(|&x| f(x)).collect()
        }
        match &self.data.0 {
            Data::F64(v) => bytes(&v[elements], |x| canonical_bits_f64(x).to_le_bytes()),
            Data::F32(v) => bytes(&v[elements], |x| canonical_bits_f32(x).to_le_bytes()),
            Data::I64(v) => bytes(&v[elements], i64::to_le_bytes),
            Data::I32(v) => bytes(&v[elements], i32::to_le_bytes),
            Data::U64(v) => bytes(&v[elements], u64::to_le_bytes),
            Data::U32(v) => bytes(&v[elements], u32::to_le_bytes),
            Data::Bool(v) => bytes(&v[elements], |x| [x as u8]),
        }
    }

    /// The tensor of `dtype` and `shape` whose [`Tensor::canonical_bytes`] are `bytes`. A truth value is any byte but 0.
    ///
    /// # Panics
    /// If there are not as many bytes as the elements have.
    pub fn from_canonical_bytes(dtype: DType, shape: impl Into<Vec<usize>>, bytes: &[u8]) -> Tensor {
        fn elements<T, const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Vec<T> {
            let (elements, rest) = bytes.as_chunks::<N>();
            assert!(rest.is_empty(), "bytes must be those of whole elements, got {}", bytes.len());
            elements.iter().map(|&element| f(element)).collect()
        }
        let data = match dtype {
            DType::F64 => Data::F64(elements(bytes, f64::from_le_bytes)),
            DType::F32 => Data::F32(elements(bytes, f32::from_le_bytes)),
            DType::I64 => Data::I64(elements(bytes, i64::from_le_bytes)),
            DType::I32 => Data::I32(elements(bytes, i32::from_le_bytes)),
            DType::U64 => Data::U64(elements(bytes, u64::from_le_bytes)),
            DType::U32 => Data::U32(elements(bytes, u32::from_le_bytes)),
            DType::Bool => Data::Bool(elements(bytes, |[byte]| byte != 0)),
        };
        Tensor::from_data(shape, data)
    }

    /// Whether type, shape and canonical bits are the same: `==` in the sense of the law.
    pub fn same_bits(&self, other: &Tensor) -> bool {
        self.shape == other.shape
            && self.dtype() == other.dtype()
            && self.canonical_bytes() == other.canonical_bytes()
    }

    /// SHA-256, in hex, over `"<dtype> [<d0>, <d1>, …]\n"` followed by [`Tensor::canonical_bytes`].
    ///
    /// With numpy: `hashlib.sha256(f"f64 {list(x.shape)}\n".encode() + x.tobytes()).hexdigest()`.
    pub fn digest(&self) -> String {
        hex(&self.sha256())
    }

    /// The first 64 bits of [`Tensor::digest`], as its first 16 digits write them: enough to tell one state
    /// of a run from the next, not to withstand someone who wants two to look alike.
    pub fn fingerprint(&self) -> u64 {
        self.sha256()[..8].iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte))
    }

    fn sha256(&self) -> [u8; 32] {
        let mut hash = TensorHash::new(self.dtype(), &self.shape);
        hash.update(&self.canonical_bytes());
        hash.0.finalize().into()
    }
}

/// A [`Tensor::digest`] in the making, of a tensor that comes piece by piece.
#[derive(Clone, Debug)]
pub struct TensorHash(Sha256);

impl TensorHash {
    /// Of a tensor of `dtype` and `shape`.
    pub fn new(dtype: DType, shape: &[usize]) -> TensorHash {
        TensorHash(Sha256::new_with_prefix(format!("{dtype} {shape:?}\n")))
    }

    /// The next of its [`Tensor::canonical_bytes`].
    pub fn update(&mut self, canonical_bytes: &[u8]) {
        self.0.update(canonical_bytes);
    }

    /// The digest, in hex.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The bits of `x`, with every NaN as `0x7FF8000000000000`.
pub fn canonical_bits_f64(x: f64) -> u64 {
    if x.is_nan() { 0x7FF8_0000_0000_0000 } else { x.to_bits() }
}

/// The bits of `x`, with every NaN as `0x7FC00000`.
pub fn canonical_bits_f32(x: f32) -> u32 {
    if x.is_nan() { 0x7FC0_0000 } else { x.to_bits() }
}

/// Lower-case hexadecimal text of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Row-major strides of `shape`, in elements.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Calls `row(start, view_start)` for every innermost row of a strided view, in row-major order:
/// `start` counts the view's elements, `view_start` is the offset of the row's first element.
fn each_row(shape: &[usize], strides: &[usize], offset: usize, mut row: impl FnMut(usize, usize)) {
    let Some((&inner, outer)) = shape.split_last() else {
        return row(0, offset);
    };
    if inner == 0 || outer.contains(&0) {
        return;
    }
    let mut index = vec![0; outer.len()];
    let mut view = offset;
    let mut start = 0;
    loop {
        row(start, view);
        start += inner;
        let Some(axis) = (0..outer.len()).rev().find(|&axis| {
            index[axis] += 1;
            view += strides[axis];
            let done = index[axis] < outer[axis];
            if !done {
                view -= strides[axis] * outer[axis];
                index[axis] = 0;
            }
            done
        }) else {
            return;
        };
        debug_assert!(axis < outer.len());
    }
}

impl Tensor {
    /// The tensor of `shape` whose element at index `i` is this tensor's element at
    /// `offset + Σ i_k·strides_k`: a broadcast, transposition or slice, copied.
    pub fn gathered(&self, shape: &[usize], strides: &[usize], offset: usize) -> Tensor {
        fn gather<T: Element>(x: &[T], shape: &[usize], strides: &[usize], offset: usize) -> Vec<T> {
            let mut out = room(shape.iter().product());
            let (n, step) = (shape.last().copied().unwrap_or(1), strides.last().copied().unwrap_or(1));
            each_row(shape, strides, offset, |_, from| match step {
                1 => out.extend_from_slice(&x[from..from + n]),
                _ => out.extend((0..n).map(|i| x[from + i * step])),
            });
            out
        }
        let data = each_dtype!(&self.data.0, x => Element::wrap(gather(x, shape, strides, offset)));
        Tensor::from_data(shape, data)
    }

    /// Writes `source` into this tensor: element `i` to `offset + Σ i_k·strides_k`.
    ///
    /// # Panics
    /// If the element types differ or an index lies outside.
    pub fn scatter(&mut self, source: &Tensor, strides: &[usize], offset: usize) {
        let step = strides.last().copied().unwrap_or(1);
        let n = source.shape.last().copied().unwrap_or(1);
        each_dtype!(self.data_mut(), out => {
            let x = Element::slice(source.data()).expect("one dtype");
            each_row(&source.shape, strides, offset, |start, to| match step {
                1 => out[to..to + n].copy_from_slice(&x[start..start + n]),
                _ => (0..n).for_each(|i| out[to + i * step] = x[start + i]),
            });
        });
    }

    /// Rows `rows` of the leading axis, copied.
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Tensor {
        let width: usize = self.shape[1..].iter().product();
        let mut shape = self.shape.clone();
        shape[0] = rows.len();
        let data = each_dtype!(&self.data.0, x =>
            Element::wrap(x[rows.start * width..rows.end * width].to_vec()));
        Tensor::from_data(shape, data)
    }
}

/// Copies the elements `range` of `source` into all of `target`; both have one element type.
pub(crate) fn copy_range(target: &mut Data, source: &Data, range: std::ops::Range<usize>) {
    each_dtype!(target, out => {
        let x = Element::slice(source).expect("one dtype");
        out.copy_from_slice(&x[range]);
    });
}

/// Copies the elements of `source` into `target` from position `at`; both have one element type.
pub(crate) fn copy_elements(target: &mut Data, source: &Data, at: usize) {
    each_dtype!(target, out => {
        let x = Element::slice(source).expect("one dtype");
        out[at..at + x.len()].copy_from_slice(x);
    });
}
