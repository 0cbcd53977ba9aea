//! Functions of each element: the enumeration, the value of each (written once, generic over
//! scalar and SIMD lanes), and the slope of each.

use super::integer::{self, Discrete};
use super::registry::only;
use super::*;
use crate::each_dtype;
use crate::ir::{Attribute, DType};
use crate::numerics::lanes::{Integer, Mask, Number, Real};
use crate::numerics::math::Elementary;
use crate::tensor::{Data, Element};

/// An elementwise function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Described in `TABLE`.
pub enum Function {
    Neg,
    Abs,
    Sign,
    Floor,
    Ceil,
    Round,
    Trunc,
    Exp,
    Expm1,
    Log,
    Log1p,
    Sqrt,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    Erf,
    Relu,
    Reciprocal,
    Not,
    Add,
    Sub,
    Mul,
    MulStrong,
    Div,
    Rem,
    Pow,
    Atan2,
    Max,
    Min,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// Which element types a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    Float,
    Integer,
    Number,
    Bits,
}

struct Row {
    function: Function,
    name: &'static str,
    arity: usize,
    domain: Domain,
    summary: &'static str,
}

const fn row(
    function: Function,
    name: &'static str,
    arity: usize,
    domain: Domain,
    summary: &'static str,
) -> Row {
    Row { function, name, arity, domain, summary }
}

/// Name, arity, domain and meaning of every function.
const TABLE: [Row; 35] = {
    use Domain::*;
    use Function::*;
    [
        row(Neg, "neg", 1, Number, "−x"),
        row(Abs, "abs", 1, Number, "|x|; its derivative at 0 is 0"),
        row(Sign, "sign", 1, Number, "−1, 0 or 1; NaN of NaN"),
        row(Floor, "floor", 1, Float, "the largest whole number that is not above x; piecewise constant"),
        row(Ceil, "ceil", 1, Float, "the smallest whole number that is not below x; piecewise constant"),
        row(Round, "round", 1, Float, "the nearest whole number, the even one of two; piecewise constant"),
        row(Trunc, "trunc", 1, Float, "x without its fraction; piecewise constant"),
        row(Exp, "exp", 1, Float, "eˣ"),
        row(Expm1, "expm1", 1, Float, "eˣ − 1, accurate near 0"),
        row(Log, "log", 1, Float, "natural logarithm; NaN below 0, −∞ at ±0"),
        row(Log1p, "log1p", 1, Float, "log(1 + x), accurate near 0; NaN below −1, −∞ at −1"),
        row(Sqrt, "sqrt", 1, Float, "square root, correctly rounded"),
        row(Sin, "sin", 1, Float, "sine, x in radians"),
        row(Cos, "cos", 1, Float, "cosine, x in radians"),
        row(Tanh, "tanh", 1, Float, "hyperbolic tangent"),
        row(Sigmoid, "sigmoid", 1, Float, "1 / (1 + e⁻ˣ)"),
        row(Erf, "erf", 1, Float, "the error function"),
        row(Relu, "relu", 1, Float, "max(x, 0), NaN of NaN; its derivative at 0 is 0"),
        row(Reciprocal, "reciprocal", 1, Float, "1/x, and NaN at ±0: what derivatives of a division use"),
        row(Not, "not", 1, Bits, "logical not; of integers, every bit"),
        row(Add, "add", 2, Number, "x + y; integers wrap"),
        row(Sub, "sub", 2, Number, "x − y; integers wrap"),
        row(Mul, "mul", 2, Number, "x · y; integers wrap"),
        row(MulStrong, "mul_strong", 2, Float, "x · y, and +0 where x is ±0, whatever y is"),
        row(
            Div,
            "div",
            2,
            Number,
            "x / y; its derivative at y = 0 is NaN; integers cut toward zero, −1 (all bits) for y = 0",
        ),
        row(Rem, "rem", 2, Integer, "what `div` leaves: x − y · div, with the sign of x; x for y = 0"),
        row(Pow, "pow", 2, Float, "xʸ"),
        row(
            Atan2,
            "atan2",
            2,
            Float,
            "the angle of the point (y, x), the ordinate first, in [−π, π]; its derivative at (0, 0) is NaN",
        ),
        row(Max, "max", 2, Number, "the larger; NaN wins, −0 < +0"),
        row(Min, "min", 2, Number, "the smaller; NaN wins, −0 < +0"),
        row(And, "and", 2, Bits, "logical and; of integers, bit by bit"),
        row(Or, "or", 2, Bits, "logical or; of integers, bit by bit"),
        row(Xor, "xor", 2, Bits, "exclusive or; of integers, bit by bit"),
        row(
            ShiftLeft,
            "shift_left",
            2,
            Integer,
            "x shifted left by y bits; 0 for y beyond the width (y is taken as unsigned)",
        ),
        row(
            ShiftRight,
            "shift_right",
            2,
            Integer,
            "x shifted right by y bits, filled with its sign bit (0 if unsigned), also beyond the width",
        ),
    ]
};

