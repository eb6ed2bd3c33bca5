//! Lines marked with their job.

use crate::stage::Stage;

#[test]
fn each_line_of_both_outputs_begins_with_the_argument_and_a_tab() {
    let stage = Stage::new();
    let arguments = [
        "-q",
        "-j1",
        "--tag",
        "printf '1\\n\\n2'; echo {} >&2",
        ":::",
        "a b",
        "c\nd",
    ];
    let outcome = stage.run(arguments, b"");
    assert_eq!(
        outcome.text(),
        "a b\t1\na b\t\na b\t2c\\nd\t1\nc\\nd\t\nc\\nd\t2"
    );
    assert_eq!(outcome.stderr, "a b\ta b\nc\\nd\tc\nc\\nd\td\n");
}

#[test]
fn of_a_command_without_arguments_it_is_the_command() {
    let outcome = Stage::new().run(["-q", "--tag"], b"echo a\n");
    assert_eq!(outcome.text(), "echo a\ta\n");
}
