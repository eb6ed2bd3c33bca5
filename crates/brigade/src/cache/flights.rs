//! Computing once per key: what maps and caches have in common.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::mem::needs_drop;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::waiting::{self, Subject};

use super::computing::{Computing, check_recursion, key_of, this_thread};
use super::error::WaitError;
use super::flight::{Ended, Flight, Waiting};
use super::order::Order;
use super::shard::{Entry, Found, Shard, Slot};

/// Values by key, each computed by one caller while the others wait.
pub(super) struct Flights<K, T, S> {
    pub(super) name: Arc<str>,
    hashes: S,
    /// A power of two of them.
    shards: Box<[CachePadded<Shard<K, T>>]>,
    order: Option<Order>,
}

/// What a caller gets.
pub(super) enum Outcome<'a, K, T, S> {
    /// It was there.
    Kept(Arc<T>),
    /// Somebody else has computed it meanwhile.
    Awaited(Arc<T>),
    /// The caller is to compute it.
    Turn(Turn<'a, K, T, S>),
}

impl<K, T, S> Flights<K, T, S> {
    pub(super) fn new(name: Arc<str>, hashes: S, capacity: Option<usize>) -> Self {
        /// So many shards for each thread that can run: two threads then seldom want the same one at once.
        const SHARDS_PER_THREAD: usize = 4;
        let threads = available_parallelism().map_or(1, usize::from);
        // A model would only repeat itself.
        let threads = if cfg!(any(loom, shuttle)) { 1 } else { threads };
        let shards = (SHARDS_PER_THREAD * threads).next_power_of_two();
        let shards = (0..shards).map(|_| CachePadded::new(Shard::new()));
        Self {
            name,
            hashes,
            shards: shards.collect(),
            order: capacity.map(Order::new),
        }
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        self.order.as_ref().map(Order::capacity)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Shard<K, T> {
        // The tables inside go by the lowest and the highest bits; these are neither.
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }

    pub(super) fn count(&self) -> usize {
        let _still = self.order.as_ref().map(Order::lock);
        self.shards.iter().map(|shard| shard.count()).sum()
    }

    pub(super) fn values(&self) -> Vec<Arc<T>> {
        let _still = self.order.as_ref().map(Order::lock);
        self.shards
            .iter()
            .flat_map(|shard| shard.values())
            .collect()
    }

    /// Forgets everything, also what is being computed.
    pub(super) fn clear(&self) {
        let mut queue = self.order.as_ref().map(Order::lock);
        let removed: Vec<_> = self.shards.iter().map(|shard| shard.clear()).collect();
        if let Some(queue) = &mut queue {
            queue.clear();
        }
        drop(queue);
        drop(removed); // without any lock: destructors are foreign code
    }

    /// Puts the value in the place of the flight that computed it; if the map is full, the oldest one goes.
    fn keep(&self, hash: u64, flight: &Arc<Flight<T>>, value: Arc<T>) {
        let Some(order) = &self.order else {
            let replaced = self.shard(hash).keep(hash, flight, value, 0);
            drop(replaced);
            return;
        };
        let mut queue = order.lock();
        // Nobody forgets it from here on: that takes the same lock.
        if !self.shard(hash).has_flight(hash, flight) {
            return;
        }
        let surplus = order.surplus(&mut queue);
        let evicted =
            surplus.and_then(|(number, its_hash)| self.shard(its_hash).evict(its_hash, number));
        let number = queue.push(hash);
        let replaced = self.shard(hash).keep(hash, flight, value, number);
        drop(queue);
        drop((evicted, replaced)); // without any lock, too
    }
}

impl<K: Eq + Hash, T, S: BuildHasher> Flights<K, T, S> {
    /// A copy of a key's value, if it was computed.
    #[inline]
    pub(super) fn value<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<T>
    where
        K: Borrow<Q>,
        T: Clone,
    {
        let hash = self.hashes.hash_one(key);
        let (shard, is_key) = (self.shard(hash), |its: &K| key == its.borrow());
        if needs_drop::<T>() {
            // Cloning may take long, and is foreign code: not under the lock.
            let value = shard.read(hash, is_key, Arc::clone)?;
            Some(T::clone(&value))
        } else {
            shard.read(hash, is_key, |value| T::clone(value))
        }
    }

    /// Forgets a key. If it is being computed, those who wait for that get the value, and later callers compute anew.
    pub(super) fn forget<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Entry<K, T>>
    where
        K: Borrow<Q>,
    {
        let hash = self.hashes.hash_one(key);
        let mut queue = self.order.as_ref().map(Order::lock);
        let removed = self.shard(hash).forget(hash, |its| its.borrow() == key);
        if let (Some(queue), Some(entry)) = (&mut queue, &removed)
            && let Slot::Kept(_, number) = entry.slot
        {
            queue.remove(number);
        }
        removed
    }

    /// The value of a key, or the caller's turn to compute it; waits while somebody else does.
    #[inline]
    #[track_caller]
    pub(super) fn enter(
        &self,
        key: K,
        limit: Option<Duration>,
    ) -> Result<Outcome<'_, K, T, S>, WaitError> {
        let hash = self.hashes.hash_one(&key);
        let mut key = Some(key);
        match self.shard(hash).enter(hash, &mut key, this_thread()) {
            Found::Kept(value) => Ok(Outcome::Kept(value)),
            Found::Begun(flight) => Ok(Outcome::Turn(Turn::new(self, hash, flight))),
            Found::Underway(flight) => self.wait_in_turn(hash, key, flight, limit),
        }
    }

