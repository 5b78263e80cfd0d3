//! The loop: who may turn the reactor, how events reach the user, the
//! background thread, and the descriptor that the host watches.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::Registry;

use crate::config::{BURST, DEFAULT_STANDBY_GRACE, OUTPUT_GRACE, expiry};
use crate::connect::tls::Connectors;
use crate::connection::{Batch, Connection};
use crate::error::Status;
use crate::event::{Event, EventRef};
use crate::helpers::Helpers;
use crate::masks::MaskSource;
use crate::reactor::{Reactor, Turned};
use crate::sys::{self, Outer, Signal, Timer};

/// Where callbacks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Callbacks {
    /// On the thread that dispatches; or nowhere, if the loop is polled.
    OnDispatch = 0,
    /// On the loop's background thread.
    OnThread = 1,
}

/// Connection ids are unique in a process and never reused.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Events of one connection that are delivered before it is another's turn.
const FAIR_SHARE: usize = 1024;
/// How many turns more a host that does not wait gets while there is work left and no event.
/// A turn reads 128 KiB of a connection: a message of 2 MiB need not send the host back to
/// its own loop for each piece.
const MAX_MORE: usize = 15;
/// The grace that stands for "never".
const NEVER: u64 = u64::MAX;

/// A reactor, its events, one readiness descriptor and one background thread.
pub struct Loop {
    callbacks: Callbacks,
    generation: u64,
    me: Weak<Loop>,
    freed: AtomicBool,
    /// Taken by threads that turn, and by `free`.
    reactor: Mutex<Option<Reactor>>,
    reactor_fds: [RawFd; 2],
    registry: Registry,
    helpers: Arc<Helpers>,
    connectors: Arc<Connectors>,
    masks: Arc<MaskSource>,
    waker: Signal,
    /// A wake-up is on its way that no wait has seen.
    woken: AtomicBool,
    /// Up while undelivered events wait for the host.
    signal: Signal,
    signal_up: AtomicBool,
    /// Made when the host asks for it: each readiness costs one level more.
    outer: OnceLock<Outer>,
    /// Connections that the reactor must look at.
    commands: Queue,
    /// Connections with events.
    ready: Queue,
    /// Connections with output that waits for a flush.
    unflushed: Queue,
    has_unflushed: AtomicBool,
    /// Expires when a burst of sends is over.
    flush_timer: Timer,
    turns: AtomicU64,
    /// Turns made by the host. The standby thread watches it.
    host_turns: AtomicU64,
    host_waits: AtomicUsize,
    consumer: Mutex<Consumer>,
    interrupt: AtomicBool,
    stop: AtomicBool,
    active: Mutex<usize>,
    inactive: Condvar,
    standby: Standby,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// `sys::thread_id` of that thread, 0 before it runs.
    thread_id: AtomicUsize,
    connections: Mutex<HashMap<u64, Weak<Connection>>>,
    rooms: Rooms,
    busy_poll_us: AtomicU64,
}

/// Emptied queues of events, for the next connection that has some.
#[derive(Default)]
pub(crate) struct Rooms(Mutex<Vec<VecDeque<Event>>>);

impl Rooms {
    /// How many are kept, and how many events each may have place for.
    const KEPT: usize = 4;
    const SIZE: usize = 4096;

    pub(crate) fn take(&self) -> VecDeque<Event> {
        lock(&self.0).pop().unwrap_or_default()
    }

    pub(crate) fn give(&self, room: VecDeque<Event>) {
        if !(1..=Self::SIZE).contains(&room.capacity()) {
            return;
        }
        let mut rooms = lock(&self.0);
        if rooms.len() < Self::KEPT {
            rooms.push(room);
        }
    }
}

/// A queue of connections that any thread may add to.
struct Queue {
    sender: Sender<Arc<Connection>>,
    receiver: Receiver<Arc<Connection>>,
}

impl Queue {
    fn new() -> Self {
        let (sender, receiver) = unbounded();
        Queue { sender, receiver }
    }

    fn push(&self, connection: Arc<Connection>) {
        // Both ends live as long as the queue.
        let _ = self.sender.send(connection);
    }

    fn pop(&self) -> Option<Arc<Connection>> {
        self.receiver.try_recv().ok()
    }

    fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    fn len(&self) -> usize {
        self.receiver.len()
    }
}

