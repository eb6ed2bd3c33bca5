//! The stages between source and sink.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::Pipeline;
use super::failure::{Accepts, ErrorSlot, Failing, Failure, failing};
use super::handover::{Inlet, Outlet};
use super::plan::{Crew, Plan, Stage, Tail};
use super::window::Window;
use super::worker::{Batcher, Intake, OrderedTransformer, Transformer, Work};

impl<'env, T: Send + 'env, F: Failure> Pipeline<'env, T, F> {
    /// Makes of each item another one, on `workers` threads. The results come in the order in which they are
    /// ready; see [`map_ordered`](Self::map_ordered).
    pub fn map<U, M>(self, workers: usize, transform: M) -> Pipeline<'env, U, F>
    where
        U: Send + 'env,
        M: Fn(T) -> U + Send + Sync + 'env,
    {
        let operation = Operation::unfailing(move |item| Some(transform(item)));
        self.then(Stage::parallel("map", workers), operation)
    }

    /// As [`map`](Self::map), with a closure that can fail. The first error stops the pipeline.
    pub fn try_map<U, E, M>(self, workers: usize, transform: M) -> Pipeline<'env, U, Failing<E>>
    where
        F: Accepts<E>,
        U: Send + 'env,
        E: Send + 'env,
        M: Fn(T) -> Result<U, E> + Send + Sync + 'env,
    {
        let (earlier, errors) = self.failing();
        let operation = Operation::new(errors, move |item| transform(item).map(Some));
        earlier.then(Stage::parallel("try_map", workers), operation)
    }

    /// As [`map`](Self::map), with the results in the order of the items.
    ///
    /// One slow item holds up the delivery of those after it; meanwhile the other workers go on with at most a
    /// [`window`](Self::window) of items.
    ///
    /// ```
    /// use brigade::pipeline;
    ///
    /// let squares: Vec<u64> = pipeline::source(0..1_000)
    ///     .map_ordered(4, |number: u64| number * number)
    ///     .collect()?;
    /// assert!(squares.is_sorted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_ordered<U, M>(self, workers: usize, transform: M) -> Pipeline<'env, U, F>
    where
        U: Send + 'env,
        M: Fn(T) -> U + Send + Sync + 'env,
    {
        let operation = Operation::unfailing(move |item| Some(transform(item)));
        self.then_ordered(Stage::parallel("map_ordered", workers), operation)
    }

    /// As [`map_ordered`](Self::map_ordered), with a closure that can fail. The first error stops the pipeline:
    /// the first in time, which need not be the first in order.
    pub fn try_map_ordered<U, E, M>(
        self,
        workers: usize,
        transform: M,
    ) -> Pipeline<'env, U, Failing<E>>
    where
        F: Accepts<E>,
        U: Send + 'env,
        E: Send + 'env,
        M: Fn(T) -> Result<U, E> + Send + Sync + 'env,
    {
        let (earlier, errors) = self.failing();
        let operation = Operation::new(errors, move |item| transform(item).map(Some));
        earlier.then_ordered(Stage::parallel("try_map_ordered", workers), operation)
    }

    /// Lets through the items for which `keep` is true, tested on `workers` threads. One worker keeps their order.
    ///
    /// ```
    /// use brigade::pipeline;
    ///
    /// let even: Vec<u32> = pipeline::source(0..10)
    ///     .filter(1, |number| number % 2 == 0)
    ///     .collect()?;
    /// assert_eq!(even, [0, 2, 4, 6, 8]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter<K>(self, workers: usize, keep: K) -> Self
    where
        K: Fn(&T) -> bool + Send + Sync + 'env,
    {
        let operation = Operation::unfailing(move |item| keep(&item).then_some(item));
        self.then(Stage::parallel("filter", workers), operation)
    }

    /// As [`filter`](Self::filter), with a closure that can fail. The first error stops the pipeline.
    pub fn try_filter<E, K>(self, workers: usize, keep: K) -> Pipeline<'env, T, Failing<E>>
    where
        F: Accepts<E>,
        E: Send + 'env,
        K: Fn(&T) -> Result<bool, E> + Send + Sync + 'env,
    {
        let (earlier, errors) = self.failing();
        let operation = Operation::new(errors, move |item| Ok(keep(&item)?.then_some(item)));
        earlier.then(Stage::parallel("try_filter", workers), operation)
    }

    /// Gathers items, in their order, into batches of `size`; a smaller one goes on when its first item has waited
    /// for `max_wait`, and when there are no more items.
    ///
    /// ```
    /// use std::time::Duration;
    /// use brigade::pipeline;
    ///
    /// let batches: Vec<Vec<u32>> = pipeline::source(0..5)
    ///     .batch(2, Duration::MAX)
    ///     .collect()?;
    /// assert_eq!(batches, [vec![0, 1], vec![2, 3], vec![4]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(self, size: usize, max_wait: Duration) -> Pipeline<'env, Vec<T>, F> {
        let mut stage = Stage::single("batch");
        if size == 0 {
            stage.complain("makes batches of 0 items; let it make them of at least 1");
        }
        self.attach(stage, move |_, inlet, outlet| {
            let batcher = Batcher {
                inlet,
                outlet,
                size,
                max_wait,
            };
            vec![Box::new(batcher) as Box<dyn Work + 'env>]
        })
    }
}

