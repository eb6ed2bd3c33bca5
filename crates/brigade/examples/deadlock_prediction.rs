//! Two functions that take the same two locks in opposite orders. They never run at the same time, nothing
//! hangs, and yet the program learns that one day it will.
//!
//! What it shows: one sight of each order is enough, on any thread, at any time.

use std::error::Error;
use std::sync::mpsc::channel;
use std::thread;

use brigade::lock::{self, Action, FindingKind, Mutex};

struct Bank {
    balance: Mutex<i64>,
    journal: Mutex<Vec<i64>>,
}

impl Bank {
    fn deposit(&self, amount: i64) {
        let mut balance = self.balance.lock();
        *balance += amount;
        self.journal.lock().push(amount); // balance, then journal
    }

    fn is_consistent(&self) -> bool {
        let journal = self.journal.lock();
        *self.balance.lock() == journal.iter().sum::<i64>() // journal, then balance
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // Without this a debug build panics on a finding, and a release build logs it and goes on.
    let (found, findings) = channel();
    lock::on_finding(Action::Call(Box::new(move |report| {
        let _ = found.send(report.clone());
    })))?;

    let bank = Bank {
        balance: Mutex::named("balance", 0),
        journal: Mutex::named("journal", Vec::new()),
    };
    thread::scope(|scope| {
        let morning = scope.spawn(|| bank.deposit(100));
        morning.join().unwrap();
        let evening = scope.spawn(|| bank.is_consistent()); // long after the other has ended
        assert!(evening.join().unwrap());
    });

    let report = findings.try_recv()?;
    println!("{report}");
    assert_eq!(report.kind(), FindingKind::Order);
    assert!(report.kind().is_predicted(), "nothing hung");
    Ok(())
}