/// State of the one thread that takes events.
#[derive(Default)]
struct Consumer {
    /// Keeps the data of polled events alive.
    polled: Vec<Event>,
    /// Events that were taken for callbacks.
    batch: VecDeque<Event>,
    /// Connections with which something waits until the host is through with `polled`.
    awaited: Vec<Arc<Connection>>,
}

/// How the standby thread sleeps while the host may still come.
struct Standby {
    grace_us: AtomicU64,
    napping: Mutex<bool>,
    changed: Condvar,
}

impl Loop {
    pub fn new(callbacks: Callbacks) -> Result<Arc<Loop>, Status> {
        sys::watch_forks()
            .and_then(|()| Self::build(callbacks))
            .map_err(|_| Status::System)
    }

    fn build(callbacks: Callbacks) -> std::io::Result<Arc<Loop>> {
        let masks = Arc::new(MaskSource::new()?);
        let waker = Signal::new()?;
        let signal = Signal::new()?;
        let flush_timer = Timer::new()?;
        let reactor = Reactor::new(waker.fd(), flush_timer.fd())?;
        let reactor_fds = reactor.fds();
        let registry = reactor.registry()?;
        Ok(Arc::new_cyclic(|me| Loop {
            callbacks,
            generation: sys::fork_generation(),
            me: Weak::clone(me),
            freed: AtomicBool::new(false),
            reactor: Mutex::new(Some(reactor)),
            reactor_fds,
            registry,
            helpers: Arc::default(),
            connectors: Arc::default(),
            masks,
            waker,
            woken: AtomicBool::new(false),
            signal,
            signal_up: AtomicBool::new(false),
            outer: OnceLock::new(),
            commands: Queue::new(),
            ready: Queue::new(),
            unflushed: Queue::new(),
            has_unflushed: AtomicBool::new(false),
            flush_timer,
            turns: AtomicU64::new(0),
            host_turns: AtomicU64::new(0),
            host_waits: AtomicUsize::new(0),
            consumer: Mutex::default(),
            interrupt: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            active: Mutex::new(0),
            inactive: Condvar::new(),
            standby: Standby {
                grace_us: AtomicU64::new(DEFAULT_STANDBY_GRACE.as_micros() as u64),
                napping: Mutex::new(false),
                changed: Condvar::new(),
            },
            thread: Mutex::new(None),
            thread_id: AtomicUsize::new(0),
            connections: Mutex::default(),
            rooms: Rooms::default(),
            busy_poll_us: AtomicU64::new(0),
        }))
    }

    /// The descriptor that is readable while there is work or an event.
    pub fn fd(&self) -> Option<RawFd> {
        self.check_usable().ok()?;
        if self.outer.get().is_none() {
            let outer = Outer::new(&[self.reactor_fds[0], self.signal.fd()]).ok()?;
            // Another thread may have been faster; one of the two is enough.
            let _ = self.outer.set(outer);
            self.settle_signal();
        }
        self.outer.get().map(Outer::fd)
    }

    /// Does what is ready, waiting up to `timeout` for the first event (for
    /// ever if `None`), and runs the callbacks.
    pub fn dispatch(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let mut consumer = self.consume()?;
        let _signal = SettleSignal(self);
        self.wait_and(timeout, || self.deliver_and_flush(&mut consumer))
    }

