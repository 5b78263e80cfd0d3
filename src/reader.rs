//! The inbound reader: from the bytes of the stream to events.
//!
//! It follows the frame boundaries and judges each header as soon as it is
//! complete, so that a violation is noticed without waiting for a payload. A
//! message in one plain frame that has arrived whole, as nearly all do, is handed
//! out at once; the others are put together by `assembly`.

use std::ops::Range;

use bytes::Bytes;

use crate::assembly::Assembly;
use crate::config::{Config, MAX_CONTROL_PAYLOAD, is_wire_close_code};
use crate::deflate::Agreement;
use crate::error::{Failure, Status};
use crate::event::{EventKind, MessageType, Part, Place, Run};
use crate::read_buffer::Input;

/// The largest header of a frame: two bytes, eight of length, four of mask.
const MAX_HEADER: usize = 14;
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

const FIN: u8 = 0x80;
const FIN_TEXT: u8 = FIN | TEXT;
const FIN_BINARY: u8 = FIN | BINARY;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
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
    /// A control frame, of whose payload `control` holds the bytes so far.
    Control { opcode: u8, missing: usize },
    /// The payload of a frame whose message is put together.
    Data { left: u64, fin: bool },
    /// After the peer's close frame nothing counts (RFC 6455 §5.5.1).
    Closed,
}

/// A data message of which not all frames have arrived.
#[derive(Debug, Clone, Copy)]
struct Message {
    is_compressed: bool,
    size: u64,
    fragments: usize,
}

/// What the events go to.
pub trait Taker {
    fn take(&mut self, kind: EventKind);
}

impl<F: FnMut(EventKind)> Taker for F {
    fn take(&mut self, kind: EventKind) {
        self(kind);
    }
}

/// The close frame of the peer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerClose {
    pub code: Option<u16>,
    pub reason: String,
}

impl PeerClose {
    /// Reads the payload of a close frame (RFC 6455 §5.5.1).
    fn parse(payload: &[u8]) -> Result<Self, Failure> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            return match payload {
                [] => Ok(PeerClose::default()),
                _ => Err(Failure::protocol(
                    "a close frame has a payload of one byte (RFC 6455 5.5.1)",
                )),
            };
        };
        let code = u16::from_be_bytes(*code);
        if !is_wire_close_code(code) {
            let text = format!("a close frame has the code {code} (RFC 6455 7.4)");
            return Err(Failure::protocol(text));
        }
        match std::str::from_utf8(reason) {
            Ok(reason) => Ok(PeerClose {
                code: Some(code),
                reason: reason.to_owned(),
            }),
            Err(_) => Err(Failure::peer_utf8()),
        }
    }
}

