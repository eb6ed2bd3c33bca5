//! The resources that each job needs.
//!
//! All jobs of a run need the same ones. So how many jobs can run at once is known beforehand, and there are no more
//! workers than that: nobody waits for another job of the same run, and the most urgent job is always the next. Locks
//! that other processes see are taken for each job by itself, so that those get their turn between two jobs.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read, Write, pipe};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

use crate::arguments::LockArguments;
use crate::resource::{
    Capacities, Held, LockDirectory, Name, Record, Request, ResourceError, State, Use, Waits,
    read_requests, refuse_nesting,
};

use super::job::Job;
use super::latch::Latch;
use super::output::Output;

/// The resources that each job needs.
#[derive(Debug)]
pub(crate) struct Locks {
    requests: Arc<[Request]>,
    /// Where they are locked, if other processes are to see it.
    directory: Option<Arc<LockDirectory>>,
    /// How many jobs can have them at once.
    jobs: usize,
    quiet: bool,
    /// It has been said that a job has to wait. To say it of each would be too much.
    said: AtomicBool,
}

/// What a job holds until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct JobLocks {
    /// Given back before the record is removed, which says that they are held.
    _held: Vec<Held>,
    record: Option<(Record, String)>,
}

impl JobLocks {
    fn new((held, record): Taken) -> Result<Self, ResourceError> {
        for held in &held {
            held.bequeath()?;
        }
        record.bequeath()?;
        let within = record.within();
        Ok(Self {
            _held: held,
            record: Some((record, within)),
        })
    }

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
    pub(crate) fn new(arguments: &LockArguments, quiet: bool) -> Result<Self, ResourceError> {
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
            quiet,
            said: AtomicBool::new(false),
        })
    }

    /// So many jobs at once, as far as the resources allow it.
    pub(crate) fn limit(&self, jobs: &RangeInclusive<usize>) -> RangeInclusive<usize> {
        *jobs.start().min(&self.jobs)..=*jobs.end().min(&self.jobs)
    }

    /// Waits until the job has all that it needs; `None` if the run is stopping before that. The first time that one has
    /// to wait for another process, this says so.
    ///
    /// # Errors
    /// [`ResourceError`].
    pub(crate) fn take(
        &self,
        job: &Job,
        stopping: &Latch,
        output: &Output,
    ) -> Result<Option<JobLocks>, ResourceError> {
        let Some(directory) = &self.directory else {
            return Ok(Some(JobLocks::default()));
        };
        let words = [OsString::from(
            String::from_utf8_lossy(job.name()).into_owned(),
        )];
        let record = Record::begin(directory, &words)?;
        let (heard, wake) = self.begin_to_take(Arc::clone(directory), record)?;
        loop {
            wait_for_either(&wake, stopping);
            // Whatever is sent after we have left is dropped with the channel, and so given back.
            match heard.try_recv() {
                Ok(Told::Waits(name)) => {
                    let mut byte = [0];
                    // It is there, or will be in a moment.
                    let _ = (&wake).read(&mut byte);
                    if !self.quiet && !self.said.swap(true, Ordering::Relaxed) {
                        output.say(format_args!(
                            "{}: {}: waiting for `{name}`; brigade with --list shows who has it",
                            job.place,
                            job.title()
                        ));
                    }
                }
                Ok(Told::Done(taken)) => return taken?.map(JobLocks::new).transpose(),
                Err(_) => return Ok(None),
            }
        }
    }

    /// Takes them on a thread of its own: a wait for a lock cannot be called back, but left behind. The pipe has a byte
    /// for each time that the thread says it has to wait, and ends with what it says last.
    fn begin_to_take(
        &self,
        directory: Arc<LockDirectory>,
        record: Record,
    ) -> Result<(Receiver<Told>, PipeReader), ResourceError> {
        let refused = |what: &str, error| ResourceError::System {
            what: what.to_owned(),
            error,
        };
        let (wake, mut waker) = pipe().map_err(|error| refused("a pipe cannot be made", error))?;
        let (tell, heard) = channel();
        let requests = Arc::clone(&self.requests);
        let take = move || {
            let mut note = |request: &Request, state| {
                record.note(request, state);
                if state == State::Waiting {
                    // If nobody listens any more, the run is stopping.
                    let _ = tell.send(Told::Waits(request.name.clone()));
                    let _ = waker.write_all(&[0]);
                }
            };
            let held = directory.lock_all(&requests, Waits::ForEver, false, &mut note);
            let taken = held.map(|held| held.map(|held| (held, record)));
            let _ = tell.send(Told::Done(taken));
            drop(waker);
        };
        thread::Builder::new()
            .name("brigade-locks".to_owned())
            .spawn(take)
            .map_err(|error| refused("a thread cannot be started", error))?;
        Ok((heard, wake))
    }
}

/// What the thread that takes the locks says.
#[derive(Debug)]
enum Told {
    /// This one has to be waited for.
    Waits(Name),
    Done(Result<Option<Taken>, ResourceError>),
}

/// What is held, and the record that says so.
type Taken = (Vec<Held>, Record);

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