    /// Like `dispatch`, but hands up to `max` events to `sink` instead. They
    /// stay alive until the next poll returns.
    pub fn poll(
        &self,
        max: usize,
        timeout: Option<Duration>,
        sink: &mut dyn FnMut(EventRef<'_>),
    ) -> Result<usize, Status> {
        if max == 0 {
            return Err(Status::Invalid);
        }
        let mut consumer = self.consume()?;
        let _signal = SettleSignal(self);
        let _previous = std::mem::take(&mut consumer.polled);
        let mut count = 0;
        self.wait_and(timeout, || {
            count = self.collect(max, &mut consumer);
            Ok(count)
        })?;
        for event in &consumer.polled {
            let _all = event.tell(|event| {
                sink(event);
                ControlFlow::Continue(())
            });
        }
        Ok(count)
    }

    /// Dispatches until no attempt, scheduled reconnect or undelivered event is
    /// left, or `stop` is called. On a loop with a thread of its own it waits
    /// for the same.
    pub fn run(&self) -> Result<(), Status> {
        self.check_usable()?;
        if self.callbacks == Callbacks::OnThread {
            return self.wait_inactive();
        }
        // Busy inside a callback, even when nothing is left to wait for.
        drop(self.consume()?);
        while !self.stop.swap(false, Ordering::SeqCst) && *lock(&self.active) > 0 {
            self.dispatch(None)?;
            if self.is_freed() {
                break;
            }
        }
        Ok(())
    }

    fn wait_inactive(&self) -> Result<(), Status> {
        if self.is_own_thread() {
            return Err(Status::Busy);
        }
        let mut active = lock(&self.active);
        while *active > 0 && !self.stop.load(Ordering::SeqCst) && !self.is_freed() {
            active = self
                .inactive
                .wait(active)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.stop.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Makes `run` return.
    pub fn stop(&self) -> Result<(), Status> {
        self.check_usable()?;
        self.stop.store(true, Ordering::SeqCst);
        if self.callbacks == Callbacks::OnThread {
            let _active = lock(&self.active);
            self.inactive.notify_all();
        }
        self.wake_host();
        Ok(())
    }

    /// Makes the descriptor readable, and a dispatch or poll that waits return.
    pub fn wake(&self) -> Result<(), Status> {
        self.check_usable()?;
        self.wake_host();
        Ok(())
    }

    /// Writes queued output, as far as the sockets take it.
    pub fn flush(&self) -> Result<(), Status> {
        self.check_usable()?;
        self.flush_queued();
        Ok(())
    }

    /// How long the host may be away before the background thread does the
    /// reading and writing; `None` for ever.
    pub fn set_standby_grace(&self, grace: Option<Duration>) -> Result<(), Status> {
        self.check_usable()?;
        let grace = match grace {
            Some(Duration::ZERO) => return Err(Status::Invalid),
            Some(grace) => u64::try_from(grace.as_micros()).unwrap_or(NEVER),
            None => NEVER,
        };
        self.standby.grace_us.store(grace, Ordering::Relaxed);
        self.nudge_standby();
        Ok(())
    }

    /// How long a wait looks for readiness again and again before it sleeps; not at
    /// all at first.
    pub fn set_busy_poll(&self, busy: Duration) -> Result<(), Status> {
        self.check_usable()?;
        let us = u64::try_from(busy.as_micros()).unwrap_or(u64::MAX);
        self.busy_poll_us.store(us, Ordering::Relaxed);
        Ok(())
    }

    /// Ends every connection without events, and the background thread.
    pub fn free(&self) {
        if sys::is_exiting() {
            self.freed_at_exit();
            std::mem::forget(self.me.upgrade());
            return;
        }
        if self.is_forked() {
            // The locks and the thread belong to the parent.
            let [poll, timer] = self.reactor_fds;
            let own = [
                self.registry.as_raw_fd(),
                self.signal.fd(),
                self.waker.fd(),
                self.flush_timer.fd(),
                poll,
                timer,
            ];
            for fd in own.into_iter().chain(self.outer.get().map(Outer::fd)) {
                sys::close_inherited(fd);
            }
            std::mem::forget(self.me.upgrade());
            return;
        }
        if self.freed.swap(true, Ordering::SeqCst) {
            return;
        }
        let connections = std::mem::take(&mut *lock(&self.connections));
        for connection in connections.values().filter_map(Weak::upgrade) {
            connection.loop_freed();
        }
        self.helpers.close();
        self.wake_host();
        self.nudge_standby();
        {
            let _active = lock(&self.active);
            self.inactive.notify_all();
        }
        // A loop that is freed by its own thread ends when the callback returns.
        if !self.is_own_thread() {
            let thread = lock(&self.thread).take();
            if let Some(thread) = thread {
                let _ = thread.join();
            }
            *lock(&self.reactor) = None;
        }
        for queue in [&self.commands, &self.ready, &self.unflushed] {
            while queue.pop().is_some() {}
        }
        // Busy where a callback frees its loop; then it ends with the loop.
        if let Ok(mut consumer) = self.consumer.try_lock() {
            *consumer = Consumer::default();
        }
    }
}

impl Loop {
    /// Library threads may have parked with locks in their hands. The others tell the
    /// host nothing more.
    fn freed_at_exit(&self) {
        self.freed.store(true, Ordering::SeqCst);
        if let Some(connections) = sys::lock_at_exit(&self.connections) {
            for connection in connections.values().filter_map(Weak::upgrade) {
                connection.note_change();
            }
        }
        // Held while callbacks run; perhaps by the one that ends the process.
        if self.callbacks == Callbacks::OnThread && !self.is_own_thread() {
            drop(sys::lock_at_exit(&self.consumer));
        }
    }
}

/// Taking events.
impl Loop {
    /// Begins a dispatch or poll. Only one thread at a time may take events,
    /// and none inside a callback.
    fn consume(&self) -> Result<MutexGuard<'_, Consumer>, Status> {
        self.check_usable()?;
        if self.callbacks == Callbacks::OnThread {
            return Err(Status::Mode);
        }
        let mut consumer = match self.consumer.try_lock() {
            Ok(consumer) => consumer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Status::Busy),
        };
        // What the last poll handed out has been seen by now.
        for connection in consumer.awaited.drain(..) {
            connection.polled_delivered();
        }
        Ok(consumer)
    }

    /// Waits for events and has `take` take them, again if it found none: a
    /// connection that is listed may have lost its events.
    fn wait_and(
        &self,
        timeout: Option<Duration>,
        mut take: impl FnMut() -> Result<usize, Status>,
    ) -> Result<(), Status> {
        let until = expiry(Instant::now(), timeout);
        loop {
            let over = self.wait(timeout, until)?;
            if take()? > 0 || over || self.is_freed() {
                return Ok(());
            }
        }
    }

    /// Turns the reactor until there is an event, the time is over, somebody
    /// woke the loop, or a signal arrived; true for the last three.
    fn wait(&self, timeout: Option<Duration>, until: Option<Instant>) -> Result<bool, Status> {
        let mut over = false;
        let mut more = MAX_MORE;
        loop {
            self.flush_queued();
            if over || !self.ready.is_empty() {
                return Ok(over);
            }
            let rest = match timeout {
                Some(Duration::ZERO) => timeout,
                _ => until.map(|until| until.saturating_duration_since(Instant::now())),
            };
            let turned = self.turn_as_host(rest)?;
            let goes_on = turned == Turned::Unfinished && more > 0;
            more -= usize::from(goes_on);
            over = self.interrupt.swap(false, Ordering::SeqCst)
                || turned == Turned::Interrupted
                || (!goes_on && until.is_some_and(|until| Instant::now() >= until));
        }
    }

    fn turn_as_host(&self, timeout: Option<Duration>) -> Result<Turned, Status> {
        let mut reactor = match self.reactor.try_lock() {
            Ok(reactor) => reactor,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.host_waits.fetch_add(1, Ordering::SeqCst);
                let reactor = lock(&self.reactor);
                self.host_waits.fetch_sub(1, Ordering::SeqCst);
                reactor
            }
        };
        let reactor = reactor.as_mut().ok_or(Status::State)?;
        self.host_turns.fetch_add(1, Ordering::SeqCst);
        let turned = self.turn(reactor, timeout);
        self.host_turns.fetch_add(1, Ordering::SeqCst);
        Ok(turned)
    }

