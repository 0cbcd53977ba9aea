//! Matrix products of whole operands, in the order of law 4.
//!
//! A product is cut into a part for each thread: its results by rows or columns, or, where there are few results and
//! many terms, its slabs along the law's tree. Which part a result is in changes no bit. A part that the caches do
//! not hold is cut further, and then takes one slab after the other:
//!
//! ```text
//! for each slab of 256 terms
//!     copy the right operand's slab by panels of 3 vectors of columns, to stay in L2
//!     for each 64 rows
//!         copy the left operand's slab where its rows are not contiguous
//!         for each 8 rows, for each panel: a register block, which joins the subtrees that wait for it
//! ```
//!
//! The rows stay in L1 while the panels stream from L2. A copy makes what the register kernels read
//! contiguous: lines that are a power of two apart would fall on few sets of a cache, and each on a
//! page of its own. It costs one move for as many fma as it has readers.

use super::aligned::Room;
use super::product::{
    Ahead, Begin, Left, Matrix, PANEL_COLUMNS, Plane, Right, Sums, panel, panel_columns, strip,
    waiting_planes,
};
use crate::ir::DType;
use crate::memory::room;
use crate::numerics::dispatch::{Kernel, Level, dispatch};
use crate::numerics::lanes::{Lanes, Real, Simd};
use crate::numerics::tree::{BLOCK, block_range, blocks, joins, split};
use crate::ops::{Extents, Matmul};
use crate::tensor::Tensor;

/// The most rows of a part: each copied line of the right operand serves as many.
const ROWS: usize = 512;

/// The most columns of a part: with 256 terms 1 MiB of f64, half of a large L2. (On a Xeon with 2 MiB of L2, products of
/// 1024² and 2048² ran at 0.85 and 0.98 with 256 rows, and at 0.92 and 1.04 with 288 columns.)
const COLUMNS: usize = 528;

/// Results below which a product is cut along its terms rather than into smaller blocks.
const RESULTS: usize = 128 * 128;

/// Multiply-adds worth a thread: some 20 µs of one core.
pub(super) const GRAIN: usize = 1 << 20;

/// Rows of the left operand that are copied together.
const ROWS_COPIED: usize = 64;

/// The most of a slab that is asked for while the one before it is computed; both stay in L2.
const AHEAD_BYTES: usize = 512 << 10;

/// Rows up to which the right operand is read where it stands.
const ROWS_DIRECT: usize = 24;

/// The products of extents `e` of the elements of two tensors, batch × m × n; `op` must not be strong.
pub(super) fn matmul(
    level: Level,
    pool: Option<&rayon::ThreadPool>,
    op: &Matmul,
    e: Extents,
    a: &Tensor,
    b: &Tensor,
) -> Tensor {
    debug_assert!(op.strong.is_none());
    let shape = [e.batch, e.m, e.n];
    match a.dtype() {
        DType::F32 => Tensor::new(shape, product::<f32>(level, pool, op, e, a.values(), b.values())),
        _ => Tensor::new(shape, product::<f64>(level, pool, op, e, a.values(), b.values())),
    }
}

/// Whether several threads share a product of such extents, where there are any.
pub(super) fn is_shared(e: Extents) -> bool {
    e.work() >= 2 * GRAIN
}

fn product<T: Real>(
    level: Level,
    pool: Option<&rayon::ThreadPool>,
    op: &Matmul,
    e: Extents,
    a: &[T],
    b: &[T],
) -> Vec<T> {
    let Extents { batch, m, n, k } = e;
    assert_eq!((a.len(), b.len()), (batch * m * k, batch * k * n), "operands must have the extents");
    let mut y: Vec<T> = room(batch * m * n);
    let batch = Batch::new(op, e, a.as_ptr(), b.as_ptr(), y.as_mut_ptr());
    match pool {
        Some(pool) if is_shared(e) => {
            // The law's subtrees of slabs are uneven: more of them than threads even this out.
            let pieces = if e.batch == 1 && cuts_terms(m, n, k) { 4 } else { 1 };
            let shares = (pieces * pool.current_num_threads()).min(e.work() / GRAIN);
            pool.install(move || batch.run(level, shares));
        }
        _ => batch.run(level, 1),
    }
    // SAFETY: the parts have written all results.
    unsafe { y.set_len(batch.count * m * n) };
    y
}

