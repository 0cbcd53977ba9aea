//! Mixed mode: the product of a Hessian with a vector, reverse over forward.

use tessera::{F64, Tensor, Trace};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Rosenbrock's function of n variables.
    let n = 6;
    let trace = Trace::new("rosenbrock");
    let x = trace.input("x", F64, [n]);
    let v = trace.input("v", F64, [n]);
    let (head, tail) = (x.slice(0, 0..n - 1), x.slice(0, 1..n));
    let (bend, rest) = (tail - head * head, 1.0 - head);
    let f = (100.0 * bend * bend + rest * rest).sum();
    let [hv] = f.tangent(x, v).gradient([x]);
    let product = trace.compile([hv])?;

    // At the minimum (1, …, 1) the Hessian is tridiagonal: 802 on the diagonal's start, −400 beside it.
    let ones = Tensor::new([n], vec![1.0; n]);
    let mut first = vec![0.0; n];
    first[0] = 1.0;
    let column = product.call(&[&ones, &Tensor::new([n], first)])?.remove(0);
    println!("first column of the Hessian: {:?}", column.values::<f64>());
    assert_eq!(column.values::<f64>(), [802.0, -400.0, 0.0, 0.0, 0.0, 0.0]);
    Ok(())
}
