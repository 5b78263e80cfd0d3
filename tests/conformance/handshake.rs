//! RFC 6455 §4.1: the request, and the answers to it.

use super::support::{accept_key, field};
use super::*;

/// §4.1 demands as well that connections to one address are opened one after the
/// other. No browser and no library does so, and a host that opens many
/// connections to one server would wait for the slowest: left out on purpose.
const SECTIONS: &[&str] = &[
    "RFC 6455 4.1",
    "RFC 6455 4.4",
    "RFC 6455 9.1",
    "RFC 6455 11.3.4",
];

fn answer(name: &'static str, make: impl Fn(String) -> String + 'static, expected: &str) -> Case {
    Case {
        name,
        set_up: |conn| must(unsafe { wsc_conn_set_subprotocols(conn, c"a, b".as_ptr()) }),
        answer: Answer::Own(Box::new(move |request| make(Peer::answer(request, "")))),
        wire: Vec::new(),
        expected: expected.to_owned(),
    }
}

fn opens(name: &'static str, make: impl Fn(String) -> String + 'static) -> Case {
    Case {
        wire: Frame::close(1000, "").bytes(),
        ..answer(
            name,
            make,
            "handshake, close 1000 clean by peer > close 1000",
        )
    }
}

fn fails(name: &'static str, make: impl Fn(String) -> String + 'static) -> Case {
    answer(name, make, "error, close 1006 unclean")
}

/// A good answer with another line.
fn plus(line: &'static str) -> impl Fn(String) -> String {
    move |good| good.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1)
}

fn instead(of: &'static str, line: &'static str) -> impl Fn(String) -> String {
    move |good| {
        assert!(good.contains(of));
        good.replacen(of, line, 1)
    }
}

#[test]
fn answers_to_the_request() {
    let cases = vec![
        opens("RFC 6455 4.1: a good answer opens", |good| good),
        opens("RFC 6455 4.1: names and tokens have no case", |good| {
            good.replace("Upgrade: websocket", "uPGRADE: WebSocket")
                .replace("Connection: Upgrade", "CONNECTION:keep-alive, UPGRADE ")
        }),
        fails(
            "RFC 6455 4.1: the status must be 101",
            instead("101", "200"),
        ),
        fails(
            "RFC 6455 4.1: a redirect is not followed",
            instead(
                "101 Switching Protocols\r\n",
                "301 Moved\r\nLocation: /x\r\n",
            ),
        ),
        fails(
            "RFC 6455 4.1: the version must be 1.1",
            instead("HTTP/1.1", "HTTP/1.0"),
        ),
        fails(
            "RFC 6455 4.1: Upgrade must be there",
            instead("Upgrade: websocket\r\n", ""),
        ),
        fails(
            "RFC 6455 4.1: Upgrade must be websocket",
            instead("Upgrade: websocket", "Upgrade: h2c"),
        ),
        fails(
            "RFC 6455 4.1: Connection must be there",
            instead("Connection: Upgrade\r\n", ""),
        ),
        fails(
            "RFC 6455 4.1: Connection must have upgrade",
            instead("Connection: Upgrade", "Connection: close"),
        ),
        fails(
            "RFC 6455 4.1: Sec-WebSocket-Accept must be there",
            instead("Sec-WebSocket-Accept", "X-Accept"),
        ),
        fails(
            "RFC 6455 4.1: Sec-WebSocket-Accept must fit the key",
            |good| {
                let key = field(&good, "Sec-WebSocket-Accept").unwrap();
                good.replace(key, &accept_key("GET\r\nSec-WebSocket-Key: other\r\n\r\n"))
            },
        ),
        fails("RFC 6455 4.1: its case counts", |good| {
            let key = field(&good, "Sec-WebSocket-Accept").unwrap();
            good.replace(
                key,
                &key.to_lowercase()
                    .replacen(|c: char| c.is_ascii_digit(), "x", 1),
            )
        }),
        opens(
            "RFC 6455 4.1: an offered subprotocol may be chosen",
            plus("Sec-WebSocket-Protocol: b"),
        ),
        fails(
            "RFC 6455 4.1: another subprotocol must not",
            plus("Sec-WebSocket-Protocol: c"),
        ),
        fails(
            "RFC 6455 11.3.4: nor two",
            plus("Sec-WebSocket-Protocol: a, b"),
        ),
        fails(
            "RFC 6455 11.3.4: nor in two fields",
            plus("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b"),
        ),
        fails(
            "RFC 6455 4.1: an extension must have been offered",
            plus("Sec-WebSocket-Extensions: x-any"),
        ),
        fails(
            "RFC 6455 9.1: also one that we know",
            plus("Sec-WebSocket-Extensions: permessage-deflate"),
        ),
        fails(
            "RFC 6455 4.4: a server of another version",
            instead(
                "101 Switching Protocols\r\n",
                "426 Upgrade Required\r\nSec-WebSocket-Version: 25\r\n",
            ),
        ),
        fails("RFC 6455 4.1: the answer must be HTTP", |_| {
            "SSH-2.0-x\r\n\r\n".into()
        }),
    ];
    assert_covers(&check(cases), SECTIONS);
}

