//! Equations as graphs: the values of expressions, and derivatives against formulas.

mod common;

use common::{cpu, folder, parse, trainer};
use tessera_core::exec::Function;
use tessera_core::ir::{Builder, Graph};
use tessera_core::{Tensor, text};
use tessera_pinn::case::{Case, Derivatives};
use tessera_pinn::expression::{self, Point};
use tessera_pinn::loss::Objective;
use tessera_pinn::solution::Grid;

fn case(ansatz: &str, equation: &str) -> String {
    format!(
        r#"
        title = "lowering"
        unknowns = ["u"]
        coordinates = {{ t = [0.25, 2], x = [-1, 1.5] }}
        parameters = {{ nu = 0.3 }}
        equation = [{{ text = "{equation}", points = 64 }}]
        ansatz = {{ u = "{ansatz}" }}
        network = {{ hidden = [3] }}
        optimiser = [{{ kind = "adam", steps = 1, learning_rate = 1e-3 }}]
        reference = {{ solution = {{ u = "0" }}, grid = {{ t = 8, x = 11 }} }}
        "#
    )
}

/// A graph of an expression gives the bits of [`expression::Expr::evaluate`].
#[test]
fn values_are_those_of_evaluation() {
    for text in [
        "x + t*2 - nu/t",
        "-x^2 + x^7 - t^-3 + x^0",
        "2^3^2*x + (1 + 2)*3",
        "t^x + t^2.5 + t^nu",
        "sin(x) + cos(pi*x)*tan(t)",
        "sinh(x)*1e3 + cosh(t) + tanh(x*t)",
        "exp(-t*x) + log(t + nu) + sqrt(t)",
        "abs(x) + min(x, t) + max(nu, x) - min(x, x) + max(2, 3)",
        "sinh(nu) + 1/3",
    ] {
        let case = parse(&case(text, "u = 0"));
        let expr = expression::parse(text, &case.scope()).unwrap();
        let grid = Grid::new(&case);
        let got = trainer(&case, cpu(2)).solution().predicted.remove(0);
        let parameters = case.parameter_values();
        for (i, got) in got.values::<f64>().iter().enumerate() {
            let at = Point { coordinates: &grid.point(i), unknowns: &[], parameters: &parameters };
            let want = expr.evaluate(&at).unwrap();
            assert_eq!(got.to_bits(), want.to_bits(), "{text} at {:?}: {got} and {want}", grid.point(i));
        }
    }
}

/// The residual of a true statement about an ansatz without network vanishes up to rounding.
#[test]
fn derivatives_are_those_of_calculus() {
    let wave = "sin(2*x)*exp(-3*t)";
    for (ansatz, equation) in [
        (wave, "u_t = -3*u"),
        (wave, "u_xx = -4*u"),
        (wave, "u_txx = 12*u"),
        (wave, "u_xtx = u_txx"),
        (wave, "u_xxxx = 16*u"),
        (wave, "u_tt*u_x = 18*cos(2*x)*exp(-3*t)*u"),
        ("t^3*x^2 + nu", "u_ttxx = 12*t"),
        ("t^3*x^2 + nu", "u_xxx = 0"),
        ("t^-2", "u_t = -2*t^-3"),
        ("tanh(x)/t + sqrt(t)", "u_x = (1 - tanh(x)^2)/t"),
        ("tan(x/2)", "u_x = (1 + u^2)/2"),
        ("sinh(x)*log(t)", "u_xx = u"),
        ("cosh(x)*t^nu", "u_t = nu*u/t"),
        ("max(x, t)^2 + abs(x)^3", "u_x = 2*max(x, t)*(1 + (x - t)/abs(x - t))/2 + 3*x*abs(x)"),
        ("x", "u_x = 1"),
        ("nu", "u_x = 0"),
    ] {
        let report = trainer(&parse(&case(ansatz, equation)), cpu(1)).step().unwrap();
        assert!(report.total < 1e-24, "{ansatz}: {equation} is off by {:e}", report.total.sqrt());
    }
    // And a false one does not.
    let report = trainer(&parse(&case(wave, "u_xx = -4.01*u")), cpu(1)).step().unwrap();
    assert!(report.total > 1e-8);
}

/// The graph of the loss and its gradient of a case, and arguments for it.
fn step(case: &Case, derivatives: Derivatives) -> (Graph, Vec<Tensor>) {
    let case = Case { derivatives, ..case.clone() };
    let trainer = trainer(&case, cpu(1));
    let mut b = Builder::new("step");
    let theta = b.input("theta", trainer.loss().theta());
    let inputs = trainer.loss().inputs(&mut b);
    let losses = trainer.loss().losses(&mut b, theta, &inputs).unwrap();
    let arguments = [trainer.theta()].into_iter().chain(trainer.arguments()).cloned().collect();
    (b.snapshot(vec![losses.total, losses.gradient]), arguments)
}

fn products(graph: &Graph) -> usize {
    graph.nodes().iter().filter(|node| node.op.name() == "matmul").count()
}

/// Where a sum of derivatives has nothing in common, collapsing changes no node, hence no bit.
#[test]
fn burgers_equation_is_as_it_was() {
    let case = Case::read(&folder().join("burgers.toml")).unwrap();
    let [collapsed, nested] = [Derivatives::Collapsed, Derivatives::Nested].map(|form| step(&case, form).0);
    assert!(text::print_graph(&collapsed) == text::print_graph(&nested));
}

#[test]
fn a_laplacian_is_collapsed_to_the_same_loss_and_gradient() {
    let vector = r#"
        title = "two fields behind an ansatz, with a coefficient"
        unknowns = ["u", "v"]
        coordinates = { x = [0, 1], y = [0, 1], z = [0, 2] }
        parameters = { nu = 0.3 }
        equation = [
            { text = "u*u_x + v*u_y = nu*(u_xx + u_yy + u_zz)", points = 64 },
            { text = "u*v_x + v*v_y = nu*(v_xx + v_yy + v_zz)", points = 64 },
        ]
        ansatz = { u = "x*(1 - x)*u" }
        network = { hidden = [7, 9, 8] }
        optimiser = [{ kind = "adam", steps = 1, learning_rate = 1e-3 }]
        "#;
    for case in [Case::read(&folder().join("poisson2d.toml")).unwrap(), parse(vector)] {
        let [(collapsed, arguments), (nested, _)] =
            [Derivatives::Collapsed, Derivatives::Nested].map(|form| step(&case, form));
        assert!(products(&collapsed) < products(&nested), "{}", case.title);
        let [got, want] = [collapsed, nested]
            .map(|graph| Function::new(graph, cpu(1)).call(&arguments.iter().collect::<Vec<_>>()).unwrap());
        for (got, want) in got.iter().zip(&want) {
            let (got, want) = (got.values::<f64>(), want.values::<f64>());
            let size = want.iter().fold(0.0, |size: f64, x| size.max(x.abs()));
            assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() <= 1e-13 * size), "{}", case.title);
        }
    }
}
