//! The daemon of a user's own machines, started where nobody has yet, as libvirt's own library does.
use super::{Place, Scope, Uri, sockets};
use crate::{
    domain::{Error, ErrorKind, Result},
    transport::Program,
};
use std::{env, io, path::PathBuf, time::Duration};
use tokio::{
    net::UnixStream,
    time::{sleep, timeout},
};

/// The one for QEMU alone, then the one for everything.
const PROGRAMS: [&str; 2] = ["virtqemud", "libvirtd"];
/// It leaves for a session of its own, and ends by itself two minutes after the last client and the last machine.
const ARGUMENTS: [&str; 2] = ["--daemon", "--timeout=120"];
/// How long it may take to be there.
const START: Duration = Duration::from_secs(10);
/// How long its socket may take then.
const ANSWER: Duration = Duration::from_secs(3);

/// Whether nobody listens where the daemon of this user would, and it may be started: a socket that the URI names is
/// somebody's own affair.
pub(super) async fn is_due(uri: &Uri) -> bool {
    let is_own = uri.scope == Scope::Session && uri.place == Place::Local { socket: None };
    // The word by which libvirt's own library is kept from it.
    if !is_own || env::var_os("LIBVIRT_AUTOSTART").is_some_and(|word| word == "0") {
        return false;
    }
    for path in sockets(uri.scope) {
        match UnixStream::connect(path).await {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {}
            _ => return false,
        }
    }
    true
}

/// Starts it, by the first of its programs that `find` finds, and waits until somebody answers.
pub(super) async fn wake(find: impl Fn(&str) -> Option<PathBuf>) -> Result<()> {
    let unreachable = |why: &str| Error::new(ErrorKind::Unreachable, why);
    if rustix::process::geteuid().is_root() {
        // Started by root, it would be the one of the whole computer.
        return Err(unreachable("root has no session of its own in libvirt: its machines are at qemu:///system"));
    }
    let Some(program) = PROGRAMS.iter().find_map(|name| find(name)) else {
        return Err(unreachable(
            "no libvirt daemon runs for you and none is installed: install virtqemud or libvirtd (the packages \
            libvirt-daemon and libvirt-daemon-driver-qemu)",
        ));
    };
    let program = Program::new(program).args(ARGUMENTS).patience(Some(START));
    let started = program.run().await;
    // Where another was quicker, this one has failed and that one answers.
    let answers = async {
        loop {
            for path in sockets(Scope::Session) {
                if UnixStream::connect(path).await.is_ok() {
                    return;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(ANSWER, answers).await.is_ok() {
        return Ok(());
    }
    let name = program.name();
    let why = match started {
        Ok(_) => format!("{name} was started for you, but does not answer"),
        Err(error) => format!("{name} could not be started for you: {}", error.message),
    };
    Err(unreachable(&why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_daemon_of_ones_own_is_started() {
        for others in ["qemu:///system", "qemu:///session?socket=/x/libvirt-sock", "qemu+ssh://me@far/session"] {
            assert!(!is_due(&Uri::parse(others).unwrap()).await, "{others}");
        }
    }

    #[tokio::test]
    async fn who_has_no_daemon_is_told_what_to_do() {
        let error = wake(|_| None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        let words = match rustix::process::geteuid().is_root() {
            true => "its machines are at qemu:///system",
            false => "install virtqemud or libvirtd",
        };
        assert!(error.message.contains(words), "{error}");
    }
}
