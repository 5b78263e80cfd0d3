//! One connection: the safe API that the C functions convert to. Every method
//! may be called from any thread.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use mio::Token;

use crate::config::{
    BinaryType, Config, Deflate, MAX_CLOSE_REASON, MAX_CONTROL_PAYLOAD, MAX_WINDOW_BITS,
    MIN_WINDOW_BITS, Proxy, ProxyChoice, ProxyEnvironment, Url, is_user_close_code,
};
use crate::connect::tls::TlsSettings;
use crate::connect::{Accepted, Connecting, Negotiated, Preparation, Progress, Turn};
use crate::error::{Failure, Phase, Status};
use crate::event::{Event, EventKind, EventType, MessageType, Part};
use crate::event_loop::Loop;
use crate::inbox::Inbox;
use crate::reconnect::{self, QueuePolicy, ReconnectPolicy};
use crate::report::Report;
use crate::session::{Counters, End, Outgoing, Ready, Session};
use crate::sys;

/// A callback for one kind of event.
pub type Handler = Arc<dyn Fn(&Connection, &Event) + Send + Sync>;

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

/// From this size on the sender writes a queue that waits to be flushed.
const WRITE_AT: usize = 16 << 10;
/// Events that are taken for callbacks under one lock.
const MAX_BATCH: usize = 64;
/// What a frame adds to its payload at most; counted for messages that wait to
/// be framed, so that empty ones are limited too.
const MAX_FRAME_HEADER: usize = 14;
/// A reconnect further away than a century makes no difference.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// A burst of sends ends this long after its first, direct write.
const BURST: Duration = Duration::from_micros(100);

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
    attempt: Attempt,
    /// A connected socket for the next attempt.
    handed: Option<OwnedFd>,
    /// A reconnect that waits until the old attempt's close was delivered.
    restart: Option<Restart>,
    reconnect: ReconnectPolicy,
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
    /// Of those, the ones that became too old.
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
    /// The loop will look at the connection.
    drive_queued: bool,
    /// The loop will flush the connection.
    flush_queued: bool,
    /// Callbacks are running.
    delivering: bool,
    /// Whether the loop counts the connection as active.
    active: bool,
    last_direct: Option<(u64, Instant)>,
    addresses: Option<(SocketAddr, SocketAddr)>,
}

struct Pending {
    outgoing: Outgoing,
    payload: Vec<u8>,
    since: Instant,
}

/// A further attempt.
#[derive(Clone, Copy)]
struct Restart {
    delay: Duration,
    /// It was not asked for by a call, so that the application is told before.
    automatic: bool,
}

impl Restart {
    fn called(delay: Duration) -> Self {
        Restart {
            delay,
            automatic: false,
        }
    }
}

enum Attempt {
    None,
    Waiting { until: Instant, automatic: bool },
    Starting,
    Connecting(Box<Connecting>),
    Open(Box<Session>),
}

impl Attempt {
    fn is_live(&self) -> bool {
        matches!(
            self,
            Attempt::Starting | Attempt::Connecting(_) | Attempt::Open(_)
        )
    }
}

/// The user's callbacks. A thread that runs one holds a reference, so that the
/// free hook, dropped with the last one, runs after all of them.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    by_type: [Option<Handler>; 11],
    on_free: Option<Arc<FreeHook>>,
}

impl Handlers {
    pub(crate) fn get(&self, event: EventType) -> Option<&Handler> {
        self.by_type[event as usize].as_ref()
    }
}

type FreeCallback = Box<dyn FnOnce() + Send>;

struct FreeHook(Mutex<Option<FreeCallback>>);

impl FreeHook {
    fn take(&self) -> Option<FreeCallback> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for FreeHook {
    fn drop(&mut self) {
        if let Some(callback) = self.take() {
            callback();
        }
    }
}

/// The callbacks for a batch of events, and what they rest on.
pub(crate) struct Batch {
    pub handlers: Arc<Handlers>,
    pub changes: u64,
}

/// What the reactor must do for a connection after driving it.
#[derive(Debug, Default)]
pub(crate) struct Next {
    /// Drive it in the next turn, without waiting.
    pub again: bool,
    pub deadline: Option<Instant>,
    /// It needs no readiness and no timer.
    pub idle: bool,
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
                attempt: Attempt::None,
                handed: None,
                restart: None,
                reconnect: ReconnectPolicy::default(),
                failures: 0,
                opened: None,
                unwanted: false,
                report: Report::new(0),
                prologue: Vec::new(),
                inbox: Inbox::new(id),
                pending: Vec::new(),
                expired: 0,
                pending_bytes: 0,
                unfinished: None,
                negotiated: Negotiated::default(),
                counters: Counters::default(),
                dropped_at: 0,
                full: false,
                drive_queued: false,
                flush_queued: false,
                delivering: false,
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
            // Library threads may have parked with locks in their hands.
            std::mem::forget(self.me.upgrade());
            return;
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
        let (event_loop, handlers) = {
            let mut inner = self.lock();
            inner.flush();
            inner.discard_attempt(self);
            let handlers = std::mem::take(&mut inner.handlers);
            inner.queue_drive(self);
            (inner.event_loop.take(), handlers)
        };
        if let Some(event_loop) = event_loop {
            event_loop.detach(self.id);
        }
        // Runs the free hook, unless a callback is still running.
        drop(handlers);
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

/// Settings. Unless noted they are read when the next attempt begins.
impl Connection {
    fn configure(
        &self,
        change: impl FnOnce(&mut Config) -> Result<(), Status>,
    ) -> Result<(), Status> {
        change(&mut self.enter()?.config)
    }

