//! Asked on the terminal of a command. A secret is not shown while it is typed.
use crate::{
    domain::{Error, ErrorKind, Result},
    runtime::external::terminal,
};
use rustix::{
    fs::OFlags,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};
use std::{
    fs::File,
    io::{self, Write},
};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    signal::unix::{SignalKind, signal},
};

/// The longest secret, in bytes.
const LONGEST: usize = 65_536;

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    fn new() -> io::Result<Self> {
        let terminal = terminal(OFlags::RDONLY)?;
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // The line that ends is seen to end.
        hidden.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Asks for one line.
///
/// # Errors
/// Ctrl-C or a signal that ends programs; Ctrl-D at the beginning of the line; no terminal that can be read.
pub(super) async fn secret(what: &str, to: &mut dyn Write) -> Result<String> {
    let unread = |why: io::Error| Error::from(why).context("the terminal cannot be read");
    let hidden = Hidden::new().map_err(unread)?;
    let listen = |kind| signal(kind).map_err(unread);
    let mut interrupts = listen(SignalKind::interrupt())?;
    let mut ends = listen(SignalKind::terminate())?;
    let mut hangups = listen(SignalKind::hangup())?;
    let _ = write!(to, "{what}: ").and_then(|()| to.flush());
    let typed = tokio::select! {
        typed = line() => Some(typed),
        _ = interrupts.recv() => None,
        _ = ends.recv() => None,
        _ = hangups.recv() => None,
    };
    drop(hidden);
    match typed {
        Some(Ok(Some(typed))) => Ok(typed),
        Some(Err(why)) => Err(unread(why)),
        ended => {
            // What is told next begins a line of its own.
            let _ = writeln!(to);
            Err(match ended {
                None => Error::new(ErrorKind::Cancelled, "interrupted: nothing was sent"),
                _ => Error::new(ErrorKind::NeedsAnswer, "no answer was given"),
            })
        }
    }
}

/// What is answered to a question that stands there already; None: Ctrl-D. `kept`: what an interruption leaves as
/// it was.
///
/// # Errors
/// Ctrl-C, which no longer ends the program by itself once a command has listened to it; no terminal that can be read.
pub(in crate::runtime) async fn answer(to: &mut dyn Write, kept: &str) -> Result<Option<String>> {
    let unread = |why: io::Error| Error::from(why).context("the terminal cannot be read");
    let mut interrupts = signal(SignalKind::interrupt()).map_err(unread)?;
    tokio::select! {
        typed = line() => typed.map_err(unread),
        _ = interrupts.recv() => {
            let _ = writeln!(to);
            Err(Error::new(ErrorKind::Cancelled, format_args!("interrupted: {kept}")))
        }
    }
}

/// What is typed until Enter; None: nothing will be.
async fn line() -> io::Result<Option<String>> {
    let mut input = pipe::Receiver::from_file_unchecked(terminal(OFlags::RDONLY)?)?;
    let mut typed = Vec::new();
    while !typed.ends_with(b"\n") && typed.len() < LONGEST {
        if input.read_buf(&mut typed).await? == 0 {
            break;
        }
    }
    Ok((!typed.is_empty()).then(|| String::from_utf8_lossy(&typed).into_owned()))
}
