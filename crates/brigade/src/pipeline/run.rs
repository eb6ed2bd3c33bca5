//! Starting the threads of a pipeline, and its end.

use std::io;
use std::sync::Arc;
// Not from `primitive`: no model checker has scoped threads that can be named and refused. What is modelled of a
// pipeline is its window.
use std::thread::{Builder, Scope, ScopedJoinHandle, scope};

use crate::lock::duty::Duty;
use crate::pool::Panic;
use crate::pool::panic::{Caught, catch, note_locations};

use super::control::{Control, Post};
use super::error::PipelineError;
use super::failure::Failure;
use super::meter::{Meter, Totals};
use super::plan::{Crew, Plan, Stage};
use super::report::{PipelineReport, StageReport};
use super::worker::Work;

/// What is left when all threads have ended.
struct Ended<R> {
    /// None if the sink was not run or panicked.
    result: Option<R>,
    /// Of each stage with workers of its own, then of the sink if it is the caller.
    meters: Vec<Vec<Meter>>,
    refused: Option<(usize, io::Error)>,
}

/// Runs the pipeline, with `sink` on this thread, until all its threads have ended.
#[track_caller]
pub(crate) fn run<R, F: Failure>(
    mut plan: Plan<'_>,
    failure: &F,
    sink: impl FnOnce(&Post<'_>, &mut Meter) -> R,
) -> Result<R, PipelineError<F::Error>> {
    note_locations();
    if let Some(name) = plan.sink_name.take() {
        plan.last().set_name(name);
    }
    let names = plan.names();
    plan.check(&names)?;
    let control = Control::new();
    let crews = std::mem::take(&mut plan.crews);
    let mut ended = run_threads(&control, &plan.stages, &names, crews, sink);
    if let Some(on_report) = plan.on_report.take() {
        on_report(report(&plan.stages, &names, &ended.meters));
    }
    let result = ended.result.take();
    match outcome(&control, failure, &names, ended) {
        Some(error) => Err(error),
        None => Ok(result.expect("a sink without a result was not run or panicked")),
    }
}

/// Why the run ended, if not by itself.
fn outcome<R, F: Failure>(
    control: &Control,
    failure: &F,
    names: &[Arc<str>],
    ended: Ended<R>,
) -> Option<PipelineError<F::Error>> {
    let name = |stage: usize| Arc::clone(&names[stage]);
    if let Some((stage, error)) = ended.refused {
        let stage = name(stage);
        return Some(PipelineError::NoThread { stage, error });
    }
    if let Some((stage, caught)) = control.take_panic() {
        let stage = name(stage);
        let panic = Panic::new("pipeline".into(), Some(Arc::clone(&stage)), caught);
        return Some(PipelineError::Panicked { stage, panic });
    }
    let (stage, error) = failure.take()?;
    let stage = name(stage);
    Some(PipelineError::Failed { stage, error })
}

#[track_caller]
fn run_threads<R>(
    control: &Control,
    stages: &[Stage],
    names: &[Arc<str>],
    crews: Vec<Crew<'_>>,
    sink: impl FnOnce(&Post<'_>, &mut Meter) -> R,
) -> Ended<R> {
    let sink_is_caller = crews.len() < stages.len();
    let post = Post {
        control,
        stage: stages.len() - 1,
    };
    let mut meter = Meter::start();
    scope(|scope| {
        let mut threads: Vec<Vec<_>> = crews.iter().map(|_| Vec::new()).collect();
        let started = start_all(scope, control, stages, names, crews, &mut threads);
        // In both arms the sink is gone afterwards, and with it its end of the last buffer.
        let result = match &started {
            Ok(()) => stopping(&post, catch(|| sink(&post, &mut meter))),
            Err(_) => stopping(&post, catch(|| drop(sink))).and(None),
        };
        meter.stop();
        control.wait_for_threads();
        let join = |thread: ScopedJoinHandle<'_, Meter>| thread.join().unwrap_or_default();
        let mut meters: Vec<Vec<Meter>> = Vec::new();
        for threads in threads {
            meters.push(threads.into_iter().map(join).collect());
        }
        if sink_is_caller {
            meters.push(vec![meter]);
        }
        let refused = started.err();
        Ended {
            result,
            meters,
            refused,
        }
    })
}

/// The result of something that ends the run if it panicked.
fn stopping<R>(post: &Post<'_>, result: Result<R, Caught>) -> Option<R> {
    result
        .map_err(|caught| post.control.stop_panicked(post.stage, caught))
        .ok()
}

/// Starts all threads, the source last: if one is refused, no item has been brought yet. Then those that were
/// started end at once.
fn start_all<'scope, 'env: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    control: &'env Control,
    stages: &[Stage],
    names: &[Arc<str>],
    crews: Vec<Crew<'env>>,
    threads: &mut [Vec<ScopedJoinHandle<'scope, Meter>>],
) -> Result<(), (usize, io::Error)> {
    let mut refused = None;
    for (number, crew) in crews.into_iter().enumerate().rev() {
        let post = |stage| Post { control, stage };
        for (place, work) in crew.into_iter().enumerate() {
            if refused.is_some() {
                stopping(&post(number), catch(|| drop(work)));
                continue;
            }
            let mut builder = Builder::new().name(thread_name(&names[number], place));
            if let Some(size) = stages[number].stack_size {
                builder = builder.stack_size(size);
            }
            match start(scope, builder, work, post(number)) {
                Ok(thread) => threads[number].push(thread),
                Err(error) => {
                    control.stop();
                    refused = Some((number, error));
                }
            }
        }
    }
    refused.map_or(Ok(()), Err)
}

/// The system's names of threads end at a NUL.
fn thread_name(stage: &str, place: usize) -> String {
    format!("{}-{}", stage.replace('\0', " "), place + 1)
}

fn start<'scope, 'env: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    builder: Builder,
    work: Box<dyn Work + 'env>,
    post: Post<'env>,
) -> io::Result<ScopedJoinHandle<'scope, Meter>> {
    post.control.thread_begins();
    let control = post.control;
    let refused = |error| {
        control.thread_ends();
        error
    };
    builder
        .spawn_scoped(scope, move || work_until_end(work, &post))
        .map_err(refused)
}

fn work_until_end(mut work: Box<dyn Work + '_>, post: &Post<'_>) -> Meter {
    let duty = Duty::begin(post.control.address());
    let mut meter = Meter::start();
    stopping(post, catch(|| work.run(post, &mut meter)));
    stopping(post, catch(|| drop(work)));
    meter.stop();
    drop(duty);
    post.control.thread_ends();
    meter
}

fn report(stages: &[Stage], names: &[Arc<str>], meters: &[Vec<Meter>]) -> PipelineReport {
    let totals: Vec<Totals> = meters.iter().map(|meters| Totals::of(meters)).collect();
    let mut reports = Vec::new();
    let mut found_full = false;
    for ((stage, name), totals) in stages.iter().zip(names).zip(&totals) {
        reports.push(StageReport::new(stage, name, totals, found_full));
        found_full = totals.found_full;
    }
    PipelineReport::new(reports)
}