    pub fn set_url(&self, url: &str) -> Result<(), Status> {
        let url = Url::parse(url)?;
        self.configure(|config| {
            config.url = url;
            Ok(())
        })
    }

    pub fn set_header(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        self.configure(|config| config.set_header(name, value))
    }

    pub fn add_header(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        self.configure(|config| config.add_header(name, value))
    }

    pub fn clear_headers(&self) -> Result<(), Status> {
        self.configure(|config| {
            config.headers.clear();
            Ok(())
        })
    }

    pub fn set_subprotocols(&self, list: &str) -> Result<(), Status> {
        self.configure(|config| config.set_subprotocols(list))
    }

    pub fn set_origin(&self, origin: &str) -> Result<(), Status> {
        self.configure(|config| config.set_origin(origin))
    }

    /// Takes effect at once: the next ping is one interval away.
    pub fn set_ping_interval(&self, interval: Option<Duration>) -> Result<(), Status> {
        let interval = checked(interval)?;
        let mut inner = self.enter()?;
        inner.config.ping_interval = interval;
        if let Attempt::Open(session) = &mut inner.attempt {
            session.set_ping_interval(interval, Instant::now());
            inner.queue_drive(self);
        }
        Ok(())
    }

    /// Takes effect at once.
    pub fn set_pong_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        let mut inner = self.enter()?;
        inner.config.pong_timeout = timeout;
        inner.queue_drive(self);
        Ok(())
    }

    /// Takes effect at once.
    pub fn set_idle_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        let mut inner = self.enter()?;
        inner.config.idle_timeout = timeout;
        inner.queue_drive(self);
        Ok(())
    }

    /// Takes effect at once.
    pub fn set_auto_pong(&self, auto_pong: bool) -> Result<(), Status> {
        self.configure(|config| {
            config.auto_pong = auto_pong;
            Ok(())
        })
    }

    /// Takes effect with the next `send`.
    pub fn set_binary_type(&self, binary_type: BinaryType) -> Result<(), Status> {
        self.configure(|config| {
            config.binary_type = binary_type;
            Ok(())
        })
    }

