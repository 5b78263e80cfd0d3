//! Frames that break the protocol or a limit of size: each is answered with the
//! close code that RFC 6455 names, told as an error, and ends the connection.

mod support;

use std::time::Duration;

use support::*;
use wsc::error::{Phase, Status};
use wsc::event::{EventType, MessageType};

/// Opens a connection, lets the server write `bytes`, and checks how it ends.
fn assert_ends(
    what: &str,
    bytes: &[u8],
    close_code: u16,
    status: Status,
    limits: impl Fn(&Client),
) {
    let sent = bytes.to_vec();
    let server = Server::listen().serve(move |mut peer| {
        peer.accept();
        peer.try_write(&sent);
        let code = peer.close_code(); // which reads to the end where none comes
        if code.is_some() {
            peer.until_gone();
        }
        assert_eq!(
            code,
            Some(close_code),
            "the close code that the server sees"
        );
    });
    let client = Client::new(Drive::Poll, &server.url());
    limits(&client);
    client.connect().unwrap();
    client.expect(EventType::Connect);
    client.expect(EventType::Handshake);
    let end = client.end();
    let Some(error) = end.error else {
        panic!("{what}: no error")
    };
    assert_eq!(
        (error.status, error.phase),
        (status, Phase::Open),
        "{what}: {}",
        error.text
    );
    assert_eq!(end.status, status, "{what}");
    assert!(!end.clean, "{what}: clean");
    assert!(end.messages.is_empty(), "{what}: {:?}", end.messages);
    client.assert_quiet();
    server.finish();
}

fn assert_violation(what: &str, frames: &[Frame]) {
    let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
    assert_ends(what, &bytes, 1002, Status::Protocol, |_| ());
}

#[test]
fn a_masked_frame_is_a_violation() {
    bounded(|| {
        assert_violation("text", &[Frame::text("hello").masked([1, 2, 3, 4])]);
        assert_violation("ping", &[Frame::ping("").masked([0; 4])]);
    });
}

#[test]
fn a_reserved_opcode_is_a_violation() {
    bounded(|| {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            assert_violation(&format!("opcode {opcode}"), &[Frame::new(opcode, "x")]);
        }
    });
}

#[test]
fn a_reserved_bit_is_a_violation() {
    bounded(|| {
        for rsv in 1..=7 {
            assert_violation(&format!("text, rsv {rsv}"), &[Frame::text("x").rsv(rsv)]);
        }
        assert_violation("ping", &[Frame::ping("").rsv(4)]);
        assert_violation(
            "continuation",
            &[
                Frame::text("a").unfinished(),
                Frame::continuation("b").rsv(4),
            ],
        );
    });
}

#[test]
fn a_control_frame_that_is_long_or_fragmented_is_a_violation() {
    bounded(|| {
        for opcode in [op::PING, op::PONG, op::CLOSE] {
            let long = Frame::new(opcode, [&1000u16.to_be_bytes()[..], &[b'x'; 124]].concat());
            assert_violation(&format!("opcode {opcode} of 126 bytes"), &[long]);
            let fragmented = Frame::new(opcode, []).unfinished();
            assert_violation(&format!("opcode {opcode} in fragments"), &[fragmented]);
            let lying = Frame::new(opcode, "x").stating(1 << 40);
            assert_violation(&format!("opcode {opcode} of 2^40 bytes"), &[lying]);
        }
    });
}

#[test]
fn fragments_out_of_order_are_a_violation() {
    bounded(|| {
        assert_violation("continuation of nothing", &[Frame::continuation("x")]);
        assert_violation(
            "unfinished continuation of nothing",
            &[Frame::continuation("x").unfinished()],
        );
        assert_violation(
            "text in text",
            &[Frame::text("a").unfinished(), Frame::text("b")],
        );
        assert_violation(
            "binary in text",
            &[
                Frame::text("a").unfinished(),
                Frame::binary("b").unfinished(),
            ],
        );
        assert_violation(
            "continuation after the end",
            &[
                Frame::ping(""),
                Frame::text("a").unfinished(),
                Frame::continuation("b").unfinished(),
                Frame::text(""),
            ],
        );
    });
}