/// The products of extents `e` of the elements at `a` and `b`, written to `y`, on this thread.
///
/// # Safety
/// They must hold that many elements, and those of `y` be this call's alone.
pub(super) unsafe fn matmul_at<T: Real>(
    level: Level,
    op: &Matmul,
    e: Extents,
    a: *const T,
    b: *const T,
    y: *mut T,
) {
    let batch = Batch::new(op, e, a, b, y);
    let first = batch.first;
    match first.reads_directly() && first.a.column == 1 && first.k <= BLOCK {
        true => dispatch(level, InPlace(batch)),
        false => batch.run(level, 1),
    }
}

/// Products of one slab whose operands are read where they stand.
struct InPlace<T>(Batch<T>);

impl<T: Real> Kernel for InPlace<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let InPlace(Batch { first, count }) = self;
        for i in 0..count {
            // SAFETY: the products lie in the operands, and the panels in the product.
            unsafe {
                let Part { a, b, y, m, n, k, begin } = first.product(i);
                if n == 1 {
                    column(a, b, y, [m, k]);
                    continue;
                }
                for row in (0..m).step_by(strip::<T>()) {
                    let left =
                        Left { start: a.at(row, 0).start, strip: strip::<T>() * a.row, row: a.row, step: 1 };
                    let mut column = 0;
                    while column < n {
                        let step = panel_columns(n - column, <T::Vector<S> as Lanes>::WIDTH);
                        let columns = step.min(n - column);
                        let start = b.at(0, column).start;
                        let right = Right { start, step: b.row, readable: columns, ahead: None };
                        let sums = Sums { begin, target: y, waiting: &[], row, column };
                        let rows = strip::<T>().min(m - row);
                        panel::<T::Vector<S>>(left, right, k, sums, rows, columns);
                        column += step;
                    }
                }
            }
        }
    }
}

/// The product of m rows of k terms with one column: chains of single numbers, as many side by side as hide each other's latency.
///
/// # Safety
/// The operands and results must have these extents, and rows of `a` stand whole.
#[inline(always)]
unsafe fn column<T: Real>(a: Matrix<T>, b: Matrix<T>, y: Plane<T>, [m, k]: [usize; 2]) {
    const TOGETHER: usize = 8;
    for first in (0..m).step_by(TOGETHER) {
        let mut sums = [T::ZERO; TOGETHER];
        // SAFETY: the caller's promise; the last row stands in for those behind it.
        unsafe {
            let rows: [*const T; TOGETHER] = std::array::from_fn(|r| a.at((first + r).min(m - 1), 0).start);
            for t in 0..k {
                let x = *b.at(t, 0).start;
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum = (*row.add(t)).fma(x, *sum);
                }
            }
            for (r, &sum) in sums.iter().enumerate().take(m - first) {
                *y.at(first + r, 0).start = sum;
            }
        }
    }
}

/// `c[m × n] − a[m × k]·b[k × n]` over `c`, for `size` [m, n, k], by as many threads of a pool: every result is one chain, which goes on at the number
/// that stands in `c`, by law 11.
///
/// The kernels add −a·b, which has the bits of subtracting a·b.
///
/// # Safety
/// The operands must hold that many elements, and those of `c` must be this call's alone.
pub(super) unsafe fn subtract<T: Real>(
    level: Level,
    threads: usize,
    c: Plane<T>,
    a: Matrix<T>,
    b: Matrix<T>,
    [m, n, k]: [usize; 3],
) {
    let mut negative = Room::<T>::new(m * k.min(BLOCK));
    let shares = threads.min(m * n * k / GRAIN).max(1);
    for slab in 0..blocks(k) {
        let terms = block_range(slab, k);
        let (first, terms) = (terms.start, terms.len());
        let start = negative.start();
        // SAFETY: the slab lies in the operands, and the room holds its m × terms elements.
        unsafe {
            for i in 0..m {
                let to = std::slice::from_raw_parts_mut(start.add(i * terms), terms);
                let row = a.at(i, first);
                match a.column {
                    1 => {
                        let from = std::slice::from_raw_parts(row.start, terms);
                        to.iter_mut().zip(from).for_each(|(to, &x)| *to = -x);
                    }
                    _ => to.iter_mut().enumerate().for_each(|(t, to)| *to = -*row.at(0, t).start),
                }
            }
            let a = Matrix { start: start.cast_const(), row: terms, column: 1 };
            Part { a, b: b.at(first, 0), y: c, m, n, k: terms, begin: Begin::Target }.run(level, shares);
        }
    }
}

