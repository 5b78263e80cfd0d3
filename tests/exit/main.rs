//! A process ends with `exit` at any moment, or destroys what it has of the library after
//! `main`: no hang, no crash, no callback into what is gone.
//!
//! `WSC_EXITS=N` has the busy program end N times in each mode.

#[path = "../programs/mod.rs"]
mod programs;
#[path = "../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use openssl::ssl::SslAcceptor;
use programs::{WARNINGS, link_flags, output_dir, root, succeed};
use support::tls::Identity;
use support::{DEADLINE, Frame, Peer, Random};

/// What each program ends with.
const ENDED: i32 = 7;

fn compile(compiler: &str, standard: &str, source: &str) -> PathBuf {
    let program = output_dir("exit").join(source.replace('.', "-"));
    succeed(
        Command::new(compiler)
            .arg(format!("-std={standard}"))
            .args(WARNINGS)
            .args(["-g", "-pthread", "-D_POSIX_C_SOURCE=200809L"])
            .arg("-I")
            .arg(root().join("include"))
            .arg("-I")
            .arg(root().join("bindings/cpp/include"))
            .arg(root().join("tests/exit").join(source))
            .args(link_flags())
            .arg("-o")
            .arg(&program),
    );
    program
}

fn end(command: &mut Command) {
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(ENDED),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What a server does to a connection.
#[derive(Clone, Copy)]
enum Manner {
    Echoes,
    /// Ends it at any point, with or without a reset.
    Cuts(u64),
}

/// The URL of a server; secure if it has an acceptor.
fn serve(
    acceptor: Option<SslAcceptor>,
    mut manner: impl FnMut() -> Manner + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let scheme = if acceptor.is_some() { "wss" } else { "ws" };
    let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, acceptor, manner) = (stream.unwrap(), acceptor.clone(), manner());
            thread::spawn(move || attend(stream, acceptor, manner));
        }
    });
    url
}

/// Ends when the client does, in whatever way.
fn attend(stream: TcpStream, acceptor: Option<SslAcceptor>, manner: Manner) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let left = match manner {
        Manner::Echoes => u64::MAX,
        Manner::Cuts(step) => step,
    };
    if left % 2 == 1 {
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).ok()?;
    }
    if left < 2 {
        return None;
    }
    match acceptor {
        // Reads of a hello that is not answered.
        Some(_) if left < 4 => {
            let mut stream = stream;
            stream.read_exact(&mut [0; 100]).ok()
        }
        Some(acceptor) => echo(acceptor.accept(stream).ok()?, left),
        None => echo(stream, left),
    }
}

fn echo(mut stream: impl Read + Write, mut left: u64) -> Option<()> {
    let (mut input, mut is_open) = (Vec::new(), false);
    while left >= 6 {
        left -= 2;
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        input.extend_from_slice(&buffer[..count]);
        if !is_open && input.ends_with(b"\r\n\r\n") {
            let request = String::from_utf8(std::mem::take(&mut input)).ok()?;
            stream
                .write_all(Peer::answer(&request, "").as_bytes())
                .ok()?;
            is_open = true;
        }
        while is_open && let Some(frame) = Frame::try_take(&mut input).ok()? {
            let answer = Frame::new(frame.opcode, &frame.payload);
            stream.write_all(&answer.bytes()).ok()?;
        }
    }
    Some(())
}

fn secure() -> Option<SslAcceptor> {
    Some(Identity::authority().server().acceptor())
}

#[test]
fn a_process_ends_amid_connections_that_come_and_go() {
    let runs: u64 = match std::env::var("WSC_EXITS") {
        Ok(runs) => runs.parse().expect("WSC_EXITS is a number"),
        Err(_) => 12,
    };
    let program = compile("cc", "c99", "busy.c");
    let mut random = Random::new();
    let mut manners = random.fork();
    let url = serve(secure(), move || match manners.below(3) {
        0 => Manner::Echoes,
        _ => Manner::Cuts(manners.below(16)),
    });
    for _ in 0..runs {
        for mode in ["0", "1"] {
            let after = random.below(60_000).to_string();
            end(Command::new(&program).arg(&url).args([mode, &after]));
        }
    }
}

#[test]
fn statics_are_destroyed_at_exit() {
    let program = compile("c++", "c++17", "statics.cpp");
    let plain = serve(None, || Manner::Echoes);
    let tls = serve(secure(), || Manner::Echoes);
    for _ in 0..4 {
        for mode in ["0", "1"] {
            end(Command::new(&program).args([mode, &plain]));
            end(Command::new(&program).args([mode, &tls]));
            end(Command::new(&program).args([mode, &plain, &tls]));
        }
    }
}
