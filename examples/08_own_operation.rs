//! An operation of one's own: the value by any code, the derivatives by graph expressions.

use std::sync::Arc;
use tessera::ir::{Builder, Value};
use tessera::ops::{Calculus, Custom, Elementwise, Function, HandRules, custom};
use tessera::{F64, Tensor, Trace, Type};

/// The root of y + y³ = x, element by element: a function that has no formula in the table.
#[derive(Debug)]
struct Root;

impl Custom for Root {
    fn name(&self) -> &'static str {
        "cubic_root"
    }

    fn infer(&self, x: &[&Type]) -> Result<Type, String> {
        match x {
            [x] if x.dtype == F64 => Ok((*x).clone()),
            _ => Err(format!("cubic_root must have one operand of f64, got {x:?}")),
        }
    }

    fn evaluate(&self, x: &[&Tensor]) -> Tensor {
        // Newton's iteration from the far side of the root, whose steps do not overshoot.
        let root = |&x: &f64| (0..200).fold(x, |y, _| y - (y + y * y * y - x) / (1.0 + 3.0 * y * y));
        Tensor::new(x[0].shape(), x[0].values::<f64>().iter().map(root).collect())
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Rules(self)
    }
}

impl Root {
    /// v / (1 + 3y²): the derivative is diagonal, so it is its own transpose.
    fn scaled(b: &mut Builder, y: Value, v: Value) -> Value {
        let (one, three, square) = (b.ones_like(y), b.full_like(y, 3.0), b.mul(y, y));
        let slope = b.mul(three, square);
        let slope = b.add(one, slope);
        b.div(v, slope)
    }
}

impl HandRules for Root {
    fn differential(&self, b: &mut Builder, _: &[Value], y: Value, _: usize, dx: Value) -> Value {
        Root::scaled(b, y, dx)
    }

    fn adjoint(&self, b: &mut Builder, _: &[Value], y: Value, _: usize, dy: Value, _: bool) -> Value {
        Root::scaled(b, y, dy)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let trace = Trace::new("root");
    let x = trace.input("x", F64, [3]);
    let [y] = trace.apply(custom(Root), &[x]);
    let first = y.derivative(x);
    let second = first.derivative(x);
    let [gradient] = y.sum().gradient([x]);
    let f = trace.compile([y, first, second, gradient])?;

    // At x = 2, 10, −30 the root is 1, 2, −3.
    let results = f.call(&[&Tensor::new([3], vec![2.0, 10.0, -30.0])])?;
    let close = |got: &Tensor, want: [f64; 3]| {
        got.values::<f64>().iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-14)
    };
    assert!(close(&results[0], [1.0, 2.0, -3.0]));
    // y′ = 1 / (1 + 3y²) and y″ = −6y y′³, in forward mode; the gradient in reverse mode.
    assert!(close(&results[1], [1.0 / 4.0, 1.0 / 13.0, 1.0 / 28.0]));
    assert!(close(&results[2], [-6.0 / 64.0, -12.0 / 2197.0, 18.0 / 21952.0]));
    assert!(results[3].same_bits(&results[1]));
    println!("y' of y + y^3 = x at 2, 10, -30: {:?}", results[1].values::<f64>());

    // Any operation of the table joins the same way.
    let other = Trace::new("other");
    let x = other.input("x", F64, [1]);
    let [y] = other.apply(Arc::new(Elementwise(Function::Expm1)), &[x]);
    assert_eq!(other.compile([y])?.call(&[&Tensor::new([1], vec![1e-20])])?[0].values::<f64>(), [1e-20]);
    Ok(())
}
