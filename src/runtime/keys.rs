//! What the person types: bytes of the terminal to keys.
use super::terminal::Outside;
use crate::input::Input;
use rustix::{
    event::{PollFd, PollFlags},
    io::{Errno, read, retry_on_intr},
    time::Timespec,
};
use std::{
    fs::File,
    io::{self, IsTerminal as _},
    os::fd::{AsFd as _, OwnedFd},
    time::Duration,
};
use termina::Parser;
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::sleep,
};

/// How long the rest of a key may take that is told by several bytes. What is no key by then (Alt-[ begins as an arrow key
/// does) is forgotten, so that it swallows nothing.
const REST: Duration = Duration::from_millis(100);

/// The same where an escape is all that came: mostly it is the key of that name, and on a slow line the begin of another.
const ALONE: Duration = Duration::from_millis(25);

const ESCAPE: u8 = 0x1b;

/// What a terminal puts before text that is pasted. Its rest may take as long as it likes: it must never act as keys.
const PASTE: &[u8] = b"\x1b[200~";

/// How much is read at once, in bytes.
const AT_ONCE: usize = 1024;

/// Bytes to keys.
#[derive(Default)]
struct Reader {
    parser: Parser,
    /// How what is not whole yet begins.
    begun: Vec<u8>,
}

impl Reader {
    fn take(&mut self, bytes: &[u8]) -> Vec<Input> {
        let mut inputs = Vec::new();
        for byte in bytes {
            // Where no text is pasted an escape begins anew, whatever was there before.
            if *byte == ESCAPE && !self.begun.is_empty() && self.begun != PASTE {
                inputs.extend(self.give_up());
            }
            if self.begun.len() < PASTE.len() {
                self.begun.push(*byte);
            }
            self.parser.parse(&[*byte], true);
            while let Some(event) = self.parser.pop() {
                inputs.extend(Input::from_event(event));
                self.begun.clear();
            }
        }
        inputs
    }

    /// How long what has begun may take until it is whole. None: nothing has, or it may take as long as it likes.
    fn patience(&self) -> Option<Duration> {
        match self.begun.as_slice() {
            [] => None,
            [ESCAPE] => Some(ALONE),
            [_, _, _, ..] if PASTE.starts_with(&self.begun) => None,
            _ => Some(REST),
        }
    }

    /// What it is where nothing follows.
    fn give_up(&mut self) -> Option<Input> {
        let mut parser = std::mem::take(self).parser;
        parser.parse(&[], false);
        parser.pop().and_then(Input::from_event)
    }
}

/// The terminal that keys come from: standard input, where that is none the one that the program belongs to.
pub(super) fn tty() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return stdin.as_fd().try_clone_to_owned();
    }
    Ok(File::options().read(true).write(true).open("/dev/tty")?.into())
}

/// What was typed and not read yet; empty: nothing. It is read only where there is something: others share the terminal,
/// so that it cannot be told not to block. Fails where the terminal is gone.
fn typed<'a>(tty: &OwnedFd, bytes: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let mut asked = [PollFd::new(tty, PollFlags::IN)];
    retry_on_intr(|| rustix::event::poll(&mut asked, Some(&Timespec::default())))?;
    let [told] = asked.map(|tty| tty.revents());
    if told.intersects(PollFlags::HUP | PollFlags::ERR) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if !told.contains(PollFlags::IN) {
        return Ok(&[]);
    }
    match read(tty, &mut *bytes) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(bytes.get(..count).unwrap_or_default()),
        Err(Errno::INTR | Errno::AGAIN) => Ok(&[]),
        Err(why) => Err(why.into()),
    }
}

