//! One pass over everything that is ready: sockets, commands, timers. The
//! reactor knows nothing of callbacks or C; whoever holds its lock turns it.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::connect::Turn;
use crate::connection::Connection;
use crate::event_loop::Loop;
use crate::session::Ready;
use crate::sys::{self, Timer};
use crate::transport::Buffers;

/// Connection ids begin at 1 and never come this far.
const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
const FLUSH: Token = Token(usize::MAX - 2);
/// Readiness events taken from the kernel at once.
const EVENTS: usize = 256;
/// Turns in a row that may read without asking the kernel what is ready.
const MAX_AHEAD: u32 = 8;
/// After a look that found nothing so many waits at most are made without one.
const MAX_UNSEEN: u32 = 63;

pub struct Reactor {
    poll: Poll,
    events: Events,
    /// What `events` said, so that connections can be driven while it is not borrowed.
    readiness: Vec<(Token, Ready)>,
    table: HashMap<u64, Entry, BuildHasherDefault<IdHasher>>,
    /// Connections whose reading stopped for another reason than an empty socket.
    unfinished: Vec<u64>,
    turn: u64,
    /// The connection that alone was ready in the last wait, and how often it was read
    /// without a wait since.
    hot: Option<u64>,
    ahead: u32,
    /// How many waits are to be made without a look at that connection before: the last
    /// number of them, and what is left of it.
    unseen: u32,
    unseen_left: u32,
    deadlines: BTreeSet<(Instant, u64)>,
    timer: Timer,
    timer_set: Option<Instant>,
    buffers: Buffers,
}

struct Entry {
    connection: Arc<Connection>,
    deadline: Option<Instant>,
    /// It is in `unfinished`.
    unfinished: bool,
    /// The last turn that drove it.
    driven_in: u64,
}

/// Connection ids come one after the other and from nobody else: they need no hash
/// that an attacker cannot foresee.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // The table takes its buckets from the low bits and its tags from the high ones.
        self.0 = (self.0 ^ id)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Why a turn came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    Done,
    /// There is work left that no new readiness will tell of.
    Unfinished,
    /// A signal arrived while waiting; the host's handlers should run.
    Interrupted,
}

