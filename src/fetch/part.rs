use super::{MISMATCH, PART, name};
use crate::{
    domain::{Error, Result, clean_line},
    transport::{Stopwatch, at},
};
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind as Io, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long others may look at a part, one after the other.
const GLANCE: Duration = Duration::from_millis(500);

/// The file that an image grows in: `NAME.part`, locked against a second fetch of the same name. It stays when it is
/// dropped, so that the fetch can go on later.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    path: PathBuf,
    target: PathBuf,
    name: String,
}

impl Part {
    /// Takes `NAME.part` in `folder`, with what is in it; makes it where there is none.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self> {
        name::check_library_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        let path = folder.join(format!("{name}{PART}"));
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options.custom_flags(NOFOLLOW).open(&path).map_err(at(&path))?;
            if !is_taken(&file) {
                return Err(Error::conflict(format_args!("{} is being fetched already", clean_line(name))));
            }
            // Whoever had the lock may have renamed or removed the file that we opened: then it is not the one at the path.
            let is_same = match (file.metadata(), path.symlink_metadata()) {
                (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
                _ => false,
            };
            if is_same {
                return Ok(Self { file, path, target: folder.join(name), name: name.to_owned() });
            }
        }
    }

    /// How many bytes are in it.
    pub(super) fn len(&self) -> Result<u64> {
        self.file.metadata().map(|meta| meta.len()).map_err(at(&self.path))
    }

    /// Goes on after the first `offset` bytes; the rest is cut off.
    pub(super) fn begin_at(&mut self, offset: u64) -> Result<()> {
        let done = self.file.set_len(offset).and_then(|()| self.file.seek(SeekFrom::Start(offset)));
        done.map(drop).map_err(at(&self.path))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(at(&self.path))
    }

    /// Returns when all that was written is on the disk.
    pub(super) fn settle(&self) -> Result<()> {
        self.file.sync_data().map_err(at(&self.path))
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// An I/O error of this file, in words.
    pub(super) fn error(&self, error: std::io::Error) -> Error {
        at(&self.path)(error)
    }

    /// Writes it through to the disk and gives it its name, in one step and only if that name is still free.
    pub(super) fn finish(self) -> Result<PathBuf> {
        self.file.sync_all().map_err(at(&self.path))?;
        self.finish_as(&self.path)
    }

    /// Gives the image's name to a file beside it that is on the disk already.
    pub(super) fn finish_as(&self, file: &Path) -> Result<PathBuf> {
        match move_to_free_name(file, &self.target) {
            Err(error) if error.kind() == Io::AlreadyExists => {
                return Err(Error::conflict(format_args!(
                    "{} has come into the library meanwhile: this one stays unfinished",
                    clean_line(&self.name)
                )));
            }
            moved => moved.map_err(at(&self.target))?,
        }
        if let Some(folder) = self.target.parent() {
            File::open(folder).and_then(|f| f.sync_all()).map_err(at(folder))?;
        }
        Ok(self.target.clone())
    }

    /// Keeps it as `NAME.mismatch`, in the place of an older one: for people to look at, and never an image.
    pub(super) fn keep_apart(self) -> Result<()> {
        let apart = self.target.with_file_name(format!("{}{MISMATCH}", self.name));
        fs::rename(&self.path, &apart).map_err(at(&apart))
    }

    /// Removes it.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Part {
    /// Leaves it to another. The lock ends at once, and not when the last copy of the file is closed: a program that some
    /// thread starts at this moment has one until it is that program.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Locks a part. Whoever only looks whether it is locked has it for a moment with others, and is waited for.
fn is_taken(file: &File) -> bool {
    let since = Stopwatch::start();
    loop {
        if flock(file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return true;
        }
        if since.elapsed() > GLANCE || !is_free(file) {
            return false;
        }
        std::thread::yield_now();
    }
}

/// Whether nobody has a part for itself.
pub(super) fn is_free(file: &File) -> bool {
    let is_free = flock(file, FlockOperation::NonBlockingLockShared).is_ok();
    if is_free {
        // As where a part is dropped.
        let _ = flock(file, FlockOperation::Unlock);
    }
    is_free
}

/// A symbolic link under the name of a part leads somewhere else: it is not written through.
#[expect(clippy::cast_possible_wrap, reason = "the flag is one of the low bits")]
pub(super) const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// Renames, and never replaces a file.
pub fn move_to_free_name(from: &Path, to: &Path) -> std::io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(std::io::Error::from) {
        // Some file systems (NFS, for one) know no such rename, but a hard link does not replace either.
        Err(error) if matches!(error.kind(), Io::InvalidInput | Io::Unsupported) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    fn part(folder: &Path, name: &str, bytes: &[u8]) -> Part {
        let mut part = Part::open(folder, name).unwrap();
        part.begin_at(0).unwrap();
        part.write(bytes).unwrap();
        part
    }

    #[test]
    fn a_part_becomes_the_image_only_under_a_free_name() {
        let folder = tempfile::tempdir().unwrap();
        let first = part(folder.path(), "a.iso", b"whole");
        assert_eq!(Part::open(folder.path(), "a.iso").unwrap_err().message, "a.iso is being fetched already");
        assert_eq!(fs::read(first.finish().unwrap()).unwrap(), b"whole");
        let second = part(folder.path(), "a.iso", b"other").finish();
        assert!(second.unwrap_err().message.contains("meanwhile"));
        assert_eq!(fs::read(folder.path().join("a.iso")).unwrap(), b"whole");
        part(folder.path(), "a.iso", b"wrong").keep_apart().unwrap();
        assert_eq!(fs::read(folder.path().join("a.iso.mismatch")).unwrap(), b"wrong");
        part(folder.path(), "a.iso", b"x").discard();
        assert!(!folder.path().join("a.iso.part").exists());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "programs that other threads start")]
    fn one_that_is_left_is_free_whatever_programs_begin_at_that_moment() {
        let folder = tempfile::tempdir().unwrap();
        let is_over = AtomicBool::new(false);
        let taken = thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let _ = std::process::Command::new("true").status();
                    }
                });
            }
            let taken = (0..300).filter(|_| Part::open(folder.path(), "a.iso").is_err()).count();
            is_over.store(true, Ordering::Relaxed);
            taken
        });
        assert_eq!(taken, 0);
    }

    #[test]
    fn what_is_left_goes_on_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.iso.part"), "old and longer").unwrap();
        let mut part = Part::open(folder.path(), "a.iso").unwrap();
        assert_eq!(part.len().unwrap(), 14);
        part.begin_at(4).unwrap();
        part.write(b"new").unwrap();
        assert_eq!(fs::read(part.finish().unwrap()).unwrap(), b"old new");

        fs::write(folder.path().join("precious"), "x").unwrap();
        std::os::unix::fs::symlink("precious", folder.path().join("b.iso.part")).unwrap();
        assert!(Part::open(folder.path(), "b.iso").is_err());
        assert_eq!(fs::read(folder.path().join("precious")).unwrap(), b"x");
    }
}
