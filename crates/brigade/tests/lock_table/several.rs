//! Several keys at once.

use std::array::from_fn;
use std::iter::once;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::thread::{self, yield_now};

use brigade::lock::{LockError, LockTable, TableGuards};

use super::together::on_threads;
use super::{LONG, SHORT, findings, free_elsewhere, readable_elsewhere};

#[test]
fn a_key_given_twice_is_locked_once() {
    let table = LockTable::new();
    let both = table.lock_all([4, 2, 4, 2]).unwrap();
    assert!(both.keys().eq(&[2, 4]) && both.keys().len() == 2);
    assert!(!free_elsewhere(&table, 4) && !free_elsewhere(&table, 2));
    drop(both);
    assert!(free_elsewhere(&table, 4) && table.is_empty());
    let one = table.lock_all_timeout([1, 1], LONG).unwrap();
    assert!(one.keys().eq(&[1]));
}

#[test]
fn transfers_lose_no_money_and_do_not_deadlock() {
    const ACCOUNTS: usize = 100;
    const THREADS: usize = 8;
    let transfers = if cfg!(debug_assertions) {
        80_000
    } else {
        1_000_000
    };
    let table = LockTable::named("transfers");
    let balances: [AtomicI64; ACCOUNTS] = from_fn(|_| AtomicI64::new(1_000));
    let add = |account: usize, amount| {
        balances[account].store(balances[account].load(Relaxed) + amount, Relaxed);
    };
    let (to_self, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let transfer_at_random = |seed: u64| {
        let mut random = seed;
        for _ in 0..transfers / THREADS as u64 {
            // Marsaglia's xorshift.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let from = random as usize % ACCOUNTS;
            let to = (random >> 32) as usize % ACCOUNTS;
            let _both = table.lock_all([from, to]).unwrap();
            add(from, -1);
            add(to, 1);
            to_self.fetch_add(u64::from(from == to), Relaxed);
            done.fetch_add(1, Relaxed);
        }
    };
    on_threads(THREADS, |number| {
        transfer_at_random((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    });
    let balances = balances.map(AtomicI64::into_inner);
    assert_eq!(balances.iter().sum::<i64>(), 1_000 * ACCOUNTS as i64);
    assert!(balances.iter().any(|balance| *balance != 1_000));
    assert!(to_self.into_inner() > 0);
    assert_eq!((done.into_inner(), table.len()), (transfers, 0));
    assert!(findings("transfers").is_empty());
}

#[test]
fn several_keys_that_are_not_free_in_time_leave_nothing_held() {
    let table = LockTable::new();
    let held = table.lock(2);
    thread::scope(|scope| {
        let wait = || {
            let result = table.lock_all_timeout([1, 2, 3], SHORT);
            assert!(matches!(result, Err(LockError::TimedOut { .. })));
            let others = table.try_lock_all([1, 3]).unwrap();
            assert_eq!(others.keys().len(), 2);
        };
        scope.spawn(wait).join().unwrap();
    });
    assert_eq!(table.len(), 1);
    drop(held);
}

#[test]
fn a_timed_wait_for_several_keys_holds_none_of_them() {
    let table = LockTable::new();
    let held = table.lock(2);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| table.lock_all_timeout([1, 2, 3], LONG).map(drop));
        while table.len() < 3 {
            yield_now();
        }
        // Whoever held them while he waits for the other one would not let go of them.
        for key in [1, 3] {
            assert!(table.lock_timeout(key, LONG).is_ok());
        }
        drop(held);
        waiting.join().unwrap().unwrap();
    });
    assert!(table.is_empty());
}

#[test]
fn some_keys_are_locked_exclusively_and_some_shared() {
    let table = LockTable::new();
    let check = |guards: TableGuards<'_, u32>| {
        assert!(guards.keys().eq(&[1, 2, 3]));
        assert!(!readable_elsewhere(&table, 1), "in both: exclusive");
        assert!(readable_elsewhere(&table, 2) && !free_elsewhere(&table, 2));
        assert!(!readable_elsewhere(&table, 3));
        drop(guards);
        assert!((1..=3).all(|key| free_elsewhere(&table, key)));
    };
    check(table.lock_all_mixed([3, 1], [2, 1]).unwrap());
    check(table.lock_all_mixed_timeout([3, 1], [2, 1], LONG).unwrap());
    check(table.try_lock_all_mixed([3, 1], [1, 2]).unwrap());
    let read = table.lock_shared(2);
    assert!(table.try_lock_all_mixed([2], [1]).is_err());
    assert!(table.try_lock_all_mixed([1], [2]).is_ok());
    drop(read);
}

#[test]
fn thousands_of_keys_are_taken_at_once() {
    const KEYS: u32 = 20_000;
    let table = LockTable::new();
    let guards = table.lock_all((0..KEYS).rev().chain(once(7))).unwrap();
    assert!(guards.keys().copied().eq(0..KEYS));
    assert_eq!(table.len(), KEYS as usize);
    assert!(!free_elsewhere(&table, KEYS / 2));
    drop(guards);
    assert!(table.is_empty() && free_elsewhere(&table, KEYS / 2));
}
