//! How many jobs may run at once, where that changes while they do: `-j MIN..MAX`, `--load` and `--memfree`.
//!
//! A thread looks at the machine twice a second and changes the number of the pool's workers. A worker that is one too
//! many ends its job and takes no other.

mod demand;
mod elastic;
mod gauge;
mod hold;
mod machine;

use std::io;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade::Pool;
use brigade::pool::Metrics;
use parking_lot::Mutex;

use crate::run::clock;
use crate::run::error::RunError;
use crate::run::work::Work;

use self::elastic::Elastic;
use self::gauge::Gauge;
use self::hold::{Measured, Reason};

pub(crate) use self::hold::{Bound, Hold, Kind, parse_load, parse_memory};
pub(crate) use self::machine::Machine;

/// How often the machine is looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// Why jobs are held back, for all who tell it.
#[derive(Debug, Default)]
pub(crate) struct HeldBack {
    /// No more may run than this, and for this reason, if there is one.
    bound: Mutex<Option<(usize, Reason)>>,
    /// It has been said that some are. To say it again and again would be too much.
    said: AtomicBool,
}

impl HeldBack {
    /// What keeps jobs waiting at this moment, if either does.
    pub(crate) fn by(&self, metrics: &Metrics) -> Option<Kind> {
        self.reason(metrics).map(Reason::kind)
    }

    fn reason(&self, metrics: &Metrics) -> Option<Reason> {
        let (jobs, reason) = (*self.bound.lock())?;
        (metrics.queued > 0 && metrics.running >= jobs).then_some(reason)
    }

    /// Says once that jobs are held back, when one is.
    pub(crate) fn tell(&self, pool: &Pool, work: &Work) {
        if work.is_quiet() || self.bound.lock().is_none() || self.said.load(Ordering::Relaxed) {
            return;
        }
        if let Some(reason) = self.reason(&pool.metrics())
            && !self.said.swap(true, Ordering::Relaxed)
        {
            work.output.say(format_args!(
                "jobs are held back: {reason}; at least one runs at any time"
            ));
        }
    }
}

/// What changes the number of jobs that may run.
#[derive(Debug)]
pub(crate) struct Staffing {
    range: RangeInclusive<usize>,
    machine: Machine,
    hold: Option<Hold>,
    elastic: Option<(Elastic, Gauge)>,
    /// That the machine cannot be looked at any more has been said.
    told: bool,
}

impl Staffing {
    /// `None` if the number does not change.
    ///
    /// # Errors
    /// [`RunError`] if the machine cannot be looked at, as `hold` needs it.
    pub(crate) fn new(
        range: RangeInclusive<usize>,
        hold: Option<Hold>,
        machine: Machine,
    ) -> Result<Option<Self>, RunError> {
        // Where nothing can be known of the cores, as many jobs run as may ever do.
        let is_elastic = range.start() < range.end();
        let gauge = is_elastic.then(|| Gauge::new(&machine)).flatten();
        let elastic = gauge.map(|gauge| (Elastic::new(range.clone()), gauge));
        if hold.is_none() && elastic.is_none() {
            return Ok(None);
        }
        let staffing = Self {
            range,
            machine,
            hold,
            elastic,
            told: false,
        };
        let measured = staffing.measure();
        measured.map_err(RunError::refused(
            "the load or the memory of this machine cannot be measured",
        ))?;
        Ok(Some(staffing))
    }

    fn measure(&self) -> io::Result<Measured> {
        let Some(hold) = &self.hold else {
            return Ok(Measured::default());
        };
        let (load, memory) = (hold.looks_at_load(), hold.looks_at_memory());
        Ok(Measured {
            load: load.then(|| self.machine.load()).transpose()?,
            memory: memory.then(|| self.machine.memory()).transpose()?,
        })
    }

    /// How many workers there may be, when so many run jobs.
    pub(crate) fn workers(&mut self, running: usize, work: &Work) -> RangeInclusive<usize> {
        let measured = self.measure().unwrap_or_else(|error| {
            if !std::mem::replace(&mut self.told, true) {
                work.output.say(format_args!(
                    "the machine cannot be looked at any more: {error}; no jobs are held back"
                ));
            }
            Measured::default()
        });
        let (min, mut jobs) = self.range.clone().into_inner();
        if let Some((elastic, _)) = &self.elastic {
            jobs = elastic.jobs();
        }
        let mut bound = None;
        if let Some(hold) = &self.hold {
            let allowance = hold.allow(running, measured);
            bound = allowance.held_back.filter(|_| allowance.jobs < jobs);
            jobs = jobs.min(allowance.jobs);
        }
        *work.held_back.bound.lock() = bound.map(|reason| (jobs, reason));
        min.min(jobs)..=jobs
    }

    /// Changes the number of workers until no job is to begin any more.
    pub(crate) fn direct(mut self, pool: &Pool, work: &Work) {
        let mut last = None;
        loop {
            work.stopping.wait_until(clock::now() + INTERVAL);
            if work.stopping.is_set() {
                return;
            }
            let metrics = pool.metrics();
            if let Some((elastic, gauge)) = &mut self.elastic
                && let Some(usage) = gauge.look(&self.machine, &work.children.leaders())
            {
                elastic.look(metrics.queued, metrics.running, usage);
            }
            let workers = self.workers(metrics.running, work);
            if last.as_ref() != Some(&workers) {
                // Should there be no thread for another worker, there are the others; the next look tries again.
                last = pool.resize(workers.clone()).is_ok().then_some(workers);
            }
            work.held_back.tell(pool, work);
        }
    }
}
