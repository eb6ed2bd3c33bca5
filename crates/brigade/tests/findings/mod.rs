//! What the locks of a test's process find, kept for the test whose locks it is about.

use std::sync::Once;

use brigade::lock::{self, Action, Report};
use parking_lot::Mutex;

static FOUND: Mutex<Vec<Report>> = Mutex::new(Vec::new());

/// From now on findings are collected, and the program goes on.
pub(crate) fn collect() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let keep = |report: &Report| FOUND.lock().push(report.clone());
        lock::on_finding(Action::Call(Box::new(keep))).expect("no test acts before this");
    });
}

/// Takes out the findings in which a lock's name begins so.
pub(crate) fn of(prefix: &str) -> Vec<Report> {
    let about = |report: &mut Report| {
        let mut steps = report.steps().iter();
        steps.any(|step| step.holds.name.starts_with(prefix) || step.wants.name.starts_with(prefix))
    };
    FOUND.lock().extract_if(.., about).collect()
}

/// The only finding in which a lock's name begins so.
#[track_caller]
pub(crate) fn only(prefix: &str) -> Report {
    let found = of(prefix);
    let [report] = found.try_into().unwrap_or_else(|found: Vec<Report>| {
        let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
        panic!("{} findings: {}", texts.len(), texts.join("\n"))
    });
    report
}

/// The steps of a report as "held -> wanted".
pub(crate) fn orders(report: &Report) -> Vec<String> {
    let steps = report.steps().iter();
    let order = steps.map(|step| format!("{} -> {}", step.holds.name, step.wants.name));
    order.collect()
}
