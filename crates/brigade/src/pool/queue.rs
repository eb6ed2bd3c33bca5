//! The priority queue: strict order inside a priority, ageing between priorities.

use std::collections::VecDeque;

use super::job::Job;
use super::priority::Priority;

/// Tasks that wait for a worker.
///
/// Invariants:
/// - `levels` is sorted by priority and holds each priority at most once (so at most 256 of them).
/// - Inside a level, jobs are sorted by `order`; every job of a pool has an order of its own.
/// - `length` is the number of jobs in all levels.
///
/// The order of a job is the time of its acceptance in nanoseconds, made unique. It is its place in
/// line, the start of its waiting time, and, with `step` added for each level of priority, its age:
/// of the levels' heads, the one with the smallest aged order is next.
pub(crate) struct Queue {
    levels: Vec<Level>,
    length: usize,
    /// Nanoseconds that one level of priority is worth; `None` turns ageing off.
    step: Option<u64>,
    latest_order: u64,
}

struct Level {
    priority: Priority,
    jobs: VecDeque<Job>,
}

impl Queue {
    /// An empty queue; `step` is the ageing in nanoseconds for each level.
    pub(crate) fn new(step: Option<u64>) -> Self {
        Self {
            levels: Vec::new(),
            length: 0,
            step,
            latest_order: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The most urgent priority that has a job.
    pub(crate) fn most_urgent(&self) -> Option<Priority> {
        self.levels
            .iter()
            .find(|level| !level.jobs.is_empty())
            .map(|level| level.priority)
    }

    /// Appends a job that was accepted at `now` (nanoseconds).
    #[inline]
    pub(crate) fn push(&mut self, mut job: Job, priority: Priority, now: u64) {
        self.latest_order = now.max(self.latest_order + 1);
        job.order = self.latest_order;
        self.level(priority).push_back(job);
        self.length += 1;
    }

    /// Puts back a job that had been taken, in the place that its order gives it.
    pub(crate) fn restore(&mut self, job: Job, priority: Priority) {
        let jobs = self.level(priority);
        let place = jobs.partition_point(|other| other.order < job.order);
        jobs.insert(place, job);
        self.length += 1;
    }

    /// Takes the job that is next.
    pub(crate) fn pop(&mut self) -> Option<(Job, Priority)> {
        let level = self.next_level()?;
        self.length -= 1;
        let level = &mut self.levels[level];
        level.jobs.pop_front().map(|job| (job, level.priority))
    }

    /// Takes up to `limit` further jobs of `priority` into `taken`, unless something more urgent waits.
    pub(crate) fn pop_more(&mut self, priority: Priority, limit: usize, taken: &mut VecDeque<Job>) {
        if self.most_urgent() != Some(priority) {
            return;
        }
        let jobs = self.level(priority);
        let count = limit.min(jobs.len());
        taken.extend(jobs.drain(..count));
        self.length -= count;
    }

    /// Takes the oldest of the least urgent jobs, if it is no more urgent than `than`.
    pub(crate) fn pop_least_urgent(&mut self, than: Priority) -> Option<(Job, Priority)> {
        let level = self
            .levels
            .iter_mut()
            .rfind(|level| !level.jobs.is_empty())?;
        if level.priority < than {
            return None;
        }
        self.length -= 1;
        level.jobs.pop_front().map(|job| (job, level.priority))
    }

    /// Takes out the husks of jobs whose work is elsewhere; the caller drops them without a lock.
    pub(crate) fn remove_stale(&mut self) -> Vec<Job> {
        let mut stale = Vec::new();
        for level in &mut self.levels {
            let kept = VecDeque::with_capacity(level.jobs.len());
            for job in std::mem::replace(&mut level.jobs, kept) {
                if job.is_stale() {
                    stale.push(job);
                } else {
                    level.jobs.push_back(job);
                }
            }
        }
        self.length -= stale.len();
        stale
    }

    fn next_level(&self) -> Option<usize> {
        let Some(step) = self.step else {
            return self.levels.iter().position(|level| !level.jobs.is_empty());
        };
        let aged = |(place, level): (usize, &Level)| {
            let head = level.jobs.front()?;
            let handicap = step.saturating_mul(u64::from(level.priority.0));
            Some((head.order.saturating_add(handicap), place))
        };
        self.levels
            .iter()
            .enumerate()
            .filter_map(aged)
            .min()
            .map(|(_, place)| place)
    }

    #[inline]
    fn level(&mut self, priority: Priority) -> &mut VecDeque<Job> {
        // Most pools use one priority, and all use few: the first look nearly always hits.
        let place = match self
            .levels
            .iter()
            .position(|level| level.priority >= priority)
        {
            Some(place) if self.levels[place].priority == priority => place,
            place => {
                let place = place.unwrap_or(self.levels.len());
                self.levels.insert(
                    place,
                    Level {
                        priority,
                        jobs: VecDeque::new(),
                    },
                );
                place
            }
        };
        &mut self.levels[place].jobs
    }
}
