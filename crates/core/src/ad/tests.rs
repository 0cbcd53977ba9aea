use super::*;
use crate::exec::reference::run;
use crate::ir::{DType, Graph, Type, Value};
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

/// A user's product of two vectors that states rules by hand: those that `modes` lists.
#[derive(Debug)]
struct Product {
    modes: &'static [crate::ops::Mode],
}

impl crate::ops::Custom for Product {
    fn name(&self) -> &'static str {
        "my_product"
    }
    fn infer(&self, x: &[&Type]) -> Result<Type, String> {
        match x {
            [a, b] if a.agrees(b) && a.dtype == DType::F64 => Ok((*a).clone()),
            _ => Err("my_product must have two f64 operands of one shape".into()),
        }
    }
    fn evaluate(&self, x: &[&Tensor]) -> Tensor {
        let pairs = x[0].values::<f64>().iter().zip(x[1].values::<f64>());
        Tensor::new(x[0].shape(), pairs.map(|(a, b)| a * b).collect())
    }
    fn calculus(&self) -> Calculus<'_> {
        Calculus::Rules(self)
    }
}

impl crate::ops::HandRules for Product {
    fn states(&self, mode: crate::ops::Mode) -> bool {
        self.modes.contains(&mode)
    }
    fn differential(&self, b: &mut Builder, x: &[Value], _: Value, i: usize, dx: Value) -> Value {
        b.mul(dx, x[1 - i])
    }
    fn adjoint(&self, b: &mut Builder, x: &[Value], _: Value, i: usize, dy: Value, _: bool) -> Value {
        b.mul(dy, x[1 - i])
    }
}

/// Σ sin(a · b), with the product by a user's operation or by the table's.
fn sum_of_products(modes: Option<&'static [crate::ops::Mode]>) -> Graph {
    let mut b = Builder::new("m");
    let (x, y) = (b.input("a", vector(3)), b.input("b", vector(3)));
    let product = match modes {
        Some(modes) => b.apply(crate::ops::custom(Product { modes }), &[x, y]),
        None => b.mul(x, y),
    };
    let sin = b.sin(product);
    let sum = b.sum_all(sin);
    b.finish(vec![sum])
}

#[test]
fn a_users_operation_has_the_derivatives_it_states() {
    use crate::ops::Mode::{Forward, Reverse};
    let inputs = [vec![0.5, -1.5, 2.0], vec![0.25, 1.0, -3.0], vec![1.0, 2.0, -1.0], vec![0.5, 0.0, 4.0]];
    let inputs = inputs.map(|v| Tensor::new([3], v));
    let values = |graph: &Graph| run(graph, &inputs.iter().take(graph.inputs().len()).collect::<Vec<_>>());
    let (own, table) = (sum_of_products(Some(&[Forward, Reverse])), sum_of_products(None));
    let wrt = |graph: &Graph| graph.inputs().iter().map(|input| input.value).collect::<Vec<_>>();
    let directions = ["da".to_string(), "db".to_string()];
    type Derive = fn(&Graph, &[Value], &[String]) -> Graph;
    let derive: [Derive; 3] = [
        |graph, wrt, _| adjoint(graph, wrt).unwrap(),
        |graph, wrt, _| jvp(graph, wrt).unwrap(),
        |graph, wrt, directions| hvp(graph, wrt, directions).unwrap(),
    ];
    for derive in derive {
        let got = values(&derive(&own, &wrt(&own), &directions));
        let want = values(&derive(&table, &wrt(&table), &directions));
        for (got, want) in got.iter().zip(&want) {
            for (a, b) in got.values::<f64>().iter().zip(want.values::<f64>()) {
                assert!((a - b).abs() <= 1e-14 * (1.0 + b.abs()), "{got:?} and {want:?}");
            }
        }
    }
    // A mode whose rule is not stated is refused, and no transpose is made up.
    let (tangent_only, cotangent_only) =
        (sum_of_products(Some(&[Forward])), sum_of_products(Some(&[Reverse])));
    assert!(jvp(&tangent_only, &wrt(&tangent_only)).is_ok());
    assert!(adjoint(&cotangent_only, &wrt(&cotangent_only)).is_ok());
    let refused = [
        (adjoint(&tangent_only, &wrt(&tangent_only)), "reverse mode needs its adjoint"),
        (jvp(&cotangent_only, &wrt(&cotangent_only)), "forward mode needs its differential"),
        (hvp(&cotangent_only, &wrt(&cotangent_only), &directions), "forward mode needs its differential"),
    ];
    for (result, why) in refused {
        let error = result.unwrap_err();
        assert_eq!(error.id, "ad-1");
        assert!(error.message.contains("`my_product`") && error.message.contains(why), "{error}");
        assert!(error.message.contains("reduce <- sin <- my_product"), "{error}");
    }
}

#[test]
fn a_norm_at_zero_has_the_derivative_zero_at_every_order() {
    let mut b = Builder::new("m");
    let x = b.input("x", vector(3));
    let y = b.apply(std::sync::Arc::new(crate::ops::Norm::default()), &[x]);
    let graph = b.finish(vec![y]);
    let gradient = adjoint(&graph, &[x]).unwrap();
    let second = hvp(&graph, &[x], &["v".to_string()]).unwrap();
    let (zero, v) = (Tensor::new([3], vec![0.0, -0.0, 0.0]), Tensor::new([3], vec![1.0, 2.0, 3.0]));
    assert!(run(&gradient, &[&zero])[0].values::<f64>().iter().all(|&g| g == 0.0));
    assert!(run(&second, &[&zero, &v])[0].values::<f64>().iter().all(|&h| h == 0.0));
}

