//! Runs a scenario by real threads, again and again.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;

use super::team::{Hang, Rounds, disturb, run_team, start};
use crate::history::Call;
use crate::lock::lock;
use crate::panics;
use crate::point;
use crate::scenario::{Ending, Run, Scenario, Subject};

type Judge<O, R> = Box<dyn FnMut(Run<O, R>) -> ControlFlow<()> + Send>;

struct ScenarioRounds<T, O, R> {
    subject: Arc<Subject<T, O, R>>,
    scenario: Arc<Scenario<O>>,
    /// The moments of invocations and returns.
    clock: AtomicU64,
    /// By thread: its calls. Place 0 is the leader's, before and after.
    calls: Vec<Mutex<Vec<Call<O, R>>>>,
    ending: Mutex<Ending>,
    judge: Mutex<Judge<O, R>>,
}

/// Runs `scenario` until `judge` says stop. A hang is told to `judge`, unless it is its own.
pub(crate) fn stress_scenario<T, O, R>(
    subject: &Arc<Subject<T, O, R>>,
    scenario: &Arc<Scenario<O>>,
    seed: u64,
    hang_limit: Duration,
    judge: Judge<O, R>,
) -> Result<(), Hang>
where
    T: Send + Sync + 'static,
    O: Clone + Debug + Send + Sync + 'static,
    R: Send + Sync + 'static,
{
    let threads = scenario.threads.len();
    let rounds = Arc::new(ScenarioRounds {
        subject: Arc::clone(subject),
        scenario: Arc::clone(scenario),
        clock: AtomicU64::new(0),
        calls: (0..=threads).map(|_| Mutex::default()).collect(),
        ending: Mutex::new(Ending::Completed),
        judge: Mutex::new(judge),
    });
    if let Err(hang) = run_team(Arc::clone(&rounds), threads, seed, hang_limit, || {}) {
        let at = rounds.whereabouts(&hang.points);
        // Unless it is the judge that hangs.
        if let Ok(mut judge) = rounds.judge.try_lock() {
            let mut run = rounds.run();
            run.ending = Ending::Hung(hang_limit, at);
            let _ = judge(run);
        }
        return Err(hang);
    }
    Ok(())
}

impl<T, O, R> ScenarioRounds<T, O, R>
where
    O: Clone + Debug,
{
    /// The moment of an invocation or a return.
    fn tick(&self) -> u64 {
        // AcqRel: of two calls, one whose return has an earlier moment than the other's invocation happens before
        // it, in the sense of the memory model too: then the other must see what it did. No more than that is
        // asked of code that overlaps.
        self.clock.fetch_add(1, Ordering::AcqRel)
    }

    /// Does the operations of one thread, and says whether to go on.
    fn operate(
        &self,
        thing: &T,
        thread: usize,
        operations: &[O],
        mut between: impl FnMut(),
    ) -> bool {
        for (number, operation) in operations.iter().enumerate() {
            if number > 0 {
                between();
            }
            let mine = &self.calls[thread];
            lock(mine).push(Call::pending(thread, operation.clone(), self.tick()));
            match panics::catch(|| (self.subject.apply)(thing, operation)) {
                Ok(outcome) => {
                    let returned = Some((self.tick(), outcome));
                    if let Some(call) = lock(mine).last_mut() {
                        call.returned = returned;
                    }
                }
                Err(message) => {
                    self.fail(Ending::Panicked(format!("in {operation:?}: {message}")));
                    return false;
                }
            }
        }
        true
    }

    /// The first failure of a round counts.
    fn fail(&self, failure: Ending) {
        let mut ending = lock(&self.ending);
        if *ending == Ending::Completed {
            *ending = failure;
        }
    }

    /// Takes the run that is over.
    fn run(&self) -> Run<O, R> {
        let mut calls: Vec<_> = self
            .calls
            .iter()
            .flat_map(|calls| std::mem::take(&mut *lock(calls)))
            .collect();
        calls.sort_by_key(|call| call.invoked);
        Run {
            calls,
            points: Vec::new(),
            ending: std::mem::replace(&mut *lock(&self.ending), Ending::Completed),
            spawned: false,
        }
    }

    fn whereabouts(&self, points: &[Option<&str>]) -> Vec<String> {
        let at = self.calls.iter().enumerate().filter_map(|(thread, calls)| {
            let calls = lock(calls);
            let last = calls.last().filter(|call| call.returned.is_none())?;
            let point = thread.checked_sub(1).and_then(|thread| points[thread]);
            let point = point::after(point);
            Some(format!("thread {thread} in {:?}{point}", last.operation))
        });
        at.collect()
    }
}

impl<T, O, R> Rounds for ScenarioRounds<T, O, R>
where
    T: Send + Sync + 'static,
    O: Clone + Debug + Send + Sync + 'static,
    R: Send + Sync + 'static,
{
    type Thing = Option<T>;

    fn begin(&self) -> Option<Arc<Option<T>>> {
        // Nothing is made if that panics, which ends the round, and with it the check.
        let made = panics::catch(|| (self.subject.make)());
        let made = made.map_err(|message| {
            self.fail(Ending::Panicked(format!("making the thing: {message}")));
        });
        let prepared = made
            .ok()
            .filter(|thing| self.operate(thing, 0, &self.scenario.before, || {}));
        Some(Arc::new(prepared))
    }

    fn work(&self, thing: Arc<Option<T>>, thread: usize, rng: &mut Rng) {
        let Some(thing) = &*thing else {
            return;
        };
        start(rng);
        let operations = &self.scenario.threads[thread];
        self.operate(thing, thread + 1, operations, || disturb(rng));
    }

    fn end(&self, thing: Arc<Option<T>>) -> ControlFlow<()> {
        let thing = Arc::into_inner(thing).flatten();
        let completed = *lock(&self.ending) == Ending::Completed;
        if let Some(thing) = thing
            && completed
            && self.operate(&thing, 0, &self.scenario.after, || {})
        {
            match panics::catch(|| (self.subject.finish)(thing)) {
                Ok(Ok(())) => {}
                Ok(Err(broken)) => self.fail(Ending::Broken(broken)),
                Err(message) => self.fail(Ending::Panicked(format!(
                    "the final look at the thing, or its Drop: {message}"
                ))),
            }
        }
        let run = self.run();
        (lock(&self.judge))(run)
    }
}
