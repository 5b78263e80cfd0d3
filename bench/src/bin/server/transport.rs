//! A socket that does not block, with TLS or without.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use openssl::ssl::{ErrorCode, Ssl, SslAcceptor, SslStream};

/// How much plain text is encrypted before the socket is asked for room.
const TLS_CHUNK: usize = 256 * 1024;

const RECORDS_READ: usize = 256 * 1024;

pub struct Transport {
    socket: TcpStream,
    tls: Option<Tls>,
}

struct Tls {
    session: SslStream<Records>,
    handshaken: bool,
}

/// The encrypted side of a TLS session: memory, so that one system call moves many
/// records.
#[derive(Default)]
struct Records {
    incoming: Queue,
    outgoing: Queue,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    taken: usize,
}

impl Transport {
    pub fn new(socket: TcpStream, acceptor: Option<&SslAcceptor>) -> io::Result<Transport> {
        let tls = match acceptor {
            Some(acceptor) => Some(Tls {
                session: SslStream::new(Ssl::new(acceptor.context())?, Records::default())?,
                handshaken: false,
            }),
            None => None,
        };
        Ok(Transport { socket, tls })
    }

    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Reads what is there and hands it on in pieces; false at the end of the stream.
    /// One system call each time: the readiness of epoll comes again for the rest.
    pub fn receive(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return match unless_blocked(self.socket.read(buffer))? {
                Some(0) => Ok(false),
                Some(len) => take(&mut buffer[..len]).map(|()| true),
                None => Ok(true),
            };
        };
        if !tls.fill(&mut self.socket)? {
            return Ok(false);
        }
        while let Some(len) = tls.read(buffer)? {
            if len == 0 {
                return Ok(false);
            }
            take(&mut buffer[..len])?;
        }
        Ok(true)
    }

    /// Writes the beginning of `data`; `None` while there is no room.
    pub fn send(&mut self, data: &[u8]) -> io::Result<Option<usize>> {
        let Some(tls) = &mut self.tls else {
            return unless_blocked(self.socket.write(data));
        };
        if !tls.flush(&mut self.socket)? {
            return Ok(None);
        }
        let chunk = &data[..data.len().min(TLS_CHUNK)];
        tls.session.write_all(chunk)?;
        tls.flush(&mut self.socket)?;
        Ok(Some(chunk.len()))
    }

    /// Writes what TLS holds back; false while there is no room.
    pub fn flush(&mut self) -> io::Result<bool> {
        match &mut self.tls {
            Some(tls) => tls.flush(&mut self.socket),
            None => Ok(true),
        }
    }
}

impl Tls {
    /// One read of the socket; false at the end of the stream.
    fn fill(&mut self, socket: &mut TcpStream) -> io::Result<bool> {
        let incoming = &mut self.session.get_mut().incoming.bytes;
        let before = incoming.len();
        incoming.resize(before + RECORDS_READ, 0);
        let len = unless_blocked(socket.read(&mut incoming[before..]));
        incoming.truncate(before + *len.as_ref().ok().and_then(Option::as_ref).unwrap_or(&0));
        Ok(len? != Some(0))
    }

    /// `None` when it needs more records.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let result = if self.handshaken {
            self.session.ssl_read(buffer).map(Some)
        } else {
            let accepted = self.session.accept();
            self.handshaken = accepted.is_ok();
            match accepted {
                Ok(()) => return self.read(buffer),
                Err(error) => Err(error),
            }
        };
        match result {
            Err(error) if error.code() == ErrorCode::WANT_READ => Ok(None),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(Some(0)),
            result => result.map_err(io::Error::other),
        }
    }

    fn flush(&mut self, socket: &mut TcpStream) -> io::Result<bool> {
        let outgoing = &mut self.session.get_mut().outgoing;
        while !outgoing.is_empty() {
            match unless_blocked(socket.write(outgoing.front()))? {
                Some(len) => outgoing.take(len),
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Read for Records {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let front = self.incoming.front();
        let len = front.len().min(buffer.len());
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer[..len].copy_from_slice(&front[..len]);
        self.incoming.take(len);
        Ok(len)
    }
}

impl Write for Records {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.outgoing.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn front(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn is_empty(&self) -> bool {
        self.front().is_empty()
    }

    fn take(&mut self, len: usize) {
        self.taken += len;
        if self.is_empty() {
            self.bytes.clear();
            self.taken = 0;
        }
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}
