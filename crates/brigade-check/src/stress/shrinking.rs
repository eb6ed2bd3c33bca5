//! Fewer threads and operations with which an iteration of a stress test still fails.

use std::sync::Arc;
use std::time::Duration;

use super::amount::{Amount, run_amount};
use super::iterations::Subject;
use crate::deadline::Deadline;
use crate::failure::Kind;
use crate::watch::FURTHER_HANGS;

/// How long it may take in all.
const TIME: Duration = Duration::from_secs(5);
/// How often a smaller case is run.
const TRIES: u64 = 1_000;

/// Runs the iteration of one seed with smaller amounts.
pub(super) struct Shrinking<'a, T> {
    subject: &'a Arc<Subject<T>>,
    seed: u64,
    kind: Kind,
    hang_limit: Duration,
    deadline: Deadline,
    /// How many tries may still hang.
    hangs: usize,
}

impl<'a, T: Send + Sync + 'static> Shrinking<'a, T> {
    pub(super) fn new(
        subject: &'a Arc<Subject<T>>,
        seed: u64,
        kind: Kind,
        hang_limit: Duration,
    ) -> Self {
        Self {
            subject,
            seed,
            kind,
            hang_limit,
            deadline: Deadline::after(TIME),
            hangs: FURTHER_HANGS,
        }
    }

    fn fails(&mut self, threads: usize, operations: usize) -> bool {
        if self.hangs == 0 || self.deadline.has_passed() {
            return false;
        }
        let amount = Amount {
            threads,
            operations,
            // What one thread does is no matter of luck.
            iterations: if threads == 1 { 1 } else { TRIES },
            deadline: self.deadline,
            failures: 1,
            repeat: true,
        };
        let ran = run_amount(self.subject, self.seed, amount, self.hang_limit, false);
        let hangs = ran.hang.is_some();
        self.hangs -= usize::from(hangs);
        match self.kind {
            Kind::Hung => hangs,
            _ => ran.failing > 0,
        }
    }

    /// The fewest threads and operations that still fail, as far as they are found.
    pub(super) fn shrink(mut self, amount: Amount) -> (usize, usize) {
        let (mut threads, mut operations) = (amount.threads, amount.operations);
        if threads > 1 && self.fails(1, operations) {
            threads = 1;
        } else if self.kind == Kind::Hung {
            (threads, operations) = self.small_hang(threads, operations);
        }
        // Halves while that fails, and then one by one.
        while operations > 1 && self.fails(threads, operations / 2) {
            operations /= 2;
        }
        while threads > 2 && self.fails(threads - 1, operations) {
            threads -= 1;
        }
        while operations > 1 && self.fails(threads, operations - 1) {
            operations -= 1;
        }
        if threads == 2 && self.fails(1, operations) {
            threads = 1;
        }
        (threads, operations)
    }

    /// The first that hangs of ever more: few tries may hang, while those that do not cost little.
    fn small_hang(&mut self, most_threads: usize, most_operations: usize) -> (usize, usize) {
        for threads in [2, most_threads] {
            let mut operations = 1;
            while threads <= most_threads && operations < most_operations {
                if self.fails(threads, operations) {
                    return (threads, operations);
                }
                operations *= 2;
            }
        }
        (most_threads, most_operations)
    }
}
