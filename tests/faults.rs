//! A fault at any byte of an attempt: whatever happens to the bytes on their way, the
//! attempt ends, what it tells is in order and true, and nothing is left of it.
//!
//! `WSC_FAULTS=N` tries N offsets for each way, conversation, direction and fault, and
//! every offset where there are no more. `WSC_FAULTS=every` tries all offsets of the brief
//! conversations, and 200 of the long ones. `make faults` does either. The offsets come
//! from `WSC_TEST_SEED`.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use openssl::ssl::{SslAcceptor, SslStream};
use support::fault::{Direction, Fault, FaultProxy, Injection, Passage};
use support::tls::Identity;
use support::{
    Client, DEADLINE, Deflate, Drive, Frame, Peer, Random, allocated_bytes, alone, eventually, op,
    open_fds, threads,
};
use wsc::connection::{Connection, Counter, State};
use wsc::error::{Phase, Status};
use wsc::event::{Event, EventKind, EventType};
use wsc::reconnect::QueuePolicy;

/// The phases that an attempt has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Deflate,
    Tls,
    TlsDeflate,
    Connect,
    Socks,
    SocksPassword,
    /// TLS behind an HTTP proxy.
    ConnectTls,
    SocksTls,
    /// TLS behind a proxy that itself is spoken to with TLS.
    TlsConnectTls,
}

impl Way {
    const ALL: [Way; 10] = [
        Way::Plain,
        Way::Deflate,
        Way::Tls,
        Way::TlsDeflate,
        Way::Connect,
        Way::Socks,
        Way::SocksPassword,
        Way::ConnectTls,
        Way::SocksTls,
        Way::TlsConnectTls,
    ];

    /// Whether nothing that was altered gets through.
    fn is_secure(self) -> bool {
        matches!(
            self,
            Way::Tls | Way::TlsDeflate | Way::ConnectTls | Way::SocksTls | Way::TlsConnectTls
        )
    }

    fn deflates(self) -> bool {
        matches!(self, Way::Deflate | Way::TlsDeflate)
    }
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversation {
    /// So little that every byte can be tried.
    Brief,
    /// Messages that need many reads and writes.
    Long,
}

/// How many of the first bytes of a direction are the handshakes, about.
const BEGINNING: u64 = 2500;
/// The last message of either side.
const BYE: &[u8] = b"bye";

impl Conversation {
    const ALL: [Conversation; 2] = [Conversation::Brief, Conversation::Long];

    /// What the server sends; of each kind and size one.
    fn told_by_server(self) -> Vec<Vec<u8>> {
        let mixed = |i: u32| (i.wrapping_mul(i) >> 7) as u8;
        match self {
            Conversation::Brief => vec![b"small".to_vec(), BYE.to_vec()],
            Conversation::Long => vec![
                b"small".to_vec(),
                Vec::new(),
                (0..100_000_u32).map(mixed).collect(),
                b"regular ".repeat(20_000),
                BYE.to_vec(),
            ],
        }
    }

    /// What the client sends.
    fn told_by_client(self) -> Vec<Vec<u8>> {
        let mixed = |i: u32| (i.wrapping_mul(i) >> 5) as u8;
        match self {
            Conversation::Brief => vec![b"first".to_vec(), BYE.to_vec()],
            Conversation::Long => vec![
                b"first".to_vec(),
                (0..70_000_u32).map(mixed).collect(),
                b"again ".repeat(500),
                BYE.to_vec(),
            ],
        }
    }
}

/// One fault, and what it happens to.
#[derive(Debug, Clone, Copy)]
struct Trial {
    way: Way,
    conversation: Conversation,
    drive: Drive,
    injection: Injection,
    /// The server closes when it has all, else the client does.
    server_closes: bool,
    /// Another attempt follows one that fails.
    reconnects: bool,
}

/// A server that goes on or ends whatever comes.
struct TolerantServer {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    acceptor: JoinHandle<Vec<JoinHandle<Served>>>,
}

/// What a connection was to the server.
#[derive(Debug, Default)]
struct Served {
    messages: Vec<Vec<u8>>,
    /// It has sent a close frame.
    has_closed: bool,
}

impl TolerantServer {
    fn listen(trial: Trial, tls: SslAcceptor) -> TolerantServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let acceptor = thread::spawn(move || {
            let mut scripts = Vec::new();
            loop {
                let (stream, _) = listener.accept().unwrap();
                if ends.load(Ordering::SeqCst) {
                    return scripts;
                }
                let tls = tls.clone();
                scripts.push(thread::spawn(move || {
                    stream.set_read_timeout(Some(3 * DEADLINE)).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let mut served = Served::default();
                    let _lost = serve(trial, stream, &tls, &mut served);
                    served
                }));
            }
        });
        TolerantServer {
            address,
            is_over,
            acceptor,
        }
    }

