//! Against programs of others: OpenSSL's server, nginx, python websockets, node ws,
//! squid, tinyproxy and microsocks.

mod support;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::programs::{Directory, FreePort, Program};
use support::tls::{Identity, Subject};
use support::{Client, Drive, Failure, Frame, Peer, Scripts, Server, bounded};
use wsc::error::{Phase, Status};
use wsc::event::{EventType, MessageType};
use wsc::report::Retry;
use wsc::tls::TlsVersion;

/// OpenSSL's server; what it receives comes out of it, and what goes into it is sent.
fn s_server(directory: &Directory, identity: &Identity, arguments: &[&str]) -> Program {
    let certificate = directory.file("certificate.pem", identity.pem());
    let key = directory.file("key.pem", identity.key_pem());
    // The first connection is the one that asks whether it listens.
    Program::listening(|address| {
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-quiet", "-naccept", "2", "-accept"])
            .arg(address.to_string())
            .arg("-cert")
            .arg(certificate)
            .arg("-key")
            .arg(key)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    })
}

fn trusting(authority: &Identity, address: SocketAddr) -> Client {
    let client = Client::new(Drive::Poll, &format!("wss://{address}/"));
    client
        .set_tls(|tls| {
            tls.system_roots = false;
            tls.add_ca(&authority.pem())
        })
        .unwrap();
    client
}

#[test]
fn openssl_serves_both_versions() {
    bounded(|| {
        let authority = Identity::authority();
        let server = authority.server();
        for (argument, version) in [
            ("-tls1_2", TlsVersion::Tls12),
            ("-tls1_3", TlsVersion::Tls13),
        ] {
            let directory = Directory::new(argument);
            let mut program = s_server(&directory, &server, &[argument]);
            let client = trusting(&authority, program.address);
            client.connect().unwrap();
            let mut input = program.child.stdin.take().unwrap();
            let mut output = program.child.stdout.take().unwrap();
            let script = std::thread::spawn(move || {
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") {
                    output.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                let request = String::from_utf8(request).unwrap();
                let mut answer = Peer::answer(&request, "").into_bytes();
                answer.extend(Frame::text("from openssl").bytes());
                input.write_all(&answer).unwrap();
                input
            });
            client.expect(EventType::Connect);
            client.expect(EventType::Handshake);
            assert_eq!(client.text(), "from openssl");
            assert_eq!(client.report().unwrap().tls_version, Some(version));
            client.abort().unwrap();
            client.end();
            script.join().unwrap();
        }
    });
}

#[test]
fn openssl_demands_a_certificate() {
    bounded(|| {
        let authority = Identity::authority();
        for (version, phase) in [("-tls1_2", Phase::Tls), ("-tls1_3", Phase::Upgrade)] {
            let directory = Directory::new(&format!("demand{version}"));
            let trusted = directory.file("trusted.pem", authority.pem());
            let trusted = trusted.to_str().unwrap();
            let arguments = [
                "-Verify",
                "1",
                "-verify_return_error",
                "-CAfile",
                trusted,
                version,
            ];
            let server = authority.server();
            let program = s_server(&directory, &server, &arguments);
            let client = trusting(&authority, program.address);
            client.connect().unwrap();
            client.expect(EventType::Connect);
            // TLS 1.3 has shaken hands by then.
            let failure = client.failure();
            assert_eq!((failure.status, failure.phase), (Status::Tls, phase));
            assert!(failure.text.contains("alert"), "{}", failure.text);
        }
    });
}

#[test]
fn a_server_of_tls_1_0_is_refused_as_such() {
    bounded(|| {
        let authority = Identity::authority();
        let directory = Directory::new("tls1");
        let arguments = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"];
        let program = s_server(&directory, &authority.server(), &arguments);
        let client = trusting(&authority, program.address);
        client.connect().unwrap();
        client.expect(EventType::Connect);
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.phase),
            (Status::TlsVersion, Phase::Tls)
        );
    });
}

/// A server that greets, behind any proxy.
fn greeter() -> Scripts {
    Server::listen().serve(|mut peer| {
        peer.accept();
        peer.send(&Frame::text("through"));
        peer.until_gone();
    })
}

