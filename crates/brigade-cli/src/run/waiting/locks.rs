//! The resources that each job needs.
//!
//! Those of the command line are needed by all jobs of a run. So how many can run at once is known beforehand, and there
//! are no more workers than that: nobody waits for another job of the same run, and the most urgent job is always the
//! next. Locks that other processes see are taken for each job by itself, so that those get their turn between two jobs.
//!
//! Jobs that are JSON objects may need others as well, and wait for these apart from the workers (`parked.rs`). If other
//! processes are to see the locks, such a run has all of them so: a worker that waited for a lock could keep
//! the job that holds it from running. A job takes them when no other job of the run has any that it needs.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read, Write, pipe};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

use crate::arguments::LockArguments;
use crate::resource::{
    Capacities, Held, LockDirectory, Name, Record, Request, ResourceError, State, Use, Waits,
    read_requests, refuse_nesting,
};
use crate::run::job::Job;
use crate::run::latch::Latch;
use crate::run::output::Output;

use super::parked::{Granted, Taken};

/// How many jobs may at once wait for locks of other processes apart from the workers, on a thread each.
const MOST_ASKING: usize = 32;

/// How many counted resources jobs may name. That there are so many units of one is remembered until the end.
const MOST_COUNTED: usize = 1000;

/// The resources that each job needs.
#[derive(Debug)]
pub(crate) struct Locks {
    requests: Arc<[Request]>,
    /// Where they are locked, if other processes are to see it.
    directory: Option<Arc<LockDirectory>>,
    /// How many jobs can have them at once.
    jobs: usize,
    /// How many units there are of those that jobs have named, if no other process sees them.
    capacities: Mutex<HashMap<Name, u16>>,
    /// How many workers there are at most.
    workers: usize,
    quiet: bool,
    /// It has been said that a job has to wait. To say it of each would be too much.
    said: Arc<AtomicBool>,
}

/// What a job holds until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct JobLocks {
    /// Given back before the record is removed, which says that they are held.
    _held: Vec<Held>,
    record: Option<(Record, String)>,
    _granted: Option<Granted>,
}

impl From<Granted> for JobLocks {
    /// What no other process sees.
    fn from(granted: Granted) -> Self {
        Self {
            _granted: Some(granted),
            ..Self::default()
        }
    }
}

impl JobLocks {
    /// What other processes see, with what was granted in this one before.
    ///
    /// # Errors
    /// [`ResourceError::System`].
    pub(crate) fn new(
        (held, record): Taken,
        granted: Option<Granted>,
    ) -> Result<Self, ResourceError> {
        for held in &held {
            held.bequeath()?;
        }
        record.bequeath()?;
        let within = record.within();
        Ok(Self {
            _held: held,
            record: Some((record, within)),
            _granted: granted,
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
            capacities: Mutex::default(),
            workers: usize::MAX,
            quiet,
            said: Arc::default(),
        })
    }

    /// So many jobs at once, as far as the resources allow it. There are to be as many workers.
    pub(crate) fn limit(&mut self, jobs: &RangeInclusive<usize>) -> RangeInclusive<usize> {
        self.workers = *jobs.end().min(&self.jobs);
        *jobs.start().min(&self.jobs)..=self.workers
    }

    /// True if other processes see them.
    pub(crate) fn are_global(&self) -> bool {
        self.directory.is_some()
    }

    /// How many jobs may hold resources at once, of those that do not wait for them on a worker.
    pub(crate) fn most_holders(&self) -> usize {
        if self.are_global() {
            self.workers.saturating_add(MOST_ASKING)
        } else {
            usize::MAX
        }
    }

    /// Completes what a job says that it needs: with how many units there are, and with what all jobs need if other
    /// processes are to see it. Returns warnings.
    ///
    /// # Errors
    /// [`ResourceError`] if it contradicts the command line, or what others said of the resources.
    pub(crate) fn complete(
        &self,
        own: &mut Vec<Request>,
    ) -> Result<Vec<impl fmt::Display + use<>>, ResourceError> {
        for request in &*own {
            let common = self.requests.iter().find(|it| it.name == request.name);
            // Whether two numbers of units are to be added or are the same ones, nobody can know.
            let counted = matches!(request.usage, Use::Units { .. });
            if common.is_some_and(|common| common != request || counted) {
                return Err(ResourceError::Twice(request.name.clone()));
            }
        }
        own.retain(|request| !self.requests.contains(request));
        let Some(directory) = &self.directory else {
            own.iter_mut().try_for_each(|it| self.count(it))?;
            return Ok(Vec::new());
        };
        let disorders = refuse_nesting(directory, own)?;
        own.extend_from_slice(&self.requests);
        own.sort_by(|a, b| a.name.cmp(&b.name));
        for request in own {
            directory.check_capacity(request)?;
            if let Use::Units { capacity, .. } = &mut request.usage {
                *capacity = directory.known_capacity(&request.name)?.or(*capacity);
            }
        }
        Ok(disorders)
    }

