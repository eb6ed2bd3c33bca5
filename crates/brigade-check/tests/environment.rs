//! What the environment changes: each promise is kept by a test that runs another one of this file, or itself, in a
//! process of its own.

use std::env;
use std::process::{Command, Output};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use brigade_check::{Model, linearizable, stress};

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Count(u32);

impl Model for Count {
    type Operation = u32;
    type Outcome = u32;

    fn apply(&mut self, step: &u32) -> u32 {
        self.0 += step;
        self.0
    }
}

/// Runs one of the tests below that do nothing unless they are asked to.
fn run(test: &str, variable: &str, value: &str) -> (Output, String) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env("BRIGADE_CHECK_ASKED", "1").env(variable, value);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let text = text.into_owned();
    (output, text)
}

fn asked() -> bool {
    env::var_os("BRIGADE_CHECK_ASKED").is_some()
}

#[test]
fn asked_what_it_draws() {
    if asked() {
        let draw = |(): &(), worker: &mut brigade_check::Worker| {
            println!("drawn {}", worker.rng().u32(..));
        };
        let report = stress()
            .threads(1)
            .operations(1)
            .iterations(1)
            .check(|| (), draw, drop);
        println!("result {report:?}");
    }
}

#[test]
fn the_seed_of_the_environment_repeats_the_operations() {
    let drawn = |seed: &str| {
        let (_, text) = run("asked_what_it_draws", "BRIGADE_CHECK_SEED", seed);
        let drawn = text
            .lines()
            .find_map(|line| line.split("drawn ").nth(1))
            .map(str::to_owned);
        drawn.unwrap_or_else(|| panic!("{text}"))
    };
    assert_eq!(drawn("17"), drawn("17"));
    assert_ne!(drawn("17"), drawn("18"));
}

#[test]
fn a_seed_that_is_no_number_is_refused() {
    let (_, text) = run("asked_what_it_draws", "BRIGADE_CHECK_SEED", "seventeen");
    assert!(text.contains("InvalidSeed(\"seventeen\")"), "{text}");
}

#[test]
fn the_time_of_the_environment_replaces_the_number_of_runs() {
    let (_, text) = run("asked_what_it_draws", "BRIGADE_CHECK_TIME", "200ms");
    assert!(text.contains("result Ok"), "{text}");
    // One iteration was asked for.
    assert!(text.matches("drawn ").count() > 1, "{text}");
}

#[test]
fn a_time_that_is_none_is_refused() {
    for wrong in ["soon", "10 parsecs", "0s", "-1s", "s", "99999999999999h"] {
        let (_, text) = run("asked_what_it_draws", "BRIGADE_CHECK_TIME", wrong);
        assert!(
            text.contains(&format!("InvalidTime(\"{wrong}\")")),
            "{text}"
        );
    }
}

#[cfg(feature = "explore")]
#[test]
fn asked_to_count() {
    if asked() {
        let report = linearizable::<Count>()
            .generate(|rng| rng.u32(1..4))
            .scenarios(1)
            .runs(10)
            // Without small scenarios before, which are not counted.
            .strategy(brigade_check::Strategy::Random)
            .check(
                || AtomicU32::new(0),
                |sum, step| {
                    brigade_check::point("before");
                    sum.fetch_add(*step, SeqCst) + step
                },
            );
        println!("scenarios {}", report.unwrap().scenarios);
        let report = brigade_check::explore().schedules(1).check(|| ());
        println!("schedules {}", report.unwrap().runs);
    }
}

#[cfg(feature = "explore")]
#[test]
fn explored_checks_too_go_on_for_the_time_of_the_environment() {
    let (_, text) = run("asked_to_count", "BRIGADE_CHECK_TIME", "300ms");
    for counted in ["scenarios ", "schedules "] {
        let count = text.lines().find_map(|line| line.split(counted).nth(1));
        let count: u64 = count.unwrap_or_else(|| panic!("{text}")).parse().unwrap();
        assert!(count > 1, "{text}");
    }
}

#[cfg(feature = "explore")]
#[test]
fn asked_to_lose_an_update() {
    if asked() {
        let check = linearizable::<Count>()
            .threads(3)
            .generate(|rng| rng.u32(1..4))
            .explore();
        check.assert(
            || AtomicU32::new(0),
            |sum, step| {
                let read = sum.load(SeqCst);
                brigade_check::point("read");
                sum.store(read + step, SeqCst);
                read + step
            },
        );
    }
}

#[cfg(feature = "explore")]
#[test]
fn the_token_of_a_report_repeats_that_very_run_in_another_process() {
    let test = "asked_to_lose_an_update";
    let report = |text: &str| {
        let from = text
            .find("not linearizable")
            .unwrap_or_else(|| panic!("{text}"));
        let to = from + text[from..].find("BRIGADE_CHECK_REPLAY=").unwrap();
        text[from..to].to_owned()
    };
    let (output, first) = run(test, "BRIGADE_CHECK_SEED", "5");
    assert!(!output.status.success());
    let token = token(&first);
    for _ in 0..3 {
        let (output, again) = run(test, "BRIGADE_CHECK_REPLAY", token);
        assert!(!output.status.success());
        assert_eq!(report(&again), report(&first));
    }
}

#[cfg(feature = "explore")]
fn token(report: &str) -> &str {
    let (_, rest) = report
        .split_once("BRIGADE_CHECK_REPLAY=")
        .unwrap_or_else(|| panic!("{report}"));
    rest.split_whitespace().next().unwrap()
}

