//! Stages that work at the same time, each on its own threads, with bounded buffers between them.
//!
//! ```
//! use brigade::pipeline;
//!
//! # struct Image(usize);
//! # fn decode(name: &str) -> Result<Image, std::io::Error> { Ok(Image(name.len())) }
//! # fn shrink(image: Image) -> Image { image }
//! # fn read(name: &&'static str) -> bool { !name.is_empty() }
//! let names = ["sun", "moon", "stars"];
//! let mut album = Vec::new(); // stages borrow: nothing has to be `'static`
//! pipeline::source(&names)
//!     .try_map_ordered(4, |name| decode(name)) // on 4 threads, in the order of the names
//!     .named("decode")
//!     .map_ordered(2, shrink)
//!     .for_each(|thumbnail| album.push(thumbnail.0))?; // on this thread
//! assert_eq!(album, [3, 4, 5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - **Bounded.** The buffer between two stages is small ([`Pipeline::buffer`]) and so is the window in which
//!   results are put in order ([`Pipeline::window`]): a source may be endless. A fast stage waits for a slow one.
//! - **The first failure stops everything.** An error of a `try_` closure or a panic, anywhere, is returned as a
//!   [`PipelineError`] with the name of the stage. The items that are being worked on then are finished, at most
//!   one a worker; all others are dropped. No item is processed twice.
//! - **It ends when it returns.** All threads have ended then, on every way out. What can hold that up is a
//!   closure or an iterator that does not return.
//! - **Deadlocks are found.** In the wait graph of the [locks](crate::lock), the thread that runs the pipeline waits
//!   for the stages, while it waits for an item or for the end. A stage that wants a lock which that thread holds
//!   fails with the cycle, and with it the pipeline. If the thread comes last, it is told of
//!   ([`on_finding`](crate::lock::on_finding)), but cannot return: the stages borrow from it. Every stage counts as
//!   needed for the next item, though another might bring it; so hold no lock that a stage takes while you wait
//!   for items. Full and empty buffers alone are never a deadlock.
//! - **Measured.** [`Pipeline::report`] says which stage is the slowest, and whether more workers would help.
//!
//! Stages have threads of their own, named `{stage}-{number}`, and do not run on a [`Pool`](crate::Pool): a stage
//! that waits for another would hold a worker that the other needs. Starting a thread costs some ten microseconds;
//! for short work on many items that are there already, [`Pool::map`](crate::Pool::map) is cheaper. A pipeline
//! inside a pool's task is all right: while it waits, its worker is replaced.
//!
//! Handing an item over costs some ten to a hundred nanoseconds, more if a thread has to be woken. If items are
//! tiny, use larger [buffers](Pipeline::buffer), or make the source bring them by the hundred.

mod arrivals;
mod control;
mod error;
mod failure;
mod handover;
mod meter;
mod plan;
mod report;
mod run;
mod sinks;
mod stages;
mod window;
mod worker;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

pub use self::arrivals::Items;
pub use self::error::PipelineError;
pub use self::failure::{Accepts, Failing, Failure, Unfailing};
pub use self::report::{Advice, PipelineReport, QueueReport, StageReport};

use self::failure::{ErrorSlot, failing};
use self::plan::{Plan, Stage, Tail};
use self::worker::{Producer, Work};

/// Stages that items pass through; see the [module](self).
///
/// Nothing runs before one of the ends ([`for_each`](Self::for_each), [`collect`](Self::collect),
/// [`consume`](Self::consume) and others) is called. `T` is what comes out of the last stage so far, `F` the error
/// its closures can return: [`Unfailing`], or [`Failing<E>`](Failing) from the first `try_` stage on.
#[must_use = "a pipeline does nothing before one of its ends is called, such as `for_each`"]
pub struct Pipeline<'env, T, F = Unfailing> {
    plan: Plan<'env>,
    tail: Tail<'env, T>,
    failure: F,
}

