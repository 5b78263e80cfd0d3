//! permessage-deflate (RFC 7692), and messages in parts.

mod support;

use std::thread;

use support::*;
use wsc::connection::Counter;
use wsc::error::{Phase, Status};
use wsc::event::{EventKind, EventType, MessageType, Part};

const AGREE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

fn client(server: &Server) -> Client {
    let client = Client::new(Drive::Poll, &server.url());
    client.set_deflate(true).unwrap();
    client.set_deflate_threshold(0).unwrap();
    client
}

/// Shakes hands with these header lines in the answer; returns the request too.
fn open(client: &Client, server: &Server, answer: &str) -> (Peer, String) {
    client.connect().unwrap();
    client.expect(EventType::Connect);
    let mut peer = server.accept();
    let request = peer.accept_with(answer);
    client.expect(EventType::Handshake);
    (peer, request)
}

fn noise(random: &mut Random, size: usize) -> Vec<u8> {
    (0..size).map(|_| random.below(256) as u8).collect()
}

#[test]
fn nothing_is_offered_unless_asked_for() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let (_peer, request) = open(&client, &server, "");
        assert_eq!(field(&request, "Sec-WebSocket-Extensions"), None);
        assert_eq!((client.extensions(), client.subprotocol()), (None, None));
    });
}

#[test]
fn a_server_may_decline() {
    bounded(|| {
        let server = Server::listen();
        let client = client(&server);
        let (mut peer, request) = open(&client, &server, "");
        assert_eq!(
            field(&request, "Sec-WebSocket-Extensions"),
            Some("permessage-deflate; client_max_window_bits")
        );
        client.send_text(b"plain plain plain").unwrap();
        assert_eq!(peer.frame().rsv, 0);
        peer.send(&Frame::text(deflated("x")).rsv(4));
        assert_eq!(peer.close_code(), Some(1002));
    });
}

#[test]
fn the_negotiated_values_can_be_read() {
    bounded(|| {
        let server = Server::listen();
        let client = client(&server);
        client.set_subprotocols("a, b").unwrap();
        let value = "permessage-deflate; client_max_window_bits=10";
        let lines = format!("Sec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: {value}\r\n");
        let _peer = open(&client, &server, &lines);
        assert_eq!(client.extensions().as_deref(), Some(value));
        assert_eq!(client.subprotocol().as_deref(), Some("b"));
        client.abort().unwrap();
        client.end();
        let _peer = open(&client, &server, "");
        assert_eq!((client.extensions(), client.subprotocol()), (None, None));
    });
}

