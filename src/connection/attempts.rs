//! One attempt after another: how a connection opens, ends and begins again.

use std::collections::TryReserveError;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use mio::Token;

use crate::config::{MAX_CLOSE_REASON, is_user_close_code};
use crate::connect::{Accepted, Connecting, Negotiated, Preparation, Progress, Turn};
use crate::error::{Failure, Phase, Status};
use crate::event::{EventKind, Part};
use crate::masks::Masks;
use crate::reconnect::{self, QueuePolicy};
use crate::report::Report;
use crate::session::{End, Outgoing, Ready, Session};

use super::sending::Pending;
use super::unsent::Unsent;
use super::{Connection, Inner, State};

/// A reconnect further away than a century makes no difference.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A further attempt.
#[derive(Clone, Copy)]
pub(super) struct Restart {
    pub(super) delay: Duration,
    /// It was not asked for by a call, so that the application is told before.
    pub(super) automatic: bool,
}

impl Restart {
    pub(super) fn called(delay: Duration) -> Self {
        Restart {
            delay,
            automatic: false,
        }
    }
}

pub(super) enum Attempt {
    None,
    Waiting { until: Instant, automatic: bool },
    Starting,
    Connecting(Box<Connecting>),
    Open(Box<Session>),
}

impl Attempt {
    pub(super) fn is_live(&self) -> bool {
        matches!(
            self,
            Attempt::Starting | Attempt::Connecting(_) | Attempt::Open(_)
        )
    }
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
            // It is closing already.
            Attempt::Open(_) => {}
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
        let next = inner.next();
        inner.driven = !next.idle;
        next
    }

    /// A panic in `drive` is a bug; this connection ends, the process lives.
    pub(crate) fn panicked(&self) -> Next {
        let mut inner = self.lock();
        if inner.attempt.is_live() {
            inner.end(self, |phase| {
                End::failed(Failure::new(Status::Panic, Status::Panic.text()), phase)
            });
        }
        inner.driven = false;
        Next {
            idle: true,
            ..Next::default()
        }
    }

    /// The close was delivered: a reconnect that waited for it may be scheduled.
    pub(crate) fn close_delivered(&self) {
        let mut inner = self.lock();
        // That of a later attempt may wait already: it is told before the next one begins.
        if inner.inbox.has_close() {
            return;
        }
        if let Some(restart) = inner.restart.take() {
            // Without a thread the reconnect cannot happen; nobody can be told.
            let _ = inner.schedule(self, restart);
        }
    }
}

impl Inner {
    /// Whether the last attempt is over and no further one was asked for.
    pub(super) fn is_over(&self) -> bool {
        self.inbox.attempt > 0 && self.restart.is_none()
    }

