//! RFC 7692 §5 to §7: permessage-deflate.

use super::support::{Deflate, deflated, field, op};
use super::*;

const SECTIONS: &[&str] = &[
    "RFC 7692 5.1",
    "RFC 7692 6.1",
    "RFC 7692 6.2",
    "RFC 7692 7.1",
    "RFC 7692 7.1.1.1",
    "RFC 7692 7.1.1.2",
    "RFC 7692 7.1.2.1",
    "RFC 7692 7.1.2.2",
    "RFC 7692 7.2.2",
    "RFC 7692 7.2.3.1",
    "RFC 7692 7.2.3.2",
    "RFC 7692 7.2.3.3",
    "RFC 7692 7.2.3.4",
    "RFC 7692 7.2.3.5",
    "RFC 7692 7.2.3.6",
    "RFC 7692 8",
];

const AGREE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
const NO_TAKEOVER: &str =
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";

fn offer(conn: *mut wsc_conn_t) {
    must(unsafe { wsc_conn_set_deflate(conn, true) });
}

fn good(name: &'static str, frames: &[Frame], expected: &str) -> Case {
    Case::good(name, frames, expected).with(offer, AGREE)
}

fn bad(name: &'static str, frames: &[Frame], code: u16) -> Case {
    Case::bad(name, frames, code).with(offer, AGREE)
}

fn answer(name: &'static str, value: &'static str, is_good: bool) -> Case {
    let make = move |request: &str| {
        Peer::answer(
            request,
            &format!("Sec-WebSocket-Extensions: permessage-deflate{value}\r\n"),
        )
    };
    Case {
        name,
        set_up: offer,
        answer: Answer::Own(Box::new(make)),
        wire: if is_good {
            Frame::close(1000, "").bytes()
        } else {
            Vec::new()
        },
        expected: match is_good {
            true => "handshake, close 1000 clean by peer > close 1000".into(),
            false => "error, close 1006 unclean".into(),
        },
    }
}

fn text(data: impl AsRef<[u8]>) -> Frame {
    Frame::text(data).rsv(4)
}

