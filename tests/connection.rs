//! The life of a connection: what is told and in which order, messages both ways,
//! and every way to end it.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use support::*;
use wsc::config::BinaryType;
use wsc::connection::{Connection, Counter, State};
use wsc::error::{Phase, Status};
use wsc::event::{EventKind, EventType, MessageType};

// --- order ---

#[test]
fn events_come_in_wire_order_and_close_comes_last() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen().serve(|mut peer| {
                peer.accept();
                peer.send_all(&[
                    Frame::text("one"),
                    Frame::ping("are you there"),
                    Frame::binary([0, 255]),
                    Frame::pong("unasked"),
                    Frame::text("two"),
                    Frame::close(1000, "bye"),
                ]);
                assert_eq!(peer.frame().payload, b"are you there");
                assert_eq!(peer.close_code(), Some(1000));
            });
            let client = Client::new(drive, &server.url());
            client.connect().unwrap();
            for event_type in [EventType::Connect, EventType::Handshake] {
                let event = client.expect(event_type);
                assert_eq!((event.conn_id, event.attempt), (client.id(), 1));
            }
            assert_eq!(client.text(), "one");
            assert_eq!(client.expect(EventType::Ping).data(), b"are you there");
            let (kind, data) = client.message();
            assert_eq!((kind, &data[..]), (MessageType::Binary, &[0, 255][..]));
            assert_eq!(client.expect(EventType::Pong).data(), b"unasked");
            assert_eq!(client.text(), "two");
            let end = client.end();
            assert_eq!(
                (end.status, end.code, end.reason.as_str()),
                (Status::Ok, 1000, "bye")
            );
            assert!(
                end.clean && end.error.is_none() && end.unsent == 0,
                "{end:?}"
            );
            client.assert_quiet();
            server.finish();
        }
    });
}

#[test]
fn the_state_is_that_of_the_last_event_told() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        assert_eq!(client.state(), State::Initial);
        client.connect().unwrap();
        assert_eq!(client.state(), State::Connecting);
        client.expect(EventType::Connect);
        let mut peer = server.accept();
        peer.accept();
        assert_eq!(client.state(), State::Connecting);
        client.expect(EventType::Handshake);
        assert_eq!(client.state(), State::Open);
        client.close(1000, b"").unwrap();
        assert_eq!(client.state(), State::Closing);
        peer.answer_close();
        assert!(client.end().clean);
        assert_eq!(client.state(), State::Closed);
    });
}

#[test]
fn callbacks_run_on_the_chosen_thread_only() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let threads: Arc<Mutex<Vec<_>>> = Arc::default();
            for event_type in [
                EventType::Connect,
                EventType::Handshake,
                EventType::Message,
                EventType::Close,
            ] {
                let threads = threads.clone();
                client.on(event_type, move |_, _| {
                    threads.lock().unwrap().push(thread::current().id())
                });
            }
            let mut peer = client.open(&server);
            peer.send(&Frame::text("x"));
            peer.send(&Frame::close(1000, ""));
            client.text();
            peer.close_code();
            drop(peer);
            client.end();
            let threads = threads.lock().unwrap();
            assert_eq!(threads.len(), 4);
            let here = thread::current().id();
            assert!(
                threads.iter().all(|id| *id == threads[0]),
                "callbacks on two threads"
            );
            assert_eq!(threads[0] == here, drive == Drive::Dispatch);
        }
    });
}

#[test]
fn a_removed_handler_is_not_called_again() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Dispatch, &server.url());
        let mut peer = client.open(&server);
        client.connection.on(EventType::Message, None).unwrap();
        peer.send_all(&[Frame::text("unheard"), Frame::ping("heard")]);
        client.expect(EventType::Ping);
    });
}