    fn finish(self) -> Vec<Served> {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).unwrap();
        let scripts = self.acceptor.join().unwrap().into_iter();
        scripts.map(|script| script.join().unwrap()).collect()
    }
}

/// A stream, with what says its end.
trait Layer: Read + Write {
    fn end(&mut self) {}
}

impl Layer for TcpStream {}

impl Layer for SslStream<Box<dyn Layer>> {
    fn end(&mut self) {
        let _gone = self.shutdown();
        self.get_mut().end();
    }
}

/// `None` where the connection is lost or what comes makes no sense.
fn serve(trial: Trial, socket: TcpStream, tls: &SslAcceptor, served: &mut Served) -> Option<()> {
    let mut below = socket.try_clone().ok()?;
    let mut stream: Box<dyn Layer> = Box::new(socket);
    if trial.way == Way::TlsConnectTls {
        stream = Box::new(tls.accept(stream).ok()?);
    }
    stream = act_as_proxy(trial.way, stream)?;
    if trial.way.is_secure() {
        stream = Box::new(tls.accept(stream).ok()?);
    }
    converse(trial, &mut stream, served)?;
    stream.end();
    below.shutdown(Shutdown::Write).ok()?;
    while below.read(&mut [0; 4096]).ok()? > 0 {}
    Some(())
}

fn act_as_proxy(way: Way, mut stream: Box<dyn Layer>) -> Option<Box<dyn Layer>> {
    match way {
        Way::Connect | Way::ConnectTls | Way::TlsConnectTls => {
            read_head(&mut stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        }
        Way::Socks | Way::SocksPassword | Way::SocksTls => {
            let greeting = read_exactly(&mut stream, 2)?;
            read_exactly(&mut stream, greeting[1].into())?;
            if way == Way::SocksPassword {
                stream.write_all(&[5, 2]).ok()?;
                let user = read_exactly(&mut stream, 2)?;
                read_exactly(&mut stream, user[1].into())?;
                let password = read_exactly(&mut stream, 1)?;
                read_exactly(&mut stream, password[0].into())?;
                stream.write_all(&[1, 0]).ok()?;
            } else {
                stream.write_all(&[5, 0]).ok()?;
            }
            // A name with its length in front, or an IPv4 address; and the port.
            let head = read_exactly(&mut stream, 5)?;
            let rest = if head[3] == 3 {
                usize::from(head[4])
            } else {
                3
            };
            read_exactly(&mut stream, rest + 2)?;
            stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).ok()?;
        }
        Way::Plain | Way::Deflate | Way::Tls | Way::TlsDeflate => {}
    }
    Some(stream)
}

