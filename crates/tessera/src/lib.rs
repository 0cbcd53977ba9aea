//! Differentiable scientific computing whose results are the same bits everywhere.
//!
//! Write a computation with ordinary operators on [`Var`]s, ask for derivatives of any order, and
//! run it: the result has the same bits on any number of threads and at every SIMD level.
//!
//! ```
//! use tessera::{Tensor, Trace, ANY, F64};
//!
//! let trace = Trace::new("oscillator");
//! let t = trace.input("t", F64, [ANY]); //           any number of times
//! let u = (-0.1 * t).exp() * (2.0 * t).cos(); //     a damped oscillation
//! let u_t = u.derivative(t);
//! let u_tt = u_t.derivative(t);
//! let residual = u_tt + 0.2 * u_t + 4.01 * u; //     it solves u″ + 0.2 u′ + 4.01 u = 0
//! let f = trace.compile([(residual * residual).mean(), u_t.sum()])?;
//!
//! let results = f.call(&[&Tensor::new([3], vec![0.0, 0.5, 1.0])])?;
//! assert!(results[0].values::<f64>()[0] < 1e-28);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod var;

pub use tessera_core::diagnostic::Source;
pub use tessera_core::exec::comm;
pub use tessera_core::exec::cpu::Options;
pub use tessera_core::exec::{Backend, CallError, Function, ShardError, Sharding};
pub use tessera_core::ir::Graph;
pub use tessera_core::{DType, Data, Extent, Tensor, Type};
pub use tessera_core::{ad, ir, numerics, ops, passes, text, verify};
pub use tessera_dist::{checkpoint, ranks};
pub use tessera_pinn as pinn;
pub use var::{BuildError, BuildErrors, LinearSolver, Precondition, Solved, Solver, Trace, Var};

/// The listings of `docs/autodiff.md`, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/autodiff.md")]
pub struct Autodiff;

/// The listings of `docs/solving.md`, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/solving.md")]
pub struct Solving;

/// An extent that is known when the graph is called: `?` in text.
pub const ANY: Extent = Extent::Dynamic;
/// IEEE-754 binary64.
pub const F64: DType = DType::F64;
/// IEEE-754 binary32.
pub const F32: DType = DType::F32;
