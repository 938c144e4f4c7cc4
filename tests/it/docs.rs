//! What is generated stands in the files as it is generated now: `UPDATE=1 cargo test docs` rewrites them.
use clap::CommandFactory as _;
use std::{fs, path::Path};
use unicode_width::UnicodeWidthStr;
use vmdeck::{
    app::Column,
    cli::{Cli, Command, generated},
    config::{BACKENDS, Config},
    domain::OPS,
    input::{BINDINGS, Scope, config_table, readme_table},
    runtime::headless::usage,
};

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

/// Compares the part of `name` from `begin` up to `end`, both kept, with `wanted`; rewrites it with `UPDATE=1`.
fn check_part(name: &str, begin: &str, end: &str, wanted: &str) {
    let text = read(name);
    let start = text.find(begin).unwrap_or_else(|| panic!("{name} has no {begin:?}")) + begin.len();
    let stop = start + text[start..].find(end).unwrap_or_else(|| panic!("{name} has no {end:?} after {begin:?}"));
    if text[start..stop] == *wanted {
        return;
    }
    assert!(std::env::var_os("UPDATE").is_some(), "{name}: stale after {begin:?}: run UPDATE=1 cargo test docs");
    fs::write(file(name), [&text[..start], wanted, &text[stop..]].concat()).unwrap();
}

#[test]
fn the_readmes_tables_are_in_step() {
    check_part("README.md", "<!-- keys -->\n", "<!-- end -->", &readme_table());
    let options = Cli::command().term_width(100).render_long_help().to_string();
    check_part("README.md", "<!-- help -->\n```\n", "```\n<!-- end -->", &options);
    for (name, what) in BACKENDS {
        assert!(read("README.md").contains(&format!("| `{name}` | {what} |")), "the README does not tell of {name}");
    }
}

/// The picture is a capture; what is drawn on every screen must be in it as it is drawn now.
#[test]
fn the_readmes_picture_is_not_stale() {
    let text = read("README.md");
    let picture = text.split_once("<!-- picture -->\n```\n").unwrap().1.split_once("\n```\n<!-- end -->").unwrap().0;
    assert_eq!(picture.lines().count(), 24);
    assert_eq!(picture.lines().map(UnicodeWidthStr::width).max(), Some(100));
    let footer = picture.lines().last().unwrap();
    let keys = BINDINGS.iter().filter(|b| b.scope == Scope::Machines && !b.label.is_empty()).take(8);
    let first = keys.map(|b| format!("{} {}", b.keys[0], b.label)).collect::<Vec<_>>().join("  ");
    assert!(footer.starts_with(&format!(" {first}")), "the keys are {first}");
    for column in Column::ALL {
        assert!(picture.contains(column.title()), "the picture has no column {}", column.title());
    }
}

#[test]
fn the_examples_keys_are_in_step() {
    let table = config_table();
    let body = table.strip_prefix("[keys]\n").unwrap();
    check_part("config.example.toml", "[keys]\n", "\n# Machines of this computer", body);
}

#[test]
fn the_example_is_the_defaults_with_and_without_its_marks() {
    let parse = |text: &str| Config::parse(Path::new("config.example.toml"), text);
    let text = read("config.example.toml");
    assert_eq!(parse(&text).unwrap(), Config::default());
    let bare = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let open = parse(&text.lines().map(bare).collect::<Vec<_>>().join("\n")).unwrap();
    let map = |config: &Config| vmdeck::input::KeyMap::new(&config.keys).unwrap();
    let (all, plain) = (map(&open), map(&Config::default()));
    for row in vmdeck::input::BINDINGS {
        assert_eq!(all.keys(row.action), plain.keys(row.action), "{}", row.name);
        assert!(open.keys.contains_key(row.name), "the example does not have {}", row.name);
    }
    assert_eq!(Config { keys: Config::default().keys, ..open }, Config::default());
}

#[test]
fn the_examples_other_hosts_can_be_used_as_they_stand() {
    let text = read("config.example.toml");
    let hosts: Vec<_> = text.lines().filter_map(|l| l.strip_prefix("#     ")).collect();
    let config = Config::parse(Path::new("example"), &hosts.join("\n")).unwrap();
    for (name, _) in BACKENDS {
        assert!(config.hosts.iter().any(|h| h.backend.name() == *name), "no example of {name}");
    }
}

#[test]
fn the_readmes_hosts_can_be_used_as_they_stand() {
    let text = read("README.md");
    let blocks: Vec<_> = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let config = Config::parse(Path::new("README.md"), &blocks.concat()).unwrap();
    for name in ["chypervisord", "govirthost", "velocity"] {
        assert!(config.hosts.iter().any(|h| h.backend.name() == name), "no example of {name}");
    }
}

#[test]
fn the_command_line_is_whole_and_so_is_what_is_made_from_it() {
    Cli::command().debug_assert();
    for (command, part) in [
        (Command::Man, "Exit codes"),
        (Command::Man, ".SH \"VMDECK CALL\""),
        (Command::Man, "\\fBresize\\-disk\\fR vm=MACHINE disk=DISK size=20G|+10G\nGrow a disk"),
        (Command::Keys, "| Where | Keys |"),
        (Command::Config, "[keys]"),
    ] {
        let text = String::from_utf8(generated(&command).unwrap()).unwrap();
        assert!(text.contains(part), "{command:?}");
    }
    assert!(generated(&Command::Hosts).is_none());
}

#[test]
fn the_man_page_tells_of_every_command_its_words_and_every_operation() {
    let page = String::from_utf8(generated(&Command::Man).unwrap()).unwrap();
    let mut rest = page.as_str();
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let heading = format!(".SH \"VMDECK {}\"\n", command.get_name().to_uppercase());
        rest = rest.split_once(&heading).unwrap_or_else(|| panic!("{heading} in {rest}")).1;
        let section = rest.split("\n.SH ").next().unwrap();
        assert!(section.contains(&command.get_about().unwrap().to_string()), "{section}");
        for word in command.get_arguments() {
            let name = word.get_long().unwrap_or(word.get_id().as_str()).replace('-', "\\-");
            assert!(section.to_lowercase().contains(&name) || name == "words", "{name} in {section}");
        }
    }
    for row in OPS {
        let line = format!("\\fB{}\\fR {}", row.name, usage(row.op)).trim_end().replace('-', "\\-");
        assert!(rest.contains(&format!("\n{line}\n{}", row.help)), "{line}");
    }
    assert_eq!(page.matches(".TH ").count(), 1);
    assert!(!page.contains("vmdeck\\-call"), "there is no page of that name");
}
