//! Krylov methods for A x = b, where A is known by what it does to vectors: each one a loop of a few products, dots and sums.
//!
//! M ≈ A⁻¹ is the preconditioner. All of them stop when the norm ‖r‖₂ of the residual, as the recursion has it, is at most a target, which is a
//! value of the graph: an outer iteration may choose it. Each step of a method is a function from state to state; what they share is in [`Krylov::solve`].
//!
//! Sources: conjugate gradients and BiCGStab as in R. Barrett et al., *Templates for the Solution of Linear Systems*, SIAM 1994; MINRES as in
//! H. Elman, D. Silvester, A. Wathen, *Finite Elements and Fast Iterative Solvers*, 2nd ed., algorithm 6.1; GMRES in its adaptive simpler form
//! (P. Jiránek, M. Rozložník, Numer. Algorithms 53, 2010), in which the residual is minimised by projections on orthonormal vectors q = A z, so that no
//! Hessenberg matrix is solved with.

use super::algebra::{Iterate, Map, Solution};
use super::linear::Method;
use super::status::Status;
use crate::ir::{Builder, DType, Value};
use crate::ops::DynamicUpdateSlice;
use std::sync::Arc;

/// A linear equation and how it is to be solved.
pub(super) struct Krylov<'g> {
    /// One that needs no matrix.
    pub method: Method,
    /// v → A v, then constants.
    pub matrix: Map<'g>,
    /// r → M r, then constants.
    pub preconditioner: Option<Map<'g>>,
    /// Steps, each of one product with A (two of BiCGStab).
    pub max_iter: usize,
    /// Vectors that GMRES keeps.
    pub restart: usize,
    /// The shape of x.
    pub shape: Vec<i64>,
    /// Whether the residual after each step is recorded.
    pub history: bool,
}

/// How far a true residual may be above the target where the recursion's has reached it.
const DRIFT: f64 = 100.0;

/// Where the state of a loop has what all methods have in common; the first value says whether it goes on.
const STEPS: usize = 1;
const BROKEN: usize = 2;
const X: usize = 3;
const R: usize = 4;
const NORM: usize = 5;
const OWN: usize = 6;

/// What a step changes: whether it broke down, x, r, ‖r‖, and what the method has besides.
struct Step {
    broken: Value,
    x: Value,
    r: Value,
    norm: Value,
    own: Vec<Value>,
}

