//! A command with arguments: each argument is one word, whatever it contains.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::stage::Stage;

const NASTY: &[&[u8]] = &[
    b"plain",
    b" two  words ",
    b"it's",
    b"\"quoted\"",
    b"$(touch owned)",
    b"`touch owned`",
    b"; touch owned",
    b"& touch owned",
    b"'; touch owned; '",
    b"\"; touch owned; \"",
    b"a\nb",
    b"\n",
    b"-rf",
    b"--help",
    b"*",
    b"?",
    b"[a]",
    b"~",
    b"$HOME",
    b"${HOME}",
    b"\\",
    b"\\n",
    b"#",
    b"!",
    b"{}",
    b"{a,b}",
    b"=",
    b"a=b",
    b"@high",
    b"%s",
    b"\t",
    b"\r",
    b"\x01\x1b[31m",
    b"\xff\xfe\x80",
    "ü€😀".as_bytes(),
];

/// Every form in which a command can take an argument. `$0` of each `sh` makes the rest its parameters.
const FORMS: &[&[&str]] = &[
    &["./show", "{}"],
    &["./show"],
    &["./show {}"],
    &["./show"],
    &["./show '{}'"],
    &["./show {}; :"],
    &["true && ./show"],
    &["./show \"{}\" | cat"],
    &["(./show '{}')"],
    &["x={}; ./show \"$x\""],
    &["f() { ./show \"$brigade_argument\"; }; f"],
];

fn stage() -> Stage {
    let stage = Stage::new();
    stage.script(
        "show",
        "#!/bin/sh\nfor word; do printf '<%s>\\0' \"$word\"; done\n",
    );
    stage
}

/// Asserts that exactly the nasty arguments were shown, each as one word.
#[track_caller]
fn assert_all_shown(stage: &Stage, arguments: Vec<OsString>, input: &[u8]) {
    let outcome = stage.run(&arguments, input);
    let mut shown = outcome
        .stdout
        .split(|&byte| byte == 0)
        .map(<[u8]>::to_vec)
        .collect::<Vec<_>>();
    assert_eq!(shown.pop(), Some(Vec::new()));
    shown.sort();
    let mut expected = NASTY
        .iter()
        .map(|name| [b"<", *name, b">"].concat())
        .collect::<Vec<_>>();
    expected.sort();
    assert!(
        shown == expected,
        "{arguments:?}: {}",
        String::from_utf8_lossy(&outcome.stdout)
    );
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
    assert!(
        !stage.path("owned").exists(),
        "{arguments:?} ran an argument"
    );
}

#[test]
fn an_argument_after_the_colons_is_one_word_whatever_it_contains() {
    let stage = stage();
    for form in FORMS {
        let mut arguments = form.iter().map(OsString::from).collect::<Vec<_>>();
        arguments.push(":::".into());
        arguments.extend(NASTY.iter().map(|name| OsString::from_vec(name.to_vec())));
        assert_all_shown(&stage, arguments, b"");
    }
}

#[test]
fn an_item_of_the_input_is_one_word_whatever_it_contains() {
    let stage = stage();
    let input = NASTY.join(&0);
    for form in FORMS {
        let arguments = [&["-0"], *form].concat();
        assert_all_shown(
            &stage,
            arguments.iter().map(OsString::from).collect(),
            &input,
        );
    }
}

#[test]
fn a_line_of_the_input_is_one_word_whatever_it_contains() {
    let stage = stage();
    let lines = NASTY
        .iter()
        .filter(|name| !name.contains(&b'\n'))
        .collect::<Vec<_>>();
    for form in FORMS {
        let input = lines
            .iter()
            .map(|line| [**line, b"\n"].concat())
            .collect::<Vec<_>>()
            .concat();
        let outcome = stage.run(*form, &input);
        let shown = outcome.stdout.split(|&byte| byte == 0).count() - 1;
        assert_eq!(
            (shown, outcome.code),
            (lines.len(), Some(0)),
            "{form:?}: {}",
            outcome.stderr
        );
        for line in &lines {
            let word = [b"<", **line, b">\0"].concat();
            let found = outcome
                .stdout
                .windows(word.len())
                .any(|window| window == word);
            assert!(
                found,
                "{form:?} did not show {}",
                String::from_utf8_lossy(line)
            );
        }
    }
}

#[test]
fn an_argument_takes_every_place_also_inside_words() {
    let stage = stage();
    let shown = |arguments: &[&str]| stage.run(arguments, b"").text().replace('\0', "");
    assert_eq!(shown(&["./show {} {}.bak", ":::", "a b"]), "<a b><a b.bak>");
    assert_eq!(
        shown(&["./show", "{}", "{}.bak", ":::", "a b"]),
        "<a b><a b.bak>"
    );
    assert_eq!(
        shown(&["./show {} '{} c' \"{}\"; :", ":::", "a b"]),
        "<a b><a b c><a b>"
    );
}

#[test]
fn parts_of_an_argument_have_places_of_their_own() {
    let stage = stage();
    let shown = |command: &str| {
        let outcome = stage.run(["-k", command, ":::", "d/$(x) y.tar.gz", "z"], b"");
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        outcome.text().replace('\0', "")
    };
    for end in ["", "; :"] {
        let shown = |places: &str| shown(&format!("./show {places}{end}"));
        assert_eq!(shown("{.}"), "<d/$(x) y.tar><z>");
        assert_eq!(shown("{/}"), "<$(x) y.tar.gz><z>");
        assert_eq!(shown("{//}"), "<d><.>");
        assert_eq!(shown("{/.}.xz"), "<$(x) y.tar.xz><z.xz>");
        assert_eq!(
            shown("{#} '{1/} {1.}'"),
            "<1><$(x) y.tar.gz d/$(x) y.tar><2><z z>"
        );
        assert_eq!(shown("{1//} {1/.}"), "<d><$(x) y.tar><.><z>");
    }
}

