//! TLS: the settings, the names for what fails, and messages through records of
//! every shape.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use openssl::ssl::{SslAcceptor, SslVerifyMode, SslVersion};
use openssl::symm::Cipher;
use support::programs::Directory;
use support::tls::{Identity, Subject};
use support::{
    Client, DEADLINE, Drive, Failure, Frame, Gate, Host, Peer, SHORT, Scripts, Server, alone,
    bounded, op, traced,
};
use wsc::error::{Phase, Status};
use wsc::event::EventType;
use wsc::tls::{PinType, TlsVersion};

/// Echoes messages until the client closes.
fn echo(mut peer: Peer) {
    peer.accept();
    while let Some(frame) = peer.try_frame() {
        let frame = Frame {
            mask: None,
            ..frame
        };
        peer.send(&frame);
        if frame.opcode == op::CLOSE {
            break;
        }
    }
}

fn serve(acceptor: SslAcceptor, script: impl Fn(Peer) + Send + Sync + 'static) -> Scripts {
    Server::listen().serve(move |peer| script(peer.secure(&acceptor)))
}

/// A client that trusts the authority, and nobody else.
fn trusting(authority: &Identity, url: &str) -> Client {
    trusting_on(Drive::Poll, authority, url)
}

fn trusting_on(drive: Drive, authority: &Identity, url: &str) -> Client {
    let client = Client::new(drive, url);
    client
        .set_tls(|tls| {
            tls.system_roots = false;
            tls.add_ca(&authority.pem())
        })
        .unwrap();
    client
}

fn open(client: &Client) {
    client.connect().unwrap();
    client.expect(EventType::Connect);
    client.expect(EventType::Handshake);
}

fn close(client: &Client) {
    client.close(1000, b"").unwrap();
    let end = client.end();
    assert!(end.clean, "{end:?}");
}

#[test]
fn both_versions_echo_messages_of_every_size() {
    bounded(|| {
        for (version, told) in [
            (SslVersion::TLS1_2, TlsVersion::Tls12),
            (SslVersion::TLS1_3, TlsVersion::Tls13),
        ] {
            let authority = Identity::authority();
            let server = authority.server();
            let scripts = serve(server.acceptor_for(version), echo);
            let client = trusting(&authority, &scripts.secure_url());
            client.set_max_message_size(64 << 20).unwrap();
            client.set_max_frame_size(64 << 20).unwrap();
            client.set_send_queue_limit(64 << 20).unwrap();
            open(&client);
            for size in [0, 1, 125, 126, 16383, 16384, 16385, 65536, 1 << 20, 4 << 20] {
                let message: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
                client.send_binary(&message).unwrap();
                assert!(
                    client.message().1 == message,
                    "{size} bytes came back changed"
                );
            }
            let report = client.report().unwrap();
            assert_eq!(report.tls_version, Some(told));
            assert_eq!(report.peer_certificate, server.der());
            close(&client);
            scripts.finish();
        }
    });
}

#[test]
fn records_arrive_in_pieces() {
    bounded(|| {
        let authority = Identity::authority();
        for size in [1, 3, 5, 100, 1449] {
            let acceptor = authority.server().acceptor();
            let scripts =
                Server::listen().serve(move |peer| echo(peer.try_secure(&acceptor, size).unwrap()));
            let client = trusting(&authority, &scripts.secure_url());
            open(&client);
            let message = vec![b'a'; 5000];
            for _ in 0..3 {
                client.send_text(&message).unwrap();
                assert!(client.message().1 == message);
            }
            close(&client);
            scripts.finish();
        }
    });
}

const LARGE: usize = 8 << 20;

