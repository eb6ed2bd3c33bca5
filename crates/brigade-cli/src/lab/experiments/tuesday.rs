//! Two reports that need two resources, once a week.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use brigade::lock::LockTable;

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Activity, Lane, Lanes, Picture, Stretch};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "tuesday",
    question: "why does it hang on some Tuesdays only?",
    explanation: "\
Every Tuesday two reports start, one a little after the other, and each needs the database and the printer for a \
while. One takes the database first, the other the printer. Most weeks the first has both before the second begins, \
so every test passes; in some weeks each holds what the other needs, and both wait until someone is called. Taken all \
at once by name, `resources.lock_all([\"database\", \"printer\"])`, the order in which they are named does not matter. \
(Between commands of a shell, `brigade run` and cron have the same trouble and the same cure.)",
    expected: "taken one by one, both hang in some weeks and not in others; taken at once, in none",
    run,
};

const WEEKS: u64 = 52;
/// How long a report works with what it holds.
const WORK: Duration = Duration::from_millis(2);
/// The second report starts so much later, times a number that differs from week to week.
const DELAY: Duration = Duration::from_micros(120);

/// What became of the two reports in one week.
struct Week {
    hung: bool,
    lanes: [Vec<Stretch>; 2],
    length: Duration,
}

fn run(_: &Setting) -> Outcome {
    let resources = LockTable::named("resources");
    let one_by_one = (0..WEEKS)
        .map(|week| tuesday(week, one_by_one))
        .collect::<Vec<_>>();
    let at_once = (0..WEEKS)
        .map(|week| tuesday(week, |report| at_once(&resources, report)))
        .collect::<Vec<_>>();
    let hung = |weeks: &[Week]| weeks.iter().filter(|week| week.hung).count() as u64;
    let counts = [hung(&one_by_one), hung(&at_once)];
    let figures = |hung: u64| {
        vec![
            Figure::new("Tuesdays", Value::Count(WEEKS)),
            Figure::new("both done", Value::Count(WEEKS - hung)),
            Figure::new("hung", Value::Count(hung)),
        ]
    };
    let shown = one_by_one.iter().rposition(|week| week.hung).unwrap_or(0);
    Outcome {
        variants: vec![
            Variant::broken("one by one", figures(counts[0])),
            Variant::sound("all at once", figures(counts[1])),
        ],
        picture: picture(shown, one_by_one, at_once),
        excerpt: None,
        verdict: Verdict {
            seen: format!(
                "hung on {} of {WEEKS} Tuesdays one by one, on {} all at once",
                counts[0], counts[1]
            ),
            as_expected: (1..WEEKS).contains(&counts[0]) && counts[1] == 0,
        },
    }
}

/// The same week, both ways.
fn picture(week: usize, mut one_by_one: Vec<Week>, mut at_once: Vec<Week>) -> Picture {
    let (hung, went_well) = (one_by_one.swap_remove(week), at_once.swap_remove(week));
    let until = hung.length.max(went_well.length);
    let ways = [("one by one", hung), ("all at once", went_well)];
    let lanes = ways.into_iter().flat_map(|(way, week)| {
        let reports = ["sales", "stock"].into_iter().zip(week.lanes);
        reports.map(move |(report, stretches)| Lane {
            label: format!("{report}, {way}"),
            stretches,
        })
    });
    Picture::Lanes(Lanes {
        title: format!("the reports on Tuesday {}", week + 1),
        until,
        lanes: lanes.collect(),
    })
}

/// A report at work, and what it notes down.
struct Report<'a> {
    week: &'a Shared,
    /// Its number: the first one takes the database first, the second one the printer.
    number: usize,
    stretches: Vec<Stretch>,
}

/// What the two reports of a week have in common.
struct Shared {
    start: Instant,
    /// The database and the printer.
    resources: [parking_lot::Mutex<()>; 2],
    /// So many hold their first resource and want their second. If both do, neither gets it, ever.
    half_way: AtomicUsize,
}

/// Runs both reports of a week, one a little after the other.
fn tuesday(week: u64, carry_out: impl Fn(&mut Report<'_>) + Sync) -> Week {
    let shared = Shared {
        start: Instant::now(),
        resources: Default::default(),
        half_way: AtomicUsize::new(0),
    };
    let start = Barrier::new(2);
    // Every delay once, and small ones and large ones in turn.
    let delay = DELAY * u32::try_from(week * 31 % WEEKS).unwrap_or(0);
    let lanes = thread::scope(|scope| {
        let reports = [0, 1].map(|number| {
            let (shared, start, carry_out) = (&shared, &start, &carry_out);
            scope.spawn(move || {
                start.wait();
                thread::sleep(delay * number as u32);
                let mut report = Report {
                    week: shared,
                    number,
                    stretches: Vec::new(),
                };
                carry_out(&mut report);
                report.stretches
            })
        });
        reports.map(|report| report.join().unwrap_or_default())
    });
    Week {
        hung: lanes
            .iter()
            .flatten()
            .any(|stretch| stretch.activity == Activity::Stuck),
        lanes,
        length: shared.start.elapsed(),
    }
}

impl Report<'_> {
    /// Notes down what it does meanwhile.
    fn during<R>(&mut self, activity: Activity, act: impl FnOnce() -> R) -> R {
        let from = self.week.start.elapsed();
        let result = act();
        self.note(from, activity);
        result
    }

    fn note(&mut self, from: Duration, activity: Activity) {
        let to = self.week.start.elapsed();
        self.stretches.push(Stretch { from, to, activity });
    }
}

/// The broken twin: the first resource, some work, the second one.
///
/// Whoever finds that both are stuck gives up, as an operator would who is called at night.
fn one_by_one(report: &mut Report<'_>) {
    const PATIENCE: Duration = Duration::from_millis(3);
    let week = report.week;
    let (first, second) = (
        &week.resources[report.number],
        &week.resources[1 - report.number],
    );
    let _first = report.during(Activity::Waiting, || first.lock());
    report.during(Activity::Working, || thread::sleep(WORK));
    week.half_way.fetch_add(1, Relaxed);
    let from = week.start.elapsed();
    let mut got = second.try_lock_for(PATIENCE);
    while got.is_none() && week.half_way.load(Relaxed) < 2 {
        got = second.try_lock_for(PATIENCE);
    }
    // If it has got it nevertheless, the other one has given up.
    if week.half_way.load(Relaxed) == 2 {
        return report.note(from, Activity::Stuck);
    }
    week.half_way.fetch_sub(1, Relaxed);
    report.note(from, Activity::Waiting);
    report.during(Activity::Working, || thread::sleep(WORK));
}

/// Both resources at once, each report naming them in an order of its own.
fn at_once(resources: &LockTable<&'static str>, report: &mut Report<'_>) {
    let mut names = ["database", "printer"];
    names.rotate_left(report.number);
    let locked = report.during(Activity::Waiting, || resources.lock_all(names));
    let activity = if locked.is_ok() {
        Activity::Working
    } else {
        Activity::Stuck
    };
    report.during(activity, || thread::sleep(2 * WORK));
}