/// Products of operands that stand one behind the other.
#[derive(Clone, Copy)]
struct Batch<T> {
    first: Part<T>,
    count: usize,
}

/// A block of results over a subtree of slabs: `y[m × n] = a[m × k] · b[k × n]`.
#[derive(Clone, Copy)]
struct Part<T> {
    a: Matrix<T>,
    b: Matrix<T>,
    y: Plane<T>,
    m: usize,
    n: usize,
    k: usize,
    /// Where chains begin; they go on at the results only where there is one slab.
    begin: Begin,
}

// SAFETY: operands are only read; parts on different threads write different results.
unsafe impl<T: Real> Send for Part<T> {}

/// Whether a product has so few results and so many terms that its slabs are shared, not its results.
fn cuts_terms(m: usize, n: usize, k: usize) -> bool {
    blocks(k) > 1 && m * n <= RESULTS
}

/// Runs two parts, which have their own of `shares`; with a single one, one part after the other.
fn join(shares: [usize; 2], left: impl FnOnce(usize) + Send, right: impl FnOnce(usize) + Send) {
    match shares {
        [0, _] | [_, 0] => {
            left(1);
            right(1);
        }
        [first, second] => drop(rayon::join(|| left(first), || right(second))),
    }
}

/// Shares cut in two.
fn halves(shares: usize) -> [usize; 2] {
    [shares / 2, shares.div_ceil(2)]
}

/// What the first of two parts has of `whole`, in whole units, as much as its shares are.
fn first_part(whole: usize, shares: usize, unit: usize) -> usize {
    let [first, second] = halves(shares.max(2));
    (whole * first).div_ceil(first + second).next_multiple_of(unit)
}

impl<T: Real> Batch<T> {
    /// The products of extents `e` of the elements at `a` and `b`, to be written to `y`.
    fn new(op: &Matmul, e: Extents, a: *const T, b: *const T, y: *mut T) -> Batch<T> {
        let Extents { batch, m, n, k } = e;
        let matrix = |start: *const T, transposed: bool, rows: usize, columns: usize| match transposed {
            true => Matrix { start, row: 1, column: rows },
            false => Matrix { start, row: columns, column: 1 },
        };
        let first = Part {
            a: matrix(a, op.transpose_a, m, k),
            b: matrix(b, op.transpose_b, k, n),
            y: Plane { start: y, row: n },
            m,
            n,
            k,
            begin: Begin::Zero,
        };
        Batch { first, count: batch }
    }

    fn run(self, level: Level, shares: usize) {
        match self.count {
            0 => {}
            1 => self.first.run(level, shares),
            _ if shares <= 1 && self.first.is_one_block() => dispatch(level, self),
            count => {
                let half = first_part(count, shares, 1).min(count - 1);
                // SAFETY: `half` products lie before the second part.
                let first = unsafe { self.first.product(half) };
                let (left, right) = (Batch { count: half, ..self }, Batch { first, count: count - half });
                join(halves(shares), move |s| left.run(level, s), move |s| right.run(level, s));
            }
        }
    }
}

impl<T: Real> Part<T> {
    /// The product that stands `i` products behind this one.
    ///
    /// # Safety
    /// It must be one of the batch, or just behind it.
    #[inline(always)]
    unsafe fn product(self, i: usize) -> Part<T> {
        let Part { a, b, y, m, n, k, .. } = self;
        // SAFETY: products stand one behind the other.
        unsafe {
            Part {
                a: Matrix { start: a.start.add(i * m * k), ..a },
                b: Matrix { start: b.start.add(i * k * n), ..b },
                y: Plane { start: y.start.add(i * m * n), ..y },
                ..self
            }
        }
    }

    /// Whether the caches hold what a thread needs of it at a time.
    fn is_one_block(&self) -> bool {
        self.m <= ROWS && self.n <= COLUMNS
    }