#[test]
fn a_record_is_less_than_one_system_call() {
    let test = || {
        let authority = Identity::authority();
        let scripts = serve(authority.server().acceptor(), |mut peer| {
            peer.accept();
            peer.send(&Frame::binary(vec![0; LARGE]));
            peer.until_gone();
        });
        let client = trusting(&authority, &scripts.secure_url());
        open(&client);
        assert_eq!(client.message().1.len(), LARGE);
    };
    let name = "a_record_is_less_than_one_system_call";
    traced(name, "recvfrom", test, |trace| {
        // The client's socket is the one from which most came.
        let mut sockets = std::collections::BTreeMap::<&str, (usize, usize)>::new();
        for line in trace.lines() {
            let (Some((_, call)), Some((_, result))) =
                (line.split_once("recvfrom("), line.rsplit_once("= "))
            else {
                continue;
            };
            let socket = sockets.entry(call.split(',').next().unwrap()).or_default();
            let count = result.split(' ').next().unwrap().parse().unwrap_or(0);
            *socket = (socket.0 + count, socket.1 + 1);
        }
        let (bytes, calls) = sockets.into_values().max().unwrap();
        assert!(bytes > LARGE, "{bytes} bytes were read: {trace}");
        let records = LARGE / (16 << 10);
        // Read one by one, each takes two: its header, and the rest. Where the server is
        // slow, each comes alone and takes one.
        assert!(
            calls < records * 3 / 2,
            "{calls} calls for {records} records"
        );
    });
}

#[test]
fn a_key_update_on_a_full_socket_loses_nothing() {
    bounded(|| {
        let authority = Identity::authority();
        let acceptor = authority.server().acceptor_for(SslVersion::TLS1_3);
        let (is_stuck, is_sent, has_read) = (Gate::default(), Gate::default(), Gate::default());
        let gates = (is_stuck.clone(), is_sent.clone(), has_read.clone());
        let scripts = serve(acceptor, move |mut peer| {
            peer.accept();
            gates.0.wait();
            peer.request_key_update();
            peer.send_all(&[Frame::text("behind"), Frame::text("the update")]);
            gates.1.open();
            gates.2.wait();
            assert_eq!(peer.frame().payload.len(), 8 << 20);
            assert_eq!(peer.text(), "last");
            peer.send(&Frame::text("end"));
            peer.until_gone();
        });
        let client = trusting(&authority, &scripts.secure_url());
        client.host.event_loop.set_standby_grace(None).unwrap();
        client.set_send_queue_limit(16 << 20).unwrap();
        open(&client);
        client.send_binary(&vec![0; 8 << 20]).unwrap();
        client.send_text(b"last").unwrap();
        let mut queued = 0;
        client.until("the socket is full", || {
            std::mem::replace(&mut queued, client.buffered_amount()) == client.buffered_amount()
        });
        assert_ne!(queued, 0);
        is_stuck.open();
        is_sent.wait();
        client.host.turn(Duration::ZERO);
        has_read.open();
        for text in ["behind", "the update", "end"] {
            assert_eq!(client.text(), text);
        }
    });
}

#[test]
fn messages_in_the_record_of_the_answer_are_delivered() {
    bounded(|| {
        let authority = Identity::authority();
        let scripts = serve(authority.server().acceptor(), |mut peer| {
            let request = peer.read_request();
            let mut bytes = Peer::answer(&request, "").into_bytes();
            bytes.extend(Frame::text("first").bytes());
            bytes.extend(Frame::text("second").bytes());
            peer.write(bytes);
            peer.until_gone();
        });
        let client = trusting(&authority, &scripts.secure_url());
        open(&client);
        assert_eq!(client.text(), "first");
        assert_eq!(client.text(), "second");
    });
}

#[test]
fn a_session_ends_with_and_without_close_notify() {
    bounded(|| {
        let authority = Identity::authority();
        for notify in [true, false] {
            let scripts = serve(authority.server().acceptor(), move |mut peer| {
                peer.accept();
                peer.send(&Frame::text("last"));
                if notify {
                    peer.tls().shutdown().unwrap();
                }
                peer.half_close();
                peer.until_gone();
            });
            let client = trusting(&authority, &scripts.secure_url());
            open(&client);
            assert_eq!(client.text(), "last");
            let end = client.failure();
            assert_eq!((end.status, end.phase), (Status::Closed, Phase::Open));
        }
    });
}

#[test]
fn many_connections_share_a_loop() {
    bounded(|| {
        let authority = Identity::authority();
        let scripts = serve(authority.server().acceptor(), echo);
        let host = support::Host::new(Drive::Poll);
        let clients: Vec<_> = (0..50)
            .map(|_| host.connection(&scripts.secure_url()))
            .collect();
        for client in &clients {
            client
                .set_tls(|tls| {
                    tls.system_roots = false;
                    tls.add_ca(&authority.pem())
                })
                .unwrap();
            client.connect().unwrap();
            client
                .send_text(client.id().to_string().as_bytes())
                .unwrap();
        }
        let mut answers = 0;
        while answers < clients.len() {
            let event = host.next();
            if event.event_type() == EventType::Message {
                assert_eq!(event.data(), event.conn_id.to_string().as_bytes());
                answers += 1;
            }
        }
        clients.iter().for_each(|client| client.free());
    });
}

