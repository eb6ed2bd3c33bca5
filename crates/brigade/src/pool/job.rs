//! A task as the queue sees it: its type erased, a small closure stored in place.
//!
//! This is the only place where the pool handles untyped memory. A [`Job`] is one cache line: the
//! calls that know the type, the order key, and 48 bytes for the work itself. Larger or more
//! strictly aligned work is boxed, and the box is stored in place.

use std::mem::{ManuallyDrop, MaybeUninit, align_of, size_of};
use std::sync::Arc;

use super::priority::Priority;
use super::shared::Shared;
use super::tally::Tally;

/// Something a worker can run, or that ends without having run.
pub(crate) trait Work: Send {
    /// It must be run while the pool has it, as somebody waits who has lent it something.
    const STAYS: bool = false;

    /// Runs it and says what happened. Must not unwind.
    fn run(self, shared: &Shared, tally: &Tally) -> Ran;

    /// Ends it without running it here, and counts that; what can still be run by the caller is returned.
    fn hand_back(self, shared: &Shared, why: NotRun) -> Option<HandedBack>;

    /// True if someone else has taken the work out already, so that only the husk is queued.
    fn is_stale(&self) -> bool {
        false
    }
}

/// What running a [`Job`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// The work ran to its end; the worker has yet to count it.
    Completed,
    /// The work panicked; the worker has yet to count it.
    Panicked,
    /// The work was counted by itself, before it published its result.
    Counted,
    /// There was nothing left to run.
    Stale,
}

/// Why work that was accepted does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRun {
    Discarded,
    ShutDown,
}

/// Work that its owner may still run.
pub(crate) struct HandedBack {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) run: Box<dyn FnOnce() + Send>,
}

type Storage = MaybeUninit<[u64; 6]>;

/// The operations of one type of work on its storage.
struct Calls {
    run: unsafe fn(*mut Storage, &Shared, &Tally) -> Ran,
    hand_back: unsafe fn(*mut Storage, &Shared, NotRun) -> Option<HandedBack>,
    is_stale: unsafe fn(*const Storage) -> bool,
    drop: unsafe fn(*mut Storage),
    stays: bool,
}

/// A task of any type.
///
/// Invariant: `storage` holds a valid `W` (or `Box<W>`), where `W` is the type `calls` was made for.
/// It is moved out only by methods that consume the job without dropping it.
#[repr(align(64))]
pub(crate) struct Job {
    calls: &'static Calls,
    /// When it was accepted, in nanoseconds; also its place in line, see [`Queue`](super::queue::Queue).
    pub(crate) order: u64,
    storage: Storage,
}

// SAFETY: a job owns one `Work`, which is `Send`; nothing else refers to it.
unsafe impl Send for Job {}

impl Job {
    /// True if a `W` is stored in place, false if it will be boxed.
    pub(crate) const fn fits<W>() -> bool {
        size_of::<W>() <= size_of::<Storage>() && align_of::<W>() <= align_of::<Storage>()
    }

    #[inline(always)]
    pub(crate) fn new<W: Work>(work: W) -> Self {
        if Self::fits::<W>() {
            Self::in_place(work)
        } else {
            Self::in_place(Box::new(work))
        }
    }

    #[inline(always)]
    fn in_place<W: Work>(work: W) -> Self {
        let mut job = MaybeUninit::uninit();
        Self::write(&mut job, work, 0);
        // SAFETY: `write` has initialised it.
        unsafe { job.assume_init() }
    }

    /// Makes a job in `place`. Moving it there would cost more than making it.
    #[inline(always)]
    pub(crate) fn write<W: Work>(place: &mut MaybeUninit<Self>, work: W, order: u64) {
        assert!(Self::fits::<W>(), "larger work is boxed first");
        let job = place.as_mut_ptr();
        // SAFETY: the fields are written through a pointer to a place for a job; `fits` was asserted,
        // so size and alignment of the storage suffice for a `W`. What is left of the storage may stay
        // uninitialised.
        unsafe {
            (&raw mut (*job).calls).write(&Of::<W>::CALLS);
            (&raw mut (*job).order).write(order);
            (&raw mut (*job).storage).cast::<W>().write(work);
        }
    }

    /// Runs the work and says what happened.
    #[inline]
    pub(crate) fn run(self, shared: &Shared, tally: &Tally) -> Ran {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the job's invariant; `ManuallyDrop` keeps the moved-out work from being dropped.
        unsafe { (this.calls.run)(&raw mut this.storage, shared, tally) }
    }

