//! A fetch as a process of its own: it belongs to the host and not to a screen, so it outlives whoever asked for it.
use super::{
    Address, Fetched, Journal, Options, PART, State,
    cancel::is_being_cancelled,
    forget,
    history::{self, Came},
    part::{Part, is_free},
    resume_part, settle,
};
use crate::{
    domain::{Error, ErrorKind, Progress, Result, Secret, Stamp, clean_line},
    transport::{Program, Stopwatch, at, now},
};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often a wish, and a free slot, are looked for.
const LOOK: Duration = Duration::from_millis(250);
/// How soon its end is seen by those who wait for it.
const GLANCE: Duration = Duration::from_millis(20);
/// How long the process of a fetch may take to be there before the fetch is said to be interrupted.
const BEGINNING: Duration = Duration::from_secs(2);
/// How long one that is gone may have been at its last word: what is kept apart loses its lock a moment before.
const LAST_WORD: Duration = Duration::from_millis(500);
/// The same where it was asked to throw away what came: its history is written first.
pub(super) const LAST_DEED: Duration = Duration::from_secs(5);
/// How long a process may take to show that it lives, on a machine that is busy.
const START: Duration = Duration::from_secs(30);

/// What somebody wants of a fetch that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Rest, and go on later.
    Pause,
    /// End, and leave nothing.
    Cancel,
}

/// A wish is a hidden file beside the journal: it finds the process without a number that may mean another one by now.
pub(super) fn wish_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.wish"))
}

pub(super) fn wish(folder: &Path, name: &str) -> Option<Wish> {
    match fs::read(wish_path(folder, name)).ok()?.as_slice() {
        b"pause" => Some(Wish::Pause),
        b"cancel" => Some(Wish::Cancel),
        _ => None,
    }
}

/// Whether a process works on, or waits for, the fetch of `name`.
pub fn is_live(folder: &Path, name: &str) -> bool {
    let Ok(part) = File::open(folder.join(format!("{name}{PART}"))) else { return false };
    !is_free(&part)
}

/// Asks the fetch of `name` to pause or to end; does it itself where no process is there to ask.
pub fn ask_to(folder: &Path, name: &str, wish: Wish) -> Result<()> {
    if Journal::read(folder, name).is_ok_and(|journal| journal.is_none()) {
        return Err(Error::not_found(format_args!("{} is not being fetched", clean_line(name))));
    }
    if is_being_cancelled(folder, name) {
        let why = || Error::conflict(format_args!("{} is being cancelled", clean_line(name)));
        return if wish == Wish::Cancel { Ok(()) } else { Err(why()) };
    }
    if is_live(folder, name) {
        let path = wish_path(folder, name);
        let word = if wish == Wish::Pause { "pause" } else { "cancel" };
        return fs::write(&path, word).map_err(at(&path));
    }
    match wish {
        Wish::Cancel => {
            history::note_cancelled(folder, name);
            forget(folder, name)
        }
        Wish::Pause => Err(Error::conflict(format_args!("{} is not being fetched now", clean_line(name)))),
    }
}

/// The server whose user and password a fetch was begun with, where they have to be given again to go on with it.
pub fn wants_login(folder: &Path, name: &str) -> Result<Option<String>> {
    let journal = Journal::read(folder, name)?.filter(|journal| journal.has_login && !is_live(folder, name));
    journal.map(|journal| Ok(journal.url.parse::<Address>()?.place())).transpose()
}

/// Starts the process of a fetch that has a journal, unless one works on it already.
pub fn start(program: &Path, folder: &Path, name: &str, at_once: usize, options: &Options) -> Result<()> {
    start_with(program, folder, name, at_once, options, None)
}

