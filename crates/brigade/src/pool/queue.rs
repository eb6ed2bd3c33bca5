//! The priority queue: strict order inside a priority, ageing between priorities.

use std::collections::VecDeque;

use super::block::Block;
use super::job::{Job, Work};
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
/// Invariants: every job of a pool has an order of its own, and jobs are sorted by it, inside a block
/// and from block to block. No block is empty. Workers take runs of neighbours, so what they give back
/// fits between two blocks; and it is closed, since what others still have may belong between it and
/// jobs that come later.
struct Level {
    priority: Priority,
    blocks: VecDeque<Block>,
}

impl Level {
    /// Takes out the oldest job that may go; with the block that it was the last of.
    fn remove_first_that_may_go(&mut self) -> Option<(Job, Priority, Option<Block>)> {
        let first = |block: &Block| block.jobs().iter().position(Job::may_go);
        let mut blocks = self.blocks.iter().enumerate();
        let (block, place) = blocks.find_map(|(at, block)| Some((at, first(block)?)))?;
        let job = self.blocks[block].remove(place)?;
        let is_emptied = self.blocks[block].is_empty();
        let emptied = is_emptied.then(|| self.blocks.remove(block)).flatten();
        Some((job, self.priority, emptied))
    }
}

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

    /// Appends a job made of `work` that was accepted at `now` (nanoseconds).
    #[inline(always)]
    pub(crate) fn push_work<W: Work>(&mut self, work: W, priority: Priority, now: u64) {
        let order = self.next_order(now);
        self.open_block(priority).push_work(work, order);
    }

    /// Appends a job that was accepted at `now` (nanoseconds).
    pub(crate) fn push(&mut self, mut job: Job, priority: Priority, now: u64) {
        job.order = self.next_order(now);
        self.open_block(priority).push(job);
    }

    #[inline(always)]
    fn next_order(&mut self, now: u64) -> u64 {
        self.length += 1;
        self.latest_order = now.max(self.latest_order + 1);
        self.latest_order
    }

    /// The last block of a level, with room for one more job.
    #[inline(always)]
    fn open_block(&mut self, priority: Priority) -> &mut Block {
        let place = self.level(priority);
        let blocks = &mut self.levels[place].blocks;
        if blocks.back().is_none_or(Block::is_closed) {
            blocks.push_back(self.spare.pop().unwrap_or_else(Block::new));
        }
        let last = blocks.len() - 1;
        &mut blocks[last]
    }

    /// Puts back jobs that had been taken, in the place that their order gives them.
    pub(crate) fn restore(&mut self, jobs: &mut Block, priority: Priority) {
        let Some(first) = jobs.jobs().first().map(|job| job.order) else {
            return;
        };
        self.length += jobs.len();
        jobs.close();
        let block = std::mem::replace(jobs, self.spare.pop().unwrap_or_else(Block::new));
        let place = self.level(priority);
        let blocks = &mut self.levels[place].blocks;
        let place = blocks.partition_point(|block| block.jobs()[0].order < first);
        blocks.insert(place, block);
    }

    /// Takes the job that is next.
    pub(crate) fn pop(&mut self) -> Option<(Job, Priority)> {
        let place = self.next_level()?;
        self.pop_front(place)
    }

    fn pop_front(&mut self, place: usize) -> Option<(Job, Priority)> {
        let level = &mut self.levels[place];
        let block = level.blocks.front_mut()?;
        let job = block.pop()?;
        self.length -= 1;
        let priority = level.priority;
        if block.is_empty() {
            let emptied = level.blocks.pop_front();
            self.recycle(emptied);
        }
        Some((job, priority))
    }

    /// Takes up to `limit` further jobs of `priority` into the empty block `taken`: those that would be
    /// next anyway. None if something more urgent waits.
    pub(crate) fn pop_more(&mut self, priority: Priority, limit: usize, taken: &mut Block) {
        if self.most_urgent() != Some(priority) {
            return;
        }
        let place = self.level(priority);
        let turn_of_others = self.turn_of_others(place);
        let handicap = self.handicap(priority);
        let is_next = |job: &Job| job.order.saturating_add(handicap) < turn_of_others;
        let Some(front) = self.levels[place].blocks.front_mut() else {
            return;
        };
        if front.len() <= limit && front.jobs().last().is_some_and(is_next) {
            let block = self.levels[place].blocks.pop_front();
            let emptied = block.map(|block| std::mem::replace(taken, block));
            self.recycle(emptied);
        } else {
            // One stays at least, so that no block is empty: the last is beyond the limit, or not next.
            while taken.len() < limit && front.jobs().first().is_some_and(is_next) {
                taken.push(front.pop().expect("it has a first"));
            }
        }
        self.length -= taken.len();
    }

    /// The smallest aged order of the heads of the levels but for one: when their turn comes.
    fn turn_of_others(&self, but: usize) -> u64 {
        if self.step.is_none() {
            return u64::MAX; // those that are less urgent wait for all that are more so
        }
        let others = self
            .levels
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != but);
        others
            .filter_map(|(_, level)| self.turn(level))
            .min()
            .unwrap_or(u64::MAX)
    }

    /// The aged order of a level's head.
    fn turn(&self, level: &Level) -> Option<u64> {
        let head = level.blocks.front()?.jobs().first()?;
        Some(head.order.saturating_add(self.handicap(level.priority)))
    }

    /// How much a priority adds to its jobs' orders.
    fn handicap(&self, priority: Priority) -> u64 {
        self.step.unwrap_or(0).saturating_mul(u64::from(priority.0))
    }

    /// Takes the oldest of the least urgent jobs that may go, if it is no more urgent than `than`.
    pub(crate) fn pop_least_urgent(&mut self, than: Priority) -> Option<(Job, Priority)> {
        let levels = self.levels.iter_mut().rev();
        let (job, priority, emptied) = levels
            .take_while(|level| level.priority >= than)
            .find_map(Level::remove_first_that_may_go)?;
        self.length -= 1;
        self.recycle(emptied);
        Some((job, priority))
    }

    /// Takes out all that may go, the next first.
    pub(crate) fn take_all(&mut self) -> Vec<(Job, Priority)> {
        let mut jobs = self.extract(Job::may_go);
        if self.step.is_some() {
            jobs.sort_by_key(|(job, priority)| {
                let turn = job.order.saturating_add(self.handicap(*priority));
                (turn, *priority)
            });
        }
        jobs
    }

    /// Takes out the husks of jobs whose work is elsewhere; the caller drops them without a lock.
    pub(crate) fn remove_stale(&mut self) -> Vec<Job> {
        let stale = self.extract(Job::is_stale);
        stale.into_iter().map(|(job, _)| job).collect()
    }

    /// Takes out the jobs that go, by priority and order.
    fn extract(&mut self, goes: impl Fn(&Job) -> bool) -> Vec<(Job, Priority)> {
        let mut gone = Vec::new();
        for level in &mut self.levels {
            for block in &mut level.blocks {
                let was_closed = block.is_closed();
                let mut kept = Block::new();
                while let Some(job) = block.pop() {
                    if goes(&job) {
                        gone.push((job, level.priority));
                    } else {
                        kept.push(job);
                    }
                }
                if was_closed {
                    kept.close();
                }
                *block = kept;
            }
            level.blocks.retain(|block| !block.is_empty());
        }
        self.length -= gone.len();
        gone
    }

    fn recycle(&mut self, block: Option<Block>) {
        if let Some(block) = block
            && self.spare.len() < SPARE
        {
            self.spare.push(block);
        }
    }

    #[inline]
    fn next_level(&self) -> Option<usize> {
        if self.step.is_none() {
            return self
                .levels
                .iter()
                .position(|level| !level.blocks.is_empty());
        }
        let turns = self.levels.iter().enumerate();
        turns
            .filter_map(|(place, level)| Some((self.turn(level)?, place)))
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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
