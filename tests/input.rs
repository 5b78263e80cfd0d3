//! Bad input: a status that names the fault, nothing sent, nothing changed.

mod support;

use std::time::Duration;

use support::*;
use wsc::connection::{Connection, Counter, State};
use wsc::error::Status;
use wsc::event::EventType;
use wsc::event_loop::{Callbacks, Loop};

const BAD_URLS: [(&str, Status); 16] = [
    ("", Status::Url),
    ("example.org", Status::Url),
    ("//example.org/", Status::Url),
    ("ws://", Status::Url),
    ("ws:///path", Status::Url),
    ("ws://ho st/", Status::Url),
    ("ws://host/pa th", Status::Url),
    ("ws://host/\r\nX-Injected: yes", Status::Url),
    ("ws://host/\0", Status::Url),
    ("ws://[::1/", Status::Url),
    ("http://host/", Status::UrlScheme),
    ("tcp://host:80", Status::UrlScheme),
    ("ws://host:0/", Status::UrlPort),
    ("ws://host:65536/", Status::UrlPort),
    ("ws://host:8x/", Status::UrlPort),
    ("ws://host:-1/", Status::UrlPort),
];

#[test]
fn a_bad_url_makes_no_connection() {
    bounded(|| {
        let event_loop = Loop::new(Callbacks::OnDispatch).unwrap();
        for (url, status) in BAD_URLS {
            match Connection::new(&event_loop, url) {
                Ok(_) => panic!("{url:?} was taken"),
                Err(refused) => assert_eq!(refused, status, "{url:?}"),
            }
        }
        event_loop.run().unwrap(); // nothing was left in the loop
        event_loop.free();
    });
}

/// The head of the next request with the connection's present settings.
fn request_of(client: &Client, server: &Server) -> String {
    client.connect().unwrap();
    client.expect(EventType::Connect);
    let mut peer = server.accept();
    let request = peer.accept();
    client.expect(EventType::Handshake);
    client.abort().unwrap();
    client.end();
    let key = field(&request, "Sec-WebSocket-Key").unwrap();
    request.replace(key, "<key>")
}

#[test]
fn a_refused_setting_changes_nothing_in_the_next_request() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &format!("{}path", server.url()));
        client.set_header("X-Kept", b"kept").unwrap();
        client.add_header("X-Kept", b"twice").unwrap();
        client.set_subprotocols("kept").unwrap();
        client.set_origin("https://kept.example").unwrap();
        let before = request_of(&client, &server);

        for (url, status) in BAD_URLS {
            assert_eq!(client.set_url(url), Err(status), "{url:?}");
        }
        let bad_names = [
            "", " ", "a b", "a:b", "X-Kept:", "X\r", "X\n", "X\0", "X\u{fc}", "(x)", "x\ty",
            "\"x\"", "X\r\nY",
        ];
        let reserved_names = [
            "Upgrade",
            "Connection",
            "connection",
            "Sec-WebSocket-Key",
            "SEC-WEBSOCKET-VERSION",
            "Sec-WebSocket-Accept",
            "Sec-WebSocket-Extensions",
            "Sec-WebSocket-Protocol",
            "Content-Length",
            "Transfer-Encoding",
        ];
        for name in bad_names.iter().chain(&reserved_names) {
            assert_eq!(
                client.set_header(name, b"x"),
                Err(Status::HeaderName),
                "{name:?}"
            );
            assert_eq!(
                client.add_header(name, b"x"),
                Err(Status::HeaderName),
                "{name:?}"
            );
        }
        for value in [
            &b"a\r\nX-Injected: yes"[..],
            b"a\r",
            b"\na",
            b"a\0b",
            b"\x01",
            b"\x7f",
            b"a\r\n b",
        ] {
            assert_eq!(
                client.set_header("X-Kept", value),
                Err(Status::HeaderValue),
                "{value:?}"
            );
            assert_eq!(
                client.add_header("X-Kept", value),
                Err(Status::HeaderValue),
                "{value:?}"
            );
        }
        for list in [
            "a b",
            "a,,b",
            ",",
            "a,",
            "a;b",
            "a\r\nX: y",
            "a\0",
            "\u{fc}",
            "a,a",
            "a/b",
        ] {
            assert_eq!(
                client.set_subprotocols(list),
                Err(Status::Subprotocol),
                "{list:?}"
            );
        }
        for origin in ["https://a\r\nX: y", "a b", "a\0", "https://\u{fc}.example"] {
            assert_eq!(client.set_origin(origin), Err(Status::Origin), "{origin:?}");
        }
        assert_eq!(request_of(&client, &server), before);
    });
}

