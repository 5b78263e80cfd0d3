//! From the request to the 101: what is asked, and every way to be refused,
//! cut off or kept waiting.

mod support;

use std::time::{Duration, Instant};

use support::*;
use wsc::connection::{Counter, State};
use wsc::error::{Phase, Status};
use wsc::event::EventType;

// --- the request ---

/// Connects and returns the request head.
fn request_of(client: &Client, server: &Server) -> String {
    client.connect().unwrap();
    client.expect(EventType::Connect);
    let mut peer = server.accept();
    let request = peer.accept();
    client.expect(EventType::Handshake);
    client.abort().unwrap();
    client.end();
    request
}

/// All values of the header fields of that name.
fn fields<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let named = |line: &&str| line.split(':').next().unwrap().eq_ignore_ascii_case(name);
    head.lines()
        .skip(1)
        .filter(named)
        .map(|line| line.split_once(':').unwrap().1.trim())
        .collect()
}

#[test]
fn the_request_is_what_rfc_6455_asks_for() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &format!("{}feed?x=1&y=%20", server.url()));
        let request = request_of(&client, &server);
        assert_eq!(request.lines().next(), Some("GET /feed?x=1&y=%20 HTTP/1.1"));
        assert_eq!(fields(&request, "Host"), [server.address().to_string()]);
        assert_eq!(fields(&request, "Upgrade"), ["websocket"]);
        assert_eq!(fields(&request, "Connection"), ["Upgrade"]);
        assert_eq!(fields(&request, "Sec-WebSocket-Version"), ["13"]);
        for absent in [
            "Origin",
            "Sec-WebSocket-Protocol",
            "Sec-WebSocket-Extensions",
        ] {
            assert_eq!(field(&request, absent), None);
        }
        let key = field(&request, "Sec-WebSocket-Key").unwrap();
        assert!(
            key.len() == 24 && key.ends_with("=="),
            "not 16 bytes in base64: {key}"
        );
        assert!(
            request
                .split("\r\n")
                .all(|line| !line.contains(['\r', '\n'])),
            "{request:?}"
        );
        let second = request_of(&client, &server);
        assert_ne!(
            field(&second, "Sec-WebSocket-Key"),
            Some(key),
            "the key comes twice"
        );
    });
}

#[test]
fn headers_origin_and_subprotocols_are_sent_as_set() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_header("Cookie", b"old").unwrap();
        client
            .set_header("cookie", b"PHPSID=82u98fj; token=2hf9a")
            .unwrap();
        client.add_header("X-Many", b"1").unwrap();
        client.add_header("X-Many", b"2").unwrap();
        client.add_header("Host", b"example.org").unwrap();
        let second = client.add_header("host", b"example.com");
        assert_eq!(second, Err(Status::HeaderName));
        client.set_header("X-Latin", b"caf\xc3\xa9").unwrap();
        client.set_origin("https://example.org").unwrap();
        client.set_subprotocols("chat.v2, chat.v1").unwrap();
        let request = request_of(&client, &server);
        assert_eq!(fields(&request, "Cookie"), ["PHPSID=82u98fj; token=2hf9a"]);
        assert_eq!(fields(&request, "X-Many"), ["1", "2"]);
        assert_eq!(fields(&request, "Host"), ["example.org"]);
        assert_eq!(fields(&request, "X-Latin"), ["caf\u{e9}"]);
        assert_eq!(fields(&request, "Origin"), ["https://example.org"]);
        assert_eq!(
            fields(&request, "Sec-WebSocket-Protocol"),
            ["chat.v2, chat.v1"]
        );

        client.clear_headers().unwrap();
        client.set_origin("").unwrap();
        client.set_subprotocols("").unwrap();
        client.set_url(&format!("{}other", server.url())).unwrap();
        let request = request_of(&client, &server);
        assert!(request.starts_with("GET /other HTTP/1.1\r\n"), "{request}");
        for absent in [
            "Cookie",
            "X-Many",
            "X-Latin",
            "Origin",
            "Sec-WebSocket-Protocol",
        ] {
            assert_eq!(field(&request, absent), None);
        }
    });
}

#[test]
fn a_setting_changed_while_connected_is_for_the_next_attempt() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let peer = client.open(&server);
        client.set_header("X-Late", b"yes").unwrap();
        peer.close();
        client.end();
        assert_eq!(fields(&request_of(&client, &server), "X-Late"), ["yes"]);
    });
}

