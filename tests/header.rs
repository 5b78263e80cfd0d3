//! What is generated from the Rust sources is current, complete and agrees with
//! the library: the header, the declarations for PHP and Python, the list of symbols.
//! `WSC_BLESS=1` rewrites all but the last.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wsc::config;
use wsc::error::Phase;
use wsc::ffi::{wsc_abi_version, wsc_version};

const HEADER: &str = "include/wsc.h";
const PLAIN: [&str; 2] = [
    "bindings/php/src/Internal/wsc.cdef.h",
    "bindings/python/wsc.cdef.h",
];
const SYMBOLS: &str = "include/wsc.symbols";

/// The files of `src/ffi` in the order in which the header has them.
const SOURCES: [&str; 13] = [
    "version",
    "status",
    "event",
    "loop_",
    "conn",
    "settings",
    "tls",
    "network",
    "reconnect",
    "callback",
    "traffic",
    "report",
    "http",
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The shared library that cargo built along with this test.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libwsc.so")
}

fn generate(config: cbindgen::Config) -> String {
    let builder = cbindgen::Builder::new().with_config(config);
    let bindings = SOURCES
        .iter()
        .map(|name| path("src/ffi").join(name).with_extension("rs"))
        .fold(builder, cbindgen::Builder::with_src)
        .generate()
        .unwrap();
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).unwrap()
}

fn config() -> cbindgen::Config {
    cbindgen::Config::from_file(path("cbindgen.toml")).unwrap()
}

/// PHP and Python's cffi parse plain C declarations: no preprocessor, no `extern "C"`.
/// PHP reads them at run time, so there are no comments either.
fn plain_config() -> cbindgen::Config {
    let mut config = config();
    config.header = Some("/* Generated from the Rust sources, as wsc.h is; do not edit. */".into());
    config.include_guard = None;
    config.sys_includes.clear();
    config.cpp_compat = false;
    config.documentation = false;
    config
}

fn compare_or_bless(name: &str, generated: &str) {
    if std::env::var_os("WSC_BLESS").is_some() {
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), generated).unwrap();
    }
    let committed = fs::read_to_string(path(name)).unwrap_or_default();
    assert!(
        committed == generated,
        "{name} is not what src/ffi says; `WSC_BLESS=1 cargo test --test header` rewrites it"
    );
}

