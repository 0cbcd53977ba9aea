//! The cases that come with the project are read as they are meant.

use std::path::{Path, PathBuf};
use tessera_core::DType;
use tessera_pinn::case::{Case, Optimiser, Schedule, Solution};
use tessera_pinn::expression::Point;
use tessera_pinn::sampling::Method;
use tessera_pinn::{data, exact::burgers};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases")
}

fn case(name: &str) -> Case {
    Case::read(&folder().join(name)).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn burgers() {
    let case = case("burgers.toml");
    let names: Vec<&str> = case.coordinates.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["t", "x"]);
    assert_eq!((case.coordinates[1].low, case.coordinates[1].high), (-1.0, 1.0));
    assert_eq!(case.precision, DType::F64);
    assert_eq!(case.parameters[0].value, 0.01 / std::f64::consts::PI);
    assert_eq!(case.equations[0].sampling.method, Method::Sobol);
    let Optimiser::Adam { schedule, resample_every, .. } = &case.optimisers[0] else { panic!() };
    assert_eq!(*schedule, Schedule::Exponential { factor: 0.5, every: 500 });
    assert_eq!(*resample_every, Some(1));
    let Optimiser::Lbfgs { history: 100, curvature: 0.9, resample_every: Some(250), .. } = case.optimisers[1]
    else {
        panic!()
    };
    let reference = case.reference.as_ref().unwrap();
    assert_eq!(reference.grid, [101, 257]);
    let Some(Solution::BurgersColeHopf { viscosity }) = reference.solution else { panic!() };
    // The ansatz is the exact solution where t = 0 and x = ±1, whatever the network says.
    let ansatz = case.ansatz[0].as_ref().unwrap();
    for (t, x) in [(0.0, 0.3), (0.0, -0.7), (0.4, 1.0), (1.0, -1.0)] {
        let at = Point { coordinates: &[t, x], unknowns: &[17.0], parameters: &[viscosity] };
        let exact = burgers::solution(viscosity, t, x);
        assert!((ansatz.evaluate(&at).unwrap() - exact).abs() <= 1e-15, "{t} {x}");
    }
}

#[test]
fn poisson() {
    let case = case("poisson2d.toml");
    let walls = &case.conditions[0];
    let fixed: Vec<&[Option<f64>]> = walls.sides.iter().map(|side| &side.fixed[..]).collect();
    assert_eq!(fixed, [[Some(0.0), None], [Some(1.0), None], [None, Some(0.0)], [None, Some(1.0)]]);
    assert_eq!(case.condition_rows(0), 400);
    let points = case.condition_points(0, 3, 0..400).unwrap();
    for (i, point) in points.chunks(2).enumerate() {
        let on_wall = [point[0] == 0.0, point[0] == 1.0, point[1] == 0.0, point[1] == 1.0];
        assert!(on_wall[i / 100], "{i}: {point:?}");
    }
    assert_eq!(case.condition_points(0, 3, 90..310).unwrap(), points[180..620]);
    assert_ne!(case.condition_points(0, 4, 0..400).unwrap(), points);
    let interior = case.equation_points(0, 0, 0..2000).unwrap();
    assert_eq!(case.equation_points(0, 0, 500..600).unwrap(), interior[1000..1200]);
    let Some(Solution::Expressions(solution)) = &case.reference.as_ref().unwrap().solution else { panic!() };
    let at = Point { coordinates: &[0.5, 0.5], ..Point::default() };
    assert_eq!(solution[0].evaluate(&at), Ok(1.0));
}

/// The data file is what `examples/heat_data.rs` makes: near the solution of the true diffusivity.
#[test]
fn inverse_heat() {
    let case = case("inverse_heat.toml");
    assert!(case.parameters[0].trainable && case.parameters[0].value == 0.5);
    assert_eq!(case.parameter_values(), [0.1]);
    let observed = data::read(&case, &case.data[0], &folder()).unwrap();
    assert_eq!((observed.rows, observed.points.len()), (500, 1000));
    let Some(Solution::Expressions(solution)) = &case.reference.as_ref().unwrap().solution else { panic!() };
    let residuals =
        observed.points.chunks(2).zip(observed.values[0].as_ref().unwrap()).map(|(coordinates, value)| {
            let at = Point { coordinates, unknowns: &[], parameters: &case.parameter_values() };
            value - solution[0].evaluate(&at).unwrap()
        });
    let deviation = (residuals.map(|r| r * r).sum::<f64>() / 500.0).sqrt();
    assert!((deviation - 0.01).abs() < 5e-4, "{deviation}"); // Its standard error is 3.2e-4.
}
