//! Which check of which test one is.

#[cfg(feature = "explore")]
use std::cell::Cell;
#[cfg(feature = "explore")]
use std::hash::{DefaultHasher, Hash, Hasher};
use std::thread;

#[cfg(feature = "explore")]
thread_local! {
    /// How many checks have begun on this thread.
    static BEGUN: Cell<usize> = const { Cell::new(0) };
}

/// A check's place: tokens keep its fingerprint, so that one given to a whole test binary is replayed where it belongs.
/// It is the same in each run of a test, also where its code was moved.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "explore", derive(Hash))]
pub(crate) struct Origin {
    /// The name of the thread, which the test harness calls by the test; unless that is the main thread.
    test: Option<String>,
    /// How many checks the thread ran before it. Without schedules there are no tokens that need to know.
    #[cfg(feature = "explore")]
    number: usize,
}

impl Origin {
    /// That of a check which begins now, on this thread.
    pub(crate) fn begin() -> Self {
        let thread = thread::current();
        let name = thread.name().filter(|&name| name != "main");
        Self {
            test: name.map(str::to_owned),
            #[cfg(feature = "explore")]
            number: BEGUN.replace(BEGUN.get() + 1),
        }
    }

    /// The test's name, by which the harness runs it alone.
    pub(crate) fn test(&self) -> Option<String> {
        self.test.clone()
    }

    /// Of 16 bits.
    #[cfg(feature = "explore")]
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish() & 0xFFFF
    }
}
