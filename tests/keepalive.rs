//! Pings and pongs, both ways, and the deadlines that need no host.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::*;
use wsc::connection::Counter;
use wsc::error::{Phase, Status};
use wsc::event::EventType;

const INTERVAL: Duration = Duration::from_millis(50);

#[test]
fn a_ping_is_answered_with_its_payload() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen().serve(|mut peer| {
                peer.accept();
                for payload in [&b""[..], b"hello", &[0xff; 125]] {
                    peer.send(&Frame::ping(payload));
                    let pong = peer.frame();
                    assert_eq!((pong.opcode, &pong.payload[..]), (op::PONG, payload));
                }
                peer.send(&Frame::close(1000, ""));
                peer.close_code();
            });
            let client = Client::new(drive, &server.url());
            client.connect().unwrap();
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            for payload in [&b""[..], b"hello", &[0xff; 125]] {
                assert_eq!(client.expect(EventType::Ping).data(), payload);
            }
            assert!(client.end().clean);
            assert_eq!(client.counter(Counter::PingsReceived), 3);
            assert_eq!(client.counter(Counter::PongsSent), 3);
            server.finish();
        }
    });
}

#[test]
fn without_auto_pong_only_the_host_answers() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_auto_pong(false).unwrap();
        let mut peer = client.open(&server);
        peer.send_all(&[Frame::ping("one"), Frame::ping("two")]);
        client.expect(EventType::Ping);
        client.expect(EventType::Ping);
        client.pong(b"by hand").unwrap();
        client.send_text(b"end").unwrap();
        assert_eq!(peer.frame().payload, b"by hand");
        assert_eq!(peer.text(), "end");
    });
}

#[test]
fn pings_of_the_user_are_sent_and_their_pongs_told() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        client.ping(b"marco").unwrap();
        let ping = peer.frame();
        assert_eq!((ping.opcode, &ping.payload[..]), (op::PING, &b"marco"[..]));
        peer.send(&Frame::pong("marco"));
        assert_eq!(client.expect(EventType::Pong).data(), b"marco");
        assert_eq!(client.counter(Counter::PingsSent), 1);
        assert_eq!(client.counter(Counter::PongsReceived), 1);
        assert!(client.counter(Counter::RoundTripUs) > 0);
    });
}

#[test]
fn pings_leave_at_every_interval_by_themselves() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            client.set_ping_interval(Some(INTERVAL)).unwrap();
            let mut peer = client.open(&server);
            let started = Instant::now();
            for _ in 0..5 {
                let ping = peer.frame(); // nobody turns the loop here
                assert_eq!(ping.opcode, op::PING);
                peer.send(&Frame::pong(ping.payload));
            }
            assert!(started.elapsed() >= INTERVAL * 3, "pings came too fast");
            for _ in 0..5 {
                client.expect(EventType::Pong);
            }
        }
    });
}

#[test]
fn an_interval_set_while_open_takes_effect() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        client.set_ping_interval(Some(INTERVAL)).unwrap();
        assert_eq!(peer.frame().opcode, op::PING);
    });
}

#[test]
fn a_peer_that_never_answers_a_ping_is_left() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            client.set_ping_interval(Some(INTERVAL)).unwrap();
            client.set_pong_timeout(Some(SHORT)).unwrap();
            let mut peer = client.open(&server);
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Timeout, Phase::Open)
            );
            assert_eq!(peer.frame().opcode, op::PING);
            peer.until_gone();
        }
    });
}