/// The coefficients of `roots` along paths, at scalar inputs.
fn coefficients(
    build: impl Fn(&mut Builder, Value) -> Value,
    path: impl Fn(&mut Builder, Value) -> Path,
    order: usize,
    at: f64,
) -> Vec<f64> {
    let mut b = Builder::new("series");
    let x = b.input("x", Type::scalar(DType::F64));
    let y = build(&mut b, x);
    let path = path(&mut b, x);
    let made = series(&mut b, &[y], &[x], &[path], order).unwrap().remove(0);
    let outputs = made.into_iter().map(|c| c.unwrap_or_else(|| b.zeros_like(x))).collect();
    let graph = b.finish(outputs);
    run(&graph, &[&Tensor::scalar(at)]).iter().map(|t| t.values::<f64>()[0]).collect()
}

fn unit(b: &mut Builder, x: Value) -> Path {
    vec![Some(b.ones_like(x))]
}

#[test]
fn series_of_elementary_functions_are_those_of_the_books() {
    let close = |got: Vec<f64>, want: &[f64]| {
        let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 4e-16 * y.abs().max(1.0);
        assert!(got.len() == want.len() && got.iter().zip(want).all(near), "want {want:?}, got {got:?}");
    };
    close(coefficients(|b, x| b.exp(x), unit, 5, 0.0), &[1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0]);
    close(coefficients(|b, x| b.log(x), unit, 5, 1.0), &[1.0, -0.5, 1.0 / 3.0, -0.25, 0.2]);
    close(coefficients(|b, x| b.tanh(x), unit, 5, 0.0), &[1.0, 0.0, -1.0 / 3.0, 0.0, 2.0 / 15.0]);
    close(coefficients(|b, x| b.cos(x), unit, 4, 0.0), &[0.0, -0.5, 0.0, 1.0 / 24.0]);
    close(coefficients(|b, x| b.sqrt(x), unit, 4, 1.0), &[0.5, -0.125, 0.0625, -0.0390625]);
    close(coefficients(|b, x| b.reciprocal(x), unit, 4, 1.0), &[-1.0, 1.0, -1.0, 1.0]);
    let cube = |b: &mut Builder, x: Value| {
        let three = b.full_like(x, 3.0);
        b.pow(x, three)
    };
    close(coefficients(cube, unit, 5, 2.0), &[12.0, 6.0, 1.0, 0.0, 0.0]);
}

#[test]
fn a_path_may_bend_and_its_coefficients_may_depend_on_its_start() {
    // x(t) = x + x t + 3 t³, so that x² is x² + 2 x² t + x² t² + 6 x t³ + 6 x t⁴ + 0 t⁵ + 9 t⁶.
    let bend = |b: &mut Builder, x: Value| vec![Some(x), None, Some(b.full_like(x, 3.0))];
    let square = |b: &mut Builder, x: Value| b.mul(x, x);
    assert_eq!(coefficients(square, bend, 7, 2.0), [8.0, 4.0, 12.0, 12.0, 0.0, 9.0, 0.0]);
    // The largest of (x(t), 5): rules derived by hand take the same path.
    let largest = |b: &mut Builder, x: Value| {
        let five = b.full_like(x, 5.0);
        let [x, five] = [x, five].map(|v| b.reshape(v, &[1]));
        let both = b.concat(&[x, five], 0);
        b.reduce(crate::ops::Reduction::Max, both, &[0])
    };
    assert_eq!(coefficients(largest, bend, 4, 6.0), [6.0, 0.0, 3.0, 0.0]);
    assert_eq!(coefficients(largest, bend, 4, 4.0), [0.0; 4]);
    // A value that is its own path.
    assert_eq!(coefficients(|_, x| x, bend, 4, 4.0), [4.0, 0.0, 3.0, 0.0]);
}

#[test]
fn zero_coefficients_are_no_nodes() {
    let mut b = Builder::new("m");
    let [x, w] = ["x", "w"].map(|name| b.input(name, vector(3)));
    let y = b.mul(x, w);
    let one = b.ones_like(x);
    let before = b.graph().nodes().len();
    let made = series(&mut b, &[y, w], &[x], &[vec![Some(one)]], 5).unwrap();
    assert_eq!(made, [vec![Some(w), None, None, None, None], vec![None; 5]]);
    assert_eq!(b.graph().nodes().len(), before);
}

#[test]
fn wrong_orders_and_paths_are_errors_and_a_missing_rule_has_its_path() {
    let mut b = Builder::new("m");
    let [x, w] = [("x", 3), ("w", 4)].map(|(name, n)| b.input(name, vector(n)));
    let y = b.sin(x);
    let filtered = b.apply(std::sync::Arc::new(Opaque), &[y]);
    let id = |result: Result<_, AdError>| result.map(|_: Vec<Path>| ()).map_err(|error| error.id);
    let along = vec![Some(x)];
    assert_eq!(id(series(&mut b, &[y], &[x], std::slice::from_ref(&along), 64)), Ok(()));
    assert_eq!(id(series(&mut b, &[y], &[x], std::slice::from_ref(&along), 0)), Err("taylor-1"));
    assert_eq!(id(series(&mut b, &[y], &[x], std::slice::from_ref(&along), 65)), Err("taylor-1"));
    assert_eq!(id(series(&mut b, &[y], &[x], &[], 2)), Err("taylor-2"));
    assert_eq!(id(series(&mut b, &[y], &[x], &[vec![None, Some(w)]], 2)), Err("taylor-2"));
    let error = series(&mut b, &[filtered], &[x], &[along], 2).unwrap_err();
    assert_eq!(error.id, "ad-1");
    assert!(error.message.ends_with("from the output by my_filter"), "{}", error.message);
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
