//! Against programs of others: OpenSSL's server, squid, tinyproxy and microsocks.

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use support::programs::{Directory, Program};
use support::tls::Identity;
use support::{Client, Drive, Failure, Frame, Peer, Scripts, Server, bounded};
use wsc::error::{Phase, Status};
use wsc::event::EventType;
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
        client.connect().unwrap();
        client
    };
    let good = client("me:secret");
    good.expect(EventType::Connect);
    good.expect(EventType::Handshake);
    assert_eq!(good.text(), "through");
    good.abort().unwrap();
    good.end();
    let failure = client("me:wrong").failure();
    assert_eq!(failure.phase, Phase::Proxy);
    assert!(!failure.text.contains("wrong"), "{}", failure.text);
    failure
}

#[test]
fn squid_asks_for_credentials() {
    bounded(|| {
        let directory = Directory::new("squid");
        let hash = Command::new("openssl")
            .args(["passwd", "-apr1", "secret"])
            .output();
        let hash = String::from_utf8(hash.unwrap().stdout).unwrap();
        let passwords = directory.file("passwords", format!("me:{hash}"));
        let program = Program::listening(|address| {
            let settings = format!(
                "http_port {address}\n\
                 auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\n\
                 acl known proxy_auth REQUIRED\n\
                 http_access allow known\n\
                 http_access deny all\n\
                 cache deny all\n\
                 pid_filename none\n\
                 shutdown_lifetime 0\n\
                 access_log none\n\
                 cache_log /dev/null\n\
                 coredump_dir {}\n",
                passwords.display(),
                directory.path().display(),
            );
            let settings = directory.file("squid.conf", settings);
            let mut command = Command::new("/usr/sbin/squid");
            command.args(["-N", "-f"]).arg(settings);
            command
        });
        let refusal = refusal_of_proxy("http", program.address);
        assert_eq!(
            (refusal.status, refusal.http_status),
            (Status::ProxyAuth, 407)
        );
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
