//! What is known of a fetch that is under way or was interrupted, in a file beside its part.
use super::{Address, Expected, checksum::Hasher};
use crate::{
    domain::{Error, Result, clean_line},
    transport::at,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
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
    /// Whether a user and a password came with it.
    #[serde(default)]
    pub has_login: bool,
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
    /// How far the checksum is beyond that, and its state: in the same run of the machine no byte is hashed twice.
    #[serde(default)]
    pub(super) hashed: Option<(u64, String)>,
    /// For those who watch: bytes that have come, and how it goes.
    pub done: u64,
    pub rate: Option<f64>,
    pub note: Option<String>,
}

/// Writes where the old journal is: on a storage without room that is all there is. Blanks take the place of what was
/// longer, so that it can be read at any moment.
fn write_over(options: &OpenOptions, path: &Path, mut text: Vec<u8>) -> io::Result<()> {
    let file = options.open(path)?;
    let old = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    text.resize(text.len().max(old), b' ');
    file.write_all_at(&text, 0)
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

    /// Tells one writing of the journal from another; None: there is none.
    pub fn stamp(folder: &Path, name: &str) -> Option<(u64, i64, i64)> {
        let meta = path(folder, name).metadata().ok()?;
        Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
    }

    /// Where it comes from, for people: scheme, server and path alone.
    pub fn source(&self) -> String {
        self.url.parse::<Address>().map(|address| address.to_string()).unwrap_or_default()
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
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600).custom_flags(super::part::NOFOLLOW);
        let write = |text: &[u8]| {
            options.clone().create(true).truncate(true).open(&new)?.write_all(text)?;
            fs::rename(&new, &path)
        };
        let text = serde_json::to_vec(self).map_err(io::Error::other).map_err(at(&path))?;
        write(&text)
            .or_else(|error| {
                let _ = fs::remove_file(&new);
                write_over(&options, &path, text).map_err(|_| error)
            })
            .map_err(at(&path))
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

    /// The checksum as it was further on, after no more than `len` bytes; None: nobody wrote it down.
    pub(super) fn hashed_up_to(&self, len: u64) -> Option<(u64, Hasher)> {
        let (offset, state) = self.hashed.as_ref()?;
        let is_further = (self.saved.offset..=len).contains(offset);
        let hasher = Hasher::restore(self.expected.as_ref().filter(|_| is_further)?.sum.kind, state)?;
        Some((*offset, hasher))
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
        // Where no new file can be made, the old one takes the word, and one that is shorter too.
        fs::create_dir(folder.path().join(".a.iso.fetch~")).unwrap();
        let short = Journal { url: "http://h/a.iso".into(), done: 5, ..Journal::default() };
        short.write(folder.path(), "a.iso").unwrap();
        assert_eq!(Journal::read(folder.path(), "a.iso").unwrap(), Some(short));
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
