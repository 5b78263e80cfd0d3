//! The open WebSocket: the reader, the send queue, ping and close timers. It
//! knows nothing of events' consumers, threads or C.

use std::collections::TryReserveError;
use std::io;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control as ControlCode, Data, OpCode};

use crate::config::{Config, MAX_CLOSE_REASON, expiry};
use crate::deflate::{Agreement, Deflater};
use crate::error::{Failure, Phase, Status};
use crate::event::{EventKind, MessageType, Part};
use crate::masks::Masks;
use crate::read_buffer::Input;
use crate::reader::{Reader, Taker};
use crate::send_queue::{Control, MAX_FRAME_HEADER, SendQueue, Written, append_frame};
use crate::transport::{Buffers, Received, Transport};

/// No status code was in the close frame (RFC 6455 §7.4.1).
const CODE_NONE: u16 = 1005;
/// There was no close frame.
pub const CODE_ABNORMAL: u16 = 1006;
/// How much of a large message is encoded before it is written: four records of TLS, with
/// the header of a frame, and a multiple of the mask's length.
const PIECE: usize = (64 << 10) - MAX_FRAME_HEADER.next_multiple_of(4);
/// So much memory comes from the system and goes back to it, whatever the allocator: to ask
/// for it and not to touch it costs next to nothing.
const MAPPED: usize = 32 << 20;

/// Totals of one connection, over all its attempts.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counters {
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub messages_received: u64,
    pub messages_sent: u64,
    pub pings_received: u64,
    pub pings_sent: u64,
    pub pongs_received: u64,
    pub pongs_sent: u64,
    pub round_trip: Duration,
}

/// How an attempt ended.
#[derive(Debug)]
pub struct End {
    /// What is still to be reported as an error.
    pub error: Option<Failure>,
    pub status: Status,
    pub phase: Phase,
    pub code: u16,
    pub reason: String,
    pub clean: bool,
    /// The peer's close frame came before ours.
    pub by_peer: bool,
}

impl End {
    pub fn failed(failure: Failure, phase: Phase) -> Self {
        End {
            status: failure.status,
            phase,
            code: CODE_ABNORMAL,
            reason: String::new(),
            clean: false,
            by_peer: false,
            error: Some(failure),
        }
    }

    /// Both sides have sent a close frame.
    fn closed(phase: Phase) -> Self {
        End {
            error: None,
            status: Status::Ok,
            phase,
            code: CODE_NONE,
            reason: String::new(),
            clean: true,
            by_peer: false,
        }
    }

    /// The caller's own doing, which is no error.
    pub fn aborted(phase: Phase) -> Self {
        End {
            error: None,
            ..End::failed(Failure::new(Status::Aborted, ""), phase)
        }
    }
}

enum Stage {
    Open,
    /// A close frame was sent or received; the deadline ends the rest.
    Closing {
        deadline: Option<Instant>,
    },
    /// The peer violated the protocol and was told so; what it still sends is
    /// thrown away until it closes, so that our close frame reaches it.
    Draining {
        deadline: Option<Instant>,
        failure: Box<Failure>,
        /// What it was in when the peer did that.
        phase: Phase,
    },
}

/// A failure that waits until what came before it was delivered, and answered.
struct Violation {
    failure: Failure,
    until: Option<Instant>,
}

/// What is to be known of a message, or a part of one, to send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    pub kind: MessageType,
    pub part: Part,
    /// Whether it may be compressed. Of a message in parts the first one says it.
    pub compress: bool,
}

/// Liveness of the peer.
struct Heartbeat {
    next_ping: Option<Instant>,
    count: u32,
    /// One of our pings waits in the send queue.
    is_queued: bool,
    /// The payload of the last ping.
    payload: Vec<u8>,
    /// When that ping entered the kernel.
    sent: Option<Instant>,
    /// Since when nothing was received although a ping was sent.
    unanswered: Option<Instant>,
    /// When something was received last.
    received: Instant,
}

