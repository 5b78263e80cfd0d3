//! The way to the server: addresses, sockets, URLs with more in them, redirects,
//! and the report on all that.

mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use openssl::ssl::SslVerifyMode;
use support::tls::{Identity, Subject};
use support::{Client, Drive, Frame, Peer, Server, bounded, field};
use wsc::error::{Phase, Status};
use wsc::event::EventType;
use wsc::report::Retry;

#[test]
fn credentials_of_the_url_become_basic_authorization() {
    bounded(|| {
        let server = Server::listen();
        let url = server.url().replace("//", "//me:p%40ss@");
        let client = Client::new(Drive::Poll, &url);
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let request = server.accept().read_request();
        assert_eq!(field(&request, "Authorization"), Some("Basic bWU6cEBzcw=="));
        assert_eq!(
            field(&request, "Host").unwrap(),
            server.address().to_string()
        );
        client.abort().unwrap();
        client.end();
        client.set_header("Authorization", b"Bearer token").unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let request = server.accept().read_request();
        assert_eq!(request.matches("Authorization").count(), 1);
        assert_eq!(field(&request, "Authorization"), Some("Bearer token"));
    });
}

#[test]
fn a_unix_socket_is_spoken_to_by_its_path() {
    bounded(|| {
        let name = format!("wsc-network-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let url = format!("ws+unix://{}:/feed?x", path.display());
        let client = Client::new(Drive::Poll, &url);
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let mut peer = Peer::on_unix(listener.accept().unwrap().0);
        let request = peer.accept();
        assert!(request.starts_with("GET /feed?x HTTP/1.1\r\n"));
        assert_eq!(field(&request, "Host"), Some("localhost"));
        client.expect(EventType::Handshake);
        peer.send(&Frame::text("hello"));
        assert_eq!(client.text(), "hello");
        assert_eq!(client.peer_address(), None);
        assert_eq!(
            client.report().unwrap().addresses,
            format!("{}\n", path.display())
        );
        std::fs::remove_file(&path).unwrap();
        client.abort().unwrap();
        client.end();
        client.connect().unwrap();
        let failure = client.failure();
        assert_eq!(failure.phase, Phase::Tcp);
        assert_eq!(client.report().unwrap().os_error, libc::ENOENT);
    });
}

#[test]
fn a_socket_of_the_application_is_used_once() {
    bounded(|| {
        let refusing = Server::refusing();
        let client = Client::new(Drive::Poll, &refusing.url());
        let (own, other) = UnixStream::pair().unwrap();
        client.set_socket(OwnedFd::from(own)).unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let mut peer = Peer::on_unix(other);
        peer.accept();
        client.expect(EventType::Handshake);
        peer.send(&Frame::text("hello"));
        assert_eq!(client.text(), "hello");
        client.abort().unwrap();
        client.end();
        client.connect().unwrap();
        assert_eq!(client.failure().status, Status::Refused);
        let unconnected = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let status = client.set_socket(OwnedFd::from(unconnected.unwrap()));
        assert_eq!(status, Err(Status::Invalid));
    });
}

#[test]
fn the_local_address_is_the_one_set() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        client.set_local_address("127.0.0.9").unwrap();
        client.set_keepalive(Some(Duration::from_secs(60))).unwrap();
        client
            .set_user_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let peer = client.open(&server);
        assert_eq!(peer.client_address().ip().to_string(), "127.0.0.9");
        assert_eq!(client.local_address(), Some(peer.client_address()));
        client.abort().unwrap();
        client.end();
        client.set_local_address("::1").unwrap();
        client.connect().unwrap();
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.phase),
            (Status::Unreachable, Phase::Tcp)
        );
    });
}

#[test]
fn an_interface_of_a_zone_must_exist() {
    bounded(|| {
        let client = Client::new(Drive::Poll, "ws://[fe80::1%25no-such]/");
        client.connect().unwrap();
        let failure = client.failure();
        assert_eq!(failure.status, Status::Unreachable);
        assert!(failure.text.contains("no-such"), "{}", failure.text);
    });
}

#[test]
fn each_phase_may_have_a_deadline_and_the_report_names_the_address() {
    bounded(|| {
        let deaf = Server::deaf();
        let client = Client::new(Drive::Poll, &deaf.url());
        client
            .set_phase_timeout(Phase::Tcp, Some(Duration::from_millis(100)))
            .unwrap();
        client.connect().unwrap();
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.phase),
            (Status::Timeout, Phase::Tcp)
        );
        let report = client.report().unwrap();
        assert!(
            report.addresses.ends_with(": no answer\n"),
            "{}",
            report.addresses
        );
        assert!(report.time(Phase::Tcp) >= Duration::from_millis(100));
        assert_eq!(report.time(Phase::Upgrade), Duration::ZERO);
        assert_eq!(report.retry, Retry::Later);
    });
}

#[test]
fn a_report_has_the_answer_of_a_server_that_refuses() {
    bounded(|| {
        for (status, retry) in [
            ("403 Forbidden", Retry::Never),
            ("503 Busy", Retry::Later),
            ("429 Slow down", Retry::Later),
        ] {
            let server = Server::listen();
            let client = Client::new(Drive::Poll, &server.url());
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.read_request();
            let head = format!("HTTP/1.1 {status}\r\nRetry-After: 7\r\n\r\n");
            peer.write([head.as_bytes(), &[b'x'; 5000]].concat());
            client.failure();
            let report = client.report().unwrap();
            assert_eq!((report.attempt, report.phase), (1, Phase::Upgrade));
            assert_eq!(report.status, Status::HttpStatus);
            assert_eq!(report.http_status.to_string(), status[..3]);
            assert_eq!(report.head, head.as_bytes());
            assert_eq!(report.body.len(), 4096);
            assert_eq!(
                (report.retry, report.retry_after),
                (retry, Some(Duration::from_secs(7)))
            );
            assert!(!report.time(Phase::Upgrade).is_zero());
        }
    });
}

