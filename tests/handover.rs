//! Who turns the loop, and when: the host, the standby thread, or a callback in
//! between. No event and no byte may be left behind while the host sleeps.

mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;
use support::*;
use wsc::connection::{Connection, Counter};
use wsc::error::Status;
use wsc::event::EventType;

// --- a host that does not wait ---

#[test]
fn a_message_of_several_reads_comes_with_one_poll() {
    bounded(|| {
        let client = Client::new(Drive::Poll, "ws://localhost/");
        let (own, other) = UnixStream::pair().unwrap();
        SockRef::from(&other).set_send_buffer_size(1 << 20).unwrap();
        client.set_socket(OwnedFd::from(own)).unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let mut peer = Peer::on_unix(other);
        peer.accept();
        client.expect(EventType::Handshake);
        // More than two reads take, and all of it in the socket when this returns.
        peer.send(&Frame::binary(vec![1; 320 << 10]));
        assert_eq!(client.host.poll(1, Duration::ZERO), 1);
        assert_eq!(client.message().1.len(), 320 << 10);
    });
}

// --- a host that sleeps on the fd ---

/// How the host sleeps and what it does when it wakes.
#[derive(Debug, Clone, Copy)]
enum Sleeper {
    /// `select`, then one event: the rest must keep the fd readable.
    SelectPollOne,
    /// `select`, then `dispatch`.
    SelectDispatch,
    /// An edge-triggered epoll, then polls until none is left.
    EdgePollAll,
}

/// What a server does in one round.
struct Round {
    /// Messages that the host sent it first.
    awaited: usize,
    messages: u64,
    /// Whether a FIN comes right behind the messages.
    fin: bool,
}

/// A server that plays its rounds, and counts the events the host is owed for
/// what has been written.
fn play_rounds(
    server: Server,
    rounds: Receiver<Round>,
    owed: Arc<AtomicUsize>,
    mut random: Random,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let owe = |events: usize| owed.fetch_add(events, Ordering::SeqCst);
        let accept = || {
            let mut peer = server.accept();
            peer.accept();
            owe(2); // connect, handshake
            peer
        };
        let mut peer = accept();
        for round in rounds {
            for _ in 0..round.awaited {
                peer.text();
            }
            let mut bytes = Vec::new();
            for _ in 0..round.messages {
                let size = match random.below(50) {
                    0 => 70_000, // more than one read
                    kind => [0, 1, 64, 1000][kind as usize % 4],
                };
                bytes.extend(Frame::binary(vec![1; size]).bytes());
            }
            if round.fin {
                peer.write(bytes);
                peer.half_close();
                owe(round.messages as usize + 2); // error, close
                peer.until_gone();
                peer = accept();
                continue;
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(1 + random.below(rest.len() as u64) as usize);
                peer.write(piece);
                rest = more;
                spin(random.below(50));
            }
            owe(round.messages as usize);
        }
    })
}

/// Stays busy for some microseconds.
fn spin(microseconds: u64) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_micros(microseconds) {
        std::hint::spin_loop();
    }
}

