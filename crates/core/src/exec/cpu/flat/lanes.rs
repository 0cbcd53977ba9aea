//! Kernels for positions side by side: element e of position l of a value stands at `e · lanes + l`.
//!
//! A vector holds one element of as many positions, so that a chain of one matrix or one line, which is scalar work, is that of a vector of them. Every
//! position does what the law's plain code does, its branches taken by selection.

use crate::exec::cpu::product::Plane;
use crate::numerics::dispatch::Kernel;
use crate::numerics::lanes::{Lanes, Mask, Number, Real, Simd, WIDTH_MAX};
use crate::numerics::linalg::Triangle;
use crate::numerics::math::Elementary;
use crate::numerics::reduce::{Max, Min, Prod, Reducer, Sum};
use crate::numerics::tree::LANES_MAX;
use crate::ops::Function;
use std::mem::MaybeUninit;

/// Element `e` of the vector of positions from `lane` on.
///
/// # Safety
/// It must lie in the arena.
#[inline(always)]
unsafe fn load<V: Lanes>(x: Plane<V::Scalar>, e: usize) -> V {
    // SAFETY: the caller's promise.
    unsafe { V::load(x.start.add(e * x.row)) }
}

/// As [`load`], to write.
///
/// # Safety
/// As for [`load`].
#[inline(always)]
unsafe fn store<V: Lanes>(x: Plane<V::Scalar>, e: usize, value: V) {
    // SAFETY: the caller's promise.
    unsafe { value.store(x.start.add(e * x.row)) }
}

/// Where elements of positions from `lane` on start.
#[inline(always)]
fn from<T: Copy>(x: Plane<T>, lane: usize) -> Plane<T> {
    Plane { start: x.start.wrapping_add(lane), ..x }
}

/// `y = x` at positions that are active.
pub(super) struct Keep<'a, T> {
    pub active: &'a [T],
    pub x: &'a [T],
    pub y: &'a mut [T],
}

impl<T: Real> Kernel for Keep<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Keep { active, x, y } = self;
        let (lanes, width) = (active.len(), <T::Vector<S> as Lanes>::WIDTH);
        assert!(lanes.is_multiple_of(width) && x.len() == y.len() && x.len().is_multiple_of(lanes));
        for lane in (0..lanes).step_by(width) {
            // SAFETY: vectors of positions lie in all three.
            unsafe {
                let goes_on = T::Vector::<S>::load(active.as_ptr().add(lane)).ne(T::Vector::<S>::zero());
                for e in (lane..x.len()).step_by(lanes) {
                    let old = T::Vector::<S>::load(y.as_ptr().add(e));
                    T::Vector::<S>::select(goes_on, T::Vector::<S>::load(x.as_ptr().add(e)), old)
                        .store(y.as_mut_ptr().add(e));
                }
            }
        }
    }
}

/// One side of a product: where it starts, how far apart its rows or columns are and how far apart the terms of one, in elements.
#[derive(Clone, Copy)]
pub(super) struct Side<T> {
    pub plane: Plane<T>,
    pub line: usize,
    pub term: usize,
}

/// Law 4 for products of one slab: `lines` × `others` results of each of `count` problems, the first of one line of `a` with one of `b`.
pub(super) struct LaneMatmul<T> {
    pub count: usize,
    pub lines: usize,
    pub others: usize,
    pub terms: usize,
    pub a: Side<T>,
    pub b: Side<T>,
    /// Whether all positions share `a`, whose elements then stand one behind the other.
    pub shares: bool,
    /// The results, and how far apart those of lines and of others are.
    pub y: Plane<T>,
    pub steps: [usize; 2],
}

impl<T: Real> Kernel for LaneMatmul<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.shares {
            true => self.products::<T::Vector<S>, true>(),
            false => self.products::<T::Vector<S>, false>(),
        }
    }
}

