//! Where large buffers come from.

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
