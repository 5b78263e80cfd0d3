//! One client: its upgrade, and then what its path asked for.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::path::Path;

use flate2::{Compress, Compression, FlushCompress};
use tungstenite::handshake::derive_accept_key;

use crate::fan::Plan;
use crate::frame::{self, Parser, Piece};
use crate::transport::Transport;

/// A flood is written from one block of frames of about this size, over and over.
const BLOCK: usize = 256 * 1024;

/// A client that sends a longer request than this is none of the benchmark's.
const LONGEST_REQUEST: usize = 16 * 1024;

pub struct Connection {
    transport: Transport,
    role: Role,
    parser: Parser,
    control: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    pub waits_for_room: bool,
}

enum Role {
    /// What has come of the request.
    Upgrade(Vec<u8>),
    Echo,
    Flood(Flood),
    Sink {
        left: usize,
        count: usize,
    },
    Fan {
        plan: Plan,
        started: bool,
        message: Vec<u8>,
    },
}

/// Frames to repeat, and how much is left to write of them.
struct Flood {
    block: Vec<u8>,
    left: usize,
    at: usize,
}

/// What messages to compress are made of.
pub struct Messages(Vec<Vec<u8>>);

impl Messages {
    pub fn load(path: &Path) -> io::Result<Messages> {
        let text = std::fs::read(path)?;
        let lines = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        Ok(Messages(lines.map(<[u8]>::to_vec).collect()))
    }
}

impl Connection {
    pub fn new(transport: Transport) -> Connection {
        Connection {
            transport,
            role: Role::Upgrade(Vec::new()),
            parser: Parser::default(),
            control: Vec::new(),
            out: Vec::new(),
            sent: 0,
            waits_for_room: false,
        }
    }

    pub fn socket(&self) -> &TcpStream {
        self.transport.socket()
    }

    /// Reads and answers into `out`; false when the client is gone.
    pub fn receive(&mut self, buffer: &mut [u8], messages: &Messages) -> io::Result<bool> {
        let Connection {
            transport,
            role,
            parser,
            control,
            out,
            ..
        } = self;
        transport.receive(buffer, |mut input| {
            if let Role::Upgrade(request) = role {
                // Clients wait for the answer, so nothing follows the request.
                request.extend_from_slice(input);
                input = &mut [];
                if request.ends_with(b"\r\n\r\n") {
                    *role = upgrade(&String::from_utf8_lossy(request), messages, out)?;
                } else if request.len() > LONGEST_REQUEST {
                    return Err(io::Error::other("the request is too long"));
                }
            }
            answer(role, parser, control, out, input)
        })
    }

    /// Writes what is queued; true while the socket has no room for it.
    pub fn flush(&mut self) -> io::Result<bool> {
        loop {
            let flooding = matches!(&self.role, Role::Flood(flood) if flood.left > 0);
            let pending = match &self.role {
                _ if self.sent < self.out.len() => &self.out[self.sent..],
                Role::Flood(flood) if flooding => flood.pending(),
                _ => return Ok(!self.transport.flush()?),
            };
            let Some(len) = self.transport.send(pending)? else {
                return Ok(true);
            };
            match &mut self.role {
                Role::Flood(flood) if self.out.is_empty() => flood.advance(len),
                _ => self.advance(len),
            }
        }
    }

    fn advance(&mut self, len: usize) {
        self.sent += len;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
    }

    /// The plan, once, when this client has asked for the fan to begin.
    pub fn take_fan_start(&mut self) -> Option<Plan> {
        match &mut self.role {
            Role::Fan { plan, started, .. } if *started => {
                *started = false;
                Some(*plan)
            }
            _ => None,
        }
    }

    pub fn is_fan(&self) -> bool {
        matches!(self.role, Role::Fan { .. })
    }

    pub fn push_fan_message(&mut self) {
        if let Role::Fan { message, .. } = &self.role {
            self.out.extend_from_slice(message);
        }
    }
}

fn answer(
    role: &mut Role,
    parser: &mut Parser,
    control: &mut Vec<u8>,
    out: &mut Vec<u8>,
    mut input: &mut [u8],
) -> io::Result<()> {
    let mut head = parser.head();
    while let Some(piece) = parser.next(&mut input) {
        match piece {
            Piece::Head(new) => {
                head = new;
                if matches!(role, Role::Echo) && !head.is_control() {
                    frame::write_header(out, head.first, head.len);
                }
            }
            Piece::Payload(payload) if head.is_control() => control.extend_from_slice(payload),
            Piece::Payload(payload) if matches!(role, Role::Echo) => out.extend_from_slice(payload),
            Piece::Payload(_) => {}
            Piece::End if head.is_control() => {
                match head.opcode() {
                    frame::CLOSE => frame::write(out, frame::CLOSE, control),
                    frame::PING => frame::write(out, frame::PONG, control),
                    _ => {}
                }
                control.clear();
            }
            Piece::End if head.ends_message() => match role {
                Role::Sink { left, count } => {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        frame::write(out, frame::TEXT, count.to_string().as_bytes());
                    }
                }
                Role::Fan { started, .. } => *started = true,
                _ => {}
            },
            Piece::End => {}
        }
    }
    Ok(())
}

