//! A zoo of planted bugs, each with a correct twin: what brigade-check finds, by which way, and that it raises no
//! false alarm. The table of the README is made from it.
//!
//! Each specimen is compiled twice, on shuttle's primitives (`explored`) and on those of std (`stressed`), from the
//! same source.
#![cfg(feature = "explore")]
#![allow(clippy::duplicate_mod, reason = "the same source on other primitives")]

mod explored;
mod specimen;
mod stressed;

use std::time::Instant;

use specimen::{Mode, Specimen, Way, finding, shape};

fn all(
    families: &'static [&'static [Specimen]],
    mode: Mode,
) -> impl Iterator<Item = &'static Specimen> {
    let specimens = families.iter().copied().flatten();
    specimens.filter(move |specimen| specimen.found_by.contains(&mode))
}

#[test]
fn explored_bugs_are_found_made_small_and_replayed() {
    for specimen in all(explored::FAMILIES, Mode::Explore) {
        let begun = Instant::now();
        let found = finding(specimen.name, (specimen.bug)(&Way::EXPLORE));
        println!(
            "{:40} {:?} runs {} {:?} {:?}",
            specimen.name,
            found.kind,
            found.runs,
            shape(&found),
            begun.elapsed()
        );
    }
}

#[test]
fn explored_twins() {
    for specimen in all(explored::FAMILIES, Mode::Explore) {
        let begun = Instant::now();
        let report = (specimen.twin)(&Way::EXPLORE.doubled());
        println!(
            "{:40} {} {:?}",
            specimen.name,
            match report {
                Ok(r) => format!("{r:?}"),
                Err(e) => e.to_string(),
            },
            begun.elapsed()
        );
    }
}

#[test]
fn stressed_bugs() {
    for specimen in all(stressed::FAMILIES, Mode::Stress) {
        let begun = Instant::now();
        let checked = (specimen.bug)(&Way::STRESS);
        println!(
            "{:40} {} {:?}",
            specimen.name,
            match checked {
                Ok(r) => format!("{r:?}"),
                Err(e) => {
                    let f = e.finding().unwrap();
                    format!("{:?} runs {} {:?}", f.kind, f.runs, shape(f))
                }
            },
            begun.elapsed()
        );
    }
}

#[test]
fn stressed_twins() {
    for specimen in all(stressed::FAMILIES, Mode::Stress) {
        let begun = Instant::now();
        let report = (specimen.twin)(&Way::STRESS);
        println!(
            "{:40} {} {:?}",
            specimen.name,
            match report {
                Ok(r) => format!("{r:?}"),
                Err(e) => e.to_string(),
            },
            begun.elapsed()
        );
    }
}
