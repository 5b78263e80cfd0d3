//! The TCP phase: connects to the addresses of both families, a fresh one each
//! time the last has not answered for a moment, and takes the first that does
//! (Happy Eyeballs, RFC 8305).

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use crate::config::SocketOptions;
use crate::error::{Failure, Status};
use crate::report::Report;

/// The head start of an address before the next one is tried (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects in progress.
pub struct Connect {
    options: Arc<SocketOptions>,
    waiting: VecDeque<SockAddr>,
    started: Vec<(TcpStream, SockAddr)>,
    next_start: Option<Instant>,
    failure: Option<Failure>,
}

impl Connect {
    pub fn new(addresses: Vec<SockAddr>, options: Arc<SocketOptions>) -> Self {
        Connect {
            options,
            waiting: interleaved(addresses),
            started: Vec::new(),
            next_start: None,
            failure: None,
        }
    }

    /// Goes on until a socket is connected, to the address that comes with it, all wait
    /// for their peers, or no address is left.
    pub fn advance(
        &mut self,
        registry: &Registry,
        token: Token,
        now: Instant,
        report: &mut Report,
    ) -> Result<Option<(TcpStream, SockAddr)>, Failure> {
        loop {
            if let Some(connected) = self.connected(registry, report) {
                return Ok(Some(connected));
            }
            let due = self.next_start.is_some_and(|start| start <= now);
            if !self.started.is_empty() && !due {
                return Ok(None);
            }
            let Some(address) = self.waiting.pop_front() else {
                if !self.started.is_empty() {
                    self.next_start = None;
                    return Ok(None);
                }
                let none = || Failure::new(Status::Dns, "the host has no address");
                return Err(self.failure.take().unwrap_or_else(none));
            };
            match start(&address, &self.options, registry, token) {
                Ok(socket) => {
                    self.started.push((socket, address));
                    self.next_start = Some(now + HEAD_START);
                }
                // What no packet was sent for hides nothing that the network has said.
                Err(error) => {
                    let failure = failed(&address, error, report);
                    self.failure.get_or_insert(failure);
                }
            }
        }
    }

    /// The first socket that is connected; those that failed, or come too late, are
    /// dropped.
    fn connected(
        &mut self,
        registry: &Registry,
        report: &mut Report,
    ) -> Option<(TcpStream, SockAddr)> {
        let mut first = None;
        for (mut socket, address) in std::mem::take(&mut self.started) {
            match peer(&socket) {
                Ok(Some(peer)) if first.is_none() => first = Some((socket, address, peer)),
                Ok(_) => self.started.push((socket, address)),
                Err(error) => {
                    let _ = registry.deregister(&mut socket);
                    self.failure = Some(failed(&address, error, report));
                }
            }
        }
        let (socket, address, peer) = first?;
        self.give_up(report);
        self.deregister(registry);
        self.started.clear();
        report.tried(&text(&address), "");
        Some((socket, peer))
    }

    /// When the next address is due.
    pub fn next_start(&self) -> Option<Instant> {
        self.next_start.filter(|_| !self.waiting.is_empty())
    }

    /// The socket that was started last.
    pub fn socket(&self) -> Option<&TcpStream> {
        self.started.last().map(|(socket, _)| socket)
    }

    pub fn deregister(&mut self, registry: &Registry) {
        for (socket, _) in &mut self.started {
            let _ = registry.deregister(socket);
        }
    }

    /// Notes the addresses that have not answered.
    pub fn give_up(&self, report: &mut Report) {
        for (_, address) in &self.started {
            report.tried(&text(address), "no answer");
        }
    }
}

/// Notes an address that failed.
fn failed(address: &SockAddr, error: io::Error, report: &mut Report) -> Failure {
    let failure = Failure::from(error);
    let address = text(address);
    report.tried(&address, &failure.text);
    Failure {
        text: format!("connect to {address}: {}", failure.text),
        ..failure
    }
}

