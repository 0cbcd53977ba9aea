use super::*;
use crate::ir::Builder;
use crate::ops::{Calculus, Rule, Slope, Slopes, Violation};
use std::sync::Arc;

fn vector(dtype: DType, n: usize) -> Type {
    Type::new(dtype, [n])
}

fn inputs(graph: &Graph) -> Vec<Tensor> {
    draw_inputs(graph, &Options { range: Some((0.3, 1.2)), ..Options::default() })
}

/// sin, or its square, with a slope that may be wrong.
#[derive(Clone, Debug)]
struct Sine {
    slope: fn(&mut Builder, Value) -> Value,
}

impl Rule for Sine {
    fn name(&self) -> &'static str {
        "test_sine"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![x[0].clone()])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let values = x[0].values::<f64>().iter().map(|x| x.sin()).collect();
        vec![Tensor::new(x[0].shape(), values)]
    }

    fn batch(&self, b: &mut Builder, x: &crate::ops::Batch) -> Result<Vec<Value>, crate::ops::Violation> {
        x.apply(b, Arc::new(self.clone()))
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Slopes(self)
    }
}

impl Slopes for Sine {
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
        Slope::Is((self.slope)(b, x[0]))
    }
}

fn report_for(slope: fn(&mut Builder, Value) -> Value) -> GradientReport {
    let mut b = Builder::new("f");
    let x = b.input("x", vector(DType::F64, 5));
    let y = b.push(Arc::new(Sine { slope }), &[x]).unwrap()[0];
    let y = b.mul(y, x);
    let y = b.sum_all(y);
    let graph = b.finish(vec![y]);
    check_gradients(&graph, &[x], &inputs(&graph), &Options::default()).unwrap()
}

#[test]
fn a_right_slope_passes() {
    let report = report_for(|b, x| b.cos(x));
    assert!(report.checks.iter().all(|c| c.verdict() == Verdict::Agrees), "{report}");
    assert_eq!(report.checks.len(), 5);
}

#[test]
fn a_wrong_slope_is_caught_and_named() {
    // Off by one part in a million, by its sign, by a constant.
    let wrong: [fn(&mut Builder, Value) -> Value; 3] = [
        |b, x| {
            let c = b.cos(x);
            let f = b.full_like(x, 1.0 + 1e-6);
            b.mul(c, f)
        },
        |b, x| {
            let c = b.cos(x);
            b.neg(c)
        },
        |b, x| b.zeros_like(x),
    ];
    for slope in wrong {
        let report = report_for(slope);
        assert!(!report.passed(), "{report}");
        let gradient = &report.checks[0];
        assert_eq!((gradient.verdict(), gradient.differing), (Verdict::Differs, 5), "{report}");
        let worst = gradient.worst.as_ref().unwrap();
        assert!(gradient.error > gradient.bound && worst.derived != worst.numeric);
        assert!(report.to_string().contains("differs at ["), "{report}");
    }
}

#[test]
fn a_slope_that_is_not_finite_is_caught() {
    let report = report_for(|b, x| {
        let zero = b.zeros_like(x);
        b.div(zero, zero)
    });
    assert!(!report.passed(), "{report}");
}

/// A sum whose transpose forgets a factor: the identity between the modes breaks.
#[derive(Clone, Debug)]
struct Doubled;

impl Rule for Doubled {
    fn name(&self) -> &'static str {
        "test_doubled"
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        Ok(vec![x[0].clone()])
    }

    fn evaluate(&self, x: &[&Tensor]) -> Vec<Tensor> {
        let values = x[0].values::<f64>().iter().map(|x| 2.0 * x).collect();
        vec![Tensor::new(x[0].shape(), values)]
    }

    fn batch(&self, b: &mut Builder, x: &crate::ops::Batch) -> Result<Vec<Value>, crate::ops::Violation> {
        x.apply(b, Arc::new(self.clone()))
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Linear(self)
    }
}

impl crate::ops::Linear for Doubled {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, _: &mut Builder, _: &[Value], _: usize, dy: Value) -> Value {
        dy
    }
}

#[test]
fn a_wrong_transpose_breaks_the_identity() {
    let mut b = Builder::new("f");
    let x = b.input("x", vector(DType::F64, 4));
    let y = b.push(Arc::new(Doubled), &[x]).unwrap()[0];
    let graph = b.finish(vec![y]);
    let report = check_gradients(&graph, &[x], &inputs(&graph), &Options::default()).unwrap();
    let verdicts: Vec<Verdict> = report.checks.iter().map(Check::verdict).collect();
    let [agrees, differs] = [Verdict::Agrees, Verdict::Differs];
    assert_eq!(verdicts, [differs, agrees, differs, agrees], "{report}");
}

#[test]
fn a_wrong_transpose_breaks_the_symmetry_of_second_derivatives() {
    // (Σ x) (Σ 2 c x): of the two terms of its Hessian, 1 (2c)ᵀ and (2c) 1ᵀ, one loses its factor.
    let mut b = Builder::new("f");
    let x = b.input("x", vector(DType::F64, 4));
    let c = b.constant(Tensor::new([4], vec![1.0, 2.0, 3.0, 4.0]));
    let scaled = b.mul(c, x);
    let doubled = b.push(Arc::new(Doubled), &[scaled]).unwrap()[0];
    let (left, right) = (b.sum_all(x), b.sum_all(doubled));
    let y = b.mul(left, right);
    let graph = b.finish(vec![y]);
    let report = check_gradients(&graph, &[x], &inputs(&graph), &Options::default()).unwrap();
    let symmetry = report.checks.last().unwrap();
    assert_eq!(symmetry.what, "⟨u, H v⟩ = ⟨v, H u⟩");
    assert_eq!(symmetry.verdict(), Verdict::Differs, "{report}");
}