    /// Turns the reactor, whose lock the caller holds. Another thread may have
    /// turned while this one waited for the lock, so whether it may sleep is
    /// decided here and nowhere else.
    fn turn(&self, reactor: &mut Reactor, timeout: Option<Duration>) -> Turned {
        let timeout = match self.must_not_sleep() {
            true => Some(Duration::ZERO),
            false => timeout,
        };
        let turned = reactor.turn(self, timeout);
        self.turns.fetch_add(1, Ordering::SeqCst);
        if !reactor.has_work() {
            return turned;
        }
        // The loop's own thread turns again anyway.
        if self.callbacks == Callbacks::OnDispatch {
            self.wake_reactor();
        }
        match turned {
            Turned::Done => Turned::Unfinished,
            turned => turned,
        }
    }

    fn must_not_sleep(&self) -> bool {
        !self.ready.is_empty() || self.interrupt.load(Ordering::SeqCst) || self.is_freed()
    }

    /// Runs the callbacks, then writes what they sent; tells how many events
    /// there were.
    fn deliver_and_flush(&self, consumer: &mut Consumer) -> Result<usize, Status> {
        let delivered = self.deliver(consumer);
        if delivered != Err(Status::Forked) {
            self.flush_queued();
        }
        delivered
    }

    /// Runs the callbacks for the events that are there now.
    fn deliver(&self, consumer: &mut Consumer) -> Result<usize, Status> {
        let mut count = 0;
        for _ in 0..self.ready.len() {
            if self.is_freed() {
                break;
            }
            let Some(connection) = self.ready.pop() else {
                break;
            };
            let mut share = FAIR_SHARE;
            while share > 0 {
                let Some(batch) = connection.take_batch(&mut consumer.batch) else {
                    break;
                };
                let size: usize = consumer.batch.iter().map(Event::count).sum();
                count += size;
                share = share.saturating_sub(size);
                let called = self.call(&connection, &batch, &mut consumer.batch);
                match called {
                    Err(Status::Forked) => std::mem::forget(batch),
                    _ => connection.batch_delivered(batch),
                }
                if self.is_forked() {
                    std::mem::forget(connection);
                    return Err(Status::Forked);
                }
                if let Err(status) = called {
                    self.ready.push(connection);
                    return Err(status);
                }
                if self.is_freed() {
                    return Ok(count);
                }
            }
            if share == 0 {
                self.ready.push(connection);
            }
        }
        Ok(count)
    }

