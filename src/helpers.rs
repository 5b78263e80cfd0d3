//! Threads for work that may block: name resolution and loading the trust
//! store. Started when needed, few, and gone when idle.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::sys;

/// Stuck look-ups may hold this many threads; further jobs wait, under the
/// deadline of their attempt.
const MAX_THREADS: usize = 8;
/// A thread without work ends after this time.
const LINGER: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

/// A pool of helper threads. Nobody joins them: a look-up cannot be cancelled,
/// and freeing a loop must not wait for one.
#[derive(Default)]
pub struct Helpers {
    queue: Mutex<Queue>,
    work: Condvar,
}

impl Helpers {
    /// Runs `job` on a helper thread.
    pub fn run(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.jobs.push_back(Box::new(job));
        if queue.idle >= queue.jobs.len() || queue.threads == MAX_THREADS {
            self.work.notify_one();
            return Ok(());
        }
        let pool = Arc::clone(self);
        match sys::spawn("wsc-helper", move || pool.serve()) {
            Ok(_) => queue.threads += 1,
            // Another thread will come to it.
            Err(_) if queue.threads > 0 => {}
            Err(error) => {
                queue.jobs.pop_back();
                return Err(error);
            }
        }
        Ok(())
    }

    fn serve(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                // A panic in a job is the job's failure, not the pool's.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.idle += 1;
            let (guard, wait) = self
                .work
                .wait_timeout(queue, LINGER)
                .unwrap_or_else(PoisonError::into_inner);
            queue = guard;
            queue.idle -= 1;
            if wait.timed_out() && queue.jobs.is_empty() {
                queue.threads -= 1;
                return;
            }
        }
    }
}