#[test]
fn connections_on_one_loop_are_told_apart() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.accept();
            let text = peer.text();
            peer.send(&Frame::text(text));
            peer.until_gone();
        });
        let host = Host::new(Drive::Poll);
        let connections: Vec<_> = (0..10).map(|_| host.connection(&server.url())).collect();
        for connection in &connections {
            connection
                .send_text(connection.id().to_string().as_bytes())
                .unwrap();
            connection.connect().unwrap();
        }
        let mut echoed = Vec::new();
        while echoed.len() < connections.len() {
            let event = host.next();
            if event.event_type() == EventType::Message {
                assert_eq!(event.data(), event.conn_id.to_string().as_bytes());
                echoed.push(event.conn_id);
            }
        }
        echoed.sort();
        assert!(
            echoed
                .iter()
                .copied()
                .eq(connections.iter().map(|connection| connection.id()))
        );
    });
}

#[test]
fn an_ipv6_literal_connects_and_keeps_its_brackets() {
    bounded(|| {
        let server = Server::listen_ipv6();
        let client = Client::new(Drive::Poll, &server.url());
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let request = server.accept().accept();
        assert_eq!(
            field(&request, "Host"),
            Some(server.address().to_string().as_str())
        );
        assert!(server.address().to_string().starts_with("[::1]:"));
        client.expect(EventType::Handshake);
        assert_eq!(client.peer_address(), Some(server.address()));
    });
}

#[test]
fn addresses_are_those_of_the_socket() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        assert_eq!(
            (client.peer_address(), client.local_address()),
            (None, None)
        );
        let peer = client.open(&server);
        assert_eq!(client.peer_address(), Some(server.address()));
        assert_eq!(client.local_address(), Some(peer.client_address()));
    });
}

// --- receiving ---

#[test]
fn a_frame_that_comes_with_the_101_is_delivered_at_once() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen().serve(|mut peer| {
                let request = peer.read_request();
                let mut bytes = Peer::answer(&request, "").into_bytes();
                bytes.extend(Frame::text("early").bytes());
                peer.write(bytes);
                peer.until_gone(); // nothing follows that could push the message out
            });
            let client = Client::new(drive, &server.url());
            client.connect().unwrap();
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            assert_eq!(client.text(), "early");
        }
    });
}

/// The server's part of a session: an answer, messages in every shape, a close.
fn session(request: &str) -> Vec<u8> {
    let mut bytes = Peer::answer(request, "X-Filler: a b\tc\r\n").into_bytes();
    for frame in [
        Frame::text("gr\u{fc}n \u{1f600}"),
        Frame::text("frag").unfinished(),
        Frame::ping("between"),
        Frame::continuation([]).unfinished(),
        Frame::continuation("mented"),
        Frame::binary([7; 126]),
        Frame::text(""),
        Frame::close(4000, "done"),
    ] {
        bytes.extend(frame.bytes());
    }
    bytes
}

/// Runs the session, its bytes cut into pieces as `cut` says.
fn assert_session_survives(drive: Drive, cut: impl Fn(&[u8]) -> Vec<&[u8]>) {
    let server = Server::listen();
    let client = Client::new(drive, &server.url());
    client.connect().unwrap();
    client.expect(EventType::Connect);
    let mut peer = server.accept();
    let bytes = session(&peer.read_request());
    peer.write_pieces(cut(&bytes), |written| {
        client.until("the piece was read", || {
            client.counter(Counter::BytesReceived) >= written as u64
        });
    });
    peer.close_code();
    drop(peer);
    client.expect(EventType::Handshake);
    let end = client.end();
    let messages: Vec<_> = end
        .messages
        .iter()
        .map(|(kind, data)| (*kind, &data[..]))
        .collect();
    let expected: [(MessageType, &[u8]); 4] = [
        (MessageType::Text, "gr\u{fc}n \u{1f600}".as_bytes()),
        (MessageType::Text, b"fragmented"),
        (MessageType::Binary, &[7; 126]),
        (MessageType::Text, b""),
    ];
    assert_eq!(messages, expected);
    assert_eq!(
        (end.code, end.reason.as_str(), end.clean),
        (4000, "done", true)
    );
}

#[test]
fn bytes_may_be_split_at_any_position() {
    bounded(|| {
        let length = session("Sec\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n").len();
        for at in 1..length {
            assert_session_survives(Drive::Poll, |bytes| vec![&bytes[..at], &bytes[at..]]);
        }
    });
}

#[test]
fn bytes_may_come_one_at_a_time() {
    bounded(|| {
        for drive in Drive::ALL {
            assert_session_survives(drive, |bytes| bytes.chunks(1).collect());
        }
    });
}

