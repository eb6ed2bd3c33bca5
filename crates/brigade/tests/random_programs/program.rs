//! Random programs.

use std::ops::Range;
use std::sync::Arc;

use brigade::pool::WhenFull;
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) const POOLS: usize = 2;
pub(crate) const LOCKS: usize = 3;
pub(crate) const KEYS: usize = 2;
pub(crate) const CONSUMERS: usize = 2;

/// Threads that begin with nothing, and what they find.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) shape: Shape,
    pub(crate) threads: Vec<Body>,
}

/// How large all is: as small as can be, so that there is much to wait for.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The workers of each pool.
    pub(crate) workers: [usize; POOLS],
    pub(crate) capacity: usize,
    pub(crate) when_full: WhenFull,
    /// The threads of each of the others.
    pub(crate) consumers: usize,
}

/// One thing after the other.
pub(crate) type Body = Arc<[Operation]>;

/// Something that may have to wait, with what is done meanwhile or under it.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Under a mutex.
    Lock(usize, Body),
    /// The same, with a limit of time.
    LockInTime(usize, Body),
    LockTwo(usize, usize, Body),
    Read(usize, Body),
    Write(usize, Body),
    Upgrade(usize, Body),
    Key(usize, Body),
    SharedKey(usize, Body),
    /// Computes the value of a key.
    Compute(usize, Body),
    /// A task without a handle.
    Execute(usize, Body),
    /// A task that is joined at once.
    Join(usize, Body),
    /// A task that whoever comes first joins.
    Submit(usize, Body),
    JoinOne,
    Scope(usize, Vec<Body>),
    Map(usize, usize, Body),
    WaitIdle(usize),
    Shutdown(usize),
    Produce(usize, Body),
    ConsumersIdle(usize),
    Send(usize, Body),
    PartitionedIdle,
}

fn operation() -> impl Strategy<Value = Operation> {
    let leaf = prop_oneof![
        4 => Just(Operation::JoinOne),
        2 => (0..POOLS).prop_map(Operation::WaitIdle),
        2 => (0..CONSUMERS).prop_map(Operation::ConsumersIdle),
        1 => Just(Operation::PartitionedIdle),
    ];
    leaf.prop_recursive(4, 40, 3, |inner| {
        let body = vec(inner, 0..3).prop_map(Body::from).boxed();
        let of = |places: Range<usize>, operation: fn(usize, Body) -> Operation| {
            (places, body.clone()).prop_map(move |(place, body)| operation(place, body))
        };
        prop_oneof![
            4 => locking(&body),
            1 => of(0..KEYS, Operation::Key),
            1 => of(0..KEYS, Operation::SharedKey),
            1 => of(0..KEYS, Operation::Compute),
            1 => of(0..POOLS, Operation::Execute),
            2 => of(0..POOLS, Operation::Join),
            2 => of(0..POOLS, Operation::Submit),
            1 => (0..POOLS, vec(body.clone(), 1..4))
                .prop_map(|(pool, tasks)| Operation::Scope(pool, tasks)),
            1 => (0..POOLS, 1_usize..4, body.clone())
                .prop_map(|(pool, items, body)| Operation::Map(pool, items, body)),
            2 => of(0..CONSUMERS, Operation::Produce),
            1 => of(0..KEYS, Operation::Send),
        ]
    })
}

/// Something under locks.
fn locking(body: &BoxedStrategy<Body>) -> impl Strategy<Value = Operation> + use<> {
    let of = |operation: fn(usize, Body) -> Operation| {
        (0..LOCKS, body.clone()).prop_map(move |(lock, body)| operation(lock, body))
    };
    prop_oneof![
        of(Operation::Lock),
        of(Operation::LockInTime),
        of(Operation::Read),
        of(Operation::Write),
        of(Operation::Upgrade),
        (0..LOCKS, 1..LOCKS, body.clone()).prop_map(|(one, by, body)| Operation::LockTwo(
            one,
            (one + by) % LOCKS,
            body
        )),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let when_full = prop_oneof![
        Just(WhenFull::Wait),
        Just(WhenFull::Refuse),
        Just(WhenFull::CallerRuns),
        Just(WhenFull::DiscardOldest),
    ];
    let sizes = ([1_usize..4, 1_usize..4], 1_usize..4, when_full, 1_usize..3);
    sizes.prop_map(|(workers, capacity, when_full, consumers)| Shape {
        workers,
        capacity,
        when_full,
        consumers,
    })
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let some = vec(operation(), 1..4).prop_map(Body::from);
    let threads = vec(some, 1..4);
    // At the end of a thread now and then.
    let shutdown = prop::option::weighted(0.2, (0..POOLS).prop_map(Operation::Shutdown));
    (shape(), threads, shutdown).prop_map(|(shape, mut threads, shutdown)| {
        if let Some(shutdown) = shutdown {
            let first = threads[0].iter().cloned();
            threads[0] = first.chain([shutdown]).collect();
        }
        Program { shape, threads }
    })
}
