//! What the parser builds, and every error it reports.

use super::*;

fn scope() -> Scope {
    Scope::new(&["t", "x"], &["u", "p"], &["nu", "D_1"])
}

/// The tree as an S-expression of names.
fn tree(expr: &Expr, scope: &Scope) -> String {
    match &expr.node {
        Node::Number(value) => format!("{value}"),
        Node::Symbol(Symbol::Coordinate(i)) => scope.coordinates[*i].clone(),
        Node::Symbol(Symbol::Unknown(i)) => scope.unknowns[*i].clone(),
        Node::Symbol(Symbol::Parameter(i)) => scope.parameters[*i].clone(),
        Node::Derivative { unknown, by } => {
            let by: Vec<&str> = by.iter().map(|&i| scope.coordinates[i].as_str()).collect();
            format!("d{}/{}", scope.unknowns[*unknown], by.join(","))
        }
        Node::Negate(a) => format!("(- {})", tree(a, scope)),
        Node::Binary(op, a, b) => format!("({op:?} {} {})", tree(a, scope), tree(b, scope)),
        Node::Call(f, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(|a| tree(a, scope)).collect();
            format!("({} {})", f.name(), arguments.join(" "))
        }
    }
}

fn parsed(text: &str) -> String {
    tree(&parse_equation(text, &scope()).unwrap_or_else(|e| panic!("{text}: {e:?}")), &scope())
}

#[test]
fn trees() {
    for (text, expected) in [
        ("u_t + u*u_x", "(Add du/t (Multiply u du/x))"),
        ("u_t = nu*u_xx", "(Subtract du/t (Multiply nu du/x,x))"),
        ("u_xt", "du/t,x"),
        ("u_tx", "du/t,x"),
        ("D_1*p_x", "(Multiply D_1 dp/x)"),
        ("-u^2", "(- (Power u 2))"),
        ("2*-u", "(Multiply 2 (- u))"),
        ("u^-x^2", "(Power u (- (Power x 2)))"),
        ("max(u, 0) - sin (x)", "(Subtract (max u 0) (sin x))"),
        ("1e3 + 2.5E-1", "(Add 1000 0.25)"),
    ] {
        assert_eq!(parsed(text), expected, "{text}");
    }
}

#[test]
fn long_coordinate_names_differentiate_too() {
    let scope = Scope::new(&["r", "theta"], &["T"], &[]);
    let expr = parse("T_rthetatheta", &scope).unwrap();
    assert_eq!(expr.node, Node::Derivative { unknown: 0, by: vec![0, 1, 1] });
    let clash = Scope::new(&["x", "xx"], &["u"], &[]);
    let errors = parse("u_xx", &clash).unwrap_err();
    assert_eq!(errors[0].message, "subscript must have one reading, got `xx` with several");
}

#[test]
fn spans_are_bytes_of_the_text() {
    let text = " u_t + (u * u_x)";
    let expr = parse(text, &scope()).unwrap();
    assert_eq!(expr.span, 1..text.len());
    let Node::Binary(Binary::Add, left, right) = &expr.node else { panic!("{expr:?}") };
    assert_eq!((&text[left.span.clone()], &text[right.span.clone()]), ("u_t", "(u * u_x)"));
}

/// `text`, then for each error `span text: message [label] (help)`.
fn errors(text: &str) -> Vec<String> {
    let errors = parse_equation(text, &scope()).unwrap_err();
    errors
        .into_iter()
        .map(|e| {
            let mut line = format!("{}: {}", &text[e.span], e.message);
            if !e.label.is_empty() {
                line += &format!(" [{}]", e.label);
            }
            if !e.help.is_empty() {
                line += &format!(" ({})", e.help);
            }
            line
        })
        .collect()
}

#[test]
fn all_unknown_names_are_reported() {
    assert_eq!(
        errors("u_y + mu*v_x + foo"),
        [
            "u_y: derivative must be by coordinates, got `y` in `u_y` [`y` is no coordinate] \
             (the coordinates are `t` and `x`; `u_xx` differentiates twice by `x`)",
            "mu: name must be a coordinate, unknown, parameter or `pi`, got `mu` (did you mean `nu`?)",
            "v_x: name must be a coordinate, unknown, parameter or `pi`, got `v_x` \
             (known here: `t`, `x`, `u`, `p`, `nu`, `D_1` and `pi`)",
            "foo: name must be a coordinate, unknown, parameter or `pi`, got `foo` \
             (known here: `t`, `x`, `u`, `p`, `nu`, `D_1` and `pi`)",
        ]
    );
}