#[test]
fn control_frames_between_fragments_do_no_harm() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        peer.send_all(&[
            Frame::text("AAAA").unfinished(),
            Frame::ping("pp"),
            Frame::continuation("BB").unfinished(),
            Frame::pong("qq"),
            Frame::continuation("CC"),
        ]);
        assert_eq!(client.expect(EventType::Ping).data(), b"pp");
        assert_eq!(client.expect(EventType::Pong).data(), b"qq");
        assert_eq!(client.text(), "AAAABBCC");
        let answer = peer.frame();
        assert_eq!((answer.opcode, &answer.payload[..]), (op::PONG, &b"pp"[..]));
    });
}

#[test]
fn messages_with_equal_fragments_are_not_mixed_up() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        for start in ["first-", "second-"] {
            peer.send_all(&[Frame::text(start).unfinished(), Frame::continuation("END")]);
        }
        peer.send(&Frame::text("second-plain"));
        assert_eq!(
            [client.text(), client.text(), client.text()],
            ["first-END", "second-END", "second-plain"]
        );
    });
}

// --- sending ---

#[test]
fn sends_before_the_handshake_go_first_and_in_order() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let server = Server::listen().serve(|mut peer| {
                peer.accept();
                let texts: Vec<_> = (0..5).map(|_| peer.text()).collect();
                assert_eq!(
                    texts,
                    ["initial", "connecting", "connected", "shaken", "open"]
                );
                peer.send(&Frame::close(1000, ""));
                peer.close_code();
            });
            let client = Client::new(drive, &server.url());
            client.on(EventType::Connect, |connection, _| {
                connection.send_text(b"connected").unwrap()
            });
            client.on(EventType::Handshake, |connection, _| {
                connection.send_text(b"shaken").unwrap()
            });
            client.send_text(b"initial").unwrap();
            assert!(client.buffered_amount() >= b"initial".len());
            if drive == Drive::Dispatch {
                client.connect().unwrap();
                client.send_text(b"connecting").unwrap(); // nothing turned the loop since
            } else {
                client.send_text(b"connecting").unwrap();
                client.connect().unwrap();
            }
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            client.send_text(b"open").unwrap();
            let end = client.end();
            assert!(end.clean && end.unsent == 0, "{end:?}");
            assert_eq!(client.buffered_amount(), 0);
            server.finish();
        }
    });
}

#[test]
fn send_sends_in_the_binary_type() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        client.send(b"blob").unwrap();
        assert_eq!(client.send(b"\xff"), Err(Status::Utf8));
        client.set_binary_type(BinaryType::ArrayBuffer).unwrap();
        client.send(b"\xff").unwrap();
        client.send_text(b"text").unwrap();
        client.set_binary_type(BinaryType::Blob).unwrap();
        client.send_binary(b"binary").unwrap();
        let frames: Vec<_> = (0..4)
            .map(|_| peer.frame())
            .map(|frame| (frame.opcode, frame.payload))
            .collect();
        assert_eq!(
            frames,
            [
                (op::TEXT, b"blob".to_vec()),
                (op::BINARY, b"\xff".to_vec()),
                (op::TEXT, b"text".to_vec()),
                (op::BINARY, b"binary".to_vec()),
            ]
        );
    });
}

#[test]
fn every_length_arrives_whole_in_both_directions() {
    bounded(|| {
        const LENGTHS: [usize; 10] = [0, 1, 125, 126, 127, 65535, 65536, 65537, 200_000, 3 << 20];
        let server = Server::listen().serve(|mut peer| {
            peer.accept();
            for length in LENGTHS {
                let frame = peer.frame(); // which checks that the length has its shortest form
                assert!(frame.fin && frame.rsv == 0 && frame.payload.len() == length);
                peer.send(&Frame::binary(frame.payload));
            }
            peer.send(&Frame::close(1000, ""));
            peer.close_code();
        });
        let client = Client::new(Drive::Poll, &server.url());
        client.connect().unwrap();
        client.expect(EventType::Connect);
        client.expect(EventType::Handshake);
        for length in LENGTHS {
            let payload: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            client.send_binary(&payload).unwrap();
            let (kind, data) = client.message();
            assert!(
                kind == MessageType::Binary && data == payload,
                "{length} bytes came back changed"
            );
        }
        assert!(client.end().clean);
        assert_eq!(client.counter(Counter::MessagesSent), LENGTHS.len() as u64);
        assert_eq!(
            client.counter(Counter::MessagesReceived),
            LENGTHS.len() as u64
        );
        let payload: usize = LENGTHS.iter().sum();
        assert!(client.counter(Counter::BytesSent) > payload as u64);
        assert!(client.counter(Counter::BytesReceived) > payload as u64);
    });
}