    /// Starts the next attempt now or later.
    fn schedule(&mut self, connection: &Connection, restart: Restart) -> Result<(), Status> {
        let Some(event_loop) = &self.event_loop else {
            return Err(Status::State);
        };
        event_loop.start_thread()?;
        self.restart = None;
        self.inbox.drop_reconnect();
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
        self.driven = true;
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
        self.inbox.drop_reconnect();
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
    pub(super) fn state_at_rest(&self) -> State {
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
        match connecting {
            Ok(connecting) => self.attempt = Attempt::Connecting(Box::new(connecting)),
            Err(failure) => self.end(connection, |phase| End::failed(failure, phase)),
        }
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
                        Masks::new(Arc::clone(turn.masks)),
                        &self.config,
                        turn.now,
                    );
                    self.open(session, fd, accepted, connection);
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
    pub(super) fn open(
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
        self.unsent = Unsent::new(self.counters.messages_sent);
        let pushed = self
            .push_prologue(&mut session)
            .and_then(|()| self.push_pending(&mut session, now));
        self.negotiated = accepted.negotiated;
        self.inbox.push(EventKind::Handshake {
            status: accepted.status,
            head: accepted.head,
        });
        let Inner {
            inbox,
            counters,
            config,
            unsent,
            ..
        } = self;
        session.flush(counters);
        unsent.forget_sent(counters.messages_sent);
        session.feed(&accepted.rest, config.auto_pong, counters, &mut |kind| {
            inbox.push(kind)
        });
        self.attempt = Attempt::Open(Box::new(session));
        if let Err(error) = pushed {
            self.end(connection, |phase| End::failed(error.into(), phase));
        }
    }

    fn push_prologue(&mut self, session: &mut Session) -> Result<(), TryReserveError> {
        self.unsent.count_prologue(self.prologue.len());
        for (kind, payload) in &self.prologue {
            let outgoing = Outgoing {
                kind: *kind,
                part: Part::Whole,
                compress: true,
            };
            session.push_message(outgoing, payload, &mut self.counters)?;
        }
        Ok(())
    }

    /// Gives the session what waited for it and is not too old. A message that lacks
    /// parts goes on in this session, however old it is. What there is no memory for
    /// still waits.
    fn push_pending(&mut self, session: &mut Session, now: Instant) -> Result<(), TryReserveError> {
        let mut pending = std::mem::take(&mut self.pending);
        let begins = |message: &Pending| message.outgoing.part.begins();
        let unfinished = self
            .unfinished
            .and_then(|_| pending.iter().rposition(begins));
        let keeps = self.keeps_unsent();
        let mut expires = false;
        let mut given = 0;
        let mut result = Ok(());
        for (index, message) in pending.iter_mut().enumerate() {
            let part = message.outgoing.part;
            if part.begins() {
                let age = now.duration_since(message.since);
                let is_old =
                    matches!(self.reconnect.queue, QueuePolicy::Expire(time) if age >= time);
                expires = is_old && Some(index) != unfinished;
            }
            if expires {
                self.expired += u64::from(part.ends());
            } else {
                result =
                    session.push_message(message.outgoing, &message.payload, &mut self.counters);
                if result.is_err() {
                    break;
                }
                let number = self.unsent.count(part);
                if keeps {
                    let payload = std::mem::take(&mut message.payload);
                    self.unsent.keep(
                        number,
                        Pending {
                            payload,
                            ..*message
                        },
                    );
                }
            }
            given = index + 1;
        }
        pending.drain(..given);
        self.pending = pending;
        self.weigh_pending();
        result
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
        if session.is_readable() && !held {
            if let (true, Some(event_loop)) = (inbox.lacks_room(), &self.event_loop) {
                inbox.set_room(event_loop.rooms().take());
            }
            let mut emit = |kind| inbox.push(kind);
            session.read(
                turn.now,
                turn.buffers,
                config.auto_pong,
                counters,
                &mut emit,
            );
            if let (true, Some(event_loop)) = (inbox.is_empty(), &self.event_loop) {
                event_loop.rooms().give(inbox.take_room());
            }
        }
        let delivered = inbox.is_empty() && !self.delivering && !self.polled;
        let mut emit = |kind| inbox.push(kind);
        let end = session.advance(turn.now, held, delivered, config, counters, &mut emit);
        self.unsent.forget_sent(counters.messages_sent);
        let drained = self.full && session.queued() == 0;
        if drained {
            self.full = false;
            inbox.push(EventKind::BufferDrain);
        }
        match end {
            Some(end) => self.end(connection, |_| end),
            None => self.watch_writes(),
        }
    }

    /// Whether the application, or its queue, keeps the socket from being read.
    fn is_held(&self) -> bool {
        let ending = matches!(&self.attempt, Attempt::Open(session) if session.is_ending());
        (self.inbox.paused && !ending) || self.is_full_of_events()
    }

    /// Ends the live attempt: its last events are queued, its socket is closed.
    pub(super) fn end(&mut self, connection: &Connection, end: impl FnOnce(Phase) -> End) {
        let (phase, unsent) = match &self.attempt {
            Attempt::Connecting(connecting) => (connecting.phase(), 0),
            Attempt::Open(session) => {
                let prologue = self.unsent.prologue_left(self.counters.messages_sent);
                (
                    session.phase(),
                    session.unsent_messages().saturating_sub(prologue),
                )
            }
            _ => (Phase::None, 0),
        };
        let end = end(phase);
        let restart = self.automatic_restart(&end);
        let keeps = restart.is_some() && self.keeps_unsent();
        let unsent = unsent + self.pending_messages();
        let lost = match keeps {
            true => unsent.saturating_sub(self.take_back()),
            false => unsent,
        };
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
            unsent: lost + std::mem::take(&mut self.expired),
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
        report.retry_after = reconnect::retry_after(&report.head, SystemTime::now());
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
        self.unsent = Unsent::default();
    }

    /// Ends everything without an event.
    pub(super) fn discard_attempt(&mut self, connection: &Connection) {
        self.drop_attempt(connection);
        self.drop_pending();
        connection.note_change();
        self.handed = None;
        self.restart = None;
        self.inbox.clear();
        connection.set_state(State::Closed);
        self.settle(connection);
    }

    pub(super) fn next(&self) -> Next {
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

    /// Has the loop look at the connection in its next turn. Not where it would find nothing:
    /// a loop on which nothing connects has no turns, and would keep what is freed.
    pub(super) fn queue_drive(&mut self, connection: &Connection) {
        let concerns_loop = self.driven || self.inbox.has_next();
        if !concerns_loop || std::mem::replace(&mut self.drive_queued, true) {
            return;
        }
        if let (Some(event_loop), Some(connection)) = (&self.event_loop, connection.me.upgrade()) {
            event_loop.queue_drive(connection);
        }
    }
}