pub struct Session {
    transport: Transport,
    reader: Reader,
    queue: SendQueue,
    /// If compression was agreed on; apart, so that it costs nothing where it was not.
    deflater: Option<Box<Deflater>>,
    /// The message that is being sent in parts is compressed.
    is_deflating: bool,
    masks: Masks,
    stage: Stage,
    /// The peer violated the protocol after messages that are still to be delivered.
    violation: Option<Box<Violation>>,
    /// The peer's close frame came before ours.
    closed_by_peer: bool,
    heartbeat: Heartbeat,
    /// The socket may hold data.
    readable: bool,
    /// The socket reported an end or error, which a short read must not hide.
    hung_up: bool,
    /// The peer sends nothing more.
    ended: bool,
    write_failure: Option<Box<Failure>>,
    write_shut: bool,
    /// The socket's readiness for writing is told.
    watches_writes: bool,
    close_timeout: Option<Duration>,
}

/// What a socket's readiness event said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ready {
    pub readable: bool,
    pub writable: bool,
    pub hung_up: bool,
}

impl Session {
    /// Takes over a transport whose upgrade was accepted.
    pub fn new(
        transport: Transport,
        received: Received,
        agreement: Option<&Agreement>,
        masks: Masks,
        config: &Config,
        now: Instant,
    ) -> Self {
        Session {
            transport,
            reader: Reader::new(config, agreement),
            queue: SendQueue::default(),
            deflater: agreement
                .map(|agreement| Deflater::new(&config.deflate, agreement))
                .filter(Deflater::is_able)
                .map(Box::new),
            is_deflating: false,
            masks,
            stage: Stage::Open,
            violation: None,
            closed_by_peer: false,
            heartbeat: Heartbeat {
                next_ping: expiry(now, config.ping_interval),
                count: 0,
                is_queued: false,
                payload: Vec::new(),
                sent: None,
                unanswered: None,
                received: now,
            },
            readable: received != Received::Drained,
            hung_up: false,
            ended: received == Received::End,
            write_failure: None,
            write_shut: false,
            watches_writes: true, // as while connecting
            close_timeout: config.close_timeout,
        }
    }

    pub fn transport_mut(&mut self) -> &mut Transport {
        &mut self.transport
    }

    /// Whether messages may still be sent.
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    pub fn phase(&self) -> Phase {
        match self.stage {
            Stage::Open => Phase::Open,
            Stage::Closing { .. } => Phase::Closing,
            Stage::Draining { phase, .. } => phase,
        }
    }