#[test]
fn masks_are_random() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        for _ in 0..200 {
            client.send_text(b"the same text").unwrap();
        }
        client.ping(b"").unwrap();
        client.flush().unwrap();
        let mut masks: Vec<_> = (0..201).map(|_| peer.frame().mask.unwrap()).collect();
        assert!(!masks.contains(&[0; 4]), "a mask of zeros");
        let bit_sum: u32 = masks
            .iter()
            .map(|mask| u32::from_ne_bytes(*mask).count_ones())
            .sum();
        assert!(
            (2800..3600).contains(&bit_sum),
            "{bit_sum} of {} mask bits are set",
            201 * 32
        );
        masks.sort();
        masks.dedup();
        assert_eq!(masks.len(), 201, "masks come twice");
    });
}

#[test]
fn a_burst_leaves_without_a_turn_of_the_host() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        for index in 0..1000 {
            client.send_text(index.to_string().as_bytes()).unwrap();
        }
        for index in 0..1000 {
            assert_eq!(peer.text(), index.to_string());
        }
    });
}

// --- closing ---

#[test]
fn our_close_is_answered_and_told() {
    bounded(|| {
        for (code, reason) in [
            (1000, "bye"),
            (3000, ""),
            (4999, "\u{fc}ber"),
            (1000, "r".repeat(123).as_str()),
        ] {
            for drive in Drive::ALL {
                let server = Server::listen();
                let client = Client::new(drive, &server.url());
                let peer = client.open(&server);
                client.close(code, reason.as_bytes()).unwrap();
                client.close(code, b"").unwrap(); // it is closing already
                assert_eq!(client.send_text(b"late"), Err(Status::State));
                assert_eq!(client.ping(b"late"), Err(Status::State));
                assert_eq!(peer.answer_close(), Some((code, reason.to_owned())));
                let end = client.end();
                assert_eq!(
                    (end.status, end.code, end.reason.as_str()),
                    (Status::Ok, code, reason)
                );
                assert!(end.clean && end.error.is_none(), "{end:?}");
                assert_eq!(client.send_text(b"later"), Err(Status::State));
                client.assert_quiet();
            }
        }
    });
}

#[test]
fn a_close_without_a_code_is_an_empty_frame_and_1005() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let peer = client.open(&server);
        client.close(0, b"").unwrap();
        assert_eq!(peer.answer_close(), None);
        let end = client.end();
        assert_eq!((end.code, end.reason.as_str(), end.clean), (1005, "", true));
    });
}

#[test]
fn the_code_told_is_the_one_the_peer_sent() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        client.close(1000, b"ours").unwrap();
        assert_eq!(peer.close_frame(), Some((1000, "ours".into())));
        peer.send(&Frame::close(4321, "theirs"));
        drop(peer);
        let end = client.end();
        assert_eq!(
            (end.code, end.reason.as_str(), end.clean),
            (4321, "theirs", true)
        );
    });
}

#[test]
fn their_close_is_answered_with_its_code_and_told() {
    bounded(|| {
        for code in [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999,
        ] {
            let server = Server::listen();
            let client = Client::new(Drive::Poll, &server.url());
            let mut peer = client.open(&server);
            peer.send(&Frame::close(code, "because"));
            assert_eq!(peer.close_code(), Some(code));
            drop(peer);
            let end = client.end();
            assert_eq!(
                (end.status, end.code, end.reason.as_str()),
                (Status::Ok, code, "because")
            );
            assert!(end.clean && end.error.is_none(), "{end:?}");
        }
    });
}

