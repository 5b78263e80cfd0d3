//! Proxies: what is said to them, what they may answer, and what is then told.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::tls::Identity;
use support::{Client, Drive, Failure, Frame, Host, Peer, SHORT, Server, bounded, field};
use wsc::error::{Phase, Status};
use wsc::event::EventType;

const AGREED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// Opens through a proxy that is the server at the same time: behind an agreeing
/// answer the scripted peer speaks as the server.
fn client(url: &str, proxy: &str) -> Client {
    let client = Client::new(Drive::Poll, url);
    client.set_proxy(proxy).unwrap();
    client
}

fn proxy_url(scheme: &str, server: &Server) -> String {
    server.url().replace("ws:", &format!("{scheme}:"))
}

#[test]
fn http_connect_leads_to_the_server() {
    bounded(|| {
        let server = Server::listen();
        let proxy = proxy_url("http", &server).replace("//", "//me:secret@");
        let client = client("ws://nowhere.example:81/feed", &proxy);
        client.add_proxy_header("X-Route", b"one").unwrap();
        client.connect().unwrap();
        let mut peer = {
            client.until("the proxy is called", || server.is_called());
            server.accept()
        };
        client.until("the request is sent", || peer.has_input());
        let request = peer.read_request();
        assert!(request.starts_with("CONNECT nowhere.example:81 HTTP/1.1\r\n"));
        assert_eq!(field(&request, "Host"), Some("nowhere.example:81"));
        assert_eq!(
            field(&request, "Proxy-Authorization"),
            Some("Basic bWU6c2VjcmV0")
        );
        assert_eq!(field(&request, "X-Route"), Some("one"));
        peer.write(AGREED);
        client.expect(EventType::Connect);
        let request = peer.accept();
        assert!(request.starts_with("GET /feed HTTP/1.1\r\n"));
        assert_eq!(field(&request, "Host"), Some("nowhere.example:81"));
        assert_eq!(field(&request, "Proxy-Authorization"), None);
        client.expect(EventType::Handshake);
        peer.send(&Frame::text("through"));
        assert_eq!(client.text(), "through");
        assert_eq!(client.peer_address(), Some(server.address()));
    });
}

#[test]
fn interim_answers_of_a_proxy_come_before_the_real_one() {
    bounded(|| {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n";
        for (answer, code) in [(AGREED, 0), ("HTTP/1.1 407 Log in\r\n\r\n", 407)] {
            for pieces in [1, 2, 7] {
                let server = Server::listen();
                let client = client("ws://nowhere.example/", &proxy_url("http", &server));
                client.connect().unwrap();
                let script = server.serve(move |mut peer| {
                    peer.read_request();
                    let answers = [interim, answer].concat();
                    for piece in answers.as_bytes().chunks(answers.len().div_ceil(pieces)) {
                        peer.write(piece);
                    }
                    if code == 0 {
                        peer.accept();
                    }
                    peer.until_gone();
                });
                if code == 0 {
                    client.expect(EventType::Connect);
                    client.expect(EventType::Handshake);
                    client.abort().unwrap();
                } else {
                    assert_eq!(client.failure().http_status, code);
                }
                script.finish();
            }
        }
        let server = Server::listen();
        let client = client("ws://nowhere.example/", &proxy_url("http", &server));
        client.connect().unwrap();
        let script = server.serve(move |mut peer| {
            peer.read_request();
            peer.try_write(interim.repeat(1000));
            peer.until_gone();
        });
        assert_eq!(client.failure().status, Status::HeaderTooBig);
        script.finish();
    });
}

#[test]
fn a_refusing_proxy_gets_no_request_and_is_quoted() {
    bounded(|| {
        for (answer, status, code, words) in [
            (
                &b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"[..],
                Status::Proxy,
                403,
                "403 Forbidden",
            ),
            (
                b"HTTP/1.1 407 Log in\r\n\r\n",
                Status::ProxyAuth,
                407,
                "407 Log in",
            ),
            (
                b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
                Status::Proxy,
                101,
                "101 Switching Protocols",
            ),
            (b"SSH-2.0-x\r\n", Status::ProxyProtocol, 0, "not HTTP"),
            (
                b"HTTP/1.1 200 OK\r\n\r\nhello",
                Status::ProxyProtocol,
                0,
                "more",
            ),
            (b"", Status::Closed, 0, "without an answer"),
            (b"HTTP/1.1 2", Status::Closed, 0, "within its answer"),
        ] {
            let server = Server::listen();
            let client = client("ws://nowhere.example/", &proxy_url("http", &server));
            client.set_header("Cookie", b"secret").unwrap();
            client.connect().unwrap();
            let script = server.serve(move |mut peer| {
                peer.read_request();
                peer.write(answer);
                peer.half_close();
                assert!(!peer.says_more(), "more was said to the proxy");
            });
            let failure = client.failure();
            assert_eq!((failure.status, failure.phase), (status, Phase::Proxy));
            assert_eq!(failure.http_status, code);
            assert!(failure.text.contains(words), "{}", failure.text);
            assert_eq!(client.report().unwrap().proxy_status, code);
            script.finish();
        }
    });
}

