//! Where a machine's process can be found: its pidfile, its sockets, and whether it is alive.
use crate::domain::{Error, Result, VmId};
use rustix::fs::OFlags;
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};
use std::{
    fs::{self, File},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// From so many bytes on, the log of a serial line is shortened at the next start, and to so many of them.
const LONGEST_LOG: u64 = 16 << 20;
const KEPT_OF_LOG: usize = 1 << 20;
const LONGEST_LINE: usize = 64 << 10;

/// The longest path of a socket, in bytes, that the system takes.
const LONGEST_SOCKET: usize = 107;

/// How many programs can hold a monitor of a machine at once; the last one is for commands without a screen.
pub(super) const MONITORS: usize = 4;

/// Who keeps a machine alive: its process, whose number is known unless it belongs to another container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holder(Option<Pid>);

impl Holder {
    /// Told in the numbers of this container; None: it runs in another one, or in none.
    pub const fn pid(self) -> Option<Pid> {
        self.0
    }
}

/// The files of a machine beside its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub folder: PathBuf,
    /// The short folder of its sockets.
    pub run: PathBuf,
}

impl Place {
    /// The place of machine `vm` of the folder `machines`, with sockets below `run`.
    pub fn new(machines: &Path, run: &Path, vm: &VmId) -> Self {
        let real = fs::canonicalize(machines).unwrap_or_else(|_| machines.to_owned());
        Self::of(machines.join(vm.as_str()), &real, run, vm)
    }

    /// [`Place::new`], where the `real` path of the folder of all machines is known: the same machine must have the same
    /// sockets, whichever way its folder is spelled.
    pub(super) fn of(folder: PathBuf, real: &Path, run: &Path, vm: &VmId) -> Self {
        let name = hash(real.join(vm.as_str()).as_os_str().as_encoded_bytes()) >> 16;
        Self { folder, run: run.join(format!("{name:012x}")) }
    }

    pub fn pidfile(&self) -> PathBuf {
        self.folder.join("pid")
    }

    pub fn serial_log(&self) -> PathBuf {
        self.folder.join("serial.log")
    }

    /// Shortens the log of the serial line to its end, in whole lines, once it has become long: nothing else limits what a
    /// guest says. The machine must be off.
    pub(super) fn shorten_serial_log(&self) -> Result<()> {
        // A pipe under this name must not hold us up, and stays as it is.
        let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let opened = File::options().read(true).write(true).custom_flags(nonblock).open(self.serial_log());
        let Ok(log) = opened else { return Ok(()) };
        let (kind, length) = log.metadata().map(|meta| (meta.file_type(), meta.len()))?;
        if !kind.is_file() || length <= LONGEST_LOG {
            return Ok(());
        }
        let mut end = vec![0; KEPT_OF_LOG];
        log.read_exact_at(&mut end, length - KEPT_OF_LOG as u64)?;
        // What fills screens has few ends of lines.
        let line = end.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = end.get(line..).unwrap_or_default();
        // In place: whoever may read it still may, and a link stays one.
        log.write_all_at(end, 0)?;
        Ok(log.set_len(end.len() as u64)?)
    }

    /// Is there while a disk grows, and until the next start where how that ended was not told.
    pub(super) fn growing(&self) -> PathBuf {
        self.run.join("growing")
    }

    pub fn serial(&self) -> PathBuf {
        self.run.join("serial")
    }

    /// Locked by the vmdeck that is attached to the serial line.
    pub fn serial_claim(&self) -> PathBuf {
        self.run.join("serial.claim")
    }

    pub fn vnc(&self) -> PathBuf {
        self.run.join("vnc")
    }

    pub fn monitor(&self, slot: usize) -> PathBuf {
        self.run.join(format!("mon{slot}"))
    }

    /// Locked by whoever speaks on that monitor.
    pub fn claim(&self, slot: usize) -> PathBuf {
        self.run.join(format!("mon{slot}.lock"))
    }

    /// Makes the folder of the sockets, for its owner alone.
    pub fn make_run(&self) -> Result<()> {
        let longest = self.serial().as_os_str().len();
        if longest > LONGEST_SOCKET {
            let home = std::env::var_os("VMDECK_HOME").filter(|home| !home.is_empty());
            return Err(Error::refused(format_args!(
                "the path {} has {longest} bytes, and a socket's may have {LONGEST_SOCKET}: {}",
                self.serial().display(),
                cure(&self.run, home.as_ref().map(Path::new))
            )));
        }
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.run);
        made.and_then(|()| fs::set_permissions(&self.run, fs::Permissions::from_mode(0o700)))
            .map_err(|error| Error::from(error).context(self.run.display()))
    }

    /// The process of the machine, if it is alive. QEMU holds a record lock on its pidfile as long as it lives, which
    /// the kernel drops with it; the lock is asked for, never taken.
    pub fn alive(&self) -> Option<Holder> {
        let file = File::options().read(true).write(true).open(self.pidfile()).ok()?;
        // A holder without a number holds it all the same.
        fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()?.map(|held| Holder(held.pid))
    }
}

