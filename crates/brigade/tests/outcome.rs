//! How a task ended: its handle, its callback, the panic handler and the counts agree.
#![cfg(not(any(loom, shuttle)))]

mod gate;

use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use brigade::Pool;
use brigade::pool::{Cancel, Panic, Shutdown, TaskError, WhenFull};
use gate::Gate;
use parking_lot::Mutex;

/// A pool of one worker, and the panics that no handle reports.
fn pool() -> (Pool, Receiver<(Option<String>, String)>) {
    let (told, hears) = channel();
    let told = Mutex::new(told);
    let builder = Pool::builder("outcomes").workers(1);
    let builder = builder.on_panic(move |panic| {
        let task = panic.task().map(str::to_owned);
        told.lock().send((task, panic.to_string())).unwrap();
    });
    (builder.build().unwrap(), hears)
}

fn panic_of<T: std::fmt::Debug>(result: Result<T, TaskError>) -> Panic {
    match result {
        Err(TaskError::Panicked(panic)) => panic,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_comes_with_its_payload_message_place_and_names() {
    let (pool, _) = pool();
    let what = "paper".to_owned();
    let task = pool.task(move || panic!("no {what}")).name("print");
    let line = line!() - 1;
    let handle: brigade::pool::TaskHandle<()> = task.submit().unwrap();
    let panic = panic_of(handle.join());
    assert_eq!((panic.pool(), panic.task()), ("outcomes", Some("print")));
    assert_eq!(panic.message(), "no paper");
    let place = panic.location().unwrap();
    assert!(place.contains(&format!("outcome.rs:{line}:")), "{place}");
    let text = panic.to_string();
    for part in ["`print`", "`outcomes`", "no paper", place] {
        assert!(text.contains(part), "{text}");
    }
    let payload = panic.into_payload();
    assert_eq!(payload.downcast_ref::<String>().unwrap(), "no paper");
}

#[test]
fn a_payload_of_any_type_comes_through() {
    let (pool, _) = pool();
    let panics = pool.submit(|| panic_any(7_u64)).unwrap();
    let panic = panic_of::<()>(panics.join());
    assert!(panic.location().unwrap().contains("outcome.rs"));
    assert_eq!(*panic.into_payload().downcast::<u64>().unwrap(), 7);
}

#[test]
fn a_panic_is_not_given_the_place_of_an_earlier_one() {
    let (pool, _) = pool();
    let contained = pool.submit(|| catch_unwind(|| panic!("contained")).is_err());
    assert!(contained.unwrap().join().unwrap());
    let raised = pool
        .submit(|| resume_unwind(Box::new("from afar")))
        .unwrap();
    let panic = panic_of::<()>(raised.join());
    assert_eq!((panic.message(), panic.location()), ("from afar", None));
}

#[test]
fn panics_without_a_handle_go_to_the_panic_handler() {
    let (pool, hears) = pool();
    pool.execute(|| resume_unwind(Box::new("plain"))).unwrap();
    let (task, text) = hears.recv().unwrap();
    assert_eq!(task, None);
    assert!(
        text.contains("`outcomes`") && text.contains("plain"),
        "{text}"
    );
    let named = pool.task(|| resume_unwind(Box::new("named"))).name("job");
    named.execute().unwrap();
    assert_eq!(hears.recv().unwrap().0.as_deref(), Some("job"));
    let handle = pool.submit(|| resume_unwind(Box::new("seen"))).unwrap();
    let _: Panic = panic_of::<()>(handle.join());
    pool.wait_idle();
    assert!(hears.try_recv().is_err(), "a handle has reported that one");
    assert_eq!(pool.metrics().panicked, 3);
}

#[test]
fn a_task_whose_deadline_has_passed_does_not_run() {
    let (pool, _) = pool();
    let witness = Arc::new(());
    let gate = Gate::shut(&pool);
    let kept = Arc::clone(&witness);
    let late = pool.task(move || drop(kept)).name("late");
    let late = late.deadline(Instant::now()).submit().unwrap();
    let soon = pool
        .task(|| 7)
        .deadline(Instant::now() + Duration::MAX / 4_000_000_000);
    let soon = soon.submit().unwrap();
    drop(gate);
    let Err(TaskError::Expired(id)) = late.join() else {
        panic!("its time had passed")
    };
    assert_eq!(id.task(), Some("late"));
    assert_eq!(soon.join().unwrap(), 7);
    pool.wait_idle();
    assert_eq!(Arc::strong_count(&witness), 1, "the closure was dropped");
    let metrics = pool.metrics();
    assert_eq!((metrics.expired, metrics.completed), (1, 2));
}

#[test]
fn a_task_that_has_begun_may_run_beyond_its_deadline() {
    let (pool, _) = pool();
    let deadline = Instant::now() + Duration::from_millis(20);
    let (told, hears) = channel();
    let task = pool.task(move || {
        told.send(()).unwrap();
        while Instant::now() <= deadline {
            std::thread::yield_now();
        }
        7
    });
    let handle = task.deadline(deadline).submit().unwrap();
    // On a machine so slow that it did not begin in time, it says so.
    match hears.recv() {
        Ok(()) => assert_eq!(handle.join().unwrap(), 7),
        Err(_) => assert!(matches!(handle.join(), Err(TaskError::Expired(_)))),
    }
}

#[test]
fn a_deadline_and_a_cancel_end_a_task_once() {
    let (pool, _) = pool();
    let (told, hears) = channel();
    let gate = Gate::shut(&pool);
    let task = pool.task(|| ()).deadline(Instant::now());
    let task = task.on_complete(move |outcome| told.send(outcome.is_ok()).unwrap());
    let handle = task.submit().unwrap();
    assert_eq!(handle.cancel(), Cancel::Removed);
    drop(gate);
    pool.wait_idle();
    assert!(matches!(handle.join(), Err(TaskError::Cancelled(_))));
    assert_eq!(hears.iter().collect::<Vec<_>>(), [false]);
    assert_eq!((pool.metrics().cancelled, pool.metrics().expired), (1, 0));
}

/// A name for each kind of end.
fn kind<T>(outcome: &Result<T, TaskError>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(TaskError::Panicked(_)) => "panicked",
        Err(TaskError::Cancelled(_)) => "cancelled",
        Err(TaskError::Expired(_)) => "expired",
        Err(TaskError::Discarded(_)) => "discarded",
        Err(TaskError::ShutDown(_)) => "shut down",
        Err(_) => "other",
    }
}

#[test]
fn the_callback_is_called_exactly_once_on_each_kind_of_end() {
    let builder = Pool::builder("ends").workers(1).queue_capacity(1);
    let pool = builder.when_full(WhenFull::DiscardOldest).build().unwrap();
    let (told, hears) = channel();
    let note = || {
        let told = told.clone();
        move |outcome: &Result<u8, TaskError>| told.send(kind(outcome)).unwrap()
    };
    let submit = || pool.task(|| 7).on_complete(note()).submit().unwrap();
    let (ok, panics) = (
        submit().join(),
        pool.task(|| resume_unwind(Box::new("expected"))),
    );
    let panics = panics.on_complete(note()).submit().unwrap().join();
    assert_eq!((kind(&ok), kind(&panics)), ("ok", "panicked"));
    let gate = Gate::shut(&pool);
    let cancelled = submit();
    cancelled.cancel();
    let discarded = submit();
    let expires = pool.task(|| 7).on_complete(note()).deadline(Instant::now());
    let expires = expires.submit().unwrap();
    drop(gate);
    let ends = [cancelled.join(), discarded.join(), expires.join()];
    assert_eq!(
        ends.each_ref().map(kind),
        ["cancelled", "discarded", "expired"]
    );
    let gate = Gate::shut(&pool);
    let handed_back = submit();
    let refused = pool.task(|| 7).on_complete(note()).try_submit();
    assert!(refused.is_err(), "and never for a refused one");
    let report = std::thread::scope(|scope| {
        let shutdown = scope.spawn(|| pool.shutdown(Shutdown::now()));
        assert_eq!(kind(&handed_back.join()), "shut down");
        drop(gate);
        shutdown.join().unwrap()
    });
    assert_eq!(report.unstarted.len(), 1);
    drop(told);
    let mut all: Vec<_> = hears.iter().collect();
    all.sort_unstable();
    assert_eq!(
        all,
        [
            "cancelled",
            "discarded",
            "expired",
            "ok",
            "panicked",
            "shut down"
        ]
    );
}

#[test]
fn the_callback_comes_before_the_handle_and_may_panic() {
    let (pool, hears) = pool();
    let (told, tells) = channel();
    let task = pool.task(|| 7).name("called back").on_complete(move |_| {
        told.send(()).unwrap();
        resume_unwind(Box::new("in the callback"));
    });
    assert_eq!(task.submit().unwrap().join().unwrap(), 7);
    assert!(tells.try_recv().is_ok(), "it was called before");
    let (task, text) = hears.recv().unwrap();
    assert_eq!(task.as_deref(), Some("called back"));
    assert!(text.contains("in the callback"), "{text}");
    assert_eq!(pool.submit(|| 8).unwrap().join().unwrap(), 8);
    assert_eq!(pool.metrics().panicked, 0, "the task itself did not");
}
