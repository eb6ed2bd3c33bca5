//! Transfers between accounts: two values that are right only together.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::thread;

use brigade::lock::{LockTable, Mutex};

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Soundness, Value, Variant, Verdict};
use crate::lab::picture::{Bar, Bars, Picture, Scale};
use crate::lab::together::together;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "transfer",
    question: "is there as much money after many transfers as before?",
    explanation: "\
Several threads transfer money between eight accounts, and an auditor adds them all up meanwhile. Without locks, \
balances are overwritten: money is made or lost. With a lock for each account, one taken after the other has been \
released, no money is lost, but the auditor sees what has left one account and not arrived at the other. \
`LockTable::lock_all([from, to])` takes both, in an order that cannot deadlock; the auditor takes all eight.",
    expected: "without locks money is made or lost; one lock after the other fools the auditor; lock_all does neither",
    run,
};

const ACCOUNTS: usize = 8;
const DEPOSIT: i64 = 1_000;
const TRANSFERS: usize = 20_000;
/// Of so many transfers one is interrupted in the middle, as it would be now and then on a busy machine.
const INTERRUPTED: usize = 16;

/// What came of it.
struct Books {
    /// The money at the end, less that at the beginning.
    difference: i64,
    audits: u64,
    wrong_audits: u64,
    rate: f64,
}

fn run(setting: &Setting) -> Outcome {
    let unlocked = measure(setting, |accounts, transfer| match transfer {
        Some(transfer) => transfer.carry_out(accounts),
        None => total(accounts),
    });
    let single_locks = [const { Mutex::new(()) }; ACCOUNTS];
    let one_by_one = measure(setting, |accounts, transfer| {
        let add = |account: usize, amount: i64| {
            let _locked = single_locks[account].lock();
            accounts[account].store(accounts[account].load(Relaxed) + amount, Relaxed);
        };
        let read = |account: usize| {
            let _locked = single_locks[account].lock();
            accounts[account].load(Relaxed)
        };
        let Some(transfer) = transfer else {
            return (0..ACCOUNTS).map(read).sum();
        };
        add(transfer.from, -transfer.amount);
        transfer.perhaps_interrupted();
        add(transfer.to, transfer.amount);
        0
    });
    let one_lock = Mutex::new(());
    let under_one = measure(setting, |accounts, transfer| {
        let _locked = one_lock.lock();
        match transfer {
            Some(transfer) => transfer.carry_out(accounts),
            None => total(accounts),
        }
    });
    let table = LockTable::named("accounts");
    let all_at_once = measure(setting, |accounts, transfer| {
        let locked = match &transfer {
            Some(transfer) => table.lock_all([transfer.from, transfer.to]),
            None => table.lock_all(0..ACCOUNTS),
        };
        let _locked = locked.expect("no thread holds one of them while it asks for others");
        match transfer {
            Some(transfer) => transfer.carry_out(accounts),
            None => total(accounts),
        }
    });
    outcome([
        ("no lock", Soundness::Broken, unlocked),
        ("one lock, then the other", Soundness::Broken, one_by_one),
        ("one lock for all", Soundness::Sound, under_one),
        ("LockTable::lock_all", Soundness::Sound, all_at_once),
    ])
}

fn outcome(books: [(&'static str, Soundness, Books); 4]) -> Outcome {
    let bars = books.iter().map(|(name, soundness, books)| Bar {
        label: (*name).to_owned(),
        soundness: *soundness,
        length: books.wrong_audits as f64 / books.audits.max(1) as f64,
        shown: Value::Share(books.wrong_audits as f64 / books.audits.max(1) as f64),
    });
    let picture = Picture::Bars(Bars {
        title: "of all audits, wrong".to_owned(),
        scale: Scale::Linear,
        bars: bars.collect(),
    });
    let [
        (_, _, unlocked),
        (_, _, one_by_one),
        (_, _, under_one),
        (_, _, all_at_once),
    ] = &books;
    let right = [under_one, all_at_once]
        .iter()
        .all(|books| books.difference == 0 && books.wrong_audits == 0);
    let verdict = Verdict {
        seen: format!(
            "{} without locks; {} of {} audits wrong with one lock after the other; the others {}",
            Value::Balance(unlocked.difference),
            Value::Count(one_by_one.wrong_audits),
            Value::Count(one_by_one.audits),
            if right { "right" } else { "wrong" },
        ),
        as_expected: unlocked.difference != 0
            && one_by_one.difference == 0
            && one_by_one.wrong_audits > 0
            && right,
    };
    let variants = books.into_iter().map(|(name, soundness, books)| Variant {
        name,
        soundness,
        figures: vec![
            Figure::new("money made or lost", Value::Balance(books.difference)),
            Figure::new("audits", Value::Count(books.audits)),
            Figure::new("wrong audits", Value::Count(books.wrong_audits)),
            Figure::new("transfers", Value::PerSecond(books.rate)),
        ],
    });
    Outcome {
        picture,
        variants: variants.collect(),
        excerpt: None,
        verdict,
    }
}

type Accounts = [AtomicI64; ACCOUNTS];

/// Money on its way.
struct Transfer {
    number: usize,
    from: usize,
    to: usize,
    amount: i64,
}

impl Transfer {
    /// The transfers of a thread go round all pairs of accounts.
    fn new(thread: usize, number: usize) -> Self {
        let from = (thread + number) % ACCOUNTS;
        let to = (from + 1 + number / ACCOUNTS % (ACCOUNTS - 1)) % ACCOUNTS;
        let amount = (number % 9) as i64 + 1;
        Self {
            number,
            from,
            to,
            amount,
        }
    }

    /// Reads, computes and writes both balances.
    fn carry_out(&self, accounts: &Accounts) -> i64 {
        let (from, to) = (&accounts[self.from], &accounts[self.to]);
        let balance = from.load(Relaxed);
        from.store(balance - self.amount, Relaxed);
        let balance = to.load(Relaxed);
        self.perhaps_interrupted();
        to.store(balance + self.amount, Relaxed);
        0
    }

    fn perhaps_interrupted(&self) {
        if self.number.is_multiple_of(INTERRUPTED) {
            thread::yield_now();
        }
    }
}

fn total(accounts: &Accounts) -> i64 {
    accounts.iter().map(|account| account.load(Relaxed)).sum()
}

/// Carries out the transfers of all threads, and audits until they are done.
///
/// `act` carries out a transfer; without one it audits, and returns the sum.
fn measure(setting: &Setting, act: impl Fn(&Accounts, Option<Transfer>) -> i64 + Sync) -> Books {
    let accounts: Accounts = [const { AtomicI64::new(DEPOSIT) }; ACCOUNTS];
    let deposited = total(&accounts);
    let (audits, wrong_audits) = (AtomicU64::new(0), AtomicU64::new(0));
    let audit = || {
        audits.fetch_add(1, Relaxed);
        if act(&accounts, None) != deposited {
            wrong_audits.fetch_add(1, Relaxed);
        }
    };
    let done = AtomicBool::new(false);
    let elapsed = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                audit();
                thread::yield_now();
            }
        });
        let elapsed = together(setting.threads, |thread| {
            for number in 0..TRANSFERS {
                act(&accounts, Some(Transfer::new(thread, number)));
            }
        });
        done.store(true, Relaxed);
        elapsed
    });
    Books {
        difference: total(&accounts) - deposited,
        audits: audits.into_inner(),
        wrong_audits: wrong_audits.into_inner(),
        rate: (setting.threads * TRANSFERS) as f64 / elapsed.as_secs_f64(),
    }
}
