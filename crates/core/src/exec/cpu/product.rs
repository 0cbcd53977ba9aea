//! Register kernels of the matrix products, in the order of law 4.
//!
//! A kernel holds a block of results in registers, 8 rows by 3 vectors where there are 32 registers,
//! and runs over terms of the contracted index: per term it loads a line of the right operand, and each
//! of the 8 elements of the left operand once for three fma. Each result is one chain in ascending
//! order; which results share a block is free. A chain begins at +0 or goes on where an earlier call
//! left it. Where it ends a slab, the block adds the subtrees that wait for it before it is stored, so
//! that the law's tree costs no pass of its own.
//!
//! [`Product`] and [`Contract`] work on tiles of a region, `gemm` on whole operands.

use super::aligned::Aligned;
use crate::numerics::dispatch::Kernel;
use crate::numerics::lanes::{Lanes, Real, Simd, WIDTH_MAX};
use crate::numerics::tree::{block_range, blocks, joins};

/// Vectors side by side in a register block.
const PANEL_VECTORS: usize = 3;

/// The most columns that a panel has at any level.
pub(super) const PANEL_COLUMNS: usize = PANEL_VECTORS * WIDTH_MAX;

/// Rows of the left operand that may be stored together: a cache line of elements, a multiple of a block's rows.
pub(super) const fn strip<T>() -> usize {
    64 / size_of::<T>()
}

/// The left operand in strips of [`strip`] rows: element (i, t) of a strip stands at `i · row + t · step`.
#[derive(Clone, Copy)]
pub(super) struct Left<T> {
    pub start: *const T,
    /// Elements from one strip to the next.
    pub strip: usize,
    pub row: usize,
    pub step: usize,
}

/// A panel of the right operand, up to [`PANEL_VECTORS`] wide: term t starts at `t · step`.
#[derive(Clone, Copy)]
pub(super) struct Right<T> {
    pub start: *const T,
    pub step: usize,
    /// Elements that may be read of each term; a packed panel has whole vectors.
    pub readable: usize,
    /// What is brought near meanwhile.
    pub ahead: Option<Ahead<T>>,
}

/// Memory that will be read soon: with term t the line at `start + t · step` is asked for, which costs a block nothing, since its loads leave
/// room beside its fma. (Two lines a term cost 5 % where one is enough.)
#[derive(Clone, Copy)]
pub(super) struct Ahead<T> {
    pub start: *const T,
    pub step: usize,
}

impl<T> Ahead<T> {
    /// Asks for the line of term `t`, to the L2 cache.
    #[inline(always)]
    fn ask(self, t: usize) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch has no effect but on time, whatever the address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(self.start.wrapping_add(t * self.step).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = t;
    }
}

/// Results or partial results: element (i, j) stands at `i · row + j`.
#[derive(Clone, Copy)]
pub(super) struct Plane<T> {
    pub start: *mut T,
    pub row: usize,
}

/// Where chains begin.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Begin {
    /// At +0.
    Zero,
    /// At the number that stands where the sum will.
    Target,
}

/// Where chains begin, and what becomes of their sums.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a, T> {
    pub begin: Begin,
    pub target: Plane<T>,
    /// Planes of subtrees that are complete and join now, the last one first.
    pub waiting: &'a [Plane<T>],
    /// Element of all planes at which the panel's results start.
    pub row: usize,
    pub column: usize,
}

impl<T: Copy> Plane<T> {
    /// The plane from element (i, j) on.
    ///
    /// # Safety
    /// The element must lie in the plane, or just behind it.
    #[inline(always)]
    pub unsafe fn at(self, i: usize, j: usize) -> Plane<T> {
        // SAFETY: the caller's promise.
        Plane { start: unsafe { self.start.add(i * self.row + j) }, ..self }
    }
}

/// Columns of the next panel, whole vectors, where `left` columns are left: three vectors, or two and two where one
/// would be left over, since a block of one vector is held up by its loads.
pub(super) fn panel_columns(left: usize, width: usize) -> usize {
    let vectors = left.div_ceil(width);
    width * if vectors == 4 { 2 } else { vectors.min(PANEL_VECTORS) }
}