fn converse(trial: Trial, stream: &mut (impl Read + Write), served: &mut Served) -> Option<()> {
    let request = String::from_utf8(read_head(stream)?).ok()?;
    let mut deflate = trial.way.deflates().then(|| Deflate::new(15, 15));
    support::field(&request, "Sec-WebSocket-Key")?;
    let lines = match deflate {
        Some(_) => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        None => "",
    };
    stream
        .write_all(Peer::answer(&request, lines).as_bytes())
        .ok()?;
    for message in trial.conversation.told_by_server() {
        let frame = match &mut deflate {
            Some(deflate) => Frame::binary(deflate.compress(&message)).rsv(4),
            None => Frame::binary(&message),
        };
        stream.write_all(&frame.bytes()).ok()?;
    }
    let (mut input, mut pings) = (Vec::new(), 0);
    let got = &mut served.messages;
    loop {
        let Some(frame) = Frame::try_take(&mut input).ok()? else {
            let mut buffer = [0; 16 << 10];
            let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
            input.extend_from_slice(&buffer[..count]);
            continue;
        };
        match frame.opcode {
            op::PING => {
                // To a client that takes all for the rest of a message, the length of which was
                // changed, each pong is a sign of life.
                pings += 1;
                if pings == MAX_PINGS {
                    return None;
                }
                stream
                    .write_all(&Frame::pong(&frame.payload).bytes())
                    .ok()?;
            }
            op::CLOSE if trial.server_closes && frame.payload == CLOSE => return Some(()),
            op::CLOSE => {
                let answer = Frame::new(op::CLOSE, &frame.payload);
                served.has_closed = true;
                return stream.write_all(&answer.bytes()).ok();
            }
            op::BINARY if frame.rsv == 0 => got.push(frame.payload),
            op::BINARY => got.push(deflate.as_mut()?.try_decompress(&frame.payload)?),
            _ => return None,
        }
        if trial.server_closes && got.last().is_some_and(|last| last == BYE) {
            served.has_closed = true;
            stream
                .write_all(&Frame::new(op::CLOSE, CLOSE).bytes())
                .ok()?;
        }
    }
}

/// After how many pings, of one conversation, the server has lost patience.
const MAX_PINGS: u32 = 8;

/// The code with which the server closes: 3000.
const CLOSE: &[u8] = &[0x0b, 0xb8];

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

/// Tries one fault; tells what became of the bytes of the connection, and in which phase
/// it ended.
fn attempt(trial: Trial, authority: &Identity) -> (Passage, Phase) {
    let about = format!("{trial:?}");
    let Trial {
        way,
        conversation,
        injection,
        ..
    } = trial;
    let tls = authority.server().acceptor();
    let server = TolerantServer::listen(trial, tls);
    let proxy = FaultProxy::before(server.address, injection);
    let client = client(trial, proxy.address(), authority);
    let outcomes = run(trial, &client, &about);
    client.assert_quiet();
    let sent_whole = client.counter(Counter::MessagesSent);
    // What was kept for an attempt that was then taken back waits for another.
    let still_kept = client.buffered_amount() > 0;
    drop(client);
    let passage = proxy.finish();
    let served = server.finish();
    let got: Vec<&[Vec<u8>]> = served.iter().map(|it| &it.messages[..]).collect();
    let alters = |direction| {
        injection.fault.alters() && !way.is_secure() && injection.direction == direction
    };

    // What was accepted was taken by the socket or is counted as unsent.
    let accepted: u64 = outcomes.iter().map(|outcome| outcome.accepted).sum();
    let unsent: u64 = outcomes.iter().map(|outcome| outcome.unsent).sum();
    match still_kept {
        true => assert!(
            trial.reconnects && sent_whole + unsent < accepted,
            "{about}"
        ),
        false => assert_eq!(sent_whole + unsent, accepted, "{about}: {outcomes:.200?}"),
    }
    // A changed byte may have made several messages of one.
    let unaltered = got.iter().skip(usize::from(alters(Direction::ToServer)));
    let arrived: usize = unaltered.map(|got| got.len()).sum();
    assert!(
        arrived as u64 <= sent_whole,
        "{about}: more arrived than was sent: {outcomes:?}"
    );
    let (sent, told) = (conversation.told_by_client(), conversation.told_by_server());
    for (number, got) in got.iter().enumerate() {
        if !(number == 0 && alters(Direction::ToServer)) {
            // A later attempt begins with what the one before it did not get rid of.
            let is_right = (0..=sent.len()).any(|kept| {
                let kept = &sent[kept..];
                [kept, &sent].concat().starts_with(got) && (number > 0 || kept.is_empty())
            });
            assert!(is_right, "{about}: the server got others");
        }
    }
    for (number, outcome) in outcomes.iter().enumerate() {
        if !(number == 0 && alters(Direction::ToClient)) {
            assert!(
                told.starts_with(&outcome.received),
                "{about}: the client got others"
            );
            // What is lost is never called a closing in order.
            assert_eq!(outcome.is_clean, outcome.status == Status::Ok, "{about}");
            if outcome.is_clean {
                assert_eq!(outcome.received.len(), told.len(), "{about}");
            }
        }
    }
    // How many, not which: a client of another process may have come to this port by mistake.
    let altered = usize::from(alters(Direction::ToClient));
    let clean = outcomes.iter().skip(altered).filter(|it| it.is_clean);
    let closed = served.iter().filter(|it| it.has_closed);
    assert!(
        clean.count() <= closed.count(),
        "{about}: {outcomes:.200?}, {served:.200?}"
    );
    // A freeze is told by nobody: a deadline ends the attempt, if the server has not closed.
    if injection.fault == Fault::Freeze && passage.struck {
        let Outcome { status, phase, .. } = outcomes[0];
        assert!(
            status == Status::Timeout || status == Status::Ok || phase == Phase::Closing,
            "{about}: {status:?} in {phase:?}"
        );
    }
    let has_sent_all = outcomes[0].accepted == sent.len() as u64;
    if outcomes[0].is_clean && has_sent_all && !injection.fault.alters() {
        assert!(got.contains(&&sent[..]), "{about}: the server lacks some");
    }
    if injection.fault.is_harmless() {
        // A server that goes away is come back to.
        let comes_back = trial.reconnects && trial.server_closes;
        assert_eq!(outcomes.len(), 1 + usize::from(comes_back), "{about}");
        let outcome = &outcomes[0];
        assert_eq!(outcome.status, Status::Ok, "{about}: {outcome:.200?}");
        assert!(outcome.is_clean, "{about}: {outcome:.200?}");
        assert_eq!(got[0].len(), sent.len(), "{about}");
        assert_eq!(outcome.received.len(), told.len(), "{about}");
    }
    if let [_, .., last] = &outcomes[..]
        && got.len() == outcomes.len()
        // A late close of the first attempt may meet the second, which the loop's own thread,
        // or the one that stands in for the host, has begun.
        && (last.status != Status::Aborted || trial.drive == Drive::Poll)
    {
        // Nothing happens to what comes after the first.
        assert_eq!(last.status, Status::Ok, "{about}: {outcomes:.200?}");
        assert_eq!(last.received.len(), told.len(), "{about}");
        // The server may have closed after what was kept; and what follows a late close
        // is refused.
        let has_all = got.last().is_some_and(|got| got.ends_with(&sent));
        let is_refused = last.accepted < sent.len() as u64;
        assert!(
            has_all || trial.server_closes || (is_refused && trial.drive != Drive::Poll),
            "{about}: {outcomes:.200?}, {:?}",
            got.iter().map(|got| got.len()).collect::<Vec<_>>()
        );
    }
    (passage, outcomes[0].phase)
}

