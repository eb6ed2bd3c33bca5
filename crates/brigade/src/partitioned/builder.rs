//! Setting partitioned workers up.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use crate::pool::panic::note_locations;
use crate::pool::{Panic, Shutdown};
use crate::primitive::Mutex;

use super::Partitioned;
use super::crew::Crew;
use super::error::StartError;
use super::route::Router;
use super::shared::Shared;
use super::state::State;
use super::worker::{PanicHandler, Work};

/// Sets up [`Partitioned`] workers; made by [`Partitioned::builder`].
#[must_use = "a builder does nothing until `start`"]
pub struct Builder<K, M> {
    name: String,
    workers: usize,
    buffer: usize,
    histograms: bool,
    stack_size: Option<usize>,
    keeps_state: bool,
    on_panic: Option<PanicHandler<K>>,
    message: std::marker::PhantomData<fn(M)>,
}

impl<K, M> Builder<K, M>
where
    K: Hash + Send + 'static,
    M: Send + 'static,
{
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            buffer: 1_024,
            histograms: true,
            stack_size: None,
            keeps_state: false,
            on_panic: None,
            message: std::marker::PhantomData,
        }
    }

    /// How many workers there are at first (one for each core unless told). Their threads are called
    /// `{name}-worker-{n}`, from zero.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How many messages may wait for each worker (1024 unless told). Memory for them is taken as needed.
    pub fn buffer(mut self, messages: usize) -> Self {
        self.buffer = messages;
        self
    }

    /// Whether wait and handling times are recorded (they are).
    pub fn histograms(mut self, record: bool) -> Self {
        self.histograms = record;
        self
    }

    /// The size of a worker's stack, in bytes (the system's default).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Keeps a worker's state when a handler that had it panicked, as the panic left it. Otherwise it is dropped, with
    /// all that it has of other keys too, and made anew for the next message.
    pub fn keep_state_after_panic(mut self) -> Self {
        self.keeps_state = true;
        self
    }

    /// Called with the key of each message whose handler panicked, on the worker's thread. The message was the
    /// handler's, and is gone.
    pub fn on_panic(mut self, handler: impl Fn(&K, &Panic) + Send + Sync + 'static) -> Self {
        self.on_panic = Some(Box::new(handler));
        self
    }

    /// Starts the workers. Each makes a state of its own by `initialise`, on its thread at its first message, and
    /// calls `handler` with that, a key and a message.
    ///
    /// # Errors
    /// [`StartError::Invalid`] for a setting that cannot work; [`StartError::NoThread`] if the system refuses a
    /// thread: those that had been started have ended again.
    pub fn start<S: 'static>(
        self,
        initialise: impl Fn() -> S + Send + Sync + 'static,
        handler: impl Fn(&mut S, &K, M) + Send + Sync + 'static,
    ) -> Result<Partitioned<K, M>, StartError> {
        let name: Arc<str> = Arc::from(self.name.as_str());
        let problem = if self.buffer == 0 {
            Some("a buffer needs room; set buffer(1) or more")
        } else if self.name.contains('\0') {
            Some("a name without NUL bytes is needed, for threads")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(StartError::Invalid {
                workers: name,
                problem,
            });
        }
        note_locations();
        let shared = Arc::new(Shared {
            name,
            buffer: self.buffer,
            histograms: self.histograms,
            router: Router::new(),
            state: Mutex::new(State::new(self.buffer)),
        });
        let work = Work {
            handler: Box::new(handler),
            initialise: Box::new(initialise),
            on_panic: self.on_panic,
            keeps_state: self.keeps_state,
        };
        let crew = Crew::new(&shared, work, self.stack_size);
        if let Err(error) = crew.resize(&shared, self.workers) {
            let _ = shared.shut_down(&crew, Shutdown::now()); // nothing was sent yet
            return Err(error);
        }
        Ok(Partitioned::new(shared, crew))
    }
}

impl<K, M> fmt::Debug for Builder<K, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("name", &self.name)
            .field("workers", &self.workers)
            .field("buffer", &self.buffer)
            .finish_non_exhaustive()
    }
}
