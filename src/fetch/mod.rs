//! Fetching images to this machine: from `http://`, `https://` and `file://` into a folder, whole or not at all.
//!
//! A fetch reads a `source`, writes to a `part` (`NAME.part` beside the place where the image will be) and tells its
//! `meter`. The three know nothing of each other: a source can begin at an offset and a part can be taken up again
//! without the others noticing.
mod address;
mod copy;
mod meter;
mod name;
mod part;
mod source;

pub use address::Address;
pub use meter::Limit;
pub use name::{PART, check_library_name};
pub use part::move_to_free_name;

use crate::{
    domain::{ByteSize, Error, ErrorKind, Progress, Result, clean_line},
    transport::free_space,
};
use meter::Meter;
use part::Part;
use source::{Body, Source};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::{bytes::Bytes, sync::CancellationToken};

/// How many received pieces may wait for the disk.
const AHEAD: usize = 32;

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
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: Limit::default(), ca: None, connect: Duration::from_secs(15), stall: Duration::from_secs(60) }
    }
}

/// A file that is whole and has its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub name: String,
    pub path: PathBuf,
    pub size: ByteSize,
}

/// Fetches `address` into `folder`, as `name` or what the server or the address calls it.
///
/// Reports at most ten times a second. All failures are definite: what came of the file is gone then, and nothing ever
/// replaces a file that exists. Cancelled, it ends with [`ErrorKind::Cancelled`].
pub async fn fetch(
    address: &str,
    folder: &Path,
    name: Option<&str>,
    options: &Options,
    cancel: &CancellationToken,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Fetched> {
    let address: Address = address.parse()?;
    if let Some(name) = name {
        check_library_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        refuse_existing(folder, name)?;
    }
    progress(Progress::note(format!("asking {}", address.place())));
    let source = unless(cancel, source::open(&address, options)).await?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => name::choose(&source.names)?,
    };
    source.refuse_other_than_image(&name)?;
    refuse_existing(folder, &name)?;
    refuse_too_large(folder, source.total)?;
    let part = Part::open(folder, &name)?;
    let (part, size) = match source.body {
        Body::Http(_) => receive(source, part, &options.limit, cancel, &mut progress).await?,
        Body::File(from) => copy::copy(from, part, source.total.unwrap_or(0), cancel, &mut progress).await?,
    };
    progress(Progress::note("writing the rest to disk"));
    let path = blocking(move || part.finish()).await?;
    Ok(Fetched { name, path, size: ByteSize(size) })
}

/// Does `work` unless it is cancelled before.
async fn unless<T>(cancel: &CancellationToken, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
        done = work => done,
    }
}

/// Passes pieces from the server to a thread that writes them.
async fn receive(
    mut source: Source,
    part: Part,
    limit: &Limit,
    cancel: &CancellationToken,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<(Part, u64)> {
    let total = source.total;
    let (pieces, mut waiting) = mpsc::channel::<Bytes>(AHEAD);
    let mut writer = JoinSet::new();
    writer.spawn_blocking(move || {
        let mut part = part;
        while let Some(piece) = waiting.blocking_recv() {
            part.write(&piece)?;
        }
        Ok(part)
    });
    let pump = async {
        let mut meter = Meter::start(total);
        progress(meter.report());
        let mut received = 0_u64;
        while let Some(piece) = source.next().await? {
            let size = piece.len() as u64;
            received += size;
            if pieces.send(piece).await.is_err() {
                break; // The writer gave up: it says why below.
            }
            if let Some(report) = meter.add(size) {
                progress(report);
            }
            limit.after(size).await;
        }
        Ok(received)
    };
    let received = unless(cancel, pump).await;
    // The writer is waited for in any case: when this returns, the part is whole or gone.
    drop(pieces);
    let part = ended(writer).await?;
    let received = received?;
    if let Some(total) = total.filter(|total| *total != received) {
        return Err(short(received, total));
    }
    if received == 0 {
        return Err(Error::refused("the server sent an empty file"));
    }
    Ok((part, received))
}

fn short(received: u64, total: u64) -> Error {
    Error::refused(format_args!("only {} of {} came: it was not kept", ByteSize(received), ByteSize(total)))
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
