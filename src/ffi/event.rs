//! `wsc_event_t` and the enums its fields hold.

use std::ffi::c_void;
use std::ptr;

use crate::error::{Phase, Status};
use crate::event::{EventKind, EventRef, EventType, KindRef, MessageType, Part};

use super::boundary::OutArray;
use super::status::wsc_status_t;

/// What an event tells (`type` of `wsc_event_t`).
///
/// The order within one attempt: CONNECT, HANDSHAKE, messages as they came in,
/// ERROR if something failed, CLOSE exactly once. An attempt that fails early
/// skips what it did not reach. Nothing follows CLOSE until the next attempt.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_event_type_t {
    /// TCP is connected, and the proxy, if there is one, has let through. TLS and the upgrade
    /// follow.
    WSC_EVENT_CONNECT = 1,
    /// The server accepted the upgrade. `data` is its raw response head, `code` 101.
    WSC_EVENT_HANDSHAKE = 2,
    /// One message, or with `wsc_conn_set_streaming` one part of it. `data` is its
    /// payload, `message_type` its type, `part` its place.
    WSC_EVENT_MESSAGE = 3,
    /// A ping came in. `data` is its payload.
    WSC_EVENT_PING = 4,
    /// A pong came in. `data` is its payload.
    WSC_EVENT_PONG = 5,
    /// The send queue reached its limit.
    WSC_EVENT_BUFFER_FULL = 6,
    /// The send queue had reached its limit and is empty again.
    WSC_EVENT_BUFFER_DRAIN = 7,
    /// Something failed; CLOSE follows. `status`, `phase`, `data` (a text) say
    /// what, and `code` is the HTTP status if `status` is WSC_ERR_HTTP_STATUS or
    /// WSC_ERR_REDIRECT, the HTTP status or SOCKS code of a proxy that refused, else 0.
    WSC_EVENT_ERROR = 8,
    /// The attempt is over. `status`, `phase`, `code`, `clean`, `by_peer`, `unsent`
    /// and `data` (the close reason) say how.
    WSC_EVENT_CLOSE = 9,
    /// An automatic reconnect (`wsc_conn_set_auto_reconnect`) is due. It begins when
    /// this was delivered: when the callback has returned, or with the next poll. Until
    /// then the URL and the headers may be changed, and the reconnect taken back.
    /// `attempt` is still that of the attempt that was lost.
    WSC_EVENT_RECONNECT = 10,
}

impl From<EventType> for wsc_event_type_t {
    fn from(kind: EventType) -> Self {
        match kind {
            EventType::Connect => Self::WSC_EVENT_CONNECT,
            EventType::Handshake => Self::WSC_EVENT_HANDSHAKE,
            EventType::Message => Self::WSC_EVENT_MESSAGE,
            EventType::Ping => Self::WSC_EVENT_PING,
            EventType::Pong => Self::WSC_EVENT_PONG,
            EventType::BufferFull => Self::WSC_EVENT_BUFFER_FULL,
            EventType::BufferDrain => Self::WSC_EVENT_BUFFER_DRAIN,
            EventType::Error => Self::WSC_EVENT_ERROR,
            EventType::Close => Self::WSC_EVENT_CLOSE,
            EventType::Reconnect => Self::WSC_EVENT_RECONNECT,
        }
    }
}

/// The type of event that a caller means.
pub(crate) fn event_type(value: i32) -> Result<EventType, Status> {
    let mut all = EventType::ALL.into_iter();
    let found = all.find(|event_type| *event_type as i32 == value);
    found.ok_or(Status::Invalid)
}

/// The type of a message (`message_type` of `wsc_event_t`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_message_type_t {
    /// UTF-8, checked by the library.
    WSC_MESSAGE_TEXT = 1,
    /// Any bytes.
    WSC_MESSAGE_BINARY = 2,
}

impl From<MessageType> for wsc_message_type_t {
    fn from(kind: MessageType) -> Self {
        match kind {
            MessageType::Text => Self::WSC_MESSAGE_TEXT,
            MessageType::Binary => Self::WSC_MESSAGE_BINARY,
        }
    }
}

/// Which part of a message this is (`part` of `wsc_event_t`, and for
/// `wsc_conn_send_message`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_part_t {
    /// All of it.
    WSC_PART_WHOLE = 0,
    /// Its beginning; more follows.
    WSC_PART_FIRST = 1,
    /// Neither its beginning nor its end.
    WSC_PART_MORE = 2,
    /// Its end.
    WSC_PART_LAST = 3,
}

