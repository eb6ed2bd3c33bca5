//! What is decided under the graph's lock, step by step.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Wake, Waker};
use std::time::Instant;

use super::wishes::{A, B, wanting};
use super::{Awaited, Entered, Needs, PoolDuties, Target, WaitGraph, Wanted};
use crate::lock::class::Origin;
use crate::lock::held::{Held, Record};
use crate::lock::mode::Mode;
use crate::lock::report::{Access, FindingKind, Report};

/// A thread that holds locks, given by their addresses, each in a mode.
fn holding(locks: &[(usize, Mode)]) -> &'static Record {
    let record: &'static Record = Box::leak(Box::new(Record::new()));
    let origin = Origin::place(Location::caller());
    for (depth, &(address, mode)) in locks.iter().enumerate() {
        let held = Held {
            address,
            origin,
            place: Location::caller(),
            chain: record.chain_with(depth, origin, mode, true),
        };
        record.push(depth, held);
    }
    record
}

/// Two readers, each of what the other wants to read, with a writer in line for each.
struct Readers<'a> {
    readers: [Entered<'a>; 2],
    _writers: [Entered<'a>; 2],
}

fn readers(graph: &WaitGraph) -> Readers<'_> {
    let enter = |record, wanted| graph.enter(record, wanted).expect("no cycle is certain");
    let readers = [
        enter(holding(&[(A, Mode::Shared)]), wanting(B, Mode::Shared)),
        enter(holding(&[(B, Mode::Shared)]), wanting(A, Mode::Shared)),
    ];
    let _writers = [A, B].map(|lock| enter(holding(&[]), wanting(lock, Mode::Exclusive)));
    Readers { readers, _writers }
}

/// Each reader sees again and again that it still waits, until one is told.
fn until_told<'a>(readers: &mut Readers<'a>) -> Option<(usize, Box<Report>)> {
    (0..10).find_map(|round: usize| {
        let number = round % 2;
        let told = readers.readers[number].confirm().err();
        told.map(|report| (number, report))
    })
}

#[test]
fn one_reader_of_a_cycle_is_told_though_both_know() {
    let graph = WaitGraph::new();
    let mut readers = readers(&graph);
    let (told, report) = until_told(&mut readers).expect("it is a cycle");
    assert_eq!(report.steps().len(), 4);
    assert_eq!(report.steps()[1].holds.access, Access::InLine);
    // The other one asks before the first has left.
    for _ in 0..10 {
        assert!(readers.readers[1 - told].confirm().is_ok());
    }
}

#[test]
fn a_reader_is_told_nothing_before_each_has_tried_in_vain_twice() {
    let graph = WaitGraph::new();
    let mut readers = readers(&graph);
    // However often the first one tries: the other may have the lock, and not have said so yet.
    for _ in 0..10 {
        assert!(readers.readers[0].confirm().is_ok());
    }
    assert!(readers.readers[1].confirm().is_ok());
    assert!(readers.readers[0].confirm().is_ok());
    assert!(readers.readers[1].confirm().is_ok());
    assert!(readers.readers[0].confirm().is_err());
}

#[test]
fn a_suspicion_is_dropped_when_its_writer_leaves() {
    let graph = WaitGraph::new();
    let mut readers = readers(&graph);
    assert!(readers.readers[0].confirm().is_ok());
    let Readers {
        readers: [mut first, mut second],
        _writers: [a, b],
    } = readers;
    drop(b);
    for _ in 0..10 {
        assert!(first.confirm().is_ok() && second.confirm().is_ok());
    }
    // Another one comes: what was seen before counts no more.
    let _b = graph
        .enter(holding(&[]), wanting(B, Mode::Exclusive))
        .expect("no cycle");
    assert!(first.confirm().is_ok() && second.confirm().is_ok());
    assert!(first.confirm().is_ok() && second.confirm().is_ok());
    assert!(first.confirm().is_err());
    drop(a);
}

#[test]
fn a_writer_that_gives_up_lets_readers_in_and_so_closes_no_cycle() {
    let graph = WaitGraph::new();
    let mut readers = readers(&graph);
    let gives_up = Wanted {
        until: Some(Instant::now()),
        ..wanting(A, Mode::Exclusive)
    };
    let patient = graph.enter(holding(&[]), gives_up).expect("no cycle");
    assert!(until_told(&mut readers).is_none());
    drop(patient);
    assert!(until_told(&mut readers).is_some());
}

#[test]
fn an_upgrade_is_blocked_by_its_own_read_and_not_by_what_it_upgrades() {
    let graph = WaitGraph::new();
    let upgrade = || {
        let mut wanted = wanting(A, Mode::Exclusive);
        let Target::Lock { upgrades, .. } = &mut wanted.target else {
            unreachable!()
        };
        *upgrades = true;
        wanted
    };
    let upgrades = holding(&[(A, Mode::Upgradable)]);
    assert!(graph.enter(upgrades, upgrade()).is_ok());
    let reads_too = holding(&[(A, Mode::Shared), (A, Mode::Upgradable)]);
    let report = graph.enter(reads_too, upgrade()).err().unwrap();
    assert_eq!(report.kind(), FindingKind::Recursive);
    assert_eq!(report.steps()[0].holds.access, Access::Shared);
}