fn redirect(peer: &mut Peer, status: u16, location: &str) -> String {
    let request = peer.read_request();
    peer.write(format!(
        "HTTP/1.1 {status} Moved\r\nLocation: {location}\r\n\r\n"
    ));
    request
}

#[test]
fn redirects_are_followed_when_asked_for_and_secrets_stay() {
    bounded(|| {
        let (first, second) = (Server::listen(), Server::listen());
        let url = first.url().replace("//", "//me:secret@");
        let client = Client::new(Drive::Poll, &url);
        client.set_header("Cookie", b"secret").unwrap();
        client.set_header("X-Other", b"public").unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        redirect(&mut first.accept(), 302, "/elsewhere");
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.http_status),
            (Status::HttpStatus, 302)
        );

        client.set_max_redirects(2).unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        redirect(&mut first.accept(), 307, "/elsewhere");
        client.until("the redirect is followed", || first.is_called());
        let away = second.url().replace("ws:", "http:");
        let request = redirect(&mut first.accept(), 301, &format!("{away}feed"));
        assert!(request.starts_with("GET /elsewhere "));
        assert_eq!(field(&request, "Cookie"), Some("secret"));
        assert!(field(&request, "Authorization").is_some());
        client.until("the other server is called", || second.is_called());
        let request = second.accept().accept();
        assert!(request.starts_with("GET /feed "));
        assert_eq!(field(&request, "Cookie"), None);
        assert_eq!(field(&request, "Authorization"), None);
        assert_eq!(field(&request, "X-Other"), Some("public"));
        assert_eq!(
            field(&request, "Host").unwrap(),
            second.address().to_string()
        );
        client.expect(EventType::Handshake);
        assert_eq!(client.report().unwrap().redirects, 2);
    });
}

#[test]
fn a_redirect_from_tls_to_an_open_connection_is_not_followed() {
    bounded(|| {
        let authority = Identity::authority();
        let open = Server::listen();
        for away in [open.url(), open.url().replace("ws:", "http:")] {
            let acceptor = authority.server().acceptor();
            let scripts = Server::listen().serve(move |peer| {
                let mut peer = peer.secure(&acceptor);
                redirect(&mut peer, 307, &away);
                peer.until_gone();
            });
            let client = Client::new(Drive::Poll, &scripts.secure_url());
            client.set_tls(|tls| tls.add_ca(&authority.pem())).unwrap();
            client.set_max_redirects(1).unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.http_status),
                (Status::Redirect, 307)
            );
            assert!(!open.is_called());
            scripts.finish();
        }
    });
}

#[test]
fn a_redirect_to_another_origin_shows_it_no_client_certificate() {
    bounded(|| {
        let authority = Identity::authority();
        let identity = authority.issue(&Subject {
            name: "client",
            ..Subject::default()
        });
        let acceptor = |verify| {
            let root = authority.certificate.clone();
            authority.server().acceptor_with(|builder| {
                builder.cert_store_mut().add_cert(root).unwrap();
                builder.set_verify(verify);
            })
        };
        let asks = acceptor(SslVerifyMode::PEER);
        let second = Server::listen().serve(move |peer| {
            let mut peer = peer.secure(&asks);
            assert!(peer.tls().ssl().peer_certificate().is_none());
            peer.accept();
            peer.until_gone();
        });
        let demands = acceptor(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let away = second.secure_url();
        let first = Server::listen().serve(move |peer| {
            let location = ["/elsewhere", &away][peer.index];
            redirect(&mut peer.secure(&demands), 307, location);
        });
        let client = Client::new(Drive::Poll, &first.secure_url());
        client
            .set_tls(|tls| {
                tls.add_ca(&authority.pem())?;
                tls.set_identity(&identity.pem(), &identity.key_pem(), "")
            })
            .unwrap();
        client.set_max_redirects(2).unwrap();
        client.connect().unwrap();
        client.expect(EventType::Connect);
        client.expect(EventType::Handshake);
        assert_eq!(client.report().unwrap().redirects, 2);
        client.abort().unwrap();
        client.end();
        first.finish();
        second.finish();
    });
}

#[test]
fn redirects_without_end_or_to_nowhere_fail() {
    bounded(|| {
        for (location, count) in [("again", 3), ("ftp://host/", 1), ("http:nonsense", 1)] {
            let server = Server::listen();
            let client = Client::new(Drive::Poll, &server.url());
            client.set_max_redirects(2).unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            for _ in 0..count {
                client.until("the server is called", || server.is_called());
                redirect(&mut server.accept(), 308, location);
            }
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.http_status),
                (Status::Redirect, 308)
            );
        }
    });
}

#[test]
fn a_server_that_sends_nothing_is_left_when_asked_for() {
    bounded(|| {
        let server = Server::listen();
        let client = Client::new(Drive::Poll, &server.url());
        let mut peer = client.open(&server);
        client
            .set_idle_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        peer.send(&Frame::text("last"));
        assert_eq!(client.text(), "last");
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.phase),
            (Status::Timeout, Phase::Open)
        );
    });
}
