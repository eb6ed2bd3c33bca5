//! Tasks of several kinds that wait for one worker.

use std::sync::{Arc, Barrier};
use std::thread::sleep;
use std::time::{Duration, Instant};

use brigade::lock::Mutex;
use brigade::pool::Builder;
use brigade::{Pool, Priority};

/// How long a task takes.
const TASK: Duration = Duration::from_millis(1);

/// A way to decide what is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    OneQueue,
    Strict,
    Ageing,
}

/// Which task it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ordinary,
    Urgent,
    Unimportant,
}

/// A task that has begun, and how long it had waited.
pub(super) type Begun = (Kind, Duration);

/// A pool of one worker, and what it began in which order.
pub(super) struct Line {
    pool: Pool,
    policy: Policy,
    begun: Mutex<Vec<Begun>>,
}

impl Line {
    pub(super) fn new(policy: Policy, builder: Builder) -> Arc<Self> {
        let builder = match policy {
            Policy::Ageing => builder,
            Policy::OneQueue | Policy::Strict => builder.no_ageing(),
        };
        let pool = builder.workers(1).build();
        Arc::new(Self {
            pool: pool.expect("a thread can be started"),
            policy,
            begun: Mutex::default(),
        })
    }

    /// Adds tasks while the worker is kept from running them; then lets it run, and returns what it did.
    pub(super) fn fill(self: Arc<Self>, add: impl FnOnce(&Arc<Self>)) -> Vec<Begun> {
        let gate = Arc::new(Barrier::new(2));
        let inside = Arc::clone(&gate);
        let hold_up = move || {
            inside.wait(); // the worker is here
            inside.wait(); // all have been added
        };
        self.pool.execute(hold_up).expect("nobody shuts it down");
        gate.wait();
        add(&self);
        gate.wait();
        self.pool.wait_idle();
        std::mem::take(&mut *self.begun.lock())
    }

    /// Adds a task which, when it runs, adds the next one of so many successors.
    pub(super) fn add(self: &Arc<Self>, kind: Kind, successors: usize) {
        let line = Arc::clone(self);
        let added = Instant::now();
        let task = move || {
            let waited = added.elapsed();
            line.begun.lock().push((kind, waited));
            if successors > 0 {
                line.add(kind, successors - 1);
            }
            sleep(TASK);
        };
        let task = self.pool.task(task).priority(self.policy.priority(kind));
        task.execute().expect("nobody shuts it down");
    }
}

impl Policy {
    fn priority(self, kind: Kind) -> Priority {
        match kind {
            _ if self == Self::OneQueue => Priority::NORMAL,
            Kind::Urgent => Priority::HIGH,
            Kind::Ordinary => Priority::NORMAL,
            Kind::Unimportant => Priority::LOW,
        }
    }
}
