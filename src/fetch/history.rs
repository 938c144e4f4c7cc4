//! The fetches that have ended: one line each, in a hidden file beside the images.
use super::{Fetched, Journal, Order};
use crate::{
    domain::{ByteSize, Error, ErrorKind, PastFetch, Progress, Result, Stamp},
    transport::{Stopwatch, now},
};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// How many are kept at least, and at most.
const KEPT: (usize, usize) = (200, 400);

#[derive(Serialize, Deserialize)]
struct Row {
    name: String,
    source: String,
    ended: u64,
    took: u64,
    received: u64,
    why: Option<String>,
    checked: Option<String>,
}

fn path(folder: &Path) -> PathBuf {
    folder.join(".fetches")
}

/// What has ended in `folder`, the newest first. A line that cannot be read is left out.
pub fn history(folder: &Path) -> Vec<PastFetch> {
    let text = fs::read_to_string(path(folder)).unwrap_or_default();
    let rows = text.lines().rev().filter_map(|line| serde_json::from_str::<Row>(line).ok());
    let past = |row: Row| PastFetch {
        name: row.name,
        source: row.source,
        ended: Stamp(row.ended),
        took: Duration::from_millis(row.took),
        received: ByteSize(row.received),
        why: row.why,
        checked: row.checked,
    };
    rows.take(KEPT.0).map(past).collect()
}

/// What came while a process worked on a fetch.
pub(super) struct Came {
    since: Stopwatch,
    /// How much was there when the first bytes came: nothing also where a server began anew.
    first: Option<u64>,
    most: u64,
    total: Option<u64>,
}

impl Came {
    pub(super) fn start() -> Self {
        Self { since: Stopwatch::start(), first: None, most: 0, total: None }
    }

    pub(super) fn take(&mut self, progress: &Progress) {
        let Some(done) = progress.done else { return };
        self.first.get_or_insert(done.0);
        self.most = self.most.max(done.0);
        self.total = progress.total.map(|total| total.0).or(self.total);
    }
}

/// Writes down how the process of a fetch ended: what was known `before` it began, and what `came`.
pub(super) fn note_end(folder: &Path, name: &str, before: &Journal, came: &Came, done: &Result<Fetched>) {
    let end = match done {
        Ok(fetched) if !before.unpack => fetched.size.0,
        Ok(_) => came.total.unwrap_or(came.most),
        Err(_) => came.most,
    };
    note(
        folder,
        &PastFetch {
            name: name.to_owned(),
            source: before.source(),
            ended: now(),
            took: came.since.elapsed(),
            received: ByteSize(end.saturating_sub(came.first.unwrap_or(0))),
            why: done.as_ref().err().map(|error| error.message.clone()),
            checked: done.as_ref().ok().and_then(|fetched| fetched.checked.clone()),
        },
    );
}

/// Writes down that a fetch which rested was thrown away.
pub(super) fn note_cancelled(folder: &Path, name: &str) {
    let Ok(Some(journal)) = Journal::read(folder, name) else { return };
    let why = Error::new(ErrorKind::Cancelled, "cancelled");
    let received = ByteSize(journal.done);
    note(folder, &PastFetch { received, ..failed(name.to_owned(), journal.source(), Duration::ZERO, &why) });
}

/// Writes down that nothing was begun, and why.
pub fn note_refused(folder: &Path, order: &Order, took: Duration, why: &Error) {
    let name = order.name.clone().or_else(|| order.address.name()).unwrap_or_default();
    note(folder, &failed(name, order.address.to_string(), took, why));
}

fn failed(name: String, source: String, took: Duration, why: &Error) -> PastFetch {
    PastFetch { name, source, ended: now(), took, received: ByteSize(0), why: Some(why.message.clone()), checked: None }
}

/// The oldest go when there are too many. It is only a note: where it cannot be written, nothing else fails.
fn note(folder: &Path, past: &PastFetch) {
    let row = Row {
        name: past.name.clone(),
        source: past.source.clone(),
        ended: past.ended.0,
        took: u64::try_from(past.took.as_millis()).unwrap_or(u64::MAX),
        received: past.received.0,
        why: past.why.clone(),
        checked: past.checked.clone(),
    };
    let path = path(folder);
    let write = || -> std::io::Result<()> {
        let mut line = serde_json::to_string(&row)?;
        line.push('\n');
        let mut file = File::options().read(true).append(true).create(true).open(&path)?;
        // Two fetches may end at once.
        flock(&file, FlockOperation::LockExclusive)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() >= KEPT.1 {
            let kept = lines.get(lines.len() - KEPT.0..).unwrap_or_default().join("\n") + "\n";
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(kept.as_bytes())?;
        }
        file.write_all(line.as_bytes())
    };
    if let Err(error) = write() {
        tracing::warn!("the history of fetches: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_a_broken_line_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        assert!(history(folder.path()).is_empty());
        let past = |n: u64| PastFetch {
            name: format!("{n}.iso"),
            source: "http://h/a.iso".into(),
            ended: Stamp(n),
            took: Duration::from_millis(1500),
            received: ByteSize(n),
            why: n.is_multiple_of(2).then(|| "no".to_owned()),
            checked: None,
        };
        for n in 0..=450 {
            note(folder.path(), &past(n));
        }
        let found = history(folder.path());
        assert_eq!((found.len(), &found[0], &found[199]), (200, &past(450), &past(251)));
        assert!(fs::read_to_string(path(folder.path())).unwrap().lines().count() <= 400);
        let text = fs::read_to_string(path(folder.path())).unwrap();
        fs::write(path(folder.path()), format!("{text}{{\"name\":\n")).unwrap();
        note(folder.path(), &past(451));
        let found = history(folder.path());
        assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("451.iso", "450.iso"));
    }
}
