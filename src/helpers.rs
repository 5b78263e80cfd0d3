//! Threads for work that may block: name resolution and loading the trust
//! store. Started when needed, few, and gone when idle.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::SockAddr;

use crate::error::Failure;
use crate::sys;

/// Jobs that somebody waits for and that run at the same time; further ones wait, under
/// the deadline of their attempt.
const MAX_BUSY: usize = 8;
/// Look-ups that nobody waits for any more hold their thread until the resolver gives
/// up, and must not keep other attempts from theirs. With this many the pool is full.
const MAX_THREADS: usize = 64;
/// A thread without work ends after this time.
const LINGER: Duration = Duration::from_secs(2);
/// Who asks for a name while a look-up of it is on its way waits for that one, unless it
/// is older than this: what it asked may have been lost.
const SHARED_FOR: Duration = Duration::from_secs(5);

/// A host and its port.
pub type Name = (String, u16);
pub type Addresses = Result<Vec<SockAddr>, Failure>;

type Work = Box<dyn FnOnce() + Send>;
type Then = Box<dyn FnOnce(Addresses) + Send>;

#[derive(Default)]
struct Queue {
    /// Counts jobs, those who wait, and threads.
    last_id: u64,
    waiting: VecDeque<(u64, Work)>,
    /// Jobs and their threads.
    running: Vec<(u64, u64)>,
    /// How many wait for a job, while it waits or runs.
    claims: HashMap<u64, usize>,
    /// The look-ups among the jobs.
    lookups: HashMap<u64, Lookup>,
    threads: HashMap<u64, JoinHandle<()>>,
    idle: usize,
    is_closed: bool,
}

struct Lookup {
    name: Name,
    began: Instant,
    waiters: BTreeMap<u64, Then>,
}

/// A pool of helper threads. Those at work are not joined: a look-up cannot be
/// cancelled, and freeing a loop must not wait for one.
#[derive(Default)]
pub struct Helpers {
    queue: Mutex<Queue>,
    work: Condvar,
}

/// A claim to a job's result. Without any the job does not start, and one that runs is
/// not counted.
pub struct Ticket {
    pool: Arc<Helpers>,
    job: u64,
    waiter: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Dropped after the lock.
        let _unwanted = self.pool.lock().withdraw(self.job, self.waiter);
        // What waits may have its turn now. Without a further thread it goes on waiting.
        let _ = self.pool.staff(&mut self.pool.lock());
    }
}

impl Helpers {
    /// Runs `work` on a helper thread, for as long as the ticket is held.
    pub fn run(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) -> io::Result<Ticket> {
        let mut queue = self.lock();
        let job = queue.next_id();
        self.push(&mut queue, job, Box::new(work))?;
        Ok(self.ticket(job, 0))
    }

    /// Asks `resolve` for the addresses of `name` on a helper thread, or waits for a
    /// look-up that does so already.
    pub fn look_up(
        self: &Arc<Self>,
        name: Name,
        resolve: fn(&Name) -> Addresses,
        then: impl FnOnce(Addresses) + Send + 'static,
    ) -> io::Result<Ticket> {
        let mut queue = self.lock();
        let waiter = queue.next_id();
        if let Some(job) = queue.shared_lookup(&name) {
            queue.join(job, waiter, Box::new(then));
            return Ok(self.ticket(job, waiter));
        }
        let job = queue.next_id();
        let (pool, asked) = (Arc::clone(self), name.clone());
        let work = move || {
            let addresses = resolve(&asked);
            let lookup = pool.lock().lookups.remove(&job);
            let waiters = lookup.map(|lookup| lookup.waiters).unwrap_or_default();
            for then in waiters.into_values() {
                let addresses = addresses.clone();
                let _ = catch_unwind(AssertUnwindSafe(|| then(addresses)));
            }
        };
        self.push(&mut queue, job, Box::new(work))?;
        let then: Then = Box::new(then);
        let lookup = Lookup {
            name,
            began: Instant::now(),
            waiters: BTreeMap::from([(waiter, then)]),
        };
        queue.lookups.insert(job, lookup);
        Ok(self.ticket(job, waiter))
    }

    /// Takes no more work, and ends the threads that have none.
    pub fn close(&self) {
        let (unstarted, idle) = {
            let mut queue = self.lock();
            queue.is_closed = true;
            let unstarted = std::mem::take(&mut queue.waiting);
            let mut idle = std::mem::take(&mut queue.threads);
            for (_, thread) in &queue.running {
                idle.remove(thread);
            }
            (unstarted, idle)
        };
        self.work.notify_all();
        drop(unstarted);
        for thread in idle.into_values() {
            let _ = thread.join();
        }
    }

    fn ticket(self: &Arc<Self>, job: u64, waiter: u64) -> Ticket {
        Ticket {
            pool: Arc::clone(self),
            job,
            waiter,
        }
    }

    /// Queues a job that one waits for.
    fn push(self: &Arc<Self>, queue: &mut Queue, job: u64, work: Work) -> io::Result<()> {
        if queue.is_closed {
            return Err(io::Error::other("the loop was freed"));
        }
        queue.waiting.push_back((job, work));
        let staffed = self.staff(queue);
        if queue.threads.is_empty() {
            queue.waiting.pop_back();
            return staffed;
        }
        // Without a further thread another one will come to it.
        queue.claims.insert(job, 1);
        Ok(())
    }