/// Forms in which a command can take two arguments, the first of which is always `first`.
const TWO: &[&[&str]] = &[
    &["./show", "{2}", "{1/}"],
    &["./show"],
    &["./show {}"],
    &["./show {1} '{2}'"],
    &["./show '{}'; :"],
    &["./show {}; :"],
    &["true && ./show"],
    &["./show \"{1}\" \"{2}\" | cat"],
    &["x={2}; ./show {1.} \"$x\""],
    &["./show \"$brigade_argument_1\" \"$brigade_argument_2\""],
];

#[test]
fn each_of_several_arguments_is_one_word_whatever_it_contains() {
    let stage = stage();
    for form in TWO {
        let mut arguments = form.iter().map(OsString::from).collect::<Vec<_>>();
        arguments.extend([":::", "first", ":::"].map(OsString::from));
        arguments.extend(NASTY.iter().map(|name| OsString::from_vec(name.to_vec())));
        assert_pairs_shown(&stage, &arguments, b"");
        let columns = NASTY.iter().map(|name| [b"first\x02", *name].concat());
        let input = columns.collect::<Vec<_>>().join(&0);
        let arguments = [&["-0", "--colsep", "\x02"], *form].concat();
        let arguments = arguments.iter().map(OsString::from).collect::<Vec<_>>();
        assert_pairs_shown(&stage, &arguments, &input);
    }
}

#[track_caller]
fn assert_pairs_shown(stage: &Stage, arguments: &[OsString], input: &[u8]) {
    let outcome = stage.run(arguments, input);
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
    let mut shown = outcome.stdout.split(|&byte| byte == 0).collect::<Vec<_>>();
    assert_eq!(shown.pop(), Some(&b""[..]));
    shown.sort_unstable();
    let words = NASTY.iter().map(|name| [b"<", *name, b">"].concat());
    let mut expected = words.collect::<Vec<_>>();
    expected.extend(NASTY.iter().map(|_| b"<first>".to_vec()));
    expected.sort();
    assert!(
        shown == expected,
        "{arguments:?}: {}",
        String::from_utf8_lossy(&outcome.stdout)
    );
    assert!(
        !stage.path("owned").exists(),
        "{arguments:?} ran an argument"
    );
}

#[test]
fn columns_of_a_line_have_places_and_a_line_without_one_fails() {
    let stage = stage();
    let run = |separator: &str, input: &[u8]| {
        let outcome = stage.run(["-k", "--colsep", separator, "./show {2} {1}-{#}"], input);
        (outcome.text().replace('\0', ""), outcome)
    };
    for (separator, input) in [("\\t", &b"a\tb c\n\nd\t\n"[..]), (", ", b"a, b c\nd, \n")] {
        let (shown, outcome) = run(separator, input);
        assert_eq!(
            (shown.as_str(), outcome.code),
            ("<b c><a-1><><d-2>", Some(0))
        );
    }
    let (shown, outcome) = run(".", b"a.b\nalone\nc.d.e\n");
    assert_eq!(
        (shown.as_str(), outcome.code),
        ("<b><a-1><d><c-3>", Some(1))
    );
    outcome.assert_says("line 2: `alone`: it has no column 2 for {2}, only 1 column");
}

#[test]
fn the_number_of_a_job_is_that_of_the_log_and_of_the_results() {
    let stage = stage();
    let options = [
        "-j1",
        "--joblog",
        "log",
        "--results",
        "out",
        "./show {#} {}",
    ];
    assert_eq!(stage.run(options, b"a\nb\n").code, Some(0));
    let options = [&options[..3], &["--resume"], &options[3..]].concat();
    let outcome = stage.run(options, b"new\na\nb\n");
    assert_eq!(outcome.text().replace('\0', ""), "<3><new>");
    let read = |file: &str| std::fs::read_to_string(stage.path(file)).expect(file);
    assert_eq!(read("out/2/stdout"), "<2>\0<b>\0");
    assert_eq!(
        (read("out/3/job").as_str(), read("out/3/stdout").as_str()),
        ("new", "<3>\0<new>\0")
    );
    assert!(
        read("log")
            .lines()
            .nth(2)
            .expect("three")
            .contains(r#""seq":3"#)
    );
}

#[test]
fn files_of_any_name_reach_the_command() {
    let stage = Stage::new();
    let names = NASTY
        .iter()
        .filter(|name| !name.contains(&b'/'))
        .collect::<Vec<_>>();
    for name in &names {
        std::fs::write(stage.path("").join(OsStr::from_bytes(name)), name).expect("written");
    }
    let input = names
        .iter()
        .map(|name| [b"./", **name, b"\0"].concat())
        .collect::<Vec<_>>()
        .concat();
    let outcome = stage.run(["-0", "cksum"], &input);
    assert_eq!(
        (outcome.code, outcome.stderr.matches("cksum").count()),
        (Some(0), 0)
    );
    outcome.assert_says(&format!("{} jobs, 0 failed", names.len()));
}

#[test]
fn an_argument_with_a_nul_byte_is_a_failure_that_says_so() {
    let outcome = Stage::new().run(["echo"], b"a\nb\0c\nd\n");
    assert_eq!(
        (outcome.code, outcome.sorted_lines()),
        (Some(1), vec!["a", "d"])
    );
    outcome
        .assert_says("line 2: `b\\u{0}c`: it has a NUL byte, which cannot be passed to a program");
}
