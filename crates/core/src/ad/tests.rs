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

/// A user's operation without a derivative.
#[derive(Clone, Debug)]
struct Opaque;

impl crate::ops::Rule for Opaque {
    fn name(&self) -> &'static str {
        "my_filter"
    }
    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, crate::ops::Violation> {
        Ok(vec![x[0].clone()])
    }
    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        vec![x[0].clone()]
    }
    fn batch(&self, b: &mut Builder, x: &crate::ops::Batch) -> Result<Vec<Value>, crate::ops::Violation> {
        x.apply(b, std::sync::Arc::new(self.clone()))
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Missing("it states no rule")
    }
}

#[test]
fn an_operation_without_a_rule_is_named_with_the_path_to_it() {
    let mut b = Builder::new("m");
    let x = b.input("x", vector(3));
    let filtered = b.apply(std::sync::Arc::new(Opaque), &[x]);
    b.set_name(filtered, "f");
    let y = b.sin(filtered);
    b.set_name(y, "y");
    let z = b.sum_all(y);
    let graph = b.finish(vec![z]);
    let want = "`my_filter` must have a derivative: it states no rule; \
                reached from the output by reduce <- sin %y <- my_filter %f";
    let wrt = [graph.inputs()[0].value];
    for result in [adjoint(&graph, &wrt), jvp(&graph, &wrt)] {
        let error = result.unwrap_err();
        assert_eq!((error.id, error.message.as_str()), ("ad-1", want));
    }
    // Where no derivative passes through it, it is no obstacle.
    let mut b = Builder::new("n");
    let x = b.input("x", vector(3));
    let w = b.input("w", vector(3));
    let filtered = b.apply(std::sync::Arc::new(Opaque), &[x]);
    let product = b.mul(filtered, w);
    let z = b.sum_all(product);
    let graph = b.finish(vec![z]);
    assert!(adjoint(&graph, &[graph.inputs()[1].value]).is_ok());
}

#[test]
fn the_adjoint_of_the_guide_is_the_cosine() {
    let mut b = Builder::verbatim("m");
    let x = b.input("x", Type::new(DType::F32, [crate::ir::Extent::Dynamic]));
    let y = b.sin(x);
    let z = b.sum_all(y);
    let graph = b.finish(vec![z]);
    let gradient = adjoint(&graph, &[x]).unwrap();
    let names: Vec<&str> = gradient.nodes().iter().map(|n| n.op.name()).collect();
    assert_eq!(names, ["cos"]);
}

#[test]
fn uses_are_added_in_their_order() {
    // z = ((x·a) + (x·b)) + (x·c): the cotangent of x is (a + b) + c, in that order.
    let mut b = Builder::new("m");
    let x = b.input("x", vector(1));
    let names = ["a", "b", "c"].map(|name| b.input(name, vector(1)));
    let products = names.map(|v| b.mul(x, v));
    let sum = b.add(products[0], products[1]);
    let sum = b.add(sum, products[2]);
    let z = b.sum_all(sum);
    let seed = b.ones_like(z);
    let g = backward(&mut b, &[z], &[seed], &[x]).unwrap()[0].unwrap();
    let graph = b.finish(vec![g]);
    let one = |v: f64| Tensor::new([1], vec![v]);
    let out = run(&graph, &[&one(0.0), &one(1e16), &one(1.0), &one(-1e16)]);
    // 1e16 + 1 rounds to 1e16, so any other order would give 1 here.
    assert_eq!(out[0].values::<f64>(), [0.0]);
}

#[test]
fn misuse_is_an_error_with_its_law() {
    let mut b = Builder::new("m");
    let x = b.input("x", vector(3));
    let i = b.input("i", Type::new(DType::I64, [3]));
    let y = b.sin(x);
    let graph = b.finish(vec![y]);
    let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let open = crate::ir::Extent::Dynamic;
    let id = |result: Result<Graph, AdError>| result.unwrap_err().id;
    for wrt in [&[][..], &[x, x], &[i], &[y]] {
        assert_eq!(id(adjoint(&graph, wrt)), "ad-2", "{wrt:?}");
        assert_eq!(id(jvp(&graph, wrt)), "ad-2", "{wrt:?}");
        assert_eq!(id(jacobian(&graph, wrt, None)), "ad-2", "{wrt:?}");
        assert_eq!(id(hessian(&graph, wrt, None)), "ad-2", "{wrt:?}");
        assert_eq!(linearize(&graph, wrt).unwrap_err().id, "ad-2", "{wrt:?}");
    }
    assert_eq!(id(vmap(&graph, &[], open)), "ad-2");
    assert_eq!(id(vmap(&graph, &[y], open)), "ad-2");
    assert_eq!(id(hvp(&graph, &[x], &[])), "ad-4");
    assert_eq!(id(jmp(&graph, &[x], &names(&["u", "v"]), &[], open)), "ad-4");
    assert_eq!(id(vjp(&graph, &[x], &names(&["u", "v"]))), "ad-4");
    assert_eq!(id(vmap(&graph, &[x], crate::ir::Extent::Static(1 << 47))), "type-2");
    let mut b = Builder::new("wide");
    let x = b.input("x", vector(1 << 25));
    let y = b.sin(x);
    let wide = b.finish(vec![y]);
    assert_eq!(id(jacobian(&wide, &[x], None)), "type-2");
}

#[test]
fn what_depends_on_no_direction_is_computed_once() {
    let mut b = Builder::new("m");
    let x = b.input("x", vector(3));
    let y = b.exp(x);
    let z = b.sum_all(y);
    let graph = b.finish(vec![z]);
    let names = ["v".to_string()];
    let many = jmp(&graph, &[x], &names, &[], crate::ir::Extent::Static(7)).unwrap();
    let exps: Vec<String> = many
        .nodes()
        .iter()
        .filter(|node| node.op.name() == "exp")
        .map(|node| many.ty(node.results[0]).to_string())
        .collect();
    assert_eq!(exps, ["tensor<3xf64>"]);
}
