//! The inbound half of an open WebSocket: the reader, and tungstenite above it.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error as WsError, Message};

use crate::config::Config;
use crate::deflate::Agreement;
use crate::error::Failure;
use crate::event::{EventKind, MessageType, Part};
use crate::reader::{PeerClose, Reader};
use crate::send_queue::{Control, SendQueue};

/// tungstenite's read buffer while little arrives: every connection holds it.
const IDLE_BUFFER: usize = 1 << 10;
/// Its read buffer while much arrives: messages share blocks of this size
/// instead of having one or two each.
const BUSY_BUFFER: usize = 64 << 10;
/// One read of this size is much.
const BUSY_READ: usize = 8 << 10;

pub struct Inbound {
    context: WebSocketContext,
    /// Whether the context holds, or may hold, more than the idle buffer.
    has_large_buffer: bool,
    max_message: usize,
    reader: Reader,
    /// What the reader has not taken yet, because it was held.
    rest: Vec<u8>,
}

/// Where frames come from and go to while tungstenite works.
struct Pipe<'a, 'b> {
    reader: &'a mut Reader,
    input: &'a mut &'b [u8],
    queue: &'a mut SendQueue,
    /// What tungstenite writes; `None` throws it away.
    lane: Option<Control>,
}

impl Read for Pipe<'_, '_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(self.input, target)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Pipe<'_, '_> {
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.lane {
            self.queue.push_control(kind, frame);
        }
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Inbound {
    pub fn new(config: &Config, agreement: Option<&Agreement>) -> Self {
        Inbound {
            context: context(IDLE_BUFFER, config.max_message_size),
            has_large_buffer: false,
            max_message: config.max_message_size,
            reader: Reader::new(config, agreement),
            rest: Vec::new(),
        }
    }

    /// The peer's close frame, once it has arrived.
    pub fn peer_close(&self) -> Option<&PeerClose> {
        self.reader.peer_close()
    }

    /// Whether `receive` has more to hand over without new bytes.
    pub fn is_held(&self) -> bool {
        self.reader.is_held()
    }

    /// Drops what was not handed over and ignores what is still to come.
    pub fn discard(&mut self) {
        self.rest = Vec::new();
        self.reader.close();
    }

    /// About how many bytes are held for a message under way.
    pub fn memory(&self) -> usize {
        self.rest.capacity() + self.reader.memory()
    }

    /// Takes `bytes` and hands over what comes of them, and of those before that
    /// were held. Pings are answered into `queue` if wanted.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        queue: &mut SendQueue,
        answer_pings: bool,
        take: &mut dyn FnMut(EventKind),
    ) -> Result<(), Failure> {
        self.reader.grant();
        if self.rest.is_empty() {
            let left = self.pass(bytes, queue, answer_pings, take)?;
            self.rest.extend_from_slice(left);
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let left = self.pass(&rest, queue, answer_pings, take)?.len();
        rest.drain(..rest.len() - left);
        self.rest = rest;
        Ok(())
    }

    /// Passes `bytes` through the reader and tungstenite until they are used up
    /// or the reader is held; returns those that are left.
    fn pass<'a>(
        &mut self,
        mut bytes: &'a [u8],
        queue: &mut SendQueue,
        answer_pings: bool,
        take: &mut dyn FnMut(EventKind),
    ) -> Result<&'a [u8], Failure> {
        if bytes.len() >= BUSY_READ && !self.has_large_buffer && self.reader.is_at_rest() {
            self.context = context(BUSY_BUFFER, self.max_message);
            self.has_large_buffer = true;
        }
        let mut pipe = Pipe {
            reader: &mut self.reader,
            input: &mut bytes,
            queue,
            lane: answer_pings.then_some(Control::Pong),
        };
        loop {
            let (kind, data) = match self.context.read(&mut pipe) {
                Ok(Message::Text(text)) => (MessageType::Text, text.into()),
                Ok(Message::Binary(data)) => (MessageType::Binary, data),
                Ok(Message::Ping(payload)) => {
                    // At once, so that only the answer to the last ping is queued.
                    self.context.flush(&mut pipe)?;
                    take(EventKind::Ping(payload));
                    continue;
                }
                Ok(Message::Pong(payload)) => {
                    take(EventKind::Pong(payload));
                    continue;
                }
                Ok(Message::Close(_)) => {
                    // The reader has noted the frame and drops what follows it.
                    // The session answers: tungstenite would replace the code 1014.
                    pipe.lane = None;
                    self.context.flush(&mut pipe)?;
                    return Ok(&[]);
                }
                // Never comes out of a read.
                Ok(Message::Frame(_)) => continue,
                Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    match pipe.reader.take_event() {
                        Some(event) => take(event),
                        None => return Ok(bytes),
                    }
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            self.has_large_buffer |= data.len() > IDLE_BUFFER;
            take(EventKind::Message {
                kind,
                part: Part::Whole,
                data,
            });
        }
    }

    /// Goes back to a small buffer when nothing is under way: a context at
    /// rest is the same as a new one.
    pub fn give_buffer_back(&mut self) {
        if self.has_large_buffer && self.reader.is_at_rest() {
            self.context = context(IDLE_BUFFER, self.max_message);
            self.has_large_buffer = false;
        }
    }

    pub fn encode_ping(&mut self, payload: &[u8], queue: &mut SendQueue) -> Result<(), Failure> {
        self.encode(Message::Ping(payload.to_vec().into()), Control::Ping, queue)
    }

    pub fn encode_pong(&mut self, payload: &[u8], queue: &mut SendQueue) -> Result<(), Failure> {
        self.encode(Message::Pong(payload.to_vec().into()), Control::Pong, queue)
    }

    fn encode(
        &mut self,
        message: Message,
        lane: Control,
        queue: &mut SendQueue,
    ) -> Result<(), Failure> {
        let mut pipe = Pipe {
            reader: &mut self.reader,
            input: &mut &[][..],
            queue,
            lane: Some(lane),
        };
        Ok(self.context.write(&mut pipe, message)?)
    }
}

fn context(buffer: usize, max_message: usize) -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer)
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        // The reader has checked it on the wire.
        .max_frame_size(None);
    WebSocketContext::new(Role::Client, Some(config))
}