    pub fn set_connect_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| {
            config.connect_timeout = timeout;
            Ok(())
        })
    }

    pub fn set_handshake_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| {
            config.handshake_timeout = timeout;
            Ok(())
        })
    }

    pub fn set_close_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| {
            config.close_timeout = timeout;
            Ok(())
        })
    }

    pub fn set_max_message_size(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.max_message_size)
    }

    pub fn set_max_frame_size(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.max_frame_size)
    }

    pub fn set_max_fragments(&self, count: usize) -> Result<(), Status> {
        self.set_size(count, |config| &mut config.max_fragments)
    }

    /// Delivers messages in parts as they arrive.
    pub fn set_streaming(&self, on: bool) -> Result<(), Status> {
        self.configure(|config| {
            config.streaming = on;
            Ok(())
        })
    }

    pub fn set_deflate(&self, on: bool) -> Result<(), Status> {
        self.configure_deflate(|deflate| deflate.enabled = on)
    }

    pub fn set_deflate_level(&self, level: u32) -> Result<(), Status> {
        if !(1..=9).contains(&level) {
            return Err(Status::Invalid);
        }
        self.configure_deflate(|deflate| deflate.level = level)
    }

    pub fn set_deflate_threshold(&self, size: usize) -> Result<(), Status> {
        self.configure_deflate(|deflate| deflate.threshold = size)
    }

    pub fn set_deflate_window_bits(&self, client: u8, server: u8) -> Result<(), Status> {
        // zlib cannot write with a window of 8 bits, so none is offered.
        if !(MIN_WINDOW_BITS + 1..=MAX_WINDOW_BITS).contains(&client)
            || !(MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(&server)
        {
            return Err(Status::Invalid);
        }
        self.configure_deflate(|deflate| {
            deflate.client_window_bits = client;
            deflate.server_window_bits = server;
        })
    }

    pub fn set_deflate_no_context_takeover(
        &self,
        client: bool,
        server: bool,
    ) -> Result<(), Status> {
        self.configure_deflate(|deflate| {
            deflate.client_no_context_takeover = client;
            deflate.server_no_context_takeover = server;
        })
    }

    pub fn set_deflate_max_ratio(&self, ratio: usize) -> Result<(), Status> {
        self.set_size(ratio, |config| &mut config.deflate.max_ratio)
    }

    fn configure_deflate(&self, change: impl FnOnce(&mut Deflate)) -> Result<(), Status> {
        self.configure(|config| {
            change(&mut config.deflate);
            Ok(())
        })
    }

    pub fn set_max_header_size(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.max_header_size)
    }

    /// Takes effect at once.
    pub fn set_send_queue_limit(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.send_queue_limit)
    }

    /// Takes effect at once.
    pub fn set_receive_queue_limit(&self, size: usize) -> Result<(), Status> {
        self.set_size(size, |config| &mut config.receive_queue_limit)?;
        self.enter()?.reading_may_resume(self);
        Ok(())
    }

    fn set_size(
        &self,
        size: usize,
        setting: impl FnOnce(&mut Config) -> &mut usize,
    ) -> Result<(), Status> {
        if size == 0 {
            return Err(Status::Invalid);
        }
        self.configure(|config| {
            *setting(config) = size;
            Ok(())
        })
    }

    /// Changes how TLS is used.
    pub fn set_tls(
        &self,
        change: impl FnOnce(&mut TlsSettings) -> Result<(), Status>,
    ) -> Result<(), Status> {
        self.configure(|config| change(Arc::make_mut(&mut config.tls)))
    }

    /// Sets what the client shows of itself, in PEM; an empty chain is nothing.
    pub fn set_tls_identity(
        &self,
        chain: &[u8],
        key: &[u8],
        passphrase: &str,
    ) -> Result<(), Status> {
        self.set_tls(|tls| match chain.is_empty() {
            true => {
                tls.clear_identity();
                Ok(())
            }
            false => tls.set_identity(chain, key, passphrase),
        })
    }

    /// Sets the proxy; an empty URL is none.
    pub fn set_proxy(&self, url: &str) -> Result<(), Status> {
        let proxy = match url.is_empty() {
            true => ProxyChoice::None,
            false => ProxyChoice::Fixed(Proxy::parse(url)?),
        };
        self.configure(|config| {
            config.proxy = proxy;
            Ok(())
        })
    }

    /// Takes the proxies that the environment names now.
    pub fn set_proxy_from_environment(&self) -> Result<(), Status> {
        let environment = ProxyEnvironment::read(|name| std::env::var(name).ok());
        self.configure(|config| {
            config.proxy = ProxyChoice::Environment(environment);
            Ok(())
        })
    }

    pub fn add_proxy_header(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        self.configure(|config| config.add_proxy_header(name, value))
    }

    pub fn clear_proxy_headers(&self) -> Result<(), Status> {
        self.configure(|config| {
            config.proxy_headers.clear();
            Ok(())
        })
    }

    pub fn set_phase_timeout(&self, phase: Phase, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| config.phase_timeouts.set(phase, timeout))
    }

    /// Sets the address to connect from; an empty one is the system's choice.
    pub fn set_local_address(&self, address: &str) -> Result<(), Status> {
        let address = match (address.is_empty(), address.parse::<IpAddr>()) {
            (true, _) => None,
            (false, Ok(address)) => Some(SocketAddr::new(address, 0)),
            (false, Err(_)) => Some(address.parse().map_err(|_| Status::Invalid)?),
        };
        self.configure(|config| {
            config.socket.local_address = address;
            Ok(())
        })
    }

    /// Sets the network interface to use; an empty name is the system's choice.
    pub fn set_interface(&self, name: &str) -> Result<(), Status> {
        // IFNAMSIZ less the NUL.
        const LONGEST: usize = 15;
        if name.len() > LONGEST {
            return Err(Status::Invalid);
        }
        self.configure(|config| {
            config.socket.interface = (!name.is_empty()).then(|| name.to_owned());
            Ok(())
        })
    }

    pub fn set_keepalive(&self, time: Option<Duration>) -> Result<(), Status> {
        let time = checked(time)?;
        self.configure(|config| {
            config.socket.keepalive = time;
            Ok(())
        })
    }

    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let timeout = checked(timeout)?;
        self.configure(|config| {
            config.socket.user_timeout = timeout;
            Ok(())
        })
    }

    pub fn set_max_redirects(&self, count: u32) -> Result<(), Status> {
        self.configure(|config| {
            config.max_redirects = count;
            Ok(())
        })
    }

    /// Gives the next attempt a socket that is connected already.
    pub fn set_socket(&self, socket: OwnedFd) -> Result<(), Status> {
        let stream = socket2::SockRef::from(&socket);
        let is_stream = stream
            .r#type()
            .is_ok_and(|kind| kind == socket2::Type::STREAM);
        if !is_stream || stream.peer_addr().is_err() || stream.set_nonblocking(true).is_err() {
            return Err(Status::Invalid);
        }
        self.enter()?.handed = Some(socket);
        Ok(())
    }

    /// Changes the contract of automatic reconnects. Takes effect when the next
    /// attempt ends.
    pub fn set_reconnect(
        &self,
        change: impl FnOnce(&mut ReconnectPolicy) -> Result<(), Status>,
    ) -> Result<(), Status> {
        change(&mut self.enter()?.reconnect)
    }

    /// Adds a message to what is sent first whenever the connection opens.
    pub fn add_prologue(&self, kind: MessageType, payload: &[u8]) -> Result<(), Status> {
        if kind == MessageType::Text && std::str::from_utf8(payload).is_err() {
            return Err(Status::Utf8);
        }
        let mut inner = self.enter()?;
        let held: usize = inner
            .prologue
            .iter()
            .map(|(_, payload)| payload.len())
            .sum();
        if payload.len() > inner.config.max_message_size
            || held + payload.len() > inner.config.send_queue_limit
        {
            return Err(Status::TooBig);
        }
        inner.prologue.push((kind, payload.to_vec()));
        Ok(())
    }

    pub fn clear_prologue(&self) -> Result<(), Status> {
        self.enter()?.prologue.clear();
        Ok(())
    }

    /// Sets or removes the callback for one kind of event. One that is running
    /// on another thread may still finish.
    pub fn on(&self, event: EventType, handler: Option<Handler>) -> Result<(), Status> {
        let mut inner = self.enter()?;
        let mut handlers = Handlers::clone(&inner.handlers);
        handlers.by_type[event as usize] = handler;
        let old = std::mem::replace(&mut inner.handlers, Arc::new(handlers));
        self.note_change();
        drop(inner);
        drop(old);
        Ok(())
    }

    /// Sets or removes what runs once, last of all, after `free`.
    pub fn on_free(&self, callback: Option<FreeCallback>) -> Result<(), Status> {
        let mut inner = self.enter()?;
        let mut handlers = Handlers::clone(&inner.handlers);
        let hook = callback.map(|callback| Arc::new(FreeHook(Mutex::new(Some(callback)))));
        let replaced = std::mem::replace(&mut handlers.on_free, hook);
        let old = std::mem::replace(&mut inner.handlers, Arc::new(handlers));
        self.note_change();
        drop(inner);
        // A replaced hook is not run.
        drop(replaced.map(|hook| hook.take()));
        drop(old);
        Ok(())
    }
}

