//! Setting up a pool.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::primitive::thread;

use super::Pool;
use super::error::BuildError;
use super::job::Unstarted;
use super::member::Source;
use super::panic::{Panic, note_locations};
use super::shared::Shared;
use super::sizing::{WorkerRange, Workload, cores};

/// What happens to a task that meets a full queue. The `try_` forms always refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The caller waits for room (back-pressure).
    #[default]
    Wait,
    /// The task comes back to the caller.
    Refuse,
    /// The caller runs the task itself.
    CallerRuns,
    /// The oldest of the least urgent tasks makes room, and its handle says so. If all that wait are
    /// more urgent than the newcomer, or a scope's, it is the newcomer that comes back.
    DiscardOldest,
}

/// When the first workers are started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// The smallest number of workers is started by [`Builder::build`], which errs if none can be.
    #[default]
    Eager,
    /// Each worker is started when a task would wait for it.
    Lazy,
}

/// Something to call on a worker's thread.
pub(crate) type Hook = Box<dyn Fn() + Send + Sync>;

/// Hears of panics that no handle reports.
type PanicHandler = Box<dyn Fn(&Panic) + Send + Sync>;

/// Gets the tasks that gave way to newer ones.
type DiscardHandler = Box<dyn Fn(Unstarted) + Send + Sync>;

/// Starts a thread that calls the body once.
pub(crate) type Spawn = Box<
    dyn Fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<thread::JoinHandle<()>>
        + Send
        + Sync,
>;

/// What a pool was built with, but for its name.
pub(crate) struct Settings {
    pub(crate) size: WorkerRange,
    pub(crate) queue_capacity: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) when_full: WhenFull,
    pub(crate) ageing: Option<Duration>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) histograms: bool,
    pub(crate) on_start: Option<Hook>,
    pub(crate) on_stop: Option<Hook>,
    pub(crate) on_panic: Option<PanicHandler>,
    pub(crate) on_discard: Option<DiscardHandler>,
    pub(crate) spawn: Spawn,
}

/// Sets up a [`Pool`]; made by [`Pool::builder`] or [`Pool::sized`].
///
/// ```
/// use std::time::Duration;
/// use brigade::{Pool, pool::WhenFull};
///
/// let pool = Pool::builder("render")
///     .workers(2..=10)
///     .queue_capacity(1_000)
///     .idle_timeout(Duration::from_secs(60))
///     .when_full(WhenFull::Wait)
///     .on_panic(|panic| eprintln!("{panic}"))
///     .build()?;
/// # Ok::<(), brigade::pool::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct Builder<S = ()> {
    name: String,
    start: Start,
    settings: Settings,
    initialise: Box<dyn Fn() -> S + Send + Sync>,
}

impl Pool {
    /// Begins to set up a pool with one worker for each core.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into(), Workload::Cpu)
    }

    /// Begins to set up a pool whose size fits what its tasks do; see [`Workload`].
    pub fn sized(workload: Workload) -> Builder {
        Builder::new("pool".to_owned(), workload)
    }
}

impl<S: 'static> Pool<S> {
    fn new(shared: Arc<Shared>, initialise: Box<dyn Fn() -> S + Send + Sync>) -> Self {
        let source = Arc::new(Source {
            pool: Arc::downgrade(&shared),
            initialise,
        });
        Self { shared, source }
    }
}

impl Builder {
    fn new(name: String, workload: Workload) -> Self {
        let settings = Settings {
            size: WorkerRange::from(workload.workers_for(cores())),
            queue_capacity: 1024,
            idle_timeout: Duration::from_secs(60),
            when_full: WhenFull::default(),
            ageing: Some(Duration::from_millis(10)),
            stack_size: None,
            histograms: true,
            on_start: None,
            on_stop: None,
            on_panic: None,
            on_discard: None,
            spawn: Box::new(thread::Builder::spawn),
        };
        Self {
            name,
            start: Start::default(),
            settings,
            initialise: Box::new(|| ()),
        }
    }
}

