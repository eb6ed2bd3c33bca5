//! A run of jobs that can be handed from the queue to a worker by its pointer.

use std::mem::MaybeUninit;

use super::job::{Job, Work};

/// How many jobs a block holds: as many as a worker takes at most.
pub(crate) const BLOCK: usize = 64;

/// Up to [`BLOCK`] jobs, appended at the end and taken from the front.
///
/// Invariant: `slots[head..tail]` are initialised, the others are not; `head <= tail <= end <= BLOCK`.
/// Nothing is appended beyond `end`. A block that was emptied begins again at its first
/// slot, and is open.
pub(crate) struct Block {
    head: usize,
    tail: usize,
    end: usize,
    slots: Box<[MaybeUninit<Job>; BLOCK]>,
}

impl Block {
    pub(crate) fn new() -> Self {
        Self {
            head: 0,
            tail: 0,
            end: BLOCK,
            slots: Box::new([const { MaybeUninit::uninit() }; BLOCK]),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.tail - self.head
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// True if nothing can be appended, though jobs may have been taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.tail == self.end
    }

    /// Makes that nothing is appended any more to what is in it.
    pub(crate) fn close(&mut self) {
        self.end = self.tail;
    }

    /// Appends a job made of `work`, in place; the block must not be closed.
    #[inline(always)]
    pub(crate) fn push_work<W: Work>(&mut self, work: W, order: u64) {
        Job::write(&mut self.slots[self.tail], work, order);
        self.tail += 1;
    }

    /// Appends a job; the block must not be closed.
    pub(crate) fn push(&mut self, job: Job) {
        self.slots[self.tail].write(job);
        self.tail += 1;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Job> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: `head < tail`, so the slot is initialised; it is given up by moving `head`.
        let job = unsafe { self.slots[self.head].assume_init_read() };
        self.head += 1;
        if self.is_empty() {
            (self.head, self.tail, self.end) = (0, 0, BLOCK);
        }
        Some(job)
    }

    /// Takes out one job from between the others, by its place among them.
    pub(crate) fn remove(&mut self, place: usize) -> Option<Job> {
        let up_to_it = self.head..=self.head + place;
        self.slots[up_to_it].rotate_right(1);
        self.pop()
    }

    /// The jobs, the first first.
    pub(crate) fn jobs(&self) -> &[Job] {
        let jobs = &self.slots[self.head..self.tail];
        // SAFETY: these slots are initialised, and a `MaybeUninit<Job>` has the layout of a `Job`.
        unsafe { &*(std::ptr::from_ref(jobs) as *const [Job]) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