/// `rows × columns` results, one panel wide, over `terms` terms.
///
/// # Safety
/// The operands must hold `rows × terms` and `terms × columns` elements, the planes `rows × columns` from where the
/// results start. `columns` must be at least 1 and fill as many vectors as the panel has.
#[inline(always)]
pub(super) unsafe fn panel<V: Lanes>(
    a: Left<V::Scalar>,
    b: Right<V::Scalar>,
    terms: usize,
    sums: Sums<'_, V::Scalar>,
    rows: usize,
    columns: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match columns.div_ceil(V::WIDTH) {
            3 => rows_of_blocks::<V, 3>(a, b, terms, sums, rows, columns),
            2 => rows_of_blocks::<V, 2>(a, b, terms, sums, rows, columns),
            _ => rows_of_blocks::<V, 1>(a, b, terms, sums, rows, columns),
        }
    }
}

#[inline(always)]
unsafe fn rows_of_blocks<V: Lanes, const N: usize>(
    a: Left<V::Scalar>,
    b: Right<V::Scalar>,
    terms: usize,
    sums: Sums<'_, V::Scalar>,
    rows: usize,
    columns: usize,
) {
    // Eight rows where there are registers for 8 × 3 vectors (AVX-512 has 32), else four.
    let wide = size_of::<V::Scalar>() * V::WIDTH == 64;
    let mut i = 0;
    while i < rows {
        // SAFETY: rows from i on lie in the operand and in the planes.
        unsafe {
            let strip = strip::<V::Scalar>();
            let a = Left { start: a.start.add(i / strip * a.strip + i % strip * a.row), ..a };
            i += match rows - i {
                8.. if wide => block::<V, 8, N>(a, b, terms, sums, i, columns),
                4.. => block::<V, 4, N>(a, b, terms, sums, i, columns),
                2.. => block::<V, 2, N>(a, b, terms, sums, i, columns),
                _ => block::<V, 1, N>(a, b, terms, sums, i, columns),
            };
        }
    }
}

/// M rows by N vectors of results from row `i` on; gives M.
#[inline(always)]
unsafe fn block<V: Lanes, const M: usize, const N: usize>(
    a: Left<V::Scalar>,
    b: Right<V::Scalar>,
    terms: usize,
    sums: Sums<'_, V::Scalar>,
    i: usize,
    columns: usize,
) -> usize {
    // SAFETY: the caller of `panel` promises operands and planes of these extents.
    unsafe {
        let target = sums.target.at(sums.row + i, sums.column);
        let mut block = match sums.begin {
            Begin::Zero => [[V::zero(); N]; M],
            Begin::Target => load::<V, M, N>(target, columns),
        };
        let mut offsets = [0; M];
        for (row, offset) in offsets.iter_mut().enumerate() {
            *offset = row * a.row;
        }
        let (mut left, mut right) = (a.start, b.start);
        for t in 0..terms {
            if let Some(ahead) = b.ahead {
                ahead.ask(t);
            }
            let line = line::<V, N>(right, b.readable);
            for (block, offset) in block.iter_mut().zip(offsets) {
                let x = V::splat(*left.add(offset));
                for (sum, lane) in block.iter_mut().zip(line) {
                    *sum = x.fma(lane, *sum);
                }
            }
            left = left.wrapping_add(a.step);
            right = right.wrapping_add(b.step);
        }
        for plane in sums.waiting.iter().rev() {
            let waiting = load::<V, M, N>(plane.at(sums.row + i, sums.column), columns);
            for (block, waiting) in block.iter_mut().zip(waiting) {
                for (sum, waiting) in block.iter_mut().zip(waiting) {
                    *sum = waiting + *sum;
                }
            }
        }
        for (row, block) in block.iter().enumerate() {
            for (v, sum) in block.iter().enumerate() {
                let (target, rest) = (target.at(row, v * V::WIDTH).start, columns - v * V::WIDTH);
                match v + 1 < N || rest >= V::WIDTH {
                    true => sum.store(target),
                    false => sum.store_slice(std::slice::from_raw_parts_mut(target, rest)),
                }
            }
        }
    }
    M
}

