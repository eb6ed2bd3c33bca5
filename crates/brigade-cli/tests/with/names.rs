//! Resources may have any name.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use crate::stage::{Running, Stage};
use crate::{assert_succeeds, is_free};

const NASTY: &[&[u8]] = &[
    b"..",
    b".",
    b"/",
    b"../../escaped",
    b"a b",
    b"a\nb",
    b"$(touch ran)",
    b"'\"",
    b"%2E.",
    b"%records",
    b"\xff\xfe",
    "ü".as_bytes(),
    b"*",
    b"a.lock",
    b"\x1b[31m",
];

#[test]
fn names_are_only_names_and_each_is_its_own() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let names = NASTY.iter().map(|name| OsString::from_vec(name.to_vec()));
    let names = names.collect::<Vec<_>>();
    let (held, free) = names.split_at(names.len() / 2);
    let script = ["--", "sh", "-c", "echo > here; cat gate"].map(OsString::from);
    let holder = Running::start(stage.with([held, &script].concat()));
    here.wait();
    let attempt = |name: &OsString| {
        let arguments = ["-w0".into(), name.clone(), "--".into(), "true".into()];
        Running::start(stage.with(arguments)).end()
    };
    assert!(held.iter().all(|name| attempt(name).code == Some(1)));
    assert!(free.iter().all(|name| attempt(name).code == Some(0)));
    let list = stage.run_with(&["--list"]);
    assert_eq!(list.text().lines().count(), 1 + held.len(), "{list:?}");
    gate.open();
    assert_succeeds(holder);
    assert!(!stage.path("ran").exists() && !stage.path("escaped").exists());
    let mut left = fs::read_dir(stage.path("")).expect("a directory");
    assert!(left.all(|entry| {
        let name = entry.expect("an entry").file_name();
        ["here", "gate", "locks"].iter().any(|known| name == *known)
    }));
}

#[test]
fn what_a_terminal_would_obey_is_not_printed() {
    let stage = Stage::new();
    let script = "echo > here; cat gate";
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let arguments = ["\x1b[31m", "--", "sh", "-c", script, "\x1b[32m"];
    let holder = Running::start(stage.with(arguments));
    here.wait();
    let list = stage.run_with(&["--list"]);
    assert!(
        list.text().contains("\\u{1b}[31m") && !list.text().contains('\x1b'),
        "{list:?}"
    );
    let outcome = stage.run_with(&["-w0", "\x1b[31m", "--", "true"]);
    assert!(outcome.stderr.contains("`\\u{1b}[31m`") && !outcome.stderr.contains('\x1b'));
    gate.open();
    assert_succeeds(holder);
}

#[test]
fn the_same_name_twice_is_one_unless_it_is_used_in_two_ways() {
    let stage = Stage::new();
    assert!(is_free(
        &stage,
        &["db", "db", "cache:shared", "cache:shared"]
    ));
    for twice in [["db", "db:shared"], ["gpu=1/4", "gpu=1/4"]] {
        let outcome = stage.run_with(&[&twice[..], &["--", "touch", "ran"]].concat());
        assert_eq!(outcome.code, Some(2));
        outcome.assert_says("is named twice");
    }
    assert!(!stage.path("ran").exists());
}