#[test]
fn a_proxy_of_another_scheme_is_told_as_such() {
    const HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    const ALERT: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
    bounded(|| {
        for (scheme, answer, words) in [
            ("http", ALERT, "it is TLS"),
            ("http", &[5, 0xff], "it is SOCKS"),
            ("socks5", HTTP, "it is HTTP"),
            ("socks5", ALERT, "it is TLS"),
            ("https", HTTP, "it is not TLS"),
        ] {
            let server = Server::listen();
            let client = client("ws://nowhere.example/", &proxy_url(scheme, &server));
            client.connect().unwrap();
            let script = server.serve(move |mut peer| {
                peer.write(answer);
                peer.until_hung_up();
            });
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::ProxyProtocol, Phase::Proxy)
            );
            assert!(failure.text.contains(words), "{}", failure.text);
            script.finish();
        }
    });
}

#[test]
fn a_proxy_that_stalls_or_never_ends_its_answer_is_left() {
    bounded(|| {
        for (scheme, answers) in [
            ("http", [&b""[..], b"HTTP/1.1 200 OK\r\nX: "]),
            ("socks5", [b"", b"\x05"]),
            ("https", [b"", b"\x16\x03"]),
        ] {
            for answer in answers {
                let server = Server::listen();
                let client = client("ws://nowhere.example/", &proxy_url(scheme, &server));
                client
                    .set_phase_timeout(Phase::Proxy, Some(Duration::from_millis(100)))
                    .unwrap();
                client.connect().unwrap();
                let _script = server.serve(move |mut peer| {
                    peer.write(answer);
                    peer.until_gone();
                });
                let failure = client.failure();
                assert_eq!(
                    (failure.status, failure.phase),
                    (Status::Timeout, Phase::Proxy)
                );
            }
        }
        let server = Server::listen();
        let client = client("ws://nowhere.example/", &proxy_url("http", &server));
        client.connect().unwrap();
        let _script = server.serve(|mut peer| {
            peer.write("HTTP/1.1 200 OK\r\n");
            while peer.try_write([b'a'; 4096]) {}
        });
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.phase),
            (Status::HeaderTooBig, Phase::Proxy)
        );
    });
}

/// The server's part of SOCKS5 up to the request, which is returned.
fn socks_request(peer: &mut Peer, login: Option<&str>) -> Vec<u8> {
    let methods = peer.read_exactly(2);
    assert_eq!(methods[0], 5);
    let offered = peer.read_exactly(methods[1].into());
    assert_eq!(offered.contains(&2), login.is_some());
    match login {
        None => peer.write([5, 0]),
        Some(login) => {
            peer.write([5, 2]);
            assert_eq!(peer.read_exactly(login.len()), login.as_bytes());
            peer.write([1, 0]);
        }
    }
    let mut request = peer.read_exactly(5);
    let rest = usize::from(request[4]) + 2;
    request.extend(peer.read_exactly(rest));
    request
}

#[test]
fn socks_leads_to_the_server_with_and_without_a_password() {
    bounded(|| {
        for login in [None, Some("\x01\x02me\x06secret")] {
            let server = Server::listen();
            let userinfo = login.map_or("", |_| "me:secret@");
            let proxy = proxy_url("socks5", &server).replace("//", &format!("//{userinfo}"));
            let client = client("ws://nowhere.example:81/", &proxy);
            client.connect().unwrap();
            let script = server.serve(move |mut peer| {
                let request = socks_request(&mut peer, login);
                assert_eq!(request, b"\x05\x01\x00\x03\x0fnowhere.example\x00\x51");
                for byte in [5, 0, 0, 1, 127, 0, 0, 1, 0, 80] {
                    peer.write([byte]);
                }
                let request = peer.accept();
                assert_eq!(field(&request, "Host"), Some("nowhere.example:81"));
                peer.send(&Frame::text("through"));
                peer.until_gone();
            });
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            assert_eq!(client.text(), "through");
            client.abort().unwrap();
            client.end();
            script.finish();
        }
    });
}

#[test]
fn a_socks_refusal_has_its_code() {
    bounded(|| {
        for (code, words) in [
            (1, "general failure"),
            (2, "not allowed"),
            (3, "network unreachable"),
            (4, "host unreachable"),
            (5, "connection refused"),
            (6, "time to live"),
            (7, "command not supported"),
            (8, "address type not supported"),
            (9, "unknown code"),
            (255, "unknown code"),
        ] {
            let server = Server::listen();
            let client = client("ws://nowhere.example/", &proxy_url("socks5", &server));
            client.connect().unwrap();
            let _script = server.serve(move |mut peer| {
                socks_request(&mut peer, None);
                peer.write([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
                peer.until_gone();
            });
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Proxy, Phase::Proxy)
            );
            assert_eq!(failure.http_status, u16::from(code));
            assert!(failure.text.contains(words), "{}", failure.text);
            let report = client.report().unwrap();
            assert_eq!(report.proxy_status, u16::from(code));
        }
    });
}