fn assert_never_oversleeps(sleeper: Sleeper, rounds: usize) {
    const CONNECTIONS: usize = 2;
    let drive = match sleeper {
        Sleeper::SelectDispatch => Drive::Dispatch,
        Sleeper::SelectPollOne | Sleeper::EdgePollAll => Drive::Poll,
    };
    let mut random = Random::new();
    let host = Host::new(drive);
    host.event_loop
        .set_standby_grace(Some(Duration::from_millis(1)))
        .unwrap();
    let fd = host.event_loop.fd().unwrap();
    let edge = EdgeWatch::new(fd);
    let owed = Arc::new(AtomicUsize::new(0));
    let mut servers: Vec<(Arc<Connection>, Sender<Round>, JoinHandle<()>)> = Vec::new();
    for _ in 0..CONNECTIONS {
        let server = Server::listen();
        let connection = host.connection(&server.url());
        connection.connect().unwrap();
        let (go, orders) = mpsc::channel();
        servers.push((
            connection,
            go,
            play_rounds(server, orders, owed.clone(), random.fork()),
        ));
    }

    let mut due = CONNECTIONS * 2; // connect, handshake
    let mut seen = 0;
    for round in 0..rounds {
        for (connection, go, _) in &servers {
            if random.below(3) == 0 && round > 0 {
                continue;
            }
            let awaited = [0, 0, 1, 3][random.below(4) as usize];
            for _ in 0..awaited {
                connection.send_text(b"from the host").unwrap();
            }
            let messages = 1 + random.below(5);
            let fin = random.below(8) == 0;
            due += messages as usize + if fin { 4 } else { 0 };
            go.send(Round {
                awaited,
                messages,
                fin,
            })
            .unwrap();
        }
        let mut naps = 0;
        while seen < due {
            if random.below(6) == 0 {
                spin(random.below(2500)); // busy elsewhere: the standby may step in
            }
            let nap = Duration::from_secs(2);
            let woken = match sleeper {
                Sleeper::EdgePollAll => edge.wait(nap),
                Sleeper::SelectPollOne | Sleeper::SelectDispatch => readable(fd, nap),
            };
            if !woken {
                let owed = owed.load(Ordering::SeqCst);
                assert!(
                    owed <= seen,
                    "asleep with {} events pending, round {round}, {sleeper:?}",
                    owed - seen
                );
                naps += 1;
                assert!(
                    naps < 5,
                    "nothing happens any more, round {round}, {sleeper:?}"
                );
            }
            match sleeper {
                Sleeper::SelectPollOne => {
                    host.poll(1, Duration::ZERO);
                }
                Sleeper::SelectDispatch => host.turn(Duration::ZERO),
                Sleeper::EdgePollAll => {
                    while host.poll(1 + random.below(3) as usize, Duration::ZERO) > 0 {}
                }
            }
            while let Some(event) = host.arrived() {
                seen += 1;
                if event.event_type() == EventType::Close {
                    let closed = servers
                        .iter()
                        .find(|(connection, ..)| connection.id() == event.conn_id);
                    closed.unwrap().0.reconnect(Duration::ZERO).unwrap();
                }
            }
            host.forget();
        }
        assert_eq!(seen, due, "more events than were sent");
    }
    for (connection, go, server) in servers {
        drop(go);
        server.join().unwrap();
        connection.free();
    }
}

#[test]
fn a_host_in_select_that_polls_one_event_never_oversleeps() {
    bounded(|| assert_never_oversleeps(Sleeper::SelectPollOne, 2000));
}

#[test]
fn a_host_in_select_that_dispatches_never_oversleeps() {
    bounded(|| assert_never_oversleeps(Sleeper::SelectDispatch, 2000));
}

#[test]
fn a_host_with_an_edge_triggered_loop_never_oversleeps() {
    bounded(|| assert_never_oversleeps(Sleeper::EdgePollAll, 2000));
}

#[test]
fn the_fd_is_readable_while_events_wait_and_quiet_when_none_do() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let fd = client.host.event_loop.fd().unwrap();
        let mut peer = client.open(&server);
        for _ in 0..20 {
            peer.send_all(&[Frame::text("one"), Frame::text("two"), Frame::text("three")]);
            for _ in 0..3 {
                assert!(readable(fd, DEADLINE));
                while client.host.poll(1, Duration::ZERO) == 0 {}
            }
            // A turn that has nothing left to tell lowers it.
            let mut quiet = false;
            for _ in 0..20 {
                assert_eq!(client.host.poll(10, Duration::ZERO), 0);
                if !readable(fd, Duration::from_millis(20)) {
                    quiet = true;
                    break;
                }
            }
            assert!(quiet, "readable for ever with nothing to tell");
        }
    });
}

#[test]
fn a_wake_keeps_the_fd_readable_until_the_host_comes() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let event_loop = &client.host.event_loop;
        event_loop
            .set_standby_grace(Some(Duration::from_millis(1)))
            .unwrap();
        let fd = event_loop.fd().unwrap();
        let mut peer = client.open(&server);
        let trickle = Frame::text([b'x'; 100]).bytes();
        for byte in trickle.chunks(1).take(50) {
            event_loop.wake().unwrap();
            assert!(readable(fd, DEADLINE));
            // The standby turns for this byte, and must not take the wake for itself.
            let before = client.counter(Counter::BytesReceived);
            peer.write(byte);
            eventually("the standby read it", || {
                client.counter(Counter::BytesReceived) > before
            });
            spin(100);
            assert!(readable(fd, Duration::ZERO), "the wake is lost");
            assert_eq!(client.host.poll(10, Duration::ZERO), 0);
        }
    });
}

