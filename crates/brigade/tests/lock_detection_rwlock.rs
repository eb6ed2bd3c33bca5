//! As `lock_detection`, with read-write locks: all readers are holders, and waiting writers are in the way.

mod detecting;
mod polling;
mod watchdog;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use brigade::lock::{self, Access, FindingKind, LockError, Mutex, Report, RwLock};
use detecting::{LONG, deadlock, ignore_predictions};
use polling::{SHORT, until_found};
use watchdog::without_hanging;

/// How a lock of two is taken and wanted.
#[derive(Clone, Copy, Debug)]
enum As {
    Mutex,
    Read,
    Write,
    Upgradable,
}

struct Either {
    mutex: Mutex<()>,
    rwlock: RwLock<()>,
}

impl Either {
    fn take<R>(&self, how: As, body: impl FnOnce() -> R) -> R {
        match how {
            As::Mutex => {
                let _held = self.mutex.lock();
                body()
            }
            As::Read => {
                let _held = self.rwlock.read();
                body()
            }
            As::Write => {
                let _held = self.rwlock.write();
                body()
            }
            As::Upgradable => {
                let _held = self.rwlock.upgradable_read();
                body()
            }
        }
    }

    fn want(&self, how: As) -> Option<Report> {
        match how {
            As::Mutex => deadlock(self.mutex.lock_checked()),
            As::Read => deadlock(self.rwlock.read_checked()),
            As::Write => deadlock(self.rwlock.write_checked()),
            As::Upgradable => deadlock(self.rwlock.upgradable_read_checked()),
        }
    }
}

/// Two threads; each takes a lock as the first says, and the other's as the second says. How often one failed.
fn cross(held: [As; 2], wanted: [As; 2]) -> usize {
    ignore_predictions();
    let lock = || Either {
        mutex: Mutex::named("cross.m", ()),
        rwlock: RwLock::named("cross.rw", ()),
    };
    let (locks, barrier) = (Arc::new([lock(), lock()]), Arc::new(Barrier::new(2)));
    let threads = [(0, 1), (1, 0)].map(|(own, other)| {
        let (locks, barrier) = (Arc::clone(&locks), Arc::clone(&barrier));
        thread::spawn(move || {
            locks[own].take(held[own], || {
                barrier.wait();
                locks[other].want(wanted[other])
            })
        })
    });
    threads
        .into_iter()
        .filter_map(|thread| thread.join().unwrap())
        .count()
}

#[test]
fn every_two_modes_that_exclude_each_other_close_a_cycle_once() {
    use As::{Mutex, Read, Upgradable, Write};
    without_hanging(|| {
        let excluding = [
            (Mutex, Mutex),
            (Write, Read),
            (Write, Write),
            (Write, Upgradable),
            (Read, Write),
            (Upgradable, Upgradable),
            (Upgradable, Write),
        ];
        for (held_0, wanted_0) in excluding {
            for (held_1, wanted_1) in excluding {
                let found = cross([held_0, held_1], [wanted_0, wanted_1]);
                assert_eq!(found, 1, "{held_0:?}/{wanted_0:?}, {held_1:?}/{wanted_1:?}");
            }
        }
    });
}

#[test]
fn modes_that_go_together_close_no_cycle() {
    use As::{Mutex, Read, Upgradable};
    without_hanging(|| {
        for (held, wanted) in [(Read, Read), (Read, Upgradable), (Upgradable, Read)] {
            assert_eq!(
                cross([held, held], [wanted, wanted]),
                0,
                "{held:?}/{wanted:?}"
            );
            assert_eq!(
                cross([held, Mutex], [wanted, Mutex]),
                0,
                "{held:?}/{wanted:?} and a mutex"
            );
        }
    });
}

#[test]
fn each_of_several_readers_is_a_holder() {
    without_hanging(|| {
        ignore_predictions();
        let read = Arc::new(RwLock::named("readers.read", ()));
        let own = Arc::new(Mutex::named("readers.own", ()));
        let barrier = Arc::new(Barrier::new(4));
        // Two readers that are about to go on, and one that waits for what the writer has.
        let readers: Vec<_> = (0..3)
            .map(|number| {
                let (read, own, barrier) =
                    (Arc::clone(&read), Arc::clone(&own), Arc::clone(&barrier));
                thread::spawn(move || {
                    let _read = read.read();
                    barrier.wait();
                    if number == 1 {
                        deadlock(own.lock_checked())
                    } else {
                        None
                    }
                })
            })
            .collect();
        let held = own.lock();
        barrier.wait();
        let report = until_found(|| read.write_timeout(SHORT));
        assert_eq!(report.steps().len(), 2);
        assert_eq!(report.steps()[1].holds.access, Access::Shared);
        drop(held);
        assert!(
            readers
                .into_iter()
                .all(|reader| reader.join().unwrap().is_none())
        );
        drop(read.write());
    });
}

/// Returns once nobody can read the lock, because somebody writes or waits to.
fn wait_for_writer(lock: &RwLock<()>) {
    while lock.try_read().is_some() {
        thread::yield_now();
    }
}