#[test]
fn an_answer_beyond_the_offer_fails_the_handshake() {
    bounded(|| {
        let server = Server::listen();
        let client = client(&server);
        for value in [
            "permessage-deflate; mux",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "x-other",
        ] {
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.accept_with(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
            let failure = client.failure();
            assert_eq!(failure.status, Status::ExtensionMismatch, "{value}");
            assert_eq!(failure.phase, Phase::Upgrade);
        }
    });
}

/// Messages of every size go back and forth, those queued before the handshake first.
#[test]
fn every_agreement_carries_messages_both_ways() {
    bounded(|| {
        let server = Server::listen();
        for (client_bits, server_bits, no_takeover) in [
            (15, 15, false),
            (15, 15, true),
            (9, 9, false),
            (12, 10, true),
        ] {
            let mut random = Random::new();
            let client = client(&server);
            client
                .set_deflate_window_bits(client_bits, server_bits)
                .unwrap();
            client
                .set_deflate_no_context_takeover(no_takeover, no_takeover)
                .unwrap();
            client.send_text(b"queued before").unwrap();
            let mut answer = format!(
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits={client_bits}\
                 ; server_max_window_bits={server_bits}"
            );
            if no_takeover {
                answer += "; server_no_context_takeover; client_no_context_takeover";
            }
            let (mut peer, _) = open(&client, &server, &(answer + "\r\n"));
            let mut codec = Deflate::new(client_bits, server_bits);
            let mut expect = |peer: &mut Peer, payload: &[u8]| {
                let frame = peer.frame();
                assert_eq!((frame.rsv, frame.fin), (4, true));
                assert!(codec.decompress(&frame.payload) == payload);
                if no_takeover {
                    codec.forget_received();
                    codec.forget_sent();
                }
                codec.compress(payload)
            };
            expect(&mut peer, b"queued before");
            for size in [0, 1, 5, 100, 1000, 20_000, 70_000] {
                for payload in [vec![b'x'; size], noise(&mut random, size)] {
                    client.send_binary(&payload).unwrap();
                    let back = expect(&mut peer, &payload);
                    let cut = random.below(back.len() as u64 + 1) as usize;
                    peer.send_all(&[
                        Frame::binary(&back[..cut]).unfinished().rsv(4),
                        Frame::ping("between"),
                        Frame::continuation(&back[cut..]),
                    ]);
                    client.expect(EventType::Ping);
                    assert!(client.message() == (MessageType::Binary, payload.into()));
                    assert_eq!(peer.frame().opcode, op::PONG);
                }
            }
            let held = client.counter(Counter::MemoryBytes);
            assert_eq!(held > 0, !no_takeover, "{held} bytes between messages");
        }
    });
}

#[test]
fn small_messages_marked_ones_and_control_frames_are_not_compressed() {
    bounded(|| {
        let server = Server::listen();
        let client = client(&server);
        client.set_deflate_threshold(10).unwrap();
        let (mut peer, _) = open(&client, &server, AGREE);
        client.send_text(b"123456789").unwrap();
        client
            .send_message(MessageType::Text, Part::Whole, false, &[b'x'; 100])
            .unwrap();
        client.ping(&[b'x'; 100]).unwrap();
        client.send_text(b"1234567890").unwrap();
        client.close(1000, &[b'x'; 100]).unwrap();
        let rsv: Vec<_> = (0..5)
            .map(|_| peer.frame())
            .map(|f| (f.opcode, f.rsv))
            .collect();
        assert_eq!(rsv.iter().filter(|(_, rsv)| *rsv != 0).count(), 1);
        assert_eq!(rsv[3..], [(op::TEXT, 4), (op::CLOSE, 0)]);
    });
}

/// A window of 8 bits is legal in an answer, and zlib cannot write it.
#[test]
fn with_a_window_too_small_to_write_messages_go_out_as_they_are() {
    bounded(|| {
        let server = Server::listen();
        let client = client(&server);
        let answer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8\r\n";
        let (mut peer, _) = open(&client, &server, answer);
        client.send_text(b"plain plain plain").unwrap();
        assert_eq!(peer.text(), "plain plain plain");
    });
}

#[test]
fn damaged_data_ends_with_1007() {
    bounded(|| {
        let server = Server::listen();
        let client = client(&server);
        let (mut peer, _) = open(&client, &server, AGREE);
        peer.send(&Frame::text([0xff; 9]).rsv(4));
        assert_eq!(peer.close_code(), Some(1007));
        peer.close();
        assert_eq!(client.failure().status, Status::Protocol);
    });
}

/// A few kilobytes that inflate to many megabytes wait compressed until the
/// application has taken what came before, and the end of the stream waits too.
#[test]
fn no_more_is_inflated_than_the_receive_limit_lets_in() {
    bounded(|| {
        const SIZE: usize = 1 << 20;
        const COUNT: usize = 16;
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            client.set_deflate(true).unwrap();
            client.set_deflate_max_ratio(2000).unwrap();
            client.set_receive_queue_limit(SIZE).unwrap();
            let (mut peer, _) = open(&client, &server, AGREE);
            if drive != Drive::Thread {
                client.pause_recv().unwrap();
            }
            let bomb = Frame::binary(deflated(vec![0; SIZE])).rsv(4).bytes();
            peer.write(bomb.repeat(COUNT));
            peer.send(&Frame::close(1000, "all"));
            if drive != Drive::Thread {
                client.resume_recv().unwrap();
            }
            for _ in 0..COUNT {
                assert_eq!(client.message().1.len(), SIZE);
                let held = client.counter(Counter::MemoryBytes);
                assert!(held < 5 << 20 || drive == Drive::Thread, "{held} bytes");
                client.host.forget();
            }
            peer.half_close();
            let end = client.end();
            assert_eq!((end.code, end.clean, end.by_peer), (1000, true, true));
        }
    });
}

fn part(client: &Client) -> (Part, Vec<u8>) {
    match client.expect(EventType::Message).kind {
        EventKind::Message { part, data, .. } => (part, data.to_vec()),
        _ => unreachable!(),
    }
}

#[test]
fn a_message_is_received_in_parts_while_it_arrives() {
    bounded(|| {
        for answer in ["", AGREE] {
            let server = Server::listen();
            let client = client(&server);
            client.set_streaming(true).unwrap();
            let (mut peer, _) = open(&client, &server, answer);
            let mut codec = Deflate::new(15, 15);
            let mut frame = |text: &str, part: Part| {
                let frame = match answer {
                    "" => Frame::text(text),
                    _ => Frame::text(codec.compress(text)).rsv(4),
                };
                Frame {
                    fin: part.ends(),
                    opcode: if part.begins() {
                        op::TEXT
                    } else {
                        op::CONTINUATION
                    },
                    rsv: if part.begins() { frame.rsv } else { 0 },
                    payload: match (answer, part.ends()) {
                        (AGREE, false) => [frame.payload, vec![0, 0, 255, 255]].concat(),
                        _ => frame.payload,
                    },
                    ..frame
                }
            };
            peer.send(&frame("first", Part::First));
            assert_eq!(part(&client), (Part::First, b"first".to_vec()));
            peer.send(&Frame::ping("between"));
            client.expect(EventType::Ping);
            peer.send(&frame("more", Part::More));
            assert_eq!(part(&client), (Part::More, b"more".to_vec()));
            peer.send(&frame("last", Part::Last));
            let (mut place, mut text) = part(&client);
            // The end may come a moment after its last bytes.
            if place == Part::More {
                let (end, rest) = part(&client);
                place = end;
                text.extend(rest);
            }
            assert_eq!((place, text), (Part::Last, b"last".to_vec()));
            peer.send(&frame("whole", Part::Whole));
            assert_eq!(part(&client), (Part::Whole, b"whole".to_vec()));
            assert_eq!(client.counter(Counter::MessagesReceived), 2);
        }
    });
}

