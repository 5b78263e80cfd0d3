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
const MAX_BATCH: usize = 256;
/// The same where all are taken, which needs no copy of each, as the receive queue counts
/// them: more than one read of many small messages gives.
const MAX_SWAP: usize = 512 << 10;

/// The callbacks for a batch of events, and what they rest on.
pub(crate) struct Batch {
    pub handlers: Arc<Handlers>,
    pub changes: u64,
}

/// What `take_events` leaves behind.
pub(crate) struct Taken {
    /// How many events were taken.
    pub count: usize,
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
    /// so that a state is told with its event. `None` if there are none.
    pub(crate) fn take_batch(&self, events: &mut VecDeque<Event>) -> Option<Batch> {
        let mut inner = self.lock();
        inner.delivering = true;
        inner.take_all(self, events);
        if events.is_empty() {
            inner.take_received(self, MAX_BATCH, events);
        }
        if events.is_empty() {
            events.extend(inner.pop(self));
        }
        if events.is_empty() {
            inner.delivering = false;
            inner.settle(self);
            return None;
        }
        Some(Batch {
            handlers: Arc::clone(&inner.handlers),
            changes: self.changes(),
        })
    }

    /// Takes back what was not delivered because something changed.
    pub(crate) fn put_back(&self, events: &mut VecDeque<Event>, batch: &Batch) {
        let mut inner = self.lock();
        if inner.event_loop.is_none() || inner.dropped_at > batch.changes {
            events.clear();
        } else {
            inner.inbox.put_back(events);
        }
    }

    /// The callbacks of a batch have returned. Runs what gives back and the free hook, either of
    /// which may fork as well.
    pub(crate) fn batch_delivered(&self, batch: Batch) {
        // What was replaced meanwhile is given back before the free hook runs.
        drop(batch);
        if self.is_forked() {
            return;
        }
        let callbacks = {
            let mut inner = self.lock();
            inner.delivering = false;
            if inner.awaits_delivery() {
                inner.queue_drive(self);
            }
            inner.settle(self);
            inner.take_callbacks()
        };
        drop(callbacks);
    }

    /// Counts what changes the delivery of events that were taken already.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(crate) fn note_change(&self) -> u64 {
        self.changes.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Takes events until `room` is used up.
    pub(crate) fn take_events(&self, room: usize, events: &mut Vec<Event>) -> Taken {
        let mut inner = self.lock();
        let before = events.len();
        let mut count = 0;
        while count < room {
            let received = inner.take_received(self, room - count, events);
            count += received;
            if received > 0 {
                continue;
            }
            let Some(event) = inner.pop(self) else {
                break;
            };
            events.push(event);
            count += 1;
        }
        let taken = &events[before..];
        inner.polled = !taken.is_empty() && inner.awaits_delivery();
        let told = |event: &Event| event.event_type().may_precede_attempt();
        Taken {
            count,
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

    /// Takes all events at once if they are few and received.
    fn take_all(&mut self, connection: &Connection, events: &mut VecDeque<Event>) {
        let was_full = self.is_full_of_events();
        if self.inbox.swap_received(MAX_SWAP, events) {
            self.taken(connection, was_full);
        }
    }

    /// Takes received events, `max` at most; tells how many they are.
    fn take_received(
        &mut self,
        connection: &Connection,
        max: usize,
        events: &mut impl Extend<Event>,
    ) -> usize {
        let was_full = self.is_full_of_events();
        let count = self.inbox.take_received(max, events);
        if count > 0 {
            self.taken(connection, was_full);
        }
        count
    }

    /// Takes the next event that may be delivered, and its effects.
    fn pop(&mut self, connection: &Connection) -> Option<Event> {
        if !self.inbox.has_next() {
            self.unlist();
            return None;
        }
        let was_full = self.is_full_of_events();
        let event = self.inbox.pop()?;
        match event.kind {
            EventKind::Handshake { .. } if connection.state() == State::Connecting => {
                connection.set_state(State::Open);
            }
            EventKind::Close { .. } => connection.set_state(self.state_at_rest()),
            _ => {}
        }
        self.taken(connection, was_full);
        Some(event)
    }

    pub(super) fn is_full_of_events(&self) -> bool {
        self.inbox.bytes() >= self.config.receive_queue_limit
    }

    /// Follows up on the taking of events.
    fn taken(&mut self, connection: &Connection, was_full: bool) {
        if was_full && !self.is_full_of_events() {
            self.reading_may_resume(connection);
        }
        if self.inbox.is_empty() {
            if let Some(event_loop) = &self.event_loop {
                event_loop.rooms().give(self.inbox.take_room());
            }
            self.settle(connection);
        }
    }

    /// What held the reading back is gone, or has moved.
    pub(super) fn reading_may_resume(&mut self, connection: &Connection) {
        if let Attempt::Open(session) = &mut self.attempt {
            session.resumed(Instant::now());
        }
        self.queue_drive(connection);
    }
}