    fn run(self, level: Level, shares: usize) {
        let Part { m, n, k, .. } = self;
        let shared = shares > 1;
        if shared && cuts_terms(m, n, k) {
            self.run_terms(level, shares, split(blocks(k)) * BLOCK);
        } else if m > ROWS || (shared && m >= n && m > strip::<T>()) {
            let half = first_part(m, shares, strip::<T>());
            // SAFETY: row `half` lies in the block.
            let (a, y) = unsafe { (self.a.at(half, 0), self.y.at(half, 0)) };
            let (left, right) = (Part { m: half, ..self }, Part { m: m - half, a, y, ..self });
            join(halves(shares), move |s| left.run(level, s), move |s| right.run(level, s));
        } else if n > COLUMNS || (shared && n > PANEL_COLUMNS) {
            let half = first_part(n, shares, PANEL_COLUMNS);
            // SAFETY: column `half` lies in the block.
            let (b, y) = unsafe { (self.b.at(0, half), self.y.at(0, half)) };
            let (left, right) = (Part { n: half, ..self }, Part { n: n - half, b, y, ..self });
            join(halves(shares), move |s| left.run(level, s), move |s| right.run(level, s));
        } else {
            dispatch(level, Batch { first: self, count: 1 });
        }
    }

    /// The two subtrees of the law, which meet at term `middle`.
    fn run_terms(self, level: Level, shares: usize, middle: usize) {
        let Part { m, n, k, .. } = self;
        let mut other: Vec<T> = room(m * n);
        let y = Plane { start: other.as_mut_ptr(), row: n };
        // SAFETY: term `middle` lies in the operands.
        let (a, b) = unsafe { (self.a.at(0, middle), self.b.at(middle, 0)) };
        let (left, right) = (Part { k: middle, ..self }, Part { k: k - middle, a, b, y, ..self });
        let first = (shares * middle / k).clamp(1, shares - 1);
        join([first, shares - first], move |s| left.run(level, s), move |s| right.run(level, s));
        for i in 0..m {
            for j in 0..n {
                // SAFETY: both planes hold m × n results.
                unsafe {
                    let sum = self.y.at(i, j).start;
                    *sum = *sum + *y.at(i, j).start;
                }
            }
        }
    }

    /// How the register kernels read `rows × terms` elements of the left operand from `a` on.
    ///
    /// # Safety
    /// `room` must hold [`ROWS_COPIED`] rows of a slab.
    #[inline(always)]
    unsafe fn left<V: Lanes<Scalar = T>>(a: Matrix<T>, rows: usize, terms: usize, room: *mut T) -> Left<T> {
        let strip = strip::<T>();
        if a.column == 1 {
            return Left { start: a.start, strip: strip * a.row, row: a.row, step: 1 };
        }
        let by_term = Matrix { start: a.start, row: a.column, column: a.row };
        for i in (0..rows).step_by(strip) {
            // SAFETY: the rows and terms lie in the operand, and the caller gives room for them.
            unsafe { by_term.at(0, i).copy::<V>(terms, strip.min(rows - i), room.add(i * terms), strip) };
        }
        Left { start: room, strip: strip * terms, row: 1, step: strip }
    }
}

/// What the next slab reads of both operands, where it lies in one piece: it is asked for while this slab is computed, a share
/// with each panel. Without that memory and arithmetic take turns where an operand serves few rows or columns.
struct Next<T> {
    /// Start and elements.
    pieces: [(*const T, usize); 2],
    share: usize,
}

impl<T: Real> Next<T> {
    /// The terms from `first` on of the operands of `part`, in as many shares as there are `panels`.
    #[inline(always)]
    fn new(part: &Part<T>, first: usize, panels: usize) -> Next<T> {
        let Part { a, b, m, n, k, .. } = *part;
        let terms = BLOCK.min(k - first);
        let piece = |by_term: Matrix<T>, width: usize| match by_term.column == 1 && by_term.row == width {
            true => (by_term.start.wrapping_add(first * width), terms * width),
            false => (by_term.start, 0),
        };
        let pieces = [piece(a.transposed(), m), piece(b, n)];
        let elements = pieces[0].1 + pieces[1].1;
        let share =
            if elements * size_of::<T>() > AHEAD_BYTES { 0 } else { elements.div_ceil(panels.max(1)) };
        Next { pieces, share }
    }

    /// The next share, for a panel over `terms` terms.
    #[inline(always)]
    fn next(&mut self, terms: usize) -> Ahead<T> {
        let Next { pieces: [one, other], share } = self;
        let piece = if one.1 > 0 { one } else { other };
        let ahead = Ahead { start: piece.0, step: if piece.1 > 0 { *share / terms.max(1) } else { 0 } };
        *piece = (piece.0.wrapping_add(*share), piece.1.saturating_sub(*share));
        ahead
    }
}