fn client(trial: Trial, address: SocketAddr, authority: &Identity) -> Client {
    let url = match trial.way {
        Way::Plain | Way::Deflate => format!("ws://{address}/"),
        Way::Tls | Way::TlsDeflate => format!("wss://{address}/"),
        Way::Connect | Way::Socks | Way::SocksPassword => "ws://nowhere.example/".into(),
        Way::ConnectTls | Way::SocksTls | Way::TlsConnectTls => "wss://127.0.0.1/".into(),
    };
    let client = Client::new(trial.drive, &url);
    client
        .set_tls(|tls| {
            tls.system_roots = false;
            tls.add_ca(&authority.pem())
        })
        .unwrap();
    let proxy = match trial.way {
        Way::Connect | Way::ConnectTls => format!("http://{address}"),
        Way::TlsConnectTls => format!("https://{address}"),
        Way::Socks | Way::SocksTls => format!("socks5://{address}"),
        Way::SocksPassword => format!("socks5://me:secret@{address}"),
        Way::Plain | Way::Deflate | Way::Tls | Way::TlsDeflate => String::new(),
    };
    client.set_proxy(&proxy).unwrap();
    client.set_deflate(trial.way.deflates()).unwrap();
    client
        .set_reconnect(|policy| {
            policy.enabled = trial.reconnects;
            policy.max_attempts = Some(1);
            policy.queue = QueuePolicy::Keep;
            policy.set_delays(Duration::from_millis(1), Duration::from_millis(1))
        })
        .unwrap();
    // Where every byte arrives no deadline may decide, however slow the machine is.
    if !trial.injection.fault.is_harmless() {
        set_deadlines(&client, Some(Duration::from_millis(400)));
        // Nothing happens to a later attempt, which may take its time.
        if trial.drive != Drive::Poll {
            client.on(EventType::Reconnect, |connection, _| {
                set_deadlines(connection, Some(DEADLINE));
            });
        }
    }
    client
}