impl From<Part> for wsc_part_t {
    fn from(part: Part) -> Self {
        match part {
            Part::Whole => Self::WSC_PART_WHOLE,
            Part::First => Self::WSC_PART_FIRST,
            Part::More => Self::WSC_PART_MORE,
            Part::Last => Self::WSC_PART_LAST,
        }
    }
}

/// How far an attempt had come (`phase` of `wsc_event_t`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wsc_phase_t {
    /// Not begun, or not a matter of an attempt.
    WSC_PHASE_NONE = 0,
    /// Resolving the host name.
    WSC_PHASE_DNS = 1,
    /// Connecting the socket.
    WSC_PHASE_TCP = 2,
    /// Talking to a proxy.
    WSC_PHASE_PROXY = 3,
    /// In the TLS handshake, or before it and TCP loading the trusted certificates, which
    /// the first connection of a loop does with its settings for TLS.
    WSC_PHASE_TLS = 4,
    /// In the HTTP upgrade.
    WSC_PHASE_UPGRADE = 5,
    /// Exchanging messages.
    WSC_PHASE_OPEN = 6,
    /// In the close handshake.
    WSC_PHASE_CLOSING = 7,
}

impl From<Phase> for wsc_phase_t {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::None => Self::WSC_PHASE_NONE,
            Phase::Dns => Self::WSC_PHASE_DNS,
            Phase::Tcp => Self::WSC_PHASE_TCP,
            Phase::Proxy => Self::WSC_PHASE_PROXY,
            Phase::Tls => Self::WSC_PHASE_TLS,
            Phase::Upgrade => Self::WSC_PHASE_UPGRADE,
            Phase::Open => Self::WSC_PHASE_OPEN,
            Phase::Closing => Self::WSC_PHASE_CLOSING,
        }
    }
}

/// One event of one connection, as callbacks and `wsc_loop_poll` give it.
///
/// The library fills it; fields that an event has no use for are 0 or NULL. In a
/// callback the event and its `data` are borrowed until the callback returns.
/// After `wsc_loop_poll` the struct is yours, and its `data` borrowed until the
/// next poll on that loop returns or the loop is freed; freeing, closing or
/// reconnecting the connection in between does not touch it.
///
/// The size never changes within an ABI number: new fields take reserved room.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct wsc_event_t {
    /// `wsc_conn_id` of the connection; never reused.
    pub conn_id: u64,
    /// MESSAGE, PING, PONG: the payload. HANDSHAKE: the raw response head with
    /// its last empty line. ERROR: a text, CLOSE: the reason, both UTF-8. For these
    /// events not NULL, even if `len` is 0. No NUL follows the bytes.
    pub data: *const c_void,
    /// Length of `data` in bytes.
    pub len: usize,
    /// CLOSE: messages that were accepted and not handed to the kernel.
    pub unsent: u64,
    /// A `wsc_event_type_t`.
    pub r#type: i32,
    /// 1 for the connection's first attempt, one more for each further one; 0 if
    /// the send queue became full before the first.
    pub attempt: u32,
    /// ERROR, CLOSE: a `wsc_status_t`. WSC_OK in a CLOSE without a failure.
    pub status: i32,
    /// ERROR, CLOSE: the `wsc_phase_t` the attempt had reached.
    pub phase: i32,
    /// MESSAGE: a `wsc_message_type_t`.
    pub message_type: i32,
    /// CLOSE: the close code, 1005 if the peer gave none, 1006 if no close frame came; of
    /// a violation that was told to the peer, the code it was told (1002, 1007, 1009),
    /// and `data` is the error's text. HANDSHAKE: 101. ERROR: see WSC_EVENT_ERROR.
    pub code: i32,
    /// CLOSE: 1 if both sides sent a close frame, else 0.
    pub clean: i32,
    /// MESSAGE: a `wsc_part_t`.
    pub part: i32,
    /// CLOSE: 1 if the peer began the close handshake, 0 if we did or nobody.
    pub by_peer: i32,
    /// Of `wsc_loop_poll`, in the first of several MESSAGE events in a row that are whole
    /// messages of one connection, attempt and `message_type`: how many they are, this one
    /// counted. Else 0. For callers to whom looking at an event costs something.
    pub run: i32,
    /// 0.
    pub reserved: [u64; 3],
}

