//! What is made or taken apart beside what is whole: held while somebody works on it, and swept once nobody does.
use super::{FolderLock, Local};
use crate::{
    domain::{Error, ErrorKind, Result},
    transport::at,
};
use rustix::fs::{fstat, stat};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// How folders begin that are not whole yet, and such as are whole no longer. No machine's name begins so.
const NEW: &str = ".new-";
const DELETED: &str = ".deleted-";
/// How the file begins into which a record is written before it takes the old one's place.
pub(super) const RECORD: &str = ".machine";

/// How often a place of work is begun anew that a sweeping vmdeck took for one that was left.
const TRIES: usize = 10;

/// A folder in which something is made, under a name that is none. It goes with this.
#[derive(Debug)]
pub(super) struct Work {
    // In this order: nobody may take the folder for one that was left before it is gone.
    made: TempDir,
    lock: FolderLock,
}

impl Work {
    /// Begins a folder in `beside`.
    pub(super) fn begin(beside: &Path) -> Result<Self> {
        for _ in 0..TRIES {
            let made = tempfile::Builder::new().prefix(NEW).tempdir_in(beside).map_err(at(beside))?;
            if let Some(lock) = hold(made.path(), true) {
                return Ok(Self { made, lock });
            }
        }
        Err(Error::new(ErrorKind::Busy, format_args!("another program is clearing up in {}", beside.display())))
    }

    pub(super) fn path(&self) -> &Path {
        self.made.path()
    }

    /// What was made stays. The lock is that of a machine's folder, where it is one: nobody changes it before this ends.
    pub(super) fn keep(self) -> FolderLock {
        let _ = self.made.keep();
        self.lock
    }
}

/// The lock of a folder, where nobody else holds it, and the folder is the same still.
fn hold(folder: &Path, create: bool) -> Option<FolderLock> {
    let path = folder.join("lock");
    let file = File::options().create(create).append(true).open(&path).ok()?;
    file.try_lock().ok()?;
    let (held, there) = (fstat(&file).ok()?, stat(&path).ok()?);
    (held.st_ino == there.st_ino && held.st_dev == there.st_dev).then(|| FolderLock::new(file))
}

/// Takes a folder away whose lock is held: at once out of sight, then piece by piece, the lock's file last.
pub(super) fn take_apart(folder: &Path, _lock: &FolderLock) -> Result<()> {
    let beside = folder.parent().unwrap_or(Path::new("/"));
    let away = beside.join(format!("{DELETED}{}", uuid::Uuid::new_v4().simple()));
    fs::rename(folder, &away).map_err(at(folder))?;
    for entry in fs::read_dir(&away).map_err(at(&away))?.flatten() {
        if entry.file_name() != "lock" {
            remove(&entry.path())?;
        }
    }
    match fs::remove_dir_all(&away) {
        // Another program sweeps it this very moment: nothing is in it any more but its lock.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Ok(()),
        removed => removed.map_err(at(&away)),
    }
}

fn remove(path: &Path) -> Result<()> {
    let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(at(path))
}

/// Removes what was left half made or half deleted in a folder by programs that are no more. `holds_record`: it is the
/// folder of a machine.
fn sweep(folder: &Path, holds_record: bool) {
    let mut found = entries(folder, |name| [NEW, DELETED, RECORD].iter().any(|begin| name.starts_with(begin)));
    // What a link leads to is somebody else's.
    found.retain(|path| !path.is_symlink());
    let (files, folders): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| path.is_file());
    // Records are written under the machine's lock alone.
    if holds_record
        && !files.is_empty()
        && let Some(_lock) = hold(folder, false)
    {
        for half in files {
            drop(fs::remove_file(half));
        }
    }
    for left in folders {
        // Without the file of its lock, either it was about to be deleted, or it is made at this very moment: then the
        // lock is ours, and whoever makes it begins anew.
        if let Some(lock) = hold(&left, true) {
            let swept = take_apart(&left, &lock);
            tracing::info!(left = %left.display(), ok = swept.is_ok(), "swept what a program left that was ended");
        }
    }
}

fn entries(folder: &Path, is_it: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    all.filter(|entry| entry.file_name().to_str().is_some_and(&is_it)).map(|entry| entry.path()).collect()
}

impl Local {
    /// Removes what was left in the folder of all machines, and in each of theirs.
    pub(super) fn sweep(&self) {
        sweep(&self.settings.machines, false);
        for name in self.store.names().unwrap_or_default() {
            sweep(&self.settings.machines.join(name), true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_goes_and_what_somebody_holds_stays() {
        let beside = tempfile::tempdir().unwrap();
        let path = |name: &str| beside.path().join(name);
        for name in [".new-a", ".new-b", ".deleted-a", ".deleted-b", "web", ".other"] {
            fs::create_dir_all(path(name).join("deep")).unwrap();
            fs::write(path(name).join("disk0.qcow2"), "x").unwrap();
        }
        fs::write(path(".new-a").join("lock"), "").unwrap();
        let held = [hold(&path(".new-b"), true).unwrap(), hold(&path(".deleted-b"), true).unwrap()];
        let work = Work::begin(beside.path()).unwrap();
        let left = || {
            sweep(beside.path(), false);
            let mut left: Vec<_> = entries(beside.path(), |name| !work.path().ends_with(name));
            left.sort();
            left.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(left(), [".deleted-b", ".new-b", ".other", "web"]);
        assert!(work.path().exists(), "it is being made");
        drop(held);
        assert_eq!(left(), [".other", "web"]);
        let path = work.path().to_owned();
        drop(work);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_link_leads_to_stays() {
        let (beside, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = elsewhere.path().join("photo.jpg");
        fs::write(&file, "x").unwrap();
        for name in [".new-a", ".deleted-a", ".machineAbCdEf"] {
            std::os::unix::fs::symlink(elsewhere.path(), beside.path().join(name)).unwrap();
        }
        sweep(beside.path(), true);
        assert!(file.exists() && !elsewhere.path().join("lock").exists());
        assert_eq!(fs::read_dir(beside.path()).unwrap().filter(|e| e.as_ref().unwrap().path().is_symlink()).count(), 3);
    }

    #[test]
    fn half_a_record_goes_unless_its_machine_is_being_changed() {
        let beside = tempfile::tempdir().unwrap();
        let [half, record] = [".machineAbCdEf", "machine.toml"].map(|name| beside.path().join(name));
        fs::write(&half, "").unwrap();
        fs::write(&record, "").unwrap();
        let held = hold(beside.path(), true);
        sweep(beside.path(), true);
        assert!(held.is_some() && half.exists());
        drop(held);
        sweep(beside.path(), true);
        assert!(!half.exists() && record.exists());
    }

    #[test]
    fn a_lock_of_a_folder_that_was_swept_meanwhile_is_none() {
        let beside = tempfile::tempdir().unwrap();
        let folder = beside.path().join("x");
        fs::create_dir(&folder).unwrap();
        let held = hold(&folder, true).unwrap();
        assert!(hold(&folder, true).is_none());
        take_apart(&folder, &held).unwrap();
        assert!(!folder.exists() && hold(&folder, true).is_none());
        assert_eq!(fs::read_dir(beside.path()).unwrap().count(), 0);
    }
}