/// What a stage does with an item, and where its error goes.
pub(crate) struct Operation<O, E> {
    run: Arc<O>,
    errors: Arc<ErrorSlot<E>>,
}

impl<O, E> Operation<O, E> {
    pub(crate) fn new<T, U>(errors: Arc<ErrorSlot<E>>, run: O) -> Self
    where
        O: Fn(T) -> Result<Option<U>, E>,
    {
        let run = Arc::new(run);
        Self { run, errors }
    }

    /// One worker's part in a stage.
    pub(crate) fn worker<T, U>(
        &self,
        inlet: Inlet<T>,
        outlet: Option<Outlet<U>>,
    ) -> Transformer<T, U, O, E> {
        Transformer {
            inlet,
            outlet,
            operation: Arc::clone(&self.run),
            errors: Arc::clone(&self.errors),
        }
    }
}

impl Operation<(), Infallible> {
    /// Of a stage whose closure returns no errors.
    pub(crate) fn unfailing<T, U>(
        run: impl Fn(T) -> Option<U>,
    ) -> Operation<impl Fn(T) -> Result<Option<U>, Infallible>, Infallible> {
        Operation::new(ErrorSlot::new(), move |item| Ok(run(item)))
    }
}

impl<'env, T: Send + 'env, F: Failure> Pipeline<'env, T, F> {
    /// The same pipeline, able to fail with `E`, and where its errors go.
    pub(crate) fn failing<E>(self) -> (Pipeline<'env, T, Failing<E>>, Arc<ErrorSlot<E>>)
    where
        F: Accepts<E>,
    {
        let (failure, errors) = failing(self.failure);
        let pipeline = Pipeline {
            plan: self.plan,
            tail: self.tail,
            failure,
        };
        (pipeline, errors)
    }

    fn then<U, E, O>(self, stage: Stage, operation: Operation<O, E>) -> Pipeline<'env, U, F>
    where
        U: Send + 'env,
        E: Send + 'env,
        O: Fn(T) -> Result<Option<U>, E> + Send + Sync + 'env,
    {
        self.attach(stage, move |stage, inlet, outlet| {
            let worker = || operation.worker(inlet.clone(), Some(outlet.clone()));
            crew(stage, worker)
        })
    }

    fn then_ordered<U, E, O>(self, stage: Stage, operation: Operation<O, E>) -> Pipeline<'env, U, F>
    where
        U: Send + 'env,
        E: Send + 'env,
        O: Fn(T) -> Result<Option<U>, E> + Send + Sync + 'env,
    {
        self.attach(stage, move |stage, inlet, outlet| {
            let intake = Arc::new(Intake::new(inlet));
            let window = Arc::new(Window::new(stage.window()));
            crew(stage, || OrderedTransformer {
                intake: Arc::clone(&intake),
                window: Arc::clone(&window),
                outlet: outlet.clone(),
                operation: Arc::clone(&operation.run),
                errors: Arc::clone(&operation.errors),
            })
        })
    }

    /// Adds a stage whose workers `hire` makes, between the two buffers, when the one behind is known.
    fn attach<U: Send + 'env>(
        self,
        stage: Stage,
        hire: impl FnOnce(&Stage, Inlet<T>, Outlet<U>) -> Crew<'env> + 'env,
    ) -> Pipeline<'env, U, F> {
        let mut plan: Plan<'env> = self.plan;
        let inlet = plan.add(self.tail, stage);
        let tail: Tail<'env, U> = Box::new(move |stage, outlet| hire(stage, inlet, outlet));
        Pipeline {
            plan,
            tail,
            failure: self.failure,
        }
    }
}

/// As many workers as the stage was given.
pub(crate) fn crew<'env, W: Work + 'env>(stage: &Stage, worker: impl Fn() -> W) -> Crew<'env> {
    let boxed = |_| Box::new(worker()) as Box<dyn Work + 'env>;
    (0..stage.workers).map(boxed).collect()
}