#[test]
fn a_bad_close_frame_is_a_violation() {
    bounded(|| {
        for code in [
            0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
        ] {
            assert_violation(&format!("close code {code}"), &[Frame::close(code, "")]);
        }
        assert_violation("half a close code", &[Frame::new(op::CLOSE, [3])]);
        let reason = [&1000u16.to_be_bytes()[..], b"\xff\xfe"].concat();
        assert_ends(
            "close reason",
            &Frame::new(op::CLOSE, reason).bytes(),
            1007,
            Status::PeerUtf8,
            |_| (),
        );
    });
}

#[test]
fn a_length_beyond_all_limits_ends_at_the_header() {
    bounded(|| {
        for length in [17 << 20, 1 << 32, 1 << 62] {
            let header = Frame::binary([]).stating(length).bytes();
            assert_ends(
                &format!("{length} bytes"),
                &header,
                1009,
                Status::MessageTooBig,
                |_| (),
            );
        }
        // The highest bit must be 0 (RFC 6455 §5.2): not too big but no length at all.
        for length in [1 << 63, u64::MAX] {
            let header = Frame::binary([]).stating(length).bytes();
            assert_ends(
                &format!("{length} bytes"),
                &header,
                1002,
                Status::Protocol,
                |_| (),
            );
        }
    });
}

#[test]
fn a_message_over_its_limit_ends_the_connection() {
    bounded(|| {
        let message_limit = |client: &Client| client.set_max_message_size(1000).unwrap();
        let in_one = Frame::text([b'x'; 1001]).bytes();
        assert_ends(
            "one frame",
            &in_one,
            1009,
            Status::MessageTooBig,
            message_limit,
        );

        let in_many: Vec<u8> = [Frame::text([b'x'; 400]).unfinished()]
            .into_iter()
            .chain(vec![Frame::continuation([b'x'; 400]).unfinished(); 2])
            .flat_map(|frame| frame.bytes())
            .collect();
        assert_ends(
            "fragments",
            &in_many,
            1009,
            Status::MessageTooBig,
            message_limit,
        );

        let frame_limit = |client: &Client| client.set_max_frame_size(1000).unwrap();
        let header_only = Frame::binary([]).stating(1001).bytes();
        assert_ends(
            "a frame's header",
            &header_only,
            1009,
            Status::MessageTooBig,
            frame_limit,
        );
    });
}

#[test]
fn endless_empty_fragments_end_at_a_limit() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.accept();
            peer.try_write(Frame::text("a").unfinished().bytes());
            let fragments = Frame::continuation([]).unfinished().bytes().repeat(1 << 16);
            while peer.try_write(&fragments) {}
        });
        let client = Client::new(Drive::Poll, &server.url());
        client.set_close_timeout(Some(SHORT)).unwrap(); // the server never closes
        client.connect().unwrap();
        client.expect(EventType::Connect);
        client.expect(EventType::Handshake);
        let error = client.failure();
        assert_eq!(
            (error.status, error.phase),
            (Status::MessageTooBig, Phase::Open)
        );
        server.finish();
    });
}

#[test]
fn a_message_at_its_limit_is_delivered() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_max_message_size(1000).unwrap();
        client.set_max_frame_size(1000).unwrap();
        let mut peer = client.open(&server);
        peer.send_all(&[
            Frame::text([b'x'; 1000]),
            Frame::binary([b'y'; 500]).unfinished(),
            Frame::continuation([b'y'; 500]).unfinished(),
            Frame::continuation([]),
        ]);
        assert_eq!(client.text().len(), 1000);
        let (kind, data) = client.message();
        assert_eq!((kind, data.len()), (MessageType::Binary, 1000));
    });
}

/// Byte sequences that are no UTF-8, each after some that are.
const BAD_UTF8: [&[u8]; 9] = [
    b"ok \xff",
    b"ok \x80",
    b"ok \xc0\x80",
    b"ok \xe0\x80\x80",
    b"ok \xed\xa0\x80",
    b"ok \xf0\x80\x80\x80",
    b"ok \xf4\x90\x80\x80",
    b"ok \xf5\x80\x80\x80",
    b"ok \xc3(",
];

#[test]
fn text_that_is_not_utf8_ends_with_1007() {
    bounded(|| {
        for bad in BAD_UTF8 {
            let whole = Frame::text(bad).bytes();
            assert_ends(&format!("{bad:?}"), &whole, 1007, Status::PeerUtf8, |_| ());
            let fragments: Vec<u8> = [
                Frame::text(&bad[..bad.len() - 1]).unfinished(),
                Frame::continuation(&bad[bad.len() - 1..]),
            ]
            .iter()
            .flat_map(Frame::bytes)
            .collect();
            assert_ends(
                &format!("{bad:?} in fragments"),
                &fragments,
                1007,
                Status::PeerUtf8,
                |_| (),
            );
        }
        assert_ends(
            "cut short",
            &Frame::text(b"ok \xe2\x82").bytes(),
            1007,
            Status::PeerUtf8,
            |_| (),
        );
    });
}