/// RFC 6455 §4.1, "the handshake MUST …", from 1 to 11.
#[test]
fn rfc_6455_4_1_the_request() {
    let server = Server::listen();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let client = Client::new(&server);
        must(unsafe { wsc_conn_set_subprotocols(client.conn, c"a, b".as_ptr()) });
        must(unsafe { wsc_conn_set_origin(client.conn, c"https://example.org".as_ptr()) });
        let (_peer, request) = client.connect(&server);
        assert!(request.starts_with("GET / HTTP/1.1\r\n"));
        let has = |name, value: &str| assert_eq!(field(&request, name), Some(value));
        has(
            "Host",
            server
                .url()
                .trim_start_matches("ws://")
                .trim_end_matches('/'),
        );
        has("Upgrade", "websocket");
        has("Connection", "Upgrade");
        has("Sec-WebSocket-Version", "13");
        has("Sec-WebSocket-Protocol", "a, b");
        has("Origin", "https://example.org");
        for line in request.lines().skip(1).filter(|line| !line.is_empty()) {
            let name = line.split(':').next().unwrap();
            let same = |other: &&str| {
                other
                    .to_lowercase()
                    .starts_with(&format!("{}:", name.to_lowercase()))
            };
            assert_eq!(request.lines().filter(same).count(), 1, "{name} twice");
        }
        let key = field(&request, "Sec-WebSocket-Key").unwrap().to_owned();
        assert!(
            key.len() == 24 && key.ends_with("=="),
            "not 16 bytes in base64: {key}"
        );
        assert!(!keys.contains(&key), "keys are random");
        keys.push(key);
    }
}

#[test]
fn rfc_6455_4_1_the_uri() {
    let server = Server::listen();
    let client = Client::new(&server);
    for (url, status) in [
        (c"http://host/", wsc_status_t::WSC_ERR_URL_SCHEME),
        (c"ws://host/#fragment", wsc_status_t::WSC_ERR_URL),
        (c"ws://ho st/", wsc_status_t::WSC_ERR_URL),
    ] {
        assert_eq!(
            unsafe { wsc_conn_set_url(client.conn, url.as_ptr()) },
            status
        );
    }
    assert_eq!(
        unsafe { wsc_conn_set_subprotocols(client.conn, c"a, a".as_ptr()) },
        wsc_status_t::WSC_ERR_SUBPROTOCOL
    );
}

#[test]
fn rfc_6455_4_1_the_chosen_subprotocol_is_told() {
    let server = Server::listen();
    let client = Client::new(&server);
    must(unsafe { wsc_conn_set_subprotocols(client.conn, c"a, b".as_ptr()) });
    let (mut peer, request) = client.connect(&server);
    peer.write(Peer::answer(&request, "Sec-WebSocket-Protocol: b\r\n"));
    client.until("handshake");
    let chosen =
        c_string(|buffer, size| unsafe { wsc_conn_subprotocol(client.conn, buffer, size) });
    assert_eq!(chosen, "b");
}