    /// Wakes or starts a thread, if there is a job that may begin.
    fn staff(self: &Arc<Self>, queue: &mut Queue) -> io::Result<()> {
        if !queue.has_next() {
            return Ok(());
        }
        if queue.idle >= queue.waiting.len() || queue.threads.len() == MAX_THREADS {
            self.work.notify_one();
            return Ok(());
        }
        let (pool, number) = (Arc::clone(self), queue.next_id());
        let thread = sys::spawn("wsc-helper", move || pool.serve(number))?;
        queue.threads.insert(number, thread);
        Ok(())
    }

    fn serve(&self, number: u64) {
        let mut queue = self.lock();
        while !queue.is_closed {
            if let Some((job, work)) = queue.next() {
                queue.running.push((job, number));
                drop(queue);
                // A panic in a job is the job's failure, not the pool's.
                let _ = catch_unwind(AssertUnwindSafe(work));
                queue = self.lock();
                queue.finished(job);
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
                break;
            }
        }
        queue.threads.remove(&number);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether there is a job that may begin.
    fn has_next(&self) -> bool {
        let is_claimed = |job: &u64| self.claims.get(job).is_some_and(|claims| *claims > 0);
        let busy = self.running.iter().filter(|(job, _)| is_claimed(job));
        let busy = busy.count();
        !self.waiting.is_empty() && busy < MAX_BUSY
    }

    fn next(&mut self) -> Option<(u64, Work)> {
        match self.has_next() {
            true => self.waiting.pop_front(),
            false => None,
        }
    }

    fn shared_lookup(&self, name: &Name) -> Option<u64> {
        let mut lookups = self.lookups.iter();
        let is_shared =
            |lookup: &Lookup| lookup.name == *name && lookup.began.elapsed() < SHARED_FOR;
        let found = lookups.find(|(_, lookup)| is_shared(lookup));
        found.map(|(job, _)| *job)
    }

    fn join(&mut self, job: u64, waiter: u64, then: Then) {
        if let Some(lookup) = self.lookups.get_mut(&job) {
            lookup.waiters.insert(waiter, then);
            *self.claims.entry(job).or_default() += 1;
        }
    }

    /// Takes one claim back; returns what nobody waits for any more.
    fn withdraw(&mut self, job: u64, waiter: u64) -> (Option<Then>, Option<Work>) {
        let lookup = self.lookups.get_mut(&job);
        let then = lookup.and_then(|lookup| lookup.waiters.remove(&waiter));
        if let Some(claims) = self.claims.get_mut(&job) {
            *claims = claims.saturating_sub(1);
        }
        let is_claimed = self.claims.get(&job).is_none_or(|claims| *claims > 0);
        let place = self.waiting.iter().position(|(other, _)| *other == job);
        let unstarted = place.filter(|_| !is_claimed);
        let unstarted = unstarted.and_then(|place| self.waiting.remove(place));
        if unstarted.is_some() {
            self.finished(job);
        }
        (then, unstarted.map(|(_, work)| work))
    }

    fn finished(&mut self, job: u64) {
        self.running.retain(|(other, _)| *other != job);
        self.claims.remove(&job);
        self.lookups.remove(&job);
    }
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
        assert_eq!(pool.lock().threads.len(), MAX_BUSY + 1);
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
        let last = stuck(&pool, &began, MAX_THREADS);
        assert_eq!(pool.lock().threads.len(), MAX_THREADS);
        assert!(begins.try_recv().is_err());
        gates.pop();
        assert_eq!(begins.recv_timeout(DEADLINE), Ok(MAX_THREADS));
        drop((gates, last));
    }

    #[test]
    fn who_asks_for_the_same_name_waits_for_the_same_answer() {
        static ASKED: Mutex<Vec<Name>> = Mutex::new(Vec::new());
        static GATE: Mutex<()> = Mutex::new(());
        let pool = Arc::<Helpers>::default();
        let (told, tells) = channel();
        let look_up = |name: &str, number: usize| {
            let told = told.clone();
            let resolve = |name: &Name| {
                ASKED.lock().unwrap().push(name.clone());
                drop(GATE.lock().unwrap());
                Ok(Vec::new())
            };
            let then = move |addresses: Addresses| told.send((number, addresses)).unwrap();
            pool.look_up((name.into(), 80), resolve, then).unwrap()
        };
        let closed = GATE.lock().unwrap();
        // Nobody waits for it in between, and the fourth asks for something else.
        drop(look_up("one", 1));
        let _second = look_up("one", 2);
        drop(look_up("one", 3));
        let _fourth = look_up("two", 4);
        let _fifth = look_up("one", 5);
        drop(closed);
        let mut answered: Vec<usize> = (0..3)
            .map(|_| tells.recv_timeout(DEADLINE).unwrap().0)
            .collect();
        answered.sort_unstable();
        assert_eq!(answered, [2, 4, 5]);
        assert!(ASKED.lock().unwrap().len() <= 3, "{ASKED:?}");
        let _late = look_up("one", 6);
        assert_eq!(tells.recv_timeout(DEADLINE).unwrap().0, 6);
    }

    #[test]
    fn closing_ends_idle_threads_and_waits_for_no_look_up() {
        let pool = Arc::<Helpers>::default();
        let (began, begins) = channel();
        let (at_work, let_go) = stuck(&pool, &began, 1);
        let (finished, ended) = stuck(&pool, &began, 2);
        for _ in 0..2 {
            begins.recv_timeout(DEADLINE).unwrap();
        }
        drop((ended, finished));
        while pool.lock().idle == 0 {
            std::thread::yield_now();
        }
        pool.close();
        assert_eq!(pool.lock().idle, 0);
        assert!(pool.run(|| panic!("it was closed")).is_err());
        drop((at_work, let_go));
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
