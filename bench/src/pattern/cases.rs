//! The cases: their stable names, their numbers, and who takes part.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use brigade::consumers::Consumers;
use brigade::{Cache, Counter, OnceMap};
use dashmap::DashMap;

use crate::arguments::Arguments;
use crate::round::{Case, case};
use crate::spin::Spin;

use super::consumers::{self, Item, Loop, ProducerConsumer};
use super::counters::{self, Count};
use super::keyed::{self, Keyed, QuickCache};
use super::pipelines::{self, Brigade, HandWritten, Rayon, Run, ThreeStages};
use super::stampede;

/// A case of all that have a buffer with consumers behind it.
macro_rules! consumers {
    ($name:literal, $kind:ident => $measure:expr) => {
        case!($name, ProducerConsumer of [
            Consumers<Item>,
            Loop<crossbeam_channel::Sender<Item>>,
            Loop<flume::Sender<Item>>,
        ], $kind => $measure)
    };
}

/// A case of all pipelines.
macro_rules! pipelines {
    ($name:literal, $run:expr) => {{
        let run: Run = $run;
        case!($name, ThreeStages of [Brigade, HandWritten, Rayon], P => pipelines::measure::<P>(run))
    }};
}

/// A case of all counts.
macro_rules! counters {
    ($name:literal, $kind:ident => $measure:expr) => {
        case!($name, Count of [Counter, AtomicU64, parking_lot::Mutex<u64>], $kind => $measure)
    };
}

/// All cases of the family.
pub fn all(arguments: &Arguments) -> Vec<Case> {
    let slice = arguments.slice();
    let one_microsecond = Spin::calibrated(Duration::from_micros(1));
    let computation = Spin::calibrated(Duration::from_micros(100));
    let stampedes = if arguments.quick { 40 } else { 200 };
    vec![
        consumers!("consumers-1-1", C => consumers::measure::<C>(1, 1, slice)),
        consumers!("consumers-4-4", C => consumers::measure::<C>(4, 4, slice)),
        pipelines!(
            "pipeline-3-stage",
            Run {
                items: 10_000,
                spin: Some(one_microsecond),
                slice
            }
        ),
        pipelines!(
            "pipeline-3-stage-tiny",
            Run {
                items: 50_000,
                spin: None,
                slice
            }
        ),
        case!("once-map-hit", Keyed of [
            OnceMap<u64, u64>,
            DashMap<u64, u64>,
            papaya::HashMap<u64, u64>,
            moka::sync::Cache<u64, u64>,
            QuickCache,
        ], M => keyed::hit::<M>(slice)),
        case!("once-map-stampede-16", Keyed of [
            OnceMap<u64, u64>,
            DashMap<u64, u64>,
            moka::sync::Cache<u64, u64>,
            QuickCache,
        ], M => stampede::measure::<M>(16, stampedes, computation)),
        case!("cache-hit", Keyed of [
            Cache<u64, u64>,
            moka::sync::Cache<u64, u64>,
            QuickCache,
        ], M => keyed::hit::<M>(slice)),
        counters!("counter-1", C => counters::alone::<C>(slice)),
        counters!("counter-4", C => counters::contended::<C>(4, slice)),
    ]
}
