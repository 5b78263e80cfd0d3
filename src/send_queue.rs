//! The outbound queue of one open connection: encoded frames, where each one
//! ends, and what the kernel has taken of them.
//!
//! tungstenite's own out buffer cannot serve: draining it is quadratic, it
//! never shrinks, and it does not show which message has left.

use std::collections::{TryReserveError, VecDeque};
use std::io::{self, IoSlice};

use tungstenite::protocol::frame::FrameHeader;

/// Small frames share chunks of this size; a larger frame has its own.
const CHUNK: usize = 16 << 10;
/// An empty chunk up to this size is kept for the next frame, whenever that comes.
const KEPT_CHUNK: usize = 1 << 10;
/// Pongs that wait, apart from one that may have begun to leave. Beyond it a ping
/// flood is answered for its last ping only (RFC 6455 §5.5.3).
const MAX_PONGS: usize = 16;
/// Chunks handed to the kernel in one write.
const MAX_SLICES: usize = 16;

/// What a frame adds to its payload at most: two bytes, eight of length, four of mask.
pub const MAX_FRAME_HEADER: usize = 14;

/// Where encoded bytes go: a socket, or TLS above one.
pub trait Sink {
    /// Writes what it can, or fails with `WouldBlock`.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether a write that was refused must be repeated with the same bytes.
    fn repeats_refused_write(&self) -> bool;
}

/// What a control frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Ping,
    Pong,
}

/// What the kernel took during one `write_to`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    pub messages: u64,
    pub pings: u64,
    pub pongs: u64,
}

/// The end of a frame as an offset in the stream of data-lane bytes.
#[derive(Debug)]
struct End {
    offset: u64,
    is_message: bool,
}

#[derive(Debug)]
struct ControlFrame {
    kind: Control,
    bytes: Vec<u8>,
    written: usize,
}

/// Two lanes: data and close frames in order, and pings and pongs that may
/// pass them at any frame boundary.
#[derive(Debug, Default)]
pub struct SendQueue {
    chunks: VecDeque<Vec<u8>>,
    /// Bytes of the first chunk that were written.
    head: usize,
    ends: VecDeque<End>,
    appended: u64,
    written: u64,
    /// The end of the last frame that was written whole.
    boundary: u64,
    /// Up to here bytes were offered to a sink that wants them offered again.
    offered: u64,
    control: VecDeque<ControlFrame>,
    /// Bytes of them that were not written.
    control_bytes: usize,
    control_offered: bool,
    dropped_messages: u64,
    has_close: bool,
}

impl SendQueue {
    /// Encodes one data frame. Without memory for it nothing changes.
    pub fn push_data(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        mask: [u8; 4],
    ) -> Result<(), TryReserveError> {
        let is_final = header.is_final;
        self.begin_data(header, payload.len(), payload, mask)?;
        self.end_data(is_final);
        Ok(())
    }

    /// Encodes the beginning of a data frame whose payload has `len` bytes. The rest
    /// follows at once, in `push_piece` and `push_rest`, and then the end.
    pub fn begin_data(
        &mut self,
        header: FrameHeader,
        len: usize,
        first: &[u8],
        mask: [u8; 4],
    ) -> Result<(), TryReserveError> {
        let chunk = self.chunk_for(MAX_FRAME_HEADER + first.len())?;
        let before = chunk.len();
        append_header(chunk, header, len, mask);
        append_masked(chunk, first, mask);
        self.appended += (chunk.len() - before) as u64;
        Ok(())
    }

    /// Encodes a piece of the payload that begins where the mask does, which is every
    /// fourth byte, into the buffer of the piece before it, which has left.
    pub fn push_piece(&mut self, piece: &[u8], mask: [u8; 4]) {
        let room = self.chunks.pop_back().unwrap_or_default();
        self.push_rest(piece, mask, room);
    }

