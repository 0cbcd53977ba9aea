use super::*;
use crate::exec::reference::run;
use crate::ir::{DType, Type};
use crate::tensor::Tensor;

fn vector(n: usize) -> Type {
    Type::new(DType::F64, [n])
}

#[test]
fn nested_directional_derivatives_grow_polynomially() {
    // u = tanh(3x) through one hidden layer; count nodes of the k-th derivative.
    let mut counts = Vec::new();
    for order in 1..=8 {
        let mut b = Builder::new("u");
        let x = b.input("x", vector(4));
        let one = b.ones_like(x);
        let y = b.tanh(x);
        let y = b.tanh(y);
        let mut d = y;
        for _ in 0..order {
            d = forward(&mut b, &[d], &[x], &[one]).unwrap()[0].unwrap();
        }
        counts.push(b.finish(vec![d]).nodes().len());
    }
    eprintln!("{counts:?}");
    // Doubling the order multiplies the count by at most 2^4: far from 2^k.
    assert!(counts[7] < 16 * counts[3], "{counts:?}");
}

#[test]
fn a_select_guards_first_and_second_order() {
    // f = Σ select(x > 0, log x, 0)
    let mut b = Builder::new("f");
    let x = b.input("x", vector(3));
    let zero = b.zeros_like(x);
    let mask = b.compare(crate::ops::Direction::Gt, x, zero);
    let log = b.log(x);
    let safe = b.select(mask, log, zero);
    let y = b.sum_all(safe);
    let seed = b.ones_like(y);
    let g = backward(&mut b, &[y], &[seed], &[x]).unwrap()[0].unwrap();
    let total = b.sum_all(g);
    let h = backward(&mut b, &[total], &[seed], &[x]).unwrap()[0].unwrap();
    let one = b.ones_like(x);
    let t = forward(&mut b, &[g], &[x], &[one]).unwrap()[0].unwrap();
    let graph = b.finish(vec![g, h, t]);
    let out = run(&graph, &[&Tensor::new([3], vec![2.0, 0.0, -1.0])]);
    assert_eq!(out[0].values::<f64>(), [0.5, 0.0, 0.0]);
    assert_eq!(out[1].values::<f64>(), [-0.25, 0.0, 0.0]);
    assert_eq!(out[2].values::<f64>(), [-0.25, 0.0, 0.0]);
}