#[test]
fn any_byte_satisfies_the_pong_deadline() {
    bounded(|| {
        let timeout = Duration::from_millis(1000);
        let server = Server::listen().serve(move |mut peer| {
            peer.accept();
            peer.write(Frame::text([]).stating(100).bytes());
            let started = Instant::now();
            let mut written = 0;
            while started.elapsed() < timeout * 2 {
                assert_eq!(peer.frame().opcode, op::PING);
                if written < 99 {
                    peer.write("x"); // never a pong, never a whole frame
                    written += 1;
                }
            }
            peer.write("x".repeat(100 - written));
            peer.until_gone();
        });
        let client = Client::new(Drive::Poll, &server.url());
        client.set_ping_interval(Some(INTERVAL)).unwrap();
        client.set_pong_timeout(Some(timeout)).unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        client.expect(EventType::Handshake);
        assert_eq!(client.text().len(), 100);
    });
}

#[test]
fn the_pong_deadline_waits_while_reading_is_paused() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        client.pause_recv().unwrap();
        client.set_ping_interval(Some(INTERVAL)).unwrap();
        client.set_pong_timeout(Some(SHORT)).unwrap();
        let started = Instant::now();
        let mut pings = 0;
        while pings == 0 || started.elapsed() < SHORT * 4 {
            let ping = peer.frame(); // fails if the client leaves or stops pinging
            assert_eq!(ping.opcode, op::PING);
            peer.send(&Frame::pong(ping.payload));
            pings += 1;
        }
        peer.send(&Frame::text("still here"));
        client.resume_recv().unwrap();
        for _ in 0..pings {
            client.expect(EventType::Pong);
        }
        while client.next().event_type() != EventType::Message {}
    });
}

#[test]
fn a_violation_that_a_busy_host_has_not_heard_of_is_no_silence() {
    bounded(|| {
        const TIMEOUT: Duration = Duration::from_millis(100);
        let server = Server::listen();
        let client = Client::new(Drive::Dispatch, &server.url());
        client.set_ping_interval(Some(TIMEOUT)).unwrap();
        client.set_pong_timeout(Some(TIMEOUT)).unwrap();
        client.set_idle_timeout(Some(TIMEOUT * 2)).unwrap();
        client.on(EventType::Message, |_, _| thread::sleep(TIMEOUT * 10));
        let mut peer = client.open(&server);
        let violation = Frame::text("with a reserved bit").rsv(4);
        peer.send_all(&[Frame::text("first"), violation]);
        client.expect(EventType::Message);
        assert_eq!(client.failure().status, Status::Protocol);
    });
}

#[test]
fn a_flood_of_pings_is_answered_with_few_pongs_and_little_memory() {
    alone(
        "a_flood_of_pings_is_answered_with_few_pongs_and_little_memory",
        || {
            const PINGS: u32 = 100_000;
            let server = Server::listen();
            server.shrink_receive_buffer();
            let client = Client::new(Drive::Dispatch, &server.url());
            let seen = Arc::new(AtomicUsize::new(0));
            let peer = client.open(&server);
            // Counted, not recorded: the record would be the memory that is measured.
            let count = seen.clone();
            client
                .connection
                .on(
                    EventType::Ping,
                    Some(Arc::new(move |_, _| {
                        count.fetch_add(1, Ordering::Relaxed);
                    })),
                )
                .unwrap();
            let payload = |index: u32| [&index.to_be_bytes()[..], &[0; 121]].concat();
            let before = resident_bytes();
            let flood = thread::spawn(move || {
                let mut peer = peer;
                for batch in 0..PINGS / 1000 {
                    let frames: Vec<_> = (0..1000)
                        .map(|index| Frame::ping(payload(batch * 1000 + index)))
                        .collect();
                    peer.send_all(&frames); // and reads none of the pongs
                }
                peer
            });
            let mut most_buffered = 0;
            while seen.load(Ordering::Relaxed) < PINGS as usize {
                let before = seen.load(Ordering::Relaxed);
                client.until("the next pings were told", || {
                    most_buffered = most_buffered.max(client.buffered_amount());
                    seen.load(Ordering::Relaxed) > before
                });
            }
            let mut peer = flood.join().unwrap();
            let grown = resident_bytes().saturating_sub(before);
            assert!(grown < 16 << 20, "{grown} bytes of memory for pings");
            assert!(
                most_buffered < 1 << 20,
                "{most_buffered} bytes of pongs waited"
            );

            client.send_text(b"end").unwrap();
            let reader = thread::spawn(move || {
                let mut pongs = Vec::new();
                loop {
                    let frame = peer.frame();
                    if frame.opcode != op::PONG {
                        return pongs;
                    }
                    pongs.push(u32::from_be_bytes(frame.payload[..4].try_into().unwrap()));
                }
            });
            client.until("the peer read everything", || reader.is_finished());
            let pongs = reader.join().unwrap();
            assert!(
                pongs.len() < PINGS as usize,
                "each of {PINGS} pings was answered"
            );
            assert!(pongs.is_sorted(), "pongs out of order");
            assert_eq!(
                pongs.last(),
                Some(&(PINGS - 1)),
                "the last ping is not answered"
            );
        },
    );
}