/// A deadline of zero would always have passed.
fn checked(duration: Option<Duration>) -> Result<Option<Duration>, Status> {
    match duration {
        Some(Duration::ZERO) => Err(Status::Invalid),
        duration => Ok(duration),
    }
}

/// Attempts.
impl Connection {
    /// Starts an attempt.
    pub fn connect(&self) -> Result<(), Status> {
        let mut inner = self.enter()?;
        if inner.attempt.is_live() || inner.inbox.has_close() {
            return Err(Status::State);
        }
        inner.failures = 0;
        inner.schedule(self, Restart::called(Duration::ZERO))
    }

    /// Starts an attempt after `delay`. A live attempt is aborted first, and
    /// the new one starts after its close was delivered.
    pub fn reconnect(&self, delay: Duration) -> Result<(), Status> {
        let mut inner = self.enter()?;
        if inner.attempt.is_live() {
            inner.unwanted = true;
            inner.drop_received(self);
            inner.end(self, End::aborted);
        }
        let restart = Restart::called(delay);
        if inner.inbox.has_close() {
            inner.restart = Some(restart);
            inner.settle(self);
            return Ok(());
        }
        inner.schedule(self, restart)
    }

    /// Cancels a scheduled reconnect, if there is one.
    pub fn cancel_reconnect(&self) -> Result<(), Status> {
        let mut inner = self.enter()?;
        inner.cancel_reconnect(self);
        Ok(())
    }

    /// Ends the connection in order: what is queued is sent, then a close
    /// frame. Before the handshake the attempt just ends.
    pub fn close(&self, code: u16, reason: &[u8]) -> Result<(), Status> {
        if code != 0 && !is_user_close_code(code) {
            return Err(Status::CloseCode);
        }
        let reason = std::str::from_utf8(reason).map_err(|_| Status::CloseReason)?;
        if reason.len() > MAX_CLOSE_REASON || (code == 0 && !reason.is_empty()) {
            return Err(Status::CloseReason);
        }
        let mut inner = self.enter()?;
        let over = inner.cancel_reconnect(self) || inner.inbox.has_close();
        inner.unwanted = true;
        match &mut inner.attempt {
            Attempt::Starting | Attempt::Connecting(_) => inner.end(self, End::aborted),
            Attempt::Open(session) if session.is_open() => {
                session.close(code, reason, Instant::now());
                self.set_state(State::Closing);
                inner.flush();
                inner.queue_drive(self);
            }
            // It ended by itself, or there was only a reconnect to cancel.
            _ if over => {}
            _ => return Err(Status::State),
        }
        Ok(())
    }

    /// Ends the attempt at once. Received messages that were not delivered are
    /// dropped.
    pub fn abort(&self) -> Result<(), Status> {
        let mut inner = self.enter()?;
        let over = inner.cancel_reconnect(self) || inner.inbox.has_close();
        inner.unwanted = true;
        if inner.attempt.is_live() {
            inner.drop_received(self);
            inner.end(self, End::aborted);
            return Ok(());
        }
        match over {
            true => Ok(()),
            false => Err(Status::State),
        }
    }

    /// Takes what a helper thread has prepared for an attempt.
    fn prepared(&self, attempt: u32, preparation: Preparation) {
        let mut inner = self.lock();
        if inner.inbox.attempt != attempt {
            return;
        }
        if let Attempt::Connecting(connecting) = &mut inner.attempt {
            connecting.set_prepared(preparation);
            inner.queue_drive(self);
        }
    }
}

/// Sending.
impl Connection {
    /// Sends a message of the connection's binary type.
    pub fn send(&self, data: &[u8]) -> Result<(), Status> {
        let binary_type = self.enter()?.config.binary_type;
        match binary_type {
            BinaryType::Blob => self.send_text(data),
            BinaryType::ArrayBuffer => self.send_binary(data),
        }
    }

    pub fn send_text(&self, text: &[u8]) -> Result<(), Status> {
        self.send_message(MessageType::Text, Part::Whole, true, text)
    }

    pub fn send_binary(&self, data: &[u8]) -> Result<(), Status> {
        self.send_message(MessageType::Binary, Part::Whole, true, data)
    }

    /// Sends a message, or the next part of one. Between its parts no other
    /// message may be sent. Text is whole characters, in each part too.
    pub fn send_message(
        &self,
        kind: MessageType,
        part: Part,
        compress: bool,
        payload: &[u8],
    ) -> Result<(), Status> {
        if kind == MessageType::Text && std::str::from_utf8(payload).is_err() {
            return Err(Status::Utf8);
        }
        let outgoing = Outgoing {
            kind,
            part,
            compress,
        };
        let mut inner = self.enter()?;
        if part.begins() != inner.unfinished.is_none() {
            return Err(Status::State);
        }
        if inner.unfinished.is_some_and(|other| other != kind) {
            return Err(Status::Invalid);
        }
        if payload.len() > inner.config.max_message_size {
            return Err(Status::TooBig);
        }
        if inner.buffered() >= inner.config.send_queue_limit {
            return Err(Status::QueueFull);
        }
        let is_over = inner.is_over();
        match &mut inner.attempt {
            Attempt::Open(session) if session.is_open() => {
                session.push_message(outgoing, payload);
                inner.sent(self);
            }
            Attempt::Open(_) => return Err(Status::State),
            Attempt::None if is_over => return Err(Status::State),
            _ => {
                inner.pending_bytes += payload.len() + MAX_FRAME_HEADER;
                inner.pending.push(Pending {
                    outgoing,
                    payload: payload.to_vec(),
                    since: Instant::now(),
                });
            }
        }
        inner.unfinished = (!part.ends()).then_some(kind);
        inner.note_full(self);
        Ok(())
    }