fn set_deadlines(connection: &Connection, timeout: Option<Duration>) {
    for phase in [Phase::Tcp, Phase::Proxy, Phase::Tls] {
        connection.set_phase_timeout(phase, timeout).unwrap();
    }
    connection.set_handshake_timeout(timeout).unwrap();
    connection.set_close_timeout(timeout).unwrap();
    connection.set_ping_interval(timeout).unwrap();
    connection.set_pong_timeout(timeout).unwrap();
}

/// How an attempt went.
#[derive(Debug)]
struct Outcome {
    received: Vec<Vec<u8>>,
    accepted: u64,
    status: Status,
    phase: Phase,
    is_clean: bool,
    unsent: u64,
}

/// Connects, and goes on until no attempt follows.
fn run(trial: Trial, client: &Client, about: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    client.connect().unwrap();
    loop {
        outcomes.push(run_attempt(trial, client, about));
        // The loop's own thread may be further already, even with the last attempt.
        let event = match client.state() {
            State::Closed => match client.host.arrived() {
                Some(event) => event,
                None => return outcomes,
            },
            _ => client.next(),
        };
        assert!(trial.reconnects, "{about}: {outcomes:.200?}");
        assert!(matches!(event.kind, EventKind::Reconnect), "{about}");
        if trial.drive == Drive::Poll {
            set_deadlines(client, Some(DEADLINE));
        }
        // A late close may have taken back what was announced.
        if client.state() == State::Closed && !client.host.has_arrived() {
            return outcomes;
        }
    }
}

/// Sends all, and closes after the server's last message, if the server does not.
fn run_attempt(trial: Trial, client: &Client, about: &str) -> Outcome {
    let (mut received, mut accepted, mut pongs) = (Vec::new(), 0, 0);
    let mut before: Option<Event> = None;
    let begun = Instant::now();
    loop {
        let event = client.next();
        // The deadlines come to two seconds.
        assert!(begun.elapsed() < DEADLINE, "{about}: it does not end");
        check_order(before.as_ref(), &event, about);
        match &event.kind {
            EventKind::Handshake { .. } => {
                for message in trial.conversation.told_by_client() {
                    // Refused where the connection is lost already.
                    accepted += u64::from(client.send_binary(&message).is_ok());
                }
            }
            EventKind::Message { data, .. } => {
                received.push(data.to_vec());
                if data == BYE && !trial.server_closes {
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
            EventKind::Error {
                status,
                phase,
                text,
                ..
            } => {
                assert!(
                    *status != Status::Panic && !text.is_empty(),
                    "{about}: {text}"
                );
                let phases: &[Phase] = match before.as_ref().map(Event::event_type) {
                    None => &[Phase::Tcp, Phase::Proxy],
                    Some(EventType::Connect) => &[Phase::Tls, Phase::Upgrade],
                    _ => &[Phase::Open, Phase::Closing],
                };
                assert!(
                    phases.contains(phase),
                    "{about}: {phase:?} after {before:.100?}: {text}"
                );
            }
            EventKind::Close {
                status,
                phase,
                clean,
                unsent,
                ..
            } => {
                if let Some(EventKind::Error {
                    status: error,
                    phase: failed_in,
                    ..
                }) = before.map(|before| before.kind)
                {
                    assert_eq!((error, failed_in), (*status, *phase), "{about}");
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
                    phase: *phase,
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

/// The offsets to try in so many bytes.
fn offsets(total: u64, tries: u64, random: &mut Random) -> Vec<u64> {
    if total <= tries {
        return (0..total).collect();
    }
    let mut offset = || match random.below(8) {
        // The closing is at the end.
        0 => total.saturating_sub(1 + random.below(40)),
        1..4 => random.below(total),
        _ => random.below(total.min(BEGINNING)),
    };
    (0..tries).map(|_| offset()).collect()
}

/// Says in which trial a panic came that cannot say it.
struct ToldOnPanic<'a>(&'a Trial);

impl Drop for ToldOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("in {:?}", self.0);
        }
    }
}

/// Tries each in one of several threads: most of them wait for a deadline. Notes the faults
/// that came to happen, and in which phase their attempts ended.
fn try_all(trials: &[Trial], authority: &Identity, struck: &Mutex<Vec<(Fault, Phase)>>) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _told = ToldOnPanic(trial);
                    let (passage, phase) = attempt(*trial, authority);
                    if passage.struck {
                        let mut struck = struck.lock().unwrap();
                        struck.push((trial.injection.fault, phase));
                    }
                }
            });
        }
    });
}