    /// The same for the last piece, which needs no memory but `room`.
    pub fn push_rest(&mut self, rest: &[u8], mask: [u8; 4], mut room: Vec<u8>) {
        append_masked(&mut room, rest, mask);
        self.appended += rest.len() as u64;
        self.drop_empty_chunk();
        self.chunks.push_back(room);
    }

    /// Ends a data frame.
    pub fn end_data(&mut self, is_message: bool) {
        self.ends.push_back(End {
            offset: self.appended,
            is_message,
        });
    }

    /// Appends an encoded close frame, behind everything queued.
    pub fn push_close(&mut self, frame: &[u8]) -> Result<(), TryReserveError> {
        self.chunk_for(frame.len())?.extend_from_slice(frame);
        self.has_close = true;
        self.appended += frame.len() as u64;
        self.end_data(false);
        Ok(())
    }

    /// Queues an encoded ping or pong, which leaves at the next frame boundary.
    /// Of pongs that wait, the last gives way when there are too many.
    pub fn push_control(&mut self, kind: Control, bytes: Vec<u8>) {
        let frame = ControlFrame {
            kind,
            bytes,
            written: 0,
        };
        let is_pong = |other: &&mut ControlFrame| other.kind == Control::Pong;
        let surplus = match kind {
            Control::Pong => self.control.iter_mut().filter(is_pong).nth(MAX_PONGS),
            Control::Ping => None,
        };
        self.control_bytes += frame.bytes.len();
        match surplus {
            Some(last) => self.control_bytes -= std::mem::replace(last, frame).bytes.len(),
            None => self.control.push_back(frame),
        }
    }

    /// Bytes that were queued and not yet taken by the kernel.
    pub fn len(&self) -> usize {
        (self.appended - self.written) as usize + self.control_bytes
    }

    pub fn is_empty(&self) -> bool {
        self.appended == self.written && self.control.is_empty()
    }

    /// Messages whose last byte the kernel has not taken.
    pub fn unsent_messages(&self) -> u64 {
        let queued = self.ends.iter().filter(|end| end.is_message).count();
        queued as u64 + self.dropped_messages
    }

    /// Drops every frame that has not begun to leave; counts its messages as
    /// unsent. Tells whether a close frame, always the last one, was among them.
    pub fn drop_unstarted(&mut self) -> bool {
        let keep_until = match self.ends.front() {
            Some(end) if self.written > self.boundary || self.offered > self.written => end.offset,
            _ => self.written,
        }
        .max(self.offered);
        let dropped_close = self.has_close && self.appended > keep_until;
        while let Some(end) = self.ends.back().filter(|end| end.offset > keep_until) {
            self.dropped_messages += u64::from(end.is_message);
            self.ends.pop_back();
        }
        let mut surplus = (self.appended - keep_until) as usize;
        while surplus > 0 {
            let Some(last) = self.chunks.back_mut() else {
                break;
            };
            let cut = surplus.min(last.len());
            last.truncate(last.len() - cut);
            surplus -= cut;
            if last.is_empty() {
                self.chunks.pop_back();
            }
        }
        self.appended = keep_until;
        let started = self
            .control
            .front()
            .is_some_and(|frame| self.control_offered || frame.written > 0);
        self.control.truncate(usize::from(started));
        let left = self.control.front();
        self.control_bytes = left.map_or(0, |frame| frame.bytes.len() - frame.written);
        dropped_close
    }

