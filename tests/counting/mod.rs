//! An allocator that counts, for tests of memory. A test binary with this module uses it.

// `GlobalAlloc` cannot be implemented otherwise. The crate itself forbids unsafe code.
#![allow(unsafe_code, reason = "a counting allocator")]
// Each test binary uses a part of it.
#![allow(dead_code, reason = "shared by several test binaries")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts per thread, because the tests run at the same time.
struct Counting;

thread_local! {
    /// The number of allocations, and their bytes in all. Growth moves at most that many bytes.
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static TOTAL: Cell<usize> = const { Cell::new(0) };
    /// The bytes in use by this thread's count, and the most that ever were.
    static IN_USE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(asked_for: usize, bytes: isize) {
    // A thread that ends has no counters.
    let _ = CALLS.try_with(|all| all.set(all.get() + usize::from(asked_for > 0)));
    let _ = TOTAL.try_with(|all| all.set(all.get() + asked_for));
    let _ = IN_USE.try_with(|all| all.set(all.get() + bytes));
    let in_use = IN_USE.try_with(Cell::get).unwrap_or_default();
    let _ = PEAK.try_with(|peak| peak.set(peak.get().max(in_use)));
}

// SAFETY: all calls go to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), layout.size() as isize);
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of allocations of `work`.
pub(crate) fn allocations(work: impl FnOnce()) -> usize {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

/// The bytes that `work` allocates in all, freed or not.
pub(crate) fn bytes_asked_for(work: impl FnOnce()) -> usize {
    let before = TOTAL.get();
    work();
    TOTAL.get() - before
}

/// The result of `work`, and how many bytes more than before are in use at its peak and after it.
pub(crate) fn bytes_in_use<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = IN_USE.get();
    PEAK.set(before);
    let result = work();
    let above = |bytes: isize| usize::try_from(bytes - before).unwrap_or_default();
    (result, above(PEAK.get()), above(IN_USE.get()))
}

/// How many bytes less than before are in use after `work`.
pub(crate) fn bytes_freed(work: impl FnOnce()) -> usize {
    let before = IN_USE.get();
    work();
    usize::try_from(before - IN_USE.get()).unwrap_or_default()
}