impl<T: Real> LaneMatmul<T> {
    #[inline(always)]
    fn products<V: Lanes<Scalar = T>, const SHARES: bool>(&self) {
        for lane in (0..self.y.row).step_by(V::WIDTH) {
            for problem in 0..self.count {
                let mut j = 0;
                while j < self.others {
                    let columns = if self.others - j >= 4 { 4 } else { 1 };
                    let mut i = 0;
                    while i < self.lines {
                        // Chains enough to hide each other's latency, and as many operations as loads.
                        i += match (self.lines - i, columns) {
                            (4.., 4) => self.block::<V, SHARES, 4, 4>(lane, problem, i, j),
                            (_, 4) => self.block::<V, SHARES, 1, 4>(lane, problem, i, j),
                            (8.., _) => self.block::<V, SHARES, 8, 1>(lane, problem, i, j),
                            (4.., _) => self.block::<V, SHARES, 4, 1>(lane, problem, i, j),
                            _ => self.block::<V, SHARES, 1, 1>(lane, problem, i, j),
                        };
                    }
                    j += columns;
                }
            }
        }
    }

    /// The results of `R` lines with `C` others; gives `R`.
    #[inline(always)]
    fn block<V: Lanes<Scalar = T>, const SHARES: bool, const R: usize, const C: usize>(
        &self,
        lane: usize,
        problem: usize,
        i: usize,
        j: usize,
    ) -> usize {
        let &LaneMatmul { lines, others, terms, a, b, y, steps, .. } = self;
        let (first, second) = (problem * lines * terms + i * a.line, problem * terms * others + j * b.line);
        let mut sums = [[V::zero(); C]; R];
        for t in 0..terms {
            // SAFETY: the elements lie in the operands; lanes are whole vectors.
            unsafe {
                let b: [V; C] =
                    std::array::from_fn(|c| load(from(b.plane, lane), second + c * b.line + t * b.term));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let e = first + r * a.line + t * a.term;
                    let a =
                        if SHARES { V::splat(*a.plane.start.add(e)) } else { load(from(a.plane, lane), e) };
                    for (sum, &b) in sums.iter_mut().zip(&b) {
                        *sum = a.fma(b, *sum);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, &sum) in sums.iter().enumerate() {
                let e = problem * lines * others + (i + r) * steps[0] + (j + c) * steps[1];
                // SAFETY: the results hold it.
                unsafe { store(from(y, lane), e, sum) };
            }
        }
        R
    }
}

/// Law 3 for lines of at most one block: `count` results from terms `step` elements apart.
pub(super) struct LaneLines<T> {
    pub x: [Plane<T>; 2],
    pub dot: bool,
    pub combiner: Function,
    pub n: usize,
    pub step: usize,
    pub y: Plane<T>,
    pub count: usize,
}

impl<T: Real> Kernel for LaneLines<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let [x, other] = self.x;
        match self.combiner {
            _ if self.dot => self.lines::<T::Vector<S>, Sum, 2>([x, other]),
            Function::Mul => self.lines::<T::Vector<S>, Prod, 1>([x]),
            Function::Max => self.lines::<T::Vector<S>, Max, 1>([x]),
            Function::Min => self.lines::<T::Vector<S>, Min, 1>([x]),
            _ => self.lines::<T::Vector<S>, Sum, 1>([x]),
        }
    }
}

impl<T: Real> LaneLines<T> {
    /// The factors of the term at element `e`.
    #[inline(always)]
    fn term<V: Elementary<Scalar = T>, const K: usize>(
        &self,
        x: [Plane<T>; K],
        lane: usize,
        e: usize,
    ) -> [V; K] {
        let mut term = [V::zero(); K];
        for (term, &x) in term.iter_mut().zip(&x) {
            // SAFETY: the terms lie in the operands; lanes are whole vectors.
            *term = unsafe { load(from(x, lane), e) };
        }
        term
    }