    /// Runs the callbacks for a batch. One that panics ends the delivery; the
    /// other events stay. In the child that one has forked it ends too: the other
    /// events, the sockets and the locks are the parent's.
    fn call(
        &self,
        connection: &Arc<Connection>,
        batch: &Batch,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Status> {
        let mut result = Ok(());
        let mut call = |event: EventRef<'_>| {
            let event_type = event.event_type();
            if let Some(handler) = batch.handlers.get(event_type) {
                let call = || handler(connection, event);
                result = catch_unwind(AssertUnwindSafe(call)).map_err(|_| Status::Panic);
            }
            if self.is_forked() {
                result = Err(Status::Forked);
                return ControlFlow::Break(());
            }
            if event_type.may_precede_attempt() {
                connection.close_delivered();
            }
            match connection.changes() != batch.changes || result.is_err() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let mut told = None;
        for (index, event) in events.iter().enumerate() {
            let (count, flow) = event.tell(&mut call);
            if flow.is_break() {
                told = Some((index, count));
                break;
            }
        }
        if result == Err(Status::Forked) {
            return result;
        }
        match told {
            None => events.clear(),
            Some((index, count)) => {
                events.drain(..index);
                drop_told(events, count);
                connection.put_back(events, batch);
            }
        }
        result
    }

    /// Takes up to `max` events from the connections that have some; tells how many.
    fn collect(&self, max: usize, consumer: &mut Consumer) -> usize {
        let mut count = 0;
        for _ in 0..self.ready.len() {
            let Some(connection) = self.ready.pop() else {
                break;
            };
            let taken = connection.take_events(max - count, &mut consumer.polled);
            count += taken.count;
            if taken.more {
                self.ready.push(Arc::clone(&connection));
            }
            if taken.awaited {
                consumer.awaited.push(connection);
            }
            if count == max {
                break;
            }
        }
        if !consumer.awaited.is_empty() {
            // The next poll goes on with them.
            self.wake_host();
        }
        count
    }

    /// Raises the signal while events wait or somebody woke the host, lowers
    /// it when neither is so. A turn of the standby thread leaves it up.
    fn settle_signal(&self) {
        let wanted = || !self.ready.is_empty() || self.interrupt.load(Ordering::SeqCst);
        if !wanted() && self.signal_up.swap(false, Ordering::SeqCst) {
            self.signal.lower();
        }
        // Also if it was raised by another thread and lowered here just now;
        // and again if it is up: an edge-triggered host needs the edge.
        if wanted() {
            self.raise_signal();
        }
    }

    fn raise_signal(&self) {
        if self.outer.get().is_some() {
            self.signal_up.store(true, Ordering::SeqCst);
            self.signal.raise();
        }
    }
}

/// Takes those of the first event's events away that were told.
fn drop_told(events: &mut VecDeque<Event>, count: usize) {
    match events.front_mut() {
        Some(first) if count < first.count() => drop(first.split_to(count)),
        _ => drop(events.pop_front()),
    }
}

/// Settles the signal when a dispatch or poll ends, in whatever way.
struct SettleSignal<'a>(&'a Loop);