impl Krylov<'_> {
    /// x with ‖b − A x‖ ≤ `target`, from `x` where the residual is `r`. `constants` are those of the maps.
    ///
    /// Vectors have one axis within the loop, whatever the shape of x: then sums over them need no reshape and join what precedes them.
    pub fn solve(&self, b: &mut Builder, x: Value, r: Value, target: Value, constants: &[Value]) -> Solution {
        let like = x;
        let (x, r) = (b.line(x), b.line(r));
        let norm = b.norm(r);
        let goes_on = b.above(norm, target);
        let (zero, whole) = (b.count(0), goes_on);
        let never = b.xor(whole, whole);
        let mut state = vec![goes_on, zero, never, x, r, norm];
        state.extend(self.start(b, r, norm, constants));
        let name = self.method.name();
        let loop_constants = [&[target], constants].concat();
        let looped = Iterate { name, max: self.max_iter, record: self.history.then_some(NORM) };
        let end = looped.run(b, &state, &loop_constants, |b, s, c| {
            let (target, constants) = (c[0], &c[1..]);
            let step = match self.method {
                Method::Cg => self.conjugate_gradients(b, s, constants),
                Method::Minres => self.minres(b, s, constants),
                Method::Bicgstab => self.bicgstab(b, s, constants),
                _ => self.gmres(b, s, constants),
            };
            let above = b.above(step.norm, target);
            let sound = b.not(step.broken);
            let goes_on = b.and(above, sound);
            let steps = b.next(s[STEPS]);
            [vec![goes_on, steps, step.broken, step.x, step.r, step.norm], step.own].concat()
        });
        let reached = b.at_most(end[NORM], target);
        let status = Status::after(b, reached, end[BROKEN], end[NORM]);
        let (x, history) = (b.reshape_like(end[X], like), end.get(state.len()).copied());
        Solution { x, status, iterations: end[STEPS], residual: end[NORM], history }
    }

    /// What a method carries besides x and r, at the beginning.
    fn start(&self, b: &mut Builder, r: Value, norm: Value, constants: &[Value]) -> Vec<Value> {
        let zeros = b.zeros_like(r);
        let [zero, one] = [0.0, 1.0].map(|value| b.scalar_like(norm, value));
        match self.method {
            Method::Cg => {
                let z = self.precondition(b, r, constants);
                vec![z, b.inner(r, z)]
            }
            Method::Minres => {
                let z = self.precondition(b, r, constants);
                let square = b.inner(z, r);
                let gamma = b.sqrt(square);
                // v₋₁, v, z, w₋₁, w, γ₋₁, γ, η, s₋₁, s, c₋₁, c, ‖r‖₂ / ‖r‖_M.
                let scale = b.div(norm, gamma);
                vec![zeros, r, z, zeros, zeros, one, gamma, gamma, zero, zero, one, one, scale]
            }
            Method::Bicgstab => vec![r, zeros, zeros, one, one, one],
            _ => {
                let n = b.flat(r);
                let kept = b.ty(n).shape[0].known().map_or(self.restart, |n| n.min(self.restart)).max(1);
                let empty = b.constant(crate::Tensor::zeros(b.ty(r).dtype, vec![kept]));
                let basis = b.apply(Arc::new(crate::ops::Repeat { axis: 1, of: 0 }), &[empty, n]);
                let inverse = b.reciprocal(norm);
                let direction = b.scaled(inverse, r);
                let first = b.count(0);
                vec![direction, basis, basis, first]
            }
        }
    }

    fn precondition(&self, b: &mut Builder, r: Value, constants: &[Value]) -> Value {
        self.preconditioner.map_or(r, |map| self.applied(b, map, r, constants))
    }

    fn product(&self, b: &mut Builder, v: Value, constants: &[Value]) -> Value {
        self.applied(b, self.matrix, v, constants)
    }

    /// A map of vectors in the shape of x, of one that lies along one axis.
    fn applied(&self, b: &mut Builder, map: Map, v: Value, constants: &[Value]) -> Value {
        let shaped = b.reshape(v, &self.shape);
        let image = map.at(b, shaped, constants);
        b.line(image)
    }

    fn conjugate_gradients(&self, b: &mut Builder, s: &[Value], constants: &[Value]) -> Step {
        let (x, r, p, rz) = (s[X], s[R], s[OWN], s[OWN + 1]);
        let q = self.product(b, p, constants);
        let curvature = b.inner(p, q);
        // A must be positive definite along p.
        let sound = b.is_positive(curvature);
        let (quotient, zero) = (b.div(rz, curvature), b.scalar_like(rz, 0.0));
        let alpha = b.select(sound, quotient, zero);
        let x = b.plus(x, alpha, p);
        let r = b.minus(r, alpha, q);
        let z = self.precondition(b, r, constants);
        let next = b.inner(r, z);
        let beta = b.div(next, rz);
        let p = b.plus(z, beta, p);
        let norm = b.norm(r);
        Step { broken: b.not(sound), x, r, norm, own: vec![p, next] }
    }

    fn minres(&self, b: &mut Builder, s: &[Value], constants: &[Value]) -> Step {
        let (x, r) = (s[X], s[R]);
        let [v0, v1, z, w0, w1, g0, g1, eta, s0, s1, c0, c1, scale] =
            *<&[Value; 13]>::try_from(&s[OWN..]).expect("as many as at the start");
        // The next vector of Lanczos' basis.
        let inverse = b.reciprocal(g1);
        let z = b.scaled(inverse, z);
        let az = self.product(b, z, constants);
        let delta = b.inner(az, z);
        let (along, before) = (b.div(delta, g1), b.div(g1, g0));
        let rest = b.minus(az, along, v1);
        let v2 = b.minus(rest, before, v0);
        let z2 = self.precondition(b, v2, constants);
        let square = b.inner(z2, v2);
        let g2 = b.sqrt(square);
        // Givens rotations of the tridiagonal matrix.
        let (c1d, c0c1, s1d) = (b.mul(c1, delta), b.mul(c0, c1), b.mul(s1, delta));
        let c0s1 = b.mul(c0, s1);
        let (t0, t2) = (b.mul(c0s1, g1), b.mul(c0c1, g1));
        let a0 = b.sub(c1d, t0);
        let (a0_square, g2_square) = (b.mul(a0, a0), b.mul(g2, g2));
        let sum = b.add(a0_square, g2_square);
        let a1 = b.sqrt(sum);
        let a2 = b.add(s1d, t2);
        let a3 = b.mul(s0, g1);
        let (c2, s2) = (b.div(a0, a1), b.div(g2, a1));
        let rest = b.minus(z, a3, w0);
        let rest = b.minus(rest, a2, w1);
        let a1_inverse = b.reciprocal(a1);
        let w2 = b.scaled(a1_inverse, rest);
        // A is singular, or M not positive definite, where a₁ is 0 or NaN: x stays.
        let sound = b.is_positive(a1);
        let step = b.mul(c2, eta);
        let moved = b.plus(x, step, w2);
        let x = b.either(sound, moved, x);
        let turned = b.mul(s2, eta);
        let eta = b.neg(turned);
        let size = b.abs(eta);
        let norm = b.mul(size, scale);
        let own = vec![v1, v2, z2, w1, w2, g1, g2, eta, s1, s2, c1, c2, scale];
        Step { broken: b.not(sound), x, r, norm, own }
    }

    fn bicgstab(&self, b: &mut Builder, s: &[Value], constants: &[Value]) -> Step {
        let (x, r) = (s[X], s[R]);
        let [shadow, p, v, rho, alpha, omega] =
            *<&[Value; 6]>::try_from(&s[OWN..]).expect("as many as at the start");
        let rho_next = b.inner(shadow, r);
        let (ratio, step) = (b.div(rho_next, rho), b.div(alpha, omega));
        let beta = b.mul(ratio, step);
        let without = b.minus(p, omega, v);
        let p = b.plus(r, beta, without);
        let y = self.precondition(b, p, constants);
        let v = self.product(b, y, constants);
        let along = b.inner(shadow, v);
        let alpha = b.div(rho_next, along);
        let half = b.minus(r, alpha, v);
        let z = self.precondition(b, half, constants);
        let t = self.product(b, z, constants);
        let (ts, tt) = (b.inner(t, half), b.inner(t, t));
        let (quotient, zero) = (b.div(ts, tt), b.scalar_like(tt, 0.0));
        let moves = b.is_positive(tt);
        let omega = b.select(moves, quotient, zero);
        let moved = b.plus(x, alpha, y);
        let moved = b.plus(moved, omega, z);
        let r = b.minus(half, omega, t);
        let norm = b.norm(r);
        // A zero of ⟨r̂, r⟩ or ⟨r̂, v⟩ makes α 0, infinite or NaN.
        let size = b.abs(alpha);
        let sound = b.is_positive(size);
        let x = b.either(sound, moved, x);
        Step { broken: b.not(sound), x, r, norm, own: vec![shadow, p, v, rho_next, alpha, omega] }
    }

    fn gmres(&self, b: &mut Builder, s: &[Value], constants: &[Value]) -> Step {
        let (x, r, norm) = (s[X], s[R], s[NORM]);
        let [direction, basis_z, basis_q, position] =
            *<&[Value; 4]>::try_from(&s[OWN..]).expect("as many as at the start");
        let z = self.precondition(b, direction, constants);
        let q = self.product(b, z, constants);
        let before = b.norm(q);
        let (mut z, mut q) = (b.flat(z), b.flat(q));
        // Twice is enough: the second pass takes away what rounding left of the first.
        for _ in 0..2 {
            let h = projections(b, basis_q, q);
            q = without(b, q, h, basis_q);
            z = without(b, z, h, basis_z);
        }
        let length = b.norm(q);
        let epsilon = b.scalar_like(norm, if b.ty(norm).dtype == DType::F64 { 1e-14 } else { 1e-6 });
        let small = b.mul(epsilon, before);
        // A z lies in what was searched before, and x is not there yet: A is singular.
        let sound = b.above(length, small);
        let (inverse, zero) = (b.reciprocal(length), b.scalar_like(length, 0.0));
        let inverse = b.select(sound, inverse, zero);
        let (z, q) = (b.scaled(inverse, z), b.scaled(inverse, q));
        let flat = b.flat(r);
        let along = b.inner(q, flat);
        let (z_shaped, q_shaped) = (b.reshape_like(z, x), b.reshape_like(q, x));
        let moved = b.plus(x, along, z_shaped);
        let x = b.either(sound, moved, x);
        let r = b.minus(r, along, q_shaped);
        let next_norm = b.norm(r);
        // Where the residual fell it is the next direction, else the last of the basis, which never stagnates.
        let nine_tenths = b.scalar_like(norm, 0.9);
        let bound = b.mul(nine_tenths, norm);
        let fell = b.at_most(next_norm, bound);
        let kept = b.ty(basis_q).shape[0].known().expect("made of so many");
        let (next, last) = (b.next(position), b.count(kept));
        let full = b.compare(crate::ops::Direction::Ge, next, last);
        let by_residual = b.or(fell, full);
        let inverse = b.reciprocal(next_norm);
        let unit = b.scaled(inverse, r);
        let direction = b.either(by_residual, unit, q_shaped);
        let (basis_z, basis_q) = (stored(b, basis_z, z, position), stored(b, basis_q, q, position));
        let empty = b.zeros_like(basis_q);
        let (basis_z, basis_q) = (b.either(full, empty, basis_z), b.either(full, empty, basis_q));
        let first = b.count(0);
        let position = b.select(full, first, next);
        let own = vec![direction, basis_z, basis_q, position];
        Step { broken: b.not(sound), x, r, norm: next_norm, own }
    }
}

/// Whether a residual that was computed anew belies the recursion's.
pub(super) fn drifted(b: &mut Builder, residual: Value, target: Value) -> Value {
    let drift = b.scalar_like(target, DRIFT);
    let bound = b.mul(drift, target);
    let fine = b.at_most(residual, bound);
    b.not(fine)
}

/// ⟨q_i, v⟩ for each row of `basis`, as a column.
fn projections(b: &mut Builder, basis: Value, v: Value) -> Value {
    let column = b.reshape(v, &[-1, 1]);
    b.matmul(basis, column)
}

/// v − Σ h_i q_i over the rows of `basis`.
fn without(b: &mut Builder, v: Value, h: Value, basis: Value) -> Value {
    let h = b.reshape(h, &[1, -1]);
    let row = b.matmul(h, basis);
    let row = b.flat(row);
    b.sub(v, row)
}

/// `basis` with `v` as the row at `position`.
fn stored(b: &mut Builder, basis: Value, v: Value, position: Value) -> Value {
    let row = b.reshape(v, &[1, -1]);
    b.apply(Arc::new(DynamicUpdateSlice { axis: 0 }), &[basis, row, position])
}
