//! Register kernels of the matrix products, in the order of law 4.
//!
//! A kernel holds a block of results in registers and runs over the contracted index: each result
//! is one fma chain in ascending order. Which results share a kernel call is free.

use super::aligned::Aligned;
use crate::numerics::dispatch::Kernel;
use crate::numerics::lanes::{Lanes, Real, Simd};
use crate::numerics::tree::BLOCK;

/// Vectors side by side in a register block.
const PANEL_VECTORS: usize = 3;

/// A matrix K×N cut into panels of columns, each stored row after row, padded with zeros.
#[derive(Debug)]
pub(super) struct Packed<T> {
    data: Aligned<T>,
    k: usize,
    n: usize,
    /// Columns of a full panel.
    panel: usize,
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
        Packed { data: Aligned::default(), k: 0, n: 0, panel: 0, width: 0 }
    }
}

impl<T: Real> Kernel for Pack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = <T::Vector<S> as Lanes>::WIDTH;
        let panel = width * PANEL_VECTORS;
        let (k, n) = (self.k, self.n);
        let padded = n.div_ceil(width) * width;
        let packed = self.into;
        *packed = Packed { data: std::mem::take(&mut packed.data), k, n, panel, width };
        packed.data.reset(k * padded);
        let mut start = 0;
        while start < n {
            let columns = panel.min(n - start);
            let stride = panel.min(padded - start);
            let at = start * k;
            for row in 0..k {
                for j in 0..columns {
                    let source = if self.transposed { (start + j) * k + row } else { row * n + start + j };
                    packed.data[at + row * stride + j] = self.b[source];
                }
            }
            start += panel;
        }
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

impl<T> Product<'_, T> {
    /// Elements of scratch that a product of `rows` rows needs.
    pub fn scratch_len(rows: usize, k: usize, n: usize) -> usize {
        let slabs = k.div_ceil(BLOCK);
        if slabs <= 1 { 0 } else { (usize::BITS - slabs.leading_zeros()) as usize * rows * n }
    }
}

impl<T: Real> Kernel for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (k, len) = (self.b.k, self.rows * self.b.n);
        // SAFETY: the caller's buffers hold rows × k, rows × n and the scratch asked for.
        unsafe {
            if k <= BLOCK {
                return slab::<T, T::Vector<S>>(&self, 0, k, self.y);
            }
            // Slabs combine as the blocks of law 3: complete subtrees wait in a stack.
            let slabs = k.div_ceil(BLOCK);
            let mut depth = 0;
            for index in 0..slabs {
                let top = self.scratch.add(depth * len);
                slab::<T, T::Vector<S>>(&self, index * BLOCK, k.min((index + 1) * BLOCK), top);
                depth += 1;
                for _ in 0..(index + 1).trailing_zeros() {
                    depth -= 1;
                    add_into::<T>(self.scratch.add((depth - 1) * len), self.scratch.add(depth * len), len);
                }
            }
            while depth > 1 {
                depth -= 1;
                add_into::<T>(self.scratch.add((depth - 1) * len), self.scratch.add(depth * len), len);
            }
            std::ptr::copy_nonoverlapping(self.scratch, self.y, len);
        }
    }
}

/// `x += y`, elementwise.
#[inline(always)]
unsafe fn add_into<T: Real>(x: *mut T, y: *const T, len: usize) {
    for i in 0..len {
        // SAFETY: the caller's buffers hold `len` elements.
        unsafe { *x.add(i) = *x.add(i) + *y.add(i) };
    }
}

/// One slab of the contracted index for all rows and columns.
#[inline(always)]
unsafe fn slab<T: Real, V: Lanes<Scalar = T>>(p: &Product<'_, T>, from: usize, to: usize, y: *mut T) {
    let b = p.b;
    debug_assert_eq!(b.width, V::WIDTH);
    let mut start = 0;
    while start < b.n {
        let columns = b.panel.min(b.n - start);
        let vectors = columns.div_ceil(V::WIDTH);
        let stride = vectors * V::WIDTH;
        // SAFETY: panel and rows lie inside the caller's buffers.
        unsafe {
            let panel = b.data.as_ptr().add(start * b.k + from * stride);
            let mut row = 0;
            // Eight rows where there are registers for 8 × 3 vectors (AVX-512 has 32), else four.
            let many = if size_of::<T>() * V::WIDTH == 64 { 8 } else { 4 };
            while row < p.rows {
                let step = if p.rows - row >= many {
                    many
                } else if p.rows - row >= 4 {
                    4
                } else {
                    1
                };
                let a = p.a.add(row * b.k + from);
                let y = y.add(row * b.n + start);
                macro_rules! block {
                    ($m:literal, $n:literal) => {
                        block::<T, V, $m, $n>(a, b.k, panel, to - from, y, b.n, columns)
                    };
                }
                match (step, vectors) {
                    (8, 3) => block!(8, 3),
                    (8, 2) => block!(8, 2),
                    (8, _) => block!(8, 1),
                    (4, 3) => block!(4, 3),
                    (4, 2) => block!(4, 2),
                    (4, _) => block!(4, 1),
                    (_, 3) => block!(1, 3),
                    (_, 2) => block!(1, 2),
                    _ => block!(1, 1),
                }
                row += step;
            }
        }
        start += b.panel;
    }
}