// --- answers that open ---

#[test]
fn answers_in_every_legal_spelling_open() {
    bounded(|| {
        for (what, start, lines) in [
            (
                "case",
                "HTTP/1.1 101 \r\n",
                "upgrade: WebSocket\r\nCONNECTION: upgrade\r\n",
            ),
            (
                "lists",
                "HTTP/1.1 101 Web Socket Protocol\r\n",
                "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n",
            ),
            (
                "repeated fields",
                "HTTP/1.1 101 OK\r\n",
                "Connection: keep-alive\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
            ),
            (
                "no space",
                "HTTP/1.1 101 OK\r\n",
                "Upgrade:websocket\r\nConnection:Upgrade\r\nX-Empty:\r\n",
            ),
            (
                "100 first",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 OK\r\n",
                "Upgrade: websocket\r\nConnection: Upgrade\r\n",
            ),
            (
                "103 first",
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 OK\r\n",
                "Upgrade: websocket\r\nConnection: Upgrade\r\n",
            ),
        ] {
            let server = Server::listen();
            let client = Client::new(Drive::Poll, &server.url());
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            let request = peer.read_request();
            let key = accept_key(&request);
            peer.write(format!("{start}{lines}sec-websocket-accept: {key}\r\n\r\n"));
            let event = client.expect(EventType::Handshake);
            assert!(
                event.data().starts_with(b"HTTP/1.1 101 "),
                "{what}: {event:?}"
            );
            assert!(event.data().ends_with(b"\r\n\r\n"), "{what}: {event:?}");
            peer.send(&Frame::text("open"));
            assert_eq!(client.text(), "open", "{what}");
        }
    });
}

#[test]
fn a_subprotocol_may_be_chosen_from_the_offered_or_left_out() {
    bounded(|| {
        for answer in ["Sec-WebSocket-Protocol: chat.v1\r\n", ""] {
            let server = Server::listen();
            let client = Client::new(Drive::Poll, &server.url());
            client.set_subprotocols("chat.v2,chat.v1").unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.accept_with(answer);
            client.expect(EventType::Handshake);
        }
    });
}

// --- answers that refuse ---

/// Connects to a server that answers with `answer(request)`; returns the error.
fn refusal(
    drive: Drive,
    subprotocols: &str,
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Failure {
    refusal_within(DEADLINE, drive, subprotocols, answer)
}

/// The same, with a deadline for the answer.
fn refusal_within(
    timeout: Duration,
    drive: Drive,
    subprotocols: &str,
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Failure {
    let server = Server::listen().serve(move |mut peer| {
        let request = peer.read_request();
        peer.try_write(answer(&request));
        peer.until_gone();
    });
    let client = Client::new(drive, &server.url());
    client.set_subprotocols(subprotocols).unwrap();
    client.set_handshake_timeout(Some(timeout)).unwrap();
    client.send_text(b"never sent").unwrap();
    client.connect().unwrap();
    client.expect(EventType::Connect);
    let end = client.end();
    let error = end.error.expect("a refused handshake is an error");
    assert_eq!(
        (end.status, end.phase, end.code, end.clean),
        (error.status, Phase::Upgrade, 1006, false)
    );
    assert_eq!(error.phase, Phase::Upgrade);
    assert_eq!(end.unsent, 1);
    client.assert_quiet();
    assert_eq!(client.state(), State::Closed);
    server.finish();
    error
}

#[test]
fn another_status_than_101_is_told_with_its_reason() {
    bounded(|| {
        for (answer, http_status, words) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                200,
                ["200", "OK"],
            ),
            (
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nnot today\n",
                403,
                ["403", "Forbidden"],
            ),
            (
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nnot today\n",
                403,
                ["403", "not today"],
            ),
            (
                "HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
                302,
                ["302", "Found"],
            ),
            (
                "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
                401,
                ["401", "Unauthorized"],
            ),
            (
                "HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
                503,
                ["503", "Service Unavailable"],
            ),
            (
                "HTTP/1.1 426 \r\nContent-Length: 0\r\n\r\n",
                426,
                ["426", ""],
            ),
        ] {
            for drive in Drive::ALL {
                let error = refusal(drive, "", move |_| answer.to_owned());
                assert_eq!(
                    (error.status, error.http_status),
                    (Status::HttpStatus, http_status)
                );
                assert!(
                    words.iter().all(|word| error.text.contains(word)),
                    "{words:?}: {}",
                    error.text
                );
            }
        }
    });
}

