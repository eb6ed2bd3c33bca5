//! Things that have threads of their own.
#![cfg(feature = "explore")]

mod count;

use brigade_check::{Kind, Linearizable, linearizable};

use count::{Count, Increment};

/// Adds on a thread of its own, asked by channel.
struct Served {
    requests: shuttle::sync::mpsc::Sender<shuttle::sync::mpsc::Sender<u32>>,
    server: shuttle::thread::JoinHandle<()>,
}

impl Served {
    fn start(limit: u32) -> Self {
        let (requests, received) =
            shuttle::sync::mpsc::channel::<shuttle::sync::mpsc::Sender<u32>>();
        let server = shuttle::thread::spawn(move || {
            let mut count = 0;
            while let Ok(reply) = received.recv() {
                count += 1;
                assert!(count < limit, "too many");
                reply.send(count).unwrap();
            }
        });
        Self { requests, server }
    }

    fn increment(&self) -> u32 {
        let (reply, replied) = shuttle::sync::mpsc::channel();
        self.requests.send(reply).unwrap();
        replied.recv().unwrap()
    }

    fn stop(self) {
        drop(self.requests);
        self.server.join().unwrap();
    }
}

#[test]
fn a_thing_with_threads_of_its_own_is_explored_and_stopped_in_the_end() {
    let check = linearizable::<Count>()
        .generate(|_| Increment)
        .scenarios(10)
        .explore();
    check.assert_and_finish(
        || Served::start(100),
        |served, _| served.increment(),
        Served::stop,
    );
}

#[test]
fn a_panic_of_a_things_own_thread_is_reported_and_replayed() {
    let check = || {
        linearizable::<Count>()
            .generate(|_| Increment)
            .seed(4)
            .explore()
    };
    let run = |check: Linearizable<Count>| {
        let failure = check.check(|| Served::start(3), |served, _| served.increment());
        failure.unwrap_err().finding().unwrap().clone()
    };
    let finding = run(check());
    assert_eq!(finding.kind, Kind::Panicked);
    assert!(finding.reason.contains("too many, at "), "{finding}");
    assert_eq!(finding.operations.iter().sum::<usize>(), 3, "{finding}");
    let again = run(check().replay(finding.token.clone().unwrap()));
    assert_eq!((again.kind, again.token), (finding.kind, finding.token));
}
