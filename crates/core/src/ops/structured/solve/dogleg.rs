//! Powell's dogleg for `root`: between Newton's step and steepest descent, within a region where the linear model of F has held.
//!
//! M. J. D. Powell, *A hybrid method for nonlinear equations* (1970), with the scaling of J. Moré, B. Garbow and K. Hillstrom, *User guide for MINPACK-1* (ANL-80-74,
//! 1980): lengths are those of q = D p, where D holds the largest norm that each column of the Jacobian has had, so that units of the unknowns do not show.

use super::algebra::{Map, iterate};
use super::nonlinear::Task;
use super::root::{At, Step, factors};
use super::*;

/// Regions that are tried in one step at most, each a quarter as wide as the last.
const REGIONS_MAX: usize = 40;

/// What a search carries: the region's radius, 0 for one that is not chosen yet, and D, a vector.
pub(super) fn start(b: &mut Builder, norm: Value, x: Value) -> Vec<Value> {
    let flat = b.flat(x);
    vec![b.scalar_like(norm, 0.0), b.zeros_like(flat)]
}

/// The linear model of F at a point: F, J and D, and two ways down, as vectors q = D p.
struct Model {
    f: Value,
    jacobian: Value,
    scale: Value,
    newton: Value,
    descent: Value,
    /// Whether Newton's step exists.
    sound: Value,
}

/// A step, and what the search carries on.
pub(super) fn step(b: &mut Builder, task: &Task, from: &At, own: &[Value]) -> (Step, Vec<Value>) {
    let (model, singular) = model(b, task, from, own[1]);
    // 100 times as far as x is from 0, to begin with.
    let flat = b.flat(from.x);
    let scaled = b.mul(model.scale, flat);
    let (away, hundred, zero) = (b.norm(scaled), b.scalar_like(own[0], 100.0), b.scalar_like(own[0], 0.0));
    let far = b.mul(hundred, away);
    let moved = b.above(far, zero);
    let first = b.select(moved, far, hundred);
    let chosen = b.above(own[0], zero);
    let radius = b.select(chosen, own[0], first);
    let (found, to, radius) = searched(b, task, from, &model, radius);
    (Step { found, singular, to }, vec![radius, model.scale])
}

/// The model at a point, and whether its Jacobian is singular.
fn model(b: &mut Builder, task: &Task, from: &At, scale: Value) -> (Model, Value) {
    let at = [&[from.x], from.constants].concat();
    let jacobian = dense::matrix(b, Map(&task.derived[0]), from.x, &at);
    let squares = b.mul(jacobian, jacobian);
    let columns = b.sum(squares, &[0]);
    let columns = b.sqrt(columns);
    let scale = b.max(scale, columns);
    let (zero, one) = (b.zeros_like(scale), b.ones_like(scale));
    let used = b.above(scale, zero);
    let scale = b.select(used, scale, one);
    let f = b.flat(from.f);
    let rhs = b.neg(f);
    let (newton, singular) = dense::solve(b, factors(task), jacobian, rhs);
    let newton = b.mul(scale, newton);
    let (fine, length) = (b.not(singular), b.norm(newton));
    let finite = b.is_finite(length);
    let sound = b.and(fine, finite);
    // −(‖g‖² / ‖J D⁻¹ g‖²) g with g = D⁻¹ Jᵀ F, the least of the model along its gradient.
    let transposed = b.transpose(jacobian, &[1, 0]);
    let gradient = product(b, transposed, f);
    let gradient = b.div(gradient, scale);
    let unscaled = b.div(gradient, scale);
    let image = product(b, jacobian, unscaled);
    let (square, curvature) = (b.inner(gradient, gradient), b.inner(image, image));
    let length = b.div(square, curvature);
    let length = b.neg(length);
    let descent = b.scaled(length, gradient);
    (Model { f, jacobian, scale, newton, descent, sound }, singular)
}

/// A v for a matrix and a vector.
fn product(b: &mut Builder, matrix: Value, v: Value) -> Value {
    let column = b.reshape(v, &[-1, 1]);
    let image = b.matmul(matrix, column);
    b.reshape_like(image, v)
}

