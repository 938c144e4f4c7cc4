//! What is on this computer beside QEMU.
use crate::{
    backend::libvirt::{Scope, sockets},
    transport::find_program,
};
use rustix::fs::{Access, access};
use std::path::{Path, PathBuf};

/// The libvirt daemon of this computer. None in an installation that keeps to one folder, and where none is.
pub fn libvirt_here() -> Option<&'static str> {
    if std::env::var_os("VMDECK_HOME").is_some() {
        return None;
    }
    let is_open = |path: &Path| access(path, Access::READ_OK | Access::WRITE_OK).is_ok();
    choice([Scope::System, Scope::Session].map(sockets), is_open, Path::exists)
}

/// The one that this user may use, the computer's own first. Where there is one that may not be used, that: its host says
/// what would help.
fn choice(
    [system, session]: [Vec<PathBuf>; 2],
    is_open: impl Fn(&Path) -> bool,
    is_there: impl Fn(&Path) -> bool,
) -> Option<&'static str> {
    let any = |paths: &[PathBuf], is: &dyn Fn(&Path) -> bool| paths.iter().any(|path| is(path));
    match () {
        () if any(&system, &is_open) => Some("qemu:///system"),
        () if any(&session, &is_open) => Some("qemu:///session"),
        () => any(&system, &is_there).then_some("qemu:///system"),
    }
}

/// Whether this computer has the command `iohyve`. Not in an installation that keeps to one folder.
pub fn has_iohyve() -> bool {
    std::env::var_os("VMDECK_HOME").is_none() && find_program("iohyve").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computers_own_comes_first_then_the_users_then_one_that_may_not_be_used() {
        let paths = || [vec![PathBuf::from("/sys/a"), "/sys/b".into()], vec![PathBuf::from("/own")]];
        let found = |open: &[&str], there: &[&str]| {
            let is = |all: &[&str], path: &Path| all.iter().any(|one| Path::new(one) == path);
            choice(paths(), |path| is(open, path), |path| is(there, path))
        };
        assert_eq!(found(&["/sys/b", "/own"], &["/sys/b", "/own"]), Some("qemu:///system"));
        assert_eq!(found(&["/own"], &["/sys/b", "/own"]), Some("qemu:///session"));
        assert_eq!(found(&[], &["/sys/b"]), Some("qemu:///system"), "it says which group may");
        assert_eq!(found(&[], &[]), None);
    }
}
