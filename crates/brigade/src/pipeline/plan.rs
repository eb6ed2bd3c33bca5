//! A pipeline as it is set up, before any thread exists.

use std::sync::Arc;

use super::error::PipelineError;
use super::handover::{Inlet, Outlet, buffer};
use super::report::PipelineReport;
use super::worker::Work;

/// Workers that share a stage.
pub(crate) type Crew<'env> = Vec<Box<dyn Work + 'env>>;

/// Makes the workers of the last stage, when it is known where they put what they make.
pub(crate) type Tail<'env, T> = Box<dyn FnOnce(&Stage, Outlet<T>) -> Crew<'env> + 'env>;

/// What is asked of a stage.
pub(crate) struct Stage {
    /// What it does, as the method that added it is called.
    kind: &'static str,
    name: Option<String>,
    pub(crate) workers: usize,
    /// More workers could be given to it.
    pub(crate) grows: bool,
    buffer: Option<usize>,
    /// How many items fit in the buffer in front of it; none if it is the source.
    pub(crate) input_capacity: Option<usize>,
    window: Option<usize>,
    pub(crate) stack_size: Option<usize>,
    problem: Option<String>,
}

/// More workers or items than this in one stage are a mistake: buffers are allocated at once.
const MOST_WORKERS: usize = 1 << 16;
const MOST_ITEMS: usize = 1 << 24;

impl Stage {
    /// A stage that works on one thread by its nature.
    pub(crate) fn single(kind: &'static str) -> Self {
        Self {
            kind,
            name: None,
            workers: 1,
            grows: false,
            buffer: None,
            input_capacity: None,
            window: None,
            stack_size: None,
            problem: None,
        }
    }

    /// A stage that works on as many threads as it is given.
    pub(crate) fn parallel(kind: &'static str, workers: usize) -> Self {
        let mut stage = Self {
            grows: true,
            ..Self::single(kind)
        };
        match workers {
            0 => stage.complain("has 0 workers; give it at least 1"),
            1..=MOST_WORKERS => stage.workers = workers,
            _ => stage.complain(format!(
                "has {workers} workers; at most {MOST_WORKERS} are possible"
            )),
        }
        stage
    }

    pub(crate) fn complain(&mut self, problem: impl Into<String>) {
        self.problem.get_or_insert(problem.into());
    }

    pub(crate) fn set_name(&mut self, name: String) {
        self.name = Some(name);
    }

    pub(crate) fn set_buffer(&mut self, items: usize) {
        self.buffer = Some(items);
        if items > MOST_ITEMS {
            self.complain(format!(
                "has a buffer of {items} items behind it; at most {MOST_ITEMS} are possible"
            ));
        }
    }

    pub(crate) fn set_window(&mut self, items: usize) {
        self.window = Some(items);
        if items == 0 {
            self.complain("has a window of 0 items; give it at least 1");
        }
    }

    /// How many items an ordered stage may have between its input and its output.
    pub(crate) fn window(&self) -> usize {
        self.window.unwrap_or(4 * self.workers)
    }

    /// How many items fit in the buffer between this stage and `next`.
    fn capacity(&self, next: &Self) -> usize {
        let asked = self.buffer.filter(|items| *items <= MOST_ITEMS);
        asked.unwrap_or(2 * self.workers.max(next.workers))
    }
}

/// The stages of a pipeline and their workers, from the source on; the last stage may still lack its workers.
pub(crate) struct Plan<'env> {
    pub(crate) stages: Vec<Stage>,
    pub(crate) crews: Vec<Crew<'env>>,
    pub(crate) sink_name: Option<String>,
    pub(crate) on_report: Option<Box<dyn FnOnce(PipelineReport) + 'env>>,
}

impl<'env> Plan<'env> {
    pub(crate) fn new(source: Stage) -> Self {
        Self {
            stages: vec![source],
            crews: Vec::new(),
            sink_name: None,
            on_report: None,
        }
    }

    pub(crate) fn last(&mut self) -> &mut Stage {
        let last = self.stages.last_mut();
        last.expect("a plan begins with its source")
    }

    /// Adds a stage behind the last one, whose workers are what `tail` makes. Returns where the new stage finds
    /// its items.
    pub(crate) fn add<T>(&mut self, tail: Tail<'env, T>, mut stage: Stage) -> Inlet<T> {
        let last = self.last();
        let capacity = last.capacity(&stage);
        let (outlet, inlet) = buffer(capacity);
        let crew = tail(last, outlet);
        self.crews.push(crew);
        stage.input_capacity = Some(capacity);
        self.stages.push(stage);
        inlet
    }

    /// The names of the stages: those that were given, else what they do, numbered if there are several.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for (place, stage) in self.stages.iter().enumerate() {
            let alike = |earlier: &&Stage| earlier.name.is_none() && earlier.kind == stage.kind;
            let earlier = self.stages[..place].iter().filter(alike).count();
            names.push(match (&stage.name, earlier) {
                (Some(name), _) => name.as_str().into(),
                (None, 0) => stage.kind.into(),
                (None, earlier) => format!("{}-{}", stage.kind, earlier + 1).into(),
            });
        }
        names
    }

    /// The first stage that cannot work as it is set up.
    pub(crate) fn check<E>(&self, names: &[Arc<str>]) -> Result<(), PipelineError<E>> {
        for (stage, name) in self.stages.iter().zip(names) {
            if let Some(problem) = &stage.problem {
                return Err(PipelineError::Invalid {
                    stage: Arc::clone(name),
                    problem: problem.clone(),
                });
            }
        }
        Ok(())
    }
}
