//! Automatic reconnects: when they come, what is told before, what is sent first,
//! and what ends them.

mod support;

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use support::{
    Client, DEADLINE, Deflate, Drive, Frame, Host, Peer, Random, Server, bounded, field, op,
};
use wsc::connection::{Connection, Counter, State};
use wsc::error::Status;
use wsc::event::{EventType, MessageType, Part};
use wsc::reconnect::QueuePolicy;

const MINUTE: Duration = Duration::from_secs(60);
const PARTS: [(u8, bool); 4] = [
    (op::TEXT, false),
    (op::CONTINUATION, false),
    (op::CONTINUATION, false),
    (op::CONTINUATION, true),
];

/// Comes back at once, or nearly so.
fn persistent(url: &str, drive: Drive) -> Client {
    let client = Client::new(drive, url);
    client
        .set_reconnect(|policy| {
            policy.enabled = true;
            policy.set_delays(Duration::from_millis(1), Duration::from_millis(2))
        })
        .unwrap();
    client
}

fn lose(client: &Client, peer: Peer) {
    peer.close();
    let failure = client.failure();
    assert_eq!(failure.status, Status::Closed);
}

#[test]
fn a_lost_connection_comes_back_with_what_was_changed_before() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let server = Server::listen();
            let client = persistent(&server.url(), drive);
            client.on(EventType::Reconnect, |connection, event| {
                let token = format!("token {}", event.attempt);
                connection
                    .set_header("Authorization", token.as_bytes())
                    .unwrap();
            });
            client.add_prologue(MessageType::Text, b"log in").unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            for attempt in 1..4 {
                let mut peer = server.accept();
                let request = peer.accept();
                client.expect(EventType::Handshake);
                assert_eq!(peer.text(), "log in");
                if attempt > 1 {
                    let token = format!("token {}", attempt - 1);
                    assert_eq!(field(&request, "Authorization"), Some(token.as_str()));
                }
                lose(&client, peer);
                client.expect(EventType::Reconnect);
                assert_eq!(client.expect(EventType::Connect).attempt, attempt + 1);
            }
        }
    });
}

#[test]
fn polling_delivers_the_announcement_before_the_attempt() {
    bounded(|| {
        let server = Server::listen();
        let client = persistent(&server.url(), Drive::Poll);
        let peer = client.open(&server);
        lose(&client, peer);
        client.expect(EventType::Reconnect);
        assert_eq!(client.state(), State::Waiting);
        client.set_header("X", b"fresh").unwrap();
        client.expect(EventType::Connect);
        let request = server.accept().read_request();
        assert_eq!(field(&request, "X"), Some("fresh"));
    });
}

#[test]
fn the_application_ends_it() {
    bounded(|| {
        let calls: [fn(&Client, Peer); 4] = [
            |client, peer| {
                client.close(1000, b"").unwrap();
                peer.answer_close();
                assert!(client.end().clean);
            },
            |client, peer| {
                client.abort().unwrap();
                client.end();
                drop(peer);
            },
            |client, peer| {
                lose(client, peer);
                client.cancel_reconnect().unwrap();
            },
            |client, peer| {
                lose(client, peer);
                client.expect(EventType::Reconnect);
                client.close(0, b"").unwrap();
            },
        ];
        for call in calls {
            let server = Server::listen();
            let client = persistent(&server.url(), Drive::Poll);
            let peer = client.open(&server);
            call(&client, peer);
            client.assert_quiet();
            assert_eq!(client.state(), State::Closed);
            assert!(!server.is_called());
        }
    });
}

