//! Fetching images to this machine, into a folder: over HTTP, over FTP, and from files that are here already.
//!
//! A fetch reads a `source` and gives the bytes to a `writer`, which fills a `part` (`NAME.part` beside the place where
//! the image will be) and a `checksum`. Its `journal` (`.NAME.fetch`) says how much of the part is safe, of which
//! version of the file it is, and how the checksum goes on: so a fetch that was interrupted goes on where it was, and
//! reads and hashes nothing twice. Only a whole file whose checksum is right gets its name, in one step; its story
//! (`.NAME.origin`) stays beside it.
mod address;
mod cancel;
mod checksum;
mod copy;
mod ftp;
mod history;
mod http;
mod journal;
mod ledger;
mod look;
mod meter;
mod name;
mod order;
mod origin;
mod packed;
mod part;
mod proxy;
mod rate;
mod receive;
mod source;
mod sums;
mod unpack;
mod worker;
mod writer;

pub use address::Address;
pub use cancel::{cancel, is_being_cancelled, until_cancelled};
pub use checksum::{Kind, Sum};
pub use copy::copy_file;
pub use history::{history, note_refused};
pub use journal::{Journal, State};
pub use look::{Look, look, probe};
pub use meter::Meter;
pub use name::{MISMATCH, PART, check_library_name};
pub use order::{Order, ask, forget, join, settle};
pub use origin::Origin;
pub use part::move_to_free_name;
pub use rate::Limit;
pub use sums::Expected;
pub use worker::{Wish, ask_to, follow, is_live, start, start_with, wants_login, work};

use crate::{
    domain::{ByteSize, Error, ErrorKind, Progress, Result, Secret, clean_line},
    transport::free_space,
};
use ledger::{Ledger, Teller};
use order::begin;
use part::Part;
use receive::Receive;
use source::{Body, Source};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use writer::Writer;

/// How to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How fast at most; clones of these options keep it together.
    pub limit: Limit,
    /// A PEM file with certificates of authorities to trust beside those of the system.
    pub ca: Option<PathBuf>,
    /// How long a server may take to answer the first time.
    pub connect: Duration,
    /// How long a server may say nothing at all.
    pub stall: Duration,
    /// How often to try in a row without a single new byte.
    pub tries: u32,
    /// The first pause between two tries; it doubles.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limit: Limit::default(),
            ca: None,
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(60),
            tries: 10,
            pause: Duration::from_secs(1),
        }
    }
}

/// A file that is whole and has its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub name: String,
    pub path: PathBuf,
    pub size: ByteSize,
    /// The verdict on its checksum, and where that came from; None: there was none to check.
    pub checked: Option<String>,
}

