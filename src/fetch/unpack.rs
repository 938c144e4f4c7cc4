//! A packed image becomes the image: once all of it has come and was checked, into a file of its own.
use super::{
    ended,
    packed::{broken, reader},
    part::NOFOLLOW,
};
use crate::{
    domain::{ByteSize, Error, ErrorKind, Progress, Result},
    transport::{at, free_space},
};
use std::{
    fs::{File, OpenOptions},
    io::{BufReader, Read, Seek, SeekFrom},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

/// What unpacking leaves free on the storage: a small file may hold a very large one.
const RESERVE: u64 = 64 << 20;
/// How many bytes are read and written at a time: a block of zeros of that size becomes a hole.
const PIECE: usize = 1 << 16;
/// How many bytes are written between two looks at the room that is left.
const STRIDE: u64 = 16 << 20;
/// No image is larger than this, in bytes: QEMU takes no larger disk.
const LARGEST: u64 = 1 << 50;

/// The hidden file that an image is unpacked into.
pub(super) fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.unpacked"))
}

/// Where it stands.
#[derive(Debug, Default)]
struct Count {
    read: AtomicU64,
    written: AtomicU64,
}

/// Unpacks `from`, which has `total` bytes, on a thread of its own, and tells of it from here once a second. The file
/// is on the disk then, without its name.
pub(super) async fn unpack(
    from: File,
    total: u64,
    to: PathBuf,
    stop: &CancellationToken,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<File> {
    let count = Arc::new(Count::default());
    // Dropping this future ends the thread as well.
    let stop = stop.child_token();
    let _guard = stop.clone().drop_guard();
    let mut thread = JoinSet::new();
    thread.spawn_blocking({
        let count = Arc::clone(&count);
        move || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true).custom_flags(NOFOLLOW);
            let file = options.open(&to).map_err(at(&to))?;
            let room = || to.parent().and_then(|folder| free_space(folder).ok());
            let done = unpack_all(from, &file, &to, &count, &stop, room);
            if done.is_err() {
                let _ = std::fs::remove_file(&to);
            }
            done.map(|()| file)
        }
    });
    let tell = async {
        loop {
            let (read, written) = (count.read.load(Ordering::Relaxed), count.written.load(Ordering::Relaxed));
            let percent = read.saturating_mul(100).checked_div(total).unwrap_or(0).min(99);
            progress(Progress::note(format!("unpacking {percent} %, {} so far", ByteSize(written))));
            sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        file = ended(thread) => file,
        () = tell => Err(Error::refused("the unpacking was not waited for")),
    }
}

/// Reads, and counts what was read.
struct Counted(File, Arc<Count>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// All of it; blocks of zeros become holes.
fn unpack_all(
    mut from: File,
    to: &File,
    path: &Path,
    count: &Arc<Count>,
    stop: &CancellationToken,
    room: impl Fn() -> Option<ByteSize>,
) -> Result<()> {
    from.seek(SeekFrom::Start(0)).map_err(at(path))?;
    let mut from = reader(BufReader::with_capacity(PIECE, Counted(from, Arc::clone(count))))?;
    let mut buffer = vec![0; PIECE];
    let (mut offset, mut unlooked) = (0, STRIDE);
    loop {
        if stop.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        let filled = fill(&mut *from, &mut buffer)?;
        let piece = buffer.get(..filled).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        if piece.iter().any(|byte| *byte != 0) {
            unlooked += filled as u64;
            if unlooked >= STRIDE {
                unlooked = 0;
                let left = room().filter(|left| left.0 < RESERVE + STRIDE);
                if let Some(left) = left {
                    let so_far = ByteSize(offset);
                    return Err(Error::refused(format_args!(
                        "it is larger than there is room for: {so_far} of it are unpacked, and {left} are left"
                    )));
                }
            }
            to.write_all_at(piece, offset).map_err(at(path))?;
        }
        offset += filled as u64;
        if offset > LARGEST {
            return Err(Error::refused(format_args!(
                "it unpacks to more than {}: no image is so large",
                ByteSize(LARGEST)
            )));
        }
        count.written.store(offset, Ordering::Relaxed);
    }
    if offset == 0 {
        return Err(Error::refused("what came is packed, and there is nothing in it"));
    }
    to.set_len(offset).and_then(|()| to.sync_all()).map_err(at(path))
}

/// As much as there is, up to the whole buffer.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::real_size;

    fn unpacked(bytes: &[u8], room: Option<u64>) -> (Result<()>, File) {
        let mut from = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut from, bytes).unwrap();
        let to = tempfile::tempfile().unwrap();
        let stop = CancellationToken::new();
        let done = unpack_all(from, &to, Path::new("x"), &Arc::default(), &stop, || room.map(ByteSize));
        (done, to)
    }

    #[test]
    fn zeros_take_no_room_and_a_small_file_does_not_fill_the_storage() {
        let packed = include_bytes!("../../tests/it/fetch/packed/image.zst");
        let (done, file) = unpacked(packed, None);
        done.unwrap();
        let meta = file.metadata().unwrap();
        assert_eq!(meta.len(), 1_000_010);
        assert!(real_size(&meta).0 <= 4 * PIECE as u64, "{}", real_size(&meta));
        let (done, _) = unpacked(packed, Some(RESERVE));
        assert!(done.unwrap_err().message.starts_with("it is larger than there is room for: 0 B of it"));
    }

    #[test]
    fn nothing_is_no_image() {
        // What `gzip < /dev/null` writes.
        let empty = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
        assert!(unpacked(empty, None).0.unwrap_err().message.ends_with("there is nothing in it"));
    }
}