/// The layout is the ABI: bindings read these offsets.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(offset_of!(wsc_event_t, conn_id) == 0);
    assert!(offset_of!(wsc_event_t, data) == 8);
    assert!(offset_of!(wsc_event_t, len) == 16);
    assert!(offset_of!(wsc_event_t, unsent) == 24);
    assert!(offset_of!(wsc_event_t, r#type) == 32);
    assert!(offset_of!(wsc_event_t, attempt) == 36);
    assert!(offset_of!(wsc_event_t, status) == 40);
    assert!(offset_of!(wsc_event_t, phase) == 44);
    assert!(offset_of!(wsc_event_t, message_type) == 48);
    assert!(offset_of!(wsc_event_t, code) == 52);
    assert!(offset_of!(wsc_event_t, clean) == 56);
    assert!(offset_of!(wsc_event_t, part) == 60);
    assert!(offset_of!(wsc_event_t, by_peer) == 64);
    assert!(offset_of!(wsc_event_t, run) == 68);
    assert!(offset_of!(wsc_event_t, reserved) == 72);
    assert!(size_of::<wsc_event_t>() == 96);
};

/// Where `data` of an event without bytes points to: a place that may be read,
/// so that `memcpy` and its like need no special case.
static NOTHING: u8 = 0;

fn pointer(data: &[u8]) -> *const c_void {
    match data {
        [] => (&raw const NOTHING).cast(),
        data => data.as_ptr().cast(),
    }
}

impl From<EventRef<'_>> for wsc_event_t {
    #[inline] // into the loops over many messages
    fn from(event: EventRef<'_>) -> Self {
        let mut c = wsc_event_t {
            conn_id: event.conn_id,
            data: pointer(event.data()),
            len: event.data().len(),
            unsent: 0,
            r#type: wsc_event_type_t::from(event.event_type()) as i32,
            attempt: event.attempt,
            status: 0,
            phase: 0,
            message_type: 0,
            code: 0,
            clean: 0,
            part: 0,
            by_peer: 0,
            run: 0,
            reserved: [0; 3],
        };
        match event.kind {
            KindRef::Message { kind, part, .. } => {
                c.message_type = wsc_message_type_t::from(kind) as i32;
                c.part = wsc_part_t::from(part) as i32;
            }
            KindRef::Other(kind) => c.fill(kind),
        }
        c
    }
}

impl wsc_event_t {
    /// Whether both are whole messages that make, or go on with, a run.
    fn precedes(&self, next: &wsc_event_t) -> bool {
        self.message_type != 0
            && self.message_type == next.message_type
            && self.conn_id == next.conn_id
            && self.attempt == next.attempt
            && self.part == 0
            && next.part == 0
    }

    /// Sets what events have that are not messages.
    fn fill(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Connect
            | EventKind::BufferFull
            | EventKind::BufferDrain
            | EventKind::Reconnect => {
                self.data = ptr::null();
            }
            EventKind::Message { .. }
            | EventKind::Messages(_)
            | EventKind::Ping(_)
            | EventKind::Pong(_) => {}
            EventKind::Handshake { status, .. } => self.code = i32::from(*status),
            EventKind::Error {
                status,
                phase,
                http_status,
                ..
            } => {
                self.status = wsc_status_t::from(*status) as i32;
                self.phase = wsc_phase_t::from(*phase) as i32;
                self.code = i32::from(*http_status);
            }
            EventKind::Close {
                status,
                phase,
                code,
                clean,
                by_peer,
                unsent,
                ..
            } => {
                self.status = wsc_status_t::from(*status) as i32;
                self.phase = wsc_phase_t::from(*phase) as i32;
                self.code = i32::from(*code);
                self.clean = i32::from(*clean);
                self.by_peer = i32::from(*by_peer);
                self.unsent = *unsent;
            }
        }
    }
}

/// The array of events that a poll fills.
pub(crate) struct EventArray {
    events: OutArray<wsc_event_t>,
    /// The first event of the run that the last one belongs to, and how many those are.
    first: Option<(wsc_event_t, usize)>,
}

impl EventArray {
    pub(crate) fn new(events: OutArray<wsc_event_t>) -> Self {
        EventArray {
            events,
            first: None,
        }
    }

    #[inline] // into the loop over many messages
    pub(crate) fn push(&mut self, event: wsc_event_t) {
        match &mut self.first {
            Some((first, count)) if first.precedes(&event) => *count += 1,
            _ => {
                self.end_run();
                self.first = Some((event, 1));
            }
        }
        self.events.push(event);
    }

