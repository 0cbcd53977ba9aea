//! Equations solved inside a graph, with the derivatives of their solutions: one small one, many small ones, and a large sparse one.

use super::{gradient, rounded};
use crate::data::between;
use tessera_core::ad;
use tessera_core::diagnostic::Source;
use tessera_core::ir::{Builder, Graph};
use tessera_core::{DType, Tensor, text};

/// A small equation of n unknowns x with parameters W (n×n) and θ (n).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equation {
    /// 2 x + tanh(W x) = θ by Newton's method.
    Root,
    /// x = tanh(W x + θ) by simple iteration.
    FixedPoint,
}

/// ½ ‖x‖² of the solution from x = 0 and its gradient by W and θ; summed over `batch` vectors θ where there are so many.
/// Inputs W and θ, n or `batch`×n; outputs the loss and both gradients.
pub fn small_solve(equation: Equation, dtype: DType, n: usize, batch: Option<usize>) -> Graph {
    let (modules, solve) = match equation {
        Equation::Root => (
            "%y = tgraph.tanh %wx\n  %xx = tgraph.add %x, %x\n  %sum = tgraph.add %xx, %y\n  %f = tgraph.sub %sum, %theta",
            "tgraph.root @f(%zero, %w, %theta) {tol = 1e-10, adjoint = \"lu\"}",
        ),
        Equation::FixedPoint => (
            "%s = tgraph.add %wx, %theta\n  %f = tgraph.tanh %s",
            "tgraph.fixed_point @f(%zero, %w, %theta) {tol = 1e-10, adjoint = \"lu\"}",
        ),
    };
    let tolerant = |text: &str| if dtype == DType::F32 { text.replace("1e-10", "1e-5") } else { text.into() };
    let (vector, matrix) = (format!("tensor<{n}x{dtype}>"), format!("tensor<{n}x{n}x{dtype}>"));
    let all = batch.map_or(vector.clone(), |batch| format!("tensor<{batch}x{n}x{dtype}>"));
    let over = if batch.is_some() { "tgraph.vmap @solution over(%theta) -> @solutions" } else { "" };
    let solutions = if batch.is_some() { "solutions" } else { "solution" };
    let solve = tolerant(solve);
    let source = format!(
        "tgraph.module @f {{
  %x = tgraph.arg : {vector}
  %w = tgraph.arg : {matrix}
  %theta = tgraph.arg : {vector}
  %column = tgraph.reshape %x {{shape = [{n}, 1]}}
  %product = tgraph.matmul %w, %column
  %wx = tgraph.reshape %product {{shape = [{n}]}}
  {modules}
  tgraph.return %f
}}
tgraph.module @solution {{
  %w = tgraph.arg : {matrix}
  %theta = tgraph.arg : {vector}
  %none = tgraph.constant {{value = 0.0}} : {dtype}
  %zero = tgraph.broadcast %none {{dims = [], shape = [{n}]}}
  %x, %status, %iterations, %residual = {solve}
  tgraph.return %x
}}
{over}
tgraph.module @loss {{
  %w = tgraph.arg : {matrix}
  %theta = tgraph.arg : {all}
  %x = tgraph.call @{solutions}(%w, %theta)
  %flat = tgraph.reshape %x {{shape = [-1]}}
  %square = tgraph.dot %flat, %flat
  %half = tgraph.constant {{value = 0.5}} : {dtype}
  %y = tgraph.mul %half, %square
  tgraph.return %y
}}
"
    );
    with_gradient(&graph(source, "loss"))
}

/// The peers' W, uniform with a spectral norm of about 0.6, and θ.
pub fn small_solve_inputs(dtype: DType, n: usize, batch: Option<usize>) -> Vec<Tensor> {
    let bound = 0.3 * (3.0 / n as f64).sqrt();
    let shape = batch.map_or(vec![n], |batch| vec![batch, n]);
    [between(-bound, bound, 81, &[n, n]), between(-1.0, 1.0, 82, &shape)].map(|x| rounded(x, dtype)).to_vec()
}

/// Bratu's problem on the unit square, n×n interior points: −Δu = θ eᵘ, multiplied by h². `cg` solves with the Jacobian at given u, matrix-free: inputs b, θ and u, outputs
/// ‖v‖², v and the number of iterations. The tolerance is 1e-10 of ‖b‖ (1e-5 of f32).
pub fn bratu_cg(dtype: DType, n: usize) -> Graph {
    let tol = if dtype == DType::F32 { "1e-5" } else { "1e-10" };
    let source = bratu(dtype, n)
        + &format!(
            "tgraph.module @jacobian {{
  %v, %w = tgraph.arg, tgraph.arg : tensor<{n}x{n}x{dtype}>
  %lv = tgraph.call @laplacian(%v)
  %wv = tgraph.mul %w, %v
  %y = tgraph.sub %lv, %wv
  tgraph.return %y
}}
tgraph.module @cg {{
  %b, %theta, %u = tgraph.arg, tgraph.arg, tgraph.arg : tensor<{n}x{n}x{dtype}>
  %w = tgraph.call @source(%u, %theta)
  %v, %status, %iterations, %residual = tgraph.linear_solve @jacobian(%b, %w) {{method = \"cg\", tol = {tol}, max_iter = 20000}}
  %flat = tgraph.reshape %v {{shape = [-1]}}
  %square = tgraph.dot %flat, %flat
  tgraph.return %square, %v, %iterations
}}
"
        );
    graph(source, "cg")
}

