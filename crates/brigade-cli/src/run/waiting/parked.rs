//! The jobs that have been read and cannot run yet: for a retry that is not due, for other jobs, or for resources.
//!
//! What can run is in the pool's queue and nowhere else. A job comes here instead of that queue if it is to begin after
//! others (`dependencies.rs`), and out of it, from the worker that was to run it, if the resources that it needs are
//! not free (`resources.rs`) or if it has failed and is run again later. One thread hands over what may go on.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use brigade::Pool;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::resource::{Held, Name, Record, ResourceError};
use crate::run::clock;
use crate::run::job::AGEING;
use crate::run::job::Hash;
use crate::run::job::{Job, Unmet};

use super::dependencies::{Before, Dependencies, Fate, fail};
use super::resources::Resources;
use super::retry::Waiting;

/// The jobs that have been read and cannot run yet.
///
/// Of those that wait for a retry there are at most as many as are read ahead, and no more is read while so many wait
/// for others or for resources; these are joined by no more than the queue had by then.
#[derive(Debug)]
pub(crate) struct Parked {
    room: Mutex<Room>,
    changed: Condvar,
    capacity: usize,
    /// Jobs may be after others and need resources of their own. Otherwise only those that are run again come here, and
    /// no other is noted.
    objects: bool,
}

#[derive(Debug)]
struct Room {
    retries: BinaryHeap<Waiting>,
    dependencies: Dependencies,
    resources: Resources,
    /// Those that wait for locks that other processes see, by turn. They hold what they need of `resources`.
    asking: HashMap<u64, Job>,
    /// What those have got that no longer wait for such locks and have not begun yet, by turn.
    got: HashMap<u64, Result<Taken, ResourceError>>,
    /// Those that may go on; first those that hold resources.
    ready: VecDeque<Job>,
    /// One has been taken out and is not yet in the pool's queue.
    moving: bool,
    /// How many have been moved to the pool's queue.
    moved: u64,
    /// With `objects`: how many jobs have been read and not ended.
    open: usize,
    closed: bool,
}

impl Room {
    fn is_empty(&self) -> bool {
        self.retries.is_empty() && !self.moving && self.parked() == 0
    }

    /// How many wait for others, for resources or for being handed over.
    fn parked(&self) -> usize {
        self.dependencies.waiting()
            + self.resources.waiting()
            + self.asking.len()
            + self.ready.len()
    }

    /// True if nothing will change before more is read: all that have not ended wait for others.
    fn is_still(&self) -> bool {
        self.open == self.dependencies.waiting()
    }

    /// Gives what is free to those that wait for it, and returns the job of that turn if it is one of them.
    fn grant(&mut self, changed: Vec<Name>, turn: u64) -> Option<Job> {
        let (own, others) = self
            .resources
            .grant(changed)
            .into_iter()
            .partition::<Vec<_>, _>(|job| job.turn == turn);
        // Before those that hold nothing which others wait for.
        for job in others.into_iter().rev() {
            self.ready.push_front(job);
        }
        own.into_iter().next()
    }
}

/// What a job holds of the locks that other processes see, and the record that says so.
pub(crate) type Taken = (Vec<Held>, Record);

/// What comes of a job that asks for its resources.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It has them.
    Has(Job),
    /// It waits.
    Parked,
    /// No job is to begin any more.
    Closed(Job),
}

