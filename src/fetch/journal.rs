//! What is known of a fetch that is under way or was interrupted, in a file beside its part.
use super::{Expected, checksum::Hasher};
use crate::{
    domain::{Error, Result, clean_line},
    transport::at,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Where a fetch stands. Whether it really runs is told by the lock on its part alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for others.
    #[default]
    Waiting,
    Running,
    /// Somebody wants it to rest.
    Paused,
    /// It gave up: why.
    Stopped(String),
}

/// What of the part is on the disk for certain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub offset: u64,
    /// The state of the checksum after these bytes, where one is expected.
    pub hash: Option<String>,
    /// The run of the machine in which this was written: as long as it lasts, later bytes of the part can be trusted too.
    pub boot: Option<String>,
}

/// The journal of one fetch: the hidden file `.NAME.fetch`, readable by its owner alone. Only who holds the lock on the
/// part writes it; each time whole, so that readers never see a half one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// Without user and password.
    pub url: String,
    /// When it was asked for, in milliseconds since 1970: the oldest goes first.
    pub asked: u64,
    pub expected: Option<Expected>,
    /// What comes is packed, and the image is what is in it.
    #[serde(default)]
    pub unpack: bool,
    pub state: State,
    /// `ETag` or `Last-Modified`: says whether the file at the server is still the one that was begun.
    pub validator: Option<String>,
    pub total: Option<u64>,
    pub(super) saved: Saved,
    /// For those who watch: bytes that have come, and how it goes.
    pub done: u64,
    pub rate: Option<f64>,
    pub note: Option<String>,
}

/// The hidden file of a fetch.
fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.fetch"))
}

impl Journal {
    /// The journal of the fetch that makes `name`; None: there is none.
    pub fn read(folder: &Path, name: &str) -> Result<Option<Self>> {
        let path = path(folder, name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&path)(error)),
        };
        let broken = |_| {
            let name = clean_line(name);
            Error::conflict(format_args!("the journal of {name} cannot be read: cancel the fetch and begin it anew"))
        };
        serde_json::from_slice(&text).map(Some).map_err(broken)
    }

    /// Where it comes from, for people: scheme, server and path alone.
    pub fn source(&self) -> String {
        self.url.parse::<super::Address>().map(|address| address.to_string()).unwrap_or_default()
    }

    /// The names of all fetches that have a journal in `folder`.
    pub fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(name.strip_prefix('.')?.strip_suffix(".fetch")?.to_owned())
        });
        let mut names: Vec<_> = names.filter(|name| super::check_library_name(name).is_ok()).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn write(&self, folder: &Path, name: &str) -> Result<()> {
        let path = path(folder, name);
        let new = folder.join(format!(".{name}.fetch~"));
        let write = || {
            let text = serde_json::to_vec(self)?;
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600).custom_flags(super::part::NOFOLLOW);
            options.open(&new)?.write_all(&text)?;
            fs::rename(&new, &path)
        };
        write().map_err(at(&path))
    }

    pub(super) fn remove(folder: &Path, name: &str) {
        let _ = fs::remove_file(path(folder, name));
        let _ = fs::remove_file(folder.join(format!(".{name}.fetch~")));
    }

    /// The checksum as it was after the saved bytes; Ok(None): none is expected.
    pub(super) fn hasher(&self) -> Result<Option<Hasher>> {
        let Some(expected) = &self.expected else { return Ok(None) };
        if self.saved.offset == 0 {
            return Ok(Some(Hasher::new(expected.sum.kind)));
        }
        let restored = self.saved.hash.as_ref().and_then(|state| Hasher::restore(expected.sum.kind, state));
        restored.map(Some).ok_or_else(|| Error::conflict("the journal does not tell how its checksum goes on"))
    }
}

/// Which run of the machine this is; None where the system does not tell.
pub(super) fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Journal::read(folder.path(), "a.iso").unwrap(), None);
        let expected = Expected { sum: "0".repeat(64).parse().unwrap(), source: "given".into() };
        let journal = Journal {
            url: "http://h/a.iso".into(),
            expected: Some(expected),
            state: State::Stopped("no".into()),
            saved: Saved { offset: 7, ..Saved::default() },
            ..Journal::default()
        };
        journal.write(folder.path(), "a.iso").unwrap();
        assert_eq!(Journal::read(folder.path(), "a.iso").unwrap(), Some(journal));
        assert_eq!(Journal::names(folder.path()), ["a.iso"]);
        fs::write(path(folder.path(), "a.iso"), "{").unwrap();
        assert!(Journal::read(folder.path(), "a.iso").unwrap_err().message.contains("cancel the fetch"));
        Journal::remove(folder.path(), "a.iso");
        assert!(Journal::names(folder.path()).is_empty());
    }

    #[test]
    fn a_sum_without_its_state_is_not_made_up() {
        let mut journal = Journal::default();
        assert!(journal.hasher().unwrap().is_none());
        journal.expected = Some(Expected { sum: "0".repeat(64).parse().unwrap(), source: "given".into() });
        assert!(journal.hasher().unwrap().is_some());
        journal.saved.offset = 1;
        assert!(journal.hasher().is_err());
    }
}