    /// Tells the first event of the run how many they are; to be called after the last one, too.
    pub(crate) fn end_run(&mut self) {
        if let Some((mut first, count @ 2..)) = self.first.take() {
            first.run = i32::try_from(count).unwrap_or(i32::MAX);
            self.events.replace(count, first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::event::{Bytes, Event};
    use std::ops::ControlFlow;

    fn convert(kind: EventKind) -> wsc_event_t {
        let event = Event {
            conn_id: 7,
            attempt: 3,
            kind,
        };
        let mut converted = None;
        let _one = event.tell(|event| {
            converted = Some(event.into());
            ControlFlow::Continue(())
        });
        converted.unwrap()
    }

    #[test]
    fn the_first_event_of_a_run_tells_its_length() {
        let message = |conn_id, kind, part| {
            let data = Bytes::from_static(b"x");
            let mut event = convert(EventKind::Message { kind, part, data });
            event.conn_id = conn_id;
            event
        };
        let (text, whole) = (MessageType::Text, Part::Whole);
        let events = [
            convert(EventKind::Ping(Bytes::new())),
            convert(EventKind::Ping(Bytes::new())),
            message(1, text, whole),
            message(1, text, whole),
            message(1, text, whole),
            message(1, MessageType::Binary, whole),
            message(1, text, whole),
            message(2, text, whole),
            message(2, text, whole),
            message(2, text, Part::First),
            message(2, text, Part::Last),
            message(2, text, whole),
            message(2, text, whole),
        ];
        let mut written = events.map(|_| convert(EventKind::Connect));
        // SAFETY: the array is longer-lived, and as long as that.
        let array = unsafe { OutArray::new(written.as_mut_ptr(), written.len()) }.unwrap();
        let mut array = EventArray::new(array);
        events.into_iter().for_each(|event| array.push(event));
        array.end_run();

        let runs = written.map(|event| event.run);
        assert_eq!(runs, [0, 0, 3, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0]);
        assert!(
            written
                .iter()
                .zip(events)
                .all(|(w, e)| w.conn_id == e.conn_id)
        );
    }

    #[test]
    fn each_event_fills_its_fields() {
        let connect = convert(EventKind::Connect);
        assert_eq!(
            (connect.conn_id, connect.attempt, connect.r#type),
            (7, 3, 1)
        );
        assert!(connect.data.is_null());

        let head = Bytes::from_static(b"HTTP/1.1 101 x\r\n\r\n");
        let handshake = convert(EventKind::Handshake {
            status: 101,
            head: head.clone(),
        });
        assert_eq!(
            (handshake.r#type, handshake.code, handshake.len),
            (2, 101, head.len())
        );
        assert_eq!(handshake.data, head.as_ptr().cast());

        let text = Bytes::from_static(b"text");
        let message = convert(EventKind::Message {
            kind: MessageType::Text,
            part: Part::Whole,
            data: text.clone(),
        });
        assert_eq!(
            (message.r#type, message.message_type, message.len),
            (3, 1, 4)
        );
        let binary = convert(EventKind::Message {
            kind: MessageType::Binary,
            part: Part::Last,
            data: text,
        });
        assert_eq!((message.part, binary.message_type, binary.part), (0, 2, 3));

        let error = convert(EventKind::Error {
            status: Status::HttpStatus,
            phase: Phase::Upgrade,
            http_status: 403,
            text: "no".into(),
        });
        assert_eq!(
            (
                error.r#type,
                error.status,
                error.phase,
                error.code,
                error.len
            ),
            (8, 81, 5, 403, 2)
        );

        let close = convert(EventKind::Close {
            status: Status::Ok,
            phase: Phase::Open,
            code: 1000,
            reason: "bye".into(),
            clean: true,
            by_peer: true,
            unsent: 5,
        });
        assert_eq!(
            (close.r#type, close.status, close.phase, close.code),
            (9, 0, 6, 1000)
        );
        assert_eq!((close.clean, close.unsent, close.len), (1, 5, 3));
        assert_eq!(close.by_peer, 1);
    }

    #[test]
    fn empty_data_is_not_null() {
        for kind in [EventKind::Ping(Bytes::new()), EventKind::Pong(Bytes::new())] {
            let event = convert(kind);
            assert!(!event.data.is_null());
            assert_eq!(event.len, 0);
        }
    }

    #[test]
    fn enums_agree_with_those_of_the_crate() {
        for kind in EventType::ALL {
            assert_eq!(wsc_event_type_t::from(kind) as i32, kind as i32);
        }
        for phase in [
            Phase::None,
            Phase::Dns,
            Phase::Tcp,
            Phase::Proxy,
            Phase::Tls,
            Phase::Upgrade,
            Phase::Open,
            Phase::Closing,
        ] {
            assert_eq!(wsc_phase_t::from(phase) as i32, phase as i32);
        }
        for part in [Part::Whole, Part::First, Part::More, Part::Last] {
            assert_eq!(wsc_part_t::from(part) as i32, part as i32);
        }
        for kind in [MessageType::Text, MessageType::Binary] {
            assert_eq!(wsc_message_type_t::from(kind) as i32, kind as i32);
        }
    }
}