/// Alternates between the families, beginning with the first address's.
fn interleaved(addresses: Vec<SockAddr>) -> VecDeque<SockAddr> {
    let first = addresses.first().map(SockAddr::family);
    let (one, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| Some(address.family()) == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut all = VecDeque::new();
    loop {
        let pair = [one.next(), other.next()];
        if pair.iter().all(Option::is_none) {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

/// The words for an address.
fn text(address: &SockAddr) -> String {
    match (address.as_socket(), address.as_pathname()) {
        (Some(address), _) => address.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "an unnamed socket".into(),
    }
}

/// A mio `TcpStream` only reads, writes and shuts down, so that it serves for
/// unix sockets too.
fn start(
    address: &SockAddr,
    options: &SocketOptions,
    registry: &Registry,
    token: Token,
) -> io::Result<TcpStream> {
    let is_tcp = address.as_socket().is_some();
    let protocol = is_tcp.then_some(Protocol::TCP);
    let socket = Socket::new(
        Domain::from(i32::from(address.family())),
        Type::STREAM.nonblocking(),
        protocol,
    )?;
    if is_tcp {
        set_options(&socket, options, address)?;
    }
    match socket.connect(address) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    register(socket, registry, token)
}

/// Watches a socket that is connected or connecting.
pub fn register(socket: Socket, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let mut socket = TcpStream::from_std(socket.into());
    registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(socket)
}

fn set_options(socket: &Socket, options: &SocketOptions, address: &SockAddr) -> io::Result<()> {
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(interface) = &options.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if let Some(local) = options.local_address {
        let local = SockAddr::from(local);
        if local.family() != address.family() {
            let text = "the local address is of the other IP version";
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
        }
        socket.bind(&local)?;
    }
    if let Some(time) = options.keepalive {
        let probes = TcpKeepalive::new().with_time(time).with_interval(time);
        socket.set_tcp_keepalive(&probes)?;
    }
    if options.user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.user_timeout)?;
    }
    Ok(())
}

/// Whom the socket is connected to, once it is.
fn peer(socket: &TcpStream) -> io::Result<Option<SockAddr>> {
    match SockRef::from(socket).peer_addr() {
        Ok(address) => Ok(Some(address)),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            // It has failed, or is on its way.
            socket.take_error()?.map_or(Ok(None), Err)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn families_take_turns() {
        let addresses = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"];
        let addresses = addresses.map(|text| SockAddr::from(text.parse::<SocketAddr>().unwrap()));
        let order: Vec<_> = interleaved(addresses.into()).iter().map(text).collect();
        assert_eq!(
            order,
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]
        );
    }

    #[test]
    fn what_the_network_said_is_told_and_not_what_could_not_begin() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refusing = closed.local_addr().unwrap();
        drop(closed);
        // To connect from an IPv4 address to an IPv6 one cannot begin.
        let impossible: SocketAddr = "[::1]:1".parse().unwrap();
        let options = SocketOptions {
            local_address: Some("127.0.0.1:0".parse().unwrap()),
            ..SocketOptions::default()
        };
        let options = Arc::new(options);
        for addresses in [[refusing, impossible], [impossible, refusing]] {
            let addresses = addresses.map(SockAddr::from).to_vec();
            let mut connect = Connect::new(addresses, Arc::clone(&options));
            let mut poll = mio::Poll::new().unwrap();
            let mut events = mio::Events::with_capacity(4);
            let mut report = Report::new(1);
            let failure = loop {
                let now = Instant::now();
                match connect.advance(poll.registry(), Token(1), now, &mut report) {
                    Ok(None) => poll.poll(&mut events, Some(HEAD_START)).unwrap(),
                    Ok(Some(_)) => panic!("it connects"),
                    Err(failure) => break failure,
                }
            };
            assert_eq!(failure.status, Status::Refused, "{}", failure.text);
            assert!(failure.text.contains(&refusing.to_string()));
        }
    }

    /// Listens, and its accept queue is full: the kernel drops every further SYN.
    fn deaf() -> (Socket, Vec<Socket>) {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let fillers = std::iter::repeat_with(|| {
            let socket = socket();
            socket.set_nonblocking(true).unwrap();
            let _in_progress = socket.connect(&address);
            socket
        });
        let fillers = fillers.take(4).collect();
        (listener, fillers)
    }

    #[test]
    fn an_address_that_is_silent_does_not_hold_up_the_next() {
        let (deaf, _fillers) = deaf();
        let live = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let live = live.local_addr().unwrap();
        let addresses = vec![deaf.local_addr().unwrap(), live.into()];
        let mut connect = Connect::new(addresses, Arc::default());
        let poll = mio::Poll::new().unwrap();
        let (mut report, now) = (Report::new(1), Instant::now());
        let mut advance = |now| {
            let socket = connect.advance(poll.registry(), Token(1), now, &mut report);
            (socket.unwrap(), connect.next_start())
        };
        let (socket, next_start) = advance(now);
        assert!(socket.is_none());
        assert_eq!(next_start, Some(now + HEAD_START));
        let (socket, _) = advance(now + HEAD_START);
        let (_socket, address) = socket.unwrap();
        assert_eq!(address.as_socket(), Some(live));
    }
}
