//! Singular values and vectors: a QR factorisation, then one-sided Jacobi rotations of the triangle's rows.
//!
//! M. R. Hestenes, *Inversion of matrices by biorthogonalization and related results*, J. SIAM 6 (1958); J. Demmel and K. Veselić, *Jacobi's method is more accurate than QR*, SIAM J. Matrix
//! Anal. Appl. 13 (1992): small singular values keep their digits where the matrix determines them.

use super::eigh::rotate;
use super::qr::qr;
use crate::numerics::lanes::Real;

/// Rounds over all pairs of rows, after which the iteration counts as failed; fewer than 12 are usual.
const SWEEPS: usize = 60;

/// Chains side by side in a product of two rows.
const CHAINS: usize = 8;

/// A = U diag(s) Vᵀ by law 11 of an m×n matrix `a` with m ≥ n: U, m×n with orthonormal columns, over `a`, the singular values, descending, and V, n×n.
///
/// Pairs of rows of R are visited in the order (0, 1), (0, 2), …, (n − 2, n − 1), and rotated where the size of their product exceeds 8 ε times their norms;
/// a round without rotation ends the iteration. Where a singular value is 0, the column of V is the first unit vector, made orthogonal to those before it, that keeps at least the part 1/(2n) of
/// its square. Gives 0, or 1 where the iteration failed or an element is not finite; all results are NaN then.
#[inline(always)]
pub fn svd<T: Real>(a: &mut [T], m: usize, n: usize, values: &mut [T], v: &mut [T]) -> i64 {
    let mut w = vec![T::ZERO; n * n];
    qr(a, m, n, &mut w);
    let mut rotations = vec![T::ZERO; n * n];
    (0..n).for_each(|i| rotations[i * n + i] = T::ONE);
    let finite = super::are_finite(&w);
    if !(finite && orthogonalise(&mut w, &mut rotations, n)) {
        [a, values, v].into_iter().for_each(|x| x.fill(super::nan()));
        return 1;
    }
    let norms: Vec<T> = (0..n).map(|i| norm(&w[i * n..(i + 1) * n])).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| norms[j].partial_cmp(&norms[i]).expect("finite"));
    for (k, &from) in order.iter().enumerate() {
        let (norm, row) = (norms[from], &w[from * n..(from + 1) * n]);
        values[k] = norm;
        let column: Vec<T> = match norm == T::ZERO {
            true => completed(v, n, k),
            false => row.iter().map(|&x| x / norm).collect(),
        };
        (0..n).for_each(|i| v[i * n + k] = column[i]);
    }
    // U = Q times the rotations, whose rows are the columns of the product: chains over the columns of Q, ascending.
    let mut line = vec![T::ZERO; n];
    for row in a.chunks_exact_mut(n.max(1)) {
        line.copy_from_slice(row);
        for (u, &from) in row.iter_mut().zip(&order) {
            let rotation = &rotations[from * n..(from + 1) * n];
            *u = line.iter().zip(rotation).fold(T::ZERO, |sum, (&q, &j)| q.fma(j, sum));
        }
    }
    0
}

/// Makes the rows of `w` orthogonal, rotating those of `rotations` along; whether it came to an end.
#[inline(always)]
fn orthogonalise<T: Real>(w: &mut [T], rotations: &mut [T], n: usize) -> bool {
    // 8 ε, with ε = 1/2⁵² or 1/2²³.
    let two = T::ONE + T::ONE;
    let tolerance = two * two * two / T::WHOLE;
    for _ in 0..SWEEPS {
        let mut still = true;
        for i in 0..n {
            // Rows from j on whose products with row i are known, which none has been rotated since.
            let (mut j, mut known, mut ahead) = (i + 1, 0, Products::<T, AHEAD>::default());
            let mut rotated = true;
            while j < n {
                if known == 0 {
                    // Where one pair was rotated the next one will be, as a rule.
                    known = if rotated || n - j < AHEAD { 1 } else { AHEAD };
                    let (x, rows) = (&w[i * n..(i + 1) * n], &w[j * n..]);
                    ahead = match known {
                        1 => products::<T, 1>(x, [&rows[..n]]).widened(),
                        _ => products(x, std::array::from_fn(|k| &rows[k * n..(k + 1) * n])),
                    };
                }
                let turn = ahead.rotation(tolerance);
                rotated = turn.is_some();
                if let Some((c, s)) = turn {
                    still = false;
                    known = 1;
                    for rows in [&mut *w, &mut *rotations] {
                        let (above, below) = rows.split_at_mut(j * n);
                        rotate(&mut above[i * n..(i + 1) * n], &mut below[..n], c, s);
                    }
                }
                ahead.advance();
                (j, known) = (j + 1, known - 1);
            }
        }
        if still {
            return true;
        }
    }
    false
}

/// Rows whose products with another one are computed at once: their chains hide each other's latency.
const AHEAD: usize = 4;