#[test]
fn their_close_without_a_code_is_answered_without_one() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        peer.send(&Frame::new(op::CLOSE, []));
        assert_eq!(peer.close_frame(), None);
        drop(peer);
        let end = client.end();
        assert_eq!((end.code, end.reason.as_str(), end.clean), (1005, "", true));
    });
}

#[test]
fn frames_after_their_close_are_not_delivered() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        peer.send_all(&[
            Frame::text("last"),
            Frame::close(1000, ""),
            Frame::text("late"),
            Frame::ping("late"),
        ]);
        assert_eq!(peer.close_code(), Some(1000));
        drop(peer);
        let end = client.end();
        assert!(end.clean && end.messages.len() == 1, "{end:?}");
    });
}

#[test]
fn a_server_that_keeps_tcp_open_after_the_close_is_left() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_close_timeout(Some(SHORT)).unwrap();
        let mut peer = client.open(&server);
        peer.send(&Frame::close(1000, "bye"));
        assert_eq!(peer.close_code(), Some(1000));
        let end = client.end();
        assert_eq!((end.code, end.clean), (1000, true));
        peer.until_hung_up();
    });
}

#[test]
fn everything_sent_before_close_arrives_before_the_close_frame() {
    bounded(|| {
        let server = Server::listen();
        server.shrink_receive_buffer();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_send_queue_limit(64 << 20).unwrap();
        client.set_close_timeout(None).unwrap();
        let mut peer = client.open(&server);
        for index in 0..200u8 {
            client.send_binary(&vec![index; 50_000]).unwrap();
        }
        client.close(1000, b"all said").unwrap();
        let reader = thread::spawn(move || {
            for index in 0..200u8 {
                assert!(
                    peer.frame().payload == vec![index; 50_000],
                    "message {index} is damaged"
                );
            }
            assert_eq!(peer.answer_close(), Some((1000, "all said".into())));
        });
        let end = client.end();
        assert!(end.clean && end.unsent == 0, "{end:?}");
        reader.join().unwrap();
    });
}

#[test]
fn a_silent_peer_is_left_after_the_close_timeout() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            client.set_close_timeout(Some(SHORT)).unwrap();
            let peer = client.open(&server);
            client.close(1000, b"").unwrap();
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Timeout, Phase::Closing)
            );
            peer.until_hung_up();
        }
    });
}

#[test]
fn a_silent_peer_that_keeps_talking_is_left_too() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.accept();
            while peer.try_write(Frame::ping("still here").bytes()) {}
        });
        let client = Client::new(Drive::Poll, &server.url());
        client.set_close_timeout(Some(SHORT)).unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        client.expect(EventType::Handshake);
        client.close(1000, b"").unwrap();
        let end = client.end();
        assert_eq!(
            (end.status, end.phase, end.code),
            (Status::Timeout, Phase::Closing, 1006)
        );
        server.finish();
    });
}

#[test]
fn close_while_connecting_ends_the_attempt_without_an_error() {
    bounded(|| {
        for drive in Drive::ALL {
            // In the TCP phase, before the answer, and in the middle of the answer.
            let deaf = Server::deaf();
            let client = Client::new(drive, &deaf.url());
            client.connect().unwrap();
            client.close(1000, b"never mind").unwrap();
            assert_ended_by_caller(&client);

            for answer in ["", "HTTP/1.1 101 Swi"] {
                let server = Server::listen();
                let client = Client::new(drive, &server.url());
                client.send_text(b"never sent").unwrap();
                client.connect().unwrap();
                client.expect(EventType::Connect);
                let mut peer = server.accept();
                peer.read_request();
                peer.write(answer);
                client.close(1000, b"").unwrap();
                let end = assert_ended_by_caller(&client);
                assert_eq!(end.unsent, 1);
                peer.until_gone();
            }
        }
    });
}

fn assert_ended_by_caller(client: &Client) -> End {
    let end = client.end();
    assert!(
        end.error.is_none() && !end.clean && end.code == 1006,
        "{end:?}"
    );
    assert_eq!(end.status, Status::Aborted);
    client.assert_quiet();
    assert_eq!(client.state(), State::Closed);
    end
}