impl Function {
    /// Every function.
    pub fn all() -> impl Iterator<Item = Function> {
        TABLE.iter().map(|row| row.function)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The IR word.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The number of operands.
    pub fn arity(self) -> usize {
        self.row().arity
    }

    /// Whether its derivative is zero wherever there is one: derivatives stop here.
    fn is_piecewise_constant(self) -> bool {
        use Function::*;
        let of_floats = matches!(self, Sign | Floor | Ceil | Round | Trunc);
        of_floats || matches!(self.row().domain, Domain::Integer | Domain::Bits)
    }

    /// Whether operands may have element type `dtype`.
    pub fn accepts(self, dtype: DType) -> bool {
        match self.row().domain {
            Domain::Float => dtype.is_float(),
            Domain::Integer => dtype.is_integer(),
            Domain::Number => dtype != DType::Bool,
            Domain::Bits => !dtype.is_float(),
        }
    }

    /// The value on floating-point lanes: the one definition for the reference and every engine.
    /// A function of one operand ignores `y`.
    #[inline(always)]
    pub fn value<V: Elementary>(self, x: V, y: V) -> V {
        let zero = V::zero();
        let one = V::splat(V::Scalar::ONE);
        match self {
            Function::Neg => -x,
            Function::Abs => x.abs(),
            Function::Sign => V::select(x.eq(zero).or(x.is_nan()), x, one.copysign(x)),
            Function::Floor => rounded(x, |r| V::select(x.lt(r), r - one, r)),
            Function::Ceil => rounded(x, |r| V::select(r.lt(x), r + one, r)),
            Function::Round => rounded(x, |r| r),
            Function::Trunc => rounded(x, |r| V::select(x.abs().lt(r.abs()), r - one.copysign(x), r)),
            Function::Exp => x.exp(),
            Function::Expm1 => x.expm1(),
            Function::Log => x.log(),
            Function::Log1p => x.log1p(),
            Function::Sqrt => x.sqrt(),
            Function::Sin => x.sin(),
            Function::Cos => x.cos(),
            Function::Tanh => x.tanh(),
            Function::Sigmoid => x.sigmoid(),
            Function::Erf => x.erf(),
            Function::Relu => V::select(x.le(zero), zero, x),
            Function::Reciprocal => V::select(x.eq(zero), zero / x, one / x),
            Function::Add => x + y,
            Function::Sub => x - y,
            Function::Mul => x * y,
            Function::MulStrong => V::select(x.eq(zero), zero, x * y),
            Function::Div => x / y,
            Function::Pow => x.pow(y),
            Function::Atan2 => x.atan2(y),
            Function::Max => extreme(x, y, x.bits().and(y.bits()), x.greater(y)),
            Function::Min => extreme(x, y, x.bits().or(y.bits()), x.lesser(y)),
            // On masks of 1 and 0, as engines hold them beside floats.
            Function::Not => one - x,
            Function::And => x * y,
            Function::Or => V::select(x.eq(zero), y, x),
            Function::Xor => (x - y).abs(),
            Function::Rem | Function::ShiftLeft | Function::ShiftRight => {
                unreachable!("of integers only: refused by elementwise-2")
            }
        }
    }
}

/// `mend` of the nearest whole number, the even one of two, with the sign of `x`, which is whole itself from some size on.
#[inline(always)]
fn rounded<V: Elementary>(x: V, mend: impl FnOnce(V) -> V) -> V {
    let whole = V::splat(V::Scalar::WHOLE);
    let nearest = ((x.abs() + whole) - whole).copysign(x);
    V::select(x.abs().lt(whole), mend(nearest).copysign(x), x)
}

/// `x` and `y` where they are equal, which for two zeros is the one that wins; else the winner, which is `y` for a NaN.
#[inline(always)]
fn extreme<V: Elementary>(x: V, y: V, equal: V::Bits, winner: V) -> V {
    V::select(x.is_nan(), x, V::select(x.eq(y), V::from_bits(equal), winner))
}

/// The direction of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names are the relations.
pub enum Direction {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Direction; 6] =
        [Direction::Eq, Direction::Ne, Direction::Lt, Direction::Le, Direction::Gt, Direction::Ge];

