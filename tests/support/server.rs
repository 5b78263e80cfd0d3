//! The server's side: a listener, and one [`Peer`] per accepted connection.

use std::ffi::{c_int, c_void};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use openssl::ssl::{SslAcceptor, SslStream};

use super::os;
use super::tls::Pieces;
use super::{DEADLINE, Frame, op};

/// A listening socket on a port of the kernel's choice.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    pub fn listen() -> Server {
        Self::on("127.0.0.1:0")
    }

    pub fn listen_ipv6() -> Server {
        Self::on("[::1]:0")
    }

    fn on(address: &str) -> Server {
        TcpListener::bind(address).unwrap().into()
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address())
    }

    /// Asks for a small receive window, so that a peer that does not read is
    /// soon felt by the sender.
    pub fn shrink_receive_buffer(&self) {
        os::set_option(&self.listener, libc::SO_RCVBUF, 32 << 10);
    }

    /// Waits for the next connection.
    pub fn accept(&self) -> Peer {
        assert!(
            os::readable(self.listener.as_raw_fd(), DEADLINE),
            "nobody connected"
        );
        Peer::new(self.listener.accept().unwrap().0, 0)
    }

    /// Whether a connection waits to be accepted.
    pub fn is_called(&self) -> bool {
        os::readable(self.listener.as_raw_fd(), Duration::ZERO)
    }

    /// Runs `script` for each connection, on a thread of its own. `Peer::index`
    /// counts the connections from 0.
    pub fn serve(self, script: impl Fn(Peer) + Send + Sync + 'static) -> Scripts {
        let address = self.address();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let acceptor = thread::spawn(move || {
            let script = Arc::new(script);
            let mut scripts = Vec::new();
            for stream in self.listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let peer = Peer::new(stream.unwrap(), scripts.len());
                let script = script.clone();
                scripts.push(thread::spawn(move || script(peer)));
            }
            scripts
        });
        Scripts {
            address,
            stop,
            acceptor: Some(acceptor),
        }
    }
}

impl From<TcpListener> for Server {
    fn from(listener: TcpListener) -> Server {
        // std asks for a backlog of 128, too short for thousands at once.
        // SAFETY: the listener owns this fd.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 4096) }, 0);
        Server { listener }
    }
}