/// The failure of a client that was configured so, at a server with that certificate.
fn failure(server: &Identity, trusted: &Identity, configure: impl FnOnce(&Client)) -> Failure {
    let acceptor = server.acceptor();
    let scripts = Server::listen().serve(move |peer| {
        // The client goes before or after its side of the handshake is done.
        if let Ok(mut peer) = peer.try_secure(&acceptor, usize::MAX) {
            assert!(peer.take_frame().is_none(), "the request was sent");
        }
    });
    let client = trusting(trusted, &scripts.secure_url());
    configure(&client);
    client.connect().unwrap();
    client.expect(EventType::Connect);
    let failure = client.failure();
    assert_eq!(failure.phase, Phase::Tls);
    let report = client.report().unwrap();
    assert_eq!(
        (report.status, &report.reason),
        (failure.status, &failure.text)
    );
    failure
}

#[test]
fn each_bad_certificate_has_a_status_and_a_sentence() {
    bounded(|| {
        let authority = Identity::authority();
        let subject = Subject::default;
        for (server, status, words) in [
            (
                authority.issue(&Subject {
                    from: -9,
                    until: -2,
                    ..subject()
                }),
                Status::CertificateExpired,
                "expired",
            ),
            (
                authority.issue(&Subject {
                    from: 2,
                    until: 9,
                    ..subject()
                }),
                Status::CertificateExpired,
                "not yet valid",
            ),
            (
                Identity::self_signed(&subject()),
                Status::CertificateSelfSigned,
                "self-signed",
            ),
            (
                Identity::authority_named("Stranger").server(),
                Status::CertificateIssuer,
                "issuer",
            ),
            (
                authority.issue(&Subject {
                    name: "example.org",
                    ..subject()
                }),
                Status::CertificateName,
                "mismatch",
            ),
        ] {
            let failure = failure(&server, &authority, |_| {});
            assert_eq!(failure.status, status, "{}", failure.text);
            assert!(failure.text.contains(words), "{}", failure.text);
        }
    });
}

#[test]
fn revoked_certificates_are_refused_where_lists_are_given() {
    bounded(|| {
        let authority = Identity::authority();
        let (server, other) = (authority.server(), authority.server());
        let lists = authority.revoke(&[&other.certificate], 1);
        let der = openssl::x509::X509Crl::from_pem(&lists).unwrap();
        let der = der.to_der().unwrap();
        for lists in [&lists, &der] {
            let scripts = serve(server.acceptor(), echo);
            let client = trusting(&authority, &scripts.secure_url());
            client.set_tls(|tls| tls.add_crl(lists)).unwrap();
            open(&client);
            close(&client);
        }
        let stranger = Identity::authority_named("Stranger");
        let impostor = Identity::authority();
        let revoked = [&server.certificate, &other.certificate];
        for (lists, status, words) in [
            (
                authority.revoke(&revoked, 1),
                Status::CertificateRevoked,
                "was revoked",
            ),
            (
                [lists, authority.revoke(&revoked, -1)].concat(),
                Status::CertificateRevoked,
                "was revoked",
            ),
            (
                authority.revoke(&[&other.certificate], -1),
                Status::Certificate,
                "out of date",
            ),
            (
                stranger.revoke(&[&other.certificate], 1),
                Status::Certificate,
                "no list of its issuer",
            ),
            (
                impostor.revoke(&[&other.certificate], 1),
                Status::Certificate,
                "not signed",
            ),
        ] {
            let failure = failure(&server, &authority, |client| {
                client.set_tls(|tls| tls.add_crl(&lists)).unwrap();
            });
            assert_eq!(failure.status, status, "{}", failure.text);
            assert!(failure.text.contains(words), "{}", failure.text);
        }
        let client = trusting(&authority, "wss://127.0.0.1:9/");
        let good = authority.revoke(&revoked, 1);
        let cut = [&good[..], &good[..good.len() / 2]].concat();
        for garbage in [&b""[..], b"garbage", &authority.pem(), &cut] {
            let added = client.set_tls(|tls| tls.add_crl(garbage));
            assert_eq!(added, Err(Status::Pem));
        }
    });
}