    /// The word in the IR's text.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Eq => "eq",
            Direction::Ne => "ne",
            Direction::Lt => "lt",
            Direction::Le => "le",
            Direction::Gt => "gt",
            Direction::Ge => "ge",
        }
    }

    /// The relation on lanes; a NaN is unequal to everything and in no order.
    #[inline(always)]
    pub fn holds<V: Number>(self, x: V, y: V) -> V::Mask {
        match self {
            Direction::Eq => x.eq(y),
            Direction::Ne => x.ne(y),
            Direction::Lt => x.lt(y),
            Direction::Le => x.le(y),
            Direction::Gt => y.lt(x),
            Direction::Ge => y.le(x),
        }
    }

    /// The relation between each element of `x` and of `y`.
    fn holds_between<T: PartialOrd>(self, x: &[T], y: &[T]) -> Vec<bool> {
        // The direction is a constant inside its loop.
        macro_rules! each {
            ($($d:ident)*) => { match self { $(Direction::$d => x.iter().zip(y).map(|(x, y)| Direction::$d.orders(x, y)).collect(),)* } };
        }
        each!(Eq Ne Lt Le Gt Ge)
    }

    /// The relation between two elements.
    #[inline(always)]
    pub(crate) fn orders<T: PartialOrd>(self, x: &T, y: &T) -> bool {
        match self {
            Direction::Eq => x == y,
            Direction::Ne => x != y,
            Direction::Lt => x < y,
            Direction::Le => x <= y,
            Direction::Gt => x > y,
            Direction::Ge => x >= y,
        }
    }
}

// ------------------------------------------------------------------------------- the operations

/// The operation that applies a [`Function`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elementwise(pub Function);

const ELEMENTWISE_LAWS: &[Constraint] = &[
    Constraint {
        id: "elementwise-1",
        law: "one operand for each argument of the function, and no attributes",
        mend: "give as many operands as the function takes",
    },
    Constraint {
        id: "elementwise-2",
        law: "the function is defined for the operands' dtype",
        mend: "convert the operand with `tgraph.convert`",
    },
    Constraint {
        id: "elementwise-3",
        law: "operands have one shape and dtype; nothing is broadcast silently",
        mend: "broadcast the smaller operand with `tgraph.broadcast`",
    },
];

const COMPARE_LAWS: &[Constraint] = &[
    Constraint {
        id: "compare-1",
        law: "two operands and `direction`: \"eq\", \"ne\", \"lt\", \"le\", \"gt\" or \"ge\"",
        mend: "write `{direction = \"lt\"}`",
    },
    Constraint {
        id: "compare-2",
        law: "operands have one shape and dtype",
        mend: "broadcast or convert the operand that differs",
    },
];

const CONVERT_LAWS: &[Constraint] = &[Constraint {
    id: "convert-1",
    law: "one operand and `to`, a dtype in quotes",
    mend: "write `{to = \"f32\"}`",
}];

pub(super) fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = TABLE
        .iter()
        .map(|row| Entry {
            name: row.name,
            summary: row.summary,
            example: match (row.arity, row.domain) {
                (1, Domain::Bits) => "%y = tgraph.FUNCTION %x : tensor<?xbool>",
                (1, _) => "%y = tgraph.FUNCTION %x : tensor<?xf64>",
                (_, Domain::Bits) => "%z = tgraph.FUNCTION %x, %y : tensor<?xbool>",
                (_, Domain::Integer) => "%z = tgraph.FUNCTION %x, %y : tensor<?xi64>",
                (_, _) => "%z = tgraph.FUNCTION %x, %y : tensor<?xf64>",
            },
            constraints: ELEMENTWISE_LAWS,
            parse: |name, attributes, _, _| {
                only(name, "elementwise-1", attributes, &[])?;
                let row = TABLE.iter().find(|row| row.name == name).expect("the entry came from the table");
                Ok(Arc::new(Elementwise(row.function)))
            },
        })
        .collect();
    entries.push(Entry {
        name: "compare",
        summary: "whether the relation holds, as bool; NaN is unequal to everything and in no order",
        example: "%m = tgraph.compare %x, %y {direction = \"lt\"} : tensor<?xbool>",
        constraints: COMPARE_LAWS,
        parse: |name, attributes, _, _| {
            only(name, "compare-1", attributes, &["direction"])?;
            let word = attributes.text("direction").unwrap_or("");
            match Direction::ALL.into_iter().find(|d| d.name() == word) {
                Some(direction) => Ok(Arc::new(Compare { direction })),
                None => Err(Violation::new(
                    "compare-1",
                    format!(
                        "direction must be \"eq\", \"ne\", \"lt\", \"le\", \"gt\" or \"ge\", got \"{word}\""
                    ),
                )),
            }
        },
    });
    entries.push(Entry {
        name: "convert",
        summary: "conversion to another dtype: rounded to nearest even; to an integer toward zero, saturating, NaN to 0; to bool, whether not 0",
        example: "%y = tgraph.convert %x {to = \"f32\"} : tensor<?xf32>",
        constraints: CONVERT_LAWS,
        parse: |name, attributes, _, _| {
            only(name, "convert-1", attributes, &["to"])?;
            match attributes.text("to").and_then(DType::from_name) {
                Some(to) => Ok(Arc::new(Convert { to })),
                None => Err(Violation::new("convert-1", "convert must have `to`, a dtype in quotes")),
            }
        },
    });
    entries
}