#[test]
fn a_flood_of_pings_ends_when_nobody_polls() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_receive_queue_limit(100_000).unwrap();
        let mut peer = client.open(&server);
        let flood: Vec<u8> = Frame::ping([0; 125]).bytes().repeat(200_000);
        let written = peer.write_until_stuck(&flood);
        assert!(
            written < flood.len(),
            "the client reads on with nobody taking events"
        );
        let queued = client.counter(Counter::PingsReceived);
        assert!(
            queued <= (100_000 + 65536) / 127,
            "{queued} pings wait for the host"
        );
        let rest = flood[written..].to_vec();
        let rest = thread::spawn(move || {
            peer.write(rest);
            peer
        });
        let mut pings = 0;
        while pings < 200_000 {
            client.expect(EventType::Ping);
            pings += 1;
        }
        rest.join().unwrap();
    });
}

#[test]
fn a_host_asleep_for_two_seconds_is_stood_in_for() {
    bounded(|| {
        let awake = Gate::default();
        let served = awake.clone();
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        let script = thread::spawn(move || {
            let started = Instant::now();
            let mut count = 0u32;
            while started.elapsed() < Duration::from_secs(2) {
                peer.send_all(&[
                    Frame::text(count.to_string()),
                    Frame::ping(count.to_be_bytes()),
                ]);
                let asked = Instant::now();
                let pong = peer.frame();
                assert_eq!(
                    (pong.opcode, pong.payload),
                    (op::PONG, count.to_be_bytes().to_vec())
                );
                assert!(
                    asked.elapsed() < Duration::from_secs(1),
                    "a pong after {:?}",
                    asked.elapsed()
                );
                count += 1;
                // Pings come now and then, and each finds the host asleep again.
                thread::sleep(Duration::from_millis(20));
            }
            served.open();
            peer.send(&Frame::close(1000, ""));
            peer.close_code();
            count
        });
        awake.wait(); // the host sleeps: it neither polls nor dispatches
        let end = client.end();
        let count = script.join().unwrap();
        assert!(count >= 10, "only {count} pings in two seconds");
        let texts: Vec<_> = end.messages.iter().map(|(_, data)| data.to_vec()).collect();
        let expected: Vec<_> = (0..count)
            .map(|index| index.to_string().into_bytes())
            .collect();
        assert_eq!(texts, expected, "messages lost or out of order");
        assert!(end.clean);
    });
}

#[test]
fn the_standby_can_be_switched_off() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.host.event_loop.set_standby_grace(None).unwrap();
        let mut peer = client.open(&server);
        peer.send(&Frame::text("unread"));
        // The bytes make the fd readable, and so it stays until the host turns.
        let fd = client.host.event_loop.fd().unwrap();
        assert!(readable(fd, DEADLINE));
        assert!(readable(fd, Duration::ZERO));
        assert_eq!(client.counter(Counter::MessagesReceived), 0);
        assert_eq!(client.text(), "unread");
    });
}