impl<S: 'static> Builder<S> {
    /// Names the pool; its workers are called `{name}-worker-{n}`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many workers there are: a number, `2..=10`, or `..=10` for none while nothing runs.
    ///
    /// A worker is added when a task would wait and fewer than the largest number exist. While
    /// workers wait inside tasks of their own, up to twice that number may exist.
    pub fn workers(mut self, workers: impl Into<WorkerRange>) -> Self {
        self.settings.size = workers.into();
        self
    }

    /// How many tasks may wait (1024 unless told). Memory for them is taken as needed.
    pub fn queue_capacity(mut self, tasks: usize) -> Self {
        self.settings.queue_capacity = tasks;
        self
    }

    /// How long a worker idles before it leaves, if more than the smallest number exist (60 s).
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_timeout = timeout;
        self
    }

    /// What happens to a task that meets a full queue (it waits).
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.settings.when_full = policy;
        self
    }

    /// How much waiting makes up for one level of priority (10 ms).
    ///
    /// A `LOW` task, 128 levels below `HIGH`, overtakes newly come `HIGH` ones after 1.28 s.
    pub fn ageing(mut self, per_level: Duration) -> Self {
        self.settings.ageing = Some(per_level);
        self
    }

    /// Priorities are absolute: less urgent tasks may wait for ever.
    pub fn no_ageing(mut self) -> Self {
        self.settings.ageing = None;
        self
    }

    /// When the first workers are started (at once).
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// The size of a worker's stack, in bytes (the system's default).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack_size = Some(bytes);
        self
    }

    /// Called on each worker's thread before its first task.
    pub fn on_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.settings.on_start = Some(Box::new(hook));
        self
    }

    /// Called on each worker's thread after its last task, when its state has been dropped.
    pub fn on_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.settings.on_stop = Some(Box::new(hook));
        self
    }

    /// Called with each panic that no handle reports: of tasks without a handle or with a dropped
    /// one, of callbacks and of hooks. Without it such panics are only printed, by the panic hook.
    pub fn on_panic(mut self, handler: impl Fn(&Panic) + Send + Sync + 'static) -> Self {
        self.settings.on_panic = Some(Box::new(handler));
        self
    }

    /// Called with each task that gave way to a newer one ([`WhenFull::DiscardOldest`]), on the
    /// newcomer's thread. Without it they are dropped.
    pub fn on_discard(mut self, handler: impl Fn(Unstarted) + Send + Sync + 'static) -> Self {
        self.settings.on_discard = Some(Box::new(handler));
        self
    }

    /// Whether wait and run times are recorded (they are).
    pub fn histograms(mut self, record: bool) -> Self {
        self.settings.histograms = record;
        self
    }

    /// Gives each worker a state of its own, made at its first task that uses it
    /// ([`Pool::submit_with`]) and dropped when the worker leaves, or when a task that used it panics.
    ///
    /// ```
    /// use brigade::Pool;
    ///
    /// let pool = Pool::builder("db").workers(2).with_state(|| Vec::<u64>::new()).build()?;
    /// let handle = pool.submit_with(|seen: &mut Vec<u64>| {
    ///     seen.push(7);
    ///     seen.len()
    /// })?;
    /// assert_eq!(handle.join()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_state<T: 'static>(
        self,
        initialise: impl Fn() -> T + Send + Sync + 'static,
    ) -> Builder<T> {
        let Self {
            name,
            start,
            settings,
            ..
        } = self;
        Builder {
            name,
            start,
            settings,
            initialise: Box::new(initialise),
        }
    }

    /// Replaces the way threads are started: to pin them, to prepare them, or to refuse.
    ///
    /// `spawn` gets a builder with the name and stack size set, and the body that the new thread must
    /// call. The thread must live as long as its body.
    #[cfg(not(any(loom, shuttle)))]
    pub fn spawn_handler(
        mut self,
        spawn: impl Fn(
            std::thread::Builder,
            Box<dyn FnOnce() + Send>,
        ) -> io::Result<std::thread::JoinHandle<()>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.settings.spawn = Box::new(spawn);
        self
    }

    /// Builds the pool, and starts its first workers unless told to do so later.
    ///
    /// # Errors
    /// [`BuildError::Invalid`] for a setting that cannot work; [`BuildError::NoWorkers`] if the
    /// system refuses even one thread.
    pub fn build(self) -> Result<Pool<S>, BuildError> {
        let name: Arc<str> = self.name.into();
        let invalid = |problem| BuildError::Invalid {
            pool: Arc::clone(&name),
            problem,
        };
        if let Some(problem) = self.settings.size.problem() {
            return Err(invalid(problem));
        }
        if self.settings.queue_capacity == 0 {
            return Err(invalid(
                "a queue needs room; set queue_capacity(1) or more".to_owned(),
            ));
        }
        if name.contains('\0') {
            return Err(invalid(
                "a name without NUL bytes is needed, for threads".to_owned(),
            ));
        }
        note_locations();
        let shared = Arc::new(Shared::new(Arc::clone(&name), self.settings));
        if self.start == Start::Eager {
            shared
                .start_missing()
                .map_err(|error| BuildError::NoWorkers { pool: name, error })?;
        }
        Ok(Pool::new(shared, self.initialise))
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("name", &self.name)
            .field("workers", &self.settings.size)
            .field("queue_capacity", &self.settings.queue_capacity)
            .field("when_full", &self.settings.when_full)
            .finish_non_exhaustive()
    }
}