#[test]
fn readers_of_each_other_behind_waiting_writers_are_found() {
    without_hanging(|| {
        ignore_predictions();
        let locks = Arc::new(["rr.a", "rr.b"].map(|name| RwLock::named(name, ())));
        let barrier = Arc::new(Barrier::new(2));
        let threads = [(0, 1), (1, 0)].map(|(own, other)| {
            let (locks, barrier) = (Arc::clone(&locks), Arc::clone(&barrier));
            thread::spawn(move || {
                let held = locks[own].read();
                // The writer holds nothing, and is in the way all the same.
                let writer = {
                    let locks = Arc::clone(&locks);
                    thread::spawn(move || deadlock(locks[own].write_checked()))
                };
                wait_for_writer(&locks[own]);
                barrier.wait();
                let found = deadlock(locks[other].read_checked());
                drop(held);
                assert!(writer.join().unwrap().is_none());
                found
            })
        });
        let found: Vec<_> = threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap())
            .collect();
        let [report] = &found[..] else {
            panic!("{} reports", found.len())
        };
        let accesses: Vec<_> = report
            .steps()
            .iter()
            .map(|step| step.holds.access)
            .collect();
        assert_eq!(
            accesses,
            [
                Access::Shared,
                Access::InLine,
                Access::Shared,
                Access::InLine
            ],
            "{report}"
        );
    });
}

#[test]
fn a_second_read_behind_a_waiting_writer_is_found() {
    without_hanging(|| {
        ignore_predictions();
        let lock = Arc::new(RwLock::named("rwr", ()));
        let held = lock.read();
        let writer = {
            let lock = Arc::clone(&lock);
            thread::spawn(move || deadlock(lock.write_checked()))
        };
        wait_for_writer(&lock);
        for attempt in [lock.read_timeout(LONG).err(), lock.read_checked().err()] {
            let Some(LockError::Deadlock(report)) = attempt else {
                panic!("{attempt:?}")
            };
            assert!([FindingKind::Deadlock, FindingKind::Recursive].contains(&report.kind()));
        }
        drop(held);
        assert!(writer.join().unwrap().is_none());
    });
}

#[test]
fn a_reader_behind_writers_that_give_up_is_let_in() {
    without_hanging(|| {
        ignore_predictions();
        let locks = Arc::new(["patient.a", "patient.b"].map(|name| RwLock::named(name, ())));
        let seen = Arc::new(AtomicBool::new(false));
        let held = locks[0].read();
        // While somebody reads, this one waits for a bit, and gives up.
        let writer = {
            let (locks, seen) = (Arc::clone(&locks), Arc::clone(&seen));
            thread::spawn(move || {
                while !seen.load(SeqCst) {
                    drop(locks[0].write_timeout(Duration::from_millis(100)));
                }
                drop(locks[0].write_timeout(Duration::from_millis(100)));
            })
        };
        // This one waits for the writer, who waits for the first reader, who waits for this one.
        let other = {
            let locks = Arc::clone(&locks);
            thread::spawn(move || {
                let held = locks[1].write();
                wait_for_writer(&locks[0]);
                seen.store(true, SeqCst);
                drop(locks[0].read_checked().expect("the writer gives up"));
                drop(held);
            })
        };
        wait_for_writer(&locks[1]);
        drop(locks[1].read_checked().expect("the other one goes on"));
        drop(held);
        other.join().unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn an_upgrade_waits_for_readers_that_wait_for_it() {
    without_hanging(|| {
        ignore_predictions();
        let (read, own) = (
            RwLock::named("upgrade.read", ()),
            Mutex::named("upgrade.own", ()),
        );
        let shared = Arc::new((read, own, Barrier::new(2)));
        let upgrader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (read, own, barrier) = &*shared;
                let _own = own.lock();
                let mut held = read.upgradable_read();
                barrier.wait();
                held.with_upgraded(|()| ());
            })
        };
        let (read, own, barrier) = &*shared;
        let held = read.read();
        barrier.wait();
        // It is upgrading when nobody else can read any more.
        wait_for_writer(read);
        let report = until_found(|| own.lock_timeout(SHORT));
        assert_eq!(report.steps().len(), 2);
        assert_eq!(report.steps()[1].holds.name, "upgrade.own");
        assert_eq!(report.steps()[0].holds.access, Access::Shared);
        drop(held);
        upgrader.join().unwrap();
    });
}

#[test]
fn an_upgrade_over_the_own_second_read_panics() {
    without_hanging(|| {
        ignore_predictions();
        let lock = Arc::new(RwLock::named("self-upgrade", ()));
        let inner = Arc::clone(&lock);
        let panicked = thread::spawn(move || {
            let _read = inner.read();
            let upgradable = inner.upgradable_read();
            drop(lock::RwLockUpgradableReadGuard::upgrade(upgradable));
        });
        let panic = panicked.join().expect_err("it waits for itself");
        let message: &String = panic.downcast_ref().unwrap();
        assert!(message.contains("`self-upgrade`"), "{message}");
        assert!(lock.try_write().is_some(), "both holds were released");
    });
}