    /// Ends the work without running it here.
    pub(crate) fn hand_back(self, shared: &Shared, why: NotRun) -> Option<HandedBack> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: as in `run`.
        unsafe { (this.calls.hand_back)(&raw mut this.storage, shared, why) }
    }

    /// True if only the husk of the work is left.
    pub(crate) fn is_stale(&self) -> bool {
        // SAFETY: the job's invariant; the work is only looked at.
        unsafe { (self.calls.is_stale)(&raw const self.storage) }
    }

    /// True if nothing is lost when this ends without having run: it can be handed back, or is a husk.
    pub(crate) fn may_go(&self) -> bool {
        !self.calls.stays || self.is_stale()
    }

    /// Takes the work back out.
    ///
    /// # Safety
    /// The job was made by `Job::new::<W>` for this very `W`.
    pub(crate) unsafe fn into_work<W: Work>(self) -> W {
        let this = ManuallyDrop::new(self);
        let place = this.storage.as_ptr();
        // SAFETY: the caller names the type; `new` stored a `W` if it fits, a box of it otherwise.
        unsafe {
            if Self::fits::<W>() {
                place.cast::<W>().read()
            } else {
                *place.cast::<Box<W>>().read()
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: the job's invariant: the work is still there, since nothing has consumed the job.
        unsafe { (self.calls.drop)(&raw mut self.storage) }
    }
}

/// Carries the calls for `W`, one static for each type.
struct Of<W>(std::marker::PhantomData<W>);

impl<W: Work> Of<W> {
    const CALLS: Calls = Calls {
        run: |place, shared, tally| {
            // SAFETY: called once, by `Job::run`, with the storage of a `W`, which it gives up.
            let work = unsafe { place.cast::<W>().read() };
            work.run(shared, tally)
        },
        hand_back: |place, shared, why| {
            // SAFETY: as above, by `Job::hand_back`.
            let work = unsafe { place.cast::<W>().read() };
            work.hand_back(shared, why)
        },
        // SAFETY: called with the storage of a `W` that is still there.
        is_stale: |place| unsafe { (*place.cast::<W>()).is_stale() },
        // SAFETY: called once, by `Drop`, with the storage of a `W` that is still there.
        drop: |place| unsafe { place.cast::<W>().drop_in_place() },
        stays: W::STAYS,
    };
}

impl<W: Work> Work for Box<W> {
    const STAYS: bool = W::STAYS;

    fn run(self, shared: &Shared, tally: &Tally) -> Ran {
        W::run(*self, shared, tally)
    }

    fn hand_back(self, shared: &Shared, why: NotRun) -> Option<HandedBack> {
        W::hand_back(*self, shared, why)
    }

    fn is_stale(&self) -> bool {
        W::is_stale(self)
    }
}

/// A closure without a handle: the cheapest work.
pub(crate) struct Closure<F>(pub(crate) F);

impl<F: FnOnce() + Send + 'static> Work for Closure<F> {
    #[inline]
    fn run(self, shared: &Shared, _: &Tally) -> Ran {
        match super::panic::catch(self.0) {
            Ok(()) => Ran::Completed,
            Err(caught) => {
                shared.report_panic(None, caught);
                Ran::Panicked
            }
        }
    }

    fn hand_back(self, shared: &Shared, why: NotRun) -> Option<HandedBack> {
        shared.count_not_run(why);
        Some(HandedBack {
            name: None,
            run: Box::new(self.0),
        })
    }
}

/// An accepted task that a pool hands back unrun.
///
/// Its handle, if it has one, says [`TaskError::ShutDown`](super::TaskError) (or `Discarded`) already.
/// Dropping it drops the closure.
#[must_use = "a task that was handed back runs only if you run it"]
pub struct Unstarted {
    pub(crate) priority: Priority,
    pub(crate) task: HandedBack,
}

impl Unstarted {
    /// The name the task was given.
    pub fn name(&self) -> Option<&str> {
        self.task.name.as_deref()
    }

    /// The priority it was given.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Runs it here and now, on this thread; its result is dropped, its panic goes on.
    ///
    /// A task that uses a worker's state gets a new state from the pool's initialiser.
    pub fn run(self) {
        (self.task.run)();
    }
}

impl std::fmt::Debug for Unstarted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Unstarted")
            .field("name", &self.name())
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