#[test]
fn abort_ends_at_once_and_drops_what_was_received() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let mut peer = client.open(&server);
            if drive == Drive::Poll {
                peer.send(&Frame::text("received, never told"));
                eventually("the message was read", || {
                    client.counter(Counter::MessagesReceived) == 1
                });
            }
            client.abort().unwrap();
            assert_eq!(client.send_text(b"late"), Err(Status::State));
            let end = assert_ended_by_caller(&client);
            assert!(end.messages.is_empty(), "{end:?}");
            peer.until_gone();
        }
    });
}

#[test]
fn the_close_tells_how_many_messages_never_left() {
    bounded(|| {
        const SENT: usize = 200;
        let server = Server::listen();
        server.shrink_receive_buffer();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_send_queue_limit(64 << 20).unwrap();
        client.set_close_timeout(Some(SHORT)).unwrap();
        let mut peer = client.open(&server);
        for _ in 0..SENT {
            client.send_binary(&[b'x'; 100_000]).unwrap();
        }
        client.close(1000, b"").unwrap();
        let end = client.end(); // the peer reads nothing, so the deadline passes
        assert!(end.unsent > 0 && end.unsent < SENT as u64, "{end:?}");
        assert!(!end.clean, "{end:?}");
        // What the kernel took arrives: whole messages, and a part of the next.
        let mut whole = 0;
        while peer.take_frame().is_some() {
            whole += 1;
        }
        assert_eq!(whole, SENT - end.unsent as usize);
    });
}

#[test]
fn a_reset_is_an_error_and_counts_what_was_left() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            server.shrink_receive_buffer();
            let client = Client::new(drive, &server.url());
            client.set_send_queue_limit(64 << 20).unwrap();
            let peer = client.open(&server);
            for _ in 0..200 {
                client.send_binary(&[b'x'; 100_000]).unwrap();
            }
            peer.reset();
            let end = client.end();
            let error = end.error.as_ref().expect("an error");
            assert_eq!((error.status, error.phase), (Status::Reset, Phase::Open));
            assert!(end.unsent > 0 && end.code == 1006 && !end.clean, "{end:?}");
        }
    });
}

#[test]
fn a_fin_without_a_close_frame_is_an_error_after_the_messages() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let mut peer = client.open(&server);
            peer.send_all(&[Frame::text("one"), Frame::text("two")]);
            peer.close();
            let end = client.end();
            assert_eq!(end.messages.len(), 2);
            assert_eq!(
                (end.status, end.phase, end.code),
                (Status::Closed, Phase::Open, 1006)
            );
            assert!(end.error.is_some() && !end.clean, "{end:?}");
        }
    });
}

#[test]
fn a_fin_in_the_middle_of_a_frame_is_an_error() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        peer.write(&Frame::text("cut short").bytes()[..5]);
        peer.close();
        let end = client.end();
        assert!(
            end.messages.is_empty() && end.status == Status::Closed,
            "{end:?}"
        );
    });
}

// --- callbacks may do anything ---

#[test]
fn free_is_allowed_inside_every_callback() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            for freed_in in [
                EventType::Connect,
                EventType::Handshake,
                EventType::Message,
                EventType::Ping,
                EventType::Pong,
                EventType::BufferFull,
                EventType::BufferDrain,
                EventType::Error,
                EventType::Close,
            ] {
                let server = Server::listen().serve(|mut peer| {
                    peer.accept();
                    let mut bytes = Vec::new();
                    for frame in [
                        Frame::text("message"),
                        Frame::ping("ping"),
                        Frame::pong("pong"),
                        Frame::new(3, "a reserved opcode"),
                    ] {
                        bytes.extend(frame.bytes());
                    }
                    peer.try_write(bytes);
                    peer.until_gone();
                });
                let client = Client::new(drive, &server.url());
                let freed = Arc::new(AtomicUsize::new(0));
                let counter = freed.clone();
                client
                    .on_free(Some(Box::new(move || {
                        counter.fetch_add(1, Ordering::SeqCst);
                    })))
                    .unwrap();
                client.on(freed_in, |connection, _| connection.free());
                client.set_send_queue_limit(100).unwrap();
                client.send_text(&[b'x'; 1000]).unwrap(); // fills the queue, drained once open
                client.connect().unwrap();
                while client.next().event_type() != freed_in {}
                client.until("on_free ran", || freed.load(Ordering::SeqCst) == 1);
                client.assert_quiet();
                server.finish();
                assert!(client.connect().is_err(), "a freed connection connects");
                drop(client); // frees a second time
                assert_eq!(
                    freed.load(Ordering::SeqCst),
                    1,
                    "on_free ran twice after {freed_in:?}"
                );
            }
        }
    });
}

