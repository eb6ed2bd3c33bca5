//! Balances by key, behind the locks of a table.

use std::array::from_fn;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use brigade::lock::LockTable;
use brigade_check::{Model, Rng, Worker, linearizable, point, stress};

use super::{repeated, scenarios};

const ACCOUNTS: usize = 3;
const START: u32 = 5;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Balances([u32; ACCOUNTS]);

#[derive(Clone, Debug)]
enum Operation {
    Deposit(usize, u32),
    Balance(usize),
    /// If there is enough in the first account.
    Transfer(usize, usize, u32),
    Total,
}
use Operation::{Balance, Deposit, Total, Transfer};

impl Model for Balances {
    type Operation = Operation;
    type Outcome = u32;

    fn apply(&mut self, operation: &Operation) -> u32 {
        match *operation {
            Deposit(account, amount) => {
                self.0[account] += amount;
                self.0[account]
            }
            Balance(account) => self.0[account],
            Transfer(from, to, amount) => {
                let enough = self.0[from] >= amount;
                if enough {
                    self.0[from] -= amount;
                    self.0[to] += amount;
                }
                u32::from(enough)
            }
            Total => self.0.iter().sum(),
        }
    }
}

/// The locks order all that is done to a balance, whence `Relaxed`; without them updates would be lost.
struct Bank {
    locks: LockTable<usize>,
    balances: [AtomicU32; ACCOUNTS],
}

fn bank() -> Bank {
    Bank {
        locks: LockTable::named("checked accounts"),
        balances: from_fn(|_| AtomicU32::new(START)),
    }
}

impl Bank {
    fn add(&self, account: usize, amount: u32) -> u32 {
        let balance = self.balances[account].load(Relaxed).wrapping_add(amount);
        point("balance read");
        self.balances[account].store(balance, Relaxed);
        balance
    }

    fn balance(&self, account: usize) -> u32 {
        point("about to read a balance");
        self.balances[account].load(Relaxed)
    }

    fn apply(&self, operation: &Operation) -> u32 {
        match *operation {
            Deposit(account, amount) => {
                let _held = self.locks.lock(account);
                self.add(account, amount)
            }
            Balance(account) => {
                let _held = self.locks.lock_shared(account);
                self.balance(account)
            }
            Transfer(from, to, amount) => {
                let _held = self.locks.lock_all([from, to]).unwrap();
                let enough = self.balance(from) >= amount;
                if enough {
                    self.add(from, amount.wrapping_neg());
                    self.add(to, amount);
                }
                u32::from(enough)
            }
            Total => {
                let _held = self.locks.lock_all(0..ACCOUNTS).unwrap();
                (0..ACCOUNTS).map(|account| self.balance(account)).sum()
            }
        }
    }
}

fn generate(rng: &mut Rng) -> Operation {
    let account = |rng: &mut Rng| rng.usize(0..ACCOUNTS);
    match rng.u8(0..6) {
        0 => Deposit(account(rng), rng.u32(1..4)),
        1 => Balance(account(rng)),
        2 => Total,
        _ => Transfer(account(rng), account(rng), rng.u32(1..8)),
    }
}

#[test]
fn transfers_between_locked_accounts_are_linearizable() {
    let balances = Balances([START; ACCOUNTS]);
    brigade_check::Linearizable::from_state(balances)
        .threads(3)
        .operations(4)
        .scenarios(scenarios(20))
        .runs(100)
        .generate(generate)
        .after([Total])
        .assert(bank, Bank::apply);
}

#[test]
fn transfers_and_totals_never_see_money_come_or_go() {
    let operate = |bank: &Bank, worker: &mut Worker| match generate(worker.rng()) {
        Deposit(..) => Ok(()),
        Total => match bank.apply(&Total) {
            15 => Ok(()),
            total => Err(format!("a total of {total}")),
        },
        other => {
            bank.apply(&other);
            Ok(())
        }
    };
    let finish = |bank: Bank| {
        assert_eq!(bank.apply(&Total), 15);
        assert!(bank.locks.is_empty(), "locks that nobody holds are left");
    };
    stress()
        .operations(50)
        .iterations(repeated(500))
        .assert(bank, operate, finish);
}

/// One key's lock is one lock, however it is asked for, also while its entry comes and goes.
#[test]
fn a_key_is_a_number_that_one_thread_at_a_time_changes() {
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    struct Number(u32);

    impl Model for Number {
        type Operation = u8;
        type Outcome = u32;

        fn apply(&mut self, _: &u8) -> u32 {
            self.0 += 1;
            self.0
        }
    }

    let increment = |bank: &Bank, way: &u8| {
        let add = || bank.add(0, 1) - START;
        match way {
            0 => {
                let _held = bank.locks.lock(0);
                add()
            }
            1 => {
                let _held = bank.locks.lock_checked(0).unwrap();
                add()
            }
            2 => {
                let _held = bank.locks.lock_all([0]).unwrap();
                add()
            }
            _ => loop {
                if let Some(_held) = bank.locks.try_lock(0) {
                    return add();
                }
                std::thread::yield_now();
            },
        }
    };
    linearizable::<Number>()
        .threads(3)
        .scenarios(scenarios(20))
        .runs(100)
        .generate(|rng| rng.u8(0..4))
        .assert(bank, increment);
}
