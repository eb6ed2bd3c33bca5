//! How long a check takes to say what is wrong.

use std::time::{Duration, Instant};

use brigade_check::{Kind, Model, Rng, linearizable};

use super::subjects::Subject;

/// Looks for a failure of `S` by Brigade's check, with its defaults and schedules of its own choosing; made as small as
/// possible and drawn.
///
/// # Panics
/// If there is none.
pub(super) fn find_failure<S: Subject>(generate: fn(&mut Rng) -> <S::Model as Model>::Operation)
where
    <S::Model as Model>::Operation: Send + Sync + 'static,
    <S::Model as Model>::Outcome: Send + Sync + 'static,
{
    let check = linearizable::<S::Model>().generate(generate).explore();
    let failure = check
        .check(S::default, S::apply)
        .expect_err("there is a failure");
    let finding = failure.finding().expect("it is one of the subject");
    assert_eq!(finding.kind, Kind::Unexplained);
    assert!(!failure.to_string().is_empty());
}

/// Again and again for `slice`, from other random numbers each time; a sample each.
pub(super) fn repeat(slice: Duration, find: impl Fn()) -> Vec<f64> {
    let begin = Instant::now();
    let mut samples = Vec::new();
    while samples.is_empty() || begin.elapsed() < slice {
        let began = Instant::now();
        find();
        samples.push(began.elapsed().as_nanos() as f64);
    }
    samples
}
