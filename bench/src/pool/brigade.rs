//! Brigade as its users have it: bounded, with its metrics; and without histograms, to see their cost.

use brigade::Pool;
use brigade::pool::TaskHandle;

use super::systems::{CAPACITY, TaskPool};

/// `brigade`.
pub struct Brigade(Pool);

impl TaskPool for Brigade {
    const NAME: &'static str = crate::REFERENCE;
    type Handle<T: Send + 'static> = TaskHandle<T>;

    fn start(workers: usize) -> Self {
        Self(pool(workers, true))
    }

    fn execute(&self, task: impl FnOnce() + Send + 'static) {
        assert!(
            self.0.execute(task).is_ok(),
            "the pool takes tasks while it lives"
        );
    }

    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T> {
        let Ok(handle) = self.0.submit(task) else {
            panic!("the pool takes tasks while it lives")
        };
        handle
    }

    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        handle.join().expect("no task panics")
    }
}

/// `brigade` without wait- and run-time distributions.
pub struct WithoutHistograms(Brigade);

impl TaskPool for WithoutHistograms {
    const NAME: &'static str = "brigade-nohist";
    type Handle<T: Send + 'static> = TaskHandle<T>;

    fn start(workers: usize) -> Self {
        Self(Brigade(pool(workers, false)))
    }

    fn execute(&self, task: impl FnOnce() + Send + 'static) {
        self.0.execute(task);
    }

    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T> {
        self.0.submit(task)
    }

    fn join<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        self.0.join(handle)
    }
}

fn pool(workers: usize, histograms: bool) -> Pool {
    let builder = Pool::builder("bench")
        .workers(workers)
        .queue_capacity(CAPACITY)
        .histograms(histograms);
    builder.build().expect("the system has threads")
}