/// M rows by N vectors of a plane; lanes beyond `columns` are zero.
#[inline(always)]
unsafe fn load<V: Lanes, const M: usize, const N: usize>(
    from: Plane<V::Scalar>,
    columns: usize,
) -> [[V; N]; M] {
    let mut block = [[V::zero(); N]; M];
    for (row, vectors) in block.iter_mut().enumerate() {
        // SAFETY: the caller's plane has M rows of `columns` elements.
        *vectors = unsafe { line::<V, N>(from.at(row, 0).start, columns) };
    }
    block
}

/// N vectors from `start` on, of which `readable` elements may be read, more than N − 1 vectors; zeros follow them.
#[inline(always)]
unsafe fn line<V: Lanes, const N: usize>(start: *const V::Scalar, readable: usize) -> [V; N] {
    let mut line = [V::zero(); N];
    for (v, lane) in line.iter_mut().enumerate() {
        let rest = readable - v * V::WIDTH;
        // SAFETY: all vectors but the last one are full.
        unsafe {
            let start = start.add(v * V::WIDTH);
            *lane = match v + 1 < N || rest >= V::WIDTH {
                true => V::load(start),
                false => V::load_slice(std::slice::from_raw_parts(start, rest), V::Scalar::ZERO),
            };
        }
    }
    line
}

/// A matrix whose element (i, j) stands at `i · row + j · column`: row-major, or transposed.
#[derive(Clone, Copy)]
pub(super) struct Matrix<T> {
    pub start: *const T,
    pub row: usize,
    pub column: usize,
}

impl<T: Real> Matrix<T> {
    /// The matrix from element (i, j) on.
    ///
    /// # Safety
    /// The element must lie in the matrix, or just behind it.
    #[inline(always)]
    pub unsafe fn at(self, i: usize, j: usize) -> Matrix<T> {
        // SAFETY: the caller's promise.
        Matrix { start: unsafe { self.start.add(i * self.row + j * self.column) }, ..self }
    }

    /// The matrix whose rows are this one's columns.
    pub fn transposed(self) -> Matrix<T> {
        Matrix { row: self.column, column: self.row, ..self }
    }