/// q on the path from 0 down the gradient and on to Newton's step, as far as `radius` allows.
fn on_path(b: &mut Builder, model: &Model, radius: Value) -> Value {
    let (newton, descent) = (b.norm(model.newton), b.norm(model.descent));
    let within = b.at_most(newton, radius);
    let whole = b.and(within, model.sound);
    let inside = b.at_most(descent, radius);
    let bends = b.and(inside, model.sound);
    // Where there is no Newton step, the path ends with the descent.
    let (one, share) = (b.scalar_like(radius, 1.0), b.div(radius, descent));
    let share = b.select(inside, one, share);
    let down = b.scaled(share, model.descent);
    // |c + β (n − c)| = radius.
    let along = b.sub(model.newton, model.descent);
    let (a, h) = (b.inner(along, along), b.inner(model.descent, along));
    let (outer, inner) = (b.mul(radius, radius), b.mul(descent, descent));
    let left = b.sub(outer, inner);
    let (square, product) = (b.mul(h, h), b.mul(a, left));
    let discriminant = b.add(square, product);
    let root = b.sqrt(discriminant);
    let sum = b.add(h, root);
    let beta = b.div(left, sum);
    let bent = b.plus(model.descent, beta, along);
    let short = b.either(bends, bent, down);
    b.either(whole, model.newton, short)
}

/// Makes the region narrower until ‖F‖² falls by a part of what the model promises: whether it did, x, F and ‖F‖ there, or as they were, and the next radius.
fn searched(
    b: &mut Builder,
    task: &Task,
    from: &At,
    model: &Model,
    radius: Value,
) -> (Value, [Value; 3], Value) {
    let never = b.above(radius, radius);
    let searching = b.not(never);
    let Model { f, jacobian, scale, newton, descent, sound } = *model;
    let held = [from.x, from.norm, f, jacobian, scale, newton, descent, sound];
    let constants = [&held, from.constants].concat();
    let state = [searching, radius, from.x, from.f, from.norm];
    let end = iterate(b, "trust_region", REGIONS_MAX, &state, &constants, |b, s, c| {
        let (&[x, norm, f, jacobian, scale, newton, descent, sound], constants) =
            c.split_first_chunk().expect("as many as are held");
        let model = Model { f, jacobian, scale, newton, descent, sound };
        let radius = s[1];
        let q = on_path(b, &model, radius);
        let p = b.div(q, scale);
        let shaped = b.reshape_like(p, x);
        let next = b.add(x, shaped);
        let next_f = task.f.at(b, next, constants);
        let next_norm = b.norm(next_f);
        let image = product(b, jacobian, p);
        let predicted = b.add(f, image);
        let predicted = b.norm(predicted);
        // ‖F‖² − ‖·‖², by factors, so that nothing overflows that need not.
        let [gain, promise] = [next_norm, predicted].map(|size| {
            let (difference, sum) = (b.sub(norm, size), b.add(norm, size));
            let size = b.div(sum, norm);
            b.mul(difference, size)
        });
        let ratio = b.div(gain, promise);
        let [least, low, high, quarter, two] =
            [1e-4, 0.25, 0.75, 0.25, 2.0].map(|value| b.scalar_like(norm, value));
        let (keeps, falls) = (b.above(ratio, least), b.above(norm, next_norm));
        let accepted = b.and(keeps, falls);
        let length = b.norm(q);
        let (narrow, twice) = (b.mul(quarter, length), b.mul(two, length));
        let (wide, poor, good) = (b.max(radius, twice), b.at_most(ratio, low), b.above(ratio, high));
        let (bad, fine) = (b.not(accepted), b.select(good, wide, radius));
        let narrows = b.or(poor, bad);
        let radius = b.select(narrows, narrow, fine);
        vec![bad, radius, next, next_f, next_norm]
    });
    let found = b.not(end[0]);
    let pairs = [(end[2], from.x), (end[3], from.f), (end[4], from.norm)];
    (found, pairs.map(|(new, old)| b.either(found, new, old)), end[1])
}
