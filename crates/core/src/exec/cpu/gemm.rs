//! Matrix products of whole operands, in the order of law 4.
//!
//! A product is cut in halves: its results by rows or columns, or, where there are few results and
//! many terms, its slabs along the law's tree. Halves go to threads until a part is small; which part
//! a result is in changes no bit. A part takes one slab after the other:
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
    Begin, Left, Matrix, PANEL_COLUMNS, Plane, Right, Sums, panel, panel_columns, strip, waiting_planes,
};
use crate::ir::DType;
use crate::memory::with_huge_pages;
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

/// Multiply-adds worth handing to another thread: some 40 µs of one core.
pub(super) const GRAIN: usize = 1 << 21;

/// Rows of the left operand that are copied together.
const ROWS_COPIED: usize = 64;

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
    e.work() > GRAIN
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
    let mut y: Vec<T> = with_huge_pages(Vec::with_capacity(batch * m * n));
    let strides = |transposed: bool, rows: usize, columns: usize| match transposed {
        true => (1, rows),
        false => (columns, 1),
    };
    let (a_row, a_column) = strides(op.transpose_a, m, k);
    let (b_row, b_column) = strides(op.transpose_b, k, n);
    let first = Part {
        a: Matrix { start: a.as_ptr(), row: a_row, column: a_column },
        b: Matrix { start: b.as_ptr(), row: b_row, column: b_column },
        y: Plane { start: y.as_mut_ptr(), row: n },
        m,
        n,
        k,
        begin: Begin::Zero,
    };
    let batch = Batch { first, count: batch };
    match pool {
        Some(pool) if is_shared(e) => {
            let grain = GRAIN.max(e.work() / (4 * pool.current_num_threads()));
            pool.install(move || batch.run(level, grain));
        }
        _ => batch.run(level, usize::MAX),
    }
    // SAFETY: the parts have written all results.
    unsafe { y.set_len(batch.count * m * n) };
    y
}

