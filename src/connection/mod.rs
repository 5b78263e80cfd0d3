//! One connection: the safe API that the C functions convert to. Every method
//! may be called from any thread.

mod attempts;
mod delivery;
mod handlers;
mod sending;
mod settings;
mod unsent;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use crate::config::Config;
use crate::connect::Negotiated;
use crate::error::Status;
use crate::event::MessageType;
use crate::event_loop::Loop;
use crate::inbox::Inbox;
use crate::reconnect::ReconnectPolicy;
use crate::report::Report;
use crate::session::Counters;
use crate::sys;

use attempts::{Attempt, Restart};
use handlers::{Callbacks, FreeHook, Handlers};
use sending::Pending;
use unsent::Unsent;

pub(crate) use delivery::Batch;
pub use handlers::Handler;

/// Where a connection stands, as far as its events were delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum State {
    Initial = 0,
    Connecting = 1,
    Open = 2,
    Closing = 3,
    Closed = 4,
    /// A reconnect is scheduled.
    Waiting = 5,
}

impl State {
    fn from_value(value: i32) -> State {
        match value {
            1 => State::Connecting,
            2 => State::Open,
            3 => State::Closing,
            4 => State::Closed,
            5 => State::Waiting,
            _ => State::Initial,
        }
    }
}

/// A total over all attempts of a connection, or its last measured round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Counter {
    BytesReceived = 1,
    BytesSent = 2,
    MessagesReceived = 3,
    MessagesSent = 4,
    PingsReceived = 5,
    PingsSent = 6,
    PongsReceived = 7,
    PongsSent = 8,
    RoundTripUs = 9,
    MemoryBytes = 10,
}

/// Few connections change it: the others share one value.
static DEFAULT_RECONNECT: LazyLock<Arc<ReconnectPolicy>> = LazyLock::new(Arc::default);

/// One WebSocket connection, with one attempt after another.
pub struct Connection {
    id: u64,
    generation: u64,
    me: Weak<Connection>,
    delivered: AtomicI32,
    /// See `changes`.
    changes: AtomicU64,
    /// For a forked child, which may take no lock.
    socket: AtomicI32,
    inner: Mutex<Inner>,
}

struct Inner {
    /// None once the loop or the connection was freed.
    event_loop: Option<Arc<Loop>>,
    config: Config,
    handlers: Arc<Handlers>,
    on_free: Option<FreeHook>,
    freed: bool,
    attempt: Attempt,
    /// A connected socket for the next attempt.
    handed: Option<OwnedFd>,
    /// A reconnect that waits until the old attempt's close was delivered.
    restart: Option<Restart>,
    reconnect: Arc<ReconnectPolicy>,
    /// Attempts in a row that did not lead to a stable connection.
    failures: u32,
    opened: Option<Instant>,
    /// The caller has ended the attempt.
    unwanted: bool,
    report: Report,
    /// What is sent first whenever the connection opens.
    prologue: Vec<(MessageType, Vec<u8>)>,
    inbox: Inbox,
    /// Messages that wait for the handshake.
    pending: Vec<Pending>,
    /// Messages that the session has and that have not left.
    unsent: Unsent,
    /// Of those that waited, the ones that became too old.
    expired: u64,
    pending_bytes: usize,
    /// The type of the message of which not all parts were sent.
    unfinished: Option<MessageType>,
    negotiated: Negotiated,
    counters: Counters,
    /// The change with which received events were last dropped.
    dropped_at: u64,
    /// The send queue has reached its limit and was not empty since.
    full: bool,
    /// There is an attempt or a reconnect that the loop drives.
    driven: bool,
    /// The loop will look at the connection.
    drive_queued: bool,
    /// The loop will flush the connection.
    flush_queued: bool,
    /// Callbacks are running.
    delivering: bool,
    /// Events are in the hands of the host, and the end waits until it is through.
    polled: bool,
    /// Whether the loop counts the connection as active.
    active: bool,
    last_direct: Option<(u64, Instant)>,
    addresses: Option<(SocketAddr, SocketAddr)>,
}

impl Connection {
    pub fn new(event_loop: &Arc<Loop>, url: &str) -> Result<Arc<Connection>, Status> {
        event_loop.check_usable()?;
        let config = Config::new(url)?;
        let id = event_loop.next_connection_id();
        let connection = Arc::new_cyclic(|me| Connection {
            id,
            generation: sys::fork_generation(),
            me: Weak::clone(me),
            delivered: AtomicI32::new(State::Initial as i32),
            changes: AtomicU64::new(0),
            socket: AtomicI32::new(-1),
            inner: Mutex::new(Inner {
                event_loop: Some(Arc::clone(event_loop)),
                config,
                handlers: Arc::default(),
                on_free: None,
                freed: false,
                attempt: Attempt::None,
                handed: None,
                restart: None,
                reconnect: Arc::clone(&DEFAULT_RECONNECT),
                failures: 0,
                opened: None,
                unwanted: false,
                report: Report::new(0),
                prologue: Vec::new(),
                inbox: Inbox::new(id),
                pending: Vec::new(),
                unsent: Unsent::default(),
                expired: 0,
                pending_bytes: 0,
                unfinished: None,
                negotiated: Negotiated::default(),
                counters: Counters::default(),
                dropped_at: 0,
                full: false,
                driven: false,
                drive_queued: false,
                flush_queued: false,
                delivering: false,
                polled: false,
                active: false,
                last_direct: None,
                addresses: None,
            }),
        });
        event_loop.attach(&connection);
        Ok(connection)
    }