/// Products of a row with itself, of others with themselves, and of the row with them.
#[derive(Clone, Copy)]
struct Products<T, const W: usize> {
    own: T,
    others: [T; W],
    mixed: [T; W],
}

impl<T: Real, const W: usize> Default for Products<T, W> {
    #[inline(always)]
    fn default() -> Self {
        Products { own: T::ZERO, others: [T::ZERO; W], mixed: [T::ZERO; W] }
    }
}

impl<T: Real, const W: usize> Products<T, W> {
    /// The same for the first of `AHEAD` rows.
    #[inline(always)]
    fn widened(self) -> Products<T, AHEAD> {
        let mut wide = Products { own: self.own, ..Products::default() };
        wide.others[..W].copy_from_slice(&self.others);
        wide.mixed[..W].copy_from_slice(&self.mixed);
        wide
    }

    /// Leaves the first of the others behind.
    #[inline(always)]
    fn advance(&mut self) {
        self.others.rotate_left(1);
        self.mixed.rotate_left(1);
    }

    /// Cosine and sine of the rotation that makes the row orthogonal to the first of the others, unless it is.
    #[inline(always)]
    fn rotation(&self, tolerance: T) -> Option<(T, T)> {
        let (alpha, beta, gamma) = (self.own, self.others[0], self.mixed[0]);
        let limit = tolerance * (alpha.sqrt() * beta.sqrt());
        if gamma.abs() <= limit || gamma == T::ZERO {
            return None;
        }
        let zeta = (beta - alpha) / (gamma + gamma);
        let size = zeta.abs() + zeta.fma(zeta, T::ONE).sqrt();
        let t = (T::ONE / size).copysign(zeta);
        if t == T::ZERO {
            return None;
        }
        let c = T::ONE / t.fma(t, T::ONE).sqrt();
        Some((c, c * t))
    }
}

/// The products of `x` and `rows`: each Σ x y of eight chains side by side, joined by halves.
#[inline(always)]
fn products<T: Real, const W: usize>(x: &[T], rows: [&[T]; W]) -> Products<T, W> {
    let mut own = [T::ZERO; CHAINS];
    let (mut others, mut mixed) = ([own; W], [own; W]);
    let (whole, rest) = x.as_chunks::<CHAINS>();
    let rows = rows.map(|row| {
        let (whole_of_row, rest_of_row) = row.as_chunks::<CHAINS>();
        (&whole_of_row[..whole.len()], &rest_of_row[..rest.len()])
    });
    for (at, x) in whole.iter().enumerate() {
        for (own, &x) in own.iter_mut().zip(x) {
            *own = x.fma(x, *own);
        }
        for k in 0..W {
            let y = &rows[k].0[at];
            for l in 0..CHAINS {
                others[k][l] = y[l].fma(y[l], others[k][l]);
                mixed[k][l] = x[l].fma(y[l], mixed[k][l]);
            }
        }
    }
    for (l, &x) in rest.iter().enumerate() {
        own[l] = x.fma(x, own[l]);
        for k in 0..W {
            let y = rows[k].1[l];
            others[k][l] = y.fma(y, others[k][l]);
            mixed[k][l] = x.fma(y, mixed[k][l]);
        }
    }
    Products { own: joined(own), others: others.map(joined), mixed: mixed.map(joined) }
}

/// The product of `x` with itself.
#[inline(always)]
fn square<T: Real>(x: &[T]) -> T {
    products(x, []).own
}

/// The sum of eight chains, by halves.
#[inline(always)]
fn joined<T: Real>(chains: [T; CHAINS]) -> T {
    let [a, b, c, d, e, f, g, h] = chains;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The norm of a row, scaled by its largest element.
#[inline(always)]
fn norm<T: Real>(x: &[T]) -> T {
    let size = x.iter().fold(T::ZERO, |size, x| if x.abs() > size { x.abs() } else { size });
    if size == T::ZERO {
        return size;
    }
    let scaled: Vec<T> = x.iter().map(|&x| x / size).collect();
    size * square(&scaled).sqrt()
}

/// A unit vector orthogonal to the first `k` columns of `v`, which are orthonormal.
#[inline(always)]
fn completed<T: Real>(v: &[T], n: usize, k: usize) -> Vec<T> {
    let mut part = T::ONE;
    (0..n + n).for_each(|_| part = part + T::ONE);
    for unit in 0..n {
        let mut x = vec![T::ZERO; n];
        x[unit] = T::ONE;
        // Twice is enough (Parlett).
        for _ in 0..2 {
            for j in 0..k {
                let overlap = (0..n).fold(T::ZERO, |sum, i| v[i * n + j].fma(x[i], sum));
                (0..n).for_each(|i| x[i] = overlap.fnma(v[i * n + j], x[i]));
            }
        }
        let left = square(&x);
        if left * part >= T::ONE {
            let norm = left.sqrt();
            return x.into_iter().map(|x| x / norm).collect();
        }
    }
    unreachable!("of n unit vectors, one keeps at least 1/n of its square")
}
