//! The inbound reader between the socket and tungstenite.
//!
//! It sees every wire byte, follows the frame boundaries and judges each
//! header as soon as it is complete, so that a violation is noticed without
//! waiting for a payload. Payloads are tungstenite's to judge: a text frame of
//! which only a part has arrived is passed on as smaller fragments, which
//! makes tungstenite fail at exactly the first byte that is not UTF-8. What
//! tungstenite cannot do, inflating and delivery in parts, is `assembly`'s.

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::assembly::Assembly;
use crate::config::{Config, MAX_CONTROL_PAYLOAD};
use crate::deflate::Agreement;
use crate::error::{Failure, Status};
use crate::event::{EventKind, MessageType};

/// The largest header of a frame: two bytes, eight of length, four of mask.
const MAX_HEADER: usize = 14;
/// The largest fragment a partial text frame is passed on in.
const FRAGMENT: u64 = 16 << 10;
/// How much a grant lets grow: little data may inflate to a lot, and the receive
/// limit and other connections must have their turn.
const GRANT: usize = 256 << 10;
/// The bit that marks a compressed message (RFC 7692 §6).
const RSV1: u8 = 0x40;

/// The first nibble's bits and the length of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    fin: bool,
    rsv: u8,
    opcode: u8,
    masked: bool,
    length: u64,
    /// The length stands in the fewest bytes that hold it.
    is_minimal: bool,
    header_size: usize,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

impl Frame {
    /// Reads a frame header (RFC 6455 §5.2); `None` while bytes are missing.
    fn parse(bytes: &[u8]) -> Option<Frame> {
        let [first, second, rest @ ..] = bytes else {
            return None;
        };
        let (length, length_size) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
            short => (u64::from(short), 0),
        };
        Some(Frame {
            fin: first & 0x80 != 0,
            rsv: first & 0x70,
            opcode: first & 0x0f,
            masked: second & 0x80 != 0,
            length,
            is_minimal: match length_size {
                0 => true,
                2 => length > 125,
                _ => length > 0xffff,
            },
            header_size: 2 + length_size,
        })
    }

    fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }
}

/// What is being read.
#[derive(Debug)]
enum State {
    /// A header, of which `head` holds the bytes so far.
    Header,
    /// A control frame, collected whole in `staged`.
    Control {
        missing: usize,
    },
    /// Payload bytes that go through as they are; then what is left of a
    /// partial text frame.
    Payload {
        left: u64,
        rest: Option<Text>,
    },
    Text(Text),
    /// Payload bytes that the reader's own assembly takes.
    Own {
        left: u64,
        fin: bool,
    },
    /// After the peer's close frame nothing counts (RFC 6455 §5.5.1).
    Closed,
}

/// A text frame that is passed on as fragments; `left` bytes are still to come.
#[derive(Debug, Clone, Copy)]
struct Text {
    left: u64,
    fin: bool,
    opcode: u8,
}

/// A data message of which not all frames have arrived.
#[derive(Debug, Clone, Copy)]
struct Message {
    is_text: bool,
    is_compressed: bool,
    size: u64,
    fragments: usize,
}

/// The close frame of the peer as it stood on the wire. tungstenite replaces
/// codes that it does not like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerClose {
    pub code: Option<u16>,
    pub reason: Vec<u8>,
}

/// A short run of bytes that goes to tungstenite before anything else.
#[derive(Debug)]
struct Staged {
    bytes: [u8; 2 + MAX_CONTROL_PAYLOAD],
    start: usize,
    end: usize,
}

