//! What the fuzz targets share: a client on a loop that lives as long as the
//! process, and the server's end of its connection in the same thread.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use wsc::connection::Connection;
use wsc::event::{Event, EventKind};
use wsc::event_loop::{Callbacks, Loop};

/// Nothing here waits for anything, so that an attempt which takes more turns hangs.
/// Time would not tell: a fuzzer may be stopped, or run on a busy machine.
const MAX_TURNS: usize = 2_000_000;

/// The first byte of what a client of TLS writes.
pub const TLS_HANDSHAKE: &[u8] = &[22];

thread_local! {
    static LOOP: Arc<Loop> = {
        let event_loop = Loop::new(Callbacks::OnDispatch).unwrap();
        // The input decides what happens, not which thread is faster.
        event_loop.set_standby_grace(None).unwrap();
        event_loop
    };
    static LISTENER: TcpListener = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    };
}

/// Where this thread's clients find their proxy.
pub fn proxy_address() -> SocketAddr {
    LISTENER.with(|listener| listener.local_addr().unwrap())
}

fn linger_none(stream: &TcpStream) {
    let value = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the option's value is a `linger`, as the length says.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const value).cast(),
            size_of::<libc::linger>() as u32,
        )
    };
    assert_eq!(result, 0);
}

/// The other end of a client's socket: a socket pair, or TCP.
pub trait Stream: Read + Write {
    fn end_output(&self);
}

impl Stream for UnixStream {
    fn end_output(&self) {
        let _gone = self.shutdown(std::net::Shutdown::Write);
    }
}

impl Stream for TcpStream {
    fn end_output(&self) {
        let _gone = self.shutdown(std::net::Shutdown::Write);
    }
}

/// A connection and what it told. Freed when it goes out of scope.
pub struct Client {
    pub connection: Arc<Connection>,
    pub events: Vec<Event>,
    turns: usize,
}

impl Client {
    /// Not connected yet.
    pub fn new(url: &str) -> Client {
        let connection = Connection::new(&LOOP.with(Arc::clone), url).unwrap();
        // The input decides, not the time it takes.
        connection.set_connect_timeout(None).unwrap();
        connection.set_handshake_timeout(None).unwrap();
        connection.set_close_timeout(None).unwrap();
        connection.set_ping_interval(None).unwrap();
        Client {
            connection,
            events: Vec::new(),
            turns: 0,
        }
    }

    /// Begins an attempt over a socket pair; returns the server's end.
    pub fn connect(&self) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        self.connection.set_socket(OwnedFd::from(ours)).unwrap();
        self.connection.connect().unwrap();
        theirs
    }

    /// The proxy's end, once the client has come there; `None` if it never does.
    pub fn at_proxy(&mut self) -> Option<TcpStream> {
        loop {
            if let Ok((peer, _)) = LISTENER.with(TcpListener::accept) {
                // No port is spent on TIME_WAIT.
                linger_none(&peer);
                peer.set_nonblocking(true).unwrap();
                peer.set_nodelay(true).unwrap();
                return Some(peer);
            }
            if self.is_closed() {
                return None;
            }
            self.turn();
        }
    }

    /// One turn; the events are kept and must come in the promised order.
    pub fn turn(&mut self) {
        self.turns += 1;
        assert!(self.turns < MAX_TURNS, "the attempt does not go on");
        LOOP.with(|event_loop| {
            let events = &mut self.events;
            event_loop
                .poll(256, Some(Duration::ZERO), &mut |event| {
                    let event = event.to_event();
                    check_order(events.last(), &event);
                    events.push(event);
                })
                .unwrap();
        });
    }

    pub fn is_closed(&self) -> bool {
        matches!(
            self.events.last(),
            Some(Event {
                kind: EventKind::Close { .. },
                ..
            })
        )
    }

    pub fn is_open(&self) -> bool {
        self.accepted().is_some() && !self.is_closed()
    }

    /// The answer that opened the connection.
    pub fn accepted(&self) -> Option<&[u8]> {
        self.events.iter().find_map(|event| match &event.kind {
            EventKind::Handshake { head, .. } => Some(&head[..]),
            _ => None,
        })
    }

    /// Reads the request that the client writes, or the beginning of TLS.
    pub fn request(&mut self, peer: &mut impl Stream) -> Vec<u8> {
        let mut request = Vec::new();
        let is_whole =
            |request: &[u8]| request.ends_with(b"\r\n\r\n") || request.starts_with(TLS_HANDSHAKE);
        while !is_whole(&request) && !self.is_closed() {
            self.turn();
            drain(peer, &mut request);
        }
        request
    }

    /// Writes `bytes` in pieces of the sizes that `sizes` tells, with a turn after each;
    /// returns what the client wrote meanwhile.
    pub fn feed(
        &mut self,
        peer: &mut impl Stream,
        bytes: &[u8],
        mut sizes: impl FnMut() -> usize,
    ) -> Vec<u8> {
        let (mut left, mut written) = (bytes, Vec::new());
        while !left.is_empty() && !self.is_closed() {
            let size = sizes().clamp(1, left.len());
            match peer.write(&left[..size]) {
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break, // the client has gone
            }
            self.turn();
            drain(peer, &mut written);
        }
        written
    }

    /// No connection opens but by one answer that accepts the request.
    pub fn check_accepted(&self, accept: Option<&str>) {
        let Some(head) = self.accepted() else { return };
        let mut fields = vec![httparse::EMPTY_HEADER; head.len()];
        let mut answer = httparse::Response::new(&mut fields);
        assert_eq!(
            answer.parse(head),
            Ok(httparse::Status::Complete(head.len()))
        );
        assert_eq!(answer.code, Some(101));
        let named = |field: &&mut httparse::Header<'_>| {
            field.name.eq_ignore_ascii_case("Sec-WebSocket-Accept")
        };
        let values: Vec<_> = answer
            .headers
            .iter_mut()
            .filter(named)
            .map(|field| field.value)
            .collect();
        assert_eq!(values, [accept.expect("a request").as_bytes()]);
    }

    /// Ends the server's output and waits for the close.
    pub fn end(&mut self, peer: &mut impl Stream) {
        peer.end_output();
        while !self.is_closed() {
            self.turn();
            drain(peer, &mut Vec::new());
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.free();
        // The reactor drops what is freed in its next turn.
        LOOP.with(|event_loop| event_loop.poll(1, Some(Duration::ZERO), &mut |_| {}))
            .unwrap();
    }
}