#[test]
fn errors_say_what_must_hold() {
    for (text, expected) in [
        ("u_xy", "u_xy: derivative must be by coordinates, got `xy` in `u_xy` [`y` is no coordinate]"),
        ("u_", "u_: derivative must be by coordinates, got `` in `u_` [nothing stands after the `_`]"),
        (
            "2 u",
            "u: expression must continue with an operator, `=` or the end, got `u` (join factors by `*`)",
        ),
        ("u**2", "*: expression must continue with a number, a name or `(`, got `*` (write `^` for a power)"),
        ("u +", ": expression must continue with a number, a name or `(`, got the end"),
        ("", ": expression must continue with a number, a name or `(`, got the end"),
        (
            "(u + 1",
            "(: expression must continue with an operator or `)`, got the end [this `(` is never closed]",
        ),
        (
            "u = 1 = 2",
            "=: expression must continue with an operator or the end, got `=` (an equation has at most one `=`)",
        ),
        (
            "u & p",
            "&: expression must be made of numbers, names and operators, got `&` (operators are + - * / ^ ( ) , and =)",
        ),
        ("1e999", "1e999: number must be finite and decimal, got `1e999`"),
        (".", ".: number must be finite and decimal, got `.`"),
        ("sn(x)", "sn: function must be known, got `sn` (did you mean `sin`?)"),
        ("ln(x)", "ln: function must be known, got `ln` (write `log` for the natural logarithm)"),
        (
            "u(x)",
            "u: function must be known, got `u` (write `u` without arguments, or `u*(…)` for a product)",
        ),
        ("sin x", "sin: function must be followed by `(`, got `sin` alone (write `sin(…)`)"),
        ("max(u)", "max(u): arguments of `max` must number 2, got 1"),
        ("sin(x, t)", "sin(x, t): arguments of `sin` must number 1, got 2"),
    ] {
        let got = errors(text);
        assert!(got[0].starts_with(expected), "{text}:\n got {}\nwant {expected}", got[0]);
    }
}

/// Deep texts are refused, not overflowed on.
#[test]
fn depth_is_bounded() {
    let scope = scope();
    for (open, close) in [("(", ")"), ("-", ""), ("2^", ""), ("sin(", ")")] {
        let text = format!("{}x{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(parse(&text, &scope).unwrap_err().last().unwrap().id, "expression-depth");
    }
    let sum = "x+".repeat(100_000) + "x";
    assert_eq!(parse(&sum, &scope).unwrap_err()[0].id, "expression-depth");
    assert!(parse(&("x+".repeat(150) + "x"), &scope).is_ok());
}

/// Any short text of these pieces gives a value or an error, never a panic, with spans in the text.
#[test]
fn nonsense_is_answered() {
    let pieces = ["u", "u_x", "(", ")", "1", "e5", ".", "^", "-", "*", "=", ",", "é", "sin", "_", " ", "$"];
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            text += pieces[(state >> 33) as usize % pieces.len()];
        }
        if let Err(errors) = parse_equation(&text, &scope()) {
            assert!(!errors.is_empty());
            errors.iter().for_each(|e| assert!(text.get(e.span.clone()).is_some(), "{text}: {e:?}"));
        }
    }
}

fn value(text: &str) -> f64 {
    let scope = Scope::new(&["x"], &["u"], &["nu"]);
    let expr = parse(text, &scope).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    let point = Point { coordinates: &[0.5], unknowns: &[3.0], parameters: &[0.25] };
    expr.evaluate(&point).unwrap()
}

#[test]
fn values_follow_the_written_order() {
    assert_eq!(value("1 - 2 - 3"), -4.0);
    assert_eq!(value("2/4/8"), 0.0625);
    assert_eq!(value("-x^2"), -0.25);
    assert_eq!(value("2^3^2"), 512.0);
    assert_eq!(value("2^-2"), 0.25);
    assert_eq!(value("(-8)^3"), -512.0);
    assert_eq!(value("4^x"), 2.0);
    assert_eq!(value("--u"), 3.0);
    assert_eq!(value("1e-2*u"), 1e-2 * 3.0);
    assert_eq!(value(".5 + 2."), 2.5);
    assert_eq!(value("0.01/pi"), 0.01 / std::f64::consts::PI);
    assert_eq!(value("0.1 + 0.2 + 0.3"), (0.1 + 0.2) + 0.3);
    assert_eq!(value("u*x + nu"), 1.75);
}

#[test]
fn functions_are_those_of_their_names() {
    for (name, f) in [
        ("sin", f64::sin as fn(f64) -> f64),
        ("cos", f64::cos),
        ("tan", f64::tan),
        ("sinh", f64::sinh),
        ("cosh", f64::cosh),
        ("tanh", f64::tanh),
        ("exp", f64::exp),
        ("log", f64::ln),
        ("sqrt", f64::sqrt),
        ("abs", f64::abs),
    ] {
        // Those of law 6, which are within an ULP, or made of them.
        let (got, want) = (value(&format!("{name}(x)")), f(0.5));
        assert!((got - want).abs() <= 2.0 * f64::EPSILON * want.abs(), "{name}: {got} and {want}");
    }
    assert_eq!(value("min(x, u)"), 0.5);
    assert_eq!(value("max(x, u)"), 3.0);
    assert!(value("max(0/0, u)").is_nan() && value("min(u, 0/0)").is_nan());
    for function in Function::ALL {
        assert_eq!(Function::from_name(function.name()), Some(function));
    }
}

#[test]
fn values_that_are_not_there_are_errors() {
    let scope = Scope::new(&["x"], &["u"], &["nu"]);
    let expr = parse("nu*u_xx", &scope).unwrap();
    let point = Point { parameters: &[1.0], ..Point::default() };
    assert_eq!(expr.evaluate(&point), Err(EvaluateError::Derivative(3..7)));
    assert_eq!(expr.evaluate(&Point::default()), Err(EvaluateError::Missing(Symbol::Parameter(0))));
}