#[test]
fn the_system_trusts_no_test_authority() {
    bounded(|| {
        let authority = Identity::authority();
        let failure = failure(&authority.server(), &authority, |client| {
            client
                .set_tls(|tls| {
                    *tls = Default::default();
                    Ok(())
                })
                .unwrap();
        });
        assert_eq!(
            failure.status,
            Status::CertificateIssuer,
            "{}",
            failure.text
        );
    });
}

#[test]
fn names_and_pins_are_checked_as_set() {
    bounded(|| {
        let authority = Identity::authority();
        let server = authority.issue(&Subject {
            name: "example.org",
            ..Subject::default()
        });
        let pin = |bytes: &[u8]| openssl::sha::sha256(bytes);
        let certificate = pin(&server.der());
        let public_key = pin(&server.key.public_key_to_der().unwrap());
        let scripts = serve(
            server.acceptor_with(|builder| {
                builder.set_servername_callback(|ssl, _| {
                    let name = ssl.servername(openssl::ssl::NameType::HOST_NAME);
                    assert_eq!(name, Some("front.example"));
                    Ok(())
                });
            }),
            echo,
        );
        for (pin_type, digest) in [
            (PinType::Certificate, certificate),
            (PinType::PublicKey, public_key),
        ] {
            let client = trusting(&authority, &scripts.secure_url());
            client
                .set_tls(|tls| {
                    tls.server_name = Some("front.example".into());
                    tls.verify_name = Some("example.org".into());
                    tls.add_pin(pin_type, &[0; 32])?;
                    tls.add_pin(pin_type, &digest)
                })
                .unwrap();
            open(&client);
            close(&client);
        }
        let verified = |name: &str| {
            let name = name.to_owned();
            failure(&server, &authority, move |client| {
                client
                    .set_tls(|tls| {
                        tls.verify_name = Some(name);
                        tls.add_pin(PinType::PublicKey, &[0; 32])
                    })
                    .unwrap();
            })
        };
        assert_eq!(verified("example.com").status, Status::CertificateName);
        assert_eq!(verified("127.0.0.1").status, Status::CertificateName);
        // No name is not any name.
        assert_eq!(verified("").status, Status::CertificateName);
        assert_eq!(verified("example.org").status, Status::Pin);
    });
}

#[test]
fn anything_is_accepted_only_when_asked_for() {
    bounded(|| {
        let server = Identity::self_signed(&Subject {
            name: "example.org",
            from: -9,
            until: -2,
            ..Subject::default()
        });
        let scripts = serve(server.acceptor(), echo);
        let client = Client::new(Drive::Poll, &scripts.secure_url());
        client
            .set_tls(|tls| {
                tls.danger_accept_anything = true;
                Ok(())
            })
            .unwrap();
        open(&client);
        close(&client);
    });
}

#[test]
fn versions_that_do_not_meet_are_told() {
    bounded(|| {
        let authority = Identity::authority();
        for (offered, wanted) in [
            (SslVersion::TLS1_2, TlsVersion::Tls13),
            (SslVersion::TLS1_3, TlsVersion::Tls12),
        ] {
            let acceptor = authority.server().acceptor_for(offered);
            let scripts = Server::listen().serve(move |peer| {
                assert!(peer.try_secure(&acceptor, usize::MAX).is_err());
            });
            let client = trusting(&authority, &scripts.secure_url());
            client
                .set_tls(|tls| tls.set_versions(wanted, wanted))
                .unwrap();
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let failure = client.failure();
            assert_eq!(failure.status, Status::TlsVersion, "{}", failure.text);
        }
    });
}

