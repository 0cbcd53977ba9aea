//! Where large buffers come from.

use crate::tensor::{Data, Element};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Bytes from which on a buffer is kept for the next value of its size. Returned to the system and asked for again, as allocators do with large ones, its pages
/// would be given, cleared and taken in each round of a loop: a third of the time of conjugate gradients with 2 MiB vectors.
const KEPT_MIN: usize = 64 << 10;

/// Bytes that are kept at most.
const KEPT_MAX: usize = 64 << 20;

/// Buffers of values that are gone, the last ones behind.
static KEPT: Mutex<VecDeque<Data>> = Mutex::new(VecDeque::new());

/// An empty vector with room for `len` elements.
pub(crate) fn room<T: Element>(len: usize) -> Vec<T> {
    if len * size_of::<T>() >= KEPT_MIN {
        let mut kept = KEPT.lock().expect("no panic while held");
        let fits =
            |data: &Data| T::capacity(data).is_some_and(|capacity| (len..=len + len / 8).contains(&capacity));
        if let Some(mut elements) =
            kept.iter().rposition(fits).and_then(|i| kept.remove(i)).and_then(T::unwrap)
        {
            elements.clear();
            return elements;
        }
    }
    with_huge_pages(Vec::with_capacity(len))
}

/// Takes the buffer of a value that is gone.
pub(crate) fn leave(data: Data) {
    let bytes = data.capacity_bytes();
    if !(KEPT_MIN..=KEPT_MAX / 4).contains(&bytes) {
        return;
    }
    let mut kept = KEPT.lock().expect("no panic while held");
    kept.push_back(data);
    let mut total: usize = kept.iter().map(Data::capacity_bytes).sum();
    while total > KEPT_MAX
        && let Some(oldest) = kept.pop_front()
    {
        total -= oldest.capacity_bytes();
    }
}

/// Bytes from which on a buffer is worth huge pages: as NumPy has it.
#[cfg(target_os = "linux")]
const HUGE: usize = 4 << 20;

/// Asks the system to put huge pages behind `buffer`, of which nothing has been written yet, if it is large.
///
/// A page of 4 KiB costs a fault when it is first touched (some 0.5 µs, as much as a core needs to fill it) and an
/// entry of the translation buffer afterwards; 2 MiB at once cost a five-hundredth. It is a hint, and without it
/// everything works.
pub(crate) fn with_huge_pages<T>(mut buffer: Vec<T>) -> Vec<T> {
    #[cfg(target_os = "linux")]
    if buffer.capacity() * size_of::<T>() >= HUGE {
        let page = rustix::param::page_size();
        let start = buffer.as_mut_ptr().cast::<u8>();
        let skipped = start.align_offset(page);
        let whole = (buffer.capacity() * size_of::<T>() - skipped) / page * page;
        // SAFETY: the pages lie in the buffer, and the advice changes nothing that a program could read.
        let result = unsafe {
            rustix::mm::madvise(start.add(skipped).cast(), whole, rustix::mm::Advice::LinuxHugepage)
        };
        if let Err(error) = result {
            tracing::trace!(%error, "no huge pages");
        }
    }
    buffer
}