#[test]
fn the_header_is_made_from_every_file() {
    let files = fs::read_dir(path("src/ffi")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let declaring = names.filter(|name| !["mod.rs", "boundary.rs"].contains(&name.as_str()));
    let declaring: BTreeSet<_> = declaring.collect();
    assert_eq!(declaring, SOURCES.map(|name| format!("{name}.rs")).into());
}

#[test]
fn the_header_is_current() {
    compare_or_bless(HEADER, &generate(config()));
}

#[test]
fn the_plain_declarations_are_current_and_plain() {
    let generated = generate(plain_config());
    assert!(!generated.contains('#'), "a preprocessor directive");
    assert!(!generated.contains("extern"), "more than PHP parses");
    for name in PLAIN {
        compare_or_bless(name, &generated);
    }
}

/// A function of the header: its comment and its prototype.
struct Function {
    name: String,
    result: String,
    parameters: Vec<Parameter>,
    doc: String,
}

struct Parameter {
    name: String,
    is_pointer: bool,
    is_handle: bool,
}

impl Function {
    /// The words that follow `tag` where it begins a line of the comment.
    fn tagged<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a str> {
        self.doc.lines().filter_map(move |line| {
            let rest = line.strip_prefix(tag)?.strip_prefix(' ')?;
            rest.split_whitespace().next()
        })
    }
}

fn functions() -> Vec<Function> {
    let header = generate(config());
    let functions: Vec<_> = header
        .split("/**\n")
        .filter_map(|part| {
            let (doc, code) = part.split_once("*/\n")?;
            let (prototype, _) = code.split_once(");")?;
            if code.starts_with("typedef") || prototype.contains('{') {
                return None;
            }
            Some(parse(doc, prototype))
        })
        .collect();
    assert!(functions.len() > 50, "the header was not understood");
    functions
}

fn parse(doc: &str, prototype: &str) -> Function {
    let (head, parameters) = prototype.split_once('(').unwrap();
    let name_start = head.rfind([' ', '*']).unwrap() + 1;
    let parameters = parameters
        .split(',')
        .map(str::trim)
        .filter(|parameter| *parameter != "void")
        .map(|parameter| {
            let name_start = parameter.rfind([' ', '*']).unwrap() + 1;
            Parameter {
                name: parameter[name_start..].to_owned(),
                is_pointer: parameter.contains('*'),
                is_handle: parameter.matches('*').count() == 1
                    && (parameter.contains("wsc_loop_t") || parameter.contains("wsc_conn_t")),
            }
        })
        .collect();
    let doc_lines = doc
        .lines()
        .map(|line| line.trim_start().trim_start_matches('*').trim_start());
    Function {
        name: head[name_start..].to_owned(),
        result: head[..name_start].trim().to_owned(),
        parameters,
        doc: doc_lines.collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn every_function_is_documented() {
    for function in functions() {
        let name = &function.name;
        let parameters: Vec<_> = function
            .parameters
            .iter()
            .map(|p| p.name.as_str())
            .collect();
        assert_eq!(
            function.tagged("@param").collect::<Vec<_>>(),
            parameters,
            "{name}: @param"
        );
        assert_eq!(function.tagged("@since").count(), 1, "{name}: @since");
        assert!(
            function.doc.contains("\n@par Threads\n"),
            "{name}: @par Threads"
        );
        let has_pointer = function.parameters.iter().any(|p| p.is_pointer);
        let has_handle = function.parameters.iter().any(|p| p.is_handle);
        assert_eq!(
            function.doc.contains("\n# Safety\n"),
            has_pointer,
            "{name}: # Safety"
        );

        let statuses: Vec<_> = function.tagged("@retval").collect();
        let is_status = function.result == "wsc_status_t";
        assert_eq!(
            statuses.contains(&"WSC_OK"),
            is_status,
            "{name}: @retval WSC_OK"
        );
        assert_eq!(
            statuses.contains(&"WSC_ERR_NULL"),
            is_status && has_pointer,
            "{name}: NULL"
        );
        assert_eq!(
            statuses.contains(&"WSC_ERR_FORKED"),
            is_status && has_handle,
            "{name}: fork"
        );
        let returns = !is_status && function.result != "void";
        assert_eq!(
            function.tagged("@return").count(),
            usize::from(returns),
            "{name}: @return"
        );
    }
}

#[test]
fn comments_name_only_what_exists() {
    let header = generate(config());
    let is_name = |word: &&str| word.starts_with("wsc_") || word.starts_with("WSC_");
    let (comments, code): (Vec<_>, Vec<_>) = header
        .lines()
        .partition(|line| line.trim_start().starts_with(['*', '/']));
    let words = |lines: &[&str]| {
        let text = lines.join("\n");
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words
            .filter(is_name)
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    let (named, declared) = (words(&comments), words(&code));
    let missing: Vec<_> = named.difference(&declared).collect();
    assert!(
        missing.is_empty(),
        "comments name what is not declared: {missing:?}"
    );
}

#[test]
fn the_comment_of_a_handle_lists_its_functions() {
    for (handle, file) in [
        ("wsc_loop", "src/ffi/loop_.rs"),
        ("wsc_conn", "src/ffi/conn.rs"),
    ] {
        let source = read(file);
        let (comment, _) = source
            .split_once(&format!("pub struct {handle}_t"))
            .unwrap();
        for Function { name, .. } in functions() {
            let listed = comment.contains(&format!("`{name}`"));
            assert!(
                listed || !name.starts_with(handle),
                "{handle}_t does not list {name}"
            );
        }
    }
}

#[test]
fn defaults_in_comments_are_those_of_the_library() {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap();
    let bytes = |size: usize| u64::try_from(size).unwrap();
    let defaults = BTreeMap::from([
        (
            "wsc_conn_set_ping_interval",
            ms(config::DEFAULT_PING_INTERVAL),
        ),
        (
            "wsc_conn_set_pong_timeout",
            ms(config::DEFAULT_PONG_TIMEOUT),
        ),
        (
            "wsc_conn_set_connect_timeout",
            ms(config::DEFAULT_CONNECT_TIMEOUT),
        ),
        (
            "wsc_conn_set_handshake_timeout",
            ms(config::DEFAULT_HANDSHAKE_TIMEOUT),
        ),
        (
            "wsc_conn_set_close_timeout",
            ms(config::DEFAULT_CLOSE_TIMEOUT),
        ),
        (
            "wsc_conn_set_max_message_size",
            bytes(config::DEFAULT_MAX_MESSAGE_SIZE),
        ),
        (
            "wsc_conn_set_max_frame_size",
            bytes(config::DEFAULT_MAX_FRAME_SIZE),
        ),
        (
            "wsc_conn_set_max_fragments",
            bytes(config::DEFAULT_MAX_FRAGMENTS),
        ),
        (
            "wsc_conn_set_deflate_level",
            u64::from(config::DEFAULT_DEFLATE_LEVEL),
        ),
        (
            "wsc_conn_set_deflate_threshold",
            bytes(config::DEFAULT_DEFLATE_THRESHOLD),
        ),
        (
            "wsc_conn_set_deflate_max_ratio",
            bytes(config::DEFAULT_DEFLATE_MAX_RATIO),
        ),
        (
            "wsc_conn_set_max_header_size",
            bytes(config::DEFAULT_MAX_HEADER_SIZE),
        ),
        (
            "wsc_conn_set_send_queue_limit",
            bytes(config::DEFAULT_SEND_QUEUE_LIMIT),
        ),
        (
            "wsc_conn_set_receive_queue_limit",
            bytes(config::DEFAULT_RECEIVE_QUEUE_LIMIT),
        ),
        (
            "wsc_conn_set_max_redirects",
            config::DEFAULT_MAX_REDIRECTS.into(),
        ),
        (
            "wsc_conn_set_reconnect_delay",
            ms(config::DEFAULT_RECONNECT_MIN_DELAY),
        ),
        (
            "wsc_conn_set_reconnect_stable_after",
            ms(config::DEFAULT_RECONNECT_STABLE_AFTER),
        ),
        (
            "wsc_loop_set_standby_grace",
            ms(config::DEFAULT_STANDBY_GRACE),
        ),
    ]);
    let mut documented = BTreeMap::new();
    for function in functions() {
        let doc = function.doc.replace('\n', " ");
        let number = doc
            .split("Default ")
            .nth(1)
            .and_then(|rest| rest.split(['.', ' ']).next()?.parse::<u64>().ok());
        documented.extend(number.map(|number| (function.name, number)));
    }
    let documented: BTreeMap<_, _> = documented
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    assert_eq!(documented, defaults);
}

/// Each deadline that can be set stands in the opening comment with its default.
#[test]
fn the_opening_comment_lists_every_deadline() {
    let header = read(HEADER);
    let (_, list) = header.split_once("The defaults:\n").unwrap();
    let (list, _) = list.split_once("*/").unwrap();
    let listed: BTreeMap<_, _> = list
        .lines()
        .filter_map(|line| line.split_once("  wsc_"))
        .map(|(default, rest)| {
            let name = rest.split(':').next().unwrap();
            let default = default.trim_start_matches([' ', '*']).to_owned();
            (format!("wsc_{name}"), default)
        })
        .collect();
    let told = |time: Option<Duration>| match time {
        Some(time) => time.as_millis().to_string(),
        None => "none".to_owned(),
    };
    let defaults = config::Config::new("ws://host").unwrap();
    let no_phase = |phase| defaults.phase_timeouts.get(phase).is_none();
    assert!([Phase::Dns, Phase::Tcp, Phase::Proxy, Phase::Tls].map(no_phase) == [true; 4]);
    let expected = [
        ("connect_timeout", defaults.connect_timeout),
        ("phase_timeout", None),
        ("handshake_timeout", defaults.handshake_timeout),
        ("ping_interval", defaults.ping_interval),
        ("pong_timeout", defaults.pong_timeout),
        ("idle_timeout", defaults.idle_timeout),
        ("close_timeout", defaults.close_timeout),
        ("tcp_user_timeout", defaults.socket.user_timeout),
        ("keepalive", defaults.socket.keepalive),
    ];
    let expected = expected.map(|(name, time)| (format!("wsc_conn_set_{name}"), told(time)));
    assert_eq!(listed, BTreeMap::from(expected));
    for Function { name, .. } in functions() {
        let is_deadline = name.starts_with("wsc_conn_set_") && name.ends_with("_timeout");
        assert!(!is_deadline || listed.contains_key(&name), "{name}");
    }
}

/// The list is kept by hand: a name that goes, goes from it on purpose.
#[test]
fn the_list_of_symbols_is_that_of_the_header() {
    let declared: Vec<_> = functions()
        .iter()
        .map(|function| {
            format!(
                "{} {}",
                function.name,
                function.tagged("@since").next().unwrap()
            )
        })
        .collect();
    let mut declared: Vec<_> = declared.iter().map(String::as_str).collect();
    declared.sort_unstable();
    assert_eq!(read(SYMBOLS).lines().collect::<Vec<_>>(), declared);
}

#[cfg(target_os = "linux")]
#[test]
fn the_library_exports_the_list_of_symbols_and_nothing_else() {
    let output = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = String::from_utf8(output.stdout).unwrap();
    let mut exported: Vec<_> = output
        .lines()
        .map(|line| line.split(' ').nth(2).unwrap())
        .collect();
    exported.sort_unstable();
    let symbols = read(SYMBOLS);
    let listed: Vec<_> = symbols
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(exported, listed);
}

#[cfg(target_os = "linux")]
#[test]
fn the_soname_has_the_abi_number_and_the_code_stays_loaded() {
    let output = Command::new("readelf")
        .arg("-dW")
        .arg(library())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let soname = format!("[libwsc.so.{}]", wsc_abi_version());
    assert!(
        output
            .lines()
            .any(|line| line.contains("SONAME") && line.contains(&soname)),
        "{output}"
    );
    assert!(output.contains("NODELETE"), "{output}");
}

/// cargo-c makes the soname of the first number of the version, of the crate's or of
/// `version` in `[package.metadata.capi.library]`, which is needed once they differ.
#[test]
fn the_soname_of_cargo_c_has_the_abi_number() {
    let abi = wsc_abi_version().to_string();
    assert_eq!(env!("CARGO_PKG_VERSION_MAJOR"), abi);
    assert!(read("Cargo.toml").contains("\nversion_suffix_components = 1\n"));
}

#[test]
fn versions_agree() {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    // SAFETY: static text with a NUL at its end.
    let version = unsafe { CStr::from_ptr(wsc_version()) };
    assert_eq!(version.to_str(), Ok(VERSION));

    let changelog = read("CHANGELOG.md");
    let newest = changelog
        .lines()
        .find(|line| line.starts_with("## "))
        .unwrap();
    assert!(
        newest.starts_with(&format!("## [{VERSION}]")),
        "CHANGELOG.md: {newest}"
    );

    let debian = read("debian/changelog");
    assert!(
        debian.starts_with(&format!("libwsc ({VERSION}-")),
        "debian/changelog"
    );
    let rust = format!("rustc (>= {})", env!("CARGO_PKG_RUST_VERSION"));
    assert!(read("debian/control").contains(&rust), "debian/control");

    let composer = fs::read_to_string(path("bindings/php/composer.json")).unwrap_or_default();
    let mut its_version = composer
        .lines()
        .filter(|line| line.trim_start().starts_with("\"version\""));
    assert!(
        its_version.all(|line| line.contains(&format!("\"{VERSION}\""))),
        "composer.json"
    );
}