    /// Bytes that wait for the kernel.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    pub fn unsent_messages(&self) -> u64 {
        self.queue.unsent_messages()
    }

    pub fn has_write_failure(&self) -> bool {
        self.write_failure.is_some()
    }

    /// Whether the session is coming to its end, which a pause must not delay.
    pub fn is_ending(&self) -> bool {
        self.hung_up || self.ended || self.has_write_failure() || !self.is_open()
    }

    /// Whether reading can go on at once.
    pub fn is_readable(&self) -> bool {
        self.violation.is_none() && (self.reader.is_held() || (self.readable && !self.ended))
    }

    /// Whether the end waits for the delivery of what came before it.
    pub fn awaits_delivery(&self) -> bool {
        self.violation.is_some()
    }

    /// Bytes that the open stage holds apart from what is queued to be sent:
    /// compression contexts and a message under way.
    pub fn memory(&self) -> usize {
        self.reader.memory()
            + self
                .deflater
                .as_ref()
                .map_or(0, |deflater| deflater.memory())
    }

    /// Queues a message or a part of one, compressed if that was agreed on. Of a large one
    /// it writes at once what the socket takes. Without memory for it nothing is queued.
    pub fn push_message(
        &mut self,
        outgoing: Outgoing,
        payload: &[u8],
        counters: &mut Counters,
    ) -> Result<(), TryReserveError> {
        let Outgoing { kind, part, .. } = outgoing;
        let mut header = FrameHeader {
            is_final: part.ends(),
            opcode: OpCode::Data(match kind {
                _ if !part.begins() => Data::Continue,
                MessageType::Text => Data::Text,
                MessageType::Binary => Data::Binary,
            }),
            ..FrameHeader::default()
        };
        if part.begins() {
            self.is_deflating = outgoing.compress
                && self.deflater.as_ref().is_some_and(|deflater| {
                    part == Part::First || deflater.is_worth(payload.len())
                });
            header.rsv1 = self.is_deflating;
        }
        let mask = self.masks.next();
        match &mut self.deflater {
            Some(deflater) if self.is_deflating => {
                let data = deflater.deflate(payload, part.ends())?;
                let pushed = self.push_frame(header, &data, mask, counters);
                if let (Err(_), Some(deflater)) = (&pushed, &mut self.deflater) {
                    deflater.forget();
                }
                pushed
            }
            _ => self.push_frame(header, payload, mask, counters),
        }
    }

    /// Encodes a large frame piece by piece, as long as the socket takes each: so the bytes
    /// are written while the processor still has them at hand, and never held all at once.
    /// Without memory for the first piece nothing is queued.
    fn push_frame(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        mask: [u8; 4],
        counters: &mut Counters,
    ) -> Result<(), TryReserveError> {
        if payload.len() < 2 * PIECE {
            return self.queue.push_data(header, payload, mask);
        }
        let is_final = header.is_final;
        let (first, mut rest) = payload.split_at(PIECE);
        let mut room = Vec::new();
        if rest.len() >= MAPPED {
            // Before some of the frame has left, which would end the connection.
            room.try_reserve_exact(rest.len())?;
        }
        self.queue.begin_data(header, payload.len(), first, mask)?;
        self.write(counters);
        while self.queue.is_empty() && rest.len() >= 2 * PIECE {
            let (piece, more) = rest.split_at(PIECE);
            self.queue.push_piece(piece, mask);
            rest = more;
            self.write(counters);
        }
        match room.try_reserve_exact(rest.len()) {
            Ok(()) => self.queue.push_rest(rest, mask, room),
            Err(error) => self.fail_writing(error.into()),
        }
        self.queue.end_data(is_final);
        self.flush(counters);
        Ok(())
    }

    /// Queues a ping.
    pub fn push_ping(&mut self, payload: &[u8]) {
        self.heartbeat.payload.clear();
        self.heartbeat.payload.extend_from_slice(payload);
        let frame = control_frame(ControlCode::Ping, payload, &mut self.masks);
        self.queue.push_control(Control::Ping, frame);
    }

    /// Queues a pong of the application.
    pub fn push_pong(&mut self, payload: &[u8]) {
        let frame = control_frame(ControlCode::Pong, payload, &mut self.masks);
        self.queue.push_control(Control::Pong, frame);
    }

    /// Begins the close handshake; a code of 0 sends none.
    pub fn close(&mut self, code: u16, reason: &str, now: Instant) {
        self.stage = Stage::Closing {
            deadline: expiry(now, self.close_timeout),
        };
        self.push_close_frame((code != 0).then_some(code), reason);
    }

    /// Writes what the socket takes. An error waits until everything readable
    /// was read; see `advance`.
    pub fn flush(&mut self, counters: &mut Counters) {
        self.write(counters);
        self.queue.shrink();
    }

    fn write(&mut self, counters: &mut Counters) {
        if self.write_failure.is_some() || self.write_shut {
            return;
        }
        let mut written = Written::default();
        let result = self.queue.write_to(&mut self.transport, &mut written);
        counters.bytes_sent += written.bytes;
        counters.messages_sent += written.messages;
        counters.pongs_sent += written.pongs;
        if written.pings > 0 {
            let now = Instant::now();
            counters.pings_sent += written.pings;
            self.heartbeat.is_queued = false;
            self.heartbeat.sent = Some(now);
            self.heartbeat.unanswered.get_or_insert(now);
        }
        if let Err(error) = result {
            self.fail_writing(error);
        }
    }

    /// What the socket still holds is read first.
    fn fail_writing(&mut self, error: io::Error) {
        self.write_failure = Some(Box::new(error.into()));
        self.readable = true;
        self.hung_up = true;
    }

    /// Has readiness for writing told while, after a flush, the socket refuses output, and only
    /// then: to the descriptor that the host watches, an event that nobody has fetched
    /// counts as long as it is true, and a socket is nearly always ready for writing.
    pub fn watch_writes(&mut self, registry: &Registry, token: Token) {
        let wanted = !self.queue.is_empty() || self.transport.waits_to_write();
        if wanted == self.watches_writes || self.write_failure.is_some() {
            return;
        }
        let interest = match wanted {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        match self.transport.reregister(registry, token, interest) {
            Ok(()) => self.watches_writes = wanted,
            Err(error) => self.fail_writing(error),
        }
    }

    /// Notes what a readiness event said.
    pub fn set_ready(&mut self, ready: Ready) {
        // TLS may have to write before it goes on reading.
        let unblocks_reading = ready.writable && self.transport.waits_to_write();
        self.readable |= ready.readable || ready.hung_up || unblocks_reading;
        self.hung_up |= ready.hung_up;
    }

    /// Takes bytes that came with the answer to the upgrade, or none for those
    /// that are held.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        auto_pong: bool,
        counters: &mut Counters,
        emit: &mut impl FnMut(EventKind),
    ) {
        let (_, mut intake) = self.intake(auto_pong, counters, emit);
        intake.take(Input::Borrowed(bytes));
        intake.hand_out();
    }

    /// Takes what the reader still holds, or reads once from the socket.
    pub fn read(
        &mut self,
        now: Instant,
        buffers: &mut Buffers,
        auto_pong: bool,
        counters: &mut Counters,
        emit: &mut impl FnMut(EventKind),
    ) {
        if self.reader.is_held() {
            return self.feed(&[], auto_pong, counters, emit);
        }
        self.readable = false;
        let (transport, mut intake) = self.intake(auto_pong, counters, emit);
        let result = transport.receive(buffers, &mut |input| {
            intake.events.counters.bytes_received += input.bytes().len() as u64;
            intake.events.heartbeat.unanswered = None;
            intake.events.heartbeat.received = now;
            intake.take(input);
            Ok(())
        });
        intake.hand_out();
        match result {
            Ok(Received::More) => self.readable = true,
            Ok(Received::Short) => self.readable = self.hung_up,
            // An end would have been read: the readiness was that of an earlier socket.
            Ok(Received::Drained) => self.hung_up &= self.transport.waits_to_write(),
            Ok(Received::End) => self.ended = true,
            Err(failure) => {
                self.ended = true;
                self.write_failure.get_or_insert(Box::new(failure));
            }
        }
    }

    fn intake<'a, E>(
        &'a mut self,
        auto_pong: bool,
        counters: &'a mut Counters,
        emit: &'a mut E,
    ) -> (&'a mut Transport, Intake<'a, E>) {
        let events = Events {
            // Nothing may follow our close frame (RFC 6455 §5.5.1).
            answer_pings: auto_pong && self.is_open(),
            queue: &mut self.queue,
            masks: &mut self.masks,
            heartbeat: &mut self.heartbeat,
            counters,
            emit,
        };
        let intake = Intake {
            reader: &mut self.reader,
            violation: &mut self.violation,
            close_timeout: self.close_timeout,
            events,
        };
        (&mut self.transport, intake)
    }

    /// Does what is due, and tells whether the attempt is over. `held` says
    /// that the application has stopped the reading, as a violation does that waits to be
    /// told; `delivered`, that it has seen everything there was.
    pub fn advance(
        &mut self,
        now: Instant,
        held: bool,
        delivered: bool,
        config: &Config,
        counters: &mut Counters,
        emit: &mut impl FnMut(EventKind),
    ) -> Option<End> {
        // An end that was noticed already must not hide what led to it.
        let waits = !delivered && !self.ended && self.write_failure.is_none();
        let is_due = |violation: &mut Box<Violation>| {
            !waits || violation.until.is_some_and(|until| until <= now)
        };
        if let Some(violation) = self.violation.take_if(is_due) {
            // The answers to what came before it.
            self.flush(counters);
            self.fail(violation.failure, emit);
        }
        let held = held || self.violation.is_some();
        self.answer_peer_close(now);
        self.beat(now, held, config);
        self.flush(counters);
        let close_sent = !self.is_open() && self.queue.is_empty();
        let peer_close = self.reader.peer_close().is_some();
        let both = close_sent && peer_close && matches!(self.stage, Stage::Closing { .. });
        if close_sent && (both || matches!(self.stage, Stage::Draining { .. })) && !self.write_shut
        {
            self.write_shut = true;
            self.transport.shutdown_write();
        }
        if self.ended && !self.reader.is_held() {
            return Some(self.end(both));
        }
        if self.write_failure.is_some() && !self.is_readable() {
            return Some(self.end(both));
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            let failure = || Box::new(Failure::timeout("the close handshake"));
            self.write_failure.get_or_insert_with(failure);
            return Some(self.end(both));
        }
        let silent = self.silent_until(config).filter(|_| !held);
        if silent.is_some_and(|until| until <= now) {
            return Some(End::failed(
                Failure::timeout("the answer to a ping"),
                Phase::Open,
            ));
        }
        let idle = self.idle_until(config).filter(|_| !held);
        if idle.is_some_and(|until| until <= now) {
            return Some(End::failed(
                Failure::timeout("further data of the server"),
                Phase::Open,
            ));
        }
        None
    }

    /// When `advance` must be called again.
    pub fn next_deadline(&self, held: bool, config: &Config) -> Option<Instant> {
        let held = held || self.violation.is_some();
        let ping = self.heartbeat.next_ping.filter(|_| self.is_open());
        let pong = self.silent_until(config).filter(|_| !held);
        let idle = self.idle_until(config).filter(|_| !held);
        let violation = self
            .violation
            .as_ref()
            .and_then(|violation| violation.until);
        [self.deadline(), violation, ping, pong, idle]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn set_max_receive_size(&mut self, size: usize) {
        self.reader.set_max_message(size);
    }

    /// Changes when the next ping is due.
    pub fn set_ping_interval(&mut self, interval: Option<Duration>, now: Instant) {
        self.heartbeat.next_ping = expiry(now, interval);
    }

    /// The application reads again: the peer gets its full time to answer.
    pub fn resumed(&mut self, now: Instant) {
        self.heartbeat.received = now;
        if self.heartbeat.unanswered.is_some() {
            self.heartbeat.unanswered = Some(now);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Open => None,
            Stage::Closing { deadline } | Stage::Draining { deadline, .. } => deadline,
        }
    }

    /// Until when the peer must have sent something.
    fn silent_until(&self, config: &Config) -> Option<Instant> {
        let since = self.heartbeat.unanswered.filter(|_| self.is_open())?;
        expiry(since, config.pong_timeout)
    }

    /// Until when the peer must have sent anything at all.
    fn idle_until(&self, config: &Config) -> Option<Instant> {
        let timeout = config.idle_timeout.filter(|_| self.is_open())?;
        expiry(self.heartbeat.received, Some(timeout))
    }

    /// Sends the ping that is due. While the application holds the reading,
    /// the deadline for the answer does not run.
    fn beat(&mut self, now: Instant, held: bool, config: &Config) {
        if held {
            self.resumed(now);
        }
        let due = self.heartbeat.next_ping.is_some_and(|next| next <= now);
        if !due || !self.is_open() {
            return;
        }
        self.heartbeat.next_ping = expiry(now, config.ping_interval);
        if self.heartbeat.is_queued {
            // The last one has not even left: the peer takes nothing.
            self.heartbeat.unanswered.get_or_insert(now);
            return;
        }
        self.heartbeat.is_queued = true;
        self.heartbeat.count = self.heartbeat.count.wrapping_add(1);
        self.push_ping(&self.heartbeat.count.to_be_bytes());
    }

    /// The peer's close frame ends the open stage and is answered with its code.
    fn answer_peer_close(&mut self, now: Instant) {
        let Some(code) = self.reader.peer_close().map(|close| close.code) else {
            return;
        };
        if !self.is_open() {
            return;
        }
        self.closed_by_peer = true;
        self.push_close_frame(code, "");
        self.stage = Stage::Closing {
            deadline: expiry(now, self.close_timeout),
        };
    }

    /// Fails the connection (RFC 6455 §7.1.7): reports, tells the peer why,
    /// and goes on until it has closed.
    fn fail(&mut self, failure: Failure, emit: &mut impl FnMut(EventKind)) {
        if matches!(self.stage, Stage::Draining { .. }) {
            return;
        }
        let phase = self.phase();
        emit(EventKind::Error {
            status: failure.status,
            phase,
            http_status: failure.http_status,
            text: failure.text.clone(),
        });
        self.reader.close();
        let dropped_close = self.queue.drop_unstarted();
        let lacks_close = self.is_open() || dropped_close;
        if let (true, Some(code)) = (lacks_close, failure.close_code) {
            let reason = &failure.text[..failure.text.floor_char_boundary(MAX_CLOSE_REASON)];
            self.push_close_frame(Some(code), reason);
        }
        self.stage = Stage::Draining {
            deadline: expiry(Instant::now(), self.close_timeout),
            failure: Box::new(failure),
            phase,
        };
    }

    fn push_close_frame(&mut self, code: Option<u16>, reason: &str) {
        let mut payload = Vec::new();
        if let Some(code) = code {
            payload.extend_from_slice(&code.to_be_bytes());
            payload.extend_from_slice(reason.as_bytes());
        }
        let frame = control_frame(ControlCode::Close, &payload, &mut self.masks);
        if let Err(error) = self.queue.push_close(&frame) {
            self.fail_writing(error.into());
        }
    }

    fn end(&mut self, both: bool) -> End {
        let phase = self.phase();
        if let Stage::Draining { failure, .. } = &self.stage {
            return End {
                code: failure.close_code.unwrap_or(CODE_ABNORMAL),
                reason: failure.text.clone(),
                error: None,
                ..End::failed(Failure::clone(failure), phase)
            };
        }
        let end = match both {
            true => End::closed(phase),
            false => {
                let failure = self.write_failure.take().map(|failure| *failure);
                End::failed(failure.unwrap_or_else(Failure::closed_by_peer), phase)
            }
        };
        match self.reader.peer_close() {
            Some(close) => End {
                code: close.code.unwrap_or(CODE_NONE),
                reason: close.reason.clone(),
                by_peer: self.closed_by_peer,
                ..end
            },
            None => end,
        }
    }
}

