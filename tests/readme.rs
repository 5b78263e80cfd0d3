//! What the documentation says is true: its samples are files that are built
//! and run, and what it names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use wsc::error::Status;

/// Languages whose samples must be quoted from a file.
const SAMPLES: [&str; 6] = ["c", "cpp", "go", "php", "python", "rust"];

struct Document {
    path: PathBuf,
    text: String,
}

/// A fenced code block; `info` is what follows the opening fence.
struct Block {
    info: String,
    text: String,
    line: usize,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents() -> Vec<Document> {
    let mut paths = vec![
        root().join("README.md"),
        root().join("CONTRIBUTING.md"),
        root().join("CHANGELOG.md"),
    ];
    for entry in fs::read_dir(root().join("docs")).expect("docs") {
        let path = entry.expect("an entry of docs").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    for entry in fs::read_dir(root().join("bindings")).expect("bindings") {
        let readme = entry
            .expect("an entry of bindings")
            .path()
            .join("README.md");
        if readme.exists() {
            paths.push(readme);
        }
    }
    paths
        .into_iter()
        .map(|path| Document {
            text: read(&path),
            path,
        })
        .collect()
}

impl Document {
    fn beside(&self, relative: &str) -> PathBuf {
        self.path.parent().expect("a directory").join(relative)
    }

    /// The code blocks and the text around them.
    fn split(&self) -> (Vec<Block>, String) {
        let (mut blocks, mut prose) = (Vec::new(), String::new());
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(info) = line.strip_prefix("```") else {
                prose.push_str(line);
                prose.push('\n');
                continue;
            };
            let text: String = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```")
                .map(|line| format!("{line}\n"))
                .collect();
            blocks.push(Block {
                info: info.to_owned(),
                text,
                line: number + 1,
            });
        }
        (blocks, prose)
    }
}

/// A sample opens with its language and its file, relative to the document:
/// "```c examples/first.c".
#[test]
fn samples_are_quoted_from_files() {
    let mut samples = 0;
    for document in documents() {
        for block in document.split().0 {
            let place = format!("{}:{}", document.path.display(), block.line);
            let (language, file) = block.info.split_once(' ').unwrap_or((&block.info, ""));
            if file.is_empty() {
                assert!(
                    !SAMPLES.contains(&language),
                    "{place}: a {language} sample names no file"
                );
                continue;
            }
            let source = read(&document.beside(file));
            assert!(
                source.contains(&block.text),
                "{place}: not a part of {file}:\n{}",
                block.text
            );
            samples += 1;
        }
    }
    assert!(samples > 0, "no sample was found");
}

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        for target in document.split().1.split("](").skip(1) {
            let target = target.split(')').next().unwrap_or_default();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => document.path.clone(),
                _ => document.beside(file),
            };
            let place = document.path.display();
            assert!(file.exists(), "{place}: no such file: {target}");
            assert!(
                anchor.is_empty() || anchors(&read(&file)).contains(anchor),
                "{place}: no such heading: {target}"
            );
        }
    }
}

/// What a heading can be linked by: its text in small letters, with dashes for spaces
/// and without punctuation, and a number where another heading has the same.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for heading in text.lines().filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone())
            .chain(numbered)
            .find(|anchor| !anchors.contains(anchor));
        anchors.extend(free);
    }
    anchors
}

#[test]
fn the_index_has_every_page() {
    let index = read(&root().join("docs/README.md"));
    for entry in fs::read_dir(root().join("docs")).expect("docs") {
        let name = entry.expect("an entry of docs").file_name();
        let name = name.to_str().expect("a name in UTF-8");
        assert!(
            name == "README.md" || !name.ends_with(".md") || index.contains(&format!("]({name})")),
            "docs/README.md does not link {name}"
        );
    }
}

/// Each status has its text, its number and a cure, in the order of the header.
#[test]
fn every_status_has_a_cure() {
    const PAGE: &str = "docs/troubleshooting.md";
    let page = read(&root().join(PAGE));
    let mut sections = page.split("\n### WSC_ERR_").skip(1);
    let header = read(&root().join("include/wsc.h"));
    let mut statuses = 0;
    for line in header.lines() {
        let Some(status) = line.trim_start().strip_prefix("WSC_ERR_") else {
            continue;
        };
        let Some((name, value)) = status.split_once(" = ") else {
            continue;
        };
        let value: i32 = value.trim_end_matches(',').parse().expect("a number");
        let text = Status::from_code(value).expect("a status").text();
        let section = sections.next().unwrap_or_default();
        let beginning = format!("{name}\n\n*{text}* ({value})\n\n");
        let cure = section.strip_prefix(&beginning);
        assert!(
            cure.is_some_and(|cure| !cure.trim().is_empty() && !cure.starts_with('#')),
            "{PAGE} has no section that begins with\n### WSC_ERR_{beginning}but\n{section}"
        );
        statuses += 1;
    }
    assert!(statuses > 50, "the header was not understood");
    assert_eq!(sections.next(), None, "{PAGE} has a status of its own");
}

#[test]
fn make_targets_exist() {
    let makefile = read(&root().join("Makefile"));
    let mut targets = 0;
    for document in documents() {
        let (blocks, prose) = document.split();
        let quoted = prose.split('`').skip(1).step_by(2);
        let lines = blocks.iter().flat_map(|block| block.text.lines());
        for command in quoted.chain(lines).flat_map(|code| code.split("&&")) {
            let mut words = command.split_whitespace().filter(|word| *word != "sudo");
            if words.next() != Some("make") {
                continue;
            }
            for target in words.take_while(|word| *word != "#") {
                assert!(
                    target.contains('=') || makefile.contains(&format!("\n{target}:")),
                    "{}: no target {target}",
                    document.path.display()
                );
                targets += 1;
            }
        }
    }
    assert!(targets > 0, "no target was found");
}

#[test]
fn c_names_are_in_the_header() {
    let header = names(&read(&root().join("include/wsc.h")));
    for document in documents() {
        for name in names(&document.text) {
            // The anchor of a status is its name in small letters.
            let is_anchor = name.starts_with("wsc_err_") && header.contains(&name.to_uppercase());
            assert!(
                header.contains(&name) || is_anchor,
                "{}: {name} is not in wsc.h",
                document.path.display()
            );
        }
    }
}

/// Every word that looks like a name of the C API, but for the prefixes alone,
/// which the text uses to speak of a group.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("wsc_") || word.starts_with("WSC_"))
        .filter(|word| !word.ends_with('_') && !ELSEWHERE.contains(word))
        .map(str::to_owned)
        .collect()
}

/// Environment variables and a build tag of Go, which share the prefix.
const ELSEWHERE: [&str; 5] = [
    "WSC_BLESS",
    "WSC_ECHO_SERVER",
    "WSC_LIBRARY",
    "WSC_VALGRIND",
    "wsc_static",
];
