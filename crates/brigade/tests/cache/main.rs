//! A cache loads once, forgets in time, and never exceeds its bound.
#![cfg(all(feature = "cache", not(any(loom, shuttle))))]

mod bound;
#[path = "../gate/mod.rs"]
mod gate;
mod loads;
mod many;
mod times;
#[path = "../together/mod.rs"]
mod together;
#[path = "../until/mod.rs"]
mod until;

use brigade::cache::Cache;

type Users = Cache<u32, u32, &'static str>;

fn users() -> Users {
    Cache::builder("users").capacity(1_000).build().unwrap()
}