#[test]
fn a_zero_is_no_duration_and_no_size() {
    bounded(|| {
        let client = Client::new(Drive::Poll, "ws://127.0.0.1/");
        let zero = Some(Duration::ZERO);
        for result in [
            client.set_ping_interval(zero),
            client.set_pong_timeout(zero),
            client.set_connect_timeout(zero),
            client.set_handshake_timeout(zero),
            client.set_close_timeout(zero),
            client.set_max_message_size(0),
            client.set_max_receive_size(0),
            client.set_max_frame_size(0),
            client.set_max_header_size(0),
            client.set_send_queue_limit(0),
            client.set_receive_queue_limit(0),
            client.host.event_loop.set_standby_grace(zero),
        ] {
            assert_eq!(result, Err(Status::Invalid));
        }
        for result in [
            client.set_ping_interval(None),
            client.set_pong_timeout(None),
            client.set_connect_timeout(None),
            client.set_handshake_timeout(None),
            client.set_close_timeout(None),
            client.host.event_loop.set_standby_grace(None),
        ] {
            assert_eq!(result, Ok(()));
        }
    });
}

#[test]
fn bad_payloads_are_refused_and_nothing_of_them_is_sent() {
    bounded(|| {
        for open in [false, true] {
            let server = Server::listen();
            let client = Client::new(Drive::Poll, &server.url());
            let opened = open.then(|| client.open(&server));
            for text in [&b"\xff"[..], b"ok \xc3", b"\xed\xa0\x80", b"\xc0\x80"] {
                assert_eq!(client.send_text(text), Err(Status::Utf8), "{text:?}");
                assert_eq!(client.send(text), Err(Status::Utf8), "{text:?}");
            }
            assert_eq!(client.buffered_amount(), 0);
            assert_eq!(client.counter(Counter::MessagesSent), 0);
            client.send_text(b"the first").unwrap();
            let mut peer = match opened {
                Some(peer) => peer,
                None => client.open(&server),
            };
            assert_eq!(client.ping(&[0; 126]), Err(Status::TooBig));
            assert_eq!(client.pong(&[0; 126]), Err(Status::TooBig));
            client.ping(&[1; 125]).unwrap();
            client.pong(&[2; 125]).unwrap();
            assert_eq!(peer.text(), "the first");
            assert_eq!(peer.frame().payload, [1; 125]);
            assert_eq!(peer.frame().payload, [2; 125]);
        }
    });
}

#[test]
fn a_bad_close_is_refused_and_the_connection_stays_open() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        for code in [
            1, 999, 1001, 1002, 1004, 1005, 1006, 1007, 1009, 1011, 1015, 2000, 2999, 5000, 65535,
        ] {
            assert_eq!(client.close(code, b""), Err(Status::CloseCode), "{code}");
        }
        for reason in [
            &[b'x'; 124][..],
            b"\xff",
            "\u{fc}".repeat(62).as_bytes(),
            b"cut \xe2\x82",
        ] {
            assert_eq!(
                client.close(1000, reason),
                Err(Status::CloseReason),
                "{reason:?}"
            );
        }
        assert_eq!(
            client.close(0, b"a reason without a code"),
            Err(Status::CloseReason)
        );
        assert_eq!(client.state(), State::Open);
        client.send_text(b"still open").unwrap();
        assert_eq!(peer.text(), "still open");
        peer.send(&Frame::text("indeed"));
        assert_eq!(client.text(), "indeed");
    });
}

#[test]
fn calls_in_a_wrong_state_are_refused_and_harmless() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        // Nothing was started yet.
        assert_eq!(client.close(1000, b""), Err(Status::State));
        assert_eq!(client.state(), State::Initial);
        client.flush().unwrap();
        assert!(!server.is_called());
        let peer = client.open(&server);
        peer.close();
        client.end();
        for result in [
            client.send(b"x"),
            client.send_text(b"x"),
            client.send_binary(b"x"),
            client.ping(b""),
            client.pong(b""),
            client.close(1000, b""),
        ] {
            assert_eq!(result, Err(Status::State));
        }
        client.assert_quiet();
        assert_eq!(client.state(), State::Closed);
    });
}

#[test]
fn a_message_over_the_message_limit_is_not_sent() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        client.set_max_message_size(1000).unwrap();
        assert_eq!(client.send_binary(&[0; 1001]), Err(Status::TooBig));
        assert_eq!(client.send_text(&[b'x'; 1001]), Err(Status::TooBig));
        client.send_binary(&[7; 1000]).unwrap();
        assert_eq!(peer.frame().payload, [7; 1000]);
    });
}
