//! The cases: their stable names, their numbers, and who takes part.

use std::time::Duration;

use crate::arguments::Arguments;
use crate::round::{Case, Contestant, IDEAL, Unit};
use crate::spin::Spin;

use super::brigade::{Brigade, WithoutHistograms};
use super::load::{self, IdleLatency, Load, Memory, SubmitJoin, Throughput};
use super::systems::{
    CrossbeamBounded, Futures, Rayon, RustyPool, TaskPool, Threadpool, TokioBlocking,
};

/// Threads of each pool, unless the case says otherwise.
const WORKERS: usize = 2;
/// Threads where they are many more than a small machine has cores.
const MANY_WORKERS: usize = 16;
/// Handles kept in `submit-join`.
const WINDOW: usize = 64;

/// All cases of the family.
pub fn all(arguments: &Arguments) -> Vec<Case> {
    let slice = arguments.slice();
    let one_microsecond = Spin::calibrated(Duration::from_micros(1));
    let ten_microseconds = Spin::calibrated(Duration::from_micros(10));
    let empty = Throughput {
        producers: 1,
        workers: WORKERS,
        spin: None,
        batch: 50_000,
        slice,
    };
    let spinning = |spin, batch| Throughput {
        spin: Some(spin),
        batch,
        ..empty.clone()
    };
    let submit_join = SubmitJoin {
        workers: WORKERS,
        window: WINDOW,
        batch: 20_000,
        slice,
    };
    let idle = IdleLatency {
        workers: WORKERS,
        pause: Duration::from_micros(1_500),
        samples: if arguments.quick { 30 } else { 100 },
    };
    let memory = Memory(Throughput {
        batch: 1_000_000,
        ..spinning(one_microsecond, 0)
    });
    vec![
        case("execute-empty-1p", &empty),
        case(
            "execute-empty-4p",
            &Throughput {
                producers: 4,
                ..empty.clone()
            },
        ),
        case(
            "execute-empty-4p-16w",
            &Throughput {
                producers: 4,
                workers: MANY_WORKERS,
                ..empty.clone()
            },
        ),
        against_ideal("execute-1us", spinning(one_microsecond, 50_000)),
        against_ideal("execute-10us", spinning(ten_microseconds, 10_000)),
        case("submit-join", &submit_join),
        case(
            "submit-join-16w",
            &SubmitJoin {
                workers: MANY_WORKERS,
                ..submit_join.clone()
            },
        ),
        case(
            "submit-join-roundtrip",
            &SubmitJoin {
                window: 1,
                batch: 1_000,
                ..submit_join
            },
        ),
        Case {
            tail: true,
            ..case("latency-idle", &idle)
        },
        Case {
            unit: Unit::Bytes,
            // It varies little, and takes long.
            rounds: Some(if arguments.quick { 1 } else { 3 }),
            ..case("memory-fast-producer", &memory)
        },
    ]
}

fn case(name: &'static str, load: &impl Load) -> Case {
    let contestants = vec![
        contestant::<Brigade>(load),
        contestant::<WithoutHistograms>(load),
        contestant::<Rayon>(load),
        contestant::<TokioBlocking>(load),
        contestant::<Threadpool>(load),
        contestant::<RustyPool>(load),
        contestant::<Futures>(load),
        contestant::<CrossbeamBounded>(load),
    ];
    Case::new(name, contestants)
}

fn against_ideal(name: &'static str, load: Throughput) -> Case {
    let mut case = case(name, &load);
    case.contestants
        .push(Contestant::new(IDEAL, Box::new(move || load::ideal(&load))));
    case
}

fn contestant<P: TaskPool>(load: &impl Load) -> Contestant {
    let load = load.clone();
    Contestant::new(P::NAME, Box::new(move || load.measure::<P>()))
}
