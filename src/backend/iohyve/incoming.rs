//! Images between the fetch and iohyve's library: fetched into a folder of ours, and copied from there by iohyve.
use super::{
    CHANGE,
    command::{COPIES, Shell},
    differs, names,
};
use crate::{
    backend::{
        Call,
        fetching::{Library, fetches},
    },
    domain::{Error, ErrorKind, Fetches, Image, OpenFetch, Progress, Result, TaskState},
    fetch::{Journal, Origin},
    transport::at,
};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::time::sleep;

/// A whole image is copied, on a slow disk or through ssh.
const COPY: Duration = Duration::from_secs(3600);
const RESTS: &str = "it has come whole, and iohyve has not taken it yet";

/// The folder, and the library that it is on the way to.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) shell: Arc<Shell>,
    pub(super) folder: PathBuf,
}

impl Incoming {
    /// Where what has come waits for iohyve to take it.
    fn whole_at(&self, name: &str) -> PathBuf {
        self.folder.join("whole").join(name)
    }

    /// Whether it has come whole, and iohyve has not taken it yet.
    pub(super) fn waits(&self, name: &str) -> bool {
        self.whole_at(name).is_file() || self.folder.join(name).is_file()
    }

    /// All that wait; and whether some vmdeck has iohyve copy it now.
    fn waiting(&self) -> Vec<(String, bool)> {
        let fetched = Journal::names(&self.folder);
        let inside = |folder: &Path| {
            let files = fs::read_dir(folder).into_iter().flatten().flatten();
            files.filter_map(|file| file.file_name().into_string().ok().map(|name| (name, file.path())))
        };
        let found = inside(&self.folder).filter(|(name, _)| !fetched.contains(name));
        let found = found.chain(inside(&self.folder.join("whole")));
        let found = found.filter(|(name, path)| is_image(name) && path.is_file());
        found.map(|(name, path)| (name, File::open(path).is_ok_and(|file| file.try_lock_shared().is_err()))).collect()
    }

    /// Where it came from, as long as that is known.
    fn source(&self, name: &str) -> String {
        let path = Some(self.whole_at(name)).filter(|path| path.is_file()).unwrap_or_else(|| self.folder.join(name));
        let origin = fs::metadata(path).ok().and_then(|meta| Origin::read(&self.folder, name, &meta));
        origin.map(|origin| origin.url).unwrap_or_default()
    }

    pub(super) async fn isos(&self) -> Result<Vec<String>> {
        self.shell.isos().await
    }

    /// What is fetched, or has come; and what was.
    pub(super) fn fetches(&self) -> Fetches {
        let mut all = fetches(&self.folder);
        all.open.extend(self.waiting().into_iter().map(|(name, is_copied)| OpenFetch {
            source: self.source(&name),
            progress: Progress::note(COPIES),
            halt: (!is_copied).then(|| RESTS.to_owned()),
            name,
        }));
        all
    }

    /// Has iohyve copy what has come into its library, and throws ours away then. Where another vmdeck does so already,
    /// waits for it.
    pub(super) async fn hand_over(&self, name: &str, call: &Call) -> Result<Image> {
        let (folder, whole) = (&self.folder, self.whole_at(name));
        let fetched = folder.join(name);
        let moved = fs::create_dir_all(folder.join("whole")).and_then(|()| fs::rename(&fetched, &whole));
        if let Err(error) = moved
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(at(&whole)(error));
        }
        let Some(_ours) = taken_hold_of(&whole, call).await? else {
            return match self.isos().await?.iter().any(|iso| iso == name) {
                true => Ok(Image::new(name)),
                false => Err(Error::not_found(format_args!("{name} has gone meanwhile"))),
            };
        };
        let copied = self.shell.copy_image(&whole, name, COPY, call).await;
        if call.cancel.is_cancelled() {
            return Err(self.thrown_away(name).await);
        }
        let output = copied?;
        let is_there = self.isos().await?.iter().any(|iso| iso == name);
        if !is_there || !output.is_success() {
            // An entry that holds half an image looks like any other.
            let kept = format!("{} is whole and tried again next time", whole.display());
            if is_there {
                self.shell.run(&["rmiso", name], CHANGE).await?;
            }
            return Err(differs(&output, format_args!("iohyve did not take {name}; {kept}")));
        }
        let checked = fs::metadata(&whole).ok().and_then(|meta| Origin::read(folder, name, &meta)?.checked);
        fs::remove_file(&whole).map_err(at(&whole))?;
        Origin::remove(folder, name);
        Ok(Image { checked, ..Image::new(name) })
    }
}

impl Incoming {
    /// Ends what was cancelled: neither here nor there is anything left of it. Returns what is told of it.
    async fn thrown_away(&self, name: &str) -> Error {
        let _ = fs::remove_file(self.whole_at(name));
        Origin::remove(&self.folder, name);
        let removed = async {
            // Where all had been sent, iohyve has made it its own by now.
            if self.isos().await?.iter().any(|iso| iso == name) {
                self.shell.run(&["rmiso", name], CHANGE).await?;
            }
            Ok::<_, Error>(())
        };
        match removed.await {
            Ok(()) => Error::new(ErrorKind::Cancelled, "cancelled"),
            Err(error) => error.context("cancelled, and it may be in the library all the same"),
        }
    }
}

impl Library for Incoming {
    async fn whole(&self) -> Result<Vec<Image>> {
        Ok(self.isos().await?.into_iter().map(Image::new).collect())
    }

    fn on_the_way(&self) -> Vec<(String, Option<TaskState>)> {
        let state = |is_copied| match is_copied {
            true => TaskState::Running(Progress::note(COPIES)),
            false => TaskState::Unknown(Error::new(ErrorKind::Interrupted, RESTS)),
        };
        self.waiting().into_iter().map(|(name, is_copied)| (name, Some(state(is_copied)))).collect()
    }
}

/// Neither a part of one nor what a checksum spoke against.
fn is_image(name: &str) -> bool {
    names::check_iso(name).is_ok() && crate::fetch::check_library_name(name).is_ok()
}

/// The file, which is ours alone from now on; None: it is gone, since whoever had hold of it is done.
async fn taken_hold_of(path: &Path, call: &Call) -> Result<Option<File>> {
    loop {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(path)(error)),
        };
        if file.try_lock().is_ok() {
            // It may have been removed between the two.
            return Ok(path.is_file().then_some(file));
        }
        tokio::select! {
            () = sleep(Duration::from_millis(250)) => {}
            () = call.cancel.cancelled() => {
                return Err(Error::new(ErrorKind::Cancelled, "cancelled here; another vmdeck has iohyve copy it still"));
            }
        }
    }
}
