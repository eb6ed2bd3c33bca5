//! One allocation for a task with a handle, none for a small closure without one.
#![cfg(not(any(loom, shuttle)))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use brigade::Pool;

/// Counts the allocations of all threads.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's obligations are the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TASKS: u64 = 1_000;

fn allocations(tasks: impl Fn()) -> u64 {
    // Queues, thread-locals and parkers grow once, at their first use.
    (0..20).for_each(|_| tasks());
    // Another thread of the test runner may allocate in between: the least disturbed time counts.
    let once = |_| {
        let before = ALLOCATIONS.load(Relaxed);
        tasks();
        ALLOCATIONS.load(Relaxed) - before
    };
    (0..20).map(once).min().unwrap()
}

// One test, so that no other one allocates beside it.
#[test]
fn a_handle_costs_one_allocation_and_a_small_closure_none() {
    let pool = Pool::builder("allocations")
        .workers(1)
        .queue_capacity(TASKS as usize)
        .build()
        .unwrap();
    let small = [1_u64; 6]; // 48 bytes: the most that is stored in place
    let executed = allocations(|| {
        for _ in 0..TASKS {
            pool.execute(move || assert_eq!(black_box(small), [1; 6]))
                .unwrap();
        }
        pool.wait_idle();
    });
    let large = [1_u64; 7];
    let boxed = allocations(|| {
        for _ in 0..TASKS {
            pool.execute(move || assert_eq!(large[6], 1)).unwrap();
        }
        pool.wait_idle();
    });
    let submitted = allocations(|| {
        for number in 0..TASKS {
            assert_eq!(pool.submit(move || number).unwrap().join().unwrap(), number);
        }
    });
    // A worker now and then leaves a note for itself, such as whom to wake: a few in a thousand.
    let few = TASKS / 50;
    assert!(
        executed <= few,
        "{executed} allocations for {TASKS} small closures"
    );
    assert!(
        (TASKS..=TASKS + few).contains(&boxed),
        "{boxed} allocations for {TASKS} large closures"
    );
    assert!(
        (TASKS..=TASKS + few).contains(&submitted),
        "{submitted} allocations for {TASKS} handles"
    );
}
