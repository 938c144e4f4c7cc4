//! What the kernel tells of a process.
use crate::{domain::Stamp, transport::now};
use rustix::process::Pid;
use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
};

/// Ticks a second in `/proc`: 100 on every Linux that QEMU runs on.
const TICKS: u64 = 100;

/// The fields of a `stat` file behind the name, which may hold blanks and brackets; the first is the state.
fn fields(stat: &str) -> Option<Vec<u64>> {
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split_ascii_whitespace().map(|word| word.parse().unwrap_or(0)).collect())
}

/// When a process began.
pub(super) fn started(pid: Pid) -> Option<Stamp> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let ticks = *fields(&stat)?.get(19)?;
    let uptime: f64 = fs::read_to_string("/proc/uptime").ok()?.split(' ').next()?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an uptime in milliseconds")]
    let age = ((uptime * 1000.0) as u64).saturating_sub(ticks * 1000 / TICKS);
    Some(Stamp(now().0.saturating_sub(age)))
}

/// The time that a thread has run, in nanoseconds: exact where the scheduler keeps statistics, else in steps of a tick,
/// which would make a guest that does next to nothing jump between 0 and 1 %.
pub(super) fn thread_ran(pid: Pid, thread: u64) -> Option<u64> {
    let told = |file: &str| fs::read_to_string(format!("/proc/{}/task/{thread}/{file}", pid.as_raw_nonzero())).ok();
    if let Some(exact) = told("schedstat").and_then(|text| text.split(' ').next()?.parse().ok()).filter(|ran| *ran > 0)
    {
        return Some(exact);
    }
    let stat = told("stat")?;
    let fields = fields(&stat)?;
    Some((fields.get(11)? + fields.get(12)?) * (1_000_000_000 / TICKS))
}

/// The memory that a process holds, in bytes.
pub(super) fn resident(pid: Pid) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_nonzero())).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

/// Whether a process has this very file open. False as well where the kernel does not tell.
pub(super) fn has_open(pid: Pid, file: &Metadata) -> bool {
    let is_it = |open: Metadata| (open.dev(), open.ino()) == (file.dev(), file.ino());
    let all = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).into_iter().flatten().flatten();
    all.filter_map(|entry| fs::metadata(entry.path()).ok()).any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_known_by_more_than_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk0.qcow2");
        let open = fs::File::create(&path).unwrap();
        let has = || has_open(rustix::process::getpid(), &fs::metadata(&path).unwrap());
        assert!(has());
        fs::rename(&path, folder.path().join("old")).unwrap();
        fs::copy(folder.path().join("old"), &path).unwrap();
        assert!(!has(), "a copy in its place is another file");
        fs::rename(folder.path().join("old"), &path).unwrap();
        assert!(has());
        drop(open);
        assert!(!has());
    }

    #[test]
    fn odd_names_do_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 0 0 20 0 1 0 99";
        assert_eq!(fields(stat).unwrap()[11..13], [11, 12]);
        assert_eq!(fields(stat).unwrap()[19], 99);
    }

    #[test]
    fn we_have_begun_and_use_memory() {
        let me = rustix::process::getpid();
        let age = now().since(started(me).unwrap());
        assert!(age.as_secs() < 3600, "{age:?}");
        assert!(resident(me).unwrap() > 1 << 20);
        assert!(thread_ran(me, u64::try_from(me.as_raw_nonzero().get()).unwrap()).is_some());
    }
}