#[test]
fn a_message_too_big_for_memory_streams_through() {
    bounded(|| {
        const SIZE: usize = 32 << 20;
        let server = Server::listen();
        let client = client(&server);
        client.set_streaming(true).unwrap();
        client.set_max_message_size(usize::MAX).unwrap();
        client.set_max_frame_size(usize::MAX).unwrap();
        let (mut peer, _) = open(&client, &server, "");
        let writer = thread::spawn(move || {
            peer.write(Frame::binary("").stating(SIZE as u64).bytes());
            let block = [b'x'; 1 << 16];
            (0..SIZE / block.len()).for_each(|_| peer.write(block));
            peer
        });
        let (mut size, mut most) = (0, 0);
        loop {
            let (part, data) = part(&client);
            size += data.len();
            most = most.max(client.counter(Counter::MemoryBytes));
            client.host.forget();
            if part.ends() {
                break;
            }
        }
        assert_eq!(size, SIZE);
        assert!(most < 8 << 20, "{most} bytes were held");
        drop(writer.join().unwrap());
    });
}

#[test]
fn a_message_is_sent_in_parts_and_nothing_gets_in_between_but_control_frames() {
    bounded(|| {
        for answer in ["", AGREE] {
            let server = Server::listen();
            let client = client(&server);
            let send = |part, text: &str| {
                client.send_message(MessageType::Text, part, true, text.as_bytes())
            };
            assert_eq!(send(Part::Last, "nothing begun"), Err(Status::State));
            send(Part::First, "queued before the handshake, ").unwrap();
            let (mut peer, _) = open(&client, &server, answer);
            assert_eq!(send(Part::First, "again"), Err(Status::State));
            assert_eq!(client.send_binary(b"other"), Err(Status::State));
            assert_eq!(
                client.send_message(MessageType::Binary, Part::More, true, b""),
                Err(Status::Invalid)
            );
            assert_eq!(
                client.send_message(MessageType::Text, Part::More, true, b"\xe2\x82"),
                Err(Status::Utf8)
            );
            let frames =
                |peer: &mut Peer, count| (0..count).map(|_| peer.frame()).collect::<Vec<_>>();
            let mut got = frames(&mut peer, 1);
            client.ping(b"between").unwrap();
            got.extend(frames(&mut peer, 1));
            send(Part::More, "").unwrap();
            send(Part::More, "more, ").unwrap();
            send(Part::Last, "").unwrap();
            got.extend(frames(&mut peer, 3));
            client.send_text(b"whole").unwrap();
            let rsv = if answer.is_empty() { 0 } else { 4 };
            assert_eq!(peer.frame().rsv, rsv);
            let shape: Vec<_> = got.iter().map(|f| (f.opcode, f.fin, f.rsv)).collect();
            assert_eq!(
                shape,
                [
                    (op::TEXT, false, rsv),
                    (op::PING, true, 0),
                    (op::CONTINUATION, false, 0),
                    (op::CONTINUATION, false, 0),
                    (op::CONTINUATION, true, 0),
                ]
            );
            got.remove(1);
            let mut payload: Vec<u8> = got.into_iter().flat_map(|frame| frame.payload).collect();
            if rsv != 0 {
                payload = Deflate::new(15, 15).decompress(&payload);
            }
            assert_eq!(payload, b"queued before the handshake, more, ");
            client.until("two messages were sent", || {
                client.counter(Counter::MessagesSent) == 2
            });
        }
    });
}

#[test]
fn the_end_of_an_attempt_ends_the_message_that_was_being_sent() {
    bounded(|| {
        let server = Server::listen();
        let client = client(&server);
        let _peer = open(&client, &server, "");
        client
            .send_message(MessageType::Text, Part::First, true, b"never finished")
            .unwrap();
        client.abort().unwrap();
        assert_eq!(client.end().unsent, 0);
        client.connect().unwrap();
        client.send_text(b"whole").unwrap();
    });
}

#[test]
fn a_close_tells_who_began_it() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        peer.send(&Frame::close(1001, "bye"));
        peer.close();
        let end = client.end();
        assert_eq!((end.code, end.by_peer), (1001, true));

        let peer = client.open(&server);
        client.close(1000, b"").unwrap();
        let answered = thread::spawn(|| peer.answer_close());
        assert!(!client.end().by_peer);
        answered.join().unwrap();

        drop(client.open(&server));
        assert!(!client.end().by_peer);
    });
}
