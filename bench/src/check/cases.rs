//! The cases: their stable names, their numbers, and who takes part.

use std::time::Duration;

use brigade_check::Rng;

use crate::arguments::Arguments;
use crate::round::{Case, Contestant};

use super::histories::{self, Outcomes};
use super::lincheck::{self, Minimise};
use super::subjects::{Access, Increment, of_loom, of_shuttle};
use super::{first_failure, schedules};

const BRIGADE: &str = "brigade-check";

/// All cases of the family.
pub fn all(arguments: &Arguments) -> Vec<Case> {
    let slice = arguments.slice();
    let history = |name, outcomes| {
        Case::new(
            name,
            vec![
                contestant(BRIGADE, move || {
                    histories::by_brigade_check(outcomes, slice)
                }),
                contestant("todc-utils", move || {
                    histories::by_todc_utils(outcomes, slice)
                }),
            ],
        )
    };
    vec![
        Case::new(
            "schedules-2x3",
            vec![
                contestant(BRIGADE, move || schedules::by_brigade_check(slice)),
                contestant("lincheck", move || schedules::by_lincheck(slice)),
                contestant("shuttle", move || schedules::by_shuttle(slice)),
            ],
        ),
        first_failures(
            "first-failure",
            slice,
            || first_failure::find_failure::<of_shuttle::LosingCounter>(|_| Increment),
            lincheck::find_failure::<of_loom::LosingCounter, _, _>,
        ),
        first_failures(
            "first-failure-stack",
            slice,
            || first_failure::find_failure::<of_shuttle::LookingStack>(access),
            lincheck::find_failure::<of_loom::LookingStack, _, _>,
        ),
        history("history-10000", Outcomes::Right),
        history("history-10000-wrong", Outcomes::OneWrong),
    ]
}

fn contestant(system: &'static str, measure: impl FnMut() -> Vec<f64> + 'static) -> Contestant {
    Contestant::new(system, Box::new(measure))
}

/// As lincheck draws them: half of them pops.
fn access(rng: &mut Rng) -> Access {
    if rng.bool() {
        Access::Push(rng.u8(..))
    } else {
        Access::Pop
    }
}

fn first_failures(
    name: &'static str,
    slice: Duration,
    by_brigade_check: fn(),
    by_lincheck: fn(Minimise),
) -> Case {
    let lincheck = move |minimise| move || first_failure::repeat(slice, || by_lincheck(minimise));
    Case::new(
        name,
        vec![
            contestant(BRIGADE, move || {
                first_failure::repeat(slice, by_brigade_check)
            }),
            contestant("lincheck", lincheck(Minimise::Yes)),
            contestant("lincheck-unminimised", lincheck(Minimise::No)),
        ],
    )
}
