//! `docs/reference.md` is the header in another form: made from it, with an anchor
//! for each name. `WSC_BLESS=1` rewrites it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const HEADER: &str = "include/wsc.h";
const REFERENCE: &str = "docs/reference.md";

const INTRODUCTION: &str = "\
# Reference

Every type and function of libwsc's C API. Generated from [include/wsc.h](../include/wsc.h), which is
generated from the Rust sources; do not edit. For what to do with it, see the [other pages](README.md).
";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Something that the header declares, or a part of it.
struct Item {
    name: String,
    comment: Vec<String>,
    code: String,
}

impl Item {
    fn parse(comment: &str, code: &str) -> Item {
        let strip = |line: &str| {
            let line = line.trim_start().trim_start_matches('*');
            line.strip_prefix(' ').unwrap_or(line).to_owned()
        };
        Item {
            name: declared_name(code),
            comment: comment.lines().map(strip).collect(),
            code: code.to_owned(),
        }
    }

    fn is_function(&self) -> bool {
        !self.code.starts_with("typedef")
    }

    /// The values of an enum, the fields of a struct.
    fn members(&self) -> Vec<Item> {
        let parts = self.code.split("/**\n").skip(1);
        let member = |part: &str| {
            let (comment, code) = part.split_once("*/\n").expect("the comment's end");
            let code = code.trim_start().lines().next().expect("a member");
            Item::parse(comment.trim_end(), code.trim_end_matches([',', ';']))
        };
        parts.map(member).collect()
    }

    /// The first sentence of the comment.
    fn brief(&self) -> String {
        let paragraph = self.comment.iter().take_while(|line| !line.is_empty());
        let paragraph = paragraph.cloned().collect::<Vec<_>>().join(" ");
        let end = paragraph.find(". ").unwrap_or(paragraph.len() - 1);
        paragraph[..=end].to_owned()
    }
}

fn declared_name(code: &str) -> String {
    let word = |text: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = text.trim_end_matches(|c| !is_part(c)).len();
        let start = text[..end].rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
        text[start..end].to_owned()
    };
    match code.split_once("(*") {
        Some((_, pointer)) => word(pointer.split(')').next().unwrap_or_default()),
        None if code.starts_with("typedef") => word(code),
        None => word(code.split(['(', '=', '[']).next().unwrap_or_default()),
    }
}

/// The opening comment, and everything declared after it.
fn parse(header: &str) -> (Vec<String>, Vec<Item>) {
    let mut parts = header.split("\n/**\n");
    let opening = parts.next().expect("an opening comment");
    let (opening, _) = opening.split_once("*/").expect("the comment's end");
    let opening = Item::parse(opening.trim_start_matches("/*\n"), "").comment;
    let item = |part: &str| {
        let (comment, code) = part.split_once("\n */\n").expect("the comment's end");
        let code = code.split("\n\n").next().expect("a declaration");
        Item::parse(comment, code.trim_end())
    };
    (opening, parts.map(item).collect())
}

/// A heading and the functions below it, as the comment of a handle lists them
/// ("Life: `wsc_conn_new`, ..."), and the rest.
fn groups(items: &[Item]) -> Vec<(String, Vec<&Item>)> {
    let functions: Vec<_> = items.iter().filter(|item| item.is_function()).collect();
    let mut grouped = BTreeSet::new();
    let mut groups = Vec::new();
    for (prefix, name) in [("wsc_loop_", "Loops"), ("wsc_conn_", "Connections")] {
        let handle = format!("{prefix}t");
        let handle = items.iter().find(|item| item.name == handle);
        let comment = handle.expect("a handle").comment.join("\n");
        for paragraph in comment.split("\n\n") {
            let Some((title, list)) = paragraph.split_once(": ") else {
                continue;
            };
            let is_listed = |item: &&&Item| {
                item.name.starts_with(prefix) && list.contains(&format!("`{}`", item.name))
            };
            let listed: Vec<_> = functions.iter().filter(is_listed).copied().collect();
            let listed: Vec<_> = listed
                .into_iter()
                .filter(|item| grouped.insert(item.name.clone()))
                .collect();
            let title = match title {
                "Functions" => name.to_owned(),
                _ => format!("{name}: {title}"),
            };
            if !listed.is_empty() {
                groups.push((title, listed));
            }
        }
    }
    let is_left = |item: &&Item| !grouped.contains(&item.name);
    let rest = functions.into_iter().filter(is_left).collect();
    groups.push(("Version, texts and response heads".into(), rest));
    groups
}