/// Opens through the proxy; returns how it refuses wrong credentials.
fn refusal_of_proxy(scheme: &str, address: SocketAddr) -> Failure {
    let server = greeter();
    let client = |userinfo: &str| {
        let client = Client::new(Drive::Poll, &server.url());
        let proxy = format!("{scheme}://{userinfo}@{address}");
        client.set_proxy(&proxy).unwrap();
        client
    };
    hear(&client("me:secret"));
    let client = client("me:wrong");
    client.connect().unwrap();
    let failure = client.failure();
    assert_eq!(failure.phase, Phase::Proxy);
    assert!(!failure.text.contains("wrong"), "{}", failure.text);
    failure
}

/// squid that lets `me` with the password `secret` through, from both its ports.
fn squid(directory: &Directory, identity: &Identity) -> (Program, FreePort) {
    let hash = Command::new("openssl")
        .args(["passwd", "-apr1", "secret"])
        .output();
    let hash = String::from_utf8(hash.unwrap().stdout).unwrap();
    let passwords = directory.file("passwords", format!("me:{hash}"));
    let hosts = directory.file("hosts", "127.0.0.1 only-squid-knows.test\n");
    let certificate = directory.file("certificate.pem", identity.pem());
    let key = directory.file("key.pem", identity.key_pem());
    let secure = FreePort::new();
    let program = Program::listening(|address| {
        let settings = format!(
            "https_port {} tls-cert={} tls-key={}\n\
             http_port {address}\n\
             auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\n\
             acl known proxy_auth REQUIRED\n\
             http_access allow known\n\
             http_access deny all\n\
             hosts_file {}\n\
             cache deny all\n\
             pid_filename none\n\
             shutdown_lifetime 0\n\
             access_log none\n\
             cache_log /dev/null\n\
             coredump_dir {}\n",
            secure.address,
            certificate.display(),
            key.display(),
            passwords.display(),
            hosts.display(),
            directory.path().display(),
        );
        let settings = directory.file("squid.conf", settings);
        let mut command = Command::new("/usr/sbin/squid");
        command.args(["-N", "-f"]).arg(settings);
        command
    });
    (program, secure)
}

#[test]
fn squid_leads_on_and_asks_for_credentials() {
    bounded(|| {
        let authority = Identity::authority();
        let directory = Directory::new("squid");
        let (program, secure) = squid(&directory, &authority.server());
        let refusal = refusal_of_proxy("http", program.address);
        assert_eq!(
            (refusal.status, refusal.http_status),
            (Status::ProxyAuth, 407)
        );
        let through = |scheme: &str, at: SocketAddr, url: &str| {
            let client = trusting(&authority, at);
            client.set_url(url).unwrap();
            let proxy = format!("{scheme}://me:secret@{at}");
            client.set_proxy(&proxy).unwrap();
            client
        };
        // The proxy asks for the name, and TLS goes through it to the server.
        let server = greeter();
        let port = server.address().port();
        let named = format!("ws://only-squid-knows.test:{port}/");
        let acceptor = authority.server().acceptor();
        let secure_server = Server::listen().serve(move |peer| {
            let mut peer = peer.secure(&acceptor);
            peer.accept();
            peer.send(&Frame::text("through"));
            peer.until_gone();
        });
        for (scheme, at) in [("http", program.address), ("https", secure.address)] {
            hear(&through(scheme, at, &named));
            hear(&through(scheme, at, &secure_server.secure_url()));
        }
        let refusing = Server::refusing();
        let client = through("http", program.address, &refusing.url());
        client.connect().unwrap();
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.phase, failure.http_status),
            (Status::Proxy, Phase::Proxy, 503),
            "{}",
            failure.text
        );
        assert_eq!(client.report().unwrap().proxy_status, 503);
    });
}

#[test]
fn tinyproxy_asks_for_credentials() {
    bounded(|| {
        let directory = Directory::new("tinyproxy");
        let program = Program::listening(|address| {
            let settings = format!(
                "Port {}\nListen {}\nBasicAuth me secret\nMaxClients 20\nLogLevel Critical\n",
                address.port(),
                address.ip(),
            );
            let settings = directory.file("tinyproxy.conf", settings);
            let mut command = Command::new("tinyproxy");
            command
                .args(["-d", "-c"])
                .arg(settings)
                .stdout(Stdio::null());
            command
        });
        // It answers 401 where 407 is meant.
        let refusal = refusal_of_proxy("http", program.address);
        assert!(
            refusal.http_status == 401 || refusal.http_status == 407,
            "{}",
            refusal.text
        );
    });
}

