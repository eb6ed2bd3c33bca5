//! Code written for `parking_lot`'s locks works with these, and a lock is hardly larger.

use std::fmt::Debug;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use brigade::lock::{
    Condvar, MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard,
    RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};

static COUNT: Mutex<u64> = Mutex::new(0);
static NAMES: RwLock<Vec<String>> = RwLock::new(Vec::new());
static CHANGED: Condvar = Condvar::new();

const LONG: Duration = Duration::from_secs(500);

#[derive(Debug, Default, PartialEq)]
struct Pair {
    first: u32,
    second: String,
}

#[test]
fn locks_can_be_statics() {
    thread::scope(|scope| {
        let threads = [0, 1, 2, 3].map(|number| {
            scope.spawn(move || {
                *COUNT.lock() += number;
                NAMES.write().push(number.to_string());
                CHANGED.notify_all();
            })
        });
        let mut count = COUNT.lock();
        CHANGED.wait_while(&mut count, |count| *count < 6);
        drop(count);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
    assert_eq!((*COUNT.lock(), NAMES.read().len()), (6, 4));
}

#[test]
fn a_mutex_has_its_usual_methods() {
    let mut mutex = Mutex::new(Pair::default());
    mutex.get_mut().first = 1;
    mutex.lock().second.push('x');
    assert!(mutex.try_lock().is_some());
    assert!(mutex.try_lock_for(LONG).is_some());
    assert!(mutex.try_lock_until(Instant::now() + LONG).is_some());
    {
        let guard = mutex.lock();
        assert!(mutex.is_locked());
        assert!(mutex.try_lock_for(Duration::from_nanos(1)).is_none());
        assert!(mutex.try_lock_until(Instant::now()).is_none());
        assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        MutexGuard::unlock_fair(guard);
    }
    assert!(!mutex.is_locked());
    assert_eq!(
        format!("{mutex:?}"),
        "Mutex { data: Pair { first: 1, second: \"x\" } }"
    );
    assert_eq!(
        mutex.into_inner(),
        Pair {
            first: 1,
            second: "x".to_owned()
        }
    );
    assert_eq!(*Mutex::from(7).lock(), 7);
    assert_eq!(*Mutex::<u8>::default().lock(), 0);
    let unsized_: Box<Mutex<[u8]>> = Box::new(Mutex::new([1, 2, 3]));
    unsized_.lock()[0] = 9;
    assert_eq!(unsized_.lock().len(), 3);
    let dynamic: Arc<Mutex<dyn Debug + Send>> = Arc::new(Mutex::new(3));
    assert_eq!(format!("{:?}", &*dynamic.lock()), "3");
}

#[test]
fn a_mutex_guard_can_be_mapped() {
    let mutex = Mutex::new(Pair::default());
    let second = MutexGuard::map(mutex.lock(), |pair| &mut pair.second);
    let mut bytes: MappedMutexGuard<'_, str> = MappedMutexGuard::map(second, String::as_mut_str);
    bytes.make_ascii_uppercase();
    assert!(mutex.try_lock().is_none());
    drop(bytes);
    let none = MutexGuard::try_map(mutex.lock(), |pair| {
        (pair.first > 0).then_some(&mut pair.first)
    });
    drop(none.err().unwrap());
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_mutex_guard_can_let_others_in_for_a_while() {
    let mutex = Mutex::new(0);
    let mut guard = mutex.lock();
    *guard = 1;
    MutexGuard::unlocked(&mut guard, || *mutex.lock() += 1);
    assert_eq!(*guard, 2);
    MutexGuard::unlocked_fair(&mut guard, || {
        thread::scope(|scope| scope.spawn(|| *mutex.lock() += 1).join().unwrap());
    });
    assert_eq!(*guard, 3);
    MutexGuard::bump(&mut guard);
    assert!(mutex.try_lock().is_none());
    assert!(MutexGuard::mutex(&guard).is_locked());
    drop(guard);
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_bump_lets_a_waiting_thread_in() {
    let mutex = Mutex::new(false);
    thread::scope(|scope| {
        let mut guard = mutex.lock();
        let waits = scope.spawn(|| *mutex.lock() = true);
        while !*guard {
            MutexGuard::bump(&mut guard);
            thread::yield_now();
        }
        drop(guard);
        waits.join().unwrap();
    });
    let lock = RwLock::new(0);
    let mut guard = lock.write();
    RwLockWriteGuard::bump(&mut guard);
    drop(guard);
    let mut guard = lock.read();
    RwLockReadGuard::bump(&mut guard);
    drop(guard);
    let mut guard = lock.upgradable_read();
    RwLockUpgradableReadGuard::bump(&mut guard);
    drop(guard);
    assert!(lock.try_write().is_some());
}

#[test]
fn a_read_write_lock_has_its_usual_methods() {
    let mut lock = RwLock::new(Pair::default());
    lock.get_mut().first = 1;
    lock.write().second.push('x');
    {
        let (one, other) = (lock.read(), lock.try_read().unwrap());
        assert_eq!(*one, *other);
        assert!(lock.is_locked() && !lock.is_locked_exclusive());
        assert!(lock.try_write().is_none());
        assert!(lock.try_write_for(Duration::from_nanos(1)).is_none());
        assert!(lock.try_write_until(Instant::now()).is_none());
        assert!(lock.try_upgradable_read().is_some());
        RwLockReadGuard::unlock_fair(other);
    }
    {
        let guard = lock.write();
        assert!(lock.is_locked_exclusive());
        assert!(lock.try_read_for(Duration::from_nanos(1)).is_none());
        assert!(
            lock.try_upgradable_read_for(Duration::from_nanos(1))
                .is_none()
        );
        assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
        RwLockWriteGuard::unlock_fair(guard);
    }
    assert!(lock.try_read_for(LONG).is_some() && lock.try_write_for(LONG).is_some());
    let deadline = Instant::now() + LONG;
    assert!(lock.try_read_until(deadline).is_some() && lock.try_write_until(deadline).is_some());
    assert!(lock.try_upgradable_read_for(LONG).is_some());
    assert!(lock.try_upgradable_read_until(deadline).is_some());
    assert!(format!("{lock:?}").starts_with("RwLock { data: Pair { first: 1"));
    assert_eq!(lock.into_inner().second, "x");
    assert_eq!(*RwLock::from(7).read(), 7);
    assert_eq!(*RwLock::<u8>::default().read(), 0);
}

#[test]
fn a_read_write_guard_can_be_mapped_and_let_others_in() {
    let lock = RwLock::new(Pair::default());
    let first: MappedRwLockWriteGuard<'_, u32> =
        RwLockWriteGuard::map(lock.write(), |pair| &mut pair.first);
    assert!(lock.try_read().is_none());
    drop(first);
    let first: MappedRwLockReadGuard<'_, u32> =
        RwLockReadGuard::map(lock.read(), |pair| &pair.first);
    assert!(lock.try_write().is_none() && lock.try_read().is_some());
    drop(first);
    let mut guard = lock.write();
    RwLockWriteGuard::unlocked(&mut guard, || lock.write().first = 5);
    assert_eq!(guard.first, 5);
    drop(guard);
    let mut guard = lock.read();
    RwLockReadGuard::unlocked(&mut guard, || lock.write().first = 6);
    assert_eq!(guard.first, 6);
    drop(guard);
    assert!(lock.try_write().is_some());
}

#[test]
fn a_read_write_guard_can_change_its_mode() {
    let lock = RwLock::new(0);
    let read = RwLockWriteGuard::downgrade(lock.write());
    assert!(lock.try_read().is_some() && lock.try_write().is_none());
    drop(read);
    let upgradable = RwLockWriteGuard::downgrade_to_upgradable(lock.write());
    assert!(lock.try_upgradable_read().is_none() && lock.try_read().is_some());
    let mut write = RwLockUpgradableReadGuard::upgrade(upgradable);
    *write += 1;
    assert!(lock.try_read().is_none());
    drop(write);
    let upgradable = lock.upgradable_read();
    let other = thread::scope(|scope| scope.spawn(|| *lock.read()).join().unwrap());
    assert_eq!(other, 1);
    let upgradable = {
        let _reader = lock.try_read().unwrap();
        RwLockUpgradableReadGuard::try_upgrade(upgradable)
            .err()
            .unwrap()
    };
    let upgradable = {
        let _reader = lock.try_read().unwrap();
        RwLockUpgradableReadGuard::try_upgrade_for(upgradable, Duration::from_nanos(1))
            .err()
            .unwrap()
    };
    let mut write = RwLockUpgradableReadGuard::try_upgrade_for(upgradable, LONG)
        .ok()
        .unwrap();
    *write += 1;
    drop(write);
    let mut upgradable = lock.upgradable_read();
    upgradable.with_upgraded(|value| *value += 1);
    upgradable.try_with_upgraded(|value| *value += 1).unwrap();
    let read = RwLockUpgradableReadGuard::downgrade(upgradable);
    assert_eq!((*read, lock.try_upgradable_read().is_some()), (4, true));
    drop(read);
    // Each was noted as it was held: so nothing is held any more.
    assert!(lock.write_checked().is_ok());
}

#[test]
fn a_condition_has_its_usual_methods() {
    let (mutex, condition) = (Mutex::new(0), Condvar::default());
    assert!(!condition.notify_one());
    assert_eq!(condition.notify_all(), 0);
    let mut guard = mutex.lock();
    let short = Duration::from_nanos(1);
    let waited: WaitTimeoutResult = condition.wait_for(&mut guard, short);
    assert!(waited.timed_out());
    assert!(condition.wait_until(&mut guard, Instant::now()).timed_out());
    assert!(
        condition
            .wait_while_for(&mut guard, |value| *value == 0, short)
            .timed_out()
    );
    assert!(
        condition
            .wait_while_until(&mut guard, |value| *value == 0, Instant::now())
            .timed_out()
    );
    condition.wait_while(&mut guard, |value| *value != 0);
    thread::scope(|scope| {
        let notifies = scope.spawn(|| {
            *mutex.lock() = 1;
            condition.notify_one();
        });
        while *guard == 0 {
            condition.wait(&mut guard);
        }
        notifies.join().unwrap();
    });
    assert_eq!(
        format!("{condition:?}"),
        format!("{:?}", parking_lot::Condvar::new())
    );
}

#[test]
fn a_panic_releases_and_poisons_nothing() {
    let mutex = Arc::new(Mutex::new(1));
    let inner = Arc::clone(&mutex);
    let panicked = thread::spawn(move || {
        let _guard = inner.lock();
        panic!("the holder's own");
    });
    assert!(panicked.join().is_err());
    assert_eq!(*mutex.lock(), 1);
}

/// Whether a type has a trait: the method of the type itself comes first, if its bound is met.
macro_rules! has {
    ($type:ty: $bound:path) => {{
        struct Probe<T>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "not every type lacks the trait")]
        trait Otherwise {
            fn has(&self) -> bool {
                false
            }
        }
        impl<T> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "not every type has the trait")]
        impl<T: $bound> Probe<T> {
            fn has(&self) -> bool {
                true
            }
        }
        Probe::<$type>(std::marker::PhantomData).has()
    }};
}