#[test]
fn an_idle_loop_uses_no_processor_time() {
    alone("an_idle_loop_uses_no_processor_time", || {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let _peer = client.open(&server);
            let fd = client.host.event_loop.fd().unwrap();
            client.assert_quiet();
            let before = cpu_time();
            let woken = readable(fd, Duration::from_millis(700));
            if drive != Drive::Thread {
                assert!(!woken, "woken for nothing");
            }
            thread::sleep(Duration::from_millis(300)); // whatever spins has time to show
            let used = cpu_time() - before;
            assert!(
                used < Duration::from_millis(200),
                "{used:?} of processor time in an idle second, {drive:?}"
            );
        }
    });
}

#[test]
fn a_host_that_waits_in_poll_or_dispatch_is_woken_by_events() {
    bounded(|| {
        for drive in [Drive::Poll, Drive::Dispatch] {
            let server = Server::listen().serve(|mut peer| {
                peer.accept();
                for _ in 0..200 {
                    let text = peer.text();
                    peer.send(&Frame::text(text));
                }
                peer.send(&Frame::close(1000, ""));
                peer.close_code();
            });
            let client = Client::new(drive, &server.url());
            client.connect().unwrap();
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            for index in 0..200 {
                client.send_text(index.to_string().as_bytes()).unwrap();
                assert_eq!(client.text(), index.to_string()); // waits in the library
            }
            assert!(client.end().clean);
        }
    });
}

#[test]
fn a_send_from_another_thread_reaches_a_host_that_sleeps() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.host.event_loop.set_standby_grace(None).unwrap(); // only the host may flush
        let mut peer = client.open(&server);
        let connection = client.connection.clone();
        let sender = thread::spawn(move || {
            for index in 0..1000 {
                connection.send_text(index.to_string().as_bytes()).unwrap();
            }
        });
        let reader = thread::spawn(move || {
            for index in 0..1000 {
                assert_eq!(peer.text(), index.to_string());
            }
        });
        let fd = client.host.event_loop.fd().unwrap();
        client.until("everything arrived", || {
            readable(fd, Duration::from_millis(100));
            reader.is_finished()
        });
        sender.join().unwrap();
        reader.join().unwrap();
    });
}

/// In each round another thread does what `act` says with one connection and its
/// peer, which ends up as one message for the host; a message on a second one makes
/// the host turn meanwhile. The host sleeps in `select` between its polls.
fn assert_calls_meet_turns(
    mut act: impl FnMut(&Connection, &mut Peer, &mut Random) + Send + 'static,
) {
    let mut random = Random::new();
    let (host, server) = (Host::new(Drive::Poll), Server::listen());
    // The standby would make good a lost wake-up some milliseconds later.
    host.event_loop.set_standby_grace(None).unwrap();
    let fd = host.event_loop.fd().unwrap();
    let open = || {
        let connection = host.connection(&server.url());
        // Where a tool makes all of it slow, a ping would come between.
        connection.set_ping_interval(None).unwrap();
        connection.connect().unwrap();
        host.expect(EventType::Connect);
        let mut peer = server.accept();
        peer.accept();
        host.expect(EventType::Handshake);
        (connection, peer)
    };
    let ((called, mut its_peer), (_other, mut other_peer)) = (open(), open());
    let (call, orders) = mpsc::channel();
    let mut pauses = random.fork();
    let caller = thread::spawn(move || {
        for () in orders {
            act(&called, &mut its_peer, &mut pauses);
        }
    });
    let (go, orders) = mpsc::channel();
    let turner = thread::spawn(move || {
        for () in orders {
            spin(random.below(50));
            other_peer.send(&Frame::text("makes the host turn"));
        }
    });
    for round in 0..4000 {
        call.send(()).unwrap();
        go.send(()).unwrap();
        let mut seen = 0;
        while seen < 2 {
            let woken = readable(fd, DEADLINE / 2);
            assert!(woken, "asleep with something pending, round {round}");
            host.poll(8, Duration::ZERO);
            while host.arrived().is_some() {
                seen += 1;
            }
            host.forget();
        }
    }
    drop((call, go));
    caller.join().unwrap();
    turner.join().unwrap();
}