    pub fn ping(&self, payload: &[u8]) -> Result<(), Status> {
        self.send_control(payload, Session::push_ping)
    }

    pub fn pong(&self, payload: &[u8]) -> Result<(), Status> {
        self.send_control(payload, Session::push_pong)
    }

    fn send_control(
        &self,
        payload: &[u8],
        push: impl FnOnce(&mut Session, &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Status> {
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(Status::TooBig);
        }
        let mut inner = self.enter()?;
        if inner.buffered() >= inner.config.send_queue_limit {
            return Err(Status::QueueFull);
        }
        let Attempt::Open(session) = &mut inner.attempt else {
            return Err(Status::State);
        };
        if !session.is_open() {
            return Err(Status::State);
        }
        push(session, payload).map_err(|failure| failure.status)?;
        inner.sent(self);
        // The deadline for the answer begins with the ping.
        inner.queue_drive(self);
        Ok(())
    }

    /// Writes what is queued, as far as the socket takes it.
    pub fn flush(&self) -> Result<(), Status> {
        let mut inner = self.enter()?;
        inner.flush_and_follow_up(self);
        Ok(())
    }

    /// Flushes for the loop.
    pub(crate) fn flush_queued(&self) {
        let mut inner = self.lock();
        inner.flush_queued = false;
        inner.flush_and_follow_up(self);
    }

    /// Bytes that were accepted and not handed to the kernel.
    pub fn buffered_amount(&self) -> usize {
        self.enter().map_or(0, |inner| inner.buffered())
    }
}

/// Receiving and asking.
impl Connection {
    /// Holds messages, pings and pongs back and stops reading the socket.
    pub fn pause_recv(&self) -> Result<(), Status> {
        let mut inner = self.enter()?;
        // Nothing is held that the end of the connection has set free.
        inner.inbox.paused = !inner.inbox.has_close();
        self.note_change();
        inner.queue_drive(self);
        Ok(())
    }

    pub fn resume_recv(&self) -> Result<(), Status> {
        let mut inner = self.enter()?;
        if std::mem::take(&mut inner.inbox.paused) {
            inner.reading_may_resume(self);
            inner.list(self);
        }
        Ok(())
    }