/// See the module's comment.
#[derive(Debug)]
pub struct Reader {
    state: State,
    head: [u8; MAX_HEADER],
    head_len: usize,
    control: Vec<u8>,
    message: Option<Message>,
    peer_close: Option<PeerClose>,
    assembly: Assembly,
    /// How much more the assembly may grow.
    grant: usize,
    /// What was not taken for want of a grant.
    rest: Vec<u8>,
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
            control: Vec::new(),
            message: None,
            peer_close: None,
            assembly: Assembly::new(config, agreement),
            grant: 0,
            rest: Vec::new(),
            max_frame: config.max_frame_size,
            max_message: config.receive_limit(),
            max_fragments: config.max_fragments,
        }
    }

    /// From the next frame on.
    pub fn set_max_message(&mut self, size: usize) {
        self.max_message = size;
        self.assembly.set_max_message(size);
    }

    /// The peer's close frame, once it has arrived.
    pub fn peer_close(&self) -> Option<&PeerClose> {
        self.peer_close.as_ref()
    }

    /// Whether `receive` has more to hand out without new bytes.
    pub fn is_held(&self) -> bool {
        self.grant == 0 && matches!(self.state, State::Data { .. })
    }

    /// Drops what was not handed out and ignores what is still to come.
    pub fn close(&mut self) {
        self.state = State::Closed;
        self.rest = Vec::new();
        self.assembly.clear();
    }

    /// About how many bytes are held for a message under way.
    pub fn memory(&self) -> usize {
        self.rest.capacity() + self.assembly.memory()
    }

    /// Takes the input and hands out what comes of it, and of that before it that
    /// was held. A failure comes after everything before it.
    pub fn receive(&mut self, input: Input<'_>, taker: &mut impl Taker) -> Result<(), Failure> {
        self.grant = GRANT;
        if self.rest.is_empty() {
            let left = self.read(input, taker)?;
            self.rest.extend_from_slice(left);
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(input.bytes());
        let left = self.read(Input::Borrowed(&rest), taker)?.len();
        rest.drain(..rest.len() - left);
        self.rest = rest;
        Ok(())
    }

    /// Hands out what `receive` has left of a message that goes out in parts: TLS gives
    /// what has arrived record by record, which are small parts.
    pub fn hand_out(&mut self, taker: &mut impl Taker) {
        if let Some(part) = self.assembly.part() {
            taker.take(part);
        }
    }

    /// Goes on until `input` is used up or a grant is needed; returns what is left.
    fn read<'a>(&mut self, input: Input<'a>, taker: &mut impl Taker) -> Result<&'a [u8], Failure> {
        let mut gather = Gather::new(taker, input);
        let result = self.read_frames(input.bytes(), &mut gather);
        gather.finish();
        result
    }

    fn read_frames<'a>(
        &mut self,
        mut input: &'a [u8],
        taker: &mut Gather<'a, '_, impl Taker>,
    ) -> Result<&'a [u8], Failure> {
        loop {
            match self.state {
                State::Data { left, fin } => {
                    if !self.data(&mut input, left, fin, taker)? {
                        break;
                    }
                }
                State::Closed => return Ok(&[]),
                _ if input.is_empty() => break,
                State::Header => match self.plain_message(input) {
                    Some((opcode, payload)) => {
                        input = &input[payload.start..];
                        self.whole(opcode, payload.len(), &mut input, taker)?;
                    }
                    None => self.header(&mut input, taker)?,
                },
                State::Control { opcode, missing } => {
                    self.control(&mut input, opcode, missing, taker)?;
                }
            }
        }
        Ok(input)
    }

    /// The opcode and the place of the payload if a message comes next that has
    /// arrived in one frame and violates nothing. That is nearly always so, and found
    /// out at less cost than `header` finds out everything.
    fn plain_message(&self, input: &[u8]) -> Option<(u8, Range<usize>)> {
        let payload = match *input {
            [_, length @ ..126, ..] => 2..2 + usize::from(length),
            [_, 126, high, low, ..] => 4..4 + usize::from(u16::from_be_bytes([high, low])),
            _ => return None,
        };
        let is_minimal = payload.start == 2 || payload.len() > 125;
        let fits = payload.len() <= self.max_frame.min(self.max_message);
        let is_free = self.head_len == 0 && self.message.is_none();
        let opcode = input[0] & !FIN;
        (is_free && is_minimal && fits && payload.end <= input.len())
            .then_some((opcode, payload))
            .filter(|_| matches!(input[0], FIN_TEXT | FIN_BINARY))
    }

    /// Completes and judges the next header.
    fn header<'a>(
        &mut self,
        input: &mut &'a [u8],
        taker: &mut Gather<'a, '_, impl Taker>,
    ) -> Result<(), Failure> {
        let had = self.head_len;
        let frame = if had == 0 {
            Frame::parse(input)
        } else {
            let more = input.len().min(MAX_HEADER - had);
            self.head[had..had + more].copy_from_slice(&input[..more]);
            Frame::parse(&self.head[..had + more])
        };
        let Some(frame) = frame else {
            // What is not a whole header is shorter than the place for one.
            self.head[had..had + input.len()].copy_from_slice(input);
            self.head_len = had + input.len();
            *input = &[];
            return Ok(());
        };
        *input = &input[frame.header_size - had..];
        self.head_len = 0;
        self.judge(&frame)?;
        if frame.is_control() {
            return self.control(input, frame.opcode, frame.length as usize, taker);
        }
        let is_whole = frame.fin && frame.rsv == 0 && self.message.is_none();
        if is_whole && frame.length <= input.len() as u64 {
            return self.whole(frame.opcode, frame.length as usize, input, taker);
        }
        self.begin(&frame);
        Ok(())
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

    /// Hands out a message that is one frame and has arrived.
    fn whole<'a>(
        &mut self,
        opcode: u8,
        length: usize,
        input: &mut &'a [u8],
        taker: &mut Gather<'a, '_, impl Taker>,
    ) -> Result<(), Failure> {
        let kind = message_type(opcode == TEXT);
        if kind == MessageType::Text && std::str::from_utf8(&input[..length]).is_err() {
            return Err(Failure::peer_utf8());
        }
        taker.message(kind, input, length);
        *input = &input[length..];
        Ok(())
    }

    /// Begins a message that is put together, or goes on with it.
    fn begin(&mut self, frame: &Frame) {
        let message = match self.message {
            Some(message) => Message {
                size: message.size + frame.length,
                fragments: message.fragments + 1,
                ..message
            },
            None => {
                let is_compressed = frame.rsv != 0;
                self.assembly
                    .begin(message_type(frame.opcode == TEXT), is_compressed);
                Message {
                    is_compressed,
                    size: frame.length,
                    fragments: 1,
                }
            }
        };
        self.message = (!frame.fin).then_some(message);
        self.state = State::Data {
            left: frame.length,
            fin: frame.fin,
        };
    }

    /// Gives the assembly what there is of a frame; false if that is nothing.
    fn data(
        &mut self,
        input: &mut &[u8],
        left: u64,
        fin: bool,
        taker: &mut Gather<'_, '_, impl Taker>,
    ) -> Result<bool, Failure> {
        let count = left.min(input.len() as u64) as usize;
        if self.grant == 0 || (count == 0 && left > 0 && !self.assembly.has_output()) {
            return Ok(false);
        }
        let mut payload = &input[..count];
        let (grown, is_done) = self.assembly.take(&mut payload, left)?;
        let taken = count - payload.len();
        *input = &input[taken..];
        let left = left - taken as u64;
        self.grant = self.grant.saturating_sub(grown);
        self.state = State::Data { left, fin };
        if self.assembly.is_full() {
            if let Some(part) = self.assembly.part() {
                taker.take(part);
            }
        } else if is_done && left == 0 {
            let message = if fin { self.assembly.finish()? } else { None };
            if !fin || message.is_some() {
                self.state = State::Header;
            }
            if let Some(message) = message {
                taker.take(message);
            }
        }
        Ok(true)
    }

    /// Collects the payload of a control frame.
    fn control(
        &mut self,
        input: &mut &[u8],
        opcode: u8,
        missing: usize,
        taker: &mut Gather<'_, '_, impl Taker>,
    ) -> Result<(), Failure> {
        let (more, rest) = input.split_at(missing.min(input.len()));
        self.control.extend_from_slice(more);
        *input = rest;
        if more.len() < missing {
            self.state = State::Control {
                opcode,
                missing: missing - more.len(),
            };
            return Ok(());
        }
        self.state = State::Header;
        let payload = Bytes::from(std::mem::take(&mut self.control));
        match opcode {
            PING => taker.take(EventKind::Ping(payload)),
            PONG => taker.take(EventKind::Pong(payload)),
            _ => {
                self.peer_close = Some(PeerClose::parse(&payload)?);
                self.state = State::Closed;
            }
        }
        Ok(())
    }
}

