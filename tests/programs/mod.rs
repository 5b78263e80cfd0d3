//! For tests that compile programs against the library and run them: the compiler,
//! the shared library under its names, and a server in this process.

// Each test file includes this module and uses a part of it.
#![allow(dead_code)]

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

pub const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The URL of a server that echoes, and does what some texts ask for.
pub fn server() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(|| echo(stream.unwrap()));
            }
        });
        url
    })
}

/// Ends when the client does, in whatever way: the programs free and abort
/// connections at every moment.
fn echo(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let Ok(mut peer) = tungstenite::accept(stream) else {
        return;
    };
    while let Ok(message) = peer.read() {
        let answer = match &message {
            Message::Text(text) if *text == "ping me" => peer.send(Message::Ping("pinged".into())),
            Message::Text(text) if *text == "close me" => peer.close(Some(CloseFrame {
                code: CloseCode::Normal,
                reason: "as asked".into(),
            })),
            Message::Text(text) if *text == "reset me" => {
                let socket = socket2::SockRef::from(peer.get_ref());
                return socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
            // What examples/subscriber.c sends: one price, and the line is dead.
            Message::Text(text) if *text == r#"{"subscribe":"prices"}"# => {
                let _sent = peer.send("price 1".into());
                return;
            }
            Message::Text(text) if *text == "close me and stay" => {
                let _sent = peer.close(Some(CloseFrame {
                    code: CloseCode::Normal,
                    reason: "".into(),
                }));
                let _read = io::copy(peer.get_mut(), &mut io::sink());
                return;
            }
            Message::Text(text) if *text == "flood me with pings" => {
                return flood(peer.get_mut(), b"\x89\0", usize::MAX);
            }
            Message::Text(text) if *text == "flood me with empty messages" => {
                return flood(peer.get_mut(), b"\x81\0", usize::MAX);
            }
            Message::Text(text) if *text == "flood me and close" => {
                let frame = [&b"\x82\x7e\xff\xff"[..], &[0; 0xffff]].concat();
                flood(peer.get_mut(), &frame, 64 << 20);
                peer.close(None)
            }
            Message::Text(_) | Message::Binary(_) => peer.send(message),
            _ => Ok(()), // pings and closes are answered by `read`
        };
        if answer.is_err() {
            return;
        }
    }
}

/// Sends one frame again and again, so many bytes of it or until the client goes, and
/// reads nothing.
fn flood(stream: &mut TcpStream, frame: &[u8], bytes: usize) {
    let block = frame.repeat((64_usize << 10).div_ceil(frame.len()));
    for _ in 0..bytes / block.len() {
        if stream.write_all(&block).is_err() {
            return;
        }
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A directory for what a test builds; its name keeps it apart from other tests'.
pub fn output_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// The library under the names that a linker and a loader ask for.
fn library_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let built = env::current_exe().unwrap().with_file_name("libwsc.so");
        let dir = output_dir("programs-lib");
        for name in ["libwsc.so", "libwsc.so.0"] {
            let link = dir.join(name);
            if link.exists() || link.is_symlink() {
                fs::remove_file(&link).unwrap();
            }
            std::os::unix::fs::symlink(&built, link).unwrap();
        }
        dir
    })
}

/// What pkg-config would say.
pub fn link_flags() -> [String; 3] {
    let dir = library_dir().display();
    [
        format!("-L{dir}"),
        "-lwsc".into(),
        format!("-Wl,-rpath,{dir}"),
    ]
}

pub fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command that has to succeed; returns what it printed.
pub fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    stdout
}
