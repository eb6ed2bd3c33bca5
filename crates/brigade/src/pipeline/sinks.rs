//! The ends of a pipeline: they run it.

use std::convert::Infallible;

use super::Pipeline;
use super::arrivals::Items;
use super::error::PipelineError;
use super::failure::sealed::Kept;
use super::failure::{Accepts, Failure};
use super::plan::Stage;
use super::run::run;
use super::stages::{Operation, crew};

/// Each of these runs the pipeline and returns when all its threads have ended.
///
/// # Errors
/// All err with [`PipelineError`] if a closure returned an error or panicked, if the pipeline was set up in a way
/// that cannot work, or if the system refused to start a thread.
impl<'env, T: Send + 'env, F: Failure> Pipeline<'env, T, F> {
    /// Calls `consume` with each item, on the calling thread.
    ///
    /// # Errors
    /// [`PipelineError`], if a stage failed.
    #[track_caller]
    pub fn for_each(self, mut consume: impl FnMut(T)) -> Result<(), PipelineError<F::Error>> {
        self.end("for_each", |items| {
            for item in items {
                consume(item);
            }
        })
    }

    /// As [`for_each`](Self::for_each), with a closure that can fail. The first error stops the pipeline.
    ///
    /// # Errors
    /// [`PipelineError`], if a stage failed.
    #[track_caller]
    pub fn try_for_each<E>(
        self,
        mut consume: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), PipelineError<E>>
    where
        F: Accepts<E>,
        E: Send + 'env,
    {
        let (pipeline, errors) = self.failing();
        pipeline.end("try_for_each", |items| {
            while let Some(item) = items.next() {
                if let Err(error) = consume(item) {
                    return items.fail(&errors, error);
                }
            }
        })
    }

    /// As [`for_each`](Self::for_each), on `workers` threads of its own and in no order.
    ///
    /// # Errors
    /// [`PipelineError`], if a stage failed.
    #[track_caller]
    pub fn for_each_parallel(
        self,
        workers: usize,
        consume: impl Fn(T) + Send + Sync + 'env,
    ) -> Result<(), PipelineError<F::Error>> {
        let operation = Operation::unfailing(move |item| {
            consume(item);
            None::<Infallible>
        });
        self.end_parallel(Stage::parallel("for_each_parallel", workers), operation)
    }

    /// As [`for_each_parallel`](Self::for_each_parallel), with a closure that can fail. The first error stops the
    /// pipeline.
    ///
    /// # Errors
    /// [`PipelineError`], if a stage failed.
    #[track_caller]
    pub fn try_for_each_parallel<E>(
        self,
        workers: usize,
        consume: impl Fn(T) -> Result<(), E> + Send + Sync + 'env,
    ) -> Result<(), PipelineError<E>>
    where
        F: Accepts<E>,
        E: Send + 'env,
    {
        let (pipeline, errors) = self.failing();
        let operation = Operation::new(errors, move |item| {
            consume(item).map(|()| None::<Infallible>)
        });
        pipeline.end_parallel(Stage::parallel("try_for_each_parallel", workers), operation)
    }

    /// Collects the items, in the order in which they arrive.
    ///
    /// # Errors
    /// [`PipelineError`], if a stage failed.
    #[track_caller]
    pub fn collect<C: FromIterator<T>>(self) -> Result<C, PipelineError<F::Error>> {
        self.end("collect", |items| items.collect())
    }

    /// Puts the items together, two at a time, in the order in which they arrive. `None` if there are none.
    ///
    /// ```
    /// use brigade::pipeline;
    ///
    /// let longest = pipeline::source(["fire", "water", "air"])
    ///     .map(2, str::len)
    ///     .reduce(usize::max)?;
    /// assert_eq!(longest, Some(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PipelineError`], if a stage failed.
    #[track_caller]
    pub fn reduce(
        self,
        combine: impl FnMut(T, T) -> T,
    ) -> Result<Option<T>, PipelineError<F::Error>> {
        self.end("reduce", |items| items.reduce(combine))
    }

    /// Calls `body`, on the calling thread, with an iterator over the items. When it returns, the pipeline stops:
    /// so this is how to end it early, an endless one too.
    ///
    /// ```
    /// use brigade::pipeline;
    ///
    /// let found = pipeline::source(1..)
    ///     .map_ordered(4, |number: u64| number * number)
    ///     .consume(|squares| squares.find(|square| *square > 1_000))?;
    /// assert_eq!(found, Some(1_024));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PipelineError`], if a stage failed before `body` returned. The iterator ends when one does.
    #[track_caller]
    pub fn consume<R>(
        self,
        body: impl FnOnce(&mut Items<'_, T>) -> R,
    ) -> Result<R, PipelineError<F::Error>> {
        self.end("consume", body)
    }

    #[track_caller]
    fn end<R>(
        self,
        kind: &'static str,
        body: impl FnOnce(&mut Items<'_, T>) -> R,
    ) -> Result<R, PipelineError<<F as Kept>::Error>> {
        let mut plan = self.plan;
        let inlet = plan.add(self.tail, Stage::single(kind));
        run(plan, &self.failure, move |post, meter| {
            Items::with(post, inlet, meter, body)
        })
    }

    #[track_caller]
    fn end_parallel<E, O>(
        self,
        stage: Stage,
        operation: Operation<O, E>,
    ) -> Result<(), PipelineError<<F as Kept>::Error>>
    where
        E: Send + 'env,
        O: Fn(T) -> Result<Option<Infallible>, E> + Send + Sync + 'env,
    {
        let mut plan = self.plan;
        let inlet = plan.add(self.tail, stage);
        let stage = plan.last();
        let workers = crew(stage, || operation.worker(inlet.clone(), None));
        plan.crews.push(workers);
        drop((inlet, operation)); // the workers have theirs
        run(plan, &self.failure, |_, _| ())
    }
}