/// The common type of operands that must agree.
fn common(id: &'static str, name: &str, x: &[&Type]) -> Result<Type, Violation> {
    let mut ty = x[0].clone();
    for other in &x[1..] {
        if !ty.agrees(other) {
            return Err(Violation::new(
                id,
                format!("operands of {name} must have one shape and dtype, got {} and {other}", x[0]),
            )
            .help("broadcast or convert the operand that differs"));
        }
        for (a, b) in ty.shape.iter_mut().zip(&other.shape) {
            *a = a.merge(*b);
        }
    }
    Ok(ty)
}

impl Elementwise {
    /// `value` of each element of `x` and of the second operand, which has the type of the first.
    fn map<T: Element>(self, x: &[T], second: &Data, value: impl Fn(Function, T, T) -> T) -> Data {
        let y = T::slice(second).expect("one dtype");
        Element::wrap(x.iter().zip(y).map(|(&x, &y)| value(self.0, x, y)).collect())
    }

    fn map_discrete<T: Discrete>(self, x: &[T], second: &Data) -> Data {
        Element::wrap(integer::map(self.0, x, T::slice(second).expect("one dtype")))
    }
}

impl Rule for Elementwise {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let (name, arity) = (self.name(), self.0.arity());
        if x.len() != arity {
            return Err(Violation::new(
                "elementwise-1",
                format!("{name} must have {arity} operands, got {}", x.len()),
            ));
        }
        if let Some(ty) = x.iter().find(|ty| !self.0.accepts(ty.dtype)) {
            return Err(Violation::new(
                "elementwise-2",
                format!("{name} must be of a dtype it is defined for, got {ty}"),
            ));
        }
        Ok(vec![common("elementwise-3", name, x)?])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let second = x.get(1).unwrap_or(&x[0]).data();
        let data = match x[0].data() {
            Data::F64(v) => self.map(v, second, Function::value),
            Data::F32(v) => self.map(v, second, Function::value),
            Data::I64(v) => self.map_discrete(v, second),
            Data::I32(v) => self.map_discrete(v, second),
            Data::U64(v) => self.map_discrete(v, second),
            Data::U32(v) => self.map_discrete(v, second),
            Data::Bool(v) => self.map_discrete(v, second),
        };
        vec![Tensor::from_data(x[0].shape(), data)]
    }

    fn calculus(&self) -> Calculus<'_> {
        match self.0 {
            _ if self.0.is_piecewise_constant() => Calculus::Constant,
            Function::Mul | Function::MulStrong => Calculus::Bilinear(self),
            _ => Calculus::Slopes(self),
        }
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        // Each of these has the same bits for every operand, zeros and infinities included.
        match self.0 {
            Function::Mul if b.is_splat(x[0], 1.0) => Some(x[1]),
            Function::Mul | Function::Div if b.is_splat(x[1], 1.0) => Some(x[0]),
            Function::MulStrong if b.is_splat(x[0], 1.0) => Some(x[1]),
            Function::Sub if b.is_splat(x[1], 0.0) => Some(x[0]),
            Function::Add if b.is_splat(x[0], -0.0) && b.ty(x[0]).dtype.is_float() => Some(x[1]),
            Function::Add if b.is_splat(x[1], -0.0) && b.ty(x[0]).dtype.is_float() => Some(x[0]),
            Function::Neg => {
                let inner = b.graph().node_of(x[0])?;
                matches!(inner.op.kernel(), Kernel::Elementwise(Function::Neg)).then(|| inner.operands[0])
            }
            _ => None,
        }
        .or_else(|| self.fold(b, x))
    }

    fn is_commutative(&self) -> bool {
        matches!(self.0, Function::Add | Function::Mul | Function::And | Function::Or | Function::Xor)
    }

    fn rows(&self, x: &[&Type], y: &Type) -> Option<Rows> {
        (y.ndim() > 0).then(|| Rows::pointwise(x.len()))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Elementwise(self.0)
    }
}