#[test]
fn a_wait_that_was_refused_is_in_nobodys_way() {
    let graph = WaitGraph::new();
    let refused = holding(&[(A, Mode::Shared), (B, Mode::Exclusive)]);
    let told = graph.enter(refused, wanting(A, Mode::Exclusive));
    assert!(told.is_err(), "it reads what it wants to write");
    let other = holding(&[(A, Mode::Shared)]);
    assert!(graph.enter(other, wanting(B, Mode::Exclusive)).is_ok());
}

#[test]
fn a_wait_that_gives_up_is_told_but_is_no_link_for_others() {
    let graph = WaitGraph::new();
    let patient = Wanted {
        until: Some(Instant::now()),
        ..wanting(B, Mode::Exclusive)
    };
    let (one, other) = (
        holding(&[(A, Mode::Exclusive)]),
        holding(&[(B, Mode::Exclusive)]),
    );
    let first = graph.enter(one, patient.clone()).expect("no cycle yet");
    let second = graph
        .enter(other, wanting(A, Mode::Exclusive))
        .expect("the first gives up");
    drop(first);
    assert!(graph.enter(one, patient).is_err(), "the second does not");
    drop(second);
}

/// A thread with these duties.
fn with_duties(duties: &[usize]) -> &'static Record {
    let record = holding(&[]);
    duties.iter().for_each(|duty| record.duties.begin(*duty));
    record
}

