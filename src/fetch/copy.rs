//! A file of this machine: its blocks shared where the file system can, its holes kept elsewhere.
use super::{ended, meter::Meter, short};
use crate::{
    domain::{Error, Progress, Result},
    transport::at,
};
use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

const PIECE: usize = 1 << 20;

/// Copies `from`, which has `total` bytes, into `to` on a thread of its own, and reports from here. `path` is that of `to`.
pub async fn copy_file(
    from: File,
    to: &File,
    path: &Path,
    total: u64,
    cancel: &CancellationToken,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<()> {
    let copied = Arc::new(AtomicU64::new(0));
    // Dropping this future ends the thread as well.
    let stop = cancel.child_token();
    let _guard = stop.clone().drop_guard();
    let mut thread = JoinSet::new();
    let to = to.try_clone().map_err(at(path))?;
    thread.spawn_blocking({
        let (copied, path) = (Arc::clone(&copied), path.to_owned());
        move || copy_all(&from, &to, &path, total, &copied, &stop)
    });
    let mut meter = Meter::start(0, Some(total));
    progress(meter.report());
    let watch = async {
        loop {
            sleep(Duration::from_millis(100)).await;
            if let Some(report) = meter.set(copied.load(Ordering::Relaxed)) {
                progress(report);
            }
        }
    };
    tokio::select! {
        done = ended(thread) => done,
        () = watch => Err(Error::refused("the copy was not waited for")),
    }
}

fn copy_all(
    from: &File,
    to: &File,
    path: &Path,
    total: u64,
    copied: &AtomicU64,
    stop: &CancellationToken,
) -> Result<()> {
    if share_blocks(from, to) {
        return Ok(());
    }
    let mut buffer = vec![0; PIECE];
    let mut place = 0;
    while place < total {
        let (begin, end) = next_extent(from, place, total).unwrap_or((total, total));
        place = begin;
        while place < end {
            if stop.is_cancelled() {
                return Err(Error::new(crate::domain::ErrorKind::Cancelled, "cancelled"));
            }
            let most = usize::try_from(end - place).unwrap_or(PIECE).min(PIECE);
            let piece = buffer.get_mut(..most).unwrap_or_default();
            let read = from.read_at(piece, place)?;
            if read == 0 {
                return Err(short(place, total));
            }
            to.write_all_at(piece.get(..read).unwrap_or_default(), place).map_err(at(path))?;
            place += read as u64;
            copied.store(place, Ordering::Relaxed);
        }
    }
    to.set_len(total).map_err(at(path))
}

#[cfg(target_os = "linux")]
fn share_blocks(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn share_blocks(_from: &File, _to: &File) -> bool {
    false
}

/// Where the next bytes at or after `at` stand that are not a hole; None: there are no more.
fn next_extent(file: &File, at: u64, total: u64) -> Option<(u64, u64)> {
    match seek(file, SeekFrom::Data(at)) {
        Ok(begin) => Some((begin, seek(file, SeekFrom::Hole(begin)).unwrap_or(total).min(total))),
        Err(Errno::NXIO) => None,
        // This file system does not tell: all of it is copied.
        Err(_) => Some((at, total)),
    }
}