fn message_type(is_text: bool) -> MessageType {
    match is_text {
        true => MessageType::Text,
        false => MessageType::Binary,
    }
}

/// Gathers messages on their way to the taker: those that lie together, and are small or
/// need not be copied, are kept together and handed out as one run.
struct Gather<'i, 't, T> {
    taker: &'t mut T,
    input: Input<'i>,
    /// The input from the first message on that was not handed out.
    pending: &'i [u8],
    places: Vec<Place>,
}

impl<'i, 't, T: Taker> Gather<'i, 't, T> {
    /// How much is copied together: what a message that is kept for long can hold in memory.
    const BLOCK: usize = 16 << 10;
    /// The largest message that is copied with others.
    const SHARED: usize = 2 << 10;

    fn new(taker: &'t mut T, input: Input<'i>) -> Self {
        Gather {
            taker,
            input,
            pending: &[],
            places: Vec::new(),
        }
    }

    /// Hands out `kind`, after what was gathered.
    fn take(&mut self, kind: EventKind) {
        self.finish();
        self.taker.take(kind);
    }

    /// Hands out the message that is the first `length` bytes of the input, now or later.
    fn message(&mut self, kind: MessageType, input: &'i [u8], length: usize) {
        let (largest, block) = match self.input {
            Input::Borrowed(_) => (Self::SHARED, Self::BLOCK),
            Input::Lent(bytes) => (bytes.len(), bytes.len()),
        };
        if length > largest {
            let message = self.whole_message(kind, &input[..length]);
            return self.take(message);
        }
        if self.places.is_empty() || self.start_of(input) + length > block {
            self.finish();
            self.pending = input;
        }
        let start = self.start_of(input);
        self.places.push(Place::new(kind, start, length));
    }