#[test]
fn threads_that_always_call_do_not_keep_a_loop_from_the_rest() {
    bounded(|| {
        let host = Host::new(Drive::Thread);
        let server = Server::listen();
        let connections: Vec<_> = (0..5).map(|_| host.connection(&server.url())).collect();
        let peers = connections.iter().map(|connection| {
            connection.connect().unwrap();
            host.opened(&server, "")
        });
        let mut peers: Vec<_> = peers.collect();
        let (talker, callers) = connections.split_first().unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for caller in callers {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        caller.set_pong_timeout(Some(DEADLINE)).unwrap();
                        caller.set_ping_interval(Some(DEADLINE)).unwrap();
                    }
                });
            }
            // However this ends, the callers must.
            let _ends = Raise(&is_over);
            for _ in 0..20 {
                peers[0].send(&Frame::text("in between"));
                assert_eq!(host.expect(EventType::Message).conn_id, talker.id());
            }
        });
        connections.iter().for_each(|connection| connection.free());
    });
}

/// Raises the flag when it is dropped.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_burst_that_meets_a_turn_is_not_left_behind() {
    const BURST: usize = 8;
    bounded(|| {
        assert_calls_meet_turns(|connection, peer, random| {
            for _ in 0..BURST {
                connection.send_text(b"one of many").unwrap();
                spin(random.below(20));
            }
            for _ in 0..BURST {
                peer.text();
            }
            peer.send(&Frame::text("got them all"));
        });
    });
}

#[test]
fn a_resume_that_meets_a_turn_is_not_left_behind() {
    bounded(|| {
        assert_calls_meet_turns(|connection, peer, random| {
            connection.pause_recv().unwrap();
            peer.send(&Frame::text("held"));
            spin(random.below(60));
            connection.resume_recv().unwrap();
        });
    });
}

#[test]
fn a_setting_that_meets_a_turn_is_not_left_behind() {
    bounded(|| {
        assert_calls_meet_turns(|connection, peer, random| {
            connection.set_pong_timeout(None).unwrap();
            spin(random.below(60));
            let interval = Some(Duration::from_micros(100));
            connection.set_ping_interval(interval).unwrap();
            assert_eq!(peer.frame().opcode, op::PING);
            connection.set_ping_interval(None).unwrap();
            connection.send_text(b"the last ping is out").unwrap();
            while peer.frame().opcode == op::PING {}
            peer.send(&Frame::text("one ping at least"));
        });
    });
}

// --- many threads, many connections ---

#[test]
fn threads_that_send_on_one_connection_keep_their_own_order() {
    bounded(|| {
        const THREADS: u8 = 8;
        const MESSAGES: u32 = 600;
        for drive in Drive::ALL {
            let server = Server::listen();
            server.shrink_receive_buffer(); // so that the queue fills and the reactor helps
            let client = Client::new(drive, &server.url());
            let mut peer = client.open(&server);
            let reader = thread::spawn(move || {
                let mut next = [0u32; THREADS as usize];
                let mut left = u32::from(THREADS) * MESSAGES;
                while left > 0 {
                    let Frame {
                        opcode, payload, ..
                    } = peer.frame();
                    if opcode == op::PONG {
                        continue;
                    }
                    left -= 1;
                    let thread = payload[0];
                    let index = u32::from_be_bytes(payload[1..5].try_into().unwrap());
                    assert_eq!(index, next[thread as usize], "thread {thread}");
                    assert_eq!(payload.len(), length_of(thread, index), "a message is torn");
                    assert!(
                        payload[5..].iter().all(|byte| *byte == thread),
                        "a message is torn"
                    );
                    next[thread as usize] += 1;
                    if index % 50 == 0 {
                        peer.send(&Frame::ping("meanwhile"));
                        peer.send(&Frame::text("meanwhile"));
                    }
                }
            });
            fn length_of(thread: u8, index: u32) -> usize {
                5 + (index as usize * 37 + thread as usize) % 2000
            }
            let senders: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let connection = client.connection.clone();
                    thread::spawn(move || {
                        for index in 0..MESSAGES {
                            let mut payload = vec![thread; length_of(thread, index)];
                            payload[1..5].copy_from_slice(&index.to_be_bytes());
                            loop {
                                match connection.send_binary(&payload) {
                                    Ok(()) => break,
                                    Err(Status::QueueFull) => thread::yield_now(),
                                    Err(status) => panic!("{status:?}"),
                                }
                            }
                        }
                    })
                })
                .collect();
            client.until("the peer read everything", || reader.is_finished());
            reader.join().unwrap();
            senders
                .into_iter()
                .for_each(|sender| sender.join().unwrap());
        }
    });
}

