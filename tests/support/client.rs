//! The client's side: a loop driven in one of the three ways, and its events in order.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use wsc::connection::Connection;
use wsc::error::{Phase, Status};
use wsc::event::{Bytes, Event, EventKind, EventRef, EventType, MessageType};
use wsc::event_loop::{Callbacks, Loop};

use super::{DEADLINE, Peer, Server};

/// Who turns the loop, and how events come out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// The test polls.
    Poll,
    /// The test dispatches; callbacks run in its thread.
    Dispatch,
    /// The library's thread turns the loop and runs the callbacks.
    Thread,
}

impl Drive {
    pub const ALL: [Drive; 3] = [Drive::Poll, Drive::Dispatch, Drive::Thread];
}

#[derive(Default)]
struct Log {
    events: Mutex<Vec<Event>>,
    grew: Condvar,
}

impl Log {
    fn push(&self, event: Event) {
        self.events.lock().unwrap().push(event);
        self.grew.notify_all();
    }
}

/// Records an event when the handler has returned or panicked.
struct Recorded<'a>(&'a Log, &'a Event);

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        self.0.push(self.1.clone());
    }
}

/// A loop and everything that its connections told so far.
pub struct Host {
    pub event_loop: Arc<Loop>,
    pub drive: Drive,
    log: Arc<Log>,
    taken: Cell<usize>,
}

impl Host {
    pub fn new(drive: Drive) -> Host {
        let callbacks = match drive {
            Drive::Thread => Callbacks::OnThread,
            Drive::Poll | Drive::Dispatch => Callbacks::OnDispatch,
        };
        Host {
            event_loop: Loop::new(callbacks).unwrap(),
            drive,
            log: Arc::default(),
            taken: Cell::new(0),
        }
    }

    /// A connection whose events are recorded.
    pub fn connection(&self, url: &str) -> Arc<Connection> {
        let connection = Connection::new(&self.event_loop, url).unwrap();
        if self.drive != Drive::Poll {
            for event_type in EVENT_TYPES {
                self.on(&connection, event_type, |_, _| {});
            }
        }
        connection
    }

    /// Runs `handler` for the events of that type, and then records them. Not with
    /// [`Drive::Poll`], which calls nothing.
    pub fn on(
        &self,
        connection: &Connection,
        event_type: EventType,
        handler: impl Fn(&Connection, &Event) + Send + Sync + 'static,
    ) {
        assert_ne!(self.drive, Drive::Poll);
        let log = self.log.clone();
        let recorder = Arc::new(move |connection: &Connection, event: EventRef<'_>| {
            let event = event.to_event();
            let _recorded = Recorded(&log, &event);
            handler(connection, &event);
        });
        connection.on(event_type, Some(recorder)).unwrap();
    }

    /// One turn that may take `timeout`.
    pub fn turn(&self, timeout: Duration) {
        match self.drive {
            Drive::Poll => {
                self.poll(64, timeout);
            }
            Drive::Dispatch => self.event_loop.dispatch(Some(timeout)).unwrap(),
            Drive::Thread => {
                let events = self.log.events.lock().unwrap();
                if events.len() == self.taken.get() {
                    drop(self.log.grew.wait_timeout(events, timeout).unwrap());
                }
            }
        }
    }

    /// Polls at most `max` events into the record; returns how many came.
    pub fn poll(&self, max: usize, timeout: Duration) -> usize {
        let log = &self.log;
        self.event_loop
            .poll(max, Some(timeout), &mut |event| log.push(event.to_event()))
            .unwrap()
    }

    /// Whether an event has arrived that was not taken.
    pub fn has_arrived(&self) -> bool {
        self.taken.get() < self.log.events.lock().unwrap().len()
    }

    /// The next event that has arrived, without a turn.
    pub fn arrived(&self) -> Option<Event> {
        let event = self
            .log
            .events
            .lock()
            .unwrap()
            .get(self.taken.get())
            .cloned();
        if event.is_some() {
            self.taken.set(self.taken.get() + 1);
        }
        event
    }

    /// Drops the record of the events that were taken.
    pub fn forget(&self) {
        self.log
            .events
            .lock()
            .unwrap()
            .drain(..self.taken.replace(0));
    }

    /// The next event.
    pub fn next(&self) -> Event {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(event) = self.arrived() {
                return event;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "no further event; before: {}",
                self.history()
            );
            self.turn(left);
        }
    }

    /// The next event, which is of that type.
    #[track_caller]
    pub fn expect(&self, event_type: EventType) -> Event {
        let event = self.next();
        assert_eq!(
            event.event_type(),
            event_type,
            "next: {event:?}; before: {}",
            self.history()
        );
        event
    }

    /// Turns the loop until `condition` holds.
    #[track_caller]
    pub fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition() {
            assert!(
                Instant::now() < deadline,
                "never happened: {what}; events: {}",
                self.history()
            );
            match self.drive {
                Drive::Thread => std::thread::sleep(Duration::from_millis(1)),
                Drive::Poll | Drive::Dispatch => self.turn(Duration::from_millis(1)),
            }
        }
    }

    /// Connects `count` connections at the same time, each set up and connected by
    /// `start`, and returns their failures in that order.
    pub fn failures(&self, count: usize, start: impl Fn(usize) -> Arc<Connection>) -> Vec<Failure> {
        let connections: Vec<_> = (0..count).map(start).collect();
        let mut failures = std::collections::BTreeMap::new();
        while failures.len() < count {
            let event = self.next();
            if let EventKind::Error {
                status,
                phase,
                http_status,
                text,
            } = event.kind
            {
                let failure = Failure {
                    status,
                    phase,
                    http_status,
                    text,
                };
                failures.insert(event.conn_id, failure);
            }
        }
        connections.iter().for_each(|connection| connection.free());
        failures.into_values().collect()
    }

    /// Shakes hands with the connection that was just told to connect; takes the events of
    /// that.
    pub fn opened(&self, server: &Server, header_lines: &str) -> Peer {
        self.expect(EventType::Connect);
        let mut peer = server.accept();
        peer.accept_with(header_lines);
        self.expect(EventType::Handshake);
        peer
    }

    /// Asserts that nothing was told that the test did not take, now and in the
    /// turns of the next moments.
    #[track_caller]
    pub fn assert_quiet(&self) {
        for _ in 0..5 {
            self.turn(Duration::from_millis(10));
            if let Some(event) = self.arrived() {
                panic!("unexpected: {event:?}; before: {}", self.history());
            }
        }
    }

    fn history(&self) -> String {
        let events = self.log.events.lock().unwrap();
        let mut lines: Vec<String> = events
            .iter()
            .map(|event| format!("{event:.200?}"))
            .collect();
        let skipped = lines.len().saturating_sub(20);
        lines.drain(..skipped);
        format!("[{skipped} events] {lines:#?}")
    }
}