    /// Writes until everything is gone or the sink refuses.
    pub fn write_to(&mut self, sink: &mut impl Sink, written: &mut Written) -> io::Result<()> {
        while !self.is_empty() {
            let result = match self.control_is_next() {
                true => self.write_control(sink, written),
                false => self.write_data(sink, written),
            };
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => written.bytes += bytes as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn control_is_next(&self) -> bool {
        let at_boundary = self.written == self.boundary && self.offered <= self.written;
        self.control
            .front()
            .is_some_and(|frame| frame.written > 0 || self.control_offered || at_boundary)
    }

    fn write_control(&mut self, sink: &mut impl Sink, written: &mut Written) -> io::Result<usize> {
        let Some(frame) = self.control.front_mut() else {
            return Ok(0);
        };
        let result = sink.write(&[IoSlice::new(&frame.bytes[frame.written..])]);
        self.control_offered = would_block(&result) && sink.repeats_refused_write();
        let taken = result?;
        frame.written += taken;
        self.control_bytes -= taken;
        if frame.written == frame.bytes.len() {
            match frame.kind {
                Control::Ping => written.pings += 1,
                Control::Pong => written.pongs += 1,
            }
            self.control.pop_front();
        }
        Ok(taken)
    }

    fn write_data(&mut self, sink: &mut impl Sink, written: &mut Written) -> io::Result<usize> {
        // With a control frame waiting, go no further than the next boundary.
        let until = match self.ends.front() {
            Some(end) if !self.control.is_empty() => end.offset.max(self.offered),
            _ => self.appended,
        };
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        let mut left = (until - self.written) as usize;
        let mut skip = self.head;
        for chunk in self.chunks.iter().take(MAX_SLICES) {
            let bytes = &chunk[skip..];
            skip = 0;
            let bytes = &bytes[..bytes.len().min(left)];
            slices[count] = IoSlice::new(bytes);
            count += 1;
            left -= bytes.len();
            if left == 0 {
                break;
            }
        }
        let result = sink.write(&slices[..count]);
        if would_block(&result) && sink.repeats_refused_write() {
            self.offered = self.written + slices[0].len() as u64;
        }
        let taken = result?;
        self.advance(taken, written);
        Ok(taken)
    }

    fn advance(&mut self, taken: usize, written: &mut Written) {
        self.written += taken as u64;
        while let Some(end) = self.ends.front().filter(|end| end.offset <= self.written) {
            written.messages += u64::from(end.is_message);
            self.boundary = end.offset;
            self.ends.pop_front();
        }
        self.head += taken;
        while let Some(first) = self
            .chunks
            .front_mut()
            .filter(|first| self.head >= first.len())
        {
            self.head -= first.len();
            first.clear();
            if self.chunks.len() == 1 {
                break;
            }
            self.chunks.pop_front();
        }
    }

    /// Gives back large buffers that hold nothing.
    pub fn shrink(&mut self) {
        let is_surplus = |last: &Vec<u8>| last.is_empty() && last.capacity() > KEPT_CHUNK;
        if self.chunks.back().is_some_and(is_surplus) {
            self.chunks.pop_back();
        }
        if self.ends.is_empty() && self.ends.capacity() > KEPT_CHUNK {
            self.ends = VecDeque::new();
        }
    }

    /// The chunk that takes a frame of `size` bytes.
    fn chunk_for(&mut self, size: usize) -> Result<&mut Vec<u8>, TryReserveError> {
        let fits = self
            .chunks
            .back()
            .is_some_and(|last| last.len() + size <= last.capacity().max(CHUNK));
        if !fits {
            let mut chunk = Vec::new();
            chunk.try_reserve_exact(size)?;
            self.chunks.try_reserve(1)?;
            self.drop_empty_chunk();
            self.chunks.push_back(chunk);
        }
        let last = self.chunks.len() - 1;
        Ok(&mut self.chunks[last])
    }

    /// A kept chunk that is not filled goes: TLS writes the first slice only, and an
    /// empty one would look like a sink that takes nothing.
    fn drop_empty_chunk(&mut self) {
        if self.chunks.back().is_some_and(Vec::is_empty) {
            self.chunks.pop_back();
        }
    }
}

fn would_block(result: &io::Result<usize>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Encodes a frame, masked (RFC 6455 §5.3).
pub fn append_frame(target: &mut Vec<u8>, header: FrameHeader, payload: &[u8], mask: [u8; 4]) {
    target.reserve(MAX_FRAME_HEADER + payload.len());
    append_header(target, header, payload.len(), mask);
    append_masked(target, payload, mask);
}

fn append_header(target: &mut Vec<u8>, mut header: FrameHeader, len: usize, mask: [u8; 4]) {
    header.mask = Some(mask);
    // Writing to a Vec cannot fail.
    let _ = header.format(len as u64, target);
}

/// Copies and masks in blocks that stay in the first-level cache.
fn append_masked(target: &mut Vec<u8>, payload: &[u8], mask: [u8; 4]) {
    const BLOCK: usize = 4096;
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    for block in payload.chunks(BLOCK) {
        let start = target.len();
        target.extend_from_slice(block);
        let mut words = target[start..].chunks_exact_mut(8);
        for bytes in words.by_ref() {
            let value = u64::from_ne_bytes([
                bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
            ]);
            bytes.copy_from_slice(&(value ^ word).to_ne_bytes());
        }
        for (byte, key) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::protocol::frame::coding::{Data, OpCode};

    fn binary() -> FrameHeader {
        FrameHeader {
            opcode: OpCode::Data(Data::Binary),
            ..FrameHeader::default()
        }
    }

    fn push(queue: &mut SendQueue, payload: &[u8], mask: [u8; 4]) {
        queue.push_data(binary(), payload, mask).unwrap();
    }

    /// Takes at most `room` bytes, then blocks.
    struct Pipe {
        taken: Vec<u8>,
        room: usize,
        repeats: bool,
    }

    impl Pipe {
        fn new(room: usize) -> Self {
            Pipe {
                taken: Vec::new(),
                room,
                repeats: false,
            }
        }
    }

    impl Sink for Pipe {
        fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let mut count = 0;
            for slice in slices {
                let take = slice.len().min(self.room);
                self.taken.extend_from_slice(&slice[..take]);
                self.room -= take;
                count += take;
            }
            match count {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(count),
            }
        }

        fn repeats_refused_write(&self) -> bool {
            self.repeats
        }
    }

    fn flush(queue: &mut SendQueue, room: usize) -> (Vec<u8>, Written) {
        let mut pipe = Pipe::new(room);
        let mut written = Written::default();
        queue.write_to(&mut pipe, &mut written).unwrap();
        queue.shrink();
        (pipe.taken, written)
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn a_message_is_framed_and_masked() {
        for len in [0, 1, 7, 8, 125, 126, 65535, 65536, 100_001] {
            let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let mask = [1, 2, 3, 4];
            let mut queue = SendQueue::default();
            push(&mut queue, &payload, mask);
            let (wire, written) = flush(&mut queue, usize::MAX);
            assert_eq!(written.messages, 1);
            assert_eq!(wire[0], 0x82);
            let body = &wire[wire.len() - len..];
            assert!(
                body.iter()
                    .enumerate()
                    .all(|(i, byte)| byte ^ mask[i & 3] == payload[i])
            );
            let expected_header = if len < 126 {
                6
            } else if len < 65536 {
                8
            } else {
                14
            };
            assert_eq!(wire.len() - len, expected_header);
        }
    }

    #[test]
    fn a_message_counts_as_sent_with_its_last_byte() {
        let mut queue = SendQueue::default();
        for _ in 0..3 {
            push(&mut queue, b"0123456789", [0; 4]);
        }
        assert_eq!(flush(&mut queue, 31).1.messages, 1);
        assert_eq!((queue.unsent_messages(), queue.len()), (2, 17));
        assert_eq!(flush(&mut queue, 1).1.messages, 1);
        assert_eq!(flush(&mut queue, 99).1.messages, 1);
        assert!(queue.is_empty());
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn a_frame_in_pieces_is_the_same_and_nothing_comes_between() {
        let payload: Vec<u8> = (0..1_000_003).map(|i| (i >> 3) as u8).collect();
        let mask = [1, 2, 3, 4];
        let mut whole = SendQueue::default();
        push(&mut whole, &payload, mask);
        let expected = flush(&mut whole, usize::MAX).0;
        for room in [usize::MAX, 4096, 70_000] {
            let mut queue = SendQueue::default();
            let (first, mut rest) = payload.split_at(65_520);
            queue
                .begin_data(binary(), payload.len(), first, mask)
                .unwrap();
            let mut wire = flush(&mut queue, 1).0;
            queue.push_control(Control::Ping, b"<ping>".to_vec());
            while !rest.is_empty() {
                let (taken, written) = flush(&mut queue, room);
                assert_eq!((written.messages, written.pings), (0, 0));
                wire.extend(taken);
                let (piece, more) = rest.split_at(rest.len().min(65_536));
                queue.push_piece(piece, mask);
                rest = more;
            }
            queue.end_data(true);
            let (taken, written) = flush(&mut queue, usize::MAX);
            assert_eq!((written.messages, written.pings), (1, 1));
            wire.extend(taken);
            assert!(wire == [&expected[..], b"<ping>"].concat(), "room {room}");
            assert!(queue.is_empty());
        }
    }

    #[test]
    fn a_ping_passes_queued_messages_at_a_frame_boundary() {
        let mut queue = SendQueue::default();
        push(&mut queue, b"first", [0; 4]);
        push(&mut queue, b"second", [0; 4]);
        let (start, _) = flush(&mut queue, 3);
        queue.push_control(Control::Ping, b"<ping>".to_vec());
        let (rest, written) = flush(&mut queue, usize::MAX);
        let wire = [start, rest].concat();
        assert_eq!(&wire[11..17], b"<ping>");
        assert_eq!((written.pings, written.messages), (1, 2));
    }

    #[test]
    fn of_many_pongs_the_first_and_the_last_are_sent() {
        let mut queue = SendQueue::default();
        let pong = |i: usize| format!("<{i}>").into_bytes();
        queue.push_control(Control::Pong, pong(0));
        let (start, _) = flush(&mut queue, 2);
        for i in 1..100 {
            queue.push_control(Control::Pong, pong(i));
        }
        let (rest, written) = flush(&mut queue, usize::MAX);
        let expected: Vec<u8> = (0..MAX_PONGS).chain([99]).flat_map(pong).collect();
        assert_eq!([start, rest].concat(), expected);
        assert_eq!(written.pongs, MAX_PONGS as u64 + 1);
    }

    #[test]
    fn a_refused_write_is_repeated_before_a_control_frame_where_the_sink_asks() {
        let mut queue = SendQueue::default();
        push(&mut queue, b"first", [0; 4]);
        let mut pipe = Pipe::new(0);
        pipe.repeats = true;
        queue.write_to(&mut pipe, &mut Written::default()).unwrap();
        queue.push_control(Control::Ping, b"<ping>".to_vec());
        let (wire, _) = flush(&mut queue, usize::MAX);
        assert_eq!(&wire[11..], b"<ping>");
    }

    #[test]
    fn dropping_keeps_the_frame_that_has_begun() {
        let mut queue = SendQueue::default();
        for _ in 0..4 {
            push(&mut queue, &[b'x'; 5000], [0; 4]);
        }
        flush(&mut queue, 5008 + 100);
        queue.drop_unstarted();
        assert_eq!(queue.len(), 5008 - 100);
        assert_eq!(queue.unsent_messages(), 3);
        queue.push_close(b"<close>").unwrap();
        let (wire, _) = flush(&mut queue, usize::MAX);
        assert!(wire.ends_with(b"x<close>"));
        assert_eq!(queue.unsent_messages(), 2);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn an_idle_queue_holds_no_large_buffer() {
        let mut queue = SendQueue::default();
        for _ in 0..10_000 {
            push(&mut queue, &[b'x'; 500], [0; 4]);
        }
        flush(&mut queue, usize::MAX);
        assert!(
            queue
                .chunks
                .iter()
                .all(|chunk| chunk.capacity() <= KEPT_CHUNK)
        );
        assert!(queue.ends.capacity() <= KEPT_CHUNK);
    }
}