#[test]
fn microsocks_needs_no_credentials_unless_told() {
    bounded(|| {
        let program = Program::listening(|address| {
            let mut command = Command::new("microsocks");
            command.args(["-i", "127.0.0.1", "-p", &address.port().to_string()]);
            command
        });
        let server = greeter();
        let named = format!("ws://localhost:{}/", server.address().port());
        for url in [server.url(), named] {
            let client = Client::new(Drive::Poll, &url);
            client
                .set_proxy(&format!("socks5h://{}", program.address))
                .unwrap();
            hear(&client);
        }
    });
}

#[test]
fn microsocks_asks_for_credentials_and_names_its_refusals() {
    bounded(|| {
        let program = Program::listening(|address| {
            let mut command = Command::new("microsocks");
            let port = address.port().to_string();
            command.args(["-i", "127.0.0.1", "-p", &port, "-u", "me", "-P", "secret"]);
            command
        });
        let refusal = refusal_of_proxy("socks5", program.address);
        assert_eq!(refusal.status, Status::ProxyAuth);
        let client = Client::new(Drive::Poll, &Server::refusing().url());
        client
            .set_proxy(&format!("socks5://{}", program.address))
            .unwrap();
        client.connect().unwrap();
        assert_eq!(client.failure().status, Status::ProxyAuth);
        let refusing = Server::refusing();
        let client = Client::new(Drive::Poll, &refusing.url());
        client
            .set_proxy(&format!("socks5://me:secret@{}", program.address))
            .unwrap();
        client.connect().unwrap();
        let failure = client.failure();
        assert_eq!(
            (failure.status, failure.phase),
            (Status::Proxy, Phase::Proxy)
        );
        assert_eq!(failure.http_status, 5, "{}", failure.text);
    });
}

/// nginx with one server, whose block has these lines.
fn nginx(directory: &Directory, listen: impl Fn(SocketAddr) -> String, lines: &str) -> Program {
    let at = |name: &str| directory.path().join(name).display().to_string();
    Program::listening(|address| {
        let settings = format!(
            "daemon off; master_process off; pid {}; error_log {};\n\
             events {{}}\n\
             http {{\n\
             access_log off;\n\
             client_body_temp_path {a}; proxy_temp_path {a}; fastcgi_temp_path {a};\n\
             uwsgi_temp_path {a}; scgi_temp_path {a};\n\
             server {{ {} {lines} }}\n\
             }}\n",
            at("pid"),
            at("errors"),
            listen(address),
            a = at("temporary"),
        );
        let settings = directory.file("nginx.conf", settings);
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(settings);
        command
    })
}

/// The lines that make nginx a server of TLS.
fn nginx_tls(directory: &Directory, identity: &Identity, versions: &str) -> String {
    let certificate = directory.file("certificate.pem", identity.pem());
    let key = directory.file("key.pem", identity.key_pem());
    format!(
        "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols {versions};",
        certificate.display(),
        key.display()
    )
}

/// The lines that pass WebSockets on.
fn nginx_to(backend: &Scripts) -> String {
    format!(
        "location /ws {{ proxy_pass http://{}; proxy_http_version 1.1; \
         proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}",
        backend.address()
    )
}

/// Opens, and hears the greeter.
#[track_caller]
fn hear(client: &Client) {
    client.connect().unwrap();
    client.expect(EventType::Connect);
    client.expect(EventType::Handshake);
    assert_eq!(client.text(), "through");
    client.abort().unwrap();
    client.end();
}

