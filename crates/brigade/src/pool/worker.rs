//! A worker at work: takes tasks, runs them, parks when there are none, leaves when not needed.

use std::hint::spin_loop;
use std::sync::Arc;
use std::time::Duration;

use crate::lock::duty::{self, Duty};
use crate::primitive::thread::yield_now;
use crate::primitive::{MutexGuard, Parker, SPINS, YIELDS, now};

use super::builder::Hook;
use super::crew::{GUARD_INTERVAL, GUARD_PATIENCE};
use super::hoard::Worker;
use super::job::{Job, Ran};
use super::member::{self, Membership};
use super::panic::catch;
use super::shared::{NOTHING_WAITS, Phase, Shared, State, Wakes, nanoseconds};
use super::stopwatch::Stopwatch;

/// The body of a worker's thread.
pub(crate) fn run(shared: &Arc<Shared>, worker: &Arc<Worker>, parker: &Parker) {
    shared.lock().crew.confirm(worker.number);
    let member = Membership::begin(shared, worker);
    let duty = Duty::begin(shared.duties().worker);
    let call_hook = |hook: &Option<Hook>| {
        if let Some(hook) = hook
            && let Err(caught) = catch(hook)
        {
            shared.report_panic(None, caught);
        }
    };
    let mut shift = Shift {
        shared,
        worker,
        member: &member,
        parker,
        relieving: false,
        hoarding: 0,
        husks: 0,
        watch: Stopwatch::new(shared.settings.histograms),
    };
    loop {
        call_hook(&shared.settings.on_start);
        while let Some(job) = shift.next() {
            shift.run(job);
        }
        // The state goes before the hook, which may close what the state used.
        if let Err(caught) = catch(member::drop_local) {
            shared.report_panic(None, caught);
        }
        call_hook(&shared.settings.on_stop);
        if leave(shared, worker) {
            break;
        }
    }
    drop(duty);
    Membership::end();
}

/// Gives up the worker's place, unless tasks came while it was about to go: they were accepted because
/// it was still there, and no other thread may be to be had. Then it begins anew.
fn leave(shared: &Arc<Shared>, worker: &Worker) -> bool {
    let mut wakes = Wakes::none();
    let mut state = shared.lock();
    let mut leaves = state.crew.overstaffed() || state.crew.guard.is_some();
    if !leaves {
        state.take_back_hoards();
        leaves = state.queue.is_empty();
    }
    if leaves {
        state.crew.leave(worker.number);
        wakes.list().wakers = std::mem::take(&mut state.watchers);
    } else {
        state.crew.leaving -= 1;
    }
    shared.release(state, wakes);
    leaves
}

/// A worker at work.
struct Shift<'a> {
    shared: &'a Arc<Shared>,
    worker: &'a Arc<Worker>,
    member: &'a Membership,
    parker: &'a Parker,
    /// Its tasks were taken while the crew was stalled: its coming back says nothing of the others.
    relieving: bool,
    /// Claimed tasks not yet begun, unless they were taken back.
    hoarding: usize,
    /// Husks found since the pool was last told.
    husks: isize,
    watch: Stopwatch,
}

impl<'a> Shift<'a> {
    /// The next task; `None` means the worker has left the crew's ranks and should go.
    #[inline]
    fn next(&mut self) -> Option<Job> {
        if self.hoarding > 0 {
            if let Some(job) = self.worker.next_claimed(self.shared.urgency()) {
                self.hoarding -= 1;
                return Some(job);
            }
            self.hoarding = 0;
        }
        self.refill()
    }

    #[inline]
    fn run(&mut self, job: Job) {
        let tally = &self.worker.tally;
        self.watch.begin(job.order);
        let ran = job.run(self.shared, tally);
        if tally.count(ran) {
            self.watch.end(tally);
        } else if ran == Ran::Stale {
            self.husks += 1;
        }
    }

    /// Looks into the queue; waits there for a task.
    fn refill(&mut self) -> Option<Job> {
        self.watch.lap(&self.worker.tally);
        let mut wakes = Wakes::none();
        let mut state = self.shared.lock_for_tasks();
        self.settle(&mut state, &mut wakes);
        let mut spun = false;
        loop {
            if self.member.arriving.take() {
                state.crew.waking -= 1;
            }
            let overstaffed = state.crew.overstaffed() || self.is_spare(&state);
            let linger = state.pace.linger(state.queue.len());
            let looks_again =
                !overstaffed && !spun && !state.crew.spinning && state.phase == Phase::Open;
            if !(overstaffed || looks_again && linger > 0)
                && let Some(job) = self.take(&mut state, &mut wakes)
            {
                self.shared.release(state, wakes);
                return Some(job);
            }
            if (overstaffed || state.queue.is_empty()) && self.member.active.take() {
                state.crew.active -= 1;
                state.tell_watchers_of_rest(&mut wakes);
            }
            if looks_again && SPINS > 0 {
                spun = true;
                state.crew.spinning = true;
                self.shared.release(state, std::mem::take(&mut wakes));
                self.spin(linger);
                state = self.shared.lock_for_tasks();
                state.crew.spinning = false;
                continue;
            }
            if !overstaffed && state.hoarded > 0 {
                state.take_back_hoards();
                if !state.queue.is_empty() {
                    continue;
                }
            }
            if state.phase != Phase::Open
                || (state.crew.trimming && state.crew.staying() > state.crew.size.max)
            {
                state.crew.leaving += 1;
                state.call_worker(&mut wakes); // in case another should take this one's place
                self.shared.release(state, wakes);
                return None;
            }
            state = self.park(state, std::mem::take(&mut wakes))?;
            spun = false;
        }
    }

