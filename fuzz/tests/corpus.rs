//! The inputs in `corpus/`, each a seed of the fuzzer or one that found a fault,
//! without the fuzzer: any toolchain can run them. `WSC_FUZZ_CORPORA` names a directory where
//! scripts/fuzz has grown further ones, for scripts/fuzz-coverage.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use libwsc_fuzz::{calls, proxy, reader, session, settings, upgrade};

#[test]
fn calls_corpus() {
    replay("calls", calls::run);
    // The bytes mean something else as soon as there are other calls.
    assert_some(&calls::HANDSHAKES, "connection opens");
    assert_some(&calls::CALLS_INSIDE, "callback calls");
}

#[test]
fn proxy_corpus() {
    replay("proxy", proxy::run);
    assert_some(&proxy::HANDSHAKES, "connection opens");
}

#[test]
fn reader_corpus() {
    replay("reader", reader::run);
}

#[test]
fn session_corpus() {
    replay("session", session::run);
}

#[test]
fn settings_corpus() {
    replay("settings", settings::run);
}

#[test]
fn upgrade_corpus() {
    replay("upgrade", upgrade::run);
    assert_some(&upgrade::REDIRECTS, "redirect is followed");
}

/// Every target has a corpus, and every corpus a test here.
#[test]
fn every_target_is_run() {
    let tests = include_str!("corpus.rs");
    for target in files("fuzz_targets") {
        let name = target.file_stem().unwrap().to_str().unwrap();
        let call = format!("replay(\"{name}\", {name}::run)");
        assert!(tests.contains(&call), "{name} is not run");
    }
}

fn replay(target: &str, run: fn(&[u8])) {
    let grown = env::var_os("WSC_FUZZ_CORPORA")
        .map(|corpora| Path::new(&corpora).join(target).join("corpus"))
        .filter(|corpus| corpus.is_dir());
    let grown = grown.iter().flat_map(|corpus| files(corpus));
    for file in files(format!("corpus/{target}")).into_iter().chain(grown) {
        println!("{}", file.display()); // shown if it fails
        run(&fs::read(&file).unwrap());
    }
}

fn assert_some(count: &AtomicUsize, what: &str) {
    assert_ne!(count.load(Ordering::Relaxed), 0, "no {what}");
}

fn files(directory: impl AsRef<Path>) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = fs::read_dir(&directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    files
}
