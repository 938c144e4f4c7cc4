//! What the command prints: tables whose columns begin below their headings, and lists below a heading.
use super::{Loader, Row};
use crate::domain::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

fn odd(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format_args!("iohyve {what} printed something else than it should"))
}

/// The machines of `iohyve list`: `Guest  VMM?  Running  rcboot?  Description`. The description is the rest of the line.
pub(super) fn rows(text: &str) -> Result<Vec<Row>> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("Guest"));
    let head = lines.next().ok_or_else(|| odd("list"))?;
    let columns = ["VMM?", "Running", "rcboot?", "Description"].map(|title| head.find(title));
    let [Some(vmm), Some(running), Some(boot), Some(description)] = columns else { return Err(odd("list")) };
    let row = |line: &str| {
        let part = |from: usize, to: Option<usize>| line.get(from..to.unwrap_or(line.len()).min(line.len()));
        let (vmm_at, running_at, boot_at) = (
            part(vmm, Some(running))?,
            part(running, Some(boot))?,
            part(boot, Some(description)).or(part(boot, None))?,
        );
        let name = line.get(..vmm)?.trim();
        Some(Row {
            name: name.to_owned(),
            is_loaded: super::values::yes(vmm_at)?,
            is_running: super::values::yes(running_at)?,
            loader: Loader::Untold,
            starts_at_boot: super::values::yes(boot_at)?,
            description: part(description, None).unwrap_or_default().trim().to_owned(),
        })
    };
    Ok(lines.filter_map(row).filter(|row| !row.name.is_empty()).collect())
}

/// The machines that are being loaded, by their names: of `pgrep -fl`, which prints a number and a command line.
pub(super) fn loaders(text: &str) -> BTreeMap<String, Loader> {
    let loader = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, program, .., machine] = words.as_slice() else { return None };
        let loader = match program.rsplit('/').next()? {
            "grub-bhyve" => Loader::Grub,
            "bhyveload" => Loader::Bhyveload,
            _ => return None,
        };
        Some((machine.strip_prefix("ioh-")?.to_owned(), loader))
    };
    text.lines().filter_map(loader).collect()
}

/// The disks of `iohyve disks NAME`: number and size, or sizes: it lists whatever volume ends as the machine's, which a copy
/// of it in another place does too. None: there is no such machine.
pub(super) fn disks(text: &str) -> Option<BTreeMap<u32, BTreeSet<String>>> {
    if text.contains("Not a valid guest name") {
        return None;
    }
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        let number = words.next()?.strip_prefix("disk")?.parse().ok()?;
        Some((number, words.next()?.to_owned()))
    };
    let mut disks: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (number, size) in text.lines().filter_map(pair) {
        disks.entry(number).or_default().insert(size);
    }
    Some(disks)
}

/// The names below a heading such as `Listing ISO's...`.
pub(super) fn names(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Listing "));
    lines.map(str::to_owned).collect()
}

/// The snapshots of `iohyve snaplist`, oldest first: `web@first`. What is of no machine has no name before its `@`.
pub(super) fn snapshots(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.trim().split_once('@'));
    let named = pairs.filter(|(vm, name)| !vm.is_empty() && !name.is_empty());
    named.map(|(vm, name)| (vm.to_owned(), name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_read_by_column() {
        let text = "Guest     VMM?  Running  rcboot?  Description\n\
                    bsdguest  YES   YES      YES      Sat Nov 21 10:00:00 UTC 2026\n\
                    deb       YES   NO       NO       my  NO  web server\n\
                    bare      NO    NO       NO\n\
                    junk line\n";
        let rows = rows(text).unwrap();
        assert_eq!(rows.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["bsdguest", "deb", "bare"]);
        let states: Vec<_> = rows.iter().map(|r| (r.is_loaded, r.is_running, r.starts_at_boot)).collect();
        assert_eq!(states, [(true, true, true), (true, false, false), (false, false, false)]);
        assert_eq!([&*rows[1].description, &*rows[2].description], ["my  NO  web server", ""]);
        assert!(super::rows("zfs: command not found\n").is_err());
        assert_eq!(super::rows("Guest  VMM?  Running  rcboot?  Description\n").unwrap(), []);
        assert!(super::rows("Guest  VMM?  Running  rcboot?  Description\nwéird  ÿÿÿ\n").is_ok());
    }

    #[test]
    fn lists_are_read_below_their_headings() {
        let text = "Listing  disks  for  bsdguest...\ndiskN    Size\ndisk0    10G  \ndisk1    1.46G\n";
        let sizes = |sizes: &[&str]| sizes.iter().map(|size| (*size).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(disks(text), Some(BTreeMap::from([(0, sizes(&["10G"])), (1, sizes(&["1.46G"]))])));
        let twice = disks(&format!("{text}disk0    20G\ndisk1    1.46G\n")).unwrap();
        assert_eq!(twice, BTreeMap::from([(0, sizes(&["10G", "20G"])), (1, sizes(&["1.46G"]))]));
        assert_eq!(disks("Not a valid guest name\n"), None);
        assert_eq!(names("Listing ISO's...\na.iso\nb.iso\n"), ["a.iso", "b.iso"]);
        assert!(names("Listing ISO's...\n").is_empty());
        let pair = |vm: &str, name: &str| (vm.to_owned(), name.to_owned());
        assert_eq!(snapshots("web@a\n@of-the-pool\nISO\nweb2@b\n"), [pair("web", "a"), pair("web2", "b")]);
    }
}