    /// Copies `rows × columns` elements to `to`, rows `stride` apart, with zeros up to whole vectors.
    ///
    /// # Safety
    /// The elements must lie in the matrix, and `to` be writable for `rows` of `stride`, which must leave room for
    /// whole vectors.
    #[inline(always)]
    pub unsafe fn copy<V: Lanes<Scalar = T>>(self, rows: usize, columns: usize, to: *mut T, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match columns.div_ceil(V::WIDTH) {
                _ if self.column != 1 => self.copy_transposed::<V>(rows, columns, to, stride),
                3 => self.copy_rows::<V, 3>(rows, columns, to, stride),
                2 => self.copy_rows::<V, 2>(rows, columns, to, stride),
                _ => {
                    for start in (0..columns).step_by(V::WIDTH) {
                        self.at(0, start).copy_rows::<V, 1>(rows, columns - start, to.add(start), stride);
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn copy_rows<V: Lanes<Scalar = T>, const N: usize>(
        self,
        rows: usize,
        columns: usize,
        to: *mut T,
        stride: usize,
    ) {
        for i in 0..rows {
            // SAFETY: row i lies in the matrix and in the copy.
            unsafe {
                let vectors = line::<V, N>(self.at(i, 0).start, columns);
                for (v, vector) in vectors.iter().enumerate() {
                    vector.store(to.add(i * stride + v * V::WIDTH));
                }
            }
        }
    }

    /// Where columns are contiguous: f32 by squares with as many rows and columns as a vector has lanes, which are transposed in registers (a product of
    /// 64 × 512 × 512 takes a quarter less time); f64 by elements, a few columns at a time, whose lines stay in L1 (by squares it takes a twentieth more).
    #[inline(always)]
    unsafe fn copy_transposed<V: Lanes<Scalar = T>>(
        self,
        rows: usize,
        columns: usize,
        to: *mut T,
        stride: usize,
    ) {
        debug_assert_eq!(self.row, 1);
        if size_of::<T>() == size_of::<f64>() {
            const TOGETHER: usize = 8;
            let padded = columns.next_multiple_of(V::WIDTH);
            for start in (0..padded).step_by(TOGETHER) {
                let group = start..padded.min(start + TOGETHER);
                for i in 0..rows {
                    for j in group.clone() {
                        // SAFETY: element (i, j) lies in the copy, and where j is a column, in the matrix.
                        unsafe {
                            *to.add(i * stride + j) = if j < columns { *self.at(i, j).start } else { T::ZERO }
                        };
                    }
                }
            }
            return;
        }
        for j in (0..columns).step_by(V::WIDTH) {
            for i in (0..rows).step_by(V::WIDTH) {
                let extents = [V::WIDTH.min(rows - i), V::WIDTH.min(columns - j)];
                // SAFETY: the square lies in the matrix, and with whole vectors in the copy.
                unsafe {
                    let (from, to) = (self.at(i, j), to.add(i * stride + j));
                    match extents == [V::WIDTH; 2] {
                        true => from.copy_square::<V>([V::WIDTH; 2], to, stride),
                        false => from.copy_square::<V>(extents, to, stride),
                    }
                }
            }
        }
    }

    /// A square of it, or the part of one that has `rows × columns` elements; contiguous columns become rows.
    #[inline(always)]
    unsafe fn copy_square<V: Lanes<Scalar = T>>(
        self,
        [rows, columns]: [usize; 2],
        to: *mut T,
        stride: usize,
    ) {
        let mut square = [V::zero(); WIDTH_MAX];
        for (j, vector) in square[..columns].iter_mut().enumerate() {
            // SAFETY: `rows` elements of column j lie in the matrix.
            *vector = unsafe {
                let column = self.at(0, j).start;
                match rows == V::WIDTH {
                    true => V::load(column),
                    false => V::load_slice(std::slice::from_raw_parts(column, rows), T::ZERO),
                }
            };
        }
        // The halves of each pair of rows that are `half` apart change places crosswise, for half the width, a quarter, …, 1.
        let mut half = V::WIDTH / 2;
        while half > 0 {
            for i in (0..V::WIDTH).filter(|i| i & half == 0) {
                (square[i], square[i + half]) = square[i].halves(square[i + half], half);
            }
            half /= 2;
        }
        for (i, vector) in square[..rows].iter().enumerate() {
            // SAFETY: row i lies in the copy.
            unsafe { vector.store(to.add(i * stride)) };
        }
    }
}

/// A matrix K×N cut into panels of columns, each stored row after row, padded with zeros.
#[derive(Debug)]
pub(super) struct Packed<T> {
    data: Aligned<T>,
    k: usize,
    n: usize,
    /// Lanes of the level it was packed for.
    width: usize,
}

/// Packs `b`, K×N row-major, or N×K where `transposed`.
pub(super) struct Pack<'a, T> {
    pub b: &'a [T],
    pub k: usize,
    pub n: usize,
    pub transposed: bool,
    pub into: &'a mut Packed<T>,
}

impl<T> Default for Packed<T> {
    fn default() -> Packed<T> {
        Packed { data: Aligned::default(), k: 0, n: 0, width: 0 }
    }
}

impl<T: Real> Kernel for Pack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = <T::Vector<S> as Lanes>::WIDTH;
        let Pack { b, k, n, transposed, into } = self;
        let (row, column) = if transposed { (1, k) } else { (n, 1) };
        let b = Matrix { start: b.as_ptr(), row, column };
        let mut data = std::mem::take(&mut into.data);
        data.resize(k * n.next_multiple_of(width));
        let mut start = 0;
        while start < n {
            let columns = panel_columns(n - start, width);
            // SAFETY: the panel lies inside both matrices.
            unsafe {
                let to = data.as_mut_ptr().add(start * k);
                b.at(0, start).copy::<T::Vector<S>>(k, columns.min(n - start), to, columns);
            };
            start += columns;
        }
        *into = Packed { data, k, n, width };
    }
}

/// `y[rows × n] = a[rows × k] · b`, by law 4.
pub(super) struct Product<'a, T> {
    pub a: *const T,
    pub rows: usize,
    pub b: &'a Packed<T>,
    pub y: *mut T,
    /// Room for partial results where k exceeds a slab: see [`Product::scratch_len`].
    pub scratch: *mut T,
}

