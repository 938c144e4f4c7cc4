//! Names that iohyve would take for others: it looks for them with patterns and without quotes.
use super::Row;
use crate::domain::{Error, Result, clean};

/// Words that make a machine vanish from iohyve's own lists.
const FORBIDDEN: [&str; 5] = ["disk", "ISO", "Firmware", "VMM", "iohyve"];

/// iohyve's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::backend) struct Version(u32, u32, u32);

impl Version {
    /// From here on it looks for the whole name.
    pub(in crate::backend) const EXACT: Self = Self(0, 7, 6);

    /// Reads `iohyve v0.7.9 2017/06/26 ...`.
    pub(in crate::backend) fn read(line: &str) -> Option<Self> {
        let number = line.split_whitespace().find_map(|word| word.strip_prefix('v'))?;
        let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
        Some(Self(parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
    }
}

/// Whether iohyve, looking for `name`, would find `other` too: it looks for a pattern in which a dot is any character.
pub(in crate::backend) fn mixes(name: &str, other: &str) -> bool {
    let (name, other): (Vec<char>, Vec<char>) = (name.chars().collect(), other.chars().collect());
    !name.is_empty() && other.windows(name.len()).any(|part| part.iter().zip(&name).all(|(o, n)| o == n || *n == '.'))
}

/// A machine's name that may be sent at all: one word without a meaning to a shell or to an option parser.
pub(in crate::backend) fn check(name: &str) -> Result<()> {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if is_plain {
        return Ok(());
    }
    let shown = clean(name, 60);
    Err(Error::invalid(format_args!("iohyve would misread the name `{shown}`: rename the machine on the server first")))
}

/// [`check`], and that no other machine is meant by the name too.
pub(in crate::backend) fn check_alone(name: &str, others: &[Row]) -> Result<()> {
    check(name)?;
    match others.iter().find(|other| mixes(name, &other.name)) {
        Some(other) => Err(Error::conflict(format_args!(
            "iohyve would mix up {name} with {}, whose name contains it: nothing was sent",
            clean(&other.name, 60)
        ))),
        None => Ok(()),
    }
}

/// [`check`], and that no other machine is found by the name: iohyve takes it for a pattern, and before [`Version::EXACT`]
/// for a part of a name.
pub(in crate::backend) fn check_meant(name: &str, others: &[Row], version: Option<Version>) -> Result<()> {
    if seeks_by_part(version) { check_alone(name, others) } else { check_pattern(name, others) }
}

/// [`check`], and that no other machine's whole name is found by the pattern.
pub(in crate::backend) fn check_pattern(name: &str, others: &[Row]) -> Result<()> {
    check(name)?;
    match others.iter().find(|other| other.name.chars().count() == name.chars().count() && mixes(name, &other.name)) {
        Some(other) => Err(Error::conflict(format_args!(
            "iohyve would mix up {name} with {}: nothing was sent",
            clean(&other.name, 60)
        ))),
        None => Ok(()),
    }
}

/// Whether the machine can be deleted without another one going with it.
pub(in crate::backend) fn check_deletion(name: &str, others: &[Row], version: Option<Version>) -> Result<()> {
    check_meant(name, others, version).map_err(|error| match seeks_by_part(version) {
        true => {
            Error::new(error.kind, format_args!("{}; before 0.7.6 iohyve deletes the other one too", error.message))
        }
        false => error,
    })
}

/// Whether iohyve looks for whatever has the machine's name in its own: see [`check_datasets`] and [`check_disks`].
pub(in crate::backend) fn seeks_by_part(version: Option<Version>) -> bool {
    version.is_none_or(|version| version < Version::EXACT)
}

/// What such a deletion would find besides machines: images, and the pools themselves.
pub(in crate::backend) fn check_datasets(name: &str, datasets: &[String]) -> Result<()> {
    match datasets.iter().find(|dataset| mixes(name, dataset)) {
        Some(found) => Err(Error::conflict(format_args!(
            "before 0.7.6 iohyve deletes {} too, whose name contains {name}: nothing was sent",
            clean(found, 80)
        ))),
        None => Ok(()),
    }
}

/// Whose disk such an iohyve would start a machine from: of the first volume that has the machine's name in its own.
pub(in crate::backend) fn check_disks(name: &str, datasets: &[String]) -> Result<()> {
    match datasets.iter().find(|dataset| dataset.contains("disk0") && mixes(name, dataset)) {
        Some(found) => Err(Error::conflict(format_args!(
            "before 0.7.6 iohyve may take {}, whose name contains {name}, for its disk: nothing was sent",
            clean(found, 80)
        ))),
        None => Ok(()),
    }
}

/// A name for a new machine.
pub(in crate::backend) fn check_new(name: &str, others: &[Row]) -> Result<()> {
    let shown = clean(name, 60);
    let wrong = |why: String| Err(Error::invalid(format_args!("name: {why}")));
    let is_safe = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 31
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_safe {
        return wrong(format!("`{shown}`: iohyve takes a letter, then at most 30 letters, digits and `_`"));
    }
    if let Some(word) = FORBIDDEN.iter().find(|word| name.contains(**word)) {
        return wrong(format!("`{shown}` contains `{word}`, which iohyve takes for its own"));
    }
    if others.iter().any(|other| other.name == name) {
        return Err(Error::conflict(format_args!("{name} is there already")));
    }
    match others.iter().find(|other| mixes(name, &other.name) || mixes(&other.name, name)) {
        Some(other) => wrong(format!("iohyve would mix up `{shown}` with {}: choose another", clean(&other.name, 60))),
        None => Ok(()),
    }
}

/// A name of a snapshot, which stands after a machine's name and an `@`.
pub(super) fn check_snapshot(name: &str) -> Result<()> {
    if check(name).is_ok() {
        return Ok(());
    }
    let shown = clean(name, 60);
    Err(Error::invalid(format_args!("name: `{shown}`: iohyve takes letters, digits, `.`, `_` and `-` for a snapshot")))
}

/// A name of an image, which becomes a dataset and stands unquoted in commands.
pub(in crate::backend) fn check_iso(name: &str) -> Result<()> {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 200
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
    if is_plain {
        return Ok(());
    }
    let shown = clean(name, 60);
    Err(Error::invalid(format_args!(
        "`{shown}`: iohyve takes letters, digits, `.`, `_`, `-` and `:` in names of images"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Row {
        Row {
            name: name.to_owned(),
            is_loaded: false,
            is_running: false,
            loader: super::super::Loader::Untold,
            starts_at_boot: false,
            description: String::new(),
        }
    }

    #[test]
    fn an_old_iohyve_would_delete_what_contains_the_name() {
        let others = [row("myweb"), row("db")];
        assert!(check_deletion("web", &others, Version::read("iohyve v0.7.3 2016/01/08 Bear")).is_err());
        assert!(check_deletion("web", &others, None).is_err());
        assert!(check_deletion("web", &others, Version::read("iohyve v0.7.9 2017/06/26")).is_ok());
        assert!(check_deletion("w.b", &[row("wab")], Some(Version::EXACT)).is_err());
        assert!(check_deletion("-f", &[], Some(Version::EXACT)).is_err());
    }

    #[test]
    fn a_new_name_is_told_apart_from_all_others() {
        let others = [row("web2")];
        for name in ["web", "web22", "2web", "a b", "-f", "mydisk", "VMMx", "a.b", ""] {
            assert!(check_new(name, &others).is_err(), "{name}");
        }
        assert!(check_new("bsdguest", &others).is_ok());
    }
}
