//! How the events of a connection reach its user.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::error::Status;
use crate::event::{Event, EventKind};

use super::attempts::Attempt;
use super::handlers::Handlers;
use super::{Connection, Inner, State};

/// Events that are taken for callbacks under one lock.
const MAX_BATCH: usize = 64;

/// The callbacks for a batch of events, and what they rest on.
pub(crate) struct Batch {
    pub handlers: Arc<Handlers>,
    pub changes: u64,
}

/// What `take_events` leaves behind.
pub(crate) struct Taken {
    pub more: bool,
    /// Something waits until the host is through with what was taken.
    pub awaited: bool,
}

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
        if inner.awaits_delivery() {
            inner.queue_drive(self);
        }
        inner.settle(self);
    }

    /// Counts what changes the delivery of events that were taken already.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(super) fn note_change(&self) -> u64 {
        self.changes.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Takes events until `room` is used up.
    pub(crate) fn take_events(&self, room: usize, events: &mut Vec<Event>) -> Taken {
        let mut inner = self.lock();
        let before = events.len();
        while events.len() < room {
            match inner.pop(self) {
                Some(event) => events.push(event),
                None => break,
            }
        }
        let taken = &events[before..];
        inner.polled = !taken.is_empty() && inner.awaits_delivery();
        let told = |event: &Event| event.event_type().may_precede_attempt();
        Taken {
            more: inner.inbox.has_next() || inner.unlist(),
            awaited: inner.polled || (inner.restart.is_some() && taken.iter().any(told)),
        }
    }

    /// The host is through with the events that it polled.
    pub(crate) fn polled_delivered(&self) {
        self.close_delivered();
        let mut inner = self.lock();
        if std::mem::take(&mut inner.polled) {
            inner.queue_drive(self);
        }
    }
}

impl Inner {
    /// Whether the end of the attempt waits for the delivery of what came before.
    fn awaits_delivery(&self) -> bool {
        matches!(&self.attempt, Attempt::Open(session) if session.awaits_delivery())
    }

    pub(super) fn drop_received(&mut self, connection: &Connection) {
        self.inbox.drop_received();
        self.dropped_at = connection.note_change();
    }

    /// Puts the connection on the loop's list of those with events.
    pub(super) fn list(&mut self, connection: &Connection) {
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
    pub(super) fn reading_may_resume(&mut self, connection: &Connection) {
        if let Attempt::Open(session) = &mut self.attempt {
            session.resumed(Instant::now());
        }
        self.queue_drive(connection);
    }
}
