//! The byte stream below a WebSocket: a socket, or TLS above one.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use native_tls::TlsStream;
use socket2::SockRef;

use crate::connect::tls;
use crate::error::Failure;
use crate::read_buffer::{Input, READ_SIZE, ReadBuffer};
use crate::send_queue::Sink;
use crate::sys::{self, OfTls};

/// The largest TLS record.
const PLAIN_BUFFER: usize = 16 << 10;

/// The read buffers of a loop, shared by its connections so that an idle
/// connection holds none.
pub struct Buffers {
    wire: ReadBuffer,
    plain: Vec<u8>,
    /// For the session with a proxy below another session.
    outer: Vec<u8>,
}

impl Buffers {
    pub fn new() -> Self {
        Buffers {
            wire: ReadBuffer::new(),
            plain: Vec::new(),
            outer: Vec::new(),
        }
    }
}

/// What is known after a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The socket may hold more.
    More,
    /// Less came than was asked for: empty now, unless the end follows.
    Short,
    /// The socket is empty.
    Drained,
    /// The peer sends nothing more.
    End,
}

pub enum Transport {
    Plain(TcpStream),
    Tls(Box<OfTls<TlsStream<Wire>>>),
}

impl Transport {
    pub fn tls(stream: TlsStream<Wire>) -> Self {
        Transport::Tls(Box::new(OfTls::new(stream)))
    }

    /// Reads once from the socket and hands over all the data that this gave.
    pub fn receive(
        &mut self,
        buffers: &mut Buffers,
        feed: &mut dyn FnMut(Input<'_>) -> Result<(), Failure>,
    ) -> Result<Received, Failure> {
        let wire = buffers.wire.bytes_mut();
        match self {
            Transport::Plain(socket) => {
                let (received, count) = read_plain(socket, wire)?;
                if count > 0 {
                    buffers.wire.feed(count, feed)?;
                }
                Ok(received)
            }
            Transport::Tls(stream) => {
                buffers.plain.resize(PLAIN_BUFFER, 0);
                stream.get_mut().lend(wire, &mut buffers.outer);
                let result = {
                    let _inside = sys::enter_tls();
                    read_records(stream, &mut buffers.plain, feed)
                };
                stream.get_mut().reclaim(wire, &mut buffers.outer);
                result
            }
        }
    }

    /// Whether bytes that came from the socket wait for it to take an answer first.
    pub fn waits_to_write(&self) -> bool {
        match self {
            Transport::Plain(_) => false,
            Transport::Tls(stream) => {
                let wire = stream.get_ref();
                !wire.spilled.is_empty() || wire.below.waits_to_write()
            }
        }
    }

    /// Says that nothing more will be sent. Best effort: the peer may be gone.
    pub fn shutdown_write(&mut self) {
        if let Transport::Tls(stream) = self {
            let _inside = sys::enter_tls();
            let _ = stream.shutdown();
        }
        let _ = self.socket().shutdown(Shutdown::Write);
    }

    /// Changes what readiness of the socket is told.
    pub fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match self {
            Transport::Plain(socket) => registry.reregister(socket, token, interest),
            Transport::Tls(stream) => {
                let below = &mut stream.get_mut().below;
                below.reregister(registry, token, interest)
            }
        }
    }

    /// Ends the registration before the socket is dropped: where a forked child
    /// still has the socket open, closing it would not end it.
    pub fn deregister(&mut self, registry: &Registry) {
        match self {
            Transport::Plain(socket) => {
                let _ = registry.deregister(socket);
            }
            Transport::Tls(stream) => stream.get_mut().below.deregister(registry),
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Transport::Plain(socket) => socket,
            Transport::Tls(stream) => stream.get_ref().below.socket(),
        }
    }
}

impl AsRawFd for Transport {
    fn as_raw_fd(&self) -> RawFd {
        self.socket().as_raw_fd()
    }
}

