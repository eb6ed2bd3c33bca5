//! What a thread owes to others that wait for it, and waiting for that: how tasks and pools stand in the wait
//! graph.

use std::sync::Arc;

#[cfg(any(loom, shuttle))]
pub(crate) use self::modelled::{Duty, enter, stir};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use self::real::{Duty, enter};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use super::detection::stir;
pub(crate) use super::detection::{Awaited, Needs, PoolDuties};

/// What can be waited for, besides locks.
pub(crate) enum Owed {
    /// That the threads with this duty have done it.
    Duty(usize),
    /// That a pool's workers, and its guests, have ended what they do.
    Pool {
        duties: PoolDuties,
        /// What is queued in it.
        queued: Arc<dyn Awaited>,
    },
    /// That somebody makes room.
    Room(Arc<dyn Awaited>),
    /// That others have ended what they do.
    Rest(Arc<dyn Awaited>),
}

#[cfg(not(any(loom, shuttle)))]
mod real {
    use std::panic::Location;
    use std::task::Waker;
    use std::time::Instant;

    use super::super::detection::{self, Entered, Target, Wanted};
    use super::super::held::Record;
    use super::super::records;
    use super::super::report::{Access, Report};
    use super::Owed;

    /// While this lives, others may wait for this thread to do what has this address.
    pub(crate) struct Duty(Option<&'static Record>);

    impl Duty {
        #[inline]
        pub(crate) fn begin(address: usize) -> Self {
            let record = records::current();
            if let Some(record) = record {
                record.duties.begin(address);
            }
            Self(record)
        }
    }

    impl Drop for Duty {
        #[inline]
        fn drop(&mut self) {
            if let Some(record) = self.0 {
                record.duties.end();
            }
        }
    }

    /// Enters this thread in the wait graph, if others could wait for it; errs if its wait would never end. The waker makes it
    /// look again whether it would.
    #[track_caller]
    pub(crate) fn enter(
        awaited: impl FnOnce() -> Owed,
        name: impl FnOnce() -> String,
        until: Option<Instant>,
        waker: &Waker,
    ) -> Result<Option<Entered<'static>>, Box<Report>> {
        let Some(record) = records::current().filter(|record| !record.is_free()) else {
            return Ok(None);
        };
        let name = name().into();
        let target = match awaited() {
            Owed::Duty(address) => Target::Duty { address, name },
            Owed::Pool { duties, queued } => Target::Pool {
                duties,
                queued,
                name,
                waker: waker.clone(),
            },
            Owed::Room(awaited) => Target::Changing {
                awaited,
                name,
                access: Access::Room,
                waker: waker.clone(),
            },
            Owed::Rest(awaited) => Target::Changing {
                awaited,
                name,
                access: Access::Completion,
                waker: waker.clone(),
            },
        };
        let wanted = Wanted {
            target,
            until,
            place: Some(Location::caller()),
        };
        detection::enter(record, wanted).map(Some)
    }
}

/// Models are about the pool's own synchronisation: nothing is recorded in them.
#[cfg(any(loom, shuttle))]
mod modelled {
    use std::task::Waker;
    use std::time::Instant;

    use super::super::report::Report;
    use super::Owed;

    pub(crate) fn stir() {}

    pub(crate) struct Duty(());

    impl Duty {
        pub(crate) fn begin(_: usize) -> Self {
            Self(())
        }
    }

    pub(crate) fn enter(
        _: impl FnOnce() -> Owed,
        _: impl FnOnce() -> String,
        _: Option<Instant>,
        _: &Waker,
    ) -> Result<(), Box<Report>> {
        Ok(())
    }
}
