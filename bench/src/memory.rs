//! The most memory that was in use at a time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

/// The system's allocator, which counts while [`high_water`] measures.
///
/// At other times all it adds to an allocation is the load of a flag that nobody writes: systems that
/// allocate for each task are not charged for being watched.
pub struct Watched;

static WATCHING: AtomicBool = AtomicBool::new(false);
/// In bytes, since the watch began; memory from before may be freed meanwhile.
static IN_USE: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(0);

/// Runs `work` and returns the most bytes that were allocated at a time beyond what was at its start.
///
/// Counts only in a binary whose global allocator is [`Watched`]; memory that does not come from it,
/// such as threads' stacks, is not counted.
pub fn high_water(work: impl FnOnce()) -> usize {
    IN_USE.store(0, Relaxed);
    MOST.store(0, Relaxed);
    WATCHING.store(true, Relaxed);
    work();
    WATCHING.store(false, Relaxed);
    usize::try_from(MOST.load(Relaxed)).unwrap_or(0)
}

fn count(change: isize) {
    let before = IN_USE.fetch_add(change, Relaxed);
    if change > 0 {
        MOST.fetch_max(before + change, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator with the arguments it came with; counting
// neither allocates nor touches the memory.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if WATCHING.load(Relaxed) {
            count(layout.size().cast_signed());
        }
        // SAFETY: the caller keeps this very contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if WATCHING.load(Relaxed) {
            count(-layout.size().cast_signed());
        }
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if WATCHING.load(Relaxed) {
            count(layout.size().cast_signed());
        }
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if WATCHING.load(Relaxed) {
            count(size.cast_signed() - layout.size().cast_signed());
        }
        // SAFETY: as in `alloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}