impl Staged {
    fn set(&mut self, bytes: &[u8]) {
        self.start = 0;
        self.end = 0;
        self.push(bytes);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    fn pending(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

/// See the module's comment.
#[derive(Debug)]
pub struct Reader {
    state: State,
    head: [u8; MAX_HEADER],
    head_len: usize,
    staged: Staged,
    message: Option<Message>,
    failed: Option<Failure>,
    peer_close: Option<PeerClose>,
    assembly: Assembly,
    /// What the assembly has made.
    event: Option<EventKind>,
    /// How much more the assembly may grow.
    grant: usize,
    max_frame: usize,
    max_message: usize,
    max_fragments: usize,
}

impl Reader {
    pub fn new(config: &Config, agreement: Option<&Agreement>) -> Self {
        Reader {
            state: State::Header,
            head: [0; MAX_HEADER],
            head_len: 0,
            staged: Staged {
                bytes: [0; 2 + MAX_CONTROL_PAYLOAD],
                start: 0,
                end: 0,
            },
            message: None,
            failed: None,
            peer_close: None,
            assembly: Assembly::new(config, agreement),
            event: None,
            grant: 0,
            max_frame: config.max_frame_size,
            max_message: config.max_message_size,
            max_fragments: config.max_fragments,
        }
    }

    /// The peer's close frame, once it has arrived.
    pub fn peer_close(&self) -> Option<&PeerClose> {
        self.peer_close.as_ref()
    }

    /// Whether the last byte handed out ended a message, with nothing begun since.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.state, State::Header)
            && self.head_len == 0
            && self.message.is_none()
            && self.staged.pending().is_empty()
    }

    /// Lets the assembly grow for another while.
    pub fn grant(&mut self) {
        self.grant = GRANT;
    }

    /// Whether reading stopped for want of a grant.
    pub fn is_held(&self) -> bool {
        self.grant == 0 && matches!(self.state, State::Own { .. })
    }

    /// What was made of the wire bytes without tungstenite.
    pub fn take_event(&mut self) -> Option<EventKind> {
        self.event.take()
    }

    /// Ignores everything that is still to come.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// About how many bytes are held for a message under way.
    pub fn memory(&self) -> usize {
        self.assembly.memory()
    }

    /// Moves wire bytes from `input` to `target`. 0 means that there is an event
    /// to take, that a grant is needed, or more input. A failure is reported after
    /// everything before it was handed out.
    pub fn read(&mut self, input: &mut &[u8], target: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        // What was handed out comes before what the reader takes itself.
        while filled < target.len() && !(filled > 0 && matches!(self.state, State::Own { .. })) {
            let count = match self.step(input, &mut target[filled..]) {
                Ok(Step::Gave(count)) => count,
                Ok(Step::Went) => continue,
                Ok(Step::Starved) => {
                    if filled == 0 && self.event.is_none() {
                        self.event = self.assembly.part();
                    }
                    break;
                }
                Err(failure) => {
                    self.failed = Some(failure);
                    break;
                }
            };
            filled += count;
        }
        match (filled, &self.failed) {
            (0, Some(failure)) => Err(failure.clone()),
            _ => Ok(filled),
        }
    }

    fn step(&mut self, input: &mut &[u8], target: &mut [u8]) -> Result<Step, Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        let collecting = matches!(self.state, State::Control { .. });
        if !collecting && !self.staged.pending().is_empty() {
            let mut pending = self.staged.pending();
            let count = give(&mut pending, target, u64::MAX);
            self.staged.start += count;
            return Ok(Step::Gave(count));
        }
        if let State::Own { left, fin } = self.state {
            return self.own(input, left, fin);
        }
        if input.is_empty() {
            return Ok(Step::Starved);
        }
        match self.state {
            State::Header => self.header(input),
            State::Control { missing } => {
                self.control(input, missing);
                Ok(Step::Went)
            }
            State::Payload { left, rest } => {
                let count = give(input, target, left);
                self.state = match (left - count as u64, rest) {
                    (0, None) => State::Header,
                    (0, Some(text)) => State::Text(text),
                    (left, rest) => State::Payload { left, rest },
                };
                Ok(Step::Gave(count))
            }
            State::Text(text) => {
                self.fragment(input, text);
                Ok(Step::Went)
            }
            State::Own { .. } | State::Closed => {
                *input = &[];
                Ok(Step::Starved)
            }
        }
    }

    /// Gives the assembly what there is of a frame.
    fn own(&mut self, input: &mut &[u8], left: u64, fin: bool) -> Result<Step, Failure> {
        let count = left.min(input.len() as u64) as usize;
        if self.grant == 0 || (count == 0 && left > 0 && !self.assembly.has_output()) {
            return Ok(Step::Starved);
        }
        let (mut payload, _) = input.split_at(count);
        let (grown, is_done) = self.assembly.take(&mut payload)?;
        let taken = count - payload.len();
        *input = &input[taken..];
        let left = left - taken as u64;
        self.grant = self.grant.saturating_sub(grown);
        self.state = State::Own { left, fin };
        if self.assembly.is_full() {
            return Ok(Step::Starved);
        }
        if is_done && left == 0 {
            if fin {
                self.event = self.assembly.finish()?;
            }
            if !fin || self.event.is_some() {
                self.state = State::Header;
            }
        }
        Ok(match self.event {
            Some(_) => Step::Starved,
            None => Step::Went,
        })
    }

    /// Completes and judges the next header.
    fn header(&mut self, input: &mut &[u8]) -> Result<Step, Failure> {
        let had = self.head_len;
        let more = input.len().min(MAX_HEADER - had);
        self.head[had..had + more].copy_from_slice(&input[..more]);
        let Some(frame) = Frame::parse(&self.head[..had + more]) else {
            self.head_len = had + more;
            *input = &input[more..];
            return Ok(Step::Went);
        };
        *input = &input[frame.header_size - had..];
        self.head_len = 0;
        self.judge(&frame)?;
        self.begin(&frame, input);
        Ok(Step::Went)
    }

    /// Everything that a header alone can violate.
    fn judge(&self, frame: &Frame) -> Result<(), Failure> {
        let message = self.message.filter(|_| !frame.is_control());
        let allowed = match frame.opcode {
            TEXT | BINARY if self.assembly.can_inflate() => RSV1,
            _ => 0,
        };
        let fault = match frame.opcode {
            _ if frame.rsv & !allowed != 0 => "a frame has reserved bits set (RFC 6455 5.2)",
            3..=7 | 11.. => "a frame has a reserved opcode (RFC 6455 5.2)",
            _ if frame.masked => "a frame is masked (RFC 6455 5.1)",
            _ if frame.length >> 63 != 0 => {
                "a frame's length has its highest bit set (RFC 6455 5.2)"
            }
            _ if !frame.is_minimal => {
                "a frame's length is encoded in more bytes than it needs (RFC 6455 5.2)"
            }
            CLOSE..=PONG if !frame.fin => "a control frame is fragmented (RFC 6455 5.5)",
            CLOSE..=PONG if frame.length > MAX_CONTROL_PAYLOAD as u64 => {
                "a control frame has over 125 bytes (RFC 6455 5.5)"
            }
            CONTINUATION if message.is_none() => "a continuation continues nothing (RFC 6455 5.4)",
            TEXT | BINARY if message.is_some() => "a message starts inside another (RFC 6455 5.4)",
            _ => return self.judge_size(frame, message),
        };
        Err(Failure::protocol(fault))
    }

    fn judge_size(&self, frame: &Frame, message: Option<Message>) -> Result<(), Failure> {
        if frame.is_control() {
            return Ok(());
        }
        if frame.length > self.max_frame as u64 {
            return Err(Failure::message_too_big(frame.length, self.max_frame));
        }
        let size = frame.length + message.map_or(0, |message| message.size);
        // Of a compressed message the inflated size counts, which is not known yet.
        let is_compressed = message.map_or(frame.rsv != 0, |message| message.is_compressed);
        if size > self.max_message as u64 && !is_compressed {
            return Err(Failure::message_too_big(size, self.max_message));
        }
        if message.is_some_and(|message| message.fragments >= self.max_fragments) {
            let text = format!("a message has over {} fragments", self.max_fragments);
            return Err(Failure::violation(Status::MessageTooBig, 1009, text));
        }
        Ok(())
    }

    /// Follows an accepted header.
    fn begin(&mut self, frame: &Frame, input: &[u8]) {
        let header = self.head;
        if frame.is_control() {
            self.staged.set(&header[..frame.header_size]);
            self.state = State::Control {
                missing: frame.length as usize,
            };
            if frame.length == 0 {
                self.control_done();
            }
            return;
        }
        let message = Message {
            is_text: self
                .message
                .map_or(frame.opcode == TEXT, |message| message.is_text),
            is_compressed: self
                .message
                .map_or(frame.rsv != 0, |message| message.is_compressed),
            size: self.message.map_or(0, |message| message.size) + frame.length,
            fragments: self.message.map_or(0, |message| message.fragments) + 1,
        };
        self.message = (!frame.fin).then_some(message);
        if self.assembly.wants(message.is_compressed) {
            if message.fragments == 1 {
                let kind = match message.is_text {
                    true => MessageType::Text,
                    false => MessageType::Binary,
                };
                self.assembly.begin(kind, message.is_compressed);
            }
            self.state = State::Own {
                left: frame.length,
                fin: frame.fin,
            };
            return;
        }
        self.staged.set(&header[..frame.header_size]);
        let is_partial = (input.len() as u64) < frame.length;
        self.state = if message.is_text && is_partial {
            self.staged.set(&[]);
            State::Text(Text {
                left: frame.length,
                fin: frame.fin,
                opcode: frame.opcode,
            })
        } else if frame.length == 0 {
            State::Header
        } else {
            State::Payload {
                left: frame.length,
                rest: None,
            }
        };
    }

    /// Collects a control frame; only a whole one is passed on.
    fn control(&mut self, input: &mut &[u8], missing: usize) {
        let count = missing.min(input.len());
        self.staged.push(&input[..count]);
        *input = &input[count..];
        match missing - count {
            0 => self.control_done(),
            missing => self.state = State::Control { missing },
        }
    }

    fn control_done(&mut self) {
        let frame = self.staged.pending();
        if frame[0] & 0x0f != CLOSE {
            self.state = State::Header;
            return;
        }
        let payload = &frame[2..];
        self.peer_close = Some(PeerClose {
            code: payload.first_chunk().map(|code| u16::from_be_bytes(*code)),
            reason: payload.get(2..).unwrap_or_default().to_vec(),
        });
        self.state = State::Closed;
    }

    /// Passes on what has arrived of a text frame as a fragment of its own.
    fn fragment(&mut self, input: &[u8], text: Text) {
        let length = text.left.min(input.len() as u64).min(FRAGMENT);
        let rest = text.left - length;
        let header = FrameHeader {
            is_final: text.fin && rest == 0,
            opcode: OpCode::Data(if text.opcode == TEXT {
                Data::Text
            } else {
                Data::Continue
            }),
            ..FrameHeader::default()
        };
        let mut bytes = [0; MAX_HEADER];
        // The largest header fits.
        let _ = header.format(length, &mut &mut bytes[..]);
        self.staged.set(&bytes[..header.len(length)]);
        self.state = State::Payload {
            left: length,
            rest: (rest > 0).then_some(Text {
                left: rest,
                opcode: CONTINUATION,
                ..text
            }),
        };
    }
}

enum Step {
    /// Bytes were handed out.
    Gave(usize),
    /// Something moved, and there may be more to do.
    Went,
    /// Nothing more without input.
    Starved,
}

/// Moves up to `limit` bytes from `source` to `target`.
fn give(source: &mut &[u8], target: &mut [u8], limit: u64) -> usize {
    let count = (source.len().min(target.len()) as u64).min(limit) as usize;
    target[..count].copy_from_slice(&source[..count]);
    *source = &source[count..];
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::Deflater;
    use crate::event::Part;

    const LIMIT: usize = 1 << 20;
    const FRAGMENTS: usize = 1000;

    fn reader(change: impl FnOnce(&mut Config), agreement: Option<&Agreement>) -> Reader {
        let mut config = Config::new("ws://host").unwrap();
        config.max_frame_size = LIMIT;
        config.max_message_size = LIMIT;
        config.max_fragments = FRAGMENTS;
        change(&mut config);
        Reader::new(&config, agreement)
    }

    /// Feeds `wire` in pieces of `piece` bytes and returns what came out.
    fn run(wire: &[u8], piece: usize, target: usize) -> (Vec<u8>, Option<Failure>, Reader) {
        let mut reader = reader(|_| {}, None);
        let (out, failure) = feed(&mut reader, wire, piece, target, &mut |_| {});
        (out, failure, reader)
    }

    fn feed(
        reader: &mut Reader,
        wire: &[u8],
        piece: usize,
        target: usize,
        take: &mut dyn FnMut(EventKind),
    ) -> (Vec<u8>, Option<Failure>) {
        let mut out = Vec::new();
        let mut buffer = vec![0; target];
        for mut input in wire.chunks(piece) {
            loop {
                reader.grant();
                match reader.read(&mut input, &mut buffer) {
                    Ok(0) => match reader.take_event() {
                        Some(event) => take(event),
                        None if reader.is_held() => {}
                        None => break,
                    },
                    Ok(count) => out.extend_from_slice(&buffer[..count]),
                    Err(failure) => return (out, Some(failure)),
                }
            }
            assert!(input.is_empty());
        }
        (out, None)
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            len @ ..126 => bytes.push(len as u8),
            len @ ..65536 => {
                bytes.push(126);
                bytes.extend((len as u16).to_be_bytes());
            }
            len => {
                bytes.push(127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    /// The payloads of the data messages in `wire`, fragments joined, and of
    /// the control frames.
    fn messages(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
        let mut open: Option<(u8, Vec<u8>)> = None;
        while let Some(frame) = Frame::parse(wire) {
            let (payload, rest) = wire[frame.header_size..].split_at(frame.length as usize);
            wire = rest;
            if frame.is_control() {
                messages.push((frame.opcode, payload.to_vec()));
                continue;
            }
            let message = open.get_or_insert((frame.opcode, Vec::new()));
            message.1.extend(payload);
            if frame.fin {
                messages.extend(open.take());
            }
        }
        assert!(wire.is_empty() && open.is_none());
        messages
    }

    #[test]
    fn any_split_gives_the_same_messages() {
        let wire = [
            frame(0x81, b"hello"),
            frame(0x82, &[7; 300]),
            frame(0x01, "gr\u{fc}\u{df}e".as_bytes()),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, &[b'x'; 70_000]),
            frame(0x8a, b""),
            frame(0x81, b""),
            frame(0x88, &[3, 232, b'b', b'y', b'e']),
            b"ignored".to_vec(),
        ]
        .concat();
        let expected = messages(&wire[..wire.len() - 7]);
        for piece in [1, 2, 3, 5, 7, 64, 1000, 65_536, wire.len()] {
            for target in [1, 14, 1024] {
                let (out, failure, reader) = run(&wire, piece, target);
                assert_eq!(failure, None);
                assert_eq!(messages(&out), expected, "pieces of {piece} into {target}");
                let close = reader.peer_close().unwrap();
                assert_eq!((close.code, &close.reason[..]), (Some(1000), &b"bye"[..]));
            }
        }
    }

    #[test]
    fn whole_frames_pass_unchanged() {
        let wire = [frame(0x81, b"hello"), frame(0x02, b"ab"), frame(0x80, b"c")].concat();
        assert_eq!(run(&wire, wire.len(), 1024).0, wire);
    }

    #[test]
    fn a_violation_is_noticed_with_the_header() {
        let cases: [(&[u8], Status); 14] = [
            (&[0x82, 126, 0, 125], Status::Protocol),
            (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Status::Protocol),
            (&[0xc1, 1], Status::Protocol),
            (&[0xa1, 1], Status::Protocol),
            (&[0x83, 1], Status::Protocol),
            (&[0x8b, 1], Status::Protocol),
            (&[0x81, 0x81], Status::Protocol),
            (&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1], Status::Protocol),
            (&[0x09, 1], Status::Protocol),
            (&[0x89, 126, 0, 126], Status::Protocol),
            (&[0x80, 1], Status::Protocol),
            (&[0x01, 1, b'x', 0x81, 1], Status::Protocol),
            (&[0x82, 127, 0, 0, 0, 0, 0, 16, 0, 1], Status::MessageTooBig),
            (
                &[0x02, 1, 0, 0x80, 127, 0, 0, 0, 0, 0, 16, 0, 0],
                Status::MessageTooBig,
            ),
        ];
        for (wire, status) in cases {
            for piece in [1, wire.len()] {
                let failure = run(wire, piece, 1024).1.expect("a failure");
                assert_eq!(failure.status, status, "{wire:?}");
            }
        }
    }

    const AGREEMENT: Agreement = Agreement {
        client_no_context_takeover: false,
        server_no_context_takeover: false,
        client_window_bits: 15,
        server_window_bits: 15,
    };

    fn deflated(payload: &[u8]) -> Vec<u8> {
        let settings = crate::config::Deflate::default();
        Deflater::new(&settings, &AGREEMENT).deflate(payload, true)
    }

    /// Messages in frames of every kind, and what must come of them.
    fn mixture() -> (Vec<u8>, Vec<(MessageType, Vec<u8>)>) {
        let long: Vec<u8> = (0..30_000_u32)
            .flat_map(|i| (i * i % 9973).to_string().into_bytes())
            .collect();
        let long_deflated = deflated(&long);
        let (start, end) = long_deflated.split_at(long_deflated.len() / 3);
        let umlauts = "\u{fc}\u{df}\u{20ac}".repeat(12_000);
        let wire = [
            frame(0xc1, &deflated(b"hello")),
            frame(0x89, b"ping"),
            frame(0x82, &[7; 300]),
            frame(0x41, start),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, end),
            frame(0xc1, &deflated(umlauts.as_bytes())),
            frame(0x81, umlauts.as_bytes()),
            frame(0x01, b""),
            frame(0x80, b""),
            frame(0xc2, &[0]),
        ];
        let messages = vec![
            (MessageType::Text, b"hello".to_vec()),
            (MessageType::Binary, vec![7; 300]),
            (MessageType::Text, long),
            (MessageType::Text, umlauts.clone().into()),
            (MessageType::Text, umlauts.into()),
            (MessageType::Text, Vec::new()),
            (MessageType::Binary, Vec::new()),
        ];
        (wire.concat(), messages)
    }

    #[test]
    fn compressed_messages_survive_any_split() {
        let (wire, expected) = mixture();
        for piece in [1, 2, 3, 7, 64, 1000, 65_536, wire.len()] {
            let mut reader = reader(|_| {}, Some(&AGREEMENT));
            let mut got = Vec::new();
            let mut take = |event| {
                if let EventKind::Message { kind, part, data } = event {
                    assert_eq!(part, Part::Whole);
                    got.push((kind, data.to_vec()));
                }
            };
            let (plain, failure) = feed(&mut reader, &wire, piece, 1024, &mut take);
            assert_eq!(failure, None);
            let plain = messages(&plain);
            assert_eq!(plain.iter().filter(|(opcode, _)| *opcode == 9).count(), 2);
            assert_eq!(got.len() + plain.len() - 2, expected.len());
            let compressed = expected.iter().enumerate();
            let compressed = compressed.filter(|(index, _)| [0, 2, 3, 6].contains(index));
            assert!(compressed.map(|(_, message)| message).eq(&got));
            assert!(reader.is_at_rest());
        }
    }

    #[test]
    fn messages_come_in_parts_if_wanted() {
        let (wire, expected) = mixture();
        for piece in [1, 2, 3, 7, 64, 1000, 65_536, wire.len()] {
            let mut reader = reader(|config| config.streaming = true, Some(&AGREEMENT));
            let mut got: Vec<(MessageType, Vec<u8>)> = Vec::new();
            let mut is_open = false;
            let mut take = |event| {
                if let EventKind::Message { kind, part, data } = event {
                    assert_eq!(part.begins(), !is_open);
                    assert!(kind == MessageType::Binary || std::str::from_utf8(&data).is_ok());
                    assert!(data.len() < 100_000);
                    match part.begins() {
                        true => got.push((kind, data.to_vec())),
                        false => got.last_mut().unwrap().1.extend_from_slice(&data),
                    }
                    is_open = !part.ends();
                }
            };
            let (plain, failure) = feed(&mut reader, &wire, piece, 1024, &mut take);
            assert_eq!(failure, None);
            assert_eq!(messages(&plain).len(), 2);
            assert!(!is_open && got == expected);
        }
    }

    #[test]
    fn inflating_ends_at_the_limits() {
        let bomb = deflated(&vec![0; 3 << 20]);
        let small = deflated(&vec![0; 1 << 20]);
        let limit = |size, ratio| {
            let change = |config: &mut Config| {
                config.max_message_size = size;
                config.deflate.max_ratio = ratio;
            };
            reader(change, Some(&AGREEMENT))
        };
        for (wire, size, ratio, is_allowed) in [
            (&bomb, 3 << 20, 2000, true),
            (&bomb, (3 << 20) - 1, 2000, false),
            (&bomb, 3 << 20, 200, false),
            (&small, 1 << 20, 1, true),
        ] {
            let (_, failure) = feed(
                &mut limit(size, ratio),
                &frame(0xc2, wire),
                99,
                64,
                &mut |_| {},
            );
            assert_eq!(
                failure.map(|failure| failure.close_code),
                (!is_allowed).then_some(Some(1009))
            );
        }
    }

    #[test]
    fn a_violation_within_compression_is_noticed() {
        let cases: [(&[&[u8]], u16); 7] = [
            (&[&[0xd1, 1]], 1002),
            (&[&[0xc9, 0]], 1002),
            (&[&[0x41, 1, 0], &[0xc0, 1]], 1002),
            (&[&[0x01, 1, 0], &[0xc0, 1]], 1002),
            (&[&[0xc1, 2, 0xff, 0xff]], 1007),
            (&[&frame(0xc1, &deflated(b"a\xff"))], 1007),
            (&[&frame(0xc1, &deflated(b"a\xe2\x82"))], 1007),
        ];
        for (wire, code) in cases {
            let wire = wire.concat();
            for piece in [1, wire.len()] {
                let mut reader = reader(|_| {}, Some(&AGREEMENT));
                let (_, failure) = feed(&mut reader, &wire, piece, 64, &mut |_| {});
                assert_eq!(
                    failure.expect("a failure").close_code,
                    Some(code),
                    "{wire:?}"
                );
            }
        }
    }

    #[test]
    fn fragments_are_counted() {
        let mut wire = frame(0x01, b"");
        for _ in 0..FRAGMENTS {
            wire.extend(frame(0x00, b""));
        }
        let failure = run(&wire, 4096, 1024).1.expect("a failure");
        assert_eq!(failure.status, Status::MessageTooBig);
    }
}
