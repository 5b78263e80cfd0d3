//! The C examples: compiled with every warning an error, run, and held against the
//! story they tell. Those on another library's event loop are compiled against that
//! library as pkg-config finds it. `WSC_VALGRIND=1`, which `make test` sets, runs them
//! under valgrind.

mod programs;

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use programs::{WARNINGS, link_flags, output_dir, root, server, succeed};

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

fn compile(example: &str, libraries: &[&str]) -> PathBuf {
    let program = output_dir("examples").join(example);
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    succeed(
        Command::new(compiler)
            .args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-g", "-O2"])
            .args(WARNINGS)
            .arg("-I")
            .arg(root().join("include"))
            .arg(root().join("examples").join(example).with_extension("c"))
            .args(link_flags())
            .args(libraries.iter().flat_map(|library| flags_of(library)))
            .arg("-o")
            .arg(&program),
    );
    program
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
