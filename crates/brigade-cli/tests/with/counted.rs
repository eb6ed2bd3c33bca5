//! So many units of a resource that has more than one.

use crate::stage::Stage;
use crate::{Holder, Loop, assert_succeeds, is_free, start_waiting};

#[test]
fn units_are_used_by_as_many_as_there_are() {
    let stage = Stage::new();
    let first = Holder::start(&stage, "first", &["gpu=2/4"]);
    let second = Holder::start(&stage, "second", &["gpu=1"]);
    assert!(is_free(&stage, &["gpu=1"]) && !is_free(&stage, &["gpu=2"]));
    first.finish();
    assert!(is_free(&stage, &["gpu=3"]) && !is_free(&stage, &["gpu=4"]));
    second.finish();
    assert!(is_free(&stage, &["gpu=4"]));
}

#[test]
fn whichever_unit_is_free_first_ends_a_wait() {
    for first in [true, false] {
        let stage = Stage::new();
        let holders = ["a", "b"].map(|name| Holder::start(&stage, name, &["gpu=1/2"]));
        let script = if first {
            "test -e a-ended"
        } else {
            "test -e b-ended"
        };
        let waiting = start_waiting(&stage, "gpu", &["gpu=1"], script);
        let [a, b] = holders;
        let (ends, stays) = if first { (a, b) } else { (b, a) };
        ends.finish();
        assert_succeeds(waiting);
        stays.finish();
    }
}

#[test]
fn who_wants_many_units_is_not_overtaken_by_who_wants_few() {
    let stage = Stage::new();
    let holders = ["a", "b"].map(|name| Holder::start(&stage, name, &["gpu=1/3"]));
    let script = "test ! -e late && touch all";
    let all = start_waiting(&stage, "gpu", &["gpu=3"], script);
    let late = start_waiting(&stage, "gpu", &["gpu=1"], "touch late; test -e all");
    for holder in holders {
        holder.finish();
    }
    assert_succeeds(all);
    assert_succeeds(late);
}

#[test]
fn all_units_are_had_by_who_names_the_resource_alone() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["gpu=1/2"]);
    assert!(!is_free(&stage, &["gpu"]) && is_free(&stage, &["gpu:shared"]));
    holder.finish();
    let holder = Holder::start(&stage, "alone", &["gpu"]);
    assert!(!is_free(&stage, &["gpu=1"]));
    holder.finish();
    assert!(is_free(&stage, &["gpu=2"]));
}

#[test]
fn never_more_units_are_used_than_there_are() {
    let stage = Stage::new();
    // Each makes a directory for each of its units, and looks how many there are.
    let code = "for i in $(seq 20); do \"$brigade\" with gpu=$1/3 -- sh -c '
             for u in $(seq $1); do mkdir used.$$.$u; done
             test $(ls -d used.* 2>&- | wc -l) -le 3 || exit 1
             rmdir used.$$.*' sh $1 || exit 1
         done";
    let loops = ["1", "2", "1", "3"].map(|units| Loop::start(&stage, code, units));
    for running in loops {
        running.finish();
    }
    assert!(is_free(&stage, &["gpu=3"]));
}

#[test]
fn another_capacity_is_an_error_until_it_is_redeclared() {
    let stage = Stage::new();
    let unknown = stage.run_with(&["gpu=1", "--", "touch", "ran"]);
    assert_eq!(unknown.code, Some(2));
    unknown.assert_says("nobody has said yet how many units `gpu` has");
    let holder = Holder::start(&stage, "holder", &["gpu=1", "--capacity", "gpu=2"]);
    for other in ["gpu=1/3", "gpu=2/5"] {
        let outcome = stage.run_with(&[other, "--", "touch", "ran"]);
        assert_eq!(outcome.code, Some(2));
        outcome.assert_says("`gpu` has 2 units, as was said when it was first used");
    }
    assert_eq!(
        stage.run_with(&["gpu=3", "--", "touch", "ran"]).code,
        Some(2)
    );
    let script = "test -e holder-ended";
    let redeclare = ["gpu=3/3", "--redeclare"];
    let redeclaring = start_waiting(&stage, "gpu", &redeclare, script);
    holder.finish();
    assert_succeeds(redeclaring);
    assert!(is_free(&stage, &["gpu=3"]) && !stage.path("ran").exists());
}
