//! The server that every client is measured with: one thread, one epoll, frames
//! built beforehand, so that it is faster than any client.
//!
//!     server CERTIFICATE KEY MESSAGES
//!
//! It prints the ports it listens on, without and with TLS, and ends with its
//! standard input. MESSAGES has one message a line, all of one length; they are what
//! compressed messages are made of. What it does is chosen by the path:
//!
//! - `/echo`: each message comes back.
//! - `/flood?count=&size=`: sends so many messages. With `deflate=1` they are those of
//!   MESSAGES, compressed.
//! - `/sink?count=`: answers once, when so many messages have come.
//! - `/fan?size=&rounds=&period=&spread=`: when one of the connections here sends
//!   anything, every one of them gets a message in each of the rounds, which are
//!   `period` ms apart; the messages of a round are spread over `spread` ms.

mod connection;
mod fan;
mod frame;
mod transport;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Instant;

use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};

use connection::{Connection, Messages};
use fan::Fan;
use transport::Transport;

const READ_SIZE: usize = 256 * 1024;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [certificate, key, messages] = arguments.as_slice() else {
        return Err(io::Error::other("usage: server CERTIFICATE KEY MESSAGES"));
    };
    let mut server = Server::new(
        tls_acceptor(certificate, key)?,
        Messages::load(Path::new(messages))?,
    )?;
    println!(
        "{} {}",
        server.plain.local_addr()?.port(),
        server.tls.local_addr()?.port()
    );
    server.run()
}

fn tls_acceptor(certificate: &str, key: &str) -> io::Result<SslAcceptor> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_certificate_chain_file(certificate)?;
    builder.set_private_key_file(key, SslFiletype::PEM)?;
    Ok(builder.build())
}

struct Server {
    epoll: rustix::fd::OwnedFd,
    plain: TcpListener,
    tls: TcpListener,
    acceptor: SslAcceptor,
    messages: Messages,
    /// By file descriptor.
    connections: Vec<Option<Connection>>,
    fan: Fan,
    buffer: Vec<u8>,
}

impl Server {
    fn new(acceptor: SslAcceptor, messages: Messages) -> io::Result<Server> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let [plain, tls] = [listen()?, listen()?];
        for listener in [&plain, &tls] {
            epoll::add(&epoll, listener, data(listener), EventFlags::IN)?;
        }
        epoll::add(&epoll, io::stdin(), data(&io::stdin()), EventFlags::IN)?;
        Ok(Server {
            epoll,
            plain,
            tls,
            acceptor,
            messages,
            connections: Vec::new(),
            fan: Fan::default(),
            buffer: vec![0; READ_SIZE],
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let stdin = io::stdin().as_raw_fd();
        let mut events = Vec::with_capacity(1024);
        loop {
            let timeout = self.fan.due_in(Instant::now()).map(|wait| Timespec {
                tv_sec: wait.as_secs() as i64,
                tv_nsec: wait.subsec_nanos().into(),
            });
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            epoll::wait(&self.epoll, spare, timeout.as_ref())?;
            for event in &events {
                let fd = event.data.u64() as i32;
                if fd == stdin {
                    return Ok(());
                } else if fd == self.plain.as_raw_fd() || fd == self.tls.as_raw_fd() {
                    self.accept(fd == self.tls.as_raw_fd())?;
                } else {
                    self.serve(fd as usize, event.flags)?;
                }
            }
            self.send_due_rounds()?;
        }
    }

    fn accept(&mut self, tls: bool) -> io::Result<()> {
        loop {
            let socket = match if tls { &self.tls } else { &self.plain }.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            prepare(&socket)?;
            epoll::add(&self.epoll, &socket, data(&socket), EventFlags::IN)?;
            let slot = socket.as_raw_fd() as usize;
            let transport = Transport::new(socket, tls.then_some(&self.acceptor))?;
            if self.connections.len() <= slot {
                self.connections.resize_with(slot + 1, || None);
            }
            self.connections[slot] = Some(Connection::new(transport));
        }
    }

    fn serve(&mut self, slot: usize, ready: EventFlags) -> io::Result<()> {
        let Some(connection) = self.connections[slot].as_mut() else {
            return Ok(());
        };
        let mut alive = Ok(true);
        if ready.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            alive = connection.receive(&mut self.buffer, &self.messages);
        }
        if let Some(plan) = connection.take_fan_start() {
            self.fan.start(plan, &self.connections, Instant::now());
        }
        match alive {
            Ok(true) => self.flush(slot),
            _ => self.close(slot),
        }
    }

    fn flush(&mut self, slot: usize) -> io::Result<()> {
        let Some(connection) = self.connections[slot].as_mut() else {
            return Ok(());
        };
        match connection.flush() {
            Ok(blocked) if blocked != connection.waits_for_room => {
                connection.waits_for_room = blocked;
                let out = if blocked {
                    EventFlags::OUT
                } else {
                    EventFlags::empty()
                };
                let socket = connection.socket();
                Ok(epoll::modify(
                    &self.epoll,
                    socket,
                    data(socket),
                    EventFlags::IN | out,
                )?)
            }
            Ok(_) => Ok(()),
            Err(_) => self.close(slot),
        }
    }

    /// A client that is gone is no error of the server.
    fn close(&mut self, slot: usize) -> io::Result<()> {
        self.connections[slot] = None;
        Ok(())
    }

    fn send_due_rounds(&mut self) -> io::Result<()> {
        for slot in self.fan.take_due(Instant::now()) {
            if let Some(connection) = self.connections[slot].as_mut() {
                connection.push_fan_message();
                self.flush(slot)?;
            }
        }
        Ok(())
    }
}

fn listen() -> io::Result<TcpListener> {
    // All of 127/8: the runner gives each run an address of its own, and so a fresh
    // range of client ports.
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    // Closing answers the client's FIN with a reset: no port is left in TIME_WAIT.
    Ok(rustix::net::sockopt::set_socket_linger(
        socket,
        Some(std::time::Duration::ZERO),
    )?)
}

fn data(source: &impl AsRawFd) -> EventData {
    EventData::new_u64(source.as_raw_fd() as u64)
}
