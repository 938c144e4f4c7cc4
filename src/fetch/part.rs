use super::{PART, name};
use crate::{
    domain::{Error, Result, clean_line},
    transport::at,
};
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind as Io, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The file that an image grows in: `NAME.part`, locked against a second fetch of the same name. Dropped before it is
/// finished, it is gone.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    path: PathBuf,
    target: PathBuf,
    name: String,
    is_finished: bool,
}

impl Part {
    /// Begins `NAME.part` in `folder`, empty. What a fetch that was killed has left there is overwritten.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self> {
        name::check_library_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        let path = folder.join(format!("{name}{PART}"));
        loop {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false);
            let file = options.custom_flags(NOFOLLOW).open(&path).map_err(at(&path))?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)
                .map_err(|_| Error::conflict(format_args!("{} is being fetched already", clean_line(name))))?;
            // Whoever had the lock may have renamed or removed the file that we opened: then it is not the one at the path.
            let is_same = match (file.metadata(), path.symlink_metadata()) {
                (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
                _ => false,
            };
            if is_same {
                file.set_len(0).map_err(at(&path))?;
                let target = folder.join(name);
                return Ok(Self { file, path, target, name: name.to_owned(), is_finished: false });
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(at(&self.path))
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// An I/O error of this file, in words.
    pub(super) fn error(&self, error: std::io::Error) -> Error {
        at(&self.path)(error)
    }

    /// Writes it through to the disk and gives it its name, in one step and only if that name is still free.
    pub(super) fn finish(mut self) -> Result<PathBuf> {
        self.file.sync_all().map_err(at(&self.path))?;
        match move_to_free_name(&self.path, &self.target) {
            Err(error) if error.kind() == Io::AlreadyExists => {
                return Err(Error::conflict(format_args!(
                    "{} has come into the library meanwhile: this one was not kept",
                    clean_line(&self.name)
                )));
            }
            moved => moved.map_err(at(&self.target))?,
        }
        self.is_finished = true;
        if let Some(folder) = self.target.parent() {
            File::open(folder).and_then(|f| f.sync_all()).map_err(at(folder))?;
        }
        Ok(self.target.clone())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A symbolic link under the name of a part leads somewhere else: it is not written through.
#[expect(clippy::cast_possible_wrap, reason = "the flag is one of the low bits")]
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

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

    #[test]
    fn a_part_becomes_the_image_only_under_a_free_name() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let mut part = Part::open(folder.path(), "a.iso").unwrap();
        assert_eq!(Part::open(folder.path(), "a.iso").unwrap_err().message, "a.iso is being fetched already");
        part.write(b"whole").unwrap();
        assert_eq!(fs::read(part.finish().unwrap()).unwrap(), b"whole");

        let mut part = Part::open(folder.path(), "a.iso").unwrap();
        part.write(b"other").unwrap();
        assert!(part.finish().unwrap_err().message.contains("meanwhile"));
        assert_eq!(names(), ["a.iso"]);
        assert_eq!(fs::read(folder.path().join("a.iso")).unwrap(), b"whole");
    }

    #[test]
    fn leftovers_of_a_killed_fetch_are_overwritten_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.iso.part"), "old and longer").unwrap();
        let mut part = Part::open(folder.path(), "a.iso").unwrap();
        part.write(b"new").unwrap();
        assert_eq!(fs::read(part.finish().unwrap()).unwrap(), b"new");

        fs::write(folder.path().join("precious"), "x").unwrap();
        std::os::unix::fs::symlink("precious", folder.path().join("b.iso.part")).unwrap();
        assert!(Part::open(folder.path(), "b.iso").is_err());
        assert_eq!(fs::read(folder.path().join("precious")).unwrap(), b"x");
    }
}