struct Writer {
    /// What a name can be linked to.
    names: BTreeSet<String>,
    out: String,
}

impl Writer {
    fn line(&mut self, text: impl AsRef<str>) {
        self.out.push_str(text.as_ref());
        self.out.push('\n');
    }

    /// Names in backticks lead to where they are explained.
    fn linked(&self, text: &str) -> String {
        let mut linked = String::new();
        for (index, piece) in text.split('`').enumerate() {
            match index % 2 {
                0 => linked.push_str(piece),
                _ if self.names.contains(piece) => write!(linked, "[`{piece}`](#{piece})").unwrap(),
                _ => write!(linked, "`{piece}`").unwrap(),
            }
        }
        linked
    }

    /// Prose; lines that are indented stay as they are.
    fn paragraphs(&mut self, lines: &[String]) {
        let mut is_verbatim = false;
        for line in lines {
            let is_indented = line.starts_with("  ");
            if is_indented != is_verbatim {
                let fence = if is_indented { "\n```text" } else { "```" };
                self.line(fence);
                is_verbatim = is_indented;
            }
            match is_verbatim {
                true => self.line(line),
                false => {
                    let line = self.linked(line);
                    self.line(line);
                }
            }
        }
        if is_verbatim {
            self.line("```");
        }
        self.out.truncate(self.out.trim_end().len());
        self.line("");
    }

    fn table(&mut self, head: [&str; 2], rows: &[(String, String)]) {
        if rows.is_empty() {
            return;
        }
        self.line(format!("\n| {} | {} |\n|---|---|", head[0], head[1]));
        for (name, text) in rows {
            let text = self.linked(text).replace('|', "\\|");
            let name = match name.split(' ').next() {
                Some(status) if status.starts_with("WSC_ERR_") => {
                    let anchor = status.to_lowercase();
                    format!("[`{name}`](troubleshooting.md#{anchor})")
                }
                _ => format!("`{name}`"),
            };
            self.line(format!("| {name} | {text} |"));
        }
    }

    fn code(&mut self, code: &str) {
        self.line(format!("\n```c ../{HEADER}\n{code}\n```"));
    }

    fn index(&mut self, title: &str, items: &[&Item]) {
        self.line(format!("\n**{title}**\n"));
        for item in items {
            self.line(format!("- [{0}](#{0}): {1}", item.name, item.brief()));
        }
    }

    fn type_of(&mut self, item: &Item) {
        self.line(format!("\n### {}\n", item.name));
        let is_tag = |line: &String| line.starts_with('@');
        let prose = item.comment.split(is_tag).next().unwrap_or_default();
        self.paragraphs(prose);
        let members = item.members();
        if members.is_empty() {
            self.code(&item.code);
        }
        self.tagged(item);
        let rows: Vec<_> = members
            .iter()
            .map(|member| (member.code.clone(), member.comment.join(" ")))
            .collect();
        let head = match item.code.starts_with("typedef enum") {
            true => "Value",
            false => "Field",
        };
        self.table([head, ""], &rows);
    }

    fn function(&mut self, item: &Item) {
        self.line(format!("\n### {}\n", item.name));
        let is_tag = |line: &String| line.starts_with('@');
        let prose = item.comment.split(is_tag).next().unwrap_or_default();
        self.paragraphs(prose);
        self.code(&item.code);
        self.tagged(item);
    }

