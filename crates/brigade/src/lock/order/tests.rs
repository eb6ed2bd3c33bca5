use std::mem::size_of;
use std::time::Duration;

use super::{
    Key, OrderedMutex, OrderedMutexGuard, OrderedReadGuard, OrderedRwLock, OrderedWriteGuard, Root,
    Token, lock_levels,
};

lock_levels! { Accounts < Journal < Log }
lock_levels! { after Accounts: Cache }

/// Runs on a thread of its own: keys are per thread, and the test threads are reused.
fn with_key<R: Send>(test: impl FnOnce(&mut Key) -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| test(&mut Key::get().expect("a new thread has none")));
        thread.join().expect("the test panicked")
    })
}

#[test]
fn nothing_of_it_has_a_size() {
    assert_eq!(size_of::<Token<'_, Root>>(), 0);
    assert_eq!(size_of::<Key>(), 0);
    assert_eq!(
        size_of::<OrderedMutex<Log, u64>>(),
        size_of::<crate::lock::Mutex<u64>>()
    );
    assert_eq!(
        size_of::<OrderedRwLock<Log, u64>>(),
        size_of::<crate::lock::RwLock<u64>>()
    );
    assert_eq!(
        size_of::<OrderedMutexGuard<'_, Log, u64>>(),
        size_of::<crate::lock::MutexGuard<'_, u64>>()
    );
    assert_eq!(
        size_of::<OrderedReadGuard<'_, Log, u64>>(),
        size_of::<crate::lock::RwLockReadGuard<'_, u64>>()
    );
    assert_eq!(
        size_of::<OrderedWriteGuard<'_, Log, u64>>(),
        size_of::<crate::lock::RwLockWriteGuard<'_, u64>>()
    );
}

#[test]
fn locks_guards_and_levels_go_to_other_threads_as_far_as_they_should() {
    fn shared<T: Sync>() {}
    fn sent<T: Send>() {}
    /// A level that is neither `Send` nor `Sync`: levels are only names.
    struct Local(#[expect(dead_code, reason = "for its traits")] *const ());
    sent::<OrderedMutex<Local, u64>>();
    shared::<OrderedMutex<Local, u64>>();
    shared::<OrderedRwLock<Local, u64>>();
    shared::<OrderedMutexGuard<'_, Log, u64>>();
    shared::<OrderedReadGuard<'_, Log, u64>>();
    shared::<OrderedWriteGuard<'_, Log, u64>>();
}

#[test]
fn a_lock_is_free_again_after_its_guard_and_the_token_with_it() {
    let accounts = OrderedMutex::<Accounts, _>::new(1);
    let journal = OrderedRwLock::<Journal, _>::new(10);
    with_key(|key| {
        for _ in 0..2 {
            let (mut accounts, mut token) = accounts.lock(key);
            let (mut journal, _) = journal.write(&mut token);
            *accounts += 1;
            *journal += 1;
        }
        let (journal, _) = journal.read(key);
        assert_eq!(*journal, 12);
    });
    assert_eq!(accounts.into_inner(), 3);
    assert_eq!(journal.into_inner(), 12);
}

#[test]
fn the_outer_guard_may_go_first() {
    let accounts = OrderedMutex::<Accounts, _>::new(());
    let cache = OrderedMutex::<Cache, _>::new(());
    with_key(|key| {
        let (outer, mut token) = accounts.lock(key);
        let (inner, _) = cache.lock(&mut token);
        drop(outer);
        drop(inner);
        assert!(accounts.try_lock(key).is_some());
    });
}

#[test]
fn a_lock_that_is_taken_gives_the_token_back() {
    let short = Duration::from_millis(1);
    let mutex = OrderedMutex::<Journal, _>::new(0);
    let rwlock = OrderedRwLock::<Journal, _>::new(0);
    with_key(|key| {
        let (_mutex, _) = mutex.lock(key);
        with_key(|other| {
            assert!(mutex.try_lock(other).is_none());
            assert!(mutex.try_lock_for(other, short).is_none());
            let (_rwlock, _) = rwlock.read(other);
            with_key(|third| {
                assert!(rwlock.try_write(third).is_none());
                assert!(rwlock.try_write_for(third, short).is_none());
                assert!(rwlock.try_read(third).is_some());
                assert!(rwlock.try_read_for(third, short).is_some());
            });
        });
    });
}

#[test]
fn a_panic_gives_the_key_back() {
    let thread = std::thread::spawn(|| {
        let caught = std::panic::catch_unwind(|| {
            let _key = Key::get();
            panic!("on purpose");
        });
        assert!(caught.is_err());
        Key::get().is_some()
    });
    assert!(thread.join().expect("caught inside"));
}
