//! Two locks in two orders: the deadlock itself, and what tells of it or prevents it.

mod crossing;

use std::sync::Arc;
use std::sync::mpsc::channel;

use brigade::lock::{self, Action, LockError, Mutex, Report, lock_all};

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Lanes, Picture};
use crate::lab::together::together;

use self::crossing::{Crossing, cross};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "deadlock",
    question: "what happens when two locks are taken in two orders?",
    explanation: "\
One thread takes the account and then the journal, another one the journal and then the account. With ordinary locks \
(parking_lot's here) each waits for the other, in silence, until the program is ended; these two threads really are \
stuck, until this command exits. Brigade's locks tell of it twice: when the second order is first seen, though nothing \
hangs; and if both threads do meet, by an error for the one whose wait would have closed the circle. It cannot happen \
if all take the locks in one order, or at once by `lock_all`; `lock::order` makes the compiler see to it.",
    expected: "ordinary locks hang; Brigade predicts it, ends it when it comes, and prevents it",
    run,
};

const ROUNDS: usize = 10_000;

fn run(_: &Setting) -> Outcome {
    let hung = ordinary();
    let predicted = predicted();
    let detected = detected();
    let in_order = in_one_order();
    let at_once = at_once();

    let figures = |rounds: usize, stuck: usize, told: &'static str| {
        vec![
            Figure::new("rounds", Value::Count(rounds as u64)),
            Figure::new("threads stuck", Value::Count(stuck as u64)),
            Figure::new("told", Value::Word(told)),
        ]
    };
    let found = detected.reports.first();
    let told = |told: bool, when: &'static str| if told { when } else { "no" };
    let variants = vec![
        Variant::broken("two orders, ordinary locks", figures(1, hung.stuck, "no")),
        Variant::sound(
            "two orders, one after the other",
            figures(1, 0, told(predicted.is_some(), "beforehand")),
        ),
        Variant::sound(
            "two orders, both at once",
            figures(1, detected.stuck, told(found.is_some(), "as it happened")),
        ),
        Variant::sound("one order", figures(ROUNDS, 0, "nothing to tell")),
        Variant::sound("lock_all", figures(ROUNDS, 0, "nothing to tell")),
    ];
    let as_expected = hung.stuck == 2
        && predicted
            .as_ref()
            .is_some_and(|report| report.kind().is_predicted())
        && found.is_some_and(|report| !report.kind().is_predicted())
        && detected.stuck == 0
        && in_order == 2 * ROUNDS
        && at_once == 2 * ROUNDS;
    let seen = format!(
        "{} threads stuck with ordinary locks; predicted: {}; detected: {}; prevented: {} of {} times",
        hung.stuck,
        told(predicted.is_some(), "yes"),
        told(found.is_some() && detected.stuck == 0, "yes"),
        Value::Count((in_order + at_once) as u64),
        Value::Count(4 * ROUNDS as u64),
    );
    let until = hung.until.max(detected.until);
    Outcome {
        variants,
        picture: Picture::Lanes(Lanes {
            title: "two threads that meet, with ordinary locks and with Brigade's".to_owned(),
            until,
            lanes: hung.lanes.into_iter().chain(detected.lanes).collect(),
        }),
        excerpt: predicted.map(|report| report.to_string()),
        verdict: Verdict { seen, as_expected },
    }
}

/// The broken twin. Both threads stay until the program ends, and hold what they hold.
fn ordinary() -> Crossing {
    let account = Arc::new(parking_lot::Mutex::new(100));
    let journal = Arc::new(parking_lot::Mutex::new(0));
    let both = [(&account, &journal), (&journal, &account)];
    cross(
        "parking_lot",
        both.map(|(first, second)| {
            let (first, second) = (Arc::clone(first), Arc::clone(second));
            move |meeting: &crossing::Meeting| {
                let _first = first.lock();
                meeting.both_hold_their_first();
                *second.lock() += 1;
                None
            }
        }),
    )
}

/// One thread that does one after the other: nothing hangs, and the second order contradicts the first.
fn predicted() -> Option<Report> {
    let (tell, told) = channel();
    // Nobody else in this command takes locks in two orders, and an experiment is run once.
    lock::on_finding(Action::Call(Box::new(move |report| {
        // Later findings are not waited for.
        let _ = tell.send(report.clone());
    })))
    .ok()?;
    let (account, journal) = (Mutex::named("account", 100), Mutex::named("journal", 0));
    {
        let _account = account.lock();
        *journal.lock() += 1;
    }
    {
        let _journal = journal.lock();
        *account.lock() += 1;
    }
    told.try_recv().ok()
}

/// The twin of [`ordinary`]: the wait that would close the circle is an error, and the other thread goes on.
fn detected() -> Crossing {
    let account = Arc::new(Mutex::named("savings", 100));
    let journal = Arc::new(Mutex::named("ledger", 0));
    let both = [(&account, &journal), (&journal, &account)];
    cross(
        "Brigade",
        both.map(|(first, second)| {
            let (first, second) = (Arc::clone(first), Arc::clone(second));
            move |meeting: &crossing::Meeting| {
                let _first = first.lock();
                meeting.both_hold_their_first();
                match second.lock_checked() {
                    Ok(mut second) => {
                        *second += 1;
                        None
                    }
                    Err(LockError::Deadlock(report)) => Some(*report),
                    Err(_) => None,
                }
            }
        }),
    )
}

/// How often two threads got both locks, taken in the same order.
fn in_one_order() -> usize {
    let (account, journal) = (Mutex::named("first", 0), Mutex::named("second", 0));
    together(2, |_| {
        for _ in 0..ROUNDS {
            let mut account = account.lock();
            *journal.lock() += 1;
            *account += 1;
        }
    });
    account.into_inner().min(journal.into_inner())
}

/// How often two threads got both locks, named in two orders and taken at once.
fn at_once() -> usize {
    let (account, journal) = (Mutex::new(0), Mutex::new(0));
    together(2, |number| {
        for _ in 0..ROUNDS {
            let both = if number == 0 {
                lock_all((&account, &journal))
            } else {
                lock_all((&journal, &account))
            };
            if let Ok((mut first, mut second)) = both {
                *first += 1;
                *second += 1;
            }
        }
    });
    account.into_inner().min(journal.into_inner())
}
