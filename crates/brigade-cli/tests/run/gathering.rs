//! Jobs that wait for each other.

use crate::stage::{Meeting, Stage};

/// Some jobs, of which none ends before all have begun.
pub(crate) struct Gathering {
    jobs: Vec<String>,
    begun: Vec<Meeting>,
    gates: Vec<Meeting>,
}

impl Gathering {
    /// So many jobs that run this code first, and this one last.
    pub(crate) fn new(stage: &Stage, jobs: usize, first: &str, last: &str) -> Self {
        let names = (0..jobs).map(|job| (format!("begun{job}"), format!("gate{job}")));
        let names = names.collect::<Vec<_>>();
        let job =
            |(begun, gate): &(String, String)| format!("{first}echo > {begun}; cat {gate}{last}\n");
        Self {
            jobs: names.iter().map(job).collect(),
            begun: names.iter().map(|(name, _)| stage.meeting(name)).collect(),
            gates: names.iter().map(|(_, name)| stage.meeting(name)).collect(),
        }
    }

    /// What to write to the standard input of `brigade run`.
    pub(crate) fn jobs(&self) -> String {
        self.jobs.concat()
    }

    /// Waits until all have begun, and lets them end.
    pub(crate) fn meet(self) {
        for begun in &self.begun {
            begun.wait();
        }
        for gate in &self.gates {
            gate.open();
        }
    }
}
