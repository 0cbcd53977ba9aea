//! Element types, extents and tensor types.

use crate::ops::Violation;
use std::fmt;

/// The largest number of axes.
pub const NDIM_MAX: usize = 64;
/// The largest number of elements in the known extents of a type.
pub const ELEMENTS_MAX: usize = 1 << 48;

/// The element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE-754 binary64.
    F64,
    /// IEEE-754 binary32.
    F32,
    /// Signed 64-bit integer; arithmetic wraps.
    I64,
    /// Signed 32-bit integer; arithmetic wraps.
    I32,
    /// Unsigned 64-bit integer; arithmetic wraps.
    U64,
    /// Unsigned 32-bit integer; arithmetic wraps.
    U32,
    /// Truth value; one byte, 0 or 1, in files and digests.
    Bool,
}

impl DType {
    /// Every element type, in the order of the documentation.
    pub const ALL: [DType; 7] =
        [DType::F64, DType::F32, DType::I64, DType::I32, DType::U64, DType::U32, DType::Bool];

    /// The name used in the IR's text.
    pub fn name(self) -> &'static str {
        match self {
            DType::F64 => "f64",
            DType::F32 => "f32",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::U64 => "u64",
            DType::U32 => "u32",
            DType::Bool => "bool",
        }
    }

    /// The element type named `name` in the IR's text.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 | DType::U64 => 8,
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::Bool => 1,
        }
    }

    /// Whether values of this type carry derivatives.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F64 | DType::F32)
    }

    /// Whether this is a signed or unsigned integer type.
    pub fn is_integer(self) -> bool {
        matches!(self, DType::I64 | DType::I32 | DType::U64 | DType::U32)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The extent of one axis: known when the graph is built, or `?` until it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Extent {
    /// Known when the graph is built.
    Static(usize),
    /// Known when arguments are bound (`?` in text).
    Dynamic,
}

impl Extent {
    /// The extent where it is known.
    pub fn known(self) -> Option<usize> {
        match self {
            Extent::Static(n) => Some(n),
            Extent::Dynamic => None,
        }
    }

    /// Whether two extents can be the same number: a `?` agrees with everything.
    pub fn agrees(self, other: Extent) -> bool {
        match (self, other) {
            (Extent::Static(a), Extent::Static(b)) => a == b,
            _ => true,
        }
    }

    /// The more precise of two extents that agree.
    pub fn merge(self, other: Extent) -> Extent {
        match self {
            Extent::Static(_) => self,
            Extent::Dynamic => other,
        }
    }
}

impl From<usize> for Extent {
    fn from(n: usize) -> Extent {
        Extent::Static(n)
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Extent::Static(n) => write!(f, "{n}"),
            Extent::Dynamic => f.write_str("?"),
        }
    }
}

/// The type of a value: an element type and a shape. A scalar has an empty shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// Element type.
    pub dtype: DType,
    /// Extent of every axis, leading axis first (row-major).
    pub shape: Vec<Extent>,
}

impl Type {
    /// A tensor type; extents may be `usize` or [`Extent`].
    pub fn new<E: Into<Extent>>(dtype: DType, shape: impl IntoIterator<Item = E>) -> Type {
        Type { dtype, shape: shape.into_iter().map(Into::into).collect() }
    }

    /// The type of a single number.
    pub fn scalar(dtype: DType) -> Type {
        Type { dtype, shape: Vec::new() }
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// That the type is one that a machine could hold (`type-2`): at most [`NDIM_MAX`] axes and, in
    /// its known extents, [`ELEMENTS_MAX`] elements, so that sizes never overflow.
    pub fn check_extents(&self) -> Result<(), Violation> {
        if self.ndim() > NDIM_MAX {
            let got = format!("a tensor must have at most {NDIM_MAX} axes, got {}", self.ndim());
            return Err(Violation::new("type-2", got));
        }
        let mut extents = self.shape.iter().filter_map(|extent| extent.known()).filter(|&n| n > 0);
        match extents.try_fold(1usize, |count, n| count.checked_mul(n).filter(|&n| n <= ELEMENTS_MAX)) {
            Some(_) => Ok(()),
            None => {
                Err(Violation::new("type-2", format!("a tensor must have at most 2^48 elements, got {self}")))
            }
        }
    }

    /// The same shape with another element type.
    pub fn with_dtype(&self, dtype: DType) -> Type {
        Type { dtype, shape: self.shape.clone() }
    }

    /// The shape where every extent is known.
    pub fn static_shape(&self) -> Option<Vec<usize>> {
        self.shape.iter().map(|extent| extent.known()).collect()
    }

    /// Whether both types can describe one tensor.
    pub fn agrees(&self, other: &Type) -> bool {
        self.dtype == other.dtype
            && self.ndim() == other.ndim()
            && self.shape.iter().zip(&other.shape).all(|(a, b)| a.agrees(*b))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shape.is_empty() {
            return write!(f, "{}", self.dtype);
        }
        f.write_str("tensor<")?;
        for extent in &self.shape {
            write!(f, "{extent}x")?;
        }
        write!(f, "{}>", self.dtype)
    }
}