impl Reactor {
    /// `waker` and `flush` are descriptors that become readable, and are never read, to
    /// end a wait: at once, or when the burst of sends is over.
    pub fn new(waker: RawFd, flush: RawFd) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new()?;
        let registry = poll.registry();
        registry.register(&mut SourceFd(&waker), WAKER, Interest::READABLE)?;
        registry.register(&mut SourceFd(&timer.fd()), TIMER, Interest::READABLE)?;
        registry.register(&mut SourceFd(&flush), FLUSH, Interest::READABLE)?;
        Ok(Reactor {
            events: Events::with_capacity(EVENTS),
            readiness: Vec::with_capacity(EVENTS),
            table: HashMap::default(),
            unfinished: Vec::new(),
            turn: 0,
            hot: None,
            ahead: 0,
            unseen: 0,
            unseen_left: 0,
            deadlines: BTreeSet::new(),
            timer,
            timer_set: None,
            buffers: Buffers::new(),
            poll,
        })
    }

    pub fn registry(&self) -> io::Result<Registry> {
        self.poll.registry().try_clone()
    }

    /// The descriptors, for the outer readiness level and for a forked child.
    pub fn fds(&self) -> [RawFd; 2] {
        [self.poll.as_raw_fd(), self.timer.fd()]
    }

    /// Waits up to `timeout`, does all the work that is ready, runs due timers.
    pub fn turn(&mut self, event_loop: &Loop, timeout: Option<Duration>) -> Turned {
        self.turn += 1;
        let unfinished = std::mem::take(&mut self.unfinished);
        let timeout = match unfinished.is_empty() {
            true => timeout,
            false => Some(Duration::ZERO),
        };
        self.readiness.clear();
        let mut turned = Turned::Done;
        let mut now = Instant::now();
        let may_sleep = timeout != Some(Duration::ZERO);
        let looks = !may_sleep || self.looks_before_sleep();
        if !looks || !self.read_ahead(event_loop, now, may_sleep) {
            // The look may have moved a deadline, or left work that no wait would end for.
            self.set_timer(now);
            let timeout = match self.unfinished.is_empty() {
                true => timeout,
                false => Some(Duration::ZERO),
            };
            turned = self.wait(event_loop, timeout);
            now = Instant::now();
        }
        let _working = sys::enter_work();
        // What comes meanwhile is for the next turn: threads that go on giving commands must
        // not keep this one from all else.
        for _ in 0..event_loop.commands() {
            if let Some(connection) = event_loop.next_command() {
                self.drive(event_loop, &connection, Ready::default(), now);
            }
        }
        let readiness = std::mem::take(&mut self.readiness);
        for (token, ready) in &readiness {
            match *token {
                WAKER | FLUSH => {}
                TIMER => self.timer_set = None,
                Token(id) => self.drive_id(event_loop, id as u64, *ready, now),
            }
        }
        self.readiness = readiness;
        self.finish(event_loop, unfinished, now);
        self.run_deadlines(event_loop, now);
        self.set_timer(now);
        turned
    }

    /// Whether to look for an answer before a wait that may sleep. Where the peer shares the
    /// processor it has answered by the time that a send returns, and the wait would be for
    /// nothing; where it does not, a look is one call for nothing. So looks that find nothing
    /// become rare.
    fn looks_before_sleep(&mut self) -> bool {
        let looks = self.unseen_left == 0;
        self.unseen_left = self.unseen_left.saturating_sub(1);
        looks
    }

    /// Reads from the one connection that is likely to have something before the kernel is
    /// asked which has: a host that watches the descriptor comes when there is something. Not
    /// many times in a row, or others would have to wait for theirs. Tells whether there are
    /// events.
    fn read_ahead(&mut self, event_loop: &Loop, now: Instant, may_sleep: bool) -> bool {
        let Some(id) = self.hot.filter(|_| self.ahead < MAX_AHEAD) else {
            return false;
        };
        let _working = sys::enter_work();
        self.ahead += 1;
        let ready = Ready {
            readable: true,
            ..Ready::default()
        };
        self.drive_id(event_loop, id, ready, now);
        let found = event_loop.has_events();
        if may_sleep {
            self.unseen = match found {
                true => 0,
                false => (self.unseen * 2 + 1).min(MAX_UNSEEN),
            };
            self.unseen_left = self.unseen;
        }
        found
    }

    /// Waits for readiness and notes it.
    fn wait(&mut self, event_loop: &Loop, timeout: Option<Duration>) -> Turned {
        let result = self.await_readiness(timeout, event_loop.busy_poll());
        // After the wait and before the commands: a wake-up that comes later
        // is seen by the next wait.
        event_loop.clear_woken();
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
            return Turned::Interrupted;
        }
        self.note_readiness();
        Turned::Done
    }

    /// Waits for readiness; at first, for up to `busy`, without giving up the processor.
    fn await_readiness(&mut self, timeout: Option<Duration>, busy: Duration) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) || busy.is_zero() {
            return self.poll.poll(&mut self.events, timeout);
        }
        let begun = Instant::now();
        let busy = timeout.map_or(busy, |timeout| timeout.min(busy));
        loop {
            self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
            let elapsed = begun.elapsed();
            if !self.events.is_empty() {
                return Ok(());
            }
            if elapsed >= busy {
                let rest = timeout.map(|timeout| timeout.saturating_sub(elapsed));
                return self.poll.poll(&mut self.events, rest);
            }
            std::hint::spin_loop();
        }
    }

    /// Whether there is work that no new readiness will tell of: reading that
    /// was left off, or readiness that did not fit into the last wait.
    pub fn has_work(&self) -> bool {
        !self.unfinished.is_empty() || self.readiness.len() >= EVENTS
    }

    fn note_readiness(&mut self) {
        self.readiness.extend(self.events.iter().map(|event| {
            let ready = Ready {
                readable: event.is_readable(),
                writable: event.is_writable(),
                hung_up: event.is_read_closed() || event.is_error(),
            };
            (event.token(), ready)
        }));
        let mut ids = self.readiness.iter().filter_map(|(token, _)| match *token {
            WAKER | FLUSH | TIMER => None,
            Token(id) => Some(id as u64),
        });
        self.hot = ids.next().filter(|_| ids.next().is_none());
        self.ahead = 0;
    }

    /// Goes on with what the last turn left, unless this one came to it already:
    /// each connection reads one buffer a turn.
    fn finish(&mut self, event_loop: &Loop, unfinished: Vec<u64>, now: Instant) {
        for id in unfinished {
            let Some(entry) = self.table.get_mut(&id) else {
                continue;
            };
            if entry.driven_in == self.turn {
                continue;
            }
            entry.unfinished = false;
            self.drive_id(event_loop, id, Ready::default(), now);
        }
    }

    fn run_deadlines(&mut self, event_loop: &Loop, now: Instant) {
        while let Some((deadline, id)) = self.deadlines.first().copied() {
            if deadline > now {
                return;
            }
            self.deadlines.pop_first();
            if let Some(entry) = self.table.get_mut(&id) {
                entry.deadline = None;
            }
            self.drive_id(event_loop, id, Ready::default(), now);
        }
    }

    /// The timer is set again only when the earliest deadline moves earlier; one
    /// that moved later costs an idle expiry.
    fn set_timer(&mut self, now: Instant) {
        let Some((earliest, _)) = self.deadlines.first().copied() else {
            return;
        };
        if self.timer_set.is_none_or(|set| earliest < set) {
            self.timer.set(earliest.saturating_duration_since(now));
            self.timer_set = Some(earliest);
        }
    }

    fn drive_id(&mut self, event_loop: &Loop, id: u64, ready: Ready, now: Instant) {
        // Readiness of a connection that is gone means nothing.
        if let Some(entry) = self.table.get(&id) {
            let connection = Arc::clone(&entry.connection);
            self.drive(event_loop, &connection, ready, now);
        }
    }

    fn drive(
        &mut self,
        event_loop: &Loop,
        connection: &Arc<Connection>,
        ready: Ready,
        now: Instant,
    ) {
        let mut turn = Turn {
            now,
            registry: event_loop.registry(),
            helpers: event_loop.helpers(),
            connectors: event_loop.connectors(),
            masks: event_loop.masks(),
            buffers: &mut self.buffers,
        };
        let next = catch_unwind(AssertUnwindSafe(|| connection.drive(&mut turn, ready)))
            .unwrap_or_else(|_| connection.panicked());
        let id = connection.id();
        if next.idle {
            let entry = self.table.remove(&id);
            self.set_deadline(id, entry.and_then(|entry| entry.deadline), None);
            return;
        }
        let entry = self.table.entry(id).or_insert_with(|| Entry {
            connection: Arc::clone(connection),
            deadline: None,
            unfinished: false,
            driven_in: 0,
        });
        if entry.driven_in != self.turn {
            // What the last turn noted is taken care of now.
            entry.driven_in = self.turn;
            entry.unfinished = false;
        }
        if next.again && !std::mem::replace(&mut entry.unfinished, true) {
            self.unfinished.push(id);
        }
        let before = std::mem::replace(&mut entry.deadline, next.deadline);
        self.set_deadline(id, before, next.deadline);
    }

    fn set_deadline(&mut self, id: u64, before: Option<Instant>, after: Option<Instant>) {
        if before != after {
            if let Some(before) = before {
                self.deadlines.remove(&(before, id));
            }
            self.deadlines.extend(after.map(|after| (after, id)));
        }
    }
}
