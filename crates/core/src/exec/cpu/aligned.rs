//! Buffers that start on a cache line, so that no vector load or store of a tile crosses one.

use crate::memory::with_huge_pages;
use crate::numerics::lanes::Real;
use std::ops::{Deref, DerefMut};

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Elements of one type, the first one at the start of a cache line.
#[derive(Debug)]
pub(super) struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    element: std::marker::PhantomData<T>,
}

impl<T> Default for Aligned<T> {
    fn default() -> Aligned<T> {
        Aligned { lines: Vec::new(), len: 0, element: std::marker::PhantomData }
    }
}

impl<T: Real> Aligned<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Aligned<T> {
        let mut buffer = Aligned::default();
        buffer.resize(len);
        buffer
    }

    /// Becomes `len` elements, in the space it has where that is enough: those that it had, then zeros.
    pub fn resize(&mut self, len: usize) {
        self.lines.resize((len * size_of::<T>()).div_ceil(64), Line([0; 64]));
        self.len = len;
    }
}

/// Room for elements that are written before they are read, from the start of a cache line on.
pub(super) struct Room<T> {
    lines: Vec<Line>,
    element: std::marker::PhantomData<T>,
}

impl<T: Real> Room<T> {
    /// Room for `len` elements.
    pub fn new(len: usize) -> Room<T> {
        let lines = with_huge_pages(Vec::with_capacity((len * size_of::<T>()).div_ceil(64)));
        Room { lines, element: std::marker::PhantomData }
    }

    /// The place of the first element.
    pub fn start(&mut self) -> *mut T {
        self.lines.as_mut_ptr().cast()
    }
}

impl<T: Real> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold `len` elements; every bit pattern is a number of type `T`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Real> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