#[test]
fn what_a_server_sends() {
    const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let mut codec = Deflate::new(15, 15);
    let first = codec.compress("Hello");
    let again = codec.compress("Hello");
    let cut = Frame::continuation(&HELLO[3..]);
    let cases = vec![
        Case::good(
            "RFC 7692 5.1: a server may decline",
            &[Frame::text("x")],
            "text x",
        )
        .with(offer, ""),
        Case::bad(
            "RFC 7692 5.1: and must not compress then",
            &[text(HELLO)],
            1002,
        )
        .with(offer, ""),
        answer(
            "RFC 7692 5.1: an extension is negotiated once",
            ", permessage-deflate",
            false,
        ),
        answer("RFC 7692 7.1: no parameters", "", true),
        answer("RFC 7692 7.1: an unknown parameter", "; x", false),
        answer(
            "RFC 7692 7.1: a parameter twice",
            "; server_no_context_takeover; server_no_context_takeover",
            false,
        ),
        answer(
            "RFC 7692 7.1.1.1: server_no_context_takeover",
            "; server_no_context_takeover",
            true,
        ),
        answer(
            "RFC 7692 7.1.1.1: has no value",
            "; server_no_context_takeover=1",
            false,
        ),
        answer(
            "RFC 7692 7.1.1.2: client_no_context_takeover",
            "; client_no_context_takeover",
            true,
        ),
        answer(
            "RFC 7692 7.1.1.2: has no value",
            "; client_no_context_takeover=1",
            false,
        ),
        answer(
            "RFC 7692 7.1.2.1: server_max_window_bits",
            "; server_max_window_bits=8",
            true,
        ),
        answer(
            "RFC 7692 7.1.2.1: has a value",
            "; server_max_window_bits",
            false,
        ),
        answer(
            "RFC 7692 7.1.2.1: of at most 15",
            "; server_max_window_bits=16",
            false,
        ),
        answer(
            "RFC 7692 7.1.2.1: without leading zeros",
            "; server_max_window_bits=09",
            false,
        ),
        answer(
            "RFC 7692 7.1.2.2: client_max_window_bits",
            "; client_max_window_bits=\"15\"",
            true,
        ),
        answer(
            "RFC 7692 7.1.2.2: has a value",
            "; client_max_window_bits",
            false,
        ),
        answer(
            "RFC 7692 7.1.2.2: of at least 8",
            "; client_max_window_bits=7",
            false,
        ),
        good(
            "RFC 7692 6.1: compressed and plain messages may be mixed",
            &[text(HELLO), Frame::text("plain"), Frame::binary("x")],
            "text Hello, text plain, binary x",
        ),
        bad(
            "RFC 7692 6.1: RSV1 must not be set on a continuation",
            &[
                text(&HELLO[..3]).unfinished(),
                Frame::continuation(&HELLO[3..]).rsv(4),
            ],
            1002,
        ),
        bad(
            "RFC 7692 6.1: nor on a control frame",
            &[Frame::ping("x").rsv(4)],
            1002,
        ),
        bad(
            "RFC 7692 6.1: RSV2 is still reserved",
            &[Frame::text(HELLO).rsv(6)],
            1002,
        ),
        good(
            "RFC 7692 6.2: a compressed message may be fragmented",
            &[
                text(&HELLO[..3]).unfinished(),
                Frame::ping("p"),
                cut.clone(),
            ],
            "ping p, text Hello > pong p",
        ),
        good(
            "RFC 7692 6.2: also into empty frames",
            &[
                text("").unfinished(),
                Frame::continuation(HELLO).unfinished(),
                Frame::continuation(""),
            ],
            "text Hello",
        ),
        bad(
            "RFC 7692 7.2.2: what cannot be inflated",
            &[text([0xff; 4])],
            1007,
        ),
        bad(
            "RFC 7692 7.2.2: a stored block whose lengths differ",
            &[text([0, 5, 0, 0, 0, b'x'])],
            1007,
        ),
        bad(
            "RFC 7692 7.2.2: text is checked after it",
            &[text(deflated(b"ab\xff"))],
            1007,
        ),
        bad(
            "RFC 7692 7.2.2: at the first bad byte",
            &[text([deflated(b"ab\xff"), vec![0, 0, 255, 255]].concat()).unfinished()],
            1007,
        ),
        good("RFC 7692 7.2.3.1: one block", &[text(HELLO)], "text Hello"),
        good(
            "RFC 7692 7.2.3.2: the window is shared",
            &[text(&first), text(&again)],
            "text Hello, text Hello",
        ),
        bad(
            "RFC 7692 7.2.3.2: and not, if so agreed",
            &[text(&first), text(&again)],
            1007,
        )
        .with(offer, NO_TAKEOVER),
        good(
            "RFC 7692 7.2.3.3: no compression",
            &[text([0, 5, 0, 0xfa, 0xff, b'H', b'e', b'l', b'l', b'o', 0])],
            "text Hello",
        ),
        good(
            "RFC 7692 7.2.3.4: BFINAL",
            &[text([0xf3, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0]), text(HELLO)],
            "text Hello, text Hello",
        ),
        good(
            "RFC 7692 7.2.3.5: two blocks",
            &[text([
                0xf2, 0x48, 5, 0, 0, 0, 0xff, 0xff, 0xca, 0xc9, 0xc9, 7, 0,
            ])],
            "text Hello",
        ),
        good("RFC 7692 7.2.3.6: an empty message", &[text([0])], "text "),
        bad(
            "RFC 7692 8: the limit counts inflated bytes",
            &[text(deflated([b'x'; 101]))],
            1009,
        )
        .with(
            |conn| {
                offer(conn);
                must(unsafe { wsc_conn_set_max_message_size(conn, 100) })
            },
            AGREE,
        ),
        bad(
            "RFC 7692 8: a ratio beyond its limit",
            &[Frame::binary(deflated(vec![0; 2 << 20])).rsv(4)],
            1009,
        )
        .with(offer, AGREE),
    ];
    let cases = cases
        .into_iter()
        .map(|mut case| {
            // The second message refers to a window that is gone; the first is good.
            if case.name == "RFC 7692 7.2.3.2: and not, if so agreed" {
                case.expected = format!("text Hello, {}", case.expected);
            }
            case
        })
        .collect();
    assert_covers(&check(cases), SECTIONS);
}

/// RFC 7692 §7.1 and §7.2.1: the offer, and what a client sends.
#[test]
fn rfc_7692_7_2_1_what_a_client_sends() {
    let server = Server::listen();
    let client = Client::new(&server);
    offer(client.conn);
    must(unsafe { wsc_conn_set_deflate_threshold(client.conn, 0) });
    let (mut peer, request) = client.connect(&server);
    assert_eq!(
        field(&request, "Sec-WebSocket-Extensions"),
        Some("permessage-deflate; client_max_window_bits")
    );
    let lines = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n";
    peer.write(Peer::answer(&request, lines));
    client.until("handshake");
    let extensions =
        c_string(|buffer, size| unsafe { wsc_conn_extensions(client.conn, buffer, size) });
    assert_eq!(extensions, "permessage-deflate; client_max_window_bits=9");
    let mut codec = Deflate::new(9, 15);
    for payload in ["", "Hello", "Hello", &"x".repeat(3000)] {
        let (data, len) = (payload.as_ptr().cast(), payload.len());
        must(unsafe { wsc_conn_send_text(client.conn, data, len) });
        must(unsafe { wsc_conn_flush(client.conn) });
        let frame = peer.frame();
        assert_eq!((frame.opcode, frame.fin, frame.rsv), (op::TEXT, true, 4));
        assert!(
            !frame.payload.ends_with(&[0, 0, 0xff, 0xff]),
            "the tail was not removed"
        );
        assert_eq!(codec.decompress(&frame.payload), payload.as_bytes());
    }
}