#[test]
fn a_refused_login_is_in_no_text() {
    bounded(|| {
        const HTTP: &[&[u8]] = &[b"HTTP/1.1 407 Log in\r\n\r\n"];
        const SOCKS: &[&[u8]] = &[&[5, 2], &[1, 1]];
        for (scheme, answers) in [("http", HTTP), ("socks5", SOCKS)] {
            let server = Server::listen();
            let proxy = proxy_url(scheme, &server).replace("//", "//me:secret@");
            let client = client("ws://nowhere.example/", &proxy);
            client.connect().unwrap();
            let script = server.serve(move |mut peer| {
                for answer in answers {
                    assert!(peer.says_more());
                    peer.forget_input();
                    peer.write(answer);
                }
                peer.until_gone();
            });
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::ProxyAuth, Phase::Proxy)
            );
            let told = format!("{failure:?} {:?}", client.report().unwrap());
            for secret in ["secret", "c2VjcmV0"] {
                assert!(!told.contains(secret), "{told}");
            }
            script.finish();
        }
    });
}

/// What comes of a proxy that says only the first bytes of `answers`, each of which
/// follows something of the client, and then stays or goes: one failure for each number
/// of bytes.
fn half_replies(scheme: &str, answers: &'static [&'static [u8]], stays: bool) -> Vec<Failure> {
    let whole: usize = answers.iter().map(|answer| answer.len()).sum();
    let server = Server::listen();
    let proxy = proxy_url(scheme, &server).replace("//", "//me:secret@");
    let script = server.serve(move |mut peer| {
        let mut left = peer.index;
        for answer in answers {
            // It may have been left already.
            if !peer.says_more() {
                return;
            }
            peer.forget_input();
            let said = left.min(answer.len());
            peer.write(&answer[..said]);
            left -= said;
            if said < answer.len() {
                break;
            }
        }
        match stays {
            true => peer.until_gone(),
            false => peer.half_close(),
        }
    });
    let host = Host::new(Drive::Poll);
    let failures = host.failures(whole, |_| {
        let connection = host.connection("ws://nowhere.example/");
        connection.set_proxy(&proxy).unwrap();
        let timeout = stays.then_some(SHORT);
        connection.set_phase_timeout(Phase::Proxy, timeout).unwrap();
        connection.connect().unwrap();
        connection
    });
    drop(script);
    failures
}

#[test]
fn half_a_reply_of_any_length_is_told() {
    bounded(|| {
        const HTTP: &[&[u8]] = &[AGREED.as_bytes()];
        const SOCKS: &[&[u8]] = &[&[5, 2], &[1, 0], &[5, 0, 0, 3, 2, b'a', b'b', 0, 80]];
        for (scheme, answers) in [("http", HTTP), ("socks5", SOCKS)] {
            for (stays, status) in [(true, Status::Timeout), (false, Status::Closed)] {
                for failure in half_replies(scheme, answers, stays) {
                    assert_eq!((failure.status, failure.phase), (status, Phase::Proxy));
                    assert!(failure.text.contains("proxy"), "{}", failure.text);
                }
            }
        }
    });
}

#[test]
fn tls_goes_to_the_proxy_and_through_it() {
    bounded(|| {
        let authority = Identity::authority();
        for inner in [false, true] {
            let acceptor = Arc::new(authority.server().acceptor());
            let server = Server::listen();
            let proxy = proxy_url("https", &server);
            let url = if inner {
                "wss://127.0.0.1:1/"
            } else {
                "ws://127.0.0.1:1/"
            };
            let client = client(url, &proxy);
            client
                .set_tls(|tls| {
                    tls.system_roots = false;
                    tls.add_ca(&authority.pem())
                })
                .unwrap();
            client.set_send_queue_limit(8 << 20).unwrap();
            client.connect().unwrap();
            let origin = Server::listen();
            let address = origin.address();
            let origin_acceptor = acceptor.clone();
            let origin = origin.serve(move |peer| {
                let mut peer = if inner {
                    peer.secure(&origin_acceptor)
                } else {
                    peer
                };
                peer.accept();
                let frame = peer.frame();
                peer.send(&Frame::binary(frame.payload));
                peer.until_gone();
            });
            let script = server.serve(move |peer| {
                let mut peer = peer.secure(&acceptor);
                let request = peer.read_request();
                assert!(request.starts_with("CONNECT 127.0.0.1:1 "));
                peer.write(AGREED);
                peer.relay(address);
            });
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            let message: Vec<u8> = (0..4 << 20).map(|byte: u32| byte as u8).collect();
            client.send_binary(&message).unwrap();
            assert!(client.message().1 == message);
            client.abort().unwrap();
            client.end();
            script.finish();
            origin.finish();
        }
    });
}
