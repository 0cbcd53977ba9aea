//! Steps of physics-informed networks: the mean of a residual's square over points, and its gradient by all parameters.
//!
//! The network takes points with two coordinates and has hidden layers of 64. Derivatives by a coordinate are forward
//! mode along ones, nested, as one writes them first; that nothing is computed twice is the builder's doing.

use super::{gradient, mlp, parameter_inputs, parameters, rounded};
use crate::data;
use tessera_core::ad::{forward, series};
use tessera_core::ir::{Builder, Extent, Graph, Value};
use tessera_core::passes::collapse;
use tessera_core::{DType, Tensor, Type};

/// Extents of the layers of a network for one field: 2-64-64-64-64-1.
pub const LAYERS: [usize; 6] = [2, 64, 64, 64, 64, 1];

/// A differential equation, in two coordinates but for Poisson's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pde {
    /// u_t + u u_x − (0.01/π) u_xx.
    Burgers,
    /// Steady and plane, for fields u, v, p at (x, y): u u_x + v u_y + p_x − 0.01 Δu, the same for v, and u_x + v_y.
    NavierStokes,
    /// Kuramoto–Sivashinsky, of fourth order: u_t + u u_x + u_xx + u_xxxx.
    KuramotoSivashinsky,
    /// Δu + π² Σ sin π x_i in ten dimensions. Its graph is [collapsed](collapse).
    Poisson,
}

impl Pde {
    /// Extents of its network's layers.
    pub fn layers(self) -> [usize; 6] {
        let fields = if self == Pde::NavierStokes { 3 } else { 1 };
        let coordinates = if self == Pde::Poisson { 10 } else { 2 };
        [coordinates, 64, 64, 64, 64, fields]
    }

    /// The peers' points.
    pub fn points(self, dtype: DType, n: usize) -> Tensor {
        match self {
            Pde::NavierStokes | Pde::Poisson => {
                rounded(data::between(-1.0, 1.0, 42, &[n, self.layers()[0]]), dtype)
            }
            Pde::Burgers | Pde::KuramotoSivashinsky => burgers_points(dtype, n),
        }
    }

    /// Loss and gradient: inputs w0, b0, …, points (?, 2); outputs the loss and a gradient for each parameter.
    pub fn step(self, dtype: DType) -> Graph {
        self.step_of(dtype, &self.layers())
    }

    /// The same for a network of other widths.
    fn step_of(self, dtype: DType, layers: &[usize]) -> Graph {
        let mut b = Builder::new(match self {
            Pde::Burgers => "burgers_step",
            Pde::NavierStokes => "navier_stokes_step",
            Pde::KuramotoSivashinsky => "kuramoto_sivashinsky_step",
            Pde::Poisson => "poisson_step",
        });
        let parameters = parameter_inputs(&mut b, "", dtype, layers);
        let loss = self.loss(&mut b, dtype, &parameters);
        let mut outputs = vec![loss];
        outputs.extend(gradient(&mut b, loss, &parameters));
        b.finish(outputs)
    }

    /// The loss at the points, which it adds as an input.
    fn loss(self, b: &mut Builder, dtype: DType, parameters: &[Value]) -> Value {
        let field = Field::new(b, dtype, parameters, self.layers()[0]);
        let residuals = match self {
            Pde::Poisson => {
                let residual = poisson(b, &field);
                collapse(b, &[residual])
            }
            _ => self.residuals(b, &field),
        };
        let squares: Vec<Value> = residuals.into_iter().map(|r| mean_square(b, r)).collect();
        squares.into_iter().reduce(|sum, square| b.add(sum, square)).expect("an equation has a residual")
    }