/// Writes the answer to the upgrade request, and says what it asked for.
fn upgrade(request: &str, messages: &Messages, out: &mut Vec<u8>) -> io::Result<Role> {
    let mut lines = request.split("\r\n");
    let target = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default();
    let fields: HashMap<String, &str> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: HashMap<&str, usize> = query
        .split('&')
        .filter_map(|part| part.split_once('='))
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
        .collect();
    let number = |name: &str| query.get(name).copied().unwrap_or_default();

    let deflate =
        (number("deflate") == 1).then(|| Deflate::accept(field("sec-websocket-extensions")));
    let deflate = deflate.transpose()?;
    let role = match path {
        "/echo" => Role::Echo,
        "/flood" => Role::Flood(match &deflate {
            Some(deflate) => Flood::of_compressed(number("count"), messages, deflate),
            None => Flood::of_size(number("count"), number("size")),
        }),
        "/sink" => Role::Sink {
            left: number("count"),
            count: number("count"),
        },
        "/fan" => {
            let mut message = Vec::new();
            frame::write(&mut message, frame::BINARY, &vec![b'x'; number("size")]);
            Role::Fan {
                plan: Plan::new(number),
                started: false,
                message,
            }
        }
        _ => return Err(io::Error::other("no such path")),
    };

    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    out.extend_from_slice(b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
    out.extend_from_slice(derive_accept_key(field("sec-websocket-key").as_bytes()).as_bytes());
    if let Some(deflate) = &deflate {
        out.extend_from_slice(b"\r\nSec-WebSocket-Extensions: ");
        out.extend_from_slice(deflate.answer().as_bytes());
    }
    // Some clients (libwebsockets) want an answer about the subprotocol they name.
    if let Some(protocol) = field("sec-websocket-protocol")
        .split(',')
        .next()
        .filter(|name| !name.is_empty())
    {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(protocol.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
    Ok(role)
}

impl Flood {
    /// Binary messages of one size. Each begins with its number in the block, so
    /// that no two neighbours are the same.
    fn of_size(count: usize, size: usize) -> Flood {
        let in_block = (BLOCK / (size + 2)).clamp(1, count.max(1));
        let mut block = Vec::new();
        for number in 0..in_block {
            let mut payload = vec![b'x'; size];
            for (byte, digit) in payload.iter_mut().zip(number.to_le_bytes()) {
                *byte = digit;
            }
            frame::write(&mut block, frame::BINARY, &payload);
        }
        Flood {
            left: block.len() / in_block * count,
            block,
            at: 0,
        }
    }

    /// Text messages. The second time round they still decompress with one context:
    /// they refer to nothing before the beginning of the block.
    fn of_compressed(count: usize, messages: &Messages, deflate: &Deflate) -> Flood {
        let mut block = Vec::new();
        let mut ends = vec![0];
        let mut compress = Compress::new(Compression::fast(), false);
        for message in &messages.0 {
            if deflate.no_context {
                compress.reset();
            }
            let mut payload = Vec::with_capacity(message.len() + 64);
            // Cannot fail: the room suffices for any message of this length.
            let _ = compress.compress_vec(message, &mut payload, FlushCompress::Sync);
            payload.truncate(payload.len().saturating_sub(4));
            frame::write(&mut block, frame::TEXT | frame::COMPRESSED, &payload);
            ends.push(block.len());
        }
        let in_block = messages.0.len().max(1);
        let left = count / in_block * block.len() + ends[count % in_block];
        Flood { block, left, at: 0 }
    }

    fn pending(&self) -> &[u8] {
        let block = &self.block[self.at..];
        &block[..block.len().min(self.left)]
    }

    fn advance(&mut self, len: usize) {
        self.left -= len;
        self.at = (self.at + len) % self.block.len();
    }
}

/// What was agreed on permessage-deflate.
struct Deflate {
    no_context: bool,
    client_no_context: bool,
}

impl Deflate {
    fn accept(offer: &str) -> io::Result<Deflate> {
        if !offer.contains("permessage-deflate") {
            return Err(io::Error::other(
                "the client does not offer permessage-deflate",
            ));
        }
        Ok(Deflate {
            no_context: offer.contains("server_no_context_takeover"),
            client_no_context: offer.contains("client_no_context_takeover"),
        })
    }

    fn answer(&self) -> String {
        let mut answer = String::from("permessage-deflate");
        if self.no_context {
            answer += "; server_no_context_takeover";
        }
        if self.client_no_context {
            answer += "; client_no_context_takeover";
        }
        answer
    }
}