impl Sink for Transport {
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Transport::Tls(stream), [first, ..]) => {
                let _inside = sys::enter_tls();
                stream.write(first)
            }
            (Transport::Plain(socket), [only]) => socket.write(only),
            // `writev` would raise SIGPIPE.
            (Transport::Plain(socket), _) => {
                SockRef::from(&*socket).send_vectored_with_flags(slices, libc::MSG_NOSIGNAL)
            }
            (Transport::Tls(_), []) => Ok(0),
        }
    }

    fn repeats_refused_write(&self) -> bool {
        matches!(self, Transport::Tls(_))
    }
}

fn read_plain(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<(Received, usize)> {
    match socket.read(buffer) {
        Ok(0) => Ok((Received::End, 0)),
        Ok(count) if count < buffer.len() => Ok((Received::Short, count)),
        Ok(count) => Ok((Received::More, count)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok((Received::Drained, 0)),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok((Received::More, 0)),
        Err(error) => Err(error),
    }
}

/// Reads what lies below a TLS session.
fn read_below(below: &mut Transport, buffer: &mut [u8]) -> io::Result<(Received, usize)> {
    match below {
        Transport::Plain(socket) => read_plain(socket, buffer),
        // The session with a proxy: one record, or what is known of its socket.
        Transport::Tls(stream) => match stream.read(buffer) {
            Ok(0) => Ok((Received::End, 0)),
            Ok(count) => Ok((Received::More, count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Ok((stream.get_ref().known(), 0))
            }
            Err(error) => Err(error),
        },
    }
}

/// Takes every record that the lent buffer holds.
fn read_records(
    stream: &mut TlsStream<Wire>,
    plain: &mut [u8],
    feed: &mut dyn FnMut(Input<'_>) -> Result<(), Failure>,
) -> Result<Received, Failure> {
    loop {
        match stream.read(plain) {
            Ok(0) => return Ok(Received::End),
            Ok(count) => feed(Input::Borrowed(&plain[..count]))?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Ok(stream.get_ref().known());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A peer that closes without close_notify; OpenSSL calls it an error.
            Err(_) if stream.get_ref().received == Received::End => return Ok(Received::End),
            Err(error) => return Err(tls::failure(error)),
        }
    }
}

/// What is below TLS: a socket, or the session with a proxy. While the loop's
/// read buffer is lent to it, one large read serves the many small ones that TLS
/// makes.
pub struct Wire {
    below: Transport,
    lent: Vec<u8>,
    start: usize,
    end: usize,
    /// What was left in the lent buffer when it was taken back.
    spilled: Vec<u8>,
    may_read: bool,
    received: Received,
    /// What the server sent first, until the handshake is done.
    hello: Option<Vec<u8>>,
}

impl Wire {
    pub fn new(below: Transport) -> Self {
        Wire {
            below,
            lent: Vec::new(),
            start: 0,
            end: 0,
            spilled: Vec::new(),
            may_read: false,
            received: Received::More,
            hello: Some(Vec::new()),
        }
    }

    pub fn below_mut(&mut self) -> &mut Transport {
        &mut self.below
    }

    /// What the server sent first, at most `tls::HELLO` bytes.
    pub fn take_hello(&mut self) -> Vec<u8> {
        self.hello.take().unwrap_or_default()
    }

    /// Lends a buffer for one large read, and one to the session below.
    fn lend(&mut self, buffer: &mut Vec<u8>, outer: &mut Vec<u8>) {
        self.lent = std::mem::take(buffer);
        let spilled = std::mem::take(&mut self.spilled);
        self.lent[..spilled.len()].copy_from_slice(&spilled);
        (self.start, self.end) = (0, spilled.len());
        self.may_read = true;
        self.received = Received::More;
        if let Transport::Tls(stream) = &mut self.below {
            outer.resize(READ_SIZE, 0);
            stream.get_mut().lend(outer, &mut Vec::new());
        }
    }

    /// Takes the buffers back. TLS reads until it would block for want of input, so
    /// nothing is left in them, unless it stopped because it has to write an answer
    /// first (to a key update, on a full socket). Such a rest is kept.
    fn reclaim(&mut self, buffer: &mut Vec<u8>, outer: &mut Vec<u8>) {
        self.spilled = self.lent[self.start..self.end].to_vec();
        (self.start, self.end) = (0, 0);
        *buffer = std::mem::take(&mut self.lent);
        if let Transport::Tls(stream) = &mut self.below {
            stream.get_mut().reclaim(outer, &mut Vec::new());
        }
    }

    /// What is known of the socket after a read that would block. One that waits to
    /// write goes on with the next readiness, not before.
    fn known(&self) -> Received {
        match self.start < self.end {
            true => Received::Drained,
            false => self.received,
        }
    }

    /// Takes bytes of the lent buffer, which is filled anew once. A session below
    /// hands over its records one by one.
    fn read_lent(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            if !self.may_read {
                return match self.received {
                    Received::End => Ok(0),
                    _ => Err(ErrorKind::WouldBlock.into()),
                };
            }
            (self.received, self.end) = read_below(&mut self.below, &mut self.lent)?;
            self.start = 0;
            self.may_read = self.end > 0 && matches!(self.below, Transport::Tls(_));
            match self.received {
                Received::End => return Ok(0),
                _ if self.end == 0 => return Err(ErrorKind::WouldBlock.into()),
                _ => {}
            }
        }
        let count = target.len().min(self.end - self.start);
        target[..count].copy_from_slice(&self.lent[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}

impl Read for Wire {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if !self.lent.is_empty() {
            return self.read_lent(target);
        }
        if !self.spilled.is_empty() {
            let count = self.spilled.len().min(target.len());
            target[..count].copy_from_slice(&self.spilled[..count]);
            self.spilled.drain(..count);
            return Ok(count);
        }
        let count = self.below.read(target)?;
        if let Some(hello) = &mut self.hello {
            let wanted = tls::HELLO.saturating_sub(hello.len()).min(count);
            hello.extend_from_slice(&target[..wanted]);
        }
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Sink::write(&mut self.below, &[IoSlice::new(bytes)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For the phases before the upgrade, which read little.
impl Read for Transport {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.read(target),
            Transport::Tls(stream) => {
                let _inside = sys::enter_tls();
                stream.read(target)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_tls_leaves_unread_comes_first_with_and_without_a_buffer() {
        let (own, mut peer) = UnixStream::pair().unwrap();
        own.set_nonblocking(true).unwrap();
        let socket = TcpStream::from_std(OwnedFd::from(own).into());
        let mut wire = Wire::new(Transport::Plain(socket));
        let mut buffer = vec![0; READ_SIZE];
        let mut bytes = [0; 4];
        peer.write_all(b"0123456789").unwrap();
        wire.lend(&mut buffer, &mut Vec::new());
        assert_eq!(wire.read(&mut bytes).unwrap(), 4);
        assert_eq!(
            wire.known(),
            Received::Drained,
            "it would be tried for ever"
        );
        wire.reclaim(&mut buffer, &mut Vec::new());
        assert_eq!(buffer.len(), READ_SIZE);
        assert_eq!(wire.spilled, b"456789");

        assert_eq!(wire.read(&mut bytes).unwrap(), 4);
        assert_eq!(&bytes, b"4567");

        peer.write_all(b"ab").unwrap();
        wire.lend(&mut buffer, &mut Vec::new());
        assert_eq!(wire.read(&mut bytes).unwrap(), 2);
        assert_eq!(&bytes[..2], b"89");
        assert_eq!(wire.read(&mut bytes).unwrap(), 2);
        assert_eq!(&bytes[..2], b"ab");
        let empty = wire.read(&mut bytes).unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::WouldBlock);
        assert_eq!(wire.known(), Received::Short);
        wire.reclaim(&mut buffer, &mut Vec::new());
        assert_eq!(wire.spilled.capacity(), 0);
    }
}