#[test]
fn a_reconnect_that_is_taken_back_is_not_told() {
    bounded(|| {
        const DELAY: Duration = Duration::from_millis(20);
        type TakeBack = fn(&Connection) -> Result<(), Status>;
        let ways: [(TakeBack, State); 4] = [
            (Connection::cancel_reconnect, State::Closed),
            (|lost| lost.close(1000, b""), State::Closed),
            (Connection::abort, State::Closed),
            (|lost| lost.reconnect(DELAY * 1000), State::Waiting),
        ];
        for (take_back, state) in ways {
            let host = Host::new(Drive::Poll);
            host.event_loop.set_standby_grace(None).unwrap();
            let server = Server::listen();
            let [lost, other] = [(); 2].map(|()| host.connection(&server.url()));
            let [peer_of_lost, mut peer] = [&lost, &other].map(|connection| {
                connection.connect().unwrap();
                host.opened(&server, "")
            });
            lost.set_reconnect(|contract| {
                contract.enabled = true;
                contract.set_delays(DELAY, DELAY)
            })
            .unwrap();
            drop(peer_of_lost);
            host.expect(EventType::Error);
            host.expect(EventType::Close);
            host.turn(Duration::ZERO);
            if host.has_arrived() {
                continue; // the delay, which is random, was none
            }
            assert_eq!(lost.state(), State::Waiting);
            peer.send(&Frame::text("first"));
            // The delay is over, and of the next turn the message is told before it.
            thread::sleep(DELAY * 2);
            assert_eq!(host.poll(1, DEADLINE), 1);
            assert_eq!(host.next().conn_id, other.id());
            take_back(&lost).unwrap();
            assert_eq!(lost.state(), state);
            host.assert_quiet();
            lost.free();
            other.free();
        }
    });
}

#[test]
fn a_fatal_cause_ends_it_unless_told() {
    bounded(|| {
        for (answer, comes_back) in [
            ("403 Forbidden", false),
            ("404 Not Found", false),
            ("401 Log in", false),
            ("503 Busy", true),
        ] {
            for after_fatal in [false, true] {
                let server = Server::listen();
                let client = persistent(&server.url(), Drive::Poll);
                client
                    .set_reconnect(|policy| {
                        policy.after_fatal = after_fatal;
                        Ok(())
                    })
                    .unwrap();
                client.connect().unwrap();
                client.expect(EventType::Connect);
                let mut peer = server.accept();
                peer.read_request();
                peer.write(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n"));
                client.failure();
                match comes_back || after_fatal {
                    true => drop(client.expect(EventType::Reconnect)),
                    false => client.assert_quiet(),
                }
            }
        }
    });
}

#[test]
fn attempts_in_a_row_are_limited() {
    bounded(|| {
        let refusing = Server::refusing();
        let client = persistent(&refusing.url(), Drive::Poll);
        client
            .set_reconnect(|policy| {
                policy.max_attempts = Some(2);
                Ok(())
            })
            .unwrap();
        client.connect().unwrap();
        for _ in 0..2 {
            client.failure();
            client.expect(EventType::Reconnect);
        }
        client.failure();
        client.assert_quiet();
    });
}

#[test]
fn messages_that_wait_are_kept_dropped_or_expire() {
    bounded(|| {
        for (policy, sent, lost) in [
            (QueuePolicy::Keep, true, 0),
            (QueuePolicy::Drop, false, 1),
            (QueuePolicy::Expire(Duration::from_secs(60)), true, 0),
            (QueuePolicy::Expire(Duration::from_nanos(1)), false, 0),
        ] {
            let server = Server::listen();
            let client = persistent(&server.url(), Drive::Poll);
            client
                .set_reconnect(|contract| {
                    contract.queue = policy;
                    Ok(())
                })
                .unwrap();
            client.send_text(b"early").unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.read_request();
            peer.close();
            assert_eq!(client.end().unsent, lost, "{policy:?}");
            client.send_text(b"between").unwrap();
            client.expect(EventType::Reconnect);
            let mut peer = client.opened_by(&server);
            client.send_text(b"late").unwrap();
            if sent {
                assert_eq!(peer.text(), "early", "{policy:?}");
            }
            let expires = policy == QueuePolicy::Expire(Duration::from_nanos(1));
            if !expires {
                assert_eq!(peer.text(), "between", "{policy:?}");
            }
            assert_eq!(peer.text(), "late", "{policy:?}");
            peer.close();
            assert_eq!(client.end().unsent, if expires { 2 } else { 0 });
        }
    });
}

#[test]
fn what_is_kept_for_a_reconnect_that_is_taken_back_waits_for_the_next_attempt() {
    type TakeBack = fn(&Connection) -> Result<(), Status>;
    let ways: [TakeBack; 3] = [
        Connection::cancel_reconnect,
        |connection| connection.close(1000, b""),
        Connection::abort,
    ];
    bounded(move || {
        for take_back in ways {
            let server = Server::listen();
            let client = persistent(&server.url(), Drive::Poll);
            client
                .set_reconnect(|contract| {
                    contract.queue = QueuePolicy::Keep;
                    contract.set_delays(MINUTE, MINUTE)
                })
                .unwrap();
            let lose_unheard = || {
                client.connect().unwrap();
                client.expect(EventType::Connect);
                let mut peer = server.accept();
                peer.read_request();
                peer
            };
            client.send_text(b"early").unwrap();
            lose_unheard().close();
            assert_eq!(client.end().unsent, 0);
            let kept = client.buffered_amount();
            take_back(&client).unwrap();
            assert_eq!(client.state(), State::Closed);
            assert_eq!(client.send_text(b"nowhere"), Err(Status::State));
            assert!(kept > 0 && client.buffered_amount() == kept);

            lose_unheard().close();
            assert_eq!(client.end().unsent, 0);
            take_back(&client).unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.accept();
            client.expect(EventType::Handshake);
            assert_eq!(peer.text(), "early");
            assert_eq!(client.buffered_amount(), 0);

            client.abort().unwrap();
            assert_eq!(client.end().unsent, 0);
            client.send_text(b"nowhere").unwrap_err();
        }
        // An attempt that nothing follows counts it.
        let server = Server::listen();
        let client = persistent(&server.url(), Drive::Poll);
        client
            .set_reconnect(|contract| {
                contract.queue = QueuePolicy::Keep;
                contract.set_delays(MINUTE, MINUTE)
            })
            .unwrap();
        client.send_text(b"early").unwrap();
        for lost in [0, 1] {
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.read_request();
            match lost {
                0 => peer.close(),
                _ => client.abort().unwrap(),
            }
            assert_eq!(client.end().unsent, lost);
            client.cancel_reconnect().unwrap();
        }
        assert_eq!(client.buffered_amount(), 0);
    });
}

const COUNT: usize = 24;

/// All of them are more than two sockets together take, and each tells its number.
fn large(number: usize) -> Vec<u8> {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut random = Random::new();
        let noise = (0..1 << 15).flat_map(|_| random.below(u64::MAX).to_be_bytes());
        noise.collect()
    });
    [&number.to_be_bytes()[..], &NOISE].concat()
}