#[test]
fn a_freed_connection_is_heard_of_no_more() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let mut peer = client.open(&server);
            client.send_text(b"the last word").unwrap();
            client.free();
            assert_eq!(peer.text(), "the last word");
            peer.until_gone();
            client.assert_quiet();
        }
    });
}

#[test]
fn a_panic_in_a_handler_kills_neither_the_host_nor_the_loop() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let bystander = client.host.connection(&server.url());
            let mut peer = client.open(&server);
            bystander.connect().unwrap();
            client.expect(EventType::Connect);
            let mut other_peer = server.accept();
            other_peer.accept();
            client.expect(EventType::Handshake);

            client.on(EventType::Message, |_, _| {
                panic!("a bug in the host program")
            });
            peer.send(&Frame::text("trigger"));
            let deadline = std::time::Instant::now() + DEADLINE;
            let event = loop {
                assert!(std::time::Instant::now() < deadline);
                if drive == Drive::Dispatch {
                    let _may_report_it = client
                        .host
                        .event_loop
                        .dispatch(Some(Duration::from_millis(10)));
                } else {
                    thread::yield_now();
                }
                if let Some(event) = client.host.arrived() {
                    break event;
                }
            };
            assert_eq!(event.event_type(), EventType::Message);
            other_peer.send(&Frame::text("life goes on"));
            loop {
                let event = client.next();
                if event.conn_id == bystander.id() {
                    assert_eq!(event.data(), b"life goes on");
                    break;
                }
            }
        }
    });
}

#[test]
fn every_call_may_be_made_inside_a_callback() {
    bounded(|| {
        for drive in [Drive::Dispatch, Drive::Thread] {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let event_loop = client.host.event_loop.clone();
            client.on(EventType::Message, move |connection, _| {
                let expected = match drive {
                    Drive::Dispatch => Status::Busy,
                    _ => Status::Mode,
                };
                assert_eq!(event_loop.dispatch(Some(Duration::ZERO)), Err(expected));
                assert_eq!(
                    event_loop.poll(1, Some(Duration::ZERO), &mut |_| ()),
                    Err(expected)
                );
                assert_eq!(event_loop.run(), Err(Status::Busy));
                event_loop.wake().unwrap();
                event_loop.flush().unwrap();
                event_loop
                    .set_standby_grace(Some(Duration::from_millis(5)))
                    .unwrap();
                assert!(event_loop.fd().is_some());
                assert_eq!(connection.state(), State::Open);
                connection.pause_recv().unwrap();
                connection.resume_recv().unwrap();
                connection.set_ping_interval(None).unwrap();
                connection.ping(b"from inside").unwrap();
                connection.send_text(b"from inside").unwrap();
                connection.flush().unwrap();
                let another = Connection::new(&event_loop, "ws://127.0.0.1:1/").unwrap();
                assert_eq!(another.state(), State::Initial);
                another.free();
                connection.send_text(b"all done").unwrap();
                connection.close(1000, b"from inside").unwrap();
            });
            let mut peer = client.open(&server);
            peer.send(&Frame::text("go"));
            client.text();
            assert_eq!(peer.frame().opcode, op::PING);
            assert_eq!(peer.text(), "from inside");
            assert_eq!(peer.text(), "all done");
            assert_eq!(peer.answer_close(), Some((1000, "from inside".into())));
            assert!(client.end().clean);
        }
    });
}

// --- the loop ---

