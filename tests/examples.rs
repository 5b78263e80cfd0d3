//! The C examples: compiled with every warning an error, run, and held against the
//! story they tell. Those on another library's event loop are compiled against that
//! library as pkg-config finds it. `WSC_VALGRIND=1`, which `make test` sets, runs them
//! under valgrind.

mod programs;
mod support;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use openssl::ssl::SslVerifyMode;
use programs::{WARNINGS, link_flags, output_dir, root, server, succeed};
use support::programs::Directory;
use support::tls::{Identity, Subject};
use support::{Deflate, Frame, Peer, Server, bounded, field, op};

/// Flags of a library that brings no pkg-config file, as libev's does not.
fn flags_of(library: &str) -> Vec<String> {
    if library == "libev" {
        return vec!["-lev".into()];
    }
    succeed(Command::new("pkg-config").args(["--cflags", "--libs", library]))
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// Compiles an example once: a program that runs in another test cannot be written.
fn compile(example: &str, libraries: &[&str]) -> PathBuf {
    static COMPILED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let program = output_dir("examples").join(example);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if !compiled.contains(example) {
        build(example, libraries, &program);
        compiled.insert(example.to_owned());
    }
    program
}

fn build(example: &str, libraries: &[&str], program: &Path) {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    succeed(
        Command::new(compiler)
            .args([
                "-std=c99",
                "-D_POSIX_C_SOURCE=200809L",
                "-pthread",
                "-g",
                "-O2",
            ])
            .args(WARNINGS)
            .arg("-I")
            .arg(root().join("include"))
            .arg(root().join("examples").join(example).with_extension("c"))
            .args(link_flags())
            .args(libraries.iter().flat_map(|library| flags_of(library)))
            .arg("-o")
            .arg(program),
    );
}

/// Runs an example to its end with lines of input; SIGALRM ends one that hangs.
fn run(example: &str, libraries: &[&str], arguments: &[&str], input: &str) -> Output {
    let program = compile(example, libraries);
    let mut command = if env::var_os("WSC_VALGRIND").is_some_and(|value| value == "1") {
        let mut command = Command::new("timeout");
        command
            .args(["100", "valgrind", "--quiet", "--error-exitcode=99"])
            .args(["--leak-check=full", "--fair-sched=yes"])
            .args(["--errors-for-leak-kinds=definite,indirect"])
            .arg(program);
        command
    } else {
        let mut command = Command::new("timeout");
        command.arg("60").arg(program);
        command
    };
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // An example that ended without reading its input is judged by what it printed.
    let _taken = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// What an example that succeeds prints.
fn story(example: &str, libraries: &[&str], arguments: &[&str], input: &str) -> String {
    let output = run(example, libraries, arguments, input);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{example}: {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    stdout
}

/// Nobody listens on port 1: an example says so and fails.
fn fails_without_a_server(example: &str, libraries: &[&str]) {
    let output = run(example, libraries, &["ws://127.0.0.1:1/"], "");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{example}: {stderr}");
    assert!(stderr.contains("error: "), "{example} printed: {stderr}");
}

#[test]
fn first() {
    assert_eq!(story("first", &[], &[server()], ""), "recv: hello\n");
    fails_without_a_server("first", &[]);
}

/// The server closes when asked to, with 1000 and a reason.
#[test]
fn echo() {
    let story = story("echo", &[], &[server()], "");
    let closes = story.matches("closed: 1000 ").count();
    assert_eq!(
        (story.matches("recv: hello").count(), closes),
        (2, 2),
        "{story}"
    );
    fails_without_a_server("echo", &[]);
}

/// The server says one message to a subscriber and drops it; the second message is
/// there because the subscriber came back.
#[test]
fn subscriber() {
    let story = story("subscriber", &[], &[server(), "2"], "");
    let mut next = story.as_str();
    for line in [
        "connected, attempt 1\nrecv: price 1\n",
        "closed: 1006 \nreconnecting in ",
        "connected, attempt 2\nrecv: price 1\n",
        "closed: ", // by whichever side was first
    ] {
        next = match next.split_once(line) {
            Some((_, rest)) => rest,
            None => panic!("no {line:?} in {story}"),
        };
    }
    assert!(!next.contains("reconnecting"), "{story}");
}

/// A signal ends it with a close handshake, while it is connected and while it waits
/// to connect again.
#[test]
fn subscriber_interrupted() {
    let program = compile("subscriber", &[]);
    for url in [server(), "ws://127.0.0.1:1/"] {
        let mut child = Command::new(&program)
            .arg(url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut started = [0; 1];
        stdout.read_exact(&mut started).unwrap();
        succeed(Command::new("kill").args(["-INT", &child.id().to_string()]));
        let mut story = String::new();
        stdout.read_to_string(&mut story).unwrap();
        assert!(child.wait().unwrap().success(), "{url}: {story}");
    }
}

#[test]
fn poll_loop() {
    let input = "one\ntwo\n\nthree\n";
    let output = "recv: one\nrecv: two\nrecv: \nrecv: three\n";
    assert_eq!(story("poll_loop", &[], &[server()], input), output);
    fails_without_a_server("poll_loop", &[]);
}

/// A line longer than its buffer goes in pieces, and nothing of it is lost.
#[test]
fn poll_loop_long_line() {
    let input = format!("{}\nshort\n", "x".repeat(10_000));
    let output = story("poll_loop", &[], &[server()], &input);
    assert_eq!(output.matches('x').count(), 10_000);
    assert!(output.ends_with("recv: short\n"), "{output}");
}

#[test]
fn epoll_loop() {
    ticks("epoll_loop", &[]);
}

#[test]
fn libuv_loop() {
    ticks("libuv_loop", &["libuv"]);
}

#[test]
fn libev_loop() {
    ticks("libev_loop", &["libev"]);
}

fn ticks(example: &str, libraries: &[&str]) {
    let story = story(example, libraries, &[server()], "");
    assert!(
        story.starts_with("recv: tick\nrecv: tick\nrecv: tick\n"),
        "{story}"
    );
    fails_without_a_server(example, libraries);
}

#[test]
fn thread() {
    let answers = "recv: hello\n".repeat(3);
    assert_eq!(story("thread", &[], &[server()], ""), answers);
    fails_without_a_server("thread", &[]);
}

/// Echoes messages until the client closes.
fn echo_messages(mut peer: Peer) {
    peer.accept();
    while let Some(frame) = peer.try_frame() {
        let is_last = frame.opcode == op::CLOSE;
        peer.send(&Frame {
            mask: None,
            ..frame
        });
        if is_last {
            break;
        }
    }
}

/// The server wants a certificate of the same authority. Without its authority the
/// client does not believe it.
#[test]
fn tls() {
    bounded(|| {
        let directory = Directory::new("examples-tls");
        let authority = Identity::authority();
        let client = authority.issue(&Subject {
            name: "client",
            ..Subject::default()
        });
        let file = |name: &str, pem: Vec<u8>| {
            let path = directory.file(name, pem);
            path.to_str().unwrap().to_owned()
        };
        let ca = file("ca.pem", authority.pem());
        let another = file("another.pem", Identity::authority_named("Another").pem());
        let certificate = file("client.pem", client.pem());
        let key = file("client-key.pem", client.key_pem());

        let acceptor = authority.server().acceptor_with(|acceptor| {
            acceptor
                .cert_store_mut()
                .add_cert(authority.certificate.clone())
                .unwrap();
            acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        });
        let server = Server::listen().serve(move |peer| {
            if let Ok(peer) = peer.try_secure(&acceptor, usize::MAX) {
                echo_messages(peer);
            }
        });
        let url = server.secure_url();
        assert_eq!(
            story("tls", &[], &[&url, &ca, &certificate, &key], ""),
            "TLS 1.3\nrecv: hello\n"
        );
        let output = run("tls", &[], &[&url, &another, &certificate, &key], "");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("the server's authority"), "{stderr}");
        server.finish();
    });
}

/// The proxy is the server at the same time: behind its agreeing answer it speaks as
/// the server.
#[test]
fn proxy() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            let request = peer.read_request();
            if field(&request, "Proxy-Authorization") == Some("Basic bWU6c2VjcmV0") {
                peer.write("HTTP/1.1 200 Connection established\r\n\r\n");
                echo_messages(peer);
            } else {
                peer.write("HTTP/1.1 407 Log in\r\nContent-Length: 0\r\n\r\n");
            }
        });
        let there = "ws://nowhere.example/";
        let allowed = format!("http://me:secret@{}", server.address());
        assert_eq!(story("proxy", &[], &[there, &allowed], ""), "recv: hello\n");

        let refused = format!("http://{}", server.address());
        let output = run("proxy", &[], &[there, &refused], "");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.ends_with("it was the proxy, which answered 407\n"),
            "{stderr}"
        );
        server.finish();
    });
}

