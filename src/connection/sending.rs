//! Sending, and what waits to be sent.

use std::collections::TryReserveError;
use std::sync::{Arc, TryLockError};
use std::time::Instant;

use mio::Token;

use crate::config::{BURST, BinaryType, MAX_CONTROL_PAYLOAD};
use crate::error::Status;
use crate::event::{EventKind, MessageType, Part};
use crate::reconnect::QueuePolicy;
use crate::send_queue::MAX_FRAME_HEADER;
use crate::session::{Outgoing, Session};

use super::attempts::Attempt;
use super::{Connection, Inner};

/// From this size on the sender writes a queue that waits to be flushed.
const WRITE_AT: usize = 64 << 10;

pub(super) struct Pending {
    pub(super) outgoing: Outgoing,
    pub(super) payload: Vec<u8>,
    pub(super) since: Instant,
}

impl Pending {
    fn new(outgoing: Outgoing, payload: &[u8]) -> Result<Self, TryReserveError> {
        Ok(Pending {
            outgoing,
            payload: copy(payload)?,
            since: Instant::now(),
        })
    }

    /// The frame's header counts too, so that empty messages are limited.
    fn weight(&self) -> usize {
        self.payload.len() + MAX_FRAME_HEADER
    }
}

/// The payload of a message, as far as there is memory for it.
pub(super) fn copy(payload: &[u8]) -> Result<Vec<u8>, TryReserveError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(payload.len())?;
    copy.extend_from_slice(payload);
    Ok(copy)
}

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
        let takes_messages = match &inner.attempt {
            Attempt::Open(session) => session.is_open(),
            Attempt::None => !inner.is_over(),
            _ => true,
        };
        if !takes_messages {
            return Err(Status::State);
        }
        inner.require_room(self)?;
        let Inner {
            attempt, counters, ..
        } = &mut *inner;
        match attempt {
            Attempt::Open(session) => {
                session.push_message(outgoing, payload, counters)?;
                let number = inner.unsent.count(part);
                inner.sent(self);
                inner.keep(number, outgoing, payload);
            }
            _ => {
                let message = Pending::new(outgoing, payload)?;
                inner.pending.try_reserve(1)?;
                inner.pending_bytes += message.weight();
                inner.pending.push(message);
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
        push: impl FnOnce(&mut Session, &[u8]),
    ) -> Result<(), Status> {
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(Status::TooBig);
        }
        let mut inner = self.enter()?;
        if !matches!(&inner.attempt, Attempt::Open(session) if session.is_open()) {
            return Err(Status::State);
        }
        inner.require_room(self)?;
        if let Attempt::Open(session) = &mut inner.attempt {
            push(session, payload);
        }
        inner.sent(self);
        inner.note_full(self);
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

    /// Flushes for the loop. It does not wait for a sender that is at it, and gives
    /// the connection back for another time.
    pub(crate) fn flush_queued(self: Arc<Self>) -> Result<(), Arc<Self>> {
        let mut inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Arc::clone(&self)),
        };
        inner.flush_queued = false;
        inner.flush_and_follow_up(&self);
        Ok(())
    }

    /// Bytes that were accepted and not handed to the kernel.
    pub fn buffered_amount(&self) -> usize {
        self.enter().map_or(0, |inner| inner.buffered())
    }
}

impl Inner {
    pub(super) fn buffered(&self) -> usize {
        let queued = match &self.attempt {
            Attempt::Open(session) => session.queued(),
            _ => 0,
        };
        self.pending_bytes + queued
    }

    /// Whether the limit is reached, by what waits or by what is kept for another attempt,
    /// which is not compressed.
    fn has_no_room(&self) -> bool {
        let kept = self.pending_bytes + self.unsent.bytes_of_whole();
        self.buffered().max(kept) >= self.config.send_queue_limit
    }

    /// Refuses where there is no room. Who is refused hears when there is some again, whatever
    /// it was that took it.
    fn require_room(&mut self, connection: &Connection) -> Result<(), Status> {
        self.note_full(connection);
        match self.has_no_room() {
            true => Err(Status::QueueFull),
            false => Ok(()),
        }
    }

    pub(super) fn note_full(&mut self, connection: &Connection) {
        // After a close nothing is told until the next attempt.
        let is_at_rest = matches!(self.attempt, Attempt::None) && self.is_over();
        if !self.full && !is_at_rest && self.has_no_room() {
            self.full = true;
            self.inbox.push(EventKind::BufferFull);
            self.queue_drive(connection);
        }
    }

    /// Decides who writes what was just queued. The first message of a burst
    /// goes out at once; the following ones wait for the loop, so that one
    /// write carries them.
    pub(super) fn sent(&mut self, connection: &Connection) {
        let Some(event_loop) = &self.event_loop else {
            return;
        };
        if self.flush_queued {
            if self.buffered() >= WRITE_AT {
                event_loop.postpone_flush();
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

    pub(super) fn flush(&mut self) {
        if let Attempt::Open(session) = &mut self.attempt {
            session.flush(&mut self.counters);
            self.unsent.forget_sent(self.counters.messages_sent);
            self.watch_writes();
        }
    }

    /// See [`Session::watch_writes`].
    pub(super) fn watch_writes(&mut self) {
        if let (Attempt::Open(session), Some(event_loop)) = (&mut self.attempt, &self.event_loop) {
            let token = Token(self.inbox.conn_id() as usize);
            session.watch_writes(event_loop.registry(), token);
        }
    }

    /// Whether messages that an attempt leaves behind are for the next one.
    pub(super) fn keeps_unsent(&self) -> bool {
        self.reconnect.enabled && self.reconnect.queue != QueuePolicy::Drop
    }

    /// Keeps what was just given to the session, unless it has left.
    fn keep(&mut self, number: u64, outgoing: Outgoing, payload: &[u8]) {
        let sent = self.counters.messages_sent;
        if !self.keeps_unsent() || self.unsent.is_sent(number, sent) {
            return;
        }
        match Pending::new(outgoing, payload) {
            Ok(message) => self.unsent.keep(number, message),
            // The close counts it, should it not leave.
            Err(_) => self.unsent.give_up(number),
        }
    }

    /// Takes back what the session has not sent, to wait for the next one before what
    /// waits already; returns how many messages that are together.
    pub(super) fn take_back(&mut self) -> u64 {
        let unsent = std::mem::take(&mut self.unsent);
        if !matches!(self.attempt, Attempt::Open(_)) {
            return self.pending_messages();
        }
        let waiting = std::mem::replace(&mut self.pending, unsent.into_messages());
        self.pending.extend(waiting);
        self.weigh_pending();
        let last = self.pending.last().map(|message| message.outgoing);
        let unfinished = last.filter(|outgoing| !outgoing.part.ends());
        self.unfinished = unfinished.map(|outgoing| outgoing.kind);
        self.pending_messages()
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

    pub(super) fn weigh_pending(&mut self) {
        self.pending_bytes = self.pending.iter().map(Pending::weight).sum();
    }

    pub(super) fn pending_messages(&self) -> u64 {
        let ends = self
            .pending
            .iter()
            .filter(|message| message.outgoing.part.ends());
        ends.count() as u64
    }

    pub(super) fn drop_pending(&mut self) {
        self.unfinished = None;
        self.pending = Vec::new();
        self.pending_bytes = 0;
        self.full = false;
    }
}
