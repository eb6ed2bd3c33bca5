//! One at a time, or several who share.

use std::fs;

use crate::stage::Stage;
use crate::{Holder, Loop, assert_succeeds, is_free, start_waiting};

/// Shell code that loses counts unless it runs alone.
const COUNT: &str = "n=$(cat count); echo $((n + 1)) > count";

/// Counts so often, holding these resources, in as many loops as there are sets of them.
fn count_in_loops(stage: &Stage, times: u32, resources: &[&str]) {
    fs::write(stage.path("count"), "0").expect("written");
    let code = format!(
        "i=0; while test $i -lt {times}; do \"$brigade\" with $1 -- sh -c '{COUNT}' || exit 1; i=$((i + 1)); done"
    );
    let loops = resources.iter().map(|set| Loop::start(stage, &code, set));
    for running in loops.collect::<Vec<_>>() {
        running.finish();
    }
}

fn count(stage: &Stage) -> u32 {
    let count = fs::read_to_string(stage.path("count")).expect("readable");
    count.trim().parse().expect("a number")
}

#[test]
fn a_resource_is_used_by_one_command_at_a_time() {
    let stage = Stage::new();
    let first = Holder::start(&stage, "first", &["db"]);
    let second = start_waiting(&stage, "db", &["db"], "test -e first-ended");
    first.finish();
    assert_succeeds(second);
}

#[test]
fn nothing_is_lost_by_many_at_once() {
    let stage = Stage::new();
    count_in_loops(&stage, 25, &["db"; 4]);
    assert_eq!(count(&stage), 100);
}

#[test]
fn opposite_orders_do_not_deadlock_in_a_thousand_runs() {
    let stage = Stage::new();
    count_in_loops(&stage, 500, &["a b", "b a"]);
    assert_eq!(count(&stage), 1000);
}

#[test]
fn who_shares_does_not_wait_for_others_who_share() {
    let stage = Stage::new();
    let first = Holder::start(&stage, "first", &["cache:shared"]);
    let second = Holder::start(&stage, "second", &["cache:shared"]);
    assert!(is_free(&stage, &["cache:shared"]) && !is_free(&stage, &["cache"]));
    first.finish();
    assert!(!is_free(&stage, &["cache"]));
    second.finish();
    assert!(is_free(&stage, &["cache"]));
}

#[test]
fn who_shares_waits_for_who_has_it_alone_and_the_other_way_round() {
    let stage = Stage::new();
    let alone = Holder::start(&stage, "alone", &["cache"]);
    let script = "test -e alone-ended";
    let sharing = start_waiting(&stage, "cache", &["cache:shared"], script);
    alone.finish();
    assert_succeeds(sharing);
    let sharing = Holder::start(&stage, "sharing", &["cache:shared"]);
    let alone = start_waiting(&stage, "cache", &["cache"], "test -e sharing-ended");
    sharing.finish();
    assert_succeeds(alone);
}

#[test]
fn those_who_share_do_not_overtake_who_waits_to_have_it_alone() {
    let stage = Stage::new();
    let sharing = Holder::start(&stage, "sharing", &["cache:shared"]);
    let script = "test -e sharing-ended && test ! -e late && touch alone";
    let alone = start_waiting(&stage, "cache", &["cache"], script);
    let late = "touch late; test -e alone";
    let late = start_waiting(&stage, "cache", &["cache:shared"], late);
    sharing.finish();
    assert_succeeds(alone);
    assert_succeeds(late);
}

#[test]
fn several_are_had_together() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["b", "a", "c:shared"]);
    assert!(!is_free(&stage, &["a"]) && !is_free(&stage, &["b"]) && !is_free(&stage, &["c"]));
    assert!(is_free(&stage, &["c:shared", "d"]));
    holder.finish();
    assert!(is_free(&stage, &["a", "b", "c"]));
}

#[test]
fn several_are_taken_in_the_order_of_their_names_whatever_order_they_are_given_in() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["a"]);
    let waiting = start_waiting(&stage, "a", &["b", "a"], ":");
    assert!(is_free(&stage, &["b"]));
    holder.finish();
    assert_succeeds(waiting);
}