#[test]
fn a_client_certificate_is_shown() {
    bounded(|| {
        let authority = Identity::authority();
        let identity = authority.issue(&Subject {
            name: "client",
            ..Subject::default()
        });
        let root = authority.certificate.clone();
        let acceptor = authority.server().acceptor_with(|builder| {
            builder.cert_store_mut().add_cert(root).unwrap();
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        });
        let scripts = Server::listen().serve(move |peer| {
            if let Ok(peer) = peer.try_secure(&acceptor, usize::MAX) {
                echo(peer);
            }
        });
        let encrypted = identity
            .key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret")
            .unwrap();
        let mut pkcs12 = openssl::pkcs12::Pkcs12::builder();
        pkcs12.pkey(&identity.key).cert(&identity.certificate);
        let pkcs12 = pkcs12.build2("secret").unwrap().to_der().unwrap();
        for from_pkcs12 in [false, true] {
            let client = trusting(&authority, &scripts.secure_url());
            client
                .set_tls(|tls| match from_pkcs12 {
                    true => tls.set_pkcs12(&pkcs12, "secret"),
                    false => tls.set_identity(&identity.pem(), &encrypted, "secret"),
                })
                .unwrap();
            open(&client);
            close(&client);
        }
        let client = trusting(&authority, &scripts.secure_url());
        client.connect().unwrap();
        client.expect(EventType::Connect);
        // TLS 1.3 tells it after the handshake, which is in the upgrade.
        let failure = client.failure();
        assert_eq!(failure.status, Status::Tls, "{}", failure.text);
        assert!(
            failure.text.contains("certificate required") && !failure.text.contains(".c:"),
            "{}",
            failure.text
        );

        // Mistakes are told at once.
        let set = |chain: &[u8], key: &[u8], passphrase: &str| {
            client.set_tls(|tls| tls.set_identity(chain, key, passphrase))
        };
        let other = Identity::authority();
        assert_eq!(
            set(&identity.pem(), &encrypted, "wrong"),
            Err(Status::Passphrase)
        );
        assert_eq!(
            set(&identity.pem(), &encrypted, ""),
            Err(Status::Passphrase)
        );
        assert_eq!(set(b"garbage", &encrypted, "secret"), Err(Status::Pem));
        assert_eq!(set(&identity.pem(), b"garbage", ""), Err(Status::Pem));
        assert_eq!(
            set(&identity.pem(), &other.key_pem(), ""),
            Err(Status::KeyMismatch)
        );
        let pkcs12_result =
            |der: &[u8], passphrase: &str| client.set_tls(|tls| tls.set_pkcs12(der, passphrase));
        assert_eq!(pkcs12_result(&pkcs12, "wrong"), Err(Status::Passphrase));
        assert_eq!(pkcs12_result(b"garbage", "secret"), Err(Status::Pem));
        assert_eq!(
            client.set_tls(|tls| tls.add_ca(b"garbage")),
            Err(Status::Pem)
        );
    });
}

#[test]
fn alpn_is_offered_and_told() {
    bounded(|| {
        let authority = Identity::authority();
        let acceptor = authority.server().acceptor_with(|builder| {
            builder.set_alpn_select_callback(|_, offered| {
                assert_eq!(offered, b"\x03one\x08http/1.1");
                Ok(&offered[5..])
            });
        });
        let scripts = serve(acceptor, echo);
        let client = trusting(&authority, &scripts.secure_url());
        client.set_tls(|tls| tls.set_alpn("one, http/1.1")).unwrap();
        open(&client);
        assert_eq!(client.report().unwrap().alpn, b"http/1.1");
        close(&client);
    });
}

/// A server's socket that sends so many bytes and no more.
struct Stalling(std::net::TcpStream, usize);

