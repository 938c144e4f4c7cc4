//! Images that are whole on this computer and wait to be sent to libvirt's: each a file, locked by who sends it.
//!
//! Who takes the file away stops the sending, from whatever program.
use super::images::is_image;
use crate::{
    backend::Call,
    domain::{Error, ErrorKind, OpenFetch, Progress, Result, TaskState, clean_line},
    fetch::{Journal, Origin},
    transport::at,
};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{sleep, timeout};

const WAITS: &str = "it is whole on this computer and waits to be sent";
const SENT: &str = "it is being sent from this computer";

/// What was made of it on the other side, for who goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trace {
    pub(super) pool: String,
    /// All has come there, and libvirt copies it to its name.
    pub(super) copying: bool,
}

/// An image that is ours to send.
#[derive(Debug)]
pub(super) struct Staged {
    folder: PathBuf,
    name: String,
    file: File,
    pub(super) size: u64,
    /// How it was checked.
    pub(super) checked: Option<String>,
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join("whole").join(name)
}

fn trace_path(folder: &Path, name: &str) -> PathBuf {
    folder.join("whole").join(format!(".{name}.sent"))
}

/// The images that wait in `folder`, or are being sent.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("whole")).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_image(name));
    names.sort_unstable();
    names
}

/// Whether `name` has come whole, and is no image of libvirt's yet.
pub(super) fn waits(folder: &Path, name: &str) -> bool {
    let has_journal = || Journal::read(folder, name).is_ok_and(|journal| journal.is_some());
    path(folder, name).is_file() || folder.join(name).is_file() && !has_journal()
}

/// Where it came from, as far as that is known.
pub(super) fn source(folder: &Path, name: &str) -> Option<String> {
    let of = |path: PathBuf| Some(Origin::read(folder, name, &path.metadata().ok()?)?.url);
    of(path(folder, name)).or_else(|| of(folder.join(name)))
}

/// How many bytes came.
pub(super) fn size(folder: &Path, name: &str) -> Option<u64> {
    let of = |path: PathBuf| Some(path.metadata().ok()?.len());
    of(path(folder, name)).or_else(|| of(folder.join(name)))
}

fn is_sent(folder: &Path, name: &str) -> bool {
    File::open(path(folder, name)).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

/// How it stands with each of them.
pub(super) fn states(folder: &Path) -> Vec<(String, Option<TaskState>)> {
    let state = |name: &String| match is_sent(folder, name) {
        true => TaskState::Running(Progress::note(SENT)),
        false => TaskState::Unknown(Error::new(ErrorKind::Interrupted, WAITS)),
    };
    names(folder).into_iter().map(|name| (name.clone(), Some(state(&name)))).collect()
}

pub(super) fn open(folder: &Path) -> Vec<OpenFetch> {
    let open = |name: String| {
        let is_sent = is_sent(folder, &name);
        let known = size(folder, &name).map(|size| Progress::bytes(size, Some(size))).unwrap_or_default();
        OpenFetch {
            source: source(folder, &name).unwrap_or_default(),
            progress: Progress { note: is_sent.then(|| SENT.to_owned()), ..known },
            halt: (!is_sent).then(|| WAITS.to_owned()),
            name,
        }
    };
    names(folder).into_iter().map(open).collect()
}

/// Takes the file away, and waits for who sends it to stop; `patience`: not longer than this.
pub(super) async fn stop(folder: &Path, name: &str, patience: Duration) -> Result<()> {
    let path = path(folder, name);
    let file = File::open(&path).map_err(at(&path))?;
    fs::remove_file(&path).map_err(at(&path))?;
    let _ = timeout(patience, held(&file)).await;
    Ok(())
}

/// Waits until nobody else has the file, and has it.
async fn held(file: &File) {
    while flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        sleep(Duration::from_millis(50)).await;
    }
}

impl Staged {
    /// Takes what has come whole, after whoever sends it has ended. None: it is gone, sent or thrown away.
    pub(super) async fn take(folder: &Path, name: &str, call: &Call) -> Result<Option<Self>> {
        let (fetched, path) = (folder.join(name), path(folder, name));
        if fetched.is_file() {
            fs::create_dir_all(folder.join("whole")).map_err(at(folder))?;
            match fs::rename(&fetched, &path) {
                // Another that wants to send it was first.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                renamed => renamed.map_err(at(&path))?,
            }
        }
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(at(&path))?,
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            call.progress(Progress::note("another vmdeck sends it"));
            tokio::select! {
                () = held(&file) => {}
                () = call.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            }
        }
        let meta = file.metadata().map_err(at(&path))?;
        let checked = Origin::read(folder, name, &meta).and_then(|origin| origin.checked);
        let (folder, name) = (folder.to_owned(), name.to_owned());
        let staged = Self { folder, name, file, size: meta.len(), checked };
        Ok(staged.is_there().then_some(staged))
    }

    /// Whether nobody has taken the file away.
    pub(super) fn is_there(&self) -> bool {
        match (self.file.metadata(), path(&self.folder, &self.name).metadata()) {
            (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }

    /// The file, from its first byte.
    pub(super) fn open(&self) -> Result<File> {
        let path = path(&self.folder, &self.name);
        File::open(&path).map_err(at(&path))
    }

    pub(super) fn trace(&self) -> Option<Trace> {
        serde_json::from_slice(&fs::read(trace_path(&self.folder, &self.name)).ok()?).ok()
    }

    pub(super) fn note(&self, trace: &Trace) -> Result<()> {
        let path = trace_path(&self.folder, &self.name);
        let text = serde_json::to_vec(trace).map_err(io::Error::other).map_err(at(&path))?;
        fs::write(&path, text).map_err(at(&path))
    }

    /// Nothing of it is on the other side any more.
    pub(super) fn clear(&self) {
        let _ = fs::remove_file(trace_path(&self.folder, &self.name));
    }

    /// Throws it away.
    pub(super) fn discard(self) {
        self.clear();
        if self.is_there() {
            let _ = fs::remove_file(path(&self.folder, &self.name));
        }
        Origin::remove(&self.folder, &self.name);
    }

    /// What is told of a sending that came to nothing: the file is still here.
    pub(super) fn kept(&self, error: &Error) -> Error {
        let why = format_args!("{}; {} is whole on this computer and waits", error.message, clean_line(&self.name));
        Error::new(ErrorKind::Interrupted, why)
    }
}