    /// Ends the connection without an event and forgets its callbacks.
    pub fn free(&self) {
        if sys::is_exiting() {
            // What is open ends with the process. Only the host's part is given back.
            let callbacks = sys::lock_at_exit(&self.inner).map(|mut inner| {
                self.note_change();
                inner.freed = true;
                inner.event_loop = None;
                inner.take_callbacks()
            });
            std::mem::forget(self.me.upgrade());
            return drop(callbacks);
        }
        if self.is_forked() {
            // The locks and the reactor's epoll belong to the parent.
            let socket = self.socket.swap(-1, Ordering::Relaxed);
            if socket != -1 {
                sys::close_inherited(socket);
            }
            std::mem::forget(self.me.upgrade());
            return;
        }
        let (event_loop, callbacks) = {
            let mut inner = self.lock();
            inner.freed = true;
            inner.flush();
            inner.discard_attempt(self);
            inner.queue_drive(self);
            (inner.event_loop.take(), inner.take_callbacks())
        };
        if let Some(event_loop) = event_loop {
            event_loop.detach(self.id);
        }
        drop(callbacks);
    }

    /// The loop goes away; the handle stays valid for `free`.
    pub(crate) fn loop_freed(&self) {
        let mut inner = self.lock();
        inner.flush();
        inner.discard_attempt(self);
        inner.event_loop = None;
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn state(&self) -> State {
        State::from_value(self.delivered.load(Ordering::Relaxed))
    }

    fn set_state(&self, state: State) {
        self.delivered.store(state as i32, Ordering::Relaxed);
    }

    pub(crate) fn is_forked(&self) -> bool {
        self.generation != sys::fork_generation()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside is reported as such; the state itself stays usable.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks for a call of the user.
    fn enter(&self) -> Result<MutexGuard<'_, Inner>, Status> {
        if self.is_forked() {
            return Err(Status::Forked);
        }
        if sys::is_exiting() {
            return Err(Status::State);
        }
        let inner = self.lock();
        match inner.event_loop {
            Some(_) => Ok(inner),
            None => Err(Status::State),
        }
    }
}

/// Asking.
impl Connection {
    pub fn counter(&self, counter: Counter) -> u64 {
        // At exit the lock may be held for good.
        if self.is_forked() || sys::is_exiting() {
            return 0;
        }
        let inner = self.lock();
        let counters = inner.counters;
        match counter {
            Counter::BytesReceived => counters.bytes_received,
            Counter::BytesSent => counters.bytes_sent,
            Counter::MessagesReceived => counters.messages_received,
            Counter::MessagesSent => counters.messages_sent,
            Counter::PingsReceived => counters.pings_received,
            Counter::PingsSent => counters.pings_sent,
            Counter::PongsReceived => counters.pongs_received,
            Counter::PongsSent => counters.pongs_sent,
            Counter::RoundTripUs => counters.round_trip.as_micros() as u64,
            Counter::MemoryBytes => inner.memory() as u64,
        }
    }

    /// The subprotocol that the server chose, from the attempt's handshake on.
    pub fn subprotocol(&self) -> Option<String> {
        self.enter().ok()?.negotiated.subprotocol.clone()
    }

    /// The extensions that the server chose, as it put them.
    pub fn extensions(&self) -> Option<String> {
        self.enter().ok()?.negotiated.extensions.clone()
    }

    /// What became of the last attempt, or is becoming of it.
    pub fn report(&self) -> Result<Report, Status> {
        Ok(self.enter()?.report.clone())
    }

    /// The socket's peer, from the attempt's TCP connect on.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.enter().ok()?.addresses.map(|(peer, _)| peer)
    }

    pub fn local_address(&self) -> Option<SocketAddr> {
        self.enter().ok()?.addresses.map(|(_, local)| local)
    }
}

impl Inner {
    /// About how many bytes are held, without the connection's own fixed part.
    fn memory(&self) -> usize {
        let open = match &self.attempt {
            Attempt::Open(session) => session.memory(),
            _ => 0,
        };
        self.buffered() + self.unsent.bytes() + self.inbox.bytes() + open
    }

    /// Those of a freed connection, unless some are running: then they are taken after that.
    fn take_callbacks(&mut self) -> Option<Callbacks> {
        (self.freed && !self.delivering).then(|| Callbacks {
            handlers: std::mem::take(&mut self.handlers),
            hook: self.on_free.take(),
        })
    }

    /// Lists new events and tells the loop whether the connection is active.
    fn settle(&mut self, connection: &Connection) {
        self.list(connection);
        let active = self.attempt.is_live()
            || matches!(self.attempt, Attempt::Waiting { .. })
            || self.restart.is_some()
            || !self.inbox.is_empty()
            // A callback that frees its connection is not waited for.
            || (self.delivering && !self.freed);
        if active != self.active {
            self.active = active;
            if let Some(event_loop) = &self.event_loop {
                event_loop.count_active(active);
            }
        }
    }
}
