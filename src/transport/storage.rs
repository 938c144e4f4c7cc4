//! What the host's storage holds and has left.
use crate::domain::{ByteSize, Error, ErrorKind, Result, clean_line};
use std::{fs::Metadata, io, os::unix::fs::MetadataExt, path::Path};

/// What an unprivileged program may still write to the storage of `folder`.
pub fn free_space(folder: &Path) -> Result<ByteSize> {
    let found = rustix::fs::statvfs(folder).map_err(io::Error::from).map_err(at(folder))?;
    Ok(ByteSize(found.f_bavail.saturating_mul(found.f_frsize)))
}

/// What a file really takes of the storage: holes are not counted.
pub fn real_size(meta: &Metadata) -> ByteSize {
    ByteSize(meta.blocks().saturating_mul(512))
}

/// An I/O error with the path that it is about, and a full disk told as one.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| {
        let path = path.to_string_lossy();
        let path = clean_line(&path);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::new(ErrorKind::Refused, format_args!("{path}: no room left on the storage"))
            }
            io::ErrorKind::FileTooLarge => {
                Error::new(ErrorKind::Refused, format_args!("{path}: the storage takes no file as large as this"))
            }
            io::ErrorKind::NotFound => Error::not_found(format_args!("{path} does not exist")),
            io::ErrorKind::PermissionDenied => Error::refused(format_args!("{path}: permission denied")),
            _ => Error::from(error).context(path),
        }
    }
}
