//! Which folder may name which, and how long a file may be: what a workspace's crates would hold.
use std::{fs, path::Path};

/// A folder of `src` and the folders whose items it may name.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("input", &["domain"]),
    ("config", &["domain", "input"]),
    ("app", &["domain", "input"]),
    ("ui", &["domain", "input", "app"]),
    ("transport", &["domain"]),
    ("fetch", &["domain", "transport"]),
    ("backend", &["domain", "transport", "fetch"]),
    ("runtime", &["domain", "input", "app", "ui", "config", "backend", "transport", "fetch"]),
];

const LONGEST: usize = 400;

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

fn all(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    assert!(!found.is_empty());
    found
}

/// The folders of this crate that `text` names: after `crate::`, also inside `use crate::{a::.., b::..}`.
fn named(text: &str) -> Vec<&'static str> {
    let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut spans = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let end = if rest.starts_with('{') {
            rest.find(';').unwrap_or(rest.len())
        } else {
            rest.find(['\n', ';', ' ']).unwrap_or(rest.len())
        };
        spans.push(rest[..end].to_owned());
    }
    let whole_word = |span: &str, name: &str| {
        span.match_indices(&format!("{name}::"))
            .any(|(i, _)| !span[..i].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
    };
    ALLOWED.iter().map(|(name, _)| *name).filter(|name| spans.iter().any(|s| whole_word(s, name))).collect()
}

#[test]
fn folders_name_only_what_is_below_them() {
    let root = format!("{}/src/", env!("CARGO_MANIFEST_DIR"));
    for (path, text) in all("src") {
        let inside = path.strip_prefix(&root).unwrap();
        let Some((folder, _)) = inside.split_once('/') else { continue };
        let (_, allowed) =
            ALLOWED.iter().find(|(name, _)| *name == folder).unwrap_or_else(|| panic!("{folder} has no layer"));
        for other in named(&text) {
            assert!(other == folder || allowed.contains(&other), "{inside} names {other}, which is not below {folder}");
        }
    }
}

#[test]
fn a_planted_violation_is_seen() {
    assert_eq!(named("use crate::{domain::Vm, runtime::Host};"), ["domain", "runtime"]);
    assert_eq!(named("let x = crate::ui::render();\nuse ratatui::x;"), ["ui"]);
    assert!(named("// crate::ui::render\nuse ratatui::ui::x;").is_empty());
}

#[test]
fn no_file_is_long() {
    for (path, text) in all("src").into_iter().chain(all("tests")) {
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{path} has {lines} lines: at most {LONGEST}");
    }
}

#[test]
fn names_are_the_fields_terms() {
    const BANNED: [&str; 10] =
        ["manager", "handler", "helper", "util", "common", "data", "service", "controller", "base", "misc"];
    for (path, text) in all("src") {
        let file = path.rsplit('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let types = text.lines().filter_map(|l| {
            let mut words = l.split_whitespace().skip_while(|w| w.starts_with("pub"));
            matches!(words.next(), Some("struct" | "enum" | "trait"))
                .then(|| words.next().unwrap_or("").to_ascii_lowercase())
        });
        for name in types.chain([file]) {
            for banned in BANNED {
                let is = name == banned || (name.ends_with(banned) && banned.len() > 4);
                assert!(!is, "{path}: `{name}` holds the word {banned}");
            }
        }
    }
}
