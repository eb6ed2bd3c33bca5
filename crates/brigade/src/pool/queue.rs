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
/// fits between two blocks.
struct Level {
    priority: Priority,
    blocks: VecDeque<Block>,
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
            for _ in 0..limit {
                taken.push(front.pop().expect("it holds more than the limit"));
            }
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
                let mut kept = Block::new();
                while let Some(job) = block.pop() {
                    if job.is_stale() {
                        stale.push(job);
                    } else {
                        kept.push(job);
                    }
                }
                *block = kept;
            }
            level.blocks.retain(|block| !block.is_empty());
        }
        self.length -= stale.len();
        stale
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
        let Some(step) = self.step else {
            return self
                .levels
                .iter()
                .position(|level| !level.blocks.is_empty());
        };
        let aged = |(place, level): (usize, &Level)| {
            let head = level.blocks.front()?.jobs().first()?;
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
