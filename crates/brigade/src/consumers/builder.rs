//! Setting consumers up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::pool::Shutdown;
use crate::pool::panic::note_locations;
use crate::primitive::thread;

use super::Consumers;
use super::consumer::{Consumer, FailureHandler, Work};
use super::error::StartError;
use super::failure::{Failure, Outcome, Retry};
use super::shared::Shared;
use super::state::Batch;

/// Sets up [`Consumers`]; made by [`Consumers::builder`].
///
/// `T` is what is produced, `E` the handler's error, `S` the state that each consumer keeps.
///
/// ```
/// use std::time::Duration;
/// use brigade::consumers::{Consumers, Failure, Retry};
///
/// let consumers = Consumers::builder("mail")
///     .buffer(100)
///     .workers(4)
///     .retry(Retry::times(3).after(Duration::from_millis(50)))
///     .on_failure(|failure: Failure<String, std::io::Error>| eprintln!("{failure}"))
///     .start(|letter| std::fs::write("/dev/null", letter))?;
/// consumers.produce("Dear Sir or Madam".to_owned())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `start`"]
pub struct Builder<T, E, S = ()> {
    name: String,
    buffer: usize,
    workers: usize,
    histograms: bool,
    stack_size: Option<usize>,
    retry: Option<Retry>,
    on_failure: Option<FailureHandler<T, E>>,
    initialise: Box<dyn Fn() -> S + Send + Sync>,
}

impl<T, E> Builder<T, E> {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            buffer: 1_024,
            workers: thread_count(),
            histograms: true,
            stack_size: None,
            retry: None,
            on_failure: None,
            initialise: Box::new(|| ()),
        }
    }
}

/// One consumer a core.
fn thread_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl<T: Send + 'static, E: 'static, S: 'static> Builder<T, E, S> {
    /// How many items may wait (1024 unless told). Memory for them is taken as needed.
    pub fn buffer(mut self, items: usize) -> Self {
        self.buffer = items;
        self
    }

    /// How many consumers there are (one for each core unless told). Their threads are called
    /// `{name}-consumer-{n}`, from zero.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Whether wait and handling times are recorded (they are).
    pub fn histograms(mut self, record: bool) -> Self {
        self.histograms = record;
        self
    }

    /// The size of a consumer's stack, in bytes (the system's default).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Tries items again whose handler failed (they are not). After a shutdown began with
    /// [`Shutdown::Now`], or one that drains ran out of time, there are no more attempts.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Called with each item that is given up, on the consumer's thread. Without it such items are counted and
    /// dropped; panics are printed by the panic hook. If it panics itself, that is all that comes of it.
    pub fn on_failure(mut self, handler: impl Fn(Failure<T, E>) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Box::new(handler));
        self
    }

    /// Gives each consumer a state of its own, made on its thread at its first item and dropped when it ends. A
    /// state whose handler panicked is dropped, and made anew for the next item. Use it by
    /// [`start_with`](Self::start_with).
    pub fn with_state<N: 'static>(
        self,
        initialise: impl Fn() -> N + Send + Sync + 'static,
    ) -> Builder<T, E, N> {
        Builder {
            name: self.name,
            buffer: self.buffer,
            workers: self.workers,
            histograms: self.histograms,
            stack_size: self.stack_size,
            retry: self.retry,
            on_failure: self.on_failure,
            initialise: Box::new(initialise),
        }
    }

    /// Hands items over in batches: up to `items` of them, or what has come when the first one has waited for
    /// `max_wait`. A full buffer, and a shutdown, are no reason to wait longer.
    ///
    /// If a batch fails, each of its items is tried again by itself; without [`retry`](Self::retry) each is given up.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use brigade::consumers::Consumers;
    ///
    /// let (wrote, written) = channel();
    /// let consumers = Consumers::builder("rows")
    ///     .workers(1)
    ///     .batch(3, Duration::from_secs(3_600))
    ///     .start(move |rows: &[u32]| wrote.send(rows.to_vec()).unwrap())?;
    /// for row in 1..=3 {
    ///     consumers.produce(row)?;
    /// }
    /// assert_eq!(written.recv()?, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(self, items: usize, max_wait: Duration) -> BatchBuilder<T, E, S> {
        BatchBuilder {
            builder: self,
            batch: Batch {
                size: items,
                max_wait,
            },
        }
    }

    /// Starts the consumers, which call `handler` with each item.
    ///
    /// The handler borrows the item: so it is still there, whole, when the handler panics or errs, to be tried
    /// again or given to the failure handler. An item that must be consumed can be taken out of an
    /// `Option` in a mutex, or cloned.
    ///
    /// # Errors
    /// [`StartError::Invalid`] for a setting that cannot work; [`StartError::NoThread`] if the system refuses a thread.
    pub fn start<R: Outcome<Error = E>>(
        self,
        handler: impl Fn(&T) -> R + Send + Sync + 'static,
    ) -> Result<Consumers<T>, StartError> {
        self.start_with(move |_, item| handler(item))
    }

    /// As [`start`](Self::start), with the state of the consumer.
    ///
    /// ```
    /// use brigade::consumers::Consumers;
    ///
    /// let consumers = Consumers::builder("sum").with_state(|| 0_u64).start_with(|sum, item: &u64| {
    ///     *sum += *item;
    ///     println!("mine so far: {sum}");
    /// })?;
    /// consumers.produce(7)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with<R: Outcome<Error = E>>(
        self,
        handler: impl Fn(&mut S, &T) -> R + Send + Sync + 'static,
    ) -> Result<Consumers<T>, StartError> {
        let single = Batch {
            size: 1,
            max_wait: Duration::ZERO,
        };
        self.start_batches(single, move |state, items| {
            handler(state, &items[0]).into_result()
        })
    }

    fn start_batches(
        self,
        batch: Batch,
        handler: impl Fn(&mut S, &[T]) -> Result<(), E> + Send + Sync + 'static,
    ) -> Result<Consumers<T>, StartError> {
        let name: Arc<str> = Arc::from(self.name.as_str());
        if let Some(problem) = self.problem(batch) {
            return Err(StartError::Invalid {
                consumers: name,
                problem: problem.to_owned(),
            });
        }
        note_locations();
        let shared = Shared::new(
            Arc::clone(&name),
            self.buffer,
            self.workers,
            batch,
            self.histograms,
        );
        let shared = Arc::new(shared);
        let work = Arc::new(Work {
            handler: Box::new(handler),
            initialise: self.initialise,
            on_failure: self.on_failure,
            retry: self.retry,
        });
        for number in 0..self.workers {
            let started = start_one(&shared, &work, number, self.stack_size);
            if let Err(error) = started {
                let _ = shared.shut_down(Shutdown::now()); // nothing was produced yet
                return Err(StartError::NoThread {
                    consumers: name,
                    error,
                });
            }
        }
        Ok(Consumers::new(shared))
    }

    /// What cannot work about the settings.
    fn problem(&self, batch: Batch) -> Option<&'static str> {
        if self.buffer == 0 {
            Some("a buffer needs room; set buffer(1) or more")
        } else if self.workers == 0 {
            Some("nobody would handle the items; set workers(1) or more")
        } else if batch.size == 0 {
            Some("a batch has items; set batch(1, ..) or more")
        } else if batch.size > self.buffer {
            Some("a batch waits in the buffer; set a buffer at least as large as the batch")
        } else if self.name.contains('\0') {
            Some("a name without NUL bytes is needed, for threads")
        } else {
            None
        }
    }
}