/// What received bytes touch.
struct Intake<'a, E> {
    reader: &'a mut Reader,
    violation: &'a mut Option<Box<Violation>>,
    close_timeout: Option<Duration>,
    events: Events<'a, E>,
}

/// What received events touch.
struct Events<'a, E> {
    answer_pings: bool,
    queue: &'a mut SendQueue,
    masks: &'a mut Masks,
    heartbeat: &'a mut Heartbeat,
    counters: &'a mut Counters,
    emit: &'a mut E,
}

impl<E: FnMut(EventKind)> Intake<'_, E> {
    fn take(&mut self, input: Input<'_>) {
        if let Err(failure) = self.reader.receive(input, &mut self.events) {
            self.hand_out();
            self.reader.close();
            *self.violation = Some(Box::new(Violation {
                failure,
                until: expiry(Instant::now(), self.close_timeout),
            }));
        }
    }

    /// Hands out what has arrived of a message in parts.
    fn hand_out(&mut self) {
        self.reader.hand_out(&mut self.events);
    }
}

impl<E: FnMut(EventKind)> Taker for Events<'_, E> {
    #[inline(always)] // see `Inbox::push`
    fn take(&mut self, kind: EventKind) {
        note_received(&kind, self.counters, self.heartbeat);
        if let (true, EventKind::Ping(payload)) = (self.answer_pings, &kind) {
            let frame = control_frame(ControlCode::Pong, payload, self.masks);
            self.queue.push_control(Control::Pong, frame);
        }
        (self.emit)(kind);
    }
}

/// Encodes a ping, pong or close frame, masked (RFC 6455 §5.3, §5.5).
fn control_frame(code: ControlCode, payload: &[u8], masks: &mut Masks) -> Vec<u8> {
    let header = FrameHeader {
        opcode: OpCode::Control(code),
        ..FrameHeader::default()
    };
    let mut bytes = Vec::new();
    append_frame(&mut bytes, header, payload, masks.next());
    bytes
}

/// Counts what was received, and times the answer to a ping.
fn note_received(kind: &EventKind, counters: &mut Counters, heartbeat: &mut Heartbeat) {
    match kind {
        EventKind::Message { part, .. } => {
            counters.messages_received += u64::from(part.ends());
        }
        EventKind::Messages(run) => counters.messages_received += run.len() as u64,
        EventKind::Ping(_) => counters.pings_received += 1,
        EventKind::Pong(payload) => {
            counters.pongs_received += 1;
            let answered = |_: &mut Instant| *payload == heartbeat.payload;
            if let Some(sent) = heartbeat.sent.take_if(answered) {
                counters.round_trip = sent.elapsed();
            }
        }
        _ => {}
    }
}
