//! A scripted WebSocket server that can misbehave in every way, and a client
//! whose events come out one by one.
//!
//! Rules: ports are the kernel's choice, nothing sleeps to be in time, and every
//! wait ends after [`DEADLINE`] with a message that says what was missing.
//!
//! The usual shape of a test, both ends in one thread:
//! ```ignore
//! let server = Server::listen();
//! let client = Client::new(Drive::Poll, &server.url());
//! let mut peer = client.open(&server);
//! peer.send(&Frame::text("hello"));
//! assert_eq!(client.text(), "hello");
//! ```
//! Where the host is the subject, the peer's side runs as a script on a thread
//! of its own: `server.serve(|mut peer| …)`.

// Each test file includes this module and uses a part of it.
#![allow(dead_code, unused_imports)]

mod client;
mod deflate;
pub mod fault;
mod frame;
pub mod namespace;
mod os;
pub mod programs;
mod server;
pub mod tls;

pub use client::{Client, Drive, End, Failure, Host};
pub use deflate::{Deflate, deflated};
pub use frame::{Frame, op};
pub use os::{
    EdgeWatch, allocated_bytes, alone, cpu_time, open_fds, raise_fd_limit, readable,
    resident_bytes, skip, threads, traced,
};
pub use server::{Peer, Scripts, Server, accept_key, field};

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything that must happen may take, unless `WSC_TEST_DEADLINE` said how many
/// seconds when the tests were compiled: for tools that make them slow.
pub const DEADLINE: Duration = Duration::from_secs(match option_env!("WSC_TEST_DEADLINE") {
    None => 10,
    Some(seconds) => match u64::from_str_radix(seconds, 10) {
        Ok(seconds) => seconds,
        Err(_) => panic!("WSC_TEST_DEADLINE is a number"),
    },
});

/// How long a whole test may take, unless `WSC_TEST_LIMIT` says how many seconds.
const TEST_LIMIT: Duration = Duration::from_secs(40);

fn test_limit() -> Duration {
    match std::env::var("WSC_TEST_LIMIT") {
        Ok(limit) => Duration::from_secs(limit.parse().expect("WSC_TEST_LIMIT is a number")),
        Err(_) => TEST_LIMIT,
    }
}

/// A deadline short enough to be waited for in a test.
pub const SHORT: Duration = Duration::from_millis(150);

/// Runs a test, and fails it when a call never returns.
pub fn bounded(test: impl FnOnce() + Send + 'static) {
    let (running, ended) = mpsc::channel::<()>();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let worker = thread::Builder::new()
        .name(name)
        .spawn(move || {
            let _running = running;
            test();
        })
        .unwrap();
    let limit = test_limit();
    match ended.recv_timeout(limit) {
        Err(mpsc::RecvTimeoutError::Timeout) => {
            panic!("the test did not end within {limit:?}")
        }
        _ => {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Waits until `condition` holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Holds one side back until the other says go.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    pub fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        let (_open, wait) = self
            .0
            .1
            .wait_timeout_while(open, DEADLINE, |open| !*open)
            .unwrap();
        assert!(!wait.timed_out(), "the other side never said go");
    }
}

/// A small generator for randomised tests: the same seed, the same run.
pub struct Random(u64);

impl Random {
    /// The seed comes from `WSC_TEST_SEED`, or is new for each run, and is printed
    /// with a failing test's output.
    pub fn new() -> Random {
        use std::hash::{BuildHasher, RandomState};
        let seed = match std::env::var("WSC_TEST_SEED") {
            Ok(seed) => seed.parse().expect("WSC_TEST_SEED is a number"),
            Err(_) => RandomState::new().hash_one(0),
        };
        println!("WSC_TEST_SEED={seed}");
        Random(seed | 1)
    }

    /// Another generator that this one seeds.
    pub fn fork(&mut self) -> Random {
        Random(self.below(u64::MAX) | 1)
    }

    /// A number in `0..below`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % below
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