/// Opens, sends `COUNT` messages that nobody reads, and loses the connection: what the
/// kernel took of them, and how many the close calls unsent.
fn lose_messages(client: &Client, server: &Server, header: &str) -> (usize, u64) {
    client.expect(EventType::Connect);
    let mut peer = server.accept();
    peer.accept_with(header);
    client.expect(EventType::Handshake);
    for number in 0..COUNT {
        client.send_binary(&large(number)).unwrap();
    }
    let mut queued = 0;
    client.until("the sockets are full", || {
        std::mem::replace(&mut queued, client.buffered_amount()) == client.buffered_amount()
    });
    assert_ne!(queued, 0);
    peer.reset();
    let end = client.end();
    assert_eq!(end.status, Status::Reset);
    let sent = client.counter(Counter::MessagesSent) as usize;
    (sent, end.unsent)
}

#[test]
fn messages_that_the_kernel_did_not_take_are_sent_again_dropped_or_expire() {
    bounded(|| {
        for (policy, deflate) in [
            (QueuePolicy::Keep, false),
            (QueuePolicy::Keep, true),
            (QueuePolicy::Expire(MINUTE), false),
            (QueuePolicy::Drop, false),
            (QueuePolicy::Expire(Duration::from_nanos(1)), false),
        ] {
            let server = Server::listen();
            server.shrink_receive_buffer();
            let client = persistent(&server.url(), Drive::Poll);
            client.set_send_queue_limit(64 << 20).unwrap();
            client.set_deflate(deflate).unwrap();
            client
                .set_reconnect(|contract| {
                    contract.queue = policy;
                    Ok(())
                })
                .unwrap();
            client.add_prologue(MessageType::Text, b"first").unwrap();
            client.connect().unwrap();
            let header = match deflate {
                true => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                false => "",
            };
            let (sent, lost) = lose_messages(&client, &server, header);
            // The prologue is not among them, and comes again anyway.
            let unsent = COUNT + 1 - sent;
            assert!((1..COUNT).contains(&unsent), "{unsent}");
            let is_kept = policy != QueuePolicy::Drop;
            assert_eq!(lost, if is_kept { 0 } else { unsent as u64 }, "{policy:?}");

            client.send_text(b"between").unwrap();
            client.expect(EventType::Reconnect);
            let comes = policy == QueuePolicy::Keep || policy == QueuePolicy::Expire(MINUTE);
            let script = std::thread::spawn(move || {
                let mut peer = server.accept();
                peer.accept_with(header);
                let mut inflate = Deflate::new(15, 15);
                let mut next = || {
                    let frame = peer.frame();
                    match frame.rsv == 4 {
                        true => inflate.decompress(&frame.payload),
                        false => frame.payload,
                    }
                };
                assert_eq!(next(), b"first");
                for number in (COUNT - unsent..COUNT).filter(|_| comes) {
                    assert!(next() == large(number), "not number {number}");
                }
                if policy != QueuePolicy::Expire(Duration::from_nanos(1)) {
                    assert_eq!(next(), b"between");
                }
                assert_eq!(next(), b"late");
                peer.close();
            });
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            client.send_text(b"late").unwrap();
            let end = client.end();
            let expired = matches!(policy, QueuePolicy::Expire(_)) && !comes;
            assert_eq!(end.unsent, if expired { unsent as u64 + 1 } else { 0 });
            script.join().unwrap();
        }
    });
}

