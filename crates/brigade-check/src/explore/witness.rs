//! Where the threads of a deadlock are blocked.

use std::backtrace::Backtrace;
use std::collections::BTreeMap;

use shuttle::scheduler::{Task, TaskId};

use super::notes::{name, number};
use crate::point;
use crate::report::Passed;

/// What is seen of the threads of one run, by their numbers. Costs a backtrace whenever one of them stops.
#[derive(Default)]
pub(super) struct Witness(BTreeMap<usize, Seen>);

#[derive(Default)]
struct Seen {
    name: Option<String>,
    /// Where it stopped last.
    stopped: Option<Backtrace>,
}

/// A thread that is blocked.
pub(super) struct Blocked {
    /// Its number among all threads of the run.
    pub(super) task: usize,
    /// The name that the code under test gave it.
    pub(super) name: Option<String>,
    /// File, line and column.
    pub(super) place: String,
}

impl Blocked {
    /// What it is at, given the points that the run's threads passed.
    pub(super) fn describe(&self, points: &[Passed]) -> String {
        let name = name(self.task, self.name.as_deref());
        let mine = |point: &&Passed| point.thread == number(self.task);
        let point = point::after(points.iter().rfind(mine).map(|point| point.name));
        format!("{name}, blocked at {}{point}", self.place)
    }
}

impl Witness {
    /// Called at each step, on the stack of the thread that took it: unless that has ended, which is all that tells.
    pub(super) fn look(&mut self, runnable: &[&Task], current: Option<TaskId>) {
        for task in runnable {
            self.0.entry(task.id().into()).or_default().name = task.name();
        }
        let goes_on = |current| {
            let mut tasks = runnable.iter();
            tasks.any(|task| task.id() == current && task.runnable())
        };
        if let Some(current) = current.filter(|&current| !goes_on(current)) {
            let seen = self.0.entry(current.into()).or_default();
            seen.stopped = Some(Backtrace::force_capture());
        }
    }

    pub(super) fn blocked(&self) -> Vec<Blocked> {
        let blocked = self.0.iter().filter_map(|(&task, seen)| {
            Some(Blocked {
                task,
                name: seen.name.clone().filter(|_| task != 0),
                place: place(&seen.stopped.as_ref()?.to_string())?,
            })
        });
        blocked.collect()
    }
}

/// The innermost place of a backtrace that is in the code under test; none if the thread has ended.
fn place(backtrace: &str) -> Option<String> {
    let mut ours = false;
    backtrace.lines().map(str::trim).find_map(|line| {
        let Some(place) = line.strip_prefix("at ") else {
            // A frame's number and function, or only a function where it was inlined.
            let name = line.trim_start_matches(|digit: char| digit.is_ascii_digit());
            let name = name.trim_start_matches([':', ' ', '<']);
            ours = name.starts_with("brigade_check::") || name.starts_with("shuttle");
            return None;
        };
        let elsewhere = ["/rustc/", "/library/", "/registry/src/", "/git/checkouts/"];
        let elsewhere = elsewhere.iter().any(|path| place.contains(path));
        (!ours && !elsewhere && place.contains(".rs:")).then(|| place.to_owned())
    })
}