#[test]
fn a_200_with_everything_else_right_is_no_handshake() {
    bounded(|| {
        let error = refusal(Drive::Poll, "", |request| {
            Peer::answer(request, "Content-Length: 0\r\n")
                .replace("101 Switching Protocols", "200 OK")
        });
        assert_eq!((error.status, error.http_status), (Status::HttpStatus, 200));
    });
}

#[test]
fn a_refusing_body_is_cut_and_awaited_within_the_deadline() {
    bounded(|| {
        let long = |_: &str| {
            format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 9999999\r\n\r\n{}",
                "x".repeat(200_000)
            )
        };
        let error = refusal(Drive::Poll, "", long);
        assert_eq!((error.status, error.http_status), (Status::HttpStatus, 403));
        assert!(
            error.text.len() < 8192,
            "{} bytes of error text",
            error.text.len()
        );

        let patience = Duration::from_secs(1);
        let stalled =
            |_: &str| "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nhalf a bo".to_owned();
        let error = refusal_within(patience, Drive::Poll, "", stalled);
        assert_eq!((error.status, error.http_status), (Status::HttpStatus, 403));
        assert!(error.text.contains("half a bo"), "{}", error.text);

        let endless = |_: &str| "HTTP/1.1 500 Oops\r\n\r\nno length".to_owned();
        let error = refusal_within(patience, Drive::Poll, "", endless);
        assert_eq!((error.status, error.http_status), (Status::HttpStatus, 500));
    });
}

#[test]
fn a_refusing_body_may_be_binary_and_hold_credentials_no_text_repeats() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.read_request();
            peer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: 4\r\n\r\n\xff\0\x01\xfe");
            peer.until_gone();
        });
        let client = Client::new(
            Drive::Poll,
            &format!("{}?token=secret-in-url", server.url()),
        );
        client
            .set_header("Authorization", b"Bearer secret-in-header")
            .unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let error = client.failure();
        assert_eq!((error.status, error.http_status), (Status::HttpStatus, 400));
        assert!(!error.text.contains("secret"), "{}", error.text);
    });
}