impl Drop for SettleSignal<'_> {
    fn drop(&mut self) {
        // The descriptors of the child that a callback has forked are the parent's, or closed.
        if !self.0.is_forked() {
            self.0.settle_signal();
        }
    }
}

/// The background thread.
impl Loop {
    /// Starts the thread, with the first attempt: a host may fork before.
    pub(crate) fn start_thread(&self) -> Result<(), Status> {
        let mut thread = lock(&self.thread);
        if thread.is_some() {
            return Ok(());
        }
        let event_loop = self.me.upgrade().ok_or(Status::State)?;
        let spawned = sys::spawn("wsc-loop", move || {
            event_loop
                .thread_id
                .store(sys::thread_id(), Ordering::SeqCst);
            match event_loop.callbacks {
                Callbacks::OnDispatch => event_loop.stand_by(),
                Callbacks::OnThread => event_loop.serve(),
            }
        });
        *thread = Some(spawned.map_err(|_| Status::System)?);
        Ok(())
    }

    fn is_own_thread(&self) -> bool {
        self.thread_id.load(Ordering::SeqCst) == sys::thread_id()
    }

    /// The thread of a loop whose callbacks run on it.
    fn serve(&self) {
        while !self.is_freed() {
            self.flush_queued();
            self.interrupt.store(false, Ordering::SeqCst);
            if let Some(reactor) = lock(&self.reactor).as_mut() {
                self.turn(reactor, None);
            }
            let _working = sys::enter_work();
            // A callback that panics loses its own event, nothing else.
            let delivered = self.deliver_and_flush(&mut lock(&self.consumer));
            if delivered == Err(Status::Forked) {
                // This is the child's only thread now; the loop stays the parent's.
                std::mem::forget(self.me.upgrade());
                return;
            }
        }
        *lock(&self.reactor) = None;
    }

    /// The thread of a loop that the host dispatches or polls: it waits for a
    /// host that stays away.
    fn stand_by(&self) {
        let mut seen = self.host_turns.load(Ordering::SeqCst);
        let mut host_is_away = false;
        while !self.is_freed() {
            sys::wait_readable(self.reactor_fds[0]);
            host_is_away &= self.host_turns.load(Ordering::SeqCst) == seen;
            if !host_is_away && !self.host_stays_away() {
                continue;
            }
            seen = self.host_turns.load(Ordering::SeqCst);
            host_is_away = self.stand_in();
        }
    }

    /// Turns once in the host's place, unless the host has come back.
    fn stand_in(&self) -> bool {
        if self.is_freed() || self.host_waits.load(Ordering::SeqCst) > 0 {
            return false;
        }
        let Ok(mut reactor) = self.reactor.try_lock() else {
            return false;
        };
        let Some(reactor) = reactor.as_mut() else {
            return false;
        };
        self.turn(reactor, Some(Duration::ZERO));
        self.flush_queued();
        self.settle_signal();
        true
    }