    pub fn counter(&self, counter: Counter) -> u64 {
        if self.is_forked() {
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

/// What the loop calls.
impl Connection {
    /// Goes as far as the socket and the clock allow.
    pub(crate) fn drive(&self, turn: &mut Turn<'_>, ready: Ready) -> Next {
        let mut inner = self.lock();
        inner.drive_queued = false;
        if inner.event_loop.is_none() {
            return Next {
                idle: true,
                ..Next::default()
            };
        }
        inner.step(self, turn, ready);
        inner.settle(self);
        inner.next()
    }

    /// A panic in `drive` is a bug; this connection ends, the process lives.
    pub(crate) fn panicked(&self) -> Next {
        let mut inner = self.lock();
        if inner.attempt.is_live() {
            inner.end(self, |phase| {
                End::failed(Failure::new(Status::Panic, Status::Panic.text()), phase)
            });
        }
        Next {
            idle: true,
            ..Next::default()
        }
    }

    /// Takes the next events to deliver: a run of received ones, or one other,
    /// so that a state is told with its event. None are left if it takes none.
    pub(crate) fn take_batch(&self, events: &mut VecDeque<Event>) -> Batch {
        let mut inner = self.lock();
        inner.delivering = true;
        while events.len() < MAX_BATCH {
            let more = events.is_empty() || inner.inbox.is_received_next();
            let Some(event) = more.then(|| inner.pop(self)).flatten() else {
                break;
            };
            let is_received = event.kind.is_received();
            events.push_back(event);
            if !is_received {
                break;
            }
        }
        if events.is_empty() {
            inner.delivering = false;
            inner.settle(self);
        }
        Batch {
            handlers: Arc::clone(&inner.handlers),
            changes: self.changes(),
        }
    }

    /// Takes back what was not delivered because something changed.
    pub(crate) fn put_back(&self, events: &mut VecDeque<Event>, batch: &Batch) {
        let mut inner = self.lock();
        let dropped = inner.event_loop.is_none() || inner.dropped_at > batch.changes;
        while let Some(event) = events.pop_back() {
            if !dropped {
                inner.inbox.put_back(event);
            }
        }
    }

    /// The callbacks of a batch have returned.
    pub(crate) fn batch_delivered(&self) {
        let mut inner = self.lock();
        inner.delivering = false;
        inner.settle(self);
    }

    /// Counts what changes the delivery of events that were taken already.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn note_change(&self) -> u64 {
        self.changes.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Takes events until `room` is used up; tells whether more are left.
    pub(crate) fn take_events(&self, room: usize, events: &mut Vec<Event>) -> bool {
        let mut inner = self.lock();
        while events.len() < room {
            match inner.pop(self) {
                Some(event) => events.push(event),
                None => return false,
            }
        }
        inner.inbox.has_next() || inner.unlist()
    }

    /// Whether a reconnect waits for the close to be delivered.
    pub(crate) fn has_restart(&self) -> bool {
        self.lock().restart.is_some()
    }

    /// The close was delivered: a reconnect that waited for it may be scheduled.
    pub(crate) fn close_delivered(&self) {
        let mut inner = self.lock();
        if let Some(restart) = inner.restart.take() {
            // Without a thread the reconnect cannot happen; nobody can be told.
            let _ = inner.schedule(self, restart);
        }
    }
}

impl Inner {
    fn drop_received(&mut self, connection: &Connection) {
        self.inbox.drop_received();
        self.dropped_at = connection.note_change();
    }

    /// Whether the last attempt is over and no further one was asked for.
    fn is_over(&self) -> bool {
        self.inbox.attempt > 0 && self.restart.is_none()
    }

    /// Starts the next attempt now or later.
    fn schedule(&mut self, connection: &Connection, restart: Restart) -> Result<(), Status> {
        let Some(event_loop) = &self.event_loop else {
            return Err(Status::State);
        };
        event_loop.start_thread()?;
        self.restart = None;
        let Restart { delay, automatic } = restart;
        if delay.is_zero() && !automatic {
            self.begin(connection);
        } else {
            self.attempt = Attempt::Waiting {
                until: Instant::now() + delay.min(FAR),
                automatic,
            };
            connection.set_state(State::Waiting);
        }
        self.queue_drive(connection);
        self.settle(connection);
        Ok(())
    }

    fn begin(&mut self, connection: &Connection) {
        self.inbox.attempt += 1;
        self.attempt = Attempt::Starting;
        self.addresses = None;
        self.negotiated = Negotiated::default();
        self.last_direct = None;
        self.opened = None;
        self.unwanted = false;
        self.report = Report::new(self.inbox.attempt);
        connection.set_state(State::Connecting);
    }

    fn cancel_reconnect(&mut self, connection: &Connection) -> bool {
        let waited = matches!(self.attempt, Attempt::Waiting { .. });
        if !waited && self.restart.is_none() {
            return false;
        }
        self.restart = None;
        if waited {
            self.attempt = Attempt::None;
            self.queue_drive(connection);
        }
        if !self.attempt.is_live() && !self.inbox.has_close() {
            connection.set_state(self.state_at_rest());
        }
        self.settle(connection);
        true
    }

    /// The state to tell between two attempts.
    fn state_at_rest(&self) -> State {
        match (self.restart, self.inbox.attempt) {
            (Some(_), _) => State::Waiting,
            (None, 0) => State::Initial,
            (None, _) => State::Closed,
        }
    }

    fn step(&mut self, connection: &Connection, turn: &mut Turn<'_>, ready: Ready) {
        if let Attempt::Waiting { until, automatic } = self.attempt
            && until <= turn.now
        {
            match automatic {
                true => self.announce_reconnect(),
                false => self.begin(connection),
            }
        }
        if let Attempt::Starting = self.attempt {
            self.start(connection, turn);
        }
        if let Attempt::Connecting(_) = self.attempt {
            self.advance_connecting(connection, turn);
        }
        if let Attempt::Open(_) = self.attempt {
            self.advance_session(connection, turn, ready);
        }
    }

    /// Tells the application of an automatic reconnect, which begins when it has heard.
    fn announce_reconnect(&mut self) {
        self.attempt = Attempt::None;
        self.inbox.push(EventKind::Reconnect);
        self.restart = Some(Restart::called(Duration::ZERO));
    }

    fn start(&mut self, connection: &Connection, turn: &Turn<'_>) {
        let me = Weak::clone(&connection.me);
        let attempt = self.inbox.attempt;
        let on_prepared = Arc::new(move |preparation| {
            if let Some(connection) = me.upgrade() {
                connection.prepared(attempt, preparation);
            }
        });
        let connecting = Connecting::start(
            &self.config,
            self.handed.take(),
            Token(connection.id as usize),
            turn,
            on_prepared,
            &mut self.report,
        );
        self.attempt = Attempt::Connecting(Box::new(connecting));
    }

    fn advance_connecting(&mut self, connection: &Connection, turn: &mut Turn<'_>) {
        while let Attempt::Connecting(connecting) = &mut self.attempt {
            let progress = connecting.advance(turn, &mut self.counters, &mut self.report);
            connection
                .socket
                .store(connecting.fd().unwrap_or(-1), Ordering::Relaxed);
            match progress {
                Ok(Progress::Connected) => {
                    self.addresses = connecting.addresses();
                    if connecting.is_first() {
                        self.inbox.push(EventKind::Connect);
                    }
                }
                Ok(Progress::Pending) => {
                    if let Some(failure) = connecting.overdue(turn.now, &mut self.report) {
                        self.end(connection, |phase| End::failed(failure, phase));
                    }
                    return;
                }
                Ok(Progress::Open(opened)) => {
                    let accepted = opened.accepted;
                    let fd = opened.transport.as_raw_fd();
                    let session = Session::new(
                        opened.transport,
                        opened.received,
                        accepted.negotiated.deflate.as_ref(),
                        &self.config,
                        turn.now,
                    );
                    match session {
                        Ok(session) => self.open(session, fd, accepted, connection),
                        Err(failure) => {
                            self.end(connection, |_| End::failed(failure, Phase::Upgrade));
                        }
                    }
                    return;
                }
                Err((phase, failure)) => {
                    self.end(connection, |_| End::failed(failure, phase));
                    return;
                }
            }
        }
    }

    /// The upgrade was accepted: what waited for it goes out first.
    fn open(
        &mut self,
        mut session: Session,
        socket: RawFd,
        accepted: Accepted,
        connection: &Connection,
    ) {
        connection.socket.store(socket, Ordering::Relaxed);
        let now = Instant::now();
        self.opened = Some(now);
        self.report.enter(Phase::Open, now);
        self.report.http_status = accepted.status;
        self.report.head = accepted.head.clone();
        for (kind, payload) in &self.prologue {
            let outgoing = Outgoing {
                kind: *kind,
                part: Part::Whole,
                compress: true,
            };
            session.push_message(outgoing, payload);
        }
        let mut expires = false;
        for message in std::mem::take(&mut self.pending) {
            let part = message.outgoing.part;
            if part.begins() {
                let age = now.duration_since(message.since);
                expires = matches!(self.reconnect.queue, QueuePolicy::Expire(time) if age >= time);
            }
            match expires {
                true => self.expired += u64::from(part.ends()),
                false => session.push_message(message.outgoing, &message.payload),
            }
        }
        self.pending_bytes = 0;
        self.negotiated = accepted.negotiated;
        self.inbox.push(EventKind::Handshake {
            status: accepted.status,
            head: accepted.head,
        });
        let Inner {
            inbox,
            counters,
            config,
            ..
        } = self;
        session.flush(counters);
        session.feed(&accepted.rest, config.auto_pong, counters, &mut |kind| {
            inbox.push(kind)
        });
        self.attempt = Attempt::Open(Box::new(session));
    }

    fn advance_session(&mut self, connection: &Connection, turn: &mut Turn<'_>, ready: Ready) {
        if let Attempt::Open(session) = &mut self.attempt {
            session.set_ready(ready);
        }
        let held = self.is_held();
        let Attempt::Open(session) = &mut self.attempt else {
            return;
        };
        let (inbox, counters, config) = (&mut self.inbox, &mut self.counters, &self.config);
        let mut emit = |kind| inbox.push(kind);
        if session.is_readable() && !held {
            session.read(turn.buffers, config.auto_pong, counters, &mut emit);
        }
        let end = session.advance(turn.now, held, config, counters, &mut emit);
        let drained = self.full && session.queued() == 0;
        if drained {
            self.full = false;
            inbox.push(EventKind::BufferDrain);
        }
        if let Some(end) = end {
            self.end(connection, |_| end);
        }
    }

    /// Whether the application, or its queue, keeps the socket from being read.
    fn is_held(&self) -> bool {
        let ending = matches!(&self.attempt, Attempt::Open(session) if session.is_ending());
        (self.inbox.paused && !ending) || self.inbox.bytes() >= self.config.receive_queue_limit
    }

    /// Ends the live attempt: its last events are queued, its socket is closed.
    fn end(&mut self, connection: &Connection, end: impl FnOnce(Phase) -> End) {
        let (phase, unsent) = match &self.attempt {
            Attempt::Connecting(connecting) => (connecting.phase(), 0),
            Attempt::Open(session) => (session.phase(), session.unsent_messages()),
            _ => (Phase::None, 0),
        };
        let end = end(phase);
        let restart = self.automatic_restart(&end);
        let keeps = restart.is_some() && self.reconnect.queue != QueuePolicy::Drop;
        let pending = if keeps { 0 } else { self.pending_messages() };
        if let Some(failure) = end.error {
            self.inbox.push(EventKind::Error {
                status: failure.status,
                phase: end.phase,
                http_status: failure.http_status,
                text: failure.text,
            });
        }
        self.inbox.push(EventKind::Close {
            status: end.status,
            phase: end.phase,
            code: end.code,
            reason: end.reason,
            clean: end.clean,
            by_peer: end.by_peer,
            unsent: unsent + pending + std::mem::take(&mut self.expired),
        });
        // What was held is delivered: nothing may follow the close.
        self.inbox.paused = false;
        self.drop_attempt(connection);
        self.restart = restart;
        if !keeps || self.pending.is_empty() {
            self.drop_pending();
        }
        self.queue_drive(connection);
        self.settle(connection);
    }

    fn pending_messages(&self) -> u64 {
        let ends = self
            .pending
            .iter()
            .filter(|message| message.outgoing.part.ends());
        ends.count() as u64
    }

    /// Completes the report, and finds the reconnect that the contract asks for.
    fn automatic_restart(&mut self, end: &End) -> Option<Restart> {
        let report = &mut self.report;
        report.stop(Instant::now());
        report.phase = end.phase;
        report.status = end.status;
        report.retry = match &end.error {
            Some(failure) => {
                report.fail(failure, end.phase);
                reconnect::hint(failure)
            }
            None => {
                report.reason.clone_from(&end.reason);
                reconnect::hint_for_code(end.code)
            }
        };
        report.retry_after = reconnect::retry_after(&report.head);
        if self.unwanted || end.status == Status::Panic {
            return None;
        }
        let stable = self.reconnect.stable_after;
        if self.opened.is_some_and(|opened| opened.elapsed() >= stable) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let delay = self.reconnect.delay(self.failures, &self.report)?;
        Some(Restart {
            delay,
            automatic: true,
        })
    }

    fn drop_pending(&mut self) {
        self.unfinished = None;
        self.pending = Vec::new();
        self.pending_bytes = 0;
        self.full = false;
    }

    fn drop_attempt(&mut self, connection: &Connection) {
        if let Some(event_loop) = &self.event_loop {
            match &mut self.attempt {
                Attempt::Connecting(connecting) => connecting.deregister(event_loop.registry()),
                Attempt::Open(session) => session.transport_mut().deregister(event_loop.registry()),
                Attempt::None | Attempt::Waiting { .. } | Attempt::Starting => {}
            }
        }
        connection.socket.store(-1, Ordering::Relaxed);
        self.attempt = Attempt::None;
    }

    /// Ends everything without an event.
    fn discard_attempt(&mut self, connection: &Connection) {
        self.drop_attempt(connection);
        self.drop_pending();
        connection.note_change();
        self.handed = None;
        self.restart = None;
        self.inbox.clear();
        // A callback that frees its connection is not waited for.
        self.delivering = false;
        connection.set_state(State::Closed);
        self.settle(connection);
    }

    fn next(&self) -> Next {
        match &self.attempt {
            // `step` has left `Starting`.
            Attempt::None | Attempt::Starting => Next {
                idle: true,
                ..Next::default()
            },
            Attempt::Waiting { until, .. } => Next {
                deadline: Some(*until),
                ..Next::default()
            },
            Attempt::Connecting(connecting) => Next {
                deadline: connecting.next_deadline(),
                ..Next::default()
            },
            Attempt::Open(session) => {
                let held = self.is_held();
                Next {
                    again: session.is_readable() && !held,
                    deadline: session.next_deadline(held, &self.config),
                    idle: false,
                }
            }
        }
    }

    fn buffered(&self) -> usize {
        let queued = match &self.attempt {
            Attempt::Open(session) => session.queued(),
            _ => 0,
        };
        self.pending_bytes + queued
    }

    /// About how many bytes are held, without the connection's own fixed part.
    fn memory(&self) -> usize {
        let open = match &self.attempt {
            Attempt::Open(session) => session.memory(),
            _ => 0,
        };
        self.buffered() + self.inbox.bytes() + open
    }

    fn note_full(&mut self, connection: &Connection) {
        if !self.full && self.buffered() >= self.config.send_queue_limit {
            self.full = true;
            self.inbox.push(EventKind::BufferFull);
            self.queue_drive(connection);
        }
    }

    /// Decides who writes what was just queued. The first message of a burst
    /// goes out at once; the following ones wait for the loop, so that one
    /// write carries them.
    fn sent(&mut self, connection: &Connection) {
        let Some(event_loop) = &self.event_loop else {
            return;
        };
        if self.flush_queued {
            if self.buffered() >= WRITE_AT {
                self.flush_and_follow_up(connection);
            }
            return;
        }
        let (turn, now) = (event_loop.turns(), Instant::now());
        let in_burst = self
            .last_direct
            .is_some_and(|(last, at)| last == turn && now.duration_since(at) < BURST);
        if in_burst && self.buffered() < WRITE_AT {
            self.flush_queued = true;
            if let Some(connection) = connection.me.upgrade() {
                event_loop.queue_flush(connection);
            }
        } else {
            self.last_direct = Some((turn, now));
            self.flush_and_follow_up(connection);
        }
    }

    fn flush(&mut self) {
        if let Attempt::Open(session) = &mut self.attempt {
            session.flush(&mut self.counters);
        }
    }

    /// Flushes outside a turn; what a turn must see to is queued for one.
    fn flush_and_follow_up(&mut self, connection: &Connection) {
        self.flush();
        let Attempt::Open(session) = &self.attempt else {
            return;
        };
        if session.has_write_failure() || (self.full && session.queued() == 0) || !session.is_open()
        {
            self.queue_drive(connection);
        }
    }

    /// Has the loop look at the connection in its next turn.
    fn queue_drive(&mut self, connection: &Connection) {
        if std::mem::replace(&mut self.drive_queued, true) {
            return;
        }
        if let (Some(event_loop), Some(connection)) = (&self.event_loop, connection.me.upgrade()) {
            event_loop.queue_drive(connection);
        }
    }

    /// Puts the connection on the loop's list of those with events.
    fn list(&mut self, connection: &Connection) {
        if self.inbox.listed || !self.inbox.has_next() {
            return;
        }
        if let (Some(event_loop), Some(connection)) = (&self.event_loop, connection.me.upgrade()) {
            self.inbox.listed = true;
            event_loop.list(connection);
        }
    }

    fn unlist(&mut self) -> bool {
        self.inbox.listed = false;
        false
    }

    /// Takes the next event that may be delivered, and its effects.
    fn pop(&mut self, connection: &Connection) -> Option<Event> {
        if !self.inbox.has_next() {
            self.unlist();
            return None;
        }
        let limit = self.config.receive_queue_limit;
        let was_full = self.inbox.bytes() >= limit;
        let event = self.inbox.pop()?;
        match event.kind {
            EventKind::Handshake { .. } if connection.state() == State::Connecting => {
                connection.set_state(State::Open);
            }
            EventKind::Close { .. } => connection.set_state(self.state_at_rest()),
            _ => {}
        }
        if was_full && self.inbox.bytes() < limit {
            self.reading_may_resume(connection);
        }
        if self.inbox.is_empty() {
            self.settle(connection);
        }
        Some(event)
    }

    /// What held the reading back is gone, or has moved.
    fn reading_may_resume(&mut self, connection: &Connection) {
        if let Attempt::Open(session) = &mut self.attempt {
            session.resumed(Instant::now());
        }
        self.queue_drive(connection);
    }

    /// Lists new events and tells the loop whether the connection is active.
    fn settle(&mut self, connection: &Connection) {
        self.list(connection);
        let active = self.attempt.is_live()
            || matches!(self.attempt, Attempt::Waiting { .. })
            || self.restart.is_some()
            || !self.inbox.is_empty()
            || self.delivering;
        if active != self.active {
            self.active = active;
            if let Some(event_loop) = &self.event_loop {
                event_loop.count_active(active);
            }
        }
    }
}
