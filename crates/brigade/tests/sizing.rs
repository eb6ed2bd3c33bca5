//! The sizing rules.
#![cfg(not(any(loom, shuttle)))]

use std::thread::available_parallelism;
use std::time::Duration;

use brigade::Pool;
use brigade::pool::{Start, Workload};
use proptest::prelude::{any, proptest};

fn io(wait: u64, compute: u64) -> Workload {
    let [wait, compute] = [wait, compute].map(Duration::from_millis);
    Workload::Io { wait, compute }
}

#[test]
fn tasks_that_compute_get_a_worker_for_each_core() {
    assert_eq!(Workload::Cpu.workers_for(1), 1..=1);
    assert_eq!(Workload::Cpu.workers_for(64), 64..=64);
    assert_eq!(
        Workload::Cpu.workers_for(0),
        1..=1,
        "there is always a core"
    );
}

#[test]
fn tasks_that_wait_get_cores_times_one_plus_wait_by_compute() {
    assert_eq!(io(90, 10).workers_for(4), 1..=40);
    assert_eq!(io(0, 10).workers_for(4), 1..=4);
    assert_eq!(io(10, 10).workers_for(8), 1..=16);
    assert_eq!(io(5, 10).workers_for(3), 1..=5, "4.5 is rounded");
    assert_eq!(io(10, 0).workers_for(2), 1..=4096, "but not without end");
    assert_eq!(io(u64::MAX, 1).workers_for(2), 1..=4096);
}

#[test]
fn mixed_tasks_get_up_to_four_workers_for_a_core() {
    assert_eq!(Workload::Mixed.workers_for(2), 2..=8);
}

proptest! {
    #[test]
    fn every_range_can_be_built(wait in any::<u64>(), compute in any::<u64>(), cores in 0..10_000_usize) {
        for workload in [io(wait, compute), Workload::Cpu, Workload::Mixed] {
            let range = workload.workers_for(cores);
            assert!(1 <= *range.start() && range.start() <= range.end());
            assert!(*range.end() >= cores, "every core can be used");
            let builder = Pool::sized(workload).workers(range).start(Start::Lazy);
            assert!(builder.build().is_ok());
        }
    }
}

#[test]
fn a_sized_pool_has_the_workers_of_its_formula_on_the_cores_it_may_use() {
    let cores = available_parallelism().unwrap().get();
    for builder in [Pool::sized(Workload::Cpu), Pool::builder("default")] {
        let pool = builder.build().unwrap();
        assert_eq!(pool.metrics().workers.live, cores);
    }
    let pool = Pool::sized(io(1, 1)).name("io").build().unwrap();
    assert_eq!((pool.name(), pool.metrics().workers.live), ("io", 1));
}

#[cfg(target_os = "linux")]
#[test]
fn the_cores_of_a_pool_are_those_its_process_may_run_on() {
    // The shell's affinity is inherited by the test, which is run again on one core.
    const AGAIN: &str = "BRIGADE_TEST_ON_ONE_CORE";
    if std::env::var_os(AGAIN).is_some() {
        let pool = Pool::sized(Workload::Cpu).build().unwrap();
        assert_eq!(pool.metrics().workers.live, 1);
        return;
    }
    let own = std::env::current_exe().unwrap();
    let test = "the_cores_of_a_pool_are_those_its_process_may_run_on";
    let allowed = std::fs::read_to_string("/proc/self/status").unwrap();
    let allowed = allowed
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first: String = allowed
        .unwrap()
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let run = std::process::Command::new("taskset")
        .args(["-c", &first])
        .arg(own)
        .args(["--exact", test])
        .env(AGAIN, "1")
        .output();
    let Ok(run) = run else {
        eprintln!("not shown: there is no taskset here");
        return;
    };
    let printed = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        run.status.success() && printed.contains("1 passed"),
        "{printed}"
    );
}
