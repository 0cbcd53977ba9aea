//! Equations as graphs: the values of expressions, and derivatives against formulas.

mod common;

use common::{cpu, parse, trainer};
use tessera_pinn::expression::{self, Point};
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
