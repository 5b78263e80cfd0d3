//! A TCP proxy that spoils one byte's way: between a client and a server, at any
//! offset, in either direction.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// What happens when the byte at the offset is to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It and those after it arrive one by one.
    Split,
    /// It arrives late.
    Delay,
    /// It gets lost.
    Drop,
    /// It arrives as another.
    Corrupt,
    /// Both sides are told that the connection was reset.
    Reset,
    /// The receiver is told that there is no more.
    HalfClose,
    /// Nothing passes any more in its direction, and nobody is told.
    Freeze,
}

impl Fault {
    pub const ALL: [Fault; 7] = [
        Fault::Split,
        Fault::Delay,
        Fault::Drop,
        Fault::Corrupt,
        Fault::Reset,
        Fault::HalfClose,
        Fault::Freeze,
    ];

    /// Every byte arrives all the same.
    pub fn is_harmless(self) -> bool {
        matches!(self, Fault::None | Fault::Split | Fault::Delay)
    }

    /// Bytes arrive that were not sent so.
    pub fn alters(self) -> bool {
        matches!(self, Fault::Drop | Fault::Corrupt)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToClient,
    ToServer,
}

impl Direction {
    pub const BOTH: [Direction; 2] = [Direction::ToClient, Direction::ToServer];
}

/// Which fault, and where.
#[derive(Debug, Clone, Copy)]
pub struct Injection {
    pub fault: Fault,
    pub direction: Direction,
    pub offset: u64,
}

/// How many bytes are split off one by one.
const SPLIT: u64 = 32;
const DELAY: Duration = Duration::from_millis(20);

/// The proxy for one connection that is spoilt, and for those that come after it.
pub struct FaultProxy {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    acceptor: JoinHandle<Vec<JoinHandle<Passage>>>,
}

/// What became of the bytes of a connection.
#[derive(Debug, Default, Clone, Copy)]
pub struct Passage {
    /// How many came to pass, to the client and to the server.
    pub bytes: [u64; 2],
    /// The fault came to happen.
    pub struck: bool,
}

impl FaultProxy {
    /// Passes connections on to `server`.
    pub fn before(server: SocketAddr, injection: Injection) -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let acceptor = thread::spawn(move || {
            let mut pumps = Vec::new();
            loop {
                let (client, _) = listener.accept().unwrap();
                if ends.load(Ordering::SeqCst) {
                    return pumps;
                }
                let injection = Some(injection).filter(|_| pumps.is_empty());
                // Here, as the server must meet the connections in the order in which they came.
                let server = TcpStream::connect(server).unwrap();
                let pump = Pump::new(client, server, injection);
                pumps.push(thread::spawn(move || pump.run()));
            }
        });
        FaultProxy {
            address,
            is_over,
            acceptor,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the connections to end; tells what became of the first.
    pub fn finish(self) -> Passage {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).unwrap();
        let pumps = self.acceptor.join().unwrap();
        let passed: Vec<_> = pumps.into_iter().map(|pump| pump.join().unwrap()).collect();
        passed.first().copied().unwrap_or_default()
    }
}

/// One direction: from one socket to the other of the pair.
#[derive(Debug)]
struct Way {
    /// Which of the sockets is read.
    from: usize,
    injection: Option<Injection>,
    buffer: Vec<u8>,
    /// Bytes that were written on, or lost.
    passed: u64,
    /// The sender has no more.
    is_ended: bool,
    /// The receiver was told so.
    is_told: bool,
    is_frozen: bool,
    held_until: Option<Instant>,
    struck: bool,
}

struct Pump {
    sockets: [TcpStream; 2],
    ways: [Way; 2],
}

impl Pump {
    fn new(client: TcpStream, server: TcpStream, injection: Option<Injection>) -> Pump {
        for socket in [&client, &server] {
            socket.set_nonblocking(true).unwrap();
            socket.set_nodelay(true).unwrap();
        }
        let way = |from, direction| Way {
            from,
            injection: injection.filter(|injection| injection.direction == direction),
            buffer: Vec::new(),
            passed: 0,
            is_ended: false,
            is_told: false,
            is_frozen: false,
            held_until: None,
            struck: false,
        };
        Pump {
            sockets: [client, server],
            ways: [way(1, Direction::ToClient), way(0, Direction::ToServer)],
        }
    }

    fn run(mut self) -> Passage {
        let until = Instant::now() + 3 * DEADLINE;
        loop {
            assert!(
                Instant::now() < until,
                "the connection does not end: {:?}",
                self.ways
            );
            for at in 0..2 {
                let (way, sockets) = (&mut self.ways[at], &self.sockets);
                if !way.go_on(sockets) {
                    if way.injection.is_some_and(|it| it.fault == Fault::Reset) {
                        reset(sockets);
                    }
                    return self.passage();
                }
            }
            if self.ways.iter().all(|way| way.is_told) || self.is_abandoned() {
                return self.passage();
            }
            self.wait();
        }
    }