macro_rules! same_markers {
    ($($ours:ty, $theirs:ty;)+) => {$(
        assert_eq!(has!($ours: Send), has!($theirs: Send), stringify!($ours));
        assert_eq!(has!($ours: Sync), has!($theirs: Sync), stringify!($ours));
        assert_eq!(has!($ours: Unpin), has!($theirs: Unpin), stringify!($ours));
    )+};
}

#[test]
fn threads_may_share_and_send_what_they_may_of_parking_lots() {
    use std::cell::Cell;
    use std::rc::Rc;
    same_markers! {
        Mutex<u8>, parking_lot::Mutex<u8>;
        Mutex<Cell<u8>>, parking_lot::Mutex<Cell<u8>>;
        Mutex<Rc<u8>>, parking_lot::Mutex<Rc<u8>>;
        RwLock<u8>, parking_lot::RwLock<u8>;
        RwLock<Cell<u8>>, parking_lot::RwLock<Cell<u8>>;
        RwLock<Rc<u8>>, parking_lot::RwLock<Rc<u8>>;
        Condvar, parking_lot::Condvar;
        MutexGuard<'static, u8>, parking_lot::MutexGuard<'static, u8>;
        MutexGuard<'static, Cell<u8>>, parking_lot::MutexGuard<'static, Cell<u8>>;
        RwLockReadGuard<'static, u8>, parking_lot::RwLockReadGuard<'static, u8>;
        RwLockWriteGuard<'static, u8>, parking_lot::RwLockWriteGuard<'static, u8>;
        RwLockUpgradableReadGuard<'static, u8>, parking_lot::RwLockUpgradableReadGuard<'static, u8>;
        MappedMutexGuard<'static, u8>, parking_lot::MappedMutexGuard<'static, u8>;
    }
    assert!(has!(Mutex<Cell<u8>>: Sync) && !has!(MutexGuard<'static, u8>: Send));
}

#[test]
fn a_lock_is_at_most_eight_bytes_larger_than_parking_lots() {
    fn sizes<T>() -> [(usize, usize); 2] {
        [
            (size_of::<Mutex<T>>(), size_of::<parking_lot::Mutex<T>>()),
            (size_of::<RwLock<T>>(), size_of::<parking_lot::RwLock<T>>()),
        ]
    }
    let all = [
        sizes::<()>(),
        sizes::<u8>(),
        sizes::<[u8; 7]>(),
        sizes::<u32>(),
        sizes::<u64>(),
        sizes::<String>(),
        sizes::<u128>(),
    ];
    for (ours, theirs) in all.into_iter().flatten() {
        assert!(ours <= theirs + 8, "{ours} and {theirs}");
    }
    assert_eq!(size_of::<Condvar>(), size_of::<parking_lot::Condvar>());
}
