//! What is on this computer beside QEMU.
use crate::{
    backend::libvirt::{Scope, sockets},
    transport::find_program,
};
use rustix::fs::{Access, access};
use std::path::Path;

/// The libvirt daemon of this computer that this user may use: the computer's own first. None in an installation that
/// keeps to one folder, and where none is.
pub fn libvirt_here() -> Option<&'static str> {
    let is_open = |path: &Path| access(path, Access::READ_OK | Access::WRITE_OK).is_ok();
    let is_here = |scope| sockets(scope).iter().any(|path| is_open(path));
    if std::env::var_os("VMDECK_HOME").is_some() {
        return None;
    }
    if is_here(Scope::System) {
        return Some("qemu:///system");
    }
    is_here(Scope::Session).then_some("qemu:///session")
}

/// Whether this computer has the command `iohyve`. Not in an installation that keeps to one folder.
pub fn has_iohyve() -> bool {
    std::env::var_os("VMDECK_HOME").is_none() && find_program("iohyve").is_some()
}
