//! A fault at any byte of an attempt: whatever happens to the bytes on their way, the
//! attempt ends, what it tells is in order and true, and nothing is left of it.
//!
//! `WSC_FAULTS=N` tries N offsets for each way, direction and fault; `make faults` does
//! that. The offsets come from `WSC_TEST_SEED`.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use openssl::ssl::SslAcceptor;
use support::fault::{Direction, Fault, FaultProxy, Injection};
use support::tls::Identity;
use support::{
    Client, DEADLINE, Deflate, Drive, Frame, Peer, Random, alone, eventually, op, open_fds, threads,
};
use wsc::error::Status;
use wsc::event::{Event, EventKind};

/// The phases that an attempt has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Deflate,
    Tls,
    Socks,
    /// TLS behind an HTTP proxy.
    ProxyTls,
}

impl Way {
    const ALL: [Way; 5] = [
        Way::Plain,
        Way::Deflate,
        Way::Tls,
        Way::Socks,
        Way::ProxyTls,
    ];

    fn is_secure(self) -> bool {
        matches!(self, Way::Tls | Way::ProxyTls)
    }
}

/// How many of the first bytes of a direction are the handshakes, about.
const BEGINNING: u64 = 2500;
/// The server's last message.
const BYE: &[u8] = b"bye";

/// What the server sends; of each kind and size one.
fn from_server() -> Vec<Vec<u8>> {
    vec![
        b"small".to_vec(),
        Vec::new(),
        (0..100_000_u32)
            .map(|i| (i.wrapping_mul(i) >> 7) as u8)
            .collect(),
        b"regular ".repeat(20_000),
        BYE.to_vec(),
    ]
}

/// What the client sends.
fn from_client() -> Vec<Vec<u8>> {
    vec![
        b"first".to_vec(),
        (0..70_000_u32)
            .map(|i| (i.wrapping_mul(i) >> 5) as u8)
            .collect(),
        b"again ".repeat(500),
        b"last".to_vec(),
    ]
}

/// The server for one connection. Whatever comes, it goes on or ends; it returns the
/// messages that it got.
struct TolerantServer {
    address: SocketAddr,
    script: JoinHandle<Vec<Vec<u8>>>,
}

impl TolerantServer {
    fn listen(way: Way, acceptor: SslAcceptor) -> TolerantServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(3 * DEADLINE)).unwrap();
            stream.set_nodelay(true).unwrap();
            let mut got = Vec::new();
            let _lost = speak(way, stream, &acceptor, &mut got);
            got
        });
        TolerantServer { address, script }
    }
}

/// `None` where the connection is lost or what comes makes no sense.
fn speak(
    way: Way,
    mut stream: TcpStream,
    acceptor: &SslAcceptor,
    got: &mut Vec<Vec<u8>>,
) -> Option<()> {
    match way {
        Way::Socks => {
            read_exactly(&mut stream, 3)?;
            stream.write_all(&[5, 0]).ok()?;
            // The name of the server, with its length in front.
            let head = read_exactly(&mut stream, 5)?;
            read_exactly(&mut stream, usize::from(head[4]) + 2)?;
            stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).ok()?;
        }
        Way::ProxyTls => {
            read_head(&mut stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        }
        Way::Plain | Way::Deflate | Way::Tls => {}
    }
    if way.is_secure() {
        let mut tls = acceptor.accept(stream).ok()?;
        converse(way, &mut tls, got)?;
        let _gone = tls.shutdown();
        tls.get_ref().shutdown(std::net::Shutdown::Write).ok()?;
        drain(tls.get_mut())
    } else {
        converse(way, &mut stream, got)?;
        stream.shutdown(std::net::Shutdown::Write).ok()?;
        drain(&mut stream)
    }
}

