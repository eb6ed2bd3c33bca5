//! The priority queue: strict order inside a priority, ageing between priorities.

use std::collections::VecDeque;

use super::job::Job;
use super::priority::Priority;

/// Tasks that wait for a worker.
///
/// Invariants:
/// - `levels` is sorted by priority and holds each priority at most once (so at most 256 of them).
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
    /// Emptied blocks, for reuse.
    spare: Vec<Block>,
}

/// Jobs of one priority.
///
/// Invariants: jobs are sorted by `order`, inside a block and from block to block; every job of a
/// pool has an order of its own. No block is empty.
struct Level {
    priority: Priority,
    blocks: VecDeque<Block>,
}

/// A worker that takes many jobs takes a block of them by its pointer: so the lock is held for a
/// moment only, and the jobs' memory is first touched by the worker when it runs them.
pub(crate) type Block = VecDeque<Job>;

/// A block is begun anew after so many jobs: as many as a worker takes at most.
pub(crate) const BLOCK: usize = 32;

/// So many empty blocks are kept.
const SPARE: usize = 64;

impl Queue {
    /// An empty queue; `step` is the ageing in nanoseconds for each level.
    pub(crate) fn new(step: Option<u64>) -> Self {
        Self {
            levels: Vec::new(),
            length: 0,
            step,
            latest_order: 0,
            spare: Vec::new(),
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
            .find(|level| !level.blocks.is_empty())
            .map(|level| level.priority)
    }

    /// Appends a job that was accepted at `now` (nanoseconds).
    #[inline]
    pub(crate) fn push(&mut self, mut job: Job, priority: Priority, now: u64) {
        self.latest_order = now.max(self.latest_order + 1);
        job.order = self.latest_order;
        self.length += 1;
        let place = self.level(priority);
        if let Some(block) = self.levels[place].blocks.back_mut()
            && block.len() < BLOCK
        {
            block.push_back(job);
        } else {
            self.begin_block(place, job);
        }
    }

    #[cold]
    fn begin_block(&mut self, place: usize, job: Job) {
        let mut block = self
            .spare
            .pop()
            .unwrap_or_else(|| Block::with_capacity(BLOCK));
        block.push_back(job);
        self.levels[place].blocks.push_back(block);
    }

    /// Puts back jobs that had been taken, each in the place that its order gives it.
    pub(crate) fn restore(&mut self, jobs: &mut Block, priority: Priority) {
        let (Some(first), Some(last)) = (jobs.front(), jobs.back()) else {
            return;
        };
        let (first, last) = (first.order, last.order);
        self.length += jobs.len();
        let place = self.level(priority);
        let blocks = &mut self.levels[place].blocks;
        // Mostly they are older than all that wait, and the whole block goes to the front.
        if blocks
            .front()
            .and_then(Block::front)
            .is_none_or(|waiting| last < waiting.order)
        {
            blocks.push_front(std::mem::take(jobs));
            return;
        }
        let (mut before, mut after) = (VecDeque::new(), VecDeque::new());
        for block in blocks.drain(..) {
            let side = if block[0].order < first {
                &mut before
            } else {
                &mut after
            };
            side.push_back(block);
        }
        // Only the last block before and the first ones after can interleave with the jobs.
        let mut mixed: Vec<Job> = jobs.drain(..).collect();
        mixed.extend(before.pop_back().into_iter().flatten());
        while let Some(block) = after.pop_front_if(|block| block[0].order < last) {
            mixed.extend(block);
        }
        mixed.sort_unstable_by_key(|job| job.order);
        *blocks = before;
        blocks.push_back(mixed.into());
        blocks.append(&mut after);
    }

    /// Takes the job that is next.
    pub(crate) fn pop(&mut self) -> Option<(Job, Priority)> {
        let place = self.next_level()?;
        self.pop_front(place)
    }

    fn pop_front(&mut self, place: usize) -> Option<(Job, Priority)> {
        let level = &mut self.levels[place];
        let block = level.blocks.front_mut()?;
        let job = block.pop_front()?;
        self.length -= 1;
        let priority = level.priority;
        if block.is_empty() {
            let emptied = level.blocks.pop_front();
            self.recycle(emptied);
        }
        Some((job, priority))
    }

    /// Takes up to `limit` further jobs of `priority` into the empty block `taken`, unless something
    /// more urgent waits.
    pub(crate) fn pop_more(&mut self, priority: Priority, limit: usize, taken: &mut Block) {
        if self.most_urgent() != Some(priority) {
            return;
        }
        let place = self.level(priority);
        let Some(front) = self.levels[place].blocks.front_mut() else {
            return;
        };
        if front.len() <= limit {
            let block = self.levels[place].blocks.pop_front();
            let emptied = block.map(|block| std::mem::replace(taken, block));
            self.recycle(emptied);
        } else {
            taken.extend(front.drain(..limit));
        }
        self.length -= taken.len();
    }

    /// Takes the oldest of the least urgent jobs, if it is no more urgent than `than`.
    pub(crate) fn pop_least_urgent(&mut self, than: Priority) -> Option<(Job, Priority)> {
        let place = self
            .levels
            .iter()
            .rposition(|level| !level.blocks.is_empty())?;
        if self.levels[place].priority < than {
            return None;
        }
        self.pop_front(place)
    }

    /// Takes out the husks of jobs whose work is elsewhere; the caller drops them without a lock.
    pub(crate) fn remove_stale(&mut self) -> Vec<Job> {
        let mut stale = Vec::new();
        for level in &mut self.levels {
            for block in &mut level.blocks {
                for job in std::mem::take(block) {
                    if job.is_stale() {
                        stale.push(job);
                    } else {
                        block.push_back(job);
                    }
                }
            }
            level.blocks.retain(|block| !block.is_empty());
        }
        self.length -= stale.len();
        stale
    }

    fn recycle(&mut self, block: Option<Block>) {
        if let Some(block) = block
            && block.capacity() >= BLOCK
            && self.spare.len() < SPARE
        {
            self.spare.push(block);
        }
    }

    #[inline]
    fn next_level(&self) -> Option<usize> {
        let Some(step) = self.step else {
            return self
                .levels
                .iter()
                .position(|level| !level.blocks.is_empty());
        };
        let aged = |(place, level): (usize, &Level)| {
            let head = level.blocks.front()?.front()?;
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

    /// The place of a priority's level, which is added if it is new.
    #[inline]
    fn level(&mut self, priority: Priority) -> usize {
        // Most pools use few priorities, so the scan ends at once.
        match self
            .levels
            .iter()
            .position(|level| level.priority >= priority)
        {
            Some(place) if self.levels[place].priority == priority => place,
            place => self.add_level(place.unwrap_or(self.levels.len()), priority),
        }
    }

    #[cold]
    fn add_level(&mut self, place: usize, priority: Priority) -> usize {
        self.levels.insert(
            place,
            Level {
                priority,
                blocks: VecDeque::new(),
            },
        );
        place
    }
}
