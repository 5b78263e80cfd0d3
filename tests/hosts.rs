//! What hosts may be like: threads with small stacks, threads that end, many that send at
//! once, processes without descriptors.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use openssl::ssl::SslAcceptor;
use support::programs::Directory;
use support::tls::Identity;
use support::{
    Client, Deflate, Drive, Frame, Peer, Random, Server, alone, bounded, eventually, op, open_fds,
    threads,
};
use wsc::connection::Connection;
use wsc::error::Status;
use wsc::event::{EventKind, EventType};
use wsc::event_loop::{Callbacks, Loop};

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// How a connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    secure: bool,
    deflates: bool,
}

impl Way {
    fn all() -> [Way; 4] {
        let ways = [(false, false), (false, true), (true, false), (true, true)];
        ways.map(|(secure, deflates)| Way { secure, deflates })
    }

    fn client(self, drive: Drive, server: &Server, authority: &Identity) -> Client {
        let url = match self.secure {
            true => server.url().replace("ws:", "wss:"),
            false => server.url(),
        };
        let client = Client::new(drive, &url);
        client
            .set_tls(|tls| {
                tls.system_roots = false;
                tls.add_ca(&authority.pem())
            })
            .unwrap();
        client.set_deflate(self.deflates).unwrap();
        client
    }

    fn accept(self, server: &Server, acceptor: &SslAcceptor) -> Peer {
        let mut peer = match self.secure {
            true => server.accept().secure(acceptor),
            false => server.accept(),
        };
        peer.accept_with(if self.deflates { DEFLATE } else { "" });
        peer
    }
}

/// Reads messages, inflated where they have to be, until the client closes or is gone; the
/// close is answered. From a number of messages on it has had enough.
fn read_all(mut peer: Peer, enough: usize, ends: Ending) -> Vec<Vec<u8>> {
    let mut inflate = Deflate::new(15, 15);
    let mut got = Vec::new();
    while let Some(frame) = peer.take_frame() {
        match frame.opcode {
            op::CLOSE => {
                peer.try_write(Frame::new(op::CLOSE, &frame.payload).bytes());
                break;
            }
            op::BINARY if frame.rsv == 0 => got.push(frame.payload),
            op::BINARY => got.push(inflate.decompress(&frame.payload)),
            _ => {}
        }
        match ends {
            Ending::Closes if got.len() == enough => {
                peer.try_write(Frame::new(op::CLOSE, [0x0b, 0xb8]).bytes());
            }
            Ending::Resets if got.len() == enough => {
                peer.reset();
                break;
            }
            _ => {}
        }
    }
    got
}

/// What ends the connection amid the sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The client, in order.
    Close,
    /// The client, at once.
    Abort,
    /// The server, in order.
    Closes,
    /// The server, with a reset.
    Resets,
}

/// A message of any size that says who sent it, and as which of its messages.
fn message(sender: u32, number: u32, random: &mut Random) -> Vec<u8> {
    let size = match random.below(8) {
        0 => random.below(40_000),
        _ => random.below(300),
    };
    let fill = (sender * 31 + number) as u8;
    let mut message = vec![fill; 8 + size as usize];
    message[..4].copy_from_slice(&sender.to_be_bytes());
    message[4..8].copy_from_slice(&number.to_be_bytes());
    message
}

/// The sender and the number of a message, which is whole.
fn read_message(message: &[u8]) -> (u32, u32) {
    let word = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
    let (sender, number) = (word(0), word(4));
    let fill = (sender * 31 + number) as u8;
    assert!(message[8..].iter().all(|byte| *byte == fill), "torn");
    (sender, number)
}

/// Many threads send on one connection until it ends: each one's messages arrive whole and
/// in order, and what was accepted arrived or is counted.
#[test]
fn many_threads_send_while_the_connection_ends() {
    bounded(|| {
        let authority = Identity::authority();
        let acceptor = authority.server().acceptor();
        let mut random = Random::new();
        let endings = [Ending::Close, Ending::Abort, Ending::Closes, Ending::Resets];
        for way in Way::all() {
            for ending in endings {
                let drive = Drive::ALL[random.below(3) as usize];
                send_and_end(way, drive, ending, &authority, &acceptor, &mut random);
            }
        }
    });
}

