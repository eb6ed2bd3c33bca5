//! Batches.

use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::thread;

use brigade::cache::ComputeError;

use super::users;

#[test]
fn what_is_missing_is_loaded_in_one_call() {
    let users = users();
    users.get_or_load(2, |_| Ok(20)).unwrap();
    let mut calls = Vec::new();
    let values = users.get_many([1, 2, 3, 4, 1], |missing| {
        calls.push(missing.to_vec());
        Ok(vec![(4, 40), (1, 10), (99, 0)])
    });
    assert_eq!(
        values,
        Ok(vec![Some(10), Some(20), None, Some(40), Some(10)])
    );
    assert_eq!(calls, [[1, 3, 4]]);
    assert_eq!(
        (users.get(&3), users.get(&99), users.len()),
        (None, None, 3)
    );
    let metrics = users.metrics();
    assert_eq!((metrics.loads, metrics.load_failures), (4, 1));
}

#[test]
fn a_key_that_does_not_come_is_asked_for_once() {
    let users = users();
    let mut calls = 0;
    let values = users.get_many([1, 1, 1], |_| {
        calls += 1;
        Ok(vec![])
    });
    assert_eq!((values, calls), (Ok(vec![None; 3]), 1));
    assert_eq!(users.get_many([], |_| unreachable!()), Ok(vec![]));
}

#[test]
fn an_error_of_a_batch_leaves_its_keys_to_others() {
    let users = users();
    let failed = users.get_many([1, 2], |_| Err("gone"));
    assert_eq!(failed, Err(ComputeError::Failed("gone")));
    assert_eq!(users.get_or_load(1, |_| Ok(1)), Ok(1));
    assert_eq!(users.metrics().load_failures, 2);
}

#[test]
fn batches_that_want_each_others_keys_load_each_key_once() {
    let (users, both) = (users(), Barrier::new(2));
    thread::scope(|scope| {
        for keys in [[1, 2, 3], [4, 2, 1]] {
            let (users, both) = (&users, &both);
            scope.spawn(move || {
                let load = |missing: &[u32]| {
                    // Each has a key that the other does not ask for: both load, at the same time.
                    both.wait();
                    Ok(missing.iter().map(|key| (*key, key * 10)).collect())
                };
                let values = users.get_many(keys, load).unwrap();
                assert_eq!(values, keys.map(|key| Some(key * 10)));
            });
        }
    });
    assert_eq!((users.metrics().loads, users.len()), (4, 4));
}

#[test]
fn what_others_fail_to_load_is_loaded_in_a_second_call() {
    let users = users();
    let (inside, entered) = channel();
    let (fail, told) = channel::<()>();
    thread::scope(|scope| {
        let users = &users;
        let other = scope.spawn(move || {
            users.get_or_load(2, |_| {
                inside.send(()).unwrap();
                told.recv().unwrap();
                Err("no paper")
            })
        });
        entered.recv().unwrap();
        let mut calls = Vec::new();
        let values = users.get_many([1, 2], |missing| {
            calls.push(missing.to_vec());
            if missing == [1] {
                fail.send(()).unwrap();
            }
            Ok(missing.iter().map(|key| (*key, key * 10)).collect())
        });
        assert_eq!(values, Ok(vec![Some(10), Some(20)]));
        assert_eq!(calls, [[1], [2]]);
        assert!(other.join().unwrap().is_err());
    });
}
