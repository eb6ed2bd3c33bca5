//! Locks whose holders have ended: they leaked a guard, and nobody will ever release it.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::detection::{Target, Wanted};
use super::held::{Held, Record};
use super::report::{Acquisition, FindingKind, Report, Step};

/// A lock, and who held it.
struct Abandoned {
    thread: String,
    held: Held,
}

/// The latest so many are known.
const MOST: usize = 1_000;

static ALL: Mutex<Vec<Abandoned>> = Mutex::new(Vec::new());
/// How many there are, so that who waits need not look.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// True if there is any.
pub(crate) fn any() -> bool {
    COUNT.load(Relaxed) > 0
}

/// Notes that a thread has ended while it held a lock.
pub(crate) fn note(thread: &str, held: Held) {
    let mut all = ALL.lock();
    if all.len() == MOST {
        all.remove(0);
    }
    all.push(Abandoned {
        thread: thread.to_owned(),
        held,
    });
    COUNT.store(all.len(), Relaxed);
}

/// A lock has been released or dropped after all.
pub(crate) fn forget(address: usize) {
    if any() {
        let mut all = ALL.lock();
        all.retain(|abandoned| abandoned.held.address != address);
        COUNT.store(all.len(), Relaxed);
    }
}

/// Says if what is wanted is held by a thread that has ended.
pub(crate) fn check(record: &Record, wanted: &Wanted) -> Result<(), Box<Report>> {
    let Target::Lock { address, mode, .. } = wanted.target else {
        return Ok(());
    };
    if !any() {
        return Ok(());
    }
    let all = ALL.lock();
    let holds = |abandoned: &&Abandoned| {
        let Held {
            address: its,
            chain,
            ..
        } = abandoned.held;
        its == address && mode.excludes(chain.mode())
    };
    let Some(abandoned) = all.iter().find(holds) else {
        return Ok(());
    };
    let step = |thread, holds, wants| Step {
        thread,
        holds,
        wants,
        backtrace: None,
    };
    let held = Acquisition::of_held(&abandoned.held);
    let steps = vec![
        step(record.name(), wanted.acquisition(), wanted.acquisition()),
        step(abandoned.thread.clone(), held.clone(), held),
    ];
    Err(Box::new(Report::new(FindingKind::Abandoned, steps)))
}