#[test]
fn a_101_that_is_not_the_answer_to_the_request_is_refused() {
    bounded(|| {
        type Change = fn(&str) -> String;
        let cases: [(&str, Status, Change); 10] = [
            ("wrong accept", Status::Accept, |request| {
                Peer::answer(request, "")
                    .replace(&accept_key(request), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            }),
            ("no accept", Status::Accept, |request| {
                Peer::answer(request, "").replace("Sec-WebSocket-Accept", "X-Nothing")
            }),
            ("accept in another case", Status::Accept, |request| {
                let key = accept_key(request);
                let swapped: String = key
                    .chars()
                    .map(|c| match c.is_lowercase() {
                        true => c.to_ascii_uppercase(),
                        false => c.to_ascii_lowercase(),
                    })
                    .collect();
                Peer::answer(request, "").replace(&key, &swapped)
            }),
            ("no upgrade", Status::Upgrade, |request| {
                Peer::answer(request, "").replace("Upgrade: websocket\r\n", "")
            }),
            ("another upgrade", Status::Upgrade, |request| {
                Peer::answer(request, "").replace("websocket", "h2c")
            }),
            ("no connection", Status::Upgrade, |request| {
                Peer::answer(request, "").replace("Connection: Upgrade\r\n", "")
            }),
            ("another connection", Status::Upgrade, |request| {
                Peer::answer(request, "").replace("Connection: Upgrade", "Connection: keep-alive")
            }),
            (
                "unasked subprotocol",
                Status::SubprotocolMismatch,
                |request| Peer::answer(request, "Sec-WebSocket-Protocol: chat\r\n"),
            ),
            ("unasked extension", Status::ExtensionMismatch, |request| {
                Peer::answer(request, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
            }),
            ("garbage after the status line", Status::Http, |_| {
                "HTTP/1.1 101 OK\r\n\x01\x02\x03\r\n\r\n".into()
            }),
        ];
        for (what, status, answer) in cases {
            let error = refusal(Drive::Poll, "", answer);
            assert_eq!(error.status, status, "{what}: {}", error.text);
            assert_eq!(error.http_status, 0, "{what}");
            assert!(!error.text.is_empty(), "{what}");
        }
        for choice in ["other", "chat.v2, chat.v1", "CHAT.V1"] {
            let error = refusal(Drive::Poll, "chat.v2, chat.v1", move |request| {
                Peer::answer(request, &format!("Sec-WebSocket-Protocol: {choice}\r\n"))
            });
            assert_eq!(error.status, Status::SubprotocolMismatch, "{choice}");
        }
    });
}

#[test]
fn garbage_instead_of_http_is_named_so() {
    bounded(|| {
        for garbage in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "\0\0\0\0\0\0\0\0\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "\r\n\r\n\r\n\r\nhello\r\n\r\n",
            "\u{16}\u{3}\u{1}\r\n\r\n",
        ] {
            let error = refusal(Drive::Poll, "", move |_| garbage.to_owned());
            assert_eq!(error.status, Status::Http, "{garbage:?}: {}", error.text);
        }
    });
}

#[test]
fn an_endless_header_ends_at_the_limit() {
    bounded(|| {
        for endless in [
            "X-Filler: and so on\r\n",
            "a-name-that-never-ends",
            "HTTP/1.1 103 Early Hints\r\n\r\n",
        ] {
            let server = Server::listen().serve(move |mut peer| {
                peer.read_request();
                peer.try_write("HTTP/1.1 101 Switching Protocols\r\n");
                while peer.try_write(endless.repeat(1000)) {}
            });
            let client = Client::new(Drive::Poll, &server.url());
            client.set_max_header_size(10_000).unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let error = client.failure();
            if endless.starts_with("HTTP") {
                // A status line as a header field is no HTTP either.
                assert!(
                    matches!(error.status, Status::Http | Status::HeaderTooBig),
                    "{}",
                    error.text
                );
            } else {
                assert_eq!(
                    (error.status, error.phase),
                    (Status::HeaderTooBig, Phase::Upgrade)
                );
            }
            let read = client.counter(Counter::BytesReceived);
            assert!(read < 10_000 + 128 * 1024, "{read} bytes were read");
            server.finish();
        }
    });
}

#[test]
fn endless_interim_answers_end_too() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.read_request();
            while peer
                .try_write("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n".repeat(100))
            {
            }
        });
        let client = Client::new(Drive::Poll, &server.url());
        client
            .set_handshake_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let error = client.failure();
        assert_eq!(error.phase, Phase::Upgrade);
        assert!(
            matches!(
                error.status,
                Status::HeaderTooBig | Status::Http | Status::Timeout
            ),
            "{}",
            error.text
        );
        server.finish();
    });
}

#[test]
fn a_header_just_below_the_limit_is_taken() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let mut peer = server.accept();
        let filler = format!("X-Filler: {}\r\n", "x".repeat(1000)).repeat(60); // of 64 KiB
        peer.accept_with(&filler);
        assert!(client.expect(EventType::Handshake).data().len() > 60_000);
    });
}

// --- no answer ---

#[test]
fn a_refused_port_is_told_in_the_tcp_phase() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::refusing();
            let client = Client::new(drive, &server.url());
            client.send_text(b"never sent").unwrap();
            client.connect().unwrap();
            let end = client.end();
            let error = end.error.expect("an error");
            assert_eq!((error.status, error.phase), (Status::Refused, Phase::Tcp));
            assert_eq!((end.code, end.unsent, end.clean), (1006, 1, false));
            client.assert_quiet();
        }
    });
}

#[test]
fn an_unknown_host_is_told_in_the_dns_phase() {
    bounded(|| {
        // No name server need be in reach: then the deadline ends it.
        let client = Client::new(Drive::Poll, "ws://no-such-host.invalid/");
        client
            .set_connect_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        client.connect().unwrap();
        let error = client.failure();
        assert_eq!(error.phase, Phase::Dns);
        assert!(
            matches!(error.status, Status::Dns | Status::Timeout),
            "{}",
            error.text
        );
    });
}

