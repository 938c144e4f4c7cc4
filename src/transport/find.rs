//! Programs by their name.
use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where `name` is on `PATH`, if it can be run.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let is_program = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    // Folders of the administrator are often missing from the PATH of a user.
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let extra = ["/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin"];
    let folders = std::env::split_paths(&path).chain(extra.iter().map(PathBuf::from));
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|path| is_program(path))
}

/// That there is such a program, by its path or by its name on `PATH`.
pub(super) fn is_there(path: &Path) -> io::Result<()> {
    let is_there = match path.to_str().filter(|_| path.components().count() == 1) {
        Some(name) => find_program(name).is_some(),
        None => path.exists(),
    };
    if is_there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_or_not() {
        assert!(find_program("vmdeck-no-such-program").is_none());
        assert!(find_program("sh").unwrap().is_absolute());
    }
}
