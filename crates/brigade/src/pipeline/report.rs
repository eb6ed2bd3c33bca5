//! What the stages of a pipeline did, and which one the others waited for.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use super::meter::Totals;
use super::plan::Stage;

/// What each stage of a pipeline did, from its start to its end; see [`Pipeline::report`](super::Pipeline::report).
///
/// Its `Display` form is a table of the stages, with the slowest one and what to do about it.
///
/// ```
/// use brigade::pipeline;
///
/// let mut seen = None;
/// pipeline::source(1..=100)
///     .map(2, |number: u64| number * number)
///     .named("square")
///     .report(|report| seen = Some(report))
///     .for_each(|_| ())?;
/// let report = seen.expect("the pipeline has ended");
/// let square = report.stage("square").unwrap();
/// assert_eq!((square.items, square.workers), (100, 2));
/// println!("{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineReport {
    /// The stages, the source first.
    pub stages: Vec<StageReport>,
}

/// What one stage of a pipeline did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StageReport {
    /// The name of the stage.
    pub name: Arc<str>,
    /// On how many threads it worked.
    pub workers: usize,
    /// Whether it can be given more workers.
    pub grows: bool,
    /// Items it was done with; of the source: items it brought.
    pub items: u64,
    /// The buffer in front of it; `None` for the source.
    pub queue: Option<QueueReport>,
    /// How long its workers lived, in all.
    pub alive: Duration,
    /// How long its workers waited for items, in all.
    pub input_wait: Duration,
    /// How long its workers waited for room behind them, in all.
    pub room_wait: Duration,
}

/// What the buffer in front of a stage held.
///
/// The depth is looked at before each of a worker's first 64 items and before one in sixteen later.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct QueueReport {
    /// How many items fit in.
    pub capacity: usize,
    /// How many were in it, on average.
    pub mean_depth: f64,
    /// The most that were seen in it.
    pub high_water: usize,
}

/// What would make a pipeline faster, as far as its report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Give the slowest stage more workers.
    MoreWorkers,
    /// All cores may be in use: more workers for the slowest stage help only if it waits for something else.
    MoreWorkersIfItWaits,
    /// The slowest stage works on one thread by its nature: let it do less.
    LessInIt,
    /// No stage is busy for even half of the time: handing over is what takes time. Use larger buffers or batches.
    LargerBuffers,
}

impl StageReport {
    pub(crate) fn new(stage: &Stage, name: &Arc<str>, totals: &Totals, was_full: bool) -> Self {
        let queue = stage.input_capacity.map(|capacity| QueueReport {
            capacity,
            mean_depth: totals.mean_depth,
            high_water: if was_full { capacity } else { totals.deepest },
        });
        Self {
            name: Arc::clone(name),
            workers: stage.workers,
            grows: stage.grows,
            items: totals.items,
            queue,
            alive: totals.alive,
            input_wait: totals.input_wait,
            room_wait: totals.room_wait,
        }
    }

    /// How long its workers worked, in all: the time they lived and did not wait for other stages. Includes what
    /// its closure waited for.
    pub fn working(&self) -> Duration {
        self.alive
            .saturating_sub(self.input_wait)
            .saturating_sub(self.room_wait)
    }

    /// The share of its time that a worker worked, from 0 to 1.
    pub fn busy(&self) -> f64 {
        self.share(self.working())
    }

    /// Items per second.
    pub fn throughput(&self) -> f64 {
        let seconds = self.alive.as_secs_f64() / self.workers as f64;
        if seconds > 0.0 {
            self.items as f64 / seconds
        } else {
            0.0
        }
    }

    fn share(&self, part: Duration) -> f64 {
        if self.alive.is_zero() {
            return 0.0;
        }
        part.as_secs_f64() / self.alive.as_secs_f64()
    }
}

impl PipelineReport {
    pub(crate) fn new(stages: Vec<StageReport>) -> Self {
        Self { stages }
    }

    /// The report of the stage with this name.
    pub fn stage(&self, name: &str) -> Option<&StageReport> {
        self.stages.iter().find(|stage| &*stage.name == name)
    }

    /// The slowest stage: the one that was busy for the largest share of its time. `None` if nothing was done.
    pub fn bottleneck(&self) -> Option<&StageReport> {
        let busy = self.stages.iter().filter(|stage| stage.items > 0);
        busy.max_by(|one, other| one.busy().total_cmp(&other.busy()))
    }

    /// What would make the pipeline faster. `None` if nothing was done.
    pub fn advice(&self) -> Option<Advice> {
        let slowest = self.bottleneck()?;
        let cores = available_parallelism().map_or(1, usize::from) as f64;
        let in_use: f64 = self.stages.iter().map(StageReport::threads_in_use).sum();
        Some(if slowest.busy() < 0.5 {
            Advice::LargerBuffers
        } else if !slowest.grows {
            Advice::LessInIt
        } else if in_use < 0.9 * cores {
            Advice::MoreWorkers
        } else {
            Advice::MoreWorkersIfItWaits
        })
    }
}

impl StageReport {
    fn threads_in_use(&self) -> f64 {
        self.busy() * self.workers as f64
    }
}

impl fmt::Display for PipelineReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.stages.iter().map(|stage| stage.name.chars().count());
        let width = widths.max().unwrap_or(0).max("stage".len());
        writeln!(
            formatter,
            "{:<width$}  workers       items     items/s   busy  no input  no room  queue (mean, most, capacity)",
            "stage"
        )?;
        for stage in &self.stages {
            writeln!(formatter, "{}", Row { stage, width })?;
        }
        let (Some(slowest), Some(advice)) = (self.bottleneck(), self.advice()) else {
            return formatter.write_str("nothing was done");
        };
        let (name, percent) = (&slowest.name, 100.0 * slowest.busy());
        write!(
            formatter,
            "slowest: `{name}`, busy {percent:.0} % of the time; {advice}"
        )
    }
}

/// A line of the table.
struct Row<'a> {
    stage: &'a StageReport,
    width: usize,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, width } = self;
        let percent = |part| 100.0 * stage.share(part);
        write!(
            formatter,
            "{:<width$}  {:>7}  {:>10}  {:>10.0}  {:>3.0} %  {:>6.0} %  {:>5.0} %  ",
            &*stage.name,
            stage.workers,
            stage.items,
            stage.throughput(),
            percent(stage.working()),
            percent(stage.input_wait),
            percent(stage.room_wait),
        )?;
        match &stage.queue {
            None => formatter.write_str("-"),
            Some(queue) => write!(
                formatter,
                "{:.1}, {}, {}",
                queue.mean_depth, queue.high_water, queue.capacity
            ),
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::MoreWorkers => "give it more workers",
            Self::MoreWorkersIfItWaits => {
                "all cores are in use, so more workers help only if it waits for something else"
            }
            Self::LessInIt => {
                "it works on one thread by its nature: move work out of it into a stage with several workers"
            }
            Self::LargerBuffers => {
                "no stage has much to do: handing over takes the time, so use larger buffers or batches"
            }
        })
    }
}
