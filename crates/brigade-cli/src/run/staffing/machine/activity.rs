//! Whether processes use a core, and which have started which.

use std::fs;

use super::{Machine, numbers};

/// Whether a process uses a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    /// Its first thread runs, or waits for a core.
    pub(crate) runnable: bool,
    /// It has ended, and nobody has asked how.
    pub(crate) ended: bool,
    /// What it has used, and those that it has started and that have ended, in ticks.
    pub(crate) used: u64,
}

impl Machine {
    /// Whether a process uses a core; `None` if there is no such process any more.
    pub(crate) fn activity(&self, process: u32) -> Option<Activity> {
        let text = fs::read(self.processes.join(process.to_string()).join("stat")).ok()?;
        // Its name comes before, in parentheses, and may contain anything.
        let after_name = text.iter().rposition(|&byte| byte == b')')? + 1;
        let fields = std::str::from_utf8(text.get(after_name..)?).ok()?;
        let mut fields = fields.split_ascii_whitespace();
        let state = fields.next()?;
        // Ten others; then its own time as user and system, and that of its children.
        let times = fields.skip(10).take(4).map(str::parse::<u64>);
        Some(Activity {
            runnable: state == "R",
            ended: matches!(state, "Z" | "X"),
            used: times.sum::<Result<u64, _>>().ok()?,
        })
    }

    /// The processes that a process has started and that are still there. None, if the kernel does not tell.
    pub(crate) fn children(&self, process: u32) -> Vec<u32> {
        let tasks = self.processes.join(process.to_string()).join("task");
        let tasks = fs::read_dir(tasks).into_iter().flatten().flatten();
        let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        lists
            .flat_map(|list| numbers(&list).collect::<Vec<_>>())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine;
    use super::*;

    #[test]
    fn a_process_is_known_by_its_state_and_times_whatever_its_name() {
        let (machine, _place) = machine(&[
            (
                "proc/7/stat",
                "7 (a) R (b)) S 1 7 7 0 -1 4194304 100 200 0 0 11 12 13 14 20 0 1 0\n",
            ),
            (
                "proc/8/stat",
                "8 (sh) Z 1 7 7 0 -1 4194304 100 200 0 0 0 0 0 0 20 0 1 0\n",
            ),
            ("proc/7/task/7/children", "8 9 "),
            ("proc/7/task/70/children", "10 "),
        ]);
        let expected = Activity {
            runnable: false,
            ended: false,
            used: 50,
        };
        assert_eq!(machine.activity(7), Some(expected));
        assert!(machine.activity(8).expect("a process").ended);
        assert_eq!(machine.activity(9), None);
        let mut children = machine.children(7);
        children.sort_unstable();
        assert_eq!((children, machine.children(9)), (vec![8, 9, 10], vec![]));
    }
}