    #[inline(always)]
    fn lines<V: Elementary<Scalar = T>, R: Reducer<K, 1>, const K: usize>(&self, x: [Plane<T>; K]) {
        let &LaneLines { n, step, y, count, .. } = self;
        for lane in (0..y.row).step_by(V::WIDTH) {
            for line in 0..count {
                let start = line / step * n * step + line % step;
                let mut room = [const { MaybeUninit::uninit() }; LANES_MAX];
                let used = n.min(T::LAW_LANES);
                for (t, state) in room[..used].iter_mut().enumerate() {
                    state.write(R::first(self.term::<V, K>(x, lane, start + t * step)));
                }
                // SAFETY: as many were written.
                let states = unsafe { room[..used].assume_init_mut() };
                for t in used..n {
                    let state = &mut states[t % T::LAW_LANES];
                    *state = R::add(*state, self.term::<V, K>(x, lane, start + t * step));
                }
                // Lanes fold by halves; one without a term passes the other through.
                let mut half = T::LAW_LANES / 2;
                while half > 0 {
                    for l in 0..half.min(n.saturating_sub(half)) {
                        states[l] = R::join(states[l], states[l + half]);
                    }
                    half /= 2;
                }
                // SAFETY: the result has `count` elements.
                unsafe { store(from(y, lane), line, R::value(states[0])) };
            }
        }
    }
}

/// Law 11's LU with partial pivoting of `count` matrices n×n in place.
pub(super) struct LaneLu<'a, T> {
    pub a: Plane<T>,
    pub n: usize,
    pub count: usize,
    pub rows: &'a mut [i64],
    pub info: &'a mut [i64],
}

/// Rows of the largest matrix that is small.
const ROWS_MAX: usize = 32;
const _: () = assert!(ROWS_MAX.pow(3) >= super::WORK_MAX);

impl<T: Real> Kernel for LaneLu<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let LaneLu { a, n, count, rows, info } = self;
        let lanes = a.row;
        let mut order = [[T::ZERO; WIDTH_MAX]; ROWS_MAX];
        for lane in (0..lanes).step_by(<T::Vector<S> as Lanes>::WIDTH) {
            for matrix in 0..count {
                let a = Plane { start: from(a, lane).start.wrapping_add(matrix * n * n * lanes), row: lanes };
                // SAFETY: the matrix lies in the arena; lanes are whole vectors.
                let status = unsafe { factor::<T::Vector<S>>(a, n, &mut order) };
                for l in 0..<T::Vector<S> as Lanes>::WIDTH {
                    for i in 0..n {
                        rows[(matrix * n + i) * lanes + lane + l] = order[i][l].to_usize() as i64;
                    }
                    info[matrix * lanes + lane + l] = status[l].to_usize() as i64;
                }
            }
        }
    }
}

/// One matrix for each position of a vector, and which row stands where; the statuses.
///
/// # Safety
/// The matrices must lie in the arena.
#[inline(always)]
unsafe fn factor<V: Lanes>(
    a: Plane<V::Scalar>,
    n: usize,
    order: &mut [[V::Scalar; WIDTH_MAX]; ROWS_MAX],
) -> [V::Scalar; WIDTH_MAX] {
    let zero = V::zero();
    let mut info = zero;
    // SAFETY: elements below n² lie in the matrices, as the caller promised; rows of `order` hold a vector.
    unsafe {
        for (i, row) in order[..n].iter_mut().enumerate() {
            V::splat(V::Scalar::from_usize(i)).store(row.as_mut_ptr());
        }
        for k in 0..n {
            let mut largest = load::<V>(a, k * n + k).abs();
            let mut pivot = V::splat(V::Scalar::from_usize(k));
            for i in k + 1..n {
                let size = load::<V>(a, i * n + k).abs();
                let larger = largest.lt(size);
                largest = V::select(larger, size, largest);
                pivot = V::select(larger, V::splat(V::Scalar::from_usize(i)), pivot);
            }
            let here = pivot.eq(V::splat(V::Scalar::from_usize(k)));
            let at = match here.not().any() {
                true => exchange::<V>(a, n, k, pivot, order),
                false => load::<V>(a, k * n + k),
            };
            let noted = info.eq(zero).and(zero.lt(at.abs()).not());
            info = V::select(noted, V::splat(V::Scalar::from_usize(k + 1)), info);
            let singular = at.eq(zero);
            for i in k + 1..n {
                let chain = load::<V>(a, i * n + k);
                let l = V::select(singular, chain, chain / at);
                store(a, i * n + k, l);
                for j in k + 1..n {
                    let x = load::<V>(a, i * n + j);
                    store(a, i * n + j, l.fnma(load(a, k * n + j), x));
                }
            }
        }
    }
    info.to_array()
}