fn start_one<T: Send + 'static, E: 'static, S: 'static>(
    shared: &Arc<Shared<T>>,
    work: &Arc<Work<T, E, S>>,
    number: usize,
    stack_size: Option<usize>,
) -> std::io::Result<()> {
    let mut builder = thread::Builder::new().name(format!("{}-consumer-{number}", shared.name));
    if let Some(bytes) = stack_size {
        builder = builder.stack_size(bytes);
    }
    let (its_shared, its_work) = (Arc::clone(shared), Arc::clone(work));
    // Counted before it runs: a shutdown must not overlook it.
    shared.state.lock().live += 1;
    let spawned = builder.spawn(move || Consumer::new(number, its_shared, its_work).run());
    match spawned {
        Ok(thread) => {
            shared.threads.lock().push(thread);
            Ok(())
        }
        Err(error) => {
            shared.state.lock().live -= 1;
            Err(error)
        }
    }
}

impl<T, E, S> fmt::Debug for Builder<T, E, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("name", &self.name)
            .field("buffer", &self.buffer)
            .field("workers", &self.workers)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// Sets up [`Consumers`] that handle items in batches; made by [`Builder::batch`].
#[must_use = "a builder does nothing until `start`"]
pub struct BatchBuilder<T, E, S = ()> {
    builder: Builder<T, E, S>,
    batch: Batch,
}

impl<T: Send + 'static, E: 'static, S: 'static> BatchBuilder<T, E, S> {
    /// Starts the consumers, which call `handler` with each batch.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start<R: Outcome<Error = E>>(
        self,
        handler: impl Fn(&[T]) -> R + Send + Sync + 'static,
    ) -> Result<Consumers<T>, StartError> {
        self.start_with(move |_, items| handler(items))
    }

    /// As [`start`](Self::start), with the state of the consumer.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start_with<R: Outcome<Error = E>>(
        self,
        handler: impl Fn(&mut S, &[T]) -> R + Send + Sync + 'static,
    ) -> Result<Consumers<T>, StartError> {
        self.builder.start_batches(self.batch, move |state, items| {
            handler(state, items).into_result()
        })
    }
}

impl<T, E, S> fmt::Debug for BatchBuilder<T, E, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BatchBuilder")
            .field("builder", &self.builder)
            .field("size", &self.batch.size)
            .field("max_wait", &self.batch.max_wait)
            .finish()
    }
}
