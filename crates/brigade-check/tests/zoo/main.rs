//! A zoo of planted bugs, each with a correct twin of the same shape: what brigade-check finds, by which way, and that
//! it raises no false alarm.
//!
//! Each specimen is compiled twice from the same source, on the primitives of shuttle (`explored`) and on those of std
//! (`stressed`). The table of the README lists them; to make it again:
//! `cargo test --release -p brigade-check --test zoo print_the_table -- --ignored --nocapture`.
#![cfg(feature = "explore")]
#![allow(clippy::duplicate_mod, reason = "the same source on other primitives")]

#[path = "../count/mod.rs"]
mod count;
mod explored;
mod specimen;
mod stressed;
mod table;

use std::collections::BTreeSet;
use std::thread::available_parallelism;

use brigade_check::Kind;
use specimen::{Checked, Mode, Specimen, Way, finding, shape};

fn explored() -> impl Iterator<Item = &'static Specimen> {
    let all = explored::FAMILIES.iter().copied().flatten();
    all.filter(|specimen| specimen.is_found_by(Mode::Explore))
}

fn stressed() -> impl Iterator<Item = &'static Specimen> {
    let all = stressed::FAMILIES.iter().copied().flatten();
    all.filter(|specimen| specimen.is_found_by(Mode::Stress))
}

#[test]
fn there_are_at_least_20_bugs_with_a_name_each() {
    let names: BTreeSet<&str> = explored()
        .chain(stressed())
        .map(|specimen| specimen.name)
        .collect();
    let all: usize = explored::FAMILIES.iter().map(|family| family.len()).sum();
    assert_eq!(
        names.len(),
        all,
        "two have the same name, or one is found by neither way"
    );
    assert!(all >= 20);
}

#[test]
fn exploring_finds_each_bug_makes_it_small_and_replays_it_ten_times_of_ten() {
    for Specimen {
        name,
        kind,
        smallest,
        bug,
        ..
    } in explored()
    {
        let found = finding(name, bug(&Way::EXPLORE));
        assert_eq!(
            (found.kind, &shape(&found)[..]),
            (*kind, *smallest),
            "{name}: {}",
            found.reason
        );
        let token = found.token.clone().expect("explored");
        for _ in 0..10 {
            let again = finding(name, bug(&Way::Replay(token.clone())));
            assert_eq!(
                (again.kind, &again.reason),
                (found.kind, &found.reason),
                "{name}"
            );
            assert_eq!(again.token.as_ref(), Some(&token), "{name}");
        }
    }
}

#[test]
fn exploring_raises_no_false_alarm_on_the_twins() {
    for Specimen { name, twin, .. } in explored() {
        let report = twin(&Way::EXPLORE.times(2)).unwrap_or_else(|alarm| panic!("{name}: {alarm}"));
        assert_eq!(report.undecided, 0, "{name}");
        // Small scenarios come on top; of a whole program there are none.
        assert!((2_000..=2_500).contains(&report.runs), "{name}: {report}");
    }
}

/// What a processor does with its stores is seen only while two of them run at once, from which a busy machine may keep
/// them for long.
fn needs_two_cores(specimen: &Specimen) -> bool {
    !specimen.is_found_by(Mode::Explore)
}

const FURTHER_TRIALS: usize = 4;

/// Looks for the bug; again, if it is only seen by luck.
fn look_for(specimen: &Specimen, way: &Way) -> Checked {
    let mut checked = (specimen.bug)(way);
    for _ in 0..FURTHER_TRIALS {
        if needs_two_cores(specimen) && checked.is_ok() {
            checked = (specimen.bug)(way);
        }
    }
    checked
}

#[test]
fn stress_finds_each_bug_and_finds_it_again_from_its_seed() {
    for specimen in stressed() {
        let Specimen {
            name,
            kind,
            smallest,
            ..
        } = specimen;
        // Real threads that deadlock hang.
        let kind = if *kind == Kind::Deadlocked {
            Kind::Hung
        } else {
            *kind
        };
        let way = match kind {
            Kind::Hung => Way::STRESS,
            _ => Way::STRESS.patient(),
        };
        if needs_two_cores(specimen) && available_parallelism().is_ok_and(|cores| cores.get() == 1)
        {
            eprintln!("{name}: left out, it needs two cores");
            continue;
        }
        let found = finding(name, look_for(specimen, &way));
        assert_eq!(found.kind, kind, "{name}: {}", found.reason);
        // How far it is made smaller is a matter of luck; smaller than what is known would be news.
        let known: usize = smallest.iter().sum();
        assert!(
            found.operations.iter().sum::<usize>() >= known,
            "{name}: {:?}",
            found.operations
        );
        let again = look_for(specimen, &way.of_one_scenario(found.seed));
        let again = finding(name, again);
        assert_eq!(
            (again.kind, again.seed),
            (kind, found.seed),
            "{name}: {}",
            again.reason
        );
    }
}

#[test]
fn stress_raises_no_false_alarm_on_the_twins() {
    for Specimen { name, twin, .. } in stressed() {
        let report =
            twin(&Way::STRESS.times(2).patient()).unwrap_or_else(|alarm| panic!("{name}: {alarm}"));
        assert!(
            report.runs > 0 && report.undecided == 0,
            "{name}: {report:?}"
        );
    }
}