fn send_and_end(
    way: Way,
    drive: Drive,
    ending: Ending,
    authority: &Identity,
    acceptor: &SslAcceptor,
    random: &mut Random,
) {
    const SENDERS: u32 = 4;
    let about = format!("{way:?}, {drive:?}, {ending:?}");
    let server = Server::listen();
    let client = way.client(drive, &server, authority);
    let enough = 1 + random.below(60);
    let acceptor = acceptor.clone();
    let script = thread::spawn(move || {
        let peer = way.accept(&server, &acceptor);
        read_all(peer, enough as usize, ending)
    });
    client.connect().unwrap();
    let accepted = Arc::new(AtomicU64::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let connection = client.connection.clone();
            let (accepted, mut random) = (accepted.clone(), random.fork());
            thread::spawn(move || {
                let mut number = 0;
                loop {
                    let message = message(sender, number, &mut random);
                    match connection.send_binary(&message) {
                        Ok(()) => {
                            number += 1;
                            accepted.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(Status::QueueFull) => thread::yield_now(),
                        Err(status) => {
                            assert_eq!(status, Status::State);
                            return number;
                        }
                    }
                }
            })
        })
        .collect();
    while client.next().event_type() != EventType::Handshake {}
    client.until("some messages leave", || {
        accepted.load(Ordering::SeqCst) >= enough
    });
    match ending {
        // The server may have ended it by now.
        Ending::Close => client.close(1000, b"").unwrap(),
        Ending::Abort => client.abort().unwrap(),
        Ending::Closes | Ending::Resets => {}
    }
    let unsent = loop {
        let event = client.next();
        match event.kind {
            EventKind::BufferFull | EventKind::BufferDrain | EventKind::Error { .. } => {}
            EventKind::Close { unsent, .. } => break unsent,
            _ => panic!("{about}: {event:?}"),
        }
    };
    let sent: Vec<u32> = senders
        .into_iter()
        .map(|sender| sender.join().unwrap())
        .collect();
    let got = script.join().unwrap();
    let accepted = accepted.load(Ordering::SeqCst);
    let arrived = got.len() as u64;
    assert!(arrived + unsent <= accepted, "{about}");
    if ending == Ending::Close {
        assert_eq!((arrived, unsent), (accepted, 0), "{about}");
    }
    let mut next = BTreeMap::new();
    for message in &got {
        let (sender, number) = read_message(message);
        let expected: &mut u32 = next.entry(sender).or_default();
        assert_eq!(number, *expected, "{about}: of {sender}");
        *expected += 1;
    }
    for (sender, arrived) in next {
        assert!(arrived <= sent[sender as usize], "{about}");
    }
}

/// What the documentation says a thread of the host needs.
const STACK: usize = 64 << 10;

#[test]
fn a_small_stack_is_enough() {
    alone("a_small_stack_is_enough", || {
        let authority = Identity::authority();
        let acceptor = authority.server().acceptor();
        for way in Way::all() {
            for drive in Drive::ALL {
                let server = Server::listen();
                let client = way.client(drive, &server, &authority);
                let acceptor = acceptor.clone();
                let script = thread::spawn(move || {
                    let mut peer = way.accept(&server, &acceptor);
                    for size in [10, 70_000] {
                        peer.send(&Frame::binary(vec![1; size]));
                    }
                    read_all(peer, usize::MAX, Ending::Close)
                });
                let host = thread::Builder::new().stack_size(STACK).spawn(move || {
                    client.connect().unwrap();
                    client.expect(EventType::Connect);
                    client.expect(EventType::Handshake);
                    for size in [10, 70_000] {
                        assert_eq!(client.message().1.len(), size);
                        client.send_binary(&vec![2; size]).unwrap();
                    }
                    client.close(1000, b"").unwrap();
                    let end = client.end();
                    assert!(end.clean, "{end:?}");
                });
                host.unwrap().join().unwrap();
                assert_eq!(script.join().unwrap().len(), 2);
            }
        }
    });
}

thread_local! {
    /// Sends and frees when the thread ends.
    static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
}

struct Last(Arc<Connection>);

impl Drop for Last {
    fn drop(&mut self) {
        // What has ended meanwhile is refused.
        let _ended = self.0.send_binary(b"the last");
        let _ended = self.0.close(1000, b"");
    }
}

/// Threads of the host come, call once, and end: what the library and OpenSSL keep for a
/// thread goes with it, and a destructor may call, too.
#[test]
fn threads_end_right_after_and_in_their_last_call() {
    alone("threads_end_right_after_and_in_their_last_call", || {
        const THREADS: usize = 50;
        let authority = Identity::authority();
        let acceptor = authority.server().acceptor();
        for way in Way::all() {
            for drive in Drive::ALL {
                let server = Server::listen();
                let client = way.client(drive, &server, &authority);
                let acceptor = acceptor.clone();
                let script = thread::spawn(move || {
                    let peer = way.accept(&server, &acceptor);
                    read_all(peer, usize::MAX, Ending::Close)
                });
                client.connect().unwrap();
                client.expect(EventType::Connect);
                client.expect(EventType::Handshake);
                let before = threads();
                for number in 0..THREADS {
                    let connection = client.connection.clone();
                    let is_last = number == THREADS - 1;
                    let sender = thread::spawn(move || {
                        if is_last {
                            LAST.set(Some(Last(connection)));
                        } else {
                            connection.send_binary(b"one").unwrap();
                        }
                    });
                    sender.join().unwrap();
                }
                let end = client.end();
                assert!(end.clean, "{way:?}, {drive:?}: {end:?}");
                eventually("the threads are gone", || threads() <= before);
                let got = script.join().unwrap();
                assert_eq!(got.len(), THREADS);
                assert_eq!(got.last().unwrap(), b"the last");
            }
        }
    });
}