#[test]
fn calls_from_many_threads_at_once_do_no_harm() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen().serve(|mut peer| {
                peer.accept();
                while let Some(frame) = peer.try_frame() {
                    if frame.opcode == op::TEXT
                        && !peer.try_write(Frame::text(frame.payload).bytes())
                    {
                        break;
                    }
                }
            });
            let client = Client::new(drive, &server.url());
            client.connect().unwrap();
            let stop = Arc::new(AtomicBool::new(false));
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    let (connection, stop) = (client.connection.clone(), stop.clone());
                    let event_loop = client.host.event_loop.clone();
                    let mut random = Random::new();
                    thread::spawn(move || {
                        while !stop.load(Ordering::Relaxed) {
                            let _any = match random.below(12) {
                                0 => connection.close(1000, b"bye"),
                                1 => connection.abort(),
                                2 => connection.reconnect(Duration::from_millis(random.below(3))),
                                3 => connection.connect(),
                                4 => connection.cancel_reconnect(),
                                5 => connection.pause_recv(),
                                6 => connection.ping(b"x"),
                                7 => connection.flush(),
                                8 => connection.set_ping_interval(Some(Duration::from_millis(
                                    1 + random.below(9),
                                ))),
                                9 => event_loop.wake(),
                                _ => connection.send_text(b"text").and(connection.resume_recv()),
                            };
                            connection.buffered_amount();
                            connection.peer_address();
                            connection.state();
                        }
                    })
                })
                .collect();
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(400) {
                client.host.turn(Duration::from_millis(5));
                while client.host.arrived().is_some() {}
                client.host.forget();
            }
            stop.store(true, Ordering::Relaxed);
            callers
                .into_iter()
                .for_each(|caller| caller.join().unwrap());
            // After all that the connection still works.
            client.resume_recv().unwrap();
            client.set_ping_interval(None).unwrap();
            client.reconnect(Duration::ZERO).unwrap();
            client.send_text(b"after the storm").unwrap();
            loop {
                let event = client.next();
                if event.event_type() == EventType::Message && event.data() == b"after the storm" {
                    break;
                }
            }
            assert!(client.close(1000, b"").is_ok());
        }
    });
}

#[test]
fn two_thousand_connections_share_one_thread() {
    alone("two_thousand_connections_share_one_thread", || {
        const COUNT: usize = 2000;
        raise_fd_limit();
        for drive in [Drive::Poll, Drive::Thread] {
            let (tasks, memory) = (threads(), resident_bytes());
            let host = Host::new(drive); // early, so that its fd fits into select
            let server = Server::listen();
            let url = server.url();
            let script = thread::spawn(move || {
                let mut peers: Vec<_> = (0..COUNT)
                    .map(|_| {
                        let mut peer = server.accept();
                        peer.accept();
                        peer
                    })
                    .collect();
                for peer in &mut peers {
                    peer.send(&Frame::text("hello"));
                }
                for peer in &mut peers {
                    assert_eq!(peer.text(), "hello to you");
                }
                peers
            });
            let connections: Vec<_> = (0..COUNT).map(|_| host.connection(&url)).collect();
            for connection in &connections {
                connection.connect().unwrap();
            }
            let mut greeted = 0;
            while greeted < COUNT {
                let event = host.next();
                match event.event_type() {
                    EventType::Connect | EventType::Handshake => {}
                    EventType::Message => {
                        let index = connections
                            .binary_search_by_key(&event.conn_id, |connection| connection.id());
                        connections[index.unwrap()]
                            .send_text(b"hello to you")
                            .unwrap();
                        greeted += 1;
                    }
                    _ => panic!("{event:?}"),
                }
            }
            host.until("every answer arrived", || script.is_finished());
            let peers = script.join().unwrap();
            // The system may still count a thread that has ended.
            eventually("one background thread serves all", || {
                threads() == tasks + 1
            });
            let each = resident_bytes().saturating_sub(memory) / COUNT;
            assert!(
                each < 32 << 10,
                "{each} bytes for each connection and its peer"
            );
            drop(peers); // two thousand ends at once
            for connection in &connections {
                connection.free();
            }
        }
    });
}

// --- the end of a loop ---