impl Read for Stalling {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Stalling {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.0.write(&bytes[..bytes.len().min(self.1)])?;
        self.1 -= count;
        // What is held back is kept for ever.
        Ok(if self.1 == 0 { bytes.len() } else { count })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_handshake_that_stalls_at_any_byte_ends_at_its_deadline() {
    bounded(|| {
        // Together less than any flight of the server: its certificate alone has more.
        const COUNT: usize = 100;
        const STEP: usize = 3;
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let authority = Identity::authority();
            let acceptor = authority.server().acceptor_for(version);
            let scripts = Server::listen().serve(move |peer| {
                let stream = Stalling(peer.stream().try_clone().unwrap(), peer.index * STEP);
                assert!(acceptor.accept(stream).is_err(), "the handshake was done");
            });
            let host = Host::new(Drive::Poll);
            let failures = host.failures(COUNT, |_| {
                let connection = host.connection(&scripts.secure_url());
                connection
                    .set_tls(|tls| {
                        tls.system_roots = false;
                        tls.add_ca(&authority.pem())
                    })
                    .unwrap();
                connection
                    .set_phase_timeout(Phase::Tls, Some(SHORT))
                    .unwrap();
                connection.connect().unwrap();
                connection
            });
            for failure in failures {
                assert_eq!(
                    (failure.status, failure.phase),
                    (Status::Timeout, Phase::Tls),
                    "{}",
                    failure.text
                );
            }
        }
    });
}

/// Of certificates on a disk that does not answer, say. Other connections go on meanwhile,
/// and what comes in the end is for all.
#[test]
fn trusted_certificates_that_do_not_load_are_told_as_such() {
    let name = "trusted_certificates_that_do_not_load_are_told_as_such";
    alone(name, || {
        let directory = Directory::new("trusted");
        let store = directory.path().join("store");
        let made = Command::new("mkfifo").arg(&store).status().unwrap();
        assert!(made.success());
        // SAFETY: no other thread of this process uses its environment yet.
        unsafe { std::env::set_var("SSL_CERT_FILE", &store) };
        let authority = Identity::authority();
        let scripts = serve(authority.server().acceptor(), echo);
        let host = Host::new(Drive::Poll);
        let failures = host.failures(2, |_| {
            let connection = host.connection(&scripts.secure_url());
            connection.set_connect_timeout(Some(SHORT)).unwrap();
            connection.connect().unwrap();
            connection
        });
        for failure in failures {
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Timeout, Phase::Tls)
            );
            assert!(failure.text.contains("certificates"), "{}", failure.text);
        }
        while host.arrived().is_some() {} // the closes
        let connection = host.connection(&scripts.secure_url());
        connection.connect().unwrap();
        host.turn(Duration::ZERO);
        let writer = thread::spawn(move || {
            // Whoever has opened it gets them; to be opened again it is an ordinary file.
            let mut opened = fs::File::options().write(true).open(&store).unwrap();
            let ordinary = store.with_extension("pem");
            fs::write(&ordinary, authority.pem()).unwrap();
            fs::rename(ordinary, store).unwrap();
            opened.write_all(&authority.pem()).unwrap();
        });
        host.expect(EventType::Connect);
        host.expect(EventType::Handshake);
        let report = connection.report().unwrap();
        let [dns, tls] = [Phase::Dns, Phase::Tls].map(|phase| report.time(phase));
        assert!(dns < tls, "{dns:?} {tls:?}");
        writer.join().unwrap();
        connection.free();
    });
}

#[test]
fn a_handshake_that_stalls_ends_at_its_deadline() {
    bounded(|| {
        let authority = Identity::authority();
        let server = Server::listen();
        let client = trusting(&authority, &server.url().replace("ws:", "wss:"));
        client
            .set_phase_timeout(Phase::Tls, Some(Duration::from_millis(100)))
            .unwrap();
        for garbage in [&b""[..], b"\x16", b"\x16\x03\x03\x00\x50\x02"] {
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let mut peer = server.accept();
            peer.write(garbage);
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::Timeout, Phase::Tls)
            );
        }
        client.connect().unwrap();
        client.expect(EventType::Connect);
        server.accept().write("HTTP/1.1 400 Bad Request\r\n\r\n");
        let failure = client.failure();
        assert_eq!(failure.status, Status::Tls, "{}", failure.text);
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let mut peer = server.accept();
        peer.half_close();
        peer.until_gone();
        let failure = client.failure();
        assert_eq!(failure.phase, Phase::Tls, "{}", failure.text);
        assert!(failure.text.contains("closed"), "{}", failure.text);
    });
}

#[test]
fn an_end_does_not_hide_the_violation_before_it() {
    bounded(|| {
        let authority = Identity::authority();
        let (gone, is_gone) = mpsc::channel();
        let gone = Mutex::new(gone);
        let scripts = serve(authority.server().acceptor(), move |mut peer| {
            peer.accept();
            peer.write(
                [
                    Frame::text("one").bytes(),
                    Frame::text("two").rsv(4).bytes(),
                ]
                .concat(),
            );
            peer.tls().shutdown().unwrap(); // its alert comes with the same read
            gone.lock().unwrap().send(()).unwrap();
        });
        let client = trusting(&authority, &scripts.secure_url());
        client.host.event_loop.set_standby_grace(None).unwrap();
        open(&client);
        is_gone.recv().unwrap();
        // All of it, the end included, is there before the first read.
        assert_eq!(client.text(), "one");
        let end = client.end();
        assert_eq!(end.status, Status::Protocol, "{end:?}");
        scripts.finish();
    });
}

