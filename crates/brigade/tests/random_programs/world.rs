//! What a program finds: one or more of all that one can wait for.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use brigade::Pool;
use brigade::cache::OnceMap;
use brigade::consumers::Consumers;
use brigade::lock::{LockTable, Mutex, RwLock, RwLockUpgradableReadGuard, lock_all};
use brigade::partitioned::Partitioned;
use brigade::pool::{Shutdown, TaskHandle};

use crate::program::{Body, CONSUMERS, LOCKS, Operation, Shape};

pub(crate) struct World {
    pools: Vec<Pool>,
    locks: [Mutex<()>; LOCKS],
    rw_locks: [RwLock<()>; LOCKS],
    table: LockTable<usize>,
    values: OnceMap<usize, ()>,
    consumers: Vec<Consumers<Body>>,
    partitioned: Partitioned<usize, Body>,
    /// Of tasks that nobody has joined yet.
    handles: parking_lot::Mutex<Vec<TaskHandle<()>>>,
}

/// The world, as its own threads see it: not before it is made.
type Seen = Arc<OnceLock<Weak<World>>>;

fn run_in(seen: &Seen, body: &Body) {
    if let Some(world) = seen.wait().upgrade() {
        world.run(body);
    }
}

impl World {
    pub(crate) fn new(shape: &Shape) -> Arc<Self> {
        let seen = Seen::default();
        let pool = |(number, workers): (usize, usize)| {
            let builder = Pool::builder(format!("pool {number}")).workers(1..=workers);
            let builder = builder.queue_capacity(shape.capacity);
            builder.when_full(shape.when_full).build().unwrap()
        };
        let consumers = |number| {
            let seen = Arc::clone(&seen);
            let builder = Consumers::builder(format!("consumers {number}"));
            let builder = builder.buffer(1).workers(shape.consumers);
            let handle = move |body: &Body| {
                run_in(&seen, body);
                Ok::<(), ()>(())
            };
            builder.start(handle).unwrap()
        };
        let partitioned = {
            let seen = Arc::clone(&seen);
            let builder = Partitioned::builder("partitioned").workers(shape.consumers);
            let handle = move |(): &mut (), _: &usize, body: Body| run_in(&seen, &body);
            builder.buffer(1).start(|| (), handle).unwrap()
        };
        let world = Arc::new(Self {
            pools: shape.workers.into_iter().enumerate().map(pool).collect(),
            locks: std::array::from_fn(|number| Mutex::named(&format!("lock {number}"), ())),
            rw_locks: std::array::from_fn(|number| RwLock::named(&format!("rw {number}"), ())),
            table: LockTable::named("table"),
            values: OnceMap::named("values"),
            consumers: (0..CONSUMERS).map(consumers).collect(),
            partitioned,
            handles: parking_lot::Mutex::default(),
        });
        seen.set(Arc::downgrade(&world)).unwrap();
        world
    }

    pub(crate) fn run(self: &Arc<Self>, body: &Body) {
        body.iter().for_each(|operation| self.step(operation));
    }

    fn task(self: &Arc<Self>, body: &Body) -> impl FnOnce() + Send + 'static + use<> {
        let (world, body) = (Arc::clone(self), Arc::clone(body));
        move || world.run(&body)
    }

    /// Refusals and errors are as good as any other end: what must not be is that it never comes.
    fn step(self: &Arc<Self>, operation: &Operation) {
        match operation {
            Operation::Lock(lock, body) => {
                let _guard = self.locks[*lock].lock();
                self.run(body);
            }
            Operation::LockInTime(lock, body) => {
                let guard = self.locks[*lock].lock_timeout(Duration::from_millis(5));
                guard.into_iter().for_each(|_guard| self.run(body));
            }
            Operation::LockTwo(one, other, body) => {
                let guards = lock_all((&self.locks[*one], &self.locks[*other]));
                guards.into_iter().for_each(|_guards| self.run(body));
            }
            Operation::Read(lock, body) => {
                let _guard = self.rw_locks[*lock].read();
                self.run(body);
            }
            Operation::Write(lock, body) => {
                let _guard = self.rw_locks[*lock].write();
                self.run(body);
            }
            Operation::Upgrade(lock, body) => {
                let guard = self.rw_locks[*lock].upgradable_read();
                self.run(body);
                drop(RwLockUpgradableReadGuard::upgrade(guard));
            }
            Operation::Key(key, body) => {
                let _guard = self.table.lock(*key);
                self.run(body);
            }
            Operation::SharedKey(key, body) => {
                let _guard = self.table.lock_shared(*key);
                self.run(body);
            }
            Operation::Compute(key, body) => {
                let _ = self.values.get_or_compute(*key, || self.run(body));
                self.values.remove(key);
            }
            _ => self.step_of_a_pool(operation),
        }
    }

    fn step_of_a_pool(self: &Arc<Self>, operation: &Operation) {
        match operation {
            Operation::Execute(pool, body) => {
                let _ = self.pools[*pool].execute(self.task(body));
            }
            Operation::Join(pool, body) => {
                let handle = self.pools[*pool].submit(self.task(body));
                handle.into_iter().for_each(|handle| _ = handle.join());
            }
            Operation::Submit(pool, body) => {
                let handle = self.pools[*pool].submit(self.task(body));
                self.handles.lock().extend(handle);
            }
            Operation::JoinOne => {
                let handle = self.handles.lock().pop();
                handle.into_iter().for_each(|handle| _ = handle.join());
            }
            Operation::Scope(pool, tasks) => self.pools[*pool].scope(|scope| {
                for body in tasks {
                    scope.execute(|| self.run(body));
                }
            }),
            Operation::Map(pool, items, body) => {
                let _ = self.pools[*pool].map(&vec![(); *items], |()| self.run(body));
            }
            Operation::WaitIdle(pool) => self.pools[*pool].wait_idle(),
            Operation::Shutdown(pool) => {
                let _ = self.pools[*pool].shutdown(Shutdown::now());
            }
            _ => self.step_of_consumers(operation),
        }
    }

    fn step_of_consumers(&self, operation: &Operation) {
        match operation {
            Operation::Produce(consumers, body) => {
                let _ = self.consumers[*consumers].produce(Arc::clone(body));
            }
            Operation::ConsumersIdle(consumers) => {
                let _ = self.consumers[*consumers].wait_idle();
            }
            Operation::Send(key, body) => {
                let _ = self.partitioned.send(*key, Arc::clone(body));
            }
            Operation::PartitionedIdle => {
                let _ = self.partitioned.wait_idle();
            }
            other => unreachable!("{other:?} is done elsewhere"),
        }
    }

    /// Waits until nothing runs or is queued any more. What runs may bring more elsewhere, but no more than so often.
    pub(crate) fn wait_for_rest(&self) {
        for _ in 0..20 {
            self.pools.iter().for_each(Pool::wait_idle);
            self.consumers.iter().for_each(|it| _ = it.wait_idle());
            let _ = self.partitioned.wait_idle();
        }
    }
}