/// `c[m × n] − a[m × k]·b[k × n]` over `c`, for `size` [m, n, k]: every result is one chain, which goes on at the number that stands in `c`, by law 11.
///
/// The kernels add −a·b, which has the bits of subtracting a·b.
///
/// # Safety
/// The operands must hold that many elements, and those of `c` must be this call's alone.
pub(super) unsafe fn subtract<T: Real>(
    level: Level,
    grain: usize,
    c: Plane<T>,
    a: Matrix<T>,
    b: Matrix<T>,
    [m, n, k]: [usize; 3],
) {
    let mut negative = Room::<T>::new(m * k.min(BLOCK));
    for slab in 0..blocks(k) {
        let terms = block_range(slab, k);
        let (first, terms) = (terms.start, terms.len());
        let start = negative.start();
        // SAFETY: the slab lies in the operands, and the room holds its m × terms elements.
        unsafe {
            for i in 0..m {
                for t in 0..terms {
                    *start.add(i * terms + t) = -*a.at(i, first + t).start;
                }
            }
            let a = Matrix { start: start.cast_const(), row: terms, column: 1 };
            Part { a, b: b.at(first, 0), y: c, m, n, k: terms, begin: Begin::Target }.run(level, grain);
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

/// Parts above `grain` multiply-adds may be shared between threads.
fn join(work: usize, grain: usize, left: impl FnOnce() + Send, right: impl FnOnce() + Send) {
    if work > grain {
        rayon::join(left, right);
    } else {
        left();
        right();
    }
}

impl<T: Real> Batch<T> {
    fn run(self, level: Level, grain: usize) {
        let Part { a, b, y, m, n, k, .. } = self.first;
        match self.count {
            0 => {}
            1 => self.first.run(level, grain),
            count => {
                let half = count / 2;
                // SAFETY: `half` products lie before the second half.
                let second = unsafe {
                    Part {
                        a: Matrix { start: a.start.add(half * m * k), ..a },
                        b: Matrix { start: b.start.add(half * k * n), ..b },
                        y: Plane { start: y.start.add(half * m * n), ..y },
                        ..self.first
                    }
                };
                let (left, right) =
                    (Batch { count: half, ..self }, Batch { first: second, count: count - half });
                join(
                    count * m * n * k,
                    grain,
                    move || left.run(level, grain),
                    move || right.run(level, grain),
                );
            }
        }
    }
}

impl<T: Real> Part<T> {
    fn run(self, level: Level, grain: usize) {
        let Part { m, n, k, .. } = self;
        let work = m * n * k;
        let shared = work > grain;
        let slabs = blocks(k);
        if shared && slabs > 1 && m * n <= RESULTS {
            self.run_terms(level, grain, split(slabs) * BLOCK);
        } else if m > ROWS || (shared && m >= n && m > strip::<T>()) {
            let half = (m / 2).next_multiple_of(strip::<T>());
            // SAFETY: row `half` lies in the block.
            let (a, y) = unsafe { (self.a.at(half, 0), self.y.at(half, 0)) };
            let (left, right) = (Part { m: half, ..self }, Part { m: m - half, a, y, ..self });
            join(work, grain, move || left.run(level, grain), move || right.run(level, grain));
        } else if n > COLUMNS || (shared && n > PANEL_COLUMNS) {
            let half = (n / 2).next_multiple_of(PANEL_COLUMNS);
            // SAFETY: column `half` lies in the block.
            let (b, y) = unsafe { (self.b.at(0, half), self.y.at(0, half)) };
            let (left, right) = (Part { n: half, ..self }, Part { n: n - half, b, y, ..self });
            join(work, grain, move || left.run(level, grain), move || right.run(level, grain));
        } else {
            dispatch(level, self);
        }
    }

    /// The two subtrees of the law, which meet at term `middle`.
    fn run_terms(self, level: Level, grain: usize, middle: usize) {
        let Part { m, n, k, .. } = self;
        let mut other: Vec<T> = with_huge_pages(Vec::with_capacity(m * n));
        let y = Plane { start: other.as_mut_ptr(), row: n };
        // SAFETY: term `middle` lies in the operands.
        let (a, b) = unsafe { (self.a.at(0, middle), self.b.at(middle, 0)) };
        let (left, right) = (Part { k: middle, ..self }, Part { k: k - middle, a, b, y, ..self });
        join(m * n * k, grain, move || left.run(level, grain), move || right.run(level, grain));
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

impl<T: Real> Kernel for Part<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = <T::Vector<S> as Lanes>::WIDTH;
        let Part { a, b, y, m, n, k, begin } = self;
        let slabs = blocks(k).max(1);
        let direct = b.column == 1 && m <= ROWS_DIRECT;
        let mut partial = Room::<T>::new(waiting_planes(slabs) * m * n);
        let mut left_room = Room::<T>::new(if a.column == 1 { 0 } else { ROWS_COPIED * BLOCK });
        let mut right_room =
            Room::<T>::new(if direct { 0 } else { k.min(BLOCK) * n.next_multiple_of(width) });
        let mut planes = [y; usize::BITS as usize];
        for (i, plane) in planes[1..=waiting_planes(slabs)].iter_mut().enumerate() {
            // SAFETY: there is room for that many planes.
            *plane = Plane { start: unsafe { partial.start().add(i * m * n) }, row: n };
        }
        for slab in 0..slabs {
            let terms = block_range(slab, k);
            let (first, terms) = (terms.start, terms.len());
            let panels = || {
                let next = move |&start: &usize| {
                    Some(start + panel_columns(n - start, width)).filter(|&next| next < n)
                };
                std::iter::successors((n > 0).then_some(0), next)
            };
            let joined = joins(slab, slabs);
            let (target, waiting) = (planes[joined.start], &planes[joined]);
            // SAFETY: slab, panels and results lie in the operands, and the copies have their room.
            unsafe {
                let b = b.at(first, 0);
                if !direct {
                    for start in panels() {
                        let step = panel_columns(n - start, width);
                        let to = right_room.start().add(start * terms);
                        b.at(0, start).copy::<T::Vector<S>>(terms, step.min(n - start), to, step);
                    }
                }
                for group in (0..m).step_by(ROWS_COPIED) {
                    let rows = ROWS_COPIED.min(m - group);
                    let left = Self::left::<T::Vector<S>>(a.at(group, first), rows, terms, left_room.start());
                    for i in (0..rows).step_by(strip::<T>()) {
                        let left = Left { start: left.start.add(i / strip::<T>() * left.strip), ..left };
                        for start in panels() {
                            let step = panel_columns(n - start, width);
                            let columns = step.min(n - start);
                            let right = match direct {
                                true => Right { start: b.at(0, start).start, step: b.row, readable: columns },
                                false => Right {
                                    start: right_room.start().add(start * terms),
                                    step,
                                    readable: step,
                                },
                            };
                            let sums = Sums { begin, target, waiting, row: group + i, column: start };
                            panel::<T::Vector<S>>(
                                left,
                                right,
                                terms,
                                sums,
                                strip::<T>().min(rows - i),
                                columns,
                            );
                        }
                    }
                }
            }
        }
    }
}
