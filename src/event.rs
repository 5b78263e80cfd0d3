//! What the loop tells the user.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};

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
    /// Messages one after the other. Their user is told of each.
    Messages(Run),
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

/// Whole messages that arrived together: their bytes have one owner, so that to queue,
/// deliver and drop one of many small messages touches no count of references.
#[derive(Debug, Clone)]
pub struct Run {
    block: Bytes,
    /// Messages are taken from the front one by one, too, which moves no others.
    places: VecDeque<Place>,
    /// The length of all messages.
    bytes: usize,
}

/// Where in its block a message is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    start: u32,
    len: u32,
    kind: MessageType,
}

impl Place {
    /// Within what is read at once, whose offsets fit.
    pub(crate) fn new(kind: MessageType, start: usize, len: usize) -> Place {
        Place {
            start: start as u32,
            len: len as u32,
            kind,
        }
    }

    pub(crate) fn kind(&self) -> MessageType {
        self.kind
    }

    pub(crate) fn end(&self) -> usize {
        self.range().end
    }

    fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }
}

impl Run {
    /// Of messages that lie in `block`.
    pub(crate) fn new(block: Bytes, places: Vec<Place>) -> Run {
        Run {
            bytes: length(&places),
            places: places.into(),
            block,
        }
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (MessageType, &[u8])> {
        let message = |place: &Place| (place.kind, &self.block[place.range()]);
        self.places.iter().map(message)
    }

    /// About how many bytes are held.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.block.len() + self.places.capacity() * size_of::<Place>()
    }

    /// Takes the first `count` messages away.
    fn split_to(&mut self, count: usize) -> Run {
        let places: Vec<Place> = self.places.drain(..count).collect();
        let taken = Run::new(self.block.clone(), places);
        self.bytes -= taken.bytes;
        taken
    }
}

fn length(places: &[Place]) -> usize {
    places.iter().map(|place| place.len as usize).sum()
}

/// An event as its user is told of it.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    pub conn_id: u64,
    pub attempt: u32,
    pub kind: KindRef<'a>,
}

#[derive(Debug, Clone, Copy)]
pub enum KindRef<'a> {
    Message {
        kind: MessageType,
        part: Part,
        data: &'a [u8],
    },
    /// Anything but a message.
    Other(&'a EventKind),
}

impl EventRef<'_> {
    pub fn event_type(&self) -> EventType {
        match self.kind {
            KindRef::Message { .. } => EventType::Message,
            KindRef::Other(kind) => kind.event_type(),
        }
    }

    /// The event's bytes: payload, response head, error text or close reason.
    pub fn data(&self) -> &[u8] {
        match self.kind {
            KindRef::Message { data, .. } => data,
            KindRef::Other(kind) => kind.data(),
        }
    }

    /// The event with bytes of its own.
    pub fn to_event(&self) -> Event {
        Event {
            conn_id: self.conn_id,
            attempt: self.attempt,
            kind: match self.kind {
                KindRef::Message { kind, part, data } => EventKind::Message {
                    kind,
                    part,
                    data: Bytes::copy_from_slice(data),
                },
                KindRef::Other(kind) => kind.clone(),
            },
        }
    }
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
    pub(crate) const ALL: [EventType; 10] = [
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

    /// Whether an attempt may wait for the delivery of such an event.
    pub(crate) fn may_precede_attempt(self) -> bool {
        matches!(self, EventType::Close | EventType::Reconnect)
    }
}

impl Event {
    pub fn event_type(&self) -> EventType {
        self.kind.event_type()
    }

    /// The event's bytes: payload, response head, error text or close reason.
    pub fn data(&self) -> &[u8] {
        self.kind.data()
    }

    /// How many events this is for its user.
    pub(crate) fn count(&self) -> usize {
        match &self.kind {
            EventKind::Messages(run) => run.len(),
            _ => 1,
        }
    }

    /// Calls `tell` with each of the events that this is for its user, until it asks to
    /// stop; tells how many calls that were.
    pub fn tell(
        &self,
        mut tell: impl FnMut(EventRef<'_>) -> ControlFlow<()>,
    ) -> (usize, ControlFlow<()>) {
        let about = |kind| EventRef {
            conn_id: self.conn_id,
            attempt: self.attempt,
            kind,
        };
        let run = match &self.kind {
            EventKind::Messages(run) => run,
            EventKind::Message { kind, part, data } => {
                let (kind, part) = (*kind, *part);
                return (1, tell(about(KindRef::Message { kind, part, data })));
            }
            other => return (1, tell(about(KindRef::Other(other)))),
        };
        for (index, (kind, data)) in run.iter().enumerate() {
            let part = Part::Whole;
            if tell(about(KindRef::Message { kind, part, data })).is_break() {
                return (index + 1, ControlFlow::Break(()));
            }
        }
        (run.len(), ControlFlow::Continue(()))
    }

    /// Takes the first `count` of the events that this is for its user, which are more.
    pub(crate) fn split_to(&mut self, count: usize) -> Option<Event> {
        let EventKind::Messages(run) = &mut self.kind else {
            return None;
        };
        (count > 0).then(|| Event {
            conn_id: self.conn_id,
            attempt: self.attempt,
            kind: EventKind::Messages(run.split_to(count)),
        })
    }
}

impl EventKind {
    pub fn event_type(&self) -> EventType {
        match self {
            EventKind::Connect => EventType::Connect,
            EventKind::Handshake { .. } => EventType::Handshake,
            EventKind::Message { .. } | EventKind::Messages(_) => EventType::Message,
            EventKind::Ping(_) => EventType::Ping,
            EventKind::Pong(_) => EventType::Pong,
            EventKind::BufferFull => EventType::BufferFull,
            EventKind::BufferDrain => EventType::BufferDrain,
            EventKind::Error { .. } => EventType::Error,
            EventKind::Close { .. } => EventType::Close,
            EventKind::Reconnect => EventType::Reconnect,
        }
    }

    pub(crate) fn data(&self) -> &[u8] {
        match self {
            EventKind::Message { data, .. } | EventKind::Ping(data) | EventKind::Pong(data) => data,
            EventKind::Handshake { head, .. } => head,
            EventKind::Error { text, .. } => text.as_bytes(),
            EventKind::Close { reason, .. } => reason.as_bytes(),
            // Each message has its own.
            EventKind::Messages(_)
            | EventKind::Connect
            | EventKind::BufferFull
            | EventKind::BufferDrain
            | EventKind::Reconnect => &[],
        }
    }

    /// Whether `pause_recv` holds this event back.
    pub(crate) fn is_received(&self) -> bool {
        matches!(
            self,
            EventKind::Message { .. }
                | EventKind::Messages(_)
                | EventKind::Ping(_)
                | EventKind::Pong(_)
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
            EventKind::Messages(run) => FIXED * run.len() + run.bytes,
            EventKind::BufferFull | EventKind::BufferDrain => FIXED,
            _ => 0,
        }
    }
}