    /// Sleeps one grace at a time until the host did not turn for a whole one.
    fn host_stays_away(&self) -> bool {
        let mut napping = lock(&self.standby.napping);
        loop {
            let seen = self.host_turns.load(Ordering::SeqCst);
            let start = Instant::now();
            *napping = true;
            while let Some(rest) = self.rest_of_grace(start) {
                napping = match rest {
                    Duration::MAX => self
                        .standby
                        .changed
                        .wait(napping)
                        .unwrap_or_else(PoisonError::into_inner),
                    rest => {
                        let result = self.standby.changed.wait_timeout(napping, rest);
                        result.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            }
            *napping = false;
            if self.is_freed() {
                return false;
            }
            if self.host_turns.load(Ordering::SeqCst) == seen {
                return true;
            }
        }
    }

    fn rest_of_grace(&self, start: Instant) -> Option<Duration> {
        if self.is_freed() {
            return None;
        }
        let unflushed = self.has_unflushed.load(Ordering::SeqCst);
        let grace = match self.standby.grace_us.load(Ordering::Relaxed) {
            NEVER => return Some(Duration::MAX),
            us if unflushed => Duration::from_micros(us).min(OUTPUT_GRACE),
            us => Duration::from_micros(us),
        };
        grace
            .checked_sub(start.elapsed())
            .filter(|rest| !rest.is_zero())
    }

    fn nudge_standby(&self) {
        if *lock(&self.standby.napping) {
            self.standby.changed.notify_all();
        }
    }
}

/// What connections and the reactor call.
impl Loop {
    pub(crate) fn check_usable(&self) -> Result<(), Status> {
        if self.is_forked() {
            return Err(Status::Forked);
        }
        match self.is_freed() || sys::is_exiting() {
            true => Err(Status::State),
            false => Ok(()),
        }
    }

    fn is_forked(&self) -> bool {
        self.generation != sys::fork_generation()
    }

    fn is_freed(&self) -> bool {
        self.freed.load(Ordering::SeqCst)
    }

    pub(crate) fn next_connection_id(&self) -> u64 {
        NEXT_ID.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn attach(&self, connection: &Arc<Connection>) {
        lock(&self.connections).insert(connection.id(), Arc::downgrade(connection));
    }

    pub(crate) fn detach(&self, id: u64) {
        lock(&self.connections).remove(&id);
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn helpers(&self) -> &Arc<Helpers> {
        &self.helpers
    }

    pub(crate) fn connectors(&self) -> &Arc<Connectors> {
        &self.connectors
    }

    pub(crate) fn masks(&self) -> &Arc<MaskSource> {
        &self.masks
    }

    pub(crate) fn busy_poll(&self) -> Duration {
        Duration::from_micros(self.busy_poll_us.load(Ordering::Relaxed))
    }

    pub(crate) fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    pub(crate) fn queue_drive(&self, connection: Arc<Connection>) {
        self.commands.push(connection);
        self.wake_reactor();
    }

    /// Whether a connection has events that wait for their delivery.
    pub(crate) fn has_events(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many connections wait to be looked at.
    pub(crate) fn commands(&self) -> usize {
        self.commands.len()
    }

    pub(crate) fn next_command(&self) -> Option<Arc<Connection>> {
        self.commands.pop()
    }

    /// Lists a connection with events. Whoever turns or wakes the loop sees to
    /// their delivery.
    pub(crate) fn list(&self, connection: Arc<Connection>) {
        self.ready.push(connection);
    }

    /// Has the connection flushed when the burst is over, or earlier: before the next
    /// wait, and by the sender where much is queued.
    pub(crate) fn queue_flush(&self, connection: Arc<Connection>) {
        self.unflushed.push(connection);
        let had_some = self.has_unflushed.swap(true, Ordering::SeqCst);
        // The loop's own thread flushes when its callbacks are through; a host
        // may stay in one for long, and the standby thread must know.
        let flushes_soon = self.callbacks == Callbacks::OnThread && self.is_own_thread();
        if !had_some && !flushes_soon {
            self.flush_timer.set(BURST);
            self.nudge_standby();
        }
    }

    /// A connection that waits to be flushed has been flushed: a burst that goes on
    /// needs nobody else, unless other connections wait too.
    pub(crate) fn postpone_flush(&self) {
        if self.unflushed.len() == 1 {
            self.flush_timer.set(BURST);
        }
    }

    fn flush_queued(&self) {
        if !self.has_unflushed.swap(false, Ordering::SeqCst) {
            return;
        }
        let _working = sys::enter_work();
        for _ in 0..self.unflushed.len() {
            let Some(connection) = self.unflushed.pop() else {
                return;
            };
            if let Err(busy) = connection.flush_queued() {
                self.unflushed.push(busy);
                self.has_unflushed.store(true, Ordering::SeqCst);
                self.flush_timer.set(BURST);
            }
        }
    }

    pub(crate) fn count_active(&self, active: bool) {
        let mut count = lock(&self.active);
        match active {
            true => *count += 1,
            false => *count -= 1,
        }
        if *count == 0 {
            self.inactive.notify_all();
            self.wake_host();
        }
    }

    /// Ends the reactor's wait, now or next time.
    fn wake_reactor(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            self.waker.raise();
        }
    }

    /// Ends a dispatch or poll that waits, even without events. Atomics and two
    /// writes, so that a signal handler may do it.
    fn wake_host(&self) {
        self.interrupt.store(true, Ordering::SeqCst);
        self.raise_signal();
        self.wake_reactor();
    }

    pub(crate) fn clear_woken(&self) {
        self.woken.store(false, Ordering::SeqCst);
    }
}

/// A panic that poisoned a lock was reported where it happened.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
