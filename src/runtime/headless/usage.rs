//! The words that the operations of `vmdeck call` take: one table for the parser, the help and the man page.
use crate::domain::{OPS, Op, Weight};
use std::fmt::Write as _;

/// The words that an operation takes: those it needs and those it may have. `config.` stands for the fields of its form,
/// which the host names: they may also be written without it.
pub(super) const fn taken(op: Op) -> (&'static [&'static str], &'static [&'static str]) {
    match op {
        Op::List | Op::ListImages | Op::ListFetches | Op::ListNodes | Op::CheckSetup => (&[], &[]),
        Op::SetUp | Op::AddNode => (&[], &["config."]),
        Op::Show
        | Op::Start
        | Op::ShutDown
        | Op::PowerOff
        | Op::Reset
        | Op::Reboot
        | Op::Save
        | Op::Pause
        | Op::Resume
        | Op::EjectImage
        | Op::ListDisks
        | Op::ListProperties
        | Op::ListSnapshots
        | Op::ShowDescription
        | Op::OpenConsole => (&["vm"], &[]),
        Op::Migrate => (&["vm", "to"], &["copy-disks"]),
        Op::Rename | Op::Clone | Op::TakeSnapshot => (&["vm", "name"], &[]),
        Op::RevertSnapshot | Op::RemoveSnapshot => (&["vm", "snapshot"], &[]),
        Op::Define => (&["vm", "text"], &[]),
        Op::Create => (&["vm"], &["config."]),
        Op::AddDisk => (&["vm"], &["size", "config."]),
        Op::Delete => (&["vm", "keep-disks"], &[]),
        Op::Install | Op::InsertImage => (&["vm", "image"], &[]),
        Op::ResizeDisk => (&["vm", "disk", "size"], &[]),
        Op::RemoveDisk => (&["vm", "disk"], &["delete"]),
        Op::SetProperty => (&["vm", "name", "value"], &[]),
        Op::ProbeImage => (&["url"], &[]),
        Op::FetchImage => (&["url"], &["name", "sha256", "sha512", "unpack", "login"]),
        Op::RenameImage => (&["image", "name"], &[]),
        Op::ShowNode | Op::RemoveNode => (&["node"], &[]),
        Op::UpdateNode => (&["node"], &["config."]),
        Op::SetConfig => (&["node", "key", "value"], &[]),
        Op::SetSubnet => (&["node", "subnet", "bridge"], &[]),
        Op::RemoveSubnet => (&["node", "subnet"], &[]),
        Op::PauseFetch | Op::CancelFetch | Op::ResumeFetch | Op::RemoveImage => (&["image"], &[]),
    }
}

/// A word with what stands behind it: `size=20G|+10G`.
fn word(op: Op, key: &str) -> String {
    let value = match key {
        "config." => return "FIELD=VALUE ...".to_owned(),
        "vm" => "MACHINE",
        "to" => "HOST",
        "size" if op == Op::ResizeDisk => "20G|+10G",
        "size" => "20G",
        "url" => "ADDRESS",
        "keep-disks" | "delete" | "copy-disks" | "unpack" => "yes|no",
        "text" | "login" => "@FILE|-",
        "sha256" | "sha512" => "SUM",
        // `disk=DISK`
        other => return format!("{other}={}", other.to_uppercase()),
    };
    format!("{key}={value}")
}

/// What is written behind an operation, in brackets what may be left out: `vm=MACHINE disk=DISK [delete=yes|no] yes=NAME`.
pub fn usage(op: Op) -> String {
    let (needed, optional) = taken(op);
    let needed = needed.iter().map(|key| word(op, key));
    let optional = optional.iter().map(|key| format!("[{}]", word(op, key)));
    let yes = (op.weight() == Weight::Risk).then(|| "yes=NAME".to_owned());
    needed.chain(optional).chain(yes).collect::<Vec<_>>().join(" ")
}

/// The end of `vmdeck call --help`: every operation with its words.
pub fn operations() -> String {
    let mut text = "Operations, and their words; not every host offers all of them:\n".to_owned();
    for row in OPS {
        let line = format!("{} {}", row.name, usage(row.op));
        let _ = writeln!(text, "  {}\n          {}", line.trim_end(), row.help);
    }
    text.push_str(NOTES);
    text
}

/// What the words in capitals mean, where they do not say it themselves.
pub const NOTES: &str = "\
A word in brackets may be left out. FIELD is what the host asks for in its form:
one that it does not know is answered with the names of all. yes=NAME repeats the
name of what may be lost. @FILE|-: from a file, or from standard input.
DISK is one of list-disks, the NAME of a setting one of list-properties.
size: of a new disk, it may be left out with image=, and is the image's then.
login: user:password. to: another host of the configuration, or its address.";

/// `vmdeck call HOST OP --help`, of one operation.
pub fn help(name: &str) -> Option<String> {
    let row = OPS.iter().find(|row| row.name == name)?;
    let line = format!("vmdeck call HOST {} {}", row.name, usage(row.op));
    Some(format!("{}\n\nUsage: {}\n\n{NOTES}\n\n{ALL}\n", row.help, line.trim_end()))
}

/// Where everything is told.
pub(super) const ALL: &str = "`vmdeck call --help` tells all operations, their words and the options.";

/// The operation that was meant, where one is near enough.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let begun = OPS.iter().map(|row| row.name).filter(|full| name.len() > 2 && full.starts_with(name));
    let near = || {
        let all = OPS.iter().map(|row| (distance(name, row.name), row.name));
        all.filter(|(far, _)| *far <= 3 && far * 2 < name.chars().count()).min().map(|(_, full)| full)
    };
    begun.min_by_key(|full| full.len()).or_else(near)
}

/// How many characters must be put in, taken out or changed to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let (mut corner, mut left) = (i, i + 1);
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let best = (corner + usize::from(x != y)).min(left + 1).min(*cell + 1);
            (corner, left) = (*cell, best);
            *cell = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found_and_nothing_is_made_up() {
        for (typed, meant) in [
            ("lst", Some("list")),
            ("strat", Some("start")),
            ("shutdown", Some("shut-down")),
            ("resize", Some("resize-disk")),
            ("list-disk", Some("list-disks")),
            ("Start", Some("start")),
            ("stop", None),
            ("", None),
            ("frobnicate", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "")), (3, 3, 3));
    }

    #[test]
    fn words_are_told_with_what_stands_behind_them() {
        assert_eq!(usage(Op::ResizeDisk), "vm=MACHINE disk=DISK size=20G|+10G");
        assert_eq!(usage(Op::RemoveDisk), "vm=MACHINE disk=DISK [delete=yes|no] yes=NAME");
        assert_eq!(usage(Op::AddDisk), "vm=MACHINE [size=20G] [FIELD=VALUE ...]");
        assert_eq!(usage(Op::List), "");
        let all = operations();
        for row in OPS {
            let line = format!("\n  {} {}", row.name, usage(row.op));
            assert!(all.contains(&format!("{}\n", line.trim_end())), "{}", row.name);
        }
        assert!(all.lines().all(|line| line.len() <= 100), "{all}");
    }
}
