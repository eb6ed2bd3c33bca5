//! The trait that every measured pool is behind, and Brigade's peers.
//!
//! Each is used as its own documentation would have it, at its cheapest: no system pays for a feature
//! that the case does not ask for, and none gets its tasks boxed that would not box them.

use std::future::Future;
use std::thread::JoinHandle;

use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::RemoteHandle;
use futures::task::SpawnExt;

/// A pool of threads under measurement. Dropping it ends its threads, perhaps a little later.
pub trait TaskPool: Sync + 'static {
    /// Its stable name.
    const NAME: &'static str;

    /// What [`submit`](Self::submit) returns.
    type Handle<T: Send + 'static>;

    /// Starts it with that many threads.
    fn start(workers: usize) -> Self;

    /// Hands over a task without a result.
    fn execute(&self, task: impl FnOnce() + Send + 'static);

    /// Hands over a task with a result.
    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T>;

    /// Waits for a task's result.
    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T;
}

/// Where a pool has no handles of its own, its users send the result through a channel. This one is
/// about twice as fast as std's and crossbeam's when several tasks are under way. (crossbeam's is far
/// faster when there is only one, because its receiver spins: see "Round trip" in the README.)
fn with_result<T: Send + 'static>(
    task: impl FnOnce() -> T + Send + 'static,
) -> (impl FnOnce() + Send + 'static, oneshot::Receiver<T>) {
    let (sender, receiver) = oneshot::channel();
    let task = move || {
        // Nobody drops the receiver before it has the result.
        let _ = sender.send(task());
    };
    (task, receiver)
}

fn wait<T>(result: impl Future<Output = Result<T, oneshot::Canceled>>) -> T {
    block_on(result).expect("the pool runs every task")
}

/// `rayon`: a pool of its own, not the global one.
pub struct Rayon(rayon::ThreadPool);

impl TaskPool for Rayon {
    const NAME: &'static str = "rayon";
    type Handle<T: Send + 'static> = oneshot::Receiver<T>;

    fn start(workers: usize) -> Self {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build();
        Self(pool.expect("the system has threads"))
    }

    fn execute(&self, task: impl FnOnce() + Send + 'static) {
        self.0.spawn(task);
    }

    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T> {
        let (task, result) = with_result(task);
        self.0.spawn(task);
        result
    }

    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        wait(handle)
    }
}

/// `tokio`'s pool for blocking work. Its runtime has no other thread.
pub struct TokioBlocking(tokio::runtime::Runtime);

impl TaskPool for TokioBlocking {
    const NAME: &'static str = "tokio-blocking";
    type Handle<T: Send + 'static> = tokio::task::JoinHandle<T>;

    fn start(workers: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(workers)
            .build();
        Self(runtime.expect("the system has threads"))
    }

    fn execute(&self, task: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn_blocking(task));
    }

    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T> {
        self.0.spawn_blocking(task)
    }

    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        self.0.handle().block_on(handle).expect("no task panics")
    }
}

/// `threadpool`.
pub struct Threadpool(threadpool::ThreadPool);

impl TaskPool for Threadpool {
    const NAME: &'static str = "threadpool";
    type Handle<T: Send + 'static> = oneshot::Receiver<T>;

    fn start(workers: usize) -> Self {
        Self(threadpool::ThreadPool::new(workers))
    }

    fn execute(&self, task: impl FnOnce() + Send + 'static) {
        self.0.execute(task);
    }

    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T> {
        let (task, result) = with_result(task);
        self.0.execute(task);
        result
    }

    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        wait(handle)
    }
}

/// `rusty_pool`, of constant size.
pub struct RustyPool(rusty_pool::ThreadPool);

impl TaskPool for RustyPool {
    const NAME: &'static str = "rusty_pool";
    type Handle<T: Send + 'static> = rusty_pool::JoinHandle<T>;

    fn start(workers: usize) -> Self {
        let pool = rusty_pool::Builder::new()
            .core_size(workers)
            .max_size(workers)
            .build();
        pool.start_core_threads();
        Self(pool)
    }

    fn execute(&self, task: impl FnOnce() + Send + 'static) {
        self.0.execute(task);
    }

    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T> {
        self.0.evaluate(task)
    }

    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        handle.await_complete()
    }
}

/// `futures`' executor on threads; each closure is a future that is ready at once.
pub struct Futures(futures::executor::ThreadPool);

impl TaskPool for Futures {
    const NAME: &'static str = "futures";
    type Handle<T: Send + 'static> = RemoteHandle<T>;

    fn start(workers: usize) -> Self {
        let pool = futures::executor::ThreadPool::builder()
            .pool_size(workers)
            .create();
        Self(pool.expect("the system has threads"))
    }

    fn execute(&self, task: impl FnOnce() + Send + 'static) {
        self.0.spawn_ok(async move { task() });
    }

    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T> {
        let handle = self.0.spawn_with_handle(async move { task() });
        handle.expect("the pool takes tasks while it lives")
    }

    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        block_on(handle)
    }
}

/// No pool at all: threads that take boxed closures from one bounded `crossbeam` channel.
pub struct CrossbeamBounded {
    /// `None` only while it is dropped.
    tasks: Option<crossbeam_channel::Sender<Box<dyn FnOnce() + Send>>>,
    threads: Vec<JoinHandle<()>>,
}

impl TaskPool for CrossbeamBounded {
    const NAME: &'static str = "crossbeam-bounded";
    type Handle<T: Send + 'static> = oneshot::Receiver<T>;

    fn start(workers: usize) -> Self {
        let (tasks, queue) = crossbeam_channel::bounded::<Box<dyn FnOnce() + Send>>(CAPACITY);
        let worker = |_| {
            let queue = queue.clone();
            std::thread::spawn(move || queue.iter().for_each(|task| task()))
        };
        Self {
            tasks: Some(tasks),
            threads: (0..workers).map(worker).collect(),
        }
    }

    fn execute(&self, task: impl FnOnce() + Send + 'static) {
        let tasks = self.tasks.as_ref().expect("it is not being dropped");
        assert!(
            tasks.send(Box::new(task)).is_ok(),
            "the threads live as long as the sender"
        );
    }

    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T> {
        let (task, result) = with_result(task);
        self.execute(task);
        result
    }

    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        wait(handle)
    }
}

impl Drop for CrossbeamBounded {
    fn drop(&mut self) {
        self.tasks = None;
        for thread in self.threads.drain(..) {
            thread.join().expect("no task panics");
        }
    }
}

/// How many tasks may wait in the systems that have a bound.
pub const CAPACITY: usize = 1024;