/// Something that needs any one of so many threads with a duty, or each thread with one of some duties.
enum Stub {
    Any(usize, usize),
    Each(&'static [usize]),
    Nobody,
}

impl Awaited for Stub {
    fn needs(&self) -> Needs {
        match *self {
            Self::Any(duty, threads) => Needs::Any {
                duties: vec![duty],
                threads,
            },
            Self::Each(duties) => Needs::Each(duties.to_vec()),
            Self::Nobody => Needs::Nobody,
        }
    }
}

fn awaiting(stub: Stub) -> Wanted {
    Wanted {
        target: Target::Changing {
            awaited: Arc::new(stub),
            name: "stub".into(),
            access: Access::Room,
            waker: Waker::noop().clone(),
        },
        until: None,
        place: None,
    }
}

#[test]
fn what_any_of_several_can_do_is_waited_for_in_vain_only_when_all_are_stuck() {
    let graph = WaitGraph::new();
    let waits = |record, stub| graph.enter(record, awaiting(stub));
    // Two threads of each crew, each of which waits for anyone of the other crew.
    let (first, second) = (Stub::Any(2, 2), Stub::Any(2, 2));
    let _first = waits(with_duties(&[1]), first).expect("nobody waits for it");
    let _second = waits(with_duties(&[1]), second).expect("the other crew works");
    let _third = waits(with_duties(&[2]), Stub::Any(1, 2)).expect("one of its crew works");
    let last = with_duties(&[2]);
    let timed = Wanted {
        until: Some(Instant::now()),
        ..awaiting(Stub::Any(3, 1))
    };
    drop(graph.enter(last, timed).expect("nobody has that duty"));
    let report = waits(last, Stub::Any(1, 2))
        .err()
        .expect("all four are stuck");
    assert_eq!(report.steps().len(), 2, "the shortest cycle: {report}");
    let _last = waits(last, Stub::Any(1, 3)).expect("a third one of the crew is about to come");
}

#[test]
fn one_who_gives_up_one_day_frees_those_who_wait_for_any() {
    let graph = WaitGraph::new();
    let patient = Wanted {
        until: Some(Instant::now()),
        ..awaiting(Stub::Any(2, 1))
    };
    let _patient = graph.enter(with_duties(&[1]), patient).expect("no cycle");
    let _other = graph
        .enter(with_duties(&[1]), awaiting(Stub::Any(2, 1)))
        .expect("no cycle");
    assert!(
        graph
            .enter(with_duties(&[2]), awaiting(Stub::Any(1, 2)))
            .is_ok(),
        "the patient one goes on one day"
    );
}

#[test]
fn what_each_of_several_must_do_is_waited_for_in_vain_when_one_is_stuck() {
    let graph = WaitGraph::new();
    let one = with_duties(&[1]);
    let _stuck = graph
        .enter(one, awaiting(Stub::Each(&[3])))
        .expect("no cycle");
    let waiter = with_duties(&[3]);
    let enter = |stub| graph.enter(waiter, awaiting(stub));
    assert!(enter(Stub::Each(&[1, 2])).is_err());
    assert!(enter(Stub::Each(&[2])).is_ok());
    assert!(enter(Stub::Nobody).is_ok());
}

#[test]
fn workers_that_all_wait_for_rest_do_so_in_vain_if_something_is_queued() {
    let graph = WaitGraph::new();
    let enter = |threads| {
        let mut wanted = waiting_for(pool, 7);
        if let Target::Pool { queued, .. } = &mut wanted.target {
            *queued = Arc::new(Stub::Any(7, threads));
        }
        graph.enter(with_duties(&[7]), wanted)
    };
    let _one = enter(2).expect("the other works");
    let _third_works = enter(3).expect("a third works");
    let report = enter(3).err().expect("nobody is left");
    assert_eq!(report.kind(), FindingKind::Deadlock);
}

#[test]
fn who_waits_for_what_depends_on_the_moment_looks_again_when_stirred() {
    struct Rung(AtomicUsize);
    impl Wake for Rung {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let (graph, rung) = (WaitGraph::new(), Arc::new(Rung(AtomicUsize::new(0))));
    let wanted = |awaited| {
        let mut wanted = awaiting(awaited);
        if let Target::Changing { waker, .. } = &mut wanted.target {
            *waker = Waker::from(Arc::clone(&rung));
        }
        wanted
    };
    let first = graph.enter(with_duties(&[1]), wanted(Stub::Any(2, 1)));
    let _second = graph.enter(with_duties(&[1]), wanted(Stub::Each(&[3])));
    let _lock = graph.enter(with_duties(&[1]), wanting(A, Mode::Exclusive));
    graph.stir();
    assert_eq!(rung.0.load(Relaxed), 2);
    drop(first);
    graph.stir();
    assert_eq!(rung.0.load(Relaxed), 3);
}

#[test]
fn a_way_through_one_that_can_end_is_no_cycle() {
    let graph = WaitGraph::new();
    let enter = |duty, stub| graph.enter(with_duties(&[duty]), awaiting(stub));
    // There is a shorter way from the last one over the first, which somebody else will free.
    let _free = enter(2, Stub::Any(1, 2)).expect("nobody waits for it");
    let _next = enter(3, Stub::Each(&[4])).expect("the next one works");
    let _third = enter(4, Stub::Each(&[1])).expect("the last one works");
    let report = enter(1, Stub::Each(&[2, 3])).err().expect("a cycle");
    assert_eq!(report.steps().len(), 3, "{report}");
}

/// A wait for what nobody but who has this duty can do.
fn waiting_for(target: fn(usize, Arc<str>) -> Target, address: usize) -> Wanted {
    Wanted {
        target: target(address, "stub".into()),
        until: None,
        place: None,
    }
}

fn duty(address: usize, name: Arc<str>) -> Target {
    Target::Duty { address, name }
}

fn pool(worker: usize, name: Arc<str>) -> Target {
    let guest = worker + 1;
    let duties = PoolDuties { worker, guest };
    Target::Pool {
        duties,
        queued: Arc::new(Stub::Nobody),
        name,
        waker: Waker::noop().clone(),
    }
}

#[test]
fn who_waits_for_itself_is_told_of_a_deadlock_and_not_of_a_recursion() {
    let graph = WaitGraph::new();
    let told = graph.enter(with_duties(&[7]), waiting_for(duty, 7));
    let report = told.err().expect("nobody else has that duty");
    assert_eq!(
        (report.kind(), report.steps().len()),
        (FindingKind::Deadlock, 1)
    );
    assert!(graph.enter(with_duties(&[8]), waiting_for(duty, 7)).is_ok());
}

#[test]
fn a_pool_waits_for_its_workers_but_they_do_not_wait_for_each_other_to_end() {
    let graph = WaitGraph::new();
    let worker = |lock: &[(usize, Mode)]| {
        let record = holding(lock);
        record.duties.begin(7);
        record
    };
    let (one, other) = (worker(&[(A, Mode::Exclusive)]), worker(&[]));
    let _one = graph
        .enter(one, waiting_for(pool, 7))
        .expect("it is no cycle");
    let _other = graph
        .enter(other, waiting_for(pool, 7))
        .expect("they all wait for the same");
    // Who is no worker of it is in nobody's way.
    let _stranger = graph
        .enter(
            holding(&[(B, Mode::Exclusive)]),
            wanting(A, Mode::Exclusive),
        )
        .expect("the pool does not wait for it");
    let guest = with_duties(&[8]);
    let told = graph.enter(guest, wanting(B, Mode::Exclusive));
    assert!(told.is_err(), "the pool waits for its guests, too");
    let third = worker(&[]);
    let report = graph.enter(third, wanting(B, Mode::Exclusive)).err();
    let report =
        report.expect("the pool waits for this one, and this one for who waits for the pool");
    assert_eq!(report.steps().len(), 3, "{report}");
}