#[test]
fn nginx_speaks_the_versions_that_it_is_set_to() {
    bounded(|| {
        let authority = Identity::authority();
        let backend = greeter();
        use TlsVersion::{Tls12, Tls13};
        for (versions, min, max, spoken) in [
            ("TLSv1.2", Tls12, Tls13, Some(Tls12)),
            ("TLSv1.3", Tls12, Tls13, Some(Tls13)),
            ("TLSv1.2 TLSv1.3", Tls12, Tls12, Some(Tls12)),
            ("TLSv1.2 TLSv1.3", Tls12, Tls13, Some(Tls13)),
            ("TLSv1.2", Tls13, Tls13, None),
            ("TLSv1.3", Tls12, Tls12, None),
        ] {
            let directory = Directory::new("nginx-versions");
            let lines = nginx_tls(&directory, &authority.server(), versions);
            let lines = lines + &nginx_to(&backend);
            let program = nginx(&directory, |at| format!("listen {at} ssl;"), &lines);
            let client = trusting(&authority, program.address);
            client
                .set_url(&format!("wss://{}/ws", program.address))
                .unwrap();
            client.set_tls(|tls| tls.set_versions(min, max)).unwrap();
            if spoken.is_some() {
                hear(&client);
                assert_eq!(client.report().unwrap().tls_version, spoken);
                continue;
            }
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase),
                (Status::TlsVersion, Phase::Tls),
                "{}",
                failure.text
            );
        }
    });
}

#[test]
fn nginx_asks_for_a_certificate() {
    bounded(|| {
        let authority = Identity::authority();
        let backend = greeter();
        let directory = Directory::new("nginx-client");
        let trusted = directory.file("trusted.pem", authority.pem());
        let lines = nginx_tls(&directory, &authority.server(), "TLSv1.2 TLSv1.3")
            + &nginx_to(&backend)
            + &format!(
                "ssl_client_certificate {}; ssl_verify_client on;",
                trusted.display()
            );
        let program = nginx(&directory, |at| format!("listen {at} ssl;"), &lines);
        let subject = Subject {
            name: "client",
            ..Subject::default()
        };
        let known = authority.issue(&subject);
        let stranger = Identity::authority_named("Stranger").issue(&subject);
        for (shown, refusal) in [
            (Some(known), None),
            (None, Some("No required SSL certificate was sent")),
            (Some(stranger), Some("The SSL certificate error")),
        ] {
            let client = trusting(&authority, program.address);
            client
                .set_url(&format!("wss://{}/ws", program.address))
                .unwrap();
            if let Some(identity) = shown {
                client
                    .set_tls_identity(&identity.pem(), &identity.key_pem(), "")
                    .unwrap();
            }
            let Some(words) = refusal else {
                hear(&client);
                continue;
            };
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let failure = client.failure();
            assert_eq!(
                (failure.status, failure.phase, failure.http_status),
                (Status::HttpStatus, Phase::Upgrade, 400)
            );
            let report = client.report().unwrap();
            let body = String::from_utf8_lossy(&report.body);
            assert!(body.contains(words), "{body}");
        }
    });
}

#[test]
fn nginx_refuses_and_redirects() {
    bounded(|| {
        let backend = greeter();
        let directory = Directory::new("nginx-refuses");
        let lines = nginx_to(&backend)
            + "location /forbidden { return 403 \"no entry\\n\"; }\
               location /busy { add_header Retry-After 7 always; return 503; }\
               location /moved { return 301 /ws; }\
               location /old/ { absolute_redirect off; return 308 ../ws; }\
               location /loop { return 302 /loop; }\
               location /away { return 307 ftp://127.0.0.1/ws; }";
        let program = nginx(&directory, |at| format!("listen {at};"), &lines);
        let client = |path: &str| {
            let url = format!("ws://{}{path}", program.address);
            let client = Client::new(Drive::Poll, &url);
            client.set_max_redirects(3).unwrap();
            client
        };
        for (path, redirects) in [("/ws", 0), ("/moved", 1), ("/old/place", 1)] {
            let client = client(path);
            hear(&client);
            assert_eq!(client.report().unwrap().redirects, redirects);
        }
        for (path, status, code, retry) in [
            ("/forbidden", Status::HttpStatus, 403, Retry::Never),
            ("/busy", Status::HttpStatus, 503, Retry::Later),
            ("/loop", Status::Redirect, 302, Retry::Never),
            ("/away", Status::Redirect, 307, Retry::Never),
        ] {
            let client = client(path);
            client.connect().unwrap();
            client.expect(EventType::Connect);
            let failure = client.failure();
            assert_eq!((failure.status, failure.http_status), (status, code));
            let report = client.report().unwrap();
            assert_eq!(report.retry, retry);
            match path {
                "/forbidden" => {
                    assert_eq!(report.body, &b"no entry\n"[..]);
                    assert!(failure.text.contains("no entry"), "{}", failure.text);
                }
                "/busy" => {
                    assert_eq!(report.retry_after, Some(Duration::from_secs(7)));
                    assert!(report.body.starts_with(b"<html>"));
                }
                "/loop" => assert_eq!(report.redirects, 3),
                _ => {}
            }
        }
    });
}