    /// Completes a request with how many units there are, which the first one for the resource must say.
    fn count(&self, request: &mut Request) -> Result<(), ResourceError> {
        let Use::Units { wanted, capacity } = &mut request.usage else {
            return Ok(());
        };
        let name = || request.name.clone();
        let mut capacities = self.capacities.lock();
        let known = capacities.get(&request.name).copied();
        match (known, *capacity) {
            (Some(there), Some(here)) if here != there => {
                let name = name();
                return Err(ResourceError::TwoCapacities { name, here, there });
            }
            (None, None) => return Err(ResourceError::NoCapacity(name())),
            (None, Some(_)) if capacities.len() >= MOST_COUNTED => {
                return Err(ResourceError::TooManyCounted(MOST_COUNTED));
            }
            (None, Some(here)) => drop(capacities.insert(name(), here)),
            (Some(there), _) if *wanted > there => {
                return Err(ResourceError::TooMany {
                    name: name(),
                    wanted: *wanted,
                    capacity: there,
                });
            }
            (Some(there), _) => *capacity = Some(there),
        }
        Ok(())
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
        if self.directory.is_none() || self.requests.is_empty() {
            return Ok(Some(JobLocks::default()));
        }
        let (wake, mut waker) = pipe().map_err(|error| refused("a pipe cannot be made", error))?;
        let (tell, heard) = channel();
        // The pipe has a byte for each time that it has to wait, and ends with what is told last.
        self.begin_to_take(job.name(), Arc::clone(&self.requests), move |told| {
            let waits = matches!(told, Told::Waits(_));
            // If nobody listens any more, the run is stopping.
            let _ = tell.send(told);
            if waits {
                let _ = waker.write_all(&[0]);
            }
        })?;
        loop {
            wait_for_either(&wake, stopping);
            // Whatever is sent after we have left is dropped with the channel, and so given back.
            match heard.try_recv() {
                Ok(Told::Waits(name)) => {
                    let mut byte = [0];
                    // It is there, or will be in a moment.
                    let _ = (&wake).read(&mut byte);
                    let who = format_args!("{}: {}", job.place, job.title());
                    self.say_that_it_waits(who, &name, output);
                }
                Ok(Told::Done(taken)) => {
                    return taken?.map(|taken| JobLocks::new(taken, None)).transpose();
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Says so, unless it has been said of a job before.
    pub(crate) fn say_that_it_waits(&self, who: impl fmt::Display, name: &Name, output: &Output) {
        if !self.quiet && !self.said.swap(true, Ordering::Relaxed) {
            output.say(format_args!(
                "{who}: waiting for `{name}`; brigade with --list shows who has it"
            ));
        }
    }

    /// Takes what a job needs on a thread of its own: a wait for a lock cannot be called back, but left behind.
    ///
    /// # Errors
    /// [`ResourceError::System`], and nothing is told.
    pub(crate) fn begin_to_take(
        &self,
        job: &[u8],
        requests: Arc<[Request]>,
        mut tell: impl FnMut(Told) + Send + 'static,
    ) -> Result<(), ResourceError> {
        let Some(directory) = self.directory.clone() else {
            return Ok(());
        };
        let name = String::from_utf8_lossy(job).into_owned();
        let record = Record::begin(&directory, &[OsString::from(name)])?;
        let take = move || {
            let mut note = |request: &Request, state| {
                record.note(request, state);
                if state == State::Waiting {
                    tell(Told::Waits(request.name.clone()));
                }
            };
            let held = directory.lock_all(&requests, Waits::ForEver, false, &mut note);
            tell(Told::Done(held.map(|held| held.map(|held| (held, record)))));
        };
        thread::Builder::new()
            .name("brigade-locks".to_owned())
            .spawn(take)
            .map_err(|error| refused("a thread cannot be started", error))?;
        Ok(())
    }
}

fn refused(what: &str, error: io::Error) -> ResourceError {
    ResourceError::System {
        what: what.to_owned(),
        error,
    }
}

/// What the thread that takes the locks says.
#[derive(Debug)]
pub(crate) enum Told {
    /// This one has to be waited for.
    Waits(Name),
    Done(Result<Option<Taken>, ResourceError>),
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