/// Room for the copies and partial results of one product after the other.
struct Rooms<T> {
    left: Room<T>,
    right: Room<T>,
    #[expect(dead_code, reason = "planes point into it")]
    partial: Room<T>,
    planes: [Plane<T>; usize::BITS as usize],
}

impl<T: Real> Rooms<T> {
    /// Room for products such as `part`, in vectors of `width` numbers.
    fn new(part: &Part<T>, width: usize) -> Self {
        let Part { a, y, m, n, k, .. } = *part;
        let waiting = waiting_planes(blocks(k));
        let mut partial = Room::<T>::new(waiting * m * n);
        let mut planes = [y; usize::BITS as usize];
        for (i, plane) in planes[1..=waiting].iter_mut().enumerate() {
            // SAFETY: there is room for that many planes.
            *plane = Plane { start: unsafe { partial.start().add(i * m * n) }, row: n };
        }
        Rooms {
            left: Room::new(if a.column == 1 {
                0
            } else {
                m.min(ROWS_COPIED).next_multiple_of(strip::<T>()) * k.min(BLOCK)
            }),
            right: Room::new(if part.reads_directly() {
                0
            } else {
                k.min(BLOCK) * n.next_multiple_of(width)
            }),
            partial,
            planes,
        }
    }
}

impl<T: Real> Kernel for Batch<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut rooms = Rooms::new(&self.first, <T::Vector<S> as Lanes>::WIDTH);
        for i in 0..self.count {
            // SAFETY: the products lie in the operands.
            unsafe { self.first.product(i).multiply::<T::Vector<S>>(&mut rooms) };
        }
    }
}

impl<T: Real> Part<T> {
    /// Whether the right operand is read where it stands.
    #[inline(always)]
    fn reads_directly(&self) -> bool {
        self.b.column == 1 && self.m <= ROWS_DIRECT
    }

    /// One slab after the other.
    ///
    /// # Safety
    /// The operands and results must have the part's extents, and `rooms` be made for them.
    #[inline(always)]
    unsafe fn multiply<V: Lanes<Scalar = T>>(self, rooms: &mut Rooms<T>) {
        let Part { a, b, y, m, n, k, begin } = self;
        let slabs = blocks(k).max(1);
        let direct = self.reads_directly();
        let panels = || {
            let next = move |&start: &usize| {
                Some(start + panel_columns(n - start, V::WIDTH)).filter(|&next| next < n)
            };
            std::iter::successors((n > 0).then_some(0), next)
        };
        rooms.planes[0] = y;
        for slab in 0..slabs {
            let terms = block_range(slab, k);
            let (first, terms) = (terms.start, terms.len());
            let joined = joins(slab, slabs);
            let (target, waiting) = (rooms.planes[joined.start], &rooms.planes[joined]);
            // SAFETY: slab, panels and results lie in the operands, and the copies have their room.
            unsafe {
                let mut next = Next::new(&self, first + terms, m.div_ceil(strip::<T>()) * panels().count());
                let b = b.at(first, 0);
                if !direct {
                    for start in panels() {
                        let step = panel_columns(n - start, V::WIDTH);
                        let to = rooms.right.start().add(start * terms);
                        b.at(0, start).copy::<V>(terms, step.min(n - start), to, step);
                    }
                }
                for group in (0..m).step_by(ROWS_COPIED) {
                    let rows = ROWS_COPIED.min(m - group);
                    let left = Self::left::<V>(a.at(group, first), rows, terms, rooms.left.start());
                    for i in (0..rows).step_by(strip::<T>()) {
                        let left = Left { start: left.start.add(i / strip::<T>() * left.strip), ..left };
                        for start in panels() {
                            let step = panel_columns(n - start, V::WIDTH);
                            let columns = step.min(n - start);
                            let ahead = Some(next.next(terms));
                            let right = match direct {
                                true => Right {
                                    start: b.at(0, start).start,
                                    step: b.row,
                                    readable: columns,
                                    ahead,
                                },
                                false => Right {
                                    start: rooms.right.start().add(start * terms),
                                    step,
                                    readable: step,
                                    ahead,
                                },
                            };
                            let sums = Sums { begin, target, waiting, row: group + i, column: start };
                            panel::<V>(left, right, terms, sums, strip::<T>().min(rows - i), columns);
                        }
                    }
                }
            }
        }
    }
}