/// [`start`] with a user and a password, which stand neither in the journal nor among the words of the process.
pub fn start_with(
    program: &Path,
    folder: &Path,
    name: &str,
    at_once: usize,
    options: &Options,
    login: Option<&(String, Secret)>,
) -> Result<()> {
    if is_live(folder, name) {
        return Ok(());
    }
    if login.is_none() && wants_login(folder, name)?.is_some() {
        return Err(Error::new(
            ErrorKind::NeedsAnswer,
            "its user and password are kept nowhere: fetch it again with both in the address, and it goes on where it was",
        ));
    }
    let _ = fs::remove_file(wish_path(folder, name));
    let mut worker = Program::new(program).arg("fetch-worker").arg("--at-once").arg(at_once.to_string());
    if let Some(rate) = options.limit.rate() {
        worker = worker.arg("--rate").arg(rate.to_string());
    }
    if let Some(ca) = &options.ca {
        worker = worker.arg("--ca").arg(ca);
    }
    let login = login.map(|(user, password)| Secret::new(format!("{user}\n{}", password.expose())));
    worker.arg("--").arg(folder).arg(name).detach(login.as_ref())
}

/// Follows a fetch that a process works on, to its end. Dropped, it lets the fetch go on; when `cancel` is cancelled, so
/// is the fetch. `left` is the stamp of its journal before the process was started: how an earlier one left it is not
/// how this one ends.
pub async fn follow(
    folder: &Path,
    name: &str,
    left: Option<(u64, i64, i64)>,
    cancel: &CancellationToken,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<()> {
    let since = Stopwatch::start();
    let mut has_lived = false;
    let mut is_cancelled = false;
    let mut gone: Option<Stopwatch> = None;
    loop {
        // First whether it lives: a journal that is read after that tells how it ended.
        let lives = is_live(folder, name);
        let is_dropped = is_being_cancelled(folder, name);
        // Its part, and with it the lock, goes a moment before its journal.
        if !lives && settle(folder, name)? {
            return Ok(());
        }
        let Some(journal) = Journal::read(folder, name)? else {
            let is_whole = folder.join(name).exists();
            return if is_whole { Ok(()) } else { Err(Error::new(ErrorKind::Cancelled, "cancelled")) };
        };
        // One that is short has come and gone before anybody looks.
        has_lived |= lives || Journal::stamp(folder, name) != left;
        gone = gone.filter(|_| !lives);
        match &journal.state {
            _ if lives => progress(journal.progress()),
            _ if is_dropped && gone.get_or_insert_with(Stopwatch::start).elapsed() < LAST_DEED => {}
            _ if !has_lived && since.elapsed() < START => {}
            State::Waiting | State::Running if gone.get_or_insert_with(Stopwatch::start).elapsed() < LAST_WORD => {}
            _ => {
                let why = journal.halt();
                if matches!(journal.state, State::Stopped(_)) && journal.saved.offset == 0 {
                    let _ = forget(folder, name);
                    return Err(Error::refused(why));
                }
                return Err(Error::new(ErrorKind::Interrupted, why));
            }
        }
        tokio::select! {
            () = until_news(folder, name, lives) => {}
            () = cancel.cancelled(), if !is_cancelled => {
                is_cancelled = true;
                ask_to(folder, name, Wish::Cancel)?;
            }
        }
    }
}

/// Waits for the next look; not longer than until the process begins or ends.
async fn until_news(folder: &Path, name: &str, lives: bool) {
    let since = Stopwatch::start();
    while since.elapsed() < LOOK && is_live(folder, name) == lives {
        sleep(GLANCE).await;
    }
}

impl Journal {
    /// How it goes, for those who watch.
    pub fn progress(&self) -> Progress {
        let note = match self.state {
            State::Waiting => Some("waiting for other fetches".to_owned()),
            _ => self.note.clone(),
        };
        let bytes = (self.done > 0 || self.total.is_some()).then(|| Progress::bytes(self.done, self.total));
        Progress { rate: self.rate, note: Some(note.unwrap_or_default()), ..bytes.unwrap_or_default() }
    }

    /// Whether it was asked for just now, so that its process may not be there yet.
    pub fn begins(&self) -> bool {
        let is_open = matches!(self.state, State::Waiting | State::Running);
        is_open && self.done == 0 && now().since(Stamp(self.asked)) < BEGINNING
    }

    /// Why it does not go on, where no process works on it.
    pub fn halt(&self) -> String {
        let figures = self.progress().figures();
        match &self.state {
            State::Stopped(why) => why.clone(),
            State::Paused => format!("paused at {}", Progress { rate: None, ..self.progress() }.figures()),
            _ if self.done == 0 => "interrupted before anything came".to_owned(),
            _ => format!("interrupted at {}", figures.split("  ").next().unwrap_or_default()),
        }
    }
}

/// The whole life of the process: it waits for its turn, fetches, and minds what people wish.
pub async fn work(
    folder: &Path,
    name: &str,
    login: Option<(String, Secret)>,
    at_once: usize,
    options: &Options,
) -> Result<Fetched> {
    let part = locked(folder, name).await?;
    let stop = CancellationToken::new();
    let mind = async {
        while wish(folder, name).is_none() {
            sleep(LOOK).await;
        }
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let mut begun = None;
    let fetch = async {
        let _slot = tokio::select! {
            slot = slot(folder, name, at_once) => slot?,
            () = stop.cancelled() => None,
        };
        let (came, _) = begun.insert((Came::start(), Journal::read(folder, name)?));
        resume_part(part, folder, name, login, options, &stop, |progress| came.take(&progress)).await
    };
    let done = tokio::select! {
        done = fetch => done,
        () = mind => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
    };
    let wish = wish(folder, name);
    // One that rests has not ended; and what is only a note does not undo a fetch that is whole.
    if let (Some((came, Some(before))), false) = (begun, wish == Some(Wish::Pause) && done.is_err()) {
        history::note_end(folder, name, &before, &came, &done);
    }
    if done.is_err() && wish == Some(Wish::Cancel) {
        forget(folder, name)?;
    }
    // As long as it is there, nobody goes on with what is thrown away.
    let _ = fs::remove_file(wish_path(folder, name));
    done
}

/// The part, also where somebody only looks whether it is locked.
async fn locked(folder: &Path, name: &str) -> Result<Part> {
    let since = Stopwatch::start();
    loop {
        match Part::open(folder, name) {
            Err(error) if error.kind == ErrorKind::Conflict && since.elapsed() < Duration::from_secs(1) => {
                sleep(Duration::from_millis(20)).await;
            }
            opened => return opened,
        }
    }
}

/// Waits until one of the slots of this folder is free and nobody waits who was first.
async fn slot(folder: &Path, name: &str, at_once: usize) -> Result<Option<File>> {
    let mine = Journal::read(folder, name)?.map_or(u64::MAX, |journal| journal.asked);
    loop {
        let is_before = |other: &String| {
            let waits = Journal::read(folder, other).ok().flatten().filter(|journal| journal.state == State::Waiting);
            waits.is_some_and(|journal| (journal.asked, other.as_str()) < (mine, name)) && is_live(folder, other)
        };
        if !Journal::names(folder).iter().filter(|other| *other != name).any(is_before) {
            for number in 0..at_once.max(1) {
                let path = folder.join(format!(".fetching-{number}"));
                let open =
                    || -> io::Result<File> { File::options().write(true).create(true).truncate(false).open(&path) };
                let file = open().map_err(at(&path))?;
                if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                    return Ok(Some(file));
                }
            }
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_that_came_before_anybody_looked_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, name) = (folder.path(), "a.iso");
        let stopped = Journal {
            url: "http://h/a.iso".to_owned(),
            state: State::Stopped("no such file".to_owned()),
            ..Journal::default()
        };
        // Another process left it with the same words.
        stopped.write(folder, name).unwrap();
        let left = Journal::stamp(folder, name);
        stopped.write(folder, name).unwrap();
        let since = Stopwatch::start();
        let end = follow(folder, name, left, &CancellationToken::new(), |_| {}).await;
        assert_eq!(end.unwrap_err().message, "no such file");
        assert!(since.elapsed() < START / 2, "it came after {:?}", since.elapsed());
    }
}