/// Passes on what the person does, until nobody wants it or the terminal is gone: on this thread, since a key that had to
/// pass through another would wait for its turn there.
pub(super) async fn keys(outside: &mpsc::Sender<Outside>, is_faulty: bool) -> io::Result<()> {
    #[expect(deprecated, reason = "its successor is unsafe, and asks for what an owned descriptor promises")]
    let tty = AsyncFd::with_interest(tty()?, Interest::READABLE)?;
    let mut resized = signal(SignalKind::window_change())?;
    let (mut reader, mut bytes) = (Reader::default(), [0; AT_ONCE]);
    let mut inputs = Vec::new();
    loop {
        // What came while nobody listened is read first.
        loop {
            for input in inputs.drain(..) {
                if outside.send(Outside::Input(input)).await.is_err() {
                    return Ok(());
                }
            }
            let typed = typed(tty.get_ref(), &mut bytes)?;
            if typed.is_empty() {
                break;
            }
            assert!(!is_faulty, "rehearsed on the demo");
            inputs = reader.take(typed);
        }
        let patience = reader.patience();
        tokio::select! {
            ready = tty.readable() => ready?.clear_ready(),
            _ = resized.recv() => {
                let (columns, rows) = crossterm::terminal::size()?;
                inputs.push(Input::Resized(columns, rows));
            }
            () = sleep(patience.unwrap_or_default()), if patience.is_some() => inputs.extend(reader.give_up()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Key;

    fn key(name: &str) -> Input {
        Input::Key(name.parse::<Key>().unwrap())
    }

    fn read(reader: &mut Reader, bytes: &str) -> Vec<Input> {
        reader.take(bytes.as_bytes())
    }

    #[test]
    fn bytes_are_the_keys_that_terminals_send_for_them() {
        for (bytes, name) in [
            ("q", "q"),
            ("X", "X"),
            ("é", "é"),
            ("\r", "enter"),
            ("\t", "tab"),
            ("\x7f", "backspace"),
            ("\x03", "ctrl-c"),
            ("\x1bx", "alt-x"),
            ("\x1b[A", "up"),
            ("\x1bOB", "down"),
            ("\x1b[1;5C", "ctrl-right"),
            ("\x1b[Z", "shift-tab"),
            ("\x1b[5~", "pgup"),
            ("\x1b[6;5~", "ctrl-pgdn"),
            ("\x1b[H", "home"),
            ("\x1b[4~", "end"),
            ("\x1b[2~", "insert"),
            ("\x1b[3~", "delete"),
            ("\x1bOP", "f1"),
            ("\x1b[15~", "f5"),
            ("\x1b[24~", "f12"),
        ] {
            let mut reader = Reader::default();
            assert_eq!(read(&mut reader, bytes), [key(name)], "{bytes:?}");
            assert_eq!(reader.patience(), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_key_may_come_in_pieces_and_many_at_once() {
        let mut reader = Reader::default();
        assert_eq!(read(&mut reader, "j\x1b"), [key("j")]);
        assert_eq!(reader.patience(), Some(ALONE));
        assert_eq!(read(&mut reader, "[1;"), []);
        assert_eq!(reader.patience(), Some(REST));
        assert_eq!(read(&mut reader, "5Aq"), [key("ctrl-up"), key("q")]);
        assert_eq!(reader.patience(), None);
    }

    #[test]
    fn what_is_no_key_by_itself_is_forgotten_and_an_escape_is_one() {
        let mut reader = Reader::default();
        for (begin, key_alone) in [("\x1b[", None), ("\x1b]", None), ("\x1b[1;", None), ("\x1b", Some(key("esc")))] {
            assert_eq!(read(&mut reader, begin), [], "{begin:?}");
            assert!(reader.patience().is_some(), "{begin:?}");
            assert_eq!(reader.give_up(), key_alone, "{begin:?}");
            assert_eq!(read(&mut reader, "q"), [key("q")], "{begin:?}");
        }
        assert_eq!(read(&mut reader, "\x1b\x1b\x1b[B"), [key("esc"), key("esc"), key("down")]);
        for begun in ["\x1b[", "\x1b]x", "\x1bOM", "\u{80}"] {
            assert_eq!(read(&mut reader, &format!("{begun}\x1b[B")).last(), Some(&key("down")), "{begun:?}");
        }
    }

    #[test]
    fn pasted_text_may_take_its_time_and_is_one_piece() {
        // Keys that are none, and another that is not whole, stand before it.
        for before in ["", "\x1bOM", "\x1b[", "\x1b"] {
            for split in 3..PASTE.len() + 3 {
                let mut reader = Reader::default();
                read(&mut reader, before);
                let (begin, rest) = "\x1b[200~X y\rz\x1b[201~q".split_at(split);
                read(&mut reader, begin);
                assert_eq!(reader.patience(), None, "its rest would act as keys: {before:?} {begin:?}");
                assert_eq!(
                    read(&mut reader, rest),
                    [Input::Paste("X y\rz".to_owned()), key("q")],
                    "{before:?} {begin:?}"
                );
            }
        }
    }
}
