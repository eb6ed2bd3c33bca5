//! The resources that each job needs.
//!
//! All jobs of a run need the same ones. So how many jobs can run at once is known beforehand, and there are no more
//! workers than that: nobody waits for another job of the same run, and the most urgent job is always the next. Locks
//! that other processes see are taken for each job by itself, so that those get their turn between two jobs.

use std::ffi::OsString;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

use crate::arguments::LockArguments;
use crate::resource::{
    Capacities, Held, LockDirectory, Record, Request, ResourceError, Use, Waits, read_requests,
    refuse_nesting,
};

use super::latch::Latch;

/// The resources that each job needs.
#[derive(Debug)]
pub(crate) struct Locks {
    requests: Arc<[Request]>,
    /// Where they are locked, if other processes are to see it.
    directory: Option<Arc<LockDirectory>>,
    /// How many jobs can have them at once.
    jobs: usize,
}

/// What a job holds until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct JobLocks {
    /// Given back before the record is removed, which says that they are held.
    _held: Vec<Held>,
    record: Option<(Record, String)>,
}

impl JobLocks {
    /// What a command is told that is run with them.
    pub(crate) fn within(&self) -> Option<&str> {
        self.record.as_ref().map(|(_, within)| within.as_str())
    }
}

impl Locks {
    /// The resources of the command line.
    ///
    /// # Errors
    /// [`ResourceError`] if they cannot be read, or contradict what others said of them.
    pub(crate) fn new(arguments: &LockArguments) -> Result<Self, ResourceError> {
        let requests = read_requests(&arguments.resources, &Capacities::new())?;
        let mut directory = None;
        if arguments.global_locks {
            let opened = LockDirectory::open(arguments.lock_dir.as_deref())?;
            for disorder in refuse_nesting(&opened, &requests)? {
                // If standard error is closed there is nobody to tell.
                let _ = writeln!(io::stderr(), "brigade: {disorder}");
            }
            directory = Some(opened);
        }
        let mut jobs = usize::MAX;
        for request in &requests {
            jobs = jobs.min(jobs_at_once(request, directory.as_ref())?);
        }
        Ok(Self {
            requests: requests.into(),
            directory: directory.map(Arc::new),
            jobs,
        })
    }

    /// So many jobs at once, as far as the resources allow it.
    pub(crate) fn limit(&self, jobs: &RangeInclusive<usize>) -> RangeInclusive<usize> {
        *jobs.start().min(&self.jobs)..=*jobs.end().min(&self.jobs)
    }

    /// Waits until the job has all that it needs; `None` if the run is stopping before that.
    ///
    /// # Errors
    /// [`ResourceError`].
    pub(crate) fn take(
        &self,
        job: &[u8],
        stopping: &Latch,
    ) -> Result<Option<JobLocks>, ResourceError> {
        let Some(directory) = &self.directory else {
            return Ok(Some(JobLocks::default()));
        };
        let words = [OsString::from(String::from_utf8_lossy(job).into_owned())];
        let record = Record::begin(directory, &words)?;
        // A wait for a lock cannot be called back. So it has a thread of its own, which is left behind when the run
        // stops; what it gets after that it gives back.
        let refused = |what: &str, error| ResourceError::System {
            what: what.to_owned(),
            error,
        };
        let done = Latch::new().map_err(|error| refused("a pipe cannot be made", error))?;
        let done = Arc::new(done);
        let (send, receive) = sync_channel(1);
        let take = {
            let (directory, requests) = (Arc::clone(directory), Arc::clone(&self.requests));
            let done = Arc::clone(&done);
            move || {
                let mut note = |request: &Request, state| record.note(request, state);
                let held = directory.lock_all(&requests, Waits::ForEver, false, &mut note);
                let _ = send.send(held.map(|held| (held, record)));
                done.set();
            }
        };
        thread::Builder::new()
            .name("brigade-locks".to_owned())
            .spawn(take)
            .map_err(|error| refused("a thread cannot be started", error))?;
        wait_for_either(&*done, stopping);
        // Whatever the thread sends from now on is dropped with the channel.
        match receive.try_recv() {
            Ok(Ok((held, record))) => {
                for held in held.iter().flatten() {
                    held.bequeath()?;
                }
                record.bequeath()?;
                let within = record.within();
                Ok(held.map(|held| JobLocks {
                    _held: held,
                    record: Some((record, within)),
                }))
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// How many jobs can use it at once.
fn jobs_at_once(
    request: &Request,
    directory: Option<&LockDirectory>,
) -> Result<usize, ResourceError> {
    let Use::Units { wanted, capacity } = request.usage else {
        return Ok(if request.usage == Use::Exclusive {
            1
        } else {
            usize::MAX
        });
    };
    let mut known = capacity;
    if let Some(directory) = directory {
        directory.check_capacity(request)?;
        known = known.or(directory.known_capacity(&request.name)?);
    }
    match known {
        Some(capacity) => Ok(usize::from(capacity / wanted)),
        None => Err(ResourceError::NoCapacity(request.name.clone())),
    }
}

/// Waits until one of them is set.
fn wait_for_either(one: &impl AsFd, other: &impl AsFd) {
    let mut waits = [
        PollFd::new(one, PollFlags::IN),
        PollFd::new(other, PollFlags::IN),
    ];
    // It fails only if memory is short; then it is as if the run was stopping, and the job is listed as not run.
    let _ = retry_on_intr(|| poll(&mut waits, None));
}