/// ½ ‖u‖² of the solution of Bratu's problem, by Newton's method with conjugate gradients from u = 0, and its gradient by θ: input θ, outputs the loss and
/// the gradient.
pub fn bratu_solve(dtype: DType, n: usize) -> Graph {
    let (tol, inner) = if dtype == DType::F32 { ("1e-5", "1e-6") } else { ("1e-10", "1e-12") };
    let source = bratu(dtype, n)
        + &format!(
            "tgraph.module @residual {{
  %u, %theta = tgraph.arg, tgraph.arg : tensor<{n}x{n}x{dtype}>
  %lu = tgraph.call @laplacian(%u)
  %w = tgraph.call @source(%u, %theta)
  %y = tgraph.sub %lu, %w
  tgraph.return %y
}}
tgraph.module @loss {{
  %theta = tgraph.arg : tensor<{n}x{n}x{dtype}>
  %none = tgraph.constant {{value = 0.0}} : {dtype}
  %zero = tgraph.broadcast %none {{dims = [], shape = [{n}, {n}]}}
  %u, %status, %iterations, %norm = tgraph.root @residual(%zero, %theta) {{method = \"newton_krylov\", tol = {tol}, atol = 0.0, adjoint = \"cg\", adjoint_tol = {inner}, adjoint_max_iter = 20000}}
  %flat = tgraph.reshape %u {{shape = [-1]}}
  %square = tgraph.dot %flat, %flat
  %half = tgraph.constant {{value = 0.5}} : {dtype}
  %y = tgraph.mul %half, %square
  tgraph.return %y
}}
"
        );
    with_gradient(&graph(source, "loss"))
}

/// −h² Δv with v = 0 outside, by the five-point stencil, and h² θ eᵘ.
fn bratu(dtype: DType, n: usize) -> String {
    let (h2, m) = (((n + 1) as f64).powi(-2), n + 1);
    format!(
        "tgraph.module @laplacian {{
  %v = tgraph.arg : tensor<{n}x{n}x{dtype}>
  %p = tgraph.pad %v {{low = [1, 1], high = [1, 1]}}
  %north = tgraph.slice %p {{starts = [0, 1], limits = [{n}, {m}]}}
  %south = tgraph.slice %p {{starts = [2, 1], limits = [{n2}, {m}]}}
  %west = tgraph.slice %p {{starts = [1, 0], limits = [{m}, {n}]}}
  %east = tgraph.slice %p {{starts = [1, 2], limits = [{m}, {n2}]}}
  %number = tgraph.constant {{value = 4.0}} : {dtype}
  %four = tgraph.broadcast %number {{dims = [], shape = [{n}, {n}]}}
  %y0 = tgraph.mul %four, %v
  %y1 = tgraph.sub %y0, %north
  %y2 = tgraph.sub %y1, %south
  %y3 = tgraph.sub %y2, %west
  %y4 = tgraph.sub %y3, %east
  tgraph.return %y4
}}
tgraph.module @source {{
  %u, %theta = tgraph.arg, tgraph.arg : tensor<{n}x{n}x{dtype}>
  %e = tgraph.exp %u
  %product = tgraph.mul %theta, %e
  %number = tgraph.constant {{value = {h2:e}}} : {dtype}
  %h2 = tgraph.broadcast %number {{dims = [], shape = [{n}, {n}]}}
  %y = tgraph.mul %h2, %product
  tgraph.return %y
}}
",
        n2 = n + 2
    )
}

/// θ = 1 + ½ sin 2πx sin 2πy at the interior points.
pub fn bratu_field(dtype: DType, n: usize) -> Tensor {
    let wave: Vec<f64> =
        (1..=n).map(|i| (2.0 * std::f64::consts::PI * i as f64 / (n + 1) as f64).sin()).collect();
    let values: Vec<f64> = wave.iter().flat_map(|x| wave.iter().map(move |y| 1.0 + 0.5 * x * y)).collect();
    rounded(Tensor::new([n, n], values), dtype)
}

/// Right-hand side, θ and u of [`bratu_cg`].
pub fn bratu_cg_inputs(dtype: DType, n: usize) -> Vec<Tensor> {
    let [b, u] = [(0.5, 1.5, 83), (0.0, 0.1, 84)].map(|(low, high, seed)| between(low, high, seed, &[n, n]));
    vec![rounded(b, dtype), bratu_field(dtype, n), rounded(u, dtype)]
}

/// The loss that `graph` gives, and its gradient by all inputs.
fn with_gradient(graph: &Graph) -> Graph {
    let mut builder = Builder::new(&graph.name);
    let b = &mut builder;
    let inputs = b.copy_inputs(graph);
    let loss = b.inline(graph, &inputs).expect("a graph that was checked")[0];
    let gradient = gradient(b, loss, &inputs);
    builder.finish([vec![loss], gradient].concat())
}

/// A module of a text, its statements carried out.
fn graph(source: String, name: &str) -> Graph {
    let source = Source::new("problem.mlir", source);
    let program = text::check(&source).unwrap_or_else(|errors| panic!("{errors}"));
    let program = ad::expand(&program).unwrap_or_else(|errors| panic!("{errors:?}"));
    program.modules[name].as_ref().clone()
}
