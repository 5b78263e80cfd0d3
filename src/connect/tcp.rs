//! The TCP phase: the addresses in turn, until one answers.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Failure, Status};

/// A connect in progress.
pub struct Connect {
    addresses: VecDeque<SocketAddr>,
    current: Option<(TcpStream, SocketAddr)>,
    failure: Option<Failure>,
}

impl Connect {
    pub fn new(addresses: Vec<SocketAddr>) -> Self {
        Connect {
            addresses: addresses.into(),
            current: None,
            failure: None,
        }
    }

    /// Goes on until a socket is connected, one waits for its peer, or no
    /// address is left.
    pub fn advance(
        &mut self,
        registry: &Registry,
        token: Token,
    ) -> Result<Option<TcpStream>, Failure> {
        loop {
            if let Some((mut socket, address)) = self.current.take() {
                match is_connected(&socket) {
                    Ok(true) => return Ok(Some(socket)),
                    Ok(false) => {
                        self.current = Some((socket, address));
                        return Ok(None);
                    }
                    Err(error) => {
                        let _ = registry.deregister(&mut socket);
                        self.failed(address, error);
                    }
                }
            }
            let Some(address) = self.addresses.pop_front() else {
                let none = || Failure::new(Status::Dns, "the host has no address");
                return Err(self.failure.take().unwrap_or_else(none));
            };
            match start(address, registry, token) {
                Ok(socket) => self.current = Some((socket, address)),
                Err(error) => self.failed(address, error),
            }
        }
    }

    pub fn socket_mut(&mut self) -> Option<&mut TcpStream> {
        self.current.as_mut().map(|(socket, _)| socket)
    }

    fn failed(&mut self, address: SocketAddr, error: io::Error) {
        let failure = Failure::from(error);
        let text = format!("connect to {address}: {}", failure.text);
        self.failure = Some(Failure { text, ..failure });
    }
}

fn start(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    let mut socket = TcpStream::from_std(socket.into());
    registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(socket)
}

fn is_connected(socket: &TcpStream) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}