#[test]
fn a_close_frame_that_cannot_be_answered_ends_with_an_error() {
    bounded(|| {
        let authority = Identity::authority();
        let (is_open, is_sent, is_over) = (Gate::default(), Gate::default(), Gate::default());
        let gates = (is_open.clone(), is_sent.clone(), is_over.clone());
        let scripts = serve(authority.server().acceptor(), move |mut peer| {
            peer.accept();
            gates.0.wait();
            peer.send(&Frame::close(1001, "going"));
            peer.stream().write_all(b"this is no record").unwrap();
            gates.1.open();
            gates.2.wait();
        });
        let client = trusting(&authority, &scripts.secure_url());
        client.host.event_loop.set_standby_grace(None).unwrap();
        open(&client);
        is_open.open();
        is_sent.wait();
        let end = client.end();
        assert_eq!((end.code, &end.reason[..]), (1001, "going"));
        assert_eq!((end.clean, end.by_peer), (false, true));
        let error = end.error.as_ref().expect("what kept the answer back");
        assert_eq!((error.status, end.status), (Status::Tls, Status::Tls));
        is_over.open();
    });
}

/// When a child began to end.
static ENDING: OnceLock<Instant> = OnceLock::new();
/// How a child ends that has waited for threads.
const WAITED: i32 = 3;
/// Half of what an end waits at most.
const PROMPT: Duration = Duration::from_millis(50);

/// Runs last in a child. What a sanitizer does after it takes its time, and takes what the
/// parent's threads have for leaks.
extern "C" fn end_child() {
    if let Some(began) = ENDING.get() {
        let status = if began.elapsed() < PROMPT { 0 } else { WAITED };
        // SAFETY: nothing follows.
        unsafe { libc::_exit(status) };
    }
}

/// Forks, and tells whether the child, which runs `test` and exits, has waited for threads.
fn waits_in_child(test: impl FnOnce()) -> bool {
    // SAFETY: the child calls the library, which promises to work there, and neither
    // returns nor unwinds into the test.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: no pointers. It is not inherited, and a child that hangs has to end.
        unsafe { libc::alarm(DEADLINE.as_secs() as u32) };
        if catch_unwind(AssertUnwindSafe(test)).is_err() {
            // SAFETY: nothing follows.
            unsafe { libc::_exit(1) };
        }
        ENDING.set(Instant::now()).unwrap();
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: the child is ours, and the status has room.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status), "the child failed: {status:#x}");
    match libc::WEXITSTATUS(status) {
        0 => false,
        WAITED => true,
        failed => panic!("the child failed: {failed}"),
    }
}

/// While one of the parent's threads is at work, for which the end of the parent would wait.
#[test]
fn a_child_has_sessions_of_its_own() {
    alone("a_child_has_sessions_of_its_own", || {
        /// A busy machine may hold up a child's end, too.
        const CHILDREN: usize = 10;
        // First of all, so that what OpenSSL does at exit is done before.
        // SAFETY: a plain function.
        assert_eq!(unsafe { libc::atexit(end_child) }, 0);
        let authority = Identity::authority();
        let scripts = serve(authority.server().acceptor(), echo);
        let url = scripts.secure_url();
        let exchange = |client: &Client, text: &str| {
            client.send_text(text.as_bytes()).unwrap();
            assert_eq!(client.text(), text);
        };
        for drive in [Drive::Poll, Drive::Thread] {
            let client = trusting_on(drive, &authority, &url);
            open(&client);
            exchange(&client, "before");
            let busy = trusting_on(Drive::Thread, &authority, &url);
            let (is_at_work, is_done) = (Gate::default(), Gate::default());
            let gates = (is_at_work.clone(), is_done.clone());
            busy.on(EventType::Handshake, move |_, _| {
                gates.0.open();
                gates.1.wait();
            });
            busy.connect().unwrap();
            is_at_work.wait();
            let mut waits = (0..CHILDREN).map(|_| {
                waits_in_child(|| {
                    assert_eq!(client.send_text(b"child"), Err(Status::Forked));
                    client.free();
                    client.host.event_loop.free();
                    let own = trusting_on(drive, &authority, &url);
                    open(&own);
                    exchange(&own, "child");
                    close(&own);
                })
            });
            assert!(
                waits.any(|waits| !waits),
                "a child waits for its parent's thread"
            );
            is_done.open();
            busy.expect(EventType::Connect);
            busy.expect(EventType::Handshake);
            close(&busy);
            exchange(&client, "parent");
            close(&client);
        }
        scripts.finish();
    });
}