#[test]
fn freeing_a_loop_with_live_connections_waits_for_nothing_and_leaves_nothing() {
    alone(
        "freeing_a_loop_with_live_connections_waits_for_nothing_and_leaves_nothing",
        || {
            let (deaf, server) = (Server::deaf(), Server::listen());
            server.shrink_receive_buffer();
            let (fds, tasks) = (open_fds(), threads());
            for drive in Drive::ALL {
                let host = Host::new(drive);
                let connecting = host.connection(&deaf.url());
                connecting.connect().unwrap();
                let [upgrading, open, closing, waiting, initial] =
                    [(); 5].map(|()| host.connection(&server.url()));
                upgrading.connect().unwrap();
                host.expect(EventType::Connect);
                let mut upgrading_peer = server.accept();
                upgrading_peer.read_request();
                let mut peers = Vec::new();
                for connection in [&open, &closing] {
                    connection.connect().unwrap();
                    host.expect(EventType::Connect);
                    let mut peer = server.accept();
                    peer.accept();
                    host.expect(EventType::Handshake);
                    peers.push(peer);
                }
                while open.send_binary(&[0; 50_000]).is_ok() {} // a full queue
                peers[0].send(&Frame::text("never taken"));
                closing.close(1000, b"").unwrap();
                waiting.reconnect(Duration::from_secs(3600)).unwrap();
                initial.send_text(b"never sent").unwrap();

                let started = Instant::now();
                host.event_loop.free();
                assert!(
                    started.elapsed() < Duration::from_secs(2),
                    "free took {:?}",
                    started.elapsed()
                );
                for peer in [&mut upgrading_peer].into_iter().chain(&mut peers) {
                    peer.until_gone();
                }
                // What is still held can still be called.
                for connection in [&connecting, &upgrading, &open, &closing, &waiting, &initial] {
                    assert!(connection.send_text(b"too late").is_err());
                    assert!(connection.connect().is_err());
                    connection.free();
                }
                assert!(host.event_loop.dispatch(Some(Duration::ZERO)).is_err());
                drop((upgrading_peer, peers, host));
                drop((connecting, upgrading, open, closing, waiting, initial));
                eventually("fds and threads are as before", || {
                    (open_fds(), threads()) == (fds, tasks)
                });
            }
        },
    );
}

#[test]
fn a_loop_may_be_freed_inside_a_callback() {
    alone("a_loop_may_be_freed_inside_a_callback", || {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let (fds, tasks) = (open_fds(), threads());
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let mut peer = client.open(&server);
            let event_loop = client.host.event_loop.clone();
            client.on(EventType::Message, move |_, _| event_loop.free());
            peer.send_all(&[Frame::text("the last"), Frame::text("never told")]);
            if drive == Drive::Dispatch {
                while client.host.arrived().is_none() {
                    let _may_say_that_it_is_gone = client.host.event_loop.dispatch(Some(DEADLINE));
                }
            } else {
                client.text();
            }
            peer.until_gone();
            assert!(client.host.arrived().is_none());
            drop((client, peer, server));
            eventually("fds and threads are as before", || {
                (open_fds(), threads()) == (fds, tasks)
            });
        }
    });
}

#[test]
fn loops_that_were_never_used_leave_nothing() {
    alone("loops_that_were_never_used_leave_nothing", || {
        let (fds, tasks) = (open_fds(), threads());
        for _ in 0..50 {
            for drive in Drive::ALL {
                let host = Host::new(drive);
                host.connection("ws://127.0.0.1:1/");
            }
        }
        eventually("fds and threads are as before", || {
            (open_fds(), threads()) == (fds, tasks)
        });
    });
}

/// A busy wait ends like another one: with a message, a wake-up, or its timeout.
#[test]
fn a_busy_wait_misses_nothing() {
    bounded(|| {
        for busy in [Duration::from_micros(50), Duration::from_secs(3600)] {
            let server = Server::listen();
            let client = Client::new(Drive::Poll, &server.url());
            let event_loop = Arc::clone(&client.host.event_loop);
            event_loop.set_busy_poll(busy).unwrap();
            let mut peer = client.open(&server);
            for i in 0..100 {
                let text = i.to_string();
                peer.send(&Frame::text(&text));
                assert_eq!(client.text(), text);
            }
            let begun = Instant::now();
            assert_eq!(client.host.poll(1, Duration::from_millis(20)), 0);
            assert!(begun.elapsed() >= Duration::from_millis(20));

            let waker = thread::spawn({
                let event_loop = Arc::clone(&event_loop);
                move || event_loop.wake().unwrap()
            });
            assert_eq!(client.host.poll(1, DEADLINE), 0);
            waker.join().unwrap();
        }
    });
}