    #[cold]
    #[track_caller]
    fn wait_in_turn(
        &self,
        hash: u64,
        mut key: Option<K>,
        mut flight: Arc<Flight<T>>,
        limit: Option<Duration>,
    ) -> Result<Outcome<'_, K, T, S>, WaitError> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            match self.wait(Waiting::new(flight), deadline) {
                Ok(Some(Ended::Done(value))) => return Ok(Outcome::Awaited(value)),
                Ok(Some(Ended::Abandoned)) => {}
                Ok(None) => return Err(self.timed_out(limit)),
                Err(report) => return Err(WaitError::Deadlock(report)),
            }
            match self.shard(hash).enter(hash, &mut key, this_thread()) {
                Found::Kept(value) => return Ok(Outcome::Awaited(value)),
                Found::Begun(flight) => return Ok(Outcome::Turn(Turn::new(self, hash, flight))),
                Found::Underway(next) => flight = next,
            }
        }
    }

    /// Waits for a computation to end; `None` if it has not in time.
    #[track_caller]
    pub(super) fn wait(
        &self,
        mut waiting: Waiting<T>,
        deadline: Option<Instant>,
    ) -> Result<Option<Ended<T>>, Box<crate::lock::Report>> {
        let flight = Arc::clone(waiting.flight());
        check_recursion(flight.address(), &self.name)?;
        let subject = Subject {
            awaited: &|| flight.owed(),
            name: &|| key_of(&self.name),
        };
        waiting::wait(Some(&subject), deadline, |waker| waiting.poll(waker))
    }

    fn timed_out(&self, limit: Option<Duration>) -> WaitError {
        WaitError::TimedOut {
            name: Arc::clone(&self.name),
            limit: limit.unwrap_or_default(),
        }
    }

    /// As [`enter`](Self::enter), for a caller that does not wait, or not yet. What begins is computed by this thread if
    /// its duty is given, and otherwise by a future.
    pub(super) fn look(&self, key: &mut Option<K>, thread: Option<usize>) -> Seen<'_, K, T, S> {
        let known = key.as_ref();
        let hash = self
            .hashes
            .hash_one(known.expect("a key is there until its computation begins"));
        match self.shard(hash).enter(hash, key, thread) {
            Found::Kept(value) => Seen::Kept(value),
            Found::Begun(flight) => Seen::Turn(Turn::new(self, hash, flight)),
            Found::Underway(flight) => Seen::Underway(Waiting::new(flight)),
        }
    }
}

/// What a caller finds that does not wait.
pub(super) enum Seen<'a, K, T, S> {
    Kept(Arc<T>),
    Turn(Turn<'a, K, T, S>),
    Underway(Waiting<T>),
}

/// The duty to compute a value. Dropping it is to give up: the others try again.
pub(super) struct Turn<'a, K, T, S> {
    flights: &'a Flights<K, T, S>,
    hash: u64,
    flight: Arc<Flight<T>>,
    /// The others know how it ended.
    told: bool,
}

impl<'a, K, T, S> Turn<'a, K, T, S> {
    fn new(flights: &'a Flights<K, T, S>, hash: u64, flight: Arc<Flight<T>>) -> Self {
        Self {
            flights,
            hash,
            flight,
            told: false,
        }
    }

    pub(super) fn address(&self) -> usize {
        self.flight.address()
    }

    /// Until what this returns is dropped, this thread is known to compute the value.
    pub(super) fn begin(&self) -> Computing {
        Computing::begin(self.address())
    }

    /// Runs the computation, known to be this thread's.
    pub(super) fn run<R>(&self, compute: impl FnOnce() -> R) -> R {
        let _computing = self.begin();
        compute()
    }

    /// The value was computed: it is kept, unless the key was forgotten meanwhile, and those who wait get it.
    pub(super) fn keep(mut self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        self.flights
            .keep(self.hash, &self.flight, Arc::clone(&value));
        self.tell(Ended::Done(Arc::clone(&value)));
        value
    }

    /// As [`keep`](Self::keep), but the map keeps nothing: `then` keeps it elsewhere. It is called, under the lock of a
    /// shard, unless the key was forgotten meanwhile.
    #[cfg(feature = "cache")]
    pub(super) fn settle(mut self, value: Arc<T>, then: impl FnOnce()) {
        let withdrawn = self
            .flights
            .shard(self.hash)
            .withdraw(self.hash, &self.flight, then);
        self.tell(Ended::Done(value));
        drop(withdrawn); // at last: the key's destructor is foreign code
    }

    fn tell(&mut self, ended: Ended<T>) {
        self.told = true;
        self.flight.end(ended);
    }
}

impl<K, T, S> Drop for Turn<'_, K, T, S> {
    fn drop(&mut self) {
        if !self.told {
            let withdrawn = self
                .flights
                .shard(self.hash)
                .withdraw(self.hash, &self.flight, || ());
            self.tell(Ended::Abandoned);
            drop(withdrawn); // at last: the key's destructor is foreign code
        }
    }
}