    /// Where that rest of the input begins in what is gathered.
    fn start_of(&self, rest: &[u8]) -> usize {
        self.pending.len() - rest.len()
    }

    /// Hands out what was gathered.
    fn finish(&mut self) {
        let Some(last) = self.places.last() else {
            return;
        };
        let block = &self.pending[..last.end()];
        let kind = match self.places.len() {
            1 => self.whole_message(last.kind(), block),
            _ => {
                let places = std::mem::take(&mut self.places);
                EventKind::Messages(Run::new(self.input.keep(block), places))
            }
        };
        self.taker.take(kind);
        self.places.clear();
    }

    fn whole_message(&self, kind: MessageType, data: &'i [u8]) -> EventKind {
        EventKind::Message {
            kind,
            part: Part::Whole,
            data: self.input.keep(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::Deflater;
    use crate::event::{Event, Part};

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

    /// What came out, as opcodes and payloads.
    type Out = Vec<(u8, Vec<u8>)>;

    /// Feeds `wire` in pieces of `piece` bytes and collects whole messages.
    fn run(wire: &[u8], piece: usize) -> (Out, Option<Failure>, Reader) {
        let mut reader = reader(|_| {}, None);
        let (out, failure) = collect(&mut reader, wire, piece);
        (out, failure, reader)
    }

    fn collect(reader: &mut Reader, wire: &[u8], piece: usize) -> (Out, Option<Failure>) {
        let mut out = Vec::new();
        let failure = feed(reader, wire, piece, &mut |event| {
            out.push(match event {
                EventKind::Message { kind, part, data } => {
                    assert_eq!(part, Part::Whole);
                    let opcode = if kind == MessageType::Text {
                        TEXT
                    } else {
                        BINARY
                    };
                    (opcode, data.to_vec())
                }
                EventKind::Ping(payload) => (PING, payload.to_vec()),
                EventKind::Pong(payload) => (PONG, payload.to_vec()),
                other => panic!("{other:?}"),
            });
        });
        (out, failure)
    }

    fn feed(
        reader: &mut Reader,
        wire: &[u8],
        piece: usize,
        take: &mut dyn FnMut(EventKind),
    ) -> Option<Failure> {
        let taker = &mut |event| match event {
            EventKind::Messages(run) => run.iter().for_each(|(kind, data)| {
                take(EventKind::Message {
                    kind,
                    part: Part::Whole,
                    data: Bytes::copy_from_slice(data),
                });
            }),
            event => take(event),
        };
        for input in wire.chunks(piece) {
            let mut result = reader.receive(Input::Borrowed(input), taker);
            while result.is_ok() && reader.is_held() {
                result = reader.receive(Input::Borrowed(&[]), taker);
            }
            reader.hand_out(taker);
            if let Err(failure) = result {
                return Some(failure);
            }
            assert!(reader.rest.is_empty());
        }
        None
    }

    /// What a queue holds for events, beside what the events count against its limit.
    fn held_and_counted(wire: &[u8]) -> (usize, usize) {
        let (mut held, mut counted) = (0, 0);
        let mut reader = reader(|_| {}, None);
        reader
            .receive(Input::Borrowed(wire), &mut |event: EventKind| {
                counted += event.cost();
                held += size_of::<Event>();
                held += match event {
                    EventKind::Messages(run) => run.memory(),
                    EventKind::Message { data, .. } => data.len(),
                    _ => 0,
                };
            })
            .unwrap();
        (held, counted)
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn what_is_held_for_events_is_no_more_than_they_count() {
        let [empty, small, large] = [0, 64, 3000].map(|len| frame(FIN_BINARY, &vec![b'x'; len]));
        for wire in [
            empty.repeat(30_000),
            small.repeat(2000),
            [&empty[..], &large].concat().repeat(40),
            [&small[..], &large].concat().repeat(40),
            [&empty[..], &small].concat().repeat(1500),
            [&empty[..], &frame(FIN | PING, b"")].concat().repeat(2000),
        ] {
            let (held, counted) = held_and_counted(&wire);
            assert!(
                held <= counted,
                "{held} bytes are held and {counted} counted"
            );
        }
    }

    #[test]
    fn the_messages_of_a_lent_input_share_it() {
        let payloads = [0, 5, 3000, 70_000, 1].map(|len| vec![b'x'; len]);
        let frames = payloads.each_ref().map(|payload| frame(FIN_TEXT, payload));
        let ping = frame(FIN | PING, b"?");
        let fragments = [frame(TEXT, b"one"), frame(FIN, b" more")].concat();
        let wire = Bytes::from([&frames.concat()[..], &ping, &frames[2], &fragments].concat());
        let mut kept = Vec::new();
        let mut taker = |kind| kept.push(kind);
        let result = reader(|_| {}, None).receive(Input::Lent(&wire), &mut taker);
        assert_eq!(result, Ok(()));

        let [first, EventKind::Ping(_), second, last] = &kept[..] else {
            panic!("{kept:?}");
        };
        let EventKind::Messages(run) = first else {
            panic!("{first:?}");
        };
        let place = wire.as_ptr_range();
        for ((kind, data), payload) in run.iter().zip(&payloads) {
            assert_eq!((kind, data), (MessageType::Text, &payload[..]));
            assert!(place.contains(&data.as_ptr()), "it was copied");
        }
        assert_eq!(run.len(), payloads.len());
        assert_eq!(second.data(), &payloads[2]);
        assert!(place.contains(&second.data().as_ptr()), "it was copied");
        assert_eq!(last.data(), b"one more");
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

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn any_split_gives_the_same_messages() {
        let long = vec![b'x'; 70_000];
        let wire = [
            frame(0x81, b"hello"),
            frame(0x82, &[7; 300]),
            frame(0x01, "gr\u{fc}\u{df}e".as_bytes()),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, &long),
            frame(0x8a, b""),
            frame(0x81, b""),
            frame(0x82, &long),
            frame(0x88, &[3, 232, b'b', b'y', b'e']),
            b"ignored".to_vec(),
        ]
        .concat();
        let expected = [
            (TEXT, b"hello".to_vec()),
            (BINARY, vec![7; 300]),
            (PING, b"ping".to_vec()),
            (TEXT, ["gr\u{fc}\u{df}e".as_bytes(), &long].concat()),
            (PONG, Vec::new()),
            (TEXT, Vec::new()),
            (BINARY, long),
        ];
        for piece in [1, 2, 3, 5, 7, 64, 1000, 65_536, wire.len()] {
            let (out, failure, reader) = run(&wire, piece);
            assert_eq!(failure, None);
            assert!(out == expected, "pieces of {piece}");
            let close = reader.peer_close().unwrap();
            assert_eq!((close.code, &close.reason[..]), (Some(1000), "bye"));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn small_messages_share_blocks() {
        let message = |i: usize| vec![i as u8; i * 7 % 3000];
        let wire: Vec<u8> = (0..200).flat_map(|i| frame(0x82, &message(i))).collect();
        for piece in [1000, 65_536, wire.len()] {
            let (out, failure, _) = run(&wire, piece);
            assert_eq!(failure, None);
            assert!((0..200).map(|i| (BINARY, message(i))).eq(out));
        }
    }

    #[test]
    fn text_fails_at_its_first_bad_byte() {
        for bad in [
            &b"\xff"[..],
            b"\xc0",
            b"\xe0\x80",
            b"\xed\xa0",
            b"\xf4\x90",
            b"\xc3x",
        ] {
            // A frame that announces more than ever comes.
            let wire = [&[0x81, 126, 4, 0], &b"good"[..], bad].concat();
            for piece in [1, wire.len()] {
                let (out, failure, _) = run(&wire, piece);
                assert!(out.is_empty());
                assert_eq!(
                    failure.expect("a failure").close_code,
                    Some(1007),
                    "{bad:?}"
                );
                let (_, failure, _) = run(&wire[..wire.len() - 1], piece);
                assert_eq!(failure, None, "{bad:?}");
            }
        }
    }

    #[test]
    fn a_close_frame_is_judged() {
        let cases: [(&[u8], u16); 5] = [
            (&[3], 1002),
            (&[3, 0xec], 1002),
            (&[3, 0xed], 1002),
            (&[0, 0], 1002),
            (&[3, 0xe8, 0xff], 1007),
        ];
        for (payload, code) in cases {
            let (_, failure, reader) = run(&frame(0x88, payload), 1);
            assert_eq!(failure.expect("a failure").close_code, Some(code));
            assert_eq!(reader.peer_close(), None);
        }
        let (_, failure, reader) = run(&frame(0x88, b""), 1);
        assert_eq!(failure, None);
        assert_eq!(reader.peer_close(), Some(&PeerClose::default()));
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
                let failure = run(wire, piece).1.expect("a failure");
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
        // The fastest level does not reach the ratio of a bomb.
        let settings = crate::config::Deflate {
            level: 9,
            ..Default::default()
        };
        Deflater::new(&settings, &AGREEMENT)
            .deflate(payload, true)
            .unwrap()
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
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn compressed_messages_survive_any_split() {
        let (wire, expected) = mixture();
        for piece in [1, 2, 3, 7, 64, 1000, 65_536, wire.len()] {
            let mut reader = reader(|_| {}, Some(&AGREEMENT));
            let (out, failure) = collect(&mut reader, &wire, piece);
            assert_eq!(failure, None);
            let (pings, messages): (Out, Out) =
                out.into_iter().partition(|(opcode, _)| *opcode == PING);
            assert_eq!(pings.len(), 2);
            let expected = expected.iter().map(|(kind, data)| {
                let opcode = if *kind == MessageType::Text {
                    TEXT
                } else {
                    BINARY
                };
                (opcode, data.clone())
            });
            assert!(expected.eq(messages), "pieces of {piece}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
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
            assert_eq!(feed(&mut reader, &wire, piece, &mut take), None);
            assert!(!is_open && got == expected);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
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
            let mut reader = limit(size, ratio);
            let failure = feed(&mut reader, &frame(0xc2, wire), 99, &mut |_| {});
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
                let failure = feed(&mut reader, &wire, piece, &mut |_| {});
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
        let failure = run(&wire, 4096).1.expect("a failure");
        assert_eq!(failure.status, Status::MessageTooBig);
    }
}