impl Elementwise {
    /// The function of one number repeated is one number repeated.
    fn fold(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if b.ty(x[0]).ndim() == 0 {
            return None; // Folded by the builder, as any operation on constants.
        }
        let numbers = x.iter().map(|&v| b.splat(v)).collect::<Option<Vec<Tensor>>>()?;
        let y = self.evaluate(&numbers.iter().collect::<Vec<_>>()).remove(0);
        let y = b.constant(y);
        Some(b.broadcast_like(y, &[], x[0]))
    }
}

impl Slopes for Elementwise {
    fn slope(&self, b: &mut Builder, x: &[Value], y: Value, i: usize) -> Slope {
        Slope::Is(match self.0 {
            Function::Neg => return Slope::MinusOne,
            Function::Add => return Slope::One,
            Function::Sub => return if i == 0 { Slope::One } else { Slope::MinusOne },
            Function::Abs => b.sign(x[0]),
            Function::Exp => y,
            Function::Expm1 => {
                let one = b.ones_like(y);
                b.add(y, one)
            }
            Function::Log => {
                let one = b.ones_like(x[0]);
                b.div(one, x[0])
            }
            Function::Log1p => {
                let one = b.ones_like(x[0]);
                let shifted = b.add(one, x[0]);
                b.div(one, shifted)
            }
            Function::Sqrt => {
                let half = b.full_like(y, 0.5);
                b.div(half, y)
            }
            Function::Sin => b.cos(x[0]),
            Function::Cos => {
                let sin = b.sin(x[0]);
                b.neg(sin)
            }
            Function::Tanh => {
                // 1 − y²
                let (one, square) = (b.ones_like(y), b.mul(y, y));
                b.sub(one, square)
            }
            Function::Sigmoid => {
                // y (1 − y)
                let one = b.ones_like(y);
                let rest = b.sub(one, y);
                b.mul(y, rest)
            }
            Function::Erf => {
                // 2/√π e^(−x²)
                let square = b.mul(x[0], x[0]);
                let exponent = b.neg(square);
                let (factor, bell) = (b.full_like(y, std::f64::consts::FRAC_2_SQRT_PI), b.exp(exponent));
                b.mul(factor, bell)
            }
            Function::Relu => {
                let zero = b.zeros_like(x[0]);
                let positive = b.compare(Direction::Gt, x[0], zero);
                b.convert(positive, b.ty(y).dtype)
            }
            Function::Reciprocal => {
                // −y²
                let square = b.mul(y, y);
                b.neg(square)
            }
            Function::Div => {
                let reciprocal = b.reciprocal(x[1]);
                if i == 0 {
                    reciprocal
                } else {
                    let ratio = b.mul(y, reciprocal);
                    b.neg(ratio)
                }
            }
            Function::Pow => pow_slope(b, x, y, i),
            Function::Atan2 => {
                // x/r² for the ordinate, −y/r² for the abscissa
                let squares = [b.mul(x[0], x[0]), b.mul(x[1], x[1])];
                let radius = b.add(squares[0], squares[1]);
                let slope = b.div(x[1 - i], radius);
                if i == 0 { slope } else { b.neg(slope) }
            }
            Function::Max | Function::Min => {
                // The first operand where it is the result (it wins a tie), else the second.
                let direction = if self.0 == Function::Max { Direction::Ge } else { Direction::Le };
                let first = b.compare(direction, x[0], x[1]);
                let chosen = if i == 0 { first } else { b.not(first) };
                b.convert(chosen, b.ty(y).dtype)
            }
            // The others state their calculus otherwise.
            _ => return Slope::Zero,
        })
    }
}

