//! SECURITY.md's numbers of unsafe blocks are those of the sources, and each block says
//! why it is sound.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How many lines above a block its reason may begin.
const REACH: usize = 12;

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
    let stated: BTreeMap<String, usize> = include_str!("../SECURITY.md")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `src/")?.split('|');
            let name = cells.next()?.trim().trim_end_matches('`');
            Some((format!("src/{name}"), cells.next()?.trim().parse().ok()?))
        })
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
