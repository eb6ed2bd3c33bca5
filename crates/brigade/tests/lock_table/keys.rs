//! Keys whose own code panics: at whatever point they do, a `LockTable` is as it was before.

use std::cell::Cell;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::panicking;

use brigade::lock::LockTable;

thread_local! {
    /// How many more pieces of the keys' code run before one panics.
    static FUSE: Cell<Option<u32>> = const { Cell::new(None) };
}

fn burn() {
    match FUSE.get() {
        None => {}
        Some(0) => {
            FUSE.set(None);
            // A panic without the message.
            resume_unwind(Box::new("burnt"));
        }
        Some(left) => FUSE.set(Some(left - 1)),
    }
}

struct Touchy(u32);

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        burn();
        self.0.hash(hasher);
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        burn();
        self.0 == other.0
    }
}

impl Eq for Touchy {}

impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Touchy {
    fn cmp(&self, other: &Self) -> Ordering {
        burn();
        self.0.cmp(&other.0)
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        if !panicking() {
            burn();
        }
    }
}

fn use_the_table(table: &LockTable<Touchy>) {
    let held = table.lock(Touchy(1));
    assert!(table.try_lock(Touchy(1)).is_none());
    let read = table.try_lock_shared(Touchy(2)).unwrap();
    let also = table.try_lock_shared(Touchy(2)).unwrap();
    drop((held, read, also));
    let all = table.lock_all([3, 1, 3, 2].map(Touchy)).unwrap();
    assert!(table.try_lock_all([0, 2].map(Touchy)).is_err());
    drop(all);
}

#[test]
fn a_key_that_panics_leaves_no_lock_taken_and_no_key_in_use() {
    let table = LockTable::new();
    for pieces in 0.. {
        FUSE.set(Some(pieces));
        let result = catch_unwind(AssertUnwindSafe(|| use_the_table(&table)));
        FUSE.set(None);
        assert!(table.is_empty(), "after {pieces} pieces");
        let all = table.try_lock_all((0..4).map(Touchy));
        assert_eq!(all.unwrap().keys().len(), 4, "after {pieces} pieces");
        if result.is_ok() {
            assert!(pieces > 30, "each piece has panicked once");
            return;
        }
    }
}