fn converse(way: Way, stream: &mut (impl Read + Write), got: &mut Vec<Vec<u8>>) -> Option<()> {
    let request = String::from_utf8(read_head(stream)?).ok()?;
    let mut deflate = (way == Way::Deflate).then(|| Deflate::new(15, 15));
    support::field(&request, "Sec-WebSocket-Key")?;
    let lines = match deflate {
        Some(_) => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        None => "",
    };
    stream
        .write_all(Peer::answer(&request, lines).as_bytes())
        .ok()?;
    for message in from_server() {
        let frame = match &mut deflate {
            Some(deflate) => Frame::binary(deflate.compress(&message)).rsv(4),
            None => Frame::binary(&message),
        };
        stream.write_all(&frame.bytes()).ok()?;
    }
    let mut input = Vec::new();
    loop {
        let Some(frame) = Frame::try_take(&mut input).ok()? else {
            let mut buffer = [0; 16 << 10];
            let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
            input.extend_from_slice(&buffer[..count]);
            continue;
        };
        match frame.opcode {
            op::PING => stream
                .write_all(&Frame::pong(&frame.payload).bytes())
                .ok()?,
            op::CLOSE => {
                let answer = Frame::new(op::CLOSE, &frame.payload);
                return stream.write_all(&answer.bytes()).ok();
            }
            op::BINARY if frame.rsv == 0 => got.push(frame.payload),
            op::BINARY => got.push(deflate.as_mut()?.try_decompress(&frame.payload)?),
            _ => return None,
        }
    }
}

fn read_exactly(stream: &mut impl Read, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn read_head(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        head.extend(read_exactly(stream, 1)?);
    }
    Some(head)
}

fn drain(stream: &mut impl Read) -> Option<()> {
    while stream.read(&mut [0; 4096]).ok()? > 0 {}
    Some(())
}

/// One attempt with that fault; returns how many bytes passed in each direction.
fn attempt(way: Way, drive: Drive, injection: Injection, authority: &Identity) -> [u64; 2] {
    let about = format!("{way:?} {drive:?} {injection:?}");
    let server = TolerantServer::listen(way, authority.server().acceptor());
    let proxy = FaultProxy::before(server.address, injection);
    let client = client(way, drive, injection.fault, proxy.address(), authority);
    let outcome = run(&client, &about);
    client.assert_quiet();
    let sent_whole = client.counter(wsc::connection::Counter::MessagesSent);
    drop(client);
    let passed = proxy.finish();
    let got = server.script.join().unwrap();
    let alters = injection.fault.alters() && !way.is_secure();

    // What was accepted was taken by the socket or is counted as unsent.
    assert_eq!(
        sent_whole + outcome.unsent,
        outcome.accepted as u64,
        "{about}: {outcome:?}"
    );
    let sent = from_client();
    assert!(
        got.len() as u64 <= sent_whole,
        "{about}: more arrived than was sent: {outcome:?}"
    );
    if !(alters && injection.direction == Direction::ToServer) {
        assert!(sent.starts_with(&got), "{about}: the server got others");
    }
    if !(alters && injection.direction == Direction::ToClient) {
        assert!(
            from_server().starts_with(&outcome.received),
            "{about}: the client got others"
        );
    }
    if injection.fault.is_harmless() {
        assert_eq!(outcome.status, Status::Ok, "{about}: {outcome:?}");
        assert!(outcome.is_clean, "{about}: {outcome:?}");
        assert_eq!(got.len(), sent.len(), "{about}");
        assert_eq!(outcome.received.len(), from_server().len(), "{about}");
    }
    passed
}

fn client(
    way: Way,
    drive: Drive,
    fault: Fault,
    address: SocketAddr,
    authority: &Identity,
) -> Client {
    let url = match way {
        Way::Plain | Way::Deflate => format!("ws://{address}/"),
        Way::Tls => format!("wss://{address}/"),
        Way::Socks => "ws://nowhere.example/".into(),
        Way::ProxyTls => "wss://127.0.0.1/".into(),
    };
    let client = Client::new(drive, &url);
    client
        .set_tls(|tls| {
            tls.system_roots = false;
            tls.add_ca(&authority.pem())
        })
        .unwrap();
    match way {
        Way::Socks => client.set_proxy(&format!("socks5://{address}")).unwrap(),
        Way::ProxyTls => client.set_proxy(&format!("http://{address}")).unwrap(),
        Way::Deflate => client.set_deflate(true).unwrap(),
        Way::Plain | Way::Tls => {}
    }
    // Where every byte arrives no deadline may decide, however slow the machine is.
    if !fault.is_harmless() {
        let short = Some(Duration::from_millis(400));
        client.set_connect_timeout(short).unwrap();
        client.set_handshake_timeout(short).unwrap();
        client.set_close_timeout(short).unwrap();
        client.set_ping_interval(short).unwrap();
        client.set_pong_timeout(short).unwrap();
    }
    client
}