    fn residuals(self, b: &mut Builder, field: &Field) -> Vec<Value> {
        let f = field.value;
        let [f_0, f_1] = [0, 1].map(|i| field.along(b, f, i));
        let f_11 = field.along(b, f_1, 1);
        if self == Pde::NavierStokes {
            let f_00 = field.along(b, f_0, 0);
            let laplacian = b.add(f_00, f_11);
            return navier_stokes(b, f, f_0, f_1, laplacian);
        }
        let advection = b.mul(f, f_1);
        let sum = b.add(f_0, advection);
        let residual = if self == Pde::Burgers {
            let nu = b.full_like(f, 0.01 / std::f64::consts::PI);
            let diffusion = b.mul(nu, f_11);
            b.sub(sum, diffusion)
        } else {
            let f_111 = field.along(b, f_11, 1);
            let f_1111 = field.along(b, f_111, 1);
            let sum = b.add(sum, f_11);
            b.add(sum, f_1111)
        };
        vec![residual]
    }
}

fn navier_stokes(b: &mut Builder, f: Value, f_x: Value, f_y: Value, laplacian: Value) -> Vec<Value> {
    let component = |b: &mut Builder, x: Value, i: usize| b.slice(x, 1, i..i + 1);
    let [u, v] = [0, 1].map(|i| component(b, f, i));
    let pressure_slope = [component(b, f_x, 2), component(b, f_y, 2)];
    let nu = b.full_like(u, 0.01);
    let mut residuals = Vec::new();
    for (i, slope) in pressure_slope.into_iter().enumerate() {
        let [along_x, along_y, curve] = [f_x, f_y, laplacian].map(|x| component(b, x, i));
        let [along_x, along_y] = [b.mul(u, along_x), b.mul(v, along_y)];
        let diffusion = b.mul(nu, curve);
        let sum = b.add(along_x, along_y);
        let sum = b.add(sum, slope);
        residuals.push(b.sub(sum, diffusion));
    }
    let [u_x, v_y] = [component(b, f_x, 0), component(b, f_y, 1)];
    residuals.push(b.add(u_x, v_y));
    residuals
}

/// Second derivatives one after the other, as one writes them first.
fn poisson(b: &mut Builder, field: &Field) -> Value {
    let pi = b.full_like(field.value, std::f64::consts::PI);
    let pi_squared = b.mul(pi, pi);
    let (mut laplacian, mut source) = (None, None);
    for (i, &x) in field.coordinates.iter().enumerate() {
        let slope = field.along(b, field.value, i);
        let curve = field.along(b, slope, i);
        laplacian = Some(laplacian.map_or(curve, |sum| b.add(sum, curve)));
        let angle = b.mul(pi, x);
        let sine = b.sin(angle);
        source = Some(source.map_or(sine, |sum| b.add(sum, sine)));
    }
    let source = b.mul(pi_squared, source.expect("a coordinate"));
    b.add(laplacian.expect("a coordinate"), source)
}

/// A network at points, each coordinate a value of its own.
struct Field {
    coordinates: Vec<Value>,
    value: Value,
}

impl Field {
    fn new(b: &mut Builder, dtype: DType, parameters: &[Value], dimensions: usize) -> Field {
        let points = b.input("points", Type::new(dtype, [Extent::Dynamic, Extent::Static(dimensions)]));
        let coordinates: Vec<Value> = (0..dimensions).map(|i| b.slice(points, 1, i..i + 1)).collect();
        let z = b.concat(&coordinates, 1);
        Field { coordinates, value: mlp(b, parameters, z) }
    }

    /// The derivative of `y` by coordinate `i`.
    fn along(&self, b: &mut Builder, y: Value, i: usize) -> Value {
        let one = b.ones_like(self.coordinates[i]);
        let tangents = forward(b, &[y], &[self.coordinates[i]], &[one]).expect("smooth");
        tangents[0].expect("depends on its coordinates")
    }
}

fn mean_square(b: &mut Builder, x: Value) -> Value {
    let square = b.mul(x, x);
    b.mean_all(square)
}

/// [`Pde::step`] of Burgers' equation for a network of any widths.
pub fn burgers_step(dtype: DType, layers: &[usize]) -> Graph {
    Pde::Burgers.step_of(dtype, layers)
}

/// The peers' points: see [`data::space_time_points`].
pub fn burgers_points(dtype: DType, n: usize) -> Tensor {
    rounded(data::space_time_points(n), dtype)
}

