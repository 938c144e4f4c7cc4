//! A file of this machine: its blocks shared where the file system can, its holes kept elsewhere.
use super::{ended, meter::Meter, part::Part, short};
use crate::domain::{Error, Progress, Result};
use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

const PIECE: usize = 1 << 20;

/// Copies `from` into `part` on a thread of its own, and reports from here.
pub(super) async fn copy(
    from: File,
    part: Part,
    total: u64,
    cancel: &CancellationToken,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<Part> {
    let copied = Arc::new(AtomicU64::new(0));
    // Dropping this future ends the thread as well.
    let stop = cancel.child_token();
    let _guard = stop.clone().drop_guard();
    let mut thread = JoinSet::new();
    thread.spawn_blocking({
        let copied = Arc::clone(&copied);
        move || copy_all(&from, &part, total, &copied, &stop).map(|()| part)
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
        part = ended(thread) => part,
        () = watch => Err(Error::refused("the copy was not waited for")),
    }
}

fn copy_all(from: &File, part: &Part, total: u64, copied: &AtomicU64, stop: &CancellationToken) -> Result<()> {
    if share_blocks(from, part.file()) {
        return Ok(());
    }
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while at < total {
        let (begin, end) = next_extent(from, at, total).unwrap_or((total, total));
        at = begin;
        while at < end {
            if stop.is_cancelled() {
                return Err(Error::new(crate::domain::ErrorKind::Cancelled, "cancelled"));
            }
            let most = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
            let piece = buffer.get_mut(..most).unwrap_or_default();
            let read = from.read_at(piece, at)?;
            if read == 0 {
                return Err(short(at, total));
            }
            part.file().write_all_at(piece.get(..read).unwrap_or_default(), at).map_err(|e| part.error(e))?;
            at += read as u64;
            copied.store(at, Ordering::Relaxed);
        }
    }
    part.file().set_len(total).map_err(|e| part.error(e))
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
