//! The serial console of a machine, full screen, until the person detaches.
use super::console_filter::Filter;
use crate::domain::{Error, ErrorKind, Result, clean};
use std::{
    fs::{File, TryLockError},
    io::{self, SeekFrom},
    path::Path,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt},
    net::UnixStream,
    time::sleep,
};

/// Ctrl-]: what telnet and virsh detach with.
const DETACH: u8 = 0x1d;
/// As much of the log as is shown on entry, in bytes.
const HISTORY: u64 = 64 * 1024;
/// How often a console that another vmdeck holds is asked for again.
const CLAIM_STEP: Duration = Duration::from_millis(200);

/// Colours, scroll region, cursor, mouse, paste and key modes: a guest may have left any of them.
pub(super) const RESET: &str = "\x1b[!p\x1b[0m\x1b(B\x0f\x1b[r\x1b[?1l\x1b>\x1b[?7h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\
    \x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?25h\x1b[2J\x1b[H";

/// How the console was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The person pressed Ctrl-].
    Detached,
    /// The machine went off, and the person has seen it.
    WentOff,
    /// The terminal is gone.
    Closed,
}

/// Shows what was said before, then carries bytes both ways. `input` and `output` are a terminal in raw mode; what the
/// guest does to its modes is undone at the end.
pub async fn attach<R, W>(
    name: &str,
    socket: &Path,
    history: Option<&Path>,
    mut input: R,
    mut output: W,
) -> Result<Left>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let title = clean(name, 60);
    let entry = format!("\x1b[?25h\x1b[H\x1b[2J\x1b[7m Serial console of {title} · Ctrl-] leaves \x1b[0m\r\n");
    output.write_all(entry.as_bytes()).await?;
    if let Some(path) = history {
        let told = tail(path).await.unwrap_or_default();
        output.write_all(&Filter::history().pass(&told)).await?;
    }
    output.flush().await?;
    let left = converse(&title, socket, &mut input, &mut output).await;
    output.write_all(RESET.as_bytes()).await?;
    output.flush().await?;
    left
}

/// The end of a log, from a line's begin on.
async fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = tokio::fs::File::open(path).await?;
    let size = file.seek(SeekFrom::End(0)).await?;
    let from = size.saturating_sub(HISTORY);
    file.seek(SeekFrom::Start(from)).await?;
    let mut told = Vec::new();
    file.take(HISTORY).read_to_end(&mut told).await?;
    let first_line = told.iter().position(|b| *b == b'\n').filter(|_| from > 0).map_or(0, |at| at + 1);
    Ok(told.split_off(first_line))
}

async fn converse<R, W>(title: &str, socket: &Path, input: &mut R, output: &mut W) -> Result<Left>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Some(_claim) = claim(title, socket, input, output).await? else { return Ok(Left::Detached) };
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|error| {
        Error::new(ErrorKind::Unreachable, format_args!("the serial console of {title} does not answer: {error}"))
    })?;
    let (mut from_guest, mut to_guest) = stream.into_split();
    let mut filter = Filter::live();
    let (mut typed, mut told) = ([0; 1024], vec![0; 16 * 1024]);
    loop {
        tokio::select! {
            read = input.read(&mut typed) => {
                let keys = typed.get(..read?).unwrap_or_default();
                if keys.is_empty() {
                    return Ok(Left::Closed);
                }
                let (keys, detach) = match keys.iter().position(|b| *b == DETACH) {
                    Some(at) => (keys.get(..at).unwrap_or_default(), true),
                    None => (keys, false),
                };
                // A guest that went off between two keys shows as the end of what it says.
                let _ = to_guest.write_all(keys).await;
                if detach {
                    return Ok(Left::Detached);
                }
            }
            read = from_guest.read(&mut told) => {
                let Ok(count @ 1..) = read else { break };
                output.write_all(&filter.pass(told.get(..count).unwrap_or_default())).await?;
                output.flush().await?;
            }
        }
    }
    let farewell = format!("\x1b[0m\r\n\x1b[7m {title} went off · any key returns \x1b[0m");
    output.write_all(farewell.as_bytes()).await?;
    output.flush().await?;
    Ok(match input.read(&mut typed).await? {
        0 => Left::Closed,
        _ => Left::WentOff,
    })
}

/// The right to the serial line, which has room for one: held by a lock beside the socket. None: the person gave up.
async fn claim<R, W>(title: &str, socket: &Path, input: &mut R, output: &mut W) -> Result<Option<File>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let path = socket.with_extension("claim");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| Error::from(error).context(path.display()))?;
    let mut told = false;
    let mut typed = [0; 64];
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(Error::from(error).context(path.display())),
            Err(TryLockError::WouldBlock) => {}
        }
        if !told {
            told = true;
            let wait = format!("Another vmdeck is attached to the console of {title}: waiting until it leaves.\r\n");
            output.write_all(wait.as_bytes()).await?;
            output.flush().await?;
        }
        tokio::select! {
            read = input.read(&mut typed) => {
                let keys = typed.get(..read?).unwrap_or_default();
                if keys.is_empty() || keys.contains(&DETACH) {
                    return Ok(None);
                }
            }
            () = sleep(CLAIM_STEP) => {}
        }
    }
}