/// Exchanges row `k` with that of the pivot, each position's its own, of the matrices and of what stands where; the pivot.
///
/// # Safety
/// As for [`factor`].
#[inline(always)]
unsafe fn exchange<V: Lanes>(
    a: Plane<V::Scalar>,
    n: usize,
    k: usize,
    pivot: V,
    order: &mut [[V::Scalar; WIDTH_MAX]; ROWS_MAX],
) -> V {
    let mut moves = [V::Mask::splat(false); ROWS_MAX];
    for (i, moves) in moves[..n].iter_mut().enumerate().skip(k + 1) {
        *moves = pivot.eq(V::splat(V::Scalar::from_usize(i)));
    }
    // SAFETY: the caller's promise.
    unsafe {
        let rows = || moves.iter().enumerate().take(n).skip(k + 1);
        for j in 0..n {
            let upper = load::<V>(a, k * n + j);
            let mut new = upper;
            for (i, &moves) in rows() {
                let lower = load::<V>(a, i * n + j);
                new = V::select(moves, lower, new);
                store(a, i * n + j, V::select(moves, upper, lower));
            }
            store(a, k * n + j, new);
        }
        let upper = V::load(order[k].as_ptr());
        let mut new = upper;
        for (i, &moves) in rows() {
            let lower = V::load(order[i].as_ptr());
            new = V::select(moves, lower, new);
            V::select(moves, upper, lower).store(order[i].as_mut_ptr());
        }
        new.store(order[k].as_mut_ptr());
        load(a, k * n + k)
    }
}

/// Law 11's solutions with triangles of `count` matrices n×n for `columns` right-hand sides, over these.
pub(super) struct LaneSolve<T> {
    pub triangle: Triangle,
    pub t: Plane<T>,
    pub x: Plane<T>,
    pub n: usize,
    pub columns: usize,
    pub count: usize,
}

impl<T: Real> Kernel for LaneSolve<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let LaneSolve { triangle, t, x, n, columns, count } = self;
        let (row, column) = if triangle.transpose { (1, n) } else { (n, 1) };
        let forward = triangle.is_forward();
        for lane in (0..x.row).step_by(<T::Vector<S> as Lanes>::WIDTH) {
            for problem in 0..count {
                let t = Plane { start: from(t, lane).start.wrapping_add(problem * n * n * t.row), ..t };
                let x = Plane { start: from(x, lane).start.wrapping_add(problem * n * columns * x.row), ..x };
                for step in 0..n {
                    let i = if forward { step } else { n - 1 - step };
                    for j in 0..columns {
                        // SAFETY: the elements lie in the arena; lanes are whole vectors.
                        unsafe {
                            let mut sum: T::Vector<S> = load(x, i * columns + j);
                            for known in 0..step {
                                let k = if forward { known } else { n - 1 - known };
                                let factor: T::Vector<S> = load(t, i * row + k * column);
                                sum = factor.fnma(load(x, k * columns + j), sum);
                            }
                            let y = if triangle.unit { sum } else { sum / load(t, i * n + i) };
                            store(x, i * columns + j, y);
                        }
                    }
                }
            }
        }
    }
}