#[test]
fn the_prologue_is_not_among_the_unsent() {
    bounded(|| {
        let server = Server::listen();
        server.shrink_receive_buffer();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_send_queue_limit(64 << 20).unwrap();
        let large = vec![0; 8 << 20];
        client.add_prologue(MessageType::Binary, &large).unwrap();
        client.connect().unwrap();
        let peer = client.opened_by(&server);
        assert_ne!(client.buffered_amount(), 0);
        client.send_text(b"one").unwrap();
        peer.reset();
        assert_eq!(client.end().unsent, 1);
    });
}

#[test]
fn a_message_in_parts_is_kept_whole_and_goes_on() {
    bounded(|| {
        for policy in [
            QueuePolicy::Keep,
            QueuePolicy::Drop,
            // One that is not complete does not expire.
            QueuePolicy::Expire(Duration::from_nanos(1)),
        ] {
            let server = Server::listen();
            let client = persistent(&server.url(), Drive::Poll);
            client
                .set_reconnect(|contract| {
                    contract.queue = policy;
                    Ok(())
                })
                .unwrap();
            let send = |part, text: &str| {
                client.send_message(MessageType::Text, part, false, text.as_bytes())
            };
            client.connect().unwrap();
            let mut peer = client.opened_by(&server);
            send(Part::First, "one ").unwrap();
            send(Part::More, "two ").unwrap();
            // They have left, and the message has not.
            assert_eq!(peer.frame().payload, b"one ");
            assert_eq!(peer.frame().payload, b"two ");
            lose(&client, peer);
            let goes_on = policy != QueuePolicy::Drop;
            let more = send(Part::More, "three ");
            assert_eq!(more, if goes_on { Ok(()) } else { Err(Status::State) });
            client.expect(EventType::Reconnect);
            let mut peer = client.opened_by(&server);
            if goes_on {
                send(Part::Last, "four").unwrap();
                let frames = [(); 4].map(|()| peer.frame());
                let text: Vec<u8> = frames.iter().flat_map(|it| it.payload.clone()).collect();
                assert_eq!(text, b"one two three four");
                assert_eq!(frames.map(|it| (it.opcode, it.fin)), PARTS);
            }
            send(Part::Whole, "next").unwrap();
            assert_eq!(peer.text(), "next");
        }
    });
}

#[test]
fn a_thousand_reconnects_leave_the_loop_running() {
    bounded(|| {
        let refusing = Server::refusing();
        let client = persistent(&refusing.url(), Drive::Poll);
        client.connect().unwrap();
        for _ in 0..1000 {
            client.failure();
            client.expect(EventType::Reconnect);
            client.host.forget();
        }
        client.cancel_reconnect().unwrap();
        let _free_while_waiting: &Host = &client.host;
    });
}
