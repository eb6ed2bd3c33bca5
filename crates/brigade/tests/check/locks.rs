//! What is behind a lock is a register: whatever the threads do, it is as if they came one after the other.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use brigade::lock::{Mutex, RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
use brigade_check::{Model, Rng, linearizable, point};

use super::scenarios;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Register(u8);

#[derive(Clone, Debug)]
enum Operation {
    Read,
    Write(u8),
    /// Reads, and writes one more.
    Increment,
    /// Writes what is in the second place if there is what is in the first, reading while it decides.
    Exchange(u8, u8),
    /// Writes, and reads without letting others write between.
    WriteAndRead(u8),
}
use Operation::{Exchange, Increment, Read, Write, WriteAndRead};

impl Model for Register {
    type Operation = Operation;
    type Outcome = u8;

    /// Returns what the operation saw, before it wrote.
    fn apply(&mut self, operation: &Operation) -> u8 {
        let seen = self.0;
        match *operation {
            Read => {}
            Write(value) => self.0 = value,
            Increment => self.0 += 1,
            Exchange(old, new) => {
                if seen == old {
                    self.0 = new;
                }
            }
            WriteAndRead(value) => {
                self.0 = value;
                return value;
            }
        }
        match operation {
            Write(_) => 0,
            _ => seen,
        }
    }
}

fn generate(rng: &mut Rng) -> Operation {
    let value = |rng: &mut Rng| rng.u8(0..3);
    match rng.u8(0..6) {
        0 | 1 => Read,
        2 => Write(value(rng)),
        3 => Increment,
        4 => Exchange(value(rng), value(rng)),
        _ => WriteAndRead(value(rng)),
    }
}

/// A number in two halves, which nobody else must see while they differ. `Relaxed`: the lock orders them.
#[derive(Default)]
struct Halves([AtomicU8; 2]);

impl Halves {
    fn read(&self) -> u8 {
        let first = self.0[0].load(Relaxed);
        point("one half read");
        let second = self.0[1].load(Relaxed);
        assert_eq!(first, second, "the halves differ");
        first
    }

    fn write(&self, value: u8) {
        self.0[0].store(value, Relaxed);
        point("one half written");
        self.0[1].store(value, Relaxed);
    }
}

/// Does an operation while nobody else is there.
fn alone(halves: &Halves, operation: &Operation) -> u8 {
    match *operation {
        Read => halves.read(),
        Write(value) => {
            halves.write(value);
            0
        }
        Increment => {
            let seen = halves.read();
            halves.write(seen + 1);
            seen
        }
        Exchange(old, new) => {
            let seen = halves.read();
            if seen == old {
                halves.write(new);
            }
            seen
        }
        WriteAndRead(value) => {
            halves.write(value);
            halves.read()
        }
    }
}

fn by_read_write_lock(lock: &RwLock<Halves>, operation: &Operation) -> u8 {
    match *operation {
        Read => lock.read().read(),
        Write(_) | Increment => alone(&lock.write(), operation),
        Exchange(old, new) => {
            let held = lock.upgradable_read();
            let seen = held.read();
            if seen == old {
                RwLockUpgradableReadGuard::upgrade(held).write(new);
            }
            seen
        }
        WriteAndRead(value) => {
            let held = lock.write();
            held.write(value);
            let held = RwLockWriteGuard::downgrade(held);
            held.read()
        }
    }
}

fn check<T: Default + Send + Sync + 'static>(apply: fn(&T, &Operation) -> u8) {
    linearizable::<Register>()
        .threads(3)
        .operations(4)
        .scenarios(scenarios(20))
        .runs(100)
        .generate(generate)
        .after([Read])
        .assert(T::default, apply);
}

#[test]
fn a_number_behind_a_mutex_is_linearizable() {
    check(|lock: &Mutex<Halves>, operation| alone(&lock.lock(), operation));
}

#[test]
fn a_number_behind_a_read_write_lock_is_linearizable_upgrades_included() {
    check(by_read_write_lock);
}

/// Nobody waits: who does not get the lock at once looks again.
#[test]
fn a_number_behind_tried_locks_is_linearizable() {
    fn take<G>(mut attempt: impl FnMut() -> Option<G>) -> G {
        loop {
            match attempt() {
                Some(guard) => return guard,
                None => std::thread::yield_now(),
            }
        }
    }
    check(|lock: &RwLock<Halves>, operation| match operation {
        Read => take(|| lock.try_read()).read(),
        _ => alone(&take(|| lock.try_write()), operation),
    });
}