/// A server behind a proxy, in a process of its own, whose descriptors are not the test's.
struct ServerProcess(libc::pid_t);

impl ServerProcess {
    fn serve(listener: &TcpListener, acceptor: &SslAcceptor) -> ServerProcess {
        // SAFETY: the child goes on alone, and neither returns nor unwinds into the test.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            for stream in listener.incoming() {
                let echo = || echo_behind_proxy(stream.unwrap(), acceptor);
                // A client without descriptors goes away at any point.
                let _gone = catch_unwind(AssertUnwindSafe(echo));
            }
        }
        ServerProcess(child)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let mut status = 0;
        // SAFETY: the child is ours, and the status has room.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, &mut status, 0);
        }
    }
}

fn echo_behind_proxy(stream: TcpStream, acceptor: &SslAcceptor) {
    let mut peer = Peer::from(stream);
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\n\r\n");
    let Ok(mut peer) = peer.try_secure(acceptor, usize::MAX) else {
        return;
    };
    peer.accept();
    while let Some(frame) = peer.try_frame() {
        peer.try_write(Frame::new(frame.opcode, &frame.payload).bytes());
        if frame.opcode == op::CLOSE {
            return;
        }
    }
}

/// Sets how many descriptors the process may have.
fn limit_fds(count: u64) {
    // SAFETY: the limit is ours, first to be written, then to be read.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = count;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

/// With every number of descriptors, from none to enough, through a proxy with TLS: the
/// lack is told, and when there are some the same loop and connection work.
#[test]
fn any_lack_of_descriptors_is_told_and_passes() {
    alone("any_lack_of_descriptors_is_told_and_passes", || {
        const ENOUGH: u64 = 24;
        let authority = Identity::authority();
        let directory = Directory::new("descriptors");
        let trusted = directory.path().join("trusted.pem");
        fs::write(&trusted, authority.pem()).unwrap();
        // SAFETY: no other thread of this process uses its environment yet.
        unsafe { std::env::set_var("SSL_CERT_FILE", &trusted) };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // With a name a resolver is asked, which takes descriptors, too.
        let port = listener.local_addr().unwrap().port();
        let proxies = ["localhost", "127.0.0.1"].map(|host| format!("http://{host}:{port}"));
        let _process = ServerProcess::serve(&listener, &authority.server().acceptor());
        drop(listener);
        let mut lacks = Vec::new();
        let ways = Drive::ALL.map(|drive| proxies.iter().map(move |proxy| (drive, proxy)));
        for (drive, proxy) in ways.into_iter().flatten() {
            for spare in 0..ENOUGH {
                let open = open_fds();
                // Descriptors are the lowest free ones, and the limit is on their numbers.
                limit_fds(open as u64 + spare);
                let told = try_lacking(drive, proxy);
                limit_fds(1024);
                lacks.extend(told);
                eventually("no descriptor is left", || open_fds() <= open);
            }
            assert!(!lacks.is_empty());
        }
        println!("{} lacks of descriptors told", lacks.len());
    });
}

/// Connects with what there is, then with enough; what was told of the lack.
fn try_lacking(drive: Drive, proxy: &str) -> Option<Status> {
    let callbacks = match drive {
        Drive::Thread => Callbacks::OnThread,
        _ => Callbacks::OnDispatch,
    };
    if let Err(status) = Loop::new(callbacks) {
        assert_eq!(status, Status::System);
        return Some(status);
    }
    let client = Client::new(drive, "wss://127.0.0.1/");
    client.set_proxy(proxy).unwrap();
    let told = match client.connect() {
        Ok(()) => talk(&client),
        Err(status) => Some((status, String::from("connect"))),
    };
    if let Some((status, text)) = &told {
        // A resolver without descriptors is one that does not answer.
        let is_told = matches!(status, Status::System | Status::Dns);
        assert!(is_told, "{status:?}: {text}");
    }
    limit_fds(1024);
    client.connect().unwrap();
    assert_eq!(talk(&client), None);
    told.map(|(status, _)| status)
}

/// Opens, echoes and closes, or tells what failed.
fn talk(client: &Client) -> Option<(Status, String)> {
    loop {
        let event = client.next();
        match event.kind {
            EventKind::Connect => {}
            EventKind::Handshake { .. } => client.send_text(b"hello").unwrap(),
            EventKind::Message { data, .. } => {
                assert_eq!(data, &b"hello"[..]);
                client.close(1000, b"").unwrap();
            }
            EventKind::Close { clean: true, .. } => return None,
            EventKind::Error { status, text, .. } => {
                client.expect(EventType::Close);
                return Some((status, text));
            }
            _ => panic!("{event:?}"),
        }
    }
}