    /// True if others do the little there is, and this worker would only be in their way.
    fn is_spare(&self, state: &State) -> bool {
        let queued = state.queue.len();
        queued > 0
            && state.crew.at_work() > usize::from(self.member.active.get())
            && !state.crew.stalled
            && state.phase == Phase::Open
            && state.pace.is_crumb(queued)
    }

    /// Tells the pool what has happened since the last look.
    fn settle(&mut self, state: &mut State, wakes: &mut Wakes) {
        if self.member.active.get() && !self.relieving {
            state.crew.stalled = false;
        }
        state.take_back_hoard(self.worker);
        state.stale -= std::mem::take(&mut self.husks);
        let (count, elapsed) = self.watch.take_sum();
        state.pace.ran(count, elapsed);
        state.admit_waiting_in_bulk(self.shared.settings.queue_capacity, wakes);
    }

    /// Takes the next task, and claims more of its kind if they are tiny and nobody is free for them.
    fn take(&mut self, state: &mut State, wakes: &mut Wakes) -> Option<Job> {
        state.take_back_stuck_hoards(self.worker);
        let (job, priority) = state.queue.pop()?;
        let awake = state.crew.awake().max(1);
        let mut limit = state.pace.batch().min(state.queue.len() / awake + 1);
        let watched = state.crew.guard.is_some() && state.pace.is_tiny();
        if state.crew.could_call() && !watched {
            limit = 1; // whoever could be called would find nothing left
        }
        if limit > 1 {
            self.hoarding = state.claim(self.worker, priority, limit - 1);
        }
        if !self.member.active.replace(true) {
            state.crew.active += 1;
        }
        self.relieving = state.crew.stalled;
        state.events.refills += 1;
        let now = now();
        self.watch.start(now);
        state.pace.came(state.events.submitted, now);
        state
            .pace
            .took(1 + self.hoarding, !state.queue.is_empty(), now);
        self.watch.exact = !state.pace.is_tiny();
        state.admit_waiting_in_bulk(self.shared.settings.queue_capacity, wakes);
        state.call_worker(wakes);
        Some(job)
    }

    /// Looks for a moment whether a task comes: first closely, then leaving the core to others, one of
    /// whom may be about to bring one. When it comes, waits `linger` nanoseconds for more.
    fn spin(&self, linger: u64) {
        let mut looks = 0;
        while self.shared.urgency() == NOTHING_WAITS {
            if looks < SPINS {
                spin_loop();
            } else if looks < SPINS + YIELDS {
                yield_now();
            } else {
                return;
            }
            looks += 1;
        }
        if linger > 0 {
            let until = now() + linger;
            while now() < until {
                spin_loop();
            }
        }
    }

    /// Parks until called; `None` if the worker has idled long enough to leave.
    fn park(
        &mut self,
        mut state: MutexGuard<'a, State>,
        wakes: Wakes,
    ) -> Option<MutexGuard<'a, State>> {
        let number = self.worker.number;
        let shared = self.shared;
        let parked_at = now();
        let idle_timeout = nanoseconds(shared.settings.idle_timeout);
        let mut leaves_tasks = state.crew.overstaffed() && !state.queue.is_empty();
        state.crew.idle.push(number);
        let mut wakes = wakes;
        let mut refills_seen = state.events.refills;
        let mut still = 0;
        loop {
            let tiny = state.pace.is_tiny();
            let crew = &mut state.crew;
            if crew.guard.is_none() && tiny && still <= GUARD_PATIENCE {
                crew.guard = Some(number);
            }
            let guards = crew.guard == Some(number);
            let left = idle_timeout.saturating_sub(now().saturating_sub(parked_at));
            let may_leave = crew.staying() > crew.size.min;
            // Tasks that wait, or are claimed, count on the guard.
            if may_leave && left == 0 && (!guards || state.hoarded == 0 && state.queue.is_empty()) {
                state.crew.unpark_self(number);
                state.crew.leaving += 1;
                shared.release(state, wakes);
                return None;
            }
            let until_leave = may_leave.then(|| Duration::from_nanos(left).max(GUARD_INTERVAL));
            let limit = guards
                .then_some(GUARD_INTERVAL)
                .into_iter()
                .chain(until_leave)
                .min();
            shared.release(state, std::mem::take(&mut wakes));
            if std::mem::take(&mut leaves_tasks) {
                duty::stir(); // there is one less who could come for them
            }
            match limit {
                Some(limit) => self.parker.park_timeout(limit),
                None => self.parker.park(),
            }
            state = shared.lock();
            if !state.crew.is_idle(number) {
                self.member.arriving.set(true); // whoever called has counted this worker in `waking`
                return Some(state);
            }
            if guards {
                let flows = std::mem::replace(&mut refills_seen, state.events.refills)
                    != state.events.refills;
                still = if flows { 0 } else { still + 1 };
                state.take_back_stuck_hoards(self.worker);
                state.crew.stalled |= !flows && state.crew.active > 0;
                if !flows && !state.queue.is_empty() && state.crew.could_call() {
                    state.crew.unpark_self(number);
                    return Some(state);
                }
                // Never while tasks are claimed: one that is long may yet come before the others.
                if state.hoarded == 0 && (still > GUARD_PATIENCE || !state.pace.is_tiny()) {
                    state.crew.guard = None;
                }
            }
        }
    }
}
