//! How many jobs may run at once, where that changes while they do: `-j MIN..MAX`, `--load` and `--memfree`.
//!
//! The door is [`Staffing`], which looks at the machine (`machine.rs`) and says how many workers there may be: as many
//! as find something to run on (`elastic.rs`, by what `gauge.rs` and `demand.rs` see), and no more than the machine is
//! to bear (`hold.rs`). Why jobs are held back is in [`HeldBack`], for all who tell it. Nothing here knows what a job
//! is, but for the process that leads it.

mod demand;
mod elastic;
mod gauge;
mod held_back;
mod hold;
mod machine;

use std::io;
use std::ops::RangeInclusive;

use self::elastic::Elastic;
use self::gauge::Gauge;
use self::hold::Measured;
use self::machine::Cores;

pub(crate) use self::held_back::HeldBack;
pub(crate) use self::hold::{Bound, Hold, Kind, parse_load, parse_memory};
pub(crate) use self::machine::Machine;

/// What changes the number of jobs that may run.
#[derive(Debug)]
pub(crate) struct Staffing {
    range: RangeInclusive<usize>,
    machine: Machine,
    hold: Option<Hold>,
    elastic: Option<(Elastic, Gauge)>,
    /// Why the machine cannot be looked at any more, until that is taken to be said.
    trouble: Option<io::Error>,
    /// There has been trouble. To say it again and again would be too much.
    troubled: bool,
}

impl Staffing {
    /// `None` if the number does not change.
    ///
    /// # Errors
    /// If the machine cannot be looked at, as `hold` needs it.
    pub(crate) fn new(
        range: RangeInclusive<usize>,
        hold: Option<Hold>,
        machine: Machine,
    ) -> io::Result<Option<Self>> {
        // Where nothing can be known of the cores, as many jobs run as may ever do.
        let is_elastic = range.start() < range.end();
        let cores = is_elastic.then(|| machine.cores().ok()).flatten();
        let elastic = cores.map(|cores| {
            let gauge = Gauge::new(&machine, cores);
            (Elastic::new(range.clone()), gauge)
        });
        if hold.is_none() && elastic.is_none() {
            return Ok(None);
        }
        let staffing = Self {
            range,
            machine,
            hold,
            elastic,
            trouble: None,
            troubled: false,
        };
        staffing.measure()?;
        Ok(Some(staffing))
    }

    /// Reads what anything depends on, each file of the kernel once. How the cores are used need not be known if only
    /// `elastic` asks for it.
    ///
    /// # Errors
    /// If the machine cannot be looked at, as `hold` needs it.
    fn measure(&self) -> io::Result<(Option<Cores>, Measured)> {
        let (load, memory) = self.hold.map_or((false, false), |hold| {
            (hold.looks_at_load(), hold.looks_at_memory())
        });
        let cores = (load || self.elastic.is_some()).then(|| self.machine.cores());
        let cores = if load {
            cores.transpose()?
        } else {
            cores.and_then(Result::ok)
        };
        let measured = Measured {
            load: cores.map(|cores| cores.load()),
            memory: memory.then(|| self.machine.memory()).transpose()?,
        };
        Ok((cores, measured))
    }

    /// How many workers there may be before the first job runs.
    pub(crate) fn begin(&mut self, held_back: &HeldBack) -> RangeInclusive<usize> {
        let (_, measured) = self.see();
        self.workers(0, measured, held_back)
    }

    /// How many workers there may be now. Of the jobs so many are queued and so many run, which these processes lead.
    pub(crate) fn look(
        &mut self,
        (queued, running): (usize, usize),
        leaders: &[u32],
        held_back: &HeldBack,
    ) -> RangeInclusive<usize> {
        let (cores, measured) = self.see();
        if let (Some((elastic, gauge)), Some(cores)) = (&mut self.elastic, cores)
            && let Some(usage) = gauge.look(&self.machine, cores, leaders)
        {
            elastic.look(queued, running, usage);
        }
        self.workers(running, measured, held_back)
    }

    /// Why the machine cannot be looked at any more; once, when that is so.
    pub(crate) fn take_trouble(&mut self) -> Option<io::Error> {
        self.trouble.take()
    }

    /// What could be measured; nothing, if there is trouble.
    fn see(&mut self) -> (Option<Cores>, Measured) {
        self.measure().unwrap_or_else(|error| {
            if !std::mem::replace(&mut self.troubled, true) {
                self.trouble = Some(error);
            }
            Default::default()
        })
    }

    fn workers(
        &self,
        running: usize,
        measured: Measured,
        held_back: &HeldBack,
    ) -> RangeInclusive<usize> {
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
        held_back.set(bound.map(|reason| (jobs, reason)));
        min.min(jobs)..=jobs
    }
}