const EVENT_TYPES: [EventType; 10] = [
    EventType::Connect,
    EventType::Handshake,
    EventType::Message,
    EventType::Ping,
    EventType::Pong,
    EventType::BufferFull,
    EventType::BufferDrain,
    EventType::Error,
    EventType::Close,
    EventType::Reconnect,
];

/// The rest of an attempt: what came, and how it ended.
#[derive(Debug)]
pub struct End {
    pub messages: Vec<(MessageType, Bytes)>,
    pub error: Option<Failure>,
    pub status: Status,
    pub phase: Phase,
    pub code: u16,
    pub reason: String,
    pub clean: bool,
    pub by_peer: bool,
    pub unsent: u64,
}

/// What an error event says.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub phase: Phase,
    pub http_status: u16,
    pub text: String,
}

/// One connection on a loop of its own. Freed when it goes out of scope.
pub struct Client {
    pub host: Host,
    pub connection: Arc<Connection>,
}

impl Client {
    pub fn new(drive: Drive, url: &str) -> Client {
        let host = Host::new(drive);
        let connection = host.connection(url);
        Client { host, connection }
    }

    /// Connects and shakes hands; takes the events of that.
    pub fn open(&self, server: &Server) -> Peer {
        self.open_with(server, "")
    }

    /// The same where the server's answer has further lines.
    pub fn open_with(&self, server: &Server, header_lines: &str) -> Peer {
        self.connect().unwrap();
        self.host.opened(server, header_lines)
    }

    /// The same after another call that started the attempt.
    pub fn opened_by(&self, server: &Server) -> Peer {
        self.host.opened(server, "")
    }

    pub fn on(
        &self,
        event_type: EventType,
        handler: impl Fn(&Connection, &Event) + Send + Sync + 'static,
    ) {
        self.host.on(&self.connection, event_type, handler);
    }

    pub fn next(&self) -> Event {
        self.host.next()
    }

    #[track_caller]
    pub fn expect(&self, event_type: EventType) -> Event {
        self.host.expect(event_type)
    }

    #[track_caller]
    pub fn until(&self, what: &str, condition: impl FnMut() -> bool) {
        self.host.until(what, condition);
    }

    #[track_caller]
    pub fn assert_quiet(&self) {
        self.host.assert_quiet();
    }

    /// The next event, which is a message.
    #[track_caller]
    pub fn message(&self) -> (MessageType, Bytes) {
        match self.expect(EventType::Message).kind {
            EventKind::Message { kind, data, .. } => (kind, data),
            _ => unreachable!(),
        }
    }

    /// The next event, which is a text message.
    #[track_caller]
    pub fn text(&self) -> String {
        let (kind, data) = self.message();
        assert_eq!(kind, MessageType::Text);
        String::from_utf8(data.to_vec()).unwrap()
    }

    /// Takes events up to the close; only messages, pings, pongs and one error
    /// may come before it.
    #[track_caller]
    pub fn end(&self) -> End {
        let (mut messages, mut error) = (Vec::new(), None);
        loop {
            match self.next().kind {
                EventKind::Message { kind, data, .. } => {
                    assert!(error.is_none(), "a message after {error:?}");
                    messages.push((kind, data));
                }
                EventKind::Ping(_) | EventKind::Pong(_) => assert!(error.is_none()),
                EventKind::Error {
                    status,
                    phase,
                    http_status,
                    text,
                } => {
                    assert!(error.is_none(), "a second error: {text}");
                    error = Some(Failure {
                        status,
                        phase,
                        http_status,
                        text,
                    });
                }
                EventKind::Close {
                    status,
                    phase,
                    code,
                    reason,
                    clean,
                    by_peer,
                    unsent,
                } => {
                    return End {
                        messages,
                        error,
                        status,
                        phase,
                        code,
                        reason,
                        clean,
                        by_peer,
                        unsent,
                    };
                }
                other => panic!("before the close: {other:?}"),
            }
        }
    }

    /// Takes events up to the close of an attempt that fails; returns the error.
    #[track_caller]
    pub fn failure(&self) -> Failure {
        let end = self.end();
        let Some(error) = end.error else {
            panic!("no error came before {end:?}")
        };
        assert_eq!(
            (end.status, end.phase),
            (error.status, error.phase),
            "close and error differ"
        );
        assert!(!end.clean, "clean, but failed: {error:?}");
        error
    }
}

impl Deref for Client {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.free();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.event_loop.free();
    }
}