/// How an attempt went.
#[derive(Debug)]
struct Outcome {
    received: Vec<Vec<u8>>,
    accepted: usize,
    status: Status,
    is_clean: bool,
    unsent: u64,
}

/// Connects, sends all, and closes after the server's last message.
fn run(client: &Client, about: &str) -> Outcome {
    let (mut received, mut accepted, mut pongs) = (Vec::new(), 0, 0);
    let mut before: Option<Event> = None;
    client.connect().unwrap();
    loop {
        let event = client.next();
        check_order(before.as_ref(), &event, about);
        match &event.kind {
            EventKind::Handshake { .. } => {
                for message in from_client() {
                    // Refused where the connection is lost already.
                    accepted += usize::from(client.send_binary(&message).is_ok());
                }
            }
            EventKind::Message { data, .. } => {
                received.push(data.to_vec());
                if data == BYE {
                    let _lost = client.close(1000, b"");
                }
            }
            // A changed byte may have made another message of the last.
            EventKind::Pong(_) => {
                pongs += 1;
                if pongs == 5 {
                    let _lost = client.close(1000, b"");
                }
            }
            EventKind::Close {
                status,
                clean,
                unsent,
                ..
            } => {
                if let Some(EventKind::Error { status: error, .. }) =
                    before.map(|before| before.kind)
                {
                    assert_eq!(error, *status, "{about}");
                } else {
                    assert!(
                        *status == Status::Ok || *status == Status::Aborted,
                        "{about}: no error told of {status:?}"
                    );
                }
                return Outcome {
                    received,
                    accepted,
                    status: *status,
                    is_clean: *clean,
                    unsent: *unsent,
                };
            }
            _ => {}
        }
        before = Some(event);
    }
}

/// CONNECT, HANDSHAKE, what is received, ERROR, CLOSE.
fn check_order(before: Option<&Event>, event: &Event, about: &str) {
    let rank = |event: &Event| match event.kind {
        EventKind::Connect => 1,
        EventKind::Handshake { .. } => 2,
        EventKind::Error { .. } => 4,
        EventKind::Close { .. } => 5,
        _ => 3,
    };
    let (old, new) = (before.map_or(0, rank), rank(event));
    let is_next = old < new || (old, new) == (3, 3);
    assert!(
        is_next && (new != 3 || old >= 2),
        "{about}: {event:.100?} after {before:.100?}"
    );
}

#[test]
fn any_fault_at_any_byte_ends_well() {
    alone("any_fault_at_any_byte_ends_well", || {
        let tries = match std::env::var("WSC_FAULTS") {
            Ok(tries) => tries.parse().expect("WSC_FAULTS is a number"),
            Err(_) => 2,
        };
        let mut random = Random::new();
        let authority = Identity::authority();
        let none = Injection {
            fault: Fault::None,
            direction: Direction::ToClient,
            offset: 0,
        };
        let (fds, count) = (open_fds(), threads());
        let mut jobs = Vec::new();
        for way in Way::ALL {
            let passed = attempt(way, Drive::Poll, none, &authority);
            for fault in Fault::ALL {
                for (direction, total) in Direction::BOTH.into_iter().zip(passed) {
                    for _ in 0..tries {
                        let below = match random.below(3) {
                            0 => total,
                            _ => total.min(BEGINNING),
                        };
                        let offset = match random.below(8) {
                            // The closing is at the end.
                            0 => total.saturating_sub(1 + random.below(40)),
                            _ => random.below(below),
                        };
                        let injection = Injection {
                            fault,
                            direction,
                            offset,
                        };
                        let drive = Drive::ALL[random.below(3) as usize];
                        jobs.push((way, drive, injection));
                    }
                }
            }
        }
        let (injected, next) = (jobs.len(), AtomicUsize::new(0));
        // Most of them wait for a deadline.
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    while let Some(&(way, drive, injection)) =
                        jobs.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        attempt(way, drive, injection, &authority);
                    }
                });
            }
        });
        println!("{injected} faults injected");
        eventually("nothing is left", || {
            open_fds() <= fds && threads() <= count
        });
    });
}
