use super::{Journal, journal::boot};
use crate::domain::{Progress, Result};
use crate::transport::Stopwatch;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How often those who watch from outside are told how it goes.
const EVERY: Duration = Duration::from_secs(1);

/// The journal of a running fetch, shared by who receives and who writes.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    folder: Arc<PathBuf>,
    name: Arc<str>,
    journal: Arc<Mutex<Journal>>,
}

impl Ledger {
    /// `journal` as it was found. From here on, what comes is trusted until the machine stops.
    pub(super) fn open(folder: &Path, name: &str, journal: Journal) -> Self {
        Self { folder: Arc::new(folder.to_owned()), name: name.into(), journal: Arc::new(Mutex::new(journal)) }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self) -> Journal {
        self.journal().clone()
    }

    /// Changes it, on the disk too.
    pub(super) fn change(&self, change: impl FnOnce(&mut Journal)) -> Result<()> {
        let mut journal = self.journal();
        change(&mut journal);
        journal.write(&self.folder, &self.name)
    }

    /// Says that `offset` bytes are on the disk, and what their checksum's state is.
    pub(super) fn save(&self, offset: u64, hash: Option<String>) -> Result<()> {
        self.change(|journal| {
            journal.saved = super::journal::Saved { offset, hash, boot: boot() };
            (journal.hashed, journal.done) = (None, offset);
        })
    }
}

/// Tells of progress: at once to the caller, once a second to the journal.
pub(super) struct Teller<'a, F> {
    pub(super) ledger: &'a Ledger,
    pub(super) told: Option<Stopwatch>,
    pub(super) progress: &'a mut F,
}

impl<F: FnMut(Progress) + Send> Teller<'_, F> {
    pub(super) fn tell(&mut self, progress: Progress) {
        let is_news = progress.note.as_ref().is_some_and(|note| !note.is_empty());
        if is_news || self.told.is_none_or(|told| told.elapsed() >= EVERY) {
            self.told = Some(Stopwatch::start());
            // A journal that cannot be written now is written later, or ends the fetch when the part is saved.
            let _ = self.ledger.change(|journal| {
                journal.done = progress.done.map_or(journal.done, |done| done.0);
                journal.total = progress.total.map(|total| total.0).or(journal.total);
                journal.rate = progress.rate;
                journal.note = progress.note.clone().filter(|note| !note.is_empty());
            });
        }
        (self.progress)(progress);
    }
}