/// The scripts of a [`Server::serve`]. A script's failed assertion fails the test.
pub struct Scripts {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

impl Scripts {
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    pub fn secure_url(&self) -> String {
        format!("wss://{}/", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for every script to end.
    pub fn finish(mut self) {
        if let Some(panic) = self.join().into_iter().next() {
            std::panic::resume_unwind(panic);
        }
    }

    fn join(&mut self) -> Vec<Box<dyn std::any::Any + Send>> {
        let Some(acceptor) = self.acceptor.take() else {
            return Vec::new();
        };
        self.stop.store(true, Ordering::SeqCst);
        let _wakes_accept = TcpStream::connect(self.address);
        let scripts = acceptor.join().unwrap();
        scripts
            .into_iter()
            .filter_map(|script| script.join().err())
            .collect()
    }
}

impl Drop for Scripts {
    fn drop(&mut self) {
        let failures = self.join();
        if !failures.is_empty() && !thread::panicking() {
            panic!("a server script failed, see above");
        }
    }
}

/// A port that refuses connections for as long as this lives.
pub struct Refusing(socket2::Socket);

/// A port that never answers a connection attempt.
pub struct Deaf {
    listener: socket2::Socket,
    _fillers: Vec<socket2::Socket>,
}

impl Server {
    /// Bound but not listening: nobody else gets the port, and it refuses.
    pub fn refusing() -> Refusing {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket
            .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .unwrap();
        Refusing(socket)
    }

    /// Its accept queue is full, so the kernel drops every further SYN.
    pub fn deaf() -> Deaf {
        let Refusing(listener) = Self::refusing();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let fillers = (0..4)
            .map(|_| {
                let socket =
                    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
                        .unwrap();
                socket.set_nonblocking(true).unwrap();
                let _in_progress = socket.connect(&address);
                socket
            })
            .collect();
        Deaf {
            listener,
            _fillers: fillers,
        }
    }
}

impl Refusing {
    pub fn url(&self) -> String {
        format!(
            "ws://{}/",
            self.0.local_addr().unwrap().as_socket().unwrap()
        )
    }
}

impl Deaf {
    pub fn url(&self) -> String {
        format!(
            "ws://{}/",
            self.listener.local_addr().unwrap().as_socket().unwrap()
        )
    }
}

/// The server's end of one connection. Every read and write gives up after
/// [`DEADLINE`].
pub struct Peer {
    stream: TcpStream,
    /// TLS above the stream.
    tls: Option<SslStream<Pieces>>,
    input: Vec<u8>,
    pub index: usize,
}

impl From<TcpStream> for Peer {
    fn from(stream: TcpStream) -> Peer {
        Peer::new(stream, 0)
    }
}

impl Peer {
    fn new(stream: TcpStream, index: usize) -> Peer {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer {
            stream,
            tls: None,
            input: Vec::new(),
            index,
        }
    }

    /// The server's end of a unix socket.
    pub fn on_unix(stream: UnixStream) -> Peer {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Peer {
            // Reads, writes and shuts down in the same way.
            stream: OwnedFd::from(stream).into(),
            tls: None,
            input: Vec::new(),
            index: 0,
        }
    }

    /// Speaks TLS from now on, if the client agrees.
    pub fn try_secure(self, acceptor: &SslAcceptor, piece: usize) -> Result<Peer, String> {
        let stream = Pieces {
            stream: self.stream.try_clone().unwrap(),
            size: piece,
        };
        match acceptor.accept(stream) {
            Ok(tls) => Ok(Peer {
                tls: Some(tls),
                ..self
            }),
            Err(error) => Err(error.to_string()),
        }
    }

    pub fn secure(self, acceptor: &SslAcceptor) -> Peer {
        self.try_secure(acceptor, usize::MAX).unwrap()
    }

    pub fn tls(&mut self) -> &mut SslStream<Pieces> {
        self.tls.as_mut().expect("the peer speaks TLS")
    }

    /// Asks for new keys with what is written next; the client has to answer.
    pub fn request_key_update(&mut self) {
        unsafe extern "C" {
            fn SSL_key_update(ssl: *mut c_void, update: c_int) -> c_int;
        }
        const REQUESTED: c_int = 1;
        let session = std::ptr::from_ref(self.tls().ssl()).cast_mut().cast();
        // SAFETY: a reference to a session is the pointer that OpenSSL knows it by.
        assert_eq!(unsafe { SSL_key_update(session, REQUESTED) }, 1);
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The client's end of the connection.
    pub fn client_address(&self) -> SocketAddr {
        self.stream.peer_addr().unwrap()
    }

    // --- the upgrade ---

    /// Reads the request head, the empty line included.
    pub fn read_request(&mut self) -> String {
        self.try_request()
            .expect("the client left before its request was complete")
    }

    fn try_request(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self
                .input
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                let head = self.input.drain(..end + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    /// Accepts a request, with further header lines in the answer; `false` if the client
    /// has gone.
    pub fn try_accept(&mut self, header_lines: &str) -> bool {
        let request = self.try_request();
        request.is_some_and(|request| self.try_write(Self::answer(&request, header_lines)))
    }

    /// Reads the request and accepts it; returns the request.
    pub fn accept(&mut self) -> String {
        self.accept_with("")
    }

    /// The same, with further header lines in the answer.
    pub fn accept_with(&mut self, header_lines: &str) -> String {
        let request = self.read_request();
        self.write(Self::answer(&request, header_lines));
        request
    }

    /// A correct 101 for `request`.
    pub fn answer(request: &str, header_lines: &str) -> String {
        let key = accept_key(request);
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {key}\r\n{header_lines}\r\n"
        )
    }

    // --- writing ---

    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        match &mut self.tls {
            Some(tls) => tls.write_all(bytes),
            None => self.stream.write_all(bytes),
        }
        .expect("the client takes what is written");
    }

    /// Writes as much as the client takes; `false` if it has gone.
    pub fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        let written = match &mut self.tls {
            Some(tls) => tls.write_all(bytes),
            None => self.stream.write_all(bytes),
        };
        match written {
            Ok(()) => true,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) =>
            {
                false
            }
            Err(error) => panic!("the client neither reads nor goes: {error}"),
        }
    }

    /// Writes piece by piece. `taken(n)` is called after each piece with the
    /// number of bytes written so far; it returns when the client has read them.
    pub fn write_pieces<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
        mut taken: impl FnMut(usize),
    ) {
        let mut written = 0;
        for piece in pieces {
            self.write(piece);
            written += piece.len();
            taken(written);
        }
    }