#[test]
fn a_name_with_several_addresses_tries_them_all() {
    bounded(|| {
        // localhost is ::1 too on most machines, where nobody listens on this port.
        let server = Server::listen();
        let client = Client::new(
            Drive::Poll,
            &format!("ws://localhost:{}/", server.address().port()),
        );
        client.open(&server);
        assert_eq!(client.peer_address(), Some(server.address()));
    });
}

#[test]
fn a_connection_cut_in_the_upgrade_says_how() {
    bounded(|| {
        for resets in [true, false] {
            for (reads, answer) in [
                (false, ""),
                (true, ""),
                (true, "HTTP/1.1 101 Switching Prot"),
            ] {
                for drive in Drive::ALL {
                    let server = Server::listen();
                    let client = Client::new(drive, &server.url());
                    client.connect().unwrap();
                    client.expect(EventType::Connect);
                    let mut peer = server.accept();
                    if reads {
                        peer.read_request();
                        peer.write(answer);
                    }
                    if resets {
                        peer.reset();
                    } else {
                        peer.half_close();
                    }
                    let error = client.failure();
                    let expected = if resets {
                        Status::Reset
                    } else {
                        Status::Closed
                    };
                    assert_eq!(
                        (error.status, error.phase),
                        (expected, Phase::Upgrade),
                        "{}",
                        error.text
                    );
                }
            }
        }
    });
}

#[test]
fn a_stall_in_the_tcp_phase_ends_at_the_connect_timeout() {
    bounded(|| {
        for drive in Drive::ALL {
            let server = Server::deaf();
            let client = Client::new(drive, &server.url());
            client.set_connect_timeout(Some(SHORT)).unwrap();
            let started = Instant::now();
            client.connect().unwrap();
            let error = client.failure();
            assert_eq!((error.status, error.phase), (Status::Timeout, Phase::Tcp));
            assert!(started.elapsed() >= SHORT, "too early");
        }
    });
}

#[test]
fn a_stall_in_the_upgrade_ends_at_the_handshake_timeout() {
    bounded(|| {
        for answer in [
            "",
            "HTTP/1.1 10",
            "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            for drive in Drive::ALL {
                let server = Server::listen();
                let client = Client::new(drive, &server.url());
                client.set_handshake_timeout(Some(SHORT)).unwrap();
                client.connect().unwrap();
                client.expect(EventType::Connect);
                let mut peer = server.accept();
                peer.read_request();
                peer.try_write(answer);
                let error = client.failure();
                assert_eq!(
                    (error.status, error.phase),
                    (Status::Timeout, Phase::Upgrade),
                    "{answer:?}"
                );
                peer.until_gone();
            }
        }
    });
}

#[test]
fn a_stall_at_any_byte_of_the_answer_ends_at_the_deadline() {
    bounded(|| {
        let whole = Peer::answer("GET / HTTP/1.1\r\nSec-WebSocket-Key: x\r\n", "").len();
        let server = Server::listen().serve(move |mut peer| {
            let answer = Peer::answer(&peer.read_request(), "");
            peer.write(&answer[..peer.index]);
            peer.until_gone();
        });
        let host = Host::new(Drive::Poll);
        let failures = host.failures(whole, |_| {
            let connection = host.connection(&server.url());
            connection.set_handshake_timeout(Some(SHORT)).unwrap();
            connection.connect().unwrap();
            connection
        });
        for failure in failures {
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Timeout, Phase::Upgrade),
                "{}",
                failure.text
            );
        }
        server.finish();
    });
}

#[test]
fn an_answer_that_trickles_for_ever_does_not_push_the_deadline() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.read_request();
            peer.try_write("HTTP/1.1 101 OK\r\nX-Slow: ");
            while peer.try_write("x") {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let client = Client::new(Drive::Poll, &server.url());
        client
            .set_handshake_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let error = client.failure();
        assert_eq!(
            (error.status, error.phase),
            (Status::Timeout, Phase::Upgrade)
        );
        server.finish();
    });
}

#[test]
fn a_host_that_never_turns_has_its_deadlines_kept() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_handshake_timeout(Some(SHORT)).unwrap();
        client.connect().unwrap();
        let mut peer = server.accept(); // the standby connects,
        peer.read_request(); // asks,
        peer.until_gone(); // and gives up
        client.expect(EventType::Connect);
        assert_eq!(client.failure().status, Status::Timeout);
    });
}
