//! What the loop tells the user.

pub use bytes::Bytes;

use crate::error::{Phase, Status};

/// One event of one connection.
#[derive(Debug, Clone)]
pub struct Event {
    pub conn_id: u64,
    /// 1 for the connection's first attempt, one more for each further one.
    pub attempt: u32,
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// TCP is connected; TLS and the upgrade follow.
    Connect,
    /// The server accepted the upgrade. `head` is its raw response head.
    Handshake {
        status: u16,
        head: Bytes,
    },
    /// One message, or one part of it.
    Message {
        kind: MessageType,
        part: Part,
        data: Bytes,
    },
    Ping(Bytes),
    Pong(Bytes),
    /// The send queue reached its limit.
    BufferFull,
    /// The send queue, which had reached its limit, is empty again.
    BufferDrain,
    /// The attempt failed; `Close` follows.
    Error {
        status: Status,
        phase: Phase,
        http_status: u16,
        text: String,
    },
    /// The attempt is over. Sent exactly once per attempt.
    Close {
        status: Status,
        phase: Phase,
        code: u16,
        reason: String,
        clean: bool,
        /// The peer's close frame came before ours.
        by_peer: bool,
        unsent: u64,
    },
    /// An automatic reconnect begins once this was delivered; URL and headers
    /// may be changed before.
    Reconnect,
}

/// The kind of an event as a number of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EventType {
    Connect = 1,
    Handshake = 2,
    Message = 3,
    Ping = 4,
    Pong = 5,
    BufferFull = 6,
    BufferDrain = 7,
    Error = 8,
    Close = 9,
    Reconnect = 10,
}

/// Text or binary (RFC 6455 §5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum MessageType {
    Text = 1,
    Binary = 2,
}

/// Which part of a message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Part {
    Whole = 0,
    First = 1,
    More = 2,
    Last = 3,
}

impl Part {
    pub fn begins(self) -> bool {
        matches!(self, Part::Whole | Part::First)
    }

    pub fn ends(self) -> bool {
        matches!(self, Part::Whole | Part::Last)
    }
}

impl EventType {
    /// Whether an attempt may wait for the delivery of such an event.
    pub(crate) fn may_precede_attempt(self) -> bool {
        matches!(self, EventType::Close | EventType::Reconnect)
    }
}

impl Event {
    pub fn event_type(&self) -> EventType {
        match self.kind {
            EventKind::Connect => EventType::Connect,
            EventKind::Handshake { .. } => EventType::Handshake,
            EventKind::Message { .. } => EventType::Message,
            EventKind::Ping(_) => EventType::Ping,
            EventKind::Pong(_) => EventType::Pong,
            EventKind::BufferFull => EventType::BufferFull,
            EventKind::BufferDrain => EventType::BufferDrain,
            EventKind::Error { .. } => EventType::Error,
            EventKind::Close { .. } => EventType::Close,
            EventKind::Reconnect => EventType::Reconnect,
        }
    }

    /// The event's bytes: payload, response head, error text or close reason.
    pub fn data(&self) -> &[u8] {
        match &self.kind {
            EventKind::Message { data, .. } | EventKind::Ping(data) | EventKind::Pong(data) => data,
            EventKind::Handshake { head, .. } => head,
            EventKind::Error { text, .. } => text.as_bytes(),
            EventKind::Close { reason, .. } => reason.as_bytes(),
            EventKind::Connect
            | EventKind::BufferFull
            | EventKind::BufferDrain
            | EventKind::Reconnect => &[],
        }
    }
}

impl EventKind {
    /// Whether `pause_recv` holds this event back.
    pub(crate) fn is_received(&self) -> bool {
        matches!(
            self,
            EventKind::Message { .. } | EventKind::Ping(_) | EventKind::Pong(_)
        )
    }

    /// Whether the event tells about the send queue.
    pub(crate) fn is_about_sending(&self) -> bool {
        matches!(self, EventKind::BufferFull | EventKind::BufferDrain)
    }

    /// What the event counts against the receive queue limit. The fixed part
    /// bounds the memory of a million empty messages.
    pub(crate) fn cost(&self) -> usize {
        const FIXED: usize = 128;
        match self {
            EventKind::Message { data, .. } | EventKind::Ping(data) | EventKind::Pong(data) => {
                FIXED + data.len()
            }
            EventKind::BufferFull | EventKind::BufferDrain => FIXED,
            _ => 0,
        }
    }
}