/// The mean square of the derivative of `order` by the second coordinate, and its gradient: inputs and outputs as for
/// [`Pde::step`].
pub fn nested_step(dtype: DType, order: usize) -> Graph {
    derivative_step("nested_step", dtype, |b, field| {
        (0..order).fold(field.value, |y, _| field.along(b, y, 1))
    })
}

/// The same as [`nested_step`] by Taylor mode.
pub fn taylor_step(dtype: DType, order: usize) -> Graph {
    derivative_step("taylor_step", dtype, |b, field| {
        let x = field.coordinates[1];
        let path = vec![Some(b.ones_like(x))];
        let coefficients = series(b, &[field.value], &[x], &[path], order).expect("smooth").remove(0);
        let last = coefficients[order - 1].expect("depends on its coordinates");
        let factorial = b.full_like(last, (1..=order).map(|k| k as f64).product());
        b.mul(factorial, last)
    })
}

fn derivative_step(name: &str, dtype: DType, derivative: impl Fn(&mut Builder, &Field) -> Value) -> Graph {
    let mut b = Builder::new(name);
    let parameters = parameter_inputs(&mut b, "", dtype, &LAYERS);
    let field = Field::new(&mut b, dtype, &parameters, 2);
    let derivative = derivative(&mut b, &field);
    let loss = mean_square(&mut b, derivative);
    let mut outputs = vec![loss];
    outputs.extend(gradient(&mut b, loss, &parameters));
    b.finish(outputs)
}

/// One step of Adam on Burgers' residual, learning rate 10⁻³ and the usual constants.
///
/// Inputs: parameters, means of the gradient, means of its square (each w0, b0, …), the corrections 1 − β₁ᵗ and
/// 1 − β₂ᵗ, points. Outputs: the loss before the step, then parameters, means and mean squares after it.
pub fn adam_step(dtype: DType) -> Graph {
    let mut b = Builder::new("adam_step");
    let [theta, mean, square] = ["", "mean_", "square_"].map(|p| parameter_inputs(&mut b, p, dtype, &LAYERS));
    let corrections = ["correction1", "correction2"].map(|name| b.input(name, Type::scalar(dtype)));
    let loss = Pde::Burgers.loss(&mut b, dtype, &theta);
    let slopes = gradient(&mut b, loss, &theta);
    let mut next = [const { Vec::new() }; 3];
    for (i, &g) in slopes.iter().enumerate() {
        let g2 = b.mul(g, g);
        let mean = average(&mut b, mean[i], g, 0.9);
        let square = average(&mut b, square[i], g2, 0.999);
        let [c1, c2] = corrections.map(|c| b.broadcast_like(c, &[], g));
        let direction = b.div(mean, c1);
        let unbiased = b.div(square, c2);
        let root = b.sqrt(unbiased);
        let epsilon = b.full_like(g, 1e-8);
        let divisor = b.add(root, epsilon);
        let rate = b.full_like(g, 1e-3);
        let scaled = b.mul(rate, direction);
        let change = b.div(scaled, divisor);
        let theta = b.sub(theta[i], change);
        for (list, value) in next.iter_mut().zip([theta, mean, square]) {
            list.push(value);
        }
    }
    b.finish(std::iter::once(loss).chain(next.into_iter().flatten()).collect())
}

/// β old + (1 − β) new.
fn average(b: &mut Builder, old: Value, new: Value, beta: f64) -> Value {
    let (keep, take) = (b.full_like(old, beta), b.full_like(old, 1.0 - beta));
    let (old, new) = (b.mul(keep, old), b.mul(take, new));
    b.add(old, new)
}

/// What [`adam_step`] starts from: the peers' parameters, and means that are zero.
pub fn adam_state(dtype: DType) -> Vec<Tensor> {
    let theta = parameters(dtype, &LAYERS);
    let zeros: Vec<Tensor> = theta.iter().map(|x| Tensor::zeros(dtype, x.shape())).collect();
    theta.into_iter().chain(zeros.clone()).chain(zeros).collect()
}
