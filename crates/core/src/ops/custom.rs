//! Operations that users write: any function of tensors, with the derivatives that they state.

use super::*;

/// A user's operation with one result. [`custom`] makes an [`Op`] of it, which joins every transformation that its
/// calculus allows.
///
/// A graph shares equal nodes: two operations with one name and equal attributes must be the same function, and
/// `evaluate` must give the same bits for the same operands. Text cannot name such an operation.
///
/// ```
/// use std::sync::Arc;
/// use tessera_core::ir::{Builder, Value};
/// use tessera_core::ops::{Calculus, Custom, Slope, Slopes, custom};
/// use tessera_core::{DType, Tensor, Type, ad, exec};
///
/// /// x³, elementwise, on f64.
/// #[derive(Debug)]
/// struct Cube;
///
/// impl Custom for Cube {
///     fn name(&self) -> &'static str {
///         "cube"
///     }
///     fn infer(&self, x: &[&Type]) -> Result<Type, String> {
///         match x {
///             [x] if x.dtype == DType::F64 => Ok((*x).clone()),
///             _ => Err("cube must have one operand of f64".into()),
///         }
///     }
///     fn evaluate(&self, x: &[&Tensor]) -> Tensor {
///         let cubes = x[0].values::<f64>().iter().map(|x| x * x * x).collect();
///         Tensor::new(x[0].shape(), cubes)
///     }
///     fn calculus(&self) -> Calculus<'_> {
///         Calculus::Slopes(self)
///     }
/// }
///
/// impl Slopes for Cube {
///     fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
///         let (three, square) = (b.full_like(x[0], 3.0), b.mul(x[0], x[0]));
///         Slope::Is(b.mul(three, square))
///     }
/// }
///
/// let mut b = Builder::new("f");
/// let x = b.input("x", Type::new(DType::F64, [2]));
/// let y = b.apply(custom(Cube), &[x]);
/// let y = b.sum_all(y);
/// let gradient = ad::adjoint(&b.finish(vec![y]), &[x])?;
/// let g = exec::Function::new(gradient, exec::Backend::default()).call(&[&Tensor::new([2], vec![1.0, 2.0])])?;
/// assert_eq!(g[0].values::<f64>(), [3.0, 12.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Custom: Debug + Send + Sync + 'static {
    /// What errors and printed graphs call it.
    fn name(&self) -> &'static str;

    /// What tells it from other operations of its name.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    /// The result's type, or what must hold of the operands.
    fn infer(&self, x: &[&Type]) -> Result<Type, String>;

    /// The result for operands that `infer` accepts; it must be of the type that `infer` says.
    fn evaluate(&self, x: &[&Tensor]) -> Tensor;

    /// What is known of its derivative. [`Calculus::Rules`] states a differential, an adjoint or both by hand: a mode
    /// whose rule is not stated is refused, and no transpose is made up from a differential. [`Calculus::Linear`] and
    /// [`Calculus::Slopes`] give every mode. [`Calculus::Expansion`] is for operations of the table and is refused.
    fn calculus(&self) -> Calculus<'_>;

    /// The operation at every position of a batch; see [`Rule::batch`].
    ///
    /// # Errors
    /// `custom-2` unless it is stated.
    fn batch(&self, _b: &mut Builder, _x: &Batch) -> Result<Vec<Value>, Violation> {
        let message = format!("`{}` must say what it is in a batch", self.name());
        Err(Violation::new("custom-2", message)
            .help("implement `batch`, or use the operation outside of `vmap`"))
    }
}

pub(super) const CONSTRAINTS: &[Constraint] = &[
    Constraint {
        id: "custom-1",
        law: "a user's operation accepts its operands",
        mend: "read what the operation says of its operands",
    },
    Constraint {
        id: "custom-2",
        law: "a user's operation in a batch says what it is there",
        mend: "implement `Custom::batch`",
    },
];

/// `operation` as an [`Op`].
pub fn custom(operation: impl Custom) -> Op {
    Arc::new(User(operation))
}

/// A user's operation as a rule.
#[derive(Debug)]
struct User<C>(C);

impl<C: Custom> Rule for User<C> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn attributes(&self) -> Attributes {
        self.0.attributes()
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        if super::entry(self.0.name()).is_some() {
            let got = format!("a user's operation must have a name of its own, got `{}`", self.0.name());
            return Err(Violation::new("custom-1", got));
        }
        self.0.infer(x).map(|ty| vec![ty]).map_err(|message| Violation::new("custom-1", message))
    }

    /// # Panics
    /// If the user's `evaluate` gives another type than the user's `infer`: engines rely on it.
    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let types: Vec<Type> = x.iter().map(|x| x.ty()).collect();
        let y = self.0.evaluate(x);
        let want = self.0.infer(&types.iter().collect::<Vec<_>>());
        assert_eq!(Ok(y.ty()), want, "`{}` must give the type that its `infer` says", self.name());
        vec![y]
    }

    fn calculus(&self) -> Calculus<'_> {
        match self.0.calculus() {
            Calculus::Expansion => Calculus::Missing("a user's operation has no expansion"),
            calculus => calculus,
        }
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        self.0.batch(b, x)
    }
}