#[test]
fn nginx_listens_on_ipv6_and_on_a_unix_socket() {
    bounded(|| {
        let backend = greeter();
        let directory = Directory::new("nginx-places");
        let socket = directory.path().join("socket");
        let listen = |at: SocketAddr| {
            let (port, socket) = (at.port(), socket.display());
            format!("listen {at}; listen [::1]:{port}; listen unix:{socket};")
        };
        let mut program = nginx(&directory, listen, &nginx_to(&backend));
        let port = program.address.port();
        program.until(|| TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok());
        program.until(|| UnixStream::connect(&socket).is_ok());
        for url in [
            format!("ws://[::1]:{port}/ws"),
            format!("ws+unix://{}:/ws", socket.display()),
            format!("ws://localhost:{port}/ws"),
        ] {
            hear(&Client::new(Drive::Poll, &url));
        }
    });
}

/// A server in a language of its own.
fn script(interpreter: &str, name: &str, tls: Option<(&Directory, &Identity)>) -> Program {
    Program::listening(|address| {
        let mut command = Command::new(interpreter);
        command
            // Where Debian's packages are, for a node of others.
            .env("NODE_PATH", "/usr/share/nodejs")
            .arg(format!(
                "{}/tests/servers/{name}",
                env!("CARGO_MANIFEST_DIR")
            ))
            .args([address.ip().to_string(), address.port().to_string()]);
        if let Some((directory, identity)) = tls {
            command
                .arg(directory.file("certificate.pem", identity.pem()))
                .arg(directory.file("key.pem", identity.key_pem()));
        }
        command
    })
}

/// What any server can do that echoes.
fn talk(client: &Client) {
    client.set_subprotocols("chat").unwrap();
    client.connect().unwrap();
    client.expect(EventType::Connect);
    client.expect(EventType::Handshake);
    assert_eq!(client.subprotocol().as_deref(), Some("chat"));
    for size in [0, 125, 126, 65_535, 65_536, 1 << 19] {
        let message: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
        client.send_binary(&message).unwrap();
        assert!(client.message() == (MessageType::Binary, message.into()));
        let text = "\u{e9}".repeat(size / 2);
        client.send_text(text.as_bytes()).unwrap();
        assert_eq!(client.text(), text);
    }
    client.ping(b"there?").unwrap();
    assert_eq!(client.expect(EventType::Pong).data(), b"there?");
    client.send_text(b"close me").unwrap();
    let end = client.end();
    assert_eq!((end.code, end.reason.as_str()), (4000, "as asked"));
    assert!(end.clean && end.by_peer, "{end:?}");
}

/// The same, encrypted and not, and a refusal.
fn talk_with(interpreter: &str, name: &str) {
    let authority = Identity::authority();
    let directory = Directory::new(name);
    let server = authority.server();
    let secure = script(interpreter, name, Some((&directory, &server)));
    talk(&trusting(&authority, secure.address));
    let open = script(interpreter, name, None);
    talk(&Client::new(
        Drive::Poll,
        &format!("ws://{}/", open.address),
    ));
    let url = format!("ws://{}/forbidden", open.address);
    let client = Client::new(Drive::Poll, &url);
    client.connect().unwrap();
    client.expect(EventType::Connect);
    let failure = client.failure();
    assert_eq!(
        (failure.status, failure.http_status),
        (Status::HttpStatus, 403)
    );
    let report = client.report().unwrap();
    assert_eq!(report.body, &b"not for you\n"[..]);
    assert_eq!(
        wsc::http::header(&report.head, "X-Why", 0),
        Some(&b"closed"[..])
    );
}

#[test]
fn python_websockets_talks() {
    bounded(|| talk_with("/usr/bin/python3", "echo.py"));
}

#[test]
fn node_ws_talks() {
    bounded(|| talk_with("node", "echo.js"));
}
