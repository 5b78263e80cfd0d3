//! The C++ binding: `bindings/cpp/tests` as one program of several translation
//! units, with g++ under its address and undefined behaviour sanitizers, and with
//! clang++ where there is one. Each test of the program is one test here.

mod programs;

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use programs::{WARNINGS, is_there, link_flags, output_dir, root, server, succeed};

struct Compiler {
    name: &'static str,
    flags: &'static [&'static str],
}

/// libwsc itself is not instrumented; leaks are looked for in all of the process.
const GCC: Compiler = Compiler {
    name: "g++",
    flags: &[
        "-fno-omit-frame-pointer",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        "-D_GLIBCXX_ASSERTIONS",
    ],
};

const CLANG: Compiler = Compiler {
    name: "clang++",
    flags: &[],
};

fn compilers() -> impl Iterator<Item = &'static Compiler> {
    let clang = is_there(CLANG.name).then_some(&CLANG);
    [&GCC].into_iter().chain(clang)
}

fn binding() -> PathBuf {
    root().join("bindings/cpp")
}

fn command(compiler: &Compiler, standard: &str) -> Command {
    let mut command = Command::new(compiler.name);
    command
        .arg(format!("-std={standard}"))
        .args(WARNINGS)
        .args(["-Wshadow", "-Wconversion", "-g", "-pthread"])
        .args(compiler.flags)
        .arg("-I")
        .arg(root().join("include"))
        .arg("-I")
        .arg(binding().join("include"));
    command
}

fn sources(dir: &str) -> Vec<PathBuf> {
    let mut sources: Vec<_> = fs::read_dir(binding().join(dir))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cpp"))
        .collect();
    sources.sort();
    sources
}

/// The test program, compiled once by each compiler. A failure is not tried again by
/// every test.
fn programs() -> &'static [PathBuf] {
    static PROGRAMS: OnceLock<Option<Vec<PathBuf>>> = OnceLock::new();
    PROGRAMS
        .get_or_init(|| panic::catch_unwind(|| compilers().map(build).collect()).ok())
        .as_deref()
        .expect("a compiler failed, see the first failure")
}

fn build(compiler: &Compiler) -> PathBuf {
    let dir = output_dir(&format!("cpp-{}", compiler.name));
    let object = |source: &Path| dir.join(source.file_name().unwrap()).with_extension("o");
    let sources = sources("tests");
    thread::scope(|scope| {
        for source in &sources {
            let mut compile = command(compiler, "c++17");
            compile.arg("-c").arg(source).arg("-o").arg(object(source));
            scope.spawn(move || succeed(&mut compile));
        }
    });
    let program = dir.join("tests");
    succeed(
        command(compiler, "c++17")
            .args(sources.iter().map(|source| object(source)))
            .args(link_flags())
            .arg("-o")
            .arg(&program),
    );
    program
}

macro_rules! tests {
    ($($name:ident)*) => {
        const TESTS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                for program in programs() {
                    succeed(Command::new(program).arg(server()).arg(stringify!($name)));
                }
            }
        )*
    };
}

tests! {
    // echo.cpp
    echo pings a_full_send_queue an_error_says_why pause_and_resume
    // lifetime.cpp
    move_while_open handlers_are_any_callable a_handler_replaces_itself
    free_inside_handlers free_inside_handlers_on_the_thread
    destroy_the_loop_inside_a_handler handlers_die_with_their_connection
    a_forked_child_runs_no_more_handlers
    // exceptions.cpp
    exceptions_reach_the_caller_of_dispatch exceptions_reach_the_caller_of_run
    no_exception_is_lost on_exception_takes_them
    exceptions_on_the_thread exceptions_on_the_thread_end_the_run
    an_exception_ends_only_its_run
    // reconnect.cpp
    reconnect_inside_on_close cancel_a_reconnect
    // blocking.cpp
    blocking_echo blocking_close_and_connect_again blocking_timeouts
    blocking_connect_fails_by_its_deadlines blocking_connect_is_refused
    blocking_receive_fails blocking_send_waits_for_room
    blocking_connect_again_unnoticed blocking_timeouts_while_events_come
    blocking_send_keeps_no_more_than_its_limit blocking_close_keeps_no_more_than_its_limit
    blocking_close_after_the_peer blocking_calls_in_a_forked_child
    // thread.cpp
    callbacks_on_the_thread handlers_change_while_they_run destroyed_while_it_runs
    wake_and_stop
    // poll.cpp
    poll_batches a_batch_moves an_event_loop_of_your_own
    // options.cpp
    every_option_reaches_the_library an_automatic_reconnect bytes library_facts a_nested_dispatch_is_refused
}

#[test]
fn every_test_is_run() {
    for program in programs() {
        let there = succeed(&mut Command::new(program));
        let mut run = TESTS.to_vec();
        run.sort_unstable();
        assert_eq!(there.lines().collect::<Vec<_>>(), run);
    }
}

/// Each sample of the README, as a user compiles it.
#[test]
fn examples() {
    for source in sources("examples") {
        let name = source.file_stem().unwrap().to_str().unwrap();
        for compiler in compilers() {
            let program = output_dir(&format!("cpp-{}", compiler.name)).join(name);
            succeed(
                command(compiler, "c++17")
                    .arg(&source)
                    .args(link_flags())
                    .arg("-o")
                    .arg(&program),
            );
            let output = succeed(Command::new(&program).arg(server()));
            assert!(output.contains("recv: hello\n"), "{name} printed: {output}");
        }
    }
}

/// Later standards, where some of what the header names came to mean more.
#[test]
fn later_standards() {
    for compiler in compilers() {
        for standard in ["c++20", "c++2b"] {
            succeed(
                command(compiler, standard)
                    .args(["-fsyntax-only", "-include", "wsc.hpp"])
                    .arg(binding().join("tests/options.cpp")),
            );
        }
    }
}

/// Every function and every value of the C API has its place in the binding.
#[test]
fn the_whole_c_api_is_there() {
    let binding = fs::read_to_string(binding().join("include/wsc.hpp")).unwrap();
    let header = fs::read_to_string(root().join("include/wsc.h")).unwrap();
    let words = |text: &str| -> std::collections::BTreeSet<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map(str::to_owned)
            .collect()
    };
    let there = words(&binding);
    let code: String = header
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']))
        .flat_map(|line| [line, "\n"])
        .collect();
    let missing: Vec<_> = words(&code)
        .into_iter()
        .filter(|word| word.starts_with("wsc_") || word.starts_with("WSC_"))
        // Types that C++ has its own for; callbacks and the guard of the header.
        .filter(|word| !word.ends_with("_t") && word != "WSC_H" && !word.ends_with("_fn"))
        // A callback for one type of event, which the binding sets by the type.
        .filter(|word| {
            let callback = word.strip_prefix("wsc_conn_");
            !callback.is_some_and(|name| name.starts_with("on_") && there.contains(name))
        })
        .filter(|word| !there.contains(word))
        .collect();
    assert!(missing.is_empty(), "wsc.hpp lacks {missing:?}");
}
