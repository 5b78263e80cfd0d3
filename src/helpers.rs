//! Threads for work that may block: name resolution and loading the trust
//! store. Started when needed, few, and gone when idle.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sys;

/// Threads with work that somebody waits for; further jobs wait, under the deadline
/// of their attempt.
const MAX_BUSY: usize = 8;
/// Look-ups that nobody waits for any more hold a thread until the resolver gives up,
/// and must not keep the next attempt from its own. With this many the pool is full.
const MAX_THREADS: usize = 64;
/// A thread without work ends after this time.
const LINGER: Duration = Duration::from_secs(2);

struct Job {
    is_wanted: Arc<AtomicBool>,
    run: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// For each running job, whether it is still wanted.
    running: Vec<Arc<AtomicBool>>,
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

/// A job's claim to a thread. Once it is dropped the job does not start, and the
/// thread of one that runs is not counted.
pub struct Ticket {
    is_wanted: Arc<AtomicBool>,
    pool: Arc<Helpers>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.is_wanted.store(false, Ordering::SeqCst);
        // What waits may have its turn now. Without a further thread it goes on waiting.
        let _ = self.pool.staff(&mut self.pool.lock());
    }
}

impl Helpers {
    /// Runs `job` on a helper thread, for as long as the ticket is held.
    pub fn run(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) -> std::io::Result<Ticket> {
        let is_wanted = Arc::new(AtomicBool::new(true));
        let mut queue = self.lock();
        queue.waiting.push_back(Job {
            is_wanted: Arc::clone(&is_wanted),
            run: Box::new(job),
        });
        let staffed = self.staff(&mut queue);
        // Else another thread will come to it.
        if queue.threads == 0 {
            queue.waiting.pop_back();
            staffed?;
        }
        drop(queue);
        Ok(Ticket {
            is_wanted,
            pool: Arc::clone(self),
        })
    }

    /// Wakes or starts a thread, if there is a job that may begin.
    fn staff(self: &Arc<Self>, queue: &mut Queue) -> std::io::Result<()> {
        queue.waiting.retain(|job| is_wanted(&job.is_wanted));
        if queue.waiting.is_empty() || !queue.may_begin() {
            return Ok(());
        }
        if queue.idle >= queue.waiting.len() || queue.threads == MAX_THREADS {
            self.work.notify_one();
            return Ok(());
        }
        let pool = Arc::clone(self);
        sys::spawn("wsc-helper", move || pool.serve())?;
        queue.threads += 1;
        Ok(())
    }

    fn serve(self: &Arc<Self>) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.next() {
                queue.running.push(Arc::clone(&job.is_wanted));
                drop(queue);
                // A panic in a job is the job's failure, not the pool's.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job.run));
                queue = self.lock();
                queue
                    .running
                    .retain(|other| !Arc::ptr_eq(other, &job.is_wanted));
                continue;
            }
            queue.idle += 1;
            let (guard, wait) = self
                .work
                .wait_timeout(queue, LINGER)
                .unwrap_or_else(PoisonError::into_inner);
            queue = guard;
            queue.idle -= 1;
            if wait.timed_out() && !queue.has_next() {
                queue.threads -= 1;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Whether one more job may run.
    fn may_begin(&self) -> bool {
        let busy = self.running.iter().filter(|job| is_wanted(job)).count();
        busy < MAX_BUSY
    }

    fn has_next(&self) -> bool {
        !self.waiting.is_empty() && self.may_begin()
    }

    fn next(&mut self) -> Option<Job> {
        self.waiting.retain(|job| is_wanted(&job.is_wanted));
        match self.may_begin() {
            true => self.waiting.pop_front(),
            false => None,
        }
    }
}

fn is_wanted(mark: &AtomicBool) -> bool {
    mark.load(Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const DEADLINE: Duration = Duration::from_secs(10);

    /// A job that tells when it began and stays until it is let go.
    fn stuck(pool: &Arc<Helpers>, began: &Sender<usize>, number: usize) -> (Ticket, Sender<()>) {
        let (let_go, gate): (_, Receiver<()>) = channel();
        let began = began.clone();
        let ticket = pool.run(move || {
            began.send(number).unwrap();
            // An error is the end of the test.
            let _ = gate.recv();
        });
        (ticket.unwrap(), let_go)
    }

    #[test]
    fn jobs_that_nobody_waits_for_hold_up_nobody() {
        let pool = Arc::<Helpers>::default();
        let (began, begins) = channel();
        let mut running: Vec<_> = (0..MAX_BUSY).map(|n| stuck(&pool, &began, n)).collect();
        for _ in 0..MAX_BUSY {
            begins.recv_timeout(DEADLINE).unwrap();
        }
        let dropped = stuck(&pool, &began, 100);
        let _waiting = stuck(&pool, &began, 101);
        assert_eq!(pool.lock().waiting.len(), 2);
        drop(dropped);
        assert_eq!(pool.lock().waiting.len(), 1);
        // The resolver does not come back, but nobody waits for it any more.
        let (ticket, _let_go) = running.pop().unwrap();
        drop(ticket);
        assert_eq!(begins.recv_timeout(DEADLINE), Ok(101));
        assert_eq!(pool.lock().threads, MAX_BUSY + 1);
    }

    #[test]
    fn the_number_of_threads_has_an_end() {
        let pool = Arc::<Helpers>::default();
        let (began, begins) = channel();
        let mut gates = Vec::new();
        for number in 0..MAX_THREADS {
            let (ticket, let_go) = stuck(&pool, &began, number);
            assert_eq!(begins.recv_timeout(DEADLINE), Ok(number));
            drop(ticket);
            gates.push(let_go);
        }
        let _last = stuck(&pool, &began, MAX_THREADS);
        assert_eq!(pool.lock().threads, MAX_THREADS);
        assert!(begins.try_recv().is_err());
        gates.pop();
        assert_eq!(begins.recv_timeout(DEADLINE), Ok(MAX_THREADS));
    }

    #[test]
    fn a_panic_ends_its_job_only() {
        let pool = Arc::<Helpers>::default();
        let (began, begins) = channel();
        let _first = pool.run(|| panic!("expected")).unwrap();
        let _second = stuck(&pool, &began, 1);
        assert_eq!(begins.recv_timeout(DEADLINE), Ok(1));
    }
}
