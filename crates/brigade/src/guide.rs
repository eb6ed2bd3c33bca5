//! The code of the guide in `docs/`, as tests: `cargo test --doc`.
//!
//! Only there when documentation is tested: the guide is not part of the published crate.

/// Each chapter becomes the documentation of a module, whose code blocks are then tested.
macro_rules! chapters {
    ($($(#[$when:meta])? $name:ident: $file:literal),* $(,)?) => {
        $(
            $(#[$when])?
            #[doc = include_str!(concat!("../../../docs/src/", $file))]
            mod $name {}
        )*
    };
}

chapters! {
    introduction: "introduction.md",
    choosing: "choosing.md",
    pool: "pool.md",
    priorities: "priorities.md",
    shutdown: "shutdown.md",
    batching: "batching.md",
    read_modify_write: "read-modify-write.md",
    check_then_act: "check-then-act.md",
    locks: "locks.md",
    transfers: "transfers.md",
    read_write_locks: "read-write-locks.md",
    #[cfg(feature = "cache")]
    caches: "caches.md",
    producers_and_consumers: "producers-and-consumers.md",
    pipelines: "pipelines.md",
    sharing_nothing: "sharing-nothing.md",
    testing: "testing.md",
}