/// The first connection is dropped after one message. Each attempt has a token of its
/// own, and the subscription comes first.
#[test]
fn reconnect() {
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            let token = format!("Bearer token-{}", peer.index + 1);
            let request = peer.accept();
            assert_eq!(field(&request, "Authorization"), Some(token.as_str()));
            assert_eq!(peer.text(), "subscribe");
            peer.send(&Frame::text("price"));
            if peer.index > 0 {
                assert_eq!(peer.answer_close(), Some((1000, "bye".into())));
            }
        });
        assert_eq!(
            story("reconnect", &[], &[&server.url(), "2"], ""),
            "connected, attempt 1\nrecv: price\nclosed: 1006, comes back\n\
             connected, attempt 2\nrecv: price\nclosed: 1000, for good\n"
        );
        server.finish();
    });
}

/// The compressed message is smaller than its text, the secret is not compressed.
#[test]
fn compression() {
    const AGREEMENT: &str = "permessage-deflate; client_max_window_bits=11";
    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.accept_with(&format!("Sec-WebSocket-Extensions: {AGREEMENT}\r\n"));
            let mut deflate = Deflate::new(11, 15);
            let compressed = peer.frame();
            assert_eq!(compressed.rsv, 4);
            let news = deflate.decompress(&compressed.payload);
            assert!(compressed.payload.len() < news.len() / 2);
            let secret = peer.frame();
            assert_eq!(
                (secret.rsv, secret.payload.as_slice()),
                (0, &b"password"[..])
            );
            peer.send(&Frame::text(deflate.compress(news)).rsv(4));
            peer.send(&Frame::text(secret.payload));
            assert_eq!(peer.answer_close(), Some((1000, "bye".into())));
        });
        let output = story("compression", &[], &[&server.url()], "");
        assert!(
            output.starts_with(&format!("agreed: {AGREEMENT}\n")),
            "{output}"
        );
        assert!(output.contains(" bytes of memory\n"), "{output}");
        server.finish();
    });
    let plain = story("compression", &[], &[server()], "");
    assert!(
        plain.starts_with("the server does not compress\n"),
        "{plain}"
    );
    fails_without_a_server("compression", &[]);
}

#[test]
fn diagnose() {
    assert!(story("diagnose", &[], &[server()], "").starts_with("opened\n"));

    let output = run("diagnose", &[], &["ws://127.0.0.1:1/"], "");
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.starts_with("status: 41, the connection was refused\n"),
        "{told}"
    );
    assert!(told.contains("addresses: 127.0.0.1:1: "), "{told}");

    bounded(|| {
        let server = Server::listen().serve(|mut peer| {
            peer.read_request();
            peer.write("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nfull");
        });
        let output = run("diagnose", &[], &[&server.url()], "");
        let told = String::from_utf8(output.stdout).unwrap();
        for line in ["HTTP status: 503\n", "body: full\n", "after ms: 7000\n"] {
            assert!(told.contains(line), "no {line:?} in {told}");
        }
        server.finish();
    });
}

/// All but the one that is run against the Autobahn test suite.
#[test]
fn every_example_is_run() {
    let this = include_str!("examples.rs");
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "c") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                this.contains(&format!("(\"{name}\"")) || name == "autobahn",
                "{name}.c is not run"
            );
        }
    }
}