/// What makes the folder of the sockets shorter. `home`: where everything is that no setting puts elsewhere.
fn cure(run: &Path, home: Option<&Path>) -> &'static str {
    if home.is_some_and(|home| run.starts_with(home)) {
        "set a shorter VMDECK_HOME, or `run` for this host in the configuration"
    } else if home.is_none() && run.parent().is_some_and(|all| all.ends_with("vmdeck/run")) {
        "set a shorter XDG_STATE_HOME, or `run` for this host in the configuration"
    } else {
        "set a shorter `run` for this host in the configuration"
    }
}

/// FNV-1a: short, and the same in every version of this program.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_the_same_sockets_by_every_spelling_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let run = |machines: &Path, vm: &str| Place::new(machines, Path::new("/r"), &vm.into()).run;
        assert_eq!(run(&real, "web"), run(&link, "web"));
        assert_ne!(run(&real, "web"), run(&real, "web2"));
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_with_its_cure() {
        let run = PathBuf::from(format!("/tmp/{}", "x".repeat(100)));
        let error = Place::new(Path::new("/m"), &run, &"web".into()).make_run().unwrap_err();
        assert!(error.message.contains(" bytes, and a socket's may have 107: set a shorter `run` for"), "{error}");
        let begins = |run: &str, home: Option<&str>, with: &str| {
            let cure = cure(Path::new(run), home.map(Path::new));
            assert!(cure.starts_with(with), "{cure}");
        };
        begins("/h/.local/state/vmdeck/run/0a", None, "set a shorter XDG_STATE_HOME");
        begins("/home/x/deck/run/0a", Some("/home/x/deck"), "set a shorter VMDECK_HOME");
        begins("/srv/vmdeck/run/0a", Some("/home/x/deck"), "set a shorter `run`");
    }

    #[test]
    fn a_long_log_keeps_its_last_lines_and_a_short_one_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path().to_owned(), folder.path(), Path::new("/r"), &"web".into());
        place.shorten_serial_log().unwrap();
        assert!(!place.serial_log().exists());
        let line = |n: u32| format!("{n:015}\n");
        let kept = (1 << 16) - 1;
        // Of 16 bytes each, so that the cut is at an end of a line, and one byte more, so that it is not.
        for more in ["", "x"] {
            let text: String = (0..(1 << 20)).map(line).collect();
            fs::write(place.serial_log(), &text).unwrap();
            place.shorten_serial_log().unwrap();
            assert_eq!(fs::metadata(place.serial_log()).unwrap().len(), 16 << 20, "not longer than it may be");
            fs::write(place.serial_log(), format!("{text}{}{more}", line(1 << 20))).unwrap();
            place.shorten_serial_log().unwrap();
            let left = fs::read_to_string(place.serial_log()).unwrap();
            let lines: Vec<_> = left.lines().collect();
            let whole = lines.iter().filter(|line| line.len() == 15).count();
            assert_eq!((whole, left.len()), (kept, kept * 16 + more.len()), "{:?}", lines.first());
            assert!(left.ends_with(&format!("{}{more}", line(1 << 20))));
        }
    }

    #[test]
    fn a_log_without_lines_keeps_its_end_a_link_stays_one_and_a_pipe_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path().to_owned(), folder.path(), Path::new("/r"), &"web".into());
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, vec![b'.'; 17 << 20]).unwrap();
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&elsewhere, place.serial_log()).unwrap();
        place.shorten_serial_log().unwrap();
        let meta = fs::symlink_metadata(&elsewhere).unwrap();
        assert_eq!((meta.len(), meta.permissions().mode() & 0o777), (KEPT_OF_LOG as u64, 0o640));
        assert!(place.serial_log().is_symlink());
        fs::remove_file(place.serial_log()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, place.serial_log(), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        place.shorten_serial_log().unwrap();
    }

    #[test]
    fn a_stale_pidfile_is_no_life() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), Path::new("/r"), &"web".into());
        assert_eq!(place.alive(), None);
        fs::create_dir(&place.folder).unwrap();
        fs::write(place.pidfile(), "1\n").unwrap();
        assert_eq!(place.alive(), None);
    }
}