    /// Parameters, results and what follows them.
    fn tagged(&mut self, item: &Item) {
        let tags = tags(&item.comment);
        let named = |tag: &str| -> Vec<_> {
            let those = tags.iter().filter(|(its_tag, _)| its_tag == tag);
            those.filter_map(|(_, text)| split_word(text)).collect()
        };
        self.table(["Parameter", ""], &named("@param"));
        self.table(["Returns", ""], &named("@retval"));
        for (tag, text) in &tags {
            let label = match tag.as_str() {
                "@return" => "Returns",
                "@par Threads" => "Threads",
                "@since" => "Since",
                "# Safety" => "The caller sees to it that",
                _ => continue,
            };
            let text = self.linked(text);
            self.line(format!("\n**{label}**: {text}"));
        }
    }
}

fn split_word(text: &str) -> Option<(String, String)> {
    let (word, rest) = text.split_once(' ')?;
    Some((word.to_owned(), rest.trim_start().to_owned()))
}

/// The tags of a comment with their texts, each in one line.
fn tags(comment: &[String]) -> Vec<(String, String)> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for line in comment {
        let tag = [
            "@param",
            "@retval",
            "@return",
            "@par Threads",
            "@since",
            "# Safety",
        ]
        .into_iter()
        .find(|tag| line.starts_with(tag));
        match (tag, tags.last_mut()) {
            (Some(tag), _) => {
                let text = line[tag.len()..].trim();
                tags.push((tag.to_owned(), text.to_owned()));
            }
            (None, Some((_, text))) if !line.is_empty() => {
                text.push_str(if text.is_empty() { "" } else { " " });
                text.push_str(line.trim());
            }
            _ => {}
        }
    }
    tags
}

/// The line after those that say what the header is and where it comes from.
fn after_the_title(opening: &[String]) -> usize {
    let blank = |(_, line): &(usize, &String)| line.is_empty();
    let mut blanks = opening.iter().enumerate().filter(blank);
    blanks.nth(1).map_or(0, |(at, _)| at + 1)
}

fn generate(header: &str) -> String {
    let (opening, items) = parse(header);
    let types: Vec<_> = items.iter().filter(|item| !item.is_function()).collect();
    let groups = groups(&items);
    let mut writer = Writer {
        names: items.iter().map(|item| item.name.clone()).collect(),
        out: INTRODUCTION.into(),
    };
    writer.line("\n## Index");
    writer.index("Types", &types);
    for (title, functions) in &groups {
        writer.index(title, functions);
    }
    writer.line("\n## What holds everywhere\n");
    writer.paragraphs(&opening[after_the_title(&opening)..]);
    writer.line("\n## Types");
    for item in &types {
        writer.type_of(item);
    }
    for (title, functions) in &groups {
        writer.line(format!("\n## {title}"));
        for item in functions {
            writer.function(item);
        }
    }
    writer.out
}

#[test]
fn the_reference_is_current() {
    let generated = generate(&read(HEADER));
    if std::env::var_os("WSC_BLESS").is_some() {
        fs::write(path(REFERENCE), &generated).unwrap();
    }
    let committed = fs::read_to_string(path(REFERENCE)).unwrap_or_default();
    assert!(
        committed == generated,
        "{REFERENCE} is not what {HEADER} says; `WSC_BLESS=1 cargo test --test reference` rewrites it"
    );
}

/// Whatever a line of the list of symbols names has its own heading, once.
#[test]
fn every_function_has_an_anchor() {
    let reference = generate(&read(HEADER));
    for line in read("include/wsc.symbols").lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let heading = format!("\n### {name}\n");
        assert_eq!(reference.matches(&heading).count(), 1, "{name}");
    }
}

/// Every word of the header's comments is in the reference.
#[test]
fn nothing_of_the_header_is_lost() {
    let header = read(HEADER);
    let reference = generate(&header);
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.map(str::to_owned).collect()
    };
    let comments = header
        .lines()
        .filter(|line| line.trim_start().starts_with('*'));
    let comments = comments.collect::<Vec<_>>().join("\n");
    let there = words(&reference);
    let markup = ["par", "param", "retval", "return", "since", "Safety"].map(str::to_owned);
    let missing: Vec<_> = words(&comments)
        .into_iter()
        .filter(|word| !there.contains(word) && !markup.contains(word))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
