//! The C programs of `tests/c`: compiled as C99 and as C++17 with every warning an
//! error, linked with the shared library, and run against a server in this
//! process. `WSC_VALGRIND=1`, which `make test` sets, runs them under valgrind.
//! `WSC_CFLAGS` are further flags for the compiler, with which scripts/sanitize
//! instruments them.

use std::env;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

/// The URL of a server that echoes, and does what some texts ask for.
fn server() -> &'static str {
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
            Message::Text(_) | Message::Binary(_) => peer.send(message),
            _ => Ok(()), // pings and closes are answered by `read`
        };
        if answer.is_err() {
            return;
        }
    }
}

struct Language {
    name: &'static str,
    /// The environment variable that names the compiler, and the usual one.
    compiler: (&'static str, &'static str),
    flags: [&'static str; 3],
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "c99",
        compiler: ("CC", "cc"),
        flags: ["-x", "c", "-std=c99"],
    },
    Language {
        name: "c++17",
        compiler: ("CXX", "c++"),
        flags: ["-x", "c++", "-std=c++17"],
    },
];

fn source_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")
}

/// A directory with the library under the names that a linker and a loader ask for.
fn library_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let built = env::current_exe().unwrap().with_file_name("libwsc.so");
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lib");
        fs::create_dir_all(&dir).unwrap();
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

fn compile(program: &str, language: &Language) -> PathBuf {
    let output =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{program}-{}", language.name));
    let (variable, usual) = language.compiler;
    let compiler = env::var(variable).unwrap_or_else(|_| usual.into());
    let mut command = Command::new(compiler);
    command
        .args(language.flags)
        .args([
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-g",
            "-pthread",
        ])
        .args(["-D_POSIX_C_SOURCE=200809L", "-I"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
        .arg(source_dir().join(program).with_extension("c"))
        .args(["-x", "none", "-L"])
        .arg(library_dir())
        // So that a program which loads it at run time has not loaded it already.
        .args(["-Wl,--as-needed", "-lwsc"])
        .arg(format!("-Wl,-rpath,{}", library_dir().display()))
        .args(
            env::var("WSC_CFLAGS")
                .unwrap_or_default()
                .split_whitespace(),
        )
        .arg("-o")
        .arg(&output);
    succeed(&mut command);
    output
}

fn is_under_valgrind() -> bool {
    env::var_os("WSC_VALGRIND").is_some_and(|value| value == "1")
}

/// Where valgrind is asked for and missing, the test fails.
fn command(program: &Path, leak_check: &str) -> Command {
    if !is_under_valgrind() {
        return Command::new(program);
    }
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--error-exitcode=99"])
        .arg(format!("--leak-check={leak_check}"))
        // "Still reachable" is what lives as long as the process, such as OpenSSL's tables.
        .arg("--errors-for-leak-kinds=definite,indirect,possible")
        .arg("--show-leak-kinds=definite,indirect,possible")
        // A forked child loses what it inherited, on purpose; fork.c checks its calls.
        .arg("--child-silent-after-fork=yes")
        .arg("--fair-sched=yes") // else one busy thread starves the others
        .arg(program);
    command
}

fn succeed(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

fn run(program: &str) {
    run_checking(program, "full");
}

fn run_checking(program: &str, leak_check: &str) {
    for language in &LANGUAGES {
        let program = compile(program, language);
        succeed(command(&program, leak_check).arg(server()));
    }
}

/// Never under valgrind.
fn run_bare(program: &str) {
    for language in &LANGUAGES {
        let program = compile(program, language);
        succeed(
            Command::new(program)
                .arg(server())
                .env_remove("WSC_VALGRIND"),
        );
    }
}

#[test]
fn callbacks_on_dispatch() {
    run("dispatch");
}

#[test]
fn callbacks_on_the_background_thread() {
    run("thread");
}

#[test]
fn polling() {
    run("poll");
}

#[test]
fn a_host_with_its_own_loop() {
    run("host_loop");
}

#[test]
fn free_inside_each_callback() {
    run("free_inside");
}

#[test]
fn free_the_loop_first() {
    run("free_loop");
}

#[test]
fn reconnect_inside_on_close() {
    run("reconnect");
}

#[test]
fn close_from_another_thread() {
    run("close_elsewhere");
}

#[test]
fn many_threads_send() {
    run("many_senders");
}

#[test]
fn fork() {
    run("fork");
}

#[test]
fn on_free_is_once_and_last() {
    run("on_free");
}

#[test]
fn userdata_is_released_once_and_before_on_free() {
    run("on_event");
}

#[test]
fn the_way_to_the_server() {
    run("transport");
}

#[test]
fn signals_reach_the_host_alone() {
    run("signals");
    // Which signals threads block is seen without valgrind only.
    run_bare("signals");
}

#[test]
fn a_process_ends_with_connections_open() {
    // What is open when a process ends is lost, on purpose.
    run_checking("exit_open", "no");
}

#[test]
fn a_system_that_gives_nothing_is_survived() {
    run("scarce");
}

#[test]
fn opening_many_does_not_wait_for_the_kernel() {
    // Valgrind has a large table for descriptors of its own.
    run_bare("descriptors");
}

#[test]
fn another_program_inherits_nothing() {
    run("exec");
}

#[test]
fn the_library_is_closed_and_opened_again() {
    run("dlclose");
}

#[test]
fn two_loops_in_two_threads() {
    run("two_loops");
}

#[test]
fn messages_of_many_threads_stay_whole() {
    run("torn");
}

#[test]
fn the_header_alone() {
    run("header");
}

#[test]
fn every_program_is_run() {
    let this = include_str!("c_api.rs");
    for entry in fs::read_dir(source_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "c") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                this.contains(&format!("run({name:?});"))
                    || this.contains(&format!("run_bare({name:?});"))
                    || this.contains(&format!("run_checking({name:?},")),
                "{name}.c is not run"
            );
        }
    }
}