    /// Writes what the client takes without waiting for it to read more: returns
    /// how much that was once the socket has been full for a while.
    pub fn write_until_stuck(&mut self, bytes: &[u8]) -> usize {
        self.stream.set_nonblocking(true).unwrap();
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !os::writable(&self.stream, Duration::from_millis(300)) {
                        break;
                    }
                }
                Err(error) => panic!("the client went: {error}"),
            }
        }
        self.stream.set_nonblocking(false).unwrap();
        written
    }

    pub fn send(&mut self, frame: &Frame) {
        self.write(frame.bytes());
    }

    /// Sends several frames in one write.
    pub fn send_all(&mut self, frames: &[Frame]) {
        self.write(frames.iter().flat_map(Frame::bytes).collect::<Vec<_>>());
    }

    // --- reading ---

    /// The next frame; `None` when the client ended the connection.
    pub fn try_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.input) {
                assert!(frame.mask.is_some(), "an unmasked frame: {frame:?}");
                return Some(frame);
            }
            if !self.read_more() {
                assert!(
                    self.input.is_empty(),
                    "half a frame, then the end: {:?}",
                    self.input
                );
                return None;
            }
        }
    }

    /// The next whole frame; `None` at the end, half a frame or not.
    pub fn take_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.input) {
                return Some(frame);
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    pub fn frame(&mut self) -> Frame {
        self.try_frame().expect("the client sends one more frame")
    }

    /// The next frame, which is a whole text message.
    pub fn text(&mut self) -> String {
        let frame = self.frame();
        assert!(
            frame.fin && frame.opcode == op::TEXT,
            "not a text message: {frame:?}"
        );
        String::from_utf8(frame.payload).unwrap()
    }

    /// The code and the reason of the next frame, which is a close frame.
    pub fn close_frame(&mut self) -> Option<(u16, String)> {
        self.frame().close_code()
    }

    /// The code of the first close frame; what comes before it is skipped.
    pub fn close_code(&mut self) -> Option<u16> {
        loop {
            let frame = self.try_frame()?;
            if frame.opcode == op::CLOSE {
                return frame.close_code().map(|(code, _)| code);
            }
        }
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        let result = match &mut self.tls {
            Some(tls) => tls.read(&mut buffer),
            None => os::uninterrupted(|| self.stream.read(&mut buffer)),
        };
        match result {
            Ok(0) => false,
            Ok(count) => {
                self.input.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error)
                if matches!(
                    error.kind(),
                    // Reading TLS 1.3 may write.
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) =>
            {
                false
            }
            Err(error) => panic!("the client neither writes nor goes: {error}"),
        }
    }

    /// Reads that many bytes.
    pub fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        while self.input.len() < count {
            assert!(self.read_more(), "the client left too early");
        }
        self.input.drain(..count).collect()
    }

    /// Whether the client has sent something that was not read.
    pub fn has_input(&self) -> bool {
        os::readable(self.stream.as_raw_fd(), Duration::ZERO)
    }

    /// Passes everything on to that address and back, until either side ends.
    pub fn relay(&mut self, address: SocketAddr) {
        let mut other = TcpStream::connect(address).unwrap();
        other.set_nonblocking(true).unwrap();
        self.stream.set_nonblocking(true).unwrap();
        let (mut to_other, mut to_client) = (Vec::new(), Vec::new());
        let mut buffer = [0; 16 << 10];
        // Moves on as far as nothing blocks; tells whether that side goes on.
        let mut read = |from: &mut dyn Read, output: &mut Vec<u8>| match from.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                output.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        let write = |to: &mut dyn Write, output: &mut Vec<u8>| {
            if !output.is_empty()
                && let Ok(count) = to.write(output)
            {
                output.drain(..count);
            }
        };
        let tls = self.tls.as_mut().expect("the peer speaks TLS");
        while read(tls, &mut to_other) && read(&mut other, &mut to_client) {
            write(&mut other, &mut to_other);
            write(tls, &mut to_client);
            if to_other.is_empty() && to_client.is_empty() {
                os::readable(self.stream.as_raw_fd(), Duration::from_millis(1));
            }
        }
    }

    // --- ends ---

    /// Whether the client sends something more before it goes.
    pub fn says_more(&mut self) -> bool {
        self.read_more() || !self.input.is_empty()
    }

    /// Drops what was read and not taken.
    pub fn forget_input(&mut self) {
        self.input.clear();
    }

    /// Reads and drops everything until the client has ended the connection.
    pub fn until_gone(&mut self) {
        while self.read_more() {
            self.input.clear();
        }
    }

    /// Waits, without reading, until the client has ended the connection.
    pub fn until_hung_up(&self) {
        assert!(
            os::hung_up(&self.stream, DEADLINE),
            "the client does not go"
        );
    }

    /// Sends FIN, unless the client has gone; reading goes on.
    pub fn half_close(&self) {
        match self.stream.shutdown(Shutdown::Write) {
            Err(error) if error.kind() == ErrorKind::NotConnected => {}
            done => done.unwrap(),
        }
    }

    /// Ends the connection with a RST.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    /// Ends the connection with a FIN, whatever is still unread.
    pub fn close(mut self) {
        self.half_close();
        self.stream.set_nonblocking(true).unwrap();
        let _what_is_there = self.stream.read_to_end(&mut self.input);
    }

    /// Answers a close frame and ends the connection: what a good server does.
    pub fn answer_close(mut self) -> Option<(u16, String)> {
        let frame = self.frame();
        let code = frame.close_code();
        self.send(&Frame::new(op::CLOSE, frame.payload));
        self.half_close();
        self.until_gone();
        code
    }
}

/// The `Sec-WebSocket-Accept` value that answers a request.
pub fn accept_key(request: &str) -> String {
    let key = field(request, "Sec-WebSocket-Key").expect("the request has a key");
    tungstenite::handshake::derive_accept_key(key.as_bytes())
}

/// The value of the first header field of that name.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
