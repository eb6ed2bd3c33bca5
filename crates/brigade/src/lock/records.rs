//! The records of all threads, and the way from a thread to its own.

use std::cell::Cell;
use std::thread;

use parking_lot::Mutex;

use super::abandoned;
use super::held::Record;

/// All records ever made, and those of them that no thread uses. There are as many as there were threads at
/// once: a record is never freed, so that others may look into it at any time.
struct Records {
    all: Vec<&'static Record>,
    unused: Vec<&'static Record>,
}

static RECORDS: Mutex<Records> = Mutex::new(Records {
    all: Vec::new(),
    unused: Vec::new(),
});

thread_local! {
    /// This thread's record, once it has one. Without a destructor, so that looking is one load.
    static CURRENT: Cell<Option<&'static Record>> = const { Cell::new(None) };
    /// Gives the record back when the thread ends.
    static LEASE: Lease = Lease::new();
}

/// The record of this thread; `None` at the very end of a thread, when its thread-locals are gone: what is
/// locked then is not recorded.
#[inline]
pub(crate) fn current() -> Option<&'static Record> {
    match CURRENT.get() {
        Some(record) => Some(record),
        None => lease(),
    }
}

/// True if this thread holds a Brigade lock. The pool asks before a worker that waits runs another task: under
/// a lock that task might want that very lock, and would wait for the thread it runs on.
pub(crate) fn holds_any() -> bool {
    CURRENT.get().is_some_and(Record::holds_any)
}

/// A lock that is still locked is being dropped: whoever leaked its guard does not hold it any more.
#[cold]
pub(crate) fn forget(address: usize) {
    for record in &RECORDS.lock().all {
        record.forget(address);
    }
    abandoned::forget(address);
}

/// Each way that a thread has found to be in order must be looked at again.
#[cold]
pub(crate) fn unsee_all() {
    for record in &RECORDS.lock().all {
        record.unsee();
    }
}

#[cold]
fn lease() -> Option<&'static Record> {
    let record = LEASE.try_with(|lease| lease.0).ok()?;
    CURRENT.set(Some(record));
    Some(record)
}

struct Lease(&'static Record);

impl Lease {
    fn new() -> Self {
        let mut records = RECORDS.lock();
        let record = records.unused.pop().unwrap_or_else(|| {
            let record: &'static Record = Box::leak(Box::new(Record::new()));
            records.all.push(record);
            record
        });
        drop(records);
        let thread = thread::current();
        let name = thread
            .name()
            .map_or_else(|| format!("{:?}", thread.id()), str::to_owned);
        record.set_name(name);
        Self(record)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        CURRENT.set(None);
        let name = self.0.name();
        for held in self.0.reset() {
            abandoned::note(&name, held);
        }
        RECORDS.lock().unused.push(self.0);
    }
}