#[test]
fn any_fault_at_any_byte_ends_well() {
    alone("any_fault_at_any_byte_ends_well", || {
        let tries = |conversation| match std::env::var("WSC_FAULTS").as_deref() {
            Ok("every") if conversation == Conversation::Brief => u64::MAX,
            Ok("every") => 200,
            Ok(tries) => tries.parse().expect("WSC_FAULTS is a number, or `every`"),
            Err(_) => 1,
        };
        let mut random = Random::new();
        // Reading the system's authorities, which it does not use, would take most of the time
        // of an attempt.
        // SAFETY: nobody reads the environment yet.
        unsafe { std::env::set_var("SSL_CERT_FILE", "/dev/null") };
        let authority = Identity::authority();
        let (fds, count) = (open_fds(), threads());
        let mut trials = Vec::new();
        for (way, conversation) in Way::ALL
            .into_iter()
            .flat_map(|way| Conversation::ALL.map(|conversation| (way, conversation)))
        {
            let mut trial = Trial {
                way,
                conversation,
                drive: Drive::Poll,
                injection: Injection {
                    fault: Fault::None,
                    direction: Direction::ToClient,
                    offset: 0,
                },
                server_closes: false,
                reconnects: false,
            };
            let passed = attempt(trial, &authority).0.bytes;
            for fault in Fault::ALL {
                for (direction, total) in Direction::BOTH.into_iter().zip(passed) {
                    for offset in offsets(total, tries(conversation), &mut random) {
                        trial.injection = Injection {
                            fault,
                            direction,
                            offset,
                        };
                        trial.drive = Drive::ALL[random.below(3) as usize];
                        trial.server_closes = random.below(2) == 0;
                        trial.reconnects = random.below(2) == 0;
                        trials.push(trial);
                    }
                }
            }
        }
        // The first ones leave what stays for good, such as OpenSSL's tables. What leaks, wherever
        // it does, grows with every batch; what is left by chance, in threads' caches, does not.
        random.shuffle(&mut trials);
        let struck = Mutex::new(Vec::with_capacity(trials.len()));
        let mut before = allocated_bytes();
        let mut growth = Vec::new();
        for batch in trials.chunks(trials.len().div_ceil(4)) {
            try_all(batch, &authority, &struck);
            growth.push(allocated_bytes() as i64 - before as i64);
            before = allocated_bytes();
        }
        let struck = struck.into_inner().unwrap();
        println!(
            "{} faults injected, {} came to happen; bytes more after each quarter: {growth:?}",
            trials.len(),
            struck.len()
        );
        eventually("nothing is left", || {
            open_fds() <= fds && threads() <= count
        });
        let least = growth.iter().skip(1).min().copied().unwrap_or_default();
        assert!(
            least < 32 << 10,
            "at least {least} bytes more after each quarter"
        );
        // The length of a handshake varies, and some deadline passes on a busy machine.
        for fault in Fault::ALL {
            let tried = trials.iter().filter(|trial| trial.injection.fault == fault);
            let struck = struck.iter().filter(|struck| struck.0 == fault).count();
            assert!(struck > tried.count() / 2, "{fault:?}: {struck}");
        }
        // A connect itself cannot be spoilt here: see tests/dead_network.rs.
        for phase in [
            Phase::Proxy,
            Phase::Tls,
            Phase::Upgrade,
            Phase::Open,
            Phase::Closing,
        ] {
            let ended = struck.iter().filter(|struck| struck.1 == phase).count();
            println!("{ended} of the struck attempts ended in {phase:?}");
            assert!(ended > 0 || trials.len() < 1000, "none ended in {phase:?}");
        }
    });
}
