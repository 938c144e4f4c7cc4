//! The folders of the machines: `NAME/machine.toml`, disks, pidfile, serial.log, lock.
use super::{leftovers::RECORD, record::Record};
use crate::domain::{Error, ErrorKind, Result, VmId, check_vm_name};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;

/// How long another vmdeck may hold a machine's folder before a change gives up.
const LOCK_PATIENCE: u32 = 500;
const LOCK_STEP: Duration = Duration::from_millis(10);

/// The machines of one user, as folders. Nothing of them is kept: what a thousand files say would take a megabyte, and is
/// seldom asked for.
#[derive(Debug)]
pub struct Store {
    machines: PathBuf,
}

/// The right to change a machine's folder, until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// `file` is locked already.
    pub(super) const fn new(file: File) -> Self {
        Self { _file: file }
    }
}

impl Store {
    pub fn new(machines: PathBuf) -> Self {
        Self { machines }
    }

    pub fn machines(&self) -> &Path {
        &self.machines
    }

    /// The names of all machines, in alphabetical order: one reading of one folder. What is no machine's name is no machine.
    pub fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.machines) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::from(error).context(self.machines.display())),
        };
        let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|t| t.is_dir() || t.is_symlink());
        let mut names: Vec<_> = entries
            .flatten()
            .filter(is_folder)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| check_vm_name(name).is_ok())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The folder of a machine, whether it is there or not. A name that could leave the folder of the machines is refused.
    pub fn folder(&self, vm: &VmId) -> Result<PathBuf> {
        check_vm_name(vm.as_str()).map_err(Error::invalid)?;
        Ok(self.machines.join(vm.as_str()))
    }

    /// Whether there is a folder of that name.
    pub fn holds(&self, vm: &VmId) -> bool {
        self.folder(vm).is_ok_and(|folder| folder.is_dir())
    }

    /// What the machine's file says now.
    pub fn read(&self, vm: &VmId) -> Result<Record> {
        let path = self.folder(vm)?.join("machine.toml");
        let text = fs::read_to_string(&path).map_err(|error| self.missing(vm, &path, error))?;
        Record::parse(&text, &path)
    }

    fn missing(&self, vm: &VmId, path: &Path, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::NotFound && !self.holds(vm) {
            return Error::not_found(format_args!("there is no machine called {vm}"));
        }
        let why = Error::from(error).message;
        Error::refused(format_args!("{}: {why}", path.display()))
    }

    /// Waits for the right to change a machine's folder: five seconds, then another program is in the way.
    pub async fn lock(&self, vm: &VmId) -> Result<FolderLock> {
        let path = self.folder(vm)?.join("lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|error| self.missing(vm, &path, error))?;
        for _ in 0..LOCK_PATIENCE {
            match file.try_lock() {
                Ok(()) => return Ok(FolderLock::new(file)),
                Err(TryLockError::WouldBlock) => sleep(LOCK_STEP).await,
                Err(TryLockError::Error(error)) => return Err(Error::from(error).context(path.display())),
            }
        }
        Err(Error::new(ErrorKind::Busy, format_args!("another program is changing {vm}: try again when it is done")))
    }

    /// Changes the machine's file under its lock; `change` gets what the file says at that moment.
    pub async fn change<T: Send>(&self, vm: &VmId, change: impl FnOnce(&mut Record) -> Result<T> + Send) -> Result<T> {
        let lock = self.lock(vm).await?;
        self.change_locked(vm, &lock, change)
    }

    /// [`Store::change`] for whoever holds the lock already.
    pub fn change_locked<T>(
        &self,
        vm: &VmId,
        _lock: &FolderLock,
        change: impl FnOnce(&mut Record) -> Result<T>,
    ) -> Result<T> {
        let path = self.folder(vm)?.join("machine.toml");
        let text = fs::read_to_string(&path).map_err(|error| self.missing(vm, &path, error))?;
        let old = Record::parse(&text, &path)?;
        let mut new = old.clone();
        let done = change(&mut new)?;
        if new != old {
            write_whole(&path, &new.edit(&old, &text, &path)?)?;
        }
        Ok(done)
    }
}

/// Writes a file that is either the old one or the whole new one, whatever happens in between.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::Builder::new().prefix(RECORD).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error: io::Error| Error::from(error).context(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ByteSize;

    fn store(names: &[&str]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::create_dir(folder.path().join(name)).unwrap();
            write_whole(&folder.path().join(name).join("machine.toml"), &Record::new(1, ByteSize(1 << 20)).to_toml())
                .unwrap();
        }
        let store = Store::new(folder.path().to_owned());
        (folder, store)
    }

    #[test]
    fn odd_entries_are_no_machines() {
        let (folder, store) = store(&["web", "a.b", ".new-x", "-rf"]);
        fs::write(folder.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("/nowhere", folder.path().join("dangling")).unwrap();
        assert_eq!(store.names().unwrap(), ["a.b", "dangling", "web"]);
        assert!(store.read(&"dangling".into()).is_err());
        assert!(Store::new("/nowhere/at/all".into()).names().unwrap().is_empty());
        assert_eq!(store.read(&"../x".into()).unwrap_err().kind, ErrorKind::Invalid);
        assert_eq!(store.read(&"gone".into()).unwrap_err().kind, ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn changes_are_seen_at_once() {
        let (_folder, store) = store(&["web"]);
        let vm = VmId::from("web");
        for cpus in 2..20 {
            store
                .change(&vm, |r| {
                    r.cpus = cpus;
                    Ok(())
                })
                .await
                .unwrap();
            assert_eq!(store.read(&vm).unwrap().cpus, cpus);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_change_at_a_time() {
        let (folder, store) = store(&["web"]);
        let vm = VmId::from("web");
        let held = Store::new(folder.path().to_owned()).lock(&vm).await.unwrap();
        assert_eq!(store.change(&vm, |_| Ok(())).await.unwrap_err().kind, ErrorKind::Busy);
        drop(held);
        store.change(&vm, |_| Ok(())).await.unwrap();
    }
}