/// Begins a pipeline with the items of an iterator, which runs on a thread of its own.
///
/// The iterator is dropped there too, after its last item or when the pipeline stops. It is asked for no more
/// items than there is room for.
///
/// ```
/// use brigade::pipeline;
///
/// let lengths: Vec<usize> = pipeline::source(["one", "three"]).map(1, str::len).collect()?;
/// assert_eq!(lengths, [3, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn source<'env, I>(items: I) -> Pipeline<'env, I::Item, Unfailing>
where
    I: IntoIterator<IntoIter: Send + 'env, Item: Send + 'env>,
{
    let items = items.into_iter().map(Ok::<_, Infallible>);
    begin("source", items, Unfailing(()), ErrorSlot::new())
}

/// As [`source`], of items that can be errors. The first one stops the pipeline.
///
/// ```
/// use std::io::{BufRead, Cursor};
/// use brigade::pipeline;
///
/// let lines = Cursor::new("1\n2\n").lines();
/// let sum = pipeline::try_source(lines)
///     .map(2, |line| line.len())
///     .reduce(|one, other| one + other)?;
/// assert_eq!(sum, Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn try_source<'env, T, E, I>(items: I) -> Pipeline<'env, T, Failing<E>>
where
    I: IntoIterator<Item = Result<T, E>, IntoIter: Send + 'env>,
    T: Send + 'env,
    E: Send + 'env,
{
    let (failure, errors) = failing(Unfailing(()));
    begin("try_source", items.into_iter(), failure, errors)
}

fn begin<'env, T, E, F>(
    kind: &'static str,
    items: impl Iterator<Item = Result<T, E>> + Send + 'env,
    failure: F,
    errors: Arc<ErrorSlot<E>>,
) -> Pipeline<'env, T, F>
where
    T: Send + 'env,
    E: Send + 'env,
{
    let tail: Tail<'env, T> = Box::new(move |_, outlet| {
        let producer = Producer {
            items,
            outlet,
            errors,
        };
        vec![Box::new(producer) as Box<dyn Work + 'env>]
    });
    Pipeline {
        plan: Plan::new(Stage::single(kind)),
        tail,
        failure,
    }
}

/// Settings of the latest stage, and of the whole.
impl<'env, T, F> Pipeline<'env, T, F> {
    /// Names the latest stage, for its threads, its errors and its report. Without a name it is called what it
    /// does, such as `map`, and the second one of a kind `map-2`.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.plan.last().set_name(name.into());
        self
    }

    /// Names the end, such as `for_each`, which comes last and has nothing after it to name it with.
    pub fn end_named(mut self, name: impl Into<String>) -> Self {
        self.plan.sink_name = Some(name.into());
        self
    }

    /// How many items the latest stage may be ahead of the next one (two for each worker of the one that has
    /// more). The buffer is allocated at the start. With 0 each item waits for someone to take it.
    ///
    /// Small buffers cost time when items are tiny, large ones memory when items are large.
    pub fn buffer(mut self, items: usize) -> Self {
        self.plan.last().set_buffer(items);
        self
    }

    /// How many items the latest stage, if it is an ordered one, may have between its two buffers (four for each
    /// of its workers). That many can be worked on or wait for their turn while one of them takes long.
    pub fn window(mut self, items: usize) -> Self {
        self.plan.last().set_window(items);
        self
    }

    /// The size of the stacks of the latest stage's threads, in bytes (the system's default).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.plan.last().stack_size = Some(bytes);
        self
    }

    /// Calls `inspect` with what each stage did, when the pipeline has ended, by a failure too.
    ///
    /// ```
    /// use brigade::pipeline;
    ///
    /// pipeline::source(0..100)
    ///     .map(2, |number: u32| number + 1)
    ///     .report(|report| println!("{report}"))
    ///     .for_each(|_| ())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report(mut self, inspect: impl FnOnce(PipelineReport) + 'env) -> Self {
        self.plan.on_report = Some(Box::new(inspect));
        self
    }
}

impl<T, F> fmt::Debug for Pipeline<'_, T, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.plan.names();
        formatter
            .debug_struct("Pipeline")
            .field("stages", &names)
            .finish_non_exhaustive()
    }
}