/// Fetches into `folder` from the first look to the end; what was left of the same fetch is gone on with.
///
/// Reports at most ten times a second. All failures are definite, and nothing ever replaces a file that exists. When it
/// fails after bytes have come, they stay with their journal, for [`resume`] or [`forget`]; cancelled, nothing stays.
pub async fn fetch(
    order: &Order,
    folder: &Path,
    options: &Options,
    stop: &CancellationToken,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Fetched> {
    progress(Progress::note(format!("asking {}", order.address.place())));
    let look = unless(stop, look(order, folder, options)).await?;
    let part = Part::open(folder, &look.name)?;
    let journal = begin(order, &look, folder, &part)?;
    let ledger = Ledger::open(folder, &look.name, journal);
    let work = Work { address: &order.address, folder, name: &look.name, options, ledger: &ledger, stop };
    let done = work.run(part, Some(look.source), &mut progress).await;
    if let Err(error) = &done
        && (ledger.get().saved.offset == 0 || error.kind == ErrorKind::Cancelled)
    {
        let _ = forget(folder, &look.name);
    }
    done
}

/// Goes on with a fetch that has a journal, or begins it. `login` stands in for what the journal does not keep.
pub async fn resume(
    folder: &Path,
    name: &str,
    login: Option<(String, Secret)>,
    options: &Options,
    stop: &CancellationToken,
    progress: impl FnMut(Progress) + Send,
) -> Result<Fetched> {
    let part = Part::open(folder, name)?;
    resume_part(part, folder, name, login, options, stop, progress).await
}

/// [`resume`] with a part that is locked already.
async fn resume_part(
    part: Part,
    folder: &Path,
    name: &str,
    login: Option<(String, Secret)>,
    options: &Options,
    stop: &CancellationToken,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Fetched> {
    let Some(journal) = Journal::read(folder, name)? else {
        part.discard();
        return Err(Error::not_found(format_args!("nothing is known of a fetch of {}", clean_line(name))));
    };
    refuse_existing(folder, name)?;
    let address = journal.url.parse::<Address>()?.with_login(login);
    let ledger = Ledger::open(folder, name, journal);
    let work = Work { address: &address, folder, name, options, ledger: &ledger, stop };
    work.run(part, None, &mut progress).await
}

/// A fetch on its way.
struct Work<'a> {
    address: &'a Address,
    folder: &'a Path,
    name: &'a str,
    options: &'a Options,
    ledger: &'a Ledger,
    stop: &'a CancellationToken,
}

impl Work<'_> {
    async fn run<F>(&self, part: Part, opened: Option<Source>, progress: &mut F) -> Result<Fetched>
    where
        F: FnMut(Progress) + Send,
    {
        self.ledger.change(|journal| journal.state = State::Running)?;
        // The lock lasts until the end is written down: whoever finds no lock reads how it ended.
        let _lock = part.file().try_clone().map_err(|error| part.error(error))?;
        let done = self.bring(part, opened, progress).await;
        if let Err(error) = &done
            && Journal::read(self.folder, self.name)?.is_some()
        {
            let is_paused = error.kind == ErrorKind::Cancelled;
            self.ledger.change(|journal| {
                journal.state = if is_paused { State::Paused } else { State::Stopped(error.message.clone()) };
                (journal.rate, journal.note) = (None, None);
            })?;
        }
        done
    }

    async fn bring<F>(&self, part: Part, opened: Option<Source>, progress: &mut F) -> Result<Fetched>
    where
        F: FnMut(Progress) + Send,
    {
        let mut teller = Teller { ledger: self.ledger, told: None, progress };
        let ledger = self.ledger.clone();
        let writer = if self.address.url().scheme() == "file" {
            let source = source::open(self.address, self.options, None).await.map_err(|broken| broken.error)?;
            let Body::File(from) = source.body else { return Err(Error::invalid("url: no file of this machine")) };
            let total = source.total.unwrap_or(0);
            part.file().set_len(0).map_err(|error| part.error(error))?;
            let path = self.folder.join(self.name);
            copy_file(from, part.file(), &path, total, self.stop, &mut |p| teller.tell(p)).await?;
            blocking(move || Writer::filled(part, ledger)).await?
        } else {
            let writer = blocking(move || Writer::take_up(part, ledger)).await?;
            let Self { address, folder, name, options, ledger, stop } = *self;
            // What was opened for the look begins at the first byte.
            let opened = opened.filter(|_| writer.offset == 0);
            Receive { address, folder, name, options, ledger, stop }.all(writer, opened, &mut teller).await?
        };
        // What is short has told of no byte yet.
        let come = Progress::bytes(writer.offset, self.ledger.get().total);
        teller.tell(Progress { note: Some("writing the rest to disk".to_owned()), ..come });
        let name = self.name.to_owned();
        let mut whole = blocking(move || writer.check(&name)).await?;
        if self.ledger.get().unpack {
            let (from, total) = whole.packed()?;
            let to = unpack::path(self.folder, self.name);
            let file = unpack::unpack(from, total, to.clone(), self.stop, &mut |p| teller.tell(p)).await?;
            whole.unpacked = Some((file, to));
        }
        let (folder, name) = (self.folder.to_owned(), self.name.to_owned());
        let checked = whole.checked.clone();
        let (path, size) = blocking(move || whole.finish(&folder, &name)).await?;
        Ok(Fetched { name: self.name.to_owned(), path, size, checked })
    }
}

/// Does `work` unless it is stopped before.
async fn unless<T, E: From<Error>>(stop: &CancellationToken, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled").into()),
        done = work => done,
    }
}

fn short(received: u64, total: u64) -> Error {
    Error::refused(format_args!("only {} of {} came", ByteSize(received), ByteSize(total)))
}

fn refuse_existing(folder: &Path, name: &str) -> Result<()> {
    match folder.join(name).symlink_metadata() {
        Ok(_) => Err(Error::conflict(format_args!("{} is in the library already", clean_line(name)))),
        Err(_) => Ok(()),
    }
}

fn refuse_too_large(folder: &Path, total: Option<u64>) -> Result<()> {
    let (Some(total), Ok(free)) = (total, free_space(folder)) else { return Ok(()) };
    if total <= free.0 {
        return Ok(());
    }
    let folder = folder.to_string_lossy();
    Err(Error::refused(format_args!("it has {}, and {} has {free} left", ByteSize(total), clean_line(&folder))))
}

/// Runs what waits for the disk on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let mut thread = JoinSet::new();
    thread.spawn_blocking(work);
    ended(thread).await
}

async fn ended<T: Send + 'static>(mut thread: JoinSet<Result<T>>) -> Result<T> {
    match thread.join_next().await {
        Some(Ok(done)) => done,
        _ => Err(Error::new(ErrorKind::Panicked, "the thread that writes the file ended unexpectedly")),
    }
}
