//! RFC 6455 §5 (frames), §7 (closing) and §8 (errors): what a server sends.

use super::support::{Frame, op};
use super::*;

const SECTIONS: &[&str] = &[
    "RFC 6455 5.1",
    "RFC 6455 5.2",
    "RFC 6455 5.4",
    "RFC 6455 5.5",
    "RFC 6455 5.5.1",
    "RFC 6455 5.5.2",
    "RFC 6455 5.5.3",
    "RFC 6455 5.6",
    "RFC 6455 7.1.2",
    "RFC 6455 7.1.4",
    "RFC 6455 7.1.5",
    "RFC 6455 7.1.6",
    "RFC 6455 7.1.7",
    "RFC 6455 7.4.1",
    "RFC 6455 7.4.2",
    "RFC 6455 8.1",
    "RFC 6455 10.4",
];

fn raw(name: &'static str, wire: &[u8], code: u16) -> Case {
    Case {
        wire: wire.to_vec(),
        ..Case::bad(name, &[], code)
    }
}

#[test]
fn what_a_server_sends() {
    let big = vec![b'x'; 70_000];
    let mut cases = vec![
        Case::bad(
            "RFC 6455 5.1: a server must not mask",
            &[Frame::text("x").masked([1, 2, 3, 4])],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.1: nor with a key of zeros",
            &[Frame::text("x").masked([0; 4])],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.1: nor a control frame",
            &[Frame::ping("x").masked([1, 2, 3, 4])],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.2: RSV1 must be 0",
            &[Frame::text("x").rsv(4)],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.2: RSV2 must be 0",
            &[Frame::text("x").rsv(2)],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.2: RSV3 must be 0",
            &[Frame::text("x").rsv(1)],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.2: RSV must be 0 in control frames",
            &[Frame::ping("").rsv(4)],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.2: RSV must be 0 in continuations",
            &[
                Frame::text("x").unfinished(),
                Frame::continuation("y").rsv(4),
            ],
            1002,
        ),
        raw(
            "RFC 6455 5.2: 16 bits of length must be needed",
            &[0x82, 126, 0, 125],
            1002,
        ),
        raw(
            "RFC 6455 5.2: 64 bits of length must be needed",
            &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            1002,
        ),
        raw(
            "RFC 6455 5.2: the highest bit of a length must be 0",
            &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
            1002,
        ),
        Case::good(
            "RFC 6455 5.2: lengths of every size",
            &[
                Frame::binary([b'x'; 125]),
                Frame::binary([b'x'; 126]),
                Frame::binary(&big),
            ],
            "binary 125 bytes, binary 126 bytes, binary 70000 bytes",
        ),
        Case::good(
            "RFC 6455 5.4: fragments make one message",
            &[
                Frame::text("a").unfinished(),
                Frame::continuation("").unfinished(),
                Frame::continuation("b"),
            ],
            "text ab",
        ),
        Case::good(
            "RFC 6455 5.4: control frames may come between fragments",
            &[
                Frame::text("a").unfinished(),
                Frame::ping("p"),
                Frame::continuation("b"),
            ],
            "ping p, text ab > pong p",
        ),
        Case::good(
            "RFC 6455 5.4: empty fragments",
            &[Frame::binary("").unfinished(), Frame::continuation("")],
            "binary ",
        ),
        Case::bad(
            "RFC 6455 5.4: a continuation must continue something",
            &[Frame::continuation("x")],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.4: also an unfinished one",
            &[Frame::continuation("x").unfinished()],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.4: fragments of two messages must not be mixed",
            &[Frame::text("a").unfinished(), Frame::text("b")],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.4: whatever their types",
            &[
                Frame::binary("a").unfinished(),
                Frame::text("b").unfinished(),
            ],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.5: a control frame must not be fragmented",
            &[Frame::ping("x").unfinished()],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.5: nor a pong",
            &[Frame::pong("x").unfinished()],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.5: nor a close",
            &[Frame::close(1000, "").unfinished()],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.5: its payload must be 125 bytes at most",
            &[Frame::ping([b'x'; 126])],
            1002,
        ),
        Case::good(
            "RFC 6455 5.5: and may be 125 bytes",
            &[Frame::pong([b'x'; 125])],
            "pong 125 bytes",
        ),
        Case::frames(
            "RFC 6455 5.5.1: a close frame must be answered",
            &[Frame::close(3000, "bye")],
            "close 3000 clean by peer > close 3000",
        ),
        Case::frames(
            "RFC 6455 5.5.1: also an empty one",
            &[Frame::new(op::CLOSE, "")],
            "close 1005 clean by peer > close",
        ),
        Case::bad(
            "RFC 6455 5.5.1: its body must have two bytes or none",
            &[Frame::new(op::CLOSE, "x")],
            1002,
        ),
        Case::bad(
            "RFC 6455 5.5.1: its reason must be UTF-8",
            &[Frame::new(op::CLOSE, b"\x03\xe8a\xff")],
            1007,
        ),
        Case::frames(
            "RFC 6455 5.5.1: nothing counts after it",
            &[
                Frame::close(1000, ""),
                Frame::text("late"),
                Frame::text("x").rsv(7),
            ],
            "close 1000 clean by peer > close 1000",
        ),
        Case::good(
            "RFC 6455 5.5.2: a ping must be answered with its payload",
            &[Frame::ping("payload")],
            "ping payload > pong payload",
        ),
        Case::good(
            "RFC 6455 5.5.2: of 125 bytes too",
            &[Frame::ping([b'x'; 125])],
            "ping 125 bytes > pong 125 bytes",
        ),
        Case::good(
            "RFC 6455 5.5.3: an unsolicited pong is not answered",
            &[Frame::pong("x")],
            "pong x",
        ),
        Case::good(
            "RFC 6455 5.6: text is UTF-8 of every length",
            &[Frame::text("\u{24}\u{a3}\u{20ac}\u{10348}")],
            "text \u{24}\u{a3}\u{20ac}\u{10348}",
        ),
        Case::good(
            "RFC 6455 5.6: a character may be split between fragments",
            &[
                Frame::text(b"\xe2").unfinished(),
                Frame::continuation(b"\x82").unfinished(),
                Frame::continuation(b"\xac"),
            ],
            "text \u{20ac}",
        ),
        Case::good(
            "RFC 6455 5.6: binary is any bytes",
            &[Frame::binary(b"\xff\xfe"), Frame::binary("")],
            "binary \u{fffd}\u{fffd}, binary ",
        ),
        Case::frames(
            "RFC 6455 7.1.2: both close frames make the handshake",
            &[Frame::text("x"), Frame::close(1001, "")],
            "text x, close 1001 clean by peer > close 1001",
        ),
        Case::frames(
            "RFC 6455 7.1.4: without them the close is not clean",
            &[Frame::text("x")],
            "text x, error, close 1006 unclean",
        ),
        Case::frames(
            "RFC 6455 7.1.5: the code is 1005 where none was sent",
            &[Frame::new(op::CLOSE, "")],
            "close 1005 clean by peer > close",
        ),
        Case::frames(
            "RFC 6455 7.1.5: and 1006 where no close frame came",
            &[],
            "error, close 1006 unclean",
        ),
        Case::frames(
            "RFC 6455 7.1.6: a reason of 123 bytes",
            &[Frame::close(1000, &"x".repeat(123))],
            "close 1000 clean by peer > close 1000",
        ),
        Case::frames(
            "RFC 6455 7.1.7: what came before a violation is delivered",
            &[Frame::text("x"), Frame::text("y").rsv(4), Frame::text("z")],
            "text x",
        )
        .failing(1002),
        Case::frames(
            "RFC 6455 7.4.2: codes for libraries and applications",
            &[Frame::close(4999, "")],
            "close 4999 clean by peer > close 4999",
        ),
        Case::bad("RFC 6455 8.1: overlong", &[Frame::text(b"\xc0\xaf")], 1007),
        Case::bad(
            "RFC 6455 8.1: a surrogate",
            &[Frame::text(b"a\xed\xa0\x80")],
            1007,
        ),
        Case::bad(
            "RFC 6455 8.1: beyond the last character",
            &[Frame::text(b"\xf4\x90\x80\x80")],
            1007,
        ),
        Case::bad(
            "RFC 6455 8.1: a stray byte",
            &[Frame::text(b"abc\x80")],
            1007,
        ),
        Case::bad(
            "RFC 6455 8.1: cut off at the end",
            &[Frame::text(b"abc\xe2\x82")],
            1007,
        ),
        Case::bad(
            "RFC 6455 8.1: cut off between fragments",
            &[
                Frame::text(b"\xe2\x82").unfinished(),
                Frame::continuation("x"),
            ],
            1007,
        ),
        Case::bad(
            "RFC 6455 8.1: in a frame that is never finished",
            &[Frame::text(b"ab\xff").stating(1000)],
            1007,
        ),
        Case::bad(
            "RFC 6455 8.1: in a message that is never finished",
            &[Frame::text(b"ab\xff").unfinished()],
            1007,
        ),
        Case::bad(
            "RFC 6455 10.4: a frame beyond the limit",
            &[Frame::binary("").stating(101)],
            1009,
        )
        .with(
            |conn| must(unsafe { wsc_conn_set_max_frame_size(conn, 100) }),
            "",
        ),
        Case::bad(
            "RFC 6455 10.4: a message beyond the limit",
            &[
                Frame::binary([0; 60]).unfinished(),
                Frame::continuation([0; 41]),
            ],
            1009,
        )
        .with(
            |conn| must(unsafe { wsc_conn_set_max_message_size(conn, 100) }),
            "",
        ),
        Case::bad(
            "RFC 6455 10.4: more fragments than the limit",
            &[
                Frame::binary("").unfinished(),
                Frame::continuation("").unfinished(),
                Frame::continuation(""),
            ],
            1009,
        )
        .with(
            |conn| must(unsafe { wsc_conn_set_max_fragments(conn, 2) }),
            "",
        ),
    ];
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        cases.push(Case::bad(
            "RFC 6455 5.2: a reserved opcode",
            &[Frame::new(opcode, "")],
            1002,
        ));
    }
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000,
    ] {
        let expected = format!("close {code} clean by peer > close {code}");
        let close = [Frame::close(code, "")];
        cases.push(Case::frames(
            "RFC 6455 7.4.1: a code that may be sent",
            &close,
            &expected,
        ));
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        let close = [Frame::close(code, "")];
        cases.push(Case::bad(
            "RFC 6455 7.4.1: a code that must not be sent",
            &close,
            1002,
        ));
    }
    assert_covers(&check(cases), SECTIONS);
}