#[test]
fn dispatch_and_poll_are_refused_on_a_loop_with_its_own_thread() {
    bounded(|| {
        let host = Host::new(Drive::Thread);
        assert_eq!(
            host.event_loop.dispatch(Some(Duration::ZERO)),
            Err(Status::Mode)
        );
        assert_eq!(
            host.event_loop.poll(1, Some(Duration::ZERO), &mut |_| ()),
            Err(Status::Mode)
        );
    });
}

#[test]
fn run_returns_when_nothing_is_left_to_do() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.accept();
            peer.send(&Frame::text("hello"));
            peer.send(&Frame::close(1000, ""));
            peer.close_code();
        });
        let host = Host::new(Drive::Dispatch);
        host.event_loop.run().unwrap(); // nothing was ever started
        let connections = [
            host.connection(&server.url()),
            host.connection(&server.url()),
        ];
        for connection in &connections {
            connection.connect().unwrap();
        }
        host.event_loop.run().unwrap();
        let mut closes = 0;
        while let Some(event) = host.arrived() {
            closes += usize::from(event.event_type() == EventType::Close);
        }
        assert_eq!(closes, 2);
    });
}

#[test]
fn run_waits_for_a_scheduled_reconnect() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.accept();
            peer.send(&Frame::close(1000, ""));
            peer.close_code();
        });
        let host = Host::new(Drive::Dispatch);
        let connection = host.connection(&server.url());
        host.on(&connection, EventType::Close, |connection, event| {
            if event.attempt < 3 {
                connection.reconnect(Duration::from_millis(20)).unwrap();
            }
        });
        connection.connect().unwrap();
        host.event_loop.run().unwrap();
        let mut attempts = Vec::new();
        while let Some(event) = host.arrived() {
            if event.event_type() == EventType::Close {
                attempts.push(event.attempt);
            }
        }
        assert_eq!(attempts, [1, 2, 3]);
    });
}

#[test]
fn stop_ends_run_from_another_thread_and_from_a_callback() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Dispatch, &server.url());
        let mut peer = client.open(&server);
        let event_loop = client.host.event_loop.clone();
        let stopper = {
            let event_loop = event_loop.clone();
            thread::spawn(move || {
                peer.send(&Frame::text("running"));
                event_loop.stop().unwrap();
                peer
            })
        };
        event_loop.run().unwrap();
        let mut peer = stopper.join().unwrap();

        let inside = event_loop.clone();
        client.on(EventType::Ping, move |_, _| inside.stop().unwrap());
        peer.send(&Frame::ping("stop"));
        event_loop.run().unwrap();
        assert_eq!(client.state(), State::Open);
    });
}

#[test]
fn wake_ends_a_wait() {
    bounded(|| {
        for polls in [true, false] {
            let host = Host::new(Drive::Dispatch);
            let event_loop = host.event_loop.clone();
            let waker = thread::spawn(move || event_loop.wake().unwrap());
            if polls {
                assert_eq!(host.event_loop.poll(1, None, &mut |_| ()), Ok(0));
            } else {
                host.event_loop.dispatch(None).unwrap();
            }
            waker.join().unwrap();
        }
    });
}

#[test]
fn poll_hands_out_at_most_max_events() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        peer.send_all(&vec![Frame::text("x"); 10]);
        eventually("all were read", || {
            client.counter(Counter::MessagesReceived) == 10
        });
        let mut polled = Vec::new();
        for max in [3, 1, 4, 100] {
            polled.push(client.host.poll(max, DEADLINE));
        }
        assert_eq!(polled, [3, 1, 4, 2]);
        let refused = client
            .host
            .event_loop
            .poll(0, Some(Duration::ZERO), &mut |_| ());
        assert!(
            matches!(refused, Ok(0) | Err(Status::Invalid)),
            "{refused:?}"
        );
    });
}

#[test]
fn an_event_kind_is_what_its_type_says() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let mut peer = server.accept();
        let request = peer.read_request();
        let answer = Peer::answer(&request, "X-One: 1\r\nX-Two:  two words \r\n");
        peer.write(&answer);
        match client.expect(EventType::Handshake).kind {
            EventKind::Handshake { status, head } => {
                assert_eq!(status, 101);
                assert_eq!(
                    head,
                    answer.as_bytes(),
                    "the head is not what the server sent"
                );
            }
            other => panic!("{other:?}"),
        }
    });
}