/// Planes besides that of the results that wait at most while `slabs` slabs combine.
pub(super) fn waiting_planes(slabs: usize) -> usize {
    if slabs <= 2 { 0 } else { (slabs - 1).ilog2() as usize }
}

impl<T> Product<'_, T> {
    /// Elements of scratch that a product of `rows` rows needs.
    pub fn scratch_len(rows: usize, k: usize, n: usize) -> usize {
        waiting_planes(blocks(k)) * rows * n.min(PANEL_COLUMNS)
    }
}

impl<T: Real> Kernel for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = <T::Vector<S> as Lanes>::WIDTH;
        let &Packed { ref data, k, n, width: packed_for } = self.b;
        debug_assert_eq!(packed_for, width);
        let slabs = blocks(k).max(1);
        let mut planes = [Plane { start: self.y, row: n }; usize::BITS as usize];
        let mut start = 0;
        while start < n {
            let step = panel_columns(n - start, width);
            let columns = step.min(n - start);
            // SAFETY: the caller's buffers hold rows × k, rows × n and the scratch asked for.
            unsafe {
                planes[0].start = self.y.add(start);
                for (i, plane) in planes[1..=waiting_planes(slabs)].iter_mut().enumerate() {
                    *plane = Plane { start: self.scratch.add(i * self.rows * columns), row: columns };
                }
                for slab in 0..slabs {
                    let terms = block_range(slab, k);
                    let a = self.a.add(terms.start);
                    let b = data.as_ptr().add(start * k + terms.start * step);
                    let joined = joins(slab, slabs);
                    let (target, waiting) = (planes[joined.start], &planes[joined]);
                    panel::<T::Vector<S>>(
                        Left { start: a, strip: strip::<T>() * k, row: k, step: 1 },
                        Right { start: b, step, readable: step, ahead: None },
                        terms.len(),
                        Sums { begin: Begin::Zero, target, waiting, row: 0, column: 0 },
                        self.rows,
                        columns,
                    );
                }
            }
            start += step;
        }
    }
}

/// `sums[m × n] += aᵀ·b` over `rows` rows: every chain begins at +0, or goes on where the last tile ended.
pub(super) struct Contract<T> {
    pub a: *const T,
    pub m: usize,
    pub b: *const T,
    pub n: usize,
    pub rows: usize,
    pub begin: Begin,
    pub sums: *mut T,
}

impl<T: Real> Kernel for Contract<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = <T::Vector<S> as Lanes>::WIDTH;
        // A single column is as well a row, and a row fills vectors.
        let Contract { a, m, b, n, rows, begin, sums } = match self.n {
            1 => Contract { a: self.b, m: 1, b: self.a, n: self.m, ..self },
            _ => self,
        };
        let target = Plane { start: sums, row: n };
        let mut start = 0;
        while start < n {
            let columns = panel_columns(n - start, width).min(n - start);
            // SAFETY: the caller's buffers hold rows × m, rows × n and m × n elements.
            unsafe {
                panel::<T::Vector<S>>(
                    Left { start: a, strip: strip::<T>(), row: 1, step: m },
                    Right { start: b.add(start), step: n, readable: columns, ahead: None },
                    rows,
                    Sums { begin, target, waiting: &[], row: 0, column: start },
                    m,
                    columns,
                );
            }
            start += columns;
        }
    }
}
