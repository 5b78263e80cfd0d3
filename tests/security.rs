//! What SECURITY.md says of the sources is what they are: the limits and their defaults,
//! the unsafe blocks and why each is sound, the crates that are depended on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wsc::config::{self, Config};
use wsc::http;

const SECURITY: &str = include_str!("../SECURITY.md");

/// How many lines above a block its reason may begin.
const REACH: usize = 12;

/// The cells of the table whose first heading that is, row by row.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let start = format!("| {heading} |");
    let rows = SECURITY
        .lines()
        .skip_while(|line| !line.starts_with(&start));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect();
    rows.map(cells).collect()
}

/// A limit that the crate does not export: a number, or one shifted to the left.
fn constant(source: &str, name: &str) -> usize {
    let start = format!("const {name}: usize = ");
    let (_, rest) = source.split_once(&start).unwrap();
    let (value, _) = rest.split_once(';').unwrap();
    let (number, shift) = value.split_once(" << ").unwrap_or((value, "0"));
    number.parse::<usize>().unwrap() << shift.parse::<u32>().unwrap()
}

#[test]
fn limits_are_stated_with_their_defaults() {
    const PROXY: &str = include_str!("../src/connect/proxy.rs");
    const HELPERS: &str = include_str!("../src/helpers.rs");
    let defaults = Config::new("ws://host").unwrap();
    let time = |time: Option<Duration>| format!("{} s", time.unwrap().as_secs());
    let size = |size: usize| match size {
        size if size.is_multiple_of(1 << 20) => format!("{} MiB", size >> 20),
        size => format!("{} KiB", size >> 10),
    };
    let expected = [
        (
            "connect timeout: resolving, TCP, proxy and TLS",
            time(defaults.connect_timeout),
        ),
        (
            "handshake timeout: the upgrade",
            time(defaults.handshake_timeout),
        ),
        ("close timeout", time(defaults.close_timeout)),
        ("ping interval", time(defaults.ping_interval)),
        ("pong timeout", time(defaults.pong_timeout)),
        ("header size", size(defaults.max_header_size)),
        ("header fields, fixed", http::MAX_FIELDS.to_string()),
        (
            "kept body of a refusal, fixed",
            size(config::MAX_REFUSAL_BODY),
        ),
        ("proxy's answer, fixed", size(constant(PROXY, "MAX_HEAD"))),
        ("message size", size(defaults.max_message_size)),
        ("frame size", size(defaults.max_frame_size)),
        ("fragments of a message", defaults.max_fragments.to_string()),
        (
            "inflated to received bytes",
            defaults.deflate.max_ratio.to_string(),
        ),
        ("receive queue", size(defaults.receive_queue_limit)),
        ("send queue", size(defaults.send_queue_limit)),
        ("redirects", config::DEFAULT_MAX_REDIRECTS.to_string()),
        (
            "a loop's helper threads at work, fixed",
            constant(HELPERS, "MAX_BUSY").to_string(),
        ),
        (
            "a loop's helper threads, fixed",
            constant(HELPERS, "MAX_THREADS").to_string(),
        ),
    ];
    let stated: Vec<_> = table("Limit")
        .into_iter()
        .map(|row| (row[0], row[1].to_owned()))
        .collect();
    assert_eq!(stated, expected, "SECURITY.md states what is left");
}

#[test]
fn unsafe_blocks_are_counted_and_justified() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut counted = BTreeMap::new();
    visit(&root.join("src"), &mut |path| {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let is_block = |line: &str| {
            let code = line.split("//").next().unwrap();
            code.contains("unsafe {") || code.contains("unsafe impl")
        };
        let blocks = (0..lines.len()).filter(|at| is_block(lines[*at]));
        let mut count = 0;
        for at in blocks {
            let before = &lines[at.saturating_sub(REACH)..=at];
            assert!(
                before.iter().any(|line| line.contains("SAFETY:")),
                "{}:{}: no SAFETY comment",
                path.display(),
                at + 1
            );
            count += 1;
        }
        if count > 0 {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            counted.insert(name, count);
        }
    });
    let stated: BTreeMap<String, usize> = table("Where")
        .into_iter()
        .map(|row| (row[0].trim_matches('`').into(), row[1].parse().unwrap()))
        .collect();
    assert_eq!(
        stated, counted,
        "SECURITY.md states what is left, has right"
    );
}

fn visit(dir: &Path, file: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => visit(&path, file),
            false => file(&path),
        }
    }
}

#[test]
fn what_is_depended_on_is_listed() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version=1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut counted = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (crate_, is_linked) in Dependencies::new(&metadata).all() {
        let kind = match (
            crate_.is("proc-macro"),
            is_linked,
            crate_.is("custom-build"),
        ) {
            (true, ..) => "macros, which run in the compiler",
            (_, true, false) => "linked",
            (_, true, true) => "linked, with a script that runs in the build",
            (_, false, false) => "in the build only",
            (_, false, true) => "in the build only, with a script",
        };
        counted.entry(kind).or_default().insert(crate_.name());
    }
    let stated: BTreeMap<&str, BTreeSet<&str>> = table("Crates")
        .into_iter()
        .map(|row| (row[0], row[1].split('`').skip(1).step_by(2).collect()))
        .collect();
    assert_eq!(
        stated, counted,
        "SECURITY.md states what is left, cargo has right"
    );
}

/// What a build of the library compiles.
struct Dependencies<'a> {
    packages: BTreeMap<&'a str, Crate<'a>>,
    nodes: BTreeMap<&'a str, &'a Value>,
    root: &'a str,
}

#[derive(Clone, Copy)]
struct Crate<'a>(&'a Value);

impl<'a> Crate<'a> {
    fn name(self) -> &'a str {
        text(&self.0["name"])
    }

    /// Whether it has a target of that kind.
    fn is(self, kind: &str) -> bool {
        let targets = array(&self.0["targets"]);
        let mut kinds = targets.flat_map(|target| array(&target["kind"]));
        kinds.any(|other| other == kind)
    }
}

impl<'a> Dependencies<'a> {
    fn new(metadata: &'a Value) -> Self {
        let by_id = |values: &'a Value| array(values).map(|value| (text(&value["id"]), value));
        Dependencies {
            packages: by_id(&metadata["packages"])
                .map(|(id, package)| (id, Crate(package)))
                .collect(),
            nodes: by_id(&metadata["resolve"]["nodes"]).collect(),
            root: text(&metadata["resolve"]["root"]),
        }
    }

    /// Each crate, and whether it is linked with the library.
    fn all(&self) -> Vec<(Crate<'a>, bool)> {
        let mut found = BTreeMap::new();
        self.follow(self.root, true, &mut found);
        found.remove(self.root);
        let with_crate = |(id, is_linked)| (self.packages[id], is_linked);
        found.into_iter().map(with_crate).collect()
    }

    fn follow(&self, id: &'a str, is_linked: bool, found: &mut BTreeMap<&'a str, bool>) {
        let known = found.get(id).copied();
        if known.is_some_and(|was_linked| was_linked || !is_linked) {
            return;
        }
        found.insert(id, is_linked);
        for dependency in array(&self.nodes[id]["deps"]) {
            let kinds = || array(&dependency["dep_kinds"]).map(|kind| &kind["kind"]);
            let next = text(&dependency["pkg"]);
            let is_macro = self.packages[next].is("proc-macro");
            if kinds().any(Value::is_null) {
                self.follow(next, is_linked && !is_macro, found);
            } else if kinds().any(|kind| kind == "build") {
                self.follow(next, false, found);
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}