#[test]
fn text_that_is_not_utf8_ends_before_the_rest_of_it_arrives() {
    bounded(|| {
        for bad in BAD_UTF8 {
            let frame = Frame::text(bad).stating(100_000).bytes();
            assert_ends(
                &format!("{bad:?} in a frame"),
                &frame,
                1007,
                Status::PeerUtf8,
                |_| (),
            );
            let fragment = Frame::text(bad).unfinished().bytes();
            assert_ends(
                &format!("{bad:?} in a fragment"),
                &fragment,
                1007,
                Status::PeerUtf8,
                |_| (),
            );
        }
    });
}

#[test]
fn characters_may_be_split_between_fragments_and_reads() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        let text = "\u{e9}\u{20ac}\u{1f600}";
        for at in 0..=text.len() {
            let (start, rest) = text.as_bytes().split_at(at);
            peer.send_all(&[
                Frame::text(start).unfinished(),
                Frame::ping(""),
                Frame::continuation(rest),
            ]);
            client.expect(EventType::Ping);
            assert_eq!(client.text(), text);
        }
    });
}

#[test]
fn messages_before_the_violation_are_delivered() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen().serve(|mut peer| {
                peer.accept();
                peer.send_all(&[
                    Frame::text("good"),
                    Frame::binary("good"),
                    Frame::new(3, "bad"),
                    Frame::text("late"),
                ]);
                assert_eq!(peer.close_code(), Some(1002));
            });
            let client = Client::new(drive, &server.url());
            client.connect().unwrap();
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            let end = client.end();
            assert_eq!((end.messages.len(), end.status), (2, Status::Protocol));
            server.finish();
        }
    });
}

#[test]
fn what_came_before_a_violation_is_answered_first() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            if drive != Drive::Poll {
                client.on(EventType::Message, |connection, event| {
                    connection.send(event.data()).unwrap();
                });
            }
            let mut peer = client.open(&server);
            peer.write(
                [
                    Frame::text("one").bytes(),
                    Frame::text("two").bytes(),
                    Frame::text("three").rsv(4).bytes(),
                ]
                .concat(),
            );
            for expected in ["one", "two"] {
                assert_eq!(client.text(), expected);
                if drive == Drive::Poll {
                    client.send(expected.as_bytes()).unwrap();
                }
            }
            let end = client.expect(EventType::Error);
            assert_eq!(peer.text(), "one", "{drive:?}");
            assert_eq!(peer.text(), "two", "{drive:?}");
            assert_eq!(peer.close_code(), Some(1002), "{drive:?}: {end:?}");
        }
    });
}

#[test]
fn a_violation_while_closing_is_told_as_one() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::listen();
            let client = Client::new(drive, &server.url());
            let mut peer = client.open(&server);
            client.close(1000, b"").unwrap();
            assert_eq!(peer.close_code(), Some(1000));
            peer.send(&Frame::text("bad").rsv(4));
            drop(peer);
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Protocol, Phase::Closing),
                "{drive:?}"
            );
        }
    });
}

#[test]
fn a_violation_does_not_wait_for_a_host_that_takes_nothing() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client
            .set_close_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let mut peer = client.open(&server);
        peer.write(
            [
                Frame::text("one").bytes(),
                Frame::text("two").rsv(4).bytes(),
            ]
            .concat(),
        );
        // The standby thread reads; nobody polls.
        assert_eq!(peer.close_code(), Some(1002));
        assert_eq!(client.text(), "one");
        client.expect(EventType::Error);
    });
}

#[test]
fn each_of_ten_pings_in_one_read_is_answered() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Thread, &server.url());
        let mut peer = client.open(&server);
        let pings: Vec<Frame> = (0..10).map(|i| Frame::ping(format!("{i}"))).collect();
        peer.send_all(&pings);
        for i in 0..10 {
            let pong = peer.frame();
            assert_eq!(
                (pong.opcode, pong.payload),
                (op::PONG, i.to_string().into_bytes())
            );
        }
    });
}
