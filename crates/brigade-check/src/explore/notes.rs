//! What the threads of a run write down.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::thread;

use super::driver::{SENTINEL, Stop, Trace};
use crate::history::Call;
use crate::lock::lock;
use crate::point::{self, Visit};
use crate::report::Passed;
use crate::scenario::{Ending, Run};

/// Never locked across a switch, so never waited for.
pub(super) type Shared<O, R> = Arc<Mutex<Notes<O, R>>>;

pub(super) struct Notes<O, R> {
    /// Moments so far: of invocations, returns and points.
    clock: u64,
    calls: Vec<Call<O, R>>,
    /// The thread's number among all threads of the run, the moment, and the point.
    points: Vec<(usize, u64, &'static str)>,
    ending: Ending,
    /// By thread of the scenario: its number among all threads of the run.
    tasks: Vec<usize>,
}

impl<O: Debug, R> Notes<O, R> {
    pub(super) fn new() -> Self {
        Self {
            clock: 0,
            calls: Vec::new(),
            points: Vec::new(),
            ending: Ending::Completed,
            tasks: Vec::new(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub(super) fn invoke(&mut self, thread: usize, operation: O) -> usize {
        let invoked = self.tick();
        self.calls.push(Call::pending(thread, operation, invoked));
        self.calls.len() - 1
    }

    pub(super) fn complete(&mut self, call: usize, outcome: R) {
        let returned = self.tick();
        self.calls[call].returned = Some((returned, outcome));
    }

    /// Makes room for a thread of the scenario.
    pub(super) fn expect_thread(&mut self) {
        self.tasks.push(usize::MAX);
    }

    /// Called by a thread of the scenario when it starts.
    pub(super) fn is_me(&mut self, thread: usize) {
        self.tasks[thread] = usize::from(shuttle::current::me());
    }

    pub(super) fn completed(&self) -> bool {
        self.ending == Ending::Completed
    }

    /// The first failure of a run counts.
    pub(super) fn fail(&mut self, failure: Ending) {
        if self.completed() {
            self.ending = failure;
        }
    }

    /// Takes the run that is over, and begins anew.
    pub(super) fn take(&mut self, trace: &Trace, spawned: bool) -> Run<O, R> {
        let notes = std::mem::replace(self, Self::new());
        let ending = match trace.stop {
            Some(Stop::Deadlock) => Ending::Deadlocked(notes.whereabouts()),
            Some(Stop::Steps(limit)) => Ending::Livelocked(limit, notes.whereabouts()),
            None => match notes.ending {
                Ending::Hung(limit, _) => Ending::Hung(limit, notes.whereabouts()),
                ref ending => ending.clone(),
            },
        };
        let points = notes.points.into_iter().filter_map(|(task, at, name)| {
            // Without a scenario, all threads are the run's own.
            let thread = match (notes.tasks.is_empty(), task) {
                (true, task) => number(task),
                (false, 0) => 0,
                (false, task) => notes.tasks.iter().position(|&own| own == task)? + 1,
            };
            Some(Passed { thread, at, name })
        });
        Run {
            points: points.collect(),
            calls: notes.calls,
            ending,
            spawned,
        }
    }

    /// What each thread that has not ended is at; without a scenario, whoever passed a point.
    fn whereabouts(&self) -> Vec<String> {
        if self.tasks.is_empty() {
            return self.passed();
        }
        let at = self.tasks.iter().enumerate().filter_map(|(index, &task)| {
            let last = self
                .calls
                .iter()
                .rev()
                .find(|call| call.thread == index + 1)?;
            if last.returned.is_some() {
                return None;
            }
            let point = self.last_point(task);
            Some(format!(
                "thread {} in {:?}{point}",
                index + 1,
                last.operation
            ))
        });
        at.collect()
    }

    fn passed(&self) -> Vec<String> {
        let mut tasks: Vec<usize> = self.points.iter().map(|(task, ..)| *task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        let passed = tasks
            .into_iter()
            .map(|task| name(task, None) + &self.last_point(task));
        passed.collect()
    }

    fn last_point(&self, task: usize) -> String {
        let mut points = self.points.iter();
        let last = points.rfind(|(passed_by, ..)| *passed_by == task);
        point::after(last.map(|(.., name)| *name))
    }
}

/// What a thread of a run without a scenario is called, in the order in which the code under test started them.
pub(super) fn name(task: usize, given: Option<&str>) -> String {
    match (number(task), given) {
        (0, _) => "main".to_owned(),
        (number, None) => format!("thread {number}"),
        (number, Some(given)) => format!("thread {number} \"{given}\""),
    }
}

/// Its number: the sentinel is not counted.
pub(super) fn number(task: usize) -> usize {
    task - usize::from(task >= SENTINEL)
}

/// Writes down each point, and lets others come between.
pub(super) struct Points<O, R>(pub(super) Shared<O, R>);

impl<O: Debug, R> Visit for Points<O, R> {
    fn visit(&self, name: &'static str) {
        let Some(task) = shuttle::current::try_get_current_task() else {
            return;
        };
        let mut notes = lock(&self.0);
        let at = notes.tick();
        notes.points.push((usize::from(task), at, name));
        drop(notes);
        thread::sleep(Duration::ZERO);
    }
}