/// M rows by N vectors of results over one slab.
#[inline(always)]
unsafe fn block<T: Real, V: Lanes<Scalar = T>, const M: usize, const N: usize>(
    a: *const T,
    a_stride: usize,
    b: *const T,
    k: usize,
    y: *mut T,
    y_stride: usize,
    columns: usize,
) {
    let mut sums = [[V::zero(); N]; M];
    // SAFETY: the caller's pointers cover M rows of `a`, `k` rows of the panel and M rows of `y`.
    unsafe {
        for index in 0..k {
            let mut line = [V::zero(); N];
            for (v, lane) in line.iter_mut().enumerate() {
                *lane = V::load(b.add((index * N + v) * V::WIDTH));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = V::splat(*a.add(i * a_stride + index));
                for (sum, lane) in sums.iter_mut().zip(line) {
                    *sum = x.fma(lane, *sum);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                let rest = columns - v * V::WIDTH;
                let target = y.add(i * y_stride + v * V::WIDTH);
                match rest >= V::WIDTH {
                    true => sum.store(target),
                    false => sum.store_slice(std::slice::from_raw_parts_mut(target, rest)),
                }
            }
        }
    }
}

/// `sums[m × n] += aᵀ·b` over `rows` rows: every chain goes on where the last tile ended.
pub(super) struct Contract<T> {
    pub a: *const T,
    pub m: usize,
    pub b: *const T,
    pub n: usize,
    pub rows: usize,
    pub sums: *mut T,
}

impl<T: Real> Kernel for Contract<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        // SAFETY: the caller's buffers hold rows × m, rows × n and m × n elements.
        unsafe { self.contract::<T::Vector<S>>() }
    }
}

impl<T: Real> Contract<T> {
    #[inline(always)]
    unsafe fn contract<V: Lanes<Scalar = T>>(&self) {
        let many = if size_of::<T>() * V::WIDTH == 64 { 8 } else { 4 };
        let whole = self.n - self.n % V::WIDTH;
        let mut j = 0;
        while j < whole {
            let vectors = PANEL_VECTORS.min((whole - j) / V::WIDTH);
            let mut i = 0;
            while i < self.m {
                let step = if self.m - i >= many {
                    many
                } else if self.m - i >= 4 {
                    4
                } else {
                    1
                };
                // SAFETY: the block lies inside m × n.
                unsafe {
                    match (step, vectors) {
                        (8, 3) => self.block::<V, 8, 3>(i, j),
                        (8, 2) => self.block::<V, 8, 2>(i, j),
                        (8, _) => self.block::<V, 8, 1>(i, j),
                        (4, 3) => self.block::<V, 4, 3>(i, j),
                        (4, 2) => self.block::<V, 4, 2>(i, j),
                        (4, _) => self.block::<V, 4, 1>(i, j),
                        (_, 3) => self.block::<V, 1, 3>(i, j),
                        (_, 2) => self.block::<V, 1, 2>(i, j),
                        _ => self.block::<V, 1, 1>(i, j),
                    }
                }
                i += step;
            }
            j += vectors * V::WIDTH;
        }
        // SAFETY: columns `whole..n` lie inside.
        unsafe { self.columns::<V>(whole) };
    }

    #[inline(always)]
    unsafe fn block<V: Lanes<Scalar = T>, const M: usize, const N: usize>(&self, i: usize, j: usize) {
        // SAFETY: rows i..i + M and columns j..j + N·WIDTH lie inside m × n.
        unsafe {
            let sums = self.sums.add(i * self.n + j);
            let mut registers = [[V::zero(); N]; M];
            for (row, registers) in registers.iter_mut().enumerate() {
                for (v, register) in registers.iter_mut().enumerate() {
                    *register = V::load(sums.add(row * self.n + v * V::WIDTH));
                }
            }
            for r in 0..self.rows {
                let (a, b) = (self.a.add(r * self.m + i), self.b.add(r * self.n + j));
                let mut line = [V::zero(); N];
                for (v, lane) in line.iter_mut().enumerate() {
                    *lane = V::load(b.add(v * V::WIDTH));
                }
                for (row, registers) in registers.iter_mut().enumerate() {
                    let x = V::splat(*a.add(row));
                    for (register, lane) in registers.iter_mut().zip(line) {
                        *register = x.fma(lane, *register);
                    }
                }
            }
            for (row, registers) in registers.iter().enumerate() {
                for (v, register) in registers.iter().enumerate() {
                    register.store(sums.add(row * self.n + v * V::WIDTH));
                }
            }
        }
    }

    /// The columns that fill no vector: vectors run over the rows of the result instead.
    #[inline(always)]
    unsafe fn columns<V: Lanes<Scalar = T>>(&self, from: usize) {
        for j in from..self.n {
            let mut i = 0;
            while i < self.m {
                let count = V::WIDTH.min(self.m - i);
                // SAFETY: rows i..i + count lie inside m.
                unsafe {
                    let mut lanes = [T::ZERO; crate::numerics::lanes::WIDTH_MAX];
                    for (lane, value) in lanes[..count].iter_mut().enumerate() {
                        *value = *self.sums.add((i + lane) * self.n + j);
                    }
                    let mut sum = V::load(lanes.as_ptr());
                    for r in 0..self.rows {
                        let a = self.a.add(r * self.m + i);
                        let x = match count == V::WIDTH {
                            true => V::load(a),
                            false => V::load_slice(std::slice::from_raw_parts(a, count), T::ZERO),
                        };
                        sum = x.fma(V::splat(*self.b.add(r * self.n + j)), sum);
                    }
                    for (lane, value) in sum.to_array()[..count].iter().enumerate() {
                        *self.sums.add((i + lane) * self.n + j) = *value;
                    }
                }
                i += count;
            }
        }
    }
}
