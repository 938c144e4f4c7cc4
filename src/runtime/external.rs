//! The terminal lent to a machine's serial console. Everything typed goes to the guest, but Ctrl-] leaves.
use crate::domain::{Error, ErrorKind, Result, clean_line};
use rustix::fs::OFlags;
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write, stdout},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixStream, unix::pipe},
    time::timeout,
};

/// Ctrl-].
const LEAVE: u8 = 0x1d;
/// How much of the log is shown before what comes now, in bytes.
const HISTORY: u64 = 65_536;
/// What a guest may have left behind: character sets, scroll regions, colours, keypad, mouse, focus reports, wrapping.
const RESET: &str = "\x1b[!p\x1b[0m\x1b(B\x0f\x1b[r\x1b[?1l\x1b>\x1b[?7h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\
    \x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[2J\x1b[H";

/// The terminal's input as bytes, through a file of its own: its reads can be given up without losing a key, and that
/// it does not block concerns nobody else. A terminal is read like a pipe.
struct Typed(pipe::Receiver);

impl Typed {
    fn open() -> io::Result<Self> {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let terminal = OpenOptions::new().read(true).custom_flags(flags).open("/dev/tty")?;
        pipe::Receiver::from_file_unchecked(terminal).map(Self)
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    /// Throws away what the terminal answers to a guest's last questions.
    async fn drain(&mut self) {
        let mut buffer = [0; 1024];
        while let Ok(Ok(1..)) = timeout(Duration::from_millis(30), self.read(&mut buffer)).await {}
    }
}

fn show(bytes: &[u8]) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(bytes)?;
    out.flush()
}

/// What a log says without what would move the cursor or ask the terminal something: colours stay.
fn harmless(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let mut chars = text.chars().peekable();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\n' => out.push_str("\r\n"),
            '\t' => out.push(c),
            '\x1b' => match chars.next() {
                Some('[') => {
                    let mut sequence = String::new();
                    while let Some(c) = chars.next_if(|c| matches!(c, ' '..='?')) {
                        sequence.push(c);
                    }
                    if chars.next_if_eq(&'m').is_some() && sequence.chars().all(|c| c.is_ascii_digit() || c == ';') {
                        out.push_str("\x1b[");
                        out.push_str(&sequence);
                        out.push('m');
                    } else {
                        let _ = chars.next_if(|c| matches!(c, '@'..='~'));
                    }
                }
                // A string for the terminal: to its end.
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(c) = chars.next_if(|c| *c != '\x07' && *c != '\n') {
                        if c == '\x1b' {
                            let _ = chars.next_if_eq(&'\\');
                            break;
                        }
                    }
                }
                _ => {}
            },
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn history(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(HISTORY)))?;
    let mut bytes = Vec::new();
    file.take(HISTORY).read_to_end(&mut bytes)?;
    Ok(harmless(&bytes))
}

/// Attaches the terminal, which is in raw mode, to the serial line behind `socket` until the person leaves or the
/// machine goes off.
pub(super) async fn serial(title: &str, socket: &Path, log: Option<&Path>) -> Result<()> {
    let mut typed = Typed::open().map_err(|why| Error::from(why).context("the terminal cannot be read"))?;
    let line = timeout(Duration::from_secs(5), UnixStream::connect(socket)).await;
    let line = line.map_err(|_| Error::new(ErrorKind::Busy, "another program is attached to this console"))?;
    let line = line.map_err(|why| Error::from(why).context("the serial console cannot be reached"))?;
    show(
        format!("{RESET}\x1b[?25h\x1b[7mSerial console of {} · Ctrl-] leaves\x1b[0m\r\n", clean_line(title)).as_bytes(),
    )?;
    if let Some(said) = log.and_then(|log| history(log).ok()) {
        show(said.as_bytes())?;
        show(b"\x1b[0m")?;
    }
    let ended = attach(&mut typed, line).await;
    typed.drain().await;
    let _ = show(RESET.as_bytes());
    ended
}

async fn attach(typed: &mut Typed, line: UnixStream) -> Result<()> {
    let (mut from_guest, mut to_guest) = line.into_split();
    let (mut said, mut keys) = (vec![0; 16_384], [0; 1024]);
    loop {
        tokio::select! {
            count = from_guest.read(&mut said) => match count {
                Ok(count @ 1..) => show(said.get(..count).unwrap_or_default())?,
                Ok(0) | Err(_) => break,
            },
            count = typed.read(&mut keys) => {
                let pressed = keys.get(..count?).unwrap_or_default();
                let leave = pressed.iter().position(|key| *key == LEAVE);
                let pressed = pressed.get(..leave.unwrap_or(pressed.len())).unwrap_or_default();
                if to_guest.write_all(pressed).await.is_err() {
                    break;
                }
                if leave.is_some() {
                    return Ok(());
                }
            }
        }
    }
    show(b"\x1b[0m\r\n\x1b[7mThe machine went off; press a key\x1b[0m")?;
    typed.read(&mut keys).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn history_keeps_its_colours_and_loses_what_acts() {
        let log = b"\x1b[2J\x1b[1;31mlogin\x1b[0m:\x1b]52;c;aGk=\x07 ok\n\x1b[6n\x1bPq\x1b\\x\x9b\x07";
        assert_eq!(super::harmless(log), "\x1b[1;31mlogin\x1b[0m: ok\r\nx\u{fffd}");
    }
}