#[test]
fn every_function_passes_at_both_precisions() {
    type Build = fn(&mut Builder, Value) -> Value;
    let functions: [(&str, Build); 12] = [
        ("exp", |b, x| b.exp(x)),
        ("log", |b, x| b.log(x)),
        ("sqrt", |b, x| b.sqrt(x)),
        ("sin", |b, x| b.sin(x)),
        ("tanh", |b, x| b.tanh(x)),
        ("sigmoid", |b, x| b.sigmoid(x)),
        ("abs", |b, x| b.abs(x)),
        ("reciprocal", |b, x| b.reciprocal(x)),
        ("pow", |b, x| b.pow(x, x)),
        ("div", |b, x| {
            let one = b.ones_like(x);
            let below = b.add(one, x);
            b.div(x, below)
        }),
        ("softmax", |b, x| b.apply(Arc::new(crate::ops::Softmax), &[x])),
        ("logsumexp", |b, x| b.apply(Arc::new(crate::ops::LogSumExp), &[x])),
    ];
    for dtype in [DType::F64, DType::F32] {
        for (name, build) in functions {
            let mut b = Builder::new(name);
            let x = b.input("x", vector(dtype, 6));
            let y = build(&mut b, x);
            let y = b.tanh(y);
            let y = b.sum_all(y);
            let graph = b.finish(vec![y]);
            let report = check_gradients(&graph, &[x], &inputs(&graph), &Options::default()).unwrap();
            assert!(report.checks.iter().all(|c| c.verdict() == Verdict::Agrees), "{dtype} {report}");
            let bound = report.checks[0].bound;
            assert!(bound < if dtype == DType::F64 { 1e-8 } else { 1e-2 }, "{dtype} {report}");
        }
    }
}

#[test]
fn a_kink_is_unclear_and_not_wrong() {
    let mut b = Builder::new("f");
    let x = b.input("x", vector(DType::F64, 3));
    let y = b.relu(x);
    let y = b.sum_all(y);
    let graph = b.finish(vec![y]);
    let inputs = [Tensor::new([3], vec![0.0, 1e-6, 0.5])];
    let report = check_gradients(&graph, &[x], &inputs, &Options::default()).unwrap();
    assert_eq!(report.checks[0].verdict(), Verdict::Unclear, "{report}");
    assert_eq!(report.checks[0].unclear, 2, "{report}");
    assert!(report.passed());
}

#[test]
fn statements_are_checked_inside_the_domain() {
    let text = "\
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf64>
  %n = tgraph.arg : tensor<?xi32>
  %l = tgraph.log %x
  %y = tgraph.reduce %l {op = \"sum\"}
  tgraph.return %y
}
tgraph.adjoint @m wrt(%x) -> @g
tgraph.jvp @g wrt(%x) -> @gj
tgraph.hvp @m wrt(%x) dir(%v) -> @h
tgraph.taylor @m wrt(%x) order(3) -> @t
";
    let source = crate::diagnostic::Source::new("m", text);
    let program = crate::text::check(&source).unwrap();
    let expanded = crate::ad::expand(&program).unwrap();
    for statement in &program.transforms {
        let report = check_statement(&expanded, statement, &Options::default()).unwrap();
        // The logarithm has no negative arguments, its derivative has.
        assert_eq!(report.range, if report.source == "g" { (-1.0, 1.0) } else { (0.25, 1.25) });
        assert!(report.checks.iter().all(|c| c.verdict() == Verdict::Agrees), "{report}");
        let outside = Options { range: Some((-1.0, -0.5)), ..Options::default() };
        let report = check_statement(&expanded, statement, &outside).unwrap();
        assert_eq!(report.finite, report.source == "g", "{report}");
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn large_inputs_are_sampled() {
    let mut b = Builder::new("f");
    let x = b.input("x", vector(DType::F64, 1000));
    let y = b.sin(x);
    let y = b.sum_all(y);
    let graph = b.finish(vec![y]);
    let options = Options { elements_max: 17, ..Options::default() };
    let report = check_gradients(&graph, &[x], &inputs(&graph), &options).unwrap();
    assert_eq!((report.checks[0].elements, report.checks[0].total), (17, 1000));
    assert!(report.passed() && report.to_string().contains("17 of 1000"), "{report}");
    let none = Tensor::new([0], Vec::<f64>::new());
    assert!(check_gradients(&graph, &[x], &[none], &options).is_err());
}

#[test]
fn a_wrong_coefficient_is_caught_and_named() {
    let text = "\
tgraph.module @m {
  %x = tgraph.arg : f64
  %y = tgraph.exp %x
  tgraph.return %y, %x
}
tgraph.taylor @m wrt(%x) order(3) -> @t
";
    let source = crate::diagnostic::Source::new("m", text);
    let program = crate::text::check(&source).unwrap();
    let mut expanded = crate::ad::expand(&program).unwrap();
    let right = check_statement(&expanded, &program.transforms[0], &Options::default()).unwrap();
    assert_eq!((right.checks.len(), right.passed()), (6, true), "{right}");
    // The third coefficient of %y in place of the second.
    let mut b = Builder::new("t");
    let inputs = b.copy_inputs(&expanded.modules["t"]);
    let mut outputs = b.inline(&expanded.modules["t"], &inputs).unwrap();
    outputs[2] = outputs[3];
    expanded.modules["t"] = b.finish(outputs).into();
    let wrong = check_statement(&expanded, &program.transforms[0], &Options::default()).unwrap();
    let failed: Vec<&str> =
        wrong.checks.iter().filter(|c| c.verdict() == Verdict::Differs).map(|c| c.what.as_str()).collect();
    assert_eq!(failed, ["coefficient 2 of %y", "coefficient 3 of %y"]);
}