/// Takes what there is to read.
fn drain(peer: &mut impl Stream, into: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = peer.read(&mut buffer) {
        into.extend_from_slice(&buffer[..count]);
    }
}

/// How far an attempt has come with this event.
fn rank(event: &Event) -> u8 {
    match event.kind {
        EventKind::Connect => 1,
        EventKind::Handshake { .. } => 2,
        EventKind::Error { .. } => 4,
        EventKind::Close { .. } => 5,
        _ => 3,
    }
}

/// CONNECT, HANDSHAKE, what is received, ERROR, CLOSE; all but the third once.
fn check_order(before: Option<&Event>, event: &Event) {
    let Some(before) = before else { return };
    let (old, new) = (rank(before), rank(event));
    assert!(
        old < new || (old, new) == (3, 3),
        "{event:?} after {before:?}"
    );
    assert!(new != 3 || old >= 2, "{event:?} before the handshake");
}

/// The answer that accepts `request`, with further header lines.
pub fn accepting(request: &[u8], lines: &str) -> Vec<u8> {
    let accept = accept_key(request).expect("the request has a key");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// Sees the request behind what was said to a proxy too.
pub fn accept_key(request: &[u8]) -> Option<String> {
    let request = String::from_utf8_lossy(request);
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))?;
    Some(tungstenite::handshake::derive_accept_key(key.as_bytes()))
}

/// Puts what accepts the request where `{accept}` stands, which no fuzzer guesses.
pub fn with_accept(answer: &[u8], accept: &str) -> Vec<u8> {
    match split_once(answer, b"{accept}") {
        None => answer.to_vec(),
        Some((before, after)) => [before, accept.as_bytes(), after].concat(),
    }
}

pub fn split_once<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

/// Sizes that a seed decides: single bytes, small pieces, and all at once.
pub fn sizes(seed: u8) -> impl FnMut() -> usize {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state % 4 {
            0 => 1,
            1 => (state >> 8) as usize % 8 + 1,
            2 => (state >> 8) as usize % 300 + 1,
            _ => usize::MAX,
        }
    }
}

/// One request, of at most that many fields and no line more.
pub fn check_request(request: &[u8], most: usize) {
    let lines = request.windows(2).filter(|pair| pair == b"\r\n").count();
    let mut fields = vec![httparse::EMPTY_HEADER; lines];
    let mut parsed = httparse::Request::new(&mut fields);
    let parsed_size = parsed.parse(request);
    assert_eq!(
        parsed_size,
        Ok(httparse::Status::Complete(request.len())),
        "{:?}",
        request.escape_ascii().to_string()
    );
    let count = parsed.headers.len();
    assert_eq!(lines, count + 2, "a line that is no field");
    assert!(count <= most, "{count} fields, of {most}");
    for name in ["Host", "Sec-WebSocket-Key", "Upgrade", "Connection"] {
        let is_name = |field: &&mut httparse::Header<'_>| field.name.eq_ignore_ascii_case(name);
        let found = parsed
            .headers
            .iter_mut()
            .filter(|field| is_name(field))
            .count();
        assert_eq!(found, 1, "{name}");
    }
    let path = parsed.path.unwrap();
    assert!(path.starts_with('/') && !path.contains('#'), "{path:?}");
}
