//! Images between the fetch and iohyve's library: fetched into a folder of ours, and copied from there by iohyve.
use super::{
    CHANGE,
    command::Shell,
    copy::{COPIES, Copy},
    differs, names,
    standing::Standing,
};
use crate::{
    backend::{
        Call,
        fetching::{Library, fetches},
    },
    domain::{ByteSize, Error, ErrorKind, Fetches, Image, OpenFetch, Progress, Result, TaskState},
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
use tokio::time::{sleep, timeout};

/// How long somebody who only looks may have a file.
const MOMENT: Duration = Duration::from_millis(500);
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

    /// Moves what has come to where it waits, if it is not there already.
    fn set_aside(&self, name: &str) -> Result<PathBuf> {
        let whole = self.whole_at(name);
        let moved = fs::create_dir_all(self.folder.join("whole"));
        match moved.and_then(|()| fs::rename(self.folder.join(name), &whole)) {
            // A mark that is there is of one that somebody has removed by hand.
            Ok(()) => self.end(name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(&whole)(error)),
        }
        Ok(whole)
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
        found.map(|(name, path)| (name, is_held(&path))).collect()
    }

    /// Tells that all of it has come: the last that was told may be a moment old.
    pub(super) fn tell_whole(&self, name: &str, call: &Call) {
        let size = |path: PathBuf| Some(fs::metadata(path).ok()?.len());
        if let Some(size) = size(self.whole_at(name)).or_else(|| size(self.folder.join(name))) {
            call.progress(Progress::bytes(size, Some(size)));
        }
    }

    /// Where it came from, as long as that is known.
    fn source(&self, name: &str) -> String {
        let path = Some(self.whole_at(name)).filter(|path| path.is_file()).unwrap_or_else(|| self.folder.join(name));
        let origin = fs::metadata(path).ok().and_then(|meta| Origin::read(&self.folder, name, &meta));
        origin.map(|origin| origin.url).unwrap_or_default()
    }

    /// The images of iohyve's library. One that it has begun to copy from here is none yet.
    pub(super) async fn isos(&self) -> Result<Vec<String>> {
        let all = self.shell.isos().await?;
        let mut isos = Vec::with_capacity(all.len());
        for name in all {
            if !self.is_on_the_way(&name).await {
                isos.push(name);
            }
        }
        Ok(isos)
    }

    /// Whether what the library has of this name is on the way from here, or may be where that cannot be seen: the others
    /// are listed all the same. What iohyve copied to its end while nobody was there to hear of it is not.
    async fn is_on_the_way(&self, name: &str) -> bool {
        if !self.is_begun(name) {
            return false;
        }
        if is_held(&self.whole_at(name)) {
            return true;
        }
        match Box::pin(self.standing(name)).await {
            Ok(Some(Standing::Other)) => false,
            Ok(Some(Standing::Whole)) => !self.is_ended(name),
            _ => true,
        }
    }

    /// Throws ours away, which the library has whole; false: somebody has hold of it by now, or it is gone.
    fn is_ended(&self, name: &str) -> bool {
        let ours = File::open(self.whole_at(name)).ok().filter(|file| file.try_lock().is_ok());
        ours.is_some_and(|_ours| self.is_begun(name) && self.discard(name).is_ok())
    }

    /// What the library has of an image whose copy was begun at some time; None: there was no such copy, or nothing is left
    /// of it. A connection may have ended before iohyve was told to begin, and who began may be gone: the mark alone does
    /// not tell whose it is. One that speaks of nothing of ours is taken away.
    async fn standing(&self, name: &str) -> Result<Option<Standing>> {
        if !self.is_begun(name) {
            return Ok(None);
        }
        let standing = match self.has(name).await? {
            true => Some(Box::pin(self.shell.standing(name, &self.whole_at(name))).await?),
            false => None,
        };
        if matches!(standing, None | Some(Standing::Other)) {
            self.end(name);
        }
        Ok(standing)
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
        let (folder, whole) = (&self.folder, self.set_aside(name)?);
        let Some(_ours) = taken_hold_of(&whole, call).await? else {
            return match self.isos().await?.iter().any(|iso| iso == name) {
                true => Ok(Image::new(name)),
                false => Err(Error::not_found(format_args!("{name} has gone meanwhile"))),
            };
        };
        let copied = Box::pin(self.copied(&whole, name, call)).await;
        if call.cancel.is_cancelled() {
            return Err(self.thrown_away(name).await);
        }
        copied?;
        let checked = fs::metadata(&whole).ok().and_then(|meta| Origin::read(folder, name, &meta)?.checked);
        self.discard(name).map_err(at(&whole))?;
        Ok(Image { checked, ..Image::new(name) })
    }

    /// Has iohyve copy it, and believes that only where all of it is there.
    async fn copied(&self, whole: &Path, name: &str, call: &Call) -> Result<()> {
        let size = fs::metadata(whole).map_err(at(whole))?.len();
        let replaces = match self.standing(name).await? {
            // Nobody was there any more to hear of it.
            Some(Standing::Whole) => return Ok(()),
            // What cannot be seen is what the mark says.
            Some(Standing::Part | Standing::Unseen) => true,
            // Somebody else may have put one of that name there while ours came.
            Some(Standing::Other) => return Err(not_ours(whole, name)),
            None if self.has(name).await? => return Err(not_ours(whole, name)),
            None => false,
        };
        let begins = || self.begin(name).map_err(|why| why.context(format_args!("{name} was not copied")));
        let copy = Copy { path: whole, size, name, replaces, begins: &begins, call };
        let unsure = |error: Error| match error.leaves_unknown() && self.is_begun(name) {
            true => {
                error.context(format_args!("whether iohyve copied {name} is not known, and seen when that goes on"))
            }
            false => error,
        };
        let Some(output) = self.shell.copy_image(&copy).await.map_err(unsure)? else {
            return Err(not_ours(whole, name));
        };
        if call.cancel.is_cancelled() {
            return Ok(());
        }
        let lacks = match self.has(name).await? {
            true if output.is_success() => match self.shell.size_in_library(name).await? {
                Some(there) if there != size => Some(format!(": it has {} of {}", ByteSize(there), ByteSize(size))),
                // What cannot be seen is not held against it.
                _ => None,
            },
            _ => Some(String::new()),
        };
        let Some(lacks) = lacks else { return Ok(()) };
        // An entry that holds half an image looks like any other.
        self.removed(name).await?;
        let kept =
            format_args!("iohyve did not take {name}{lacks}; {} is whole and tried again next time", whole.display());
        Err(differs(&output, kept))
    }

    /// Whether iohyve's library has it, whole or not.
    async fn has(&self, name: &str) -> Result<bool> {
        Ok(self.shell.isos().await?.iter().any(|iso| iso == name))
    }

    /// The mark of an image that iohyve has begun to copy: what the library has of that name is ours as long as there is
    /// one, and not known to be whole.
    fn mark_at(&self, name: &str) -> PathBuf {
        self.folder.join("whole").join(format!(".{name}.begun"))
    }

    fn is_begun(&self, name: &str) -> bool {
        self.mark_at(name).is_file() && self.whole_at(name).is_file()
    }

    /// Sets the mark: without one, what is there is somebody else's and is left alone, be it half an image.
    fn begin(&self, name: &str) -> Result<()> {
        let path = self.mark_at(name);
        fs::write(&path, "").map_err(at(&path))
    }

    fn end(&self, name: &str) {
        let _ = fs::remove_file(self.mark_at(name));
    }

    /// Throws away what has come, and all that is known of it.
    fn discard(&self, name: &str) -> io::Result<()> {
        self.end(name);
        fs::remove_file(self.whole_at(name))?;
        Origin::remove(&self.folder, name);
        Ok(())
    }

    /// Takes what iohyve has begun to copy out of its library again.
    async fn removed(&self, name: &str) -> Result<()> {
        if self.is_begun(name) && self.has(name).await? {
            let output = self.shell.run(&["rmiso", name], CHANGE).await?;
            if self.has(name).await? {
                return Err(differs(
                    &output,
                    format_args!("{name} is still in iohyve's library, and may not be whole"),
                ));
            }
        }
        self.end(name);
        Ok(())
    }

    /// Ends what was cancelled: neither here nor there is anything left of it. Returns what is told of it. What may still
    /// be there stays marked here: it must not look like a whole one.
    async fn thrown_away(&self, name: &str) -> Error {
        match self.removed(name).await {
            Ok(()) => {
                let _ = self.discard(name);
                Error::new(ErrorKind::Cancelled, "cancelled")
            }
            Err(error) if error.kind == ErrorKind::Differs => error.context("cancelled"),
            Err(error) => error.context("cancelled, and a part of it may be in iohyve's library"),
        }
    }

    /// Throws away what waits, and what of it iohyve has.
    pub(super) async fn drop_waiting(&self, name: &str) -> Result<()> {
        let (whole, call) = (self.set_aside(name)?, Call::new().0);
        let held = timeout(MOMENT, taken_hold_of(&whole, &call)).await;
        let copies = |_| Error::conflict(format_args!("iohyve copies {name} now: stop it where it was begun"));
        let Some(_ours) = held.map_err(copies)?? else {
            return match self.isos().await?.iter().any(|iso| iso == name) {
                true => Err(Error::conflict(format_args!("iohyve has taken {name} meanwhile: it is whole"))),
                false => Ok(()),
            };
        };
        if self.standing(name).await?.is_some_and(|standing| standing != Standing::Other) {
            self.removed(name).await?;
        }
        self.discard(name).map_err(at(&whole))
    }
}

/// What is told where the library has the name, and we did not put it there.
fn not_ours(whole: &Path, name: &str) -> Error {
    let where_ours = whole.display();
    Error::conflict(format_args!("{name} is there already, and not from here; what has come waits as {where_ours}"))
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

/// Whether some vmdeck has iohyve copy it now.
fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock_shared().is_err())
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
