//! Where an image came from and how it was checked, kept beside it.
use crate::domain::{Result, Stamp};
use crate::transport::at;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The story of an image, in the hidden file `.NAME.origin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Scheme, server and path alone.
    pub url: String,
    /// The verdict: `SHA-256 as in SHA256SUMS`; None: not checked.
    pub checked: Option<String>,
    /// When it was whole, in milliseconds since 1970.
    pub fetched: u64,
    /// Size and time of change of the file that this is about: another file of that name is another matter.
    size: u64,
    modified: (i64, i64),
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.origin"))
}

impl Origin {
    pub(super) fn new(url: String, checked: Option<String>, fetched: Stamp, meta: &Metadata) -> Self {
        Self { url, checked, fetched: fetched.0, size: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) }
    }

    /// What is known of the image `name`, whose file has this `meta`.
    pub fn read(folder: &Path, name: &str, meta: &Metadata) -> Option<Self> {
        let origin: Self = serde_json::from_slice(&fs::read(path(folder, name)).ok()?).ok()?;
        (origin.size == meta.len() && origin.modified == (meta.mtime(), meta.mtime_nsec())).then_some(origin)
    }

    pub(super) fn write(&self, folder: &Path, name: &str) -> Result<()> {
        let path = path(folder, name);
        let text = serde_json::to_vec(self).map_err(io::Error::other).map_err(at(&path))?;
        fs::write(&path, text).map_err(at(&path))
    }

    /// Follows an image that got another name.
    pub fn rename(folder: &Path, from: &str, to: &str) {
        // Without it the image is as good, it is only not known from where.
        let _ = fs::rename(path(folder, from), path(folder, to));
    }

    /// Goes with its image.
    pub fn remove(folder: &Path, name: &str) {
        let _ = fs::remove_file(path(folder, name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_about_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("a.iso");
        fs::write(&image, "whole").unwrap();
        let origin = Origin::new("http://h/a.iso".into(), Some("fine".into()), Stamp(5), &image.metadata().unwrap());
        origin.write(folder.path(), "a.iso").unwrap();
        assert_eq!(Origin::read(folder.path(), "a.iso", &image.metadata().unwrap()), Some(origin));
        fs::write(&image, "other").unwrap();
        let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        fs::File::options().write(true).open(&image).unwrap().set_times(times).unwrap();
        assert_eq!(Origin::read(folder.path(), "a.iso", &image.metadata().unwrap()), None);
    }
}