    fn passage(&self) -> Passage {
        let [to_client, to_server] = &self.ways;
        Passage {
            bytes: [to_client.passed, to_server.passed],
            struck: to_client.struck || to_server.struck,
        }
    }

    /// Whether a side has gone whose direction is frozen.
    fn is_abandoned(&self) -> bool {
        let gone = |socket| poll(socket, libc::POLLRDHUP, Duration::ZERO) != 0;
        self.ways.iter().any(|way| way.is_frozen) && self.sockets.iter().any(gone)
    }

    fn wait(&self) {
        let mut entries = [libc::pollfd {
            fd: -1,
            events: 0,
            revents: 0,
        }; 2];
        let mut timeout = Duration::from_millis(20); // how soon a freeze is given up
        for (entry, socket) in entries.iter_mut().zip(&self.sockets) {
            entry.fd = socket.as_raw_fd();
        }
        for way in self.ways.iter().filter(|way| !way.is_frozen) {
            if let Some(until) = way.held_until {
                timeout = timeout.min(until.saturating_duration_since(Instant::now()));
            } else if !way.buffer.is_empty() {
                entries[1 - way.from].events |= libc::POLLOUT;
            } else if !way.is_ended {
                entries[way.from].events |= libc::POLLIN;
            }
        }
        for entry in entries.iter_mut().filter(|entry| entry.events == 0) {
            entry.fd = -1; // a hangup would be told over and over
        }
        // SAFETY: two entries, which are ours.
        unsafe { libc::poll(entries.as_mut_ptr(), 2, timeout.as_millis() as i32 + 1) };
    }
}

impl Way {
    /// Moves what can be moved; false if the connection is over.
    fn go_on(&mut self, sockets: &[TcpStream; 2]) -> bool {
        if self.is_frozen || self.held_until.is_some_and(|until| until > Instant::now()) {
            return true;
        }
        self.held_until = None;
        let mut from = &sockets[self.from];
        if self.buffer.is_empty() && !self.is_ended {
            let mut buffer = [0; 16 << 10];
            match from.read(&mut buffer) {
                Ok(0) => self.is_ended = true,
                Ok(count) => self.buffer.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        let mut to = &sockets[1 - self.from];
        while !self.buffer.is_empty() {
            let Some(size) = self.strike() else {
                return !self.injection.is_some_and(|it| it.fault == Fault::Reset);
            };
            match to.write(&self.buffer[..size]) {
                Ok(count) => {
                    self.passed += count as u64;
                    self.buffer.drain(..count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        if self.is_ended && !self.is_told {
            let _gone = to.shutdown(Shutdown::Write);
            self.is_told = true;
        }
        true
    }

    /// Does what is to happen to the next byte; tells how many may be written, or
    /// nothing if none may now.
    fn strike(&mut self) -> Option<usize> {
        let all = self.buffer.len();
        let Some(Injection { fault, offset, .. }) = self.injection else {
            return Some(all);
        };
        if self.passed < offset {
            return Some(all.min((offset - self.passed) as usize));
        }
        self.struck = true;
        if fault == Fault::Split && self.passed < offset + SPLIT {
            return Some(1);
        }
        if self.passed > offset {
            return Some(all);
        }
        match fault {
            Fault::None | Fault::Split => return Some(all),
            Fault::Delay => self.held_until = Some(Instant::now() + DELAY),
            Fault::Drop => {
                self.buffer.remove(0);
            }
            Fault::Corrupt => self.buffer[0] ^= 1 << (offset % 8),
            Fault::Reset => return None,
            Fault::HalfClose => {
                self.buffer.clear();
                self.is_ended = true;
                return None;
            }
            Fault::Freeze => self.is_frozen = true,
        }
        // It has happened; what comes next passes as it is.
        self.injection = None;
        match fault {
            Fault::Delay | Fault::Freeze => None,
            _ => Some(self.buffer.len()),
        }
    }
}

fn reset(sockets: &[TcpStream; 2]) {
    for socket in sockets {
        socket2::SockRef::from(socket)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

fn poll(socket: &TcpStream, events: i16, timeout: Duration) -> i16 {
    let mut entry = libc::pollfd {
        fd: socket.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: one entry, which is ours.
    unsafe { libc::poll(&mut entry, 1, timeout.as_millis() as i32) };
    entry.revents
}