impl Parked {
    /// Room for so many. If jobs are `objects`, so many of them may hold resources at once.
    pub(crate) fn new(capacity: usize, objects: bool, most_holders: usize) -> Self {
        Self {
            room: Mutex::new(Room {
                retries: BinaryHeap::new(),
                dependencies: Dependencies::default(),
                resources: Resources::new(most_holders),
                asking: HashMap::new(),
                got: HashMap::new(),
                ready: VecDeque::new(),
                moving: false,
                moved: 0,
                open: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            capacity,
            objects,
        }
    }

    /// True if jobs may be after others and need resources of their own.
    pub(crate) fn is_for_objects(&self) -> bool {
        self.objects
    }

    /// Takes in a job that was read, and returns those that are to be handed over now. Waits for room if the job will have
    /// to wait and too many do already. Should they all wait for jobs that are still to be read, this one fails.
    pub(crate) fn enter(&self, mut job: Job, before: Before) -> Vec<Job> {
        let mut room = self.room.lock();
        let needs_locks = !job.locks().is_empty();
        let most = self.capacity;
        while !room.closed && room.parked() >= most {
            let unmet = room.dependencies.first_unmet(&job, before);
            if unmet.is_none() && !needs_locks {
                break;
            }
            if !room.is_still() {
                self.changed.wait(&mut room);
                continue;
            }
            if let Some(id) = unmet.map(|unmet| unmet.id.clone()) {
                job = fail(job, Unmet::TooMany { id, most });
            }
            break;
        }
        if room.closed {
            return vec![job];
        }
        room.open += 1;
        room.dependencies.enter(job, before)
    }

    /// Notes that a job has ended for good, and lets those go on that waited for it. True if nothing will change before
    /// more is read.
    pub(crate) fn end(&self, turn: u64, id: Option<Hash>, fate: Fate) -> bool {
        if !self.objects {
            return false;
        }
        let mut room = self.room.lock();
        room.open -= 1;
        if room.closed {
            return false;
        }
        if let Some(id) = id {
            let ready = room.dependencies.end(turn, id, fate);
            room.ready.extend(ready);
        }
        let still = room.is_still();
        if still || !room.ready.is_empty() {
            self.changed.notify_all();
        }
        still
    }

    /// True if nothing will change before more is read.
    pub(crate) fn is_still(&self) -> bool {
        self.objects && self.room.lock().is_still()
    }

    /// Fails the job of that turn if it waits for another; false if it does not.
    pub(crate) fn fail(&self, turn: u64, problem: impl FnOnce(String) -> Unmet) -> bool {
        let mut room = self.room.lock();
        let failed = room.dependencies.fail(turn, problem);
        let has_failed = failed.is_some();
        room.ready.extend(failed);
        self.changed.notify_all();
        has_failed
    }

    /// Fails those that wait for jobs that were not read, as nothing more is.
    pub(crate) fn end_of_input(&self) {
        let mut room = self.room.lock();
        let failed = room.dependencies.fail_missing();
        room.ready.extend(failed);
        self.changed.notify_all();
    }

    /// Gives a job the resources that it needs, or lets it wait for them here.
    pub(crate) fn ask(&self, job: Job) -> Asked {
        let mut room = self.room.lock();
        if room.closed {
            return Asked::Closed(job);
        }
        let turn = job.turn;
        if room.resources.are_held(turn) {
            return Asked::Has(job);
        }
        let changed = room.resources.enter(job, AGEING);
        let own = room.grant(changed, turn);
        if !room.ready.is_empty() {
            self.changed.notify_all();
        }
        own.map_or(Asked::Parked, Asked::Has)
    }

    /// Takes back the resources that a job has, and gives them to those that wait for them.
    fn give_back(&self, turn: u64) {
        let mut room = self.room.lock();
        let changed = room.resources.give_back(turn);
        if room.closed {
            return;
        }
        room.grant(changed, turn);
        if !room.ready.is_empty() {
            self.changed.notify_all();
        }
    }

    /// What a job has got of the locks that other processes see, if it has asked for them.
    pub(crate) fn take_got(&self, turn: u64) -> Option<Result<Taken, ResourceError>> {
        self.room.lock().got.remove(&turn)
    }

    /// Lets a job wait for locks that other processes see.
    ///
    /// # Errors
    /// It comes back if no job is to begin any more.
    pub(crate) fn await_locks(&self, job: Job) -> Result<(), Job> {
        let mut room = self.room.lock();
        if room.closed {
            return Err(job);
        }
        room.asking.insert(job.turn, job);
        Ok(())
    }

    /// Lets the job of that turn go on, which has waited for locks that other processes see. They are given back if no job
    /// is to begin any more.
    pub(crate) fn bring_locks(&self, turn: u64, got: Result<Taken, ResourceError>) {
        let mut room = self.room.lock();
        if let Some(job) = room.asking.remove(&turn) {
            room.got.insert(turn, got);
            room.ready.push_front(job);
            self.changed.notify_all();
        }
    }

    /// Lets a job wait until it is run again.
    ///
    /// # Errors
    /// It comes back if there is no room, or if no job is to begin any more.
    pub(crate) fn put(&self, waiting: Waiting) -> Result<(), Waiting> {
        let mut room = self.room.lock();
        if room.closed || room.retries.len() >= self.capacity {
            return Err(waiting);
        }
        room.retries.push(waiting);
        self.changed.notify_all();
        Ok(())
    }

    /// How many wait to be run again, and how many for others or for resources.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let room = self.room.lock();
        (room.retries.len(), room.parked())
    }

    /// Hands over each job when it may go on, until no job is to begin any more; `true` tells of one that it holds
    /// resources, which others wait for.
    pub(crate) fn hand_over(&self, mut hand_over: impl FnMut(Job, bool)) {
        let mut room = self.room.lock();
        while let Some(job) = self.next(&mut room) {
            let holds = room.resources.are_held(job.turn);
            room.moving = true;
            MutexGuard::unlocked(&mut room, || hand_over(job, holds));
            room.moving = false;
            room.moved += 1;
            self.changed.notify_all();
        }
    }

    /// A job that has been given the resources it needs. Who has given some back may be the one that has them next, and
    /// nobody has to be woken for it.
    pub(crate) fn take_granted(&self) -> Option<Job> {
        if !self.objects {
            return None;
        }
        let mut room = self.room.lock();
        let turn = room.ready.front().map(|job| job.turn)?;
        if room.resources.are_held(turn) {
            room.ready.pop_front()
        } else {
            None
        }
    }

    /// Waits for the next one that may go on; `None` once closed.
    fn next(&self, room: &mut MutexGuard<'_, Room>) -> Option<Job> {
        while !room.closed {
            let left = room
                .retries
                .peek()
                .map(|waiting| waiting.due.saturating_duration_since(clock::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return room.retries.pop().map(|waiting| waiting.job);
            }
            if let Some(job) = room.ready.pop_front() {
                return Some(job);
            }
            match left {
                Some(left) => drop(self.changed.wait_for(room, left)),
                None => self.changed.wait(room),
            }
        }
        None
    }

    /// Takes out all that wait, and lets none wait any more.
    pub(crate) fn close(&self) -> Vec<Job> {
        let mut room = self.room.lock();
        room.closed = true;
        self.changed.notify_all();
        room.got.clear();
        let retries = std::mem::take(&mut room.retries).into_vec();
        let mut jobs = retries
            .into_iter()
            .map(|waiting| waiting.job)
            .collect::<Vec<_>>();
        jobs.extend(room.dependencies.take_all());
        jobs.extend(room.resources.take_all());
        jobs.extend(room.asking.drain().map(|(_, job)| job));
        jobs.extend(room.ready.drain(..));
        jobs
    }

    /// Waits until no job runs, is queued, or waits here. None must be handed over meanwhile but from
    /// here.
    pub(crate) fn wait_until_all_ended(&self, pool: &Pool) {
        let mut room = self.room.lock();
        loop {
            while !room.is_empty() {
                self.changed.wait(&mut room);
            }
            let moved = room.moved;
            // A job that is put here is running until then; so it has been seen when the pool is idle.
            MutexGuard::unlocked(&mut room, || pool.wait_idle());
            if room.is_empty() && room.moved == moved {
                return;
            }
        }
    }
}

/// The resources of one job, until this is dropped.
#[derive(Debug)]
pub(crate) struct Granted {
    parked: Arc<Parked>,
    turn: u64,
}

impl Granted {
    /// Those that the job of that turn has been given.
    pub(crate) fn new(parked: &Arc<Parked>, turn: u64) -> Self {
        Self {
            parked: Arc::clone(parked),
            turn,
        }
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        self.parked.give_back(self.turn);
    }
}
