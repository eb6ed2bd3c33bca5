//! Transfers between accounts: by `lock_all` none is lost and none deadlocks; the naive way is reported.

mod findings;
mod together;
mod watchdog;

use brigade::lock::{FindingKind, Mutex, lock_all};
use together::on_threads;
use watchdog::without_hanging;

const ACCOUNTS: usize = 100;
const THREADS: usize = 8;
const TRANSFERS: usize = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};
const BALANCE: i64 = 1_000;

/// A sequence of numbers that look random.
fn next(random: &mut u64) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random >> 20) as usize
}

fn transfer(accounts: &[Mutex<i64>], from: usize, to: usize, amount: i64) {
    if from == to {
        // Nothing changes, though the account is taken.
        assert!(*accounts[from].lock() <= ACCOUNTS as i64 * BALANCE);
        return;
    }
    let (mut from, mut to) = lock_all((&accounts[from], &accounts[to])).unwrap();
    *from -= amount;
    *to += amount;
}

#[test]
fn transfers_by_lock_all_keep_the_total() {
    without_hanging(|| {
        findings::collect();
        let accounts: Vec<_> = (0..ACCOUNTS)
            .map(|_| Mutex::named("transfer", BALANCE))
            .collect();
        on_threads(THREADS, |thread| {
            let mut random = thread as u64 + 1;
            let (mut to_itself, transfers) = (0, TRANSFERS / THREADS);
            for _ in 0..transfers {
                let (from, to) = (next(&mut random) % ACCOUNTS, next(&mut random) % ACCOUNTS);
                to_itself += usize::from(from == to);
                transfer(&accounts, from, to, (next(&mut random) % 100) as i64);
            }
            assert!(
                to_itself > transfers / ACCOUNTS / 2,
                "{to_itself} of {transfers}"
            );
        });
        let total: i64 = accounts.iter().map(|account| *account.lock()).sum();
        assert_eq!(total, ACCOUNTS as i64 * BALANCE);
        assert!(
            accounts.iter().any(|account| *account.lock() != BALANCE),
            "money moved"
        );
        assert!(findings::of("transfer").is_empty());
    });
}

#[test]
fn the_naive_way_is_reported_at_the_first_transfer() {
    findings::collect();
    let accounts: Vec<_> = (0..ACCOUNTS)
        .map(|_| Mutex::named("naive", BALANCE))
        .collect();
    let (mut from, mut to) = (accounts[3].lock(), accounts[7].lock());
    *from -= 1;
    *to += 1;
    drop((from, to));
    let report = findings::only("naive");
    assert_eq!(report.kind(), FindingKind::SameClass);
    assert!(report.to_string().contains("lock_all"), "{report}");
}

#[test]
fn the_naive_way_between_accounts_of_two_kinds_is_reported_when_money_comes_back() {
    findings::collect();
    let (savings, current) = (
        Mutex::named("kinds.savings", BALANCE),
        Mutex::named("kinds.current", 0),
    );
    let transfer = |from: &Mutex<i64>, to: &Mutex<i64>| {
        let (mut from, mut to) = (from.lock(), to.lock());
        *from -= 1;
        *to += 1;
    };
    transfer(&savings, &current);
    transfer(&savings, &current);
    assert!(findings::of("kinds.").is_empty());
    transfer(&current, &savings);
    let report = findings::only("kinds.");
    assert_eq!(report.kind(), FindingKind::Order);
    let orders = [
        "kinds.current -> kinds.savings",
        "kinds.savings -> kinds.current",
    ];
    assert_eq!(findings::orders(&report), orders);
}