/// ∂xʸ/∂x = y xʸ⁻¹, 0 where y = 0; ∂xʸ/∂y = xʸ log x, 0 where x = 0.
fn pow_slope(b: &mut Builder, x: &[Value], power: Value, i: usize) -> Value {
    let (zero, one) = (b.zeros_like(x[i]), b.ones_like(x[i]));
    if i == 0 {
        let constant = b.compare(Direction::Eq, x[1], zero);
        let exponent = b.sub(x[1], one);
        let exponent = b.select(constant, one, exponent);
        let lowered = b.pow(x[0], exponent);
        let slope = b.mul(x[1], lowered);
        b.select(constant, zero, slope)
    } else {
        let origin = b.compare(Direction::Eq, x[0], zero);
        let base = b.select(origin, one, x[0]);
        let log = b.log(base);
        b.mul(power, log)
    }
}

/// `mul`, and `mul_strong`, whose second operand is guarded by the zeros of the first.
impl Bilinear for Elementwise {
    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value, guarded: bool) -> Value {
        match (self.guards(i), guarded) {
            (true, _) => b.mul_strong(x[0], dy),
            (false, true) => b.mul_strong(dy, x[1 - i]),
            (false, false) => b.mul(dy, x[1 - i]),
        }
    }

    fn guards(&self, i: usize) -> bool {
        self.0 == Function::MulStrong && i == 1
    }

    fn is_associative(&self) -> bool {
        self.0 == Function::Mul
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The relation.
    pub direction: Direction,
}

impl Rule for Compare {
    fn name(&self) -> &'static str {
        "compare"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("direction", Attribute::Text(self.direction.name().into()))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        if x.len() != 2 {
            return Err(Violation::new(
                "compare-1",
                format!("compare must have 2 operands, got {}", x.len()),
            ));
        }
        Ok(vec![common("compare-2", "compare", x)?.with_dtype(DType::Bool)])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let holds = each_dtype!(x[0].data(), a => {
            let b = Element::slice(x[1].data()).expect("one dtype");
            self.direction.holds_between(a, b)
        });
        vec![Tensor::new(x[0].shape(), holds)]
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Constant
    }

    fn rows(&self, _: &[&Type], y: &Type) -> Option<Rows> {
        (y.ndim() > 0).then(|| Rows::pointwise(2))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Compare(self.direction)
    }
}

/// Conversion to another element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convert {
    /// The result's element type.
    pub to: DType,
}

impl Rule for Convert {
    fn name(&self) -> &'static str {
        "convert"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("to", Attribute::Text(self.to.name().into()))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        match x {
            [x] => Ok(vec![x.with_dtype(self.to)]),
            _ => Err(Violation::new("convert-1", format!("convert must have 1 operand, got {}", x.len()))),
        }
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        // Rust's `as` is the law: to nearest even, toward zero and saturating, NaN to 0.
        macro_rules! cast {
            ($v:expr) => {
                match self.to {
                    DType::F64 => Data::F64($v.map(|x| x as f64).collect()),
                    DType::F32 => Data::F32($v.map(|x| x as f32).collect()),
                    DType::I64 => Data::I64($v.map(|x| x as i64).collect()),
                    DType::I32 => Data::I32($v.map(|x| x as i32).collect()),
                    DType::U64 => Data::U64($v.map(|x| x as u64).collect()),
                    DType::U32 => Data::U32($v.map(|x| x as u32).collect()),
                    DType::Bool => Data::Bool($v.map(|x| x as f64 != 0.0).collect()),
                }
            };
        }
        let data = match x[0].data() {
            Data::F64(v) => cast!(v.iter().copied()),
            Data::F32(v) => cast!(v.iter().copied()),
            Data::I64(v) => cast!(v.iter().copied()),
            Data::I32(v) => cast!(v.iter().copied()),
            Data::U64(v) => cast!(v.iter().copied()),
            Data::U32(v) => cast!(v.iter().copied()),
            Data::Bool(v) => cast!(v.iter().map(|&x| x as u8)),
        };
        vec![Tensor::from_data(x[0].shape(), data)]
    }

    fn calculus(&self) -> Calculus<'_> {
        if self.to.is_float() { Calculus::Linear(self) } else { Calculus::Constant }
    }

    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        (b.ty(x[0]).dtype == self.to).then_some(x[0])
    }

    fn rows(&self, _: &[&Type], y: &Type) -> Option<Rows> {
        (y.ndim() > 0).then(|| Rows::pointwise(1))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.apply(b, Arc::new(*self))
    }

    fn for_one_row(&self, _: &[&Type], _: &Type) -> Option<Op> {
        Some(Arc::new(*self))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Convert
    }
}

impl Linear for Convert {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], _: usize, dy: Value) -> Value {
        let from = b.ty(x[0]).dtype;
        b.convert(dy, from)
    }
}
