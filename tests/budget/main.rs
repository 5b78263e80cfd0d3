//! What a message may cost: instructions, counted by valgrind, and system calls,
//! counted by strace. Neither depends on how busy the machine is, so both can be
//! checked where time cannot.
//!
//! A C program does the work twice, with few and with many messages: the difference
//! is what the messages cost, without the program's beginning and end. It uses the
//! optimised library, which this builds if it is not there.

#[path = "../programs/mod.rs"]
mod programs;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use programs::{WARNINGS, output_dir, root, succeed};
use support::{Frame, Peer, Server};

const SIZE: usize = 64;

/// Room for what another compiler, or another release of a dependency, makes of the
/// same code. Whoever makes a path cheaper lowers its budget.
const TOLERANCE: f64 = 1.25;

/// What the kernel is asked for, once each: to wait, to read, to write.
const ROUND_TRIP: [&str; 3] = ["epoll_wait", "recvfrom", "sendto"];
/// The same where the host waits for the descriptor: the library reads at once, and the
/// descriptor is quiet then.
const HOST_ROUND_TRIP: [&str; 3] = ["poll", "recvfrom", "sendto"];

#[test]
fn instructions_of_a_received_message() {
    check_instructions("receive", 490.0);
}

#[test]
fn instructions_of_a_sent_message() {
    check_instructions("send", 680.0);
}

#[test]
fn system_calls_of_a_round_trip_in_poll_mode() {
    check_system_calls("poll", ROUND_TRIP);
}

#[test]
fn system_calls_of_a_round_trip_on_the_thread() {
    check_system_calls("thread", ROUND_TRIP);
}

#[test]
fn system_calls_of_a_round_trip_in_a_host_with_a_loop() {
    check_system_calls("host", HOST_ROUND_TRIP);
}

fn check_instructions(kind: &'static str, budget: f64) {
    let [few, many] = [1000, 4000];
    // The least of three: a thread that woke up once more is not a message's.
    let cost = (0..3)
        .map(|_| instructions(kind, many).saturating_sub(instructions(kind, few)))
        .min()
        .unwrap();
    let cost = cost as f64 / (many - few) as f64;
    println!("{kind}: {cost:.0} instructions for each message of {SIZE} bytes, budget {budget}");
    assert!(cost > 50.0, "{cost:.0} is too little to be true");
    assert!(
        cost <= budget * TOLERANCE,
        "{cost:.0} instructions for each message are more than {budget} and a quarter"
    );
}

fn instructions(kind: &'static str, count: usize) -> u64 {
    let report = output_dir("budget").join(format!("callgrind.{kind}.{count}"));
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--quiet"])
        .arg(option("--callgrind-out-file=", report.as_os_str()));
    serve_and_run(valgrind, "poll", kind, count);
    let report = std::fs::read_to_string(report).unwrap();
    let total = report
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .expect("callgrind reports its total");
    total.trim().parse().unwrap()
}

fn check_system_calls(way: &str, names: [&str; 3]) {
    let [few, many] = [100, 1100];
    let before = system_calls(way, few);
    let after = system_calls(way, many);
    let each = |name: &str| {
        let count = |calls: &[(String, f64)]| -> f64 {
            let named = |call: &&(String, f64)| name.is_empty() || call.0 == name;
            calls.iter().filter(named).map(|call| call.1).sum()
        };
        (count(&after) - count(&before)) / (many - few) as f64
    };
    println!("{way}: {:.3} system calls for each round trip", each(""));
    for name in names {
        println!("  {name}: {:.3}", each(name));
        assert!(each(name) <= 1.1, "{:.3} times {name}", each(name));
    }
    // The rest is the standby thread's look, some milliseconds apart.
    assert!(each("") <= 3.3, "{:?}\n{:?}", before, after);
    assert!(each("") >= 2.0, "{:.3} are too few to be true", each(""));
}

/// The system calls of all threads, by name.
fn system_calls(way: &str, count: usize) -> Vec<(String, f64)> {
    let report = output_dir("budget").join(format!("strace.{way}.{count}"));
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-c", "-U", "calls,name", "-o"])
        .arg(&report);
    serve_and_run(strace, way, "echo", count);
    let report = std::fs::read_to_string(report).unwrap();
    report
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let calls = fields.next()?.parse().ok()?;
            let name = fields.next()?.to_owned();
            // strace counts stops of which it could not read the call as "???(".
            let is_call = name != "total" && !name.starts_with('?');
            is_call.then_some((name, calls))
        })
        .collect()
}

/// Runs the program under a tool, against a server that does its part.
fn serve_and_run(mut tool: Command, way: &str, kind: &'static str, count: usize) {
    let server = Server::listen().serve(move |mut peer| {
        peer.accept();
        match kind {
            "receive" => flood(&mut peer, count),
            "send" => drain(&mut peer, count),
            _ => echo(&mut peer, count),
        }
        peer.until_gone();
    });
    tool.arg(client())
        .args([way, kind, &server.url(), &count.to_string()]);
    succeed(&mut tool);
}

fn flood(peer: &mut Peer, count: usize) {
    let frame = Frame::binary([b'x'; SIZE]).bytes();
    peer.write(frame.repeat(count));
}

fn drain(peer: &mut Peer, count: usize) {
    for _ in 0..count {
        assert_eq!(peer.frame().payload.len(), SIZE);
    }
    peer.send(&Frame::text("all"));
}

fn echo(peer: &mut Peer, count: usize) {
    for _ in 0..count {
        let payload = peer.frame().payload;
        peer.send(&Frame::binary(payload));
    }
}

/// The program, linked with the optimised library.
fn client() -> &'static PathBuf {
    static CLIENT: OnceLock<PathBuf> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let libraries = link_optimised_library();
        let program = output_dir("budget").join("client");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        succeed(
            Command::new(compiler)
                .args(["-std=c99", "-O2"])
                .args(WARNINGS)
                .arg(option("-I", root().join("include").as_os_str()))
                .arg(root().join("tests/budget/client.c"))
                .arg("-o")
                .arg(&program)
                .arg(libraries.join("libwsc.so"))
                .arg(option("-Wl,-rpath,", libraries.as_os_str())),
        );
        program
    })
}

/// A directory that has it under the names that the linker and the loader ask for.
fn link_optimised_library() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("..");
    succeed(
        Command::new(env!("CARGO"))
            .args(["build", "--locked", "--release", "--lib", "--quiet"])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(root()),
    );
    let built = target.canonicalize().unwrap().join("release/libwsc.so");
    let directory = output_dir("budget");
    for name in ["libwsc.so", "libwsc.so.0"] {
        let link = directory.join(name);
        let _not_there = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&built, link).unwrap();
    }
    directory
}

fn option(name: &str, value: &OsStr) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(value);
    option
}
