//! The inbound reader between the socket and tungstenite.
//!
//! It sees every wire byte, follows the frame boundaries and judges each
//! header as soon as it is complete, so that a violation is noticed without
//! waiting for a payload. Payloads are tungstenite's to judge: a text frame of
//! which only a part has arrived is passed on as smaller fragments, which
//! makes tungstenite fail at exactly the first byte that is not UTF-8.

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::config::{MAX_CONTROL_PAYLOAD, MAX_FRAGMENTS};
use crate::error::{Failure, Status};

/// The largest header of a frame: two bytes, eight of length, four of mask.
const MAX_HEADER: usize = 14;
/// The largest fragment a partial text frame is passed on in.
const FRAGMENT: u64 = 16 << 10;

/// The first nibble's bits and the length of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    fin: bool,
    rsv: u8,
    opcode: u8,
    masked: bool,
    length: u64,
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
    max_frame: usize,
    max_message: usize,
}

impl Reader {
    pub fn new(max_frame: usize, max_message: usize) -> Self {
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
            max_frame,
            max_message,
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

    /// Moves wire bytes from `input` to `target`. 0 means that more input is
    /// needed. A failure is reported after everything before it was handed out.
    pub fn read(&mut self, input: &mut &[u8], target: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while filled < target.len() {
            let count = match self.step(input, &mut target[filled..]) {
                Ok(Step::Gave(count)) => count,
                Ok(Step::Went) => continue,
                Ok(Step::Starved) => break,
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
            State::Closed => {
                *input = &[];
                Ok(Step::Starved)
            }
        }
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
        let fault = match frame.opcode {
            _ if frame.rsv != 0 => "a frame has reserved bits set (RFC 6455 5.2)",
            3..=7 | 11.. => "a frame has a reserved opcode (RFC 6455 5.2)",
            _ if frame.masked => "a frame is masked (RFC 6455 5.1)",
            _ if frame.length >> 63 != 0 => {
                "a frame's length has its highest bit set (RFC 6455 5.2)"
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
        if size > self.max_message as u64 {
            return Err(Failure::message_too_big(size, self.max_message));
        }
        if message.is_some_and(|message| message.fragments >= MAX_FRAGMENTS) {
            let text = format!("a message has over {MAX_FRAGMENTS} fragments");
            return Err(Failure::violation(Status::MessageTooBig, 1009, text));
        }
        Ok(())
    }

    /// Follows an accepted header.
    fn begin(&mut self, frame: &Frame, input: &[u8]) {
        let header = self.head;
        self.staged.set(&header[..frame.header_size]);
        if frame.is_control() {
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
            size: self.message.map_or(0, |message| message.size) + frame.length,
            fragments: self.message.map_or(0, |message| message.fragments) + 1,
        };
        self.message = (!frame.fin).then_some(message);
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

    const LIMIT: usize = 1 << 20;

    /// Feeds `wire` in pieces of `piece` bytes and returns what came out.
    fn run(wire: &[u8], piece: usize, target: usize) -> (Vec<u8>, Option<Failure>, Reader) {
        let mut reader = Reader::new(LIMIT, LIMIT);
        let mut out = Vec::new();
        let mut buffer = vec![0; target];
        for mut input in wire.chunks(piece) {
            loop {
                match reader.read(&mut input, &mut buffer) {
                    Ok(0) => break,
                    Ok(count) => out.extend_from_slice(&buffer[..count]),
                    Err(failure) => return (out, Some(failure), reader),
                }
            }
            assert!(input.is_empty());
        }
        (out, None, reader)
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
        let cases: [(&[u8], Status); 12] = [
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

    #[test]
    fn fragments_are_counted() {
        let mut wire = frame(0x01, b"");
        for _ in 0..MAX_FRAGMENTS {
            wire.extend(frame(0x00, b""));
        }
        let failure = run(&wire, 4096, 1024).1.expect("a failure");
        assert_eq!(failure.status, Status::MessageTooBig);
    }
}