#[cfg(feature = "explore")]
#[test]
fn a_report_names_the_test_to_repeat() {
    let (_, text) = run("asked_to_lose_an_update", "BRIGADE_CHECK_SEED", "5");
    let command = " cargo test asked_to_lose_an_update -- --exact";
    assert!(
        text.contains(&(token(&text).to_owned() + command)),
        "{text}"
    );
    let (_, text) = run("asked_to_fail_under_stress", "BRIGADE_CHECK_SEED", "5");
    let command = "BRIGADE_CHECK_SEED=5 cargo test asked_to_fail_under_stress -- --exact";
    assert!(text.contains(command), "{text}");
}

#[test]
fn asked_to_fail_under_stress() {
    if asked() {
        stress().assert(|| (), |(), _| Err("wrong"), drop);
    }
}

#[cfg(feature = "explore")]
#[test]
fn asked_to_fail_twice() {
    if asked() {
        let fail = |with: &'static str| {
            let check = brigade_check::explore().schedules(1);
            let failed = std::panic::catch_unwind(|| check.assert(move || Err(with)));
            assert!(failed.is_err());
        };
        fail("the first time");
        fail("the second time");
    }
}

/// Two checks, of which the second fails.
#[cfg(feature = "explore")]
#[test]
fn asked_to_fail_a_second_check() {
    if asked() {
        let one = brigade_check::explore().schedules(3).check(|| ());
        println!("first check {one:?}");
        brigade_check::explore().assert(|| Err("in the second check"));
    }
}

#[cfg(feature = "explore")]
#[test]
fn a_token_of_the_environment_is_for_the_check_it_came_from_and_leaves_others_alone() {
    let of_update = run("asked_to_lose_an_update", "BRIGADE_CHECK_SEED", "5").1;
    let of_second = run("asked_to_fail_a_second_check", "BRIGADE_CHECK_SEED", "5").1;
    for of_one in [token(&of_update), token(&of_second)] {
        let (_, text) = run("asked_to_count", "BRIGADE_CHECK_REPLAY", of_one);
        assert!(text.contains("scenarios 1\n"), "{text}");
        assert!(text.contains("schedules 1\n"), "{text}");
        assert!(text.contains("belongs to another check"), "{text}");
    }
    let (_, text) = run(
        "asked_to_fail_a_second_check",
        "BRIGADE_CHECK_REPLAY",
        token(&of_second),
    );
    assert!(
        text.contains("first check Ok(") && text.contains("runs: 3"),
        "{text}"
    );
    assert!(text.contains("in the second check"), "{text}");
    assert_eq!(token(&text), token(&of_second));
}

#[cfg(feature = "explore")]
#[test]
fn a_token_that_is_none_or_an_old_one_is_refused() {
    for (wrong, why) in [
        ("bc1-B4rmCAgBAEABBQQADQQAEEP", "of an older brigade-check"),
        ("b4rmCAgBAEABBQQADQQAEEP", "is not a replay token"),
    ] {
        let (output, text) = run("asked_to_lose_an_update", "BRIGADE_CHECK_REPLAY", wrong);
        assert!(!output.status.success() && text.contains(why), "{text}");
    }
}

#[test]
fn without_the_environment_all_is_well() {
    linearizable::<Count>()
        .generate(|rng| rng.u32(1..4))
        .scenarios(5)
        .assert(
            || AtomicU32::new(0),
            |sum, step| sum.fetch_add(*step, SeqCst) + step,
        );
}

#[cfg(feature = "explore")]
#[test]
fn a_picture_of_the_run_is_written_where_the_environment_says() {
    let file = env::temp_dir().join(format!("brigade-check-{}.html", std::process::id()));
    let (_, text) = run(
        "asked_to_lose_an_update",
        "BRIGADE_CHECK_HTML",
        file.to_str().unwrap(),
    );
    let page = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(text.contains("A picture of it: "), "{text}");
    // Two calls with a point each, in two columns.
    for (part, count) in [
        ("<rect ", 2),
        ("<circle ", 2),
        ("class=\"head\"", 2),
        ("<svg ", 1),
        ("</svg>", 1),
    ] {
        assert_eq!(page.matches(part).count(), count, "{part} in {page}");
    }
    assert!(
        page.contains("BRIGADE_CHECK_REPLAY=bc2-") && page.contains("-&gt; "),
        "{page}"
    );
    for from_elsewhere in ["<script", "src=", "href="] {
        assert!(!page.contains(from_elsewhere), "{from_elsewhere} in {page}");
    }
}

#[cfg(feature = "explore")]
#[test]
fn each_failure_of_a_process_has_a_picture_of_its_own() {
    let name = |end: &str| env::temp_dir().join(format!("several-{}{end}", std::process::id()));
    let (first, second) = (name(".html"), name("-2.html"));
    let asked = first.to_str().unwrap();
    let (_, text) = run("asked_to_fail_twice", "BRIGADE_CHECK_HTML", asked);
    for (file, with) in [(first, "the first time"), (second, "the second time")] {
        let page = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {text}"));
        std::fs::remove_file(&file).unwrap();
        assert!(page.contains(with), "{page}");
        let written = format!("A picture of it: {}\n", file.display());
        assert!(text.contains(&written), "{text}");
    }
}
